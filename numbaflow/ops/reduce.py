"""Reductions over axes: sums, products, extremes, means, and where the extremes stand.

A rule gets the gradient of what is left and spreads it over what was reduced; axes come as users give them.
"""
import functools
from math import prod

import numpy as np

from numbaflow.core import dtypes
from numbaflow.core.errors import InvalidArgumentError
from numbaflow.core.optable import Sample, bools, distinct, elementwise, given, integers, normal, op, uniform
from numbaflow.core.shape import Extent
from numbaflow.core.tensor import as_tensor
from numbaflow.kernels import reduce as kernels, scalar

from .arguments import axes, one_axis
from .arithmetic import abs, div_no_nan, square
from .casting import cast
from .comparison import equal, not_equal
from .exponential import exp, sqrt
from .scan import cumprod
from .shape import broadcast_to, reshape, transpose

__all__ = ["argmax", "argmin", "count_nonzero", "reduce_all", "reduce_any", "reduce_euclidean_norm",
           "reduce_logsumexp", "reduce_max", "reduce_mean", "reduce_min", "reduce_prod", "reduce_std",
           "reduce_sum", "reduce_variance"]


# ---- axes
def _one_of(new, old, name, old_name):
    if old is None:
        return new
    if new is not None:
        raise ValueError(f"Cannot specify both '{old_name}' and '{name}'")
    return old


def _axes(rank, axis, reduction_indices=None):
    """The axes to reduce, under either of their names."""
    if reduction_indices is not None:
        axis = _one_of(axis, reduction_indices, "axis", "reduction_indices")
    if type(axis) is list or type(axis) is tuple:
        plain = all(type(k) is int for k in axis)
        return _known(tuple(axis), rank) if plain else axes(axis, rank)
    return _known(axis, rank) if axis is None or type(axis) is int else axes(axis, rank)


_known = functools.lru_cache(maxsize=4096)(axes)


def _reduced(reduce, x, axis, keepdims, reduction_indices, keep_dims):
    """Run a launch of kernels.reduce with its arguments under all their names."""
    if keep_dims is not None:
        keepdims = _one_of(keepdims, keep_dims, "keepdims", "keep_dims")
    if reduction_indices is None and (axis is None or type(axis) is int):
        return reduce(x, _known(axis, x.ndim), bool(keepdims))
    return reduce(x, _axes(x.ndim, axis, reduction_indices), bool(keepdims))


def _left(input_tensor, axis, keepdims, reduction_indices, keep_dims):
    """The rule of reductions: what shape is left."""
    keepdims = _one_of(keepdims, keep_dims, "keepdims", "keep_dims")
    gone = _axes(input_tensor.ndim, axis, reduction_indices)
    kept = [1 if k in gone else n for k, n in enumerate(input_tensor.shape) if keepdims or k not in gone]
    return kept, input_tensor.dtype


def spread(y, shape, axis, reduction_indices=None):
    """What a reduction of `shape` left, repeated over what was reduced."""
    if 0 < y.ndim < len(shape):
        gone = _axes(len(shape), axis, reduction_indices)
        y = reshape(y, _kept(shape, gone))
    return broadcast_to(y, shape)


@functools.lru_cache(maxsize=4096)
def _kept(shape, gone):
    return tuple([1 if k in gone else n for k, n in enumerate(shape)])


def _count(shape, axis, reduction_indices):
    gone = _axes(len(shape), axis, reduction_indices)
    n = prod([shape[k] for k in gone])
    return n if isinstance(n, Extent) else float(n)


# ---- references and samples
def _like(function):
    """A NumPy reduction under TensorFlow's argument names, in its argument's dtype."""
    def reference(input_tensor, axis=None, keepdims=None, reduction_indices=None, keep_dims=None):
        axis = reduction_indices if axis is None else axis
        axis = tuple(axis) if isinstance(axis, list | np.ndarray) else axis
        return function(np.asarray(input_tensor), axis=axis, keepdims=bool(keepdims or keep_dims))
    return reference


def _samples(make):
    return [Sample(make(3, 4)), Sample(make(3, 4), 0), Sample(make(3, 4), -1, True),
            Sample(make(2, 3, 4), [0, -1]),
            Sample(make(2, 3, 4), axis=(1,), keepdims=True), Sample(make(2, 3), []),
            Sample(make(2, 3), keepdims=True), Sample(make(4), reduction_indices=[0], keep_dims=True),
            Sample(make()), Sample(make(2, 3, 4), np.array([2, 1]))]


