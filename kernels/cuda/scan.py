"""Cumulative sum, product and logsumexp along an axis, from either end, with or without the element itself.

As in `reduce`, groups of threads share columns of flat (m, n, inner).  A group takes tiles of a few rows a
thread, one after the other: its warps scan their parts by shuffles and learn from shared memory what stands
before them.  Long axes of few columns are cut into chunks, whose totals are scanned first.
"""
import numpy as np

from .. import scalar
from ..blocks import around
from ..scan import check_floats, check_numbers
from .arrays import contiguous, empty
from .blocks import WARP, combine_prod, combine_sum, from_lane
from .groups import UNDER_WAY, place, scan_spread
from .jit import BLOCK, cuda, device, kernel
from .reduce import _one, fold, logsumexp, partial

__all__ = ["check_floats", "check_numbers", "cumprod", "cumsum", "cumulative_logsumexp"]

TILE = UNDER_WAY * BLOCK            # elements that a block scans at a time


# ---- kernels
@device
def _add_exponentials(a, b):
    """log(exp(a) + exp(b))"""
    low, high = (a, b) if a < b or a != a else (b, a)
    kind = type(a)
    gap = kind(0) if low == high else kind(low - high)          # inf - inf would be nan
    return high + scalar.log1p(scalar.exp(gap)) if low == low else low


@device
def _zero(x):
    return type(x)(0)                   # (as the CPU begins: not -0.0, from which -0.0 would stay)


@device
def _lowest(x):
    return type(x)(-np.inf)


@device
def segment(width_bits, group_bits):
    """(this thread's place among those of its warp that share columns, how many those are, its warp's number
    in the group, the group's warps, the lane of the last row of its column)"""
    thread, mine = cuda.threadIdx.x, min(group_bits, 5)
    within, lanes = thread & ((1 << mine) - 1), 1 << mine
    last = (thread & (WARP - 1)) - within + lanes - (1 << width_bits) + (within & ((1 << width_bits) - 1))
    return within, lanes, (thread & ((1 << group_bits) - 1)) >> 5, 1 << (group_bits - mine), last


def _scan_kernel(combine, neutral):
    @device
    def of_warp(value, within, lanes, width):
        """combine over the rows up to this one, of those in the warp"""
        kind, distance, lane = type(value), width, cuda.threadIdx.x & (WARP - 1)
        while distance < lanes:
            earlier = from_lane(value, lane - min(distance, lane))
            if within >= distance:
                value = kind(combine(earlier, value))
            distance <<= 1
        return value

    @kernel
    def scan(x, n, inner, chunk, chunks, width_bits, group_bits, units, exclusive, reverse, given, before,
             out):
        """out[i, :, c] = the scan of x[i, :, c]; before[i, j, c], if given, stands before chunk j"""
        first, _, rows, row, to, inside = place(n, inner, chunk, chunks, width_bits, group_bits, units)
        within, lanes, warp, warps, last = segment(width_bits, group_bits)
        step, width, lane = 1 << (group_bits - width_bits), 1 << width_bits, cuda.threadIdx.x & (WARP - 1)
        nothing, stride = neutral(x[first]), inner
        kind, carry = type(nothing), nothing
        values = cuda.local.array(UNDER_WAY, kind)
        totals = cuda.shared.array(TILE, kind)
        if given:
            carry = before[to]
        if reverse:
            first, stride = first + (rows - 1) * inner, -inner
        for tile in range(0, chunk, UNDER_WAY * step):              # as often for all threads of a warp
            k = tile + row
            for u in range(UNDER_WAY):
                values[u] = x[first + (k + u * step) * stride] if k + u * step < rows else nothing
            for u in range(UNDER_WAY):
                values[u] = of_warp(values[u], within, lanes, width)
            if warps > 1:
                cuda.syncthreads()              # what the tile before left is read until here
                if within >= lanes - width:
                    for u in range(UNDER_WAY):
                        totals[u * BLOCK + cuda.threadIdx.x] = values[u]
                cuda.syncthreads()
            for u in range(UNDER_WAY):
                prior = carry
                if warps > 1:
                    at = u * BLOCK + (cuda.threadIdx.x >> group_bits << group_bits) + last
                    for w in range(warps):
                        if w < warp:
                            prior = kind(combine(prior, totals[at + w * WARP]))
                        carry = kind(combine(carry, totals[at + w * WARP]))
                else:
                    carry = kind(combine(carry, from_lane(values[u], last)))
                value = values[u]
                if exclusive:
                    value = from_lane(value, lane - min(width, lane))
                    value = value if within >= width else nothing
                if inside and k + u * step < rows:
                    out[first + (k + u * step) * stride] = combine(prior, value)
    return scan


# ---- launches
_SUM = _scan_kernel(combine_sum, _zero), fold("sum")
_PROD = _scan_kernel(combine_prod, _one), fold("prod")
_LOGSUMEXP = _scan_kernel(_add_exponentials, _lowest), logsumexp


def cumsum(x, axis, exclusive=False, reverse=False):
    """Running sums along the axis; exclusive: of what comes before; reverse: from the end."""
    return _scan(_SUM, check_numbers(x, "cumsum"), axis, exclusive, reverse)


def cumprod(x, axis, exclusive=False, reverse=False):
    """Running products along the axis; exclusive: of what comes before; reverse: from the end."""
    return _scan(_PROD, check_numbers(x, "cumprod"), axis, exclusive, reverse)


def cumulative_logsumexp(x, axis, exclusive=False, reverse=False):
    """Running log(sum(exp(x))) along the axis; exclusive starts with -inf."""
    return _scan(_LOGSUMEXP, check_floats(x, "cumulative_logsumexp"), axis, exclusive, reverse)


def _scan(kernels, x, axis, exclusive, reverse):
    if x.size == 0:
        return empty(x.shape, x.dtype)
    flat = contiguous(x).reshape(-1)
    return _flat(kernels, flat, *around(x.shape, axis), exclusive, reverse).reshape(x.shape)


def _flat(kernels, x, m, n, inner, exclusive, reverse):
    """The scan of flat (m, n, inner) along n."""
    scan, total = kernels
    groups, out, before = scan_spread(m, n, inner), empty(x.shape, x.dtype), x
    several = groups.chunks > 1
    if several:
        totals = partial(total, groups, x, empty((m * groups.chunks * inner,), x.dtype))
        before = _flat(kernels, totals, m, groups.chunks, inner, True, reverse)
    scan(groups.blocks, BLOCK, x, *groups.extents, exclusive, reverse, several, before, out)
    return out
