"""Rows [rows, n] shared out over threads: a warp takes a row where rows are short or many, else a block.

`rows_kernel` makes a launcher of a factory of kernels, factory(group, kept).  A thread of a group of `step`
has the elements lane, lane + step, ... of its row.  Up to `kept` of them it can hold in registers, which
needs loops of constant length over k; kept = 0 stands for rows too long for that, which are read again.
"""
import functools
from typing import Any, NamedTuple

from .blocks import WARP, block_reduce_max, block_reduce_sum, warp_reduce_max, warp_reduce_sum
from .jit import BLOCK, MOST_BLOCKS, cuda, device

KEPT = 1, 4, 8, 16              # elements that a thread may hold
SHORT, MANY = 256, 2048         # a warp takes rows this short, and rows twice as long where there are as many


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
    return cuda.blockIdx.x, cuda.gridDim.x, cuda.threadIdx.x, cuda.blockDim.x


WARPS = Group(_warp_place, warp_reduce_sum, warp_reduce_max)
BLOCKS = Group(_block_place, block_reduce_sum, block_reduce_max)


def plan(rows, n):
    """The Group for rows of n elements, and how many a thread keeps, 0 for rows too long."""
    if n <= SHORT or (n <= 2 * SHORT and rows >= MANY):
        group, step = WARPS, WARP
    else:
        group, step = BLOCKS, BLOCK
    return group, next((k for k in KEPT if k * step >= n), 0)


def turns(kept):
    """A device function of (n, step): how many elements a thread may have, a constant where they are kept."""
    def constant(n, step):
        return kept

    def counted(n, step):
        return (n + step - 1) // step
    return device(constant if kept else counted)


def rows_kernel(factory, keeps=True):
    """launch(rows, n, *args) of a factory of kernels of these arguments; `keeps`: it asks for `kept`."""
    made = functools.cache(factory)

    def launch(rows, n, *args):
        group, kept = plan(rows, n)
        kernel = made(group, kept) if keeps else made(group)
        if group is BLOCKS:
            kernel(min(rows, MOST_BLOCKS), BLOCK, rows, n, *args)
        else:
            # few rows go to many multiprocessors
            warps = max(1, min(BLOCK // WARP, rows // 512))
            kernel(min(-(-rows // warps), MOST_BLOCKS), warps * WARP, rows, n, *args)
    launch.__name__, launch.__doc__ = factory.__name__, factory.__doc__
    return launch
