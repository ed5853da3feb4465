"""Restoring: the graph of objects is walked side by side with the graph of nodes in a file.

First all that has an object is matched, read and checked; only then is anything changed.  A node that has no
object yet waits in the parent, and is matched when a child of that name is tracked.  An object keeps the
number of the restore that it took values from, so that an earlier one never overrules a later.
"""
import contextlib
import itertools
import logging
import weakref
from collections import deque

from numbaflow.core.errors import InvalidArgumentError
from numbaflow.core.trackable import Pending

from .checkpoint_reader import CheckpointReader
from .checkpoint_status import CheckpointLoadStatus, InitializationOnlyStatus, Progress
from .saver import restore_by_name

_log = logging.getLogger("numbaflow")
_numbers = itertools.count(1)


def restore(root, prefix):
    """Restore a root and all below it from the checkpoint file of `prefix`; returns the status object.

    Values of objects that are there are assigned at once, others when the objects are made and tracked.

    Args:
        root: a Trackable.
        prefix: what `write` was given; None restores nothing.

    Raises:
        NotFoundError: no such file.
        DataLossError: a file that is truncated, corrupted or no checkpoint.
        InvalidArgumentError: a value of another shape or dtype than its variable.

    After an error all objects are as they were.
    """
    if prefix is None:
        return InitializationOnlyStatus(root)
    reader = CheckpointReader(prefix)
    if reader.nodes is None:
        return restore_by_name(root, reader)
    restoration = Restoration(reader)
    restoration.bind(root, 0)
    weakref.finalize(restoration, restoration.progress.warn_of_rest)
    return CheckpointLoadStatus(root, restoration)


class Place:
    """A node of a restore that waits for its object."""

    def __init__(self, restoration, node):
        self._restoration, self._node = restoration, node

    number = property(lambda self: self._restoration.number)

    def restore(self, found):
        """The object is there."""
        self._restoration.bind(found, self._node)

    def has(self, found):
        """Whether the restore has met the object at another node already."""
        return self._restoration.progress.has_matched(found)

    def covers(self, other):
        """Whether this later restore holds all that the other does."""
        return self._node == other._node and self._restoration.nodes == other._restoration.nodes


