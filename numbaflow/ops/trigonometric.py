"""Trigonometric and hyperbolic functions and their inverses, element by element; angles are in radians."""
import numpy as np

from numbaflow.core.optable import Sample, elementwise, given, integers, normal, uniform
from numbaflow.kernels import scalar

from .exponential import sqrt

__all__ = ["acos", "acosh", "asin", "asinh", "atan", "atan2", "atanh", "cos", "cosh", "sin", "sinh", "tan",
           "tanh"]

_COMPLEX = Sample(np.array([0.5 - 1j, -0.25 + 0.5j, 1 + 0.25j]))
_ANY = [Sample(normal(3, 4)), Sample(normal()), Sample(integers(4)),
        Sample(given([np.inf, -np.inf, np.nan]), grad=False)]
_UNIT = [Sample(uniform(3, 4, low=-0.9, high=0.9)), Sample(uniform()),
         Sample(given([1.0, -1.0, 2.0, np.nan]), grad=False)]


# ---- angles
@elementwise(scalar.sin, grads={"x": lambda g, x: g * cos(x)}, reference=np.sin, samples=[*_ANY, _COMPLEX])
def sin(x, name=None):
    """Sine, element by element.

    >>> import numbaflow as nf
    >>> nf.sin([0.0, 1.0]).numpy().round(4)
    array([0.    , 0.8415], dtype=float32)
    """


@elementwise(scalar.cos, grads={"x": lambda g, x: -g * sin(x)}, reference=np.cos, samples=[*_ANY, _COMPLEX])
def cos(x, name=None):
    """Cosine, element by element.

    >>> import numbaflow as nf
    >>> nf.cos([0.0, 1.0]).numpy().round(4)
    array([1.    , 0.5403], dtype=float32)
    """


@elementwise(scalar.tan, grads={"x": lambda g, y: g * (1.0 + y * y)}, reference=np.tan,
             samples=[*_ANY, _COMPLEX])
def tan(x, name=None):
    """Tangent, element by element.

    >>> import numbaflow as nf
    >>> nf.tan([0.0, 1.0]).numpy().round(4)
    array([0.    , 1.5574], dtype=float32)
    """


@elementwise(scalar.asin, grads={"x": lambda g, x: g / sqrt((1.0 - x) * (1.0 + x))}, reference=np.arcsin,
             samples=[*_UNIT, _COMPLEX])
def asin(x, name=None):
    """The angle in [-pi/2, pi/2] whose sine is x, element by element; NaN where |x| > 1.

    >>> import numbaflow as nf
    >>> nf.asin([0.0, 1.0]).numpy().round(4)
    array([0.    , 1.5708], dtype=float32)
    """


@elementwise(scalar.acos, grads={"x": lambda g, x: -g / sqrt((1.0 - x) * (1.0 + x))}, reference=np.arccos,
             samples=[*_UNIT, _COMPLEX])
def acos(x, name=None):
    """The angle in [0, pi] whose cosine is x, element by element; NaN where |x| > 1.

    >>> import numbaflow as nf
    >>> nf.acos([1.0, -1.0]).numpy().round(4)
    array([0.    , 3.1416], dtype=float32)
    """


@elementwise(scalar.atan, grads={"x": lambda g, x: g / (1.0 + x * x)}, reference=np.arctan,
             samples=[*_ANY, _COMPLEX])
def atan(x, name=None):
    """The angle in [-pi/2, pi/2] whose tangent is x, element by element.

    >>> import numbaflow as nf
    >>> nf.atan([0.0, 1.0]).numpy().round(4)
    array([0.    , 0.7854], dtype=float32)
    """


@elementwise(scalar.atan2, kinds="f",
             grads={"y": lambda g, y, x: g * x / (x * x + y * y),
                    "x": lambda g, y, x: -g * y / (x * x + y * y)},
             reference=np.arctan2,
             samples=[Sample(normal(3, 4), normal(4)), Sample(normal(3), 1.5),
                      Sample(given([0.0, -0.0, 1.0]), given(-1.0), grad=False)])
def atan2(y, x, name=None):
    """The angle in [-pi, pi] of the point (x, y), element by element, with broadcasting.

    >>> import numbaflow as nf
    >>> nf.atan2([0.0, 1.0], [-1.0, 1.0]).numpy().round(4)
    array([3.1416, 0.7854], dtype=float32)
    """


# ---- hyperbolic
@elementwise(scalar.sinh, grads={"x": lambda g, x: g * cosh(x)}, reference=np.sinh, samples=[*_ANY, _COMPLEX])
def sinh(x, name=None):
    """Hyperbolic sine, element by element.

    >>> import numbaflow as nf
    >>> nf.sinh([0.0, 1.0]).numpy().round(4)
    array([0.    , 1.1752], dtype=float32)
    """


@elementwise(scalar.cosh, grads={"x": lambda g, x: g * sinh(x)}, reference=np.cosh, samples=[*_ANY, _COMPLEX])
def cosh(x, name=None):
    """Hyperbolic cosine, element by element.

    >>> import numbaflow as nf
    >>> nf.cosh([0.0, 1.0]).numpy().round(4)
    array([1.    , 1.5431], dtype=float32)
    """


@elementwise(scalar.tanh, grads={"x": lambda g, y: g * (1.0 - y * y)}, reference=np.tanh,
             samples=[*_ANY, _COMPLEX])
def tanh(x, name=None):
    """Hyperbolic tangent, element by element.

    >>> import numbaflow as nf
    >>> nf.tanh([0.0, 1.0]).numpy().round(4)
    array([0.    , 0.7616], dtype=float32)
    """


@elementwise(scalar.asinh, grads={"x": lambda g, x: g / sqrt(1.0 + x * x)}, reference=np.arcsinh,
             samples=[*_ANY, _COMPLEX])
def asinh(x, name=None):
    """Inverse hyperbolic sine, element by element.

    >>> import numbaflow as nf
    >>> nf.asinh([0.0, 1.0]).numpy().round(4)
    array([0.    , 0.8814], dtype=float32)
    """


@elementwise(scalar.acosh, grads={"x": lambda g, x: g / (sqrt(x - 1.0) * sqrt(x + 1.0))},
             reference=np.arccosh,
             samples=[Sample(uniform(3, 4, low=1.2, high=5.0)),
                      Sample(given([1.0, 0.5, np.inf, np.nan]), grad=False), _COMPLEX])
def acosh(x, name=None):
    """Inverse hyperbolic cosine, element by element; NaN where x < 1.

    >>> import numbaflow as nf
    >>> nf.acosh([1.0, 2.0]).numpy().round(4)
    array([0.   , 1.317], dtype=float32)
    """


@elementwise(scalar.atanh, grads={"x": lambda g, x: g / ((1.0 - x) * (1.0 + x))}, reference=np.arctanh,
             samples=[*_UNIT, _COMPLEX])
def atanh(x, name=None):
    """Inverse hyperbolic tangent, element by element; NaN where |x| > 1.

    >>> import numbaflow as nf
    >>> nf.atanh([0.0, 0.5]).numpy().round(4)
    array([0.    , 0.5493], dtype=float32)
    """
