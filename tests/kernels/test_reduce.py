"""Reductions against NumPy and math.fsum: all axes, dtypes, layouts, regimes; accuracy, NaN, threads."""
import itertools
import math

import numpy as np
import pytest
from numbaflow.kernels import jit, reduce, threads
from numpy.testing import assert_array_equal as assert_equal
from scipy import special

# one shape per way through the launches: whole, small, chunked rows, narrow, columns, tiles, several blocks
SHAPES = [(), (1,), (5,), (2000,), (40_000,), (3, 4), (1, 3, 1), (700, 3), (2, 703, 3), (300, 140), (3, 2100),
          (2, 33_000), (600, 30, 5), (4, 3, 5, 6)]
CASES = [(shape, axes) for shape in SHAPES for k in range(len(shape) + 1)
         for axes in itertools.combinations(range(len(shape)), k)]


def label(value):
    return getattr(value, "__name__", value)


REFERENCES = {
    reduce.reduce_sum: np.sum, reduce.reduce_prod: np.prod, reduce.reduce_mean: np.mean,
    reduce.reduce_max: np.max, reduce.reduce_min: np.min, reduce.reduce_logsumexp: special.logsumexp,
}


def sample(shape, dtype, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=shape)
    return np.asarray(x * 10 if np.dtype(dtype).kind in "iub" else 1 + x / 100).astype(dtype)


FLOAT_CASES = [*((f, "float32") for f in REFERENCES),
               (reduce.reduce_sum, "float64"), (reduce.reduce_max, "float64")]


@pytest.mark.parametrize(("function", "dtype"), FLOAT_CASES, ids=label)
def test_floats_agree_with_numpy_in_double(function, dtype):
    for shape, axes in CASES:
        x = sample(shape, dtype)
        for keepdims in (False, True):
            y = function(x, axes, keepdims)
            wide = x.astype(float)
            expected = REFERENCES[function](wide, axis=axes, keepdims=keepdims) if axes else wide
            with np.errstate(over="ignore"):
                expected = np.asarray(expected).astype(dtype)
            assert y.dtype == x.dtype
            assert y.shape == expected.shape, (shape, axes, keepdims)
            rtol = 2e-5 if dtype == "float32" else 1e-12
            np.testing.assert_allclose(y, expected, rtol=rtol, err_msg=f"{shape} {axes}")


INTEGER_CASES = [(reduce.reduce_sum, "int32"), (reduce.reduce_prod, "int32"), (reduce.reduce_max, "int32"),
                 (reduce.reduce_sum, "uint8"), (reduce.reduce_sum, "bool"), (reduce.reduce_min, "bool")]


@pytest.mark.parametrize(("function", "dtype"), INTEGER_CASES, ids=label)
def test_integers_agree_exactly_and_wrap(function, dtype):
    for shape, axes in CASES:
        x = sample(shape, dtype)
        wide = {"dtype": dtype} if function in (reduce.reduce_sum, reduce.reduce_prod) else {}
        expected = REFERENCES[function](x, axis=axes, **wide) if axes else x
        y = function(x, axes)
        assert y.dtype == x.dtype
        assert_equal(y, expected, err_msg=f"{shape} {axes}")


def test_complex_sums_products_and_means():
    for shape, axes in CASES:
        x = sample(shape, "complex64") + np.complex64(0.01j) * sample(shape, "float32", 1)
        for function in (reduce.reduce_sum, reduce.reduce_prod, reduce.reduce_mean):
            with np.errstate(over="ignore", invalid="ignore"):
                expected = np.asarray(REFERENCES[function](x.astype(complex), axis=axes)).astype("complex64")
            y = function(np.asarray(x), axes)
            assert y.dtype == np.complex64
            np.testing.assert_allclose(y, expected, rtol=1e-4, err_msg=f"{function.__name__} {shape} {axes}")


def test_mean_of_integers_rounds_toward_zero():
    x = np.array([[-7, 2, 0], [7, -2, 1], [-9, -9, -9]], np.int32)
    assert_equal(reduce.reduce_mean(x, (1,)), np.array([-1, 2, -9], np.int32))
    assert reduce.reduce_mean(np.array([250, 250, 4], np.uint8), (0,)) == 504 % 256 // 3
    with pytest.raises(TypeError, match="got bool"):
        reduce.reduce_mean(np.ones(3, bool), (0,))


