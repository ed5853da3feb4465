"""The graph of a functional model: its nodes in an order in which they can run, and the running of them."""
from typing import NamedTuple

from numbaflow.core import nest

from .symbolic import replaced, symbolic_leaves


class Step(NamedTuple):
    """One layer's call: where its inputs are among the values, where its outputs go, and what is done with.

    `source` is a slot, a list of slots, or (inputs, args, kwargs) with a Slot for each symbolic tensor.
    """

    layer: object
    source: object
    targets: object
    done: tuple


class Slot(int):
    """A place among the values, in the arguments of a Step."""


class Graph:
    """What leads from some symbolic tensors to others.

    Args:
        inputs: a list of symbolic tensors.
        outputs: a symbolic tensor, or a list or dict of them.
        name: the model's name, for errors.

    Raises:
        ValueError: an output that depends on an input which is not among `inputs`.
    """

    def __init__(self, inputs, outputs, name):
        self.inputs, self.outputs = list(inputs), outputs
        self.flat_outputs = symbolic_leaves(outputs)
        self.nodes, order = _walk(self.inputs, self.flat_outputs)
        self.layers = _by_depth(self.nodes, self.inputs, order)
        _check_names(self.layers, name)
        self._lay_out()

    def _lay_out(self):
        """Give each tensor a slot and write down the steps."""
        slots = {}
        self._inputs = [slots.setdefault(_key(t), len(slots)) for t in self.inputs]
        given = set(slots)
        running = [n for n in self.nodes if any((id(n), k) not in given for k in range(n.count)) and n.inputs]
        for node in running:
            for k in range(node.count):
                slots.setdefault((id(node), k), len(slots))
        self._outputs = [slots[_key(t)] for t in self.flat_outputs]
        self._size = len(slots)
        last = {slots[_key(t)]: k for k, node in enumerate(running) for t in node.inputs}
        kept = {*self._outputs}
        self.steps = []
        for k, node in enumerate(running):
            targets = [slots[(id(node), j)] for j in range(node.count)]
            done = tuple(s for s, when in last.items() if when == k and s not in kept)
            unused = tuple(s for s in targets if s not in last and s not in kept)
            self.steps.append(Step(node.layer, _source(node, slots),
                                   targets[0] if node.structure == 0 else targets, done + unused))

    def run(self, inputs):
        """The outputs for inputs: tensors, or symbolic ones."""
        values = [None] * self._size
        for slot, value in zip(self._inputs, inputs, strict=True):
            values[slot] = value
        for layer, source, targets, done in self.steps:
            kind = type(source)
            if kind is int:
                y = layer(values[source])
            elif kind is list:
                y = layer([values[slot] for slot in source])
            else:
                given, args, kwargs = _filled(source, values)
                y = layer(given, *args, **kwargs)
            if type(targets) is int:
                values[targets] = y
            else:
                for slot, part in zip(targets, nest.flatten(y), strict=True):
                    values[slot] = part
            for slot in done:
                values[slot] = None
        found = iter([values[slot] for slot in self._outputs])
        return replaced(self.outputs, lambda _: next(found))


def _key(tensor):
    return id(tensor._node), tensor._index


def _source(node, slots):
    inputs, args, kwargs = node.arguments
    if not args and not kwargs:
        if len(node.inputs) == 1 and inputs is node.inputs[0]:
            return slots[_key(inputs)]
        if isinstance(inputs, (list, tuple)) and len(inputs) == len(node.inputs) and \
                all(a is b for a, b in zip(inputs, node.inputs, strict=True)):
            return [slots[_key(t)] for t in inputs]
    return replaced(node.arguments, lambda t: Slot(slots[_key(t)]))


def _filled(value, values):
    if isinstance(value, Slot):
        return values[value]
    if isinstance(value, dict):
        return {key: _filled(part, values) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)([_filled(part, values) for part in value])
    return value


# ---- order
def _walk(inputs, outputs):
    """(nodes in an order in which each comes after what it needs, layers in the order they were met)."""
    given = {_key(t) for t in inputs}
    done, nodes, layers = set(), [], {}
    for output in outputs:
        waiting = [(output, False)]
        while waiting:
            tensor, ready = waiting.pop()
            node = tensor._node
            if id(node) in done or (_key(tensor) in given and node.inputs):
                continue
            layers.setdefault(id(node.layer), len(layers))
            if ready:
                done.add(id(node))
                nodes.append(node)
                continue
            if not node.inputs and _key(tensor) not in given:
                raise ValueError(f"Graph disconnected: cannot obtain value for tensor {tensor!r} at layer "
                                 f"\"{node.layer.name}\". The following previous layers were accessed "
                                 f"without issue: {[n.layer.name for n in nodes]}")
            waiting.append((tensor, True))
            waiting += [(t, False) for t in reversed(node.inputs)]
    nodes = [t._node for t in inputs if not t._node.inputs and id(t._node) not in done] + nodes
    return nodes, layers


def _by_depth(nodes, inputs, order):
    """The layers, those furthest from the outputs first, as Keras has them."""
    depths, of_layer = {}, {}
    for node in reversed(nodes):
        depth = max(depths.get(id(node), 0), of_layer.get(id(node.layer), (0, None))[0])
        depths[id(node)], of_layer[id(node.layer)] = depth, (depth, node.layer)
        for tensor in node.inputs:
            depths[id(tensor._node)] = max(depth + 1, depths.get(id(tensor._node), 0))
    ranked = sorted(of_layer.values(), key=lambda pair: (-pair[0], order.get(id(pair[1]), -1)))
    return [layer for _, layer in ranked]


def _check_names(layers, name):
    names = [layer.name for layer in layers]
    for one in names:
        if names.count(one) > 1:
            raise ValueError(f"{name}: The name \"{one}\" is used {names.count(one)} times in the model. All "
                             "layer names should be unique.")
