"""The graph of a traced function: nodes in the order they run, and the values they give.

A value has a shape and a dtype and is made by one node.  A node is a table op, or one of the primitives here,
on values.  The order of nodes is an order of execution; nothing is ever changed in place in a graph: a
variable that a function assigns is a value that goes in and another that comes out.
"""
from math import prod

import numpy as np

from numbaflow.core.errors import InvalidArgumentError
from numbaflow.core.shape import extents


class Primitive:
    """What a node does that is no op of the table."""

    kernel, variadic, inputs = None, (), ()

    def __init__(self, name, effect=False):
        self.name, self.effect = name, effect       # one with an effect runs though nobody uses its outputs

    def __repr__(self):
        return f"<primitive {self.name}>"


INPUT = Primitive("input")              # a value that is given: an argument, a variable's value, a random key
CONSTANT = Primitive("constant")        # attribute value: an array that broadcasts to the output's shape
UPDATE = Primitive("update")            # (p, *slots, g, *constants) -> (p, *slots), by the attribute rule
MATMUL_ADD = Primitive("matmul_add")    # (a, b, c) -> a b + c, with matmul's attributes; nobody else uses c
EXTENTS = Primitive("extents")          # the attribute value, ints and unknown extents, as a tensor
FUSED = Primitive("fused")              # elementwise ops and reductions as one kernel; see fuse.py


class Value:
    """What a node gives: a tensor of a shape and a dtype."""

    __slots__ = ("dtype", "node", "number", "shape")

    def __init__(self, node, number, shape, dtype):
        self.node, self.number, self.shape, self.dtype = node, number, extents(shape), np.dtype(dtype)

    ndim = property(lambda self: len(self.shape))
    size = property(lambda self: prod(self.shape))
    nbytes = property(lambda self: self.size * self.dtype.itemsize)

    def constant(self):
        """The array of a constant, which broadcasts to this shape; None for what is computed."""
        return self.node.attributes["value"] if self.node.op is CONSTANT else None

    def __repr__(self):
        return f"<value {self.dtype}{list(self.shape)} of {self.node.op.name}>"


class Node:
    """An op on values.  `sizes` says for each op input how many values a list holds, None for a plain one."""

    __slots__ = ("attributes", "inputs", "op", "outputs", "sizes", "where")

    def __init__(self, op, inputs, attributes, specs, sizes=None, where=None):
        self.op, self.inputs, self.attributes, self.where = op, list(inputs), attributes, where
        self.sizes = sizes
        self.outputs = tuple([Value(self, k, *spec) for k, spec in enumerate(specs)])

    @property
    def has_effect(self):
        """Whether it runs though nobody uses its outputs."""
        return getattr(self.op, "effect", False)

    def grouped(self, values):
        """Values, one an input, as the op's arguments: lists where an input is a list."""
        if self.sizes is None:
            return list(values)
        left, found = iter(values), []
        for size in self.sizes:
            found.append(next(left) if size is None else [next(left) for _ in range(size)])
        return found

    def __repr__(self):
        return f"<node {self.op.name} {[list(v.shape) for v in self.inputs]}>"


class Graph:
    """Nodes in order, the values that go in, and those that come out."""

    def __init__(self):
        self.nodes, self.inputs, self.outputs = [], [], []

    def add(self, op, inputs=(), attributes=None, specs=(), sizes=None, where=None):
        """Append a node; its outputs have the (shape, dtype) pairs in `specs`."""
        node = Node(op, inputs, attributes or {}, specs, sizes, where)
        self.nodes.append(node)
        return node

    def input(self, shape, dtype, name=None):
        """A new value that is given."""
        value = self.add(INPUT, (), {"name": name}, [(shape, dtype)]).outputs[0]
        self.inputs.append(value)
        return value

    def constant(self, array, shape=None):
        """A value that is known: an array, or what it broadcasts to."""
        array = np.asarray(array)
        return self.add(CONSTANT, (), {"value": array}, [(array.shape if shape is None else shape,
                                                          array.dtype)]).outputs[0]

    def users(self):
        """{value: the nodes that take it, one entry a use}"""
        found = {v: [] for node in self.nodes for v in node.outputs}
        for node in self.nodes:
            for v in node.inputs:
                found[v].append(node)
        return found

    def drop_unused(self):
        """Nodes whose outputs nobody needs go; inputs and those with effects stay."""
        needed, kept = set(self.outputs), []
        for node in reversed(self.nodes):
            if node.op is INPUT or node.has_effect or any(v in needed for v in node.outputs):
                needed.update(node.inputs)
                kept.append(node)
        self.nodes = kept[::-1]

    def replace(self, changed):
        """Put values in the place of others, {old: new}, everywhere; chains are followed."""
        if not changed:
            return

        def last(v):
            while v in changed:
                v = changed[v]
            return v
        for node in self.nodes:
            node.inputs = [last(v) for v in node.inputs]
        self.outputs = [last(v) for v in self.outputs]

    def verify(self):
        """Raise unless every value is made before it is used and inputs and outputs are made here."""
        made = set()
        for node in self.nodes:
            for v in node.inputs:
                if v not in made:
                    raise InvalidArgumentError(f"graph: {node!r} takes {v!r}, which is not made before it")
            if node.sizes is not None and sum(1 if n is None else n for n in node.sizes) != len(node.inputs):
                raise InvalidArgumentError(f"graph: {node!r} has {len(node.inputs)} inputs in lists of "
                                           f"{node.sizes}")
            for k, v in enumerate(node.outputs):
                if v.node is not node or v.number != k:
                    raise InvalidArgumentError(f"graph: {v!r} is not output {k} of {node!r}")
                made.add(v)
        for v in (*self.inputs, *self.outputs):
            if v not in made:
                raise InvalidArgumentError(f"graph: {v!r} is an input or output and not made in it")
