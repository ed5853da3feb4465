"""What a layer is made of: its layers and variables, found by walking what it tracks.

The result is kept with the layer until any layer changes: `changed` gives the process a new version number.
"""
import itertools
from typing import NamedTuple

from numbaflow.core.containers import Contents
from numbaflow.core.trackable import Trackable
from numbaflow.core.variable import Variable

_numbers = itertools.count(1)


class _Structure:
    """`version`: a number that no earlier structure had."""

    version = 0


_structure = _Structure()


def changed():
    """Say that some layer has other parts now, or is trainable or not in another way."""
    _structure.version = next(_numbers)


class Parts(NamedTuple):
    """A layer's own layers and variables; `open` if a container, which changes unnoticed, is among them."""

    layers: list
    variables: list
    open: bool


class Weights(NamedTuple):
    """All variables below a layer; `lasting` as long as no layer changes."""

    trainable: list
    non_trainable: list
    weights: list
    lasting: bool


def parts_of(layer):
    """The Parts of a layer, each once, in the order they were set."""
    found = Parts([], [], False)
    is_open, seen = False, set()
    for variable in layer._added_weights:
        _add(variable, found, seen)
    for child in layer.__dict__.get("_tracked", {}).values():
        is_open |= _add(child, found, seen)
    return Parts(found.layers, found.variables, is_open)


def _add(value, found, seen):
    """Sort a value, and what it contains, into found; whether there was a container."""
    if isinstance(value, Variable):
        if id(value) not in seen:
            seen.add(id(value))
            found.variables.append(value)
        return False
    if _is_layer(value):
        if id(value) not in seen:
            seen.add(id(value))
            found.layers.append(value)
        return False
    if isinstance(value, Contents):
        value = value._container
    if isinstance(value, (list, tuple, dict)):
        for part in value.values() if isinstance(value, dict) else value:
            _add(part, found, seen)
        return True
    return False


def _is_layer(value):
    return isinstance(value, Trackable) and hasattr(value, "_added_weights")


def below(layer):
    """All layers below one, each once, without itself."""
    seen, found, waiting = {id(layer)}, [], list(layer._own_parts().layers)
    while waiting:
        one = waiting.pop(0)
        if id(one) not in seen:
            seen.add(id(one))
            found.append(one)
            waiting[:0] = one._own_parts().layers
    return found


def weights_of(layer):
    """The Weights of a layer."""
    kept = layer.__dict__.get("_kept_weights")
    if kept is not None and kept[0] == _structure.version:
        return kept[1]
    version = _structure.version
    made = _collect(layer, set())
    if made.lasting:
        layer.__dict__["_kept_weights"] = version, made
    return made


def _collect(layer, above):
    parts = layer._own_parts()
    above = above | {id(layer)}
    inner = [_collect(one, above) for one in parts.layers if id(one) not in above]
    own = [v for v in parts.variables if v.trainable], [v for v in parts.variables if not v.trainable]
    trainable = _joined(layer, own[0], [w.trainable for w in inner])
    if layer._inner_first:              # a model: layer by layer
        everything = [v for w in inner for v in w.weights] + own[0] + own[1]
        frozen = [v for w in inner for v in w.non_trainable] + own[1]
    else:
        flat = [(v, v.trainable) for w in inner for v in w.weights]
        everything = own[0] + [v for v, t in flat if t] + own[1] + [v for v, t in flat if not t]
        frozen = own[1] + [v for w in inner for v in w.non_trainable]
    if not layer.trainable:
        trainable, frozen = [], everything
    return Weights(_once(trainable), _once(frozen), _once(everything),
                   not parts.open and all(w.lasting for w in inner))


def _joined(layer, own, inner):
    inner = [v for some in inner for v in some]
    return inner + own if layer._inner_first else own + inner


def _once(variables):
    return list({id(v): v for v in variables}.values())
