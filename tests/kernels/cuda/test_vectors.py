"""Contiguous arrays read and written by vectors of 16 bytes: values of both forms, and the instructions."""
import re

import numpy as np
import pytest
from numbaflow.kernels.cuda import arrays, backend, elementwise
from numbaflow.kernels.cuda.vectors import aligned

from numbaflow.core.table import OPS

SIZES = (0, 1, 2, 3, 4, 5, 15, 16, 17, 31, 32, 33, 63, 64, 65, 70)
LARGE = 2405                # of float32: two vectors to some of the simulator's threads, and one element left
LANES = {"bool": 16, "int8": 16, "uint16": 8, "int32": 4, "float32": 4, "float64": 2, "complex64": 2,
         "complex128": 1}


def numbers(n, dtype="float32", seed=0):
    """n values of a dtype."""
    real, imag = np.random.default_rng(seed).integers(-20, 20, (2, n))
    return (real + 1j * imag if "c" in dtype else real).astype(dtype)


def placed(values, at_vector=True):
    """A device array of the values that begins at a multiple of 16 bytes, or one element further."""
    if at_vector:
        return backend.current().from_host(values)
    return backend.current().from_host(np.concatenate([np.zeros(1, values.dtype), values]))[1:]


def host(x):
    return backend.current().to_host(x)


def op(name, *operands):
    """An op's values on the device."""
    kernel = OPS[name].kernel
    return host(elementwise.run(kernel, operands[kernel.key].dtype, list(operands)))


@pytest.fixture
def launched(monkeypatch):
    """(name, elements of a vector or 0) of each kernel that has been launched."""
    found, launch = [], backend.Simulator.launch

    def noted(self, kernel, *rest):
        lanes = re.search(r"vectors of (\d+)", kernel.function.__code__.co_filename)
        found.append((kernel.__name__, int(lanes[1]) if lanes else None))
        return launch(self, kernel, *rest)
    monkeypatch.setattr(backend.Simulator, "launch", noted)
    return found


@pytest.mark.parametrize("n", [*SIZES, LARGE])
@pytest.mark.parametrize("at_vector", [True, False])
def test_sums_of_any_size(launched, n, at_vector):
    x, y = numbers(n), numbers(n, seed=1)
    np.testing.assert_array_equal(op("add", placed(x), placed(y, at_vector)), x + y)
    assert launched == ([("add", 4 if at_vector else 0)] if n else [])


@pytest.mark.parametrize("n", [1, 7, 70, LARGE])
def test_one_operand_gives_the_same_by_vectors_and_by_elements(launched, n):
    x = numbers(n) / np.float32(9)
    found = op("gelu", placed(x)), op("gelu", placed(x, at_vector=False))
    np.testing.assert_array_equal(*found)
    assert launched == [("gelu", 4), ("gelu", 0)]


@pytest.mark.parametrize("dtype", LANES)
@pytest.mark.parametrize("n", [1, 33, 70])
def test_every_dtype(launched, dtype, n):
    x, y = numbers(n, dtype), numbers(n, dtype, seed=1)
    name, wanted = ("equal", x == y) if dtype == "bool" else ("add", x + y)
    np.testing.assert_array_equal(op(name, placed(x), placed(y)), wanted)
    assert launched == [(name, LANES[dtype])]
    assert aligned(placed(x, at_vector=False)) == (dtype == "complex128")


@pytest.mark.parametrize(("dtype", "lanes"), [("float64", 2), ("float32", 4), ("int8", 16)])
@pytest.mark.parametrize("n", [3, 31, 70])
def test_the_widest_operand_says_how_many_elements_a_vector_has(launched, dtype, lanes, n):
    x, y = numbers(n, dtype), numbers(n, dtype, seed=1)
    np.testing.assert_array_equal(op("select", placed(x < y), placed(x), placed(y)), np.minimum(x, y))
    np.testing.assert_array_equal(op("less", placed(x), placed(y)), x < y)
    assert launched == [("select", lanes), ("less", lanes)]


@pytest.mark.parametrize(("given", "wanted", "lanes"), [("float32", "float64", 2), ("int8", "float32", 4),
                                                        ("float64", "int8", 2), ("complex64", "float32", 2)])
def test_casts(launched, given, wanted, lanes):
    x = numbers(41, given)
    found = host(elementwise.cast(placed(x), wanted))
    np.testing.assert_array_equal(found, (x.real if "c" in given else x).astype(wanted))
    assert found.dtype == wanted
    assert launched == [(f"cast_{given}_{wanted}", lanes)]


def test_an_operand_of_one_element_is_read_once(launched):
    x, y = numbers(39).reshape(3, 13), numbers(1)
    for shape in ((), (1,), (1, 1)):
        found = op("subtract", placed(x), backend.current().from_host(y.reshape(shape)))
        np.testing.assert_array_equal(found, x - y)
    np.testing.assert_array_equal(op("add", placed(x), np.array(2, np.float32)), x + np.float32(2))
    np.testing.assert_array_equal(op("add", placed(y).reshape(1, 1), placed(y)), [y + y])
    assert launched == [*[("subtract", 4)] * 3, *[("add", 4)] * 2]


@pytest.mark.parametrize(("first", "second"), [((5, 12), (12,)), ((5, 12), (5, 1)), ((12,), (5, 1)),
                                               ((3, 2, 8), (2, 8)), ((4, 1), (1, 64)), ((300, 8), (8,))])
def test_rows_of_whole_vectors(launched, first, second):
    x, y = numbers(np.prod(first)).reshape(first), numbers(np.prod(second), seed=1).reshape(second)
    for a, b in ((x, y), (y, x)):
        np.testing.assert_array_equal(op("subtract", placed(a), placed(b)), a - b)
    np.testing.assert_array_equal(op("select", placed(y < 0), placed(x), placed(x + x)),
                                  np.where(y < 0, x, x + x))
    assert launched == [("subtract", 4), ("subtract", 4), ("select", 4)]


