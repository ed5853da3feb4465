"""What becomes one kernel, and that it computes what its ops compute."""
import numpy as np
import pytest
from numbaflow.kernels import optimizers

from numbaflow.graph import ir
from numbaflow.graph.fusing.codegen import in_place
from numbaflow.graph.fusing.decompose import CHECK
from numbaflow.graph.fusing.fuse import fuse

from .fusing import Writer, check, expected, fused_nodes, launch, run

rng = np.random.default_rng(3)


def normal(*shape, dtype="float32"):
    return rng.standard_normal(shape).astype(dtype)


# ---- elementwise
def test_bias_and_relu_are_one_kernel():
    w = Writer()
    x, b = w.input((5, 7)), w.input((7,))
    check(w, [w.relu(w.add(x, b))], [normal(5, 7), normal(7)], kernels=1)


def test_bias_and_relu_backward_are_one_kernel():
    w = Writer()
    dy, y = w.input((300, 7)), w.input((300, 7))
    dx = w.relu_grad(dy, y)
    check(w, [dx, w.sum_to(dx, shape=(7,))], [normal(300, 7), normal(300, 7)], kernels=1, atol=1e-4)


def test_a_value_that_two_groups_need_is_computed_once():
    w = Writer()
    x = w.input((6, 6))
    y = w.exp(x)
    z = w.matmul(y, y, transpose_a=False, transpose_b=False)
    graph = check(w, [w.add(z, y)], [normal(6, 6)])
    assert [n.op.name for n in graph.nodes if n.op is not ir.INPUT] == ["fused", "matmul", "fused"]
    assert sum(s.what == "exp" for n in fused_nodes(graph) for s in n.attributes["kernel"].steps) == 1


def test_costly_work_is_not_repeated_for_each_row():
    w = Writer()
    x, b = w.input((50, 8)), w.input((8,))
    check(w, [w.add(x, w.exp(b))], [normal(50, 8), normal(8)], kernels=2)


def test_costly_work_on_a_column_is_done_once_a_row():
    w = Writer()
    x, b = w.input((50, 8)), w.input((50, 1))
    graph = check(w, [w.add(x, w.exp(b))], [normal(50, 8), normal(50, 1)], kernels=1)
    node, = fused_nodes(graph)
    text, = launch(node, [normal(*v.shape) for v in node.inputs], [normal(50, 8)])
    assert text.index("exp(") < text.index("for j0")


@pytest.mark.parametrize("dtype", ["float64", "int32", "int64", "uint8", "complex64"])
def test_other_dtypes(dtype):
    w = Writer()
    x, y = w.input((4, 3), dtype), w.input((3,), dtype)
    a, b = (rng.integers(0, 100, s).astype(dtype) for s in ((4, 3), (3,)))
    s = w.add(x, y)
    check(w, [w.multiply(s, y), w.reduce_sum(w.subtract(s, x), axis=1)], [a, b], kernels=1)


def test_both_zeros_in_one_kernel():
    w = Writer()
    x = w.input((40,))
    y = w.select(w.less(x, 0.0), -0.0, w.select(w.less(x, 0.5), 0.0, x))
    given = normal(40)
    graph = check(w, [y], [given], kernels=1)
    np.testing.assert_array_equal(np.signbit(run(graph, [given])[0]), given < 0)


def test_bools_and_casts():
    w = Writer()
    x, y = w.input((40,)), w.input((40,), "int32")
    larger = w.greater(w.cast(y, dtype=np.dtype("float32")), x)
    both = w.logical_and(larger, w.less(x, 0.5))
    numbers = w.cast(both, dtype=np.dtype("int64"))
    check(w, [larger, w.select(both, x, 1.0), w.reduce_any(both), w.reduce_all(larger), numbers],
          [normal(40), rng.integers(-2, 3, 40).astype("int32")], kernels=1)


def test_integers_of_an_op_of_floats():
    w = Writer()
    x = w.input((30,), "int32")
    check(w, [w.sqrt(x)], [rng.integers(0, 9, 30).astype("int32")], kernels=1)


def test_loops_in_bodies():
    w = Writer()
    x = w.input((30,), "float64")
    check(w, [w.add(w.lgamma(w.exp(x)), 1.0)], [normal(30, dtype="float64")], kernels=1, rtol=1e-12)


def test_a_sum_of_several_is_fused():
    w = Writer()
    x, y, z = (w.input((9,)) for _ in range(3))
    check(w, [w.negative(w.add_n([x, y, z]))], [normal(9), normal(9), normal(9)], kernels=1)


def test_an_effect_keeps_its_place():
    w = Writer()
    x = w.input((3,))
    y = w.exp(x)
    seen = w.graph.add(ir.Primitive("look", effect=True), [y], {}, [])
    w.graph.outputs = [w.exp(w.add(y, 1.0))]
    fuse(w.graph)
    assert seen in w.graph.nodes
    assert seen.inputs[0].node.op is ir.FUSED


