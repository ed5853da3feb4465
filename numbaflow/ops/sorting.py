"""Order and grouping: sort, top_k, searchsorted, unique, bincount, and taking data apart by a label and back.

Where values move, the gradient follows them: it is scattered to the places they came from.
"""
from operator import index

import numpy as np

from numbaflow.core import dtypes
from numbaflow.core.errors import InvalidArgumentError
from numbaflow.core.infer import BY_VALUE, like
from numbaflow.core.optable import Sample, distinct, given, integers, normal, op
from numbaflow.core.tensor import as_tensor
from numbaflow.kernels import sort as kernels

from .arguments import one_axis
from .casting import cast
from .comparison import equal, less, select
from .creation import range as numbers_to
from .index import gather, put_along_axis
from .segment import unsorted_segment_sum
from .shape import reshape

__all__ = ["argsort", "bincount", "dynamic_partition", "dynamic_stitch", "in_top_k", "invert_permutation",
           "searchsorted", "sort", "top_k", "unique", "unique_with_counts"]


# ---- sorting
def _descends(direction):
    if direction not in ("ASCENDING", "DESCENDING"):
        raise ValueError(f"direction must be 'ASCENDING' or 'DESCENDING', got {direction!r}")
    return direction == "DESCENDING"


def _sorted(values, axis=-1, direction="ASCENDING"):
    y = np.sort(values, axis)
    return np.flip(y, axis) if direction == "DESCENDING" else y


def _sort_rule(g, values, axis, direction):
    return put_along_axis(g, argsort(values, axis, direction), axis, values.shape)


def _ordered(values, axis, direction):
    one_axis(axis, values.ndim)
    _descends(direction)
    kernels.check_order(values)
    return like(values)


@op(inputs="values", grads={"values": _sort_rule}, holomorphic=False, infer=_ordered, reference=_sorted,
    samples=[Sample(distinct(6)), Sample(distinct(3, 4), 0), Sample(distinct(3, 4), -1, "DESCENDING"),
             Sample(integers(5), direction="DESCENDING"), Sample(distinct(0))])
def sort(values, axis=-1, direction="ASCENDING", name=None):
    """The values in order along an axis, NaN last.

    >>> import numbaflow as nf
    >>> nf.sort([3, 1, 2], direction="DESCENDING").numpy().tolist()
    [3, 2, 1]
    """
    return kernels.sort(values, one_axis(axis, values.ndim), _descends(direction))


@op(inputs="values", grads=None,
    infer=lambda values, axis, direction: (_ordered(values, axis, direction)[0], dtypes.INT32),
    reference=lambda values, axis=-1, direction="ASCENDING", stable=False:
        np.argsort(-values if direction == "DESCENDING" else values, axis, kind="stable"),
    samples=[Sample(distinct(6)), Sample(distinct(3, 4), 0), Sample(distinct(3, 4), -1, "DESCENDING"),
             Sample(integers(9, high=3), stable=True), Sample(integers(9, high=3), -1, "DESCENDING", True)])
def argsort(values, axis=-1, direction="ASCENDING", stable=False, name=None):
    """The places, int32, of the values in order along an axis, NaN last; equal values always stay in order.

    >>> import numbaflow as nf
    >>> nf.argsort([3, 1, 2]).numpy().tolist()
    [1, 2, 0]
    """
    return kernels.argsort(values, one_axis(axis, values.ndim), _descends(direction))


def _largest(input, k=1, sorted=True):
    places = np.argsort(-input, -1, kind="stable")[..., :k]
    return np.take_along_axis(input, places, -1), places.astype(np.int32)


def _top(input, k):
    k = index(k)
    kernels.check_top(input, k)
    shape = (*input.shape[:-1], k)
    return [(shape, input.dtype), (shape, dtypes.INT32)]


