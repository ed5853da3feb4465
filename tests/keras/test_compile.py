"""Model.compile: losses and metrics by name, by object, by output."""
import numpy as np
import pytest

import numbaflow as nf

keras = nf.keras
layers = keras.layers


class Two(keras.Model):
    """Two outputs: of three classes, and one number."""

    def __init__(self):
        super().__init__()
        self.classes = layers.Dense(3, activation="softmax")
        self.number = layers.Dense(1)

    def call(self, x):
        return self.classes(x), self.number(x)


class Named(Two):
    """The same as a dict."""

    def call(self, x):
        return {"number": self.number(x), "classes": self.classes(x)}


def functional():
    x = keras.Input(shape=(4,))
    return keras.Model(x, [layers.Dense(3, activation="softmax", name="classes")(x),
                           layers.Dense(1, name="number")(x)])


def data(n=24):
    rng = np.random.default_rng(0)
    return rng.normal(size=(n, 4)).astype(np.float32), rng.integers(0, 3, n), rng.normal(size=(n, 1))


def in_numpy(model, x, classes, number):
    """The losses of the two outputs."""
    p, q = model.predict(x) if not isinstance(model, Named) else [model.predict(x)[k]
                                                                  for k in ("classes", "number")]
    return -np.log(p[np.arange(len(x)), classes]), np.mean((q - number)**2, 1), p.argmax(1) == classes


# ---- several outputs
@pytest.mark.parametrize(("make", "by_name", "names"), [
    (Two, False, ["output_1", "output_2"]), (functional, False, ["classes", "number"]),
    (functional, True, ["classes", "number"]), (Named, True, ["classes", "number"])])
def test_losses_weights_and_metrics_of_several_outputs(make, by_name, names):
    x, classes, number = data()
    model = make()

    def arranged(*parts):
        return dict(zip(("classes", "number"), parts, strict=True)) if by_name else list(parts)
    model.compile(nf.train.AdamOptimizer(0.02), arranged("sparse_categorical_crossentropy", "mse"),
                  loss_weights=arranged(1.0, 0.5), metrics=arranged(["accuracy"], ["mae"]))
    y, weights = arranged(classes, number), np.linspace(0, 1, 24)
    found = model.evaluate(x, y, 7, verbose=0, sample_weight=arranged(weights, None))
    a, b, right = in_numpy(model, x, classes, number)
    expected = [np.mean(weights * a) + 0.5 * b.mean(), np.mean(weights * a), b.mean(), right.mean()]
    assert found[:4] == pytest.approx(expected, rel=1e-5)
    assert model.metrics_names == ["loss", *[f"{n}_loss" for n in names], f"{names[0]}_accuracy",
                                   f"{names[1]}_mae"]
    history = model.fit(x, y, epochs=40, verbose=0, validation_data=(x, y))
    assert set(history.history) == {p + n for p in ("", "val_") for n in model.metrics_names}
    assert history.history["loss"][-1] < 0.8 * history.history["loss"][0]
    first, second = history.history[f"{names[0]}_loss"], history.history[f"{names[1]}_loss"]
    np.testing.assert_allclose(history.history["loss"], np.add(first, 0.5 * np.array(second)), rtol=1e-5)


def test_one_loss_serves_several_outputs_and_an_output_may_have_none():
    x, _, number = data()
    model = functional()
    model.compile("sgd", "mse", metrics=["mae"])
    loss, *each = model.evaluate(x, [np.zeros((24, 3)), number], verbose=0)
    assert loss == pytest.approx(each[0] + each[1], rel=1e-5)
    assert model.metrics_names[3:] == ["classes_mae", "number_mae"]
    model.compile("sgd", {"number": "mse"})
    loss, only = model.evaluate(x, {"number": number}, verbose=0)
    assert loss == only
    assert model.metrics_names == ["loss", "number_loss"]


def test_each_output_has_a_metric_of_its_own():
    x, _, number = data()
    model = functional()
    metric = keras.metrics.MeanSquaredError(name="squares")
    model.compile("sgd", "mse", metrics=[metric])
    _, *losses, first, second = model.evaluate(x, [np.zeros((24, 3)), number], verbose=0)
    assert (first, second) == pytest.approx(losses, rel=1e-5)


