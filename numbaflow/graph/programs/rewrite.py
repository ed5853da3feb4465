"""Rewrites: what a traced graph becomes before it is lowered, each a small function over the graph.

A rewrite keeps what the graph computes.  The rules of algebra hold for all numbers, infinities and NaN
included, but for the signs of zeros and the last bits.
"""
import functools
from math import frexp

import numpy as np

from numbaflow.core import table
from numbaflow.graph import ir
from numbaflow.graph.fusing.fuse import fuse
from numbaflow.graph.programs.epilogues import fold_biases
from numbaflow.graph.programs.lower import launch_on
from numbaflow.kernels.blas import SERIAL_PRODUCT

_MOVES = ("broadcast_to", "reshape", "transpose", "identity", "expand_dims", "squeeze", "cast")
_EXACT = {"add": np.add, "subtract": np.subtract, "multiply": np.multiply, "divide": np.divide,
          "negative": np.negative, "square": np.square, "sqrt": np.sqrt}
_FOLDED = 1 << 20               # bytes of a constant that is worth keeping in place of its computation


def optimized(graph, check=False, raises=True):
    """A copy of a graph, rewritten to what runs fastest.

    Args:
        check: verify it after each rewrite.
        raises: whether ops raise for wrong values; on a GPU, where somebody would have to wait for them, they
            give NaN.
    """
    graph = copied(graph)
    for rewrite in REWRITES if raises else [*REWRITES[:-1], functools.partial(fuse, raises=False)]:
        rewrite(graph)
        if check:
            graph.verify()
    return graph


def copied(graph):
    """The same nodes and values anew."""
    made, new = ir.Graph(), {}
    for node in graph.nodes:
        twin = made.add(node.op, [new[v] for v in node.inputs], dict(node.attributes),
                        [(v.shape, v.dtype) for v in node.outputs], node.sizes, node.where)
        new.update(zip(node.outputs, twin.outputs, strict=True))
    made.inputs, made.outputs = [new[v] for v in graph.inputs], [new[v] for v in graph.outputs]
    return made


drop_unused = ir.Graph.drop_unused


def pass_gradients_by(graph):
    """Nodes that only tell tapes another gradient are passed by: see own_gradient.py."""
    graph.replace({v: node.inputs[v.number] for node in graph.nodes if node.op.name == "own_gradient"
                   for v in node.outputs})


# ---- equal nodes
def merge_equal(graph):
    """Of nodes that compute the same from the same, the first serves all."""
    first, changed = {}, {}
    for node in graph.nodes:
        node.inputs = [changed.get(v, v) for v in node.inputs]
        if node.op is ir.INPUT or node.has_effect:
            continue
        key = (node.op, *node.inputs, tuple(node.sizes or ()), frozen(node.attributes),
               node.outputs[0].shape if node.op is ir.CONSTANT else None)
        twin = first.setdefault(key, node)
        if twin is not node:
            changed.update(zip(node.outputs, twin.outputs, strict=True))
    graph.outputs = [changed.get(v, v) for v in graph.outputs]


def frozen(value):
    """Something hashable that is equal for equal attributes."""
    if isinstance(value, dict):
        return tuple([(k, frozen(v)) for k, v in value.items()])
    if isinstance(value, (list, tuple)):
        return type(value), tuple(map(frozen, value))
    if isinstance(value, slice):
        return slice, value.start, value.stop, value.step
    if isinstance(value, (np.ndarray, np.generic)):
        return value.dtype.str, value.shape, value.tobytes()
    if isinstance(value, (bool, int, float, complex)):
        return type(value), repr(value)         # 0.0 is not -0.0, nor 1 True
    try:
        hash(value)
    except TypeError:
        return id(value)
    return value


# ---- constants
def fold_constants(graph):
    """What is computed from constants alone is a constant."""
    for at, node in enumerate(graph.nodes):
        if node.op in (ir.CONSTANT, ir.INPUT) or isinstance(node.op, ir.Primitive) or len(node.outputs) != 1:
            continue
        values = [v.constant() for v in node.inputs]
        if not values or any(c is None for c in values):
            continue
        found = _folded(node, values)
        if found is not None:
            node = graph.nodes[at] = _as_constant(node, found)


