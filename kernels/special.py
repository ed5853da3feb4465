"""Error functions and the gamma family as scalar bodies.

All but erf compute float32 in float64.  The gamma family has no other variant: what you read runs everywhere.
"""
import math

import numpy as np

from . import bits
from .exponential import exp, expm1_near64, in_double, log, reduced64, scaled
from .jit import body, variant
from .trigonometric import cos, sin


# ---- error functions
@in_double
@body(exact=True)
def erfc(x):
    """1 - erf(x)"""
    return math.erfc(x)


@body(exact=True)
def _erf_near64(x):
    """erf(x) for |x| <= 1"""
    return x * bits.polynomial(
        x * x, 1.1283791670955126, -0.3761263890318375, 0.11283791670954885, -0.026866170645077875,
        0.005223977624828431, -0.0008548326981425542, 0.0001205533113295582, -1.4925595772180906e-05,
        1.64610084778027e-06, -1.6350396222864617e-07, 1.466032872274226e-08, -1.137495573607015e-09,
        5.960685338520971e-11)


@body(exact=True)
def _erfc_far64(a, lo):
    """erfc(a + lo), a >= 0.8: exp(-(a + lo)**2) / (1 + 2 a) times a polynomial in (a - 5/2) / (a + 5/2)"""
    a = 28.0 if a > 28.0 else a
    g = bits.polynomial(
        (a - 2.5) / (a + 2.5), 1.2648381843668615, -0.12235676308240437, -0.09902453957360255,
        0.15762991902323234, -0.10296705603850957, 0.03276089326787931, 0.0009318928155813345,
        -0.004382078319896248, 0.0004918658316212885, 0.0006321240485139253, -8.847924125062617e-05,
        -0.00011351991219446605, 6.2643790123786815e-06, 2.268762926302846e-05, 2.6242417188006364e-06,
        -4.186554703830746e-06, -1.6497480250119689e-06, 5.010192690591159e-07, 6.656465625905728e-07,
        -2.0637102516527998e-08, -2.256419952518573e-07, 6.357399657689321e-08)
    h = a * a
    n, r = reduced64(-h)
    e = 1.0 + expm1_near64(r - (bits.fma(a, a, -h) + 2.0 * a * lo))       # what rounding loses counts in exp
    return scaled(e * (g / (1.0 + 2.0 * a)), n)


@variant(erfc, "float64")
def _erfc64(x):
    far = _erfc_far64(np.abs(x), 0.0)
    return 1.0 - _erf_near64(x) if np.abs(x) < 0.8 else (2.0 - far if x < 0.0 else far)


@body(exact=True)
def erf(x):
    """2 / sqrt(pi) * integral of exp(-t**2) from 0 to x"""
    return math.erf(x)


@variant(erf, "float32")
def _erf32(x):
    a = np.abs(x)
    near = x * bits.polynomial(x * x, 1.12837911, -0.37612626, 0.112836003, -0.0268544443, 0.00518953521,
                               -0.000802084163, 7.8891193e-05)
    log_erfc = bits.polynomial(4.0 if a > 4.0 else a, 3.62710853e-05, -1.12889516, -0.634505272, -0.107110731,
                               0.0244322643, -0.00393645884, 0.000391452311, -1.78333521e-05)
    return near if a < 1.0 else bits.copysign(1.0 - exp(log_erfc), x) + (x - x if x != x else 0.0)


@variant(erf, "float64")
def _erf64(x):
    a = np.abs(x)
    return _erf_near64(x) if a < 1.0 else bits.copysign(1.0 - _erfc_far64(a, 0.0), x)


@in_double
@body(exact=True)
def gelu_factor(x):
    """(1 + erf(x / sqrt(2))) / 2: the normal distribution function"""
    return 0.5 * math.erfc(x * -0.7071067811865476)


@variant(gelu_factor, "float64")
def _gelu_factor64(x):
    a = np.abs(x)
    a = 40.0 if a > 40.0 else a                                                # inf would have no rest
    t = a * 0.7071067811865476
    rest = bits.fma(a, 0.7071067811865476, -t) - a * 4.833646656726457e-17     # of a / sqrt(2)
    tail = 1.0 - _erf_near64(t) if t < 0.8 else _erfc_far64(t, rest)
    return 0.5 * (tail if x < 0.0 else 2.0 - tail)


@in_double
@body(exact=True)
def erfinv(x):
    """y with erf(y) = x, for float64: a fit to about 2**-21, then a step of Halley's method"""
    a = np.abs(x)
    d = 1.0 - a
    w = -log((d if d > 0.0 else 1.0) * (1.0 + a))
    near = bits.polynomial(w - 2.5, 1.5014093522861331, 0.24664028891108722, -0.0041773294152646166,
                           -0.0012527473941355094, 0.00021826969912556508, -4.960332787068165e-06,
                           -3.4287712396869976e-06, 4.655544996031203e-07, 1.6962783718577047e-08,
                           -8.74877693972294e-09, 4.046241969271189e-10)
    far = bits.polynomial(bits.sqrt(w) - 4.163033988749895, 4.004395908370772, 1.009838452180374,
                          0.0008724037069535522, -0.0006769849028136734, 0.00027096489009397596,
                          -9.72904062989832e-05, -1.5822555557930527e-06, 1.7868723936513335e-06,
                          2.3841120709208035e-05, -1.2095970481567306e-05, -7.496732738138303e-07,
                          9.114205879872311e-07)
    y = a * (near if w < 5.0 else far)
    error = erf(y) - a if a < 0.75 else d - erfc(y)
    step = error * 0.886226925452758 * exp(y * y)
    y = bits.copysign(y - step / (1.0 + y * step), x)
    edge = x * 1e999 if d == 0.0 else 1e999 - 1e999           # |x| is 1, or more, or NaN
    return (x * 0.886226925452758 if a < 1e-9 else y) if d > 0.0 else edge