def test_no_cycle_by_way_of_another_op():
    w = Writer()
    x = w.input((4, 4))
    y = w.exp(x)
    z = w.matmul(y, y, transpose_a=False, transpose_b=False)
    a = w.add(z, y)
    check(w, [w.multiply(a, y), w.tanh(z)], [0.1 * normal(4, 4)])


# ---- memory
def test_strided_operands():
    w = Writer()
    x, y, b = w.input((6, 5)), w.input((6, 5)), w.input((5,))
    out = w.add(w.multiply(x, y), b)
    arrays = [normal(12, 10)[::2, ::2], normal(5, 6).T, normal(5)[::-1]]
    check(w, [out, w.reduce_sum(out, axis=0), w.reduce_max(out)], arrays, atol=1e-5,
          out=_every_other)


def _every_other(v):
    return np.full([2 * n for n in v.shape], 7, v.dtype)[(..., *[slice(None, None, 2)] * len(v.shape))]


def test_an_operand_of_stride_0():
    w = Writer()
    x, y = w.input((6, 5)), w.input((6, 5))
    check(w, [w.add(x, y)], [normal(6, 5), np.broadcast_to(normal(6, 1), (6, 5))], kernels=1)


def test_three_dims_that_are_no_one():
    w = Writer()
    x, y = w.input((4, 3, 5)), w.input((3, 1))
    z = w.add(x, y)
    arrays = [normal(3, 4, 5).transpose(1, 0, 2), normal(3, 1)]
    check(w, [w.tanh(z), w.reduce_sum(z)], arrays, kernels=1, atol=1e-5)


@pytest.mark.parametrize("shape", [(0,), (0, 3), (3, 0)])
def test_nothing(shape):
    w = Writer()
    x = w.input(shape)
    y = w.exp(x)
    check(w, [y, w.reduce_sum(y), w.reduce_max(y), w.reduce_prod(y, axis=0), w.reduce_min(y, axis=-1),
              w.reduce_mean(y)], [normal(*shape)])


def test_what_follows_from_reductions_of_nothing():
    w = Writer()
    x, bias = w.input((3, 0)), w.input((3, 1))
    y = w.exp(w.add(w.reduce_sum(w.exp(x), axis=1, keepdims=True), bias))
    check(w, [w.multiply(x, y), y, w.reduce_mean(y)], [normal(3, 0), normal(3, 1)])


def test_0_d_and_ones():
    w = Writer()
    x, y = w.input(()), w.input((1, 1))
    check(w, [w.exp(w.add(x, y)), w.reduce_sum(y, axis=0), w.sqrt(w.exp(x))], [normal(), normal(1, 1)])


# ---- reductions
@pytest.mark.parametrize("shape", [(3, 5), (70, 1), (1, 900), (400, 130), (5000, 3), (3, 5000), (100000,)])
def test_reductions_at_the_end(shape):
    w = Writer()
    x = w.input(shape)
    y = w.add(x, 1.0)
    outputs = [w.reduce_sum(y), w.reduce_mean(y), w.reduce_max(y), w.reduce_min(y), w.sum_of_squares([y])]
    outputs += [w.reduce_sum(y, axis=0), w.reduce_mean(y, axis=0), w.reduce_max(y, axis=0)]
    check(w, outputs, [normal(*shape)], atol=1e-3)


def test_rows_alone():
    w = Writer()
    x = w.input((40, 3000))
    y = w.add(w.multiply(x, 1e-3), 1.0)
    outputs = [w.reduce_mean(y, axis=1), w.reduce_prod(y, axis=1, keepdims=True)]
    check(w, outputs, [normal(40, 3000)], kernels=1, rtol=1e-4)


def test_nan_wins_in_fused_extremes():
    w = Writer()
    x = w.input((200,))
    a = normal(200)
    a[150] = np.nan
    y = w.negative(x)
    check(w, [w.reduce_max(y), w.reduce_min(y)], [a], kernels=1)


def test_a_long_sum_of_float32_keeps_its_accuracy():
    w = Writer()
    x = w.input((1 << 21,))
    a = rng.random(1 << 21).astype(np.float32)
    w.graph.outputs = [w.reduce_sum(w.multiply(x, 1.0)), w.reduce_sum(w.multiply(x, 1.0), axis=0)]
    fuse(w.graph)
    for y in run(w.graph, [a]):
        assert abs(float(y) / a.sum(dtype=np.float64) - 1) < 2e-7


