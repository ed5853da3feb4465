"""Gather on a GPU: rows picked from the places that indices name; the twin of `kernels.index`.

No index is read back to be checked: as TensorFlow does on GPUs, one out of range picks zeros.
"""
from math import prod

import numpy as np

from ..index import (  # noqa: F401
    _WORDS,
    INT64,
    IndexOutOfRange,
    around,
    check_along_shape,
    check_batch,
    check_depth,
    check_integers,
    covered_axes,
    normal_axis,
)
from .arrays import contiguous, empty
from .elementwise import cast
from .jit import cuda, kernel
from .prefix import where

_INDICES = {np.dtype(np.int32), INT64}          # dtypes that kernels take as they are
_PER_LAUNCH = 4                                 # coordinates that a kernel joins


# ---- what launches do to their arguments
def flat_indices(indices):
    """Indices as a flat C-contiguous array of int32 or int64."""
    check_integers(indices)
    return contiguous(indices if indices.dtype in _INDICES else cast(indices, INT64)).reshape(-1)


def checked_indices(indices, n):
    """The flat indices.  They are not checked, which would wait for the device: kernels leave them out."""
    return flat_indices(indices)


def words(x, outer, n, inner):
    """A contiguous array seen as [outer, n, inner], its elements as unsigned words (one or two each)."""
    word, count = _WORDS[x.dtype.itemsize]
    return x.reshape(-1).view(word).reshape(outer, n, inner * count)


# ---- gather
@kernel
def gather_rows(x, indices, out):
    """out[o, i] = x[o, indices[b, i]], b the batch that o belongs to; 0 for an index outside [0, n)."""
    outer, n, inner = x.shape
    k = out.shape[1]
    batches = indices.size // k
    first, row = cuda.grid(2)
    across, down = cuda.gridsize(2)
    while row < outer * k:
        o, i = np.int64(0), row
        if outer > 1:
            o = row // k
            i = row - o * k
        place = i
        if batches > 1:
            place += o // (outer // batches) * k
        index = np.int64(indices[place])
        j = first
        if 0 <= index < n:
            while j < inner:
                out[o, i, j] = x[o, index, j]
                j += across
        else:
            while j < inner:
                out[o, i, j] = 0
                j += across
        row += down


def gather(params, indices, axis=0, batch_dims=0):
    """Slices of params along `axis`, one an index, zeros for one out of range; axes as on the CPU."""
    shape, picked = params.shape, indices.shape
    axis = normal_axis(axis, len(shape))
    if batch_dims:
        check_batch(shape, picked, axis, batch_dims)
        picked = picked[batch_dims:]
    flat, k, outer, inner = flat_indices(indices), prod(picked), prod(shape[:axis]), prod(shape[axis + 1:])
    out = empty(shape[:axis] + picked + shape[axis + 1:], params.dtype)
    if out.size:
        source, target = words(contiguous(params), outer, shape[axis], inner), words(out, outer, k, inner)
        gather_rows.over_rows(outer * k, target.shape[2], source, flat, target)
    return out


# ---- gather_nd: an index of several coordinates becomes a row number
@kernel
def join_coordinates(indices, first, count, n0, n1, n2, n3, per_batch, out):
    """out[i] = C-order number of (i // per_batch, *indices[i]), -1 outside; four coordinates a launch."""
    i = cuda.grid(1)
    while i < out.size:
        number = out[i] if first > 0 else i // per_batch
        for c in range(count):
            extent = n0 if c == 0 else n1 if c == 1 else n2 if c == 2 else n3
            index = np.int64(indices[i, first + c])
            number = number * extent + index if number >= 0 and 0 <= index < extent else np.int64(-1)
        out[i] = number
        i += cuda.gridsize(1)


def number_rows(indices, shape, batch_dims=0):
    """Row numbers of indices[..., m] into `shape`, -1 for one outside, and how many axes they cover."""
    covered = covered_axes(indices, shape, batch_dims)
    lead, m = indices.shape[:-1], indices.shape[-1]
    numbers, sizes = empty((prod(lead),), INT64), shape[batch_dims:covered]
    flat, per_batch = flat_indices(indices).reshape(numbers.size, m), max(prod(lead[batch_dims:]), 1)
    for first in range(0, max(m, 1), _PER_LAUNCH):
        extents = [*sizes[first:first + _PER_LAUNCH]]
        padded = extents + [1] * (_PER_LAUNCH - len(extents))
        join_coordinates.over(numbers.size, flat, first, len(extents), *padded, per_batch, numbers)
    return numbers, covered


