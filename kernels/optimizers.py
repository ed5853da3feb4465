"""Update rules of optimizers: parameters and their slots, in place.

A rule is a scalar body: from a parameter, its slots, the gradient and the step's constants it gives the new
parameter and slots.  Each becomes an `Update`, which runs it over whole arrays or over the rows that a sparse
gradient touches.
"""
import functools

import numpy as np

from . import scalar
from .index import checked_indices, contiguous
from .jit import PARALLEL_WORK, body, range_kernel
from .segment import unsorted_segment_sum


# ---- rules
# (those that divide are exact: x / sqrt(inf) by way of an approximate 1 / sqrt is nan)
@body
def gradient_descent_rule(p, g, rate):
    """p -= rate * g"""
    return p - rate * g


@body
def moving_average_rule(p, g, gain):
    """p += gain * (g - p)"""
    return p + gain * (g - p)


@body
def momentum_rule(p, a, g, rate, keep):
    """a = keep * a + g; p -= rate * a"""
    a = keep * a + g
    return p - rate * a, a


@body
def nesterov_rule(p, a, g, rate, keep):
    """a = keep * a + g; p -= rate * (g + keep * a)"""
    a = keep * a + g
    return p - rate * (g + keep * a), a


@body
def keras_momentum_rule(p, a, g, rate, keep):
    """a = keep * a - rate * g; p += a"""
    a = keep * a - rate * g
    return p + a, a


@body
def keras_nesterov_rule(p, a, g, rate, keep):
    """a = keep * a - rate * g; p += keep * a - rate * g"""
    a = keep * a - rate * g
    return p + (keep * a - rate * g), a


# ---- after Adagrad
@body(exact=True)
def adagrad_rule(p, a, g, rate, epsilon):
    """a += g**2; p -= rate * g / (sqrt(a) + epsilon)"""
    a = a + g * g
    return p - rate * g / (scalar.sqrt(a) + epsilon), a


@body(exact=True)
def adadelta_rule(p, s, d, g, rate, gain, epsilon):
    """s += gain * (g**2 - s); u = g * sqrt((d + epsilon) / (s + epsilon)); d likewise of u; p -= rate * u"""
    s = s + gain * (g * g - s)
    u = scalar.sqrt(d + epsilon) / scalar.sqrt(s + epsilon) * g
    d = d + gain * (u * u - d)
    return p - rate * u, s, d


@body(exact=True)
def _shrunk(x, l1, l2):
    """x drawn to 0 by l1, and by the factor 1 + l2"""
    return scalar.sign(x) * scalar.maximum(scalar.absolute(x) - l1, 0.0) / (1.0 + l2)


@body(exact=True)
def proximal_gradient_descent_rule(p, g, rate, l1, l2):
    """p = what is nearest to p - rate * g at the cost of rate * (l1 * |p| + l2 * p**2 / 2)"""
    return _shrunk(p - rate * g, rate * l1, rate * l2)


@body(exact=True)
def proximal_adagrad_rule(p, a, g, rate, l1, l2):
    """a += g**2, and proximal gradient descent with the rate rate / sqrt(a)"""
    a = a + g * g
    rate = rate / scalar.sqrt(a)
    return _shrunk(p - rate * g, rate * l1, rate * l2), a


@body(exact=True)
def adagrad_da_rule(p, s, a, g, rate, l1, l2):
    """s += g; a += g**2; p = -rate * sign(s) * max(|s| - l1, 0) / (sqrt(a) + l2)"""
    s = s + g
    a = a + g * g
    pull = scalar.sign(s) * scalar.maximum(scalar.absolute(s) - l1, 0.0)
    return -(rate * pull) / (scalar.sqrt(a) + l2), s, a


@body(exact=True)
def _ftrl(p, z, g, before, after, rate, l1, l2, shrinkage):
    """z += g + shrinkage * p - (after - before) / rate * p; p = (sign(z) * l1 - z) / (after / rate + l2)"""
    z = z + (g + shrinkage * p - (after - before) / rate * p)
    pull = scalar.sign(z) * l1 - z
    return 0.0 if scalar.absolute(z) <= l1 else pull / (after / rate + l2), z


