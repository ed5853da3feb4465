"""How losses of many elements are weighted and become one number."""
from math import prod

import numpy as np

from numbaflow.core.later import of_known_rank
from numbaflow.core.shape import Extent
from numbaflow.core.tensor import as_tensor
from numbaflow.ops.arithmetic import div_no_nan
from numbaflow.ops.casting import cast
from numbaflow.ops.comparison import not_equal
from numbaflow.ops.creation import ones_like
from numbaflow.ops.reduce import reduce_mean, reduce_sum


class Reduction:
    """What becomes of weighted losses: a name for each way.

    NONE leaves them as they are and SUM adds them up.  The others divide the sum: SUM_OVER_BATCH_SIZE by the
    number of losses, SUM_BY_NONZERO_WEIGHTS (also SUM_OVER_NONZERO_WEIGHTS) by the number of those of weights
    other than 0, and MEAN by the sum of the weights.  A sum that is divided by 0 gives 0.
    """

    NONE = "none"
    SUM = "weighted_sum"
    SUM_OVER_BATCH_SIZE = "weighted_sum_over_batch_size"
    MEAN = "weighted_mean"
    SUM_BY_NONZERO_WEIGHTS = "weighted_sum_by_nonzero_weights"
    SUM_OVER_NONZERO_WEIGHTS = SUM_BY_NONZERO_WEIGHTS

    @classmethod
    def all(cls):
        """All names."""
        return cls.NONE, cls.SUM, cls.MEAN, cls.SUM_OVER_BATCH_SIZE, cls.SUM_BY_NONZERO_WEIGHTS

    @classmethod
    def validate(cls, key):
        """ValueError for what is none of the names."""
        if key not in cls.all():
            raise ValueError(f"Invalid Reduction Key {key}.")


def as_tensors(**arguments):
    """Tensors of what a loss was given; ValueError for None."""
    for name, value in arguments.items():
        if value is None:
            raise ValueError(f"{name} must not be None.")
    return [as_tensor(value) for value in arguments.values()]


def as_floats(op, **arguments):
    """Tensors of one float dtype and one shape, of two arguments of the loss named `op`.

    Numbers that are no floats take the dtype of the other argument, float32 if that is none either.
    """
    (a_name, b_name), (a, b) = arguments, as_tensors(**arguments)
    if a._data.shape != b._data.shape:
        raise ValueError(f"Shapes {b._data.shape} and {a._data.shape} are incompatible: {b_name} and "
                         f"{a_name} of {op}")
    if a._dtype is not b._dtype or a._dtype.kind != "f":
        a, b = cast_floats(a, b)
    return a, b


def cast_floats(*tensors):
    """Tensors in the widest float dtype among them, float32 where there is none."""
    floats = [t._dtype for t in tensors if t._dtype.kind == "f"]
    dtype = np.result_type(*floats) if floats else np.float32
    return [cast(t, dtype) for t in tensors]


@of_known_rank
def compute_weighted_loss(losses, weights=1.0, scope=None, loss_collection="losses",
                          reduction=Reduction.SUM_BY_NONZERO_WEIGHTS):
    """The losses times their weights, reduced.

    Args:
        losses: floats.
        weights: a number, or a tensor of as many axes as the losses, each of the same extent or 1.
        scope, loss_collection: ignored.
        reduction: one of `Reduction`.

    Returns:
        A scalar, or for Reduction.NONE a tensor of the losses' shape.

    Raises:
        ValueError: weights that don't broadcast to the losses, or an unknown reduction.

    >>> import numbaflow as nf
    >>> nf.losses.compute_weighted_loss([1.0, 2.0, 6.0], [1.0, 1.0, 0.0]).numpy()
    np.float32(1.5)
    """
    Reduction.validate(reduction)
    losses, = as_tensors(losses=losses)
    if losses._dtype.kind != "f":
        losses = cast(losses, np.float32)
    if type(weights) in (float, int) and weights == 1:
        return _unweighted(losses, reduction)
    if weights is None:
        raise ValueError("weights must not be None.")
    # (a Python number is taken in full precision)
    weights = cast(weights, losses.dtype) if hasattr(weights, "dtype") else as_tensor(weights, losses.dtype)
    check_weights(weights._data.shape, losses._data.shape)
    weighted = losses * weights
    if reduction == Reduction.NONE:
        return weighted
    total = reduce_sum(weighted)
    return total if reduction == Reduction.SUM else div_no_nan(total, _divisor(losses, weights, reduction))


def _unweighted(losses, reduction):
    if reduction == Reduction.NONE:
        return losses
    if reduction == Reduction.SUM or 0 in losses.shape:         # (the mean of nothing is 0 here)
        return reduce_sum(losses)
    return reduce_mean(losses)


def _divisor(losses, weights, reduction):
    if reduction == Reduction.MEAN:
        return reduce_sum(ones_like(losses) * weights)
    size = prod(losses.shape)
    if reduction == Reduction.SUM_OVER_BATCH_SIZE:
        return size if isinstance(size, Extent) else float(size)
    present = reduce_sum(cast(not_equal(weights, 0.0), losses.dtype))
    return present * (size / max(prod(weights.shape), 1))            # each weight stands for that many losses


def check_weights(weights, losses):
    """ValueError for a shape of weights that is neither () nor the losses' with some extents 1."""
    fits = len(weights) == len(losses) and all(w in (1, n) for w, n in zip(weights, losses, strict=True))
    if weights and not fits:
        raise ValueError(f"weights can not be broadcast to values. weights.shape={weights}, "
                         f"values.shape={losses}: expected a scalar, or as many axes of that extent or 1")
