"""Layers of several inputs: sums, products, extremes, products of matrices, and one after the other.

Each has a function of its name in lower case, which makes such a layer and calls it.
"""
import functools
from math import prod

from numbaflow.core.tensor import as_tensor
from numbaflow.ops.arithmetic import (
    add as _add,
    maximum as _maximum,
    minimum as _minimum,
    multiply as _multiply,
)
from numbaflow.ops.comparison import logical_and
from numbaflow.ops.creation import ones_like
from numbaflow.ops.joining import concat
from numbaflow.ops.matmul import matmul
from numbaflow.ops.norms import l2_normalize
from numbaflow.ops.reduce import reduce_all
from numbaflow.ops.shape import expand_dims, reshape, transpose

from ..engine.base_layer import Layer


class _Merge(Layer):
    """Element by element, over a list of inputs that broadcast; abstract.

    Inputs of fewer dimensions get new ones after the batch.
    """

    supports_masking = True

    def build(self, input_shape):
        """Check the shapes."""
        self._check(input_shape)
        self.built = True

    def _check(self, shapes):
        if not _is_list_of_shapes(shapes) or len(shapes) < 2:
            raise ValueError(f"{self.name}: A merge layer should be called on a list of at least 2 inputs. "
                             f"Got {shapes}")
        self.compute_output_shape(shapes)

    def _merge(self, inputs):
        raise NotImplementedError(f"{type(self).__name__}._merge")

    def call(self, inputs):
        """The merged inputs."""
        if not isinstance(inputs, (list, tuple)):
            raise ValueError(f"{self.name}: A merge layer should be called on a list of inputs.")
        inputs = [as_tensor(x) for x in inputs]
        ndim = max(x.ndim for x in inputs)
        return self._merge([self._extended(x, ndim) for x in inputs])

    def _extended(self, x, ndim):
        while x.ndim < ndim:
            x = expand_dims(x, min(1, x.ndim))
        return x

    def compute_output_shape(self, input_shape):
        """The shape that the inputs broadcast to."""
        ndim = max(len(shape) for shape in input_shape)
        shapes = [(*shape[:1], *(1,) * (ndim - len(shape)), *shape[1:]) for shape in input_shape]
        return tuple(self._extent([shape[k] for shape in shapes], input_shape) for k in range(ndim))

    def _extent(self, extents, shapes):
        known = {n for n in extents if n not in (None, 1)}
        if len(known) > 1:
            raise ValueError(f"{self.name}: Operands could not be broadcast together with shapes "
                             f"{' '.join(str(tuple(shape)) for shape in shapes)}")
        return known.pop() if known else None if None in extents else 1

    def compute_mask(self, inputs, mask=None):
        """Where all the masks are set."""
        masks = [m for m in mask or () if m is not None]
        return functools.reduce(logical_and, masks) if masks else None


class Add(_Merge):
    """The sum of a list of tensors.

    >>> import numbaflow as nf
    >>> nf.keras.layers.Add()([nf.constant([1.0]), nf.constant([2.0])]).numpy().tolist()
    [3.0]
    """

    def _merge(self, inputs):
        return functools.reduce(_add, inputs)


class Subtract(_Merge):
    """The first of two tensors minus the second."""

    def _check(self, shapes):
        super()._check(shapes)
        if len(shapes) != 2:
            raise ValueError(f"{self.name}: A `Subtract` layer should be called on exactly 2 inputs. Got "
                             f"{len(shapes)}")

    def _merge(self, inputs):
        return inputs[0] - inputs[1]


class Multiply(_Merge):
    """The product of a list of tensors, element by element."""

    def _merge(self, inputs):
        return functools.reduce(_multiply, inputs)


class Average(_Merge):
    """The mean of a list of tensors, element by element."""

    def _merge(self, inputs):
        return functools.reduce(_add, inputs) * (1.0 / len(inputs))


class Maximum(_Merge):
    """The largest of a list of tensors, element by element."""

    def _merge(self, inputs):
        return functools.reduce(_maximum, inputs)


class Minimum(_Merge):
    """The smallest of a list of tensors, element by element."""

    def _merge(self, inputs):
        return functools.reduce(_minimum, inputs)


class Concatenate(_Merge):
    """A list of tensors one after the other along an axis.

    Raises:
        ValueError: shapes that differ in another axis.

    >>> import numbaflow as nf
    >>> nf.keras.layers.Concatenate()([nf.zeros((2, 3)), nf.ones((2, 1))]).shape
    (2, 4)
    """

    def __init__(self, axis=-1, **kwargs):
        super().__init__(**kwargs)
        self.axis = axis

    def _merge(self, inputs):
        return concat(inputs, self.axis)

    def _extended(self, x, ndim):
        return x

    def compute_output_shape(self, input_shape):
        """The shapes' common extents, and their sum along the axis."""
        shapes, first = [tuple(shape) for shape in input_shape], tuple(input_shape[0])
        if any(len(shape) != len(first) for shape in shapes) or not -len(first) <= self.axis < len(first):
            raise self._mismatch(shapes)
        along, out = self.axis % len(first), []
        for k, extents in enumerate(zip(*shapes, strict=True)):
            known = {n for n in extents if n is not None}
            if k == along:
                out.append(None if None in extents else sum(extents))
            elif len(known) > 1:
                raise self._mismatch(shapes)
            else:
                out.append(known.pop() if known else None)
        return tuple(out)

    def _mismatch(self, shapes):
        return ValueError(f"{self.name}: A `Concatenate` layer requires inputs with matching shapes except "
                          f"for the concat axis {self.axis}. Got inputs shapes: {shapes}")

    def compute_mask(self, inputs, mask=None):
        """The masks one after the other."""
        if mask is None or all(m is None for m in mask):
            return None
        masks = []
        for x, m in zip(inputs, mask, strict=True):
            whole = ones_like(x, dtype="bool")
            if m is not None:
                while m.ndim < x.ndim:
                    m = expand_dims(m, -1)
                whole = logical_and(whole, m)
            masks.append(whole)
        return reduce_all(concat(masks, self.axis), -1)

    def get_config(self):
        """The arguments that make such a layer."""
        return {**super().get_config(), "axis": self.axis}


