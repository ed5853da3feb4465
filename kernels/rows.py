"""Rows of a large array at random places: the memory of a row is asked for while rows before it are copied.

The processor foresees a loop over one row but not where the next row is.  Batches of 32 of 60,000 rows of 784
float32 took 0.6 of the time of the plain loop.
"""
from math import prod

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from .index import IndexOutOfRange, checked_indices
from .jit import PARALLEL_WORK, range_kernel
from .memory import empty

_LINE = 64                              # bytes the memory is asked for at a time
_AHEAD = 6400                           # bytes to be ahead by: two rows of 784 float32, measured
_PARALLEL = 8 * PARALLEL_WORK            # bytes from which several threads copy
_POOLED = 1 << 14                       # malloc may give the pages of a batch back, and faults cost 10 us


@intrinsic
def prefetch(typingctx, array, offset):
    """Ask for the line that holds a contiguous array's byte `offset`; any address is allowed."""
    def codegen(context, builder, sig, args):
        pointer, i32 = ir.IntType(8).as_pointer(), ir.IntType(32)
        data = context.make_array(sig.args[0])(context, builder, args[0]).data
        place = builder.gep(builder.bitcast(data, pointer), [args[1]])
        signature = ir.FunctionType(ir.VoidType(), [pointer, i32, i32, i32])
        ask = cgutils.get_or_insert_function(builder.module, signature, "llvm.prefetch.p0")
        builder.call(ask, [place, i32(0), i32(3), i32(1)])      # to read, into every cache, data
        return context.get_dummy_value()
    return types.void(array, types.int64), codegen


@range_kernel
def copy_rows(x, indices, out, ahead, lo, hi):
    """out[i] = x[indices[i]]; returns the first bad index's place, or -1."""
    n, inner = x.shape
    size = inner * x.itemsize
    for i in range(lo, min(lo + ahead, hi)):
        for offset in range(0, size, _LINE):
            prefetch(x, indices[i] * size + offset)
    for i in range(lo, hi):
        if i + ahead < hi:
            for offset in range(0, size, _LINE):
                prefetch(x, indices[i + ahead] * size + offset)
        index = np.uint64(indices[i])           # a negative index becomes a huge one
        if index >= np.uint64(n):
            return i
        if inner == 1:
            out[i, 0] = x[index, 0]
        else:
            for j in range(inner):
                out[i, j] = x[index, j]
    return -1


class RowTaker:
    """take(indices) of one C-contiguous array, prepared once, for flat int64 indices.

    >>> RowTaker(np.array([[1, 2], [3, 4]]))(np.array([1, 1])).tolist()
    [[3, 4], [3, 4]]
    """

    def __init__(self, x):
        inner = prod(x.shape[1:])
        # (not as words, as in index.py: seeing the result of each call as words takes longer than the kernel)
        self._source, self._shape, self._dtype = x.reshape(len(x), inner), x.shape[1:], x.dtype
        self._bytes, self._flat = inner * x.dtype.itemsize, x.ndim == 2
        self._ahead = max(_AHEAD // max(self._bytes, 1), 1)

    def __call__(self, indices):
        source, k = self._source, indices.size
        size = k * self._bytes
        out = np.empty((k, *self._shape), self._dtype) if size < _POOLED else \
            empty((k, *self._shape), self._dtype, _POOLED)
        target = out if self._flat else out.reshape(k, source.shape[1])
        if size < _PARALLEL:
            bad = copy_rows.serial(source, indices, target, self._ahead, 0, k)
            if bad >= 0:
                raise IndexOutOfRange(f"index {indices[bad]} at position {bad} is not in [0, {len(source)})")
        else:
            checked_indices(indices, len(source))
            copy_rows(k, PARALLEL_WORK, source, indices, target, self._ahead)
        return out
