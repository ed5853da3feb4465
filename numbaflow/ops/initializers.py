"""Initializers: the first values of variables, as functions of a shape and a dtype.

The scaled ones keep the variance of what flows through a layer: it goes with 1/n for n inputs, outputs or
    their mean.
"""
from math import prod, sqrt

import numpy as np

from numbaflow.core import dtypes
from numbaflow.core.tensor import Tensor, wrap

from .comparison import where
from .diagonals import matrix_diag_part
from .factors import qr
from .random import random_normal, random_uniform, truncated_normal
from .shape import reshape, transpose

# the standard deviation of a normal distribution of deviation 1 that is cut at 2 deviations
_CUT = 0.87962566103423978


class Initializer:
    """The base of initializers: called with a shape, and a dtype if not its own, it gives a tensor."""

    def __call__(self, shape, dtype=None, partition_info=None):
        raise NotImplementedError(f"{type(self).__name__}.__call__")

    def get_config(self):
        """The arguments."""
        return {}

    @classmethod
    def from_config(cls, config):
        """The initializer with the arguments that `get_config` gave."""
        return cls(**config)

    def _dtype(self, dtype):
        return dtypes.as_numpy(self.dtype if dtype is None else dtype)

    def _config(self, *names):
        return {**{name: getattr(self, name) for name in names}, "dtype": dtypes.as_dtype(self.dtype).name}


def _extents(shape):
    return tuple(int(n) for n in shape)


class zeros_initializer(Initializer):
    """Zeros.

    >>> import numbaflow as nf
    >>> nf.zeros_initializer()([2]).numpy().tolist()
    [0.0, 0.0]
    """

    def __init__(self, dtype=dtypes.FLOAT32):
        self.dtype = dtype

    def __call__(self, shape, dtype=None, partition_info=None):
        return wrap(np.zeros(_extents(shape), self._dtype(dtype)))

    def get_config(self):
        """The arguments."""
        return self._config()


class ones_initializer(zeros_initializer):
    """Ones."""

    def __call__(self, shape, dtype=None, partition_info=None):
        return wrap(np.ones(_extents(shape), self._dtype(dtype)))


class constant_initializer(Initializer):
    """One value, or the values of a list or array of as many elements.

    Args:
        value: a number, a nested list or an array.
        dtype: the dtype unless another is asked for.
        verify_shape: refuse an array of another shape than is asked for.

    Raises:
        TypeError: a value of another kind.
        ValueError: too many values.

    >>> import numbaflow as nf
    >>> nf.constant_initializer([1, 2, 3, 4])([2, 2]).numpy().tolist()
    [[1.0, 2.0], [3.0, 4.0]]
    """

    def __init__(self, value=0, dtype=dtypes.FLOAT32, verify_shape=False):
        if not (np.isscalar(value) or isinstance(value, (list, tuple, np.ndarray, Tensor))):
            raise TypeError(f"Invalid type for initial value: {type(value).__name__} (expected a number, "
                            "list of numbers or NumPy array).")
        self.value, self.dtype, self._verify = value, dtype, verify_shape

    def __call__(self, shape, dtype=None, partition_info=None, verify_shape=None):
        given, wanted = np.asarray(self.value).astype(self._dtype(dtype)), _extents(shape)
        verify = self._verify if verify_shape is None else verify_shape
        if given.size > prod(wanted) and given.size > 1:
            raise ValueError(
                f"constant_initializer: too many elements provided: {given.size} for shape {wanted}")
        if verify and given.shape != wanted:
            raise ValueError(f"constant_initializer: a value of shape {given.shape} for shape {wanted}")
        filled = np.full(prod(wanted), given.flat[-1] if given.size else 0, given.dtype)
        filled[:given.size] = given.ravel()[:filled.size]
        return wrap(filled.reshape(wanted))

    def get_config(self):
        """The arguments."""
        value = self.value
        return {**self._config(), "value": value if np.isscalar(value) else np.asarray(value).tolist()}


