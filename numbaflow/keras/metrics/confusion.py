"""Metrics of yes and no at one or more thresholds: true and false positives and negatives, their ratios.

Batches are counted on arrays, in a trace by ops; results are computed by ops.
"""
import numpy as np

from numbaflow.core.errors import InvalidArgumentError
from numbaflow.core.tape import silent
from numbaflow.core.tensor import Tensor
from numbaflow.core.trackable import NoDependency
from numbaflow.metrics.accumulate import to, values_of
from numbaflow.ops.arithmetic import div_no_nan
from numbaflow.ops.comparison import where
from numbaflow.ops.creation import ones_like, zeros_like
from numbaflow.ops.index import gather
from numbaflow.ops.nn import one_hot
from numbaflow.ops.reduce import reduce_any
from numbaflow.ops.scan import cumsum
from numbaflow.ops.segment import unsorted_segment_sum
from numbaflow.ops.shape import reshape
from numbaflow.ops.sorting import searchsorted, top_k

from ..losses.functions import pair
from .base import Metric
from .means import spread, weighted

COUNTS = ("true_positives", "false_positives", "true_negatives", "false_negatives")


# ---- counting
def confusion_counts(labels, scores, weights, thresholds):
    """The weights of flat arrays by COUNTS, at each threshold; labels are bools."""
    order = np.argsort(thresholds, kind="stable")
    n, found = thresholds.size, np.empty((4, thresholds.size))
    bins = np.searchsorted(thresholds[order], scores, side="left")       # how many thresholds each is above
    for row, chosen in enumerate((labels, ~labels)):
        counts = np.bincount(bins[chosen], weights[chosen], n + 1)
        found[row, order] = counts[::-1].cumsum()[::-1][1:]
        found[3 - row, order] = counts.cumsum()[:-1]
    return found


def _traced_counts(labels, scores, weights, thresholds):
    """`confusion_counts` of tensors, a list of four."""
    order = np.argsort(thresholds, kind="stable")
    back, n, found = np.argsort(order), thresholds.size, {}
    bins = searchsorted(thresholds[order], scores)
    for row, chosen in enumerate((labels, ~labels)):
        counts = unsorted_segment_sum(where(chosen, weights, zeros_like(weights)), bins, n + 1)
        found[row] = gather(cumsum(counts, reverse=True)[1:], back)
        found[3 - row] = gather(cumsum(counts)[:-1], back)
    return [found[row] for row in range(4)]


def checked_thresholds(thresholds):
    """Thresholds as an array, 0.5 for None; ValueError for one outside [0, 1]."""
    found = np.atleast_1d(np.asarray(0.5 if thresholds is None else thresholds, np.float64))
    if found.ndim != 1 or not found.size or not np.all((found >= 0) & (found <= 1)):
        raise ValueError(f"Threshold values must be in [0, 1]. Invalid values: {thresholds}")
    return found


