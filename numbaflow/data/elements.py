"""Elements of datasets: structures of tuples, named tuples and dicts whose leaves are tensors.

A list is no structure but a value that becomes one tensor.  `Spec` says what a leaf is: its dtype and shape.
"""
import functools

import numpy as np

from numbaflow.core import nest
from numbaflow.core.device import CPU, device, places
from numbaflow.core.placement import DeviceTensor, fetch
from numbaflow.core.shape import TensorShape
from numbaflow.core.tensor import Tensor, as_tensor, wrap

from .strings import StringTensor, are_strings, string, wrap_strings


# ---- values to elements
def element(value, where):
    """The element of a value that a user gave: lists, arrays and numbers become tensors."""
    kind = type(value)
    if kind is Tensor:
        return value
    if kind is tuple:
        for part in value:
            if type(part) is not Tensor:
                return tuple([element(p, where) for p in value])
        return value
    if isinstance(value, dict):
        return kind((key, element(v, where)) for key, v in value.items())
    if isinstance(value, tuple):
        return kind(*[element(v, where) for v in value])
    return _leaf(value, where)


def _leaf(value, where):
    if isinstance(value, DeviceTensor):
        return wrap(fetch(value))               # (pipelines are the CPU's)
    if isinstance(value, (Tensor, StringTensor)) or is_dataset(value):
        return value
    if value is None:
        raise TypeError(f"{where}: an element must be made of tensors, got None")
    try:
        if are_strings(value):
            return StringTensor(value)
        if not places.on:
            return as_tensor(value)
        with device(CPU):
            return as_tensor(value)
    except (TypeError, ValueError) as error:
        raise TypeError(f"{where}: an element must be a tensor, or a tuple or dict of tensors, got "
                        f"{type(value).__name__}: {error}") from error


def is_dataset(value):
    """Whether that is a Dataset, which can be a leaf: windows are."""
    return hasattr(value, "_stage")


def leaf_of(array):
    """The leaf of an array, of numbers or of strings, that nobody else will write to."""
    return wrap_strings(array) if array.dtype.kind == "O" else wrap(array)


# ---- structures
def flatten(structure):
    """The leaves, in order."""
    kind = type(structure)
    if kind is Tensor:
        return [structure]
    if kind is tuple:
        for part in structure:
            if isinstance(part, (tuple, dict)):
                return nest.flatten(structure)
        return list(structure)
    return nest.flatten(structure)


def packer(structure):
    """A function from the list of leaves to an element of that structure."""
    if not nest.is_nested(structure):
        return _only
    if type(structure) is tuple and not any(map(nest.is_nested, structure)):
        return tuple
    return functools.partial(nest.pack, structure)


def _only(leaves):
    return leaves[0]


def form(structure):
    """The structure with every leaf replaced by None: equal for structures alike."""
    return nest.map_structure(lambda leaf: None, structure)


def describe(structure):
    """A structure of tensors or Specs as an error shows it."""
    return str(nest.map_structure(_Plain, structure))


class _Plain:
    """A leaf that prints as its dtype and shape."""

    def __init__(self, leaf):
        self._leaf = leaf

    def __repr__(self):
        leaf = self._leaf
        if is_dataset(leaf):
            return "a dataset"
        return leaf.dtype.name if leaf.shape is None else f"{leaf.dtype.name}{list(leaf.shape)}"


# ---- what elements are
class Spec:
    """What a leaf is: a dtype, and a shape in which None is an extent that varies; None is any shape."""

    __slots__ = ("dtype", "shape")

    def __init__(self, dtype, shape):
        self.dtype, self.shape = dtype, None if shape is None else TensorShape(shape)

    def fits(self, shape):
        """Whether an array of that shape is an instance."""
        return self.shape is None or self.shape.is_compatible_with(shape)

    def stacked(self, size):
        """The spec of `size` of them as one tensor; a size of None varies."""
        return Spec(self.dtype, None if self.shape is None else (size, *self.shape))


def spec_of(value):
    """The structure of Specs of an element; a dataset stands for itself."""
    return nest.map_structure(lambda leaf: leaf if is_dataset(leaf) else Spec(leaf.dtype, leaf.shape), value)


def same_types(first, second):
    """Whether two structures have one form and the same dtypes."""
    if form(first) != form(second):
        return False
    pairs = zip(flatten(first), flatten(second), strict=True)
    return all(getattr(p, "dtype", None) == getattr(q, "dtype", None) for p, q in pairs)


def merged(first, second):
    """The spec that the elements of both, of the same types, are instances of."""
    def common(p, q):
        if is_dataset(p) or p.shape is None or q.shape is None or len(p.shape) != len(q.shape):
            return p if is_dataset(p) else Spec(p.dtype, None)
        return Spec(p.dtype, (m if m == n else None for m, n in zip(p.shape, q.shape, strict=True)))
    return nest.map_structure(common, first, second)


def stack_arrays(arrays, out):
    """out[i] = arrays[i]."""
    if out.ndim == 1:
        out[...] = [a[()] for a in arrays] if out.dtype.kind == "O" else np.array(arrays, out.dtype)
    else:
        np.concatenate(arrays, out=out.reshape(-1, *out.shape[2:]))
    return out


def types_of(spec):
    """The structure of dtypes of a spec."""
    return nest.map_structure(lambda leaf: getattr(leaf, "dtype", None), spec)


def shapes_of(spec):
    """The structure of shapes of a spec."""
    return nest.map_structure(lambda leaf: getattr(leaf, "shape", None), spec)


def classes_of(spec):
    """The structure of classes of the leaves."""
    def kind(leaf):
        return type(leaf) if is_dataset(leaf) else StringTensor if leaf.dtype is string else Tensor
    return nest.map_structure(kind, spec)
