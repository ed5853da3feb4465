"""Normalization: by the statistics of a batch and their moving means, and by those of each sample."""
import numpy as np

from numbaflow.core.device_variable import OnDevice
from numbaflow.core.placement import brought, fetch
from numbaflow.core.tape import silent, stack
from numbaflow.core.tensor import as_tensor, wrap
from numbaflow.kernels import optimizers as kernels
from numbaflow.ops.layer_norm import layer_normalization
from numbaflow.ops.normalization import fused_batch_norm
from numbaflow.train import device_steps

from ..engine.base_layer import InputSpec, Layer
from ..engine.calls import running
from .options import last_extent, options_of, take_weight_options, weight_options_config


class BatchNormalization(Layer):
    """Each channel to mean 0 and variance 1 over the batch, then * gamma + beta (Ioffe & Szegedy 2015).

    In training the statistics are the batch's, and the moving ones follow them by 1 - momentum; otherwise the
    moving ones are used.

    Args:
        axis: the axis of channels.
        momentum: how much of the moving statistics stays at a step.
        epsilon: is added to the variance.
        center, scale: whether there is a beta, and a gamma.
        beta_initializer, gamma_initializer, moving_mean_initializer, moving_variance_initializer,
            beta_regularizer, gamma_regularizer, beta_constraint, gamma_constraint: of the weights.
        renorm, virtual_batch_size, adjustment: not supported.
        renorm_clipping, renorm_momentum, fused: accepted; there is one kernel for all.

    The moving variance is that of the batch as a sample, with n - 1 in its divisor.

    Raises:
        ValueError: an option that is not supported, or inputs of another number of channels.

    >>> import numbaflow as nf
    >>> layer = nf.keras.layers.BatchNormalization(epsilon=0.0)
    >>> layer(nf.constant([[1.0], [3.0]]), training=True).numpy().round(4).tolist()
    [[-1.0], [1.0]]
    >>> layer.moving_mean.numpy().round(4)
    array([0.02], dtype=float32)
    """

    supports_masking = True

    def __init__(self, axis=-1, momentum=0.99, epsilon=1e-3, center=True, scale=True,
                 beta_initializer="zeros", gamma_initializer="ones", moving_mean_initializer="zeros",
                 moving_variance_initializer="ones", beta_regularizer=None, gamma_regularizer=None,
                 beta_constraint=None, gamma_constraint=None, renorm=False, renorm_clipping=None,
                 renorm_momentum=0.99, fused=None, trainable=True, virtual_batch_size=None, adjustment=None,
                 name=None, **kwargs):
        super().__init__(trainable=trainable, name=name, **kwargs)
        for option, value in (("renorm", renorm), ("virtual_batch_size", virtual_batch_size),
                              ("adjustment", adjustment)):
            if value:
                raise ValueError(f"{self.name}: BatchNormalization does not support {option}, got {value!r}")
        self.axis = _one_axis(self, axis)
        self.momentum, self.epsilon, self.center, self.scale = float(momentum), float(epsilon), center, scale
        take_weight_options(self, {
            "beta_initializer": beta_initializer, "gamma_initializer": gamma_initializer,
            "moving_mean_initializer": moving_mean_initializer,
            "moving_variance_initializer": moving_variance_initializer, "beta_regularizer": beta_regularizer,
            "gamma_regularizer": gamma_regularizer, "beta_constraint": beta_constraint,
            "gamma_constraint": gamma_constraint})

    def build(self, input_shape):
        """Make gamma, beta and the moving statistics."""
        _check_axis(self, self.axis, input_shape)
        n = last_extent(self, input_shape, self.axis)
        self.input_spec = InputSpec(ndim=len(input_shape), axes={self.axis: n})
        self.gamma = self.add_weight("gamma", (n,), **options_of(self, "gamma")) if self.scale else None
        self.beta = self.add_weight("beta", (n,), **options_of(self, "beta")) if self.center else None
        self.moving_mean = self.add_weight("moving_mean", (n,), initializer=self.moving_mean_initializer,
                                           trainable=False)
        self.moving_variance = self.add_weight("moving_variance", (n,), trainable=False,
                                               initializer=self.moving_variance_initializer)
        dtype = self.moving_mean.dtype.dtype
        self.__dict__["_fixed"] = wrap(np.ones(n, dtype)), wrap(np.zeros(n, dtype))
        self.built = True

    def call(self, inputs, training=None):
        """The normalized inputs."""
        scale = self._fixed[0] if self.gamma is None else self.gamma
        offset = self._fixed[1] if self.beta is None else self.beta
        if not training:
            return fused_batch_norm(inputs, scale, offset, self.moving_mean, self.moving_variance,
                                    self.epsilon, is_training=False, axis=self.axis)[0]
        x = as_tensor(inputs)
        y, mean, variance = fused_batch_norm(x, scale, offset, epsilon=self.epsilon, axis=self.axis)
        if x._data.size and not running.probing:
            try:
                self._follow(self.moving_mean, mean)
                self._follow(self.moving_variance, variance)
            finally:
                if stack.frame[2] is None:
                    device_steps.launch()
        return y

    def _follow(self, moving, value):
        """moving * momentum + value * (1 - momentum), which no tape records."""
        if stack.frame[2] is not None:
            with silent():
                moving.assign(moving * self.momentum + value._renewed() * (1.0 - self.momentum))
            return
        if isinstance(moving, OnDevice):
            value = brought(value, moving._place)
            device_steps.step(kernels.moving_average, (moving,), value, (1.0 - self.momentum,))
            return
        moving.assign(moving.numpy() * self.momentum + fetch(value) * (1.0 - self.momentum))

    def compute_output_shape(self, input_shape):
        """The shape given."""
        return input_shape

    def get_config(self):
        """The arguments that make such a layer."""
        return {**super().get_config(), "axis": self.axis, "momentum": self.momentum, "epsilon": self.epsilon,
                "center": self.center, "scale": self.scale, **weight_options_config(self)}