@body(exact=True)
def ftrl_rule(p, a, z, g, rate, l1, l2, shrinkage):
    """a += g**2, and ftrl with sqrt(a) before and after"""
    n = a + g * g
    p, z = _ftrl(p, z, g, scalar.sqrt(a), scalar.sqrt(n), rate, l1, l2, shrinkage)
    return p, n, z


@body(exact=True)
def ftrl_power_rule(p, a, z, g, rate, l1, l2, shrinkage, power):
    """a += g**2, and ftrl with a**power before and after"""
    n = a + g * g
    p, z = _ftrl(p, z, g, scalar.pow(a, power), scalar.pow(n, power), rate, l1, l2, shrinkage)
    return p, n, z


# ---- running means of gradients and their squares
@body(exact=True)
def adam_rule(p, m, v, g, rate, gain1, gain2, epsilon):
    """m += gain1 * (g - m); v += gain2 * (g**2 - v); p -= rate * m / (sqrt(v) + epsilon)"""
    m = m + gain1 * (g - m)
    v = v + gain2 * (g * g - v)
    return p - rate * m / (scalar.sqrt(v) + epsilon), m, v


@body(exact=True)
def adamw_rule(p, m, v, g, decay, rate, gain1, gain2, epsilon):
    """p -= decay * p, and adam"""
    return adam_rule(p - decay * p, m, v, g, rate, gain1, gain2, epsilon)


@body(exact=True)
def amsgrad_rule(p, m, v, top, g, rate, gain1, gain2, epsilon):
    """adam with the largest v so far, top = max(top, v), in place of v"""
    m = m + gain1 * (g - m)
    v = v + gain2 * (g * g - v)
    top = scalar.maximum(top, v)
    return p - rate * m / (scalar.sqrt(top) + epsilon), m, v, top


@body(exact=True)
def adamax_rule(p, m, u, g, rate, gain1, keep2, epsilon):
    """m += gain1 * (g - m); u = max(keep2 * u, |g|); p -= rate * m / (u + epsilon)"""
    m = m + gain1 * (g - m)
    u = scalar.maximum(keep2 * u, scalar.absolute(g))
    return p - rate * m / (u + epsilon), m, u


@body(exact=True)
def nadam_rule(p, m, v, g, rate_g, rate_m, scale, gain1, gain2, epsilon):
    """m and v as in adam; p -= (rate_g * g + rate_m * m) / (sqrt(scale * v) + epsilon)"""
    m = m + gain1 * (g - m)
    v = v + gain2 * (g * g - v)
    return p - (rate_g * g + rate_m * m) / (scalar.sqrt(scale * v) + epsilon), m, v


@body(exact=True)
def keras_rmsprop_rule(p, s, g, rate, gain, epsilon):
    """s += gain * (g**2 - s); p -= rate * g / (sqrt(s) + epsilon)"""
    s = s + gain * (g * g - s)
    return p - rate * g / (scalar.sqrt(s) + epsilon), s


@body(exact=True)
def keras_centered_rmsprop_rule(p, s, c, g, rate, gain, epsilon):
    """c += gain * (g - c), and keras_rmsprop with the variance s - c**2 in place of s"""
    s = s + gain * (g * g - s)
    c = c + gain * (g - c)
    return p - rate * g / (scalar.sqrt(s - c * c) + epsilon), s, c


@body(exact=True)
def rmsprop_rule(p, s, a, g, rate, gain, keep, epsilon):
    """s += gain * (g**2 - s); a = keep * a + rate * g / sqrt(s + epsilon); p -= a"""
    s = s + gain * (g * g - s)
    a = keep * a + rate * g / scalar.sqrt(s + epsilon)
    return p - a, s, a


@body(exact=True)
def centered_rmsprop_rule(p, s, c, a, g, rate, gain, keep, epsilon):
    """c += gain * (g - c), and rmsprop with the variance s - c**2 in place of s"""
    s = s + gain * (g * g - s)
    c = c + gain * (g - c)
    a = keep * a + rate * g / scalar.sqrt(s - c * c + epsilon)
    return p - a, s, c, a


