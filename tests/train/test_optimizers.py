"""Optimizers: every rule against NumPy over several steps; slots, errors, sparse gradients, global step."""
import gc
import importlib
import weakref

import numpy as np
import pytest

import numbaflow as nf
from numbaflow import train
from numbaflow.core.errors import InvalidArgumentError
from numbaflow.core.indexed_slices import IndexedSlices
from numbaflow.core.variable import Variable


# ---- the rules in NumPy: (p, slots, g, t) -> p, slots changed
def descent(p, slots, g, t, rate=0.1):
    return p - rate * g


def momentum(p, slots, g, t, rate=0.1, keep=0.8):
    slots["momentum"] = keep * slots.get("momentum", 0.0) + g
    return p - rate * slots["momentum"]


def nesterov(p, slots, g, t, rate=0.1, keep=0.8):
    slots["momentum"] = keep * slots.get("momentum", 0.0) + g
    return p - rate * g - rate * keep * slots["momentum"]


def adagrad(p, slots, g, t, rate=0.1):
    slots["accumulator"] = slots.get("accumulator", 0.1) + g**2
    return p - rate * g / np.sqrt(slots["accumulator"])


def adam(p, slots, g, t, rate=0.1, beta1=0.8, beta2=0.9, epsilon=1e-8):
    slots["m"] = beta1 * slots.get("m", 0.0) + (1 - beta1) * g
    slots["v"] = beta2 * slots.get("v", 0.0) + (1 - beta2) * g**2
    step = rate * np.sqrt(1 - beta2**t) / (1 - beta1**t)
    return p - step * slots["m"] / (np.sqrt(slots["v"]) + epsilon)


def rmsprop(p, slots, g, t, rate=0.1, decay=0.7, keep=0.6, epsilon=1e-3, centered=False):
    slots["rms"] = decay * slots.get("rms", 1.0) + (1 - decay) * g**2
    spread = slots["rms"]
    if centered:
        slots["mg"] = decay * slots.get("mg", 0.0) + (1 - decay) * g
        spread = spread - slots["mg"]**2
    slots["momentum"] = keep * slots.get("momentum", 0.0) + rate * g / np.sqrt(spread + epsilon)
    return p - slots["momentum"]


def centered(*args):
    return rmsprop(*args, centered=True)


def adadelta(p, slots, g, t, rate=0.5, rho=0.8, epsilon=1e-3):
    slots["accum"] = rho * slots.get("accum", 0.0) + (1 - rho) * g**2
    before = slots.get("accum_update", 0.0)
    step = g * np.sqrt(before + epsilon) / np.sqrt(slots["accum"] + epsilon)
    slots["accum_update"] = rho * before + (1 - rho) * step**2
    return p - rate * step


def shrunk(x, l1, l2):
    return np.sign(x) * np.maximum(np.abs(x) - l1, 0) / (1 + l2)


def proximal_descent(p, slots, g, t, rate=0.1, l1=0.5, l2=0.25):
    return shrunk(p - rate * g, rate * l1, rate * l2)


def proximal_adagrad(p, slots, g, t, rate=0.1, l1=0.5, l2=0.25):
    slots["accumulator"] = slots.get("accumulator", 0.2) + g**2
    rate = rate / np.sqrt(slots["accumulator"])
    return shrunk(p - rate * g, rate * l1, rate * l2)


def adagrad_da(p, slots, g, t, rate=0.3, l1=0.1, l2=0.05):
    # the global step stays where it is in these tests: T is 1
    s = slots["gradient_accumulator"] = slots.get("gradient_accumulator", 0.0) + g
    a = slots["gradient_squared_accumulator"] = slots.get("gradient_squared_accumulator", 0.1) + g**2
    return -rate * np.sign(s) * np.maximum(np.abs(s) - l1, 0) / (l2 * rate + np.sqrt(a))


def ftrl(p, slots, g, t, rate=0.3, power=-0.5, l1=0.2, l2=0.1, shrinkage=0.05):
    before = slots.get("accum", 0.1)
    slots["accum"] = before + g**2
    sigma = (slots["accum"]**-power - before**-power) / rate
    z = slots["linear"] = slots.get("linear", 0.0) + g + 2 * shrinkage * p - sigma * p
    found = (np.sign(z) * l1 - z) / (slots["accum"]**-power / rate + 2 * l2)
    return np.where(np.abs(z) > l1, found, 0.0)


