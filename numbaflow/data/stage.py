"""What pipelines are made of: a Stage describes one step and never changes, a Stream is a step that runs.

The one idea: streams are read in runs, like files.  A run is a list of elements, or rows of indices into a
table of arrays (see tables.py); both have a length, slices and a sum, so that one stream class serves both.
"""
import functools

import numpy as np

from numbaflow.core.errors import InvalidArgumentError

from .elements import spec_of

INFINITE, UNKNOWN = -1, -2              # cardinalities
EMPTY = ()                              # the run at the end of a stream


class NoElements(InvalidArgumentError):
    """A dataset has no element that would tell its dtypes and shapes."""


class Stream:
    """A step that runs (abstract)."""

    __slots__ = ("__weakref__",)

    def read(self, n):
        """The next run of at most n > 0 items: shorter where that is easier, empty at the end only.

        An error leaves the stream where reading can go on; items read before it in the same run come first.
        """
        raise NotImplementedError

    def restart(self, turn):
        """Begin another pass, of that number; the first pass is number 0.

        Repeats in repeats give different numbers, which do not depend on how far a pass was read.
        """
        raise NotImplementedError

    def save(self):
        """The position: a structure of dicts, lists, numbers, strings and arrays."""
        raise NotImplementedError

    def restore(self, state):
        """Go to a position that a stream of the same stage saved."""
        raise NotImplementedError


class Stage:
    """One step of a pipeline (abstract).

    `name` is the user's name for it and `inputs` are the stages before it.
    """

    name = "dataset"
    inputs: tuple = ()

    def stream(self):
        """A new stream of elements."""
        raise NotImplementedError

    @functools.cached_property
    def table(self):
        """The table of which every element is a row, or None."""
        return None

    def indices(self):
        """A new stream of rows of indices into the table."""
        raise NotImplementedError

    def known_spec(self):
        """The spec of elements, or None where only running the pipeline tells."""
        return None

    @functools.cached_property
    def spec(self):
        """The spec of elements; where need be an element is made to see."""
        known = self.known_spec()
        return spec_of(self.example()) if known is None else known

    def example(self):
        """An element such as this stage gives; no stream that counts its passes is opened for it."""
        run = self.stream().read(1)
        if not len(run):
            raise NoElements(f"{self.path}: there is no first element to tell dtypes and shapes")
        return run[0]

    def cardinality(self):
        """The number of elements, INFINITE or UNKNOWN."""
        return UNKNOWN

    @functools.cached_property
    def path(self):
        """The steps up to this one, as errors show them."""
        return f"{self.inputs[0].path} -> {self.name}" if self.inputs else self.name


class Passing(Stage):
    """A stage whose elements are its input's in some order (abstract): it runs on indices as well."""

    def __init__(self, source):
        self.inputs = (source,)

    def over(self, stream):
        """The stream over a stream of the input, of elements or of indices."""
        raise NotImplementedError

    @functools.cached_property
    def table(self):
        return self.inputs[0].table

    def stream(self):
        if self.table is not None:
            return self.table.elements(self.indices())
        return self.over(self.inputs[0].stream())

    def indices(self):
        return self.over(self.inputs[0].indices())

    def known_spec(self):
        return self.inputs[0].known_spec()

    def example(self):
        return self.inputs[0].example()

    @functools.cached_property
    def spec(self):
        return self.inputs[0].spec


def is_indices(run):
    """Whether a run is rows of indices."""
    return type(run) is np.ndarray


def joined(runs):
    """Runs of one kind as one."""
    if len(runs) == 1:
        return runs[0]
    if runs and is_indices(runs[0]):
        return np.concatenate(runs)
    return [x for run in runs for x in run]


def read_fully(stream, n):
    """A run of exactly n items, fewer at the end only; what came before an error is lost."""
    run = stream.read(n)
    if len(run) == n or not len(run):
        return run
    runs, left = [run], n - len(run)
    while left and len(run := stream.read(left)):
        runs.append(run)
        left -= len(run)
    return joined(runs)


def whole(stream):
    """All that is left of a stream, as one run."""
    runs = []
    while len(run := stream.read(1 << 16)):
        runs.append(run)
    return joined(runs) if runs else EMPTY


def add_note(error, text):
    """Say on an error where it came from; the same as error.add_note of Python 3.11."""
    notes = getattr(error, "__notes__", [])
    if text not in notes:
        error.__notes__ = [*notes, text]
