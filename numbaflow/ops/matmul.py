"""Products of matrices, and those of tensors that come down to them; einsum has a module of its own.

The rules of matmul are products with transposes as flags, so nothing is copied and every order follows.
"""
from math import prod

import numpy as np

from numbaflow.core import dtypes, table
from numbaflow.core.errors import InvalidArgumentError
from numbaflow.core.later import of_known_rank
from numbaflow.core.optable import Sample, integers, normal, op
from numbaflow.core.tensor import as_tensor
from numbaflow.kernels import matmul as kernels

from .arguments import one_axis
from .shape import expand_dims, reshape, squeeze, transpose

__all__ = ["matmul", "matvec", "tensordot"]


def _turned(x, transpose, adjoint):
    x = np.asarray(x)
    return np.swapaxes(x.conj() if adjoint else x, -1, -2) if transpose or adjoint else x


def _reference(a, b, transpose_a=False, transpose_b=False, adjoint_a=False, adjoint_b=False):
    return np.matmul(_turned(a, transpose_a, adjoint_a), _turned(b, transpose_b, adjoint_b))


def _product(x, turn_x, conj_x, y, turn_y, conj_y):
    """The product of x and y, each as it is, transposed, conjugated or both."""
    if x._dtype is dtypes.FLOAT32 or x._dtype not in dtypes.COMPLEXES:
        return matmul(x, y, turn_x, turn_y)
    conj = table.face("conj")
    x, y = conj(x) if conj_x and not turn_x else x, conj(y) if conj_y and not turn_y else y
    return matmul(x, y, turn_x and not conj_x, turn_y and not conj_y, turn_x and conj_x, turn_y and conj_y)


# With A and B for a and b as they are multiplied, A's gradient is g B^H and B's is A^H g; that of a is A's,
# turned as a is.
def _a_rule(g, b, transpose_a, transpose_b, adjoint_a, adjoint_b):
    turned_b = transpose_b or adjoint_b
    if transpose_a or adjoint_a:
        return _product(b, turned_b, adjoint_b is adjoint_a, g, True, adjoint_a)
    return _product(g, False, False, b, not turned_b, not adjoint_b)


def _b_rule(g, a, transpose_a, transpose_b, adjoint_a, adjoint_b):
    turned_a = transpose_a or adjoint_a
    if transpose_b or adjoint_b:
        return _product(g, True, adjoint_b, a, turned_a, adjoint_a is adjoint_b)
    return _product(a, not turned_a, not adjoint_a, g, False, False)


_Z = np.array([[1 + 2j, 0.5 - 1j], [3j, -1.0 + 0j]])


def _product_rule(a, b, transpose_a, transpose_b, adjoint_a, adjoint_b):
    return kernels.product_shape(a, b, transpose_a, transpose_b, adjoint_a, adjoint_b), a.dtype


@op(inputs="a b", promote="a b", operator="__matmul__", reference=_reference, holomorphic=False,
    infer=_product_rule,
    grads={"a": _a_rule, "b": _b_rule},
    samples=[Sample(normal(2, 3), normal(3, 4)), Sample(normal(3, 2), normal(3, 4), True),
             Sample(normal(2, 3), normal(4, 3), transpose_b=True), Sample(normal(3, 2), normal(4, 3), True,
                                                                          True),
             Sample(normal(3, 2), normal(4, 3), adjoint_a=True, adjoint_b=True),
             Sample(normal(5, 2, 3), normal(5, 3, 4)),
             Sample(normal(5, 2, 3), normal(3, 4)), Sample(normal(2, 3), normal(5, 3, 4)),
             Sample(normal(2, 1, 2, 3), normal(3, 3, 2)), Sample(normal(2, 0), normal(0, 3)),
             Sample(normal(2, 3, 2), normal(1, 4, 3), transpose_a=True, transpose_b=True),
             Sample(integers(2, 3), integers(3, 2)), Sample(_Z, _Z.T - 1.0),
             Sample(_Z, _Z + 1.0, adjoint_a=True),
             Sample(_Z, _Z + 1.0, True, True), Sample(_Z, _Z - 1.0, transpose_a=True, adjoint_b=True)])
