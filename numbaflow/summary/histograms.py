"""The buckets of histogram summaries: limits that grow by a tenth, the same for every histogram.

The same limits as TensorFlow's, so that histograms of one tag can be laid over each other.
"""
import functools

import numpy as np

from numbaflow.core.errors import InvalidArgumentError

_LARGEST = np.finfo(np.float64).max


@functools.cache
def limits():
    """The upper ends of all buckets, ascending: +-1e-12 * 1.1**k up to 1e20, 0 and the ends of float64."""
    positive = 1e-12 * np.cumprod(np.r_[1.0, np.full(800, 1.1)])
    positive = np.append(positive[positive < 1e20], _LARGEST)
    return np.concatenate([-positive[::-1], [0.0], positive])


def buckets(values, tag):
    """The fields of a HistogramProto for a 1-d array of finite real numbers."""
    values = values.astype(np.float64)
    if not np.isfinite(values).all():
        what = "Nan" if np.isnan(values).any() else "Infinity"
        raise InvalidArgumentError(f"histogram: {what} in summary histogram for: {tag}")
    ends, counts = _counted(values)
    low, high = (values.min(), values.max()) if values.size else (_LARGEST, -_LARGEST)
    return {"min": low, "max": high, "num": float(values.size), "sum": values.sum(),
            "sum_squares": np.square(values).sum(), "bucket_limit": ends, "bucket": counts}


def _counted(values):
    """The ends and counts of the buckets; a run of empty ones is one bucket."""
    ends = limits()
    at = np.minimum(np.searchsorted(ends, values, side="right"), ends.size - 1)
    counts = np.bincount(at, minlength=ends.size).astype(np.float64)
    kept = (counts > 0) | np.append(counts[1:] > 0, False)      # of a run the last, where the next one begins
    if not kept.any():
        return [_LARGEST], [0.0]
    return ends[kept], counts[kept]
