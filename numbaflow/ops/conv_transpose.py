"""Transposed convolutions: what a convolution does to gradients, as functions under TensorFlow's names."""
from numbaflow.core.errors import InvalidArgumentError
from numbaflow.kernels.conv_geometry import extents_out

from .arguments import shape_of
from .conv_arguments import FORMATS, extents_of, image, one_of, resolve
from .conv_ops import conv_filter_grad, conv_input_grad

__all__ = ["conv1d_transpose", "conv2d_backprop_filter", "conv2d_backprop_input", "conv2d_transpose",
           "conv3d_transpose", "conv_transpose"]


def _transposed(name, dy, w, x_shape, strides, padding, dilations, data_format):
    """The gradient of images of shape x_shape, checked against what their convolution gives."""
    dy = image(name, "the gradient of the output", dy, len(w._data.shape))
    if len(x_shape) != len(dy._data.shape):
        raise InvalidArgumentError(f"{name}: a shape of {len(dy._data.shape)} extents was expected, got "
                                   f"{x_shape}")
    how = resolve(name, x_shape, w._data.shape, strides, padding, dilations, data_format)
    _check_output(name, dy._data.shape, x_shape, w._data.shape, how)
    return conv_input_grad(w, dy, x_shape, *how)


def _check_output(name, y_shape, x_shape, w_shape, how):
    """ValueError unless a convolution of images of x_shape gives y_shape."""
    extents = extents_out(extents_of(x_shape, how.channels_first), w_shape[:-2], how.strides, how.padding,
                          how.dilations)
    n, k = x_shape[0], w_shape[-1]
    wanted = (n, k, *extents) if how.channels_first else (n, *extents, k)
    if tuple(y_shape) != wanted:
        raise InvalidArgumentError(f"{name}: images of shape {x_shape} and a filter of shape {w_shape} have "
                                   f"an output of shape {wanted}, got {tuple(y_shape)}")


def _apply(name, value, filter, output_shape, strides, padding, data_format, dilations, dims):
    w = image(name, "the filter", filter, dims + 2)
    x = image(name, "the input", value, dims + 2)
    shape = shape_of(output_shape)
    if len(shape) != dims + 2 or min(shape) < 0:
        raise InvalidArgumentError(f"{name}: output_shape must be {dims + 2} extents, got {shape}")
    return _transposed(name, x, w, shape, strides, padding, dilations, data_format)


def conv1d_transpose(input, filters=None, output_shape=None, strides=None, padding="SAME", data_format="NWC",
                     dilations=None, name=None):
    """The transpose of `conv1d`: sequences [n, width, c] to sequences of shape output_shape.

    Args:
        input: the sequences; [n, c, width] for data_format "NCW".
        filters: [r, outputs, c]: as the convolution that this turns around has it.
        output_shape: the shape of the result, from which that convolution gives the shape of input.
        strides, padding, data_format, dilations: those of that convolution.

    Raises:
        ValueError: ranks, channels or extents that do not fit, or attributes that are not understood.

    >>> import numbaflow as nf
    >>> x, w = nf.constant([[[1.0], [3.0]]]), nf.constant([[[1.0]], [[10.0]]])
    >>> nf.nn.conv1d_transpose(x, w, [1, 4, 1], strides=2).numpy().reshape(-1).tolist()
    [1.0, 10.0, 3.0, 30.0]
    """
    return _apply("conv1d_transpose", input, filters, output_shape, strides, padding, data_format, dilations,
                  1)


def conv2d_transpose(value=None, filter=None, output_shape=None, strides=None, padding="SAME",
                     data_format="NHWC", name=None, input=None, filters=None, dilations=None):
    """The transpose of `conv2d`: images [n, height, width, c] to images of shape output_shape.

    Args:
        value, input: the images, under either name; [n, c, height, width] for data_format "NCHW".
        filter, filters: [r, s, outputs, c]: as the convolution that this turns around has it.
        output_shape: the shape of the result, from which that convolution gives the shape of value.
        strides, padding, data_format, dilations: those of that convolution.

    Raises:
        ValueError: ranks, channels or extents that do not fit, or attributes that are not understood.

    >>> import numbaflow as nf
    >>> x, w = nf.constant([[[[1.0]], [[3.0]]]]), nf.constant([[[[1.0]]], [[[10.0]]]])
    >>> nf.nn.conv2d_transpose(x, w, [1, 4, 1, 1], strides=[2, 1]).numpy().reshape(-1).tolist()
    [1.0, 10.0, 3.0, 30.0]
    """
    name = "conv2d_transpose"
    x, w = one_of(name, "input", value, input), one_of(name, "filter", filter, filters)
    return _apply(name, x, w, output_shape, strides, padding, data_format, dilations, 2)


