"""Samples: the arguments that an op is declared with, for its tests and benches.  Imports NumPy only."""
from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Sample:
    """Arguments that an op is tested and timed with.

    Array arguments are given as values or as makers called with a random generator and a dtype; `dtypes` says
    in which dtypes the floats among them are tried; `grad=False` keeps a sample at a kink out of gradient
    checks.
    """

    args: tuple
    kwargs: dict = field(default_factory=dict)
    dtypes: tuple = ("float32", "float64")
    grad: bool = True
    rtol: float | None = None

    def __init__(self, *args, dtypes=("float32", "float64"), grad=True, rtol=None, **kwargs):
        fields = {"args": args, "kwargs": kwargs, "dtypes": dtypes, "grad": grad, "rtol": rtol}
        for name, value in fields.items():
            object.__setattr__(self, name, value)

    def make(self, seed=0, dtype="float64"):
        """The concrete (args, kwargs)."""
        rng = np.random.default_rng(seed)
        return (tuple(_made(a, rng, dtype) for a in self.args),
                {k: _made(v, rng, dtype) for k, v in self.kwargs.items()})


@dataclass(frozen=True)
class Maker:
    """Makes one random array of a sample."""

    make: object

    def __call__(self, rng, dtype):
        return self.make(rng, dtype)


def _made(value, rng, dtype):
    if isinstance(value, Maker):
        return value(rng, dtype)
    if isinstance(value, list) and any(isinstance(v, Maker) for v in value):
        return [_made(v, rng, dtype) for v in value]
    return value


def _cast(array, dtype):
    return np.asarray(array).astype(dtype)


def normal(*shape, scale=1.0):
    """Standard normal values times scale, in the sample's dtype."""
    return Maker(lambda rng, dtype: _cast(rng.standard_normal(shape) * scale, dtype))


def uniform(*shape, low=0.0, high=1.0):
    """Uniform values, in the sample's dtype."""
    return Maker(lambda rng, dtype: _cast(rng.uniform(low, high, shape), dtype))


def integers(*shape, low=0, high=10, dtype="int64"):
    """Random integers of one dtype."""
    return Maker(lambda rng, _: rng.integers(low, high, shape).astype(dtype))


def bools(*shape):
    """Random truth values."""
    return Maker(lambda rng, _: rng.integers(0, 2, shape).astype(bool))


def distinct(*shape):
    """Values at least 0.1 apart in random order: no ties for max, sort and the like."""
    def make(rng, dtype):
        steps = rng.permutation(int(np.prod(shape))).reshape(shape)
        return _cast((steps - 3) * 0.1 + 0.05, dtype)
    return Maker(make)


def positive_definite(*shape):
    """Symmetric positive definite matrices, well conditioned."""
    def make(rng, dtype):
        a = rng.standard_normal(shape)
        return _cast(a @ np.swapaxes(a, -1, -2) + shape[-1] * np.eye(shape[-1]), dtype)
    return Maker(make)


def given(values):
    """These values, in the sample's dtype."""
    return Maker(lambda rng, dtype: _cast(values, dtype))
