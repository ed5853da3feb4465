"""Stages that call the user's functions: map, in threads if wanted, filter, take_while, scan, reduce.

A function is called eagerly with tensors: the parts of a plain tuple as separate arguments.  Its errors come
out as they are, with a note that names the stage, and reading can go on after them.
"""
import os
from collections import deque

import numpy as np

from numbaflow.core.device import CPU, device, in_scope_of_cpu, places
from numbaflow.core.errors import InvalidArgumentError
from numbaflow.core.tensor import Tensor

from .elements import describe, element, same_types
from .selecting import whole_number
from .stage import EMPTY, UNKNOWN, Passing, Stage, Stream, add_note
from .state import loaded, saved, unpacked
from .strings import StringTensor
from .workers import Workers

AUTOTUNE = -1


def call(function, value, where):
    """function(value), the parts of a plain tuple as arguments, on the CPU; errors get a note."""
    if places.on and not in_scope_of_cpu():
        with device(CPU):
            return call(function, value, where)
    try:
        return function(*value) if type(value) is tuple else function(value)
    except StopIteration as error:          # would end the loop over the dataset without a word
        raised = RuntimeError(f"{where}: the function raised StopIteration")
        raise raised from error
    except Exception as error:
        add_note(error, f"raised in the dataset stage {where}")
        raise


def truth(value, where):
    """The bool of what a predicate returned."""
    data = value._data if type(value) in (Tensor, StringTensor) else np.asarray(value)
    if data.dtype.kind != "b" or data.size != 1 or isinstance(value, StringTensor):
        raise TypeError(f"{where}: a predicate must return a scalar bool, got {value!r}")
    return bool(data)


def checked_function(function, name):
    """The function, or TypeError."""
    if not callable(function):
        raise TypeError(f"{name}: expected a function, got {function!r}")
    return function


# ---- map
class Map(Stage):
    """map_func of every element."""

    def __init__(self, source, function, parallel, name="map"):
        self.inputs, self.name = (source,), name
        self.function = checked_function(function, name)
        if parallel is not None:
            parallel = whole_number(parallel, f"{name}: num_parallel_calls", -1)
        self._parallel = parallel
        if parallel == 0:
            raise InvalidArgumentError(f"{name}: num_parallel_calls must be positive or AUTOTUNE (-1), got 0")

    def stream(self):
        source = self.inputs[0].stream()
        if self._parallel is None:
            return MapStream(self, source)
        return ParallelMap(self, source, os.cpu_count() or 1 if self._parallel < 0 else self._parallel)

    def mapped(self, value):
        """The element that one becomes."""
        return element(call(self.function, value, self.path), self.path)

    def example(self):
        return self.mapped(self.inputs[0].example())

    def cardinality(self):
        return self.inputs[0].cardinality()


class MapStream(Stream):
    __slots__ = ("_error", "_mapped", "_source")

    def __init__(self, stage, source):
        self._mapped, self._source, self._error = stage.mapped, source, None

    def read(self, n):
        if n == 1 and self._error is None:
            run = self._source.read(1)
            return [self._mapped(run[0])] if len(run) else EMPTY
        return self._read_several(n)

    def _read_several(self, n):
        """The first error waits until what was made before it has been taken."""
        if self._error is not None:
            error, self._error = self._error, None
            raise error
        made: list = []
        try:
            while len(made) < n and len(run := self._source.read(1)):
                made.append(self._mapped(run[0]))
        except Exception as error:
            if not made:
                raise
            self._error = error
        return made

    def restart(self, turn):
        self._error = None
        self._source.restart(turn)

    def save(self):
        return self._source.save()

    def restore(self, state):
        self._error = None
        self._source.restore(state)


class ParallelMap(Stream):
    """Calls in a few threads, in the order of the elements; as many elements wait as there are threads."""

    __slots__ = ("_count", "_source", "_stage", "_waiting", "_workers")

    def __init__(self, stage, source, count):
        self._stage, self._source, self._count = stage, source, count
        self._waiting: deque = deque()      # (element, task)
        self._workers = None

    def read(self, n):
        if self._workers is None:
            self._workers = Workers(self._count, self)
        while len(self._waiting) < self._count and len(run := self._source.read(1)):
            self._submit(run[0])
        if not self._waiting:
            return EMPTY
        return [self._waiting.popleft()[1].result()]

    def _submit(self, value):
        self._waiting.append((value, self._workers.submit(self._stage.mapped, value)))

    def _forget(self):
        while self._waiting:
            self._waiting.popleft()[1].wait()

    def restart(self, turn):
        self._forget()
        self._source.restart(turn)

    def save(self):
        waiting = saved([value for value, _ in self._waiting], self._stage)
        return {"waiting": waiting, "source": self._source.save()}

    def restore(self, state):
        self._forget()
        self._source.restore(state["source"])
        if self._workers is None:
            self._workers = Workers(self._count, self)
        for value in loaded(state["waiting"], self._stage.inputs[0]):
            self._submit(value)