def test_class_weights_of_several_outputs():
    x, classes, number = data()
    model = functional()
    model.compile(nf.train.GradientDescentOptimizer(0.0), ["sparse_categorical_crossentropy", "mse"])
    by_class = {0: 1.0, 1: 2.0, 2: 0.0}
    weights = np.array([by_class[c] for c in classes])
    a, b, _ = in_numpy(model, x, classes, number)
    for given in ([by_class, None], {"classes": by_class}):
        y = [classes, number] if isinstance(given, list) else {"classes": classes, "number": number}
        loss, first, second = model.train_on_batch(x, y, class_weight=given)
        assert first == pytest.approx(np.mean(weights * a), rel=1e-5)
        assert second == pytest.approx(b.mean(), rel=1e-5)
        assert loss == pytest.approx(first + second, rel=1e-5)
    with pytest.raises(ValueError, match="a list of 2 dicts is expected"):
        model.train_on_batch(x, [classes, number], class_weight=by_class)


def test_several_inputs():
    a, b = keras.Input(shape=(2,), name="a"), keras.Input(shape=(3,), name="b")
    model = keras.Model([a, b], layers.Dense(1)(layers.Concatenate()([a, b])))
    model.compile(nf.train.GradientDescentOptimizer(0.0), "mse")
    rng = np.random.default_rng(0)
    x, u, y = (rng.normal(size=(10, k)).astype(np.float32) for k in (2, 3, 1))
    expected = np.mean((model.predict([x, u]) - y)**2)
    batches = nf.data.Dataset.from_tensor_slices(((x, u), y)).batch(4)
    for given in (([x, u], y), ({"b": u, "a": x}, y), ((x, u), [y]), (batches, None)):
        assert model.evaluate(*given, verbose=0) == pytest.approx(expected, rel=1e-5)
        assert model.fit(*given, verbose=0).history["loss"] == pytest.approx([expected], rel=1e-5)


# ---- losses and metrics
def scores(loss, metrics, y, units=3, **kwargs):
    """What compile(loss, metrics) gives for fixed predictions, and those."""
    x = np.random.default_rng(0).normal(size=(12, 2)).astype(np.float32)
    model = keras.Sequential([layers.Dense(units, activation=kwargs.pop("activation", "softmax"))])
    model.compile("sgd", loss, metrics=metrics)
    return model.evaluate(x, y, 5, verbose=0), model.predict(x), model


def test_accuracy_goes_by_the_targets():
    y = np.random.default_rng(1).integers(0, 3, 12)
    for loss, targets in (("sparse_categorical_crossentropy", y),
                          ("sparse_categorical_crossentropy", y[:, None]),
                          ("categorical_crossentropy", np.eye(3)[y]), ("mse", np.eye(3)[y]),
                          (lambda t, p: nf.reduce_mean(p), y),
                          (keras.losses.SparseCategoricalCrossentropy(), y)):
        for word in ("accuracy", "acc"):
            (_, found), p, model = scores(loss, [word], targets)
            assert found == pytest.approx(np.mean(p.argmax(1) == y))
            assert model.metrics_names == ["loss", word]
    for targets in (y > 1, (y > 1)[:, None].astype(np.float32)):
        (_, found, entropy), p, _ = scores("binary_crossentropy", ["accuracy", "ce"], targets, 1,
                                           activation="sigmoid")
        assert found == pytest.approx(np.mean((p[:, 0] > 0.5) == (y > 1)))
        assert entropy == pytest.approx(-np.mean(np.log(np.where(y > 1, p[:, 0], 1 - p[:, 0]))), rel=1e-4)


def test_losses_of_every_form_agree():
    y = np.random.default_rng(1).integers(0, 3, 12)
    expected = None
    for loss in ("sparse_categorical_crossentropy", keras.losses.sparse_categorical_crossentropy,
                 keras.losses.SparseCategoricalCrossentropy(), "SparseCategoricalCrossentropy",
                 lambda t, p: keras.losses.sparse_categorical_crossentropy(t, p),
                 lambda t, p: -nf.log(nf.reduce_sum(p * nf.one_hot(t, 3), 1))):
        nf.set_random_seed(0)
        found, *_ = scores(loss, None, y)
        expected = expected or found
        assert found == pytest.approx(expected, rel=1e-5)


def test_a_loss_that_sums_counts_as_it_is():
    y = np.eye(3)[np.zeros(12, int)]
    loss, p, _ = scores(keras.losses.MeanSquaredError(reduction="sum"), None, y)
    sums = [np.sum(np.mean((p - y)**2, 1)[part]) for part in (slice(0, 5), slice(5, 10), slice(10, 12))]
    assert loss == pytest.approx(np.dot(sums, [5, 5, 2]) / 12, rel=1e-5)