# ---- random
class random_uniform_initializer(Initializer):
    """Uniform numbers in [minval, maxval); maxval is 1 for floats unless given."""

    def __init__(self, minval=0, maxval=None, seed=None, dtype=dtypes.FLOAT32):
        self.minval, self.maxval, self.seed, self.dtype = minval, maxval, seed, dtype

    def __call__(self, shape, dtype=None, partition_info=None):
        return random_uniform(_extents(shape), self.minval, self.maxval, self._dtype(dtype), self.seed)

    def get_config(self):
        """The arguments."""
        return self._config("minval", "maxval", "seed")


class random_normal_initializer(Initializer):
    """Normal numbers."""

    def __init__(self, mean=0.0, stddev=1.0, seed=None, dtype=dtypes.FLOAT32):
        self.mean, self.stddev, self.seed, self.dtype = mean, stddev, seed, dtype

    def __call__(self, shape, dtype=None, partition_info=None):
        return random_normal(_extents(shape), self.mean, self.stddev, self._dtype(dtype), self.seed)

    def get_config(self):
        """The arguments."""
        return self._config("mean", "stddev", "seed")


class truncated_normal_initializer(random_normal_initializer):
    """Normal numbers less than two standard deviations from the mean."""

    def __call__(self, shape, dtype=None, partition_info=None):
        return truncated_normal(_extents(shape), self.mean, self.stddev, self._dtype(dtype), self.seed)


def _fans(shape):
    """How many inputs and how many outputs one unit of a weight of that shape has."""
    if len(shape) < 2:
        return (shape[0] if shape else 1,) * 2
    field = prod(shape[:-2])                    # the taps of a convolution kernel
    return shape[-2] * field, shape[-1] * field


class variance_scaling_initializer(Initializer):
    """Random numbers of variance scale / n, n the number of inputs or outputs of a unit, or their mean.

    Args:
        scale: a positive number.
        mode: "fan_in", "fan_out" or "fan_avg".  For a convolution kernel the taps count as inputs and
        outputs.
        distribution: "truncated_normal" (or "normal"), "untruncated_normal" or "uniform".
        seed: of a sequence of its own.
        dtype: the dtype unless another is asked for.

    Raises:
        ValueError: a scale that is not positive, an unknown mode or distribution.

    >>> import numbaflow as nf
    >>> w = nf.variance_scaling_initializer(2.0, distribution="uniform")([600, 400])
    >>> bool(nf.reduce_max(w) <= 0.1), bool(abs(w.numpy().var() * 600 - 2.0) < 0.02)
    (True, True)
    """

    def __init__(self, scale=1.0, mode="fan_in", distribution="truncated_normal",
                 seed=None, dtype=dtypes.FLOAT32):
        if scale <= 0.0:
            raise ValueError(f"variance_scaling: `scale` must be positive, got {scale}")
        for value, allowed in ((mode, ("fan_in", "fan_out", "fan_avg")),
                               (distribution,
                                ("normal", "uniform", "truncated_normal", "untruncated_normal"))):
            if value not in allowed:
                raise ValueError(f"variance_scaling: expected one of {', '.join(allowed)}, got {value!r}")
        self.scale, self.mode, self.seed, self.dtype = scale, mode, seed, dtype
        self.distribution = "truncated_normal" if distribution == "normal" else distribution

    def __call__(self, shape, dtype=None, partition_info=None):
        shape, dtype = _extents(shape), self._dtype(dtype)
        inputs, outputs = _fans(shape)
        n = {"fan_in": inputs, "fan_out": outputs, "fan_avg": (inputs + outputs) / 2}[self.mode]
        variance = self.scale / max(1.0, n)
        if self.distribution == "uniform":
            limit = sqrt(3.0 * variance)
            return random_uniform(shape, -limit, limit, dtype, self.seed)
        if self.distribution == "truncated_normal":
            return truncated_normal(shape, 0.0, sqrt(variance) / _CUT, dtype, self.seed)
        return random_normal(shape, 0.0, sqrt(variance), dtype, self.seed)

    def get_config(self):
        """The arguments."""
        return self._config("scale", "mode", "distribution", "seed")


