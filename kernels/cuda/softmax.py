"""Softmax and log-softmax along any axis, with their gradients: the twin of `kernels.softmax`.

Lines that their threads can hold are read once, longer ones twice.  Cross-entropies are in `cross_entropy`.
"""
from .. import scalar
from ..blocks import around
from ..softmax import check_distributions, check_labels  # noqa: F401
from .arrays import empty, flat as _flat
from .cross_entropy import (  # noqa: F401
    cross_entropy_grad,
    softmax_cross_entropy,
    sparse_softmax_cross_entropy,
)
from .exponential_sums import exponentials
from .jit import cuda, kernel
from .row_groups import lines_kernel, turns


# ---- values
def _softmax(group, kept, places):
    """exp(x - max) / sum of exp(x - max)"""
    place, room, count = group.place, max(kept, 1), turns(kept)
    statistics, exponential = exponentials(group, kept)
    start_of, along = places

    @kernel
    def softmax_lines(rows, n, inner, x, out):
        row, apart, lane, step = place()
        whole, lane, step = along(n, inner), along(lane, inner), along(step, inner)
        values = cuda.local.array(room, x.dtype)
        while row < rows:
            start = start_of(row, n, inner)
            largest, total = statistics(x, start, whole, lane, step, values)
            scale = x.dtype.type(1) / total
            for k in range(count(whole, step)):
                c = lane + k * step
                if c < whole:
                    out[start + c] = exponential(x, start + c, k, values, largest) * scale
            row += apart
    return softmax_lines


def _log_softmax(group, kept, places):
    """x - max - log(sum of exp(x - max))"""
    place, room, count = group.place, max(kept, 1), turns(kept)
    statistics, logarithm = exponentials(group, kept, logs=True)
    start_of, along = places

    @kernel
    def log_softmax_lines(rows, n, inner, x, out):
        row, apart, lane, step = place()
        whole, lane, step = along(n, inner), along(lane, inner), along(step, inner)
        values = cuda.local.array(room, x.dtype)
        while row < rows:
            start = start_of(row, n, inner)
            largest, total = statistics(x, start, whole, lane, step, values)
            log_sum = scalar.log(total)
            for k in range(count(whole, step)):
                c = lane + k * step
                if c < whole:
                    # in this order: of x = 1e38, largest + log_sum would forget log_sum
                    out[start + c] = logarithm(x, start + c, k, values, largest) - log_sum
            row += apart
    return log_softmax_lines


# ---- gradients
def _softmax_grad(group, kept, places):
    """dx = y * (g - sum of g * y)"""
    place, sum_of, room, count, holds = group.place, group.sum, max(kept, 1), turns(kept), kept > 0
    start_of, along = places

    @kernel
    def softmax_grad_lines(rows, n, inner, g, y, out):
        row, apart, lane, step = place()
        whole, lane, step = along(n, inner), along(lane, inner), along(step, inner)
        gs, ys = cuda.local.array(room, y.dtype), cuda.local.array(room, y.dtype)
        while row < rows:
            start, dot = start_of(row, n, inner), y.dtype.type(0)
            for k in range(count(whole, step)):
                c = lane + k * step
                if c < whole:
                    a, b = g[start + c], y[start + c]
                    dot += a * b
                    if holds:
                        gs[k], ys[k] = a, b
            dot = sum_of(dot)
            for k in range(count(whole, step)):
                c = lane + k * step
                if c < whole:
                    if holds:
                        out[start + c] = ys[k] * (gs[k] - dot)
                    else:
                        out[start + c] = y[start + c] * (g[start + c] - dot)
            row += apart
    return softmax_grad_lines


def _log_softmax_grad(group, kept, places):
    """dx = g - exp(y) * sum of g"""
    place, sum_of, room, count, holds = group.place, group.sum, max(kept, 1), turns(kept), kept > 0
    start_of, along = places

    @kernel
    def log_softmax_grad_lines(rows, n, inner, g, y, out):
        row, apart, lane, step = place()
        whole, lane, step = along(n, inner), along(lane, inner), along(step, inner)
        gs = cuda.local.array(room, y.dtype)
        while row < rows:
            start, total = start_of(row, n, inner), y.dtype.type(0)
            for k in range(count(whole, step)):
                c = lane + k * step
                if c < whole:
                    a = g[start + c]
                    total += a
                    if holds:
                        gs[k] = a
            total = sum_of(total)
            for k in range(count(whole, step)):
                c = lane + k * step
                if c < whole:
                    a = gs[k] if holds else g[start + c]
                    out[start + c] = a - scalar.exp(y[start + c]) * total
            row += apart
    return log_softmax_grad_lines


_softmax_lines, _log_softmax_lines = lines_kernel(_softmax), lines_kernel(_log_softmax)
_softmax_grad_lines, _log_softmax_grad_lines = lines_kernel(_softmax_grad), lines_kernel(_log_softmax_grad)


# ---- launches
def softmax(x, axis):
    """exp(x) / sum(exp(x)) along the axis."""
    return _along(_softmax_lines, axis, x)


def log_softmax(x, axis):
    """log(softmax(x)) along the axis."""
    return _along(_log_softmax_lines, axis, x)


def softmax_grad(g, y, axis):
    """y * (g - sum(g * y)) along the axis: the gradient of y = softmax(x)."""
    return _along(_softmax_grad_lines, axis, g, y)


def log_softmax_grad(g, y, axis):
    """g - exp(y) * sum(g) along the axis: the gradient of y = log_softmax(x)."""
    return _along(_log_softmax_grad_lines, axis, g, y)


def _along(launch, axis, *arrays):
    x = arrays[-1]
    if x.dtype.kind != "f":
        raise TypeError(f"expected a float type, got {x.dtype}")
    out = empty(x.shape, x.dtype)
    if x.size:
        launch(*around(x.shape, axis), *[_flat(v) for v in arrays], out.reshape(-1))
    return out
