"""Derivatives of compiled functions: the call is one op on the tape, its backward step a function of its own.

The backward graph is written by the same tape and rules that eager gradients use, in a trace that first
inlines the function.  What it takes from the forward pass becomes results of a forward function made for
this; what a higher derivative needs besides is computed again from the inputs.
"""
from collections.abc import Mapping
from types import MappingProxyType

from numbaflow.core.accumulate import accumulate
from numbaflow.core.dtypes import DIFFERENTIABLE
from numbaflow.core.gradient_tape import gradients
from numbaflow.core.indexed_slices import IndexedSlices
from numbaflow.core.tape import Tape, push, record, remove, tracing
from numbaflow.core.tensor import wrap
from numbaflow.graph import ir
from numbaflow.graph.interpret import interpret
from numbaflow.graph.trace import Trace


def call(concrete, tensors):
    """The results of a call that tapes record, or None when they trace none of its inputs."""
    given = [*tensors, *[v._read() for v in concrete.reads], *[wrap(f()) for f in concrete.feeds]]
    if all(t._node is None for t in given):
        return None
    forward = forward_of(concrete)
    # anew: a program gives arguments and constants as they are, and tapes mark outputs
    outputs = [t._renewed() for t in forward.program_for(given).run(given)]
    record(_Call(forward), given, tuple(outputs))
    return outputs[:concrete.results]


def forward_of(concrete):
    """The function that gives, besides the results, what its first derivative takes from it."""
    found = concrete._derivatives.get("forward")
    if found is None:
        found = concrete._derivatives["forward"] = _make_forward(concrete)
    return found


class _Call:
    """What the tape sees of one call."""

    variadic: tuple = ()
    plans: Mapping = MappingProxyType({})

    def __init__(self, forward):
        self.name, self.forward = forward.name, forward

    def plan(self, mask):
        return _Plan(self.forward, [k for k in range(mask.bit_length()) if mask >> k & 1])


class _Plan:
    """The backward step for the traced inputs."""

    multiple, partial, count, chosen, plain = True, True, 1, None, False

    def __init__(self, forward, traced):
        self._forward, self._traced = forward, traced

    def collect(self, inputs, output, attributes):
        return (*inputs, *output)

    def run(self, g, saved):
        """The gradients of the traced inputs; g holds None where none came back."""
        which = tuple(k for k, d in enumerate(g) if d is not None)
        backward, served = backward_of(self._forward, which, tuple(self._traced))
        found = dict(zip(served, backward.call([*saved, *[g[k] for k in which]]), strict=True))
        return tuple([found.get(k) for k in self._traced])

    def backward(self, g, saved, nodes, grads):
        accumulate(grads, nodes, self.run(g, saved))


def _joint(concrete, which, traced):
    """A trace of the function and of the gradients of outputs `which` for inputs `traced`.

    Gives the trace, the tensors of inputs, outputs and output gradients, the gradients, and how many nodes
    the forward part has.
    """
    trace = Trace(f"gradient of {concrete.name}")
    with tracing(trace):
        given = [trace.input(v.shape, v.dtype) for v in concrete.graph.inputs]
        tape = Tape(watch_accessed=False)
        for k in traced:
            tape.watch(given[k])
        push(tape)
        try:
            outputs = interpret(concrete.graph, given)
        finally:
            remove(tape)
        count = len(trace.graph.nodes)
        seeds = [trace.input(outputs[k]._data.shape, outputs[k]._dtype) for k in which]
        found = gradients(tape, [outputs[k] for k in which], [given[k] for k in traced], seeds)
    return trace, given, outputs, seeds, found, count


def _make_forward(concrete):
    from numbaflow.graph.concrete import Concrete
    inputs = concrete.graph.inputs
    traced = [k for k, v in enumerate(inputs) if v.dtype in DIFFERENTIABLE]
    which = [k for k in range(concrete.results) if concrete.graph.outputs[k].dtype in DIFFERENTIABLE]
    trace, given, outputs, _, found, count = _joint(concrete, which, traced)
    wanted = [trace.value(d) for d in found if d is not None]
    needed = _needed(trace.graph.nodes[count:], wanted)
    first = {v for node in trace.graph.nodes[:count] for v in node.outputs}
    own = [trace.value(t) for t in outputs]
    known = {t._value for t in given} | set(own[:concrete.results])
    kept = [v for v in first if v in needed and v not in known and v.node.op is not ir.CONSTANT]
    order = {v: k for k, v in enumerate(v for node in trace.graph.nodes[:count] for v in node.outputs)}
    kept.sort(key=order.__getitem__)
    graph = trace.graph
    graph.nodes = graph.nodes[:count]
    graph.inputs = [t._value for t in given]
    graph.outputs = [*own[:concrete.results], *kept, *own[concrete.results:]]
    return Concrete(concrete.name, graph, concrete.reads, concrete.feeds, concrete.assigned)


def _needed(nodes, wanted):
    """All values that nodes must be given, made by them or not, to compute those wanted."""
    needed = set(wanted)
    for node in reversed(nodes):
        if any(v in needed for v in node.outputs):
            needed.update(node.inputs)
    return needed


def backward_of(forward, which, traced):
    """(the backward function, which inputs it gives gradients for), for gradients of outputs `which`.

    It takes the forward function's inputs and outputs, assigned variables left out, and those gradients.
    """
    key = which, traced
    found = forward._derivatives.get(key)
    if found is None:
        found = forward._derivatives[key] = _make_backward(forward, which, traced)
    return found


def _make_backward(forward, which, traced):
    from numbaflow.graph.concrete import Concrete
    wanted = [k for k in traced if forward.graph.inputs[k].dtype in DIFFERENTIABLE]
    trace, given, outputs, seeds, found, _ = _joint(forward, which, wanted)
    served = [k for k, d in zip(wanted, found, strict=True) if d is not None]
    found = [d.to_dense() if isinstance(d, IndexedSlices) else d for d in found if d is not None]
    graph = trace.graph
    # the outputs of the forward pass are given here, not computed again
    known = {}
    for t in outputs[:forward.results]:
        v = trace.value(t)
        if v not in known and v.node.op not in (ir.INPUT, ir.CONSTANT):
            known[v] = None
    saved = []
    for t in outputs[:forward.results]:
        v = trace.value(t)
        stand_in = ir.Node(ir.INPUT, (), {"name": "saved"}, [(v.shape, v.dtype)])
        saved.append(stand_in)
        if v in known:
            known[v] = stand_in.outputs[0]
    graph.nodes = [*saved, *graph.nodes]
    graph.outputs = [trace.value(d) for d in found]
    graph.replace(known)
    graph.inputs = [*[t._value for t in given], *[n.outputs[0] for n in saved], *[t._value for t in seeds]]
    needed = _needed(graph.nodes, graph.outputs)
    graph.nodes = [n for n in graph.nodes           # effects that nobody needs belong to the forward pass
                   if n.op is ir.INPUT or any(v in needed for v in n.outputs)]
    made = Concrete(trace.name, graph, (), (), ())
    made.by_value = trace.unknowns is not None
    return made, served
