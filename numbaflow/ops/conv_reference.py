"""Convolutions written out in NumPy, for the tests: a sum over the taps of the filter, in float64.

They share nothing with the kernels, and are as slow as they are plain.
"""
import itertools

import numpy as np


def _channels_last(x, first):
    return np.moveaxis(x, 1, -1) if first else x


def _views(padded, window, strides, dilations, places):
    """(tap, what it meets of the padded image) for each tap."""
    for tap in itertools.product(*map(range, window)):
        parts = [slice(t * d, t * d + (n - 1) * s + 1, s) if n else slice(0, 0)
                 for t, d, s, n in zip(tap, dilations, strides, places, strict=True)]
        place = (slice(None), *parts)
        yield tap, padded[place]


def _places(extents, window, strides, dilations):
    axes = zip(extents, window, strides, dilations, strict=True)
    return [(n - (r - 1) * d - 1) // s + 1 for n, r, s, d in axes]


def _group(groups, g, channels):
    return slice(g * channels // groups, (g + 1) * channels // groups)


def output(x, w, strides, padding, dilations, channels_first=False, groups=1):
    """y[p, k] = sum over taps t and channels c of x[p * stride + t * dilation, c] * w[t, c, k]"""
    padded = np.pad(_channels_last(x, channels_first).astype(np.float64), [(0, 0), *padding, (0, 0)])
    window, (c, k) = w.shape[:-2], (padded.shape[-1], w.shape[-1])
    places = _places(padded.shape[1:-1], window, strides, dilations)
    y = np.zeros((len(x), *places, k))
    for tap, view in _views(padded, window, strides, dilations, places):
        for g in range(groups):
            outs = _group(groups, g, k)
            y[..., outs] += view[..., _group(groups, g, c)] @ w[tap].astype(np.float64)[:, outs]
    return (np.moveaxis(y, -1, 1) if channels_first else y).astype(x.dtype)


def input_grad(w, dy, input_shape, strides, padding, dilations, channels_first=False, groups=1):
    """What each pixel of x adds to the output, times dy."""
    g_y = _channels_last(dy, channels_first).astype(np.float64)
    shape = (input_shape[0], *input_shape[2:], input_shape[1]) if channels_first else tuple(input_shape)
    dx = np.zeros([n + sum(p) for n, p in zip(shape, [(0, 0), *padding, (0, 0)], strict=True)])
    for tap, view in _views(dx, w.shape[:-2], strides, dilations, g_y.shape[1:-1]):
        for g in range(groups):
            outs = _group(groups, g, w.shape[-1])
            view[..., _group(groups, g, shape[-1])] += g_y[..., outs] @ w[tap].astype(np.float64)[:, outs].T
    inner = [slice(before, before + n) for (before, _), n in zip(padding, shape[1:-1], strict=True)]
    place = (slice(None), *inner)
    dx = dx[place]
    return (np.moveaxis(dx, -1, 1) if channels_first else dx).astype(dy.dtype)


def filter_grad(x, dy, filter_shape, strides, padding, dilations, channels_first=False, groups=1):
    """The sum over pixels of what each weight adds to the output, times dy."""
    g_y = _channels_last(dy, channels_first).astype(np.float64)
    padded = np.pad(_channels_last(x, channels_first).astype(np.float64), [(0, 0), *padding, (0, 0)])
    dw = np.zeros(filter_shape)
    pixels = tuple(range(x.ndim - 1))
    for tap, view in _views(padded, filter_shape[:-2], strides, dilations, g_y.shape[1:-1]):
        for g in range(groups):
            outs = _group(groups, g, filter_shape[-1])
            dw[tap][:, outs] += np.tensordot(view[..., _group(groups, g, padded.shape[-1])], g_y[..., outs],
                                             (pixels, pixels))
    return dw.astype(x.dtype)
