"""Optimizers of Keras: rules against NumPy, sparse gradients, hyper-parameters, state, configs, names."""
import numpy as np
import pytest

import numbaflow as nf
from numbaflow.core.indexed_slices import IndexedSlices
from numbaflow.core.variable import Variable
from numbaflow.keras import optimizers
from numbaflow.keras.optimizers import schedules

RATE = 0.1


# ---- the rules in NumPy: (p, slots, g, t) -> p, slots changed; t from 1
def sgd(p, slots, g, t):
    return p - RATE * g


def momentum(p, slots, g, t, keep=0.8):
    slots["momentum"] = keep * slots.get("momentum", 0.0) - RATE * g
    return p + slots["momentum"]


def nesterov(p, slots, g, t, keep=0.8):
    slots["momentum"] = keep * slots.get("momentum", 0.0) - RATE * g
    return p + keep * slots["momentum"] - RATE * g


def mean_square(slots, g, rho, centered):
    slots["rms"] = rho * slots.get("rms", 0.0) + (1 - rho) * g**2
    if not centered:
        return slots["rms"]
    slots["mg"] = rho * slots.get("mg", 0.0) + (1 - rho) * g
    return slots["rms"] - slots["mg"]**2


def rmsprop(p, slots, g, t, rho=0.7, epsilon=1e-3, centered=False):
    return p - RATE * g / (np.sqrt(mean_square(slots, g, rho, centered)) + epsilon)


def rmsprop_moving(p, slots, g, t, rho=0.7, keep=0.6, epsilon=1e-3, centered=False):
    spread = mean_square(slots, g, rho, centered)
    slots["momentum"] = keep * slots.get("momentum", 0.0) + RATE * g / np.sqrt(spread + epsilon)
    return p - slots["momentum"]


def adagrad(p, slots, g, t, epsilon=1e-3):
    slots["accumulator"] = slots.get("accumulator", 0.1) + g**2
    return p - RATE * g / (np.sqrt(slots["accumulator"]) + epsilon)


def adadelta(p, slots, g, t, rho=0.8, epsilon=1e-3):
    slots["accum_grad"] = rho * slots.get("accum_grad", 0.0) + (1 - rho) * g**2
    before = slots.get("accum_var", 0.0)
    step = g * np.sqrt(before + epsilon) / np.sqrt(slots["accum_grad"] + epsilon)
    slots["accum_var"] = rho * before + (1 - rho) * step**2
    return p - RATE * step


def adam(p, slots, g, t, beta1=0.8, beta2=0.9, epsilon=1e-3, amsgrad=False):
    slots["m"] = beta1 * slots.get("m", 0.0) + (1 - beta1) * g
    top = slots["v"] = beta2 * slots.get("v", 0.0) + (1 - beta2) * g**2
    if amsgrad:
        top = slots["vhat"] = np.maximum(slots.get("vhat", 0.0), slots["v"])
    return p - RATE * np.sqrt(1 - beta2**t) / (1 - beta1**t) * slots["m"] / (np.sqrt(top) + epsilon)


def adamax(p, slots, g, t, beta1=0.8, beta2=0.9, epsilon=1e-3):
    slots["m"] = beta1 * slots.get("m", 0.0) + (1 - beta1) * g
    slots["v"] = np.maximum(beta2 * slots.get("v", 0.0), np.abs(g))
    return p - RATE / (1 - beta1**t) * slots["m"] / (slots["v"] + epsilon)


def nadam(p, slots, g, t, beta1=0.8, beta2=0.9, epsilon=1e-3):
    u = [beta1 * (1 - 0.5 * 0.96**(0.004 * k)) for k in range(1, t + 2)]
    slots["m"] = beta1 * slots.get("m", 0.0) + (1 - beta1) * g
    slots["v"] = beta2 * slots.get("v", 0.0) + (1 - beta2) * g**2
    m = u[t] * slots["m"] / (1 - np.prod(u)) + (1 - u[t - 1]) * g / (1 - np.prod(u[:t]))
    return p - RATE * m / (np.sqrt(slots["v"] / (1 - beta2**t)) + epsilon)


