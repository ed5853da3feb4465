"""Variable: a tensor-sized place that can be assigned to.

`_data` is an array the variable owns.  Reads share it, so an assignment writes into it only when nothing else
refers to it, and into a new array otherwise: a tensor that was read, or that a tape keeps, never changes.
`_writing` is set while a thread looks and writes; who reads then waits for the lock.
"""
import copy
import functools
import itertools
import operator
import sys
import threading

import numpy as np

from numbaflow.kernels import scatter

from . import dtypes, scopes, table
from .device import CPU, check, places
from .errors import InvalidArgumentError, OutOfRangeError
from .indexed_slices import IndexedSlices
from .shape import TensorShape
from .tape import IDLE, stack, tracing, variable_node
from .tensor import Operators, Tensor, array_text, as_array, as_tensor, wrap
from .trackable import Trackable

_new = object.__new__
_ids = itertools.count(1)
ALONE = 2                      # references to an array that only its variable holds, by getrefcount


class Variable(Operators, Trackable):
    """A mutable tensor, read by ops and traced by tapes; freed with its last reference.

    Args:
        initial_value: a tensor, array, number or nested list, or a function without arguments that gives one.
        trainable: whether tapes trace it when it is read.
        name: its name; ``"Variable"`` by default.
        dtype: the dtype wanted.
        constraint: a function from a value to a value, which optimizers apply after an update.

    Raises:
        ValueError: no initial value, or a constraint that can't be called.

    >>> import numbaflow as nf
    >>> v = nf.Variable(2.0)
    >>> _ = v.assign_add(1.0)
    >>> print(v)
    <tf.Variable 'Variable:0' shape=() dtype=float32, numpy=3.0>
    """

    __slots__ = ("__dict__", "__weakref__", "_data", "_id", "_lock", "_name", "_writing", "constraint",
                 "trainable")

    def __init__(self, initial_value=None, trainable=None, collections=None, validate_shape=True,
                 caching_device=None, name=None, variable_def=None, dtype=None, expected_shape=None,
                 import_scope=None, constraint=None, use_resource=None, synchronization=None,
                 aggregation=None, shape=None):
        if initial_value is None:
            raise ValueError("initial_value must be specified.")
        if constraint is not None and not callable(constraint):
            raise ValueError("The `constraint` argument must be a callable.")
        check()
        trace = stack.frame[2]
        if trace is not None:
            trace.creates(self)
            initial_value = trace.initial(self, initial_value, dtype)
        with tracing(None):             # a function that is traced makes its variables once, and at once
            value = initial_value() if callable(initial_value) else initial_value
        if isinstance(value, Variable):
            value = value._read()
        if places.on or (isinstance(value, Tensor) and value.is_elsewhere):
            places.settle(self, value, dtype)
        else:
            self._data = as_array(value, dtype)
        if shape is not None and tuple(shape) != self._data.shape:
            raise ValueError(f"Variable: the initial value has shape {self._data.shape}, not {tuple(shape)}")
        self.trainable = True if trainable is None else bool(trainable)
        self.constraint, self._name = constraint, scopes.current() + (name or "Variable")
        if trace is not None:
            self._name = trace.variable_name(self._name)
        self._id = next(_ids)
        self._lock, self._writing = threading.RLock(), False

    # ---- what it is
    @property
    def dtype(self):
        """The element type, a DType."""
        return dtypes.of(self._data.dtype)

    @property
    def shape(self):
        """The shape, a tuple of ints."""
        return TensorShape(self._data.shape)

    def get_shape(self):
        """The shape, a tuple of ints."""
        return TensorShape(self._data.shape)

    name = property(lambda self: f"{self._name}:0", doc="The name, with TensorFlow's output number.")
    ndim = property(lambda self: self._data.ndim, doc="The number of dimensions.")
    device = property(lambda self: CPU, doc="Where the value lives.")
    handle = property(lambda self: self)

    # ---- reading
    def _array(self):
        """The array of the value; while it is referred to nobody writes into it."""
        data = self._data
        if self._writing:               # maybe into this array, on which the writer had looked before
            with self._lock:
                data = self._data
        return data

    def _read(self):
        frame = stack.frame
        if frame is not IDLE:
            return self._read_by(*frame)
        t = _new(Tensor)
        data = self._data
        if self._writing:
            data = self._array()
        t._data = data
        t._dtype = data.dtype
        t._node = None
        return t

    def _read_by(self, tapes, tokens, trace):
        """A read that tapes hear or a trace writes down."""
        t = wrap(self._array()) if trace is None else trace.read(self)
        if tapes:
            t._node = variable_node(self, t._data)
        return t

    def value(self):
        """The value as a tensor, which later assignments do not change."""
        return self._read()

    read_value = value

    def numpy(self):
        """The value as a NumPy array of your own, or a NumPy scalar."""
        if stack.frame[2] is not None:
            return self._read().numpy()
        data = self._array()
        return data.copy() if data.ndim else data[()]

    def __array__(self, dtype=None, copy=None):
        return self._read().__array__(dtype, copy)

    def __bool__(self):
        return bool(self._read())

    def __int__(self):
        if self._data.dtype.kind not in "iu":
            raise TypeError("Non-integer variable can't be converted to integer.")
        return int(self._read())

    def __float__(self):
        return float(self._read())

    def __index__(self):
        return self._read().__index__()

    def __len__(self):
        return len(self._read())

    def __iter__(self):
        return iter(self._read())

    def __format__(self, spec):
        return format(self._read(), spec)

    def __getitem__(self, key):
        part = table.face("getitem")(self._read(), key)
        part.assign = functools.partial(self._assign_part, key)
        return part

    def sparse_read(self, indices, name=None):
        """The rows at `indices`; the gradient touches those rows only."""
        return table.face("gather")(self, indices)

    def gather_nd(self, indices, name=None):
        """The slices at `indices`."""
        return table.face("gather_nd")(self, indices)

    # ---- assigning
    def _writable(self):
        """The array to write into: the variable's own, or a copy when anything else refers to it."""
        if sys.getrefcount(self._data) > ALONE:
            self._data = self._data.copy()
        return self._data

    def _update(self, write, *args):
        """write(array, *args) into the array to write into, with other threads kept out."""
        with self._lock:
            self._writing = True
            try:
                write(self._writable(), *args)
            finally:
                self._writing = False

    def _converted(self, value, what):
        """The array of a value in the variable's dtype: all convert but tensors, which must have it."""
        own = self._data.dtype
        if type(value) in (int, float) and (own.kind in "fc" or (type(value) is int and own.kind in "iu")):
            return np.asarray(value, own)
        t = as_tensor(value, own)
        data = t._data if type(t) is Tensor else t._fetched()
        self._check_dtype(data.dtype, what)
        return data

    def _check_dtype(self, given, what):
        own = self._data.dtype
        if given != own:
            raise InvalidArgumentError(f"{what}: a {given} value for variable {self.name!r} of {own}; "
                                       "cast it first")

    def _fitting(self, value, what):
        """The array of a value to assign, of the variable's dtype and shape."""
        data = self._converted(value, what)
        if data.shape != self._data.shape:
            raise ValueError(f"Shapes {self._data.shape} and {data.shape} are incompatible: {what} to "
                             f"variable {self.name!r}")
        return data

    def _assign_traced(self, op, value, what, *args):
        """Note in the trace of this thread that the value is op(value, given, *args) from here on."""
        own = self._data.dtype
        given = as_tensor(value, own if not isinstance(value, Tensor) else None)
        new = given if op is None else table.face(op)(self._read(), given, *args)
        return self._assigned(new, what)

    def _assigned(self, new, what):
        """Note in the trace of this thread the value from here on: what the assignment gives."""
        made = stack.frame[2].assign(self, new, what)
        return self if made is None else made

    def assign(self, value, use_locking=None, name=None, read_value=True):
        """Set the value; ValueError for another shape."""
        if stack.frame[2] is not None:
            return self._assign_traced(None, value, "assign")
        data = self._fitting(value, "assign")
        with self._lock:
            self._writing = True
            try:
                if sys.getrefcount(self._data) > ALONE:
                    self._data = np.array(data, order="C")
                else:
                    np.copyto(self._data, data)
            finally:
                self._writing = False
        return self if read_value else None

    def assign_add(self, delta, use_locking=None, name=None, read_value=True):
        """Add to the value."""
        if stack.frame[2] is not None:
            return self._assign_traced("add", delta, "assign_add")
        data = self._fitting(delta, "assign_add")
        self._update(_add, data)
        return self if read_value else None

    def assign_sub(self, delta, use_locking=None, name=None, read_value=True):
        """Subtract from the value."""
        if stack.frame[2] is not None:
            return self._assign_traced("subtract", delta, "assign_sub")
        data = self._fitting(delta, "assign_sub")
        self._update(_subtract, data)
        return self if read_value else None

    def _assign_part(self, key, value, use_locking=None, name=None, read_value=True):
        if stack.frame[2] is not None:
            return self._assign_traced("setitem", value, "assign", key)
        data = self._converted(value, "assign")
        self._update(operator.setitem, key, data)
        return self if read_value else None

    def load(self, value, session=None):
        """Set the value, at once also where a graph is built."""
        with tracing(None):
            self.assign(value)
        if self._graph is not None:
            self._graph.uninitialized.discard(self)

    def count_up_to(self, limit):
        """Add one and return the value before; OutOfRangeError from `limit` on."""
        before = self._read()
        if int(before) >= limit:
            raise OutOfRangeError(f"count_up_to: reached the limit of {limit}")
        self.assign_add(1)
        return before

    def _scatter(self, write, indices, updates, what):
        if stack.frame[2] is not None:
            return self._scatter_traced(indices, updates, what)
        at = as_tensor(indices)._fetched()
        rows = self._converted(updates, what)
        try:
            self._update(write, at, rows)
        except (ValueError, IndexError) as error:
            raise InvalidArgumentError(f"{what}: {error}") from None
        return self

    def _scatter_traced(self, indices, updates, what):
        *_, verb = what.split("_")
        indices, updates = as_tensor(indices), as_tensor(updates, self._data.dtype)
        if "_nd_" not in what:
            indices = table.face("expand_dims")(indices, -1)
        new = table.face(f"tensor_scatter_{verb}")(self._read(), indices, updates)
        return self._assigned(new, what)

    def _slices(self, sparse_delta, write, what):
        if not isinstance(sparse_delta, IndexedSlices):
            raise ValueError(f"sparse_delta is not IndexedSlices: {sparse_delta!r}")
        return self._scatter(write, sparse_delta.indices, sparse_delta.values, what)

    def scatter_add(self, sparse_delta, use_locking=False, name=None):
        """Add IndexedSlices to their rows."""
        return self._slices(sparse_delta, scatter.scatter_add, "scatter_add")

    def scatter_sub(self, sparse_delta, use_locking=False, name=None):
        """Subtract IndexedSlices from their rows."""
        return self._slices(sparse_delta, scatter.scatter_sub, "scatter_sub")

    def scatter_update(self, sparse_delta, use_locking=False, name=None):
        """Set the rows of IndexedSlices."""
        return self._slices(sparse_delta, scatter.scatter_update, "scatter_update")

    batch_scatter_update = scatter_update

    def scatter_nd_add(self, indices, updates, name=None):
        """Add slices at n-dimensional indices."""
        return self._scatter(scatter.scatter_nd_add, indices, updates, "scatter_nd_add")

    def scatter_nd_sub(self, indices, updates, name=None):
        """Subtract slices at n-dimensional indices."""
        return self._scatter(scatter.scatter_nd_sub, indices, updates, "scatter_nd_sub")

    def scatter_nd_update(self, indices, updates, name=None):
        """Set slices at n-dimensional indices."""
        return self._scatter(scatter.scatter_nd_update, indices, updates, "scatter_nd_update")

    # ---- checkpoints
    def _saved_values(self):
        return {"VARIABLE_VALUE": self._array()}

    def _check_values(self, values):
        value, own = values["VARIABLE_VALUE"], self._data
        if value.shape != own.shape or value.dtype != own.dtype:
            raise InvalidArgumentError(f"variable {self.name!r} has shape {own.shape} and dtype {own.dtype}, "
                                       f"the value to restore shape {value.shape} and dtype {value.dtype}")

    def _restore_values(self, values):
        with self._lock:
            self._data = values["VARIABLE_VALUE"]

    # ---- copying, printing, what is not for eager variables
    def __deepcopy__(self, memo):
        made = _restore(self._array(), self.trainable, self._name, copy.deepcopy(self.constraint, memo))
        memo[id(self)] = made
        return made

    def __reduce__(self):
        return _restore, (self._array().copy(), self.trainable, self._name, self.constraint)

    __hash__ = object.__hash__

    def __repr__(self):
        value = "" if self._graph is not None else f", numpy={array_text(self._array())}"
        return f"<tf.Variable {self.name!r} shape={self._data.shape} dtype={self.dtype.name}{value}>"

    # ---- in a graph
    _graph = None

    graph = property(lambda self: self._graph, doc="The graph that it was made in, None for an eager one.")

    @property
    def initializer(self):
        """The op that gives it its first value in a session; None for an eager one, which begins with it."""
        return None if self._graph is None else self._graph.initializer(self)

    def is_initialized(self, name=None):
        """True, as a tensor: a variable is initialized when it is made; in a graph what it is in a run."""
        return as_tensor(True) if self._graph is None else self._graph.is_initialized(self)

    def initialized_value(self):
        """The value as a tensor; in a graph the first value."""
        return self._read() if self._graph is None else self._graph.initial_values[self]

    def set_shape(self, shape):
        """Check that a shape is compatible with the variable's; ValueError if not."""
        self._read().set_shape(shape)

    @property
    def initial_value(self):
        raise RuntimeError("initial_value is not supported when eager execution is enabled.")

    def eval(self, session=None):
        """The value in a session; not for eager variables: use `.numpy()`."""
        if self._graph is None:
            raise RuntimeError("Trying to eval in eager mode; use .numpy()")
        return self._graph.evaluated(self, None, session)

    def to_proto(self, export_scope=None):
        """Not for eager variables."""
        raise RuntimeError("to_proto is not supported in eager mode.")


def _add(own, delta):
    np.add(own, delta, out=own)


def _subtract(own, delta):
    np.subtract(own, delta, out=own)


def _no_inplace(sign, word):
    def refuse(self, other):
        raise RuntimeError(f"Variable {sign}= value not supported. Use variable.assign_{word}(value) to "
                           f"modify the variable value and variable = variable {sign} value to get a new "
                           "Tensor object.")
    return refuse


for _method, _sign, _word in (("__iadd__", "+", "add"), ("__isub__", "-", "sub"), ("__imul__", "*", "add"),
                              ("__itruediv__", "/", "add"), ("__ipow__", "**", "add")):
    setattr(Variable, _method, _no_inplace(_sign, _word))


def _restore(array, trainable, name, constraint):
    made = Variable(array, trainable=trainable, constraint=constraint)
    made._name = name                       # the whole of it, in whatever name scope
    return made
