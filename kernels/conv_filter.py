"""Convolutions: the gradient of the filter, a sum over pixels of outer products.

A tile holds a few input channels x a panel of outputs of one tap, and runs through a block of pixels, whose
gradients are packed so that they stand in a row.
"""
import numpy as np

from . import conv_geometry as geometry
from .conv import fill_table, padded_width
from .conv_tiles import WIDTH, address_of, outer_tile, rows_of_a_tile, tile_rows
from .jit import kernel, range_kernel
from .memory import empty

BLOCK = 192                     # pixels that a tile runs through at once: their panels stay in the first cache


@kernel
def _pack_pixels(dy, at, outs, count, width, packed):
    """packed[p, k] = dy[at + p * outs + k], 0 from k = width on"""
    lanes = WIDTH // dy.itemsize
    for p in range(count):
        if width == lanes:
            for k in range(lanes):
                packed[p * lanes + k] = dy[at + p * outs + k]
        else:
            for k in range(lanes):
                packed[p * lanes + k] = dy[at + p * outs + k] if k < width else 0


@range_kernel
def _filter_grad(x, dy, taps, grid, blocks_of_c, dw, lo, hi):
    """dw[t, c, k] = sum over pixels of x[pixel + tap t, c] * dy[pixel, k]; rows of whole panels"""
    g, lanes, rows = grid[0], WIDTH // x.itemsize, rows_of_a_tile()
    table, where = np.empty(len(taps) * BLOCK, np.int64), np.empty(BLOCK, np.int64)
    starts, outs = np.empty(rows, np.int64), np.empty(rows, np.int64)
    zeros, aside = np.zeros(max(g.run, rows), x.dtype), np.empty(lanes, x.dtype)
    nothing, packed = np.zeros(lanes, x.dtype), np.empty(BLOCK * lanes, x.dtype)
    every_out, row = g.groups * g.outs, g.groups * g.panels * lanes
    per_panel = len(taps) * blocks_of_c
    for pixel in range(0, g.pixels, BLOCK):
        count = min(BLOCK, g.pixels - pixel)
        at_group, at_panel = -1, -1
        for item in range(lo, hi):
            i, rest = divmod(item, per_panel)
            t, block = divmod(rest, blocks_of_c)
            group, panel = divmod(i, g.panels)
            if group != at_group:
                fill_table(x, group * g.run, taps, grid, pixel, count, BLOCK, table, zeros, where)
                at_group = group
            if i != at_panel:
                _pack_pixels(dy, pixel * every_out + group * g.outs + panel * lanes, every_out, count,
                             min(lanes, g.outs - panel * lanes), packed)
                at_panel = i
            first = max(min(block * rows, g.run - rows), 0)
            for r in range(rows):
                c = first + r
                own = block * rows <= c < g.run             # the last block is moved back into the channels
                outs[r] = (address_of(dw) + ((t * g.run + c) * row + i * lanes) * x.itemsize if own
                           else address_of(aside))
                starts[r] = outs[r] if own and pixel else address_of(nothing)
            outer_tile(address_of(table) + t * BLOCK * 8, first, address_of(packed), count,
                       address_of(starts), address_of(outs), x.dtype.type(0))


def filter_grad(x, dy, w_shape, strides, pads, dilations, groups):
    """The gradient of the filter of `conv.output`, for dy that of its result."""
    merged = geometry.merges(w_shape, pads, dilations, groups)
    rows, run = tile_rows(), w_shape[3] * (w_shape[2] if merged else 1)
    if run < rows or (merged and pads[2] != (0, 0)):        # a tile reads as many channels as it has rows
        widened = pads[2] if merged else (0, 0)
        x = padded_width(x, widened, rows)
        pads = (*pads[:2], (0, 0)) if merged else pads
    phase = geometry.forward(x.shape, w_shape, strides, pads, dilations, groups, x.itemsize)
    g = phase.grid[0]
    lanes, outs = WIDTH // x.itemsize, w_shape[4] // groups
    whole = int(g["panels"]) * lanes
    if not phase.tiles:
        return np.zeros(w_shape, x.dtype)
    dw = empty((len(phase.taps) * run, groups, whole), x.dtype)
    blocks = -(-run // rows)
    _filter_grad(groups * int(g["panels"]) * len(phase.taps) * blocks, phase.work // 8, x.reshape(-1),
                 dy.reshape(-1), phase.taps, phase.grid, blocks, dw.reshape(-1))
    return np.ascontiguousarray(dw[:, :, :outs]).reshape(w_shape)
