"""Arrays joined, repeated, padded and rolled: whole parts copied to where they go.

Large results come from the pool of buffers.
"""
import numpy as np

from .memory import empty

LARGE = 1 << 15                 # elements from which on NumPy is given a buffer of the pool


def concat(values, axis):
    """Arrays one after the other along an axis; ValueError for shapes that do not fit."""
    if sum([v.size for v in values]) < LARGE:
        return np.concatenate(values, axis)
    extents = list(values[0].shape)
    extents[axis] = sum([v.shape[axis] for v in values])
    return np.concatenate(values, axis, out=empty(tuple(extents), values[0].dtype))


def stack(values, axis, shape):
    """Arrays of one shape along a new axis of the result, which has `shape`."""
    first, n = values[0].shape, len(values)
    if axis == len(first):                          # (concatenate needs an axis to go along)
        values = [v.reshape((*first, 1)) for v in values]
    if values[0].size * n < LARGE:
        return np.concatenate(values, axis).reshape(shape)
    out = empty(shape, values[0].dtype)
    along = (*first[:axis], n * first[axis], *first[axis + 1:]) if axis < len(first) else shape
    np.concatenate(values, axis, out=out.reshape(along))
    return out


def tile(x, times):
    """x repeated times[k] times along axis k."""
    old = x.shape
    out = empty(tuple([m * n for m, n in zip(times, old, strict=True)]), x.dtype)
    if out.size:
        apart = out.reshape([n for pair in zip(times, old, strict=True) for n in pair])
        apart[...] = x.reshape([n for extent in old for n in (1, extent)])
    return out


def inside(widths, shape):
    """The key of what was padded by [(before, after)]."""
    return tuple([slice(before, before + n) for (before, _), n in zip(widths, shape, strict=True)])


def pad(x, widths, value):
    """x with a number before and after it, [(before, after)] times along each axis."""
    out = empty(tuple([b + n + a for (b, a), n in zip(widths, x.shape, strict=True)]), x.dtype)
    out[...] = np.asarray(value)
    out[inside(widths, x.shape)] = x
    return out


def mirror_places(n, before, after, edge):
    """For each place along a padded axis of n the place that it mirrors; `edge` elements are left out."""
    places = np.arange(n)
    return np.concatenate([places[edge:before + edge][::-1], places, places[n - edge - after:n - edge][::-1]])


def mirror(x, axis, before, after, edge):
    """x with its mirror images before and after it along an axis."""
    return x.take(mirror_places(x.shape[axis], before, after, edge), axis)


def roll(x, shift, axis):
    """x moved 0 < shift < n places along an axis, from its end back to its start."""
    n, lead, out = x.shape[axis], (slice(None),) * axis, empty(x.shape, x.dtype)
    for to, source in ((slice(shift, None), slice(n - shift)), (slice(shift), slice(n - shift, None))):
        place, part = (*lead, to), (*lead, source)
        out[place] = x[part]
    return out
