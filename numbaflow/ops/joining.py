"""Joining and splitting: concat and split, stack and unstack, each pair its own gradient; and tile."""
from operator import index

import numpy as np

from numbaflow.core.optable import Sample, integers, normal, op
from numbaflow.kernels import joining as kernels, parts

from .arguments import one_axis, shape_of
from .reduce import reduce_sum
from .shape import reshape

__all__ = ["concat", "split", "stack", "tile", "unstack"]


def _shapes(values):
    return ", ".join(str(v.shape) for v in values)


# ---- along an axis that is there
def _concat_rule(g, values_shape, axis):
    return split(g, [s[axis] for s in values_shape], axis)


def _unlike(values, axis):
    return ValueError(f"shapes {_shapes(values)} must agree but for axis {axis}")


def _concat_shape(values, axis):
    first = values[0].shape
    axis = one_axis(axis, len(first))
    lead, tail = first[:axis], first[axis + 1:]
    if any(v.shape[:axis] != lead or v.shape[axis + 1:] != tail or v.ndim != len(first) for v in values):
        raise _unlike(values, axis)
    return (*lead, sum([v.shape[axis] for v in values]), *tail), values[0].dtype


@op(inputs="*values", grads={"values": _concat_rule}, holomorphic=False, reference=np.concatenate,
    infer=_concat_shape,
    samples=[Sample([normal(2, 3), normal(1, 3)], 0), Sample([normal(2, 3), normal(2, 1), normal(2, 2)], -1),
             Sample([normal(2, 0), normal(2, 2)], axis=1), Sample([normal(3)], 0),
             Sample([integers(2), integers(3)], 0)])
def concat(values, axis, name="concat"):
    """The tensors one after the other along an axis.

    Args:
        values: tensors of one rank; their shapes agree but for the axis.
        axis: the axis, counted from the end if negative.

    >>> import numbaflow as nf
    >>> nf.concat([[[1, 2]], [[3, 4], [5, 6]]], axis=0).numpy().tolist()
    [[1, 2], [3, 4], [5, 6]]
    """
    axis = one_axis(axis, values[0].ndim)
    try:
        return kernels.concat(values, axis)
    except (ValueError, IndexError):
        raise _unlike(values, axis) from None


