"""Shuffle: a reservoir of indices where the input has a table, of elements otherwise, in the same order.

A shuffle has one key, from its seed when it is made.  An iterator takes the next number of its dataset, and
its passes have numbers; key, number and pass give the seed of a pass (see kernels/reservoir.py).
"""
import itertools

import numpy as np

from numbaflow.core.dtypes import INT64
from numbaflow.kernels import reservoir
from numbaflow.ops.random import random_key

from .selecting import whole_number
from .stage import EMPTY, Passing, Stream, joined
from .state import loaded, saved

DRAWN = 256                             # slots drawn at once for a shuffle of elements


class Shuffle(Passing):
    """Elements drawn from a buffer that the input fills."""

    name = "shuffle"

    def __init__(self, source, buffer_size, seed, reshuffle):
        super().__init__(source)
        self._size = whole_number(buffer_size, "shuffle: buffer_size", 1)
        seeded = None if seed is None else whole_number(seed, "shuffle: seed", -2**63)
        start, counter = random_key(seeded)._data.tolist()
        self._key = (start, counter if seed is None else 0)
        self._reshuffle = reshuffle is None or bool(reshuffle)
        self._numbers = itertools.count()

    def over(self, stream):
        kind = ElementShuffle if self.table is None else IndexShuffle
        number = next(self._numbers) if self._reshuffle else 0
        return kind(self, stream, self._size, [*self._key, number, 0], self._reshuffle)

    def cardinality(self):
        return self.inputs[0].cardinality()


class ShuffleStream(Stream):
    """What both reservoirs share (abstract); `key` has two parts, the iterator's number and the pass."""

    __slots__ = ("_buffer", "_ended", "_key", "_reshuffle", "_seed", "_size", "_source", "_stage", "_step")

    def __init__(self, stage, source, size, key, reshuffle):
        self._stage, self._source, self._size, self._reshuffle = stage, source, size, reshuffle
        self._key = key
        self._begin()

    def _begin(self):
        start, counter, number, passed = self._key
        own = reservoir.pass_seed(start, counter, number)
        self._seed = (reservoir.pass_seed(own, counter, passed), counter)
        self._step, self._ended = 0, False

    def restart(self, turn):
        if self._reshuffle:
            self._key[3] = turn
        self._begin()
        self._source.restart(turn)

    def save(self):
        return {"key": list(self._key), "step": self._step, "ended": self._ended,
                "source": self._source.save()}

    def restore(self, state):
        self._key = list(state["key"])
        self._begin()
        self._step, self._ended = state["step"], state["ended"]
        self._source.restore(state["source"])


class IndexShuffle(ShuffleStream):
    """A reservoir of indices, a run at a time."""

    __slots__ = ("_left",)

    def _begin(self):
        super()._begin()
        self._buffer, self._left = None, 0

    def read(self, n):
        if self._buffer is None:
            self._fill()
        if not self._ended:
            rows = self._source.read(n)
            if len(rows):
                out = np.empty_like(rows)
                reservoir.exchange(self._buffer, rows, out, *self._seed, self._step)
                self._step += len(rows)
                return out
            self._ended = True
        return self._drain(min(n, self._left))

    def _fill(self):
        runs, have = [], 0
        while have < self._size and len(run := self._source.read(self._size - have)):
            runs.append(run)
            have += len(run)
        self._buffer = np.array(joined(runs)) if runs else np.empty((0, 1), INT64)
        self._left, self._ended = have, have < self._size

    def _drain(self, n):
        if n == 0:
            return EMPTY
        out = np.empty((n, self._buffer.shape[1]), INT64)
        reservoir.drain(self._buffer, self._left, out, *self._seed, self._step)
        self._step += n
        self._left -= n
        return out

    def save(self):
        buffer = None if self._buffer is None else self._buffer[:self._left].copy()
        return {**super().save(), "buffer": buffer}

    def restore(self, state):
        super().restore(state)
        self._buffer = None if state["buffer"] is None else state["buffer"].copy()
        self._left = 0 if self._buffer is None else len(self._buffer)


class ElementShuffle(ShuffleStream):
    """A reservoir of elements; the slot drawn last is a hole until the next element comes."""

    __slots__ = ("_at", "_hole", "_slots")

    def _begin(self):
        super()._begin()
        self._buffer, self._hole, self._slots, self._at = [], None, EMPTY, 0

    def read(self, n):
        self._close_hole()
        while not self._ended and len(self._buffer) < self._size:
            run = self._source.read(self._size - len(self._buffer))
            self._buffer.extend(run)
            self._see_end(run)
        if not self._buffer:
            return EMPTY
        self._hole = self._slot()
        self._step += 1
        return [self._buffer[self._hole]]

    def _close_hole(self):
        if self._hole is None:
            return
        run = EMPTY if self._ended else self._source.read(1)
        if len(run):
            self._buffer[self._hole] = run[0]
        else:
            self._see_end(run)
            self._buffer[self._hole] = self._buffer[-1]
            self._buffer.pop()
        self._hole = None

    def _see_end(self, run):
        if not len(run) and not self._ended:
            self._ended, self._slots, self._at = True, EMPTY, 0

    def _slot(self):
        """The slot that this step draws, from those drawn at once."""
        if self._at == len(self._slots):
            size, count = len(self._buffer), min(DRAWN, len(self._buffer)) if self._ended else DRAWN
            drawn = np.empty(count, INT64)
            reservoir.slots(drawn, size, int(self._ended), *self._seed, self._step)
            self._slots, self._at = drawn.tolist(), 0
        self._at += 1
        return self._slots[self._at - 1]

    def save(self):
        return {**super().save(), "buffer": saved(self._buffer, self._stage), "hole": self._hole}

    def restore(self, state):
        super().restore(state)
        self._buffer = loaded(state["buffer"], self._stage.inputs[0])
        self._hole = state["hole"]
