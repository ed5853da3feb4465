"""Faces: the public functions of ops, written out as source.

A face converts its arguments, runs the kernel, wraps the result, and records when a tape listens.  It is
plain Python with the op's real signature and without *args, because an eager op costs what its Python costs.
"""
import functools
import itertools
import linecache
from types import FunctionType

import numpy as np

from numbaflow.kernels.elementwise import LARGE

from . import callbacks, dtypes, fuse, table
from .abstract import handed_over
from .device import HOST, guard, place, places, watch
from .errors import InvalidArgumentError, OpError
from .plans import BACK, KEEP
from .symbolic import SymbolicMet
from .tape import record, stack
from .tensor import FLOAT32_SCALARS, Tensor, as_tensor, scalar_tensor, wrap

_SCALARS = (bool, int, float, complex)


def pair(op, x, y):
    """`adapt` for two inputs of a common dtype, quick where one is a variable."""
    if type(x) is Tensor:
        if hasattr(type(y), "_read"):
            return handed_over((x, y._read()))
    elif type(y) is Tensor and hasattr(type(x), "_read"):
        return handed_over((x._read(), y))
    return adapt(op, (x, y))


def adapt(op, values):
    """The tensors of `convert`, none of them traced."""
    return handed_over(convert(op, values))


def convert(op, values):
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
        return value._dtype
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
                return scalar_tensor(v, partner, op.name)
            if type(v) is int and x in op.floats:
                v = float(v)
        return as_tensor(v)
    except (TypeError, ValueError) as error:
        raise explain(op, error, ()) from None


def adapt_list(op, values):
    """The tensors of `convert_list`, none of them traced."""
    return handed_over(convert_list(op, values))


def convert_list(op, values):
    """A list of tensors for a variadic input; Python numbers take the dtype of the tensors among them."""
    if type(values) is list and values and type(values[0]) is Tensor:
        first = values[0]._dtype
        for v in values:
            if type(v) is not Tensor or v._dtype is not first:
                break
        else:
            return values.copy()
    if isinstance(values, Tensor):
        values = list(values)
    if not isinstance(values, (list, tuple)):
        raise InvalidArgumentError(f"{op.name}: expected a list of tensors, got {type(values).__name__}")
    if not values:
        raise InvalidArgumentError(f"{op.name}: expected at least one tensor, got an empty list")
    partner = next((d for d in map(_dtype_of, values) if d is not None), None)
    out = [scalar_tensor(v, partner, op.name) if type(v) in _SCALARS and partner is not None else as_tensor(v)
           for v in values]
    first = out[0]._dtype
    if all(t._dtype is first for t in out):
        return out
    wanted = functools.reduce(lambda a, b: dtypes.promote(a, b, op.name), [t._dtype for t in out])
    return [_to(t, wanted) for t in out]


def unify(op, tensors):
    """The tensors with those that must share a dtype cast to it."""
    group = [t._dtype for x, t in zip(op.inputs, tensors, strict=True) if x in op.promote]
    wanted = functools.reduce(lambda a, b: dtypes.promote(a, b, op.name), group)
    return [_to(t, wanted) if x in op.promote else t for x, t in zip(op.inputs, tensors, strict=True)]


def make_float(op, tensors):
    """The tensors with integers cast to float where the op computes in floats."""
    return [_to(t, dtypes.floating(t._dtype)) if x in op.floats and t._dtype.kind in "iu" else t
            for x, t in zip(op.inputs, tensors, strict=True)]


def _to(t, dtype):
    return t if t._dtype == dtype else table.face("cast")(t, dtype)


def explain(op, error, inputs):
    """The error that a user sees for what a kernel raised: it names the op."""
    if isinstance(error, OpError):
        return error
    tensors = [t for t in inputs if isinstance(t, Tensor)]
    text = str(error).removeprefix(f"{op.name}: ")
    if op.kernel is not None and ("broadcast" in text or "shape mismatch" in text):
        shapes = " and ".join(str(t._data.shape) for t in tensors)
        text = f"shapes {shapes} do not broadcast: Incompatible shapes"
    elif op.kernel is not None and "ufunc" in text:
        text = f"dtypes {' and '.join(t._dtype.name for t in tensors)} do not fit; a condition is bool"
    kind = _InvalidIndexError if isinstance(error, IndexError) else InvalidArgumentError
    return kind(f"{op.name}: {text}")


_InvalidIndexError = type("InvalidArgumentError", (InvalidArgumentError, IndexError),
                          {"__module__": InvalidArgumentError.__module__})


# ---- faces
def make_face(op, function):
    """The public function of an op."""
    face = _unwritten(op, function, _parameters)
    face.__doc__, face.__module__, face.__qualname__ = function.__doc__, function.__module__, op.name
    face.__wrapped__ = function                 # whose signature is the face's, also before it is written
    face.op = op
    return face


def make_reflected(op, function):
    """The op with its two inputs given the other way round, for reflected operators."""
    return _unwritten(op, function, lambda _: ", ".join(op.inputs[::-1]) + ", name=None")


