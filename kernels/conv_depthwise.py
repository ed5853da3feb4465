"""Depthwise convolutions, a filter for each channel: panels of channels of a tile's pixels, tap by tap.

Several filters a channel are one each of a channel that is repeated.  Tables of addresses as in conv.py.
"""
import numpy as np

from . import conv_geometry as geometry
from .conv import TILES, fill_table
from .conv_filter import BLOCK
from .conv_tiles import WIDTH, address_of, depthwise_outer_tile, depthwise_tile, rows_of_a_tile
from .jit import range_kernel
from .memory import empty
from .recording import contiguous, zeros


@range_kernel
def _direct(x, w, bias, floor, taps, grid, tiles, channels, out, lo, hi):
    """out[pixel, c] = max(floor, bias[c] + sum over t of x[pixel + tap t, c] * w[t, c])"""
    g, lanes, rows, size = grid[0], WIDTH // x.itemsize, rows_of_a_tile(), x.itemsize
    table, where = np.empty(TILES * len(taps) * rows, np.int64), np.empty(TILES * rows, np.int64)
    zeros, aside = np.zeros(channels, x.dtype), np.empty(rows * lanes, x.dtype)
    beside = np.arange(rows) * lanes
    for tile in range(lo, hi, TILES):
        number = min(TILES, hi - tile)
        fill_table(address_of(x), address_of(zeros), size, taps, grid, tile * rows, number * rows, rows,
                   table, where)
        for b in range(number):
            count = min(rows, g.pixels - (tile + b) * rows)
            for block in range(0, channels, lanes):
                c = min(block, channels - lanes)        # the last block ends with the channels
                whole = count == rows
                depthwise_tile(address_of(w) + c * size, channels * size,
                               address_of(table) + b * len(taps) * rows * 8, len(taps), c * size,
                               address_of(bias) + c * size,
                               address_of(out) + c * size if whole else address_of(aside),
                               address_of(where) + b * rows * 8 if whole else address_of(beside), floor)
                if not whole:
                    for p in range(count):
                        for k in range(lanes):
                            out[where[b * rows + p] + c + k] = aside[p * lanes + k]


@range_kernel
def _filter_grad(x, dy, taps, grid, channels, dw, lo, hi):
    """dw[t, c] = sum over pixels of x[pixel + tap t, c] * dy[pixel, c]"""
    g, lanes, rows, size = grid[0], WIDTH // x.itemsize, rows_of_a_tile(), x.itemsize
    gangs = (len(taps) + rows - 1) // rows
    table, where = np.zeros(gangs * rows * BLOCK, np.int64), np.empty(BLOCK, np.int64)
    zeros, sums = np.zeros(channels, x.dtype), np.zeros((hi - lo) * gangs * rows * lanes, x.dtype)
    table[:] = address_of(zeros)                        # rows past the last tap
    for pixel in range(0, g.pixels, BLOCK):
        count = min(BLOCK, g.pixels - pixel)
        fill_table(address_of(x), address_of(zeros), size, taps, grid, pixel, count, BLOCK, table, where)
        for item in range(lo, hi):
            c = min(item * lanes, channels - lanes)
            for gang in range(gangs):
                depthwise_outer_tile(address_of(table) + gang * rows * BLOCK * 8, BLOCK * 8, count, c * size,
                                     address_of(dy) + (pixel * channels + c) * size, channels * size,
                                     address_of(sums) + ((item - lo) * gangs + gang) * rows * WIDTH,
                                     x.dtype.type(0))
    for item in range(lo, hi):
        c = min(item * lanes, channels - lanes)
        for t in range(len(taps)):
            for k in range(item * lanes - c, lanes):    # what a block that was moved back shares is another's
                dw[t * channels + c + k] = sums[((item - lo) * gangs * rows + t) * lanes + k]


def _widened(x, times):
    """x with each channel repeated, and with zeros for channels up to a panel."""
    channels, panel = x.shape[-1] * times, WIDTH // x.itemsize
    if times == 1 and channels >= panel:
        return x
    made = empty((*x.shape[:-1], max(channels, panel)), x.dtype)
    for k in range(times):
        made[..., k:channels:times] = x
    if channels < panel:
        made[..., channels:] = 0
    return made


def _taps_of(w, which):
    """Those taps of a filter, in that order."""
    made = empty((len(which), w.shape[-1]), w.dtype)
    for k, t in enumerate(which):
        made[k] = w[t]
    return made


def _run(phase, x, w, bias, floor, out):
    if phase.tiles:
        _direct(phase.tiles, phase.work // 4, x.reshape(-1), w.reshape(-1), bias, floor, phase.taps,
                phase.grid, phase.tiles, x.shape[-1], out.reshape(-1))


def _alike(w, channels):
    """The shape of a filter for so many channels, one output each."""
    return (*w[:3], 1, channels)


def output(x, w, strides, pads, dilations, bias=None, relu=False):
    """`conv.output` of as many groups as channels, for a filter [., ., ., 1, channels * multiplier]."""
    outs = w.shape[4]
    x, w = _widened(x, outs // x.shape[4]), _widened(w, 1)
    channels = x.shape[4]
    phase = geometry.forward(x.shape, _alike(w.shape, channels), strides, pads, dilations, channels,
                             x.itemsize)
    g = phase.grid[0]
    out = empty((x.shape[0], int(g["depth"]), int(g["height"]), int(g["width"]), channels), x.dtype)
    lines = zeros((channels,), x.dtype)
    if bias is not None:
        lines[:outs] = bias
    _run(phase, x, w, lines, x.dtype.type(0 if relu else -np.inf), out)
    return out if outs == channels else contiguous(out[..., :outs])


def input_grad(dy, w, x_shape, strides, pads, dilations):
    """The gradient of the images of `output`."""
    outs, times = w.shape[4], w.shape[4] // x_shape[4]
    dy, w = _widened(dy, 1), _widened(w, 1)
    channels = dy.shape[4]
    out, lines = empty((*x_shape[:4], channels), dy.dtype), zeros((channels,), dy.dtype)
    for phase in geometry.backward(out.shape, _alike(w.shape, channels), dy.shape, strides, pads, dilations,
                                   channels, dy.itemsize):
        _run(phase, dy, _taps_of(w.reshape(-1, channels), phase.which), lines, dy.dtype.type(-np.inf), out)
    if times > 1:
        return out[..., :outs].reshape(*x_shape, times).sum(-1)
    return out if outs == channels else contiguous(out[..., :outs])


def filter_grad(x, dy, w_shape, strides, pads, dilations):
    """The gradient of the filter of `output`."""
    outs = w_shape[4]
    if not x.size or not dy.size:
        return zeros(w_shape, x.dtype)
    x, dy = _widened(x, outs // x.shape[4]), _widened(dy, 1)
    channels = x.shape[4]
    phase = geometry.forward(x.shape, _alike(w_shape, channels), strides, pads, dilations, channels,
                             x.itemsize)
    dw = empty((len(phase.taps), channels), x.dtype)
    _filter_grad(-(-channels * x.itemsize // WIDTH), phase.work // 4, x.reshape(-1), dy.reshape(-1),
                 phase.taps, phase.grid, channels, dw.reshape(-1))
    return contiguous(dw[:, :outs]).reshape(w_shape)
