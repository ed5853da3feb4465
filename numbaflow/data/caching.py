"""Cache: what a pass over the data gave, kept in memory or in a file for the passes after it.

All passes are the first pass over again: a shuffle before a cache keeps its first order.  What a pass gave is
kept once one was read to its end.  A saved position says how the first pass began, and a restore makes it
again, as far as it was read.
"""
import os
import tempfile

from .records import read_record, write_record
from .stage import EMPTY, Passing, Stage, Stream, joined, read_fully, whole
from .state import from_bytes, loaded, saved, to_bytes


class Cache(Passing):
    """Kept in memory, indices or elements, for all iterators of the dataset."""

    name = "cache"

    def __init__(self, source):
        super().__init__(source)
        self.start, self.kept = None, None  # where the first pass began, and the run that a whole pass was

    def over(self, stream):
        return CacheStream(self, stream)

    def cardinality(self):
        return self.inputs[0].cardinality()


class CacheStream(Stream):
    __slots__ = ("_at", "_kept", "_runs", "_source", "_stage", "_start")

    def __init__(self, stage, source):
        self._stage, self._source = stage, source
        if stage.start is None:
            stage.start = source.save()
        else:
            source.restore(stage.start)
        self._start = stage.start
        self._begin()

    def _begin(self):
        self._at, self._runs, self._kept = 0, [], self._stage.kept

    def read(self, n):
        if self._kept is not None:
            run = self._kept[self._at:self._at + n]
        else:
            run = self._source.read(n)
            if len(run):
                self._runs.append(run)
            else:
                self._keep()
        self._at += len(run)
        return run

    def _keep(self):
        self._kept, self._runs = joined(self._runs) if self._runs else EMPTY, []
        if self._start is self._stage.start:
            self._stage.kept = self._kept

    def restart(self, turn):
        if self._kept is not None:
            self._at = 0
            return
        self._source.restore(self._start)
        self._begin()

    def save(self):
        return {"start": self._start, "at": self._at, "kept": self._kept is not None}

    def restore(self, state):
        self._source.restore(state["start"])
        self._start, self._at, self._kept, self._runs = state["start"], state["at"], None, []
        if state["kept"]:
            self._kept = whole(self._source)
        elif self._at:
            self._runs = [read_fully(self._source, self._at)]


class FileCache(Stage):
    """Kept in a file, also for programs that run later."""

    name = "cache"

    def __init__(self, source, filename):
        self.inputs, self.filename = (source,), filename

    def stream(self):
        return FileCacheStream(self, self.inputs[0].stream())

    def example(self):
        return self.inputs[0].example()

    def known_spec(self):
        return self.inputs[0].known_spec()

    def cardinality(self):
        return self.inputs[0].cardinality()


class FileCacheStream(Stream):
    """Reads the file where it is there, and else writes it aside; it gets its name when it is complete."""

    __slots__ = ("_aside", "_at", "_ended", "_file", "_source", "_stage", "_start")

    def __init__(self, stage, source):
        self._stage, self._source, self._file, self._aside = stage, source, None, None
        self._begin()

    def _begin(self):
        self._close()
        self._at, self._ended, self._start = 0, False, self._source.save()

    def read(self, n):
        if self._ended:
            return EMPTY
        if self._file is None:
            self._open()
        run = self._read_file() if self._aside is None else self._read_source()
        self._at += len(run)
        if not len(run):
            self._ended = True
            self._close()
        return run

    def _open(self):
        name = self._stage.filename
        if os.path.exists(name):
            self._file = open(name, "rb")  # noqa: SIM115 (closed by _close)
            return
        handle, self._aside = tempfile.mkstemp(dir=os.path.dirname(name) or ".", prefix=".cache-")
        self._file = os.fdopen(handle, "wb")

    def _read_file(self):
        record = read_record(self._file, self._stage.filename)
        return EMPTY if record is None else loaded([from_bytes(record)], self._stage.inputs[0])

    def _read_source(self):
        run = self._source.read(1)
        for x in run:
            row, = saved([x], self._stage)
            write_record(self._file, to_bytes(row).tobytes())
        if not len(run):
            self._file.flush()
            os.fsync(self._file.fileno())
            os.replace(self._aside, self._stage.filename)
            self._aside = None
        return run

    def _close(self):
        if self._file is not None:
            self._file.close()
            self._file = None
        if self._aside is not None:
            os.unlink(self._aside)
            self._aside = None

    def __del__(self):
        self._close()

    def restart(self, turn):
        self._source.restart(turn)
        self._begin()

    def save(self):
        return {"start": self._start, "at": self._at, "ended": self._ended}

    def restore(self, state):
        self._source.restore(state["start"])
        self._begin()
        while self._at < state["at"] and len(self.read(1)):
            pass
        self._ended = state["ended"]


