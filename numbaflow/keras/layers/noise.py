"""Layers that disturb or penalize what passes through them while a model is trained."""
from math import sqrt

from numbaflow.core.tensor import as_tensor
from numbaflow.ops.casting import cast
from numbaflow.ops.dropout import dropout
from numbaflow.ops.random import bernoulli, random_normal

from .. import backend
from ..engine.base_layer import InputSpec, Layer
from ..regularizers import L1L2
from .options import check_rate


class _Noise(Layer):
    """Changes its inputs in training only; abstract."""

    supports_masking = True

    def compute_output_shape(self, input_shape):
        """The shape given."""
        return input_shape


class Dropout(_Noise):
    """In training, a part of the inputs is set to 0 and the others are scaled by 1 / (1 - rate).

    Which part is drawn anew in each call; the expected sum stays (Srivastava et al. 2014).

    Args:
        rate: the probability to be dropped, in [0, 1).
        noise_shape: a shape that broadcasts to the inputs': where it has 1, elements are dropped together;
            None in it stands for the inputs' extent.
        seed: of a sequence of its own.

    >>> import numbaflow as nf
    >>> layer = nf.keras.layers.Dropout(0.5)
    >>> x = nf.ones((2, 50))
    >>> sorted(set(layer(x, training=True).numpy().ravel().tolist())), layer(x) is x
    ([0.0, 2.0], True)
    """

    def __init__(self, rate, noise_shape=None, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.rate, self.seed = check_rate(self, rate), seed
        self.noise_shape = None if noise_shape is None else tuple(noise_shape)

    def _noise_shape(self, inputs):
        return self.noise_shape

    def call(self, inputs, training=None):
        """The inputs, a part of them dropped if `training`."""
        if not training or not self.rate:
            return inputs
        return dropout(inputs, rate=self.rate, noise_shape=self._noise_shape(inputs), seed=self.seed)

    def get_config(self):
        """The arguments that make such a layer."""
        return {**super().get_config(), "rate": self.rate, "noise_shape": self.noise_shape, "seed": self.seed}


class _SpatialDropout(Dropout):
    """Drops whole feature maps; abstract."""

    _ndim = 0

    def __init__(self, rate, data_format=None, **kwargs):
        super().__init__(rate, **kwargs)
        self.data_format = backend.checked_data_format(data_format, self.name)
        self.input_spec = InputSpec(ndim=self._ndim)

    def _noise_shape(self, inputs):
        ones = (1,) * (self._ndim - 2)
        return (None, None, *ones) if self.data_format == "channels_first" else (None, *ones, None)

    def get_config(self):
        """The arguments that make such a layer."""
        config = {
    key: value for key,
    value in super().get_config().items() if key not in (
        "noise_shape",
         "seed")}
        return {**config, "data_format": self.data_format}


class SpatialDropout1D(_SpatialDropout):
    """Dropout of whole features of sequences [n, steps, features]."""

    _ndim = 3

    def __init__(self, rate, **kwargs):
        super().__init__(rate, "channels_last", **kwargs)

    def get_config(self):
        """The arguments that make such a layer."""
        return {key: value for key, value in super().get_config().items() if key != "data_format"}


class SpatialDropout2D(_SpatialDropout):
    """Dropout of whole channels of images."""

    _ndim = 4


class SpatialDropout3D(_SpatialDropout):
    """Dropout of whole channels of volumes."""

    _ndim = 5


class GaussianNoise(_Noise):
    """In training, the inputs plus normal numbers of a standard deviation."""

    def __init__(self, stddev, **kwargs):
        super().__init__(**kwargs)
        self.stddev = float(stddev)

    def call(self, inputs, training=None):
        """The inputs, noisy if `training`."""
        if not training:
            return inputs
        x = as_tensor(inputs)
        return x + random_normal(x._data.shape, stddev=self.stddev, dtype=x.dtype)

    def get_config(self):
        """The arguments that make such a layer."""
        return {**super().get_config(), "stddev": self.stddev}


class GaussianDropout(_Noise):
    """In training, the inputs times normal numbers of mean 1 and variance rate / (1 - rate)."""

    def __init__(self, rate, **kwargs):
        super().__init__(**kwargs)
        self.rate = check_rate(self, rate)

    def call(self, inputs, training=None):
        """The inputs, noisy if `training`."""
        if not training or not self.rate:
            return inputs
        x = as_tensor(inputs)
        return x * random_normal(x._data.shape, 1.0, sqrt(self.rate / (1.0 - self.rate)), x.dtype)

    def get_config(self):
        """The arguments that make such a layer."""
        return {**super().get_config(), "rate": self.rate}


# what dropped inputs of selu units are set to: its least value, -scale * alpha (Klambauer et al. 2017)
_SELU_LEAST = -1.0507009873554805 * 1.6732632423543772


class AlphaDropout(_Noise):
    """Dropout that keeps mean and variance of inputs from selu units (Klambauer et al. 2017)."""

    def __init__(self, rate, noise_shape=None, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.rate, self.seed = check_rate(self, rate), seed
        self.noise_shape = None if noise_shape is None else tuple(noise_shape)

    def call(self, inputs, training=None):
        """The inputs, a part of them dropped if `training`."""
        if not training or not self.rate:
            return inputs
        x = as_tensor(inputs)
        kept = cast(bernoulli(self._shape(x), 1.0 - self.rate, seed=self.seed), x.dtype)
        scale = ((1 - self.rate) * (1 + self.rate * _SELU_LEAST ** 2)) ** -0.5
        return (x * kept + _SELU_LEAST * (1.0 - kept)) * scale - scale * _SELU_LEAST * self.rate

    def _shape(self, x):
        if self.noise_shape is None:
            return x._data.shape
        return [m if n is None else n for n, m in zip(self.noise_shape, x._data.shape, strict=True)]

    def get_config(self):
        """The arguments that make such a layer."""
        return {**super().get_config(), "rate": self.rate, "noise_shape": self.noise_shape, "seed": self.seed}


class ActivityRegularization(_Noise):
    """The inputs as they are, with a penalty l1 * sum|x| + l2 * sum(x^2) over the batch size in `losses`."""

    def __init__(self, l1=0.0, l2=0.0, **kwargs):
        super().__init__(activity_regularizer=L1L2(l1, l2), **kwargs)
        self.l1, self.l2 = float(l1), float(l2)

    def get_config(self):
        """The arguments that make such a layer."""
        return {**super().get_config(), "l1": self.l1, "l2": self.l2}
