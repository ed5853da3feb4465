"""Linear algebra against NumPy and against what each factor promises."""
import subprocess
import sys

import numpy as np
import pytest
from numbaflow.kernels import linalg

DTYPES = [np.float32, np.float64, np.complex64, np.complex128]
BATCHES = [(), (3,), (2, 2), (0,)]
every_dtype = pytest.mark.parametrize("dtype", DTYPES)


def values(shape, dtype, seed=0):
    r = np.random.default_rng(seed)
    x = r.standard_normal(shape)
    if np.dtype(dtype).kind == "c":
        x = x + 1j * r.standard_normal(shape)
    return x.astype(dtype)


def square(batch, n, dtype, seed=0):
    """Well-conditioned, so that the tolerances mean something."""
    return (values((*batch, n, n), dtype, seed) + 2 * n * np.eye(n)).astype(dtype)


def adjoint(x):
    return x.swapaxes(-1, -2).conj()


def positive(batch, n, dtype):
    x = values((*batch, n, n), dtype)
    return (x @ adjoint(x) + np.eye(n)).astype(dtype)


def layouts(x):
    """The same matrices in three orders of memory."""
    yield x
    yield np.ascontiguousarray(x.swapaxes(-1, -2)).swapaxes(-1, -2)
    yield np.repeat(np.repeat(x, 2, axis=-1), 2, axis=-2)[..., ::2, ::2]


def close(y, reference, factor=200):
    reference = np.asarray(reference)
    assert isinstance(y, np.ndarray)
    assert y.dtype == reference.dtype
    assert y.shape == reference.shape
    eps = np.finfo(y.dtype).eps
    scale = np.abs(reference).max() if reference.size else 1
    np.testing.assert_allclose(y, reference, rtol=factor * eps, atol=factor * eps * scale)


def orthonormal(x):
    n = x.shape[-1]
    close(adjoint(x) @ x, np.broadcast_to(np.eye(n, dtype=x.dtype), (*x.shape[:-2], n, n)))




# ---- inverses
@every_dtype
def test_matrix_inverse(dtype):
    for batch in BATCHES:
        for n in (1, 5, 0):
            for a in layouts(square(batch, n, dtype)):
                before = a.copy()
                close(linalg.matrix_inverse(a), np.linalg.inv(a))
                close(linalg.matrix_inverse(a, adjoint=True), np.linalg.inv(adjoint(a)))
                np.testing.assert_array_equal(a, before)


@every_dtype
def test_matrix_solve(dtype):
    for batch in BATCHES:
        for n, count in ((1, 1), (5, 3), (4, 6), (3, 0), (0, 2)):
            for a, b in zip(layouts(square(batch, n, dtype)), layouts(values((*batch, n, count), dtype, 1)),
                            strict=True):
                before = a.copy(), b.copy()
                close(linalg.matrix_solve(a, b), np.linalg.solve(a, b))
                close(linalg.matrix_solve(a, b, adjoint=True), np.linalg.solve(adjoint(a), b))
                np.testing.assert_array_equal(a, before[0])
                np.testing.assert_array_equal(b, before[1])


@every_dtype
def test_matrix_triangular_solve_reads_one_triangle(dtype):
    for batch in BATCHES:
        for n, count in ((1, 1), (5, 3), (4, 6), (3, 0), (0, 2)):
            for a, b in zip(layouts(square(batch, n, dtype)), layouts(values((*batch, n, count), dtype, 1)),
                            strict=True):
                for lower, part in ((True, np.tril(a)), (False, np.triu(a))):
                    for turned in (False, True):
                        reference = np.linalg.solve(adjoint(part) if turned else part, b)
                        x = linalg.matrix_triangular_solve(a, b, lower=lower, adjoint=turned)
                        close(x, reference.astype(dtype))


@every_dtype
def test_determinants(dtype):
    for batch in BATCHES:
        for n in (1, 2, 5, 0):
            for a in layouts(values((*batch, n, n), dtype)):
                reference = np.linalg.slogdet(a)
                close(linalg.det(a), np.asarray(np.linalg.det(a), dtype))
                sign, log = linalg.slogdet(a)
                close(sign, reference[0])
                close(log, reference[1])
    assert linalg.det(np.zeros((0, 0), dtype)) == 1
    singular = np.ones((2, 2), dtype)
    assert linalg.det(singular) == 0
    sign, log = linalg.slogdet(singular)
    assert sign == 0
    assert log == -np.inf


def test_determinants_of_permutations_have_their_sign():
    a = np.stack([np.eye(4)[p] for p in ([0, 1, 2, 3], [1, 0, 2, 3], [1, 2, 0, 3], [1, 2, 3, 0])])
    np.testing.assert_array_equal(linalg.det(a), [1, -1, 1, -1])
    np.testing.assert_array_equal(linalg.slogdet(a)[0], [1, -1, 1, -1])


