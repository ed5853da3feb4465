"""TensorFlow's ways to say where windows slide, made plain: ksize, strides, padding, data_format.

The arguments of pooling may be one number, a number for each spatial axis, or one for each axis of the input.
"""
import functools
from operator import index

import numpy as np

from numbaflow.core.errors import InvalidArgumentError
from numbaflow.kernels.windows import Windows

_LAST, _FIRST = {1: "NWC", 2: "NHWC", 3: "NDHWC"}, {1: "NCW", 2: "NCHW", 3: "NCDHW"}


def windows_over(name, shape, ksize, strides, padding, data_format, dilations=1, spatial=None):
    """The Windows of a pooling op over an input of that shape.

    `spatial` is the number of axes it must slide over, if that is fixed.  InvalidArgumentError, with the op's
    name, for what does not fit.
    """
    return _windows(name, tuple(shape), _plain(ksize), _plain(strides), _plain(padding), data_format,
                    _plain(dilations), spatial)


def _plain(value):
    """Lists, arrays and tensors as nested tuples, which can be looked up."""
    if isinstance(value, list | tuple):
        return tuple([_plain(v) for v in value])
    if isinstance(value, str | int | float) or value is None:
        return value
    return _plain(np.asarray(value).tolist())


@functools.lru_cache(maxsize=4096)
def _windows(name, shape, ksize, strides, padding, data_format, dilations, spatial):
    def refuse(why):
        raise InvalidArgumentError(f"{name}: {why}")
    n = len(shape) - 2
    if n not in (1, 2, 3) or spatial not in (None, n):
        wanted = f"rank {spatial + 2}" if spatial else "rank 3, 4 or 5 (batch, channels and 1 to 3 more axes)"
        refuse(f"expected an input of {wanted}, got shape {shape}")
    last = channels_last(name, data_format, n)
    size, channels = (shape[1:-1], shape[-1]) if last else (shape[2:], shape[1])
    kernel, steps, apart = [_each(refuse, what, value, n, last) for what, value in (
        ("ksize", ksize), ("strides", strides), ("dilations", dilations))]
    before, count = zip(*[_along(refuse, *axis) for axis in zip(
        _padded(refuse, padding, n, last), size, kernel, steps, apart, strict=True)], strict=True)
    out_shape = (shape[0], *count, channels) if last else (shape[0], channels, *count)
    three = [(fill,) * (3 - n) + values for fill, values in (
        (1, size), (1, count), (1, kernel), (1, steps), (1, apart), (0, before))]
    return Windows(shape[0], channels, *three, last, shape, out_shape)


def channels_last(name, data_format, n):
    """Whether channels are the last axis of an input with n spatial axes; "NHWC" and "NCHW" do for any n."""
    if data_format is None or data_format in ("NHWC", _LAST[n]):
        return True
    if data_format in ("NCHW", _FIRST[n]):
        return False
    known = dict.fromkeys((_LAST[n], _FIRST[n], "NHWC", "NCHW"))
    raise InvalidArgumentError(f"{name}: unknown data_format {data_format!r}: expected {' or '.join(known)}")


def _each(refuse, what, value, n, last):
    """One number, a number for each spatial axis, or for each axis, as a number for each spatial axis."""
    values = value if type(value) is tuple else (value,)
    try:
        numbers = tuple([index(v) for v in values])
    except TypeError:
        refuse(f"{what} must be integers, got {value!r}")
    if len(numbers) == n + 2:
        around = (numbers[0], numbers[-1] if last else numbers[1])
        if around != (1, 1):
            refuse(f"{what} must be 1 for the batch and the channels, got {list(numbers)}")
        numbers = numbers[1:-1] if last else numbers[2:]
    if len(numbers) not in (1, n):
        refuse(f"{what} must be one integer, {n} or {n + 2} for an input of rank {n + 2}, "
               f"got {list(numbers)}")
    if min(numbers) < 1:
        refuse(f"{what} must be positive, got {value}")
    return numbers * n if len(numbers) == 1 else numbers


def _padded(refuse, padding, n, last):
    """ "SAME", "VALID" or (before, after) for each spatial axis."""
    if isinstance(padding, str) and padding.upper() in ("SAME", "VALID"):
        return (padding.upper(),) * n
    pairs = padding if type(padding) is tuple else ()
    if not all(type(p) is tuple and len(p) == 2 and all(type(v) is int and v >= 0 for v in p) for p in pairs):
        pairs = ()
    if len(pairs) == n + 2:
        around = (pairs[0], pairs[-1] if last else pairs[1])
        if around != ((0, 0), (0, 0)):
            refuse(f"padding must be [0, 0] for the batch and the channels, got {padding}")
        pairs = pairs[1:-1] if last else pairs[2:]
    if len(pairs) != n:
        refuse(f"unknown padding {padding!r}: expected 'SAME', 'VALID' or [before, after], not negative, "
               f"for each of {n} or {n + 2} axes")
    return pairs


def _along(refuse, padding, size, kernel, stride, dilation):
    """(padding before, number of windows) along one axis."""
    extent = (kernel - 1) * dilation + 1
    if padding == "SAME":
        count = -(-size // stride)
        return max((count - 1) * stride + extent - size, 0) // 2, count
    before, after = (0, 0) if padding == "VALID" else padding
    if max(before, after) >= extent:
        refuse(f"padding ({before}, {after}) must be less than the window's extent {extent}: "
               "windows would lie outside")
    padded = size + before + after
    if padded < extent:
        refuse(f"a window of extent {extent} does not fit into {size} elements padded to {padded}")
    return before, (padded - extent) // stride + 1
