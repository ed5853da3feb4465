"""Running sums, products and logsumexps along an axis, and the linear recurrence in their gradients."""
import numpy as np

from numbaflow.core.infer import like
from numbaflow.core.optable import Sample, given, integers, normal, op
from numbaflow.kernels import recurrence, scan as kernels

from .arguments import one_axis
from .comparison import is_finite, select
from .exponential import exp

__all__ = ["cumprod", "cumsum", "cumulative_logsumexp", "linear_recurrence"]


def _like(accumulate, first):
    """A NumPy running total with exclusive and reverse."""
    def reference(x, axis=0, exclusive=False, reverse=False):
        x = np.asarray(x)
        axis = int(axis)
        x = np.flip(x, axis) if reverse else x
        y = accumulate(x, axis=axis).astype(x.dtype)
        if exclusive:
            y = np.delete(np.insert(y, 0, first, axis=axis), -1, axis=axis)
        return np.flip(y, axis) if reverse else y
    return reference


_REAL = [Sample(normal(3, 4)), Sample(normal(3, 4), 1), Sample(normal(2, 3, 4), -2, exclusive=True),
         Sample(normal(5), exclusive=True, reverse=True), Sample(normal(3, 4), 1, False, True),
         Sample(normal(0, 3)), Sample(normal(3, 4), np.array(-1))]
_SAMPLES = [*_REAL, Sample(integers(3, 4), 1), Sample(np.array([1 + 2j, 3 - 1j, 0.5j]))]


def _along(x, axis):
    one_axis(axis, x.ndim)
    return like(x)


@op(inputs="x", infer=lambda x, axis: _along(kernels.check_numbers(x, "cumsum"), axis),
    reference=_like(np.cumsum, 0), samples=_SAMPLES, holomorphic=False,
    grads={"x": lambda g, axis, exclusive, reverse: cumsum(g, axis, exclusive, not reverse)})
def cumsum(x, axis=0, exclusive=False, reverse=False, name=None):
    """Running sums along an axis.

    Args:
        x: numbers.
        axis: the axis.
        exclusive: leave out the element itself, so that the first sum is 0.
        reverse: start from the end.

    >>> import numbaflow as nf
    >>> nf.cumsum([1, 2, 3]).numpy().tolist()
    [1, 3, 6]
    >>> nf.cumsum([1, 2, 3], exclusive=True, reverse=True).numpy().tolist()
    [5, 3, 0]
    """
    return kernels.cumsum(x, one_axis(axis, x.ndim), bool(exclusive), bool(reverse))


def _cumprod_rule(g, x, axis, exclusive, reverse):
    """dx[j] = (product before j) s[j], s[j] = g[j] + x[j + 1] s[j + 1]: nothing is divided by x."""
    before = cumprod(x, axis, True, reverse)
    if exclusive:
        return before * linear_recurrence(x, g, axis, True, not reverse)
    return before * (g + linear_recurrence(x, x * g, axis, True, not reverse))


@op(inputs="x", infer=lambda x, axis: _along(kernels.check_numbers(x, "cumprod"), axis),
    reference=_like(np.cumprod, 1), grads={"x": _cumprod_rule},
    samples=[*_SAMPLES, Sample(given([[0.0, 2.0, 3.0], [2.0, 0.0, 0.0]]), 1)])
def cumprod(x, axis=0, exclusive=False, reverse=False, name=None):
    """Running products along an axis; the gradient is right where factors are 0, too.

    Args:
        x: numbers.
        axis: the axis.
        exclusive: leave out the element itself, so that the first product is 1.
        reverse: start from the end.

    >>> import numbaflow as nf
    >>> nf.cumprod([2, 3, 4]).numpy().tolist(), nf.cumprod([2, 3, 4], exclusive=True).numpy().tolist()
    ([2, 6, 24], [1, 2, 6])
    """
    return kernels.cumprod(x, one_axis(axis, x.ndim), bool(exclusive), bool(reverse))


# ---- logsumexp
def _share(part, whole):
    """exp(part - whole), 0 where whole is -inf."""
    return exp(select(is_finite(whole), part - whole, -np.inf))


