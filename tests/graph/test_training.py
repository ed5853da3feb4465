"""Training inside compiled functions: steps of optimizers, rates, averages against the same done eagerly."""
import numpy as np
import pytest

import numbaflow as nf
from numbaflow import train
from numbaflow.core.indexed_slices import IndexedSlices
from numbaflow.core.variable import Variable
from numbaflow.graph.function import function
from numbaflow.keras import optimizers
from numbaflow.keras.optimizers import schedules

STEPS = 5
BOTH = (lambda f: f), function            # how a step is run
OPTIMIZERS = {
    "GradientDescentOptimizer": lambda: train.GradientDescentOptimizer(0.1),
    "MomentumOptimizer": lambda: train.MomentumOptimizer(0.1, 0.8),
    "MomentumOptimizer, nesterov": lambda: train.MomentumOptimizer(0.1, 0.8, use_nesterov=True),
    "AdagradOptimizer": lambda: train.AdagradOptimizer(0.1),
    "AdagradDAOptimizer": lambda: train.AdagradDAOptimizer(0.1, 3, l1_regularization_strength=0.01),
    "AdadeltaOptimizer": lambda: train.AdadeltaOptimizer(0.5, 0.8, 1e-3),
    "AdamOptimizer": lambda: train.AdamOptimizer(0.1, 0.8, 0.9),
    "AdamOptimizer, variables": lambda: train.AdamOptimizer(Variable(0.1), Variable(0.8), lambda: 0.9),
    "AdamWOptimizer": lambda: train.AdamWOptimizer(0.01, 0.1),
    "FtrlOptimizer": lambda: train.FtrlOptimizer(0.3, l1_regularization_strength=0.2),
    "FtrlOptimizer, power": lambda: train.FtrlOptimizer(0.3, -0.7, l2_regularization_strength=0.1),
    "RMSPropOptimizer": lambda: train.RMSPropOptimizer(0.1, 0.7, 0.6, 1e-3),
    "RMSPropOptimizer, centered": lambda: train.RMSPropOptimizer(0.1, 0.7, 0.6, 1e-3, centered=True),
    "ProximalGradientDescentOptimizer": lambda: train.ProximalGradientDescentOptimizer(0.1, 0.5, 0.25),
    "ProximalAdagradOptimizer": lambda: train.ProximalAdagradOptimizer(0.1, 0.2, 0.5, 0.25),
    "SGD": lambda: optimizers.SGD(0.1, decay=0.5),
    "SGD, momentum": lambda: optimizers.SGD(0.1, 0.8),
    "SGD, nesterov": lambda: optimizers.SGD(0.1, 0.8, nesterov=True, clipnorm=0.5),
    "RMSprop": lambda: optimizers.RMSprop(0.1, 0.7, epsilon=1e-3),
    "RMSprop, centered": lambda: optimizers.RMSprop(0.1, 0.7, 0.6, 1e-3, centered=True),
    "Adagrad": lambda: optimizers.Adagrad(0.1, clipvalue=0.25),
    "Adadelta": lambda: optimizers.Adadelta(0.5, 0.8, 1e-3),
    "Ftrl": lambda: optimizers.Ftrl(0.3, l1_regularization_strength=0.2),
    "Adam": lambda: optimizers.Adam(0.1),
    "Adam, amsgrad": lambda: optimizers.Adam(0.1, amsgrad=True),
    "Adamax": lambda: optimizers.Adamax(0.1),
    "Nadam": lambda: optimizers.Nadam(0.1),
}


def test_every_optimizer_is_here():
    classes = {*[n for n in vars(train) if n.endswith("Optimizer")],
               *[n for n in optimizers.__all__ if isinstance(getattr(optimizers, n), type)]}
    assert {name.split(",")[0] for name in OPTIMIZERS} == classes - {"Optimizer"}


def close(a, b, dtype=np.float32):
    tolerance = 1e-6 if np.dtype(dtype) == np.float32 else 1e-12
    np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


def gradients(shape, dtype):
    draw = np.random.default_rng(0)
    return [nf.constant(draw.normal(size=shape).astype(dtype)) for _ in range(STEPS)]


def after(make, wrapper, given, apply, dtype):
    """The variable and the optimizer's variables after steps on each gradient given."""
    v, optimizer = Variable(np.linspace(-1.0, 1.0, 8).reshape(4, 2).astype(dtype)), make()

    def step(*g):
        optimizer.apply_gradients([(apply(*g), v)])
    run = wrapper(step)
    for g in given:
        run(*g)
    return [v.numpy(), *[state.numpy() for state in optimizer.variables()]]


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_steps_in_a_function_are_those_of_eager(name):
    for dtype in (np.float32, np.float64):
        given = [(g,) for g in gradients((4, 2), dtype)]
        eager, compiled = (after(OPTIMIZERS[name], w, given, lambda g: g, dtype) for w in BOTH)
        for a, b in zip(eager, compiled, strict=True):
            close(a, b, dtype)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_sparse_steps_in_a_function_are_those_of_eager(name):
    rows = [nf.constant(r) for r in ([0, 2, 2], [2, 0, 1], [0, 0, 0], [1, 2, 0], [2, 1, 1])]
    given = list(zip(gradients((3, 2), np.float64), rows, strict=True))

    def slices(g, at):
        return IndexedSlices(g, at, (4, 2))
    eager, compiled = (after(OPTIMIZERS[name], w, given, slices, np.float64) for w in BOTH)
    for a, b in zip(eager, compiled, strict=True):
        close(a, b, np.float64)


