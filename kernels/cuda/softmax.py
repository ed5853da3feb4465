"""Softmax, log-softmax and cross-entropies of logits, with their gradients: the twin of `kernels.softmax`.

A row is read once where its threads can hold it, and its exponentials are taken once.  Of longer rows one
pass finds the largest and the sum together, whose terms are scaled down whenever a larger element comes;
another makes the results.
"""
import functools

import numpy as np

from .. import scalar
from ..blocks import around
from ..softmax import check_distributions, check_labels
from .arrays import contiguous, empty, fill
from .blocks import combine_max
from .jit import cuda, device, kernel
from .row_groups import lines_kernel, rows_kernel, turns


# ---- the statistics of a row
@functools.cache
def _exponentials(group, kept, logs=False):
    """Device functions: statistics(...) -> (largest, sum of exp(x - largest)); one exp, or its logarithm."""
    _, sum_of, max_of = group

    @device
    def held(x, start, n, lane, step, values):
        lowest = x.dtype.type(-np.inf)
        largest, total = lowest, x.dtype.type(0)
        for k in range(kept):
            c = lane + k * step
            values[k] = x[start + c] if c < n else lowest
        for k in range(kept):
            largest = combine_max(largest, values[k])
        largest = max_of(largest)
        for k in range(kept):
            log = values[k] - largest
            power = scalar.exp(log)
            values[k] = log if logs else power
            total += power
        return largest, sum_of(total)

    @device
    def held_one(x, i, k, values, largest):
        return values[k]

    @device
    def running(x, start, n, lane, step, values):
        lowest = x.dtype.type(-np.inf)
        largest, total, c = lowest, x.dtype.type(0), np.int64(lane)
        while c < n:
            i = start + c
            a = x[i]
            b = x[i + step] if c + step < n else lowest
            d = x[i + 2 * step] if c + 2 * step < n else lowest
            e = x[i + 3 * step] if c + 3 * step < n else lowest
            before, largest = largest, combine_max(largest, combine_max(combine_max(a, b), combine_max(d, e)))
            if largest > lowest:
                total = total * scalar.exp(before - largest) + (
                    (scalar.exp(a - largest) + scalar.exp(b - largest))
                    + (scalar.exp(d - largest) + scalar.exp(e - largest)))
            c += 4 * step
        top = max_of(largest)
        if largest > lowest:
            total *= scalar.exp(largest - top)
        return top, sum_of(total)

    @device
    def running_one(x, i, k, values, largest):
        log = x[i] - largest
        return log if logs else scalar.exp(log)
    return (held, held_one) if kept else (running, running_one)


def _softmax(group, kept, places):
    """exp(x - max) / sum of exp(x - max)"""
    place, room, count = group.place, max(kept, 1), turns(kept)
    statistics, exponential = _exponentials(group, kept)
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
    statistics, logarithm = _exponentials(group, kept, logs=True)
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


def _sparse(group, kept):
    """loss = log(sum of exp(x)) - x[label]; backprop = softmax(x) - onehot; NaN for a label out of range"""
    place, room, count = group.place, max(kept, 1), turns(kept)
    statistics, exponential = _exponentials(group, kept)

    @kernel
    def sparse_cross_entropy_rows(rows, n, labels, x, loss, backprop):
        row, apart, lane, step = place()
        values = cuda.local.array(room, x.dtype)
        one, nan = x.dtype.type(1), x.dtype.type(np.nan)
        while row < rows:
            start, label = np.int64(row) * n, np.int64(labels[row])
            largest, total = statistics(x, start, n, lane, step, values)
            known = label >= 0 and label < n
            scale = one / total if known else nan
            for k in range(count(n, step)):
                c = lane + k * step
                if c < n:
                    share = exponential(x, start + c, k, values, largest) * scale
                    backprop[start + c] = share - one if c == label else share
            if lane == 0:
                loss[row] = scalar.log(total) - (x[start + label] - largest) if known else nan
            row += apart
    return sparse_cross_entropy_rows


def _dense(group, kept):
    """loss = sum of labels * (log(sum of exp(x)) - x); backprop = softmax(x) - labels"""
    place, sum_of, room, count = group.place, group.sum, max(kept, 1), turns(kept)
    statistics, exponential = _exponentials(group, kept)

    @kernel
    def cross_entropy_rows(rows, n, labels, x, loss, backprop):
        row, apart, lane, step = place()
        values = cuda.local.array(room, x.dtype)
        zero = x.dtype.type(0)
        while row < rows:
            start = np.int64(row) * n
            largest, total = statistics(x, start, n, lane, step, values)
            log_sum, scale, cost = scalar.log(total), x.dtype.type(1) / total, zero
            for k in range(count(n, step)):
                c = lane + k * step
                if c < n:
                    i = start + c
                    weight = labels[i]
                    # a class of no weight costs nothing, even where its logit is -inf
                    if weight != zero:
                        cost -= weight * ((x[i] - largest) - log_sum)
                    backprop[i] = exponential(x, i, k, values, largest) * scale - weight
            cost = sum_of(cost)
            if lane == 0:
                loss[row] = cost
            row += apart
    return cross_entropy_rows


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


def _scaled(group):
    """out[i, c] = g[i] * y[i, c]"""
    place = group.place

    @kernel
    def scaled_rows(rows, n, g, y, out):
        row, apart, lane, step = place()
        while row < rows:
            start, scale, c = np.int64(row) * n, g[row], np.int64(lane)
            while c < n:
                out[start + c] = scale * y[start + c]
                c += step
            row += apart
    return scaled_rows


_softmax_lines, _log_softmax_lines = lines_kernel(_softmax), lines_kernel(_log_softmax)
_softmax_grad_lines, _log_softmax_grad_lines = lines_kernel(_softmax_grad), lines_kernel(_log_softmax_grad)
_sparse_rows, _dense_rows = rows_kernel(_sparse), rows_kernel(_dense)
_scaled_rows = rows_kernel(_scaled, keeps=False)


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


def _flat(x):
    return contiguous(x).reshape(-1)


def sparse_softmax_cross_entropy(labels, logits):
    """Cross-entropy of integer labels [...] and logits [..., classes]: losses [...] and softmax - onehot.

    A label out of range makes the loss and the gradient of its row NaN, where the CPU raises: to tell, the
    host would have to wait for the GPU.
    """
    check_labels(labels, logits)
    loss, backprop = empty(labels.shape, logits.dtype), empty(logits.shape, logits.dtype)
    if labels.size:
        _sparse_rows(labels.size, logits.shape[-1], _flat(labels), _flat(logits), loss.reshape(-1),
                     backprop.reshape(-1))
    return loss, backprop


def softmax_cross_entropy(labels, logits):
    """Cross-entropy of distributions and logits, both [..., classes]: losses [...] and softmax - labels."""
    check_distributions(labels, logits)
    loss, backprop = empty(logits.shape[:-1], logits.dtype), empty(logits.shape, logits.dtype)
    if logits.size:
        _dense_rows(loss.size, logits.shape[-1], _flat(labels), _flat(logits), loss.reshape(-1),
                    backprop.reshape(-1))
    else:
        fill(loss, 0)
    return loss, backprop


def cross_entropy_grad(g, backprop):
    """g[..., None] * backprop, for the losses' gradients g [...]."""
    out = empty(backprop.shape, backprop.dtype)
    if out.size:
        _scaled_rows(g.size, out.shape[-1], _flat(g), _flat(backprop), out.reshape(-1))
    return out
