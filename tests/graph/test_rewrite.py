"""Each rewrite on a small graph: what it becomes, and that it means what it meant."""
import numpy as np
import pytest

import numbaflow as nf
from numbaflow.core import table
from numbaflow.core.errors import InvalidArgumentError
from numbaflow.graph import ir
from numbaflow.graph.fusing.decompose import decompose
from numbaflow.graph.fusing.fuse import fuse
from numbaflow.graph.interpret import interpret
from numbaflow.graph.programs import rewrite

RNG = np.random.default_rng(0)


class Written(ir.Graph):
    """A graph that is written op by op."""

    def op(self, name, *inputs, **given):
        op = table.OPS[name]
        values = [x if isinstance(x, ir.Value) else self.constant(np.float32(x)) for x in inputs]
        attributes = {a: given.get(a) for a in op.attributes}
        listed = [values] if op.variadic else values
        sizes = [len(values)] if op.variadic else None
        return self.add(op, values, attributes, op.infer(listed, attributes), sizes).outputs[0]


def written(*shapes, dtype="float32"):
    graph = Written()
    return graph, *[graph.input(shape, dtype) for shape in shapes]


def after(graph, outputs, *rewrites):
    """The graph with these outputs rewritten, checked against what it gave before."""
    graph.outputs = list(outputs)
    given = [nf.constant(RNG.uniform(0.5, 2, v.shape).astype(v.dtype)) for v in graph.inputs]
    expected = interpret(graph, given)
    graph = rewrite.copied(graph)
    for each in rewrites:
        each(graph)
        graph.verify()
    if fuse not in rewrites and rewrite.join_products not in rewrites:
        for a, b in zip(interpret(graph, given), expected, strict=True):
            assert a.dtype == b.dtype
            np.testing.assert_allclose(a, b, rtol=1e-6)
    return graph


def names(graph):
    """The ops of a graph but for inputs and constants."""
    return [n.op.name for n in graph.nodes if n.op not in (ir.INPUT, ir.CONSTANT)]


# ---- graphs
def test_a_copy_is_apart():
    graph, x = written((2,))
    y = graph.op("add", graph.op("exp", x), 1.0)
    twin = after(graph, [y])
    assert names(twin) == ["exp", "add"]
    assert not {id(n) for n in twin.nodes} & {id(n) for n in graph.nodes}


def test_the_verifier_finds_what_is_wrong():
    graph, x = written((2,))
    y = graph.op("exp", x)
    graph.outputs = [graph.op("sin", y)]
    graph.verify()
    graph.nodes.reverse()
    with pytest.raises(InvalidArgumentError, match="not made before it"):
        graph.verify()
    graph.nodes = graph.nodes[::-1][:-1]
    with pytest.raises(InvalidArgumentError, match="not made in it"):
        graph.verify()


# ---- dead and equal nodes
def test_what_nobody_needs_goes_and_effects_stay():
    graph, x, _ = written((2,), (3,))
    graph.op("exp", x)
    graph.add(ir.Primitive("shown", effect=True), [graph.op("sin", x)], {}, [])
    graph.outputs = [graph.op("cos", x)]
    graph = rewrite.copied(graph)
    rewrite.drop_unused(graph)
    graph.verify()
    assert names(graph) == ["sin", "shown", "cos"]
    assert len(graph.inputs) == 2


def test_equal_nodes_become_one():
    graph, x = written((2, 3))
    sums = [graph.op("reduce_sum", graph.op("exp", x), axis=axis) for axis in (1, 1, 0)]
    graph = after(graph, [graph.op("multiply", sums[0], sums[1]), sums[2]],
                  rewrite.merge_equal, rewrite.drop_unused)
    assert sorted(names(graph)) == ["exp", "multiply", "reduce_sum", "reduce_sum"]
    assert len(set(graph.outputs[0].node.inputs)) == 1


@pytest.mark.parametrize(("a", "b"), [(0.0, -0.0), (1, True), (1, 1.0), (np.float32(1), np.float64(1)),
                                      ([1], (1,)), (slice(1), slice(1, None)), (np.zeros(2), np.zeros(3))])
def test_attributes_that_differ_are_not_equal(a, b):
    assert rewrite.frozen(a) != rewrite.frozen(b)
    assert rewrite.frozen(a) == rewrite.frozen(a)
    assert rewrite.frozen({"k": [a]}) != rewrite.frozen({"k": [b]})


