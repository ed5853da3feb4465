"""Numbers of a translation, LLVM values with the name of their type, and Numba's arithmetic on them."""
import ast

import numpy as np
from llvmlite import ir

from .syntax import Untranslatable

I1, I8, I64 = ir.IntType(1), ir.IntType(8), ir.IntType(64)
LLVM = {"bool": I1, "float32": ir.FloatType(), "float64": ir.DoubleType(),
        **{f"{sign}int{n}": ir.IntType(n) for sign in ("", "u") for n in (8, 16, 32, 64)}}
FAST, EXACT = ("contract", "nsz", "arcp", "afn", "reassoc"), ("contract",)
_ARITHMETIC = {ast.Add: ("fadd", "add"), ast.Sub: ("fsub", "sub"), ast.Mult: ("fmul", "mul"),
               ast.Div: ("fdiv", None)}
_SHIFTS = {(ast.LShift, "int64"): "shl", (ast.RShift, "int64"): "ashr", (ast.LShift, "uint64"): "shl",
           (ast.RShift, "uint64"): "lshr"}
_BITWISE = {ast.BitAnd: "and_", ast.BitOr: "or_", ast.BitXor: "xor"}
_FLAGGED = frozenset(("fadd", "fsub", "fmul", "fdiv", "frem", "fneg"))


class Number:
    """An LLVM value and the name of its type; `known` is the Python number where it is one."""

    __slots__ = ("kind", "known", "value")

    def __init__(self, value, kind, known=None):
        self.value, self.kind, self.known = value, kind, known


ANYWHERE = "anywhere"           # memory that any pointer may show


class Pointer:
    """An address of elements, and which of the kernel's memory it is."""

    __slots__ = ("kind", "memory", "value")

    def __init__(self, value, kind, memory):
        self.value, self.kind, self.memory = value, kind, memory


def is_float(kind):
    return kind[0] == "f"


def constant(x):
    """A Python or NumPy number as a value."""
    if isinstance(x, (bool, np.bool_)):
        return Number(ir.Constant(I1, int(x)), "bool", bool(x))
    if isinstance(x, int):
        if not -1 << 63 <= x < 1 << 63:
            raise Untranslatable(f"the constant {x}, which is no int64")
        return Number(ir.Constant(I64, x), "int64", x)
    if isinstance(x, float) and not isinstance(x, np.generic):
        return Number(ir.Constant(LLVM["float64"], x), "float64", x)
    kind = getattr(getattr(x, "dtype", None), "name", None)
    if isinstance(x, np.generic) and kind in LLVM:
        return Number(ir.Constant(LLVM[kind], x.item()), kind, x.item())
    raise Untranslatable(f"the constant {x!r}")


