"""Depthwise convolutions on a GPU, a filter for each channel: a thread an element, neighbours on channels.

The gradient of the filter is a sum over pixels: blocks of channels take parts of the pixels, and a second
kernel adds the parts up in order.
"""
import numpy as np

from ..conv_geometry import extents_out
from .arrays import empty, zeros
from .backend import SIMULATED
from .conv import add_parts
from .division import for_sizes, quotient
from .jit import cuda, kernel

LANES, LINES = 32, 1 if SIMULATED else 8        # channels and pixels that a block has under way
THREADS = LANES * LINES
BLOCKS = 4 if SIMULATED else 132 * 8
LEAST = 4 if SIMULATED else 64                  # pixels of a thread


@for_sizes
def _output(split):
    @kernel
    def depthwise(x, w, bias, biased, floor, x_d, x_h, x_w, channels, taps_d, taps_h, taps_w, outs, step_d,
                  step_h, step_w, pad_d, pad_h, pad_w, apart_d, apart_h, apart_w, y_d, y_h, y_w, out):
        """out[pixel, o] = max(floor, bias[o] + sum over t of x[pixel + tap t, channel of o] * w[t, o])"""
        i, times = cuda.grid(1), outs // channels
        while i < out.size:
            rest, o = split(i, outs)
            rest, first_w = split(rest, y_w)
            rest, first_h = split(rest, y_h)
            n, first_d = split(rest, y_d)
            first_d, first_h = first_d * step_d - pad_d, first_h * step_h - pad_h
            first_w, c, y = first_w * step_w - pad_w, quotient(o, times), out.dtype.type(0)
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
    return depthwise


@for_sizes
def _input_grad(split):
    @kernel
    def depthwise_input_grad(dy, w, x_d, x_h, x_w, channels, taps_d, taps_h, taps_w, outs, step_d, step_h,
                             step_w, pad_d, pad_h, pad_w, apart_d, apart_h, apart_w, y_d, y_h, y_w, dx):
        """dx[pixel, c] = sum over outputs o of c and taps t of w[t, o] * dy[what reads the pixel by t, o]"""
        i, times = cuda.grid(1), outs // channels
        while i < dx.size:
            rest, c = split(i, channels)
            rest, at_w = split(rest, x_w)
            rest, at_h = split(rest, x_h)
            n, at_d = split(rest, x_d)
            total = dx.dtype.type(0)
            for td in range(taps_d):
                far_d = at_d + pad_d - td * apart_d
                d = quotient(max(far_d, 0), step_d)
                if d * step_d == far_d and d < y_d:
                    for th in range(taps_h):
                        far_h = at_h + pad_h - th * apart_h
                        h = quotient(max(far_h, 0), step_h)
                        if h * step_h == far_h and h < y_h:
                            line, tap = ((n * y_d + d) * y_h + h) * y_w, (td * taps_h + th) * taps_w
                            for tw in range(taps_w):
                                far_w = at_w + pad_w - tw * apart_w
                                v = quotient(max(far_w, 0), step_w)
                                if v * step_w == far_w and v < y_w:
                                    for o in range(c * times, (c + 1) * times):
                                        total += dy[(line + v) * outs + o] * w[(tap + tw) * outs + o]
            dx[i] = total
            i += cuda.gridsize(1)
    return depthwise_input_grad


@for_sizes
def _filter_grad(split):
    @kernel
    def depthwise_filter_grad(x, dy, x_d, x_h, x_w, channels, taps_d, taps_h, taps_w, outs, step_d, step_h,
                              step_w, pad_d, pad_h, pad_w, apart_d, apart_h, apart_w, y_d, y_h, y_w, pixels,
                              each, dw):
        """dw[part, t, o] = sum over pixels of the part of x[pixel + tap t, channel of o] * dy[pixel, o]

        Blocks (channels, taps, parts) of LANES x LINES threads.
        """
        total = dw.dtype.type(0)
        sums = cuda.shared.array(THREADS, dw.dtype)
        lane, line, t, part = cuda.threadIdx.x, cuda.threadIdx.y, cuda.blockIdx.y, cuda.blockIdx.z
        o = cuda.blockIdx.x * LANES + lane
        if o < outs:
            c = o // (outs // channels)
            rest, off_w = split(t, taps_w)
            off_d, off_h = split(rest, taps_h)
            off_d, off_h, off_w = off_d * apart_d - pad_d, off_h * apart_h - pad_h, off_w * apart_w - pad_w
            for pixel in range(part * each + line, min(pixels, (part + 1) * each), LINES):
                rest, v = split(pixel, y_w)
                rest, h = split(rest, y_h)
                n, d = split(rest, y_d)
                d, h, v = d * step_d + off_d, h * step_h + off_h, v * step_w + off_w
                if 0 <= d < x_d and 0 <= h < x_h and 0 <= v < x_w:
                    total += x[(((n * x_d + d) * x_h + h) * x_w + v) * channels + c] * dy[pixel * outs + o]
        sums[line * LANES + lane] = total
        cuda.syncthreads()
        if line == 0 and o < outs:
            for k in range(1, LINES):
                total += sums[k * LANES + lane]
            dw[(part * taps_d * taps_h * taps_w + t) * outs + o] = total
    return depthwise_filter_grad


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
    run, w = _output(x.size, out.size), w.reshape(-1)
    run.over(out.size, x.reshape(-1), w, w if bias is None else bias, bias is not None, floor, *numbers,
             out.reshape(-1))
    return out


def input_grad(dy, w, x_shape, strides, pads, dilations):
    """The gradient of the images of `output`."""
    numbers, _ = _numbers(x_shape, w.shape, strides, pads, dilations)
    dx = empty(x_shape, dy.dtype)
    _input_grad(dx.size, dy.size).over(dx.size, dy.reshape(-1), w.reshape(-1), *numbers, dx.reshape(-1))
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
    run, flat = _filter_grad(x.size, dy.size), dw.reshape(-1)
    run((blocks, taps, parts), (LANES, LINES), x.reshape(-1), dy.reshape(-1), *numbers, pixels,
        -(-pixels // parts), to.reshape(-1))
    if parts > 1:
        add_parts.over(dw.size, to.reshape(-1), parts, flat, False, dw.dtype.type(-np.inf), flat)
    return dw
