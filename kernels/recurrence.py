"""Linear recurrences of first order along an axis: a running product's gradient is one, zeros or not."""
import numpy as np

from .blocks import around
from .jit import kernel, range_kernel
from .memory import empty
from .recording import contiguous

TILE = 512          # columns in one task


@range_kernel
def _rows(a, b, n, exclusive, reverse, out, lo, hi):
    """out[i, j] = h[j], or h[j - 1] if exclusive, where h[j] = a[i, j] h[j - 1] + b[i, j] and h[-1] = 0"""
    for i in range(lo, hi):
        h = out.dtype.type(0)
        j, step = (i * n + n - 1, -1) if reverse else (i * n, 1)
        for _ in range(n):
            before = h
            h = a[j] * h + b[j]
            out[j] = before if exclusive else h
            j += step


@kernel
def _advance(a, b, h):
    """h = a h + b"""
    for c in range(h.size):
        h[c] = a[c] * h[c] + b[c]


@range_kernel
def _columns(a, b, n, inner, exclusive, reverse, out, lo, hi):
    """out[i, j] = h[j], or h[j - 1] if exclusive, where h[j] = a[i, j] h[j - 1] + b[i, j], rows of `inner`"""
    tiles = (inner + TILE - 1) // TILE
    state = np.empty(min(TILE, inner), out.dtype)
    for task in range(lo, hi):
        i, tile = divmod(task, tiles)
        c, width = tile * TILE, min(TILE, inner - tile * TILE)
        at, step = i * n * inner + c, inner
        if reverse:
            at, step = at + (n - 1) * inner, -inner
        h = state[:width]
        h[:] = 0
        for _ in range(n):
            if exclusive:
                out[at:at + width] = h
            _advance(a[at:at + width], b[at:at + width], h)
            if not exclusive:
                out[at:at + width] = h
            at += step


def linear_recurrence(a, b, axis, exclusive=False, reverse=False):
    """h with h[j] = a[j] h[j - 1] + b[j] along the axis; exclusive: h[j - 1] at j; reverse: from the end."""
    m, n, inner = around(a.shape, axis)
    out = empty(a.shape, a.dtype)
    if out.size == 0:
        return out
    flat_a, flat_b = contiguous(a).ravel(), contiguous(b).ravel()
    if inner == 1:
        _rows(m, 4 * out.size, flat_a, flat_b, n, exclusive, reverse, out.ravel())
    else:
        tiles = m * -(-inner // TILE)
        _columns(tiles, out.size, flat_a, flat_b, n, inner, exclusive, reverse, out.ravel())
    return out
