"""Softmax, log-softmax and cross-entropies of logits, with their gradients: a row is visited once, in cache.

The largest element of a row is subtracted before exponentials are taken, so logits of any size are safe.
"""
import numpy as np

from . import scalar
from .blocks import fill
from .extremes import maximum
from .jit import body, kernel, range_kernel, wide_vectors
from .memory import empty
from .recording import contiguous

EXP_WORK = 4        # an exponential costs about as much as that many additions
# Short rows are taken a block at a time, transposed, so that vectors run across rows: a third of the time for
# 1024 x 10 float32.
SHORT = 32
BLOCK = 64


# ---- kernels
@body(exact=True)
def _log_probability(x, largest, log_sum):
    # in this order: of x = 1e38, largest + log_sum would forget log_sum
    return (x - largest) - log_sum


@kernel
def _largest(x):
    """max(x), nan if any is; x not empty"""
    wide_vectors()
    best = x[x.size - 1]
    for i in range(x.size - 1):
        best = maximum(best, x[i])
    return best


@kernel
def _exp_sum(x, largest):
    """sum of exp(x - largest)"""
    wide_vectors()
    total = x.dtype.type(0)
    for i in range(x.size):
        total += scalar.exp(x[i] - largest)
    return total


@kernel
def _exp_row(x, largest, out):
    """out = exp(x - largest); gives its sum"""
    wide_vectors()
    total = x.dtype.type(0)
    for i in range(x.size):
        e = scalar.exp(x[i] - largest)
        out[i] = e
        total += e
    return total


@kernel
def _exp_block(x, n, y, largest, total):
    """y[c, r] = exp(x[r, c] - largest[r]), with the largest and the total of each row r"""
    wide_vectors()
    rows = largest.size
    fill(largest, -np.inf)
    for c in range(n):
        for r in range(rows):
            y[c, r] = x[r * n + c]
            largest[r] = maximum(largest[r], y[c, r])
    fill(total, 0)
    for c in range(n):
        for r in range(rows):
            y[c, r] = scalar.exp(y[c, r] - largest[r])
            total[r] += y[c, r]


@range_kernel
def _softmax_short(x, n, out, lo, hi):
    """y = exp(x - max) / sum of exp(x - max)"""
    wide_vectors()
    e, largest, total = np.empty((n, BLOCK), x.dtype), np.empty(BLOCK, x.dtype), np.empty(BLOCK, x.dtype)
    for i in range(lo, hi, BLOCK):
        rows = min(BLOCK, hi - i)
        _exp_block(x[i * n:(i + rows) * n], n, e, largest[:rows], total[:rows])
        y = out[i * n:(i + rows) * n]
        for r in range(rows):
            total[r] = x.dtype.type(1) / total[r]
        for c in range(n):
            for r in range(rows):
                y[r * n + c] = e[c, r] * total[r]


@range_kernel
def _log_softmax_short(x, n, out, lo, hi):
    """y = x - max - log(sum of exp(x - max))"""
    wide_vectors()
    e, largest, total = np.empty((n, BLOCK), x.dtype), np.empty(BLOCK, x.dtype), np.empty(BLOCK, x.dtype)
    for i in range(lo, hi, BLOCK):
        rows = min(BLOCK, hi - i)
        block, y = x[i * n:(i + rows) * n], out[i * n:(i + rows) * n]
        _exp_block(block, n, e, largest[:rows], total[:rows])
        for r in range(rows):
            total[r] = scalar.log(total[r])
        for c in range(n):
            for r in range(rows):
                y[r * n + c] = _log_probability(block[r * n + c], largest[r], total[r])


