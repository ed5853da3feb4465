"""Circular functions and their inverses as scalar bodies."""
import numpy as np

from . import bits
from .jit import body, variant


@body(exact=True)
def sin(x):
    """sine"""
    return np.sin(x)


@body(exact=True)
def cos(x):
    """cosine"""
    return np.cos(x)


@body(exact=True)
def tan(x):
    """sin(x) / cos(x)"""
    return np.tan(x)


@body(exact=True)
def asin(x):
    """inverse sine"""
    return np.arcsin(x)


@body(exact=True)
def acos(x):
    """inverse cosine"""
    return np.arccos(x)


@body(exact=True)
def atan(x):
    """inverse tangent"""
    return np.arctan(x)


@body(exact=True)
def atan2(y, x):
    """the angle of (x, y), in (-pi, pi]"""
    return np.arctan2(y, x)
