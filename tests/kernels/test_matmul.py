"""matmul against np.matmul: every dtype, layout, shape and way through the module, and its errors."""
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from numbaflow.kernels import blas, matmul as module
from numbaflow.kernels.matmul import ADJOINT, PLAIN, TRANSPOSE, gemm, matmul

FLOATS = [np.float32, np.float64, np.complex64, np.complex128]


def values(shape, dtype, seed=0):
    r = np.random.default_rng(seed)
    if np.dtype(dtype).kind in "iu":
        return r.integers(0, 100, shape).astype(dtype)
    x = r.standard_normal(shape)
    if np.dtype(dtype).kind == "c":
        x = x + 1j * r.standard_normal(shape)
    return x.astype(dtype)


def agree(y, reference):
    assert isinstance(y, np.ndarray)
    assert y.dtype == reference.dtype
    assert y.shape == reference.shape
    assert y.flags.c_contiguous
    eps = np.finfo(y.dtype).eps if y.dtype.kind in "fc" else 0
    np.testing.assert_allclose(y, reference, rtol=100 * eps, atol=300 * eps)


@st.composite
def operands(draw):
    m, k, n = (draw(st.integers(0, 5)) for _ in range(3))
    batch = draw(st.lists(st.integers(0, 3), max_size=2))

    def thinned():
        kept = batch[draw(st.integers(0, len(batch))):]
        return tuple(1 if draw(st.booleans()) else size for size in kept)

    turned = draw(st.sampled_from([(), ("a",), ("b",), ("a", "b")]))
    a, b = (k, m) if "a" in turned else (m, k), (n, k) if "b" in turned else (k, n)
    layouts = [draw(st.sampled_from(["C", "F", "rows", "columns", "reversed"])) for _ in range(2)]
    dtype = draw(st.sampled_from([*FLOATS, np.int32, np.uint8]))
    how = draw(st.sampled_from(["transpose", "adjoint"]))
    return thinned() + a, thinned() + b, turned, how, layouts, dtype


def laid_out(x, layout):
    if layout == "F":
        return np.ascontiguousarray(x.swapaxes(-1, -2)).swapaxes(-1, -2)
    if layout == "rows":
        return np.repeat(x, 2, axis=-2)[..., ::2, :]
    if layout == "columns":
        return np.repeat(x, 2, axis=-1)[..., ::2]
    return x[..., ::-1, :] if layout == "reversed" else x


@settings(max_examples=300, deadline=None, derandomize=True)
@given(operands())
def test_agrees_with_numpy(case):
    shape_a, shape_b, turned, how, layouts, dtype = case
    a, b = laid_out(values(shape_a, dtype), layouts[0]), laid_out(values(shape_b, dtype, 1), layouts[1])
    turn = {"transpose": lambda x: x.swapaxes(-1, -2), "adjoint": lambda x: x.swapaxes(-1, -2).conj()}[how]
    reference = np.matmul(turn(a) if "a" in turned else a, turn(b) if "b" in turned else b)
    agree(matmul(a, b, **{f"{how}_{name}": True for name in turned}), reference)


@pytest.mark.parametrize(("shapes", "dtype"), [
    (((40, 64, 64), (40, 64, 64)), np.complex64), (((4, 10, 64, 50), (10, 50, 70)), np.float32),
    (((6, 1, 64, 64), (1, 7, 64, 64)), np.float32), (((40, 64, 64), (64, 64)), np.float32)])
def test_many_small_products_run_in_threads(shapes, dtype):
    a, b = values(shapes[0], dtype), values(shapes[1], dtype, 1)
    turned = np.ascontiguousarray(a.swapaxes(-1, -2))
    agree(matmul(a, b), np.matmul(a, b))
    agree(matmul(turned, b, transpose_a=True), np.matmul(a, b))
    agree(matmul(a[..., ::-1], b), np.matmul(a[..., ::-1], b))


def test_large_matrix_and_pooled_result():
    a, b = values((300, 200), np.float64), values((200, 300), np.float64, 1)
    agree(matmul(a, b), a @ b)
    agree(matmul(values((300, 0), np.float64), values((0, 300), np.float64)), np.zeros((300, 300)))


@pytest.mark.parametrize("dtype", [np.int8, np.int32, np.uint64])
def test_integers_wrap_as_numpy_has_it(dtype):
    for shapes in [((33, 41), (41, 29)), ((9, 1, 20, 10), (2, 10, 20)), ((150, 3), (3, 80)),
                   ((190, 1), (1, 195)), ((2, 3), (3, 4))]:
        a, b = values(shapes[0], dtype), values(shapes[1], dtype, 1)
        agree(matmul(a, b), np.matmul(a, b))
        agree(matmul(a.swapaxes(-1, -2), b, transpose_a=True), np.matmul(a, b))


