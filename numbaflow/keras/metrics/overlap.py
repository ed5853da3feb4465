"""Mean intersection over union, from a confusion matrix of classes."""
import numpy as np

from numbaflow.core.errors import InvalidArgumentError
from numbaflow.core.tensor import as_tensor, wrap

from .base import Metric
from .confusion import divided, sample_weights


class MeanIoU(Metric):
    """The mean over classes of intersection over union: tp / (tp + fp + fn) of each class that occurs.

    Args:
        num_classes: how many classes there are.
        name: the metric's name.
        dtype: of its variable and its result.

    Labels and predictions are class numbers of one shape.

    >>> import numbaflow as nf
    >>> nf.keras.metrics.MeanIoU(num_classes=2)([0, 0, 1, 1], [0, 1, 0, 1]).numpy().round(4)
    np.float32(0.3333)
    """

    def __init__(self, num_classes, name=None, dtype=None):
        super().__init__(name or "mean_io_u", dtype)
        self.num_classes = num_classes
        self.total_cm = self.add_weight("total_confusion_matrix", (num_classes, num_classes))

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Add a batch."""
        y_true, y_pred = self._classes(y_true, "labels"), self._classes(y_pred, "predictions")
        if y_true.shape != y_pred.shape:
            raise InvalidArgumentError(f"{self.name}: labels have shape {y_true.shape}, predictions "
                                       f"{y_pred.shape}")
        weights = np.ones(y_true.shape)
        if sample_weight is not None:
            weights = sample_weights(self.name, weights, sample_weight)
        n = self.num_classes
        counts = np.bincount(y_true.ravel() * n + y_pred.ravel(), weights.ravel(), n * n)
        self.total_cm.assign_add(counts.reshape(n, n).astype(self.dtype))

    def _classes(self, value, what):
        data = as_tensor(value)._data
        if data.size and not (data.min() >= 0 and data.max() < self.num_classes):
            raise InvalidArgumentError(f"{self.name}: {what} from {data.min()} to {data.max()}; expected "
                                       f"class numbers in [0, {self.num_classes})")
        return data.astype(np.int64)

    def result(self):
        """The mean so far, 0 before there are samples."""
        matrix = self.total_cm._array()
        both = np.diag(matrix)
        union = matrix.sum(0) + matrix.sum(1) - both
        occur = np.count_nonzero(union)
        return wrap(np.asarray(divided(both, union).sum() / max(occur, 1), self.dtype))

    def get_config(self):
        """The arguments that make such a metric."""
        return {**super().get_config(), "num_classes": self.num_classes}
