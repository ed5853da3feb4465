"""Fused kernels for a GPU, run in the simulator and compared with the graph op by op on the CPU."""
import numpy as np
import pytest
from numbaflow.kernels import optimizers
from numbaflow.kernels.cuda import backend

from numbaflow.core.tensor import wrap
from numbaflow.graph import ir
from numbaflow.graph.fusing.cuda_codegen import Scratch, View, launches
from numbaflow.graph.fusing.decompose import CHECK
from numbaflow.graph.fusing.fuse import fuse
from numbaflow.graph.interpret import run_node

from ..fusing import Writer, expected, fused_nodes


def launch(node, inputs, outputs):
    """Run a fused node's kernels on device arrays; gives their texts."""
    gpu, operands, rooms, texts = backend.current(), [*inputs, *outputs], {}, []
    for made in launches(node, inputs, outputs):
        arguments = []
        for a in made.arguments:
            if isinstance(a, View):
                if isinstance(a.array, Scratch) and a.array not in rooms:
                    rooms[a.array] = gpu.empty(a.array.shape, a.array.dtype)
                array = rooms[a.array] if isinstance(a.array, Scratch) else operands[a.array]
                a = gpu.strided(array, a.shape, a.strides)
            arguments.append(a)
        made.function(made.blocks, made.threads, *arguments)
        texts.append(made.source)
    return texts


def run(graph, arrays):
    """A graph's outputs with fused nodes run in the simulator, and the texts of these."""
    gpu, texts = backend.current(), []
    known = dict(zip(graph.inputs, arrays, strict=True))
    for node in graph.nodes:
        if node.op is ir.INPUT or node.op is CHECK:
            continue
        if node.op is ir.CONSTANT:
            found = [np.broadcast_to(node.attributes["value"], node.outputs[0].shape)]
        elif node.op is ir.FUSED:
            made = [gpu.empty(v.shape, v.dtype) for v in node.outputs]
            given = [known[v] for v in node.inputs]
            given = [gpu.strided(gpu.from_host(np.array(x, order="K")), x.shape, x.strides)
                     if x.flags.f_contiguous else gpu.from_host(x) for x in given]
            texts += launch(node, given, made)
            found = [gpu.to_host(y) for y in made]
        else:
            found = [t._data for t in run_node(node, [wrap(known[v]) for v in node.inputs])]
        known.update(zip(node.outputs, found, strict=True))
    return [known[v] for v in graph.outputs], texts


def check(writer, outputs, arrays, kernels=1, rtol=1e-5, atol=1e-6):
    """Fuse a graph, run its kernels, compare with op by op; the texts."""
    graph = writer.graph
    graph.outputs = list(outputs)
    wanted = expected(graph, arrays)
    fuse(graph)
    assert len(fused_nodes(graph)) == kernels
    found, texts = run(graph, arrays)
    for a, b in zip(found, wanted, strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_allclose(a, b, rtol=rtol, atol=atol)
    return texts


def normal(*shape, dtype="float32"):
    values = np.random.default_rng(sum(shape)).standard_normal(shape)
    if dtype.startswith("complex"):
        values = values + 1j * np.random.default_rng(1).standard_normal(shape)
    return values.astype(dtype)


# ---- all elements
def test_a_chain_over_contiguous_operands_is_written_out_for_several_elements():
    w = Writer()
    x, y = w.input((7, 41)), w.input((7, 41))
    text, = check(w, [w.relu(w.add(x, y))], [normal(7, 41), normal(7, 41)])
    assert text == '''def fused_add_relu(x0, x1, y0, n):
    """add, relu"""
    step = cuda.gridsize(1)
    for at in range(cuda.grid(1), n, 4 * step):
'''


def test_gelu():
    w = Writer()
    x = w.input((3, 50))
    inner = w.multiply(w.add(x, w.multiply(w.multiply(w.multiply(x, x), x), 0.044715)), 0.7978845608)
    check(w, [w.multiply(w.multiply(x, 0.5), w.add(w.tanh(inner), 1.0))], [normal(3, 50)])


@pytest.mark.parametrize("shapes", [[(5, 33), (33,)], [(5, 33), (5, 1)], [(4, 3, 5), (3, 1)], [(4, 3, 5), ()],
                                    [(2, 1, 4, 1, 3), (5, 1, 2, 1)]])
def test_broadcasting(shapes):
    w = Writer()
    a, b = map(w.input, shapes)
    check(w, [w.add(w.multiply(a, b), b)], [normal(*s) for s in shapes])


def test_operands_of_any_strides():
    w = Writer()
    a, b = w.input((5, 6, 7)), w.input((5, 6, 7))
    check(w, [w.add(a, b)], [normal(7, 6, 5).T, normal(5, 6, 7)])


@pytest.mark.parametrize(("given", "wanted"), [
    ("float32", "int32"), ("int8", "float64"), ("bool", "float32"), ("float32", "bool"), ("complex64", "float32"),
    ("int32", "complex128"), ("uint8", "int64"), ("float64", "float32")])
def test_casts(given, wanted):
    w = Writer()
    x = w.input((40,), given)
    y = w.cast(x, dtype=np.dtype(wanted))
    check(w, [y], [(5 * np.abs(normal(40))).astype(given)])


def test_bools():
    w = Writer()
    x, y = w.input((70,)), w.input((70,))
    check(w, [w.logical_and(w.less(x, y), w.greater(x, 0.0)), w.select(w.less(x, y), x, y)],
          [normal(70), normal(70)])


def test_complex_numbers():
    w = Writer()
    x, y = w.input((9, 5), "complex64"), w.input((5,), "complex64")
    check(w, [w.multiply(w.add(x, y), w.conj(x))], [normal(9, 5, dtype="complex64"), normal(5, dtype="complex64")])


def test_adam():
    w = Writer()
    values = [*[w.input((37,)) for _ in range(4)], *[w.input((), "float64") for _ in range(4)]]
    specs = [((37,), np.dtype("float32"))] * 3
    outputs = w.graph.add(ir.UPDATE, values, {"rule": optimizers.adam}, specs).outputs
    arrays = [np.abs(normal(37)), *[np.abs(normal(37)) for _ in range(3)],
              *[np.array(v) for v in (0.1, 0.9, 0.99, 1e-8)]]
    check(w, outputs, arrays)
