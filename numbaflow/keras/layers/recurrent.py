"""Recurrent layers: a cell run along the steps of sequences.

Sequences are [batch, steps, n].  Inside they are [steps, batch, n], so that the slice of a step is one piece
of memory, and a cell that can projects its inputs for all steps in one product.
"""
import numpy as np

from numbaflow.core.abstract import current_trace
from numbaflow.core.tape import tracing
from numbaflow.core.tensor import Tensor, as_tensor
from numbaflow.core.variable import Variable
from numbaflow.ops.comparison import where
from numbaflow.ops.creation import zeros_like
from numbaflow.ops.joining import stack, unstack
from numbaflow.ops.shape import expand_dims, transpose

from ..engine.base_layer import Layer
from .recurrent_cells import (
    GRUCell,
    LSTMCell,
    SimpleRNNCell,
    StackedRNNCells,
    build_cell,
    check_cell,
    initial_states,
    listed,
    output_size,
)


def _turned(x):
    """The first two axes exchanged."""
    return transpose(x, [1, 0, *range(2, x.ndim)])


class RNN(Layer):
    """A cell run along the steps of sequences [batch, steps, n].

    Args:
        cell: a cell, or a list of cells to be stacked: what has `call(inputs, states)`, giving an output and
            a list of new states, and `state_size`.
        return_sequences: give the outputs of all steps [batch, steps, units] instead of the last.
        return_state: give the last states too: [output, *states].
        go_backwards: take the steps in reverse order.
        stateful: begin each batch with the last states of the one before, until `reset_states`.
        unroll: accepted and ignored: steps are always run one by one.
        time_major: sequences are [steps, batch, n].

    Called with `initial_state`, a state or a list of them, it begins there.  Where `mask` [batch, steps] is
    False a step is skipped: states stay, and the output is the one before (zeros before the first).

    >>> import numbaflow as nf
    >>> layer = nf.keras.layers.RNN(nf.keras.layers.LSTMCell(4), return_sequences=True)
    >>> layer(nf.zeros((2, 7, 3))).shape
    (2, 7, 4)
    """

    def __init__(self, cell, return_sequences=False, return_state=False, go_backwards=False, stateful=False,
                 unroll=False, time_major=False, **more):
        super().__init__(**more)
        cell = StackedRNNCells(cell) if isinstance(cell, (list, tuple)) else cell
        check_cell(self, cell)
        self.cell, self.return_sequences, self.return_state = cell, return_sequences, return_state
        self.go_backwards, self.stateful, self.unroll = go_backwards, stateful, unroll
        self.time_major, self.supports_masking = time_major, True
        # not among the layer's weights; fresh states may become those of another batch size
        self.__dict__.update(_states=None, _fresh=True)

    # ---- shapes
    def build(self, input_shape):
        """Make the cell's weights."""
        shape = input_shape[0] if isinstance(input_shape, list) else input_shape
        if len(shape) < 3:
            raise ValueError(f"Input 0 of layer {self.name} is incompatible with the layer: expected "
                             f"[batch, steps, n], found {tuple(shape)}")
        build_cell(self.cell, (shape[1] if self.time_major else shape[0], *shape[2:]), self.dtype)
        self.built = True

    def compute_output_shape(self, input_shape):
        """The output's shape, or a list of shapes with the states'."""
        shape = tuple(input_shape[0] if isinstance(input_shape, list) else input_shape)
        batch, size = shape[1 if self.time_major else 0], output_size(self.cell)
        size = (size,) if isinstance(size, int) else tuple(size)
        output = (*shape[:2], *size) if self.return_sequences else (batch, *size)
        if not self.return_state:
            return output
        return [output, *[(batch, n) if isinstance(n, int) else (batch, *n)
                          for n in listed(self.cell.state_size)]]

    def compute_mask(self, inputs, mask=None):
        """The mask of the outputs: that of the inputs for sequences, else None."""
        mask = mask[0] if isinstance(mask, list) else mask
        output = mask if self.return_sequences else None
        return [output, *[None] * len(listed(self.cell.state_size))] if self.return_state else output

    # ---- running
    def call(self, inputs, mask=None, training=None, initial_state=None):
        """The outputs for sequences; see the class."""
        if isinstance(inputs, (list, tuple)):
            inputs, *given = inputs
            initial_state = initial_state if initial_state is not None else given or None
        inputs = as_tensor(inputs)
        steps = inputs if self.time_major else _turned(inputs)
        if not steps.shape[0]:
            raise ValueError(f"{self.name}: sequences must have at least one step, got shape {inputs.shape}")
        states = self._first_states(steps, initial_state)
        outputs, states = self._along(steps, states, _masks(mask, self), training)
        if self.stateful:
            self._keep(states)
        output = outputs[-1]
        if self.return_sequences:
            output = stack(outputs, 0 if self.time_major else 1)
        return [output, *states] if self.return_state else output

    def _first_states(self, steps, initial_state):
        if initial_state is None and self.stateful and current_trace() is not None:
            self._make_states(steps)
        if initial_state is None and self._states is not None and not (
                self._fresh and self._states[0].shape[0] != steps.shape[1]):
            initial_state = [s.value() for s in self._states]
        if initial_state is None:
            return initial_states(self.cell, batch_size=steps.shape[1], dtype=steps.dtype)
        states = [as_tensor(s) for s in listed(initial_state)]
        wanted = len(listed(self.cell.state_size))
        if len(states) != wanted:
            raise ValueError(f"Layer {self.name} has {wanted} states but was passed {len(states)} initial "
                             "states")
        for s in states:
            if s.shape[0] != steps.shape[1]:
                raise ValueError(f"{self.name}: a state for a batch of {s.shape[0]}, the inputs have a batch "
                                 f"of {steps.shape[1]}")
        return states

    def _along(self, steps, states, masks, training):
        """The outputs of all steps and the last states."""
        if hasattr(self.cell, "project"):
            shared = self.cell.shared(steps.shape[1], training)
            projected, step = self.cell.project(steps, training), self.cell.step

            def advance(x, states):
                return step(x, states, shared)
        else:
            projected, cell = steps, self.cell      # which hears of `training` as all layers within do

            def advance(x, states):
                return cell(x, states)
        outputs = []
        rows = unstack(projected)
        order = range(len(rows) - 1, -1, -1) if self.go_backwards else range(len(rows))
        for k in order:
            output, new = advance(rows[k], states)
            new = listed(new)
            if masks is not None:
                before = outputs[-1] if outputs else zeros_like(output)
                output = where(masks[k], output, before)
                new = [where(masks[k], n, s) for n, s in zip(new, states, strict=True)]
            outputs.append(output)
            states = new
        return outputs, states

    # ---- kept states
    def _make_states(self, steps):
        """The variables of states before the first step, which a compiled function reads at each call."""
        if self._states is None or (self._fresh and self._states[0].shape[0] != steps.shape[1]):
            with tracing(None):
                self._keep(initial_states(self.cell, batch_size=steps.shape[1], dtype=steps.dtype))

    def _keep(self, states):
        self.__dict__["_fresh"] = False
        if self._states is None or self._states[0].shape != states[0].shape:
            self.__dict__["_states"] = [Variable(s, trainable=False, name=f"{self.name}/state")
                                        for s in states]
        else:
            for kept, s in zip(self._states, states, strict=True):
                kept.assign(s)

    states = property(lambda self: self._states, doc="The states kept by a stateful layer, or None.")

    def reset_states(self, states=None):
        """Begin the next batch of a stateful layer with zeros, or with arrays for the states."""
        if not self.stateful:
            raise AttributeError("Layer must be stateful.")
        if states is None:
            if self._states is not None:
                first = self._states[0]
                self._keep(initial_states(self.cell, batch_size=first.shape[0], dtype=first.dtype))
            self.__dict__["_fresh"] = True
            return
        wanted = len(listed(self.cell.state_size))
        if len(listed(states)) != wanted:
            raise ValueError(f"Layer {self.name} expects {wanted} states, but it received "
                             f"{len(listed(states))} state values")
        self._keep([as_tensor(np.asarray(s, self.dtype)) for s in listed(states)])

    def get_config(self):
        """The arguments that make such a layer."""
        from . import serialize
        return {**super().get_config(), **self._run_config(), "cell": serialize(self.cell)}

    def _run_config(self):
        return {name: getattr(self, name) for name in (
            "return_sequences", "return_state", "go_backwards", "stateful", "unroll", "time_major")}

    @classmethod
    def from_config(cls, config):
        """The layer of `get_config`."""
        from . import deserialize
        return cls(deserialize(config["cell"]), **{k: v for k, v in config.items() if k != "cell"})


