"""Symbolic values: what stands for a tensor that is computed later.

An op that is given one does not run: the value takes the call.  Library functions that are not ops can't
compute with one, and say so.
"""
from .tensor import Operators


class SymbolicMet(NotImplementedError):
    """Raised where a symbolic value is asked for its numbers; an op's face catches it and hands over."""

    def __init__(self, value):
        super().__init__(value._no_value())
        self.value = value


class Symbolic(Operators):
    """The base of symbolic values.  `==` and `!=` ask for identity, as for what may be a key."""

    __slots__ = ()

    def _read(self):
        raise SymbolicMet(self)

    def _no_value(self):
        """The text of the error for who asks for numbers."""
        return f"{self!r} is symbolic: it has no value yet"

    def _take_call(self, face, arguments):
        """The result of an op for arguments by name; the value is one of them, or in a list among them."""
        raise NotImplementedError

    def __eq__(self, other):
        return self is other

    def __ne__(self, other):
        return self is not other

    __hash__ = object.__hash__
