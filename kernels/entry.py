"""The functions by which Python enters a program: built-in ones whose C code Numba compiles.

The one idea: METH_FASTCALL hands over array objects as they are, and where the data of an array lies is read
from the object; a Numba dispatcher would unbox each.  What the functions need of this process (Python's C
functions, messages) they find by their `self`: their code holds no address and is kept on disk.
"""
import ctypes
import os
from typing import Any

import numpy as np
from numba import types
from numba.core.typing import signature

from . import team
from .jit import INLINE, kernel
from .machine import function_of
from .native import at, call, call_format, keep, python_symbol

# A state, in cells: addresses of rows, args, the bind table [array, cell in args, byte offset] and the error
# record, with counts; whether a run lets go of the GIL, wants the team, and is going on; the row that failed.
(ROWS, ROW_COUNT, ARGS, BINDS, BIND_COUNT, ARRAY_COUNT, ERROR, RELEASE, THREADED, RUNNING, FAILED) = range(11)
STATE_CELLS = 11

# What native code needs of this process, in cells.
_PYTHON = ("PyEval_SaveThread", "PyEval_RestoreThread", "PyErr_Format", "PyErr_Occurred", "PyLong_AsVoidPtr",
           "PyLong_AsSsize_t", "PyLong_FromSsize_t", "PyObject_CallObject", "Py_IncRef", "Py_DecRef",
           "_Py_NoneStruct")
(_SAVE, _RESTORE, _FORMAT, _OCCURRED, _TO_ADDRESS, _TO_SIZE, _FROM_SIZE, _CALL, _INCREF, _DECREF,
 _NONE) = range(len(_PYTHON))
_MESSAGES = (
    b"program: expected the address of a state first",
    b"program: %zd arrays came, expected %zd",
    b"program: array %zd is no numpy.ndarray (of which exactly this type is taken)",
    b"program: rows %zd to %zd came, expected 0 <= lo <= hi <= number of rows",
    b"program: run_rows was given %zd arguments, expected 2: lo, hi",
    b"program: this state is running in another thread",
)
(_NO_STATE, _ARRAY_COUNT, _NO_ARRAY, _ROW_RANGE, _ARGUMENT_COUNT, _BUSY) = range(
    len(_PYTHON), len(_PYTHON) + len(_MESSAGES))
_PROCESS_CELLS = _BUSY + 8
(_TYPE_ERROR, _VALUE_ERROR, _RUNTIME_ERROR, _ARRAY_TYPE, _EXECUTE, _START, _TEAM) = range(
    _BUSY + 1, _PROCESS_CELLS)

_DATA = object.__basicsize__    # where an array object holds the address of its data
_TYPE = _DATA - 8               # where an object holds the address of its type


# ---- METH_FASTCALL functions: NULL for an exception
@kernel(options=INLINE)
def _complain(process, exception, message, x, y):
    """Set an exception, and return the NULL that says so; `process` gives both by their cells."""
    call_format(at(process)[_FORMAT], at(at(process)[exception])[0], at(process)[message], x, y)
    return 0


@kernel(options=INLINE)
def _state(process, given, count):
    """The first argument as the address of a state, or NULL."""
    address = 0
    if count > 0:
        address = call(at(process)[_TO_ADDRESS], at(given)[0])
    if address == 0:
        return _complain(process, _TYPE_ERROR, _NO_STATE, 0, 0)
    if at(address)[RUNNING] != 0:
        return _complain(process, _RUNTIME_ERROR, _BUSY, 0, 0)
    return address


@kernel(options=INLINE)
def _bind(process, address, given, count):
    """Write the addresses of the arrays' data to where the bind table says: 1, or NULL."""
    state, objects = at(address), at(given)
    if count != state[ARRAY_COUNT]:
        return _complain(process, _TYPE_ERROR, _ARRAY_COUNT, count, state[ARRAY_COUNT])
    expected = at(process)[_ARRAY_TYPE]
    for k in range(count):
        if at(objects[k] + _TYPE)[0] != expected:
            return _complain(process, _TYPE_ERROR, _NO_ARRAY, k, 0)
    binds, args = at(state[BINDS]), at(state[ARGS])
    for k in range(state[BIND_COUNT]):
        args[binds[3 * k + 1]] = at(objects[binds[3 * k]] + _DATA)[0] + binds[3 * k + 2]
    return 1


