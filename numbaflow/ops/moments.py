"""Mean and variance over axes, and what the derivatives of normalizations have in common."""
import numpy as np

from numbaflow.core.errors import InvalidArgumentError
from numbaflow.core.later import of_known_rank
from numbaflow.core.tensor import as_tensor

from .arguments import axes as axes_of
from .arithmetic import reciprocal, square, squared_difference
from .exponential import rsqrt
from .reduce import reduce_mean, reduce_sum
from .shape import broadcast_to, squeeze

__all__ = ["moments", "weighted_moments"]


def _keeping(keepdims, keep_dims):
    if keepdims is not None and keep_dims is not None:
        raise ValueError("Cannot specify both 'keep_dims' and 'keepdims'")
    return bool(keepdims or keep_dims)


def _floating(name, x):
    x = as_tensor(x)
    if x._dtype.kind != "f":
        raise InvalidArgumentError(f"{name}: expected floats, got {x.dtype.name}")
    return x


@of_known_rank
def moments(x, axes, shift=None, name=None, keep_dims=None, keepdims=None):
    """The mean and the variance over axes.

    Args:
        x: floats.
        axes: an axis or several; [0, 1, 2] for the statistics of channels that come last.
        shift: not used, as in TensorFlow.
        keepdims: whether reduced axes stay with extent 1.
        keep_dims: the older name of keepdims.

    Returns:
        (mean, variance), the variance with n as the divisor.

    >>> import numbaflow as nf
    >>> mean, variance = nf.nn.moments([[1.0, 2.0], [3.0, 6.0]], axes=[0])
    >>> mean.numpy().tolist(), variance.numpy().tolist()
    ([2.0, 4.0], [1.0, 4.0])
    """
    x = _floating("moments", x)
    mean = reduce_mean(x, axes, keepdims=True)
    variance = reduce_mean(squared_difference(x, mean), axes, keepdims=True)
    if _keeping(keepdims, keep_dims):
        return mean, variance
    gone = list(axes_of(axes, x.ndim))
    return (squeeze(mean, gone), squeeze(variance, gone)) if gone else (mean, variance)


@of_known_rank
def weighted_moments(x, axes, frequency_weights, name=None, keep_dims=None, keepdims=None):
    """The mean and the variance over axes, where each element counts by its weight.

    Args:
        x: floats.
        axes: an axis or several.
        frequency_weights: not negative, of a shape that broadcasts with x's.
        keepdims: whether reduced axes stay with extent 1.
        keep_dims: the older name of keepdims.

    Returns:
        (mean, variance), the variance with the sum of weights as the divisor.

    >>> import numbaflow as nf
    >>> mean, variance = nf.nn.weighted_moments([1.0, 2.0], axes=[0], frequency_weights=[3.0, 1.0])
    >>> mean.numpy(), variance.numpy()
    (np.float32(1.25), np.float32(0.1875))
    """
    x = _floating("weighted_moments", x)
    weights = as_tensor(frequency_weights)
    weights = broadcast_to(weights, np.broadcast_shapes(weights._data.shape, x._data.shape))
    share = reciprocal(reduce_sum(weights, axes, keepdims=True))
    mean = reduce_sum(weights * x, axes, keepdims=True) * share
    variance = reduce_sum(weights * squared_difference(x, mean), axes, keepdims=True) * share
    if _keeping(keepdims, keep_dims):
        return mean, variance
    gone = list(axes_of(axes, weights.ndim))
    return (squeeze(mean, gone), squeeze(variance, gone)) if gone else (mean, variance)


# ---- what first and second derivatives share
def mean_over(x, axes):
    return reduce_mean(x, axes, keepdims=True)


def normalized(x, axes, epsilon):
    """x normalized over axes, and 1 / sqrt(variance + epsilon)."""
    off = x - mean_over(x, axes)
    inverse = rsqrt(mean_over(square(off), axes) + epsilon)
    return off * inverse, inverse


def projected(g, normal, axes):
    """The gradient of a normalization over its factor `inverse`: g without its part along 1 and `normal`."""
    return g - mean_over(g, axes) - normal * mean_over(g * normal, axes)


def second_rule(v, a, normal, inverse, axes):
    """The gradient by x of sum(v * inverse * projected(a))."""
    v_mean, a_mean = mean_over(v, axes), mean_over(a, axes)
    v_normal, a_normal = mean_over(v * normal, axes), mean_over(a * normal, axes)
    along = v_mean * a_mean - mean_over(a * v, axes) + 3.0 * a_normal * v_normal
    return square(inverse) * (normal * along + v_normal * (a_mean - a) + a_normal * (v_mean - v))