@range_kernel
def _sparse_short(labels, x, n, loss, backprop, wrong, lo, hi):
    """loss = log(sum of exp(x)) - x[label]; backprop = softmax(x) - onehot; wrong: a label is out of range"""
    wide_vectors()
    e, largest, total = np.empty((n, BLOCK), x.dtype), np.empty(BLOCK, x.dtype), np.empty(BLOCK, x.dtype)
    for i in range(lo, hi, BLOCK):
        rows = min(BLOCK, hi - i)
        block, dx = x[i * n:(i + rows) * n], backprop[i * n:(i + rows) * n]
        _exp_block(block, n, e, largest[:rows], total[:rows])
        for r in range(rows):
            loss[i + r] = scalar.log(total[r])
            total[r] = x.dtype.type(1) / total[r]
        for c in range(n):
            for r in range(rows):
                dx[r * n + c] = e[c, r] * total[r]
        for r in range(rows):
            label = labels[i + r]
            if label < 0 or label >= n:
                wrong[0] = True
                continue
            loss[i + r] = -_log_probability(block[r * n + label], largest[r], loss[i + r])
            dx[r * n + label] -= x.dtype.type(1)


@range_kernel
def _softmax_rows(x, n, out, lo, hi):
    """y = exp(x - max) / sum of exp(x - max)"""
    wide_vectors()
    for i in range(lo, hi):
        row, y = x[i * n:(i + 1) * n], out[i * n:(i + 1) * n]
        scale = x.dtype.type(1) / _exp_row(row, _largest(row), y)
        for c in range(n):
            y[c] *= scale


@range_kernel
def _log_softmax_rows(x, n, out, lo, hi):
    """y = x - max - log(sum of exp(x - max))"""
    wide_vectors()
    for i in range(lo, hi):
        row, y = x[i * n:(i + 1) * n], out[i * n:(i + 1) * n]
        largest = _largest(row)
        log_sum = scalar.log(_exp_sum(row, largest))
        for c in range(n):
            y[c] = _log_probability(row[c], largest, log_sum)


@range_kernel
def _softmax_grad_rows(g, y, n, out, lo, hi):
    """dx = y * (g - sum of g * y)"""
    wide_vectors()
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
    wide_vectors()
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
    wide_vectors()
    for i in range(lo, hi):
        row, dx, label = x[i * n:(i + 1) * n], backprop[i * n:(i + 1) * n], labels[i]
        if label < 0 or label >= n:
            wrong[0] = True
            continue
        largest = _largest(row)
        total = _exp_row(row, largest, dx)
        loss[i] = -_log_probability(row[label], largest, scalar.log(total))
        scale = x.dtype.type(1) / total
        for c in range(n):
            dx[c] *= scale
        dx[label] -= x.dtype.type(1)


@range_kernel
def _scaled_rows(g, y, n, out, lo, hi):
    """out[i, c] = g[i] * y[i, c]"""
    wide_vectors()
    for i in range(lo, hi):
        scale, row, scaled = g[i], y[i * n:(i + 1) * n], out[i * n:(i + 1) * n]
        for c in range(n):
            scaled[c] = scale * row[c]


@range_kernel
def _dense_rows(labels, x, n, loss, backprop, lo, hi):
    """loss = sum of labels * (log(sum of exp(x)) - x); backprop = softmax(x) - labels"""
    wide_vectors()
    for i in range(lo, hi):
        row, dx, target = x[i * n:(i + 1) * n], backprop[i * n:(i + 1) * n], labels[i * n:(i + 1) * n]
        largest = _largest(row)
        total = _exp_row(row, largest, dx)
        log_sum, scale = scalar.log(total), x.dtype.type(1) / total
        cost = x.dtype.type(0)
        for c in range(n):
            # a class of no weight costs nothing, even where its logit is -inf
            weight = target[c]
            if weight != x.dtype.type(0):
                cost -= weight * _log_probability(row[c], largest, log_sum)
            dx[c] = dx[c] * scale - weight
        loss[i] = cost


# ---- launches
def softmax(x, axis):
    """exp(x) / sum(exp(x)) along the axis."""
    return _along(_softmax_short if x.shape[axis] <= SHORT else _softmax_rows, x, axis)


def log_softmax(x, axis):
    """log(softmax(x)) along the axis."""
    return _along(_log_softmax_short if x.shape[axis] <= SHORT else _log_softmax_rows, x, axis)


def softmax_grad(g, y, axis):
    """y * (g - sum(g * y)) along the axis: the gradient of y = softmax(x)."""
    return _grad_along(_softmax_grad_rows, g, y, axis)