def _folded(node, values):
    out = node.outputs[0]
    if node.op.kernel is not None and all(c.size == 1 for c in values):
        exact = _EXACT.get(node.op.name)
        if exact is not None and out.dtype.kind == "f" and all(c.dtype == out.dtype for c in values):
            with np.errstate(all="ignore"):         # (rounded as by the op's kernel, which may be new)
                return np.asarray(exact(*[c.reshape(()) for c in values]))
        return np.asarray(launch_on(node, [c.reshape(()) for c in values])[0])
    if node.op.name in _MOVES \
            and values[0].size == 1 and (out.dtype.kind == "c" or values[0].dtype.kind != "c"):
        return values[0].reshape(()).astype(out.dtype)
    if max([out.nbytes, *[v.nbytes for v in node.inputs]]) > _FOLDED:
        return None
    given = [np.broadcast_to(c, v.shape) for c, v in zip(values, node.inputs, strict=True)]
    return np.ascontiguousarray(launch_on(node, given)[0]).reshape(out.shape)


def _as_constant(node, array):
    """The node made one that gives an array, in place, so that its value stays."""
    node.op, node.inputs, node.attributes, node.sizes = ir.CONSTANT, [], {"value": array}, None
    return node


# ---- algebra
def simplify(graph):
    """Apply the rules of algebra, node by node; what a rule gives stands for the node's output."""
    changed, nodes = {}, graph.nodes
    graph.nodes = []
    for node in nodes:
        node.inputs = [changed.get(v, v) for v in node.inputs]
        rule = _RULES.get(node.op.name) if node.op is not ir.CONSTANT else None
        found = rule(graph, node) if rule is not None else None
        if found is None:
            graph.nodes.append(node)
        elif found is not node.outputs[0]:
            changed[node.outputs[0]] = found
    graph.outputs = [changed.get(v, v) for v in graph.outputs]


_RULES: dict = {}


def _rule(*names):
    def register(function):
        for name in names:
            _RULES[name] = function
        return function
    return register


def _number(value):
    """The number that fills a constant, else None."""
    c = value.constant()
    return c.reshape(()).item() if c is not None and c.size == 1 else None


def _fits(value, out):
    return value.shape == out.shape and value.dtype == out.dtype


def _other(node, number, both):
    """The other operand, where one operand is that number and the other of the result's shape."""
    x, y = node.inputs
    out = node.outputs[0]
    if _fits(x, out) and _number(y) == number:
        return x
    return y if both and _fits(y, out) and _number(x) == number else None


@_rule("add")
def _add(graph, node):
    return _other(node, 0, True)


@_rule("subtract")
def _subtract(graph, node):
    return _other(node, 0, False)


@_rule("multiply")
def _multiply(graph, node):
    return _other(node, 1, True)


@_rule("divide")
def _divide(graph, node):
    x, y = node.inputs
    if _fits(x, node.outputs[0]) and _number(y) == 1:
        return x
    number = _number(y)
    if number is None or node.outputs[0].dtype.kind != "f" or x.dtype.kind != "f":
        return None
    if abs(frexp(number)[0]) != 0.5:            # by no power of two: 41 * (1 / 41) is less than 1
        return None
    with np.errstate(over="ignore"):
        inverse = np.array(1 / number).astype(y.dtype)
    if not np.isfinite(inverse) or 0 < abs(inverse) < np.finfo(y.dtype).tiny:
        return None
    reciprocal = graph.constant(inverse, y.shape)
    return _apply(graph, node, "multiply", [x, reciprocal])


@_rule("pow")
def _pow(graph, node):
    x, y = node.inputs
    number, out = _number(y), node.outputs[0]
    if x.shape != out.shape or x.dtype != out.dtype or out.dtype.kind not in "fc":
        return None
    if number == 1:
        return x
    name = {2: "square", 3: "cube", -1: "reciprocal"}.get(number)       # sqrt differs where x is -inf
    if name is None:
        return None
    return _apply(graph, node, name, [x])


