"""Composite ops written as elementwise ops and reductions of rows, so that they fuse with what is around.

Each rule takes the node's inputs and gives its outputs; the steps are those of the op's own kernel, in its
order, so that both agree to the last bits.  A rule that gives None leaves the node as it is.
"""
import numpy as np

from numbaflow.core import table
from numbaflow.graph import ir
from numbaflow.graph.fusing.space import INDEX
from numbaflow.ops.arguments import axes as axes_of, one_axis

# (truth, *inputs): unless it is true, the op of the attribute node raises what it raises for the inputs
CHECK = ir.Primitive("check", effect=True)
_RULES: dict = {}


def decompose(graph, raises=True):
    """Rewrite a graph in place; unless it `raises`, wrong values give NaN, as ops on a GPU do."""
    changed, nodes = {}, []
    for node in graph.nodes:
        rule = None if isinstance(node.op, ir.Primitive) else _RULES.get(node.op.name)
        node.inputs = [changed.get(v, v) for v in node.inputs]
        found = None
        if rule is not None and all(v.size for v in node.inputs):
            writer = Writer(node, raises)
            found = rule(writer, node, *node.grouped(node.inputs))
        if found is None:
            nodes.append(node)
            continue
        nodes += writer.nodes
        changed.update(zip(node.outputs, found if isinstance(found, tuple) else (found,), strict=True))
    graph.nodes = nodes
    graph.outputs = [changed.get(v, v) for v in graph.outputs]


class Writer:
    """Makes nodes: `w.exp(x)` is a node of the table op exp."""

    def __init__(self, node, raises):
        self.nodes, self._where, self.raises = [], node.where, raises

    def node(self, op, inputs, attributes, specs, sizes=None):
        made = ir.Node(op, inputs, attributes, specs, sizes, self._where)
        self.nodes.append(made)
        return made

    def op(self, name, *inputs, **given):
        """The value of a table op; numbers take the dtype of the first input that is a value."""
        op = table.OPS[name]
        like = next(x for x in inputs if isinstance(x, ir.Value))
        inputs = [x if isinstance(x, ir.Value) else self.number(x, like.dtype) for x in inputs]
        attributes = {a: given.get(a) for a in op.attributes}
        arguments, sizes = (inputs, None) if not op.variadic else ([list(inputs)], [len(inputs)])
        return self.node(op, inputs, attributes, op.infer(arguments, attributes), sizes).outputs[0]

    def __getattr__(self, name):
        return lambda *inputs, **given: self.op(name, *inputs, **given)

    def number(self, value, dtype):
        return self.node(ir.CONSTANT, (), {"value": np.array(value, dtype)}, [((), dtype)]).outputs[0]

    def index(self, shape, axis=-1):
        """The position along an axis of a shape."""
        return self.node(INDEX, (), {"axis": axis % len(shape)}, [(shape, np.dtype(np.int64))]).outputs[0]

    def row(self, how, x, keepdims=True):
        """A reduction along the last axis."""
        return self.op(f"reduce_{how}", x, axis=-1, keepdims=keepdims)

    def wide(self, x):
        """x with a last axis of extent 1."""
        return self.op("expand_dims", x, axis=-1)

    def integer(self, x):
        return self.op("cast", x, dtype=np.dtype(np.int64))


def _rule(*names):
    def register(rule):
        for name in names:
            _RULES[name] = rule
        return rule
    return register


def _is_last(axis, rank):
    return one_axis(-1 if axis is None else axis, rank) == rank - 1


# ---- softmax
def _shifted(w, x):
    """x - its row's largest, exp of that, and the row's sum of it."""
    z = w.subtract(x, w.row("max", x))
    e = w.exp(z)
    return z, e, w.row("sum", e)


def _softmax_axis(node):
    axis, dim = node.attributes["axis"], node.attributes["dim"]
    return dim if axis is None else axis


@_rule("softmax")
def _softmax(w, node, x):
    if not _is_last(_softmax_axis(node), x.ndim):
        return None
    _, e, total = _shifted(w, x)
    return w.multiply(e, w.reciprocal(total))


@_rule("log_softmax")
def _log_softmax(w, node, x):
    if not _is_last(_softmax_axis(node), x.ndim):
        return None
    z, _, total = _shifted(w, x)
    return w.subtract(z, w.log(total))


@_rule("softmax_grad")
def _softmax_grad(w, node, dy, y):
    if not _is_last(node.attributes["axis"], y.ndim):
        return None
    return w.multiply(y, w.subtract(dy, w.row("sum", w.multiply(dy, y))))


@_rule("log_softmax_grad")
def _log_softmax_grad(w, node, dy, y):
    if not _is_last(node.attributes["axis"], y.ndim):
        return None
    return w.subtract(dy, w.multiply(w.exp(y), w.row("sum", dy)))


