"""Variables: assignment that never changes what was read before, parts, scatters, lifetime."""
import copy
import gc
import pickle
import weakref

import numpy as np
import pytest

import numbaflow as nf


def rows(values, indices, shape=None):
    return nf.IndexedSlices(nf.constant(values), nf.constant(indices), shape)


# ---- making and describing
def test_what_a_variable_is():
    v = nf.Variable([[1.0, 2.0]], name="w")
    assert (v.dtype, v.shape, v.get_shape(), v.ndim) == (nf.float32, (1, 2), (1, 2), 2)
    assert (v.name, v.trainable, v.constraint) == ("w:0", True, None)
    assert nf.Variable(1.0).name == "Variable:0"
    assert nf.Variable(1.0, name="w").name == "w:0"         # names are not made unique
    assert v.device.endswith("CPU:0")
    assert v.handle is not None
    assert not nf.Variable(1.0, trainable=False).trainable


@pytest.mark.parametrize("initial", [2.0, lambda: 2.0, np.float32(2.0), lambda: nf.constant(2.0)])
def test_initial_values(initial):
    v = nf.Variable(initial)
    assert v.dtype == nf.float32
    assert v.numpy() == 2.0
    assert nf.Variable(initial, dtype=nf.float64).dtype == nf.float64


def test_a_variable_owns_its_value():
    a, t = np.ones(2), nf.constant([1.0, 1.0])
    v, w, u = nf.Variable(a), nf.Variable(t), nf.Variable(nf.Variable(t))
    a[:] = 5
    for x in (v, w, u):
        x.assign_add([1.0, 1.0])
        assert x.numpy().tolist() == [2.0, 2.0]
    assert t.numpy().tolist() == [1.0, 1.0]


def test_wrong_initial_values():
    with pytest.raises(ValueError, match=r"initial_value must be specified\."):
        nf.Variable()
    with pytest.raises(ValueError, match=r"The `constraint` argument must be a callable\."):
        nf.Variable(1.0, constraint=3)
    with pytest.raises(ValueError, match="shape"):
        nf.Variable([1.0], shape=(2,))
    with pytest.raises(TypeError, match="Requested dtype: int32"):
        nf.Variable(0.5, dtype=nf.int32)


@pytest.mark.parametrize(("value", "text"), [
    (2.0, "<tf.Variable 'Variable:0' shape=() dtype=float32, numpy=2.0>"),
    (0.1, "<tf.Variable 'Variable:0' shape=() dtype=float32, numpy=0.1>"),
    ([1, 2], "<tf.Variable 'Variable:0' shape=(2,) dtype=int32, numpy=array([1, 2], dtype=int32)>"),
    ([[1.0], [2.0]], "<tf.Variable 'Variable:0' shape=(2, 1) dtype=float32, "
                     "numpy=\narray([[1.],\n       [2.]], dtype=float32)>"),
])
def test_printing(value, text):
    v = nf.Variable(value)
    assert repr(v) == str(v) == text


def test_as_python_values():
    v = nf.Variable([1.0, 2.0])
    assert len(v) == 2
    assert [x.numpy() for x in v] == [1.0, 2.0]
    assert bool(nf.Variable(1.0))
    assert not nf.Variable(False)
    assert int(nf.Variable(3)) == 3
    assert float(nf.Variable(3)) == 3.0
    assert f"{nf.Variable(2.5):.2f}" == "2.50"
    assert list(range(nf.Variable(2))) == [0, 1]
    with pytest.raises(TypeError, match="Non-integer variable can't be converted to integer"):
        int(nf.Variable(2.0))


def test_operators_read_the_value():
    v, t = nf.Variable([1.0, 4.0]), nf.constant([2.0, 2.0])
    for y, expected in ((v + t, [3, 6]), (t + v, [3, 6]), (v * v, [1, 16]), (2.0 - v, [1, -2]),
                        (v / 2.0, [0.5, 2]), (-v, [-1, -4]), (v[1:], [4]), (v ** 2.0, [1, 16]),
                        (np.float32([1, 1]) * v, [1, 4])):
        assert isinstance(y, nf.Tensor)
        assert y.numpy().tolist() == expected
    assert (v > t).numpy().tolist() == [False, True]
    assert np.add(v, 1).tolist() == [2.0, 5.0]


