"""Softmax, log-softmax and the cross-entropies of logits, with their gradients: each row in one visit, in cache.

The largest element of a row is subtracted before exponentials are taken, so logits of any size are safe.
"""
import numpy as np

from . import scalar
from .extremes import maximum
from .jit import kernel, range_kernel
from .memory import empty

EXP_WORK = 4        # an exponential costs about as much as that many additions


# ---- kernels
@kernel
def _largest(x):
    """max(x), nan if any is; x not empty"""
    best = x[x.size - 1]
    for i in range(x.size - 1):
        best = maximum(best, x[i])
    return best


@kernel
def _exp_sum(x, largest):
    """sum of exp(x - largest)"""
    total = x.dtype.type(0)
    for i in range(x.size):
        total += scalar.exp(x[i] - largest)
    return total


@kernel
def _exp_row(x, largest, out):
    """out = exp(x - largest); gives its sum"""
    total = x.dtype.type(0)
    for i in range(x.size):
        e = scalar.exp(x[i] - largest)
        out[i] = e
        total += e
    return total


@range_kernel
def _softmax_rows(x, n, out, lo, hi):
    """y = exp(x - max) / sum of exp(x - max)"""
    for i in range(lo, hi):
        row, y = x[i * n:(i + 1) * n], out[i * n:(i + 1) * n]
        scale = x.dtype.type(1) / _exp_row(row, _largest(row), y)
        for c in range(n):
            y[c] *= scale


@range_kernel
def _log_softmax_rows(x, n, out, lo, hi):
    """y = x - max - log(sum of exp(x - max))"""
    for i in range(lo, hi):
        row, y = x[i * n:(i + 1) * n], out[i * n:(i + 1) * n]
        largest = _largest(row)
        log_sum = scalar.log(_exp_sum(row, largest))
        for c in range(n):
            y[c] = (row[c] - largest) - log_sum


@range_kernel
def _softmax_grad_rows(g, y, n, out, lo, hi):
    """dx = y * (g - sum of g * y)"""
    for i in range(lo, hi):
        gs, ys, dx = g[i * n:(i + 1) * n], y[i * n:(i + 1) * n], out[i * n:(i + 1) * n]
        dot = y.dtype.type(0)
        for c in range(n):
            dot += gs[c] * ys[c]
        for c in range(n):
            dx[c] = ys[c] * (gs[c] - dot)


@range_kernel
def _log_softmax_grad_rows(g, y, n, out, lo, hi):
    """dx = g - exp(y) * sum of g"""
    for i in range(lo, hi):
        gs, ys, dx = g[i * n:(i + 1) * n], y[i * n:(i + 1) * n], out[i * n:(i + 1) * n]
        total = y.dtype.type(0)
        for c in range(n):
            total += gs[c]
        for c in range(n):
            dx[c] = gs[c] - scalar.exp(ys[c]) * total


@range_kernel
def _sparse_rows(labels, x, n, loss, backprop, wrong, lo, hi):
    """loss = log(sum of exp(x)) - x[label]; backprop = softmax(x) - onehot; wrong: a label is out of range"""
    for i in range(lo, hi):
        row, dx, label = x[i * n:(i + 1) * n], backprop[i * n:(i + 1) * n], labels[i]
        if label < 0 or label >= n:
            wrong[0] = True
            continue
        largest = _largest(row)
        total = _exp_row(row, largest, dx)
        loss[i] = scalar.log(total) - (row[label] - largest)
        scale = x.dtype.type(1) / total
        for c in range(n):
            dx[c] *= scale
        dx[label] -= x.dtype.type(1)


@range_kernel
def _sparse_grad_rows(g, labels, x, n, out, wrong, lo, hi):
    """dx = g * (softmax(x) - onehot(label)); wrong: a label is out of range"""
    for i in range(lo, hi):
        row, dx, label = x[i * n:(i + 1) * n], out[i * n:(i + 1) * n], labels[i]
        if label < 0 or label >= n:
            wrong[0] = True
            continue
        scale = g[i] / _exp_row(row, _largest(row), dx)
        for c in range(n):
            dx[c] *= scale
        dx[label] -= g[i]


@range_kernel
def _dense_rows(labels, x, n, loss, backprop, lo, hi):
    """loss = sum of labels * (log(sum of exp(x)) - x); backprop = softmax(x) - labels"""
    for i in range(lo, hi):
        row, dx, target = x[i * n:(i + 1) * n], backprop[i * n:(i + 1) * n], labels[i * n:(i + 1) * n]
        largest = _largest(row)
        total = _exp_row(row, largest, dx)
        log_sum, scale = scalar.log(total), x.dtype.type(1) / total
        cost = x.dtype.type(0)
        for c in range(n):
            # a class of no weight costs nothing, even where its logit is -inf
            weight = target[c]
            cost += weight * (log_sum - (row[c] - largest)) if weight != x.dtype.type(0) else x.dtype.type(0)
            dx[c] = dx[c] * scale - weight
        loss[i] = cost


