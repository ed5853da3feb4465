"""Scatter: rows combined into the places that indices name, in place.

Every index is checked before anything is written: a launch that raises has changed nothing.  Threads own
places, not rows, so that a result is the same, to the bit, for every number of threads.
"""
from math import prod

import numpy as np

from . import scalar, threads
from .index import (
    around,
    check_along,
    check_batch,
    checked_indices,
    contiguous,
    covered_axes,
    normal_axis,
    number_rows,
    words,
)
from .jit import PARALLEL_WORK, body, range_kernel
from .memory import empty
from .recording import recorders, zeros

TEAM_WORK = 1 << 17             # rows that pay for reading all indices in each thread, if threads are awake


@body
def _second(a, b):
    """b"""
    return b


def _scatter_kernel(combine):
    @range_kernel
    def scatter_rows(out, indices, rows, parts, lo, hi):
        """out[o, indices[b, i]] = combine(out[o, indices[b, i]], rows[o, i]), in the order of i.

        A part owns a range of places (o, n) and reads all indices for them: no two threads write one place.
        An index outside [0, n) belongs to no part.
        """
        outer, n, inner = out.shape
        k = rows.shape[1]
        batches = indices.size // k
        first, last = lo * outer * n // parts, hi * outer * n // parts
        for o in range(first // n, (last + n - 1) // n):
            low, high = max(first - o * n, 0), min(last - o * n, n)
            start = o * batches // outer * k
            target, source, places = out[o], rows[o], indices[start:start + k]
            for i in range(k):
                if not low <= places[i] < high:
                    continue
                index = np.uint64(places[i])    # (unsigned: no test for counting from the end)
                if inner == 1:
                    target[index, 0] = combine(target[index, 0], source[i, 0])
                else:
                    for j in range(inner):
                        target[index, j] = combine(target[index, j], source[i, j])
    return scatter_rows


add_rows = _scatter_kernel(scalar.add)
subtract_rows = _scatter_kernel(scalar.subtract)
multiply_rows = _scatter_kernel(scalar.multiply)
min_rows = _scatter_kernel(scalar.minimum)
max_rows = _scatter_kernel(scalar.maximum)
replace_rows = _scatter_kernel(_second)


def combine_rows(rows_kernel, out, indices, rows):
    """Run a scatter kernel over out[outer, n, inner], indices[batches * k], rows[outer, k, inner]."""
    outer, _, inner = out.shape
    if rows.size == 0 or out.size == 0:
        return
    if rows.size < (TEAM_WORK if recorders else PARALLEL_WORK):
        rows_kernel(1, 0, out, indices, rows, 1)
        return
    # Every part reads the indices of its o: that pays for wide rows, or when a part is many whole o.
    count = threads.count()
    parts = outer if outer >= 4 * count else count if inner >= 8 else 1
    rows_kernel(parts, rows.size, out, indices, rows, parts)


def scatter_add_rows(out, indices, rows, axis=0, batch_dims=0):
    """Add rows to what `gather(out, indices, axis, batch_dims)` picks, in place: the gradient of gather."""
    axis = normal_axis(axis, out.ndim)
    shape, picked = out.shape, indices.shape[batch_dims:]
    if batch_dims:
        check_batch(shape, indices.shape, axis, batch_dims)
    flat = checked_indices(indices, shape[axis])
    expected = shape[:axis] + picked + shape[axis + 1:]
    if rows.shape != expected:
        raise ValueError(f"rows have shape {rows.shape}, expected {expected}")
    outer, inner = prod(shape[:axis]), prod(shape[axis + 1:])
    _in_place(add_rows, out, (outer, shape[axis], inner), flat, rows, (outer, prod(picked), inner))
    return out


def _in_place(rows_kernel, out, out_shape, indices, rows, rows_shape):
    target = contiguous(out)
    if np.may_share_memory(target, rows):
        rows = rows.copy()
    if rows_kernel is replace_rows:
        seen, rows = words(target, *out_shape), words(contiguous(rows), *rows_shape)
    else:
        seen, rows = target.reshape(out_shape), contiguous(rows).reshape(rows_shape)
    combine_rows(rows_kernel, seen, indices, rows)
    if target is not out:
        out[...] = target


def check_updates(updates, expected, dtype, ref):
    """Updates of that shape, or a scalar for all."""
    if updates.dtype != dtype:
        raise TypeError(f"updates are {updates.dtype}, the array they go to is {dtype}")
    if updates.ndim and updates.shape != expected:
        raise ValueError(f"updates have shape {updates.shape}; these indices into {ref} take {expected}")


def check_coordinates(shape, dtype, indices, updates):
    """Updates for the coordinates in `indices` into an array of that shape and dtype."""
    expected = indices.shape[:-1] + shape[covered_axes(indices, shape):]
    check_updates(updates, expected, dtype, shape)


def _updates(updates, expected, dtype, ref):
    check_updates(updates, expected, dtype, ref)
    if updates.shape == expected:
        return updates
    made = empty(expected, updates.dtype)
    made[...] = updates
    return made


def _scatter(rows_kernel, ref, indices, updates):
    if ref.ndim == 0:
        raise ValueError("a 0-d array has no rows to scatter to")
    shape = ref.shape
    updates = _updates(updates, indices.shape + shape[1:], ref.dtype, shape)
    flat, inner = checked_indices(indices, shape[0]), prod(shape[1:])
    _in_place(rows_kernel, ref, (1, shape[0], inner), flat, updates, (1, flat.size, inner))
    return ref


def scatter_update(ref, indices, updates):
    """ref[indices] = updates, in place; of equal indices the last wins."""
    return _scatter(replace_rows, ref, indices, updates)


def scatter_add(ref, indices, updates):
    """ref[indices] += updates, in place; equal indices add up."""
    return _scatter(add_rows, ref, indices, updates)


def scatter_sub(ref, indices, updates):
    """ref[indices] -= updates, in place."""
    return _scatter(subtract_rows, ref, indices, updates)


def scatter_mul(ref, indices, updates):
    """ref[indices] *= updates, in place."""
    return _scatter(multiply_rows, ref, indices, updates)


def scatter_min(ref, indices, updates):
    """ref[indices] = min(ref[indices], updates), in place."""
    return _scatter(min_rows, ref, indices, updates)


def scatter_max(ref, indices, updates):
    """ref[indices] = max(ref[indices], updates), in place."""
    return _scatter(max_rows, ref, indices, updates)


def _scatter_nd(rows_kernel, ref, indices, updates):
    shape = ref.shape
    numbers, covered = number_rows(indices, shape)
    updates = _updates(updates, indices.shape[:-1] + shape[covered:], ref.dtype, shape)
    k, inner = numbers.size, prod(shape[covered:])
    _in_place(rows_kernel, ref, (1, prod(shape[:covered]), inner), numbers, updates, (1, k, inner))
    return ref


def scatter_nd_update(ref, indices, updates):
    """ref[coordinates] = updates, in place; of equal coordinates the last wins."""
    return _scatter_nd(replace_rows, ref, indices, updates)


def scatter_nd_add(ref, indices, updates):
    """ref[coordinates] += updates, in place; equal coordinates add up."""
    return _scatter_nd(add_rows, ref, indices, updates)


def scatter_nd_sub(ref, indices, updates):
    """ref[coordinates] -= updates, in place."""
    return _scatter_nd(subtract_rows, ref, indices, updates)


def scatter_nd(indices, updates, shape):
    """Zeros of `shape` with updates added at the coordinates."""
    return _scatter_nd(add_rows, zeros(shape, updates.dtype), indices, updates)


# ---- an index for each element
@range_kernel
def add_along(out, indices, values, blocks, lo, hi):
    """out[o, indices[o, i, j], j] += values[o, i, j], in the order of i; a part is an o and a block of j."""
    _, k, inner = indices.shape
    for part in range(lo, hi):
        o, block = part // blocks, part % blocks
        for i in range(k):
            for j in range(block * inner // blocks, (block + 1) * inner // blocks):
                out[o, np.uint64(indices[o, i, j]), j] += values[o, i, j]


def check_values(indices, values):
    if values.shape != indices.shape:
        raise ValueError(f"values {values.shape} and indices {indices.shape} have different shapes")


def put_along_axis_add(out, indices, values, axis):
    """out[..., indices[..., i, ...], ...] += values[..., i, ...], in place; equal indices add up."""
    outer, inner = around(out.shape, axis)
    check_values(indices, values)
    flat = check_along(out.shape, indices, axis)
    if values.size == 0:
        return out
    if np.may_share_memory(out, values):
        values = values.copy()
    target, shape = contiguous(out), (outer, indices.shape[axis], inner)
    blocks = 1 if outer >= 16 else min(16, (inner + 63) // 64)      # (few threads write one cache line)
    add_along(outer * blocks, values.size, target.reshape(outer, out.shape[axis], inner),
              flat.reshape(shape), contiguous(values).reshape(shape), blocks)
    if target is not out:
        out[...] = target
    return out
