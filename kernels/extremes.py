"""The larger and the smaller of two numbers, NaN winning, and the positions of the extremes along an axis.

LLVM turns its own maximum and minimum into vector reductions without being promised that there are no NaN.
"""
import numpy as np
from llvmlite import ir
from numba.extending import intrinsic

from .blocks import around, copy, fill
from .jit import body, kernel, range_kernel, variant
from .memory import empty

BLOCK = 256         # elements that one vector loop searches
CHUNK = 1 << 15     # elements of a row in one task
TILE = 1024         # columns in one task
INT64 = np.dtype(np.int64)


# ---- scalars
def _float_intrinsic(name):
    @intrinsic
    def extreme(context, a, b):
        def generate(context, builder, signature, args):
            kind = args[0].type
            function = builder.module.declare_intrinsic(name, [kind], ir.FunctionType(kind, [kind, kind]))
            return builder.call(function, args)
        return a(a, b), generate
    return extreme


_float_maximum = _float_intrinsic("llvm.maximum")
_float_minimum = _float_intrinsic("llvm.minimum")


@body
def maximum(a, b):
    return a if a > b or a != a else b


@variant(maximum, "float32", "float64")
def _(a, b):
    return _float_maximum(a, b)


@body
def minimum(a, b):
    return a if a < b or a != a else b


@variant(minimum, "float32", "float64")
def _(a, b):
    return _float_minimum(a, b)


# ---- kernels
class Position:
    """The kernels that find where the extreme `choose` first stands."""

    def __init__(self, choose):
        self.rows = _rows_kernel(choose)
        self.columns = _columns_kernel(choose)


def _rows_kernel(choose):
    @kernel
    def line(x):
        """choose over x: one vector loop."""
        best = x[x.size - 1]
        for i in range(x.size - 1):
            best = choose(best, x[i])
        return best

    @kernel
    def where(x, best):
        """The first i with x[i] = best, or x[i] nan: also a vector loop."""
        found = np.int32(BLOCK)
        for i in range(x.size):
            found = min(found, np.int32(i) if x[i] == best or x[i] != x[i] else np.int32(BLOCK))
        return found

    @kernel
    def first(x):
        """The first i with x[i] = choose over x: find its block, then its place there."""
        best, found = line(x[:BLOCK]), 0
        for start in range(BLOCK, x.size, BLOCK):
            candidate = line(x[start:start + BLOCK])
            if best == best and choose(best, candidate) != best:
                best, found = candidate, start
        return found + where(x[found:found + BLOCK], best)

    @range_kernel
    def rows(x, n, out, lo, hi):
        """out[i, j] = the first k in chunk j with x[i, k] = choose over x[i, chunk j]"""
        chunks = (n + CHUNK - 1) // CHUNK
        for task in range(lo, hi):
            i, j = divmod(task, chunks)
            out[task] = j * CHUNK + first(x[i * n + j * CHUNK:i * n + min((j + 1) * CHUNK, n)])
    return rows


def _columns_kernel(choose):
    @kernel
    def visit(row, r, best, found):
        """best, found = row, r where row is the better"""
        for c in range(best.size):
            better = best[c] == best[c] and choose(best[c], row[c]) != best[c]
            best[c] = row[c] if better else best[c]
            found[c] = r if better else found[c]

    @range_kernel
    def columns(x, n, inner, out, lo, hi):
        """out[i, c] = the first k with x[i, k, c] = choose over x[i, :, c]"""
        tiles = (inner + TILE - 1) // TILE
        best = np.empty(min(TILE, inner), x.dtype)
        for task in range(lo, hi):
            i, tile = divmod(task, tiles)
            c, width = tile * TILE, min(TILE, inner - tile * TILE)
            at, found = i * n * inner + c, out[i * inner + c:i * inner + c + width]
            fill(found, 0)
            copy(x[at:at + width], best[:width])
            for r in range(1, n):
                visit(x[at + r * inner:at + r * inner + width], r, best[:width], found)
    return columns


# ---- launches
_MAX, _MIN = Position(maximum), Position(minimum)


def argmax(x, axis, dtype=INT64):
    """The position of the largest along the axis: the first of equals, the first NaN if any."""
    return _position(_MAX, x, axis, dtype, "argmax")


def argmin(x, axis, dtype=INT64):
    """The position of the smallest along the axis: the first of equals, the first NaN if any."""
    return _position(_MIN, x, axis, dtype, "argmin")


def _position(op, x, axis, dtype, name):
    if x.dtype.kind == "c":
        raise TypeError(f"{name}: complex numbers have no order, got {x.dtype}")
    m, n, inner = around(x.shape, axis)
    if n == 0:
        raise ValueError(f"{name}: axis {axis} of shape {x.shape} is empty: there is no position to give")
    if x.dtype.kind == "b":
        x = x.view(np.uint8)
    out = empty(x.shape[:axis] + x.shape[axis + 1:], INT64)
    if x.size:
        flat = np.ascontiguousarray(x).reshape(-1)
        fill = _fill_rows if inner == 1 else _fill_columns
        fill(op, flat, m, n, inner, out.reshape(-1))
    return out if dtype == INT64 else out.astype(dtype)


def _fill_columns(op, x, m, n, inner, out):
    op.columns(m * -(-inner // TILE), x.size, x, n, inner, out)


def _fill_rows(op, x, m, n, inner, out):
    chunks = -(-n // CHUNK)
    if chunks == 1:
        return op.rows(m, x.size, x, n, out)
    found = empty((m, chunks), out.dtype)
    op.rows(m * chunks, x.size, x, n, found.reshape(-1))
    best = np.take_along_axis(x.reshape(m, n), found, 1)
    winner = empty((m,), out.dtype)
    _fill_rows(op, best.reshape(-1), m, chunks, 1, winner)
    out[:] = np.take_along_axis(found, winner[:, None], 1)[:, 0]
    return None
