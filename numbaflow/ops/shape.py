"""Shapes: the same elements seen otherwise, and broadcast_to with sum_to, the pair that gradients rest on.

Launches here give views.  Shapes are static: what only asks for one is plain Python.
"""
import functools
from math import prod
from operator import index

import numpy as np

from numbaflow.core import dtypes
from numbaflow.core.abstract import current_trace
from numbaflow.core.errors import InvalidArgumentError
from numbaflow.core.infer import like
from numbaflow.core.optable import Sample, integers, normal, op
from numbaflow.core.shape import UNKNOWN, Extent, TensorShape
from numbaflow.core.tensor import as_tensor, wrap
from numbaflow.kernels import parts, reduce as kernels

from .arguments import axes, one_axis, shape_of

__all__ = ["broadcast_dynamic_shape", "broadcast_static_shape", "broadcast_to", "ensure_shape",
           "expand_dims", "identity", "matrix_transpose", "rank", "reshape", "shape", "shape_n", "size",
           "squeeze", "transpose"]


@op(inputs="input", grads={"input": lambda g: g}, infer=lambda input: like(input), holomorphic=False,
    reference=lambda input: input, samples=[Sample(normal(2, 3)), Sample(integers(3)), Sample(normal())])
def identity(input, name=None):
    """A tensor with the same value.

    >>> import numbaflow as nf
    >>> nf.identity([1, 2]).numpy().tolist()
    [1, 2]
    """
    return input


# ---- reshape and its kin
def _unfit(tensor, shape):
    return ValueError(f"cannot reshape array of size {tensor.size} into shape {tuple(shape)}")