# ---- the gamma family
@body(exact=True)
def _fraction(x):
    """x less the nearest integer, exactly"""
    return x if np.abs(x) < 0.5 else x - bits.rint(x)


@body(exact=True)
def _log_gamma_near(t):
    """lgamma(2 + t) for |t| <= 1: a polynomial without the roots at 1 and 2"""
    return t * (t + 1.0) * bits.polynomial(
        t, 0.42278433509846713, -0.10031730167435424, 0.032965000621158085, -0.012384192193333867,
        0.004998641164561558, -0.002108130835285174, 0.0009153769254762952, -0.0004057073755585336,
        0.00018255259902577302, -8.309532996104773e-05, 3.816918752290584e-05, -1.7660501911014595e-05,
        8.220752098617181e-06, -3.851784111238223e-06, 1.8127956443261233e-06, -8.41443494815656e-07,
        3.930943133742889e-07, -2.1211622143624733e-07, 1.0803292890793535e-07, -1.8643198137256336e-08,
        2.3769659872427916e-09, -3.00162161086718e-08, 1.8297539547073466e-08, 7.667492168056419e-09,
        -5.041318091021906e-09, -3.0646266555318102e-09, 1.6863683362504683e-09)


@body(exact=True)
def _log_gamma_positive(a):
    """lgamma(a) for a > 0: by recurrence to [1, 3] below 7, Stirling's series above"""
    far, high, middle, low = a >= 7.0, a >= 5.0, a >= 3.0, a < 1.0
    b = a - 2.0
    product = (a - 1.0) * b
    product = product * ((a - 3.0) * (a - 4.0)) if high else (product if middle else 1.0)
    t = a - 1.0 if low else (a - 6.0 if high else (a - 4.0 if middle else b))
    logarithm = log(a if far | low else product)
    near = _log_gamma_near(0.0 if far else t) + (-logarithm if low else logarithm)
    v = 1.0 / (a if far else 7.0)
    series = v * bits.polynomial(
        v * v, 0.08333333333333333, -0.0027777777777772124, 0.0007936507930587579, -0.0005952378584073084,
        0.0008417040555327564, -0.0019124527684930867, 0.006098326865342391, -0.018971803339254557)
    return (a - 0.5) * (logarithm - 1.0) + (0.4189385332046728 + series) if far else near


@in_double
@body(exact=True)
def lgamma(x):
    """log |gamma(x)|, for float64; for x < 0 by reflection"""
    a = np.abs(x)
    y = _log_gamma_positive(a)
    reflected = x < -1e-17
    s = np.abs(sin(3.141592653589793 * _fraction(x if a < 1e999 else 0.0))) if reflected else 1.0
    y = log(3.141592653589793 / s / a) - y if reflected else y
    return 1e999 if (a == 1e999) | (x < -4503599627370496.0) else y       # integers all


@in_double
@body(exact=True)
def digamma(x):
    """derivative of lgamma, for float64: a shift by 10, an asymptotic series, reflection for x <= 0"""
    a = x if x > 0.0 else 1.0 - x
    far = a >= 10.0
    b = a if far else a + 10.0
    v = 1.0 / b
    w = v * v
    series = bits.polynomial(
        w, 0.08333333333333333, -0.008333333333333333, 0.003968253968253968, -0.004166666666666667,
        0.007575757575757576, -0.021092796092796094, 0.08333333333333333, -0.4432598039215686)
    u, c = a * (a + 9.0), 2.0 * a + 9.0
    shift = c / u + (c / (u + 8.0) + c / (u + 14.0) + (c / (u + 18.0) + c / (u + 20.0)))
    y = log(b) - (0.5 * v + w * series) - (0.0 if far else shift)
    f = 3.141592653589793 * _fraction(x)
    pole = (x < 0.0) & (f == 0.0)
    reflected = 1e999 - 1e999 if pole else y - 3.141592653589793 * cos(f) / sin(f)
    return y if x > 0.0 else reflected


@in_double
@body(exact=True)
def trigamma(x):
    """second derivative of lgamma, for float64: as digamma"""
    a = x if x > 0.0 else 1.0 - x
    far = a >= 10.0
    v = 1.0 / (a if far else a + 10.0)
    w = v * v
    series = bits.polynomial(
        w, 0.16666666666666666, -0.03333333333333333, 0.023809523809523808, -0.03333333333333333,
        0.07575757575757576, -0.2531135531135531, 1.1666666666666667, -7.092156862745098)
    y = v + (0.5 * w + v * w * series)
    shift = 0.0
    for k in range(10):
        r = 1.0 / (a + np.float64(9 - k))
        shift = shift + r * r
    y = y if far else y + shift
    s = 3.141592653589793 / sin(3.141592653589793 * _fraction(x))
    return y if x > 0.0 else s * s - y


@in_double
@body(exact=True)
def tetragamma(x):
    """third derivative of lgamma, for float64: as digamma"""
    a = x if x > 0.0 else 1.0 - x
    far = a >= 10.0
    v = 1.0 / (a if far else a + 10.0)
    w = v * v
    series = bits.polynomial(
        w, 0.5, -0.16666666666666666, 0.16666666666666666, -0.3, 0.8333333333333334, -3.2904761904761906,
        17.5, -120.56666666666666)
    y = -w * (1.0 + v + w * series)
    shift = 0.0
    for k in range(10):
        r = 1.0 / (a + np.float64(9 - k))
        shift = shift + r * r * r
    y = y if far else y - 2.0 * shift
    f = 3.141592653589793 * _fraction(x)
    s = 3.141592653589793 / sin(f)
    return y if x > 0.0 else y - 2.0 * s * s * s * cos(f)
