"""Losses of Keras against formulas in NumPy float64: functions, objects, weights, names, errors."""
import numpy as np
import pytest

import numbaflow as nf
from numbaflow.core.errors import InvalidArgumentError
from numbaflow.keras import losses

RNG = np.random.default_rng(1)
EPSILON = 1e-7
Y, X = RNG.standard_normal((5, 3)) * 2, RNG.standard_normal((5, 3))
POSITIVE, COUNTS = RNG.uniform(0.2, 3.0, (5, 3)), RNG.integers(0, 5, (5, 3)).astype(float)
P = RNG.uniform(0.05, 0.95, (5, 3))
BINARY = RNG.integers(0, 2, (5, 3)).astype(float)
ONE_HOT = np.eye(3)[[0, 2, 1, 1, 0]]
NUMBERS = ONE_HOT.argmax(1)
SHARES = P / P.sum(1, keepdims=True)


def mean(x):
    return x.mean(-1)


def total(x):
    return x.sum(-1)


def unit(x):
    return x / np.sqrt((x * x).sum(-1, keepdims=True))


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def softmax(x):
    return np.exp(x) / np.exp(x).sum(-1, keepdims=True)


def binary(z, p, epsilon=EPSILON):
    return mean(-z * np.log(p + epsilon) - (1 - z) * np.log(1 - p + epsilon))


def huber(e, delta):
    e = np.abs(e)
    return mean(np.where(e <= delta, 0.5 * e * e, delta * e - 0.5 * delta**2))


def hinges(z):
    return np.maximum(0, 1 - z * X)


def categorical_hinge():
    right, wrong = total(ONE_HOT * X), ((1 - ONE_HOT) * X).max(-1)
    return np.maximum(0, wrong - right + 1)


# a name, y_true, y_pred, keywords of the function, what NumPy gives for each sample
CASES = {
    "mean_squared_error": (Y, X, {}, mean((X - Y)**2)),
    "mean_absolute_error": (Y, X, {}, mean(np.abs(X - Y))),
    "mean_absolute_percentage_error": (Y, X, {}, 100 * mean(np.abs(X - Y) / np.abs(Y))),
    "mean_squared_logarithmic_error": (POSITIVE, P, {}, mean((np.log1p(P) - np.log1p(POSITIVE))**2)),
    "mean_squared_logarithmic_error of negatives":
        (Y, X, {}, mean((np.log1p(np.maximum(X, EPSILON)) - np.log1p(np.maximum(Y, EPSILON)))**2)),
    "huber_loss": (Y, X, {}, huber(X - Y, 1.0)),
    "huber_loss of 0.5": (Y, X, {"delta": 0.5}, huber(X - Y, 0.5)),
    "logcosh": (Y, X, {}, mean(np.log(np.cosh(X - Y)))),
    "poisson": (COUNTS, POSITIVE, {}, mean(POSITIVE - COUNTS * np.log(POSITIVE + EPSILON))),
    "cosine_similarity": (Y, X, {}, -total(unit(X) * unit(Y))),
    "cosine_similarity by axis": (Y, X, {"axis": 0}, -total(unit(X.T) * unit(Y.T))),
    "hinge": (BINARY, X, {}, mean(hinges(2 * BINARY - 1))),
    "hinge of signs": (2 * BINARY - 1, X, {}, mean(hinges(2 * BINARY - 1))),
    "squared_hinge": (BINARY, X, {}, mean(hinges(2 * BINARY - 1)**2)),
    "squared_hinge of numbers": (Y, X, {}, mean(hinges(Y)**2)),
    "categorical_hinge": (ONE_HOT, X, {}, categorical_hinge()),
    "binary_crossentropy": (BINARY, P, {}, binary(BINARY, P)),
    "binary_crossentropy smoothed": (BINARY, P, {"label_smoothing": 0.2}, binary(BINARY * 0.8 + 0.1, P)),
    "binary_crossentropy of logits": (BINARY, X, {"from_logits": True}, binary(BINARY, sigmoid(X), 0.0)),
    "categorical_crossentropy": (ONE_HOT, P, {}, -total(ONE_HOT * np.log(SHARES))),
    "categorical_crossentropy smoothed": (ONE_HOT, P, {"label_smoothing": 0.3},
                                          -total((ONE_HOT * 0.7 + 0.1) * np.log(SHARES))),
    "categorical_crossentropy of logits": (ONE_HOT, X, {"from_logits": True},
                                           -total(ONE_HOT * np.log(softmax(X)))),
    "sparse_categorical_crossentropy": (NUMBERS, P, {}, -total(ONE_HOT * np.log(SHARES))),
    "sparse_categorical_crossentropy of floats": (NUMBERS[:, None].astype("float32"), P, {},
                                                  -total(ONE_HOT * np.log(SHARES))),
    "sparse_categorical_crossentropy of logits": (NUMBERS, X, {"from_logits": True},
                                                  -total(ONE_HOT * np.log(softmax(X)))),
    "kullback_leibler_divergence": (SHARES, softmax(X), {}, total(SHARES * np.log(SHARES / softmax(X)))),
}
CLASSES = {
    "mean_squared_error": "MeanSquaredError", "mean_absolute_error": "MeanAbsoluteError",
    "mean_absolute_percentage_error": "MeanAbsolutePercentageError",
    "mean_squared_logarithmic_error": "MeanSquaredLogarithmicError", "huber_loss": "Huber",
    "logcosh": "LogCosh", "poisson": "Poisson", "cosine_similarity": "CosineSimilarity", "hinge": "Hinge",
    "squared_hinge": "SquaredHinge", "categorical_hinge": "CategoricalHinge",
    "binary_crossentropy": "BinaryCrossentropy", "categorical_crossentropy": "CategoricalCrossentropy",
    "sparse_categorical_crossentropy": "SparseCategoricalCrossentropy",
    "kullback_leibler_divergence": "KLDivergence"}


