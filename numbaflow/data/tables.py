"""Tables of arrays whose rows are elements, so that pipelines can move indices instead of data.

Sources that are arrays have a table; shuffle, repeat, take, skip, shard, cache, concatenate and zip keep it.
A whole batch is then gathered by one kernel a column.  Indices are int64 arrays [rows, width]: a row has one
index for each source that was zipped.
"""
import numpy as np

from numbaflow.core import nest
from numbaflow.core.dtypes import INT64, of
from numbaflow.core.tensor import Tensor, wrap
from numbaflow.kernels.memory import empty
from numbaflow.kernels.rows import RowTaker

from .elements import Spec, flatten, form, packer
from .stage import EMPTY, Stream
from .strings import string, wrap_strings

AHEAD = 1024                            # rows of indices made at once
_new = object.__new__


# ---- columns
class ArrayColumn:
    """Rows of an array."""

    def __init__(self, data):
        self._data = np.ascontiguousarray(data)
        self._dtype, self.gather = data.dtype, RowTaker(self._data)
        self.spec = Spec(of(data.dtype), data.shape[1:])
        self.row_bytes = data.nbytes // max(len(data), 1)

    def row(self, i):
        return wrap(self._data[i, ...])

    def rows(self, indices):
        made = _new(Tensor)                     # as wrap does, in half the time
        made._data, made._dtype, made._node = self.gather(indices), self._dtype, None
        return made


class StringColumn:
    """Strings."""

    row_bytes = 0

    def __init__(self, data):
        self._data = data
        self.spec = Spec(string, data.shape[1:])

    def row(self, i):
        return wrap_strings(self._data[i, ...])

    def rows(self, indices):
        return wrap_strings(self.gather(indices))

    def gather(self, indices):
        return self._data[indices]


class RangeColumn:
    """start + i * step, int64."""

    spec, row_bytes = Spec(of(INT64), ()), 8

    def __init__(self, start, step):
        self._start, self._step = start, step

    def row(self, i):
        return wrap(np.array(self._start + i * self._step, INT64))

    def rows(self, indices):
        return wrap(self.gather(indices))

    def gather(self, indices):
        return self._start + indices * self._step


class JoinedColumn:
    """The rows of one column and then those of another with the same spec."""

    def __init__(self, first, size, second):
        self._first, self._size, self._second = first, size, second
        self.spec, self.row_bytes = first.spec, first.row_bytes

    def row(self, i):
        return self._first.row(i) if i < self._size else self._second.row(i - self._size)

    def rows(self, indices):
        array = self.gather(indices)
        return wrap_strings(array) if self.spec.dtype is string else wrap(array)

    def gather(self, indices):
        early = indices < self._size
        if early.all():
            return self._first.gather(indices)
        if not early.any():
            return self._second.gather(indices - self._size)
        first, second = self._first.gather(indices[early]), self._second.gather(indices[~early] - self._size)
        out = empty((len(indices), *first.shape[1:]), first.dtype)
        out[early], out[~early] = first, second
        return out


# ---- tables
class Table:
    """Columns of equal lengths and the structure that their rows have.

    Args:
        columns: for each leaf a column and which index of a row it takes.
        structure: any structure of that form.
        sizes: how many rows each index of a row has to choose from.
    """

    def __init__(self, columns, structure, sizes):
        self.columns, self.structure, self.sizes = columns, structure, sizes
        self._pack = packer(structure)
        self._single = [column for column, _ in columns]

    @property
    def spec(self):
        return nest.pack(self.structure, [column.spec for column, _ in self.columns])

    def row(self, index):
        """The element of an index, or of a list of them where a row has several."""
        if type(index) is int:
            return self._pack([column.row(index) for column in self._single])
        return self._pack([column.row(index[place]) for column, place in self.columns])

    def rows(self, indices):
        """The elements of rows of indices, as one batch."""
        if indices.shape[1] == 1:
            flat = indices.ravel()
            return self._pack([column.rows(flat) for column in self._single])
        each = [np.ascontiguousarray(indices[:, place]) for place in range(indices.shape[1])]
        return self._pack([column.rows(each[place]) for column, place in self.columns])

    @property
    def row_bytes(self):
        """Bytes a row takes, strings left out."""
        return sum(column.row_bytes for column, _ in self.columns)

    def elements(self, stream):
        """The stream of elements that a stream of indices stands for."""
        return Rows(self, stream)


