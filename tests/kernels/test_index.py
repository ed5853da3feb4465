"""Gather, masks and one_hot against NumPy's indexing."""
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from hypothesis.extra import numpy as hnp
from numbaflow.kernels import index

SHAPES = hnp.array_shapes(min_dims=1, max_dims=4, min_side=1, max_side=4)
DTYPES = [np.bool_, np.int16, np.int32, np.float32, np.float64, np.complex128]
quick = settings(max_examples=60, deadline=None, derandomize=True)


def numbered(shape, dtype=np.float32):
    """Distinct values, so that a wrong pick shows; not contiguous when that is possible."""
    x = np.arange(int(np.prod(shape)), dtype=np.int64).reshape(shape[::-1]).T
    return (x % 2 if dtype == np.bool_ else x).astype(dtype, order="K")


@quick
@given(st.data())
def test_gather(data):
    params = numbered(data.draw(SHAPES), data.draw(st.sampled_from(DTYPES)))
    axis = data.draw(st.integers(-params.ndim, params.ndim - 1))
    kind = data.draw(st.sampled_from([np.int32, np.int64, np.uint8]))
    indices = data.draw(hnp.arrays(kind, hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3),
                                   elements=st.integers(0, params.shape[axis] - 1)))
    out = index.gather(params, indices, axis)
    assert out.dtype == params.dtype
    np.testing.assert_array_equal(out, np.take(params, indices, axis), strict=True)


@quick
@given(st.data())
def test_gather_with_batch_dims(data):
    shape = data.draw(SHAPES.filter(lambda s: len(s) > 1))
    batch_dims = data.draw(st.integers(1, len(shape) - 1))
    axis = data.draw(st.integers(batch_dims, len(shape) - 1))
    inner = data.draw(hnp.array_shapes(min_dims=0, max_dims=2, max_side=3))
    params = numbered(shape)
    indices = data.draw(hnp.arrays(np.int64, shape[:batch_dims] + inner,
                                   elements=st.integers(0, shape[axis] - 1)))
    out = index.gather(params, indices, axis, batch_dims)
    expected = np.empty_like(out)
    for b in np.ndindex(shape[:batch_dims]):
        expected[b] = np.take(params[b], indices[b], axis - batch_dims)
    np.testing.assert_array_equal(out, expected)


@pytest.mark.parametrize("contiguous", [True, False])
def test_gather_large_enough_for_threads(contiguous):
    params = np.random.default_rng(0).normal(size=(300, 90, 5)).astype(np.float32)
    params = params if contiguous else params.transpose(2, 0, 1).copy().transpose(1, 2, 0)
    indices = np.random.default_rng(1).integers(0, 90, 77)
    np.testing.assert_array_equal(index.gather(params, indices, 1), params[:, indices])
    np.testing.assert_array_equal(index.gather(params, indices), params[indices])


@pytest.mark.parametrize("size", [3, 100_000])
@pytest.mark.parametrize("bad", [-1, 5, 2**40, -2**40])
def test_gather_names_the_bad_index(bad, size):
    indices = np.zeros((size, 2), np.int64)
    indices[2, 1] = bad
    indices[2:, 0] = 4
    for params in (np.zeros((5, 3), np.float32), np.zeros((9, 5, 2), np.float32)[4, ::-1]):
        with pytest.raises(ValueError, match=rf"index {bad} at position \(2, 1\) is not in \[0, 5\)"):
            index.gather(params, indices)
    with pytest.raises(IndexError, match=rf"index {bad} at position \(2, 1\)"):
        index.gather(np.zeros((size, 5)), indices, 1, 1)


def test_gather_of_what_is_read_only():
    params = np.frombuffer(np.arange(6, dtype=np.float32).tobytes(), np.float32)
    indices = np.broadcast_to(np.array([[4]]), (2, 3))
    assert index.gather(params, indices).tolist() == [[4.0] * 3] * 2


def test_gather_of_nothing():
    assert index.gather(np.zeros((3, 0), np.float32), np.array([2, 2, 1])).shape == (3, 0)
    assert index.gather(np.zeros((3, 2), np.float32), np.zeros((0, 4), np.int32)).shape == (0, 4, 2)
    with pytest.raises(IndexError, match=r"index 0 at position \(\) is not in \[0, 0\)"):
        index.gather(np.zeros((0, 2)), np.array(0))
    with pytest.raises(IndexError, match="index 3"):
        index.gather(np.zeros((3, 0)), np.array([0, 3]))


def test_gather_refuses():
    with pytest.raises(TypeError, match="must be integers, got float64"):
        index.gather(np.zeros(3), np.zeros(2))
    with pytest.raises(ValueError, match="axis 2"):
        index.gather(np.zeros((3, 3)), np.array([0]), 2)
    with pytest.raises(ValueError, match="batch_dims 1"):
        index.gather(np.zeros((3, 3)), np.array([0]), 0, 1)
    with pytest.raises(ValueError, match="differ in the first 1 axes"):
        index.gather(np.zeros((3, 3)), np.array([[0]]), 1, 1)


