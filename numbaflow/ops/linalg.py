"""Linear algebra over stacks of matrices: inverses, solutions, determinants.

G stands for a gradient as TensorFlow has it, dL = Re tr(G^H dA), and ^H for the conjugate transpose.
"""
import numpy as np

from numbaflow.core import dtypes
from numbaflow.core.infer import like
from numbaflow.core.optable import Sample, normal, op, positive_definite
from numbaflow.kernels import linalg as kernels

from .arithmetic import negative
from .complex_numbers import complex, conj, imag
from .diagonals import matrix_band_part
from .matmul import matmul
from .shape import expand_dims, matrix_transpose

__all__ = ["adjoint", "cross", "log_matrix_determinant", "matrix_determinant", "matrix_inverse",
           "matrix_solve", "matrix_triangular_solve", "slogdet"]

_SQUARE = np.array([[3 + 2j, 0.5 - 1j], [3j, -4.0 + 1j]])
_RIGHT = np.array([[1 - 2j, 2.0 + 0j], [1j, -1.0 + 1j]])


def adjoint(matrix, name=None):
    """The conjugate transposes of matrices.

    >>> import numbaflow as nf
    >>> nf.linalg.adjoint([[1.0, 2.0], [3.0, 4.0]]).numpy().tolist()
    [[1.0, 3.0], [2.0, 4.0]]
    """
    return matrix_transpose(matrix, conjugate=True)


# ---- inverses and solutions
def square(x):
    """The argument, after a look at its shape: square matrices."""
    kernels.matrices(x)
    return x


def _solution(matrix, rhs):
    kernels.matrices(matrix)
    kernels.check_pair(matrix, rhs)
    return like(rhs)


def _inverse_rule(g, y, adjoint):
    if adjoint:
        return negative(matmul(y, matmul(g, y, adjoint_a=True)))
    return negative(matmul(y, matmul(g, y, adjoint_b=True), adjoint_a=True))


def _inverse(input, adjoint=False):
    return np.linalg.inv(np.swapaxes(input.conj(), -1, -2) if adjoint else input)


@op(inputs="input", floats="input", grads={"input": _inverse_rule}, reference=_inverse, holomorphic=False,
    infer=lambda input: like(square(input)),
    samples=[Sample(positive_definite(3, 3), rtol=1e-4), Sample(positive_definite(2, 3, 3), adjoint=True,
                                                                rtol=1e-4),
             Sample(_SQUARE), Sample(_SQUARE, True), Sample(normal(2, 0, 0))])
def matrix_inverse(input, adjoint=False, name=None):
    """The inverses of square matrices.

    Args:
        input: matrices [..., n, n].
        adjoint: invert the conjugate transpose.

    Raises:
        ValueError: a matrix that has no inverse; on a GPU it gives inf or nan instead.

    >>> import numbaflow as nf
    >>> nf.matrix_inverse([[2.0, 1.0], [1.0, 1.0]]).numpy().round(4)
    array([[ 1., -1.],
           [-1.,  2.]], dtype=float32)
    """
    return kernels.matrix_inverse(input, bool(adjoint))


def _solve_rule(g, matrix, y, adjoint):
    """For A x = b: G_b = A^-H G, G_A = -G_b x^H."""
    db = matrix_solve(matrix, g, not adjoint)
    return negative(matmul(y, db, adjoint_b=True) if adjoint else matmul(db, y, adjoint_b=True)), db


def _solved(matrix, rhs, adjoint=False):
    return np.linalg.solve(np.swapaxes(matrix.conj(), -1, -2) if adjoint else matrix, rhs)


@op(inputs="matrix rhs", promote="matrix rhs", floats="matrix rhs", grads={("matrix", "rhs"): _solve_rule},
    infer=_solution, reference=_solved, holomorphic=False,
    samples=[Sample(positive_definite(3, 3), normal(3, 2), rtol=1e-4), Sample(_SQUARE, _RIGHT),
             Sample(_SQUARE, _RIGHT, True),
             Sample(positive_definite(2, 3, 3), normal(2, 3, 1), adjoint=True, rtol=1e-4)])
def matrix_solve(matrix, rhs, adjoint=False, name=None):
    """The solutions x of matrix x = rhs.

    Args:
        matrix: square matrices [..., n, n].
        rhs: right-hand sides [..., n, k].
        adjoint: solve with the conjugate transpose of matrix.

    Raises:
        ValueError: shapes that do not match, or a matrix that has no inverse; on a GPU it gives inf or nan
            instead.

    >>> import numbaflow as nf
    >>> nf.matrix_solve([[2.0, 0.0], [0.0, 4.0]], [[2.0], [2.0]]).numpy().tolist()
    [[1.0], [0.5]]
    """
    return kernels.matrix_solve(matrix, rhs, bool(adjoint))


