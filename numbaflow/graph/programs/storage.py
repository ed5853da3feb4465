"""Where the values of a program lie: a layout each, and one stretch of memory for what is temporary.

A layout is a NumPy array over memory that is not yet there, so what a view op does to memory is what NumPy
does to that array.  The root of a layout is the block of memory that its array lies in.
"""
import itertools

import numpy as np

ALIGN = 64                      # bytes; a cache line, and the widest vector


class Root:
    """A block of memory.  `kind`: "input", "constant", "temporary", "output", "host" or "variable"."""

    __slots__ = ("array", "first", "kind", "last", "number", "offset", "variable")
    _numbers = itertools.count()

    def __init__(self, kind, array, number=None, variable=None):
        self.kind, self.array, self.number, self.variable = kind, array, number, variable
        self.first = self.last = None           # the instructions that write it first and use it last
        self.offset = None                      # in the stretch of temporary memory

    address = property(lambda self: _address(self.array))


def _address(array):
    return array.__array_interface__["data"][0]


class Layout:
    """An array that stands for a value's memory, and the root it lies in."""

    __slots__ = ("array", "root")

    def __init__(self, root, array=None):
        self.root, self.array = root, root.array if array is None else array

    @property
    def offset(self):
        """Bytes from the start of the root."""
        return _address(self.array) - self.root.address

    def view(self, array):
        """The layout of a view of this array, or None for an array of other memory."""
        low, end = self.root.address, self.root.address + max(self.root.array.nbytes, 1)
        inside = low <= _address(array) <= end and np.may_share_memory(array, self.root.array)
        return Layout(self.root, array) if inside or array.size == 0 else None

    @property
    def whole(self):
        """Whether it is all of its root, in C order."""
        return self.array.size == self.root.array.size and self.array.flags.c_contiguous

    def real(self, base):
        """The actual array, over the root's memory as it is in one call."""
        if self.root.kind == "constant":
            return self.array
        shape, strides = self.array.shape, self.array.strides
        if base.shape == shape and base.strides == strides:
            return base
        return np.ndarray(shape, self.array.dtype, base, self.offset, strides)


def blank(shape, dtype):
    """An array of memory that is never touched, to reckon with."""
    return np.empty(shape, dtype)


def place(roots):
    """Give each temporary root an offset, so that those in use at one time do not meet; the bytes needed.

    The largest comes first, each as low as it fits among those placed before it.
    """
    begins, ends, firsts, lasts = placed = np.zeros((4, len(roots)), np.int64)
    for k, root in enumerate(sorted(roots, key=lambda r: (-r.array.nbytes, r.first))):
        size = -(-max(root.array.nbytes, 1) // ALIGN) * ALIGN
        meeting = np.flatnonzero((firsts[:k] <= root.last) & (lasts[:k] >= root.first))
        meeting = meeting[begins[meeting].argsort()]
        free = np.zeros(len(meeting) + 1, np.int64)             # where it might begin: after each of these
        np.maximum.accumulate(ends[meeting], out=free[1:])
        fits = free[:-1] + size <= begins[meeting]
        root.offset = int(free[fits.argmax() if fits.any() else -1])
        placed[:, k] = root.offset, root.offset + size, root.first, root.last
    return int(ends.max(initial=0))
