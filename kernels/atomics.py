"""Atomic operations on int64 cells, for threads that hold no GIL: all in one order for all threads.

LLVM's own instructions; on x86 a load is a plain one, on ARM a load-acquire.  Imports nothing of numbaflow.
"""
import platform

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

_ORDER = "seq_cst"
_BYTES = 8
_PAUSE = {"x86_64": ("llvm.x86.sse2.pause", []), "AMD64": ("llvm.x86.sse2.pause", []),
          "arm64": ("llvm.aarch64.hint", [1]), "aarch64": ("llvm.aarch64.hint", [1])}


def _cell(builder, address):
    return builder.inttoptr(address, ir.IntType(64).as_pointer())


@intrinsic
def load(typingctx, address):
    """*address"""
    def codegen(context, builder, sig, args):
        return builder.load_atomic(_cell(builder, args[0]), _ORDER, _BYTES, typ=ir.IntType(64))
    return types.int64(types.int64), codegen


@intrinsic
def store(typingctx, address, value):
    """*address = value"""
    def codegen(context, builder, sig, args):
        builder.store_atomic(args[1], _cell(builder, args[0]), _ORDER, _BYTES)
        return context.get_dummy_value()
    return types.void(types.int64, types.int64), codegen


@intrinsic
def add(typingctx, address, value):
    """*address += value; what it was before"""
    def codegen(context, builder, sig, args):
        return builder.atomic_rmw("add", _cell(builder, args[0]), args[1], _ORDER)
    return types.int64(types.int64, types.int64), codegen


@intrinsic
def exchange_if(typingctx, address, expected, value):
    """*address = value if *address == expected; whether it was"""
    def codegen(context, builder, sig, args):
        pair = builder.cmpxchg(_cell(builder, args[0]), args[1], args[2], _ORDER, _ORDER)
        return builder.extract_value(pair, 1)
    return types.boolean(types.int64, types.int64, types.int64), codegen


@intrinsic
def pause(typingctx):
    """Tell the processor that this is a waiting loop."""
    def codegen(context, builder, sig, args):
        name, values = _PAUSE.get(platform.machine(), (None, []))
        if name:
            constants = [ir.Constant(ir.IntType(32), v) for v in values]
            kind = ir.FunctionType(ir.VoidType(), [c.type for c in constants])
            function = builder.module.globals.get(name) or ir.Function(builder.module, kind, name)
            builder.call(function, constants)
        return context.get_dummy_value()
    return types.void(), codegen
