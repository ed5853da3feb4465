"""Dropout: how much, how it is scaled and seeded, that its gradient drops the same elements; bad rates."""
import numpy as np
import pytest

import numbaflow as nf


def test_a_part_is_dropped_and_the_rest_scaled():
    for dtype in ("float32", "float64"):
        x = np.arange(1, 200_001).astype(dtype)
        for rate in (0.1, 0.5, 0.9):
            y = nf.nn.dropout(x, rate=rate).numpy()
            assert y.dtype == dtype
            kept = y != 0
            np.testing.assert_allclose(y[kept], x[kept] / (1 - rate), rtol=1e-6)
            assert abs(kept.mean() - (1 - rate)) < 4 * np.sqrt(rate * (1 - rate) / x.size)


def test_keep_prob_is_one_minus_rate():
    x = nf.ones([1000])
    nf.set_random_seed(3)
    a = nf.nn.dropout(x, 0.25)
    nf.set_random_seed(3)
    b = nf.nn.dropout(x, rate=0.75)
    np.testing.assert_array_equal(a.numpy(), b.numpy())


def test_seeds_make_it_repeatable():
    x = nf.ones([100])

    def two():
        nf.set_random_seed(5)
        return [nf.nn.dropout(x, 0.5).numpy() for _ in range(2)]
    first, second = two()
    assert (first != second).any()
    np.testing.assert_array_equal(two(), [first, second])
    nf.set_random_seed(5)
    a = nf.nn.dropout(x, 0.5, seed=1).numpy()
    nf.set_random_seed(5)
    np.testing.assert_array_equal(nf.nn.dropout(x, 0.5, seed=1).numpy(), a)
    assert (nf.nn.dropout(x, 0.5, seed=2).numpy() != a).any()


def test_rate_zero_returns_x_and_draws_nothing():
    x = nf.ones([4])
    assert nf.nn.dropout(x, rate=0.0) is x
    assert nf.nn.dropout(x, keep_prob=1) is x


def test_the_gradient_drops_the_same_elements():
    x = nf.constant(np.random.default_rng(0).standard_normal((50, 7)).astype("float32"))
    for noise_shape in (None, [50, 1]):
        with nf.GradientTape() as outer:
            outer.watch(x)
            with nf.GradientTape() as tape:
                tape.watch(x)
                y = nf.nn.dropout(x * x, rate=0.5, noise_shape=noise_shape)
            dx = tape.gradient(y, x)
        factor = (y / (x * x)).numpy()
        np.testing.assert_allclose(dx.numpy(), 2 * x.numpy() * factor, rtol=1e-5)
        np.testing.assert_allclose(outer.gradient(dx, x).numpy(), 2 * factor, rtol=1e-5)


def test_noise_shape_drops_together():
    x = nf.ones([20, 30, 4])
    y = nf.nn.dropout(x, rate=0.5, noise_shape=[20, 1, None]).numpy()
    assert (y == y[:, :1]).all()
    assert set(np.unique(y)) == {0.0, 2.0}
    assert (nf.nn.dropout(x, rate=0.5, noise_shape=nf.constant([1, 1, 4])).numpy()[0, 0]
            == nf.nn.dropout(x, rate=0.5, noise_shape=[4]).numpy()[1, 1]).shape == (4,)


def test_a_dropped_nan_stays_nan():
    y = nf.nn.dropout(np.full(100, np.nan, "float32"), rate=0.5)
    assert np.isnan(y.numpy()).all()


def test_rates_may_be_scalar_tensors():
    assert nf.nn.dropout(nf.ones([4]), rate=nf.constant(0.5)).dtype == nf.float32


def test_serial_or_threaded_the_bits_are_the_same(monkeypatch):
    from numbaflow.kernels import jit, threads
    x = nf.ones([1001])
    serial = nf.nn.dropout(x, 0.5).numpy()
    monkeypatch.setattr(jit, "PARALLEL_WORK", 0)
    monkeypatch.setattr(threads, "count", lambda: 3)
    nf.set_random_seed(0)
    np.testing.assert_array_equal(nf.nn.dropout(x, 0.5).numpy(), serial)


@pytest.mark.parametrize(("arguments", "message"), [
    ({"rate": 1.0}, r"rate must be .* range \[0, 1\), got 1.0"),
    ({"rate": -0.1}, "rate must be"),
    ({"rate": float("nan")}, "rate must be"),
    ({"rate": "half"}, "rate must be"),
    ({"keep_prob": 0.0}, r"keep_prob must be .* range \(0, 1\], got 0.0"),
    ({"keep_prob": 1.5}, "keep_prob must be"),
    ({"keep_prob": 0.5, "rate": 0.5}, "Cannot specify both"),
    ({}, "You must provide a rate"),
    ({"rate": 0.5, "noise_shape": [3]}, r"noise_shape \(3,\) does not broadcast to the shape \(2, 4\)"),
    ({"rate": 0.5, "noise_shape": [1, 1, 1]}, "does not broadcast"),
])
def test_bad_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=f"dropout: .*{message}"):
        nf.nn.dropout(np.ones((2, 4), "float32"), **arguments)
    with pytest.raises(ValueError, match="floating point tensor"):
        nf.nn.dropout([1, 2], rate=0.5)
