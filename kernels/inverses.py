"""Inverse circular and hyperbolic functions of complex numbers, by way of square roots (Kahan 1987).

Far from 0, where the roots would overflow, they are a logarithm and an angle.
"""
import numpy as np

from . import bits
from .exponential import log
from .hyperbolic import acosh, asinh
from .jit import body, variant
from .roots import hypot, sqrt
from .trigonometric import acos, asin, atan2


@body(exact=True)
def _far(x):
    """whether 1 is nothing beside x"""
    return (np.abs(x.real) > 1e10) | (np.abs(x.imag) > 1e10)


@body(exact=True)
def _log_twice(x):
    """log |2 x|"""
    return log(hypot(0.5 * x.real, 0.5 * x.imag)) + 1.3862943611198906


@variant(acos, "complex")
def _acos_complex(x):
    a, b = sqrt(complex(1.0 - x.real, -x.imag)), sqrt(complex(1.0 + x.real, x.imag))
    real = atan2(np.abs(x.imag), x.real) if _far(x) else 2.0 * atan2(a.real, b.real)
    imag = bits.copysign(_log_twice(x), -x.imag) if _far(x) else asinh(b.real * a.imag - b.imag * a.real)
    return complex(real, imag)


@variant(acosh, "complex")
def _acosh_complex(x):
    a, b = sqrt(complex(x.real - 1.0, x.imag)), sqrt(complex(x.real + 1.0, x.imag))
    real = _log_twice(x) if _far(x) else asinh(a.real * b.real + a.imag * b.imag)
    imag = atan2(x.imag, x.real) if _far(x) else 2.0 * atan2(a.imag, b.real)
    return complex(real, imag)


@variant(asinh, "complex")
def _asinh_complex(x):
    a, b = sqrt(complex(1.0 + x.imag, -x.real)), sqrt(complex(1.0 - x.imag, x.real))
    real = bits.copysign(_log_twice(x), x.real) if _far(x) else asinh(a.real * b.imag - b.real * a.imag)
    imag = atan2(x.imag, np.abs(x.real) if _far(x) else a.real * b.real - a.imag * b.imag)
    return complex(real, imag)


@variant(asin, "complex")
def _asin_complex(x):
    y = asinh(complex(-x.imag, x.real))
    return complex(y.imag, -y.real)
