"""Softmax and the cross-entropies of logits.

First derivatives are one kernel each, an op of its own whose rules are written with ops: derivatives of any
order follow.
"""
import numpy as np

from numbaflow.core.errors import InvalidArgumentError
from numbaflow.core.infer import like
from numbaflow.core.later import of_known_rank
from numbaflow.core.optable import Sample, elementwise, given, integers, normal, op, uniform
from numbaflow.core.tensor import as_tensor
from numbaflow.kernels import losses as loss_kernels, softmax as kernels

from .activations import sigmoid, softplus
from .arguments import one_axis
from .comparison import select
from .exponential import exp, log
from .index import one_hot
from .norms import sum_of_squares
from .reduce import reduce_sum
from .shape import expand_dims, transpose

__all__ = ["l2_loss", "log_poisson_loss", "log_softmax", "sigmoid_cross_entropy_with_logits", "softmax",
           "softmax_cross_entropy_with_logits", "softmax_cross_entropy_with_logits_v2",
           "sparse_softmax_cross_entropy_with_logits", "stop_gradient", "weighted_cross_entropy_with_logits"]


def _axis(axis, dim, rank):
    if not rank:
        raise ValueError("expected at least one axis, got a scalar")
    axis = axis if axis is not None else -1 if dim is None else dim
    return one_axis(axis, rank)


def _sum(x, axis=-1):
    return reduce_sum(x, axis, keepdims=True)


# ---- softmax
def _softmax(x, axis=None, name=None, dim=None):
    axis = -1 if axis is None and dim is None else dim if axis is None else axis
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def _log_softmax(x, *args, **kwargs):
    return np.log(_softmax(x.astype(np.float64), *args, **kwargs)).astype(x.dtype)


_SAMPLES = [Sample(normal(3, 4)), Sample(normal(5)), Sample(normal(2, 3, 4), axis=1),
            Sample(normal(2, 3), dim=0), Sample(normal(2, 40)), Sample(normal(0, 3)),
            Sample(given([[100.0, 101.0], [-99.0, -98.0]]), grad=False)]
def _over_classes(logits, axis, dim):
    _axis(axis, dim, logits.ndim)
    return like(logits)


_PAIRS = [Sample(normal(3, 4), normal(3, 4)), Sample(normal(2, 3, 4), normal(2, 3, 4), 1)]


@op(inputs="dy y", samples=_PAIRS, infer=lambda y: like(y),
    reference=lambda dy, y, axis=-1: y * (dy - (dy * y).sum(axis, keepdims=True)),
    grads={"dy": lambda g, y, axis: softmax_grad(g, y, axis),
           "y": lambda g, dy, y, axis: g * (dy - _sum(dy * y, axis)) - dy * _sum(g * y, axis)})
def softmax_grad(dy, y, axis=-1):
    """The gradient of y = softmax(x): y * (dy - sum(dy * y))."""
    return kernels.softmax_grad(dy, y, one_axis(axis, y.ndim))


@op(inputs="logits", floats="logits", infer=_over_classes, reference=_softmax, samples=_SAMPLES,
    grads={"logits": lambda g, y, axis, dim: softmax_grad(g, y, _axis(axis, dim, y.ndim))})
def softmax(logits, axis=None, name=None, dim=None):
    """exp(logits) / sum(exp(logits)) along an axis, for logits of any size.

    Args:
        logits: floats.
        axis: the axis of classes, the last by default.
        dim: an older name of axis.

    >>> import numbaflow as nf
    >>> nf.nn.softmax([0.0, 0.0, 1000.0, 1000.0]).numpy().tolist()
    [0.0, 0.0, 0.5, 0.5]
    """
    return kernels.softmax(logits, _axis(axis, dim, logits.ndim))


@op(inputs="dy y", samples=_PAIRS, infer=lambda y: like(y),
    reference=lambda dy, y, axis=-1: dy - np.exp(y) * dy.sum(axis, keepdims=True),
    grads={"dy": lambda g, y, axis: g - _sum(g * exp(y), axis),
           "y": lambda g, dy, y, axis: -(g * exp(y)) * _sum(dy, axis)})
