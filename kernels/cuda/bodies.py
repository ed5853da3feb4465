"""What scalar bodies need in Numba's CUDA target, which compiles them from the same source as the CPU's.

The target finds every `body` by itself.  It is told here how `bits` and NumPy's functions of scalars are
lowered, that LLVM's fast-math flags are the CPU's, and which bodies are a float32 function of libdevice:
where the CPU computes those in float64, most cards do that at a 64th of their speed.  Errors that the CUDA
programming guide gives for these, in units of the last place:

    1: cbrt log2   2: acos asin atan cosh erfinv log10   3: asinh atan2 atanh hypot sinh   4: acosh erfc pow
    5: gelu_factor
"""
import operator

import numpy as np
from llvmlite import ir
from numba import types
from numba.core.target_extension import jit_registry, target_registry
from numba.extending import overload

from .. import bits, scalar, trigonometric
from ..jit import body, specialize
from .backend import SIMULATED

# Names in libdevice, without "__nv_", and for both precisions without the "f" of float32.
_BITS = {bits.fma: "fma", bits.floor: "floor", bits.ceil: "ceil", bits.trunc: "trunc", bits.rint: "rint",
         bits.copysign: "copysign", bits.sqrt: "sqrt"}
_NUMPY = {np.floor: "floor", np.ceil: "ceil", np.trunc: "trunc", np.rint: "rint", np.copysign: "copysign",
          np.fmod: "fmod", np.sqrt: "sqrt", np.cbrt: "cbrt", np.exp: "exp", np.exp2: "exp2",
          np.expm1: "expm1", np.log1p: "log1p"}
FLOAT32 = {scalar.cbrt: "cbrtf", scalar.log2: "log2f", scalar.log10: "log10f", scalar.pow: "powf",
           scalar.asin: "asinf", scalar.acos: "acosf", scalar.atan: "atanf", scalar.atan2: "atan2f",
           scalar.sinh: "sinhf", scalar.cosh: "coshf", scalar.asinh: "asinhf", scalar.acosh: "acoshf",
           scalar.atanh: "atanhf", scalar.hypot: "hypotf", scalar.erfc: "erfcf", scalar.erfinv: "erfinvf",
           scalar.gelu_factor: "normcdff"}


# ---- float32 without float64
@body(exact=True)
def reduced32(x):
    """r and q of float32 x = (q + 4 i) pi / 2 + r, by way of float64 only above 2**16"""
    n = bits.rint(x * 0.6366197723675814)
    # the innermost is exact: a multiple of 2**-24 below 1
    r = bits.fma(-n, -1.7151245100058819e-15, bits.fma(-n, -4.371138828673793e-08, bits.fma(
        -n, 1.5707963705062866, x)))
    q = n - 4.0 * bits.floor(0.25 * n)
    if np.abs(x) > 65536.0:
        wide_r, wide_q = trigonometric.reduced_in_double(np.float64(x))
        r, q = np.float32(wide_r), np.float32(wide_q)
    return r, q


@body(exact=True)
def gelu(x):
    """x * (1 + erf(x / sqrt(2))) / 2"""
    return (-40.0 if x < -40.0 else x) * scalar.gelu_factor(x)


# ---- complex numbers, as Numba computes them on the CPU
def expm1(x):
    """exp(x) - 1"""
    size = scalar.exp(x.real)
    return complex(size * scalar.cos(x.imag) - 1.0, size * scalar.sin(x.imag))


def log1p(x):
    """log(1 + x)"""
    real = x.real + 1.0
    return complex(scalar.log(scalar.hypot(real, x.imag)), scalar.atan2(x.imag, real))


def power(x, y):
    """x**y, by way of complex128"""
    if y.imag == 0.0 and (y.real == 0.0 or y.real == 2.0):
        return x * x if y.real == 2.0 else complex(1.0, 0.0)
    a, b, real, imag = np.float64(x.real), np.float64(x.imag), np.float64(y.real), np.float64(y.imag)
    size, turn = scalar.hypot(a, b), scalar.atan2(b, a)
    if size == 0.0:
        rest = 0.0 if imag == 0.0 and real > 0.0 else 1e999 - 1e999
        return complex(rest, rest)
    size, turn = scalar.pow(size, real) * scalar.exp(-turn * imag), turn * real + imag * scalar.log(size)
    return complex(size * scalar.cos(turn), size * scalar.sin(turn))


# ---- the CUDA target
def _library(name):
    """What lowers a function of floats to libdevice's of that name."""
    def emit(context, builder, signature, values):
        kind = values[0].type
        full = f"__nv_{name}" + "f" * isinstance(kind, ir.FloatType)
        function = builder.module.globals.get(full)
        if function is None:
            function = ir.Function(builder.module, ir.FunctionType(kind, [kind] * len(values)), full)
        return builder.call(function, values)
    return emit


def _compiled(function):
    """What lowers a function to another in Python."""
    def emit(context, builder, signature, values):
        precision = np.float32 if signature.return_type == types.complex64 else np.float64
        return context.compile_internal(builder, specialize(function, precision), signature, values)
    return emit


def _lower(lower, divide):
    for function, name in _BITS.items():
        for kind in (types.float32, types.float64):
            lower(function, *[kind] * function.__code__.co_argcount)(_library(name))
    for kind in (types.complex64, types.complex128):
        lower(operator.pow, kind, kind)(_compiled(power))           # (its own gives 0 for 1j**1j)
        lower(operator.truediv, kind, kind)(divide)                 # (its own raises, which ends the thread)


def _complete(known, every):
    """NumPy's functions of scalars: all of Numba's, of which the CUDA target has some."""
    for function in every.get_ufuncs():
        known[function] = {**every.get_ufunc_info(function), **known.get(function, {})}
    for function, python in {np.expm1: expm1, np.log1p: log1p}.items():
        for letter in "FD":
            known[function][f"{letter}->{letter}"] = _compiled(python)
    for function, name in _NUMPY.items():
        for letter in "fd":
            known[function][f"{letter * function.nin}->{letter}"] = _library(name)


def _replace(function, by):
    """Compile the scalar function `by` for CUDA where all arguments of the body `function` are float32."""
    @overload(function, target="cuda", strict=False, jit_options={"forceinline": True})
    def choose(*arguments):
        return specialize(by, np.float32) if set(arguments) == {types.float32} else None


def _calling(library, count):
    def one(x):
        return library(x)

    def two(x, y):
        return library(x, y)
    return one if count == 1 else two


def _register():
    from numba import cuda
    from numba.cuda import libdevice, mathimpl, ufuncs
    from numba.cuda.np import npyfuncs, ufunc_db

    def device(*args, **options):
        # (any of LLVM's flags counts as fastmath=True here, which makes x / y and exp approximate)
        return cuda.jit(*args, **{**options, "fastmath": options.get("fastmath") is True})

    target = target_registry["cuda"]
    del jit_registry[target]                    # (it takes a key once only)
    jit_registry[target] = device
    _lower(mathimpl.registry.lower, npyfuncs.np_complex_div_impl)
    _complete(ufuncs.ufunc_db(), ufunc_db)
    for function, name in FLOAT32.items():
        _replace(function, _calling(getattr(libdevice, name), function.__code__.co_argcount))
    _replace(trigonometric.reduced32, reduced32)
    _replace(scalar.gelu, gelu)


if not SIMULATED:
    _register()