def _sizes(given, extent, axis):
    """The extents of the parts along the axis."""
    if type(given) is int or np.ndim(given) == 0:
        n = index(given)
        if n <= 0 or extent // n * n != extent:
            raise ValueError(f"axis {axis} of extent {extent} does not split into {n} equal parts")
        return [extent // n] * n
    sizes = list(shape_of(given))
    if sizes.count(-1) == 1:
        sizes[sizes.index(-1)] = extent - sum(sizes) - 1
    if sum(sizes) != extent or min(sizes, default=0) < 0:
        raise ValueError(f"parts of {list(shape_of(given))} do not make the extent {extent} of axis {axis}")
    return sizes


def _split(value, num_or_size_splits, axis=0):
    if isinstance(num_or_size_splits, list):
        return np.split(value, np.cumsum([3 if n == -1 else n for n in num_or_size_splits])[:-1], axis)
    return np.split(value, num_or_size_splits, axis)


def _part_shapes(value, num_or_size_splits, axis):
    axis, shape = one_axis(axis, value.ndim), value.shape
    return [((*shape[:axis], n, *shape[axis + 1:]), value.dtype)
            for n in _sizes(num_or_size_splits, shape[axis], axis)]


@op(inputs="value", outputs="*parts", grads={"value": lambda g, axis: concat(g, axis)}, holomorphic=False,
    infer=_part_shapes, reference=_split,
    samples=[Sample(normal(4, 3), 2), Sample(normal(2, 6), [1, 3, 2], axis=-1), Sample(normal(5), [2, -1]),
             Sample(normal(3, 1), 3), Sample(integers(4), 2)])
def split(value, num_or_size_splits, axis=0, num=None, name="split"):
    """A list of the parts of a tensor along an axis.

    Args:
        value: the tensor.
        num_or_size_splits: how many equal parts; or the extents of the parts, one -1 for what is left.
        axis: the axis, counted from the end if negative.

    >>> import numbaflow as nf
    >>> [part.numpy().tolist() for part in nf.split([1, 2, 3, 4, 5], [2, 3])]
    [[1, 2], [3, 4, 5]]
    """
    axis = one_axis(axis, value.ndim)
    lead, at, parts = (slice(None),) * axis, 0, []
    for n in _sizes(num_or_size_splits, value.shape[axis], axis):
        place = (*lead, slice(at, at + n))
        parts.append(value[place])
        at += n
    return parts


# ---- along a new axis
def _stack_shape(values, axis):
    """The shape of the stack, and the new axis."""
    first = values[0].shape
    axis = one_axis(axis, len(first) + 1)
    for v in values:
        if v.shape != first:
            raise ValueError(f"shapes {_shapes(values)} differ")
    return (*first[:axis], len(values), *first[axis:]), axis


@op(inputs="*values", grads={"values": lambda g, axis: unstack(g, axis=axis)}, holomorphic=False,
    infer=lambda values, axis: (_stack_shape(values, axis)[0], values[0].dtype), reference=np.stack,
    samples=[Sample([normal(2, 3), normal(2, 3)]), Sample([normal(2, 3), normal(2, 3)], axis=1),
             Sample([normal(2, 3)] * 3, axis=-1), Sample([normal(), normal()]),
             Sample([integers(2), integers(2)])])
def stack(values, axis=0, name="stack"):
    """The tensors, of one shape, along a new axis.

    >>> import numbaflow as nf
    >>> nf.stack([[1, 2], [3, 4]], axis=1).numpy().tolist()
    [[1, 3], [2, 4]]
    """
    shape, axis = _stack_shape(values, axis)
    return kernels.stack(values, axis, shape)


def _unstacked(value, num=None, axis=0):
    return list(np.moveaxis(value, axis, 0))


def _unstack_axis(value, num, axis):
    axis = one_axis(axis, value.ndim)
    if num is not None and num != value.shape[axis]:
        raise ValueError(f"axis {axis} of shape {value.shape} has extent {value.shape[axis]}, "
                         f"expected num = {num}")
    return axis


def _unstack_shapes(value, num, axis):
    axis = _unstack_axis(value, num, axis)
    n = value.shape[axis] if num is None else num
    return [(value.shape[:axis] + value.shape[axis + 1:], value.dtype)] * n


@op(inputs="value", outputs="*parts", grads={"value": lambda g, axis: stack(g, axis)}, holomorphic=False,
    infer=_unstack_shapes, reference=_unstacked,
    samples=[Sample(normal(3, 2)), Sample(normal(3, 2), axis=1), Sample(normal(2, 2, 2), 2, -1),
             Sample(normal(3)), Sample(integers(2, 2))])
def unstack(value, num=None, axis=0, name="unstack"):
    """A list of the slices of a tensor along an axis, which they lose.

    Raises:
        ValueError: `num`, if given, is not the extent of the axis.

    >>> import numbaflow as nf
    >>> [row.numpy().tolist() for row in nf.unstack([[1, 2], [3, 4]])]
    [[1, 2], [3, 4]]
    """
    axis = _unstack_axis(value, num, axis)
    if axis == 0:
        return parts.rows(value)
    lead = (slice(None),) * axis
    places = [(*lead, i) for i in range(value.shape[axis])]
    return [value[place] for place in places]


# ---- repeated
def _tile_rule(g, input_shape, multiples):
    pairs = [n for pair in zip(shape_of(multiples), input_shape, strict=True) for n in pair]
    return reduce_sum(reshape(g, pairs), list(range(0, len(pairs), 2)))


def _times(multiples, shape):
    times = shape_of(multiples)
    if len(times) != len(shape) or min(times, default=0) < 0:
        raise ValueError(f"multiples {times} must hold a number, not negative, for each axis of shape "
                         f"{shape}")
    return times


def _tile_shape(input, multiples):
    return [m * n for m, n in zip(_times(multiples, input.shape), input.shape, strict=True)], input.dtype


@op(inputs="input", grads={"input": _tile_rule}, holomorphic=False, infer=_tile_shape, reference=np.tile,
    samples=[Sample(normal(2, 3), [2, 1]), Sample(normal(2, 3), (1, 3)), Sample(normal(2), [3]),
             Sample(normal(), []), Sample(normal(2, 2), [0, 2]), Sample(integers(2, 2), [2, 2])])
def tile(input, multiples, name=None):
    """The tensor repeated multiples[i] times along axis i.

    >>> import numbaflow as nf
    >>> nf.tile([[1, 2]], [2, 2]).numpy().tolist()
    [[1, 2, 1, 2], [1, 2, 1, 2]]
    """
    return kernels.tile(input, _times(multiples, input.shape))
