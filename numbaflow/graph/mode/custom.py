"""Functions that bring their own gradient, in a graph: a node whose backward step is a part of the graph.

The gradient function is called once, when the node is written, with placeholders for the gradients of its
outputs.  A tape that listens to a run takes the node as one op; its backward step runs that part.
"""
from collections.abc import Mapping
from types import MappingProxyType

from numbaflow.core.accumulate import accumulate
from numbaflow.core.tape import record
from numbaflow.core.tensor import as_tensor
from numbaflow.graph import ir

# (*outputs, *inputs) -> outputs; the attributes dys and gradients are the part of the graph
CUSTOM = ir.Primitive("custom_gradient")


def written(graph, op, inputs, outputs):
    """The outputs of a function with its own gradient, as those of one node."""
    dys = [graph.input(t._data.shape, t._dtype, "dy") for t in outputs]
    found = [None if d is None else graph.value(as_tensor(d)) for d in op.gradients(tuple(dys))]
    return tuple(graph.primitive(CUSTOM, [*outputs, *inputs],
                                 {"name": op.name, "count": len(outputs), "dys": [t._value for t in dys],
                                  "gradients": found}, [(t._data.shape, t._dtype) for t in outputs]))


def run(node, inputs, backward):
    """The outputs in a run, whose `backward` gives the tensors of values for {value: tensor}."""
    count = node.attributes["count"]
    outputs = tuple([t._renewed() for t in inputs[:count]])
    record(_Op(node, backward), inputs[count:], outputs)
    return list(outputs)


class _Op:
    """What a tape sees of the node in one run."""

    variadic = ()
    plans: Mapping = MappingProxyType({})   # empty: a plan is for one run

    def __init__(self, node, backward):
        self.name, self.node, self.backward = node.attributes["name"], node, backward

    def plan(self, mask):
        return _Plan(self, [k for k in range(mask.bit_length()) if mask >> k & 1])


class _Plan:
    multiple, partial, count, chosen, plain = True, False, 1, None, False

    def __init__(self, op, traced):
        self._op, self._traced = op, traced

    def collect(self, inputs, output, attributes):
        return ()

    def run(self, g, saved):
        """The gradients of the traced inputs; g holds one for each output."""
        attributes = self._op.node.attributes
        wanted = [attributes["gradients"][k] for k in self._traced]
        given = {v: d for v, d in zip(attributes["dys"], g, strict=True) if d is not None}
        found = iter(self._op.backward([v for v in wanted if v is not None], given))
        return tuple([None if v is None else next(found) for v in wanted])

    def backward(self, g, saved, nodes, grads):
        accumulate(grads, nodes, self.run(g, saved))
