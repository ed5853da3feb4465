"""Layers that arrange the same elements in another shape."""
from math import prod

from numbaflow.core.tensor import as_tensor
from numbaflow.ops.joining import stack
from numbaflow.ops.shape import reshape, transpose

from .. import backend
from ..engine.base_layer import InputSpec, Layer
from .options import whole_number


class Flatten(Layer):
    """Each sample as one row of numbers.

    Args:
        data_format: "channels_first" moves the channels to the end before.

    >>> import numbaflow as nf
    >>> nf.keras.layers.Flatten()(nf.zeros((5, 2, 3))).shape
    (5, 6)
    """

    def __init__(self, data_format=None, **kwargs):
        super().__init__(**kwargs)
        self.data_format = backend.checked_data_format(data_format, self.name)
        self.input_spec = InputSpec(min_ndim=1)

    def call(self, inputs):
        """Inputs [n, ...] as [n, elements of one]."""
        x = as_tensor(inputs)
        shape = x._data.shape
        if self.data_format == "channels_first" and len(shape) > 2:
            x = transpose(x, (0, *range(2, len(shape)), 1))
        return reshape(x, (shape[0], prod(shape[1:])))

    def compute_output_shape(self, input_shape):
        """[n, elements of one sample]."""
        rest = input_shape[1:]
        return (input_shape[0], None if None in rest else prod(rest))

    def get_config(self):
        """The arguments that make such a layer."""
        return {**super().get_config(), "data_format": self.data_format}


class Reshape(Layer):
    """Each sample in another shape.

    Args:
        target_shape: the shape of a sample; one extent may be -1, which is inferred.

    Raises:
        ValueError: a shape of another number of elements.

    >>> import numbaflow as nf
    >>> nf.keras.layers.Reshape((3, -1))(nf.zeros((5, 12))).shape
    (5, 3, 4)
    """

    def __init__(self, target_shape, **kwargs):
        super().__init__(**kwargs)
        self.target_shape = (
    target_shape,
    ) if isinstance(
        target_shape,
        int) else tuple(
            int(n) for n in target_shape)
        if self.target_shape.count(-1) > 1:
            raise ValueError(
                f"{self.name}: at most one extent of target_shape may be -1, got {self.target_shape}")

    def call(self, inputs):
        """Inputs [n, ...] as [n, *target_shape]."""
        x = as_tensor(inputs)
        return reshape(x, self.compute_output_shape(x._data.shape))

    def compute_output_shape(self, input_shape):
        """[n, *target_shape]."""
        rest, known = tuple(input_shape[1:]), prod(n for n in self.target_shape if n != -1)
        if None in rest:
            return (input_shape[0], *[None if n == -1 else n for n in self.target_shape])
        if -1 in self.target_shape:
            fits, found = known > 0 and prod(rest) % known == 0, prod(rest) // max(known, 1)
        else:
            fits, found = prod(rest) == known, None
        if not fits:
            raise ValueError(f"Layer {self.name}: total size of new array must be unchanged: samples of "
                             f"shape {rest} don't fit into target_shape {self.target_shape}")
        return (input_shape[0], *[found if n == -1 else n for n in self.target_shape])

    def get_config(self):
        """The arguments that make such a layer."""
        return {**super().get_config(), "target_shape": self.target_shape}


class Permute(Layer):
    """The axes of each sample in another order.

    Args:
        dims: the order; the axes of a sample count from 1.

    >>> import numbaflow as nf
    >>> nf.keras.layers.Permute((2, 1))(nf.zeros((5, 2, 3))).shape
    (5, 3, 2)
    """

    def __init__(self, dims, **kwargs):
        super().__init__(**kwargs)
        self.dims = tuple(dims)
        if sorted(self.dims) != list(range(1, len(self.dims) + 1)):
            raise ValueError(f"{self.name}: Invalid permutation `dims` for Permute Layer: {dims}. The set of "
                             "indices in `dims` must be consecutive and start from 1.")
        self.input_spec = InputSpec(ndim=len(self.dims) + 1)

    def call(self, inputs):
        """The inputs with their axes in that order."""
        return transpose(inputs, (0, *self.dims))

    def compute_output_shape(self, input_shape):
        """The extents in that order."""
        return (input_shape[0], *[input_shape[d] for d in self.dims])

    def get_config(self):
        """The arguments that make such a layer."""
        return {**super().get_config(), "dims": self.dims}


class RepeatVector(Layer):
    """Rows [n, features] repeated as steps: [n, times, features].

    >>> import numbaflow as nf
    >>> nf.keras.layers.RepeatVector(3)(nf.zeros((5, 2))).shape
    (5, 3, 2)
    """

    def __init__(self, n, **kwargs):
        super().__init__(**kwargs)
        self.n = whole_number(self, "n", n)
        self.input_spec = InputSpec(ndim=2)

    def call(self, inputs):
        """The inputs, n times along a new axis 1."""
        return stack([as_tensor(inputs)] * self.n, 1)

    def compute_output_shape(self, input_shape):
        """[batch, n, features]."""
        return (input_shape[0], self.n, input_shape[1])

    def get_config(self):
        """The arguments that make such a layer."""
        return {**super().get_config(), "n": self.n}
