"""cuBLAS's products of stacks of matrices, through CuPy.

The one idea: BLAS counts by columns, so it sees every matrix transposed and is told out^T = b^T a^T; a factor
that lies by columns is one more transpose, which is a flag.  What is copied is only what BLAS can't read.
"""
import numpy as np

from .. import blas
from .arrays import copy
from .parts import conj

PLAIN, TRANSPOSE, ADJOINT = 0, 1, 2         # cublasOperation_t
_numbers = {dtype: (np.ones((), dtype), np.zeros((), dtype)) for dtype in blas.LETTERS}


def multiply(a, conjugate_a, b, conjugate_b, out):
    """out[i] = a[i] b[i], of conjugates where asked for; out is C-contiguous, nothing is empty."""
    from cupy.cuda import cublas, get_cublas_handle
    name, arguments, _held = call(a, conjugate_a, b, conjugate_b, out, lambda x: x.data.ptr)
    getattr(cublas, name)(get_cublas_handle(), *arguments)


def call(a, conjugate_a, b, conjugate_b, out, address):
    """The name of cuBLAS's routine, its arguments after the handle, and the arrays that it is to read."""
    (a, how_a, lead_a), (b, how_b, lead_b) = _read(a, conjugate_a), _read(b, conjugate_b)
    (count, m, n), k = out.shape, a.shape[2]
    letter, (one, zero) = blas.LETTERS[out.dtype], [x.ctypes.data for x in _numbers[out.dtype]]
    where_a, where_b, where_out = address(a), address(b), address(out)
    if count == 1:
        return f"{letter}gemm", (how_b, how_a, n, m, k, one, where_b, lead_b, where_a, lead_a,
                                 zero, where_out, n), (a, b)
    step_a, step_b, step_out = [x.strides[0] // x.itemsize for x in (a, b, out)]
    return f"{letter}gemmStridedBatched", (how_b, how_a, n, m, k, one, where_b, lead_b, step_b, where_a,
                                           lead_a, step_a, zero, where_out, n, step_out, count), (a, b)


def _read(x, conjugate):
    """How BLAS reads the transposes of matrices: the array, the operation, the leading dimension."""
    if conjugate:
        step = _step(x.swapaxes(-1, -2))
        if step:                        # (it sees x itself, whose adjoint is the conjugate's transpose)
            return x, ADJOINT, step
        x = conj(x)
    step = _step(x)
    if step:
        return x, PLAIN, step
    step = _step(x.swapaxes(-1, -2))
    if step:
        return x, TRANSPOSE, step
    x = copy(x)
    return x, PLAIN, x.shape[-1]


def _step(x):
    """The elements from one row to the next of matrices that lie by rows, 0 of others."""
    (rows, columns), (down, along), size = x.shape[-2:], x.strides[-2:], x.itemsize
    if (along != size and columns > 1) or (rows > 1 and (down % size or down < columns * size)) \
            or x.strides[0] % size or x.strides[0] < 0:
        return 0
    return down // size if rows > 1 else columns
