"""Keras on a GPU: layers, models, losses and metrics give what they give on the CPU."""
import contextlib

import numpy as np
import pytest

import numbaflow as nf

layers, keras = nf.keras.layers, nf.keras
GPU = "/gpu:0"
RNG = np.random.default_rng(0)


def normal(*shape):
    return RNG.normal(size=shape).astype(np.float32)


MODELS = {
    "dense": (lambda: [layers.Dense(3, activation="relu"), layers.Dense(2)], normal(4, 3), "mse",
              normal(4, 2)),
    "batch normalization": (
        lambda: [layers.Dense(3), layers.BatchNormalization(), layers.Dense(1, activation="sigmoid")],
        normal(4, 3), "binary_crossentropy", np.float32([[1], [0], [0], [1]])),
    "convolution": (
        lambda: [layers.Conv2D(2, 3, activation="relu"), layers.MaxPooling2D(), layers.Flatten(),
                 layers.Dense(3, activation="softmax")],
        normal(2, 6, 6, 1), "sparse_categorical_crossentropy", np.array([0, 2])),
    "separable": (
        lambda: [layers.SeparableConv2D(2, 2), layers.LeakyReLU(), layers.Conv2DTranspose(1, 2),
                 layers.Flatten(), layers.LayerNormalization(), layers.Dense(1)],
        normal(2, 3, 3, 2), "mse", normal(2, 1)),
    "pooling": (
        lambda: [layers.Conv2D(2, 3, padding="same"), layers.GlobalAveragePooling2D(),
                 layers.Dense(3, activation="softmax")],
        normal(2, 4, 4, 1), "categorical_crossentropy", np.eye(3, dtype=np.float32)[[0, 2]]),
    "dropout": (lambda: [layers.Dense(4), layers.Dropout(0.5), layers.Dense(1)], normal(4, 3), "mae",
                normal(4, 1)),
    "embedding": (lambda: [layers.Embedding(5, 3), layers.Flatten(), layers.Dense(1)],
                  RNG.integers(0, 5, (4, 2)), "mse", normal(4, 1)),
    "lstm": (lambda: [layers.LSTM(2), layers.Dense(1)], normal(2, 3, 2), "mse", normal(2, 1)),
    "gru": (lambda: [layers.GRU(2, return_sequences=True), layers.GlobalMaxPooling1D(), layers.Dense(1)],
            normal(2, 3, 2), "mse", normal(2, 1)),
    "masks": (lambda: [layers.Embedding(5, 2, mask_zero=True), layers.SimpleRNN(2), layers.Dense(1)],
              np.array([[1, 2, 0], [3, 0, 0]]), "mse", normal(2, 1)),
}


def trained(name, place):
    """What training, evaluation and prediction give, and where the weights are."""
    make, x, loss, y = MODELS[name]
    nf.set_random_seed(1)
    with place:
        model = keras.Sequential(make())
        model.compile("sgd", loss, metrics=["accuracy"])
        history = model.fit(x, y, epochs=2, batch_size=2, verbose=0)
        measured = model.evaluate(x, y, batch_size=2, verbose=0)
        predicted = model.predict(x, batch_size=3)
    assert type(predicted) is np.ndarray
    values = [*model.get_weights(), predicted, np.array(measured), *map(np.array, history.history.values())]
    return values, {v.device[-5:] for v in model.weights}


@pytest.mark.parametrize("by_scope", [True, False], ids=["in a scope", "automatic"])
@pytest.mark.parametrize("name", MODELS)
def test_training_is_that_of_the_cpu(name, by_scope, request):
    expected, _ = trained(name, nf.device("/cpu:0"))
    if not by_scope:
        request.getfixturevalue("automatic")
    found, where = trained(name, nf.device(GPU) if by_scope else contextlib.nullcontext())
    assert where == {"GPU:0"}
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4)


def test_a_built_model_runs_where_its_weights_are():
    with nf.device(GPU):
        model = keras.Sequential([layers.Dense(2), layers.Dense(1)])
        model.build((None, 3))
    y = model(nf.ones((2, 3)))
    assert y.device.endswith("GPU:0")
    np.testing.assert_allclose(model.predict(np.ones((2, 3), np.float32)), y.numpy(), rtol=1e-6)
    model.compile("adam", "mse")
    before = model.get_weights()
    model.train_on_batch(np.ones((2, 3), np.float32), np.ones((2, 1), np.float32))
    assert any(np.any(a != b) for a, b in zip(before, model.get_weights(), strict=True))
    assert {v.device[-5:] for v in model.weights} == {"GPU:0"}


def test_data_may_be_tensors_of_the_gpu():
    x, y = normal(4, 3), normal(4, 1)
    found = []
    for place in ("/cpu:0", GPU):
        nf.set_random_seed(0)
        with nf.device(place):
            model = keras.Sequential([layers.Dense(1)])
            model.compile("sgd", "mse")
            a, b = nf.constant(x), nf.constant(y)
            model.fit(a, b, batch_size=2, verbose=0, class_weight=None)
            found.append([model.train_on_batch(a, b), *model.get_weights(), model.predict_on_batch(a)])
    for p, q in zip(*found, strict=True):
        np.testing.assert_allclose(p, q, rtol=1e-5)


