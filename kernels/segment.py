"""Reductions over segments: rows of equal id become one row.

The one idea: a segment reduction is a scatter of the rows into an output that starts at the reduction's
neutral element; an id outside the output is dropped by the scatter itself.
"""
from math import prod

import numpy as np

from .index import INT64, IndexOutOfRange, check_integers, contiguous, flat_indices
from .jit import kernel, range_kernel
from .memory import empty
from .recording import full, scratch
from .scatter import add_rows, combine_rows, max_rows, min_rows, multiply_rows


@kernel
def first_descent(ids):
    """min {i: ids[i] < ids[i - 1]}, where ids[-1] = 0; or -1."""
    last = 0
    for i in range(ids.size):
        if ids[i] < last:
            return i
        last = ids[i]
    return -1


@range_kernel
def count_ids(ids, out, lo, hi):
    """out[s] = #{i: ids[i] == s}, for segments."""
    out[lo:hi] = 0
    for s in ids:
        if lo <= s < hi:
            out[s] += 1


@range_kernel
def first_above(ids, segments, lo, hi):
    """min {i: ids[i] >= segments}, or -1."""
    for i in range(lo, hi):
        if ids[i] >= segments:
            return i
    return -1


@range_kernel
def divide_rows(rows, counts, root, lo, hi):
    """rows[s] /= counts[s], at least 1, or its root; integers round towards zero, as in C."""
    for s in range(lo, hi):
        n = max(counts[s], 1)
        divisor = np.sqrt(n) if root else np.float64(n)
        for j in range(rows.shape[1]):
            rows[s, j] /= divisor


@range_kernel
def divide_integers(rows, counts, lo, hi):
    """rows[s] //= counts[s], at least 1, rounded towards zero, as in C."""
    for s in range(lo, hi):
        n = max(counts[s], 1)
        for j in range(rows.shape[1]):
            quotient = rows[s, j] // n
            if quotient < 0 and quotient * n != rows[s, j]:
                quotient += 1
            rows[s, j] = quotient


@range_kernel
def replace_empty(rows, counts, none, lo, hi):
    """rows[s] = none where counts[s] is 0."""
    for s in range(lo, hi):
        if counts[s] == 0:
            for j in range(rows.shape[1]):
                rows[s, j] = none


def _neutral(dtype, largest):
    """The element that min (largest) or max (smallest) starts from."""
    if dtype.kind == "f":
        return np.inf if largest else -np.inf
    if dtype.kind == "b":
        return largest
    if dtype.kind not in "iu":
        raise TypeError(f"{dtype} has no order for a minimum or maximum")
    return np.iinfo(dtype).max if largest else np.iinfo(dtype).min


def _counts(ids, segments):
    counts = scratch((segments,), INT64)
    count_ids(segments, 0, ids, counts)
    return counts


def _divide(total, counts, root=False):
    """total / counts, or / their roots; integers round towards zero, as in C."""
    rows = total.reshape(counts.size, -1) if total.size else total.reshape(counts.size, 0)
    if total.dtype.kind in "iu":
        divide_integers(counts.size, total.size, rows, counts)
    else:
        divide_rows(counts.size, total.size, rows, counts, root)
    return total


# ---- sorted ids: one an index of the first axis
def _sorted_ids(data, ids):
    """The ids and the number of segments, last id + 1; raises unless they are sorted."""
    if ids.ndim != 1 or data.ndim == 0 or ids.size != data.shape[0]:
        raise ValueError(f"segment_ids {ids.shape} must have one id for each row of data {data.shape}")
    flat = flat_indices(ids)
    if (bad := first_descent(flat)) >= 0:
        before = f"after {flat[bad - 1]}" if bad else "first"
        raise ValueError(f"segment_ids must be sorted and not negative: {flat[bad]} comes {before}, "
                         f"at position {bad}")
    return flat, int(flat[-1]) + 1 if flat.size else 0


def _reduce(rows_kernel, data, ids, segments, rank, start):
    """Scatter the data, its first `rank` axes counted by ids, to `segments` rows that start at `start`."""
    width = data.shape[rank:]
    out, inner = full((segments, *width), start, data.dtype), prod(width)
    if out.size and ids.size:
        rows = contiguous(data).reshape(1, ids.size, inner)
        combine_rows(rows_kernel, out.reshape(1, segments, inner), ids, rows)
    return out


def segment_sum(data, segment_ids):
    """out[s] = sum of data[i] over segment_ids[i] == s; 0 for no row."""
    return _reduce(add_rows, data, *_sorted_ids(data, segment_ids), 1, 0)


def segment_prod(data, segment_ids):
    """out[s] = product of data[i] over segment_ids[i] == s; 1 for no row."""
    return _reduce(multiply_rows, data, *_sorted_ids(data, segment_ids), 1, 1)


def segment_mean(data, segment_ids):
    """out[s] = mean of data[i] over segment_ids[i] == s; 0 for no row."""
    ids, segments = _sorted_ids(data, segment_ids)
    return _mean(data, ids, segments, 1)


def _mean(data, ids, segments, rank):
    return _divide(_reduce(add_rows, data, ids, segments, rank, 0), _counts(ids, segments))


def segment_max(data, segment_ids):
    """out[s] = max of data[i] over segment_ids[i] == s; 0 for no row."""
    return _extreme(max_rows, data, *_sorted_ids(data, segment_ids), 1, 0)


