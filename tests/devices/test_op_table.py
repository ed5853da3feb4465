"""Every op of the table on a GPU against the CPU: values, shapes and dtypes, and gradients."""
import numpy as np
import pytest

import numbaflow as nf
from numbaflow.core import nest, table
from numbaflow.core.dtypes import DIFFERENTIABLE
from numbaflow.core.faces import parameter_names
from numbaflow.core.placement import DeviceTensor

OPS = sorted((op for op in table.OPS.values() if op.function.__module__.startswith("numbaflow.")),
             key=lambda op: op.name)
ROUNDED = {"float32": 2e-5, "complex64": 2e-5, "float64": 1e-11, "complex128": 1e-11}
# factors are unique up to signs or phases, which the libraries choose for themselves
CHOICE = {"qr", "svd_factors", "self_adjoint_eig"}


def every(ops):
    return pytest.mark.parametrize("op", ops, ids=lambda op: op.name)


def moved(value):
    """An argument with its tensors on the GPU."""
    if isinstance(value, list):
        return [moved(v) for v in value]
    return value.gpu() if isinstance(value, nf.Tensor) else value


def tensors_of(op, args):
    """The arguments of an op with tensors for arrays, on the CPU."""
    def made(x, value):
        if x in op.variadic and isinstance(value, (list, tuple)):
            return [nf.constant(v) for v in value]
        return nf.constant(value) if isinstance(value, np.ndarray) else value
    return [made(x, v) for x, v in zip(parameter_names(op.function), args, strict=False)]


def assert_same(found, expected, what):
    found, expected = nest.flatten(found), nest.flatten(expected)
    assert len(found) == len(expected), what
    for got, want in zip(found, expected, strict=True):
        if want is None:
            assert got is None, what
            continue
        assert got.dtype == want.dtype, what
        assert got.shape == want.shape, what
        tolerance = ROUNDED.get(want.dtype.name, 0)
        np.testing.assert_allclose(got.numpy(), want.numpy(), rtol=tolerance, atol=tolerance, err_msg=what)


@every(OPS)
def test_values_are_those_of_the_cpu(op):
    for sample in op.samples:
        for dtype in sample.dtypes:
            args, kwargs = sample.make(dtype=dtype)
            given = tensors_of(op, args)
            on_gpu = [moved(v) for v in given]
            found, expected = op.face(*on_gpu, **kwargs), op.face(*given, **kwargs)
            if any(isinstance(t, DeviceTensor) for v in on_gpu for t in nest.flatten([v])):
                for t in nest.flatten(found):
                    assert isinstance(t, DeviceTensor), f"{op.name} gave a tensor of the CPU"
            assert_same(found, expected, op.name)


def differentiable(values):
    return [t for t in nest.flatten(values) if isinstance(t, nf.Tensor) and t.dtype.dtype in DIFFERENTIABLE]


def gradients(op, arguments, kwargs):
    """The gradients of a projection of an op's results for those of its arguments that have one."""
    sources = differentiable(arguments)
    with nf.GradientTape() as tape:
        tape.watch(sources)
        y = differentiable(op.face(*arguments, **kwargs))
        weights = [np.random.default_rng(0).normal(size=v.shape).astype(v.dtype.name) for v in y]
        total = [nf.reduce_sum(v * w) for v, w in zip(y, weights, strict=True)]
    return tape.gradient(total, sources)


@every([op for op in OPS if op.rules and any(op.rules.values()) and op.name not in CHOICE])
def test_gradients_are_those_of_the_cpu(op):
    for sample in op.samples[:6]:
        args, kwargs = sample.make(dtype="float64")
        given = tensors_of(op, args)
        if sample.grad and differentiable(given):
            found = gradients(op, [moved(v) for v in given], kwargs)
            for t in found:
                assert t is None or isinstance(t, DeviceTensor), f"a gradient of {op.name} is on the CPU"
            assert_same(found, gradients(op, given, kwargs), f"gradients of {op.name}")