def _one_axis(layer, axis):
    if isinstance(axis, (list, tuple)) and len(axis) == 1:
        axis = axis[0]
    if isinstance(axis, bool) or not isinstance(axis, (int, np.integer)):
        raise ValueError(f"{layer.name}: BatchNormalization normalizes along one axis, an integer, got "
                         f"{axis!r}")
    return int(axis)


def _check_axis(layer, axis, shape):
    if not -len(shape) <= axis < len(shape):
        raise ValueError(f"{layer.name}: Invalid axis: {axis}; inputs have shape {tuple(shape)}")


class LayerNormalization(Layer):
    """Each sample to mean 0 and variance 1 over an axis, then * gamma + beta (Ba et al. 2016).

    Args:
        axis: the axis that statistics are taken over, or a list of them.
        epsilon: is added to the variance.
        center, scale: whether there is a beta, and a gamma.
        beta_initializer, gamma_initializer, beta_regularizer, gamma_regularizer, beta_constraint,
            gamma_constraint: of the weights.

    >>> import numbaflow as nf
    >>> layer = nf.keras.layers.LayerNormalization(epsilon=0.0)
    >>> layer(nf.constant([[1.0, 3.0], [10.0, 30.0]])).numpy().tolist()
    [[-1.0, 1.0], [-1.0, 1.0]]
    """

    supports_masking = True

    def __init__(self, axis=-1, epsilon=1e-3, center=True, scale=True, beta_initializer="zeros",
                 gamma_initializer="ones", beta_regularizer=None, gamma_regularizer=None,
                 beta_constraint=None, gamma_constraint=None, **kwargs):
        super().__init__(**kwargs)
        self.axis = tuple(axis) if isinstance(axis, (list, tuple)) else axis
        self.epsilon, self.center, self.scale = float(epsilon), center, scale
        take_weight_options(self, {
            "beta_initializer": beta_initializer, "gamma_initializer": gamma_initializer,
            "beta_regularizer": beta_regularizer, "gamma_regularizer": gamma_regularizer,
            "beta_constraint": beta_constraint, "gamma_constraint": gamma_constraint})

    def build(self, input_shape):
        """Make gamma and beta."""
        axes = self.axis if isinstance(self.axis, tuple) else (self.axis,)
        for axis in axes:
            _check_axis(self, axis, input_shape)
        axes = sorted({axis % len(input_shape) for axis in axes})
        shape = [last_extent(self, input_shape, axis) for axis in axes]
        self.input_spec = InputSpec(ndim=len(input_shape), axes=dict(zip(axes, shape, strict=True)))
        self.gamma = self.add_weight("gamma", shape, **options_of(self, "gamma")) if self.scale else None
        self.beta = self.add_weight("beta", shape, **options_of(self, "beta")) if self.center else None
        self.built = True

    def call(self, inputs):
        """The normalized inputs."""
        return layer_normalization(inputs, self.gamma, self.beta, self.axis, self.epsilon)

    def compute_output_shape(self, input_shape):
        """The shape given."""
        return input_shape

    def get_config(self):
        """The arguments that make such a layer."""
        return {**super().get_config(), "axis": self.axis, "epsilon": self.epsilon, "center": self.center,
                "scale": self.scale, **weight_options_config(self)}
