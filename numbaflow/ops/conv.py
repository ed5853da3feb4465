"""Convolution: the output and its two gradients as ops of any rank and layout, and the functions that call them.

A convolution is linear in the images and in the filter, and so are its gradients: the rules of each of the
three ops are the other two, and derivatives of every order follow.
"""
import numpy as np

from numbaflow.core import table
from numbaflow.core.errors import InvalidArgumentError
from numbaflow.core.optable import Sample, elementwise, normal, op
from numbaflow.kernels import conv_layouts as kernels, scalar

from . import conv_reference as reference
from .activations import relu
from .arguments import shape_of
from .comparison import select
from .conv_arguments import image, one_of, resolve
from .reduce import reduce_sum

__all__ = ["atrous_conv2d", "conv1d", "conv2d", "conv2d_backprop_filter", "conv2d_backprop_input", "conv3d",
           "conv_bias", "convolution"]

# ---- the three ops.  Their attributes are plain: tuples with an entry for each dimension.
_ONE, _NO_PAD = (1, 1), ((0, 0), (0, 0))
# images, filter, strides, padding, dilations, channels first, groups: the gradients are checked on these too
_CASES = [
    ((2, 5, 4, 3), (3, 2, 3, 2), _ONE, ((1, 1), (0, 1)), _ONE, False, 1),
    ((1, 6, 7, 2), (3, 3, 2, 3), (2, 1), ((0, 1), (2, 2)), (1, 2), False, 1),
    ((2, 5, 5, 2), (1, 1, 2, 3), (2, 2), _NO_PAD, _ONE, False, 1),
    ((2, 4, 5, 4), (2, 3, 2, 6), (1, 2), ((0, 1), (1, 1)), _ONE, False, 2),
    ((2, 3, 4, 5), (2, 2, 3, 2), (1, 2), ((1, 0), (0, 1)), _ONE, True, 1),
    ((2, 7, 3), (3, 3, 18), (2,), ((1, 1),), (2,), False, 1),
    ((1, 2, 3, 4, 2), (2, 2, 3, 2, 1), (1, 2, 1), ((1, 0), (0, 0), (1, 1)), (1, 1, 1), False, 1),
    ((0, 4, 4, 2), (3, 3, 2, 2), _ONE, _NO_PAD, _ONE, False, 1),
]


def _out_shape(x_shape, w_shape, strides, padding, dilations, first, groups):
    return reference.output(np.zeros(x_shape), np.zeros(w_shape), strides, padding, dilations, first, groups).shape


def _sample(kind, x, w, *how):
    y = _out_shape(x, w, *how)
    if kind == "output":
        return Sample(normal(*x), normal(*w), *how)
    return Sample(normal(*w), normal(*y), x, *how) if kind == "input" else Sample(normal(*x), normal(*y), w, *how)


def _samples(kind):
    return [_sample(kind, *case) for case in _CASES]


@op(inputs="input filter", promote="input filter", reference=reference.output, samples=_samples("output"), grads={
    "input": lambda g, filter, input_shape, strides, padding, dilations, channels_first, groups: conv_input_grad(
        filter, g, input_shape, strides, padding, dilations, channels_first, groups),
    "filter": lambda g, input, filter_shape, strides, padding, dilations, channels_first, groups: conv_filter_grad(
        input, g, filter_shape, strides, padding, dilations, channels_first, groups)})
def conv(input, filter, strides, padding, dilations, channels_first=False, groups=1, name=None):
    """The convolution of images of one to three dimensions, with attributes in their plain form.

    Args:
        input: images [n, d1..., c], or [n, c, d1...] where channels stand first.
        filter: [r1..., c / groups, k].
        strides, dilations: a tuple with an integer for each dimension.
        padding: a tuple of pairs (before, after).
        channels_first: where the channels stand.
        groups: into how many parts channels and outputs fall, each with its own filter.
    """
    return kernels.output(input, filter, strides, padding, dilations, channels_first, groups)


@op(inputs="filter dy", promote="filter dy", reference=reference.input_grad, samples=_samples("input"), grads={
    "filter": lambda g, dy, filter_shape, strides, padding, dilations, channels_first, groups: conv_filter_grad(
        g, dy, filter_shape, strides, padding, dilations, channels_first, groups),
    "dy": lambda g, filter, strides, padding, dilations, channels_first, groups: conv(
        g, filter, strides, padding, dilations, channels_first, groups)})
