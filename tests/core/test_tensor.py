"""Tensors: what becomes one, how it prints, and that it behaves as a Python and NumPy value."""
import copy
import gc
import operator
import pickle
import weakref

import numpy as np
import pytest

import numbaflow as nf


# ---- making them
@pytest.mark.parametrize(("value", "dtype", "shape"), [
    (1.5, "float32", ()), (3, "int32", ()), (2**33, "int64", ()), (2**63, "uint64", ()), (True, "bool", ()),
    (1 + 2j, "complex128", ()), ([1, 2.5], "float32", (2,)), ([[1, 2], [3, 4]], "int32", (2, 2)),
    ([], "float32", (0,)),
    ([2**40, 1], "int64", (2,)), (np.float64(2), "float64", ()), (np.arange(3), "int64", (3,)),
    (np.zeros((2, 0), np.int8), "int8", (2, 0)), ((1, 2, 3), "int32", (3,)), (range(3), "int32", (3,)),
])
def test_dtype_and_shape_that_values_become(value, dtype, shape):
    t = nf.constant(value)
    assert (t.dtype, t.shape) == (dtype, shape)
    np.testing.assert_array_equal(t.numpy(), np.array(value))


@pytest.mark.parametrize(("value", "dtype", "error", "words"), [
    ([[1, 2], [3]], None, ValueError, "non-rectangular"),
    (0.5, "int32", TypeError, "Provided value: 0.5 Requested dtype: int32"),
    ([1.0, 2.0], "int64", TypeError, "Requested dtype: int64"),
    (True, "float32", TypeError, "Requested dtype: float32"),
    (1, "bool", TypeError, "Requested dtype: bool"),
    (1j, "float32", TypeError, "Requested dtype: float32"),
    ("text", None, TypeError, "str"),
    (np.array(["a"]), None, TypeError, "<U1"),
    (None, None, TypeError, "NoneType"),
    (object(), None, TypeError, "object"),
    (2**70, None, TypeError, "int"),
    (1.0, "float16", TypeError, "is not a dtype of tensors"),
])
def test_values_that_do_not_fit(value, dtype, error, words):
    with pytest.raises(error, match=words):
        nf.constant(value, dtype)


def test_constant_with_a_shape():
    assert nf.constant(2, shape=(2, 2)).numpy().tolist() == [[2, 2], [2, 2]]
    assert nf.constant([1, 2, 3], shape=(2, 2)).numpy().tolist() == [[1, 2], [3, 3]]
    assert nf.constant([1, 2, 3, 4], nf.float64, (2, 2)).dtype == nf.float64
    with pytest.raises(ValueError, match=r"shape \(3,\) for shape \(2,\)"):
        nf.constant([1, 2, 3], shape=(2,))
    with pytest.raises(ValueError, match="for shape"):
        nf.constant(1, shape=(2,), verify_shape=True)


def test_constants_own_their_memory():
    a = np.ones(3)
    t = nf.constant(a)
    a[:] = 7
    assert t.numpy().tolist() == [1, 1, 1]


def test_equal_constants_are_two_values_to_differentiate():
    x, y = nf.constant(3.0), nf.constant(3.0)
    with nf.GradientTape() as tape:
        tape.watch([x, y])
        z = x * y * y
    assert [g.numpy() for g in tape.gradient(z, [x, y])] == [9.0, 18.0]


def test_a_constant_of_a_tensor_stays_connected():
    x = nf.constant(3.0)
    assert nf.constant(x) is x
    with nf.GradientTape() as tape:
        tape.watch(x)
        y = nf.constant(x, nf.float32) * x
    assert tape.gradient(y, x).numpy() == 6.0


def test_convert_to_tensor():
    t, v = nf.constant([1.0]), nf.Variable([2.0])
    assert nf.convert_to_tensor(t) is t
    assert nf.convert_to_tensor(t, nf.float32) is t
    assert isinstance(nf.convert_to_tensor(v), nf.Tensor)
    assert nf.convert_to_tensor(v).numpy().tolist() == [2.0]
    with pytest.raises(ValueError, match="requested dtype float64 for Tensor with dtype float32"):
        nf.convert_to_tensor(t, nf.float64)
    assert nf.convert_to_tensor(0.5, preferred_dtype=nf.int32).dtype == nf.float32
    assert nf.convert_to_tensor(1, dtype_hint=nf.float64).dtype == nf.float64
    assert nf.convert_to_tensor(123456789, dtype=nf.uint8).numpy() == 123456789 % 256
    assert nf.convert_to_tensor([nf.constant(1.0), 2.0]).numpy().tolist() == [1.0, 2.0]
    for wrong in (object(), None, {"a": 1}):
        with pytest.raises(TypeError, match="tensor"):
            nf.convert_to_tensor(wrong)


