"""Cells: one step of a recurrent layer, from an input and states to an output and new states.

The products with the input need no state, so `project` makes them for all steps of a sequence at once.  What
else all steps have in common, `shared` makes once; `step` does what is left.
"""
from numbaflow.core.tensor import as_tensor
from numbaflow.ops.creation import ones, zeros
from numbaflow.ops.dropout import dropout as drop
from numbaflow.ops.joining import concat, split
from numbaflow.ops.matmul import matmul
from numbaflow.ops.recurrent import lstm_gates
from numbaflow.ops.shape import reshape
from numbaflow.ops.slicing import getitem

from .. import activations
from ..engine.base_layer import Layer
from .options import check_rate, options_of, take_weight_options, weight_options_config, whole_number


class Cell(Layer):
    """A step of a recurrent layer with weights `kernel`, `recurrent_kernel` and `bias`; abstract.

    A subclass says how many blocks of `units` columns the weights have (`gates`) and what a step does
    (`step`).
    """

    gates = 1

    def __init__(self, units, activation="tanh", use_bias=True, kernel_initializer="glorot_uniform",
                 recurrent_initializer="orthogonal", bias_initializer="zeros", kernel_regularizer=None,
                 recurrent_regularizer=None, bias_regularizer=None, kernel_constraint=None,
                 recurrent_constraint=None, bias_constraint=None, dropout=0.0, recurrent_dropout=0.0, **more):
        super().__init__(**more)
        self.units, self.use_bias = whole_number(self, "units", units), use_bias
        self.activation = activations.get(activation)
        take_weight_options(self, {
            "kernel_initializer": kernel_initializer, "recurrent_initializer": recurrent_initializer,
            "bias_initializer": bias_initializer, "kernel_regularizer": kernel_regularizer,
            "recurrent_regularizer": recurrent_regularizer, "bias_regularizer": bias_regularizer,
            "kernel_constraint": kernel_constraint, "recurrent_constraint": recurrent_constraint,
            "bias_constraint": bias_constraint})
        self.dropout = check_rate(self, dropout, "dropout")
        self.recurrent_dropout = check_rate(self, recurrent_dropout, "recurrent_dropout")

    state_size = property(lambda self: self.units, doc="The size of the state, or a list for several.")
    output_size = property(lambda self: self.units, doc="The size of the output.")

    def build(self, input_shape):
        """Make the weights for inputs of `input_shape[-1]` numbers a step."""
        columns = self.gates * self.units
        self.kernel = self.add_weight("kernel", (input_shape[-1], columns), **options_of(self, "kernel"))
        self.recurrent_kernel = self.add_weight("recurrent_kernel", (self.units, columns),
                                                **options_of(self, "recurrent"))
        options = {**options_of(self, "bias"), "initializer": self._first_bias()}
        self.bias = self.add_weight("bias", self._bias_shape(), **options) if self.use_bias else None
        self.built = True

    def _bias_shape(self):
        return (self.gates * self.units,)

    def _first_bias(self):
        return self.bias_initializer

    def get_initial_state(self, inputs=None, batch_size=None, dtype=None):
        """Zeros for each state, for that batch size or the batch of `inputs`."""
        return _zero_states(self.state_size, inputs, batch_size, dtype or self.dtype)

    def project(self, inputs, training=None):
        """What of the steps does not depend on states: [steps, batch, n] gives [steps, batch, columns].

        Dropout leaves out the same inputs at every step.
        """
        if training and self.dropout:
            inputs = drop(inputs, rate=self.dropout, noise_shape=(1, *inputs.shape[1:]))
        steps, batch, size = inputs.shape
        projected = matmul(reshape(inputs, (steps * batch, size)), self.kernel)
        bias = self._input_bias()
        if bias is not None:
            projected = projected + bias
        return reshape(projected, (steps, batch, projected.shape[-1]))

    def _input_bias(self):
        return self.bias

    def shared(self, batch, training=None):
        """What all steps of a sequence use: (the mask of the states or None, the recurrent weights)."""
        mask = None
        if training and self.recurrent_dropout:
            mask = drop(ones((batch, self.units), self.dtype), rate=self.recurrent_dropout)
        return mask, self._recurrent_weights(self.recurrent_kernel.value())

    def _recurrent_weights(self, kernel):
        """The weights in the form that `step` takes."""
        return kernel

    def step(self, projected, states, shared):
        """(output, new states) from what was projected, [batch, columns], a list of states and `shared`."""
        raise NotImplementedError(f"{type(self).__name__}.step")

    def call(self, inputs, states, training=None):
        """One step by itself: (output, list of new states)."""
        inputs = as_tensor(inputs)
        projected = self.project(reshape(inputs, (1, *inputs.shape)), training)
        return self.step(getitem(projected, 0), listed(states), self.shared(inputs.shape[0], training))

    def get_config(self):
        """The arguments that make such a cell."""
        return {**super().get_config(), "units": self.units, "use_bias": self.use_bias,
                "activation": activations.serialize(self.activation), "dropout": self.dropout,
                "recurrent_dropout": self.recurrent_dropout, **weight_options_config(self)}


