"""Arrays that CUDA code refers to, as globals of its module: each content once, read through the L1 cache.

Numba writes one to constant memory for each place that reads it.  That has 64 KB, and serves the threads of a
warp one after the other where they read different elements, as they do of tables.
"""
import hashlib

import numpy as np
from llvmlite import ir
from numba import types

_GLOBAL = 1                     # LLVM's number of the address space


def constant_array(context, builder, kind, array):
    """Lower an array of `kind` that code refers to; stands for a target context's make_constant_array."""
    if not (array.flags.c_contiguous or array.flags.f_contiguous):
        array = np.ascontiguousarray(array)
    made = context.make_array(kind)(context, builder)
    content = array.tobytes(order="A")
    context.populate_array(
        made, data=builder.bitcast(_generic(builder, content, array.itemsize), made.data.type),
        shape=[context.get_constant(types.intp, n) for n in array.shape],
        strides=[context.get_constant(types.intp, n) for n in array.strides],
        itemsize=made.itemsize, parent=made.parent, meminfo=None)
    return made._getvalue()


def _generic(builder, content, itemsize):
    """A pointer to the bytes, in the generic address space."""
    name = f"table_{hashlib.sha256(content).hexdigest()[:32]}"
    table = builder.module.globals.get(name)
    if table is None:
        kind = ir.ArrayType(ir.IntType(8), len(content))
        table = ir.GlobalVariable(builder.module, kind, name, addrspace=_GLOBAL)
        table.linkage, table.global_constant = "linkonce_odr", True     # NVVM merges those of all modules
        table.initializer, table.align = ir.Constant(kind, bytearray(content)), itemsize
    return builder.addrspacecast(table, ir.IntType(8).as_pointer(), "generic")
