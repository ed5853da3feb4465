"""Learning rates that change with the global step: each call gives a function to pass as `learning_rate`.

The function takes no arguments; called, it reads the step and gives the rate of now as a tensor.
"""
from itertools import pairwise

import numpy as np

from numbaflow.core.tensor import Tensor, as_tensor
from numbaflow.ops.random import random_normal

from . import decay_formulas as formulas
from .numbers import number, scalar


def _decayed(op, formula, learning_rate, global_step, decay_steps, *more):
    """The function of no arguments that evaluates a formula at the step of then."""
    if global_step is None:
        raise ValueError(f"global_step is required for {op}.")
    check_positive(op, decay_steps)
    dtype = rate_dtype(learning_rate)

    def rate():
        values = [v if isinstance(v, bool) else number(v) for v in more]
        step, first, steps = number(global_step), number(learning_rate), number(decay_steps)
        return scalar(formula(step, first, steps, *values), dtype)
    return rate


def check_positive(op, decay_steps):
    """ValueError for decay_steps that are known and not positive."""
    steps = number(decay_steps)
    if not isinstance(steps, Tensor) and not steps > 0:
        raise ValueError(f"{op}: decay_steps must be positive, got {decay_steps}")


def rate_dtype(value):
    """The dtype of a rate: that of a float tensor, variable or array, else float32."""
    dtype = np.dtype(getattr(getattr(value, "dtype", None), "name", "float32"))
    return dtype if dtype.kind == "f" else np.dtype(np.float32)


def exponential_decay(learning_rate, global_step, decay_steps, decay_rate, staircase=False, name=None):
    """learning_rate * decay_rate**p, with p = global_step / decay_steps.

    Args:
        learning_rate: the rate at step 0.
        global_step: a variable or number.
        decay_steps: after how many steps it is multiplied by decay_rate.
        decay_rate: the factor.
        staircase: round p down.

    Returns:
        A function without arguments, for `learning_rate` of an optimizer.

    Raises:
        ValueError: no global_step, or decay_steps that are not positive.

    >>> import numbaflow as nf
    >>> step = nf.Variable(0)
    >>> rate = nf.train.exponential_decay(1.0, step, 10, 0.25)
    >>> _ = step.assign(5)
    >>> rate().numpy()
    np.float32(0.5)
    """
    return _decayed("exponential_decay", formulas.exponential, learning_rate, global_step, decay_steps,
                    decay_rate, staircase)


def natural_exp_decay(learning_rate, global_step, decay_steps, decay_rate, staircase=False, name=None):
    """learning_rate * exp(-decay_rate * p), with p = global_step / decay_steps.

    The arguments, the result and the errors are those of `exponential_decay`.

    >>> import numbaflow as nf
    >>> nf.train.natural_exp_decay(1.0, 10, 10, 0.5)().numpy().round(4)
    np.float32(0.6065)
    """
    return _decayed("natural_exp_decay", formulas.natural_exponential, learning_rate, global_step,
                    decay_steps, decay_rate, staircase)


def inverse_time_decay(learning_rate, global_step, decay_steps, decay_rate, staircase=False, name=None):
    """learning_rate / (1 + decay_rate * p), with p = global_step / decay_steps.

    The arguments, the result and the errors are those of `exponential_decay`.

    >>> import numbaflow as nf
    >>> nf.train.inverse_time_decay(1.0, 20, 10, 0.5)().numpy()
    np.float32(0.5)
    """
    return _decayed("inverse_time_decay", formulas.inverse_time, learning_rate, global_step, decay_steps,
                    decay_rate, staircase)


def polynomial_decay(learning_rate, global_step, decay_steps, end_learning_rate=0.0001, power=1.0,
                     cycle=False, name=None):
    """From learning_rate to end_learning_rate in decay_steps, along (1 - p)**power.

    Args:
        learning_rate: the rate at step 0.
        global_step: a variable or number.
        decay_steps: how many steps it takes.
        end_learning_rate: the rate after these.
        power: 1 for a straight line.
        cycle: start anew, each time from the line drawn on to the next multiple of decay_steps.

    Returns:
        A function without arguments, for `learning_rate` of an optimizer.

    Raises:
        ValueError: no global_step, or decay_steps that are not positive.

    >>> import numbaflow as nf
    >>> nf.train.polynomial_decay(1.0, 5, 10, end_learning_rate=0.5)().numpy()
    np.float32(0.75)
    """
    return _decayed("polynomial_decay", formulas.polynomial, learning_rate, global_step, decay_steps,
                    end_learning_rate, power, cycle)


def cosine_decay(learning_rate, global_step, decay_steps, alpha=0.0, name=None):
    """From learning_rate to alpha * learning_rate in decay_steps, along half a cosine.

    Args:
        learning_rate: the rate at step 0.
        global_step: a variable or number.
        decay_steps: how many steps it takes.
        alpha: the share of the rate that is left at the end.

    Returns:
        A function without arguments, for `learning_rate` of an optimizer.

    Raises:
        ValueError: no global_step, or decay_steps that are not positive.

    Loshchilov and Hutter, SGDR: Stochastic Gradient Descent with Warm Restarts, ICLR 2017.

    >>> import numbaflow as nf
    >>> nf.train.cosine_decay(1.0, 5, 10)().numpy()
    np.float32(0.5)
    """
    return _decayed("cosine_decay", formulas.cosine, learning_rate, global_step, decay_steps, alpha)


