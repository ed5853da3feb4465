"""Reductions over segments: the rows of equal id become one row.

Sorted ids give as many segments as the last of them says; the `unsorted_` family is told how many there are.
"""
import numpy as np

from numbaflow.core import table
from numbaflow.core.infer import BY_VALUE
from numbaflow.core.optable import Sample, distinct, given, integers, normal, op
from numbaflow.kernels import segment as kernels
from numbaflow.kernels.index import check_integers

from .arguments import extent_of
from .arithmetic import maximum
from .casting import cast
from .comparison import equal
from .creation import ones, zeros
from .exponential import sqrt
from .index import gather
from .joining import concat
from .shape import reshape

__all__ = ["segment_max", "segment_mean", "segment_min", "segment_prod", "segment_sum",
           "unsorted_segment_max", "unsorted_segment_mean", "unsorted_segment_min", "unsorted_segment_prod",
           "unsorted_segment_sqrt_n", "unsorted_segment_sum"]

_SORTED = np.array([0, 0, 1, 3, 3, 3])
_UNSORTED = np.array([2, 0, 2, -1, 0, 2])
_FULL = np.array([2, 0, 2, -1, 1, 2])


# ---- references: a loop over the segments
def _rows_of(data, ids, n):
    """[the rows of each segment]."""
    rows = data.reshape((ids.size, *data.shape[ids.ndim:]))
    return [rows[ids.reshape(-1) == s] for s in range(n)]


def _sorted_reference(reduce, none):
    def reference(data, segment_ids):
        parts = _rows_of(data, segment_ids, int(segment_ids.max(initial=-1)) + 1)
        return _stacked(data, segment_ids, [reduce(p) if len(p) else none(data.dtype) for p in parts])
    return reference


def _unsorted_reference(reduce, none):
    def reference(data, segment_ids, num_segments):
        parts = _rows_of(data, segment_ids, num_segments)
        return _stacked(data, segment_ids, [reduce(p) if len(p) else none(data.dtype) for p in parts])
    return reference


def _stacked(data, ids, rows):
    width = data.shape[ids.ndim:]
    return np.array([np.broadcast_to(r, width) for r in rows], data.dtype).reshape((len(rows), *width))


def _limit(which):
    return lambda dtype: getattr(np.finfo(dtype) if dtype.kind == "f" else np.iinfo(dtype), which)


def _zero(dtype):
    return 0


def _one(dtype):
    return 1


# ---- what the rules are made of
def _spread_reference(g, ids):
    keep = (ids >= 0).reshape(ids.shape + (1,) * (g.ndim - 1))
    return g[np.maximum(ids, 0)] * keep


def _spread_shape(g, ids):
    check_integers(ids)
    return (*ids.shape, *g.shape[1:]), g.dtype


@op(inputs="g ids", holomorphic=False, reference=_spread_reference,
    infer=_spread_shape,
    grads={"g": lambda g, ids, g_shape: unsorted_segment_sum(g, ids, g_shape[0]), "ids": None},
    samples=[Sample(normal(3, 2), _UNSORTED), Sample(normal(4), _SORTED)])
def segment_spread(g, ids):
    """To every row its segment's row of g, and 0 where the id is negative: the gradient of a segment sum.

    >>> import numbaflow as nf
    >>> nf.ops.segment.segment_spread([10.0, 20.0], [1, 0, -1, 1]).numpy().tolist()
    [20.0, 10.0, 0.0, 20.0]
    """
    return kernels.spread(g, ids)


def _slots_reference(ids, num_segments):
    rows = [np.flatnonzero(ids.reshape(-1) == s) for s in range(num_segments)]
    m = max(1, *map(len, rows))
    places, slots = np.full((num_segments, m), ids.size), np.zeros(ids.shape, int)
    for s, of_one in enumerate(rows):
        places[s, :len(of_one)] = of_one
        slots.reshape(-1)[of_one] = s * m + np.arange(len(of_one))
    return places, slots


@op(inputs="ids", outputs="places slots", grads=None, reference=_slots_reference,
    infer=lambda ids, num_segments: [((num_segments, None), np.int64), (ids.shape, np.int64)],
    samples=[Sample(_UNSORTED, 4), Sample(_SORTED, 4), Sample(_SORTED.reshape(2, 3), 5)])
def segment_slots(ids, num_segments):
    """A table, [segments, longest], of which rows each segment has, and for each row its place in the table.

    Slots that are over hold the number of rows; a row whose id is negative is given place 0.

    >>> import numbaflow as nf
    >>> [t.numpy().tolist() for t in nf.ops.segment.segment_slots([1, 0, 1], 2)]
    [[[1, 3], [0, 2]], [2, 0, 3]]
    """
    return kernels.slots(ids, num_segments)


def _counts(g, ids):
    """How many rows each segment of g has, at least 1, in a shape that broadcasts to g's."""
    n = g.shape[0]
    found = unsorted_segment_sum(ones(ids.shape, g.dtype), ids, n)
    return reshape(maximum(found, 1.0), (n, *[1] * (len(g.shape) - 1)))


