"""Losses of classifiers: cross-entropies and the hinge."""
from numbaflow.core.later import of_known_rank
from numbaflow.core.tensor import as_tensor
from numbaflow.ops.losses import hinge
from numbaflow.ops.nn import (
    sigmoid_cross_entropy_with_logits,
    softmax_cross_entropy_with_logits,
    sparse_softmax_cross_entropy_with_logits,
)
from numbaflow.ops.shape import squeeze

from .weighted import Reduction, as_floats, as_tensors, compute_weighted_loss


@of_known_rank
def hinge_loss(labels, logits, weights=1.0, scope=None, loss_collection="losses",
               reduction=Reduction.SUM_BY_NONZERO_WEIGHTS):
    """max(0, 1 - y * logits), with y = 1 for labels of 1 and -1 for labels of 0; by default its mean.

    Args:
        labels: 0 or 1, of the shape of the logits.
        logits: floats.
        weights: a number, or a tensor of as many axes, each of the same extent or 1.
        scope, loss_collection: ignored.
        reduction: one of `Reduction`.

    Raises:
        ValueError: labels or logits of None, or shapes that differ.

    >>> import numbaflow as nf
    >>> nf.losses.hinge_loss([1.0, 0.0], [0.25, -3.0], reduction="none").numpy().tolist()
    [0.75, 0.0]
    """
    labels, logits = as_floats("hinge_loss", labels=labels, logits=logits)
    losses = hinge(2.0 * labels - 1.0, logits)
    return compute_weighted_loss(losses, weights, scope, loss_collection, reduction)


@of_known_rank
def sigmoid_cross_entropy(multi_class_labels, logits, weights=1.0, label_smoothing=0, scope=None,
                          loss_collection="losses", reduction=Reduction.SUM_BY_NONZERO_WEIGHTS):
    """The cross-entropy of sigmoid(logits), each class by itself, by default its mean.

    Args:
        multi_class_labels: numbers from 0 to 1, of the shape of the logits.
        logits: floats.
        weights: a number, or a tensor of as many axes, each of the same extent or 1.
        label_smoothing: how far to move the labels towards 1/2: s makes y into ``y * (1 - s) + s / 2``.
        scope, loss_collection: ignored.
        reduction: one of `Reduction`.

    Raises:
        ValueError: labels or logits of None, or shapes that differ.

    >>> import numbaflow as nf
    >>> nf.losses.sigmoid_cross_entropy([1.0, 0.0], [0.0, 0.0]).numpy().round(4)
    np.float32(0.6931)
    """
    labels, logits = as_floats("sigmoid_cross_entropy", multi_class_labels=multi_class_labels, logits=logits)
    if label_smoothing:
        labels = labels * (1.0 - label_smoothing) + 0.5 * label_smoothing
    losses = sigmoid_cross_entropy_with_logits(labels, logits)
    return compute_weighted_loss(losses, weights, scope, loss_collection, reduction)


@of_known_rank
def softmax_cross_entropy(onehot_labels, logits, weights=1.0, label_smoothing=0, scope=None,
                          loss_collection="losses", reduction=Reduction.SUM_BY_NONZERO_WEIGHTS):
    """The cross-entropy of softmax(logits) for classes given as distributions, by default its mean.

    Args:
        onehot_labels: a distribution for each example [..., n]; no gradients go to them.
        logits: floats [..., n].
        weights: a number, or a weight for each example.
        label_smoothing: how far to move the labels towards 1/n: s makes y into ``y * (1 - s) + s / n``.
        scope, loss_collection: ignored.
        reduction: one of `Reduction`.

    Returns:
        A scalar, or for Reduction.NONE the weighted losses [...].

    Raises:
        ValueError: labels or logits of None, or shapes that differ.

    >>> import numbaflow as nf
    >>> nf.losses.softmax_cross_entropy([[0.0, 1.0]], [[0.0, 0.0]]).numpy().round(4)
    np.float32(0.6931)
    """
    labels, logits = as_floats("softmax_cross_entropy", onehot_labels=onehot_labels, logits=logits)
    if label_smoothing:
        labels = labels * (1.0 - label_smoothing) + label_smoothing / max(labels._data.shape[-1], 1)
    losses = softmax_cross_entropy_with_logits(labels, logits)
    return compute_weighted_loss(losses, weights, scope, loss_collection, reduction)


@of_known_rank
def sparse_softmax_cross_entropy(labels, logits, weights=1.0, scope=None, loss_collection="losses",
                                 reduction=Reduction.SUM_BY_NONZERO_WEIGHTS):
    """The cross-entropy of softmax(logits) for classes given by number, by default its mean.

    Args:
        labels: the class of each example, integers [...] or [..., 1] from 0 to n - 1.
        logits: floats [..., n].
        weights: a number, or a weight for each example.
        scope, loss_collection: ignored.
        reduction: one of `Reduction`.

    Returns:
        A scalar, or for Reduction.NONE the weighted losses [...].

    Raises:
        ValueError: labels or logits of None, a label out of range, or shapes that do not fit.

    >>> import numbaflow as nf
    >>> nf.losses.sparse_softmax_cross_entropy([1, 0], [[0.0, 0.0], [50.0, 0.0]]).numpy().round(4)
    np.float32(0.3466)
    """
    labels, logits = as_tensors(labels=labels, logits=logits)
    if logits.ndim != labels.ndim + 1:
        labels, logits = _squeezed(labels, logits)
    if type(weights) not in (float, int):
        weights = as_tensor(weights)
        if weights.ndim == labels.ndim + 1 and weights.shape[-1] == 1:
            weights = squeeze(weights, -1)
    losses = sparse_softmax_cross_entropy_with_logits(labels, logits)
    return compute_weighted_loss(losses, weights, scope, loss_collection, reduction)


def _squeezed(labels, logits):
    """Labels [..., 1] for logits [..., n], or logits [..., n, 1] for labels [...], without that last axis."""
    if logits.ndim == labels.ndim and labels.ndim and labels.shape[-1] == 1:
        labels = squeeze(labels, -1)
    elif logits.ndim == labels.ndim + 2 and logits.shape[-1] == 1:
        logits = squeeze(logits, -1)
    return labels, logits
