"""Every op of the table inside a compiled function, against eager: values, gradients, second derivatives."""
import inspect

import numpy as np
import pytest

import numbaflow as nf
from numbaflow.core import nest, table
from numbaflow.core.dtypes import DIFFERENTIABLE
from numbaflow.core.infer import BY_VALUE

OPS = sorted((op for op in table.OPS.values() if op.function.__module__.startswith("numbaflow.")),
             key=lambda op: op.name)
# many programs on few shapes: one sample of each rank is enough for derivatives
TOLERANCE = {"float32": 1e-5, "float64": 1e-12}


def call_of(op, args, kwargs):
    """The op as a function of its inputs alone, and those inputs."""
    bound = inspect.signature(op.function).bind(*args, **kwargs)
    given = bound.arguments
    inputs = [given[x] for x in op.inputs if x in given]
    rest = {name: value for name, value in given.items() if name not in op.inputs}
    names = [x for x in op.inputs if x in given]
    return lambda *values: op.face(**dict(zip(names, values, strict=True)), **rest), inputs


def close(got, expected, dtype, what):
    got, expected = nest.flatten(got), nest.flatten(expected)
    assert len(got) == len(expected), what
    for a, b in zip(got, expected, strict=True):
        assert (a is None) == (b is None), what
        if a is None:
            continue
        assert a.dtype == b.dtype, what
        assert tuple(a.shape) == tuple(b.shape), what
        narrow = b.dtype.dtype.itemsize <= 4 or b.dtype.name == "complex64" or dtype == "float32"
        tolerance = TOLERANCE["float32" if narrow else "float64"]
        scale = max(1.0, float(np.abs(np.nan_to_num(b.numpy(), posinf=0, neginf=0)).max(initial=0.0)))
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=tolerance, atol=tolerance * scale, err_msg=what)


def weights(shape, dtype):
    return nf.constant(np.linspace(0.5, 1.5, int(np.prod(shape))).reshape(shape).astype(dtype))


def gradient(f):
    """The gradients of f's outputs, weighted unevenly, for all float inputs."""
    def g(*values):
        flat = [v for v in nest.flatten(list(values))
                if isinstance(v, nf.Tensor) and v.dtype.dtype in DIFFERENTIABLE]
        with nf.GradientTape() as tape:
            tape.watch(flat)
            outputs = [y for y in nest.flatten(f(*values)) if y.dtype.dtype in DIFFERENTIABLE]
            total = [nf.reduce_sum(y * weights(tuple(y.shape), y.dtype.name)) for y in outputs]
        found = tape.gradient(total, flat)
        return [x if x is None or isinstance(x, nf.Tensor) else x.to_dense() for x in found]
    return g


def tensors(values):
    def tensor(x):
        return nf.constant(x) if isinstance(x, (np.ndarray, np.generic, complex)) else x
    return [[tensor(v) for v in x] if isinstance(x, list) else tensor(x) for x in values]


@pytest.mark.parametrize("op", OPS, ids=lambda op: op.name)
def test_values_agree_with_eager(op):
    for sample in op.samples:
        for dtype in sample.dtypes:
            f, inputs = call_of(op, *sample.make(dtype=dtype))
            values = tensors(inputs)
            close(nf.function(f)(*values), f(*values), dtype, op.name)


@pytest.mark.parametrize("op", [op for op in OPS if op.rules and any(op.rules.values())
                                and op.infer_rule is not BY_VALUE], ids=lambda op: op.name)
def test_gradients_agree_with_eager(op):
    seen = set()
    for sample in op.samples:
        f, inputs = call_of(op, *sample.make(dtype="float64"))
        values = tensors(inputs)
        kind = tuple(tuple(v.shape) for v in nest.flatten(values) if isinstance(v, nf.Tensor))
        if kind in seen or not sample.grad:
            continue
        seen.add(kind)
        g = gradient(f)
        expected = g(*values)
        close(nf.function(g)(*values), expected, "float64", f"{op.name}: gradient inside")
        close(gradient(nf.function(f))(*values), expected, "float64", f"{op.name}: gradient outside")
