"""Layers around a layer: over the steps of sequences, and in both directions."""
from numbaflow.core.tensor import as_tensor
from numbaflow.ops.joining import concat
from numbaflow.ops.rearranging import reverse
from numbaflow.ops.shape import reshape

from ..engine.base_layer import Layer
from .recurrent import RNN
from .recurrent_cells import build_cell, listed


class Wrapper(Layer):
    """A layer around one layer, `layer`; abstract."""

    def __init__(self, layer, **more):
        super().__init__(**more)
        if not isinstance(layer, Layer):
            raise ValueError(f"{type(self).__name__}: expected a layer to wrap, got {type(layer).__name__}")
        self.layer = layer

    def get_config(self):
        """The arguments that make such a layer."""
        from . import serialize
        return {**super().get_config(), "layer": serialize(self.layer)}

    @classmethod
    def from_config(cls, config):
        """The layer of `get_config`."""
        from . import deserialize
        return cls(deserialize(config["layer"]), **{k: v for k, v in config.items() if k != "layer"})


class TimeDistributed(Wrapper):
    """A layer applied to each step of sequences [batch, steps, ...].

    Args:
        layer: the layer; it is called once, with all steps of all sequences as its batch.

    >>> import numbaflow as nf
    >>> layers = nf.keras.layers
    >>> layers.TimeDistributed(layers.Dense(4))(nf.zeros((2, 7, 3))).shape
    (2, 7, 4)
    """

    supports_masking = True

    def build(self, input_shape):
        """Make the layer's weights."""
        if len(input_shape) < 3:
            raise ValueError("`TimeDistributed` Layer should be passed an `input_shape ` with at least 3 "
                             f"dimensions, received: {tuple(input_shape)}")
        self.built = True

    def compute_output_shape(self, input_shape):
        """[batch, steps] and the layer's output without its batch."""
        inner = self.layer.compute_output_shape((input_shape[0], *input_shape[2:]))
        return (*input_shape[:2], *inner[1:])

    def call(self, inputs, training=None):
        """The layer's outputs for all steps."""
        batch, steps = inputs.shape[:2]
        y = self.layer(reshape(inputs, (batch * steps, *inputs.shape[2:])), training=training)
        return reshape(y, (batch, steps, *y.shape[1:]))


_MERGES = {
    "concat": lambda a, b: concat([a, b], -1),
    "sum": lambda a, b: a + b,
    "mul": lambda a, b: a * b,
    "ave": lambda a, b: 0.5 * (a + b),
    None: lambda a, b: [a, b],
}


class Bidirectional(Wrapper):
    """A recurrent layer run forwards and, with weights of its own, backwards.

    Args:
        layer: the recurrent layer.
        merge_mode: what becomes of the two outputs: "concat", "sum", "mul", "ave", or None for a list.
        weights: first values of the weights, those of the forward layer first.
        backward_layer: the layer that runs backwards; by default one like `layer`.

    With the layer's `return_state` the states of both follow the output.

    >>> import numbaflow as nf
    >>> layers = nf.keras.layers
    >>> layers.Bidirectional(layers.LSTM(4, return_sequences=True))(nf.zeros((2, 7, 3))).shape
    (2, 7, 8)
    """

    def __init__(self, layer, merge_mode="concat", weights=None, backward_layer=None, **more):
        if not isinstance(layer, RNN):
            raise ValueError(f"Bidirectional: expected a recurrent layer, got {type(layer).__name__}")
        if merge_mode not in _MERGES:
            raise ValueError(f"Invalid merge mode {merge_mode!r}. Merge mode should be one of "
                             f"{', '.join(map(repr, _MERGES))}")
        super().__init__(layer, **more)
        self.merge_mode, self.supports_masking = merge_mode, True
        self.forward_layer = _like(layer, "forward", layer.go_backwards)
        self.backward_layer = backward_layer or _like(layer, "backward", not layer.go_backwards)
        self._check()
        self._initial_weights = weights

    def _check(self):
        a, b = self.forward_layer, self.backward_layer
        if a.go_backwards == b.go_backwards:
            raise ValueError("Bidirectional: the forward layer and the backward layer must have different "
                             "`go_backwards` values")
        for name in ("stateful", "return_sequences", "return_state"):
            if getattr(a, name) != getattr(b, name):
                raise ValueError(f"Bidirectional: both layers must have the same {name}, got "
                                 f"{getattr(a, name)} and {getattr(b, name)}")

    def build(self, input_shape):
        """Make the weights of both layers."""
        for layer in (self.forward_layer, self.backward_layer):
            build_cell(layer, input_shape, self.dtype)
        self.built = True
        if self._initial_weights is not None:
            self.set_weights(self._initial_weights)

    def compute_output_shape(self, input_shape):
        """The merged outputs' shape, or a list with the states' after it."""
        shape = self.forward_layer.compute_output_shape(input_shape)
        output, *states = shape if isinstance(shape, list) else [shape]
        if self.merge_mode == "concat":
            output = (*output[:-1], 2 * output[-1])
        outputs = [output, output] if self.merge_mode is None else [output]
        return [*outputs, *states, *states] if len(outputs) > 1 or states else output

    def compute_mask(self, inputs, mask=None):
        """The mask of the inputs for sequences, else None."""
        return mask if self.forward_layer.return_sequences else None

    def call(self, inputs, mask=None, training=None, initial_state=None):
        """Both outputs, merged; the backward sequences are turned to the inputs' order."""
        first, second = self._states(initial_state)
        a = listed(self.forward_layer.call(inputs, mask, training, first))
        b = listed(self.backward_layer.call(inputs, mask, training, second))
        other = b[0]
        if self.forward_layer.return_sequences:
            other = reverse(other, [0 if self.forward_layer.time_major else 1])
        merged = _MERGES[self.merge_mode](a[0], other)
        return [*listed(merged), *a[1:], *b[1:]] if self.forward_layer.return_state else merged

    def _states(self, initial_state):
        if initial_state is None:
            return None, None
        states = [as_tensor(s) for s in listed(initial_state)]
        half = len(listed(self.forward_layer.cell.state_size))
        if len(states) != 2 * half:
            raise ValueError(f"Bidirectional: expected {2 * half} initial states, {half} for each direction, "
                             f"got {len(states)}")
        return states[:half], states[half:]

    def reset_states(self):
        """Begin the next batch of stateful layers with zeros."""
        self.forward_layer.reset_states()
        self.backward_layer.reset_states()

    def get_config(self):
        """The arguments that make such a layer."""
        from . import serialize
        return {**super().get_config(), "merge_mode": self.merge_mode,
                "backward_layer": serialize(self.backward_layer)}

    @classmethod
    def from_config(cls, config):
        """The layer of `get_config`."""
        from . import deserialize
        config = dict(config)
        layers = [deserialize(config.pop(name)) for name in ("layer", "backward_layer")]
        return cls(layers[0], backward_layer=layers[1], **config)


def _like(layer, prefix, go_backwards):
    config = layer.get_config()
    return type(layer).from_config({**config, "name": f"{prefix}_{layer.name}", "go_backwards": go_backwards})
