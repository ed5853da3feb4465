"""Cholesky, QR, singular value and eigenvalue decompositions of stacks of matrices, and what they solve.

G stands for a gradient as TensorFlow has it, dL = Re tr(G^H dA), and ^H for the conjugate transpose.  Where
singular values or eigenvalues coincide the gradients of vectors do not exist and come out as inf or nan.
What reads one triangle of a Hermitian matrix gives the gradient in that triangle.
"""
import numpy as np

from numbaflow.core import dtypes
from numbaflow.core.errors import InvalidArgumentError
from numbaflow.core.infer import like
from numbaflow.core.optable import Sample, normal, op, positive_definite
from numbaflow.core.tensor import as_tensor
from numbaflow.kernels import linalg as kernels

from .arithmetic import square
from .casting import cast
from .complex_numbers import real
from .diagonals import matrix_band_part, matrix_diag_part, matrix_set_diag
from .exponential import log
from .joining import concat
from .linalg import _SQUARE, adjoint, matrix_triangular_solve, square as square_matrices
from .matmul import matmul
from .reduce import reduce_sum
from .shape import expand_dims

__all__ = ["cholesky", "cholesky_solve", "logdet", "matrix_solve_ls", "qr", "self_adjoint_eig",
           "self_adjoint_eigvals", "svd"]

_HERMITIAN = np.array([[4.0, 1 - 2j, 0.5j], [1 + 2j, 6.0, 1.0], [-0.5j, 1.0, 9.0]])


def _lower_half(x):
    """The lower triangle of x with half the diagonal."""
    return matrix_band_part(x, -1, 0) - 0.5 * matrix_band_part(x, 0, 0)


def _of_triangle(x):
    """The gradient in the lower triangle that a Hermitian matrix is read from, given that in the whole."""
    return _lower_half(x + adjoint(x))


# ---- Cholesky
def _cholesky_rule(g, y):
    """G_A = L^-H P L^-1, with P the lower half of L^H G; P's place is taken from both triangles."""
    inner = _lower_half(matmul(y, g, adjoint_a=True))
    half = matrix_triangular_solve(y, inner, True, True)
    return _of_triangle(matrix_triangular_solve(y, adjoint(half), True, True))


@op(inputs="input", floats="input", grads={"input": _cholesky_rule}, holomorphic=False,
    infer=lambda input: like(square_matrices(input)), reference=np.linalg.cholesky,
    samples=[Sample(positive_definite(3, 3)), Sample(positive_definite(2, 4, 4)), Sample(_HERMITIAN)])
def cholesky(input, name=None):
    """The lower triangular L with L L^H = input.

    Args:
        input: Hermitian positive definite matrices [..., n, n].  Only the lower triangle is read, and gets
            the gradient.

    Raises:
        ValueError: a matrix that is not positive definite; on a GPU it gives nan instead.

    >>> import numbaflow as nf
    >>> nf.cholesky([[4.0, 2.0], [2.0, 5.0]]).numpy().tolist()
    [[2.0, 0.0], [1.0, 2.0]]
    """
    return kernels.cholesky(input)


def _ones_on_diagonal(x):
    """x with 1 on its diagonal: differences that are divided by, of a value with itself."""
    return matrix_set_diag(x, matrix_diag_part(x) * 0.0 + 1.0)


def _as(x, like):
    """Real x in the complex dtype of another tensor."""
    return x if x._data.dtype == like._data.dtype else cast(x, like.dtype)


def _refuse_full(op, full_matrices, shape):
    if full_matrices and shape[-1] != shape[-2]:
        raise InvalidArgumentError(f"{op}: no gradient for full_matrices=True and matrices {shape[-2:]}, "
                                   "whose completion is not unique; use full_matrices=False")


# ---- QR
def _qr_rule(g, q, r, full_matrices, input_shape):
    m, n = input_shape[-2:]
    if full_matrices and m > n:
        _refuse_full("qr", full_matrices, input_shape)
    dq, dr = g
    if m >= n:
        return _tall_qr(dq, dr, q, r)
    # A = [X, Y] with X = Q R_X and Y = Q R_Y
    dr_y = dr[..., m:]
    dx = _tall_qr(dq + matmul(matmul(q, r[..., m:]), dr_y, adjoint_b=True), dr[..., :m], q, r[..., :m])
    return concat([dx, matmul(q, dr_y)], -1)


