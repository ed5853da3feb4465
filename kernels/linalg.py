"""Linear algebra over stacks of matrices [..., M, N]: inverses, factors, spectra, and diagonals.

Each function allocates its result, lets a kernel of lapack work on a copy of its input, and names the matrix
that has no answer.  What only moves elements is NumPy indexing: it needs no compiling and takes every dtype.
"""
from math import prod

import numpy as np

from . import blas, lapack
from .memory import empty
from .recording import contiguous, zeros


# ---- what every function does first and last
def matrices(x, square=True, name="the matrix"):
    """The letter that LAPACK's names have for the dtype, after checks."""
    if x.ndim < 2:
        raise ValueError(f"{name} has shape {x.shape}; at least two dimensions were expected")
    if square and x.shape[-1] != x.shape[-2]:
        raise ValueError(f"{name} has shape {x.shape}; a square matrix was expected")
    if x.dtype not in blas.LETTERS:
        raise TypeError(f"{name} has dtype {x.dtype}; float32, float64, complex64 or complex128 was expected")
    return blas.LETTERS[x.dtype]


def _copy(x, conjugate=False):
    """The matrices, C-contiguous and ours to overwrite."""
    y = empty(x.shape, x.dtype)
    return np.conjugate(x, out=y) if conjugate else _filled(y, x)


def _filled(y, x):
    y[...] = x
    return y


def _stack(x):
    return x.reshape(prod(x.shape[:-2]), *x.shape[-2:])


def _run(kernel, batch, each, failure, *args):
    """Run the kernel over the batch; `each` is about how many multiplications one matrix takes."""
    count = prod(batch)
    info = np.zeros(count, np.int32)
    # BLAS takes large matrices to threads of its own
    kernel(count, count * each if each <= blas.SERIAL_PRODUCT else 0, *args, info)
    if failure and info.any():
        where = tuple(int(i) for i in np.unravel_index(np.flatnonzero(info)[0], batch))
        raise ValueError(f"the matrix {f'at {where} of the batch ' if batch else ''}{failure}")


def real_of(dtype):
    return np.dtype(dtype.char.lower()) if dtype.kind == "c" else dtype


def _adjoint_of(x):
    """x^H, C-contiguous."""
    y = empty((*x.shape[:-2], x.shape[-1], x.shape[-2]), x.dtype)
    return np.conjugate(x.swapaxes(-1, -2), out=y) if x.dtype.kind == "c" else _filled(y, x.swapaxes(-1, -2))


# ---- inverses
def matrix_inverse(a, adjoint=False):
    """a^-1, or that of a^H."""
    letter = matrices(a)
    y = _adjoint_of(a) if adjoint else _copy(a)
    if y.size:
        getrf, getri = (blas.address("lapack", letter + name) for name in ("getrf", "getri"))
        _run(lapack.invert, a.shape[:-2], a.shape[-1] ** 3, "is not invertible", getrf, getri, _stack(y))
    return y


def check_pair(a, b):
    matrices(b, square=False, name="the right-hand side")
    if a.dtype != b.dtype:
        raise TypeError(f"the dtypes {a.dtype} and {b.dtype} differ")
    if a.shape[:-1] != b.shape[:-1]:
        raise ValueError(f"shapes {a.shape} and {b.shape} do not match: only the last dimensions may differ")


def matrix_solve(a, b, adjoint=False):
    """The x with a x = b, or a^H x = b."""
    letter = matrices(a)
    check_pair(a, b)
    x, n = _copy(b), a.shape[-1]
    if x.size:
        turned = _copy(a, conjugate=True) if adjoint else _copy(a.swapaxes(-1, -2))
        _run(lapack.solve, a.shape[:-2], n * n * max(n, b.shape[-1]), "is not invertible",
             blas.address("lapack", letter + "gesv"), _stack(turned), _stack(x))
    return x


def matrix_triangular_solve(a, b, lower=True, adjoint=False):
    """The x with a x = b, or a^H x = b, for the lower or upper triangle of a."""
    letter = matrices(a)
    check_pair(a, b)
    x, n = _copy(b), a.shape[-1]
    if x.size:
        trsm, how = blas.address("blas", letter + "trsm"), ord("C" if adjoint else "N")
        _run(lapack.solve_triangular, a.shape[:-2], n * n * max(n, b.shape[-1]), "is not invertible", trsm,
             _stack(contiguous(a)), bool(lower), how, _stack(x))
    return x