def _masked(state, mask):
    return state if mask is None else state * mask


class SimpleRNNCell(Cell):
    """A step of `SimpleRNN`: ``h = activation(x W + h U + b)``.

    >>> import numbaflow as nf
    >>> cell = nf.keras.layers.SimpleRNNCell(2, kernel_initializer="ones")
    >>> output, states = cell(nf.ones((1, 3)), [nf.zeros((1, 2))])
    >>> output.numpy().round(3).tolist()
    [[0.9950000047683716, 0.9950000047683716]]
    """

    def step(self, projected, states, shared):
        """(h, [h])"""
        mask, weights = shared
        h = self.activation(projected + matmul(_masked(states[0], mask), weights))
        return h, [h]


class _GatedCell(Cell):
    """A cell whose gates have an activation of their own."""

    def __init__(self, units, activation="tanh", recurrent_activation="hard_sigmoid", use_bias=True,
                 implementation=1, **more):
        super().__init__(units, activation, use_bias, **more)
        self.recurrent_activation, self.implementation = activations.get(recurrent_activation), implementation

    def get_config(self):
        """The arguments that make such a cell."""
        return {**super().get_config(), "implementation": self.implementation,
                "recurrent_activation": activations.serialize(self.recurrent_activation)}


class LSTMCell(_GatedCell):
    """A step of `LSTM`, with the blocks i, f, g, o of `units` columns each.

    ``c = gate(f) * c + gate(i) * activation(g); h = gate(o) * activation(c)``

    >>> import numbaflow as nf
    >>> cell = nf.keras.layers.LSTMCell(2)
    >>> output, (h, c) = cell(nf.zeros((1, 3)), [nf.zeros((1, 2)), nf.ones((1, 2))])
    >>> c.numpy().round(3).tolist()                                 # the forget gate's bias is 1: 0.2 + 0.5
    [[0.699999988079071, 0.699999988079071]]
    """

    gates = 4

    def __init__(self, units, activation="tanh", recurrent_activation="hard_sigmoid", use_bias=True,
                 unit_forget_bias=True, implementation=1, **more):
        super().__init__(units, activation, recurrent_activation, use_bias, implementation, **more)
        self.unit_forget_bias = unit_forget_bias
        gates = {activations.sigmoid: False, activations.hard_sigmoid: True}
        self._hard = gates.get(self.recurrent_activation) if self.activation is activations.tanh else None

    state_size = property(lambda self: [self.units, self.units], doc="The sizes of h and c.")

    def _first_bias(self):
        if not self.unit_forget_bias:
            return self.bias_initializer
        first, n = self.bias_initializer, self.units

        def with_forgetting(shape, dtype=None, **more):
            return concat([first((n,), dtype=dtype), ones((n,), dtype), first((2 * n,), dtype=dtype)], 0)
        return with_forgetting

    def step(self, projected, states, shared):
        """(h, [h, c])"""
        (h, c), (mask, weights) = states, shared
        z = projected + matmul(_masked(h, mask), weights)
        if self._hard is not None:
            h, c = lstm_gates(z, c, self._hard)
            return h, [h, c]
        i, f, g, o = split(z, 4, axis=1)
        gate = self.recurrent_activation
        c = gate(f) * c + gate(i) * self.activation(g)
        h = gate(o) * self.activation(c)
        return h, [h, c]

    def get_config(self):
        """The arguments that make such a cell."""
        return {**super().get_config(), "unit_forget_bias": self.unit_forget_bias}


