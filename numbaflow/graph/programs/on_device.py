"""Programs on a GPU: a graph as a list of launches, which the driver repeats as one CUDA graph.

The first call launches step by step; the second does so on memory that stays, and captures the launches; from
the third on a call copies its arguments in, has the captured launches repeated, and copies its results out.
What needs Python or the host between launches (a loop, a call of the host, a shape that values decide) is not
captured: such a program goes step by step each time.
"""
import threading

import numpy as np

from numbaflow.core import columns
from numbaflow.core.faces import explain
from numbaflow.core.placement import Using, fetch, move, wrapped
from numbaflow.core.tensor import wrap
from numbaflow.graph import ir
from numbaflow.graph.interpret import run_node
from numbaflow.graph.programs.lower import launch_on
from numbaflow.graph.programs.rewrite import optimized
from numbaflow.kernels.cuda import backend
from numbaflow.kernels.cuda.backend import NotCapturable

_ERRORS = (ValueError, TypeError, IndexError, ArithmeticError)


class DeviceProgram:
    """A concrete function compiled for a GPU: `program(tensors)` gives its result tensors."""

    def __init__(self, concrete, at):
        self.name, self.reads, self.assigned = concrete.name, concrete.reads, concrete.assigned
        self.feeds, self.arguments, self.results = concrete.feeds, concrete.arguments, concrete.results
        self.place, self.graph = at, optimized(concrete.graph)
        backend.current().enter(at)
        self._constants = {v: _uploaded(v) for node in self.graph.nodes if node.op is ir.CONSTANT
                           for v in node.outputs}
        self._steps = [_Step(node) for node in self.graph.nodes if node.op not in (ir.INPUT, ir.CONSTANT)]
        self._forget_early()
        self._lock, self._calls, self._captured = threading.RLock(), 0, None
        self._may_capture = all(step.launches_only for step in self._steps)
        self._stream = None             # of the thread that called last

    def _forget_early(self):
        """Let each step say which values nobody needs after it."""
        kept, seen = {*self.graph.outputs, *self.graph.inputs, *self._constants}, set()
        for step in reversed(self._steps):
            used = {*step.node.inputs, *step.node.outputs}
            step.last = [v for v in used if v not in seen and v not in kept]
            seen |= used

    # ---- calls
    def __call__(self, tensors):
        """The results for argument tensors."""
        return self.call([*tensors, *[wrap(f()) for f in self.feeds]])

    def call(self, given):
        """The results for tensors of arguments and of what is fed."""
        here = [move(t, self.place) for t in given]
        with self._lock, Using(here, self.place) as found:
            self._follow(found)
            arrays = [t._data for t in here]
            return [wrapped(array, self.place) for array in self._run(found, arrays)]

    def run(self, given):
        """The results for tensors of all inputs of the graph; those of variables are not looked at."""
        at = self.arguments
        return self.call([*given[:at], *given[at + len(self.reads):]])

    def _follow(self, found):
        """Come after what another thread has launched of this program."""
        own = found.stream()
        if self._stream is not None and self._stream is not own:
            found.wait_for(self._stream)
        self._stream = own

    def _run(self, found, arrays):
        if not self._may_capture or self._calls == 0:
            self._calls += 1
            return self._stepwise(arrays)
        if self._captured is None:
            try:
                return self._capture(found, arrays)
            except NotCapturable:
                self._may_capture = False
                return self._stepwise(arrays)
        captured = self._captured
        for own, given in zip(captured.given, arrays, strict=True):
            _arrays().assign(own, given)
        captured.replay()
        return [_arrays().copy(array) for array in captured.results]

    def _stepwise(self, arrays):
        """Launch step by step; variables get new arrays."""
        known = self._bound(arrays, [v._array() for v in self.reads])
        self._launch(known)
        outputs = [_own(known[v], arrays) for v in self.graph.outputs]
        for variable, array in zip(self.assigned, outputs[self.results:], strict=True):
            variable._take(array)
        return outputs[:self.results]

    def _bound(self, arrays, variables):
        at = self.arguments
        return {**dict(zip(self.graph.inputs, [*arrays[:at], *variables, *arrays[at:]], strict=True)),
                **self._constants}

    def _launch(self, known):
        for step in self._steps:
            given = [known[v] for v in step.node.inputs]
            try:
                known.update(zip(step.node.outputs, step.run(step.node, given), strict=True))
            except _ERRORS as error:
                raise explain(step.node.op, error, ()) from None
            for v in step.last:
                del known[v]

    # ---- capturing
    def _capture(self, found, arrays):
        """One call on memory that stays, and its launches captured for the next."""
        own = [_arrays().copy(array) for array in arrays]
        fixed = [v.fixed() for v in self.reads]
        for v in self.assigned:
            v.fixed()

        def launches():
            known = self._bound(own, fixed)
            self._launch(known)
            outputs = [_own(known[v], [*own, *fixed]) for v in self.graph.outputs]
            for variable, array in zip(self.assigned, outputs[self.results:], strict=True):
                _arrays().assign(variable.fixed(), array)
            return outputs[:self.results]
        results, self._captured = found.captured(launches)
        self._captured.given = own
        return results


