"""Arrays joined, repeated, padded and rolled on a GPU: the twin of `kernels.joining`, by strided copies."""
from ..joining import inside, mirror_places  # noqa: F401
from .arrays import assign, empty, fill


def _part(x, axis, place):
    """x[:, ..., place], as many axes in front as `axis` says."""
    return x[(slice(None),) * axis + (place,)]


def concat(values, axis):
    """Arrays one after the other along an axis; ValueError for shapes that do not fit."""
    shape, at = list(values[0].shape), 0
    shape[axis] = sum([v.shape[axis] for v in values])
    out = empty(tuple(shape), values[0].dtype)
    for v in values:
        part = _part(out, axis, slice(at, at + v.shape[axis]))
        if part.shape != v.shape:
            raise ValueError(f"shape {v.shape} does not fit {values[0].shape} along axis {axis}")
        assign(part, v)
        at += v.shape[axis]
    return out


def stack(values, axis, shape):
    """Arrays of one shape along a new axis of the result, which has `shape`."""
    out = empty(shape, values[0].dtype)
    for k, v in enumerate(values):
        assign(_part(out, axis, k), v)
    return out


def tile(x, times):
    """x repeated times[k] times along axis k."""
    old = x.shape
    out = empty(tuple([m * n for m, n in zip(times, old, strict=True)]), x.dtype)
    if out.size:
        apart = out.reshape([n for pair in zip(times, old, strict=True) for n in pair])
        assign(apart, x[tuple([k for _ in old for k in (None, slice(None))])])
    return out


def pad(x, widths, value):
    """x with a number before and after it, [(before, after)] times along each axis."""
    out = empty(tuple([b + n + a for (b, a), n in zip(widths, x.shape, strict=True)]), x.dtype)
    if out.size != x.size:
        fill(out, value)
    assign(out[inside(widths, x.shape)], x)
    return out


def mirror(x, axis, before, after, edge):
    """x with its mirror images before and after it along an axis."""
    n, shape = x.shape[axis], list(x.shape)
    shape[axis] = before + n + after
    out = empty(tuple(shape), x.dtype)
    assign(_part(out, axis, slice(before, before + n)), x)
    for to, source in ((slice(before), slice(edge, before + edge)),
                       (slice(before + n, None), slice(n - edge - after, n - edge))):
        assign(_part(out, axis, to), _part(_part(x, axis, source), axis, slice(None, None, -1)))
    return out


def roll(x, shift, axis):
    """x moved 0 < shift < n places along an axis, from its end back to its start."""
    n, out = x.shape[axis], empty(x.shape, x.dtype)
    assign(_part(out, axis, slice(shift, None)), _part(x, axis, slice(n - shift)))
    assign(_part(out, axis, slice(shift)), _part(x, axis, slice(n - shift, None)))
    return out