def _tall_qr(dq, dr, q, r):
    """G_A = (G_Q + Q sym(triu(G_R R^H - Q^H G_Q))) R^-H (Roberts and Roberts 2020)"""
    upper = matrix_band_part(matmul(dr, r, adjoint_b=True) - matmul(q, dq, adjoint_a=True), 0, -1)
    both = upper + adjoint(upper)
    both = both - 0.5 * matrix_band_part(both, 0, 0)
    return adjoint(matrix_triangular_solve(r, adjoint(dq + matmul(q, both)), lower=False))


def _qr_shapes(input, full_matrices):
    kernels.matrices(input, square=False)
    *batch, m, n = input.shape
    inner = m if full_matrices else min(m, n)
    return [((*batch, m, inner), input.dtype), ((*batch, inner, n), input.dtype)]


def _qr(input, full_matrices=False):
    return tuple(np.linalg.qr(input, "complete" if full_matrices else "reduced"))


@op(inputs="input", floats="input", outputs="q r", grads={"input": _qr_rule}, reference=_qr,
    infer=_qr_shapes, holomorphic=False,
    samples=[Sample(normal(3, 3)), Sample(normal(4, 2)), Sample(normal(2, 3, 5)),
             Sample(normal(2, 4), full_matrices=True),
             Sample(normal(4, 2), full_matrices=True, grad=False), Sample(_SQUARE, grad=False)])
def qr(input, full_matrices=False, name=None):
    """The factors of matrices: q with orthonormal columns, and r upper triangular, q r = input.

    Args:
        input: matrices [..., m, n].
        full_matrices: q is [..., m, m] and r [..., m, n], instead of [..., m, k] and [..., k, n],
            k = min(m, n).

    Raises:
        ValueError: gradients where full_matrices and m > n: there are many q.

    >>> import numbaflow as nf
    >>> q, r = nf.qr([[3.0, 1.0], [4.0, 2.0]])
    >>> q.numpy().round(4)
    array([[-0.6, -0.8],
           [-0.8,  0.6]], dtype=float32)
    >>> nf.matmul(q, r).numpy().round(4)
    array([[3., 1.],
           [4., 2.]], dtype=float32)
    """
    return kernels.qr(input, bool(full_matrices))


# ---- singular values
def _skew(x):
    return x - adjoint(x)


def _svd_rule(g, s, u, v, full_matrices, tensor_shape):
    """G_A = U (diag(G_s) + (skew(U^H G_U) S + S skew(V^H G_V)) / E) V^H + ..., E[j, k] = s_k^2 - s_j^2"""
    _refuse_full("svd", full_matrices, tensor_shape)
    ds, du, dv = g
    s = _as(s, u)
    row, column = expand_dims(s, -2), expand_dims(s, -1)
    of_u, of_v = matmul(u, du, adjoint_a=True), matmul(v, dv, adjoint_a=True)
    gaps = _ones_on_diagonal(square(row) - square(column))
    inner = (_skew(of_u) * row + column * _skew(of_v)) / gaps
    on_diagonal = _as(ds, u)
    if u._data.dtype in dtypes.COMPLEXES:           # the phases of u and v are tied: what is left comes by u
        on_diagonal = on_diagonal + matrix_diag_part(_skew(of_u)) / (2.0 * s)
    inner = matrix_set_diag(inner, on_diagonal)
    m, n = tensor_shape[-2:]
    left = matmul(u, inner)
    if m > n:
        left = left + (du - matmul(u, of_u)) / row
    da = matmul(left, v, adjoint_b=True)
    if n > m:
        da = da + matmul(u, (dv - matmul(v, of_v)) / row, adjoint_b=True)
    return da


def _aligned(vectors, ours):
    """Columns turned by the sign or phase that a decomposition leaves open, as in ours."""
    phase = np.sum(vectors.conj() * ours, -2, keepdims=True)
    return phase / np.abs(phase)


def _svd(tensor, full_matrices=False):
    u, s, vh = np.linalg.svd(tensor, full_matrices)
    phase = _aligned(u, kernels.svd(tensor, full_matrices)[1])
    v = np.swapaxes(vh.conj(), -1, -2)
    tied = phase[..., :s.shape[-1]]
    free = _aligned(v, kernels.svd(tensor, full_matrices)[2])[..., s.shape[-1]:]
    return s, u * phase, v * np.concatenate([tied, free], -1)


