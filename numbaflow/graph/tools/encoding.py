"""Values that stand in graphs and signatures as JSON, and back: what JSON lacks is written {tag: data}.

A tag is a `Form`; `register` adds more.  Arrays and functions are kept aside, in the store that a form is
given, and the data is their number there.
"""
import math
import sys
from collections import namedtuple
from typing import NamedTuple

import numpy as np

from numbaflow.core import dtypes
from numbaflow.core.dim import Dim, Unknowns, _key as key_of, evaluated
from numbaflow.core.dtypes import DType
from numbaflow.core.placement import DeviceTensor, fetch
from numbaflow.core.shape import TensorShape
from numbaflow.core.tensor import Tensor, wrap
from numbaflow.graph.concrete import Concrete
from numbaflow.graph.flow.printing import _Place, _Text
from numbaflow.graph.function import TensorSpec
from numbaflow.graph.ir import Value
from numbaflow.kernels import optimizers
from numbaflow.kernels.windows import Windows
from numbaflow.ops.random import Keys


class EncodingError(TypeError):
    """A value that has no form here."""


class Form(NamedTuple):
    """How values of a type are written: `accepts(value)`, `write(value, store)`, `read(data, store)`."""

    accepts: object
    write: object
    read: object


FORMS: dict[str, Form] = {}         # by tag; the first that accepts a value writes it


def register(tag, accepts, write, read):
    """Add a form; `accepts` is a type or a function that tells whether it writes a value."""
    test = (lambda value: isinstance(value, accepts)) if isinstance(accepts, type) else accepts
    FORMS[tag] = Form(test, write, read)


def encode(value, store):
    """A value as JSON.

    Raises:
        EncodingError: no form accepts it.
    """
    kind = type(value)
    if value is None or kind in (bool, int, str) or (kind is float and math.isfinite(value)):
        return value
    if kind is list:
        return [encode(v, store) for v in value]
    for tag, form in FORMS.items():
        if form.accepts(value):
            return {tag: form.write(value, store)}
    raise EncodingError(f"{_described(value)} can't be written to a file")


def decode(data, store):
    """The value of what `encode` gave.

    Raises:
        ValueError, TypeError, LookupError: it is not of that form.
    """
    if isinstance(data, list):
        return [decode(d, store) for d in data]
    if not isinstance(data, dict):
        return data
    if len(data) != 1:
        raise ValueError(f"a value is written as one tag and its data, not as {str(data)[:80]}")
    (tag, inner), = data.items()
    if tag not in FORMS:
        raise ValueError(f"no value is written as {tag!r}; those that are: {', '.join(FORMS)}")
    return FORMS[tag].read(inner, store)


def _described(value):
    value = getattr(value, "_function", value)          # what a call of Python calls
    name = getattr(value, "__qualname__", None)
    return f"the Python {type(value).__name__} {name or repr(value)[:80]}"


# ---- plain values
def _number(value):
    """A NumPy number in JSON: exact, with words for what is not finite."""
    if value.dtype.kind == "c":
        return [_number(value.real), _number(value.imag)]
    if value.dtype.kind == "f" and not np.isfinite(value):
        return repr(float(value))
    return value.item()


def _parsed(data, dtype):
    dtype = dtypes.as_numpy(_text(dtype))
    if isinstance(data, list):
        real, imag = [float(part) for part in data]
        return np.array(complex(real, imag), dtype)
    if isinstance(data, str):
        data = float(data)
    return np.array(data, dtype)


def _text(data):
    if not isinstance(data, str):
        raise TypeError(f"expected a name, got {data!r}")
    return data


def _is_dtype(value):
    return isinstance(value, (np.dtype, type)) and not isinstance(value, DType)


register("float", float, lambda v, _: repr(v), lambda d, _: float(_text(d)))
register("complex", lambda v: type(v) is complex, lambda v, _: [repr(v.real), repr(v.imag)],
         lambda d, _: complex(*[float(_text(part)) for part in d]))
register("ellipsis", type(...), lambda v, _: 0, lambda d, _: ...)
register("slice", slice, lambda v, s: [encode(k, s) for k in (v.start, v.stop, v.step)],
         lambda d, s: slice(*[decode(k, s) for k in d]))
register("type", DType, lambda v, _: v.name, lambda d, _: dtypes.as_dtype(_text(d)))
register("number", np.generic, lambda v, _: [v.dtype.name, _number(v)], lambda d, _: _parsed(d[1], d[0])[()])
register("dict", dict, lambda v, s: [[encode(k, s), encode(e, s)] for k, e in v.items()],
         lambda d, s: {decode(k, s): decode(e, s) for k, e in d})


# ---- tuples
def _write_named(value, store):
    return [type(value).__name__, list(value._fields), [encode(v, store) for v in value]]


