"""Optimizers of Keras, by class and by name."""
from numbaflow.train.optimizer import Optimizer as _TrainOptimizer

from ..registry import Registry
from . import schedules
from .adaptive import Adam, Adamax, Nadam
from .base import Optimizer
from .descent import SGD, Adadelta, Adagrad, Ftrl, RMSprop

__all__ = ["SGD", "Adadelta", "Adagrad", "Adam", "Adamax", "Ftrl", "Nadam", "Optimizer", "RMSprop",
           "deserialize", "get", "schedules", "serialize"]

_classes = (Adadelta, Adagrad, Adam, Adamax, Ftrl, Nadam, RMSprop, SGD)
_optimizers = Registry("optimizer", {name: c for c in _classes for name in (c.__name__, c.__name__.lower())},
                       _TrainOptimizer)


def get(identifier):
    """The optimizer of a name in any case ("adam"), of a config, or an optimizer as it is.

    >>> import numbaflow as nf
    >>> nf.keras.optimizers.get("sgd").get_config()["learning_rate"]
    0.01
    """
    return _optimizers.get(identifier.lower() if isinstance(identifier, str) else identifier)


def serialize(optimizer):
    """The config of an optimizer."""
    return _optimizers.serialize(optimizer)


def deserialize(config, custom_objects=None):
    """The optimizer of what `serialize` gave; custom_objects are names of your own."""
    return _optimizers.deserialize(config, custom_objects)
