"""Indexing by tensors: gather and scatter, which are each other's gradients; masks and one_hot.

The gradient of gathering rows is IndexedSlices: it costs what was gathered, not what it was gathered from.
"""
import numpy as np

from numbaflow.core import dtypes
from numbaflow.core.errors import InvalidArgumentError
from numbaflow.core.indexed_slices import IndexedSlices
from numbaflow.core.infer import like
from numbaflow.core.optable import Sample, integers, normal, op
from numbaflow.core.tensor import as_tensor
from numbaflow.kernels import index as kernels, parts, recording, scatter

from .arguments import extent_of, one_axis, shape_of
from .comparison import where
from .creation import range as numbers_to, zeros
from .joining import concat
from .norms import clip_by_norm
from .shape import broadcast_to, reshape
from .slicing import getitem

__all__ = ["batch_gather", "boolean_mask", "embedding_lookup", "gather", "gather_nd", "one_hot", "scatter_nd",
           "take_along_axis", "tensor_scatter_add", "tensor_scatter_sub", "tensor_scatter_update"]


# ---- gather
def _gather_rule(g, indices, axis, batch_dims, params_shape):
    axis, batch = _gather_axes(axis, batch_dims, len(params_shape), len(indices.shape))
    if axis or batch or len(params_shape) == 0:
        return gather_grad(g, indices, params_shape, axis, batch)
    if len(indices.shape) != 1:
        n = indices.shape.num_elements()
        g, indices = reshape(g, (n, *params_shape[1:])), reshape(indices, (n,))
    return IndexedSlices(g, indices, params_shape)


def _gather_axes(axis, batch_dims, rank, index_rank):
    """The axis and batch_dims counted from the front; the axis is by default the first after the batch."""
    batch = batch_dims if type(batch_dims) is int else int(batch_dims)
    if batch < 0:
        batch += index_rank
    return (batch if axis is None else one_axis(axis, rank) if rank else 0), batch


def _gathered(params, indices, axis=None, batch_dims=0):
    if not batch_dims:
        return np.take(params, indices, axis or 0)
    pairs = zip(params, indices, strict=True)
    return np.stack([_gathered(p, i, None if axis is None else axis - 1, batch_dims - 1) for p, i in pairs])


def _gather_shape(params, indices, axis, batch_dims):
    kernels.check_integers(indices)
    axis, batch = _gather_axes(axis, batch_dims, params.ndim, indices.ndim)
    axis = kernels.normal_axis(axis, params.ndim)
    if batch:
        kernels.check_batch(params.shape, indices.shape, axis, batch)
    return (*params.shape[:axis], *indices.shape[batch:], *params.shape[axis + 1:]), params.dtype


@op(inputs="params indices", grads={"params": _gather_rule, "indices": None}, holomorphic=False,
    infer=_gather_shape,
    reference=lambda params, indices, axis=None, batch_dims=0: _gathered(params, indices, axis, batch_dims),
    samples=[Sample(normal(4, 3), integers(5, high=4)), Sample(normal(4), integers(2, 3, high=4)),
             Sample(normal(2, 4), integers(3, high=4), axis=1), Sample(normal(4, 2), integers(high=4)),
             Sample(normal(2, 3, 4), integers(2, 2, high=3), axis=1, batch_dims=1),
             Sample(normal(2, 3), integers(2, 2, high=3), batch_dims=1),
             Sample(integers(4), integers(3, high=4)), Sample(normal(3, 2), integers(0, high=3))])
def gather(params, indices, validate_indices=None, name=None, axis=None, batch_dims=0):
    """Slices of a tensor along an axis, one for each index.

    Args:
        params: the tensor; the result has the shape params[:axis] + indices[batch_dims:] + params[axis + 1:].
        indices: integers in [0, extent of the axis).
        axis: the axis; by default the first, or the first after the batch.
        batch_dims: how many axes in front `params` and `indices` have in common.

    Raises:
        IndexError: an index out of range.

    >>> import numbaflow as nf
    >>> nf.gather([[1, 2], [3, 4], [5, 6]], [2, 0]).numpy().tolist()
    [[5, 6], [1, 2]]
    """
    if axis is None and batch_dims == 0:
        return kernels.gather(params, indices)
    axis, batch = _gather_axes(axis, batch_dims, params.ndim, indices.ndim)
    return kernels.gather(params, indices, axis, batch)


