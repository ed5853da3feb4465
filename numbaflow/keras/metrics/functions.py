"""Metrics as functions: one value for each sample.  The losses are among them."""
import numpy as np

from numbaflow.core.errors import InvalidArgumentError
from numbaflow.ops.casting import cast
from numbaflow.ops.comparison import equal, greater
from numbaflow.ops.reduce import argmax, reduce_mean
from numbaflow.ops.shape import reshape, squeeze
from numbaflow.ops.sorting import in_top_k

from ..losses import functions as losses
from ..losses.functions import classes, floats, pair


def _matches(a, b):
    return cast(equal(a, b), np.float32)


def accuracy(y_true, y_pred):
    """1 where a prediction equals its label, 0 elsewhere, element by element.

    >>> import numbaflow as nf
    >>> nf.keras.metrics.accuracy([1, 2], [1, 3]).numpy().tolist()
    [1.0, 0.0]
    """
    return _matches(*pair("accuracy", y_true, y_pred))


def binary_accuracy(y_true, y_pred, threshold=0.5):
    """The mean over the last axis of 1 where a prediction is on its label's side of the threshold.

    Args:
        y_true: labels of 0 and 1.
        y_pred: predictions; greater than the threshold means 1.

    >>> import numbaflow as nf
    >>> nf.keras.metrics.binary_accuracy([[1, 1], [0, 0]], [[0.9, 0.2], [0.1, 0.2]]).numpy().tolist()
    [0.5, 1.0]
    """
    y_true, y_pred = pair("binary_accuracy", y_true, y_pred)
    return reduce_mean(_matches(y_true, cast(greater(y_pred, threshold), y_pred._dtype)), -1)


def categorical_accuracy(y_true, y_pred):
    """1 where the largest prediction stands where the label's largest entry does; both [..., classes].

    >>> import numbaflow as nf
    >>> nf.keras.metrics.categorical_accuracy([[0, 1], [1, 0]], [[0.2, 0.8], [0.3, 0.7]]).numpy().tolist()
    [1.0, 0.0]
    """
    y_true, y_pred = pair("categorical_accuracy", y_true, y_pred)
    return _matches(argmax(y_true, -1), argmax(y_pred, -1))


def sparse_categorical_accuracy(y_true, y_pred):
    """1 where the largest prediction stands at the label's number; labels [...] or [..., 1].

    >>> import numbaflow as nf
    >>> nf.keras.metrics.sparse_categorical_accuracy([1, 0], [[0.2, 0.8], [0.3, 0.7]]).numpy().tolist()
    [1.0, 0.0]
    """
    y_true, y_pred = numbered("sparse_categorical_accuracy", y_true, y_pred)
    return _matches(y_true, argmax(y_pred, -1))


def numbered(op, y_true, y_pred):
    """Class numbers [...], and predictions [..., classes]."""
    y_true, y_pred = classes(op, y_true), floats(y_pred)
    if y_true.ndim == y_pred.ndim and y_true.ndim and y_true._data.shape[-1] == 1:
        y_true = squeeze(y_true, -1)
    if not y_pred.ndim or y_true._data.shape != y_pred._data.shape[:-1]:
        raise InvalidArgumentError(f"{op}: y_true has shape {y_true._data.shape} and y_pred "
                                   f"{y_pred._data.shape}; expected one class number for each row")
    return y_true, y_pred


def top_k_categorical_accuracy(y_true, y_pred, k=5):
    """1 where the label's largest entry is among the k largest predictions; both [..., classes].

    >>> import numbaflow as nf
    >>> nf.keras.metrics.top_k_categorical_accuracy([[0, 1, 0]], [[0.5, 0.3, 0.2]], k=2).numpy().tolist()
    [1.0]
    """
    y_true, y_pred = pair("top_k_categorical_accuracy", y_true, y_pred)
    return sparse_top_k_categorical_accuracy(argmax(y_true, -1), y_pred, k)


def sparse_top_k_categorical_accuracy(y_true, y_pred, k=5):
    """1 where the label's number is among the k largest predictions; labels [...] or [..., 1].

    >>> import numbaflow as nf
    >>> nf.keras.metrics.sparse_top_k_categorical_accuracy([2], [[0.5, 0.3, 0.2]], k=2).numpy().tolist()
    [0.0]
    """
    y_true, y_pred = numbered("sparse_top_k_categorical_accuracy", y_true, y_pred)
    shape = y_true._data.shape
    found = in_top_k(reshape(y_pred, (-1, y_pred._data.shape[-1])), reshape(y_true, (-1,)), k)
    return reshape(cast(found, np.float32), shape)


def cosine_similarity(y_true, y_pred, axis=-1):
    """The cosine of the angle between labels and predictions; the loss of that name is minus this.

    >>> import numbaflow as nf
    >>> nf.keras.metrics.cosine_similarity([[0.0, 2.0]], [[0.0, 3.0]]).numpy().tolist()
    [1.0]
    """
    return -losses.cosine_similarity(y_true, y_pred, axis)
