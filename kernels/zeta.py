"""The Hurwitz zeta function and the derivatives of digamma of any order, as scalar bodies."""
import numpy as np

from .exponential import pow
from .jit import body, variant
from .special import digamma


@body(exact=True)
def _zeta_tail(s, a):
    """sum over k >= 0 of (a + k)**-s for a > s: Euler and Maclaurin's formula, B(2j) / (2j)! to j = 10"""
    w = pow(a, -s)
    total = w * a / (s - 1.0) + 0.5 * w
    term = w * s / a
    for j, c in enumerate((8.333333333333333e-02, -1.388888888888889e-03, 3.306878306878307e-05,
                           -8.267195767195768e-07, 2.08767569878681e-08, -5.284190138687493e-10,
                           1.3382536530684679e-11, -3.3896802963225827e-13, 8.586062056277845e-15,
                           -2.174868698558062e-16)):
        total += c * term
        k = s + 2.0 * j
        term = term * (k + 1.0) * (k + 2.0) / (a * a)
    return total


@body(exact=True)
def zeta(s, q):
    """sum over k >= 0 of (q + k)**-s for s > 1; NaN for q below 0 unless s is an integer, and below -10000"""
    if not (s >= 1.0) or (q < 0.0 and (np.floor(s) != s or q < -1e4)) or q != q:
        return s * q * 0.0 / 0.0
    if s == 1.0 or (q <= 0.0 and np.floor(q) == q):
        return 1e999 * s
    total, a, enough = 0.0 * q, q, 8.0 + min(s, 300.0)
    while a < enough:
        total += pow(a, -s)
        a += 1.0
    return total + _zeta_tail(s, a) if a < 1e999 else 0.0 * s


@body(exact=True)
def polygamma(n, x):
    """derivative of order n of digamma: (-1)**(n + 1) * n! * zeta(n + 1, x)"""
    if n == 0.0:
        return digamma(x)
    if not (n > 0.0) or np.floor(n) != n:
        return n * x * 0.0 / 0.0
    factorial, k = 1.0, 2.0
    while k <= n and k < 180.0:
        factorial *= k
        k += 1.0
    size = factorial * zeta(n + 1.0, x)
    return -size if np.floor(0.5 * n) == 0.5 * n else size


@variant(zeta, "float32")
def _zeta32(s, q):
    return np.float32(zeta(np.float64(s), np.float64(q)))


@variant(polygamma, "float32")
def _polygamma32(n, x):
    return np.float32(polygamma(np.float64(n), np.float64(x)))
