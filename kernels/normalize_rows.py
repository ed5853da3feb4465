"""Layer normalization: each row of [rows, n] by its own mean and variance, while it is in cache.

The squared distance is taken from the mean, in a second run over the cached row, and long rows are added up
block by block: nothing cancels and little is rounded.
"""
import numpy as np

from .blocks import fill
from .jit import kernel, range_kernel, wide_vectors
from .memory import empty
from .recording import contiguous
from .reduce import reduce_sum

BLOCK = 1024        # elements that one vector loop adds up
ROWS = 64           # rows in one task of the gradient, whose sums over rows are added up afterwards


# ---- sums of a row
@kernel
def _sum(x):
    """The sum of x."""
    wide_vectors()
    total = x.dtype.type(0)
    for start in range(0, x.size, BLOCK):
        part, block = x[start:start + BLOCK], x.dtype.type(0)
        for i in range(part.size):
            block += part[i]
        total += block
    return total


@kernel
def _square_about(x, mean):
    """The sum of (x - mean)^2."""
    wide_vectors()
    total = x.dtype.type(0)
    for start in range(0, x.size, BLOCK):
        part, block = x[start:start + BLOCK], x.dtype.type(0)
        for i in range(part.size):
            d = part[i] - mean
            block += d * d
        total += block
    return total


@range_kernel
def _normalize(x, n, scale, offset, epsilon, out, means, inverses, lo, hi):
    """out = (x - mean) / sqrt(variance + epsilon) * scale + offset, for rows"""
    wide_vectors()
    one, count = x.dtype.type(1), x.dtype.type(n)
    for i in range(lo, hi):
        row, y = x[i * n:(i + 1) * n], out[i * n:(i + 1) * n]
        mean = _sum(row) / count
        inverse = one / np.sqrt(_square_about(row, mean) / count + x.dtype.type(epsilon))
        means[i], inverses[i] = mean, inverse
        for c in range(n):
            y[c] = (row[c] - mean) * inverse * scale[c] + offset[c]


@kernel
def _projections(g, x, scale, mean, inverse):
    """The sums of h and of h * normalized x, where h = g * scale."""
    wide_vectors()
    total = product = x.dtype.type(0)
    for start in range(0, x.size, BLOCK):
        gs, xs, factor = g[start:start + BLOCK], x[start:start + BLOCK], scale[start:start + BLOCK]
        block = shifted = x.dtype.type(0)
        for i in range(gs.size):
            h = gs[i] * factor[i]
            block += h
            shifted += h * (xs[i] - mean)
        total, product = total + block, product + shifted
    return total, product * inverse


@kernel
def _gradient_row(g, x, scale, mean, inverse, total, product, out, by_scale, by_offset):
    """out = (g * scale - total - normalized x * product) * inverse; sums by scale and offset go on"""
    wide_vectors()
    for c in range(out.size):
        normal = (x[c] - mean) * inverse
        out[c] = (g[c] * scale[c] - total - normal * product) * inverse
        by_scale[c] += g[c] * normal
        by_offset[c] += g[c]


@range_kernel
def _gradient(g, x, n, scale, means, inverses, out, by_scale, by_offset, lo, hi):
    """The gradients by x, and by scale and offset for chunks of rows"""
    count = x.dtype.type(n)
    for chunk in range(lo, hi):
        scales, offsets = by_scale[chunk * n:(chunk + 1) * n], by_offset[chunk * n:(chunk + 1) * n]
        fill(scales, 0)
        fill(offsets, 0)
        for i in range(chunk * ROWS, min((chunk + 1) * ROWS, means.size)):
            at, end = i * n, (i + 1) * n
            total, product = _projections(g[at:end], x[at:end], scale, means[i], inverses[i])
            _gradient_row(g[at:end], x[at:end], scale, means[i], inverses[i], total / count, product / count,
                          out[at:end], scales, offsets)


# ---- launches
def layer_norm(x, scale, offset, epsilon):
    """(x - mean) / sqrt(variance + epsilon) * scale + offset along rows [rows, n]; means, 1 / sqrt(...)."""
    rows, n = x.shape
    y, means, inverses = empty(x.shape, x.dtype), empty((rows,), x.dtype), empty((rows,), x.dtype)
    if x.size:
        _normalize(rows, x.size, _flat(x), n, _flat(scale), _flat(offset), epsilon, y.ravel(), means,
                   inverses)
    else:
        means.fill(0)
        inverses.fill(0)
    return y, means, inverses


def layer_norm_grad(dy, x, scale, means, inverses):
    """The gradients by x, scale and offset of `layer_norm`."""
    rows, n = x.shape
    chunks, dx = -(-rows // ROWS), empty(x.shape, x.dtype)
    by_scale, by_offset = empty((chunks, n), x.dtype), empty((chunks, n), x.dtype)
    if x.size:
        _gradient(chunks, x.size, _flat(dy), _flat(x), n, _flat(scale), means, inverses, dx.ravel(),
                  by_scale.ravel(), by_offset.ravel())
    return dx, reduce_sum(by_scale, (0,)), reduce_sum(by_offset, (0,))


def _flat(x):
    return contiguous(x).ravel()
