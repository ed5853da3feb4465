"""Faces: the public functions of ops, written out as source.

A face converts its arguments, runs the kernel, wraps the result, and records when a tape listens.  It is plain Python
with the op's real signature and without *args, because an eager op costs what its Python costs.
"""
import functools
import inspect
import itertools
import linecache
from types import FunctionType

import numpy as np

from numbaflow.kernels.elementwise import LARGE

from . import dtypes, fuse, table
from .errors import InvalidArgumentError, OpError
from .plans import BACK, KEEP
from .tape import record
from .tensor import Tensor, as_tensor, scalar_tensor

_SCALARS = (bool, int, float, complex)


def pair(op, x, y):
    """`adapt` for two inputs of a common dtype, quick where one is a Python number or a variable."""
    if type(x) is Tensor:
        kind = type(y)
        if kind is float or kind is int:
            return x, scalar_tensor(y, x._data.dtype)
        if hasattr(kind, "_read"):
            return x, y._read()
    elif type(y) is Tensor:
        kind = type(x)
        if kind is float or kind is int:
            return scalar_tensor(x, y._data.dtype), y
        if hasattr(kind, "_read"):
            return x._read(), y
    return adapt(op, (x, y))


def adapt(op, values):
    """Tensors for an op's arguments; Python numbers take the dtype of the tensor they meet."""
    partner = None
    for x, v in zip(op.inputs, values, strict=True):
        if x in op.promote and type(v) not in _SCALARS:
            partner = _dtype_of(v)
            if partner is not None:
                break
    return [_adapted(op, x, v, partner) for x, v in zip(op.inputs, values, strict=True)]


def _dtype_of(value):
    if isinstance(value, Tensor):
        return value._data.dtype
    dtype = getattr(value, "dtype", None)
    return dtypes.as_numpy(dtype) if dtype is not None else None


def _adapted(op, x, v, partner):
    if type(v) is Tensor:
        return v
    if x in op.variadic:
        return v
    try:
        if type(v) in _SCALARS:
            if x in op.promote and partner is not None:
                return scalar_tensor(v, partner)
            if type(v) is int and x in op.floats:
                v = float(v)
        return as_tensor(v)
    except (TypeError, ValueError) as error:
        raise explain(op, error, ()) from None


def adapt_list(op, values):
    """A list of tensors for a variadic input; Python numbers take the dtype of the tensors among them."""
    if isinstance(values, Tensor):
        values = list(values)
    if not isinstance(values, (list, tuple)):
        raise InvalidArgumentError(f"{op.name}: expected a list of tensors, got {type(values).__name__}")
    if not values:
        raise InvalidArgumentError(f"{op.name}: expected at least one tensor, got an empty list")
    partner = next((d for d in map(_dtype_of, values) if d is not None), None)
    out = [scalar_tensor(v, partner) if type(v) in _SCALARS and partner is not None else as_tensor(v) for v in values]
    first = out[0]._data.dtype
    if all(t._data.dtype is first for t in out):
        return out
    wanted = functools.reduce(lambda a, b: dtypes.promote(a, b, op.name), [t._data.dtype for t in out])
    return [_to(t, wanted) for t in out]


def unify(op, tensors):
    """The tensors with those that must share a dtype cast to it."""
    group = [t._data.dtype for x, t in zip(op.inputs, tensors, strict=True) if x in op.promote]
    wanted = functools.reduce(lambda a, b: dtypes.promote(a, b, op.name), group)
    return [_to(t, wanted) if x in op.promote else t for x, t in zip(op.inputs, tensors, strict=True)]


def make_float(op, tensors):
    """The tensors with integers cast to float where the op computes in floats."""
    return [_to(t, dtypes.floating(t._data.dtype)) if x in op.floats and t._data.dtype.kind in "iu" else t
            for x, t in zip(op.inputs, tensors, strict=True)]


def _to(t, dtype):
    return t if t._data.dtype == dtype else table.face("cast")(t, dtype)


def explain(op, error, inputs):
    """The error that a user sees for what a kernel raised: it names the op."""
    if isinstance(error, OpError) or op.name in str(error)[:len(op.name)]:
        return error
    shapes = [t._data.shape for t in inputs if isinstance(t, Tensor)]
    text = str(error)
    if op.kernel is not None and ("broadcast" in text or "shape mismatch" in text):
        text = f"shapes {' and '.join(map(str, shapes))} do not broadcast: Incompatible shapes"
    kind = type("InvalidArgumentError", (InvalidArgumentError, IndexError), {"__module__": InvalidArgumentError.__module__}) \
        if isinstance(error, IndexError) else InvalidArgumentError
    return kind(f"{op.name}: {text}")


# ---- faces
def make_face(op, function):
    source, scope = _face_source(op, function)
    filename = f"<numbaflow op {op.name}>"
    linecache.cache[filename] = (len(source), None, source.splitlines(True), filename)
    exec(compile(source, filename, "exec"), scope)
    face = scope[op.name]
    face.__kwdefaults__ = function.__kwdefaults__
    face.__defaults__ = function.__defaults__
    face.__doc__, face.__module__, face.__qualname__ = function.__doc__, function.__module__, op.name
    face.op = op
    return face


