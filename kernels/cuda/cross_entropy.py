"""Cross-entropies of logits [..., classes] on rows of classes: a part of the twin of `kernels.softmax`."""
import numpy as np

from .. import scalar
from ..softmax import check_distributions, check_labels
from .arrays import empty, fill, flat as _flat
from .exponential_sums import exponentials
from .jit import cuda, kernel
from .row_groups import rows_kernel, turns


# ---- kernels
def _sparse(group, kept):
    """loss = log(sum of exp(x)) - x[label]; backprop = softmax(x) - onehot; NaN for a label out of range"""
    place, room, count = group.place, max(kept, 1), turns(kept)
    statistics, exponential = exponentials(group, kept)

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
    statistics, exponential = exponentials(group, kept)

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


_sparse_rows, _dense_rows = rows_kernel(_sparse), rows_kernel(_dense)
_scaled_rows = rows_kernel(_scaled, keeps=False)


# ---- launches
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
