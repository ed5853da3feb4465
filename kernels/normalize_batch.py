"""Batch normalization along any channel axis: statistics in one pass over memory, and gradients in two.

Arrays are (outer, channels, inner).  Mean and squared distance of a chunk are taken one after the other while
it is in cache, and chunks are merged in float64 (Chan et al. 1979): nothing cancels, however far the mean is
from 0.  Chunks depend on the shape alone, so the result is the same for any number of threads.
"""
import functools
from typing import NamedTuple

import numpy as np

from .blocks import around, fill
from .jit import kernel, range_kernel, wide_vectors
from .memory import empty
from .recording import contiguous, scratch, table
from .row_sums import add

ROWS = 64           # rows in one chunk, where channels are last: with TILE float32 columns 64 KiB
TILE = 256          # columns in one chunk
WIDE = 256          # fewer channels are taken several rows at a time
RUN = 1 << 13       # elements of a channel in one chunk, where channels are not last
FLOAT64 = np.dtype(np.float64)


class Layout(NamedTuple):
    """How an array is cut into chunks."""

    outer: int
    channels: int
    inner: int
    group: int          # rows side by side, where channels are last
    counts: np.ndarray  # elements of each channel in each chunk

    @property
    def count(self):
        """How many elements a channel has."""
        return self.outer * self.inner

    @property
    def wide(self):
        """Columns side by side, where channels are last."""
        return self.group * self.channels


