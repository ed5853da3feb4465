"""Recurrent layers and cells beside NumPy loops: options, masks, states, gradients, errors."""
import numpy as np
import pytest

import numbaflow as nf

layers = nf.keras.layers
RNG = np.random.default_rng(3)


def soft(x):
    return 1 / (1 + np.exp(-x))


def hard(x):
    return np.clip(0.2 * x + 0.5, 0, 1)


GATES = {"sigmoid": soft, "hard_sigmoid": hard}


# ---- the cells in NumPy: (weights, x, states) -> states, the output first
def simple(weights, x, states, gate):
    w, u, b = weights
    return [np.tanh(x @ w + states[0] @ u + b)]


def lstm(weights, x, states, gate):
    w, u, b = weights
    h, c = states
    i, f, g, o = np.split(x @ w + h @ u + b, 4, 1)
    c = gate(f) * c + gate(i) * np.tanh(g)
    return [gate(o) * np.tanh(c), c]


def gru(weights, x, states, gate):
    w, u, b = weights
    h, n = states[0], states[0].shape[1]
    xz, xr, xn = np.split(x @ w + b, 3, 1)
    z, r = gate(xz + h @ u[:, :n]), gate(xr + h @ u[:, n:2 * n])
    new = np.tanh(xn + (r * h) @ u[:, 2 * n:])
    return [z * h + (1 - z) * new]


def gru_reset_after(weights, x, states, gate):
    w, u, b = weights
    h = states[0]
    xz, xr, xn = np.split(x @ w + b[0], 3, 1)
    hz, hr, hn = np.split(h @ u + b[1], 3, 1)
    z, r = gate(xz + hz), gate(xr + hr)
    return [z * h + (1 - z) * np.tanh(xn + r * hn)]


KINDS = {
    "simple": (lambda **more: layers.SimpleRNN(5, **more), simple, 1),
    "lstm": (lambda **more: layers.LSTM(5, **more), lstm, 2),
    "lstm, soft gates": (lambda **more: layers.LSTM(5, recurrent_activation="sigmoid", **more), lstm, 2),
    "gru": (lambda **more: layers.GRU(5, **more), gru, 1),
    "gru, reset after": (
        lambda **more: layers.GRU(5, reset_after=True, recurrent_activation="sigmoid", **more),
        gru_reset_after, 1),
}


def run(layer, kind, x, states=None, mask=None, backwards=False):
    """The outputs of all steps and the last states, in NumPy."""
    _, cell, count = KINDS[kind]
    gate = soft if "soft" in kind or "after" in kind else hard
    weights = [w.astype(np.float64) for w in layer.get_weights()]
    states = [np.zeros((len(x), 5))] * count if states is None else states
    outputs, output = [], np.zeros((len(x), 5))
    for t in reversed(range(x.shape[1])) if backwards else range(x.shape[1]):
        new = cell(weights, x[:, t], states, gate)
        keep = np.ones((len(x), 1), bool) if mask is None else mask[:, t:t + 1]
        states = [np.where(keep, a, b) for a, b in zip(new, states, strict=True)]
        output = np.where(keep, new[0], output)
        outputs.append(output)
    return np.stack(outputs, 1), states


def sequences(*shape):
    return RNG.standard_normal(shape).astype(np.float32)


def randomize(layer):
    layer.set_weights([0.5 * RNG.standard_normal(w.shape).astype(w.dtype) for w in layer.get_weights()])


