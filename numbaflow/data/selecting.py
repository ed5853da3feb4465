"""Stages that choose and join: take, skip, shard, repeat, concatenate, zip, filter.

All but filter run on indices as well as on elements.
"""
import functools
from operator import index

import numpy as np

from numbaflow.core import nest
from numbaflow.core.errors import InvalidArgumentError

from .elements import describe, merged, packer, same_types
from .stage import EMPTY, INFINITE, UNKNOWN, NoElements, Passing, Stage, Stream, is_indices
from .tables import ReadAhead, concatenated, zipped


def whole_number(value, name, least, note=""):
    """An int of an integer, or a tensor of one, that is at least `least`."""
    try:
        number = index(value)
    except TypeError:
        raise TypeError(f"{name} must be an integer, got {value!r}") from None
    if number < least:
        raise InvalidArgumentError(f"{name} must be at least {least}{note}, got {number}")
    return number


# ---- take, skip
class Take(Passing):
    """The first `count` elements; -1 for all."""

    name = "take"

    def __init__(self, source, count):
        super().__init__(source)
        self._count = whole_number(count, "take: count", -1, " (which takes all)")

    def over(self, stream):
        return TakeStream(stream, self._count)

    def cardinality(self):
        size = self.inputs[0].cardinality()
        if self._count <= 0 or size == UNKNOWN:
            return 0 if self._count == 0 else size
        return self._count if size == INFINITE else min(self._count, size)


class TakeStream(Stream):
    __slots__ = ("_count", "_left", "_source")

    def __init__(self, source, count):
        self._source, self._count, self._left = source, count, count

    def read(self, n):
        if self._left < 0:
            return self._source.read(n)
        if self._left == 0:
            return EMPTY
        run = self._source.read(min(n, self._left))
        self._left = self._left - len(run) if len(run) else 0
        return run

    def restart(self, turn):
        self._left = self._count
        self._source.restart(turn)

    def save(self):
        return {"left": self._left, "source": self._source.save()}

    def restore(self, state):
        self._left = state["left"]
        self._source.restore(state["source"])


class Skip(Passing):
    """All but the first `count` elements; -1 leaves none."""

    name = "skip"

    def __init__(self, source, count):
        super().__init__(source)
        self._count = whole_number(count, "skip: count", -1, " (which skips all)")

    def over(self, stream):
        return TakeStream(stream, 0) if self._count < 0 else SkipStream(stream, self._count)

    def cardinality(self):
        size = self.inputs[0].cardinality()
        if self._count < 0:
            return 0
        return size if size < 0 else max(size - self._count, 0)


class SkipStream(TakeStream):
    __slots__ = ()

    def read(self, n):
        while self._left:
            run = self._source.read(min(self._left, 4096))
            self._left = self._left - len(run) if len(run) else 0
        return self._source.read(n)


# ---- shard
class Shard(Passing):
    """Every num_shards-th element, from the one numbered `place` on."""

    name = "shard"

    def __init__(self, source, num_shards, place):
        super().__init__(source)
        self._every = whole_number(num_shards, "shard: num_shards", 1)
        self._place = whole_number(place, "shard: index", 0)
        if self._place >= self._every:
            raise InvalidArgumentError(f"shard: index must be in [0, num_shards), got index {self._place} "
                                       f"and num_shards {self._every}")

    def over(self, stream):
        return ShardStream(stream, self._every, self._place)

    def cardinality(self):
        size = self.inputs[0].cardinality()
        return size if size < 0 else max(size - self._place + self._every - 1, 0) // self._every


class ShardStream(Stream):
    __slots__ = ("_every", "_place", "_source", "_until")

    def __init__(self, source, every, place):
        self._source, self._every, self._place, self._until = source, every, place, place

    def read(self, n):
        while True:                         # up to the last element that is needed, and not beyond
            run = self._source.read(self._until + 1 + (n - 1) * self._every)
            if not len(run):
                return EMPTY
            chosen = run[self._until::self._every]
            self._until = (self._until - len(run)) % self._every
            if len(chosen):
                return chosen

    def restart(self, turn):
        self._until = self._place
        self._source.restart(turn)

    def save(self):
        return {"until": self._until, "source": self._source.save()}

    def restore(self, state):
        self._until = state["until"]
        self._source.restore(state["source"])


# ---- repeat
class Repeat(Passing):
    """The elements `count` times over; -1 or None for ever."""

    name = "repeat"

    def __init__(self, source, count):
        super().__init__(source)
        self._count = -1 if count is None else whole_number(count, "repeat: count", -1, " (which never ends)")

    def over(self, stream):
        return RepeatStream(stream, self._count)

    def cardinality(self):
        size = self.inputs[0].cardinality()
        if self._count == 0 or size == 0:
            return 0
        if self._count < 0:
            return INFINITE
        return size if size < 0 else size * self._count


