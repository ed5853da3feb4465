"""Convolutions of one to three dimensions: plain, transposed, by channel, separable.

Bias and rectifier are part of the convolution's own kernel; other activations follow it.
"""

from numbaflow.core.tensor import as_tensor
from numbaflow.ops.bias import bias_add
from numbaflow.ops.conv import conv_bias
from numbaflow.ops.conv_transpose import conv_transpose

from .. import activations, backend
from ..engine.base_layer import InputSpec, Layer
from .options import (
    last_extent,
    numbers_each,
    options_of,
    take_weight_options,
    weight_options_config,
    whole_number,
)

_FORMATS = {"channels_last": ("NWC", "NHWC", "NDHWC"), "channels_first": ("NCW", "NCHW", "NCDHW")}


def windows_along(extent, window, padding, stride, dilation=1):
    """How many windows fit along an extent; None for an unknown one."""
    if extent is None:
        return None
    reach = (window - 1) * dilation + 1
    room = extent - reach + 1 if padding == "valid" else extent
    return max(-(-room // stride), 0)


def checked_padding(layer, padding, allowed=("valid", "same")):
    """A padding's name in lower case; ValueError that names the layer."""
    name = padding.lower() if isinstance(padding, str) else padding
    if name not in allowed:
        raise ValueError(f"{layer.name}: The `padding` argument must be one of {', '.join(allowed)}. "
                         f"Received: {padding!r}")
    return name


class _Conv(Layer):
    """What all convolutions share; abstract.  A subclass says its `rank` and its kernels."""

    rank = 0
    _paddings: tuple = ("valid", "same")

    def __init__(self, filters, kernel_size, strides, padding, data_format, dilation_rate, activation,
                 use_bias, activity_regularizer, options, kwargs):
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        n = self.rank
        self.filters = None if filters is None else whole_number(self, "filters", filters)
        self.kernel_size = numbers_each(self, "kernel_size", kernel_size, n)
        self.strides = numbers_each(self, "strides", strides, n)
        self.padding = checked_padding(self, padding, self._paddings)
        self.data_format = backend.checked_data_format(data_format, self.name)
        self.dilation_rate = numbers_each(self, "dilation_rate", dilation_rate, n)
        self.activation, self.use_bias = activations.get(activation), use_bias
        take_weight_options(self, options)
        self.input_spec = InputSpec(ndim=n + 2)
        self.__dict__.update(_format=_FORMATS[self.data_format][n - 1], **self._split_activation())

    def _split_activation(self):
        """The activation as what the kernel computes, and what is called after it."""
        fused = {activations.linear: None, activations.relu: "relu"}
        if self.activation in fused:
            return {"_fused": fused[self.activation], "_act": None}
        return {"_fused": None, "_act": self.activation}

    _channel_axis = property(lambda self: 1 if self.data_format == "channels_first" else -1)

    def _padding_of_op(self):
        if self.padding == "causal":
            return (((self.kernel_size[0] - 1) * self.dilation_rate[0], 0),)
        return self.padding.upper()

    def _channels(self, input_shape):
        channels = last_extent(self, input_shape, self._channel_axis)
        self.input_spec = InputSpec(ndim=self.rank + 2, axes={self._channel_axis: channels})
        return channels

    def _add_bias(self, n):
        self.bias = self.add_weight("bias", (n,), **options_of(self, "bias")) if self.use_bias else None

    def _convolved(self, x, kernel, bias, fused):
        return conv_bias(x, kernel, bias, self.strides, self._padding_of_op(), self.dilation_rate,
                         self._format, fused)

    def _activated(self, y):
        return y if self._act is None else self._act(y)

    def _output_channels(self, channels):
        return self.filters

    def _extent_out(self, extent, k):
        return windows_along(extent, self.kernel_size[k], self.padding, self.strides[k],
                             self.dilation_rate[k])

    def compute_output_shape(self, input_shape):
        """The shape of the outputs."""
        first = self.data_format == "channels_first"
        extents = input_shape[2:] if first else input_shape[1:-1]
        out = [self._extent_out(extent, k) for k, extent in enumerate(extents)]
        channels = self._output_channels(input_shape[1 if first else -1])
        return (input_shape[0], channels, *out) if first else (input_shape[0], *out, channels)

    def get_config(self):
        """The arguments that make such a layer."""
        config = {**super().get_config(), "filters": self.filters, "kernel_size": self.kernel_size,
                  "strides": self.strides, "padding": self.padding, "data_format": self.data_format,
                  "dilation_rate": self.dilation_rate, "use_bias": self.use_bias,
                  "activation": activations.serialize(self.activation), **weight_options_config(self)}
        if self.filters is None:
            del config["filters"]
        return config


class _PlainConv(_Conv):
    """A convolution with one kernel [*kernel_size, channels, filters]; abstract."""

    def build(self, input_shape):
        """Make the kernel and the bias."""
        channels = self._channels(input_shape)
        self.kernel = self.add_weight("kernel", (*self.kernel_size, channels, self.filters),
                                      **options_of(self, "kernel"))
        self._add_bias(self.filters)
        self.built = True

    def call(self, inputs):
        """activation(inputs * kernel + bias)."""
        return self._activated(self._convolved(inputs, self.kernel, self.bias, self._fused))


def _kernel_options(kernel_initializer, bias_initializer, kernel_regularizer, bias_regularizer,
                    kernel_constraint, bias_constraint):
    return {"kernel_initializer": kernel_initializer, "bias_initializer": bias_initializer,
            "kernel_regularizer": kernel_regularizer, "bias_regularizer": bias_regularizer,
            "kernel_constraint": kernel_constraint, "bias_constraint": bias_constraint}


class Conv1D(_PlainConv):
    """Convolution of sequences [n, steps, channels].

    Args:
        filters: the number of outputs.
        kernel_size, strides, dilation_rate: an integer each.
        padding: "valid" for windows inside the sequence only, "same" for as many outputs as inputs (at stride
            1), "causal" for the same with outputs that do not depend on later inputs.
        data_format: "channels_last", or "channels_first" for [n, channels, steps].
        activation: a function or its name, none by default.
        use_bias: whether there is a bias.
        kernel_initializer, bias_initializer, kernel_regularizer, bias_regularizer, activity_regularizer,
            kernel_constraint, bias_constraint: as in `Dense`.

    Raises:
        ValueError: inputs of another rank, or of another number of channels than it was built for.

    >>> import numbaflow as nf
    >>> layer = nf.keras.layers.Conv1D(1, 2, padding="causal", kernel_initializer="ones")
    >>> layer(nf.constant([[[1.0], [2.0], [3.0]]])).numpy().ravel().tolist()
    [1.0, 3.0, 5.0]
    """

    rank = 1
    _paddings = ("valid", "same", "causal")

    def __init__(self, filters, kernel_size, strides=1, padding="valid", data_format="channels_last",
                 dilation_rate=1, activation=None, use_bias=True, kernel_initializer="glorot_uniform",
                 bias_initializer="zeros", kernel_regularizer=None, bias_regularizer=None,
                 activity_regularizer=None, kernel_constraint=None, bias_constraint=None, **kwargs):
        options = _kernel_options(kernel_initializer, bias_initializer, kernel_regularizer, bias_regularizer,
                                  kernel_constraint, bias_constraint)
        super().__init__(filters, kernel_size, strides, padding, data_format, dilation_rate, activation,
                         use_bias, activity_regularizer, options, kwargs)


class Conv2D(_PlainConv):
    """Convolution of images [n, height, width, channels].

    Args:
        filters: the number of outputs.
        kernel_size, strides, dilation_rate: an integer, or two of them for height and width.
        padding: "valid" for windows inside the image only, or "same" for an output as large as the input (at
            stride 1).
        data_format: "channels_last", or "channels_first" for [n, channels, height, width].
        activation: a function or its name, none by default.
        use_bias: whether there is a bias.
        kernel_initializer, bias_initializer, kernel_regularizer, bias_regularizer, activity_regularizer,
            kernel_constraint, bias_constraint: as in `Dense`.

    Raises:
        ValueError: inputs of another rank, or of another number of channels than it was built for.

    >>> import numbaflow as nf
    >>> nf.keras.layers.Conv2D(16, [3, 3], activation="relu")(nf.zeros((1, 28, 28, 1))).shape
    (1, 26, 26, 16)
    """

    rank = 2

    def __init__(self, filters, kernel_size, strides=(1, 1), padding="valid", data_format=None,
                 dilation_rate=(1, 1), activation=None, use_bias=True, kernel_initializer="glorot_uniform",
                 bias_initializer="zeros", kernel_regularizer=None, bias_regularizer=None,
                 activity_regularizer=None, kernel_constraint=None, bias_constraint=None, **kwargs):
        options = _kernel_options(kernel_initializer, bias_initializer, kernel_regularizer, bias_regularizer,
                                  kernel_constraint, bias_constraint)
        super().__init__(filters, kernel_size, strides, padding, data_format, dilation_rate, activation,
                         use_bias, activity_regularizer, options, kwargs)


class Conv3D(_PlainConv):
    """Convolution of volumes [n, depth, height, width, channels]; arguments as in `Conv2D`.

    >>> import numbaflow as nf
    >>> nf.keras.layers.Conv3D(2, 3, padding="same")(nf.zeros((1, 4, 5, 6, 1))).shape
    (1, 4, 5, 6, 2)
    """

    rank = 3

    def __init__(self, filters, kernel_size, strides=(1, 1, 1), padding="valid", data_format=None,
                 dilation_rate=(1, 1, 1), activation=None, use_bias=True, kernel_initializer="glorot_uniform",
                 bias_initializer="zeros", kernel_regularizer=None, bias_regularizer=None,
                 activity_regularizer=None, kernel_constraint=None, bias_constraint=None, **kwargs):
        options = _kernel_options(kernel_initializer, bias_initializer, kernel_regularizer, bias_regularizer,
                                  kernel_constraint, bias_constraint)
        super().__init__(filters, kernel_size, strides, padding, data_format, dilation_rate, activation,
                         use_bias, activity_regularizer, options, kwargs)


# ---- transposed
class _ConvTranspose(_Conv):
    """A convolution turned around, with a kernel [*kernel_size, filters, channels]; abstract."""

    def __init__(self, *args, output_padding=None, **kwargs):
        super().__init__(*args, **kwargs)
        self.output_padding = None
        if output_padding is not None:
            self.output_padding = numbers_each(self, "output_padding", output_padding, self.rank, least=0)
            if any(p >= s for p, s in zip(self.output_padding, self.strides, strict=True)):
                raise ValueError(f"{self.name}: Stride {self.strides} must be greater than output padding "
                                 f"{self.output_padding}")

    def build(self, input_shape):
        """Make the kernel and the bias."""
        channels = self._channels(input_shape)
        self.kernel = self.add_weight("kernel", (*self.kernel_size, self.filters, channels),
                                      **options_of(self, "kernel"))
        self._add_bias(self.filters)
        self.built = True

    def call(self, inputs):
        """activation(inputs, spread by the kernel, + bias)."""
        x = as_tensor(inputs)
        shape = self.compute_output_shape(x._data.shape)
        y = conv_transpose(x, self.kernel, shape, self.strides, self._edges(), self._format,
                           self.dilation_rate)
        if self.bias is not None:
            y = bias_add(y, self.bias, self._format)
        return self.activation(y)

    def _edges(self):
        """The padding of the convolution that this turns around."""
        if self.output_padding is None:
            return self.padding.upper()
        return tuple((k // 2, k // 2) if self.padding == "same" else (0, 0) for k in self.kernel_size)

    def _extent_out(self, extent, k):
        if extent is None:
            return None
        stride, window = self.strides[k], (self.kernel_size[k] - 1) * self.dilation_rate[k] + 1
        if self.output_padding is None:
            return extent * stride + (max(window - stride, 0) if self.padding == "valid" else 0)
        cut = window // 2 if self.padding == "same" else 0
        return (extent - 1) * stride + window - 2 * cut + self.output_padding[k]

    def get_config(self):
        """The arguments that make such a layer."""
        return {**super().get_config(), "output_padding": self.output_padding}


class Conv2DTranspose(_ConvTranspose):
    """The transpose of a convolution: from images of its outputs' size to images of its inputs' size.

    Args:
        filters: the number of outputs.
        kernel_size, strides, dilation_rate: an integer, or two of them for height and width.
        padding: "valid" or "same".
        output_padding: how many rows and columns there are in addition, less than the strides; without it the
            output is `strides` times as large for "same".
        data_format: "channels_last", or "channels_first" for [n, channels, height, width].
        activation, use_bias, kernel_initializer, bias_initializer, kernel_regularizer, bias_regularizer,
            activity_regularizer, kernel_constraint, bias_constraint: as in `Conv2D`.

    >>> import numbaflow as nf
    >>> nf.keras.layers.Conv2DTranspose(4, 3, strides=2, padding="same")(nf.zeros((1, 7, 7, 2))).shape
    (1, 14, 14, 4)
    """

    rank = 2

    def __init__(self, filters, kernel_size, strides=(1, 1), padding="valid", output_padding=None,
                 data_format=None, dilation_rate=(1, 1), activation=None, use_bias=True,
                 kernel_initializer="glorot_uniform", bias_initializer="zeros", kernel_regularizer=None,
                 bias_regularizer=None, activity_regularizer=None, kernel_constraint=None,
                 bias_constraint=None, **kwargs):
        options = _kernel_options(kernel_initializer, bias_initializer, kernel_regularizer, bias_regularizer,
                                  kernel_constraint, bias_constraint)
        super().__init__(filters, kernel_size, strides, padding, data_format, dilation_rate, activation,
                         use_bias, activity_regularizer, options, kwargs, output_padding=output_padding)


class Conv3DTranspose(_ConvTranspose):
    """The transpose of a convolution of volumes; arguments as in `Conv2DTranspose`.

    >>> import numbaflow as nf
    >>> nf.keras.layers.Conv3DTranspose(4, 3, strides=2)(nf.zeros((1, 2, 2, 2, 1))).shape
    (1, 5, 5, 5, 4)
    """

    rank = 3

    def __init__(self, filters, kernel_size, strides=(1, 1, 1), padding="valid", output_padding=None,
                 data_format=None, activation=None, use_bias=True, kernel_initializer="glorot_uniform",
                 bias_initializer="zeros", kernel_regularizer=None, bias_regularizer=None,
                 activity_regularizer=None, kernel_constraint=None, bias_constraint=None, **kwargs):
        options = _kernel_options(kernel_initializer, bias_initializer, kernel_regularizer, bias_regularizer,
                                  kernel_constraint, bias_constraint)
        super().__init__(filters, kernel_size, strides, padding, data_format, 1, activation, use_bias,
                         activity_regularizer, options, kwargs, output_padding=output_padding)

    def get_config(self):
        """The arguments that make such a layer."""
        return {key: value for key, value in super().get_config().items() if key != "dilation_rate"}
