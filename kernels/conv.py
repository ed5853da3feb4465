"""Convolutions: the output and the input gradient, as register tiles that run through tables of addresses.

Weights are packed into panels first; a tile then takes any pixels of the output, so that strides, padding and
ragged edges cost nothing in its loop: a tap outside of the image is read from a row of zeros.
"""
import functools

import numpy as np

from . import conv_geometry as geometry
from .conv_tiles import (
    WIDTH,
    address_of,
    copy_panel,
    product_tile,
    rows_of_a_tile,
    side_of_a_square,
    transpose_square,
)
from .jit import kernel, range_kernel
from .memory import empty
from .recording import table, zeros

TILES = 8                       # how many tiles a table of addresses is filled for at once

# ---- weights in panels
@kernel
def _copy_rows(w, at, step, run, width, packed, to):
    """packed[to + c * lanes + k] = w[at + c * step + k] for c < run, k < width; 0 for the other lanes"""
    lanes, size = WIDTH // w.itemsize, w.itemsize
    for c in range(run):
        if width == lanes:
            source = address_of(w) + (at + c * step) * size
            copy_panel(source, address_of(packed) + (to + c * lanes) * size, w[0])
        else:
            for k in range(lanes):
                packed[to + c * lanes + k] = w[at + c * step + k] if k < width else 0


@kernel
def _turn_rows(w, at, step, run, width, packed, to):
    """packed[to + c * lanes + k] = w[at + k * step + c] for c < run, k < width; 0 for the other lanes"""
    lanes, size, side = WIDTH // w.itemsize, w.itemsize, side_of_a_square(w[0])
    whole = run - run % side if width == lanes else 0
    for c in range(0, whole, side):
        for k in range(0, lanes, side):
            transpose_square(address_of(w) + (at + k * step + c) * size, step,
                             address_of(packed) + (to + c * lanes + k) * size, lanes, w[0])
    for c in range(whole, run):
        for k in range(lanes):
            packed[to + c * lanes + k] = w[at + k * step + c] if k < width else 0


@range_kernel(tiled=True)
def _pack(w, which, run, outs, groups, panels, turned, at_tap, step, at_group, packed, lo, hi):
    """packed[i, t, c, k] = w[which[t], c, panel * lanes + k] of the group and panel in i; 0 past the outputs

    Where `turned`, w is [taps, outputs, c].
    """
    lanes = WIDTH // w.itemsize
    for item in range(lo, hi):
        i, t = divmod(item, which.size)
        group, panel = divmod(i, panels)
        at = which[t] * at_tap + group * at_group
        width = min(lanes, outs - panel * lanes)
        if turned:
            _turn_rows(w, at + panel * lanes * step, step, run, width, packed, item * run * lanes)
        else:
            _copy_rows(w, at + panel * lanes, step, run, width, packed, item * run * lanes)


def _packed(w, phase, turned, at_tap, step, at_group):
    g = phase.grid[0]
    run, outs, groups, panels = (int(g[name]) for name in ("run", "outs", "groups", "panels"))
    lanes, items = WIDTH // w.itemsize, groups * panels * len(phase.which)
    packed = empty((items * run * lanes,), w.dtype)
    _pack(items, packed.size, w.reshape(-1), phase.which, run, outs, groups, panels, turned, at_tap, step,
          at_group, packed)
    return packed