@pytest.mark.parametrize("dtype", FLOATS)
def test_gemm(dtype):
    routine = blas.address("blas", blas.LETTERS[np.dtype(dtype)] + "gemm")
    turn = {PLAIN: lambda x: x, TRANSPOSE: np.transpose, ADJOINT: lambda x: x.T.conj()}
    for how_a, how_b in [(PLAIN, PLAIN), (TRANSPOSE, PLAIN), (PLAIN, ADJOINT), (ADJOINT, TRANSPOSE)]:
        for m, k, n in [(3, 4, 5), (1, 7, 1), (2, 0, 3), (0, 2, 3), (2, 3, 0)]:
            a, b = values((m, k), dtype), values((k, n), dtype, 1)
            x, y = np.ascontiguousarray(turn[how_a](a)), np.ascontiguousarray(turn[how_b](b))
            out = np.full((m, n), np.nan, dtype)          # which beta = 0 must not read
            gemm(routine, x, how_a, y, how_b, out, 0)
            agree(out, a @ b)
            gemm(routine, x, how_a, y, how_b, out, 1)
            agree(out, 2 * (a @ b))


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")     # NumPy warns of inf times 0
def test_nan_and_inf_flow():
    a = np.array([[1.0, np.nan], [np.inf, 1.0]])
    np.testing.assert_array_equal(matmul(a, np.eye(2)), a @ np.eye(2))
    assert np.isnan(matmul(a, np.eye(2))).any()


@pytest.mark.parametrize(("a", "b", "kind", "text"), [
    (np.ones((2, 3)), np.ones((4, 5)), ValueError,
     r"shapes \(2, 3\) and \(4, 5\) do not match: 3 columns against 4 rows"),
    (np.ones(3), np.ones((3, 2)), ValueError, "at least two dimensions"),
    (np.ones((2, 2, 3)), np.ones((3, 3, 2)), ValueError, "do not broadcast"),
    (np.ones((2, 2)), np.ones((2, 2), np.float32), TypeError, "float64 and float32 differ"),
    (np.ones((2, 2), bool), np.ones((2, 2), bool), TypeError, "no product of bool"),
])
def test_errors(a, b, kind, text):
    with pytest.raises(kind, match=text):
        matmul(a, b)


def test_transpose_errors():
    with pytest.raises(ValueError, match="only one of transpose_b and adjoint_b"):
        matmul(np.ones((2, 2)), np.ones((2, 2)), transpose_b=True, adjoint_b=True)
    with pytest.raises(ValueError, match="a has shape"):
        matmul(np.ones(2), np.ones((2, 2)), transpose_a=True)


@pytest.mark.parametrize("before", ["", "import scipy.linalg"])
def test_addresses_leave_scipy_whole(before):
    """The extension modules are loaded without their package; a later import must give the ordinary thing."""
    program = f"""if True:
        {before}
        import sys
        from concurrent.futures import ThreadPoolExecutor
        from numbaflow.kernels import blas
        with ThreadPoolExecutor(4) as threads:          # all at once, the first time
            assert len(set(threads.map(blas.address, ["blas"] * 4, ["sgemm"] * 4))) == 1
        here = blas.address("blas", "sgemm"), blas.address("lapack", "dgesv")
        assert {bool(before)} == any(m.startswith("scipy.linalg") for m in sys.modules), "it was imported"
        import scipy.linalg
        from numba.extending import get_cython_function_address as there
        assert here[0] == there("scipy.linalg.cython_blas", "sgemm")
        assert here[1] == there("scipy.linalg.cython_lapack", "dgesv")
        import scipy.linalg.cython_blas
        assert scipy.linalg.cython_blas.__name__ == "scipy.linalg.cython_blas"
        assert scipy.linalg.solve([[2.0]], [4.0]) == 2.0
    """
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_module_keeps_to_its_thresholds():
    """The shapes of the tests above reach the threaded kernel and the integer kernel."""
    assert module._THREADED <= 40 * 64**3
    assert blas.SERIAL_PRODUCT >= 64**3
    assert module._SMALL_INTEGER <= 33 * 41 * 29
    assert module._SMALL <= 300 * 300


def test_overflow_is_silent():
    for shape in (2, 2), (64, 64), (2, 4, 4):       # (the tests' own filter makes errors of warnings)
        x = np.full(shape, 3e30, np.float32)
        assert np.isinf(matmul(x, x)).all()
        with np.errstate(all="raise"):
            assert np.isinf(matmul(x, x)).all()
    code = ("import numpy as np; from numbaflow.kernels.matmul import matmul\n"
            "x = np.full((2, 2), 3e30, np.float32); assert np.isinf(matmul(x, x)).all()")
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert not done.stderr
