"""What metrics compute with: arrays, and in a trace the tensors in their place.

`values_of` gives the one or the other, which share operators, shape, ndim and dtype; the functions here take
either.
"""
import numpy as np

from numbaflow.core.placement import fetch
from numbaflow.core.tape import stack
from numbaflow.core.tensor import Tensor, as_tensor, wrap
from numbaflow.core.variable import Variable
from numbaflow.kernels.reduce import argmax
from numbaflow.ops.arithmetic import div_no_nan
from numbaflow.ops.casting import cast
from numbaflow.ops.creation import ones_like
from numbaflow.ops.reduce import argmax as argmax_of_tensor, reduce_mean, reduce_sum
from numbaflow.ops.shape import broadcast_to

_SMALL = 1 << 12                # elements; NumPy's call takes 0.7 us where the kernel's takes 5


def values_of(value):
    """The array of what a metric was given; in a trace a tensor that no tape traces."""
    tensor = value if type(value) is Tensor else as_tensor(value)
    if stack.frame[2] is not None:
        return tensor._renewed()
    return tensor._data if type(tensor) is Tensor else fetch(tensor)


def tensor_of(values):
    """The tensor of values."""
    return values if isinstance(values, Tensor) else wrap(values)


def to(values, dtype):
    """Values in a dtype."""
    return cast(values, dtype) if isinstance(values, Tensor) else values.astype(dtype, copy=False)


def sum_of(values):
    """The sum of values, added up in float64: a Python number, in a trace a scalar."""
    if isinstance(values, Tensor):
        return reduce_sum(cast(values, np.float64))
    if not values.ndim:
        return values.item()
    return np.count_nonzero(values) if values.dtype.kind == "b" else values.sum(dtype=np.float64).item()


def size_of(values):
    """How many values there are."""
    if not isinstance(values, Tensor):
        return values.size
    size = values._data.size
    return size if type(size) is int else sum_of(ones_like(values))


def mean_of(values, axis, dtype=None):
    """The means over some axes."""
    if isinstance(values, Tensor):
        return reduce_mean(values if dtype is None else cast(values, dtype), axis)
    return values.mean(axis=axis, dtype=dtype)


def broadcast(values, shape):
    """Values repeated to a shape; ValueError if they do not broadcast to it."""
    return broadcast_to(values, shape) if isinstance(values, Tensor) else np.broadcast_to(values, shape)


def divided(a, b):
    """a / b, and 0 where b is 0."""
    if isinstance(a, Tensor) or isinstance(b, Tensor):
        return div_no_nan(a, b)
    return np.divide(a, b, out=np.zeros_like(a), where=b != 0)


def largest(x):
    """Where the largest along the last axis stands."""
    if isinstance(x, Tensor):
        return argmax_of_tensor(x, -1)
    return x.argmax(-1) if x.size < _SMALL else argmax(x, x.ndim - 1)


def add_number(variable, delta):
    """Add a number to a scalar variable."""
    if stack.frame[2] is not None or type(variable) is not Variable:
        variable.assign_add(cast(delta, variable.dtype) if isinstance(delta, Tensor) else delta)
        return
    # (a new scalar array costs a third of what assign_add does)
    with variable._lock:
        data = variable._data
        variable._data = np.array(data.item() + delta, data.dtype)


def kept(variable):
    """The values a variable holds."""
    return fetch(variable._read()) if stack.frame[2] is None else variable._read()._renewed()
