"""The few instructions that scalar bodies need below Numba's own arithmetic: bit patterns, fma, rounding.

Each is a plain Python function (what the simulator and the tests run) paired with the LLVM code that compiled
bodies get; unlike math.* or np.* these never become library calls, so loops around them vectorize.  Call them
from exact bodies only: elsewhere the fast-math flags of the caller would spread to their additions.
"""
import math
from fractions import Fraction

import numpy as np
from llvmlite import ir
from numba import types
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import lower_builtin

_FIELDS = {4: (np.int32, 23), 8: (np.int64, 52)}                 # itemsize: integer, mantissa bits


def _lowered(emit):
    """Pair a Python function over floats with `emit`(builder, values), its LLVM code."""
    def pair(function):
        # (what the disk cache's fingerprint follows, so that an edit of `emit` recompiles)
        function.variants = {"llvm": emit}

        class Typed(AbstractTemplate):
            key = function

            def generic(self, arguments, keywords):
                kind = types.float32 if set(arguments) == {types.float32} else types.float64
                return signature(kind, *[kind] * len(arguments))

        infer_global(function, types.Function(Typed))

        @lower_builtin(function, types.VarArg(types.Float))
        def lower(context, builder, signature, values):
            return emit(builder, *values)

        return function
    return pair


def _intrinsic(name):
    def emit(builder, *values):
        kind = values[0].type
        signature = ir.FunctionType(kind, [kind] * len(values))
        return builder.call(builder.module.declare_intrinsic(f"llvm.{name}", [kind], signature), values)
    return emit


def _layout(value):
    """The integer type of a float's width, its mantissa bits and its exponent bias."""
    if isinstance(value.type, ir.FloatType):
        return ir.IntType(32), 23, 127
    return ir.IntType(64), 52, 1023


def _pattern(x):
    """A NumPy float's integer type, bit pattern as an int, and mantissa bits."""
    x = np.asarray(x)
    integer, bits = _FIELDS[x.dtype.itemsize]
    return integer, int(x.view(integer)), bits


def _float(integer, pattern):
    return integer(pattern).view(np.float32 if integer is np.int32 else np.float64)


@_lowered(_intrinsic("fma"))
def fma(x, y, z):
    """x * y + z, rounded once."""
    rounded = x * y + z
    if not math.isfinite(rounded) or rounded == 0:
        return rounded
    return type(rounded)(float(Fraction(float(x)) * Fraction(float(y)) + Fraction(float(z))))


@_lowered(_intrinsic("sqrt"))
def sqrt(x):
    """Square root, correctly rounded."""
    return np.sqrt(x)


@_lowered(_intrinsic("floor"))
def floor(x):
    """The largest integer not above x."""
    return np.floor(x)


@_lowered(_intrinsic("ceil"))
def ceil(x):
    """The smallest integer not below x."""
    return np.ceil(x)


@_lowered(_intrinsic("trunc"))
def trunc(x):
    """The integer part of x."""
    return np.trunc(x)


@_lowered(_intrinsic("rint"))
def rint(x):
    """The nearest integer, half to even."""
    return np.rint(x)


@_lowered(_intrinsic("copysign"))
def copysign(x, y):
    """|x| with the sign of y."""
    return np.copysign(x, y)


def _emit_polynomial(builder, x, *coefficients):
    y = coefficients[-1]
    for c in coefficients[-2::-1]:
        y = builder.fadd(builder.fmul(y, x), c)
    return y


@_lowered(_emit_polynomial)
def polynomial(x, *coefficients):
    """c0 + c1 * x + c2 * x**2 + ..., by Horner's rule (its emitter keeps compile times down)."""
    y = coefficients[-1]
    for c in coefficients[-2::-1]:
        y = y * x + c
    return y


def _emit_power_of_two(builder, n):
    integer, bits, bias = _layout(n)
    # Adding 1.5 * 2**bits puts the integer n in the low bits of the pattern; the shift drops the rest.
    shifted = builder.fadd(n, ir.Constant(n.type, 1.5 * 2.0**bits + bias))
    return builder.bitcast(builder.shl(builder.bitcast(shifted, integer), ir.Constant(integer, bits)), n.type)


@_lowered(_emit_power_of_two)
def power_of_two(n):
    """2**n for an integral float n within the exponents of normal numbers."""
    return type(n)(math.ldexp(1.0, int(n))) if math.isfinite(n) else n


# The pattern of sqrt(1/2), rounded: where mantissas are cut, so that they lie in [sqrt(1/2), sqrt(2)).
_CUT = {4: 0x3F3504F3, 8: 0x3FE6A09E667F3BCD}


def _emit_excess(builder, x):
    integer, bits, _ = _layout(x)
    pattern = builder.bitcast(x, integer)
    excess = builder.sub(pattern, ir.Constant(integer, _CUT[integer.width // 8]))
    return pattern, builder.ashr(excess, ir.Constant(integer, bits)), integer, bits


def _emit_exponent(builder, x):
    _, excess, _, _ = _emit_excess(builder, x)
    # (an i32 converts in one instruction on every x86, an i64 only with AVX-512)
    return builder.sitofp(builder.trunc(excess, ir.IntType(32)) if excess.type.width > 32 else excess, x.type)


@_lowered(_emit_exponent)
def exponent(x):
    """e of x = m * 2**e with m in [sqrt(1/2), sqrt(2)), for a positive normal x."""
    _, pattern, bits = _pattern(x)
    return type(x)((pattern - _CUT[x.itemsize]) >> bits)


def _emit_mantissa(builder, x):
    pattern, excess, integer, bits = _emit_excess(builder, x)
    return builder.bitcast(builder.sub(pattern, builder.shl(excess, ir.Constant(integer, bits))), x.type)


@_lowered(_emit_mantissa)
def mantissa(x):
    """m of x = m * 2**e with m in [sqrt(1/2), sqrt(2)), for a positive normal x."""
    integer, pattern, bits = _pattern(x)
    return _float(integer, pattern - (((pattern - _CUT[x.itemsize]) >> bits) << bits))
