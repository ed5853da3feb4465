"""Convolutions under TensorFlow's names and signatures, and the fused one of the layers."""
import numpy as np

from numbaflow.core import table
from numbaflow.core.errors import InvalidArgumentError
from numbaflow.core.later import of_known_rank

from .activations import relu
from .conv_arguments import image, one_of, resolve
from .conv_ops import biased_conv, conv

__all__ = ["atrous_conv2d", "conv1d", "conv2d", "conv3d", "conv_bias", "convolution"]


def _prepared(name, input, filter, strides, padding, dilations, data_format, groups=None, dims=None):
    """The images and the filter as tensors, and the attributes for `conv`."""
    if dims is None:
        w = image(name, "a filter", filter, len(np.shape(filter)))
        dims = len(w.shape) - 2
        if not 1 <= dims <= 3:
            raise InvalidArgumentError(f"{name}: a filter of 3 to 5 axes was expected, got shape "
                                       f"{w._data.shape}")
    else:
        w = image(name, "the filter", filter, dims + 2)
    x = image(name, "the input", input, dims + 2)
    return x, w, resolve(name, x._data.shape, w._data.shape, strides, padding, dilations, data_format, groups)


@of_known_rank
def convolution(input, filter=None, padding=None, strides=None, dilation_rate=None, name=None,
                data_format=None, filters=None, dilations=None):
    """The convolution of images of one to three dimensions.

    Args:
        input: images [n, d1..., c], or [n, c, d1...]; float32 or float64.
        filter: [r1..., c / groups, k]; an input with several times its channels is convolved in groups.
        padding: "SAME" (ceil(extent / stride) places), "VALID" (none), or a list of [before, after].
        strides, dilation_rate: an integer, or one for each dimension.
        data_format: "NWC", "NHWC", "NDHWC" (the default), or "NCW", "NCHW", "NCDHW".
        filters, dilations: other names of filter and dilation_rate.

    Returns:
        A tensor [n, o1..., k], or [n, k, o1...].

    Raises:
        ValueError: ranks, channels or extents that do not fit, or attributes that are not understood.

    >>> import numbaflow as nf
    >>> x = nf.constant([[[1.0], [2.0], [4.0]]])
    >>> nf.nn.convolution(x, [[[1.0]], [[10.0]]], padding="VALID").numpy().tolist()
    [[[21.0], [42.0]]]
    """
    w = one_of("convolution", "filter", filter, filters)
    dilations = dilation_rate if dilations is None else dilations
    x, w, how = _prepared("convolution", input, w, strides, padding, dilations, data_format)
    return conv(x, w, *how)


@of_known_rank
def conv1d(value=None, filters=None, stride=None, padding=None, use_cudnn_on_gpu=None, data_format=None,
           name=None, input=None, dilations=None):
    """The convolution of sequences [n, width, c] with a filter [r, c / groups, k].

    Args:
        value, input: the sequences, under either name; [n, c, width] for data_format "NCW".
        filters: the filter; an input with several times its channels is convolved in as many groups.
        stride, dilations: integers, 1 by default.
        padding: "SAME", "VALID" or a list with a pair [before, after].
        use_cudnn_on_gpu: not used.
        data_format: "NWC" or "NCW".

    Raises:
        ValueError: ranks, channels or extents that do not fit, or attributes that are not understood.

    >>> import numbaflow as nf
    >>> x = nf.constant([[[1.0], [2.0], [4.0]]])
    >>> nf.nn.conv1d(x, [[[1.0]], [[10.0]]], stride=1, padding="SAME").numpy().tolist()
    [[[21.0], [42.0], [4.0]]]
    """
    x = one_of("conv1d", "input", value, input)
    x, w, how = _prepared("conv1d", x, filters, stride, padding, dilations, data_format, dims=1)
    return conv(x, w, *how)


