"""Reductions over segments on a GPU: rows of equal id become one row; the twin of `kernels.segment`.

Sorted ids give each segment a run of rows, reduced by a tree of the run's own threads.  Rows of unsorted ids
are added by atomics; for what those can't do, and where `jit.deterministic()` says so, a stable sort makes
runs of them.  Ids outside [0, segments) are left out.  Nothing is read back to be checked, except where the
last of sorted ids says how many segments there are: that waits for the device, and ids that fall are refused.
"""
import math
from math import prod

import numpy as np

from ..segment import _finite, check_ids
from .arrays import contiguous, empty, full, zeros
from .grouping import firsts_of
from .index import INT64, flat_indices, gather
from .jit import cuda, deterministic, kernel
from .prefix import largest, read
from .scatter_rows import ATOMIC, REAL, add_rows, combine_rows, grouped_rows
from .segment_runs import reduce_runs


# ---- what is divided by counts
@kernel
def differences(firsts, out):
    """out[s] = firsts[s + 1] - firsts[s]"""
    s = cuda.grid(1)
    while s < out.size:
        out[s] = firsts[s + 1] - firsts[s]
        s += cuda.gridsize(1)


@kernel
def count_ids(ids, out):
    """out[s] += #{i: ids[i] == s}"""
    i = cuda.grid(1)
    while i < ids.size:
        s = np.int64(ids[i])
        if 0 <= s < out.size:
            cuda.atomic.add(out, s, np.int64(1))
        i += cuda.gridsize(1)


@kernel
def divide_rows(rows, counts, root):
    """rows[s] /= counts[s], at least 1, or its root."""
    first, s = cuda.grid(2)
    across, down = cuda.gridsize(2)
    while s < rows.shape[0]:
        n, j = np.float64(max(counts[s], np.int64(1))), first
        divisor = rows.dtype.type(math.sqrt(n) if root else n)
        while j < rows.shape[1]:
            rows[s, j] /= divisor
            j += across
        s += down


@kernel
def divide_integers(rows, counts):
    """rows[s] //= counts[s], at least 1, rounded towards zero, as in C."""
    first, s = cuda.grid(2)
    across, down = cuda.gridsize(2)
    while s < rows.shape[0]:
        n, j = max(counts[s], np.int64(1)), first
        while j < rows.shape[1]:
            value = np.int64(rows[s, j])
            quotient = value // n
            rows[s, j] = quotient + 1 if quotient < 0 and quotient * n != value else quotient
            j += across
        s += down


@kernel
def divide_long_unsigned(rows, counts):
    """The same for uint64."""
    first, s = cuda.grid(2)
    across, down = cuda.gridsize(2)
    while s < rows.shape[0]:
        n, j = np.uint64(max(counts[s], np.int64(1))), first
        while j < rows.shape[1]:
            rows[s, j] //= n
            j += across
        s += down


def _divide(total, counts, root=False):
    """total[s, inner] / counts[s], or their roots."""
    real = REAL.get(total.dtype, total.dtype)
    rows = total.view(real)
    if real == np.uint64:
        divide_long_unsigned.over_rows(*rows.shape, rows, counts)
    elif real.kind in "iu":
        divide_integers.over_rows(*rows.shape, rows, counts)
    else:
        divide_rows.over_rows(*rows.shape, rows, counts, root)
    return total


# ---- sorted ids: one an index of the first axis
@kernel
def find_descent(ids, found):
    """found = i - n for the least i with ids[i] < ids[i - 1], where ids[-1] = 0; and the last id."""
    i = cuda.grid(1)
    while i < ids.size:
        if ids[i] < (ids[i - 1] if i > 0 else 0):
            cuda.atomic.min(found, 0, i - ids.size)
        if i == ids.size - 1:
            found[1] = ids[i]
        i += cuda.gridsize(1)


def _sorted_ids(data, ids):
    """The ids and the number of segments, last id + 1, which is read; raises unless they are sorted."""
    if ids.ndim != 1 or data.ndim == 0 or ids.size != data.shape[0]:
        raise ValueError(f"segment_ids {ids.shape} must have one id for each row of data {data.shape}")
    flat = flat_indices(ids)
    found = full((2,), 1, INT64)
    find_descent.over(flat.size, flat, found)
    fallen, last = read(found) if flat.size else (1, -1)
    if fallen < 0:
        bad = fallen + flat.size
        *before, wrong = read(flat[max(bad - 1, 0):bad + 1])
        raise ValueError(f"segment_ids must be sorted and not negative: {wrong} comes "
                         f"{f'after {before[0]}' if before else 'first'}, at position {bad}")
    return flat, last + 1


def _of_sorted(how, data, ids, none):
    """(result, where each segment begins)"""
    flat, segments = _sorted_ids(data, ids)
    firsts = firsts_of(flat, segments)
    rows = _rows(data, 1)
    seen = rows.view(REAL[rows.dtype]) if how == "sum" and rows.dtype in REAL else rows
    out = reduce_runs(how, seen, None, firsts, none).view(data.dtype)
    return out, firsts


def _rows(data, rank):
    """Contiguous data as [rows, inner], its first `rank` axes counting rows."""
    return contiguous(data).reshape(prod(data.shape[:rank]), prod(data.shape[rank:]))