_EMPTY = [Sample(normal(0, 3), 0), Sample(normal(3, 0), 0)]


# ---- sum and mean
def _no_bool(x, way_out):
    if x.dtype is dtypes.BOOL:
        raise TypeError(f"expected numbers, got bool; {way_out}")
    return x


_COUNT = "cast to a number type or use count_nonzero"


@op(inputs="input_tensor", reference=_like(np.sum), holomorphic=False,
    infer=lambda input_tensor, axis, keepdims, reduction_indices, keep_dims: _left(
        _no_bool(input_tensor, _COUNT), axis, keepdims, reduction_indices, keep_dims),
    grads={"input_tensor": lambda g, input_tensor_shape, axis, reduction_indices:
           spread(g, input_tensor_shape, axis, reduction_indices)},
    samples=[*_samples(normal), *_EMPTY, Sample(integers(3, 4), 1), Sample(np.array([1 + 2j, 3 - 1j]))])
def reduce_sum(input_tensor, axis=None, keepdims=None, name=None, reduction_indices=None, keep_dims=None):
    """The sum over axes.

    Args:
        input_tensor: numbers.
        axis: an axis or several; None, the default, for all.
        keepdims: whether reduced axes stay with extent 1.
        reduction_indices, keep_dims: older names of the same.

    Returns:
        A tensor of the same dtype; integers wrap around.  The error of floats grows with log n.

    Raises:
        ValueError: an axis out of range or twice, or bools.

    >>> import numbaflow as nf
    >>> nf.reduce_sum([[1.0, 2.0], [3.0, 4.0]], axis=0).numpy().tolist()
    [4.0, 6.0]
    """
    _no_bool(input_tensor, _COUNT)
    return _reduced(kernels.reduce_sum, input_tensor, axis, keepdims, reduction_indices, keep_dims)


def _mean_rule(g, input_tensor_shape, axis, reduction_indices):
    return spread(g / _count(input_tensor_shape, axis, reduction_indices), input_tensor_shape, axis,
                  reduction_indices)


def _mean(x, axis, keepdims):
    if x.dtype.kind in "iu":
        return np.trunc(np.mean(x, axis=axis, keepdims=keepdims)).astype(x.dtype)
    return np.mean(x, axis=axis, keepdims=keepdims)


@op(inputs="input_tensor", reference=_like(_mean), grads={"input_tensor": _mean_rule}, holomorphic=False,
    infer=lambda input_tensor, axis, keepdims, reduction_indices, keep_dims: _left(
        _no_bool(input_tensor, "cast to a float type first"), axis, keepdims, reduction_indices, keep_dims),
    samples=[*_samples(normal), Sample(normal(3, 0), 0), Sample(integers(3, 4, low=-9), 1),
             Sample(np.array([1 + 2j, 3 - 1j]))])
def reduce_mean(input_tensor, axis=None, keepdims=None, name=None, reduction_indices=None, keep_dims=None):
    """The mean over axes; that of integers is an integer, rounded toward zero.

    Args:
        input_tensor: numbers.
        axis: an axis or several; None, the default, for all.
        keepdims: whether reduced axes stay with extent 1.
        reduction_indices, keep_dims: older names of the same.

    >>> import numbaflow as nf
    >>> nf.reduce_mean([[1.0, 2.0], [3.0, 5.0]]).numpy()
    np.float32(2.75)
    """
    return _reduced(kernels.reduce_mean, input_tensor, axis, keepdims, reduction_indices, keep_dims)


# ---- product
def _prod_rule(g, input_tensor, input_tensor_shape, axis, reduction_indices):
    """g times the product of the others, by running products from both ends: right where factors are 0."""
    shape = input_tensor_shape
    gone = _axes(len(shape), axis, reduction_indices)
    order = [k for k in range(len(shape)) if k not in gone] + list(gone)
    turned = transpose(input_tensor, order)
    rows = reshape(turned, (*[shape[k] for k in order[:len(shape) - len(gone)]],
                            prod([shape[k] for k in gone])))
    others = cumprod(rows, -1, exclusive=True) * cumprod(rows, -1, exclusive=True, reverse=True)
    others = transpose(reshape(others, tuple([shape[k] for k in order])), np.argsort(order).tolist())
    return spread(g, shape, axis, reduction_indices) * others