@pytest.mark.parametrize("name", ["__iadd__", "__isub__", "__imul__", "__itruediv__", "__ipow__"])
def test_in_place_operators_are_refused(name):
    v = nf.Variable(1.0)
    with pytest.raises(RuntimeError, match=r"Variable .+= value not supported\. Use variable\.assign"):
        getattr(v, name)(1.0)
    with pytest.raises(RuntimeError, match=r"variable = variable \+ value"):
        v += 1


def test_what_is_for_graphs_only():
    v = nf.Variable(1.0)
    for call in (lambda: v.initial_value, v.eval, v.to_proto):
        with pytest.raises(RuntimeError):
            call()


def test_a_variable_is_initialized_when_it_is_made():
    v = nf.Variable([1.0, 2.0])
    assert v.initializer is None
    assert v.is_initialized().numpy()
    assert v.initialized_value().numpy().tolist() == [1.0, 2.0]


def test_setting_the_shape_checks_it():
    v = nf.Variable([[1.0, 2.0]])
    v.set_shape((1, 2))
    with pytest.raises(ValueError, match="not compatible"):
        v.set_shape((2, 2))


# ---- assigning
def test_assign():
    v = nf.Variable([1.0, 2.0])
    assert v.assign([3.0, 4.0]).numpy().tolist() == [3.0, 4.0]
    assert (v.assign_add([1.0, 1.0]) * 2.0).numpy().tolist() == [8.0, 10.0]
    assert v.assign_sub(nf.constant([1.0, 1.0])).numpy().tolist() == [3.0, 4.0]
    assert v.assign(np.zeros(2)).numpy().tolist() == [0.0, 0.0]     # an array converts, as when it is made
    assert v.assign(v).numpy().tolist() == [0.0, 0.0]
    assert v.assign([5.0, 5.0], read_value=False) is None
    assert v.assign_add([1.0, 1.0], read_value=False) is None
    v.load([7.0, 8.0])
    assert v.value().numpy().tolist() == v.read_value().numpy().tolist() == [7.0, 8.0]
    scalar = nf.Variable(1.0)
    scalar.assign_add(2)
    assert scalar.assign_sub(1.0).numpy() == 2.0


@pytest.mark.parametrize("method", ["assign", "assign_add", "assign_sub"])
def test_values_that_can_not_be_assigned(method):
    v = nf.Variable([[1.0, 2.0], [3.0, 4.0]])
    with pytest.raises(ValueError, match=r"Shapes \(2, 2\) and \(1, 1\) are incompatible"):
        getattr(v, method)([[1.0]])
    with pytest.raises(nf.errors.InvalidArgumentError,
                       match=f"{method}: a float64 value for variable 'Variable:0' of float32"):
        getattr(v, method)(nf.constant(np.ones((2, 2))))
    whole = nf.Variable([1, 2])
    with pytest.raises(TypeError, match="Requested dtype: int32"):
        getattr(whole, method)([0.5, 0.5])
    with pytest.raises(TypeError, match="Requested dtype: int32"):
        getattr(nf.Variable(1), method)(0.5)
    assert v.numpy().tolist() == [[1.0, 2.0], [3.0, 4.0]]
    assert whole.numpy().tolist() == [1, 2]


