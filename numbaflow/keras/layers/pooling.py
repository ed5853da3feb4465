"""Pooling: the largest element or the mean of windows, or of all there is between batch and channels."""
from typing import Any

from numbaflow.core.tensor import as_tensor
from numbaflow.ops import pooling as ops
from numbaflow.ops.casting import cast
from numbaflow.ops.reduce import reduce_max, reduce_mean, reduce_sum
from numbaflow.ops.shape import expand_dims

from .. import backend
from ..engine.base_layer import InputSpec, Layer
from .convolutional import _FORMATS, checked_padding, windows_along
from .options import numbers_each


class _Pooling(Layer):
    """Pooling over windows; abstract."""

    rank = 0
    _op: Any = None                 # the function of nf.nn

    def __init__(self, pool_size, strides, padding, data_format, **kwargs):
        super().__init__(**kwargs)
        self.pool_size = numbers_each(self, "pool_size", pool_size, self.rank)
        self.strides = self.pool_size if strides is None else numbers_each(self, "strides", strides,
                                                                           self.rank)
        self.padding = checked_padding(self, padding)
        self.data_format = backend.checked_data_format(data_format, self.name)
        self.input_spec = InputSpec(ndim=self.rank + 2)

    def call(self, inputs):
        """The pooled inputs."""
        return self._op(inputs, self.pool_size, self.strides, self.padding.upper(),
                        _FORMATS[self.data_format][self.rank - 1])

    def compute_output_shape(self, input_shape):
        """The shape of the outputs."""
        first = 2 if self.data_format == "channels_first" else 1
        out = list(input_shape)
        for k in range(self.rank):
            out[first + k] = windows_along(out[first + k], self.pool_size[k], self.padding, self.strides[k])
        return tuple(out)

    def get_config(self):
        """The arguments that make such a layer."""
        return {**super().get_config(), "pool_size": self.pool_size, "strides": self.strides,
                "padding": self.padding, "data_format": self.data_format}


class MaxPooling1D(_Pooling):
    """The largest element of each window of sequences [n, steps, channels], by channel.

    Args:
        pool_size: the window, an integer.
        strides: how far apart windows start; the window's size by default.
        padding: "valid" for windows inside the input only, "same" for ceil(extent / stride) windows.
        data_format: "channels_last", or "channels_first" where channels stand second.

    >>> import numbaflow as nf
    >>> nf.keras.layers.MaxPooling1D()(nf.zeros((1, 4, 3))).shape
    (1, 2, 3)
    """

    rank, _op = 1, staticmethod(ops.max_pool)

    def __init__(self, pool_size=2, strides=None, padding="valid", data_format="channels_last", **kwargs):
        super().__init__(pool_size, strides, padding, data_format, **kwargs)


class MaxPooling2D(_Pooling):
    """The largest element of each window of images [n, height, width, channels], by channel.

    Args:
        pool_size: the window, an integer, or two of them for height and width.
        strides: how far apart windows start; the window's size by default.
        padding: "valid" for windows inside the input only, "same" for ceil(extent / stride) windows.
        data_format: "channels_last", or "channels_first" where channels stand second.

    >>> import numbaflow as nf
    >>> nf.keras.layers.MaxPooling2D()(nf.zeros((1, 4, 4, 3))).shape
    (1, 2, 2, 3)
    """

    rank, _op = 2, staticmethod(ops.max_pool)

    def __init__(self, pool_size=(2, 2), strides=None, padding="valid", data_format=None, **kwargs):
        super().__init__(pool_size, strides, padding, data_format, **kwargs)


class MaxPooling3D(_Pooling):
    """The largest element of each window of volumes [n, depth, height, width, channels], by channel.

    Args:
        pool_size: the window, an integer, or three of them.
        strides: how far apart windows start; the window's size by default.
        padding: "valid" for windows inside the input only, "same" for ceil(extent / stride) windows.
        data_format: "channels_last", or "channels_first" where channels stand second.

    >>> import numbaflow as nf
    >>> nf.keras.layers.MaxPooling3D()(nf.zeros((1, 4, 4, 4, 3))).shape
    (1, 2, 2, 2, 3)
    """

    rank, _op = 3, staticmethod(ops.max_pool)

    def __init__(self, pool_size=(2, 2, 2), strides=None, padding="valid", data_format=None, **kwargs):
        super().__init__(pool_size, strides, padding, data_format, **kwargs)


class AveragePooling1D(_Pooling):
    """The mean of each window of sequences [n, steps, channels], by channel.

    Args:
        pool_size: the window, an integer.
        strides: how far apart windows start; the window's size by default.
        padding: "valid" for windows inside the input only, "same" for ceil(extent / stride) windows.
        data_format: "channels_last", or "channels_first" where channels stand second.

    >>> import numbaflow as nf
    >>> nf.keras.layers.AveragePooling1D()(nf.zeros((1, 4, 3))).shape
    (1, 2, 3)
    """

    rank, _op = 1, staticmethod(ops.avg_pool)

    def __init__(self, pool_size=2, strides=None, padding="valid", data_format="channels_last", **kwargs):
        super().__init__(pool_size, strides, padding, data_format, **kwargs)


