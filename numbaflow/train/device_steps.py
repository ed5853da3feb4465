"""Steps of optimizers on GPUs: the dense updates of one call are gathered and go into few launches.

Of a sparse gradient there are row numbers and the sum of each one's rows, as `kernels.cuda.optimizers` has
them: nobody waits to see whether the numbers are rows of the variable, and those that are not are left out.
"""
import threading
from contextlib import ExitStack

from numbaflow.core.device_variable import migrate
from numbaflow.core.placement import Using, wrapped
from numbaflow.core.variable import Variable


class _Gathered(threading.local):
    """What `launch` is to launch: (update, constants, place) -> [(variables, gradient)]."""

    def __init__(self):
        self.groups, self.variables = {}, set()


_gathered = _Gathered()


def step(update, variables, g, constants, rows=None):
    """Give a rule's variables, a parameter and its slots, their next values; with rows only in those rows."""
    for slot in variables[1:]:
        migrate(slot, variables[0]._place)      # (one that was made elsewhere)
    if any(v._id in _gathered.variables for v in variables):
        launch()                                # (one after the other, where one changes twice)
    if rows is None:
        _gathered.variables.update(v._id for v in variables)
        _gathered.groups.setdefault((update, tuple(constants), g._place), []).append((variables, g))
        return
    with _Changed([(variables, rows), ((), g)], g._place):
        state = [v._writable().reshape(-1) for v in variables]
        _kernels().twin(update).rows(rows._data, *state, _flat(g), *constants)


def launch():
    """Launch what has been gathered by this thread."""
    if not _gathered.groups:
        return
    groups, _gathered.groups = _gathered.groups, {}
    _gathered.variables.clear()
    for (update, constants, place), steps in groups.items():
        with _Changed(steps, place):
            arrays = [[*[v._writable().reshape(-1) for v in variables], _flat(g)] for variables, g in steps]
            _kernels().update_many(update, arrays, constants)


class _Changed(ExitStack):
    """The time in which variables are written to: they are locked, and streams in order."""

    def __init__(self, steps, place):
        super().__init__()
        self._variables: list[Variable] = [v for variables, _ in steps for v in variables]
        self._gradients, self._place = [g for _, g in steps], place

    def __enter__(self):
        super().__enter__()
        for v in sorted(self._variables, key=lambda v: v._id):
            self.enter_context(v._lock)
        # (what streams wrote to them is known when nobody else writes)
        found = self.enter_context(Using([*self._variables, *self._gradients], self._place))
        for v in self._variables:
            v._stream = found.stream()
        return self


def _flat(g):
    from numbaflow.kernels.cuda.arrays import contiguous
    return contiguous(g._data).reshape(-1)


def filled(rows, g, variable):
    """The gradient of all rows: 0 for those that have none."""
    with Using([rows, g], g._place):
        return wrapped(_kernels().filled_rows(rows._data, g._data, variable._data.shape[0]), g._place)


def scale(variable, rows, factor, others=False):
    """Multiply those rows of a variable, or all others."""
    if variable._id in _gathered.variables:
        launch()
    with _Changed([((variable,), rows)], rows._place):
        _kernels().scale_rows(variable._writable(), rows._data, factor, others)


def summed_rows(indices, values, shape):
    """Row numbers, -1 where one is met again or is no row, and the sum of each one's rows."""
    from numbaflow.kernels.cuda.arrays import contiguous
    with Using([indices, values], values._place):
        rows = contiguous(values._data).reshape(indices._data.size, *shape[1:])
        found = _kernels().summed_rows(contiguous(indices._data).reshape(-1), rows, shape[0])
    return tuple([wrapped(array, values._place) for array in found])


def _kernels():
    from numbaflow.kernels.cuda import optimizers
    return optimizers