class GRUCell(_GatedCell):
    """A step of `GRU`, with the blocks z, r, n of `units` columns each.

    ``h = gate(z) * h + (1 - gate(z)) * activation(n)``, where n gets ``(gate(r) * h) U``, or with
    `reset_after` ``gate(r) * (h U + b)``.

    >>> import numbaflow as nf
    >>> cell = nf.keras.layers.GRUCell(2)
    >>> output, states = cell(nf.zeros((1, 3)), [nf.ones((1, 2))])
    >>> output.shape
    (1, 2)
    """

    gates = 3

    def __init__(self, units, activation="tanh", recurrent_activation="hard_sigmoid", use_bias=True,
                 implementation=1, reset_after=False, **more):
        super().__init__(units, activation, recurrent_activation, use_bias, implementation, **more)
        self.reset_after = reset_after

    def _bias_shape(self):
        return (2, 3 * self.units) if self.reset_after else (3 * self.units,)

    def _input_bias(self):
        return getitem(self.bias.value(), 0) if self.reset_after and self.bias is not None else self.bias

    def _recurrent_weights(self, kernel):
        """(weights, bias or None) with `reset_after`, else the weights of the gates and those of the new."""
        if not self.reset_after:
            return split(kernel, [2 * self.units, self.units], axis=1)
        return kernel, None if self.bias is None else getitem(self.bias.value(), 1)

    def step(self, projected, states, shared):
        """(h, [h])"""
        (h,), (mask, (first, second)), n = states, shared, self.units
        remembered = _masked(h, mask)
        x_gates, x_new = split(projected, [2 * n, n], axis=1)
        if self.reset_after:
            inner = matmul(remembered, first)
            if second is not None:
                inner = inner + second
            h_gates, h_new = split(inner, [2 * n, n], axis=1)
            z, r = split(self.recurrent_activation(x_gates + h_gates), 2, axis=1)
            new = self.activation(x_new + r * h_new)
        else:
            gates = self.recurrent_activation(x_gates + matmul(remembered, first))
            z, r = split(gates, 2, axis=1)
            new = self.activation(x_new + matmul(r * remembered, second))
        h = new + z * (h - new)
        return h, [h]

    def get_config(self):
        """The arguments that make such a cell."""
        return {**super().get_config(), "reset_after": self.reset_after}


class StackedRNNCells(Layer):
    """Several cells, one above the other, as one: each gets what the one below gives.

    Args:
        cells: the cells, the lowest first.

    >>> import numbaflow as nf
    >>> layers = nf.keras.layers
    >>> cell = layers.StackedRNNCells([layers.LSTMCell(4), layers.LSTMCell(2)])
    >>> layers.RNN(cell)(nf.zeros((3, 5, 1))).shape
    (3, 2)
    """

    def __init__(self, cells, **more):
        super().__init__(**more)
        for cell in cells:
            check_cell(self, cell)
        self.cells = list(cells)

    state_size = property(lambda self: [n for cell in self.cells for n in listed(cell.state_size)],
                          doc="The sizes of all states, the lowest cell's first.")
    output_size = property(lambda self: output_size(self.cells[-1]), doc="The size of the output.")

    def build(self, input_shape):
        """Make the weights of the cells."""
        for cell in self.cells:
            build_cell(cell, input_shape, self.dtype)
            input_shape = (input_shape[0], output_size(cell))
        self.built = True

    def get_initial_state(self, inputs=None, batch_size=None, dtype=None):
        """The initial states of all cells."""
        return [s for cell in self.cells for s in initial_states(cell, inputs, batch_size, dtype)]

    def call(self, inputs, states, training=None):
        """One step through all cells: (output, list of new states)."""
        states, found = list(states), []
        for cell in self.cells:
            own = [states.pop(0) for _ in listed(cell.state_size)]
            inputs, new = cell(inputs, own, **({} if training is None else {"training": training}))
            found += listed(new)
        return inputs, found

    def get_config(self):
        """The arguments that make such a cell."""
        from . import serialize
        return {**super().get_config(), "cells": [serialize(cell) for cell in self.cells]}

    @classmethod
    def from_config(cls, config):
        """The cell of `get_config`."""
        from . import deserialize
        cells = [deserialize(cell) for cell in config["cells"]]
        return cls(cells, **{k: v for k, v in config.items() if k != "cells"})


# ---- states
def listed(value):
    """A value that is no list or tuple as a list of one."""
    return list(value) if isinstance(value, (list, tuple)) else [value]


def check_cell(layer, cell):
    """ValueError unless it is a layer with a state."""
    if not isinstance(cell, Layer) or not hasattr(cell, "state_size"):
        raise ValueError(f"{layer.name}: a cell must be a layer with `call(inputs, states)` and a "
                         f"`state_size`, got {type(cell).__name__}")


def build_cell(cell, input_shape, dtype):
    """Build a cell in a name scope of its own, with that dtype if it has none."""
    if cell.dtype is None:
        cell.__dict__["_dtype"] = dtype
    if not cell.built:
        with cell.build_scope():
            cell.build(input_shape)
        cell.built = True


def output_size(cell):
    """The size of a cell's output: that of its first state unless it says another."""
    return getattr(cell, "output_size", listed(cell.state_size)[0])


def initial_states(cell, inputs=None, batch_size=None, dtype=None):
    """The states that a cell begins with: its own choice, or zeros."""
    if hasattr(cell, "get_initial_state"):
        return listed(cell.get_initial_state(inputs=inputs, batch_size=batch_size, dtype=dtype))
    return _zero_states(cell.state_size, inputs, batch_size, dtype)


def _zero_states(sizes, inputs, batch_size, dtype):
    """Zeros [batch, size] for each size."""
    batch = batch_size if inputs is None else inputs.shape[0]
    return [zeros((batch, n) if isinstance(n, int) else (batch, *n), dtype) for n in listed(sizes)]
