"""Convolutions of each channel by itself, alone or with one that mixes the channels after it."""
from math import prod

from numbaflow.ops.conv import conv_bias
from numbaflow.ops.shape import reshape

from .convolutional import _Conv
from .options import options_of, whole_number


class _ChannelConv(_Conv):
    """A convolution with a depthwise kernel [*kernel_size, channels, depth_multiplier]; abstract."""

    def __init__(self, *args, depth_multiplier=1, **kwargs):
        super().__init__(*args, **kwargs)
        self.depth_multiplier = whole_number(self, "depth_multiplier", depth_multiplier)

    def _add_depthwise(self, channels):
        shape = (*self.kernel_size, channels, self.depth_multiplier)
        self.depthwise_kernel = self.add_weight("depthwise_kernel", shape, **options_of(self, "depthwise"))

    def _by_channel(self, x, bias, fused):
        """The convolution in as many groups as channels, with a kernel [*kernel_size, 1, outputs]."""
        kernel = self.depthwise_kernel
        outputs = prod(kernel.shape[-2:])
        return self._convolved(x, reshape(kernel, (*self.kernel_size, 1, outputs)), bias, fused)

    def get_config(self):
        """The arguments that make such a layer."""
        return {**super().get_config(), "depth_multiplier": self.depth_multiplier}


class DepthwiseConv2D(_ChannelConv):
    """A convolution of each channel of images by itself, with `depth_multiplier` filters for each.

    Args:
        kernel_size, strides, dilation_rate: an integer, or two of them for height and width.
        padding: "valid" or "same".
        depth_multiplier: the number of outputs of one channel.
        data_format: "channels_last", or "channels_first" for [n, channels, height, width].
        activation, use_bias, depthwise_initializer, bias_initializer, depthwise_regularizer,
            bias_regularizer, activity_regularizer, depthwise_constraint, bias_constraint: as in `Conv2D`.

    >>> import numbaflow as nf
    >>> nf.keras.layers.DepthwiseConv2D(3, depth_multiplier=2)(nf.zeros((1, 5, 5, 4))).shape
    (1, 3, 3, 8)
    """

    rank = 2

    def __init__(self, kernel_size, strides=(1, 1), padding="valid", depth_multiplier=1, data_format=None,
                 activation=None, use_bias=True, depthwise_initializer="glorot_uniform",
                 bias_initializer="zeros", depthwise_regularizer=None, bias_regularizer=None,
                 activity_regularizer=None, depthwise_constraint=None, bias_constraint=None,
                 dilation_rate=(1, 1), **kwargs):
        options = {"depthwise_initializer": depthwise_initializer, "bias_initializer": bias_initializer,
                   "depthwise_regularizer": depthwise_regularizer, "bias_regularizer": bias_regularizer,
                   "depthwise_constraint": depthwise_constraint, "bias_constraint": bias_constraint}
        super().__init__(None, kernel_size, strides, padding, data_format, dilation_rate, activation,
                         use_bias, activity_regularizer, options, kwargs, depth_multiplier=depth_multiplier)

    def build(self, input_shape):
        """Make the kernel and the bias."""
        channels = self._channels(input_shape)
        self._add_depthwise(channels)
        self._add_bias(channels * self.depth_multiplier)
        self.built = True

    def call(self, inputs):
        """activation(inputs * kernel + bias)."""
        return self._activated(self._by_channel(inputs, self.bias, self._fused))

    def _output_channels(self, channels):
        return None if channels is None else channels * self.depth_multiplier


