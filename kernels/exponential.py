"""Exponentials, logarithms and powers as scalar bodies.

exp: x = n log(2) + r with |r| <= log(2) / 2, a polynomial in r, times 2**n in two steps
(the result may be denormal).
log: x = m 2**e with m in [sqrt(1/2), sqrt(2)), a polynomial in m - 1.  Polynomials are minimax fits.
A float32 variant that is not hot computes in float64, where its steps round to nothing. 1e999 is how a body
writes inf in the precision of its arguments.
"""
import numpy as np

from . import bits
from .jit import body, variant


def in_double(function):
    """Give a body of one argument the float32 variant that computes in float64."""
    def narrow(x):
        return np.float32(function(np.float64(x)))

    variant(function, "float32")(narrow)
    return function


# ---- exponentials
@body(exact=True)
def scaled(y, n):
    """y * 2**n, rounded once, for |n| up to twice the largest exponent."""
    half = bits.rint(0.5 * n)
    return y * bits.power_of_two(half) * bits.power_of_two(n - half)


# The constant parts of log(2) and so on end in zeros, so that n * part is exact without fma as well.
@body(exact=True)
def reduced32(x):
    """n and r of x = n * log(2) + r"""
    n = bits.rint(x * 1.4426950408889634)
    return n, (x - n * 0.693359375) - n * -2.1219444005469057e-4


@body(exact=True)
def reduced64(x):
    """n and r of x = n * log(2) + r"""
    n = bits.rint(x * 1.4426950408889634)
    return n, (x - n * 0.6931471803691238) - n * 1.9082149292705877e-10


@body(exact=True)
def expm1_near32(r):
    """exp(r) - 1 for |r| <= log(2) / 2"""
    q = bits.polynomial(r, 0.5, 0.166666672, 0.0416662693, 0.00833326392, 0.00139460876, 0.000199183967)
    return r * r * q + r


@body(exact=True)
def expm1_near64(r):
    """exp(r) - 1 for |r| <= log(2) / 2"""
    q = bits.polynomial(
        r, 0.5, 0.16666666666666685, 0.04166666666666673, 0.00833333333331673, 0.0013888888888858547,
        0.00019841269897100962, 2.4801587373573206e-05, 2.7557234179436407e-06, 2.7557233482901287e-07,
        2.5112263917774242e-08, 2.092690949252466e-09)
    return r * r * q + r


@body(exact=True)
def exp(x):
    """e**x"""
    return np.exp(x)


@variant(exp, "float32")
def _exp32(x):
    n, r = reduced32(-104.0 if x < -104.0 else (89.0 if x > 89.0 else x))
    return scaled(1.0 + expm1_near32(r), n)


@variant(exp, "float64")
def _exp64(x):
    n, r = reduced64(-746.0 if x < -746.0 else (710.0 if x > 710.0 else x))
    return scaled(1.0 + expm1_near64(r), n)


@body(exact=True)
def exp2(x):
    """2**x"""
    return np.exp2(x)


@variant(exp2, "float32")
def _exp2_32(x):
    x = -151.0 if x < -151.0 else (129.0 if x > 129.0 else x)
    n = bits.rint(x)
    return scaled(bits.polynomial(x - n, 1.0, 0.693147182, 0.240226507, 0.0555041097, 0.00961803738,
                                  0.0013333431, 0.000154671012, 1.53149649e-05), n)


@variant(exp2, "float64")
def _exp2_64(x):
    x = -1076.0 if x < -1076.0 else (1025.0 if x > 1025.0 else x)
    n = bits.rint(x)
    return scaled(bits.polynomial(
        x - n, 1.0, 0.6931471805599453, 0.24022650695910072, 0.0555041086648217, 0.009618129107628496,
        0.0013333558146390533, 0.00015403530393341157, 1.525273385614982e-05, 1.3215486833025156e-06,
        1.0178051244960201e-07, 7.0548882588710704e-09, 4.45666832533685e-10, 2.574180106754094e-11), n)


@body(exact=True)
def expm1(x):
    """e**x - 1"""
    return np.expm1(x)


