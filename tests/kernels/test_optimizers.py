"""Update rules as kernels: rows and whole arrays, threads and one, vector code, repeated rows summed."""
import inspect
import platform
import re

import numba
import numpy as np
import pytest
from numbaflow.kernels import jit, optimizers
from numbaflow.kernels.jit import PARALLEL_WORK

UPDATES = [name for name, value in vars(optimizers).items() if isinstance(value, optimizers.Update)]


def counts(name):
    """How many slots and constants a rule has."""
    arguments = list(inspect.signature(getattr(optimizers, name + "_rule")).parameters)
    return arguments.index("g") - 1, len(arguments) - arguments.index("g") - 1


def arrays(count, n):
    rng = np.random.default_rng(0)
    return [rng.uniform(0.5, 1.0, n).astype(np.float32) for _ in range(count)]


@pytest.mark.parametrize("name", UPDATES)
def test_rows_are_the_whole_rule_on_these_rows(name):
    slots, constants = counts(name)
    update, width = getattr(optimizers, name), 3
    state = arrays(slots + 1, 5 * width)
    state[0][::2] *= -1.0
    picked = [s.reshape(5, width)[[4, 1]].ravel() for s in state]
    before = [s.reshape(5, width).copy() for s in state]
    g, values = arrays(1, 2 * width)[0], [0.25 + 0.125 * k for k in range(constants)]
    update(2 * width, *picked, g, *values)
    update.rows(np.array([4, 1]), *state, g, *values)
    for found, expected, old in zip(state, picked, before, strict=True):
        found = found.reshape(5, width)
        np.testing.assert_allclose(found[[4, 1]].ravel(), expected, rtol=1e-6)
        np.testing.assert_array_equal(found[[0, 2, 3]], old[[0, 2, 3]])
    assert not np.array_equal(state[0].reshape(5, width)[4], before[0][4])


def test_threads_give_what_one_gives():
    n = PARALLEL_WORK + 7
    many, one = arrays(4, n), arrays(4, n)
    optimizers.adam(n, *many, 0.1, 0.2, 0.3, 1e-8)
    for k in range(0, n, 1000):
        m = min(1000, n - k)
        optimizers.adam(m, *[a[k:k + m] for a in one], 0.1, 0.2, 0.3, 1e-8)
    for a, b in zip(many, one, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="reads x86 assembly")
@pytest.mark.parametrize(("name", "packed"), [("momentum", "vfn?madd"), ("adam", "vsqrtps"),
                                              ("ftrl", "vdivps"), ("proximal_gradient_descent", "vdivps")])
def test_loops_are_vector_code(name, packed):
    slots, constants = counts(name)
    serial = getattr(optimizers, name)._serial
    compiled = numba.njit(**jit.OPTIONS)(serial.py_func)        # (what comes from the disk has no assembly)
    compiled(*arrays(slots + 2, 8), *[0.5] * constants, 0, 8)
    assembly, = compiled.inspect_asm().values()
    assert re.search(rf"\b{packed}\w*\s[^\n]*%[yz]mm", assembly), f"{name}: no packed {packed}"


def test_summed_rows():
    rows = np.arange(8.0).reshape(4, 2)
    numbers, sums = optimizers.summed_rows(np.array([3, 1, 3, 0], np.int32), rows, 4)
    found = dict(zip(numbers.tolist(), sums.tolist(), strict=True))
    assert found == {0: [6.0, 7.0], 1: [2.0, 3.0], 3: [4.0, 6.0]}
    numbers, sums = optimizers.summed_rows(np.array([2, 0]), rows[:2], 4)
    assert numbers.dtype == np.int64
    assert sums.tolist() == rows[:2].tolist()
    for bad in (4, -1):
        with pytest.raises(IndexError, match=rf"index {bad} at position \(1,\) is not in \[0, 4\)"):
            optimizers.summed_rows(np.array([0, bad]), rows[:2], 4)
    with pytest.raises(TypeError, match="indices must be integers"):
        optimizers.summed_rows(np.array([0.0]), rows[:1], 4)