@of_known_rank
def conv2d(input, filter=None, strides=None, padding=None, use_cudnn_on_gpu=True, data_format="NHWC",
           dilations=(1, 1, 1, 1), name=None, filters=None):
    """The convolution of images [n, height, width, c] with a filter [r, s, c / groups, k].

    Args:
        input: the images; [n, c, height, width] for data_format "NCHW".
        filter, filters: the filter; an input with several times its channels is convolved in as many groups.
        strides, dilations: an integer, two, or four with 1 for the batch and the channels.
        padding: "SAME", "VALID", or [[0, 0], [top, bottom], [left, right], [0, 0]] in the order of the axes.
        use_cudnn_on_gpu: not used.
        data_format: "NHWC" or "NCHW".

    Returns:
        A tensor [n, out height, out width, k], or [n, k, out height, out width].

    Raises:
        ValueError: ranks, channels or extents that do not fit, or attributes that are not understood.

    >>> import numbaflow as nf
    >>> x = nf.reshape(nf.range(9.0), [1, 3, 3, 1])
    >>> nf.nn.conv2d(x, nf.ones([2, 2, 1, 1]), strides=1, padding="VALID").numpy().reshape(2, 2)
    array([[ 8., 12.],
           [20., 24.]], dtype=float32)
    """
    w = one_of("conv2d", "filter", filter, filters)
    x, w, how = _prepared("conv2d", input, w, strides, padding, dilations, data_format, dims=2)
    return conv(x, w, *how)


@of_known_rank
def conv3d(input, filter=None, strides=None, padding=None, data_format="NDHWC", dilations=(1, 1, 1, 1, 1),
           name=None, filters=None):
    """The convolution of volumes [n, depth, height, width, c] with a filter [q, r, s, c / groups, k].

    Args:
        input: the volumes; [n, c, depth, height, width] for data_format "NCDHW".
        filter, filters, strides, padding, dilations: as in `conv2d`, with three dimensions.
        data_format: "NDHWC" or "NCDHW".

    Raises:
        ValueError: ranks, channels or extents that do not fit, or attributes that are not understood.

    >>> import numbaflow as nf
    >>> nf.nn.conv3d(nf.ones([1, 2, 2, 2, 1]), nf.ones([2, 2, 2, 1, 1]), 1, "VALID").numpy().tolist()
    [[[[[8.0]]]]]
    """
    w = one_of("conv3d", "filter", filter, filters)
    x, w, how = _prepared("conv3d", input, w, strides, padding, dilations, data_format, dims=3)
    return conv(x, w, *how)


@of_known_rank
def atrous_conv2d(value, filters, rate, padding, name=None):
    """The convolution of images [n, height, width, c] with a filter whose taps stand `rate` pixels apart.

    >>> import numbaflow as nf
    >>> x = nf.reshape(nf.range(9.0), [1, 3, 3, 1])
    >>> nf.nn.atrous_conv2d(x, nf.ones([2, 2, 1, 1]), 2, "VALID").numpy().tolist()
    [[[[16.0]]]]
    """
    x, w, how = _prepared("atrous_conv2d", value, filters, 1, padding, rate, "NHWC", dims=2)
    return conv(x, w, *how)


# ---- with bias and activation
def conv_bias(input, filter, bias, strides, padding, dilations, data_format, activation=None, groups=None):
    """A convolution of one to three dimensions, its bias and its activation; one kernel for None and "relu".

    Args:
        input, filter, strides, padding, dilations, data_format: as in `convolution`.
        bias: a number for each output, or None.
        activation: None, "linear", "relu" or the name of another elementwise op.
        groups: checked against the channels of input and filter where it is given.

    >>> import numbaflow as nf
    >>> from numbaflow.ops.conv import conv_bias
    >>> x, w = nf.constant([[[1.0], [-4.0], [2.0]]]), nf.constant([[[1.0, 10.0]]])
    >>> conv_bias(x, w, [1.0, 2.0], 1, "VALID", 1, "NWC", "relu").numpy().tolist()
    [[[2.0, 12.0], [0.0, 0.0], [3.0, 22.0]]]
    """
    name = "conv_bias"
    x, w, how = _prepared(name, input, filter, strides, padding, dilations, data_format, groups)
    fused = activation in (None, "linear", "relu")
    if not fused and getattr(table.OPS.get(activation), "kernel", None) is None:
        raise InvalidArgumentError(f"{name}: activation must be None, 'relu' or the name of an elementwise "
                                   f"op, got {activation!r}")
    if bias is None:
        y = conv(x, w, *how)
        return relu(y) if activation == "relu" else y if fused else table.face(activation)(y)
    b = image(name, "a bias", bias, 1)
    if b._data.shape != w._data.shape[-1:]:
        raise InvalidArgumentError(f"{name}: a bias of shape {b._data.shape} for the {w._data.shape[-1]} "
                                   f"outputs of the filter, of shape {w._data.shape}")
    y = biased_conv(x, w, b, *how, activation == "relu")
    return y if fused else table.face(activation)(y)