@body(exact=True)
def _expm1_sum(x, n, y):
    """2**n * (1 + y) - 1, or tiny x itself"""
    t = bits.power_of_two(n - 1.0)                            # 2**n would overflow
    return x if np.abs(x) < 1e-17 else 2.0 * (t * y + (t - 0.5))


@variant(expm1, "float32")
def _expm1_32(x):
    n, r = reduced32(-20.0 if x < -20.0 else (89.0 if x > 89.0 else x))
    return _expm1_sum(x, n, expm1_near32(r))


@variant(expm1, "float64")
def _expm1_64(x):
    n, r = reduced64(-40.0 if x < -40.0 else (710.0 if x > 710.0 else x))
    return _expm1_sum(x, n, expm1_near64(r))


# ---- logarithms
@body(exact=True)
def split32(x):
    """e and m - 1 of x = m * 2**e, denormal x included."""
    tiny = x < 1.17549435e-38
    x = x * 16777216.0 if tiny else x
    return bits.exponent(x) - (24.0 if tiny else 0.0), bits.mantissa(x) - 1.0


@body(exact=True)
def split64(x):
    """e and m - 1 of x = m * 2**e, denormal x included."""
    tiny = x < 2.2250738585072014e-308
    x = x * 18014398509481984.0 if tiny else x
    return bits.exponent(x) - (54.0 if tiny else 0.0), bits.mantissa(x) - 1.0


@body(exact=True)
def _log_rest32(f):
    """log(1 + f) - (f - f**2 / 2)"""
    return f * f * f * bits.polynomial(f, 0.333333135, -0.250000089, 0.200021073, -0.166679978, 0.142197475,
                                       -0.124056779, 0.118869625, -0.116746828, 0.0674793944)


@body(exact=True)
def _log_rest64(f):
    """log(1 + f) - (f - f**2 / 2), by the series of log((1 + s) / (1 - s))"""
    s = f / (2.0 + f)
    z = s * s
    return s * (0.5 * f * f + z * bits.polynomial(
        z, 0.6666666666666666, 0.4000000000000615, 0.28571428569111, 0.22222222643643694, 0.18181775882963486,
        0.1538708236501884, 0.13250288167913074, 0.13249920578757649))


@body(exact=True)
def _log_domain(x, y):
    """y for positive finite x, else the logarithm's limit"""
    limit = -1e999 if x == 0.0 else (1e999 - 1e999 if x < 0.0 else x)
    return y if (x > 0.0) & (x < 1e999) else limit


@body(exact=True)
def _log_sum32(e, f, rest):
    return e * 0.693359375 + (f - (0.5 * f * f - (rest + e * -2.1219444005469057e-4)))


@body(exact=True)
def _log_sum64(e, f, rest):
    return e * 0.6931471803691238 + (f - (0.5 * f * f - (rest + e * 1.9082149292705877e-10)))


@body(exact=True)
def log(x):
    """natural logarithm"""
    return np.log(x)


@variant(log, "float32")
def _log32(x):
    e, f = split32(x)
    return _log_domain(x, _log_sum32(e, f, _log_rest32(f)))


@variant(log, "float64")
def _log64(x):
    e, f = split64(x)
    return _log_domain(x, _log_sum64(e, f, _log_rest64(f)))


@body(exact=True)
def log1p(x):
    """log(1 + x)"""
    return np.log1p(x)


@body(exact=True)
def _lost(x, u):
    """x - (u - 1), exactly, for u = 1 + x rounded"""
    return (x - (u - 1.0)) if x < 1.0 else (1.0 - (u - x))


@variant(log1p, "float32")
def _log1p_32(x):
    u = 1.0 + x
    e, f = split32(u)
    y = _log_domain(u, _log_sum32(e, f, _log_rest32(f)) + _lost(x, u) / u)
    return x if np.abs(x) < 1e-9 else y


@variant(log1p, "float64")
def _log1p_64(x):
    u = 1.0 + x
    e, f = split64(u)
    y = _log_domain(u, _log_sum64(e, f, _log_rest64(f)) + _lost(x, u) / u)
    return x if np.abs(x) < 1e-17 else y


