"""Matrix products: `matmul`, and `gemm`, one product for compiled programs.

The one idea: NumPy's calls of BLAS are the cheapest from Python (np.dot on (2, 2) takes 0.42 us, np.matmul
0.98, a compiled kernel 0.53 plus the result array), take transposed and sliced matrices without a copy, and
need no compiling.  Kernels stand where NumPy has no BLAS or no threads: integers, and many small products.
"""
import warnings
from math import prod

import numpy as np
from numpy import dot

from . import blas
from .jit import kernel, range_kernel
from .memory import LARGE, empty
from .shapes import broadcast

_SMALL = LARGE // 16            # elements of the widest dtype: results below this do not come from the pool
_TINY = 1 << 12
_THREADED = 1 << 23             # multiplications, about 200 us; below, threads gain nothing over np.matmul
_SMALL_INTEGER = 1 << 15        # multiplications; below this NumPy's loop over integers does as well
_FLOAT32 = np.dtype(np.float32)   # looked at first: a dtype as a key is hashed anew each time
# Overflow gives inf in silence, as in the other kernels.  np.errstate takes as long as a (2, 2) product, so
# results of less than _TINY elements go without: NumPy's warning is filtered by the name of this module, and
# where a program makes errors of warnings the product is taken again.  (BLAS may report an invalid value that
# no element shows: it computes on whatever lies in the unused lanes of its vectors.)
_silent = np.errstate(all="ignore")
_silent_dot = _silent(dot)
warnings.filterwarnings("ignore", category=RuntimeWarning, module=r"numbaflow\.kernels\.matmul")
PLAIN, TRANSPOSE, ADJOINT = ord("N"), ord("T"), ord("C")


@kernel
def gemm(routine, a, how_a, b, how_b, out, beta):
    """out = how_a(a) how_b(b) + beta out, for C-contiguous matrices; how is PLAIN, TRANSPOSE or ADJOINT."""
    # BLAS counts by columns: it sees every matrix transposed, and is told out^T = how_b(b)^T how_a(a)^T
    m, n = out.shape
    k = a.shape[1] if how_a == PLAIN else a.shape[0]
    one = out.dtype.type(1)
    blas.call(routine, np.uint8(how_b), np.uint8(how_a), n, m, k, one, b, max(b.shape[1], 1),
              a, max(a.shape[1], 1), out.dtype.type(beta), out, max(n, 1))


@range_kernel
def _gemm_many(routine, a, which_a, how_a, b, which_b, how_b, out, lo, hi):
    """out[i] = how_a(a[which_a[i]]) how_b(b[which_b[i]])"""
    for i in range(lo, hi):
        gemm(routine, a[which_a[i]], how_a, b[which_b[i]], how_b, out[i], 0)


@range_kernel
def _integer_rows(a, which_a, b, which_b, out, lo, hi):
    """out[i, r] = sum_q a[which_a[i], r, q] b[which_b[i], q], for the rows lo <= i m + r < hi"""
    m = out.shape[1]
    for row in range(lo, hi):
        i, r = row // m, row % m
        factors, terms, y = a[which_a[i], r], b[which_b[i]], out[i, r]
        y[:] = 0
        count = len(factors)
        for q in range(0, count - 3, 4):        # four at once: y is read and written a quarter as often
            f0, f1, f2, f3 = factors[q], factors[q + 1], factors[q + 2], factors[q + 3]
            b0, b1, b2, b3 = terms[q], terms[q + 1], terms[q + 2], terms[q + 3]
            for j in range(len(y)):
                y[j] += f0 * b0[j] + f1 * b1[j] + f2 * b2[j] + f3 * b3[j]
        for q in range(count - count % 4, count):
            f, t = factors[q], terms[q]
            for j in range(len(y)):
                y[j] += f * t[j]


def matmul(a, b, transpose_a=False, transpose_b=False, adjoint_a=False, adjoint_b=False):
    """The products of the matrices in the last two dimensions; the dimensions before them broadcast."""
    if transpose_a or adjoint_a:
        a = _turned(a, "a", transpose_a, adjoint_a)
    if transpose_b or adjoint_b:
        b = _turned(b, "b", transpose_b, adjoint_b)
    dtype = a.dtype
    if a.ndim == 2 == b.ndim and dtype is b.dtype and (dtype is _FLOAT32 or dtype in blas.LETTERS):
        m, k = a.shape
        rows, n = b.shape
        if k == rows:
            if m * n < _TINY:
                try:
                    return dot(a, b)
                except (RuntimeWarning, FloatingPointError):
                    return _silent_dot(a, b)
            return _silent_dot(a, b) if m * n < _SMALL else _silent_dot(a, b, empty((m, n), dtype))
    batch = _batch(a.shape, a.dtype, b.shape, b.dtype)
    if a.dtype in blas.LETTERS:
        return _float_products(a, b, batch)
    return _integer_products(a, b, batch)


