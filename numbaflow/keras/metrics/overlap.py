"""Mean intersection over union, from a confusion matrix of classes."""
import numpy as np

from numbaflow.core.errors import InvalidArgumentError
from numbaflow.core.tensor import Tensor, wrap
from numbaflow.metrics.accumulate import divided, kept, to, values_of
from numbaflow.ops.casting import cast
from numbaflow.ops.diagonals import diag_part
from numbaflow.ops.reduce import count_nonzero, reduce_sum
from numbaflow.ops.segment import unsorted_segment_sum
from numbaflow.ops.shape import reshape

from .base import Metric
from .confusion import sample_weights


class MeanIoU(Metric):
    """The mean over classes of intersection over union: tp / (tp + fp + fn) of each class that occurs.

    Args:
        num_classes: how many classes there are.
        name: the metric's name.
        dtype: of its variable and its result.

    Labels and predictions are class numbers of one shape.  In a compiled function those out of range are not
    checked.

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
        weights, n = sample_weights(self.name, y_true, sample_weight), self.num_classes
        if isinstance(y_true, Tensor):
            counts = reshape(unsorted_segment_sum(weights, y_true * n + y_pred, n * n), (n, n))
        else:
            counts = np.bincount(y_true.ravel() * n + y_pred.ravel(), weights.ravel(), n * n).reshape(n, n)
        self.total_cm.assign_add(to(counts, self.dtype))

    def _classes(self, value, what):
        data = values_of(value)
        known = not isinstance(data, Tensor) and data.size
        if known and not (data.min() >= 0 and data.max() < self.num_classes):
            raise InvalidArgumentError(f"{self.name}: {what} from {data.min()} to {data.max()}; expected "
                                       f"class numbers in [0, {self.num_classes})")
        return to(data, np.int64)

    def result(self):
        """The mean so far, 0 before there are samples."""
        matrix = kept(self.total_cm)
        if isinstance(matrix, Tensor):
            both = diag_part(matrix)
            union = reduce_sum(matrix, 0) + reduce_sum(matrix, 1) - both
            return divided(reduce_sum(divided(both, union)), cast(count_nonzero(union), self.dtype))
        both = np.diag(matrix)
        union = matrix.sum(0) + matrix.sum(1) - both
        occur = np.count_nonzero(union)
        return wrap(np.asarray(divided(both, union).sum() / max(occur, 1), self.dtype))

    def get_config(self):
        """The arguments that make such a metric."""
        return {**super().get_config(), "num_classes": self.num_classes}
