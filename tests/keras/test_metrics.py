"""Metrics of Keras against NumPy float64, batch by batch: means, counts, curves, names, errors."""
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, strategies as st

import numbaflow as nf
from numbaflow.core.errors import InvalidArgumentError
from numbaflow.keras import losses, metrics
from numbaflow.keras.metrics.confusion import confusion_counts

RNG = np.random.default_rng(2)
N = 12
Y, X = RNG.standard_normal((N, 3)) * 2, RNG.standard_normal((N, 3))
P = RNG.uniform(0.05, 0.95, (N, 3))
BINARY = RNG.integers(0, 2, (N, 3)).astype(float)
NUMBERS = RNG.integers(0, 3, N)
ONE_HOT = np.eye(3)[NUMBERS]
WEIGHTS = RNG.uniform(0, 2, N)
WEIGHTS[3] = 0.0
BATCHES = [slice(0, 5), slice(5, 5), slice(5, N)]


def ranks(scores):
    """The place of each score in its row, 0 for the largest."""
    return np.argsort(np.argsort(-scores, -1), -1)


def right(a, b):
    return np.equal(a, b).astype(float)


def unit(x):
    return x / np.sqrt((x * x).sum(-1, keepdims=True))


# a class with its arguments, y_true, y_pred, what NumPy gives for each sample
CASES = {
    "Accuracy": ((), NUMBERS, X.argmax(1), right(NUMBERS, X.argmax(1))),
    "BinaryAccuracy": ((), BINARY, P, right(BINARY, P > 0.5).mean(-1)),
    "BinaryAccuracy at 0.3": (("b", None, 0.3), BINARY, P, right(BINARY, P > 0.3).mean(-1)),
    "CategoricalAccuracy": ((), ONE_HOT, X, right(NUMBERS, X.argmax(1))),
    "SparseCategoricalAccuracy": ((), NUMBERS, X, right(NUMBERS, X.argmax(1))),
    "SparseCategoricalAccuracy of columns": ((), NUMBERS[:, None].astype("float32"), X,
                                             right(NUMBERS, X.argmax(1))),
    "TopKCategoricalAccuracy": ((2,), ONE_HOT, X, (ranks(X)[range(N), NUMBERS] < 2).astype(float)),
    "SparseTopKCategoricalAccuracy": ((2,), NUMBERS, X, (ranks(X)[range(N), NUMBERS] < 2).astype(float)),
    "CosineSimilarity": ((), Y, X, (unit(X) * unit(Y)).sum(-1)),
}
for _name, _function, _y, _x in [
        ("MeanSquaredError", losses.mse, Y, X), ("MeanAbsoluteError", losses.mae, Y, X),
        ("MeanAbsolutePercentageError", losses.mape, Y, X),
        ("MeanSquaredLogarithmicError", losses.msle, P, P[::-1]), ("Hinge", losses.hinge, BINARY, X),
        ("SquaredHinge", losses.squared_hinge, BINARY, X),
        ("CategoricalHinge", losses.categorical_hinge, ONE_HOT, X), ("LogCoshError", losses.logcosh, Y, X),
        ("Poisson", losses.poisson, P, P[::-1]), ("KLDivergence", losses.kld, P, P[::-1]),
        ("BinaryCrossentropy", losses.binary_crossentropy, BINARY, P),
        ("CategoricalCrossentropy", losses.categorical_crossentropy, ONE_HOT, P),
        ("SparseCategoricalCrossentropy", losses.sparse_categorical_crossentropy, NUMBERS, P)]:
    CASES[_name] = ((), _y, _x, _function(_y, _x).numpy())          # (tested in test_losses.py)


def make(case, **kwargs):
    return getattr(metrics, case.split()[0])(*CASES[case][0], **kwargs)


def value(metric):
    found = metric.result()
    assert found.dtype == metric.dtype
    return found.numpy()