def matmul(a, b, transpose_a=False, transpose_b=False, adjoint_a=False, adjoint_b=False, a_is_sparse=False,
           b_is_sparse=False, name=None):
    """The product of matrices, or of stacks of them; `a @ b` on tensors.

    Args:
        a: matrices [..., m, k].
        b: matrices [..., k, n] of the same dtype; the dimensions before the last two broadcast.
        transpose_a, transpose_b: multiply the transpose.
        adjoint_a, adjoint_b: multiply the conjugate transpose.
        a_is_sparse, b_is_sparse: not used.

    Returns:
        A tensor [..., m, n].

    Raises:
        ValueError: shapes that do not match, or fewer than two dimensions.

    >>> import numbaflow as nf
    >>> nf.matmul([[1.0, 2.0], [3.0, 4.0]], [[1.0], [10.0]]).numpy().tolist()
    [[21.0], [43.0]]
    """
    return kernels.matmul(a, b, transpose_a, transpose_b, adjoint_a, adjoint_b)


def matvec(a, b, transpose_a=False, adjoint_a=False, a_is_sparse=False, b_is_sparse=False, name=None):
    """The product of matrices [..., m, k] with vectors [..., k].

    >>> import numbaflow as nf
    >>> nf.linalg.matvec([[1.0, 2.0], [3.0, 4.0]], [1.0, 10.0]).numpy().tolist()
    [21.0, 43.0]
    """
    return squeeze(matmul(a, expand_dims(b, -1), transpose_a, adjoint_a=adjoint_a), -1)


# ---- tensordot
def _contracted(axes, a_rank, b_rank):
    """The axes of a and of b that meet, as two lists."""
    if isinstance(axes, int | np.integer):
        if not 0 <= axes <= min(a_rank, b_rank):
            raise InvalidArgumentError("tensordot: axes must be from 0 to the smaller rank of "
                                       f"{a_rank} and {b_rank}, got {axes}")
        return list(range(a_rank - axes, a_rank)), list(range(axes))
    if len(axes) != 2:
        raise InvalidArgumentError(f"tensordot: 'axes' must be an integer or have length 2, got {axes}")
    of_a, of_b = ([part] if isinstance(part, int) else np.asarray(part).reshape(-1).tolist() for part in axes)
    if len(of_a) != len(of_b):
        raise InvalidArgumentError("tensordot: Different number of contraction axes 'a' and 'b', "
                                   f"{len(of_a)} != {len(of_b)}")
    try:
        return [one_axis(k, a_rank) for k in of_a], [one_axis(k, b_rank) for k in of_b]
    except ValueError as error:
        raise InvalidArgumentError(f"tensordot: {error}") from None


@of_known_rank
def tensordot(a, b, axes, name=None):
    """The sum of products over axes of a and as many of b.

    Args:
        a, b: tensors of one dtype.
        axes: a number n, for the last n axes of a and the first n of b, or a pair (axes of a, axes of b).

    Returns:
        A tensor with the axes of a that are left, then those of b.

    Raises:
        ValueError: extents that differ, or bad axes.

    >>> import numbaflow as nf
    >>> nf.tensordot([[1.0, 2.0], [3.0, 4.0]], [1.0, 10.0], axes=1).numpy().tolist()
    [21.0, 43.0]
    """
    a, b = as_tensor(a), as_tensor(b)
    of_a, of_b = _contracted(axes, a.ndim, b.ndim)
    shape_a, shape_b = a._data.shape, b._data.shape
    if [shape_a[k] for k in of_a] != [shape_b[k] for k in of_b]:
        raise InvalidArgumentError(f"tensordot: shapes {shape_a} and {shape_b} do not match in axes "
                                   f"{of_a} and {of_b}")
    left_a = [k for k in range(a.ndim) if k not in of_a]
    left_b = [k for k in range(b.ndim) if k not in of_b]
    inner = prod([shape_a[k] for k in of_a])
    rows, columns = tuple([shape_a[k] for k in left_a]), tuple([shape_b[k] for k in left_b])
    y = matmul(reshape(transpose(a, left_a + of_a), (prod(rows), inner)),
               reshape(transpose(b, of_b + left_b), (inner, prod(columns))))
    return reshape(y, rows + columns)