def ftrl_power(*args):
    return ftrl(*args, power=-0.8)


def adamw(p, slots, g, t, decay=0.05):
    return adam(p - decay * p, slots, g, t)


def make_ftrl(power):
    return train.FtrlOptimizer(0.3, power, 0.1, 0.2, 0.1, l2_shrinkage_regularization_strength=0.05)


RULES = {
    "adadelta": (adadelta, lambda: train.AdadeltaOptimizer(0.5, 0.8, 1e-3)),
    "proximal descent": (proximal_descent, lambda: train.ProximalGradientDescentOptimizer(0.1, 0.5, 0.25)),
    "proximal adagrad": (proximal_adagrad, lambda: train.ProximalAdagradOptimizer(0.1, 0.2, 0.5, 0.25)),
    "adagrad da": (adagrad_da, lambda: train.AdagradDAOptimizer(0.3, Variable(0), 0.1, 0.1, 0.05)),
    "ftrl": (ftrl, lambda: make_ftrl(-0.5)),
    "ftrl power": (ftrl_power, lambda: make_ftrl(-0.8)),
    "adamw": (adamw, lambda: train.AdamWOptimizer(0.05, 0.1, 0.8, 0.9)),
    "descent": (descent, lambda: train.GradientDescentOptimizer(0.1)),
    "momentum": (momentum, lambda: train.MomentumOptimizer(0.1, 0.8)),
    "nesterov": (nesterov, lambda: train.MomentumOptimizer(0.1, 0.8, use_nesterov=True)),
    "adagrad": (adagrad, lambda: train.AdagradOptimizer(0.1)),
    "adam": (adam, lambda: train.AdamOptimizer(0.1, 0.8, 0.9)),
    "rmsprop": (rmsprop, lambda: train.RMSPropOptimizer(0.1, 0.7, 0.6, 1e-3)),
    "centered": (centered, lambda: train.RMSPropOptimizer(0.1, 0.7, 0.6, 1e-3, centered=True)),
}
SHAPES = [(), (7,), (3, 5), (300, 256)]
LOCAL = [name for name in RULES if name not in ("adam", "adamw")]


@pytest.fixture(params=RULES)
def rule(request):
    return RULES[request.param]


@pytest.fixture
def steps(monkeypatch):
    # (the package's attribute of that name is the function)
    monkeypatch.setattr(importlib.import_module("numbaflow.train.global_step"), "_steps", {})


def tolerance(dtype):
    return {"rtol": 2e-5, "atol": 2e-6} if dtype == "float32" else {"rtol": 1e-12, "atol": 1e-12}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_dense_steps_agree_with_numpy(rule, dtype):
    reference, make = rule
    rng, optimizer = np.random.default_rng(0), make()
    values = [rng.standard_normal(s).astype(dtype) for s in SHAPES]
    variables, states = [Variable(v) for v in values], [{} for _ in SHAPES]
    for t in range(1, 5):
        grads = [rng.standard_normal(s).astype(dtype) for s in SHAPES]
        optimizer.apply_gradients(zip(map(nf.constant, grads), variables, strict=True))
        values = [reference(p.astype("float64"), s, g.astype("float64"), t)
                  for p, s, g in zip(values, states, grads, strict=True)]
        for v, p, s in zip(variables, values, states, strict=True):
            np.testing.assert_allclose(v.numpy(), p, **tolerance(dtype))
            assert v.dtype == dtype
            assert optimizer.get_slot_names() == sorted(s)
            for name in s:
                np.testing.assert_allclose(optimizer.get_slot(v, name).numpy(), s[name], **tolerance(dtype))


@pytest.mark.parametrize("rule", LOCAL)
@pytest.mark.parametrize("repeated", [False, True])
def test_sparse_steps_change_the_touched_rows_only(rule, repeated):
    reference, make = RULES[rule]
    rng, optimizer = np.random.default_rng(1), make()
    rows = np.array([4, 0, 4, 4]) if repeated else np.array([4, 0, 2])
    p = rng.standard_normal((6, 3))
    v, states = Variable(p), [{} for _ in p]
    for t in range(1, 4):
        g = rng.standard_normal((rows.size, 3))
        optimizer.apply_gradients([(IndexedSlices(nf.constant(g), nf.constant(rows), (6, 3)), v)])
        for r in set(rows):
            p[r] = reference(p[r], states[r], g[rows == r].sum(0), t)
        np.testing.assert_allclose(v.numpy(), p, rtol=1e-12)