def conv_input_grad(filter, dy, input_shape, strides, padding, dilations, channels_first=False, groups=1, name=None):
    """The gradient of the images, of shape input_shape, of a convolution whose output has the gradient dy."""
    return kernels.input_grad(dy, filter, input_shape, strides, padding, dilations, channels_first, groups)


@op(inputs="input dy", promote="input dy", reference=reference.filter_grad, samples=_samples("filter"), grads={
    "input": lambda g, dy, input_shape, strides, padding, dilations, channels_first, groups: conv_input_grad(
        g, dy, input_shape, strides, padding, dilations, channels_first, groups),
    "dy": lambda g, input, strides, padding, dilations, channels_first, groups: conv(
        input, g, strides, padding, dilations, channels_first, groups)})
def conv_filter_grad(input, dy, filter_shape, strides, padding, dilations, channels_first=False, groups=1, name=None):
    """The gradient of the filter, of shape filter_shape, of a convolution whose output has the gradient dy."""
    return kernels.filter_grad(input, dy, filter_shape, strides, padding, dilations, channels_first, groups)


# ---- with bias and rectifier in the same kernel
@elementwise(scalar.relu_grad, kinds="f", grads={"dy": lambda g, y: select(y > 0.0, g, 0.0), "y": None},
             reference=lambda dy, y: np.where(y > 0, dy, 0),
             samples=[Sample(normal(3, 4), normal(3, 4)), Sample(normal(2), np.array([0.0, -1.0]), grad=False)])
def relu_grad(dy, y, name=None):
    """dy where y = relu(x) is positive, 0 elsewhere."""


def _biased_rule(g, y, input, filter, strides, padding, dilations, channels_first, groups, rectified, wanted):
    """The gradients of images, filter and bias, those that are wanted."""
    if rectified:
        g = relu_grad(g, y)
    how = (strides, padding, dilations, channels_first, groups)
    pixels = [k for k in range(len(input.shape)) if k != (1 if channels_first else len(input.shape) - 1)]
    return (conv_input_grad(filter, g, tuple(input.shape), *how) if wanted[0] else None,
            conv_filter_grad(input, g, tuple(filter.shape), *how) if wanted[1] else None,
            reduce_sum(g, pixels) if wanted[2] else None)


def _biased_reference(input, filter, bias, strides, padding, dilations, channels_first, groups, rectified):
    y = reference.output(input, filter, strides, padding, dilations, channels_first, groups)
    y = y + bias.reshape(-1, *(1,) * (y.ndim - 2)) if channels_first else y + bias
    return np.maximum(y, 0) if rectified else y


@op(inputs="input filter bias", promote="input filter bias", reference=_biased_reference,
    grads={("input", "filter", "bias"): _biased_rule},
    samples=[Sample(normal(*x), normal(*w), normal(w[-1]), *how, k % 2 == 0)
             for k, (x, w, *how) in enumerate(_CASES)])
def biased_conv(input, filter, bias, strides, padding, dilations, channels_first, groups, rectified, name=None):
    """`conv` plus a bias for each output, and max(., 0) of that where rectified."""
    return kernels.output(input, filter, strides, padding, dilations, channels_first, groups, bias, rectified)


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
        raise InvalidArgumentError(f"{name}: activation must be None, 'relu' or the name of an elementwise op, "
                                   f"got {activation!r}")
    if bias is None:
        y = conv(x, w, *how)
        return relu(y) if activation == "relu" else y if fused else table.face(activation)(y)
    b = image(name, "a bias", bias, 1)
    if b._data.shape != w._data.shape[-1:]:
        raise InvalidArgumentError(f"{name}: a bias of shape {b._data.shape} for the {w._data.shape[-1]} outputs of "
                                   f"the filter, of shape {w._data.shape}")
    y = biased_conv(x, w, b, *how, activation == "relu")
    return y if fused else table.face(activation)(y)


# ---- the functions
def _prepared(name, input, filter, strides, padding, dilations, data_format, groups=None, dims=None):
    """The images and the filter as tensors, and the attributes for `conv`."""
    if dims is None:
        w = image(name, "a filter", filter, len(np.shape(filter)))
        dims = len(w.shape) - 2
        if not 1 <= dims <= 3:
            raise InvalidArgumentError(f"{name}: a filter of 3 to 5 axes was expected, got shape {w._data.shape}")
    else:
        w = image(name, "the filter", filter, dims + 2)
    x = image(name, "the input", input, dims + 2)
    return x, w, resolve(name, x._data.shape, w._data.shape, strides, padding, dilations, data_format, groups)


