"""Iterator: one run through a dataset, whose position a checkpoint can hold."""
import threading

from numbaflow.core.errors import OutOfRangeError
from numbaflow.core.trackable import Trackable

from . import state
from .elements import classes_of, shapes_of, types_of

_POSITION = "ITERATOR_STATE"


class Iterator(Trackable):
    """One run through a dataset; several over one dataset are independent.

    `tfe.Iterator(dataset)`, `iter(dataset)` and `dataset.make_one_shot_iterator()` make one.  In a checkpoint
    it keeps its position: how far each step is, the keys and indices of a shuffle, the elements that wait in
    buffers.  A generator keeps the number of values it gave, and a restore runs it again that far.

    >>> import numbaflow as nf
    >>> it = nf.contrib.eager.Iterator(nf.data.Dataset.range(5))
    >>> next(it).numpy(), it.get_next().numpy()
    (np.int64(0), np.int64(1))
    """

    def __init__(self, dataset):
        if not hasattr(dataset, "_stage"):
            raise TypeError("`dataset` must be an instance of `nf.data.Dataset`, got "
                            f"{type(dataset).__name__}")
        self._stage, self._lock = dataset._stage, threading.Lock()
        self._stream, self._ended = self._stage.stream(), False

    def __iter__(self):
        return self

    def __next__(self):
        with self._lock:
            if not self._ended:
                run = self._stream.read(1)
                if len(run):
                    return run[0]
                self._ended = True
        raise StopIteration

    def next(self):
        """The next element; StopIteration at the end."""
        return self.__next__()

    def get_next(self, name=None):
        """The next element; OutOfRangeError at the end and from then on."""
        try:
            return self.__next__()
        except StopIteration:
            raise OutOfRangeError("End of sequence") from None

    output_types = property(lambda self: types_of(self._stage.spec), doc="The dtypes of elements.")
    output_shapes = property(lambda self: shapes_of(self._stage.spec), doc="The shapes of elements.")
    output_classes = property(lambda self: classes_of(self._stage.spec), doc="The classes of elements.")

    # ---- the position in checkpoints
    def _saved_values(self):
        with self._lock:
            position = {"pipeline": self._stage.path, "ended": self._ended, "stream": self._stream.save()}
            return {_POSITION: state.to_bytes(position)}

    def _check_values(self, values):
        self._position(values)

    def _position(self, values):
        if _POSITION not in values:
            raise ValueError(f"an iterator's position needs the entry {_POSITION!r}, got {sorted(values)}")
        position = state.from_bytes(values[_POSITION])
        if position.get("pipeline") != self._stage.path:
            raise ValueError(f"the position is one of the pipeline {position.get('pipeline')}, not of "
                             f"{self._stage.path}")
        return position

    def _restore_values(self, values):
        position = self._position(values)
        with self._lock:
            self._stream.restore(position["stream"])
            self._ended = position["ended"]
