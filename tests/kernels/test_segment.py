"""Segment reductions against a loop over the segments."""
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from numbaflow.kernels import segment

quick = settings(max_examples=40, deadline=None, derandomize=True)
REDUCE = {"sum": (np.sum, 0), "mean": (np.mean, 0), "prod": (np.prod, 1), "max": (np.max, 0),
          "min": (np.min, 0), "sqrt_n": (lambda x, axis: np.sum(x, axis) / np.sqrt(len(x)), 0)}


def loop(name, data, ids, segments, none):
    """The definition, in float64."""
    rows = data.reshape(ids.size, *data.shape[ids.ndim:]).astype(np.float64)
    out = np.full((segments, *rows.shape[1:]), none, np.float64)
    for s in range(segments):
        if (ids == s).any():
            out[s] = REDUCE[name][0](rows[ids.reshape(-1) == s], axis=0)
    return out


def values(rng, shape, dtype):
    return rng.integers(-4, 5, shape).astype(dtype)


@pytest.mark.parametrize("name", ["sum", "mean", "prod", "max", "min"])
@quick
@given(st.data())
def test_sorted(name, data):
    ids = np.sort(data.draw(st.lists(st.integers(0, 6), max_size=8).map(lambda x: np.array(x, np.int32))))
    width = data.draw(st.sampled_from([(), (3,), (2, 2), (0,)]))
    x = values(np.random.default_rng(len(ids)), (len(ids), *width), np.float32)
    out = getattr(segment, f"segment_{name}")(x, ids)
    expected = loop(name, x, ids, ids[-1] + 1 if len(ids) else 0, REDUCE[name][1])
    assert out.dtype == np.float32
    np.testing.assert_allclose(out, expected, rtol=1e-6)


@pytest.mark.parametrize("name", REDUCE)
@quick
@given(st.data())
def test_unsorted(name, data):
    shape = data.draw(st.sampled_from([(), (0,), (5,), (9,), (2, 3)]))
    width = data.draw(st.sampled_from([(), (3,), (2, 2)]))
    segments = data.draw(st.integers(1, 5))
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    ids = np.asarray(rng.integers(-2, segments, shape))
    x = np.asarray(values(rng, shape + width, np.float32))
    none = {"max": np.finfo(np.float32).min, "min": np.finfo(np.float32).max}.get(name, REDUCE[name][1])
    out = getattr(segment, f"unsorted_segment_{name}")(x, ids, segments)
    np.testing.assert_allclose(out, loop(name, x, ids, segments, none), rtol=1e-6)


def test_large_enough_for_threads():
    rng = np.random.default_rng(0)
    ids, x = rng.integers(-1, 300, 4000), values(rng, (4000, 30), np.float32)
    np.testing.assert_array_equal(segment.unsorted_segment_sum(x, ids, 300), loop("sum", x, ids, 300, 0))
    ids = np.sort(abs(ids))
    np.testing.assert_array_equal(segment.segment_max(x.T.copy().T, ids), loop("max", x, ids, ids[-1] + 1, 0))


def test_integers():
    x, ids = np.array([-3, -4, 7, 2], np.int32), np.array([0, 0, 2, 2])
    assert segment.segment_mean(x, ids).tolist() == [-3, 0, 4]      # towards zero
    assert segment.segment_mean(x, ids).dtype == np.int32
    assert segment.unsorted_segment_max(x, ids, 2 + 1).tolist() == [-3, -2**31, 7]
    assert segment.unsorted_segment_min(x, ids, 3).tolist() == [-4, 2**31 - 1, 2]
    assert segment.unsorted_segment_prod(x, ids, 3).tolist() == [12, 1, 14]


def test_complex():
    x, ids = np.array([1 + 1j, 2 - 1j, 3j], np.complex64), np.array([0, 0, 1])
    assert segment.segment_mean(x, ids).tolist() == [1.5, 3j]
    assert segment.segment_mean(x, ids).dtype == np.complex64
    with pytest.raises(TypeError, match="no order"):
        segment.segment_max(x, ids)


def test_infinities_and_nan():
    x, ids = np.array([-np.inf, np.nan, 1.0, np.inf], np.float32), np.array([0, 1, 1, 3])
    np.testing.assert_array_equal(segment.segment_max(x, ids), [-np.inf, np.nan, 0, np.inf])
    np.testing.assert_array_equal(segment.segment_min(x, ids), [-np.inf, np.nan, 0, np.inf])
    np.testing.assert_array_equal(segment.segment_sum(x, ids), [-np.inf, np.nan, 0, np.inf])


def test_bad_ids():
    x = np.ones((3, 2), np.float32)
    with pytest.raises(ValueError, match="1 comes after 2, at position 1"):
        segment.segment_sum(x, np.array([2, 1, 3]))
    with pytest.raises(ValueError, match="-1 comes first, at position 0"):
        segment.segment_sum(x, np.array([-1, 1, 3]))
    with pytest.raises(ValueError, match="one id for each row"):
        segment.segment_sum(x, np.array([0, 1]))
    with pytest.raises(IndexError, match=r"segment id 3 at position \(2, 0\) is not below num_segments 3"):
        segment.unsorted_segment_sum(x, np.array([[0, 1], [2, 0], [3, -1]]), 3)
    with pytest.raises(ValueError, match="prefix"):
        segment.unsorted_segment_sum(x, np.array([0, 1]), 3)
    with pytest.raises(ValueError, match="negative"):
        segment.unsorted_segment_sum(x, np.array([0, 1, 1]), -3)
    with pytest.raises(TypeError, match="sqrt_n"):
        segment.unsorted_segment_sqrt_n(x.astype(np.int32), np.array([0, 1, 1]), 2)
    assert segment.unsorted_segment_sum(x, np.array([-1, -1, -1]), 0).shape == (0, 2)
