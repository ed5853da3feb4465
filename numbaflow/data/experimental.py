"""`tf.data.experimental`: transformations for `Dataset.apply`, cardinality, a writer of TFRecord files."""
import os

import numpy as np

from numbaflow.core.errors import InvalidArgumentError
from numbaflow.core.tensor import constant
from numbaflow.ops.casting import cast

from . import mapping
from .dataset import Dataset, made
from .mapping import AUTOTUNE
from .records import write_record
from .sources import counter
from .stage import INFINITE, UNKNOWN, Passing, Stream
from .strings import StringTensor, as_dtype

INFINITE_CARDINALITY, UNKNOWN_CARDINALITY = INFINITE, UNKNOWN


def cardinality(dataset):
    """The number of elements, int64: INFINITE_CARDINALITY (-1) or UNKNOWN_CARDINALITY (-2) where it has none.

    >>> import numbaflow as nf
    >>> d = nf.data.Dataset.range(10).batch(4)
    >>> [nf.data.experimental.cardinality(x).numpy().item() for x in (d, d.repeat(), d.filter(bool))]
    [3, -1, -2]
    """
    return constant(np.int64(dataset._stage.cardinality()))


def get_single_element(dataset):
    """The one element of a dataset; InvalidArgumentError where it has none or several.

    >>> import numbaflow as nf
    >>> nf.data.experimental.get_single_element(nf.data.Dataset.from_tensors(7)).numpy()
    np.int32(7)
    """
    elements = list(dataset.take(2))
    if len(elements) != 1:
        raise InvalidArgumentError("get_single_element: expected a dataset of one element, got "
                                   f"{'several' if elements else 'none'}")
    return elements[0]


def Counter(start=0, step=1, dtype=np.int64):
    """The numbers start, start + step, ... for ever.

    >>> import numbaflow as nf
    >>> [x.numpy().item() for x in nf.data.experimental.Counter(3, 2).take(3)]
    [3, 5, 7]
    """
    numbers = made(counter(start, step))
    return numbers if as_dtype(dtype) == np.int64 else numbers.map(lambda x: cast(x, dtype))


# ---- transformations
def unbatch():
    """For apply: the rows of every element as elements."""
    return Dataset.unbatch


def enumerate_dataset(start=0):
    """For apply: pairs (number, element)."""
    return lambda dataset: dataset.enumerate(start)


def shuffle_and_repeat(buffer_size, count=None, seed=None):
    """For apply: shuffle, then repeat."""
    return lambda dataset: dataset.shuffle(buffer_size, seed).repeat(count)


def map_and_batch(map_func, batch_size, num_parallel_batches=None, drop_remainder=False,
                  num_parallel_calls=None):
    """For apply: map, then batch.

    >>> import numbaflow as nf
    >>> double_pairs = nf.data.experimental.map_and_batch(lambda x: x * 2, 2)
    >>> [x.numpy().tolist() for x in nf.data.Dataset.range(4).apply(double_pairs)]
    [[0, 2], [4, 6]]
    """
    if num_parallel_batches is not None and num_parallel_calls is not None:
        raise ValueError("map_and_batch: give num_parallel_batches or num_parallel_calls, not both")
    calls = AUTOTUNE if num_parallel_batches is not None else num_parallel_calls
    return lambda dataset: dataset.map(map_func, calls).batch(batch_size, drop_remainder)


def take_while(predicate):
    """For apply: the elements before the first for which the predicate does not hold.

    >>> import numbaflow as nf
    >>> small = nf.data.experimental.take_while(lambda x: x < 3)
    >>> [x.numpy().item() for x in nf.data.Dataset.range(9).apply(small)]
    [0, 1, 2]
    """
    return lambda dataset: made(mapping.Filter(dataset._stage, predicate, "take_while"))


def scan(initial_state, scan_func):
    """For apply: the outputs of scan_func(state, element) -> (new state, output).

    >>> import numbaflow as nf
    >>> sums = nf.data.experimental.scan(nf.constant(0, nf.int64), lambda s, x: (s + x, s + x))
    >>> [x.numpy().item() for x in nf.data.Dataset.range(5).apply(sums)]
    [0, 1, 3, 6, 10]
    """
    return lambda dataset: made(mapping.Scan(dataset._stage, initial_state, scan_func))


def ignore_errors():
    """For apply: leaves out the elements that could not be made.

    >>> import numbaflow as nf
    >>> def positive(x):
    ...     if x < 0:
    ...         raise ValueError(x)
    ...     return x
    >>> d = nf.data.Dataset.from_tensor_slices([1, -1, 2]).map(positive)
    >>> [x.numpy().item() for x in d.apply(nf.data.experimental.ignore_errors())]
    [1, 2]
    """
    return lambda dataset: made(IgnoreErrors(dataset._stage))


class IgnoreErrors(Passing):
    """The elements that could be made."""

    name, table = "ignore_errors", None

    def over(self, stream):
        return Ignoring(stream)


class Ignoring(Stream):
    __slots__ = ("_source",)

    def __init__(self, source):
        self._source = source

    def read(self, n):
        while True:
            try:
                return self._source.read(1)
            except Exception:
                continue

    def restart(self, turn):
        self._source.restart(turn)

    def save(self):
        return self._source.save()

    def restore(self, state):
        self._source.restore(state)


# ---- files
class TFRecordWriter:
    """Writes a dataset of strings as the records of one TFRecord file.

    >>> import numbaflow as nf, tempfile
    >>> with tempfile.NamedTemporaryFile() as file:
    ...     nf.data.experimental.TFRecordWriter(file.name).write(nf.data.Dataset.from_tensors("red"))
    ...     len(file.read())
    19
    """

    def __init__(self, filename, compression_type=None):
        if compression_type:
            raise InvalidArgumentError(f"TFRecordWriter: writes uncompressed files, got {compression_type!r}")
        self._filename = os.fspath(filename)

    def write(self, dataset):
        """Write all elements, which must be scalar strings."""
        with open(self._filename, "wb") as file:
            for x in dataset:
                if not isinstance(x, StringTensor) or x.ndim:
                    raise TypeError(f"TFRecordWriter: expected scalar strings, got {x!r}")
                write_record(file, x.numpy())


__all__ = ["AUTOTUNE", "INFINITE_CARDINALITY", "UNKNOWN_CARDINALITY", "Counter", "TFRecordWriter",
           "cardinality", "enumerate_dataset", "get_single_element", "ignore_errors", "map_and_batch", "scan",
           "shuffle_and_repeat", "take_while", "unbatch"]
