"""Layers and models inside compiled functions: outputs, gradients, losses and state as eagerly."""
import numpy as np
import pytest

import numbaflow as nf
from numbaflow.graph.function import function
from numbaflow.keras import layers as L

DRAW = np.random.default_rng(0)


def normal(*shape):
    return DRAW.normal(size=shape).astype(np.float32)


def close(a, b):
    np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)


FLAT, SEQUENCE, IMAGE, VOLUME = (4, 3), (2, 5, 3), (2, 6, 6, 2), (1, 4, 4, 4, 2)
# how a layer is made, and the shape of its inputs, or of each in a list
LAYERS = {
    "Activation": (lambda: L.Activation("tanh"), FLAT),
    "ActivityRegularization": (lambda: L.ActivityRegularization(0.1, 0.2), FLAT),
    "Add": (L.Add, [FLAT, FLAT]), "Average": (L.Average, [FLAT, FLAT]), "Maximum": (L.Maximum, [FLAT, FLAT]),
    "Minimum": (L.Minimum, [FLAT, FLAT]), "Multiply": (L.Multiply, [FLAT, FLAT]),
    "Subtract": (L.Subtract, [FLAT, FLAT]), "Concatenate": (L.Concatenate, [FLAT, (4, 2)]),
    "Dot": (lambda: L.Dot(1), [FLAT, FLAT]),
    "AlphaDropout": (lambda: L.AlphaDropout(0.5), FLAT), "Dropout": (lambda: L.Dropout(0.5), FLAT),
    "GaussianDropout": (lambda: L.GaussianDropout(0.5), FLAT),
    "GaussianNoise": (lambda: L.GaussianNoise(0.5), FLAT),
    "SpatialDropout1D": (lambda: L.SpatialDropout1D(0.5), SEQUENCE),
    "SpatialDropout2D": (lambda: L.SpatialDropout2D(0.5), IMAGE),
    "SpatialDropout3D": (lambda: L.SpatialDropout3D(0.5), VOLUME),
    "AveragePooling1D": (L.AveragePooling1D, SEQUENCE), "AveragePooling2D": (L.AveragePooling2D, IMAGE),
    "AveragePooling3D": (L.AveragePooling3D, VOLUME), "MaxPooling1D": (L.MaxPooling1D, SEQUENCE),
    "MaxPooling2D": (L.MaxPooling2D, IMAGE), "MaxPooling3D": (L.MaxPooling3D, VOLUME),
    "GlobalAveragePooling1D": (L.GlobalAveragePooling1D, SEQUENCE),
    "GlobalAveragePooling2D": (L.GlobalAveragePooling2D, IMAGE),
    "GlobalAveragePooling3D": (L.GlobalAveragePooling3D, VOLUME),
    "GlobalMaxPooling1D": (L.GlobalMaxPooling1D, SEQUENCE),
    "GlobalMaxPooling2D": (L.GlobalMaxPooling2D, IMAGE),
    "GlobalMaxPooling3D": (L.GlobalMaxPooling3D, VOLUME),
    "BatchNormalization": (L.BatchNormalization, IMAGE), "LayerNormalization": (L.LayerNormalization, FLAT),
    "Bidirectional": (lambda: L.Bidirectional(L.SimpleRNN(2, return_sequences=True)), SEQUENCE),
    "Conv1D": (lambda: L.Conv1D(2, 3, kernel_regularizer="l2"), SEQUENCE),
    "Conv2D": (lambda: L.Conv2D(2, 3, padding="same"), IMAGE), "Conv3D": (lambda: L.Conv3D(2, 2), VOLUME),
    "Conv2DTranspose": (lambda: L.Conv2DTranspose(2, 3, strides=2), IMAGE),
    "Conv3DTranspose": (lambda: L.Conv3DTranspose(2, 2), VOLUME),
    "Cropping1D": (L.Cropping1D, SEQUENCE), "Cropping2D": (lambda: L.Cropping2D(1), IMAGE),
    "Cropping3D": (lambda: L.Cropping3D(1), VOLUME),
    "Dense": (lambda: L.Dense(2, "relu", kernel_regularizer="l1", activity_regularizer="l2"), FLAT),
    "DepthwiseConv2D": (lambda: L.DepthwiseConv2D(3), IMAGE),
    "ELU": (L.ELU, FLAT), "LeakyReLU": (L.LeakyReLU, FLAT), "PReLU": (L.PReLU, FLAT), "ReLU": (L.ReLU, FLAT),
    "Softmax": (L.Softmax, FLAT), "ThresholdedReLU": (lambda: L.ThresholdedReLU(0.5), FLAT),
    "Embedding": (lambda: L.Embedding(4, 2), None),
    "Flatten": (L.Flatten, IMAGE), "Permute": (lambda: L.Permute((2, 1)), SEQUENCE),
    "RepeatVector": (lambda: L.RepeatVector(2), FLAT), "Reshape": (lambda: L.Reshape((3, 1)), FLAT),
    "GRU": (lambda: L.GRU(2), SEQUENCE), "LSTM": (lambda: L.LSTM(2, return_sequences=True), SEQUENCE),
    "SimpleRNN": (lambda: L.SimpleRNN(2, dropout=0.5, recurrent_dropout=0.5), SEQUENCE),
    "RNN": (lambda: L.RNN(L.StackedRNNCells([L.GRUCell(2), L.LSTMCell(2)])), SEQUENCE),
    "Lambda": (lambda: L.Lambda(lambda x: x * 2.0), FLAT), "Masking": (L.Masking, SEQUENCE),
    "MultiHeadAttention": (lambda: L.MultiHeadAttention(2, 2), SEQUENCE),
    "SeparableConv1D": (lambda: L.SeparableConv1D(2, 3), SEQUENCE),
    "SeparableConv2D": (lambda: L.SeparableConv2D(2, 3), IMAGE),
    "TimeDistributed": (lambda: L.TimeDistributed(L.Dense(2)), SEQUENCE),
    "UpSampling1D": (L.UpSampling1D, SEQUENCE), "UpSampling2D": (L.UpSampling2D, IMAGE),
    "UpSampling3D": (L.UpSampling3D, VOLUME), "ZeroPadding1D": (L.ZeroPadding1D, SEQUENCE),
    "ZeroPadding2D": (L.ZeroPadding2D, IMAGE), "ZeroPadding3D": (L.ZeroPadding3D, VOLUME),
}
NOT_ALONE = {"GRUCell", "LSTMCell", "SimpleRNNCell", "StackedRNNCells", "InputLayer", "Layer", "Model",
             "OpLayer", "Sequential"}


