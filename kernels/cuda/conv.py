"""Convolutions of images [n, depth, height, width, channels]: output and both gradients, as tiled products.

The one idea: which pixels meet which taps is a few integers for each axis, and kernels take those; nothing is
copied or padded first.  Where there are few tiles the sum is split, and a second kernel adds the parts up in
order: results are the same each time.
"""
import functools
import itertools
from math import gcd, prod

import numpy as np

from ..conv_geometry import extents_out
from .arrays import empty, zeros
from .backend import SIMULATED
from .conv_tiles import PER_AXIS, PIXELS, SCALARS, TAPS, TURNED, Form, Tile, tile_kernel
from .jit import cuda, kernel
from .vectors import aligned

# Tiles, each with how fast it is beside the others (a guess), where loads are of aligned fours and where not.
_FOURS: tuple
_ONES: tuple
_DOUBLE: tuple
if SIMULATED:
    PROCESSORS, LEAST = 2, 2
    _FOURS = _ONES = _DOUBLE = ((Tile(32, 16, 8, 4, 4), 0.8), (Tile(64, 32, 8, 8, 8), 1.0))
else:
    PROCESSORS = 132                    # of an H100
    LEAST = 16                          # chunks of a part
    _FOURS = ((Tile(128, 128, 8, 8, 8), 1.0), (Tile(128, 64, 16, 8, 4), 0.9), (Tile(64, 64, 8, 8, 4), 0.85),
              (Tile(128, 32, 16, 8, 4), 0.75))
    _ONES = ((Tile(64, 64, 8, 8, 4), 1.0),)
    _DOUBLE = ((Tile(64, 64, 8, 4, 4), 1.0), (Tile(64, 32, 8, 4, 4), 0.8))
MOST_PARTIAL = 1 << 26                  # elements of all parts
LONG = 1 << 31                          # elements that need indices of 64 bits


# ---- the numbers of a kernel
def _image(shape):
    """Elements from one index to the next, but for the channels'."""
    return [prod(shape[k + 1:]) for k in range(4)]


def _axis(*numbers):
    return dict(zip(PER_AXIS, numbers, strict=True))


def _still(axis):
    """Whether pixels are made from the pixel at their own place."""
    return axis["taps"] == 1 and axis["step"] == 1 and axis["start"] == 0 and axis["places"] == axis["extent"]


def _described(axes, strides, **scalars):
    """(how many axes the kernel has, its integers): depth where it matters, none where no axis does."""
    if all(map(_still, axes)) and set(strides) == {1}:
        for end in "xy":
            scalars[f"{end}_image"] = scalars[f"{end}_pixel"]
        axes = ()
    elif _still(axes[0]) and axes[0]["places"] == 1:
        axes = axes[1:]
    scalars = {name: scalars.get(name, 1) for name in SCALARS} | {"run": max(scalars["run"], 1)}
    if max(scalars["rows"], scalars["sums"], scalars["x_image"], scalars["y_image"]) >= 1 << 31:
        raise ValueError(f"convolution: pixels ({scalars['rows']}), taps x channels ({scalars['sums']}) and "
                         f"elements of an image ({scalars['x_image']}) must be less than 2**31 on a GPU")
    return len(axes), scalars, tuple([axis[k] for axis in axes for k in PER_AXIS])


@functools.lru_cache(maxsize=1024)
def _forward(x_shape, w_shape, strides, pads, dilations, groups, taps_are_rows):
    """(shape of the output, axes, numbers)"""
    places = extents_out(x_shape[1:4], w_shape[:3], strides, pads, dilations)
    y_shape = (x_shape[0], *places, w_shape[4])
    x_image, y_image = _image(x_shape)[0], _image(y_shape)[0]
    axes = [_axis(places[a], strides[a], -pads[a][0], x_shape[1 + a], w_shape[a], dilations[a],
                  _image(x_shape)[1 + a], _image(y_shape)[1 + a], 0) for a in range(3)]
    pixels, products = prod(y_shape[:4]), prod(w_shape[:4])
    sums, rows = (pixels, products) if taps_are_rows else (products, pixels)
    return y_shape, *_described(
        axes, strides, sums=sums, rows=rows, outs=w_shape[4] // groups, every_out=w_shape[4], groups=groups,
        run=w_shape[3], channels=x_shape[4], x_image=x_image, y_image=y_image, x_pixel=x_shape[4],
        y_pixel=w_shape[4], y_first=0, w_first=0, y_part=prod(w_shape) if taps_are_rows else prod(y_shape))


