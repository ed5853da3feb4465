"""What is asked of CuPy and cuSOLVER: both are played by NumPy, on the simulated device's memory."""
import ctypes
import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import scipy.linalg
from numbaflow.kernels import cuda as package, linalg as on_host
from numbaflow.kernels.cuda import backend, linalg


def given(x):
    return backend.current().from_host(np.asarray(x))


def seen(x):
    return backend.current().to_host(x)


def played(function):
    """A function of host arrays as one of device arrays."""
    def play(*args, **options):
        found = function(*[seen(x) if backend.current().is_array(x) else x for x in args], **options)
        return tuple(map(given, found)) if isinstance(found, tuple) else given(found)
    return play


def memory(address, count, dtype):
    room = (ctypes.c_char * (count * np.dtype(dtype).itemsize)).from_address(address)
    return np.frombuffer(room, dtype)


def potrf(dtype, n, address, info):
    """Cholesky's factor of the upper triangle of a matrix stored by columns, in its place."""
    x = memory(address, n * n, dtype).reshape(n, n).T
    whole = np.triu(x) + np.triu(x, 1).conj().T
    try:
        x[np.triu_indices(n)] = np.linalg.cholesky(whole).conj().T[np.triu_indices(n)]
    except np.linalg.LinAlgError:
        info[...] = 1


@pytest.fixture(autouse=True)
def cupy(monkeypatch):
    """Modules that do with NumPy what ours ask of CuPy's."""
    solver = SimpleNamespace()
    for letter, dtype in {"s": "f", "d": "d", "c": "F", "z": "D"}.items():
        def one(handle, upper, n, x, lead, work, length, info, dtype=dtype):
            assert (upper, lead, length) == ("upper", n, 5)
            memory(info, 1, np.int32)[...] = 0
            potrf(dtype, n, x, memory(info, 1, np.int32))

        def many(handle, upper, n, each, lead, info, count, dtype=dtype):
            assert (upper, lead) == ("upper", n)
            memory(info, count, np.int32)[...] = 0
            for k, address in enumerate(memory(each, count, np.uintp)):
                potrf(dtype, n, int(address), memory(info, count, np.int32)[k:k + 1])
        setattr(solver, f"{letter}potrf_bufferSize", lambda handle, upper, n, x, lead: 5)
        setattr(solver, f"{letter}potrf", one)
        setattr(solver, f"{letter}potrfBatched", many)
    names = ["solve", "det", "slogdet", "qr", "svd", "eigh", "eigvalsh"]
    parts = {
        "cupy": {**{name: played(getattr(np, name)) for name in ("eye", "broadcast_to", "ascontiguousarray",
                                                                   "arange")},
                 "linalg": SimpleNamespace(**{name: played(getattr(np.linalg, name)) for name in names})},
        "cupy.cuda": {"device": SimpleNamespace(get_cusolver_handle=lambda: 7), "cusolver": solver,
                      "cublas": SimpleNamespace(CUBLAS_FILL_MODE_UPPER="upper")},
        "cupyx.scipy.linalg": {"solve_triangular": played(scipy.linalg.solve_triangular)}}
    for name in {part[:k] for part in (f"{p}." for p in parts) for k, c in enumerate(part) if c == "."}:
        module = ModuleType(name)
        vars(module).update(parts.get(name, {}))
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setattr(backend.DeviceArray, "data", property(lambda x: SimpleNamespace(ptr=x.ctypes.data)),
                        raising=False)
    monkeypatch.setattr(backend.current(), "name", "GPU", raising=False)
    yield
    sys.modules.pop(f"{package.__name__}.cusolver", None)
    vars(package).pop("cusolver", None)


def definite(shape, dtype):
    x = np.random.default_rng(0).standard_normal((2, *shape))
    x = (x[0] + 1j * x[1] if np.dtype(dtype).kind == "c" else x[0]).astype(dtype)
    return x @ x.conj().swapaxes(-1, -2) + np.eye(shape[-1], dtype=dtype)


def same(found, wanted):
    for f, w in zip(found, wanted, strict=True) if isinstance(wanted, tuple) else [(found, wanted)]:
        assert backend.current().is_array(f)
        assert f.dtype == w.dtype
        np.testing.assert_allclose(seen(f), w, rtol=2e-4, atol=1e-5)


@pytest.mark.parametrize("dtype", ["float32", "complex128"])
@pytest.mark.parametrize("shape", [(3, 3), (2, 4, 3, 3)])
def test_functions_of_matrices(shape, dtype):
    a = definite(shape, dtype)
    for name, options in [("matrix_inverse", (False,)), ("det", ()), ("slogdet", ()), ("cholesky", ()),
                          ("self_adjoint_eigvals", ()), ("qr", (False,)), ("qr", (True,)),
                          ("svd", (False, False))]:
        same(getattr(linalg, name)(given(a), *options), getattr(on_host, name)(a, *options))
    skew = a + np.triu(np.ones_like(a))
    same(linalg.matrix_inverse(given(skew), True), on_host.matrix_inverse(skew, True))


@pytest.mark.parametrize("dtype", ["float64", "complex64"])
def test_factors_make_the_matrix(dtype):
    a = definite((2, 3, 3), dtype)[..., :2]
    s, u, v = map(seen, linalg.svd(given(a)))
    np.testing.assert_allclose((u * s[..., None, :]) @ v.conj().swapaxes(-1, -2), a, rtol=1e-4, atol=1e-5)
    a = definite((2, 3, 3), dtype)
    e, v = map(seen, linalg.self_adjoint_eig(given(a)))
    np.testing.assert_allclose((v * e[..., None, :]) @ v.conj().swapaxes(-1, -2), a, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("adjoint", [False, True])
@pytest.mark.parametrize("dtype", ["float64", "complex64"])
def test_solutions(dtype, adjoint):
    a = definite((3, 3), dtype) + np.triu(np.ones((3, 3), dtype))
    b = np.arange(6).reshape(3, 2).astype(dtype)
    same(linalg.matrix_solve(given(a), given(b), adjoint), on_host.matrix_solve(a, b, adjoint))
    for lower in (False, True):
        same(linalg.matrix_triangular_solve(given(a), given(b), lower, adjoint),
             on_host.matrix_triangular_solve(a, b, lower, adjoint))


@pytest.mark.parametrize("large", [2, 256])
def test_a_matrix_that_is_not_positive_definite_gives_nan(large, monkeypatch):
    a = definite((3, 3, 3), "float32")
    linalg.cholesky(given(a))                   # (cusolver is there)
    monkeypatch.setattr(package.cusolver, "_LARGE", large)
    a[1, 2, 2] = -1.0
    found = seen(linalg.cholesky(given(a)))
    assert np.isnan(found[1]).all()
    np.testing.assert_allclose(found[::2], np.linalg.cholesky(a[::2]), rtol=1e-4, atol=1e-5)