def _triangular_rule(g, matrix, y, lower, adjoint):
    db = matrix_triangular_solve(matrix, g, lower, not adjoint)
    da = negative(matmul(y, db, adjoint_b=True) if adjoint else matmul(db, y, adjoint_b=True))
    return matrix_band_part(da, -1, 0) if lower else matrix_band_part(da, 0, -1), db


def _triangular_solved(matrix, rhs, lower=True, adjoint=False):
    return _solved(np.tril(matrix) if lower else np.triu(matrix), rhs, adjoint)


@op(inputs="matrix rhs", promote="matrix rhs", floats="matrix rhs", grads={("matrix",
                                                                            "rhs"): _triangular_rule},
    infer=_solution, reference=_triangular_solved, holomorphic=False,
    samples=[Sample(positive_definite(3, 3), normal(3, 2), rtol=1e-4), Sample(_SQUARE, _RIGHT, False, True),
             Sample(positive_definite(3, 3), normal(3, 2), lower=False, rtol=1e-4), Sample(_SQUARE, _RIGHT),
             Sample(positive_definite(2, 3, 3), normal(2, 3, 1), adjoint=True, rtol=1e-4)])
def matrix_triangular_solve(matrix, rhs, lower=True, adjoint=False, name=None):
    """The solutions x of matrix x = rhs for triangular matrices, by substitution.

    Args:
        matrix: square matrices [..., n, n]; only one triangle is read.
        rhs: right-hand sides [..., n, k].
        lower: which triangle.
        adjoint: solve with the conjugate transpose of matrix.

    >>> import numbaflow as nf
    >>> nf.matrix_triangular_solve([[2.0, 0.0], [1.0, 4.0]], [[2.0], [5.0]]).numpy().tolist()
    [[1.0], [1.0]]
    """
    return kernels.matrix_triangular_solve(matrix, rhs, bool(lower), bool(adjoint))


# ---- determinants
def _over_matrix(x):
    return expand_dims(expand_dims(x, -1), -1)


@op(inputs="input", floats="input", holomorphic=False, reference=np.linalg.det,
    infer=lambda input: (square(input).shape[:-2], input.dtype),
    grads={"input": lambda g, input, y: _over_matrix(g * conj(y)) * matrix_inverse(input, True)},
    samples=[Sample(positive_definite(3, 3)), Sample(positive_definite(2, 2, 2)), Sample(_SQUARE)])
def matrix_determinant(input, name=None):
    """The determinants [...] of square matrices [..., n, n].

    >>> import numbaflow as nf
    >>> nf.matrix_determinant([[2.0, 1.0], [0.0, 4.0]]).numpy()
    np.float32(8.0)
    """
    return kernels.det(input)


def _slogdet_rule(g, input, sign):
    """d log|det| = Re t and d sign = i sign Im t, with t = tr(A^-1 dA)."""
    d_sign, weight = g
    if sign._data.dtype in dtypes.COMPLEXES:
        weight = complex(weight, imag(d_sign * conj(sign)))
    return _over_matrix(weight) * matrix_inverse(input, True)


@op(inputs="input", floats="input", outputs="sign log_abs_determinant", grads={"input": _slogdet_rule},
    infer=lambda input: [(square(input).shape[:-2], input.dtype),
                         (input.shape[:-2], kernels.real_of(input.dtype))],
    holomorphic=False, reference=lambda input: tuple(np.linalg.slogdet(input)),
    samples=[Sample(positive_definite(3, 3)), Sample(positive_definite(2, 2, 2)), Sample(_SQUARE),
             Sample(np.array([[0.0, 1.0], [2.0, 0.5]]))])
def slogdet(input, name=None):
    """The signs and the logarithms of the absolute values of determinants: (sign, log_abs_determinant).

    >>> import numbaflow as nf
    >>> [t.numpy().item() for t in nf.linalg.slogdet([[0.0, 1.0], [1.0, 0.0]])]
    [-1.0, 0.0]
    """
    return kernels.slogdet(input)


log_matrix_determinant = slogdet


# ---- vectors of three
def _threes(a, b):
    if a.shape != b.shape or a.shape[-1:] != (3,):
        raise ValueError(f"shapes {a.shape} and {b.shape}; two equal shapes [..., 3] were expected")
    return like(a)


@op(inputs="a b", promote="a b", infer=_threes,
    grads={"a": lambda g, b: cross(b, g), "b": lambda g, a: cross(g, a)},
    reference=lambda a, b: np.cross(a, b),
    samples=[Sample(normal(3), normal(3)), Sample(normal(2, 4, 3), normal(2, 4, 3)),
             Sample(np.array([1, 2, 3]), np.array([4, 5, 7])), Sample(np.array([1 + 2j, 3j, 2]),
                                                                      np.array([2 - 1j, 1, 1j]))])
def cross(a, b, name=None):
    """The cross products of vectors [..., 3].

    >>> import numbaflow as nf
    >>> nf.cross([1.0, 0.0, 0.0], [0.0, 1.0, 0.0]).numpy().tolist()
    [0.0, 0.0, 1.0]
    """
    _threes(a, b)
    return kernels.cross(a, b)