@op(inputs="input_tensor", reference=_like(np.prod), grads={"input_tensor": _prod_rule},
    infer=lambda input_tensor, axis, keepdims, reduction_indices, keep_dims: _left(
        _no_bool(input_tensor, "use reduce_all"), axis, keepdims, reduction_indices, keep_dims),
    samples=[*_samples(normal), *_EMPTY, Sample(integers(3, 4, low=1, high=3), 1),
             Sample(given([[0.0, 2.0, 3.0], [0.0, 0.0, 4.0]]), 1),
             Sample(np.array([1 + 2j, 3 - 1j, 0.5j]))])
def reduce_prod(input_tensor, axis=None, keepdims=None, name=None, reduction_indices=None, keep_dims=None):
    """The product over axes; its gradient is right where factors are 0, too.

    Args:
        input_tensor: numbers.
        axis: an axis or several; None, the default, for all.
        keepdims: whether reduced axes stay with extent 1.
        reduction_indices, keep_dims: older names of the same.

    >>> import numbaflow as nf
    >>> nf.reduce_prod([2.0, 3.0, 4.0]).numpy()
    np.float32(24.0)
    >>> nf.gradients_function(nf.reduce_prod)(nf.constant([2.0, 0.0, 4.0]))[0].numpy().tolist()
    [0.0, 8.0, 0.0]
    """
    _no_bool(input_tensor, "use reduce_all")
    return _reduced(kernels.reduce_prod, input_tensor, axis, keepdims, reduction_indices, keep_dims)


# ---- extremes
def _extreme_rule(g, input_tensor, y, input_tensor_shape, input_tensor_dtype, axis, reduction_indices):
    """g in equal parts to all that tie."""
    hit = equal(input_tensor, spread(y, input_tensor_shape, axis, reduction_indices))
    hit = cast(hit, input_tensor_dtype)
    if g.ndim == len(input_tensor_shape):
        ties = reduce_sum(hit, _axes(g.ndim, axis, reduction_indices), True)
    else:
        ties = reduce_sum(hit, axis, reduction_indices=reduction_indices)
    return hit * spread(g / ties, input_tensor_shape, axis, reduction_indices)


def _in_order(x):
    if x.dtype.kind == "c":
        raise TypeError(f"complex numbers have no order, got {x.dtype}")
    return x


def _left_in_order(input_tensor, axis, keepdims, reduction_indices, keep_dims):
    return _left(_in_order(input_tensor), axis, keepdims, reduction_indices, keep_dims)


@op(inputs="input_tensor", reference=_like(np.max), grads={"input_tensor": _extreme_rule},
    infer=_left_in_order,
    samples=[*_samples(distinct), Sample(integers(3, 4), 1), Sample(given([1.0, 3.0, 3.0]), grad=False)])
def reduce_max(input_tensor, axis=None, keepdims=None, name=None, reduction_indices=None, keep_dims=None):
    """The largest over axes; NaN if there is one.  Those that tie share the gradient equally.

    Args:
        input_tensor: real numbers.
        axis: an axis or several; None, the default, for all.
        keepdims: whether reduced axes stay with extent 1.
        reduction_indices, keep_dims: older names of the same.

    Returns:
        A tensor of the same dtype; over nothing, -inf or the lowest integer.

    >>> import numbaflow as nf
    >>> nf.reduce_max([[1.0, 5.0], [3.0, 4.0]], axis=1).numpy().tolist()
    [5.0, 4.0]
    """
    return _reduced(kernels.reduce_max, input_tensor, axis, keepdims, reduction_indices, keep_dims)


@op(inputs="input_tensor", reference=_like(np.min), grads={"input_tensor": _extreme_rule},
    infer=_left_in_order,
    samples=[*_samples(distinct), Sample(integers(3, 4), 1), Sample(given([1.0, 1.0, 3.0]), grad=False)])
def reduce_min(input_tensor, axis=None, keepdims=None, name=None, reduction_indices=None, keep_dims=None):
    """The smallest over axes; NaN if there is one.  Those that tie share the gradient equally.

    Args:
        input_tensor: real numbers.
        axis: an axis or several; None, the default, for all.
        keepdims: whether reduced axes stay with extent 1.
        reduction_indices, keep_dims: older names of the same.

    Returns:
        A tensor of the same dtype; over nothing, inf or the highest integer.

    >>> import numbaflow as nf
    >>> nf.reduce_min([[1.0, 5.0], [3.0, 4.0]], axis=1).numpy().tolist()
    [1.0, 3.0]
    """
    return _reduced(kernels.reduce_min, input_tensor, axis, keepdims, reduction_indices, keep_dims)


# ---- truth
def _truths(x):
    if x.dtype is not dtypes.BOOL:
        raise TypeError(f"expected bools, got {x.dtype}")
    return x