def test_any_and_all():
    rng = np.random.default_rng(0)
    for shape, axes in CASES:
        for share in (0.0, 0.01, 0.99, 1.0):
            x = np.asarray(rng.random(shape) < share)
            assert_equal(reduce.reduce_any(x, axes), np.any(x, axis=axes) if axes else x)
            assert_equal(reduce.reduce_all(x, axes, True), np.all(x, axis=axes, keepdims=True))
    assert reduce.reduce_any(np.array([0.0, np.nan]), (0,)).dtype == bool
    assert reduce.reduce_any(np.array([0.0, np.nan]), (0,))


@pytest.mark.parametrize("layout", [np.asfortranarray, lambda x: x[::-1], lambda x: x[..., ::2],
                                    lambda x: x.swapaxes(0, 1), lambda x: np.broadcast_to(x[:1], x.shape)])
def test_layouts(layout):
    for shape in ((4, 5, 6), (300, 20, 4)):
        x = layout(sample(shape, "float64"))
        for k in range(4):
            for axes in itertools.combinations(range(3), k):
                np.testing.assert_allclose(reduce.reduce_sum(x, axes), np.sum(x, axis=axes), rtol=1e-12)
                assert_equal(reduce.reduce_max(x, axes, True), np.max(x, axis=axes, keepdims=True))
        for axis in range(3):
            assert_equal(reduce.argmax(x, axis), np.argmax(x, axis))


def test_the_result_is_new_memory():
    x = sample((3, 4), "float64")
    for axes in ((), (0,), (0, 1)):
        assert not np.shares_memory(reduce.reduce_sum(x, axes), x)


@pytest.mark.parametrize("scale", [0.0, 1.0], ids=["centred", "positive"])
def test_the_sum_of_ten_million_float32_is_nearly_exact(scale):
    x = (np.random.default_rng(1).random(10_000_000) - 0.5 * (1 - scale)).astype(np.float32)
    exact, size = math.fsum(x), math.fsum(np.abs(x))
    # (a sum one by one is off by 1e-4 of the size here)
    assert abs(float(reduce.reduce_sum(x, (0,))) - exact) < 4e-7 * size
    assert abs(float(reduce.reduce_mean(x, (0,))) * x.size - exact) < 4e-7 * size
    for columns in (1, 2, 100):
        y = reduce.reduce_sum(x.reshape(-1, columns), (0,))
        for c in range(min(columns, 3)):
            column = x[c::columns]
            assert abs(float(y[c]) - math.fsum(column)) < 1e-6 * math.fsum(np.abs(column))


def test_sums_of_inf_and_nan():
    for n in (3, 5000, 100_000):
        x = np.ones((n, 2), np.float32)
        x[1, 0] = np.inf
        assert reduce.reduce_sum(x, (0, 1)) == np.inf
        assert_equal(reduce.reduce_sum(x, (0,)), [np.inf, n])
        x[-1, 0] = -np.inf
        assert np.isnan(reduce.reduce_sum(x, (0, 1)))
        assert_equal(reduce.reduce_sum(x, (0,)), [np.nan, n])


