"""What generated kernels are made of: typed pointers, rows kept on the stack, and sums that may be reordered.

The one idea: a generated kernel is plain Python over addresses, whose names all stand here or are scalar
bodies, so its text says all about it and compiled code is kept by that text.
"""
import functools

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from . import logic, machine
from .extremes import maximum, minimum
from .jit import EXACT, body, wide_vectors
from .native import KERNEL
from .pointers import AT, STORED

BLOCK = 1024                    # elements of a row that one vector loop adds up

__all__ = ["BLOCK", "COMBINE", "compiled", "scope_of"]


# ---- reductions: their additions may be done in any order, which is what lets a loop use vectors
@body
def add_up(total, x):
    """total + x"""
    return total + x


@body
def multiply_up(total, x):
    """total * x"""
    return total * x


COMBINE = {"sum": ("add_up", add_up), "prod": ("multiply_up", multiply_up), "max": ("maximum", maximum),
           "min": ("minimum", minimum), "any": ("logical_or", logic.logical_or),
           "all": ("logical_and", logic.logical_and)}


# ---- memory
@functools.cache
def kept_row(dtype, size):
    """A function that gives memory on the stack for a row of `size` elements."""
    stored = STORED[dtype]

    @intrinsic
    def keep(typingctx):
        def codegen(context, builder, sig, args):
            with builder.goto_entry_block():
                room = builder.alloca(ir.ArrayType(context.get_data_type(stored), size))
                room.align = 64
            return builder.bitcast(room, context.get_value_type(sig.return_type))
        return types.CPointer(stored)(), codegen
    keep.kept = dtype, size
    return keep


_TYPES = {name: getattr(types, name) for name in STORED if name != "bool"}
_NAMES = {"wide_vectors": wide_vectors, "unrolled": range, "inf": float("inf"), "nan": float("nan"), **_TYPES,
          **{f"at_{name}": made for name, made in AT.items()}, **dict(COMBINE.values())}


def scope_of(name):
    """What a name in generated code stands for: a type, a pointer's maker, a reduction's body."""
    found = _NAMES.get(name)
    if found is None and name.startswith("kept_"):
        _, dtype, size = name.split("_")
        return kept_row(dtype, int(size))
    return found


# ---- compiling
_compiled: dict = {}


def compiled(name, source, scope):
    """The C function of a generated kernel, made once for a text and the bodies it names.

    Numba compiles what can't be translated straight to LLVM code: loops in bodies, complex numbers.
    """
    key = source, tuple(sorted((k, id(v)) for k, v in scope.items()))
    found = _compiled.get(key)
    if found is None:
        made = machine.function_of(function_of(name, source, scope), KERNEL, source, EXACT)
        found = _compiled[key] = made, scope
    return found[0]


def function_of(name, source, scope):
    """The Python function of a generated kernel's text."""
    names = {"__name__": __name__, **scope}
    exec(source, names)
    return names[name]


# ---- checks
def _check(args, lo, hi):
    """fail unless the bool at args[0] is true; args[1] is the error record"""
    truth, failure = at_bool(args[0]), at_int64(args[1])
    if truth[0] == 0:
        failure[0] = 1


at_bool, at_int64 = AT["bool"], AT["int64"]


@functools.cache
def check():
    """The kernel of a check."""
    return machine.function_of(_check, KERNEL, options=EXACT)
