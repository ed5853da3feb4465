"""Steps of a session: what a fetch needs of a graph, compiled for the shapes that are fed.

The nodes are run in the order they were written, into a trace which becomes a program, or on eager tensors
where shapes depend on values or Python is called.  Derivatives are taken then, when all shapes are known, by
tapes that listen to the run.
"""
from math import prod

import numpy as np

from numbaflow.core import table
from numbaflow.core.abstract import Traced
from numbaflow.core.accumulate import dense
from numbaflow.core.backprop import zeros
from numbaflow.core.dim import evaluated, solved
from numbaflow.core.gradient_tape import gradients
from numbaflow.core.placement import fetch
from numbaflow.core.shape import UNKNOWN
from numbaflow.core.tape import Tape, push, remove, tracing
from numbaflow.core.tensor import as_tensor, wrap
from numbaflow.graph import ir
from numbaflow.graph.concrete import Concrete
from numbaflow.graph.interpret import primitive, run_node
from numbaflow.graph.mode import custom
from numbaflow.graph.mode.graph_elements import ASKED, ASSIGN, DEFAULT, GROUP, READ, refuse_unfed
from numbaflow.graph.trace import Trace

GRADIENTS = ir.Primitive("gradients")


class Step:
    """What a graph does for values and variables to fetch, nodes to run and values that are fed."""

    def __init__(self, graph, values, variables, nodes, fed):
        self._graph, self._values, self._variables, self._fed = graph, values, variables, fed
        self._nodes = _needed(graph, [*[v.node for v in values if v not in fed], *nodes], set(fed))
        self._feeds = {v: f for f, v in graph.feeds}
        for node in self._nodes:
            if node.op is ir.INPUT and node.outputs[0] not in self._feeds:
                refuse_unfed(graph.operation(node).name, node.outputs[0])
        self.assigned = {n.attributes["variable"] for n in self._nodes if n.op is ASSIGN}
        self.needed = self._read_first()
        self._programs = {}                 # shapes of what is fed -> Concrete, None for what runs eagerly

    def _read_first(self):
        """The variables that must have a value before."""
        found, given = [], set()
        for node in self._nodes:
            variable = node.attributes.get("variable") if node.op in (READ, ASSIGN) else None
            if node.op is ASSIGN:
                given.add(variable)
            elif node.op is READ and variable not in given:
                found.append(variable)
        return [*found, *[v for v in self._variables if v not in given]]

    def __call__(self, arrays):
        """The arrays of the values and the variables for arrays that are fed."""
        tensors = [wrap(a) for a in arrays]
        key = tuple([a.shape for a in arrays])
        if key not in self._programs:
            try:
                self._programs[key] = self._compiled(key)
            except Exception:               # an error of this run comes again, from the run itself
                self._programs[key] = None
        program = self._programs[key]
        with tracing(None):
            found = self._results(tensors, None) if program is None else program.call(tensors)
            return [fetch(t) for t in found]

    def _compiled(self, shapes):
        trace = Trace("session")
        with tracing(trace):
            given = [trace.input(shape, v.dtype, "fed") for v, shape in zip(self._fed, shapes, strict=True)]
            results = self._results(given, trace)
        return Concrete.of_trace(trace, given, results)

    def _results(self, given, trace):
        run = _Run(self._graph, self._nodes, trace, self._feeds)
        known = run(dict(zip(self._fed, given, strict=True)))
        return [*[as_tensor(known[v]) for v in self._values], *[v._read() for v in self._variables]]


def _needed(graph, nodes, fed):
    """The nodes that must run for some, in order."""
    wanted, left = set(), list(nodes)
    while left:
        node = left.pop()
        if node not in wanted:
            wanted.add(node)
            left += [v.node for v in (*node.inputs, *graph.attribute_values.get(node, ())) if v not in fed]
            left += [*graph.controls.get(node, ()), *graph.effects.get(node, ())]
    return [node for node in graph.graph.nodes if node in wanted]


class ShapeUnknown(Exception):
    """A shape depends on what is known only in the run."""