def det(a):
    """The determinants, [...]; 1 for a matrix of no rows."""
    letter = matrices(a)
    y = np.ones(a.shape[:-2], a.dtype)
    if a.size:
        getrf = blas.address("lapack", letter + "getrf")
        _run(lapack.determinant, y.shape, a.shape[-1] ** 3, None, getrf, _stack(_copy(a)), y.reshape(-1))
    return y


def slogdet(a):
    """(sign, log |det a|), the second of them real."""
    letter = matrices(a)
    sign, log = np.ones(a.shape[:-2], a.dtype), np.zeros(a.shape[:-2], real_of(a.dtype))
    if a.size:
        getrf = blas.address("lapack", letter + "getrf")
        _run(lapack.log_determinant, sign.shape, a.shape[-1] ** 3, None, getrf, _stack(_copy(a)),
             sign.reshape(-1), log.reshape(-1))
    return sign, log


# ---- factors
def cholesky(a):
    """The lower triangular L with L L^H = a; reads the lower triangle."""
    letter = matrices(a)
    y = _copy(a)
    if y.size:
        potrf = blas.address("lapack", letter + "potrf")
        _run(lapack.cholesky, a.shape[:-2], a.shape[-1] ** 3, "is not positive definite", potrf, _stack(y))
    return y


def qr(a, full_matrices=False):
    """(q, r): q r = a, the columns of q orthonormal, r upper triangular."""
    letter = matrices(a, square=False)
    *batch, m, n = a.shape
    inner = m if full_matrices else min(m, n)
    q, r = empty((*batch, m, inner), a.dtype), empty((*batch, inner, n), a.dtype)
    if a.size:
        geqrf, orgqr = letter + "geqrf", letter + ("ungqr" if a.dtype.kind == "c" else "orgqr")
        _run(lapack.qr, batch, m * n * max(m, n), None, blas.address("lapack", geqrf),
             blas.address("lapack", orgqr), _stack(contiguous(a)), _stack(q), _stack(r))
    else:
        q[...] = np.eye(m, inner)
    return q, r


def svd(a, full_matrices=False, compute_uv=True):
    """(s, u, v): u diag(s) v^H = a with s falling; only s unless compute_uv."""
    letter = matrices(a, square=False)
    *batch, m, n = a.shape
    small = min(m, n)
    rows, columns = (m, n) if full_matrices else (small, small)
    rows, columns, job = (rows, columns, "A" if full_matrices else "S") if compute_uv else (1, 1, "N")
    s = empty((*batch, small), real_of(a.dtype))
    u, vh = empty((*batch, m, rows), a.dtype), empty((*batch, columns, n), a.dtype)
    if a.size:
        _run(lapack.svd, batch, m * n * max(m, n), "has no singular values: no convergence",
             blas.address("lapack", letter + "gesdd"), a.dtype.kind == "c", ord(job), _stack(_copy(a)),
             s.reshape(-1, small), _stack(u), _stack(vh))
    else:
        u[...], vh[...] = np.eye(m, rows), np.eye(columns, n)
    return (s, u, _adjoint_of(vh)) if compute_uv else s


def _spectrum(a, job):
    """The eigenvalues, and V^H in the place of a copy."""
    letter = matrices(a)
    x, values = _copy(a), empty(a.shape[:-1], real_of(a.dtype))
    if x.size:
        name = letter + ("heevd" if a.dtype.kind == "c" else "syevd")
        _run(lapack.eigh, a.shape[:-2], a.shape[-1] ** 3, "has no eigenvalues: no convergence",
             blas.address("lapack", name), a.dtype.kind == "c", ord(job), _stack(x),
             values.reshape(-1, a.shape[-1]))
    return values, x


def self_adjoint_eig(a):
    """(values, vectors): the eigenvalues, rising, and their vectors as columns; reads the lower triangle."""
    values, x = _spectrum(a, "V")
    return values, _adjoint_of(x)


def self_adjoint_eigvals(a):
    """The eigenvalues, rising; reads the lower triangle."""
    return _spectrum(a, "N")[0]