def function(case):
    return getattr(losses, case.split()[0])


def loss_class(case):
    return getattr(losses, CLASSES[case.split()[0]])


def test_every_loss_has_a_case():
    functions = {losses._losses.get(name) for name in losses._losses._objects if name.islower()}
    assert {f.__name__ for f in functions} == {case.split()[0] for case in CASES} == set(CLASSES)
    classes = {name for name, f in losses._losses._objects.items() if isinstance(f, type)}
    assert classes == set(CLASSES.values())


@pytest.mark.parametrize("case", CASES)
def test_functions(case):
    y, x, kwargs, expected = CASES[case]
    np.testing.assert_allclose(function(case)(y, x, **kwargs).numpy(), expected, rtol=1e-7, atol=1e-12)
    narrow = function(case)(y, nf.constant(x.astype("float32")), **kwargs)
    assert narrow.dtype == "float32"
    np.testing.assert_allclose(narrow.numpy(), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("case", CASES)
def test_more_axes(case):
    y, x, kwargs, expected = CASES[case]
    if "axis" in kwargs:
        kwargs = {"axis": 1}
    stacked = function(case)(np.stack([y, y]), np.stack([x, x]), **kwargs).numpy()
    np.testing.assert_allclose(stacked, np.stack([expected, expected]), rtol=1e-7, atol=1e-12)


@pytest.mark.parametrize("case", CASES)
def test_gradients(case):
    y, x, kwargs, _ = CASES[case]
    nf.testing.check_gradients(lambda x: function(case)(y, x, **kwargs), [x])


@pytest.mark.parametrize("case", CASES)
def test_objects_reductions_and_weights(case):
    y, x, kwargs, expected = CASES[case]
    make = loss_class(case)
    n = expected.size
    rows = np.linspace(0.0, 2.0, n)
    for weights in (None, 0.5, rows, rows[:, None], np.zeros(n)):
        flat = np.broadcast_to(1.0 if weights is None else np.reshape(weights, -1), n)
        for reduction, wanted in [("none", expected * flat), ("sum", (expected * flat).sum()),
                                  ("sum_over_batch_size", (expected * flat).sum() / n),
                                  ("auto", (expected * flat).sum() / n)]:
            found = make(reduction=reduction, **kwargs)(y, x, sample_weight=weights)
            np.testing.assert_allclose(found.numpy(), wanted, rtol=1e-7, atol=1e-12)


@pytest.mark.parametrize("case", CASES)
def test_objects_and_configs(case):
    y, x, kwargs, _ = CASES[case]
    loss = loss_class(case)(reduction=losses.Reduction.SUM, name="mine", **kwargs)
    again = losses.deserialize(losses.serialize(loss))
    assert type(again) is type(loss)
    assert (again.name, again.reduction) == ("mine", "sum")
    assert again.get_config() == loss.get_config() == {"reduction": "sum", "name": "mine", **loss._more}
    assert again(y, x).numpy() == loss(y, x).numpy()


@pytest.mark.parametrize("case", CASES)
def test_nan_and_empty_batches(case):
    y, x, kwargs, _ = CASES[case]
    if y.dtype.kind == "f" and not case.startswith("sparse"):
        y = np.full_like(y, np.nan)
        assert np.isnan(loss_class(case)(**kwargs)(y, x).numpy())
    assert np.isnan(loss_class(case)(**kwargs)(CASES[case][0], np.full_like(x, np.nan)).numpy())
    if "axis" not in kwargs:
        assert function(case)(y[:0], x[:0], **kwargs).shape == (0,)
        assert loss_class(case)(**kwargs)(y[:0], x[:0]).numpy() == 0.0


@pytest.mark.parametrize("case", CASES)
def test_refusals(case):
    y, x, kwargs, _ = CASES[case]
    with pytest.raises(ValueError, match=rf"{case.split()[0]}.*\(4,"):
        function(case)(y[:4], x, **kwargs)
    with pytest.raises(ValueError, match="Invalid Reduction Key mean"):
        loss_class(case)(reduction="mean")
    with pytest.raises(ValueError, match="weights can not be broadcast"):
        loss_class(case)(**kwargs)(y, x, sample_weight=np.ones(7))


# ---- shapes
@pytest.mark.parametrize("name", ["mean_squared_error", "binary_crossentropy", "hinge"])
def test_a_missing_last_axis_is_added(name):
    f, y, x = getattr(losses, name), BINARY[:, 0], P[:, 0]
    expected = f(y[:, None], x[:, None]).numpy()
    assert expected.shape == (5,)
    assert f(y, x[:, None]).numpy().tolist() == expected.tolist()
    assert f(y[:, None], x).numpy().tolist() == expected.tolist()


def test_shapes_that_would_broadcast_are_refused():
    with pytest.raises(ValueError, match=r"mean_squared_error: y_true has shape \(5, 1\) and y_pred"):
        losses.mean_squared_error(np.ones((5, 1)), np.ones((5, 3)))


# ---- labels
def test_probabilities_of_zero_and_one_stay_finite():
    y, p = np.array([[0.0, 1.0]], "float32"), np.array([[1.0, 0.0]], "float32")
    for f in (losses.binary_crossentropy, losses.categorical_crossentropy):
        assert 14 < f(y, p).numpy()[0] < 17
    assert 14 < losses.sparse_categorical_crossentropy([1], p).numpy()[0] < 17
    assert np.isfinite(losses.kullback_leibler_divergence(y, p).numpy()[0])


def test_class_numbers_out_of_range():
    for label in (3, -1, 7.0):
        with pytest.raises(InvalidArgumentError, match=rf"label {int(label)} is outside the valid range"):
            losses.sparse_categorical_crossentropy([label], P[:1])
    with pytest.raises(InvalidArgumentError, match="labels hold NaN or inf"):
        losses.sparse_categorical_crossentropy([np.nan], P[:1])
    with pytest.raises(ValueError, match="axis 0; only the last"):
        losses.sparse_categorical_crossentropy(NUMBERS, P, axis=0)


# ---- names
def test_names():
    for short, long in [("mse", "mean_squared_error"), ("MSE", "mean_squared_error"),
                        ("mae", "mean_absolute_error"), ("mape", "mean_absolute_percentage_error"),
                        ("MSLE", "mean_squared_logarithmic_error"), ("kld", "kullback_leibler_divergence"),
                        ("cosine_proximity", "cosine_similarity"), ("logcosh", "logcosh")]:
        assert losses.get(short) is getattr(losses, long)
        assert losses.serialize(losses.get(short)) == long
    assert isinstance(losses.get("Huber"), losses.Huber)
    assert isinstance(losses.get(losses.Huber), losses.Huber)
    assert losses.get({"class_name": "Huber", "config": {"delta": 3.0}})._more == {"delta": 3.0}
    assert losses.get(None) is None
    assert losses.get(len) is len
    assert losses.deserialize("mine", custom_objects={"mine": len}) is len


def test_unknown_names():
    with pytest.raises(ValueError, match=r"Unknown loss function: 'mze'; known are .*mean_squared_error"):
        losses.get("mze")
    with pytest.raises(ValueError, match="Improper config format"):
        losses.get({"name": "mse"})
    with pytest.raises(TypeError, match="Could not interpret loss function identifier: 3"):
        losses.get(3)
    with pytest.raises(ValueError, match="Cannot serialize 3"):
        losses.serialize(3)


def test_a_loss_of_ones_own():
    class Largest(losses.Loss):
        def call(self, y_true, y_pred):
            return nf.reduce_max(nf.abs(y_pred - y_true), -1)
    assert Largest(name="largest")(nf.constant(Y), nf.constant(X)).numpy() \
        == pytest.approx(np.abs(X - Y).max(1).mean())
    with pytest.raises(NotImplementedError, match="Must be implemented in subclasses"):
        losses.Loss()(Y, X)
