"""Containers that checkpoints look into: lists and dicts that track what is put into them, views of others.

Children of a list are named by position, those of a dict by key.  Names are read when a checkpoint is saved
or restored, so any change of the container is fine.
"""
from .trackable import Trackable


class ListWrapper(Trackable, list):
    """A list whose trackable elements are tracked, and lists, dicts and tuples in it looked into.

    >>> import numbaflow as nf
    >>> cells = nf.contrib.checkpoint.List([nf.Variable(1.0), "a name"])
    >>> cells.append([nf.Variable(2.0)])
    >>> list(cells._children())
    ['0', '2']
    """

    def __init__(self, values=()):
        super().__init__()
        for value in values:
            self.append(value)
        if type(values) is list:
            self._source = values, tuple(values)

    def _children(self):
        self._refuse_strangers()
        return _by_name(self, enumerate(self))

    def _refuse_strangers(self):
        """ValueError if the plain list, of which this is a copy, was given trackables not in here."""
        source, then = self.__dict__.get("_source", ((), ()))
        known = {id(value) for value in (*then, *self)}
        for value in source:
            if isinstance(value, Trackable) and id(value) not in known:
                raise ValueError(f"{value!r} was put into a list after that was assigned to an attribute: "
                                 "the attribute is a copy that tracks its elements; change the attribute")

    def _stored(self, value, position):
        value, child = tracked_form(value)
        if child is not None:
            self._take_pending(str(position), child)
        return value

    # ---- what changes a list
    def append(self, value):
        super().append(self._stored(value, len(self)))

    def extend(self, values):
        for value in list(values):
            self.append(value)

    def insert(self, index, value):
        super().insert(index, tracked_form(value)[0])
        self._settle()

    def __setitem__(self, index, value):
        if isinstance(index, slice):
            super().__setitem__(index, [tracked_form(v)[0] for v in value])
            self._settle()
        else:
            position = range(len(self))[index]
            super().__setitem__(index, self._stored(value, position))

    def __iadd__(self, values):  # type: ignore[misc]
        self.extend(values)
        return self

    def __imul__(self, count):  # type: ignore[misc]
        super().__imul__(count)
        self._settle()
        return self

    def reverse(self):
        super().reverse()
        self._settle()

    def sort(self, **how):
        super().sort(**how)
        self._settle()

    def _settle(self):
        """After a change of positions: what waits for a position that is there now, with a new object."""
        pending = self.__dict__.get("_pending")
        for name, child in self._children().items() if pending else ():
            if not any(place.has(child) for place in pending.get(name, ())):
                self._take_pending(name, child)


class DictWrapper(Trackable, dict):
    """A dict whose trackable values are tracked by key, or by the repr of a key that is no string.

    >>> import numbaflow as nf
    >>> parts = nf.contrib.checkpoint.Dict(a=nf.Variable(1.0), b=3)
    >>> parts["c"] = nf.Variable(2.0)
    >>> list(parts._children())
    ['a', 'c']
    """

    def __init__(self, *args, **kwargs):
        super().__init__()
        self.update(*args, **kwargs)

    def _children(self):
        return _by_name(self, self.items())

    def __setitem__(self, key, value):
        value, child = tracked_form(value)
        if child is not None:
            self._take_pending(key if isinstance(key, str) else repr(key), child)
        super().__setitem__(key, value)

    def update(self, *args, **kwargs):
        for key, value in dict(*args, **kwargs).items():
            self[key] = value

    def setdefault(self, key, default=None):
        if key not in self:
            self[key] = default
        return self[key]

    def __ior__(self, other):  # type: ignore[misc]
        self.update(other)
        return self


class Contents(Trackable):
    """What a tuple, or another kind of container, holds; the container itself stays as it is."""

    def __init__(self, container):
        self._container = container

    def _children(self):
        held = self._container
        return _by_name(self, held.items() if isinstance(held, dict) else enumerate(held))


def tracked_form(value):
    """(what to store, what to track or None) for a value that an attribute or a container takes.

    A plain list or dict becomes a tracked one; a tuple stays a tuple of its kind, with its parts in their
    tracked form.
    """
    if isinstance(value, Trackable):
        return value, value
    if type(value) is list:
        made = ListWrapper(value)
        return made, made
    if type(value) is dict:
        made = DictWrapper(value)
        return made, made
    if isinstance(value, tuple):
        return _tracked_tuple(value)
    if isinstance(value, (list, dict)):
        return value, Contents(value)
    return value, None


def _tracked_tuple(value):
    forms = [tracked_form(part) for part in value]
    if all(child is None for _, child in forms):
        return value, None
    if any(stored is not part for (stored, _), part in zip(forms, value, strict=True)):
        parts = [stored for stored, _ in forms]
        value = type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)
    return value, Contents(value)


def _by_name(owner, items):
    """Local name -> trackable, of (position or key, value) pairs; tuples and the like are looked into.

    The views that look are kept with their owner, so that one container is one child each time.
    """
    made, views, before = {}, {}, owner.__dict__.get("_views", {})
    for key, value in items:
        child = value
        if not isinstance(value, Trackable):
            child = before.get(id(value)) or _view(value)
            views[id(value)] = child
        if child is not None:
            made[_name(key, made)] = child
    owner.__dict__["_views"] = {key: view for key, view in views.items() if view is not None}
    return made


def _view(value):
    """A view of a container that does not track its parts itself, None of anything else."""
    return Contents(value) if isinstance(value, (tuple, list, dict)) and _holds_trackable(value) else None


def _holds_trackable(value):
    parts = value.values() if isinstance(value, dict) else value
    return any(isinstance(part, Trackable) or _view(part) is not None for part in parts)


def _name(key, taken):
    name = key if isinstance(key, str) else repr(key)
    if name in taken or type(key).__repr__ is object.__repr__:
        raise ValueError(f"the key {key!r} of a trackable value in a dict can't name it in a checkpoint: the "
                         "name is the key, or its repr, which is to be unlike others and the same each time")
    return name
