"""Running compiled programs: rows of kernel calls, replayed by native code that Python enters once.

The one idea: every kernel is a C function  kernel(args, lo, hi),  so a program is two arrays of int64 and one
compiled loop runs any of them; the arrays of a call are bound by writing their addresses into `args`.
"""
import functools
import threading

import numpy as np
from numba import types
from numba.core.typing import signature

from . import entry, native, team
from .machine import function_of
from .native import at, call, keep

KERNEL = native.KERNEL          # what every instruction is
ROW = 4                         # cells of a row: kernel, where its args begin, extent, most shares
ERROR = 8                       # cells of an error record; the first is 0 until a kernel fails
_EXECUTE = signature(types.int64, *[types.int64] * 6)
_making = threading.Lock()


def execute(rows, args, lo, hi, error, workers):
    """Run rows lo to hi: the row that failed, or -1.  All but lo and hi are addresses; `workers` may be 0."""
    row, failure, leads = at(rows), at(error), False
    for i in range(lo, hi):
        function, given = row[ROW * i], args + 8 * row[ROW * i + 1]
        n, most = row[ROW * i + 2], row[ROW * i + 3]
        if most > 1 and workers != 0 and not leads:
            leads = team.acquire(workers)
            if not leads:                       # they help another thread
                workers = 0
        if most > 1 and leads:
            call(at(workers)[team.RUN], workers, function, given, n, most)
        else:
            call(function, given, 0, n)
        if failure[0] != 0:
            if leads:
                team.release(workers)
            return i
    if leads:
        team.release(workers)
    return -1


@functools.cache
def _function(name):
    return entry.function(name, lambda: keep(function_of(execute, _EXECUTE)))


def __getattr__(name):
    """The built-in functions enter(address, *arrays), bind(address, *arrays), run_rows(address, lo, hi)."""
    if name in ("enter", "bind", "run_rows"):
        with _making:                           # when it is first asked for
            return _function(name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


# ---- the state of a program
def _cells(name, given, *shape):
    """A copy of what was given as int64, of that shape; -1 stands for any length."""
    try:
        array = np.array(given, np.int64, order="C")
    except (TypeError, ValueError, OverflowError) as error:
        raise TypeError(f"State: {name}: expected integers: {error}") from None
    if array.size == 0 and len(shape) == 2:
        array = array.reshape(0, shape[1])
    if array.ndim != len(shape) or any(n not in (-1, m) for n, m in zip(shape, array.shape, strict=True)):
        words = ", ".join("n" if n == -1 else str(n) for n in shape)
        raise ValueError(f"State: {name} of shape {array.shape}, expected ({words})")
    return array


def _bind_table(binds, size):
    table = _cells("binds", [(k, *bind) for k, array in enumerate(binds) for bind in array], -1, 3)
    for k, cell, _ in table.tolist():
        if not 0 <= cell < size:
            raise ValueError(f"State: array {k} is bound to cell {cell}, expected one of the {size} of args")
    return table


def _check_rows(rows, size):
    for i, (function, offset, extent, _) in enumerate(rows.tolist()):
        if function == 0 or not 0 <= offset <= size or extent < 0:
            raise ValueError(f"State: row {i} has kernel {function}, args at {offset}, extent {extent}; "
                             f"expected an address, 0 <= args <= {size}, extent >= 0")


_METHODS = {"run": "enter", "bind": "bind", "run_rows": "run_rows"}


class State:
    """A program ready to run, in the layout that native code reads; it keeps its arrays alive.

    rows: int64 [n, 4] of (kernel address, offset of its args, extent of its outer loop, most shares; 1 runs
    it whole on the calling thread).  args: int64 [m].  Both are copied; the copies are `rows` and `args`.
    binds: for each array of a call, [(cell in args, byte offset), ...], where its data's address is written.
    release: whether to run without the GIL, which pays from ten microseconds on; a program with rows that may
    be split always does.  error: int64 [8], whose address kernels that can fail were given, or None.

    run(*arrays) binds the arrays and runs all rows; bind(*arrays) only binds; run_rows(lo, hi) runs some.  A
    run returns None, or the number of the row that failed, after which no other ran; `error` then holds what
    its kernel wrote.  Arrays are exactly numpy.ndarray and live until the rows have run; kernels trust their
    dtypes and layouts.  A state runs in one thread at a time: a second gets a RuntimeError.
    """

    __slots__ = ("_state", "_table", "address", "args", "bind", "error", "rows", "run", "run_rows")

    def __init__(self, rows, args, binds, release=False, error=None):
        self.rows, self.args = _cells("rows", rows, -1, ROW), _cells("args", args, -1)
        _check_rows(self.rows, self.args.size)
        table = _bind_table(binds, self.args.size)
        self.error = np.zeros(ERROR, np.int64) if error is None else error
        if not _is_record(self.error):
            raise TypeError(f"State: expected an error record, int64 of shape ({ERROR},), got {error!r:.60}")
        threaded = bool((self.rows[:, 3] > 1).any())
        self._state = state = np.zeros(entry.STATE_CELLS, np.int64)
        state[[entry.ROWS, entry.ARGS, entry.BINDS, entry.ERROR]] = [
            a.ctypes.data for a in (self.rows, self.args, table, self.error)]
        state[[entry.ROW_COUNT, entry.BIND_COUNT, entry.ARRAY_COUNT]] = len(self.rows), len(table), len(binds)
        state[[entry.RELEASE, entry.THREADED, entry.FAILED]] = release or threaded, threaded, -1
        self.address = state.ctypes.data
        self._table = table

    def __getattr__(self, name):
        """run, bind and run_rows are made when they are first asked for: most programs only run."""
        if name not in _METHODS:
            raise AttributeError(f"{type(self).__name__!r} has no attribute {name!r}")
        made = functools.partial(__getattr__(_METHODS[name]), self.address)
        vars(made)["kept"] = (self._state, self.rows, self.args, self._table, self.error)
        setattr(self, name, made)
        return made

    @property
    def failed_row(self):
        """The row that failed in the last run, or -1."""
        return int(self._state[entry.FAILED])


def _is_record(error):
    return (isinstance(error, np.ndarray) and error.dtype == np.int64 and error.shape == (ERROR,)
            and error.flags.c_contiguous and error.flags.writeable)