CHANGES = {
    "assign": lambda v: v.assign([9.0, 9.0, 9.0]),
    "assign_add": lambda v: v.assign_add([9.0, 9.0, 9.0]),
    "assign_sub": lambda v: v.assign_sub([9.0, 9.0, 9.0]),
    "part": lambda v: v[1].assign(9.0),
    "scatter_add": lambda v: v.scatter_add(rows([9.0], [1])),
    "scatter_sub": lambda v: v.scatter_sub(rows([9.0], [1])),
    "scatter_update": lambda v: v.scatter_update(rows([9.0], [1])),
    "scatter_nd_update": lambda v: v.scatter_nd_update([[1]], [9.0]),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_tensor_read_before_never_changes(change):
    v = nf.Variable([1.0, 2.0, 3.0])
    whole, part, array, copied = v.value(), v[1:], np.asarray(v), v.numpy()
    pulled = np.from_dlpack(v.value())
    change(v)
    change(v)
    for read in (whole.numpy(), array, copied, pulled):
        assert read.tolist() == [1.0, 2.0, 3.0]
    assert part.numpy().tolist() == [2.0, 3.0]
    assert v.numpy().tolist() != [1.0, 2.0, 3.0]


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_what_a_tape_keeps_never_changes(change):
    v = nf.Variable([1.0, 2.0, 3.0])
    with nf.GradientTape() as tape:
        y = v * v               # keeps the value that was read
        change(v)
    change(v)
    assert tape.gradient(y, v).numpy().tolist() == [2.0, 4.0, 6.0]


def test_assignment_without_readers_reuses_the_memory():
    v = nf.Variable(np.zeros(1000))
    address = v._data.ctypes.data
    for _ in range(3):
        v.assign(np.ones(1000))
        v.assign_add(np.ones(1000))
        v.assign_sub(nf.constant(np.ones(1000)))
        v[0].assign(5.0)
    assert v._data.ctypes.data == address
    assert v.numpy().sum() == 999 + 5


def test_adding_a_variable_to_itself():
    v = nf.Variable([1.0, 2.0])
    v.assign_add(v)
    v.assign_add(v.value())
    assert v.numpy().tolist() == [4.0, 8.0]


def test_an_assigned_tensor_is_copied():
    v, t = nf.Variable([0.0, 0.0]), nf.constant([1.0, 2.0])
    held = v.value()            # so that assign takes a new array
    v.assign(t)
    v.assign_add([1.0, 1.0])
    assert t.numpy().tolist() == [1.0, 2.0]
    assert held.numpy().tolist() == [0.0, 0.0]


def test_assignment_keeps_variables_contiguous():
    v = nf.Variable(np.zeros((2, 3)))
    held = v.value()
    v.assign(nf.transpose(nf.constant(np.arange(6.0).reshape(3, 2))))
    assert v._data.flags.c_contiguous
    assert held.numpy().sum() == 0.0


def test_sliced_assignment():
    v = nf.Variable([1.0, 2.0])
    v[0].assign(2.0)
    assert v.numpy().tolist() == [2.0, 2.0]
    m = nf.Variable(np.zeros((3, 4), np.float32))
    m[1].assign([1.0, 2.0, 3.0, 4.0])
    m[:, -1].assign([7.0, 8.0, 9.0])
    m[2, 1:3].assign(nf.constant([5.0, 5.0]))
    m[..., 0].assign(-1.0)
    m[nf.constant(0), 1].assign(6)
    assert m.numpy().tolist() == [[-1, 6, 0, 7], [-1, 2, 3, 8], [-1, 5, 5, 9]]
    assert m[0, 0].assign(3.0, read_value=False) is None
    with pytest.raises(ValueError, match=r"broadcast|shape"):
        m[0].assign([1.0, 2.0])
    with pytest.raises(TypeError, match="Requested dtype: int32"):
        nf.Variable([1, 2])[0].assign(0.5)
    with pytest.raises((IndexError, ValueError)):
        v[5].assign(1.0)


# ---- scatters
def test_scatters_of_rows():
    v = nf.Variable(np.zeros((3, 2), np.float32))
    assert v.scatter_add(rows([[1.0, 2.0], [3.0, 4.0]], [2, 2])) is v       # repeated rows add up
    v.scatter_sub(rows([[1.0, 1.0]], [0]))
    v.scatter_update(rows([[8.0, 9.0]], [1]))
    assert v.numpy().tolist() == [[-1, -1], [8, 9], [4, 6]]
    v.batch_scatter_update(rows([[0.0, 0.0]], [2]))
    assert v.numpy()[2].tolist() == [0, 0]


def test_scatters_at_n_dimensional_indices():
    v = nf.Variable(np.zeros((2, 2), np.float32))
    v.scatter_nd_add([[0, 0], [0, 0], [1, 1]], [1.0, 2.0, 3.0])
    v.scatter_nd_sub([[1, 1]], [1.0])
    v.scatter_nd_update([[0, 1]], [9.0])
    assert v.numpy().tolist() == [[3, 9], [0, 2]]


@pytest.mark.parametrize("method", ["scatter_add", "scatter_sub", "scatter_update"])
def test_wrong_scatters(method):
    v = nf.Variable(np.zeros((3, 2), np.float32))
    with pytest.raises(ValueError, match="sparse_delta is not IndexedSlices"):
        getattr(v, method)(nf.constant([1.0]))
    for bad in (rows([[1.0, 2.0]], [3]), rows([[1.0, 2.0]], [-1]), rows([[1.0, 2.0, 3.0]], [0])):
        with pytest.raises(nf.errors.InvalidArgumentError, match=method):
            getattr(v, method)(bad)
    with pytest.raises(nf.errors.InvalidArgumentError, match="float64"):
        getattr(v, method)(rows(np.ones((1, 2)), [0]))
    assert v.numpy().sum() == 0


def test_reading_rows():
    v = nf.Variable([[1.0, 2.0], [3.0, 4.0]])
    assert v.sparse_read([1, 1]).numpy().tolist() == [[3, 4], [3, 4]]
    assert v.gather_nd([[0, 1]]).numpy().tolist() == [2]
    with nf.GradientTape() as tape:
        y = nf.reduce_sum(v.sparse_read([1, 1]))
    g = tape.gradient(y, v)
    assert isinstance(g, nf.IndexedSlices)
    assert g.to_dense().numpy().tolist() == [[0, 0], [2, 2]]


def test_counting_up():
    v = nf.Variable(0)
    assert [v.count_up_to(2).numpy() for _ in range(2)] == [0, 1]
    with pytest.raises(nf.errors.OutOfRangeError, match="limit of 2"):
        v.count_up_to(2)


# ---- tapes
def test_trainable_variables_are_traced_when_they_are_read():
    v, w = nf.Variable(3.0), nf.Variable(2.0, trainable=False)
    with nf.GradientTape() as tape:
        y = v * v * w
    assert tape.watched_variables() == (v,)
    dv, dw = tape.gradient(y, [v, w])
    assert dv.numpy() == 12.0
    assert dw is None
    with nf.GradientTape() as tape:
        tape.watch(w)
        y = v * w
    assert tape.gradient(y, w).numpy() == 3.0


def test_all_reads_of_a_variable_count():
    v = nf.Variable(3.0)
    with nf.GradientTape() as tape:
        y = v * 2.0
        v.assign(5.0)
        z = v * v
    assert tape.gradient([y, z], v).numpy() == 2.0 + 10.0


def test_integer_variables_have_no_gradient():
    v = nf.Variable(3)
    with nf.GradientTape() as tape:
        y = nf.cast(v, nf.float32) * 2.0
    assert tape.gradient(y, v) is None


# ---- copying, lifetime
def test_deepcopy_and_pickle_give_independent_variables():
    v = nf.Variable([1.0, 2.0], trainable=False, name="w", constraint=abs)
    for made in (copy.deepcopy(v), pickle.loads(pickle.dumps(v))):
        assert isinstance(made, nf.Variable)
        assert (made.name, made.trainable, made.constraint) == ("w:0", False, abs)
        made.assign([5.0, 6.0])
        assert v.numpy().tolist() == [1.0, 2.0]
    first, second = copy.deepcopy([v, v])
    assert first is second


def test_hash_is_identity_and_equality_is_by_element():
    v, w = nf.Variable([1.0, 2.0]), nf.Variable([1.0, 3.0])
    assert {v: 1, w: 2}[w] == 2
    assert (v == w).numpy().tolist() == [True, False]


def test_a_variable_is_freed_with_its_last_reference():
    gc.disable()
    try:
        v = nf.Variable(np.zeros(10))
        with nf.GradientTape() as tape:
            y = v[1:] * v[:-1]
            v[0].assign(1.0)
        tape.gradient(y, v)
        gone = weakref.ref(v)
        del tape
        del v
        assert gone() is None
    finally:
        gc.enable()
