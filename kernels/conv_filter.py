"""Convolutions: the gradient of the filter, a sum over pixels of outer products.

A tile holds a few input channels x a panel of outputs of one tap, and runs through a block of pixels.  The
gradients of a block are packed, so that they stand in a row; so are wide images, by the channels of a tile.
"""
import numpy as np

from . import conv_geometry as geometry
from .conv import fill_table, padded_width
from .conv_tiles import WIDTH, address_of, copy_panel, copy_rows, outer_tile, rows_of_a_tile
from .jit import kernel, range_kernel
from .memory import empty
from .recording import contiguous, zeros
from .threads import MOST

# Pixels that a tile runs through at once: their panels and channels, 88 bytes each, stay in the first cache.
BLOCK = 256
PARTIAL = 1 << 18               # elements of filters that may be summed in parts, each from pixels of its own
# Channels beyond which images are packed, for one tap and for several, which pay it back: pixels a power of
# two of bytes apart share few places of a cache.  3x3 512 -> 512 at 7x7: 58 GFLOP/s as it is, 77 packed (Zen
# 3, one core).
_WIDE = {True: 256, False: 64}


@kernel
def _pack_pixels(dy, at, outs, count, width, packed):
    """packed[p, k] = dy[at + p * outs + k], 0 from k = width on"""
    lanes, size = WIDTH // dy.itemsize, dy.itemsize
    for p in range(count):
        if width == lanes:
            copy_panel(address_of(dy) + (at + p * outs) * size, address_of(packed) + p * WIDTH, dy[0])
        else:
            for k in range(lanes):
                packed[p * lanes + k] = dy[at + p * outs + k] if k < width else 0


@range_kernel(tiled=True)
def _pack_channels(x, channels, run, rows, packed, lo, hi):
    """packed[b, 1 + p, r] = x[p, channel r of block b]: zeros beyond a group's channels, and for pixel 0"""
    size, pixels = x.itemsize, packed.shape[1]
    for p in range(lo, hi):
        b = 0
        for first in range(p * channels, (p + 1) * channels, run):
            for c in range(0, run, rows):
                if c + rows <= run:
                    to = address_of(packed) + (b * pixels + p + 1) * rows * size
                    copy_rows(address_of(x) + (first + c) * size, to, x[0])
                else:
                    for r in range(rows):
                        packed[b, p + 1, r] = x[first + c + r] if c + r < run else 0
                b += 1


@kernel
def _add_rows(aside, skip, count, row, at, begun, dw):
    """dw[at + r * row + k] = aside[skip + r, k] for r < count, added to what is there where begun"""
    lanes = WIDTH // dw.itemsize
    for r in range(count):
        for k in range(lanes):
            value = aside[(skip + r) * lanes + k]
            dw[at + r * row + k] = dw[at + r * row + k] + value if begun else value


