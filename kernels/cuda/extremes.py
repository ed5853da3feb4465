"""Where the largest and the smallest along an axis stand: the first of equals, the first NaN if any.

The one idea: a value and its place are reduced together, by an order in which no two are equal.
"""
import numpy as np

from ..blocks import around
from .arrays import contiguous, empty
from .blocks import WARP, exchange
from .groups import place, spread
from .jit import BLOCK, cuda, device, kernel

INT64 = np.dtype(np.int64)


@device
def _larger(a, b):
    return a > b


@device
def _smaller(a, b):
    return a < b


@device
def _counted(places, at, k):
    return np.int64(k)


@device
def _noted(places, at, k):
    return np.int64(places[at])


def _choice(beats):
    @device
    def visit(value, k, best, found):
        """The better of value at k and best at found, and its place."""
        if best != best:
            wins = value != value and k < found
        else:
            wins = value != value or beats(value, best) or (value == best and k < found)
        return (value, k) if wins else (best, found)
    return visit


def _group_reduction(visit):
    """The place of the best over the group's threads of a column, and the best."""
    @device
    def reduce(best, found, width_bits, group_bits):
        distance = (1 << min(group_bits, 5)) >> 1
        while distance >> width_bits > 0:
            best, found = visit(exchange(best, distance), exchange(found, distance), best, found)
            distance >>= 1
        if group_bits > 5:
            values = cuda.shared.array(BLOCK, type(best))
            places = cuda.shared.array(BLOCK, np.int64)
            values[cuda.threadIdx.x], places[cuda.threadIdx.x] = best, found
            cuda.syncthreads()
            at = (cuda.threadIdx.x >> group_bits << group_bits) + (cuda.threadIdx.x & (WARP - 1))
            for w in range(1 << (group_bits - 5)):
                best, found = visit(values[at + w * WARP], places[at + w * WARP], best, found)
        return best, found
    return reduce


def _position_kernel(beats, place_of):
    visit = _choice(beats)
    reduce = _group_reduction(visit)

    @kernel
    def position(x, places, n, inner, chunk, chunks, width_bits, group_bits, units, keep, values, out):
        """out[i, j, c] = the place of the best of x[i, rows of chunk j, c]; `keep` it in values, too"""
        first, start, rows, row, to, inside = place(n, inner, chunk, chunks, width_bits, group_bits, units)
        step = 1 << (group_bits - width_bits)
        k, at, stride = row, first + row * inner, step * inner
        best, found = x[first], place_of(places, first, start)
        while k + 3 * step < rows:
            one, two, three, four = x[at], x[at + stride], x[at + 2 * stride], x[at + 3 * stride]
            best, found = visit(one, place_of(places, at, start + k), best, found)
            best, found = visit(two, place_of(places, at + stride, start + k + step), best, found)
            best, found = visit(three, place_of(places, at + 2 * stride, start + k + 2 * step), best, found)
            best, found = visit(four, place_of(places, at + 3 * stride, start + k + 3 * step), best, found)
            at += 4 * stride
            k += 4 * step
        while k < rows:
            best, found = visit(x[at], place_of(places, at, start + k), best, found)
            at += stride
            k += step
        best, found = reduce(best, found, width_bits, group_bits)
        if inside and row == 0:
            out[to] = found
            if keep:
                values[to] = best
    return position


_MAX = _position_kernel(_larger, _counted), _position_kernel(_larger, _noted)
_MIN = _position_kernel(_smaller, _counted), _position_kernel(_smaller, _noted)


# ---- launches
def argmax(x, axis, dtype=INT64):
    """The position of the largest along the axis: the first of equals, the first NaN if any."""
    return _position(_MAX, x, axis, dtype, "argmax")


def argmin(x, axis, dtype=INT64):
    """The position of the smallest along the axis: the first of equals, the first NaN if any."""
    return _position(_MIN, x, axis, dtype, "argmin")


def _position(kernels, x, axis, dtype, name):
    if x.dtype.kind == "c":
        raise TypeError(f"{name}: complex numbers have no order, got {x.dtype}")
    m, n, inner = around(x.shape, axis)
    if n == 0:
        raise ValueError(f"{name}: axis {axis} of shape {x.shape} is empty: there is no position to give")
    x, shape = x.view(np.uint8) if x.dtype.kind == "b" else x, x.shape[:axis] + x.shape[axis + 1:]
    if x.size == 0:
        return empty(shape, dtype)
    values, found, chunks = contiguous(x).reshape(-1), None, 0
    while chunks != 1:
        groups = spread(m, n, inner)
        chunks = groups.chunks
        out = empty((m * chunks * inner,), dtype if chunks == 1 else INT64)
        best = empty((out.size if chunks > 1 else 1,), x.dtype)
        kernel, places = (kernels[0], out) if found is None else (kernels[1], found)
        kernel(groups.blocks, BLOCK, values, places, *groups.extents, chunks > 1, best, out)
        values, found, n = best, out, chunks
    return found.reshape(shape)