class RepeatStream(Stream):
    __slots__ = ("_count", "_empty", "_pass", "_source", "_turn")

    def __init__(self, source, count):
        self._source, self._count, self._turn, self._pass, self._empty = source, count, 0, 0, True

    def read(self, n):
        while self._pass != self._count:
            run = self._source.read(n)
            if len(run):
                self._empty = False
                return run
            if self._empty:                 # so will be every other pass
                return EMPTY
            self._pass, self._empty = self._pass + 1, True
            if self._pass != self._count:
                self._source.restart(self._number())
        return EMPTY

    def _number(self):
        return (self._turn * 1_000_003 + self._pass) % 2**63

    def restart(self, turn):
        self._turn, self._pass, self._empty = turn, 0, True
        self._source.restart(self._number())

    def save(self):
        return {"turn": self._turn, "pass": self._pass, "empty": self._empty, "source": self._source.save()}

    def restore(self, state):
        self._turn, self._pass, self._empty = state["turn"], state["pass"], state["empty"]
        self._source.restore(state["source"])


# ---- concatenate
class Concatenate(Stage):
    """The elements of one and then of the other."""

    name = "concatenate"

    def __init__(self, first, second):
        self.inputs = (first, second)
        known = [stage.known_spec() for stage in self.inputs]
        if None not in known and not same_types(*known):
            raise TypeError("concatenate: the two datasets have different types: "
                            f"{describe(known[0])} and {describe(known[1])}")

    @functools.cached_property
    def table(self):
        tables = [stage.table for stage in self.inputs]
        return None if None in tables else concatenated(*tables)

    def stream(self):
        if self.table is not None:
            return self.table.elements(self.indices())
        return ConcatenatedStream([stage.stream() for stage in self.inputs], None)

    def indices(self):
        offset = np.array(self.inputs[0].table.sizes)
        return ConcatenatedStream([stage.indices() for stage in self.inputs], offset)

    def known_spec(self):
        known = [stage.known_spec() for stage in self.inputs]
        return None if None in known else merged(*known)

    def example(self):
        try:
            return self.inputs[0].example()
        except NoElements:
            return self.inputs[1].example()

    def cardinality(self):
        sizes = [stage.cardinality() for stage in self.inputs]
        if INFINITE in sizes:
            return INFINITE
        return UNKNOWN if UNKNOWN in sizes else sum(sizes)


class ConcatenatedStream(Stream):
    __slots__ = ("_offset", "_sources", "_which")

    def __init__(self, sources, offset):
        self._sources, self._offset, self._which = sources, offset, 0

    def read(self, n):
        if self._which == 0:
            run = self._sources[0].read(n)
            if len(run):
                return run
            self._which = 1
        run = self._sources[1].read(n)
        return run + self._offset if is_indices(run) and len(run) else run

    def restart(self, turn):
        self._which = 0
        for source in self._sources:
            source.restart(turn)

    def save(self):
        return {"which": self._which, "sources": [source.save() for source in self._sources]}

    def restore(self, state):
        self._which = state["which"]
        for source, saved in zip(self._sources, state["sources"], strict=True):
            source.restore(saved)


# ---- zip
class Zip(Stage):
    """One element of each dataset together, until one of them ends."""

    name = "zip"

    def __init__(self, structure):
        self._structure, self.inputs = structure, tuple(nest.flatten(structure))

    @functools.cached_property
    def table(self):
        tables = [stage.table for stage in self.inputs]
        return None if None in tables else zipped(self._structure, tables)

    def stream(self):
        if self.table is not None:
            return self.table.elements(self.indices())
        return ZippedElements([stage.stream() for stage in self.inputs], packer(self._structure))

    def indices(self):
        return ZippedIndices([ReadAhead(stage.indices()) for stage in self.inputs], None)

    def known_spec(self):
        known = [stage.known_spec() for stage in self.inputs]
        return None if None in known else nest.pack(self._structure, known)

    def example(self):
        return nest.pack(self._structure, [stage.example() for stage in self.inputs])

    @functools.cached_property
    def spec(self):
        return nest.pack(self._structure, [stage.spec for stage in self.inputs])

    def cardinality(self):
        sizes = [size for stage in self.inputs if (size := stage.cardinality()) != INFINITE]
        if not sizes:
            return INFINITE
        return UNKNOWN if UNKNOWN in sizes and 0 not in sizes else min(sizes)


class ZippedElements(Stream):
    __slots__ = ("_pack", "_sources")

    def __init__(self, sources, pack):
        self._sources, self._pack = sources, pack

    def read(self, n):
        parts = []
        for source in self._sources:
            run = source.read(1)
            if not len(run):
                return EMPTY
            parts.append(run[0])
        return [self._pack(parts)]

    def restart(self, turn):
        for source in self._sources:
            source.restart(turn)

    def save(self):
        return [source.save() for source in self._sources]

    def restore(self, state):
        for source, saved in zip(self._sources, state, strict=True):
            source.restore(saved)


class ZippedIndices(ZippedElements):
    __slots__ = ()

    def read(self, n):
        runs = [source.read(n) for source in self._sources]
        shortest = min(map(len, runs))
        return np.concatenate([run[:shortest] for run in runs], axis=1) if shortest else EMPTY


