"""Matrix products on a device: cuBLAS's, and a kernel's where it has none: for integers, or without a GPU.

The one idea: strides say how factors lie, so transposed, sliced and broadcast matrices are multiplied as they
are.  float32 is multiplied in float32: TF32 stays off.
"""
from math import prod

import numpy as np

from .. import blas
from ..elementwise import collapse
from ..matmul import product_shape
from . import backend
from .arrays import assign, contiguous, empty, fill
from .jit import MOST_BLOCKS, cuda, kernel
from .parts import conj

_MOST_CALLS = 16                # for a stack of stacks of products; copies make a longer one a single stack
_MOST_EXTENT = 2**31 - 1        # that cuBLAS counts to
# A block of SIDE x SIDE threads makes a tile of TILE x TILE elements, a thread EACH x EACH of them, from
# DEPTH columns of a and rows of b at once.
SIDE, EACH, DEPTH = (8, 2, 4) if backend.SIMULATED else (16, 4, 16)
TILE, THREADS = SIDE * EACH, SIDE * SIDE
LOADS, SUMS, PITCH = TILE * DEPTH // THREADS, EACH * EACH, TILE + 1     # (an odd pitch: columns in all banks)


def matmul(a, b, transpose_a=False, transpose_b=False, adjoint_a=False, adjoint_b=False):
    """The products of the matrices in the last two dimensions; the dimensions before them broadcast."""
    out = empty(product_shape(a, b, transpose_a, transpose_b, adjoint_a, adjoint_b), a.dtype)
    if out.size == 0:
        return out
    if a.size == 0:
        fill(out, 0)
        return out
    of_complex = a.dtype.kind == "c"
    conjugate_a, conjugate_b = adjoint_a and of_complex, adjoint_b and of_complex
    a = a.swapaxes(-1, -2) if transpose_a or adjoint_a else a
    b = b.swapaxes(-1, -2) if transpose_b or adjoint_b else b
    multiply = _multiply
    if backend.current().name == "GPU" and a.dtype in blas.LETTERS \
            and max(prod(out.shape[:-1]), *a.shape, *b.shape) <= _MOST_EXTENT:
        from . import cublas
        multiply = cublas.multiply
    for stack_a, stack_b, products in _stacks(a, b, out):
        multiply(stack_a, conjugate_a, stack_b, conjugate_b, products)
    return out


# ---- stacks [count, rows, columns]
def _stacks(a, b, out):
    """Stacks of factors and of their products, as views, which together are all products."""
    if b.ndim == 2 and a.ndim > 2 and a.flags.c_contiguous:     # every row of a meets the same matrix
        return [(a.reshape(1, -1, a.shape[-1]), b[None], out.reshape(1, -1, out.shape[-1]))]
    for lay in (None, contiguous, lambda x: _spread(x, out.shape[:-2])):
        if lay is not None:
            a, b = lay(a), lay(b)
        operands = a, b, out
        extents, strides = collapse(out.shape[:-2], [x.shape[:-2] for x in operands],
                                    [x.strides[:-2] for x in operands])
        longest = max(range(len(extents)), key=extents.__getitem__)
        if prod(extents) // extents[longest] <= _MOST_CALLS:
            break
    order = [*[d for d in range(len(extents)) if d != longest], longest]
    view, lead = backend.current().strided, [int(extents[d]) for d in order]
    given = [view(x, (*lead, *x.shape[-2:]), (*strides[order, k].tolist(), *x.strides[-2:]))
             for k, x in enumerate(operands)]
    return [[x[at] for x in given] for at in np.ndindex(*lead[:-1])]


def _spread(x, lead):
    """A copy in which a matrix stands as often as it is multiplied."""
    made = empty((*lead, *x.shape[-2:]), x.dtype)
    assign(made, x)
    return made


# ---- without a library
def _multiply(a, conjugate_a, b, conjugate_b, out):
    """out[i] = a[i] b[i], of conjugates where asked for"""
    a, b = conj(a) if conjugate_a else a, conj(b) if conjugate_b else b
    count, m, n = out.shape
    tiles = count * -(-m // TILE) * -(-n // TILE)
    _tiles(min(tiles, MOST_BLOCKS), (SIDE, SIDE), a, b, out)


@kernel
def _tiles(a, b, out):
    """out[i] = a[i] b[i], tile by tile; the elements of a thread lie SIDE apart"""
    count, m, n = out.shape
    depth, zero = a.shape[2], out.dtype.type(0)
    of_a = cuda.shared.array((DEPTH, PITCH), out.dtype)
    of_b = cuda.shared.array((DEPTH, PITCH), out.dtype)
    sums = cuda.local.array(SUMS, out.dtype)
    down, along = cuda.threadIdx.y, cuda.threadIdx.x
    thread = down * SIDE + along
    a_by_columns, b_by_columns = a.strides[1] < a.strides[2], b.strides[1] < b.strides[2]
    across, tall = (n + TILE - 1) // TILE, (m + TILE - 1) // TILE
    tile = np.int64(cuda.blockIdx.x)
    while tile < count * tall * across:
        i, top, left = tile // (tall * across), tile // across % tall * TILE, tile % across * TILE
        for k in range(SUMS):
            sums[k] = zero
        for first in range(0, depth, DEPTH):
            for k in range(LOADS):              # in the order in which the factor lies in memory
                e = thread + k * THREADS
                r, q = (e % TILE, e // TILE) if a_by_columns else (e // DEPTH, e % DEPTH)
                row, inner = top + r, first + q
                of_a[q, r] = a[i, row, inner] if row < m and inner < depth else zero
                c, q = (e // DEPTH, e % DEPTH) if b_by_columns else (e % TILE, e // TILE)
                column, inner = left + c, first + q
                of_b[q, c] = b[i, inner, column] if column < n and inner < depth else zero
            cuda.syncthreads()
            for q in range(DEPTH):
                for x in range(EACH):
                    factor = of_a[q, down + x * SIDE]
                    for y in range(EACH):
                        sums[x * EACH + y] += factor * of_b[q, along + y * SIDE]
            cuda.syncthreads()
        for x in range(EACH):
            for y in range(EACH):
                row, column = top + down + x * SIDE, left + along + y * SIDE
                if row < m and column < n:
                    out[i, row, column] = sums[x * EACH + y]
        tile += cuda.gridDim.x
