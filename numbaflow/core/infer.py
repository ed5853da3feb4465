"""Shapes and dtypes of results without values: what runs an op's `infer` rule, and what such rules share.

A rule is a function of what it names, inputs that have `shape`, `dtype`, `ndim` and `size`, and attributes as
the user gave them.  It makes the checks of the op that are about shapes, so that an error is raised where the
op is written.  Extents may be objects that compute and compare like ints.
"""
import functools

import numpy as np

from numbaflow.kernels.shapes import broadcast

from . import dtypes
from .errors import InvalidArgumentError

BY_VALUE = "the shape of the result depends on values"


# ---- what rules share
def like(x):
    """The shape and dtype of x."""
    return x.shape, x.dtype


def broadcast_all(*values):
    """The shape that the shapes of several values broadcast to."""
    return functools.reduce(broadcast, [v.shape for v in values])


def real_dtype(dtype):
    """The dtype of the parts of complex numbers; others as they are."""
    return np.dtype(dtypes.REAL.get(dtype.name, dtype))


# ---- running a rule
def results(op, names, inputs, attributes):
    """What the rule of an op gives, the names of whose arguments are `names`, as a list of pairs."""
    if op.infer_rule is BY_VALUE:
        raise _unknown(op)
    if op.kernel is not None:
        return [_elementwise(op, inputs)]
    if op.infer_rule is None:
        return _from_zeros(op, inputs, attributes)
    known = dict(zip(op.inputs, inputs, strict=True)) | attributes
    found = op.infer_rule(*[known[name] for name in names])
    if found is BY_VALUE:
        raise _unknown(op)
    pairs = [(tuple(shape), np.dtype(dtype)) for shape, dtype in (found if type(found) is list else [found])]
    if any(n is None for shape, _ in pairs for n in shape):
        raise _unknown(op, pairs)
    return pairs


class DependsOnValues(InvalidArgumentError):
    """The shape of a result depends on values, and there are none.

    `specs` says what a rule knows, pairs of a shape, in which None stands for such an extent, and a dtype.
    """

    def __init__(self, message, specs=None):
        super().__init__(message)
        self.specs = specs


def _unknown(op, specs=None):
    return DependsOnValues(f"{op.name}: {BY_VALUE}, which are not known yet", specs)


def _elementwise(op, inputs):
    """The result of an elementwise op: of the dtype of its operands x, a float where it takes no integers."""
    kernel, dtype = op.kernel, inputs[op.kernel.key].dtype
    if dtype.kind in "iu" and "i" not in kernel.kinds and "f" in kernel.kinds:
        dtype = dtypes.floating(dtype)
    if dtype.kind not in kernel.kinds:
        raise TypeError(f"dtype {dtype} is not among {kernel.supported()}")
    try:
        shape = broadcast_all(*inputs)
    except ValueError:
        shapes = " and ".join(str(x.shape) for x in inputs)
        raise InvalidArgumentError(f"{op.name}: shapes {shapes} do not broadcast: "
                                   "Incompatible shapes") from None
    if kernel.output == "x":
        return shape, dtype
    return shape, dtypes.BOOL if kernel.output == "?" else real_dtype(dtype)


def _from_zeros(op, inputs, attributes):
    """What the op's function makes of zeros, for an op that has no rule."""
    def zeros(x):
        return [zeros(part) for part in x] if type(x) is list else np.zeros(x.shape, x.dtype)
    given = {name: zeros(x) for name, x in zip(op.inputs, inputs, strict=True)}
    found = op.function(**given, **attributes)
    kept = []
    if op.residuals:
        found, *kept = found
    arrays = [*(found if op.outputs is not None else [found]), *kept]
    return [(a.shape, a.dtype) for a in map(np.asarray, arrays)]
