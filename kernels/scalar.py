"""Scalar functions that CPU loops, CUDA loops, the fuser and plain Python all call: arithmetic, logic, activations.

The families `exponential`, `trigonometric` and `special` are re-exported here.  Every one is a `body`: the function
you read is its definition, for any type; the float32 and float64 variants are branch-free, so that loops vectorize.
"""
import numpy as np

from . import bits
from .exponential import (  # noqa: F401
    acosh,
    asinh,
    atanh,
    cbrt,
    cosh,
    exp,
    exp2,
    expm1,
    log,
    log1p,
    log2,
    log10,
    log_sigmoid,
    pow,
    rsqrt,
    sigmoid,
    sinh,
    softplus,
    sqrt,
    tanh,
)
from .jit import body, variant
from .special import digamma, erf, erfc, erfinv, gelu_factor, lgamma, tetragamma, trigamma  # noqa: F401
from .trigonometric import acos, asin, atan, atan2, cos, sin, tan  # noqa: F401

# (a float literal too large for float64: the way to write inf that takes the precision of the arguments)


# ---- arithmetic
@body
def add(x, y):
    """x + y"""
    return x + y


@body
def subtract(x, y):
    """x - y"""
    return x - y


@body
def multiply(x, y):
    """x * y"""
    return x * y


@body(exact=True)
def divide(x, y):
    """x / y, correctly rounded: never by way of 1 / y"""
    return x / y


@body(exact=True)
def floordiv(x, y):
    """floor(x / y), of the exact quotient"""
    return x // y


@variant(floordiv, "integer")
def _floordiv_integer(x, y):
    # the divisors 0 and -1 trap in hardware (-1 for the least integer)
    if y == 0:
        return x - x
    if y == -1:
        return -x
    return x // y


@body(exact=True)
def mod(x, y):
    """x - y * floor(x / y): the sign of y"""
    return x % y


@variant(mod, "integer")
def _mod_integer(x, y):
    if y == 0 or y == -1:
        return x - x
    return x % y


@body(exact=True)
def negative(x):
    """-x"""
    return -x


@body(exact=True)
def absolute(x):
    """|x|"""
    return np.abs(x)


@body
def sign(x):
    """-1, 0 or 1; NaN of NaN"""
    return 1.0 if x > 0.0 else (-1.0 if x < 0.0 else (0.0 if x == 0.0 else x))


@variant(sign, "integer")
def _sign_integer(x):
    return int(x > 0) - int(x < 0)


@variant(sign, "complex")
def _sign_complex(x):
    size = np.abs(x)
    return x / size if size > 0.0 else x


@body
def square(x):
    """x * x"""
    return x * x


@body(exact=True)
def reciprocal(x):
    """1 / x"""
    return 1.0 / x


@body(exact=True)
def divide_no_nan(x, y):
    """x / y, and 0 where y is 0"""
    return x / y if y != 0.0 else x * 0.0 if x - x == 0.0 else 0.0


@body
def squared_difference(x, y):
    """(x - y)**2"""
    return (x - y) * (x - y)


@body(exact=True)
def maximum(x, y):
    """the larger; NaN when either is NaN"""
    return x if (x >= y) | (x != x) else y


@body(exact=True)
def minimum(x, y):
    """the smaller; NaN when either is NaN"""
    return x if (x <= y) | (x != x) else y


@body(exact=True)
def clip(x, lo, hi):
    """min(max(x, lo), hi); NaN of NaN"""
    raised = lo if x < lo else x
    return hi if raised > hi else raised


@body(exact=True)
def hypot(x, y):
    """sqrt(x**2 + y**2) without overflow"""
    return np.hypot(x, y)


# ---- comparison, logic, choice
@body
def equal(x, y):
    """x == y"""
    return x == y


@body
def not_equal(x, y):
    """x != y"""
    return x != y


@body
def less(x, y):
    """x < y"""
    return x < y


@body
def less_equal(x, y):
    """x <= y"""
    return x <= y


@body
def greater(x, y):
    """x > y"""
    return x > y


@body
def greater_equal(x, y):
    """x >= y"""
    return x >= y


