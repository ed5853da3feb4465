"""Linear algebra over stacks of matrices on a device: inverses, factors, spectra, and diagonals.

Factorisations are a library's: cuSOLVER's on a GPU, without one the CPU's on copies of the host.  Nobody
waits to look whether there is an answer: a GPU gives inf and nan for matrices that the CPU refuses.
"""
import numpy as np

from .. import linalg as on_host
from ..linalg import (  # noqa: F401
    at_least_matrix,
    check_band,
    check_diagonal,
    check_pair,
    check_vector,
    half_shape,
    matrices,
    real_of,
)
from . import backend
from .diagonals import (  # noqa: F401
    cross,
    diag,
    diag_part,
    matrix_band_part,
    matrix_diag,
    matrix_diag_part,
    matrix_set_diag,
    trace,
)


def _computed(name, arrays, *options):
    """What the function of that name gives for matrices."""
    current = backend.current()
    if any(x.size == 0 for x in arrays):        # shapes are all there is to know
        given = [np.empty(x.shape, x.dtype) for x in arrays]
    elif current.name == "GPU":
        from . import cusolver
        current.refuse_capture("a factorisation by cuSOLVER, which may look at values on the host")
        return getattr(cusolver, name)(*arrays, *options)
    elif current.name == "compiler":            # which has no values, but shapes
        given = [np.broadcast_to(np.eye(*x.shape[-2:], dtype=x.dtype), x.shape) for x in arrays]
    else:
        given = [current.to_host(x) for x in arrays]
    found = getattr(on_host, name)(*given, *options)
    return tuple(map(current.from_host, found)) if isinstance(found, tuple) else current.from_host(found)


# ---- inverses
def matrix_inverse(a, adjoint=False):
    """a^-1, or that of a^H."""
    matrices(a)
    return _computed("matrix_inverse", [a], adjoint)


def matrix_solve(a, b, adjoint=False):
    """The x with a x = b, or a^H x = b."""
    matrices(a)
    check_pair(a, b)
    return _computed("matrix_solve", [a, b], adjoint)


def matrix_triangular_solve(a, b, lower=True, adjoint=False):
    """The x with a x = b, or a^H x = b, for the lower or upper triangle of a."""
    matrices(a)
    check_pair(a, b)
    return _computed("matrix_triangular_solve", [a, b], lower, adjoint)


def det(a):
    """The determinants, [...]; 1 for a matrix of no rows."""
    matrices(a)
    return _computed("det", [a])


def slogdet(a):
    """(sign, log |det a|), the second of them real."""
    matrices(a)
    return _computed("slogdet", [a])


# ---- factors
def cholesky(a):
    """The lower triangular L with L L^H = a; reads the lower triangle; nan if there is none."""
    matrices(a)
    return _computed("cholesky", [a])


def qr(a, full_matrices=False):
    """(q, r): q r = a, the columns of q orthonormal, r upper triangular."""
    matrices(a, square=False)
    return _computed("qr", [a], full_matrices)


def svd(a, full_matrices=False, compute_uv=True):
    """(s, u, v): u diag(s) v^H = a with s falling; only s unless compute_uv."""
    matrices(a, square=False)
    return _computed("svd", [a], full_matrices, compute_uv)


def self_adjoint_eig(a):
    """(values, vectors): the eigenvalues, rising, and their vectors as columns; reads the lower triangle."""
    matrices(a)
    return _computed("self_adjoint_eig", [a])


def self_adjoint_eigvals(a):
    """The eigenvalues, rising; reads the lower triangle."""
    matrices(a)
    return _computed("self_adjoint_eigvals", [a])
