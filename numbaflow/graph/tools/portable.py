"""Functions as data: graphs in JSON, with numbers for the variables, arrays and functions they refer to.

What is read is checked: every node's op is in the table, its attributes are the op's, and its outputs have
the shapes and dtypes that the op's rule gives.
"""
import hashlib

import numpy as np

from numbaflow.core import dtypes, table
from numbaflow.core.abstract import Abstract
from numbaflow.core.dim import Unknowns
from numbaflow.core.errors import DataLossError, InvalidArgumentError, NotFoundError
from numbaflow.core.infer import DependsOnValues
from numbaflow.graph import interpret, ir
from numbaflow.graph.by_value import specs as specs_by_value
from numbaflow.graph.concrete import Concrete
from numbaflow.graph.tools.encoding import decode, encode, read_unknowns, write_unknowns

VERSION = 1


class Writer:
    """Collects functions and what they refer to: `functions` (JSON), `variables` and `arrays`."""

    def __init__(self, what):
        self.what, self.functions, self.variables, self.arrays = what, [], [], []
        self.written_unknowns = []
        self._numbers = {}              # id of a function or variable, digest of an array -> number
        self._alive = []                # what ids belong to
        self._values = []               # the values of the graphs that are being written, and their numbers

    def _number(self, key, entries, entry):
        found = self._numbers.get(key)
        if found is None:
            found = self._numbers[key] = len(entries)
            entries.append(entry)
        return found

    def variable(self, variable):
        """The number of a variable."""
        return self._number(("variable", id(variable)), self.variables, variable)

    def array(self, array):
        """The number of an array; equal ones have the same."""
        digest = hashlib.sha256(np.ascontiguousarray(array)).hexdigest()
        return self._number((digest, array.shape, array.dtype.name), self.arrays, array)

    def value_number(self, value):
        """The number of a value of the graph that is being written."""
        return self._values[-1][value]

    def unknowns(self, unknowns):
        """The number of some unknown extents."""
        self._alive.append(unknowns)
        return self._number(("unknowns", id(unknowns)), self.written_unknowns, write_unknowns(unknowns))

    def function(self, concrete):
        """The number of a function.

        Raises:
            InvalidArgumentError: a part that can't be written; it names node and attribute.
        """
        key = "function", id(concrete)
        if key not in self._numbers:
            written = self._function(concrete)      # first those that it calls
            self._alive.append(concrete)
            self._number(key, self.functions, written)
        return self._numbers[key]

    def _function(self, concrete):
        nodes, graph = [], concrete.graph
        numbers = {v: k for k, v in enumerate(v for node in graph.nodes for v in node.outputs)}
        self._values.append(numbers)
        for node in graph.nodes:
            nodes.append(self._node(concrete, node, [numbers[v] for v in node.inputs]))
        self._values.pop()
        return {"name": concrete.name, "nodes": nodes, "by_value": concrete.by_value,
                "inputs": [numbers[v] for v in graph.inputs],
                "outputs": [numbers[v] for v in graph.outputs],
                "reads": [self.variable(v) for v in concrete.reads],
                "feeds": [self._encoded(f, f"function {concrete.name}: an input fed at each call")
                          for f in concrete.feeds],
                "assigned": [self.variable(v) for v in concrete.assigned]}

    def _node(self, concrete, node, inputs):
        where = f"function {concrete.name}: {node.op.name} at {node.where}"
        written = {"primitive" if isinstance(node.op, ir.Primitive) else "op": node.op.name, "inputs": inputs,
                   "outputs": [[encode(v.shape, self), v.dtype.name] for v in node.outputs]}
        if node.sizes is not None:
            written["sizes"] = node.sizes
        if node.attributes:
            written["attributes"] = {name: self._encoded(value, f"{where}: its {name}")
                                     for name, value in node.attributes.items()}
        return written

    def _encoded(self, value, where):
        try:
            return encode(value, self)
        except InvalidArgumentError:        # of a function within
            raise
        except TypeError as error:
            raise InvalidArgumentError(f"{self.what}: {where}: {error}") from None


