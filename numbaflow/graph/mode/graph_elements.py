"""What a graph is made of, as users see it: tensors and operations with names."""
from numbaflow.core.abstract import Traced, TracingError
from numbaflow.core.dim import Dim
from numbaflow.core.errors import InvalidArgumentError
from numbaflow.core.shape import UNKNOWN, TensorShape
from numbaflow.core.tape import caller, stack, tracing
from numbaflow.graph import ir

READ = ir.Primitive("read")                         # the value of the attribute variable
ASSIGN = ir.Primitive("assign", effect=True)        # gives the variable a value, and gives that
GROUP = ir.Primitive("group", effect=True)          # runs what it depends on
DEFAULT = ir.Primitive("placeholder_with_default")  # the input, unless it is fed
ASKED = ir.Primitive("asked")                       # the shape, size or rank of a tensor of unknown rank


class GraphTensor(Traced):
    """A tensor of a graph: it has a name and is computed by `Session.run`."""

    __slots__ = ()

    op = property(lambda self: self._trace.operation(self._value.node), doc="The operation that gives it.")
    graph = property(lambda self: self._trace, doc="The graph that it is part of.")
    value_index = property(lambda self: self._value.number, doc="Its number among the operation's outputs.")
    name = property(lambda self: f"{self.op.name}:{self._value.number}", doc="The name to fetch it by.")

    @property
    def shape(self):
        """The shape as far as it is known."""
        return UNKNOWN if self._data.shape is UNKNOWN else TensorShape(self._data.shape)

    def get_shape(self):
        """The shape as far as it is known."""
        return self.shape

    def set_shape(self, shape):
        """Say more about the shape: None for extents of which nothing is known; ValueError if it can't be."""
        if shape is None or shape is UNKNOWN:
            return
        own, given = self._data.shape, list(shape)
        if own is UNKNOWN:
            found = self._trace.extents_for(given)
        else:
            if len(given) != len(own) or any(isinstance(n, int) and isinstance(m, int) and m != n
                                             for n, m in zip(own, given, strict=True)):
                raise ValueError(f"Dimension mismatch: Tensor's shape {own} is not compatible with supplied "
                                 f"shape {tuple(given)}")
            found = tuple([m if isinstance(m, int) else n for n, m in zip(own, given, strict=True)])
        self._value.shape = self._data.shape = found
        self._trace.note_extents(self._value)

    def consumers(self):
        """The operations that take it."""
        graph = self._trace
        return [graph.operation(node) for node in graph.graph.nodes if self._value in node.inputs]

    def eval(self, feed_dict=None, session=None):
        """Its value, by `run` of a session: the one given or the default one."""
        return self._trace.evaluated(self, feed_dict, session)

    # ---- what the core asks of it
    def _take_call(self, face, arguments):
        trace = stack.frame[2]
        if trace is not None:
            return trace.call(face.op, arguments)
        with tracing(self._trace):              # outside all contexts it still belongs to its graph
            return self._trace.call(face.op, arguments)

    def _needs(self, what, way_out=None):
        raise TracingError(f"{caller()}: {what} of {self} is asked for, but it is part of a graph and has no "
                           "value; session.run(tensor) or tensor.eval() computes one")

    def __bool__(self):
        raise TypeError("Using a `tf.Tensor` as a Python `bool` is not allowed. Use `if t is not None:` "
                        "instead of `if t:` to test if a tensor is defined, and use TensorFlow ops such as "
                        "tf.cond to execute subgraphs conditioned on the value of a tensor.")

    def __len__(self):
        raise TypeError("object of type 'Tensor' has no len()")

    def __iter__(self):
        shape = self._data.shape
        if shape is UNKNOWN or not shape or isinstance(shape[0], Dim):
            raise TypeError("Tensor objects are only iterable when their first extent is known. To iterate "
                            "over this tensor use tf.map_fn.")
        return (self[k] for k in range(shape[0]))

    def __repr__(self):
        return f"<tf.Tensor {self.name!r} shape={self.shape!r} dtype={self.dtype.name}>"

    def __str__(self):
        shape = "" if self._data.shape is UNKNOWN else f", shape={self.shape!r}"
        return f'Tensor("{self.name}"{shape}, dtype={self.dtype.name})'

    __hash__ = object.__hash__