def test_datasets_are_the_cpus(automatic):
    dataset = nf.data.Dataset.from_tensor_slices(nf.constant(np.arange(6.0, dtype=np.float32)))
    dataset = dataset.map(lambda v: v * nf.constant(2.0)).filter(lambda v: v > 0.0)
    dataset = dataset.shuffle(4, seed=1).batch(2)
    batches = list(dataset)
    assert sorted(np.concatenate([b.numpy() for b in batches]).tolist()) == [2.0, 4.0, 6.0, 8.0, 10.0]
    assert all(b.device.endswith("CPU:0") for b in batches)
    model = keras.Sequential([layers.Dense(1)])
    model.compile("sgd", "mse")
    pairs = nf.data.Dataset.from_tensor_slices((normal(4, 3), normal(4, 1))).batch(2)
    assert np.isfinite(model.fit(pairs, verbose=0).history["loss"]).all()


METRICS = [
    keras.metrics.Accuracy, keras.metrics.BinaryAccuracy, keras.metrics.Precision, keras.metrics.Recall,
    keras.metrics.AUC, keras.metrics.TruePositives, keras.metrics.MeanSquaredError, keras.metrics.Hinge,
    keras.metrics.RootMeanSquaredError, keras.metrics.CosineSimilarity, keras.metrics.KLDivergence,
    keras.metrics.LogCoshError, keras.metrics.BinaryCrossentropy, lambda: keras.metrics.MeanIoU(2),
    lambda: keras.metrics.MeanRelativeError([1.0, 2.0]), lambda: keras.metrics.SensitivityAtSpecificity(0.5),
]


@pytest.mark.parametrize("make", METRICS, ids=lambda m: getattr(m, "__name__", "made"))
def test_metrics_are_right_wherever_their_values_are(make):
    y, p, w = np.float32([[0, 1], [1, 1]]), np.float32([[0.2, 0.7], [0.4, 0.9]]), np.float32([1, 2])
    if isinstance(make(), keras.metrics.MeanIoU):
        p = p.round()
    expected = make()
    expected.update_state(y, p)
    expected.update_state(y, p, sample_weight=w)
    with nf.device(GPU):
        found = make()
        found.update_state(nf.constant(y), nf.constant(p))
    found.update_state(nf.constant(y).gpu(), nf.constant(p).gpu(1), sample_weight=nf.constant(w))
    np.testing.assert_allclose(found.result().numpy(), expected.result().numpy(), rtol=1e-5)
    with nf.device(GPU):
        np.testing.assert_allclose(found.result().numpy(), expected.result().numpy(), rtol=1e-5)
        found.reset_states()
    assert all(not v.numpy().any() for v in found.variables)


def test_object_oriented_metrics_of_the_guide():
    with nf.device(GPU):
        mean, accuracy = nf.contrib.eager.metrics.Mean("loss"), nf.contrib.eager.metrics.Accuracy()
        mean(nf.constant([0.0, 5.0]))
        mean(nf.constant([8.0, 9.0]))
        accuracy(nf.constant([1, 2]), nf.constant([1, 3]))
        assert (mean.result().numpy(), accuracy.result().numpy()) == (5.5, 0.5)


def test_a_metric_of_ones_own():
    class Positives(keras.metrics.Metric):
        def __init__(self):
            super().__init__()
            self.count = self.add_weight("count")

        def update_state(self, p):
            self.count.assign_add(nf.reduce_sum(nf.cast(p > 0.0, nf.float32)))

        def result(self):
            return self.count.value()
    with nf.device(GPU):
        positives = Positives()
        assert positives(nf.constant([1.0, -1.0, 2.0])).numpy() == 2.0
    assert positives(nf.constant([3.0]).gpu(1)).numpy() == 3.0


LOSSES = ["mse", "mae", "mape", "msle", "binary_crossentropy", "hinge", "squared_hinge", "categorical_hinge",
          "logcosh", "kullback_leibler_divergence", "poisson", "cosine_similarity"]


@pytest.mark.parametrize("name", LOSSES)
def test_losses(name):
    loss = keras.losses.get(name)
    y, p = np.float32([[0, 1], [1, 0]]), np.float32([[0.2, 0.7], [0.4, 0.9]])
    found = loss(nf.constant(y).gpu(), nf.constant(p).gpu())
    assert found.device.endswith("GPU:0")
    np.testing.assert_allclose(found.numpy(), loss(y, p).numpy(), rtol=1e-4)


def test_sparse_classes_may_be_floats():
    y, p = nf.constant([0.0, 1.0]).gpu(), nf.constant([[0.2, 0.8], [0.3, 0.7]]).gpu()
    np.testing.assert_allclose(keras.losses.sparse_categorical_crossentropy(y, p).numpy(),
                               -np.log([0.2, 0.7]), rtol=1e-5)


def test_states_and_layers_of_ones_own():
    class Scaled(layers.Layer):
        def build(self, shape):
            self.scale = self.add_weight("scale", shape=[int(shape[-1])], initializer="ones")

        def call(self, x):
            return x * self.scale
    found = []
    for place in ("/cpu:0", GPU):
        nf.set_random_seed(0)
        with nf.device(place):
            x, rnn = nf.constant(np.ones((1, 2, 3), np.float32)), layers.GRU(2, stateful=True)
            layer = Scaled()
            found.append([layer(x), rnn(x), rnn(x)])
            assert all(t.device.endswith(place[1:].upper()) for t in found[-1])
            rnn.reset_states()
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-5)
