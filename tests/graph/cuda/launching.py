"""What tests of fused CUDA kernels share: graphs that people write, and launches on the backend in use."""
import numpy as np
from numbaflow.kernels import optimizers
from numbaflow.kernels.cuda import backend

from numbaflow.graph import ir
from numbaflow.graph.fusing.cuda_codegen import Scratch, View, launches
from numbaflow.graph.fusing.fuse import fuse

from ..fusing import Writer, fused_nodes


def launch(node, inputs, outputs):
    """Run a fused node's kernels on device arrays; gives their launches."""
    gpu, operands, rooms = backend.current(), [*inputs, *outputs], {}
    made = launches(node, inputs, outputs)
    for one in made:
        arguments = []
        for a in one.arguments:
            if isinstance(a, View):
                if isinstance(a.array, Scratch) and a.array not in rooms:
                    rooms[a.array] = gpu.empty(a.array.shape, a.array.dtype)
                array = rooms[a.array] if isinstance(a.array, Scratch) else operands[a.array]
                a = gpu.strided(array, a.shape, a.strides)
            arguments.append(a)
        one.function(one.blocks, one.threads, *arguments)
    return made


def nodes_of(make, *inputs):
    """The fused nodes of a graph, which `make` writes, over inputs of these shapes, or (shape, dtype)."""
    w = Writer()
    made = make(w, *[w.input(*x) if len(x) == 2 and isinstance(x[0], tuple) else w.input(x) for x in inputs])
    w.graph.outputs = list(made) if isinstance(made, (tuple, list)) else [made]
    fuse(w.graph)
    return fused_nodes(w.graph)


def empty_operands(node):
    """Device arrays for a node's inputs and for its outputs."""
    empty = backend.current().empty
    return [empty(v.shape, v.dtype) for v in node.inputs], [empty(v.shape, v.dtype) for v in node.outputs]


# ---- graphs
def gelu(w, x):
    inner = w.multiply(w.add(x, w.multiply(w.multiply(w.multiply(x, x), x), 0.044715)), 0.7978845608)
    return w.multiply(w.multiply(x, 0.5), w.add(w.tanh(inner), 1.0))


def adam(w, *values):
    specs = [(values[0].shape, np.dtype("float32"))] * 3
    return w.graph.add(ir.UPDATE, values, {"rule": optimizers.adam}, specs).outputs


def loss(w, labels, x):
    each, backprop = w.sparse_softmax_cross_entropy_with_logits(labels, x)
    return w.reduce_mean(each), backprop
