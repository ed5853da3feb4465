"""Running totals beyond their samples: zeros, infinities, inverses, errors."""
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import numbaflow as nf
from numbaflow.ops import scan


@pytest.mark.parametrize("exclusive", [False, True])
@pytest.mark.parametrize("reverse", [False, True])
def test_cumprod_gradients_at_zeros(exclusive, reverse):
    x = np.array([[2.0, 0.0, 3.0, 0.0, 5.0], [0.0, 0.0, 1.0, 2.0, -1.0]])
    nf.testing.check_gradients(lambda x: nf.cumprod(x, 1, exclusive, reverse), [x], order=3)


@pytest.mark.parametrize("reverse", [False, True])
def test_exclusive_logsumexp(reverse):
    x = np.random.default_rng(0).standard_normal((4, 3))
    inside = (slice(0, -1) if reverse else slice(1, None), slice(None))
    nf.testing.check_gradients(lambda x: scan.cumulative_logsumexp(x, 0, True, reverse)[inside], [x])


def test_logsumexp_gradients_are_finite_at_infinity_and_far_apart():
    x = nf.constant([-np.inf, -np.inf, 500.0, -500.0, 500.0])
    g = nf.gradients_function(scan.cumulative_logsumexp)(x)[0].numpy()
    np.testing.assert_allclose(g, [0.0, 0.0, 2.5, 0.0, 0.5], rtol=3e-6)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.integers(1, 40), st.integers(1, 3), st.booleans(), st.booleans(), st.sampled_from([0, 1]))
def test_recurrence_of_ones_is_a_running_sum(n, m, exclusive, reverse, axis):
    b = np.random.default_rng(n).integers(-9, 9, (n, m)).astype(float)
    y = scan.linear_recurrence(np.ones_like(b), b, axis, exclusive, reverse)
    np.testing.assert_array_equal(y.numpy(), nf.cumsum(b, axis, exclusive, reverse).numpy())


def test_recurrence_is_a_filter():
    from scipy.signal import lfilter
    b = np.random.default_rng(0).standard_normal((1000, 3))
    y = scan.linear_recurrence(np.full_like(b, 0.9), b).numpy()
    np.testing.assert_allclose(y, lfilter([1.0], [1.0, -0.9], b, axis=0), rtol=1e-9, atol=1e-12)
    wide = scan.linear_recurrence(np.full((3, 1000), 0.9), b.T, -1).numpy()
    np.testing.assert_allclose(wide, y.T, rtol=1e-12)


def test_recurrence_large_is_the_same_in_tiles_and_rows():
    rng = np.random.default_rng(1)
    a, b = rng.uniform(-1, 1, (2, 70, 1100)).astype(np.float32)
    y = scan.linear_recurrence(a, b, 0).numpy()
    np.testing.assert_allclose(y, scan.linear_recurrence(a.T, b.T, 1).numpy().T, rtol=1e-5, atol=1e-6)


def test_arguments():
    assert nf.cumsum([1, 2, 3], axis=nf.constant(0)).numpy().tolist() == [1, 3, 6]
    assert nf.cumsum(np.array([[1, 2], [3, 4]], np.int8), -1).dtype == nf.int8
    for call, text in ((lambda: nf.cumsum([1.0], 1), "cumsum: axis 1"), (lambda: nf.cumsum(3.0),
                                                                         "cumsum: axis 0"),
                       (lambda: nf.cumprod([True]), "cumprod: expected numbers"),
                       (lambda: scan.linear_recurrence([1.0], [1.0, 2.0]), "shapes .1,. and .2,. differ")):
        with pytest.raises(ValueError, match=text):
            call()