def test_a_loss_object_that_does_not_reduce_counts_as_its_mean():
    y = np.eye(3)[np.zeros(12, int)]
    loss, p, model = scores(keras.losses.MeanSquaredError(reduction="none"), None, y)
    assert loss == pytest.approx(np.mean((p - y)**2), rel=1e-5)
    x = np.random.default_rng(0).normal(size=(12, 2)).astype(np.float32)
    weights = np.arange(12.0)
    found = model.evaluate(x, y, verbose=0, sample_weight=weights)
    assert found == pytest.approx(np.mean(weights * np.mean((p - y)**2, 1)), rel=1e-5)


def test_a_loss_that_gives_no_tensor_is_refused():
    def wrong(t, p):
        return np.mean((t.numpy() - p.numpy())**2, -1)

    with pytest.raises(TypeError, match="the loss wrong of 'output_1' should give a tensor, got ndarray"):
        scores(wrong, None, np.ones((12, 3)))


def test_metrics_of_every_form():
    y = np.random.default_rng(1).integers(0, 3, 12)

    def largest(t, p):
        return nf.reduce_max(p, axis=-1)
    (_, a, b, c), p, model = scores(
        "sparse_categorical_crossentropy",
        [largest, keras.metrics.SparseCategoricalAccuracy(name="mine"), "sparse_categorical_accuracy"], y)
    assert a == pytest.approx(p.max(1).mean(), rel=1e-5)
    assert b == c == pytest.approx(np.mean(p.argmax(1) == y))
    assert model.metrics_names == ["loss", "largest", "mine", "sparse_categorical_accuracy"]
    assert [m.name for m in model.metrics] == model.metrics_names[1:]


def test_names_before_and_after_the_first_batch_are_the_same():
    model = keras.Sequential([layers.Dense(2)])
    model.compile("sgd", "mse", metrics=["mae", "accuracy"])
    before = model.metrics_names
    model.train_on_batch(np.ones((2, 3)), np.ones((2, 2)))
    assert model.metrics_names == before == ["loss", "mae", "accuracy"]


@pytest.mark.parametrize(("arguments", "error", "message"), [
    ({"loss": "mse", "optimizer": "sdg"}, ValueError, "sdg"),
    ({"loss": "ms"}, ValueError, "Unknown loss function: 'ms'; known are"),
    ({"loss": "mse", "metrics": ["acuracy"]}, ValueError, "Unknown metric function: 'acuracy'"),
    ({"loss": 3}, TypeError, "loss"),
    ({"loss": "mse", "optimizer": None}, TypeError, "optimizer should be a name or an optimizer"),
    ({"loss": "mse", "optimizer": print}, TypeError, "optimizer should be a name or an optimizer"),
    ({"loss": "mse", "metrics": "accuracy"}, TypeError, "metrics: a list or dict is expected, got 'acc"),
    ({"loss": ["mse"]}, ValueError, r"loss: 1 given for 2 outputs \(classes, number\)"),
    ({"loss": {"number": "mse", "digit": "mse"}}, ValueError, "loss: there is no output 'digit'"),
    ({"loss": "mse", "metrics": {"digit": "mae"}}, ValueError, "metrics: there is no output 'digit'"),
    ({"loss": "mse", "loss_weights": 2.0}, ValueError, "loss_weights: a list or dict"),
    ({"loss": "mse", "target_tensors": [1]}, ValueError, "`target_tensors` is not supported")])
def test_what_can_not_be_compiled(arguments, error, message):
    with pytest.raises(error, match=message):
        functional().compile(**{"optimizer": "sgd", **arguments})


def test_targets_and_weights_of_several_outputs_are_checked():
    x, classes, number = data()
    model = functional()
    model.compile("sgd", ["sparse_categorical_crossentropy", "mse"])
    with pytest.raises(ValueError, match="y: a list or dict for the outputs classes, number"):
        model.fit(x, classes, verbose=0)
    with pytest.raises(ValueError, match="y: there is no output 'digit'"):
        model.fit(x, {"digit": classes, "number": number}, verbose=0)
    with pytest.raises(ValueError, match="y is missing: the output 'number' has the loss mean_squared_error"):
        model.fit(x, {"classes": classes}, verbose=0)
    with pytest.raises(ValueError, match="sample_weight: 3 given for 2 outputs"):
        model.fit(x, [classes, number], verbose=0, sample_weight=[np.ones(24)] * 3)


def test_outputs_by_name_of_a_functional_model():
    x = keras.Input(shape=(4,))
    model = keras.Model(x, {"b": layers.Dense(1)(x), "a": layers.Dense(2)(x)})
    model.compile("sgd", {"a": "mse", "b": "mae"})
    data = np.ones((6, 4), np.float32)
    loss, a, b = model.evaluate(data, {"a": np.ones((6, 2)), "b": np.ones((6, 1))}, verbose=0)
    assert model.metrics_names == ["loss", "a_loss", "b_loss"]
    found = model.predict(data)
    assert (a, b) == pytest.approx((np.mean((found["a"] - 1)**2), np.mean(np.abs(found["b"] - 1))), rel=1e-5)
    assert loss == pytest.approx(a + b, rel=1e-5)