def test_arrays_of_any_layout_and_byte_order_become_plain_ones():
    a = np.arange(6, dtype=">f4").reshape(2, 3)
    pickled = pickle.loads(pickle.dumps(a.astype("f4")))
    for given in (a, np.asfortranarray(a), a[:, ::-1][:, ::-1], pickled, a.view(np.recarray)):
        t = nf.constant(given)
        assert t.dtype == nf.float32
        assert type(t._data) is np.ndarray
        assert t._data.flags.c_contiguous
        assert t._data.dtype is np.dtype(np.float32)        # ops compare dtypes by identity
        np.testing.assert_array_equal(t.numpy(), a)


# ---- printing
@pytest.mark.parametrize(("value", "text", "representation"), [
    (2.0, "tf.Tensor(2.0, shape=(), dtype=float32)", "shape=(), dtype=float32, numpy=2.0>"),
    (0.1, "tf.Tensor(0.1, shape=(), dtype=float32)", "shape=(), dtype=float32, numpy=0.1>"),
    (7, "tf.Tensor(7, shape=(), dtype=int32)", "shape=(), dtype=int32, numpy=7>"),
    (True, "tf.Tensor(True, shape=(), dtype=bool)", "shape=(), dtype=bool, numpy=True>"),
    (1 + 2j, "tf.Tensor((1+2j), shape=(), dtype=complex128)", "shape=(), dtype=complex128, numpy=(1+2j)>"),
    ([1.0, 2.5], "tf.Tensor([1.  2.5], shape=(2,), dtype=float32)",
     "shape=(2,), dtype=float32, numpy=array([1. , 2.5], dtype=float32)>"),
    ([[1, 2], [3, 4]], "tf.Tensor(\n[[1 2]\n [3 4]], shape=(2, 2), dtype=int32)",
     "shape=(2, 2), dtype=int32, numpy=\narray([[1, 2],\n       [3, 4]], dtype=int32)>"),
])
def test_printing(value, text, representation):
    t = nf.constant(value)
    assert str(t) == text
    assert repr(t).startswith("<tf.Tensor: id=")
    assert repr(t).split(", ", 1)[1] == representation
    assert repr(t) == repr(t)           # the id stays


def test_ids_run_on():
    a, b = nf.constant(1), nf.constant(1)
    first, second = (int(repr(t).split("id=")[1].split(",")[0]) for t in (a, b))
    assert second > first


def test_printing_obeys_print_options():
    with np.printoptions(precision=2):
        assert str(nf.constant([1.23456])) == "tf.Tensor([1.23], shape=(1,), dtype=float32)"


# ---- as Python values
def test_numbers_from_tensors():
    assert int(nf.constant(3.7)) == 3
    assert float(nf.constant(3)) == 3.0
    assert complex(nf.constant(2.0)) == 2 + 0j
    assert list(range(nf.constant(3))) == [0, 1, 2]
    assert [10, 20, 30][nf.constant(1)] == 20
    assert bool(nf.constant(1.0))
    assert not nf.constant([0])
    assert f"{nf.constant(2.5):.2f}" == "2.50"
    assert f"{nf.constant(3):03d}" == "003"
    assert f"{nf.constant([1.0])}" == "[1.]"
    for convert in (int, float, complex):
        with pytest.raises(TypeError, match="one element"):
            convert(nf.constant([1.0, 2.0]))
    with pytest.raises(TypeError, match="integer"):
        operator.index(nf.constant(1.0))
    with pytest.raises(ValueError, match="ambiguous"):
        bool(nf.constant([1, 2]))


def test_iteration_and_length():
    t = nf.constant([[1, 2], [3, 4]])
    assert len(t) == 2
    assert [row.numpy().tolist() for row in t] == [[1, 2], [3, 4]]
    _, b = t
    assert b.numpy().tolist() == [3, 4]
    with pytest.raises(TypeError, match=r"Scalar tensor has no `len\(\)`"):
        len(nf.constant(1))
    with pytest.raises(TypeError, match=r"Cannot iterate over a scalar tensor\."):
        iter(nf.constant(1))


def test_what_a_tensor_is():
    t = nf.constant([[1.0, 2.0]])
    assert (t.shape, t.get_shape(), t.ndim) == ((1, 2), (1, 2), 2)
    assert t.shape.as_list() == [1, 2]
    assert t.shape.ndims == 2
    assert t.device == t.backing_device == "/job:localhost/replica:0/task:0/device:CPU:0"
    assert t.cpu() is not t
    assert t.cpu().numpy().tolist() == [[1.0, 2.0]]
    with pytest.raises(RuntimeError, match="GPU:7"):
        t.gpu(7)


