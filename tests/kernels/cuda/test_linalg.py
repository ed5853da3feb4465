"""Linear algebra on the simulated device: the CPU's results, on the device."""
import numpy as np
import pytest
from numbaflow.kernels import linalg as on_host
from numbaflow.kernels.cuda import backend, linalg, triangles


def given(x):
    return backend.current().from_host(x)


def same(found, wanted):
    if isinstance(wanted, tuple):
        for f, w in zip(found, wanted, strict=True):
            same(f, w)
        return
    assert backend.current().is_array(found)
    found = backend.current().to_host(found)
    assert found.dtype == wanted.dtype
    np.testing.assert_array_equal(found, wanted)


def square(shape, dtype):
    x = np.random.default_rng(0).standard_normal((2, *shape))
    x = (x[0] + 1j * x[1] if np.dtype(dtype).kind == "c" else x[0]).astype(dtype)
    return x @ x.conj().swapaxes(-1, -2) + np.eye(shape[-1], dtype=dtype)


ONE = [("matrix_inverse", ()), ("matrix_inverse", (True,)), ("det", ()), ("slogdet", ()), ("cholesky", ()),
       ("qr", ()), ("svd", ()), ("svd", (False, False)), ("self_adjoint_eig", ()),
       ("self_adjoint_eigvals", ())]


@pytest.mark.parametrize("dtype", ["float32", "complex128"])
@pytest.mark.parametrize("shape", [(3, 3), (2, 2, 2), (0, 3, 3), (2, 0, 0)])
@pytest.mark.parametrize(("name", "options"), ONE)
def test_functions_of_a_matrix(name, options, shape, dtype):
    a = square(shape, dtype)
    same(getattr(linalg, name)(given(a), *options), getattr(on_host, name)(a, *options))


@pytest.mark.parametrize("shape", [(3, 0), (0, 3), (2, 3, 2)])
@pytest.mark.parametrize("full", [False, True])
def test_factors_of_matrices_that_are_not_square(shape, full):
    a = np.random.default_rng(0).standard_normal(shape)
    same(linalg.qr(given(a), full), on_host.qr(a, full))
    same(linalg.svd(given(a), full), on_host.svd(a, full))


@pytest.mark.parametrize(("name", "options"), [("matrix_solve", ()), ("matrix_solve", (True,)),
                                               ("matrix_triangular_solve", (False, True))])
@pytest.mark.parametrize("columns", [0, 2])
def test_solutions(name, options, columns):
    a, b = square((2, 3, 3), "complex64"), np.ones((2, 3, columns), "complex64")
    same(getattr(linalg, name)(given(a), given(b), *options), getattr(on_host, name)(a, b, *options))


def test_what_has_no_meaning_is_refused():
    with pytest.raises(ValueError, match="a square matrix was expected"):
        linalg.det(given(np.ones((2, 3))))
    with pytest.raises(TypeError, match="int64"):
        linalg.qr(given(np.ones((2, 3), np.int64)))
    with pytest.raises(ValueError, match="do not match"):
        linalg.matrix_solve(given(np.ones((2, 2))), given(np.ones((3, 1))))


@pytest.mark.parametrize("dtype", ["float32", "complex128"])
def test_a_factor_is_a_triangle_or_nan(dtype):
    x = np.arange(1, 28).reshape(3, 3, 3).astype(dtype)
    found = given(x)
    triangles.keep_lower(found, given(np.array([0, 2, 0], np.int32)))
    found = backend.current().to_host(found)
    np.testing.assert_array_equal(found[::2], np.tril(x)[::2])
    assert np.isnan(found[1]).all()


def test_the_compiler_gets_shapes():
    with backend.using(backend.Compiler()) as compiler:
        s, u, v = linalg.svd(compiler.empty((2, 4, 3), np.float32))
        assert (s.shape, u.shape, v.shape) == ((2, 3), (2, 4, 3), (2, 3, 3))
        assert linalg.cholesky(compiler.empty((5, 5), np.complex64)).shape == (5, 5)
