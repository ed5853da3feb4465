"""Slicing: t[...] and the functions that say the same in begins and ends.  A slice is a view.

The gradient of a slice is mostly zeros.  `Pieces` holds keys and parts until the tensor is asked for, so
that fifty slices of one tensor cost one array of its size, not fifty.
"""
import builtins
from operator import index

import numpy as np

from numbaflow.core import dtypes
from numbaflow.core.errors import InvalidArgumentError
from numbaflow.core.optable import Sample, integers, normal, op
from numbaflow.core.tensor import as_tensor
from numbaflow.kernels import parts as kernels

from .arguments import shape_of

__all__ = ["newaxis", "slice", "strided_slice"]

newaxis = None
_slice = builtins.slice
_WORDS = ("Only integers, slices (`:`), ellipsis (`...`), tf.newaxis (`None`) and scalar tf.int32/tf.int64 "
          "tensors are valid indices, got ")


# ---- keys
def basic_key(key):
    """A key that NumPy takes for basic indexing, so that it gives a view; TypeError for anything else."""
    if type(key) is tuple:
        return tuple([_part(k) for k in key])
    return _part(key)


def _part(key):
    kind = type(key)
    if kind is int or kind is _slice or key is None or key is Ellipsis:
        return key                                  # (NumPy asks the bounds of a slice for __index__)
    dtype = getattr(key, "dtype", None)
    if kind is bool or (dtype is not None and (key.ndim or dtypes.as_numpy(dtype).kind not in "iu")):
        raise TypeError(f"{_WORDS}{key!r}")
    try:
        return index(key)
    except TypeError:
        raise TypeError(f"{_WORDS}{key!r}") from None


def _part_shape(x, key):
    """The shape that x[key] has."""
    key = basic_key(key)
    parts = list(key) if type(key) is tuple else [key]
    named = sum([part is not None and part is not Ellipsis for part in parts])
    if named > x.ndim:
        raise IndexError(f"too many indices for array: array is {x.ndim}-dimensional, but {named} were "
                         "indexed")
    if parts.count(Ellipsis) > 1:
        raise IndexError("an index can only have a single ellipsis ('...')")
    at = parts.index(Ellipsis) if Ellipsis in parts else len(parts)
    parts[at:at + 1] = [_slice(None)] * (x.ndim - named)
    extents, found = iter(enumerate(x.shape)), []
    for part in parts:
        if part is None:
            found.append(1)
            continue
        axis, n = next(extents)
        if type(part) is _slice:
            found.append(_length(part, n))
        elif not -n <= part < n:
            raise IndexError(f"index {part} is out of bounds for axis {axis} with size {n}")
    return found, x.dtype


