"""Order: sort, argsort, top_k, searchsorted, and what counts and groups values.

The one idea: a value's 8-byte word becomes an unsigned key that orders as the value does, NaN last; so one
compiled kernel serves every dtype, and argsort is a stable radix sort.
"""
from math import prod

import numpy as np

from .index import (
    INT64,
    checked_indices,
    contiguous,
    flat_indices,
    gather,
    normal_axis,
    take_along_axis,
    words,
)
from .jit import body, kernel, range_kernel
from .memory import empty
from .recording import recorder
from .scatter import add_rows, combine_rows, replace_rows
from .segment import count_ids

_INT32 = np.dtype(np.int32)
_SIGN = np.uint64(1 << 63)
ONES = np.uint64(2**64 - 1)
_HIGH, _LOW, _HALF = np.uint64(2**64 - 2**32), np.uint64(2**32 - 1), np.uint64(32)
_BYTE = np.uint64(255)
_INSERTION = 64                 # rows up to here sort by insertion: a radix sort clears its counters first
_FEW = 64                       # top_k keeps up to so many best in a list; beyond, it sorts

# How a value's word orders: 0 as an unsigned number, 1 as a signed one, 2 as a float64, 3 as a float32.
UNSIGNED, _SIGNED, _FLOAT64, _FLOAT32 = 0, 1, 2, 3
_KINDS = {"b": (UNSIGNED, np.uint32, np.uint64), "u": (UNSIGNED, np.uint32, np.uint64),
          "i": (_SIGNED, np.int32, np.int64), "f": (_FLOAT32, np.float32, np.float64)}


# ---- keys
@body
def order_key(row, i, kind, flip):
    """The uint64 that orders as row[i]'s value does, in its high half for a 4-byte word; flip reverses."""
    word = np.uint64(row[i]) << np.uint64(64 - 8 * row.itemsize)
    infinity = np.uint64(0x7F800000 << 32) if kind == _FLOAT32 else np.uint64(0x7FF << 52)
    if kind == UNSIGNED:
        return word ^ flip
    if kind == _SIGNED:
        return word ^ _SIGN ^ flip
    if word & ~_SIGN > infinity:
        return ONES                             # every NaN is last, whichever the direction
    if word > _SIGN:
        return ~word ^ flip
    return (word | _SIGN) ^ flip                # (-0.0 as 0.0)


def word_of(dtype):
    """What values become to be ordered by their words: the dtype to convert to, its words, their kind."""
    if dtype.kind not in _KINDS:
        raise TypeError(f"{dtype} has no order to sort by")
    kind, narrow, wide = _KINDS[dtype.kind]
    if dtype.itemsize <= 4:
        return narrow, np.uint32, kind
    return wide, np.uint64, _FLOAT64 if kind == _FLOAT32 else kind


def _words(x):
    """x as contiguous words of 4 or 8 bytes, and their kind."""
    dtype, word, kind = word_of(x.dtype)
    return contiguous(x.astype(dtype, copy=False)).view(word), kind


# ---- sorting
@kernel
def sort_by_high(keys, other, counts):
    """Sort keys by their high halves, stably; returns whether the result stands in `other`.

    A radix sort, the lowest byte first; a byte that all keys share is passed over.  counts is [256] scratch.
    """
    if keys.size <= _INSERTION:
        for i in range(1, keys.size):
            key, j = keys[i], i
            while j > 0 and keys[j - 1] >> _HALF > key >> _HALF:
                keys[j] = keys[j - 1]
                j -= 1
            keys[j] = key
        return False
    varying, moved = np.uint64(0), False
    for key in keys:
        varying |= key ^ keys[0]
    for byte in range(4, 8):
        shift = np.uint64(8 * byte)
        if (varying >> shift) & _BYTE:
            counts[:] = 0
            for key in keys:
                counts[(key >> shift) & _BYTE] += 1
            total = 0
            for d in range(256):
                counts[d], total = total, total + counts[d]
            for key in keys:
                d = (key >> shift) & _BYTE
                other[np.uint64(counts[d])] = key
                counts[d] += 1
            keys, other = other, keys
            moved = not moved
    return moved


