"""What convolutions may be told, made plain: strides, paddings and layouts as tuples of integers.

Every check stands here, so that a wrong argument gets one message, with the name of the function called.
"""
import functools
from collections import namedtuple
from operator import index

import numpy as np

from numbaflow.core.errors import InvalidArgumentError
from numbaflow.core.tensor import as_tensor

# what the ops are given: tuples with an entry a dimension, pairs for the padding
Plain = namedtuple("Plain", "strides padding dilations channels_first groups")

FORMATS = {1: ("NWC", "NCW"), 2: ("NHWC", "NCHW"), 3: ("NDHWC", "NCDHW")}


def channels_first(name, data_format, dims):
    """Whether channels stand before the dimensions; None is the default, channels last."""
    last, first = FORMATS[dims]
    known = {None: False, last: False, first: True, "channels_last": False, "channels_first": True}
    if dims == 1:
        known |= {"NHWC": False, "NCHW": True}          # conv1d took these names before it had its own
    if data_format not in known:
        raise InvalidArgumentError(f"{name}: data_format must be {last!r} or {first!r}, got {data_format!r}")
    return known[data_format]


def per_dimension(name, what, value, dims, first):
    """A tuple of `dims` positive integers from one, from `dims`, or from all axes with 1 for n and c."""
    given = np.asarray(1 if value is None else value)
    if given.dtype.kind not in "iu" or given.ndim > 1:
        raise InvalidArgumentError(f"{name}: {what} must be integers, got {value!r}")
    found = given.reshape(-1).tolist()
    if len(found) == dims + 2:
        outer = (found[0], found[1] if first else found[-1])
        if outer != (1, 1):
            raise InvalidArgumentError(f"{name}: {what} in the batch and channel dimensions must be 1, got "
                                       f"{found}")
        found = found[2:] if first else found[1:-1]
    elif len(found) == 1:
        found = found * dims
    if len(found) != dims:
        raise InvalidArgumentError(f"{name}: {what} must have 1, {dims} or {dims + 2} entries, got {found}")
    if min(found) < 1:
        raise InvalidArgumentError(f"{name}: {what} must be positive, got {found}")
    return tuple(found)


def _unknown_padding(name, padding):
    return InvalidArgumentError(f"{name}: padding must be 'SAME', 'VALID' or a list of [before, after] for "
                                f"each dimension, got {padding!r}")


def _pairs(name, padding, dims, first):
    """Explicit padding as a tuple of pairs."""
    try:
        pairs = [tuple(index(n) for n in pair) for pair in np.asarray(padding).tolist()]
    except (TypeError, ValueError):
        pairs = None
    if not pairs or any(len(pair) != 2 for pair in pairs):
        raise _unknown_padding(name, padding)
    if len(pairs) == dims + 2:
        outer = (pairs[0], pairs[1] if first else pairs[-1])
        if outer != ((0, 0), (0, 0)):
            raise InvalidArgumentError(f"{name}: padding of the batch and channel dimensions must be [0, 0], "
                                       f"got {pairs}")
        pairs = pairs[2:] if first else pairs[1:-1]
    if len(pairs) != dims or min(map(min, pairs)) < 0:
        raise InvalidArgumentError(f"{name}: padding must be {dims} or {dims + 2} pairs of integers from 0 "
                                   f"on, got {padding!r}")
    return tuple(pairs)


def _resolved_padding(name, padding, extents, window, strides, dilations, first):
    if not isinstance(padding, str):
        return _pairs(name, padding, len(extents), first)
    kind = padding.upper()
    if kind == "VALID":
        return ((0, 0),) * len(extents)
    if kind != "SAME":
        raise _unknown_padding(name, padding)
    # the output has ceil(extent / stride) places; what is odd goes to the end
    totals = [max((-(-n // s) - 1) * s + (r - 1) * d + 1 - n, 0)
              for n, r, s, d in zip(extents, window, strides, dilations, strict=True)]
    return tuple((total // 2, total - total // 2) for total in totals)


def _check_channels(name, x_shape, w_shape, channels, groups):
    if not w_shape[-2] or channels % w_shape[-2]:
        raise InvalidArgumentError(f"{name}: an input of shape {x_shape} has {channels} channels, no "
                                   f"multiple of the {w_shape[-2]} of the filter, of shape {w_shape}")
    found = channels // w_shape[-2]
    if groups not in (None, found):
        raise InvalidArgumentError(f"{name}: {groups} groups of {w_shape[-2]} channels make "
                                   f"{groups * w_shape[-2]}, the input of shape {x_shape} has {channels}")
    if w_shape[-1] % max(found, 1):
        raise InvalidArgumentError(f"{name}: {w_shape[-1]} outputs do not divide into {found} groups; the "
                                   f"input of shape {x_shape} has {found} times the channels of the filter, "
                                   f"of shape {w_shape}")
    return max(found, 1)


def extents_of(shape, first):
    """The extents of an image without batch and channels."""
    return shape[2:] if first else shape[1:-1]


@functools.lru_cache(maxsize=1024)
def _resolve(name, x_shape, w_shape, strides, padding, dilations, data_format, groups):
    dims = len(w_shape) - 2
    first = channels_first(name, data_format, dims)
    strides = per_dimension(name, "strides", strides, dims, first)
    dilations = per_dimension(name, "dilations", dilations, dims, first)
    extents, window = extents_of(x_shape, first), w_shape[:-2]
    if 0 in window:
        raise InvalidArgumentError(f"{name}: the filter of shape {w_shape} is empty")
    groups = _check_channels(name, x_shape, w_shape, x_shape[1 if first else -1], groups)
    pads = _resolved_padding(name, padding, extents, window, strides, dilations, first)
    for n, r, d, pad in zip(extents, window, dilations, pads, strict=True):
        if (r - 1) * d + 1 > n + sum(pad) and str(padding).upper() != "SAME":
            raise InvalidArgumentError(f"{name}: the filter of shape {w_shape}, dilated by {dilations}, is "
                                       f"larger than the input of shape {x_shape} with padding {pads}")
    return Plain(strides, pads, dilations, first, groups)


def _hashable(value):
    """Attributes as tuples of tuples, so that a call seen before is looked up."""
    if isinstance(value, list | tuple):
        return tuple([_hashable(v) for v in value])
    return _hashable(np.asarray(value).tolist()) if hasattr(value, "__array__") else value


def resolve(name, x_shape, w_shape, strides, padding, dilations, data_format, groups=None):
    """The plain attributes of a convolution, or an error that says what does not fit."""
    if padding is None:
        raise InvalidArgumentError(f"{name}: expected a padding, 'SAME' or 'VALID', got None")
    return _resolve(name, tuple(x_shape), tuple(w_shape), _hashable(strides), _hashable(padding),
                    _hashable(dilations), data_format, groups)


def image(name, what, value, rank):
    """A float tensor of `rank` axes."""
    if value is None:
        raise InvalidArgumentError(f"{name}: expected {what}, got None")
    try:
        x = as_tensor(value)
    except (TypeError, ValueError) as error:
        raise InvalidArgumentError(f"{name}: {what}: {error}") from None
    if x._data.ndim != rank:
        raise InvalidArgumentError(f"{name}: {what} must have {rank} axes, got shape {x._data.shape}")
    if x._dtype.kind != "f":
        raise InvalidArgumentError(f"{name}: {what} must be float32 or float64, got {x._dtype.name}")
    return x


def one_of(name, what, *values):
    """The argument that was given under one of its names."""
    given = [v for v in values if v is not None]
    if len(given) != 1:
        raise InvalidArgumentError(f"{name}: expected one {what}, got {len(given)}")
    return given[0]