def log_softmax_grad(dy, y, axis=-1):
    """The gradient of y = log_softmax(x): dy - exp(y) * sum(dy)."""
    return kernels.log_softmax_grad(dy, y, one_axis(axis, y.ndim))


@op(inputs="logits", floats="logits", infer=_over_classes, reference=_log_softmax, samples=_SAMPLES,
    grads={"logits": lambda g, y, axis, dim: log_softmax_grad(g, y, _axis(axis, dim, y.ndim))})
def log_softmax(logits, axis=None, name=None, dim=None):
    """log(softmax(logits)) along an axis, without overflow or log(0).

    Args:
        logits: floats.
        axis: the axis of classes, the last by default.
        dim: an older name of axis.

    >>> import numbaflow as nf
    >>> nf.nn.log_softmax([0.0, -1000.0]).numpy().tolist()
    [0.0, -1000.0]
    """
    return kernels.log_softmax(logits, _axis(axis, dim, logits.ndim))


# ---- cross-entropy with integer labels
def _class(labels, logits):
    """1 at each label, 0 elsewhere, in the dtype of the logits."""
    return one_hot(labels, logits.shape[-1], dtype=logits.dtype)


def _scaled_softmax_grad(g, dy, logits):
    """g times the derivative of dy * softmax(logits) by the logits, dy with one axis less."""
    return softmax_grad(g * expand_dims(dy, -1), softmax(logits))


def _sparse(labels, logits, name=None):
    picked = np.take_along_axis(logits, labels[..., None].astype(np.int64), -1)[..., 0]
    return np.log(np.exp(logits.astype(np.float64)).sum(-1)).astype(logits.dtype) - picked


def _sparse_grad(dy, labels, logits, backprop):
    return dy[..., None] * backprop


def _sparse_grad_sample(*shape):
    rng = np.random.default_rng(5)
    labels, logits = rng.integers(0, shape[-1], shape[:-1]), rng.standard_normal(shape)
    backprop = _softmax(logits) - np.eye(shape[-1])[labels]
    return Sample(normal(*shape[:-1]), labels, logits, backprop, dtypes=("float64",), grad=False)


@op(inputs="dy labels logits backprop", infer=lambda backprop: like(backprop), reference=_sparse_grad,
    samples=[_sparse_grad_sample(3, 4), _sparse_grad_sample(5), _sparse_grad_sample(2, 3, 4)],
    grads={"dy": lambda g, labels, logits: reduce_sum(g * (softmax(logits) - _class(labels, logits)), -1),
           "logits": lambda g, dy, logits: _scaled_softmax_grad(g, dy, logits),
           "labels": None, "backprop": None})
def sparse_softmax_cross_entropy_grad(dy, labels, logits, backprop):
    """The gradient of the sparse cross-entropy by its logits: dy * backprop.

    `backprop` is softmax(logits) - onehot(labels) as the forward pass left it.
    """
    return kernels.cross_entropy_grad(dy, backprop)


_INDEXED = [Sample(integers(3, high=4), normal(3, 4)), Sample(integers(high=5), normal(5)),
            Sample(integers(2, 3, high=40, dtype="int32"), normal(2, 3, 40)),
            Sample(integers(0), normal(0, 4))]


def _losses(check, labels, logits):
    """The losses, and what their gradient is made of."""
    check(labels, logits)
    return [(logits.shape[:-1], logits.dtype), like(logits)]


@op(inputs="labels logits", floats="logits", residuals="backprop", reference=_sparse, samples=_INDEXED,
    infer=lambda labels, logits: _losses(kernels.check_labels, labels, logits),
    grads={"labels": None, "logits": lambda g, labels, logits, backprop:
           sparse_softmax_cross_entropy_grad(g, labels, logits, backprop)})
def sparse_softmax_cross_entropy_with_logits(labels=None, logits=None, name=None):
    """The cross-entropy of softmax(logits) for classes given by number.

    It is log(sum(exp(logits))) - logits[label].

    Args:
        labels: the class of each row, integers [...] from 0 to n - 1.
        logits: floats [..., n].

    Returns:
        The losses [...].

    Raises:
        ValueError: a label out of range, or shapes that do not fit.  On a GPU a label out of range makes
            the loss NaN.

    >>> import numbaflow as nf
    >>> y = nf.nn.sparse_softmax_cross_entropy_with_logits(labels=[1, 0], logits=[[0.0, 0.0], [50.0, 0.0]])
    >>> y.numpy().round(4)
    array([0.6931, 0.    ], dtype=float32)
    """
    return kernels.sparse_softmax_cross_entropy(labels, logits)


