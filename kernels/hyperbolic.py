"""Hyperbolic and logistic functions as scalar bodies, made of exponential's parts."""
import numpy as np

from . import bits
from .exponential import exp, expm1_near32, expm1_near64, in_double, log1p, reduced32, reduced64, scaled
from .jit import body, variant
from .quotients import divide


@body(exact=True)
def _half_exp(x):
    """exp(x) / 2 for float64 x >= 0, finite as long as the result is."""
    n, r = reduced64(712.0 if x > 712.0 else x)
    return scaled(1.0 + expm1_near64(r), n - 1.0)


@in_double
@body(exact=True)
def sinh(x):
    """(exp(x) - exp(-x)) / 2"""
    return np.sinh(x)


@variant(sinh, "float64")
def _sinh64(x):
    z = x * x
    near = x + x * z * bits.polynomial(z, 0.16666666666666669, 0.00833333333333314, 0.00019841269841436456,
                                       2.7557319155664143e-06, 2.5052123353159916e-08, 1.6057243492709575e-10,
                                       7.759225609300673e-13)
    h = _half_exp(np.abs(x))
    return near if z < 1.0 else bits.copysign(h - 0.25 / h, x)


@in_double
@body(exact=True)
def cosh(x):
    """(exp(x) + exp(-x)) / 2"""
    return np.cosh(x)


@variant(cosh, "float64")
def _cosh64(x):
    h = _half_exp(np.abs(x))
    return h + 0.25 / h


@body(exact=True)
def tanh(x):
    """sinh(x) / cosh(x)"""
    return np.tanh(x)


@variant(tanh, "float32")
def _tanh32(x):
    a, z = np.abs(x), x * x
    near = x + x * z * bits.polynomial(z, -0.333333313, 0.133332953, -0.0539598316, 0.0217840131,
                                       -0.00841748063, 0.0023997277)
    n, r = reduced32(20.0 if a > 10.0 else 2.0 * a)
    e = (1.0 + expm1_near32(r)) * bits.power_of_two(n)
    return bits.copysign(near if a < 0.55 else 1.0 - 2.0 / (e + 1.0), x)


@variant(tanh, "float64")
def _tanh64(x):
    a, z = np.abs(x), x * x
    near = x + x * z * bits.polynomial(
        z, -0.33333333333333304, 0.13333333333327027, -0.05396825396396914, 0.021869488391295943,
        -0.008863232684194547, 0.003592092816277436, -0.001455547645891844, 0.000588463348650423,
        -0.00023342764689881075, 8.338013313042001e-05, -1.953272756605926e-05)
    n, r = reduced64(44.0 if a > 22.0 else 2.0 * a)
    e = (1.0 + expm1_near64(r)) * bits.power_of_two(n)
    return bits.copysign(near if a < 0.55 else 1.0 - 2.0 / (e + 1.0), x)


@in_double
@body(exact=True)
def asinh(x):
    """log(x + sqrt(x**2 + 1))"""
    return np.arcsinh(x)


@variant(asinh, "float64")
def _asinh64(x):
    a = np.abs(x)
    large = a > 1e150                                         # where a * a would overflow
    t = 0.0 if large else a * a
    y = log1p(a + t / (1.0 + bits.sqrt(1.0 + t))) + (0.6931471805599453 if large else 0.0)
    return bits.copysign(y, x)


@in_double
@body(exact=True)
def acosh(x):
    """log(x + sqrt(x**2 - 1))"""
    return np.arccosh(x)


@variant(acosh, "float64")
def _acosh64(x):
    t = x - 1.0
    large = x > 1e150
    y = log1p(t if large else t + bits.sqrt(t * (2.0 + t))) + (0.6931471805599453 if large else 0.0)
    return 1e999 - 1e999 if x < 1.0 else y


@in_double
@body(exact=True)
def atanh(x):
    """log((1 + x) / (1 - x)) / 2"""
    return np.arctanh(x)


@variant(atanh, "float64")
def _atanh64(x):
    a = np.abs(x)
    return bits.copysign(0.5 * log1p(2.0 * a / (1.0 - a)), x)


# ---- logistic functions
@body(exact=True)
def sigmoid(x):
    """1 / (1 + exp(-x))"""
    return divide(1.0, 1.0 + np.exp(-x))


@variant(sigmoid, "float32", "float64")
def _sigmoid(x):
    e = exp(-np.abs(x))
    d = 1.0 + e
    y = (e if x < 0.0 else 1.0) / d
    # (what rounding 1 + e lost, over d)
    return y - y * ((e - (d - 1.0)) * (1.0 - y if x < 0.0 else y))


@body(exact=True)
def _log1p_exp32(x):
    """log(1 + e) for e = exp(x), x <= 0, by the series of log((1 + s) / (1 - s)) with s = e / (2 + e)"""
    e = exp(x)
    s, h = e / (2.0 + e), 0.5 * e * e
    z = s * s
    p = bits.polynomial(z, 0.666666746, 0.39998883, 0.286167443, 0.21429041, 0.2429616)
    return e - (h - s * (h + z * p))


@body(exact=True)
def _log1p_exp64(x):
    """log(1 + e) for e = exp(x), x <= 0, by the series of log((1 + s) / (1 - s)) with s = e / (2 + e)"""
    e = exp(x)
    s, h = e / (2.0 + e), 0.5 * e * e
    z = s * s
    p = bits.polynomial(
        z, 0.6666666666666667, 0.39999999999994157, 0.28571428572487106, 0.22222222126972352,
        0.18181823144692197, 0.1538445335686169, 0.13336783211992592, 0.11716182926564545,
        0.10971075683571938, 0.06999685328992378, 0.16459032666360376)
    return e - (h - s * (h + z * p))


@body(exact=True)
def softplus(x):
    """log(1 + exp(x))"""
    return (0.0 if x < 0.0 else x) + np.log1p(np.exp(-np.abs(x)))


@variant(softplus, "float32")
def _softplus32(x):
    return (0.0 if x < 0.0 else x) + _log1p_exp32(-np.abs(x))


@variant(softplus, "float64")
def _softplus64(x):
    return (0.0 if x < 0.0 else x) + _log1p_exp64(-np.abs(x))


@body(exact=True)
def log_sigmoid(x):
    """log(1 / (1 + exp(-x)))"""
    return (x if x < 0.0 else 0.0) - np.log1p(np.exp(-np.abs(x)))


@variant(log_sigmoid, "float32")
def _log_sigmoid32(x):
    return (x if x < 0.0 else 0.0) - _log1p_exp32(-np.abs(x))


@variant(log_sigmoid, "float64")
def _log_sigmoid64(x):
    return (x if x < 0.0 else 0.0) - _log1p_exp64(-np.abs(x))
