"""Losses as functions: one value for each sample, over the last axis of labels and predictions.

Labels become the dtype of the predictions.  Where one of the two lacks a last axis of extent 1, [batch] next
to [batch, 1], it gets it; other shapes that differ are refused, for broadcasting them would hide a mistake.
"""
from math import log as log_of

import numpy as np

from numbaflow.core.errors import InvalidArgumentError
from numbaflow.core.tape import stack
from numbaflow.core.tensor import Tensor, as_tensor
from numbaflow.ops import losses as ops
from numbaflow.ops.activations import relu, softplus
from numbaflow.ops.arithmetic import abs, maximum, square, squared_difference
from numbaflow.ops.casting import cast
from numbaflow.ops.clipping import clip_by_value
from numbaflow.ops.comparison import equal, logical_or, where
from numbaflow.ops.exponential import log
from numbaflow.ops.guarded import xlogy
from numbaflow.ops.nn import (
    sigmoid_cross_entropy_with_logits,
    softmax_cross_entropy_with_logits_v2,
    sparse_softmax_cross_entropy_with_logits,
)
from numbaflow.ops.norms import l2_normalize
from numbaflow.ops.reduce import reduce_all, reduce_max, reduce_mean, reduce_sum
from numbaflow.ops.shape import expand_dims, squeeze

EPSILON = ops.EPSILON           # Keras' "fuzz factor", which keeps logarithms and quotients finite


# ---- what is given
def floats(value):
    """A tensor of floats."""
    value = as_tensor(value)
    return value if value._dtype.kind == "f" else cast(value, np.float32)


def pair(op, y_true, y_pred):
    """Labels and predictions as tensors of the predictions' dtype and one shape."""
    y_true, y_pred = as_tensor(y_true), floats(y_pred)
    if y_true._dtype is not y_pred._dtype:
        y_true = cast(y_true, y_pred._dtype)
    a, b = y_true._data.shape, y_pred._data.shape
    if a != b:
        if (*a, 1) == b:
            y_true = expand_dims(y_true, -1)
        elif (*b, 1) == a:
            y_pred = expand_dims(y_pred, -1)
        else:
            raise ValueError(f"{op}: y_true has shape {a} and y_pred {b}; expected one shape")
    return y_true, y_pred


def _mean(x):
    return reduce_mean(x, -1)


# ---- numbers
def mean_squared_error(y_true, y_pred):
    """The mean of (y_pred - y_true)**2.

    >>> import numbaflow as nf
    >>> nf.keras.losses.mean_squared_error([[0.0, 1.0]], [[2.0, 1.0]]).numpy().tolist()
    [2.0]
    """
    y_true, y_pred = pair("mean_squared_error", y_true, y_pred)
    return _mean(squared_difference(y_pred, y_true))


def mean_absolute_error(y_true, y_pred):
    """The mean of |y_pred - y_true|.

    >>> import numbaflow as nf
    >>> nf.keras.losses.mean_absolute_error([[0.0, 1.0]], [[2.0, 1.0]]).numpy().tolist()
    [1.0]
    """
    y_true, y_pred = pair("mean_absolute_error", y_true, y_pred)
    return _mean(abs(y_pred - y_true))


def mean_absolute_percentage_error(y_true, y_pred):
    """The mean of |y_pred - y_true| / |y_true|, in percent; |y_true| counts as 1e-7 at least.

    >>> import numbaflow as nf
    >>> nf.keras.losses.mean_absolute_percentage_error([[4.0, 1.0]], [[2.0, 1.0]]).numpy().tolist()
    [25.0]
    """
    y_true, y_pred = pair("mean_absolute_percentage_error", y_true, y_pred)
    return 100.0 * _mean(abs(y_true - y_pred) / maximum(abs(y_true), EPSILON))


def mean_squared_logarithmic_error(y_true, y_pred):
    """The mean of (log(1 + y_pred) - log(1 + y_true))**2; both count as 1e-7 at least.

    >>> import numbaflow as nf
    >>> nf.keras.losses.mean_squared_logarithmic_error([[1.0]], [[3.0]]).numpy().round(4)
    array([0.4805], dtype=float32)
    """
    y_true, y_pred = pair("mean_squared_logarithmic_error", y_true, y_pred)
    a, b = (log(maximum(x, EPSILON) + 1.0) for x in (y_pred, y_true))
    return _mean(squared_difference(a, b))


