"""Metrics of Keras: functions with a value for each sample, and classes that gather them over batches."""
from ..losses import (
    KLD,
    MAE,
    MAPE,
    MSE,
    MSLE,
    binary_crossentropy,
    categorical_crossentropy,
    categorical_hinge,
    hinge,
    kld,
    kullback_leibler_divergence,
    logcosh,
    mae,
    mape,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    mean_squared_logarithmic_error,
    mse,
    msle,
    poisson,
    sparse_categorical_crossentropy,
    squared_hinge,
)
from ..registry import Registry
from .base import Metric
from .confusion import (
    FalseNegatives,
    FalsePositives,
    Precision,
    Recall,
    TrueNegatives,
    TruePositives,
)
from .curves import AUC, SensitivityAtSpecificity, SpecificityAtSensitivity
from .functions import (
    accuracy,
    binary_accuracy,
    categorical_accuracy,
    cosine_similarity,
    sparse_categorical_accuracy,
    sparse_top_k_categorical_accuracy,
    top_k_categorical_accuracy,
)
from .means import Mean, MeanMetricWrapper, MeanRelativeError, MeanTensor, RootMeanSquaredError, Sum
from .overlap import MeanIoU
from .wrapped import (
    Accuracy,
    BinaryAccuracy,
    BinaryCrossentropy,
    CategoricalAccuracy,
    CategoricalCrossentropy,
    CategoricalHinge,
    CosineSimilarity,
    Hinge,
    KLDivergence,
    LogCoshError,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
    Poisson,
    SparseCategoricalAccuracy,
    SparseCategoricalCrossentropy,
    SparseTopKCategoricalAccuracy,
    SquaredHinge,
    TopKCategoricalAccuracy,
)

cosine = cosine_proximity = cosine_similarity

__all__ = ["AUC", "KLD", "MAE", "MAPE", "MSE", "MSLE", "Accuracy", "BinaryAccuracy", "BinaryCrossentropy",
           "CategoricalAccuracy", "CategoricalCrossentropy", "CategoricalHinge", "CosineSimilarity",
           "FalseNegatives", "FalsePositives", "Hinge", "KLDivergence", "LogCoshError", "Mean",
           "MeanAbsoluteError", "MeanAbsolutePercentageError", "MeanIoU", "MeanMetricWrapper",
           "MeanRelativeError", "MeanSquaredError", "MeanSquaredLogarithmicError", "MeanTensor", "Metric",
           "Poisson", "Precision", "Recall", "RootMeanSquaredError", "SensitivityAtSpecificity",
           "SparseCategoricalAccuracy", "SparseCategoricalCrossentropy", "SparseTopKCategoricalAccuracy",
           "SpecificityAtSensitivity", "SquaredHinge", "Sum", "TopKCategoricalAccuracy", "TrueNegatives",
           "TruePositives", "accuracy", "binary_accuracy", "binary_crossentropy", "categorical_accuracy",
           "categorical_crossentropy", "categorical_hinge", "cosine", "cosine_proximity", "cosine_similarity",
           "deserialize", "get", "hinge", "kld", "kullback_leibler_divergence", "logcosh", "mae", "mape",
           "mean_absolute_error", "mean_absolute_percentage_error", "mean_squared_error",
           "mean_squared_logarithmic_error", "mse", "msle", "poisson", "resolve", "serialize",
           "sparse_categorical_accuracy", "sparse_categorical_crossentropy",
           "sparse_top_k_categorical_accuracy", "squared_hinge", "top_k_categorical_accuracy"]

_NO_METRICS = ("Metric", "MeanMetricWrapper", "deserialize", "get", "resolve", "serialize")
_metrics = Registry("metric function", {name: globals()[name] for name in __all__ if name not in _NO_METRICS},
                    Metric)


def get(identifier):
    """The metric of a name ("mse", "AUC"), of a config, or a function or `Metric` as it is.

    >>> import numbaflow as nf
    >>> nf.keras.metrics.get("mse").__name__, nf.keras.metrics.get("AUC").name
    ('mean_squared_error', 'auc')
    """
    return _metrics.get(identifier)


def serialize(metric):
    """The name of a metric function, or the config of a `Metric`."""
    return _metrics.serialize(metric)


def deserialize(config, custom_objects=None):
    """The metric of what `serialize` gave; custom_objects are names of your own."""
    return _metrics.deserialize(config, custom_objects)


# ---- the metrics of compile(metrics=[...])
_BY_LOSS = {"accuracy": (binary_accuracy, sparse_categorical_accuracy, categorical_accuracy),
            "crossentropy": (binary_crossentropy, sparse_categorical_crossentropy, categorical_crossentropy)}
_SHORT = {"acc": "accuracy", "ce": "crossentropy"}


def resolve(metric, loss=None, output_shape=(None, None)):
    """The `Metric` object for one entry of ``compile(metrics=[...])``.

    Args:
        metric: a name, a config, a function or a `Metric`.  "accuracy" ("acc") and "crossentropy" ("ce")
            stand for the binary one if the loss is binary cross-entropy or the outputs' last axis has extent
            1, for the sparse one if the loss is sparse categorical cross-entropy, else for the categorical
            one.
        loss: the loss of that output: a name, a config, a function or a `keras.losses.Loss`.
        output_shape: the shape of that output, with None for unknown extents.

    Returns:
        A `Metric`: the one given, or a new one, called by the name that was given or the function's.

    >>> import numbaflow as nf
    >>> m = nf.keras.metrics.resolve("accuracy", "sparse_categorical_crossentropy", (None, 2))
    >>> m.name, m([0, 1], [[0.9, 0.1], [0.8, 0.2]]).numpy()
    ('accuracy', np.float32(0.5))
    """
    if isinstance(metric, Metric):
        return metric
    kind = _SHORT.get(metric, metric) if isinstance(metric, str) else None
    found = _of_loss(kind, loss, output_shape) if kind in _BY_LOSS else get(metric)
    if isinstance(found, Metric):
        return found
    return MeanMetricWrapper(found, metric if isinstance(metric, str) else None)


def _of_loss(kind, loss, output_shape):
    from .. import losses
    loss = losses.get(loss)
    function = getattr(loss, "_function", loss)
    binary, sparse, categorical = _BY_LOSS[kind]
    if function is binary_crossentropy or (len(output_shape) and output_shape[-1] == 1):
        return binary
    return sparse if function is sparse_categorical_crossentropy else categorical