class Arithmetic:
    """What a frame computes with numbers; `top` says that integers are addresses, which never overflow."""

    flags, top = EXACT, False

    def number(self, value):
        if not isinstance(value, Number):
            raise Untranslatable(f"{type(value).__name__} where a number belongs")
        return value

    def truth(self, value):
        return self.cast(self.number(value), "bool").value

    def cast(self, x, kind):
        """A number in another type."""
        x = self.number(x)
        if x.kind == kind:
            return x
        to, builder = LLVM[kind], self.builder
        if x.known is not None and (is_float(kind) or kind == "int64") and not (
                is_float(x.kind) and not is_float(kind)):
            known = float(np.float32(x.known)) if kind == "float32" else (
                float(x.known) if is_float(kind) else int(x.known))
            return Number(ir.Constant(to, known), kind, known)
        signed = x.kind.startswith("int")
        if kind == "bool":
            zero = ir.Constant(LLVM[x.kind], 0)
            differs = builder.fcmp_unordered if is_float(x.kind) else builder.icmp_unsigned
            made = differs("!=", x.value, zero)
        elif is_float(x.kind):
            if is_float(kind):
                made = builder.fpext(x.value, to) if kind == "float64" else builder.fptrunc(x.value, to)
            else:
                made = (builder.fptosi if kind.startswith("int") else builder.fptoui)(x.value, to)
        elif is_float(kind):
            made = (builder.sitofp if signed else builder.uitofp)(x.value, to)
        elif LLVM[x.kind].width == to.width:
            made = x.value
        elif LLVM[x.kind].width > to.width:
            made = builder.trunc(x.value, to)
        else:
            made = (builder.sext if signed else builder.zext)(x.value, to)
        return Number(made, kind)

    # ---- calls

    def _flagged(self, instruction):
        """Put the function's floating-point flags on an instruction."""
        if getattr(instruction, "opname", None) in _FLAGGED:
            instruction.flags = list(self.flags)
        return instruction

    def negated(self, x):
        """-x"""
        if x.known is not None and x.kind in ("int64", "float64", "float32"):
            return Number(ir.Constant(LLVM[x.kind], -x.known), x.kind, -x.known)
        if is_float(x.kind):
            return Number(self._flagged(self.builder.fneg(x.value)), x.kind)
        if x.kind.startswith("int"):
            return Number(self.builder.neg(self.cast(x, "int64").value), "int64")
        raise Untranslatable(f"the negative of {x.kind}")

    def combined(self, how, x, y):
        """x + y and so on; `how` is the class of the syntax tree's operator."""
        if how in _BITWISE and x.kind == y.kind == "bool":
            return Number(getattr(self.builder, _BITWISE[how])(x.value, y.value), "bool")
        kind = self._common(x, y)
        a, b = self.cast(x, kind).value, self.cast(y, kind).value
        if how in _BITWISE and not is_float(kind):
            return Number(getattr(self.builder, _BITWISE[how])(a, b), kind)
        if how in (ast.FloorDiv, ast.Mod) and not is_float(kind):
            return Number(self._floored(how, a, b, kind), kind)
        if (how, kind) in _SHIFTS:
            return Number(getattr(self.builder, _SHIFTS[how, kind])(a, b), kind)
        names = _ARITHMETIC.get(how)
        if names is None or (not is_float(kind) and names[1] is None):
            raise Untranslatable(f"{how.__name__} of {kind}")
        if is_float(kind):
            return Number(self._flagged(getattr(self.builder, names[0])(a, b)), kind)
        flags = ("nsw",) if self.top else ()
        return Number(getattr(self.builder, names[1])(a, b, flags=flags), kind)

    def _floored(self, how, a, b, kind):
        """a // b or a % b of integers, as Python rounds; b is not 0."""
        builder = self.builder
        if kind == "uint64":
            return (builder.udiv if how is ast.FloorDiv else builder.urem)(a, b)
        zero, rest = ir.Constant(I64, 0), builder.srem(a, b)
        signs = [builder.icmp_signed("<", v, zero) for v in (rest, b)]
        differ = builder.icmp_signed("!=", *signs)
        below = builder.and_(builder.icmp_signed("!=", rest, zero), differ)
        if how is ast.FloorDiv:
            return builder.sub(builder.sdiv(a, b), builder.zext(below, I64))
        return builder.add(rest, builder.select(below, b, zero))

    def _common(self, x, y):
        """The type that Numba computes in for numbers of two types."""
        if x.kind == y.kind and is_float(x.kind):
            return x.kind
        if is_float(x.kind) and is_float(y.kind):
            return "float64"
        if is_float(x.kind) or is_float(y.kind):
            other = y if is_float(x.kind) else x
            if other.kind not in ("int64", "int32"):
                raise Untranslatable(f"{x.kind} with {y.kind}")
            return "float64"
        if x.kind.startswith("int") and y.kind.startswith("int"):
            return "int64"
        if x.kind.startswith("uint") and y.kind.startswith("uint"):
            return "uint64"
        raise Untranslatable(f"{x.kind} with {y.kind}")

    def _compared(self, how, x, y):
        builder = self.builder
        if x.kind == "bool" or y.kind == "bool":
            if how not in ("==", "!="):
                raise Untranslatable("an order of truth values")
            x, y = (self.cast(v, "bool") if v.known in (0, 1) else v for v in (x, y))
            if x.kind != y.kind:
                raise Untranslatable(f"{x.kind} {how} {y.kind}")
            return Number(builder.icmp_unsigned(how, x.value, y.value), "bool")
        small = {"uint8", "uint16", "uint32"}
        if x.kind == y.kind == "uint64":
            return Number(builder.icmp_unsigned(how, x.value, y.value), "bool")
        if not is_float(x.kind) and not is_float(y.kind) and {x.kind, y.kind} & small:
            kind = "int64"
            if "uint64" in (x.kind, y.kind):
                raise Untranslatable("uint64")
        else:
            kind = self._common(x, y)
        a, b = self.cast(x, kind).value, self.cast(y, kind).value
        if not is_float(kind):
            return Number(builder.icmp_signed(how, a, b), "bool")
        made = builder.fcmp_unordered(how, a, b) if how == "!=" else builder.fcmp_ordered(how, a, b)
        return Number(made, "bool")