def ftrl(p, slots, g, t, power=-0.5, l1=0.2, l2=0.1, shrinkage=0.05):
    before = slots.get("accumulator", 0.1)
    slots["accumulator"] = before + g**2
    sigma = (slots["accumulator"]**-power - before**-power) / RATE
    z = slots["linear"] = slots.get("linear", 0.0) + g + 2 * shrinkage * p - sigma * p
    found = (np.sign(z) * l1 - z) / (slots["accumulator"]**-power / RATE + 2 * l2)
    return np.where(np.abs(z) > l1, found, 0.0)


def with_(rule, **kwargs):
    return lambda *args: rule(*args, **kwargs)


RULES = {
    "SGD": (sgd, {}), "SGD momentum": (momentum, {"momentum": 0.8}),
    "SGD nesterov": (nesterov, {"momentum": 0.8, "nesterov": True}),
    "RMSprop": (rmsprop, {"rho": 0.7, "epsilon": 1e-3}),
    "RMSprop centered": (with_(rmsprop, centered=True), {"rho": 0.7, "epsilon": 1e-3, "centered": True}),
    "RMSprop momentum": (rmsprop_moving, {"rho": 0.7, "momentum": 0.6, "epsilon": 1e-3}),
    "RMSprop centered momentum": (with_(rmsprop_moving, centered=True),
                                  {"rho": 0.7, "momentum": 0.6, "epsilon": 1e-3, "centered": True}),
    "Adagrad": (adagrad, {"epsilon": 1e-3}), "Adadelta": (adadelta, {"rho": 0.8, "epsilon": 1e-3}),
    "Adam": (adam, {"beta_1": 0.8, "beta_2": 0.9, "epsilon": 1e-3}),
    "Adam amsgrad": (with_(adam, amsgrad=True),
                     {"beta_1": 0.8, "beta_2": 0.9, "epsilon": 1e-3, "amsgrad": True}),
    "Adamax": (adamax, {"beta_1": 0.8, "beta_2": 0.9, "epsilon": 1e-3}),
    "Nadam": (nadam, {"beta_1": 0.8, "beta_2": 0.9, "epsilon": 1e-3}),
    "Ftrl": (ftrl, {"l1_regularization_strength": 0.2, "l2_regularization_strength": 0.1,
                    "l2_shrinkage_regularization_strength": 0.05}),
    "Ftrl power": (with_(ftrl, power=-0.8), {
        "l1_regularization_strength": 0.2, "l2_regularization_strength": 0.1, "learning_rate_power": -0.8,
        "l2_shrinkage_regularization_strength": 0.05}),
}
# sparse gradients: as dense ones of 0 elsewhere; or only of rows; or both ways at once (tested on its own)
AS_DENSE = ("Adam", "Adam amsgrad", "RMSprop", "RMSprop centered")
LOCAL = [case for case in RULES if case not in (*AS_DENSE, "Nadam")]
SHAPES = [(), (7,), (3, 5)]


def make(case, **kwargs):
    return getattr(optimizers, case.split()[0])(**{"learning_rate": RATE, **RULES[case][1], **kwargs})


def test_every_optimizer_has_its_rule():
    classes = {name for name in optimizers.__all__ if isinstance(getattr(optimizers, name), type)}
    assert classes - {"Optimizer"} == {case.split()[0] for case in RULES}


@pytest.mark.parametrize("case", RULES)
@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", {"rtol": 1e-5, "atol": 2e-6}),
                                                  ("float64", {"rtol": 1e-11, "atol": 1e-12})])
def test_dense_steps(case, dtype, tolerance):
    reference, rng, optimizer = RULES[case][0], np.random.default_rng(0), make(case)
    values = [rng.standard_normal(s).astype(dtype) for s in SHAPES]
    variables, states = [Variable(v) for v in values], [{} for _ in SHAPES]
    for t in range(1, 5):
        grads = [rng.standard_normal(s).astype(dtype) for s in SHAPES]
        optimizer.apply_gradients(zip(map(nf.constant, grads), variables, strict=True))
        values = [reference(p.astype("float64"), s, g.astype("float64"), t)
                  for p, s, g in zip(values, states, grads, strict=True)]
        for v, p, s in zip(variables, values, states, strict=True):
            np.testing.assert_allclose(v.numpy(), p, **tolerance)
            assert v.dtype == dtype
            assert optimizer.get_slot_names() == sorted(s)
            for name in s:
                np.testing.assert_allclose(optimizer.get_slot(v, name).numpy(), s[name], **tolerance)
        assert optimizer.iterations.numpy() == t


