"""Comparison, truth values, choice and the bits of integers as scalar bodies."""
import numpy as np

from .jit import body


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
