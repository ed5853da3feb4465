"""Calls of a translation: pointers, casts, intrinsics, functions whose code takes the place of the call."""
import ast
import functools

import numba
import numpy as np
from llvmlite import ir
from numba import types

from . import jit
from .arithmetic import ANYWHERE, EXACT, FAST, I64, LLVM, Number, Pointer, is_float
from .native import called
from .pointers import AT
from .syntax import Untranslatable, assigned, scope_of, tree_of

_POINTERS = {id(made): name for name, made in AT.items()}
_INTRINSICS = {np.abs: "fabs", abs: "fabs", np.sqrt: "sqrt", np.floor: "floor", np.ceil: "ceil",
               np.trunc: "trunc", np.rint: "rint"}
_BUILTIN = {float: "float64", bool: "bool", int: "int64"}


class _Context:
    """What an intrinsic of addresses or numbers asks of Numba."""

    @staticmethod
    def get_value_type(kind):
        """The LLVM type of values of a Numba type."""
        return LLVM[str(kind.dtype)].as_pointer() if isinstance(kind, types.CPointer) else LLVM[str(kind)]

    @staticmethod
    def make_array(kind):
        """What makes a Numba array of a value; the value has its `data`."""
        return lambda context, builder, value: value

    @staticmethod
    def get_dummy_value():
        """The value of what returns none."""