def test_every_optimizer_has_its_rule():
    made = {type(make()) for _, make in RULES.values()}
    named = {getattr(train, name) for name in train.__all__ if name.endswith("Optimizer")}
    assert made == named - {train.Optimizer}


def test_sparse_adam_is_dense_adam_of_zeros_elsewhere():
    rng, sparse, dense = np.random.default_rng(2), train.AdamOptimizer(0.1), train.AdamOptimizer(0.1)
    a, b = Variable(np.ones((5, 2), np.float32)), Variable(np.ones((5, 2), np.float32))
    for rows in ([0, 3, 0], [1, 1, 1], [4, 2, 0]):
        g, full = rng.standard_normal((3, 2)).astype(np.float32), np.zeros((5, 2), np.float32)
        np.add.at(full, rows, g)
        sparse.apply_gradients([(IndexedSlices(nf.constant(g), nf.constant(rows), (5, 2)), a)])
        dense.apply_gradients([(nf.constant(full), b)])
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-6)
    assert np.all(a.numpy()[2] != 1.0)


def test_sparse_adamw_shrinks_the_touched_rows_only():
    adam, adamw = train.AdamOptimizer(0.1), train.AdamWOptimizer(0.25, 0.1)
    a, b = Variable(np.ones((3, 2))), Variable(np.ones((3, 2)))
    for rows in ([0], [0, 1]):
        g = nf.constant(np.ones((len(rows), 2)))
        before = b.numpy()
        a.assign(b)
        a.assign(np.where(np.isin(np.arange(3), rows)[:, None], 0.75 * before, before))
        adam.apply_gradients([(IndexedSlices(g, nf.constant(rows), (3, 2)), a)])
        adamw.apply_gradients([(IndexedSlices(g, nf.constant(rows), (3, 2)), b)])
        np.testing.assert_allclose(b.numpy(), a.numpy(), rtol=1e-12)


def test_adamw_shrinks_the_variables_named_only():
    a, b, adamw = Variable(1.0), Variable(1.0), train.AdamWOptimizer(0.25, 0.0)
    zero = nf.constant(0.0)
    adamw.apply_gradients([(zero, a), (zero, b)], decay_var_list=[b])
    assert (a.numpy(), b.numpy()) == (1.0, 0.75)
    adamw.minimize(lambda: 0.0 * a * b, decay_var_list=[a])
    assert (a.numpy(), b.numpy()) == (0.75, 0.75)
    adamw.minimize(lambda: 0.0 * a * b)
    assert (a.numpy(), b.numpy()) == (0.5625, 0.5625)


def test_adagrad_da_counts_the_global_step():
    step, v = Variable(0), Variable([0.0, 0.0])
    da = train.AdagradDAOptimizer(1.0, step, 1.0, l1_regularization_strength=1.0)
    for _ in range(2):
        da.apply_gradients([(nf.constant([2.0, 0.5]), v)], global_step=step)
    # s = 4 and a = 9 against l1 * 2; s = 1 is under it
    np.testing.assert_allclose(v.numpy(), [-2.0 / 3.0, 0.0], rtol=1e-6)


@pytest.mark.parametrize("kind", [train.GradientDescentOptimizer, train.AdamOptimizer])
def test_a_gathered_table_learns_as_one_that_is_read_whole(kind):
    rows = nf.constant([2, 0, 2])
    a, b = Variable(np.ones((4, 3))), Variable(np.ones((4, 3)))
    picked = nf.one_hot(rows, 4, dtype="float64")
    sparse, dense = kind(0.5), kind(0.5)
    for _ in range(3):
        sparse.minimize(lambda: nf.reduce_sum(nf.square(nf.gather(a, rows))), var_list=[a])
        dense.minimize(lambda: nf.reduce_sum(nf.square(nf.matmul(picked, b))), var_list=[b])
    np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-12)
    assert a.numpy()[1].tolist() == [1.0, 1.0, 1.0]


