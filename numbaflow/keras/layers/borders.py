"""Layers that add to sequences, images and volumes at their edges, cut from them, or make them larger."""
import numpy as np

from numbaflow.core.tensor import as_tensor
from numbaflow.ops.images import resize_bilinear
from numbaflow.ops.rearranging import pad
from numbaflow.ops.shape import broadcast_to, reshape, transpose
from numbaflow.ops.slicing import getitem

from .. import backend
from ..engine.base_layer import InputSpec, Layer
from .options import numbers_each


class _Spatial(Layer):
    """A layer over the axes between batch and channels; abstract."""

    rank = 0
    _has_format = True

    def __init__(self, data_format=None, **kwargs):
        super().__init__(**kwargs)
        self.data_format = backend.checked_data_format(data_format if self._has_format else "channels_last",
                                                       self.name)
        self.input_spec = InputSpec(ndim=self.rank + 2)

    def _axes(self):
        return range(2, self.rank + 2) if self.data_format == "channels_first" else range(1, self.rank + 1)

    def _extent_out(self, extent, k):
        raise NotImplementedError(f"{type(self).__name__}._extent_out")

    def compute_output_shape(self, input_shape):
        """The shape of the outputs."""
        out = list(input_shape)
        for k, axis in enumerate(self._axes()):
            out[axis] = None if out[axis] is None else self._extent_out(out[axis], k)
        return tuple(out)

    def get_config(self):
        """The arguments that make such a layer."""
        config = super().get_config()
        return {**config, "data_format": self.data_format} if self._has_format else config


def _pairs(layer, what, value, n):
    """[before, after] for each of n axes, from one number, a number an axis, or a pair an axis."""
    if isinstance(value, (int, np.integer)):
        value = ((value, value),) * n
    elif n == 1:
        value = (value,)
    try:
        pairs = tuple((int(v), int(v)) if isinstance(v, (int, np.integer)) else (int(v[0]), int(v[1]))
                      for v in value if isinstance(v, (int, np.integer)) or len(v) == 2)
    except (TypeError, ValueError):
        pairs = ()
    if len(pairs) != n or len(value) != n or min(min(p) for p in pairs) < 0:
        raise ValueError(f"{layer.name}: `{what}` should be an int, {n} ints, or {n} pairs of ints (before, "
                         f"after), none negative. Found: {value}")
    return pairs


# ---- padding
class _ZeroPadding(_Spatial):
    """Zeros at the edges; abstract."""

    def __init__(self, padding, data_format=None, **kwargs):
        super().__init__(data_format, **kwargs)
        self._pads = _pairs(self, "padding", padding, self.rank)
        self.padding = self._pads[0] if self.rank == 1 else self._pads

    def call(self, inputs):
        """The inputs, with zeros before and after."""
        pads = ((0, 0), (0, 0), *self._pads) if self.data_format == "channels_first" else \
            ((0, 0), *self._pads, (0, 0))
        return pad(inputs, pads)

    def _extent_out(self, extent, k):
        return extent + sum(self._pads[k])

    def get_config(self):
        """The arguments that make such a layer."""
        return {**super().get_config(), "padding": self.padding}


class ZeroPadding1D(_ZeroPadding):
    """Zeros before and after sequences [n, steps, channels]: `padding` of them, or (before, after).

    >>> import numbaflow as nf
    >>> nf.keras.layers.ZeroPadding1D((2, 0))(nf.ones((1, 1, 1))).numpy().ravel().tolist()
    [0.0, 0.0, 1.0]
    """

    rank, _has_format = 1, False

    def __init__(self, padding=1, **kwargs):
        super().__init__(padding, **kwargs)


class ZeroPadding2D(_ZeroPadding):
    """Zeros around images: an int, (rows, columns), or ((above, below), (left, right)) of them."""

    rank = 2

    def __init__(self, padding=(1, 1), data_format=None, **kwargs):
        super().__init__(padding, data_format, **kwargs)


class ZeroPadding3D(_ZeroPadding):
    """Zeros around volumes: an int, three, or three pairs of them."""

    rank = 3

    def __init__(self, padding=(1, 1, 1), data_format=None, **kwargs):
        super().__init__(padding, data_format, **kwargs)


# ---- cropping
class _Cropping(_Spatial):
    """Less at the edges; abstract."""

    def __init__(self, cropping, data_format=None, **kwargs):
        super().__init__(data_format, **kwargs)
        self._cuts = _pairs(self, "cropping", cropping, self.rank)
        self.cropping = self._cuts[0] if self.rank == 1 else self._cuts

    def call(self, inputs):
        """The inputs without their edges."""
        x = as_tensor(inputs)
        key = [slice(None)] * x.ndim
        for axis, (before, after) in zip(self._axes(), self._cuts, strict=True):
            self._check(x._data.shape[axis], before + after, axis)
            key[axis] = slice(before, x._data.shape[axis] - after)
        return getitem(x, tuple(key))

    def _check(self, extent, cut, axis):
        if cut > extent:
            raise ValueError(f"Layer {self.name}: cropping {self.cropping} takes {cut} from axis {axis}, "
                             f"whose extent is {extent}")

    def _extent_out(self, extent, k):
        self._check(extent, sum(self._cuts[k]), self._axes()[k])
        return extent - sum(self._cuts[k])

    def get_config(self):
        """The arguments that make such a layer."""
        return {**super().get_config(), "cropping": self.cropping}


