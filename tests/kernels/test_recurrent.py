"""The gates of a long short-term memory: values beside NumPy's, extreme arguments, threads."""
import numpy as np
import pytest
from numbaflow.kernels import jit, recurrent


def sigmoid(x, hard):
    return np.clip(0.2 * x + 0.5, 0, 1) if hard else 1 / (1 + np.exp(-x))


def expected(z, c, hard):
    i, f, g, o = np.split(z.astype(np.float64), 4, 1)
    new = sigmoid(f, hard) * c + sigmoid(i, hard) * np.tanh(g)
    return sigmoid(o, hard) * np.tanh(new), new


@pytest.mark.parametrize("hard", [False, True])
@pytest.mark.parametrize("rows", [1, 7, 300])
def test_values(rows, hard):
    rng = np.random.default_rng(rows)
    for n in (1, 5, 16, 33):
        z = (3 * rng.standard_normal((rows, 4 * n))).astype(np.float32)
        c = rng.standard_normal((rows, n)).astype(np.float32)
        for got, want in zip(recurrent.lstm_gates(z, c, hard), expected(z, c, hard), strict=True):
            np.testing.assert_allclose(got, want, rtol=2e-6, atol=2e-6)


def test_extreme_arguments_stay_in_range():
    z = np.array([[1e30, 1e30, -1e30, np.inf, -1e30, -1e30, 1e30, 1e30]], np.float32)
    h, c = recurrent.lstm_gates(z, np.ones((1, 2), np.float32), False)
    assert np.isfinite(h).all()
    assert np.isfinite(c).all()


@pytest.mark.parametrize("hard", [False, True])
def test_threads_give_the_same(hard, monkeypatch):
    rng = np.random.default_rng(0)
    z, c = rng.standard_normal((64, 160)), rng.standard_normal((64, 40))
    serial = recurrent.lstm_gates(z, c, hard), recurrent.lstm_gates_grad(c, c, z, c, hard)
    monkeypatch.setattr(jit, "PARALLEL_WORK", 1)
    threaded = recurrent.lstm_gates(z, c, hard), recurrent.lstm_gates_grad(c, c, z, c, hard)
    for one, other in zip(serial, threaded, strict=True):
        for a, b in zip(one, other, strict=True):
            np.testing.assert_array_equal(a, b)
