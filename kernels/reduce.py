"""Reductions over any axes: sum, prod, max, min, mean, any, all, logsumexp.

A reduction is brought to flat C-ordered blocks (m, n, inner), reduced over n, the last axes first.  Long ones
are cut into chunks whose size depends on the shape alone, and the results of chunks reduced again: the error
grows with log n, and the result is the same bit for bit whatever the number of threads.
"""
import functools
import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from . import scalar
from .blocks import c_order, copy, fill, merge_axes
from .extremes import argmax, argmin, maximum, minimum
from .jit import body, kernel, range_kernel
from .memory import empty

__all__ = ["argmax", "argmin", "maximum", "minimum", "reduce_all", "reduce_any", "reduce_logsumexp",
           "reduce_max", "reduce_mean", "reduce_min", "reduce_prod", "reduce_sum", "sum_of_squares", "sum_to"]

BLOCK = 1024        # elements that one vector loop reduces
CHUNK = 1 << 15     # elements of a row in one task
ROWS = 256          # rows in one task, where rows are added up
TILE = 1024         # columns in one task
SHORT = 1 << 14     # elements whose squares BLAS adds up in a third of the time; its error grows with n
WIDE = 256          # rows shorter than half of this are taken several at a time


# ---- kernels
@body
def _add(a, b):
    return a + b


@body
def _multiply(a, b):
    return a * b


@body
def _as_is(a, count):
    return a


@body
def _divide(a, count):
    return a / count


class Reduction(NamedTuple):
    """The kernels of one reduction, and what it gives for a dtype when there is nothing to reduce."""

    whole: Callable
    rows: Callable
    columns: Callable
    of_nothing: Callable


def _reduction(combine, of_nothing, finish=_as_is):
    run = _run_kernel(combine)
    return Reduction(_whole_kernel(run, finish), _rows_kernel(run, finish), _columns_kernel(combine, finish),
                     of_nothing)


def _run_kernel(combine):
    @kernel
    def line(x):
        """combine over x: one vector loop."""
        acc = x[x.size - 1]
        for i in range(x.size - 1):
            acc = combine(acc, x[i])
        return acc

    @kernel
    def run(x):
        """combine over x, block by block."""
        acc = line(x[:BLOCK])
        for start in range(BLOCK, x.size, BLOCK):
            acc = combine(acc, line(x[start:start + BLOCK]))
        return acc
    return run


def _whole_kernel(run, finish):
    @kernel
    def whole(x, out):
        """out = finish(combine over x)"""
        out[()] = finish(run(x), x.size)
    return whole


def _rows_kernel(run, finish):
    @range_kernel
    def rows(x, n, count, out, lo, hi):
        """out[i, j] = finish(combine over x[i, chunk j])"""
        chunks = (n + CHUNK - 1) // CHUNK
        for task in range(lo, hi):
            i, j = divmod(task, chunks)
            out[task] = finish(run(x[i * n + j * CHUNK:i * n + min((j + 1) * CHUNK, n)]), count)
    return rows


def _columns_kernel(combine, finish):
    @kernel
    def fold_one(row, acc):
        """acc[c] = combine(acc[c], row[c])"""
        for c in range(acc.size):
            acc[c] = combine(acc[c], row[c])

    @kernel
    def fold_eight(x, stride, acc):
        """acc[c] = combine(acc[c], the eight rows' x[c]), as a tree"""
        # (unsigned: Numba would test each signed index for being negative)
        one = np.uint64(stride)
        two, four = one + one, one + one + one + one
        for c in range(np.uint64(acc.size)):
            d = c + four
            left = combine(combine(x[c], x[c + one]), combine(x[c + two], x[c + two + one]))
            right = combine(combine(x[d], x[d + one]), combine(x[d + two], x[d + two + one]))
            acc[c] = combine(acc[c], combine(left, right))

    @range_kernel
    def columns(x, stride, n, inner, count, out, out_stride, lo, hi):
        """out[i, j, c] = finish(combine over x[i, rows of chunk j, c]); a block i starts at i * stride"""
        chunks, tiles = (n + ROWS - 1) // ROWS, (inner + TILE - 1) // TILE
        for task in range(lo, hi):
            i, rest = divmod(task, chunks * tiles)
            j, tile = divmod(rest, tiles)
            c, width = tile * TILE, min(TILE, inner - tile * TILE)
            row, last = j * ROWS, min((j + 1) * ROWS, n) - 1
            at, to = i * stride + c, i * out_stride + j * inner + c
            acc = out[to:to + width]
            copy(x[at + last * inner:at + last * inner + width], acc)
            while row + 8 <= last:
                fold_eight(x[at + row * inner:at + (row + 7) * inner + width], inner, acc)
                row += 8
            for r in range(row, last):
                fold_one(x[at + r * inner:at + r * inner + width], acc)
            for k in range(width):
                acc[k] = finish(acc[k], count)
    return columns