def test_sums_do_not_depend_on_how_work_is_shared():
    w = Writer()
    x = w.input((3000, 40))
    w.graph.outputs = [w.reduce_sum(w.exp(x)), w.reduce_sum(w.exp(x), axis=0)]
    fuse(w.graph)
    a = normal(3000, 40)
    for one, three in zip(run(w.graph, [a], 1), run(w.graph, [a], 3), strict=True):
        assert one.tobytes() == three.tobytes()


# ---- rows of several passes
_SHAPES = [(7, 10), (64, 100), (3, 5, 1500), (9,)]


@pytest.mark.parametrize("shape", _SHAPES)
@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_softmax(name, shape):
    w = Writer()
    x, dy = w.input(shape), w.input(shape)
    y = w.op(name, x)
    dx = w.op(f"{name}_grad", dy, y, axis=-1)
    check(w, [y, dx], [3 * normal(*shape), normal(*shape)], kernels=1, atol=1e-4)


def test_softmax_along_another_axis_stays():
    w = Writer()
    x = w.input((4, 5))
    graph = check(w, [w.softmax(w.add(x, 1.0), axis=0)], [normal(4, 5)])
    assert "softmax" in [n.op.name for n in graph.nodes]


@pytest.mark.parametrize("shape", _SHAPES)
def test_sparse_cross_entropy_and_its_gradient(shape):
    w = Writer()
    labels, x = w.input(shape[:-1], "int32"), w.input(shape)
    loss, backprop = w.sparse_softmax_cross_entropy_with_logits(labels, x)
    dy = w.graph.constant(np.float32(0.125), shape[:-1])
    outputs = [w.reduce_mean(loss), w.sparse_softmax_cross_entropy_grad(dy, labels, x, backprop)]
    known = np.asarray(rng.integers(0, shape[-1], shape[:-1]), "int32")
    graph = check(w, outputs, [known, normal(*shape)], kernels=1)
    truth = next(n for n in graph.nodes if n.op is CHECK).inputs[0]
    graph.outputs = [truth]
    assert run(graph, [known, normal(*shape)])[0]
    assert not run(graph, [np.asarray(known + np.int32(shape[-1])), normal(*shape)])[0]


@pytest.mark.parametrize("shape", _SHAPES)
def test_cross_entropy_of_distributions(shape):
    w = Writer()
    labels, x, dy = w.input(shape), w.input(shape), w.input(shape[:-1])
    loss, backprop = w.softmax_cross_entropy(labels, x)
    outputs = [loss, w.softmax_cross_entropy_grad(dy, labels, x, backprop)]
    given = expected(_softmax_of(shape), [normal(*shape)])[0]
    check(w, outputs, [given, normal(*shape), normal(*shape[:-1])], kernels=1, atol=1e-5)


def _softmax_of(shape):
    w = Writer()
    w.graph.outputs = [w.softmax(w.input(shape))]
    return w.graph


@pytest.mark.parametrize(("rows", "n"), [(7, 10), (300, 33), (20, 1500)])
def test_layer_norm_and_its_gradient(rows, n):
    w = Writer()
    x, scale, offset, dy = w.input((rows, n)), w.input((n,)), w.input((n,)), w.input((rows, n))
    y, means, inverses = w.layer_norm(x, scale, offset, epsilon=1e-3)
    grads = w.layer_norm_grad(dy, x, scale, means, inverses, epsilon=1e-3)
    check(w, [y, *grads], [normal(rows, n), normal(n), normal(n), normal(rows, n)], kernels=1, atol=2e-4)


@pytest.mark.parametrize("axis", [-1, None, (1, 2)])
def test_logsumexp(axis):
    w = Writer()
    x = w.input((3, 4, 5))
    a = 100 * normal(3, 4, 5)
    a[0, 0] = -np.inf
    a[1, 1, 1] = np.inf
    check(w, [w.reduce_logsumexp(w.multiply(x, 2.0), axis=axis)], [a], kernels=1)


def test_one_hot():
    w = Writer()
    i, x = w.input((5,), "int32"), w.input((5, 7))
    hot = w.one_hot(i, depth=7, dtype=np.dtype("float32"))
    check(w, [w.multiply(hot, x), w.one_hot(i, depth=3, on_value=5, off_value=-5)],
          [np.array([0, 3, 9, -1, 6], "int32"), normal(5, 7)])


# ---- optimizers
@pytest.mark.parametrize(("name", "slots", "constants"), [
    ("gradient_descent", 0, [0.1]), ("momentum", 1, [0.1, 0.9]), ("adam", 2, [1e-3, 0.1, 1e-3, 1e-8]),
    ("rmsprop", 2, [1e-3, 0.1, 0.9, 1e-8]), ("ftrl", 2, [0.1, 0.01, 0.01, 0.0])])