def test_every_layer_is_here():
    classes = {c.__name__ for n, c in vars(L).items() if isinstance(c, type) and issubclass(c, L.Layer)
               and n[0] != "_"}
    assert set(LAYERS) == classes - NOT_ALONE


def inputs_of(shape):
    if shape is None:
        return nf.constant([[0, 3, 1], [2, 2, 0]])
    found = [nf.constant(normal(*s)) for s in (shape if isinstance(shape, list) else [shape])]
    return found if isinstance(shape, list) else found[0]


def call(layer, x, training=None):
    more = (x,) if isinstance(layer, L.MultiHeadAttention) else ()
    return layer(x, *more, training=training)


def results(layer, wrapper, x, training):
    """The output, the losses and the gradients for inputs and weights, flat; then the variables after it."""
    def step(x):
        floats = [t for t in (x if isinstance(x, list) else [x]) if t.dtype.is_floating]
        with nf.GradientTape() as tape:
            tape.watch(floats)
            y = call(layer, x, training)
            loss = nf.reduce_sum(nf.square(y)) + nf.add_n([nf.constant(0.0), *layer.losses])
        grads = tape.gradient(loss, [*floats, *layer.trainable_variables])
        return [y, *layer.losses, *[g if isinstance(g, nf.Tensor) else g.to_dense() for g in grads]]
    nf.set_random_seed(1)
    return [t.numpy() for t in [*wrapper(step)(x), *layer.variables]]


