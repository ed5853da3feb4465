"""Batch normalization along any channel axis: the twin of `kernels.normalize_batch`.

Statistics take two stages whose order depends on shapes alone: chunks by the methods of `moments`, then all
chunks of a channel, merged in float64.  Where channels are last a thread keeps to its channel and a block to
a tile of them; else a block has a channel and goes through its runs of `inner` elements.
"""
import math

import numpy as np

from ..blocks import around
from .arrays import contiguous, empty, flat as _flat, full
from .blocks import block_reduce_sum, column_reduce_sum
from .channels import by_channel
from .column_tiles import BLOCKS, WIDEST, WORK, column_sums, cut, sum_chunks, tiled_plan
from .jit import BLOCK, cuda, device, kernel
from .moments import EIGHT, with_eight, with_one
from .row_groups import rows_kernel

FLOAT64 = np.dtype(np.float64)


# ---- statistics
@kernel
def _moments_last(x, rows, columns, tile, step, means, squares):
    """means, squares [chunk, column] of x[row, column]"""
    thread, apart = cuda.threadIdx.x, cuda.blockDim.x // tile
    column, row = cuda.blockIdx.x * tile + thread % tile, cuda.blockIdx.y * step + thread // tile
    first, end = cuda.blockIdx.y * step, min((cuda.blockIdx.y + 1) * step, rows)
    count = mean = square = x.dtype.type(0)
    eight, of_tile = cuda.local.array(EIGHT, x.dtype), cuda.shared.array(WIDEST, x.dtype)
    if column < columns:
        while row + (EIGHT - 1) * apart < end:
            for k in range(EIGHT):
                eight[k] = x[(row + k * apart) * columns + column]
            count, mean, square = with_eight(count, mean, square, eight)
            row += EIGHT * apart
        while row < end:
            count, mean, square = with_one(count, mean, square, x[row * columns + column])
            row += apart
    total = column_reduce_sum(count * mean, tile)
    if thread < tile:
        of_tile[thread] = total / x.dtype.type(end - first)
    cuda.syncthreads()
    together = of_tile[thread % tile]
    delta = mean - together
    square = column_reduce_sum(square + count * delta * delta, tile)
    if thread < tile and column < columns:
        means[cuda.blockIdx.y * columns + column] = together
        squares[cuda.blockIdx.y * columns + column] = square


@device
def _next(run, k, far, near, inner):
    """The run, and the place in it, of the element that is far * inner + near later; near < inner."""
    run, k = run + far, k + near
    return (run + 1, k - inner) if k >= inner else (run, k)


@kernel
def _moments_first(x, channels, inner, length, step, means, squares):
    """means, squares [chunk, channel] of x[outer, channel, inner], where a channel has `length` elements"""
    channel, at = np.int64(cuda.blockIdx.x), cuda.blockIdx.y * step + cuda.threadIdx.x
    first, end, block = cuda.blockIdx.y * step, min((cuda.blockIdx.y + 1) * step, length), cuda.blockDim.x
    far, near = block // inner, block % inner
    run, k = at // inner, at % inner
    count = mean = square = x.dtype.type(0)
    eight = cuda.local.array(EIGHT, x.dtype)
    while at + (EIGHT - 1) * block < end:
        for j in range(EIGHT):
            eight[j] = x[(run * channels + channel) * inner + k]
            run, k = _next(run, k, far, near, inner)
        count, mean, square = with_eight(count, mean, square, eight)
        at += EIGHT * block
    while at < end:
        count, mean, square = with_one(count, mean, square, x[(run * channels + channel) * inner + k])
        run, k = _next(run, k, far, near, inner)
        at += block
    together = block_reduce_sum(count * mean) / x.dtype.type(end - first)
    delta = mean - together
    square = block_reduce_sum(square + count * delta * delta)
    if cuda.threadIdx.x == 0:
        means[cuda.blockIdx.y * channels + channel] = together
        squares[cuda.blockIdx.y * channels + channel] = square


def _merge(group):
    """What batch_norm gives for channels, from the moments of chunks"""
    place, sum_of = group.place, group.sum

    @kernel
    def merged_moments(channels, chunks, means, squares, size, length, scale, epsilon, mean_x, factor,
                       variance, inverse):
        channel, apart, lane, step = place()
        while channel < channels:
            total = distance = 0.0
            j = np.int64(lane)
            while j < chunks:
                total += means[j * channels + channel] * np.float64(min(size, length - j * size))
                j += step
            mean = sum_of(total) / np.float64(length)
            j = np.int64(lane)
            while j < chunks:
                delta = means[j * channels + channel] - mean
                distance += squares[j * channels + channel] + np.float64(
                    min(size, length - j * size)) * delta * delta
                j += step
            distance = sum_of(distance)
            if lane == 0:
                steep = 1.0 / math.sqrt(distance / np.float64(length) + epsilon)
                mean_x[channel], factor[channel] = mean, scale[channel] * steep
                variance[channel] = distance / np.float64(max(length - 1, 1))
                inverse[channel] = steep
            channel += apart
    return merged_moments


_merge_chunks = rows_kernel(_merge, keeps=False)


# ---- the normalized
@device
def _affine(x, _, i, mean, scale, offset, unused):
    return (x[i] - mean) * scale + offset


@device
def _combined(g, x, i, mean, a, b, c):
    return a * g[i] + (b * (x[i] - mean) + c)


_by_affine, _by_combination = by_channel(_affine), by_channel(_combined)


