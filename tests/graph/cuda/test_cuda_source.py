"""Fused kernels for a GPU, run in the simulator and compared with the graph op by op on the CPU."""
import numpy as np
import pytest
from numbaflow.kernels.cuda import backend

from numbaflow.core.tensor import wrap
from numbaflow.graph import ir
from numbaflow.graph.fusing.cuda_codegen import launches
from numbaflow.graph.fusing.decompose import CHECK
from numbaflow.graph.fusing.fuse import fuse
from numbaflow.graph.interpret import run_node

from .. import test_fuse_random
from ..fusing import Writer, expected, fused_nodes
from .launching import adam, empty_operands, gelu, launch, loss, nodes_of


def placed(x, beside):
    """A device array of the values and their order, `beside` one element further than vectors begin."""
    gpu = backend.current()
    if beside:
        return gpu.from_host(np.concatenate([np.zeros(1, x.dtype), x.reshape(-1)]))[1:].reshape(x.shape)
    return gpu.from_host(x.T).T if x.flags.f_contiguous else gpu.from_host(x)


def run(graph, arrays, beside=False):
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
            given = [placed(known[v], beside) for v in node.inputs]
            texts += [one.source for one in launch(node, given, made)]
            found = [gpu.to_host(y) for y in made]
        else:
            found = [t._data for t in run_node(node, [wrap(known[v]) for v in node.inputs])]
        known.update(zip(node.outputs, found, strict=True))
    return [known[v] for v in graph.outputs], texts


def check(writer, outputs, arrays, kernels=1, rtol=1e-5, atol=1e-6, beside=False):
    """Fuse a graph, run its kernels, compare with op by op; the texts."""
    graph = writer.graph
    graph.outputs = list(outputs)
    wanted = expected(graph, arrays)
    fuse(graph)
    assert kernels is None or len(fused_nodes(graph)) == kernels
    found, texts = run(graph, arrays, beside)
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
def test_a_chain_is_written_out_for_several_elements():
    w = Writer()
    x, y = w.input((7, 41)), w.input((7, 41))
    text, = check(w, [w.relu(w.add(x, y))], [normal(7, 41), normal(7, 41)], beside=True)
    assert text.startswith('''def fused_add_relu(x0, x1, y0, n):
    """add, relu"""
    at, step = cuda.grid(1), cuda.gridsize(1)
    while at < n:
        i0a = uint32(at)
        t0a = x0[i0a]
        t1a = x1[i0a]
        i0b = uint32(min(at + step, n - 1))
''')
    assert text.endswith('''        t2d = t0d + t1d
        t3d = float32(relu(t2d))
        if at + 3 * step < n:
            y0[i0d] = t3d
        at += 4 * step
''')


def test_gelu():
    w = Writer()
    check(w, [gelu(w, w.input((3, 50)))], [normal(3, 50)])


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
    ("float32", "int32"), ("int8", "float64"), ("bool", "float32"), ("float32", "bool"),
    ("complex64", "float32"), ("int32", "complex128"), ("uint8", "int64"), ("float64", "float32")])
def test_casts(given, wanted):
    w = Writer()
    x = w.input((40,), given)
    y = w.cast(x, dtype=np.dtype(wanted))
    check(w, [y], [(5 * np.abs(normal(40))).astype(given)])


def test_bools():
    w = Writer()
    x, y = w.input((70,)), w.input((70,))
    check(w, [w.logical_and(w.less(x, y), w.greater(x, 0.0)), w.select(w.less(x, y), x, y)],
          [normal(70), normal(70)], kernels=2)


def test_complex_numbers():
    w = Writer()
    x, y = w.input((9, 5), "complex64"), w.input((5,), "complex64")
    arrays = [normal(9, 5, dtype="complex64"), normal(5, dtype="complex64")]
    z = w.multiply(w.add(x, y), w.conj(x))
    check(w, [w.exp(z), w.sqrt(z), w.reduce_mean(z, axis=0)], arrays, kernels=None)


def test_adam():
    w = Writer()
    values = [*[w.input((37,)) for _ in range(4)], *[w.input((), "float64") for _ in range(4)]]
    arrays = [np.abs(normal(37)), *[np.abs(normal(37)) for _ in range(3)],
              *[np.array(v) for v in (0.1, 0.9, 0.99, 1e-8)]]
    check(w, adam(w, *values), arrays)


def test_an_output_may_lie_in_the_memory_of_an_input():
    w = Writer()
    x, y = w.input((3, 90)), w.input((90,))
    w.graph.outputs = [w.add(w.multiply(x, y), x)]
    fuse(w.graph)
    node, gpu = fused_nodes(w.graph)[0], backend.current()
    given = {v: gpu.from_host(normal(*v.shape)) for v in node.inputs}
    launch(node, list(given.values()), [given[x]])
    np.testing.assert_allclose(gpu.to_host(given[x]), normal(3, 90) * normal(90) + normal(3, 90), rtol=1e-5)
    with pytest.raises(ValueError, match="output 0 can't be computed in the memory of an input"):
        launch(node, list(given.values()), [given[y]])


def made_for(make, *shapes):
    """The launches of the one kernel of a graph for contiguous operands."""
    node, = nodes_of(make, *shapes)
    return launches(node, *empty_operands(node))


@pytest.mark.parametrize("make", [
    lambda w, x: w.relu(w.add(x, x)), lambda w, x: w.softmax(x), lambda w, x: w.reduce_mean(w.exp(x)),
    lambda w, x: w.reduce_mean(w.exp(x), axis=0)])
def test_sizes_are_arguments(make):
    some, others = made_for(make, (400, 200)), made_for(make, (500, 300))
    assert [a.source for a in some] == [b.source for b in others]
    assert all(a.function is b.function for a, b in zip(some, others, strict=True))