def test_nodes_with_effects_are_never_one():
    graph, x = written((2,))
    shown = ir.Primitive("shown", effect=True)
    graph.add(shown, [x], {}, [])
    graph.add(shown, [x], {}, [])
    graph.outputs = [x]
    rewrite.merge_equal(graph)
    assert names(graph) == ["shown", "shown"]


# ---- constants
def test_what_follows_from_constants_is_a_constant():
    graph, x = written((2, 3))
    wide = graph.op("broadcast_to", graph.op("sqrt", graph.op("multiply", 2.0, 8.0)), shape=(2, 3))
    table_ = graph.op("transpose", graph.constant(np.arange(6, dtype="float32").reshape(3, 2)))
    graph = after(graph, [graph.op("add", graph.op("multiply", x, wide), table_)],
                  rewrite.fold_constants, rewrite.drop_unused)
    assert names(graph) == ["multiply", "add"]
    values = [n.attributes["value"] for n in graph.nodes if n.op is ir.CONSTANT]
    assert sorted(v.size for v in values) == [1, 6]
    assert 4.0 in [v.item() for v in values if v.size == 1]


def test_large_constants_are_not_made():
    graph, x = written((1,))
    big = graph.op("add", graph.constant(np.arange(600, dtype="float32").reshape(600, 1)),
                   graph.constant(np.arange(600, dtype="float32")))
    graph = after(graph, [graph.op("add", big, x)], rewrite.fold_constants)
    assert names(graph) == ["add", "add"]


# ---- algebra
@pytest.mark.parametrize("build", [
    lambda g, x: g.op("add", x, 0.0), lambda g, x: g.op("add", 0.0, x), lambda g, x: g.op("subtract", x, 0.0),
    lambda g, x: g.op("multiply", x, 1.0), lambda g, x: g.op("multiply", 1.0, x),
    lambda g, x: g.op("divide", x, 1.0), lambda g, x: g.op("pow", x, 1.0),
    lambda g, x: g.op("negative", g.op("negative", x)), lambda g, x: g.op("identity", x),
    lambda g, x: g.op("stop_gradient", x), lambda g, x: g.op("cast", x, dtype=np.dtype("float32")),
    lambda g, x: g.op("reshape", x, shape=(2, 3)), lambda g, x: g.op("broadcast_to", x, shape=(2, 3)),
    lambda g, x: g.op("reshape", g.op("reshape", x, shape=(6,)), shape=(2, 3)),
    lambda g, x: g.op("transpose", g.op("transpose", x)), lambda g, x: g.op("transpose", x, perm=[0, 1]),
])
def test_what_changes_nothing_goes(build):
    graph, x = written((2, 3))
    graph = after(graph, [graph.op("exp", build(graph, x))], rewrite.simplify, rewrite.drop_unused)
    assert names(graph) == ["exp"]


@pytest.mark.parametrize("build", [
    lambda g, x: g.op("subtract", 0.0, x), lambda g, x: g.op("divide", 1.0, x),
    lambda g, x: g.op("multiply", x, 0.0),                      # NaN and infinity are not 0
    lambda g, x: g.op("add", x, g.constant(np.zeros((4, 2, 3), "float32"))),     # it is larger than x
    lambda g, x: g.op("pow", x, 0.5),                           # of -inf it is inf, its square root NaN
    lambda g, x: g.op("divide", x, 3.0), lambda g, x: g.op("divide", x, float("inf")),
    lambda g, x: g.op("divide", x, 1e-40), lambda g, x: g.op("divide", x, 2.0 ** -128),
    lambda g, x: g.op("divide", x, 0.0),
])
def test_what_changes_something_stays(build):
    graph, x = written((2, 3))
    y = build(graph, x)
    assert names(after(graph, [y], rewrite.simplify, rewrite.drop_unused)) == [y.node.op.name]


@pytest.mark.parametrize(("number", "name"), [(2.0, "square"), (3.0, "cube"), (-1.0, "reciprocal")])
def test_powers_have_ops_of_their_own(number, name):
    graph, x = written((2, 3))
    assert names(after(graph, [graph.op("pow", x, number)], rewrite.simplify)) == [name]


def test_a_division_by_a_power_of_two_is_a_product():
    graph, x = written((2, 3))
    assert names(after(graph, [graph.op("divide", x, 8.0)], rewrite.simplify)) == ["multiply"]


def test_a_quotient_is_rounded_as_eagerly():
    x = nf.range(1.0, 200.0)
    for n in (41.0, 47.0, 83.0):
        def part(x, n=n):
            return nf.floor(x / n)
        np.testing.assert_array_equal(nf.function(part)(x).numpy(), part(x).numpy())