class Confusion(Metric):
    """The base of metrics that stand on COUNTS at thresholds; `_kept` says which of them it needs.

    `update_state` takes labels of 0 and 1, predictions from 0 to 1, of one shape, and weights of that shape
    or of samples.  A compiled function does not check that predictions are in that range.
    """

    _kept: tuple = ()

    def __init__(self, thresholds, name=None, dtype=None):
        super().__init__(name, dtype)
        # compared as numbers of the metric's dtype, like the predictions
        self._at = NoDependency(thresholds.astype(self.dtype))
        for kept in self._kept:
            setattr(self, kept, self.add_weight(kept, thresholds.shape))

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Add a batch."""
        with silent():
            y_true, y_pred = pair(self.name, y_true, y_pred)
        labels, scores = to(values_of(y_true), bool), to(values_of(y_pred), self.dtype)
        if not isinstance(scores, Tensor) and not np.all((scores >= 0) & (scores <= 1)):
            raise InvalidArgumentError(f"{self.name}: predictions must be in [0, 1], got values from "
                                       f"{scores.min()} to {scores.max()}")
        self._add(labels, scores, sample_weight)

    def _add(self, labels, scores, sample_weight):
        weights = sample_weights(self.name, scores, sample_weight)
        if isinstance(scores, Tensor):
            counts = _traced_counts(*(reshape(x, (-1,)) for x in (labels, scores, weights)), self._at)
        else:
            counts = confusion_counts(labels.ravel(), scores.ravel(), weights.ravel(), self._at)
        for name, count in zip(COUNTS, counts, strict=True):
            if name in self._kept:
                getattr(self, name).assign_add(to(count, self.dtype))

    def _counts(self):
        """The tensors kept, in order."""
        return [getattr(self, name).value() for name in self._kept]

    def _one_or_all(self, values):
        """The value at the one threshold there is, or those at all."""
        return values[0] if values.shape == (1,) else values


def sample_weights(op, like, given):
    """Weights of float64 in the shape of `like`, 1 for None; those of samples are each for all of its row."""
    weights = ones_like(like, np.float64) if isinstance(like, Tensor) else np.ones(like.shape)
    if given is None:
        return weights
    given = values_of(given)
    if 0 < given.ndim < weights.ndim:
        given = spread(given, weights.ndim)
    return weighted(op, weights, given)[1]


# ---- counts
class _Count(Confusion):
    """The base of the four counts."""

    def __init__(self, thresholds=None, name=None, dtype=None):
        super().__init__(checked_thresholds(thresholds), name, dtype)
        self.thresholds = NoDependency(thresholds)

    def result(self):
        """The count so far, at the one threshold or at each."""
        return self._one_or_all(self._counts()[0])

    def get_config(self):
        """The arguments that make such a metric."""
        return {**super().get_config(), "thresholds": self.thresholds}


_COUNT_DOC = """How many {what}, by weight.

    Args:
        thresholds: a number or a list of numbers in [0, 1], 0.5 by default; predictions greater than it are
            a yes.
        name: the metric's name.
        dtype: of its variable and its result.

    >>> import numbaflow as nf
    >>> nf.keras.metrics.{name}()([0, 1, 1, 0], [0.9, 0.8, 0.1, 0.2]).numpy()
    np.float32(1.0)
    """


class TruePositives(_Count):
    __doc__ = _COUNT_DOC.format(what="samples of label 1 are a yes", name="TruePositives")
    _kept = ("true_positives",)


class FalsePositives(_Count):
    __doc__ = _COUNT_DOC.format(what="samples of label 0 are a yes", name="FalsePositives")
    _kept = ("false_positives",)


class TrueNegatives(_Count):
    __doc__ = _COUNT_DOC.format(what="samples of label 0 are a no", name="TrueNegatives")
    _kept = ("true_negatives",)


class FalseNegatives(_Count):
    __doc__ = _COUNT_DOC.format(what="samples of label 1 are a no", name="FalseNegatives")
    _kept = ("false_negatives",)


# ---- ratios
_UNDER_ALL = -1.0               # less than any score

class _Ratio(Confusion):
    """The base of precision and recall: the first count over the sum of both."""

    def __init__(self, thresholds=None, top_k=None, class_id=None, name=None, dtype=None):
        # with top_k and no thresholds all of the k largest are a yes
        all_of_top = thresholds is None and top_k is not None
        at = np.array([_UNDER_ALL]) if all_of_top else checked_thresholds(thresholds)
        super().__init__(at, name, dtype)
        self.thresholds, self.top_k, self.class_id = NoDependency(thresholds), top_k, class_id

    def _add(self, labels, scores, sample_weight):
        if self.top_k is not None:
            scores = _only_top(self.name, scores, self.top_k)
        if self.class_id is not None:
            labels, scores = labels[..., self.class_id], scores[..., self.class_id]
        super()._add(labels, scores, sample_weight)

    def result(self):
        """The ratio so far, 0 for 0 / 0, at the one threshold or at each."""
        tp, other = self._counts()
        return self._one_or_all(div_no_nan(tp, tp + other))

    def get_config(self):
        """The arguments that make such a metric."""
        return {**super().get_config(), "thresholds": self.thresholds, "top_k": self.top_k,
                "class_id": self.class_id}


def _only_top(op, scores, k):
    """The scores of each row's k largest; for the others one that is above no threshold."""
    if not scores.ndim or k > scores.shape[-1]:
        raise InvalidArgumentError(f"{op}: top_k of {k} for predictions of shape {scores.shape}")
    if isinstance(scores, Tensor):
        places = one_hot(top_k(scores, k).indices, scores.shape[-1], True, False, dtype=bool)
        return where(reduce_any(places, -2), scores, _UNDER_ALL * ones_like(scores))
    top = np.argsort(-scores, -1, kind="stable")[..., :k]
    kept = np.full_like(scores, _UNDER_ALL)
    np.put_along_axis(kept, top, np.take_along_axis(scores, top, -1), -1)
    return kept


class Precision(_Ratio):
    """The share of label 1 among samples that are a yes.

    Args:
        thresholds: a number or a list of numbers in [0, 1], 0.5 by default; predictions greater than it are
            a yes.
        top_k: only the k largest predictions [..., classes] of a sample can be a yes.
        class_id: the one class of the last axis that counts.
        name: the metric's name.
        dtype: of its variables and its result.

    >>> import numbaflow as nf
    >>> nf.keras.metrics.Precision()([0, 1, 1, 1], [0.9, 0.8, 0.7, 0.2]).numpy().round(4)
    np.float32(0.6667)
    """

    _kept = ("true_positives", "false_positives")


class Recall(_Ratio):
    """The share of samples that are a yes among those of label 1.

    Args:
        thresholds: a number or a list of numbers in [0, 1], 0.5 by default; predictions greater than it are
            a yes.
        top_k: only the k largest predictions [..., classes] of a sample can be a yes.
        class_id: the one class of the last axis that counts.
        name: the metric's name.
        dtype: of its variables and its result.

    >>> import numbaflow as nf
    >>> nf.keras.metrics.Recall()([0, 1, 1, 1], [0.9, 0.8, 0.7, 0.2]).numpy().round(4)
    np.float32(0.6667)
    """

    _kept = ("true_positives", "false_negatives")
