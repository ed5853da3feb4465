"""t[key] against NumPy on random keys, its gradient, and what is no key."""
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from hypothesis.extra import numpy as hnp

import numbaflow as nf
from numbaflow.core.variable import Variable
from numbaflow.ops import slicing

few = settings(max_examples=150, deadline=None)
shapes = hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4)


@st.composite
def shape_and_key(draw):
    dims = draw(shapes)
    return dims, draw(hnp.basic_indices(dims, allow_newaxis=True, allow_ellipsis=True))


def array(dims, seed=0):
    return np.random.default_rng(seed).standard_normal(dims)


@few
@given(shape_and_key())
def test_getitem_is_numpys(drawn):
    dims, key = drawn
    x = array(dims)
    t = nf.constant(x)
    y = t[key]
    np.testing.assert_array_equal(y, x[key])
    weights = array(x[key].shape, 1)
    expected = np.zeros(dims)
    expected[key] = weights
    found = nf.gradients_function(lambda t: t[key] * weights)(t)[0]
    assert found.shape == dims
    np.testing.assert_array_equal(found, expected)


@few
@given(shapes.filter(lambda s: len(s) and 0 not in s), st.data())
def test_slices_that_meet_add_up(dims, data):
    keys = data.draw(st.lists(hnp.basic_indices(dims, allow_newaxis=True), min_size=2, max_size=4))
    x = array(dims)
    expected = np.zeros(dims)
    for k, key in enumerate(keys):
        expected[key] += k + 1.0
    found = nf.gradients_function(lambda t: [t[key] * (k + 1.0) for k, key in enumerate(keys)])(x)[0]
    np.testing.assert_array_equal(found, expected)


def test_tensors_variables_and_numpy_integers_are_indices():
    x = nf.constant([[1, 2, 3], [4, 5, 6]])
    one = nf.constant(1)
    assert x[one].numpy().tolist() == [4, 5, 6]
    assert x[np.int64(1), nf.constant(-1, nf.int64)].numpy() == 6
    assert x[:, one:].numpy().tolist() == [[2, 3], [5, 6]]
    assert x[Variable(1), ::np.int32(2)].numpy().tolist() == [4, 6]
    assert x[np.array(1)].numpy().tolist() == [4, 5, 6]
    assert x[..., slicing.newaxis].shape == (2, 3, 1)
    assert nf.gradients_function(lambda x: x[one] * 2.0)([1.0, 2.0])[0].numpy().tolist() == [0.0, 2.0]


@pytest.mark.parametrize("key", [True, [0, 1], np.array([0, 1]), np.array([True, False]), "a", 1.5, (0, [1]),
                                 np.float32(1), b"x", {}, (0, None, False)])
def test_anything_else_is_no_key(key):
    words = (r"Only integers, slices \(`:`\), ellipsis \(`...`\), tf.newaxis \(`None`\) and scalar "
             "tf.int32/tf.int64 tensors are valid indices, got")
    with pytest.raises(TypeError, match=words):
        nf.constant([[1, 2], [3, 4]])[key]


@pytest.mark.parametrize("key", [nf.constant([0]), nf.constant(1.0), (nf.constant(True), 0)])
def test_tensors_that_are_no_index(key):
    with pytest.raises(TypeError, match="valid indices, got"):
        nf.constant([[1, 2], [3, 4]])[key]


@pytest.mark.parametrize("key", [slice(1.5), slice("a", None), slice(None, nf.constant(1.0))])
def test_bounds_that_are_no_integers(key):
    with pytest.raises(TypeError, match="integer"):
        nf.constant([1, 2])[key]


def test_out_of_range():
    x = nf.constant([[1, 2], [3, 4]])
    for key in (2, -3, (0, 2), (0, 0, 0)):
        with pytest.raises(IndexError, match="getitem: "):
            x[key]
    with pytest.raises(nf.errors.InvalidArgumentError if hasattr(nf, "errors") else ValueError):
        x[::0]


def test_no_item_assignment():
    with pytest.raises(TypeError):
        nf.constant([1, 2])[0] = 3


# ---- gradients
def test_a_loop_over_rows_makes_one_dense_gradient(monkeypatch):
    made = []
    zeros = np.zeros
    monkeypatch.setattr(slicing.np, "zeros", lambda *a, **k: made.append(a) or zeros(*a, **k))
    x = array((50, 3))
    found = nf.gradients_function(lambda t: sum(t[i] * (i + 1.0) for i in range(50)))(x)[0]
    np.testing.assert_array_equal(found, np.repeat(np.arange(1.0, 51.0)[:, None], 3, 1))
    assert len([a for a in made if a[0] == (50, 3)]) == 1