def huber_loss(y_true, y_pred, delta=1.0):
    """The mean of e**2 / 2, and beyond e = delta of the line that continues it; e = |y_pred - y_true|.

    >>> import numbaflow as nf
    >>> nf.keras.losses.huber_loss([[0.0], [0.0]], [[1.0], [3.0]]).numpy().tolist()
    [0.5, 2.5]
    """
    y_true, y_pred = pair("huber_loss", y_true, y_pred)
    return _mean(ops.huber(y_pred - y_true, delta))


def logcosh(y_true, y_pred):
    """The mean of log(cosh(y_pred - y_true)), without overflow.

    >>> import numbaflow as nf
    >>> nf.keras.losses.logcosh([[0.0]], [[1000.0]]).numpy().round(2)
    array([999.31], dtype=float32)
    """
    y_true, y_pred = pair("logcosh", y_true, y_pred)
    e = y_pred - y_true
    return _mean(e + softplus(-2.0 * e) - log_of(2.0))


def poisson(y_true, y_pred):
    """The mean of y_pred - y_true * log(y_pred + 1e-7): of counts and their expected number.

    >>> import numbaflow as nf
    >>> nf.keras.losses.poisson([[2.0]], [[1.0]]).numpy().round(4)
    array([1.], dtype=float32)
    """
    y_true, y_pred = pair("poisson", y_true, y_pred)
    return _mean(y_pred - y_true * log(y_pred + EPSILON))


def cosine_similarity(y_true, y_pred, axis=-1):
    """Minus the cosine of the angle between labels and predictions: -1 where they point the same way.

    The sign is that of a loss, to be made small (TensorFlow's since 2.0; 1.14 had the other).
    `keras.metrics.cosine_similarity` is the cosine itself.

    >>> import numbaflow as nf
    >>> nf.keras.losses.cosine_similarity([[0.0, 2.0]], [[0.0, 3.0]]).numpy().tolist()
    [-1.0]
    """
    y_true, y_pred = pair("cosine_similarity", y_true, y_pred)
    return -reduce_sum(l2_normalize(y_true, axis) * l2_normalize(y_pred, axis), axis)


# ---- margins
def _signs(y_true):
    """Labels of 0 and 1 as -1 and 1; others as they are."""
    if stack.frame[2] is not None or type(y_true) is not Tensor:
        zeros_and_ones = reduce_all(logical_or(equal(y_true, 0.0), equal(y_true, 1.0)))
        return where(zeros_and_ones, 2.0 * y_true - 1.0, y_true)
    zeros_and_ones = bool(np.all((y_true._data == 0) | (y_true._data == 1)))
    return 2.0 * y_true - 1.0 if zeros_and_ones else y_true


def hinge(y_true, y_pred):
    """The mean of max(0, 1 - y_true * y_pred), for labels of -1 and 1, or all of 0 and 1.

    >>> import numbaflow as nf
    >>> nf.keras.losses.hinge([[0.0, 1.0]], [[-0.5, 2.0]]).numpy().tolist()
    [0.25]
    """
    y_true, y_pred = pair("hinge", y_true, y_pred)
    return _mean(ops.hinge(_signs(y_true), y_pred))


def squared_hinge(y_true, y_pred):
    """The mean of max(0, 1 - y_true * y_pred)**2, for labels of -1 and 1, or all of 0 and 1.

    >>> import numbaflow as nf
    >>> nf.keras.losses.squared_hinge([[0.0, 1.0]], [[-0.5, 2.0]]).numpy().tolist()
    [0.125]
    """
    y_true, y_pred = pair("squared_hinge", y_true, y_pred)
    return _mean(square(ops.hinge(_signs(y_true), y_pred)))


def categorical_hinge(y_true, y_pred):
    """max(0, 1 + the largest score of a wrong class - the score of the right one).

    >>> import numbaflow as nf
    >>> nf.keras.losses.categorical_hinge([[0.0, 1.0]], [[0.5, 1.0]]).numpy().tolist()
    [0.5]
    """
    y_true, y_pred = pair("categorical_hinge", y_true, y_pred)
    right, wrong = reduce_sum(y_true * y_pred, -1), reduce_max((1.0 - y_true) * y_pred, -1)
    return relu(wrong - right + 1.0)


