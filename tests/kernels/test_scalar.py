"""Scalar bodies: accuracy against mpmath over the whole range, NumPy's limits, loops that vectorize."""
import math
import platform
import re

import mpmath
import numba
import numpy as np
import pytest
from numbaflow.kernels import jit, scalar

FLOATS = [np.float32, np.float64]
_loops = {}


def loop(body, inputs=1):
    """One compiled loop for a body, whatever the dtypes."""
    if body in _loops:
        return _loops[body]

    def one(x, out):
        for i in range(x.size):
            out[i] = body(x[i])

    def two(x, y, out):
        for i in range(x.size):
            out[i] = body(x[i], y[i])

    return _loops.setdefault(body, jit.kernel({1: one, 2: two}[inputs]))


def run(body, *inputs, dtype=None):
    out = np.empty(inputs[0].shape, dtype or inputs[0].dtype)
    loop(body, len(inputs))(*inputs, out)
    return out


# ---- accuracy
def ulps(got, want):
    """The error in units of the last place of the true value, an mpf; inf where only one is finite."""
    info = np.finfo(got.dtype)
    if mpmath.isnan(want) or np.isnan(got):
        return 0.0 if mpmath.isnan(want) and np.isnan(got) else np.inf
    largest = mpmath.mpf(float(info.max))
    if np.isinf(got) or abs(want) > largest:                  # one overflows: both must be about there
        near = abs(want) > largest * (1 - 4 * mpmath.mpf(float(info.eps)))
        return 0.0 if near and (got > 0) == (want > 0) and abs(got) >= info.max else np.inf
    place = max(mpmath.frexp(want)[1] - 1, int(info.minexp)) - int(info.nmant)
    return float(abs(mpmath.mpf(float(got)) - want) / mpmath.ldexp(1, place))


def worst(body, reference, *inputs):
    """(error, inputs, result) where the error is largest; NaN arguments must give NaN."""
    got = run(body, *inputs)
    with mpmath.workdps(40):
        errors = [ulps(g, reference(*[mpmath.mpf(float(v)) for v in point]))
                  for g, point in zip(got, zip(*inputs, strict=True), strict=True)]
    i = int(np.argmax(errors))
    return errors[i], [v[i] for v in inputs], got[i]


def patterns(dtype, count, seed):
    """Random bit patterns: every exponent alike, denormals included; finite."""
    bits = np.random.default_rng(seed).integers(0, 256, count * np.dtype(dtype).itemsize, dtype=np.uint8)
    values = bits.view(dtype)
    return values[np.isfinite(values)]


HARD = [0.5, 1.0, 2.0, 5e-324, 1e-310, 1e-45, 1e-40, 1.1754943508222875e-38, 2.2250738585072014e-308, 1e-20,
        1e-9, 0.7071067811865475, 0.7071067811865476, 1.4142135623730951, 88.72, 88.73, 87.33, 103.97, 709.78,
        745.13, np.pi, np.pi / 2, 355.0, 2.0**28, 2.0**50, 2.0**77, 2.0**104, 16367173.0 * 2.0**72,
        0.34657359, 27.2, 26.0, 9.01, 10.0, 20.0, 22.0, 1 - 2.0**-53, 1 + 2.0**-52, 1 - 2.0**-24,
        1 + 2.0**-23, 8.5, 0.55]


