"""Images of another size, by the nearest pixel or by two lines and two columns, and the adjoint of both.

Where an output row comes from is two input rows and a weight: lower, upper and lerp, and so for columns.  The
adjoint gathers: an input row takes from the run of output rows that came from it, and rows are independent.
"""
import functools

import numpy as np

from .blocks import copy, fill
from .jit import kernel, range_kernel, wide_vectors
from .memory import empty
from .recording import contiguous, table
from .row_sums import add_scaled

INT64, FLOAT32 = np.dtype(np.int64), np.float32


# ---- where pixels come from
@functools.lru_cache(maxsize=1024)
def sources(size, new, align_corners, nearest):
    """(lower, upper, lerp) for each of `new` places of an axis of that size, in float32 as TensorFlow 1.14.

    Place i is i * scale, with scale = size / new or, aligned at the corners, (size - 1) / (new - 1).
    """
    aligned = align_corners and new > 1
    scale = FLOAT32(size - 1) / FLOAT32(new - 1) if aligned else FLOAT32(size) / FLOAT32(new)
    place = np.arange(new, dtype=FLOAT32) * scale
    if nearest:
        # halves go up: roundf of what is not negative
        lower = np.minimum(np.floor(place + FLOAT32(0.5) if align_corners else place), size - 1).astype(INT64)
        return table(lower), lower, table(np.zeros(new, FLOAT32))
    lower = np.minimum(np.floor(place), size - 1)
    upper = np.minimum(lower + 1, size - 1)
    return table(lower.astype(INT64)), table(upper.astype(INT64)), table(place - np.floor(place))


@functools.lru_cache(maxsize=1024)
def _targets(size, new, align_corners, nearest):
    """For each row of an input the first output row that came from it, and the last + 1."""
    lower, upper, _ = sources(size, new, align_corners, nearest)
    rows = np.arange(size)
    return table(np.searchsorted(upper, rows, "left")), table(np.searchsorted(lower, rows, "right"))


# ---- kernels
@kernel
def _mix(upper_left, upper_right, lower_left, lower_right, along, down, out):
    """out = the mixture of four pixels"""
    wide_vectors()
    for c in range(out.size):
        upper = upper_left[c] + (upper_right[c] - upper_left[c]) * along
        lower = lower_left[c] + (lower_right[c] - lower_left[c]) * along
        out[c] = upper + (lower - upper) * down


@range_kernel
def _nearest(x, height, width, channels, rows, columns, out, lo, hi):
    """out[i, k] = x[rows[i], columns[k]]; i counts rows of all images"""
    for i in range(lo, hi):
        n, row = divmod(i, len(rows))
        line = (n * height + rows[row]) * width
        for k in range(len(columns)):
            at, to = (line + columns[k]) * channels, (i * len(columns) + k) * channels
            copy(x[at:at + channels], out[to:to + channels])


@range_kernel
def _bilinear(x, height, width, channels, tops, bottoms, down, lefts, rights, along, out, lo, hi):
    """out[i, k] = the mixture of four pixels of x; i counts rows of all images"""
    line = width * channels
    for i in range(lo, hi):
        n, row = divmod(i, len(tops))
        top = x[(n * height + tops[row]) * line:]
        bottom = x[(n * height + bottoms[row]) * line:]
        for k in range(len(lefts)):
            a, b, to = lefts[k] * channels, rights[k] * channels, (i * len(lefts) + k) * channels
            _mix(top[a:a + channels], top[b:b + channels], bottom[a:a + channels], bottom[b:b + channels],
                 x.dtype.type(along[k]), x.dtype.type(down[row]), out[to:to + channels])


@range_kernel
def _adjoint(g, height, width, channels, tops, bottoms, down, firsts, ends, lefts, rights, along, dx, lo, hi):
    """dx[i] = what the output rows that came from row i give back; i counts rows of all images"""
    line, one = width * channels, g.dtype.type(1)
    for i in range(lo, hi):
        n, row = divmod(i, height)
        y = dx[i * line:(i + 1) * line]
        fill(y, 0)
        for r in range(firsts[row], ends[row]):
            below = g.dtype.type(down[r])
            weight = (one - below) * (tops[r] == row) + below * (bottoms[r] == row)
            for k in range(len(lefts)):
                at = ((n * len(tops) + r) * len(lefts) + k) * channels
                a, b = lefts[k] * channels, rights[k] * channels
                right = g.dtype.type(along[k])
                add_scaled(g[at:at + channels], weight * (one - right), y[a:a + channels])
                if right != 0:
                    add_scaled(g[at:at + channels], weight * right, y[b:b + channels])


# ---- launches
def resize(x, size, align_corners, nearest):
    """Images [n, height, width, channels] brought to (new height, new width)."""
    n, height, width, channels = x.shape
    out = empty((n, *size, channels), x.dtype)
    if out.size:
        rows = sources(height, size[0], align_corners, nearest)
        columns = sources(width, size[1], align_corners, nearest)
        flat = contiguous(x).ravel()
        if nearest:
            _nearest(n * size[0], out.size, flat, height, width, channels, rows[0], columns[0], out.ravel())
        else:
            _bilinear(n * size[0], 4 * out.size, flat, height, width, channels, *rows, *columns,
                      out.ravel())
    return out


def resize_grad(dy, size, align_corners, nearest):
    """The adjoint of `resize` from images of that size (height, width): what each pixel gave, given back."""
    n, *new, channels = dy.shape
    dx = empty((n, *size, channels), dy.dtype)
    if dx.size:
        rows = sources(size[0], new[0], align_corners, nearest)
        columns = sources(size[1], new[1], align_corners, nearest)
        runs = _targets(size[0], new[0], align_corners, nearest)
        flat = contiguous(dy).ravel()
        _adjoint(n * size[0], 2 * (dx.size + dy.size), flat, *size, channels, *rows, *runs, *columns,
                 dx.ravel())
    return dx