def conv3d_transpose(value, filter=None, output_shape=None, strides=None, padding="SAME", data_format="NDHWC",
                     name=None, input=None, filters=None, dilations=None):
    """The transpose of `conv3d`: volumes [n, depth, height, width, c] to volumes of shape output_shape.

    Args:
        value, input: the volumes, under either name; [n, c, depth, height, width] for data_format "NCDHW".
        filter, filters: [q, r, s, outputs, c]: as the convolution that this turns around has it.
        output_shape, strides, padding, data_format, dilations: as in `conv2d_transpose`.

    Raises:
        ValueError: ranks, channels or extents that do not fit, or attributes that are not understood.

    >>> import numbaflow as nf
    >>> y = nf.nn.conv3d_transpose(nf.ones([1, 1, 1, 1, 1]), nf.ones([2, 2, 2, 3, 1]), [1, 2, 2, 2, 3], 2)
    >>> y.shape, float(nf.reduce_sum(y))
    ((1, 2, 2, 2, 3), 24.0)
    """
    name = "conv3d_transpose"
    x, w = one_of(name, "input", value, input), one_of(name, "filter", filter, filters)
    return _apply(name, x, w, output_shape, strides, padding, data_format, dilations, 3)


def conv_transpose(input, filters, output_shape, strides, padding="SAME", data_format=None, dilations=None,
                   name=None):
    """The transpose of `convolution`, of one to three dimensions.

    Args:
        input: images [n, d1..., c], or [n, c, d1...].
        filters: [r1..., outputs, c].
        output_shape, strides, padding, data_format, dilations: as in `conv2d_transpose`.

    >>> import numbaflow as nf
    >>> x, w = nf.constant([[[1.0], [3.0]]]), nf.constant([[[1.0]], [[10.0]]])
    >>> nf.nn.conv_transpose(x, w, [1, 4, 1], strides=2).numpy().reshape(-1).tolist()
    [1.0, 10.0, 3.0, 30.0]
    """
    dims = len(shape_of(output_shape)) - 2
    if dims not in FORMATS:
        raise InvalidArgumentError("conv_transpose: output_shape must have 3 to 5 extents, got "
                                   f"{output_shape}")
    return _apply("conv_transpose", input, filters, output_shape, strides, padding, data_format, dilations,
                  dims)


# ---- the gradients under TensorFlow's names
def conv2d_backprop_input(input_sizes, filter=None, out_backprop=None, strides=None, padding=None,
                          use_cudnn_on_gpu=True, data_format="NHWC", dilations=(1, 1, 1, 1), name=None,
                          filters=None):
    """The gradient of the images of `conv2d`.

    Args:
        input_sizes: the shape of the images.
        out_backprop: the gradient of the output.
        filter, filters, strides, padding, data_format, dilations: as in `conv2d`.

    >>> import numbaflow as nf
    >>> w, dy = nf.constant([[[[1.0]], [[2.0]]]]), nf.ones([1, 1, 2, 1])
    >>> dx = nf.nn.conv2d_backprop_input([1, 1, 3, 1], w, dy, 1, "VALID")
    >>> dx.numpy().reshape(-1).tolist()
    [1.0, 3.0, 2.0]
    """
    name = "conv2d_backprop_input"
    w = image(name, "the filter", one_of(name, "filter", filter, filters), 4)
    return _transposed(name, out_backprop, w, shape_of(input_sizes), strides, padding, dilations, data_format)


def conv2d_backprop_filter(input, filter_sizes, out_backprop, strides=None, padding=None,
                           use_cudnn_on_gpu=True, data_format="NHWC", dilations=(1, 1, 1, 1), name=None):
    """The gradient of the filter of `conv2d`.

    Args:
        input: the images.
        filter_sizes: the shape of the filter.
        out_backprop: the gradient of the output.
        strides, padding, data_format, dilations: as in `conv2d`.

    >>> import numbaflow as nf
    >>> x = nf.constant([[[[1.0], [2.0], [4.0]]]])
    >>> dw = nf.nn.conv2d_backprop_filter(x, [1, 2, 1, 1], nf.ones([1, 1, 2, 1]), 1, "VALID")
    >>> dw.numpy().reshape(-1).tolist()
    [3.0, 6.0]
    """
    name = "conv2d_backprop_filter"
    x, dy = image(name, "the input", input, 4), image(name, "the gradient of the output", out_backprop, 4)
    w_shape = shape_of(filter_sizes)
    if len(w_shape) != 4:
        raise InvalidArgumentError(f"{name}: filter_sizes must be four extents, got {w_shape}")
    how = resolve(name, x._data.shape, w_shape, strides, padding, dilations, data_format)
    _check_output(name, dy._data.shape, x._data.shape, w_shape, how)
    return conv_filter_grad(x, dy, w_shape, *how)