@op(inputs="input", outputs="values indices", holomorphic=False, infer=_top, reference=_largest,
    grads={"input": lambda g, indices, input_shape: put_along_axis(g[0], indices, -1, input_shape)},
    samples=[Sample(distinct(6), 3), Sample(distinct(2, 5), 2), Sample(distinct(3, 4)),
             Sample(integers(8, high=3), 4), Sample(distinct(4), 0), Sample(distinct(2, 3), 3, sorted=False)])
def top_k(input, k=1, sorted=True, name=None):
    """The k largest along the last axis, largest first, and where they stand; of equal ones the first.

    Args:
        input: real numbers, of at least one axis.
        k: at most the extent of the last axis.
        sorted: there for compatibility; the values are always in order.

    Returns:
        A named tuple: `values`, and int32 `indices`.

    >>> import numbaflow as nf
    >>> top = nf.nn.top_k([1.0, 9.0, 5.0], k=2)
    >>> top.values.numpy().tolist(), top.indices.numpy().tolist()
    ([9.0, 5.0], [1, 2])
    """
    return kernels.top_k(input, index(k), sorted)


def _among_largest(predictions, targets, k):
    own = np.take_along_axis(predictions, targets[:, None], 1)
    return ((predictions > own).sum(1) < k) & np.isfinite(predictions).all(1)


def _one_a_row(predictions, targets):
    kernels.check_rows(predictions, targets)
    return targets.shape, dtypes.BOOL


@op(inputs="predictions targets", grads=None, infer=_one_a_row, reference=_among_largest,
    samples=[Sample(normal(6, 4), integers(6, high=4), 2),
             Sample(given([[1, 2, 2], [np.inf, 0, 1]]), np.array([1, 2]), 1)])
def in_top_k(predictions, targets, k, name=None):
    """Whether the target of each row is among the k largest; ties count, rows that are not finite do not.

    Args:
        predictions: floats [rows, classes].
        targets: integers [rows].
        k: how many count.

    >>> import numbaflow as nf
    >>> nf.nn.in_top_k([[0.1, 0.7, 0.2], [0.5, 0.3, 0.2]], [2, 2], k=2).numpy().tolist()
    [True, False]
    """
    return kernels.in_top_k(predictions, targets, index(k))


# ---- searching and counting
def _searched(sorted_sequence, values, side="left", out_type=np.int32):
    if sorted_sequence.ndim == 1:
        return np.searchsorted(sorted_sequence, values, side).astype(out_type)
    return np.stack([_searched(s, v, side, out_type) for s, v in zip(sorted_sequence, values, strict=True)])


def _places(sorted_sequence, values, side, out_type):
    kernels.check_search(sorted_sequence, values, side)
    return values.shape, dtypes.as_numpy(out_type)


@op(inputs="sorted_sequence values", grads=None, promote="sorted_sequence values", reference=_searched,
    infer=_places,
    samples=[Sample(given([0.0, 1.0, 1.0, 3.0]), given([-1.0, 1.0, 2.0, 9.0])),
             Sample(given([0.0, 1.0, 1.0, 3.0]), given([1.0, 3.0]), "right", "int64"),
             Sample(np.array([[1, 2, 3], [4, 5, 6]]), np.array([[2], [7]]))])
def searchsorted(sorted_sequence, values, side="left", out_type=dtypes.INT32, name=None):
    """For each value the place in its sorted row where it would keep the order.

    Args:
        sorted_sequence: [..., n], sorted along the last axis.
        values: [..., m], with the same axes in front.
        side: "left" of equal elements or "right" of them.

    >>> import numbaflow as nf
    >>> nf.searchsorted([1, 3, 5], [0, 3, 6]).numpy().tolist()
    [0, 1, 3]
    """
    return kernels.searchsorted(sorted_sequence, values, side, dtypes.as_numpy(out_type))


def _distinct(x, out_idx=np.int32):
    values, first, inverse = np.unique(x, return_index=True, return_inverse=True)
    order = np.argsort(first)
    return values[order], np.argsort(order)[inverse].astype(out_idx)


