"""Sorting, searching and grouping against NumPy."""
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from hypothesis.extra import numpy as hnp
from numbaflow.kernels import sort as order

quick = settings(max_examples=60, deadline=None, derandomize=True)
DTYPES = [np.bool_, np.int8, np.uint8, np.int32, np.uint32, np.int64, np.uint64,
          np.float16, np.float32, np.float64]
ARRAYS = st.sampled_from(DTYPES).flatmap(
    lambda dtype: hnp.arrays(dtype, hnp.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=7)))


def with_extremes(rng, dtype, shape):
    """Values that repeat, of all magnitudes and signs, and the dtype's extreme ones."""
    size = int(np.prod(shape))
    if np.dtype(dtype).kind == "f":
        x = (rng.normal(size=size) * 10.0 ** rng.integers(-4, 5, size)).astype(dtype)
        special = [np.nan, -np.nan, np.inf, -np.inf, 0.0, -0.0, np.finfo(dtype).smallest_subnormal]
    else:
        x = rng.integers(0, 2**64, size, np.uint64).astype(dtype)
        special = [0, 1] if dtype == np.bool_ else [0, 1, np.iinfo(dtype).min, np.iinfo(dtype).max]
    where = rng.random(size) < 0.3
    x[where] = rng.choice(np.array(special, dtype), where.sum())
    return x.reshape(shape)


def falling(x, axis):
    """The stable descending order, NaN last."""
    if x.dtype.kind == "f":
        return np.argsort(-x, axis, kind="stable")
    return np.argsort(~x.astype(np.int64 if x.dtype.kind == "i" else np.uint64), axis, kind="stable")


@quick
@given(st.data())
def test_sort_and_argsort(data):
    x = data.draw(ARRAYS)
    axis = data.draw(st.integers(-x.ndim, x.ndim - 1))
    np.testing.assert_array_equal(order.sort(x, axis), np.sort(x, axis), strict=True)
    up, down = order.argsort(x, axis), order.argsort(x, axis, True)
    assert up.dtype == down.dtype == np.int32
    np.testing.assert_array_equal(up, np.argsort(x, axis, kind="stable"))
    np.testing.assert_array_equal(down, falling(x, axis))
    np.testing.assert_array_equal(order.sort(x, axis, True), np.take_along_axis(x, falling(x, axis), axis))


@pytest.mark.parametrize("dtype", DTYPES)
def test_argsort_by_radix(dtype):
    rng = np.random.default_rng(0)
    for shape in [(3000,), (3, 400), (3, 65), (200, 400)]:
        x = with_extremes(rng, dtype, shape)
        np.testing.assert_array_equal(order.argsort(x), np.argsort(x, kind="stable"))
        np.testing.assert_array_equal(order.argsort(x, 0, True), falling(x, 0))
    same = np.ones(100, dtype)
    np.testing.assert_array_equal(order.argsort(same), np.arange(100))


def test_sort_refuses():
    for launch in (order.sort, order.argsort):
        with pytest.raises(TypeError, match="no order"):
            launch(np.ones(3, np.complex64))
        with pytest.raises(ValueError, match="axis 1"):
            launch(np.ones(3), 1)
        with pytest.raises(ValueError, match="axis"):
            launch(np.array(1.0))


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64, np.uint8])
def test_top_k(dtype):
    rng = np.random.default_rng(0)
    cases = [((5,), (0, 1, 5)), ((4, 3, 100), (1, 7, 64, 65, 100)), ((300, 400), (3,)), ((0, 4), (2,))]
    for shape, ks in cases:
        x = with_extremes(rng, dtype, shape)
        for k in ks:
            values, places = order.top_k(x, k)
            expected = falling(x, -1)[..., :k]
            assert places.dtype == np.int32
            np.testing.assert_array_equal(places, expected)
            np.testing.assert_array_equal(values, np.take_along_axis(x, expected, -1), strict=True)
    for bad in (-1, 6):
        with pytest.raises(ValueError, match="k must be between"):
            order.top_k(np.ones((2, 5)), bad)
    with pytest.raises(ValueError, match="k must be between"):
        order.top_k(np.array(1.0), 1)


def test_in_top_k():
    predictions = np.array([[0.1, 0.5, 0.4], [0.3, 0.3, 0.3], [0.1, np.nan, 0.2], [np.inf, 1, 2], [1, 2, 3]],
                           np.float32)
    targets = np.array([2, 1, 2, 1, 3], np.int32)
    assert order.in_top_k(predictions, targets, 1).tolist() == [False, True, False, False, False]
    assert order.in_top_k(predictions, targets, 2).tolist() == [True, True, False, False, False]
    assert order.in_top_k(predictions, np.full(5, -1), 3).tolist() == [False] * 5
    with pytest.raises(ValueError, match="targets"):
        order.in_top_k(predictions, targets[:2], 1)


@quick
@given(st.data())
def test_searchsorted(data):
    dtype = data.draw(st.sampled_from([np.float32, np.int32]))
    lead = data.draw(hnp.array_shapes(min_dims=0, max_dims=2, max_side=3))
    n, m = data.draw(st.integers(0, 9)), data.draw(st.integers(0, 5))
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    rows = np.sort(rng.integers(0, 6, (*lead, n)).astype(dtype), -1)
    values = rng.integers(-1, 8, (*lead, m)).astype(dtype)
    if dtype == np.float32:
        values[values == 3], rows[rows == 5] = np.nan, np.nan
    for side in ("left", "right"):
        out = order.searchsorted(rows, values, side)
        assert out.dtype == np.int32
        for i in np.ndindex(lead):
            np.testing.assert_array_equal(out[i], np.searchsorted(rows[i], values[i], side))