def _svd_shapes(tensor, full_matrices):
    s, dtype = _value_shape(tensor)
    *batch, m, n = tensor.shape
    rows, columns = (m, n) if full_matrices else (s[-1], s[-1])
    return [(s, dtype), ((*batch, m, rows), tensor.dtype), ((*batch, n, columns), tensor.dtype)]


def _value_shape(tensor):
    kernels.matrices(tensor, square=False)
    return (*tensor.shape[:-2], min(tensor.shape[-2:])), kernels.real_of(tensor.dtype)


@op(inputs="tensor", floats="tensor", outputs="s u v", grads={"tensor": _svd_rule}, reference=_svd,
    infer=_svd_shapes, holomorphic=False,
    name="svd_factors",
    samples=[Sample(normal(3, 3), rtol=1e-4), Sample(normal(4, 2)), Sample(normal(2, 2, 3)),
             Sample(_SQUARE, grad=False), Sample(normal(3, 2), full_matrices=True, grad=False)])
def _svd_factors(tensor, full_matrices=False, name=None):
    """The singular values and vectors of matrices, as (s, u, v).

    >>> import numbaflow as nf
    >>> [t.shape for t in nf.svd(nf.ones([3, 2]))]
    [(2,), (3, 2), (2, 2)]
    """
    return kernels.svd(tensor, bool(full_matrices))


def _values_rule(g, tensor):
    _, u, v = _svd_factors(tensor)
    return matmul(u * _as(expand_dims(g, -2), u), v, adjoint_b=True)


@op(inputs="tensor", floats="tensor", grads={"tensor": _values_rule}, holomorphic=False, infer=_value_shape,
    reference=lambda tensor: np.linalg.svd(tensor, compute_uv=False),
    samples=[Sample(normal(3, 3), rtol=1e-4), Sample(normal(4, 2)), Sample(normal(2, 2, 3)), Sample(_SQUARE)])
def singular_values(tensor, name=None):
    """The singular values [..., min(m, n)] of matrices, largest first.

    >>> import numbaflow as nf
    >>> nf.svd([[3.0, 0.0], [0.0, -4.0]], compute_uv=False).numpy().tolist()
    [4.0, 3.0]
    """
    return kernels.svd(tensor, compute_uv=False)


def svd(tensor, full_matrices=False, compute_uv=True, name=None):
    """The singular value decomposition of matrices: tensor = u diag(s) v^H.

    Args:
        tensor: matrices [..., m, n].
        full_matrices: u is [..., m, m] and v [..., n, n], instead of [..., m, k] and [..., n, k],
            k = min(m, n).
        compute_uv: give (s, u, v); otherwise only s.

    Returns:
        s [..., k], largest first, and u and v, not v^H.

    >>> import numbaflow as nf
    >>> s, u, v = nf.svd([[3.0, 0.0], [0.0, -4.0]])
    >>> nf.matmul(u * s, v, transpose_b=True).numpy().round(4).tolist()
    [[3.0, 0.0], [0.0, -4.0]]
    """
    return _svd_factors(tensor, full_matrices) if compute_uv else singular_values(tensor)


# ---- eigenvalues of Hermitian matrices
def _eig_rule(g, e, v):
    """G_A = V (diag(G_e) + V^H G_V / E) V^H, E[j, k] = e_k - e_j"""
    de, dv = g
    gaps = _ones_on_diagonal(expand_dims(e, -2) - expand_dims(e, -1))
    inner = matrix_set_diag(matmul(v, dv, adjoint_a=True) / _as(gaps, v), _as(de, v))
    return _of_triangle(matmul(matmul(v, inner), v, adjoint_b=True))


def _eig(tensor):
    e, v = np.linalg.eigh(tensor)
    return e, v * _aligned(v, kernels.self_adjoint_eig(tensor)[1])


def _eigenvalue_shape(tensor):
    return square_matrices(tensor).shape[:-1], kernels.real_of(tensor.dtype)


@op(inputs="tensor", floats="tensor", outputs="e v", grads={"tensor": _eig_rule}, reference=_eig,
    infer=lambda tensor: [_eigenvalue_shape(tensor), like(tensor)], holomorphic=False,
    samples=[Sample(positive_definite(3, 3), rtol=1e-4), Sample(positive_definite(2, 2, 2), rtol=1e-4),
             Sample(_HERMITIAN, grad=False)])
