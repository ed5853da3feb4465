"""Metrics of contrib.eager: means and accuracies against NumPy, the life of their variables, errors."""
import numpy as np
import pytest

import numbaflow as nf
from numbaflow import metrics
from numbaflow.core.errors import InvalidArgumentError

RNG = np.random.default_rng(0)


def value(metric):
    found = metric.result()
    assert tuple(found.shape) == ()
    return found.numpy()


# ---- Mean
def test_the_guides_example():
    m = metrics.Mean("loss")
    m(0)
    m(5)
    assert value(m) == 2.5
    m([8, 9])
    assert value(m) == 5.5
    assert m.result().dtype == "float64"
    assert [v.name for v in m.variables] == ["loss/numer:0", "loss/denom:0"]
    assert not any(v.trainable for v in m.variables)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_mean_of_batches(dtype):
    batches = [RNG.standard_normal(shape).astype("float32") for shape in [(), (3,), (2, 4), (0,), (1000,)]]
    m = metrics.Mean(dtype=dtype)
    for batch in batches:
        m(nf.constant(batch))
    everything = np.concatenate([b.ravel() for b in batches]).astype("float64")
    assert m.result().dtype == dtype
    assert value(m) == pytest.approx(everything.mean(), rel=1e-6 if dtype == "float32" else 1e-12)


def test_a_weighted_mean():
    m, x = metrics.Mean(), RNG.standard_normal((3, 2))
    w = np.array([[1.0], [0.0], [2.5]])
    weighted, weights = m(x, weights=w)
    np.testing.assert_allclose(weighted.numpy(), x * w)
    np.testing.assert_array_equal(weights.numpy(), w)
    assert value(m) == pytest.approx((x * w).sum() / (2 * w.sum()))
    m(np.array([4.0]), 3.0)
    assert value(m) == pytest.approx(((x * w).sum() + 12.0) / (2 * w.sum() + 3.0))


def test_a_call_returns_its_argument():
    m, x = metrics.Mean(), nf.constant([1.0, 2.0])
    assert m(x) is x
    assert m(3.5) == 3.5


def test_the_mean_of_nothing_is_nan():
    m = metrics.Mean()
    assert np.isnan(value(m))
    m(1.0)
    m.init_variables()
    assert np.isnan(value(m))
    m([])
    assert np.isnan(value(m))


def test_nan_values_flow():
    m = metrics.Mean()
    m([1.0, np.nan])
    assert np.isnan(value(m))


def test_weights_that_do_not_fit():
    m = metrics.Mean("m")
    with pytest.raises(InvalidArgumentError, match=r"m: weights of shape \(3,\) for values of shape \(2,\)"):
        m([1.0, 2.0], [1.0, 2.0, 3.0])


def test_a_tape_does_not_see_a_metric():
    m, x = metrics.Mean(), nf.Variable(2.0)
    with nf.GradientTape() as tape:
        loss = x * x
        m(loss)
    assert tape.gradient(loss, x).numpy() == 4.0
    assert value(m) == 4.0