class _Run:
    """One walk over the nodes, in a trace or on eager tensors."""

    def __init__(self, graph, nodes, trace, feeds):
        self._graph, self._nodes, self._trace, self._feeds = graph, nodes, trace, feeds
        self._sizes, self._known = {}, {}
        self._tapes = {node: Tape(watch_accessed=False) for node in nodes if node.op is GRADIENTS}
        self._watching, self._stopping = {}, {}             # value -> tapes
        for node, tape in self._tapes.items():
            for x in node.attributes["sources"]:
                if isinstance(x, ir.Value):
                    self._watching.setdefault(x, []).append(tape)
                else:
                    tape.watch_variable(x)
            for v in node.attributes["stop"]:
                self._stopping.setdefault(v, []).append(tape)

    def __call__(self, given):
        """The tensors of all values that were given or made."""
        for tape in self._tapes.values():
            push(tape)
        try:
            for v, t in given.items():
                self._put(v, t)
            for node in self._nodes:
                for v, t in zip(node.outputs, self._made(node), strict=True):
                    if v not in given:
                        self._put(v, t)
        finally:
            for tape in self._tapes.values():
                remove(tape)
        return self._known

    def _put(self, value, t):
        if self._trace is not None and t._data.shape is UNKNOWN:
            raise ShapeUnknown
        for tape in self._stopping.get(value, ()):
            remove(tape)
            t = table.face("identity")(t)
            push(tape)
        watching = self._watching.get(value, ())
        if watching and self._trace is not None and not isinstance(t, Traced):
            t = self._trace.tensor(self._trace.value(t))
        for tape in watching:
            tape.watch(t)
        self._known[value] = t
        if value.shape is not UNKNOWN:
            self._sizes.update(solved(value.shape, t._data.shape))

    def _made(self, node):
        inputs = [self._known[v] for v in node.inputs]
        if node.op in (GROUP, ir.INPUT):
            return [self._fed(v) for v in node.outputs]
        if node.op is ir.CONSTANT:
            shape = evaluated(node.outputs[0].shape, self._sizes)
            return [wrap(np.broadcast_to(node.attributes["value"], shape))]
        if node.op is ASSIGN:
            return [self._assigned(node.attributes["variable"], inputs[0])]
        if node.op is GRADIENTS:
            return self._gradients(node, inputs)
        if node.op is custom.CUSTOM:
            return custom.run(node, inputs, self._run_again)
        attributes = node.attributes
        if node in self._graph.attribute_values:
            attributes = self._found(attributes)
        specs = [(self._shape(v), v.dtype) for v in node.outputs]
        attributes = evaluated(attributes, self._sizes)
        return run_node(ir.Node(node.op, [], attributes, specs, node.sizes, node.where), inputs)

    def _run_again(self, values, given):
        """The tensors of values for others in place of some, by the nodes that this changes."""
        kept = self._known
        self._known = {**kept, **given}
        try:
            for node in _needed(self._graph, [v.node for v in values if v not in self._known], self._known):
                self._known.update(zip(node.outputs, self._made(node), strict=True))
            return [self._known[v] for v in values]
        finally:
            self._known = kept

    def _shape(self, value):
        """The shape of a value that is to be made, UNKNOWN before it is."""
        try:
            return UNKNOWN if value.shape is UNKNOWN else evaluated(value.shape, self._sizes)
        except KeyError:
            return UNKNOWN

    def _fed(self, value):
        feed = self._feeds.get(value)
        if feed is None:
            refuse_unfed(self._graph.operation(value.node).name, value)
        if self._trace is None:
            return wrap(feed())
        return self._trace.feed(feed, value.shape, value.dtype, "fed")

    def _assigned(self, variable, t):
        if self._trace is not None:
            self._trace.assign(variable, t)
        else:
            variable.assign(t)
        return t._renewed()

    def _found(self, attribute):
        """An attribute with the tensors of this run for those of the graph."""
        if isinstance(attribute, Traced):
            return self._known[attribute._value]
        if isinstance(attribute, (tuple, list)):
            parts = [self._found(part) for part in attribute]
            return type(attribute)(*parts) if hasattr(attribute, "_fields") else type(attribute)(parts)
        if type(attribute) is slice:
            return slice(*[self._found(p) for p in (attribute.start, attribute.stop, attribute.step)])
        if isinstance(attribute, dict):
            return {name: self._found(part) for name, part in attribute.items()}
        return attribute

    def _gradients(self, node, inputs):
        attributes, tape = node.attributes, self._tapes[node]
        remove(tape)
        sources = [self._known[x] if isinstance(x, ir.Value) else x for x in attributes["sources"]]
        seeds = iter(inputs[attributes["targets"]:])
        given = [next(seeds) if seeded else None for seeded in attributes["seeded"]]
        found = gradients(tape, inputs[:attributes["targets"]], sources, given)
        return [zeros(x._data.shape, x._data.dtype) if d is None else dense(d)
                for x, d in zip(sources, found, strict=True)]


# ---- primitives that mean the same wherever they are run
@primitive(READ)
def _read(node, inputs):
    return [node.attributes["variable"]._read()]


@primitive(DEFAULT)
def _default(node, inputs):
    return [table.face("identity")(inputs[0])]


@primitive(ASKED)
def _asked(node, inputs):
    shape, what = inputs[0]._data.shape, node.attributes["what"]
    found = shape if what == "shape" else len(shape) if what == "rank" else prod(shape)
    return [wrap(np.array(found, node.outputs[0].dtype))]