def test_sparse_rows_large_enough_for_threads_and_none_at_all():
    v, optimizer = Variable(np.zeros((1000, 128), np.float32)), train.MomentumOptimizer(1.0, 0.5)
    rows = np.random.default_rng(3).permutation(1000)[:900]
    ones = nf.constant(np.ones((900, 128), np.float32))
    optimizer.apply_gradients([(IndexedSlices(ones, nf.constant(rows)), v)])
    expected = np.zeros(1000)
    expected[rows] = -1.0
    np.testing.assert_array_equal(v.numpy(), np.repeat(expected[:, None], 128, 1))
    none = IndexedSlices(nf.constant(np.zeros((0, 128), np.float32)), nf.constant(np.zeros(0, np.int64)))
    optimizer.apply_gradients([(none, v)])
    np.testing.assert_array_equal(v.numpy()[:, 0], expected)


@pytest.mark.parametrize("rows", [[0, 6], [-1, 2]])
def test_a_row_out_of_range_changes_nothing(rows):
    a, b = Variable(1.0), Variable(np.ones((6, 2), np.float32))
    slices = IndexedSlices(nf.constant(np.ones((2, 2), np.float32)), nf.constant(rows))
    with pytest.raises(InvalidArgumentError, match="not in \\[0, 6\\)"):
        train.GradientDescentOptimizer(1.0).apply_gradients([(nf.constant(1.0), a), (slices, b)])
    assert a.numpy() == 1.0
    assert np.all(b.numpy() == 1.0)


# ---- slots and variables
def test_names_of_slots_and_variables():
    v, adam = Variable([1.0], name="dense/kernel"), train.AdamOptimizer()
    adam.apply_gradients([(nf.constant([1.0]), v)])
    assert adam.get_slot(v, "m").name == "dense/kernel/Adam:0"
    assert adam.get_slot(v, "v").name == "dense/kernel/Adam_1:0"
    assert [x.name for x in adam.variables()] == ["beta1_power:0", "beta2_power:0", "dense/kernel/Adam:0",
                                                 "dense/kernel/Adam_1:0"]
    assert adam.get_slot_names() == ["m", "v"]
    assert adam.get_slot(v, "momentum") is None
    assert adam.get_slot(Variable(1.0), "m") is None
    assert adam.get_name() == "Adam"
    assert not adam.get_slot(v, "m").trainable
    assert train.AdamOptimizer(name="Mine").get_name() == "Mine"


def test_no_state_before_the_first_step():
    adam = train.AdamOptimizer()
    assert adam.variables() == []
    assert adam.get_slot_names() == []
    assert train.GradientDescentOptimizer(1.0).get_slot_names() == []


def test_slots_start_as_documented():
    v = Variable([1.0, 2.0])
    zero = nf.constant([0.0, 0.0])
    rms = train.RMSPropOptimizer(0.1, decay=1.0, centered=True)
    rms.apply_gradients([(zero, v)])
    assert rms.get_slot(v, "rms").numpy().tolist() == [1.0, 1.0]
    assert rms.get_slot_names() == ["mg", "momentum", "rms"]
    grad = train.AdagradOptimizer(0.1, initial_accumulator_value=0.5)
    grad.apply_gradients([(zero, v)])
    assert grad.get_slot(v, "accumulator").numpy().tolist() == [0.5, 0.5]


def test_beta_powers_count_steps():
    v, adam = Variable(1.0), train.AdamOptimizer(beta1=0.5, beta2=0.75)
    for _ in range(3):
        adam.apply_gradients([(nf.constant(1.0), v)])
    assert [x.numpy() for x in adam.variables()[2:]] == pytest.approx([0.5**4, 0.75**4])


def test_slots_go_with_their_variable_and_with_their_optimizer():
    adam, v = train.AdamOptimizer(), Variable(1.0)
    adam.apply_gradients([(nf.constant(1.0), v)])
    slot = weakref.ref(adam.get_slot(v, "m"))
    del v
    gc.collect()
    assert slot() is None
    assert len(adam.variables()) == 2
    v = Variable(1.0)
    adam.apply_gradients([(nf.constant(1.0), v)])
    slot = weakref.ref(adam.get_slot(v, "m"))
    del adam
    assert slot() is None