def test_every_mean_of_a_function_has_a_case():
    wrapped = {name for name in metrics.__all__ if isinstance(getattr(metrics, name), type)
               and issubclass(getattr(metrics, name), metrics.MeanMetricWrapper)}
    assert wrapped - {"MeanMetricWrapper"} == {case.split()[0] for case in CASES}


@pytest.mark.parametrize("case", CASES)
def test_means_of_functions(case):
    _, y, x, expected = CASES[case]
    m = make(case)
    for batch in BATCHES:
        m.update_state(y[batch], x[batch])
    assert value(m) == pytest.approx(expected.mean(), rel=1e-5, abs=1e-6)
    m.reset_states()
    assert value(m) == 0.0
    wide = make(case, **({} if "at" in case else {"dtype": "float64"}))
    for batch in BATCHES:
        latest = wide(y[batch], x[batch], sample_weight=WEIGHTS[batch])
    expected = (expected * WEIGHTS).sum() / WEIGHTS.sum()
    assert value(wide) == pytest.approx(expected, rel=1e-6)
    assert latest.numpy() == value(wide)


@pytest.mark.parametrize("case", CASES)
def test_configs(case):
    m = make(case)
    again = metrics.deserialize(metrics.serialize(m))
    assert type(again) is type(m)
    assert again.get_config() == m.get_config()
    _, y, x, _ = CASES[case]
    assert again(y, x).numpy() == m(y, x).numpy()


@pytest.mark.parametrize("case", CASES)
def test_refusals(case):
    _, y, x, _ = CASES[case]
    with pytest.raises(ValueError, match=r"\(4"):
        make(case)(y[:4], x)
    with pytest.raises(ValueError, match=r"sample_weight of shape \(5,\)"):
        make(case)(y, x, sample_weight=np.ones(5))


def test_tapes_do_not_see_metrics():
    m, v = metrics.MeanSquaredError(), nf.Variable(X)
    with nf.GradientTape() as tape:
        loss = nf.reduce_sum(v * v)
        m(Y, v * 1.0)
    assert tape.gradient(loss, v) is not None
    assert value(m) == pytest.approx(((X - Y)**2).mean(), rel=1e-6)


# ---- sums and means
@pytest.mark.parametrize(("kind", "reduce"), [(metrics.Sum, lambda x, w: (x * w).sum()),
                                              (metrics.Mean, lambda x, w: (x * w).sum() / w.sum())])
def test_sums_and_means(kind, reduce):
    m = kind()
    for batch in (X[:5], X[5:], 3.0, [1, 2], np.zeros((0, 3))):
        m(batch)
    everything = np.concatenate([X.ravel(), [3.0, 1.0, 2.0]])
    assert value(m) == pytest.approx(reduce(everything, np.ones(everything.size)), rel=1e-6)
    for weights, full in [(0.5, np.full((N, 3), 0.5)), (WEIGHTS[:, None], WEIGHTS[:, None] * np.ones((N, 3))),
                          (X * X, X * X)]:
        assert kind()(X, weights).numpy() == pytest.approx(reduce(X, full), rel=1e-5)
    assert kind()(X, WEIGHTS).numpy() == pytest.approx(reduce(X.mean(-1), WEIGHTS), rel=1e-5)
    assert kind()(X[:, 0], WEIGHTS[:, None]).numpy() == pytest.approx(reduce(X[:, 0], WEIGHTS), rel=1e-5)


def test_mean_tensor():
    m = metrics.MeanTensor()
    with pytest.raises(ValueError, match="MeanTensor does not have any result yet"):
        m.result()
    m.update_state(X)
    m.update_state(Y, sample_weight=WEIGHTS)
    w = WEIGHTS[:, None]
    np.testing.assert_allclose(value(m), (X + w * Y) / (1 + w), rtol=1e-5)
    with pytest.raises(ValueError, match=r"Expected shape.*\(12, 3\). Got: \(3,\)"):
        m.update_state(X[0])
    m.reset_states()
    assert not value(m).any()


