"""Instructions of compiled programs that are no fused kernels: copies, sums in place, zeros, matrix products.

Each is a kernel(args, lo, hi) of `program`; its docstring says what its args hold.  Strides are in bytes.
"""
import functools

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from . import blas
from .machine import function_of
from .native import KERNEL, call
from .pointers import AT

BLOCK = 1 << 16                 # bytes of a `move` that one thread does at least


@intrinsic
def _address(typingctx, pointer):
    """A pointer as an int64."""
    def codegen(context, builder, sig, args):
        return builder.ptrtoint(args[0], ir.IntType(64))
    return types.int64(pointer), codegen


_bytes, _shorts, _words, _longs = (AT[name] for name in ("uint8", "uint16", "uint32", "uint64"))
_ELEMENTS = {name: AT[name] for name in ("float32", "float64", "complex64", "complex128")}


def _rows_source(name, inner):
    """The text of a kernel over rows: `inner` runs for n elements at s and d with strides u and v."""
    return f"""
def {name}(args, lo, hi):
    rank, n = args[3], args[3 + args[3]]
    u, v, size = args[3 + 2 * rank], args[3 + 3 * rank], args[2]
    for row in range(lo, hi):
        s, d, rest = args[0], args[1], row
        for k in range(rank - 2, -1, -1):
            extent = args[4 + k]
            at = rest % extent
            rest = rest // extent
            s += at * args[4 + rank + k]
            d += at * args[4 + 2 * rank + k]
{inner}"""


_COPY = """
        if u == size and v == size:
            source, to = _bytes(s), _bytes(d)
            for i in range(n * size):
                to[i] = source[i]
        elif size == 4:
            for i in range(n):
                _words(d + i * v)[0] = _words(s + i * u)[0]
        elif size == 8:
            for i in range(n):
                _longs(d + i * v)[0] = _longs(s + i * u)[0]
        elif size == 1:
            for i in range(n):
                _bytes(d + i * v)[0] = _bytes(s + i * u)[0]
        elif size == 2:
            for i in range(n):
                _shorts(d + i * v)[0] = _shorts(s + i * u)[0]
        else:
            for i in range(n):
                _longs(d + i * v)[0] = _longs(s + i * u)[0]
                _longs(d + i * v + 8)[0] = _longs(s + i * u + 8)[0]
"""
_ADD = """
        if u == size and v == size:
            source, to = element(s), element(d)
            for i in range(n):
                to[i] += source[i]
        else:
            for i in range(n):
                element(d + i * v)[0] += element(s + i * u)[0]
"""


@functools.cache
def copy():
    """d = s over rows: (s, d, bytes an element, rank, extents, strides of s, strides of d)."""
    scope = {"__name__": __name__, "_bytes": _bytes, "_shorts": _shorts, "_words": _words, "_longs": _longs}
    source = _rows_source("copy", _COPY)
    exec(source, scope)
    return function_of(scope["copy"], KERNEL, source)


@functools.cache
def add_into(dtype):
    """d += s over rows, args as in copy; None for a dtype that has none."""
    if dtype not in _ELEMENTS:
        return None
    scope = {"__name__": __name__, "element": _ELEMENTS[dtype]}
    name = f"add_into_{dtype}"
    source = _rows_source(name, _ADD)
    exec(source, scope)
    return function_of(scope[name], KERNEL, source)


def _move(args, lo, hi):
    source, to = _bytes(args[0]), _bytes(args[1])
    for i in range(lo * BLOCK, min(hi * BLOCK, args[2])):
        to[i] = source[i]


@functools.cache
def move():
    """d = s, n bytes, in blocks of BLOCK: (s, d, n).  It compiles in a fraction of what `copy` takes."""
    return function_of(_move, KERNEL)


def _zero(args, lo, hi):
    to = _bytes(args[0])
    for i in range(args[1]):
        to[i] = 0


@functools.cache
def zero():
    """n bytes are 0: (address, n)."""
    return function_of(_zero, KERNEL)


def _gemm(args, lo, hi):
    cell = _address(args)
    for i in range(lo, hi):
        call(args[0], cell + 8, cell + 16, cell + 24, cell + 32, cell + 40, args[6],
             args[7] + i * args[14], cell + 64, args[9] + i * args[15], cell + 80, args[11],
             args[12] + i * args[16], cell + 104)


@functools.cache
def gemm():
    """Products of matrices in rows, c = a b + beta c, which BLAS, counting by columns, takes as b^T a^T.

    (routine, how b is read, how a is, columns of c, rows of c, terms, address of 1, b, its leading extent, a,
    its, address of beta, c, its, strides from product to product of b, a and c)
    """
    return function_of(_gemm, KERNEL)


@functools.cache
def number(value, dtype):
    """An array of one element that lives as long as the process, for BLAS to point at."""
    return np.full(1, value, dtype)


def gemm_routine(dtype):
    """The address of BLAS's product for a dtype."""
    return blas.address("blas", blas.LETTERS[np.dtype(dtype)] + "gemm")
