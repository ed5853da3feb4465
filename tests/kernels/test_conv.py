"""Convolution kernels beside sums written out in NumPy in double precision, over many shapes."""
import numpy as np
import pytest
from numbaflow.kernels import conv_layouts as kernels, jit

from numbaflow.ops import conv_reference as reference

TOLERANCE = {np.float32: 1e-5, np.float64: 1e-13}


def close(got, want, dtype):
    assert got.dtype == dtype
    assert got.shape == want.shape
    scale = np.abs(want).max(initial=1.0)
    np.testing.assert_allclose(got, want, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype] * scale)


def check(dtype, x_shape, w_shape, strides, pads, dilations, first, groups, seed=0):
    """All three products of one convolution."""
    rng = np.random.default_rng(seed)
    x, w = rng.standard_normal(x_shape).astype(dtype), rng.standard_normal(w_shape).astype(dtype)
    how = (strides, pads, dilations, first, groups)
    y = kernels.output(x, w, *how)
    close(y, reference.output(x, w, *how), dtype)
    dy = rng.standard_normal(y.shape).astype(dtype)
    close(kernels.input_grad(dy, w, x.shape, *how), reference.input_grad(w, dy, x.shape, *how), dtype)
    close(kernels.filter_grad(x, dy, w.shape, *how), reference.filter_grad(x, dy, w.shape, *how), dtype)


def drawn(rng, rank):
    """A random convolution: (x_shape, w_shape, strides, pads, dilations, first, groups)."""
    window = rng.integers(1, 5, rank)
    strides, dilations = rng.integers(1, 4, rank), rng.integers(1, 3, rank)
    pads = rng.integers(0, 4, (rank, 2))
    extents = np.maximum((window - 1) * dilations + 1 - pads.sum(1), 1) + rng.integers(0, 9, rank)
    groups = int(rng.choice([1, 1, 1, 2, 3]))
    inputs, outs = groups * int(rng.integers(1, 12)), groups * int(rng.integers(1, 12))
    if rng.random() < 0.2:                              # depthwise
        groups, outs = inputs, inputs * int(rng.integers(1, 3))
    first = bool(rng.integers(2))
    n = int(rng.integers(1, 4))
    spatial = tuple(int(k) for k in extents)
    x_shape = (n, inputs, *spatial) if first else (n, *spatial, inputs)
    w_shape = (*[int(k) for k in window], inputs // groups, outs)
    tuples = [tuple(int(k) for k in v) for v in (strides, dilations)]
    return x_shape, w_shape, tuples[0], tuple((int(a), int(b)) for a, b in pads), tuples[1], first, groups


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("rank", "count"), [(1, 40), (2, 80), (3, 30)])
def test_random_shapes(rank, count, dtype):
    rng = np.random.default_rng(rank)
    for k in range(count):
        case = drawn(rng, rank)
        try:
            check(dtype, *case, seed=k)
        except AssertionError as error:
            raise AssertionError(f"{case}: {error}") from None


@pytest.mark.parametrize("channels", [1, 3, 7, 8, 9, 15, 16, 17, 31, 33, 64, 100])
def test_channel_counts_around_the_vectors(channels):
    for outs in (1, 8, 20):
        check(np.float32, (2, 6, 7, channels), (3, 3, channels, outs), (1, 1), ((1, 1), (1, 1)), (1, 1),
              False, 1)


@pytest.mark.parametrize(("x_shape", "w_shape", "stride", "pad"), [
    ((1, 28, 28, 3), (7, 7, 3, 64), 2, 3),
    ((2, 14, 14, 128), (1, 1, 128, 64), 1, 0),
    ((2, 14, 14, 64), (1, 1, 64, 128), 2, 0),
    ((1, 14, 14, 96), (3, 3, 96, 96), 1, 1),
    ((1, 15, 15, 32), (3, 3, 32, 64), 2, 1),
    ((1, 7, 7, 512), (3, 3, 512, 32), 1, 1),
    ((32, 26, 26, 16), (3, 3, 16, 16), 1, 0),
    ((2, 30, 31, 1), (5, 5, 1, 40), 1, 2),
])
def test_the_shapes_of_networks(x_shape, w_shape, stride, pad):
    for first in (False, True):
        shape = (x_shape[0], x_shape[3], *x_shape[1:3]) if first else x_shape
        check(np.float32, shape, w_shape, (stride, stride), ((pad, pad),) * 2, (1, 1), first, 1)


@pytest.mark.parametrize(("channels", "times"), [(1, 1), (5, 1), (8, 2), (32, 1), (40, 3)])
def test_depthwise(channels, times):
    for stride, dilation in ((1, 1), (2, 1), (1, 2)):
        check(np.float32, (2, 11, 12, channels), (3, 3, 1, channels * times), (stride,) * 2, ((1, 1), (2, 0)),
              (dilation,) * 2, False, channels)


