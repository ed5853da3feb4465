"""Depthwise and separable convolutions: convolutions in as many groups as there are channels."""
from numbaflow.core.errors import InvalidArgumentError

from .conv_arguments import image, one_of, resolve
from .conv_ops import conv
from .shape import reshape

__all__ = ["depthwise_conv2d", "depthwise_conv2d_native", "separable_conv2d"]


def _depthwise(name, input, filter, strides, padding, data_format, dilations):
    x, w = image(name, "the input", input, 4), image(name, "the filter", filter, 4)
    r, s, c, multiplier = w._data.shape
    channels = x._data.shape[1 if data_format == "NCHW" else -1]
    if channels != c:
        raise InvalidArgumentError(f"{name}: an input of shape {x._data.shape} has {channels} channels, the "
                                   f"filter of shape {w._data.shape} is for {c}")
    # output c * multiplier + q belongs to channel c: the order that a convolution in c groups has
    w = reshape(w, (r, s, 1, c * multiplier))
    return conv(x, w, *resolve(name, x._data.shape, w._data.shape, strides, padding, dilations, data_format))


def depthwise_conv2d(input, filter=None, strides=None, padding=None, rate=None, name=None, data_format=None,
                     dilations=None, filters=None):
    """A convolution of each channel by itself, with one or several filters of its own.

    Args:
        input: images [n, height, width, c]; [n, c, height, width] for data_format "NCHW".
        filter, filters: [r, s, c, m] for m outputs of each channel.
        strides, padding, data_format: as in `conv2d`.
        rate, dilations: how many pixels apart the taps stand, under either name.

    Returns:
        A tensor [n, out height, out width, c * m], or [n, c * m, out height, out width].

    Raises:
        ValueError: ranks, channels or extents that do not fit, or attributes that are not understood.

    >>> import numbaflow as nf
    >>> x = nf.constant([[[[1.0, 2.0], [3.0, 4.0]]]])
    >>> nf.nn.depthwise_conv2d(x, [[[[1.0], [10.0]], [[1.0], [10.0]]]], 1, "VALID").numpy().tolist()
    [[[[4.0, 60.0]]]]
    """
    name = "depthwise_conv2d"
    w, dilations = one_of(name, "filter", filter, filters), rate if dilations is None else dilations
    return _depthwise(name, input, w, strides, padding, data_format, dilations)


def depthwise_conv2d_native(input, filter, strides, padding, data_format="NHWC", dilations=(1, 1, 1, 1),
                            name=None):
    """`depthwise_conv2d` with its arguments in another order.

    >>> import numbaflow as nf
    >>> x = nf.constant([[[[1.0, 2.0], [3.0, 4.0]]]])
    >>> nf.nn.depthwise_conv2d_native(x, [[[[1.0], [10.0]]]], [1, 1, 1, 1], "VALID").numpy().tolist()
    [[[[1.0, 20.0], [3.0, 40.0]]]]
    """
    return _depthwise("depthwise_conv2d_native", input, filter, strides, padding, data_format, dilations)


def separable_conv2d(input, depthwise_filter, pointwise_filter, strides, padding, rate=None, name=None,
                     data_format=None, dilations=None):
    """A depthwise convolution, and one of 1 x 1 pixels that mixes its outputs (Chollet 2016).

    Args:
        input: images [n, height, width, c]; [n, c, height, width] for data_format "NCHW".
        depthwise_filter: [r, s, c, m].
        pointwise_filter: [1, 1, c * m, k].
        strides, padding, rate, dilations: of the depthwise convolution.

    Returns:
        A tensor [n, out height, out width, k], or [n, k, out height, out width].

    Raises:
        ValueError: ranks, channels or extents that do not fit, or attributes that are not understood.

    >>> import numbaflow as nf
    >>> x = nf.constant([[[[1.0, 2.0], [3.0, 4.0]]]])
    >>> y = nf.nn.separable_conv2d(x, nf.ones([1, 2, 2, 1]), [[[[1.0], [10.0]]]], 1, "VALID")
    >>> y.numpy().tolist()
    [[[[64.0]]]]
    """
    name = "separable_conv2d"
    w = image(name, "the pointwise filter", pointwise_filter, 4)
    if w._data.shape[:2] != (1, 1):
        raise InvalidArgumentError(f"{name}: the pointwise filter must be [1, 1, inputs, outputs], got shape "
                                   f"{w._data.shape}")
    dilations = rate if dilations is None else dilations
    h = _depthwise(name, input, depthwise_filter, strides, padding, data_format, dilations)
    how = resolve(name, h._data.shape, w._data.shape, 1, "VALID", 1, data_format)
    if how.groups != 1:
        raise InvalidArgumentError(f"{name}: the pointwise filter of shape {w._data.shape} does not take the "
                                   f"outputs of the depthwise one, of shape {h._data.shape}")
    return conv(h, w, *how)
