"""The mean of each sliding window, with its gradient, for channels last and channels first.

Elements outside the array count for nothing.  With channels last the inner loops run across channels, with
channels first (or one channel) along a row.
"""
import numpy as np

from .blocks import fill
from .jit import range_kernel
from .memory import empty
from .pool_tiles import weighted_sum
from .recording import contiguous
from .row_sums import add, add_scaled
from .windows import covers, rows_over, rows_under, shares, spans


# ---- channels last
@range_kernel
def _mean_channels(x, channels, size, count, kernel, dilation, spans_d, spans_h, spans_w, shares_d, shares_h,
                   shares_w, out, lo, hi):
    """out = the mean of each window, for rows of windows"""
    elements = kernel[0] * kernel[1] * kernel[2]
    rows = np.empty((kernel[0] * kernel[1], 2), np.int64)
    places, weights = np.empty(elements, np.int64), np.empty(elements, x.dtype)
    for i in range(lo, hi):
        n, rest = divmod(i, count[0] * count[1])
        d, h = divmod(rest, count[1])
        reached = rows_under(n, size, kernel, dilation, spans_d[d], spans_h[h], rows)
        for o in range(count[2]):
            found, share = 0, shares_d[d] * shares_h[h] * shares_w[o]
            for j in range(reached):
                for w in range(spans_w[o, 1] - spans_w[o, 0]):
                    places[found] = (rows[j, 0] * size[2] + spans_w[o, 2] + w * dilation[2]) * channels
                    weights[found] = share
                    found += 1
            weighted_sum(x, channels, places, weights, found, out, (i * count[2] + o) * channels)


@range_kernel
def _mean_grad_channels(g, channels, size, count, kernel, ends_d, pairs_d, ends_h, pairs_h, ends_w, pairs_w,
                        shares_d, shares_h, shares_w, dx, lo, hi):
    """dx = the gradients of the windows over an element, each over its number of elements; for rows"""
    elements = kernel[0] * kernel[1] * kernel[2]
    rows = np.empty((kernel[0] * kernel[1], 2), np.int64)
    places, weights = np.empty(elements, np.int64), np.empty(elements, g.dtype)
    for i in range(lo, hi):
        n, rest = divmod(i, size[0] * size[1])
        d, h = divmod(rest, size[1])
        over = rows_over(n, count, kernel, pairs_d[ends_d[d]:ends_d[d + 1]],
                         pairs_h[ends_h[h]:ends_h[h + 1]], rows)
        for w in range(size[2]):
            found = 0
            for j in range(over):
                of_depth, of_row = divmod(rows[j, 0] - n * count[0] * count[1], count[1])
                for e in range(ends_w[w], ends_w[w + 1]):
                    places[found] = (rows[j, 0] * count[2] + pairs_w[e, 0]) * channels
                    weights[found] = shares_d[of_depth] * shares_h[of_row] * shares_w[pairs_w[e, 0]]
                    found += 1
            weighted_sum(g, channels, places, weights, found, dx, (i * size[2] + w) * channels)


# ---- channels first
@range_kernel
def _mean_rows(x, size, count, kernel, dilation, spans_d, spans_h, spans_w, shares_d, shares_h, shares_w, out,
               lo, hi):
    """out = the mean of each window, for rows of windows"""
    rows = np.empty((kernel[0] * kernel[1], 2), np.int64)
    width, total = size[2], np.empty(size[2], x.dtype)
    for i in range(lo, hi):
        n, rest = divmod(i, count[0] * count[1])
        d, h = divmod(rest, count[1])
        reached = rows_under(n, size, kernel, dilation, spans_d[d], spans_h[h], rows)
        fill(total, 0)
        for j in range(reached):
            add(x[rows[j, 0] * width:(rows[j, 0] + 1) * width], total)
        for o in range(count[2]):
            y = x.dtype.type(0)
            for w in range(spans_w[o, 1] - spans_w[o, 0]):
                y += total[spans_w[o, 2] + w * dilation[2]]
            out[i * count[2] + o] = y * x.dtype.type(shares_d[d] * shares_h[h] * shares_w[o])


@range_kernel
def _mean_grad_rows(g, size, count, kernel, dilation, ends_d, pairs_d, ends_h, pairs_h, spans_w, shares_d,
                    shares_h, shares_w, dx, lo, hi):
    """dx = the gradients of the windows over an element, each over its number of elements; for rows"""
    rows = np.empty((kernel[0] * kernel[1], 2), np.int64)
    columns, total = count[2], np.empty(count[2], g.dtype)
    for i in range(lo, hi):
        n, rest = divmod(i, size[0] * size[1])
        d, h = divmod(rest, size[1])
        over = rows_over(n, count, kernel, pairs_d[ends_d[d]:ends_d[d + 1]],
                          pairs_h[ends_h[h]:ends_h[h + 1]], rows)
        fill(total, 0)
        for j in range(over):
            of_depth, of_row = divmod(rows[j, 0] - n * count[0] * count[1], count[1])
            share = g.dtype.type(shares_d[of_depth] * shares_h[of_row])
            add_scaled(g[rows[j, 0] * columns:(rows[j, 0] + 1) * columns], share, total)
        row = dx[i * size[2]:(i + 1) * size[2]]
        fill(row, 0)
        for o in range(columns):
            each = total[o] * g.dtype.type(shares_w[o])
            for w in range(spans_w[o, 1] - spans_w[o, 0]):
                row[spans_w[o, 2] + w * dilation[2]] += each


# ---- launches
def avg_pool(x, windows):
    """The mean of the elements of each window that are inside; 0 where none is."""
    out = empty(windows.out_shape, x.dtype)
    if out.size:
        run, lead = (_mean_channels, (windows.channels,)) if windows.inner_channels else (_mean_rows, ())
        run(windows.rows, out.size * windows.elements, _flat(x), *lead, windows.size, windows.counts,
            windows.kernel, windows.dilations, *spans(windows), *shares(windows), out.ravel())
    return out


def avg_pool_grad(dy, windows):
    """For each element the sum of dy over the windows that it is in, each over its number of elements."""
    dx = empty(windows.shape, dy.dtype)
    if not dx.size:
        return dx
    depth, height, width = covers(windows)
    if windows.inner_channels:
        _mean_grad_channels(dx.size // (windows.size[2] * windows.channels), dx.size, _flat(dy),
                            windows.channels, windows.size, windows.counts, windows.kernel, *depth, *height,
                            *width, *shares(windows), dx.ravel())
    else:
        _mean_grad_rows(dx.size // windows.size[2], dx.size, _flat(dy), windows.size, windows.counts,
                        windows.kernel, windows.dilations, *depth, *height, spans(windows)[2],
                        *shares(windows), dx.ravel())
    return dx


def _flat(x):
    return contiguous(x).ravel()
