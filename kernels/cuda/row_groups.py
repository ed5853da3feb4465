"""Rows [rows, n] shared out over threads: a warp takes a row where rows are short or many, else a block.

`rows_kernel` makes a launcher of a factory of kernels, factory(group, kept).  A thread of a group of `step`
has the elements lane, lane + step, ... of its row.  Up to `kept` of them it can hold in registers, which
needs loops of constant length over k; kept = 0 stands for rows too long for that, which are read again.
"""
import functools
from typing import Any, NamedTuple

import numpy as np

from .blocks import WARP, block_reduce_max, block_reduce_sum, warp_reduce_max, warp_reduce_sum
from .jit import BLOCK, MOST_BLOCKS, cuda, device

KEPT = 1, 4, 8, 16              # elements that a thread may hold
MOST_BYTES = 64                 # of them; more than 8 of float64 would take all registers
SHORT, MANY = 256, 2048         # a warp takes rows this short, and of many rows all that it can hold
ENOUGH = 8192                   # rows that keep a GPU busy at one thread each


class Group(NamedTuple):
    """Which threads take a row, as device functions."""

    place: Any      # () -> (first row, rows from one to the group's next, lane, step)
    sum: Any        # of a value of each thread; all get it
    max: Any


@device
def _warp_place():
    warps, thread = cuda.blockDim.x // WARP, cuda.threadIdx.x
    return cuda.blockIdx.x * warps + thread // WARP, cuda.gridDim.x * warps, thread % WARP, WARP


@device
def _block_place():
    return cuda.blockIdx.x, cuda.gridDim.x, cuda.threadIdx.x, BLOCK


@device
def _thread_place():
    return cuda.grid(1), cuda.gridsize(1), 0, 1


@device
def _itself(value):
    return value


@device
def _row_start(row, n, inner):
    return np.int64(row) * n


@device
def _along_row(c, inner):
    return c


@device
def _line_start(line, n, inner):
    return line // inner * (n * inner) + line % inner


@device
def _along_line(c, inner):
    return c * inner


WARPS = Group(_warp_place, warp_reduce_sum, warp_reduce_max)
BLOCKS = Group(_block_place, block_reduce_sum, block_reduce_max)
ALONE = Group(_thread_place, _itself, _itself)


@functools.lru_cache(maxsize=4096)
def plan(rows, n, itemsize):
    """The Group for rows of n elements, and how many a thread keeps, 0 for rows too long."""
    may = [k for k in KEPT if k * itemsize <= MOST_BYTES]
    if n <= SHORT or (n <= WARP * may[-1] and rows >= MANY):
        group, step = WARPS, WARP
    else:
        group, step = BLOCKS, BLOCK
    return group, next((k for k in may if k * step >= n), 0)


def turns(kept):
    """A device function of (n, step): how many elements a thread may have, a constant where they are kept."""
    def constant(n, step):
        return kept

    def counted(n, step):
        return (n + step - 1) // step
    return device(constant if kept else counted)


def rows_kernel(factory, keeps=True):
    """launch(rows, n, *args) of a factory of kernels of these arguments; `keeps`: it asks for `kept`.

    The last argument is an array of the dtype of what is kept.
    """
    made = functools.cache(factory)

    def launch(rows, n, *args):
        group, kept = plan(rows, n, args[-1].dtype.itemsize)
        _run(made(group, kept) if keeps else made(group), group, rows, (rows, n, *args))
    return _named(launch, factory)


def lines_kernel(factory):
    """launch(outer, n, inner, *args) of a factory(group, kept, places), kernels of (lines, n, inner, *args).

    They go along the middle axis of [outer, n, inner].  Where there are neighbours across it for all threads
    of many warps, each has a line to itself.  `places` are device functions: start(line, n, inner), the place
    of its first element, and along(c, inner), how far on element c is.
    """
    made = functools.cache(factory)

    def launch(outer, n, inner, *args):
        rows = outer * inner
        group, kept = plan(rows, n, args[-1].dtype.itemsize)
        if inner >= WARP and (n <= WARP or rows >= ENOUGH):
            group, kept = ALONE, 0
        places = (_row_start, _along_row) if inner == 1 else (_line_start, _along_line)
        _run(made(group, kept, places), group, rows, (rows, n, inner, *args))
    return _named(launch, factory)


def _run(kernel, group, rows, args):
    if group is BLOCKS:
        kernel(min(rows, MOST_BLOCKS), BLOCK, *args)
    elif group is ALONE:
        kernel.over(rows, *args)
    else:
        # few rows go to many multiprocessors
        warps = max(1, min(BLOCK // WARP, rows // 512))
        kernel(min(-(-rows // warps), MOST_BLOCKS), warps * WARP, *args)


def _named(launch, factory):
    launch.__name__, launch.__doc__ = factory.__name__, factory.__doc__
    return launch
