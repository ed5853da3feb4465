"""Factorisations by cuSOLVER and cuBLAS, through CuPy: the functions of `linalg`, for what is not empty.

CuPy takes stacks of matrices and loops over them where NVIDIA has nothing for many.  None of it waits for the
device to look at a status: what has no answer comes out as inf or nan.  (Under cupyx.errstate(linalg="raise")
CuPy looks, and raises numpy.linalg.LinAlgError.)
"""
import cupy
import numpy as np
from cupy.cuda import cublas, cusolver, device
from cupyx.scipy.linalg import solve_triangular

from .. import blas
from .arrays import contiguous, copy, empty
from .parts import conj
from .triangles import keep_lower

_LARGE = 256                    # rows from which a factorisation fills the device alone


def _adjoint(x):
    turned = x.swapaxes(-1, -2)
    return conj(turned) if x.dtype.kind == "c" else turned


def matrix_inverse(a, adjoint):
    """a^-1, or that of a^H; by solving for the identity, which needs no flag to say that there is none."""
    identity = cupy.ascontiguousarray(cupy.broadcast_to(cupy.eye(a.shape[-1], dtype=a.dtype), a.shape))
    return matrix_solve(a, identity, adjoint)


def matrix_solve(a, b, adjoint):
    """The x with a x = b, or a^H x = b."""
    return contiguous(cupy.linalg.solve(_adjoint(a) if adjoint else a, b))


def matrix_triangular_solve(a, b, lower, adjoint):
    """The x with a x = b, or a^H x = b, for the lower or upper triangle of a."""
    return contiguous(solve_triangular(a, b, trans="C" if adjoint else "N", lower=lower))


def det(a):
    """The determinants."""
    return cupy.linalg.det(a)


def slogdet(a):
    """(sign, log |det a|)"""
    return cupy.linalg.slogdet(a)


def cholesky(a):
    """The lower triangular L with L L^H = a."""
    # not cupy.linalg's: it drops the status, and what stands there after a failure may look like an answer
    x, n, letter = copy(a), a.shape[-1], blas.LETTERS[a.dtype]
    stack = x.reshape(-1, n, n)
    count, handle, upper = stack.shape[0], device.get_cusolver_handle(), cublas.CUBLAS_FILL_MODE_UPPER
    info = empty(count, np.int32)
    if count > 1 and n < _LARGE:
        first, size = stack.data.ptr, n * n * x.itemsize
        each = cupy.arange(first, first + count * size, size, dtype=np.uintp)
        getattr(cusolver, f"{letter}potrfBatched")(handle, upper, n, each.data.ptr, n, info.data.ptr, count)
    else:
        length = getattr(cusolver, f"{letter}potrf_bufferSize")(handle, upper, n, stack.data.ptr, n)
        work = empty(length, x.dtype)
        for i in range(count):
            getattr(cusolver, f"{letter}potrf")(handle, upper, n, stack[i].data.ptr, n, work.data.ptr, length,
                                                info[i:].data.ptr)
    keep_lower(stack, info)
    return x


def qr(a, full_matrices):
    """(q, r)"""
    q, r = cupy.linalg.qr(a, "complete" if full_matrices else "reduced")
    return contiguous(q), contiguous(r)


def svd(a, full_matrices, compute_uv):
    """(s, u, v), or s"""
    if not compute_uv:
        return cupy.linalg.svd(a, compute_uv=False)
    u, s, vh = cupy.linalg.svd(a, full_matrices)
    return s, contiguous(u), contiguous(_adjoint(vh))


def self_adjoint_eig(a):
    """(values, vectors)"""
    values, vectors = cupy.linalg.eigh(a, "L")
    return values, contiguous(vectors)


def self_adjoint_eigvals(a):
    """The eigenvalues, rising."""
    return cupy.linalg.eigvalsh(a, "L")
