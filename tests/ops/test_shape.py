"""Shape ops beyond the enumeration: views, errors, dtypes, and random shapes against NumPy."""
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from hypothesis.extra import numpy as hnp

import numbaflow as nf
from numbaflow.ops import creation, joining, rearranging, shape
from numbaflow.testing import check_gradients

few = settings(max_examples=40, deadline=None)
shapes = hnp.array_shapes(min_dims=1, max_dims=4, max_side=4)


def array(dims, seed=0):
    return np.random.default_rng(seed).standard_normal(dims)


def gradient(f, x, *rest):
    return nf.gradients_function(f, params=[0])(x, *rest)[0].numpy()


# ---- against NumPy
@few
@given(shapes, st.data())
def test_transpose(dims, data):
    perm = data.draw(st.permutations(range(len(dims))))
    x = array(dims)
    np.testing.assert_array_equal(shape.transpose(x, perm), x.transpose(perm))
    weights = array(x.transpose(perm).shape, 1)
    back = gradient(lambda x: shape.transpose(x, perm) * weights, x)
    np.testing.assert_array_equal(back, weights.transpose(np.argsort(perm)))


@few
@given(shapes, st.data())
def test_concat_and_split_are_inverse(dims, data):
    axis = data.draw(st.integers(-len(dims), len(dims) - 1))
    extents = data.draw(st.lists(st.integers(0, 3), min_size=1, max_size=4))
    parts = [array([*dims[:axis % len(dims)], n, *dims[axis % len(dims) + 1:]], n) for n in extents]
    whole = joining.concat(parts, axis)
    np.testing.assert_array_equal(whole, np.concatenate(parts, axis))
    for part, again in zip(parts, joining.split(whole, extents, axis), strict=True):
        np.testing.assert_array_equal(again, part)


@few
@given(shapes, st.data())
def test_stack_and_unstack_are_inverse(dims, data):
    axis = data.draw(st.integers(-len(dims) - 1, len(dims)))
    parts = [array(dims, k) for k in range(data.draw(st.integers(1, 4)))]
    whole = joining.stack(parts, axis)
    np.testing.assert_array_equal(whole, np.stack(parts, axis))
    for part, again in zip(parts, joining.unstack(whole, axis=axis), strict=True):
        np.testing.assert_array_equal(again, part)


@few
@given(shapes, st.data())
def test_pad(dims, data):
    mode = data.draw(st.sampled_from(["CONSTANT", "REFLECT", "SYMMETRIC"]))
    most = {"CONSTANT": lambda n: 3, "REFLECT": lambda n: n - 1, "SYMMETRIC": lambda n: n}[mode]
    paddings = [data.draw(st.tuples(*[st.integers(0, most(n))] * 2)) for n in dims]
    x = array(dims)
    y = np.pad(x, paddings, mode.lower())
    np.testing.assert_array_equal(rearranging.pad(x, paddings, mode), y)
    weights = array(y.shape, 1)
    places = np.pad(np.arange(x.size).reshape(dims), paddings, mode.lower(),
                    **{"constant_values": x.size} if mode == "CONSTANT" else {})
    expected = np.bincount(places.ravel(), weights.ravel(), x.size + 1)[:x.size].reshape(dims)
    np.testing.assert_allclose(gradient(lambda x: rearranging.pad(x, paddings, mode) * weights, x), expected)


@few
@given(shapes, st.data())
def test_tile_reverse_and_roll(dims, data):
    x, axes = array(dims), st.integers(0, len(dims) - 1)
    times = data.draw(st.tuples(*[st.integers(0, 3)] * len(dims)))
    np.testing.assert_array_equal(joining.tile(x, times), np.tile(x, times))
    turned = data.draw(st.lists(axes, unique=True))
    np.testing.assert_array_equal(rearranging.reverse(x, turned), np.flip(x, turned))
    along = data.draw(st.lists(axes, min_size=1))
    shift = data.draw(st.lists(st.integers(-9, 9), min_size=len(along), max_size=len(along)))
    np.testing.assert_array_equal(rearranging.roll(x, shift, along), np.roll(x, shift, along))