@body
def _shift(largest):
    return largest if math.isfinite(largest) else 0.0       # inf - inf would be nan


_largest = _run_kernel(maximum)


@kernel
def _logsumexp(x):
    """log(sum of exp(x))"""
    shift = _shift(_largest(x))
    total = x.dtype.type(0)
    for i in range(x.size):
        total += scalar.exp(x[i] - shift)
    return scalar.log(total) + shift


_logsumexp_whole = _whole_kernel(_logsumexp, _as_is)
_logsumexp_rows = _rows_kernel(_logsumexp, _as_is)


@range_kernel
def _logsumexp_columns(x, stride, n, inner, count, out, out_stride, lo, hi):
    """out[i, j, c] = log(sum of exp(x[i, rows of chunk j, c])); a block i starts at i * stride"""
    chunks, tiles = (n + ROWS - 1) // ROWS, (inner + TILE - 1) // TILE
    sums = np.empty(min(TILE, inner), x.dtype)
    for task in range(lo, hi):
        i, rest = divmod(task, chunks * tiles)
        j, tile = divmod(rest, tiles)
        c, width = tile * TILE, min(TILE, inner - tile * TILE)
        at, to = i * stride + c, i * out_stride + j * inner + c
        acc, total = out[to:to + width], sums[:width]
        copy(x[at + j * ROWS * inner:at + j * ROWS * inner + width], acc)
        for r in range(j * ROWS + 1, min((j + 1) * ROWS, n)):
            row = x[at + r * inner:at + r * inner + width]
            for k in range(width):
                acc[k] = maximum(acc[k], row[k])
        fill(total, 0)
        for r in range(j * ROWS, min((j + 1) * ROWS, n)):
            row = x[at + r * inner:at + r * inner + width]
            for k in range(width):
                total[k] += scalar.exp(row[k] - _shift(acc[k]))
        for k in range(width):
            acc[k] = scalar.log(total[k]) + _shift(acc[k])


# ---- launches
def _lowest(dtype):
    return -np.inf if dtype.kind == "f" else np.iinfo(dtype).min if dtype.kind in "iu" else False


def _highest(dtype):
    return np.inf if dtype.kind == "f" else np.iinfo(dtype).max if dtype.kind in "iu" else True


SUM = _reduction(_add, lambda dtype: 0)
MEAN = _reduction(_add, lambda dtype: np.nan, _divide)
PROD = _reduction(_multiply, lambda dtype: 1)
MAX = _reduction(maximum, _lowest)
MIN = _reduction(minimum, _highest)
LOGSUMEXP = Reduction(_logsumexp_whole, _logsumexp_rows, _logsumexp_columns, _lowest)


