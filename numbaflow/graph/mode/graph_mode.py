"""Graph: a trace that a program builds on and sessions run parts of.

It is the graph of a compiled function with names, and with variables read and assigned by nodes: what is
fetched is written into a trace of its own and compiled.  Shapes are known as far as placeholders say them;
what they leave open is inferred when it is fed.
"""
import contextlib
import threading

import numpy as np

from numbaflow.core import nest, scopes, table
from numbaflow.core.abstract import Traced
from numbaflow.core.device_variable import array_of
from numbaflow.core.dim import Dim, Unknowns
from numbaflow.core.errors import InvalidArgumentError
from numbaflow.core.infer import BY_VALUE
from numbaflow.core.shape import UNKNOWN
from numbaflow.core.tape import stack, tracing
from numbaflow.core.tensor import Tensor, as_array, as_tensor
from numbaflow.graph import ir
from numbaflow.graph.flow.hosted import Hosted
from numbaflow.graph.mode import waiting
from numbaflow.graph.mode.custom import written
from numbaflow.graph.mode.graph_elements import ASKED, ASSIGN, GROUP, READ, Operation, element
from numbaflow.graph.mode.guess import guessed
from numbaflow.graph.mode.naming import Elements, traced_in
from numbaflow.graph.trace import Trace, _specs

_EXAMPLE = 97                       # of an unknown extent: what fits most windows and is no usual constant


class _Nodes(ir.Graph):
    def __init__(self, owner):
        super().__init__()
        self._owner = owner

    def add(self, op, inputs=(), attributes=None, specs=(), sizes=None, where=None):
        self._owner.check_open()
        node = super().add(op, inputs, attributes, specs, sizes, where)
        self._owner.added(node)
        return node


