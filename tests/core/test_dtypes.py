"""Which dtype an op computes in, and the DType that users see."""
import copy
import pickle

import numpy as np
import pytest

import numbaflow as nf

INTEGERS = ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"]
FLOATS = ["float32", "float64"]
COMPLEXES = ["complex64", "complex128"]


def one(dtype):
    return nf.constant(np.ones(2, dtype))


# ---- two tensors
@pytest.mark.parametrize("a", INTEGERS)
@pytest.mark.parametrize("b", FLOATS + COMPLEXES)
def test_an_integer_takes_the_others_dtype(a, b):
    assert (one(a) + one(b)).dtype == b
    assert (one(b) * one(a)).dtype == b


@pytest.mark.parametrize(("a", "b", "expected"), [
    ("float32", "float64", "float64"), ("float32", "complex64", "complex64"),
    ("float64", "complex64", "complex128"),
    ("complex64", "complex128", "complex128"), ("int8", "int32", "int32"), ("uint8", "int8", "int16"),
    ("uint8", "uint32", "uint32"), ("int32", "int64", "int64"), ("uint32", "int32", "int64"),
])
def test_the_wider_of_two(a, b, expected):
    assert (one(a) + one(b)).dtype == expected
    assert (one(b) + one(a)).dtype == expected
    assert nf.concat([one(a), one(b)], 0).dtype == expected
    assert nf.stack([one(b), one(a)]).dtype == expected


@pytest.mark.parametrize("other", ["int32", "float32", "complex64"])
def test_bools_do_not_mix(other):
    with pytest.raises(nf.errors.InvalidArgumentError,
                       match=r"add: a bool tensor and a .* tensor do not mix; cast one"):
        one("bool") + one(other)
    with pytest.raises(nf.errors.InvalidArgumentError, match="do not mix"):
        nf.concat([one("bool"), one(other)], 0)


# ---- Python numbers are weak
@pytest.mark.parametrize("dtype", INTEGERS + FLOATS + COMPLEXES)
def test_python_integers_take_the_tensors_dtype(dtype):
    x = one(dtype)
    for y in (x + 1, 1 + x, x * 3, 3 - x):
        assert y.dtype == dtype


@pytest.mark.parametrize("dtype", FLOATS + COMPLEXES)
def test_python_floats_take_the_tensors_dtype(dtype):
    x = one(dtype)
    for y in (x * 0.5, 0.5 * x, x / 2.0, 1.0 - x):
        assert y.dtype == dtype
    assert (nf.constant(1.0) + 1e-3).dtype == nf.float32


@pytest.mark.parametrize("dtype", INTEGERS)
def test_a_python_float_makes_integers_floats(dtype):
    y = one(dtype) * 0.5
    assert y.dtype == nf.float32
    assert y.numpy().tolist() == [0.5, 0.5]


def test_python_complex_numbers():
    assert (one("float32") * 1j).dtype == nf.complex64
    assert (one("float64") * 1j).dtype == nf.complex128
    assert (one("complex64") * 1j).dtype == nf.complex64
    assert (one("int32") * 1j).dtype == nf.complex64


def test_numbers_that_do_not_mix():
    for wrong in (lambda: one("bool") + 1, lambda: one("float32") + True, lambda: one("int32") * True):
        with pytest.raises(nf.errors.InvalidArgumentError, match="do not mix"):
            wrong()
    with pytest.raises(nf.errors.InvalidArgumentError, match="300 is out of range for uint8"):
        one("uint8") + 300
    assert (one("uint8") + 255).numpy().tolist() == [0, 0]


def test_numpy_scalars_are_not_weak():
    assert (one("float32") * np.float64(2)).dtype == nf.float64
    assert (np.float64(2) * one("float32")).dtype == nf.float64
    assert (one("float32") * np.float32(2)).dtype == nf.float32
    assert (one("float32") * np.int64(2)).dtype == nf.float32


def test_zeros_keep_their_sign_next_to_equal_numbers():
    x = nf.constant([1.0])
    assert (x * 0.0).numpy().tolist() == [0.0]
    assert np.signbit((x * -0.0).numpy()).tolist() == [True]
    assert np.signbit((x * 0.0).numpy()).tolist() == [False]


