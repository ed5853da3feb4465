"""From instructions to what native code reads: rows, args, the cells that are bound at a call, and states."""
import numpy as np

from numbaflow.graph.programs.lower import ERROR_RECORD, HostCall
from numbaflow.graph.programs.storage import ALIGN, place
from numbaflow.kernels.program import ERROR, State

_WORTH_RELEASING = 1 << 16      # bytes touched: about ten microseconds of work


class Assembly:
    """The steps of a program as rows and args.

    Args:
        code: instructions and host calls, in order.
        external: the roots whose arrays come with each call, in the order in which they come.

    `segments` holds (first row, row after the last) for native parts, and host calls; `from_host` the cells
    of what a host call gives.
    """

    def __init__(self, code, external):
        self.code = code
        self.temporary_bytes = place(self._temporary())
        self.rows, self._args, self.segments, self.from_host = [], [], [], {}
        self._in_arena, self._in_record, self._kept = [], [], []
        self.bound = {root: [] for root in external}
        start = 0
        for step in code:
            if type(step) is HostCall:
                self._end_native(start)
                self.segments.append(step)
                start = len(self.rows)
            else:
                self._row(step)
        self._end_native(start)
        self.native = all(type(s) is tuple for s in self.segments)
        self._release = sum(r.array.nbytes for step in code for r in step.roots()) > _WORTH_RELEASING

    def _temporary(self):
        """The temporary roots, with the steps that they are first and last used by."""
        found = {}
        for k, step in enumerate(self.code):
            for root in step.roots():
                root.first = k if root.first is None else root.first
                root.last = k
                if root.kind == "temporary":
                    found[root] = None
        return list(found)

    def _end_native(self, start):
        if start < len(self.rows):
            self.segments.append((start, len(self.rows)))

    def _row(self, step):
        self.rows.append((step.function.address, len(self._args), step.extent, step.threads))
        self._kept.append(step.function)
        for a in step.args:
            if type(a) is int:
                self._args.append(a)
            else:
                self._args.append(0)
                self._bind(a, len(self._args) - 1)

    def _bind(self, a, cell):
        """Note what a cell will hold: the address of the error record or of a place in a root."""
        if a is ERROR_RECORD:
            self._in_record.append(cell)
            return
        root = a.root
        if root.kind == "constant":
            self._args[cell] = root.address + a.offset
            self._kept.append(root.array)
        elif root.kind == "temporary":
            self._in_arena.append((cell, root.offset + a.offset))
        elif root.kind == "host":
            self.from_host.setdefault(root, []).append((cell, a.offset))
        else:
            self.bound[root].append((cell, a.offset))

    def new_state(self):
        """A state of its own for a call, with temporary memory."""
        arena = np.empty(self.temporary_bytes + ALIGN, np.uint8)
        base = arena.ctypes.data
        base += -base % ALIGN
        args = np.array(self._args, np.int64)
        for cell, offset in self._in_arena:
            args[cell] = base + offset
        error = np.zeros(ERROR, np.int64)
        args[self._in_record] = error.ctypes.data
        state = State(np.array(self.rows, np.int64).reshape(-1, 4), args, list(self.bound.values()),
                      release=self._release, error=error)
        return Ready(state, arena, base - arena.ctypes.data)


class Ready:
    """A state with its temporary memory."""

    __slots__ = ("_arena", "_base", "_reals", "run", "state")

    def __init__(self, state, arena, base):
        self.state, self._arena, self._base, self._reals = state, arena, base, {}
        self.run = state.run

    def real(self, layout, roots):
        """The array of a layout, where `roots` has the arrays of roots that are not temporary."""
        root = layout.root
        if root.kind != "temporary":
            return layout.real(roots.get(root))
        found = self._reals.get(layout)
        if found is None:
            found = self._reals[layout] = np.ndarray(
                layout.array.shape, layout.array.dtype, self._arena, self._base + root.offset + layout.offset,
                layout.array.strides)
        return found
