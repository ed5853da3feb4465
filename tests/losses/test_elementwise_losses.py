"""Every loss of two tensors of one shape, against formulas in NumPy float64."""
import numpy as np
import pytest

import numbaflow as nf
from numbaflow import losses
from numbaflow.core.gradient_tape import GradientTape
from numbaflow.losses import Reduction

RNG = np.random.default_rng(3)
PROBABILITIES = RNG.uniform(0.05, 0.95, (4, 3))
BINARY = RNG.integers(0, 2, (4, 3)).astype(float)
X, Y = RNG.standard_normal((4, 3)), RNG.standard_normal((4, 3)) * 2.0
ONE_HOT = np.eye(3)[RNG.integers(0, 3, 4)]


def unit(x):
    return x / np.sqrt((x * x).sum(1, keepdims=True))


def sigmoid(x):
    return 1.0 / (1.0 + np.exp(-x))


def binary_cross_entropy(z, p):
    return -z * np.log(p) - (1 - z) * np.log(1 - p)


def log_softmax(x):
    return x - np.log(np.exp(x).sum(-1, keepdims=True))


def huber(y, x, delta):
    e = np.abs(x - y)
    return np.where(e <= delta, 0.5 * e**2, delta * e - 0.5 * delta**2)


# name, labels, predictions, keywords, the losses by NumPy
CASES = {
    "absolute_difference": (Y, X, {}, np.abs(X - Y)),
    "mean_squared_error": (Y, X, {}, (X - Y)**2),
    "huber_loss": (Y, X, {}, huber(Y, X, 1.0)),
    "huber_loss of 0.4": (Y, X, {"delta": 0.4}, huber(Y, X, 0.4)),
    "log_loss": (BINARY, PROBABILITIES, {}, -BINARY * np.log(PROBABILITIES + 1e-7)
                 - (1 - BINARY) * np.log(1 - PROBABILITIES + 1e-7)),
    "log_loss of 0.1": (BINARY, PROBABILITIES, {"epsilon": 0.1}, -BINARY * np.log(PROBABILITIES + 0.1)
                        - (1 - BINARY) * np.log(1 - PROBABILITIES + 0.1)),
    "cosine_distance": (unit(Y), unit(X), {"axis": 1}, 1 - (unit(X) * unit(Y)).sum(1, keepdims=True)),
    "cosine_distance by dim": (unit(Y), unit(X), {"dim": -1}, 1 - (unit(X) * unit(Y)).sum(1, keepdims=True)),
    "hinge_loss": (BINARY, X, {}, np.maximum(0, 1 - (2 * BINARY - 1) * X)),
    "sigmoid_cross_entropy": (BINARY, X, {}, binary_cross_entropy(BINARY, sigmoid(X))),
    "sigmoid_cross_entropy smoothed": (BINARY, X, {"label_smoothing": 0.2},
                                       binary_cross_entropy(BINARY * 0.8 + 0.1, sigmoid(X))),
    "softmax_cross_entropy": (ONE_HOT, X, {}, -(ONE_HOT * log_softmax(X)).sum(-1)),
    "softmax_cross_entropy smoothed": (ONE_HOT, X, {"label_smoothing": 0.3},
                                       -((ONE_HOT * 0.7 + 0.1) * log_softmax(X)).sum(-1)),
}


def face(case):
    return getattr(losses, case.split()[0])


def reduced(values, weights, reduction):
    weights = np.broadcast_to(weights, values.shape)
    weighted = values * weights
    if reduction == Reduction.NONE:
        return weighted
    count = {Reduction.SUM: 1, Reduction.MEAN: weights.sum(), Reduction.SUM_OVER_BATCH_SIZE: values.size,
             Reduction.SUM_BY_NONZERO_WEIGHTS: np.count_nonzero(weights)}[reduction]
    return weighted.sum() / count if count else 0.0


def weights_for(values):
    """Weights of every legal kind: one number, one a row, one an element, none but zeros."""
    rows = np.array([1.0, 0.0, 2.0, 0.5]).reshape([4] + [1] * (values.ndim - 1))
    return [1.0, 0.25, 0.0, rows, rows * np.ones(values.shape), rows * 0.0]


@pytest.mark.parametrize("case", CASES)
def test_values_weights_and_reductions(case):
    labels, predictions, kwargs, expected = CASES[case]
    for reduction in Reduction.all():
        for weights in weights_for(expected):
            found = face(case)(labels, predictions, weights=weights, reduction=reduction, **kwargs)
            np.testing.assert_allclose(found.numpy(), reduced(expected, weights, reduction), rtol=1e-12)


@pytest.mark.parametrize("case", CASES)
def test_float32_and_integer_labels(case):
    labels, predictions, kwargs, expected = CASES[case]
    found = face(case)(labels.astype("float32"), predictions.astype("float32"), **kwargs)
    assert found.dtype == "float32"
    assert found.numpy() == pytest.approx(expected.mean(), rel=1e-5)
    if np.all(labels == labels.astype(int)):
        found = face(case)(labels.astype(int), predictions.astype("float32"), **kwargs)
        assert found.dtype == "float32"
        assert found.numpy() == pytest.approx(expected.mean(), rel=1e-5)


