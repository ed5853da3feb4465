"""Reductions over any axes: sum, prod, max, min, mean, any, all, logsumexp, sums of squares.

As on the CPU, axes are brought to flat C-ordered blocks (m, n, inner), reduced over n, the last axes first.
How threads share them is said in `groups`; results are the same bit for bit each time.
"""
import functools
import math

import numpy as np

from .. import scalar
from ..blocks import merge_axes
from ..reduce import _highest, _lowest, _ordered, broadcast_axes
from .arrays import contiguous, empty, full
from .blocks import COMBINE, combine_max, combine_sum
from .elementwise import cast
from .extremes import argmax, argmin
from .groups import accumulation, group_reduction, place, spread
from .jit import BLOCK, device, kernel

__all__ = ["argmax", "argmin", "reduce_all", "reduce_any", "reduce_logsumexp", "reduce_max", "reduce_mean",
           "reduce_min", "reduce_prod", "reduce_sum", "sum_of_squares", "sum_to"]


# ---- what is loaded, where totals start, what is stored
@device
def _itself(x, _):
    return x


@device
def _squared(x, _):
    return x * x


@device
def _squared_length(x, _):
    return x.real * x.real + x.imag * x.imag


@device
def _zero(x):
    return type(x)(-0.0)            # (which 0.0 + x is not, for x = -0.0)


@device
def _one(x):
    return type(x)(1)


@device
def _same(x):
    return x


@device
def _total(total, count):
    return total


@device
def _float_mean(total, count):
    return total / type(total)(count)


@device
def _complex_mean(total, count):
    count = type(total.real)(count)
    return complex(total.real / count, total.imag / count)


@device
def _signed_mean(total, count):
    """Rounded toward zero."""
    count = np.int64(count)
    mean = np.int64(total) // count
    return mean + 1 if total < 0 and mean * count != total else mean


@device
def _unsigned_mean(total, count):
    return np.uint64(total) // np.uint64(count)


_START = {"sum": _zero, "prod": _one, "max": _same, "min": _same}
_MEAN = {"f": _float_mean, "c": _complex_mean, "i": _signed_mean, "u": _unsigned_mean}


# ---- kernels
@functools.cache
def fold(how, load=_itself, finish=_total):
    """The kernel of a reduction: how values combine, what is loaded, what is stored."""
    accumulate, reduce, start = accumulation(load, COMBINE[how]), group_reduction(COMBINE[how]), _START[how]

    @kernel
    def reduce_chunks(x, n, inner, chunk, chunks, width_bits, group_bits, units, count, out):
        """out[i, j, c] = finish(combine over load(x[i, rows of chunk j, c]), count)"""
        first, _, rows, row, to, inside = place(n, inner, chunk, chunks, width_bits, group_bits, units)
        step = 1 << (group_bits - width_bits)
        total = accumulate(x, first, row, rows, step, inner, start(load(x[first], 0)), 0)
        total = reduce(total, width_bits, group_bits)
        if inside and row == 0:
            out[to] = finish(total, count)
    return reduce_chunks


@device
def _exp_of_difference(x, shift):
    return scalar.exp(x - shift)


_largest, _group_max = accumulation(_itself, combine_max), group_reduction(combine_max)
_exp_sum, _group_sum = accumulation(_exp_of_difference, combine_sum), group_reduction(combine_sum)


@kernel
def logsumexp(x, n, inner, chunk, chunks, width_bits, group_bits, units, count, out):
    """out[i, j, c] = log(sum of exp(x[i, rows of chunk j, c])); the second pass finds x in a cache"""
    first, _, rows, row, to, inside = place(n, inner, chunk, chunks, width_bits, group_bits, units)
    step, start = 1 << (group_bits - width_bits), x[first]
    largest = _group_max(_largest(x, first, row, rows, step, inner, start, 0), width_bits, group_bits)
    kind = type(start)
    shift = largest if math.isfinite(largest) else kind(0)          # inf - inf would be nan
    total = _exp_sum(x, first, row, rows, step, inner, kind(0), shift)
    total = _group_sum(total, width_bits, group_bits)
    if inside and row == 0:
        out[to] = scalar.log(total) + shift


# ---- launches
def partial(kernel, groups, x, out, count=1):
    """out, flat (m, chunks, inner) = the kernel's results for the chunks of flat x"""
    kernel(groups.blocks, BLOCK, x, *groups.extents, count, out)
    return out


def folded(step, last, x, m, n, inner, count=1):
    """Flat (m, n, inner) reduced over n; the kernel `last` finishes."""
    while True:
        groups = spread(m, n, inner)
        out = empty((m * groups.chunks * inner,), x.dtype)
        if groups.chunks == 1:
            return partial(last, groups, x, out, count)
        x, n = partial(step, groups, x, out), groups.chunks