@functools.lru_cache(maxsize=1024)
def _backward(x_shape, w_shape, y_shape, strides, pads, dilations, groups):
    """[(axes, numbers)]: pixels whose index has one remainder by the stride share taps."""
    x_steps, y_steps, found = _image(x_shape), _image(y_shape), []
    w_steps = [prod(w_shape[k + 1:]) for k in range(3)]
    firsts = [range(min(s, n)) for s, n in zip(strides, x_shape[1:4], strict=True)]
    for remainders in itertools.product(*firsts):
        axes, first_taps, run = [], [], w_shape[4] // groups
        for a, remainder in enumerate(remainders):
            taps, first, start = _taps_of(remainder, w_shape[a], strides[a], pads[a][0], dilations[a])
            shared = gcd(strides[a], dilations[a])
            axes.append(_axis(-(-(x_shape[1 + a] - remainder) // strides[a]), 1, start, y_shape[1 + a], taps,
                              -dilations[a] // shared, y_steps[1 + a], x_steps[1 + a] * strides[a],
                              w_steps[a] * (strides[a] // shared)))
            first_taps.append(first)
        places = [axis["places"] for axis in axes]
        found.append(_described(
            axes, strides, sums=prod([axis["taps"] for axis in axes]) * run, rows=x_shape[0] * prod(places),
            outs=w_shape[3], every_out=w_shape[4], groups=groups, run=run, channels=y_shape[4],
            x_image=y_steps[0], y_image=x_steps[0], x_pixel=y_shape[4], y_pixel=x_shape[4],
            y_first=sum(r * n for r, n in zip(remainders, x_steps[1:], strict=True)),
            w_first=sum(r * n for r, n in zip(first_taps, w_steps, strict=True)), y_part=prod(x_shape)))
    return found


def _taps_of(remainder, window, stride, before, dilation):
    """(how many taps reach the pixels of one remainder, the first, its offset in y)"""
    reaches = [(r, remainder + before - r * dilation) for r in range(window)]
    here = [(r, distance // stride) for r, distance in reaches if distance % stride == 0]
    return (len(here), *here[0]) if here else (0, 0, 0)


# ---- launches
@functools.lru_cache(maxsize=1024)
def _tile(rows, outs, groups, axes, itemsize, four_x):
    """The tile whose blocks are done first, for so many processors, and how many blocks there are."""
    found, tiles = None, _DOUBLE if itemsize > 4 else _FOURS if four_x else _ONES
    if axes == 3 and tiles is _FOURS:
        tiles = tiles[1:]               # (the first takes 136 registers, too many for two blocks)
    for tile, speed in tiles:
        blocks = -(-rows // tile.rows) * -(-outs // tile.columns) * groups
        time = -(-blocks // PROCESSORS) * tile.rows * tile.columns / speed
        if found is None or time < found[0]:
            found = time, tile, blocks
    return found[1:]


def _parts(blocks, sums, tile, size):
    """Into how many parts a sum falls, so that all processors have two blocks."""
    return max(1, min(2 * PROCESSORS // max(blocks, 1), sums // (LEAST * tile.deep), MOST_PARTIAL // size))


def _run(kind, described, parts, tile, x, w, bias, floor, out):
    """One launch; bias is None for none."""
    axes, scalars, more = described
    run, outs = scalars["run"], scalars["outs"]
    if not scalars["rows"] or not outs:
        return
    four_x = run % 4 == 0 and aligned(x)
    four_w = (run if kind == TURNED else outs) % 4 == 0 and aligned(w)
    form = Form(kind, axes, out.dtype, tile, four_x, four_w, outs % 4 == 0,
                max(x.size, w.size, out.size) >= LONG)
    blocks = -(-scalars["rows"] // tile.rows) * -(-outs // tile.columns) * scalars["groups"] * parts
    numbers = [parts if name == "parts" else scalars[name] for name in SCALARS]
    tile_kernel(form)(blocks, tile.threads, x, w, w if bias is None else bias, out, bias is not None,
                      out.dtype.type(floor), *numbers, *more)


@kernel
def add_parts(parts, count, bias, biased, floor, out):
    """out = max(floor, bias + the sum of `count` arrays one after another in parts); bias: the last axis"""
    i, n = cuda.grid(1), out.size
    while i < n:
        a = b = c = d = out.dtype.type(0)
        p = 0
        while p + 3 < count:
            a += parts[p * n + i]
            b += parts[(p + 1) * n + i]
            c += parts[(p + 2) * n + i]
            d += parts[(p + 3) * n + i]
            p += 4
        while p < count:
            a += parts[p * n + i]
            p += 1
        y = (a + b) + (c + d)
        if biased:
            y += bias[i % bias.size]
        out[i] = floor if y < floor else y
        i += cuda.gridsize(1)


def _summed(kind, every, x, w, bias, floor, shape):
    """The array of that shape that launches of one kind make, `every` of them a part of it."""
    out, flat = empty(shape, x.dtype), x.reshape(-1)
    if not out.size:
        return out
    rows, sums = (max([scalars[name] for _, scalars, _ in every]) for name in ("rows", "sums"))
    axes, scalars, _ = max(every, key=lambda described: described[0])
    four_x = scalars["run"] % 4 == 0 and aligned(x)
    tile, blocks = _tile(rows, scalars["outs"], scalars["groups"], axes, x.itemsize, four_x)
    parts = _parts(blocks * len(every), sums, tile, out.size)
    to = out if parts == 1 else empty((parts, *shape), x.dtype)
    for described in every:
        once = (bias, floor) if parts == 1 else (None, -np.inf)
        _run(kind, described, parts, tile, flat, w.reshape(-1), *once, to.reshape(-1))
    if parts > 1:
        y = out.reshape(-1)
        add_parts.over(out.size, to.reshape(-1), parts, y if bias is None else bias, bias is not None,
                       x.dtype.type(floor), y)
    return out


def output(x, w, strides, pads, dilations, groups, bias=None, relu=False):
    """The convolution of images with a filter, plus a bias for each output, and max(., 0) where asked for."""
    y_shape, *described = _forward(x.shape, w.shape, strides, pads, dilations, groups, False)
    return _summed(PIXELS, [described], x, w, bias, 0 if relu else -np.inf, y_shape)


def input_grad(dy, w, x_shape, strides, pads, dilations, groups):
    """The gradient of the images of `output`, for dy that of its result."""
    every = _backward(x_shape, w.shape, dy.shape, strides, pads, dilations, groups)
    return _summed(TURNED, every, dy, w, None, -np.inf, x_shape)


def filter_grad(x, dy, w_shape, strides, pads, dilations, groups):
    """The gradient of the filter of `output`, for dy that of its result."""
    if not x.size or not dy.size:
        return zeros(w_shape, x.dtype)
    _, *described = _forward(x.shape, w_shape, strides, pads, dilations, groups, True)
    return _summed(TAPS, [described], x, dy, None, -np.inf, w_shape)