def _gather_grad_loop(g, indices, shape, axis=0, batch_dims=0):
    out = np.zeros(shape, g.dtype)
    if not batch_dims:
        np.add.at(np.moveaxis(out, axis, 0), indices,
                  np.moveaxis(g, range(axis, axis + indices.ndim), range(indices.ndim)))
        return out
    return np.stack([_gather_grad_loop(*pair, shape[1:], axis - 1, batch_dims - 1)
                     for pair in zip(g, indices, strict=True)])


@op(inputs="g indices", holomorphic=False, reference=_gather_grad_loop,
    infer=lambda g, shape: (shape_of(shape), g.dtype),
    grads={"g": lambda g, indices, axis, batch_dims: gather(g, indices, axis=axis, batch_dims=batch_dims),
           "indices": None},
    samples=[Sample(normal(5, 3), integers(5, high=4), (4, 3)),
             Sample(normal(2, 3), integers(3, high=4), (2, 4), 1),
             Sample(normal(2, 2, 4), integers(2, 2, high=3), (2, 3, 4), 1, 1)])
def gather_grad(g, indices, shape, axis=0, batch_dims=0):
    """Zeros of `shape` to which slices of g are added where `gather` takes them from: its gradient.

    >>> import numbaflow as nf
    >>> nf.ops.index.gather_grad([1.0, 2.0, 3.0], [1, 1, 0], (3,)).numpy().tolist()
    [3.0, 3.0, 0.0]
    """
    return scatter.scatter_add_rows(recording.zeros(shape, g.dtype), indices, g, axis, batch_dims)


def batch_gather(params, indices, name=None):
    """Slices of a tensor along the last axis of `indices`; all axes before it are in common.

    >>> import numbaflow as nf
    >>> nf.batch_gather([[1, 2, 3], [4, 5, 6]], [[2, 0], [1, 1]]).numpy().tolist()
    [[3, 1], [5, 5]]
    """
    indices = as_tensor(indices)
    if not len(indices.shape):
        raise InvalidArgumentError("batch_gather: indices must have at least one axis, got a scalar")
    return gather(params, indices, batch_dims=len(indices.shape) - 1)


def embedding_lookup(params, ids, partition_strategy="mod", name=None, validate_indices=True, max_norm=None):
    """The rows of an embedding table at `ids`; their gradient touches those rows only.

    Args:
        params: the table, [rows, width], or a list with the table as its only element.
        ids: integers of any shape.
        max_norm: rows of a larger Euclidean norm are scaled down to it.

    >>> import numbaflow as nf
    >>> nf.nn.embedding_lookup([[1.0, 2.0], [3.0, 4.0]], [[1, 0]]).numpy().tolist()
    [[[3.0, 4.0], [1.0, 2.0]]]
    """
    if isinstance(params, (list, tuple)) and params and hasattr(params[0], "dtype"):
        if len(params) > 1:
            raise InvalidArgumentError(f"embedding_lookup: expected one table, got {len(params)} parts; "
                                       "concat them")
        params = params[0]
    rows = gather(params, ids)
    if max_norm is None:
        return rows
    along = list(range(len(as_tensor(ids).shape), len(rows.shape)))
    return clip_by_norm(rows, max_norm, axes=along)


# ---- coordinates
def _at_coordinates(params, indices, batch_dims=0):
    if batch_dims:
        pairs = zip(params, indices, strict=True)
        return np.stack([_at_coordinates(*pair, batch_dims - 1) for pair in pairs])
    if not indices.shape[-1]:
        return np.broadcast_to(params, indices.shape[:-1] + params.shape)
    return params[tuple(np.moveaxis(indices, -1, 0))]