# ---- summaries and checkpoints
def test_a_result_writes_a_summary(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    m, step = metrics.Mean("my loss"), nf.train.get_or_create_global_step()
    with nf.contrib.summary.create_file_writer(str(tmp_path)).as_default(), \
            nf.contrib.summary.always_record_summaries():
        m([1.0, 4.0])
        m.result()
        m(100.0)
        m.result(write_summary=False)
        with nf.contrib.summary.never_record_summaries():
            m.result()
    found = EventAccumulator(str(tmp_path)).Reload().Scalars("my_loss")
    assert [(event.step, event.value) for event in found] == [(int(step), 2.5)]


def test_checkpoints_hold_metrics(tmp_path):
    m = metrics.Mean()
    m([1.0, 2.0])
    path = nf.train.Checkpoint(m=m).save(str(tmp_path / "c"))
    fresh = metrics.Mean()
    status = nf.train.Checkpoint(m=fresh).restore(path)
    fresh(6.0)                                      # built now, from the checkpoint's values
    status.assert_consumed()
    assert value(fresh) == 3.0


# ---- accuracies
SCORES = RNG.standard_normal((6, 4))
CLASSES = np.array([0, 3, 1, 1, 2, 0])
WEIGHTS = np.array([1.0, 0.0, 2.0, 0.5, 1.0, 3.0])


def right(a, b):
    return np.equal(a, b).astype(float)


CASES = {
    "Accuracy": (metrics.Accuracy, CLASSES, SCORES.argmax(1), right(CLASSES, SCORES.argmax(1))),
    "Accuracy of floats": (metrics.Accuracy, CLASSES, CLASSES * [1.0, 0.5, 1.0, 1.0, 0.5, 1.0],
                           right([0, 1, 0, 0, 1, 0], 0)),
    "CategoricalAccuracy": (metrics.CategoricalAccuracy, np.eye(4)[CLASSES], SCORES,
                            right(CLASSES, SCORES.argmax(1))),
    "BinaryAccuracy": (lambda **kw: metrics.BinaryAccuracy(0.25, **kw), CLASSES > 0, SCORES[:, 0],
                       right(CLASSES > 0, SCORES[:, 0] > 0.25)),
    "BinaryAccuracy of ints": (lambda **kw: metrics.BinaryAccuracy(0.0, **kw), (CLASSES > 0).astype(int),
                               SCORES[:, 1], right(CLASSES > 0, SCORES[:, 1] > 0)),
    "SparseAccuracy": (metrics.SparseAccuracy, CLASSES, SCORES, right(CLASSES, SCORES.argmax(1))),
    "SparseAccuracy of floats": (metrics.SparseAccuracy, CLASSES.astype("float32"), SCORES,
                                 right(CLASSES, SCORES.argmax(1))),
}


@pytest.mark.parametrize("case", CASES)
def test_accuracies(case):
    make, labels, predictions, expected = CASES[case]
    m = make()
    for part in (slice(0, 4), slice(4, 6), slice(0, 0)):
        m(labels[part], predictions[part])
    assert value(m) == pytest.approx(expected.mean())
    m = make(dtype="float32")
    returned = m(labels, predictions, weights=WEIGHTS)
    assert len(returned) == 3
    assert m.result().dtype == "float32"
    assert value(m) == pytest.approx((expected * WEIGHTS).sum() / WEIGHTS.sum())


@pytest.mark.parametrize("case", CASES)
def test_accuracies_refuse_shapes(case):
    make, labels, predictions, _ = CASES[case]
    with pytest.raises(InvalidArgumentError, match="labels and predictions"):
        make()(labels[:3], predictions)


def test_what_accuracies_return():
    labels, scores = nf.constant(CLASSES), nf.constant(SCORES)
    assert metrics.Accuracy()(labels, labels) == (labels, labels)
    for found in metrics.SparseAccuracy()(labels, scores), \
            metrics.CategoricalAccuracy()(np.eye(4)[CLASSES], scores):
        assert found[0].numpy().tolist() == CLASSES.tolist()
        assert found[1].numpy().tolist() == SCORES.argmax(1).tolist()
    found = metrics.BinaryAccuracy(0.0)([1, 0], [0.5, 0.5])
    assert [t.dtype.name for t in found] == ["bool", "bool"]


def test_nan_labels_are_wrong_answers():
    m = metrics.SparseAccuracy()
    m(np.array([np.nan, 1.0]), [[0.2, 0.8], [0.2, 0.8]])
    assert value(m) == 0.5
    m = metrics.Accuracy()
    m(np.array([np.nan, 1.0]), np.array([np.nan, 1.0]))
    assert value(m) == 0.5


@pytest.mark.parametrize("rows", [5, 5000])
def test_accuracies_of_any_size(rows):
    scores, labels, m = RNG.standard_normal((rows, 3)), RNG.integers(0, 3, rows), metrics.SparseAccuracy()
    m(labels, scores)
    assert value(m) == pytest.approx(right(labels, scores.argmax(1)).mean())


def test_a_threshold_is_needed():
    with pytest.raises(TypeError, match="threshold"):
        metrics.BinaryAccuracy()


# ---- the base
class Count(metrics.Metric):
    """How many, from a given number on."""

    def build(self, values, start=10.0):
        self.seen = self.add_variable("seen", shape=(2,), dtype=np.int64,
                                      initializer=lambda shape, dtype: np.full(shape, start).astype(dtype))

    def call(self, values, start=None):
        self.seen.assign_add(np.full(2, len(values)))
        return values

    def result(self):
        return self.seen.value()


def test_names_are_made_safe_for_variables():
    m = metrics.Mean("has space/and+more")
    m(1.0)
    assert m.name == "has space/and+more"
    assert m.variables[0].name == "has_space_and_more/numer:0"
    assert metrics.Mean().name == "Mean"


def test_build_runs_once_with_the_first_arguments():
    m = Count()
    assert m.variables == []
    assert m([1, 2], start=3.0) == [1, 2]
    m([1], start=5.0)
    assert m.result().numpy().tolist() == [6, 6]
    m.init_variables()
    assert m.result().numpy().tolist() == [3, 3]
    assert m.value()().numpy().tolist() == [3, 3]


def test_who_calls_build_is_not_built_again():
    m = Count()
    m.build([], start=1.0)
    m([7])
    assert m.result().numpy().tolist() == [2, 2]
    assert len(m.variables) == 1


def test_variables_are_made_in_build_only():
    m = metrics.Mean()
    m(1.0)
    with pytest.raises(RuntimeError, match=r"Can't call add_variable\(\) except in build"):
        m.add_variable("late")


def test_what_a_subclass_must_say():
    class Empty(metrics.Metric):
        pass

    class Built(metrics.Metric):
        def build(self):
            self.add_variable("x")
    for act, message in [(Empty(), r"must define a build"), (Built(), r"must define a call"),
                         (Built().result, r"must define a result")]:
        with pytest.raises(NotImplementedError, match=message):
            act()


def test_aggregate():
    parts = [metrics.Mean("m") for _ in range(3)]
    for k, m in enumerate(parts):
        m([float(k)] * (k + 1))
    parts[0].aggregate(parts[1:])
    assert value(parts[0]) == pytest.approx((0 + 1 * 2 + 2 * 3) / 6)
    other = metrics.Mean("other")
    other(1.0)
    with pytest.raises(ValueError, match="All metrics must have variables in the same order"):
        parts[0].aggregate([other])
    with pytest.raises(TypeError, match="All metrics must be the same type"):
        parts[0].aggregate([metrics.Accuracy("m")])


def test_a_metric_tracks_its_variables():
    m = metrics.Mean()
    m(1.0)
    assert m._children() == {"numer": m.variables[0], "denom": m.variables[1]}
