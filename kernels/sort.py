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
from .scatter import add_rows, combine_rows, replace_rows
from .segment import count_ids

_INT32 = np.dtype(np.int32)
_KINDS = {"b": (0, np.uint64), "u": (0, np.uint64), "i": (1, np.int64), "f": (2, np.float64)}
_SIGN = np.uint64(1 << 63)
_INF = np.uint64(0x7FF << 52)
_ONES = np.uint64(2**64 - 1)
_INSERTION = 48                 # rows up to here sort by insertion: clearing the counters of a radix sort costs more
_FEW = 64                       # top_k keeps up to so many best in a list; beyond, it sorts


# ---- keys
@body
def order_key(word, kind, flip):
    """A number that orders as the word's value: of kind 0 unsigned, 1 signed, 2 float64; flip reverses."""
    if kind == 0:
        return word ^ flip
    if kind == 1:
        return word ^ _SIGN ^ flip
    if word & ~_SIGN > _INF:
        return _ONES                            # every NaN is last, whichever the direction
    if word & _SIGN and word != _SIGN:
        return ~word ^ flip
    return (word | _SIGN) ^ flip                # -0.0 as 0.0


def _words(x):
    """x as 8-byte words, and their kind."""
    if x.dtype.kind not in _KINDS:
        raise TypeError(f"{x.dtype} has no order to sort by")
    kind, wide = _KINDS[x.dtype.kind]
    return contiguous(x.astype(wide, copy=False)).view(np.uint64), kind


def _flip(descending):
    return _ONES if descending else np.uint64(0)


# ---- sorting
@kernel
def insertion_order(keys, order):
    """Sort keys, and order along with them; equal keys keep their places."""
    for i in range(1, keys.size):
        key, place, j = keys[i], order[i], i
        while j > 0 and keys[j - 1] > key:
            keys[j], order[j] = keys[j - 1], order[j - 1]
            j -= 1
        keys[j], order[j] = key, place


@kernel
def radix_order(keys, order, other_keys, other_order, counts):
    """Sort keys by bytes, the lowest first, and order along with them; a byte that all keys share is passed over.

    Returns whether the result stands in the `other` arrays; counts is [8, 256] scratch.
    """
    n = keys.size
    counts[:] = 0
    for key in keys:
        for digit in range(8):
            counts[digit, (key >> np.uint64(8 * digit)) & np.uint64(255)] += 1
    moved = False
    for digit in range(8):
        shift, starts = np.uint64(8 * digit), counts[digit]
        if starts[(keys[0] >> shift) & np.uint64(255)] == n:
            continue
        total = 0
        for d in range(256):
            starts[d], total = total, total + starts[d]
        for i in range(n):
            d = (keys[i] >> shift) & np.uint64(255)
            place = np.uint64(starts[d])
            other_keys[place], other_order[place] = keys[i], order[i]
            starts[d] += 1
        keys, other_keys, order, other_order = other_keys, keys, other_order, order
        moved = not moved
    return moved


@range_kernel
def argsort_rows(x, kind, flip, out, lo, hi):
    """out[r] = the stable order of row x[r].  1e6 float32 in a row: TIMES."""
    n = x.shape[1]
    keys, other_keys = np.empty(n, np.uint64), np.empty(n, np.uint64)
    other_order, counts = np.empty(n, np.int32), np.empty((8, 256), np.int64)
    for r in range(lo, hi):
        order = out[r]
        for i in range(n):
            keys[i], order[i] = order_key(x[r, i], kind, flip), i
        if n <= _INSERTION:
            insertion_order(keys, order)
        elif radix_order(keys, order, other_keys, other_order, counts):
            order[:] = other_order


def sort(values, axis=-1, descending=False):
    """The values in order along the axis, NaN last."""
    if values.dtype.kind not in _KINDS:
        raise TypeError(f"{values.dtype} has no order to sort by")
    axis = normal_axis(axis, values.ndim)
    if not descending:
        return np.sort(values, axis)            # (NumPy's is vectorized)
    if values.dtype.kind == "f":
        y = np.sort(-values, axis)              # negated, so that NaN is last in this direction too
        return np.negative(y, out=y)
    return contiguous(np.flip(np.sort(values, axis), axis))