def test_a_second_signature_makes_slots_too():
    first, second, adam = Variable(1.0), Variable(2.0), train.AdamOptimizer(0.1)

    @function
    def step(x, v):
        adam.apply_gradients([(x, v)])
    for v, x in ((first, 1.0), (second, 2.0), (first, 3.0)):
        step(nf.constant(x), v)
    assert first.numpy() < 1.0
    assert second.numpy() < 2.0
    assert len(adam.variables()) == 6


def test_minimize_counts_the_global_step_and_keeps_constraints():
    v, step = Variable([1.0, -1.0], constraint=nf.keras.constraints.NonNeg()), Variable(np.int64(0))
    descent = train.GradientDescentOptimizer(0.1)
    run = function(lambda: descent.minimize(lambda: nf.reduce_sum(v * v), global_step=step))
    for _ in range(3):
        run()
    close(v.numpy(), [0.8**3, 0.0])
    assert step.numpy() == 3


def test_hyper_parameters_are_read_at_each_call():
    v, rate = Variable(0.0), Variable(1.0)
    descent, sgd = train.GradientDescentOptimizer(rate), optimizers.SGD(1.0)
    run = function(lambda o: o.apply_gradients([(nf.constant(1.0), v)]))
    for optimizer in (descent, sgd):
        v.assign(0.0)
        run(optimizer)
        rate.assign(0.25)
        sgd.lr = 0.25
        run(optimizer)
        rate.assign(1.0)
        sgd.lr = 1.0
        assert v.numpy() == -1.25


def test_a_hyper_parameter_is_assigned_in_a_function():
    v, sgd = Variable(0.0), optimizers.SGD(1.0)

    @function
    def run(rate):
        sgd.lr = rate
        sgd.apply_gradients([(nf.constant(1.0), v)])
    run(nf.constant(0.5))
    run(nf.constant(0.25))
    assert v.numpy() == -0.75
    assert sgd.lr.numpy() == 0.25
    assert sgd.iterations.numpy() == 2


@pytest.mark.parametrize(("g", "message"), [
    (lambda: nf.ones(3), "a gradient of shape (3,)"), (lambda: nf.ones(2, nf.float64), "a float64 gradient"),
    (lambda: IndexedSlices(nf.ones(3), nf.constant([0, 1]), (2,)), "a gradient of shape (3,)")])
def test_gradients_that_do_not_fit_are_refused(g, message):
    v = Variable([1.0, 2.0])
    run = function(lambda: train.GradientDescentOptimizer(0.1).apply_gradients([(g(), v)]))
    with pytest.raises(nf.errors.InvalidArgumentError) as error:
        run()
    assert message in str(error.value)


# ---- rates
RATES = {
    "exponential_decay": lambda s: train.exponential_decay(1.0, s, 3, 0.5, staircase=True),
    "natural_exp_decay": lambda s: train.natural_exp_decay(1.0, s, 3, 0.5),
    "inverse_time_decay": lambda s: train.inverse_time_decay(1.0, s, 3, Variable(0.5)),
    "polynomial_decay": lambda s: train.polynomial_decay(1.0, s, 3, power=2.0, cycle=True),
    "cosine_decay": lambda s: train.cosine_decay(Variable(np.float64(2.0)), s, 3),
    "cosine_decay_restarts": lambda s: train.cosine_decay_restarts(1.0, s, 2),
    "cosine_decay_restarts, even": lambda s: train.cosine_decay_restarts(1.0, s, 2, t_mul=1.0),
    "linear_cosine_decay": lambda s: train.linear_cosine_decay(1.0, s, 3),
    "piecewise_constant": lambda s: train.piecewise_constant(s, [1, 3], [1.0, 0.5, 0.25]),
}
SCHEDULES = {
    "ExponentialDecay": lambda: schedules.ExponentialDecay(1.0, 3, 0.5),
    "InverseTimeDecay": lambda: schedules.InverseTimeDecay(1.0, 3, 0.5, staircase=True),
    "PolynomialDecay": lambda: schedules.PolynomialDecay(1.0, 3),
    "CosineDecay": lambda: schedules.CosineDecay(1.0, 3),
    "PiecewiseConstantDecay": lambda: schedules.PiecewiseConstantDecay([1, 3], [1.0, 0.5, 0.25]),
}


def test_every_schedule_is_here():
    classes = {n for n in schedules.__all__ if isinstance(getattr(schedules, n), type)}
    assert set(SCHEDULES) == classes - {"LearningRateSchedule"}


@pytest.mark.parametrize("name", RATES)
def test_rates_follow_the_step_in_a_function(name):
    step = Variable(np.int64(0))
    rate = RATES[name](step)
    compiled = function(rate)
    for k in range(6):
        step.assign(k)
        assert compiled().dtype == rate().dtype
        close(compiled().numpy(), rate().numpy())


@pytest.mark.parametrize("name", SCHEDULES)
def test_schedules_follow_the_step_in_a_function(name):
    given = [(g,) for g in gradients((4, 2), np.float32)]
    eager, compiled = (after(lambda: optimizers.SGD(SCHEDULES[name]()), w, given, lambda g: g, np.float32)
                       for w in BOTH)
    for a, b in zip(eager, compiled, strict=True):
        close(a, b)


def test_a_noisy_rate_draws_anew_at_each_call():
    rate = function(train.noisy_linear_cosine_decay(1.0, 2, 10))
    assert rate().numpy() != rate().numpy()


# ---- averages
def test_moving_averages_follow_in_a_function():
    def averages(wrapper):
        v, n = Variable([0.0, 1.0]), Variable(0)
        ema = train.ExponentialMovingAverage(0.75, num_updates=n)
        run = wrapper(lambda: ema.apply([v]))
        for k in range(4):
            run()
            v.assign_add([1.0, 2.0 * k])
            n.assign_add(1)
        return ema.average(v).numpy()
    close(averages(lambda f: f), averages(function))