def test_equal_numbers_of_different_type_do_not_get_mixed_up():
    x, n = nf.constant([2.0]), nf.constant([2])
    assert (x + 1).dtype == nf.float32
    assert (n + 1).dtype == nf.int32
    assert (n + 1.0).dtype == nf.float32
    assert (n * 1j).dtype == nf.complex64


# ---- ops of floats given integers
@pytest.mark.parametrize(("dtype", "expected"), [
    ("int8", "float32"), ("int16", "float32"), ("uint8", "float32"),
    ("int32", "float64"), ("int64", "float64"), ("uint32", "float64"),
])
def test_integers_in_float_ops(dtype, expected):
    assert nf.sin(one(dtype)).dtype == expected
    assert (one(dtype) / one(dtype)).dtype == expected
    assert (one(dtype) / 2).dtype == expected


def test_integer_division_by_a_float_takes_the_float():
    assert (one("int64") / one("float32")).dtype == nf.float32


def test_comparisons_mix_and_give_bools():
    assert (nf.constant([1, 2]) < 1.5).numpy().tolist() == [True, False]
    assert (nf.constant([1, 2]) == nf.constant([1.0, 3.0])).dtype == nf.bool


@pytest.mark.parametrize("dtype", FLOATS + COMPLEXES)
def test_gradients_have_the_dtype_of_their_source(dtype):
    for other in ("int32", *FLOATS, *COMPLEXES):
        x, y = one(dtype), one(other)
        with nf.GradientTape() as tape:
            tape.watch(x)
            z = x * y + x * 2
        g = tape.gradient(z, x)
        assert g.dtype == dtype, other
        np.testing.assert_array_equal(g.numpy(), [3, 3])


# ---- DType
def test_dtypes_equal_their_names_and_numpy_twins():
    for name in [*INTEGERS, *FLOATS, *COMPLEXES, "bool"]:
        d = nf.as_dtype(name)
        assert d == name == np.dtype(name)
        assert d == getattr(np, name if name != "bool" else "bool_")
        assert hash(d) == hash(np.dtype(name))
        assert d is nf.as_dtype(np.dtype(name)) is nf.as_dtype(d) is getattr(nf, name)
        assert pickle.loads(pickle.dumps(d)) is copy.deepcopy(d) is d
        assert np.zeros(1, d.as_numpy_dtype).dtype == d
    assert nf.float32 != nf.float64
    assert nf.float32 != "nonsense"
    assert nf.float32 is not None
    assert (nf.as_dtype(float), nf.as_dtype(bool)) == (nf.float64, nf.bool)


def test_dtype_properties():
    f32 = nf.float32
    assert (str(f32), repr(f32), f32.name) == ("<dtype: 'float32'>", "nf.float32", "float32")
    assert (f32.is_floating, nf.int8.is_integer, nf.uint8.is_unsigned, nf.complex64.is_complex) == (True,) * 4
    assert not nf.bool.is_integer
    assert (nf.int8.min, nf.int8.max, nf.float32.max) == (-128, 127, np.finfo(np.float32).max)
    assert (nf.complex64.real_dtype, nf.float64.real_dtype, f32.base_dtype) == (f32, nf.float64, f32)
    assert (nf.float64.size, nf.complex128.size) == (8, 16)
    with pytest.raises(TypeError, match="complex64 has no maximum"):
        nf.complex64.max  # noqa: B018


@pytest.mark.parametrize("wrong", ["float16", "U3", object, "nonsense", np.dtype("M8[s]")])
def test_what_is_no_dtype_of_tensors(wrong):
    with pytest.raises(TypeError, match="is not a dtype of tensors; those are bool, int8"):
        nf.as_dtype(wrong)


@pytest.mark.parametrize(("call", "message"), [
    (lambda: nf.constant([True]) + 1, "add: a bool tensor and a Python int do not mix"),
    (lambda: True * nf.constant([1.0]), "multiply: a bool and a float32 tensor do not mix"),
    (lambda: nf.constant(np.int8(1)) * 200, "multiply: 200 is out of range for int8"),
    (lambda: nf.stack([nf.constant([True])[0], 1]), "stack: a bool tensor and a Python int do not mix"),
])
def test_an_error_about_a_python_number_names_the_op(call, message):
    with pytest.raises(nf.errors.InvalidArgumentError, match=message):
        call()
