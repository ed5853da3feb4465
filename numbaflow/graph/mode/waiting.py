"""Calls that wait: functions of tensors whose ranks or values are not known, made when the graph is run."""
import numpy as np

from numbaflow.core import nest
from numbaflow.core.abstract import Traced
from numbaflow.core.shape import UNKNOWN
from numbaflow.core.tape import tracing
from numbaflow.core.tensor import as_tensor, wrap
from numbaflow.graph import ir
from numbaflow.graph.interpret import primitive
from numbaflow.graph.mode.guess import example_shape, examples

WAITING = ir.Primitive("call")          # the attribute call, of tensors


class _Call:
    """A function with its arguments but for the tensors of the graph."""

    def __init__(self, function, args, kwargs):
        self._function, self._arguments = function, [args, kwargs]
        self._leaves = nest.flatten(self._arguments)
        self.tensors = [leaf for leaf in self._leaves if isinstance(leaf, Traced)]

    def __call__(self, tensors):
        left = iter(tensors)
        leaves = [next(left) if isinstance(leaf, Traced) else leaf for leaf in self._leaves]
        args, kwargs = nest.pack(self._arguments, leaves)
        return self._function(*args, **kwargs)


def written(graph, function, args, kwargs):
    """The result of a call, as tensors of unknown shapes."""
    call = _Call(function, args, kwargs)
    example = _example(call)
    if example is None:
        return function(*args, **kwargs)            # which says what it needs
    leaves = [as_tensor(leaf) for leaf in nest.flatten([example])]
    made = graph.primitive(WAITING, call.tensors, {"call": call, "name": function.__name__},
                           [(UNKNOWN, t._dtype) for t in leaves])
    return nest.pack(example, made) if nest.is_nested(example) else made[0]


def _example(call):
    """What the call gives for examples of some rank, None where it takes none."""
    for ranks, extent in examples(sum(t._data.shape is UNKNOWN for t in call.tensors)):
        left = iter(ranks)
        try:
            with tracing(None):
                return call([wrap(np.ones(example_shape(t._data.shape, left, extent), t._dtype))
                             for t in call.tensors])
        except Exception:               # whatever a function says to an example that does not fit
            continue
    return None


@primitive(WAITING)
def _called(node, inputs):
    return [as_tensor(leaf) for leaf in nest.flatten([node.attributes["call"](inputs)])]
