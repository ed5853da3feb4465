"""Update rules of optimizers: parameters and their slots, in place.

A rule is a scalar body: from a parameter, its slots, the gradient and the step's constants it gives the new
parameter and slots.  Each becomes an `Update`, which runs it over whole arrays or over the rows that a sparse
gradient touches.
"""
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
def momentum_rule(p, a, g, rate, keep):
    """a = keep * a + g; p -= rate * a"""
    a = keep * a + g
    return p - rate * a, a


@body
def nesterov_rule(p, a, g, rate, keep):
    """a = keep * a + g; p -= rate * (g + keep * a)"""
    a = keep * a + g
    return p - rate * (g + keep * a), a


@body(exact=True)
def adagrad_rule(p, a, g, rate):
    """a += g**2; p -= rate * g / sqrt(a)"""
    a = a + g * g
    return p - rate * g / scalar.sqrt(a), a


@body(exact=True)
def adam_rule(p, m, v, g, rate, gain1, gain2, epsilon):
    """m += gain1 * (g - m); v += gain2 * (g**2 - v); p -= rate * m / (sqrt(v) + epsilon)"""
    m = m + gain1 * (g - m)
    v = v + gain2 * (g * g - v)
    return p - rate * m / (scalar.sqrt(v) + epsilon), m, v


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
        name = rule.__name__.removesuffix("_rule")
        scope = {"rule": rule, "__name__": __name__}
        exec(_loops(rule, name), scope)
        self._whole, self._rows = range_kernel(scope[name]), range_kernel(scope[f"{name}_rows"])
        self._serial, self.__name__, self.__doc__ = self._whole.serial, name, rule.__doc__
        self._slots = rule.__code__.co_varnames.index("g")

    def __call__(self, n, *args):
        if n < PARALLEL_WORK:
            self._serial(*args, 0, n)
        else:
            self._whole(n, n, *args)

    def rows(self, numbers, *args):
        state, g = args[:self._slots], args[self._slots]
        if g.size:
            self._rows(numbers.size, g.size, *state, numbers, *args[self._slots:])


gradient_descent = Update(gradient_descent_rule)
momentum = Update(momentum_rule)
nesterov = Update(nesterov_rule)
adagrad = Update(adagrad_rule)
adam = Update(adam_rule)
rmsprop = Update(rmsprop_rule)
centered_rmsprop = Update(centered_rmsprop_rule)


def summed_rows(indices, rows, n):
    """Distinct row numbers and the sum of each one's rows; raises for an index that is not in [0, n)."""
    flat = checked_indices(indices, n)
    distinct, which = np.unique(flat, return_inverse=True)
    if distinct.size == flat.size:
        return flat, contiguous(rows)
    return distinct, unsorted_segment_sum(contiguous(rows), which, distinct.size)
