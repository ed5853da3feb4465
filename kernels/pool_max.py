"""The largest element of each sliding window, with its gradient, for channels last and channels first.

With channels last the inner loops run across channels, with channels first (or one channel) along a row.  The
number of the largest in its window is kept: from it the gradient knows where to go.
"""
import math

import numpy as np

from .blocks import fill
from .jit import kernel, range_kernel
from .memory import empty
from .pool_tiles import largest_of_pixels, sum_where
from .recording import contiguous
from .windows import covers, places, rows_over, rows_under, spans

UINT8, INT32, INT64 = np.dtype(np.uint8), np.dtype(np.int32), np.dtype(np.int64)


# ---- channels last
@range_kernel
def _max_channels(x, channels, size, count, kernel, dilation, spans_d, spans_h, spans_w, none, out, index, lo,
                  hi):
    """out, index = the largest of each window and its number there, for rows of windows"""
    elements = kernel[0] * kernel[1] * kernel[2]
    rows = np.empty((kernel[0] * kernel[1], 2), np.int64)
    places, numbers = np.empty(elements, np.int64), np.empty(elements, np.int32)
    for i in range(lo, hi):
        n, rest = divmod(i, count[0] * count[1])
        d, h = divmod(rest, count[1])
        reached = rows_under(n, size, kernel, dilation, spans_d[d], spans_h[h], rows)
        for o in range(count[2]):
            numbers[0], found = elements, 0
            for j in range(reached):
                for w in range(spans_w[o, 0], spans_w[o, 1]):
                    pixel = rows[j, 0] * size[2] + spans_w[o, 2] + (w - spans_w[o, 0]) * dilation[2]
                    places[found], numbers[found] = pixel * channels, rows[j, 1] + w
                    found += 1
            largest_of_pixels(x, channels, places, numbers, found, none, out, index,
                              (i * count[2] + o) * channels)


@range_kernel
def _max_grad_channels(g, index, channels, size, count, kernel, ends_d, pairs_d, ends_h, pairs_h, ends_w,
                       pairs_w, dx, lo, hi):
    """dx = the gradients of the windows whose largest an element is, for rows of the array"""
    elements = kernel[0] * kernel[1] * kernel[2]
    rows = np.empty((kernel[0] * kernel[1], 2), np.int64)
    places, numbers = np.empty(elements, np.int64), np.empty(elements, np.int32)
    for i in range(lo, hi):
        n, rest = divmod(i, size[0] * size[1])
        d, h = divmod(rest, size[1])
        over = rows_over(n, count, kernel, pairs_d[ends_d[d]:ends_d[d + 1]],
                         pairs_h[ends_h[h]:ends_h[h + 1]], rows)
        for w in range(size[2]):
            found = 0
            for j in range(over):
                for e in range(ends_w[w], ends_w[w + 1]):
                    places[found] = (rows[j, 0] * count[2] + pairs_w[e, 0]) * channels
                    numbers[found] = rows[j, 1] + pairs_w[e, 1]
                    found += 1
            sum_where(g, index, channels, places, numbers, found, dx, (i * size[2] + w) * channels)


# ---- channels first
@kernel
def _largest_of_row(best, found, spans_w, step, last, none, no_number, out, index):
    """out, index = the largest along each window of one row, and its number; `found` in a column is known"""
    for o in range(out.size):
        w0, w1, start = spans_w[o, 0], spans_w[o, 1], spans_w[o, 2]
        if w0 == w1:
            out[o], index[o] = none, no_number
            continue
        y, k = best[start], found[start] + w0
        for w in range(w0 + 1, w1):
            at = start + (w - w0) * step
            x, number = best[at], found[at] + w
            # of equals, and of several nan, the one that comes first row by row
            better = not (x <= y) and y == y
            tie = (x == y or (x != x and y != y)) and number < k
            y, k = (x, number) if better or tie else (y, k)
        out[o], index[o] = y, k


@range_kernel
def _max_rows(x, size, count, kernel, dilation, spans_d, spans_h, spans_w, none, out, index, lo, hi):
    """out, index = the largest of each window and its number there, for rows of windows"""
    rows = np.empty((kernel[0] * kernel[1], 2), np.int64)
    places, first = np.empty(len(rows), np.int64), np.empty(len(rows), np.int32)
    width, no_number = size[2], kernel[0] * kernel[1] * kernel[2]
    best, found = np.empty(width, x.dtype), np.empty(width, np.int32)
    for i in range(lo, hi):
        n, rest = divmod(i, count[0] * count[1])
        d, h = divmod(rest, count[1])
        reached = rows_under(n, size, kernel, dilation, spans_d[d], spans_h[h], rows)
        y, numbers = out[i * count[2]:(i + 1) * count[2]], index[i * count[2]:(i + 1) * count[2]]
        if reached == 0:
            fill(y, none)
            fill(numbers, no_number)
            continue
        for j in range(reached):
            places[j], first[j] = rows[j, 0] * width, rows[j, 1]
        largest_of_pixels(x, width, places, first, reached, none, best, found, 0)
        _largest_of_row(best, found, spans_w, dilation[2], kernel[2], none, no_number, y, numbers)


