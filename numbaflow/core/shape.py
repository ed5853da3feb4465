"""TensorShape: the tuple of ints that TensorFlow programs expect.  Imports nothing."""


class Extent:
    """The base of what stands in a shape for a number known later: it computes and compares like one."""

    __slots__ = ()


class TensorShape(tuple):
    """A tensor's shape: a tuple of ints with TensorFlow's methods.

    >>> import numbaflow as nf
    >>> s = nf.zeros((2, 3)).shape
    >>> s == (2, 3), s.as_list(), s.ndims, s.num_elements()
    (True, [2, 3], 2, 6)
    """

    __slots__ = ()

    ndims = rank = property(len, doc="The number of dimensions.")
    dims = property(list)

    def as_list(self):
        """The extents as a list."""
        return list(self)

    def num_elements(self):
        """The product of the extents; None when one is unknown."""
        n = 1
        for extent in self:
            if extent is None:
                return None
            n *= extent
        return n

    def is_fully_defined(self):
        """Whether every extent is known."""
        return not any(n is None or isinstance(n, Extent) for n in self)

    def is_compatible_with(self, other):
        """Whether the shapes agree where both are known."""
        return len(self) == len(other) and all(
            a is None or b is None or isinstance(a, Extent) or isinstance(b, Extent) or a == b
            for a, b in zip(self, other, strict=True))

    def assert_is_compatible_with(self, other):
        """ValueError unless the shapes agree."""
        if not self.is_compatible_with(other):
            raise ValueError(f"Shapes {tuple(self)} and {tuple(other)} are incompatible")

    def __getitem__(self, key):
        part = tuple.__getitem__(self, key)
        return TensorShape(part) if isinstance(key, slice) else part

    def __add__(self, other):
        return TensorShape(tuple(self) + tuple(other))

    def __repr__(self):
        return tuple.__repr__(self)


class UnknownShape(TensorShape):
    """The shape of a tensor in a graph of which not even the number of dimensions is known."""

    __slots__ = ()

    ndims = rank = dims = property(lambda self: None)

    def _no_rank(self, *_):
        raise ValueError("Cannot take the length of Shape with unknown rank.")

    __len__ = __iter__ = __getitem__ = __add__ = __radd__ = __mul__ = __contains__ = _no_rank

    def as_list(self):
        """An error: there are no extents to list."""
        raise ValueError("as_list() is not defined on an unknown TensorShape.")

    def num_elements(self):
        """None: it is not known."""

    def is_fully_defined(self):
        """False."""
        return False

    def is_compatible_with(self, other):
        """True: nothing is known against it."""
        return True

    def __bool__(self):
        return False

    def __eq__(self, other):
        return isinstance(other, UnknownShape)

    def __ne__(self, other):
        return not isinstance(other, UnknownShape)

    __hash__ = object.__hash__

    def __repr__(self):
        return "<unknown>"


UNKNOWN = UnknownShape()


class OpenShape(tuple):
    """A shape with unknown extents.  One of another rank differs, with nothing assumed about the extents."""

    __slots__ = ()

    def __eq__(self, other):
        return isinstance(other, tuple) and len(self) == len(other) and tuple.__eq__(self, other)

    def __ne__(self, other):
        return not self == other

    __hash__ = tuple.__hash__


def extents(shape):
    """A shape as a tuple, or UNKNOWN."""
    if shape is UNKNOWN:
        return shape
    for n in shape:
        if isinstance(n, Extent):
            return OpenShape(shape)
    return tuple(shape)