_REPEATED = [Sample(np.array([3, 1, 3, 7, 1, 3])), Sample(given([0.5, -1.0, 0.5])),
             Sample(integers(20, high=5), "int64"), Sample(np.zeros(0))]


@op(inputs="x", outputs="y idx", grads=None, infer=BY_VALUE, reference=_distinct, samples=_REPEATED)
def unique(x, out_idx=dtypes.INT32, name=None):
    """The distinct values of a vector in order of appearance, and for each element its place among them.

    Returns:
        A named tuple: `y`, and `idx`, so that x is gather(y, idx).

    >>> import numbaflow as nf
    >>> [t.numpy().tolist() for t in nf.unique([5, 2, 5, 7])]
    [[5, 2, 7], [0, 1, 0, 2]]
    """
    return kernels.unique(x, dtypes.as_numpy(out_idx))


def _distinct_counted(x, out_idx=np.int32):
    y, places = _distinct(x, out_idx)
    return y, places, np.bincount(places, minlength=y.size).astype(out_idx)


@op(inputs="x", outputs="y idx count", grads=None, infer=BY_VALUE, reference=_distinct_counted,
    samples=_REPEATED)
def unique_with_counts(x, out_idx=dtypes.INT32, name=None):
    """`unique`, and how often each value occurs.

    >>> import numbaflow as nf
    >>> nf.unique_with_counts([5, 2, 5, 7]).count.numpy().tolist()
    [2, 1, 1]
    """
    return kernels.unique_with_counts(x, dtypes.as_numpy(out_idx))


def _counted(arr, minlength=None, maxlength=None, dtype=np.int32):
    return np.bincount(arr.reshape(-1), minlength=minlength or 0)[:maxlength].astype(dtype)


@op(inputs="arr", grads=None, infer=BY_VALUE, reference=_counted,
    samples=[Sample(integers(20, high=5)), Sample(integers(2, 3, high=5), 8),
             Sample(integers(20, high=9), maxlength=4),
             Sample(integers(4), dtype="float32"), Sample(np.zeros(0, int), 2)])
def count_values(arr, minlength=None, maxlength=None, dtype=dtypes.INT32):
    """How often each number from 0 on occurs among integers: `bincount` without weights.

    >>> import numbaflow as nf
    >>> nf.ops.sorting.count_values([1, 3, 1]).numpy().tolist()
    [0, 2, 0, 1]
    """
    least = 0 if minlength is None else index(minlength)
    most = None if maxlength is None else index(maxlength)
    return kernels.bincount(arr, None, least, most, dtypes.as_numpy(dtype))


def bincount(arr, weights=None, minlength=None, maxlength=None, dtype=dtypes.INT32):
    """How often each number from 0 on occurs among integers, or the sum of the weights where it does.

    Args:
        arr: integers that are not negative.
        weights: of the shape of `arr`; the result has their dtype and is differentiable in them.
        minlength: the result is at least so long; it ends otherwise at the largest number.
        maxlength: numbers from here on are left out.
        dtype: of the counts, without weights.

    >>> import numbaflow as nf
    >>> nf.bincount([1, 3, 1]).numpy().tolist()
    [0, 2, 0, 1]
    """
    counts = count_values(arr, minlength, maxlength, dtype)
    if weights is None:
        return counts
    arr, weights = as_tensor(arr), as_tensor(weights)
    if arr.shape != weights.shape:
        raise InvalidArgumentError(f"bincount: weights of shape {tuple(weights.shape)} for values of shape "
                                   f"{tuple(arr.shape)}")
    n = counts.shape[0]
    return unsorted_segment_sum(weights, select(less(arr, n), arr, -1), n)


# ---- apart and together
def _partition_rule(g, partitions, data_shape):
    n = partitions.shape.num_elements()
    places = dynamic_partition(numbers_to(n), reshape(partitions, (n,)), len(g))
    return reshape(dynamic_stitch(places, g), data_shape)


