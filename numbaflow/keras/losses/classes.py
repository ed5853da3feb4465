"""Losses as objects: a function of this package and how its values for samples become one number."""
from collections.abc import Callable

from numbaflow.losses import Reduction as _Of, compute_weighted_loss
from numbaflow.ops.shape import expand_dims, squeeze

from . import functions


class Reduction:
    """What becomes of the losses of samples: NONE leaves them, SUM adds, SUM_OVER_BATCH_SIZE takes the mean.

    AUTO is SUM_OVER_BATCH_SIZE.
    """

    AUTO = "auto"
    NONE = "none"
    SUM = "sum"
    SUM_OVER_BATCH_SIZE = "sum_over_batch_size"

    @classmethod
    def all(cls):
        """All names."""
        return cls.AUTO, cls.NONE, cls.SUM, cls.SUM_OVER_BATCH_SIZE

    @classmethod
    def validate(cls, key):
        """ValueError for what is none of the names."""
        if key not in cls.all():
            raise ValueError(f"Invalid Reduction Key {key}.")


_WEIGHTED = {Reduction.AUTO: _Of.SUM_OVER_BATCH_SIZE, Reduction.NONE: _Of.NONE, Reduction.SUM: _Of.SUM,
             Reduction.SUM_OVER_BATCH_SIZE: _Of.SUM_OVER_BATCH_SIZE}


def fit_weights(weights, rank):
    """Weights of samples with an axis of extent 1 more or less at the end, to fit values of that rank."""
    if weights.ndim == rank + 1 and weights.shape[-1] == 1:
        return squeeze(weights, -1)
    return expand_dims(weights, -1) if weights.ndim and weights.ndim == rank - 1 else weights


class Loss:
    """The base of losses: `call` gives a value for each sample, the object their weighted sum or mean.

    Args:
        reduction: one of `Reduction`.
        name: the loss's name.

    ``loss(y_true, y_pred, sample_weight=None)`` takes weights of the values' shape, of one that broadcasts to
    it, or one number.

    Raises:
        ValueError: an unknown reduction, or weights that don't fit.

    >>> import numbaflow as nf
    >>> class Largest(nf.keras.losses.Loss):
    ...     def call(self, y_true, y_pred):
    ...         return nf.reduce_max(nf.abs(y_pred - y_true), -1)
    >>> Largest()(nf.constant([[0.0, 1.0], [2.0, 5.0]]), nf.constant([[1.0, 1.0], [2.0, 2.0]])).numpy()
    np.float32(2.0)
    """

    def __init__(self, reduction=Reduction.AUTO, name=None):
        Reduction.validate(reduction)
        self.reduction, self.name = reduction, name

    def __call__(self, y_true, y_pred, sample_weight=None):
        losses = self.call(y_true, y_pred)
        weights = 1.0 if sample_weight is None else fit_weights(functions.floats(sample_weight), losses.ndim)
        return compute_weighted_loss(losses, weights, reduction=_WEIGHTED[self.reduction])

    def call(self, y_true, y_pred):
        """The losses of samples."""
        raise NotImplementedError("Must be implemented in subclasses.")

    def get_config(self):
        """The arguments that make such a loss."""
        return {"reduction": self.reduction, "name": self.name}

    @classmethod
    def from_config(cls, config):
        """The loss of a config."""
        return cls(**config)


class FunctionLoss(Loss):
    """The base of losses that stand for a function, `_function`, and its keywords `more`."""

    _function: Callable

    def __init__(self, reduction, name, **more):
        super().__init__(reduction, name)
        self._more = more

    def call(self, y_true, y_pred):
        """The losses of samples."""
        return self._function(y_true, y_pred, **self._more)

    def get_config(self):
        """The arguments that make such a loss."""
        return {**super().get_config(), **self._more}


def _loss_class(name, function, loss_name=None):
    """The class of a loss without options."""
    loss_name = loss_name or function.__name__

    def __init__(self, reduction=Reduction.AUTO, name=loss_name):
        FunctionLoss.__init__(self, reduction, name)
    doc = f"""`{function.__name__}` as an object, by default its mean over samples.

    Args:
        reduction: one of `Reduction`.
        name: the loss's name.
    """
    return type(name, (FunctionLoss,), {"__init__": __init__, "__doc__": doc, "__module__": __name__,
                                        "_function": staticmethod(function)})


