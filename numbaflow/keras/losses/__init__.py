"""Losses of Keras: functions that give a value for each sample, and classes that make one number of them."""
from ..registry import Registry
from .classes import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    CategoricalHinge,
    CosineSimilarity,
    Hinge,
    Huber,
    KLDivergence,
    LogCosh,
    Loss,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
    Poisson,
    Reduction,
    SparseCategoricalCrossentropy,
    SquaredHinge,
)
from .functions import (
    binary_crossentropy,
    categorical_crossentropy,
    categorical_hinge,
    cosine_similarity,
    hinge,
    huber_loss,
    kullback_leibler_divergence,
    logcosh,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    mean_squared_logarithmic_error,
    poisson,
    sparse_categorical_crossentropy,
    squared_hinge,
)

MSE = mse = mean_squared_error
MAE = mae = mean_absolute_error
MAPE = mape = mean_absolute_percentage_error
MSLE = msle = mean_squared_logarithmic_error
KLD = kld = kullback_leibler_divergence
cosine = cosine_proximity = cosine_similarity

__all__ = ["KLD", "MAE", "MAPE", "MSE", "MSLE", "BinaryCrossentropy", "CategoricalCrossentropy",
           "CategoricalHinge", "CosineSimilarity", "Hinge", "Huber", "KLDivergence", "LogCosh", "Loss",
           "MeanAbsoluteError", "MeanAbsolutePercentageError", "MeanSquaredError",
           "MeanSquaredLogarithmicError", "Poisson", "Reduction", "SparseCategoricalCrossentropy",
           "SquaredHinge", "binary_crossentropy", "categorical_crossentropy", "categorical_hinge", "cosine",
           "cosine_proximity", "cosine_similarity", "deserialize", "get", "hinge", "huber_loss", "kld",
           "kullback_leibler_divergence", "logcosh", "mae", "mape", "mean_absolute_error",
           "mean_absolute_percentage_error", "mean_squared_error", "mean_squared_logarithmic_error", "mse",
           "msle", "poisson", "serialize", "sparse_categorical_crossentropy", "squared_hinge"]

_losses = Registry("loss function", {name: globals()[name] for name in __all__
                                     if name not in ("Loss", "Reduction", "deserialize", "get", "serialize")})


def get(identifier):
    """The loss of a name ("mse", "MeanSquaredError"), of a config, or a function or `Loss` as it is.

    >>> import numbaflow as nf
    >>> nf.keras.losses.get("mse").__name__
    'mean_squared_error'
    """
    return _losses.get(identifier)


def serialize(loss):
    """The name of a loss function, or the config of a `Loss`."""
    return _losses.serialize(loss)


def deserialize(name, custom_objects=None):
    """The loss of what `serialize` gave; custom_objects are names of your own."""
    return _losses.deserialize(name, custom_objects)
