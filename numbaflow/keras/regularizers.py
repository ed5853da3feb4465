"""Regularizers: penalties of weights that are added to a loss."""
from numbaflow.ops.arithmetic import abs as _abs, square
from numbaflow.ops.reduce import reduce_sum

from .registry import Registry

__all__ = ["L1L2", "Regularizer", "deserialize", "get", "l1", "l1_l2", "l2", "serialize"]


class Regularizer:
    """The base of regularizers: called with a tensor it gives a scalar."""

    def __call__(self, x):
        return 0.0

    @classmethod
    def from_config(cls, config):
        """The regularizer with the arguments that `get_config` gave."""
        return cls(**config)


class L1L2(Regularizer):
    """l1 * sum|x| + l2 * sum(x^2).

    >>> import numbaflow as nf
    >>> nf.keras.regularizers.L1L2(l1=0.5, l2=0.1)(nf.constant([1.0, -2.0])).numpy()
    np.float32(2.0)
    """

    def __init__(self, l1=0.0, l2=0.0):
        self.l1, self.l2 = float(l1), float(l2)

    def __call__(self, x):
        if not self.l1:
            return self.l2 * reduce_sum(square(x)) if self.l2 else 0.0
        first = self.l1 * reduce_sum(_abs(x))
        return first + self.l2 * reduce_sum(square(x)) if self.l2 else first

    def get_config(self):
        """The arguments."""
        return {"l1": self.l1, "l2": self.l2}


def l1(l=0.01):                                 # noqa: E741 - the argument's name in the original
    """The regularizer l * sum|x|."""
    return L1L2(l1=l)


def l2(l=0.01):                                 # noqa: E741
    """The regularizer l * sum(x^2)."""
    return L1L2(l2=l)


def l1_l2(l1=0.01, l2=0.01):
    """The regularizer l1 * sum|x| + l2 * sum(x^2)."""
    return L1L2(l1, l2)


_BY_NAME = {"l1": l1, "l2": l2, "l1_l2": l1_l2}
_REGISTRY = Registry("regularizer", {"L1L2": L1L2, **_BY_NAME})
serialize = _REGISTRY.serialize


def get(identifier):
    """The regularizer of a name, configuration or function; None for None.

    >>> import numbaflow as nf
    >>> nf.keras.regularizers.get("l2").get_config()
    {'l1': 0.0, 'l2': 0.01}
    """
    return deserialize(identifier) if isinstance(identifier, (str, dict)) else _REGISTRY.get(identifier)


def deserialize(config, custom_objects=None):
    """The regularizer of a name or a configuration."""
    name = config.get("class_name") if isinstance(config, dict) else config
    if name in _BY_NAME:
        return _BY_NAME[name](**(config.get("config", {}) if isinstance(config, dict) else {}))
    return _REGISTRY.deserialize(config, custom_objects)
