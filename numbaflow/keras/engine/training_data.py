"""What a model is trained on, as batches (inputs, targets, sample weights), whatever it came as.

Arrays are cut into batches here, by views, or by one gather of each array where they are shuffled.  All else
comes in batches already: datasets, sequences, iterators.
"""
import logging

import numpy as np

from numbaflow.core import dtypes, nest
from numbaflow.core.device import CPU, device
from numbaflow.core.placement import DeviceTensor, fetch
from numbaflow.core.tensor import Tensor, as_tensor, wrap
from numbaflow.core.variable import Variable
from numbaflow.data import Dataset
from numbaflow.data.stage import INFINITE, UNKNOWN
from numbaflow.keras.utils.sequence import Sequence
from numbaflow.ops.casting import cast
from numbaflow.ops.random import random_key
from numbaflow.ops.sampling import permutation_draw

_log = logging.getLogger("numbaflow")
_FLOATS = (dtypes.FLOAT32, dtypes.FLOAT64)


# ---- values
def as_structure(value, dtype, what):
    """Tensors of what a user gave for `what`, in the same structure; floats get the model's dtype.

    A list that holds arrays, tensors or variables is a structure of them; any other is an array written out.
    """
    if value is None or type(value) is Tensor:
        return value if value is None or value._dtype is dtype or value._dtype not in _FLOATS \
            else cast(value, dtype)
    if isinstance(value, dict):
        return {key: as_structure(part, dtype, f"{what}[{key!r}]") for key, part in value.items()}
    if isinstance(value, (list, tuple)) and _holds_arrays(value):
        return [as_structure(part, dtype, f"{what}[{k}]") for k, part in enumerate(value)]
    if isinstance(value, Variable):
        return as_structure(value.value(), dtype, what)
    if isinstance(value, DeviceTensor):
        return value if value._dtype is dtype or value._dtype not in _FLOATS else cast(value, dtype)
    return _of_array(value, dtype, what)


def _holds_arrays(values):
    return any(part is None or isinstance(part, (Tensor, Variable, np.ndarray, dict))
               or hasattr(part, "__array__") for part in values)


def _of_array(value, dtype, what):
    """The tensor of an array, which shares its memory where the dtype is right."""
    if not isinstance(value, np.ndarray):
        value = np.asarray(value if hasattr(value, "__array__") else as_tensor(value))
    if value.dtype.kind not in "biufc":
        raise TypeError(f"{what}: numbers are expected, got an array of {value.dtype}")
    wanted = dtype if value.dtype.kind == "f" else dtypes.as_numpy(value.dtype)
    if value.dtype != wanted:
        return wrap(value.astype(wanted))
    return wrap(np.asarray(value).view(wanted))         # (the one dtype object, see core.tensor.as_array)


def size_of(x):
    """The number of examples in a batch of inputs."""
    if type(x) is Tensor:
        return x._data.shape[0] if x._data.ndim else 1
    if isinstance(x, DeviceTensor):
        return x.shape[0] if x.ndim else 1
    return size_of(nest.flatten(x)[0])


def _class_weights(y, weights):
    """The weight of each example by its class."""
    y = fetch(y)
    if y.ndim > 2:
        raise ValueError(f"class_weight: targets of shape {y.shape} are not one class for each example")
    classes = y.argmax(1) if y.ndim == 2 and y.shape[1] > 1 else y.reshape(-1).astype(np.int64)
    found, places = np.unique(classes, return_inverse=True)
    missing = [int(c) for c in found if int(c) not in weights]
    if missing:
        raise ValueError(f"class_weight has no weight for the classes {missing}, which are among the "
                         f"targets; it has {sorted(weights)}")
    return np.array([weights[int(c)] for c in found], np.float32)[places]


def weighted(y, sample_weight, class_weight):
    """Sample weights times those of the targets' classes; each of y may be a list or a dict of outputs."""
    if class_weight is None:
        return sample_weight
    if isinstance(y, dict):
        given, own = sample_weight or {}, class_weight
        return {name: weighted(part, given.get(name), own.get(name)) for name, part in y.items()}
    if isinstance(y, (list, tuple)):
        given = sample_weight or [None] * len(y)
        if len(class_weight) != len(y) or not isinstance(class_weight, (list, tuple)):
            raise ValueError(f"class_weight: a list of {len(y)} dicts is expected for {len(y)} targets, got "
                             f"{class_weight!r}")
        return [weighted(*part) for part in zip(y, given, class_weight, strict=True)]
    by_class = _class_weights(y, class_weight)
    if sample_weight is None:
        return wrap(by_class)
    return wrap(fetch(sample_weight) * by_class.astype(sample_weight._dtype).reshape(
        -1, *[1] * (sample_weight.ndim - 1)))


# ---- arrays
def _permutation(n):
    """The numbers below n in a random order."""
    with device(CPU):
        return permutation_draw(n, random_key())._data


def _on_host(tensor):
    """The tensor of the CPU; batches are copied to where the model is."""
    return wrap(fetch(tensor)) if isinstance(tensor, DeviceTensor) else tensor


