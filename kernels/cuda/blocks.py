"""Reductions over the threads of a warp and of a block, for device code: every thread gets the result.

`warp_reduce_<how>(value)` and `block_reduce_<how>(value)` for sum, prod, max, min, any and all are called by
all threads of whole warps, in blocks of one dimension.  They give the dtype that they take, in the same order
each time.  max and min propagate NaN; any and all take and give bools.
`column_reduce_<how>(value, n)`: threads n apart, both they and n powers of 2; threads below n get the result.
"""
import numpy as np
from numba import types
from numba.extending import overload

from .backend import SIMULATED
from .jit import cuda, device

WARP, MOST_THREADS = 32, 1024
ALL_LANES = 0xffffffff


# ---- what another lane holds
def exchange(value, distance):
    """The value of the lane whose number differs by the bit `distance`."""
    return cuda.shfl_xor_sync(ALL_LANES, value, distance)


def _exchange_integers(value, distance):
    return type(value)(cuda.shfl_xor_sync(ALL_LANES, np.int32(value), distance))


def _exchange_long_integers(value, distance):
    return type(value)(cuda.shfl_xor_sync(ALL_LANES, np.int64(value), distance))


def _exchange_complex(value, distance):
    return complex(cuda.shfl_xor_sync(ALL_LANES, value.real, distance),
                   cuda.shfl_xor_sync(ALL_LANES, value.imag, distance))


def _exchange(value, distance):
    if isinstance(value, types.Complex):
        return _exchange_complex
    if isinstance(value, types.Integer):
        return _exchange_long_integers if value.bitwidth == 64 else _exchange_integers
    return exchange


# compiled code is kept by what these say, too
exchange.variants = {"complex": _exchange_complex, "integer": _exchange_integers,       # type: ignore
                     "long integer": _exchange_long_integers}
if SIMULATED:
    exchange = device(exchange)          # its shuffles take whatever a lane holds
else:
    overload(exchange, target="cuda")(_exchange)


def from_lane(value, lane):
    """The value of a lane by its number."""
    return cuda.shfl_sync(ALL_LANES, value, lane)


def _integer_from_lane(value, lane):
    return type(value)(cuda.shfl_sync(ALL_LANES, np.int32(value), lane))


def _long_integer_from_lane(value, lane):
    return type(value)(cuda.shfl_sync(ALL_LANES, np.int64(value), lane))


def _complex_from_lane(value, lane):
    return complex(cuda.shfl_sync(ALL_LANES, value.real, lane), cuda.shfl_sync(ALL_LANES, value.imag, lane))


def _from_lane(value, lane):
    if isinstance(value, types.Complex):
        return _complex_from_lane
    if isinstance(value, types.Integer):
        return _long_integer_from_lane if value.bitwidth == 64 else _integer_from_lane
    return from_lane


from_lane.variants = {"complex": _complex_from_lane, "integer": _integer_from_lane,     # type: ignore
                      "long integer": _long_integer_from_lane}
if SIMULATED:
    from_lane = device(from_lane)
else:
    overload(from_lane, target="cuda")(_from_lane)


# ---- how two values become one
@device
def combine_sum(a, b):
    """a + b"""
    return a + b


@device
def combine_prod(a, b):
    """a * b"""
    return a * b


@device
def combine_max(a, b):
    """The larger; NaN wins."""
    return a if a > b or a != a else b


@device
def combine_min(a, b):
    """The smaller; NaN wins."""
    return a if a < b or a != a else b


@device
def combine_any(a, b):
    """Whether one of two bools is true."""
    return a | b


@device
def combine_all(a, b):
    """Whether both of two bools are true."""
    return a & b


# ---- over many threads
def _reductions(combine):
    @device
    def warp(value):
        kind, distance = type(value), WARP // 2
        while distance > 0:
            value = kind(combine(value, exchange(value, distance)))
            distance //= 2
        return value

    @device
    def block(value):
        kind, thread = type(value), cuda.threadIdx.x
        of_warps = cuda.shared.array(WARP, kind)
        value = warp(value)
        cuda.syncthreads()                  # what an earlier call left is read until here
        if thread % WARP == 0:
            of_warps[thread // WARP] = value
        cuda.syncthreads()
        value = of_warps[0]
        for k in range(1, cuda.blockDim.x // WARP):
            value = kind(combine(value, of_warps[k]))
        return value
    return warp, block


def _column_reduction(combine):
    @device
    def column(value, n):
        kind, thread, distance = type(value), cuda.threadIdx.x, cuda.blockDim.x // 2
        values = cuda.shared.array(MOST_THREADS, kind)
        cuda.syncthreads()
        values[thread] = value
        cuda.syncthreads()
        while distance >= n:
            if thread < distance:
                values[thread] = kind(combine(values[thread], values[thread + distance]))
            cuda.syncthreads()
            distance //= 2
        return values[thread]
    return column


warp_reduce_sum, block_reduce_sum = _reductions(combine_sum)
warp_reduce_prod, block_reduce_prod = _reductions(combine_prod)
warp_reduce_max, block_reduce_max = _reductions(combine_max)
warp_reduce_min, block_reduce_min = _reductions(combine_min)
column_reduce_sum, column_reduce_prod = _column_reduction(combine_sum), _column_reduction(combine_prod)
column_reduce_max, column_reduce_min = _column_reduction(combine_max), _column_reduction(combine_min)
column_reduce_any, column_reduce_all = _column_reduction(combine_any), _column_reduction(combine_all)


@device
def warp_reduce_any(value):
    """Whether a lane's bool is true."""
    return cuda.any_sync(ALL_LANES, value) != 0


@device
def warp_reduce_all(value):
    """Whether the bools of all lanes are true."""
    return cuda.all_sync(ALL_LANES, value) != 0


@device
def block_reduce_any(value):
    """Whether a thread's bool is true."""
    return cuda.syncthreads_or(np.int32(value)) != 0


@device
def block_reduce_all(value):
    """Whether the bools of all threads are true."""
    return cuda.syncthreads_and(np.int32(value)) != 0


COMBINE = {"sum": combine_sum, "prod": combine_prod, "max": combine_max, "min": combine_min,
           "any": combine_any, "all": combine_all}
WARP_REDUCE = {"sum": warp_reduce_sum, "prod": warp_reduce_prod, "max": warp_reduce_max,
               "min": warp_reduce_min, "any": warp_reduce_any, "all": warp_reduce_all}
BLOCK_REDUCE = {"sum": block_reduce_sum, "prod": block_reduce_prod, "max": block_reduce_max,
                "min": block_reduce_min, "any": block_reduce_any, "all": block_reduce_all}
COLUMN_REDUCE = {"sum": column_reduce_sum, "prod": column_reduce_prod, "max": column_reduce_max,
                 "min": column_reduce_min, "any": column_reduce_any, "all": column_reduce_all}
