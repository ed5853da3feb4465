"""Norms of tensors, and tensors clipped or scaled by them: compositions.  A norm's gradient at 0 is 0."""
import numpy as np

from numbaflow.core.errors import InvalidArgumentError
from numbaflow.core.indexed_slices import IndexedSlices
from numbaflow.core.infer import real_dtype
from numbaflow.core.optable import Sample, integers, normal, op
from numbaflow.core.tensor import as_tensor
from numbaflow.kernels import reduce as kernels

from .arithmetic import abs, maximum, square
from .casting import cast
from .exponential import rsqrt
from .factors import svd
from .reduce import reduce_euclidean_norm, reduce_max, reduce_sum, root_of_squares
from .shape import expand_dims, squeeze, transpose

__all__ = ["clip_by_average_norm", "clip_by_global_norm", "clip_by_norm", "global_norm", "l2_normalize",
           "norm"]


# ---- norms
def norm(tensor, ord="euclidean", axis=None, keepdims=None, name=None, keep_dims=None):
    """A norm of vectors, of matrices, or of all elements.

    Args:
        tensor: numbers.
        ord: for vectors "euclidean", a positive number p or inf; for matrices "euclidean" or "fro" for the
            root of the sum of squares, 2 for the largest singular value, 1 for the largest column sum, inf
            for the largest row sum.
        axis: None for one vector of all elements, an axis for vectors, two for matrices.
        keepdims: whether reduced axes stay with extent 1.
        keep_dims: the older name of keepdims.

    Raises:
        ValueError: a norm that is none of these.

    >>> import numbaflow as nf
    >>> nf.norm([3.0, 4.0]).numpy(), nf.norm([[1.0, -2.0], [3.0, 4.0]], 1, axis=[0, 1]).numpy()
    (np.float32(5.0), np.float32(6.0))
    """
    keepdims = bool(keepdims or keep_dims)
    x = as_tensor(tensor)
    if isinstance(axis, list | tuple) and len(axis) == 1:
        axis = axis[0]
    if isinstance(axis, list | tuple):
        if len(axis) != 2:
            raise InvalidArgumentError(f"norm: 'axis' must be None, an integer or two integers, got {axis}")
        return _matrix_norm(x, ord, *axis, keepdims)
    if ord == "euclidean" or (not isinstance(ord, str) and ord == 2):
        return reduce_euclidean_norm(x, axis, keepdims)
    if isinstance(ord, str) or not ord > 0:
        raise InvalidArgumentError(f"norm: 'ord' must be 'euclidean' or positive for vectors, got {ord!r}")
    if ord == 1:
        return reduce_sum(abs(x), axis, keepdims)
    if ord == np.inf:
        return reduce_max(abs(x), axis, keepdims)
    return reduce_sum(abs(x) ** float(ord), axis, keepdims) ** (1.0 / ord)


def _matrix_norm(x, ord, rows, columns, keepdims):
    if ord in ("euclidean", "fro"):
        return reduce_euclidean_norm(x, [rows, columns], keepdims)
    rank = x.ndim
    rows, columns = rows % rank, columns % rank
    if ord in (1, np.inf):
        summed, largest = (rows, columns) if ord == 1 else (columns, rows)
        y = reduce_max(reduce_sum(abs(x), summed, True), largest, True)
    elif ord == 2:
        left = [k for k in range(rank) if k not in (rows, columns)]
        y = reduce_max(svd(transpose(x, [*left, rows, columns]), compute_uv=False), -1)
        for k in sorted((rows, columns)):
            y = expand_dims(y, k)
    else:
        raise InvalidArgumentError("norm: 'ord' must be 'euclidean', 'fro', 1, 2 or inf for matrices, "
                                   f"got {ord!r}")
    return y if keepdims else squeeze(y, [rows, columns])


def global_norm(t_list, name=None):
    """The Euclidean norm of several tensors taken as one vector.

    Args:
        t_list: a list of tensors, IndexedSlices and Nones, which are left out.

    >>> import numbaflow as nf
    >>> nf.global_norm([[3.0], [[0.0], [4.0]], None]).numpy()
    np.float32(5.0)
    """
    values = [_values(t) for t in _checked(t_list, "t_list") if t is not None]
    return root_of_squares(sum_of_squares(values)) if values else as_tensor(0.0)


