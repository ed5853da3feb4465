"""What constructors of layers share: options of weights, and numbers that must be positive."""
import numpy as np

from .. import constraints, initializers, regularizers

_KINDS = {"initializer": initializers, "regularizer": regularizers, "constraint": constraints}


def take_weight_options(layer, given):
    """Set `<weight>_<kind>` on a layer for each such name in a dict, as what it stands for."""
    for name, value in given.items():
        setattr(layer, name, _KINDS[name.rsplit("_", 1)[1]].get(value))
    layer.__dict__["_weight_options"] = tuple(given)


def weight_options_config(layer):
    """The configuration of what `take_weight_options` set."""
    return {name: _KINDS[name.rsplit("_", 1)[1]].serialize(getattr(layer, name))
                                     for name in layer._weight_options}


def options_of(layer, weight):
    """The arguments of add_weight for a weight: its initializer, regularizer and constraint."""
    return {kind: getattr(layer, f"{weight}_{kind}") for kind in _KINDS}


def whole_number(layer, what, value):
    """A positive int; ValueError that names the layer."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value <= 0:
        if isinstance(value, float) and value > 0 and value == int(value):
            return int(value)
        raise ValueError(f"{layer.name}: {what} must be a positive integer, got {value!r}")
    return int(value)


def numbers_each(layer, what, value, n, least=1):
    """A tuple of n ints from one int or n of them; ValueError that names the layer."""
    values = (value,) * n if isinstance(value, (int, np.integer)) else value
    try:
        values = tuple(int(v) for v in values)
    except (TypeError, ValueError):
        values = ()
    if len(values) != n or any(v < least for v in values):
        raise ValueError(f"{layer.name}: The `{what}` argument must be a tuple of {n} integers"
                         f"{f' of at least {least}' if least else ''}. Received: {value}")
    return values


def last_extent(layer, input_shape, axis=-1):
    """The extent of inputs along an axis; ValueError if it is not known."""
    extent = input_shape[axis]
    if extent is None:
        word = "last" if axis == -1 else "channel"
        raise ValueError(f"The {word} dimension of the inputs to `{type(layer).__name__}` should be defined. "
                         f"Found `None`. (layer: {layer.name})")
    return extent


def check_rate(layer, rate, what="rate"):
    """A number in [0, 1); ValueError that names the layer."""
    if not (np.isscalar(rate) or getattr(rate, "ndim", 1) == 0) or not 0.0 <= float(rate) < 1.0:
        raise ValueError(f"{layer.name}: {what} must be a number in [0, 1), got {rate!r}")
    return float(rate)