def _reduce(op, x, axes, keepdims):
    contiguous = x.flags.c_contiguous
    if contiguous and len(axes) == x.ndim and 0 < x.size <= CHUNK:
        out = np.empty((), x.dtype)
        op.whole(x.ravel(), out)
        return out.reshape((1,) * x.ndim) if keepdims else out
    plan = _plan(x.shape, axes, keepdims)
    if contiguous and plan.small:
        m, n, inner = plan.blocks[0]
        out = np.empty(plan.shape, x.dtype)
        if inner == 1:
            op.rows.serial(x.ravel(), n, n, out.ravel(), 0, m)
        else:
            op.columns.serial(x.ravel(), n * inner, n, inner, n, out.ravel(), inner, 0, m * -(-inner // TILE))
        return out
    return _reduce_blocks(op, x, axes, plan)


def _reduce_blocks(op, x, axes, plan):
    if x.size == 0:
        out = empty(plan.shape, x.dtype)
        out.fill(op.of_nothing(x.dtype) if out.size else 0)
        return out
    x, axes, back = c_order(x, axes)
    if back is not None:
        y = _reduce(op, x, axes, True).transpose(back)
        return np.ascontiguousarray(y).reshape(plan.shape)
    if not plan.blocks:
        out = empty(plan.shape, x.dtype)
        out[...] = x.reshape(plan.shape)
        return out
    y = x.reshape(-1)
    for m, n, inner in plan.blocks[:-1]:
        y = _fold(op, y, m, n, inner, 1)
    return _fold(op, y, *plan.blocks[-1], plan.reduced).reshape(plan.shape)


class _Plan(NamedTuple):
    blocks: tuple       # ((m, n, inner), ...): reduce over n, one after the other
    reduced: int        # elements that become one
    shape: tuple        # of the result
    small: bool         # one serial kernel call does it


@functools.lru_cache(maxsize=4096)
def _plan(shape, axes, keepdims):
    reduced = frozenset(axes)
    blocks = merge_axes(shape, reduced)
    count = math.prod(shape[i] for i in axes)
    left = tuple(n if i not in reduced else 1 for i, n in enumerate(shape) if keepdims or i not in reduced)
    small = len(blocks) == 1 and 0 < math.prod(shape) <= CHUNK
    if small:
        _, n, inner = blocks[0]
        small = inner == 1 or (n <= ROWS and not _is_narrow(n, inner))
    return _Plan(blocks, count, left, small)


def _is_narrow(n, inner):
    return 1 < inner < WIDE // 2 and n * inner >= 4 * WIDE


def _fold(op, x, m, n, inner, count):
    """Reduce the flat (m, n, inner) over n to a flat (m, inner)."""
    if inner == 1:
        return _fold_rows(op, x, m, n, count)
    if _is_narrow(n, inner):
        x, n = _fold_narrow(op, x, m, n, inner)
    while True:
        chunks, tiles = -(-n // ROWS), -(-inner // TILE)
        out = empty((m * chunks * inner,), x.dtype)
        divisor = count if chunks == 1 else 1
        op.columns(m * chunks * tiles, m * n * inner, x, n * inner, n, inner, divisor, out, chunks * inner)
        if chunks == 1:
            return out
        x, n = out, chunks


def _fold_rows(op, x, m, n, count):
    while True:
        chunks = -(-n // CHUNK)
        out = empty((m * chunks,), x.dtype)
        op.rows(m * chunks, m * n, x, n, count if chunks == 1 else 1, out)
        if chunks == 1:
            return out
        x, n = out, chunks


def _fold_narrow(op, x, m, n, inner):
    """Rows too narrow for vectors are taken several at a time; gives (m, fewer, inner) and fewer."""
    group = -(-WIDE // inner)
    rows, rest = divmod(n, group)
    chunks = -(-rows // ROWS)
    fewer = chunks * group + rest
    out = empty((m, fewer, inner), x.dtype)
    op.columns(m * chunks * -(-group * inner // TILE), m * n * inner, x, n * inner, rows, group * inner, 1,
               out.reshape(-1), fewer * inner)
    if rest:
        out[:, fewer - rest:] = x.reshape(m, n, inner)[:, n - rest:]
    return out.reshape(-1), fewer


def reduce_sum(x, axes, keepdims=False):
    """Sum over the axes, in x's dtype: integers wrap, bools give any."""
    return _reduce(SUM, x, axes, keepdims)


def reduce_prod(x, axes, keepdims=False):
    """Product over the axes, in x's dtype: integers wrap, bools give all."""
    return _reduce(PROD, x, axes, keepdims)


def reduce_mean(x, axes, keepdims=False):
    """Mean over the axes, in x's dtype: integers round toward zero, as in TensorFlow."""
    kind = x.dtype.kind
    if kind == "f":
        return _reduce(MEAN, x, axes, keepdims)
    if kind == "b":
        raise TypeError("reduce_mean: expected numbers, got bool; cast to a float type first")
    count = math.prod([x.shape[i] for i in axes])
    total = _reduce(SUM, x, axes, keepdims)
    if kind == "c":
        total.real /= count
        total.imag /= count
        return total
    return _divide_toward_zero(total, count)


def _divide_toward_zero(total, count):
    if count == 0:
        return total
    if count > np.iinfo(total.dtype).max:       # then the sum has wrapped
        return np.zeros_like(total)
    count = total.dtype.type(count)
    quotient = total // count
    return quotient + ((total < 0) & (quotient * count != total)).astype(total.dtype)


def reduce_max(x, axes, keepdims=False):
    """Largest over the axes; NaN wins."""
    return _reduce(MAX, _ordered(x, "reduce_max"), axes, keepdims)


def reduce_min(x, axes, keepdims=False):
    """Smallest over the axes; NaN wins."""
    return _reduce(MIN, _ordered(x, "reduce_min"), axes, keepdims)


def _ordered(x, name):
    if x.dtype.kind == "c":
        raise TypeError(f"{name}: complex numbers have no order, got {x.dtype}")
    return x


def reduce_any(x, axes, keepdims=False):
    """Whether any along the axes is true (not zero)."""
    return _reduce(MAX, _bits(x), axes, keepdims).view(np.bool_)


def reduce_all(x, axes, keepdims=False):
    """Whether all along the axes are true (not zero)."""
    if x.size == 0:
        return ~_reduce(MAX, _bits(x), axes, keepdims).view(np.bool_)
    return _reduce(MIN, _bits(x), axes, keepdims).view(np.bool_)


def _bits(x):
    return (x if x.dtype.kind == "b" else x != 0).view(np.uint8)


def reduce_logsumexp(x, axes, keepdims=False):
    """log(sum(exp(x))) over the axes, safe for large x."""
    if x.dtype.kind != "f":
        raise TypeError(f"reduce_logsumexp: expected a float type, got {x.dtype}")
    return _reduce(LOGSUMEXP, x, axes, keepdims)


def sum_of_squares(arrays):
    """The sum of the squares of all elements of several arrays, of absolute values for complex ones."""
    total = _squared_length(arrays[0])
    for x in arrays[1:]:
        total = total + _squared_length(x)
    return total


def _squared_length(x):
    if x.size > SHORT:
        return reduce_sum((x * x.conj()).real, tuple(range(x.ndim)))
    flat = x.reshape(-1)
    return np.vdot(flat, flat).real


# ---- undoing a broadcast
def sum_to(x, shape):
    """Sum x down to a shape that broadcasts to x's: what the gradient of a broadcast is."""
    if x.shape == shape:
        return x
    axes = broadcast_axes(shape, x.shape)
    y = _reduce(SUM, x, axes, False)
    return y if y.shape == shape else y.reshape(shape)


@functools.lru_cache(maxsize=4096)
def broadcast_axes(small, large):
    """The axes along which an array of shape `small` is repeated when it is broadcast to `large`."""
    lead = len(large) - len(small)
    if lead < 0 or any(n not in (1, large[lead + i]) for i, n in enumerate(small)):
        raise ValueError(f"sum_to: shape {small} does not broadcast to {large}")
    return tuple(range(lead)) + tuple(lead + i for i, n in enumerate(small) if n == 1 != large[lead + i])
