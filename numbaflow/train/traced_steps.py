"""Steps of optimizers inside a compiled function: rules as nodes of its graph, on values of variables.

Of a sparse gradient there is the sum over all rows and a column that says which rows have one.
"""
import numpy as np

from numbaflow.core.abstract import current_trace
from numbaflow.core.tape import silent
from numbaflow.core.tensor import Tensor, as_tensor
from numbaflow.graph import ir
from numbaflow.ops.casting import cast
from numbaflow.ops.comparison import greater, where
from numbaflow.ops.creation import ones_like
from numbaflow.ops.segment import unsorted_segment_sum
from numbaflow.ops.shape import reshape


def step(rule, variables, g, constants, rows=None):
    """Give a rule's variables, a parameter and its slots, their next values; with rows only in those rows."""
    trace = current_trace()
    state = [trace.read(v) for v in variables]
    constants = [c if isinstance(c, Tensor) else as_tensor(np.float64(c)) for c in constants]
    made = trace.primitive(ir.UPDATE, [*state, g, *constants], {"rule": rule},
                           [(t._data.shape, t._dtype) for t in state])
    for variable, old, new in zip(variables, state, made, strict=True):
        trace.assign(variable, new if rows is None else where(rows, new, old))


def filled(rows, g, variable):
    """The gradient of all rows: sums of none are 0 already."""
    return g


def scale(variable, rows, factor, others=False):
    """Multiply those rows of a variable, or all others."""
    value, rows = current_trace().read(variable), ~rows if others else rows
    factor = cast(factor, value._dtype) if isinstance(factor, Tensor) else factor
    current_trace().assign(variable, where(rows, value * factor, value))


def summed_rows(indices, rows, shape):
    """Which rows of a shape have a gradient, [n, 1, ...], and the sum of each one's, of that shape."""
    with silent():
        count = unsorted_segment_sum(ones_like(indices, np.int32), indices, shape[0])
        return (reshape(greater(count, 0), (shape[0], *[1] * (len(shape) - 1))),
                unsorted_segment_sum(rows, indices, shape[0]))
