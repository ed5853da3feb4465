"""Constraints: from a weight's value to an allowed one; optimizers apply them after each update."""
from numbaflow.ops.arithmetic import square
from numbaflow.ops.casting import cast
from numbaflow.ops.clipping import clip_by_value
from numbaflow.ops.exponential import sqrt
from numbaflow.ops.reduce import reduce_sum

from . import backend
from .registry import Registry

__all__ = ["Constraint", "MaxNorm", "MinMaxNorm", "NonNeg", "UnitNorm", "deserialize", "get", "max_norm",
           "min_max_norm", "non_neg", "serialize", "unit_norm"]


def _norms(w, axis):
    return sqrt(reduce_sum(square(w), axis, keepdims=True))


class Constraint:
    """The base of constraints: called with a weight it gives the allowed weight."""

    def __call__(self, w):
        return w

    def get_config(self):
        """The arguments."""
        return {}

    @classmethod
    def from_config(cls, config):
        """The constraint with the arguments that `get_config` gave."""
        return cls(**config)


class MaxNorm(Constraint):
    """Vectors along `axis` of a norm over `max_value` are scaled to that norm.

    >>> import numbaflow as nf
    >>> nf.keras.constraints.MaxNorm(1.0)(nf.constant([[3.0, 0.1], [4.0, 0.1]])).numpy().round(3).tolist()
    [[0.6000000238418579, 0.10000000149011612], [0.800000011920929, 0.10000000149011612]]
    """

    def __init__(self, max_value=2, axis=0):
        self.max_value, self.axis = max_value, axis

    def __call__(self, w):
        norms = _norms(w, self.axis)
        return w * (clip_by_value(norms, 0.0, float(self.max_value)) / (norms + backend.epsilon()))

    def get_config(self):
        """The arguments."""
        return {"max_value": self.max_value, "axis": self.axis}


class NonNeg(Constraint):
    """Negative weights become 0."""

    def __call__(self, w):
        return w * cast(w >= 0.0, w.dtype)


class UnitNorm(Constraint):
    """Vectors along `axis` are scaled to norm 1."""

    def __init__(self, axis=0):
        self.axis = axis

    def __call__(self, w):
        return w / (_norms(w, self.axis) + backend.epsilon())

    def get_config(self):
        """The arguments."""
        return {"axis": self.axis}


class MinMaxNorm(Constraint):
    """Vectors along `axis` are scaled to norms in [min_value, max_value], by the part `rate` of the way."""

    def __init__(self, min_value=0.0, max_value=1.0, rate=1.0, axis=0):
        self.min_value, self.max_value, self.rate, self.axis = min_value, max_value, rate, axis

    def __call__(self, w):
        norms = _norms(w, self.axis)
        wanted = self.rate * clip_by_value(norms, float(self.min_value), float(self.max_value))
        return w * ((wanted + (1.0 - self.rate) * norms) / (norms + backend.epsilon()))

    def get_config(self):
        """The arguments."""
        return {"min_value": self.min_value, "max_value": self.max_value, "rate": self.rate,
                "axis": self.axis}


max_norm, non_neg, unit_norm, min_max_norm = MaxNorm, NonNeg, UnitNorm, MinMaxNorm
_REGISTRY = Registry("constraint", {
    "MaxNorm": MaxNorm, "MinMaxNorm": MinMaxNorm, "NonNeg": NonNeg, "UnitNorm": UnitNorm, "max_norm": MaxNorm,
    "min_max_norm": MinMaxNorm, "non_neg": NonNeg, "unit_norm": UnitNorm})
get, serialize, deserialize = _REGISTRY.get, _REGISTRY.serialize, _REGISTRY.deserialize
