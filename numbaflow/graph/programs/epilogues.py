"""Epilogues: what is done to each result of a convolution at once moves into its kernel.

A bias and a rectifier cost a pass over memory of their own, but nothing where the sums are in registers.
"""
from numbaflow.core import table
from numbaflow.graph import ir


def fold_biases(graph):
    """conv, + bias, relu: one node, where nobody else needs what lies between."""
    users, kept, made, dropped = graph.users(), set(graph.outputs), {}, set()
    for conv in graph.nodes:
        if conv.op.name != "conv":
            continue
        add = _only_user(conv.outputs[0], users, kept)
        bias = add and _bias(add, conv)
        if bias is None:
            continue
        relu = _only_user(add.outputs[0], users, kept)
        rectified = relu is not None and relu.op.name == "relu"
        last = relu if rectified else add
        out = last.outputs[0]
        made[last] = ir.Node(table.OPS["biased_conv"], [*conv.inputs, bias],
                             {**conv.attributes, "rectified": rectified}, [(out.shape, out.dtype)], None,
                             conv.where)
        dropped.update((conv, add))
    if made:
        graph.nodes = [made.get(node, node) for node in graph.nodes if node in made or node not in dropped]
        graph.replace({old.outputs[0]: new.outputs[0] for old, new in made.items()})


def _only_user(value, users, kept):
    """The one node that takes a value, once; None where there are more, or it is a result."""
    found = users.get(value, ())
    return found[0] if len(found) == 1 and value not in kept else None


def _bias(add, conv):
    """The vector that is added to each pixel of a convolution, else None."""
    y, out = conv.outputs[0], add.outputs[0]
    if add.op.name != "add" or (out.shape, out.dtype) != (y.shape, y.dtype):
        return None
    other = add.inputs[1] if add.inputs[0] is y else add.inputs[0]
    first = conv.attributes["channels_first"]
    channels = y.shape[1 if first else -1]
    if not first:
        return other if other.shape == (channels,) else None
    before = other.node
    if other.shape == (channels, *(1,) * (y.ndim - 2)) and before.op.name == "reshape" \
            and before.inputs[0].shape == (channels,):
        return before.inputs[0]
    return None
