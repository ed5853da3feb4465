"""Primitives that Python runs: branches, loops, calls of the host.

A `Hosted` has `host(node, arrays)`, which compiled programs call between native parts, and a gradient, which
is made of such primitives again.  Called on tensors it runs or is written down in the trace of this thread,
and tapes record it, so that one text serves eager tensors, traced ones and derivatives of any order.
"""
from collections.abc import Mapping
from types import MappingProxyType

from numbaflow.core.abstract import current_trace
from numbaflow.core.accumulate import accumulate
from numbaflow.core.device import CPU, HOST, device, places
from numbaflow.core.placement import brought, chosen, fetch
from numbaflow.core.tape import listening, record, tracing
from numbaflow.core.tensor import wrap
from numbaflow.graph import ir
from numbaflow.graph.concrete import Concrete
from numbaflow.graph.interpret import interpret, primitive
from numbaflow.graph.trace import Trace


class Hosted(ir.Primitive):
    """A primitive of Python.

    Args:
        name: what errors call it.
        host: a function (node, arrays) that gives the arrays of the node's outputs.
        gradient: a function (attributes, inputs, outputs, g, wanted): gradients for the inputs numbered in
            `wanted`, from those of the outputs, each a tensor or None.  Without it there is no gradient.
        widened: a function (attributes, inputs, specs) that gives attributes and specs with more outputs at
            the end: what the gradient takes from the forward pass.  Used only where a tape records.
        effect: whether it runs even if nobody uses its outputs.
        on_tensors: a function (node, tensors) that gives the tensors of the outputs where inputs are on a
            GPU.  Without it `host` is given copies.
    """

    def __init__(self, name, host, gradient=None, widened=None, effect=False, on_tensors=None):
        super().__init__(name, effect)
        self.host, self.gradient, self.widened, self.on_tensors = host, gradient, widened, on_tensors
        primitive(self)(self._run)

    def _run(self, node, inputs):
        return self(inputs, node.attributes, [(v.shape, v.dtype) for v in node.outputs])

    def __call__(self, inputs, attributes, specs):
        """The output tensors of these specs, (shape, dtype) pairs, for input tensors."""
        count, taped = len(specs), self.gradient is not None and _recorded(inputs)
        if taped and self.widened is not None:
            attributes, specs = self.widened(attributes, inputs, specs)
        trace = current_trace()
        if trace is not None:
            outputs = trace.primitive(self, inputs, attributes, specs)
        else:
            outputs = self._outputs(ir.Node(self, (), attributes, specs), inputs)
        if taped:
            record(_Recorded(self, attributes), inputs, tuple(outputs))
        return outputs[:count]


    def _outputs(self, node, inputs):
        """The tensors that it gives now."""
        at = chosen(inputs) if places.used or places.on else HOST
        if at is HOST:
            return [wrap(a) for a in self.host(node, [fetch(t) for t in inputs])]
        if self.on_tensors is not None:
            return [_at(t, at) for t in self.on_tensors(node, [_at(t, at) for t in inputs])]
        with device(CPU):
            found = self.host(node, [fetch(t) for t in inputs])
        return [_at(wrap(a), at) for a in found]


def _at(tensor, at):
    """The tensor at a place, which no tape has seen."""
    return brought(tensor, at)._renewed()


def _recorded(inputs):
    tokens = [tape.token for tape in listening()]
    return any(t._node is not None and any(token in t._node.tapes for token in tokens) for t in inputs)


class _Recorded:
    """What a tape sees of one use of a primitive."""

    variadic = ()
    plans: Mapping = MappingProxyType({})

    def __init__(self, hosted, attributes):
        self.name, self.hosted, self.attributes = hosted.name, hosted, attributes

    def plan(self, mask):
        return _Plan(self, [k for k in range(mask.bit_length()) if mask >> k & 1])


class _Plan:
    """The backward step for the traced inputs."""

    multiple, partial, count, chosen, plain = True, True, 1, None, False

    def __init__(self, recorded, wanted):
        self._recorded, self._wanted = recorded, wanted

    def collect(self, inputs, output, attributes):
        return tuple(inputs), output

    def run(self, g, saved):
        """The gradients of the traced inputs; g holds None where none came back."""
        used = self._recorded
        return used.hosted.gradient(used.attributes, *saved, g, self._wanted)

    def backward(self, g, saved, nodes, grads):
        accumulate(grads, nodes, self.run(g, saved))


def last_operation():
    """The operation that was just written, where the trace of this thread has such; else None."""
    trace = current_trace()
    return trace.operation(trace.graph.nodes[-1]) if hasattr(trace, "operation") else None


# ---- making functions of functions
def composed(name, specs, function):
    """The Concrete of a function from a list of traced tensors, of these specs, to a list."""
    trace = Trace(name)
    with tracing(trace):
        given = [trace.input(*spec) for spec in specs]
        results = [trace.value(t) for t in function(given)]
    graph = trace.graph
    graph.inputs, graph.outputs = [t._value for t in given], results
    graph.drop_unused()
    return Concrete(name, graph, (), (), ())


def used_inputs(concrete):
    """The numbers of the inputs that a function's results depend on."""
    needed = {v for node in concrete.graph.nodes for v in node.inputs} | set(concrete.graph.outputs)
    return [k for k, v in enumerate(concrete.graph.inputs) if v in needed]


def specs_of(values):
    """(shape, dtype) of tensors or values."""
    return [(v.shape, v.dtype) if isinstance(v, ir.Value) else (v._data.shape, v._data.dtype) for v in values]


def inlined(concrete, tensors):
    """The results of a function without variables, written into the trace of this thread."""
    return interpret(concrete.graph, tensors)
