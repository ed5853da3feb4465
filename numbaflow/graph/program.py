"""Programs: a graph compiled for replay, and the call of it.

A call binds the addresses of arguments, variables and results in a state's args and runs its rows; a state
serves one call at a time, and a second thread gets one of its own.  Variables are locked while a program that
assigns them runs, and written only where nothing else holds their memory.
"""
import sys

import numpy as np

from numbaflow.core.errors import InternalError
from numbaflow.core.faces import explain
from numbaflow.core.tensor import Tensor, wrap
from numbaflow.core.variable import ALONE
from numbaflow.kernels.memory import empty
from numbaflow.kernels.program import ERROR, State

from . import products  # noqa: F401  (it registers lowerings)
from .lower import ERROR_RECORD, HostCall, Lowering, launch_on
from .rewrite import optimized
from .storage import ALIGN, Layout, Root, blank, place

_WORTH_RELEASING = 1 << 16      # bytes touched: about ten microseconds of work
BOUND = ("input", "variable", "output")


class Program:
    """A concrete function compiled: `program(tensors)` gives its result tensors."""

    def __init__(self, concrete):
        self.name, self.reads, self.assigned = concrete.name, concrete.reads, concrete.assigned
        self.feeds, self.arguments, self.results = concrete.feeds, concrete.arguments, concrete.results
        graph = self.graph = optimized(concrete.graph)
        at = self.arguments
        variables = dict(zip(graph.inputs[at:at + len(self.reads)], self.reads, strict=True))
        assigned = list(zip(self.assigned, graph.outputs[self.results:], strict=True))
        lowering = Lowering(graph, variables, assigned)
        self._inputs = [lowering.layouts[v].root for v in graph.inputs]
        self._outputs: list = []        # (root, shape, dtype)
        self.result_plan = [self._result(lowering, v) for v in graph.outputs[:self.results]]
        lowering.assign_rest()
        self.code, self.layouts = lowering.code, lowering.layouts
        self._assemble()
        self._states: list = []
        self.call = self._write_call()

    # ---- building
    def _result(self, lowering, value):
        """How a result is given: ("given", k), ("constant", tensor), ("output", k) or ("host", layout)."""
        layout = lowering.layouts[value]
        kind = layout.root.kind
        if kind == "input" and value in self.graph.inputs:
            return "given", self.graph.inputs.index(value)
        if kind == "constant":
            return "constant", wrap(layout.array)
        if kind == "host":
            return "host", layout
        if not (kind == "temporary" and layout.whole):
            made = Layout(Root("temporary", blank(value.shape, value.dtype)))
            lowering.copy(layout, made)
            layout = made
        layout.root.kind, layout.root.number = "output", len(self._outputs)
        self._outputs.append((layout.root, value.shape, value.dtype))
        return "output", layout.root.number

    def _assemble(self):
        """Rows, args, what is bound, the segments between host calls, and the temporary memory."""
        for k, step in enumerate(self.code):
            for root in step.roots():
                root.first = k if root.first is None else root.first
                root.last = k
        temporary = {root: None for step in self.code for root in step.roots() if root.kind == "temporary"}
        self.temporary_bytes = place(list(temporary))
        rows, args, self._segments, self._from_host = [], [], [], {}
        self._in_arena, self._in_record, self._kept = [], [], []
        bound = {root: [] for root in (*self._inputs, *[root for root, *_ in self._outputs])}
        start = 0
        for step in self.code:
            if type(step) is HostCall:
                if start < len(rows):
                    self._segments.append((start, len(rows)))
                self._segments.append(step)
                start = len(rows)
                continue
            rows.append((step.function.address, len(args), step.extent, step.threads))
            self._kept.append(step.function)
            for a in step.args:
                if type(a) is int:
                    args.append(a)
                    continue
                cell = len(args)
                args.append(0)
                if a is ERROR_RECORD:
                    self._in_record.append(cell)
                    continue
                root = a.root
                if root.kind == "constant":
                    args[cell] = root.address + a.offset
                    self._kept.append(root.array)
                elif root.kind == "temporary":
                    self._in_arena.append((cell, root.offset + a.offset))
                elif root.kind == "host":
                    self._from_host.setdefault(root, []).append((cell, a.offset))
                else:
                    bound[root].append((cell, a.offset))
        if start < len(rows):
            self._segments.append((start, len(rows)))
        self.rows, self._args, self._bound = rows, args, bound
        self._native = all(type(s) is tuple for s in self._segments)
        self._release = self._bytes_touched() > _WORTH_RELEASING

    def _bytes_touched(self):
        return sum(root.array.nbytes for step in self.code for root in step.roots())

    # ---- states
    def _new_state(self):
        arena = np.empty(self.temporary_bytes + ALIGN, np.uint8)
        base = arena.ctypes.data
        base += -base % ALIGN
        args = np.array(self._args, np.int64)
        for cell, offset in self._in_arena:
            args[cell] = base + offset
        error = np.zeros(ERROR, np.int64)
        args[self._in_record] = error.ctypes.data
        state = State(np.array(self.rows, np.int64).reshape(-1, 4), args, list(self._bound.values()),
                      release=self._release, error=error)
        return _Ready(state, arena, base - arena.ctypes.data)

    def _write_call(self):
        """The Python that binds and runs, written out: it is most of what a small program costs."""
        scope = {"_new": object.__new__, "_Tensor": Tensor, "_states": self._states, "_make": self._new_state,
                 "_empty": np.empty, "_pooled": empty, "_contiguous": np.ascontiguousarray,
                 "_fail": self._fail,
                 "_refs": sys.getrefcount, "_steps": self._steps}
        lines = ["def call(given):"]
        count, arrays = len(self._inputs), []
        for k in range(count):
            arrays.append(f"a{k}")
            variable = k - self.arguments
            if 0 <= variable < len(self.reads):
                scope[f"v{variable}"] = self.reads[variable]
            else:
                at = k if k < self.arguments else k - len(self.reads)
                lines += [f"    a{k} = given[{at}]._data",
                          f"    if not a{k}.flags.c_contiguous: a{k} = _contiguous(a{k})"]
        assigned = {id(v) for v in self.assigned}
        written = [k for k, v in enumerate(self.reads) if id(v) in assigned]
        for k, (_, shape, dtype) in enumerate(self._outputs):
            scope[f"s{k}"], scope[f"t{k}"] = shape, dtype
            large = int(np.prod(shape)) * dtype.itemsize >= 1 << 18
            lines.append(f"    o{k} = {'_pooled' if large else '_empty'}(s{k}, t{k})")
            arrays.append(f"o{k}")
        lines += ["    try: state = _states.pop()", "    except IndexError: state = _make()"]
        locked = [f"v{k}" for k in sorted(written, key=lambda k: self.reads[k]._id)]
        body = [f"a{self.arguments + k} = v{k}._array()" for k in range(len(self.reads)) if k not in written]
        # Python that a program calls may take hold of a variable's value: then new values come in at the end
        aside = any(type(s) is HostCall and getattr(s.node.op, "effect", False) for s in self._segments)
        for name in locked:
            array = f"a{self.arguments + int(name[1:])}"
            if aside:
                lines.append(f"    {name}._lock.acquire()")
                body.append(f"{array} = {name}._data.copy()")
            else:
                lines.append(f"    {name}._lock.acquire(); {name}._writing = True")
                body += [f"if _refs({name}._data) > {ALONE}: {name}._data = {name}._data.copy()",
                         f"{array} = {name}._data"]
        operands = ", ".join(arrays)
        given = f"({operands}{',' if arrays else ''})"
        body += ([f"failed = state.run({operands})", f"if failed is not None: _fail(state, failed, {given})"]
                 if self._native else [f"failed = _steps(state, {given})"])
        if aside:
            body += [f"{name}._data = a{self.arguments + int(name[1:])}" for name in locked]
        lines += ["    try:", *["        " + line for line in body], "    finally:"]
        lines += [f"        {'' if aside else f'{name}._writing = False; '}{name}._lock.release()"
                  for name in reversed(locked)]
        lines.append("        _states.append(state)")
        results = []
        for k, (kind, what) in enumerate(self.result_plan):
            if kind == "given":
                results.append(f"given[{what if what < self.arguments else what - len(self.reads)}]")
            elif kind == "constant":
                scope[f"c{k}"] = what
                results.append(f"c{k}")
            elif kind == "output":
                lines.append(f"    r{k} = _new(_Tensor); r{k}._data = o{what}; r{k}._dtype = t{what}; "
                             f"r{k}._node = None")
                results.append(f"r{k}")
            else:
                scope[f"h{k}"], scope["_wrap"] = what, wrap
                lines.append(f"    r{k} = _wrap(h{k}.real(failed[h{k}.root]))")
                results.append(f"r{k}")
        lines.append(f"    return [{', '.join(results)}]")
        exec("\n".join(lines), scope)
        return scope["call"]

    # ---- running
    def __call__(self, tensors):
        """The results for argument tensors."""
        return self.call([*tensors, *[wrap(f()) for f in self.feeds]] if self.feeds else tensors)

    def run(self, given):
        """The results for tensors of all inputs of the graph; those of variables are not looked at."""
        at = self.arguments
        return self.call([*given[:at], *given[at + len(self.reads):]])

    def _steps(self, ready, arrays):
        """Run segment by segment: {host root: array}."""
        ready.state.bind(*arrays)
        roots = dict(zip(self._bound, arrays, strict=True))
        args = ready.state.args
        for segment in self._segments:
            if type(segment) is tuple:
                failed = ready.state.run_rows(*segment)
                if failed is not None:
                    self._fail(ready, failed, roots)
                continue
            given = [self._real(layout, ready, roots) for layout in segment.inputs]
            try:
                found = segment.function(segment.node, given)
            except (ValueError, TypeError, IndexError, ArithmeticError) as error:
                if segment.function is not launch_on:
                    raise
                raise explain(segment.node.op, error, ()) from None
            for root, array in zip(segment.outputs, found, strict=True):
                roots[root] = array = self._fitting(array, root, given, segment)
                for cell, offset in self._from_host.get(root, ()):
                    args[cell] = array.ctypes.data + offset
        return roots

    @staticmethod
    def _real(layout, ready, roots):
        if layout.root.kind == "temporary":
            return ready.real(layout)
        return layout.real(roots.get(layout.root))

    def _fitting(self, array, root, given, segment):
        """A host call's result in C order, in memory of its own."""
        array = np.asarray(array)
        if array.shape != root.array.shape or array.dtype != root.array.dtype:
            raise InternalError(f"{segment.node.op.name}: gave {array.dtype}{list(array.shape)}, "
                                f"{root.array.dtype}{list(root.array.shape)} was traced")
        if any(np.may_share_memory(array, g) for g in given):
            return array.copy()
        return np.ascontiguousarray(array).reshape(array.shape)

    def _fail(self, ready, row, arrays):
        """Raise what the op of a row that failed raises on the same arrays."""
        step = [step for step in self.code if type(step) is not HostCall][row]
        if step.given is not None:
            roots = arrays if type(arrays) is dict else dict(zip(self._bound, arrays, strict=True))
            try:
                launch_on(step.node, [self._real(layout, ready, roots) for layout in step.given])
            except (ValueError, TypeError, IndexError, ArithmeticError) as error:
                raise explain(step.node.op, error, ()) from None
        raise InternalError(f"{self.name}: instruction {row} ({step.node!r}) failed: "
                            f"{ready.state.error.tolist()}")


class _Ready:
    """A state with its temporary memory."""

    __slots__ = ("_arena", "_base", "_reals", "run", "state")

    def __init__(self, state, arena, base):
        self.state, self._arena, self._base, self._reals = state, arena, base, {}
        self.run = state.run

    def real(self, layout):
        """The array of a temporary layout."""
        found = self._reals.get(layout)
        if found is None:
            root = layout.root
            found = self._reals[layout] = np.ndarray(
                layout.array.shape, layout.array.dtype, self._arena, self._base + root.offset + layout.offset,
                layout.array.strides)
        return found
