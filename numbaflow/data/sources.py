"""Where elements come from: tensors, slices of tensors, numbers, lists of elements, generators."""
import functools
from operator import index

from numbaflow.core import nest
from numbaflow.core.errors import InvalidArgumentError
from numbaflow.core.tensor import as_array, wrap

from .elements import Spec, describe, element, flatten, form, leaf_of, packer, spec_of
from .stage import EMPTY, INFINITE, Stage, Stream, add_note
from .strings import StringTensor, as_dtype, string
from .tables import Count, RangeColumn, Table, table_of

ENDLESS = 2**62                         # the size of a table that nobody reads to its end


# ---- tables
class TableStage(Stage):
    """The rows of a table of one index, in order."""

    def __init__(self, name, table):
        self.name, self._rows = name, table

    @functools.cached_property
    def table(self):
        return self._rows

    def stream(self):
        return self._rows.elements(self.indices())

    def indices(self):
        return Count(self._rows.sizes[0])

    def known_spec(self):
        return self._rows.spec

    def cardinality(self):
        size = self._rows.sizes[0]
        return INFINITE if size == ENDLESS else size


def from_tensors(value):
    """The stage of one element."""
    made = element(value, "from_tensors")
    leaves = flatten(made)
    if any(not hasattr(leaf, "_data") for leaf in leaves):
        return Elements("from_tensors", [made])
    return TableStage("from_tensors", table_of(nest.pack(made, [leaf_of(x._data[None]) for x in leaves]), 1))


def from_tensor_slices(value):
    """The stage of the slices of an element along the first axis of its leaves."""
    made = element(value, "from_tensor_slices")
    leaves = flatten(made)
    if not leaves:
        raise InvalidArgumentError("from_tensor_slices: expected at least one tensor, got none")
    for leaf in leaves:
        if getattr(leaf, "ndim", 0) < 1:
            raise InvalidArgumentError("from_tensor_slices: expected tensors with an axis to slice, got "
                                       f"{describe(made)}")
    if len({len(leaf) for leaf in leaves}) > 1:
        raise InvalidArgumentError("from_tensor_slices: the components must have the same length, got "
                                   f"{describe(made)}")
    return TableStage("from_tensor_slices", table_of(made, len(leaves[0])))


def numbers(*args):
    """The stage of range(*args), int64."""
    try:
        bounds = [int(a.__index__()) for a in args]
    except (AttributeError, TypeError):
        raise TypeError(f"range: expected integers, got {args}") from None
    if not 1 <= len(bounds) <= 3:
        raise InvalidArgumentError(f"Invalid arguments to RangeDataset: {args}")
    if len(bounds) == 3 and bounds[2] == 0:
        raise InvalidArgumentError("range: step must not be 0")
    values = range(*bounds)
    table = Table([(RangeColumn(values.start, values.step), 0)], None, (len(values),))
    return TableStage("range", table)


def counter(start, step):
    """The stage of start, start + step, ... without end, int64."""
    return TableStage("counter", Table([(RangeColumn(index(start), index(step)), 0)], None, (ENDLESS,)))


# ---- elements at hand
class Elements(Stage):
    """The elements of a list."""

    def __init__(self, name, elements):
        self.name, self.elements = name, elements

    def stream(self):
        return ListStream(self.elements)

    def known_spec(self):
        return spec_of(self.elements[0]) if self.elements else None

    def cardinality(self):
        return len(self.elements)


class ListStream(Stream):
    """The items of a list, in order."""

    __slots__ = ("_at", "_items")

    def __init__(self, items):
        self._items, self._at = items, 0

    def read(self, n):
        run = self._items[self._at:self._at + n]
        self._at += len(run)
        return run

    def restart(self, turn):
        self._at = 0

    def save(self):
        return self._at

    def restore(self, state):
        self._at = state