@range_kernel
def argsort_rows(x, kind, flip, out, lo, hi):
    """out[r] = the stable order of row x[r]: sort by the low halves of the keys, then by the high ones.

    What is sorted is half a key with a place in the other half.
    """
    n = x.shape[1]
    keys, other, counts = np.empty(n, np.uint64), np.empty(n, np.uint64), np.empty(256, np.int64)
    low_order = np.empty(n, np.int32)
    for r in range(lo, hi):
        row, order = x[r], out[r]
        for i in range(n):
            keys[i] = order_key(row, i, kind, flip)
        if row.itemsize == 8:
            for i in range(n):
                keys[i] = keys[i] << _HALF | np.uint64(i)
            low = other if sort_by_high(keys, other, counts) else keys
            for i in range(n):
                low_order[i] = low[i] & _LOW
            for i in range(n):
                keys[i] = order_key(row, low_order[i], kind, flip)
        for i in range(n):
            keys[i] = keys[i] & _HIGH | np.uint64(i)
        high = other if sort_by_high(keys, other, counts) else keys
        for i in range(n):
            place = high[i] & _LOW
            order[i] = low_order[place] if row.itemsize == 8 else place


def check_order(values):
    if values.dtype.kind not in _KINDS:
        raise TypeError(f"{values.dtype} has no order to sort by")


def sort(values, axis=-1, descending=False):
    """The values in order along the axis, NaN last."""
    check_order(values)
    axis = normal_axis(axis, values.ndim)
    if recorder() is not None:
        return take_along_axis(values, argsort(values, axis, descending), axis)
    if not descending:
        return np.sort(values, axis)            # (NumPy's is vectorized)
    if values.dtype.kind == "f":
        y = np.sort(-values, axis)              # negated, so that NaN is last in this direction too
        return np.negative(y, out=y)
    return contiguous(np.flip(np.sort(values, axis), axis))