# ---- rules
def _sum_rule(g, segment_ids):
    return segment_spread(g, segment_ids)


def _mean_rule(g, segment_ids):
    return segment_spread(g / _counts(g, segment_ids), segment_ids)


def _sqrt_n_rule(g, segment_ids):
    return segment_spread(g / sqrt(_counts(g, segment_ids)), segment_ids)


def _extreme_rule(g, data, segment_ids, y):
    """g in equal parts to all that tie."""
    hit = cast(equal(data, segment_spread(y, segment_ids)), g.dtype)
    ties = unsorted_segment_sum(hit, segment_ids, g.shape[0])
    return hit * segment_spread(g / maximum(ties, 1.0), segment_ids)


def _prod_rule(g, data, segment_ids):
    """g times the product of the other rows, by running products from both ends: right where one is 0."""
    n, count = g.shape[0], segment_ids.shape.num_elements()
    if n == 0:
        return zeros(data.shape, g.dtype)
    width, cumprod = tuple(g.shape[1:]), table.face("cumprod")
    places, slots = segment_slots(segment_ids, n)
    rows = concat([reshape(data, (count, *width)), ones((1, *width), g.dtype)], 0)
    factors = gather(rows, places)
    others = cumprod(factors, 1, exclusive=True) * cumprod(factors, 1, exclusive=True, reverse=True)
    others = gather(reshape(others, (places.shape.num_elements(), *width)), slots)
    return segment_spread(g, segment_ids) * others


# ---- sorted ids
def _sorted_op(rule, reduce, none=_zero, make=normal, kinks=()):
    """The declaration of a function of (data, segment_ids)."""
    return op(inputs="data segment_ids", holomorphic=False, grads={"data": rule, "segment_ids": None},
              infer=BY_VALUE, reference=_sorted_reference(reduce, none),
              samples=[Sample(make(6), _SORTED), Sample(make(6, 2), _SORTED),
                       Sample(make(0, 2), np.zeros(0, int)), Sample(integers(6, low=1, high=4), _SORTED),
                       *[Sample(k, _SORTED) for k in kinks]])


@_sorted_op(_sum_rule, lambda rows: rows.sum(0))
def segment_sum(data, segment_ids, name=None):
    """The sum of the rows of each segment; 0 for a segment without rows.

    Args:
        data: any tensor of numbers.
        segment_ids: a vector, sorted, with a segment for each row of `data`.

    Returns:
        A row for each number up to the last id.

    Raises:
        ValueError: ids that are negative or not sorted, or not as many as rows.

    >>> import numbaflow as nf
    >>> nf.segment_sum([[1, 2], [3, 4], [5, 6]], [0, 0, 2]).numpy().tolist()
    [[4, 6], [0, 0], [5, 6]]
    """
    return kernels.segment_sum(data, segment_ids)


def _integer_mean(rows):
    mean = rows.mean(0)
    return np.trunc(mean) if rows.dtype.kind in "iu" else mean


@_sorted_op(_mean_rule, _integer_mean)
def segment_mean(data, segment_ids, name=None):
    """The mean of the rows of each segment; 0 for a segment without rows.  Arguments as of `segment_sum`.

    >>> import numbaflow as nf
    >>> nf.segment_mean([1.0, 2.0, 5.0], [0, 0, 1]).numpy().tolist()
    [1.5, 5.0]
    """
    return kernels.segment_mean(data, segment_ids)


_ZEROS = given([0.0, 2.0, 3.0, 0.0, 0.0, 1.5])


@_sorted_op(_prod_rule, lambda rows: rows.prod(0), _one, kinks=[_ZEROS])
def segment_prod(data, segment_ids, name=None):
    """The product of the rows of each segment; 1 for a segment without rows.  Arguments as of `segment_sum`.

    >>> import numbaflow as nf
    >>> nf.segment_prod([2, 3, 4], [0, 0, 1]).numpy().tolist()
    [6, 4]
    """
    return kernels.segment_prod(data, segment_ids)


@_sorted_op(_extreme_rule, lambda rows: rows.max(0), make=distinct)
def segment_max(data, segment_ids, name=None):
    """The largest of the rows of each segment; 0 for a segment without rows.  Arguments as of `segment_sum`.

    Where several tie, each gets an equal part of the gradient.

    >>> import numbaflow as nf
    >>> nf.segment_max([2, 3, 4], [0, 0, 1]).numpy().tolist()
    [3, 4]
    """
    return kernels.segment_max(data, segment_ids)


@_sorted_op(_extreme_rule, lambda rows: rows.min(0), make=distinct)
def segment_min(data, segment_ids, name=None):
    """The smallest of the rows of each segment; 0 for a segment without rows.  Arguments as of `segment_sum`.

    Where several tie, each gets an equal part of the gradient.

    >>> import numbaflow as nf
    >>> nf.segment_min([2, 3, 4], [0, 0, 1]).numpy().tolist()
    [2, 4]
    """
    return kernels.segment_min(data, segment_ids)


# ---- ids in any order
def _segments(data, segment_ids, num_segments):
    n = extent_of(num_segments)
    kernels.check_ids(data, segment_ids, n)
    return (n, *data.shape[segment_ids.ndim:]), data.dtype