def _left_of_truths(input_tensor, axis, keepdims, reduction_indices, keep_dims):
    return _left(_truths(input_tensor), axis, keepdims, reduction_indices, keep_dims)


@op(inputs="input_tensor", grads=None, infer=_left_of_truths, reference=_like(np.all),
    samples=_samples(bools))
def reduce_all(input_tensor, axis=None, keepdims=None, name=None, reduction_indices=None, keep_dims=None):
    """Whether all bools over axes are true.

    >>> import numbaflow as nf
    >>> nf.reduce_all([[True, False], [True, True]], axis=1).numpy().tolist()
    [False, True]
    """
    return _reduced(kernels.reduce_all, _truths(input_tensor), axis, keepdims, reduction_indices, keep_dims)


@op(inputs="input_tensor", grads=None, infer=_left_of_truths, reference=_like(np.any),
    samples=_samples(bools))
def reduce_any(input_tensor, axis=None, keepdims=None, name=None, reduction_indices=None, keep_dims=None):
    """Whether any bool over axes is true.

    >>> import numbaflow as nf
    >>> nf.reduce_any([[True, False], [False, False]], axis=1).numpy().tolist()
    [True, False]
    """
    return _reduced(kernels.reduce_any, _truths(input_tensor), axis, keepdims, reduction_indices, keep_dims)


# ---- log of a sum
def _logsumexp(x, axis, keepdims):
    top = np.max(x, axis=axis, keepdims=True)
    y = np.log(np.sum(np.exp(x - top), axis=axis, keepdims=True)) + top
    return y if keepdims else y.reshape(np.sum(x, axis=axis).shape)


def _left_of_floats(input_tensor, axis, keepdims, reduction_indices, keep_dims):
    if input_tensor.dtype.kind != "f":
        raise TypeError(f"expected a float type, got {input_tensor.dtype}")
    return _left(input_tensor, axis, keepdims, reduction_indices, keep_dims)


@op(inputs="input_tensor", floats="input_tensor", infer=_left_of_floats, reference=_like(_logsumexp),
    grads={"input_tensor": lambda g, input_tensor, y, input_tensor_shape, axis, reduction_indices:
           spread(g, input_tensor_shape, axis, reduction_indices)
           * exp(input_tensor - spread(y, input_tensor_shape, axis, reduction_indices))},
    samples=[*_samples(normal), Sample(given([[1000.0, 1000.5], [-1000.0, -1001.0]]), 1)])
def reduce_logsumexp(input_tensor, axis=None, keepdims=None, name=None, reduction_indices=None,
                     keep_dims=None):
    """log(sum(exp(x))) over axes, without overflow.

    Args:
        input_tensor: real numbers.
        axis: an axis or several; None, the default, for all.
        keepdims: whether reduced axes stay with extent 1.
        reduction_indices, keep_dims: older names of the same.

    >>> import numbaflow as nf
    >>> nf.reduce_logsumexp([1000.0, 1000.0]).numpy().round(2)
    np.float32(1000.69)
    """
    return _reduced(kernels.reduce_logsumexp, input_tensor, axis, keepdims, reduction_indices, keep_dims)


# ---- compositions
def reduce_variance(input_tensor, axis=None, keepdims=None, name=None):
    """The mean squared distance from the mean, over axes.

    >>> import numbaflow as nf
    >>> nf.math.reduce_variance([1.0, 3.0]).numpy()
    np.float32(1.0)
    """
    x = as_tensor(input_tensor)
    if x._data.dtype.kind in "biu":
        raise InvalidArgumentError(f"reduce_variance: expected floats, got {x.dtype.name}")
    if x._data.dtype.kind == "c":
        off = abs(x - reduce_mean(x, axis, True))
        return reduce_mean(square(off), axis, keepdims)
    return reduce_mean(square(x - reduce_mean(x, axis, True)), axis, keepdims)


def reduce_std(input_tensor, axis=None, keepdims=None, name=None):
    """The standard deviation over axes, with n as the divisor.

    >>> import numbaflow as nf
    >>> nf.math.reduce_std([1.0, 5.0]).numpy()
    np.float32(2.0)
    """
    return sqrt(reduce_variance(input_tensor, axis, keepdims))


@elementwise(scalar.sqrt, kinds="f", grads={"x": lambda g, y: div_no_nan(0.5 * g, y)}, reference=np.sqrt,
             samples=[Sample(uniform(3, 4, low=0.2, high=2.0)), Sample(uniform(low=0.2)),
                      Sample(uniform(0, 2)), Sample(given([0.0, 4.0]), grad=False)])
