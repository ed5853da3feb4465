"""Metrics over all thresholds: the area under a curve, and one ratio where another has a given value."""
import numpy as np

from numbaflow.core.trackable import NoDependency
from numbaflow.ops.arithmetic import abs, div_no_nan, maximum, minimum
from numbaflow.ops.casting import cast
from numbaflow.ops.comparison import where
from numbaflow.ops.creation import ones_like
from numbaflow.ops.exponential import log
from numbaflow.ops.index import gather
from numbaflow.ops.reduce import argmin, reduce_sum

from .confusion import COUNTS, Confusion, checked_thresholds

_EPSILON = 1e-7


def spaced_thresholds(n):
    """n thresholds from just under 0 to just over 1."""
    if n <= 1:
        raise ValueError(f"`num_thresholds` must be > 1, got {n}")
    inner = [(k + 1) / (n - 1) for k in range(n - 2)]
    return np.array([-_EPSILON, *inner, 1.0 + _EPSILON])


class AUC(Confusion):
    """The area under the curve of true against false positive rates, or of precision against recall.

    Args:
        num_thresholds: how many points the curve has.
        curve: "ROC" or "PR".
        summation_method: "interpolation" (trapezoids; for "PR" Davis and Goadrich, ICML 2006), "minoring" or
            "majoring" (the lower or the higher end of each step).
        name: the metric's name.
        dtype: of its variables and its result.
        thresholds: numbers in [0, 1] in place of evenly spaced ones.

    Labels are 0 and 1, predictions from 0 to 1.

    >>> import numbaflow as nf
    >>> nf.keras.metrics.AUC(num_thresholds=3)([0, 0, 1, 1], [0.0, 0.5, 0.3, 0.9]).numpy()
    np.float32(0.75)
    """

    _kept = COUNTS

    def __init__(self, num_thresholds=200, curve="ROC", summation_method="interpolation", name="auc",
                 dtype=None, thresholds=None):
        if curve not in ("ROC", "PR"):
            raise ValueError(f'Invalid curve: {curve!r}. Valid options are "ROC" and "PR"')
        if summation_method not in ("interpolation", "minoring", "majoring"):
            raise ValueError(f"Invalid summation_method: {summation_method!r}. Valid options are "
                             '"interpolation", "minoring" and "majoring"')
        at = spaced_thresholds(num_thresholds) if thresholds is None else np.array(
            [-_EPSILON, *sorted(checked_thresholds(thresholds)), 1.0 + _EPSILON])
        super().__init__(at, name, dtype)
        self.num_thresholds, self.curve, self.summation_method = at.size, curve, summation_method
        self._given_thresholds = NoDependency(thresholds)

    def result(self):
        """The area so far."""
        tp, fp, tn, fn = self._counts()
        if self.curve == "PR" and self.summation_method == "interpolation":
            area = _interpolated_pr_area(tp, fp, fn)
        else:
            recall = div_no_nan(tp, tp + fn)
            x, y = ((div_no_nan(fp, fp + tn), recall) if self.curve == "ROC"
                    else (recall, div_no_nan(tp, tp + fp)))
            area = reduce_sum((x[:-1] - x[1:]) * self._heights(y))
        return cast(area, self.dtype)

    def _heights(self, y):
        if self.summation_method == "interpolation":
            return (y[:-1] + y[1:]) / 2
        return (minimum if self.summation_method == "minoring" else maximum)(y[:-1], y[1:])

    def get_config(self):
        """The arguments that make such a metric."""
        return {**super().get_config(), "num_thresholds": self.num_thresholds, "curve": self.curve,
                "summation_method": self.summation_method, "thresholds": self._given_thresholds}


def _interpolated_pr_area(tp, fp, fn):
    """Between two points true positives are linear in all positives: the area of each step in closed form."""
    dtp, p = tp[:-1] - tp[1:], tp + fp
    slope = div_no_nan(dtp, maximum(p[:-1] - p[1:], 0))
    intercept = tp[1:] - slope * p[1:]
    both = (p[:-1] > 0) & (p[1:] > 0)
    ratio = where(both, div_no_nan(p[:-1], p[1:]), ones_like(dtp))
    return reduce_sum(div_no_nan(slope * (dtp + intercept * log(ratio)), maximum(tp[1:] + fn[1:], 0)))


class _AtBest(Confusion):
    """The base of metrics that are the best of one ratio where the other is at its given value."""

    _kept = COUNTS

    def __init__(self, value, num_thresholds, name, dtype):
        if not 0 <= value <= 1:
            raise ValueError(f"{type(self).__name__}: the given value must be in [0, 1], got {value}")
        at = np.array([0.5]) if num_thresholds == 1 else spaced_thresholds(num_thresholds)
        super().__init__(at, name, dtype)
        self.value, self.num_thresholds = value, num_thresholds

    def _nearest(self, swapped):
        """Sensitivity where specificity is nearest to the value; the other way round if swapped."""
        tp, fp, tn, fn = self._counts()
        wanted, given = div_no_nan(tp, tp + fn), div_no_nan(tn, tn + fp)
        if swapped:
            wanted, given = given, wanted
        return gather(wanted, argmin(abs(given - self.value), 0))


class SensitivityAtSpecificity(_AtBest):
    """The recall of label 1 at the threshold where the recall of label 0 is nearest to a given one.

    Args:
        specificity: the recall of label 0 wanted, in [0, 1].
        num_thresholds: how many thresholds are tried.
        name: the metric's name.
        dtype: of its variables and its result.

    >>> import numbaflow as nf
    >>> m = nf.keras.metrics.SensitivityAtSpecificity(0.4, num_thresholds=1)
    >>> m([0, 0, 1, 1], [0.0, 0.5, 0.3, 0.9]).numpy()
    np.float32(0.5)
    """

    def __init__(self, specificity, num_thresholds=200, name=None, dtype=None):
        super().__init__(specificity, num_thresholds, name, dtype)
        self.specificity = specificity

    def result(self):
        """The sensitivity so far."""
        return self._nearest(swapped=False)

    def get_config(self):
        """The arguments that make such a metric."""
        return {**super().get_config(), "specificity": self.specificity,
                "num_thresholds": self.num_thresholds}


class SpecificityAtSensitivity(_AtBest):
    """The recall of label 0 at the threshold where the recall of label 1 is nearest to a given one.

    Args:
        sensitivity: the recall of label 1 wanted, in [0, 1].
        num_thresholds: how many thresholds are tried.
        name: the metric's name.
        dtype: of its variables and its result.

    >>> import numbaflow as nf
    >>> m = nf.keras.metrics.SpecificityAtSensitivity(0.8, num_thresholds=1)
    >>> m([0, 0, 1, 1], [0.0, 0.5, 0.3, 0.9]).numpy()
    np.float32(1.0)
    """

    def __init__(self, sensitivity, num_thresholds=200, name=None, dtype=None):
        super().__init__(sensitivity, num_thresholds, name, dtype)
        self.sensitivity = sensitivity

    def result(self):
        """The specificity so far."""
        return self._nearest(swapped=True)

    def get_config(self):
        """The arguments that make such a metric."""
        return {**super().get_config(), "sensitivity": self.sensitivity,
                "num_thresholds": self.num_thresholds}
