"""Metrics as objects: state in variables, updated by calls (`tf.contrib.eager.metrics`)."""
from .accuracy import Accuracy, BinaryAccuracy, CategoricalAccuracy, SparseAccuracy
from .mean import Mean
from .metric import Metric

__all__ = ["Accuracy", "BinaryAccuracy", "CategoricalAccuracy", "Mean", "Metric", "SparseAccuracy"]