@_rule("negative")
def _negative(graph, node):
    before = node.inputs[0].node
    return before.inputs[0] if before.op.name == "negative" else None


@_rule("identity", "stop_gradient")
def _identity(graph, node):
    return node.inputs[0]


@_rule("straight_through")
def _straight_through(graph, node):
    return node.inputs[1] if _fits(node.inputs[1], node.outputs[0]) else None


@_rule("cast", "broadcast_to", "sum_to", "reshape")
def _no_change(graph, node):
    x, out = node.inputs[0], node.outputs[0]
    if _fits(x, out):
        return x
    before = x.node
    if node.op.name == before.op.name and node.op.name in ("reshape", "broadcast_to"):
        if _fits(before.inputs[0], out):
            return before.inputs[0]
        node.inputs[0] = before.inputs[0]
    return None


@_rule("transpose")
def _transpose(graph, node):
    x = node.inputs[0]
    before, order = x.node, _order(node)
    if order is None:
        return None
    if order == list(range(x.ndim)):
        return x
    if before.op.name == "transpose" and (first := _order(before)) is not None:
        order = [first[k] for k in order]
        node.inputs[0] = before.inputs[0]
        node.attributes = {**node.attributes, "perm": order, "conjugate": False}
        if order == list(range(x.ndim)):
            return before.inputs[0]
    return None


def _order(node):
    perm, rank = node.attributes.get("perm"), node.inputs[0].ndim
    if node.attributes.get("conjugate"):
        return None
    if perm is None:
        return list(range(rank))[::-1]
    return [int(k) % rank for k in np.asarray(perm)]


@_rule("reduce_sum")
def _sum_of_repeats(graph, node):
    """The sum of a number repeated is the number times how often."""
    x, out = node.inputs[0], node.outputs[0]
    number = _number(x)
    if number is None or x.dtype.kind not in "f" or not out.size:
        return None
    return graph.constant(np.array(number * (x.size // out.size), out.dtype), out.shape)


def _apply(graph, node, name, inputs):
    """The value of a table op in the place of a node."""
    out = node.outputs[0]
    op = table.OPS[name]
    made = graph.add(op, inputs, dict.fromkeys(op.attributes), [(out.shape, out.dtype)], None, node.where)
    return made.outputs[0]


# ---- matrix products
def join_products(graph):
    """The sum of a product and of another matrix that nobody else needs: BLAS adds as it multiplies."""
    users, changed, position = graph.users(), {}, {n: k for k, n in enumerate(graph.nodes)}
    kept = set(graph.outputs)
    for node in graph.nodes:
        node.inputs = [changed.get(v, v) for v in node.inputs]
        if node.op.name != "add":
            continue
        out = node.outputs[0]
        x, y = node.inputs
        ends = [v for v in (x, y) if _is_product(v) and _fits(v, out) and len(users.get(v, ())) <= 1
                and v not in kept]
        if len(ends) == 2 and x is not y:
            first, last = sorted((x, y), key=lambda v: position[v.node])
            if last.node.op is not ir.MATMUL_ADD:
                last.node.inputs = [*last.node.inputs, first]
                last.node.op = ir.MATMUL_ADD
                changed[out] = last
                users[last] = users[out]
                if out in kept:
                    kept.add(last)
    graph.outputs = [changed.get(v, v) for v in graph.outputs]
    graph.nodes = [n for n in graph.nodes if not n.outputs or n.outputs[0] not in changed]


def _is_product(value):
    node = value.node
    if node.attributes.get("adjoint_a") or node.attributes.get("adjoint_b"):
        return False
    return (node.op.name in ("matmul", "matmul_add") and value.dtype.kind == "f" and value.ndim == 2
            and value.shape[1] * node.inputs[0].size <= SERIAL_PRODUCT)


REWRITES = [pass_gradients_by, drop_unused, fold_constants, simplify, merge_equal, fold_constants, simplify,
            drop_unused, join_products, fold_biases, fuse]
