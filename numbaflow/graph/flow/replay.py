"""Derivatives by running again: a host function of tensors is run under a tape, which keeps what it needs.

For what leaves no record in the graph: a loop of unknown length, a function of Python.  The derivative of a
function of tensors is a function of tensors, so every order is the same primitive.
"""
import threading

import numpy as np

from numbaflow.core.accumulate import dense
from numbaflow.core.gradient_tape import gradients
from numbaflow.core.placement import fetch
from numbaflow.core.tape import Tape, push, remove, tracing
from numbaflow.core.tensor import wrap
from numbaflow.graph.flow.hosted import Hosted, specs_of


class Derivative:
    """(inputs, gradients of outputs `which`) -> gradients of the inputs `wanted`, zeros for none."""

    def __init__(self, function, inputs, which, wanted):
        self._function, self._inputs, self._which, self._wanted = function, inputs, which, wanted

    def __call__(self, tensors):
        inputs, seeds = tensors[:self._inputs], tensors[self._inputs:]
        tape, outputs = recorded(self._function, inputs, self._wanted)
        return self.pulled(tape, inputs, outputs, seeds)

    def pulled(self, tape, inputs, outputs, seeds):
        """The gradients from a tape on which the function was recorded."""
        wanted = [inputs[k] for k in self._wanted]
        found = gradients(tape, [outputs[k] for k in self._which], wanted, seeds)
        return [wrap(np.zeros(t._data.shape, t._data.dtype)) if d is None else dense(d)
                for d, t in zip(found, wanted, strict=True)]


def recorded(function, inputs, wanted, watch_accessed=False):
    """The tape that listened to function(inputs) with the inputs `wanted` traced, and what it gave."""
    tape = Tape(watch_accessed)
    for k in wanted:
        tape.watch(inputs[k])
    push(tape)
    try:
        return tape, function(inputs)
    finally:
        remove(tape)


def replayed(function, inputs, g, wanted):
    """Gradients of a host function for the inputs `wanted`, from those of its outputs, None among them."""
    which = tuple(k for k, d in enumerate(g) if d is not None)
    return REPLAY([*inputs, *[g[k] for k in which]],
                  {"function": Derivative(function, len(inputs), which, tuple(wanted))},
                  specs_of([inputs[k] for k in wanted]))


class _State(threading.local):
    depth = 0


_state = _State()


def replaying():
    """Whether this thread runs something again for its gradient: what shows should not show twice."""
    return _state.depth > 0


def _replay(node, arrays):
    return [fetch(t) for t in _replay_on(node, [wrap(a) for a in arrays])]


def _gradient(attributes, inputs, outputs, g, wanted):
    return replayed(attributes["function"], inputs, g, wanted)


def _replay_on(node, tensors):
    _state.depth += 1
    try:
        with tracing(None):
            return node.attributes["function"](tensors)
    finally:
        _state.depth -= 1


REPLAY = Hosted("replay", _replay, _gradient, on_tensors=_replay_on)