class AveragePooling2D(_Pooling):
    """The mean of each window of images [n, height, width, channels], by channel.

    Args:
        pool_size: the window, an integer, or two of them for height and width.
        strides: how far apart windows start; the window's size by default.
        padding: "valid" for windows inside the input only, "same" for ceil(extent / stride) windows.
        data_format: "channels_last", or "channels_first" where channels stand second.

    >>> import numbaflow as nf
    >>> nf.keras.layers.AveragePooling2D()(nf.zeros((1, 4, 4, 3))).shape
    (1, 2, 2, 3)
    """

    rank, _op = 2, staticmethod(ops.avg_pool)

    def __init__(self, pool_size=(2, 2), strides=None, padding="valid", data_format=None, **kwargs):
        super().__init__(pool_size, strides, padding, data_format, **kwargs)


class AveragePooling3D(_Pooling):
    """The mean of each window of volumes [n, depth, height, width, channels], by channel.

    Args:
        pool_size: the window, an integer, or three of them.
        strides: how far apart windows start; the window's size by default.
        padding: "valid" for windows inside the input only, "same" for ceil(extent / stride) windows.
        data_format: "channels_last", or "channels_first" where channels stand second.

    >>> import numbaflow as nf
    >>> nf.keras.layers.AveragePooling3D()(nf.zeros((1, 4, 4, 4, 3))).shape
    (1, 2, 2, 2, 3)
    """

    rank, _op = 3, staticmethod(ops.avg_pool)

    def __init__(self, pool_size=(2, 2, 2), strides=None, padding="valid", data_format=None, **kwargs):
        super().__init__(pool_size, strides, padding, data_format, **kwargs)


# ---- over everything
class _GlobalPooling(Layer):
    """Pooling over all axes between batch and channels; abstract."""

    rank = 0
    _reduce: Any = None

    def __init__(self, data_format=None, **kwargs):
        super().__init__(**kwargs)
        self.data_format = backend.checked_data_format(data_format, self.name)
        self.input_spec = InputSpec(ndim=self.rank + 2)

    def _axes(self):
        return list(range(2,
                          self.rank + 2) if self.data_format == "channels_first" else range(1, self.rank + 1))

    def call(self, inputs):
        """The pooled inputs [n, channels]."""
        return self._reduce(inputs, self._axes())

    def compute_output_shape(self, input_shape):
        """[n, channels]."""
        return (input_shape[0], input_shape[1 if self.data_format == "channels_first" else -1])

    def get_config(self):
        """The arguments that make such a layer."""
        return {**super().get_config(), "data_format": self.data_format}


class GlobalAveragePooling1D(_GlobalPooling):
    """The mean over the steps of sequences [n, steps, channels], of those that the mask has if there is one.

    >>> import numbaflow as nf
    >>> nf.keras.layers.GlobalAveragePooling1D()(nf.constant([[[1.0], [3.0]]])).numpy().tolist()
    [[2.0]]
    """

    rank, _reduce, supports_masking = 1, staticmethod(reduce_mean), True

    def __init__(self, data_format="channels_last", **kwargs):
        super().__init__(data_format, **kwargs)

    def call(self, inputs, mask=None):
        """The means [n, channels]."""
        if mask is None:
            return super().call(inputs)
        x = as_tensor(inputs)
        kept = expand_dims(cast(mask, x.dtype), 1 if self.data_format == "channels_first" else -1)
        return reduce_sum(x * kept, self._axes()) / reduce_sum(kept, self._axes())

    def compute_mask(self, inputs, mask=None):
        """None: there are no steps any more."""
        return None


class GlobalAveragePooling2D(_GlobalPooling):
    """The mean of each channel of images.

    >>> import numbaflow as nf
    >>> nf.keras.layers.GlobalAveragePooling2D()(nf.ones((5, 4, 4, 3))).shape
    (5, 3)
    """

    rank, _reduce = 2, staticmethod(reduce_mean)


class GlobalAveragePooling3D(_GlobalPooling):
    """The mean of each channel of volumes."""

    rank, _reduce = 3, staticmethod(reduce_mean)


class GlobalMaxPooling1D(_GlobalPooling):
    """The largest element over the steps of sequences [n, steps, channels]."""

    rank, _reduce = 1, staticmethod(reduce_max)

    def __init__(self, data_format="channels_last", **kwargs):
        super().__init__(data_format, **kwargs)


class GlobalMaxPooling2D(_GlobalPooling):
    """The largest element of each channel of images."""

    rank, _reduce = 2, staticmethod(reduce_max)


class GlobalMaxPooling3D(_GlobalPooling):
    """The largest element of each channel of volumes."""

    rank, _reduce = 3, staticmethod(reduce_max)
