"""Cumulative sum, product and logsumexp along an axis, from either end, with or without the element itself.

Rows longer than a chunk are scanned chunk by chunk and shifted afterwards; a chunk's size is fixed, so the
result does not depend on the number of threads.
"""
import numpy as np

from . import scalar
from .blocks import around, copy, fill
from .extremes import maximum, minimum
from .jit import body, kernel, range_kernel
from .memory import empty
from .recording import contiguous, scratch

CHUNK = 1 << 14     # elements of a row in one task
TILE = 512          # columns in one task


# ---- kernels
@body
def _add_exponentials(a, b):
    """log(exp(a) + exp(b))"""
    low, high = minimum(a, b), maximum(a, b)
    gap = 0.0 if low == high else low - high        # inf - inf would be nan
    return high + scalar.log1p(scalar.exp(gap))


class Scan:
    """The kernels of one associative `combine` with its identity."""

    def __init__(self, combine, identity):
        self.rows = _rows_kernel(combine, identity)
        self.columns = _columns_kernel(combine, identity)
        self.shift = _shift_kernel(combine)


def _rows_kernel(combine, identity):
    @kernel
    def forward(x, out, exclusive):
        """out[j] = combine of x[:j + 1] or, exclusive, of x[:j]; gives the total."""
        # four at a time: each waits for the total before, so this takes a quarter of the latency
        total = x.dtype.type(identity)
        fours = x.size - x.size % 4
        for j in range(0, fours, 4):
            one = x[j]
            two = combine(one, x[j + 1])
            three, four = combine(two, x[j + 2]), combine(two, combine(x[j + 2], x[j + 3]))
            if exclusive:
                out[j], out[j + 1] = total, combine(total, one)
                out[j + 2], out[j + 3] = combine(total, two), combine(total, three)
            else:
                out[j], out[j + 1] = combine(total, one), combine(total, two)
                out[j + 2], out[j + 3] = combine(total, three), combine(total, four)
            total = combine(total, four)
        for j in range(fours, x.size):
            after = combine(total, x[j])
            out[j] = total if exclusive else after
            total = after
        return total

    @range_kernel
    def rows(x, n, exclusive, reverse, out, totals, lo, hi):
        """out[i, j] = the scan of x[i, j], chunk j of row i; totals[i, j] = all of it"""
        chunks = (n + CHUNK - 1) // CHUNK
        for task in range(lo, hi):
            i, j = divmod(task, chunks)
            start, stop = i * n + j * CHUNK, i * n + min((j + 1) * CHUNK, n)
            if reverse:
                totals[task] = forward(x[start:stop][::-1], out[start:stop][::-1], exclusive)
            else:
                totals[task] = forward(x[start:stop], out[start:stop], exclusive)
    return rows


def _shift_kernel(combine):
    @range_kernel
    def shift(out, n, before, lo, hi):
        """out[i, j] = combine(before[i, j], out[i, j]), chunk j of row i"""
        chunks = (n + CHUNK - 1) // CHUNK
        for task in range(lo, hi):
            i, j = divmod(task, chunks)
            chunk = out[i * n + j * CHUNK:i * n + min((j + 1) * CHUNK, n)]
            for k in range(chunk.size):
                chunk[k] = combine(before[task], chunk[k])
    return shift


def _columns_kernel(combine, identity):
    @kernel
    def step(before, row, after):
        """after[c] = combine(before[c], row[c])"""
        for c in range(after.size):
            after[c] = combine(before[c], row[c])

    @range_kernel
    def columns(x, n, inner, exclusive, reverse, out, lo, hi):
        """out[i, j, c] = the scan over j of x[i, j, c]"""
        tiles = (inner + TILE - 1) // TILE
        for task in range(lo, hi):
            i, tile = divmod(task, tiles)
            c, width = tile * TILE, min(TILE, inner - tile * TILE)
            at = i * n * inner + c
            at, stride = (at + (n - 1) * inner, -inner) if reverse else (at, inner)
            if exclusive:
                fill(out[at:at + width], identity)
            else:
                copy(x[at:at + width], out[at:at + width])
            for _ in range(1, n):
                after = at + stride
                row = at if exclusive else after
                step(out[at:at + width], x[row:row + width], out[after:after + width])
                at = after
    return columns


# ---- launches
SUM, PROD = Scan(scalar.add, 0), Scan(scalar.multiply, 1)
LOGSUMEXP = Scan(_add_exponentials, -np.inf)


def cumsum(x, axis, exclusive=False, reverse=False):
    """Running sums along the axis; exclusive: of what comes before; reverse: from the end."""
    return _scan(SUM, check_numbers(x, "cumsum"), axis, exclusive, reverse)


def cumprod(x, axis, exclusive=False, reverse=False):
    """Running products along the axis; exclusive: of what comes before; reverse: from the end."""
    return _scan(PROD, check_numbers(x, "cumprod"), axis, exclusive, reverse)


def cumulative_logsumexp(x, axis, exclusive=False, reverse=False):
    """Running log(sum(exp(x))) along the axis; exclusive starts with -inf."""
    return _scan(LOGSUMEXP, check_floats(x, "cumulative_logsumexp"), axis, exclusive, reverse)


def check_numbers(x, name):
    """x, unless it holds bools."""
    if x.dtype.kind == "b":
        raise TypeError(f"{name}: expected numbers, got bool; cast to a number type first")
    return x


def check_floats(x, name):
    """x, unless it holds no floats."""
    if x.dtype.kind != "f":
        raise TypeError(f"{name}: expected a float type, got {x.dtype}")
    return x


def _scan(op, x, axis, exclusive, reverse):
    m, n, inner = around(x.shape, axis)
    out = empty(x.shape, x.dtype)
    if x.size == 0:
        return out
    flat = contiguous(x).ravel()
    if inner == 1:
        _scan_rows(op, flat, m, n, exclusive, reverse, out.ravel())
    else:
        op.columns(m * -(-inner // TILE), x.size, flat, n, inner, exclusive, reverse, out.ravel())
    return out


def _scan_rows(op, x, m, n, exclusive, reverse, out):
    chunks = -(-n // CHUNK)
    totals = scratch((m * chunks,), x.dtype)
    op.rows(m * chunks, x.size, x, n, exclusive, reverse, out, totals)
    if chunks > 1:
        before = scratch(totals.shape, x.dtype)
        _scan_rows(op, totals, m, chunks, True, reverse, before)
        op.shift(m * chunks, x.size, out, n, before)
