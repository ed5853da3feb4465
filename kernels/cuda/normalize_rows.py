"""Layer normalization of rows [rows, n]: the twin of `kernels.normalize_rows`.

A row that its threads can hold is read once.  Of longer ones one pass finds mean and variance, another makes
the results.  The gradients by scale and offset are sums over columns in two stages, always in the same order.
"""
import functools
import math

import numpy as np

from .arrays import empty, flat as _flat, zeros
from .column_tiles import column_sums, tiled_plan
from .jit import cuda, device, kernel
from .moments import EIGHT, with_eight, with_one
from .row_groups import rows_kernel, turns


# ---- the statistics of a row
@functools.cache
def _statistics(group, kept):
    """Device functions: statistics(...) -> (mean, sum of (x - mean)^2), and one element."""
    sum_of = group.sum

    @device
    def held(x, start, n, lane, step, values):
        total = square = x.dtype.type(0)
        for k in range(kept):
            c = lane + k * step
            values[k] = x[start + c] if c < n else x.dtype.type(0)
        for k in range(kept):
            total += values[k]
        mean = sum_of(total) / x.dtype.type(n)
        for k in range(kept):
            d = values[k] - mean if lane + k * step < n else x.dtype.type(0)
            square += d * d
        return mean, sum_of(square)

    @device
    def held_one(x, i, k, values):
        return values[k]

    @device
    def running(x, start, n, lane, step, values):
        count = mean = square = x.dtype.type(0)
        eight, c = cuda.local.array(EIGHT, x.dtype), np.int64(lane)
        while c + (EIGHT - 1) * step < n:
            for k in range(EIGHT):
                eight[k] = x[start + c + k * step]
            count, mean, square = with_eight(count, mean, square, eight)
            c += EIGHT * step
        while c < n:
            count, mean, square = with_one(count, mean, square, x[start + c])
            c += step
        of_row = sum_of(count * mean) / x.dtype.type(n)
        delta = mean - of_row
        return of_row, sum_of(square + count * delta * delta)

    @device
    def running_one(x, i, k, values):
        return x[i]
    return (held, held_one) if kept else (running, running_one)


def _normalize(group, kept):
    """out = (x - mean) / sqrt(variance + epsilon) * scale + offset"""
    place, room, count = group.place, max(kept, 1), turns(kept)
    statistics, element = _statistics(group, kept)

    @kernel
    def layer_norm_rows(rows, n, x, scale, offset, epsilon, out, means, inverses):
        row, apart, lane, step = place()
        values = cuda.local.array(room, x.dtype)
        while row < rows:
            start = np.int64(row) * n
            mean, square = statistics(x, start, n, lane, step, values)
            inverse = x.dtype.type(1) / math.sqrt(square / x.dtype.type(n) + epsilon)
            for k in range(count(n, step)):
                c = lane + k * step
                if c < n:
                    normal = (element(x, start + c, k, values) - mean) * inverse
                    out[start + c] = normal * scale[c] + offset[c]
            if lane == 0:
                means[row], inverses[row] = mean, inverse
            row += apart
    return layer_norm_rows


def _gradient(group, kept):
    """out = (h - mean of h - normal * mean of h * normal) * inverse, where h = g * scale"""
    place, sum_of, room, count, holds = group.place, group.sum, max(kept, 1), turns(kept), kept > 0

    @kernel
    def layer_norm_grad_rows(rows, n, g, x, scale, means, inverses, out):
        row, apart, lane, step = place()
        hs, normals = cuda.local.array(room, x.dtype), cuda.local.array(room, x.dtype)
        while row < rows:
            start, mean, inverse = np.int64(row) * n, means[row], inverses[row]
            total = product = x.dtype.type(0)
            for k in range(count(n, step)):
                c = lane + k * step
                if c < n:
                    h, normal = g[start + c] * scale[c], (x[start + c] - mean) * inverse
                    total += h
                    product += h * normal
                    if holds:
                        hs[k], normals[k] = h, normal
            total, product = sum_of(total) / x.dtype.type(n), sum_of(product) / x.dtype.type(n)
            for k in range(count(n, step)):
                c = lane + k * step
                if c < n:
                    if holds:
                        out[start + c] = (hs[k] - total - normals[k] * product) * inverse
                    else:
                        normal = (x[start + c] - mean) * inverse
                        out[start + c] = (g[start + c] * scale[c] - total - normal * product) * inverse
            row += apart
    return layer_norm_grad_rows


_normalize_rows, _gradient_rows = rows_kernel(_normalize), rows_kernel(_gradient)


@device
def _term(g, x, row, column, i, means, inverses):
    """What element i adds to the gradients by offset and scale."""
    return g[i], g[i] * ((x[i] - means[row]) * inverses[row])


_offset_and_scale = column_sums(_term)


# ---- launches
def layer_norm(x, scale, offset, epsilon):
    """(x - mean) / sqrt(variance + epsilon) * scale + offset along rows [rows, n]; means, 1 / sqrt(...)."""
    rows, n = x.shape
    if not x.size:
        return empty(x.shape, x.dtype), zeros((rows,), x.dtype), zeros((rows,), x.dtype)
    y, means, inverses = empty(x.shape, x.dtype), empty((rows,), x.dtype), empty((rows,), x.dtype)
    _normalize_rows(rows, n, _flat(x), _flat(scale), _flat(offset), x.dtype.type(epsilon), y.reshape(-1),
                    means, inverses)
    return y, means, inverses


def layer_norm_grad(dy, x, scale, means, inverses):
    """The gradients by x, scale and offset of `layer_norm`."""
    rows, n = x.shape
    if not x.size:
        return empty(x.shape, x.dtype), zeros((n,), x.dtype), zeros((n,), x.dtype)
    dx, by_scale, by_offset = empty(x.shape, x.dtype), empty((n,), x.dtype), empty((n,), x.dtype)
    given = _flat(dy), _flat(x)
    means, inverses = _flat(means), _flat(inverses)
    _gradient_rows(rows, n, *given, _flat(scale), means, inverses, dx.reshape(-1))
    _offset_and_scale(tiled_plan(rows, n), given, (means, inverses), (by_offset, by_scale))
    return dx, by_scale, by_offset
