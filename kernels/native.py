"""Memory and functions behind addresses, for compiled code that has neither arrays nor Python at hand.

The one idea: an address is an int64 that comes at run time, so the code that uses it can be kept on disk and
shared by processes.
"""
import ctypes
import functools

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.typing import signature
from numba.extending import intrinsic

# Every instruction's kernel: args holds addresses and sizes, [lo, hi) is the share of its outer loop.
KERNEL = signature(types.void, types.CPointer(types.int64), types.int64, types.int64)
LINE_BYTES = 128                # two cache lines, which x86 fetches in pairs and Apple's processors as one


@intrinsic
def at(typingctx, address):
    """The int64 cells that begin at an address."""
    def codegen(context, builder, sig, args):
        return builder.inttoptr(args[0], context.get_value_type(sig.return_type))
    return types.CPointer(types.int64)(types.int64), codegen


def called(builder, fixed, function, arguments):
    """LLVM code of a call of what stands at an address; after `fixed` arguments, if any, C's `...` begins."""
    count = len(arguments) if fixed is None else fixed
    i64 = ir.IntType(64)
    kind = ir.FunctionType(i64, [i64] * count, var_arg=fixed is not None)
    return builder.call(builder.inttoptr(function, kind.as_pointer()), arguments)


def _caller(fixed):
    """An intrinsic that calls what stands at an address."""
    @intrinsic
    def call(typingctx, function, *arguments):
        given = types.StarArgTuple.from_types([types.int64] * len(arguments))

        def codegen(context, builder, sig, values):
            return called(builder, fixed, values[0], cgutils.unpack_tuple(builder, values[1]))
        return types.int64(types.int64, given), codegen
    call.fixed = fixed
    return call


# Pointers and sizes are passed as int64, as every C convention with 64 bits does.  What a function returns
# counts only where it is a pointer or has 64 bits.
call = _caller(None)
call_format = _caller(2)        # f(x, format, ...)


@functools.cache
def _process():
    return ctypes.CDLL(None)


def symbol(name):
    """The address of a C function that this process has loaded, or 0."""
    try:
        return ctypes.cast(getattr(_process(), name), ctypes.c_void_p).value
    except (AttributeError, OSError, TypeError):        # Windows has no such handle
        return 0


def python_symbol(name):
    """The address of a function or an object of Python's C interface."""
    return ctypes.cast(getattr(ctypes.pythonapi, name), ctypes.c_void_p).value


def keep(thing):
    """Let an object live until the process ends: machine code that a thread may be in, a C struct."""
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(thing))
    return thing


def zeroed(cells):
    """The address of int64 cells that are 0, begin at a cache line and are never freed."""
    memory = keep(ctypes.create_string_buffer(8 * cells + LINE_BYTES))
    return ctypes.addressof(memory) + -ctypes.addressof(memory) % LINE_BYTES
