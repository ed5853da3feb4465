"""Depthwise convolutions on a GPU, a filter for each channel: a thread for each element, side by side on channels.

The gradient of the filter is a sum over pixels: blocks of channels take parts of the pixels, and a second kernel
adds the parts up in order.
"""
import numpy as np

from ..conv_geometry import extents_out
from .arrays import empty, zeros
from .backend import SIMULATED
from .conv import add_parts
from .jit import cuda, kernel

LANES, LINES = 32, 1 if SIMULATED else 8        # channels and pixels that a block has under way
BLOCKS = 4 if SIMULATED else 132 * 8
LEAST = 4 if SIMULATED else 64                  # pixels of a thread


@kernel
def depthwise(x, w, bias, biased, floor, x_d, x_h, x_w, channels, taps_d, taps_h, taps_w, outs, step_d, step_h,
              step_w, pad_d, pad_h, pad_w, apart_d, apart_h, apart_w, y_d, y_h, y_w, out):
    """out[pixel, o] = max(floor, bias[o] + sum over t of x[pixel + tap t, channel of o] * w[t, o])"""
    i, times = cuda.grid(1), outs // channels
    while i < out.size:
        o, rest = i % outs, i // outs
        c = o // times
        first_w, rest = rest % y_w * step_w - pad_w, rest // y_w
        first_h, rest = rest % y_h * step_h - pad_h, rest // y_h
        first_d, n = rest % y_d * step_d - pad_d, rest // y_d
        y = out.dtype.type(0)
        for td in range(taps_d):
            d = first_d + td * apart_d
            if 0 <= d < x_d:
                for th in range(taps_h):
                    h = first_h + th * apart_h
                    if 0 <= h < x_h:
                        line, tap = ((n * x_d + d) * x_h + h) * x_w, (td * taps_h + th) * taps_w
                        for tw in range(taps_w):
                            v = first_w + tw * apart_w
                            if 0 <= v < x_w:
                                y += x[(line + v) * channels + c] * w[(tap + tw) * outs + o]
        if biased:
            y += bias[o]
        out[i] = floor if y < floor else y
        i += cuda.gridsize(1)