def self_adjoint_eig(tensor, name=None):
    """The eigenvalues, rising, and the eigenvectors, as columns, of Hermitian matrices: (e, v).

    Args:
        tensor: matrices [..., n, n].  Only the lower triangle is read, and gets the gradient.

    >>> import numbaflow as nf
    >>> nf.self_adjoint_eig([[2.0, 1.0], [1.0, 2.0]])[0].numpy().round(4).tolist()
    [1.0, 3.0]
    """
    return kernels.self_adjoint_eig(tensor)


def _eigvals_rule(g, tensor):
    v = self_adjoint_eig(tensor)[1]
    return _of_triangle(matmul(v * _as(expand_dims(g, -2), v), v, adjoint_b=True))


@op(inputs="tensor", floats="tensor", grads={"tensor": _eigvals_rule}, reference=np.linalg.eigvalsh,
    infer=_eigenvalue_shape, holomorphic=False,
    samples=[Sample(positive_definite(3, 3)), Sample(positive_definite(2, 2, 2)), Sample(_HERMITIAN)])
def self_adjoint_eigvals(tensor, name=None):
    """The eigenvalues, rising, of Hermitian matrices.

    Args:
        tensor: matrices [..., n, n].  Only the lower triangle is read, and gets the gradient.

    >>> import numbaflow as nf
    >>> nf.self_adjoint_eigvals([[2.0, 1.0], [1.0, 2.0]]).numpy().round(4).tolist()
    [1.0, 3.0]
    """
    return kernels.self_adjoint_eigvals(tensor)


# ---- solving
def cholesky_solve(chol, rhs, name=None):
    """The solutions x of A x = rhs, given the Cholesky factors of A.

    Args:
        chol: lower triangular matrices [..., n, n], as `cholesky` gives them.
        rhs: right-hand sides [..., n, k].

    >>> import numbaflow as nf
    >>> nf.cholesky_solve(nf.cholesky([[4.0, 0.0], [0.0, 16.0]]), [[4.0], [4.0]]).numpy().tolist()
    [[1.0], [0.25]]
    """
    return matrix_triangular_solve(chol, matrix_triangular_solve(chol, rhs), adjoint=True)


def matrix_solve_ls(matrix, rhs, l2_regularizer=0.0, fast=True, name=None):
    """The solutions x of least squares |matrix x - rhs|^2 + l2_regularizer |x|^2; of many, the shortest.

    Args:
        matrix: matrices [..., m, n] of full rank.
        rhs: right-hand sides [..., m, k].
        l2_regularizer: a number, not negative; used where `fast`.
        fast: by the normal equations and Cholesky, which squares the condition number; otherwise by QR.

    >>> import numbaflow as nf
    >>> nf.linalg.lstsq([[1.0], [1.0]], [[1.0], [3.0]]).numpy().round(4).tolist()
    [[2.0]]
    """
    a, b = as_tensor(matrix), as_tensor(rhs)
    tall = a._data.shape[-2] >= a._data.shape[-1]
    if fast:
        gram = matmul(a, a, adjoint_a=tall, adjoint_b=not tall)
        gram = matrix_set_diag(gram, matrix_diag_part(gram) + l2_regularizer) if l2_regularizer else gram
        factor = cholesky(gram)
        if tall:
            return cholesky_solve(factor, matmul(a, b, adjoint_a=True))
        return matmul(a, cholesky_solve(factor, b), adjoint_a=True)
    if tall:
        q, r = qr(a)
        return matrix_triangular_solve(r, matmul(q, b, adjoint_a=True), lower=False)
    q, r = qr(adjoint(a))
    return matmul(q, matrix_triangular_solve(r, b, lower=False, adjoint=True))


def logdet(matrix, name=None):
    """The logarithms of the determinants of positive definite matrices, through their Cholesky factors.

    >>> import numbaflow as nf
    >>> nf.linalg.logdet([[1.0, 0.0], [0.0, 1.0]]).numpy()
    np.float32(0.0)
    """
    return 2.0 * reduce_sum(log(real(matrix_diag_part(cholesky(matrix)))), -1)
