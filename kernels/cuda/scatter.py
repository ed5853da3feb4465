"""Scatter on a GPU: rows combined into the places that indices name, in place; the twin of `kernels.scatter`.

No index is read back to be checked: as TensorFlow does on GPUs, rows of one out of range are left out.
"""
from math import prod  # noqa: F401  (for what is ported)

import numpy as np

from .. import scatter as on_cpu
from ..scatter import check_coordinates, check_updates, check_values  # noqa: F401
from .arrays import assign, contiguous, copy, empty, zeros  # noqa: F401
from .index import (  # noqa: F401
    around,
    check_along,
    check_batch,
    checked_indices,
    normal_axis,
    number_rows,
    words,
)
from .jit import cuda, deterministic, kernel
from .ported import ported
from .scatter_rows import (  # noqa: F401  (some are for what is ported)
    ATOMIC,
    REAL,
    add_rows,
    combine_rows,
    max_rows,
    min_rows,
    multiply_rows,
    replace_rows,
    subtract_rows,
)

# ---- rows of an axis, or at coordinates
scatter_add_rows = ported(on_cpu.scatter_add_rows, globals())


def _in_place(rows_kernel, out, out_shape, indices, rows, rows_shape):
    target = contiguous(out)
    rows = copy(rows) if np.may_share_memory(target, rows) else contiguous(rows)
    if rows_kernel is replace_rows:
        seen, rows = words(target, *out_shape), words(rows, *rows_shape)
    else:
        seen, rows = target.reshape(out_shape), rows.reshape(rows_shape)
    combine_rows(rows_kernel, seen, indices, rows)
    if target is not out:
        assign(out, target)


def _updates(updates, expected, dtype, ref):
    check_updates(updates, expected, dtype, ref)
    if updates.shape == expected:
        return updates
    made = empty(expected, updates.dtype)
    assign(made, updates)
    return made


_scatter = ported(on_cpu._scatter, globals())
scatter_update = ported(on_cpu.scatter_update, globals())
scatter_add = ported(on_cpu.scatter_add, globals())
scatter_sub = ported(on_cpu.scatter_sub, globals())
scatter_mul = ported(on_cpu.scatter_mul, globals())
scatter_min = ported(on_cpu.scatter_min, globals())
scatter_max = ported(on_cpu.scatter_max, globals())
_scatter_nd = ported(on_cpu._scatter_nd, globals())
scatter_nd_update = ported(on_cpu.scatter_nd_update, globals())
scatter_nd_add = ported(on_cpu.scatter_nd_add, globals())
scatter_nd_sub = ported(on_cpu.scatter_nd_sub, globals())
scatter_nd = ported(on_cpu.scatter_nd, globals())


# ---- an index for each element
@kernel
def add_along_atomically(out, indices, values, count):
    """out[o, indices[o, i, j], j] += values[o, i, j], in any order; `count` reals an element."""
    outer, k, inner = values.shape
    first, row = cuda.grid(2)
    across, down = cuda.gridsize(2)
    while row < outer * k:
        o, i, j = row // k, row % k, first
        while j < inner:
            index = np.int64(indices[o, i, j // count])
            if 0 <= index < out.shape[1]:
                cuda.atomic.add(out, (o, index, j), values[o, i, j])
            j += across
        row += down


@kernel
def add_along(out, indices, values, count):
    """The same in the order of i."""
    outer, k, inner = values.shape
    first, o = cuda.grid(2)
    across, down = cuda.gridsize(2)
    while o < outer:
        j = first
        while j < inner:
            for i in range(k):
                index = np.int64(indices[o, i, j // count])
                if 0 <= index < out.shape[1]:
                    out[o, index, j] += values[o, i, j]
            j += across
        o += down


def put_along_axis_add(out, indices, values, axis):
    """out[..., indices[..., i, ...], ...] += values[..., i, ...], in place; equal indices add up."""
    outer, inner = around(out.shape, axis)
    check_values(indices, values)
    flat = check_along(out.shape, indices, axis)
    if values.size == 0 or out.size == 0:
        return out
    values = copy(values) if np.may_share_memory(out, values) else contiguous(values)
    target, k, real = contiguous(out), indices.shape[axis], REAL.get(out.dtype, out.dtype)
    count = out.dtype.itemsize // real.itemsize
    seen, given = (x.reshape(-1).view(real).reshape(outer, n, inner * count)
                   for x, n in ((target, out.shape[axis]), (values, k)))
    places = flat.reshape(outer, k, inner)
    if real in ATOMIC and not deterministic():
        add_along_atomically.over_rows(outer * k, inner * count, seen, places, given, count)
    else:
        add_along.over_rows(outer, inner * count, seen, places, given, count)
    if target is not out:
        assign(out, target)
    return out
