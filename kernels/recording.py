"""Launches written down: while a thread records, its launches run no kernel but say which they would.

The one idea: a launch is Python that looks at shapes only, allocates results and calls kernels.  Run once on
`Recorded` arrays, whose memory means nothing, it tells the calls that make up an op; compiled programs repeat
them without the Python.  What would look at values raises NotRecordable.
"""
import threading
import weakref

import numpy as np
from numba.core.errors import NumbaError as CompileError  # noqa: F401  (for those who may not import numba)
from numba.extending import typeof_impl

recorders: dict = {}           # thread -> what its launches are told to; empty but while something records


class NotRecordable(Exception):
    """A launch that needs values, or memory of its own, to go on."""


class Recorder:
    """What a recording is told: subclasses keep it."""

    def empty(self, shape, dtype):
        """A Recorded array of memory that kernels may write."""
        raise NotImplementedError

    def call(self, kernel, n, work, args, check=False):
        """kernel(*args, lo, hi) for shares of 0 <= i < n; `check`: a result other than -1 is an error."""
        raise NotImplementedError

    def copy(self, source, to):
        """to = source, of one shape and dtype."""
        raise NotImplementedError

    def fill(self, to, value):
        """to = value"""
        raise NotImplementedError

    def convert(self, source, dtype):
        """A Recorded array with the elements in another dtype."""
        raise NotImplementedError

    def __enter__(self):
        recorders[threading.get_ident()] = self
        return self

    def __exit__(self, *_):
        del recorders[threading.get_ident()]


def recorder():
    """The recorder of this thread, or None."""
    return recorders.get(threading.get_ident())


class Cell:
    """A number that will stand in memory when the kernel runs: element i of an int64 array."""

    __slots__ = ("array", "index")

    def __init__(self, array, index):
        self.array, self.index = array, index


# ---- arrays
_VIEWS = {np.may_share_memory, np.moveaxis, np.swapaxes, np.transpose, np.reshape, np.ravel, np.expand_dims,
          np.squeeze, np.broadcast_to, np.ndim, np.shape, np.size, np.flip, np.split}


class Recorded(np.ndarray):
    """An array without values: views of it can be taken, copies are written down, all else raises."""

    __numba_array_subtype_dispatch__ = True     # else Numba takes it for an array

    def __array_ufunc__(self, ufunc, method, *inputs, **more):
        raise NotRecordable(f"{ufunc.__name__} of values")

    def __array_function__(self, function, kinds, args, kwargs):
        if function not in _VIEWS:
            raise NotRecordable(f"{function.__name__} of values")
        return super().__array_function__(function, kinds, args, kwargs)

    def __getitem__(self, key):
        if any(isinstance(k, (np.ndarray, list)) for k in (key if type(key) is tuple else (key,))):
            raise NotRecordable("elements at places that are values")
        found = super().__getitem__(key)
        if not isinstance(found, Recorded):
            raise NotRecordable("one element's value")
        return self._view(found)

    def _view(self, found):
        if found.size and not np.may_share_memory(found, self):
            raise NotRecordable("a copy of values")
        return found

    def __setitem__(self, key, value):
        key = key if type(key) is tuple else (key,)
        to, current = self[key if any(k is ... for k in key) else (*key, ...)], recorder()
        if isinstance(value, Recorded):
            if value.dtype != to.dtype:
                raise NotRecordable("a conversion as it is copied")
            current.copy(np.broadcast_to(value, to.shape, subok=True), to)
        elif np.ndim(value) == 0:
            current.fill(to, value)
        else:
            raise NotRecordable("values given to a part")

    def astype(self, dtype, *_, copy=True, **__):
        dtype = np.dtype(dtype)
        return self if dtype == self.dtype and not copy else recorder().convert(self, dtype)

    def copy(self, order="C"):
        to = recorder().empty(self.shape, self.dtype)
        recorder().copy(self, to)
        return to

    def reshape(self, *shape, **more):
        return np.ndarray.reshape(contiguous(self), *shape, **more)

    def ravel(self, order="C"):
        return self.reshape(-1)

    flatten = ravel

    @property
    def real(self):
        """The real parts, to be read or given."""
        return super().real

    @real.setter
    def real(self, value):
        super().real[...] = value

    @property
    def imag(self):
        """The imaginary parts, to be read or given."""
        return super().imag

    @imag.setter
    def imag(self, value):
        super().imag[...] = value

    def tolist(self):
        if self.dtype != np.int64 or self.ndim != 1:
            raise NotRecordable("values as Python numbers")
        return [Cell(self, i) for i in range(self.size)]

    def fill(self, value):
        recorder().fill(self, value)


_VALUES = [
    "__bool__", "__int__", "__float__", "__complex__", "__index__", "__iter__", "__contains__", "item", "min",
    "max", "sum", "prod", "mean", "std", "var", "any", "all", "argmin", "argmax", "argsort", "sort",
    "cumsum", "cumprod", "take", "put", "repeat", "choose", "compress", "nonzero", "searchsorted", "dot",
    "clip", "round", "tobytes", "tofile", "partition", "argpartition", "byteswap", "conj",
    "conjugate", "trace"]


def _refuse(name):
    def method(self, *_, **__):
        raise NotRecordable(f"{name} of values")
    method.__name__ = name
    setattr(Recorded, name, method)


for _name in _VALUES:
    _refuse(_name)
for _name in ("ctypes", "data", "flat"):
    setattr(Recorded, _name, property(Recorded.item))


@typeof_impl.register(Recorded)
def _typeof_recorded(value, _):
    raise NotRecordable("a kernel called by itself")


# ---- for launches
def contiguous(x):
    """x itself, or a C-contiguous copy; a 0-d array stays 0-d."""
    if x.flags.c_contiguous:
        return x
    return x.copy() if isinstance(x, Recorded) else np.ascontiguousarray(x)


def scratch(shape, dtype):
    """A small uninitialised array."""
    current = recorder() if recorders else None
    return np.empty(shape, dtype) if current is None else current.empty(shape, dtype)


def full(shape, value, dtype):
    """An array of one number."""
    current = recorder() if recorders else None
    if current is None:
        return np.full(shape, value, dtype)
    made = current.empty(shape, np.dtype(dtype))
    current.fill(made, value)
    return made


def zeros(shape, dtype):
    """An array of zeros."""
    current = recorder() if recorders else None
    if current is None:
        return np.zeros(shape, dtype)
    made = current.empty(shape, np.dtype(dtype))
    current.fill(made, 0)
    return made


def table(array):
    """An array that follows from shapes alone and is never written again, marked for programs to keep."""
    _tables[id(array)] = array
    return array


def is_table(array):
    """Whether an array is a table."""
    return _tables.get(id(array)) is array


_tables: weakref.WeakValueDictionary = weakref.WeakValueDictionary()