@functools.lru_cache(maxsize=1024)
def layout(shape, axis):
    """The Layout of an array of that shape with its channels along the axis."""
    outer, channels, inner = around(shape, axis)
    if inner == 1:
        group = max(1, min(-(-WIDE // max(channels, 1)), outer))
        rows, rest = divmod(outer, group)
        counts = np.repeat(_pieces(rows, ROWS), group).tolist() + [1] * rest
    else:
        group, counts = 1, _pieces(inner, RUN) * outer
    return Layout(outer, channels, inner, group, table(np.array(counts, np.int64)))


def _pieces(n, size):
    return [min(size, n - start) for start in range(0, n, size)]


# ---- statistics of chunks
# (several rows at a time: sums are loaded and stored once for all.  Indices are unsigned, or Numba would
# test each for being negative.)
@kernel
def _add_eight(x, stride, total):
    """total += the eight rows of x, as a tree"""
    wide_vectors()
    one = np.uint64(stride)
    two, four = one + one, one + one + one + one
    for c in range(np.uint64(total.size)):
        d = c + four
        left = (x[c] + x[c + one]) + (x[c + two] + x[c + two + one])
        total[c] += left + ((x[d] + x[d + one]) + (x[d + two] + x[d + two + one]))


@kernel
def _add_squares(x, stride, mean, total):
    """total += (x - mean)^2 of four rows"""
    wide_vectors()
    one = np.uint64(stride)
    two = one + one
    for c in range(np.uint64(total.size)):
        a, b = x[c] - mean[c], x[c + one] - mean[c]
        d, e = x[c + two] - mean[c], x[c + two + one] - mean[c]
        total[c] += (a * a + b * b) + (d * d + e * e)


@kernel
def _column_moments(x, stride, rows, mean, square):
    """mean, square = the mean of each column of x[row, c] and the sum of (x - mean)^2"""
    width = mean.size
    fill(mean, 0)
    fill(square, 0)
    for r in range(0, rows - 7, 8):
        _add_eight(x[r * stride:(r + 7) * stride + width], stride, mean)
    for r in range(rows - rows % 8, rows):
        add(x[r * stride:r * stride + width], mean)
    scale = x.dtype.type(1) / x.dtype.type(rows)
    for c in range(width):
        mean[c] *= scale
    for r in range(0, rows - 3, 4):
        _add_squares(x[r * stride:(r + 3) * stride + width], stride, mean, square)
    for r in range(rows - rows % 4, rows):
        row = x[r * stride:r * stride + width]
        for c in range(width):
            d = row[c] - mean[c]
            square[c] += d * d


@range_kernel
def _moments_last(x, rows, wide, means, squares, lo, hi):
    """means, squares [chunk, column] of x[row, column]"""
    tiles = (wide + TILE - 1) // TILE
    for task in range(lo, hi):
        j, tile = divmod(task, tiles)
        c, width = tile * TILE, min(TILE, wide - tile * TILE)
        to = j * wide + c
        _column_moments(x[j * ROWS * wide + c:], wide, min(ROWS, rows - j * ROWS), means[to:to + width],
                        squares[to:to + width])


@kernel
def _mean_of(x):
    """The mean of x."""
    wide_vectors()
    total = x.dtype.type(0)
    for i in range(x.size):
        total += x[i]
    return total / x.dtype.type(x.size)


@kernel
def _square_about(x, mean):
    """The sum of (x - mean)^2."""
    wide_vectors()
    total = x.dtype.type(0)
    for i in range(x.size):
        d = x[i] - mean
        total += d * d
    return total


@range_kernel
def _moments_first(x, channels, inner, means, squares, lo, hi):
    """means, squares [outer, chunk, channel] of x[outer, channel, inner]"""
    chunks = (inner + RUN - 1) // RUN
    for task in range(lo, hi):
        row, j = divmod(task, chunks)
        n, c = divmod(row, channels)
        part = x[row * inner + j * RUN:row * inner + min((j + 1) * RUN, inner)]
        to = (n * chunks + j) * channels + c
        means[to] = _mean_of(part)
        squares[to] = _square_about(part, means[to])


@range_kernel
def _merge(means, squares, counts, mean, square, lo, hi):
    """mean, square = those of all chunks together, for channels"""
    channels, total = mean.size, 0
    fill(mean[lo:hi], 0)
    fill(square[lo:hi], 0)
    for j in range(counts.size):
        n = counts[j]
        total += n
        share, weight = n / total, n * (total - n) / total
        m, s = means[j * channels:(j + 1) * channels], squares[j * channels:(j + 1) * channels]
        for c in range(lo, hi):
            delta = m[c] - mean[c]
            mean[c] += delta * share
            square[c] += s[c] + delta * delta * weight


def moments(x, axis):
    """The mean of each channel and the sum of squared distances from it, both float64, and the Layout."""
    cut = layout(x.shape, axis)
    flat = contiguous(x).ravel()
    means, squares = (empty((cut.counts.size * cut.channels,), x.dtype) for _ in range(2))
    if cut.inner == 1:
        rows = cut.outer // cut.group
        chunks, whole = -(-rows // ROWS), rows * cut.wide
        _moments_last(chunks * -(-cut.wide // TILE), x.size, flat, rows, cut.wide, means, squares)
        means[chunks * cut.wide:] = flat[whole:]
        squares[chunks * cut.wide:] = 0
    else:
        _moments_first(cut.outer * cut.channels * -(-cut.inner // RUN), x.size, flat, cut.channels, cut.inner,
                       means, squares)
    mean, square = scratch((cut.channels,), FLOAT64), scratch((cut.channels,), FLOAT64)
    _merge(cut.channels, means.size, means, squares, cut.counts, mean, square)
    if not cut.count:
        mean[:] = np.nan                        # of nothing
        square[:] = np.nan
    return mean, square, cut


# ---- the normalized
@range_kernel
def _affine_last(x, mean, scale, offset, out, lo, hi):
    """out = (x - mean) * scale + offset, for blocks as long as mean"""
    wide_vectors()
    wide = mean.size
    for i in range(lo, hi):
        row, y = x[i * wide:(i + 1) * wide], out[i * wide:(i + 1) * wide]
        for c in range(row.size):
            y[c] = (row[c] - mean[c]) * scale[c] + offset[c]


@range_kernel
def _affine_first(x, inner, mean, scale, offset, out, lo, hi):
    """out = (x - mean) * scale + offset, for x[i, inner], i counting channels again and again"""
    wide_vectors()
    for i in range(lo, hi):
        row, y, c = x[i * inner:(i + 1) * inner], out[i * inner:(i + 1) * inner], i % mean.size
        m, a, b = mean[c], scale[c], offset[c]
        for k in range(inner):
            y[k] = (row[k] - m) * a + b


def affine(x, mean, scale, offset, cut):
    """(x - mean) * scale + offset, the three given for each channel in x's dtype."""
    out = empty(x.shape, x.dtype)
    flat = contiguous(x).ravel()
    if cut.inner == 1:
        tiled = [_tiled(v, cut.group) for v in (mean, scale, offset)]
        _affine_last(-(-cut.outer // cut.group), x.size, flat, *tiled, out.ravel())
    else:
        _affine_first(cut.outer * cut.channels, x.size, flat, cut.inner, mean, scale, offset, out.ravel())
    return out


def _tiled(v, times):
    if times == 1:
        return v
    made = empty((times, v.size), v.dtype)
    made[:] = v
    return made.ravel()


@range_kernel
def _finish(mean, square, scale, count, epsilon, mean_x, factor, variance, inverse, lo, hi):
    """What batch_norm gives for channels, from their mean and squared distances"""
    for c in range(lo, hi):
        inverse[c] = 1.0 / np.sqrt(square[c] / max(count, 1) + epsilon)
        mean_x[c], factor[c], variance[c] = mean[c], scale[c] * inverse[c], square[c] / max(count - 1, 1)


def batch_norm(x, scale, offset, epsilon, axis):
    """y = (x - mean) / sqrt(variance + epsilon) * scale + offset, and mean, variance over all other axes.

    The variance that is given back is that of a sample, over count - 1; 1 / sqrt(...) comes last, float64.
    """
    mean, square, cut = moments(x, axis)
    mean_x, factor, variance = (scratch((cut.channels,), x.dtype) for _ in range(3))
    inverse = scratch((cut.channels,), FLOAT64)
    _finish(cut.channels, 0, mean, square, contiguous(scale), cut.count, float(epsilon), mean_x, factor,
            variance, inverse)
    return affine(x, mean_x, factor, contiguous(offset), cut), mean_x, variance, inverse


@range_kernel
def _factors(scale, variance, epsilon, factor, lo, hi):
    """factor = scale / sqrt(variance + epsilon)"""
    for c in range(lo, hi):
        factor[c] = np.float64(scale[c]) / np.sqrt(np.float64(variance[c]) + epsilon)


def inference(x, scale, offset, mean, variance, epsilon, axis):
    """(x - mean) / sqrt(variance + epsilon) * scale + offset, given for each channel."""
    cut = layout(x.shape, axis)
    factor = empty(scale.shape, x.dtype)
    _factors(cut.channels, 0, contiguous(scale), contiguous(variance), float(epsilon), factor)
    return affine(x, contiguous(mean), factor, contiguous(offset), cut)


# ---- gradients
@kernel
def _add_products(g, x, stride, mean, total, product):
    """total, product += g and g * (x - mean) of four rows"""
    wide_vectors()
    one = np.uint64(stride)
    two = one + one
    for c in range(np.uint64(total.size)):
        three = c + two + one
        total[c] += (g[c] + g[c + one]) + (g[c + two] + g[three])
        near = g[c] * (x[c] - mean[c]) + g[c + one] * (x[c + one] - mean[c])
        product[c] += near + (g[c + two] * (x[c + two] - mean[c]) + g[three] * (x[three] - mean[c]))


@kernel
def _column_products(g, x, stride, rows, mean, total, product):
    """total, product = the sums over rows of g and g * (x - mean)"""
    width = total.size
    fill(total, 0)
    fill(product, 0)
    for r in range(0, rows - 3, 4):
        at, end = r * stride, (r + 3) * stride + width
        _add_products(g[at:end], x[at:end], stride, mean, total, product)
    for r in range(rows - rows % 4, rows):
        gs, xs = g[r * stride:r * stride + width], x[r * stride:r * stride + width]
        for c in range(width):
            total[c] += gs[c]
            product[c] += gs[c] * (xs[c] - mean[c])


@range_kernel
def _products_last(g, x, rows, wide, mean, totals, products, lo, hi):
    """totals, products [chunk, column] of g and g * (x - mean)"""
    tiles = (wide + TILE - 1) // TILE
    for task in range(lo, hi):
        j, tile = divmod(task, tiles)
        c, width = tile * TILE, min(TILE, wide - tile * TILE)
        at, to = j * ROWS * wide + c, j * wide + c
        _column_products(g[at:], x[at:], wide, min(ROWS, rows - j * ROWS), mean[c:c + width],
                         totals[to:to + width], products[to:to + width])


@range_kernel
def _products_first(g, x, channels, inner, mean, totals, products, lo, hi):
    """totals, products [outer, chunk, channel] of g and g * (x - mean)"""
    wide_vectors()
    chunks = (inner + RUN - 1) // RUN
    for task in range(lo, hi):
        row, j = divmod(task, chunks)
        n, c = divmod(row, channels)
        start, stop = row * inner + j * RUN, row * inner + min((j + 1) * RUN, inner)
        gs, xs, m = g[start:stop], x[start:stop], mean[c]
        total = product = x.dtype.type(0)
        for k in range(gs.size):
            total += gs[k]
            product += gs[k] * (xs[k] - m)
        to = (n * chunks + j) * channels + c
        totals[to], products[to] = total, product


@range_kernel
def _rest_products(g, x, mean, out, lo, hi):
    """out = g * (x - mean), for rows of channels"""
    for i in range(lo, hi):
        out[i] = g[i] * (x[i] - mean[i % mean.size])


@range_kernel
def _sum_chunks(totals, products, total, product, lo, hi):
    """total, product = the sums over all chunks, for channels"""
    channels = total.size
    fill(total[lo:hi], 0)
    fill(product[lo:hi], 0)
    for j in range(totals.size // channels):
        t, p = totals[j * channels:(j + 1) * channels], products[j * channels:(j + 1) * channels]
        for c in range(lo, hi):
            total[c] += t[c]
            product[c] += p[c]


def products(g, x, mean, cut):
    """For each channel the sums of g and of g * (x - mean), in float64; mean in x's dtype; g, x flat."""
    totals, shifted = (empty((cut.counts.size * cut.channels,), x.dtype) for _ in range(2))
    if cut.inner == 1:
        rows = cut.outer // cut.group
        chunks, whole = -(-rows // ROWS), rows * cut.wide
        _products_last(chunks * -(-cut.wide // TILE), x.size, g, x, rows, cut.wide, _tiled(mean, cut.group),
                       totals, shifted)
        totals[chunks * cut.wide:] = g[whole:]
        _rest_products(x.size - whole, 0, g[whole:], x[whole:], mean, shifted[chunks * cut.wide:])
    else:
        _products_first(cut.outer * cut.channels * -(-cut.inner // RUN), x.size, g, x, cut.channels,
                        cut.inner, mean, totals, shifted)
    total, product = scratch((cut.channels,), FLOAT64), scratch((cut.channels,), FLOAT64)
    if cut.channels:
        _sum_chunks(cut.channels, totals.size, totals, shifted, total, product)
    return total, product


@range_kernel
def _combine_last(g, x, mean, a, b, c, out, lo, hi):
    """out = a * g + b * (x - mean) + c, for blocks as long as mean"""
    wide_vectors()
    wide = mean.size
    for i in range(lo, hi):
        gs, xs, y = g[i * wide:(i + 1) * wide], x[i * wide:(i + 1) * wide], out[i * wide:(i + 1) * wide]
        for k in range(gs.size):
            y[k] = a[k] * gs[k] + (b[k] * (xs[k] - mean[k]) + c[k])


@range_kernel
def _combine_first(g, x, inner, mean, a, b, c, out, lo, hi):
    """out = a * g + b * (x - mean) + c, for x[i, inner], i counting channels again and again"""
    wide_vectors()
    for i in range(lo, hi):
        gs, xs, y = g[i * inner:(i + 1) * inner], x[i * inner:(i + 1) * inner], out[i * inner:(i + 1) * inner]
        channel = i % mean.size
        m, ga, xb, plus = mean[channel], a[channel], b[channel], c[channel]
        for k in range(inner):
            y[k] = ga * gs[k] + (xb * (xs[k] - m) + plus)


@range_kernel
def _finish_grad(total, product, dmean, dvariance, scale, inverse, count, factor, b, c, by_scale, by_offset,
                 lo, hi):
    """The gradients of batch_norm for channels, and the factors of g, x - mean and 1 in that by x"""
    n, apart = max(count, 1), 2.0 / max(count - 1, 1)
    for k in range(lo, hi):
        f = scale[k] * inverse[k]
        factor[k], c[k] = f, (dmean[k] - f * total[k]) / n
        b[k] = -f * inverse[k] * inverse[k] * product[k] / n + dvariance[k] * apart
        by_scale[k], by_offset[k] = product[k] * inverse[k], total[k]


def batch_norm_grad(dy, dmean, dvariance, x, scale, mean, inverse, axis):
    """The gradients by x, scale and offset of `batch_norm` from those of y, mean and variance."""
    cut = layout(x.shape, axis)
    g, flat = contiguous(dy).ravel(), contiguous(x).ravel()
    total, product = products(g, flat, mean, cut)
    factor, b, c, by_scale, by_offset = per_channel = [scratch((cut.channels,), x.dtype) for _ in range(5)]
    given = [contiguous(v) for v in (dmean, dvariance, scale, inverse)]
    mean = contiguous(mean)
    _finish_grad(cut.channels, 0, total, product, *given, cut.count, *per_channel)
    out = empty(x.shape, x.dtype)
    if cut.inner == 1:
        tiled = [_tiled(v, cut.group) for v in (mean, factor, b, c)]
        _combine_last(-(-cut.outer // cut.group), x.size, g, flat, *tiled, out.ravel())
    else:
        _combine_first(cut.outer * cut.channels, x.size, g, flat, cut.inner, mean, factor, b, c,
                       out.ravel())
    return out, by_scale, by_offset