def _arrays():
    from numbaflow.kernels.cuda import arrays
    return arrays


def _own(array, others):
    """An array of its own: a result that is a view of an argument or a variable is copied."""
    is_view = not array.flags.c_contiguous or any(backend.current().shares(array, x) for x in others)
    return _arrays().copy(array) if is_view else array


def _uploaded(value):
    """A constant on the device, which broadcasts to its shape."""
    array = np.ascontiguousarray(value.node.attributes["value"]).reshape(
        np.shape(value.node.attributes["value"]))
    return np.broadcast_to(backend.current().from_host(array), value.shape)


# ---- steps
class _Step:
    """A node, and how it runs: `run(node, arrays)` gives the arrays of its outputs."""

    __slots__ = ("last", "launches_only", "node", "run")

    def __init__(self, node):
        self.node, self.last = node, ()
        self.run = _fused if node.op is ir.FUSED else _PRIMITIVES.get(node.op)
        self.launches_only = True
        if self.run is None:
            on_host = isinstance(node.op, ir.Primitive) or node.op.on_host
            self.run, self.launches_only = (_hosted if on_host else _op), not on_host


def _fused(node, arrays):
    from numbaflow.graph.fusing.cuda_codegen import View, launches
    made, view = _arrays().empty, backend.current().strided
    outputs, scratch = [made(v.shape, v.dtype) for v in node.outputs], {}
    operands = [*arrays, *outputs]
    for launch in launches(node, arrays, outputs):
        given = []
        for a in launch.arguments:
            if not isinstance(a, View):
                given.append(a)
                continue
            if isinstance(a.array, int):
                array = operands[a.array]
            else:
                array = scratch.get(a.array)
                if array is None:
                    array = scratch[a.array] = made(a.array.shape, a.array.dtype)
            given.append(view(array, a.shape, a.strides))
        launch.function(launch.blocks, launch.threads, *given)
    return outputs


def _op(node, arrays):
    op = node.op
    if op.kernel is not None:
        from numbaflow.kernels.cuda import elementwise
        return [elementwise.run(op.kernel, node.inputs[op.kernel.key].dtype, arrays)]
    given = dict(zip(op.inputs, node.grouped(arrays), strict=True))
    found = columns.launch(op)(**given, **node.attributes)
    if op.residuals:
        first, *rest = found
        return [*(first if op.outputs is not None else [first]), *rest]
    return [found] if op.outputs is None else list(found)


def _hosted(node, arrays):
    """On the host, with copies."""
    found = backend.current()
    given = [found.to_host(a) for a in arrays]
    function = getattr(node.op, "host", None) or (_run_primitive if isinstance(node.op, ir.Primitive)
                                                  else launch_on)
    return [found.from_host(np.asarray(a)) for a in function(node, given)]


def _run_primitive(node, arrays):
    return [t._data for t in run_node(node, [wrap(a) for a in arrays])]


def _product_and_sum(node, arrays):
    from numbaflow.core import table
    from numbaflow.kernels.cuda import elementwise
    a, b, c = arrays
    product = columns.launch(table.OPS["matmul"])(a, b, **node.attributes)
    return [elementwise.run(table.OPS["add"].kernel, product.dtype, [product, c])]


_PRIMITIVES = {ir.MATMUL_ADD: _product_and_sum}

__all__ = ["DeviceProgram", "fetch"]