@few
@given(hnp.mutually_broadcastable_shapes(num_shapes=1, base_shape=(2, 3, 4)))
def test_broadcast_to_and_sum_to_are_adjoint(found):
    small = found.input_shapes[0]
    whole = found.result_shape
    x, y = array(small), array(whole, 1)
    np.testing.assert_array_equal(shape.broadcast_to(x, whole), np.broadcast_to(x, whole))
    np.testing.assert_allclose(np.vdot(shape.broadcast_to(x, whole), y), np.vdot(x, shape.sum_to(y, small)))


@pytest.mark.parametrize("data_format", ["NHWC", "NCHW"])
def test_space_to_depth(data_format):
    x = array((2, 4, 6, 3))
    given_ = x if data_format == "NHWC" else x.transpose(0, 3, 1, 2)
    y = rearranging.space_to_depth(given_, 2, data_format=data_format).numpy()
    y = y if data_format == "NHWC" else y.transpose(0, 2, 3, 1)
    for i in range(2):
        for j in range(2):
            np.testing.assert_array_equal(y[..., 3 * (2 * i + j):][..., :3], x[:, i::2, j::2])
    back = rearranging.depth_to_space(rearranging.space_to_depth(given_, 2, data_format=data_format), 2,
                                      data_format=data_format)
    np.testing.assert_array_equal(back, given_)


# ---- arguments as users give them
def test_shapes_and_axes_may_be_tensors():
    x = nf.constant(array((2, 6)))
    assert shape.reshape(x, nf.constant([3, 4])).shape == (3, 4)
    assert shape.reshape(x, (nf.constant(3), -1)).shape == (3, 4)
    assert shape.reshape(x, [nf.constant(3), 4]).shape == (3, 4)
    assert shape.reshape(x, shape.shape(x)).shape == (2, 6)
    assert shape.transpose(x, nf.constant([1, 0])).shape == (6, 2)
    assert shape.expand_dims(x, nf.constant(-1)).shape == (2, 6, 1)
    assert joining.concat([x, x], nf.constant(0)).shape == (4, 6)
    assert joining.tile(x, nf.constant([2, 1])).shape == (4, 6)
    assert [p.shape for p in joining.split(x, nf.constant(2), 1)] == [(2, 3)] * 2
    assert creation.zeros(shape.shape(x)).shape == (2, 6)
    assert creation.fill(nf.constant([2]), 1.0).shape == (2,)
    assert rearranging.roll(x, nf.constant(1), nf.constant(0)).shape == (2, 6)
    for f in (lambda x: shape.reshape(x, nf.constant([-1])),
              lambda x: shape.transpose(x, nf.constant([1, 0])),
              lambda x: joining.tile(x, nf.constant([2, 1])),
              lambda x: rearranging.roll(x, nf.constant(1), 0)):
        assert gradient(f, x).shape == (2, 6)


def test_python_numbers_in_a_list_take_the_dtype_of_its_tensors():
    y = joining.stack([nf.constant(1.0, nf.float64), 2, 3.5])
    assert y.dtype == nf.float64
    assert y.numpy().tolist() == [1.0, 2.0, 3.5]
    assert joining.concat([np.ones(2, np.float32), np.ones(1)], 0).dtype == nf.float64


def test_lists_are_given_as_lists():
    parts = joining.split(nf.constant([1.0, 2.0]), 2)
    assert type(parts) is list
    assert type(joining.unstack(nf.constant([1.0, 2.0]))) is list
    assert parts[0].shape == (1,)


def test_parts_that_are_not_used_get_zeros():
    x = nf.constant([1.0, 2.0, 3.0])
    assert gradient(lambda x: joining.split(x, [1, 2])[1] * 2.0, x).tolist() == [0.0, 2.0, 2.0]
    assert gradient(lambda x: joining.unstack(x)[0], x).tolist() == [1.0, 0.0, 0.0]