def test_root_mean_squared_error():
    m = metrics.RootMeanSquaredError()
    for batch in BATCHES:
        m(Y[batch], X[batch])
    assert value(m) == pytest.approx(np.sqrt(((X - Y)**2).mean()), rel=1e-6)
    assert metrics.RootMeanSquaredError()(Y, X, WEIGHTS).numpy() == pytest.approx(
        np.sqrt((((X - Y)**2).mean(-1) * WEIGHTS).sum() / WEIGHTS.sum()), rel=1e-6)


def test_mean_relative_error():
    by = np.array([1.0, 0.0, 2.0])
    errors = np.abs(X - Y) * [1.0, 0.0, 0.5]
    assert metrics.MeanRelativeError(by)(Y, X).numpy() == pytest.approx(errors.mean(), rel=1e-6)
    with pytest.raises(InvalidArgumentError, match=r"normalizer of shape \(2,\)"):
        metrics.MeanRelativeError([1.0, 2.0])(Y, X)


# ---- counts at thresholds
SCORES = np.concatenate([RNG.uniform(0, 1, 40), [0.0, 1.0, 0.5, 0.25]])
LABELS = RNG.integers(0, 2, 44)
LOADS = RNG.uniform(0, 2, 44)


def counted(threshold, weights=None):
    """tp, fp, tn, fn, one by one; scores and thresholds as float32."""
    weights = np.ones(44) if weights is None else weights
    found = {"tp": 0.0, "fp": 0.0, "tn": 0.0, "fn": 0.0}
    for y, p, w in zip(LABELS, SCORES.astype("float32"), weights, strict=True):
        yes = p > np.float32(threshold)
        found[("t" if yes == bool(y) else "f") + ("p" if yes else "n")] += w
    return found


COUNTS = {"TruePositives": "tp", "FalsePositives": "fp", "TrueNegatives": "tn", "FalseNegatives": "fn"}
THRESHOLDS = [0.25, 0.9, 0.0, 0.5, 1.0]


@pytest.mark.parametrize("name", COUNTS)
@pytest.mark.parametrize("weights", [None, LOADS], ids=["plain", "weighted"])
def test_counts(name, weights):
    one, many = getattr(metrics, name)(), getattr(metrics, name)(thresholds=THRESHOLDS)
    for part in (slice(0, 20), slice(20, 20), slice(20, 44)):
        for m in (one, many):
            m(LABELS[part], SCORES[part], None if weights is None else weights[part])
    assert value(one) == pytest.approx(counted(0.5, weights)[COUNTS[name]], rel=1e-6)
    expected = [counted(t, weights)[COUNTS[name]] for t in THRESHOLDS]
    np.testing.assert_allclose(value(many), expected, rtol=1e-6)
    many.reset_states()
    assert not value(many).any()


EIGHTHS = st.sampled_from(np.linspace(0, 1, 9))


@given(st.lists(st.tuples(st.booleans(), EIGHTHS, st.floats(0, 4)), max_size=20),
       st.lists(EIGHTHS, min_size=1, max_size=6))
def test_counts_of_any_scores_and_thresholds(samples, thresholds):
    labels, scores, weights = (np.array([s[k] for s in samples]) for k in range(3))
    labels, thresholds = labels.astype(bool), np.array(thresholds)
    found = confusion_counts(labels, scores.astype(float), weights.astype(float), thresholds)
    for k, t in enumerate(thresholds):
        for row, (truth, yes) in enumerate([(True, True), (False, True), (False, False), (True, False)]):
            expected = sum(w for y, s, w in samples if y == truth and (s > t) == yes)
            assert found[row, k] == pytest.approx(expected)


