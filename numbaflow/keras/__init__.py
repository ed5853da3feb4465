"""Keras: layers, models and what trains them."""
from . import datasets, losses, metrics, optimizers, utils
