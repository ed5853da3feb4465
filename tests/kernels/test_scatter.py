"""Scatter against NumPy's ufunc.at."""
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from hypothesis.extra import numpy as hnp
from numbaflow.kernels import index, scatter

SHAPES = hnp.array_shapes(min_dims=1, max_dims=4, min_side=1, max_side=4)
quick = settings(max_examples=60, deadline=None, derandomize=True)
AT = {scatter.scatter_add: np.add, scatter.scatter_sub: np.subtract, scatter.scatter_mul: np.multiply,
      scatter.scatter_min: np.minimum, scatter.scatter_max: np.maximum}


def assign(ref, indices, updates):
    for i in np.ndindex(indices.shape):
        ref[indices[i]] = updates[i]


def integers(rng, shape, dtype=np.float32):
    """Small whole numbers: sums and products of them are exact."""
    return rng.integers(-3, 4, shape).astype(dtype)


@pytest.mark.parametrize("launch", [*AT, scatter.scatter_update])
@pytest.mark.parametrize(("shape", "lead"), [((6, 3), (2, 4)), ((5,), ()), ((4, 0), (3,)), ((3, 2), (0,)),
                                             ((500, 40), (5000,)), ((70_000,), (100_000,))])
def test_scatter(launch, shape, lead):
    rng = np.random.default_rng(0)
    ref, updates = integers(rng, shape), integers(rng, lead + shape[1:])
    indices = rng.integers(0, shape[0], lead).astype(np.int32)
    if launch is scatter.scatter_mul:
        updates = np.sign(updates)
    expected = ref.copy()
    if launch is scatter.scatter_update:
        assign(expected, indices, updates)
    else:
        AT[launch].at(expected, indices, updates)
    assert launch(ref, indices, updates) is ref
    np.testing.assert_array_equal(ref, expected)


def test_scatter_changes_nothing_when_an_index_is_bad():
    updates = np.ones((3, 2), np.float32)
    for launch in [*AT, scatter.scatter_update]:
        for bad in (-1, 4):
            ref = np.zeros((4, 2), np.float32)
            with pytest.raises(IndexError, match=rf"index {bad} at position \(2,\) is not in \[0, 4\)"):
                launch(ref, np.array([0, 1, bad]), updates)
            assert not ref.any()
    with pytest.raises(IndexError, match=r"index \(1, 2\) at position \(1,\)"):
        scatter.scatter_nd_add(ref, np.array([[0, 0], [1, 2]]), np.ones(2, np.float32))
    assert not ref.any()


def test_scatter_refuses():
    ref = np.zeros((4, 2), np.float32)
    with pytest.raises(ValueError, match=r"updates have shape \(3,\)"):
        scatter.scatter_add(ref, np.array([0, 1]), np.zeros(3, np.float32))
    with pytest.raises(TypeError, match="float64"):
        scatter.scatter_add(ref, np.array([0, 1]), np.zeros((2, 2)))
    with pytest.raises(TypeError, match="integers"):
        scatter.scatter_add(ref, np.array([0.0, 1.0]), np.zeros((2, 2), np.float32))
    with pytest.raises(ValueError, match="0-d"):
        scatter.scatter_add(np.array(1.0), np.array([0]), np.zeros(1))
    with pytest.raises(ValueError, match="differ in the first 1 axes"):
        scatter.scatter_add_rows(ref, np.zeros((3, 1), int), np.zeros((4, 1), np.float32), 1, 1)
    with pytest.raises(ValueError, match="expected"):
        scatter.scatter_add_rows(ref, np.array([0, 1]), np.zeros((3, 2), np.float32))


def test_scatter_takes_scalars_views_and_itself():
    ref = np.zeros((3, 4), np.float32)
    scatter.scatter_add(ref, np.array([0, 0, 2]), np.float32(2.0) * np.ones((), np.float32))
    assert ref[:, 0].tolist() == [4.0, 0.0, 2.0]
    view = np.zeros((4, 3), np.float32).T
    scatter.scatter_update(view, np.array([2, 0]), np.arange(8, dtype=np.float32).reshape(4, 2).T)
    assert view.tolist() == [[1, 3, 5, 7], [0, 0, 0, 0], [0, 2, 4, 6]]
    ref = np.arange(4, dtype=np.float32)
    scatter.scatter_update(ref, np.array([3, 2, 1, 0]), ref)
    assert ref.tolist() == [3, 2, 1, 0]


