"""What counts and groups values on a GPU: bincount, partitions, stitching, permutations.

The one idea: groups are runs of a stable order, and counts are integer atomics, so each result is the same
each time.  Where a shape depends on values the host waits for them, once an op: bincount and dynamic_stitch
read the extremes, dynamic_partition the counts.
"""
from itertools import accumulate, pairwise
from math import prod

import numpy as np

from ..index import IndexOutOfRange, check_integers
from ..sort import check_vector
from . import backend
from .arrays import assign, contiguous, empty, full, zeros
from .blocks import block_reduce_max
from .elementwise import cast
from .jit import cuda, kernel
from .sort_tiles import ordered_words, sorted_places

_INT32, _INT64 = np.dtype(np.int32), np.dtype(np.int64)
_RAW = {1: (np.uint8, 1), 2: (np.uint16, 1), 4: (np.uint32, 1), 8: (np.uint64, 1), 16: (np.uint64, 2)}
_FEW_BINS = 2048                # that are counted in shared memory first


# ---- how arrays are seen
def raw(x):
    """An array as flat contiguous unsigned words, and how many an element has."""
    word, count = _RAW[x.dtype.itemsize]
    return contiguous(x).reshape(-1).view(word), count


def flat_indices(indices):
    """Indices as a flat contiguous int64 array."""
    check_integers(indices)
    return contiguous(cast(indices, _INT64)).reshape(-1)


# ---- counting
@kernel
def find_extremes(x, extremes):
    """extremes = (max of x, -min of x), each at least -1 as it was."""
    i, high, low = cuda.grid(1), np.int64(-1), np.int64(-1)
    while i < x.size:
        high, low = max(high, x[i]), max(low, -x[i])
        i += cuda.gridsize(1)
    high, low = block_reduce_max(high), block_reduce_max(low)
    if cuda.threadIdx.x == 0:
        cuda.atomic.max(extremes, 0, high)
        cuda.atomic.max(extremes, 1, low)


def _extent(flat, what):
    """One more than the largest of indices, 0 for none; the host waits for it.  Negative ones are refused."""
    if flat.size == 0:
        return 0
    extremes = full((2,), -1, _INT64)
    find_extremes.over(flat.size, flat, extremes)
    high, low = backend.current().to_host(extremes).tolist()
    if low > 0:
        raise (ValueError if what == "bincount" else IndexOutOfRange)(
            f"{what} takes no negative values, got {-low}")
    return high + 1


@kernel
def tally_few(ids, counts):
    """counts[v] += #{i: ids[i] == v}, and at its end what is outside; for at most _FEW_BINS of them."""
    held, last = cuda.shared.array(_FEW_BINS, np.int32), counts.size - 1
    thread, threads = cuda.threadIdx.x, cuda.blockDim.x
    for b in range(thread, counts.size, threads):
        held[b] = 0
    cuda.syncthreads()
    i = cuda.grid(1)
    while i < ids.size:
        cuda.atomic.add(held, ids[i] if 0 <= ids[i] < last else last, np.int32(1))
        i += cuda.gridsize(1)
    cuda.syncthreads()
    for b in range(thread, counts.size, threads):
        if held[b] > 0:
            cuda.atomic.add(counts, b, np.int64(held[b]))


@kernel
def tally_many(ids, counts):
    """counts[v] += #{i: ids[i] == v}, and at its end what is outside."""
    i, last = cuda.grid(1), counts.size - 1
    while i < ids.size:
        cuda.atomic.add(counts, ids[i] if 0 <= ids[i] < last else last, np.int64(1))
        i += cuda.gridsize(1)


def tally(ids, size):
    """How often each number below `size` stands in flat ids, and at the end how many others do, int64."""
    counts = zeros((size + 1,), _INT64)
    (tally_few if counts.size <= _FEW_BINS else tally_many).over(ids.size, ids, counts)
    return counts


@kernel
def sum_bins(ids, weights, places, out):
    """out[v] += weights[i] over ids[i] == v, in the order of i; `places` is the stable order of ids."""
    v = cuda.grid(1)
    while v < out.size:
        low, high = 0, ids.size
        while low < high:
            middle = (low + high) // 2
            if ids[places[middle]] < v:
                low = middle + 1
            else:
                high = middle
        while low < ids.size and ids[places[low]] == v:
            out[v] += weights[places[low]]
            low += 1
        v += cuda.gridsize(1)


