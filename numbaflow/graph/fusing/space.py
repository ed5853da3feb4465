"""The index space of a group of nodes: which dimensions of its values are one axis, and their order.

Every dimension starts as an axis of its own; the nodes say which are the same.  An extent of 1 is no axis.
"""
from itertools import pairwise
from math import prod

from numbaflow.graph import ir
from numbaflow.ops.arguments import axes as axes_of

# ops that give the elements they are given, repeated or under another shape
VIEWS = frozenset(("identity", "stop_gradient", "broadcast_to", "expand_dims", "squeeze", "reshape"))
REDUCTIONS = {"reduce_sum": "sum", "reduce_mean": "sum", "reduce_prod": "prod", "reduce_max": "max",
              "reduce_min": "min", "reduce_any": "any", "reduce_all": "all", "sum_to": "sum",
              "sum_of_squares": "sum"}
INDEX = ir.Primitive("index")           # the position along the attribute axis, an int64


def is_view(node):
    """Whether a node only shows its input in another shape; 1s may come and go, nothing is merged."""
    if node.op.name not in VIEWS or isinstance(node.op, ir.Primitive):
        return False
    x, y = node.inputs[0].shape, node.outputs[0].shape
    return node.op.name in ("identity", "stop_gradient", "broadcast_to") or wide(x) == wide(y)


def wide(shape):
    """The extents that are not 1."""
    return [n for n in shape if n != 1]


def reduced_axes(node):
    """The dimensions of its input that a reduction takes away."""
    x, y = node.inputs[0], node.outputs[0]
    if node.op.name == "sum_to":
        lead = x.ndim - y.ndim
        return (*range(lead), *[lead + k for k, n in enumerate(y.shape) if n != x.shape[lead + k]])
    if node.op.name == "sum_of_squares":
        return tuple(range(x.ndim))
    attributes = node.attributes
    axis = attributes.get("reduction_indices")
    return axes_of(attributes["axis"] if axis is None else axis, x.ndim)


class Space:
    """The axes of the values of some nodes; `order` is None where they do not form one space."""

    def __init__(self, nodes):
        self._parent, self._extent, self._dims = [], [], {}
        members = set(nodes)
        self.order = None
        for node in nodes:
            if not self._relate(node, members):
                return
        self._number()

    # ---- which dimensions are one
    def _fresh(self, n):
        if n == 1:
            return None
        self._parent.append(len(self._parent))
        self._extent.append(n)
        return len(self._parent) - 1

    def _find(self, a):
        while self._parent[a] != a:
            self._parent[a] = a = self._parent[self._parent[a]]
        return a

    def _join(self, one, other):
        for a, b in zip(one, other, strict=True):
            if a is not None and b is not None:
                a, b = self._find(a), self._find(b)
                if self._extent[a] != self._extent[b]:
                    return False
                self._parent[max(a, b)] = min(a, b)
        return True

    def _place(self, value, members):
        """The axes of a value, which may be given from outside or be a view."""
        if value not in self._dims:
            if value.node not in members and (is_view(value.node) or value.node.op is INDEX):
                if not self._relate(value.node, members):
                    return None
            else:
                self._dims[value] = [self._fresh(n) for n in value.shape]
        return self._dims[value]

    def _relate(self, node, members):
        inputs = [self._place(v, members) for v in node.inputs]
        if None in inputs:
            return False
        for v in node.outputs:
            self._dims[v] = [self._fresh(n) for n in v.shape]
        out = self._dims[node.outputs[0]]
        name = node.op.name
        if name in REDUCTIONS:
            gone = set(reduced_axes(node))
            kept = [a for k, a in enumerate(inputs[0]) if k not in gone and a is not None]
            left = [a for a in out if a is not None]
            return len(kept) == len(left) and self._join(kept, left)
        if name in ("reshape", "expand_dims", "squeeze"):
            return self._join([a for a in inputs[0] if a is not None], [a for a in out if a is not None])
        for dims in (*inputs, *[self._dims[v] for v in node.outputs[1:]]):
            if len(dims) > len(out) or not self._join(dims, out[len(out) - len(dims):]):
                return False
        return True

    # ---- their order
    def _number(self):
        after, seen = {}, []
        for dims in self._dims.values():
            own = [self._find(a) for a in dims if a is not None]
            if len(set(own)) < len(own):
                return
            for a in own:
                if a not in after:
                    after[a] = set()
                    seen.append(a)
            for a, b in pairwise(own):
                after[a].add(b)
        order, waits = [], {a: sum(a in later for later in after.values()) for a in seen}
        while len(order) < len(seen):
            ready = next((a for a in seen if waits[a] == 0), None)
            if ready is None:
                return
            waits[ready] = -1
            order.append(ready)
            for b in after[ready]:
                waits[b] -= 1
        numbers = {a: k for k, a in enumerate(order)}
        self.extents = tuple([self._extent[a] for a in order])
        self.dims = {v: tuple([None if a is None else numbers[self._find(a)] for a in dims])
                     for v, dims in self._dims.items()}
        self.order = order

    def axes(self, value):
        """The axes of a value's dimensions, in order."""
        return tuple([a for a in self.dims[value] if a is not None])

    def count(self, axes):
        return prod([self.extents[a] for a in axes])