def argsort(values, axis=-1, descending=False, stable=True):
    """int32 places of the sorted values along the axis, NaN last; equal values stay in order, asked or not."""
    axis = normal_axis(axis, values.ndim)
    moved = values.swapaxes(axis, -1)
    x, kind = _words(moved)
    out = empty(moved.shape, _INT32)
    if out.size:
        rows = (out.size // out.shape[-1], out.shape[-1])
        argsort_rows(rows[0], 8 * out.size, x.reshape(rows), kind, _flip(descending), out.reshape(rows))
    return contiguous(out.swapaxes(axis, -1))


@range_kernel
def top_rows(x, kind, out, lo, hi):
    """out[r] = the places of the k largest of row x[r], largest first, of equal ones the first."""
    n, k = x.shape[1], out.shape[1]
    keys = np.empty(k, np.uint64)
    for r in range(lo, hi):
        count = 0
        for i in range(n):
            key = order_key(x[r, i], kind, _ONES)
            if count == k and key >= keys[k - 1]:
                continue
            count = min(count + 1, k)
            j = count - 1
            while j > 0 and keys[j - 1] > key:
                keys[j], out[r, j] = keys[j - 1], out[r, j - 1]
                j -= 1
            keys[j], out[r, j] = key, i


def top_k(x, k=1, sorted=True):
    """The k largest along the last axis, largest first, and their int32 places; of equal ones the first."""
    if x.ndim == 0 or not 0 <= k <= x.shape[-1]:
        raise ValueError(f"top_k: k is {k}, x has shape {x.shape}: the last axis must have at least k elements")
    if k > _FEW:
        places = np.ascontiguousarray(argsort(x, -1, True)[..., :k])
    else:
        y, kind = _words(x)
        places = empty((*x.shape[:-1], k), _INT32)
        rows = prod(x.shape[:-1])
        if places.size:
            top_rows(rows, 2 * x.size, y.reshape(rows, x.shape[-1]), kind, places.reshape(rows, k))
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


def in_top_k(predictions, targets, k):
    """Whether each row's target is among its k largest; ties at the border are, in a non-finite row none is."""
    if predictions.ndim != 2 or targets.shape != predictions.shape[:1]:
        raise ValueError(f"in_top_k takes predictions [rows, classes] and targets [rows], "
                         f"got {predictions.shape} and {targets.shape}")
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


def searchsorted(sorted_sequence, values, side="left", out_type=np.int32):
    """Where each value goes into its sorted row: before equal ones ("left") or after them ("right")."""
    if side not in ("left", "right"):
        raise ValueError(f"side must be 'left' or 'right', got {side!r}")
    if sorted_sequence.ndim == 0 or values.shape[:-1] != sorted_sequence.shape[:-1] or values.ndim == 0:
        raise ValueError(f"sorted_sequence {sorted_sequence.shape} and values {values.shape} must agree "
                         "in all axes but the last")
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

    `table` is zeros, a power of two and at least twice as long as x: open addressing, an entry is a number + 1.
    """
    mask, shift = np.uint64(table.size - 1), np.uint64(32)
    count = 0
    for i in range(x.size):
        key = order_key(x[i], kind, np.uint64(0))
        slot = ((key ^ (key >> shift)) * np.uint64(0x9E3779B97F4A7C15) >> shift) & mask
        while table[slot] and order_key(x[first[table[slot] - 1]], kind, np.uint64(0)) != key:
            slot = (slot + np.uint64(1)) & mask
        if table[slot] == 0:
            first[count] = i
            count += 1
            table[slot] = count
        numbers[i] = table[slot] - 1
    return count


def unique(x):
    """The distinct values in order of first appearance, and each value's int32 place among them; NaNs are one."""
    if x.ndim != 1:
        raise ValueError(f"unique takes a vector, got shape {x.shape}")
    seen, kind = _words(x)
    table = np.zeros(max(2, 1 << (2 * x.size - 1).bit_length()), _INT32)
    first, numbers = np.empty(x.size, INT64), empty(x.shape, _INT32)
    count = number_values(seen, kind, table, first, numbers)
    return gather(x, first[:count]), numbers


def unique_with_counts(x):
    """`unique`, and how often each value stands in x, int32."""
    y, numbers = unique(x)
    return y, numbers, bincount(numbers, minlength=y.size)


def bincount(values, weights=None, minlength=0, maxlength=None, dtype=np.int32):
    """out[v] = how often v stands in values, or the sum of its weights; values from maxlength on are dropped."""
    flat = flat_indices(values)
    if flat.size and flat.min() < 0:
        raise ValueError(f"bincount takes no negative values, got {flat.min()}")
    size = max(int(flat.max()) + 1 if flat.size else 0, minlength)
    if maxlength is not None:
        size = min(size, maxlength)
    if weights is None:
        out = np.empty(size, INT64)
        count_ids(flat, out)
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


def invert_permutation(x):
    """y with y[x[i]] = i."""
    if x.ndim != 1:
        raise ValueError(f"a permutation is a vector, got shape {x.shape}")
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
    flat = checked_indices(partitions, num_partitions)
    counts, order = np.empty(num_partitions, INT64), np.empty(flat.size, INT64)
    count_ids(flat, counts)
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