def _counts(firsts):
    counts = empty((firsts.size - 1,), INT64)
    differences.over(counts.size, firsts, counts)
    return counts


def _shaped(out, data, rank):
    return out.reshape(out.shape[0], *data.shape[rank:])


def segment_sum(data, segment_ids):
    """out[s] = sum of data[i] over segment_ids[i] == s; 0 for no row."""
    return _shaped(_of_sorted("sum", data, segment_ids, 0)[0], data, 1)


def segment_prod(data, segment_ids):
    """out[s] = product of data[i] over segment_ids[i] == s; 1 for no row."""
    return _shaped(_of_sorted("prod", data, segment_ids, 1)[0], data, 1)


def segment_mean(data, segment_ids):
    """out[s] = mean of data[i] over segment_ids[i] == s; 0 for no row."""
    total, firsts = _of_sorted("sum", data, segment_ids, 0)
    return _shaped(_divide(total, _counts(firsts)), data, 1)


def segment_max(data, segment_ids):
    """out[s] = max of data[i] over segment_ids[i] == s; 0 for no row."""
    return _shaped(_of_sorted("max", data, segment_ids, 0)[0], data, 1)


def segment_min(data, segment_ids):
    """out[s] = min of data[i] over segment_ids[i] == s; 0 for no row."""
    return _shaped(_of_sorted("min", data, segment_ids, 0)[0], data, 1)


# ---- ids in any order, for a prefix of data's axes
def spread(g, ids):
    """To every row its segment's row of g, and 0 where the id is out of range."""
    return gather(g, ids)


@kernel
def fill_slots(ids, order, firsts, longest, places, slots):
    """places[s * longest + k] = the k-th row of s, and slots of that row = the place."""
    p = cuda.grid(1)
    while p < firsts[firsts.size - 1]:
        i = np.int64(order[p])
        s = np.int64(ids[i])
        at = s * longest + p - firsts[s]
        places[at], slots[i] = i, at
        p += cuda.gridsize(1)


def slots(ids, segments):
    """(the rows of each segment, [segments, longest], each row's place in there); waits for the longest."""
    flat = flat_indices(ids)
    order, firsts = grouped_rows(flat, flat.size, segments)
    longest = largest(_counts(firsts), 1)
    places, found = full((segments, longest), flat.size, INT64), zeros(ids.shape, INT64)
    if places.size:
        fill_slots.over(flat.size, flat, order, firsts, longest, places.reshape(-1), found.reshape(-1))
    return places, found


def _sum(data, ids, segments):
    """(sums [segments, inner], how many rows each has)"""
    check_ids(data, ids, segments)
    flat, rows = flat_indices(ids), _rows(data, ids.ndim)
    if REAL.get(rows.dtype, rows.dtype) in ATOMIC and not deterministic():
        out, counts = zeros((segments, rows.shape[1]), rows.dtype), zeros((segments,), INT64)
        combine_rows(add_rows, *[x.reshape(1, *x.shape) if x is not flat else x for x in (out, flat, rows)])
        count_ids.over(flat.size, flat, counts)
        return out, counts
    order, firsts = grouped_rows(flat, flat.size, segments)
    seen = rows.view(REAL[rows.dtype]) if rows.dtype in REAL else rows
    return reduce_runs("sum", seen, order, firsts, 0).view(rows.dtype), _counts(firsts)


def _of_unsorted(how, data, ids, segments, none):
    check_ids(data, ids, segments)
    flat = flat_indices(ids)
    order, firsts = grouped_rows(flat, flat.size, segments)
    return _shaped(reduce_runs(how, _rows(data, ids.ndim), order, firsts, none), data, ids.ndim)


def unsorted_segment_sum(data, segment_ids, num_segments):
    """out[s] = sum of data[i] over segment_ids[i] == s; 0 for no row."""
    return _shaped(_sum(data, segment_ids, num_segments)[0], data, segment_ids.ndim)


def unsorted_segment_prod(data, segment_ids, num_segments):
    """out[s] = product of data[i] over segment_ids[i] == s; 1 for no row."""
    return _of_unsorted("prod", data, segment_ids, num_segments, 1)


def unsorted_segment_mean(data, segment_ids, num_segments):
    """out[s] = mean of data[i] over segment_ids[i] == s; 0 for no row."""
    return _shaped(_divide(*_sum(data, segment_ids, num_segments)), data, segment_ids.ndim)


def unsorted_segment_sqrt_n(data, segment_ids, num_segments):
    """out[s] = sum of data[i] over segment_ids[i] == s, over the root of their number; 0 for no row."""
    if data.dtype.kind not in "fc":
        raise TypeError(f"unsorted_segment_sqrt_n takes float or complex data, got {data.dtype}")
    return _shaped(_divide(*_sum(data, segment_ids, num_segments), True), data, segment_ids.ndim)


def unsorted_segment_max(data, segment_ids, num_segments):
    """out[s] = max of data[i] over segment_ids[i] == s; the lowest value of the dtype for no row."""
    return _of_unsorted("max", data, segment_ids, num_segments, _finite(data.dtype, False))


def unsorted_segment_min(data, segment_ids, num_segments):
    """out[s] = min of data[i] over segment_ids[i] == s; the highest value of the dtype for no row."""
    return _of_unsorted("min", data, segment_ids, num_segments, _finite(data.dtype, True))
