"""Normalizations against NumPy in double precision: any channel axis, data far from 0, what is refused."""
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from numbaflow.kernels import jit, normalize_batch, threads

import numbaflow as nf


def normal(shape, seed=0, dtype="float32"):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def along(v, rank, axis):
    return v.reshape([-1 if k == axis else 1 for k in range(rank)])


def batch_norm(x, scale, offset, epsilon, axis, g):
    """y, mean, variance (n - 1), and the gradients of sum(g * y) by x, scale and offset, all float64."""
    x, g, rank = x.astype(float), g.astype(float), x.ndim
    others = tuple(k for k in range(rank) if k != axis)
    n = x.size // x.shape[axis]
    mean, variance = x.mean(others), x.var(others)
    inverse = along(1 / np.sqrt(variance + epsilon), rank, axis)
    unit = (x - along(mean, rank, axis)) * inverse
    y = unit * along(scale, rank, axis) + along(offset, rank, axis)
    part = g - g.mean(others, keepdims=True) - unit * (g * unit).mean(others, keepdims=True)
    dx = along(scale, rank, axis) * inverse * part
    return y, mean, variance * n / max(n - 1, 1), dx, (g * unit).sum(others), g.sum(others)


def close(got, want, tolerance=1e-5):
    for a, b in zip(got, want, strict=True):
        a = a.numpy()
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance * max(1.0, np.abs(b).max(initial=0)))


def run(x, scale, offset, epsilon, axis, g):
    tensors = [nf.constant(v) for v in (x, scale, offset)]
    with nf.GradientTape() as tape:
        tape.watch(tensors)
        y, mean, variance = nf.nn.fused_batch_norm(*tensors, epsilon=epsilon, axis=axis)
    return [y, mean, variance, *tape.gradient(y, tensors, output_gradients=nf.constant(g))]


@st.composite
def shapes(draw):
    rank = draw(st.integers(2, 4))
    shape = [draw(st.sampled_from([1, 2, 3, 5, 8, 17])) for _ in range(rank)]
    if draw(st.booleans()):
        shape[0] = draw(st.sampled_from([100, 700]))
    return tuple(shape), draw(st.integers(0, rank - 1))


@settings(max_examples=120, deadline=None)
@given(shapes(), st.integers(0, 100), st.sampled_from([1e-3, 0.1]))
def test_batch_norm_of_any_shape_and_axis(where, seed, epsilon):
    shape, axis = where
    x, g = 3 * normal(shape, seed) + 2, normal(shape, seed + 1)
    scale, offset = normal(shape[axis], 2), normal(shape[axis], 3)
    want = batch_norm(x, scale, offset, epsilon, axis, g)
    if x.size == shape[axis]:               # one element a channel: x - mean is rounding and nothing else
        np.testing.assert_allclose(run(x, scale, offset, epsilon, axis, g)[0].numpy(), want[0], atol=1e-4)
    else:
        # over few elements of nearly one value the gradient is a difference of large numbers
        close(run(x, scale, offset, epsilon, axis, g), want, 1e-5 if epsilon == 0.1 else 5e-5)


@pytest.mark.parametrize(("shape", "axis"), [((64, 600), 1), ((3000, 3), 1), ((4, 1200), 1),
                                             ((2, 3, 20_000), 1), ((2, 40, 3, 7), 2)])
def test_batch_norm_over_several_chunks(shape, axis):
    x, g = normal(shape) - 1, normal(shape, 1)
    scale, offset = normal(shape[axis], 2), normal(shape[axis], 3)
    close(run(x, scale, offset, 1e-3, axis, g), batch_norm(x, scale, offset, 1e-3, axis, g))
    wide = [v.astype(float) for v in (x, scale, offset, g)]
    close(run(*wide[:3], 1e-3, axis, wide[3]), batch_norm(*wide[:3], 1e-3, axis, wide[3]), 1e-12)