def sparse_steps(optimizer, v, rng):
    """(row numbers, gradients of all rows) of steps that are taken."""
    for t in range(1, 4):
        rows, g = np.array([4, 0, 4, 2]), rng.standard_normal((4, 3))
        full = np.zeros((6, 3))
        np.add.at(full, rows, g)
        optimizer.apply_gradients([(IndexedSlices(nf.constant(g), nf.constant(rows), (6, 3)), v)])
        yield t, full


@pytest.mark.parametrize("case", LOCAL)
def test_sparse_steps_of_rows(case):
    reference, rng, optimizer = RULES[case][0], np.random.default_rng(1), make(case)
    p = rng.standard_normal((6, 3))
    v, states = Variable(p), [{} for _ in p]
    for t, g in sparse_steps(optimizer, v, rng):
        for r in (0, 2, 4):
            p[r] = reference(p[r], states[r], g[r], t)
        np.testing.assert_allclose(v.numpy(), p, rtol=1e-11)


@pytest.mark.parametrize("case", AS_DENSE)
def test_sparse_steps_that_are_dense(case):
    reference, rng, optimizer = RULES[case][0], np.random.default_rng(1), make(case)
    p = rng.standard_normal((6, 3))
    v, slots = Variable(p), {}
    for t, g in sparse_steps(optimizer, v, rng):
        p = reference(p, slots, g, t)
        np.testing.assert_allclose(v.numpy(), p, rtol=1e-11)


def test_sparse_nadam_moves_the_rows_and_lets_the_others_means_decay():
    rng, optimizer = np.random.default_rng(1), make("Nadam")
    p = rng.standard_normal((6, 3))
    v, slots = Variable(p), {}
    for t, g in sparse_steps(optimizer, v, rng):
        moved = nadam(p, slots, g, t)
        p = np.where(np.isin(np.arange(6), [0, 2, 4])[:, None], moved, p)
        np.testing.assert_allclose(v.numpy(), p, rtol=1e-11)
        np.testing.assert_allclose(optimizer.get_slot(v, "m").numpy(), slots["m"], rtol=1e-11)


# ---- hyper-parameters
@pytest.mark.parametrize("case", RULES)
def test_the_learning_rate_can_be_read_and_set(case):
    v, optimizer = Variable([1.0, -2.0]), make(case, learning_rate=0.5)
    assert float(optimizer.lr) == float(optimizer.learning_rate) == 0.5
    assert optimizer.lr.numpy() == 0.5
    optimizer.lr = 0.0
    assert float(optimizer.learning_rate) == 0.0
    if not case.startswith("Ftrl"):                 # which divides by it
        optimizer.apply_gradients([(nf.constant([1.0, 1.0]), v)])
        assert v.numpy().tolist() == [1.0, -2.0]
    optimizer.learning_rate = 0.25
    assert float(optimizer.lr) == 0.25
    optimizer.learning_rate.assign(0.125)
    assert float(optimizer.lr) == 0.125


@pytest.mark.parametrize("given", [0.5, 1, lambda: 0.5, lambda: nf.constant(0.5), nf.constant(0.5),
                                   Variable(0.5), schedules.PiecewiseConstantDecay([5], [0.5, 0.1]),
                                   nf.train.exponential_decay(0.5, 0, 10, 0.5)])
def test_learning_rates_of_any_kind(given):
    v = Variable(3.0)
    optimizers.SGD(given).apply_gradients([(nf.constant(2.0), v)])
    assert v.numpy() == (1.0 if type(given) is int else 2.0)


def test_a_variable_given_is_the_hyper_parameter():
    rate, v = Variable(0.5), Variable(3.0)
    optimizer = optimizers.SGD(rate)
    assert optimizer.lr is rate
    rate.assign(1.0)
    optimizer.apply_gradients([(nf.constant(2.0), v)])
    assert v.numpy() == 1.0