def _logsumexp_rule(g, x, axis, exclusive, reverse):
    """dx[j] = exp(x[j] - y[j]) t[j], t[j] = g[j] + exp(y[j] - y[j + 1]) t[j + 1]: no factor is over 1."""
    y = cumulative_logsumexp(x, axis, False, reverse)
    kept = _share(cumulative_logsumexp(x, axis, True, reverse), y)
    if exclusive:
        return _share(x, y) * linear_recurrence(kept, g, axis, True, not reverse)
    return _share(x, y) * (g + linear_recurrence(kept, kept * g, axis, True, not reverse))


@op(inputs="x", floats="x", grads={"x": _logsumexp_rule},
    infer=lambda x, axis: _along(kernels.check_floats(x, "cumulative_logsumexp"), axis),
    reference=_like(np.logaddexp.accumulate, -np.inf),
    samples=[Sample(normal(3, 4)), Sample(normal(3, 4), 1), Sample(normal(2, 3, 4), -2, reverse=True),
             Sample(normal(5), exclusive=True, grad=False), Sample(normal(0, 3)),
             Sample(given([-np.inf, -np.inf, 800.0, 1.0]), grad=False)])
def cumulative_logsumexp(x, axis=0, exclusive=False, reverse=False, name=None):
    """Running log(sum(exp(x))) along an axis, without overflow.

    Args:
        x: real numbers.
        axis: the axis.
        exclusive: leave out the element itself, so that the first is -inf.
        reverse: start from the end.

    >>> import numbaflow as nf
    >>> nf.math.cumulative_logsumexp([1000.0, 1000.0]).numpy().round(2)
    array([1000.  , 1000.69], dtype=float32)
    """
    return kernels.cumulative_logsumexp(x, one_axis(axis, x.ndim), bool(exclusive), bool(reverse))


# ---- the recurrence
def _recurrence(a, b, axis=0, exclusive=False, reverse=False):
    a, b = (np.moveaxis(np.asarray(v), axis, 0) for v in (a, b))
    order = range(len(a))[::-1] if reverse else range(len(a))
    y, h = np.empty_like(b), np.zeros_like(b[0])
    for j in order:
        before, h = h, a[j] * h + b[j]
        y[j] = before if exclusive else h
    return np.moveaxis(y, 0, axis)


def _recurrence_rule(g, a, b, axis, exclusive, reverse):
    """The adjoint runs the other way: db[j] = g[j] + a[j + 1] db[j + 1], da[j] = db[j] h[j - 1]."""
    if exclusive:
        db = linear_recurrence(a, g, axis, True, not reverse)
    else:
        db = g + linear_recurrence(a, a * g, axis, True, not reverse)
    return db * linear_recurrence(a, b, axis, True, reverse), db


def _check_pair(a, b):
    if a.shape != b.shape:
        raise ValueError(f"shapes {a.shape} and {b.shape} differ")
    return b


@op(inputs="a b", promote="a b", floats="a b", grads={("a", "b"): _recurrence_rule}, reference=_recurrence,
    infer=lambda a, b, axis: _along(_check_pair(a, b), axis),
    samples=[Sample(normal(5), normal(5)), Sample(normal(3, 4), normal(3, 4), 1, exclusive=True),
             Sample(normal(2, 3, 2), normal(2, 3, 2), -2, reverse=True),
             Sample(normal(4, 2), normal(4, 2), exclusive=True, reverse=True),
             Sample(normal(1, 3), normal(1, 3)),
             Sample(np.array([1 + 2j, 3 - 1j, 0.5j]), np.array([1j, 2 - 1j, 3.0]))])
def linear_recurrence(a, b, axis=0, exclusive=False, reverse=False, name=None):
    """h[j] = a[j] h[j - 1] + b[j] along an axis, from h = 0: moving averages, filters, discounted sums.

    Args:
        a, b: floats of one shape and dtype.
        axis: the axis.
        exclusive: give h[j - 1] at j, so that the first is 0.
        reverse: start from the end.

    >>> import numbaflow as nf
    >>> nf.linear_recurrence([0.5, 0.5, 0.5], [1.0, 1.0, 1.0]).numpy().tolist()
    [1.0, 1.5, 1.75]
    """
    _check_pair(a, b)
    return recurrence.linear_recurrence(a, b, one_axis(axis, a.ndim), bool(exclusive), bool(reverse))