# ---- tables of addresses
@kernel
def fill_table(base, nothing, size, taps, grid, pixel, total, rows, table, where):
    """table[b, t, p] = the address at tap t of pixel b * rows + p, or that of nothing; where[b, p] its place

    Pixels are counted from `pixel` on, `total` of them; those beyond the last of the grid are nothing.  One
    function with scalars for the position: arrays passed to a function cost an atomic count each.
    """
    g = grid[0]
    j, rest = pixel % g.width, pixel // g.width
    i, rest = rest % g.height, rest // g.height
    d, n = rest % g.depth, rest // g.depth
    at, p, q, count = 0, 0, 0, min(total, g.pixels - pixel)
    skip = (len(taps) - 1) * rows
    while q < count:
        z, y, w = d * g.step_d, i * g.step_h, j * g.step_w
        begin = base + (n * g.x_n + z * g.x_d + y * g.x_h + w * g.x_w) * size
        place = g.y_first + n * g.y_n + d * g.y_d + i * g.y_h + j * g.y_w
        run = 0                                 # how many pixels from here on have all taps in the image
        if (z + g.low_d >= 0 and z + g.high_d < g.in_d and y + g.low_h >= 0 and y + g.high_h < g.in_h
                and w + g.low_w >= 0 and w + g.high_w < g.in_w):
            run = min(count - q, g.width - j, (g.in_w - 1 - g.high_w - w) // g.step_w + 1)
        for _ in range(run):
            where[q] = place
            for t in range(len(taps)):
                table[at + t * rows] = begin + taps[t, 3] * size
            begin, place = begin + g.step_w * g.x_w * size, place + g.y_w
            at, p, q = at + 1, p + 1, q + 1
            if p == rows:
                at, p = at + skip, 0
        if run == 0:
            run, where[q] = 1, place
            for t in range(len(taps)):
                inside = (0 <= z + taps[t, 0] < g.in_d and 0 <= y + taps[t, 1] < g.in_h
                          and 0 <= w + taps[t, 2] < g.in_w)
                table[at + t * rows] = begin + taps[t, 3] * size if inside else nothing
            at, p, q = at + 1, p + 1, q + 1
            if p == rows:
                at, p = at + skip, 0
        j += run
        if j == g.width:
            j, i = 0, i + 1
            if i == g.height:
                i, d = 0, d + 1
                if d == g.depth:
                    d, n = 0, n + 1
    for _ in range(count, total):
        for t in range(len(taps)):
            table[at + t * rows] = nothing
        at += 1


# ---- the sum over taps
@range_kernel(tiled=True)
def _direct(x, packed, bias, floor, taps, grid, tiles, out, lo, hi):
    """out[pixel, k] = max(floor, bias[k] + sum over t and c of x[pixel + tap t, c] * w[t, c, k])"""
    g, lanes, rows, size = grid[0], WIDTH // x.itemsize, rows_of_a_tile(), x.itemsize
    table, where = np.empty(TILES * len(taps) * rows, np.int64), np.empty(TILES * rows, np.int64)
    zeros, aside = np.zeros(g.run, x.dtype), np.empty(rows * lanes, x.dtype)
    beside = np.empty(rows, np.int64)
    for p in range(rows):
        beside[p] = p * lanes
    gangs = (g.panels + g.gang - 1) // g.gang
    item = lo
    while item < hi:
        which, tile = divmod(item, tiles)
        group, gang = divmod(which, gangs)
        number = min(TILES, tiles - tile, hi - item)
        fill_table(address_of(x) + group * g.run * size, address_of(zeros), size, taps, grid, tile * rows,
                   number * rows, rows, table, where)
        for b in range(number):
            count = min(rows, g.pixels - (tile + b) * rows)
            for panel in range(gang * g.gang, min((gang + 1) * g.gang, g.panels)):
                i = group * g.panels + panel
                width, first = min(lanes, g.outs - panel * lanes), group * g.outs + panel * lanes
                whole = width == lanes and count == rows
                product_tile(address_of(packed) + i * len(taps) * g.run * WIDTH,
                             address_of(table) + b * len(taps) * rows * 8, len(taps), g.run,
                             address_of(bias) + i * WIDTH,
                             address_of(out) + first * size if whole else address_of(aside),
                             address_of(where) + b * rows * 8 if whole else address_of(beside), floor)
                if not whole:
                    for p in range(count):
                        for k in range(width):
                            out[where[b * rows + p] + first + k] = aside[p * lanes + k]
        item += number


def _run(phase, x, packed, bias, floor, out):
    g = phase.grid[0]
    gangs = -(-int(g["panels"]) // int(g["gang"]))
    if phase.tiles:
        _direct(int(g["groups"]) * gangs * phase.tiles, phase.work // 8, x.reshape(-1), packed, bias, floor,
                phase.taps, phase.grid, phase.tiles, out.reshape(-1))


def _bias_panels(bias, groups, outs, dtype):
    """The bias in panels, zeros where there is none."""
    if bias is None:
        return _no_bias(groups, outs, dtype)
    lanes = WIDTH // dtype.itemsize
    panels = zeros((groups, -(-outs // lanes) * lanes), dtype)
    panels[:, :outs] = bias.reshape(groups, outs)
    return panels.reshape(-1)


@functools.lru_cache(maxsize=256)
def _no_bias(groups, outs, dtype):
    lanes = WIDTH // dtype.itemsize
    return table(np.zeros(groups * -(-outs // lanes) * lanes, dtype))


def padded_width(x, pad, slack=0):
    """x with zeros before and after each row, in an array with `slack` more elements behind it."""
    before, after = pad
    n, d, h, w, c = x.shape
    shape = (n, d, h, before + w + after, c)
    size = n * d * h * shape[3] * c
    flat = empty((size + slack,), x.dtype)
    image = flat[:size].reshape(shape)
    image[:, :, :, before:before + w] = x
    image[:, :, :, :before] = 0
    image[:, :, :, before + w:] = 0
    flat[size:] = 0
    return image


def output(x, w, strides, pads, dilations, groups, bias=None, relu=False):
    """The convolution of images with a filter, plus a bias for each output, and max(., 0) where asked for."""
    if pads[2] != (0, 0) and geometry.merges(w.shape, pads, dilations, groups):
        x, pads = padded_width(x, pads[2]), (*pads[:2], (0, 0))
    phase = geometry.forward(x.shape, w.shape, strides, pads, dilations, groups, x.itemsize)
    g = phase.grid[0]
    places = (int(g["depth"]), int(g["height"]), int(g["width"]))
    out = empty((x.shape[0], *places, w.shape[4]), x.dtype)
    outs = w.shape[4] // groups
    run = int(g["run"])
    packed = _packed(w, phase, False, run * w.shape[4], w.shape[4], outs)
    floor = x.dtype.type(0 if relu else -np.inf)
    _run(phase, x, packed, _bias_panels(bias, groups, outs, x.dtype), floor, out)
    return out


def input_grad(dy, w, x_shape, strides, pads, dilations, groups):
    """The gradient of the images of `output`, for dy that of its result."""
    out = empty(x_shape, dy.dtype)
    outs, inputs = w.shape[4] // groups, w.shape[3]
    bias, floor = _bias_panels(None, groups, inputs, dy.dtype), dy.dtype.type(-np.inf)
    for phase in geometry.backward(x_shape, w.shape, dy.shape, strides, pads, dilations, groups, dy.itemsize):
        packed = _packed(w, phase, True, inputs * w.shape[4], w.shape[4], outs)
        _run(phase, dy, packed, bias, floor, out)
    return out