@range_kernel
def _max_grad_planes(g, index, size, count, steps, starts_d, starts_h, starts_w, dx, lo, hi):
    """dx = the gradients of the windows whose largest an element is, for planes of the array"""
    plane, windows = size[0] * size[1] * size[2], count[0] * count[1] * count[2]
    fill(dx[lo * plane:hi * plane], 0)
    for n in range(lo, hi):
        i = n * windows
        for d in range(count[0]):
            for h in range(count[1]):
                for w in range(count[2]):
                    k = index[i]
                    if k < steps.size:
                        at = n * plane + starts_d[d] + starts_h[h] + starts_w[w] + steps[k]
                        dx[at] += g[i]
                    i += 1


@range_kernel
def _take(x, index, channels, plane, count, steps, starts_d, starts_h, starts_w, out, lo, hi):
    """out = the elements of x at the numbers in index, 0 for no element, for windows"""
    windows = count[0] * count[1] * count[2]
    for i in range(lo, hi):
        n, rest = divmod(i, windows)
        d, rest = divmod(rest, count[1] * count[2])
        h, w = divmod(rest, count[2])
        start = n * plane + starts_d[d] + starts_h[h] + starts_w[w]
        for c in range(channels):
            k = index[i * channels + c]
            out[i * channels + c] = x[(start + steps[k]) * channels + c] if k < steps.size else 0


@range_kernel
def _positions(index, channels, plane, count, steps, starts_d, starts_h, starts_w, out, lo, hi):
    """out = (plane * example + place of the element with that number) * channels + channel, -1 for none"""
    windows = count[0] * count[1] * count[2]
    for i in range(lo, hi):
        n, rest = divmod(i, windows)
        d, rest = divmod(rest, count[1] * count[2])
        h, w = divmod(rest, count[2])
        start = n * plane + starts_d[d] + starts_h[h] + starts_w[w]
        for c in range(channels):
            k = index[i * channels + c]
            out[i * channels + c] = (start + steps[k]) * channels + c if k < steps.size else -1


# ---- launches
def index_dtype(windows):
    """What numbers the elements of a window."""
    return UINT8 if windows.elements < 256 else INT32


def max_pool(x, windows):
    """The largest of each window, the first nan if there is one, and its number in the window, row by row.

    Of a window with no element inside it is the lowest there is, and its number that of elements in a window.
    """
    out = empty(windows.out_shape, x.dtype)
    index = empty(windows.out_shape, index_dtype(windows))
    if out.size:
        run, lead = (_max_channels, (windows.channels,)) if windows.inner_channels else (_max_rows, ())
        run(windows.rows, out.size * windows.elements, _flat(x), *lead, windows.size, windows.counts,
            windows.kernel, windows.dilations, *spans(windows), lowest(x.dtype), out.ravel(), index.ravel())
    return out, index


def max_pool_grad(dy, index, windows):
    """For each element the sum of dy over the windows whose largest it is."""
    dx = empty(windows.shape, dy.dtype)
    if not dx.size:
        return dx
    if windows.inner_channels:
        tables = [t for axis in covers(windows) for t in axis]
        _max_grad_channels(dx.size // (windows.size[2] * windows.channels), dx.size, _flat(dy), _flat(index),
                           windows.channels, windows.size, windows.counts, windows.kernel, *tables,
                           dx.ravel())
    else:
        steps, starts = places(windows)
        _max_grad_planes(windows.planes, dx.size, _flat(dy), _flat(index), windows.size, windows.counts,
                         steps, *starts, dx.ravel())
    return dx


def max_pool_positions(index, windows, whole):
    """Where each window's largest stands in its example, or in the whole array; -1 for no element.

    For channels last: position (row * width + column) * channels + channel.
    """
    out = empty(windows.out_shape, INT64)
    if out.size:
        steps, starts = places(windows)
        _positions(out.size // windows.channels, out.size, _flat(index), windows.channels,
                   math.prod(windows.size) if whole else 0, windows.counts, steps, *starts, out.ravel())
    return out


def max_pool_take(x, index, windows):
    """The elements of x that stand where the largest of another array stood; 0 for no element."""
    out = empty(windows.out_shape, x.dtype)
    if out.size:
        steps, starts = places(windows)
        channels = windows.channels if windows.inner_channels else 1
        _take(out.size // channels, out.size, _flat(x), _flat(index), channels, math.prod(windows.size),
              windows.counts, steps, *starts, out.ravel())
    return out


def lowest(dtype):
    """What is not larger than any element of a dtype."""
    return dtype.type(-np.inf if dtype.kind == "f" else np.iinfo(dtype).min)


def _flat(x):
    return contiguous(x).ravel()