# ---- launches
def softmax(x, axis):
    """exp(x) / sum(exp(x)) along the axis."""
    return _along(_softmax_rows, axis, x)


def log_softmax(x, axis):
    """log(softmax(x)) along the axis."""
    return _along(_log_softmax_rows, axis, x)


def softmax_grad(g, y, axis):
    """y * (g - sum(g * y)) along the axis: the gradient of y = softmax(x)."""
    return _along(_softmax_grad_rows, axis, g, y)


def log_softmax_grad(g, y, axis):
    """g - exp(y) * sum(g) along the axis: the gradient of y = log_softmax(x)."""
    return _along(_log_softmax_grad_rows, axis, g, y)


def _along(rows, axis, *arrays):
    x = arrays[0]
    if x.dtype.kind != "f":
        raise TypeError(f"softmax: expected a float type, got {x.dtype}")
    if axis != x.ndim - 1:
        y = _along(rows, x.ndim - 1, *[a.swapaxes(axis, -1) for a in arrays])
        return np.ascontiguousarray(y.swapaxes(axis, -1))
    out = empty(x.shape, x.dtype)
    if x.size:
        n = x.shape[-1]
        rows(x.size // n, x.size * EXP_WORK, *[_flat(a) for a in arrays], n, out.ravel())
    return out


def _flat(x):
    return x.ravel() if x.flags.c_contiguous else np.ascontiguousarray(x).ravel()


def sparse_softmax_cross_entropy(labels, logits):
    """Cross-entropy of integer labels [...] and logits [..., classes]: losses [...] and softmax - onehot."""
    _check_labels(labels, logits)
    loss, backprop = empty(labels.shape, logits.dtype), empty(logits.shape, logits.dtype)
    if labels.size:
        flat, wrong = _flat(labels).astype(np.int64, copy=False), np.zeros(1, np.bool_)
        _sparse_rows(flat.size, logits.size * EXP_WORK, flat, _flat(logits), logits.shape[-1], loss.ravel(),
                     backprop.ravel(), wrong)
        if wrong[0]:
            _refuse_labels(flat, logits.shape[-1])
    return loss, backprop


def sparse_softmax_cross_entropy_grad(g, labels, logits):
    """g * (softmax(logits) - onehot(labels)), for losses' gradients g [...], from the logits again."""
    _check_labels(labels, logits)
    out = empty(logits.shape, logits.dtype)
    if labels.size:
        flat, wrong = _flat(labels).astype(np.int64, copy=False), np.zeros(1, np.bool_)
        _sparse_grad_rows(flat.size, logits.size * EXP_WORK, _flat(g), flat, _flat(logits), logits.shape[-1],
                          out.ravel(), wrong)
        if wrong[0]:
            _refuse_labels(flat, logits.shape[-1])
    return out


def _check_labels(labels, logits):
    if logits.dtype.kind != "f" or labels.dtype.kind not in "iu":
        raise TypeError("sparse_softmax_cross_entropy: expected integer labels and float logits, "
                        f"got {labels.dtype} and {logits.dtype}")
    if labels.shape != logits.shape[:-1]:
        raise ValueError("sparse_softmax_cross_entropy: expected labels [...] and logits [..., classes], "
                         f"got {labels.shape} and {logits.shape}")


def _refuse_labels(labels, classes):
    label = labels[(labels < 0) | (labels >= classes)][0]
    raise ValueError(f"sparse_softmax_cross_entropy: label {label} is outside the valid range [0, {classes})")


def softmax_cross_entropy(labels, logits):
    """Cross-entropy of distributions and logits, both [..., classes]: losses [...] and softmax - labels."""
    if logits.dtype.kind != "f" or labels.dtype != logits.dtype:
        raise TypeError("softmax_cross_entropy: expected labels and logits of one float type, "
                        f"got {labels.dtype} and {logits.dtype}")
    if labels.shape != logits.shape or not logits.ndim:
        raise ValueError("softmax_cross_entropy: expected labels and logits of one shape [..., classes], "
                         f"got {labels.shape} and {logits.shape}")
    loss, backprop = empty(logits.shape[:-1], logits.dtype), empty(logits.shape, logits.dtype)
    if logits.size:
        _dense_rows(loss.size, logits.size * EXP_WORK, _flat(labels), _flat(logits), logits.shape[-1],
                    loss.ravel(), backprop.ravel())
    else:
        loss.fill(0)
    return loss, backprop
