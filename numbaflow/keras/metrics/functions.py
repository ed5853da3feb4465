"""Metrics as functions: one value for each sample.  The losses are among them.

Where answers are right or wrong there are no gradients: these are computed on arrays, past the ops, and on
tensors only in a trace.
"""
import numpy as np

from numbaflow.core.errors import InvalidArgumentError
from numbaflow.core.tensor import Tensor
from numbaflow.kernels.sort import in_top_k
from numbaflow.metrics.accumulate import largest, mean_of, tensor_of, to, values_of
from numbaflow.ops.shape import reshape
from numbaflow.ops.sorting import in_top_k as in_top_k_of_tensors

from ..losses import functions as losses
from ..losses.functions import classes, floats, pair


def _right(found):
    """1 where bools are true, 0 elsewhere, a tensor."""
    return tensor_of(to(found, np.float32))


def _values(op, y_true, y_pred):
    y_true, y_pred = pair(op, y_true, y_pred)
    return values_of(y_true), values_of(y_pred)


def accuracy(y_true, y_pred):
    """1 where a prediction equals its label, 0 elsewhere, element by element.

    >>> import numbaflow as nf
    >>> nf.keras.metrics.accuracy([1, 2], [1, 3]).numpy().tolist()
    [1.0, 0.0]
    """
    y_true, y_pred = _values("accuracy", y_true, y_pred)
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
    y_true, y_pred = _values("binary_accuracy", y_true, y_pred)
    return tensor_of(mean_of(y_true == to(y_pred > threshold, y_true.dtype), -1, np.float32))


def categorical_accuracy(y_true, y_pred):
    """1 where the largest prediction stands where the label's largest entry does; both [..., classes].

    >>> import numbaflow as nf
    >>> nf.keras.metrics.categorical_accuracy([[0, 1], [1, 0]], [[0.2, 0.8], [0.3, 0.7]]).numpy().tolist()
    [1.0, 0.0]
    """
    y_true, y_pred = _values("categorical_accuracy", y_true, y_pred)
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
    """The values of class numbers [...] and of predictions [..., classes]."""
    y_true, y_pred = values_of(classes(op, y_true)), values_of(floats(y_pred))
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
    y_true, y_pred = _values("top_k_categorical_accuracy", y_true, y_pred)
    return sparse_top_k_categorical_accuracy(largest(y_true), y_pred, k)


def sparse_top_k_categorical_accuracy(y_true, y_pred, k=5):
    """1 where the label's number is among the k largest predictions; labels [...] or [..., 1].

    >>> import numbaflow as nf
    >>> nf.keras.metrics.sparse_top_k_categorical_accuracy([2], [[0.5, 0.3, 0.2]], k=2).numpy().tolist()
    [0.0]
    """
    y_true, y_pred = _numbered("sparse_top_k_categorical_accuracy", y_true, y_pred)
    if isinstance(y_pred, Tensor):
        rows, flat = reshape(y_pred, (-1, y_pred.shape[-1])), reshape(y_true, (-1,))
        return _right(reshape(in_top_k_of_tensors(rows, flat, k), y_true.shape))
    rows = y_pred.reshape(y_true.size, y_pred.shape[-1])
    return _right(in_top_k(rows, y_true.ravel(), k).reshape(y_true.shape))


def cosine_similarity(y_true, y_pred, axis=-1):
    """The cosine of the angle between labels and predictions; the loss of that name is minus this.

    >>> import numbaflow as nf
    >>> nf.keras.metrics.cosine_similarity([[0.0, 2.0]], [[0.0, 3.0]]).numpy().tolist()
    [1.0]
    """
    return -losses.cosine_similarity(y_true, y_pred, axis)