# ---- predicates
class Filter(Passing):
    """The elements for which a predicate holds; take_while: those before the first where it does not."""

    table = None

    def __init__(self, source, predicate, name="filter"):
        super().__init__(source)
        self.name, self.predicate = name, checked_function(predicate, name)

    def over(self, stream):
        return FilterStream(self, stream) if self.name == "filter" else WhileStream(self, stream)

    def holds(self, value):
        """Whether the predicate holds for an element."""
        where = self.path
        return truth(call(self.predicate, value, where), where)

    def cardinality(self):
        return UNKNOWN


class FilterStream(Stream):
    __slots__ = ("_holds", "_source")

    def __init__(self, stage, source):
        self._holds, self._source = stage.holds, source

    def read(self, n):
        while len(run := self._source.read(1)):
            if self._holds(run[0]):
                return run
        return EMPTY

    def restart(self, turn):
        self._source.restart(turn)

    def save(self):
        return self._source.save()

    def restore(self, state):
        self._source.restore(state)


class WhileStream(Stream):
    __slots__ = ("_ended", "_holds", "_source")

    def __init__(self, stage, source):
        self._holds, self._source, self._ended = stage.holds, source, False

    def read(self, n):
        run = EMPTY if self._ended else self._source.read(1)
        if len(run) and not self._holds(run[0]):
            run = EMPTY
        self._ended = not len(run)
        return run

    def restart(self, turn):
        self._ended = False
        self._source.restart(turn)

    def save(self):
        return {"ended": self._ended, "source": self._source.save()}

    def restore(self, state):
        self._ended = state["ended"]
        self._source.restore(state["source"])


# ---- folds
class Scan(Stage):
    """The outputs of function(state, element) -> (new state, output)."""

    name = "scan"

    def __init__(self, source, initial, function):
        self.inputs, self.function = (source,), checked_function(function, self.name)
        self.initial = element(initial, "scan: initial_state")

    def stream(self):
        return ScanStream(self, self.inputs[0].stream())

    def step(self, state, value):
        """The state and output that follow."""
        where = self.path
        returned = call(self.function, (state, value), where)
        if not isinstance(returned, (tuple, list)) or len(returned) != 2:
            raise TypeError(f"{where}: the function must return a pair (new state, output), got {returned!r}")
        return same_state(state, returned[0], where), element(returned[1], where)

    def example(self):
        return self.step(self.initial, self.inputs[0].example())[1]

    def cardinality(self):
        return self.inputs[0].cardinality()


def same_state(old, new, where):
    """The element of a new state; TypeError where its structure or dtypes are not the old one's."""
    made = element(new, where)
    if not same_types(old, made):
        raise TypeError(f"{where}: the state must keep its structure and dtypes, {describe(old)}, "
                        f"got {describe(made)}")
    return made


class ScanStream(Stream):
    __slots__ = ("_source", "_stage", "_state")

    def __init__(self, stage, source):
        self._stage, self._source, self._state = stage, source, stage.initial

    def read(self, n):
        run = self._source.read(1)
        if not len(run):
            return EMPTY
        self._state, output = self._stage.step(self._state, run[0])
        return [output]

    def restart(self, turn):
        self._state = self._stage.initial
        self._source.restart(turn)

    def save(self):
        return {"state": saved([self._state], self._stage), "source": self._source.save()}

    def restore(self, state):
        self._state, = unpacked(state["state"], self._stage.initial)
        self._source.restore(state["source"])


def reduce(stage, initial, function):
    """The state after function(state, element) of every element."""
    checked_function(function, "reduce")
    state, where = element(initial, "reduce: initial_state"), f"{stage.path} -> reduce"
    stream = stage.stream()
    while len(run := stream.read(1)):
        state = same_state(state, call(function, (state, run[0]), where), where)
    return state

