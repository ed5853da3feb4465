"""Dim: an extent that is not known while a function is traced.

A Dim is a polynomial in unknown extents, and in whole quotients of such polynomials, so that equal extents
look equal: `(n * 3) // 3` is `n`.  Its size in the call that is traced for decides comparisons, and the
`Unknowns` it belongs to write down what was decided: the graph serves all sizes for which the same holds.
Only to equal 1 is not decided so: an unknown extent is taken to differ from 1, because what is traced for any
extent serves 1 as well.
"""
import itertools
from math import prod
from operator import index

from .abstract import TracingError
from .dtypes import INT32, of as dtype_of
from .shape import Extent
from .tape import caller, stack

_serials = itertools.count()


class NeedsExtent(TracingError):
    """The size of an extent was asked for that is not known."""


class Unknowns:
    """The unknown extents of one trace, and what was assumed about them.

    Args:
        guarded: whether assumptions are kept, and an extent may be asked for its size; without, comparisons
            are decided as in the example and nothing more is known.
    """

    def __init__(self, guarded=True):
        self.open, self._assumed = True, {} if guarded else None
        self.examples = {}                  # number -> size in the call that is traced for

    def dim(self, example):
        """A new unknown extent, which is `example` in the call that is traced for."""
        number = next(_serials)
        self.examples[number] = example
        return Dim({(("n", number),): 1}, self)

    def decide(self, dim, relation):
        """How a Dim compares with 0, assumed from here on."""
        answer = _RELATIONS[relation](evaluated(dim, self.examples))
        if self._assumed is not None:
            self._assumed[relation, _key(dim)] = answer
        return answer

    def value(self, dim):
        """The size of a Dim in the call that is traced for, assumed from here on."""
        if not self.open or self._assumed is None:
            raise NeedsExtent(f"{caller()}: the size of an extent that is not known is needed here; "
                              "use nf.shape(x) for a tensor of it")
        size = evaluated(dim, self.examples)
        self._assumed["==", _key(dim - size)] = True
        return size

    def hold(self, sizes):
        """Whether all that was assumed is so for other sizes, {number: extent}."""
        return all(_RELATIONS[relation](_value(key, sizes)) is answer
                   for (relation, key), answer in self._assumed.items())


_RELATIONS = {"==": lambda n: n == 0, "<": lambda n: n < 0}


class Dim(Extent):
    """An unknown extent, or what was computed from such; see the module."""

    __slots__ = ("_terms", "_unknowns")

    def __init__(self, terms, unknowns):
        self._terms, self._unknowns = terms, unknowns       # {factors: coefficient}, factors a sorted tuple

    # ---- arithmetic
    def _with(self, terms):
        """The Dim of terms, or an int where nothing unknown is left."""
        terms = {factors: c for factors, c in terms.items() if c}
        if not terms or (len(terms) == 1 and () in terms):
            return terms.get((), 0)
        return Dim(terms, self._unknowns)

    def __add__(self, other):
        other = _operand(other)
        if other is None:
            return NotImplemented
        if type(other) is float:
            return self._read() + other
        terms = dict(self._terms)
        for factors, c in _terms(other).items():
            terms[factors] = terms.get(factors, 0) + c
        return self._with(terms)

    __radd__ = __add__

    def __neg__(self):
        return self * -1

    def __pos__(self):
        return self

    def __sub__(self, other):
        other = _operand(other)
        return NotImplemented if other is None else self + -other

    def __rsub__(self, other):
        return -self + other

    def __mul__(self, other):
        other = _operand(other)
        if other is None:
            return NotImplemented
        if type(other) is float:
            return self._read() * other
        terms: dict = {}
        for a, c in self._terms.items():
            for b, d in _terms(other).items():
                factors = tuple(sorted(a + b))
                terms[factors] = terms.get(factors, 0) + c * d
        return self._with(terms)

    __rmul__ = __mul__

    def __truediv__(self, other):
        return self._read() / other

    def __rtruediv__(self, other):
        return other / self._read()

    def __floordiv__(self, other):
        other = _operand(other)
        if other is None:
            return NotImplemented
        if type(other) is float:
            return self._read() // other
        whole, rest = self._divided(other)
        if isinstance(rest, int) and isinstance(other, int):
            return whole + rest // other
        return whole if type(rest) is int and rest == 0 else whole + self._quotient(rest, other)

    def _quotient(self, a, b):
        """a // b, which nothing is known of."""
        return self._with({(("//", _key(a), _key(b)),): 1})

    def __rfloordiv__(self, other):
        other = _operand(other)
        return NotImplemented if other is None else self._quotient(other, self)

    def __mod__(self, other):
        return self - self // other * other

    def __rmod__(self, other):
        return other - other // self * self

    def __divmod__(self, other):
        return self // other, self % other

    def _divided(self, other):
        """(a, b) with self = a * other + b, where a takes the terms that other divides."""
        if isinstance(other, Dim) and other._terms == self._terms:
            return 1, 0
        divisor = _terms(other)
        if len(divisor) > 1:
            return 0, self
        (factors, d), = divisor.items()
        if not d:
            raise ZeroDivisionError("an extent divided by 0")
        whole: dict = {}
        for own, c in self._terms.items():
            left = _without(own, factors)
            if left is not None and c % d == 0:
                whole[left] = c // d
        a = self._with(whole)
        return a, self - a * other

    # ---- comparing
    def _decided(self, relation):
        if not self._unknowns.open:
            raise NeedsExtent(f"{caller()}: an extent of a trace that has ended is compared")
        return self._unknowns.decide(self, relation)

    def __eq__(self, other):
        other = _operand(other)
        if other is None:
            return NotImplemented
        if type(other) is float or (type(other) is int and other == 1):
            return False
        if isinstance(other, Dim) and self._terms == other._terms:
            return True
        if not self._unknowns.open:
            return False
        difference = self - other
        return difference._decided("==") if isinstance(difference, Dim) else False

    def __ne__(self, other):
        equal = self.__eq__(other)
        return equal if equal is NotImplemented else not equal

    def __lt__(self, other):
        difference = self - other
        return difference._decided("<") if isinstance(difference, Dim) else difference < 0

    def __gt__(self, other):
        difference = other - self
        return difference._decided("<") if isinstance(difference, Dim) else difference < 0

    def __ge__(self, other):
        return not self < other

    def __le__(self, other):
        return not self > other

    def __bool__(self):
        return not self._decided("==")

    def __hash__(self):
        return hash(_key(self))

    # ---- its size
    def __index__(self):
        return self._unknowns.value(self)

    __int__ = __index__

    def __float__(self):
        return float(self._unknowns.value(self))

    dtype = property(lambda self: dtype_of(INT32), doc="The dtype that it has as a tensor.")

    def _read(self):
        """The extent as a traced tensor."""
        trace = stack.frame[2]
        if trace is None:
            raise NeedsExtent(f"{caller()}: an extent of a trace that has ended is taken as a tensor")
        return trace.extents(self, INT32)

    def __repr__(self):
        return "?"