# ---- loops over a rule
def _loops(rule, name):
    """The source of a rule's two loops."""
    names = rule.__code__.co_varnames[:rule.__code__.co_argcount]
    state, constants = names[:names.index("g")], names[names.index("g") + 1:]

    def update(at, source):
        new = ", ".join(f"{x}[{at}]" for x in state)
        return f"{new} = rule({new}, g[{source}], {', '.join(constants)})"
    # cast in the kernel: Python floats pass twice as fast as NumPy's, and one signature a dtype is enough
    typed = "; ".join(f"{c} = p.dtype.type({c})" for c in constants)
    return f"""
def {name}({', '.join((*state, 'g', *constants))}, lo, hi):
    {typed}
    {'; '.join(f'{x} = {x}[lo:hi]' for x in (*state, 'g'))}
    for i in range(p.size):
        {update('i', 'i')}

def {name}_rows({', '.join((*state, 'rows', 'g', *constants))}, lo, hi):
    {typed}
    width = g.size // rows.size
    for k in range(lo, hi):
        to, source = rows[k] * width, k * width
        for j in range(width):
            {update('to + j', 'source + j')}
"""


class Update:
    """A rule over flat contiguous arrays of one dtype, in place; constants are Python floats.

    `update(n, p, *slots, g, *constants)` runs it over all n elements.
    `update.rows(numbers, p, *slots, g, *constants)` runs it over the rows of those numbers (int64, all
    different and in range); g holds just these rows, one after the other.
    """

    def __init__(self, rule):
        self.rule, self.__name__, self.__doc__ = rule, rule.__name__.removesuffix("_rule"), rule.__doc__
        self.states = rule.__code__.co_varnames.index("g")

    @functools.cached_property
    def _loops(self):
        """The range kernels over elements and over rows, written when asked for: import is quicker so."""
        scope = {"rule": self.rule, "__name__": __name__}
        exec(_loops(self.rule, self.__name__), scope)
        return range_kernel(scope[self.__name__]), range_kernel(scope[f"{self.__name__}_rows"])

    @functools.cached_property
    def _serial(self):
        return self._loops[0].serial

    def __call__(self, n, *args):
        if n < PARALLEL_WORK:
            self._serial(*args, 0, n)
        else:
            self._loops[0](n, n, *args)

    def rows(self, numbers, *args):
        state, g = args[:self.states], args[self.states]
        if g.size:
            self._loops[1](numbers.size, g.size, *state, numbers, *args[self.states:])


gradient_descent = Update(gradient_descent_rule)
moving_average = Update(moving_average_rule)
momentum = Update(momentum_rule)
nesterov = Update(nesterov_rule)
keras_momentum = Update(keras_momentum_rule)
keras_nesterov = Update(keras_nesterov_rule)
adagrad = Update(adagrad_rule)
adadelta = Update(adadelta_rule)
proximal_gradient_descent = Update(proximal_gradient_descent_rule)
proximal_adagrad = Update(proximal_adagrad_rule)
adagrad_da = Update(adagrad_da_rule)
ftrl = Update(ftrl_rule)
ftrl_power = Update(ftrl_power_rule)
adam = Update(adam_rule)
adamw = Update(adamw_rule)
amsgrad = Update(amsgrad_rule)
adamax = Update(adamax_rule)
nadam = Update(nadam_rule)
keras_rmsprop = Update(keras_rmsprop_rule)
keras_centered_rmsprop = Update(keras_centered_rmsprop_rule)
rmsprop = Update(rmsprop_rule)
centered_rmsprop = Update(centered_rmsprop_rule)


def summed_rows(indices, rows, n):
    """Distinct row numbers and the sum of each one's rows; raises for an index that is not in [0, n)."""
    flat = checked_indices(indices, n)
    distinct, which = np.unique(flat, return_inverse=True)
    if distinct.size == flat.size:
        return flat, contiguous(rows)
    return distinct, unsorted_segment_sum(contiguous(rows), which, distinct.size)
