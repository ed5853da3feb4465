"""Learning rates that follow the step, against formulas in NumPy; in optimizers; errors."""
import numpy as np
import pytest

import numbaflow as nf
from numbaflow import train

STEPS = [0, 1, 5, 9, 10, 11, 20, 25, 30, 70, 500]


def line(t, n):
    return np.minimum(t, n) / n


def wave(turns):
    return 0.5 * (1 + np.cos(np.pi * turns))


def polynomial_cycle(t):
    period = 10 * max(1, np.ceil(t / 10))
    return (2.0 - 0.1) * (1 - t / period)**0.5 + 0.1


def restarts(t, n=10, t_mul=2.0, m_mul=0.5, alpha=0.1):
    """Period by period."""
    height = 1.0
    while t >= n:
        t, n, height = t - n, n * t_mul, height * m_mul
    return 2.0 * ((1 - alpha) * height * wave(t / n) + alpha)


# arguments after the rate and the step; the rate at step t, for a rate of 2
CASES = {
    "exponential_decay": ((10, 0.5), {}, lambda t: 2.0 * 0.5**(t / 10)),
    "exponential_decay in stairs": ((10, 0.5), {"staircase": True}, lambda t: 2.0 * 0.5**(t // 10)),
    "natural_exp_decay": ((10, 0.5), {}, lambda t: 2.0 * np.exp(-0.5 * t / 10)),
    "natural_exp_decay in stairs": ((10, 0.5, True), {}, lambda t: 2.0 * np.exp(-0.5 * (t // 10))),
    "inverse_time_decay": ((10, 0.5), {}, lambda t: 2.0 / (1 + 0.5 * t / 10)),
    "inverse_time_decay in stairs": ((10, 0.5), {"staircase": True}, lambda t: 2.0 / (1 + 0.5 * (t // 10))),
    "polynomial_decay": ((10,), {}, lambda t: (2.0 - 0.0001) * (1 - line(t, 10)) + 0.0001),
    "polynomial_decay of a root": ((10, 0.1, 0.5), {}, lambda t: 1.9 * (1 - line(t, 10))**0.5 + 0.1),
    "polynomial_decay in cycles": ((10, 0.1, 0.5, True), {}, polynomial_cycle),
    "cosine_decay": ((10,), {"alpha": 0.1}, lambda t: 2.0 * (0.9 * wave(line(t, 10)) + 0.1)),
    "cosine_decay_restarts": ((10, 2.0, 0.5, 0.1), {}, restarts),
    "cosine_decay_restarts by three": ((10, 3.0, 0.5, 0.1), {}, lambda t: restarts(t, t_mul=3.0)),
    "cosine_decay_restarts of one length": ((10, 1.0, 0.5, 0.1), {}, lambda t: restarts(t, t_mul=1.0)),
    "linear_cosine_decay": ((10, 1.5, 0.1, 0.2), {},
                            lambda t: 2.0 * ((0.1 + 1 - line(t, 10)) * wave(3.0 * line(t, 10)) + 0.2)),
    "noisy_linear_cosine_decay": ((10, 0.0, 0.55, 1.5, 0.1, 0.2), {},
                                  lambda t: 2.0 * ((0.1 + 1 - line(t, 10)) * wave(3.0 * line(t, 10)) + 0.2)),
}
FACES = sorted({case.split()[0] for case in CASES})


@pytest.mark.parametrize("case", CASES)
def test_rates(case):
    more, kwargs, expected = CASES[case]
    step = nf.Variable(np.int64(0))
    rate = getattr(train, case.split()[0])(2.0, step, *more, **kwargs)
    wide = getattr(train, case.split()[0])(nf.constant(2.0, "float64"), step, *more, **kwargs)
    for t in STEPS:
        step.assign(t)
        assert rate().dtype == "float32"
        assert tuple(rate().shape) == ()
        assert rate().numpy() == pytest.approx(expected(t), rel=1e-6, abs=1e-7)
        assert wide().numpy() == pytest.approx(expected(t), rel=1e-12, abs=1e-12)


def test_restarts_happen_at_the_step_itself():
    for power in range(1, 12):
        step = (3**power - 1) // 2              # the sum of 1, 3, 9 ...
        rate = train.cosine_decay_restarts(nf.constant(1.0, "float64"), step, 1, t_mul=3.0)
        assert rate().numpy() == pytest.approx(1.0)


def test_noise_has_its_variance():
    rate = train.noisy_linear_cosine_decay(1.0, 3, 1000, initial_variance=4.0, variance_decay=1.0, beta=0.0)
    found = np.array([rate().numpy() for _ in range(2000)])
    assert found.std() == pytest.approx(1.0, rel=0.1)           # 4 / (1 + 3)
    assert found.mean() == pytest.approx(0.997, abs=0.1)


def test_piecewise_constant():
    step = nf.Variable(np.int64(0))
    rate = train.piecewise_constant(step, [10, 20], [1.0, 0.5, 0.25])
    found = []
    for t in (0, 10, 11, 20, 21, 1000):
        step.assign(t)
        found.append(rate().numpy().item())
    assert found == [1.0, 1.0, 0.5, 0.5, 0.25, 0.25]
    assert train.piecewise_constant(3.0, [2.5], [1, 7])().numpy() == 7
    assert train.piecewise_constant(3, [], [4.0])().numpy() == 4.0
    assert train.piecewise_constant_decay is train.piecewise_constant


def test_the_global_step_moves_the_rate():
    step, v = nf.Variable(np.int64(0)), nf.Variable(0.0)
    sgd = train.GradientDescentOptimizer(train.piecewise_constant(step, [1], [1.0, 10.0]))
    for _ in range(4):
        sgd.apply_gradients([(nf.constant(-1.0), v)], global_step=step)
    assert v.numpy() == 22.0


def test_every_optimizer_takes_one():
    step = nf.Variable(np.int64(5))
    makers = [getattr(train, name) for name in train.__all__
              if name.endswith("Optimizer") and name != "Optimizer"]
    for maker in makers:
        first = {"AdamWOptimizer": {"weight_decay": 0.0}, "MomentumOptimizer": {"momentum": 0.5},
                 "AdagradDAOptimizer": {"global_step": step}}.get(maker.__name__, {})
        a, b = nf.Variable([1.0, 2.0]), nf.Variable([1.0, 2.0])
        g = nf.constant([0.5, -3.0])
        maker(learning_rate=train.exponential_decay(0.4, step, 5, 0.5), **first).apply_gradients([(g, a)])
        maker(learning_rate=0.2, **first).apply_gradients([(g, b)])
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-6)
        assert a.numpy().tolist() != [1.0, 2.0]


@pytest.mark.parametrize("face", FACES)
def test_refusals(face):
    more = (0.5,) if face in ("exponential_decay", "natural_exp_decay", "inverse_time_decay") else ()
    with pytest.raises(ValueError, match=f"global_step is required for {face}"):
        getattr(train, face)(1.0, None, 10, *more)
    for steps in (0, -3, np.nan):
        with pytest.raises(ValueError, match=f"{face}: decay_steps must be positive"):
            getattr(train, face)(1.0, 0, steps, *more)


def test_piecewise_constant_refuses():
    for boundaries, values, message in [
            ([1, 2], [1.0, 2.0], "boundaries should be 1 less than the length of values.*2 boundaries and 2"),
            ([2, 1], [1.0, 2.0, 3.0], r"boundaries must grow, got \[2, 1\]"),
            ([1.5], [1.0, 2.0], r"Boundaries \(1.5\) must have the same dtype as x \(int32\)"),
            ([1], [1.0, nf.constant(1.0, "float64")], "same dtype \\(float32 vs float64\\)")]:
        with pytest.raises(ValueError, match=message):
            train.piecewise_constant(5, boundaries, values)
    with pytest.raises(ValueError, match="t_mul must be at least 1"):
        train.cosine_decay_restarts(1.0, 5, 10, t_mul=0.5)()
