"""Error functions and the gamma family, element by element."""
import numpy as np

from numbaflow.core.optable import Sample, elementwise, given, normal, uniform
from numbaflow.kernels import scalar, zeta as bodies

from .exponential import exp

__all__ = ["digamma", "erf", "erfc", "erfinv", "lgamma", "polygamma", "tetragamma", "trigamma", "zeta"]

_ANY = [Sample(normal(3, 4)), Sample(normal()), Sample(given([0.0, np.inf, -np.inf, np.nan]), grad=False)]
_POSITIVE = [Sample(uniform(3, 4, low=0.3, high=9.0)), Sample(uniform(low=1.0)),
             Sample(given([25.5, np.inf, np.nan]), grad=False)]
_NEGATIVE = Sample(given([-0.5, -1.25, -3.75]))


def _scipy(name, *first):
    """A function of scipy.special, imported when it is asked for: only tests do."""
    def reference(*args):
        import scipy.special
        return getattr(scipy.special, name)(*first, *args).astype(np.result_type(*args))
    return reference


# ---- error functions
@elementwise(scalar.erf, kinds="f", grads={"x": lambda g, x: 1.1283791670955126 * g * exp(-x * x)},
             reference=_scipy("erf"), samples=_ANY)
def erf(x, name=None):
    """The error function, 2 / sqrt(pi) times the integral of exp(-t**2) from 0 to x, element by element.

    >>> import numbaflow as nf
    >>> nf.erf([0.0, 1.0]).numpy().round(4)
    array([0.    , 0.8427], dtype=float32)
    """


@elementwise(scalar.erfc, kinds="f", grads={"x": lambda g, x: -1.1283791670955126 * g * exp(-x * x)},
             reference=_scipy("erfc"), samples=_ANY)
def erfc(x, name=None):
    """1 - erf(x), element by element, without the loss of digits for large x.

    >>> import numbaflow as nf
    >>> nf.erfc([0.0, 1.0]).numpy().round(4)
    array([1.    , 0.1573], dtype=float32)
    """


@elementwise(scalar.erfinv, kinds="f", grads={"x": lambda g, y: 0.8862269254527580 * g * exp(y * y)},
             reference=_scipy("erfinv"),
             samples=[Sample(uniform(3, 4, low=-0.9, high=0.9)),
                      Sample(given([1.0, -1.0, 2.0, np.nan]), grad=False)])
def erfinv(x, name=None):
    """The number whose error function is x, element by element: inf at 1, NaN where |x| > 1.

    >>> import numbaflow as nf
    >>> nf.erfinv([0.0, 0.5]).numpy().round(4)
    array([0.    , 0.4769], dtype=float32)
    """


# ---- the gamma family
@elementwise(scalar.lgamma, kinds="f", grads={"x": lambda g, x: g * digamma(x)}, reference=_scipy("gammaln"),
             samples=[*_POSITIVE, _NEGATIVE])
def lgamma(x, name=None):
    """log |gamma(x)|, element by element: inf at 0, -1, -2 ...

    >>> import numbaflow as nf
    >>> nf.lgamma([3.0, 0.5]).numpy().round(4)
    array([0.6931, 0.5724], dtype=float32)
    """


@elementwise(scalar.digamma, kinds="f", grads={"x": lambda g, x: g * trigamma(x)},
             reference=_scipy("digamma"),
             samples=[*_POSITIVE, _NEGATIVE])
def digamma(x, name=None):
    """The derivative of lgamma, element by element.

    >>> import numbaflow as nf
    >>> nf.digamma([1.0, 2.0]).numpy().round(4)
    array([-0.5772,  0.4228], dtype=float32)
    """


@elementwise(scalar.trigamma, kinds="f", grads={"x": lambda g, x: g * tetragamma(x)},
             reference=_scipy("polygamma", 1),
             samples=[*_POSITIVE, _NEGATIVE])
def trigamma(x, name=None):
    """The derivative of digamma, element by element: `polygamma(1, x)`.

    >>> import numbaflow as nf
    >>> nf.trigamma([1.0, 2.0]).numpy().round(4)
    array([1.6449, 0.6449], dtype=float32)
    """


@elementwise(scalar.tetragamma, kinds="f", grads={"x": lambda g, x: g * polygamma(3.0, x)},
             reference=_scipy("polygamma", 2), samples=[*_POSITIVE, _NEGATIVE])
def tetragamma(x, name=None):
    """The derivative of trigamma, element by element: `polygamma(2, x)`.

    >>> import numbaflow as nf
    >>> nf.tetragamma([1.0, 2.0]).numpy().round(4)
    array([-2.4041, -0.4041], dtype=float32)
    """


@elementwise(bodies.polygamma, kinds="f",
             grads={"a": None, "x": lambda g, a, x: g * polygamma(a + 1.0, x)},
             reference=_scipy("polygamma"),
             samples=[Sample(1, uniform(3, 4, low=0.3, high=9.0)), Sample(4, _NEGATIVE.args[0]),
                      Sample(np.array([[0], [3], [6]]), given([25.0, 0.5])),
                      Sample(given([0.5, -1.0, 3.0]), 2.0, grad=False)])
def polygamma(a, x, name=None):
    """The derivative of order a of digamma, element by element, with broadcasting.

    Args:
        a: a whole number from 0 on; NaN comes of any other.
        x: where it is taken.

    >>> import numbaflow as nf
    >>> nf.polygamma(3.0, [1.0, 2.0]).numpy().round(4)
    array([6.4939, 0.4939], dtype=float32)
    """


@elementwise(bodies.zeta, kinds="f",
             grads={"x": None, "q": lambda g, x, q: -g * x * zeta(x + 1.0, q)},
             reference=_scipy("zeta"),
             samples=[Sample(2.5, uniform(3, 4, low=0.3, high=9.0)),
                      Sample(np.array([2, 3, 20]), given([0.5, 1.0, 3.0])),
                      Sample(given([1.0, 0.5, 2.0]), 2.0, grad=False)])
def zeta(x, q, name=None):
    """The Hurwitz zeta function, the sum over k >= 0 of (q + k)**-x, element by element; NaN where x < 1.

    >>> import numbaflow as nf
    >>> nf.zeta(2.0, [1.0, 2.0]).numpy().round(4)
    array([1.6449, 0.6449], dtype=float32)
    """