@pytest.mark.parametrize(("name", "other"), [("Precision", "fp"), ("Recall", "fn")])
def test_precision_and_recall(name, other):
    kind = getattr(metrics, name)
    for weights in (None, LOADS):
        expected = [c["tp"] / (c["tp"] + c[other]) if c["tp"] + c[other] else 0.0
                    for c in (counted(t, weights) for t in THRESHOLDS)]
        np.testing.assert_allclose(kind(thresholds=THRESHOLDS)(LABELS, SCORES, weights).numpy(), expected,
                                   rtol=1e-6)
        assert kind()(LABELS, SCORES, weights).numpy() == pytest.approx(expected[3], rel=1e-6)
    assert kind().result().numpy() == 0.0


def test_precision_and_recall_of_the_largest_and_of_one_class():
    yes = ranks(P) < 2
    tp, kept, all_of = (yes & (BINARY > 0)).sum(), yes.sum(), BINARY.sum()
    assert metrics.Precision(top_k=2)(BINARY, P).numpy() == pytest.approx(tp / kept)
    assert metrics.Recall(top_k=2)(BINARY, P).numpy() == pytest.approx(tp / all_of)
    strict = (yes & (P.astype("float32") > np.float32(0.6)) & (BINARY > 0)).sum()
    assert metrics.Recall(0.6, top_k=2)(BINARY, P).numpy() == pytest.approx(strict / all_of)
    one = (P[:, 1] > 0.5) & (BINARY[:, 1] > 0)
    assert metrics.Recall(class_id=1)(BINARY, P).numpy() == pytest.approx(one.sum() / BINARY[:, 1].sum())
    with pytest.raises(InvalidArgumentError, match="top_k of 4"):
        metrics.Precision(top_k=4)(BINARY, P)


@pytest.mark.parametrize("name", [*COUNTS, "Precision", "Recall"])
def test_counts_refuse(name):
    kind = getattr(metrics, name)
    for bad in (-0.1, [0.5, 1.5], [], np.nan):
        with pytest.raises(ValueError, match=r"Threshold values must be in \[0, 1\]"):
            kind(bad)
    for scores in ([0.5, 1.5], [-0.1, 0.5], [np.nan, 0.5]):
        with pytest.raises(InvalidArgumentError, match=r"predictions must be in \[0, 1\]"):
            kind()([0, 1], scores)
    with pytest.raises(ValueError, match=r"y_true has shape \(2,\) and y_pred \(3,\)"):
        kind()([0, 1], [0.1, 0.2, 0.3])
    assert metrics.deserialize(metrics.serialize(kind([0.25, 0.5]))).thresholds == [0.25, 0.5]


# ---- curves
def curve(n, weights=None):
    at = [-1e-7] + [(k + 1) / (n - 1) for k in range(n - 2)] + [1 + 1e-7]
    return [counted(t, weights) for t in at]


def ratio(a, b):
    return a / b if b else 0.0


def area(points, x, y, height):
    return sum((a[x] - b[x]) * height(a[y], b[y]) for a, b in pairwise(points))


HEIGHTS = {"interpolation": lambda a, b: (a + b) / 2, "minoring": min, "majoring": max}


@pytest.mark.parametrize("method", HEIGHTS)
@pytest.mark.parametrize("kind", ["ROC", "PR"])
def test_areas(kind, method):
    for weights in (None, LOADS):
        points = [{"recall": ratio(c["tp"], c["tp"] + c["fn"]), "false": ratio(c["fp"], c["fp"] + c["tn"]),
                   "precision": ratio(c["tp"], c["tp"] + c["fp"])} for c in curve(25, weights)]
        m = metrics.AUC(25, kind, method)
        for part in (slice(0, 30), slice(30, 44)):
            m(LABELS[part], SCORES[part], None if weights is None else weights[part])
        if kind == "ROC":
            assert value(m) == pytest.approx(area(points, "false", "recall", HEIGHTS[method]), rel=1e-5)
        elif method != "interpolation":
            assert value(m) == pytest.approx(area(points, "recall", "precision", HEIGHTS[method]), rel=1e-5)
        else:
            low, high = (area(points, "recall", "precision", f) for f in (min, max))
            assert low <= value(m) <= high
            assert value(m) == pytest.approx(interpolated(curve(25, weights)), rel=1e-4)