def test_searchsorted_large_and_bad():
    rng = np.random.default_rng(0)
    rows, values = np.sort(rng.normal(size=5000)), rng.normal(size=20_000)
    out = order.searchsorted(rows, values, "right", np.int64)
    assert out.dtype == np.int64
    np.testing.assert_array_equal(out, np.searchsorted(rows, values, "right"))
    with pytest.raises(ValueError, match="side"):
        order.searchsorted(rows, values, "middle")
    with pytest.raises(ValueError, match="must agree"):
        order.searchsorted(rows[None], values)
    with pytest.raises(TypeError, match="float32"):
        order.searchsorted(rows, values.astype(np.float32))


@pytest.mark.parametrize("dtype", DTYPES)
def test_unique(dtype):
    rng = np.random.default_rng(0)
    for size in (0, 1, 5, 3000):
        x = with_extremes(rng, dtype, (2 * size,))[::2]
        y, numbers, counts = order.unique_with_counts(x)
        assert y.dtype == dtype
        assert numbers.dtype == counts.dtype == np.int32
        _, first, many = np.unique(x, return_index=True, return_counts=True)
        appearance = np.argsort(first)
        np.testing.assert_array_equal(y, x[first[appearance]])
        np.testing.assert_array_equal(counts, many[appearance])
        np.testing.assert_array_equal(y[numbers], x)


def test_unique_refuses():
    with pytest.raises(ValueError, match="vector"):
        order.unique(np.ones((2, 2)))
    with pytest.raises(TypeError, match="no order"):
        order.unique(np.ones(2, np.complex64))


def test_bincount():
    values = np.random.default_rng(0).integers(0, 50, (30, 20)).astype(np.int32)
    weights = np.random.default_rng(1).integers(-3, 4, values.shape).astype(np.float32)
    flat = values.reshape(-1)
    assert order.bincount(values).dtype == np.int32
    np.testing.assert_array_equal(order.bincount(values), np.bincount(flat))
    np.testing.assert_array_equal(order.bincount(values, minlength=60), np.bincount(flat, minlength=60))
    np.testing.assert_array_equal(order.bincount(values, maxlength=7), np.bincount(flat)[:7])
    np.testing.assert_array_equal(order.bincount(values, weights), np.bincount(flat, weights.reshape(-1)))
    np.testing.assert_array_equal(order.bincount(values, weights, maxlength=7),
                                  np.bincount(flat, weights.reshape(-1))[:7])
    assert order.bincount(np.zeros(0, int), minlength=2, dtype=np.int64).tolist() == [0, 0]
    assert order.bincount(np.zeros(0, int)).tolist() == []
    with pytest.raises(ValueError, match="negative"):
        order.bincount(np.array([1, -2]))
    with pytest.raises(ValueError, match="different shapes"):
        order.bincount(values, weights[0])


def test_invert_permutation():
    x = np.random.default_rng(0).permutation(50).astype(np.int32)
    y = order.invert_permutation(x)
    assert y.dtype == np.int32
    np.testing.assert_array_equal(y[x], np.arange(50))
    with pytest.raises(ValueError, match="2 at position 2 is a duplicate"):
        order.invert_permutation(np.array([0, 2, 2]))
    with pytest.raises(ValueError, match="2 at position 2 is a duplicate"):
        order.invert_permutation(np.array([2, 0, 2]))
    for bad in (-1, 3):
        with pytest.raises(ValueError, match=rf"{bad} at position 1 is not in \[0, 3\)"):
            order.invert_permutation(np.array([0, bad, 2]))
    with pytest.raises(ValueError, match="vector"):
        order.invert_permutation(np.array([[0]]))


@pytest.mark.parametrize(("shape", "rank"), [((9, 2), 1), ((3, 4, 2), 2), ((3, 4), 2), ((0, 2), 1),
                                             ((5, 0), 1), ((), 0)])
def test_partition_and_stitch(shape, rank):
    rng = np.random.default_rng(0)
    data = np.asarray(rng.normal(size=shape))
    partitions = np.asarray(rng.integers(0, 3, shape[:rank]))
    parts = order.dynamic_partition(data, partitions, 4)
    for p in range(4):
        np.testing.assert_array_equal(parts[p], data[partitions == p], strict=True)
    places = np.arange(partitions.size).reshape(partitions.shape)
    back = order.dynamic_stitch(order.dynamic_partition(places, partitions, 4), parts)
    np.testing.assert_array_equal(back, data.reshape(partitions.size, *shape[rank:]))


def test_partition_and_stitch_refuse():
    data = np.ones((3, 2))
    with pytest.raises(IndexError, match=r"index 2 at position \(1,\) is not in \[0, 2\)"):
        order.dynamic_partition(data, np.array([0, 2, 1]), 2)
    with pytest.raises(ValueError, match="prefix"):
        order.dynamic_partition(data, np.array([0, 1]), 2)
    with pytest.raises(IndexError, match="index -1"):
        order.dynamic_stitch([np.array([0, -1])], [np.ones((2, 2))])
    with pytest.raises(ValueError, match="shape of its indices"):
        order.dynamic_stitch([np.array(0), np.array([1])], [np.ones(2), np.ones((1, 3))])
    with pytest.raises(ValueError, match="at least 1"):
        order.dynamic_partition(data, np.array([0, 1, 0]), 0)


def test_stitch_takes_the_last_of_equal_places():
    out = order.dynamic_stitch([np.array([4, 1], np.int32), np.array(1), np.array([[0, 4]])],
                               [np.array([1, 2], "f"), np.array(3, "f"), np.array([[4, 5]], "f")])
    assert out.tolist() == [4, 3, 0, 0, 5]
