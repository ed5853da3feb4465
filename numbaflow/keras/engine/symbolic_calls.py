"""Layers called on symbolic tensors: a node is made, with the shapes of what the layer will give.

A layer that does not say its output's shape is run on zeros, with two extents in place of each unknown one:
what differs between the two results is unknown too.
"""
import numpy as np

from numbaflow.core import dtypes
from numbaflow.core.shape import TensorShape
from numbaflow.core.tape import silent
from numbaflow.core.tensor import wrap

from .. import backend
from .calls import map_tensors, running
from .input_spec import check_inputs
from .symbolic import Node, SymbolicTensor, replaced, symbolic_leaves

# (batch, other axes) in the first and the second run; larger ones where a layer needs room, for windows say
_TRIALS = (((2, 5), (3, 8)), ((2, 40), (3, 99)), ((2, 300), (3, 421)))


def call(layer, inputs, args, kwargs):
    """The symbolic outputs of a layer for arguments with symbolic tensors among them."""
    arguments = (inputs, args, kwargs)
    if layer.input_spec is not None:
        check_inputs(layer.input_spec, inputs, layer.name)
    shapes = map_tensors(_shape, inputs)
    if not layer.built and layer._says_shape():
        with layer.build_scope():
            layer._build_for(shapes, inputs)
    structure, specs = _outcome(layer, arguments, shapes)
    return Node(layer, arguments, symbolic_leaves(arguments), structure, specs).outputs()


def _shape(tensor):
    shape = getattr(tensor, "shape", None)
    return None if shape is None else TensorShape(shape)


def _outcome(layer, arguments, shapes):
    """(structure, specs) of a node: what the layer gives, numbered, and each tensor's shape and dtype."""
    if not layer._says_shape():
        return _probed(layer, arguments)
    given = layer.compute_output_shape(shapes)
    dtype = _output_dtype(layer, symbolic_leaves(arguments))
    if is_shape(given):
        return 0, [(given, dtype)]
    return list(range(len(given))), [(shape, dtype) for shape in given]


def is_shape(value):
    """Whether a value is one shape, rather than a list of shapes."""
    return isinstance(value, (tuple, list)) and all(n is None or isinstance(n, (int, np.integer))
                                                    for n in value)


def _output_dtype(layer, inputs):
    if layer._dtype is not None:
        return layer._dtype
    weights = layer.weights
    return weights[0].dtype if weights else inputs[0].dtype


# ---- runs on zeros
def _probed(layer, arguments):
    if any(None in t.shape[1:] for t in symbolic_leaves(arguments)):
        for trial in _TRIALS[:-1]:
            try:
                return _compared(layer, *[_run(layer, arguments, sizes) for sizes in trial])
            except (ValueError, IndexError):        # too small, perhaps
                continue
    return _compared(layer, *[_run(layer, arguments, sizes) for sizes in _TRIALS[-1]])


def _run(layer, arguments, sizes):
    inputs, args, kwargs = replaced(arguments, lambda t: zeros_like_symbolic(t, sizes))
    kept = running.depth, running.training, running.probing
    try:
        running.depth, running.training, running.probing = 1, None, True
        with silent():
            return layer(inputs, *args, **kwargs)
    finally:
        running.depth, running.training, running.probing = kept


def zeros_like_symbolic(tensor, sizes):
    """Zeros of a symbolic tensor's shape, with sizes = (batch, other) for extents that are not known."""
    shape = [(sizes[0] if k == 0 else sizes[1]) if n is None else n for k, n in enumerate(tensor.shape)]
    return wrap(np.zeros(shape, tensor.dtype.dtype))


def _compared(layer, first, second):
    """What two runs gave, as a structure of numbers, and the shape that they have in common of each."""
    if first is None:
        raise ValueError("A layer's `call` method should return a Tensor or a list of Tensors, not None "
                         f"(layer: {layer.name}).")
    specs = []
    return _numbered(layer.name, first, second, specs), specs


def _numbered(name, a, b, specs):       # no closure: one that calls itself is a cycle that holds the layer
    if isinstance(a, dict):
        return {key: _numbered(name, value, b[key], specs) for key, value in a.items()}
    if isinstance(a, (list, tuple)):
        return [_numbered(name, x, y, specs) for x, y in zip(a, b, strict=True)]
    if not hasattr(a, "shape"):
        raise TypeError(f"Layer {name}: a layer's `call` method should return a Tensor or a list of Tensors, "
                        f"not {type(a).__name__}")
    shape = tuple(n if n == m else None for n, m in zip(a.shape, b.shape, strict=True))
    specs.append((shape, a.dtype))
    return len(specs) - 1


def probed_shape(layer, input_shape):
    """What `compute_output_shape` gives for a layer that does not say it."""
    dtype = layer._dtype or backend.floatx()
    if is_shape(input_shape):
        inputs = _stand_in(input_shape, dtype)
    else:
        inputs = [_stand_in(shape, dtype) for shape in input_shape]
    structure, specs = _probed(layer, (inputs, (), {}))
    shapes = [TensorShape(shape) for shape, _ in specs]
    return shapes[0] if structure == 0 else shapes


def _stand_in(shape, dtype):
    return SymbolicTensor(shape, dtypes.as_dtype(dtype), "input")
