"""The share of right answers, of several kinds: the mean of 1 where right and 0 elsewhere."""
import numpy as np

from numbaflow.core.errors import InvalidArgumentError

from .accumulate import largest, tensor_of, to, values_of
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
        self._compare(*self._same_shape(labels, predictions), weights)
        return (labels, predictions) if weights is None else (labels, predictions, weights)

    def _compare(self, a, b, weights):
        """Add where a equals b; return both as tensors, and the weights if there are any."""
        super().call(a == b, weights)
        both = tensor_of(a), tensor_of(b)
        return both if weights is None else (*both, weights)

    def _same_shape(self, labels, predictions):
        """The values of labels and predictions, of one shape."""
        a, b = values_of(labels), values_of(predictions)
        if a.shape != b.shape:
            raise InvalidArgumentError(f"{self.name}: Shapes of labels and predictions are unequal: "
                                       f"{a.shape} and {b.shape}")
        return a, b


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
        labels, predictions = self._same_shape(labels, predictions)
        return self._compare(largest(labels), largest(predictions), weights)


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
        labels, predictions = self._same_shape(labels, predictions)
        return self._compare(labels != 0, predictions > self.threshold, weights)


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
        labels, predictions = values_of(labels), values_of(predictions)
        if predictions.ndim < 1 or labels.shape != predictions.shape[:-1]:
            raise InvalidArgumentError(f"{self.name}: First axis of labels and predictions is unequal: "
                                       f"labels {labels.shape}, predictions {predictions.shape}; "
                                       "expected [batch] and [batch, classes]")
        with np.errstate(invalid="ignore"):         # (NaN is no class: wrong, whatever integer it becomes)
            labels = to(labels, np.int64)
        return self._compare(labels, largest(predictions), weights)
