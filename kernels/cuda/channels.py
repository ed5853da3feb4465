"""Elementwise work with four numbers for each channel, along any channel axis, without a division an element.

Where channels are last a thread keeps to its column, else a warp or a block goes along a run of one channel.
"""
import numpy as np

from ..blocks import around
from .arrays import empty
from .column_tiles import tiled_plan
from .jit import BLOCK, cuda, kernel
from .row_groups import rows_kernel


def _last(apply):
    """A kernel of apply(a, b, i, *four numbers of the column) over [row, column]."""
    @kernel
    def by_column(a, b, u, v, w, z, rows, columns, tile, step, out):
        thread, apart = cuda.threadIdx.x, cuda.blockDim.x // tile
        column, row = cuda.blockIdx.x * tile + thread % tile, cuda.blockIdx.y * step + thread // tile
        end = min((cuda.blockIdx.y + 1) * step, rows)
        if column < columns:
            p, q, r, s = u[column], v[column], w[column], z[column]
            i, near = row * columns + column, apart * columns
            while row + 3 * apart < end:
                first, second = apply(a, b, i, p, q, r, s), apply(a, b, i + near, p, q, r, s)
                third = apply(a, b, i + 2 * near, p, q, r, s)
                fourth = apply(a, b, i + 3 * near, p, q, r, s)
                out[i], out[i + near], out[i + 2 * near], out[i + 3 * near] = first, second, third, fourth
                row += 4 * apart
                i += 4 * near
            while row < end:
                out[i] = apply(a, b, i, p, q, r, s)
                row += apart
                i += near
    return by_column


def _first(apply):
    """A launcher of apply(a, b, i, *four numbers of the channel) over rows of one channel each."""
    def factory(group):
        place = group.place

        @kernel
        def by_run(runs, inner, a, b, u, v, w, z, channels, out):
            run, apart, lane, step = place()
            while run < runs:
                channel, k, start = run % channels, np.int64(lane), np.int64(run) * inner
                p, q, r, s = u[channel], v[channel], w[channel], z[channel]
                while k + 3 * step < inner:
                    i = start + k
                    first, second = apply(a, b, i, p, q, r, s), apply(a, b, i + step, p, q, r, s)
                    third = apply(a, b, i + 2 * step, p, q, r, s)
                    fourth = apply(a, b, i + 3 * step, p, q, r, s)
                    out[i], out[i + step], out[i + 2 * step], out[i + 3 * step] = first, second, third, fourth
                    k += 4 * step
                while k < inner:
                    out[start + k] = apply(a, b, start + k, p, q, r, s)
                    k += step
                run += apart
        return by_run
    return rows_kernel(factory, keeps=False)


def by_channel(apply):
    """launch(shape, axis, a, b, *four vectors): an array of apply(a, b, i, *four numbers), a and b flat."""
    last, first = _last(apply), _first(apply)

    def launch(shape, axis, a, b, *vectors):
        outer, channels, inner = around(shape, axis)
        out = empty(shape, a.dtype)
        if out.size and inner == 1:
            plan = tiled_plan(outer, channels)
            last(plan.blocks, BLOCK, a, b, *vectors, outer, channels, plan.tile, plan.step, out.reshape(-1))
        elif out.size:
            first(outer * channels, inner, a, b, *vectors, channels, out.reshape(-1))
        return out
    return launch