def test_hyper_parameters_are_read_at_each_step():
    optimizer, v = optimizers.SGD(1.0, momentum=0.5), Variable(0.0)
    optimizer.apply_gradients([(nf.constant(-1.0), v)])
    optimizer.momentum = 0.0
    optimizer.apply_gradients([(nf.constant(-1.0), v)])
    assert v.numpy() == 2.0
    optimizer.learning_rate = schedules.InverseTimeDecay(1.0, 1, 1.0)       # 1 / (1 + 2) at the third step
    optimizer.apply_gradients([(nf.constant(-3.0), v)])
    assert v.numpy() == 3.0
    optimizer.lr = 10.0
    optimizer.apply_gradients([(nf.constant(-1.0), v)])
    assert v.numpy() == 13.0


def test_decay_lr_and_iterations():
    optimizer, v = optimizers.SGD(lr=1.0, decay=0.5), Variable(0.0)
    for _ in range(3):
        optimizer.apply_gradients([(nf.constant(-1.0), v)])
    assert v.numpy() == pytest.approx(1 + 1 / 1.5 + 1 / 2)
    assert optimizer.iterations.numpy() == 3
    assert optimizer.iterations.dtype == "int64"
    with pytest.raises(RuntimeError, match="Cannot set `iterations`"):
        optimizer.iterations = Variable(np.int64(7))
    fresh = optimizers.Adam()
    fresh.iterations = Variable(np.int64(7))
    assert fresh.weights[0].numpy() == 7


# ---- clipping
def test_gradients_are_clipped():
    a, b, c = Variable([0.0, 0.0]), Variable([0.0, 0.0]), Variable([0.0, 0.0])
    g = nf.constant([3.0, -4.0])
    optimizers.SGD(1.0, clipnorm=1.0).apply_gradients([(g, a), (None, b), (nf.constant([0.1, 0.0]), c)])
    np.testing.assert_allclose(a.numpy(), [-0.6, 0.8], rtol=1e-6)
    np.testing.assert_allclose(c.numpy(), [-0.1, 0.0], rtol=1e-6)
    optimizers.SGD(1.0, clipvalue=0.5).apply_gradients([(g, b)])
    assert b.numpy().tolist() == [-0.5, 0.5]
    table = Variable(np.zeros((3, 2), np.float32))
    slices = IndexedSlices(nf.constant([[3.0, -4.0]]), nf.constant([1]), (3, 2))
    optimizers.SGD(1.0, clipvalue=0.5).apply_gradients([(slices, table)])
    assert table.numpy().tolist() == [[0.0, 0.0], [-0.5, 0.5], [0.0, 0.0]]
    with pytest.raises(ValueError, match="No gradients provided for any variable"):
        optimizers.SGD(clipnorm=1.0).apply_gradients([(None, a)])


# ---- minimize
@pytest.mark.parametrize("case", RULES)
def test_minimize(case):
    x, other = Variable([3.0, -2.0]), Variable(1.0)
    optimizer = make(case, **({} if case.startswith(("Ftrl", "Adadelta")) else {"learning_rate": 0.05}))
    first = float(nf.reduce_sum(x * x))
    for _ in range(30):
        optimizer.minimize(lambda: nf.reduce_sum(x * x) * other, var_list=[x])
    assert float(nf.reduce_sum(x * x)) < 0.95 * first
    assert other.numpy() == 1.0


def test_minimize_with_a_function_of_variables():
    made = []

    def loss():
        if not made:
            made.append(Variable(2.0))
        return made[0] * made[0]
    optimizers.SGD(0.25).minimize(loss, lambda: made)
    assert made[0].numpy() == 1.0
    with pytest.raises(RuntimeError, match="should be a function"):
        optimizers.SGD().minimize(made[0] * 1.0, made)
    with pytest.raises(ValueError, match="No gradients provided for any variable"):
        optimizers.SGD().minimize(lambda: nf.constant(1.0), made)


# ---- state
@pytest.mark.parametrize("case", RULES)
def test_weights_move_to_another_optimizer(case):
    rng = np.random.default_rng(4)
    grads = [nf.constant(g) for g in rng.standard_normal((6, 3))]
    a, b, first, second = Variable(np.ones(3)), Variable(np.ones(3)), make(case), make(case)
    for g in grads[:3]:
        first.apply_gradients([(g, a)])
    second.apply_gradients([(grads[0], b)])
    second.set_weights(first.get_weights())
    b.assign(a)
    for g in grads[3:]:
        first.apply_gradients([(g, a)])
        second.apply_gradients([(g, b)])
    assert a.numpy().tolist() == b.numpy().tolist()
    assert second.iterations.numpy() == 6


