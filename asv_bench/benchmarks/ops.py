"""Every op of the table, forward and gradient, at two sizes: an op is timed by being declared.

Small is the op's own first sample.  Large is 2**20 elements in that sample's range for elementwise
ops, and for all others what `large.py` says.
"""
import inspect

import numpy as np

import numbaflow as nf
from numbaflow.core import nest, table
from numbaflow.core.dtypes import DIFFERENTIABLE

from .large import LARGE, WITHOUT_LARGE

ELEMENTS = 1 << 20
SIZES = ["small", "large"]
OPS = sorted(name for name, op in table.OPS.items() if op.function.__module__.startswith("numbaflow."))
DIFFERENTIABLE_OPS = [name for name in OPS if any((table.OPS[name].rules or {}).values())]


def sample_of(op, gradient=False):
    """The first sample of an op, or the first that has a gradient."""
    return next((s for s in op.samples if s.grad), op.samples[0]) if gradient else op.samples[0]


def made(sample):
    """A sample's arguments, in float32 where it has that."""
    return sample.make(dtype="float32" if "float32" in sample.dtypes else sample.dtypes[0])


def enlarged(value, rng):
    """2**20 elements of an array's dtype, in its range; what is no array, or of one element, as it is."""
    if not isinstance(value, np.ndarray) or value.size < 2:
        return value
    if value.dtype.kind == "b":
        return rng.integers(0, 2, ELEMENTS).astype(bool)
    if value.dtype.kind == "c":
        return (enlarged(value.real, rng) + 1j * enlarged(value.imag, rng)).astype(value.dtype)
    finite = value[np.isfinite(value)]
    if value.dtype.kind == "f":
        return rng.uniform(finite.min(), finite.max(), ELEMENTS).astype(value.dtype)
    return rng.integers(finite.min(), finite.max(), ELEMENTS, endpoint=True).astype(value.dtype)


def arguments(name, size, gradient=False):
    """The arguments of one bench: (args, kwargs), with tensors for the op's inputs."""
    op = table.OPS[name]
    if size == "small":
        args, kwargs = made(sample_of(op, gradient))
    elif op.kernel is not None:
        args, kwargs = made(sample_of(op, gradient))
        rng = np.random.default_rng(0)
        args = [enlarged(a, rng) for a in args]
    elif name in LARGE:
        args, kwargs = made(LARGE[name])
    else:
        raise NotImplementedError(WITHOUT_LARGE[name])          # asv skips it
    bound = inspect.signature(op.face).bind(*args, **kwargs)
    for x in op.inputs:
        if x in bound.arguments:
            bound.arguments[x] = nest.map_structure(as_tensor, bound.arguments[x])
    return bound.args, bound.kwargs


def as_tensor(value):
    """A tensor of an array; Python numbers stay what they are."""
    return nf.constant(value) if isinstance(value, np.ndarray) else value


def differentiable(values):
    """The tensors among values that have gradients."""
    tensors = [v for v in nest.flatten(list(values)) if isinstance(v, nf.Tensor)]
    return [t for t in tensors if t.dtype.dtype in DIFFERENTIABLE]


class Forward:
    """One call of an op."""

    params = (OPS, SIZES)
    param_names = ("op", "size")

    def setup(self, name, size):
        self.face = table.face(name)
        self.args, self.kwargs = arguments(name, size)
        self.time_forward(name, size)

    def time_forward(self, name, size):
        return self.face(*self.args, **self.kwargs)


class Gradient:
    """One call of an op under a tape, and the gradient of the sum of what it gives."""

    params = (DIFFERENTIABLE_OPS, SIZES)
    param_names = ("op", "size")

    def setup(self, name, size):
        self.face = table.face(name)
        self.args, self.kwargs = arguments(name, size, gradient=True)
        self.sources = differentiable([*self.args, *self.kwargs.values()])
        self.time_gradient(name, size)

    def time_gradient(self, name, size):
        with nf.GradientTape() as tape:
            tape.watch(self.sources)
            y = self.face(*self.args, **self.kwargs)
        return tape.gradient(differentiable([y]), self.sources)
