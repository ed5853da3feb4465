"""Matrix products in the simulator against the CPU's, and what cuBLAS would be told, done in NumPy."""
import ctypes
import itertools

import numpy as np
import pytest
from numbaflow.kernels import matmul as on_host
from numbaflow.kernels.cuda import backend, cublas, matmul

BYTES = {"s": np.float32, "d": np.float64, "c": np.complex64, "z": np.complex128}


def random(shape, dtype, seed=0):
    generator = np.random.default_rng(seed)
    if np.dtype(dtype).kind in "iu":
        return generator.integers(0, 100, shape).astype(dtype)
    x = generator.standard_normal(shape)
    return (x + 1j * generator.standard_normal(shape) if np.dtype(dtype).kind == "c" else x).astype(dtype)


def given(x):
    return backend.current().from_host(x)


def same(found, wanted):
    found = backend.current().to_host(found)
    assert found.dtype == wanted.dtype
    assert found.shape == wanted.shape
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-5)


SHAPES = [((17, 5), (5, 18)), ((1, 1), (1, 1)), ((3, 0), (0, 2)), ((0, 3), (3, 2)), ((3, 20, 4), (4, 7)),
          ((2, 3, 4, 5), (2, 3, 5, 6)), ((2, 1, 4, 5), (3, 5, 2)), ((4, 5), (6, 5, 3)),
          ((5, 1, 7), (1, 7, 1))]
FLAGS = [f for f in itertools.product((False, True), repeat=4) if not ((f[0] and f[2]) or (f[1] and f[3]))]


@pytest.mark.parametrize("dtype", ["int8", "int64", "float32", "float64", "complex64"])
@pytest.mark.parametrize(("a", "b"), SHAPES)
def test_products_are_those_of_the_cpu(a, b, dtype):
    a, b = random(a, dtype), random(b, dtype, 1)
    same(matmul.matmul(given(a), given(b)), on_host.matmul(a, b))


@pytest.mark.parametrize("flags", [(True, False, False, False), (False, False, True, False),
                                   (True, True, False, False), (False, True, True, False)])
def test_transposes_and_adjoints(flags):
    a, b = random((2, 5, 4), "complex128"), random((2, 5, 5), "complex128", 1)
    same(matmul.matmul(given(a), given(b), *flags), on_host.matmul(a, b, *flags))


def test_factors_may_have_any_strides():
    a, b = random((3, 2, 9, 8), "float64"), random((3, 40), "float64", 1)
    view_a, view_b = given(a).transpose(1, 0, 3, 2)[:, :, 1:7:2], given(b)[:, ::2]
    same(matmul.matmul(view_a, view_b, transpose_a=True),
         np.matmul(a.transpose(1, 0, 3, 2)[:, :, 1:7:2].swapaxes(-1, -2), b[:, ::2]))


def test_stacks_of_stacks_are_copied_where_calls_would_be_many():
    a, b = random((17, 1, 2, 3), "float32"), random((1, 18, 3, 2), "float32", 1)
    same(matmul.matmul(given(a), given(b)), np.matmul(a, b))


def test_what_does_not_match_is_refused():
    a = given(random((2, 3), "float32"))
    with pytest.raises(ValueError, match="do not match"):
        matmul.matmul(a, a)
    with pytest.raises(TypeError, match="differ"):
        matmul.matmul(a, given(random((3, 2), "float64")))


