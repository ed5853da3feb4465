"""Traced tensors: tensors of a shape and a dtype whose value comes later, when a compiled function runs.

A `Traced` is a `Tensor` whose `_data` is an `Abstract`.  Ops given one hand their call over to the trace of
this thread, which writes it down; who asks for the value gets an error that names the user's line.
"""
from math import prod

from .device import in_scope_of_gpu, places
from .shape import extents
from .symbolic import SymbolicMet
from .tape import caller, stack
from .tensor import Tensor


class TracingError(TypeError):
    """A value was asked for, or a branch taken on it, while a function is traced."""


def _refuse(what, way_out):
    raise TracingError(f"{caller()}: {what}, but it is traced: it has a shape and a dtype and no value yet.  "
                       f"{way_out}")


_BRANCH = ("Python's if, while, and, or and not can't look at it: use nf.cond or nf.while_loop, nf.where for "
           "elements, nf.logical_and and its kin for conditions.")
_OUTSIDE = "Return it from the function and look at it outside, or use nf.py_function for a step of Python."


class Abstract:
    """What a traced tensor has in place of an array: `shape`, `dtype` and what follows from them."""

    __slots__ = ("dtype", "shape")

    def __init__(self, shape, dtype):
        self.shape, self.dtype = extents(shape), dtype

    ndim = property(lambda self: len(self.shape))
    size = property(lambda self: prod(self.shape))
    itemsize = property(lambda self: self.dtype.itemsize)
    nbytes = property(lambda self: self.size * self.dtype.itemsize)

    def __getattr__(self, name):
        if name.startswith("__") and name not in ("__array_interface__", "__array_struct__"):
            raise AttributeError(name)
        return _refuse(f"the value of a tensor of shape {self.shape} is needed here", _OUTSIDE)

    def _no_value(self, *_, **__):
        return _refuse(f"the value of a tensor of shape {self.shape} is needed here", _OUTSIDE)

    __array__ = __len__ = __iter__ = __getitem__ = __bool__ = __float__ = __int__ = __index__ = _no_value
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = _no_value
    __lt__ = __gt__ = __le__ = __ge__ = _no_value

    def __repr__(self):
        return f"Abstract({self.shape}, {self.dtype})"


class Traced(Tensor):
    """A tensor inside a function that is being traced; `_trace` writes down what happens to it."""

    __slots__ = ("_trace", "_value")
    is_elsewhere = True

    def __init__(self, trace, value):
        self._trace, self._value = trace, value
        self._data = Abstract(value.shape, value.dtype)
        self._dtype, self._node = value.dtype, None

    # ---- what the core asks of it
    def _take_call(self, face, arguments):
        trace = stack.frame[2]
        if trace is None:
            self._trace.refuse_outside(self)
        return trace.call(face.op, arguments)

    def _no_value(self):
        return "a traced tensor has no value yet"

    def _renewed(self):
        return type(self)(self._trace, self._value)

    def _filled(self, number):
        return self._trace.filled(number, self._data.shape, self._dtype)

    # ---- what needs a value
    def _needs(self, what, way_out=_OUTSIDE):
        return _refuse(f"{what} of a tensor of shape {tuple(self._data.shape)} is asked for", way_out)

    def numpy(self):
        """An error: there is no value yet."""
        return self._needs("numpy()")

    def tolist(self):
        """An error: there is no value yet."""
        return self._needs("tolist()")

    def __array__(self, dtype=None, copy=None):
        return self._needs("the array")

    def __dlpack__(self, **arguments):
        return self._needs("the memory")

    def __bool__(self):
        return self._needs("the truth", _BRANCH)

    def __int__(self):
        return self._needs("int()")

    def __float__(self):
        return self._needs("float()")

    def __complex__(self):
        return self._needs("complex()")

    def __index__(self):
        return self._needs("the index", "A size or an index in Python must be known when the function is "
                           "traced: pass it as a Python int, or use nf.gather, nf.while_loop or nf.scan.")

    def cpu(self):
        """Itself: a compiled function runs where its arguments are."""
        return self

    def gpu(self, gpu_index=0):
        """Itself: a compiled function runs where its arguments are."""
        return self

    def __repr__(self):
        return f"<tf.Tensor: shape={tuple(self._data.shape)}, dtype={self.dtype.name}, traced>"

    __str__ = __repr__

    def __format__(self, spec):
        return repr(self)

    def __reduce__(self):
        return self._needs("the pickle")

    __hash__ = object.__hash__


def handed_over(tensors):
    """The tensors, unless a trace or a GPU is to take the call: then SymbolicMet, which hands it over."""
    for t in tensors:
        if type(t) is not Tensor and isinstance(t, Tensor) and t.is_elsewhere:
            raise SymbolicMet(t)
    if places.on and in_scope_of_gpu():
        raise SymbolicMet(places.scope)
    return tensors


def current_trace():
    """The trace that ops of this thread are written down in, or None."""
    return stack.frame[2]