def bincount(values, weights=None, minlength=0, maxlength=None, dtype=np.int32):
    """out[v] = how often v stands in values, or the sum of its weights; maxlength and more are dropped.

    The host waits for the largest value.  Weights are summed by a thread a bin, in their order.
    """
    flat = flat_indices(values)
    size = max(_extent(flat, "bincount"), minlength)
    if maxlength is not None:
        size = min(size, maxlength)
    if weights is None:
        return cast(tally(flat, size)[:size], dtype)
    if weights.shape != values.shape:
        raise ValueError(f"weights {weights.shape} and values {values.shape} have different shapes")
    out = zeros((size,), weights.dtype)
    if flat.size:
        words, kind = ordered_words(flat)
        places = sorted_places(words, flat.size, kind, False)
        sum_bins.over(size, flat, contiguous(weights).reshape(-1), places, out)
    return out


# ---- grouping
@kernel
def invert(x, out):
    """out[x[i]] = i, where x[i] is in range."""
    i = cuda.grid(1)
    while i < x.size:
        if 0 <= x[i] < x.size:
            out[x[i]] = i
        i += cuda.gridsize(1)


def invert_permutation(x):
    """y with y[x[i]] = i; -1 at what x lacks: nothing waits to refuse what is no permutation."""
    check_vector(x)
    flat = flat_indices(x)
    out = full(flat.shape, -1, _INT64)
    invert.over(flat.size, flat, out)
    return cast(out, x.dtype)


@kernel
def take_rows(x, places, n, out):
    """out[i] = x[places[i]] for rows of n words, all flat."""
    i = cuda.grid(1)
    while i < out.size:
        out[i] = x[places[i // n] * n + i % n]
        i += cuda.gridsize(1)


def dynamic_partition(data, partitions, num_partitions):
    """A list of num_partitions arrays: the p-th has the slices of data where partitions is p, in order.

    By a sort of the partitions; the host waits for their counts.
    """
    if data.shape[:partitions.ndim] != partitions.shape:
        raise ValueError(f"partitions {partitions.shape} must be a prefix of the shape of data {data.shape}")
    if num_partitions < 1:
        raise ValueError(f"num_partitions must be at least 1, got {num_partitions}")
    flat, width = flat_indices(partitions), data.shape[partitions.ndim:]
    counts = tally(flat, num_partitions)
    rows = empty((flat.size, *width), data.dtype)
    if rows.size:
        words, kind = ordered_words(cast(flat, _INT32))
        source, count = raw(data)
        places = sorted_places(words, flat.size, kind, False)
        take_rows.over(rows.size * count, source, places, prod(width) * count, raw(rows)[0])
    *counts, outside = backend.current().to_host(counts).tolist()
    if outside:
        raise IndexOutOfRange(f"dynamic_partition: {outside} of {flat.size} partitions are not in "
                              f"[0, {num_partitions})")
    return [rows[start:end] for start, end in pairwise(accumulate(counts, initial=0))]


@kernel
def claim(indices, winners):
    """winners[indices[i]] = the largest i."""
    i = cuda.grid(1)
    while i < indices.size:
        cuda.atomic.max(winners, indices[i], np.int64(i))
        i += cuda.gridsize(1)


@kernel
def put_rows(indices, first, winners, rows, n, out):
    """out[indices[i]] = rows[i] where that row has won its place; rows of n words, all flat."""
    i = cuda.grid(1)
    while i < rows.size:
        to = indices[i // n]
        if winners[to] == first + i // n:
            out[to * n + i % n] = rows[i]
        i += cuda.gridsize(1)


def dynamic_stitch(indices, data):
    """y with y[indices[m][i]] = data[m][i]; of equal indices the last wins, rows without an index are 0.

    The host waits for the largest index.
    """
    width = data[0].shape[indices[0].ndim:]
    for places, rows in zip(indices, data, strict=True):
        if rows.shape != places.shape + width:
            raise ValueError(f"data {rows.shape} must have the shape of its indices {places.shape} + {width}")
    flat = [flat_indices(places) for places in indices]
    firsts = list(accumulate([places.size for places in flat], initial=0))
    joined = empty((firsts[-1],), _INT64)
    for places, first in zip(flat, firsts, strict=False):
        assign(joined[first:first + places.size], places)
    n = _extent(joined, "dynamic_stitch")
    out, winners = zeros((n, *width), data[0].dtype), full((n,), -1, _INT64)
    claim.over(joined.size, joined, winners)
    for places, first, rows in zip(flat, firsts, data, strict=False):
        source, count = raw(rows)
        put_rows.over(source.size, places, first, winners, source, prod(width) * count, raw(out)[0])
    return out
