"""Gather: rows picked from the places that indices name, and what makes indices of masks.

The one idea: whatever the shapes, an array is seen as [outer, n, inner] around the indexed axis.  What only
moves data sees elements as unsigned words, so that one compiled kernel a word width serves every dtype.
"""
from math import prod

import numpy as np

from .jit import PARALLEL_WORK, kernel, range_kernel
from .memory import empty
from .recording import Recorded, contiguous, recorders, scratch, table

INT64 = np.dtype(np.int64)
_WORDS = {1: (np.dtype(np.uint8), 1), 2: (np.dtype(np.uint16), 1), 4: (np.dtype(np.uint32), 1),
          8: (np.dtype(np.uint64), 1), 16: (np.dtype(np.uint64), 2)}


class IndexOutOfRange(IndexError, ValueError):
    """An index that names no element."""


# ---- what launches do to their arguments
def flat_indices(indices):
    """Indices as a flat C-contiguous int64 array, the one type that kernels here are compiled for."""
    if indices.dtype is not INT64:
        check_integers(indices)
        indices = indices.astype(INT64)
    return indices.ravel()


def check_integers(indices):
    if indices.dtype.kind not in "iu":
        raise TypeError(f"indices must be integers, got {indices.dtype}")


def words(x, outer, n, inner):
    """A contiguous array seen as [outer, n, inner], its elements as unsigned words (one or two each)."""
    word, count = _WORDS[x.dtype.itemsize]
    if recorders and type(x) is Recorded:
        return x.reshape(-1).view(word).reshape(outer, n, inner * count)
    return np.ndarray((outer, n, inner * count), word, x)


def normal_axis(axis, rank):
    """The axis counted from the front."""
    if not -rank <= axis < rank:
        raise ValueError(f"axis {axis} is not in [{-rank}, {rank})")
    return axis + rank if axis < 0 else axis


@range_kernel
def first_outside(indices, n, lo, hi):
    """min {i: not 0 <= indices[i] < n}, or -1."""
    low, high = 0, -1
    for index in indices[lo:hi]:                # without a way out, so that it vectorizes
        low, high = min(low, index), max(high, index)
    if low >= 0 and high < n:
        return -1
    for i in range(lo, hi):
        if indices[i] < 0 or indices[i] >= n:
            return i
    return -1


def checked_indices(indices, n):
    """The flat indices; raises for the first one outside [0, n)."""
    flat = flat_indices(indices)
    if (bad := first_outside.checked(flat.size, flat.size, flat, n)) >= 0:
        raise _outside(indices, bad, n)
    return flat


def _position(shape, i):
    return tuple(int(p) for p in np.unravel_index(i, shape)) if shape else ()


def _outside(indices, bad, n):
    return IndexOutOfRange(f"index {indices.reshape(-1)[bad]} at position {_position(indices.shape, bad)} "
                           f"is not in [0, {n})")


# ---- gather
@range_kernel
def gather_rows(x, indices, out, lo, hi):
    """out[o, i] = x[o, indices[b, i]], lo <= o * k + i < hi; returns the first bad index's place, or -1."""
    outer, n, inner = x.shape
    k = out.shape[1]
    batches = indices.size // k
    row = lo
    while row < hi:
        o, first = row // k, row % k
        last = min(k, first + hi - row)
        row += last - first
        start = o * batches // outer * k
        source, target, places = x[o], out[o], indices[start:start + k]
        for i in range(first, last):
            index = np.uint64(places[i])        # a negative index becomes a huge one
            if index >= np.uint64(n):
                return start + i
            if inner == 1:                      # (half the time of the loop over one)
                target[i, 0] = source[index, 0]
            else:
                for j in range(inner):
                    target[i, j] = source[index, j]
    return -1


