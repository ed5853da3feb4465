"""Cross-entropy losses."""
from numbaflow.core.tensor import as_tensor
from numbaflow.ops.nn import sparse_softmax_cross_entropy_with_logits
from numbaflow.ops.shape import squeeze

from .weighted import Reduction, as_tensors, compute_weighted_loss


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