def _length(part, n):
    """How many of n elements a slice takes."""
    start, stop, step = [None if k is None else index(k) for k in (part.start, part.stop, part.step)]
    step = 1 if step is None else step
    if step == 0:
        raise ValueError("slice step cannot be zero")
    low, high = (0, n) if step > 0 else (-1, n - 1)

    def clipped(k):
        return min(max(k + n if k < 0 else k, low), high)
    first, last = (low, high) if step > 0 else (high, low)
    first, last = first if start is None else clipped(start), last if stop is None else clipped(stop)
    return max((last - first + step - (1 if step > 0 else -1)) // step, 0)


class Pieces:
    """A gradient that is zero but for its parts, those of the slices at `keys`; where parts meet they add."""

    __slots__ = ("keys", "parts", "shape")

    def __init__(self, parts, keys, shape):
        self.parts, self.keys, self.shape = parts, keys, shape

    def to_dense(self):
        """The tensor."""
        return add_pieces(self.parts, self.keys, self.shape)

    def joined(self, other):
        """The sum with other pieces of the same tensor."""
        return Pieces(self.parts + other.parts, self.keys + other.keys, self.shape)


def _piece_samples(*keys):
    return [Sample(normal(4, 3), key) for key in keys]


@op(inputs="x", grads={"x": lambda g, key, x_shape: Pieces((g,), (key,), x_shape)}, holomorphic=False,
    infer=_part_shape, reference=lambda x, key: x[key],
    samples=[*_piece_samples(1, -1, _slice(1, 3), _slice(None, None, -2), ..., None, (2, 1), (..., 0),
                             (_slice(None), None, _slice(-2, None)), (_slice(3, 0, -2), 1), _slice(2, 2), ()),
             Sample(normal(), ()), Sample(normal(), (None, ...)), Sample(integers(4), -2),
             Sample(normal(2, 3, 4), (1, ..., 2))])
def getitem(x, key):
    """A part of a tensor, as NumPy's basic indexing gives it: `x[key]`.

    Args:
        x: any tensor.
        key: an int, a slice, `...`, None, a scalar tensor of integers, or a tuple of those.

    Raises:
        TypeError: a key of another kind; use `gather` or `boolean_mask` for lists, arrays and masks.
        IndexError: an int out of range, or more of them than axes.

    >>> import numbaflow as nf
    >>> nf.constant([[1, 2], [3, 4]])[:, 1].numpy().tolist()
    [2, 4]
    """
    return x[key if type(key) is int else basic_key(key)]


def _sum_of_pieces(parts, keys, shape):
    out = np.zeros(shape, parts[0].dtype)
    for g, key in zip(parts, keys, strict=True):
        out[key] += g
    return out


@op(inputs="*parts", grads={"parts": lambda g, keys: [getitem(g, key) for key in keys]}, holomorphic=False,
    infer=lambda parts, shape: (shape, parts[0].dtype), reference=_sum_of_pieces,
    samples=[Sample([normal(3)], (1,), (2, 3)),
             Sample([normal(2), normal(3)], (_slice(2), _slice(None, None, -1)), (3,)),
             Sample([normal()], ((1, 0),), (2, 1)), Sample([normal(1, 2)], (None,), (2,))])
def add_pieces(parts, keys, shape):
    """Zeros of `shape` to which each part is added at its key: the gradient of slices.

    >>> import numbaflow as nf
    >>> nf.ops.slicing.add_pieces([[1.0, 2.0], 5.0], (..., 0), (2,)).numpy().tolist()
    [6.0, 2.0]
    """
    return kernels.add_pieces(parts, [basic_key(key) for key in keys], shape)


def _set_shape(x, value, key):
    part = tuple(_part_shape(x, key)[0])
    pairs = zip(value.shape[::-1], part[::-1], strict=False)
    more = value.shape[:max(value.ndim - len(part), 0)]
    if any(n not in (1, m) for n, m in pairs) or any(n != 1 for n in more):
        raise ValueError(f"could not broadcast input array from shape {value.shape} into shape {part}")
    return x.shape, x.dtype


@op(inputs="x value", promote="x value", holomorphic=False,
    grads={"x": lambda g, key, value_shape: setitem(g, as_tensor(np.zeros(value_shape, g._data.dtype)), key),
           "value": lambda g, key: getitem(g, key)},
    reference=lambda x, value, key: _with_item(x, value, key), infer=_set_shape,
    samples=[Sample(normal(4, 3), normal(3), 1), Sample(normal(4, 3), normal(2, 3), _slice(1, 3)),
             Sample(normal(4), normal(), -1),
             Sample(normal(4, 3), normal(3, 1), (_slice(3), _slice(None, None, 2))),
             Sample(integers(4), integers(2), _slice(None, None, 2))])
def setitem(x, value, key):
    """x with a value, which broadcasts, in place of the part `x[key]`.

    Args:
        x: any tensor.
        value: a tensor of the same dtype.
        key: as in `getitem`.

    >>> import numbaflow as nf
    >>> nf.ops.slicing.setitem([1, 2, 3, 4], 0, 1).numpy().tolist()
    [1, 0, 3, 4]
    """
    return kernels.with_part(x, value, basic_key(key))


def _with_item(x, value, key):
    out = np.array(x)
    out[key] = value
    return out


# ---- the same in begins and ends
def slice(input_, begin, size, name=None):
    """The part of a tensor that starts at `begin` and has the extents `size`; -1 takes all that is left.

    >>> import numbaflow as nf
    >>> nf.slice([[1, 2, 3], [4, 5, 6]], [0, 1], [2, -1]).numpy().tolist()
    [[2, 3], [5, 6]]
    """
    input_, begin, size = as_tensor(input_), shape_of(begin), shape_of(size)
    extents = tuple(input_.shape)
    if not len(begin) == len(size) == len(extents):
        raise InvalidArgumentError(f"slice: begin {begin} and size {size} need a number for each axis of "
                                   f"{extents}")
    key = []
    for axis, (start, length, n) in enumerate(zip(begin, size, extents, strict=True)):
        stop = n if length == -1 else start + length
        if not (0 <= start <= n and start <= stop <= n):
            raise InvalidArgumentError(f"slice: Expected begin[{axis}] in [0, {n}] and size[{axis}] in "
                                       f"[0, {n - start}], but got {start} and {length}")
        key.append(_slice(start, stop))
    return getitem(input_, tuple(key))


def strided_slice(input_, begin, end, strides=None, begin_mask=0, end_mask=0, ellipsis_mask=0,
                  new_axis_mask=0, shrink_axis_mask=0, var=None, name=None):
    """The part of a tensor from `begin` to `end` in steps of `strides`, given for each axis.

    Bit i of a mask changes how entry i is read: begin_mask and end_mask leave that bound open, ellipsis_mask
    makes it `...`, new_axis_mask a new axis, and shrink_axis_mask the single index begin[i].

    >>> import numbaflow as nf
    >>> nf.strided_slice([1, 2, 3, 4, 5], [1], [5], [2]).numpy().tolist()
    [2, 4]
    """
    begin, end = shape_of(begin), shape_of(end)
    strides = (1,) * len(begin) if strides is None else shape_of(strides)
    if not len(begin) == len(end) == len(strides):
        raise InvalidArgumentError(f"strided_slice: begin {begin}, end {end} and strides {strides} differ in "
                                   "length")
    if 0 in strides:
        raise InvalidArgumentError(f"strided_slice: strides {strides} must not be 0")
    masks = (ellipsis_mask, new_axis_mask, shrink_axis_mask, begin_mask, end_mask)
    key = [_entry(*bounds, *[mask >> i & 1 for mask in masks])
           for i, bounds in enumerate(zip(begin, end, strides, strict=True))]
    return getitem(input_, tuple(key))


def _entry(begin, end, stride, ellipsis, new_axis, shrink, open_begin, open_end):
    if ellipsis:
        return Ellipsis
    if new_axis:
        return None
    if shrink:
        return begin
    return _slice(None if open_begin else begin, None if open_end else end, stride)
