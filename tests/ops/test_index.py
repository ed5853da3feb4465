"""Gather, scatter and masks beyond the enumeration: IndexedSlices, random indices against NumPy, errors."""
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from hypothesis.extra import numpy as hnp

import numbaflow as nf
from numbaflow.core.indexed_slices import IndexedSlices
from numbaflow.core.variable import Variable
from numbaflow.ops import index
from numbaflow.testing import check_gradients

few = settings(max_examples=40, deadline=None)
shapes = hnp.array_shapes(min_dims=1, max_dims=3, max_side=4)


def array(dims, seed=0):
    return np.random.default_rng(seed).standard_normal(dims)


def gradient(f, x):
    return nf.gradients_function(f)(x)[0].numpy()


# ---- against NumPy
@few
@given(shapes, hnp.array_shapes(min_dims=0, max_dims=2, min_side=0, max_side=3), st.data())
def test_gather(dims, picked, data):
    axis = data.draw(st.integers(-len(dims), len(dims) - 1))
    indices = data.draw(hnp.arrays(data.draw(st.sampled_from([np.int32, np.int64, np.uint8])), picked,
                                   elements=st.integers(0, dims[axis] - 1)))
    x = array(dims)
    y = np.take(x, indices, axis)
    np.testing.assert_array_equal(index.gather(x, indices, axis=axis), y)
    weights = array(y.shape, 1)
    expected = np.zeros(dims)
    np.add.at(expected, (slice(None),) * (axis % len(dims)) + (indices.astype(int),), weights)
    np.testing.assert_allclose(gradient(lambda x: index.gather(x, indices, axis=axis) * weights, x), expected)


@few
@given(hnp.array_shapes(min_dims=1, max_dims=3, max_side=3), st.integers(0, 4), st.data())
def test_gather_nd_and_scatter_nd_are_adjoint(dims, count, data):
    m = data.draw(st.integers(1, len(dims)))
    columns = [data.draw(hnp.arrays(np.int64, count, elements=st.integers(0, n - 1))) for n in dims[:m]]
    indices = np.stack(columns, -1)
    x = array(dims)
    y = index.gather_nd(x, indices)
    np.testing.assert_array_equal(y, x[tuple(indices.T)])
    updates = array(y.shape, 1)
    expected = np.zeros(dims)
    np.add.at(expected, tuple(indices.T), updates)
    np.testing.assert_allclose(index.scatter_nd(indices, updates, dims), expected)
    np.testing.assert_allclose(gradient(lambda x: index.gather_nd(x, indices) * updates, x), expected)


@few
@given(shapes, st.data())
def test_boolean_mask(dims, data):
    axis = data.draw(st.integers(0, len(dims) - 1))
    covered = dims[axis:data.draw(st.integers(axis + 1, len(dims)))]
    mask = data.draw(hnp.arrays(bool, covered))
    x = array(dims)
    key = (slice(None),) * axis + (mask,)
    np.testing.assert_array_equal(index.boolean_mask(x, mask, axis=axis), x[key])
    expected = np.zeros(dims)
    expected[key] = 1.0
    np.testing.assert_array_equal(gradient(lambda x: index.boolean_mask(x, mask, axis=axis), x), expected)


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_take_along_axis(axis):
    x = array((3, 4, 2))
    places = np.argsort(x, axis)
    np.testing.assert_array_equal(index.take_along_axis(x, places, axis), np.sort(x, axis))


def test_batch_gather():
    x, places = array((2, 3, 4)), np.array([[2, 0], [1, 1]])
    expected = np.stack([x[b][places[b]] for b in range(2)])
    np.testing.assert_array_equal(index.batch_gather(x, places), expected)
    with pytest.raises(ValueError, match="batch_gather: indices must have at least one axis"):
        index.batch_gather(x, 1)


def test_one_hot():
    assert index.one_hot([0, 1], 2).dtype == nf.float32
    assert index.one_hot([0, 1], 2, dtype=nf.int64).dtype == nf.int64
    assert index.one_hot([0, 1], 2, on_value=5).dtype == nf.int32
    assert index.one_hot([0, 1], 2, off_value=np.float64(-1)).numpy().tolist() == [[1.0, -1.0], [-1.0, 1.0]]
    assert index.one_hot([0, 1], 2, on_value=True, off_value=False).dtype.name == "bool"
    assert index.one_hot([[0]], 3, axis=0).shape == (3, 1, 1)
    assert index.one_hot(np.array([7, -1]), 2).numpy().tolist() == [[0.0, 0.0], [0.0, 0.0]]


# ---- IndexedSlices
def gradient_of_variable(f, v):
    with nf.GradientTape() as tape:
        y = f(v)
    return tape.gradient(y, v)


def test_rows_of_a_variable_have_a_gradient_of_rows():
    v = Variable(array((1000, 2)))
    g = gradient_of_variable(lambda v: index.gather(v, [[3, 5], [3, 7]]) * 2.0, v)
    assert type(g) is IndexedSlices
    assert g.dense_shape == (1000, 2)
    assert g.indices.numpy().tolist() == [3, 5, 3, 7]
    assert g.values.shape == (4, 2)
    dense = np.zeros((1000, 2))
    np.add.at(dense, [3, 5, 3, 7], 2.0)
    np.testing.assert_array_equal(g.to_dense(), dense)


