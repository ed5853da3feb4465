"""Translators of reductions, running sums, places of extremes and sorting."""
import numpy as np

from numbaflow.ops.arguments import axes, one_axis

from .writer import translates


def _axes(c):
    """The axes that a reduction takes, and whether they stay."""
    rank, axis = c.value.ndim, c["axis"] if c["reduction_indices"] is None else c["reduction_indices"]
    return axes(axis, rank), bool(c["keepdims"] or c["keep_dims"])


def _reduce(w, kind, x, gone, kept):
    if not gone:
        return w.op("Identity", [x])
    return w.op(kind, [x, w.ints(gone)], keepdims=int(kept))


_KINDS = {"reduce_sum": "ReduceSum", "reduce_max": "ReduceMax", "reduce_min": "ReduceMin",
          "reduce_prod": "ReduceProd"}


@translates(*_KINDS)
def _reduction(w, c):
    return _reduce(w, _KINDS[c.node.op.name], c.input_tensor, *_axes(c))


@translates("reduce_mean")
def _mean(w, c):
    if c.value.dtype.kind == "f":
        return _reduce(w, "ReduceMean", c.input_tensor, *_axes(c))
    mean = _reduce(w, "ReduceMean", w.cast(c.input_tensor, np.float64), *_axes(c))
    return w.cast(mean, c.out.dtype)        # which cuts off what is after the point


@translates("reduce_logsumexp")
def _logsumexp(w, c):
    """By the largest, which the definition of ReduceLogSumExp leaves out."""
    gone, kept = _axes(c)
    if not gone:
        return w.op("Identity", [c.input_tensor])
    largest = _reduce(w, "ReduceMax", c.input_tensor, gone, True)
    finite = w.op("Not", [w.op("Or", [w.op("IsInf", [largest]), w.op("IsNaN", [largest])])])
    shift = w.op("Where", [finite, largest, w.like(0, c.value)])
    total = _reduce(w, "ReduceSum", w.op("Exp", [w.op("Sub", [c.input_tensor, shift])]), gone, True)
    found = w.op("Add", [w.op("Log", [total]), shift])
    return found if kept else w.op("Squeeze", [found, w.ints(gone)])


@translates("reduce_all", "reduce_any")
def _truths(w, c):
    kind = "ReduceMin" if c.node.op.name == "reduce_all" else "ReduceMax"
    return w.cast(_reduce(w, kind, w.cast(c.input_tensor, np.int32), *_axes(c)), np.bool_)


@translates("sum_of_squares")
def _sum_of_squares(w, c):
    parts = [w.op("ReduceSumSquare", [x], keepdims=0) for x in c.inputs]
    return w.op("Sum", parts) if len(parts) > 1 else parts[0]


@translates("sum_to")
def _sum_to(w, c):
    shape, given = c.out.shape, c.value.shape
    lead = len(given) - len(shape)
    gone = [k for k in range(len(given)) if k < lead or (shape[k - lead] == 1 and given[k] != 1)]
    return w.reshape(_reduce(w, "ReduceSum", c.x, gone, True), shape)


# ---- places and order
@translates("argmax", "argmin")
def _place(w, c):
    axis = c["axis"] if c["dimension"] is None else c["dimension"]
    axis = one_axis(0 if axis is None else axis, c.value.ndim)
    x = w.cast(c.input, np.int32) if c.value.dtype.kind == "b" else c.input
    found = w.op("ArgMax" if c.node.op.name == "argmax" else "ArgMin", [x], axis=axis, keepdims=0)
    return found if c.out.dtype == np.int64 else w.cast(found, c.out.dtype)


def _top(w, x, count, axis, largest):
    return w.op("TopK", [x, w.ints([count])], 2, axis=axis, largest=int(largest), sorted=1)


@translates("top_k")
def _top_k(w, c):
    values, places = _top(w, c.input, c.out.shape[-1], c.value.ndim - 1, True)
    return [values, w.cast(places, np.int32)]


@translates("sort", "argsort")
def _sorted(w, c):
    axis = one_axis(c["axis"], c.value.ndim)
    values, places = _top(w, c.first, c.value.shape[axis], axis, c["direction"] == "DESCENDING")
    return values if c.node.op.name == "sort" else w.cast(places, np.int32)


@translates("cumsum")
def _cumsum(w, c):
    axis = one_axis(c["axis"], c.value.ndim)
    return w.op("CumSum", [c.x, w.constant(axis, np.int64)], exclusive=int(bool(c["exclusive"])),
                reverse=int(bool(c["reverse"])))
