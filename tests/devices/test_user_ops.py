"""Ops that users declare, for tensors of a GPU."""
import numpy as np
import pytest
from numbaflow.kernels.cuda import elementwise

import numbaflow as nf
from numbaflow.core import table

X = np.array([[0.5, -1.0], [2.0, 3.0]], np.float32)


@pytest.fixture(autouse=True)
def forgotten():
    """Ops declared in a test leave the table with it."""
    before = dict(table.OPS)
    yield
    table.OPS.clear()
    table.OPS.update(before)


def gradient(op, x):
    with nf.GradientTape() as tape:
        tape.watch(x)
        y = op(x)
    return y, tape.gradient(y, x)


def test_a_scalar_function_is_compiled_for_the_gpu():
    @nf.elementwise(lambda x: 1.0 / (1.0 + x * x), grads={"x": lambda g, x, y: -2.0 * g * x * y * y},
                    reference=lambda x: 1 / (1 + x**2), samples=[nf.Sample(0.5)])
    def lorentzian_there(x, name=None):
        """1 / (1 + x^2)"""
    y, dx = gradient(lorentzian_there, nf.constant(X).gpu())
    assert y.device.endswith("GPU:0")
    assert dx.device.endswith("GPU:0")
    np.testing.assert_allclose(y.numpy(), 1 / (1 + X**2), rtol=1e-6)
    np.testing.assert_allclose(dx.numpy(), -2 * X / (1 + X**2)**2, rtol=1e-6)


def declared(name, **more):
    """An op on arrays that doubles; its NumPy does not run on device arrays."""
    def doubled(x, name=None):
        """2 x"""
        assert type(x) is np.ndarray
        return 2 * x
    return nf.op(inputs="x", grads={"x": lambda g: g * 2.0}, reference=lambda x: 2 * x, name=name,
                 samples=[nf.Sample(X)], **more)(doubled)


def test_a_function_of_numpy_arrays_runs_on_the_host():
    y, dx = gradient(declared("doubled_on_host"), nf.constant(X).gpu(1))
    assert y.device.endswith("GPU:1"), "its result goes back"
    assert dx.device.endswith("GPU:1")
    np.testing.assert_array_equal(y.numpy(), 2 * X)
    np.testing.assert_array_equal(dx.numpy(), np.full_like(X, 2))


def test_a_function_of_device_arrays_runs_there():
    def double_there(x, name=None):
        return elementwise.run(table.OPS["add"].kernel, x.dtype, [x, x])
    y, dx = gradient(declared("doubled_there", cuda=double_there), nf.constant(X).gpu())
    assert y.device.endswith("GPU:0")
    np.testing.assert_array_equal(y.numpy(), 2 * X)
    np.testing.assert_array_equal(dx.numpy(), np.full_like(X, 2))