def gather_nd(params, indices, batch_dims=0):
    """out[i...] = params[indices[i..., 0], indices[i..., 1], ...], zeros for coordinates out of range."""
    shape = params.shape
    numbers, covered = number_rows(indices, shape, batch_dims)
    k, inner = numbers.size, prod(shape[covered:])
    out = empty(indices.shape[:-1] + shape[covered:], params.dtype)
    if out.size:
        source, target = words(contiguous(params), 1, prod(shape[:covered]), inner), words(out, 1, k, inner)
        gather_rows.over_rows(k, target.shape[2], source, numbers, target)
    return out


# ---- an index for each element
@kernel
def pick_along(x, indices, out):
    """out[o, i, j] = x[o, indices[o, i, j], j], 0 for an index outside."""
    outer, k, inner = out.shape
    count = inner // indices.shape[2]           # words an element
    first, row = cuda.grid(2)
    across, down = cuda.gridsize(2)
    while row < outer * k:
        o, i, j = row // k, row % k, first
        while j < inner:
            index = np.int64(indices[o, i, j if count == 1 else j // count])
            if 0 <= index < x.shape[1]:
                out[o, i, j] = x[o, index, j]
            else:
                out[o, i, j] = 0
            j += across
        row += down


def check_along(shape, indices, axis):
    """The flat indices; raises unless their shape goes with an array of `shape` along the axis."""
    check_along_shape(shape, indices, axis)
    return flat_indices(indices)


def take_along_axis(x, indices, axis):
    """out[..., i, ...] = x[..., indices[..., i, ...], ...], 0 for an index out of range."""
    outer, inner = around(x.shape, axis)
    flat = check_along(x.shape, indices, axis)
    k = indices.shape[axis]
    out = empty(indices.shape, x.dtype)
    if out.size:
        source, target = words(contiguous(x), outer, x.shape[axis], inner), words(out, outer, k, inner)
        pick_along.over_rows(outer * k, target.shape[2], source, flat.reshape(outer, k, inner), target)
    return out


@kernel
def mark_hot(indices, off, more_off, on, more_on, out):
    """out[o, d, j] = on where indices[o, j] == d, else off; a second word of each for elements of two."""
    outer, depth, inner = out.shape
    count = inner // indices.shape[1]
    first, row = cuda.grid(2)
    across, down = cuda.gridsize(2)
    while row < outer * depth:
        o, d, j = row // depth, row % depth, first
        while j < inner:
            hot = np.int64(indices[o, j // count]) == d
            if count == 2 and j % 2 == 1:
                out[o, d, j] = more_on if hot else more_off
            else:
                out[o, d, j] = on if hot else off
            j += across
        row += down


def one_hot(indices, depth, on_value=1, off_value=0, axis=-1, dtype=np.float32):
    """out[..., d, ...] = on_value if d == indices[...] else off_value; d counts along the new axis."""
    check_depth(depth)
    flat, shape, dtype = flat_indices(indices), indices.shape, np.dtype(dtype)
    axis = normal_axis(axis, len(shape) + 1)
    outer, inner = prod(shape[:axis]), prod(shape[axis:])
    out = empty((*shape[:axis], depth, *shape[axis:]), dtype)
    if out.size:
        word, count = _WORDS[dtype.itemsize]
        marks = np.array([off_value, on_value], dtype).view(word).reshape(2, count)
        numbers = marks[0, 0], marks[0, -1], marks[1, 0], marks[1, -1]
        target = words(out, outer, depth, inner)
        mark_hot.over_rows(outer * depth, target.shape[2], flat.reshape(outer, inner), *numbers, target)
    return out


# ---- masks
@kernel
def coordinates(numbers, step, extent, axis, out):
    """out[i, axis] = numbers[i] // step % extent"""
    i = cuda.grid(1)
    while i < numbers.size:
        out[i, axis] = numbers[i] // step % extent
        i += cuda.gridsize(1)


def where_indices(cond):
    """int64 [n, rank]: where cond is not zero, in row-major order; waits for the device to learn n."""
    numbers = where(contiguous(cond).reshape(-1))
    if cond.ndim == 1:
        return numbers.reshape(-1, 1)
    out = empty((numbers.size, cond.ndim), INT64)
    for axis, extent in enumerate(cond.shape):
        coordinates.over(numbers.size, numbers, prod(cond.shape[axis + 1:]), extent, axis, out)
    return out