def test_updates_in_place(name, slots, constants):
    w, n = Writer(), 1000
    state = [w.input((n,)) for _ in range(slots + 1)]
    g = w.input((n,))
    scalars = [w.input((), "float64") for _ in constants]
    specs = [((n,), np.dtype("float32"))] * len(state)
    rule = getattr(optimizers, name)
    node = w.graph.add(ir.UPDATE, [*state, w.multiply(g, 2.0), *scalars], {"rule": rule}, specs)
    arrays = [abs(normal(n)) + 1 for _ in state] + [normal(n)] + [np.array(c) for c in constants]
    graph = check(w, node.outputs, arrays, kernels=1)
    fused, = fused_nodes(graph)
    places = dict(in_place(fused))
    wanted = run(graph, arrays)
    by_value = dict(zip(graph.inputs, [a.copy() for a in arrays], strict=True))
    given = [by_value[v] for v in fused.inputs]
    results = [given[fused.inputs.index(v)] for v in state]
    assert set(places) == set(range(len(state)))
    launch(fused, given, results)
    for a, b in zip(results, wanted, strict=True):
        np.testing.assert_array_equal(a, b)


# ---- short rows, which vectors run across
@pytest.mark.parametrize("n", [2, 3, 10, 12])
def test_many_short_rows(n):
    w = Writer()
    labels, x = w.input((3000,), "int64"), w.input((3000, n))
    loss, backprop = w.sparse_softmax_cross_entropy_with_logits(labels, x)
    dy = w.graph.constant(np.float32(0.125), (3000,))
    dx = w.sparse_softmax_cross_entropy_grad(dy, labels, x, backprop)
    outputs = [w.reduce_mean(loss), dx, w.sum_to(dx, shape=(n,))]
    check(w, outputs, [rng.integers(0, n, 3000), normal(3000, n)], kernels=1, atol=1e-4)


# ---- how large a kernel may be
def rounds(w, x, count):
    """So many tanh, each of what the one before gives."""
    y = x
    for _ in range(count):
        y = w.add(w.tanh(w.multiply(y, x)), 0.1)
    return y


def terms(w, x, count):
    """A sum of so many exp."""
    y = x
    for k in range(count):
        y = w.add(y, w.exp(w.multiply(x, 0.1 * k)))
    return y


def costly_steps(graph):
    """Of each kernel."""
    return [sum(step.what in ("exp", "tanh") for step in node.attributes["kernel"].steps)
            for node in fused_nodes(graph)]


def test_long_chains_are_cut_into_few_distinct_kernels():
    w = Writer()
    x = w.input((8, 8))
    graph = check(w, [rounds(w, x, 40)], [normal(8, 8)])
    assert costly_steps(graph) == [2] * 20
    assert len({n.attributes["kernel"] for n in fused_nodes(graph)}) == 3


def test_kernels_that_differ_in_numbers_only_are_one():
    w = Writer()
    x = w.input((8, 8))
    z = w.matmul(x, x, transpose_a=False, transpose_b=False)
    y = [w.add(w.multiply(v, a), b) for v, a, b in ((x, 0.9, 0.1), (z, 0.999, 1e-8))]
    graph = check(w, y, [normal(8, 8)])
    one, other = (n.attributes["kernel"] for n in fused_nodes(graph))
    assert one == other


def test_a_kernel_of_many_numbers():
    w = Writer()
    x = w.input((5, 8))
    y = x
    for k in range(25):
        y = w.multiply(w.add(y, 0.013 * k), 0.3 + 0.01 * k)
    check(w, [w.reduce_sum(y, axis=1)], [normal(5, 8)], kernels=1)


def test_what_follows_a_reduction_begins_anew():
    w = Writer()
    x = w.input((40, 8))
    y = w.exp(w.log1p(w.square(x)))
    z = w.log(w.reduce_sum(y, axis=1, keepdims=True))
    check(w, [w.tanh(w.subtract(x, z)), w.softmax(w.multiply(y, 0.1))], [normal(40, 8)], kernels=1)


def test_arithmetic_joins_a_kernel_however_costly_it_is():
    w = Writer()
    x = w.input((8, 8))
    y = terms(w, x, 8)
    check(w, [w.reduce_sum(w.square(y), axis=1), w.negative(y)], [normal(8, 8)], kernels=1)


def test_many_costly_steps_are_several_kernels():
    w = Writer()
    x, z = w.input((8, 8)), w.input((8, 8))
    graph = check(w, [w.multiply(terms(w, x, 10), terms(w, z, 7))], [normal(8, 8)] * 2)
    assert max(costly_steps(graph)) == 8
    assert sum(costly_steps(graph)) == 17


def test_several_sources_of_which_one_needs_another():
    w = Writer()
    x = w.input((6, 6))
    y = w.exp(x)
    z = w.matmul(y, y, transpose_a=False, transpose_b=False)
    t = w.tanh(z)
    check(w, [w.add(w.multiply(y, t), t), w.subtract(t, y)], [normal(6, 6)], atol=1e-4)