def log_softmax_grad(g, y, axis):
    """g - exp(y) * sum(g) along the axis: the gradient of y = log_softmax(x)."""
    return _grad_along(_log_softmax_grad_rows, g, y, axis)


def _along(rows, x, axis):
    if x.dtype.kind != "f":
        raise TypeError(f"expected a float type, got {x.dtype}")
    if axis != x.ndim - 1:
        return contiguous(_along(rows, x.swapaxes(axis, -1), x.ndim - 1).swapaxes(axis, -1))
    out = empty(x.shape, x.dtype)
    if x.size:
        n = x.shape[-1]
        rows(x.size // n, x.size * EXP_WORK, _flat(x), n, out.ravel())
    return out


def _grad_along(rows, g, y, axis):
    if axis != y.ndim - 1:
        dx = _grad_along(rows, g.swapaxes(axis, -1), y.swapaxes(axis, -1), y.ndim - 1)
        return contiguous(dx.swapaxes(axis, -1))
    out = empty(y.shape, y.dtype)
    if y.size:
        n = y.shape[-1]
        rows(y.size // n, y.size * EXP_WORK, _flat(g), _flat(y), n, out.ravel())
    return out


def _flat(x):
    return contiguous(x).ravel()


def sparse_softmax_cross_entropy(labels, logits):
    """Cross-entropy of integer labels [...] and logits [..., classes]: losses [...] and softmax - onehot."""
    check_labels(labels, logits)
    loss, backprop = empty(labels.shape, logits.dtype), empty(logits.shape, logits.dtype)
    if labels.size:
        flat, classes = _flat(labels).astype(np.int64, copy=False), logits.shape[-1]
        wrong = np.zeros(1, np.bool_)
        rows = _sparse_short if classes <= SHORT else _sparse_rows
        rows(flat.size, logits.size * EXP_WORK, flat, _flat(logits), classes, loss.ravel(),
             backprop.ravel(), wrong)
        if wrong[0]:
            _refuse_labels(flat, classes)
    return loss, backprop


def check_labels(labels, logits):
    if logits.dtype.kind != "f" or labels.dtype.kind not in "iu":
        raise TypeError("expected integer labels and float logits, "
                        f"got {labels.dtype} and {logits.dtype}")
    if labels.shape != logits.shape[:-1]:
        raise ValueError("expected labels [...] and logits [..., classes], "
                         f"got {labels.shape} and {logits.shape}")


def _refuse_labels(labels, classes):
    label = labels[(labels < 0) | (labels >= classes)][0]
    raise ValueError(f"label {label} is outside the valid range [0, {classes})")


def softmax_cross_entropy(labels, logits):
    """Cross-entropy of distributions and logits, both [..., classes]: losses [...] and softmax - labels."""
    check_distributions(labels, logits)
    loss, backprop = empty(logits.shape[:-1], logits.dtype), empty(logits.shape, logits.dtype)
    if logits.size:
        _dense_rows(loss.size, logits.size * EXP_WORK, _flat(labels), _flat(logits), logits.shape[-1],
                    loss.ravel(), backprop.ravel())
    else:
        loss.fill(0)
    return loss, backprop


def check_distributions(labels, logits):
    if logits.dtype.kind != "f" or labels.dtype != logits.dtype:
        raise TypeError("expected labels and logits of one float type, "
                        f"got {labels.dtype} and {logits.dtype}")
    if labels.shape != logits.shape or not logits.ndim:
        raise ValueError("expected labels and logits of one shape [..., classes], "
                         f"got {labels.shape} and {logits.shape}")


def cross_entropy_grad(g, backprop):
    """g[..., None] * backprop, for the losses' gradients g [...].

    Keeping softmax - onehot from the forward pass beats taking the exponentials again: 1024 x 1000 float32 on
    one core, loss and gradient together, 1.1 ms against 1.3.
    """
    out = empty(backprop.shape, backprop.dtype)
    if out.size:
        _scaled_rows(g.size, out.size, _flat(g), _flat(backprop), out.shape[-1], out.ravel())
    return out
