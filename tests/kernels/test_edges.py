"""Values at the edges of every dtype: no loop of an elementwise op raises, stops early or warns."""
import sys
import warnings

import numpy as np
import pytest
from numbaflow.kernels import scalar

from numbaflow.core.table import OPS

ELEMENTWISE = sorted(name for name, op in OPS.items() if op.kernel is not None)
DTYPES = [np.dtype(t) for t in ("bool", "uint8", "int32", "int64", "float32", "float64", "complex64",
                                "complex128")]


def edges(dtype):
    """Zeros, infinities, NaN, the smallest and the largest, and what shifts and divisions trip over."""
    if dtype.kind == "b":
        return np.array([False, True])
    if dtype.kind in "iu":
        info = np.iinfo(dtype)
        values = [0, 1, 2, 3, 31, 32, 63, 64, 65, -1, -2, -64, info.min, info.min + 1, info.max, info.max - 1]
        return np.array([v for v in values if info.min <= v <= info.max], dtype)
    info = np.finfo(dtype)
    smallest = float(info.smallest_subnormal)
    if dtype.kind == "f":
        return np.array([0.0, -0.0, np.inf, -np.inf, np.nan, smallest, -smallest, info.tiny, info.max,
                         info.min, 1.0, -1.0, 0.5, -2.5, 3.0, 1e3], dtype)
    parts = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, smallest, info.max, 1.0, -2.5], info.dtype)
    return np.stack(np.meshgrid(parts, parts), -1).view(dtype).ravel()


def grid(dtypes):
    values = [edges(d)[::1 if len(dtypes) < 3 else 3] for d in dtypes]
    return [x.ravel() for x in np.meshgrid(*values)]


def filled(byte, count, dtype):
    return np.full(count * dtype.itemsize, byte, np.uint8).view(dtype)


@pytest.fixture
def swallowed(monkeypatch):
    """The errors that were raised where nobody can catch them: a loop is called from C."""
    found = []
    monkeypatch.setattr(sys, "unraisablehook", lambda error: found.append(error.exc_value))
    return found


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_every_element_is_written(name, swallowed):
    kernel = OPS[name].kernel
    for dtype in DTYPES:
        if dtype.kind not in kernel.kinds:
            continue
        *given, result = [np.dtype(kernel._dtype_name(letter, dtype.name))
                          for letter in (*kernel._inputs, kernel.output)]
        operands = grid(given)
        outputs = [filled(byte, operands[0].size, result) for byte in (0x55, 0xAA)]
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            for out in outputs:
                kernel[dtype](*operands, out=out)
        assert not swallowed, f"{name} of {dtype} raises {swallowed[0]!r}"
        assert outputs[0].tobytes() == outputs[1].tobytes(), f"{name} of {dtype} leaves elements unwritten"


# ---- complex numbers against NumPy
def parts(x):
    return np.stack([x.real, x.imag])


def agree(got, want, tolerance, where=True):
    """Both parts, the signs of their zeros too, where NumPy's are numbers in the range of the dtype."""
    got, want = parts(got), parts(want)
    known = ~np.isnan(want) & where
    np.testing.assert_allclose(got[known], want[known], rtol=tolerance)
    np.testing.assert_array_equal(np.signbit(got[known]), np.signbit(want[known]))
    np.testing.assert_array_equal(np.isnan(got) & where, np.isnan(want) & where)


@pytest.mark.parametrize("dtype", [np.dtype(np.complex64), np.dtype(np.complex128)])
@np.errstate(all="ignore")
def test_complex_division_is_numpys(dtype):
    x, y = grid([dtype, dtype])
    # (where 1 / y overflows NumPy multiplies by inf)
    small = np.finfo(dtype).smallest_subnormal
    fair = ~((np.abs(y.real) == small) | (np.abs(y.imag) == small)
             | (np.maximum(np.abs(y.real), np.abs(y.imag)) == np.finfo(dtype).max))
    tolerance = 8 * np.finfo(dtype).eps
    agree(OPS["divide"].kernel[dtype](x, y), x / y, tolerance, fair)
    agree(OPS["reciprocal"].kernel[dtype](y), dtype.type(1) / y, tolerance, fair)
    agree(OPS["xdivy"].kernel[dtype](x, y), np.where(x == 0, x, x / y), tolerance, fair)
    agree(OPS["div_no_nan"].kernel[dtype](x, y), np.where(y == 0, 0, x / y), tolerance, fair)
    tiny = np.array([1e-44 + 4e-45j, 4e-45j] if dtype == np.complex64 else [1e-323 + 5e-324j, 5e-324j], dtype)
    np.testing.assert_array_equal(OPS["divide"].kernel[dtype](tiny, tiny), 1)


ROOTS = {"sqrt": np.sqrt, "acos": np.arccos, "acosh": np.arccosh, "asin": np.arcsin, "asinh": np.arcsinh}


@pytest.mark.parametrize("dtype", [np.dtype(np.complex64), np.dtype(np.complex128)])
@pytest.mark.parametrize("name", ROOTS)
def test_complex_roots_and_inverse_functions(name, dtype):
    random = np.random.default_rng(0)
    real, imag = (random.normal(size=2000) * 10 ** random.uniform(-6, 6, 2000) for _ in range(2))
    x = (real + 1j * imag).astype(dtype)
    agree(OPS[name].kernel[dtype](x), ROOTS[name](x.astype(np.complex128)), 8 * np.finfo(dtype).eps)
    x = edges(dtype)
    x = x[~np.isnan(x) & (np.abs(x.real) != np.finfo(dtype).smallest_subnormal)
          & (np.abs(x.imag) != np.finfo(dtype).smallest_subnormal)]
    with np.errstate(all="ignore"):
        agree(OPS[name].kernel[dtype](x), ROOTS[name](x), 8 * np.finfo(dtype).eps)


# ---- activations at infinity
@pytest.mark.parametrize("dtype", [np.dtype(np.float32), np.dtype(np.float64)])
@pytest.mark.parametrize("name", ["gelu", "swish"])
def test_gated_activations_at_infinity(name, dtype):
    x = np.array([np.inf, -np.inf, np.nan, np.finfo(dtype).max, np.finfo(dtype).min, 50.0, -2000.0], dtype)
    got = OPS[name].kernel[dtype](x)
    np.testing.assert_array_equal(got, np.where(x < 0, -0.0, x))
    np.testing.assert_array_equal(np.signbit(got)[x < 0], True)
    with np.errstate(all="ignore"):
        plain = [getattr(scalar, name)(v) for v in x]
    np.testing.assert_array_equal(plain, got)
