"""Images of another size, by the nearest pixel or from four, and both adjoints: the twin of `kernels.resize`.

Where a place comes from is worked out by each thread, to the bit as the CPU's tables say it.  The adjoint
gathers, from the run of places that came from a pixel: results are the same each time.
"""
import math

import numpy as np

from .arrays import empty, flat as _flat
from .division import for_sizes
from .jit import cuda, device, kernel


@device
def nearest_source(i, scale, size, half):
    """The pixel that place i of an axis is from; half is 0.5 where halves go up, else 0"""
    place = np.float32(np.float64(i) * np.float64(scale))       # (rounded once, and not fused)
    return min(np.int64(math.floor(place + half)), size - 1)


@device
def bilinear_source(i, scale, size):
    """(lower, upper, lerp): the pixels that place i of an axis is from, how far it is from the lower"""
    place = np.float32(np.float64(i) * np.float64(scale))
    whole = np.float32(math.floor(place))
    lower = min(np.int64(whole), size - 1)
    return lower, min(lower + 1, size - 1), np.float32(place - whole)


@device
def before_run(at, scale):
    """A place at or before the first that comes from pixel `at` or one after it"""
    return 0 if scale == 0 else max(0, np.int64((at - 1) / np.float64(scale)) - 2)


@for_sizes
def _nearest(split):
    @kernel
    def resize_nearest(x, height, width, channels, rows, columns, down, along, half, out):
        """out[n, i, k] = x[n, row of i, column of k]"""
        i = cuda.grid(1)
        while i < out.size:
            rest, c = split(i, channels)
            rest, k = split(rest, columns)
            n, r = split(rest, rows)
            row, column = nearest_source(r, down, height, half), nearest_source(k, along, width, half)
            out[i] = x[((n * height + row) * width + column) * channels + c]
            i += cuda.gridsize(1)
    return resize_nearest


@for_sizes
def _bilinear(split):
    @kernel
    def resize_bilinear(x, height, width, channels, rows, columns, down, along, out):
        """out[n, i, k] = the mixture of four pixels of x"""
        i, kind = cuda.grid(1), out.dtype.type
        while i < out.size:
            rest, c = split(i, channels)
            rest, k = split(rest, columns)
            n, r = split(rest, rows)
            top, bottom, below = bilinear_source(r, down, height)
            left, right, after = bilinear_source(k, along, width)
            top, bottom = (n * height + top) * width, (n * height + bottom) * width
            a, b = x[(top + left) * channels + c], x[(top + right) * channels + c]
            u, v = x[(bottom + left) * channels + c], x[(bottom + right) * channels + c]
            upper = a + (b - a) * kind(after)
            lower = u + (v - u) * kind(after)
            out[i] = upper + (lower - upper) * kind(below)
            i += cuda.gridsize(1)
    return resize_bilinear


@for_sizes
def _nearest_adjoint(split):
    @kernel
    def resize_nearest_grad(dy, height, width, channels, rows, columns, down, along, half, dx):
        """dx[n, row, column] = the sum of dy over the places that came from there"""
        i = cuda.grid(1)
        while i < dx.size:
            rest, c = split(i, channels)
            rest, column = split(rest, width)
            n, row = split(rest, height)
            total, r = dx.dtype.type(0), before_run(row, down)
            first = before_run(column, along)
            while r < rows and nearest_source(r, down, height, half) <= row:
                if nearest_source(r, down, height, half) == row:
                    k = first
                    while k < columns and nearest_source(k, along, width, half) <= column:
                        if nearest_source(k, along, width, half) == column:
                            total += dy[((n * rows + r) * columns + k) * channels + c]
                        k += 1
                r += 1
            dx[i] = total
            i += cuda.gridsize(1)
    return resize_nearest_grad


@for_sizes
def _bilinear_adjoint(split):
    @kernel
    def resize_bilinear_grad(dy, height, width, channels, rows, columns, down, along, dx):
        """dx[n, row, column] = what the places that came from there give back"""
        i, kind = cuda.grid(1), dx.dtype.type
        zero, one = kind(0), kind(1)
        while i < dx.size:
            rest, c = split(i, channels)
            rest, column = split(rest, width)
            n, row = split(rest, height)
            total, r = zero, before_run(row, down)
            first = before_run(column, along)
            top, bottom, below = bilinear_source(r, down, height)
            while r < rows and top <= row:
                weight = ((one - kind(below) if top == row else zero)
                          + (kind(below) if bottom == row else zero))
                if bottom >= row and weight != zero:
                    k = first
                    left, right, after = bilinear_source(k, along, width)
                    while k < columns and left <= column:
                        share = ((one - kind(after) if left == column else zero)
                                 + (kind(after) if right == column else zero))
                        if share != zero:
                            total += dy[((n * rows + r) * columns + k) * channels + c] * (weight * share)
                        k += 1
                        left, right, after = bilinear_source(k, along, width)
                r += 1
                top, bottom, below = bilinear_source(r, down, height)
            dx[i] = total
            i += cuda.gridsize(1)
    return resize_bilinear_grad


# ---- launches
def _scale(size, new, align_corners):
    """How far apart in an axis of that size the sources of `new` places are."""
    aligned = align_corners and new > 1
    return np.float32(size - 1) / np.float32(new - 1) if aligned else np.float32(size) / np.float32(new)


def _scales(size, new, align_corners, nearest):
    """What kernels take: both scales, and for the nearest what is added before rounding down."""
    found = [_scale(*axis, align_corners) for axis in zip(size, new, strict=True)]
    return (*found, np.float32(0.5 if align_corners else 0)) if nearest else found


def resize(x, size, align_corners, nearest):
    """Images [n, height, width, channels] brought to (new height, new width)."""
    n, height, width, channels = x.shape
    out = empty((n, *size, channels), x.dtype)
    run = (_nearest if nearest else _bilinear)(x.size, out.size)
    if out.size:
        run.over(out.size, _flat(x), height, width, channels, *size,
                 *_scales((height, width), size, align_corners, nearest), out.reshape(-1))
    return out


def resize_grad(dy, size, align_corners, nearest):
    """The adjoint of `resize` from images of that size (height, width): what each pixel gave, given back."""
    n, *new, channels = dy.shape
    dx = empty((n, *size, channels), dy.dtype)
    run = (_nearest_adjoint if nearest else _bilinear_adjoint)(dx.size, dy.size)
    if dx.size:
        run.over(dx.size, _flat(dy), *size, channels, *new, *_scales(size, new, align_corners, nearest),
                 dx.reshape(-1))
    return dx