def test_bias_and_rectifier_are_added_at_the_end():
    rng = np.random.default_rng(0)
    for groups in (1, 2, 6):
        x, b = (rng.standard_normal(shape).astype(np.float32) for shape in ((2, 5, 6, 6), (12,)))
        w = rng.standard_normal((3, 2, 6 // groups, 12)).astype(np.float32)
        how = ((1, 2), ((1, 1), (0, 1)), (1, 1), False, groups)
        plain = reference.output(x, w, *how) + b
        close(kernels.output(x, w, *how, b), plain, np.float32)
        close(kernels.output(x, w, *how, b, True), np.maximum(plain, 0), np.float32)


@pytest.mark.parametrize("how", [
    ((3, 3, 5, 20), (1, 1), ((1, 1), (1, 1)), (1, 1), False, 1),
    ((3, 3, 5, 20), (2, 1), ((1, 1), (0, 2)), (1, 2), False, 1),
    ((3, 3, 1, 5), (1, 1), ((1, 1), (1, 1)), (1, 1), False, 5),
])
def test_threads_give_the_same(how, monkeypatch):
    rng = np.random.default_rng(0)
    w_shape, *how = how
    x, w = rng.standard_normal((3, 17, 18, 5)), rng.standard_normal(w_shape)
    dy = rng.standard_normal(kernels.output(x, w, *how).shape)

    def products():
        return (kernels.output(x, w, *how), kernels.input_grad(dy, w, x.shape, *how),
                kernels.filter_grad(x, dy, w.shape, *how))
    serial = products()
    monkeypatch.setattr(jit, "PARALLEL_WORK", 1)
    for _ in range(5):
        for one, other in zip(serial, products(), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("first", [False, True])
def test_any_layout_in_memory(first):
    rng = np.random.default_rng(0)
    x = np.asfortranarray(rng.standard_normal((2, 6, 7, 6)))
    w = rng.standard_normal((8, 6, 3, 3)).transpose(2, 3, 1, 0)
    how = ((1, 1), ((1, 1), (1, 1)), (1, 1), first, 1)
    close(kernels.output(x, w, *how), reference.output(x, w, *how), np.float64)
    dy = np.asfortranarray(rng.standard_normal(reference.output(x, w, *how).shape))
    close(kernels.input_grad(dy, w, x.shape, *how), reference.input_grad(w, dy, x.shape, *how), np.float64)
    close(kernels.filter_grad(x, dy, w.shape, *how), reference.filter_grad(x, dy, w.shape, *how), np.float64)
    every_other = rng.standard_normal((2, 12, 14, 12))[:, ::2, ::2, ::2]
    close(kernels.output(every_other, w, *how), reference.output(every_other, w, *how), np.float64)


def test_not_a_number_and_infinity_reach_the_outputs_they_belong_to():
    x, w = np.zeros((1, 5, 5, 1), np.float32), np.ones((3, 3, 1, 9), np.float32)
    x[0, 0, 0], x[0, 4, 4] = np.nan, np.inf
    y = kernels.output(x, w, (1, 1), ((0, 0), (0, 0)), (1, 1), False, 1)
    assert np.isnan(y[0, 0, 0]).all()
    assert np.isinf(y[0, 2, 2]).all()
    assert (y[0, 0, 1] == 0).all()


@pytest.mark.parametrize("x_shape", [(0, 5, 5, 2), (2, 2, 5, 2)])
def test_nothing_to_do(x_shape):
    w = np.ones((3, 3, 2, 4), np.float32)
    how = ((1, 1), ((0, 0), (0, 0)), (1, 1), False, 1)
    x = np.zeros(x_shape, np.float32)
    y = kernels.output(x, w, *how)
    assert y.size == 0
    assert kernels.input_grad(y, w, x.shape, *how).shape == x.shape
    np.testing.assert_array_equal(kernels.filter_grad(x, y, w.shape, *how), np.zeros(w.shape))


@pytest.mark.parametrize(("x", "w", "pads", "stride", "groups"), [
    ((16, 28, 28, 1), (3, 3, 1, 16), 0, 1, 1), ((8, 26, 26, 16), (3, 3, 16, 20), 1, 1, 1),
    ((4, 40, 40, 6), (3, 3, 3, 8), 1, 1, 2), ((2, 50, 50, 70), (1, 1, 70, 33), 0, 1, 1)])
def test_filter_gradients_in_parts_of_many_pixels(x, w, pads, stride, groups):
    rng, how = np.random.default_rng(5), ((stride,) * 2, ((pads,) * 2,) * 2, (1, 1), False, groups)
    images, direction = rng.normal(size=x), rng.normal(size=w)
    y = kernels.output(images, direction, *how)
    dy = rng.normal(size=y.shape)
    dw = kernels.filter_grad(images, dy, w, *how)
    np.testing.assert_allclose((dw * direction).sum(), (dy * y).sum(), rtol=1e-9)
