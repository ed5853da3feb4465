"""Models from configurations and back, in the form of Keras' own: layers, and which feeds which."""
import json

import numpy as np

from numbaflow.core.tensor import Tensor

from .symbolic import SymbolicTensor, replaced, symbolic_leaves


def of_layer(layer):
    """{"class_name": ..., "config": ...} of a layer."""
    return {"class_name": type(layer).__name__, "config": layer.get_config()}


def to_layer(config, custom_objects=None):
    """The layer of a configuration."""
    from ..layers import deserialize
    return deserialize(config, custom_objects)


# ---- functional models
def of_graph(model):
    """The configuration of a functional model."""
    graph = model._graph
    numbers = {}                            # id of node -> its number among the layer's nodes in this model
    for node in graph.nodes:
        numbers[id(node)] = sum(other.layer is node.layer for other in graph.nodes if id(other) in numbers)

    def place(tensor):
        return [tensor._node.layer.name, numbers[id(tensor._node)], tensor._index]

    layers = []
    for layer in graph.layers:
        calls = [_of_call(node, place) for node in graph.nodes if node.layer is layer and node.inputs]
        layers.append({**of_layer(layer), "name": layer.name, "inbound_nodes": calls})
    return {"name": model.name, "layers": layers, "input_layers": [place(t) for t in graph.inputs],
            "output_layers": replaced(graph.outputs, lambda t: {"from": place(t)})}


def _of_call(node, place):
    inputs, args, kwargs = replaced(node.arguments, lambda t: {"from": place(t)})
    return {"inputs": inputs, "args": list(args), "kwargs": kwargs}


def to_model(kind, config, custom_objects=None):
    """A new functional model of a configuration."""
    layers = {one["name"]: to_layer(one, custom_objects) for one in config["layers"]}
    results = {}                            # (layer's name, number of the call) -> its outputs
    waiting = []
    for one in config["layers"]:
        if one["inbound_nodes"]:
            waiting += [(one["name"], k, call) for k, call in enumerate(one["inbound_nodes"])]
        else:
            results[one["name"], 0] = [layers[one["name"]].symbolic()]
    while waiting:
        ready = [entry for entry in waiting if _known(entry, results)]
        if not ready:
            raise ValueError(f"{config.get('name')}: layers feed each other in a circle: "
                             f"{', '.join(sorted({name for name, _, _ in waiting}))}")
        for name, k, call in ready:
            inputs, args, kwargs = (_restored(call[part], results) for part in ("inputs", "args", "kwargs"))
            results[name, k] = symbolic_leaves(layers[name](inputs, *args, **kwargs))
        waiting = [entry for entry in waiting if entry not in ready]
    inputs = [results[name, k][j] for name, k, j in config["input_layers"]]
    return kind(inputs=inputs, outputs=_restored(config["output_layers"], results), name=config.get("name"))


def _known(entry, results):
    """Whether all that a call takes is there, and the layer's earlier calls have been made."""
    name, k, call = entry
    return all((p[0], p[1]) in results for p in _places(call)) and all((name, j) in results for j in range(k))


def _places(value):
    if isinstance(value, dict):
        if set(value) == {"from"}:
            return [value["from"]]
        return [p for part in value.values() for p in _places(part)]
    return [p for part in value for p in _places(part)] if isinstance(value, (list, tuple)) else []


def _restored(value, results):
    if isinstance(value, dict):
        if set(value) == {"from"}:
            name, k, j = value["from"]
            return results[name, k][j]
        return {key: _restored(part, results) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_restored(part, results) for part in value]
    return value


# ---- JSON
def to_json(model, **kwargs):
    """A model's configuration as JSON."""
    return json.dumps(of_layer(model), default=_plain, **kwargs)


def from_json(text, custom_objects=None):
    """A new model, with new weights, of what `Model.to_json` gave.

    >>> import numbaflow as nf
    >>> model = nf.keras.Sequential([nf.keras.layers.Dense(3, input_shape=(4,))])
    >>> nf.keras.models.model_from_json(model.to_json()).output_shape
    (None, 3)
    """
    return to_layer(json.loads(text), custom_objects)


def _plain(value):
    if isinstance(value, (Tensor, np.ndarray)):
        return np.asarray(value).tolist()
    if isinstance(value, np.generic):
        return value.item()
    if hasattr(value, "name") and not isinstance(value, SymbolicTensor):
        return value.name
    raise TypeError(f"to_json: a {type(value).__name__} can't be written as JSON: {str(value)[:80]}")
