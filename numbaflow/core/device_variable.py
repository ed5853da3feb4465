"""Variables on GPUs: they live where they were made, and their values change there.

`_data` is a device array that only optimizers write to, and only when nobody else has it: an assignment puts
another array in its place.
"""
import copy
import functools
import sys

import numpy as np

from . import table
from .abstract import Traced
from .device import HOST, device, in_scope_of_cpu, name_of, place, places
from .dispatch import run
from .interchange import taken
from .placement import DeviceTensor, Using, device_arrays, fetch, move, place_of, wrapped
from .tape import IDLE, silent, stack, tracing, variable_node
from .tensor import Tensor, array_text, as_array, as_tensor, wrap
from .variable import ALONE, Variable, _restore


class OnDevice:
    """What a variable on a GPU does otherwise; it becomes the first base of the variable's class."""

    __slots__ = ()

    device = property(lambda self: name_of(self._place), doc="Where the value lives.")

    # ---- reading
    def _tensor(self):
        if not self._fixed:
            with self._lock:
                return wrapped(self._data, self._place, self._stream)
        with self._lock, Using([self], self._place):        # (programs write there)
            return wrapped(device_arrays().copy(self._data), self._place)

    def _read(self):
        return self._tensor() if stack.frame is IDLE else self._read_by(*stack.frame)

    def _read_by(self, tapes, tokens, trace):
        t = self._tensor() if trace is None else trace.read(self)
        if tapes:
            t._node = variable_node(self, t._data)
        return t

    def numpy(self):
        """The value as a NumPy array of your own, or a NumPy scalar, once it is there."""
        return self._read().numpy()

    def _array(self):
        """The array of the value, on this thread's stream; of one that programs have fixed a copy."""
        t = self._tensor()
        with Using([t], self._place):
            return t._data

    # ---- assigning
    _fixed = False              # whether captured programs refer to the array, which then is always the same

    def fixed(self):
        """The array of the value, which is the same from now on."""
        with self._lock:
            if not self._fixed:
                with Using([self], self._place) as found:
                    self._data, self._fixed = device_arrays().copy(self._data), True
                    self._stream = found.stream()
            return self._data

    def _take(self, array):
        """Have an array that nobody else writes to as the value."""
        with self._lock, Using([self], self._place) as found:
            if self._fixed:
                device_arrays().assign(self._data, array)
            else:
                self._data = array
            self._stream = found.stream()

    def _writable(self):
        """The array to write into: the variable's own, or a copy when anything else refers to it."""
        if not self._fixed and sys.getrefcount(self._data) > ALONE:
            self._data = device_arrays().copy(self._data)
        return self._data

    def _value(self, value, what):
        """The tensor of a value for the variable, of its dtype, where it lives."""
        own = self._data.dtype
        if type(value) in (int, float) and (own.kind in "fc" or (type(value) is int and own.kind in "iu")):
            value = wrap(np.asarray(value, own))
        t = as_tensor(value, own if not isinstance(value, Tensor) else None)
        self._check_dtype(t._dtype, what)
        return move(t, self._place)

    def _fitting(self, value, what):
        t = self._value(value, what)
        if t._data.shape != self._data.shape:
            raise ValueError(f"Shapes {self._data.shape} and {t._data.shape} are incompatible: {what} to "
                             f"variable {self.name!r}")
        return t

    def _replace(self, op=None, **given):
        """Put a value in place of the one there is: `given`, or what an op gives for that one and `given`."""
        with self._lock, silent():
            made = table.OPS[op] if op is not None else None
            value = given["value"] if made is None else run(
                made, {made.inputs[0]: self._tensor(), **given}, self._place)
            with Using([value], self._place):       # (what is given may be a view of something)
                own = made is not None or self._fixed
                self._take(value._data if own else device_arrays().copy(value._data))

    def assign(self, value, use_locking=None, name=None, read_value=True):
        """Set the value; ValueError for another shape."""
        if stack.frame[2] is not None:
            return self._assign_traced(None, value, "assign")
        t = self._fitting(value, "assign")
        self._replace(value=t)
        return self if read_value else None

    def assign_add(self, delta, use_locking=None, name=None, read_value=True):
        """Add to the value."""
        return self._combined("add", delta, "assign_add", read_value)

    def assign_sub(self, delta, use_locking=None, name=None, read_value=True):
        """Subtract from the value."""
        return self._combined("subtract", delta, "assign_sub", read_value)

    def _combined(self, op, delta, what, read_value):
        if stack.frame[2] is not None:
            return self._assign_traced(op, delta, what)
        t = self._fitting(delta, what)
        self._replace(op, y=t)
        return self if read_value else None

    def _assign_part(self, key, value, use_locking=None, name=None, read_value=True):
        if stack.frame[2] is not None:
            return self._assign_traced("setitem", value, "assign", key)
        t = self._value(value, "assign")
        self._replace("setitem", value=t, key=key)
        return self if read_value else None

    def _scatter(self, write, indices, updates, what):
        if stack.frame[2] is not None:
            return self._scatter_traced(indices, updates, what)
        *_, verb = what.split("_")
        at, rows = as_tensor(indices), self._value(updates, what)
        if "_nd_" not in what:
            at = table.face("expand_dims")(at, -1)
        self._replace(f"tensor_scatter_{verb}", indices=at, updates=rows)
        return self

    # ---- checkpoints
    def _saved_values(self):
        return {"VARIABLE_VALUE": fetch(self._tensor())}

    def _restore_values(self, values):
        t = move(wrap(np.asarray(values["VARIABLE_VALUE"])), self._place)
        self._replace(value=t)

    # ---- copying, printing
    def __deepcopy__(self, memo):
        made = _made(self._tensor(), self.trainable, self._name, copy.deepcopy(self.constraint, memo))
        memo[id(self)] = made
        return made

    def __reduce__(self):
        return _restore, (fetch(self._tensor()), self.trainable, self._name, self.constraint)

    def __repr__(self):
        value = "" if self._graph is not None else f", numpy={array_text(fetch(self._tensor()))}"
        return f"<tf.Variable {self.name!r} shape={self._data.shape} dtype={self.dtype.name}{value}>"


