"""Functions that bring their own gradient, in compiled functions: a node that passes its values on.

A tape that listens to a run of the graph takes the node as one op, whose backward step is the user's gradient
function, traced when the node was written.
"""
import numpy as np

from numbaflow.core.tape import silent
from numbaflow.core.tensor import as_tensor, wrap
from numbaflow.graph.flow.hosted import Hosted
from numbaflow.graph.flow.inner import Inner, Outside, concrete


def _passed_on(node, arrays):
    return list(arrays[:node.attributes["count"]])


def _gradient(attributes, inputs, outputs, g, wanted):
    """What the user's function gives for the inputs; nothing goes back into how the values were made."""
    count, served, taken = attributes["count"], attributes["served"], attributes["inputs"]
    dys = [_zeros(y) if d is None else d for d, y in zip(g, outputs, strict=True)]
    found = dict(zip(served, attributes["function"].call([*dys, *inputs[count + taken:]]), strict=True))
    return tuple([found.get(k - count) if k < count + taken else None for k in wanted])


def _zeros(y):
    return wrap(np.zeros(y._data.shape, y._data.dtype))


# (*values, *inputs, *what the gradient takes from outside) -> the values
OWN_GRADIENT = Hosted("own_gradient", _passed_on, _gradient)


def written(trace, op, inputs, outputs):
    """The outputs of a function with its own gradient, as those of one node."""
    inner = Inner(f"gradient of {op.name}", trace)
    with inner.written():
        dys = [inner.input(t._data.shape, t._dtype, "dy") for t in outputs]
        found = [None if d is None else inner.value(as_tensor(d)) for d in op.gradients(tuple(dys))]
    outside = Outside([inner])
    function = concrete(inner, [*[t._value for t in dys], *outside.inputs(inner)],
                        [v for v in found if v is not None])
    attributes = {"count": len(outputs), "inputs": len(inputs), "function": function,
                  "served": [k for k, v in enumerate(found) if v is not None]}
    with silent():
        return tuple(OWN_GRADIENT([*outputs, *inputs, *outside.operands()], attributes,
                                  [(t._data.shape, t._dtype) for t in outputs]))
