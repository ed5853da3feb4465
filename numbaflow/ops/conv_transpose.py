"""Transposed convolutions: what a convolution does to gradients, as functions of their own."""
from numbaflow.core.errors import InvalidArgumentError

from .arguments import shape_of
from .conv import transposed
from .conv_arguments import FORMATS, image, one_of

__all__ = ["conv1d_transpose", "conv2d_transpose", "conv3d_transpose", "conv_transpose"]


def _apply(name, value, filter, output_shape, strides, padding, data_format, dilations, dims):
    w = image(name, "the filter", filter, dims + 2)
    x = image(name, "the input", value, dims + 2)
    shape = shape_of(output_shape)
    if len(shape) != dims + 2 or min(shape) < 0:
        raise InvalidArgumentError(f"{name}: output_shape must be {dims + 2} extents, got {shape}")
    return transposed(name, x, w, shape, strides, padding, dilations, data_format)


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
    return _apply("conv1d_transpose", input, filters, output_shape, strides, padding, data_format, dilations, 1)


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
        raise InvalidArgumentError(f"conv_transpose: output_shape must have 3 to 5 extents, got {output_shape}")
    return _apply("conv_transpose", input, filters, output_shape, strides, padding, data_format, dilations, dims)
