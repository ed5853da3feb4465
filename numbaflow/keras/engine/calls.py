"""What a layer's call takes, what is running in this thread, and inputs in the form that `call` is given."""
import inspect
import threading
from typing import NamedTuple

import numpy as np

from numbaflow.core import dtypes
from numbaflow.core.tensor import Tensor, as_tensor

from .. import backend
from .symbolic import SymbolicTensor, same_kind


class _Running(threading.local):
    """What this thread is doing.

    `depth`: how many layers' calls it is inside of; `training`: what the nearest of them was given;
    `probing`: whether this is a run on zeros to find shapes, whose losses and metrics do not count.
    """

    depth: int = 0
    training = None
    probing = False


running = _Running()


class Signature(NamedTuple):
    """Where a `call` takes `training` and `mask` among its arguments after the inputs, -1 for not at all."""

    training: int
    mask: int
    required: tuple         # other arguments without a default
    others: bool            # whether it takes any keyword arguments


def signature_of(kind):
    """The Signature of a layer class's `call`, read once a class."""
    made = kind.__dict__.get("_signature")
    if made is None:
        made = kind._signature = _read_signature(kind.call)
    return made


def _read_signature(call):
    try:
        parameters = list(inspect.signature(call).parameters.values())[2:]
    except (TypeError, ValueError):
        return Signature(-1, -1, (), True)
    names = [p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    required = tuple(p.name for p in parameters if p.default is p.empty and p.name not in ("training", "mask")
                     and p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY))
    return Signature(*[names.index(name) if name in names else -1 for name in ("training", "mask")], required,
                     any(p.kind is p.VAR_KEYWORD for p in parameters))


# ---- inputs
def converted(inputs, dtype):
    """Inputs with arrays and numbers as tensors; arrays of float64, NumPy's default, take that dtype."""
    if isinstance(inputs, (Tensor, SymbolicTensor)) or inputs is None:
        return inputs
    if isinstance(inputs, dict):
        return type(inputs)((key, converted(value, dtype)) for key, value in inputs.items())
    if isinstance(inputs, (list, tuple)):
        if _is_numbers(inputs):
            return as_tensor(inputs)
        return same_kind(inputs, [converted(value, dtype) for value in inputs])
    if isinstance(inputs, (np.ndarray, np.generic)) and inputs.dtype == dtypes.FLOAT64:
        return as_tensor(np.asarray(inputs, dtype or backend.floatx()))
    if isinstance(inputs, (bool, int, float, np.ndarray, np.generic)) or hasattr(inputs, "_read"):
        return as_tensor(inputs)
    return inputs


def _is_numbers(values):
    """Whether a nested list holds nothing but Python numbers, and at least one."""
    return len(values) > 0 and all(_is_numbers(v) if isinstance(v, (list,
                                                                    tuple)) else type(v) in (bool, int, float)
                                   for v in values)


def map_tensors(function, inputs):
    """`inputs` with each tensor replaced by function(tensor), in the same lists, tuples and dicts."""
    if isinstance(inputs, dict):
        return {key: map_tensors(function, value) for key, value in inputs.items()}
    if isinstance(inputs, (list, tuple)):
        return [map_tensors(function, value) for value in inputs]
    return function(inputs)


def mask_of(inputs):
    """The mask of a tensor, or those of a list of tensors if any has one, else None."""
    if isinstance(inputs, (list, tuple)):
        masks = [mask_of(value) for value in inputs]
        return None if all(m is None for m in masks) else masks
    return getattr(inputs, "_keras_mask", None)