# ---- terms
def _operand(value):
    """A Dim, an int or a float; None for what an extent does not compute with."""
    if isinstance(value, (Dim, float)) or type(value) is int:
        return value
    if getattr(value, "shape", None) is not None and not hasattr(value, "item"):
        return None                         # (a tensor computes with extents itself)
    try:
        return index(value)
    except TypeError:
        return None


def _terms(value):
    return value._terms if isinstance(value, Dim) else {(): value}


def _key(value):
    return tuple(sorted(_terms(value).items()))


def _without(factors, taken):
    """The factors but for those taken, None when these are not all among them."""
    left = list(factors)
    for f in taken:
        if f not in left:
            return None
        left.remove(f)
    return tuple(left)


def _value(key, sizes):
    return sum(c * prod([_size(f, sizes) for f in factors]) for factors, c in key)


def _size(factor, sizes):
    kind, *rest = factor
    return sizes[rest[0]] if kind == "n" else _value(rest[0], sizes) // _value(rest[1], sizes)


# ---- given sizes
def numbers(value):
    """The numbers of the unknown extents in a value, also in tuples, lists, dicts and slices."""
    if isinstance(value, Dim):
        return _numbers(_key(value))
    if type(value) is slice:
        value = (value.start, value.stop, value.step)
    if isinstance(value, (tuple, list, dict)):
        return {k for part in (value.values() if isinstance(value, dict) else value) for k in numbers(part)}
    return set()


def _numbers(key):
    found = set()
    for factors, _ in key:
        for kind, *rest in factors:
            found |= {rest[0]} if kind == "n" else _numbers(rest[0]) | _numbers(rest[1])
    return found


def solved(shape, actual):
    """The sizes, {number: extent}, of unknown extents that stand alone in a shape, by its numbers."""
    found = {}
    for n, m in zip(shape, actual, strict=True):
        if isinstance(n, Dim) and len(n._terms) == 1:
            (factors, c), = n._terms.items()
            if c == 1 and len(factors) == 1 and factors[0][0] == "n":
                found[factors[0][1]] = m
    return found


def evaluated(value, sizes):
    """A value with numbers for the Dims in it, also those in tuples, lists, dicts and slices.

    What else may hold some has a method `evaluated(sizes)`.
    """
    if isinstance(value, Dim):
        return _value(value._terms.items(), sizes)
    if hasattr(value, "evaluated"):
        return value.evaluated(sizes)
    if type(value) is slice:
        return slice(*[evaluated(v, sizes) for v in (value.start, value.stop, value.step)])
    if isinstance(value, (tuple, list)):
        found = [evaluated(v, sizes) for v in value]
        if hasattr(value, "_fields"):
            return type(value)(*found)
        return found if isinstance(value, list) else tuple(found)
    if type(value) is dict:
        return {k: evaluated(v, sizes) for k, v in value.items()}
    return value