def test_set_shape_only_checks():
    t = nf.constant([[1.0, 2.0]])
    t.set_shape((None, 2))
    t.set_shape(None)
    for wrong in ((2, 2), (2,), (1, 2, 1)):
        with pytest.raises(ValueError, match=r"Tensor's shape \(1, 2\) is not compatible with supplied"):
            t.set_shape(wrong)


@pytest.mark.parametrize("name", ["op", "graph", "name", "value_index"])
def test_what_is_meaningless_when_eager(name):
    with pytest.raises(AttributeError, match="meaningless when eager execution is enabled"):
        getattr(nf.constant(1.0), name)


def test_eval_points_to_numpy():
    with pytest.raises(NotImplementedError, match=r"\.numpy\(\)"):
        nf.constant(1.0).eval()


# ---- immutable, and a good citizen
def test_tensors_can_not_be_written_to():
    t = nf.constant([1.0, 2.0])
    with pytest.raises(TypeError, match="item assignment"):
        t[0] = 3.0
    mine = t.numpy()
    mine[0] = 9
    with pytest.raises(ValueError, match="read-only"):
        np.asarray(t)[0] = 9
    view = t[:1].numpy()
    view[0] = 9
    assert t.numpy().tolist() == [1.0, 2.0]
    before = t
    t += 1.0                # a new tensor under the name
    assert before.numpy().tolist() == [1.0, 2.0]


def test_copies_and_pickles():
    t = nf.constant([[1.0, 2.0]])
    assert copy.copy(t) is t
    assert copy.deepcopy({"t": t})["t"] is t
    for value in (2.0, [1, 2], [[True]], 1j):
        t = nf.constant(value)
        for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
            u = pickle.loads(pickle.dumps(t, protocol))
            assert u.dtype == t.dtype
            assert u.numpy().tolist() == t.numpy().tolist()
            assert u._data.dtype is t._data.dtype


def test_pickling_a_slice_takes_only_the_slice():
    t = nf.constant(np.zeros(100_000))
    assert len(pickle.dumps(t[:2])) < 1000


def test_weak_references_and_attributes():
    t = nf.constant(1.0)
    t.note = "mine"
    seen = weakref.WeakKeyDictionary({t: 1})
    gone = weakref.ref(t)
    assert (t.note, seen[t]) == ("mine", 1)
    del t
    assert gone() is None
    assert not seen


def test_hash_is_identity_and_equality_is_by_element():
    a, b = nf.constant([1, 2]), nf.constant([1, 3])
    assert (a == b).numpy().tolist() == [True, False]
    assert (a != b).numpy().tolist() == [False, True]
    assert hash(a) != hash(nf.constant([1, 2]))
    assert {a: 1, b: 2}[b] == 2
    assert (a == None) is False                 # noqa: E711  what is no value is not equal
    assert a != "text"


# ---- NumPy
def test_numpy_reads_without_a_copy():
    t = nf.constant([1.0, 2.0])
    a = np.asarray(t)
    assert a is not t._data
    assert np.shares_memory(a, t._data)
    assert not a.flags.writeable
    assert not np.shares_memory(np.array(t), t._data)
    assert np.asarray(t, np.float64).dtype == np.float64
    assert np.array(t, copy=True).flags.writeable
    with pytest.raises(ValueError, match="needs a copy"):
        np.array(t, np.float64, copy=False)
    assert np.asarray(nf.constant(2.0)).shape == ()


def test_numpy_functions_give_arrays_and_are_not_recorded():
    a, b = nf.constant([1.0, 2.0]), nf.constant([3.0, 4.0])
    with nf.GradientTape() as tape:
        tape.watch(a)
        y = np.multiply(a, b)
        z = nf.constant(y)
    assert type(y) is np.ndarray
    assert y.tolist() == [3.0, 8.0]
    assert np.sum(a) == 3.0
    assert tape.gradient(z, a) is None


OPERATORS = [operator.add, operator.sub, operator.mul, operator.truediv, operator.floordiv, operator.mod,
             operator.pow, operator.lt, operator.le, operator.gt, operator.ge, operator.eq, operator.ne]


