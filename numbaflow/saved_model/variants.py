"""Variants: a function for one kind of arguments, given as plain structures with TensorSpecs for tensors.

A call is brought to one form, all arguments in their places and defaults put in, and then looked up among the
variants that were traced.
"""
import inspect
import itertools

import numpy as np

from numbaflow.core import nest
from numbaflow.core.errors import InvalidArgumentError
from numbaflow.core.tensor import as_tensor, wrap
from numbaflow.core.variable import Variable
from numbaflow.graph.concrete import Structure
from numbaflow.graph.function import TensorSpec
from numbaflow.graph.generic import Generic

_EXAMPLES = 31, 37, 41, 43, 47, 53, 59, 61      # sizes to trace unknown extents with: enough for windows


class Variant:
    """A function for one kind of arguments.

    Args:
        args, kwargs: structures with TensorSpecs for tensors.
        concrete, structure: the function, and how its results are packed.
        order: which of the tensors in args and kwargs each argument of the graph is; None for their order.
        unknowns: the extents in the graph that stand where specs have None.
    """

    def __init__(self, args, kwargs, concrete, structure, order=None, unknowns=None):
        self.args, self.kwargs, self.concrete, self.structure = tuple(args), kwargs, concrete, structure
        self.order, self.unknowns = order, unknowns
        specs = specs_in(self.args, kwargs)
        self.specs = specs if order is None else [specs[k] for k in order]
        self._generic = None if unknowns is None else Generic(unknowns, concrete, structure)
        self._made: dict = {}           # sizes -> (concrete, structure)

    def given(self, *more):
        """The same, with more arguments that are no tensors."""
        args = (*self.args, *more)
        return Variant(args, self.kwargs, self.concrete, self.structure, self.order, self.unknowns)

    def call(self, tensors):
        """The result for the tensors of its arguments."""
        if self.order is not None:
            tensors = [tensors[k] for k in self.order]
        concrete, structure = self.concrete, self.structure
        if self._generic is not None:
            concrete, structure = self._specialised(tensors)
        return structure.pack(concrete.call(tensors))

    def _specialised(self, tensors):
        extents = tuple([n for spec, t in zip(self.specs, tensors, strict=True)
                         for n, known in zip(t._data.shape, spec.shape, strict=True) if known is None])
        found = self._made.get(extents)
        if found is None:
            if self._generic.serves(extents):
                found = self._generic.specialised(extents)
            if found is None:
                raise ValueError(f"{self.concrete.name}: what was traced for {self!r} does not serve sizes "
                                 f"{', '.join(map(str, extents))} of its unknown extents: Python's choices "
                                 "depend on them; save it after a call with such sizes")
            self._made[extents] = found
        return found

    def __repr__(self):
        parts = [repr(a) for a in self.args] + [f"{k}={v!r}" for k, v in self.kwargs.items()]
        return f"({', '.join(parts)})"


def specs_in(args, kwargs):
    """The TensorSpecs in arguments, in order."""
    return [leaf for leaf in nest.flatten([list(args), kwargs]) if isinstance(leaf, TensorSpec)]


def dummy():
    """A tensor that stands for any."""
    return wrap(np.zeros(()))


# ---- from functions
def parameters_of(function):
    """The inspect.Signature of a Function."""
    found = inspect.signature(function.python_function)
    return found.replace(parameters=[p.replace(annotation=p.empty) for p in found.parameters.values()],
                         return_annotation=found.empty)


def variants_of(function):
    """What a Function was traced for; with an input_signature it is traced now.

    Raises:
        InvalidArgumentError: unknown extents in its input_signature whose sizes Python needs.
    """
    wanted = function.input_signature
    specs = [] if wanted is None else nest.flatten(list(wanted))
    open_axes = any(spec.shape is None or None in spec.shape for spec in specs)
    if open_axes and not _generics(function):
        _trace_open(function)
    elif wanted is not None and not open_axes:
        function.get_concrete_function(*_examples(wanted, True))
    known = [] if open_axes else [_variant(key, *found) for key, found in function._concrete.items()]
    found = known + _generics(function)
    for variant in found:
        for spec, named in zip(variant.specs, specs, strict=False):
            spec.name = named.name
    return found


