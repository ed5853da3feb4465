"""Graphs written node by node: what a function's values are called, and branches as graphs within."""
import numpy as np

from numbaflow.core.device_variable import array_of
from numbaflow.core.dim import numbers
from numbaflow.core.errors import UnimplementedError
from numbaflow.core.shape import Extent
from numbaflow.graph import ir
from numbaflow.graph.flow.branches import BRANCH

from . import elementwise, neural, reductions, shapes
from .writer import TRANSLATORS, Call, Unsupported

__all__ = ["elementwise", "info", "neural", "reductions", "shapes", "tidy", "write"]


def write(writer, concrete, input_names):
    """Write the nodes of a function: {value: its name}.

    Raises:
        UnimplementedError: ops without a translation, all of them.
    """
    graph, names = concrete.graph, {}
    _refuse_state(concrete)
    for value, name in zip(graph.inputs[:concrete.arguments], input_names, strict=True):
        names[value] = writer.name(name)
        for axis, n in enumerate(value.shape):
            if isinstance(n, Extent):
                (((_, number),), _), = n._terms.items()
                writer.known.setdefault(number, (names[value], axis))
    for variable, value in zip(concrete.reads, graph.inputs[concrete.arguments:], strict=False):
        names[value] = writer.initializer(variable._name, array_of(variable))
    missing: dict = {}
    _write_nodes(writer, graph, names, missing)
    if missing:
        raise UnimplementedError(f"onnx.export: {concrete.name} has ops that are not translated to opset "
                                 f"{writer.opset}:\n  " + "\n  ".join(f"{what}, at {where}"
                                                                    for what, where in missing.items()))
    return names


def _write_nodes(writer, graph, names, missing):
    """Write nodes; what is not translated is noted in `missing`, {what: where}."""
    for node in _needed(graph):
        if node.op is ir.INPUT:
            continue
        try:
            found = _translated(writer, node, names, missing)
        except Unsupported as error:
            missing.setdefault(f"{node.op.name}{f' ({error})' if str(error) else ''}", node.where)
            found = [f"missing_{k}" for k in range(len(node.outputs))]
        names.update(zip(node.outputs, found, strict=False))


def _refuse_state(concrete):
    if concrete.assigned:
        names = ", ".join(v.name for v in concrete.assigned)
        raise UnimplementedError(f"onnx.export: {concrete.name} assigns variables ({names}); export a "
                                 "function for inference")
    if concrete.feeds:
        raise UnimplementedError(f"onnx.export: {concrete.name} draws random numbers; export a function for "
                                 "inference")


def _needed(graph):
    """The nodes that results depend on, in order."""
    needed, kept = set(graph.outputs), []
    for node in reversed(graph.nodes):
        if node.has_effect or any(v in needed for v in node.outputs):
            needed.update(node.inputs)
            kept.append(node)
    return kept[::-1]


def _translated(writer, node, names, missing):
    """The names of a node's outputs."""
    if node.op is ir.CONSTANT:
        value, shape = node.attributes["value"], node.outputs[0].shape
        known = writer.constant(value)
        return [known if value.shape == shape else writer.op("Expand", [known, writer.ints(shape)])]
    if node.op is ir.EXTENTS:
        value, out = node.attributes["value"], node.outputs[0]
        vector = writer.ints(value if out.shape else [value])
        found = vector if out.shape else writer.op("Squeeze", [vector])
        return [found if out.dtype == np.int64 else writer.cast(found, out.dtype)]
    if node.op is BRANCH:
        number, *operands = [names[v] for v in node.inputs]
        return _choice(writer, number, node.attributes["branches"], operands, node.outputs, missing)
    translator = None if isinstance(node.op, ir.Primitive) else TRANSLATORS.get(node.op.name)
    if translator is None or any(v.dtype.kind == "c" for v in (*node.inputs, *node.outputs)):
        raise Unsupported("complex numbers" if translator else "")
    if any(k not in writer.known for v in node.outputs for k in numbers(v.shape)):
        raise Unsupported("a shape that values decide")
    if any(v not in names for v in node.inputs):
        raise Unsupported("what a gradient takes from a forward step")
    found = translator(writer, Call(node, [names[v] for v in node.inputs]))
    return found if isinstance(found, list) else [found]


def info(writer, name, value, labels=None):
    """ONNX's description of an input or output; each unknown extent gets a label of its own in `labels`."""
    def extent(n):
        if not isinstance(n, Extent):
            return int(n)
        return None if labels is None else labels.setdefault(n, f"n{len(labels)}")
    shape = [extent(n) for n in value.shape]
    return writer.helper.make_tensor_value_info(name, writer.dtype(value.dtype), shape)


# ---- branches
def _choice(writer, number, branches, operands, outputs, missing, k=0):
    """Branch k if the number is k, or a choice among those after it; the last one for any other number."""
    if k == len(branches) - 1:
        return _inlined(writer, branches[k], operands, missing)
    test = writer.op("Equal", [writer.cast(number, np.int64), writer.constant(k, np.int64)])
    own = _within(writer, outputs, lambda: _inlined(writer, branches[k], operands, missing))
    rest = _within(writer, outputs,
                   lambda: _choice(writer, number, branches, operands, outputs, missing, k + 1))
    return writer.op("If", [test], len(outputs), then_branch=own, else_branch=rest)


def _inlined(writer, concrete, operands, missing):
    """The names of a function's results, written where the writer is."""
    names = dict(zip(concrete.graph.inputs, operands, strict=True))
    _write_nodes(writer, concrete.graph, names, missing)
    return [names[v] for v in concrete.graph.outputs]


def _within(writer, outputs, write):
    """A graph of its own of what `write` writes; it may use all that stands before it outside."""
    with writer.inner() as nodes:
        found = [writer.op("Identity", [name]) for name in write()]
        described = [info(writer, name, value) for name, value in zip(found, outputs, strict=True)]
        return writer.helper.make_graph(nodes, writer.name("branch"), [], described)


# ---- tidying
def _all_nodes(nodes):
    """Nodes and those of graphs within."""
    for node in nodes:
        yield node
        for attribute in node.attribute:
            yield from _all_nodes(attribute.g.node)


def _names_used(node):
    return [name for each in _all_nodes([node]) for name in each.input]


def tidy(writer, outputs):
    """Drop Identity nodes, whose outputs are called as what they take, and what nobody uses."""
    _join_identities(writer, outputs)
    used, kept = set(outputs), []
    for node in reversed(writer.nodes):
        if used.intersection(node.output):
            used.update(_names_used(node))
            kept.append(node)
    writer.nodes = kept[::-1]
    return used


def _join_identities(writer, outputs):
    made = {name: node for node in writer.nodes for name in node.output}
    users: dict = {}
    for node in writer.nodes:
        for name in _names_used(node):
            users[name] = users.get(name, 0) + 1
    renamed, kept = {}, []
    for node in writer.nodes:
        for each in _all_nodes([node]):
            for k, name in enumerate(each.input):
                each.input[k] = renamed.get(name, name)
        if node.op_type != "Identity":
            kept.append(node)
            continue
        source, (name,) = node.input[0], node.output
        if name not in outputs:
            renamed[name] = source
            users[source] = users.get(source, 0) + users.get(name, 0) - 1
        elif source in made and users.get(source) == 1 and source not in outputs:
            origin = made[source]
            origin.output[list(origin.output).index(source)] = name
        else:
            kept.append(node)
    writer.nodes = kept