def _parameters(function):
    """The parameter list with defaults that `__defaults__` then replaces."""
    parts = []
    for p in inspect.signature(function).parameters.values():
        if p.kind is p.KEYWORD_ONLY and "*" not in parts:
            parts.append("*")
        parts.append(p.name if p.default is p.empty else f"{p.name}=None")
    return ", ".join(parts)


def _face_source(op, function):
    plain = [x for x in op.inputs if x not in op.variadic]
    scope = {"Tensor": Tensor, "new": object.__new__, "ndarray": np.ndarray, "array": np.array, "record": record,
             "explain": explain, "op": op, "adapt": adapt, "adapt_list": adapt_list, "pair": pair, "unify": unify,
             "make_float": make_float, "Symbol": fuse.Symbol, "apply": fuse.apply, "kernel": op.kernel,
             "launch": _launcher(function)}
    names = ", ".join(op.inputs)
    lines = [f"def {op.name}({_parameters(function)}):"]
    if plain:
        lines.append(f"    if {' or '.join(f'type({x}) is not Tensor' for x in plain)}:")
        if op.kernel is not None:
            symbols = " or ".join(f"type({x}) is Symbol" for x in plain)
            lines += [f"        if {symbols}:", f"            return apply(op, {names})"]
        if len(op.inputs) == len(op.promote) == 2:
            lines.append(f"        {names} = pair(op, {names})")
        else:
            lines.append(f"        {names}{',' if len(op.inputs) == 1 else ''} = adapt(op, ({names},))")
    lines += [f"    {x} = adapt_list(op, {x})" for x in op.variadic]
    lines += _dtype_lines(op, names)
    lines += _kernel_lines(op) if op.kernel is not None else _function_lines(op)
    lines += _record_lines(op)
    return "\n".join(lines) + "\n", scope


def _launcher(function):
    """The declaration's own body, which is the launch on arrays."""
    return FunctionType(function.__code__, function.__globals__, function.__name__, function.__defaults__,
                        function.__closure__)


def _dtype_lines(op, names):
    lines = []
    group = [x for x in op.inputs if x in op.promote]
    if op.kernel is None and len(group) > 1:
        different = " or ".join(f"{a}._data.dtype is not {b}._data.dtype" for a, b in itertools.pairwise(group))
        lines += [f"    if {different}:", f"        {names} = unify(op, ({names}))"]
    if op.floats and op.kernel is None:
        test = " or ".join(f"{x}._data.dtype.kind in 'iu'" for x in op.floats)
        comma = "," if len(op.inputs) == 1 else ""
        lines += [f"    if {test}:", f"        {names}{comma} = make_float(op, ({names},))"]
    return lines


def _kernel_lines(op):
    arrays = [f"a{k}" for k in range(len(op.inputs))]
    taken = "; ".join(f"{a} = {x}._data" for a, x in zip(arrays, op.inputs, strict=True))
    key = arrays[op.kernel.key]
    lines = [f"    {taken}; d = {key}.dtype"]
    others = [a for a, x in zip(arrays, op.inputs, strict=True) if x in op.promote and a != key]
    if others:
        names = ", ".join(op.inputs)
        lines += [f"    if {' or '.join(f'{a}.dtype is not d' for a in others)}:",
                  f"        {names} = unify(op, ({names}))", f"        {taken}; d = {key}.dtype"]
    operands = ", ".join(arrays)
    small = f" < {LARGE} and ".join(f"{a}.size" for a in arrays) + f" < {LARGE}"
    return [*lines, "    try:",
            f"        if {small}:",
            f"            z = kernel[d]({operands}{KEEP})", *BACK,
            "        else:",
            f"            z = kernel.large(d, {operands})",
            "    except (ValueError, TypeError) as error:",
            f"        raise explain(op, error, ({', '.join(op.inputs)},)) from None",
            "    t = new(Tensor); t._data = z; t._node = None"]


def _function_lines(op):
    arrays = [f"[v._data for v in {x}]" if x in op.variadic else f"{x}._data" for x in op.inputs]
    given = dict(zip(op.inputs, arrays, strict=True)) | {a: a for a in op.attributes}
    call = ", ".join(f"{name}={text}" for name, text in given.items())
    lines = ["    try:", f"        z = launch({call})",
             "    except (ValueError, TypeError, IndexError) as error:",
             f"        raise explain(op, error, ({', '.join(op.inputs)},)) from None"]
    if op.outputs is None:
        return [*lines, "    if type(z) is not ndarray: z = array(z)",
                "    t = new(Tensor); t._data = z; t._node = None"]
    return [*lines, "    out = []", "    for v in z:",
            "        t = new(Tensor); t._data = v if type(v) is ndarray else array(v); t._node = None; out.append(t)",
            "    t = tuple(out)"]


def _record_lines(op):
    if not op.inputs:
        return ["    return t"]
    result = "list(t)" if op.listed else "t"
    traced = [f"any([v._node is not None for v in {x}])" if x in op.variadic else f"{x}._node is not None"
              for x in op.inputs]
    inputs = "".join(f"{x}, " for x in op.inputs)
    attributes = "".join(f"{a}, " for a in op.attributes)
    return [f"    if {' or '.join(traced)}:", f"        record(op, ({inputs}), t, ({attributes}))", f"    return {result}"]