def _reduce(step, last, of_nothing, x, axes, keepdims):
    gone, shape = frozenset(axes), x.shape
    left = tuple([1 if k in gone else n for k, n in enumerate(shape) if keepdims or k not in gone])
    if x.size == 0:
        return full(left, of_nothing, x.dtype)
    x, gone, back = _c_order(x, gone)
    if back is not None:
        return contiguous(_reduce(step, last, of_nothing, x, gone, True).transpose(back)).reshape(left)
    *before, (m, n, inner) = merge_axes(shape, gone) or ((x.size, 1, 1),)
    count, x = math.prod([shape[k] for k in gone]), x.reshape(-1)
    for block in before:
        x = folded(step, step, x, *block)
    return folded(step, last, x, m, n, inner, count).reshape(left)


def _c_order(x, axes):
    """x permuted, or else copied, to C order, the axes there, and the permutation back or None."""
    if x.flags.c_contiguous:
        return x, axes, None
    order = sorted(range(x.ndim), key=x.strides.__getitem__, reverse=True)
    permuted = x.transpose(order)
    if not permuted.flags.c_contiguous:
        return contiguous(x), axes, None
    back = [order.index(k) for k in range(x.ndim)]
    return permuted, frozenset([back[k] for k in axes]), back


def _plain(how, of_nothing, x, axes, keepdims):
    kernel = fold(how)
    return _reduce(kernel, kernel, of_nothing, x, axes, keepdims)


def _of_bools(how, of_nothing, x, axes, keepdims):
    bits = x if x.dtype.kind == "b" else cast(x, np.bool_)
    return _plain(how, of_nothing, bits.view(np.uint8), axes, keepdims).view(np.bool_)


def reduce_sum(x, axes, keepdims=False):
    """Sum over the axes, in x's dtype: integers wrap, bools give any."""
    if x.dtype.kind == "b":
        return reduce_any(x, axes, keepdims)
    return _plain("sum", 0, x, axes, keepdims)


def reduce_prod(x, axes, keepdims=False):
    """Product over the axes, in x's dtype: integers wrap, bools give all."""
    if x.dtype.kind == "b":
        return reduce_all(x, axes, keepdims)
    return _plain("prod", 1, x, axes, keepdims)


def reduce_mean(x, axes, keepdims=False):
    """Mean over the axes, in x's dtype: integers round toward zero, as in TensorFlow."""
    kind = x.dtype.kind
    if kind == "b":
        raise TypeError("reduce_mean: expected numbers, got bool; cast to a float type first")
    return _reduce(fold("sum"), fold("sum", finish=_MEAN[kind]), 0 if kind in "iu" else np.nan, x, axes,
                   keepdims)


def reduce_max(x, axes, keepdims=False):
    """Largest over the axes; NaN wins."""
    return _extreme("max", _lowest, x, axes, keepdims)


def reduce_min(x, axes, keepdims=False):
    """Smallest over the axes; NaN wins."""
    return _extreme("min", _highest, x, axes, keepdims)


def _extreme(how, of_nothing, x, axes, keepdims):
    reduced = _of_bools if _ordered(x, f"reduce_{how}").dtype.kind == "b" else _plain
    return reduced(how, of_nothing(x.dtype), x, axes, keepdims)


def reduce_any(x, axes, keepdims=False):
    """Whether any along the axes is true (not zero)."""
    return _of_bools("max", 0, x, axes, keepdims)


def reduce_all(x, axes, keepdims=False):
    """Whether all along the axes are true (not zero)."""
    return _of_bools("min", 1, x, axes, keepdims)


def reduce_logsumexp(x, axes, keepdims=False):
    """log(sum(exp(x))) over the axes, safe for large x."""
    if x.dtype.kind != "f":
        raise TypeError(f"reduce_logsumexp: expected a float type, got {x.dtype}")
    return _reduce(logsumexp, logsumexp, -np.inf, x, axes, keepdims)


def sum_to(x, shape):
    """Sum x down to a shape that broadcasts to x's: what the gradient of a broadcast is."""
    return x if x.shape == shape else reduce_sum(x, broadcast_axes(shape, x.shape)).reshape(shape)


def sum_of_squares(arrays):
    """The sum of the squares of all elements of several arrays, of absolute values for complex ones."""
    groups = [spread(1, x.size, 1) for x in arrays if x.size]
    dtype = arrays[0].real.dtype
    total, given = sum([g.chunks for g in groups]), [x for x in arrays if x.size]
    if not given:
        return full((), 0, dtype)
    out, start = empty((total,), dtype), 0
    for x, g in zip(given, groups, strict=True):
        kernel = fold("sum", _squared_length if x.dtype.kind == "c" else _squared)
        partial(kernel, g, contiguous(x).reshape(-1), out[start:start + g.chunks])
        start += g.chunks
    return out.reshape(()) if total == 1 else folded(fold("sum"), fold("sum"), out, 1, total, 1).reshape(())