def _read_named(data, store):
    name, fields, values = data
    return namedtuple(_text(name), fields)(*[decode(v, store) for v in values])


def _write_windows(value, store):
    return {field: encode(v, store) for field, v in value._asdict().items()}


def _read_windows(data, store):
    return Windows(**{field: decode(v, store) for field, v in data.items()})


register("windows", Windows, _write_windows, _read_windows)
register("shape", TensorShape, lambda v, s: [encode(n, s) for n in v],
         lambda d, s: TensorShape(decode(n, s) for n in d))
register("named", lambda v: isinstance(v, tuple) and hasattr(v, "_fields"), _write_named, _read_named)
register("tuple", tuple, lambda v, s: [encode(e, s) for e in v],
         lambda d, s: tuple([decode(e, s) for e in d]))


# ---- arrays, functions, rules
def _write_array(value, store):
    if value.ndim == 0:
        return {"dtype": value.dtype.name, "value": _number(value[()])}
    return store.array(value)


def _read_array(data, store):
    return _parsed(data["value"], data["dtype"]) if isinstance(data, dict) else store.array(data)


RULES = {name: value for name, value in vars(optimizers).items() if isinstance(value, optimizers.Update)}


def _is_rule(value):
    return isinstance(value, optimizers.Update) and value in RULES.values()


def _rule_name(value, _):
    return next(name for name, rule in RULES.items() if rule is value)


def _read_rule(data, _):
    if data not in RULES:
        raise ValueError(f"there is no update rule {data!r}")
    return RULES[data]


def _read_spec(data, store):
    shape, dtype, name = data
    return TensorSpec(decode(shape, store), _text(dtype), name)


def _write_extent(value, store):
    return [store.unknowns(value._unknowns), key_of(value)]


def _read_extent(data, store):
    number, key = data
    unknowns = store.unknowns(number)
    made = Dim(dict(_nested(key)), unknowns)
    evaluated(made, unknowns.examples)          # an error if it has terms that can't be
    return made


def write_unknowns(unknowns):
    """Unknown extents with what was assumed about them."""
    assumed = unknowns._assumed
    return {"examples": list(unknowns.examples.items()),
            "assumed": None if assumed is None else [[*what, answer] for what, answer in assumed.items()]}


def read_unknowns(data):
    """Unknowns of what `write_unknowns` gave, open for the checks of what refers to them."""
    made = Unknowns(guarded=data["assumed"] is not None)
    made.examples = {number: int(example) for number, example in data["examples"]}
    for relation, key, answer in data["assumed"] or ():
        dim = Dim(dict(_nested(key)), made)
        if made.decide(dim, relation) is not answer:
            raise ValueError("what is assumed about unknown extents does not hold for the example")
    return made


def _nested(data):
    return tuple([_nested(d) for d in data]) if isinstance(data, list) else data


# ---- texts that are printed
_STREAMS = {"stdout": lambda: sys.stdout, "stderr": lambda: sys.stderr}


def _write_text(text, store):
    stream = None if text._stream is None else next(
        (name for name, stream in _STREAMS.items() if stream() is text._stream), None)
    if stream is None and text._stream is not None:
        raise EncodingError(f"{_described(text._stream)}, a stream to print to, can't be written to a file")
    return {"parts": encode(text._parts, store), "sep": text._sep, "end": text._end, "stream": stream,
            "summarize": encode(text._most, store)}


def _read_text(data, store):
    stream = None if data["stream"] is None else _STREAMS[data["stream"]]()
    made = _Text((), _text(data["sep"]), _text(data["end"]), decode(data["summarize"], store), stream)
    made._parts = decode(data["parts"], store)
    return made


register("place", _Place, lambda v, _: int(v), lambda d, _: _Place(d))
register("text", _Text, _write_text, _read_text)
register("array", np.ndarray, _write_array, _read_array)
register("tensor", lambda v: type(v) in (Tensor, DeviceTensor), lambda v, s: _write_array(fetch(v), s),
         lambda d, s: wrap(_read_array(d, s)))
register("function", Concrete, lambda v, s: s.function(v), lambda d, s: s.function(d))
register("value", Value, lambda v, s: s.value_number(v), lambda d, s: s.graph_value(d))
register("rule", _is_rule, _rule_name, _read_rule)
register("spec", TensorSpec, lambda v, s: [encode(v.shape, s), v.dtype.name, v.name], _read_spec)
register("extent", Dim, _write_extent, _read_extent)
register("random_key", Keys, lambda v, s: encode(v.seed, s), lambda d, s: Keys(decode(d, s)))
register("dtype", _is_dtype, lambda v, _: dtypes.as_dtype(v).name, lambda d, _: dtypes.as_numpy(_text(d)))