# ---- launches
def batch_norm(x, scale, offset, epsilon, axis):
    """y = (x - mean) / sqrt(variance + epsilon) * scale + offset, and mean, variance over all other axes.

    The variance that is given back is that of a sample, over count - 1; 1 / sqrt(...) comes last, float64.
    """
    outer, channels, inner = around(x.shape, axis)
    if not x.size:
        nothing = [full((channels,), np.nan, dtype) for dtype in (x.dtype, x.dtype, FLOAT64)]
        return empty(x.shape, x.dtype), *nothing
    flat = _flat(x)
    if inner == 1:
        plan = tiled_plan(outer, channels)
        size, chunks = plan.step, plan.chunks
    else:
        size, chunks = cut(outer * inner, BLOCK * WORK, BLOCKS // channels)
    means, squares = [empty((chunks * channels,), x.dtype) for _ in range(2)]
    if inner == 1:
        _moments_last(plan.blocks, BLOCK, flat, outer, channels, plan.tile, size, means, squares)
    else:
        _moments_first((channels, chunks), BLOCK, flat, channels, inner, outer * inner, size, means, squares)
    mean, factor, variance = [empty((channels,), x.dtype) for _ in range(3)]
    inverse = empty((channels,), FLOAT64)
    _merge_chunks(channels, chunks, means, squares, size, outer * inner, contiguous(scale), float(epsilon),
                  mean, factor, variance, inverse)
    y = _by_affine(x.shape, axis, flat, flat, mean, factor, contiguous(offset), mean)
    return y, mean, variance, inverse


@kernel
def _factors(scale, variance, epsilon, factor):
    """factor = scale / sqrt(variance + epsilon)"""
    c = cuda.grid(1)
    while c < factor.size:
        factor[c] = np.float64(scale[c]) / math.sqrt(np.float64(variance[c]) + epsilon)
        c += cuda.gridsize(1)


def inference(x, scale, offset, mean, variance, epsilon, axis):
    """(x - mean) / sqrt(variance + epsilon) * scale + offset, given for each channel."""
    factor, flat, mean = empty(scale.shape, x.dtype), _flat(x), contiguous(mean)
    _factors.over(factor.size, contiguous(scale), contiguous(variance), float(epsilon), factor)
    return _by_affine(x.shape, axis, flat, flat, mean, factor, contiguous(offset), mean)


# ---- gradients
@device
def _product(g, x, row, column, i, mean, _):
    return g[i], g[i] * (x[i] - mean[column])


_products_last = column_sums(_product)


@kernel
def _products_first(g, x, channels, inner, length, step, mean, totals, products):
    """totals, products [chunk, channel] of g and g * (x - mean)"""
    channel, at = np.int64(cuda.blockIdx.x), cuda.blockIdx.y * step + cuda.threadIdx.x
    end, block, m = min((cuda.blockIdx.y + 1) * step, length), cuda.blockDim.x, mean[cuda.blockIdx.x]
    far, near = block // inner, block % inner
    run, k = at // inner, at % inner
    total = product = x.dtype.type(0)
    while at < end:
        i = (run * channels + channel) * inner + k
        total += g[i]
        product += g[i] * (x[i] - m)
        run, k = _next(run, k, far, near, inner)
        at += block
    total, product = block_reduce_sum(total), block_reduce_sum(product)
    if cuda.threadIdx.x == 0:
        totals[cuda.blockIdx.y * channels + channel] = total
        products[cuda.blockIdx.y * channels + channel] = product


@kernel
def _finish_grad(total, product, dmean, dvariance, scale, inverse, n, apart, factor, b, c, by_scale,
                 by_offset):
    """The gradients of batch_norm for channels, and the factors of g, x - mean and 1 in that by x"""
    k = cuda.grid(1)
    while k < total.size:
        f = scale[k] * inverse[k]
        factor[k], c[k] = f, (dmean[k] - f * total[k]) / n
        b[k] = -f * inverse[k] * inverse[k] * product[k] / n + dvariance[k] * apart
        by_scale[k], by_offset[k] = product[k] * inverse[k], total[k]
        k += cuda.gridsize(1)


def batch_norm_grad(dy, dmean, dvariance, x, scale, mean, inverse, axis):
    """The gradients by x, scale and offset of `batch_norm` from those of y, mean and variance."""
    outer, channels, inner = around(x.shape, axis)
    length = outer * inner
    g, flat, mean = _flat(dy), _flat(x), contiguous(mean)
    total, product = full((channels,), 0, FLOAT64), full((channels,), 0, FLOAT64)
    if x.size and inner == 1:
        _products_last(tiled_plan(outer, channels), (g, flat), (mean, mean), (total, product))
    elif x.size:
        size, chunks = cut(length, BLOCK * WORK, BLOCKS // channels)
        totals, products = [empty((chunks * channels,), x.dtype) for _ in range(2)]
        _products_first((channels, chunks), BLOCK, g, flat, channels, inner, length, size, mean, totals,
                        products)
        sum_chunks(channels, chunks, totals, products, total, product)
    factor, b, c, by_scale, by_offset = per_channel = [empty((channels,), x.dtype) for _ in range(5)]
    given = [contiguous(v) for v in (dmean, dvariance, scale, inverse)]
    _finish_grad.over(channels, total, product, *given, float(max(length, 1)), 2.0 / max(length - 1, 1),
                      *per_channel)
    out = _by_combination(x.shape, axis, g, flat, mean, factor, b, c)
    return out, by_scale, by_offset
