"""Exponentials, logarithms and roots, element by element."""
import numpy as np

from numbaflow.core.optable import Sample, elementwise, given, integers, normal, uniform
from numbaflow.kernels import scalar

__all__ = ["cbrt", "exp", "exp2", "expm1", "log", "log1p", "log2", "log10", "rsqrt", "sqrt"]

_COMPLEX = Sample(np.array([1.5 - 2j, 0.5 + 1j, 0.25 + 0.25j]))
_ANY = [Sample(normal(3, 4)), Sample(normal()), Sample(integers(4)),
        Sample(given([0.0, np.inf, -np.inf, np.nan]), grad=False)]
_POSITIVE = [Sample(uniform(3, 4, low=0.2, high=5.0)), Sample(integers(4, low=1)), Sample(uniform(0, 3)),
             Sample(given([0.0, np.inf, np.nan]), grad=False)]


# ---- exponentials
@elementwise(scalar.exp, grads={"x": lambda g, y: g * y}, reference=np.exp, samples=[*_ANY, _COMPLEX])
def exp(x, name=None):
    """e to the power x, element by element.

    >>> import numbaflow as nf
    >>> nf.exp([0.0, 1.0]).numpy().round(4)
    array([1.    , 2.7183], dtype=float32)
    """


@elementwise(scalar.exp2, kinds="f", grads={"x": lambda g, y: g * (0.6931471805599453 * y)},
             reference=np.exp2, samples=_ANY)
def exp2(x, name=None):
    """2 to the power x, element by element.

    >>> import numbaflow as nf
    >>> nf.exp2([0.0, 3.0]).numpy().tolist()
    [1.0, 8.0]
    """


@elementwise(scalar.expm1, grads={"x": lambda g, y: g * (y + 1.0)}, reference=np.expm1,
             samples=[*_ANY, _COMPLEX])
def expm1(x, name=None):
    """exp(x) - 1, element by element, without the loss of digits for small x.

    >>> import numbaflow as nf
    >>> nf.expm1([0.0, 1e-10]).numpy().tolist() == [0.0, float(np.float32(1e-10))]
    True
    """


# ---- logarithms
@elementwise(scalar.log, grads={"x": lambda g, x: g / x}, reference=np.log, samples=[*_POSITIVE, _COMPLEX])
def log(x, name=None):
    """Natural logarithm, element by element: -inf at 0, NaN below.

    >>> import numbaflow as nf
    >>> nf.log([1.0, 10.0]).numpy().round(4)
    array([0.    , 2.3026], dtype=float32)
    """


@elementwise(scalar.log2, kinds="f", grads={"x": lambda g, x: 1.4426950408889634 * g / x}, reference=np.log2,
             samples=_POSITIVE)
def log2(x, name=None):
    """Logarithm to the base 2, element by element.

    >>> import numbaflow as nf
    >>> nf.log2([1.0, 8.0]).numpy().tolist()
    [0.0, 3.0]
    """


@elementwise(scalar.log10, kinds="f", grads={"x": lambda g, x: 0.4342944819032518 * g / x},
             reference=np.log10, samples=_POSITIVE)
def log10(x, name=None):
    """Logarithm to the base 10, element by element.

    >>> import numbaflow as nf
    >>> nf.log10([1.0, 100.0]).numpy().tolist()
    [0.0, 2.0]
    """


@elementwise(scalar.log1p, grads={"x": lambda g, x: g / (1.0 + x)}, reference=np.log1p,
             samples=[*_POSITIVE, _COMPLEX])
def log1p(x, name=None):
    """log(1 + x), element by element, without the loss of digits for small x.

    >>> import numbaflow as nf
    >>> nf.log1p([0.0, 1.0]).numpy().round(4)
    array([0.    , 0.6931], dtype=float32)
    """


# ---- roots
@elementwise(scalar.sqrt, grads={"x": lambda g, y: 0.5 * g / y}, reference=np.sqrt,
             samples=[*_POSITIVE, _COMPLEX])
def sqrt(x, name=None):
    """Square root, element by element: NaN below 0.  The gradient at 0 is inf.

    >>> import numbaflow as nf
    >>> nf.sqrt([4.0, 9.0]).numpy().tolist()
    [2.0, 3.0]
    """


@elementwise(scalar.rsqrt, grads={"x": lambda g, y: -0.5 * g * y * y * y}, reference=lambda x: 1 / np.sqrt(x),
             samples=[*_POSITIVE, _COMPLEX])
def rsqrt(x, name=None):
    """1 / sqrt(x), element by element.

    >>> import numbaflow as nf
    >>> nf.rsqrt([4.0, 0.25]).numpy().tolist()
    [0.5, 2.0]
    """


@elementwise(scalar.cbrt, kinds="f", grads={"x": lambda g, y: g / (3.0 * y * y)}, reference=np.cbrt,
             samples=[*_POSITIVE, Sample(given([-8.0, -0.5, 27.0]))])
def cbrt(x, name=None):
    """Cube root, element by element, of negative numbers too.

    >>> import numbaflow as nf
    >>> nf.cbrt([-8.0, 27.0]).numpy().tolist()
    [-2.0, 3.0]
    """
