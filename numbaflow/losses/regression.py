"""Losses of predicted numbers."""
from numbaflow.ops.arithmetic import squared_difference

from .weighted import Reduction, as_tensors, compute_weighted_loss


def mean_squared_error(labels, predictions, weights=1.0, scope=None, loss_collection="losses",
                       reduction=Reduction.SUM_BY_NONZERO_WEIGHTS):
    """The squares of predictions - labels, by default their mean.

    Args:
        labels, predictions: floats of one shape.
        weights: a number, or a tensor of as many axes, each of the same extent or 1.
        scope, loss_collection: ignored.
        reduction: one of `Reduction`.

    Raises:
        ValueError: labels or predictions of None, or shapes that differ.

    >>> import numbaflow as nf
    >>> nf.losses.mean_squared_error([1.0, 2.0], [1.0, 4.0]).numpy()
    np.float32(2.0)
    """
    labels, predictions = as_tensors(labels=labels, predictions=predictions)
    if tuple(labels.shape) != tuple(predictions.shape):
        raise ValueError(f"Shapes {tuple(predictions.shape)} and {tuple(labels.shape)} are incompatible: "
                         "predictions and labels of mean_squared_error")
    losses = squared_difference(predictions, labels)
    return compute_weighted_loss(losses, weights, scope, loss_collection, reduction)
