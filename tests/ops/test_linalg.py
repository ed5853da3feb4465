"""Linear algebra beyond the samples: complex gradients, what is solved with factors, odd shapes, errors."""
import numpy as np
import pytest

import numbaflow as nf
from numbaflow.ops import factors, linalg


def complex_normal(*shape, seed=0):
    rng = np.random.default_rng(seed)
    return rng.standard_normal(shape) + 1j * rng.standard_normal(shape)


def hermitian(n, seed=0):
    a = complex_normal(n, n, seed=seed)
    return a @ a.conj().T + np.diag(np.arange(1.0, n + 1) * n)


@pytest.mark.parametrize(("f", "shapes"), [
    (nf.matrix_inverse, [(3, 3)]), (lambda a: nf.matrix_inverse(a, adjoint=True), [(2, 3, 3)]),
    (nf.matrix_solve, [(3, 3), (3, 2)]), (lambda a, b: nf.matrix_solve(a, b, adjoint=True), [(3, 3), (3, 2)]),
    (nf.matrix_triangular_solve, [(3, 3), (3, 2)]),
    (lambda a, b: nf.matrix_triangular_solve(a, b, lower=False, adjoint=True), [(3, 3), (3, 2)]),
    (nf.matrix_determinant, [(3, 3)]), (lambda a: nf.linalg.slogdet(a), [(2, 3, 3)]),
    (lambda a, b: nf.cross(a, b), [(2, 3), (2, 3)]), (lambda a: nf.trace(a), [(2, 3, 3)])])
def test_complex_gradients(f, shapes):
    args = [complex_normal(*shape, seed=k) + (3.0 * np.eye(3) if shape[-2:] == (3, 3) else 0.0) for k,
            shape in enumerate(shapes)]
    nf.testing.check_gradients(f, args)


# eigenvectors and singular vectors of complex matrices have phases that are left open, so gradients are those
# of functions that do not see them
@pytest.mark.parametrize("f", [
    lambda a: nf.qr(a), lambda a: nf.svd(a, compute_uv=False), lambda a: projectors(*nf.svd(a)[1:]),
    lambda a: low_rank(*nf.svd(a))])
@pytest.mark.parametrize("shape", [(3, 3), (4, 2), (2, 4)])
def test_complex_factors(f, shape):
    nf.testing.check_gradients(f, [complex_normal(*shape)], order=1)


def projectors(u, v):
    """What of the first pair of vectors does not depend on its phase."""
    return nf.matmul(u[:, :1], v[:, :1], adjoint_b=True)


def low_rank(s, u, v):
    return nf.matmul(u[:, :1] * nf.cast(s[:1], u.dtype), v[:, :1], adjoint_b=True)


def test_complex_eigenvectors():
    def projector(a):
        e, v = nf.self_adjoint_eig(a)
        return e, nf.matmul(v[:, 1:2], v[:, 1:2], adjoint_b=True)
    nf.testing.check_gradients(projector, [hermitian(3)])
    nf.testing.check_gradients(nf.cholesky, [hermitian(3)])


def test_gradient_of_a_symmetric_matrix_is_in_the_triangle_that_is_read():
    a = nf.constant(np.array([[4.0, 1.0], [1.0, 3.0]]))
    for f in (nf.cholesky, lambda a: nf.self_adjoint_eig(a)[0], nf.self_adjoint_eigvals):
        g = nf.gradients_function(lambda a, f=f: nf.reduce_sum(nf.cube(f(a))))(a)[0].numpy()
        assert g[0, 1] == 0
        assert g[1, 0] != 0


def test_eigenvalues_and_determinants_agree_in_their_gradients():
    a = np.diag([1.0, 2.0, 4.0]) + 0.3
    def by_values(a):
        return nf.reduce_sum(nf.log(nf.self_adjoint_eigvals(a)))
    of_values = nf.gradients_function(by_values)(nf.constant(a))[0].numpy()
    of_logdet = nf.gradients_function(nf.linalg.logdet)(nf.constant(a))[0].numpy()
    np.testing.assert_allclose(of_values, of_logdet, atol=1e-12)
    of_slogdet = nf.gradients_function(lambda a: nf.linalg.slogdet(a)[1])(nf.constant(a))[0].numpy()
    np.testing.assert_allclose(of_logdet + of_logdet.T - np.diag(np.diag(of_logdet)),
                               2 * of_slogdet - np.diag(np.diag(of_slogdet)),
                               atol=1e-12)
    np.testing.assert_allclose(nf.linalg.logdet(a).numpy(), np.linalg.slogdet(a)[1])


