"""LAPACK over stacks of matrices: each kernel works on x[i] for lo <= i < hi, in place where it can.

LAPACK counts by columns, so it sees a C-contiguous matrix transposed; each kernel says what it makes of that.
The first arguments are addresses (see blas).  info[i] comes as 0 and goes as LAPACK has it: not 0 where there
is no answer.  No dimension is 0, and `info[i:]` stands for a pointer to info[i].
"""
import numpy as np

from . import blas
from .jit import kernel, range_kernel

_LOWER, _UPPER, _RIGHT, _NOT_UNIT = (np.uint8(ord(letter)) for letter in "LURN")
_BLOCK = 64                     # columns that LAPACK takes at once, at most; with less workspace it is slower
_INT32_MAX = 2**31 - 1


@kernel
def _transpose(x, y):
    """y[j, i] = x[i, j]"""
    # (y[:] = x.T would make a copy first)
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            y[j, i] = x[i, j]


@kernel
def _finite(x):
    """all(isfinite(x))"""
    # (np.isfinite(x).all() would load numba.np.arraymath with the kernel, and that scipy.linalg: 0.2 s)
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            if not np.isfinite(x[i, j]):
                return False
    return True


@range_kernel
def invert(getrf, getri, x, info, lo, hi):
    """x[i] = x[i]^-1"""
    # the inverse of the transpose is the transpose of the inverse
    n = x.shape[1]
    pivots, work = np.empty(n, np.int32), np.empty(_BLOCK * n, x.dtype)
    for i in range(lo, hi):
        blas.call(getrf, n, n, x[i], n, pivots, info[i:])
        if info[i] == 0:
            blas.call(getri, n, x[i], n, pivots, work, len(work), info[i:])


@range_kernel
def solve(gesv, a, b, info, lo, hi):
    """b[i] = (a[i]^T)^-1 b[i]; a is overwritten"""
    # gesv, for OpenBLAS takes getrs to its threads however small it is: 8 ms for 64 x 64 on two busy cores
    n, count = b.shape[1:]
    pivots, columns = np.empty(n, np.int32), np.empty((count, n), b.dtype)
    for i in range(lo, hi):
        _transpose(b[i], columns)
        blas.call(gesv, n, count, a[i], n, pivots, columns, n, info[i:])
        _transpose(columns, b[i])


@range_kernel
def solve_triangular(trsm, a, lower, how, b, info, lo, hi):
    """b[i] = a[i]^-1 b[i] where how is N, (a[i]^H)^-1 b[i] where it is C"""
    # what LAPACK sees: b^T = b^T (a^T)^-1, and a lower triangle as an upper one
    n, count = b.shape[1:]
    triangle = _UPPER if lower else _LOWER
    for i in range(lo, hi):
        for j in range(n):
            if a[i, j, j] == 0:
                info[i] = j + 1
        if info[i] == 0:
            blas.call(trsm, _RIGHT, triangle, np.uint8(how), _NOT_UNIT, count, n, b.dtype.type(1), a[i], n,
                      b[i], count)


@range_kernel
def cholesky(potrf, x, info, lo, hi):
    """x[i] = L with L L^H = x[i], of which the lower triangle is read"""
    # conj(x) = U^H U for what LAPACK sees, and U^T is L
    n = x.shape[1]
    for i in range(lo, hi):
        blas.call(potrf, _UPPER, n, x[i], n, info[i:])
        for row in range(n):
            x[i, row, row + 1:] = 0


@range_kernel
def qr(geqrf, orgqr, a, q, r, info, lo, hi):
    """q[i] r[i] = a[i]"""
    m, n = a.shape[1:]
    k, width = min(m, n), q.shape[2]
    columns = np.empty((max(n, width), m), a.dtype)
    tau, work = np.empty(k, a.dtype), np.empty(_BLOCK * max(n, width), a.dtype)
    for i in range(lo, hi):
        _transpose(a[i], columns)
        blas.call(geqrf, m, n, columns, m, tau, work, len(work), info[i:])
        for row in range(r.shape[1]):
            for column in range(n):
                r[i, row, column] = columns[column, row] if row <= column else 0
        blas.call(orgqr, m, width, k, columns, m, tau, work, len(work), info[i:])
        _transpose(columns[:width], q[i])


