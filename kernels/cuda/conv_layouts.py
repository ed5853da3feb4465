"""Convolutions of images of one to three dimensions: the twin of `kernels.conv_layouts`.

Channels that stand first are moved to the end and back, by kernels that copy.
"""
import numpy as np

from ..conv_layouts import last_shape, three
from . import conv, conv_depthwise
from .arrays import contiguous


def _last(x, channels_first):
    """The image with channels last and three dimensions, C-contiguous."""
    x = contiguous(np.moveaxis(x, 1, -1) if channels_first else x)
    return x.reshape(x.shape[0], *(1,) * (5 - x.ndim), *x.shape[1:])


def _back(y, rank, channels_first):
    """The result in the layout of the arguments, of `rank` axes."""
    y = y.reshape(y.shape[0], *y.shape[6 - rank:])
    return contiguous(np.moveaxis(y, -1, 1)) if channels_first else y


def _filter(w):
    w = contiguous(w)
    return w.reshape(*(1,) * (5 - w.ndim), *w.shape)


def output(x, w, strides, pads, dilations, channels_first, groups, bias=None, relu=False):
    """The convolution; a bias for each output and max(., 0) as asked for."""
    images, filter, how = _last(x, channels_first), _filter(w), three(strides, pads, dilations)
    bias = None if bias is None else contiguous(bias)
    if groups > 1 and w.shape[-2] == 1:
        y = conv_depthwise.output(images, filter, *how, bias, relu)
    else:
        y = conv.output(images, filter, *how, groups, bias, relu)
    return _back(y, x.ndim, channels_first)


def input_grad(dy, w, x_shape, strides, pads, dilations, channels_first, groups):
    """The gradient of the images, of shape x_shape, for dy that of the output."""
    images, filter, how = _last(dy, channels_first), _filter(w), three(strides, pads, dilations)
    shape = last_shape(x_shape, channels_first)
    if groups > 1 and w.shape[-2] == 1:
        dx = conv_depthwise.input_grad(images, filter, shape, *how)
    else:
        dx = conv.input_grad(images, filter, shape, *how, groups)
    return _back(dx, dy.ndim, channels_first)


def filter_grad(x, dy, w_shape, strides, pads, dilations, channels_first, groups):
    """The gradient of the filter, of shape w_shape, for dy that of the output."""
    shape, how = (*(1,) * (5 - len(w_shape)), *w_shape), three(strides, pads, dilations)
    x, dy = _last(x, channels_first), _last(dy, channels_first)
    if groups > 1 and w_shape[-2] == 1:
        return conv_depthwise.filter_grad(x, dy, shape, *how).reshape(w_shape)
    return conv.filter_grad(x, dy, shape, *how, groups).reshape(w_shape)