def test_other_rows_go_by_elements(launched):
    x, row = numbers(60).reshape(5, 12), numbers(12)
    np.testing.assert_array_equal(op("add", placed(x[:, :11].copy()), placed(row[:11])), x[:, :11] + row[:11])
    np.testing.assert_array_equal(op("add", placed(x), placed(row, at_vector=False)), x + row)
    np.testing.assert_array_equal(op("add", placed(x)[:, 4:], placed(row[4:])), x[:, 4:] + row[4:])
    np.testing.assert_array_equal(op("add", placed(row)[::2], placed(row)[6:]), row[::2] + row[6:])
    assert launched == [("add", 0)] * 4


# ---- copies
@pytest.mark.parametrize("dtype", LANES)
@pytest.mark.parametrize("at_vector", [True, False])
def test_copies(launched, dtype, at_vector):
    by_vectors = at_vector or dtype == "complex128"
    for n in (1, 16, 33, 70):
        x = numbers(n, dtype)
        np.testing.assert_array_equal(host(arrays.copy(placed(x, at_vector))), x)
    assert {name for name, _ in launched[1:]} == {"copy_by_vectors" if by_vectors else "copy_1"}


def test_a_copy_of_many_elements():
    x = numbers(LARGE)
    np.testing.assert_array_equal(host(arrays.copy(placed(x))), x)


def test_a_part_is_all_that_is_written():
    x, whole = numbers(37), placed(numbers(64, seed=1))
    before = host(whole)
    arrays.assign(whole[4:41], placed(x))
    np.testing.assert_array_equal(host(whole), [*before[:4], *x, *before[41:]])


@pytest.mark.parametrize("dtype", [d for d in LANES if "c" not in d])
@pytest.mark.parametrize("at_vector", [True, False])
def test_fills(dtype, at_vector):
    for n in (1, 16, 33, 70):
        out = placed(numbers(n + 1, dtype), at_vector)
        last = host(out)[-1]
        arrays.fill(out[:n], 1)
        np.testing.assert_array_equal(host(out), [*np.ones(n, dtype), last])


# ---- code
def compiled(launch):
    """The Code of the one kernel that a function of the backend launches."""
    with backend.using(backend.Compiler(((9, 0),))) as compiler:
        launch(compiler)
    code, = compiler.compiled.values()
    return code


def accesses(code):
    return set(re.findall(r"\b(?:ld|st)\.global\.v\d\.\w+", code.ptx))


def of_op(name, dtype):
    def launch(compiler):
        kernel = OPS[name].kernel
        names = [kernel._dtype_name(letter, dtype) for letter in kernel._inputs]
        elementwise.run(kernel, np.dtype(dtype), [compiler.empty((1000,), each) for each in names])
    return launch


LD_F32, ST_F32, LD_F64, ST_F64, LD_WORDS, ST_WORDS = (
    f"{access}.global.{kind}" for kind in ("v4.f32", "v2.f64", "v4.u32") for access in ("ld", "st"))


@pytest.mark.ptx
@pytest.mark.parametrize(("name", "dtype", "wanted"), [
    ("add", "float32", {LD_F32, ST_F32}), ("gelu", "float32", {LD_F32, ST_F32}),
    ("add", "float64", {LD_F64, ST_F64}), ("add", "complex64", {LD_F32, ST_F32}),
    ("negative", "complex128", {LD_F64, ST_F64}), ("add", "int8", {LD_WORDS, ST_WORDS}),
    ("less", "int8", {LD_WORDS, ST_WORDS}), ("less", "float64", {LD_F64, "st.global.v2.u8"}),
    ("select", "float32", {"ld.global.v4.u8", LD_F32, ST_F32}),
    ("logical_not", "bool", {LD_WORDS, ST_WORDS})])
def test_ops_use_vectors(name, dtype, wanted):
    code = compiled(of_op(name, dtype))
    assert accesses(code) == wanted
    assert code.resources.local == code.resources.spilled == 0
    assert code.resources.registers <= 48


@pytest.mark.ptx
@pytest.mark.parametrize("shape", [(64,), (16, 1)])
def test_rows_of_whole_vectors_use_them(shape):
    kernel = OPS["add"].kernel
    code = compiled(lambda compiler: elementwise.run(
        kernel, np.dtype("float32"), [compiler.empty(s, "float32") for s in ((16, 64), shape)]))
    assert accesses(code) == {LD_F32, ST_F32}
    assert "div.s64" not in code.ptx
    assert code.resources.local == code.resources.spilled == 0


@pytest.mark.ptx
@pytest.mark.parametrize(("dtype", "wanted"), [
    ("float32", {LD_WORDS, ST_WORDS}), ("bool", {LD_WORDS, ST_WORDS}), ("int16", {LD_WORDS, ST_WORDS}),
    ("int64", {"ld.global.v2.u64", "st.global.v2.u64"}), ("complex128", {LD_F64, ST_F64})])
def test_copies_use_vectors(dtype, wanted):
    code = compiled(lambda compiler: arrays.copy(compiler.empty((1000,), dtype)))
    assert accesses(code) == wanted
    assert code.resources.local == code.resources.spilled == 0


@pytest.mark.ptx
@pytest.mark.parametrize(("dtype", "wanted"), [("float32", ST_F32), ("bool", ST_WORDS), ("float64", ST_F64)])
def test_fills_use_vectors(dtype, wanted):
    assert accesses(compiled(lambda compiler: arrays.zeros((1000,), dtype))) == {wanted}
