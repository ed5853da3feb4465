"""Values held between bounds."""
import numpy as np

from numbaflow.core import dtypes
from numbaflow.core.optable import Sample, elementwise, given, integers, normal
from numbaflow.core.tensor import as_tensor
from numbaflow.kernels import scalar

from .arithmetic import maximum, minimum
from .casting import cast
from .comparison import select

__all__ = ["clip_by_value", "saturate_cast"]


def _reference(t, clip_value_min, clip_value_max):
    return np.minimum(np.maximum(t, clip_value_min), clip_value_max)


def _within_rule(g, t, clip_value_min, clip_value_max):
    return select((t < clip_value_min) | (t > clip_value_max), 0.0, g)


@elementwise(scalar.clip, kinds="iuf",
             grads={"t": _within_rule,
                    "clip_value_min": lambda g, t, clip_value_min: select(t < clip_value_min, g, 0.0),
                    "clip_value_max": lambda g, t, clip_value_max: select(t > clip_value_max, g, 0.0)},
             reference=_reference,
             samples=[Sample(normal(3, 4), -0.5, 0.5), Sample(integers(5), 2, 5),
                      Sample(normal(3, 4), given([-0.1, -0.2, -0.3, -0.4]), given(0.6)),
                      Sample(given([np.nan, -np.inf, 0.5]), 0.5, 1.0, grad=False)])
def clip_by_value(t, clip_value_min, clip_value_max, name=None):
    """t where it lies between two bounds, else the bound that it crosses, element by element.

    The gradient goes to t on the bounds and between them, to a bound where that was taken instead.

    >>> import numbaflow as nf
    >>> nf.clip_by_value([-2.0, 0.5, 9.0], 0.0, 1.0).numpy().tolist()
    [0.0, 0.5, 1.0]
    """


def saturate_cast(value, dtype, name=None):
    """A tensor in another dtype, where what does not fit becomes the nearest number that does.

    >>> import numbaflow as nf
    >>> nf.saturate_cast([-5.0, 100.0, 300.0], nf.uint8).numpy().tolist()
    [0, 100, 255]
    """
    value, wanted = as_tensor(value), dtypes.as_dtype(dtype)
    lowest, highest = _bounds(value.dtype, wanted)
    if lowest is not None:
        value = maximum(value, lowest)
    if highest is not None:
        value = minimum(value, highest)
    return cast(value, wanted)


def _bounds(given, wanted):
    """The numbers of one dtype next to the ends of another's range, None where it does not reach that far."""
    if given.is_complex or given.is_bool or wanted.is_complex or wanted.is_bool:
        return None, None
    lowest = None if int(given.min) >= int(wanted.min) else _towards_zero(wanted.min, given)
    highest = None if int(given.max) <= int(wanted.max) else _towards_zero(wanted.max, given)
    return lowest, highest


def _towards_zero(limit, dtype):
    number = dtype.as_numpy_dtype(limit)
    return number if abs(int(number)) <= abs(int(limit)) else np.nextafter(number, dtype.as_numpy_dtype(0))