def test_spaces_of_many_elements_have_indices_of_64_bits():
    node, = nodes_of(lambda w, x, y: w.add(x, y), (1 << 16, 1 << 15), (1 << 15,))
    like = [np.broadcast_to(np.float32(0), v.shape) for v in (*node.inputs, *node.outputs)]
    made, = launches(node, like[:2], like[2:])
    assert "uint64" in made.source
    assert "uint32" not in made.source


# ---- rows
@pytest.mark.parametrize("shape", [(6, 33), (3, 200), (2, 3, 9), (5, 1)])
def test_softmax(shape):
    w = Writer()
    check(w, [w.softmax(w.input(shape))], [normal(*shape)])


@pytest.mark.parametrize("shape", [(9, 20), (5, 150)])
def test_sparse_cross_entropy_and_its_mean(shape):
    w = Writer()
    labels, x = w.input(shape[:1], "int32"), w.input(shape)
    outputs = loss(w, labels, x)
    labels = np.arange(shape[0], dtype=np.int32)
    check(w, outputs, [labels, normal(*shape)])


def test_cross_entropy():
    w = Writer()
    labels, x = w.input((7, 11)), w.input((7, 11))
    check(w, w.softmax_cross_entropy(labels, x), [np.abs(normal(7, 11)), normal(7, 11)])


def test_layer_norm():
    w = Writer()
    x, scale, offset = w.input((10, 37)), w.input((37,)), w.input((37,))
    outputs = w.layer_norm(x, scale, offset, epsilon=1e-3)
    check(w, outputs, [normal(10, 37), normal(37), normal(37)])


@pytest.mark.parametrize("shape", [(13, 37), (40, 150)])
def test_the_gradient_of_layer_norm(shape):
    w = Writer()
    m, n = shape
    dy, x, scale = w.input(shape), w.input(shape), w.input((n,))
    outputs = w.layer_norm_grad(dy, x, scale, w.input((m,)), w.input((m,)))
    check(w, outputs, [normal(m, n), normal(m, n), normal(n), normal(m), normal(m)], rtol=1e-4, atol=1e-4)


def test_a_row_and_what_is_left_of_all_rows_in_one_kernel():
    text, *_ = made_for(lambda w, x: w.reduce_sum(w.square(w.softmax(x)), axis=0), (40, 150))
    text = text.source
    assert "block_reduce_sum" in text
    assert "y0[worker, j0] = combine_sum(y0[worker, j0], " in text


# ---- terminals
@pytest.mark.parametrize("op", ["reduce_sum", "reduce_mean", "reduce_max", "reduce_min", "reduce_prod"])
@pytest.mark.parametrize("shape", [(), (5,), (50, 40)])
def test_all_is_reduced(op, shape):
    w = Writer()
    x = w.input(shape)
    check(w, [w.op(op, w.multiply(x, x))], [1 + normal(*shape) / 100])


@pytest.mark.parametrize("dtype", ["int32", "float64", "complex64", "int8"])
def test_sums_of_other_dtypes(dtype):
    w = Writer()
    x = w.input((600,), dtype)
    check(w, [w.reduce_sum(w.add(x, x))], [(3 * normal(600, dtype=dtype)).astype(dtype)], atol=1e-3)


@pytest.mark.parametrize("op", ["reduce_any", "reduce_all"])
@pytest.mark.parametrize(("shape", "axis"), [((300,), None), ((7, 60), 1), ((60, 7), 0)])
def test_any_and_all(op, shape, axis):
    w = Writer()
    x = w.input(shape)
    check(w, [w.op(op, w.less(x, 1.5), axis=axis)], [normal(*shape)])


@pytest.mark.parametrize("shape", [(200, 7), (33, 70), (2, 40, 3), (90, 1)])
@pytest.mark.parametrize("op", ["reduce_sum", "reduce_mean", "reduce_max"])
def test_columns(op, shape):
    w = Writer()
    x = w.input(shape)
    g = w.multiply(x, w.input(shape[-1:]))
    axes = list(range(len(shape) - 1))
    check(w, [w.op(op, g, axis=axes), g], [normal(*shape), normal(*shape[-1:])], rtol=1e-4)


def test_nan_wins():
    w = Writer()
    x = w.input((3, 40))
    given = normal(3, 40)
    given[1, 17] = np.nan
    check(w, [w.reduce_max(w.negative(x), axis=1), w.reduce_min(w.negative(x))], [given], kernels=2)


@pytest.mark.parametrize("op", ["reduce_sum", "reduce_mean", "reduce_max", "reduce_prod", "reduce_any"])
def test_nothing_to_reduce(op):
    w = Writer()
    x = w.input((0, 3))
    y = w.less(x, 0.0) if op == "reduce_any" else w.negative(x)
    check(w, [w.op(op, y, axis=0)], [normal(0, 3)])


def test_what_follows_from_reductions_of_nothing():
    w = Writer()
    x, bias = w.input((3, 0)), w.input((3, 1))
    y = w.exp(w.add(w.reduce_sum(w.exp(x), axis=1, keepdims=True), bias))
    check(w, [w.multiply(x, y), y, w.reduce_mean(y)], [normal(3, 0), normal(3, 1)], kernels=None)


@pytest.mark.parametrize("seed", range(25))
def test_random_graphs(seed):
    made = test_fuse_random._Random(seed)
    for _ in range(made.rng.integers(3, 14)):
        made.grow()
    last = [made.values[-1], *[v for v in made.values[len(made.arrays):-1] if made.rng.random() < 0.3]]
    close = 1e-4 if made.values[0].dtype == np.float32 else 1e-11
    check(made.w, last, made.arrays, kernels=None, rtol=close, atol=close)