# ---- what costs nothing
def test_views_share_memory():
    x = nf.constant(array((4, 6)))
    for y in (shape.identity(x), shape.reshape(x, (3, 8)), shape.transpose(x), shape.expand_dims(x, 0),
              shape.broadcast_to(x, (5, 4, 6)), *joining.split(x, 2), *joining.unstack(x), x[1:, ::2],
              rearranging.reverse(x, [0])):
        assert np.shares_memory(y._data, x._data)


def test_what_a_user_gets_is_no_view():
    x = nf.constant(array((2, 3)))
    shape.transpose(x).numpy()[0, 0] = 9.0
    shape.broadcast_to(x, (2, 2, 3)).numpy()[0] = 9.0
    assert not (x.numpy() == 9.0).any()


# ---- creation
def test_creation_dtypes_and_values():
    assert creation.zeros([2]).dtype == nf.float32
    assert creation.ones([2], nf.int64).dtype == nf.int64
    assert creation.zeros([2], "bool").numpy().tolist() == [False, False]
    assert creation.zeros_like(np.ones(2, np.int8)).dtype == nf.int8
    assert creation.ones_like(np.ones(2, np.int8), dtype=nf.float64).dtype == nf.float64
    assert creation.zeros([]).shape == ()
    assert creation.range(5).dtype == nf.int32
    assert creation.range(5.0).dtype == nf.float32
    assert creation.range(0, nf.constant(2, nf.int64)).dtype == nf.int64
    assert creation.range(3, dtype=nf.float64).dtype == nf.float64
    assert creation.range(3, 0).shape == (0,)
    assert creation.range(1, 10, 4).numpy().tolist() == [1, 5, 9]
    assert creation.range(2**62, 2**62 + 2).numpy().tolist() == [2**62, 2**62 + 1]
    assert creation.linspace(0.0, 10.0, 3).dtype == nf.float32
    assert creation.linspace(np.float64(1), np.float64(2), 1).numpy().tolist() == [1.0]
    assert creation.eye(2, batch_shape=[3, 1]).shape == (3, 1, 2, 2)
    assert creation.eye(2, 3, dtype=nf.int32).numpy().tolist() == [[1, 0, 0], [0, 1, 0]]
    assert creation.sequence_mask(np.zeros(0, int), dtype=nf.float32).shape == (0, 0)


@pytest.mark.parametrize("indexing", ["xy", "ij"])
@pytest.mark.parametrize("count", [1, 2, 3])
def test_meshgrid(indexing, count):
    vectors = [array(n + 2, n) for n in range(count)]
    grids = np.meshgrid(*vectors, indexing=indexing)
    for y, expected in zip(creation.meshgrid(*vectors, indexing=indexing), grids, strict=True):
        np.testing.assert_array_equal(y, expected)


def test_compositions_have_gradients_of_order_2():
    check_gradients(lambda v: creation.fill([2, 3], v) ** 2.0, [np.array(1.5)])
    check_gradients(lambda x, y: [m * m for m in creation.meshgrid(x, y)], [array(2), array(3)])
    check_gradients(lambda x: rearranging.space_to_depth(x, 2) ** 2.0, [array((1, 2, 4, 1))])
    check_gradients(lambda x: shape.matrix_transpose(x) ** 2.0, [array((2, 2, 3))])
    check_gradients(lambda x: shape.ensure_shape(x, [None, 3]) ** 2.0, [array((2, 3))])


def test_asking_for_shapes():
    x = np.zeros((2, 3))
    assert shape.shape(x).dtype == nf.int32
    assert shape.shape(x, out_type=nf.int64).dtype == nf.int64
    assert shape.shape(5.0).shape == (0,)
    assert int(shape.size(x)) == 6
    assert int(shape.rank(x)) == 2
    assert [s.numpy().tolist() for s in shape.shape_n([x, 1.0])] == [[2, 3], []]
    assert shape.broadcast_static_shape((3, 1), (4,)) == (3, 4)
    assert shape.broadcast_dynamic_shape(nf.constant([3, 1]), [4]).numpy().tolist() == [3, 4]