@op(inputs="*inputs", grads={"inputs": lambda g, inputs: [2.0 * g * x for x in inputs]}, holomorphic=False,
    infer=lambda inputs: ((), real_dtype(inputs[0].dtype)),
    reference=lambda inputs: sum(np.sum(np.abs(x) ** 2) for x in inputs),
    samples=[Sample([normal(3, 4), normal(5), normal()]), Sample([normal(0, 2)]), Sample([integers(3)]),
             Sample([np.array([1 + 2j, 3.0])]), Sample([normal(300, 200)], grad=False)])
def sum_of_squares(inputs, name=None):
    """The sum of the squares of all elements of several tensors, of absolute values for complex ones.

    >>> import numbaflow as nf
    >>> nf.global_norm([[3.0], [4.0]]).numpy()
    np.float32(5.0)
    """
    return kernels.sum_of_squares(inputs)


def _checked(t_list, name):
    if not isinstance(t_list, list | tuple):
        raise TypeError(f"{name} should be a sequence, got {type(t_list).__name__}")
    return t_list


def _values(t):
    return t.values if isinstance(t, IndexedSlices) else as_tensor(t)


def _with_values(t, values):
    return IndexedSlices(values, t.indices, t.dense_shape) if isinstance(t, IndexedSlices) else values


def _sum_of_squares(x, axis=None, keepdims=None):
    return reduce_sum(square(abs(x) if x.dtype.is_complex else x), axis, keepdims)


# ---- clipping and scaling
def clip_by_norm(t, clip_norm, axes=None, name=None):
    """The tensor, scaled down where its Euclidean norm is over clip_norm.

    Args:
        t: a tensor of floats, or IndexedSlices.
        clip_norm: the largest norm allowed, a positive number or scalar tensor.
        axes: the axes a norm is taken over; None for all.

    >>> import numbaflow as nf
    >>> nf.clip_by_norm([3.0, 4.0], 2.5).numpy().tolist()
    [1.5, 2.0]
    """
    values = _values(t)
    length = root_of_squares(_sum_of_squares(values, axes, True))
    return _with_values(t, values * clip_norm / maximum(length, clip_norm))


def clip_by_average_norm(t, clip_norm, name=None):
    """The tensor, scaled down if its Euclidean norm divided by its number of elements is over clip_norm.

    >>> import numbaflow as nf
    >>> nf.clip_by_average_norm([3.0, 4.0], 1.25).numpy().tolist()
    [1.5, 2.0]
    """
    t = as_tensor(t)
    average = root_of_squares(_sum_of_squares(t)) / float(t.shape.num_elements())
    return t * clip_norm / maximum(average, clip_norm)


def clip_by_global_norm(t_list, clip_norm, use_norm=None, name=None):
    """Several tensors, scaled down by one factor if their norm as one vector is over clip_norm.

    Args:
        t_list: a list of tensors, IndexedSlices and Nones, which stay None.
        clip_norm: the largest norm allowed, a positive number or scalar tensor.
        use_norm: the norm, if it is known already.

    Returns:
        (list of tensors, global norm).  A norm that is not finite makes all of them nan.

    >>> import numbaflow as nf
    >>> clipped, length = nf.clip_by_global_norm([nf.constant([3.0]), nf.constant([4.0])], 2.5)
    >>> [t.numpy().tolist() for t in clipped], length.numpy()
    ([[1.5], [2.0]], np.float32(5.0))
    """
    _checked(t_list, "t_list")
    length = global_norm(t_list) if use_norm is None else as_tensor(use_norm)
    scale = clip_norm / maximum(length, clip_norm) + (length - length)      # inf - inf is nan
    return [None if t is None else _with_values(t, _scaled(_values(t), scale)) for t in t_list], length


def _scaled(values, scale):
    """values * scale, in the dtype of values."""
    return values * (scale if scale.dtype is values.dtype else cast(scale, values.dtype))


def l2_normalize(x, axis=None, epsilon=1e-12, name=None, dim=None):
    """x / sqrt(max(sum(x^2), epsilon)), the sum over axes.

    Args:
        x: floats.
        axis: an axis or several; None for all.
        epsilon: a lower bound of the sum of squares.
        dim: the older name of axis.

    >>> import numbaflow as nf
    >>> nf.nn.l2_normalize([[3.0, 4.0], [6.0, 8.0]], axis=1).numpy().round(4)
    array([[0.6, 0.8],
           [0.6, 0.8]], dtype=float32)
    """
    x = as_tensor(x)
    return x * rsqrt(maximum(_sum_of_squares(x, dim if axis is None else axis, True), epsilon))
