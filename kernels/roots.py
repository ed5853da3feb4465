"""Roots, and the length of a vector, as scalar bodies."""
import numpy as np

from . import bits
from .exponential import exp2, in_double, log2
from .jit import body, variant
from .quotients import divide


@body(exact=True)
def sqrt(x):
    """square root"""
    return np.sqrt(x)


@variant(sqrt, "float32", "float64")
def _sqrt(x):
    return bits.sqrt(x)


@variant(sqrt, "complex")
def _sqrt_complex(x):
    # one is sqrt((|x| + |real|) / 2), the other |imag| / 2 over that; scaled, none over- nor underflows
    a, b = np.abs(x.real), np.abs(x.imag)
    top = a if a > b else b
    small, large = top < 1e-30, top > 1e30
    scale = 2.0**64 if small else (0.25 if large else 1.0)
    a, b = a * scale, b * scale
    top, low = a if a > b else b, b if a > b else a
    slope = low / top
    half = bits.sqrt(0.5 * (a + top * bits.sqrt(1.0 + slope * slope)))
    half = a if a == 1e999 else half
    half, rest = 0.0 if a + b == 0.0 else half, 0.0 if a + b == 0.0 else b / (half + half)
    back = 2.0**-32 if small else (2.0 if large else 1.0)
    real, imag = (rest if x.real < 0.0 else half) * back, (half if x.real < 0.0 else rest) * back
    endless = b == 1e999
    return complex(1e999 if endless else real, bits.copysign(1e999 if endless else imag, x.imag))


@body(exact=True)
def rsqrt(x):
    """1 / sqrt(x)"""
    return divide(1.0, sqrt(x))


@variant(rsqrt, "float32", "float64")
def _rsqrt(x):
    return 1.0 / bits.sqrt(x)


@in_double
@body(exact=True)
def cbrt(x):
    """cube root"""
    return np.cbrt(x)


@variant(cbrt, "float64")
def _cbrt64(x):
    a = np.abs(x)
    y = exp2(log2(a) * 0.3333333333333333)
    y = y - (y - a / (y * y)) * 0.3333333333333333            # a step of Newton's
    return bits.copysign(y, x) if (a > 0.0) & (a < 1e999) else x


@body(exact=True)
def hypot(x, y):
    """sqrt(x**2 + y**2) without overflow"""
    return np.hypot(x, y)


@variant(hypot, "float32")
def _hypot32(x, y):
    a, b = np.float64(x), np.float64(y)
    size = np.float32(bits.sqrt(a * a + b * b))
    return 1e999 if (np.abs(x) == 1e999) | (np.abs(y) == 1e999) else size


@variant(hypot, "float64")
def _hypot64(x, y):
    a, b = np.abs(x), np.abs(y)
    top = a if a > b else b
    scale = 2.0**-600 if top > 1e150 else (2.0**600 if top < 1e-150 else 1.0)
    a, b = a * scale, b * scale
    size = bits.sqrt(a * a + b * b) / scale
    return 1e999 if (np.abs(x) == 1e999) | (np.abs(y) == 1e999) else size
