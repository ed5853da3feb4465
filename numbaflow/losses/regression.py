"""Losses of predicted numbers."""
from numbaflow.core.later import of_known_rank
from numbaflow.core.tensor import as_tensor
from numbaflow.ops.arguments import one_axis
from numbaflow.ops.arithmetic import abs, div_no_nan, maximum, square, squared_difference
from numbaflow.ops.casting import cast
from numbaflow.ops.comparison import not_equal
from numbaflow.ops.creation import ones_like
from numbaflow.ops.guarded import xlogy
from numbaflow.ops.losses import EPSILON, binary_cross_entropy, huber
from numbaflow.ops.reduce import reduce_sum

from .weighted import Reduction, as_floats, check_weights, compute_weighted_loss


@of_known_rank
def absolute_difference(labels, predictions, weights=1.0, scope=None, loss_collection="losses",
                        reduction=Reduction.SUM_BY_NONZERO_WEIGHTS):
    """|predictions - labels|, by default its mean.

    Args:
        labels, predictions: numbers of one shape.
        weights: a number, or a tensor of as many axes, each of the same extent or 1.
        scope, loss_collection: ignored.
        reduction: one of `Reduction`.

    Raises:
        ValueError: labels or predictions of None, or shapes that differ.

    >>> import numbaflow as nf
    >>> nf.losses.absolute_difference([1.0, 2.0], [1.0, 5.0]).numpy()
    np.float32(1.5)
    """
    labels, predictions = as_floats("absolute_difference", labels=labels, predictions=predictions)
    return compute_weighted_loss(abs(predictions - labels), weights, scope, loss_collection, reduction)


@of_known_rank
def mean_squared_error(labels, predictions, weights=1.0, scope=None, loss_collection="losses",
                       reduction=Reduction.SUM_BY_NONZERO_WEIGHTS):
    """The squares of predictions - labels, by default their mean.

    Args:
        labels, predictions: numbers of one shape.
        weights: a number, or a tensor of as many axes, each of the same extent or 1.
        scope, loss_collection: ignored.
        reduction: one of `Reduction`.

    Raises:
        ValueError: labels or predictions of None, or shapes that differ.

    >>> import numbaflow as nf
    >>> nf.losses.mean_squared_error([1.0, 2.0], [1.0, 4.0]).numpy()
    np.float32(2.0)
    """
    labels, predictions = as_floats("mean_squared_error", labels=labels, predictions=predictions)
    losses = squared_difference(predictions, labels)
    return compute_weighted_loss(losses, weights, scope, loss_collection, reduction)


@of_known_rank
def huber_loss(labels, predictions, weights=1.0, delta=1.0, scope=None, loss_collection="losses",
               reduction=Reduction.SUM_BY_NONZERO_WEIGHTS):
    """Half the square of small errors, and for large ones a line that continues it; by default the mean.

    With e = |predictions - labels| it is ``e**2 / 2`` up to delta and ``delta * e - delta**2 / 2`` beyond.
    Huber, Robust Estimation of a Location Parameter, Annals of Mathematical Statistics 35, 1964.

    Args:
        labels, predictions: numbers of one shape.
        weights: a number, or a tensor of as many axes, each of the same extent or 1.
        delta: where the line begins.
        scope, loss_collection: ignored.
        reduction: one of `Reduction`.

    Raises:
        ValueError: labels or predictions of None, or shapes that differ.

    >>> import numbaflow as nf
    >>> nf.losses.huber_loss([0.0, 0.0], [1.0, 3.0], reduction="none").numpy().tolist()
    [0.5, 2.5]
    """
    labels, predictions = as_floats("huber_loss", labels=labels, predictions=predictions)
    losses = huber(predictions - labels, delta)
    return compute_weighted_loss(losses, weights, scope, loss_collection, reduction)


