"""What is left to do after Cholesky's factorisation by a library."""
import numpy as np

from .jit import cuda, kernel


@kernel
def _keep_lower(x, info):
    """x[i, row, column] = 0 above the diagonal, and nan all over where info[i] is not 0"""
    i, n = cuda.grid(1), x.shape[1]
    zero, none = x.dtype.type(0), x.dtype.type(np.nan)
    while i < x.size:
        which, row, column = i // (n * n), i // n % n, i % n
        if info[which] != 0:
            x[which, row, column] = none
        elif column > row:
            x[which, row, column] = zero
        i += cuda.gridsize(1)


def keep_lower(x, info):
    """Finish matrices [count, n, n] in place: info[i] is not 0 where there is no factor."""
    _keep_lower.over(x.size, x, info)