def segment_min(data, segment_ids):
    """out[s] = min of data[i] over segment_ids[i] == s; 0 for no row."""
    return _extreme(min_rows, data, *_sorted_ids(data, segment_ids), 1, 0)


def _extreme(rows_kernel, data, ids, segments, rank, none):
    out = _reduce(rows_kernel, data, ids, segments, rank, _neutral(data.dtype, rows_kernel is min_rows))
    if out.size:
        rows = out.reshape(segments, -1)
        replace_empty(segments, out.size, rows, _counts(ids, segments), out.dtype.type(none))
    return out


# ---- ids in any order, for a prefix of data's axes; negative ones are dropped
def check_ids(data, ids, segments):
    if data.shape[:ids.ndim] != ids.shape:
        raise ValueError(f"segment_ids {ids.shape} must be a prefix of the shape of data {data.shape}")
    if segments < 0:
        raise ValueError(f"num_segments must not be negative, got {segments}")
    check_integers(ids)


def _ids(data, ids, segments):
    check_ids(data, ids, segments)
    flat = flat_indices(ids)
    if (bad := first_above.checked(flat.size, flat.size, flat, segments)) >= 0:
        raise _above(ids, bad, segments)
    return flat


def _above(ids, bad, segments):
    position = tuple(int(p) for p in np.unravel_index(bad, ids.shape)) if ids.ndim else ()
    return IndexOutOfRange(f"segment id {ids.reshape(-1)[bad]} at position {position} is not below "
                           f"num_segments {segments}")


@range_kernel
def spread_rows(g, ids, out, lo, hi):
    """out[i] = g[ids[i]], 0 where the id is negative; returns the first i whose id is too large, or -1."""
    for i in range(lo, hi):
        s = ids[i]
        if s >= g.shape[0]:
            return i
        for j in range(g.shape[1]):
            out[i, j] = g[np.uint64(s), j] if s >= 0 else 0
    return -1


def spread(g, ids):
    """To every row its segment's row of g, and 0 where the id is negative."""
    out, flat, inner = empty((*ids.shape, *g.shape[1:]), g.dtype), flat_indices(ids), prod(g.shape[1:])
    rows = contiguous(g).reshape(g.shape[0], inner), flat, out.reshape(flat.size, inner)
    if (bad := spread_rows.checked(flat.size, out.size, *rows)) >= 0:
        raise _above(ids, bad, g.shape[0])
    return out


def slots(ids, segments):
    """(the rows of each segment, [segments, longest], each row's place in there): see `segment_slots`."""
    flat = ids.reshape(-1)
    order = np.argsort(flat, kind="stable")
    order = order[flat[order] >= 0]
    counts = np.bincount(flat[order], minlength=segments)
    m = max(1, counts.max(initial=0))
    moved = np.arange(segments) * m - (np.cumsum(counts) - counts)
    target = np.arange(order.size) + np.repeat(moved, counts)
    places, slots = np.full(segments * m, flat.size), np.zeros(flat.size, np.int64)
    places[target], slots[order] = order, target
    return places.reshape(segments, m), slots.reshape(ids.shape)


def unsorted_segment_sum(data, segment_ids, num_segments):
    """out[s] = sum of data[i] over segment_ids[i] == s; 0 for no row."""
    return _reduce(add_rows, data, _ids(data, segment_ids, num_segments), num_segments, segment_ids.ndim, 0)


def unsorted_segment_prod(data, segment_ids, num_segments):
    """out[s] = product of data[i] over segment_ids[i] == s; 1 for no row."""
    ids = _ids(data, segment_ids, num_segments)
    return _reduce(multiply_rows, data, ids, num_segments, segment_ids.ndim, 1)


def unsorted_segment_mean(data, segment_ids, num_segments):
    """out[s] = mean of data[i] over segment_ids[i] == s; 0 for no row."""
    return _mean(data, _ids(data, segment_ids, num_segments), num_segments, segment_ids.ndim)


def unsorted_segment_sqrt_n(data, segment_ids, num_segments):
    """out[s] = sum of data[i] over segment_ids[i] == s, over the root of their number; 0 for no row."""
    if data.dtype.kind not in "fc":
        raise TypeError(f"unsorted_segment_sqrt_n takes float or complex data, got {data.dtype}")
    ids, rank = _ids(data, segment_ids, num_segments), segment_ids.ndim
    return _divide(_reduce(add_rows, data, ids, num_segments, rank, 0), _counts(ids, num_segments), True)


def unsorted_segment_max(data, segment_ids, num_segments):
    """out[s] = max of data[i] over segment_ids[i] == s; the lowest value of the dtype for no row."""
    ids, lowest = _ids(data, segment_ids, num_segments), _finite(data.dtype, False)
    return _extreme(max_rows, data, ids, num_segments, segment_ids.ndim, lowest)


def unsorted_segment_min(data, segment_ids, num_segments):
    """out[s] = min of data[i] over segment_ids[i] == s; the highest value of the dtype for no row."""
    ids, highest = _ids(data, segment_ids, num_segments), _finite(data.dtype, True)
    return _extreme(min_rows, data, ids, num_segments, segment_ids.ndim, highest)


def _finite(dtype, largest):
    """The largest or smallest finite value."""
    if dtype.kind == "f":
        return np.finfo(dtype).max if largest else np.finfo(dtype).min
    return _neutral(dtype, largest)