def _gather_nd_rule(g, indices, batch_dims, params_shape):
    if batch_dims:
        indices = concat([*_batch_coordinates(indices.shape[:-1], batch_dims), indices], -1)
    return scatter_nd(indices, g, params_shape)


def _batch_coordinates(lead, batch_dims):
    """For each batch axis a tensor of lead + (1,) that counts along it."""
    rank = len(lead)
    for k, n in enumerate(lead[:batch_dims]):
        alone = reshape(numbers_to(n), [n if j == k else 1 for j in range(rank + 1)])
        yield broadcast_to(alone, (*lead, 1))


_PAIRS = np.array([[0, 1], [2, 0], [0, 1]])


def _picked(params, indices, batch_dims):
    covered = kernels.covered_axes(indices, params.shape, batch_dims)
    return indices.shape[:-1] + params.shape[covered:], params.dtype


@op(inputs="params indices", holomorphic=False, infer=_picked, reference=_at_coordinates,
    grads={"params": _gather_nd_rule, "indices": None},
    samples=[Sample(normal(3, 2), _PAIRS), Sample(normal(3, 2, 2), _PAIRS),
             Sample(normal(4, 2), integers(3, 1, high=4)), Sample(normal(3), np.array([1])),
             Sample(normal(3, 2), np.zeros((2, 0), int)), Sample(integers(3, 2), _PAIRS),
             Sample(normal(2, 3, 4), integers(2, 3, 2, 1, high=4), batch_dims=2)])
def gather_nd(params, indices, name=None, batch_dims=0):
    """The slices of a tensor at coordinates: out[i...] = params[indices[i..., 0], indices[i..., 1], ...].

    Args:
        params: the tensor.
        indices: integers, with the coordinates along the last axis.
        batch_dims: how many axes in front `params` and `indices` have in common.

    Raises:
        IndexError: coordinates out of range.

    >>> import numbaflow as nf
    >>> nf.gather_nd([[1, 2], [3, 4]], [[0, 1], [1, 0]]).numpy().tolist()
    [2, 3]
    """
    return kernels.gather_nd(params, indices, batch_dims)


def _scattered(indices, updates, shape):
    out = np.zeros(shape, updates.dtype)
    np.add.at(out, tuple(np.moveaxis(indices, -1, 0)), updates)
    return out


def _scatter_rule(indices, updates, shape):
    scatter.check_coordinates(shape_of(shape), updates.dtype, indices, updates)
    return shape_of(shape), updates.dtype


@op(inputs="indices updates", holomorphic=False, infer=_scatter_rule, reference=_scattered,
    grads={"indices": None, "updates": lambda g, indices: gather_nd(g, indices)},
    samples=[Sample(_PAIRS, normal(3), (3, 2)), Sample(_PAIRS, normal(3, 2), [3, 2, 2]),
             Sample(integers(3, 1, high=4), normal(3), np.array([4])), Sample(_PAIRS, integers(3), (3, 2))])
def scatter_nd(indices, updates, shape, name=None):
    """Zeros of `shape` with updates added at coordinates; equal coordinates add up.

    >>> import numbaflow as nf
    >>> nf.scatter_nd([[1], [3], [1]], [10, 20, 30], [5]).numpy().tolist()
    [0, 40, 0, 20, 0]
    """
    return scatter.scatter_nd(indices, updates, shape_of(shape))


def _with_updates(ufunc):
    def reference(tensor, indices, updates):
        out = tensor.copy()
        at = tuple(np.moveaxis(indices, -1, 0))
        if ufunc is None:
            out[at] = updates
        else:
            ufunc.at(out, at, updates)
        return out
    return reference


def _updated(tensor, indices, updates):
    scatter.check_coordinates(tensor.shape, tensor.dtype, indices, updates)
    return like(tensor)


