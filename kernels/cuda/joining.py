"""Arrays joined, repeated, padded and rolled on a GPU: the twin of `kernels.joining`, by strided copies."""
from ..joining import inside, mirror_places  # noqa: F401
from .arrays import assign, empty, fill


def concat(values, axis):
    """Arrays one after the other along an axis; ValueError for shapes that do not fit."""
    shape, at = list(values[0].shape), 0
    shape[axis] = sum([v.shape[axis] for v in values])
    out, lead = empty(tuple(shape), values[0].dtype), (slice(None),) * axis
    for v in values:
        part = out[(*lead, slice(at, at + v.shape[axis]))]
        if part.shape != v.shape:
            raise ValueError(f"shape {v.shape} does not fit {values[0].shape} along axis {axis}")
        assign(part, v)
        at += v.shape[axis]
    return out


def stack(values, axis, shape):
    """Arrays of one shape along a new axis of the result, which has `shape`."""
    out, lead = empty(shape, values[0].dtype), (slice(None),) * axis
    for k, v in enumerate(values):
        assign(out[(*lead, k)], v)
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
    n, shape, lead = x.shape[axis], list(x.shape), (slice(None),) * axis
    shape[axis] = before + n + after
    out = empty(tuple(shape), x.dtype)
    assign(out[(*lead, slice(before, before + n))], x)
    turned = (*lead, slice(None, None, -1))
    assign(out[(*lead, slice(before))], x[(*lead, slice(edge, before + edge))][turned])
    assign(out[(*lead, slice(before + n, None))], x[(*lead, slice(n - edge - after, n - edge))][turned])
    return out


def roll(x, shift, axis):
    """x moved 0 < shift < n places along an axis, from its end back to its start."""
    n, lead, out = x.shape[axis], (slice(None),) * axis, empty(x.shape, x.dtype)
    assign(out[(*lead, slice(shift, None))], x[(*lead, slice(n - shift))])
    assign(out[(*lead, slice(shift))], x[(*lead, slice(n - shift, None))])
    return out
