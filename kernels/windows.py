"""Where windows lie that slide along the axes of an array, written out as small tables for the kernels.

Everything has three axes here, with axes of extent 1 put in front.  A window is cut at the edges: the tables
name only elements that are there, and no kernel ever pads.
"""
import functools
import math
from typing import NamedTuple

import numpy as np

from .jit import kernel
from .recording import table


class Windows(NamedTuple):
    """Windows over an array (batch, *size, channels), or (batch, channels, *size) if not channels_last."""

    batch: int
    channels: int
    size: tuple             # of the array, along each of three axes, as all that follow
    counts: tuple           # of windows
    kernel: tuple           # elements of a window
    strides: tuple
    dilations: tuple
    before: tuple           # padding that the first window covers
    channels_last: bool
    shape: tuple            # of the array
    out_shape: tuple        # of an array with one element a window

    @property
    def elements(self):
        """How many elements a window has that is not cut."""
        return math.prod(self.kernel)

    @property
    def inner_channels(self):
        """Whether neighbours in memory are channels: of one channel the two layouts are the same."""
        return self.channels_last and self.channels > 1

    @property
    def planes(self):
        """How many arrays of the size there are."""
        return self.batch * self.channels

    @property
    def grid(self):
        """out_shape with all three axes."""
        lead = (self.batch,) if self.channels_last else (self.batch, self.channels)
        return (*lead, *self.counts, self.channels) if self.channels_last else (*lead, *self.counts)

    @property
    def rows(self):
        """How many rows of windows there are, those of all channels as one where channels are last."""
        return (self.batch if self.inner_channels else self.planes) * self.counts[0] * self.counts[1]


@functools.lru_cache(maxsize=1024)
def spans(windows):
    """For each axis an array [count, 3]: a window's first element k0 inside, its end k1, where k0 lies.

    A window with no element inside has k0 = k1.
    """
    return tuple([table(_spans(*axis)) for axis in _axes(windows)])


def _axes(w):
    return zip(w.size, w.counts, w.kernel, w.strides, w.dilations, w.before, strict=True)


def _spans(size, count, kernel, stride, dilation, before):
    start = np.arange(count) * stride - before
    k0 = np.clip(-(start // dilation), 0, kernel)
    k1 = np.clip(-((start - size) // dilation), k0, kernel)
    return np.stack([k0, k1, start + k0 * dilation], 1)


@functools.lru_cache(maxsize=1024)
def covers(windows):
    """For each axis the windows over each element: (ends, pairs), pairs[ends[i]:ends[i + 1]] are (o, k).

    Element i of the array is element k of window o.
    """
    return tuple([_covers(size, count, kernel, stride, dilation, before)
                  for size, count, kernel, stride, dilation, before in _axes(windows)])


def _covers(size, count, kernel, stride, dilation, before):
    o, k = np.divmod(np.arange(count * kernel), kernel)
    at = o * stride - before + k * dilation
    inside = (at >= 0) & (at < size)
    o, k, at = o[inside], k[inside], at[inside]
    order = np.argsort(at, kind="stable")
    ends = np.searchsorted(at[order], np.arange(size + 1))
    return table(ends), table(np.stack([o[order], k[order]], 1))


@functools.lru_cache(maxsize=1024)
def shares(windows):
    """For each axis what of a mean one element of a window is: 1 / (elements inside), 0 for none."""
    counts = [s[:, 1] - s[:, 0] for s in spans(windows)]
    return tuple([table(1.0 / np.where(n > 0, n, np.inf)) for n in counts])


@functools.lru_cache(maxsize=1024)
def places(windows):
    """(steps, (starts of depth, height, width)): where element k of a window lies, counted in elements.

    Element k of window (d, h, w) is element starts[0][d] + starts[1][h] + starts[2][w] + steps[k] of an array
    (depth, height, width).
    """
    sizes = (windows.size[1] * windows.size[2], windows.size[2], 1)
    starts = [table((np.arange(count) * stride - before) * n) for n, (_, count, _, stride, _, before)
              in zip(sizes, _axes(windows), strict=True)]
    grid = np.indices(windows.kernel).reshape(3, -1)
    steps = sum(k * d * n for k, d, n in zip(grid, windows.dilations, sizes, strict=True))
    return table(steps), tuple(starts)


# ---- rows
@kernel
def rows_under(n, size, kernel, dilation, span_d, span_h, rows):
    """rows[j] = a row of the array that a row of windows reaches into, the number of its first element"""
    count = 0
    for kd in range(span_d[0], span_d[1]):
        d = n * size[0] + span_d[2] + (kd - span_d[0]) * dilation[0]
        for kh in range(span_h[0], span_h[1]):
            rows[count, 0] = d * size[1] + span_h[2] + (kh - span_h[0]) * dilation[1]
            rows[count, 1] = (kd * kernel[1] + kh) * kernel[2]
            count += 1
    return count


@kernel
def rows_over(n, count, kernel, pairs_d, pairs_h, rows):
    """rows[j] = a row of windows that reaches over a row of the array, the number of its first element"""
    found = 0
    for a in range(len(pairs_d)):
        for b in range(len(pairs_h)):
            rows[found, 0] = (n * count[0] + pairs_d[a, 0]) * count[1] + pairs_h[b, 0]
            rows[found, 1] = (pairs_d[a, 1] * kernel[1] + pairs_h[b, 1]) * kernel[2]
            found += 1
    return found
