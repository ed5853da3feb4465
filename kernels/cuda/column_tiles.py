"""Sums down the columns of [rows, columns] in two stages, in the same order each time.

A block takes a tile of columns of a chunk of rows, neighbouring threads neighbouring columns; what chunks
give, [chunk, column], is added up in float64 by a warp or a block a column.
"""
from typing import NamedTuple

import numpy as np

from .arrays import empty
from .blocks import column_reduce_sum
from .jit import BLOCK, cuda, kernel
from .row_groups import rows_kernel

WIDEST = BLOCK // 4             # columns of a tile
BLOCKS = BLOCK * 4              # about as many are made: 8 for each multiprocessor of an H100
WORK = 8                        # rows that a thread should have at least


class Plan(NamedTuple):
    """How [rows, columns] is cut up."""

    rows: int
    columns: int
    tile: int                   # columns of a block, a power of 2
    step: int                   # rows of a chunk
    chunks: int

    @property
    def blocks(self):
        """The extents of the grid: tiles, chunks."""
        return -(-self.columns // self.tile), self.chunks


def tiled_plan(rows, columns):
    """The Plan, which depends on the shape alone."""
    tile = min(WIDEST, 1 << max(columns - 1, 0).bit_length())
    tiles = -(-columns // tile)
    return Plan(rows, columns, tile, *cut(rows, BLOCK // tile * WORK, BLOCKS // max(tiles, 1)))


def cut(n, least, most):
    """(size, count) of equal chunks of n, at most `most` of at least `least`."""
    step = max(least, -(-n // max(most, 1)))
    return step, -(-n // step)


def column_sums(term):
    """launch(plan, operands, vectors, results): sums over rows of a device function that gives two numbers.

    It is called as term(*operands, row, column, i, *vectors), i the place of the element; two of each.
    """
    @kernel
    def sums_of_tiles(a, b, u, v, rows, columns, tile, step, firsts, seconds):
        thread, apart = cuda.threadIdx.x, cuda.blockDim.x // tile
        column, row = cuda.blockIdx.x * tile + thread % tile, cuda.blockIdx.y * step + thread // tile
        end = min((cuda.blockIdx.y + 1) * step, rows)
        first = second = a.dtype.type(0)
        if column < columns:
            i = row * columns + column
            while row + 3 * apart < end:
                near, far = apart * columns, 2 * apart * columns
                p, q = term(a, b, row, column, i, u, v)
                r, s = term(a, b, row + apart, column, i + near, u, v)
                first, second = first + (p + r), second + (q + s)
                p, q = term(a, b, row + 2 * apart, column, i + far, u, v)
                r, s = term(a, b, row + 3 * apart, column, i + far + near, u, v)
                first, second = first + (p + r), second + (q + s)
                row += 4 * apart
                i += 2 * far
            while row < end:
                p, q = term(a, b, row, column, i, u, v)
                first, second = first + p, second + q
                row += apart
                i += apart * columns
        first, second = column_reduce_sum(first, tile), column_reduce_sum(second, tile)
        if thread < tile and column < columns:
            firsts[cuda.blockIdx.y * columns + column] = first
            seconds[cuda.blockIdx.y * columns + column] = second

    def launch(plan, operands, vectors, results):
        of_chunks = results
        if plan.chunks > 1:
            of_chunks = [empty((plan.chunks * plan.columns,), operands[0].dtype) for _ in range(2)]
        sums_of_tiles(plan.blocks, BLOCK, *operands, *vectors, plan.rows, plan.columns, plan.tile, plan.step,
                      *of_chunks)
        if plan.chunks > 1:
            sum_chunks(plan.columns, plan.chunks, *of_chunks, *results)
    return launch


def _sum_chunks(group):
    """first[c], second[c] = the sums over chunks"""
    place, sum_of = group.place, group.sum

    @kernel
    def sums_of_chunks(columns, chunks, firsts, seconds, first, second):
        column, apart, lane, step = place()
        while column < columns:
            a = b = 0.0
            j = np.int64(lane)
            while j < chunks:
                a += firsts[j * columns + column]
                b += seconds[j * columns + column]
                j += step
            a, b = sum_of(a), sum_of(b)
            if lane == 0:
                first[column], second[column] = a, b
            column += apart
    return sums_of_chunks


sum_chunks = rows_kernel(_sum_chunks, keeps=False)