@op(inputs="data partitions", outputs="*parts", holomorphic=False, infer=BY_VALUE,
    grads={"data": _partition_rule, "partitions": None},
    reference=lambda data, partitions, num_partitions: [data[partitions == p] for p in range(num_partitions)],
    samples=[Sample(normal(5), np.array([0, 1, 1, 0, 2]), 3), Sample(normal(4, 2), np.array([2, 0, 2, 0]), 3),
             Sample(normal(2, 3), np.array([[0, 1, 1], [1, 0, 1]]), 2),
             Sample(integers(3), np.array([1, 1, 0]), 2)])
def dynamic_partition(data, partitions, num_partitions, name=None):
    """A list of num_partitions tensors: the p-th has, in order, the rows of data whose partition is p.

    Args:
        data: any tensor.
        partitions: integers in [0, num_partitions), of the shape of `data` or of its first axes.
        num_partitions: how many tensors to make.

    >>> import numbaflow as nf
    >>> [part.numpy().tolist() for part in nf.dynamic_partition([10, 20, 30], [1, 0, 1], 2)]
    [[20], [10, 30]]
    """
    return kernels.dynamic_partition(data, partitions, index(num_partitions))


def _stitched(indices, data):
    n, width = max(int(i.max(initial=-1)) for i in indices) + 1, data[0].shape[indices[0].ndim:]
    out = np.zeros((n, *width), data[0].dtype)
    for at, rows in zip(indices, data, strict=True):
        for i, row in zip(at.reshape(-1), rows.reshape(at.size, *width), strict=True):
            out[i] = row
    return out


def _stitch_rule(g, indices):
    """The row of g at each index; 0 for a row of data that another one, further back, has written over."""
    ends = np.cumsum([i.shape.num_elements() for i in indices]).tolist()
    numbers = [reshape(numbers_to(end - i.shape.num_elements(), end), i.shape)
               for i, end in zip(indices, ends, strict=True)]
    winners = dynamic_stitch(indices, numbers)
    found = []
    for i, number in zip(indices, numbers, strict=True):
        won = cast(equal(gather(winners, i), number), g.dtype)
        found.append(gather(g, i) * reshape(won, (*i.shape, *[1] * (len(g.shape) - 1))))
    return found


@op(inputs="*indices *data", holomorphic=False, infer=BY_VALUE, grads={"indices": None, "data": _stitch_rule},
    reference=_stitched,
    samples=[Sample([np.array([0, 2]), np.array([1, 3])], [normal(2), normal(2)]),
             Sample([np.array([[0, 1]]), np.array(2)], [normal(1, 2, 3), normal(3)]),
             Sample([np.array([0, 1, 0]), np.array([1])], [normal(3, 2), normal(1, 2)]),
             Sample([np.array([3])], [integers(1)])])
def dynamic_stitch(indices, data, name=None):
    """The tensor whose row indices[m][i] is data[m][i]: the way back from `dynamic_partition`.

    Of equal indices the last wins; rows that no index names are 0.

    >>> import numbaflow as nf
    >>> nf.dynamic_stitch([[1], [0, 2]], [[20], [10, 30]]).numpy().tolist()
    [10, 20, 30]
    """
    if len(indices) != len(data):
        raise ValueError(f"{len(indices)} tensors of indices for {len(data)} of data")
    return kernels.dynamic_stitch(indices, data)


def _permutation(x):
    kernels.check_vector(x)
    return like(x)


@op(inputs="x", grads=None, infer=_permutation, reference=np.argsort,
    samples=[Sample(np.array([2, 0, 1])), Sample(np.zeros(0, int))])
def invert_permutation(x, name=None):
    """The permutation y with y[x[i]] = i.

    Raises:
        ValueError: x does not hold each number from 0 to its length once.

    >>> import numbaflow as nf
    >>> nf.invert_permutation([2, 0, 1]).numpy().tolist()
    [1, 2, 0]
    """
    return kernels.invert_permutation(x)
