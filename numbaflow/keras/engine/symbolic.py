"""Symbolic tensors of functional models, and the nodes they come from: which layer was called with what.

A symbolic tensor keeps its node, a node its layer and the symbolic tensors that the layer was given.  A layer
knows its nodes by weak references, so that nothing here is a cycle.
"""
import weakref

from numbaflow.core import dtypes, table
from numbaflow.core.shape import TensorShape
from numbaflow.core.symbolic import Symbolic, SymbolicMet


class SymbolicTensor(Symbolic):
    """The tensor that a layer will give when the model runs: a shape, where None is any extent, and a dtype.

    Ops and operators on it become layers of the model.  Made by `keras.Input` and by layers called on such
    tensors.
    """

    __slots__ = ("__weakref__", "_index", "_node", "_shape", "dtype", "name")

    def __init__(self, shape, dtype, name, node=None, index=0):
        self._shape = TensorShape(None if n is None else int(n) for n in shape)
        self.dtype, self.name, self._node, self._index = dtypes.as_dtype(dtype), name, node, index

    shape = property(lambda self: self._shape, doc="The shape, a tuple of ints and Nones.")
    ndim = property(lambda self: len(self._shape), doc="The number of dimensions.")
    _keras_history = property(lambda self: (self._node.layer, self._node.number, self._index))

    def get_shape(self):
        """The shape, a tuple of ints and Nones."""
        return self._shape

    def set_shape(self, shape):
        """Say what is known of the shape beyond what was inferred; ValueError where that contradicts."""
        if not self._shape.is_compatible_with(shape):
            raise ValueError(f"{self.name}: shape {self._shape} is not compatible with {tuple(shape)}")
        self._shape = TensorShape(b if a is None else a for a, b in zip(self._shape, shape, strict=True))

    def __getitem__(self, key):
        return table.face("getitem")(self, key)

    def _take_call(self, face, arguments):
        from .op_layer import OpLayer
        return OpLayer.of_call(face, arguments)

    # ---- what it has not
    def _no_value(self):
        return (f"{self!r} has no value: it stands for a tensor of a functional model. Ops of nf and layers "
                "can be called with it; put other computations into a keras.layers.Lambda, as Lambda(lambda "
                "x: f(x))(tensor), or into a layer of your own")

    def _refuse(self, *args, **kwargs):
        raise SymbolicMet(self)

    numpy = eval = __array__ = __bool__ = __int__ = __float__ = __index__ = _refuse
    _data = _dtype = property(_refuse)

    def __len__(self):
        raise TypeError(self._no_value())

    def __iter__(self):
        raise TypeError(f"{self!r} can't be iterated over; {self._no_value()}")

    def __repr__(self):
        return f"<SymbolicTensor {self.name!r} shape={self._shape} dtype={self.dtype.name}>"


class Node:
    """One call of a layer: the arguments, the symbolic tensors among them, and what it gave.

    `arguments` is (inputs, args, kwargs); `inputs` the symbolic tensors in it, in order; `structure` is what
    the layer gives, with numbers in place of tensors.
    """

    __slots__ = ("__weakref__", "_made", "_specs", "arguments", "inputs", "layer", "number", "structure")

    def __init__(self, layer, arguments, inputs, structure, specs):
        self.layer, self.arguments, self.inputs, self.structure = layer, arguments, tuple(inputs), structure
        self._specs = [(TensorShape(shape), dtype) for shape, dtype in specs]
        self._made = [None] * len(specs)
        layer._nodes[:] = [node for node in layer._nodes if node() is not None]
        self.number = len(layer._nodes)
        layer._nodes.append(weakref.ref(self))

    def output(self, index):
        """The symbolic tensor of that number, the same one as long as it is referred to."""
        found = self._made[index] and self._made[index]()
        if found is None:
            shape, dtype = self._specs[index]
            name = self.layer.name + (f"_{self.number}" if self.number else "") + \
                                      (f":{index}" if index else "")
            found = SymbolicTensor(shape, dtype, name, self, index)
            self._made[index] = weakref.ref(found)
        return found

    count = property(lambda self: len(self._specs), doc="The number of outputs.")
    shapes = property(lambda self: [shape for shape, _ in self._specs], doc="The shapes of the outputs.")

    def __getstate__(self):                 # weak references are neither copied nor pickled
        kept = {name: getattr(self, name) for name in Node.__slots__ if name not in ("__weakref__", "_made")}
        return None, {**kept, "_made": [None] * self.count}

    def outputs(self):
        """What the layer gave: a symbolic tensor, or a structure of them."""
        return filled(self.structure, self.output)


def filled(structure, value_of):
    """A structure of numbers with each replaced by value_of(number)."""
    if isinstance(structure, dict):
        return {key: filled(value, value_of) for key, value in structure.items()}
    if isinstance(structure, (list, tuple)):
        return [filled(value, value_of) for value in structure]
    return None if structure is None else value_of(structure)


def symbolic_leaves(value, found=None):
    """The symbolic tensors in a structure of lists, tuples and dicts, in order."""
    found = [] if found is None else found
    if isinstance(value, SymbolicTensor):
        found.append(value)
    elif isinstance(value, dict):
        for part in value.values():
            symbolic_leaves(part, found)
    elif isinstance(value, (list, tuple)):
        for part in value:
            symbolic_leaves(part, found)
    return found


def replaced(value, by):
    """A structure with each symbolic tensor t in it replaced by `by(t)`."""
    if isinstance(value, SymbolicTensor):
        return by(value)
    if isinstance(value, dict):
        return {key: replaced(part, by) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return same_kind(value, [replaced(part, by) for part in value])
    return value


def same_kind(sequence, parts):
    """A list, tuple or named tuple of other parts."""
    if hasattr(sequence, "_fields"):
        return type(sequence)(*parts)
    return tuple(parts) if isinstance(sequence, tuple) else list(parts)