@pytest.mark.parametrize("case", CASES)
def test_gradients(case):
    labels, predictions, kwargs, _ = CASES[case]
    weights = np.array([1.0, 0.0, 2.0, 0.5]).reshape([4] + [1] * (CASES[case][3].ndim - 1))
    nf.testing.check_gradients(lambda x: face(case)(labels, x, weights=weights, **kwargs), [predictions])


@pytest.mark.parametrize("case", CASES)
def test_nan_labels_flow(case):
    labels, predictions, kwargs, _ = CASES[case]
    assert np.isnan(face(case)(np.full_like(labels, np.nan), predictions, **kwargs).numpy())


@pytest.mark.parametrize("case", CASES)
def test_nothing_costs_nothing(case):
    for reduction in Reduction.all():
        found = face(case)(np.zeros((0, 3)), np.zeros((0, 3)), reduction=reduction, **CASES[case][2])
        assert found.numpy().sum() == 0.0


@pytest.mark.parametrize("case", CASES)
def test_refusals(case):
    labels, predictions, kwargs, _ = CASES[case]
    for args, more, message in [((None, predictions), {}, "labels must not be None"),
                                ((labels, None), {}, "must not be None"),
                                ((labels[:2], predictions), {}, r"Shapes \(4, 3\) and \(2, 3\) are incomp"),
                                ((labels[0], predictions), {}, "are incompatible"),
                                ((labels, predictions), {"weights": None}, "weights must not be None"),
                                ((labels, predictions), {"weights": np.ones((2, 3))}, "can not be broadcast"),
                                ((labels, predictions), {"weights": np.ones((4, 1, 1))}, "can not be broadc"),
                                ((labels, predictions), {"reduction": "mean"}, "Invalid Reduction Key mean")]:
        with pytest.raises(ValueError, match=message):
            face(case)(*args, **more, **kwargs)


def test_no_gradient_goes_to_the_labels_of_softmax_cross_entropy():
    labels, logits = nf.constant(ONE_HOT), nf.constant(X)
    with GradientTape() as tape:
        tape.watch([labels, logits])
        loss = losses.softmax_cross_entropy(labels, logits)
    by_labels, by_logits = tape.gradient(loss, [labels, logits])
    assert by_labels is None
    assert by_logits is not None


def test_cosine_distance_needs_an_axis():
    with pytest.raises(ValueError, match="You must specify 'axis'"):
        losses.cosine_distance(X, Y)
    with pytest.raises(ValueError, match="axis 5"):
        losses.cosine_distance(X, Y, axis=5)


# ---- pairs
def pairwise(labels, predictions, weights):
    """The sum over examples of the mean of (d[i] - d[j])**2 over pairs i != j, by their definition."""
    total = 0.0
    for y, x, w in zip(labels, predictions, weights, strict=True):
        d = (x - y).ravel()
        pairs = [(a - b)**2 for i, a in enumerate(d) for j, b in enumerate(d) if i != j]
        total += w * (np.mean(pairs) if pairs else 0.0)
    return total


@pytest.mark.parametrize("shape", [(4, 3), (4, 2, 3), (4, 1), (4,)])
def test_mean_pairwise_squared_error(shape):
    labels, predictions = RNG.standard_normal(shape), RNG.standard_normal(shape)
    rows = np.array([1.0, 0.5, 2.0, 0.25])
    for given, weights in [(1.0, np.ones(4)), (3.0, np.full(4, 3.0)), (0.0, np.zeros(4)),
                           (rows.reshape(4, *[1] * (len(shape) - 1)), rows)]:
        found = losses.mean_pairwise_squared_error(labels, predictions, given)
        assert found.numpy() == pytest.approx(pairwise(labels, predictions, weights), rel=1e-12)
    nf.testing.check_gradients(losses.mean_pairwise_squared_error, [labels, predictions])


def test_mean_pairwise_squared_error_refuses():
    for args, message in [((None, X), "labels must not be None"), ((X, X[:2]), "are incompatible"),
                          ((1.0, 2.0), "got a scalar"), ((X, Y, np.ones(3)), "can not be broadcast")]:
        with pytest.raises(ValueError, match=message):
            losses.mean_pairwise_squared_error(*args)


# ---- collections
def test_eager_execution_keeps_no_collections():
    losses.add_loss(losses.mean_squared_error(X, Y))
    assert losses.get_losses() == []
    assert losses.get_regularization_losses() == []
    assert losses.get_regularization_loss().numpy() == 0.0
    with pytest.raises(ValueError, match="collects no losses"):
        losses.get_total_loss()


def test_weighted_integers_are_floats():
    assert losses.compute_weighted_loss([1, 2], [1, 3]).numpy() == 3.5
    with pytest.raises(ValueError, match="losses must not be None"):
        losses.compute_weighted_loss(None)