def test_nan_wins_every_extreme_wherever_it_stands():
    for n in (1, 2, 7, 33, 300, 1500, 40_000):
        for at in {0, n // 2, n - 1}:
            for nan in (np.nan, -np.nan):
                x = np.arange(n, dtype=np.float32)
                x[at] = nan
                assert np.isnan(reduce.reduce_max(x, (0,)))
                assert np.isnan(reduce.reduce_min(x, (0,)))
                assert np.isnan(reduce.reduce_logsumexp(x, (0,)))
                assert reduce.argmax(x, 0) == reduce.argmin(x, 0) == at
                pair = np.stack([x, np.arange(n, dtype=np.float32)], 1)
                assert_equal(reduce.reduce_max(pair, (0,)), [np.nan, n - 1])
                assert_equal(reduce.argmin(pair, 0), [at, 0])


@pytest.mark.parametrize("dtype", ["float32", "bool"])
def test_argmax_and_argmin_take_the_first(dtype):
    for shape in ((5,), (2000,), (70_001,), (3, 4), (300, 700), (2, 70_001), (6, 5, 4), (1, 1)):
        x = (sample(shape, "float32") * 50).round().astype(dtype)
        for axis in range(len(shape)):
            for function, reference in ((reduce.argmax, np.argmax), (reduce.argmin, np.argmin)):
                y = function(x, axis)
                assert y.dtype == np.int64
                assert_equal(y, reference(x, axis), err_msg=f"{shape} {axis}")


def test_argmax_of_infinities_and_of_nothing():
    x = np.array([[-np.inf, -np.inf], [-np.inf, np.inf], [np.nan, np.inf]], np.float32)
    assert_equal(reduce.argmax(x, 1), [0, 1, 0])
    assert_equal(reduce.argmax(x, 0), [2, 1])
    assert reduce.argmax(np.ones((0, 3)), 1).shape == (0,)
    with pytest.raises(ValueError, match=r"argmax: axis 0 of shape \(0, 3\) is empty"):
        reduce.argmax(np.ones((0, 3)), 0)


def test_reductions_of_nothing():
    x = np.ones((0, 3), np.float32)
    empty = {reduce.reduce_sum: 0, reduce.reduce_prod: 1, reduce.reduce_max: -np.inf,
             reduce.reduce_min: np.inf, reduce.reduce_mean: np.nan, reduce.reduce_logsumexp: -np.inf,
             reduce.reduce_any: False, reduce.reduce_all: True}
    for function, value in empty.items():
        assert_equal(function(x, (0,)), np.full(3, value))
        assert_equal(function(x, (0, 1), True), np.full((1, 1), value))
        assert function(x, (1,)).shape == (0,)
    assert reduce.reduce_max(np.ones(0, np.int8), (0,)) == -128
    assert reduce.reduce_min(np.ones(0, np.uint16), (0,)) == 65535
    assert reduce.reduce_mean(np.ones(0, np.int32), (0,)) == 0
    assert not reduce.reduce_max(np.ones(0, bool), (0,))


def test_logsumexp_of_extremes():
    big, low = np.float32(3e38), -np.inf
    for rows in (1, 400):
        x = np.tile(np.array([[big, low, 88.0], [big, low, np.inf]], np.float32), (rows, 1))
        y = reduce.reduce_logsumexp(x, (0,))
        assert_equal(y, [big, -np.inf, np.inf])
        assert_equal(reduce.reduce_logsumexp(x.T, (1,)), y)
    np.testing.assert_allclose(reduce.reduce_logsumexp(np.full(50_000, 1000.0), (0,)), 1000 + np.log(50_000))
    with pytest.raises(TypeError, match="expected a float type, got int32"):
        reduce.reduce_logsumexp(np.ones(3, np.int32), (0,))


def test_complex_numbers_have_no_order():
    for function in (reduce.reduce_max, reduce.reduce_min):
        with pytest.raises(TypeError, match="no order"):
            function(np.ones(3, complex), (0,))
    with pytest.raises(TypeError, match="no order"):
        reduce.argmin(np.ones(3, complex), 0)


def test_serial_or_threaded_the_bits_are_the_same(monkeypatch):
    monkeypatch.setattr(jit, "PARALLEL_WORK", 0)
    rng = np.random.default_rng(2)
    arrays = [rng.normal(size=shape).astype(np.float32) for shape in ((1500, 700), (300_000, 3))]

    def bits():
        return [reduce.reduce_sum(x, axes).tobytes() for x in arrays for axes in ((0,), (1,), (0, 1))]
    threaded = bits()
    with threads._busy:                 # taken: every launch runs serially
        assert bits() == threaded


def test_sum_to_undoes_broadcasting():
    x = sample((4, 3, 5), "float64")
    assert reduce.sum_to(x, (4, 3, 5)) is x
    for shape in ((), (5,), (1,), (3, 1), (3, 5), (1, 5), (1, 1, 1), (4, 1, 5), (4, 3, 1), (1, 3, 1)):
        y = reduce.sum_to(x, shape)
        lead = tuple(range(3 - len(shape)))
        kept = tuple(3 - len(shape) + i for i, n in enumerate(shape) if n == 1)
        assert y.shape == shape
        np.testing.assert_allclose(y, x.sum(lead + kept).reshape(shape))
    assert_equal(reduce.sum_to(np.ones((2, 0)), (2, 1)), np.zeros((2, 1)))
    assert_equal(reduce.sum_to(np.ones((3, 0)), (0,)), np.zeros(0))
    for shape in ((4,), (2, 4, 3, 5), (4, 3, 2)):
        with pytest.raises(ValueError, match="does not broadcast"):
            reduce.sum_to(x, shape)


def test_means_of_more_small_integers_than_they_count():
    for dtype in (np.int8, np.uint8):
        assert reduce.reduce_mean(np.full(300, 2, dtype), (0,)) == 0       # (their sum has wrapped)
