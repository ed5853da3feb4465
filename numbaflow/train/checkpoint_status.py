"""What a restore gives back: how much of the file and of the objects was matched, and assertions about it."""
import logging
import weakref
from collections import deque

from numbaflow.core.containers import Contents, DictWrapper, ListWrapper

from .checkpoint_graph import graph_of

_log = logging.getLogger("numbaflow")
_FEW = 10                       # names that a message lists


class Progress:
    """What of a file was matched with objects so far; a restore and its status share it."""

    def __init__(self, path, nodes):
        self.path, self._nodes, self._names = path, nodes, None
        self.partial = False            # whether that is expected
        self.unresolved = dict.fromkeys(range(len(nodes)))
        self.unused = {}                # node -> attributes that its object does not have
        self._objects = {}              # id -> weak reference to an object that was matched

    def match(self, index, found):
        """A node's object is there."""
        self.unresolved.pop(index, None)
        self._objects[id(found)] = weakref.ref(found)

    def note_unused(self, index, attributes):
        """An object does not know these attributes of its node."""
        if attributes:
            self.unused[index] = sorted(attributes)

    def has_matched(self, found):
        """Whether the object was matched with a node."""
        reference = self._objects.get(id(found))
        return reference is not None and reference() is found

    def matches(self):
        """The number of nodes that were matched."""
        return len(self._nodes) - len(self.unresolved)

    def name(self, index):
        """A node as users know it: "(root).model.kernel"."""
        if self._names is None:
            self._names = _names(self._nodes)
        return self._names.get(index, f"object {index}")

    def warn_of_rest(self):
        """Log what was not used, unless that was expected."""
        if not self.partial and (self.unresolved or self.unused):
            _log.warning("checkpoint %r was restored, but not all of its values were used: %s.  Call "
                         "expect_partial() on what restore() gives to say that this is intended, "
                         "assert_consumed() to make it an error.", self.path, "; ".join(self._rest()))

    def _rest(self):
        if self.unresolved:
            yield "no object for " + _few(self.name(index) for index in self.unresolved)
        if self.unused:
            yield "no use for " + _few(f"{self.name(index)}: {', '.join(names)}"
                                       for index, names in self.unused.items())


def _names(nodes):
    names, waiting = {0: "(root)"}, deque([0])
    while waiting:
        at = waiting.popleft()
        for name, child in nodes[at]["children"].items():
            if child not in names:
                names[child] = f"{names[at]}.{name}"
                waiting.append(child)
    for at, node in enumerate(nodes):
        for variable, name, slot in node["slots"]:
            names.setdefault(slot, f"{names[at]}'s state {name!r} for {names[variable]}")
    return names


def _few(names):
    names = list(names)
    return ", ".join(names[:_FEW]) + (f" and {len(names) - _FEW} more" if len(names) > _FEW else "")


class InitializationOnlyStatus:
    """The status of a restore from None: nothing is restored, and every assertion says so."""

    def __init__(self, root):
        self._root = root

    def _refuse(self):
        raise AssertionError("No checkpoint specified (save_path=None); nothing is being restored.")

    assert_consumed = assert_existing_objects_matched = assert_nontrivial_match = _refuse

    def expect_partial(self):
        """Returns the status."""
        return self

    def initialize_or_restore(self, session=None):
        """Does nothing: variables are initialized when they are made."""

    def run_restore_ops(self, session=None):
        """AssertionError, as nothing is being restored."""
        self._refuse()


