"""Metrics that are the mean of a function over all samples."""
from ..losses import functions as losses
from . import functions
from .means import MeanMetricWrapper


def _mean_class(class_name, fn):
    """The class of the mean of a function without options."""
    def __init__(self, name=fn.__name__, dtype=None):
        MeanMetricWrapper.__init__(self, fn, name, dtype)
    doc = f"""The mean of `{fn.__name__}` over all samples.

    Args:
        name: the metric's name.
        dtype: of its variables and its result.
    """
    return type(class_name, (MeanMetricWrapper,),
                {"__init__": __init__, "__doc__": doc, "__module__": __name__})


Accuracy = _mean_class("Accuracy", functions.accuracy)
CategoricalAccuracy = _mean_class("CategoricalAccuracy", functions.categorical_accuracy)
SparseCategoricalAccuracy = _mean_class("SparseCategoricalAccuracy", functions.sparse_categorical_accuracy)
MeanSquaredError = _mean_class("MeanSquaredError", losses.mean_squared_error)
MeanAbsoluteError = _mean_class("MeanAbsoluteError", losses.mean_absolute_error)
MeanAbsolutePercentageError = _mean_class("MeanAbsolutePercentageError",
                                          losses.mean_absolute_percentage_error)
MeanSquaredLogarithmicError = _mean_class("MeanSquaredLogarithmicError",
                                          losses.mean_squared_logarithmic_error)
Hinge = _mean_class("Hinge", losses.hinge)
SquaredHinge = _mean_class("SquaredHinge", losses.squared_hinge)
CategoricalHinge = _mean_class("CategoricalHinge", losses.categorical_hinge)
LogCoshError = _mean_class("LogCoshError", losses.logcosh)
Poisson = _mean_class("Poisson", losses.poisson)
KLDivergence = _mean_class("KLDivergence", losses.kullback_leibler_divergence)


class BinaryAccuracy(MeanMetricWrapper):
    """The share of predictions on their label's side of a threshold.

    Args:
        name: the metric's name.
        dtype: of its variables and its result.
        threshold: predictions greater than it mean 1.

    >>> import numbaflow as nf
    >>> nf.keras.metrics.BinaryAccuracy(threshold=0.8)([[1], [1]], [[0.9], [0.7]]).numpy()
    np.float32(0.5)
    """

    def __init__(self, name="binary_accuracy", dtype=None, threshold=0.5):
        super().__init__(functions.binary_accuracy, name, dtype, threshold=threshold)


class TopKCategoricalAccuracy(MeanMetricWrapper):
    """The share of samples whose class, one-hot in the labels, is among the k largest predictions.

    Args:
        k: how many count.
        name: the metric's name.
        dtype: of its variables and its result.

    >>> import numbaflow as nf
    >>> nf.keras.metrics.TopKCategoricalAccuracy(k=1)([[0, 1], [1, 0]], [[0.1, 0.9], [0.2, 0.8]]).numpy()
    np.float32(0.5)
    """

    def __init__(self, k=5, name="top_k_categorical_accuracy", dtype=None):
        super().__init__(functions.top_k_categorical_accuracy, name, dtype, k=k)


class SparseTopKCategoricalAccuracy(MeanMetricWrapper):
    """The share of samples whose class number is among the k largest predictions.

    Args:
        k: how many count.
        name: the metric's name.
        dtype: of its variables and its result.

    >>> import numbaflow as nf
    >>> nf.keras.metrics.SparseTopKCategoricalAccuracy(k=1)([1, 0], [[0.1, 0.9], [0.2, 0.8]]).numpy()
    np.float32(0.5)
    """

    def __init__(self, k=5, name="sparse_top_k_categorical_accuracy", dtype=None):
        super().__init__(functions.sparse_top_k_categorical_accuracy, name, dtype, k=k)


class CosineSimilarity(MeanMetricWrapper):
    """The mean cosine of the angle between labels and predictions.

    Args:
        name: the metric's name.
        dtype: of its variables and its result.
        axis: the axis of the vectors.

    >>> import numbaflow as nf
    >>> nf.keras.metrics.CosineSimilarity()([[0.0, 1.0], [1.0, 0.0]], [[0.0, 1.0], [0.0, 1.0]]).numpy()
    np.float32(0.5)
    """

    def __init__(self, name="cosine_similarity", dtype=None, axis=-1):
        super().__init__(functions.cosine_similarity, name, dtype, axis=axis)


class BinaryCrossentropy(MeanMetricWrapper):
    """The mean of `binary_crossentropy` over all samples.

    Args:
        name: the metric's name.
        dtype: of its variables and its result.
        from_logits: predictions are what a sigmoid makes probabilities of.
        label_smoothing: s makes labels y into ``y * (1 - s) + s / 2``.

    >>> import numbaflow as nf
    >>> nf.keras.metrics.BinaryCrossentropy()([[1.0]], [[0.5]]).numpy().round(4)
    np.float32(0.6931)
    """

    def __init__(self, name="binary_crossentropy", dtype=None, from_logits=False, label_smoothing=0):
        super().__init__(losses.binary_crossentropy, name, dtype, from_logits=from_logits,
                         label_smoothing=label_smoothing)


class CategoricalCrossentropy(MeanMetricWrapper):
    """The mean of `categorical_crossentropy` over all samples.

    Args:
        name: the metric's name.
        dtype: of its variables and its result.
        from_logits: predictions are what a softmax makes probabilities of.
        label_smoothing: s makes labels y of n classes into ``y * (1 - s) + s / n``.

    >>> import numbaflow as nf
    >>> nf.keras.metrics.CategoricalCrossentropy()([[0.0, 1.0]], [[0.5, 0.5]]).numpy().round(4)
    np.float32(0.6931)
    """

    def __init__(self, name="categorical_crossentropy", dtype=None, from_logits=False, label_smoothing=0):
        super().__init__(losses.categorical_crossentropy, name, dtype, from_logits=from_logits,
                         label_smoothing=label_smoothing)


class SparseCategoricalCrossentropy(MeanMetricWrapper):
    """The mean of `sparse_categorical_crossentropy` over all samples.

    Args:
        name: the metric's name.
        dtype: of its variables and its result.
        from_logits: predictions are what a softmax makes probabilities of.
        axis: the axis of classes; only the last.

    >>> import numbaflow as nf
    >>> nf.keras.metrics.SparseCategoricalCrossentropy()([1], [[0.5, 0.5]]).numpy().round(4)
    np.float32(0.6931)
    """

    def __init__(self, name="sparse_categorical_crossentropy", dtype=None, from_logits=False, axis=-1):
        super().__init__(losses.sparse_categorical_crossentropy, name, dtype, from_logits=from_logits,
                         axis=axis)
