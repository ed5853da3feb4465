"""Where a convolution reads and writes, worked out once for each shape: taps, grids of pixels, phases.

The one idea: output and input gradient are the same sum, over taps, of pixels with an offset; they differ in
the taps, the steps between pixels and the order of the weights.  Images here are [n, depth, height, width,
channels], filters [depth, height, width, channels, outputs]; for fewer dimensions there are extents of 1.
"""
import functools
import itertools
from dataclasses import dataclass
from math import prod

import numpy as np

from .conv_tiles import WIDTH, tile_rows
from .recording import table

# `tile_rows` asks the processor each time, 0.2 ms; compiled code names it, so that it can't be cached itself.
rows_per_tile = functools.cache(tile_rows)
# Bytes of packed weights that the pixels of an image go by at once: they stay in a core's second-level cache.
_GANG = 1 << 18

GRID = np.dtype([(name, np.int64) for name in (
    "pixels", "depth", "height", "width",               # the pixels that are computed, in all and an image
    "step_d", "step_h", "step_w",                       # what a step among them is in the image that is read
    "in_d", "in_h", "in_w",                             # its extents, and where its pixels stand, in elements
    "x_n", "x_d", "x_h", "x_w",
    "y_n", "y_d", "y_h", "y_w", "y_first",              # where the computed pixels stand
    "low_d", "high_d", "low_h", "high_h", "low_w", "high_w",    # the least and the greatest offsets of taps
    "run", "outs", "groups", "panels", "gang")])        # channels a tap, outputs a group, panels a group


@dataclass(frozen=True)
class Phase:
    """Pixels that share their taps: `taps` [t, 4] holds offsets d, h, w and the one in elements."""

    grid: np.ndarray
    taps: np.ndarray
    which: np.ndarray           # the taps' places in the filter
    tiles: int
    work: int                   # multiplications


def extents_out(extents, window, strides, pads, dilations):
    """The extents of the output, less than 1 where the window does not fit."""
    axes = zip(extents, window, strides, pads, dilations, strict=True)
    return tuple([(n + sum(pad) - ((r - 1) * d + 1)) // s + 1 for n, r, s, pad, d in axes])


def _strides(shape):
    """Elements from one index to the next, for each axis of a C-contiguous array."""
    return [prod(shape[k + 1:]) for k in range(len(shape))]


def _phase(images, places, steps, read, channels, offsets, which, write, run, outs, groups, itemsize):
    """A phase of `places` pixels an image, which reads an array of shape `read`; write: strides and start."""
    grid = np.zeros(1, GRID)
    g = grid[0]
    lanes = WIDTH // itemsize
    g["pixels"] = images * prod(places)
    g["depth"], g["height"], g["width"] = places
    g["step_d"], g["step_h"], g["step_w"] = steps
    g["in_d"], g["in_h"], g["in_w"] = read[1:4]
    g["x_n"], g["x_d"], g["x_h"], g["x_w"] = strides = channels
    g["y_n"], g["y_d"], g["y_h"], g["y_w"], g["y_first"] = write
    taps = np.zeros((len(offsets), 4), np.int64)
    for k, offset in enumerate(offsets):
        taps[k] = (*offset, sum(o * s for o, s in zip(offset, strides[1:], strict=True)))
    if offsets:
        g["low_d"], g["low_h"], g["low_w"] = taps[:, :3].min(0)
        g["high_d"], g["high_h"], g["high_w"] = taps[:, :3].max(0)
    g["run"], g["outs"], g["groups"], g["panels"] = run, outs, groups, -(-outs // lanes)
    panel_bytes = max(len(offsets), 1) * run * WIDTH
    g["gang"] = min(max(1, _GANG // panel_bytes), g["panels"])
    work = int(g["pixels"]) * len(offsets) * run * outs * groups
    tiles = -(-int(g["pixels"]) // rows_per_tile())
    return Phase(table(grid), table(taps), table(np.array(which, np.int64)), tiles, work)


def merges(w_shape, pads, dilations, groups):
    """Whether the taps of a row count as one tap with all their channels: they stand next to each other."""
    if w_shape[2] == 1 or dilations[2] != 1 or groups != 1:
        return False
    return w_shape[3] * w_shape[2] <= 32 or (pads[2] == (0, 0) and w_shape[3] <= 64)


@functools.lru_cache(maxsize=1024)
def forward(x_shape, w_shape, strides, pads, dilations, groups, itemsize, pitch=None):
    """The phase of the output; where `merges`, x_shape has its width padded and pads[2] is (0, 0).

    The pixels of x stand `pitch` elements apart, their channels by default.
    """
    run, outs = w_shape[3], w_shape[4] // groups
    window = w_shape[:3]
    places = extents_out(x_shape[1:4], window, strides, pads, dilations)
    if merges(w_shape, pads, dilations, groups):
        window, run = (*w_shape[:2], 1), w_shape[2] * w_shape[3]
    ranges = [[r * d - before for r in range(n)]
              for n, d, (before, _) in zip(window, dilations, pads, strict=True)]
    write = _strides((x_shape[0], *places, w_shape[4]))[:4]
    in_w = places[2] * strides[2] if window != w_shape[:3] else x_shape[3]
    return _phase(x_shape[0], places, strides, (*x_shape[:3], in_w, x_shape[4]),
                  _strides((*x_shape[:4], pitch or x_shape[4]))[:4],
                  list(itertools.product(*ranges)), range(prod(window)), (*write, 0), run, outs, groups,
                  itemsize)


@functools.lru_cache(maxsize=1024)
def backward(x_shape, w_shape, y_shape, strides, pads, dilations, groups, itemsize):
    """The phases of the input gradient: pixels whose index has one remainder by the stride share taps."""
    run, outs = w_shape[4] // groups, w_shape[3]
    read = _strides(y_shape)[:4]
    steps = _strides(x_shape)[:4]
    found = []
    firsts = [range(min(s, n)) for s, n in zip(strides, x_shape[1:4], strict=True)]
    for remainders in itertools.product(*firsts):
        axes = [_taps_of(remainder, n, s, before, d) for remainder, n, s, (before, _), d
                in zip(remainders, w_shape[:3], strides, pads, dilations, strict=True)]
        places = [-(-(n - remainder) // s) for n, remainder, s in zip(x_shape[1:4], remainders, strides,
                                                                      strict=True)]
        pairs = list(itertools.product(*axes))
        offsets = [tuple(offset for _, offset in taps) for taps in pairs]
        which = [(a * w_shape[1] + b) * w_shape[2] + c for (a, _), (b, _), (c, _) in pairs]
        start = sum(r * n for r, n in zip(remainders, steps[1:], strict=True))
        write = (steps[0], *[n * s for n, s in zip(steps[1:], strides, strict=True)], start)
        found.append(_phase(x_shape[0], places, (1, 1, 1), y_shape, read, offsets, which, write, run, outs,
                            groups, itemsize))
    return found


def _taps_of(remainder, window, stride, before, dilation):
    """(tap, offset in y) for the taps that reach the pixels of one remainder."""
    reaches = [(r, remainder + before - r * dilation) for r in range(window)]
    return [(r, distance // stride) for r, distance in reaches if distance % stride == 0]