# ---- cross-entropy with distributions
@op(inputs="input", grads=None, infer=lambda input: like(input), reference=lambda x: x,
    samples=[Sample(normal(3, 4)), Sample(integers(2))])
def stop_gradient(input, name=None):
    """The input as it is, and for gradients a constant.

    >>> import numbaflow as nf
    >>> nf.gradients_function(lambda x: x * nf.stop_gradient(x))(3.0)[0].numpy()
    np.float32(3.0)
    """
    return input


def _dense(labels, logits, name=None):
    return -(labels * _log_softmax(logits)).sum(-1)


def _dense_grad_sample(*shape):
    rng = np.random.default_rng(6)
    labels, logits = _softmax(rng.standard_normal(shape)), rng.standard_normal(shape)
    backprop = _softmax(logits) - labels
    return Sample(normal(*shape[:-1]), labels, logits, backprop, dtypes=("float64",), grad=False)


def _distributions(*shape):
    rng = np.random.default_rng(7)
    return Sample(given(_softmax(rng.standard_normal(shape))), normal(*shape))


@op(inputs="dy labels logits backprop", infer=lambda backprop: like(backprop), reference=_sparse_grad,
    samples=[_dense_grad_sample(3, 4), _dense_grad_sample(2, 3, 4)],
    grads={"dy": lambda g, labels, logits: reduce_sum(g * (softmax(logits) - labels), -1),
           "labels": lambda g, dy: -(g * expand_dims(dy, -1)),
           "logits": lambda g, dy, logits: _scaled_softmax_grad(g, dy, logits), "backprop": None})
def softmax_cross_entropy_grad(dy, labels, logits, backprop):
    """The gradient of the cross-entropy by its logits: dy * backprop.

    `backprop` is softmax(logits) - labels as the forward pass left it.
    """
    return kernels.cross_entropy_grad(dy, backprop)


@op(inputs="labels logits", floats="labels logits", promote="labels logits", residuals="backprop",
    infer=lambda labels, logits: _losses(kernels.check_distributions, labels, logits),
    reference=_dense, samples=[_distributions(3, 4), _distributions(5), _distributions(2, 3, 40),
                               Sample(normal(0, 4), normal(0, 4))],
    grads={"labels": lambda g, logits: -(expand_dims(g, -1) * log_softmax(logits)),
           "logits": lambda g, labels, logits, backprop:
           softmax_cross_entropy_grad(g, labels, logits, backprop)})
def softmax_cross_entropy(labels, logits, name=None):
    """-sum(labels * log_softmax(logits)) along the last axis, for labels that sum to 1."""
    return kernels.softmax_cross_entropy(labels, logits)


@of_known_rank
def softmax_cross_entropy_with_logits_v2(labels=None, logits=None, axis=None, name=None, dim=None):
    """The cross-entropy of softmax(logits) for classes given as distributions.

    It is -sum(labels * log(softmax(logits))).

    Args:
        labels: a distribution over the classes for each example: not negative, of sum 1 along the axis.
        logits: floats of the same shape.
        axis: the axis of classes, the last by default.
        dim: an older name of axis.

    Returns:
        The losses, of the shape without that axis.  Gradients go to the labels too.

    Raises:
        ValueError: shapes that differ.

    >>> import numbaflow as nf
    >>> nf.nn.softmax_cross_entropy_with_logits_v2(labels=[0.5, 0.5], logits=[0.0, 0.0]).numpy().round(4)
    np.float32(0.6931)
    """
    labels, logits = as_tensor(labels), as_tensor(logits)
    rank = logits.ndim
    if rank and (axis is not None or dim is not None) and labels.ndim == rank:
        axis = _axis(axis, dim, rank)
        if axis != rank - 1:
            order = [k for k in range(rank) if k != axis] + [axis]
            labels, logits = transpose(labels, order), transpose(logits, order)
    return softmax_cross_entropy(labels, logits)