class Operation:
    """A node of a graph with a name; `run` runs it."""

    __slots__ = ("__weakref__", "graph", "name", "node")

    def __init__(self, graph, node, name):
        self.graph, self.node, self.name = graph, node, name

    type = property(lambda self: self.node.op.name, doc="What it does: the name of the op.")
    device = ""

    @property
    def inputs(self):
        """The tensors that it takes."""
        return [self.graph.tensor(v) for v in self.node.inputs]

    @property
    def outputs(self):
        """The tensors that it gives."""
        return [self.graph.tensor(v) for v in self.node.outputs]

    def values(self):
        """The tensors that it gives."""
        return self.outputs

    @property
    def control_inputs(self):
        """The operations that run before it besides those whose tensors it takes."""
        return [self.graph.operation(node) for node in self.graph.controls.get(self.node, ())]

    def get_attr(self, name):
        """The value of an attribute; ValueError when it has none of that name."""
        try:
            return self.node.attributes[name]
        except KeyError:
            raise ValueError(f"Operation {self.name!r} has no attr named {name!r}.") from None

    def run(self, feed_dict=None, session=None):
        """Run it in a session: the one given or the default one."""
        self.graph.evaluated(self, feed_dict, session)

    def __repr__(self):
        return f"<tf.Operation {self.name!r} type={self.type}>"

    __str__ = __repr__


# ---- finding elements by what users give
_FORM = 'Tensor names must be of the form "<op_name>:<output_index>".'


def element(graph, given, operations=True):
    """The tensor or operation of a graph for one of those or a name.

    Raises:
        TypeError: what is neither.
        ValueError: an element of another graph, or a name of no tensor where operations are not wanted.
        KeyError: a name of nothing.
    """
    wanted = "Tensor or Operation" if operations else "Tensor"
    if isinstance(given, str):
        return _named(graph, given, operations, wanted)
    if isinstance(given, GraphTensor) or (operations and isinstance(given, Operation)):
        if given.graph is not graph:
            kind = "Tensor" if isinstance(given, GraphTensor) else "Operation"
            raise ValueError(f"{kind} {given} is not an element of this graph.")
        return given
    raise TypeError(f"Can not convert a {type(given).__name__} into a {wanted}.")


def _named(graph, name, operations, wanted):
    if ":" in name:
        owner, _, number = name.partition(":")
        if not owner or not number.isdigit():
            raise ValueError(f"The name {name!r} looks a like a Tensor name, but is not a valid one. {_FORM}")
        found = graph.names.get(owner)
        absent = f"The name {name!r} refers to a Tensor which does not exist. The operation, {owner!r},"
        if found is None:
            raise KeyError(f"{absent} does not exist in the graph.")
        if int(number) >= len(found.node.outputs):
            raise KeyError(f"{absent} exists but only has {len(found.node.outputs)} outputs.")
        return found.outputs[int(number)]
    if not operations:
        what = "refers to an Operation" if name in graph.names else "looks like an (invalid) Operation name"
        raise ValueError(f"The name {name!r} {what}, not a {wanted}. {_FORM}")
    if name not in graph.names:
        raise KeyError(f"The name {name!r} refers to an Operation not in the graph.")
    return graph.names[name]


def refuse_unfed(name, value):
    """Raise for a placeholder that needs a value."""
    dtype = {"float32": "float", "float64": "double"}.get(value.dtype.name, value.dtype.name)
    shape = "" if value.shape is UNKNOWN else f" and shape [{','.join(map(repr, value.shape))}]"
    raise InvalidArgumentError(f"You must feed a value for placeholder tensor {name!r} with dtype "
                               f"{dtype}{shape}")
