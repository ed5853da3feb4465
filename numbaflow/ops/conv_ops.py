"""Convolution as ops of the table, of any rank and layout: the output, also with bias, and its gradients.

A convolution is linear in the images and in the filter, and so are its gradients: the rules of each of the
three are the other two, and derivatives of every order follow.
"""
import numpy as np

from numbaflow.core.optable import Sample, elementwise, normal, op
from numbaflow.kernels import conv_layouts as kernels, scalar
from numbaflow.kernels.conv_geometry import extents_out

from . import conv_reference as reference
from .comparison import select
from .conv_arguments import extents_of
from .reduce import reduce_sum

__all__ = ["biased_conv", "conv", "conv_filter_grad", "conv_input_grad", "relu_grad"]

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
    x, w = np.zeros(x_shape), np.zeros(w_shape)
    return reference.output(x, w, strides, padding, dilations, first, groups).shape


def _sample(kind, x, w, *how):
    y = _out_shape(x, w, *how)
    if kind == "output":
        return Sample(normal(*x), normal(*w), *how)
    if kind == "input":
        return Sample(normal(*w), normal(*y), x, *how)
    return Sample(normal(*x), normal(*y), w, *how)


def _samples(kind):
    return [_sample(kind, *case) for case in _CASES]


def _to_input(g, filter, input_shape, strides, padding, dilations, channels_first, groups):
    return conv_input_grad(filter, g, input_shape, strides, padding, dilations, channels_first, groups)


def _to_filter(g, input, filter_shape, strides, padding, dilations, channels_first, groups):
    return conv_filter_grad(input, g, filter_shape, strides, padding, dilations, channels_first, groups)


def _image_shape(input, filter, strides, padding, dilations, channels_first):
    x, w = input.shape, filter.shape
    places = extents_out(extents_of(x, channels_first), w[:-2], strides, padding, dilations)
    return (x[0], w[-1], *places) if channels_first else (x[0], *places, w[-1]), input.dtype


@op(inputs="input filter", promote="input filter", reference=reference.output, samples=_samples("output"),
    infer=_image_shape,
    grads={"input": _to_input, "filter": _to_filter})
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


@op(inputs="filter dy", promote="filter dy", reference=reference.input_grad, samples=_samples("input"),
    infer=lambda dy, input_shape: (input_shape, dy.dtype),
    grads={
    "filter": lambda g, dy, filter_shape, strides, padding, dilations, channels_first, groups:
        conv_filter_grad(g, dy, filter_shape, strides, padding, dilations, channels_first, groups),
    "dy": lambda g, filter, strides, padding, dilations, channels_first, groups:
        conv(g, filter, strides, padding, dilations, channels_first, groups)})
def conv_input_grad(filter, dy, input_shape, strides, padding, dilations, channels_first=False, groups=1,
                    name=None):
    """The gradient of the images, of shape input_shape, for dy that of a convolution's output."""
    return kernels.input_grad(dy, filter, input_shape, strides, padding, dilations, channels_first, groups)


@op(inputs="input dy", promote="input dy", reference=reference.filter_grad, samples=_samples("filter"),
    infer=lambda dy, filter_shape: (filter_shape, dy.dtype),
    grads={
    "input": lambda g, dy, input_shape, strides, padding, dilations, channels_first, groups:
        conv_input_grad(g, dy, input_shape, strides, padding, dilations, channels_first, groups),
    "dy": lambda g, input, strides, padding, dilations, channels_first, groups:
        conv(input, g, strides, padding, dilations, channels_first, groups)})
def conv_filter_grad(input, dy, filter_shape, strides, padding, dilations, channels_first=False, groups=1,
                     name=None):
    """The gradient of the filter, of shape filter_shape, for dy that of a convolution's output."""
    return kernels.filter_grad(input, dy, filter_shape, strides, padding, dilations, channels_first, groups)


# ---- with bias and rectifier in the same kernel
@elementwise(scalar.relu_grad, kinds="f", grads={"dy": lambda g, y: select(y > 0.0, g, 0.0), "y": None},
             reference=lambda dy, y: np.where(y > 0, dy, 0),
             samples=[Sample(normal(3, 4), normal(3, 4)),
                      Sample(normal(2), np.array([0.0, -1.0]), grad=False)])
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
    infer=_image_shape, grads={("input", "filter", "bias"): _biased_rule},
    samples=[Sample(normal(*x), normal(*w), normal(w[-1]), *how, k % 2 == 0)
             for k, (x, w, *how) in enumerate(_CASES)])
def biased_conv(input, filter, bias, strides, padding, dilations, channels_first, groups, rectified,
                name=None):
    """`conv` plus a bias for each output, and max(., 0) of that where rectified."""
    return kernels.output(input, filter, strides, padding, dilations, channels_first, groups, bias, rectified)
