"""Programs on a GPU: a graph as a list of launches, which the driver repeats as one CUDA graph.

The first call launches step by step; the second does so on memory that stays, and captures the launches; from
the third on a call copies its arguments in, has the captured launches repeated, and copies its results out.
What needs Python or the host between launches (a loop, a call of the host, a shape that values decide) is not
captured: such a program goes step by step each time.
"""
import threading

import numpy as np

from numbaflow.core.device import HOST
from numbaflow.core.device_variable import OnDevice, migrate
from numbaflow.core.faces import explain
from numbaflow.core.placement import Using, brought, device_arrays, move, place_of, wrapped
from numbaflow.core.tensor import wrap
from numbaflow.graph import ir
from numbaflow.graph.fusing.codegen import in_place
from numbaflow.graph.programs.device_steps import Step, fused
from numbaflow.graph.programs.rewrite import optimized
from numbaflow.kernels.cuda import backend

_ERRORS = (ValueError, TypeError, IndexError, ArithmeticError)


class DeviceProgram:
    """A concrete function compiled for a GPU: `program(tensors)` gives its result tensors.

    Variables that it assigns move to that GPU; of those elsewhere that it only reads it has copies.
    """

    def __init__(self, concrete, at):
        self.name, self.reads, self.assigned = concrete.name, concrete.reads, concrete.assigned
        self.feeds, self.arguments, self.results = concrete.feeds, concrete.arguments, concrete.results
        self.place, self.graph = at, optimized(concrete.graph, raises=False)
        backend.current().enter(at)
        self._constants = {v: _uploaded(v) for node in self.graph.nodes if node.op is ir.CONSTANT
                           for v in node.outputs}
        self._steps = [Step(node, at) for node in self.graph.nodes if node.op not in (ir.INPUT, ir.CONSTANT)]
        self._forget_early()
        self._lock, self._calls, self._captured = threading.RLock(), 0, None
        self._may_capture = all(step.launches_only for step in self._steps)
        self._locked = sorted(self.assigned, key=lambda v: v._id)       # all lock in one order
        self._copies: dict = {}         # variable elsewhere -> (its array, the copy here)
        self._stream = None             # of the thread that called last

    def _forget_early(self):
        """Let each step say which values nobody needs after it."""
        kept, seen = {*self.graph.outputs, *self.graph.inputs, *self._constants}, set()
        for step in reversed(self._steps):
            used = {*step.node.inputs, *step.node.outputs}
            step.last = [v for v in used if v not in seen and v not in kept]
            step.in_place = self._writable(step, seen)
            seen |= used

    def _writable(self, step, later):
        """{output: input} of a fused step that may be one memory: a variable's new value and its old one."""
        if step.node.op is not ir.FUSED:
            return {}
        node, found, allowed = step.node, {}, in_place(step.node)
        inputs = {id(v): self.graph.inputs[self.arguments + k] for k, v in enumerate(self.reads)}
        for variable, value in zip(self.assigned, self.graph.outputs[self.results:], strict=True):
            before = inputs[id(variable)]
            if value in node.outputs and before in node.inputs and before not in later \
                    and before not in self.graph.outputs:
                k, i = node.outputs.index(value), node.inputs.index(before)
                if (k, i) in allowed and k not in found:
                    found[k] = i
        return found

    # ---- calls
    def __call__(self, tensors):
        """The results for argument tensors."""
        return self.call([*tensors, *[wrap(f()) for f in self.feeds]])

    def call(self, given):
        """The results for tensors of arguments and of what is fed."""
        here = [move(t, self.place) for t in given]
        for v in self.assigned:
            migrate(v, self.place)
        for v in self._locked:
            v._lock.acquire()
        try:
            with self._lock, Using([*here, *self.reads], self.place) as found:
                self._follow(found)
                results = self._run(found, [t._data for t in here])
                for v in self.assigned:
                    v._stream = self._stream
                return [wrapped(array, self.place) for array in results]
        finally:
            for v in self._locked:
                v._lock.release()

    def run(self, given):
        """The results for tensors of all inputs of the graph; those of variables are not looked at."""
        at = self.arguments
        return self.call([*given[:at], *given[at + len(self.reads):]])

    def _follow(self, found):
        """Come after what another thread has launched of this program."""
        own = found.stream()
        if self._calls and self._stream is not own:
            found.wait_for(self._stream)
        self._stream = own

    def _run(self, found, arrays):
        self._calls += 1
        if not self._may_capture or self._calls == 1:
            return self._stepwise(arrays)
        captured = self._captured
        if captured is None or not self._still_bound(captured):
            return self._capture(found, arrays)
        for own, given in zip(captured.given, arrays, strict=True):
            device_arrays().assign(own, given)
        captured.replay()
        return [device_arrays().copy(array) for array in captured.results]

    # ---- variables
    def _value(self, v):
        """The array of a variable here, a copy for one that is elsewhere."""
        if place_of(v) == self.place:
            return v._data
        with v._lock:
            source, known = v._data, self._copies.get(v)
            if known is None or known[0] is not source or getattr(v, "_fixed", False):
                t = v._tensor() if isinstance(v, OnDevice) else wrap(v._array())
                known = self._copies[v] = source, brought(t, self.place)._data
        return known[1]

    def _still_bound(self, captured):
        """Whether variables are where the launches take them from, into which copies are brought anew."""
        for k, (v, array) in enumerate(zip(self.reads, captured.variables, strict=True)):
            if place_of(v) == self.place:
                if v._data is not array:
                    return False
            elif k not in captured.copied:
                return False
            else:
                value = self._value(v)
                if value is not captured.copied[k]:
                    device_arrays().assign(array, value)
                    captured.copied[k] = value
        return True

    # ---- step by step
    def _stepwise(self, arrays):
        """Launch step by step; variables get new arrays."""
        variables = [self._value(v) for v in self.reads]
        known = self._bound(arrays, variables)
        self._launch(known)
        changing = [v._data for v in self.reads if getattr(v, "_fixed", False)]
        outputs = [_own(known[v], [*arrays, *changing]) for v in self.graph.outputs]
        new = zip(self.assigned, self.graph.outputs[self.results:], outputs[self.results:], strict=True)
        for variable, v, array in new:              # (what is not a kernel's own may be a view of something)
            variable._take(array if v.node.op is ir.FUSED else device_arrays().copy(array))
        return outputs[:self.results]

    def _bound(self, arrays, variables):
        at = self.arguments
        return {**dict(zip(self.graph.inputs, [*arrays[:at], *variables, *arrays[at:]], strict=True)),
                **self._constants}

    def _launch(self, known, in_place=False):
        for step in self._steps:
            given = [known[v] for v in step.node.inputs]
            try:
                if in_place and step.in_place:
                    found = fused(step.node, given, self._kept(step, given, known))
                else:
                    found = step.run(step.node, given)
                known.update(zip(step.node.outputs, found, strict=True))
            except _ERRORS as error:
                raise explain(step.node.op, error, ()) from None
            for v in step.last:
                del known[v]

    def _kept(self, step, given, known):
        """{output: the array for it}, without those whose memory something else is a view of."""
        shares = backend.current().shares
        return {k: given[i] for k, i in step.in_place.items()
                if not any(shares(a, given[i]) for v, a in known.items() if v is not step.node.inputs[i])}

    # ---- capturing
    def _capture(self, found, arrays):
        """One call on memory that stays, and its launches captured for the next."""
        own, copied = [device_arrays().copy(array) for array in arrays], {}
        fixed = []
        for k, v in enumerate(self.reads):
            if place_of(v) == self.place:
                fixed.append(v.fixed())
            else:
                copied[k] = self._value(v)
                fixed.append(device_arrays().copy(copied[k]))
        targets = [v.fixed() for v in self.assigned]

        def launches():
            known = self._bound(own, fixed)
            self._launch(known, in_place=True)
            found = [known[v] for v in self.graph.outputs]
            results = [_own(array, [*own, *fixed]) for array in found[:self.results]]
            made = zip(targets, found[self.results:], strict=True)
            for target, array in [(t, _own(a, [*own, *fixed])) for t, a in made if a is not t]:
                device_arrays().assign(target, array)
            return results
        self._captured = None
        results, self._captured = found.captured(launches)
        if self._captured is None:
            self._may_capture = False
        else:
            self._captured.given, self._captured.variables, self._captured.copied = own, fixed, copied
        return results


class Fetching:
    """A program of the CPU for tensors that may be elsewhere."""

    def __init__(self, program):
        self._program = program

    def __call__(self, tensors):
        """The results for argument tensors."""
        return self._program([move(t, HOST) for t in tensors])

    def call(self, given):
        """The results for tensors of arguments and of what is fed."""
        return self._program.call([move(t, HOST) for t in given])

    def run(self, given):
        """The results for tensors of all inputs of the graph."""
        return self._program.run([move(t, HOST) for t in given])


def _own(array, others):
    """An array of its own: a result that is a view of an argument or a variable is copied."""
    is_view = not array.flags.c_contiguous or any(backend.current().shares(array, x) for x in others)
    return device_arrays().copy(array) if is_view else array


def _uploaded(value):
    """A constant on the device, which broadcasts to its shape."""
    array = np.ascontiguousarray(value.node.attributes["value"]).reshape(
        np.shape(value.node.attributes["value"]))
    return np.broadcast_to(backend.current().from_host(array), value.shape)


__all__ = ["DeviceProgram", "Fetching"]