class _Scaled(variance_scaling_initializer):
    """Variance scaling with everything but the seed said by the class."""

    _said: tuple = ()

    def __init__(self, seed=None, dtype=dtypes.FLOAT32):
        super().__init__(*self._said, seed=seed, dtype=dtype)

    def get_config(self):
        """The arguments."""
        return self._config("seed")


class glorot_uniform_initializer(_Scaled):
    """Uniform numbers in +-sqrt(6 / (inputs + outputs)) (Glorot & Bengio 2010).

    >>> import numbaflow as nf
    >>> bool(nf.reduce_max(nf.glorot_uniform_initializer()([2, 4])) <= 1.0)
    True
    """

    _said = (1.0, "fan_avg", "uniform")


class glorot_normal_initializer(_Scaled):
    """Truncated normal numbers of variance 2 / (inputs + outputs) (Glorot & Bengio 2010)."""

    _said = (1.0, "fan_avg", "truncated_normal")


class he_normal_initializer(_Scaled):
    """Truncated normal numbers of variance 2 / inputs (He et al. 2015)."""

    _said = (2.0, "fan_in", "truncated_normal")


class he_uniform_initializer(_Scaled):
    """Uniform numbers in +-sqrt(6 / inputs) (He et al. 2015)."""

    _said = (2.0, "fan_in", "uniform")


class lecun_normal_initializer(_Scaled):
    """Truncated normal numbers of variance 1 / inputs (LeCun et al. 1998)."""

    _said = (1.0, "fan_in", "truncated_normal")


class lecun_uniform_initializer(_Scaled):
    """Uniform numbers in +-sqrt(3 / inputs) (LeCun et al. 1998)."""

    _said = (1.0, "fan_in", "uniform")


# ---- matrices
class orthogonal_initializer(Initializer):
    """A matrix of orthonormal rows or columns, whichever are fewer, times `gain` (Saxe et al. 2014).

    Axes before the last are taken together.

    >>> import numbaflow as nf
    >>> w = nf.orthogonal_initializer()([4, 2])
    >>> bool(nf.reduce_max(nf.abs(nf.matmul(w, w, transpose_a=True) - nf.eye(2))) < 1e-5)
    True
    """

    def __init__(self, gain=1.0, seed=None, dtype=dtypes.FLOAT32):
        self.gain, self.seed, self.dtype = gain, seed, dtype

    def __call__(self, shape, dtype=None, partition_info=None):
        shape, dtype = _extents(shape), self._dtype(dtype)
        if len(shape) < 2:
            raise ValueError("orthogonal_initializer: The tensor to initialize must be at least "
                             f"two-dimensional, got shape {shape}")
        rows, columns = prod(shape[:-1]), shape[-1]
        drawn = random_normal((max(rows, columns), min(rows, columns)), dtype=dtype, seed=self.seed)
        q, r = qr(drawn)
        q = q * where(matrix_diag_part(r) < 0.0, -self.gain, self.gain)     # else q is not uniform
        return reshape(q if rows >= columns else transpose(q), shape)

    def get_config(self):
        """The arguments."""
        return self._config("gain", "seed")


class identity_initializer(Initializer):
    """The identity matrix times `gain`; for shapes of two axes only.

    >>> import numbaflow as nf
    >>> nf.initializers.identity(2.0)([2, 2]).numpy().tolist()
    [[2.0, 0.0], [0.0, 2.0]]
    """

    def __init__(self, gain=1.0, dtype=dtypes.FLOAT32):
        self.gain, self.dtype = gain, dtype

    def __call__(self, shape, dtype=None, partition_info=None):
        if len(shape) != 2:
            raise ValueError("identity_initializer: Identity matrix initializer can only be used for 2D "
                             f"matrices, got shape {_extents(shape)}")
        return wrap((self.gain * np.eye(*_extents(shape))).astype(self._dtype(dtype)))

    def get_config(self):
        """The arguments."""
        return self._config("gain")


__all__ = [name for name in globals() if name.endswith("_initializer")]