@pytest.mark.parametrize("kind", KINDS)
class TestEveryLayer:
    def layer(self, kind, x, **more):
        made = KINDS[kind][0](**more)
        made(x)
        randomize(made)
        if more.get("stateful"):
            made.reset_states()
        return made

    def test_all_steps_agree_with_numpy(self, kind):
        for shape in ((3, 6, 4), (1, 1, 4), (2, 30, 4)):
            x = sequences(*shape)
            layer = self.layer(kind, x, return_sequences=True, return_state=True)
            y, *states = layer(x)
            outputs, last = run(layer, kind, x)
            np.testing.assert_allclose(y.numpy(), outputs, rtol=1e-5, atol=1e-5)
            for got, want in zip(states, last, strict=True):
                np.testing.assert_allclose(got.numpy(), want, rtol=1e-5, atol=1e-5)

    def test_the_last_output_alone(self, kind):
        x = sequences(3, 6, 4)
        layer = self.layer(kind, x)
        assert layer(x).shape == (3, 5)
        np.testing.assert_allclose(layer(x).numpy(), run(layer, kind, x)[0][:, -1], rtol=1e-5, atol=1e-5)

    def test_backwards(self, kind):
        x = sequences(3, 6, 4)
        layer = self.layer(kind, x, go_backwards=True, return_sequences=True)
        outputs, _ = run(layer, kind, x, backwards=True)
        np.testing.assert_allclose(layer(x).numpy(), outputs, rtol=1e-5, atol=1e-5)

    def test_masked_steps_are_skipped(self, kind):
        x = sequences(4, 6, 4)
        mask = np.array([[1] * 6, [1, 1, 0, 0, 0, 0], [0, 1, 1, 0, 1, 0], [0] * 6], bool)
        layer = self.layer(kind, x, return_sequences=True, return_state=True)
        y, *states = layer(x, mask=nf.constant(mask))
        outputs, last = run(layer, kind, x, mask=mask)
        np.testing.assert_allclose(y.numpy(), outputs, rtol=1e-5, atol=1e-5)
        for got, want in zip(states, last, strict=True):
            np.testing.assert_allclose(got.numpy(), want, rtol=1e-5, atol=1e-5)

    def test_initial_states(self, kind):
        x = sequences(3, 6, 4)
        layer = self.layer(kind, x, return_sequences=True)
        given = [sequences(3, 5) for _ in range(KINDS[kind][2])]
        y = layer(x, initial_state=[nf.constant(s) for s in given])
        np.testing.assert_allclose(y.numpy(), run(layer, kind, x, given)[0], rtol=1e-5, atol=1e-5)

    def test_a_stateful_layer_goes_on_where_it_ended(self, kind):
        x = sequences(3, 8, 4)
        layer = self.layer(kind, x[:, :4], stateful=True)
        whole = run(layer, kind, x)[0]
        for part, end in ((x[:, :4], 3), (x[:, 4:], 7)):
            np.testing.assert_allclose(layer(part).numpy(), whole[:, end], rtol=1e-5, atol=1e-5)
        layer.reset_states()
        np.testing.assert_allclose(layer(x[:, :4]).numpy(), whole[:, 3], rtol=1e-5, atol=1e-5)

    def test_gradients(self, kind):
        x = RNG.standard_normal((2, 3, 4))
        layer = self.layer(kind, x, dtype="float64", return_sequences=True)
        nf.testing.check_gradients(lambda x: layer(x), [x], order=2)
        with nf.GradientTape() as tape:
            loss = nf.reduce_sum(nf.square(layer(x)))
        grads = tape.gradient(loss, layer.trainable_variables)
        for v, g in zip(layer.trainable_variables, grads, strict=True):
            before, step = v.numpy(), RNG.standard_normal(v.shape)
            sides = []
            for sign in (1, -1):
                v.assign(before + sign * 1e-6 * step)
                sides.append(float(nf.reduce_sum(nf.square(layer(x)))))
            v.assign(before)
            slope = float(np.sum(g.numpy() * step))
            assert (sides[0] - sides[1]) / 2e-6 == pytest.approx(slope, rel=1e-5, abs=1e-6)

    def test_a_layer_of_its_config_is_the_same(self, kind):
        x = sequences(2, 4, 4)
        layer = self.layer(kind, x, return_sequences=True)
        other = type(layer).from_config(layer.get_config())
        other(x)
        other.set_weights(layer.get_weights())
        np.testing.assert_array_equal(other(x).numpy(), layer(x).numpy())

    def test_dropout_only_in_training_and_the_same_at_every_step(self, kind):
        x = np.ones((4, 3, 50), np.float32)
        layer = self.layer(kind, x, dropout=0.5, recurrent_dropout=0.5)
        np.testing.assert_array_equal(layer(x).numpy(), layer(x, training=False).numpy())
        assert not np.array_equal(layer(x, training=True).numpy(), layer(x).numpy())
        projected = layer.cell.project(nf.constant(np.swapaxes(x, 0, 1)), training=True).numpy()
        np.testing.assert_allclose(projected[0], projected[2], rtol=1e-4, atol=1e-5)

    def test_one_step_by_the_cell(self, kind):
        x = sequences(3, 1, 4)
        layer = self.layer(kind, x)
        zeros = [nf.zeros((3, 5))] * KINDS[kind][2]
        output, _ = layer.cell(x[:, 0], zeros)
        np.testing.assert_allclose(output.numpy(), layer(x).numpy(), rtol=1e-6, atol=1e-6)

    def test_in_a_model(self, kind):
        x = sequences(3, 6, 4)
        model = nf.keras.Sequential([KINDS[kind][0](input_shape=(6, 4)), layers.Dense(2)])
        assert model(x).shape == (3, 2)
        assert model.output_shape == (None, 2)


class MinimalCell(layers.Layer):
    """The cell of Keras' documentation."""

    def __init__(self, units, **more):
        super().__init__(**more)
        self.units = self.state_size = units

    def build(self, input_shape):
        self.kernel = self.add_weight("kernel", (input_shape[-1], self.units))
        self.recurrent_kernel = self.add_weight("recurrent_kernel", (self.units, self.units))
        self.built = True

    def call(self, inputs, states):
        output = nf.matmul(inputs, self.kernel) + nf.matmul(states[0], self.recurrent_kernel)
        return output, [output]