def cosine_decay_restarts(learning_rate, global_step, first_decay_steps, t_mul=2.0, m_mul=1.0, alpha=0.0,
                          name=None):
    """`cosine_decay` again and again, in periods that change in length and height.

    Args:
        learning_rate: the rate at step 0.
        global_step: a variable or number.
        first_decay_steps: how many steps the first period takes.
        t_mul, m_mul: how many times as long, and as high, a period is as the one before.
        alpha: the share of the rate that is left at the end of a period.

    Returns:
        A function without arguments, for `learning_rate` of an optimizer.

    Raises:
        ValueError: no global_step, or first_decay_steps that are not positive.

    Loshchilov and Hutter, SGDR: Stochastic Gradient Descent with Warm Restarts, ICLR 2017.

    >>> import numbaflow as nf
    >>> nf.train.cosine_decay_restarts(1.0, 10, 10, m_mul=0.5)().numpy()
    np.float32(0.5)
    """
    return _decayed("cosine_decay_restarts", formulas.cosine_restarts, learning_rate, global_step,
                    first_decay_steps, t_mul, m_mul, alpha)


def linear_cosine_decay(learning_rate, global_step, decay_steps, num_periods=0.5, alpha=0.0, beta=0.001,
                        name=None):
    """learning_rate * ((alpha + 1 - p) * c + beta): a line times c, num_periods of a cosine between 0 and 1.

    Args:
        learning_rate: the rate at step 0, where it is multiplied by 1 + alpha + beta.
        global_step: a variable or number.
        decay_steps: how many steps it takes.
        num_periods: how many cosines fit into these.
        alpha, beta: see the formula.

    Returns:
        A function without arguments, for `learning_rate` of an optimizer.

    Raises:
        ValueError: no global_step, or decay_steps that are not positive.

    Bello et al., Neural Optimizer Search with Reinforcement Learning, ICML 2017.

    >>> import numbaflow as nf
    >>> nf.train.linear_cosine_decay(1.0, 5, 10, beta=0.0)().numpy()
    np.float32(0.25)
    """
    return _decayed("linear_cosine_decay", formulas.linear_cosine, learning_rate, global_step, decay_steps,
                    num_periods, alpha, beta)


def noisy_linear_cosine_decay(learning_rate, global_step, decay_steps, initial_variance=1.0,
                              variance_decay=0.55, num_periods=0.5, alpha=0.0, beta=0.001, name=None):
    """`linear_cosine_decay` with normal noise on the line.

    Its variance is ``initial_variance / (1 + step)**variance_decay``.
    The other arguments, the result and the errors are those of `linear_cosine_decay`; each call draws anew.

    >>> import numbaflow as nf
    >>> nf.train.noisy_linear_cosine_decay(1.0, 10, 10)().numpy().round(6)
    np.float32(0.001)
    """
    def formula(step, rate, decay_steps, *more):
        variance = number(initial_variance) / (1.0 + step)**number(variance_decay)
        noise = number(random_normal((), dtype=np.float64)) * variance**0.5
        return formulas.linear_cosine(step, rate, decay_steps, *more, noise)
    return _decayed("noisy_linear_cosine_decay", formula, learning_rate, global_step, decay_steps,
                    num_periods, alpha, beta)


def piecewise_constant(x, boundaries, values, name=None):
    """values[0] up to the first boundary, the next after it, and so on; the last after the last boundary.

    Args:
        x: the step, a variable or number.
        boundaries: numbers of x's kind that grow: integers for an integer x.
        values: one number more.

    Returns:
        A function without arguments, for `learning_rate` of an optimizer.

    Raises:
        ValueError: lists whose lengths do not fit, boundaries that fall, or of another kind than x, or values
            of several dtypes.

    >>> import numbaflow as nf
    >>> step = nf.Variable(100)
    >>> rate = nf.train.piecewise_constant(step, [100, 200], [1.0, 0.5, 0.25])
    >>> _ = print(rate().numpy()), step.assign(101), print(rate().numpy())
    1.0
    0.5
    """
    boundaries, values = list(boundaries), list(values)
    check_pieces(boundaries, values)
    dtype, floats = as_tensor(x)._dtype, [b for b in boundaries if as_tensor(b)._dtype.kind == "f"]
    if dtype.kind in "iu" and floats:
        raise ValueError(f"Boundaries ({floats[0]!r}) must have the same dtype as x ({dtype})")
    dtypes = [as_tensor(v)._dtype for v in values]
    if len(set(dtypes)) > 1:
        raise ValueError("Values must have elements all with the same dtype "
                         f"({dtypes[0]} vs {next(d for d in dtypes if d != dtypes[0])})")

    def rate():
        at, steps = [number(b) for b in boundaries], [number(v) for v in values]
        return scalar(formulas.piecewise_constant(number(x), at, steps), dtypes[0])
    return rate


piecewise_constant_decay = piecewise_constant


def check_pieces(boundaries, values):
    """ValueError unless there is one value more than boundaries, and those grow."""
    if len(boundaries) != len(values) - 1:
        raise ValueError("The length of boundaries should be 1 less than the length of values, got "
                         f"{len(boundaries)} boundaries and {len(values)} values")
    if any(number(b) <= number(a) for a, b in pairwise(boundaries)):
        raise ValueError(f"boundaries must grow, got {boundaries}")