def convolution(input, filter=None, padding=None, strides=None, dilation_rate=None, name=None, data_format=None,
                filters=None, dilations=None):
    """The convolution of images of one to three dimensions.

    Args:
        input: images [n, d1..., c], or [n, c, d1...]; float32 or float64.
        filter: [r1..., c / groups, k]; an input with several times its channels is convolved in as many groups.
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


def conv1d(value=None, filters=None, stride=None, padding=None, use_cudnn_on_gpu=None, data_format=None, name=None,
           input=None, dilations=None):
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


def conv3d(input, filter=None, strides=None, padding=None, data_format="NDHWC", dilations=(1, 1, 1, 1, 1), name=None,
           filters=None):
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


def atrous_conv2d(value, filters, rate, padding, name=None):
    """The convolution of images [n, height, width, c] with a filter whose taps stand `rate` pixels apart.

    >>> import numbaflow as nf
    >>> x = nf.reshape(nf.range(9.0), [1, 3, 3, 1])
    >>> nf.nn.atrous_conv2d(x, nf.ones([2, 2, 1, 1]), 2, "VALID").numpy().tolist()
    [[[[16.0]]]]
    """
    x, w, how = _prepared("atrous_conv2d", value, filters, 1, padding, rate, "NHWC", dims=2)
    return conv(x, w, *how)


# ---- the gradients under TensorFlow's names
def conv2d_backprop_input(input_sizes, filter=None, out_backprop=None, strides=None, padding=None,
                          use_cudnn_on_gpu=True, data_format="NHWC", dilations=(1, 1, 1, 1), name=None, filters=None):
    """The gradient of the images of `conv2d`.

    Args:
        input_sizes: the shape of the images.
        out_backprop: the gradient of the output.
        filter, filters, strides, padding, data_format, dilations: as in `conv2d`.

    >>> import numbaflow as nf
    >>> dx = nf.nn.conv2d_backprop_input([1, 1, 3, 1], [[[[1.0]], [[2.0]]]], nf.ones([1, 1, 2, 1]), 1, "VALID")
    >>> dx.numpy().reshape(-1).tolist()
    [1.0, 3.0, 2.0]
    """
    name = "conv2d_backprop_input"
    w = image(name, "the filter", one_of(name, "filter", filter, filters), 4)
    return transposed(name, out_backprop, w, shape_of(input_sizes), strides, padding, dilations, data_format)


def transposed(name, dy, w, x_shape, strides, padding, dilations, data_format):
    """The gradient of images of shape x_shape, checked against what their convolution gives."""
    dy = image(name, "the gradient of the output", dy, len(w._data.shape))
    if len(x_shape) != len(dy._data.shape):
        raise InvalidArgumentError(f"{name}: a shape of {len(dy._data.shape)} extents was expected, got {x_shape}")
    how = resolve(name, x_shape, w._data.shape, strides, padding, dilations, data_format)
    check_output(name, dy._data.shape, x_shape, w._data.shape, how)
    return conv_input_grad(w, dy, x_shape, *how)


def check_output(name, y_shape, x_shape, w_shape, how):
    """ValueError unless a convolution of images of x_shape gives y_shape."""
    extents = kernels.extents_out(x_shape[2:] if how.channels_first else x_shape[1:-1], w_shape[:-2], how.strides,
                                  how.padding, how.dilations)
    wanted = (x_shape[0], w_shape[-1], *extents) if how.channels_first else (x_shape[0], *extents, w_shape[-1])
    if tuple(y_shape) != wanted:
        raise InvalidArgumentError(f"{name}: images of shape {x_shape} and a filter of shape {w_shape} have an output "
                                   f"of shape {wanted}, got {tuple(y_shape)}")


def conv2d_backprop_filter(input, filter_sizes, out_backprop, strides=None, padding=None, use_cudnn_on_gpu=True,
                           data_format="NHWC", dilations=(1, 1, 1, 1), name=None):
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
    check_output(name, dy._data.shape, x._data.shape, w_shape, how)
    return conv_filter_grad(x, dy, w_shape, *how)
