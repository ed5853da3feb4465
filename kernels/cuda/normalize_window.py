"""Sums over neighbours along rows: the twin of `kernels.normalize_window`."""
import numpy as np

from .arrays import contiguous, empty
from .jit import kernel
from .row_groups import rows_kernel


def _neighbours(group):
    """out[i, c] = the sum of x[i, c - radius:c + radius + 1]"""
    place = group.place

    @kernel
    def neighbour_sums(rows, n, x, radius, out):
        row, apart, lane, step = place()
        while row < rows:
            start, c = np.int64(row) * n, np.int64(lane)
            while c < n:
                total = x.dtype.type(0)
                for k in range(start + max(c - radius, 0), start + min(c + radius + 1, n)):
                    total += x[k]
                out[start + c] = total
                c += step
            row += apart
    return neighbour_sums


_neighbour_sums = rows_kernel(_neighbours, keeps=False)


def neighbour_sum(x, radius):
    """For each element the sum of those at most `radius` away along the last axis."""
    out, n = empty(x.shape, x.dtype), x.shape[-1]
    if x.size:
        _neighbour_sums(x.size // n, n, contiguous(x).reshape(-1), min(radius, n - 1), out.reshape(-1))
    return out
