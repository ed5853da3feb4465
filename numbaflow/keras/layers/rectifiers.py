"""Activations that are layers: with settings of their own, or with weights."""
from numbaflow.core.tensor import as_tensor
from numbaflow.ops import activations as ops
from numbaflow.ops.arithmetic import negative
from numbaflow.ops.casting import cast

from .. import activations
from ..engine.base_layer import InputSpec, Layer
from .options import options_of, take_weight_options, weight_options_config


class _Rectifier(Layer):
    """Element by element; abstract."""

    supports_masking = True
    _arguments: tuple = ()

    def compute_output_shape(self, input_shape):
        """The shape given."""
        return input_shape

    def get_config(self):
        """The arguments that make such a layer."""
        return {**super().get_config(), **{name: getattr(self, name) for name in self._arguments}}

    def _number(self, what, value, least=0.0):
        if value is None or float(value) < least:
            raise ValueError(f"{self.name}: {what} of a {type(self).__name__} layer cannot be negative or "
                             f"None, got {value!r}")
        return float(value)


class ReLU(_Rectifier):
    """max(x, 0), with a slope below a threshold and a largest value if these are given.

    >>> import numbaflow as nf
    >>> layer = nf.keras.layers.ReLU(max_value=6.0, negative_slope=0.5)
    >>> layer(nf.constant([-2.0, 3.0, 9.0])).numpy().tolist()
    [-1.0, 3.0, 6.0]
    """

    _arguments = ("max_value", "negative_slope", "threshold")

    def __init__(self, max_value=None, negative_slope=0, threshold=0, **kwargs):
        super().__init__(**kwargs)
        self.max_value = None if max_value is None else self._number("max_value", max_value)
        self.negative_slope, self.threshold = self._number("negative_slope", negative_slope), float(threshold)

    def call(self, inputs):
        """The rectified inputs."""
        return activations.relu(inputs, self.negative_slope, self.max_value, self.threshold)


class LeakyReLU(_Rectifier):
    """x, or alpha * x where x < 0.

    >>> import numbaflow as nf
    >>> nf.keras.layers.LeakyReLU(0.5)(nf.constant([-2.0, 3.0])).numpy().tolist()
    [-1.0, 3.0]
    """

    _arguments = ("alpha",)

    def __init__(self, alpha=0.3, **kwargs):
        super().__init__(**kwargs)
        self.alpha = self._number("alpha", alpha, least=-float("inf"))

    def call(self, inputs):
        """The rectified inputs."""
        return ops.leaky_relu(inputs, self.alpha)


class ELU(_Rectifier):
    """x, or alpha * (exp(x) - 1) where x < 0."""

    _arguments = ("alpha",)

    def __init__(self, alpha=1.0, **kwargs):
        super().__init__(**kwargs)
        self.alpha = self._number("alpha", alpha, least=-float("inf"))

    def call(self, inputs):
        """The activated inputs."""
        return activations.elu(as_tensor(inputs), self.alpha)


class ThresholdedReLU(_Rectifier):
    """x where x > theta, else 0."""

    _arguments = ("theta",)

    def __init__(self, theta=1.0, **kwargs):
        super().__init__(**kwargs)
        self.theta = self._number("theta", theta)

    def call(self, inputs):
        """The rectified inputs."""
        x = as_tensor(inputs)
        return x * cast(x > self.theta, x.dtype)


class Softmax(_Rectifier):
    """exp(x) / sum(exp(x)) along an axis."""

    _arguments = ("axis",)

    def __init__(self, axis=-1, **kwargs):
        super().__init__(**kwargs)
        self.axis = axis

    def call(self, inputs):
        """The probabilities."""
        return activations.softmax(inputs, self.axis)


class PReLU(_Rectifier):
    """x, or alpha * x where x < 0, with a weight alpha for each element of a sample (He et al. 2015).

    Args:
        alpha_initializer, alpha_regularizer, alpha_constraint: of the weight.
        shared_axes: axes of the inputs along which one weight serves, [1, 2] for all of an image.

    >>> import numbaflow as nf
    >>> nf.keras.layers.PReLU("ones")(nf.constant([[-2.0, 3.0]])).numpy().tolist()
    [[-2.0, 3.0]]
    """

    def __init__(self, alpha_initializer="zeros", alpha_regularizer=None, alpha_constraint=None,
                 shared_axes=None, **kwargs):
        super().__init__(**kwargs)
        take_weight_options(self, {"alpha_initializer": alpha_initializer,
                                   "alpha_regularizer": alpha_regularizer,
                                   "alpha_constraint": alpha_constraint})
        axes = [shared_axes] if isinstance(shared_axes, int) else shared_axes
        self.shared_axes = None if axes is None else tuple(axes)

    def build(self, input_shape):
        """Make alpha."""
        shared = [axis % len(input_shape) for axis in self.shared_axes or ()]
        shape = [1 if k in shared else n for k, n in enumerate(input_shape)][1:]
        self.alpha = self.add_weight("alpha", shape, **options_of(self, "alpha"))
        self.input_spec = InputSpec(ndim=len(input_shape), axes={
            k: n for k, n in enumerate(input_shape) if k and k not in shared})
        self.built = True

    def call(self, inputs):
        """The rectified inputs."""
        return ops.relu(inputs) - self.alpha * ops.relu(negative(inputs))

    def get_config(self):
        """The arguments that make such a layer."""
        return {**super().get_config(), **weight_options_config(self), "shared_axes": self.shared_axes}
