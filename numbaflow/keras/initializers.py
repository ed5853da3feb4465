"""Initializers under Keras' names, and by name.

RandomNormal, RandomUniform and TruncatedNormal have smaller defaults here than as
`nf.random_normal_initializer` etc.
"""
from numbaflow.core import dtypes
from numbaflow.ops import initializers as ops

from .registry import Registry

Initializer = ops.Initializer
Zeros, Ones, Constant = ops.zeros_initializer, ops.ones_initializer, ops.constant_initializer
VarianceScaling, Orthogonal, Identity = (ops.variance_scaling_initializer, ops.orthogonal_initializer,
                                         ops.identity_initializer)
GlorotUniform, GlorotNormal = ops.glorot_uniform_initializer, ops.glorot_normal_initializer
zeros, ones, constant, identity, orthogonal = Zeros, Ones, Constant, Identity, Orthogonal
glorot_uniform, glorot_normal = GlorotUniform, GlorotNormal
he_normal, he_uniform = ops.he_normal_initializer, ops.he_uniform_initializer
lecun_normal, lecun_uniform = ops.lecun_normal_initializer, ops.lecun_uniform_initializer


class RandomNormal(ops.random_normal_initializer):
    """Normal numbers, of standard deviation 0.05 by default."""

    def __init__(self, mean=0.0, stddev=0.05, seed=None, dtype=dtypes.FLOAT32):
        super().__init__(mean, stddev, seed, dtype)


class RandomUniform(ops.random_uniform_initializer):
    """Uniform numbers, in [-0.05, 0.05) by default."""

    def __init__(self, minval=-0.05, maxval=0.05, seed=None, dtype=dtypes.FLOAT32):
        super().__init__(minval, maxval, seed, dtype)


class TruncatedNormal(ops.truncated_normal_initializer):
    """Normal numbers cut at two standard deviations, of 0.05 by default."""

    def __init__(self, mean=0.0, stddev=0.05, seed=None, dtype=dtypes.FLOAT32):
        super().__init__(mean, stddev, seed, dtype)


normal = random_normal = RandomNormal
uniform = random_uniform = RandomUniform
truncated_normal, variance_scaling = TruncatedNormal, VarianceScaling
_KNOWN = {name: value for name, value in list(globals().items())
          if isinstance(value, type) and issubclass(value, Initializer) and value is not Initializer}
__all__ = ["Initializer", "deserialize", "get", "serialize", *_KNOWN]
_KNOWN |= {name: getattr(ops, name) for name in ops.__all__}

_REGISTRY = Registry("initializer", _KNOWN)
get, serialize, deserialize = _REGISTRY.get, _REGISTRY.serialize, _REGISTRY.deserialize
