"""Translators of ops that move elements: shapes, joining, padding, slicing, indexing."""
from operator import index

import numpy as np

from numbaflow.core.shape import Extent
from numbaflow.ops.arguments import axes, one_axis

from .writer import LAST, Unsupported, translates


# ---- shapes
@translates("reshape")
def _reshape(w, c):
    return w.reshape(c.tensor, c.out.shape)


@translates("expand_dims")
def _expand_dims(w, c):
    axis = c["dim"] if c["axis"] is None else c["axis"]
    return w.op("Unsqueeze", [c.input, w.ints([one_axis(axis, c.value.ndim + 1)])])


@translates("squeeze")
def _squeeze(w, c):
    axis, shape = c["squeeze_dims"] if c["axis"] is None else c["axis"], c.value.shape
    if axis is None or (isinstance(axis, list) and not axis):
        gone = [k for k, n in enumerate(shape) if not isinstance(n, Extent) and n == 1]
    else:
        gone = axes(axis, len(shape))
    return w.op("Squeeze", [c.input, w.ints(gone)]) if gone else w.op("Identity", [c.input])


@translates("transpose")
def _transpose(w, c):
    rank, perm = c.value.ndim, c["perm"]
    perm = range(rank)[::-1] if perm is None else [one_axis(int(p), rank) for p in perm]
    return w.op("Identity", [w.transpose(c.a, perm)])


@translates("broadcast_to")
def _broadcast_to(w, c):
    return w.op("Expand", [c.input, w.ints(c.out.shape)])


@translates("tile")
def _tile(w, c):
    return w.op("Tile", [c.input, w.ints(np.asarray(c["multiples"]).reshape(-1).tolist())])


# ---- joining and parting
@translates("concat")
def _concat(w, c):
    return w.op("Concat", c.first, axis=one_axis(c["axis"], c.out.ndim))


@translates("stack")
def _stack(w, c):
    axis = one_axis(c["axis"], c.out.ndim)
    return w.op("Concat", [w.op("Unsqueeze", [x, w.ints([axis])]) for x in c.first], axis=axis)


@translates("split")
def _split(w, c):
    axis = one_axis(c["axis"], c.value.ndim)
    sizes = w.ints([v.shape[axis] for v in c.outputs])
    return w.op("Split", [c.first, sizes], len(c.outputs), axis=axis)


@translates("unstack")
def _unstack(w, c):
    axis, count = one_axis(c["axis"], c.value.ndim), len(c.outputs)
    parts = w.op("Split", [c.first, w.ints([1] * count)], count, axis=axis)
    return [w.op("Squeeze", [part, w.ints([axis])]) for part in parts]


@translates("pad")
def _pad(w, c):
    mode, pairs = c["mode"].upper(), np.asarray(c["paddings"]).reshape(-1, 2).tolist()
    if mode == "SYMMETRIC":
        return _mirrored(w, c.tensor, c.value.shape, pairs)
    pads = w.ints([b for b, _ in pairs] + [a for _, a in pairs])
    if mode == "REFLECT":
        return w.op("Pad", [c.tensor, pads], mode="reflect")
    return w.op("Pad", [c.tensor, pads, w.like(np.asarray(c["constant_values"]), c.value)])


def _mirrored(w, x, shape, pairs):
    """Padding with the edge, one axis after the other, by the places that it repeats."""
    for axis, (before, after) in enumerate(pairs):
        if before or after:
            if isinstance(shape[axis], Extent):
                raise Unsupported("SYMMETRIC padding of an axis of unknown extent")
            places = np.pad(np.arange(shape[axis]), (before, after), "symmetric")
            x = w.op("Gather", [x, w.ints(places.tolist())], axis=axis)
    return w.op("Identity", [x])


@translates("reverse")
def _reverse(w, c):
    gone = axes(c["axis"], c.value.ndim)
    if not gone:
        return w.op("Identity", [c.tensor])
    count = len(gone)
    return w.op("Slice", [c.tensor, w.ints([-1] * count), w.ints([-LAST] * count), w.ints(gone),
                          w.ints([-1] * count)])


@translates("reverse_sequence")
def _reverse_sequence(w, c):
    along = c["seq_dim"] if c["seq_axis"] is None else c["seq_axis"]
    batch = c["batch_dim"] if c["batch_axis"] is None else c["batch_axis"]
    along, batch = [one_axis(0 if k is None else k, c.value.ndim) for k in (along, batch)]
    if {along, batch} != {0, 1}:
        raise Unsupported(f"sequences along axis {along} of batches along axis {batch}; only along 0 and 1")
    # one element turned around is what none is, and lengths of 0 are not allowed
    lengths = w.op("Max", [w.cast(c.seq_lengths, np.int64), w.constant(1, np.int64)])
    return w.op("ReverseSequence", [c.input, lengths], time_axis=along, batch_axis=batch)


@translates("roll")
def _roll(w, c):
    shifts, along = np.broadcast_arrays(np.asarray(c["shift"]), np.asarray(c["axis"]))
    x = c.input
    for shift, axis in zip(shifts.reshape(-1).tolist(), along.reshape(-1).tolist(), strict=True):
        axis = one_axis(axis, c.value.ndim)
        n = c.value.shape[axis]
        if isinstance(n, Extent):
            raise Unsupported("an axis of unknown extent")
        if n and shift % n:
            x = w.op("Gather", [x, w.ints(np.roll(np.arange(n), shift).tolist())], axis=axis)
    return w.op("Identity", [x])


