"""Activation functions by name."""
from numbaflow.core.tensor import as_tensor
from numbaflow.ops import activations as ops
from numbaflow.ops.clipping import clip_by_value
from numbaflow.ops.comparison import where
from numbaflow.ops.creation import zeros_like
from numbaflow.ops.exponential import exp
from numbaflow.ops.nn import softmax as _softmax
from numbaflow.ops.trigonometric import tanh as _tanh

from .registry import Registry

__all__ = ["deserialize", "elu", "exponential", "gelu", "get", "hard_sigmoid", "linear", "relu", "selu",
           "serialize", "sigmoid", "softmax", "softplus", "softsign", "swish", "tanh"]


def linear(x):
    """x itself."""
    return x


def softmax(x, axis=-1):
    """exp(x) / sum(exp(x)) along an axis.

    Args:
        x: floats, [n, classes] or more dimensions.
        axis: the axis of classes.

    Raises:
        ValueError: fewer than two dimensions.

    >>> import numbaflow as nf
    >>> nf.keras.activations.softmax(nf.zeros((1, 4))).numpy().tolist()
    [[0.25, 0.25, 0.25, 0.25]]
    """
    ndim = getattr(x, "ndim", None)
    if (as_tensor(x).ndim if ndim is None else ndim) < 2:
        raise ValueError("Cannot apply softmax to a tensor that is 1D or less: expected [n, classes]")
    return _softmax(x, axis)


def elu(x, alpha=1.0):
    """x, or alpha * (exp(x) - 1) where x < 0."""
    y = ops.elu(x)
    return y if alpha == 1.0 else where(x > 0, y, y * alpha)


def selu(x):
    """1.0507 times (x, or 1.6733 * (exp(x) - 1) where x < 0)."""
    return ops.selu(x)


def softplus(x):
    """log(1 + exp(x))."""
    return ops.softplus(x)


def softsign(x):
    """x / (1 + |x|)."""
    return ops.softsign(x)


def relu(x, alpha=0.0, max_value=None, threshold=0):
    """max(x, 0); or with a slope below a threshold, and cut at a largest value.

    Args:
        x: numbers.
        alpha: the slope below the threshold: alpha * (x - threshold).
        max_value: the largest value, or None.
        threshold: where it starts; what is below gives 0 for alpha 0.

    >>> import numbaflow as nf
    >>> nf.keras.activations.relu(nf.constant([-2.0, 0.5, 9.0]), alpha=0.5, max_value=6.0).numpy().tolist()
    [-1.0, 0.5, 6.0]
    """
    if alpha == 0.0 and threshold == 0:
        if max_value is None:
            return ops.relu(x)
        if max_value == 6.0:
            return ops.relu6(x)
    x = as_tensor(x)
    upper = x if max_value is None else clip_by_value(x, threshold, max_value)
    if alpha == 0.0:
        return where(x >= threshold, upper, zeros_like(x))
    return where(x >= threshold, upper, (x - threshold) * alpha)


def gelu(x):
    """x times the normal distribution function of x."""
    return ops.gelu(x)


def swish(x):
    """x * sigmoid(x)."""
    return ops.swish(x)


def tanh(x):
    """Hyperbolic tangent."""
    return _tanh(x)


def sigmoid(x):
    """1 / (1 + exp(-x))."""
    return ops.sigmoid(x)


def hard_sigmoid(x):
    """0.2 * x + 0.5, cut at 0 and 1.

    >>> import numbaflow as nf
    >>> nf.keras.activations.hard_sigmoid(nf.constant([-3.0, 0.0, 1.0])).numpy().round(2).tolist()
    [0.0, 0.5, 0.699999988079071]
    """
    return clip_by_value(as_tensor(x) * 0.2 + 0.5, 0.0, 1.0)


def exponential(x):
    """exp(x)."""
    return exp(x)


_REGISTRY = Registry("activation function", {
    name: function for name, function in list(globals().items())
    if name in __all__ and name not in ("deserialize", "get", "serialize")})
serialize, deserialize = _REGISTRY.serialize, _REGISTRY.deserialize


def get(identifier):
    """The function of a name; `linear` for None; a function or layer as it is.

    Raises:
        ValueError: an unknown name; the known ones are listed.

    >>> import numbaflow as nf
    >>> nf.keras.activations.get("relu").__name__, nf.keras.activations.get(None).__name__
    ('relu', 'linear')
    """
    if isinstance(identifier, dict):                # of a layer that serves as an activation
        from .layers import deserialize as layer
        return layer(identifier)
    return linear if identifier is None else _REGISTRY.get(identifier)
