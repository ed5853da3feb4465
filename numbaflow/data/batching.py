"""Batches: rows gathered by one kernel where the input has a table, stacked elements otherwise; and back."""
import functools

import numpy as np

from numbaflow.core import nest
from numbaflow.core.errors import DataLossError, InvalidArgumentError
from numbaflow.core.tensor import Tensor
from numbaflow.kernels.memory import empty

from .elements import Spec, describe, flatten, form, is_dataset, leaf_of, packer, stack_arrays
from .selecting import whole_number
from .sources import shapes_like
from .stage import EMPTY, Stage, Stream, read_fully
from .state import loaded, saved
from .strings import string
from .tables import ReadAhead


# ---- batch
class Batch(Stage):
    """Elements stacked by `size`; the last batch may hold fewer."""

    name = "batch"

    def __init__(self, source, size, drop_remainder):
        self.inputs = (source,)
        self.size = whole_number(size, f"{self.name}: batch_size", 1)
        self.drop = bool(drop_remainder)

    def stream(self):
        source = self.inputs[0]
        if source.table is not None:
            return GatheredBatches(source.table, source.indices(), self.size, self.drop)
        return StackedBatches(self, source.stream())

    @functools.cached_property
    def batch_bytes(self):
        """Bytes a batch of table rows takes; None where elements are made one by one."""
        table = self.inputs[0].table
        return None if table is None else self.size * table.row_bytes

    def stacked(self, elements):
        """One element of several."""
        return stack_elements(elements, self.path)

    def _spec(self, spec):
        return nest.map_structure(lambda leaf: leaf.stacked(self.size if self.drop else None), spec)

    def known_spec(self):
        known = self.inputs[0].known_spec()
        return None if known is None else self._spec(known)

    def example(self):
        return self.stacked([self.inputs[0].example()] * self.size)

    @functools.cached_property
    def spec(self):
        return self._spec(self.inputs[0].spec)

    def cardinality(self):
        size = self.inputs[0].cardinality()
        return size if size < 0 else (size if self.drop else size + self.size - 1) // self.size


class GatheredBatches(Stream):
    """Batches of rows of a table."""

    __slots__ = ("_drop", "_indices", "_size", "_table")

    def __init__(self, table, indices, size, drop):
        self._table, self._indices, self._size, self._drop = table, ReadAhead(indices), size, drop

    def read(self, n):
        indices = self._indices.read(self._size)
        if len(indices) < self._size and (self._drop or not len(indices)):
            return EMPTY
        return [self._table.rows(indices)]

    def restart(self, turn):
        self._indices.restart(turn)

    def save(self):
        return self._indices.save()

    def restore(self, state):
        self._indices.restore(state)


class StackedBatches(Stream):
    """Batches of elements that were made one by one."""

    __slots__ = ("_source", "_stage")

    def __init__(self, stage, source):
        self._stage, self._source = stage, source

    def read(self, n):
        elements = read_fully(self._source, self._stage.size)
        if len(elements) < self._stage.size and (self._stage.drop or not elements):
            return EMPTY
        return [self._stage.stacked(elements)]

    def restart(self, turn):
        self._source.restart(turn)

    def save(self):
        return self._source.save()

    def restore(self, state):
        self._source.restore(state)


def stack_elements(elements, where):
    """The element whose leaves are stacks of those of elements of one structure, dtypes and shapes."""
    first = elements[0]
    columns = columns_of(elements, where)
    return packer(first)([_stacked(column, k, where) for k, column in enumerate(columns)])


def columns_of(elements, where):
    """For each leaf those of all elements; InvalidArgumentError where structures or dtypes differ."""
    first = elements[0]
    kind, rows = type(first), [flatten(x) for x in elements]
    width = len(rows[0])
    plain = kind is Tensor or (kind is tuple and len(first) == width)
    for x, row in zip(elements, rows, strict=True):
        if len(row) != width or type(x) is not kind or not (plain or form(x) == form(first)):
            raise InvalidArgumentError(f"{where}: elements of different structures can't be batched: "
                                       f"{describe(first)} and {describe(x)}")
    columns = list(zip(*rows, strict=True))
    for k, column in enumerate(columns):
        _check_column(column, k, where)
    return columns


def _check_column(column, k, where):
    first = column[0]
    if is_dataset(first):
        raise InvalidArgumentError(f"{where}: datasets can't be batched; flat_map makes elements of windows, "
                                   f"got component {k} {first}")
    kind, dtype = type(first), first._data.dtype
    for leaf in column:
        if type(leaf) is not kind or (leaf._data.dtype is not dtype and leaf._data.dtype != dtype):
            raise InvalidArgumentError(f"{where}: component {k} has elements of different types: "
                                       f"{describe(first)} and {describe(leaf)}")


def _stacked(column, k, where):
    arrays = [leaf._data for leaf in column]
    shape = arrays[0].shape
    for i, a in enumerate(arrays):
        if a.shape != shape:
            raise InvalidArgumentError(
                f"{where}: Cannot batch tensors with different shapes in component {k}. First element had "
                f"shape {list(shape)} and element {i} had shape {list(a.shape)}.")
    return leaf_of(stack_arrays(arrays, _empty((len(arrays), *shape), arrays[0].dtype)))


def _empty(shape, dtype):
    return np.empty(shape, dtype) if dtype.kind == "O" else empty(shape, dtype)