def _masks(mask, layer):
    """A condition [batch, 1] for each step, or None where nothing is masked."""
    mask = mask[0] if isinstance(mask, list) else mask
    if mask is None:
        return None
    rows = as_tensor(mask)
    if type(rows) is Tensor and rows._data.all():
        return None
    return [expand_dims(row, 1) for row in unstack(rows, axis=0 if layer.time_major else 1)]


# ---- layers of one cell
_OF_THE_LAYER = ("return_sequences", "return_state", "go_backwards", "stateful", "unroll", "time_major")
_OF_ANY_LAYER = ("name", "dtype", "trainable", "input_shape", "batch_input_shape", "batch_size", "weights",
                 "activity_regularizer", "dynamic")


class _OneCell(RNN):
    """A recurrent layer of a cell that takes the layer's arguments; abstract."""

    _cell_class: type

    def __init__(self, units, **arguments):
        own = {k: arguments.pop(k) for k in (*_OF_THE_LAYER, *_OF_ANY_LAYER) if k in arguments}
        if "input_dim" in arguments:
            own["input_shape"] = (arguments.pop("input_length", None), arguments.pop("input_dim"))
        inside = {"dtype": own["dtype"]} if own.get("dtype") is not None else {}
        super().__init__(self._cell_class(units, **arguments, **inside), **own)

    units = property(lambda self: self.cell.units, doc="The size of the output.")

    def get_config(self):
        """The arguments that make such a layer."""
        of_cell = {k: v for k, v in self.cell.get_config().items() if k not in _OF_ANY_LAYER}
        return {**Layer.get_config(self), **self._run_config(), **of_cell}

    @classmethod
    def from_config(cls, config):
        """The layer of `get_config`."""
        return cls(**config)