@range_kernel(tiled=True)
def _filter_grad(x, dy, taps, grid, block, packed_x, parts, dw, lo, hi):
    """dw[part, t, c, k] = sum over pixels of x[pixel + tap t, c] * dy[pixel, k]; rows of whole panels

    A part has its own pixels.  packed_x is how many elements a block of channels takes in x as
    `_pack_channels` leaves it, else 0.
    """
    g, lanes, rows, size = grid[0], WIDTH // x.itemsize, rows_of_a_tile(), x.itemsize
    table, where = np.empty(len(taps) * block, np.int64), np.empty(block, np.int64)
    zeros, aside = np.zeros(max(g.run, rows), x.dtype), np.empty(rows * lanes, x.dtype)
    start, packed = np.zeros(lanes, x.dtype), np.empty(block * lanes, x.dtype)
    every_out, row = g.groups * g.outs, g.groups * g.panels * lanes
    blocks, in_rows = (g.run + rows - 1) // rows, g.groups == 1 and g.outs == lanes     # no need to pack
    tiles = g.groups * g.panels * len(taps) * blocks
    every_block = (g.pixels + block - 1) // block
    for part in range(lo // tiles, (hi + tiles - 1) // tiles):
        begin, end = part * every_block // parts * block, (part + 1) * every_block // parts * block
        first_tile, last_tile = max(lo - part * tiles, 0), min(hi - part * tiles, tiles)
        own_dw = part * len(taps) * g.run * row
        for pixel in range(begin, min(end, g.pixels), block):
            count = min(block, g.pixels - pixel)
            at_group, at_panel = -1, -1
            i, rest = divmod(first_tile, len(taps) * blocks)
            t, b = divmod(rest, blocks)
            for _ in range(first_tile, last_tile):
                if i != at_panel:
                    group, panel = divmod(i, g.panels)
                    if group != at_group:
                        base, nothing = address_of(x), address_of(zeros)
                        if packed_x:                # whose first pixel is zeros
                            nothing = base + group * blocks * packed_x * size
                            base = nothing + rows * size
                        else:
                            base += group * g.run * size
                        fill_table(base, nothing, size, taps, grid, pixel, count, block, table, where)
                        at_group = group
                    if not in_rows:
                        _pack_pixels(dy, pixel * every_out + group * g.outs + panel * lanes, every_out, count,
                                     min(lanes, g.outs - panel * lanes), packed)
                    at_panel = i
                # in an image that is not packed, the last block is moved back to end with the channels
                first = b * rows if packed_x else max(min(b * rows, g.run - rows), 0)
                at = own_dw + (t * g.run + b * rows) * row + i * lanes
                own = min(rows, g.run - b * rows)
                out = address_of(dw) + at * size if own == rows else address_of(aside)
                step = row * size if own == rows else WIDTH
                adds = pixel > begin and own == rows
                panels = address_of(dy) + pixel * WIDTH if in_rows else address_of(packed)
                outer_tile(address_of(table) + t * block * 8, b * packed_x if packed_x else first,
                           panels, count, out if adds else address_of(start), step if adds else 0,
                           out, step, x.dtype.type(0))
                if own < rows:
                    _add_rows(aside, b * rows - first, own, row, at, pixel > begin, dw)
                b += 1
                if b == blocks:
                    b, t = 0, t + 1
                    if t == len(taps):
                        t, i = 0, i + 1


@range_kernel
def _sum_parts(parts, size, count, out, lo, hi):
    """out = the sum of `count` arrays of that size, one after another, for blocks"""
    for i in range(lo, hi):
        first, last = i * BLOCK, min((i + 1) * BLOCK, size)
        for k in range(first, last):
            out[k] = parts[k]
        for part in range(1, count):
            for k in range(first, last):
                out[k] += parts[part * size + k]


def _tile_ready(x, w_shape, pads, merged, groups):
    """x as tiles read it, its pads, how far apart its pixels are, and what a block of channels takes."""
    rows, channels = geometry.rows_per_tile(), w_shape[3]
    if merged and (pads[2] != (0, 0) or channels * w_shape[2] < rows):
        return padded_width(x, pads[2], rows), (*pads[:2], (0, 0)), None, 0
    if merged or rows <= channels <= _WIDE[w_shape[:3] == (1, 1, 1)]:
        return x, pads, None, 0
    pixels = x.size // x.shape[4]
    packed = empty((groups * -(-channels // rows), pixels + 1, rows), x.dtype)
    packed[:, 0] = 0
    _pack_channels(pixels, x.size, x.reshape(-1), x.shape[4], channels, rows, packed)
    return packed, pads, rows, (pixels + 1) * rows


def filter_grad(x, dy, w_shape, strides, pads, dilations, groups):
    """The gradient of the filter of `conv.output`, for dy that of its result."""
    merged = geometry.merges(w_shape, pads, dilations, groups)
    if not dy.size or not x.size:
        return zeros(w_shape, x.dtype)
    if w_shape[:3] == (1, 1, 1) and not any(map(any, pads)):
        d, h, w = strides                                   # pixels that are skipped are not packed
        x, strides = contiguous(x[:, ::d, ::h, ::w]), (1, 1, 1)
    images, pads, pitch, packed_x = _tile_ready(x, w_shape, pads, merged, groups)
    shape = images.shape if merged else x.shape
    phase = geometry.forward(shape, w_shape, strides, pads, dilations, groups, x.itemsize, pitch)
    g = phase.grid[0]
    pixels, panels, run = int(g["pixels"]), int(g["panels"]), int(g["run"])
    lanes, outs = WIDTH // x.itemsize, w_shape[4] // groups
    block = -(-pixels // -(-pixels // BLOCK))               # blocks of one size
    tiles = groups * panels * len(phase.taps) * -(-run // geometry.rows_per_tile())
    parts = max(1, min(MOST, -(-pixels // block) // 4, PARTIAL // (len(phase.taps) * run * groups * outs)))
    made = empty((parts, len(phase.taps) * run, groups, panels * lanes), x.dtype)
    _filter_grad(parts * tiles, phase.work // 8, images.reshape(-1), dy.reshape(-1), phase.taps, phase.grid,
                 block, packed_x, parts, made.reshape(-1))
    dw = made[0]
    if parts > 1:
        dw = empty(dw.shape, x.dtype)
        _sum_parts(-(-dw.size // BLOCK), made.size, made.reshape(-1), dw.size, parts, dw.reshape(-1))
    return contiguous(dw[:, :, :outs]).reshape(w_shape)