@pytest.mark.parametrize("op", OPERATORS, ids=lambda f: f.__name__)
def test_operators_with_anything_on_either_side(op):
    a, b = np.float32([4.0, 2.0, 9.0]), np.float32([3.0, 2.0, -2.0])
    expected = op(a, b)
    for left, right in ((nf.constant(a), nf.constant(b)), (nf.constant(a), b), (a, nf.constant(b)),
                        (nf.Variable(a), b), (a, nf.Variable(b)), (nf.constant(a), b.tolist()),
                        (a.tolist(), nf.constant(b))):
        y = op(left, right)
        assert isinstance(y, nf.Tensor), (type(left), type(right))
        assert y.dtype == expected.dtype
        np.testing.assert_allclose(y.numpy(), expected, rtol=1e-6)
    for left, right in ((nf.constant(a), 2.0), (2.0, nf.constant(a)), (np.float32(2), nf.constant(a)),
                        (nf.constant(a), np.float32(2)), (nf.constant(a), 2), (2, nf.constant(a))):
        y = op(left, right)
        assert isinstance(y, nf.Tensor), (type(left), type(right))
        plain = [np.asarray(v, np.float32) for v in (left, right)]
        np.testing.assert_allclose(y.numpy(), op(*plain), rtol=1e-6)


def test_unary_operators():
    x = nf.constant([1.0, -2.0])
    assert (-x).numpy().tolist() == [-1.0, 2.0]
    assert abs(x).numpy().tolist() == [1.0, 2.0]
    assert (~nf.constant([True, False])).numpy().tolist() == [False, True]


def test_logical_operators():
    p, q = nf.constant([True, True, False]), nf.constant([True, False, False])
    assert (p & q).numpy().tolist() == [True, False, False]
    assert (p | q).numpy().tolist() == [True, True, False]
    assert (p ^ q).numpy().tolist() == [False, True, False]


def test_matmul_operator():
    a = np.float32([[1, 2], [3, 4]])
    for left, right in ((nf.constant(a), nf.constant(a)), (a, nf.constant(a)), (nf.constant(a), a)):
        assert (left @ right).numpy().tolist() == (a @ a).tolist()


def test_integers_divide_to_floats_and_take_pythons_remainder():
    y = nf.constant([7, -7]) / 2
    assert y.dtype == nf.float64
    assert y.numpy().tolist() == [3.5, -3.5]
    assert (nf.constant([7, -7], nf.int16) / nf.constant([2, 2], nf.int16)).dtype == nf.float32
    assert (nf.constant([7, -7]) % 3).numpy().tolist() == [1, 2]
    assert (nf.constant([7, -7]) // 3).numpy().tolist() == [2, -3]


def test_shapes_that_do_not_broadcast():
    with pytest.raises(nf.errors.InvalidArgumentError, match=r"add: .*\(2,\).*\(3,\).*Incompatible shapes"):
        nf.constant([1.0, 2.0]) + nf.constant([1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match="Incompatible shapes"):
        nf.constant([1.0, 2.0]) + np.ones(3)
    with pytest.raises(nf.errors.InvalidArgumentError, match=r"3 columns|do not match"):
        nf.matmul(nf.constant(np.ones((2, 3))), nf.constant(np.ones((4, 5))))


# ---- DLPack
@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "uint8", "complex64", "bool"])
def test_dlpack_shares_memory_both_ways(dtype):
    t = nf.constant(np.ones((2, 3), dtype))
    a = np.from_dlpack(t)
    assert np.shares_memory(a, t._data)
    assert not a.flags.writeable
    assert t.__dlpack_device__() == (1, 0)          # the CPU
    b = np.full((2, 3), 1, dtype)
    u = nf.from_dlpack(b)
    assert np.shares_memory(u._data, b)
    assert u.dtype == dtype
    assert nf.from_dlpack(t).numpy().tolist() == t.numpy().tolist()


def test_dlpack_keeps_the_memory_alive():
    a = np.from_dlpack(nf.constant(np.arange(1000.0)))
    gc.collect()
    assert a.sum() == 999 * 500


def test_dlpack_of_what_no_tensor_holds():
    with pytest.raises(TypeError, match="float16"):
        nf.from_dlpack(np.ones(2, np.float16))


# ---- dynamic control flow (the guide's fizzbuzz)
def test_fizzbuzz():
    lines = []
    counter = nf.constant(0)
    max_num = nf.convert_to_tensor(15)
    for num in range(max_num.numpy()):
        num = nf.constant(num)
        if int(num % 3) == 0 and int(num % 5) == 0:
            lines.append("FizzBuzz")
        elif int(num % 3) == 0:
            lines.append("Fizz")
        elif num % 5 == 0:
            lines.append("Buzz")
        else:
            lines.append(str(num.numpy()))
        counter += 1
    assert counter.numpy() == 15
    assert " ".join(lines) == "FizzBuzz 1 2 Fizz 4 Buzz Fizz 7 8 Fizz Buzz 11 Fizz 13 14"


def test_eager_execution_is_on():
    nf.enable_eager_execution()
    nf.enable_eager_execution()
    assert nf.executing_eagerly()
