"""Reductions beyond their samples: arguments under all names, ties, NaN, dtypes, errors."""
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import numbaflow as nf

PAIRS = [(nf.reduce_sum, np.sum), (nf.reduce_prod, np.prod), (nf.reduce_max, np.max), (nf.reduce_min, np.min),
         (nf.reduce_mean, np.mean)]


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.data())
def test_against_numpy(data):
    shape = tuple(data.draw(st.lists(st.integers(1, 4), max_size=4)))
    count = data.draw(st.integers(0, len(shape)))
    axis = data.draw(st.permutations(range(-len(shape), 0)))[:count]
    keepdims = data.draw(st.booleans())
    x = np.random.default_rng(0).standard_normal(shape)
    for ours, theirs in PAIRS:
        expected = theirs(x, axis=tuple(axis), keepdims=keepdims)
        y = ours(x, axis, keepdims)
        assert tuple(y.shape) == np.shape(expected)
        np.testing.assert_allclose(y.numpy(), expected, rtol=1e-12)


@pytest.mark.parametrize("axis", [1, -1, [1], (1,), np.int64(1), np.array(1), np.array([1], np.int32),
                                  nf.constant(1), nf.constant([-1])])
def test_axis_in_every_form(axis):
    x = nf.constant([[1.0, 2.0], [3.0, 4.0]])
    assert nf.reduce_sum(x, axis).numpy().tolist() == [3.0, 7.0]
    assert nf.gradients_function(lambda x: nf.reduce_max(x, axis))(x)[0].numpy().tolist() == [[0.0, 1.0],
                                                                                              [0.0, 1.0]]


def test_older_names():
    x = nf.constant([[1.0, 2.0], [3.0, 4.0]])
    assert nf.reduce_sum(x, reduction_indices=1, keep_dims=True).numpy().tolist() == [[3.0], [7.0]]
    assert nf.argmax(x, dimension=1).numpy().tolist() == [1, 1]
    assert nf.count_nonzero(input=x, keep_dims=True).numpy().tolist() == [[4]]
    for arguments in ({"axis": 1, "reduction_indices": 1}, {"keepdims": True, "keep_dims": True}):
        with pytest.raises(ValueError, match="Cannot specify both"):
            nf.reduce_sum(x, **arguments)


@pytest.mark.parametrize(("call", "text"), [
    (lambda: nf.reduce_sum([1.0], axis=1), r"reduce_sum: axis 1 is not in \[-1, 1\)"),
    (lambda: nf.reduce_sum([[1.0]], axis=[0, -2]), "twice"), (lambda: nf.reduce_sum([1.0], axis=0.5),
                                                              "reduce_sum"),
    (lambda: nf.reduce_sum([True]), "got bool"), (lambda: nf.reduce_mean([True]),
                                                  "reduce_mean: expected numbers"),
    (lambda: nf.reduce_any([1.0]), "reduce_any: expected bools, got float32"),
    (lambda: nf.reduce_max(np.array([1j])), "reduce_max: complex numbers have no order"),
    (lambda: nf.argmax(np.zeros((0, 2))), "argmax: axis 0 of shape"), (lambda: nf.argmax(1.0),
                                                                       "argmax: axis 0"),
    (lambda: nf.reduce_variance([1, 2]),
     "expected floats")])
def test_errors(call, text):
    with pytest.raises(ValueError, match=text):
        call()


@pytest.mark.parametrize("f", [nf.reduce_max, nf.reduce_min])
def test_ties_share_the_gradient(f):
    g = nf.gradients_function(f)(nf.constant([[2.0, 2.0], [2.0, 2.0]]))[0]
    assert g.numpy().tolist() == [[0.25, 0.25], [0.25, 0.25]]
    g = nf.gradients_function(lambda x: f(x, 0, True))(nf.constant([[1.0, 5.0], [1.0, 5.0]]))[0]
    assert g.numpy().tolist() == [[0.5, 0.5], [0.5, 0.5]]


def test_product_gradients_at_zeros():
    for x, expected in (([2.0, 0.0, 4.0], [0.0, 8.0, 0.0]), ([0.0, 0.0, 4.0], [0.0, 0.0, 0.0]),
                        ([3.0], [1.0])):
        assert nf.gradients_function(nf.reduce_prod)(nf.constant(x))[0].numpy().tolist() == expected
    h = nf.hessian(nf.reduce_prod)(nf.constant([0.0, 0.0, 4.0])).numpy()
    np.testing.assert_array_equal(h, [[0, 4, 0], [4, 0, 0], [0, 0, 0]])


def test_nan_and_nothing():
    assert np.isnan(nf.reduce_max([1.0, np.nan, 3.0]).numpy())
    assert nf.argmin([1.0, np.nan, 0.0]).numpy() == 1
    assert nf.reduce_max(np.zeros((0,), np.float32)).numpy() == -np.inf
    assert nf.reduce_min(np.zeros((0,), np.int32)).numpy() == 2**31 - 1
    assert np.isnan(nf.reduce_mean(np.zeros((0,))))
    assert nf.reduce_sum(np.zeros((0,))).numpy() == 0
    assert bool(nf.reduce_all(np.zeros((0,), bool)))
    assert not bool(nf.reduce_any(np.zeros((0,), bool)))
    assert nf.gradients_function(nf.reduce_mean)(nf.constant(np.zeros((0, 3))))[0].shape == (0, 3)


def test_dtypes():
    assert nf.reduce_sum(np.array([100, 100], np.int8)).numpy() == np.int8(-56)
    assert nf.reduce_mean(np.array([-3, -4])).numpy() == -3
    assert nf.argmax([1.0, 2.0], output_type=nf.int32).dtype == nf.int32
    assert nf.reduce_logsumexp([0, 0]).dtype == nf.float64
    assert nf.count_nonzero([0.0, 1.0], dtype=nf.int32).dtype == nf.int32
    assert nf.count_nonzero([True, False]).numpy() == 1


def test_compositions():
    from numbaflow.ops import reduce
    x = np.random.default_rng(0).standard_normal((3, 4))
    np.testing.assert_allclose(reduce.reduce_variance(x, 1).numpy(), x.var(1))
    np.testing.assert_allclose(reduce.reduce_std(x, [0, 1], True).numpy(), x.std(keepdims=True))
    np.testing.assert_allclose(reduce.reduce_euclidean_norm(x, 0).numpy(), np.linalg.norm(x, axis=0))
    z = x + 1j * x[::-1]
    np.testing.assert_allclose(reduce.reduce_variance(z).numpy(), z.var())
    np.testing.assert_allclose(reduce.reduce_euclidean_norm(z).numpy(), np.linalg.norm(z))
    for f in (reduce.reduce_variance, reduce.reduce_std, reduce.reduce_euclidean_norm):
        nf.testing.check_gradients(lambda x, f=f: f(x, 1), [x])
    zero = nf.gradients_function(reduce.reduce_euclidean_norm)(nf.constant([0.0, 0.0]))[0]
    assert zero.numpy().tolist() == [0.0, 0.0]
