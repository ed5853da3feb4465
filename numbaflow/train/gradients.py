"""Gradients as optimizers take them: checked, and brought to where their variables are."""
import numpy as np

from numbaflow.core.device import HOST
from numbaflow.core.errors import InvalidArgumentError
from numbaflow.core.indexed_slices import IndexedSlices
from numbaflow.core.placement import brought, fetch, place_of
from numbaflow.core.tape import stack
from numbaflow.core.tensor import Tensor, as_tensor
from numbaflow.core.variable import Variable
from numbaflow.kernels.optimizers import summed_rows

from . import device_steps, traced_steps

_FLOATS = (np.dtype(np.float32), np.dtype(np.float64))


def checked(g, v):
    """The gradient as an array, or as (row numbers, their rows) for slices; in traces and on GPUs tensors."""
    if isinstance(v, Tensor):
        raise NotImplementedError("Trying to update a Tensor ", v)
    if not isinstance(v, Variable):
        raise NotImplementedError("Trying to optimize unsupported type ", v)
    if v._data.dtype not in _FLOATS:
        raise ValueError(f"Invalid type {v.dtype.name} for {v.name}, expected: float32 or float64.")
    if isinstance(g, IndexedSlices):
        return _checked_slices(g, v)
    try:
        g = as_tensor(g, None if hasattr(g, "dtype") else v.dtype)
    except (TypeError, ValueError):
        raise TypeError(f"Gradient must be convertible to a Tensor or IndexedSlices, or None: {g}") from None
    _check_agrees(g._data, v, v._data.shape)
    if stack.frame[2] is not None:
        return g
    return fetch(g) if place_of(v) is HOST else brought(g, v._place)


def _checked_slices(g, v):
    if v.constraint is not None:
        raise RuntimeError("Cannot use a constraint function on a sparse variable.")
    values, indices, shape = as_tensor(g.values), as_tensor(g.indices), v._data.shape
    if not shape:
        raise InvalidArgumentError(f"apply_gradients: IndexedSlices for {v.name!r}, which has no rows")
    _check_agrees(values._data, v, indices._data.shape + shape[1:])
    if stack.frame[2] is not None:
        return traced_steps.summed_rows(indices, values, shape)
    if place_of(v) is not HOST:
        return device_steps.summed_rows(*[brought(t, v._place) for t in (indices, values)], shape)
    flat = fetch(indices).ravel()
    try:
        return summed_rows(flat, fetch(values).reshape(flat.size, *shape[1:]), shape[0])
    except (IndexError, TypeError) as error:
        raise InvalidArgumentError(f"apply_gradients: IndexedSlices for {v.name!r}: {error}") from None


def _check_agrees(g, v, shape):
    if g.shape != shape:
        raise InvalidArgumentError(f"apply_gradients: a gradient of shape {g.shape} for variable {v.name!r}; "
                                   f"expected {shape}")
    if g.dtype != v._data.dtype:
        raise InvalidArgumentError(f"apply_gradients: a {g.dtype} gradient for variable {v.name!r} of "
                                   f"{v._data.dtype}; cast it first")