class _SeparableConv(_ChannelConv):
    """A convolution of each channel by itself, then one of single pixels that mixes them; abstract."""

    def __init__(self, filters, kernel_size, strides, padding, data_format, dilation_rate, depth_multiplier,
                 activation, use_bias, depthwise_initializer, pointwise_initializer, bias_initializer,
                 depthwise_regularizer, pointwise_regularizer, bias_regularizer, activity_regularizer,
                 depthwise_constraint, pointwise_constraint, bias_constraint, **kwargs):
        options = {"depthwise_initializer": depthwise_initializer,
                   "pointwise_initializer": pointwise_initializer, "bias_initializer": bias_initializer,
                   "depthwise_regularizer": depthwise_regularizer,
                   "pointwise_regularizer": pointwise_regularizer, "bias_regularizer": bias_regularizer,
                   "depthwise_constraint": depthwise_constraint, "pointwise_constraint": pointwise_constraint,
                   "bias_constraint": bias_constraint}
        super().__init__(filters, kernel_size, strides, padding, data_format, dilation_rate, activation,
                         use_bias, activity_regularizer, options, kwargs, depth_multiplier=depth_multiplier)

    def build(self, input_shape):
        """Make the two kernels and the bias."""
        channels = self._channels(input_shape)
        self._add_depthwise(channels)
        shape = (*(1,) * self.rank, channels * self.depth_multiplier, self.filters)
        self.pointwise_kernel = self.add_weight("pointwise_kernel", shape, **options_of(self, "pointwise"))
        self._add_bias(self.filters)
        self.built = True

    def call(self, inputs):
        """activation((inputs * depthwise kernel) * pointwise kernel + bias)."""
        each = self._by_channel(inputs, None, None)
        return self._activated(conv_bias(each, self.pointwise_kernel, self.bias, 1, "VALID", 1, self._format,
                                         self._fused))


class SeparableConv1D(_SeparableConv):
    """Separable convolution of sequences [n, steps, channels]; arguments as in `SeparableConv2D`.

    `padding` may also be "causal".
    """

    rank = 1
    _paddings = ("valid", "same", "causal")

    def __init__(self, filters, kernel_size, strides=1, padding="valid", data_format=None, dilation_rate=1,
                 depth_multiplier=1, activation=None, use_bias=True, depthwise_initializer="glorot_uniform",
                 pointwise_initializer="glorot_uniform", bias_initializer="zeros", depthwise_regularizer=None,
                 pointwise_regularizer=None, bias_regularizer=None, activity_regularizer=None,
                 depthwise_constraint=None, pointwise_constraint=None, bias_constraint=None, **kwargs):
        super().__init__(filters, kernel_size, strides, padding, data_format, dilation_rate, depth_multiplier,
                         activation, use_bias, depthwise_initializer, pointwise_initializer, bias_initializer,
                         depthwise_regularizer, pointwise_regularizer, bias_regularizer, activity_regularizer,
                         depthwise_constraint, pointwise_constraint, bias_constraint, **kwargs)


class SeparableConv2D(_SeparableConv):
    """Separable convolution of images: each channel by itself, then a mix of channels (Chollet 2016).

    Args:
        filters: the number of outputs.
        kernel_size, strides, dilation_rate, padding, data_format: of the convolution by channel, as in
            `Conv2D`.
        depth_multiplier: the number of filters of one channel.
        activation, use_bias: as in `Conv2D`.
        depthwise_initializer, pointwise_initializer, bias_initializer, depthwise_regularizer,
            pointwise_regularizer, bias_regularizer, activity_regularizer, depthwise_constraint,
            pointwise_constraint, bias_constraint: of the two kernels, the bias and the outputs.

    >>> import numbaflow as nf
    >>> layer = nf.keras.layers.SeparableConv2D(6, 3, depth_multiplier=2)
    >>> layer(nf.zeros((1, 5, 5, 4))).shape, [tuple(v.shape) for v in layer.weights]
    ((1, 3, 3, 6), [(3, 3, 4, 2), (1, 1, 8, 6), (6,)])
    """

    rank = 2

    def __init__(self, filters, kernel_size, strides=(1, 1), padding="valid", data_format=None,
                 dilation_rate=(1, 1), depth_multiplier=1, activation=None, use_bias=True,
                 depthwise_initializer="glorot_uniform", pointwise_initializer="glorot_uniform",
                 bias_initializer="zeros", depthwise_regularizer=None, pointwise_regularizer=None,
                 bias_regularizer=None, activity_regularizer=None, depthwise_constraint=None,
                 pointwise_constraint=None, bias_constraint=None, **kwargs):
        super().__init__(filters, kernel_size, strides, padding, data_format, dilation_rate, depth_multiplier,
                         activation, use_bias, depthwise_initializer, pointwise_initializer, bias_initializer,
                         depthwise_regularizer, pointwise_regularizer, bias_regularizer, activity_regularizer,
                         depthwise_constraint, pointwise_constraint, bias_constraint, **kwargs)