@pytest.mark.parametrize("name", LAYERS)
def test_layers(name):
    make, shape = LAYERS[name]
    x, eager, compiled = inputs_of(shape), make(), make()
    call(eager, x)
    function(lambda x: call(compiled, x))(x)            # (makes the weights while tracing)
    for training in (False, True):
        compiled.set_weights(eager.get_weights())
        expected = results(eager, lambda f: f, x, training)
        for a, b in zip(results(compiled, function, x, training), expected, strict=True):
            close(a, b)


def test_kept_states_go_on_from_call_to_call():
    x, layer, compiled = nf.constant(normal(2, 4, 3)), L.GRU(2, stateful=True), L.GRU(2, stateful=True)
    run = function(lambda x: compiled(x))
    layer(x), run(x)
    compiled.set_weights(layer.get_weights())
    for _ in range(2):
        layer.reset_states(), compiled.reset_states()
        for _ in range(2):
            close(run(x).numpy(), layer(x).numpy())


def test_masks_of_values_that_are_not_known():
    x = np.array([[1, 2, 0], [3, 0, 0]])
    model = nf.keras.Sequential([L.Embedding(4, 2, mask_zero=True), L.LSTM(2)])
    close(function(lambda x: model(x))(nf.constant(x)).numpy(), model(nf.constant(x)).numpy())


# ---- models
class Subclassed(nf.keras.Model):
    def __init__(self):
        super().__init__()
        self.first, self.norm, self.last = L.Dense(4, "tanh"), L.BatchNormalization(), L.Dense(2)

    def call(self, inputs, training=None):
        return self.last(self.norm(self.first(inputs), training=training))


def functional():
    inputs = L.Input((3,))
    hidden = L.Dense(4, "tanh")(inputs)
    return nf.keras.Model(inputs, L.Dense(2)(L.Concatenate()([inputs, L.BatchNormalization()(hidden)])))


def sequential():
    hidden = L.Dense(4, "tanh", kernel_regularizer="l2")
    return nf.keras.Sequential([hidden, L.BatchNormalization(), L.Dense(2)])


@pytest.mark.parametrize("make", [Subclassed, functional, sequential])
def test_models_train_as_eagerly(make):
    batches = [(nf.constant(normal(4, 3)), nf.constant([0, 1, 1, 0])) for _ in range(3)]

    def trained(model, wrapper):
        optimizer, metric = nf.keras.optimizers.Adam(0.1), nf.keras.metrics.SparseCategoricalAccuracy()
        loss_of = nf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)

        def step(x, y):
            with nf.GradientTape() as tape:
                logits = model(x, training=True)
                loss = loss_of(y, logits) + sum(model.losses)
            variables = model.trainable_variables
            optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
            metric.update_state(y, logits)
            return loss
        run = wrapper(step)
        losses = [run(*batch).numpy() for batch in batches]
        return [*losses, metric.result().numpy(), *model.get_weights()]
    eager, compiled = make(), make()
    for model in (eager, compiled):
        model(batches[0][0])
    compiled.set_weights(eager.get_weights())
    for a, b in zip(trained(compiled, function), trained(eager, lambda f: f), strict=True):
        close(a, b)


def test_variables_of_a_scope_are_made_once():
    def scaled(x):
        return x * nf.get_variable("w", initializer=nf.initializers.random_uniform(1.0, 2.0))
    template = nf.make_template("scaled", scaled)
    run = function(lambda x: template(x))
    first = run(nf.constant(2.0)).numpy()
    assert run(nf.constant(2.0)).numpy() == first == 2.0 * template.variables[0].numpy()
