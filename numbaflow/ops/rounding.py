"""Rounding, element by element: no gradient comes back from any of these."""
import numpy as np

from numbaflow.core.optable import Sample, elementwise, given, integers, normal
from numbaflow.kernels import scalar

__all__ = ["ceil", "floor", "rint", "round"]

_SAMPLES = [Sample(normal(3, 4, scale=5.0)), Sample(given([0.5, 1.5, 2.5, -0.5, -2.5, np.inf, np.nan])),
            Sample(integers(4)), Sample(normal())]


def _own_dtype(function):
    """The function in the dtype of its argument: NumPy before 2.1 gives floats for integers."""
    return lambda x: function(x).astype(x.dtype)


@elementwise(scalar.floor, kinds="iuf", grads=None, reference=_own_dtype(np.floor), samples=_SAMPLES)
def floor(x, name=None):
    """The largest integer not above x, element by element.

    >>> import numbaflow as nf
    >>> nf.floor([1.7, -1.2]).numpy().tolist()
    [1.0, -2.0]
    """


@elementwise(scalar.ceil, kinds="iuf", grads=None, reference=_own_dtype(np.ceil), samples=_SAMPLES)
def ceil(x, name=None):
    """The smallest integer not below x, element by element.

    >>> import numbaflow as nf
    >>> nf.ceil([1.2, -1.7]).numpy().tolist()
    [2.0, -1.0]
    """


@elementwise(scalar.round, kinds="iuf", grads=None, reference=np.round, samples=_SAMPLES)
def round(x, name=None):
    """The nearest integer, half to even, element by element.

    >>> import numbaflow as nf
    >>> nf.round([0.5, 1.5, 2.2]).numpy().tolist()
    [0.0, 2.0, 2.0]
    """


@elementwise(scalar.rint, kinds="f", grads=None, reference=np.rint, samples=_SAMPLES)
def rint(x, name=None):
    """The nearest integer, half to even, element by element, as a float.

    >>> import numbaflow as nf
    >>> nf.rint([0.5, 1.5, 2.2]).numpy().tolist()
    [0.0, 2.0, 2.0]
    """