@kernel
def depthwise_input_grad(dy, w, x_d, x_h, x_w, channels, taps_d, taps_h, taps_w, outs, step_d, step_h, step_w, pad_d,
                         pad_h, pad_w, apart_d, apart_h, apart_w, y_d, y_h, y_w, dx):
    """dx[pixel, c] = sum over the outputs o of c and the taps t of w[t, o] * dy[the pixel that t reads it for, o]"""
    i, times = cuda.grid(1), outs // channels
    while i < dx.size:
        c, rest = i % channels, i // channels
        at_w, rest = rest % x_w + pad_w, rest // x_w
        at_h, rest = rest % x_h + pad_h, rest // x_h
        at_d, n = rest % x_d + pad_d, rest // x_d
        total = dx.dtype.type(0)
        for td in range(taps_d):
            d = at_d - td * apart_d
            if d >= 0 and d % step_d == 0 and d // step_d < y_d:
                for th in range(taps_h):
                    h = at_h - th * apart_h
                    if h >= 0 and h % step_h == 0 and h // step_h < y_h:
                        line = ((n * y_d + d // step_d) * y_h + h // step_h) * y_w
                        tap = (td * taps_h + th) * taps_w
                        for tw in range(taps_w):
                            v = at_w - tw * apart_w
                            if v >= 0 and v % step_w == 0 and v // step_w < y_w:
                                for o in range(c * times, (c + 1) * times):
                                    total += dy[(line + v // step_w) * outs + o] * w[(tap + tw) * outs + o]
        dx[i] = total
        i += cuda.gridsize(1)


@kernel
def depthwise_filter_grad(x, dy, x_d, x_h, x_w, channels, taps_d, taps_h, taps_w, outs, step_d, step_h, step_w,
                          pad_d, pad_h, pad_w, apart_d, apart_h, apart_w, y_d, y_h, y_w, pixels, each, dw):
    """dw[part, t, o] = sum over pixels of the part of x[pixel + tap t, channel of o] * dy[pixel, o]

    Blocks (channels, taps, parts) of LANES x LINES threads.
    """
    sums = cuda.shared.array(LANES * LINES, dw.dtype)
    lane, line, t, part = cuda.threadIdx.x, cuda.threadIdx.y, cuda.blockIdx.y, cuda.blockIdx.z
    o = cuda.blockIdx.x * LANES + lane
    total = dw.dtype.type(0)
    if o < outs:
        c = o // (outs // channels)
        off_w = t % taps_w * apart_w - pad_w
        off_h = t // taps_w % taps_h * apart_h - pad_h
        off_d = t // (taps_w * taps_h) * apart_d - pad_d
        for pixel in range(part * each + line, min(pixels, (part + 1) * each), LINES):
            v, rest = pixel % y_w * step_w + off_w, pixel // y_w
            h, rest = rest % y_h * step_h + off_h, rest // y_h
            d, n = rest % y_d * step_d + off_d, rest // y_d
            if 0 <= d < x_d and 0 <= h < x_h and 0 <= v < x_w:
                total += x[(((n * x_d + d) * x_h + h) * x_w + v) * channels + c] * dy[pixel * outs + o]
    sums[line * LANES + lane] = total
    cuda.syncthreads()
    if line == 0 and o < outs:
        for k in range(1, LINES):
            total += sums[k * LANES + lane]
        dw[(part * taps_d * taps_h * taps_w + t) * outs + o] = total


# ---- launches
def _numbers(x_shape, w_shape, strides, pads, dilations):
    """What all three kernels take between their arrays, and the extents of the output."""
    places = extents_out(x_shape[1:4], w_shape[:3], strides, pads, dilations)
    before = [pad[0] for pad in pads]
    return (*x_shape[1:], *w_shape[:3], w_shape[4], *strides, *before, *dilations, *places), places


def output(x, w, strides, pads, dilations, bias=None, relu=False):
    """`conv.output` of as many groups as channels, for a filter [., ., ., 1, channels * multiplier]."""
    numbers, places = _numbers(x.shape, w.shape, strides, pads, dilations)
    out = empty((x.shape[0], *places, w.shape[4]), x.dtype)
    floor = x.dtype.type(0 if relu else -np.inf)
    depthwise.over(out.size, x.reshape(-1), w.reshape(-1), w.reshape(-1) if bias is None else bias, bias is not None,
                   floor, *numbers, out.reshape(-1))
    return out


def input_grad(dy, w, x_shape, strides, pads, dilations):
    """The gradient of the images of `output`."""
    numbers, _ = _numbers(x_shape, w.shape, strides, pads, dilations)
    dx = empty(x_shape, dy.dtype)
    depthwise_input_grad.over(dx.size, dy.reshape(-1), w.reshape(-1), *numbers, dx.reshape(-1))
    return dx


def filter_grad(x, dy, w_shape, strides, pads, dilations):
    """The gradient of the filter of `output`."""
    if not x.size or not dy.size:
        return zeros(w_shape, x.dtype)
    numbers, _ = _numbers(x.shape, w_shape, strides, pads, dilations)
    outs, taps = w_shape[4], w_shape[0] * w_shape[1] * w_shape[2]
    pixels, blocks = dy.size // outs, -(-outs // LANES)
    parts = max(1, min(BLOCKS // (blocks * taps), pixels // (LEAST * LINES)))
    dw = empty(w_shape, x.dtype)
    to = dw if parts == 1 else empty((parts, *w_shape), x.dtype)
    depthwise_filter_grad((blocks, taps, parts), (LANES, LINES), x.reshape(-1), dy.reshape(-1), *numbers, pixels,
                          -(-pixels // parts), to.reshape(-1))
    if parts > 1:
        add_parts.over(dw.size, to.reshape(-1), parts, dw.reshape(-1), False, dw.dtype.type(-np.inf), dw.reshape(-1))
    return dw
