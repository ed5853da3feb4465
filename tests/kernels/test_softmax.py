"""Softmax and cross-entropies against SciPy in double precision: axes, sizes, extremes, refused labels."""
import numpy as np
import pytest
from numbaflow.kernels import jit, softmax, threads
from scipy import special

SHAPES = [(1,), (5,), (3, 10), (200, 10), (3000, 24), (70, 33), (40, 1000), (4, 5, 6), (300, 400)]
TOLERANCE = {np.float32: 3e-6, np.float64: 1e-14}


def close(y, expected, dtype):
    assert y.dtype == dtype
    assert y.shape == expected.shape
    assert np.all(np.abs(y - expected) <= TOLERANCE[dtype] * (1 + np.abs(expected)))


def normal(shape, dtype, scale=5.0, seed=0):
    return (np.random.default_rng(seed).normal(size=shape) * scale).astype(dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", SHAPES)
def test_softmax_and_gradients(shape, dtype):
    x, g = normal(shape, dtype), normal(shape, dtype, 1.0, 1)
    for axis in range(len(shape)):
        y, log_y = softmax.softmax(x, axis), softmax.log_softmax(x, axis)
        close(y, special.softmax(x.astype(float), axis), dtype)
        close(log_y, special.log_softmax(x.astype(float), axis), dtype)
        wide, weights = y.astype(float), g.astype(float)
        expected = wide * (weights - (wide * weights).sum(axis, keepdims=True))
        close(softmax.softmax_grad(g, y, axis), expected, dtype)
        total = np.abs(weights).sum(axis, keepdims=True)
        dx = softmax.log_softmax_grad(g, log_y, axis)
        expected = weights - np.exp(log_y.astype(float)) * weights.sum(axis, keepdims=True)
        assert np.all(np.abs(dx - expected) <= 3 * TOLERANCE[dtype] * (1 + total))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", SHAPES)
def test_cross_entropies(shape, dtype):
    x, classes = normal(shape, dtype), shape[-1]
    log_p = special.log_softmax(x.astype(float), -1)
    labels = np.random.default_rng(1).integers(0, classes, shape[:-1])
    for kind in (np.int32, np.int64):
        loss, backprop = softmax.sparse_softmax_cross_entropy(np.asarray(labels, kind), x)
        close(loss, -np.take_along_axis(log_p, np.asarray(labels)[..., None], -1)[..., 0], dtype)
        close(backprop, np.exp(log_p) - np.eye(classes)[labels], dtype)
    g = normal(shape[:-1], dtype)
    np.testing.assert_array_equal(softmax.cross_entropy_grad(g, backprop), g[..., None] * backprop)
    soft = special.softmax(normal(shape, dtype, 1.0, 2), -1).astype(dtype)
    loss, backprop = softmax.softmax_cross_entropy(soft, x)
    close(loss, -(soft * log_p).sum(-1), dtype)
    close(backprop, np.exp(log_p) - soft, dtype)


def test_large_logits_and_infinities():
    inf = np.inf
    x = np.array([[1e38, 0, -1e38], [-1e38, -1e38, -1e38], [0, -inf, 0], [-inf, -inf, -inf], [0, np.nan, 1],
                  [inf, 0, 0]], np.float32)
    nan = [np.nan] * 3
    third = np.float32(1) / 3
    p = np.array([[1, 0, 0], [third] * 3, [0.5, 0, 0.5], nan, nan, nan], np.float32)
    with np.errstate(divide="ignore"):
        log_p = np.log(p)
    log_p[0] = [0, -1e38, -2e38]
    np.testing.assert_allclose(softmax.softmax(x, 1), p, rtol=1e-6)
    np.testing.assert_allclose(softmax.softmax(x.T, 0), p.T, rtol=1e-6)
    np.testing.assert_allclose(softmax.log_softmax(x, 1), log_p, rtol=1e-6)
    loss, backprop = softmax.sparse_softmax_cross_entropy(np.array([1, 1, 1, 1, 1, 1]), x)
    np.testing.assert_allclose(loss, -log_p[:, 1], rtol=1e-6)
    np.testing.assert_allclose(backprop, p - [0, 1, 0], rtol=1e-6)
    loss, _ = softmax.softmax_cross_entropy(np.tile(np.float32([0.25, 0, 0.75]), (6, 1)), x)
    np.testing.assert_allclose(loss[2], np.log(2), rtol=1e-6)
    assert np.isnan(loss[3:]).all()


def test_serial_or_threaded_the_bits_are_the_same(monkeypatch):
    monkeypatch.setattr(jit, "PARALLEL_WORK", 0)
    arrays = [normal((3000, 24), np.float32), normal((300, 400), np.float32)]

    def bits():
        return [f(x, 1).tobytes() for f in (softmax.softmax, softmax.log_softmax) for x in arrays]
    threaded = bits()
    with threads._busy:                 # taken: every launch runs serially
        assert bits() == threaded


def test_layouts():
    x = normal((6, 8, 10), np.float32)
    for view in (x.T, x[::-1], x[..., ::2], np.broadcast_to(x[:1], x.shape)):
        for axis in range(3):
            close(softmax.softmax(view, axis), special.softmax(view.astype(float), axis), np.float32)
        labels = np.zeros(view.shape[:-1], np.int64).T.copy().T
        loss, _ = softmax.sparse_softmax_cross_entropy(labels, view)
        close(loss, -special.log_softmax(view.astype(float), -1)[..., 0], np.float32)


def test_nothing():
    for shape in ((0, 3), (3, 0), (0,)):
        x = np.ones(shape, np.float32)
        assert softmax.softmax(x, len(shape) - 1).shape == shape
        assert softmax.log_softmax_grad(x, x, 0).shape == shape
        loss, backprop = softmax.softmax_cross_entropy(x, x)
        np.testing.assert_array_equal(loss, np.zeros(shape[:-1]))
        assert backprop.shape == shape
        assert softmax.cross_entropy_grad(loss, backprop).shape == shape
    loss, backprop = softmax.sparse_softmax_cross_entropy(np.ones(0, np.int64), np.ones((0, 3)))
    assert (loss.shape, backprop.shape) == ((0,), (0, 3))


@pytest.mark.parametrize("bad", [-1, 10, 2**40])
@pytest.mark.parametrize("rows", [1, 7, 30_000])
def test_a_label_out_of_range_is_named(bad, rows):
    labels = np.zeros(rows, np.int64)
    labels[rows // 2] = bad
    with pytest.raises(ValueError, match=rf"label {bad} is outside the valid range \[0, 10\)"):
        softmax.sparse_softmax_cross_entropy(labels, np.zeros((rows, 10), np.float32))


def test_what_does_not_fit():
    x = np.ones((2, 3), np.float32)
    with pytest.raises(ValueError, match=r"got \(3,\) and \(2, 3\)"):
        softmax.sparse_softmax_cross_entropy(np.zeros(3, int), x)
    with pytest.raises(ValueError, match=r"label 0 is outside the valid range \[0, 0\)"):
        softmax.sparse_softmax_cross_entropy(np.zeros(2, int), x[:, :0])
    with pytest.raises(TypeError, match="got float32 and float32"):
        softmax.sparse_softmax_cross_entropy(x[:, 0], x)
    with pytest.raises(ValueError, match=r"got \(3,\) and \(2, 3\)"):
        softmax.softmax_cross_entropy(x[0], x)
    with pytest.raises(TypeError, match="got float64 and float32"):
        softmax.softmax_cross_entropy(x.astype(float), x)
    with pytest.raises(TypeError, match="expected a float type, got int64"):
        softmax.softmax(np.ones(3, np.int64), 0)
