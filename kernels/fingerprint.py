"""A stable description of compiled code's source: a function's bytecode and all that it refers to.

Compiled code is kept on disk under it, so an edit anywhere below a kernel makes a new entry and nothing stale
is loaded.  Imports numba, its llvmlite and numpy only.
"""
import dis
import enum
import hashlib
import sys
import types as python_types
import weakref

import numpy as np
from llvmlite import ir
from numba import types

# Code that changes with its own version, not with an edit: named, not followed.
_FOREIGN = sys.stdlib_module_names | {"numpy", "numba", "llvmlite", "scipy"}
_PLAIN = (int, float, complex, str, bytes, bool, type(None), type(...))
_known: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()     # function -> digest


class Unfingerprintable(TypeError):
    """Something in the code has no stable description, so the compiled code is not kept on disk."""


def fingerprint(function):
    """A hex digest of a function's code and of everything its code refers to."""
    return _digest(function, ())


def _digest(function, within):
    """The digest of a function; `within` are those being described, for functions that call themselves."""
    if function in within:
        return f"calls back {within.index(function)}"
    found = _known.get(function)
    if found is None:
        digest = hashlib.sha256()
        for part in _describe_function(function, (*within, function)):
            digest.update(part.encode() if isinstance(part, str) else part)
            digest.update(b"\0")
        found = _known[function] = digest.hexdigest()
    return found


def _describe_function(function, within):
    yield from _describe(function.__code__, within)
    yield from _describe(function.__defaults__ or (), within)
    yield f"exact {getattr(function, 'exact', None)}"
    for kind, variant in sorted(getattr(function, "variants", {}).items()):
        yield f"variant {kind} {_digest(variant, within)}"
    for cell in function.__closure__ or ():
        yield from _describe(cell.cell_contents, within)
    for name, attribute in sorted(set(_globals_used(function.__code__))):
        if name not in function.__globals__:
            continue                        # a built-in
        value = function.__globals__[name]
        if attribute and isinstance(value, python_types.ModuleType) and not _is_foreign(value.__name__):
            value = getattr(value, attribute, None)
        yield f"global {name}.{attribute}"
        yield from _describe(value, within)


def _describe(value, within):
    kind = type(value)
    if kind in _PLAIN:
        yield f"{kind.__name__} {value!r}"
    elif isinstance(value, python_types.CodeType):
        yield f"code {value.co_name} {value.co_names} {value.co_varnames} {value.co_freevars}"
        yield value.co_code
        yield from _describe(value.co_consts, within)
    elif isinstance(value, (np.generic, np.dtype, types.Type, enum.Enum)):
        yield f"{kind.__name__} {value!r}"
    elif isinstance(value, np.ndarray):
        yield f"array {value.dtype.str} {value.shape}"
        yield value.tobytes()
    elif isinstance(value, (tuple, list, set, frozenset, dict)):
        yield from _describe_items(value, within)
    else:
        yield _describe_object(value, within)


def _describe_items(value, within):
    items = value if isinstance(value, (tuple, list)) else sorted(value, key=repr)
    yield f"{type(value).__name__} {len(items)}"
    for item in items:
        yield from _describe(item, within)
        if isinstance(value, dict):
            yield from _describe(value[item], within)


def _describe_object(value, within):
    for holder in ("py_func", "_defn"):         # a dispatcher, an intrinsic
        value = getattr(value, holder, value)
    if isinstance(value, python_types.FunctionType) and not _is_foreign(value.__module__):
        return _digest(value, within)
    if isinstance(value, python_types.ModuleType):
        return f"module {value.__name__}"
    if isinstance(value, ir.Type):
        return f"llvm {value}"
    if isinstance(value, type) and not _is_foreign(value.__module__):
        own = sorted((name, f) for name, f in vars(value).items() if isinstance(f, python_types.FunctionType))
        return f"class {value.__qualname__} {[(name, _digest(f, within)) for name, f in own]}"
    if isinstance(value, (type, python_types.BuiltinFunctionType, python_types.FunctionType)):
        return f"named {value.__module__} {value.__qualname__}"
    if isinstance(value, np.ufunc):
        return f"ufunc {value.__name__}"
    if isinstance(value, types.ExternalFunction):
        return f"external {value.symbol} {value.sig}"
    raise Unfingerprintable(f"{type(value).__name__} {value!r}"[:200])


def _is_foreign(module):
    return module is not None and module.split(".")[0] in _FOREIGN


_LOAD_GLOBAL, _EXTENDED, _LOAD_ATTR = (dis.opmap[n] for n in ("LOAD_GLOBAL", "EXTENDED_ARG", "LOAD_ATTR"))
_LOAD_METHOD = dis.opmap.get("LOAD_METHOD")
_GLOBAL_SHIFT = 1 if sys.version_info >= (3, 11) else 0      # then the low bit of the argument is a flag
_ATTR_SHIFT = 1 if sys.version_info >= (3, 12) else 0


def _globals_used(code):
    """(global, attribute taken of it or "") for each load of a global; co_names does not tell them apart."""
    high, pending = 0, None
    for opcode, low in zip(code.co_code[::2], code.co_code[1::2], strict=True):
        argument = high | low
        high = argument << 8 if opcode == _EXTENDED else 0
        if opcode in (_EXTENDED, 0):            # 0: the interpreter's own cache entries
            continue
        if pending is not None:
            if opcode == _LOAD_ATTR:
                yield pending, code.co_names[argument >> _ATTR_SHIFT]
            else:
                yield pending, code.co_names[argument] if opcode == _LOAD_METHOD else ""
            pending = None
        if opcode == _LOAD_GLOBAL:
            pending = code.co_names[argument >> _GLOBAL_SHIFT]
    for const in code.co_consts:
        if isinstance(const, python_types.CodeType):
            yield from _globals_used(const)
