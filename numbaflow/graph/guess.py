"""The dtypes of what an op gives for tensors whose shapes are not known.

The op's rule is asked for examples of several ranks, then its function; a shape is not taken from them.
"""
import numpy as np

from numbaflow.core.abstract import Abstract
from numbaflow.core.dim import Dim
from numbaflow.core.errors import InvalidArgumentError
from numbaflow.core.shape import UNKNOWN

from .infer import infer

_RANKS = (0, 1, 2, 4, 3, 5)


def guessed(op, given, attributes):
    """A list of (UNKNOWN, dtype), one an output and one a residual, for inputs with shapes and dtypes."""
    for answer in (_inferred, _run):
        for rank in _RANKS:
            try:
                found = answer(op, [_example(x, rank) for x in given], attributes)
            except Exception:               # whatever an op says to an example that does not fit
                continue
            return [(UNKNOWN, dtype) for _, dtype in found]
    if op.listed:
        raise InvalidArgumentError(f"{op.name}: how many tensors it gives depends on an unknown shape")
    first = next(x for x in given for x in (x if isinstance(x, list) else [x]))
    count = (1 if op.outputs is None else len(op.outputs)) + len(op.residuals)
    return [(UNKNOWN, first.dtype)] * count


def _inferred(op, given, attributes):
    return infer(op, given, attributes)


def _run(op, given, attributes):
    """What the op's function gives for ones."""
    result = op.launch(*[_ones(x) for x in given], **attributes)
    results = [result] if op.outputs is None and not op.residuals else list(result)
    if op.outputs is not None and op.residuals:
        results = [*results[0], *results[1:]]
    return [(np.shape(r), np.asarray(r).dtype) for r in results]


def _ones(x):
    return [_ones(each) for each in x] if isinstance(x, list) else np.ones(x.shape, x.dtype)


def _example(x, rank):
    if isinstance(x, list):
        return [_example(each, rank) for each in x]
    if x.shape is UNKNOWN:
        return Abstract((2,) * rank, x.dtype)
    return Abstract([2 if isinstance(n, Dim) else n for n in x.shape], x.dtype)
