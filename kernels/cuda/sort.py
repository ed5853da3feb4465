"""Order on a GPU: sort, argsort, top_k, in_top_k, searchsorted, and all of the CPU's module.

The one idea: all that depends on order is the stable order of keys, which `sort_tiles` finds.  Sorted values
are taken from the places that it gives.
"""
from math import prod

import numpy as np

from ..index import normal_axis
from ..sort import before, check_order, check_rows, check_search, check_top, check_vector
from .arrays import contiguous, empty
from .blocks import WARP, warp_reduce_all, warp_reduce_sum
from .counting import (
    bincount,
    dynamic_partition,
    dynamic_stitch,
    flat_indices,
    invert_permutation,
    raw,
)
from .distinct import unique, unique_with_counts
from .elementwise import cast
from .jit import cuda, kernel
from .sort_tiles import MOST_KEPT, best_places, ordered_words, sorted_places

__all__ = ["argsort", "bincount", "check_order", "check_rows", "check_search", "check_top", "check_vector",
           "dynamic_partition", "dynamic_stitch", "in_top_k", "invert_permutation", "searchsorted", "sort",
           "top_k", "unique", "unique_with_counts"]

_INT32 = np.dtype(np.int32)


# ---- sorting
def _comparable(x):
    """x contiguous, of a dtype that kernels compare."""
    return contiguous(cast(x, np.float32) if x.dtype == np.float16 else x)


@kernel
def take(x, places, n, k, out):
    """out[r, i] = x[r, places[r, i]] for rows of n and k, all flat."""
    i = cuda.grid(1)
    while i < out.size:
        out[i] = x[i // k * n + places[i]]
        i += cuda.gridsize(1)


def _taken(x, places, shape):
    """The values at places of the last axis of x, in an array of that shape."""
    out = empty(shape, x.dtype)
    if out.size:
        take.over(out.size, raw(x)[0], places, x.shape[-1], shape[-1], raw(out)[0])
    return out


def sort(values, axis=-1, descending=False):
    """The values in order along the axis, NaN last."""
    check_order(values)
    axis = normal_axis(axis, values.ndim)
    moved = contiguous(values.swapaxes(axis, -1))
    if moved.size == 0:
        return empty(values.shape, values.dtype)
    words, kind = ordered_words(moved)
    places = sorted_places(words, moved.shape[-1], kind, descending)
    return contiguous(_taken(moved, places, moved.shape).swapaxes(axis, -1))


def argsort(values, axis=-1, descending=False, stable=True):
    """The int32 places of the sorted values along the axis, NaN last; equal values always stay in order."""
    check_order(values)
    axis = normal_axis(axis, values.ndim)
    moved = values.swapaxes(axis, -1)
    if moved.size == 0:
        return empty(values.shape, _INT32)
    words, kind = ordered_words(moved)
    places = sorted_places(words, moved.shape[-1], kind, descending)
    return contiguous(places.reshape(moved.shape).swapaxes(axis, -1))


def top_k(x, k=1, sorted=True):
    """The k largest along the last axis, largest first, and their int32 places; of equal ones the first."""
    check_top(x, k)
    shape = (*x.shape[:-1], k)
    if prod(shape) == 0:
        return empty(shape, x.dtype), empty(shape, _INT32)
    if k > MOST_KEPT:
        places = contiguous(argsort(x, -1, True)[..., :k])
    else:
        words, kind = ordered_words(x)
        places = best_places(words, x.shape[-1], kind, k).reshape(shape)
    return _taken(x, places.reshape(-1), shape), places


@kernel
def in_top_rows(x, targets, k, out):
    """out[r] = fewer than k of x[r] are larger than x[r, targets[r]], and all are finite; a warp a row."""
    lane, n = cuda.threadIdx.x % WARP, x.shape[1]
    r = cuda.grid(1) // WARP
    while r < out.size:
        target, larger = targets[r], np.int64(0)
        good = 0 <= target < n
        if good:
            for i in range(lane, n, WARP):
                larger += np.int64(x[r, i] > x[r, target])
                good = good and np.isfinite(x[r, i])
        larger, good = warp_reduce_sum(larger), warp_reduce_all(good)
        if lane == 0:
            out[r] = good and larger < k
        r += cuda.gridsize(1) // WARP


def in_top_k(predictions, targets, k):
    """Whether each row's target is among its k largest, ties included; False in a row that is not finite."""
    check_rows(predictions, targets)
    out = empty(targets.shape, np.bool_)
    in_top_rows.over(out.size * WARP, _comparable(predictions), flat_indices(targets), k, out)
    return out


# ---- searching
@kernel
def search_rows(sequence, values, n, m, right, out):
    """out[r, i] = #{j: sequence[r, j] < values[r, i]}, or <= where right; rows of n and of m, all flat."""
    place = cuda.grid(1)
    while place < out.size:
        row, value = place // m * n, values[place]
        low, high = 0, n
        while low < high:
            middle = (low + high) // 2
            x = sequence[row + middle]
            if (not before(value, x)) if right else before(x, value):
                low = middle + 1
            else:
                high = middle
        out[place] = low
        place += cuda.gridsize(1)


def searchsorted(sorted_sequence, values, side="left", out_type=np.int32):
    """Where each value goes into its sorted row: before equal ones ("left") or after them ("right")."""
    check_search(sorted_sequence, values, side)
    if sorted_sequence.dtype != values.dtype:
        raise TypeError(f"sorted_sequence is {sorted_sequence.dtype}, values are {values.dtype}")
    check_order(values)
    out = empty(values.shape, out_type)
    search_rows.over(out.size, _comparable(sorted_sequence).reshape(-1), _comparable(values).reshape(-1),
                     sorted_sequence.shape[-1], values.shape[-1], side == "right", out.reshape(-1))
    return out