@kernel(options=INLINE)
def _workers(process, address):
    """The team's address, started if need be; 0 if rows run whole, -1 for an exception."""
    if at(address)[THREADED] == 0:
        return 0
    if at(process)[_TEAM] == 0:
        result = call(at(process)[_CALL], at(process)[_START], 0)
        if result == 0:
            return -1
        call(at(process)[_DECREF], result)
    return max(at(process)[_TEAM], 0)


@kernel(options=INLINE)
def _run(process, address, lo, hi):
    """Run rows: None, or the number of the row that failed."""
    state, python = at(address), at(process)
    at(state[ERROR])[0] = 0
    state[FAILED] = -1
    state[RUNNING] = 1
    workers = _workers(process, address)
    if workers < 0:
        state[RUNNING] = 0
        return 0
    saved = 0
    if state[RELEASE]:
        saved = call(python[_SAVE])
    failed = call(python[_EXECUTE], state[ROWS], state[ARGS], lo, hi, state[ERROR], workers)
    if state[RELEASE]:
        call(python[_RESTORE], saved)
    state[FAILED] = failed
    state[RUNNING] = 0
    if failed >= 0:
        return call(python[_FROM_SIZE], failed)
    call(python[_INCREF], python[_NONE])
    return python[_NONE]


def _enter(self, given, count):
    """enter(address, *arrays): bind the arrays and run all rows"""
    process = at(self + _DATA)[0]
    address = _state(process, given, count)
    if address == 0 or _bind(process, address, given + 8, count - 1) == 0:
        return 0
    return _run(process, address, 0, at(address)[ROW_COUNT])


def _bind_only(self, given, count):
    """bind(address, *arrays): bind the arrays"""
    process = at(self + _DATA)[0]
    address = _state(process, given, count)
    if address == 0 or _bind(process, address, given + 8, count - 1) == 0:
        return 0
    call(at(process)[_INCREF], at(process)[_NONE])
    return at(process)[_NONE]


def _run_rows(self, given, count):
    """run_rows(address, lo, hi): run rows lo to hi of what is bound"""
    process = at(self + _DATA)[0]
    address = _state(process, given, count)
    if address == 0:
        return 0
    if count != 3:
        return _complain(process, _TYPE_ERROR, _ARGUMENT_COUNT, count - 1, 0)
    lo, hi = call(at(process)[_TO_SIZE], at(given)[1]), call(at(process)[_TO_SIZE], at(given)[2])
    if 0 <= lo <= hi <= at(address)[ROW_COUNT]:
        return _run(process, address, lo, hi)
    if call(at(process)[_OCCURRED]) != 0:
        return 0
    return _complain(process, _VALUE_ERROR, _ROW_RANGE, lo, hi)


# ---- built-in function objects
class _MethodDef(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char_p), ("function", ctypes.c_void_p), ("flags", ctypes.c_int),
                ("doc", ctypes.c_char_p)]


_FASTCALL = 0x80
_ENTRY = signature(types.int64, types.int64, types.int64, types.int64)
_process: Any = None            # the process's cells, once there are any


def _start_team():
    _process[_TEAM] = team.start() or -1


def _describe_process(execute):
    cells = np.zeros(_PROCESS_CELLS, np.int64)
    cells[:len(_PYTHON)] = [python_symbol(name) for name in _PYTHON]
    texts = keep([ctypes.create_string_buffer(text) for text in _MESSAGES])
    cells[_NO_STATE:_NO_STATE + len(texts)] = [ctypes.addressof(text) for text in texts]
    cells[_TYPE_ERROR:_RUNTIME_ERROR + 1] = [
        python_symbol(f"PyExc_{name}") for name in ("TypeError", "ValueError", "RuntimeError")]
    cells[_ARRAY_TYPE], cells[_START], cells[_EXECUTE] = id(np.ndarray), id(keep(_start_team)), execute
    return cells


def _builtin(name, function):
    """A built-in function whose self is the process's cells."""
    compiled = keep(function_of(function, _ENTRY))
    method = keep(_MethodDef(name.encode(), compiled.address, _FASTCALL, function.__doc__.encode()))
    make = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_void_p, ctypes.py_object, ctypes.py_object)(
        ("PyCFunction_NewEx", ctypes.pythonapi))
    return make(ctypes.addressof(method), _process, __name__)


_ENTRIES = {"enter": _enter, "bind": _bind_only, "run_rows": _run_rows}


def function(name, execute):
    """The built-in function enter, bind or run_rows; execute() gives the loop that runs rows."""
    global _process
    if _process is None:
        _process = _describe_process(execute().address)
    return _builtin(name, _ENTRIES[name])


def _forget_team():
    if _process is not None:
        _process[_TEAM] = 0


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_team)
