"""The trace of one function: what ops on traced tensors, and reads and assignments of variables, become.

An op whose inputs are all known runs at once, so what a function computes from constants is a constant.
"""
import contextlib

import numpy as np

from numbaflow.core import faces
from numbaflow.core.abstract import Traced, TracingError
from numbaflow.core.dim import Unknowns
from numbaflow.core.dtypes import DIFFERENTIABLE
from numbaflow.core.errors import InvalidArgumentError, OpError
from numbaflow.core.infer import DependsOnValues
from numbaflow.core.placement import fetch
from numbaflow.core.tape import caller, record, silent
from numbaflow.core.tensor import Tensor, wrap
from numbaflow.graph import by_value
from numbaflow.graph.ir import EXTENTS, Graph
from numbaflow.ops.control import straight_through


class Trace:
    """Writes a graph.  `variables` holds the current value of each variable that was read or assigned."""

    lasting = False                 # whether it goes on after what is being traced: see graph_mode.Graph

    def __init__(self, name, parent=None, may_create=True):
        self.name, self.parent, self.may_create = name, parent, may_create
        self.graph = Graph()
        self.reads = {}             # variable -> the input that is its value at the start
        self.assigned = {}          # variable -> its value at the end
        self.captured = {}          # a value of an outer trace -> (its tensor, the input that stands for it)
        self.feeds = []             # (function without arguments, the input that is given what it returns)
        self.unknowns = None        # the extents that values decide, where there are any
        self._constants = {}        # id of an array -> (the array, its value)

    # ---- tensors and values
    def input(self, shape, dtype, name=None):
        """A traced tensor that is given from outside."""
        return self.tensor(self.graph.input(shape, dtype, name))

    def tensor(self, value):
        """A traced tensor of a value."""
        return Traced(self, value)

    def value(self, tensor):
        """The graph's value for a tensor: a traced one's own, a constant, or what is captured outside."""
        if not isinstance(tensor, Traced):
            return self.constant(tensor._data if type(tensor) is Tensor else fetch(tensor))
        if tensor._trace is self:
            return tensor._value
        return self._capture(tensor)

    def constant(self, array):
        """The value of a known array."""
        found = self._constants.get(id(array))
        if found is None:
            shape, first = array.shape, array
            if array.size and array.ndim and (array == array.flat[0]).all() and array.flat[0] != 0:
                first = np.array(array.flat[0], array.dtype)
            elif array.ndim and not array.any():
                first = np.zeros((), array.dtype) if not np.signbit(array).any() else array
            found = self._constants[id(array)] = array, self.graph.constant(first, shape)
        return found[1]

    def known(self, array, name=None):
        """The tensor of a known array: as long as it meets no traced one, ops on it run at once."""
        return wrap(array)

    def filled(self, number, shape, dtype):
        """A traced tensor full of one number."""
        return self.tensor(self.graph.constant(np.array(number, dtype), shape))

    def extents(self, value, dtype):
        """An extent or a tuple of extents as a traced tensor; some of them are unknown."""
        shape = (len(value),) if isinstance(value, tuple) else ()
        return self.primitive(EXTENTS, [], {"value": value}, [(shape, dtype)])[0]

    def feed(self, function, shape, dtype, name):
        """A traced tensor that is what `function()` gives at the start of every call."""
        t = self.input(shape, dtype, name)
        self.feeds.append((function, t._value))
        return t

    def _capture(self, tensor):
        outer = self.parent
        while outer is not None and outer is not tensor._trace:
            outer = outer.parent
        if outer is None:
            self.refuse_outside(tensor)
        if tensor._value not in self.captured:
            t = self.input(tensor._data.shape, tensor._dtype, "captured")
            self.captured[tensor._value] = tensor, t._value
        return self.captured[tensor._value][1]

    def refuse_outside(self, tensor):
        """Raise for a tensor of another trace."""
        raise TracingError(f"{caller()}: {tensor!r} is of a trace of {tensor._trace.name} that has ended; "
                           "return what is needed outside from the function")

    # ---- ops
    def call(self, op, arguments):
        """The traced result of a table op for arguments by name; tapes record it."""
        made, _ = self._emit(op, *self._prepared(op, arguments))
        if op.outputs is None:
            return made[0]
        return list(made) if op.listed else op.named(*made)

    def call_fully(self, op, inputs, attributes):
        """The traced results of a table op for tensors that fit it, its residuals too."""
        specs = op.infer([_specs(x) for x in inputs], attributes)
        made, residuals = self._emit(op, inputs, attributes, specs)
        return [*made, *residuals]

    def _prepared(self, op, arguments):
        """The inputs, attributes and specs of a call."""
        inputs = self._inputs(op, arguments)
        attributes = {a: arguments[a] for a in op.attributes}
        for a, v in attributes.items():
            if isinstance(v, Traced):
                raise TracingError(f"{caller()}: {op.name}: {a} must be known when the function is traced, "
                                   f"got {v!r}")
        try:
            specs = op.infer([_specs(x) for x in inputs], attributes)
        except DependsOnValues as unknown:
            if self.parent is not None or self.lasting:
                raise
            self.unknowns = self.unknowns or Unknowns(guarded=False)
            specs = by_value.specs(op, [_specs(x) for x in inputs], attributes, unknown.specs, self.unknowns)
        except (ValueError, TypeError, IndexError) as error:
            if isinstance(error, (OpError, TracingError)):
                raise
            raise faces.explain(op, error, _flat(inputs)) from None
        return inputs, attributes, specs

    def _inputs(self, op, arguments):
        values = [arguments[x] for x in op.inputs]
        tensors = faces.convert(op, values)
        tensors = [faces.convert_list(op, t) if x in op.variadic else t
                   for x, t in zip(op.inputs, tensors, strict=True)]
        if len(op.promote) > 1 and len({t._dtype for x, t in zip(op.inputs, tensors, strict=True)
                                        if x in op.promote}) > 1:
            tensors = faces.unify(op, tensors)
        return faces.make_float(op, tensors) if op.floats else tensors

    def _emit(self, op, inputs, attributes, specs):
        """Append the node: its traced outputs and residuals."""
        flat = _flat(inputs)
        sizes = [len(x) if isinstance(x, list) else None for x in inputs] if op.variadic else None
        node = self.graph.add(op, [self.value(t) for t in flat], attributes, specs, sizes, caller())
        made = [self.tensor(v) for v in node.outputs]
        residuals = made[len(made) - len(op.residuals):] if op.residuals else []
        given = made[:len(made) - len(residuals)]
        if any(t._node is not None for t in flat):
            record(op, inputs, given[0] if op.outputs is None else tuple(given),
                   (*attributes.values(), *residuals))
        return given, residuals

    def primitive(self, op, inputs, attributes, specs):
        """The traced results of a primitive on tensors; tapes do not see it."""
        node = self.graph.add(op, [self.value(t) for t in inputs], attributes, specs, where=caller())
        return [self.tensor(v) for v in node.outputs]

    def custom(self, op, inputs, outputs):
        """The outputs of a function with its own gradient, for tapes that hear the graph when it runs."""
        from numbaflow.graph.own_gradient import written
        return written(self, op, inputs, outputs)

    # ---- variables
    def read(self, variable):
        """A variable's value at this point."""
        value = self.assigned.get(variable)
        if value is None:
            value = self.reads.get(variable)
        if value is None and self.parent is not None:
            value = self.reads[variable] = self.value(self.parent.read(variable))
        if value is None:
            data = variable._data
            value = self.reads[variable] = self.graph.input(data.shape, data.dtype, variable.name)
        return Traced(self, value)

    def assign(self, variable, tensor, what="assign"):
        """Make a tensor the variable's value from here on; gradients take what is read as the variable."""
        data = variable._data
        if tensor._data.dtype != data.dtype:
            raise InvalidArgumentError(f"{what}: a {tensor._data.dtype} value for variable {variable.name!r} "
                                       f"of {data.dtype}; cast it first")
        if tuple(tensor._data.shape) != data.shape:
            raise ValueError(f"Shapes {data.shape} and {tensor._data.shape} are incompatible: {what} to "
                             f"variable {variable.name!r}")
        with silent():
            before = self.read(variable)
            if data.dtype in DIFFERENTIABLE:
                tensor = straight_through(before, tensor)
        self.assigned[variable] = self.value(tensor)

    def initial(self, variable, value, dtype):
        """What a variable that is being made begins with, a value or a function that gives one."""
        return value

    def variable_name(self, name):
        """The name that a variable gets."""
        return name

    def creates(self, variable):
        """Refuse a variable that a later trace than the first makes."""
        if not self.may_create:
            raise ValueError("tf.function-decorated function tried to create variables on non-first call.")


    # ---- what orders ops: here they run in the order of the program
    def control_dependencies(self, tensors):
        """A context for ops that run after others."""
        return contextlib.nullcontext()

    def group(self, tensors, name):
        """What stands for all of several ops."""


def _flat(inputs):
    return [t for x in inputs for t in (x if isinstance(x, list) else [x])]


def _specs(x):
    return [t._data for t in x] if isinstance(x, list) else x._data