def test_rows_gathered_twice_are_joined():
    v = Variable(array((9, 2)))
    g = gradient_of_variable(lambda v: [index.gather(v, [1, 2]), index.gather(v, 2) * 3.0], v)
    assert type(g) is IndexedSlices
    assert sorted(g.indices.numpy().tolist()) == [1, 2, 2]
    assert g.to_dense().numpy()[:4, 0].tolist() == [0.0, 1.0, 4.0, 0.0]


def test_rows_and_a_dense_use_add_up_to_a_tensor():
    v = Variable(array((4, 2)))
    g = gradient_of_variable(lambda v: [index.gather(v, [1]), v * 2.0], v)
    assert type(g) is nf.Tensor
    assert g.numpy()[:, 0].tolist() == [2.0, 3.0, 2.0, 2.0]


def test_embedding_lookup_costs_its_rows():
    table = Variable(np.zeros((100_000, 8), np.float32))
    for given_ in (table, [table]):
        g = gradient_of_variable(lambda _, t=given_: index.embedding_lookup(t, [[5, 9]]), table)
        assert type(g) is IndexedSlices
        assert g.values.shape == (2, 8)
    with pytest.raises(ValueError, match="embedding_lookup: expected one table, got 2 parts"):
        index.embedding_lookup([table, table], [0])


def test_embedding_lookup_scales_long_rows_down():
    rows = index.embedding_lookup([[3.0, 4.0], [0.3, 0.4]], [0, 1], max_norm=1.0)
    np.testing.assert_allclose(rows, [[0.6, 0.8], [0.3, 0.4]], rtol=1e-6)


def test_other_axes_have_a_dense_gradient():
    v = Variable(array((3, 4)))
    assert type(gradient_of_variable(lambda v: index.gather(v, [1, 1], axis=1), v)) is nf.Tensor
    one_a_row = gradient_of_variable(lambda v: index.gather(v, [[1], [2], [0]], batch_dims=1), v)
    assert type(one_a_row) is nf.Tensor


def test_a_tensor_has_a_dense_gradient_of_order_2():
    f = lambda x: index.gather(x, [0, 2, 0]) ** 2.0       # noqa: E731
    assert gradient(f, array((3, 2))).shape == (3, 2)
    check_gradients(f, [array((3, 2))])
    check_gradients(lambda x: index.gather(x * x, [[0, 2], [1, 0]]) ** 2.0, [array(3)])
    check_gradients(lambda x: index.gather(x, 1) ** 2.0, [array((3, 2))])


def test_second_order_of_a_variable():
    v = Variable(array((4, 2)))
    with nf.GradientTape() as outer:
        with nf.GradientTape() as inner:
            y = index.gather(v, [1, 1, 3]) ** 3.0
        g = inner.gradient(y, v)
        z = g.values * 1.0
    found = outer.gradient(z, v)
    dense = np.zeros((4, 2))
    np.add.at(dense, [1, 1, 3], 6.0 * v.numpy()[[1, 1, 3]])
    np.testing.assert_allclose(found.to_dense() if type(found) is IndexedSlices else found, dense)


# ---- errors
@pytest.mark.parametrize(("call", "kind", "words"), [
    (lambda x: index.gather(x, [0, 3]), IndexError, r"gather: index 3 at position \(1,\) is not in \[0, 3\)"),
    (lambda x: index.gather(x, -1), IndexError, "gather: index -1"),
    (lambda x: index.gather(x, [0.5]), TypeError, "gather: indices must be integers, got float32"),
    (lambda x: index.gather(x, [0], axis=2), ValueError, "gather: axis 2"),
    (lambda x: index.gather(x, [[0]], batch_dims=1), ValueError, "gather: params"),
    (lambda x: index.gather(x[0, 0], 0), ValueError, "gather: axis 0"),
    (lambda x: index.gather_nd(x, [[0, 2]]), IndexError, r"gather_nd: index \(0, 2\)"),
    (lambda x: index.gather_nd(x, [[0, 0, 0]]), ValueError, "gather_nd: indices"),
    (lambda x: index.scatter_nd([[3]], [1.0], [3]), IndexError, "scatter_nd: index"),
    (lambda x: index.tensor_scatter_update(x, [[0]], [1.0]), ValueError, "tensor_scatter_update: updates"),
    (lambda x: index.take_along_axis(x, [[0]], 0), ValueError, "take_along_axis: indices"),
    (lambda x: index.boolean_mask(x, [True, False]), ValueError, r"a bool mask of shape \(2,\)"),
    (lambda x: index.boolean_mask(x, [1, 0, 1]), ValueError, "boolean_mask: a int32 mask"),
    (lambda x: index.boolean_mask(x, True), ValueError, "boolean_mask: a bool mask"),
    (lambda x: index.boolean_mask(x, [True, False], axis=2), ValueError, "boolean_mask: axis 2"),
    (lambda x: index.one_hot([0], -1), ValueError, "one_hot: depth"),
])
def test_errors(call, kind, words):
    with pytest.raises(kind, match=words):
        call(nf.constant(array((3, 2))))
