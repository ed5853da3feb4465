"""Matrices by their diagonals and triangles: made, read, replaced, cut."""
import numpy as np

from numbaflow.core.infer import like
from numbaflow.core.optable import Sample, integers, normal, op
from numbaflow.kernels import linalg as kernels

from .creation import zeros
from .shape import broadcast_to, expand_dims

__all__ = ["diag", "diag_part", "matrix_band_part", "matrix_diag", "matrix_diag_part", "matrix_set_diag",
           "trace"]

_Z = np.array([[1 + 2j, 0.5 - 1j], [3j, -1.0 + 0j]])


def _on_diagonal(g, shape, dtype):
    return matrix_set_diag(zeros(shape, dtype), g)


def _matrix(x):
    kernels.at_least_matrix(x)
    return x


def _on_matrix(diagonal):
    kernels.check_vector(diagonal)
    return (*diagonal.shape, diagonal.shape[-1]), diagonal.dtype


@op(inputs="diagonal", grads={"diagonal": lambda g: matrix_diag_part(g)}, holomorphic=False,
    infer=_on_matrix,
    reference=lambda diagonal: np.asarray(diagonal)[..., None] * np.eye(np.shape(diagonal)[-1],
                                                                        dtype=diagonal.dtype),
    samples=[Sample(normal(3)), Sample(normal(2, 3)), Sample(integers(2)), Sample(normal(2, 0)), Sample(_Z)])
def matrix_diag(diagonal, name=None):
    """Square matrices [..., n, n] with diagonals [..., n], 0 elsewhere.

    >>> import numbaflow as nf
    >>> nf.matrix_diag([1, 2]).numpy().tolist()
    [[1, 0], [0, 2]]
    """
    return kernels.matrix_diag(diagonal)


@op(inputs="input", holomorphic=False, reference=lambda input: np.diagonal(input, axis1=-2, axis2=-1),
    infer=lambda input: ((*_matrix(input).shape[:-2], min(input.shape[-2:])), input.dtype),
    grads={"input": lambda g, input_shape, input_dtype: _on_diagonal(g, input_shape, input_dtype)},
    samples=[Sample(normal(3, 3)), Sample(normal(2, 3, 4)), Sample(normal(4, 2)), Sample(integers(2, 2)),
             Sample(_Z)])
def matrix_diag_part(input, name=None):
    """The diagonals [..., min(m, n)] of matrices [..., m, n].

    >>> import numbaflow as nf
    >>> nf.matrix_diag_part([[1, 2, 3], [4, 5, 6]]).numpy().tolist()
    [1, 5]
    """
    return kernels.matrix_diag_part(input)


def _with_diagonal(input, diagonal):
    y = np.array(input)
    k = np.arange(np.shape(diagonal)[-1])
    y[..., k, k] = diagonal
    return y


def _set_rule(input, diagonal):
    kernels.check_diagonal(input, diagonal)
    return like(input)


@op(inputs="input diagonal", promote="input diagonal", holomorphic=False, reference=_with_diagonal,
    infer=_set_rule,
    grads={"input": lambda g, diagonal_shape, diagonal_dtype: matrix_set_diag(g,
                                                                              zeros(diagonal_shape,
                                                                                    diagonal_dtype)),
           "diagonal": lambda g: matrix_diag_part(g)},
    samples=[Sample(normal(3, 3), normal(3)), Sample(normal(2, 3, 4), normal(2, 3)),
             Sample(normal(3, 2), normal(2)),
             Sample(integers(2, 2), integers(2)), Sample(_Z, _Z[0])])
def matrix_set_diag(input, diagonal, name=None):
    """Matrices [..., m, n] with their diagonals replaced by [..., min(m, n)].

    >>> import numbaflow as nf
    >>> nf.matrix_set_diag([[1, 2], [3, 4]], [8, 9]).numpy().tolist()
    [[8, 2], [3, 9]]
    """
    return kernels.matrix_set_diag(input, diagonal)


