"""The share of right answers, of several kinds: the mean of 1 where right and 0 elsewhere."""
import numpy as np

from numbaflow.core.errors import InvalidArgumentError
from numbaflow.core.tensor import as_tensor
from numbaflow.ops.casting import cast
from numbaflow.ops.comparison import equal, greater
from numbaflow.ops.reduce import argmax

from .mean import Mean


class Accuracy(Mean):
    """The share of predictions that equal their labels.

    Args:
        name: the metric's name; a summary is written under it.
        dtype: what it adds up in.

    Calls take ``(labels, predictions, weights=None)``, labels and predictions of one shape, and return their
    arguments.

    >>> import numbaflow as nf
    >>> accuracy = nf.contrib.eager.metrics.Accuracy()
    >>> _ = accuracy([0, 1, 2, 3], [0, 0, 0, 3])
    >>> accuracy.result().numpy()
    np.float64(0.5)
    """

    def __init__(self, name=None, dtype=np.float64):
        super().__init__(name, dtype)

    def call(self, labels, predictions, weights=None):
        """Add right and wrong answers; see the class."""
        a, b = as_tensor(labels), as_tensor(predictions)
        self._check_shapes(a._data.shape, b._data.shape)
        return self._compared(a, b, labels, predictions, weights)

    def _compared(self, a, b, labels, predictions, weights):
        """Add where a equals b; return what the call returns."""
        super().call(equal(a, b), weights)
        return (labels, predictions) if weights is None else (labels, predictions, weights)

    def _check_shapes(self, labels, predictions):
        if labels != predictions:
            raise InvalidArgumentError(f"{self.name}: Shapes of labels and predictions are unequal: {labels} "
                                       f"and {predictions}")


class CategoricalAccuracy(Accuracy):
    """The share of examples whose largest prediction stands where the label's largest entry does.

    Args:
        name: the metric's name; a summary is written under it.
        dtype: what it adds up in.

    Calls take ``(labels, predictions, weights=None)``, both [..., classes], and return the classes of both.

    >>> import numbaflow as nf
    >>> accuracy = nf.contrib.eager.metrics.CategoricalAccuracy()
    >>> _ = accuracy([[0.0, 1.0], [1.0, 0.0]], [[0.2, 0.8], [0.3, 0.7]])
    >>> accuracy.result().numpy()
    np.float64(0.5)
    """

    def call(self, labels, predictions, weights=None):
        """Add right and wrong answers; see the class."""
        labels, predictions = as_tensor(labels), as_tensor(predictions)
        self._check_shapes(labels._data.shape, predictions._data.shape)
        a, b = argmax(labels, axis=-1), argmax(predictions, axis=-1)
        return self._compared(a, b, a, b, weights)


class BinaryAccuracy(Accuracy):
    """The share of predictions on the right side of a threshold.

    Args:
        threshold: predictions greater than it mean yes.
        name: the metric's name; a summary is written under it.
        dtype: what it adds up in.

    Calls take ``(labels, predictions, weights=None)``, labels of 0 and 1 or bools and predictions of their
    shape, and return both as bools.

    >>> import numbaflow as nf
    >>> accuracy = nf.contrib.eager.metrics.BinaryAccuracy(0.5)
    >>> _ = accuracy([1, 0, 1, 0], [0.9, 0.1, 0.2, 0.7])
    >>> accuracy.result().numpy()
    np.float64(0.5)
    """

    def __init__(self, threshold, name=None, dtype=np.float64):
        super().__init__(name, dtype)
        self.threshold = threshold

    def call(self, labels, predictions, weights=None):
        """Add right and wrong answers; see the class."""
        labels, predictions = as_tensor(labels), as_tensor(predictions)
        self._check_shapes(labels._data.shape, predictions._data.shape)
        a, b = cast(labels, np.bool_), greater(predictions, self.threshold)
        return self._compared(a, b, a, b, weights)


class SparseAccuracy(Accuracy):
    """The share of examples whose largest prediction stands at the label's number.

    Args:
        name: the metric's name; a summary is written under it.
        dtype: what it adds up in.

    Calls take ``(labels, predictions, weights=None)``, labels [batch] and predictions [batch, classes], and
    return the classes of both.

    >>> import numbaflow as nf
    >>> accuracy = nf.contrib.eager.metrics.SparseAccuracy()
    >>> _ = accuracy([1, 0], [[0.2, 0.8], [0.3, 0.7]])
    >>> accuracy.result().numpy()
    np.float64(0.5)
    """

    def call(self, labels, predictions, weights=None):
        """Add right and wrong answers; see the class."""
        labels, predictions = as_tensor(labels), as_tensor(predictions)
        if predictions.ndim < 1 or labels._data.shape != predictions._data.shape[:-1]:
            raise InvalidArgumentError(f"{self.name}: First axis of labels and predictions is unequal: "
                                       f"labels {labels._data.shape}, predictions {predictions._data.shape}; "
                                       "expected [batch] and [batch, classes]")
        a, b = cast(labels, np.int64), argmax(predictions, axis=-1)
        return self._compared(a, b, a, b, weights)
