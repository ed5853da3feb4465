"""A graph run op by op, on eager tensors or on traced ones.

It says what a graph means: a compiled program must agree with it.  On traced tensors it writes the graph into
another trace, which is how functions are inlined and differentiated.
"""
import numpy as np

from numbaflow.core.abstract import Traced, current_trace
from numbaflow.core.placement import fetch
from numbaflow.core.shape import Extent
from numbaflow.core.tensor import Tensor, wrap
from numbaflow.graph import ir


def interpret(graph, given):
    """The tensors of a graph's outputs for those of its inputs."""
    known = dict(zip(graph.inputs, given, strict=True))
    for node in graph.nodes:
        if node.op is not ir.INPUT:
            results = run_node(node, [known[v] for v in node.inputs])
            known.update(zip(node.outputs, results, strict=True))
    return [known[v] for v in graph.outputs]


def run_node(node, inputs):
    """The tensors of a node's outputs for those of its inputs."""
    if node.op in _PRIMITIVES:
        return _PRIMITIVES[node.op](node, inputs)
    op, arguments = node.op, node.grouped(inputs)
    if op.residuals:
        return _with_residuals(node, arguments)
    result = op.face(**dict(zip(op.inputs, arguments, strict=True)), **node.attributes)
    return [result] if isinstance(result, Tensor) else list(result)


def _with_residuals(node, arguments):
    op = node.op
    if any(isinstance(t, Traced) for t in arguments):
        return current_trace().call_fully(op, arguments, node.attributes)
    return [wrap(a) for a in op.flat(op.launch(*[fetch(t) for t in arguments], **node.attributes))]


def _constant(node, inputs):
    value, shape = node.attributes["value"], node.outputs[0].shape
    trace = current_trace()
    if trace is not None:
        return [trace.tensor(trace.graph.constant(value, shape))]
    return [wrap(np.broadcast_to(value, shape))]


def _extents(node, inputs):
    value, dtype = node.attributes["value"], node.outputs[0].dtype
    if any(isinstance(n, Extent) for n in (value if isinstance(value, tuple) else [value])):
        return [current_trace().extents(value, dtype)]
    return [wrap(np.array(value, dtype))]


def _update(node, inputs):
    trace = current_trace()
    if trace is not None:
        return trace.primitive(ir.UPDATE, inputs, node.attributes, [(v.shape, v.dtype) for v in node.outputs])
    count = len(node.outputs)
    state = [np.array(fetch(t), order="C") for t in inputs[:count]]
    g, constants = np.ascontiguousarray(fetch(inputs[count])), [fetch(t).item() for t in inputs[count + 1:]]
    node.attributes["rule"](g.size, *[s.ravel() for s in state], g.ravel(), *constants)
    return [wrap(s) for s in state]


_PRIMITIVES = {ir.CONSTANT: _constant, ir.EXTENTS: _extents, ir.UPDATE: _update}


def primitive(op):
    """Register how a primitive runs: a function (node, tensors) that returns tensors."""
    def register(function):
        _PRIMITIVES[op] = function
        return function
    return register