class Reader:
    """Makes functions of what a Writer wrote; `array(number)` gives its arrays."""

    def __init__(self, what, written, variables, array, unknowns=()):
        self.what, self.variables, self.array = what, variables, array
        self._unknowns = self.checked("its list of unknown extents", lambda: [*map(read_unknowns, unknowns)])
        self.functions, self._values = [], []
        for number, data in enumerate(written):
            self.functions.append(self.checked(f"function {number}", self._function, data))
        for unknown in self._unknowns:
            unknown.open = False

    def checked(self, where, read, *data):
        """What `read` gives; DataLossError where data is not what it should be."""
        try:
            return read(*data)
        except (DataLossError, NotFoundError):
            raise
        except (ValueError, TypeError, LookupError, AttributeError, RecursionError, OverflowError) as error:
            why = f"there is no {error}" if isinstance(error, KeyError) else error
            raise DataLossError(f"{self.what}: {where} can't be understood: {why}") from error

    def function(self, number):
        """The function of that number."""
        return at(self.functions, number)

    def graph_value(self, number):
        """The value of that number in the graph that is being read."""
        return at(self._values, number)

    def unknowns(self, number):
        """The unknown extents of that number."""
        return at(self._unknowns, number)

    def value(self, data):
        """The value of encoded data."""
        return decode(data, self)

    def _function(self, data):
        graph, by_value = ir.Graph(), data["by_value"]
        values = self._values = []
        for number, written in enumerate(data["nodes"]):
            name = written.get("op") or written["primitive"]
            values += self.checked(f"{data['name']}: node {number}, {name},", self._node, graph, written,
                                   by_value).outputs
        graph.inputs = [at(values, k) for k in data["inputs"]]
        graph.outputs = [at(values, k) for k in data["outputs"]]
        if len(set(graph.inputs)) < len(graph.inputs) or any(v.node.op is not ir.INPUT for v in graph.inputs):
            raise ValueError("its inputs are not input nodes")
        reads, assigned = [[at(self.variables, k) for k in data[part]] for part in ("reads", "assigned")]
        feeds = [self.value(f) for f in data["feeds"]]
        made = Concrete(str(data["name"]), graph, reads, feeds, assigned)
        made.by_value = bool(by_value)
        if made.arguments < 0 or made.results < 0:
            raise ValueError("it has fewer inputs or outputs than variables")
        first = made.arguments
        _check_places(graph.inputs[first:first + len(reads)], reads, "reads")
        _check_places(graph.outputs[made.results:], assigned, "assigns")
        return made

    def _node(self, graph, written, by_value):
        op = _op(written)
        inputs = [at(self._values, k) for k in written["inputs"]]
        attributes = {name: self.value(data) for name, data in written.get("attributes", {}).items()}
        specs = [(self.value(shape), dtypes.as_numpy(dtype)) for shape, dtype in written["outputs"]]
        sizes = written.get("sizes")
        node = graph.add(op, inputs, attributes, specs, sizes)
        if not isinstance(op, ir.Primitive):
            _check_op(node, by_value)
        elif op in _CHECKS:
            _CHECKS[op](node)
        return node


def at(entries, number):
    """The entry of a number; LookupError for what is none."""
    if type(number) is not int or not 0 <= number < len(entries):
        raise LookupError(f"there is no number {number!r} among {len(entries)}")
    return entries[number]


def primitives():
    """Name -> primitive, of those that graphs may hold."""
    return {p.name: p for p in (ir.INPUT, *interpret._PRIMITIVES)}


def _op(written):
    name = written.get("op")
    if name is None:
        found = primitives().get(written["primitive"])
        if found is None:
            raise ValueError(f"this numbaflow has no primitive {written['primitive']!r}")
        return found
    if name not in table.OPS:
        raise NotFoundError(f"op {name!r} is not in the table; if it is one of your own, declare it with "
                            "nf.op or nf.elementwise before the function is loaded")
    return table.OPS[name]


def _check_op(node, by_value):
    op = node.op
    if set(node.attributes) != set(op.attributes):
        raise ValueError(f"its attributes are {', '.join(node.attributes) or 'none'}; {op.name} has "
                         f"{', '.join(op.attributes) or 'none'}")
    if (node.sizes is not None) != bool(op.variadic):
        raise ValueError("lists of inputs do not fit the op")
    if node.sizes is not None and sum([1 if n is None else n for n in node.sizes]) != len(node.inputs):
        raise ValueError(f"it has {len(node.inputs)} inputs in lists of {node.sizes}")
    inputs = node.grouped([Abstract(v.shape, v.dtype) for v in node.inputs])
    if len(inputs) != len(op.inputs) or any(isinstance(x, list) != (name in op.variadic)
                                            for name, x in zip(op.inputs, inputs, strict=True)):
        raise ValueError(f"it has {len(inputs)} inputs, the op takes {', '.join(op.inputs)}")
    written = [(v.shape, v.dtype) for v in node.outputs]
    try:
        found = [(tuple(shape), np.dtype(dtype)) for shape, dtype in op.infer(inputs, node.attributes)]
    except DependsOnValues as unknown:
        if not by_value:
            raise
        found = specs_by_value(op, inputs, node.attributes, unknown.specs, Unknowns(guarded=False))
        written, found = [[((len(shape),), dtype) for shape, dtype in specs] for specs in (written, found)]
    _same(written, found)


def _same(written, found):
    if written != found:
        raise ValueError(f"its outputs are {_listed(found)}, not {_listed(written)} as it says")


def _listed(specs):
    return " and ".join(f"{dtype}{list(shape)}" for shape, dtype in specs) or "none"


def _check_constant(node):
    value, (out,) = node.attributes["value"], node.outputs
    _same([(out.shape, out.dtype)], [(np.broadcast_shapes(value.shape, out.shape), value.dtype)])


def _check_update(node):
    count, rule = len(node.outputs), node.attributes["rule"]
    taken = rule.rule.__code__.co_argcount
    if count != rule.states or len(node.inputs) != taken:
        raise ValueError(f"it has {len(node.inputs)} inputs and {count} outputs, the rule takes {taken} and "
                         f"gives {rule.states}")
    _same([(v.shape, v.dtype) for v in node.outputs], [(v.shape, v.dtype) for v in node.inputs[:count]])


_CHECKS = {ir.CONSTANT: _check_constant, ir.UPDATE: _check_update}


def _check_places(values, variables, verb):
    for value, variable in zip(values, variables, strict=True):
        if (value.shape, value.dtype) != (variable._data.shape, variable._data.dtype):
            raise ValueError(f"it {verb} {variable.name!r} as {value.dtype}{list(value.shape)}, which is "
                             f"{variable._data.dtype}{list(variable._data.shape)}")
