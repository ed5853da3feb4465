"""Products and quotients in which a factor of 0 wins over infinity, element by element."""
import numpy as np

from numbaflow.core.optable import Sample, elementwise, given, normal, uniform
from numbaflow.kernels import guarded as bodies

from .comparison import select

__all__ = ["xdivy", "xlogy"]

_SAMPLES = [Sample(normal(3, 4), uniform(4, low=0.2, high=3.0)), Sample(2.0, uniform(3, low=0.2)),
            Sample(given([0.0, 0.0, 1.0]), given([0.0, 2.0, 0.0]), grad=False)]


def _reference(f):
    return lambda x, y: np.where(x == 0, 0 * x, x * f(y))


def _one_unless_zero(x):
    return select(x != 0.0, 1.0, x)


@elementwise(bodies.xlogy,
             grads={"x": lambda g, x, y: g * xlogy(_one_unless_zero(x), y),
                    "y": lambda g, x, y: g * xdivy(x, y)},
             reference=_reference(np.log), samples=_SAMPLES)
def xlogy(x, y, name=None):
    """x * log(y), and 0 where x is 0, element by element, with broadcasting.

    >>> import numbaflow as nf
    >>> nf.math.xlogy([0.0, 2.0], [0.0, 1.0]).numpy().tolist()
    [0.0, 0.0]
    """


@elementwise(bodies.xdivy,
             grads={"x": lambda g, x, y: g * xdivy(_one_unless_zero(x), y),
                    "y": lambda g, x, y: -g * xdivy(xdivy(x, y), y)},
             reference=_reference(np.reciprocal), samples=_SAMPLES)
def xdivy(x, y, name=None):
    """x / y, and 0 where x is 0, element by element, with broadcasting.

    >>> import numbaflow as nf
    >>> nf.math.xdivy([0.0, 3.0], [0.0, 2.0]).numpy().tolist()
    [0.0, 1.5]
    """