@quick
@given(st.data())
def test_gather_nd(data):
    shape = data.draw(SHAPES)
    params = numbered(shape, data.draw(st.sampled_from(DTYPES)))
    batch_dims = data.draw(st.integers(0, min(2, len(shape))))
    m = data.draw(st.integers(0, len(shape) - batch_dims))
    lead = shape[:batch_dims] + data.draw(hnp.array_shapes(min_dims=0, max_dims=2, min_side=0, max_side=3))
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    indices = rng.integers(0, np.array(shape[batch_dims:batch_dims + m], int), (*lead, m)).astype(np.int32)
    out = index.gather_nd(params, indices, batch_dims)
    expected = np.empty(lead + shape[batch_dims + m:], params.dtype)
    for i in np.ndindex(lead):
        expected[i] = params[i[:batch_dims]][tuple(indices[i])]
    np.testing.assert_array_equal(out, expected, strict=True)


def test_gather_nd_names_the_bad_index():
    params = np.zeros((2, 3, 4))
    with pytest.raises(IndexError, match=r"index \(0, 3\) at position \(1,\) does not index into shape"):
        index.gather_nd(params, np.array([[1, 2], [0, 3]]))
    with pytest.raises(IndexError, match=r"index \(-1,\) at position \(\) "):
        index.gather_nd(params, np.array([-1]))
    with pytest.raises(ValueError, match="hold 4 coordinates"):
        index.gather_nd(params, np.array([0, 0, 0, 0]))
    with pytest.raises(ValueError, match="0-d"):
        index.gather_nd(params, np.array(0))
    with pytest.raises(ValueError, match="batch_dims 1"):
        index.gather_nd(params, np.zeros((3, 1), int), 1)


@pytest.mark.parametrize("dtype", DTYPES)
def test_take_along_axis(dtype):
    rng = np.random.default_rng(0)
    x = numbered((3, 4, 5), dtype)
    for axis in (0, 1, 2, -1, -3):
        shape = list(x.shape)
        shape[axis] = 7
        indices = rng.integers(0, x.shape[axis], shape).astype(np.int32)
        np.testing.assert_array_equal(index.take_along_axis(x, indices, axis),
                                      np.take_along_axis(x, indices, axis), strict=True)


def test_take_along_axis_large_and_bad():
    x = np.random.default_rng(0).normal(size=(400, 300)).astype(np.float32)
    order = np.argsort(x, -1)
    np.testing.assert_array_equal(index.take_along_axis(x, order, -1), np.sort(x, -1))
    order[1, 2] = 300
    with pytest.raises(IndexError, match=r"index 300 at position \(1, 2\)"):
        index.take_along_axis(x, order, 1)
    with pytest.raises(ValueError, match="must agree but for axis 1"):
        index.take_along_axis(x, order[:3], 1)
    assert index.take_along_axis(x, order[:, :0], 1).shape == (400, 0)


@pytest.mark.parametrize("dtype", [np.bool_, np.int16, np.float32, np.complex128])
def test_one_hot(dtype):
    indices = np.array([[0, 2, -1], [3, 1, 2**40]])
    hot = (indices[..., None] == np.arange(3))
    for axis in (-1, 0, 1, 2):
        out = index.one_hot(indices, 3, 1, 0, axis, dtype)
        np.testing.assert_array_equal(out, np.moveaxis(hot, -1, axis).astype(dtype), strict=True)
    assert index.one_hot(np.array(1, np.uint8), 3, True, False, -1, dtype).tolist() == [0, 1, 0]
    assert index.one_hot(indices, 0, dtype=dtype).shape == (2, 3, 0)
    with pytest.raises(ValueError, match="depth"):
        index.one_hot(indices, -1)


def test_one_hot_values():
    out = index.one_hot(np.array([1, 9], np.int32), 2, 5.5, -0.5)
    assert out.tolist() == [[-0.5, 5.5], [-0.5, -0.5]]


def test_boolean_mask():
    rng = np.random.default_rng(0)
    x = numbered((3, 4, 5, 2))
    for axis, covered in [(0, 1), (0, 2), (1, 1), (1, 2), (2, 2), (-1, 1), (0, 4)]:
        start = axis % 4
        mask = rng.random(x.shape[start:start + covered]) < 0.5
        expected = x[(slice(None),) * start + (mask,)]
        np.testing.assert_array_equal(index.boolean_mask(x, mask, axis), expected)
    assert index.boolean_mask(x, np.zeros(3, bool)).shape == (0, 4, 5, 2)
    with pytest.raises(ValueError, match="does not match"):
        index.boolean_mask(x, np.zeros(4, bool))
    with pytest.raises(ValueError, match="does not match"):
        index.boolean_mask(x, np.array(True))
    with pytest.raises(TypeError, match="must be bool"):
        index.boolean_mask(x, np.zeros(3))


def test_where_indices():
    rng = np.random.default_rng(0)
    for shape in [(), (7,), (3, 4), (2, 0, 3), (4, 3, 5)]:
        for cond in (rng.random(shape) < 0.5, np.ones(shape), np.zeros(shape, np.int32)):
            out = index.where_indices(np.asarray(cond))
            assert out.dtype == np.int64
            np.testing.assert_array_equal(out, np.argwhere(cond))
    transposed = (rng.random((3, 4)) < 0.5).T
    np.testing.assert_array_equal(index.where_indices(transposed), np.argwhere(transposed))
