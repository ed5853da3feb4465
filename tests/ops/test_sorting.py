"""Sorting and grouping beyond the enumeration: NaN and ties, round trips, dtypes, errors."""
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from hypothesis.extra import numpy as hnp

import numbaflow as nf
from numbaflow.ops import index, sorting

few = settings(max_examples=40, deadline=None)
vectors = hnp.arrays(np.int64, st.integers(0, 20), elements=st.integers(-5, 5))


def array(dims, seed=0):
    return np.random.default_rng(seed).standard_normal(dims)


def gradient(f, x):
    return nf.gradients_function(f)(x)[0].numpy()


# ---- order
@few
@given(hnp.arrays(np.float64, hnp.array_shapes(max_dims=3, max_side=5), elements=st.floats(-9, 9, width=32)),
       st.sampled_from(["ASCENDING", "DESCENDING"]), st.data())
def test_sort_and_argsort(x, direction, data):
    axis = data.draw(st.integers(-x.ndim, x.ndim - 1))
    y = np.sort(x, axis)
    y = np.flip(y, axis) if direction == "DESCENDING" else y
    np.testing.assert_array_equal(sorting.sort(x, axis, direction), y)
    places = sorting.argsort(x, axis, direction)
    assert places.dtype == nf.int32
    np.testing.assert_array_equal(index.take_along_axis(x, places, axis), y)
    weights = array(x.shape)
    back = gradient(lambda x: sorting.sort(x, axis, direction) * weights, x)
    np.testing.assert_array_equal(np.take_along_axis(back, places.numpy(), axis), weights)


def test_nan_is_last():
    x = np.array([np.nan, 1.0, -np.inf, 2.0])
    assert sorting.argsort(x).numpy().tolist() == [2, 1, 3, 0]
    assert sorting.argsort(x, direction="DESCENDING").numpy().tolist() == [3, 1, 2, 0]
    np.testing.assert_array_equal(sorting.sort(x, direction="DESCENDING"), [2.0, 1.0, -np.inf, np.nan])


def test_top_k():
    found = sorting.top_k([1, 5, 5, 2], 3)
    assert found.values.numpy().tolist() == [5, 5, 2]
    assert found.indices.numpy().tolist() == [1, 2, 3]
    values, indices = sorting.top_k(array((2, 3)))
    assert values.shape == indices.shape == (2, 1)
    x = nf.constant([[1.0, 3.0, 2.0]])
    assert gradient(lambda x: sorting.top_k(x, 2).values * [[10.0, 20.0]], x).tolist() == [[0.0, 10.0, 20.0]]


# ---- counting and grouping
@few
@given(vectors)
def test_unique(x):
    y, idx, count = sorting.unique_with_counts(x)
    np.testing.assert_array_equal(y.numpy()[idx.numpy()], x)
    assert sorted(y.numpy().tolist()) == sorted(set(x.tolist()))
    assert y.numpy().tolist() == list(dict.fromkeys(x.tolist()))
    assert count.numpy().tolist() == [x.tolist().count(v) for v in y.numpy()]
    assert sorting.unique(x, nf.int64).idx.dtype == nf.int64


@few
@given(hnp.arrays(np.int32, hnp.array_shapes(max_dims=2, max_side=6), elements=st.integers(0, 5)))
def test_bincount(x):
    np.testing.assert_array_equal(sorting.bincount(x), np.bincount(x.ravel()))
    weights = array(x.shape)
    expected = np.bincount(x.ravel(), weights.ravel(), 8)
    np.testing.assert_allclose(sorting.bincount(x, weights, minlength=8), expected)
    np.testing.assert_allclose(sorting.bincount(x, weights, maxlength=2), expected[:min(2, x.max() + 1)])


def test_bincount_is_differentiable_in_its_weights():
    weights = nf.constant([1.0, 1.0, 1.0])
    found = gradient(lambda w: sorting.bincount([0, 2, 5], w, maxlength=3) * [1.0, 2.0, 3.0], weights)
    assert found.tolist() == [1.0, 3.0, 0.0]


@few
@given(hnp.arrays(np.int64, st.integers(0, 12), elements=st.integers(0, 3)))
def test_partition_and_stitch_are_inverse(labels):
    x = array((labels.size, 2))
    parts = sorting.dynamic_partition(x, labels, 4)
    for p, part in enumerate(parts):
        np.testing.assert_array_equal(part, x[labels == p])
    places = sorting.dynamic_partition(np.arange(labels.size), labels, 4)
    np.testing.assert_array_equal(sorting.dynamic_stitch(places, parts), x)
    weights = array(x.shape, 1)

    def there_and_back(x):
        return sorting.dynamic_stitch(places, sorting.dynamic_partition(x, labels, 4)) * weights
    np.testing.assert_array_equal(gradient(there_and_back, x), weights)


def test_a_row_that_is_written_over_gets_no_gradient():
    a, b = nf.constant([1.0, 2.0]), nf.constant([3.0])
    da, db = nf.gradients_function(lambda a, b: sorting.dynamic_stitch([[0, 1], [1]], [a, b]))(a, b)
    assert da.numpy().tolist() == [1.0, 0.0]
    assert db.numpy().tolist() == [1.0]


@few
@given(st.permutations(range(7)))
def test_invert_permutation(perm):
    y = sorting.invert_permutation(np.array(perm))
    np.testing.assert_array_equal(y.numpy()[perm], np.arange(7))


@few
@given(vectors.map(np.sort), vectors, st.sampled_from(["left", "right"]))
def test_searchsorted(rows, values, side):
    expected = np.searchsorted(rows, values, side)
    np.testing.assert_array_equal(sorting.searchsorted(rows, values, side), expected)


# ---- errors
@pytest.mark.parametrize(("call", "words"), [
    (lambda x: sorting.sort(x, 1), "sort: axis 1"),
    (lambda x: sorting.sort(x, direction="UP"), "sort: direction must be"),
    (lambda x: sorting.argsort(nf.constant(1 + 2j)), "argsort: axis"),
    (lambda x: sorting.top_k(x, 4), "top_k: k must be between 0 and"),
    (lambda x: sorting.searchsorted(x, x, "middle"), "searchsorted: side must be"),
    (lambda x: sorting.unique([[1]]), "unique: unique takes a vector|unique takes a vector"),
    (lambda x: sorting.bincount([-1]), "no negative values"),
    (lambda x: sorting.bincount([1, 2], x), "bincount: weights of shape"),
    (lambda x: sorting.dynamic_partition(x, [0, 1, 2], 2), "dynamic_partition: index 2"),
    (lambda x: sorting.dynamic_stitch([[0]], [x]), "dynamic_stitch: data"),
    (lambda x: sorting.dynamic_stitch([[0], [1]], [[1.0]]), "2 tensors of indices for 1 of data"),
    (lambda x: sorting.invert_permutation([0, 0]), "invert_permutation: not a permutation"),
    (lambda x: sorting.in_top_k([x], [0, 1], 1), "in_top_k"),
])
def test_errors(call, words):
    with pytest.raises(ValueError, match=words):
        call(nf.constant([1.0, 2.0, 3.0]))
