"""Linear recurrences of first order along an axis: a running product's gradient is one, zeros or not.

The one idea: h -> a h + b for rows in a row is again such a map, so maps are scanned as sums are in `scan`.
Maps are joined within a warp only, over up to 32 rows; from warp to warp and from tile to tile h itself is
carried, so products of a's stay in range where h does.  Over chunks of long axes they are joined, too.
"""
from ..blocks import around
from .arrays import contiguous, empty
from .blocks import WARP, from_lane
from .groups import UNDER_WAY, place, scan_spread
from .jit import BLOCK, cuda, device, kernel
from .reduce import fold, partial
from .scan import TILE, segment


@device
def _map_of_warp(a, b, within, lanes, width):
    """The map over the rows up to this one, of those in the warp."""
    distance, lane = width, cuda.threadIdx.x & (WARP - 1)
    while distance < lanes:
        earlier_a = from_lane(a, lane - min(distance, lane))
        earlier_b = from_lane(b, lane - min(distance, lane))
        if within >= distance:
            a, b = a * earlier_a, a * earlier_b + b
        distance <<= 1
    return a, b


@kernel
def _recurrence(a, b, n, inner, chunk, chunks, width_bits, group_bits, units, exclusive, reverse, given,
                before, store, out):
    """out[i, k, c] = h[k], or h[k - 1] if exclusive, where h[k] = a[i, k, c] h[k - 1] + b[i, k, c]; h starts
    from 0 in each chunk, or before[i, j, c] if given; without `store` out[i, j, c] = the last h of chunk j"""
    first, _, rows, row, to, inside = place(n, inner, chunk, chunks, width_bits, group_bits, units)
    within, lanes, warp, warps, last = segment(width_bits, group_bits)
    step, width, lane = 1 << (group_bits - width_bits), 1 << width_bits, cuda.threadIdx.x & (WARP - 1)
    kind = type(a[first])
    h, stride = kind(0), inner
    slopes = cuda.local.array(UNDER_WAY, kind)
    offsets = cuda.local.array(UNDER_WAY, kind)
    last_slopes = cuda.shared.array(TILE, kind)
    last_offsets = cuda.shared.array(TILE, kind)
    if given:
        h = before[to]
    if reverse:
        first, stride = first + (rows - 1) * inner, -inner
    for tile in range(0, chunk, UNDER_WAY * step):                  # as often for all threads of a warp
        k = tile + row
        for u in range(UNDER_WAY):
            there = k + u * step < rows
            slopes[u] = a[first + (k + u * step) * stride] if there else kind(1)
            offsets[u] = b[first + (k + u * step) * stride] if there else kind(0)
        for u in range(UNDER_WAY):
            slopes[u], offsets[u] = _map_of_warp(slopes[u], offsets[u], within, lanes, width)
        if warps > 1:
            cuda.syncthreads()                  # what the tile before left is read until here
            if within >= lanes - width:
                for u in range(UNDER_WAY):
                    last_slopes[u * BLOCK + cuda.threadIdx.x] = slopes[u]
                    last_offsets[u * BLOCK + cuda.threadIdx.x] = offsets[u]
            cuda.syncthreads()
        for u in range(UNDER_WAY):
            prior = h
            if warps > 1:
                at = u * BLOCK + (cuda.threadIdx.x >> group_bits << group_bits) + last
                for w in range(warps):
                    h = last_slopes[at + w * WARP] * h + last_offsets[at + w * WARP]
                    if w + 1 == warp:
                        prior = h
            else:
                h = from_lane(slopes[u], last) * h + from_lane(offsets[u], last)
            value = slopes[u] * prior + offsets[u]
            if exclusive:
                value = from_lane(value, lane - min(width, lane))
                value = value if within >= width else prior
            if store and inside and k + u * step < rows:
                out[first + (k + u * step) * stride] = value
    if not store and inside and row == 0:
        out[to] = h


def linear_recurrence(a, b, axis, exclusive=False, reverse=False):
    """h with h[j] = a[j] h[j - 1] + b[j] along the axis; exclusive: h[j - 1] at j; reverse: from the end."""
    if a.size == 0:
        return empty(a.shape, a.dtype)
    flat = contiguous(a).reshape(-1), contiguous(b).reshape(-1)
    return _flat(*flat, *around(a.shape, axis), exclusive, reverse).reshape(a.shape)


def _flat(a, b, m, n, inner, exclusive, reverse):
    """The recurrence of flat (m, n, inner) along n."""
    groups = scan_spread(m, n, inner)

    def run(out, given, *more):
        _recurrence(groups.blocks, BLOCK, a, b, *groups.extents, exclusive, reverse, given, *more, out)
        return out
    out = empty(a.shape, a.dtype)
    if groups.chunks == 1:
        return run(out, False, a, True)
    of_chunks = m * groups.chunks * inner,
    slopes = partial(fold("prod"), groups, a, empty(of_chunks, a.dtype))
    offsets = run(empty(of_chunks, a.dtype), False, a, False)
    return run(out, True, _flat(slopes, offsets, m, groups.chunks, inner, True, reverse), True)
