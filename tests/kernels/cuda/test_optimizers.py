"""Updates of parameters on the simulated device against the CPU's."""
import numpy as np
import pytest
from numbaflow.kernels import optimizers as on_host
from numbaflow.kernels.cuda import backend, optimizers

RULES = sorted(name for name, value in vars(on_host).items() if isinstance(value, on_host.Update))
CONSTANT = {"rate": 0.1, "keep": 0.9, "keep2": 0.99, "decay": 0.01, "power": 0.4, "shrinkage": 0.2,
            "l1": 0.02, "l2": 0.3, "epsilon": 1e-3, "scale": 1.25, "gain": 0.2, "gain1": 0.1, "gain2": 0.3,
            "rate_g": 0.05, "rate_m": 0.07}


def arrays(update, n, dtype=np.float32, seed=0):
    """A parameter, its slots and a gradient; slots are positive."""
    generator = np.random.default_rng(seed)
    state = [generator.standard_normal(n), *[np.abs(generator.standard_normal(n)) + 0.5
                                             for _ in range(update.states - 1)]]
    return [x.astype(dtype) for x in (*state, generator.standard_normal(n) * 0.5)]


def constants(update):
    names = update.rule.__code__.co_varnames[update.states + 1:update.rule.__code__.co_argcount]
    return [CONSTANT[name] for name in names]


def given(x):
    return backend.current().from_host(x)


def same(found, wanted):
    found = backend.current().to_host(found)
    assert found.dtype == wanted.dtype
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", RULES)
def test_a_rule_changes_what_the_cpu_changes(name):
    update, other = getattr(optimizers, name), getattr(on_host, name)
    state = arrays(update, 2 * optimizers.CHUNK // 3)
    found = [given(x) for x in state]
    update(found[0].size, *found, *constants(update))
    other(state[0].size, *state, *constants(update))
    for f, w in zip(found, state, strict=True):
        same(f, w)


@pytest.mark.parametrize("count", [0, 1, 3, 9])
def test_many_parameters_change_in_few_launches(count, monkeypatch):
    update, sizes = optimizers.adam, [3, 0, optimizers.CHUNK, 2 * optimizers.CHUNK + 1, 1, 70, 5, 6, 2]
    groups = [arrays(update, sizes[k], np.float64 if k == 4 else np.float32, k) for k in range(count)]
    found, launches = [[given(x) for x in group] for group in groups], []
    launch = backend.current().launch
    monkeypatch.setattr(backend.current(), "launch", lambda *args: launches.append(launch(*args)))
    optimizers.update_many(on_host.adam, found, constants(update))
    assert len(launches) == {0: 0, 1: 1, 3: 1, 9: 2}[count]
    for group, f in zip(groups, found, strict=True):
        on_host.adam(group[0].size, *group, *constants(update))
        for x, y in zip(f, group, strict=True):
            same(x, y)


@pytest.mark.parametrize("name", ["momentum", "ftrl"])
def test_rows_with_a_gradient_change(name):
    update, other = getattr(optimizers, name), getattr(on_host, name)
    *state, _ = arrays(update, 5 * 3)
    g, numbers = arrays(update, 2 * 3, seed=1)[-1], np.array([3, 0])
    found = [given(x) for x in state]
    update.rows(given(np.array([3, -1, 0])), *found, given(np.insert(g, 3, [7, 7, 7])), *constants(update))
    other.rows(numbers, *state, g, *constants(update))
    for f, w in zip(found, state, strict=True):
        same(f, w)


@pytest.mark.parametrize("indices", [[], [2], [4, 1, 4, 0, 4, 1], [[3, 3], [-1, 9]]])
@pytest.mark.parametrize("shape", [(), (3,), (2, 2)])
def test_rows_of_equal_numbers_are_added(indices, shape):
    indices = np.array(indices, np.int32)
    flat = indices.reshape(-1)
    rows = np.random.default_rng(0).standard_normal((flat.size, *shape))
    numbers, sums = optimizers.summed_rows(given(indices), given(rows), 5)
    wanted = np.zeros((5, *shape))
    inside = (flat >= 0) & (flat < 5)
    np.add.at(wanted, flat[inside], rows[inside])
    kept = backend.current().to_host(numbers)
    assert sorted(kept[kept >= 0]) == sorted(set(flat[inside].tolist()))
    same(optimizers.filled_rows(numbers, sums, 5), wanted)


@pytest.mark.parametrize("others", [False, True])
def test_rows_are_scaled(others):
    x, numbers = np.arange(1.0, 13.0, dtype=np.float32).reshape(4, 3), np.array([2, -1, 0])
    found = given(x)
    optimizers.scale_rows(found, given(numbers), 0.5, others)
    x[[1, 3] if others else [0, 2]] *= np.float32(0.5)
    same(found, x)


@pytest.mark.ptx
@pytest.mark.parametrize("name", RULES)
def test_rules_stay_in_registers(name):
    update = getattr(optimizers, name)
    with backend.using(backend.Compiler()) as compiler:
        group = [compiler.empty((6,), np.float32) for _ in range(update.states + 1)]
        update.many([group], constants(update))
        update.many([group] * 3, constants(update))
        update.rows(compiler.empty((2,), np.int64), *group, *constants(update))
        assert len(compiler.compiled) == 3 * len(compiler.capabilities)
        assert all(code.resources.local == 0 for code in compiler.compiled.values())
