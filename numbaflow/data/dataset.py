"""Dataset: the public face of pipelines.  Every method makes a new dataset around one more stage."""
import glob
import os

from numbaflow.core import nest
from numbaflow.core.errors import InvalidArgumentError

from . import batching, caching, mapping, nesting, selecting, shuffling, sources, workers
from .elements import classes_of, is_dataset, shapes_of, types_of
from .iterator import Iterator


class Dataset:
    """A sequence of elements that is made while it is iterated.

    An element is a tensor, or a tuple, named tuple or dict of elements; a list becomes one tensor.  Functions
    given to `map` and the like are called eagerly, with the parts of a tuple as separate arguments.

    Where the source is arrays, shuffle, repeat, take, skip, shard, cache, concatenate and zip move indices
    only, and `batch` gathers all rows of a batch at once.  Arrays are copied once, when the dataset is made;
    tensors are shared, for they do not change, and elements are views of them.

    >>> import numbaflow as nf
    >>> features, labels = [[1.0], [2.0], [3.0]], [0, 1, 0]
    >>> dataset = nf.data.Dataset.from_tensor_slices((nf.constant(features), nf.constant(labels)))
    >>> for x, y in dataset.map(lambda x, y: (x * 10.0, y)).batch(2):
    ...     print(x.numpy().tolist(), y.numpy().tolist())
    [[10.0], [20.0]] [0, 1]
    [[30.0]] [0]
    """

    __slots__ = ("__weakref__", "_stage")

    def __init__(self):
        raise TypeError("make a Dataset with from_tensor_slices, from_tensors, from_generator, range, zip or "
                        "list_files")

    # ---- sources
    @staticmethod
    def from_tensors(tensors):
        """A dataset of one element.

        >>> import numbaflow as nf
        >>> [x.numpy().tolist() for x in nf.data.Dataset.from_tensors([1, 2])]
        [[1, 2]]
        """
        return made(sources.from_tensors(tensors))

    @staticmethod
    def from_tensor_slices(tensors):
        """The slices of tensors along their first axis.

        Args:
            tensors: a tensor or a structure of them, of the same length.

        >>> import numbaflow as nf
        >>> [(x["a"].numpy().item()) for x in nf.data.Dataset.from_tensor_slices({"a": [1, 2]})]
        [1, 2]
        """
        return made(sources.from_tensor_slices(tensors))

    @staticmethod
    def from_generator(generator, output_types, output_shapes=None, args=None):
        """What a Python generator yields.

        Args:
            generator: a function that returns an iterator; called anew for each pass.
            output_types: the dtype of elements, or a tuple or dict of them.
            output_shapes: their shapes, in which None varies; anything unless given.
            args: tensors that the function is called with, as NumPy arrays.

        An element of another type, shape or structure raises InvalidArgumentError; the one after it follows.

        >>> import numbaflow as nf
        >>> squares = nf.data.Dataset.from_generator(lambda: (i * i for i in range(3)), nf.int64)
        >>> [x.numpy().item() for x in squares]
        [0, 1, 4]
        """
        return made(sources.Generated(generator, output_types, output_shapes, args))

    @staticmethod
    def range(*args):
        """The int64 numbers of range(stop), range(start, stop) or range(start, stop, step).

        >>> import numbaflow as nf
        >>> [x.numpy().item() for x in nf.data.Dataset.range(1, 6, 2)]
        [1, 3, 5]
        """
        return made(sources.numbers(*args))

    @staticmethod
    def zip(datasets):
        """Elements of several datasets together, until one of them ends.

        Args:
            datasets: a tuple or dict of datasets, or a structure of those.

        >>> import numbaflow as nf
        >>> a, b = nf.data.Dataset.range(3), nf.data.Dataset.range(5, 10)
        >>> [(x.numpy().item(), y.numpy().item()) for x, y in nf.data.Dataset.zip((a, b))]
        [(0, 5), (1, 6), (2, 7)]
        """
        if isinstance(datasets, list):
            raise TypeError("zip: the argument must be a (nested) tuple or dict of datasets, got a list")
        for dataset in nest.flatten(datasets):
            if not is_dataset(dataset):
                raise TypeError("zip: the argument must be a (nested) tuple or dict of datasets, got "
                                f"{type(dataset).__name__}")
        return made(selecting.Zip(nest.map_structure(lambda dataset: dataset._stage, datasets)))

    @staticmethod
    def list_files(file_pattern, shuffle=None, seed=None):
        """The names of the files that match patterns, shuffled unless `shuffle` is False.

        Raises:
            InvalidArgumentError: no file matches.
        """
        patterns = [file_pattern] if isinstance(file_pattern, (str, bytes)) else list(file_pattern)
        names = sorted({name for p in patterns for name in glob.glob(_text(p))})
        if not names:
            raise InvalidArgumentError(f"No files matched pattern: {', '.join(map(_text, patterns))}")
        dataset = Dataset.from_tensor_slices(names)
        return dataset if shuffle is False else dataset.shuffle(len(names), seed)

    # ---- which elements
    def concatenate(self, dataset):
        """These elements and then those of another dataset of the same types; TypeError for others.

        >>> import numbaflow as nf
        >>> [x.numpy().item() for x in nf.data.Dataset.range(2).concatenate(nf.data.Dataset.range(7, 8))]
        [0, 1, 7]
        """
        return made(selecting.Concatenate(self._stage, _dataset(dataset, "concatenate")._stage))

    def repeat(self, count=None):
        """The elements `count` times over; None or -1 for ever.

        >>> import numbaflow as nf
        >>> [x.numpy().item() for x in nf.data.Dataset.range(2).repeat(2)]
        [0, 1, 0, 1]
        """
        return made(selecting.Repeat(self._stage, count))

    def take(self, count):
        """The first `count` elements; -1 for all.

        >>> import numbaflow as nf
        >>> [x.numpy().item() for x in nf.data.Dataset.range(9).take(2)]
        [0, 1]
        """
        return made(selecting.Take(self._stage, count))

    def skip(self, count):
        """All but the first `count` elements; -1 for none.

        >>> import numbaflow as nf
        >>> [x.numpy().item() for x in nf.data.Dataset.range(4).skip(2)]
        [2, 3]
        """
        return made(selecting.Skip(self._stage, count))

    def shard(self, num_shards, index):
        """Every num_shards-th element, from number `index` on: one worker's share.

        >>> import numbaflow as nf
        >>> [x.numpy().item() for x in nf.data.Dataset.range(7).shard(3, 1)]
        [1, 4]
        """
        return made(selecting.Shard(self._stage, num_shards, index))

    def filter(self, predicate):
        """The elements for which predicate(element) is true, a scalar bool.

        >>> import numbaflow as nf
        >>> [x.numpy().item() for x in nf.data.Dataset.range(5).filter(lambda x: x % 2 == 0)]
        [0, 2, 4]
        """
        return made(mapping.Filter(self._stage, predicate))

    filter_with_legacy_function = filter

    def shuffle(self, buffer_size, seed=None, reshuffle_each_iteration=None):
        """The elements in random order.

        A buffer of buffer_size elements is filled; each that leaves it at random makes room for the next.
        Two datasets of one seed give the same order.  Without a seed the key comes from nf.set_random_seed
        when the dataset is made.

        Args:
            buffer_size: as large as the dataset for a uniform order.
            seed: an integer.
            reshuffle_each_iteration: another order in every pass and for every iterator, unless False.

        >>> import numbaflow as nf
        >>> sorted(x.numpy().item() for x in nf.data.Dataset.range(4).shuffle(4))
        [0, 1, 2, 3]
        """
        return made(shuffling.Shuffle(self._stage, buffer_size, seed, reshuffle_each_iteration))

    # ---- calls of functions
    def map(self, map_func, num_parallel_calls=None):
        """map_func of every element, called eagerly; it may return any structure.

        Args:
            map_func: takes the parts of a tuple as separate arguments, any other element as one.
            num_parallel_calls: how many threads call it, -1 for as many as processors; the order stays.
                Kernels run side by side, Python code by turns.

        >>> import numbaflow as nf
        >>> [x.numpy().item() for x in nf.data.Dataset.range(3).map(lambda x: x * x)]
        [0, 1, 4]
        """
        return made(mapping.Map(self._stage, map_func, num_parallel_calls))

    map_with_legacy_function = map

    def flat_map(self, map_func):
        """The elements of the datasets that map_func makes, one dataset after the other.

        >>> import numbaflow as nf
        >>> d = nf.data.Dataset.range(3).flat_map(lambda n: nf.data.Dataset.range(n))
        >>> [x.numpy().item() for x in d]
        [0, 0, 1]
        """
        return made(nesting.Interleave(self._stage, map_func, name="flat_map"))

    def interleave(self, map_func, cycle_length, block_length=1, num_parallel_calls=None):
        """The elements of the datasets that map_func makes, cycle_length of them by turns.

        Args:
            map_func: makes a dataset of an element.
            cycle_length: how many are open at a time; -1 for as many as processors.
            block_length: how many elements each gives in its turn.
            num_parallel_calls: not None or 1: each open dataset is read ahead in a thread; the order stays.

        >>> import numbaflow as nf
        >>> d = nf.data.Dataset.range(1, 3)
        >>> d = d.interleave(lambda n: nf.data.Dataset.from_tensors(n).repeat(3), 2, 2)
        >>> [x.numpy().item() for x in d]
        [1, 1, 2, 2, 1, 2]
        """
        return made(nesting.Interleave(self._stage, map_func, cycle_length, block_length, num_parallel_calls))

    def reduce(self, initial_state, reduce_func):
        """The state after reduce_func(state, element), which returns the next state, of all elements.

        >>> import numbaflow as nf
        >>> nf.data.Dataset.range(5).reduce(nf.constant(0, nf.int64), lambda total, x: total + x).numpy()
        np.int64(10)
        """
        return mapping.reduce(self._stage, initial_state, reduce_func)

    def apply(self, transformation_func):
        """transformation_func(self), which must be a dataset.

        >>> import numbaflow as nf
        >>> len(list(nf.data.Dataset.range(3).apply(lambda d: d.take(2))))
        2
        """
        return _dataset(transformation_func(self), "apply: what the function returned")

    # ---- batches
    def batch(self, batch_size, drop_remainder=False):
        """Elements stacked by batch_size; the last batch may hold fewer unless drop_remainder.

        Raises:
            InvalidArgumentError: elements of different shapes.

        >>> import numbaflow as nf
        >>> [x.numpy().tolist() for x in nf.data.Dataset.range(5).batch(2)]
        [[0, 1], [2, 3], [4]]
        """
        return made(batching.Batch(self._stage, batch_size, drop_remainder))

    def padded_batch(self, batch_size, padded_shapes=None, padding_values=None, drop_remainder=False):
        """Elements stacked after being padded at the ends of their axes.

        Args:
            batch_size: elements in a batch.
            padded_shapes: a shape for each component; None or -1 in it is the largest of the batch.
            padding_values: a scalar for each component; 0 or the empty string unless given.
            drop_remainder: whether a last batch with fewer elements is left out.

        Raises:
            DataLossError: an element that is larger than the padded shape.

        >>> import numbaflow as nf
        >>> d = nf.data.Dataset.range(1, 4).map(lambda n: nf.fill([n], n)).padded_batch(3, [None])
        >>> [x.numpy().tolist() for x in d]
        [[[1, 0, 0], [2, 2, 0], [3, 3, 3]]]
        """
        return made(batching.PaddedBatch(self._stage, batch_size, padded_shapes, padding_values,
                                         drop_remainder))

    def unbatch(self):
        """The rows of every element as elements.

        >>> import numbaflow as nf
        >>> [x.numpy().item() for x in nf.data.Dataset.from_tensors([1, 2]).unbatch()]
        [1, 2]
        """
        return made(batching.Unbatch(self._stage))

    def window(self, size, shift=None, stride=1, drop_remainder=False):
        """Datasets of `size` elements each; for elements of several components a structure of datasets.

        Args:
            size: elements in a window.
            shift: how many elements further the next window begins; `size` unless given.
            stride: how many elements further the next one of a window is.
            drop_remainder: whether windows with fewer elements are left out.

        >>> import numbaflow as nf
        >>> [[x.numpy().item() for x in w] for w in nf.data.Dataset.range(5).window(3, shift=2)]
        [[0, 1, 2], [2, 3, 4], [4]]
        """
        return made(nesting.Window(self._stage, size, shift, stride, drop_remainder, window_of))

    def enumerate(self, start=0):
        """Pairs (number, element), the numbers int64 from `start` on.

        >>> import numbaflow as nf
        >>> [(i.numpy().item(), x.numpy().item()) for i, x in nf.data.Dataset.range(5, 7).enumerate()]
        [(0, 5), (1, 6)]
        """
        return Dataset.zip((made(sources.counter(start, 1)), self))

    # ---- speed
    def cache(self, filename=""):
        """The elements of the first whole pass, kept in memory, or in a file, for the passes after it.

        Memory is shared by all iterators of this dataset; a file also serves programs that run later.

        >>> import numbaflow as nf
        >>> d = nf.data.Dataset.range(2).map(lambda x: print("made", x.numpy()) or x).cache().repeat(2)
        >>> [x.numpy().item() for x in d]
        made 0
        made 1
        [0, 1, 0, 1]
        """
        name = os.fspath(filename)
        return made(caching.FileCache(self._stage, name) if name else caching.Cache(self._stage))

    def prefetch(self, buffer_size):
        """Elements made in a thread, up to buffer_size before they are asked for; -1 (AUTOTUNE) for 2."""
        return made(workers.Prefetch(self._stage, buffer_size))

    def options(self):
        """The options of the dataset, which change nothing here."""
        return Options()

    def with_options(self, options):
        """The dataset itself: options change nothing here."""
        if not isinstance(options, Options):
            raise TypeError(f"with_options: expected nf.data.Options, got {type(options).__name__}")
        return self

    # ---- what it is
    output_types = property(lambda self: types_of(self._stage.spec),
                            doc="The dtypes of elements; after a map its first element is made to see.")
    output_shapes = property(lambda self: shapes_of(self._stage.spec),
                             doc="The shapes of elements, None where they vary; after a map the first's.")
    output_classes = property(lambda self: classes_of(self._stage.spec),
                              doc="The classes of elements' leaves.")

    def __iter__(self):
        return Iterator(self)

    def make_one_shot_iterator(self):
        """An iterator over the dataset."""
        return Iterator(self)

    def make_initializable_iterator(self, shared_name=None):
        """Not for eager execution."""
        raise RuntimeError("dataset.make_initializable_iterator is not supported when eager execution is "
                           "enabled.")

    def __repr__(self):
        return f"<Dataset {self._stage.path}>"


class Options:
    """What TensorFlow programs set on datasets; accepted, and without effect."""


def made(stage):
    """The dataset of a stage."""
    dataset = object.__new__(Dataset)
    dataset._stage = stage
    return dataset


def window_of(elements):
    """The dataset of elements at hand."""
    return made(sources.Elements("window", elements))


def _dataset(value, where):
    if not is_dataset(value):
        raise TypeError(f"{where}: expected a Dataset, got {type(value).__name__}")
    return value


def _text(name):
    return name.decode() if isinstance(name, bytes) else str(name)