def root_of_squares(x, name=None):
    """sqrt(x) with the gradient 0 where x is 0: what a norm needs.

    >>> import numbaflow as nf
    >>> nf.gradients_function(nf.norm)(nf.constant([0.0, 0.0]))[0].numpy().tolist()
    [0.0, 0.0]
    """


def reduce_euclidean_norm(input_tensor, axis=None, keepdims=None, name=None):
    """The Euclidean norm over axes; its gradient where all are 0 is 0.

    >>> import numbaflow as nf
    >>> nf.math.reduce_euclidean_norm([3.0, 4.0]).numpy()
    np.float32(5.0)
    """
    x = as_tensor(input_tensor)
    if x._data.dtype.kind == "c":
        x = abs(x)
    return root_of_squares(reduce_sum(square(x), axis, keepdims))


def count_nonzero(input_tensor=None, axis=None, keepdims=None, dtype=dtypes.INT64, name=None,
                  reduction_indices=None, keep_dims=None, input=None):
    """How many elements over axes are not 0.

    Args:
        input_tensor: numbers or bools.
        axis: an axis or several; None, the default, for all.
        keepdims: whether reduced axes stay with extent 1.
        dtype: of the result.
        reduction_indices, keep_dims, input: older names.

    >>> import numbaflow as nf
    >>> nf.count_nonzero([[0.0, 1.0], [2.0, 3.0]], axis=0).numpy().tolist()
    [1, 2]
    """
    x = as_tensor(_one_of(input_tensor, input, "input_tensor", "input"))
    hit = x if x._data.dtype.kind == "b" else not_equal(x, cast(0, x.dtype))
    return cast(reduce_sum(cast(hit, dtypes.INT64), axis, keepdims, None, reduction_indices, keep_dims),
                dtype)


# ---- positions
def _searched_axis(rank, axis, dimension):
    axis = _one_of(axis, dimension, "axis", "dimension")
    return one_axis(0 if axis is None else axis, rank)


def _position_rule(input, axis, dimension, output_type):
    k = _searched_axis(_in_order(input).ndim, axis, dimension)
    return input.shape[:k] + input.shape[k + 1:], dtypes.as_numpy(output_type)


def _position(find, x, axis, dimension, output_type):
    wanted = dtypes.INT64 if output_type is dtypes.INT64 else dtypes.as_numpy(output_type)
    return find(x, _searched_axis(x.ndim, axis, dimension), wanted)


def _position_reference(function):
    def reference(input, axis=None, dimension=None, output_type="int64"):
        axis = axis if dimension is None else dimension
        return np.asarray(function(np.asarray(input), axis=axis or 0)).astype(output_type)
    return reference


_POSITIONS = [Sample(distinct(3, 4)), Sample(distinct(3, 4), 1), Sample(distinct(2, 3, 4), -2),
              Sample(integers(5), 0), Sample(given([2.0, 5.0, 5.0])), Sample(given([1.0, np.nan, 9.0])),
              Sample(distinct(3, 4), dimension=1, output_type="int32"),
              Sample(distinct(2, 3, 4), np.array(1))]


@op(inputs="input", grads=None, infer=_position_rule, reference=_position_reference(np.argmax),
    samples=_POSITIONS)
def argmax(input, axis=None, name=None, dimension=None, output_type=dtypes.INT64):
    """Where the largest along an axis stands: the first of equals, the first NaN if there is one.

    Args:
        input: real numbers or bools.
        axis: the axis; 0 by default.
        dimension: the older name of axis.
        output_type: int64 or int32.

    >>> import numbaflow as nf
    >>> nf.argmax([[1.0, 9.0], [3.0, 4.0]], axis=1).numpy().tolist()
    [1, 1]
    """
    return _position(kernels.argmax, input, axis, dimension, output_type)


@op(inputs="input", grads=None, infer=_position_rule, reference=_position_reference(np.argmin),
    samples=_POSITIONS)
def argmin(input, axis=None, name=None, dimension=None, output_type=dtypes.INT64):
    """Where the smallest along an axis stands: the first of equals, the first NaN if there is one.

    Args:
        input: real numbers or bools.
        axis: the axis; 0 by default.
        dimension: the older name of axis.
        output_type: int64 or int32.

    >>> import numbaflow as nf
    >>> nf.argmin([[1.0, 9.0], [3.0, 4.0]], axis=1).numpy().tolist()
    [0, 0]
    """
    return _position(kernels.argmin, input, axis, dimension, output_type)