def test_slices_and_whole_uses_add_up():
    x = nf.constant([1.0, 2.0, 3.0])
    found = nf.gradients_function(lambda x: [x[0] * 5.0, x * 2.0, x[1:] * 3.0, x[0] * 7.0])(x)[0]
    assert found.numpy().tolist() == [14.0, 5.0, 5.0]


def test_the_gradient_of_a_variable_is_dense_and_the_same_each_time():
    v = Variable([1.0, 2.0, 3.0])
    with nf.GradientTape(persistent=True) as tape:
        y = v[1:] * v[:-1] + v[0]
    for _ in range(2):
        first, again = tape.gradient(y, [v, v])
        assert type(first) is nf.Tensor
        assert first.numpy().tolist() == again.numpy().tolist() == [4.0, 4.0, 2.0]


def test_second_order_through_shared_slices():
    h = nf.hessian(lambda x: x[0] * x[0] * x[1] + nf.reduce_sum(x[1:] * x[:-1]))(nf.constant([3.0, 2.0, 1.0]))
    assert h.numpy().tolist() == [[4.0, 7.0, 0.0], [7.0, 0.0, 1.0], [0.0, 1.0, 0.0]]


def test_gradient_of_an_intermediate_slice_source():
    x = nf.constant([1.0, 2.0])
    with nf.GradientTape() as tape:
        tape.watch(x)
        y = x * x
        z = y[0] * y[1]
    dx, dy = tape.gradient(z, [x, y])
    assert dx.numpy().tolist() == [8.0, 4.0]
    assert dy.numpy().tolist() == [4.0, 1.0]


def test_iteration_is_differentiable():
    found = nf.gradients_function(lambda x: sum(k * r for k, r in enumerate(x)))([1.0, 2.0, 3.0])[0]
    assert found.numpy().tolist() == [0.0, 1.0, 2.0]


# ---- begins and ends
def test_slice():
    x = array((3, 4))
    np.testing.assert_array_equal(slicing.slice(x, [1, 0], [2, -1]), x[1:])
    np.testing.assert_array_equal(slicing.slice(x, nf.constant([0, 2]), nf.constant([1, 2])), x[:1, 2:])
    for begin, size in (([0, 0], [4, 1]), ([4, 0], [-1, 1]), ([-1, 0], [1, 1]), ([0], [1])):
        with pytest.raises(ValueError, match="slice: "):
            slicing.slice(x, begin, size)


def test_strided_slice():
    x = array((3, 4, 5))
    np.testing.assert_array_equal(slicing.strided_slice(x, [0, 1], [3, 4], [2, 2]), x[0:3:2, 1:4:2])
    np.testing.assert_array_equal(slicing.strided_slice(x, [-1], [-4], [-1]), x[-1:-4:-1])
    opened = slicing.strided_slice(x, [1, 1], [2, 3], begin_mask=1, end_mask=2)
    np.testing.assert_array_equal(opened, x[:2, 1:])
    masked = slicing.strided_slice(x, [1, 0, 0, 2], [2, 0, 0, 3], ellipsis_mask=2, new_axis_mask=4,
                                   shrink_axis_mask=9)
    np.testing.assert_array_equal(masked, x[1, ..., None, 2])
    with pytest.raises(ValueError, match="strided_slice: strides"):
        slicing.strided_slice(x, [0], [1], [0])
    with pytest.raises(ValueError, match="differ in length"):
        slicing.strided_slice(x, [0], [1, 2])


def test_gradients_through_slices_alone_are_tensors():
    """Slices on their way never reach the user, for tensors and variables."""
    f = lambda x: x[0] * x[0] * x[1]                # noqa: E731
    x = nf.constant([3.0, 2.0])
    for found in (nf.gradients_function(f)(x)[0], nf.value_and_gradients_function(f)(x)[1][0]):
        assert type(found) is nf.Tensor
        np.testing.assert_array_equal(found.numpy(), [12.0, 9.0])
    v = nf.Variable([3.0, 2.0])
    with nf.GradientTape() as tape:
        tape.watch(x)
        y = f(x) + f(v)
    for found in tape.gradient(y, [x, v]):
        assert type(found) is nf.Tensor
        np.testing.assert_array_equal(found.numpy(), [12.0, 9.0])
    np.testing.assert_array_equal(nf.hessian(f)(x).numpy(), [[4.0, 6.0], [6.0, 0.0]])