def test_slogdet_where_the_determinant_overflows():
    a = np.eye(300) * 1e10
    assert np.isinf(linalg.det(a))
    np.testing.assert_allclose(linalg.slogdet(a)[1], 3000 * np.log(10), rtol=1e-14)


# ---- factors
@every_dtype
def test_cholesky(dtype):
    for batch in BATCHES:
        for n in (1, 5, 0):
            for a in layouts(positive(batch, n, dtype)):
                close(linalg.cholesky(a), np.linalg.cholesky(a))
                close(linalg.cholesky(np.tril(a)), np.linalg.cholesky(a))


SHAPES = [(4, 4), (5, 3), (3, 5), (1, 1), (6, 1), (1, 6), (0, 3), (3, 0), (0, 0)]


@every_dtype
def test_qr(dtype):
    for batch in BATCHES:
        for m, n in SHAPES:
            for a in layouts(values((*batch, m, n), dtype)):
                for full in (False, True):
                    inner = m if full else min(m, n)
                    q, r = linalg.qr(a, full_matrices=full)
                    assert q.shape == (*batch, m, inner)
                    close(q @ r, np.ascontiguousarray(a))
                    orthonormal(q)
                    np.testing.assert_array_equal(r, np.triu(r))


@every_dtype
def test_svd(dtype):
    for batch in BATCHES:
        for m, n in SHAPES:
            small = min(m, n)
            for a in layouts(values((*batch, m, n), dtype)):
                for full in (False, True):
                    s, u, v = linalg.svd(a, full_matrices=full)
                    close(s, np.linalg.svd(a, compute_uv=False))
                    assert u.shape == (*batch, m, m if full else small)
                    assert v.shape == (*batch, n, n if full else small)
                    parts = (u[..., :small] * s[..., None, :]) @ adjoint(v[..., :small])
                    close(parts.astype(dtype), np.ascontiguousarray(a))
                    orthonormal(u)
                    orthonormal(v)
                close(linalg.svd(a, compute_uv=False), s)


@every_dtype
def test_self_adjoint_eig(dtype):
    for batch in BATCHES:
        for n in (1, 5, 0):
            x = values((*batch, n, n), dtype)
            hermitian = x + adjoint(x)
            for a in layouts(hermitian):
                w, v = linalg.self_adjoint_eig(a)
                close(w, np.linalg.eigvalsh(a))
                close(v * w[..., None, :] @ adjoint(v).astype(dtype), hermitian)
                orthonormal(v)
                close(linalg.self_adjoint_eigvals(np.tril(a)), w)


def test_larger_than_a_block():
    a = square((2,), 150, np.float64)
    b = values((2, 150, 90), np.float64, 1)
    close(linalg.matrix_inverse(a), np.linalg.inv(a))
    close(linalg.matrix_solve(a, b), np.linalg.solve(a, b))
    s, u, v = linalg.svd(b)
    close(u * s[..., None, :] @ adjoint(v), b, 1000)
    q, r = linalg.qr(b)
    close(q @ r, b, 1000)
    w, v = linalg.self_adjoint_eig(a + adjoint(a))
    close(v * w[..., None, :] @ adjoint(v), a + adjoint(a), 1000)


def test_many_matrices_run_in_threads():
    a = square((1200,), 8, np.float64)
    close(linalg.matrix_inverse(a), np.linalg.inv(a))
    broken = a.copy()
    broken[777, :, 2] = 0
    with pytest.raises(ValueError, match=r"the matrix at \(777,\) of the batch is not invertible"):
        linalg.matrix_inverse(broken)


def test_kept_kernels_load_without_scipy_linalg():
    """The package takes 0.2 s, and some NumPy functions in a kernel would have it loaded with the kernel."""
    program = """if True:
        import sys
        import numpy as np
        from numbaflow.kernels import linalg
        a = np.eye(3)
        for call in (linalg.matrix_inverse, linalg.svd, linalg.qr, linalg.self_adjoint_eig, linalg.cholesky,
                     linalg.slogdet, lambda x: linalg.matrix_triangular_solve(x, x)):
            call(a)
        print("scipy.linalg" in sys.modules)
    """
    for _ in range(2):                  # the first run may have to compile, which loads it
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


# ---- what has no answer
@every_dtype
def test_singular_matrices_are_named(dtype):
    a = square((2, 3), 3, dtype)
    b = values((2, 3, 3, 2), dtype)
    a[1, 2, 0] = 0
    for call in (linalg.matrix_inverse, lambda x: linalg.matrix_solve(x, b),
                 lambda x: linalg.matrix_triangular_solve(x, b)):
        with pytest.raises(ValueError, match=r"the matrix at \(1, 2\) of the batch is not invertible"):
            call(a)
    with pytest.raises(ValueError, match="the matrix is not invertible"):
        linalg.matrix_inverse(np.zeros((2, 2), dtype))
    with pytest.raises(ValueError, match=r"the matrix at \(1,\) of the batch is not positive definite"):
        linalg.cholesky(np.stack([np.eye(2), -np.eye(2)]).astype(dtype))


