"""Losses and metrics inside compiled functions give what they give eagerly."""
import numpy as np
import pytest

import numbaflow as nf
from numbaflow.contrib.eager import metrics as eager_metrics
from numbaflow.graph.function import function
from numbaflow.keras import losses, metrics

DRAW = np.random.default_rng(0)


def uniform(*shape):
    return DRAW.uniform(0.05, 0.95, shape).astype(np.float32)


def close(a, b):
    np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-6)


ONE_HOT = np.eye(3, dtype=np.float32)[[0, 2, 1, 1]]
LABELS = np.array([0, 2, 1, 1])
YES = np.array([0, 1, 1, 0], np.float32)
NUMBERS = uniform(4, 3), uniform(4, 3)
DISTRIBUTIONS = ONE_HOT, uniform(4, 3)
CLASSES = LABELS, uniform(4, 3)
BINARY = YES, uniform(4)


# ---- losses
SPARSE = {"sparse_categorical_crossentropy", "SparseCategoricalCrossentropy"}
FUNCTIONS = {f.__name__: f for n, f in vars(losses).items() if n[0].islower() and callable(f)
             and n not in ("get", "serialize", "deserialize")}
LOSS_CLASSES = {n: c for n, c in vars(losses).items() if isinstance(c, type) and issubclass(c, losses.Loss)
                and c is not losses.Loss}


@pytest.mark.parametrize("name", [*FUNCTIONS, *LOSS_CLASSES])
def test_losses_and_their_gradients(name):
    loss = FUNCTIONS[name] if name in FUNCTIONS else LOSS_CLASSES[name]()
    y, x = CLASSES if name in SPARSE else DISTRIBUTIONS

    def step(y, x):
        with nf.GradientTape() as tape:
            tape.watch(x)
            value = loss(y, x)
        return value, tape.gradient(value, x)
    given = nf.constant(y), nf.constant(x)
    for a, b in zip(function(step)(*given), step(*given), strict=True):
        close(a.numpy(), b.numpy())


TRAIN_LOSSES = {
    "absolute_difference": NUMBERS, "cosine_distance": NUMBERS, "hinge_loss": (YES, uniform(4)),
    "huber_loss": NUMBERS, "log_loss": DISTRIBUTIONS, "mean_pairwise_squared_error": NUMBERS,
    "mean_squared_error": NUMBERS, "sigmoid_cross_entropy": DISTRIBUTIONS,
    "softmax_cross_entropy": DISTRIBUTIONS, "sparse_softmax_cross_entropy": CLASSES,
}


@pytest.mark.parametrize("name", TRAIN_LOSSES)
def test_losses_of_train(name):
    loss, (y, x) = getattr(nf.losses, name), TRAIN_LOSSES[name]
    more = {"axis": 1} if name == "cosine_distance" else {}

    def step(y, x, weights):
        with nf.GradientTape() as tape:
            tape.watch(x)
            value = loss(y, x, weights=weights, **more)
        return value, tape.gradient(value, x)
    for weights in (1.0, nf.constant(2.0)):
        given = nf.constant(y), nf.constant(x), weights
        for a, b in zip(function(step)(*given), step(*given), strict=True):
            close(a.numpy(), b.numpy())


# ---- metrics of Keras
ARGUMENTS = {"MeanIoU": (3,), "MeanRelativeError": ([1.0, 0.0, 2.0],), "SensitivityAtSpecificity": (0.5,),
             "SpecificityAtSensitivity": (0.5,), "MeanMetricWrapper": (losses.mean_absolute_error,)}
MORE = {"AUC": [{"curve": "PR"}, {"summation_method": "minoring", "num_thresholds": 5}],
        "Precision": [{"thresholds": [0.3, 0.7, 0.1]}, {"top_k": 2, "class_id": 1}], "Recall": [{"top_k": 1}],
        "SparseTopKCategoricalAccuracy": [{"k": 1}], "TopKCategoricalAccuracy": [{"k": 1}]}