# ---- cross-entropies
@_rule("sparse_softmax_cross_entropy_with_logits")
def _sparse(w, node, labels, x):
    n = x.shape[-1]
    labels = w.integer(labels)
    valid = w.logical_and(w.greater_equal(labels, 0), w.less(labels, n))
    if w.raises:
        w.node(CHECK, [w.op("reduce_all", valid), *node.inputs], {"node": node}, [])
    hot = w.equal(w.index(x.shape), w.wide(labels))
    z, e, total = _shifted(w, x)
    picked = w.row("sum", w.select(hot, z, w.number(0, x.dtype)), keepdims=False)
    loss = w.negative(w.subtract(picked, w.squeeze(w.log(total), axis=-1)))
    backprop = w.subtract(w.multiply(e, w.reciprocal(total)), w.cast(hot, dtype=x.dtype))
    if not w.raises:
        nan = w.number(np.nan, x.dtype)
        loss, backprop = w.select(valid, loss, nan), w.select(w.wide(valid), backprop, nan)
    return loss, backprop


@_rule("softmax_cross_entropy")
def _dense(w, node, labels, x):
    z, e, total = _shifted(w, x)
    # a class of no weight costs nothing, even where its logit is -inf
    cost = w.multiply(labels, w.subtract(z, w.log(total)))
    zero = w.number(0, x.dtype)
    loss = w.negative(w.row("sum", w.select(w.equal(labels, zero), zero, cost), keepdims=False))
    return loss, w.subtract(w.multiply(e, w.reciprocal(total)), labels)


@_rule("sparse_softmax_cross_entropy_grad", "softmax_cross_entropy_grad")
def _cross_entropy_grad(w, node, dy, labels, logits, backprop):
    return w.multiply(w.wide(dy), backprop)


@_rule("reduce_logsumexp")
def _logsumexp(w, node, x):
    given = node.attributes
    axis = given["reduction_indices"] if given["axis"] is None else given["axis"]
    axes = axes_of(axis, x.ndim)
    if not axes or axes != tuple(range(x.ndim - len(axes), x.ndim)):
        return None
    largest = w.reduce_max(x, axis=axes, keepdims=True)
    shift = w.select(w.is_finite(largest), largest, w.number(0, x.dtype))         # inf - inf would be nan
    total = w.reduce_sum(w.exp(w.subtract(x, shift)), axis=axes, keepdims=True)
    y = w.add(w.log(total), shift)
    return y if y.shape == node.outputs[0].shape else w.squeeze(y, axis=axes)


# ---- normalization
@_rule("layer_norm")
def _layer_norm(w, node, x, scale, offset):
    mean = w.row("mean", x)
    d = w.subtract(x, mean)
    variance = w.row("mean", w.square(d))
    inverse = w.reciprocal(w.sqrt(w.add(variance, node.attributes["epsilon"])))
    y = w.add(w.multiply(w.multiply(d, inverse), scale), offset)
    return y, w.squeeze(mean, axis=-1), w.squeeze(inverse, axis=-1)


@_rule("layer_norm_grad")
def _layer_norm_grad(w, node, dy, x, scale, means, inverses):
    inverse = w.wide(inverses)
    normal = w.multiply(w.subtract(x, w.wide(means)), inverse)
    h = w.multiply(dy, scale)
    about = w.subtract(h, w.row("mean", h))
    dx = w.multiply(w.subtract(about, w.multiply(normal, w.row("mean", w.multiply(h, normal)))), inverse)
    return dx, w.reduce_sum(w.multiply(dy, normal), axis=0), w.reduce_sum(dy, axis=0)


# ---- sums and indices
@_rule("sum_of_squares")
def _sum_of_squares(w, node, inputs):
    if len(inputs) < 2 or inputs[0].dtype.kind != "f":
        return None
    total = w.sum_of_squares(inputs[0])
    for x in inputs[1:]:
        total = w.add(total, w.sum_of_squares(x))
    return total


@_rule("one_hot")
def _one_hot(w, node, indices):
    out, given = node.outputs[0], node.attributes
    if given["axis"] not in (None, -1, indices.ndim) or out.dtype.kind not in "fiu":
        return None
    on, off = given["on_value"], given["off_value"]
    on, off = 1 if on is None else on, 0 if off is None else off
    if not all(np.ndim(v) == 0 and isinstance(v, (int, float, np.generic)) for v in (on, off)):
        return None
    hot = w.equal(w.index(out.shape), w.wide(w.integer(indices)))
    return w.select(hot, w.number(on, out.dtype), w.number(off, out.dtype))