def test_min_and_max_let_nan_win():
    for launch in (scatter.scatter_min, scatter.scatter_max):
        ref = np.array([1.0, np.nan, -0.0], np.float32)
        launch(ref, np.array([0, 1, 0]), np.array([np.nan, 2.0, 5.0], np.float32))
        assert np.isnan(ref).tolist() == [True, True, False]


@quick
@given(st.data())
def test_scatter_nd(data):
    shape = data.draw(SHAPES)
    m = data.draw(st.integers(0, len(shape)))
    lead = data.draw(hnp.array_shapes(min_dims=0, max_dims=2, min_side=0, max_side=3))
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    indices = rng.integers(0, np.array(shape[:m], int), (*lead, m))
    updates = integers(rng, lead + shape[m:])
    expected = np.zeros(shape, np.float32)
    for i in np.ndindex(lead):
        expected[tuple(indices[i])] += updates[i]
    np.testing.assert_array_equal(scatter.scatter_nd(indices, updates, shape), expected)
    ref = integers(rng, shape)
    np.testing.assert_array_equal(scatter.scatter_nd_sub(ref.copy(), indices, updates), ref - expected)
    for i in np.ndindex(lead):
        expected[tuple(indices[i])] = updates[i]
    given_to = np.zeros(shape, np.float32)
    scatter.scatter_nd_update(given_to, indices, updates)
    for i in np.ndindex(lead):
        np.testing.assert_array_equal(given_to[tuple(indices[i])], expected[tuple(indices[i])])


@pytest.mark.parametrize(("shape", "axis", "lead", "batch_dims"), [
    ((6, 3), 0, (4,), 0), ((6, 3), 1, (2, 5), 0), ((2, 3, 4), -1, (), 0), ((3, 4, 2), 1, (3, 5), 1),
    ((3, 4, 5, 2), 2, (3, 6), 1), ((0, 3), 1, (2,), 0), ((40, 30, 80), 1, (60,), 0),
    ((900, 200), 1, (900, 90), 1), ((5000, 33), 0, (9000,), 0)])
def test_add_rows_is_the_transpose_of_gather(shape, axis, lead, batch_dims):
    rng = np.random.default_rng(0)
    indices = rng.integers(0, shape[axis], lead)
    x = integers(rng, shape)
    y = index.gather(x, indices, axis, batch_dims)
    g = integers(rng, y.shape)
    dx = scatter.scatter_add_rows(np.zeros_like(x), indices, g, axis, batch_dims)
    assert np.sum(y * g) == np.sum(x * dx)
    if not batch_dims:
        expected = np.zeros_like(x)
        np.add.at(expected, (slice(None),) * (axis % len(shape)) + (indices,), g)
        np.testing.assert_array_equal(dx, expected)


def test_add_rows_is_the_same_for_any_threads():
    rng = np.random.default_rng(0)
    indices, rows = rng.integers(0, 50, 4000), rng.normal(size=(4000, 40)).astype(np.float32)
    expected = np.zeros((50, 40), np.float32)
    arguments = indices, rows.reshape(1, 4000, 40)
    scatter.add_rows.serial(expected.reshape(1, 50, 40), *arguments, 1, 0, 1)
    for parts in (2, 3, 7, 64):
        out = np.zeros((1, 50, 40), np.float32)
        scatter.add_rows(parts, rows.size, out, *arguments, parts)
        np.testing.assert_array_equal(out[0], expected)


@pytest.mark.parametrize(("shape", "axis", "k"), [((3, 4, 5), 0, 6), ((3, 4, 5), 1, 2), ((3, 4, 5), -1, 9),
                                                  ((4,), 0, 3), ((30, 500), 0, 200), ((400, 30), 1, 200),
                                                  ((3, 4), 1, 0)])
def test_put_along_axis_add(shape, axis, k):
    rng = np.random.default_rng(0)
    lead = list(shape)
    lead[axis] = k
    indices, values, out = rng.integers(0, shape[axis], lead), integers(rng, lead), integers(rng, shape)
    expected, places = out.copy(), list(np.indices(lead))
    places[axis] = indices
    np.add.at(expected, tuple(places), values)
    scatter.put_along_axis_add(out, indices, values, axis)
    np.testing.assert_array_equal(out, expected)


def test_put_along_axis_add_refuses():
    out = np.zeros((2, 3))
    with pytest.raises(IndexError, match=r"index 3 at position \(0, 0\)"):
        scatter.put_along_axis_add(out, np.array([[3], [0]]), np.ones((2, 1)), 1)
    with pytest.raises(ValueError, match="different shapes"):
        scatter.put_along_axis_add(out, np.array([[2], [0]]), np.ones((2, 2)), 1)
    assert not out.any()