def test_what_was_read_before_a_step_does_not_change():
    v, adam = Variable([1.0, 2.0]), train.AdamOptimizer(0.5)
    before = v.value()
    adam.apply_gradients([(before, v)])                 # the gradient is the variable's own memory
    m = adam.get_slot(v, "m").value()
    kept = m.numpy()
    adam.apply_gradients([(nf.constant([1.0, 1.0]), v)])
    assert before.numpy().tolist() == [1.0, 2.0]
    assert m.numpy().tolist() == kept.tolist()
    assert v.numpy().tolist() != [1.0, 2.0]


def test_a_variable_assigned_in_another_memory_order():
    v = Variable(np.zeros((2, 3), np.float32))
    v.assign(nf.constant(np.asfortranarray(np.arange(6, dtype=np.float32).reshape(2, 3))))
    g = np.asfortranarray(np.arange(6, dtype=np.float32).reshape(2, 3))
    train.GradientDescentOptimizer(1.0).apply_gradients([(nf.constant(g), v)])
    assert not v.numpy().any()


# ---- hyper-parameters
@pytest.mark.parametrize("given", [0.5, lambda: 0.5, lambda: nf.constant(0.5), nf.constant(0.5),
                                   Variable(0.5), 1])
def test_hyper_parameters_of_any_kind(given):
    v = Variable(3.0)
    train.GradientDescentOptimizer(given).apply_gradients([(nf.constant(2.0), v)])
    assert v.numpy() == (1.0 if given == 1 and isinstance(given, int) else 2.0)


def test_hyper_parameters_are_read_at_each_step():
    rate, v = Variable(1.0), Variable(0.0)
    sgd = train.GradientDescentOptimizer(rate)
    for k in range(3):
        rate.assign(10.0**k)
        sgd.apply_gradients([(nf.constant(-1.0), v)])
    assert v.numpy() == 111.0


def test_adam_hyper_parameters_given_as_functions():
    a, b = Variable([1.0, 2.0]), Variable([1.0, 2.0])
    plain = train.AdamOptimizer(0.1, 0.8, 0.9, 1e-4)
    lazy = train.AdamOptimizer(lambda: 0.1, lambda: 0.8, lambda: 0.9, lambda: 1e-4)
    for _ in range(3):
        plain.apply_gradients([(nf.constant([0.1, 0.2]), a)])
        lazy.apply_gradients([(nf.constant([0.1, 0.2]), b)])
    assert a.numpy().tolist() == b.numpy().tolist()


# ---- minimize and compute_gradients
def test_minimize_all_variables_read(steps):
    x, y, unread = Variable(1.0), Variable(2.0), Variable(3.0)
    step = train.get_or_create_global_step()
    train.GradientDescentOptimizer(0.5).minimize(lambda: x * y, global_step=step)
    assert (x.numpy(), y.numpy(), unread.numpy(), int(step)) == (0.0, 1.5, 3.0, 1)


def test_minimize_some_variables():
    x, y = Variable(1.0), Variable(2.0)
    train.GradientDescentOptimizer(0.5).minimize(lambda: x * y, var_list=[y])
    assert (x.numpy(), y.numpy()) == (1.0, 1.5)


def test_minimize_a_variable_that_is_not_trainable_but_named():
    x = Variable(2.0, trainable=False)
    train.GradientDescentOptimizer(0.25).minimize(lambda: x * x, var_list=[x])
    assert x.numpy() == 1.0


def test_compute_gradients():
    x, y = Variable(3.0), Variable(1.0)
    sgd = train.GradientDescentOptimizer(1.0)
    pairs = sgd.compute_gradients(lambda: x * x, [x, y], grad_loss=nf.constant(2.0))
    assert pairs[0][0].numpy() == 12.0
    assert pairs[1][0] is None
    assert pairs[0][1] is x
    assert pairs[1][1] is y


def test_minimize_needs_a_function_and_a_gradient():
    x, sgd = Variable(1.0), train.GradientDescentOptimizer(1.0)
    with pytest.raises(RuntimeError, match="should be a function when eager execution"):
        sgd.minimize(nf.constant(1.0))
    with pytest.raises(ValueError, match="No gradients provided for any variable, check your graph"):
        sgd.minimize(lambda: nf.constant(1.0), var_list=[x])


# ---- apply_gradients
def test_none_gradients_are_skipped():
    x, y, adam = Variable(1.0), Variable(2.0), train.AdamOptimizer()
    adam.apply_gradients([(None, x), (nf.constant(1.0), y)])
    assert x.numpy() == 1.0
    assert adam.get_slot(x, "m") is None
    assert y.numpy() != 2.0