@translates("matrix_band_part")
def _band(w, c):
    x = c.input
    for upper, many in ((1, c["num_lower"]), (0, c["num_upper"])):
        if many >= 0:
            x = w.op("Trilu", [x, w.constant(-many if upper else many, np.int64)], upper=upper)
    return w.op("Identity", [x])


# ---- slicing
@translates("getitem")
def _getitem(w, c):
    key = c["key"]
    parts = list(key) if isinstance(key, tuple) else [key]
    named = sum(part is not None and part is not Ellipsis for part in parts)
    at = next((k for k, part in enumerate(parts) if part is Ellipsis), len(parts))
    parts[at:at + 1] = [slice(None)] * (c.value.ndim - named)
    cuts, gone, added, axis = [], [], [], 0
    for part in parts:
        if part is None:
            added.append(axis - len(gone) + len(added))
            continue
        if isinstance(part, slice):
            if part != slice(None):
                cuts.append((axis, *_bounds(part)))
        else:
            first = part if isinstance(part, Extent) else index(part)
            cuts.append((axis, first, LAST if first == -1 else first + 1, 1))
            gone.append(axis)
        axis += 1
    x = c.x
    if cuts:
        where, starts, ends, steps = [w.ints(column) for column in zip(*cuts, strict=True)]
        x = w.op("Slice", [x, starts, ends, where, steps])
    if gone:
        x = w.op("Squeeze", [x, w.ints(gone)])
    return w.op("Unsqueeze", [x, w.ints(added)]) if added else w.op("Identity", [x])


def _bounds(part):
    """(start, end, step) of a slice, without None."""
    step = 1 if part.step is None else index(part.step)
    start = (0 if step > 0 else LAST) if part.start is None else part.start
    end = (LAST if step > 0 else -LAST) if part.stop is None else part.stop
    return start, end, step


# ---- indexing
def _indices(w, name, value):
    """Indices in a dtype that ONNX takes everywhere."""
    return name if value.dtype == np.int64 else w.cast(name, np.int64)


@translates("gather")
def _gather(w, c):
    rank, indices = c.value.ndim, c.values["indices"]
    batch = index(c["batch_dims"])
    batch = batch + indices.ndim if batch < 0 else batch
    axis = batch if c["axis"] is None else one_axis(c["axis"], rank)
    places = _indices(w, c.indices, indices)
    if not batch:
        return w.op("Gather", [c.params, places], axis=axis)
    between = list(range(batch, axis))
    x = w.transpose(c.params, [*range(batch), axis, *between, *range(axis + 1, rank)])
    found = w.op("GatherND", [x, w.op("Unsqueeze", [places, w.ints([-1])])], batch_dims=batch)
    inner = list(range(batch, indices.ndim))                # axes of the indices, then those between
    after = list(range(indices.ndim, indices.ndim + axis - batch))
    return w.transpose(found, [*range(batch), *after, *inner, *range(indices.ndim + len(after), c.out.ndim)])


@translates("gather_nd")
def _gather_nd(w, c):
    indices = c.values["indices"]
    if indices.shape[-1] == 0:
        return w.op("Expand", [c.params, w.ints(c.out.shape)])
    return w.op("GatherND", [c.params, _indices(w, c.indices, indices)], batch_dims=index(c["batch_dims"]))


@translates("take_along_axis")
def _take_along(w, c):
    return w.op("GatherElements", [c.x, _indices(w, c.indices, c.values["indices"])],
                axis=one_axis(c["axis"], c.value.ndim))


@translates("one_hot")
def _one_hot(w, c):
    """By comparing: OneHot counts negative indices from the end."""
    axis = one_axis(-1 if c["axis"] is None else c["axis"], c.out.ndim)
    count = [1] * c.out.ndim
    count[axis] = -1
    if isinstance(c.out.shape[axis], Extent):
        raise Unsupported("a depth that is not known")
    places = w.constant(np.arange(c.out.shape[axis], dtype=np.int64).reshape(count))
    given = w.op("Unsqueeze", [_indices(w, c.indices, c.value), w.ints([axis])])
    on, off = [w.constant(np.asarray(default if c[name] is None else c[name]).astype(c.out.dtype))
               for name, default in (("on_value", 1), ("off_value", 0))]
    return w.op("Where", [w.op("Equal", [given, places]), on, off])


@translates("sequence_mask")
def _sequence_mask(w, c):
    places = w.constant(np.arange(c.out.shape[-1], dtype=np.int64))
    lengths = w.op("Unsqueeze", [_indices(w, c.lengths, c.value), w.ints([-1])])
    return w.cast(w.op("Less", [places, lengths]), c.out.dtype)


@translates("scatter_nd")
def _scatter_nd(w, c):
    zeros = w.op("Expand", [w.constant(0, c.out.dtype), w.ints(c.out.shape)])
    return _scattered(w, c, zeros, c.updates, "add")


@translates("tensor_scatter_update", "tensor_scatter_add", "tensor_scatter_sub")
def _tensor_scatter(w, c):
    what = c.node.op.name.rsplit("_", 1)[1]
    updates = w.op("Neg", [c.updates]) if what == "sub" else c.updates
    return _scattered(w, c, c.tensor, updates, "none" if what == "update" else "add")


def _scattered(w, c, data, updates, reduction):
    indices = _indices(w, c.indices, c.values["indices"])
    return w.op("ScatterND", [data, indices, updates], reduction=reduction)