def _first_call(*args, **kwargs):
    return _write()(*args, **kwargs)            # the _write that is a global of the face


def _unwritten(op, function, parameters):
    """A face that is written when it is first called: writing all at import would take 60 ms."""
    scope = {"__name__": function.__module__}
    face = FunctionType(_first_call.__code__, scope, op.name)
    scope["_write"] = functools.partial(_write, face, op, function, parameters)
    return face


def _write(face, op, function, parameters):
    source = _face_source(op, function, parameters(function), face.__globals__)
    filename = f"<numbaflow op {op.name}>"
    linecache.cache[filename] = (len(source), None, source.splitlines(True), filename)
    written = {}
    exec(compile(source, filename, "exec"), written)
    # (the defaults first: between the lines another thread may call)
    face.__kwdefaults__, face.__defaults__ = function.__kwdefaults__, function.__defaults__
    face.__code__ = written[op.name].__code__
    callbacks.written(face, op)
    return face


def parameter_names(function):
    """The names of a function's parameters; inspect.signature takes 50 us, which counts at import."""
    code = function.__code__
    return list(code.co_varnames[:code.co_argcount + code.co_kwonlyargcount])


def _parameters(function):
    """The parameter list; `__defaults__` then replaces its defaults."""
    names, code = parameter_names(function), function.__code__
    first = code.co_argcount - len(function.__defaults__ or ())
    positional = [n if k < first else f"{n}=None" for k, n in enumerate(names[:code.co_argcount])]
    optional = function.__kwdefaults__ or {}
    only = [f"{n}=None" if n in optional else n for n in names[code.co_argcount:]]
    return ", ".join([*positional, *(["*", *only] if only else [])])


def _face_source(op, function, parameters, scope):
    """The text of a face.  What it refers to goes into scope, under names with a _ in front."""
    plain = [x for x in op.inputs if x not in op.variadic]
    everything = ", ".join(f"{x!r}: {x}" for x in parameter_names(function))
    hand_over = ["except _SymbolicMet as _met:",
                 f"    return _met.value._take_call(_op.face, {{{everything}}})"]
    scope |= {"_Tensor": Tensor, "_new": object.__new__, "_ndarray": np.ndarray, "_array": np.array,
             "_record": record, "_explain": explain, "_op": op, "_adapt": adapt, "_adapt_list": adapt_list,
             "_pair": pair, "_scalar_tensor": scalar_tensor, "_scalars": FLOAT32_SCALARS,
             "_unify": unify, "_make_float": make_float, "_Symbol": fuse.Symbol, "_apply": fuse.apply,
             "_kernel": op.kernel, "_launch": op.launch, "_named": op.named,
             "_wrap": wrap, "_FLOAT32": dtypes.FLOAT32, "_BOOL": dtypes.BOOL, "_SymbolicMet": SymbolicMet,
             "_Host": Tensor, "_places": places, "_drawn": _drawn}
    guard(scope, "_new", "_wrap", op=op.name)
    watch(scope, "_Host")
    if op.kernel is not None:
        op.kernel.bind_float32(scope, "_float32")
    names = ", ".join(op.inputs)
    lines = [f"def {op.name}({parameters}):"]
    if plain:
        lines.append(f"    if {' or '.join(f'type({x}) is not _Host' for x in plain)}:")
        lines += _conversion_lines(op, plain, names, hand_over, everything)
    if op.inputs in ((), ("key",)):             # (it is made of nothing: a key says which numbers, not where)
        lines += ["    if _places.on:", f"        _p = _drawn(_op, {{{everything}}})",
                  "        if _p is not None: return _p"]
    for x in op.variadic:
        lines += ["    try:", f"        {x} = _adapt_list(_op, {x})", *[f"    {line}" for line in hand_over]]
    lines += _dtype_lines(op, names)
    lines += _kernel_lines(op) if op.kernel is not None else _function_lines(op)
    lines += _record_lines(op)
    return "\n".join(lines) + "\n"


def _drawn(op, arguments):
    """What an op makes of nothing where this thread makes tensors on a GPU, else None."""
    at = place() if stack.frame[2] is None else HOST
    return None if at is HOST else places.run(op, arguments, at)


def _conversion_lines(op, plain, names, hand_over, everything):
    """What happens to arguments that are no tensors; floats, met in every expression, come first."""
    tests = []
    if len(op.inputs) == len(op.promote) == 2:
        for value, other in (op.inputs[::-1], op.inputs):
            tests.append((f"(type({value}) is float or type({value}) is int) and type({other}) is _Host",
                          f"_c = _scalars.get({value}) if {other}._dtype is _FLOAT32 else None; "
                          f"{value} = _scalar_tensor({value}, {other}._dtype, _op.name) "
                          f"if _c is None else _c"))
        rest = f"{names} = _pair(_op, {names})"
    else:
        rest = f"{names}{',' if len(op.inputs) == 1 else ''} = _adapt(_op, ({names},))"
    if op.kernel is not None:
        tests.append((" or ".join(f"type({x}) is _Symbol" for x in plain), f"return _apply(_op, {names})"))
    there = f"_places.quick(_op, {names})" if op.kernel is not None else f"_places.run(_op, {{{everything}}})"
    tests.append((" or ".join(f"type({x}) is _places.tensor" for x in plain), f"return {there}"))
    lines = []
    for word, (test, act) in zip(itertools.chain(["if"], itertools.repeat("elif")), tests, strict=False):
        lines += [f"        {word} {test}:", f"            {act}"]
    if tests:
        lines.append("        else:")
    space = " " * (12 if tests else 8)
    return [*lines, *[space + line for line in ("try:", f"    {rest}", *hand_over)]]