class Calls:
    """What a frame makes of calls."""

    def _Call(self, node):
        if node.keywords:
            raise Untranslatable("a keyword argument")
        function = self.value(node.func)
        if isinstance(function, (Number, Pointer, list)):
            raise Untranslatable("a call of a number")
        arguments = [self.value(a) for a in node.args]
        return self.call(function, arguments)

    def call(self, function, arguments):
        """What a function gives for translated arguments."""
        if id(function) in _POINTERS:
            return self._pointer(_POINTERS[id(function)], *arguments)
        if function is jit.wide_vectors:
            if jit._prefers_wide_vectors():
                set.add(self.translation.function.attributes, '"prefer-vector-width"="512"')
            return None
        if hasattr(function, "kept"):
            return self._kept(*function.kept)
        kind = self._type(function)
        if kind is not None:
            return self.cast(arguments[0], kind)
        if hasattr(function, "_defn"):
            return self._numba_intrinsic(function, arguments)
        if not all(isinstance(a, Number) for a in arguments):
            return self._inline(function, arguments)
        numbers = [self.number(a) for a in arguments]
        if function is divmod and len(numbers) == 2:
            return [self.combined(how, *numbers) for how in (ast.FloorDiv, ast.Mod)]
        if function in (min, max) and not any(is_float(x.kind) for x in numbers):
            return functools.reduce(functools.partial(self._extreme, function), numbers)
        if isinstance(function, np.ufunc) or function is abs:
            return self._intrinsic(function, numbers)
        return self._inline(function, numbers)

    def _extreme(self, function, x, y):
        """min or max of integers."""
        first = self._compared("<" if function is min else ">", x, y).value
        return Number(self.builder.select(first, *[self.cast(v, "int64").value for v in (x, y)]), "int64")

    def _pointer(self, kind, address):
        stored = "uint8" if kind == "bool" else kind
        if stored not in LLVM:
            raise Untranslatable(kind)
        memory = self.translation.operand(stored)
        made = self.builder.inttoptr(self.number(address).value, LLVM[stored].as_pointer())
        return Pointer(made, stored, memory)

    def _kept(self, dtype, size):
        stored = "uint8" if dtype == "bool" else dtype
        if stored not in LLVM:
            raise Untranslatable(dtype)
        room = self.translation.slot(LLVM[stored], size)
        room.align = 64
        memory = self.translation.operand(stored)
        return Pointer(self.builder.bitcast(room, LLVM[stored].as_pointer()), stored, memory)

    @staticmethod
    def _type(function):
        if isinstance(function, types.Type):
            name = str(function)
        elif isinstance(function, type) and issubclass(function, np.number):
            name = np.dtype(function).name
        else:
            name = _BUILTIN.get(function) if isinstance(function, type) else None
        if name is not None and name not in LLVM:
            raise Untranslatable(name)
        return name

    def _intrinsic(self, function, numbers):
        kinds = {x.kind for x in numbers}
        if function is np.fmod and len(kinds) == 1 and is_float(numbers[0].kind):
            return Number(self._flagged(self.builder.frem(*[x.value for x in numbers])), numbers[0].kind)
        if function in (np.abs, abs) and numbers[0].kind.startswith("int"):
            x = self.cast(numbers[0], "int64").value
            below = self.builder.icmp_signed("<", x, ir.Constant(I64, 0))
            return Number(self.builder.select(below, self.builder.neg(x), x), "int64")
        if function is np.conj and "bool" not in kinds:
            return numbers[0]
        name = _INTRINSICS.get(function)
        if name is None or len(numbers) != 1 or not is_float(numbers[0].kind):
            raise Untranslatable(getattr(function, "__name__", "a ufunc"))
        x = numbers[0]
        made = self.translation.module.declare_intrinsic(f"llvm.{name}", [x.value.type])
        return Number(self.builder.call(made, [x.value]), x.kind)

    def _numba_intrinsic(self, function, arguments):
        if hasattr(function, "fixed"):
            address, *given = [self.cast(a, "int64").value for a in arguments]
            return Number(called(self.builder, function.fixed, address, given), "int64")
        try:
            sig, codegen = function._defn(None, *[_numba_type(a) for a in arguments])
            given = [a if hasattr(a, "extents") else self.cast(a, str(t)).value if isinstance(a, Number)
                     else a.value for a, t in zip(arguments, sig.args, strict=True)]
            made = codegen(_Context, self.builder, sig, given)
        except (AttributeError, TypeError, KeyError):   # it asks Numba for more
            raise Untranslatable("an intrinsic") from None
        if isinstance(sig.return_type, types.CPointer):
            return Pointer(made, str(sig.return_type.dtype), ANYWHERE)
        kind = str(sig.return_type)
        if sig.return_type == types.void:
            return None
        if kind not in LLVM:
            raise Untranslatable(kind)
        return Number(made, kind)

    def _emitted(self, emit, numbers):
        """What an emitter of LLVM code gives, with this function's flags as Numba puts them."""
        kind = "float32" if all(x.kind == "float32" for x in numbers) else "float64"
        values = [self.cast(x, kind).value for x in numbers]
        block, before = self.builder.block, len(self.builder.block.instructions)
        made = emit(self.builder, *values)
        for instruction in block.instructions[before:]:
            self._flagged(instruction)
        return Number(made, "float32" if made.type == LLVM["float32"] else "float64")

    def _inline(self, function, arguments):
        """A function's code in the place of its call."""
        variants = getattr(function, "variants", {})
        if "llvm" in variants:
            return self._emitted(variants["llvm"], [self.number(a) for a in arguments])
        flags, precision = self.flags, np.float64
        if isinstance(function, numba.core.dispatcher.Dispatcher):
            chosen = function.py_func
            fast = function.targetoptions.get("fastmath") or ()
            flags = tuple(f for f in FAST if fast is True or f in fast)
        elif hasattr(function, "exact"):
            kinds = [_numba_type(a) for a in arguments]
            flags = EXACT if function.exact else FAST
            chosen, precision = variants.get(jit._kind(kinds), function), jit._precision(kinds)
        else:
            raise Untranslatable(getattr(function, "__name__", repr(function)))
        scope, tree = scope_of(chosen), tree_of(chosen)
        names = [a.arg for a in tree.args.args]
        if len(names) != len(arguments) or tree.args.vararg or tree.args.kwonlyargs:
            raise Untranslatable(f"{chosen.__name__} of {len(arguments)} arguments")
        known = dict(zip(names, arguments, strict=True))
        frame = type(self)(self.translation, scope, known, flags, precision, assigned(tree))
        return frame.run(tree)


def _numba_type(value):
    """The Numba type of a number, a pointer, an array; none for what has no kind."""
    if hasattr(value, "extents"):
        return value.type
    if not isinstance(value, (Number, Pointer)):
        return types.none
    kind = getattr(types, "boolean" if value.kind == "bool" else value.kind)
    return types.CPointer(kind) if isinstance(value, Pointer) else kind