def _unsorted_op(rule, reduce, none=_zero, samples=()):
    """The declaration of a function of (data, segment_ids, num_segments)."""
    return op(inputs="data segment_ids", holomorphic=False, grads={"data": rule, "segment_ids": None},
              infer=_segments, reference=_unsorted_reference(reduce, none),
              samples=[*samples, Sample(normal(2), np.array([-1, -1]), 0)])


_UNLIKE = [Sample(normal(6), _UNSORTED, 4), Sample(normal(6, 2), _UNSORTED, 3),
           Sample(normal(2, 3, 2), np.array([[0, 1, 0], [1, 1, 3]]), 4)]
_WHOLE = Sample(integers(6, low=1, high=4), _UNSORTED, 4)
_ORDERED = [Sample(distinct(6), _FULL, 3), Sample(distinct(6, 2), _FULL, 3), _WHOLE,
            Sample(distinct(2, 3, 2), np.array([[0, 1, 0], [1, 1, 2]]), 3),
            Sample(normal(6), _UNSORTED, 4, grad=False)]


@_unsorted_op(_sum_rule, lambda rows: rows.sum(0), samples=[*_UNLIKE, _WHOLE])
def unsorted_segment_sum(data, segment_ids, num_segments, name=None):
    """The sum of the rows of each segment; 0 for a segment without rows.

    Args:
        data: any tensor of numbers.
        segment_ids: integers in any order, of the shape of `data` or of its first axes; rows of a negative id
            are left out.
        num_segments: how many segments there are.

    Raises:
        IndexError: an id that is not below num_segments.

    >>> import numbaflow as nf
    >>> nf.unsorted_segment_sum([1, 2, 3, 4], [2, 0, 2, -1], 3).numpy().tolist()
    [2, 0, 4]
    """
    return kernels.unsorted_segment_sum(data, segment_ids, int(num_segments))


@_unsorted_op(_mean_rule, _integer_mean, samples=[*_UNLIKE, _WHOLE])
def unsorted_segment_mean(data, segment_ids, num_segments, name=None):
    """The mean of the rows of each segment; 0 for a segment without rows.

    Arguments as of `unsorted_segment_sum`.

    >>> import numbaflow as nf
    >>> nf.unsorted_segment_mean([1.0, 2.0, 4.0], [1, 0, 1], 2).numpy().tolist()
    [2.0, 2.5]
    """
    return kernels.unsorted_segment_mean(data, segment_ids, int(num_segments))


@_unsorted_op(_sqrt_n_rule, lambda rows: rows.sum(0) / np.sqrt(len(rows)), samples=_UNLIKE)
def unsorted_segment_sqrt_n(data, segment_ids, num_segments, name=None):
    """The sum of the rows of each segment over the root of their number; 0 for a segment without rows.

    Arguments as of `unsorted_segment_sum`.

    >>> import numbaflow as nf
    >>> nf.unsorted_segment_sqrt_n([1.0, 2.0, 3.0, 4.0], [0, 0, 0, 0], 1).numpy().tolist()
    [5.0]
    """
    return kernels.unsorted_segment_sqrt_n(data, segment_ids, int(num_segments))


@_unsorted_op(_prod_rule, lambda rows: rows.prod(0), _one,
              samples=[*_UNLIKE, _WHOLE, Sample(_ZEROS, _UNSORTED, 4)])
def unsorted_segment_prod(data, segment_ids, num_segments, name=None):
    """The product of the rows of each segment; 1 for a segment without rows.

    Arguments as of `unsorted_segment_sum`.

    >>> import numbaflow as nf
    >>> nf.unsorted_segment_prod([2, 3, 4], [1, 0, 1], 2).numpy().tolist()
    [3, 8]
    """
    return kernels.unsorted_segment_prod(data, segment_ids, int(num_segments))


@_unsorted_op(_extreme_rule, lambda rows: rows.max(0), _limit("min"), samples=_ORDERED)
def unsorted_segment_max(data, segment_ids, num_segments, name=None):
    """The largest of the rows of each segment; the lowest number of the dtype for a segment without rows.

    Arguments as of `unsorted_segment_sum`.  Where several tie, each gets an equal part of the gradient.

    >>> import numbaflow as nf
    >>> nf.unsorted_segment_max([2, 3, 4], [1, 0, 1], 2).numpy().tolist()
    [3, 4]
    """
    return kernels.unsorted_segment_max(data, segment_ids, int(num_segments))


@_unsorted_op(_extreme_rule, lambda rows: rows.min(0), _limit("max"), samples=_ORDERED)
def unsorted_segment_min(data, segment_ids, num_segments, name=None):
    """The smallest of the rows of each segment; the highest number of the dtype for a segment without rows.

    Arguments as of `unsorted_segment_sum`.  Where several tie, each gets an equal part of the gradient.

    >>> import numbaflow as nf
    >>> nf.unsorted_segment_min([2, 3, 4], [1, 0, 1], 2).numpy().tolist()
    [3, 2]
    """
    return kernels.unsorted_segment_min(data, segment_ids, int(num_segments))
