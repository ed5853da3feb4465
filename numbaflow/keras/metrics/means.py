"""Sums and means of numbers over batches."""
import numpy as np

from numbaflow.core.errors import InvalidArgumentError
from numbaflow.core.tape import listening, silent
from numbaflow.core.tensor import Tensor, wrap
from numbaflow.core.trackable import NoDependency
from numbaflow.metrics.accumulate import (
    add_number,
    broadcast,
    divided,
    kept,
    mean_of,
    size_of,
    sum_of,
    tensor_of,
    to,
    values_of,
)
from numbaflow.ops.creation import ones_like
from numbaflow.ops.exponential import sqrt
from numbaflow.ops.shape import reshape

from ..losses.functions import floats as float_tensor, pair
from .base import Metric


def weighted(op, values, weights):
    """Values and their weights in one shape.

    Weights with fewer axes than the values weigh the means over the axes that they lack.
    """
    weights = to(values_of(weights), values.dtype)
    if weights.ndim == values.ndim + 1 and weights.shape[-1] == 1:
        weights = weights[..., 0]
    if 0 < weights.ndim < values.ndim:
        values = mean_of(values, tuple(range(weights.ndim, values.ndim)))
    try:
        return values, broadcast(weights, values.shape)
    except ValueError:
        raise InvalidArgumentError(f"{op}: sample_weight of shape {weights.shape} for values of shape "
                                   f"{values.shape}; expected one that broadcasts to it") from None


def floats(values):
    """The values of what a metric was given, as floats."""
    return values_of(float_tensor(values))


class Reduce(Metric):
    """The base of sums and means: the variable "total"."""

    def __init__(self, name, dtype=None):
        super().__init__(name, dtype)
        self.total = self.add_weight("total")

    def _add(self, values, sample_weight):
        """Add to the total; return how much the values weigh."""
        if sample_weight is None:
            data = values_of(values)
            total, weight = sum_of(data), size_of(data)
        else:
            data, weights = weighted(self.name, floats(values), sample_weight)
            total, weight = sum_of(data * weights), sum_of(weights)
        add_number(self.total, total)
        return weight


class Sum(Reduce):
    """The sum of all values, weighted if weights come with them.

    Args:
        name: the metric's name.
        dtype: of its variable and its result.

    >>> import numbaflow as nf
    >>> m = nf.keras.metrics.Sum()
    >>> m.update_state([1, 3, 5, 7])
    >>> m.result().numpy()
    np.float32(16.0)
    """

    def __init__(self, name="sum", dtype=None):
        super().__init__(name, dtype)

    def update_state(self, values, sample_weight=None):
        """Add values, [...] with weights of their shape, of one that broadcasts to it, or [batch]."""
        self._add(values, sample_weight)

    def result(self):
        """The sum so far."""
        return self.total.value()


class Mean(Reduce):
    """The mean of all values, weighted if weights come with them; 0 before there are any.

    Args:
        name: the metric's name.
        dtype: of its variables and its result.

    >>> import numbaflow as nf
    >>> m = nf.keras.metrics.Mean()
    >>> m.update_state([1, 3, 5, 7])
    >>> m.result().numpy()
    np.float32(4.0)
    """

    def __init__(self, name="mean", dtype=None):
        super().__init__(name, dtype)
        self.count = self.add_weight("count")

    def update_state(self, values, sample_weight=None):
        """Add values, [...] with weights of their shape, of one that broadcasts to it, or [batch]."""
        add_number(self.count, self._add(values, sample_weight))

    def result(self):
        """The mean so far."""
        total, count = kept(self.total), kept(self.count)
        if isinstance(total, Tensor):
            return divided(total, count)
        return wrap(np.array(total.item() / count.item() if count else 0.0, total.dtype))


class MeanMetricWrapper(Mean):
    """The mean of what a function gives for labels and predictions.

    Args:
        fn: a function of (y_true, y_pred) that gives a value for each sample.
        name: the metric's name, the function's by default.
        dtype: of its variables and its result.
        **kwargs: keywords for the function.

    >>> import numbaflow as nf
    >>> m = nf.keras.metrics.MeanMetricWrapper(nf.keras.losses.mean_absolute_error)
    >>> m([[0.0], [2.0]], [[1.0], [5.0]]).numpy()
    np.float32(2.0)
    """

    def __init__(self, fn, name=None, dtype=None, **kwargs):
        super().__init__(name or getattr(fn, "__name__", type(fn).__name__), dtype)
        self._fn, self._fn_kwargs = NoDependency(fn), NoDependency(kwargs)

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Add the function's values for a batch."""
        if listening():
            with silent():
                values = self._fn(y_true, y_pred, **self._fn_kwargs)
        else:
            values = self._fn(y_true, y_pred, **self._fn_kwargs)
        super().update_state(values, sample_weight)

    def get_config(self):
        """The arguments that make such a metric."""
        return {**super().get_config(), **self._fn_kwargs}


