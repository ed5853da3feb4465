"""Runs of rows, one a segment, reduced on a GPU: short ones by a thread an element, long ones by a block.

Extents alone say how, and the order is fixed: results do not depend on which thread is first.
"""
import numpy as np

from ..segment import _neutral
from .arrays import empty
from .blocks import COLUMN_REDUCE, COMBINE, WARP
from .jit import BLOCK, MOST_BLOCKS, cuda, kernel
from .scatter_rows import REAL

SHORT, LONG = 8, 256            # mean rows of a segment from which on a warp, and a block, reduce it together
_PLAIN = {np.dtype(np.bool_): np.dtype(np.uint8)}


def _run_reductions(how):
    combine, reduce_columns = COMBINE[how], COLUMN_REDUCE[how]

    @kernel
    def reduce_short(rows, order, ordered, firsts, start, none, out):
        """out[s, j] over a segment's rows, in their order, `none` if it has none: a thread an element."""
        segments, inner = out.shape
        first, s = cuda.grid(2)
        across, down = cuda.gridsize(2)
        while s < segments:
            begin, end, j = firsts[s], firsts[s + 1], first
            while j < inner:
                value = rows.dtype.type(start if begin < end else none)
                kind = type(value)
                for p in range(begin, end):
                    value = kind(combine(value, rows[p if ordered else np.int64(order[p]), j]))
                out[s, j] = value
                j += across
            s += down

    @kernel
    def reduce_long(rows, order, ordered, firsts, start, none, out, width):
        """The same: a block's threads stand `width` to a row, a power of 2, and go down the rows."""
        segments, inner = out.shape
        t, tiles, thread = np.int64(cuda.blockIdx.x), (inner + width - 1) // width, cuda.threadIdx.x
        while t < segments * tiles:
            s, j = t // tiles, t % tiles * width + thread % width
            begin, end = firsts[s], firsts[s + 1]
            value = rows.dtype.type(start)
            kind = type(value)
            if j < inner:
                for p in range(begin + thread // width, end, cuda.blockDim.x // width):
                    value = kind(combine(value, rows[p if ordered else np.int64(order[p]), j]))
            value = reduce_columns(value, width)
            if thread < width and j < inner:
                out[s, j] = value if begin < end else rows.dtype.type(none)
            t += cuda.gridDim.x
    return reduce_short, reduce_long


_REDUCTIONS = {how: _run_reductions(how) for how in ("sum", "prod", "max", "min")}


def _start(how, dtype):
    """The number that a reduction starts from."""
    return {"sum": 0, "prod": 1}[how] if how in ("sum", "prod") else _neutral(dtype, how == "min")


def reduce_runs(how, rows, order, firsts, none):
    """[segments, inner] of rows[k, inner], in an order unless that is None; `none` for no row."""
    segments, inner = firsts.size - 1, rows.shape[1]
    out = empty((segments, inner), rows.dtype)
    if out.size == 0:
        return out
    if rows.dtype.kind == "b":                  # to add is to have one, to multiply is to have all
        how = {"sum": "max", "prod": "min"}.get(how, how)
    seen, given = (x.view(_PLAIN.get(x.dtype, x.dtype)) for x in (out, rows))
    number = REAL.get(seen.dtype, seen.dtype).type
    args = (given, firsts if order is None else order, order is None, firsts,
            number(_start(how, rows.dtype)), number(none), seen)
    mean, (short, long) = rows.shape[0] / segments, _REDUCTIONS[how]
    if mean < SHORT or (inner >= WARP and mean < LONG):
        short.over_rows(segments, inner, *args)
    else:
        width = min(WARP, 1 << (inner - 1).bit_length())
        blocks = min(segments * -(-inner // width), MOST_BLOCKS)
        long(blocks, BLOCK if mean >= LONG else WARP, *args, width)
    return out