@np.errstate(over="ignore", under="ignore")
def points(dtype, seed=0, count=250):
    """Every exponent, hard points, around 1, and the ranges where functions change."""
    random = np.random.default_rng(seed)
    hard = np.array(HARD).astype(dtype)
    hard = np.concatenate([hard, [dtype(6381956970095103 * 2.0**797)]]) if dtype is np.float64 else hard
    near_one = 1 + random.normal(size=count // 2) * 10.0 ** random.uniform(-8, -1, count // 2)
    return np.concatenate([patterns(dtype, count, seed), hard, -hard, near_one.astype(dtype),
                           random.uniform(-12, 12, count).astype(dtype),
                           random.uniform(-1, 1, count).astype(dtype),
                           random.uniform(-110, 110, count // 2).astype(dtype),
                           random.uniform(-750, 750, count // 2).astype(dtype)])


def real(f):
    """An mpmath function as one over the reals: NaN outside the domain, limits at the ends."""
    def restricted(x):
        try:
            y = f(x)
        except (ValueError, ZeroDivisionError):
            return mpmath.nan
        return y if isinstance(y, mpmath.mpf) else mpmath.nan
    return restricted


def gelu(x):
    return x * mpmath.erfc(-x / mpmath.sqrt(2)) / 2


# name: reference, and the error allowed in float32 and float64 (the measured worst is 1 ulp or so below)
ACCURACY = {
    "exp": (mpmath.exp, 1.1, 1.1), "exp2": (lambda x: mpmath.power(2, x), 1.1, 1.1),
    "expm1": (mpmath.expm1, 2, 2),
    "log": (mpmath.log, 1.0, 1.0), "log2": (lambda x: mpmath.log(x, 2), 0.51, 2),
    "log10": (mpmath.log10, 0.51, 2), "log1p": (mpmath.log1p, 2, 2),
    "sqrt": (mpmath.sqrt, 0.5, 0.5), "rsqrt": (lambda x: 1 / mpmath.sqrt(x) if x else mpmath.inf, 1.5, 1.5),
    "cbrt": (lambda x: mpmath.sign(x) * mpmath.cbrt(abs(x)), 0.51, 1.0),
    "sin": (mpmath.sin, 1.6, 1.0), "cos": (mpmath.cos, 1.6, 1.0), "tan": (mpmath.tan, 3.5, 2.5),
    "asin": (mpmath.asin, 0.51, 2.5), "acos": (mpmath.acos, 0.51, 2), "atan": (mpmath.atan, 0.51, 2),
    "sinh": (mpmath.sinh, 0.51, 2), "cosh": (mpmath.cosh, 0.51, 2), "tanh": (mpmath.tanh, 2, 2),
    "asinh": (mpmath.asinh, 0.51, 2.5), "acosh": (mpmath.acosh, 0.51, 4), "atanh": (mpmath.atanh, 0.51, 2.5),
    "sigmoid": (lambda x: 1 / (1 + mpmath.exp(-x)), 2, 2),
    "softplus": (lambda x: mpmath.log1p(mpmath.exp(x)), 2, 2),
    "log_sigmoid": (lambda x: -mpmath.log1p(mpmath.exp(-x)), 2, 2),
    "erf": (mpmath.erf, 3, 2), "erfc": (lambda x: mpmath.erfc(min(x, 100)), 0.51, 4),
}


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name", ACCURACY)
def test_accuracy(name, dtype):
    reference, *allowed = ACCURACY[name]
    x = points(dtype)
    error, at, got = worst(getattr(scalar, name), real(reference), x[x != 0])
    assert error <= allowed[FLOATS.index(dtype)], f"{name}{at} = {got!r}: {error} ulp"


def test_accuracy_can_fail():
    assert worst(scalar.sin, mpmath.cos, points(np.float32)[:20])[0] > 1000


@pytest.mark.parametrize("dtype", FLOATS)
def test_pow(dtype):
    random = np.random.default_rng(0)
    x = np.concatenate([np.abs(patterns(dtype, 300, 1)), random.uniform(0, 3, 300),
                        1 + random.normal(size=300) * 1e-2,
                        random.uniform(-9, 9, 100), [2.0, 10.0, 1.5, 1.4142135623730951]]).astype(dtype)
    y = np.concatenate([random.normal(size=x.size - 704) * 3, random.uniform(-600, 600, 300),
                        random.uniform(-6e4, 6e4, 300), random.integers(-9, 9, 100),
                        [-1074.0, 22.0, 3.0, -1.0]])
    error, at, got = worst(scalar.pow, mpmath.power, x, y.astype(dtype))
    assert error <= 2, (at, got)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize(("name", "reference"), [("atan2", mpmath.atan2), ("hypot", mpmath.hypot)])
def test_two_arguments(name, reference, dtype):
    random = np.random.default_rng(0)
    x = np.concatenate([patterns(dtype, 300, 3), random.normal(size=300).astype(dtype)])
    y = np.concatenate([patterns(dtype, 300, 4), random.normal(size=300).astype(dtype)])
    n = min(x.size, y.size)
    error, at, got = worst(getattr(scalar, name), reference, x[:n], y[:n])
    assert error <= 2.5, (at, got)


@pytest.mark.parametrize("dtype", FLOATS)
def test_erfinv(dtype):
    random = np.random.default_rng(0)
    x = np.concatenate([random.uniform(-1, 1, 60), 1 - 10 ** random.uniform(-15, -1, 40),
                        10 ** random.uniform(-30, 0, 20)])
    x = x.astype(dtype)
    error, at, got = worst(scalar.erfinv, mpmath.erfinv, x[np.abs(x) < 1])
    assert error <= 4, (at, got)
    np.testing.assert_array_equal(run(scalar.erfinv, np.array([1, -1, 2, np.nan, 0], dtype)),
                                  np.array([np.inf, -np.inf, np.nan, np.nan, 0], dtype))


GAMMA = {"lgamma": lambda x: mpmath.re(mpmath.loggamma(x)), "digamma": mpmath.digamma,
         "trigamma": lambda x: mpmath.polygamma(1, x), "tetragamma": lambda x: mpmath.polygamma(2, x)}


@pytest.mark.parametrize("name", GAMMA)
def test_gamma_family(name):
    random = np.random.default_rng(0)
    x = np.concatenate([random.uniform(0, 12, 200), random.uniform(-8, 0, 100),
                        10 ** random.uniform(-9, 9, 100)])
    got = run(getattr(scalar, name), x)
    with mpmath.workdps(40):
        want = np.array([float(GAMMA[name](mpmath.mpf(v))) for v in x])
    # relative, and absolute near the roots; reflection adds its own rounding where x < 0
    np.testing.assert_allclose(got[x > 0], want[x > 0], rtol=9e-16, atol=9e-16)
    np.testing.assert_allclose(got[x < 0], want[x < 0], rtol=2e-15, atol=2e-14)
    narrow = run(getattr(scalar, name), x.astype(np.float32))
    again = run(getattr(scalar, name), x.astype(np.float32).astype(np.float64))
    np.testing.assert_array_equal(narrow, again.astype(np.float32))


@pytest.mark.parametrize("dtype", FLOATS)
def test_lgamma_relative_at_its_positive_roots(dtype):
    x = np.concatenate([1 + np.linspace(-0.5, 2.5, 150), 10 ** np.linspace(-300, 305, 150),
                        np.linspace(3, 9, 150)])
    with np.errstate(over="ignore", under="ignore"):
        x = x.astype(dtype)
    error, at, got = worst(scalar.lgamma, mpmath.loggamma, x[(x > 0) & np.isfinite(x)])
    assert error <= 4, (at, got)


# ---- limits
NUMPY = {"exp": np.exp, "exp2": np.exp2, "expm1": np.expm1, "log": np.log, "log2": np.log2, "log10": np.log10,
         "log1p": np.log1p, "sqrt": np.sqrt, "cbrt": np.cbrt, "sin": np.sin, "cos": np.cos, "tan": np.tan,
         "asin": np.arcsin, "acos": np.arccos, "atan": np.arctan,
         "sinh": np.sinh, "cosh": np.cosh, "tanh": np.tanh,
         "asinh": np.arcsinh, "acosh": np.arccosh, "atanh": np.arctanh, "floor": np.floor, "ceil": np.ceil,
         "trunc": np.trunc, "rint": np.rint, "absolute": np.abs, "negative": np.negative, "sign": np.sign,
         "square": np.square, "reciprocal": np.reciprocal}
LIMITS = [0.0, -0.0, np.inf, -np.inf, np.nan, 2.5, -2.5, 3.5, 0.5, -0.5]
BINARY = {"add": np.add, "subtract": np.subtract, "multiply": np.multiply, "divide": np.divide,
          "maximum": np.maximum, "minimum": np.minimum, "pow": np.power, "atan2": np.arctan2,
          "hypot": np.hypot, "floordiv": lambda x, y: np.floor(x / y), "mod": np.mod}


def same(got, want, signs=True):
    np.testing.assert_allclose(got, want, rtol=8 * np.finfo(got.dtype).eps)
    if signs:
        known = ~np.isnan(want)
        np.testing.assert_array_equal(np.signbit(got[known]), np.signbit(want[known]))


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name", NUMPY)
def test_limits(name, dtype):
    x = np.array(LIMITS, dtype)
    with np.errstate(all="ignore"):
        same(run(getattr(scalar, name), x), NUMPY[name](x))


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name", BINARY)
def test_limits_of_two(name, dtype):
    x, y = (v.ravel() for v in np.meshgrid(np.array([*LIMITS, 1.0, -1.0, 3.0, -2.0], dtype), LIMITS))
    y = y.astype(dtype)
    if name in ("floordiv", "mod"):                           # left open for infinities and the divisor 0
        keep = np.isfinite(x) & np.isfinite(y) & (y != 0)
        x, y = x[keep], y[keep]
    with np.errstate(all="ignore"):
        # (which of 0.0 and -0.0 is the larger one is left open)
        same(run(getattr(scalar, name), x, y), BINARY[name](x, y), signs=name not in ("maximum", "minimum"))


@pytest.mark.parametrize("dtype", FLOATS)
def test_classification_and_comparison(dtype):
    x = np.array(LIMITS, dtype)
    for name in ("isnan", "isinf", "isfinite"):
        np.testing.assert_array_equal(run(getattr(scalar, name), x, dtype=bool), getattr(np, name)(x))
    a, b = (v.ravel() for v in np.meshgrid(x, x))
    for name in ("equal", "not_equal", "less", "less_equal", "greater", "greater_equal",
                 "logical_and", "logical_or", "logical_xor"):
        np.testing.assert_array_equal(run(getattr(scalar, name), a, b, dtype=bool), getattr(np, name)(a, b))
    np.testing.assert_array_equal(run(scalar.logical_not, x, dtype=bool), np.logical_not(x))


@pytest.mark.parametrize("dtype", FLOATS)
def test_divide_no_nan(dtype):
    x, y = np.array([1, 0, np.inf, np.nan, 6, -3], dtype), np.array([0, 0, 0, 0, 3, np.inf], dtype)
    np.testing.assert_array_equal(run(scalar.divide_no_nan, x, y), np.array([0, 0, 0, 0, 2, 0], dtype))


@pytest.mark.parametrize("dtype", FLOATS)
def test_activations(dtype):
    x = np.concatenate([np.linspace(-20, 20, 401), [np.inf, -np.inf, np.nan]]).astype(dtype)
    wide = x.astype(np.float64)
    with np.errstate(all="ignore"):
        grown = np.expm1(wide)
        expected = {"relu": np.maximum(wide, 0), "relu6": np.clip(wide, 0, 6),
                    "elu": np.where(wide < 0, grown, wide),
                    "selu": 1.0507009873554805 * np.where(wide < 0, 1.6732632423543772 * grown, wide),
                    "softsign": np.where(np.isinf(wide), np.nan, wide / (1 + np.abs(wide)))}
        for name, want in expected.items():
            got = run(getattr(scalar, name), x)
            np.testing.assert_allclose(got, want, rtol=4 * np.finfo(dtype).eps, err_msg=name)
    finite = x[np.isfinite(x)]
    assert worst(scalar.gelu, gelu, finite)[0] <= (2 if dtype is np.float32 else 4)


def test_three_arguments():
    def calls(a, x, y, clipped, chosen, leaky):
        for i in range(x.size):
            clipped[i] = scalar.clip(a[i], x[i], y[i])
            chosen[i] = scalar.select(a[i] > x[i], x[i], y[i])
            leaky[i] = scalar.leaky_relu(a[i], x[i])

    a, x = np.array([3.0, -1.0, 0.5, np.nan], np.float32), np.zeros(4, np.float32)
    clipped, chosen, leaky = (np.empty_like(x) for _ in range(3))
    jit.kernel(calls)(a, x + np.float32(0.25), x + 1, clipped, chosen, leaky)
    np.testing.assert_array_equal(clipped, np.clip(a, 0.25, 1))
    np.testing.assert_array_equal(chosen, np.where(a > 0.25, np.float32(0.25), 1))
    np.testing.assert_array_equal(leaky, np.where(a < 0, a / 4, a))


# ---- integers
@pytest.mark.parametrize("dtype", [np.int8, np.int64, np.uint64])
def test_integers(dtype):
    info = np.iinfo(dtype)
    values = np.array([0, 1, 2, 3, 7, 100, info.max, info.min, info.max - 1], dtype)
    values = np.concatenate([values, np.array([-1, -2, -7], dtype)]) if info.min else values
    x, y = (v.ravel() for v in np.meshgrid(values, values))
    with np.errstate(all="ignore"):
        for name in ("add", "subtract", "multiply", "maximum", "minimum",
                     "bitwise_and", "bitwise_or", "bitwise_xor"):
            got = run(getattr(scalar, name), x, y)
            np.testing.assert_array_equal(got, getattr(np, name)(x, y), err_msg=name)
        for name in ("absolute", "square", "sign", "bitwise_invert", "negative"):
            np.testing.assert_array_equal(run(getattr(scalar, name), x), getattr(np, name)(x), err_msg=name)
        np.testing.assert_array_equal(run(scalar.floordiv, x, y), np.floor_divide(x, y))
        np.testing.assert_array_equal(run(scalar.mod, x, y), np.remainder(x, y))
        up = y >= 0
        np.testing.assert_array_equal(run(scalar.pow, x[up], y[up]), np.power(x[up], y[up]))
    if info.min:
        base = np.array([0, 1, -1, -1, 2, -5], dtype)
        power = np.array([-1, -3, -3, -4, -1, -2], dtype)
        np.testing.assert_array_equal(run(scalar.pow, base, power), [0, 1, -1, 1, 0, 0])


@pytest.mark.parametrize("dtype", [np.int64, np.uint64])
def test_shifts(dtype):
    x = np.array([1, 5, np.iinfo(dtype).max, np.iinfo(dtype).min], dtype).repeat(5)
    y = np.array([0, 1, 63, 64, 200] * 4, dtype)
    np.testing.assert_array_equal(run(scalar.left_shift, x, y), np.left_shift(x, y))
    np.testing.assert_array_equal(run(scalar.right_shift, x, y), np.right_shift(x, y))


def test_invert_of_bool():
    x = np.array([True, False])
    np.testing.assert_array_equal(run(scalar.bitwise_invert, x), ~x)


# ---- complex numbers
@pytest.mark.parametrize("dtype", [np.complex64, np.complex128])
def test_complex(dtype):
    random = np.random.default_rng(0)
    x, y = ((random.normal(size=50) + 1j * random.normal(size=50)).astype(dtype) for _ in range(2))
    tolerance = {"rtol": 20 * np.finfo(dtype).eps, "atol": 20 * np.finfo(dtype).eps}
    np.testing.assert_allclose(run(scalar.divide, x, y), x / y, **tolerance)
    np.testing.assert_allclose(run(scalar.exp, x), np.exp(x), **tolerance)
    if dtype is np.complex64:                                 # the rest is the same code: compile it once
        return
    for name in ("add", "subtract", "multiply"):
        np.testing.assert_allclose(run(getattr(scalar, name), x, y), getattr(np, name)(x, y), **tolerance)
    np.testing.assert_allclose(run(scalar.pow, x, y), x**y, **tolerance)
    for name in ("negative", "square", "reciprocal", "log", "sqrt", "sin", "cos", "tanh", "conj"):
        np.testing.assert_allclose(run(getattr(scalar, name), x), getattr(np, name)(x), **tolerance)
    np.testing.assert_allclose(run(scalar.sigmoid, x), 1 / (1 + np.exp(-x)), **tolerance)
    for name, want in {"absolute": np.abs(x), "complex_abs": np.abs(x), "angle": np.angle(x),
                       "real": x.real, "imag": x.imag}.items():
        np.testing.assert_allclose(run(getattr(scalar, name), x, dtype=want.dtype), want, **tolerance)


# ---- the same function in plain Python
@pytest.mark.parametrize("dtype", FLOATS)
def test_plain_python_agrees(dtype):
    x = [*np.random.default_rng(0).uniform(-6, 6, 12), 0.3, -0.7, 1e-5, 40.0, 3e9]
    x = np.array(x, dtype)
    for name in [*ACCURACY, "floor", "rint", "square", "softsign", "gelu"]:
        body = getattr(scalar, name)
        compiled = run(body, x)
        for function in {body, body.variants.get(np.dtype(dtype).name, body)}:
            with np.errstate(all="ignore"):
                plain = np.array([function(v) for v in x], dtype)
            # (float32 gelu multiplies in float32 when run as it stands)
            np.testing.assert_allclose(plain, compiled, rtol=40 * np.finfo(dtype).eps, err_msg=f"{function}")


# ---- machine code
HOT = {"exp": 1, "log": 1, "tanh": 1, "sigmoid": 1, "sin": 1, "cos": 1, "sqrt": 1, "erf": 1, "expm1": 1,
       "log1p": 1, "softplus": 1, "add": 2, "multiply": 2, "divide": 2, "maximum": 2, "pow": 2}
LIBM = {f + end for end in ("", "f") for f in (
    "exp", "exp2", "expm1", "log", "log2", "log1p", "tanh", "sin", "cos", "tan", "pow", "erf", "erfc", "fma",
    "fmod", "sqrt", "floor", "rint", "ldexp")}


reads_x86 = pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="reads x86 assembly")


def called(assembly):
    """The names of the functions that x86 assembly calls."""
    return {name for pair in re.findall(r"movabsq\s+\$(\w+)|call\w*\s+(\w+)", assembly) for name in pair}


@reads_x86
@pytest.mark.parametrize("name", HOT)
def test_loops_are_vector_code(name):
    cached = loop(getattr(scalar, name), HOT[name])
    for dtype, end in ((np.float32, "ps"), (np.float64, "pd")):
        compiled = numba.njit(**jit.OPTIONS)(cached.py_func)      # (what comes from the disk has no assembly)
        compiled(*[np.ones(3, dtype)] * (HOT[name] + 1))
        assembly, = compiled.inspect_asm().values()
        assert re.search(rf"\bv\w+{end}\s[^\n]*%[yz]mm", assembly), f"{name} {end}: no packed instruction"
        assert not LIBM & called(assembly), f"{name} {end}: calls {LIBM & called(assembly)}"


@reads_x86
def test_the_reading_of_machine_code_can_fail():
    def plain(x, out):
        for i in range(x.size):
            out[i] = math.erf(x[i])

    compiled = numba.njit(**jit.OPTIONS)(plain)
    compiled(np.ones(3), np.ones(3))
    assembly, = compiled.inspect_asm().values()
    assert "erf" in called(assembly)
