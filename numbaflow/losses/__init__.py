"""Losses: functions of labels and predictions that give one number to make small."""
from .cross_entropy import sparse_softmax_cross_entropy
from .regression import mean_squared_error
from .weighted import Reduction, compute_weighted_loss

__all__ = ["Reduction", "compute_weighted_loss", "mean_squared_error", "sparse_softmax_cross_entropy"]