def gather(params, indices, axis=0, batch_dims=0):
    """Slices of params along `axis`, one an index; the first batch_dims axes of both go together."""
    shape, picked = params.shape, indices.shape
    if axis or not shape:
        axis = normal_axis(axis, len(shape))
    k = indices.size
    if batch_dims:
        check_batch(shape, picked, axis, batch_dims)
        picked = picked[batch_dims:]
        k = prod(picked)
    n, inner = shape[axis], prod(shape[axis + 1:])
    outer = prod(shape[:axis]) if axis else 1
    out = empty(shape[:axis] + picked + shape[axis + 1:], params.dtype)
    size = out.size
    if size == 0 or size >= PARALLEL_WORK or not params.flags.c_contiguous:
        flat = checked_indices(indices, n)
        if size == 0:
            return out
        if not params.flags.c_contiguous and batch_dims == 0 and params.size > size:
            out[...] = params[(slice(None),) * axis + (indices,)]       # (spares the copy of params)
            return out
        source, target = words(contiguous(params), outer, n, inner), words(out, outer, k, inner)
        gather_rows(outer * k, size, source, flat, target)
        return out
    source, target = words(params, outer, n, inner), words(out, outer, k, inner)
    if recorders:
        bad = gather_rows.checked(outer * k, size, source, flat_indices(indices), target)
    else:                                       # (a call less)
        bad = gather_rows.serial(source, flat_indices(indices), target, 0, outer * k)
    if bad >= 0:
        raise _outside(indices, bad, n)
    return out


def check_batch(shape, index_shape, axis, batch_dims):
    """Raise unless the first batch_dims axes of an array and of indices along its `axis` go together."""
    if not 0 < batch_dims <= min(len(index_shape), axis):
        raise ValueError(f"batch_dims {batch_dims} must be at least 0, at most the axis ({axis}) and at most "
                         f"the rank of the indices ({len(index_shape)})")
    if shape[:batch_dims] != index_shape[:batch_dims]:
        raise ValueError(f"params {shape} and indices {index_shape} differ in the first {batch_dims} axes")


# ---- gather_nd: an index of several coordinates becomes a row number
@range_kernel
def row_numbers(indices, shape, per_batch, out, lo, hi):
    """out[i] = C-order number of the row (i // per_batch, *indices[i]); returns the first bad i, or -1."""
    for i in range(lo, hi):
        number = i // per_batch
        for c in range(shape.size):
            index = indices[i, c]
            if index < 0 or index >= shape[c]:
                return i
            number = number * shape[c] + index
        out[i] = number
    return -1


def number_rows(indices, shape, batch_dims=0):
    """Row numbers of indices[..., m] into `shape`, and how many of its axes they cover."""
    covered = covered_axes(indices, shape, batch_dims)
    lead, m = indices.shape[:-1], indices.shape[-1]
    k = prod(lead)
    numbers = scratch((k,), INT64)
    per_batch = max(prod(lead[batch_dims:]), 1)
    sizes = np.array(shape[batch_dims:covered], INT64)
    if recorders:
        table(sizes)
    flat = flat_indices(indices).reshape(k, m)
    if (bad := row_numbers.checked(k, k * m, flat, sizes, per_batch, numbers)) >= 0:
        wrong = tuple(flat[bad].tolist())
        raise IndexOutOfRange(f"index {wrong} at position {_position(lead, bad)} "
                              f"does not index into shape {shape[batch_dims:covered]}")
    return numbers, covered


def covered_axes(indices, shape, batch_dims=0):
    """How many axes of `shape` the coordinates in `indices` go along, those of the batch included."""
    check_integers(indices)
    if indices.ndim == 0:
        raise ValueError("indices need a last axis of coordinates, got a 0-d array")
    lead, m = indices.shape[:-1], indices.shape[-1]
    if not 0 <= batch_dims <= len(lead) or lead[:batch_dims] != shape[:batch_dims]:
        raise ValueError(f"batch_dims {batch_dims}: the leading dimensions of indices {indices.shape} "
                         f"and {shape} differ")
    covered = batch_dims + m
    if covered > len(shape):
        raise ValueError(f"indices {indices.shape} hold {m} coordinates, more than {shape} has axes to index")
    return covered


def gather_nd(params, indices, batch_dims=0):
    """out[i...] = params[indices[i..., 0], indices[i..., 1], ...]: the last axis holds coordinates."""
    shape = params.shape
    numbers, covered = number_rows(indices, shape, batch_dims)
    k, inner = numbers.size, prod(shape[covered:])
    out = empty(indices.shape[:-1] + shape[covered:], params.dtype)
    if out.size:
        source = words(contiguous(params), 1, prod(shape[:covered]), inner)
        gather_rows(k, out.size, source, numbers, words(out, 1, k, inner))
    return out




# ---- an index for each element
@range_kernel
def pick_along(x, indices, out, lo, hi):
    """out[o, i, j] = x[o, indices[o, i, j], j]."""
    _, k, inner = indices.shape
    count = x.shape[2] // inner                 # words an element
    for o in range(lo, hi):
        for i in range(k):
            for j in range(inner):
                index = np.uint64(indices[o, i, j])
                for c in range(count):
                    out[o, i, j * count + c] = x[o, index, j * count + c]