def softmax_cross_entropy_with_logits(labels=None, logits=None, dim=-1, name=None, axis=None):
    """As `softmax_cross_entropy_with_logits_v2`, without gradients for the labels."""
    return softmax_cross_entropy_with_logits_v2(stop_gradient(labels), logits, dim if axis is None else axis)


# ---- losses of independent values
def l2_loss(t, name=None):
    """Half the sum of squares of all elements.

    >>> import numbaflow as nf
    >>> nf.nn.l2_loss([3.0, 4.0]).numpy()
    np.float32(12.5)
    """
    t = as_tensor(t)
    if t._dtype.kind != "f":
        raise InvalidArgumentError(f"l2_loss: expected floats, got {t.dtype.name}")
    return 0.5 * sum_of_squares([t])


def weighted_cross_entropy_with_logits(labels=None, logits=None, pos_weight=None, name=None, targets=None):
    """The cross-entropy of sigmoid(logits), where the part of positive labels counts pos_weight times.

    Args:
        labels: floats from 0 to 1.
        logits: floats of the same shape.
        pos_weight: a number, or a tensor that broadcasts.
        targets: the older name of labels.

    >>> import numbaflow as nf
    >>> nf.nn.weighted_cross_entropy_with_logits([1.0, 0.0], [0.0, 0.0], 3.0).numpy().round(4)
    array([2.0794, 0.6931], dtype=float32)
    """
    z, x = as_tensor(targets if labels is None else labels), as_tensor(logits)
    if z._data.shape != x._data.shape:
        raise InvalidArgumentError("weighted_cross_entropy_with_logits: expected labels and logits of one "
                                   f"shape, got {tuple(z.shape)} and {tuple(x.shape)}")
    return (1.0 - z) * x + (1.0 + (pos_weight - 1.0) * z) * softplus(-x)


def log_poisson_loss(targets, log_input, compute_full_loss=False, name=None):
    """The negative log-likelihood of counts under a Poisson distribution whose log rate is log_input.

    It is exp(log_input) - targets * log_input; the full loss adds Stirling's approximation of log(targets!)
    where targets are over 1.

    Args:
        targets: counts as floats, not negative.
        log_input: floats of the same shape.
        compute_full_loss: whether to add what depends on the targets alone.

    >>> import numbaflow as nf
    >>> nf.nn.log_poisson_loss([2.0], [0.0]).numpy().tolist()
    [1.0]
    """
    z, c = as_tensor(targets), as_tensor(log_input)
    if z._data.shape != c._data.shape:
        raise InvalidArgumentError("log_poisson_loss: expected targets and log_input of one shape, "
                                   f"got {tuple(z.shape)} and {tuple(c.shape)}")
    loss = exp(c) - z * c
    if not compute_full_loss:
        return loss
    large = z > 1.0
    counts = select(large, z, 1.0)
    rest = counts * log(counts) - counts + 0.5 * log(2.0 * np.pi * counts)
    return loss + select(large, rest, 0.0)


# ---- cross-entropy of independent classes
@elementwise(loss_kernels.sigmoid_cross_entropy, kinds="f",
             reference=lambda z, x: np.maximum(x, 0) - x * z + np.log1p(np.exp(-np.abs(x))),
             grads={"labels": lambda g, logits: -(g * logits),
                    "logits": lambda g, labels, logits: g * (sigmoid(logits) - labels)},
             samples=[Sample(uniform(3, 4), normal(3, 4)), Sample(uniform(4), normal(3, 4)),
                      Sample(uniform(3), given([0.0, -30.0, 30.0]))])
def sigmoid_cross_entropy_with_logits(labels=None, logits=None, name=None):
    """The cross-entropy of sigmoid(logits) for the probabilities `labels`, element by element.

    Without overflow it is labels * -log(sigmoid(logits)) + (1 - labels) * -log(1 - sigmoid(logits)).

    Args:
        labels: floats from 0 to 1.
        logits: floats of the same shape.

    >>> import numbaflow as nf
    >>> nf.nn.sigmoid_cross_entropy_with_logits(labels=[1.0, 1.0], logits=[0.0, -100.0]).numpy().round(4)
    array([  0.6931, 100.    ], dtype=float32)
    """
