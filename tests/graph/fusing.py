"""What tests of fusion share: graphs written by hand, and a runner of fused kernels that needs no program."""
import ctypes

import numpy as np

from numbaflow.core import table
from numbaflow.core.tensor import wrap
from numbaflow.graph import ir
from numbaflow.graph.fusing.codegen import Address, Scratch, instruction
from numbaflow.graph.fusing.decompose import CHECK
from numbaflow.graph.fusing.fuse import fuse
from numbaflow.graph.fusing.space import is_view
from numbaflow.graph.interpret import interpret, run_node

CALL = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)


class Writer:
    """A graph that grows: `w.exp(x)` adds a node of that op."""

    def __init__(self):
        self.graph = ir.Graph()

    def input(self, shape, dtype="float32"):
        return self.graph.input(shape, np.dtype(dtype))

    def op(self, name, *inputs, **given):
        op = table.OPS[name]
        like = next(x for x in reversed(inputs) if isinstance(x, (ir.Value, list)))
        dtype = (like[0] if isinstance(like, list) else like).dtype
        inputs = [self.graph.constant(np.array(x, dtype)) if isinstance(x, (int, float)) else x
                  for x in inputs]
        attributes = {a: given.get(a) for a in op.attributes}
        flat = [v for x in inputs for v in (x if isinstance(x, list) else [x])]
        sizes = [len(x) if isinstance(x, list) else None for x in inputs] if op.variadic else None
        node = self.graph.add(op, flat, attributes, op.infer(inputs, attributes), sizes)
        return node.outputs[0] if len(node.outputs) == 1 else node.outputs

    def __getattr__(self, name):
        return lambda *inputs, **given: self.op(name, *inputs, **given)


def launch(node, inputs, outputs, shares=1):
    """Run a fused node's kernels on arrays; gives their texts."""
    operands, rooms, texts = [*inputs, *outputs], {}, []
    for made in instruction(node, inputs, outputs):
        cells = np.zeros(len(made.arguments) + 1, np.int64)
        for k, a in enumerate(made.arguments):
            if isinstance(a, Address):
                a = operands[a.operand].ctypes.data
            elif isinstance(a, Scratch):
                a = rooms.setdefault(a, np.full(a.bytes, 0xA5, np.uint8)).ctypes.data
            cells[k] = a
        for s in range(shares):
            lo, hi = made.extent * s // shares, made.extent * (s + 1) // shares
            CALL(made.function.address)(cells.ctypes.data, lo, hi)
        texts.append(made.source)
    return texts


def run(graph, arrays, shares=1, out=None):
    """A graph's outputs with fused nodes run as kernels; `out` makes the array of an output."""
    known = dict(zip(graph.inputs, arrays, strict=True))
    for node in graph.nodes:
        if node.op is ir.INPUT or node.op is CHECK:
            continue
        if node.op is ir.CONSTANT:
            found = [np.broadcast_to(node.attributes["value"], node.outputs[0].shape)]
        elif node.op is ir.FUSED:
            found = [np.full(v.shape, 99, v.dtype) if out is None else out(v) for v in node.outputs]
            launch(node, [known[v] for v in node.inputs], found, shares)
        else:
            found = [t._data for t in run_node(node, [wrap(known[v]) for v in node.inputs])]
        known.update(zip(node.outputs, found, strict=True))
    return [known[v] for v in graph.outputs]


def expected(graph, arrays):
    """A graph's outputs, op by op."""
    with np.errstate(all="ignore"):
        return [t._data for t in interpret(graph, [wrap(np.array(a, order="C")) for a in arrays])]


def fused_nodes(graph):
    return [n for n in graph.nodes if n.op is ir.FUSED]


def check(writer, outputs, arrays, kernels=None, rtol=1e-5, atol=1e-6, shares=2, out=None):
    """Fuse a graph and compare with op by op; `kernels` is how many there must be, and nothing else."""
    graph = writer.graph
    graph.outputs = list(outputs)
    wanted = expected(graph, arrays)
    fuse(graph)
    graph.verify()
    for a, b in zip(run(graph, arrays, shares, out), wanted, strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_allclose(a, b, rtol=rtol, atol=atol)
    if kernels is not None:
        free = (ir.INPUT, ir.CONSTANT, ir.FUSED, CHECK)
        rest = [n for n in graph.nodes if n.op not in free and not is_view(n)]
        assert (len(fused_nodes(graph)), rest) == (kernels, [])
    return graph
