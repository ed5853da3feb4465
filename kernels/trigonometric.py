"""Circular functions and their inverses as scalar bodies.

An argument is reduced to quarter turns q and a rest r with |r| <= pi / 4. float32 reduces in float64,
multiplying by 2 / pi modulo 4 (Payne and Hanek) with few constants; float64 subtracts multiples of pi / 2
(Cody and Waite) below 2**28 and takes 2**k * 2 / pi modulo 4 from a table above: huge arguments are as
accurate as small ones.
"""
import math

import numpy as np

from . import bits
from .exponential import in_double
from .jit import body, variant

_LARGE = 28                             # from 2**28 on the table is used


def _pi(precision):
    """pi * 2**precision as an int, by Machin's formula"""
    def arctan_inverse(n):
        term = total = (1 << (precision + 32)) // n
        k, sign = 1, 1
        while term:
            term //= n * n
            k, sign = k + 2, -sign
            total += sign * (term // k)
        return total

    return 4 * (4 * arctan_inverse(5) - arctan_inverse(239)) >> 32


def _turns():
    """Row k - 28: 2**(k - 53) * 2 / pi modulo 4 as a sum of four floats, two ending at 2**-52 and 2**-105"""
    precision, fraction = 1300, 240
    ratio = (1 << (2 * precision + 1)) // _pi(precision)        # 2 / pi * 2**precision
    rows = []
    for k in range(_LARGE, 1026):
        rest = (ratio >> (precision - (k - 53) - fraction)) & ((4 << fraction) - 1)
        rest -= (rest >> (fraction + 1)) << (fraction + 2)      # into [-2, 2)
        row = []
        for end in (52, 105, 158, fraction):
            unit = fraction - end
            part = (rest + ((1 << unit) >> 1)) >> unit
            row.append(math.ldexp(part, -end))
            rest -= part << unit
        rows.append(row)
    return np.array(rows)


_TURNS = _turns()


@body(exact=True)
def reduced_in_double(x):
    """r and q of x = (q + 4 i) pi / 2 + r, for a float32 x given in float64."""
    a = np.abs(x)
    # t1 + t2 + t3 = 2 / pi / scale modulo 4: a * scale is an integer where scale < 1.  It has 24 bits, t1 and
    # t2 have 29, so that the products are exact.
    s = a < 1.125899906842624e15
    m = a < 1.5111572745182865e23
    b = a < 2.028240960365167e31
    scale = 1.0 if s else (2.0**-26 if m else (2.0**-53 if b else 2.0**-80))
    t1 = 0.6366197727620602 if s else (1.7235269732773304 if m else (
        -1.3544995225965977 if b else -0.6569525487720966))
    t2 = -3.9447882460574846e-10 if s else (1.0840630268460494e-09 if m else (
        -1.16938760758023e-09 if b else 1.1330060709080492e-09))
    t3 = 2.276010073078396e-18 if s else (-1.7737227042175265e-18 if m else (
        1.5026591323163072e-18 if b else -1.594624528086086e-18))
    a = x * scale
    p1, p2 = a * t1, a * t2
    n1, n2 = bits.rint(p1), bits.rint(p2)
    f1, f2 = p1 - n1, p2 - n2
    n3 = bits.rint(f1 + f2)
    turns = n1 + n2 + n3
    return (((f1 - n3) + f2) + a * t3) * 1.5707963267948966, turns - 4.0 * bits.floor(0.25 * turns)


@body(exact=True)
def reduced32(x):
    """r and q of float32 x = (q + 4 i) pi / 2 + r."""
    r, q = reduced_in_double(np.float64(x))
    return np.float32(r), np.float32(q)


@body(exact=True)
def _reduced64(x):
    """r, its rounding error and q of float64 x = (q + 4 i) pi / 2 + r."""
    a = np.abs(x)
    n = bits.rint(x * 0.6366197723675814)
    t = bits.fma(-n, 1.5707963267948966, x)                    # exact
    w = n * 6.123233995736766e-17
    r = t - w
    v = r - t
    lo = ((t - (r - v)) - (w + v)) - bits.fma(n, 6.123233995736766e-17, -w) + n * 1.4973849048591698e-33

    k = bits.exponent(a)
    k = 28.0 if k < 28.0 else (1025.0 if k > 1025.0 else k)
    row = np.int32(k - 28.0)
    m = bits.copysign(bits.mantissa(a), x) * 9007199254740992.0
    t1, t2, t3, t4 = _TURNS[row, 0], _TURNS[row, 1], _TURNS[row, 2], _TURNS[row, 3]
    p1, p2, p3 = m * t1, m * t2, m * t3
    e1 = bits.fma(m, t1, -p1)
    p1 = p1 - 4.0 * bits.rint(0.25 * p1)
    n1, n2 = bits.rint(p1), bits.rint(e1)
    f = (p1 - n1) + (e1 - n2)                                  # exact: both are multiples of 2**-52
    n3 = bits.rint(f + p2)
    f = f - n3
    h = f + p2
    v = h - f
    rest = (f - (h - v)) + (p2 - v)
    # f + p2 may cancel down to 2**-62, and so may the next two: each sum keeps what it lost
    e2 = bits.fma(m, t2, -p2)
    s2 = h + e2
    s3 = s2 + p3
    rest = rest + ((e2 - (s2 - h)) + (p3 - (s3 - s2)) + (bits.fma(m, t3, -p3) + m * t4))
    g = s3 + rest
    big_r = g * 1.5707963267948966
    big_lo = bits.fma(g, 1.5707963267948966, -big_r) + (
        g * 6.123233995736766e-17 + ((s3 - g) + rest) * 1.5707963267948966)

    large = (a >= 268435456.0) & (a < 1e999)
    n = n1 + n2 + n3 if large else n
    return big_r if large else r, big_lo if large else lo, n - 4.0 * bits.floor(0.25 * n)


@body(exact=True)
def _sin_near32(r):
    z = r * r
    return r + r * z * bits.polynomial(z, -0.166666672, 0.00833332911, -0.000198393303, 2.71826093e-06)


@body(exact=True)
def _cos_near32(r):
    z = r * r
    return (1.0 - 0.5 * z) + z * z * bits.polynomial(z, 0.0416666456, -0.00138873653, 2.4438119e-05)


@body(exact=True)
def _sin_near64(r, lo):
    z = r * r
    p = bits.polynomial(z, -0.16666666666666632, 0.008333333333322403, -0.00019841269829782085,
                        2.755731367884338e-06, -2.505075556753422e-08, 1.5896624369113164e-10)
    return r + (r * z * p + lo * (1.0 - 0.5 * z))


@body(exact=True)
def _cos_near64(r, lo):
    z = r * r
    p = bits.polynomial(z, 0.0416666666666666, -0.001388888888887446, 2.4801587289649443e-05,
                        -2.755731439135244e-07, 2.087572758468895e-09, -1.1359829228465954e-11)
    h = 0.5 * z
    w = 1.0 - h
    return w + (((1.0 - w) - h) + (z * z * p - r * lo))


@body(exact=True)
def sin(x):
    """sine"""
    return np.sin(x)


@body(exact=True)
def _sin_choice(x, q, s, c):
    y = c if (q == 1.0) | (q == 3.0) else s
    return x if np.abs(x) < 1e-9 else (-y if q >= 2.0 else y)


@variant(sin, "float32")
def _sin32(x):
    r, q = reduced32(x)
    return _sin_choice(x, q, _sin_near32(r), _cos_near32(r))


@variant(sin, "float64")
def _sin64(x):
    r, lo, q = _reduced64(x)
    return _sin_choice(x, q, _sin_near64(r, lo), _cos_near64(r, lo))


@body(exact=True)
def cos(x):
    """cosine"""
    return np.cos(x)


@body(exact=True)
def _cos_choice(q, s, c):
    y = s if (q == 1.0) | (q == 3.0) else c
    return -y if (q == 1.0) | (q == 2.0) else y


@variant(cos, "float32")
def _cos32(x):
    r, q = reduced32(x)
    return _cos_choice(q, _sin_near32(r), _cos_near32(r))


@variant(cos, "float64")
def _cos64(x):
    r, lo, q = _reduced64(x)
    return _cos_choice(q, _sin_near64(r, lo), _cos_near64(r, lo))


@body(exact=True)
def tan(x):
    """sin(x) / cos(x)"""
    return np.tan(x)


@variant(tan, "float32")
def _tan32(x):
    r, q = reduced32(x)
    s, c = _sin_near32(r), _cos_near32(r)
    odd = (q == 1.0) | (q == 3.0)
    y = (c if odd else s) / (-s if odd else c)
    return x if np.abs(x) < 1e-9 else y


@variant(tan, "float64")
def _tan64(x):
    r, lo, q = _reduced64(x)
    s, c = _sin_near64(r, lo), _cos_near64(r, lo)
    odd = (q == 1.0) | (q == 3.0)
    y = (c if odd else s) / (-s if odd else c)
    return x if np.abs(x) < 1e-9 else y


# ---- inverses
@body(exact=True)
def _asin_rest(z):
    """asin(s) / s - 1 for s = sqrt(z) in [0, 1/2]"""
    return z * bits.polynomial(
        z, 0.16666666666666757, 0.07499999999971226, 0.04464285717444078, 0.030381942708541054,
        0.022372215116693496, 0.017351607649379798, 0.01398089221423721, 0.01139819698021048,
        0.010784864846556521, 0.0036870444858904798, 0.021758668841096677, -0.021076675355940794,
        0.032680025980599395)


@in_double
@body(exact=True)
def asin(x):
    """inverse sine"""
    return np.arcsin(x)


@variant(asin, "float64")
def _asin64(x):
    a = np.abs(x)
    near = a < 0.5
    z = x * x if near else 0.5 * (1.0 - a)
    s = a if near else bits.sqrt(z)
    y = s + s * _asin_rest(z)
    return bits.copysign(y if near else 1.5707963267948966 - (2.0 * y - 6.123233995736766e-17), x)


@in_double
@body(exact=True)
def acos(x):
    """inverse cosine"""
    return np.arccos(x)


@variant(acos, "float64")
def _acos64(x):
    a = np.abs(x)
    near = a < 0.5
    z = x * x if near else 0.5 * (1.0 - a)
    s = x if near else bits.sqrt(z)
    y = s + s * _asin_rest(z)
    far = 3.141592653589793 - (2.0 * y - 1.2246467991473532e-16) if x < 0.0 else 2.0 * y
    return 1.5707963267948966 - (y - 6.123233995736766e-17) if near else far


@body(exact=True)
def _arctangent(y, x):
    """atan(y / x) for y, x >= 0, by the angle from the nearest of 0, pi / 4 and pi / 2"""
    low = y < 0.41421356237309503 * x
    high = x < 0.41421356237309503 * y
    t = (y if low else (-x if high else y - x)) / (x if low else (y if high else y + x))
    z = t * t
    rest = t * z * bits.polynomial(
        z, -0.33333333333333326, 0.19999999999997772, -0.142857142853986, 0.11111111088748565,
        -0.0909090816288174, 0.07692283136422141, -0.06666231914770145, 0.05877069044435784,
        -0.052186915578966854, 0.04504660193782869, -0.03349920556100068, 0.015219329524224)
    base = 0.0 if low else (1.5707963267948966 if high else 0.7853981633974483)
    return base + (t + (rest + base * 3.8981718325193755e-17))


@in_double
@body(exact=True)
def atan(x):
    """inverse tangent"""
    return np.arctan(x)


@variant(atan, "float64")
def _atan64(x):
    a = np.abs(x)
    return bits.copysign(_arctangent(1e300 if a > 1e300 else a, 1.0), x)


@body(exact=True)
def atan2(y, x):
    """the angle of (x, y), in [-pi, pi]"""
    return np.arctan2(y, x)


@variant(atan2, "float32")
def _atan2_32(y, x):
    return np.float32(atan2(np.float64(y), np.float64(x)))


@variant(atan2, "float64")
def _atan2_64(y, x):
    a, b = np.abs(y), np.abs(x)
    both = (a == 1e999) & (b == 1e999)
    a, b = 1.0 if both else a, 1.0 if both else b
    top = a if a > b else b
    shift = 2.0**-64 if top > 1e300 else (2.0**64 if top < 1e-270 else 1.0)   # no overflow, no denormals
    angle = _arctangent(a * shift, b * shift) if top > 0.0 else top
    angle = (3.141592653589793 - angle) + 1.2246467991473532e-16 if bits.copysign(1.0, x) < 0.0 else angle
    return x + y if (x != x) | (y != y) else bits.copysign(angle, y)