class RootMeanSquaredError(Mean):
    """The root of the mean of (y_pred - y_true)**2.

    Args:
        name: the metric's name.
        dtype: of its variables and its result.

    >>> import numbaflow as nf
    >>> m = nf.keras.metrics.RootMeanSquaredError()
    >>> m([0.0, 0.0], [3.0, 4.0]).numpy().round(4)
    np.float32(3.5355)
    """

    def __init__(self, name="root_mean_squared_error", dtype=None):
        super().__init__(name, dtype)

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Add a batch."""
        with silent():
            y_true, y_pred = pair(self.name, y_true, y_pred)
            errors = values_of(y_pred) - values_of(y_true)
            super().update_state(errors * errors, sample_weight)

    def result(self):
        """The root of the mean so far."""
        return sqrt(super().result())


class MeanRelativeError(Mean):
    """The mean of |y_pred - y_true| / normalizer; 0 where the normalizer is.

    Args:
        normalizer: numbers that broadcast to the predictions.
        name: the metric's name.
        dtype: of its variables and its result.

    >>> import numbaflow as nf
    >>> m = nf.keras.metrics.MeanRelativeError(normalizer=[1.0, 2.0])
    >>> m([1.0, 4.0], [3.0, 3.0]).numpy()
    np.float32(1.25)
    """

    def __init__(self, normalizer, name="mean_relative_error", dtype=None):
        super().__init__(name, dtype)
        self.normalizer = float_tensor(normalizer).numpy()

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Add a batch."""
        with silent():
            y_true, y_pred = pair(self.name, y_true, y_pred)
        errors = abs(values_of(y_pred) - values_of(y_true))
        try:
            by = to(broadcast(values_of(self.normalizer), errors.shape), errors.dtype)
        except ValueError:
            raise InvalidArgumentError(f"{self.name}: a normalizer of shape {self.normalizer.shape} for "
                                       f"predictions {errors.shape}") from None
        super().update_state(divided(errors, by), sample_weight)

    def get_config(self):
        """The arguments that make such a metric."""
        return {**super().get_config(), "normalizer": self.normalizer.tolist()}


class MeanTensor(Metric):
    """The mean of each element over batches, weighted if weights come with them.

    Args:
        name: the metric's name.
        dtype: of its variables and its result.

    >>> import numbaflow as nf
    >>> m = nf.keras.metrics.MeanTensor()
    >>> m.update_state([0.0, 1.0])
    >>> m.update_state([2.0, 3.0])
    >>> m.result().numpy()
    array([1., 2.], dtype=float32)
    """

    def __init__(self, name="mean_tensor", dtype=None):
        super().__init__(name, dtype)
        self.total = self.count = None

    def update_state(self, values, sample_weight=None):
        """Add values, of the same shape each time."""
        values = to(values_of(values), self.dtype)
        if self.total is None:
            self.total, self.count = (self.add_weight(n, values.shape) for n in ("total", "count"))
        if values.shape != self.total._data.shape:
            raise ValueError("MeanTensor input values must always have the same shape. Expected shape (set "
                             f"during the first call): {self.total._data.shape}. Got: {values.shape}")
        weights = values_of(ones_like(values))
        if sample_weight is not None:
            values, weights = _spread(self.name, values, to(values_of(sample_weight), values.dtype))
        self.total.assign_add(values * weights)
        self.count.assign_add(weights)

    def result(self):
        """The means so far; ValueError before there are values."""
        if self.total is None:
            raise ValueError("MeanTensor does not have any result yet. Please use `.update_state(value)` "
                             "before retrieving the result.")
        return tensor_of(divided(kept(self.total), kept(self.count)))


def _spread(op, values, weights):
    """Weights [batch] for values [batch, ...], each for all of its row."""
    if 0 < weights.ndim < values.ndim:
        weights = spread(weights, values.ndim)
    return weighted(op, values, weights)


def spread(weights, ndim):
    """Weights with axes of extent 1 behind their own, so that there are `ndim`."""
    shape = (*weights.shape, *[1] * (ndim - weights.ndim))
    return reshape(weights, shape) if isinstance(weights, Tensor) else weights.reshape(shape)
