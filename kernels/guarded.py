"""Scalar bodies in which a zero decides: what entropies and likelihoods need at the edge of their domain."""
from .exponential import log
from .jit import body
from .quotients import divide


@body(exact=True)
def xlogy(x, y):
    """x * log(y), and 0 where x is 0"""
    return x * log(y) if x != 0.0 else x


@body(exact=True)
def xdivy(x, y):
    """x / y, and 0 where x is 0"""
    return divide(x, y) if x != 0.0 else x