def take_along_axis(x, indices, axis):
    """out[..., i, ...] = x[..., indices[..., i, ...], ...]; the shapes agree but for the axis."""
    outer, inner = around(x.shape, axis)
    flat = check_along(x.shape, indices, axis)
    k = indices.shape[axis]
    out = empty(indices.shape, x.dtype)
    if out.size:
        source, target = words(contiguous(x), outer, x.shape[axis], inner), words(out, outer, k, inner)
        pick_along(outer, out.size, source, flat.reshape(outer, k, inner), target)
    return out


def check_along_shape(shape, indices, axis):
    """The axis counted from the front, for indices that agree with `shape` but for it."""
    check_integers(indices)
    axis = normal_axis(axis, len(shape))
    expected = shape[:axis] + indices.shape[axis:axis + 1] + shape[axis + 1:]
    if indices.shape != expected:
        raise ValueError(f"indices {indices.shape} and x {shape} must agree but for axis {axis}")
    return axis


def check_along(shape, indices, axis):
    """The flat indices; raises unless they go with an array of `shape` along the axis."""
    axis = check_along_shape(shape, indices, axis)
    return checked_indices(indices, shape[axis])


def around(shape, axis):
    """How many elements stand before the axis and how many after."""
    axis = normal_axis(axis, len(shape))
    return prod(shape[:axis]), prod(shape[axis + 1:])


@range_kernel
def mark_hot(indices, off, on, out, lo, hi):
    """out[o, d, j] = on where indices[o, j] == d, else off."""
    _, depth, inner = out.shape
    for o in range(lo, hi):
        for d in range(depth):
            for j in range(inner):
                out[o, d, j] = off
        for j in range(inner):
            index = indices[o, j]
            if 0 <= index < depth:
                out[o, index, j] = on


def check_depth(depth):
    if depth < 0:
        raise ValueError(f"depth must not be negative, got {depth}")


def one_hot(indices, depth, on_value=1, off_value=0, axis=-1, dtype=np.float32):
    """out[..., d, ...] = on_value if d == indices[...] else off_value; d counts along the new axis."""
    check_depth(depth)
    flat, shape, dtype = flat_indices(indices), indices.shape, np.dtype(dtype)
    axis = normal_axis(axis, len(shape) + 1)
    outer, inner = prod(shape[:axis]), prod(shape[axis:])
    out = empty((*shape[:axis], depth, *shape[axis:]), dtype)
    if out.size:
        off_on, seen = np.array([off_value, on_value], dtype), out.reshape(outer, depth, inner)
        word, count = _WORDS[dtype.itemsize]
        if count == 1:
            off_on, seen = off_on.view(word), seen.view(word)
        mark_hot(outer, out.size, flat.reshape(outer, inner), off_on[0], off_on[1], seen)
    return out


# ---- masks
def boolean_mask(x, mask, axis=0):
    """The slices of x where mask holds; the axes that it covers, from `axis` on, become one."""
    axis, end = normal_axis(axis, x.ndim), normal_axis(axis, x.ndim) + mask.ndim
    if mask.dtype.kind != "b":
        raise TypeError(f"a mask must be bool, got {mask.dtype}")
    if mask.ndim == 0 or x.shape[axis:end] != mask.shape:
        raise ValueError(f"mask {mask.shape} does not match x {x.shape} from axis {axis} on")
    rows = contiguous(x).reshape((*x.shape[:axis], mask.size, *x.shape[end:]))
    return gather(rows, np.flatnonzero(mask), axis)


@kernel
def coordinates(numbers, shape, out):
    """out[i] = the coordinates of element numbers[i], in C order."""
    for i in range(numbers.size):
        number = numbers[i]
        for c in range(shape.size - 1, -1, -1):
            out[i, c] = number % shape[c]
            number //= shape[c]


def where_indices(cond):
    """int64 [n, rank]: where cond is not zero, in row-major order."""
    numbers = np.flatnonzero(cond)
    if cond.ndim == 1:
        return numbers.reshape(-1, 1)
    out = empty((numbers.size, cond.ndim), INT64)
    coordinates(numbers, np.array(cond.shape, INT64), out)
    return out