BATCHES = {
    **dict.fromkeys(("SparseCategoricalAccuracy", "SparseCategoricalCrossentropy",
                     "SparseTopKCategoricalAccuracy"), CLASSES),
    **dict.fromkeys(("TruePositives", "TrueNegatives", "FalsePositives", "FalseNegatives", "AUC",
                     "SensitivityAtSpecificity", "SpecificityAtSensitivity"), BINARY),
    "MeanIoU": (LABELS, np.array([0, 1, 1, 2])), "MeanRelativeError": NUMBERS, "Accuracy": NUMBERS,
    **dict.fromkeys(("Mean", "Sum", "MeanTensor"), NUMBERS[:1]),
}
METRICS = [n for n, c in vars(metrics).items() if isinstance(c, type) and issubclass(c, metrics.Metric)
           and c is not metrics.Metric]


def results(metric, wrapper, batch, weights):
    """The results after the batch, after it again with weights, and the variables after a reset."""
    update = wrapper(lambda *given: metric.update_state(*given))
    result, reset = wrapper(lambda: metric.result()), wrapper(lambda: metric.reset_states())
    given = [nf.constant(x) for x in batch]
    update(*given)
    found = [result().numpy()]
    update(*given, nf.constant(weights))
    found.append(result().numpy())
    reset()
    return [*found, *[v.numpy() for v in metric.variables]]


@pytest.mark.parametrize("name", METRICS)
def test_metrics(name):
    batch = BATCHES.get(name, DISTRIBUTIONS)
    weights = np.array([1.0, 2.0, 0.5, 0.0], np.float32)
    for more in [{}, *MORE.get(name, [])]:
        batch = DISTRIBUTIONS if "top_k" in more else batch
        made = [getattr(metrics, name)(*ARGUMENTS.get(name, ()), **more) for _ in range(2)]
        eager, compiled = (results(m, wrapper, batch, weights)
                           for m, wrapper in zip(made, (lambda f: f, function), strict=True))
        for a, b in zip(eager, compiled, strict=True):
            assert a.dtype == b.dtype
            close(a, b)


def test_metrics_of_known_values_and_within_tapes():
    metric, v = metrics.Mean(), nf.Variable(3.0)

    @function
    def step():
        with nf.GradientTape() as tape:
            y = v * v
            metric.update_state(y)
            metric.update_state([1.0, 2.0])
        return tape.gradient(y, v), metric.result()
    assert [t.numpy() for t in step()] == [6.0, 4.0]
    assert [t.numpy() for t in step()] == [6.0, 4.0]


# ---- metrics of contrib.eager
EAGER_METRICS = {"Mean": NUMBERS[:1], "Accuracy": (LABELS, np.array([0, 1, 1, 2])),
                 "CategoricalAccuracy": DISTRIBUTIONS, "SparseAccuracy": CLASSES, "BinaryAccuracy": BINARY}


def test_every_eager_metric_is_here():
    classes = {n for n, c in vars(eager_metrics).items() if isinstance(c, type)}
    assert set(EAGER_METRICS) == classes - {"Metric"}


@pytest.mark.parametrize("name", EAGER_METRICS)
def test_eager_metrics(name):
    def results(wrapper):
        metric = getattr(eager_metrics, name)(*((0.5,) if name == "BinaryAccuracy" else ()))
        update, result = wrapper(lambda *given: metric(*given)), wrapper(lambda: metric.result())
        given = [nf.constant(x) for x in EAGER_METRICS[name]]
        update(*given)
        weights = uniform(4, 3) if name == "Mean" else np.array([1.0, 2.0, 0.5, 0.0], np.float32)
        returned = update(*given, nf.constant(np.ones_like(weights)))
        found = [result().numpy(), *[t.numpy() for t in returned]]
        wrapper(lambda: metric.init_variables())()
        return [*found, *[v.numpy() for v in metric.variables]]
    for a, b in zip(results(lambda f: f), results(function), strict=True):
        assert a.dtype == b.dtype
        close(a, b)