# ---- errors say what came
@pytest.mark.parametrize(("call", "words"), [
    (lambda x: shape.reshape(x, (4, 2)), "reshape: cannot reshape array of size 6 into shape"),
    (lambda x: shape.reshape(x, [1.5]), "reshape: 'float' object"),
    (lambda x: shape.transpose(x, [0, 0]), r"transpose: perm \[0, 0\] is not a permutation of the axes"),
    (lambda x: shape.transpose(x, [0]), "transpose: perm"),
    (lambda x: shape.squeeze(x, 0), r"squeeze: axis 0 of shape \(2, 3\) has extent 2"),
    (lambda x: shape.expand_dims(x, 4), r"expand_dims: axis 4 is not in \[-3, 3\)"),
    (lambda x: shape.broadcast_to(x, (3, 3)), r"broadcast_to: .*\(2, ?3\)"),
    (lambda x: shape.broadcast_to(x, (3,)), r"broadcast_to: shape \(2, 3\) does not broadcast"),
    (lambda x: shape.ensure_shape(x, (None, 4)), r"ensure_shape: Shape of tensor \(2, 3\)"),
    (lambda x: shape.matrix_transpose(x[0]), "matrix_transpose: expected at least 2 axes"),
    (lambda x: joining.concat([x, x[0]], 0), r"concat: shapes \(2, 3\), \(3,\) must agree but for axis 0"),
    (lambda x: joining.concat([], 0), "concat: expected at least one tensor"),
    (lambda x: joining.concat([x], 2), "concat: axis 2"),
    (lambda x: joining.stack([x, x[0]]), r"stack: shapes \(2, 3\), \(3,\) differ"),
    (lambda x: joining.split(x, 2, 1), "split: axis 1 of extent 3 does not split into 2"),
    (lambda x: joining.split(x, [1, 3], 1), "split: parts of"),
    (lambda x: joining.split(x, [-1, -1], 1), "split: parts of"),
    (lambda x: joining.unstack(x, 3), "unstack: axis 0 of shape"),
    (lambda x: joining.unstack(x[0, 0]), "unstack: axis 0"),
    (lambda x: joining.tile(x, [2]), "tile: multiples"),
    (lambda x: rearranging.pad(x, [[1, 1]]), "pad: paddings must be"),
    (lambda x: rearranging.pad(x, [[2, 0], [0, 0]], "REFLECT"), "pad: paddings must be at most 1"),
    (lambda x: rearranging.pad(x, [[0, 0], [0, 0]], "WRAP"), "pad: Unknown padding mode 'WRAP'"),
    (lambda x: rearranging.reverse(x, [0, 0]), "reverse: axis"),
    (lambda x: rearranging.roll(x, 1, 2), "roll: axis 2"),
    (lambda x: rearranging.reverse_sequence(x, [4, 0], 1), r"seq_lengths must be in \[0, 3\]"),
    (lambda x: rearranging.reverse_sequence(x, [1], 1), "reverse_sequence: seq_lengths must be 2 integers"),
    (lambda x: rearranging.space_to_depth(x, 2), "space_to_depth: expected 4 axes"),
    (lambda x: creation.zeros([-1]), r"zeros: negative dimensions .* shape is \[-1\]"),
    (lambda x: creation.ones([0.5]), "ones: a shape is a list of integers"),
    (lambda x: creation.fill([-2], 1.0), "broadcast_to: "),
    (lambda x: creation.fill([2], x), "fill: expected a scalar value"),
    (lambda x: creation.range(0, 5, 0), "range: delta must not be 0"),
    (lambda x: creation.range(x), "range: expected real scalars"),
    (lambda x: creation.linspace(0.0, 1.0, 0), "linspace: expected num of at least 1"),
    (lambda x: creation.meshgrid(x, indexing="yx"), "meshgrid: indexing"),
])
def test_errors(call, words):
    x = nf.constant(array((2, 3)))
    with pytest.raises(ValueError, match=words):
        call(x)