# ---- matrices by their diagonals
def _main_diagonal(y):
    """The main diagonals of C-contiguous matrices, as a view."""
    *batch, m, n = y.shape
    return y.reshape(*batch, m * n)[..., :min(m, n) * n:n + 1]


def check_vector(diagonal):
    if diagonal.ndim < 1:
        raise ValueError("the diagonal has shape (); at least one dimension was expected")


def matrix_diag(diagonal):
    """y[..., i, i] = diagonal[..., i], 0 elsewhere."""
    check_vector(diagonal)
    y = zeros((*diagonal.shape, diagonal.shape[-1]), diagonal.dtype)
    _main_diagonal(y)[...] = diagonal
    return y


def matrix_diag_part(a):
    """y[..., i] = a[..., i, i]"""
    at_least_matrix(a)
    return a.diagonal(axis1=-2, axis2=-1).copy()


def check_diagonal(a, diagonal):
    at_least_matrix(a)
    expected = (*a.shape[:-2], min(a.shape[-2:]))
    if diagonal.shape != expected or diagonal.dtype != a.dtype:
        raise ValueError(f"the diagonal is {diagonal.dtype} {diagonal.shape}; {a.dtype} {expected} expected")


def matrix_set_diag(a, diagonal):
    """a with a[..., i, i] = diagonal[..., i]."""
    check_diagonal(a, diagonal)
    y = _copy(a)
    _main_diagonal(y)[...] = diagonal
    return y


def at_least_matrix(a):
    if a.ndim < 2:
        raise ValueError(f"the matrix has shape {a.shape}; at least two dimensions were expected")


def check_band(a, num_lower, num_upper):
    at_least_matrix(a)
    m, n = a.shape[-2:]
    for name, count, size in (("num_lower", num_lower, m), ("num_upper", num_upper, n)):
        if count > size:
            raise ValueError(f"{name} is {count}; at most {size} was expected for matrices of {m} x {n}")


def matrix_band_part(a, num_lower, num_upper):
    """a where row - column <= num_lower and column - row <= num_upper, else 0; a negative one keeps all."""
    check_band(a, num_lower, num_upper)
    m, n = a.shape[-2:]
    below = np.arange(m)[:, None] - np.arange(n)
    kept = (below <= (m if num_lower < 0 else num_lower)) & (-below <= (n if num_upper < 0 else num_upper))
    return np.where(kept, a, a.dtype.type(0))


def diag(diagonal):
    """y[i..., i...] = diagonal[i...], 0 elsewhere: twice the dimensions."""
    y = zeros(diagonal.shape * 2, diagonal.dtype)
    y.reshape(-1)[::diagonal.size + 1] = diagonal.reshape(-1)
    return y


def diag_part(x):
    """y[i...] = x[i..., i...]: half the dimensions."""
    half = half_shape(x)
    n = prod(half)
    return x.reshape(n, n).diagonal().reshape(half).copy()


def half_shape(x):
    """The first half of a shape whose second half repeats it."""
    half = x.ndim // 2
    if x.ndim % 2 or not half or x.shape[:half] != x.shape[half:]:
        raise ValueError(f"shape {x.shape}: the first half of the dimensions must repeat as the second")
    return x.shape[:half]


def trace(a):
    """y[...] = sum_i a[..., i, i]"""
    at_least_matrix(a)
    return np.asarray(a.diagonal(axis1=-2, axis2=-1).sum(-1, dtype=a.dtype))


def eye(num_rows, num_columns=None, batch_shape=(), dtype=np.float32):
    """Identity matrices, [*batch_shape, num_rows, num_columns]."""
    columns = num_rows if num_columns is None else num_columns
    if num_rows < 0 or columns < 0:
        raise ValueError(f"{num_rows} rows and {columns} columns; neither may be negative")
    y = np.zeros((*batch_shape, num_rows, columns), dtype)
    _main_diagonal(y)[...] = 1
    return y


def cross(a, b):
    """The cross products of vectors [..., 3]."""
    a1, a2, a3 = a[..., 0], a[..., 1], a[..., 2]
    b1, b2, b3 = b[..., 0], b[..., 1], b[..., 2]
    return np.stack([a2 * b3 - a3 * b2, a3 * b1 - a1 * b3, a1 * b2 - a2 * b1], -1)
