"""Quotients and remainders as scalar bodies: whatever the divisor, none raises or traps."""
import numpy as np

from . import bits
from .jit import body, variant


@body(exact=True)
def divide(x, y):
    """x / y, correctly rounded: never by way of 1 / y"""
    return x / y


@variant(divide, "complex")
def _divide_complex(x, y):
    # Smith's algorithm with the choices of np.divide; Numba's own division raises where y is 0
    a, b, c, d = x.real, x.imag, y.real, y.imag
    level, zero = np.abs(c) >= np.abs(d), (c == 0.0) & (d == 0.0)
    p, q = c if level else d, d if level else c
    ratio = q / p
    size = np.abs(p) if zero else p + q * ratio
    real = a + b * ratio if level else a * ratio + b
    imag = b - a * ratio if level else b * ratio - a
    return complex((a if zero else real) / size, (b if zero else imag) / size)


@body(exact=True)
def reciprocal(x):
    """1 / x"""
    return divide(1.0, x)


@body(exact=True)
def divide_no_nan(x, y):
    """x / y, and 0 where y is 0"""
    return divide(x, y) if y != 0.0 else 0.0


@body(exact=True)
def floordiv(x, y):
    """floor(x / y), of the exact quotient"""
    return x // y


@body(exact=True)
def _remainder(x, y):
    """fmod, asked only where it is a number: elsewhere it leaves a floating-point exception behind"""
    defined = (y != 0.0) & (np.abs(x) < 1e999)
    rest = np.fmod(x if defined else 0.0, y if defined else 1.0)
    return rest + (0.0 if defined else 1e999 - 1e999)     # (LLVM would join a choice to those above)


@variant(floordiv, "float32", "float64")
def _floordiv_float(x, y):
    rest = _remainder(x, y)
    quotient = bits.rint((x - rest) / y)
    quotient = quotient - 1.0 if (rest != 0.0) & ((rest < 0.0) != (y < 0.0)) else quotient
    quotient = bits.copysign(quotient, x / y) if quotient == 0.0 else quotient
    return x / y if y == 0.0 else quotient


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


@variant(mod, "float32", "float64")
def _mod_float(x, y):
    rest = _remainder(x, y)
    signed = bits.copysign(rest, y) if rest == 0.0 else rest
    return rest + y if (rest != 0.0) & ((rest < 0.0) != (y < 0.0)) else signed


@variant(mod, "integer")
def _mod_integer(x, y):
    if y == 0 or y == -1:
        return x - x
    return x % y