def test_names_and_order_of_weights():
    adam, v = optimizers.Adam(), Variable([1.0], name="dense/kernel")
    w = Variable([1.0], name="dense/bias")
    g = nf.constant([1.0])
    assert [x.name for x in adam.weights] == ["iter:0"]
    adam.apply_gradients([(g, v), (g, w)])
    assert [x.name for x in adam.variables()] == [
        "iter:0", "Adam/dense/kernel/m:0", "Adam/dense/bias/m:0", "Adam/dense/kernel/v:0",
        "Adam/dense/bias/v:0"]
    assert set(adam._children()) == {"iter", "learning_rate", "decay", "beta_1", "beta_2"}


def test_set_weights_refuses():
    adam, v = optimizers.Adam(), Variable([1.0, 2.0])
    adam.apply_gradients([(nf.constant([1.0, 1.0]), v)])
    before = adam.get_weights()
    with pytest.raises(ValueError, match=r"Adam with a  weight list of length 2, .* expecting 3"):
        adam.set_weights(before[:2])
    with pytest.raises(ValueError, match=r"Optimizer weight shape \(2,\) not compatible .* \(3,\)"):
        adam.set_weights([5, np.zeros(2), np.zeros(3)])
    assert [w.tolist() for w in adam.get_weights()] == [w.tolist() for w in before]


# ---- configs and names
@pytest.mark.parametrize("case", RULES)
def test_configs(case):
    optimizer = make(case, name="mine", decay=0.25, clipnorm=2.0)
    config = optimizer.get_config()
    assert config["learning_rate"] == RATE
    assert config["clipnorm"] == 2.0
    assert config == {**config, **RULES[case][1], "name": "mine", "decay": 0.25}
    again = optimizers.deserialize(optimizers.serialize(optimizer))
    assert type(again) is type(optimizer)
    assert again.get_config() == config
    assert again._update is optimizer._update


@pytest.mark.parametrize("schedule", [
    schedules.ExponentialDecay(0.1, 10, 0.5, True), schedules.InverseTimeDecay(0.1, 10, 0.5),
    schedules.PolynomialDecay(0.1, 10, 0.01, 2.0, True), schedules.CosineDecay(0.1, 10, 0.2),
    schedules.PiecewiseConstantDecay([3, 6], [3.0, 2.0, 1.0])], ids=lambda s: type(s).__name__)
def test_schedules(schedule):
    again = optimizers.deserialize(optimizers.serialize(optimizers.Adam(schedule))).learning_rate
    assert type(again) is type(schedule)
    assert again.get_config() == schedule.get_config()
    faces = {"ExponentialDecay": lambda t: nf.train.exponential_decay(0.1, t, 10, 0.5, True),
             "InverseTimeDecay": lambda t: nf.train.inverse_time_decay(0.1, t, 10, 0.5),
             "PolynomialDecay": lambda t: nf.train.polynomial_decay(0.1, t, 10, 0.01, 2.0, True),
             "PiecewiseConstantDecay": lambda t: nf.train.piecewise_constant(t, [3, 6], [3.0, 2.0, 1.0]),
             "CosineDecay": lambda t: nf.train.cosine_decay(0.1, t, 10, 0.2)}
    for step in (0, 3, 4, 9, 10, 25):
        expected = faces[type(schedule).__name__](step)()
        assert again(step).numpy() == expected.numpy()
        assert again(nf.constant(step)).numpy() == expected.numpy()
        assert again(step).dtype == "float32"


def test_schedules_refuse():
    with pytest.raises(ValueError, match="ExponentialDecay: decay_steps must be positive, got 0"):
        schedules.ExponentialDecay(0.1, 0, 0.5)
    with pytest.raises(ValueError, match="boundaries should be 1 less"):
        schedules.PiecewiseConstantDecay([1], [1.0])
    with pytest.raises(ValueError, match="Unknown learning rate schedule: 'Step'"):
        schedules.deserialize({"class_name": "Step", "config": {}})
    base = schedules.LearningRateSchedule()
    for act in (lambda: base(1), base.get_config):
        with pytest.raises(NotImplementedError, match="must override"):
            act()