@in_double
@body(exact=True)
def log2(x):
    """logarithm to base 2"""
    return np.log2(x)


@variant(log2, "float64")
def _log2_64(x):
    e, f = split64(x)
    return _log_domain(x, e + 1.4426950408889634 * (f - (0.5 * f * f - _log_rest64(f))))


@in_double
@body(exact=True)
def log10(x):
    """logarithm to base 10"""
    return np.log10(x)


@variant(log10, "float64")
def _log10_64(x):
    e, f = split64(x)
    y = 0.4342944819032518 * (f - (0.5 * f * f - _log_rest64(f)))
    return _log_domain(x, e * 0.3010299956640665 + (y + e * -8.532344317057107e-14))


# ---- powers
@body(exact=True)
def pow(x, y):
    """x**y"""
    return x ** y


@variant(pow, "integer")
def _pow_integer(x, y):
    # by squaring, modulo 2**64; a negative power is 0 unless the base is 1 or -1
    base, left, result = np.int64(x), y, np.int64(1)
    if y < 0:
        unit = (x == 1) | (x + 1 == 0)
        return (base if y & 1 else result) if unit else result - result
    while left > 0:
        if left & 1:
            result = result * base
        base = base * base
        left = left >> 1
    return result


@body(exact=True)
def _pow_cases(x, y, magnitude):
    """x**y from |x|**y: the sign of odd powers, NaN for roots of negative numbers, what is 1 in any case"""
    half = 0.5 * y
    whole = bits.rint(y) == y
    odd = whole & (bits.rint(half) != half)
    signed = -magnitude if odd & (bits.copysign(1.0, x) < 0.0) else magnitude
    signed = 1e999 - 1e999 if (x < 0.0) & (x > -1e999) & (y == y) & (not whole) else signed
    one = (y == 0.0) | (x == 1.0) | ((x == -1.0) & (np.abs(y) == 1e999))
    return 1.0 if one else signed


@variant(pow, "float32")
def _pow32(x, y):
    a = np.float64(np.abs(x))
    return _pow_cases(x, y, np.float32(exp2(np.float64(y) * log2(a))))


@body(exact=True)
def _log_pair(x):
    """log(x) as the sum of two float64, to about 2**-65, for positive finite x"""
    e, f = split64(x)
    d = 2.0 + f
    s = f / d
    s_lo = (bits.fma(-s, d, f) - s * (f - (d - 2.0))) / d     # s + s_lo = f / (2 + f)
    z = s * s
    z_lo = bits.fma(s, s, -z) + 2.0 * s * s_lo
    q = z * bits.polynomial(z, 0.4000000000000615, 0.28571428569111, 0.22222222643643694, 0.18181775882963486,
                            0.1538708236501884, 0.13250288167913074, 0.13249920578757649)
    c = 0.6666666666666666 + q
    c_lo = ((0.6666666666666666 - c) + q) + 3.700743415417188e-17
    p = s * z
    p_lo = bits.fma(s, z, -p) + (s * z_lo + s_lo * z)
    t = p * c
    t_lo = bits.fma(p, c, -t) + (p * c_lo + p_lo * c)
    m = 2.0 * s + t
    m_lo = ((2.0 * s - m) + t) + (2.0 * s_lo + t_lo)
    n = e * 0.6931471805598903                                # exact: this part of log(2) has 42 bits
    h = n + m
    return h, ((n - h) + m) + (m_lo + e * 5.497923018708371e-14)


@variant(pow, "float64")
def _pow64(x, y):
    a = np.abs(x)
    finite = (a > 0.0) & (a < 1e999)
    h, h_lo = _log_pair(a if finite else 1.0)
    w = y * h
    tail = bits.fma(y, h, -w) + y * h_lo if np.abs(w) < 800.0 else 0.0
    w = 800.0 if w > 800.0 else (-800.0 if w < -800.0 else w)
    n, r = reduced64(w)
    power = scaled(1.0 + expm1_near64(r + tail), n)
    edge = y * (-1e999 if a == 0.0 else a)                    # |x| is 0, inf or NaN
    edge = 0.0 if edge < 0.0 else edge
    return _pow_cases(x, y, power if finite else edge)