@of_known_rank
def log_loss(labels, predictions, weights=1.0, epsilon=1e-7, scope=None, loss_collection="losses",
             reduction=Reduction.SUM_BY_NONZERO_WEIGHTS):
    """The cross-entropy of probabilities of yes against labels of 0 and 1, by default its mean.

    It is ``-labels * log(predictions + epsilon) - (1 - labels) * log(1 - predictions + epsilon)``.

    Args:
        labels, predictions: numbers from 0 to 1, of one shape.
        weights: a number, or a tensor of as many axes, each of the same extent or 1.
        epsilon: keeps the logarithms finite.
        scope, loss_collection: ignored.
        reduction: one of `Reduction`.

    Raises:
        ValueError: labels or predictions of None, or shapes that differ.

    >>> import numbaflow as nf
    >>> nf.losses.log_loss([1.0, 0.0], [0.5, 0.5]).numpy().round(4)
    np.float32(0.6931)
    """
    labels, predictions = as_floats("log_loss", labels=labels, predictions=predictions)
    if epsilon == EPSILON:
        losses = binary_cross_entropy(labels, predictions)
    else:
        losses = -xlogy(labels, predictions + epsilon) - xlogy(1.0 - labels, 1.0 - predictions + epsilon)
    return compute_weighted_loss(losses, weights, scope, loss_collection, reduction)


@of_known_rank
def cosine_distance(labels, predictions, axis=None, weights=1.0, scope=None, loss_collection="losses",
                    reduction=Reduction.SUM_BY_NONZERO_WEIGHTS, dim=None):
    """1 minus the inner product of unit vectors along an axis, by default its mean.

    Args:
        labels, predictions: vectors of length 1 along the axis, of one shape.
        axis: the axis of the vectors; the losses have extent 1 there.
        weights: a number, or a tensor of as many axes as the losses, each of the same extent or 1.
        scope, loss_collection: ignored.
        reduction: one of `Reduction`.
        dim: an older name of axis.

    Raises:
        ValueError: no axis, labels or predictions of None, or shapes that differ.

    >>> import numbaflow as nf
    >>> nf.losses.cosine_distance([[1.0, 0.0]], [[0.6, 0.8]], axis=1).numpy().round(4)
    np.float32(0.4)
    """
    axis = dim if axis is None else axis
    if axis is None:
        raise ValueError("You must specify 'axis'.")
    labels, predictions = as_floats("cosine_distance", labels=labels, predictions=predictions)
    losses = 1.0 - reduce_sum(predictions * labels, one_axis(axis, labels.ndim), keepdims=True)
    return compute_weighted_loss(losses, weights, scope, loss_collection, reduction)


@of_known_rank
def mean_pairwise_squared_error(labels, predictions, weights=1.0, scope=None, loss_collection="losses"):
    """How far differences between the predictions of an example are from those between its labels.

    For an example of errors d it is the mean of ``(d[i] - d[j])**2`` over pairs of different i and j; the
    result is the sum over examples.

    Args:
        labels, predictions: numbers [batch, ...].
        weights: a number, a weight for each example [batch, 1, ...], or one for each element, of which those
            that are 0 count as missing.
        scope, loss_collection: ignored.

    Raises:
        ValueError: labels or predictions of None, shapes that differ, or weights that don't fit.

    >>> import numbaflow as nf
    >>> nf.losses.mean_pairwise_squared_error([[0.0, 0.0, 0.0]], [[5.0, 5.0, 8.0]]).numpy().round(4)
    np.float32(6.0)
    """
    labels, predictions = as_floats("mean_pairwise_squared_error", labels=labels, predictions=predictions)
    if not labels.ndim:
        raise ValueError("mean_pairwise_squared_error: labels [batch, ...] are needed, got a scalar")
    weights = cast(as_tensor(weights), labels.dtype)
    check_weights(weights._data.shape, labels._data.shape)
    errors, axes = predictions - labels, list(range(1, labels.ndim))

    def added(x):
        return reduce_sum(x, axes, keepdims=True) if axes else x
    present = added(cast(not_equal(weights, 0.0), labels.dtype) * ones_like(errors))
    others = maximum(present - 1.0, 0.0)
    squares = div_no_nan(added(square(errors)), others)
    squared_sums = div_no_nan(square(added(errors)), present * others)
    return reduce_sum(2.0 * (squares - squared_sums) * weights)