@range_kernel
def svd(gesdd, is_complex, job, a, s, u, vh, info, lo, hi):
    """u[i] diag(s[i]) vh[i] = a[i]; a is overwritten; job A: square u and vh, S: thin ones, N: none"""
    # a^T = vh^T s u^T: LAPACK's first matrix, stored by columns, is vh, and its second is u
    m, n = a.shape[1:]
    small, large, job = min(m, n), max(m, n), np.uint8(job)
    real = np.empty(1, s.dtype)
    if is_complex:
        real = np.empty(max(5 * small + 7, 2 * large + 2 * small + 1) * small, s.dtype)
    places, work, size = np.empty(8 * small, np.int32), np.empty(1, a.dtype), -1
    for i in range(lo, hi):
        if not _finite(a[i]):                 # of which some LAPACKs make an endless loop
            s[i], u[i], vh[i] = np.nan, np.nan, np.nan
            continue
        for _ in range(1 if size > 0 else 2):          # the first call asks for the size of the workspace
            if is_complex:
                blas.call(gesdd, job, n, m, a[i], n, s[i], vh[i], n, u[i], u.shape[2], work, size, real,
                          places, info[i:])
            else:
                blas.call(gesdd, job, n, m, a[i], n, s[i], vh[i], n, u[i], u.shape[2], work, size,
                          places, info[i:])
            if size < 0:                                # told as a float, which may have been rounded down
                size = min(int(np.float64(work[0].real) * 1.000001) + 1, _INT32_MAX)
                work = np.empty(size, a.dtype)


@range_kernel
def eigh(syevd, is_complex, job, x, values, info, lo, hi):
    """x[i] = V^H where V diag(values[i]) V^H = x[i], whose lower triangle is read; job N: values only"""
    # conj(x) = W diag(values) W^H for what LAPACK sees, so V is conj(W), and W stored by columns is V^H
    n = x.shape[1]
    work = np.empty((2 * n + 6 + _BLOCK) * n + 1, x.dtype)
    real = np.empty((2 * n + 5) * n + 1 if is_complex else 1, values.dtype)
    places, job = np.empty(5 * n + 3, np.int32), np.uint8(job)
    for i in range(lo, hi):
        if not _finite(x[i]):
            x[i], values[i] = np.nan, np.nan
        elif is_complex:
            blas.call(syevd, job, _UPPER, n, x[i], n, values[i], work, len(work), real, len(real), places,
                      len(places), info[i:])
        else:
            blas.call(syevd, job, _UPPER, n, x[i], n, values[i], work, len(work), places, len(places),
                      info[i:])


@range_kernel
def determinant(getrf, x, det, info, lo, hi):
    """det[i] = det(x[i]), which is that of the transpose; x is overwritten"""
    n = x.shape[1]
    pivots = np.empty(n, np.int32)
    for i in range(lo, hi):
        blas.call(getrf, n, n, x[i], n, pivots, info[i:])
        product = 1.0 * det.dtype.type(1)               # 64 bits a part, whatever x has
        for j in range(n):
            product *= x[i, j, j] if pivots[j] == j + 1 else -x[i, j, j]
        det[i] = product


@range_kernel
def log_determinant(getrf, x, sign, log, info, lo, hi):
    """sign[i] exp(log[i]) = det(x[i]) with |sign[i]| = 1, or 0 and -inf; x is overwritten"""
    n = x.shape[1]
    pivots = np.empty(n, np.int32)
    for i in range(lo, hi):
        blas.call(getrf, n, n, x[i], n, pivots, info[i:])
        direction, total = 1.0 * sign.dtype.type(1), 0.0
        for j in range(n):
            factor = 1.0 * (x[i, j, j] if pivots[j] == j + 1 else -x[i, j, j])
            size = abs(factor)
            direction *= factor / size if size != 0.0 else 0.0
            total += np.log(size)
        sign[i], log[i] = direction, total