def test_two_views_in_a_row_become_one():
    graph, x = written((2, 3, 4))
    flat = graph.op("reshape", graph.op("reshape", x, shape=(6, 4)), shape=(24,))
    turned = graph.op("transpose", graph.op("transpose", x, perm=[1, 2, 0]), perm=[1, 2, 0])
    graph = after(graph, [flat, turned], rewrite.simplify, rewrite.drop_unused)
    assert names(graph) == ["reshape", "transpose"]
    assert [int(k) for k in graph.nodes[-1].attributes["perm"]] == [2, 0, 1]


def test_a_sum_of_one_number_is_known():
    graph, x = written((2,))
    total = graph.op("reduce_sum", graph.constant(np.float32(3), (2, 5)), axis=1)
    assert names(after(graph, [graph.op("multiply", total, x)], rewrite.simplify, rewrite.drop_unused)) == [
        "multiply"]


# ---- matrix products
def products(graph, *inputs):
    return [graph.op("matmul", a, b) for a, b in zip(inputs[::2], inputs[1::2], strict=True)]


def test_a_sum_of_products_is_added_up_by_blas():
    graph, *inputs = written(*[(3, 3)] * 6)
    p, q, r = products(graph, *inputs)
    graph = after(graph, [graph.op("add", graph.op("add", p, q), r)], rewrite.join_products)
    assert names(graph) == ["matmul", "matmul_add", "matmul_add"]


def test_products_that_others_need_are_not_overwritten():
    graph, *inputs = written(*[(3, 3)] * 4)
    p, q = products(graph, *inputs)
    total = graph.op("add", p, q)
    for outputs in ([total, p], [total, graph.op("exp", p), graph.op("exp", q)]):
        assert "matmul_add" not in names(after(graph, outputs, rewrite.drop_unused, rewrite.join_products))


def test_a_sum_that_is_returned_is_not_added_to():
    def f(a, b, c, d, e, h):
        s = nf.matmul(a, b) + nf.matmul(c, d)
        return s, s + nf.matmul(e, h)
    args = [nf.constant(RNG.standard_normal((3, 3))) for _ in range(6)]
    for a, b in zip(nf.function(f)(*args), f(*args), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)


# ---- decomposition and fusion
def test_a_softmax_is_made_of_what_fuses():
    graph, x = written((3, 4))
    graph = after(graph, [graph.op("softmax", x, axis=-1)], decompose)
    assert "softmax" not in names(graph)
    assert {"exp", "reduce_sum", "reduce_max"} <= set(names(graph))


def kernels(graph):
    return [n.attributes["kernel"] for n in graph.nodes if n.op is ir.FUSED]


def test_elementwise_ops_and_a_reduction_are_one_kernel():
    graph, x, b = written((8, 4), (4,))
    y = graph.op("reduce_sum", graph.op("tanh", graph.op("add", x, b)), axis=1)
    graph = after(graph, [y], fuse)
    assert names(graph) == ["fused"]
    assert [s.what for s in kernels(graph)[0].steps if s.kind == "apply"] == ["add", "tanh"]


def test_a_value_that_is_returned_too_is_stored():
    graph, x = written((8,))
    e = graph.op("exp", x)
    graph = after(graph, [graph.op("sin", e), e], fuse)
    assert [len(k.outputs) for k in kernels(graph)] == [2]


def test_a_kernel_leads_to_no_other_and_back():
    graph, x = written((4, 4))
    e = graph.op("exp", x)
    graph = after(graph, [graph.op("add", e, graph.op("matmul", e, e))], fuse)
    assert names(graph) == ["fused", "matmul", "fused"]


def test_views_between_elementwise_ops_cost_nothing():
    graph, x, b = written((8, 4), (1, 8, 4))
    y = graph.op("add", graph.op("expand_dims", graph.op("exp", x), axis=0), graph.op("sin", b))
    assert len(kernels(after(graph, [y], fuse))) == 1


def test_all_rewrites_leave_a_verified_graph():
    graph, x, w, b = written((6, 4), (4, 3), (3,))
    y = graph.op("softmax", graph.op("add", graph.op("matmul", x, w), b), axis=-1)
    graph.outputs = [graph.op("reduce_mean", graph.op("pow", y, 2.0))]
    found = rewrite.optimized(graph, check=True)
    assert names(found) == ["matmul", "fused"]
    assert names(graph)[-1] == "reduce_mean"                # the one given is as it was
