"""Segment reductions beyond the enumeration: random ids against loops, ties, dropped rows, errors."""
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from hypothesis.extra import numpy as hnp

import numbaflow as nf
from numbaflow.ops import segment
from numbaflow.testing import check_gradients

few = settings(max_examples=40, deadline=None)


def array(dims, seed=0):
    return np.random.default_rng(seed).standard_normal(dims)


def gradient(f, x):
    return nf.gradients_function(f)(x)[0].numpy()


_LOOPS = {"sum": np.sum, "prod": np.prod, "mean": np.mean, "max": np.max, "min": np.min,
          "sqrt_n": lambda rows, axis: rows.sum(axis) / np.sqrt(len(rows))}


@few
@given(st.sampled_from(sorted(_LOOPS)), hnp.arrays(np.int32, st.integers(1, 12), elements=st.integers(-1, 4)),
       st.integers(0, 2))
def test_unsorted(name, ids, width):
    x = array((ids.size, width))
    y = getattr(segment, f"unsorted_segment_{name}")(x, ids, 5).numpy()
    assert y.shape == (5, width)
    for s in set(ids[ids >= 0].tolist()):
        np.testing.assert_allclose(y[s], _LOOPS[name](x[ids == s], axis=0))


@few
@given(st.sampled_from(["sum", "prod", "mean", "max", "min"]),
       hnp.arrays(np.int64, st.integers(1, 12), elements=st.integers(0, 6)).map(np.sort))
def test_sorted(name, ids):
    x = array((ids.size, 2))
    y = getattr(segment, f"segment_{name}")(x, ids).numpy()
    assert y.shape == (ids[-1] + 1, 2)
    for s in range(len(y)):
        rows = x[ids == s]
        np.testing.assert_allclose(y[s], _LOOPS[name](rows, axis=0) if len(rows) else float(name == "prod"))


def test_ties_share_the_gradient():
    x, ids = nf.constant([2.0, 2.0, 1.0, 5.0]), [0, 0, 0, 1]
    assert gradient(lambda x: segment.segment_max(x, ids), x).tolist() == [0.5, 0.5, 0.0, 1.0]
    assert gradient(lambda x: segment.segment_min(-x, ids), x).tolist() == [-0.5, -0.5, 0.0, -1.0]
    assert gradient(lambda x: segment.unsorted_segment_max(x, ids, 3), x).tolist() == [0.5, 0.5, 0.0, 1.0]


@pytest.mark.parametrize("name", sorted(_LOOPS))
def test_rows_of_a_negative_id_get_no_gradient(name):
    f = getattr(segment, f"unsorted_segment_{name}")
    found = gradient(lambda x: f(x, [-1, 0, -3, 0], 1), nf.constant([4.0, 1.0, 7.0, 2.0]))
    assert found[[0, 2]].tolist() == [0.0, 0.0]
    assert found.any()


def test_products_with_zeros():
    x = nf.constant([0.0, 2.0, 3.0, 0.0, 0.0, 4.0])
    found = gradient(lambda x: segment.segment_prod(x, [0, 0, 0, 1, 1, 1]), x)
    assert found.tolist() == [6.0, 0.0, 0.0, 0.0, 0.0, 0.0]
    check_gradients(lambda x: segment.segment_prod(x, [0, 0, 0]) ** 2.0, [np.array([0.0, 2.0, 3.0])])


def test_ids_of_higher_rank():
    x, ids = array((2, 3, 2)), np.array([[0, 1, 0], [1, -1, 3]])
    expected = np.zeros((4, 2))
    for i, s in np.ndenumerate(ids):
        if s >= 0:
            expected[s] += x[i]
    np.testing.assert_allclose(segment.unsorted_segment_sum(x, ids, nf.constant(4)), expected)


@pytest.mark.parametrize(("call", "kind", "words"), [
    (lambda x: segment.segment_sum(x, [0, 1, 0]), ValueError, "segment_sum: segment_ids must be sorted"),
    (lambda x: segment.segment_max(x, [-1, 0, 0]), ValueError, "segment_max: segment_ids must be sorted"),
    (lambda x: segment.segment_mean(x, [0, 1]), ValueError, r"segment_mean: segment_ids \(2,\)"),
    (lambda x: segment.segment_sum(x, [0.0, 0.0, 1.0]), TypeError, "segment_sum: indices must be integers"),
    (lambda x: segment.unsorted_segment_sum(x, [0, 1, 2], 2), IndexError, "sum: segment id 2"),
    (lambda x: segment.unsorted_segment_sum(x, [0, 1], 2), ValueError, "unsorted_segment_sum: segment_ids"),
    (lambda x: segment.unsorted_segment_max(x, [0, 1, 1], -1), ValueError, "max: num_segments"),
])
def test_errors(call, kind, words):
    with pytest.raises(kind, match=words):
        call(nf.constant([1.0, 2.0, 3.0]))