class ArrayBatches:
    """Arrays cut into batches.

    Args:
        x, y, sample_weight: structures of tensors whose first axis is the examples'; y and sample_weight may
            be None.
        batch_size: the number of examples in each batch but the last.
        shuffle: whether each pass has an order of its own: True for examples, "batch" for batches.
    """

    restarts = True

    def __init__(self, x, y, sample_weight, batch_size, shuffle=False):
        x, y, sample_weight = [nest.map_structure(_on_host, part) for part in (x, y, sample_weight)]
        self._structure, self.batch_size, self._shuffle = (x, y, sample_weight), batch_size, shuffle
        self._arrays = [t._data for t in nest.flatten(self._structure) if t is not None]
        self.samples = _examples(x, y, sample_weight)
        self.steps = -(-self.samples // batch_size)
        self._plain = type(x) is Tensor and all(p is None or type(p) is Tensor for p in (y, sample_weight))

    def split(self, share):
        """Two: all but the last `share` of the examples, and those."""
        at = int(self.samples * (1.0 - share))
        if not 0 < at < self.samples:
            raise ValueError(f"validation_split of {share} of {self.samples} examples leaves {at} for "
                             f"training and {self.samples - at} for validation")
        first, last = [nest.map_structure(lambda t, part=part: None if t is None else wrap(t._data[part]),
                                          self._structure) for part in (slice(at), slice(at, None))]
        return (ArrayBatches(*first, self.batch_size, self._shuffle),
                ArrayBatches(*last, self.batch_size))

    def one_pass(self):
        """The batches, in a new order where they are shuffled."""
        size, arrays = self.batch_size, self._arrays
        if self._shuffle is True:
            order = _permutation(self.samples)
            for start in range(0, self.samples, size):
                rows = order[start:start + size]
                yield self._packed([wrap(a.take(rows, 0)) for a in arrays])
        else:
            for start in self._starts():
                yield self._packed([wrap(a[start:start + size]) for a in arrays])

    def _starts(self):
        if self._shuffle == "batch":
            return (_permutation(self.steps) * self.batch_size).tolist()
        return range(0, self.samples, self.batch_size)

    def _packed(self, tensors):
        if self._plain:
            given = iter(tensors)
            return tuple([None if part is None else next(given) for part in self._structure])
        given = iter(tensors)
        return nest.map_structure(lambda t: None if t is None else next(given), self._structure)

    def end_epoch(self):
        """Nothing to do."""


def _examples(x, y, sample_weight):
    """The number of examples in arrays, which must agree."""
    sizes = {}
    for what, part in (("x", x), ("y", y), ("sample_weight", sample_weight)):
        for t in nest.flatten(part):
            if t is None:
                continue
            if not t._data.ndim:
                raise ValueError(f"{what}: an array whose first axis is the examples' is expected, got one "
                                 f"number, {t._data}")
            sizes.setdefault(t._data.shape[0], what)
    if len(sizes) > 1:
        raise ValueError("arrays of different lengths: " + ", ".join(
            f"{what} has {n} examples" for n, what in sizes.items()))
    if not sizes or 0 in sizes:
        raise ValueError("the data is empty: x has no examples" if sizes else "the data is empty: no arrays")
    return next(iter(sizes))


# ---- what comes in batches
class StreamBatches:
    """Batches that a source gives: a dataset, an iterator, anything that can be iterated over.

    Args:
        source: gives x, (x, y) or (x, y, sample_weight); a list of two or three is taken for a tuple.
        dtype: what floats become.
        class_weight: weights of the targets' classes, or None.
        what: "dataset", say, for errors.
    """

    batch_size = samples = None
    restarts = False

    def __init__(self, source, dtype, class_weight, what):
        self._source, self._dtype, self._class_weight, self._what = source, dtype, class_weight, what
        count = _cardinality(source)
        self.steps = count if count >= 0 else None

    def one_pass(self):
        """The batches of a new iterator, of which an iterator has one only."""
        return map(self._batch, iter(self._source))

    def _batch(self, element):
        if not isinstance(element, (tuple, list)):
            element = (element,)
        if not 1 <= len(element) <= 3:
            raise ValueError(f"a {self._what} should give x, (x, y) or (x, y, sample_weight), got a "
                             f"{type(element).__name__} of {len(element)}")
        x, y, weight = (*element, None, None)[:3]
        x, y, weight = [as_structure(p, self._dtype, n)
                        for p, n in ((x, "x"), (y, "y"), (weight, "sample_weight"))]
        return _unpacked(x), _unpacked(y), weighted(_unpacked(y), _unpacked(weight), self._class_weight)

    def end_epoch(self):
        """Nothing to do."""


class SequenceBatches(StreamBatches):
    """The batches of a keras.utils.Sequence, in a new order each pass where they are shuffled."""

    restarts = True

    def __init__(self, source, dtype, class_weight, shuffle):
        super().__init__(source, dtype, class_weight, "Sequence")
        self._shuffle = shuffle
        if not self.steps:
            raise ValueError("the data is empty: the Sequence has no batches")

    def one_pass(self):
        count = self.steps = len(self._source)
        order = _permutation(count).tolist() if self._shuffle else range(count)
        return (self._batch(self._source[k]) for k in order)

    def end_epoch(self):
        """Tell the sequence."""
        self._source.on_epoch_end()


def _unpacked(value):
    """The one of a list of one."""
    return value[0] if isinstance(value, list) and len(value) == 1 else value


# ---- choosing
def batches(x, y=None, sample_weight=None, batch_size=None, steps=None, shuffle=False, class_weight=None,
            dtype=dtypes.FLOAT32, steps_name="steps"):
    """The batches of what a model's methods take as data.

    Raises:
        ValueError: y, weights or a batch size beside data that comes in batches; a stream without an end and
            no number of steps; arrays of different lengths; no data.
    """
    if x is None:
        raise ValueError("the data is empty: x is None")
    if _is_stream(x):
        _refuse_beside(x, y=y, sample_weight=sample_weight, batch_size=batch_size)
        return _of_stream(x, steps, shuffle, class_weight, dtype, steps_name)
    x, y, sample_weight = [_unpacked(as_structure(part, dtype, what)) for part, what in
                           ((x, "x"), (y, "y"), (sample_weight, "sample_weight"))]
    count = _examples(x, y, sample_weight)
    if class_weight is not None and y is not None:
        sample_weight = weighted(y, sample_weight, class_weight)
    size = batch_size if batch_size is not None else -(-count // steps) if steps else 32
    if not (isinstance(size, (int, np.integer)) and size > 0):
        raise ValueError(f"batch_size is a positive int, got {batch_size!r}")
    return ArrayBatches(x, y, sample_weight, int(size), shuffle)


def _is_stream(x):
    return isinstance(x, (Dataset, Sequence)) or hasattr(x, "__next__") or (
        hasattr(x, "__iter__") and not isinstance(x, (list, tuple, dict, Tensor, Variable))
        and not hasattr(x, "__array__"))


def _refuse_beside(x, **given):
    for name, value in given.items():
        if value is not None:
            raise ValueError(f"{name} goes with arrays only: the {_kind(x)} given as x makes its own batches "
                             "of (x, y, sample_weight)")


def _kind(x):
    return "dataset" if isinstance(x, Dataset) else "Sequence" if isinstance(x, Sequence) else \
        "iterator" if hasattr(x, "__next__") else type(x).__name__


def _of_stream(x, steps, shuffle, class_weight, dtype, steps_name):
    if isinstance(x, Sequence):
        return SequenceBatches(x, dtype, class_weight, shuffle)
    endless = _is_endless(x)
    if steps is None and endless:
        raise ValueError(f"the {_kind(x)} has no end that is known: say how many batches to take with the "
                         f"`{steps_name}` argument")
    return StreamBatches(x, dtype, class_weight, _kind(x))


def _is_endless(x):
    """Whether iterating over it may never end: a dataset that says so, any iterator."""
    return hasattr(x, "__next__") or _cardinality(x) == INFINITE


def _cardinality(x):
    """The number of batches, INFINITE or UNKNOWN."""
    if isinstance(x, Dataset):
        return x._stage.cardinality()
    return len(x) if hasattr(x, "__len__") else UNKNOWN


class Feed:
    """The batches of one pass after another.

    Without `steps` a pass is the source's own.  With it a pass is so many batches, and the next goes on where
    it stopped; arrays and sequences start again when they are used up, a stream that is has no more passes.
    """

    def __init__(self, source, steps=None, fresh=False):
        if steps is not None and not (isinstance(steps, (int, np.integer)) and steps > 0):
            raise ValueError(f"a number of steps is a positive int, got {steps!r}")
        self.source, self._given, self._fresh, self._running = source, steps, fresh, None
        self.ended = self._gave = False

    @property
    def steps(self):
        """The number of batches in a pass, None while that is not known."""
        return self.source.steps if self._given is None else self._given

    def one_pass(self):
        """Its batches."""
        if self._given is None:
            yield from self._whole()
            return
        if self._running is None or self._fresh:
            self._running = self.source.one_pass()
        for done in range(self._given):
            batch = next(self._running, None)
            if batch is None and self.source.restarts:
                self._running = self.source.one_pass()
                batch = next(self._running, None)
            if batch is None:
                self._run_out(done)
                return
            self._gave = True
            yield batch

    def _whole(self):
        count = 0
        for batch in self.source.one_pass():
            yield batch
            count += 1
        if not count:
            raise ValueError("the data is empty: it gave no batches")
        self.source.steps = count

    def _run_out(self, done):
        if not self._gave:
            raise ValueError("the data is empty: it gave no batches")
        self.ended = True
        _log.warning("The data ran out after %d of %d steps; it should give at least steps * epochs batches "
                     "(repeat() makes a dataset do so)", done, self._given)