class Cropping1D(_Cropping):
    """Sequences [n, steps, channels] without `cropping` = (before, after) steps.

    >>> import numbaflow as nf
    >>> nf.keras.layers.Cropping1D((1, 2))(nf.reshape(nf.range(5.0), (1, 5, 1))).numpy().ravel().tolist()
    [1.0, 2.0]
    """

    rank, _has_format = 1, False

    def __init__(self, cropping=(1, 1), **kwargs):
        super().__init__(cropping, **kwargs)


class Cropping2D(_Cropping):
    """Images without ((above, below), (left, right)) rows and columns."""

    rank = 2

    def __init__(self, cropping=((0, 0), (0, 0)), data_format=None, **kwargs):
        super().__init__(cropping, data_format, **kwargs)


class Cropping3D(_Cropping):
    """Volumes without three pairs of slices."""

    rank = 3

    def __init__(self, cropping=((1, 1), (1, 1), (1, 1)), data_format=None, **kwargs):
        super().__init__(cropping, data_format, **kwargs)


# ---- larger
class _UpSampling(_Spatial):
    """Each element several times; abstract."""

    def __init__(self, size, data_format=None, **kwargs):
        super().__init__(data_format, **kwargs)
        self.size = numbers_each(self, "size", size, self.rank)

    def call(self, inputs):
        """The inputs, each element `size` times along each axis."""
        x = as_tensor(inputs)
        shape, large, out = [], [], []
        factors = dict(zip(self._axes(), self.size, strict=True))
        for axis, n in enumerate(x._data.shape):
            factor = factors.get(axis, 1)
            shape += [n, 1] if factor > 1 else [n]
            large += [n, factor] if factor > 1 else [n]
            out.append(n * factor)
        return reshape(broadcast_to(reshape(x, shape), large), out)

    def _extent_out(self, extent, k):
        return extent * self.size[k]

    def get_config(self):
        """The arguments that make such a layer."""
        return {**super().get_config(), "size": self.size[0] if self.rank == 1 else self.size}


class UpSampling1D(_UpSampling):
    """Each step of sequences [n, steps, channels] `size` times.

    >>> import numbaflow as nf
    >>> nf.keras.layers.UpSampling1D(2)(nf.constant([[[1.0], [2.0]]])).numpy().ravel().tolist()
    [1.0, 1.0, 2.0, 2.0]
    """

    rank, _has_format = 1, False

    def __init__(self, size=2, **kwargs):
        super().__init__(size, **kwargs)


class UpSampling2D(_UpSampling):
    """Images `size` times as high and wide.

    Args:
        size: an integer, or two of them for height and width.
        data_format: "channels_last", or "channels_first" for [n, channels, height, width].
        interpolation: "nearest" repeats pixels, "bilinear" draws lines between them.

    >>> import numbaflow as nf
    >>> x = nf.reshape(nf.constant([0.0, 2.0]), (1, 1, 2, 1))
    >>> nf.keras.layers.UpSampling2D((1, 2), interpolation="bilinear")(x).numpy().ravel().tolist()
    [0.0, 1.0, 2.0, 2.0]
    """

    rank = 2

    def __init__(self, size=(2, 2), data_format=None, interpolation="nearest", **kwargs):
        super().__init__(size, data_format, **kwargs)
        if interpolation not in ("nearest", "bilinear"):
            raise ValueError(f"{self.name}: `interpolation` argument should be one of 'nearest' or "
                             f"'bilinear', got {interpolation!r}")
        self.interpolation = interpolation

    def call(self, inputs):
        """The larger images."""
        if self.interpolation == "nearest":
            return super().call(inputs)
        first = self.data_format == "channels_first"
        x = transpose(inputs, (0, 2, 3, 1)) if first else as_tensor(inputs)
        height, width = x._data.shape[1:3]
        y = resize_bilinear(x, (height * self.size[0], width * self.size[1]))
        return transpose(y, (0, 3, 1, 2)) if first else y

    def get_config(self):
        """The arguments that make such a layer."""
        return {**super().get_config(), "interpolation": self.interpolation}


class UpSampling3D(_UpSampling):
    """Volumes `size` times as large along each axis: an integer, or three of them."""

    rank = 3

    def __init__(self, size=(2, 2, 2), data_format=None, **kwargs):
        super().__init__(size, data_format, **kwargs)
