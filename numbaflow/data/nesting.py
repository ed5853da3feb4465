"""Datasets in datasets: flat_map, interleave, window."""
import os
from collections import deque

from numbaflow.core.errors import InvalidArgumentError

from .elements import flatten, is_dataset, packer
from .mapping import call, checked_function
from .selecting import whole_number
from .stage import EMPTY, NoElements, Stage, Stream, read_fully
from .state import loaded, saved
from .workers import PrefetchStream


class Interleave(Stage):
    """Elements of the datasets that a function makes, `cycle` of them by turns, `block` from each."""

    def __init__(self, source, function, cycle=1, block=1, parallel=None, name="interleave"):
        self.inputs, self.name = (source,), name
        self._function = checked_function(function, name)
        self.cycle = whole_number(cycle, f"{name}: cycle_length", -1)
        self.cycle = (os.cpu_count() or 1) if self.cycle == -1 else self.cycle
        self.block = whole_number(block, f"{name}: block_length", 1)
        if self.cycle == 0:
            raise InvalidArgumentError(f"{name}: cycle_length must be at least 1, got 0")
        self._ahead = parallel is not None and whole_number(parallel, f"{name}: num_parallel_calls", -1) != 1

    def stream(self):
        return InterleavedStream(self, self.inputs[0].stream())

    def opened(self, value):
        """The stream of the dataset that an element becomes."""
        stage = self._made(value)
        return PrefetchStream(stage, stage.stream(), self.block) if self._ahead else stage.stream()

    def _made(self, value):
        where = self.path
        made = call(self._function, value, where)
        if not is_dataset(made):
            raise TypeError(f"{where}: map_func must return a Dataset, got {type(made).__name__}")
        return made._stage

    def example(self):
        try:
            return self._made(self.inputs[0].example()).example()
        except NoElements:
            return super().example()


class InterleavedStream(Stream):
    """Slots of (element, stream of its dataset) that take turns; an empty slot takes the next element."""

    __slots__ = ("_given", "_more", "_slots", "_source", "_stage", "_turn")

    def __init__(self, stage, source):
        self._stage, self._source = stage, source
        self._begin()

    def _begin(self):
        self._slots = [None] * self._stage.cycle
        self._turn, self._given, self._more = 0, 0, True

    def read(self, n):
        while self._more or any(self._slots):
            slot = self._slots[self._turn]
            if slot is None:
                self._open_slot()
                continue
            run = slot[1].read(min(n, self._stage.block - self._given))
            if len(run):
                self._given += len(run)
                if self._given == self._stage.block:
                    self._advance()
                return run
            self._slots[self._turn] = None
            self._advance()
        return EMPTY

    def _open_slot(self):
        run = self._source.read(1) if self._more else EMPTY
        if len(run):
            self._slots[self._turn] = (run[0], self._stage.opened(run[0]))
            return
        self._more = False
        self._advance()

    def _advance(self):
        self._turn, self._given = (self._turn + 1) % len(self._slots), 0

    def restart(self, turn):
        self._begin()
        self._source.restart(turn)

    def save(self):
        slots = [None if slot is None else {"element": saved([slot[0]], self._stage), "at": slot[1].save()}
                 for slot in self._slots]
        return {"slots": slots, "turn": self._turn, "given": self._given, "more": self._more,
                "source": self._source.save()}

    def restore(self, state):
        self._turn, self._given, self._more = state["turn"], state["given"], state["more"]
        self._source.restore(state["source"])
        self._slots = [None if slot is None else self._restored(slot) for slot in state["slots"]]

    def _restored(self, slot):
        element, = loaded(slot["element"], self._stage.inputs[0])
        stream = self._stage.opened(element)
        stream.restore(slot["at"])
        return element, stream


# ---- window
class Window(Stage):
    """Datasets of `size` elements, `stride` apart, one every `shift` elements; one dataset a component."""

    name = "window"

    def __init__(self, source, size, shift, stride, drop_remainder, window_of):
        self.inputs, self._window_of = (source,), window_of
        self.size = whole_number(size, "window: size", 1)
        self.shift = self.size if shift is None else whole_number(shift, "window: shift", 1)
        self.stride = whole_number(stride, "window: stride", 1)
        self.drop = bool(drop_remainder)

    def stream(self):
        return WindowStream(self, self.inputs[0].stream())

    def made(self, elements):
        """The structure of datasets of one window."""
        columns = zip(*[flatten(x) for x in elements], strict=True)
        return packer(elements[0])([self._window_of(list(c)) for c in columns])

    def example(self):
        return self.made([self.inputs[0].example()])


class WindowStream(Stream):
    __slots__ = ("_ended", "_held", "_skip", "_source", "_stage")

    def __init__(self, stage, source):
        self._stage, self._source = stage, source
        self._begin()

    def _begin(self):
        self._held, self._skip, self._ended = deque(), 0, False

    def read(self, n):
        stage = self._stage
        span = (stage.size - 1) * stage.stride + 1
        self._pass_over()
        while not self._ended and len(self._held) < span:
            run = read_fully(self._source, span - len(self._held))
            self._ended = not len(run)
            self._held.extend(run)
        if not self._held or (stage.drop and len(self._held) < span):
            return EMPTY
        window = [self._held[i] for i in range(0, min(span, len(self._held)), stage.stride)]
        gone = min(stage.shift, len(self._held))
        for _ in range(gone):
            self._held.popleft()
        self._skip = stage.shift - gone
        return [stage.made(window)]

    def _pass_over(self):
        """Drop the elements between this window and the last one."""
        while self._skip and not self._ended:
            run = self._source.read(self._skip)
            self._ended = not len(run)
            self._skip -= len(run)

    def restart(self, turn):
        self._begin()
        self._source.restart(turn)

    def save(self):
        return {"held": saved(self._held, self._stage), "skip": self._skip, "ended": self._ended,
                "source": self._source.save()}

    def restore(self, state):
        self._held = deque(loaded(state["held"], self._stage.inputs[0]))
        self._skip, self._ended = state["skip"], state["ended"]
        self._source.restore(state["source"])