@functools.cache
def _class_of(kind):
    """A class of variables, for those on a GPU."""
    return type(kind.__name__, (OnDevice, kind), {"__slots__": (), "__hash__": kind.__hash__,
                                                  "__module__": kind.__module__, "__doc__": kind.__doc__})


def settle(variable, value, dtype):
    """Give a new variable its first value where this thread makes tensors, or where the value is."""
    if hasattr(value, "__cuda_array_interface__") and not isinstance(value, Tensor):
        value = taken(value, dtype)
    to = place()
    if isinstance(value, DeviceTensor) and to is HOST and not in_scope_of_cpu():
        to = place_of(value)
    if to is HOST:
        variable._data = as_array(value, dtype)
        return
    if not isinstance(value, Tensor) or isinstance(value, Traced):
        value = wrap(as_array(value, dtype))
    elif dtype is not None:
        value = table.face("cast")(value, dtype)
    there = move(value, to)
    with Using([there], to):
        _put(variable, there if there is not value else wrapped(device_arrays().copy(value._data), to))


def _put(variable, tensor):
    variable._data, variable._place, variable._stream = tensor._data, tensor._place, tensor._stream
    if isinstance(variable, OnDevice):
        variable._fixed = False
    else:
        variable.__class__ = _class_of(type(variable))


def array_of(variable):
    """The NumPy array of the value of a variable of any place, to look at only."""
    return fetch(variable._tensor()) if isinstance(variable, OnDevice) else variable._array()


def migrate(variable, to):
    """Let a variable live on that GPU from now on."""
    if place_of(variable) != to:
        with variable._lock, silent(), tracing(None):
            _put(variable, move(variable._read(), to))
        for tell in on_migration:
            tell()


on_migration: list = []         # called when a variable has moved


def _made(tensor, trainable, name, constraint):
    with device(name_of(HOST)):
        made = Variable(0.0, trainable=trainable, constraint=constraint)
    made._name = name
    _put(made, tensor)
    return made


places.settle = settle