# ---- probabilities
def binary_crossentropy(y_true, y_pred, from_logits=False, label_smoothing=0):
    """The mean cross-entropy of labels of 0 and 1 with probabilities of 1.

    Args:
        y_true: labels, or probabilities.
        y_pred: probabilities, which are kept 1e-7 away from 0 and 1, or with from_logits what a sigmoid makes
            probabilities of.
        label_smoothing: s makes y_true into ``y_true * (1 - s) + s / 2``.

    >>> import numbaflow as nf
    >>> nf.keras.losses.binary_crossentropy([[0.0, 1.0]], [[0.5, 0.5]]).numpy().round(4)
    array([0.6931], dtype=float32)
    """
    y_true, y_pred = pair("binary_crossentropy", y_true, y_pred)
    if label_smoothing:
        y_true = y_true * (1.0 - label_smoothing) + 0.5 * label_smoothing
    if from_logits:
        return _mean(sigmoid_cross_entropy_with_logits(y_true, y_pred))
    p = clip_by_value(y_pred, EPSILON, 1.0 - EPSILON)
    return _mean(ops.binary_cross_entropy(y_true, p))


def categorical_crossentropy(y_true, y_pred, from_logits=False, label_smoothing=0):
    """The cross-entropy of distributions over classes.

    Args:
        y_true: a distribution for each sample [..., n], one-hot for known classes.
        y_pred: probabilities [..., n], which are divided by their sum and kept 1e-7 away from 0 and 1, or
            with from_logits what a softmax makes probabilities of.
        label_smoothing: s makes y_true into ``y_true * (1 - s) + s / n``.

    >>> import numbaflow as nf
    >>> nf.keras.losses.categorical_crossentropy([[0.0, 1.0]], [[1.0, 3.0]]).numpy().round(4)
    array([0.2877], dtype=float32)
    """
    y_true, y_pred = pair("categorical_crossentropy", y_true, y_pred)
    if label_smoothing:
        y_true = y_true * (1.0 - label_smoothing) + label_smoothing / max(y_true._data.shape[-1], 1)
    if from_logits:
        return softmax_cross_entropy_with_logits_v2(labels=y_true, logits=y_pred)
    p = y_pred / reduce_sum(y_pred, -1, keepdims=True)
    return -reduce_sum(xlogy(y_true, clip_by_value(p, EPSILON, 1.0 - EPSILON)), -1)


def sparse_categorical_crossentropy(y_true, y_pred, from_logits=False, axis=-1):
    """The cross-entropy of classes given by number.

    Args:
        y_true: whole numbers from 0 to n - 1 [...] or [..., 1]; floats will do.
        y_pred: probabilities [..., n], which are kept 1e-7 away from 0 and 1 and count by their share of the
            sum, or with from_logits what a softmax makes probabilities of.
        axis: the axis of classes; only the last.

    Raises:
        InvalidArgumentError: a label out of range, NaN among the labels, or shapes that do not fit.

    >>> import numbaflow as nf
    >>> nf.keras.losses.sparse_categorical_crossentropy([1], [[0.25, 0.75]]).numpy().round(4)
    array([0.2877], dtype=float32)
    """
    y_true, y_pred = classes("sparse_categorical_crossentropy", y_true), floats(y_pred)
    if axis not in (-1, y_pred.ndim - 1):
        raise ValueError(f"sparse_categorical_crossentropy: axis {axis}; only the last axis can hold classes")
    if y_true.ndim == y_pred.ndim and y_true._data.shape[-1] == 1:
        y_true = squeeze(y_true, -1)
    if y_true._data.shape != y_pred._data.shape[:-1]:
        raise InvalidArgumentError(f"sparse_categorical_crossentropy: y_true has shape {y_true._data.shape} "
                                   f"and y_pred {y_pred._data.shape}; expected one class number for each row")
    logits = y_pred if from_logits else log(clip_by_value(y_pred, EPSILON, 1.0 - EPSILON))
    return sparse_softmax_cross_entropy_with_logits(y_true, logits)


def classes(op, labels):
    """Class numbers as integers; in a compiled function and on a GPU floats are not checked."""
    labels = as_tensor(labels)
    if labels._dtype.kind in "iu":
        return labels
    if labels._dtype.kind == "f" and type(labels) is Tensor and not np.all(np.isfinite(labels._data)):
        raise InvalidArgumentError(f"{op}: labels hold NaN or inf; expected whole numbers of classes")
    return cast(labels, np.int64)


def kullback_leibler_divergence(y_true, y_pred):
    """The sum of y_true * log(y_true / y_pred); both count as 1e-7 at least and as 1 at most.

    >>> import numbaflow as nf
    >>> nf.keras.losses.kullback_leibler_divergence([[0.5, 0.5]], [[0.25, 0.75]]).numpy().round(4)
    array([0.1438], dtype=float32)
    """
    y_true, y_pred = pair("kullback_leibler_divergence", y_true, y_pred)
    p, q = clip_by_value(y_true, EPSILON, 1.0), clip_by_value(y_pred, EPSILON, 1.0)
    return reduce_sum(xlogy(p, p / q), -1)