def product_shape(a, b, transpose_a=False, transpose_b=False, adjoint_a=False, adjoint_b=False):
    """The shape of `matmul`, of what has shape, dtype and ndim."""
    shape_a, shape_b = _seen(a, "a", transpose_a, adjoint_a), _seen(b, "b", transpose_b, adjoint_b)
    return (*_batch(shape_a, a.dtype, shape_b, b.dtype), shape_a[-2], shape_b[-1])


def _seen(x, name, transpose, adjoint):
    """The shape of a factor as it is multiplied."""
    if not (transpose or adjoint):
        return x.shape
    _check_turn(x, name, transpose, adjoint)
    return (*x.shape[:-2], x.shape[-1], x.shape[-2])


def _check_turn(x, name, transpose, adjoint):
    if transpose and adjoint:
        raise ValueError(f"only one of transpose_{name} and adjoint_{name} may be set")
    if x.ndim < 2:
        raise ValueError(f"{name} has shape {x.shape}; a matrix has at least two dimensions")


def _turned(x, name, transpose, adjoint):
    if (transpose and adjoint) or x.ndim < 2:
        _check_turn(x, name, transpose, adjoint)
    if x.ndim == 2 and not (adjoint and x.dtype.kind == "c"):
        return x.T                  # a third of what swapaxes takes
    if adjoint and x.dtype.kind == "c":
        x = np.conj(x)
    return x.swapaxes(-1, -2)


def _batch(a, dtype_a, b, dtype_b):
    """The shape that the dimensions before the matrices broadcast to, for factors of shapes a and b."""
    if len(a) < 2 or len(b) < 2:
        raise ValueError(f"shapes {a} and {b}: both need at least two dimensions")
    if dtype_a != dtype_b:
        raise TypeError(f"the dtypes {dtype_a} and {dtype_b} differ")
    if dtype_a not in blas.LETTERS and (dtype_a.kind not in "iu" or not dtype_a.isnative):
        raise TypeError(f"no product of {dtype_a}; a float, complex or integer dtype was expected")
    if a[-1] != b[-2]:
        raise ValueError(f"shapes {a} and {b} do not match: {a[-1]} columns against {b[-2]} rows")
    before_a, before_b = a[:-2], b[:-2]
    if before_a == before_b or not before_b:
        return before_a
    try:
        return broadcast(before_a, before_b)
    except ValueError:
        raise ValueError(f"shapes {a} and {b} do not match: the dimensions {before_a} and "
                         f"{before_b} before the matrices do not broadcast") from None


@_silent
def _float_products(a, b, batch):
    *_, m, k = a.shape
    n = b.shape[-1]
    out = empty((*batch, m, n), a.dtype)
    if b.size == k * n and a.flags.c_contiguous and out.size and k:     # every row of a meets the same matrix
        dot(a.reshape(-1, k), b.reshape(k, n), out.reshape(-1, n))
    elif prod(batch) * m * n * k < _THREADED or m * n * k > blas.SERIAL_PRODUCT:
        np.matmul(a, b, out=out)
    else:
        (x, how_a), (y, how_b) = _stored(a), _stored(b)
        routine = blas.address("blas", blas.LETTERS[a.dtype] + "gemm")
        count = prod(batch)
        _gemm_many(count, count * m * n * k // 16, routine, x, _pairing(a, batch), how_a,
                   y, _pairing(b, batch), how_b, out.reshape(count, m, n))
    return out


def _stored(x):
    """Matrices as they lie in memory, stacked in one dimension, and how BLAS is to read them."""
    if not x.flags.c_contiguous and (turned := x.swapaxes(-1, -2)).flags.c_contiguous:
        return turned.reshape(-1, *turned.shape[-2:]), TRANSPOSE
    return _stacked(x), PLAIN


def _stacked(x):
    return np.ascontiguousarray(x).reshape(-1, *x.shape[-2:])


def _pairing(x, batch):
    """The number of the matrix in x that each product takes."""
    before = x.shape[:-2]
    return np.broadcast_to(np.arange(prod(before)).reshape(before), batch).ravel()


def _integer_products(a, b, batch):
    *_, m, k = a.shape
    n = b.shape[-1]
    count, out = prod(batch), empty((*batch, m, n), a.dtype)
    if count * m * n * k < _SMALL_INTEGER:
        return np.matmul(a, b, out=out)
    _integer_rows(count * m, count * m * n * k // 4, _stacked(a), _pairing(a, batch),
                  _stacked(b), _pairing(b, batch), out.reshape(count, m, n))
    return out
