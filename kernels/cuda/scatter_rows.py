"""Rows combined into an array at the places that indices name: what scatters and segments on a GPU use.

Sums are added by atomics, in whatever order threads come; where `jit.deterministic()` says so, and for what
atomics can't do, rows are first brought together by place and combined in their order, as on the CPU.
Of rows that replace, the last wins: its number is found first.  Indices out of range are left out.
"""
import numpy as np

from .arrays import empty, full
from .blocks import combine_max, combine_min, combine_prod, combine_sum
from .grouping import grouped
from .index import INT64
from .jit import cuda, deterministic, device, kernel

ATOMIC = {np.dtype(t) for t in ("int32", "uint32", "int64", "uint64", "float32", "float64")}
_INT32 = np.dtype(np.int32)
REAL = {np.dtype(np.complex64): np.dtype(np.float32), np.dtype(np.complex128): np.dtype(np.float64)}


@device
def place_of(indices, row, k, n, outer):
    """(o, i, b * n, index) of row o * k + i, b the batch of o; index is -1 outside [0, n)."""
    o, i, batch = np.int64(0), row, np.int64(0)
    if outer > 1:
        o = row // k
        i = row - o * k
        batch = o // (outer * k // indices.size)
    index = np.int64(indices[batch * k + i])
    return o, i, batch * n, index if 0 <= index < n else np.int64(-1)


# ---- sums by atomics
@kernel
def add_rows_atomically(out, indices, rows, negative):
    """out[o, indices[b, i]] += rows[o, i], or -= where negative, in any order."""
    outer, n, inner = out.shape
    k = rows.shape[1]
    first, row = cuda.grid(2)
    across, down = cuda.gridsize(2)
    while row < outer * k:
        o, i, _, index = place_of(indices, row, k, n, outer)
        if index >= 0:
            j = first
            while j < inner:
                value = rows[o, i, j]
                kind = type(value)
                cuda.atomic.add(out, (o, index, j), kind(kind(0) - value) if negative else value)
                j += across
        row += down


# ---- the last one wins
@kernel
def find_last(indices, k, n, last):
    """last[b, d] = the largest i with indices[b, i] == d."""
    row = cuda.grid(1)
    while row < indices.size:
        index = np.int64(indices[row])
        if 0 <= index < n:
            cuda.atomic.max(last, row // k * n + index, row % k)
        row += cuda.gridsize(1)


@kernel
def replace_rows_of_last(out, indices, rows, last):
    """out[o, d] = rows[o, last[b, d]], where there is one."""
    outer, n, inner = out.shape
    k = rows.shape[1]
    first, row = cuda.grid(2)
    across, down = cuda.gridsize(2)
    while row < outer * k:
        o, i, start, index = place_of(indices, row, k, n, outer)
        if index >= 0 and last[start + index] == i:
            j = first
            while j < inner:
                out[o, index, j] = rows[o, i, j]
                j += across
        row += down


# ---- anything, in order
@kernel
def number_places(indices, k, n, places):
    """places[b, i] = b * n + indices[b, i], or one more than all of them for an index outside [0, n)."""
    row = cuda.grid(1)
    while row < indices.size:
        index = np.int64(indices[row])
        places[row] = row // k * n + index if 0 <= index < n else indices.size // k * n
        row += cuda.gridsize(1)


def grouped_rows(indices, k, n):
    """(rows of indices[batches * k] by place, where the rows of each of batches * n places begin)."""
    groups = indices.size // max(k, 1) * n if indices.size else n
    places = empty(indices.shape, _INT32 if groups < np.iinfo(_INT32).max else INT64)
    number_places.over(indices.size, indices, k, n, places)
    return grouped(places, groups)


def _in_order(combine):
    @kernel
    def combine_groups(out, order, firsts, rows):
        """out[o, d] = combine(out[o, d], rows[o, i]) for the i of the group (b, d), in their order."""
        outer, n, inner = out.shape
        k = rows.shape[1]
        batches = (firsts.size - 1) // n
        first, row = cuda.grid(2)
        across, down = cuda.gridsize(2)
        while row < outer * n:
            o, d = row // n, row % n
            batch = o // (outer // batches)
            begin, end = firsts[batch * n + d], firsts[batch * n + d + 1]
            if begin < end:
                j = first
                while j < inner:
                    value = out[o, d, j]
                    kind = type(value)
                    for p in range(begin, end):
                        value = kind(combine(value, rows[o, order[p] - batch * k, j]))
                    out[o, d, j] = value
                    j += across
            row += down
    return combine_groups


@device
def combine_difference(a, b):
    """a - b"""
    return a - b


add_rows = _in_order(combine_sum)
subtract_rows = _in_order(combine_difference)
multiply_rows = _in_order(combine_prod)
min_rows = _in_order(combine_min)
max_rows = _in_order(combine_max)
replace_rows = replace_rows_of_last


def combine_rows(rows_kernel, out, indices, rows):
    """Combine rows[outer, k, inner] into out[outer, n, inner] at indices[batches * k]."""
    outer, n, inner = out.shape
    if rows.size == 0 or out.size == 0:
        return
    k, summed = rows.shape[1], rows_kernel in (add_rows, subtract_rows)
    if summed and out.dtype in REAL:
        out, rows = (x.reshape(-1).view(REAL[x.dtype]).reshape(outer, -1, 2 * inner) for x in (out, rows))
    batches = indices.size // k
    if rows_kernel is replace_rows:
        last = full((batches * n,), -1, INT64)
        find_last.over(indices.size, indices, k, n, last)
        replace_rows.over_rows(outer * k, inner, out, indices, rows, last)
    elif summed and out.dtype in ATOMIC and not deterministic():
        negative = rows_kernel is subtract_rows
        add_rows_atomically.over_rows(outer * k, out.shape[2], out, indices, rows, negative)
    else:
        order, firsts = grouped_rows(indices, k, n)
        rows_kernel.over_rows(outer * n, out.shape[2], out, order, firsts, rows)