def test_a_million_rows_far_from_zero_lose_nothing():
    x = (normal((1_000_000, 2)) * np.float32([1.0, 1e-2]) + np.float32([1000.0, 7.0])).astype("float32")
    x[0] = 0.0                                      # a first row that is no guide to the others
    mean, square, cut = normalize_batch.moments(x, 1)
    wide = x.astype(float)
    np.testing.assert_allclose(mean, wide.mean(0), rtol=1e-7)
    np.testing.assert_allclose(square / cut.count, wide.var(0), rtol=1e-4)
    turned = np.ascontiguousarray(x.T)
    mean, square, cut = normalize_batch.moments(turned, 0)
    np.testing.assert_allclose(mean, wide.mean(0), rtol=1e-7)
    np.testing.assert_allclose(square / cut.count, wide.var(0), rtol=1e-4)


def test_serial_or_threaded_the_bits_are_the_same(monkeypatch):
    cases = [((700, 20), 1), ((5, 6, 300), 1)]

    def bits():
        found = []
        for shape, axis in cases:
            c = shape[axis]
            found += run(normal(shape), normal(c, 1), normal(c, 2), 1e-3, axis, normal(shape, 3))
            y, dx = nf.value_and_gradients_function(nf.nn.layer_normalization)(nf.constant(normal(shape)))
            found += [y, dx[0]]
        return [t.numpy() for t in found]
    serial = bits()
    monkeypatch.setattr(jit, "PARALLEL_WORK", 0)
    monkeypatch.setattr(threads, "count", lambda: 3)
    for a, b in zip(serial, bits(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_inference_takes_the_statistics_that_are_given():
    x, c = normal((2, 3, 4, 5)), 5
    scale, offset, mean, variance = normal(c, 1), normal(c, 2), normal(c, 3), np.exp(normal(c, 4))
    want = (x - mean) / np.sqrt(variance + 0.01) * scale + offset
    y, m, v = nf.nn.fused_batch_norm(x, scale, offset, mean, variance, 0.01, is_training=False)
    close([y, m, v], [want, mean, variance])
    turned = np.moveaxis(x, -1, 1)
    y, _, _ = nf.nn.fused_batch_norm(turned, scale, offset, mean, variance, 0.01, "NCHW", is_training=False)
    close([y], [np.moveaxis(want, -1, 1)])
    close([nf.nn.batch_normalization(x, mean, variance, offset, scale, 0.01)], [want])
    close([nf.nn.batch_normalization(x, mean, variance, None, None, 0.01)],
          [(x - mean) / np.sqrt(variance + 0.01)])


def test_an_empty_batch_has_no_statistics():
    y, mean, variance = nf.nn.fused_batch_norm(np.zeros((0, 4, 4, 3), "float32"), np.ones(3), np.zeros(3))
    assert tuple(y.shape) == (0, 4, 4, 3)
    assert np.isnan(mean.numpy()).all()
    assert np.isnan(variance.numpy()).all()


def test_third_derivatives():
    x, scale, offset = normal((4, 2), dtype=float), normal(2, 1, float), normal(2, 2, float)
    for f in (lambda *a: nf.nn.fused_batch_norm(*a, epsilon=0.1)[0],
              lambda *a: nf.nn.layer_normalization(*a, epsilon=0.1)):
        nf.testing.check_gradients(f, [x, scale, offset], order=3)


def layer_norm(x, axes, epsilon):
    return (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + epsilon)


@pytest.mark.parametrize("axis", [-1, [1, 2], [-1, 0], [0, 1, 2], 1])
def test_layer_normalization_over_any_axes(axis):
    x = normal((3, 4, 5)) * 2 + 1
    axes = tuple(sorted(k % 3 for k in np.atleast_1d(axis)))
    shape = [x.shape[k] for k in axes]
    gamma, beta, g = normal(shape, 1), normal(shape, 2), normal(x.shape, 3)
    spread = [n if k in axes else 1 for k, n in enumerate(x.shape)]
    wide = x.astype(float)
    close([nf.nn.layer_normalization(x, gamma, beta, axis)],
          [layer_norm(wide, axes, 1e-3) * gamma.reshape(spread) + beta.reshape(spread)])
    tensors = [nf.constant(v) for v in (x, gamma, beta)]
    with nf.GradientTape() as tape:
        tape.watch(tensors)
        y = nf.nn.layer_normalization(*tensors, axis)
    dx, dgamma, dbeta = tape.gradient(y, tensors, output_gradients=nf.constant(g))
    others = tuple(k for k in range(3) if k not in axes)
    unit = layer_norm(wide, axes, 1e-3)
    h = g * gamma.reshape(spread)
    part = h - h.mean(axes, keepdims=True) - unit * (h * unit).mean(axes, keepdims=True)
    close([dx, dgamma, dbeta], [part / np.sqrt(wide.var(axes, keepdims=True) + 1e-3), (g * unit).sum(others),
                                g.astype(float).sum(others)])


def test_long_rows_far_from_zero_are_normalized():
    x = (normal((2, 100_000)) + 500).astype("float32")
    close([nf.nn.layer_normalization(x)], [layer_norm(x.astype(float), (1,), 1e-3)], 1e-4)


def test_moments():
    x, w = normal((3, 4, 5)), np.abs(normal((3, 4, 1), 1))
    for axes in ([0], [0, 1], [-1], 1, [0, 1, 2]):
        along_axes = tuple(np.atleast_1d(axes))
        close(nf.nn.moments(x, axes), [x.mean(along_axes), x.var(along_axes)])
        kept = [x.mean(along_axes, keepdims=True), x.var(along_axes, keepdims=True)]
        close(nf.nn.moments(x, axes, keep_dims=True), kept)
        weights = np.broadcast_to(w, x.shape)
        mean = np.average(x, along_axes, weights)
        off = (x - np.expand_dims(mean, along_axes)) ** 2
        close(nf.nn.weighted_moments(x, axes, w), [mean, np.average(off, along_axes, weights)])
    nf.testing.check_gradients(lambda v: nf.nn.moments(v, [0]), [normal((4, 3), dtype=float)])
    with pytest.raises(ValueError, match="moments: expected floats, got int32"):
        nf.nn.moments([1, 2], [0])


def test_local_response_normalization():
    x = normal((2, 3, 2, 9))
    for radius in (0, 2, 20):
        near = np.abs(np.arange(9)[:, None] - np.arange(9)) <= radius
        want = x / (1.5 + 0.3 * (x.astype(float) ** 2 @ near)) ** 0.7
        close([nf.nn.local_response_normalization(x, radius, 1.5, 0.3, 0.7)], [want])
    nf.testing.check_gradients(lambda v: nf.nn.lrn(v, 1, 1.0, 0.5), [normal((1, 2, 1, 5), dtype=float)])
    with pytest.raises(ValueError, match="lrn: expected floats of rank 4"):
        nf.nn.lrn(x[0])


X = np.zeros((2, 3, 4), "float32")


@pytest.mark.parametrize(("f", "message"), [
    (lambda: nf.nn.fused_batch_norm(X, np.ones(3), np.ones(4)), r"expected scale \[4\]"),
    (lambda: nf.nn.fused_batch_norm(X, np.ones(4), np.ones(4), data_format="NCHW"), r"expected scale \[3\]"),
    (lambda: nf.nn.fused_batch_norm(X, np.ones(4), np.ones(4), data_format="NHCW"), "unknown data_format"),
    (lambda: nf.nn.fused_batch_norm(X, np.ones(4), np.ones(4), axis=3), "axis 3"),
    (lambda: nf.nn.fused_batch_norm(X[0, 0], np.ones(4), np.ones(4)), "rank 2 or more"),
    (lambda: nf.nn.fused_batch_norm(X, np.ones(4), np.ones(4), mean=np.ones(4)), "taken from x in training"),
    (lambda: nf.nn.fused_batch_norm(X, np.ones(4), np.ones(4), is_training=False), "mean and variance"),
    (lambda: nf.nn.layer_normalization(X, gamma=np.ones(3)), r"expected gamma of shape \(4,\)"),
    (lambda: nf.nn.layer_normalization(X, axis=[1, 3]), "layer_normalization: axis 3"),
    (lambda: nf.nn.layer_normalization(X > 0), "expected floats, got bool"),
])
def test_bad_arguments_are_refused(f, message):
    with pytest.raises(ValueError, match=message):
        f()