def test_an_axis_of_one_may_be_missing_on_either_side():
    x = np.random.default_rng(0).normal(size=(8, 3)).astype(np.float32)
    flat = keras.Sequential([layers.Dense(1), layers.Reshape(())])
    upright = keras.Sequential([layers.Dense(1)])
    for model, y in ((flat, np.ones((8, 1))), (flat, np.ones(8)), (upright, np.ones(8))):
        model.compile("sgd", lambda t, p: nf.square(t - p))
        assert model.evaluate(x, y, verbose=0) == pytest.approx(np.mean((model.predict(x) - 1)**2), rel=1e-5)


def test_a_batch_whose_targets_are_of_another_number_is_refused():
    model = keras.Sequential([layers.Dense(1)])
    model.compile("sgd", lambda t, p: nf.reduce_mean(t) + nf.reduce_mean(p))
    with pytest.raises(ValueError, match="4 predictions of the output 'output_1' for targets"):
        model.fit(iter([(np.ones((4, 2)), np.ones((3, 1)))]), steps_per_epoch=1, verbose=0)


def test_a_call_must_give_the_outputs_that_the_model_was_compiled_for():
    class Odd(keras.Model):
        many = 2

        def call(self, x):
            return [x] * self.many

    model, x = Odd(), np.ones((2, 1), np.float32)
    model.compile("sgd", "mse")
    model.evaluate(x, [x, x], verbose=0)
    model.many = 3
    with pytest.raises(ValueError, match="the model gave 3 outputs, and was compiled for output_1, output_2"):
        model.evaluate(x, [x, x], verbose=0)


def test_class_weights_need_a_class_for_each_example():
    model = keras.Sequential([layers.Dense(1)])
    model.compile("sgd", "mse")
    x = np.ones((4, 5, 2), np.float32)
    with pytest.raises(ValueError, match=r"class_weight: targets of shape \(4, 5, 1\)"):
        model.fit(x, x[..., :1], class_weight={1: 1.0}, verbose=0)


def test_nothing_to_make_small():
    model = keras.Sequential([layers.Dense(1)])
    model.compile("sgd")
    with pytest.raises(ValueError, match="nothing to make small"):
        model.fit(np.ones((2, 1)), np.ones((2, 1)), verbose=0)


def test_one_number_a_batch_can_not_be_weighted():
    model = keras.Sequential([layers.Dense(1)])
    model.compile("sgd", lambda t, p: nf.reduce_mean((t - p) ** 2))
    x = np.ones((4, 1), np.float32)
    model.fit(x, x, verbose=0)
    with pytest.raises(ValueError, match="sample weights need a loss for each example"):
        model.fit(x, x, verbose=0, sample_weight=np.ones(4))


def test_weights_of_time_steps():
    x = np.random.default_rng(0).normal(size=(4, 5, 2)).astype(np.float32)
    model = keras.Sequential([layers.Dense(1, kernel_initializer="ones")])
    weights = np.arange(20.0).reshape(4, 5)
    squares = np.sum(x, -1)**2
    for loss in ("mse", keras.losses.MeanSquaredError()):
        model.compile("sgd", loss, sample_weight_mode="temporal")
        for given, expected in ((weights, np.mean(weights * squares)),
                                (weights[:, 0], np.mean(weights[:, :1] * squares))):
            found = model.evaluate(x, np.zeros((4, 5, 1)), verbose=0, sample_weight=given)
            assert found == pytest.approx(expected, rel=1e-5)


def test_a_model_that_can_not_be_trained_says_so_once(caplog):
    model = keras.Sequential([layers.Dense(1)])
    model.trainable = False
    model.compile("sgd", "mse")
    model.fit(np.ones((4, 1)), np.ones((4, 1)), epochs=3, verbose=0)
    assert caplog.text.count("has no trainable variables") == 1


def test_compiling_again_starts_again():
    x = np.ones((4, 1), np.float32)
    model = keras.Sequential([layers.Dense(1)])
    model.compile("sgd", "mse", metrics=["mae"])
    model.fit(x, x, verbose=0)
    model.compile("sgd", "mae")
    assert model.metrics_names == ["loss"]
    assert model.metrics == []
    assert isinstance(model.evaluate(x, x, verbose=0), float)