def test_apply_gradients_refuses():
    v, sgd = Variable([1.0, 2.0]), train.GradientDescentOptimizer(1.0)
    g = nf.constant([1.0, 1.0])
    for pairs, error, message in [
            ([], ValueError, "No variables provided."),
            ([(None, v)], ValueError, "No gradients provided for any variable: "),
            ([("a", v)], TypeError, "Gradient must be convertible to a Tensor or IndexedSlices, or None: a"),
            ([(g, nf.constant([1.0, 2.0]))], NotImplementedError, "Trying to update a Tensor "),
            ([(g, 1.0)], NotImplementedError, "Trying to optimize unsupported type "),
            ([(nf.constant([1, 1]), Variable([1, 2]))], ValueError, "Invalid type int32"),
            ([(nf.constant([1.0]), v)], InvalidArgumentError, r"shape \(1,\) for variable 'Variable:0'"),
            ([(nf.constant(1.0), v)], InvalidArgumentError, r"shape \(\)"),
            ([(nf.constant([1.0, 1.0], "float64"), v)], InvalidArgumentError, "float64 gradient"),
            ([(IndexedSlices(g, nf.constant([0, 1])), Variable(1.0))], InvalidArgumentError, "no rows"),
            ([(IndexedSlices(g, nf.constant([0])), v)], InvalidArgumentError, "shape")]:
        with pytest.raises(error, match=message):
            sgd.apply_gradients(pairs)
    sgd.apply_gradients([(g, v)])
    with pytest.raises(InvalidArgumentError, match="shape"):     # of a variable met before, too
        sgd.apply_gradients([(nf.constant([1.0]), v)])
    assert v.numpy().tolist() == [0.0, 1.0]


def test_gradients_may_be_arrays_numbers_and_zipped():
    v, w = Variable([1.0, 2.0]), Variable(np.float64(1.0))
    sgd = train.GradientDescentOptimizer(1.0)
    for _ in range(2):
        sgd.apply_gradients(zip([np.ones(2, np.float32), 1.0], [v, w], strict=True))
    assert v.numpy().tolist() == [-1.0, 0.0]
    assert w.numpy() == -1.0


def test_constraints_follow_the_update():
    v = Variable([1.0, -1.0], constraint=lambda x: nf.constant(np.maximum(x.numpy(), 0.0)))
    sgd = train.GradientDescentOptimizer(2.0)
    sgd.apply_gradients([(nf.constant([1.0, -1.0]), v)])
    assert v.numpy().tolist() == [0.0, 1.0]
    with pytest.raises(RuntimeError, match="Cannot use a constraint function on a sparse variable"):
        sgd.apply_gradients([(IndexedSlices(nf.constant([1.0]), nf.constant([0])), v)])


def test_constructors_refuse():
    with pytest.raises(ValueError, match="Must specify the optimizer name"):
        train.GradientDescentOptimizer(1.0, name="")
    with pytest.raises(ValueError, match=r"initial_accumulator_value must be positive: 0\.0"):
        train.AdagradOptimizer(1.0, 0.0)
    with pytest.raises(ValueError, match=r"initial_accumulator_value must be positive: 0\.0"):
        train.ProximalAdagradOptimizer(1.0, 0.0)
    with pytest.raises(ValueError, match="initial_gradient_squared_accumulator_value must be positive"):
        train.AdagradDAOptimizer(1.0, Variable(0), 0.0)
    for kwargs, message in [({"initial_accumulator_value": -1.0}, "initial_accumulator_value -1.0 needs"),
                            ({"learning_rate_power": 0.5}, "learning_rate_power 0.5 needs"),
                            ({"l1_regularization_strength": -1.0}, "l1_regularization_strength -1.0 needs"),
                            ({"l2_regularization_strength": -1.0}, "l2_regularization_strength -1.0 needs"),
                            ({"l2_shrinkage_regularization_strength": -1.0}, "l2_shrinkage_.* needs")]:
        with pytest.raises(ValueError, match=message):
            train.FtrlOptimizer(1.0, **kwargs)


