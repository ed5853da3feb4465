"""Metrics as functions: one value for each sample.  The losses are among them.

Where answers are right or wrong there are no gradients: these are computed on arrays, past the ops.
"""
import numpy as np

from numbaflow.core.errors import InvalidArgumentError
from numbaflow.core.tensor import wrap
from numbaflow.kernels.sort import in_top_k
from numbaflow.metrics.accumulate import largest

from ..losses import functions as losses
from ..losses.functions import classes, floats, pair


def _right(found):
    """1 where an array of bools is true, 0 elsewhere, a tensor."""
    return wrap(found.astype(np.float32))


def _arrays(op, y_true, y_pred):
    y_true, y_pred = pair(op, y_true, y_pred)
    return y_true._data, y_pred._data


def accuracy(y_true, y_pred):
    """1 where a prediction equals its label, 0 elsewhere, element by element.

    >>> import numbaflow as nf
    >>> nf.keras.metrics.accuracy([1, 2], [1, 3]).numpy().tolist()
    [1.0, 0.0]
    """
    y_true, y_pred = _arrays("accuracy", y_true, y_pred)
    return _right(y_true == y_pred)


def binary_accuracy(y_true, y_pred, threshold=0.5):
    """The mean over the last axis of 1 where a prediction is on its label's side of the threshold.

    Args:
        y_true: labels of 0 and 1.
        y_pred: predictions; greater than the threshold means 1.

    >>> import numbaflow as nf
    >>> nf.keras.metrics.binary_accuracy([[1, 1], [0, 0]], [[0.9, 0.2], [0.1, 0.2]]).numpy().tolist()
    [0.5, 1.0]
    """
    y_true, y_pred = _arrays("binary_accuracy", y_true, y_pred)
    return wrap(np.mean(y_true == (y_pred > threshold), -1, dtype=np.float32))


def categorical_accuracy(y_true, y_pred):
    """1 where the largest prediction stands where the label's largest entry does; both [..., classes].

    >>> import numbaflow as nf
    >>> nf.keras.metrics.categorical_accuracy([[0, 1], [1, 0]], [[0.2, 0.8], [0.3, 0.7]]).numpy().tolist()
    [1.0, 0.0]
    """
    y_true, y_pred = _arrays("categorical_accuracy", y_true, y_pred)
    return _right(largest(y_true) == largest(y_pred))


def sparse_categorical_accuracy(y_true, y_pred):
    """1 where the largest prediction stands at the label's number; labels [...] or [..., 1].

    >>> import numbaflow as nf
    >>> nf.keras.metrics.sparse_categorical_accuracy([1, 0], [[0.2, 0.8], [0.3, 0.7]]).numpy().tolist()
    [1.0, 0.0]
    """
    y_true, y_pred = _numbered("sparse_categorical_accuracy", y_true, y_pred)
    return _right(y_true == largest(y_pred))


def _numbered(op, y_true, y_pred):
    """Arrays of class numbers [...] and of predictions [..., classes]."""
    y_true, y_pred = classes(op, y_true)._data, floats(y_pred)._data
    if y_true.ndim == y_pred.ndim and y_true.ndim and y_true.shape[-1] == 1:
        y_true = y_true[..., 0]
    if not y_pred.ndim or y_true.shape != y_pred.shape[:-1]:
        raise InvalidArgumentError(f"{op}: y_true has shape {y_true.shape} and y_pred {y_pred.shape}; "
                                   "expected one class number for each row")
    return y_true, y_pred


def top_k_categorical_accuracy(y_true, y_pred, k=5):
    """1 where the label's largest entry is among the k largest predictions; both [..., classes].

    >>> import numbaflow as nf
    >>> nf.keras.metrics.top_k_categorical_accuracy([[0, 1, 0]], [[0.5, 0.3, 0.2]], k=2).numpy().tolist()
    [1.0]
    """
    y_true, y_pred = _arrays("top_k_categorical_accuracy", y_true, y_pred)
    return sparse_top_k_categorical_accuracy(largest(y_true), y_pred, k)


def sparse_top_k_categorical_accuracy(y_true, y_pred, k=5):
    """1 where the label's number is among the k largest predictions; labels [...] or [..., 1].

    >>> import numbaflow as nf
    >>> nf.keras.metrics.sparse_top_k_categorical_accuracy([2], [[0.5, 0.3, 0.2]], k=2).numpy().tolist()
    [0.0]
    """
    y_true, y_pred = _numbered("sparse_top_k_categorical_accuracy", y_true, y_pred)
    rows = y_pred.reshape(y_true.size, y_pred.shape[-1])
    return _right(in_top_k(rows, y_true.ravel(), k).reshape(y_true.shape))


def cosine_similarity(y_true, y_pred, axis=-1):
    """The cosine of the angle between labels and predictions; the loss of that name is minus this.

    >>> import numbaflow as nf
    >>> nf.keras.metrics.cosine_similarity([[0.0, 2.0]], [[0.0, 3.0]]).numpy().tolist()
    [1.0]
    """
    return -losses.cosine_similarity(y_true, y_pred, axis)
