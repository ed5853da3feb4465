"""Learning rates as functions of the step: numbers in, a number out, in the sense of `numbers`."""
import math

from .numbers import ceil, choose, cos, exp, floor, log, maximum, minimum


def exponential(step, rate, decay_steps, decay_rate, staircase=False):
    """rate * decay_rate**p with p = step / decay_steps, rounded down if staircase."""
    return rate * decay_rate**_passed(step, decay_steps, staircase)


def natural_exponential(step, rate, decay_steps, decay_rate, staircase=False):
    """rate * exp(-decay_rate * p)"""
    return rate * exp(-decay_rate * _passed(step, decay_steps, staircase))


def inverse_time(step, rate, decay_steps, decay_rate, staircase=False):
    """rate / (1 + decay_rate * p)"""
    return rate / (1.0 + decay_rate * _passed(step, decay_steps, staircase))


def _passed(step, decay_steps, staircase):
    passed = step / decay_steps
    return floor(passed) if staircase else passed


def piecewise_constant(step, boundaries, values):
    """values[k] for the first boundary k that is not less than the step; else the last value."""
    found = values[-1]
    for boundary, value in zip(boundaries[::-1], values[-2::-1], strict=True):
        found = choose(step <= boundary, value, found)
    return found


def polynomial(step, rate, decay_steps, end_rate=0.0001, power=1.0, cycle=False):
    """(rate - end_rate) * (1 - p)**power + end_rate; p is 1 after decay_steps, or falls and rises again."""
    if cycle:
        decay_steps = decay_steps * maximum(1.0, ceil(step / decay_steps))
    else:
        step = minimum(step, decay_steps)
    return (rate - end_rate) * (1.0 - step / decay_steps)**power + end_rate


def _half_wave(turns):
    return 0.5 * (1.0 + cos(math.pi * turns))


def cosine(step, rate, decay_steps, alpha=0.0):
    """rate * ((1 - alpha) * (1 + cos(pi * p)) / 2 + alpha)"""
    return rate * ((1.0 - alpha) * _half_wave(minimum(step, decay_steps) / decay_steps) + alpha)


def cosine_restarts(step, rate, first_decay_steps, t_mul=2.0, m_mul=1.0, alpha=0.0):
    """The cosine again and again, each period t_mul times as long and m_mul times as high as the last."""
    passed = step / first_decay_steps
    if t_mul < 1.0:
        raise ValueError(f"cosine_decay_restarts: t_mul must be at least 1, got {t_mul}")
    if t_mul == 1.0:
        restarts = floor(passed)
        passed -= restarts
    else:
        restarts = floor(log(1.0 - passed * (1.0 - t_mul)) / log(t_mul) + 1e-9)
        passed = (passed - (1.0 - t_mul**restarts) / (1.0 - t_mul)) / t_mul**restarts
    return rate * ((1.0 - alpha) * m_mul**restarts * _half_wave(passed) + alpha)


def linear_cosine(step, rate, decay_steps, num_periods=0.5, alpha=0.0, beta=0.001, noise=0.0):
    """rate * ((alpha + 1 - p + noise) * (1 + cos(2 pi * num_periods * p)) / 2 + beta)"""
    passed = minimum(step, decay_steps) / decay_steps
    return rate * ((alpha + 1.0 - passed + noise) * _half_wave(2.0 * num_periods * passed) + beta)
