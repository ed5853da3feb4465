"""`@kernel` and `@device`: CUDA code in Numba's dialect, compiled when it is first launched.

A kernel is called as kernel(blocks, threads, *args); `over` spreads n indices over threads by a grid-stride
loop.  Which backend runs it, a GPU, the simulator or the compiler alone, is for `backend` to know.
"""
import os

import numpy as np
from numba import cuda, types
from numba.np.numpy_support import from_dtype

from . import backend

# Threads of a block.  In the simulator a block must be small, as each thread is run by Python.
BLOCK = 64 if backend.SIMULATED else 256
MOST_BLOCKS = 4 if backend.SIMULATED else 132 * 16      # of a grid-stride loop: 16 for each SM of an H100

_deterministic = os.environ.get("NUMBAFLOW_DETERMINISTIC", "0") not in ("", "0")


def deterministic():
    """Whether kernels must give the same bits each time, where adding by atomics would be faster."""
    return _deterministic


def set_deterministic(on):
    """Say so for the whole process; at first it is what the environment's NUMBAFLOW_DETERMINISTIC says."""
    global _deterministic
    _deterministic = bool(on)


def device(function):
    """A function that kernels call."""
    options = {} if backend.SIMULATED else {"forceinline": True}       # (which the simulator does not know)
    return cuda.jit(device=True, **options)(function)


_array_types: dict = {}         # (dtype, rank, whether contiguous) -> Numba's type, which is slow to make


def type_of(argument):
    """The Numba type that a kernel sees for an argument."""
    if isinstance(argument, np.generic):
        return from_dtype(argument.dtype)
    if hasattr(argument, "strides"):
        key = argument.dtype, argument.ndim, argument.flags.c_contiguous
        found = _array_types.get(key)
        if found is None:
            dtype, rank, contiguous = key
            found = _array_types[key] = types.Array(from_dtype(dtype), rank, "C" if contiguous else "A")
        return found
    found = {bool: types.boolean, int: types.int64, float: types.float64}.get(type(argument))
    if found is None:
        raise TypeError(f"a CUDA kernel takes arrays and numbers, got {type(argument).__name__}")
    return found


class Kernel:
    """A CUDA kernel, compiled for each tuple of argument types that it meets."""

    def __init__(self, function):
        self.function, self.__name__, self.__doc__ = function, function.__name__, function.__doc__
        self.compiled = {}              # what a backend keeps of it, by device and types

    def __call__(self, blocks, threads, *args, shared=0):
        """Run on a grid: extents as an int or a tuple of up to three, x first; `shared` bytes are dynamic."""
        backend.current().launch(self, _three(blocks), _three(threads), args, shared)

    def over(self, n, *args):
        """Run on enough threads for n indices, each of which a grid-stride loop may visit; not for n = 0."""
        if n:
            self(*self.grid(n), *args)

    @staticmethod
    def grid(n):
        """(blocks, threads) for n indices."""
        return min(-(-n // BLOCK), MOST_BLOCKS), BLOCK

    def over_rows(self, rows, inner, *args):
        """Run on a grid for rows of `inner` elements: x strides along a row, y from row to row."""
        if rows and inner:
            x = min(BLOCK, 1 << (inner - 1).bit_length())
            y = BLOCK // x
            down = min(-(-rows // y), MOST_BLOCKS)
            self((min(-(-inner // x), max(1, MOST_BLOCKS // down)), down), (x, y), *args)

    def types(self, args):
        """The types that it is compiled for, given these arguments."""
        return tuple([type_of(a) for a in args])

    def __repr__(self):
        return f"<CUDA kernel {self.__name__}>"


def _three(extents):
    given = (extents,) if isinstance(extents, int) else tuple(extents)
    return given + (1,) * (3 - len(given))


def kernel(function):
    """Decorate a CUDA kernel: a function of arrays and numbers that returns nothing."""
    return Kernel(function)