@body
def logical_and(x, y):
    """x and y, as truth values"""
    return (x != 0) & (y != 0)


@body
def logical_or(x, y):
    """x or y, as truth values"""
    return (x != 0) | (y != 0)


@body
def logical_xor(x, y):
    """exactly one of x, y, as truth values"""
    return (x != 0) != (y != 0)


@body
def logical_not(x):
    """not x, as a truth value"""
    return x == 0


@body
def select(c, x, y):
    """x where c, else y"""
    return x if c else y


@body
def isnan(x):
    """whether x is NaN"""
    return x != x


@body
def isinf(x):
    """whether x is inf or -inf"""
    return np.abs(x) == 1e999


@body
def isfinite(x):
    """whether x is neither NaN nor infinite"""
    return np.abs(x) < 1e999


# ---- bits of integers
@body
def bitwise_and(x, y):
    """x & y"""
    return x & y


@body
def bitwise_or(x, y):
    """x | y"""
    return x | y


@body
def bitwise_xor(x, y):
    """x ^ y"""
    return x ^ y


@body
def bitwise_invert(x):
    """~x; `not x` for bool"""
    return np.invert(x)


@body
def left_shift(x, y):
    """x << y; 0 when y lies outside [0, 64)"""
    return x << y if 0 <= y < 64 else x - x


@body
def right_shift(x, y):
    """x >> y with the sign kept; y counts as 64 when it lies outside [0, 64)"""
    return x >> y if 0 <= y < 64 else (x >> 63) >> 1


# ---- rounding
@body
def floor(x):
    """the largest integer not above x"""
    return np.floor(x)


@body
def ceil(x):
    """the smallest integer not below x"""
    return np.ceil(x)


@body
def trunc(x):
    """x without its fraction"""
    return np.trunc(x)


@body
def rint(x):
    """the nearest integer, half to even"""
    return np.rint(x)


@variant(floor, "float32", "float64")
def _floor(x):
    return bits.floor(x)


@variant(ceil, "float32", "float64")
def _ceil(x):
    return bits.ceil(x)


@variant(trunc, "float32", "float64")
def _trunc(x):
    return bits.trunc(x)


@variant(rint, "float32", "float64")
def _rint(x):
    return bits.rint(x)


@variant(floor, "integer")
@variant(ceil, "integer")
@variant(trunc, "integer")
@variant(rint, "integer")
def _itself(x):
    return x


# ---- complex
@body
def real(x):
    """the real part"""
    return x.real


@body
def imag(x):
    """the imaginary part"""
    return x.imag


@body
def conj(x):
    """the complex conjugate"""
    return np.conj(x)


@body
def angle(x):
    """atan2(imag, real)"""
    return atan2(x.imag, x.real)


@body
def complex_abs(x):
    """sqrt(real**2 + imag**2) without overflow"""
    return hypot(x.real, x.imag)


# ---- activations
@body(exact=True)
def relu(x):
    """max(x, 0); NaN of NaN"""
    return x - x if x < 0 else x


@body(exact=True)
def relu6(x):
    """min(max(x, 0), 6); NaN of NaN"""
    return 0.0 if x < 0.0 else (6.0 if x > 6.0 else x)


@variant(relu6, "integer")
def _relu6_integer(x):
    return min(max(x, 0), 6)


@body(exact=True)
def leaky_relu(x, alpha):
    """x, or alpha * x where x < 0"""
    return alpha * x if x < 0.0 else x


@body(exact=True)
def elu(x):
    """x, or exp(x) - 1 where x < 0"""
    return expm1(x) if x < 0.0 else x


@body(exact=True)
def selu(x):
    """1.0507 * (x, or 1.6733 * (exp(x) - 1) where x < 0)"""
    return 1.7580993408473768 * expm1(x) if x < 0.0 else 1.0507009873554805 * x


@body(exact=True)
def softsign(x):
    """x / (1 + |x|)"""
    return x / (1.0 + np.abs(x))


@body(exact=True)
def gelu(x):
    """x * (1 + erf(x / sqrt(2))) / 2"""
    return x * gelu_factor(x)


abs = absolute
round = rint