# ---- generators
class Generated(Stage):
    """What a Python generator yields, checked against dtypes and shapes."""

    name = "from_generator"

    def __init__(self, generator, output_types, output_shapes, args):
        if not callable(generator):
            raise TypeError("`generator` must be callable.")
        self._generator = generator
        self._args = tuple(x.numpy() for x in flatten(element(tuple(args), "from_generator args"))) \
            if args is not None else ()
        self._spec = _declared(output_types, output_shapes)
        self._types = nest.map_structure(lambda spec: spec.dtype, self._spec)

    def stream(self):
        return GeneratedStream(self)

    def known_spec(self):
        return self._spec

    def begin(self):
        """A new iterator over the generator."""
        return iter(self._generator(*self._args))

    def checked(self, value):
        """The element of what was yielded; InvalidArgumentError where it is not what was declared."""
        leaves = self._leaves(value, self._spec)
        return packer(self._spec)(leaves)

    def _leaves(self, value, spec):
        if not nest.is_nested(spec):
            return [self._leaf(value, spec)]
        if isinstance(spec, dict):
            if not isinstance(value, dict) or set(value) != set(spec):
                raise self._misfit(value)
            parts = [(value[key], spec[key]) for key in nest.ordered_keys(spec)]
        else:
            if not isinstance(value, (tuple, list)) or len(value) != len(spec):
                raise self._misfit(value)
            parts = list(zip(value, spec, strict=True))
        return [leaf for v, s in parts for leaf in self._leaves(v, s)]

    def _misfit(self, value):
        names = str(nest.map_structure(_Name, self._types))
        return InvalidArgumentError("`generator` yielded an element that did not match the expected "
                                    f"structure. The expected structure was {names}, but the yielded "
                                    f"element was {str(value)[:200]}.")

    def _leaf(self, value, spec):
        if isinstance(value, dict):
            raise self._misfit(value)
        try:
            leaf = StringTensor(value) if spec.dtype is string else wrap(as_array(value, spec.dtype))
        except (TypeError, ValueError, OverflowError) as error:
            raise InvalidArgumentError("`generator` yielded an element that could not be converted to the "
                                       f"expected type. The expected type was {spec.dtype.name}, but the "
                                       f"yielded element was {str(value)[:200]}.") from error
        if not spec.fits(leaf._data.shape):
            raise InvalidArgumentError(f"`generator` yielded an element of shape {leaf._data.shape} where "
                                       f"an element of shape {spec.shape} was expected.")
        return leaf


class _Name:
    """A dtype that prints as its name."""

    def __init__(self, dtype):
        self._dtype = dtype

    def __repr__(self):
        return f"tf.{self._dtype.name}"


def _declared(output_types, output_shapes):
    """The spec of the dtypes and shapes that were declared."""
    types = nest.map_structure(as_dtype, output_types) if not isinstance(output_types, list) else None
    if types is None:
        raise TypeError(f"from_generator: output_types must be a dtype or a tuple or dict of dtypes, got the "
                        f"list {output_types}")
    shapes = [None] * len(flatten(types)) if output_shapes is None else shapes_like(types, output_shapes,
                                                                                   "output_shapes")
    return nest.pack(types, [Spec(t, s) for t, s in zip(flatten(types), shapes, strict=True)])


def shapes_like(structure, shapes, what):
    """The shape for each leaf of a structure: a tuple of ints and None, or None for any."""
    if not nest.is_nested(structure):
        if shapes is None:
            return [None]
        try:
            return [tuple(None if n is None or n == -1 else int(n) for n in shapes)]
        except TypeError:
            raise TypeError(f"{what}: expected a shape for each component, got {shapes!r}") from None
    if isinstance(structure, dict):
        if not isinstance(shapes, dict) or set(shapes) != set(structure):
            raise TypeError(f"{what}: expected a dict with the keys {sorted(structure)}, got {shapes!r}")
        pairs = [(structure[key], shapes[key]) for key in nest.ordered_keys(structure)]
    else:
        if not isinstance(shapes, (tuple, list)) or len(shapes) != len(structure):
            raise TypeError(f"{what}: expected a structure like {form(structure)}, got {shapes!r}")
        pairs = list(zip(structure, shapes, strict=True))
    return [shape for s, given in pairs for shape in shapes_like(s, given, what)]


class GeneratedStream(Stream):
    """One run of a generator, whose position is the number of values it gave: restoring takes them again."""

    __slots__ = ("_count", "_ended", "_iterator", "_stage")

    def __init__(self, stage):
        self._stage = stage
        self.restart(0)

    def read(self, n):
        if self._ended:
            return EMPTY
        value = self._next()
        return EMPTY if self._ended else [self._stage.checked(value)]

    def _next(self):
        if self._iterator is None:
            self._iterator = self._stage.begin()
        try:
            value = next(self._iterator)
        except StopIteration:
            self._ended = True
            return None
        except Exception as error:
            self._count += 1
            add_note(error, f"raised in the generator of {self._stage.path}")
            raise
        self._count += 1
        return value

    def restart(self, turn):
        self._iterator, self._count, self._ended = None, 0, False

    def save(self):
        return {"count": self._count, "ended": self._ended}

    def restore(self, state):
        self.restart(0)
        for _ in range(state["count"]):
            self._skip()
        self._ended = state["ended"]

    def _skip(self):
        try:
            self._next()
        except Exception:           # it was raised to the consumer at this position before the save
            return