def _reshaped(tensor, shape):
    """The shape that is meant, with what is left in place of a -1."""
    shape = shape_of(shape)
    known = prod([n for n in shape if n != -1])
    free = [k for k, n in enumerate(shape) if n == -1]
    if len(free) > 1 or any(n < -1 for n in shape) or (free and known == 0):
        raise _unfit(tensor, shape)
    found = [tensor.size // known if n == -1 else n for n in shape]
    if prod(found) != tensor.size:
        raise _unfit(tensor, shape)
    return found, tensor.dtype


@op(inputs="tensor", grads={"tensor": lambda g, tensor_shape: reshape(g, tensor_shape)}, holomorphic=False,
    infer=_reshaped, reference=np.reshape,
    samples=[Sample(normal(2, 6), (3, 4)), Sample(normal(2, 6), [-1, 3]), Sample(normal(), [1, 1]),
             Sample(normal(1), ()), Sample(normal(0, 3), (3, -1, 2)), Sample(normal(4), np.array([2, 2]))])
def reshape(tensor, shape, name=None):
    """The elements of a tensor, in C order, in another shape.

    Args:
        tensor: any tensor.
        shape: the shape wanted; one extent may be -1, which takes what is left.

    Raises:
        ValueError: the shape has another number of elements.

    >>> import numbaflow as nf
    >>> nf.reshape([1, 2, 3, 4, 5, 6], [2, -1]).numpy().tolist()
    [[1, 2, 3], [4, 5, 6]]
    """
    shape = shape if type(shape) in (tuple, list) else shape_of(shape)
    try:
        return parts.reshape(tensor, shape)
    except ValueError:
        raise _unfit(tensor, shape) from None


def _same_elements(g, input_shape):
    return reshape(g, input_shape)


def _expanded(shape, axis, dim):
    if axis is None:
        axis = dim
    if axis is None:
        raise ValueError("expected an axis, got None")
    k = one_axis(axis, len(shape) + 1)
    return (*shape[:k], 1, *shape[k:])


@op(inputs="input", grads={"input": _same_elements}, holomorphic=False,
    infer=lambda input, axis, dim: (_expanded(input.shape, axis, dim), input.dtype),
    reference=lambda input, axis=None, dim=None: np.expand_dims(input, axis if dim is None else dim),
    samples=[Sample(normal(2, 3), 0), Sample(normal(2, 3), -1), Sample(normal(2, 3), axis=1),
             Sample(normal(), 0), Sample(normal(2), dim=1)])
def expand_dims(input, axis=None, name=None, dim=None):
    """The tensor with an axis of extent 1 put in at `axis`; a negative one counts from the end of the result.

    >>> import numbaflow as nf
    >>> nf.expand_dims([1, 2, 3], -1).shape
    (3, 1)
    """
    return input.reshape(_expanded(input.shape, axis, dim))


def _squeezed(input, axis=None, squeeze_dims=None):
    axis = squeeze_dims if axis is None else axis
    return np.squeeze(input, tuple(axis) if isinstance(axis, list) else axis)


def _without_ones(shape, axis, squeeze_dims):
    if axis is None:
        axis = squeeze_dims
    if axis is None or (type(axis) is list and not axis):
        return [n for n in shape if n != 1]
    gone = axes(axis, len(shape))
    for k in gone:
        if shape[k] != 1:
            raise ValueError(f"axis {k} of shape {shape} has extent {shape[k]}, expected 1")
    return [n for k, n in enumerate(shape) if k not in gone]


@op(inputs="input", grads={"input": _same_elements}, holomorphic=False, reference=_squeezed,
    infer=lambda input, axis, squeeze_dims: (_without_ones(input.shape, axis, squeeze_dims), input.dtype),
    samples=[Sample(normal(1, 3, 1)), Sample(normal(1, 3, 1), -1), Sample(normal(1, 3, 1), [0, 2]),
             Sample(normal(1, 1), squeeze_dims=[0]), Sample(normal())])
def squeeze(input, axis=None, name=None, squeeze_dims=None):
    """The tensor without its axes of extent 1, or without those of them that `axis` names.

    Raises:
        ValueError: a named axis has another extent than 1.

    >>> import numbaflow as nf
    >>> nf.squeeze([[[1], [2]]]).numpy().tolist()
    [1, 2]
    """
    return input.reshape(_without_ones(input.shape, axis, squeeze_dims))


# ---- transpose
def _transpose_rule(g, perm, conjugate):
    if perm is None:
        return transpose(g, conjugate=conjugate)
    back = [0] * g.ndim
    for k, p in enumerate(perm):
        back[p] = k
    return transpose(g, back, conjugate=conjugate)


def _transposed(a, perm=None, conjugate=False):
    y = np.transpose(a, perm)
    return y.conj() if conjugate else y


def _no_permutation(perm, shape):
    return ValueError(f"perm {list(perm)} is not a permutation of the axes of shape {shape}")


def _permuted(a, perm):
    order = range(a.ndim)[::-1] if perm is None else [p + a.ndim if p < 0 else p for p in shape_of(perm)]
    if sorted(order) != list(range(a.ndim)):
        raise _no_permutation(perm, a.shape)
    return [a.shape[p] for p in order], a.dtype


@op(inputs="a", grads={"a": _transpose_rule}, holomorphic=False, infer=_permuted, reference=_transposed,
    samples=[Sample(normal(2, 3)), Sample(normal(2, 3, 4), [1, 2, 0]), Sample(normal(2, 3, 4), (2, 0, 1)),
             Sample(normal(2, 3), conjugate=True), Sample(normal()),
             Sample(normal(2, 3), [1, 0], conjugate=True, dtypes=("complex128",))])
def transpose(a, perm=None, name=None, conjugate=False):
    """The tensor with its axes permuted: axis i of the result is axis perm[i] of `a`.

    Args:
        a: any tensor.
        perm: the axes in their new order; None turns the order around.
        conjugate: take the complex conjugate as well.

    >>> import numbaflow as nf
    >>> nf.transpose([[1, 2, 3], [4, 5, 6]]).numpy().tolist()
    [[1, 4], [2, 5], [3, 6]]
    """
    try:
        y = a.T if perm is None else a.transpose(perm if type(perm) is list else shape_of(perm))
    except ValueError:
        raise _no_permutation(perm, a.shape) from None
    return parts.conj(y) if conjugate and y.dtype.kind == "c" else y


def matrix_transpose(a, name="matrix_transpose", conjugate=False):
    """The last two axes exchanged.

    >>> import numbaflow as nf
    >>> nf.matrix_transpose(nf.zeros([5, 2, 3])).shape
    (5, 3, 2)
    """
    a = as_tensor(a)
    n = len(a.shape)
    if n < 2:
        raise InvalidArgumentError(f"matrix_transpose: expected at least 2 axes, got shape {tuple(a.shape)}")
    return transpose(a, [*range(n - 2), n - 1, n - 2], conjugate=conjugate)


# ---- broadcasting
@functools.lru_cache(maxsize=4096)
def _repeats(small, large, itemsize):
    """The strides with which contiguous elements of shape `small` fill `large`."""
    lead = len(large) - len(small)
    strides, step = [0] * len(large), itemsize
    for k in range(len(small) - 1, -1, -1):
        if small[k] != 1 and small[k] != large[lead + k]:
            raise ValueError(f"shape {small} does not broadcast to {large}")
        if small[k] != 1:
            strides[lead + k] = step
        step *= small[k]
    if lead < 0:
        raise ValueError(f"shape {small} does not broadcast to {large}")
    return tuple(strides)


def check_broadcast(small, large):
    """The larger shape; ValueError unless the smaller broadcasts to it."""
    _repeats.__wrapped__(small, large, 1)
    return large


@op(inputs="input", grads={"input": lambda g, input_shape: sum_to(g, input_shape)}, holomorphic=False,
    infer=lambda input, shape: (check_broadcast(input.shape, shape_of(shape)), input.dtype),
    reference=np.broadcast_to,
    samples=[Sample(normal(3), (2, 3)), Sample(normal(2, 1), [2, 4]), Sample(normal(), (2, 2)),
             Sample(normal(3, 1, 2), (3, 5, 2)), Sample(normal(1, 3), (0, 3), grad=False),
             Sample(integers(1, 2), (3, 2))])
def broadcast_to(input, shape, name=None):
    """The tensor repeated, without copying it, along the axes in which it has extent 1 or that it lacks.

    Raises:
        ValueError: the tensor's shape does not broadcast to `shape`.

    >>> import numbaflow as nf
    >>> nf.broadcast_to([1, 2], [3, 2]).numpy().tolist()
    [[1, 2], [1, 2], [1, 2]]
    """
    shape = shape_of(shape)
    if input.shape == shape:
        return input
    if not input.flags.c_contiguous or input.size == 0:
        return np.broadcast_to(input, shape)
    return parts.repeat(input, shape, _repeats(input.shape, shape, input.itemsize))


def _summed_to(x, shape):
    lead = x.ndim - len(shape)
    gone = tuple(range(lead)) + tuple(lead + k for k, n in enumerate(shape) if n == 1)
    return x.sum(axis=gone).reshape(shape)


def _sum_to_shape(x, shape):
    shape = shape_of(shape)
    check_broadcast(shape, x.shape)
    return shape, x.dtype


@op(inputs="x", grads={"x": lambda g, x_shape: broadcast_to(g, x_shape)}, holomorphic=False,
    infer=_sum_to_shape, reference=_summed_to,
    samples=[Sample(normal(2, 3), (3,)), Sample(normal(2, 3), (2, 1)), Sample(normal(2, 3), ()),
             Sample(normal(2, 3), (2, 3)), Sample(normal(4, 2, 3), (1, 3))])
def sum_to(x, shape, name=None):
    """The sum of x down to a shape that broadcasts to x's: the gradient of broadcasting.

    >>> import numbaflow as nf
    >>> nf.ops.shape.sum_to([[1.0, 2.0], [3.0, 4.0]], (1, 2)).numpy().tolist()
    [[4.0, 6.0]]
    """
    return kernels.sum_to(x, shape_of(shape))


def broadcast_static_shape(shape_x, shape_y):
    """The shape that two shapes broadcast to, as a TensorShape.

    >>> import numbaflow as nf
    >>> nf.broadcast_static_shape((2, 1), (3,))
    (2, 3)
    """
    return TensorShape(_common_shape("broadcast_static_shape", shape_x, shape_y))


def broadcast_dynamic_shape(shape_x, shape_y):
    """The shape that two shapes broadcast to, as a tensor.

    >>> import numbaflow as nf
    >>> nf.broadcast_dynamic_shape([2, 1], [3]).numpy().tolist()
    [2, 3]
    """
    return wrap(np.array(_common_shape("broadcast_dynamic_shape", shape_x, shape_y), dtypes.INT32))


def _common_shape(what, x, y):
    x, y = shape_of(x), shape_of(y)
    try:
        return np.broadcast_shapes(x, y)
    except ValueError:
        raise InvalidArgumentError(f"{what}: Incompatible shapes for broadcasting: {x} and {y}") from None


# ---- asking for a shape
def shape(input, name=None, out_type=dtypes.INT32):
    """The shape of a tensor, as a tensor of integers.

    >>> import numbaflow as nf
    >>> nf.shape([[1, 2, 3]]).numpy().tolist()
    [1, 3]
    """
    return _extents(input, "shape", out_type)


def _extents(input, what, dtype):
    """The shape, size or rank as a tensor, traced where an extent is unknown."""
    input, dtype = as_tensor(input), dtypes.as_numpy(dtype)
    extents = input.shape
    if extents is UNKNOWN:
        return input.graph.asked(what, input, dtype)
    value = tuple(extents) if what == "shape" else len(extents) if what == "rank" else extents.num_elements()
    if any(isinstance(n, Extent) for n in (value if isinstance(value, tuple) else [value])):
        return current_trace().extents(value, dtype)
    return wrap(np.array(value, dtype))


def shape_n(input, out_type=dtypes.INT32, name=None):
    """The shapes of several tensors.

    >>> import numbaflow as nf
    >>> [s.numpy().tolist() for s in nf.shape_n([[1, 2], [[3]]])]
    [[2], [1, 1]]
    """
    return [shape(x, out_type=out_type) for x in input]


def size(input, name=None, out_type=dtypes.INT32):
    """The number of elements of a tensor.

    >>> import numbaflow as nf
    >>> nf.size([[1, 2, 3]]).numpy()
    np.int32(3)
    """
    return _extents(input, "size", out_type)


def rank(input, name=None):
    """The number of axes of a tensor.

    >>> import numbaflow as nf
    >>> nf.rank([[1, 2, 3]]).numpy()
    np.int32(2)
    """
    return _extents(input, "rank", dtypes.INT32)


def ensure_shape(x, shape, name=None):
    """The tensor, if its shape is `shape`, in which None stands for any extent.

    Raises:
        ValueError: it has another shape.

    >>> import numbaflow as nf
    >>> nf.ensure_shape([[1, 2]], [None, 2]).shape
    (1, 2)
    """
    x = as_tensor(x)
    wanted, found = tuple(shape), tuple(x.shape)
    if len(wanted) != len(found) or any(w is not None and index(w) != n
                                        for w, n in zip(wanted, found, strict=True)):
        raise InvalidArgumentError(f"ensure_shape: Shape of tensor {found} is not compatible with expected "
                                   f"shape {wanted}")
    return identity(x)