# ---- padded_batch
class PaddedBatch(Batch):
    """Elements padded at the ends of their axes to a common shape, and stacked."""

    name, batch_bytes = "padded_batch", None

    def __init__(self, source, size, padded_shapes, padding_values, drop_remainder):
        super().__init__(source, size, drop_remainder)
        self._shapes, self._values = padded_shapes, padding_values
        known = source.known_spec()
        if known is not None:
            self._shapes_for(known)
            self._values_for(known)

    def stream(self):
        return StackedBatches(self, self.inputs[0].stream())

    def _shapes_for(self, structure):
        if self._shapes is None:
            return [None] * len(flatten(structure))
        return shapes_like(structure, self._shapes, "padded_batch: padded_shapes")

    def _values_for(self, structure):
        leaves = flatten(structure)
        if self._values is None or (not nest.is_nested(self._values) and nest.is_nested(structure)):
            values = [self._values] * len(leaves)
        else:
            if form(self._values) != form(structure):
                raise TypeError(f"padded_batch: padding_values {self._values!r} must have the structure of "
                                f"the elements, {describe(structure)}")
            values = nest.flatten(self._values)
        return [_padding(value, leaf.dtype) for value, leaf in zip(values, leaves, strict=True)]

    def stacked(self, elements):
        first, where = elements[0], self.path
        columns = columns_of(elements, where)
        wanted = zip(columns, self._shapes_for(first), self._values_for(first), strict=True)
        return packer(first)([leaf_of(_padded(column, shape, value, f"{where}: component {k}"))
                              for k, (column, shape, value) in enumerate(wanted)])

    def _spec(self, spec):
        shapes = self._shapes_for(spec)
        size = self.size if self.drop else None
        leaves = [Spec(leaf.dtype, (size, *(shape if shape is not None else [None] * len(leaf.shape))))
                  if shape is not None or leaf.shape is not None else Spec(leaf.dtype, None)
                  for leaf, shape in zip(flatten(spec), shapes, strict=True)]
        return nest.pack(spec, leaves)


def _padding(value, dtype):
    """The value that pads a component of a dtype: 0 or the empty string unless given."""
    if dtype is string:
        return b"" if value is None else value.encode() if isinstance(value, str) else bytes(value)
    if value is None:
        return 0
    given = np.asarray(value)
    if given.ndim:
        raise TypeError(f"padded_batch: a padding value must be a scalar, got shape {given.shape}")
    if given.dtype.kind not in "biuf" or (given.dtype.kind == "f" and not (dtype.is_floating
                                                                          or dtype.is_complex)):
        raise TypeError(f"padded_batch: the padding value {value!r} does not fit a component of {dtype.name}")
    return given.astype(dtype.dtype)


def _padded(column, shape, value, where):
    arrays = [leaf._data for leaf in column]
    longest = _longest(arrays, shape, where)
    out = _empty((len(arrays), *longest), arrays[0].dtype)
    if any(a.shape != longest for a in arrays):
        out.fill(value)
    for i, a in enumerate(arrays):
        corner = (i, *map(slice, a.shape))
        out[corner] = a
    return out


def _longest(arrays, shape, where):
    """The extents that hold every array: those wanted, or the largest where none is."""
    rank = arrays[0].ndim if shape is None else len(shape)
    for a in arrays:
        if a.ndim != rank:
            raise InvalidArgumentError(f"{where}: All elements in a batch must have the same rank as the "
                                       f"padded shape: expected rank {rank}, got shape {list(a.shape)}")
    most = [max(a.shape[axis] for a in arrays) for axis in range(rank)]
    for axis, wanted in enumerate(shape or ()):
        if wanted is not None and most[axis] > wanted:
            raise DataLossError(f"{where}: Attempted to pad to a smaller size than the input element: "
                                f"extent {most[axis]} in axis {axis} where the padded shape has {wanted}")
    return tuple(m if shape is None or shape[axis] is None else shape[axis] for axis, m in enumerate(most))


# ---- unbatch
class Unbatch(Stage):
    """The rows of every element as elements."""

    name = "unbatch"

    def __init__(self, source):
        self.inputs = (source,)

    def stream(self):
        return Unbatched(self, self.inputs[0].stream())

    def known_spec(self):
        known = self.inputs[0].known_spec()
        if known is None or any(leaf.shape is None for leaf in flatten(known)):
            return None
        return nest.map_structure(lambda leaf: Spec(leaf.dtype, leaf.shape[1:]), known)

    def example(self):
        whole = self.inputs[0].example()
        return nest.map_structure(lambda leaf: leaf_of(leaf._data[0, ...]), whole)


class Unbatched(Stream):
    __slots__ = ("_at", "_element", "_leaves", "_pack", "_source", "_stage")

    def __init__(self, stage, source):
        self._stage, self._source = stage, source
        self._open(None)

    def _open(self, element):
        self._element, self._at = element, 0
        self._leaves = [] if element is None else [leaf._data for leaf in flatten(element)]
        self._pack = packer(element)
        if element is not None and (not self._leaves or not all(a.ndim for a in self._leaves)
                                    or len({len(a) for a in self._leaves}) > 1):
            self._element = None
            raise InvalidArgumentError(f"{self._stage.path}: expected components with a first axis of one "
                                       f"length, got {describe(element)}")

    def read(self, n):
        while self._element is None or self._at == len(self._leaves[0]):
            run = self._source.read(1)
            if not len(run):
                self._open(None)
                return EMPTY
            self._open(run[0])
        i = self._at
        self._at += 1
        return [self._pack([leaf_of(a[i, ...]) for a in self._leaves])]

    def restart(self, turn):
        self._open(None)
        self._source.restart(turn)

    def save(self):
        waiting = [] if self._element is None else [self._element]
        return {"waiting": saved(waiting, self._stage), "at": self._at, "source": self._source.save()}

    def restore(self, state):
        self._source.restore(state["source"])
        for element in loaded(state["waiting"], self._stage.inputs[0]) or [None]:
            self._open(element)
        self._at = state["at"]
