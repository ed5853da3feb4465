"""Programs: a graph compiled for replay.

A call binds the addresses of arguments, variables and results in a state's args and runs its rows; a state
serves one call at a time, and a second thread gets one of its own.  Variables are locked while a program that
assigns them runs.
"""
import numpy as np

from numbaflow.core.errors import InternalError
from numbaflow.core.faces import explain
from numbaflow.core.tensor import wrap
from numbaflow.graph.programs import products  # noqa: F401  (it registers lowerings)
from numbaflow.graph.programs.assembly import Assembly
from numbaflow.graph.programs.calling import write_call
from numbaflow.graph.programs.lower import HostCall, Lowering, launch_on
from numbaflow.graph.programs.rewrite import optimized
from numbaflow.graph.programs.storage import Layout, Root, blank

_ERRORS = (ValueError, TypeError, IndexError, ArithmeticError)      # that say what is wrong with arguments


class Program:
    """A concrete function compiled: `program(tensors)` gives its result tensors."""

    def __init__(self, concrete):
        self.name, self.reads, self.assigned = concrete.name, concrete.reads, concrete.assigned
        self.feeds, self.arguments = concrete.feeds, concrete.arguments
        graph = self.graph = optimized(concrete.graph)
        at, results = self.arguments, concrete.results
        variables = dict(zip(graph.inputs[at:at + len(self.reads)], self.reads, strict=True))
        lowering = Lowering(graph, variables, list(zip(self.assigned, graph.outputs[results:], strict=True)))
        self.inputs = len(graph.inputs)
        self.outputs: list = []         # (root, shape, dtype) of each array that a call makes for its results
        self.result_plan = [self._result(lowering, v) for v in graph.outputs[:results]]
        lowering.assign_rest()
        self.code, self.layouts = lowering.code, lowering.layouts
        external = [*[lowering.layouts[v].root for v in graph.inputs], *[root for root, *_ in self.outputs]]
        self.assembly = Assembly(self.code, external)
        self.segments, self.native = self.assembly.segments, self.assembly.native
        self.new_state, self.temporary_bytes = self.assembly.new_state, self.assembly.temporary_bytes
        self.states: list = []          # those that no call uses just now
        self.call = write_call(self)

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
        layout.root.kind, layout.root.number = "output", len(self.outputs)
        self.outputs.append((layout.root, value.shape, value.dtype))
        return "output", layout.root.number

    # ---- running
    def __call__(self, tensors):
        """The results for argument tensors."""
        return self.call([*tensors, *[wrap(f()) for f in self.feeds]] if self.feeds else tensors)

    def run(self, given):
        """The results for tensors of all inputs of the graph; those of variables are not looked at."""
        at = self.arguments
        return self.call([*given[:at], *given[at + len(self.reads):]])

    def steps(self, ready, arrays):
        """Run segment by segment: {root: array}, those of host calls among them."""
        ready.state.bind(*arrays)
        roots = dict(zip(self.assembly.bound, arrays, strict=True))
        for segment in self.segments:
            if type(segment) is HostCall:
                self.host_step(segment, ready, roots)
            else:
                failed = ready.state.run_rows(*segment)
                if failed is not None:
                    self.fail(ready, failed, roots)
        return roots

    def host_step(self, step, ready, roots):
        """Run a host call; what it gives goes into `roots` and is bound."""
        given = [ready.real(layout, roots) for layout in step.inputs]
        try:
            found = step.function(step.node, given)
        except _ERRORS as error:
            if step.function is not launch_on:
                raise
            raise explain(step.node.op, error, ()) from None
        args = ready.state.args
        for root, array in zip(step.outputs, found, strict=True):
            roots[root] = array = _fitting(array, root, given, step)
            for cell, offset in self.assembly.from_host.get(root, ()):
                args[cell] = array.ctypes.data + offset

    def fail(self, ready, row, arrays):
        """Raise what the op of a row that failed raises on the same arrays."""
        step = [step for step in self.code if type(step) is not HostCall][row]
        if step.given is not None:
            roots = arrays if type(arrays) is dict else dict(zip(self.assembly.bound, arrays, strict=True))
            try:
                launch_on(step.node, [ready.real(layout, roots) for layout in step.given])
            except _ERRORS as error:
                raise explain(step.node.op, error, ()) from None
        raise InternalError(f"{self.name}: instruction {row} ({step.node!r}) failed: "
                            f"{ready.state.error.tolist()}")


def _fitting(array, root, given, step):
    """A host call's result in C order, in memory of its own."""
    array = np.asarray(array)
    if array.shape != root.array.shape or array.dtype != root.array.dtype:
        raise InternalError(f"{step.node.op.name}: gave {array.dtype}{list(array.shape)}, "
                            f"{root.array.dtype}{list(root.array.shape)} was traced")
    if any(np.may_share_memory(array, g) for g in given):
        return array.copy()
    return np.ascontiguousarray(array).reshape(array.shape)