def _tensor_scatter(ufunc, for_tensor, for_updates):
    """The declaration of a function of (tensor, indices, updates)."""
    where = np.array([[0, 1], [2, 0]]) if ufunc is None else _PAIRS
    return op(inputs="tensor indices updates", promote="tensor updates", holomorphic=False, infer=_updated,
              reference=_with_updates(ufunc),
              grads={"tensor": for_tensor, "indices": None, "updates": for_updates},
              samples=[Sample(normal(3, 2), where, normal(len(where))),
                       Sample(normal(3, 2, 2), where, normal(len(where), 2)),
                       Sample(integers(3, 2), where, integers(len(where)))])


def _cleared(g, indices, updates_shape):
    return tensor_scatter_update(g, indices, zeros(updates_shape, g.dtype))


@_tensor_scatter(None, _cleared, lambda g, indices: gather_nd(g, indices))
def tensor_scatter_update(tensor, indices, updates, name=None):
    """The tensor with `updates` at coordinates; of equal coordinates the last wins.

    >>> import numbaflow as nf
    >>> nf.tensor_scatter_update([1, 1, 1], [[2], [0]], [7, 8]).numpy().tolist()
    [8, 1, 7]
    """
    return scatter.scatter_nd_update(parts.copy(tensor), indices, updates)


@_tensor_scatter(np.add, lambda g: g, lambda g, indices: gather_nd(g, indices))
def tensor_scatter_add(tensor, indices, updates, name=None):
    """The tensor with `updates` added at coordinates; equal coordinates add up.

    >>> import numbaflow as nf
    >>> nf.tensor_scatter_add([1, 1, 1], [[2], [2]], [7, 8]).numpy().tolist()
    [1, 1, 16]
    """
    return scatter.scatter_nd_add(parts.copy(tensor), indices, updates)


@_tensor_scatter(np.subtract, lambda g: g, lambda g, indices: -gather_nd(g, indices))
def tensor_scatter_sub(tensor, indices, updates, name=None):
    """The tensor with `updates` subtracted at coordinates; equal coordinates add up.

    >>> import numbaflow as nf
    >>> nf.tensor_scatter_sub([1, 1, 1], [[2], [0]], [7, 8]).numpy().tolist()
    [-7, 1, -6]
    """
    return scatter.scatter_nd_sub(parts.copy(tensor), indices, updates)


# ---- an index for each element
def _along(x, indices, axis):
    kernels.check_along_shape(x.shape, indices, one_axis(axis, x.ndim))
    return indices.shape, x.dtype


@op(inputs="x indices", holomorphic=False, infer=_along, reference=np.take_along_axis,
    grads={"x": lambda g, indices, axis, x_shape: put_along_axis(g, indices, axis, x_shape), "indices": None},
    samples=[Sample(normal(3, 4), integers(3, 2, high=4), 1), Sample(normal(3, 2), integers(5, 2, high=3), 0),
             Sample(normal(2, 3), integers(2, 1, high=3), -1), Sample(integers(4), integers(2, high=4), 0)])
def take_along_axis(x, indices, axis, name=None):
    """out[..., i, ...] = x[..., indices[..., i, ...], ...]: the shapes agree but for the axis.

    >>> import numbaflow as nf
    >>> nf.take_along_axis([[1, 2, 3], [4, 5, 6]], [[2], [0]], 1).numpy().tolist()
    [[3], [4]]
    """
    return kernels.take_along_axis(x, indices, one_axis(axis, x.ndim))


def _put_along(values, indices, axis, shape):
    out = np.zeros(shape, values.dtype)
    at = list(np.indices(indices.shape))
    at[axis] = indices
    np.add.at(out, tuple(at), values)
    return out


def _put_rule(values, indices, axis, shape):
    shape = shape_of(shape)
    scatter.check_values(indices, values)
    kernels.check_along_shape(shape, indices, one_axis(axis, len(shape)))
    return shape, values.dtype


@op(inputs="values indices", holomorphic=False, reference=_put_along,
    infer=_put_rule,
    grads={"values": lambda g, indices, axis: take_along_axis(g, indices, axis), "indices": None},
    samples=[Sample(normal(3, 2), integers(3, 2, high=4), 1, (3, 4)),
             Sample(normal(5, 2), integers(5, 2, high=3), 0, (3, 2))])