def test_a_cell_of_ones_own():
    x = sequences(2, 3, 4)
    layer = layers.RNN(MinimalCell(5))
    y = layer(x).numpy()
    w, u = layer.get_weights()
    h = np.zeros((2, 5))
    for t in range(3):
        h = x[:, t] @ w + h @ u
    np.testing.assert_allclose(y, h, rtol=1e-5, atol=1e-5)
    assert layers.RNN([MinimalCell(5), MinimalCell(3)])(x).shape == (2, 3)


def test_stacked_cells_are_layers_in_a_row():
    x = sequences(2, 6, 4)
    stacked = layers.RNN([layers.LSTMCell(5), layers.GRUCell(3)], return_sequences=True)
    y = stacked(x).numpy()
    lower, upper = layers.LSTM(5, return_sequences=True), layers.GRU(3, return_sequences=True)
    upper(lower(x))
    lower.set_weights(stacked.get_weights()[:3])
    upper.set_weights(stacked.get_weights()[3:])
    np.testing.assert_allclose(upper(lower(x)).numpy(), y, rtol=1e-5, atol=1e-6)


def test_an_embeddings_mask_reaches_the_layer():
    codes = np.array([[1, 2, 3, 0, 0], [4, 0, 0, 0, 0]])
    model = nf.keras.Sequential([layers.Embedding(5, 4, mask_zero=True), layers.LSTM(3)])
    y = model(codes).numpy()
    np.testing.assert_allclose(y[1:], model(codes[1:, :1]).numpy(), rtol=1e-5, atol=1e-6)


class TestBidirectional:
    @pytest.mark.parametrize("mode", ["concat", "sum", "mul", "ave", None])
    def test_merges(self, mode):
        x = sequences(3, 6, 4)
        layer = layers.Bidirectional(layers.LSTM(5, return_sequences=True), merge_mode=mode)
        y = layer(x)
        a = layer.forward_layer(x).numpy()
        b = layer.backward_layer(x).numpy()[:, ::-1]
        expected = {"concat": lambda: np.concatenate([a, b], -1), "sum": lambda: a + b, "mul": lambda: a * b,
                    "ave": lambda: (a + b) / 2, None: lambda: [a, b]}[mode]()
        if mode is None:
            y, expected = y[0], expected[0]
        np.testing.assert_allclose(y.numpy(), expected, rtol=1e-6, atol=1e-6)

    def test_states_and_weights(self):
        x = sequences(3, 6, 4)
        layer = layers.Bidirectional(layers.GRU(5, return_state=True))
        y, forward, backward = layer(x)
        np.testing.assert_array_equal(y.numpy(), np.concatenate([forward.numpy(), backward.numpy()], 1))
        assert len(layer.trainable_variables) == 6
        other = layers.Bidirectional.from_config(layer.get_config())
        other(x)
        other.set_weights(layer.get_weights())
        np.testing.assert_array_equal(other(x)[0].numpy(), y.numpy())

    def test_refusals(self):
        with pytest.raises(ValueError, match="merge mode"):
            layers.Bidirectional(layers.LSTM(5), merge_mode="average")
        with pytest.raises(ValueError, match="recurrent layer"):
            layers.Bidirectional(layers.Dense(5))


def test_time_distributed_is_the_layer_at_each_step():
    x = sequences(2, 3, 6, 6, 1)
    layer = layers.TimeDistributed(layers.Conv2D(2, 3))
    y = layer(x).numpy()
    assert y.shape == (2, 3, 4, 4, 2)
    np.testing.assert_allclose(y[:, 1], layer.layer(x[:, 1]).numpy(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("make", "message"), [
    (lambda: layers.LSTM(0), "units"),
    (lambda: layers.GRU(2.5), "units"),
    (lambda: layers.LSTM(3, dropout=1.0), "dropout"),
    (lambda: layers.LSTM(3)(np.zeros((2, 3), np.float32)), "expected"),
    (lambda: layers.LSTM(3)(np.zeros((2, 0, 3), np.float32)), "at least one step"),
    (lambda: layers.LSTM(3)(np.zeros((2, 4, 3), np.float32), initial_state=[nf.zeros((2, 3))]), "2 states"),
    (lambda: layers.LSTM(3)(np.zeros((2, 4, 3), np.float32), initial_state=[nf.zeros((5, 3))] * 2), "batch"),
    (lambda: layers.RNN(3), "cell"),
    (lambda: layers.TimeDistributed(layers.Dense(3))(np.zeros((2, 3), np.float32)), "at least 3"),
])
def test_refusals_say_why(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_only_a_stateful_layer_has_states_to_reset():
    with pytest.raises(AttributeError, match="stateful"):
        layers.LSTM(3).reset_states()