def launcher(function):
    """The declaration's own body, which is the launch on arrays."""
    return FunctionType(function.__code__, function.__globals__, function.__name__, function.__defaults__,
                        function.__closure__)


def _dtype_lines(op, names):
    lines = []
    group = [x for x in op.inputs if x in op.promote]
    if op.kernel is None and len(group) > 1:
        different = " or ".join(f"{a}._dtype is not {b}._dtype" for a, b in itertools.pairwise(group))
        lines += [f"    if {different}:", f"        {names} = _unify(_op, ({names}))"]
    if op.floats and op.kernel is None:
        test = " or ".join(f"{x}._dtype.kind in 'iu'" for x in op.floats)
        comma = "," if len(op.inputs) == 1 else ""
        lines += [f"    if {test}:", f"        {names}{comma} = _make_float(_op, ({names},))"]
    return lines


def _kernel_lines(op):
    arrays = [f"_a{k}" for k in range(len(op.inputs))]
    taken = "; ".join(f"{a} = {x}._data" for a, x in zip(arrays, op.inputs, strict=True))
    key = op.inputs[op.kernel.key]
    lines = [f"    {taken}; _d = {key}._dtype"]
    others = [x for x in op.inputs if x in op.promote and x != key]
    if others:
        names = ", ".join(op.inputs)
        lines += [f"    if {' or '.join(f'{x}._dtype is not _d' for x in others)}:",
                  f"        {names} = _unify(_op, ({names}))", f"        {taken}; _d = {key}._dtype"]
    operands = ", ".join(arrays)
    call = operands + KEEP
    small = f" < {LARGE} and ".join(f"{a}.size" for a in arrays) + f" < {LARGE}"
    # looking float32 up costs 40 ns of 600: its ufunc is a global of the face, put there by the first call
    lines += ["    try:",
              f"        if {small}:",
              f"            _z = _float32({call}) if _d is _FLOAT32 else _kernel[_d]({call})",
              *BACK,
              "        else:",
              f"            _z = _kernel.large(_d, {operands})",
              "    except (ValueError, TypeError) as _error:",
              f"        raise _explain(_op, _error, ({', '.join(op.inputs)},)) from None"]
    same = op.kernel.output == "x" and "i" in op.kernel.kinds       # else integers may have become floats
    dtype = "_d" if same else "_BOOL" if op.kernel.output == "?" else "_z.dtype"
    return [*lines, f"    _t = _new(_Tensor); _t._data = _z; _t._dtype = {dtype}; _t._node = None"]


def _function_lines(op):
    arrays = [f"[_v._data for _v in {x}]" if x in op.variadic else f"{x}._data" for x in op.inputs]
    given = dict(zip(op.inputs, arrays, strict=True)) | {"name": "None"}
    names, count = parameter_names(op.function), op.function.__code__.co_argcount
    call = ", ".join([given.get(x, x) for x in names[:count]]
                     + [f"{x}={given.get(x, x)}" for x in names[count:]])
    results = ", ".join(["_z", *[f"_r{k}" for k in range(len(op.residuals))]])
    lines = ["    try:", f"        {results} = _launch({call})",
             "    except (ValueError, TypeError, IndexError) as _error:",
             f"        raise _explain(_op, _error, ({', '.join(op.inputs)},)) from None"]
    if op.outputs is not None:
        return [*lines, "    _t = tuple([_wrap(_v) for _v in _z])"]
    return [*lines, "    if type(_z) is not _ndarray: _z = _array(_z)",
            "    _t = _new(_Tensor); _t._data = _z; _t._dtype = _z.dtype; _t._node = None"]


def _record_lines(op):
    if not op.inputs:
        return ["    return _t"]
    result = "_t" if op.outputs is None else "list(_t)" if op.listed else "_named(*_t)"
    traced = [f"any([_v._node is not None for _v in {x}])" if x in op.variadic else f"{x}._node is not None"
              for x in op.inputs]
    inputs = "".join(f"{x}, " for x in op.inputs)
    kept = [*op.attributes, *[f"_wrap(_r{k})" for k in range(len(op.residuals))]]
    attributes = "".join(f"{a}, " for a in kept)
    return [f"    if {' or '.join(traced)}:", f"        _record(_op, ({inputs}), _t, ({attributes}))",
            f"    return {result}"]