MeanSquaredError = _loss_class("MeanSquaredError", functions.mean_squared_error)
MeanAbsoluteError = _loss_class("MeanAbsoluteError", functions.mean_absolute_error)
MeanAbsolutePercentageError = _loss_class("MeanAbsolutePercentageError",
                                          functions.mean_absolute_percentage_error)
MeanSquaredLogarithmicError = _loss_class("MeanSquaredLogarithmicError",
                                          functions.mean_squared_logarithmic_error)
Hinge = _loss_class("Hinge", functions.hinge)
SquaredHinge = _loss_class("SquaredHinge", functions.squared_hinge)
CategoricalHinge = _loss_class("CategoricalHinge", functions.categorical_hinge)
Poisson = _loss_class("Poisson", functions.poisson)
LogCosh = _loss_class("LogCosh", functions.logcosh)
KLDivergence = _loss_class("KLDivergence", functions.kullback_leibler_divergence)


class Huber(FunctionLoss):
    """`huber_loss` as an object.

    Args:
        delta: where the line begins that continues the half square.
        reduction: one of `Reduction`.
        name: the loss's name.

    >>> import numbaflow as nf
    >>> nf.keras.losses.Huber()([[0.0], [0.0]], [[1.0], [3.0]]).numpy()
    np.float32(1.5)
    """

    _function = staticmethod(functions.huber_loss)

    def __init__(self, delta=1.0, reduction=Reduction.AUTO, name="huber_loss"):
        super().__init__(reduction, name, delta=delta)


class CosineSimilarity(FunctionLoss):
    """`cosine_similarity` as an object: minus the cosine, by default its mean.

    Args:
        axis: the axis of the vectors.
        reduction: one of `Reduction`.
        name: the loss's name.

    >>> import numbaflow as nf
    >>> nf.keras.losses.CosineSimilarity()([[0.0, 1.0], [1.0, 0.0]], [[0.0, 1.0], [0.0, 1.0]]).numpy()
    np.float32(-0.5)
    """

    _function = staticmethod(functions.cosine_similarity)

    def __init__(self, axis=-1, reduction=Reduction.AUTO, name="cosine_similarity"):
        super().__init__(reduction, name, axis=axis)


class BinaryCrossentropy(FunctionLoss):
    """`binary_crossentropy` as an object.

    Args:
        from_logits: predictions are what a sigmoid makes probabilities of.
        label_smoothing: s makes labels y into ``y * (1 - s) + s / 2``.
        reduction: one of `Reduction`.
        name: the loss's name.

    >>> import numbaflow as nf
    >>> nf.keras.losses.BinaryCrossentropy(from_logits=True)([[1.0]], [[0.0]]).numpy().round(4)
    np.float32(0.6931)
    """

    _function = staticmethod(functions.binary_crossentropy)

    def __init__(self, from_logits=False, label_smoothing=0, reduction=Reduction.AUTO,
                 name="binary_crossentropy"):
        super().__init__(reduction, name, from_logits=from_logits, label_smoothing=label_smoothing)
        self.from_logits = from_logits


class CategoricalCrossentropy(FunctionLoss):
    """`categorical_crossentropy` as an object.

    Args:
        from_logits: predictions are what a softmax makes probabilities of.
        label_smoothing: s makes labels y of n classes into ``y * (1 - s) + s / n``.
        reduction: one of `Reduction`.
        name: the loss's name.

    >>> import numbaflow as nf
    >>> nf.keras.losses.CategoricalCrossentropy()([[0.0, 1.0]], [[0.5, 0.5]]).numpy().round(4)
    np.float32(0.6931)
    """

    _function = staticmethod(functions.categorical_crossentropy)

    def __init__(self, from_logits=False, label_smoothing=0, reduction=Reduction.AUTO,
                 name="categorical_crossentropy"):
        super().__init__(reduction, name, from_logits=from_logits, label_smoothing=label_smoothing)
        self.from_logits = from_logits


class SparseCategoricalCrossentropy(FunctionLoss):
    """`sparse_categorical_crossentropy` as an object.

    Args:
        from_logits: predictions are what a softmax makes probabilities of.
        reduction: one of `Reduction`.
        name: the loss's name.

    >>> import numbaflow as nf
    >>> nf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)([1], [[0.0, 0.0]]).numpy().round(4)
    np.float32(0.6931)
    """

    _function = staticmethod(functions.sparse_categorical_crossentropy)

    def __init__(self, from_logits=False, reduction=Reduction.AUTO, name="sparse_categorical_crossentropy"):
        super().__init__(reduction, name, from_logits=from_logits)
        self.from_logits = from_logits