def argsort(values, axis=-1, descending=False, stable=True):
    """The int32 places of the sorted values along the axis, NaN last; equal values always stay in order."""
    axis = normal_axis(axis, values.ndim)
    moved = values.swapaxes(axis, -1)
    x, kind = _words(moved)
    out = empty(moved.shape, _INT32)
    if out.size:
        rows = (out.size // out.shape[-1], out.shape[-1])
        flip = ONES if descending else np.uint64(0)
        argsort_rows(rows[0], 8 * out.size, x.reshape(rows), kind, flip, out.reshape(rows))
    return contiguous(out.swapaxes(axis, -1))


@range_kernel
def top_rows(x, kind, flip, out, lo, hi):
    """out[r] = the places of the k largest of row x[r], the largest first, of equal ones the first."""
    n, k = x.shape[1], out.shape[1]
    keys = np.empty(k, np.uint64)
    for r in range(lo, hi):
        row, count = x[r], 0
        for i in range(n):
            key = order_key(row, i, kind, flip)
            if count == k and key >= keys[k - 1]:
                continue
            count = min(count + 1, k)
            j = count - 1
            while j > 0 and keys[j - 1] > key:
                keys[j], out[r, j] = keys[j - 1], out[r, j - 1]
                j -= 1
            keys[j], out[r, j] = key, i


def check_top(x, k):
    if x.ndim == 0 or not 0 <= k <= x.shape[-1]:
        raise ValueError(f"k must be between 0 and the size of the last axis of {x.shape}, got {k}")


def top_k(x, k=1, sorted=True):
    """The k largest along the last axis, largest first, and their int32 places; of equal ones the first."""
    check_top(x, k)
    if k > _FEW:
        places = contiguous(argsort(x, -1, True)[..., :k])
    else:
        y, kind = _words(x)
        places = empty((*x.shape[:-1], k), _INT32)
        rows = prod(x.shape[:-1])
        if places.size:
            y = y.reshape(rows, x.shape[-1])
            top_rows(rows, 2 * x.size, y, kind, ONES, places.reshape(rows, k))
    return take_along_axis(x, places, -1), places


@range_kernel
def in_top_rows(x, targets, k, out, lo, hi):
    """out[r] = fewer than k of x[r] are larger than x[r, targets[r]], and all are finite."""
    for r in range(lo, hi):
        target = targets[r]
        out[r] = 0 <= target < x.shape[1]
        if out[r]:
            larger = 0
            for value in x[r]:
                larger += value > x[r, target]
                out[r] &= np.isfinite(value)
            out[r] &= larger < k


def check_rows(predictions, targets):
    if predictions.ndim != 2 or targets.shape != predictions.shape[:1]:
        raise ValueError(f"in_top_k takes predictions [rows, classes] and targets [rows], "
                         f"got {predictions.shape} and {targets.shape}")


def in_top_k(predictions, targets, k):
    """Whether each row's target is among its k largest, ties included; False in a row that is not finite."""
    check_rows(predictions, targets)
    out = empty(targets.shape, np.dtype(np.bool_))
    in_top_rows(len(out), predictions.size, contiguous(predictions), flat_indices(targets), k, out)
    return out


# ---- searching
@body
def before(a, b):
    """a < b, with NaN after everything."""
    return a < b or (b != b and a == a)


@range_kernel
def search_rows(sequence, values, right, out, lo, hi):
    """out[r, i] = #{j: sequence[r, j] < values[r, i]}, or <= where right, for lo <= r * m + i < hi."""
    n, m = sequence.shape[1], values.shape[1]
    for place in range(lo, hi):
        r, i = place // m, place % m
        value, low, high = values[r, i], 0, n
        while low < high:
            middle = (low + high) // 2
            x = sequence[r, middle]
            if (not before(value, x)) if right else before(x, value):
                low = middle + 1
            else:
                high = middle
        out[r, i] = low


def check_search(sorted_sequence, values, side):
    if side not in ("left", "right"):
        raise ValueError(f"side must be 'left' or 'right', got {side!r}")
    if sorted_sequence.ndim == 0 or values.shape[:-1] != sorted_sequence.shape[:-1] or values.ndim == 0:
        raise ValueError(f"sorted_sequence {sorted_sequence.shape} and values {values.shape} must agree "
                         "in all axes but the last")


def searchsorted(sorted_sequence, values, side="left", out_type=np.int32):
    """Where each value goes into its sorted row: before equal ones ("left") or after them ("right")."""
    check_search(sorted_sequence, values, side)
    if sorted_sequence.dtype != values.dtype:
        raise TypeError(f"sorted_sequence is {sorted_sequence.dtype}, values are {values.dtype}")
    out = empty(values.shape, np.dtype(out_type))
    if out.size:
        rows, n, m = prod(values.shape[:-1]), sorted_sequence.shape[-1], values.shape[-1]
        search_rows(out.size, 8 * out.size, contiguous(sorted_sequence).reshape(rows, n),
                    contiguous(values).reshape(rows, m), side == "right", out.reshape(rows, m))
    return out


# ---- counting and grouping
@kernel
def number_values(x, kind, table, first, numbers):
    """Number the distinct values in order of appearance; first[u] = a value's first place; returns how many.

    `table` is zeros, a power of two and at least twice as long as x: open addressing of number + 1.
    """
    mask, shift = np.uint64(table.size - 1), np.uint64(32)
    count = 0
    for i in range(x.size):
        key = order_key(x, i, kind, np.uint64(0))
        slot = ((key ^ (key >> shift)) * np.uint64(0x9E3779B97F4A7C15) >> shift) & mask
        while table[slot] and order_key(x, first[table[slot] - 1], kind, np.uint64(0)) != key:
            slot = (slot + np.uint64(1)) & mask
        if table[slot] == 0:
            first[count] = i
            count += 1
            table[slot] = count
        numbers[i] = table[slot] - 1
    return count


def unique(x, dtype=np.int32):
    """The distinct values in order of appearance, and each value's place among them; NaNs are one."""
    if x.ndim != 1:
        raise ValueError(f"unique takes a vector, got shape {x.shape}")
    seen, kind = _words(x)
    table = np.zeros(max(2, 1 << (2 * x.size - 1).bit_length()), _INT32)
    first, numbers = np.empty(x.size, INT64), empty(x.shape, _INT32)
    count = number_values(seen, kind, table, first, numbers)
    return gather(x, first[:count]), numbers.astype(dtype, copy=False)


def unique_with_counts(x, dtype=np.int32):
    """`unique`, and how often each value stands in x."""
    y, numbers = unique(x, dtype)
    return y, numbers, bincount(numbers, minlength=y.size, dtype=dtype)


def bincount(values, weights=None, minlength=0, maxlength=None, dtype=np.int32):
    """out[v] = how often v stands in values, or the sum of its weights; maxlength and more are dropped."""
    flat = flat_indices(values)
    if flat.size and flat.min() < 0:
        raise ValueError(f"bincount takes no negative values, got {flat.min()}")
    size = max(int(flat.max()) + 1 if flat.size else 0, minlength)
    if maxlength is not None:
        size = min(size, maxlength)
    if weights is None:
        out = np.empty(size, INT64)
        count_ids(size, 0, flat, out)
        return out.astype(dtype, copy=False)
    if weights.shape != values.shape:
        raise ValueError(f"weights {weights.shape} and values {values.shape} have different shapes")
    out = np.zeros(size, weights.dtype)
    combine_rows(add_rows, out.reshape(1, size, 1), flat, contiguous(weights).reshape(1, flat.size, 1))
    return out


@kernel
def invert(x, out):
    """out[x[i]] = i; returns the first i that is out of range or repeats, or -1."""
    out[:] = -1
    for i in range(x.size):
        if x[i] < 0 or x[i] >= x.size or out[x[i]] >= 0:
            return i
        out[x[i]] = i
    return -1


def check_vector(x):
    if x.ndim != 1:
        raise ValueError(f"a permutation is a vector, got shape {x.shape}")


def invert_permutation(x):
    """y with y[x[i]] = i."""
    check_vector(x)
    flat = flat_indices(x)
    out = np.empty(flat.size, INT64)
    if (bad := invert(flat, out)) >= 0:
        why = "is a duplicate" if 0 <= flat[bad] < flat.size else f"is not in [0, {flat.size})"
        raise ValueError(f"not a permutation: {flat[bad]} at position {bad} {why}")
    return out.astype(x.dtype, copy=False)


@kernel
def group(partitions, starts, order):
    """order = the places of partition 0, then those of 1, ...; starts[p] moves to where partition p ends."""
    for i in range(partitions.size):
        p = partitions[i]
        order[starts[p]] = i
        starts[p] += 1


def dynamic_partition(data, partitions, num_partitions):
    """A list of num_partitions arrays: the p-th has the slices of data where partitions is p, in order."""
    if data.shape[:partitions.ndim] != partitions.shape:
        raise ValueError(f"partitions {partitions.shape} must be a prefix of the shape of data {data.shape}")
    if num_partitions < 1:
        raise ValueError(f"num_partitions must be at least 1, got {num_partitions}")
    flat = checked_indices(partitions, num_partitions)
    counts, order = np.empty(num_partitions, INT64), np.empty(flat.size, INT64)
    count_ids(num_partitions, 0, flat, counts)
    ends = np.cumsum(counts)
    group(flat, ends - counts, order)
    rows = gather(contiguous(data).reshape(flat.size, *data.shape[partitions.ndim:]), order)
    return np.split(rows, ends[:-1])


def dynamic_stitch(indices, data):
    """y with y[indices[m][i]] = data[m][i]; of equal indices the last wins, rows without an index are 0."""
    width = data[0].shape[indices[0].ndim:]
    for places, rows in zip(indices, data, strict=True):
        if rows.shape != places.shape + width:
            raise ValueError(f"data {rows.shape} must have the shape of its indices {places.shape} + {width}")
    flat = np.concatenate([flat_indices(places) for places in indices])
    n = int(flat.max()) + 1 if flat.size else 0
    for places in indices:
        checked_indices(places, n)
    rows = np.concatenate([x.reshape(places.size, *width) for places, x in zip(indices, data, strict=True)])
    out, inner = np.zeros((n, *width), rows.dtype), prod(width)
    combine_rows(replace_rows, words(out, 1, n, inner), flat, words(rows, 1, flat.size, inner))
    return out
