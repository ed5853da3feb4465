"""Trackable: an object whose state a checkpoint holds, as its own values and its children by name.

Children form a graph, which may share objects and have cycles.  A restore walks it side by side with the
graph in a file; what it finds no object for waits in the parent (`_pending`) until a child of that name is
tracked.
"""


class Pending(dict):
    """Child name -> the restores that wait for it, latest first.  A copied or pickled object has none."""

    def __reduce_ex__(self, protocol):
        return Pending, ()


class Trackable:
    """The base of all that a checkpoint can hold: variables, optimizers, layers, metrics, iterators.

    Its state is what it says of itself with `_saved_values` and that of its `_children`.
    """

    __slots__ = ()

    # ---- children
    def _track(self, child, name):
        """Register a child under a name, in place of an earlier one, and return it.

        If a restore left values for that name, the child and what is below it take them at once.

        Raises:
            TypeError: a child that is not Trackable.
            ValueError: values left by a restore do not fit; nothing has changed then.
        """
        if not isinstance(child, Trackable):
            raise TypeError(f"{type(self).__name__}: a tracked object is Trackable, got "
                            f"{type(child).__name__} for {name!r}")
        self._take_pending(name, child)
        self.__dict__.setdefault("_tracked", {})[name] = child
        return child

    def _untrack(self, name):
        """Forget the child of that name, if there is one."""
        self.__dict__.get("_tracked", {}).pop(name, None)

    def _children(self):
        """Local name -> Trackable, in order.

        A subclass that extends it calls `_take_pending` for a child that appears otherwise than by `_track`.
        """
        return dict(self.__dict__.get("_tracked", ()))

    def _take_pending(self, name, child):
        """Give a child the values that restores left for its name."""
        pending = self.__dict__.get("_pending")
        if pending and name in pending:
            for place in list(pending[name]):
                place.restore(child)
            pending.pop(name, None)

    # ---- the object's own values
    def _saved_values(self):
        """Attribute name -> array, tensor or number: what a checkpoint keeps of the object itself.

        An array must not change afterwards; the same names come each time.
        """
        return {}

    def _check_values(self, values):
        """ValueError for values that `_restore_values` could not take; nothing is changed."""

    def _restore_values(self, values):
        """Take values that `_saved_values` gave: attribute name -> array, which is the object's to keep."""

    # ---- state that an optimizer keeps for a variable
    def _slot_variables(self):
        """Triples (variable, slot name, the slot's variable)."""
        return ()

    def _slot_for(self, variable, name):
        """The slot's variable, made if need be; None if the object keeps no slots of that name."""
        return None

    def _has_slot(self, variable, name):
        """Whether `_slot_for` would give one; nothing is made."""
        return False


class NoDependency:
    """Wraps a value so that setting it as an attribute stores it as it is, without tracking it.

    >>> import numbaflow as nf
    >>> holder = AutoTrackable()
    >>> holder.seen, holder.kept = NoDependency(nf.Variable(1.0)), nf.Variable(2.0)
    >>> list(holder._children()), holder.seen.numpy()
    (['kept'], np.float32(1.0))
    """

    def __init__(self, value):
        self.value = value


class AutoTrackable(Trackable):
    """A Trackable whose attributes are its children.

    Trackable values are tracked under the attribute's name.  Lists and dicts are stored as tracked copies,
    equal to the plain ones; what is put into those later is tracked as well.  Tuples and other containers are
    stored as they are, and what they hold is tracked.

    >>> import numbaflow as nf
    >>> model = AutoTrackable()
    >>> model.scale, model.cells = nf.Variable(1.0), []
    >>> model.cells.append(nf.Variable(2.0))
    >>> list(model._children()), list(model.cells._children())
    (['scale', 'cells'], ['0'])
    """

    def __setattr__(self, name, value):
        child = None
        if isinstance(value, (Trackable, list, dict, tuple)):
            value, child = _tracked_form(value)
        elif isinstance(value, NoDependency):
            value = value.value
        if child is None:
            super().__setattr__(name, value)
            self._untrack(name)
        else:
            self._take_pending(name, child)     # which may refuse it, and then nothing is set
            super().__setattr__(name, value)
            self._track(child, name)

    def __delattr__(self, name):
        super().__delattr__(name)
        self._untrack(name)


def _tracked_form(value):
    """(what to store, what to track or None) for a value set as an attribute."""
    from .containers import tracked_form  # which derives its classes from Trackable
    return tracked_form(value)