def _generics(function):
    return [_variant(key, generic._concrete, generic._structure, unknowns=generic._unknowns)
            for key, made in function._open._made.items() for generic in made]


def _trace_open(function):
    """Trace for unknown extents: where those of the same axis are equal, and where all differ."""
    wanted, failed = list(function.input_signature), None
    if any(spec.shape is None for spec in nest.flatten(wanted)):
        raise InvalidArgumentError(f"{function!r}: its input_signature {wanted} has shapes of unknown rank; "
                                   "call it first, or say the rank")
    for same in (True, False):
        try:
            function.get_concrete_function(*_examples(wanted, same))
        except (ValueError, TypeError) as error:
            failed = error
    if not _generics(function):
        raise InvalidArgumentError(f"{function!r}: it can't be traced for unknown extents of {wanted}, as "
                                   f"Python needs their sizes; give them numbers ({failed})") from failed


def _examples(wanted, same):
    """Zeros for specs; unknown extents have the `same` size along the same axis, or each its own."""
    each = itertools.cycle(_EXAMPLES)

    def size(axis):
        return _EXAMPLES[axis % len(_EXAMPLES)] if same else next(each)
    return nest.map_structure(lambda spec: np.zeros(
        [size(k) if n is None else n for k, n in enumerate(spec.shape)], spec._dtype), list(wanted))


def _variant(key, concrete, structure, unknowns=None):
    return Variant([_structure(k) for k in key if type(k[0]) is not str],
                   {k[0]: _structure(k[1]) for k in key if type(k[0]) is str}, concrete, structure,
                   unknowns=unknowns)


def variant_of(concrete):
    """A concrete function by itself: tensors one after the other, and one tensor or a list."""
    specs = [TensorSpec(v.shape, v.dtype) for v in concrete.graph.inputs[:concrete.arguments]]
    results = [dummy() for _ in range(concrete.results)]
    return Variant(specs, {}, concrete, Structure(results[0] if len(results) == 1 else results))


def positional(count):
    """The signature of a function of that many tensors."""
    kind = inspect.Parameter.POSITIONAL_ONLY
    return inspect.Signature([inspect.Parameter(f"argument_{k}", kind) for k in range(count)])


def _structure(key):
    """The structure of an argument for its part of a Function's key."""
    kind, data = key
    if isinstance(data, np.dtype):
        return TensorSpec(kind, data)
    if kind is dict:
        return {name: _structure(part) for name, part in data}
    if isinstance(kind, type) and issubclass(kind, (list, tuple)):
        parts = [_structure(part) for part in data]
        if hasattr(kind, "_fields"):
            return kind(*parts)
        return tuple(parts) if issubclass(kind, tuple) else parts
    return data


# ---- calls
def completed(signature, args, kwargs):
    """(args, kwargs) with everything in its place and defaults where nothing is given."""
    bound = signature.bind(*args, **kwargs)
    bound.apply_defaults()
    return bound.args, bound.kwargs


def matched(variant, args, kwargs):
    """The tensors of a completed call that fits a variant, or None."""
    tensors: list = []
    fits = _fits(variant.args, args, tensors) and _fits(variant.kwargs, kwargs, tensors)
    return tensors if fits else None


def _fits(wanted, given, tensors):
    if isinstance(wanted, TensorSpec):
        return _fits_spec(wanted, given, tensors)
    if isinstance(wanted, dict):
        return isinstance(given, dict) and set(wanted) == set(given) and all(
            _fits(wanted[k], given[k], tensors) for k in nest.ordered_keys(wanted))
    if isinstance(wanted, (list, tuple)):
        return isinstance(given, (list, tuple)) and isinstance(given, list) == isinstance(wanted, list) \
            and len(wanted) == len(given) and all(
                _fits(w, g, tensors) for w, g in zip(wanted, given, strict=True))
    if isinstance(wanted, Variable):
        return wanted is given
    return type(wanted) is type(given) and wanted == given


def _fits_spec(spec, given, tensors):
    if nest.is_nested(given) or given is None or isinstance(given, str):
        return False
    try:
        t = as_tensor(given, None if hasattr(given, "dtype") else spec.dtype)
    except (TypeError, ValueError):
        return False
    tensors.append(t)
    return spec.accepts(t)
