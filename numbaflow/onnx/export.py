"""The export: a function's graph as an ONNX model, with variables as they are now."""
import os

from numbaflow.core import nest
from numbaflow.core.errors import InvalidArgumentError
from numbaflow.core.indexed_slices import IndexedSlices
from numbaflow.core.tape import tracing
from numbaflow.core.tensor import Tensor, as_tensor
from numbaflow.graph.concrete import Concrete
from numbaflow.graph.function import Function, TensorSpec, function
from numbaflow.keras.engine.network import Network
from numbaflow.saved_model.gathering import as_restored
from numbaflow.saved_model.models import model_function
from numbaflow.saved_model.restored import RestoredFunction, RestoredObject
from numbaflow.saved_model.variants import dummy
from numbaflow.train.checkpoint_disk import replacing

from .graphs import info, tidy, write
from .writer import Writer, needed

OPSET, OLDEST = 18, 18


def export(model, path, input_signature=None, args=None, opset=OPSET):
    """Write a function or a model for inference to an ONNX file, which other runtimes read.

    Needs the extra `onnx`.  Variables go into the file with the values that they have.

    Args:
        model: an `nf.function`, a concrete function, a keras model, a loaded saved model, or a Python
            function.
        path: the file.
        input_signature: a list of TensorSpecs for the arguments; extents of None stay open.  Not needed for
            an `nf.function` with one and for a model that says what its inputs are.
        args: a tuple of example arguments instead, of which shapes and dtypes count.
        opset: the version of ONNX's ops, 18 at least.

    Raises:
        UnimplementedError: ops that ONNX has nothing for; all of them are listed.
        ImportError: the package onnx is not installed.

    >>> import numbaflow as nf, tempfile, os
    >>> model = nf.keras.Sequential([nf.keras.layers.Dense(3, activation="relu", input_shape=(4,))])
    >>> path = tempfile.mkdtemp() + "/model.onnx"
    >>> nf.onnx.export(model, path)
    >>> os.path.exists(path)
    True
    """
    found = convert(model, input_signature, args, opset)
    with replacing(os.path.abspath(os.fspath(path))) as file:
        file.write(found.SerializeToString())


def convert(model, input_signature=None, args=None, opset=OPSET):
    """The `onnx.ModelProto` of a function or a model; arguments and errors are those of `export`.

    >>> import numbaflow as nf
    >>> proto = nf.onnx.convert(lambda x: nf.tanh(x) + 1.0, input_signature=[nf.TensorSpec([None, 3])])
    >>> [node.op_type for node in proto.graph.node]
    ['Tanh', 'Add']
    """
    onnx = needed()
    if opset < OLDEST:
        raise InvalidArgumentError(f"onnx.export: opset {opset} is older than {OLDEST}, the oldest written")
    with tracing(None):
        called, variant = _variant(model, input_signature, args)
    concrete = variant.concrete
    writer = Writer(opset)
    names = write(writer, concrete, _input_names(called, variant))
    labels, inputs, outputs = {}, [], []
    for value in concrete.graph.inputs[:concrete.arguments]:
        inputs.append(info(writer, names[value], value, labels))
    for label, value in zip(_output_names(writer, variant), concrete.graph.outputs, strict=False):
        writer.nodes.append(onnx.helper.make_node("Identity", [names[value]], [label]))
        outputs.append(info(writer, label, value, labels))
    used = tidy(writer, {described.name for described in outputs})
    graph = onnx.helper.make_graph(writer.nodes, called.__name__, inputs, outputs,
                                   [t for name, t in writer.initializers.items() if name in used])
    opsets = [onnx.helper.make_opsetid("", opset)]
    return onnx.helper.make_model(graph, producer_name="numbaflow", opset_imports=opsets,
                                  ir_version=onnx.helper.find_min_ir_version_for(opsets))


# ---- what is exported
def _variant(model, input_signature, args):
    """(the function, the one of its variants that is exported)"""
    if input_signature is not None and args is not None:
        raise InvalidArgumentError("onnx.export: give an input_signature or args, not both")
    if args is not None:
        input_signature = nest.map_structure(_spec_of, list(args))
    if isinstance(model, RestoredObject):
        model = model.signatures.get("serving_default", model.functions.get("__call__"))
    if input_signature is not None:
        made = function(lambda *inputs: _called(model, inputs), input_signature)
        made.__name__ = getattr(model, "__name__", getattr(model, "name", "function"))
        called = as_restored(made, "function")
    elif isinstance(model, Network):
        called = model_function(model)
    elif isinstance(model, (Function, Concrete, RestoredFunction)):
        called = as_restored(model, "function")
    else:
        raise InvalidArgumentError(f"onnx.export: a {type(model).__name__} needs an input_signature or args")
    if len(called.variants) != 1 and isinstance(model, (Function, RestoredFunction)):
        raise InvalidArgumentError(f"onnx.export: {called.__name__} was traced for {len(called.variants)} "
                                   "kinds of arguments; say which by input_signature or args")
    return called, called.variants[0]


def _called(model, inputs):
    return model(*inputs, training=False) if isinstance(model, Network) else model(*inputs)


def _spec_of(value):
    t = as_tensor(value)
    return TensorSpec(t.shape, t.dtype)


# ---- names
def _input_names(called, variant):
    """A name for each argument of the graph: that of its spec or its parameter."""
    found, parameters = [], list(called.__signature__.parameters)
    for k, argument in enumerate((*variant.args, *variant.kwargs.values())):
        specs = [s for s in nest.flatten([argument]) if isinstance(s, TensorSpec)]
        name = parameters[min(k, len(parameters) - 1)]
        found += [(s.name or (name if len(specs) == 1 else f"{name}_{j}")) for j, s in enumerate(specs)]
    return found if variant.order is None else [found[k] for k in variant.order]


def _output_names(writer, variant):
    """A name for each result: keys of dicts, fields and places, joined."""
    tree = variant.structure.pack([dummy() for _ in variant.structure.tensors])
    return [writer.name("_".join(map(str, path)) or "output") for path in _paths(tree, ())]


def _paths(tree, path):
    if isinstance(tree, dict):
        return [p for key in nest.ordered_keys(tree) for p in _paths(tree[key], (*path, key))]
    if isinstance(tree, (list, tuple)):
        names = getattr(tree, "_fields", None) or [
            k if path else f"output_{k}" for k in range(len(tree))]
        return [p for name, part in zip(names, tree, strict=True) for p in _paths(part, (*path, name))]
    if isinstance(tree, IndexedSlices):
        return [(*path, "values"), (*path, "indices")]
    return [path] if isinstance(tree, Tensor) else []
