"""Device arrays: made, filled, copied and converted; what NumPy does for launches on the CPU.

`assign` is the one that copies: any strides to any strides, through as few dimensions as they allow.
"""
import numpy as np

from ..elementwise import collapse
from . import backend
from .jit import cuda, kernel


def empty(shape, dtype, pooled=0):
    """An uninitialised C-contiguous array."""
    return backend.current().empty(tuple(shape) if not isinstance(shape, int) else (shape,), np.dtype(dtype))


@kernel
def _fill(out, value):
    i = cuda.grid(1)
    while i < out.size:
        out[i] = value
        i += cuda.gridsize(1)


def full(shape, value, dtype):
    """An array of one number."""
    made = empty(shape, dtype)
    fill(made, value)
    return made


def zeros(shape, dtype):
    """An array of zeros."""
    return full(shape, 0, dtype)


def fill(out, value):
    """Set all elements of a C-contiguous array to a number."""
    if out.dtype.kind == "c":
        assign(out, backend.current().from_host(np.full((), value, out.dtype)))
    elif out.size:
        _fill.over(out.size, out.reshape(-1), out.dtype.type(value))


def contiguous(x):
    """x itself, or a C-contiguous copy."""
    return x if x.flags.c_contiguous else copy(x)


def copy(x):
    """A C-contiguous copy."""
    made = empty(x.shape, x.dtype)
    assign(made, x)
    return made


@kernel
def _copy1(x, out):
    i = cuda.grid(1)
    while i < out.size:
        out[i] = x[i]
        i += cuda.gridsize(1)


@kernel
def _copy2(x, out):
    i, n = cuda.grid(1), out.shape[1]
    while i < out.size:
        out[i // n, i % n] = x[i // n, i % n]
        i += cuda.gridsize(1)


@kernel
def _copy3(x, out):
    i, n, m = cuda.grid(1), out.shape[2], out.shape[1]
    while i < out.size:
        j = i // n
        out[j // m, j % m, i % n] = x[j // m, j % m, i % n]
        i += cuda.gridsize(1)


@kernel
def _copy4(x, out):
    i, n, m, k = cuda.grid(1), out.shape[3], out.shape[2], out.shape[1]
    while i < out.size:
        j = i // n
        h = j // m
        out[h // k, h % k, j % m, i % n] = x[h // k, h % k, j % m, i % n]
        i += cuda.gridsize(1)


_COPIES = {1: _copy1, 2: _copy2, 3: _copy3, 4: _copy4}


def assign(to, x):
    """to = x, broadcast, each of any strides, of one dtype."""
    if to.dtype != x.dtype:
        raise TypeError(f"values of {x.dtype} for an array of {to.dtype}; cast them first")
    if to.size == 0:
        return
    x = np.broadcast_to(x, to.shape, subok=True) if x.shape != to.shape else x
    extents, strides = collapse(to.shape, (x.shape, to.shape), (x.strides, to.strides))
    if len(extents) > 4:                # more dimensions that do not join: one by one
        for i in range(to.shape[0]):
            assign(to[i], x[i])
        return
    view = backend.current().strided
    shape = tuple([int(n) for n in extents])
    source = view(x, shape, tuple([int(row[0]) for row in strides]))
    _COPIES[len(shape)].over(to.size, source, view(to, shape, tuple([int(row[1]) for row in strides])))
