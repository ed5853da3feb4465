"""The shapes and dtypes of what an op gives, without running it."""
import numpy as np

from numbaflow.core import dtypes
from numbaflow.core.abstract import Abstract
from numbaflow.core.errors import InvalidArgumentError

from .ir import broadcast


def infer(op, inputs, attributes):
    """A list of (shape, dtype), one an output and then one a residual, for inputs with shapes and dtypes."""
    if op.kernel is not None:
        return [_elementwise(op, inputs)]
    found = op.infer(inputs, attributes)
    return _by_running(op, inputs, attributes) if found is None else found


def _elementwise(op, inputs):
    kernel = op.kernel
    dtype = inputs[kernel.key].dtype
    if dtype.kind in "iu" and "i" not in kernel.kinds and "f" in kernel.kinds:
        dtype = np.dtype(np.float64 if dtype.itemsize >= 4 else np.float32)
    elif dtype.kind not in kernel.kinds:
        raise InvalidArgumentError(f"{op.name}: dtype {dtype} is not among {kernel.supported()}")
    for k, x in enumerate(inputs):
        if kernel.letter(k) == "?" and x.dtype.kind != "b":
            raise InvalidArgumentError(f"{op.name}: dtypes {' and '.join(x.dtype.name for x in inputs)} do not fit; "
                                       "a condition is bool")
    if kernel.output == "?":
        out = dtypes.BOOL
    else:
        out = np.dtype(f"float{dtype.itemsize * 4}") if kernel.output == "r" and dtype.kind == "c" else dtype
    return broadcast(op.name, [x.shape for x in inputs]), out


def _by_running(op, inputs, attributes):
    """For a user's op that says nothing: what its function gives for zeros."""
    def zeros(x):
        return [zeros(each) for each in x] if isinstance(x, list) else np.zeros(x.shape, x.dtype)
    result = op.launch(*map(zeros, inputs), **attributes)
    results = [result] if op.outputs is None and not op.residuals else list(result)
    if op.outputs is not None and op.residuals:
        results = [*result[0], *result[1:]]
    return [(np.shape(r), np.asarray(r).dtype) for r in results]


def spec(value):
    """What inference sees of a tensor or a value."""
    return Abstract(value.shape, value.dtype)