def interpolated(points):
    """The integral of precision between two points where tp and fp grow together, by many small steps."""
    total, positives = 0.0, points[0]["tp"] + points[0]["fn"]
    for a, b in pairwise(points):
        if a["tp"] > b["tp"]:
            s = (np.arange(20000) + 0.5) / 20000
            tp, fp = (b[k] + s * (a[k] - b[k]) for k in ("tp", "fp"))
            total += (a["tp"] - b["tp"]) * (tp / (tp + fp)).mean()
    return total / positives


def test_areas_of_perfect_and_useless_scores():
    assert metrics.AUC()([0, 0, 1, 1], [0.1, 0.2, 0.8, 0.9]).numpy() == pytest.approx(1.0)
    assert metrics.AUC()([0, 1, 0, 1], [0.5, 0.5, 0.5, 0.5]).numpy() == pytest.approx(0.5)
    assert metrics.AUC()([0, 0, 1, 1], [0.9, 0.8, 0.2, 0.1]).numpy() == pytest.approx(0.0)
    assert metrics.AUC(curve="PR")([0, 0, 1, 1], [0.1, 0.2, 0.8, 0.9]).numpy() == pytest.approx(1.0, rel=1e-5)
    made = metrics.AUC(thresholds=[0.75, 0.25, 0.5])
    assert made.num_thresholds == 5
    assert made(LABELS, SCORES).numpy() == metrics.AUC(5)(LABELS, SCORES).numpy()
    again = metrics.deserialize(metrics.serialize(metrics.AUC(9, "PR", "minoring")))
    assert (again.num_thresholds, again.curve, again.summation_method) == (9, "PR", "minoring")


def test_one_ratio_at_another():
    points = curve(25)
    sensitivity = np.array([c["tp"] / (c["tp"] + c["fn"]) for c in points])
    specificity = np.array([c["tn"] / (c["tn"] + c["fp"]) for c in points])
    m = metrics.SensitivityAtSpecificity(0.6, 25)
    assert m(LABELS, SCORES).numpy() == pytest.approx(sensitivity[np.abs(specificity - 0.6).argmin()])
    m = metrics.SpecificityAtSensitivity(0.3, 25)
    assert m(LABELS, SCORES).numpy() == pytest.approx(specificity[np.abs(sensitivity - 0.3).argmin()])
    assert metrics.deserialize(metrics.serialize(m)).sensitivity == 0.3
    with pytest.raises(ValueError, match=r"must be in \[0, 1\], got 1.5"):
        metrics.SensitivityAtSpecificity(1.5)


def test_areas_refuse():
    for kwargs, message in [({"num_thresholds": 1}, "`num_thresholds` must be > 1"),
                            ({"curve": "DET"}, "Invalid curve: 'DET'"),
                            ({"summation_method": "simpson"}, "Invalid summation_method: 'simpson'")]:
        with pytest.raises(ValueError, match=message):
            metrics.AUC(**kwargs)


# ---- overlap
def test_mean_iou():
    y, x, m = RNG.integers(0, 4, 50), RNG.integers(0, 4, 50), metrics.MeanIoU(6)
    loads = RNG.uniform(0, 2, 50)
    m(y[:20], x[:20], loads[:20])
    m(y[20:], x[20:], loads[20:])
    each = []
    for k in range(4):
        both, either = loads[(y == k) & (x == k)].sum(), loads[(y == k) | (x == k)].sum()
        each.append(both / either)
    assert value(m) == pytest.approx(np.mean(each), rel=1e-6)
    assert metrics.MeanIoU(3).result().numpy() == 0.0
    for y, x, message in [([0, 3], [0, 0], "labels from 0 to 3"), ([0], [-1], "predictions from -1 to -1"),
                          ([0, 1], [0], r"labels have shape \(2,\), predictions \(1,\)")]:
        with pytest.raises(InvalidArgumentError, match=message):
            metrics.MeanIoU(3)(y, x)