class Restoration:
    """One restore: what its nodes were matched with so far."""

    def __init__(self, reader):
        self._reader, self.nodes, self.number = reader, reader.nodes, next(_numbers)
        self._objects = weakref.WeakValueDictionary()       # node -> object
        self._slots = _slots_by_node(reader.nodes)
        self._unchecked = set(reader.get_variable_to_shape_map())
        self.progress = Progress(reader.path, reader.nodes)

    def bind(self, found, node):
        """Match an object with a node, and what is below the one with what is below the other.

        After an error nothing has changed.
        """
        matched, waiting = self._matched(found, node)
        to_make = self._match_slots(matched)
        first = {id(o): index for index, o in reversed(matched.items())}   # some were two objects
        loaded = [(o, self._loaded(o, index)) for index, o in matched.items()
                  if first[id(o)] == index and self._is_later_for(o)]
        # a slot has its variable's shape and dtype
        of_slots = [self._loaded(variable, index) for _, variable, _, index in to_make]
        self._verify_rest()
        with _all_or_none(waiting):
            for parent, name, index in waiting:
                _wait(parent, name, Place(self, index))
            for (owner, variable, name, index), values in zip(to_make, of_slots, strict=True):
                matched[index] = owner._slot_for(variable, name)
                loaded.append((matched[index], values))
            self._assign([(o, values) for o, values in loaded if values])
        for index, o in matched.items():
            self._objects[index] = o
            self.progress.match(index, o)

    # ---- who is who
    def _matched(self, found, node):
        """({node: object} newly matched, [(parent, name, node) that has no object])"""
        matched, waiting, queue = {}, [], deque([(found, node)])
        while queue:
            o, index = queue.popleft()
            known = self._objects.get(index, matched.get(index))
            if known is not None:
                if known is not o:
                    _log.warning("checkpoint %r: %s is %r and not %r, which gets no value: they were one "
                                 "object when it was saved and are two now", self._reader.path,
                                 self.progress.name(index), known, o)
                continue
            matched[index] = o
            children = o._children()
            for name, child in self.nodes[index]["children"].items():
                if name in children:
                    queue.append((children[name], child))
                else:
                    waiting.append((o, name, child))
        return matched, waiting

    def _match_slots(self, matched):
        """Match the slots that are there; [(optimizer, variable, slot name, node)] of those to be made."""
        there, to_make = {}, []
        for owner, variable, name, index in self._slots_of(matched):
            if id(owner) not in there:
                there[id(owner)] = {(id(v), n): slot for v, n, slot in owner._slot_variables()}
            slot = there[id(owner)].get((id(variable), name))
            if slot is not None:
                matched[index] = slot
            elif owner._has_slot(variable, name):
                to_make.append((owner, variable, name, index))
        return to_make

    def _slots_of(self, matched):
        """(optimizer, variable, slot name, slot's node), one of the first two of which was matched now."""
        rows = {row[-1]: row for at in matched for row in self._slots.get(at, ())}
        for owner_at, variable_at, name, index in rows.values():
            owner = matched.get(owner_at, self._objects.get(owner_at))
            variable = matched.get(variable_at, self._objects.get(variable_at))
            if owner is not None and variable is not None and index not in self._objects:
                yield owner, variable, name, index

    # ---- values
    def _is_later_for(self, found):
        return found.__dict__.get("_restored_by", 0) < self.number

    def _loaded(self, found, index):
        """The values of a node, once they fit the object: attribute -> array."""
        keys = self.nodes[index]["attributes"]
        known = found._saved_values()
        self.progress.note_unused(index, set(keys) - set(known))
        values = {name: self._reader.get_tensor(keys[name]) for name in known if name in keys}
        self._unchecked.difference_update(keys[name] for name in values)
        try:
            if values:
                found._check_values(values)
        except (ValueError, TypeError) as error:
            raise InvalidArgumentError(f"checkpoint file {self._reader.path!r}, {self.progress.name(index)}: "
                                       f"{error}") from error
        return values

    def _verify_rest(self):
        """Check at the first time the data that nothing was made of: an error later would come too late."""
        self._reader.verify(sorted(self._unchecked))
        self._unchecked.clear()

    def _assign(self, loaded):
        """Give values to objects, to all of them or to none."""
        done = []
        try:
            for found, values in loaded:
                done.append((found, found._saved_values()))
                found._restore_values(values)
        except BaseException:
            for found, before in reversed(done):
                found._restore_values(before)
            raise
        for found, _ in loaded:
            found.__dict__["_restored_by"] = self.number


def _slots_by_node(nodes):
    """Node -> the rows (optimizer, variable, slot name, slot) where it is the optimizer or the variable."""
    rows = {}
    for at, node in enumerate(nodes):
        for variable, name, slot in node["slots"]:
            for index in (at, variable):
                rows.setdefault(index, []).append((at, variable, name, slot))
    return rows


def _wait(parent, name, place):
    """Leave a place for a child to come; earlier ones that it covers are dropped."""
    pending = parent.__dict__["_pending"]
    kept = [p for p in pending.get(name, ()) if not (p.number < place.number and place.covers(p))]
    pending[name] = sorted([place, *kept], key=lambda p: -p.number)


@contextlib.contextmanager
def _all_or_none(waiting):
    """Give each parent a new list of what waits, and the old one back after an error."""
    before = {id(parent): (parent, parent.__dict__.get("_pending", Pending())) for parent, _, _ in waiting}
    for parent, pending in before.values():
        parent.__dict__["_pending"] = Pending(pending)
    try:
        yield
    except BaseException:
        for parent, pending in before.values():
            parent.__dict__["_pending"] = pending
        raise