class SimpleRNN(_OneCell):
    """A recurrent layer whose output is fed back: ``h = activation(x W + h U + b)``.

    Args:
        units: the size of the output.
        activation, use_bias: of the cell.
        arguments: kernel_, recurrent_ and bias_ initializer, regularizer and constraint; dropout of the
            inputs and recurrent_dropout of the states, the same at every step; those of `RNN`.

    >>> import numbaflow as nf
    >>> nf.keras.layers.SimpleRNN(4)(nf.zeros((2, 7, 3))).shape
    (2, 4)
    """

    _cell_class = SimpleRNNCell

    def __init__(self, units, activation="tanh", use_bias=True, **arguments):
        super().__init__(units, activation=activation, use_bias=use_bias, **arguments)


class LSTM(_OneCell):
    """Long short-term memory (Hochreiter and Schmidhuber, 1997, with the forget gate of Gers et al., 2000).

    Args:
        units: the size of the output.
        activation: of the new memory and of the output.
        recurrent_activation: of the gates.
        use_bias: whether there is a bias.
        unit_forget_bias: begin with a forget gate's bias of 1.
        arguments: kernel_, recurrent_ and bias_ initializer, regularizer and constraint; dropout of the
            inputs and recurrent_dropout of the states, the same at every step; those of `RNN`.

    The states are the output h and the memory c.

    >>> import numbaflow as nf
    >>> output, h, c = nf.keras.layers.LSTM(4, return_state=True)(nf.zeros((2, 7, 3)))
    >>> output.shape, c.shape
    ((2, 4), (2, 4))
    """

    _cell_class = LSTMCell

    def __init__(self, units, activation="tanh", recurrent_activation="hard_sigmoid", use_bias=True,
                 unit_forget_bias=True, **arguments):
        super().__init__(units, activation=activation, recurrent_activation=recurrent_activation,
                         use_bias=use_bias, unit_forget_bias=unit_forget_bias, **arguments)


class GRU(_OneCell):
    """The gated recurrent unit (Cho et al., 2014).

    Args:
        units: the size of the output.
        activation: of the new memory.
        recurrent_activation: of the gates.
        use_bias: whether there is a bias.
        reset_after: apply the reset gate after the product with the state, as cuDNN does.
        arguments: kernel_, recurrent_ and bias_ initializer, regularizer and constraint; dropout of the
            inputs and recurrent_dropout of the states, the same at every step; those of `RNN`.

    >>> import numbaflow as nf
    >>> nf.keras.layers.GRU(4, return_sequences=True)(nf.zeros((2, 7, 3))).shape
    (2, 7, 4)
    """

    _cell_class = GRUCell

    def __init__(self, units, activation="tanh", recurrent_activation="hard_sigmoid", use_bias=True,
                 reset_after=False, **arguments):
        super().__init__(units, activation=activation, recurrent_activation=recurrent_activation,
                         use_bias=use_bias, reset_after=reset_after, **arguments)