def test_names():
    for name, kind in [("sgd", optimizers.SGD), ("SGD", optimizers.SGD), ("rmsprop", optimizers.RMSprop),
                       ("RMSProp", optimizers.RMSprop), ("Adam", optimizers.Adam),
                       ("nadam", optimizers.Nadam), ("adamax", optimizers.Adamax), ("ftrl", optimizers.Ftrl)]:
        assert type(optimizers.get(name)) is kind
    for optimizer in (optimizers.Adam(), nf.train.AdamOptimizer()):
        assert optimizers.get(optimizer) is optimizer
    found = optimizers.get({"class_name": "adam", "config": {"learning_rate": 0.5}})
    assert float(found.lr) == 0.5
    assert isinstance(optimizers.get(optimizers.Adagrad), optimizers.Adagrad)
    with pytest.raises(ValueError, match=r"Unknown optimizer: 'adamm'; known are .*Adam.*SGD"):
        optimizers.get("adamm")
    with pytest.raises(TypeError, match="Could not interpret optimizer identifier: 3"):
        optimizers.get(3)


def test_defaults():
    assert optimizers.Adam().get_config() == {
        "name": "Adam", "learning_rate": 0.001, "decay": 0.0, "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7,
        "amsgrad": False}
    assert optimizers.RMSprop().get_config() == {
        "name": "RMSprop", "learning_rate": 0.001, "decay": 0.0, "rho": 0.9, "momentum": 0.0, "epsilon": 1e-7,
        "centered": False}
    assert optimizers.SGD().get_config() == {
        "name": "SGD", "learning_rate": 0.01, "decay": 0.0, "momentum": 0.0, "nesterov": False}
    v = Variable(1.0)
    rms = optimizers.RMSprop()
    rms.apply_gradients([(nf.constant(0.0), v)])
    assert rms.get_slot(v, "rms").numpy() == 0.0


def test_constructors_refuse():
    for act, error, message in [
            (lambda: optimizers.SGD(momentum=1.5), ValueError, r"`momentum` must be between \[0, 1\]"),
            (lambda: optimizers.RMSprop(momentum=-0.5), ValueError, r"`momentum` must be between \[0, 1\]"),
            (lambda: optimizers.SGD(clipnorm=-1.0), ValueError, "Expected clipnorm >= 0, received: -1.0"),
            (lambda: optimizers.SGD(decay=-1.0), ValueError, "Expected decay >= 0, received: -1.0"),
            (lambda: optimizers.SGD(clip=1.0), TypeError, "clip"),
            (lambda: optimizers.Adagrad(initial_accumulator_value=-1.0), ValueError, "must be non-negative"),
            (lambda: optimizers.Ftrl(learning_rate_power=0.5), ValueError, "learning_rate_power 0.5 needs"),
            (lambda: optimizers.Nadam(schedules.CosineDecay(0.1, 5)), ValueError, "does not support a L")]:
        with pytest.raises(error, match=message):
            act()


@pytest.mark.parametrize("case", RULES)
def test_checkpoints_go_on_where_they_were(case, tmp_path):
    rng = np.random.default_rng(5)
    grads = [nf.constant(g) for g in rng.standard_normal((6, 3))]
    v, optimizer = Variable(np.ones(3)), make(case)
    for g in grads[:3]:
        optimizer.apply_gradients([(g, v)])
    path = nf.train.Checkpoint(v=v, optimizer=optimizer).save(str(tmp_path / "c"))
    w, fresh = Variable(np.zeros(3)), make(case, learning_rate=7.0)
    status = nf.train.Checkpoint(v=w, optimizer=fresh).restore(path)
    for g in grads[3:]:
        optimizer.apply_gradients([(g, v)])
        fresh.apply_gradients([(g, w)])
    status.assert_consumed()
    assert v.numpy().tolist() == w.numpy().tolist()
    assert fresh.iterations.numpy() == 6
    assert float(fresh.lr) == RATE