class Dot(_Merge):
    """Products of two tensors, summed over an axis of each, for each sample of the batch.

    Args:
        axes: the axis, or a pair of them; not the batch's.
        normalize: whether vectors along the axes are scaled to length 1 before: cosines.

    >>> import numbaflow as nf
    >>> nf.keras.layers.Dot(1)([nf.constant([[1.0, 2.0]]), nf.constant([[3.0, 4.0]])]).numpy().tolist()
    [[11.0]]
    """

    def __init__(self, axes, normalize=False, **kwargs):
        super().__init__(**kwargs)
        pair = (axes,
                axes) if isinstance(axes, int) else tuple(axes) if isinstance(axes, (list, tuple)) else ()
        if len(pair) != 2 or not all(isinstance(a, int) and a != 0 for a in pair):
            raise ValueError(f"{self.name}: `axes` is an axis other than the batch's, or a pair of them, got "
                             f"{axes!r}")
        self.axes, self.normalize = axes, normalize
        self.__dict__["_pair"] = pair

    def _check(self, shapes):
        super()._check(shapes)
        if len(shapes) != 2:
            raise ValueError(f"{self.name}: A `Dot` layer should be called on a list of 2 inputs. Got "
                             f"{len(shapes)}")

    def _extended(self, x, ndim):
        return x

    def _merge(self, inputs):
        (x, y), (i, j) = inputs, self._pair
        if self.normalize:
            x, y = l2_normalize(x, i), l2_normalize(y, j)
        left = [k for k in range(1, x.ndim) if k != i % x.ndim]
        right = [k for k in range(1, y.ndim) if k != j % y.ndim]
        rows, columns = [x.shape[k] for k in left], [y.shape[k] for k in right]
        n, k = x.shape[0], x.shape[i]
        a = reshape(transpose(x, [0, *left, i % x.ndim]), [n, prod(rows), k])
        b = reshape(transpose(y, [0, j % y.ndim, *right]), [n, k, prod(columns)])
        return reshape(matmul(a, b), [n, *(rows + columns or [1])])

    def compute_output_shape(self, input_shape):
        """The batch, and the axes that are left of both."""
        shapes = [list(shape) for shape in input_shape[:2]]
        sizes = [shape[axis] for shape, axis in zip(shapes, self._pair, strict=True)]
        if None not in sizes and sizes[0] != sizes[1]:
            raise ValueError(f"{self.name}: Dimension incompatibility {sizes[0]} != {sizes[1]}. Layer "
                             f"shapes: {tuple(input_shape[0])}, {tuple(input_shape[1])}")
        left, right = ([n for k, n in enumerate(shape) if k and k != axis % len(shape)]
                       for shape, axis in zip(shapes, self._pair, strict=True))
        return (shapes[0][0], *(left + right or [1]))

    def compute_mask(self, inputs, mask=None):
        """None: the axes are others."""
        return None

    def get_config(self):
        """The arguments that make such a layer."""
        return {**super().get_config(), "axes": self.axes, "normalize": self.normalize}


def _is_list_of_shapes(shapes):
    return isinstance(shapes, (list, tuple)) and all(isinstance(s, (list, tuple)) for s in shapes)


# ---- functions
def add(inputs, **kwargs):
    """The sum of a list of tensors; see `Add`."""
    return Add(**kwargs)(inputs)


def subtract(inputs, **kwargs):
    """The first of two tensors minus the second; see `Subtract`."""
    return Subtract(**kwargs)(inputs)


def multiply(inputs, **kwargs):
    """The product of a list of tensors; see `Multiply`."""
    return Multiply(**kwargs)(inputs)


def average(inputs, **kwargs):
    """The mean of a list of tensors; see `Average`."""
    return Average(**kwargs)(inputs)


def maximum(inputs, **kwargs):
    """The largest of a list of tensors; see `Maximum`."""
    return Maximum(**kwargs)(inputs)


def minimum(inputs, **kwargs):
    """The smallest of a list of tensors; see `Minimum`."""
    return Minimum(**kwargs)(inputs)


def concatenate(inputs, axis=-1, **kwargs):
    """A list of tensors one after the other; see `Concatenate`."""
    return Concatenate(axis, **kwargs)(inputs)


def dot(inputs, axes, normalize=False, **kwargs):
    """Products of two tensors summed over an axis of each; see `Dot`."""
    return Dot(axes, normalize, **kwargs)(inputs)