def _banded(input, num_lower, num_upper):
    kernels.check_band(input, int(num_lower), int(num_upper))
    return like(input)


def _band(input, num_lower, num_upper):
    k = np.arange(input.shape[-2])[:, None] - np.arange(input.shape[-1])
    return np.where(((k <= num_lower) | (num_lower < 0)) & ((-k <= num_upper) | (num_upper < 0)), input,
                    0).astype(input.dtype)


@op(inputs="input", grads={"input": lambda g, num_lower, num_upper: matrix_band_part(g, num_lower,
                                                                                     num_upper)},
    holomorphic=False, infer=_banded, reference=_band,
    samples=[Sample(normal(3, 3), -1, 0), Sample(normal(2, 3, 4), 0, -1), Sample(normal(4, 3), 1, 1),
             Sample(normal(3, 3), 0, 0), Sample(integers(3, 3), 1, 0), Sample(_Z, 0, -1)])
def matrix_band_part(input, num_lower, num_upper, name=None):
    """Matrices with all but a band around the diagonal set to 0.

    Args:
        input: matrices [..., m, n].
        num_lower, num_upper: how many diagonals to keep below and above the main one; negative for all.

    >>> import numbaflow as nf
    >>> nf.matrix_band_part([[1, 2], [3, 4]], -1, 0).numpy().tolist()
    [[1, 0], [3, 4]]
    """
    return kernels.matrix_band_part(input, int(num_lower), int(num_upper))


@op(inputs="x", holomorphic=False, infer=lambda x: (_matrix(x).shape[:-2], x.dtype),
    reference=lambda x: np.trace(x, axis1=-2, axis2=-1).astype(x.dtype),
    grads={"x": lambda g, x_shape, x_dtype: _on_diagonal(
        broadcast_to(expand_dims(g, -1), (*x_shape[:-2], min(x_shape[-2:]))), x_shape, x_dtype)},
    samples=[Sample(normal(3, 3)), Sample(normal(2, 3, 4)), Sample(integers(2, 2)), Sample(_Z)])
def trace(x, name=None):
    """The sums of the diagonals of matrices.

    >>> import numbaflow as nf
    >>> nf.trace([[1, 2], [3, 4]]).numpy()
    np.int32(5)
    """
    return kernels.trace(x)


# ---- tensors of twice the rank
@op(inputs="diagonal", grads={"diagonal": lambda g: diag_part(g)}, holomorphic=False,
    infer=lambda diagonal: (diagonal.shape * 2, diagonal.dtype),
    reference=lambda diagonal: np.diag(np.ravel(diagonal)).reshape(np.shape(diagonal) * 2),
    samples=[Sample(normal(3)), Sample(normal(2, 3)), Sample(integers(2)), Sample(_Z)])
def diag(diagonal, name=None):
    """A tensor of twice the rank with y[i..., i...] = diagonal[i...], 0 elsewhere.

    >>> import numbaflow as nf
    >>> nf.diag([1, 2]).numpy().tolist()
    [[1, 0], [0, 2]]
    """
    return kernels.diag(diagonal)


def _half_diagonal(input):
    half = input.shape[:input.ndim // 2]
    n = int(np.prod(half))
    return input.reshape(n, n).diagonal().reshape(half)


@op(inputs="input", grads={"input": lambda g: diag(g)}, holomorphic=False, reference=_half_diagonal,
    infer=lambda input: (kernels.half_shape(input), input.dtype),
    samples=[Sample(normal(3, 3)), Sample(normal(2, 3, 2, 3)), Sample(integers(2, 2)), Sample(_Z)])
def diag_part(input, name=None):
    """The tensor of half the rank with y[i...] = input[i..., i...].

    >>> import numbaflow as nf
    >>> nf.diag_part([[1, 2], [3, 4]]).numpy().tolist()
    [1, 4]
    """
    return kernels.diag_part(input)