def zipped(structure, tables):
    """The table of a structure of tables."""
    columns, sizes = [], ()
    for table in tables:
        columns += [(column, len(sizes) + place) for column, place in table.columns]
        sizes += table.sizes
    made = nest.pack(structure, [table.structure for table in tables])
    return Table(columns, made, sizes)


def concatenated(first, second):
    """The table of the rows of both, or None where their rows differ in form, dtype or shape."""
    if (form(first.structure) != form(second.structure) or len(first.sizes) != len(second.sizes)
            or any(a.spec.dtype != b.spec.dtype or a.spec.shape != b.spec.shape or p != q
                   for (a, p), (b, q) in zip(first.columns, second.columns, strict=True))):
        return None
    columns = [(JoinedColumn(a, first.sizes[place], b), place)
               for (a, place), (b, _) in zip(first.columns, second.columns, strict=True)]
    sizes = tuple(m + n for m, n in zip(first.sizes, second.sizes, strict=True))
    return Table(columns, first.structure, sizes)


def table_of(element, size):
    """The table whose rows are the slices of an element along the first axis of its leaves."""
    columns = [StringColumn(leaf._data) if leaf.dtype is string else ArrayColumn(leaf._data)
               for leaf in flatten(element)]
    return Table([(column, 0) for column in columns], form(element), (size,))


# ---- streams
class Count(Stream):
    """The indices 0 .. size - 1 in order."""

    __slots__ = ("_at", "_size")

    def __init__(self, size):
        self._at, self._size = 0, size

    def read(self, n):
        start = self._at
        self._at = min(start + n, self._size)
        return np.arange(start, self._at).reshape(-1, 1)

    def restart(self, turn):
        self._at = 0

    def save(self):
        return self._at

    def restore(self, state):
        self._at = state


class ReadAhead(Stream):
    """Indices read in larger runs than asked for, which nobody sees: making them has no effects."""

    __slots__ = ("_at", "_run", "_source")

    def __init__(self, source):
        self._source, self._run, self._at = source, EMPTY, 0

    def read(self, n):
        """Exactly n rows, fewer at the end only."""
        stop = self._at + n
        if stop > len(self._run):
            self._fill(n)
            stop = min(n, len(self._run))
        run = self._run[self._at:stop]
        self._at = stop
        return run

    def _fill(self, n):
        runs, have = [], len(self._run) - self._at
        if have:
            runs.append(self._run[self._at:])
        while have < n and len(run := self._source.read(max(n - have, AHEAD))):
            runs.append(run)
            have += len(run)
        self._run, self._at = np.concatenate(runs) if runs else EMPTY, 0

    def restart(self, turn):
        self._run, self._at = EMPTY, 0
        self._source.restart(turn)

    def save(self):
        return {"ahead": np.array(self._run[self._at:], INT64), "source": self._source.save()}

    def restore(self, state):
        self._run, self._at = state["ahead"], 0
        self._source.restore(state["source"])


class Rows(Stream):
    """The rows of a table, one by one, in the order of a stream of indices."""

    __slots__ = ("_at", "_indices", "_list", "_run", "_table")

    def __init__(self, table, indices):
        self._table, self._indices = table, ReadAhead(indices)
        self._at, self._run, self._list = 0, EMPTY, EMPTY

    def read(self, n):
        if self._at == len(self._list):
            self._look(self._indices.read(AHEAD))
        start = self._at
        if n == 1 and start < len(self._list):
            self._at = start + 1
            return [self._table.row(self._list[start])]
        self._at = min(start + n, len(self._list))
        return [self._table.row(index) for index in self._list[start:self._at]]

    def _look(self, run):
        self._run, self._at = run, 0
        self._list = run.ravel().tolist() if len(run) and run.shape[1] == 1 else \
            run.tolist() if len(run) else EMPTY

    def restart(self, turn):
        self._look(EMPTY)
        self._indices.restart(turn)

    def save(self):
        return {"left": np.array(self._run[self._at:], INT64), "indices": self._indices.save()}

    def restore(self, state):
        self._look(state["left"])
        self._indices.restore(state["indices"])
