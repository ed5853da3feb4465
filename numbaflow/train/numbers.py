"""Numbers of a step: Python's, or float64 scalars of a trace where a compiled function finds them anew.

A rule's constants and learning rates are written once, with the functions here.
"""
import math

import numpy as np

from numbaflow.core.abstract import Traced
from numbaflow.core.tape import stack
from numbaflow.core.tensor import Tensor, as_tensor, wrap
from numbaflow.core.variable import Variable
from numbaflow.ops import arithmetic, exponential, rounding, trigonometric
from numbaflow.ops.casting import cast
from numbaflow.ops.comparison import where
from numbaflow.ops.shape import reshape

_FLOAT64 = np.dtype(np.float64)


def number(value):
    """A hyper-parameter as a float: of a number, a tensor or a variable, or of what a function gives."""
    if type(value) is float:
        return value
    value = value() if callable(value) else value
    return float(value) if stack.frame[2] is None else _of_trace(value)


def _of_trace(value):
    """A scalar of the trace for what is a tensor or a variable, else a float."""
    if hasattr(value, "_read"):
        value = value._read()
    if not isinstance(value, Traced):
        return float(value)
    value = value if value._dtype == _FLOAT64 else cast(value, _FLOAT64)
    return reshape(value, ()) if value._data.ndim else value


def held(variable):
    """The number that a scalar variable holds."""
    if stack.frame[2] is not None:
        return number(variable)
    return variable._data.item() if type(variable) is Variable else variable.numpy().item()


def put(variable, value):
    """Make a number the value of a scalar variable."""
    if stack.frame[2] is None and type(variable) is Variable:
        with variable._lock:
            variable._data = np.array(value, variable._data.dtype)
    else:
        variable.assign(scalar(value, variable._data.dtype))


def multiply(variable, factor):
    """Multiply the number that a float64 variable holds."""
    if stack.frame[2] is None and type(variable) is Variable:
        variable._data = np.array(variable._data.item() * factor)
    else:
        variable.assign(scalar(number(variable) * factor, variable._data.dtype))


def scalar(value, dtype):
    """The scalar tensor of a number."""
    return cast(value, dtype) if isinstance(value, Tensor) else wrap(np.asarray(value, dtype))


def is_zero(value):
    """Whether a number is known to be 0."""
    return not isinstance(value, Tensor) and not value


# ---- functions of numbers
def _of_either(python, op):
    def function(x):
        return python(x) if type(x) is float or not isinstance(x, Tensor) else op(x)
    return function


sqrt = _of_either(math.sqrt, exponential.sqrt)
exp = _of_either(math.exp, exponential.exp)
log = _of_either(math.log, exponential.log)
cos = _of_either(math.cos, trigonometric.cos)
floor = _of_either(math.floor, rounding.floor)
ceil = _of_either(math.ceil, rounding.ceil)


def minimum(x, y):
    """The smaller number."""
    return arithmetic.minimum(x, y) if isinstance(x, Tensor) or isinstance(y, Tensor) else x if x <= y else y


def maximum(x, y):
    """The larger number."""
    return arithmetic.maximum(x, y) if isinstance(x, Tensor) or isinstance(y, Tensor) else max(x, y)


def choose(condition, x, y):
    """x if a condition on numbers holds, else y."""
    if not isinstance(condition, Tensor):
        return x if condition else y
    return where(condition, *(as_tensor(v, None if isinstance(v, Tensor) else _FLOAT64) for v in (x, y)))
