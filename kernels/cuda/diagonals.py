"""Matrices by their diagonals and triangles on a GPU, and cross products: the diagonals of `kernels.linalg`.

What only moves elements is a strided copy: a diagonal is a view.
"""
from math import prod

from ..linalg import at_least_matrix, check_band, check_diagonal, check_vector, half_shape
from .arrays import assign, contiguous, copy, empty, fill, word_view, zeros
from .backend import current
from .blocks import WARP, warp_reduce_sum
from .jit import BLOCK, MOST_BLOCKS, cuda, kernel


def _main_diagonal(y):
    """The main diagonals of matrices of any strides, as a view."""
    m, n = y.shape[-2:]
    return current().strided(y, (*y.shape[:-2], min(m, n)), (*y.strides[:-2], y.strides[-2] + y.strides[-1]))


def matrix_diag(diagonal):
    """y[..., i, i] = diagonal[..., i], 0 elsewhere."""
    check_vector(diagonal)
    y = zeros((*diagonal.shape, diagonal.shape[-1]), diagonal.dtype)
    if y.size:
        assign(_main_diagonal(y), diagonal)
    return y


def matrix_diag_part(a):
    """y[..., i] = a[..., i, i]"""
    at_least_matrix(a)
    return copy(_main_diagonal(a)) if a.size else empty((*a.shape[:-2], min(a.shape[-2:])), a.dtype)


def matrix_set_diag(a, diagonal):
    """a with a[..., i, i] = diagonal[..., i]."""
    check_diagonal(a, diagonal)
    y = copy(a)
    if y.size:
        assign(_main_diagonal(y), diagonal)
    return y


@kernel
def keep_band(x, below, above, out):
    """out[o, i, j] = x[o, i, j] where i - j <= below and j - i <= above, else 0."""
    outer, m, inner = out.shape
    first, row = cuda.grid(2)
    across, down = cuda.gridsize(2)
    while row < outer * m:
        o, i, j = row // m, row % m, first
        while j < inner:
            if i - j <= below and j - i <= above:
                out[o, i, j] = x[o, i, j]
            else:
                out[o, i, j] = 0
            j += across
        row += down


def matrix_band_part(a, num_lower, num_upper):
    """a where row - column <= num_lower and column - row <= num_upper, else 0; a negative one keeps all."""
    check_band(a, num_lower, num_upper)
    m, n = a.shape[-2:]
    out = empty(a.shape, a.dtype)
    if out.size:
        source, target = (word_view(x).reshape(-1, m, n) for x in (contiguous(a), out))
        bounds = (m if num_lower < 0 else num_lower), (n if num_upper < 0 else num_upper)
        keep_band.over_rows(target.shape[0] * m, n, source, *bounds, target)
    return out


def diag(diagonal):
    """y[i..., i...] = diagonal[i...], 0 elsewhere: twice the dimensions."""
    y = zeros(diagonal.shape * 2, diagonal.dtype)
    if y.size:
        assign(y.reshape(-1)[::diagonal.size + 1], contiguous(diagonal).reshape(-1))
    return y


def diag_part(x):
    """y[i...] = x[i..., i...]: half the dimensions."""
    half = half_shape(x)
    return copy(contiguous(x).reshape(-1)[::prod(half) + 1]).reshape(half)


@kernel
def sum_diagonals(x, out):
    """out[o] = sum_i x[o, i, i]: a warp a matrix."""
    n = min(x.shape[1], x.shape[2])
    warps = cuda.blockDim.x // WARP
    o, lane = cuda.blockIdx.x * warps + cuda.threadIdx.x // WARP, cuda.threadIdx.x % WARP
    while o < out.size:
        total = x.dtype.type(0)
        kind = type(total)
        for i in range(lane, n, WARP):
            total = kind(total + x[o, i, i])
        total = warp_reduce_sum(total)
        if lane == 0:
            out[o] = total
        o += cuda.gridDim.x * warps


def trace(a):
    """y[...] = sum_i a[..., i, i]"""
    at_least_matrix(a)
    out = empty(a.shape[:-2], a.dtype)
    if a.size == 0:
        fill(out, 0)
    elif out.size:
        blocks = min(-(-out.size // (BLOCK // WARP)), MOST_BLOCKS)
        sum_diagonals(blocks, BLOCK, contiguous(a).reshape(-1, *a.shape[-2:]), out.reshape(-1))
    return out


@kernel
def cross_products(a, b, out):
    """out[i] = a[i] x b[i], with three threads a product."""
    e = cuda.grid(1)
    while e < out.size:
        i, c = e // 3, e % 3
        d = (c + 1) % 3
        f = (c + 2) % 3
        out[i, c] = a[i, d] * b[i, f] - a[i, f] * b[i, d]
        e += cuda.gridsize(1)


def cross(a, b):
    """The cross products of vectors [..., 3]."""
    out = empty(a.shape, a.dtype)
    if out.size:
        cross_products.over(out.size, *[contiguous(x).reshape(-1, 3) for x in (a, b, out)])
    return out
