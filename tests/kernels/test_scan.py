"""Scans against NumPy: every axis, direction, dtype, and rows longer than a chunk."""
import itertools

import numpy as np
import pytest
from numbaflow.kernels import scan

SHAPES = [(1,), (5,), (20_003,), (100_000,), (2, 40_000), (3, 7), (4, 5, 6), (200, 700), (2, 3, 600)]
REFERENCES = {scan.cumsum: (np.add, 0), scan.cumprod: (np.multiply, 1),
              scan.cumulative_logsumexp: (np.logaddexp, -np.inf)}


def reference(function, x, axis, exclusive, reverse):
    ufunc, identity = REFERENCES[function]
    x = np.flip(x, axis) if reverse else x
    y = ufunc.accumulate(x, axis, dtype=x.dtype)
    if exclusive:
        first = np.full_like(np.take(y, [0], axis), identity)
        y = np.concatenate([first, np.delete(y, -1, axis)], axis)
    return np.flip(y, axis) if reverse else y


def check(function, x, rtol, wide):
    for axis, exclusive, reverse in itertools.product(range(x.ndim), (False, True), (False, True)):
        y = function(x, axis, exclusive, reverse)
        expected = reference(function, x.astype(wide), axis, exclusive, reverse)
        assert y.dtype == x.dtype
        np.testing.assert_allclose(y, expected.astype(x.dtype), rtol=rtol, atol=rtol,
                                   err_msg=f"{x.shape} {axis} {exclusive} {reverse}")


@pytest.mark.parametrize("shape", SHAPES)
def test_float32(shape):
    rng = np.random.default_rng(0)
    check(scan.cumsum, rng.random(shape).astype(np.float32), 2e-5, float)
    check(scan.cumprod, np.exp(rng.normal(size=shape) / 100).astype(np.float32), 2e-4, float)
    check(scan.cumulative_logsumexp, rng.normal(size=shape).astype(np.float32), 2e-4, float)


def test_float64_integers_and_complex():
    rng = np.random.default_rng(1)
    for shape in ((5,), (20_003,), (4, 5, 6)):
        x = rng.normal(size=shape)
        check(scan.cumsum, x, 1e-11, float)
        check(scan.cumprod, (x * 100).astype(np.int32), 0, np.int32)
        check(scan.cumsum, x + 1j * x[::-1], 1e-11, complex)


def test_layouts_and_nothing():
    x = np.random.default_rng(2).normal(size=(6, 7, 8))
    for view in (x.T, x[::-1], x[..., ::2], np.broadcast_to(x[:1], x.shape)):
        for axis in range(3):
            np.testing.assert_allclose(scan.cumsum(view, axis), np.cumsum(view, axis))
    assert scan.cumsum(np.ones((0, 3)), 0).shape == (0, 3)
    assert scan.cumprod(np.ones((3, 0)), 0).shape == (3, 0)


def test_long_sums_stay_accurate():
    x = np.random.default_rng(3).random(3_000_000).astype(np.float32)
    np.testing.assert_allclose(scan.cumsum(x, 0), np.cumsum(x, dtype=float), rtol=3e-6)


def test_nan_and_inf():
    x = np.array([1, np.inf, 2, -np.inf, 3, 4], np.float32)
    np.testing.assert_array_equal(scan.cumsum(x, 0), [1, np.inf, np.inf, np.nan, np.nan, np.nan])
    y = scan.cumsum(x[:, None], 0, exclusive=True, reverse=True)
    np.testing.assert_array_equal(y[:, 0], [np.nan, -np.inf, -np.inf, 7, 4, 0])
    low = np.array([-np.inf, -np.inf, 0, np.inf, 1, np.nan, 1], np.float32)
    np.testing.assert_array_equal(scan.cumulative_logsumexp(low, 0),
                                  [-np.inf, -np.inf, 0, np.inf, np.inf, np.nan, np.nan])


def test_what_can_not_be_scanned():
    for function in (scan.cumsum, scan.cumprod):
        with pytest.raises(TypeError, match="got bool"):
            function(np.ones(3, bool), 0)
    with pytest.raises(TypeError, match="expected a float type, got int64"):
        scan.cumulative_logsumexp(np.ones(3, np.int64), 0)
