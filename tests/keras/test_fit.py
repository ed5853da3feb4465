"""Model.fit, evaluate and predict on data of every kind, against steps written by hand."""
import numpy as np
import pytest

import numbaflow as nf

layers, Sequential = nf.keras.layers, nf.keras.Sequential


def points(n=50, features=3, seed=0):
    """Points near a plane."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, features)).astype(np.float32)
    return x, x @ np.arange(1.0, features + 1, dtype=np.float32)[:, None] + 0.5


def classes(n=60, seed=0):
    """Points of three clusters and their classes."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 3, n)
    return (rng.normal(size=(n, 2)) + 4.0 * np.eye(3, 2)[y]).astype(np.float32), y


def given(**arguments):
    return arguments


def linear(optimizer="sgd", loss="mse", **kwargs):
    model = Sequential([layers.Dense(1, kernel_initializer="zeros")])
    model.compile(optimizer, loss, **kwargs)
    return model


def watched(model):
    """The list to which each batch of inputs that a model runs on is added, flat."""
    seen, run = [], model._outputs_for

    def watching(x, training):
        seen.append(x.numpy().ravel().astype(int).tolist())
        return run(x, training)
    model.__dict__["_outputs_for"] = watching
    return seen


class Batched(nf.keras.utils.Sequence):
    """Arrays as a Sequence of batches."""

    def __init__(self, *arrays, size=8):
        self.arrays, self.size, self.epochs = arrays, size, 0

    def __len__(self):
        return -(-len(self.arrays[0]) // self.size)

    def __getitem__(self, k):
        return tuple(a[k * self.size:(k + 1) * self.size] for a in self.arrays)

    def on_epoch_end(self):
        self.epochs += 1


def forever(*arrays, size=8):
    """A generator of batches that begins again at the end."""
    while True:
        yield from Batched(*arrays, size=size)


def dataset(*arrays, size=8):
    return nf.data.Dataset.from_tensor_slices(arrays).batch(size)


# ---- learning
def test_fit_learns_and_its_history_tells():
    x, y = classes()
    model = Sequential([layers.Dense(16, activation="relu"), layers.Dense(3, activation="softmax")])
    model.compile(nf.train.AdamOptimizer(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(x, y, batch_size=8, epochs=30, verbose=0, validation_data=classes(30, seed=1))
    assert history is model.history
    assert set(history.history) == {"loss", "accuracy", "val_loss", "val_accuracy"}
    assert history.epoch == list(range(30))
    assert all(len(values) == 30 for values in history.history.values())
    assert history.history["loss"][-1] < 0.3 * history.history["loss"][0]
    assert history.history["val_accuracy"][-1] > 0.9
    loss, accuracy = model.evaluate(x, y, verbose=0)
    assert accuracy == pytest.approx(np.mean(model.predict(x).argmax(1) == y))
    assert loss < history.history["loss"][0]


def by_hand(x, y, weights, size, epochs, rate=0.01):
    """Gradient descent on weighted squares, step by step; the kernel, bias and losses of the epochs."""
    kernel, bias = np.zeros((x.shape[1], 1)), np.zeros(1)
    losses = []
    for _ in range(epochs):
        total = 0.0
        for k in range(0, len(x), size):
            a, b, w = x[k:k + size].astype(float), y[k:k + size], weights[k:k + size, None]
            error = a @ kernel + bias - b
            total += float((w * error**2).sum())
            kernel -= rate * 2 * a.T @ (w * error) / len(a)
            bias -= rate * 2 * (w * error).sum(0) / len(a)
        losses.append(total / len(x))
    return kernel, bias, losses


def check_by_hand(model, history, x, y, weights, size=8, epochs=3):
    kernel, bias, losses = by_hand(x, y, weights, size, epochs)
    np.testing.assert_allclose(model.get_weights()[0], kernel, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(model.get_weights()[1], bias, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(history.history["loss"], losses, rtol=1e-6)


def test_fit_does_the_steps_written_by_hand_and_weights_the_last_batch_by_its_size():
    x, y = points(21)
    model = linear(nf.train.GradientDescentOptimizer(0.01))
    history = model.fit(x, y, batch_size=8, epochs=3, shuffle=False, verbose=0)
    check_by_hand(model, history, x, y, np.ones(21))


def test_sample_weights_and_class_weights_do_the_steps_written_by_hand():
    x, y = points(21)
    labels = np.arange(21) % 2
    by_class = {0: 0.5, 1: 2.0}
    weights = np.array([by_class[c] for c in labels])
    weighted = linear(nf.train.GradientDescentOptimizer(0.01))
    history = weighted.fit(x, y, 8, 3, shuffle=False, verbose=0, sample_weight=weights)
    check_by_hand(weighted, history, x, y, weights)
    target = labels.astype(np.float32)[:, None]
    classed = linear(nf.train.GradientDescentOptimizer(0.01))
    history = classed.fit(x, target, 8, 3, shuffle=False, verbose=0, class_weight=by_class,
                          sample_weight=np.full(21, 3.0))
    check_by_hand(classed, history, x, target, 3.0 * weights)
    streamed = linear(nf.train.GradientDescentOptimizer(0.01))
    streamed.fit(dataset(x, target), epochs=3, verbose=0, class_weight=by_class)
    check_by_hand(streamed, streamed.history, x, target, weights)


def test_weights_count_in_weighted_metrics_only():
    x, y = points(12)
    weights = np.linspace(0.0, 2.0, 12)
    model = linear(metrics=["mae"], weighted_metrics=["mae"])
    loss, plain, weighted = model.evaluate(x, y, 5, verbose=0, sample_weight=weights)
    errors = np.abs(model.predict(x) - y)[:, 0]
    assert loss == pytest.approx(np.mean(weights * errors**2), rel=1e-5)
    assert plain == pytest.approx(errors.mean(), rel=1e-5)
    assert weighted == pytest.approx((weights * errors).sum() / weights.sum(), rel=1e-5)
    assert model.metrics_names == ["loss", "mae", "mae_1"]


# ---- kinds of data
@pytest.mark.parametrize("make", [
    lambda x, y: given(x=x, y=y, batch_size=8),
    lambda x, y: given(x=x.astype(np.float64), y=y.astype(np.float64), batch_size=8),
    lambda x, y: given(x=nf.constant(x), y=nf.constant(y), batch_size=8),
    lambda x, y: given(x=nf.Variable(x), y=[y], batch_size=8),
    lambda x, y: given(x=x.tolist(), y=y.tolist(), batch_size=8),
    lambda x, y: given(x=np.asfortranarray(x), y=y[:, 0], batch_size=8),
    lambda x, y: given(x=x.astype(">f4"), y=y.astype(np.longdouble), batch_size=8),
    lambda x, y: given(x=np.repeat(x, 2, 0)[::2], y=y[::-1][::-1], batch_size=8),
    lambda x, y: given(x=dataset(x, y)),
    lambda x, y: given(x=dataset(x, y).repeat(), steps_per_epoch=3),
    lambda x, y: given(x=iter(dataset(x, y).repeat()), steps_per_epoch=3),
    lambda x, y: given(x=Batched(x, y)),
    lambda x, y: given(x=Batched(x, y, np.ones(len(x)))),
    lambda x, y: given(x=forever(x, y), steps_per_epoch=3),
    lambda x, y: given(x=Loader(x, y)),
    lambda x, y: given(x=x, y=y, steps_per_epoch=3, batch_size=8),
    lambda x, y: given(x=x, y=y, batch_size=8, sample_weight=nf.ones([len(x), 1])),
])
def test_every_kind_of_data_trains_alike(make):
    x, y = points(21)
    model = linear(nf.train.GradientDescentOptimizer(0.01))
    history = model.fit(epochs=3, shuffle=False, verbose=0, **make(x, y))
    check_by_hand(model, history, x, y, np.ones(21))


class Loader:
    """Iterable anew each time, as data loaders of other libraries are."""

    def __init__(self, x, y):
        self.batches = list(Batched(x, y))

    def __iter__(self):
        return iter(self.batches)


def test_generators_have_faces_of_their_own():
    x, y = points(21)
    model = linear(nf.train.GradientDescentOptimizer(0.01))
    history = model.fit_generator(forever(x, y), steps_per_epoch=3, epochs=3, verbose=0,
                                  validation_data=forever(x, y), validation_steps=3)
    check_by_hand(model, history, x, y, np.ones(21))
    assert history.history["val_loss"][-1] == pytest.approx(model.evaluate(x, y, verbose=0), rel=1e-5)
    assert model.evaluate_generator(forever(x, y), steps=3) == pytest.approx(
        model.evaluate(x, y, verbose=0), rel=1e-5)
    np.testing.assert_allclose(model.predict_generator(Batched(x, y)), model.predict(x), rtol=1e-6)


def test_a_sequence_is_told_of_epochs_and_shuffled_by_batches():
    x = np.arange(24.0)[:, None]
    batches, model = Batched(x, x), linear()
    seen = watched(model)
    model.fit(batches, epochs=4, verbose=0)
    assert all(sorted(seen[k:k + 3]) == [list(range(k, k + 8)) for k in (0, 8, 16)] for k in (0, 3, 6, 9))
    assert len({tuple(b[0] for b in seen[k:k + 3]) for k in (0, 3, 6, 9)}) > 1
    assert batches.epochs == 4


def orders(shuffle, epochs=4, n=20, size=5):
    """The examples of each batch of some epochs."""
    x = np.arange(float(n))[:, None]
    model = linear(nf.train.GradientDescentOptimizer(0.0))
    seen = watched(model)
    model.fit(x, 2 * x, size, epochs, verbose=0, shuffle=shuffle)
    return np.reshape(seen, (epochs, n)).tolist(), seen


def test_shuffle_takes_examples_or_whole_batches_in_a_new_order_each_epoch():
    plain, _ = orders(False)
    assert plain == [list(range(20))] * 4
    shuffled, _ = orders(True)
    assert all(sorted(order) == list(range(20)) for order in shuffled)
    assert len({tuple(order) for order in shuffled}) == 4
    _, batches = orders("batch")
    assert all(batch == list(range(batch[0], batch[0] + 5)) for batch in batches)
    assert len({tuple(b[0] for b in batches[k:k + 4]) for k in (0, 4, 8, 12)}) > 1
    nf.set_random_seed(5)
    first, _ = orders(True)
    nf.set_random_seed(5)
    assert orders(True)[0] == first


def test_steps_go_on_where_the_last_epoch_stopped():
    x = np.arange(6.0)[:, None]
    model = linear()
    seen = watched(model)
    model.fit(x, x, batch_size=1, epochs=3, steps_per_epoch=4, shuffle=False, verbose=0)
    assert np.ravel(seen).tolist() == [0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 4, 5]
    seen.clear()
    model.fit(dataset(x, x, size=1).repeat(), epochs=2, steps_per_epoch=4, verbose=0)
    assert np.ravel(seen).tolist() == [0, 1, 2, 3, 4, 5, 0, 1]
    assert model.fit(x, x, epochs=1, steps_per_epoch=2, verbose=0).params["batch_size"] == 3


def test_data_that_runs_out_ends_training_with_a_warning(caplog):
    x, y = points(21)
    history = linear().fit(dataset(x, y), steps_per_epoch=2, epochs=5, verbose=0)
    assert history.epoch == [0, 1]
    assert "ran out after 1 of 2 steps" in caplog.text
    caplog.clear()
    history = linear().fit(dataset(x, y), steps_per_epoch=3, epochs=2, verbose=0)
    assert history.epoch == [0]
    assert "ran out after 0 of 3 steps" in caplog.text


# ---- validation
def test_validation_split_keeps_the_last_examples():
    x, y = points(20)
    model = linear(nf.train.GradientDescentOptimizer(0.01))
    history = model.fit(x, y, 8, 3, shuffle=False, verbose=0, validation_split=0.25,
                        sample_weight=np.ones(20))
    check_by_hand(model, history, x[:15], y[:15], np.ones(15))
    held = model.evaluate(x[15:], y[15:], verbose=0)
    assert history.history["val_loss"][-1] == pytest.approx(held, rel=1e-5)


@pytest.mark.parametrize("make", [
    lambda x, y, w: (x, y, w), lambda x, y, w: [x, y, w], lambda x, y, w: dataset(x, y, w),
    lambda x, y, w: Batched(x, y, w)])
def test_validation_data_of_every_kind(make):
    x, y = points(20)
    w = np.linspace(0.0, 1.0, 20)
    model = linear()
    history = model.fit(x, y, verbose=0, validation_data=make(x, y, w))
    held = model.evaluate(x, y, verbose=0, sample_weight=w)
    assert history.history["val_loss"] == pytest.approx([held], rel=1e-5)


def test_validation_frequency_and_steps():
    x, y = points(16)
    model = linear()
    for frequency, times in ((2, 2), ([1, 4, 5], 3)):
        history = model.fit(x, y, epochs=5, verbose=0, validation_data=(x, y), validation_freq=frequency)
        assert len(history.history["val_loss"]) == times
    history = model.fit(x, y, epochs=2, verbose=0, validation_steps=1,
                        validation_data=dataset(x, y).repeat())
    assert history.history["val_loss"][-1] == pytest.approx(model.evaluate(x[:8], y[:8], verbose=0), rel=1e-5)


def test_initial_epoch():
    x, y = points(8)
    assert linear().fit(x, y, epochs=5, initial_epoch=3, verbose=0).epoch == [3, 4]
    assert linear().fit(x, y, epochs=2, initial_epoch=3, verbose=0).epoch == []


# ---- one batch
def test_train_test_and_predict_on_batch():
    x, y = points(8)
    model = linear(nf.train.GradientDescentOptimizer(0.01), metrics=["mae"])
    kernel, bias, losses = by_hand(x, y, np.ones(8), 8, 2)
    first = model.train_on_batch(x, y)
    assert isinstance(first, list)
    assert first[0] == pytest.approx(losses[0], rel=1e-5)
    assert model.train_on_batch(x, y)[0] == pytest.approx(losses[1], rel=1e-5)
    np.testing.assert_allclose(model.get_weights()[0], kernel, rtol=1e-5)
    predicted = model.predict_on_batch(x)
    assert isinstance(predicted, np.ndarray)
    np.testing.assert_allclose(predicted, x @ kernel + bias, rtol=1e-4)
    assert model.test_on_batch(x, y) == pytest.approx(
        [np.mean((predicted - y)**2), np.mean(np.abs(predicted - y))], rel=1e-5)
    assert isinstance(linear().train_on_batch(x, y), float)


def test_metrics_of_batches_add_up_unless_they_are_reset():
    x, y = points(8)
    model = linear(nf.train.GradientDescentOptimizer(0.0), metrics=["mae"])
    errors = [np.abs(y[:4]).mean(), np.abs(y[4:]).mean()]
    assert model.train_on_batch(x[:4], y[:4])[1] == pytest.approx(errors[0], rel=1e-5)
    both = model.train_on_batch(x[4:], y[4:], reset_metrics=False)
    assert both[1] == pytest.approx(np.mean(errors), rel=1e-5)
    assert model.train_on_batch(x[4:], y[4:])[1] == pytest.approx(errors[1], rel=1e-5)


# ---- inference, own losses, states
def test_dropout_works_in_training_only():
    x, y = np.ones((64, 100), np.float32), np.ones((64, 1), np.float32)
    model = Sequential([layers.Dropout(0.5), layers.Dense(1, kernel_initializer="ones")])
    model.compile(nf.train.GradientDescentOptimizer(0.0), "mse")
    np.testing.assert_allclose(model.predict(x), 100.0)
    assert model.evaluate(x, y, verbose=0) == pytest.approx(99.0**2)
    assert abs(model.fit(x, y, verbose=0).history["loss"][0] - 99.0**2) > 1.0


def test_losses_of_the_model_itself_are_added():
    x, y = points(8)
    model = Sequential([layers.Dense(1, kernel_initializer="ones",
                                     kernel_regularizer=nf.keras.regularizers.l2(0.5))])
    model.compile(nf.train.GradientDescentOptimizer(0.1), "mse")
    plain = np.mean((x.sum(1, keepdims=True) - y)**2)
    assert model.evaluate(x, y, verbose=0) == pytest.approx(plain + 0.5 * 3, rel=1e-5)
    kernel = model.get_weights()[0]
    model.train_on_batch(np.zeros_like(x), np.zeros_like(y))
    np.testing.assert_allclose(model.get_weights()[0], kernel * (1 - 0.1), rtol=1e-5)


def test_a_model_without_a_loss_trains_on_its_own():
    class Own(nf.keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = layers.Dense(1, kernel_initializer="ones")

        def call(self, x):
            y = self.dense(x)
            self.add_loss(nf.reduce_mean(y * y))
            return y

    x = points(8)[0]
    model = Own()
    model.compile("sgd")
    history = model.fit(x, epochs=20, verbose=0)
    assert history.history["loss"][-1] < 0.5 * history.history["loss"][0]


def test_metrics_start_again_with_each_epoch_and_each_validation():
    x, y = points(16)
    model = linear(nf.train.GradientDescentOptimizer(0.0), metrics=["mae"])
    history = model.fit(x, y, 5, 3, verbose=0, validation_data=(x[:4], y[:4]))
    name = model.metrics_names[1]
    assert history.history[name] == pytest.approx([np.abs(y).mean()] * 3, rel=1e-5)
    assert history.history[f"val_{name}"] == pytest.approx([np.abs(y[:4]).mean()] * 3, rel=1e-5)


def test_a_gradient_of_rows_trains_an_embedding():
    x = np.array([0, 1, 2, 1] * 8)
    model = Sequential([layers.Embedding(3, 4), layers.Flatten(), layers.Dense(1)])
    model.compile(nf.train.AdamOptimizer(0.02), "mse")
    history = model.fit(x[:, None], x.astype(np.float32), 8, 60, verbose=0)
    assert history.history["loss"][-1] < 0.2 * history.history["loss"][0]


def test_predict_joins_batches_of_any_kind():
    x, y = points(21)
    model = linear()
    model.fit(x, y, verbose=0)
    expected = x @ model.get_weights()[0] + model.get_weights()[1]
    for predicted in (model.predict(x), model.predict(x, batch_size=4), model.predict(dataset(x, y)),
                      model.predict(dataset(x, y).map(lambda a, b: a)), model.predict(Batched(x, y)),
                      model.predict(forever(x, y), steps=3), model.predict([x])):
        assert predicted.dtype == np.float32
        np.testing.assert_allclose(predicted, expected, rtol=1e-5, atol=1e-6)
    assert model.predict(forever(x, y), steps=1).shape == (8, 1)


def test_predict_needs_no_compile_and_returns_arrays_of_ones_own():
    x = np.ones((3, 2), np.float32)
    model = Sequential([layers.Activation("linear")])
    predicted = model.predict(x)
    predicted[:] = 7.0
    assert x.max() == 1.0


def test_float64_models_keep_float64():
    x, y = points(8)
    model = Sequential([layers.Dense(1, dtype="float64")])
    model.compile("sgd", "mse")
    model.fit(x, y, verbose=0)
    assert model.predict(x).dtype == np.float64


def test_reset_states_forgets_what_stateful_layers_remember():
    x = np.ones((2, 3, 1), np.float32)
    model = Sequential([layers.SimpleRNN(2, stateful=True, batch_input_shape=(2, 3, 1)), layers.Dense(1)])
    first, second = model.predict(x), model.predict(x)
    assert not np.allclose(first, second)
    model.reset_states()
    np.testing.assert_array_equal(model.predict(x), first)


# ---- errors
def test_a_model_that_is_not_compiled():
    x, y = points(8)
    model = Sequential([layers.Dense(1)])
    for call in (model.fit, model.evaluate, model.train_on_batch, model.test_on_batch):
        with pytest.raises(RuntimeError, match="You must compile your model before training/testing"):
            call(x, y)


@pytest.mark.parametrize(("make", "message"), [
    (lambda x, y: given(x=x, y=y[:-1]), "different lengths: x has 8 examples, y has 7 examples"),
    (lambda x, y: given(x=x, y=y, sample_weight=np.ones(7)), "different lengths"),
    (lambda x, y: given(x=x[:0], y=y[:0]), "the data is empty"),
    (lambda x, y: given(x=None, y=y), "the data is empty: x is None"),
    (lambda x, y: given(x=dataset(x, y).take(0)), "the data is empty"),
    (lambda x, y: given(x=dataset(x, y).take(0), steps_per_epoch=2), "the data is empty"),
    (lambda x, y: given(x=Batched(x[:0], y[:0])), "the data is empty"),
    (lambda x, y: given(x=x), "y is missing"),
    (lambda x, y: given(x=dataset(x)), "y is missing"),
    (lambda x, y: given(x=dataset(x, y).repeat()), "`steps_per_epoch` argument"),
    (lambda x, y: given(x=forever(x, y)), "`steps_per_epoch` argument"),
    (lambda x, y: given(x=x, y=y, validation_data=dataset(x, y).repeat()), "`validation_steps` argument"),
    (lambda x, y: given(x=dataset(x, y), y=y), "y goes with arrays only: the dataset"),
    (lambda x, y: given(x=dataset(x, y), batch_size=3), "batch_size goes with arrays only"),
    (lambda x, y: given(x=Batched(x, y), sample_weight=y), "sample_weight goes with arrays only: the Seq"),
    (lambda x, y: given(x=dataset(x, y), validation_split=0.5), "validation_split goes with arrays only"),
    (lambda x, y: given(x=x, y=y, validation_split=0.999), "leaves 0 for training and 8"),
    (lambda x, y: given(x=x, y=y, validation_data=(x,)), "validation_data is"),
    (lambda x, y: given(x=x, y=y, batch_size=0), "batch_size is a positive int, got 0"),
    (lambda x, y: given(x=x, y=y, steps_per_epoch=0), "steps is a positive int, got 0"),
    (lambda x, y: given(x=3.0, y=2.0), "x: an array whose first axis"),
    (lambda x, y: given(x=x, y=np.ones((8, 2))), r"targets of shape \(8, 2\) for an output .* \(8, 1\)"),
    (lambda x, y: given(x=x, y=y, class_weight={7: 1.0}), "no weight for the classes"),
    (lambda x, y: given(x=x, y=y, sample_weight=np.ones((8, 3))), "sample_weight of shape|weights"),
    (lambda x, y: given(x=iter([(x, y, y, y)]), steps_per_epoch=1), "got a tuple of 4"),
])
def test_data_that_can_not_be_meant_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        linear().fit(verbose=0, **make(*points(8)))


def test_evaluate_and_predict_need_steps_for_data_without_an_end():
    x, y = points(8)
    model = linear()
    for call in (model.evaluate, model.predict):
        for data in (dataset(x, y).repeat(), forever(x, y)):
            with pytest.raises(ValueError, match="`steps` argument"):
                call(data)


def test_words_are_no_data():
    with pytest.raises(TypeError, match="x: numbers are expected, got an array of <U"):
        linear().fit(np.array(["a", "b"]), np.ones(2), verbose=0)


@pytest.mark.parametrize(("loss", "y", "message"), [
    ("categorical_crossentropy", np.array([0, 2, 1, 1]), "use sparse_categorical_crossentropy, or to_cat"),
    ("sparse_categorical_crossentropy", np.eye(3)[[0, 2, 1, 1]], "use categorical_crossentropy"),
    ("sparse_categorical_crossentropy", np.array([0, 3, 1, 1]), "3"),
    ("mse", np.ones((4, 2)), r"mean_squared_error: targets of shape \(4, 2\)"),
])
def test_targets_that_do_not_fit_the_loss_are_refused(loss, y, message):
    model = Sequential([layers.Dense(3, activation="softmax")])
    model.compile("sgd", loss)
    with pytest.raises(ValueError, match=message):
        model.fit(np.ones((4, 2)), y, verbose=0)