# ---- names
def test_names():
    assert metrics.get("mse") is losses.mean_squared_error
    assert metrics.get("cosine_proximity") is metrics.cosine_similarity
    assert isinstance(metrics.get("AUC"), metrics.AUC)
    assert metrics.get(None) is None
    m = metrics.Precision(name="mine")
    assert metrics.get(m) is m
    assert [metrics.Mean().name, metrics.AUC().name, metrics.TruePositives().name, metrics.Recall().name,
            metrics.MeanIoU(2).name] == ["mean", "auc", "true_positives", "recall", "mean_io_u"]
    with pytest.raises(ValueError, match=r"Unknown metric function: 'acuracy'; known are .*binary_accuracy"):
        metrics.get("acuracy")


@pytest.mark.parametrize(("metric", "loss", "last", "expected"), [
    ("accuracy", "sparse_categorical_crossentropy", 3, metrics.sparse_categorical_accuracy),
    ("acc", losses.SparseCategoricalCrossentropy(), 3, metrics.sparse_categorical_accuracy),
    ("accuracy", "categorical_crossentropy", 3, metrics.categorical_accuracy),
    ("accuracy", "mse", 3, metrics.categorical_accuracy),
    ("accuracy", losses.BinaryCrossentropy(from_logits=True), 3, metrics.binary_accuracy),
    ("accuracy", "mse", 1, metrics.binary_accuracy),
    ("acc", None, None, metrics.categorical_accuracy),
    ("crossentropy", "sparse_categorical_crossentropy", 3, metrics.sparse_categorical_crossentropy),
    ("ce", "binary_crossentropy", 1, metrics.binary_crossentropy),
    ("ce", "categorical_crossentropy", 4, metrics.categorical_crossentropy),
    ("mae", "mse", 4, metrics.mean_absolute_error)])
def test_resolve(metric, loss, last, expected):
    found = metrics.resolve(metric, loss, (None, last))
    assert isinstance(found, metrics.Metric)
    assert found._fn is expected
    assert found.name == metric


def test_resolve_keeps_metrics_and_wraps_functions():
    m = metrics.Recall()
    assert metrics.resolve(m) is m
    assert isinstance(metrics.resolve("AUC"), metrics.AUC)

    def largest(y_true, y_pred):
        return nf.reduce_max(nf.abs(y_pred - y_true), -1)
    found = metrics.resolve(largest)
    assert found.name == "largest"
    expected = np.abs(X - Y).max(-1).mean()
    assert found(nf.constant(Y), nf.constant(X)).numpy() == pytest.approx(expected, rel=1e-6)


# ---- the base
def test_a_metric_of_ones_own():
    class Largest(metrics.Metric):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.top = self.add_weight("top", initializer=lambda shape, dtype: np.full(shape, -1, dtype))

        def update_state(self, y_true, y_pred, sample_weight=None):
            self.top.assign(nf.maximum(self.top, nf.cast(nf.reduce_max(y_pred), self.dtype)))

        def result(self):
            return self.top.value()
    m = Largest(dtype="float64")
    assert value(m) == -1.0
    assert m(None, nf.constant([3.0, 5.0])).numpy() == 5.0
    assert m(None, nf.constant([4.0])).numpy() == 5.0
    assert m.name == "largest"
    assert [v.name for v in m.variables] == ["largest/top:0"]
    assert m.weights == m.non_trainable_variables == [m.top]
    assert m.trainable_variables == []
    assert m._children() == {"top": m.top}
    m.reset_states()
    assert value(m) == 0.0
    for act in (metrics.Metric().result, metrics.Metric().update_state):
        with pytest.raises(NotImplementedError, match="Must be implemented in subclasses"):
            act()
