"""Functions traced for unknown extents: one graph, made a function of its own for each set of sizes.

Python runs once.  The graph's shapes and attributes hold Dims; for given sizes it is written into a new trace
with numbers in their place, which is compiled like any other.
"""
from numbaflow.core.dim import Unknowns, evaluated
from numbaflow.core.tape import tracing
from numbaflow.graph import ir
from numbaflow.graph.concrete import Concrete
from numbaflow.graph.interpret import run_node
from numbaflow.graph.trace import Trace


class Generic:
    """What a function was traced to for tensors some of whose extents are unknown."""

    def __init__(self, unknowns, concrete, structure):
        self._unknowns, self._concrete, self._structure = unknowns, concrete, structure
        unknowns.open = False

    def _sizes(self, extents):
        return dict(zip(self._unknowns.examples, extents, strict=True))

    def serves(self, extents):
        """Whether what was assumed while tracing holds for numbers in place of the unknown extents."""
        return self._unknowns.hold(self._sizes(extents))

    def specialised(self, extents):
        """(concrete function, structure of its result) for sizes; None when the graph does not serve them."""
        sizes = self._sizes(extents)
        try:
            return specialised(self._concrete, sizes), self._structure.evaluated(sizes)
        except _OtherShapes:
            return None


class _OtherShapes(Exception):
    """An op gives another shape for the sizes than the graph says."""


def specialised(generic, sizes):
    """A concrete function with numbers in place of unknown extents, {number of the extent: size}."""
    trace = Trace(generic.name)
    with tracing(trace):
        arguments = [trace.input(evaluated(v.shape, sizes), v.dtype, v.node.attributes["name"])
                     for v in generic.graph.inputs[:generic.arguments]]
        given = [*arguments, *[v._read() for v in generic.reads],
                 *[trace.feed(f, evaluated(v.shape, sizes), v.dtype, "fed")
                   for f, v in zip(generic.feeds, generic._fed(), strict=True)]]
        found = _written(generic.graph, given, sizes)
        for variable, t in zip(generic.assigned, found[generic.results:], strict=True):
            trace.assign(variable, t)
    return Concrete.of_trace(trace, arguments, found[:generic.results])


def _written(graph, given, sizes):
    """The tensors of a graph's outputs, written into the trace of this thread for sizes."""
    known = dict(zip(graph.inputs, given, strict=True))
    for node in graph.nodes:
        if node.op is ir.INPUT:
            continue
        specs = [(evaluated(v.shape, sizes), v.dtype) for v in node.outputs]
        numbered = ir.Node(node.op, [], evaluated(node.attributes, sizes), specs, node.sizes, node.where)
        results = run_node(numbered, [known[v] for v in node.inputs])
        if any(tuple(t._data.shape) != shape for t, (shape, _) in zip(results, specs, strict=True)):
            raise _OtherShapes
        known.update(zip(node.outputs, results, strict=True))
    return [known[v] for v in graph.outputs]


class Open:
    """Which extents of a function's arguments may be any: those of its signature, or those seen to differ."""

    def __init__(self, specs, relaxed):
        self._specs, self._relaxed = specs, relaxed
        self._seen = {}                 # key without extents -> (first shapes, the axes that have differed)
        self._made = {}                 # key without the open extents -> [Generic]

    def axes(self, key, shapes):
        """For each tensor, of the shapes and in a call of that key, the axes that are open."""
        if self._specs is not None:
            return [[k for k in range(len(shape)) if spec.shape is None or spec.shape[k] is None]
                    for spec, shape in zip(self._specs, shapes, strict=True)]
        if not self._relaxed:
            return [[] for _ in shapes]
        first, differing = self._seen.setdefault(
            _template(key, iter([range(len(s)) for s in shapes])), (shapes, [set() for _ in shapes]))
        for old, new, axes in zip(first, shapes, differing, strict=True):
            axes.update(k for k, (m, n) in enumerate(zip(old, new, strict=True)) if m != n)
        return [sorted(axes) for axes in differing]

    def function(self, key, shapes, trace):
        """What serves a call that is new, traced by trace(shapes); Python runs again only where it must."""
        axes = self.axes(key, shapes)
        extents = [shape[k] for shape, which in zip(shapes, axes, strict=True) for k in which]
        if not extents:
            return trace(shapes)
        made = self._made.setdefault(_template(key, iter(axes)), [])
        for generic in made:
            if generic.serves(extents):
                found = generic.specialised(extents)
                if found is not None:
                    return found
        unknowns = Unknowns()
        named = [tuple([unknowns.dim(n) if k in which else n for k, n in enumerate(shape)])
                 for shape, which in zip(shapes, axes, strict=True)]
        try:
            generic = Generic(unknowns, *trace(named))
            found = generic.specialised(extents)
        except Exception:                   # an error of this very call comes again, with numbers in its text
            found = None
        finally:
            unknowns.open = False
        if found is None:
            return trace(shapes)
        made.append(generic)
        return found


def _template(key, axes):
    """The key of a call without the extents of its tensors along the axes given, in order."""
    if type(key) is tuple and len(key) == 2 and type(key[0]) is tuple and hasattr(key[1], "itemsize"):
        gone = next(axes)
        return tuple([None if k in gone else n for k, n in enumerate(key[0])]), key[1]
    return tuple([_template(part, axes) for part in key]) if type(key) is tuple else key
