"""Signatures as JSON: parameters of functions, what they were traced for, and the form of results."""
import inspect
from dataclasses import dataclass

from numbaflow.core import nest
from numbaflow.core.errors import InvalidArgumentError
from numbaflow.core.indexed_slices import IndexedSlices
from numbaflow.core.shape import Extent
from numbaflow.core.tensor import Tensor
from numbaflow.core.variable import Variable
from numbaflow.graph.concrete import Structure
from numbaflow.graph.tools import encoding
from numbaflow.graph.tools.portable import at

from .variants import Variant, completed, dummy, specs_in


@dataclass(frozen=True)
class Place:
    """Where a result has a tensor."""


@dataclass(frozen=True)
class SlicesPlace:
    """Where a result has IndexedSlices of a dense shape."""

    dense_shape: object


@dataclass(frozen=True)
class Hidden:
    """A default that is a Python object: it was used while tracing and can't be told."""

    text: str


encoding.register("tensor_here", Place, lambda v, _: 0, lambda d, _: Place())
encoding.register("slices_here", SlicesPlace, lambda v, s: encoding.encode(v.dense_shape, s),
                  lambda d, s: SlicesPlace(encoding.decode(d, s)))
encoding.register("hidden", Hidden, lambda v, _: v.text, lambda d, _: Hidden(d))
encoding.register("variable", Variable, lambda v, s: s.variable(v), lambda d, s: at(s.variables, d))


def write_parameters(signature, writer):
    """The parameters of a function."""
    return [{"name": p.name, "kind": p.kind.name,
             **({} if p.default is p.empty else {"default": _default(p.default, writer)})}
            for p in signature.parameters.values()]


def _default(value, writer):
    try:
        return encoding.encode(value, writer)
    except TypeError:
        return encoding.encode(Hidden(repr(type(value))), writer)


def read_parameters(data, reader):
    """The inspect.Signature of what `write_parameters` gave."""
    kinds = {kind.name: kind for kind in (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.VAR_KEYWORD,
             inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.VAR_POSITIONAL,
             inspect.Parameter.KEYWORD_ONLY)}
    empty = inspect.Parameter.empty
    return inspect.Signature([inspect.Parameter(
        p["name"], kinds[p["kind"]], default=reader.value(p["default"]) if "default" in p else empty)
        for p in data])


def write_variant(name, signature, variant, writer):
    """A variant with its arguments completed."""
    kept = [p if p.default is p.empty else p.replace(default=_told(p.default, writer))
            for p in signature.parameters.values()]
    args, kwargs = completed(signature.replace(parameters=kept), variant.args, variant.kwargs)
    traced = [id(spec) for spec in variant.specs]
    places = {id(spec): k for k, spec in enumerate(specs_in(args, kwargs))}
    tree = nest.map_structure(_placed, variant.structure.pack([dummy() for _ in variant.structure.tensors]))
    return {"args": _encoded(list(args), f"{name}: an argument", writer),
            "kwargs": _encoded(kwargs, f"{name}: an argument", writer),
            "function": writer.function(variant.concrete), "order": [places[spec] for spec in traced],
            "unknowns": None if variant.unknowns is None else writer.unknowns(variant.unknowns),
            "result": _encoded(tree, f"{name}: the result", writer)}


def _told(value, writer):
    try:
        encoding.encode(value, writer)
    except TypeError:
        return Hidden(repr(type(value)))
    return value


def _encoded(value, what, writer):
    try:
        return encoding.encode(value, writer)
    except InvalidArgumentError:
        raise
    except TypeError as error:
        raise InvalidArgumentError(f"saved_model.save: {what}: {error}") from None


def _placed(leaf):
    if isinstance(leaf, IndexedSlices):
        return SlicesPlace(leaf.dense_shape)
    return Place() if isinstance(leaf, Tensor) else leaf


def read_variant(data, reader):
    """The variant of what `write_variant` gave."""
    concrete = reader.value({"function": data["function"]})
    args, kwargs = tuple(reader.value(data["args"])), reader.value(data["kwargs"])
    structure = Structure(_filled(reader.value(data["result"])))
    specs, order = specs_in(args, kwargs), data["order"]
    if len(structure.tensors) != concrete.results or len(specs) != concrete.arguments:
        raise ValueError(f"it takes {len(specs)} tensors and gives {len(structure.tensors)}, its graph takes "
                         f"{concrete.arguments} and gives {concrete.results}")
    if sorted(order) != list(range(len(specs))):
        raise ValueError(f"{order} is no order of {len(specs)} tensors")
    for spec, value in zip([specs[k] for k in order], concrete.graph.inputs[:len(specs)], strict=True):
        if not _agree(spec, value):
            raise ValueError(f"its graph takes {value!r} where it takes {spec}")
    unknowns = None if data["unknowns"] is None else reader.unknowns(data["unknowns"])
    order = None if order == sorted(order) else tuple(order)
    return Variant(args, kwargs, concrete, structure, order, unknowns)


def _agree(spec, value):
    """Whether a graph's input is what a spec says; it has unknown extents where the spec has None."""
    return spec.dtype == value.dtype and spec.shape is not None and len(spec.shape) == value.ndim and all(
        isinstance(m, Extent) if n is None else n == m for n, m in zip(spec.shape, value.shape, strict=True))


def _filled(tree):
    if isinstance(tree, Place):
        return dummy()
    if isinstance(tree, SlicesPlace):
        return IndexedSlices(dummy(), dummy(), tree.dense_shape)
    if isinstance(tree, dict):
        return {k: _filled(v) for k, v in tree.items()}
    if isinstance(tree, tuple):
        parts = [_filled(v) for v in tree]
        return type(tree)(*parts) if hasattr(tree, "_fields") else tuple(parts)
    return [_filled(v) for v in tree] if isinstance(tree, list) else tree