@every_dtype
def test_nan_and_inf_come_through(dtype):
    for bad in (np.nan, np.inf):
        a = square((2,), 4, dtype)
        a[1, 2, 1] = bad
        for y in (*linalg.svd(a), linalg.svd(a, compute_uv=False), *linalg.self_adjoint_eig(a),
                  linalg.self_adjoint_eigvals(a)):
            assert np.isfinite(y[0]).all()
            assert np.isnan(y[1]).all()
        for call in (linalg.matrix_inverse, linalg.det, linalg.cholesky, linalg.qr, linalg.slogdet,
                     lambda x: linalg.matrix_solve(x, x), lambda x: linalg.matrix_triangular_solve(x, x)):
            try:
                y = call(a)
            except ValueError:
                continue
            if np.isnan(bad):                   # 1 / inf is a finite part of an inverse
                assert any(np.isnan(part[1]).any() for part in (y if isinstance(y, tuple) else (y,)))


@pytest.mark.parametrize(("call", "kind", "text"), [
    (lambda: linalg.matrix_inverse(np.ones((2, 3))), ValueError, r"shape \(2, 3\); a square matrix"),
    (lambda: linalg.det(np.ones(3)), ValueError, "at least two dimensions"),
    (lambda: linalg.cholesky(np.ones((2, 2), int)), TypeError, "has dtype int64; float32"),
    (lambda: linalg.matrix_solve(np.ones((2, 2)), np.ones((3, 2))), ValueError, "do not match"),
    (lambda: linalg.matrix_solve(np.ones((2, 2)), np.ones((2, 2), "f")), TypeError, "float64 and float32"),
    (lambda: linalg.matrix_solve(np.ones((2, 2)), np.ones(2)), ValueError, "the right-hand side has shape"),
    (lambda: linalg.matrix_band_part(np.ones((2, 2)), 3, 0), ValueError, "num_lower is 3"),
    (lambda: linalg.matrix_set_diag(np.ones((2, 2)), np.ones(3)), ValueError, r"float64 \(2,\) expected"),
    (lambda: linalg.diag_part(np.ones((2, 3))), ValueError, "must repeat"),
    (lambda: linalg.matrix_diag(np.float64(1)), ValueError, "at least one dimension"),
    (lambda: linalg.trace(np.ones(2)), ValueError, "at least two dimensions"),
    (lambda: linalg.eye(-1), ValueError, "negative"),
])
def test_errors(call, kind, text):
    with pytest.raises(kind, match=text):
        call()


# ---- diagonals
def same(y, reference, dtype):
    assert y.dtype == dtype
    assert y.flags.c_contiguous
    np.testing.assert_array_equal(y, reference, strict=True)


@pytest.mark.parametrize("dtype", [np.float32, np.int32, bool, np.complex128])
def test_diagonals(dtype):
    dtype = np.dtype(dtype)
    for batch in BATCHES:
        for m, n in SHAPES:
            for a in layouts(values((*batch, m, n), np.float64).astype(dtype)):
                main = np.diagonal(a, axis1=-2, axis2=-1)
                same(linalg.matrix_diag_part(a), main, dtype)
                same(linalg.trace(a), np.trace(a, axis1=-2, axis2=-1, dtype=dtype), dtype)
                k = min(m, n)
                marked = a.copy()
                marked[..., range(k), range(k)] = dtype.type(7)
                same(linalg.matrix_set_diag(a, np.full((*batch, k), 7, dtype)), marked, dtype)
                expanded = np.zeros((*batch, n, n), dtype)
                expanded[..., range(n), range(n)] = a[..., 0, :] if m else 0
                if m:
                    same(linalg.matrix_diag(a[..., 0, :]), expanded, dtype)
                for lower in {-1, 0, min(1, m), m}:
                    for upper in {-1, 0, min(1, n), n}:
                        kept = np.tril(a, upper if upper >= 0 else n)
                        kept = np.triu(kept, -lower if lower >= 0 else -m)
                        same(linalg.matrix_band_part(a, lower, upper), kept, dtype)


def test_diag_and_its_part():
    for shape in ((), (3,), (2, 3), (0,), (2, 0)):
        x = values(shape, np.float32)
        y = linalg.diag(x)
        assert y.shape == shape * 2
        assert np.count_nonzero(y) == x.size
        if shape:
            same(linalg.diag_part(y), x, x.dtype)
            same(linalg.diag_part(y.T), x.T, x.dtype)
    same(linalg.diag(np.array([1, 2])), np.diag([1, 2]), int)


def test_eye():
    same(linalg.eye(3), np.eye(3, dtype=np.float32), np.float32)
    stacked = np.broadcast_to(np.eye(2, 4, dtype=np.int64), (2, 1, 2, 4))
    same(linalg.eye(2, 4, (2, 1), np.int64), stacked, np.int64)
    same(linalg.eye(0, 2), np.zeros((0, 2), np.float32), np.float32)