def test_slots_of_ftrl_may_be_named():
    v, named = Variable([1.0], name="w"), train.FtrlOptimizer(0.1, accum_name="a", linear_name="b")
    plain = train.FtrlOptimizer(0.1)
    for ftrl in (named, plain):
        ftrl.apply_gradients([(nf.constant([1.0]), v)])
    assert [x.name for x in named.variables()] == ["w/a:0", "w/b:0"]
    assert [x.name for x in plain.variables()] == ["w/Ftrl:0", "w/Ftrl_1:0"]


def test_nan_and_inf_flow():
    v = Variable([1.0, 1.0, 1.0])
    train.AdamOptimizer(1.0).apply_gradients([(nf.constant([np.nan, np.inf, 0.0]), v)])
    assert np.isnan(v.numpy()).tolist() == [True, True, False]


@pytest.mark.parametrize("size", [1, 64])
def test_a_gradient_whose_square_overflows_takes_no_step(size):
    for make in (train.AdagradOptimizer, train.RMSPropOptimizer):
        v = Variable(np.ones(size, np.float32))
        make(0.1).apply_gradients([(nf.constant(np.full(size, 1e20, np.float32)), v)])
        assert v.numpy().tolist() == [1.0] * size


def test_an_empty_variable():
    v = Variable(np.zeros((0, 3), np.float32))
    train.AdamOptimizer().apply_gradients([(nf.constant(np.zeros((0, 3), np.float32)), v)])
    assert v.shape == (0, 3)


def test_an_optimizer_of_ones_own():
    class Sign(train.Optimizer):
        """v -= sign(g)"""

        def __init__(self):
            super().__init__(False, "Sign")

        def _constants(self):
            return ()

        def _apply_dense(self, g, variable, slots, constants):
            variable.assign_sub(nf.constant(np.sign(g)))
    v = Variable([1.0, 2.0])
    Sign().apply_gradients([(nf.constant([0.5, -3.0]), v)])
    assert v.numpy().tolist() == [0.0, 3.0]


# ---- the global step
def test_global_step(steps):
    assert train.get_global_step() is None
    step = train.create_global_step()
    assert (step.name, step.dtype.name, tuple(step.shape)) == ("global_step:0", "int64", ())
    assert not step.trainable
    assert train.get_or_create_global_step() is step
    assert train.get_global_step() is step
    with pytest.raises(ValueError, match='"global_step" already exists'):
        train.create_global_step()
    v = Variable(1.0)
    for _ in range(2):
        train.GradientDescentOptimizer(1.0).apply_gradients([(nf.constant(1.0), v)], global_step=step)
    assert train.global_step(None, step) == 2


def test_assert_global_step():
    train.assert_global_step(Variable(np.int64(0)))
    for bad in (3, Variable(1.0), Variable([1, 2])):
        with pytest.raises(TypeError, match='Existing "global_step"'):
            train.assert_global_step(bad)


@pytest.mark.parametrize("name", RULES)
def test_checkpoints_go_on_where_they_were(name, tmp_path):
    rng, make = np.random.default_rng(5), RULES[name][1]
    grads = [nf.constant(g) for g in rng.standard_normal((6, 3))]
    v, optimizer = Variable(np.ones(3)), make()
    for g in grads[:3]:
        optimizer.apply_gradients([(g, v)])
    path = train.Checkpoint(v=v, optimizer=optimizer).save(str(tmp_path / "c"))
    w, fresh = Variable(np.zeros(3)), make()
    status = train.Checkpoint(v=w, optimizer=fresh).restore(path)
    for g in grads[3:]:
        optimizer.apply_gradients([(g, v)])
        fresh.apply_gradients([(g, w)])
    status.assert_consumed()
    assert v.numpy().tolist() == w.numpy().tolist()


def test_names_of_slots_stand_outside_name_scopes():
    with nf.name_scope("outer"):
        v, adam = Variable([1.0], name="w"), train.AdamOptimizer()
        adam.apply_gradients([(nf.constant([1.0]), v)])
    assert [x.name for x in adam.variables()] == ["beta1_power:0", "beta2_power:0", "outer/w/Adam:0",
                                                 "outer/w/Adam_1:0"]


def test_minimize_refuses_unknown_gates():
    x = Variable(1.0)
    with pytest.raises(ValueError, match="gate_gradients must be one of"):
        train.GradientDescentOptimizer(1.0).minimize(lambda: x * x, gate_gradients=3)