def put_along_axis(values, indices, axis, shape):
    """Zeros of `shape` to which values are added where `take_along_axis` takes from: its gradient.

    >>> import numbaflow as nf
    >>> nf.ops.index.put_along_axis([[1.0, 2.0]], [[2, 2]], 1, (1, 3)).numpy().tolist()
    [[0.0, 0.0, 3.0]]
    """
    out = recording.zeros(shape, values.dtype)
    return scatter.put_along_axis_add(out, indices, values, one_axis(axis, out.ndim))


# ---- masks
def boolean_mask(tensor, mask, name="boolean_mask", axis=None):
    """The slices of a tensor where a mask holds; the axes that the mask covers become one.

    Args:
        tensor: any tensor.
        mask: bools, of the shape of `tensor` from `axis` on.
        axis: the first axis that the mask covers.

    >>> import numbaflow as nf
    >>> nf.boolean_mask([[1, 2], [3, 4], [5, 6]], [True, False, True]).numpy().tolist()
    [[1, 2], [5, 6]]
    """
    tensor, mask = as_tensor(tensor), as_tensor(mask)
    extents, covered = tuple(tensor.shape), tuple(mask.shape)
    try:
        first = one_axis(axis or 0, max(len(extents), 1))
    except ValueError as error:
        raise InvalidArgumentError(f"boolean_mask: {error}") from None
    end = first + len(covered)
    if mask.dtype.dtype.kind != "b" or not covered or extents[first:end] != covered:
        raise InvalidArgumentError(f"boolean_mask: a {mask.dtype.name} mask of shape {covered} for a tensor "
                                   f"of shape {extents}; expected a bool mask that fits from axis {first} on")
    if len(covered) > 1:
        tensor = reshape(tensor, (*extents[:first], mask.shape.num_elements(), *extents[end:]))
        mask = reshape(mask, (-1,))
    return gather(tensor, getitem(where(mask), (slice(None), 0)), axis=first)


def _hot(indices, depth, on_value=1.0, off_value=0.0, axis=-1, dtype=np.float32):
    y = np.where(indices[..., None] == np.arange(depth), on_value, off_value)
    return np.moveaxis(y, -1, axis).astype(dtype)


def _hot_dtype(on_value, off_value, dtype):
    if dtype is None:
        dtype = next((as_tensor(v).dtype for v in (on_value, off_value) if v is not None), dtypes.FLOAT32)
    return dtypes.as_numpy(dtype)


def _hot_rule(indices, depth, on_value, off_value, axis, dtype):
    kernels.check_integers(indices)
    depth = extent_of(depth)
    kernels.check_depth(depth)
    k = one_axis(-1 if axis is None else axis, indices.ndim + 1)
    return (*indices.shape[:k], depth, *indices.shape[k:]), _hot_dtype(on_value, off_value, dtype)


@op(inputs="indices", grads=None, infer=_hot_rule, reference=_hot,
    samples=[Sample(integers(3, high=4), 4), Sample(integers(2, 3, high=4), 3, axis=1),
             Sample(integers(high=3), 3), Sample(np.array([-1, 0, 5]), 2, 5.0, -5.0),
             Sample(integers(3, high=2), 2, axis=0, dtype="int32")])
def one_hot(indices, depth, on_value=None, off_value=None, axis=None, dtype=None, name=None):
    """Vectors of length `depth` with on_value at the index and off_value elsewhere.

    Args:
        indices: integers; one out of range gives off_value throughout.
        depth: the extent of the new axis.
        on_value, off_value: 1 and 0 by default.
        axis: where the new axis is put; last by default.
        dtype: by default that of on_value or off_value, or else float32.

    >>> import numbaflow as nf
    >>> nf.one_hot([0, 2], 3).numpy().tolist()
    [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
    """
    dtype = _hot_dtype(on_value, off_value, dtype)
    on, off = [default if v is None else np.asarray(v) for v, default in ((on_value, 1), (off_value, 0))]
    return kernels.one_hot(indices, int(depth), on, off, -1 if axis is None else axis, dtype)