class Graph(Elements, Trace):
    """Operations to be run by a Session.  Variables have one value in it, which all its sessions share.

    >>> import numbaflow as nf
    >>> from numbaflow.graph.mode.session import Session
    >>> with Graph().as_default() as g, Session() as session:
    ...     y = nf.constant(2.0) * 3.0
    ...     print(session.run(y), y.name)
    6.0 multiply:0
    """

    lasting = True

    def __init__(self):
        Trace.__init__(self, "graph")
        Elements.__init__(self)
        self.graph = _Nodes(self)
        self.variables, self.initial_values, self.uninitialized = [], {}, set()
        self.named_variables = {}           # those of get_variable, by name
        self.steps, self.lock = {}, threading.RLock()       # what sessions have compiled
        self.finalized = False
        self._unknowns = Unknowns(guarded=False)
        self._initializers = {}

    version = property(lambda self: len(self.graph.nodes), doc="How many operations there are.")

    # ---- as a whole
    def as_default(self):
        """A context in which ops are put into this graph; it gives the graph."""
        return tracing(self)

    def finalize(self):
        """Let nothing be added any more."""
        for v in self.variables:
            self.initializer(v)
        self.finalized = True

    def check_open(self):
        """RuntimeError when the graph is finalized."""
        if self.finalized:
            raise RuntimeError("Graph is finalized and cannot be modified.")

    # ---- tensors
    def known(self, array, name=None):
        """A constant of the graph."""
        kept, self._wanted = self._wanted, (ir.CONSTANT, name)
        try:
            return self.tensor(self.constant(array))
        finally:
            self._wanted = kept

    def _unknown(self):
        return self._unknowns.dim(_EXAMPLE)

    def extents_for(self, shape):
        """A shape with unknown extents of this graph for None."""
        if shape is None or shape is UNKNOWN:
            return UNKNOWN
        return tuple([self._unknown() if n is None else n if isinstance(n, Dim) else int(n)
                      for n in shape])

    def asked(self, what, tensor, dtype):
        """The shape, size or rank of a tensor of unknown rank, as a tensor."""
        return self.primitive(ASKED, [tensor], {"what": what},
                              [(self.extents_for([None]) if what == "shape" else (), dtype)])[0]

    def _capture(self, tensor):
        raise ValueError(f"{tensor!r} must be from the same graph as the tensors and operations it meets.")

    # ---- ops
    def call(self, op, arguments):
        """The result of a table op for arguments by name."""
        kept, self._wanted = self._wanted, (op, arguments.get("name"))
        try:
            return super().call(op, arguments)
        finally:
            self._wanted = kept

    def _prepared(self, op, arguments):
        inputs = self._inputs(op, arguments)
        attributes = {a: arguments[a] for a in op.attributes}
        given = [_specs(x) for x in inputs]
        try:
            return inputs, attributes, op.infer(given, attributes)
        except Exception as error:
            if BY_VALUE not in str(error) and next(traced_in(attributes), None) is None and not _open(given):
                return super()._prepared(op, arguments)         # which raises it as it does for functions
        return inputs, attributes, guessed(op, given, attributes, self._unknown)

    def custom(self, op, inputs, outputs):
        """The outputs of a function with its own gradient."""
        return written(self, op, inputs, outputs)

    def later(self, function, args, kwargs):
        """The result of a call that is made when the graph is run."""
        return waiting.written(self, function, args, kwargs)

    # ---- variables
    def initial(self, variable, value, dtype):
        """Zeros in place of a new variable's value, which its initializer gives it."""
        value = value() if callable(value) else value
        given = isinstance(value, Tensor) or hasattr(value, "_read")
        t = as_tensor(value) if given else self.known(as_array(value, dtype))
        if dtype is not None and t.dtype != dtype:
            t = table.face("cast")(t, dtype)
        if _unknown(t._data.shape):
            raise ValueError(f"initial_value must have a shape specified: {t}")
        self.variables.append(variable)
        self.uninitialized.add(variable)
        self.initial_values[variable], variable._graph = t, self
        return np.zeros(t._data.shape, t._dtype)

    def adopt(self, variables):
        """Take variables that have their values already among those of the graph."""
        for v in variables:
            if v._graph is None:
                with tracing(self):
                    self.initial_values[v] = self.known(array_of(v))
                self.variables.append(v)
                v._graph = self

    def initializer(self, variable):
        """The operation that gives a variable its first value."""
        found = self._initializers.get(variable)
        if found is None:
            with tracing(self), self.control_dependencies(None), scopes.name_scope(""):
                made = self.assign(variable, self.initial_values[variable])
            found = self._initializers[variable] = made.op
        return found

    def is_initialized(self, variable):
        """Whether a variable has a value when a run begins, as a tensor."""
        with tracing(self):
            return self.feed(lambda: np.array(variable not in self.uninitialized), (), np.dtype(bool),
                             f"{variable._name}/IsInitialized")

    def assignments(self, variable):
        """The operations that give a variable a value, but for its initializer."""
        first = self.initializer(variable)
        return [op for op in self.get_operations()
                if op.node.op is ASSIGN and op.node.attributes["variable"] is variable and op is not first]

    def read(self, variable):
        """A variable's value at this point of a run."""
        data = variable._data
        return self.primitive(READ, [], {"variable": variable}, [(data.shape, data.dtype)])[0]

    def assign(self, variable, tensor, what=None):
        """The operation that makes a tensor the variable's value, as the tensor of that value.

        `what` is None for what a branch or loop has left: that is assigned whenever it runs.
        """
        data, shape, how = variable._data, tensor._data.shape, what or "assign"
        if tensor._data.dtype != data.dtype:
            raise InvalidArgumentError(f"{how}: a {tensor._data.dtype} value for variable {variable.name!r} "
                                       f"of {data.dtype}; cast it first")
        if not _unknown(shape) and tuple(shape) != data.shape:
            raise ValueError(f"Shapes {data.shape} and {tuple(shape)} are incompatible: {how} to variable "
                             f"{variable.name!r}")
        made, = self.primitive(ASSIGN, [tensor], {"variable": variable}, [(data.shape, data.dtype)])
        if what is None and isinstance(tensor, Traced) and isinstance(tensor._value.node.op, Hosted):
            self.effects.setdefault(tensor._value.node, []).append(made.op.node)
        return made

    # ---- order
    @contextlib.contextmanager
    def control_dependencies(self, tensors):
        """A context for ops that run after others; None for one that forgets those of the contexts around."""
        kept = self._before
        self._before = [] if tensors is None else [*kept, [self._node(t) for t in tensors]]
        try:
            yield
        finally:
            self._before = kept

    def _node(self, given):
        if hasattr(given, "_read") and not isinstance(given, Tensor):
            given = given._read()
        found = element(self, given)
        return found.node if isinstance(found, Operation) else found._value.node

    def group(self, tensors, name):
        """An operation that runs all that is given."""
        nodes = [self._node(t) for t in nest.flatten(list(tensors)) if t is not None]
        node = self.graph.add(GROUP, (), {"name": name})
        self.controls[node] = [*self.controls.get(node, ()), *nodes]
        return self.operation(node)

    def evaluated(self, fetch, feed_dict, session):
        """What a session, by default the default one, gives for a tensor or an operation of this graph."""
        from numbaflow.graph.mode.session import get_default_session
        session = session or get_default_session()
        if session is None or session.graph is not self:
            _no_session(session, *(("execute operation", "run", "operation") if isinstance(fetch, Operation)
                                   else ("evaluate tensor", "eval", "tensor")))
        return session.run(fetch, feed_dict)


def _no_session(session, what, call, kind):
    if session is None:
        raise ValueError(f"Cannot {what} using `{call}()`: No default session is registered. Use `with "
                         f"sess.as_default()` or pass an explicit session to `{call}(session=sess)`")
    raise ValueError(f"Cannot use the given session to {what}: the {kind}'s graph is different from the "
                     "session's graph.")


def _open(given):
    """Whether the shape of an input is not wholly known."""
    return any(_open(x) if isinstance(x, list) else _unknown(x.shape) for x in given)


def _unknown(shape):
    return shape is UNKNOWN or any(isinstance(n, Dim) for n in shape)


# ---- the graph of this thread
class _Default(threading.local):
    graph = None


_default = _Default()


def get_default_graph():
    """The graph whose context this is, or the one that belongs to the thread.

    >>> with Graph().as_default() as g:
    ...     print(get_default_graph() is g)
    True
    """
    trace = stack.frame[2]
    while trace is not None and not isinstance(trace, Graph):
        trace = trace.parent
    if trace is None:
        trace = _default.graph = _default.graph or Graph()
    return trace


def reset_default_graph():
    """Put a new graph in the place of the one that belongs to the thread.

    Raises:
        AssertionError: inside the context of another graph.
    """
    trace = stack.frame[2]
    if trace is not None and trace is not _default.graph:
        raise AssertionError("Do not use tf.reset_default_graph() to clear nested graphs. If you need a "
                             "cleared graph, exit the nesting and create a new graph.")
    _default.graph = None