def test_cholesky_solve():
    a, b = hermitian(3), complex_normal(3, 2)
    np.testing.assert_allclose(nf.cholesky_solve(nf.cholesky(a), b).numpy(), np.linalg.solve(a, b))


@pytest.mark.parametrize("shape", [(5, 3), (3, 5), (3, 3)])
@pytest.mark.parametrize("fast", [True, False])
def test_least_squares(shape, fast):
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal(shape), rng.standard_normal((shape[0], 2))
    x = nf.linalg.lstsq(a, b, fast=fast).numpy()
    np.testing.assert_allclose(x, np.linalg.lstsq(a, b, rcond=None)[0], rtol=1e-7, atol=1e-9)
    nf.testing.check_gradients(lambda a, b: nf.linalg.lstsq(a, b, fast=fast), [a, b], order=1)


def test_regularized_least_squares():
    rng = np.random.default_rng(0)
    for shape in ((5, 3), (3, 5)):
        a, b = rng.standard_normal(shape), rng.standard_normal((shape[0], 2))
        expected = np.linalg.solve(a.T @ a + 0.5 * np.eye(shape[1]), a.T @ b)
        np.testing.assert_allclose(nf.linalg.lstsq(a, b, l2_regularizer=0.5).numpy(), expected, rtol=1e-9)


def test_factors_multiply_back():
    a = complex_normal(2, 4, 3)
    q, r = nf.qr(a)
    np.testing.assert_allclose((q @ r).numpy(), a, atol=1e-12)
    s, u, v = nf.svd(a)
    np.testing.assert_allclose(nf.matmul(u * nf.cast(s[:, None, :], u.dtype), v, adjoint_b=True).numpy(), a,
                               atol=1e-12)
    full = nf.svd(a, full_matrices=True)
    assert [tuple(t.shape) for t in full] == [(2, 3), (2, 4, 4), (2, 3, 3)]
    e, v = nf.self_adjoint_eig(hermitian(3))
    np.testing.assert_allclose(nf.matmul(v * nf.cast(e, v.dtype), v, adjoint_b=True).numpy(), hermitian(3),
                               atol=1e-12)


def test_integers_become_floats():
    assert nf.matrix_inverse([[2, 0], [0, 4]]).numpy().tolist() == [[0.5, 0.0], [0.0, 0.25]]
    assert nf.matrix_determinant([[2, 0], [0, 4]]).dtype == nf.float64


@pytest.mark.parametrize(("call", "text"), [
    (lambda: nf.matrix_inverse(np.zeros((2, 2))), "matrix_inverse: the matrix is not invertible"),
    (lambda: nf.matrix_inverse(np.stack([np.eye(2), np.zeros((2, 2))])), r"at \(1,\) of the batch"),
    (lambda: nf.matrix_inverse(np.ones((2, 3))), "a square matrix was expected"),
    (lambda: nf.matrix_solve(np.eye(2), np.ones((3, 1))), "matrix_solve: shapes"),
    (lambda: nf.cholesky(-np.eye(2)), "cholesky: the matrix is not positive definite"),
    (lambda: nf.qr(np.ones(3)), "qr: the matrix has shape"),
    (lambda: nf.cross(np.ones(2), np.ones(2)), "cross: shapes"),
    (lambda: nf.matrix_set_diag(np.ones((2, 2)), np.ones(3)), "matrix_set_diag: the diagonal"),
    (lambda: nf.matrix_band_part(np.ones((2, 2)), 3, 0), "num_lower is 3"),
    (lambda: nf.diag_part(np.ones((2, 3))), "diag_part: shape"),
    (lambda: nf.gradients_function(lambda a: nf.qr(a, full_matrices=True))(np.ones((3, 2))),
     "use full_matrices=False"),
    (lambda: nf.gradients_function(lambda a: nf.svd(a, full_matrices=True)[1])(np.ones((3, 2))),
     "use full_matrices=False")])
def test_errors(call, text):
    with pytest.raises(ValueError, match=text):
        call()


def test_names():
    assert linalg.log_matrix_determinant is linalg.slogdet
    assert nf.linalg.lstsq is factors.matrix_solve_ls
    y = nf.linalg.slogdet(np.eye(2))
    assert y.sign.numpy() == 1
    np.testing.assert_array_equal(nf.linalg.adjoint(np.array([[1j, 2.0]])).numpy(), [[-1j], [2.0]])