class CheckpointLoadStatus:
    """The status of a restore; its assertions return it, so that they can be chained.

    >>> import numbaflow as nf, tempfile
    >>> saved = nf.train.Checkpoint(x=nf.Variable(1.0)).save(tempfile.mkdtemp() + "/ckpt")
    >>> other = nf.train.Checkpoint(x=nf.Variable(2.0), y=nf.Variable(3.0))
    >>> status = other.restore(saved).assert_nontrivial_match()
    >>> status.assert_existing_objects_matched()
    Traceback (most recent call last):
        ...
    AssertionError: Some Python objects were not bound to checkpointed values, likely due to changes in the \
Python program: (root).y, Variable 'Variable:0'
    """

    def __init__(self, root, restoration):
        self._root, self._restoration, self._progress = root, restoration, restoration.progress

    def assert_consumed(self):
        """AssertionError unless all of the file and all objects were matched."""
        self.assert_existing_objects_matched()
        progress = self._progress
        if progress.unresolved:
            names = _few(map(progress.name, progress.unresolved))
            raise AssertionError(f"Unresolved object in checkpoint {progress.path!r}: {names}")
        if progress.unused:
            unused = _few(f"{progress.name(index)}: {', '.join(names)}"
                          for index, names in progress.unused.items())
            raise AssertionError("Unused attributes in these objects (the attributes exist in the checkpoint "
                                 f"{progress.path!r} but were not restored): {unused}")
        return self

    def assert_existing_objects_matched(self):
        """AssertionError unless all objects that are there were matched."""
        strangers = self._unmatched()
        if strangers:
            raise AssertionError("Some Python objects were not bound to checkpointed values, likely due to "
                                 f"changes in the Python program: {_few(strangers)}")
        return self

    def assert_nontrivial_match(self):
        """AssertionError unless something below the root was matched."""
        if self._progress.matches() <= 1:
            strangers = self._unmatched()
            if strangers:
                raise AssertionError(
                    "Nothing except the root object matched a checkpointed value.  Typically this means that "
                    f"the checkpoint {self._progress.path!r} does not match the Python program.  The "
                    f"following objects have no matching checkpointed value: {_few(strangers)}")
            raise AssertionError(f"Nothing to load.  No dependencies have been added to {self._root!r} yet.")
        return self

    def _unmatched(self):
        graph = graph_of(self._root)
        return [described(path, found) for found, children, path
                in zip(graph.objects, graph.children, graph.paths, strict=True)
                if not self._progress.has_matched(found) and not _is_empty(found, children)]

    def expect_partial(self):
        """Say that some values will not be used: nothing is logged about them.  Returns the status."""
        self._progress.partial = True
        return self

    def initialize_or_restore(self, session=None):
        """Does nothing: values are assigned when objects and checkpoint meet."""

    def run_restore_ops(self, session=None):
        """Does nothing: values are assigned when objects and checkpoint meet."""


def _is_empty(found, children):
    """Whether it is a container in which there is nothing to match."""
    return isinstance(found, (ListWrapper, DictWrapper, Contents)) and not children


def described(path, found):
    """An object as users know it: "(root).x, Variable 'Variable:0'"."""
    name = getattr(found, "name", None)
    return f"{'.'.join(['(root)', *path])}, {type(found).__name__}" + (f" {name!r}" if name else "")


class NameBasedSaverStatus:
    """The status of a restore from a file of a Saver, which matches variables by their names."""

    def __init__(self, path, matches, missing, unused):
        self._path, self._matches, self._missing, self._unused = path, matches, missing, unused

    def assert_consumed(self):
        """AssertionError unless all of the file and all variables were matched."""
        self.assert_existing_objects_matched()
        if self._unused:
            raise AssertionError(f"Unused values in checkpoint {self._path!r}: {_few(self._unused)}")
        return self

    def assert_existing_objects_matched(self):
        """AssertionError unless all variables were found, but for save_counter, which a Saver lacks."""
        if self._missing:
            raise AssertionError(f"Variables whose names are not in checkpoint {self._path!r}: "
                                 f"{_few(self._missing)}")
        return self

    def assert_nontrivial_match(self):
        """AssertionError unless some variable was found."""
        if not self._matches:
            raise AssertionError(f"Nothing in checkpoint {self._path!r} matched the name of a variable.")
        return self

    def expect_partial(self):
        """Returns the status."""
        return self

    def initialize_or_restore(self, session=None):
        """Does nothing: values were assigned."""

    def run_restore_ops(self, session=None):
        """Does nothing: values were assigned."""