# ---- cuBLAS
def blas(name, arguments):
    """Do what cuBLAS does for a routine's arguments, on memory of the host."""
    dtype = np.dtype(BYTES[name[0]])
    strided = name[1:] == "gemmStridedBatched"
    if strided:
        op_a, op_b, m, n, k, one, a, lda, step_a, b, ldb, step_b, zero, c, ldc, step_c, count = arguments
    else:
        op_a, op_b, m, n, k, one, a, lda, b, ldb, zero, c, ldc = arguments
        step_a = step_b = step_c = 0
        count = 1

    def matrix(address, rows, columns, step, lead):
        assert lead >= max(rows, 1)
        memory = (ctypes.c_char * (((columns - 1) * lead + rows) * dtype.itemsize)).from_address(
            address + step * dtype.itemsize)
        return np.lib.stride_tricks.as_strided(np.frombuffer(memory, dtype), (rows, columns),
                                               (dtype.itemsize, lead * dtype.itemsize))

    def operand(address, op, rows, columns, step, lead):
        x = matrix(address, *((rows, columns) if op == 0 else (columns, rows)), step, lead)
        return x if op == 0 else x.T if op == 1 else x.T.conj()
    assert matrix(one, 1, 1, 0, 1) == 1
    assert matrix(zero, 1, 1, 0, 1) == 0
    for i in range(count):
        matrix(c, m, n, i * step_c, ldc)[...] = operand(a, op_a, m, k, i * step_a, lda) @ operand(
            b, op_b, k, n, i * step_b, ldb)


@pytest.fixture
def library(monkeypatch):
    """Let products go through cuBLAS as told in NumPy; gives the calls."""
    calls = []

    def multiply(a, conjugate_a, b, conjugate_b, out):
        name, arguments, _held = cublas.call(a, conjugate_a, b, conjugate_b, out, lambda x: x.ctypes.data)
        calls.append((name, arguments))
        blas(name, arguments)
    monkeypatch.setattr(matmul, "_multiply", multiply)
    return calls


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64", "complex128"])
@pytest.mark.parametrize(("a", "b"), [s for s in SHAPES if 0 not in s[0]])
def test_cublas_is_told_the_products(a, b, dtype, library):
    a, b = random(a, dtype), random(b, dtype, 1)
    same(matmul.matmul(given(a), given(b)), on_host.matmul(a, b))


@pytest.mark.parametrize("lead", [(), (3,)])
@pytest.mark.parametrize("flags", FLAGS)
def test_cublas_takes_transposes_as_flags(flags, lead, library, monkeypatch):
    monkeypatch.setattr(cublas, "copy", None)
    monkeypatch.setattr(cublas, "conj", None)
    a = random((*lead, *((5, 4) if flags[0] or flags[2] else (4, 5))), "complex128")
    b = random((*lead, *((6, 5) if flags[1] or flags[3] else (5, 6))), "complex128", 1)
    same(matmul.matmul(given(a), given(b), *flags), on_host.matmul(a, b, *flags))
    assert len(library) == 1


def test_cublas_takes_columns_and_rows_of_larger_matrices(library, monkeypatch):
    monkeypatch.setattr(cublas, "copy", None)
    a, b = random((4, 6, 9), "float32"), random((4, 3, 9), "float32", 1)
    same(matmul.matmul(given(a)[:, 1:4, 2:7], given(b)[:, :, 2:7], transpose_b=True),
         np.matmul(a[:, 1:4, 2:7], b[:, :, 2:7].swapaxes(1, 2)))


def test_cublas_gets_copies_of_what_it_can_not_read(library):
    a, b = random((4, 6, 9), "complex64"), random((4, 6, 5), "complex64", 1)
    same(matmul.matmul(given(a)[:, :, ::-2], given(b), adjoint_a=True),
         np.matmul(a[:, :, ::-2].conj().swapaxes(1, 2), b))
    turned = a.swapaxes(1, 2).copy()
    same(matmul.matmul(given(turned).swapaxes(1, 2), given(b), adjoint_a=True),
         np.matmul(a.conj().swapaxes(1, 2), b))


@pytest.mark.ptx
@pytest.mark.parametrize("dtype", ["int8", "int64", "float32", "complex128"])
def test_tiles_stay_in_registers(dtype):
    with backend.using(backend.Compiler()) as compiler:
        a = compiler.empty((2, 3, 4), dtype)
        matmul.matmul(a, a, transpose_a=True)
        assert all(code.resources.local == 0 for code in compiler.compiled.values())
        assert len(compiler.compiled) == len(compiler.capabilities)
