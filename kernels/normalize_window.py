"""Sums over neighbours along rows: what local response normalization divides by."""

from .blocks import fill
from .jit import range_kernel
from .memory import empty
from .recording import contiguous
from .row_sums import add


@range_kernel
def _neighbours(x, n, radius, out, lo, hi):
    """out[i, c] = the sum of x[i, c - radius:c + radius + 1]"""
    for i in range(lo, hi):
        row, y = x[i * n:(i + 1) * n], out[i * n:(i + 1) * n]
        fill(y, 0)
        for shift in range(-radius, radius + 1):
            # y[c] takes row[c + shift] for all c where that is in the row
            add(row[max(shift, 0):n + min(shift, 0)], y[max(-shift, 0):n - max(shift, 0)])


def neighbour_sum(x, radius):
    """For each element the sum of those at most `radius` away along the last axis."""
    out, n = empty(x.shape, x.dtype), x.shape[-1]
    if x.size:
        radius = min(radius, n - 1)
        flat = contiguous(x).ravel()
        _neighbours(x.size // n, x.size * (2 * radius + 1), flat, n, radius, out.ravel())
    return out
