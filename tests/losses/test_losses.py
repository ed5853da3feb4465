"""Losses against NumPy: values, reductions, weights, gradients, errors."""
import numpy as np
import pytest

import numbaflow as nf
from numbaflow import losses
from numbaflow.core.errors import InvalidArgumentError
from numbaflow.core.gradient_tape import GradientTape
from numbaflow.losses import Reduction
from numbaflow.ops import nn

RNG = np.random.default_rng(0)
LOGITS = RNG.standard_normal((6, 5))
LABELS = RNG.integers(0, 5, 6)


def cross_entropies(labels, logits):
    log_p = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    return -np.take_along_axis(log_p, labels[..., None], -1)[..., 0]


def number(loss):
    assert tuple(loss.shape) == ()
    return loss.numpy().item()


# ---- sparse softmax cross-entropy
@pytest.mark.parametrize(("dtype", "rtol"), [("float32", 1e-6), ("float64", 1e-13)])
@pytest.mark.parametrize("kind", ["int32", "int64", "uint8"])
def test_the_mean_over_examples(dtype, rtol, kind):
    loss = losses.sparse_softmax_cross_entropy(LABELS.astype(kind), LOGITS.astype(dtype))
    assert loss.dtype == dtype
    assert number(loss) == pytest.approx(cross_entropies(LABELS, LOGITS).mean(), rel=rtol)


def test_lists_and_more_axes():
    assert number(losses.sparse_softmax_cross_entropy([1], [[0.0, 0.0]])) == pytest.approx(np.log(2.0))
    labels, logits = RNG.integers(0, 5, (2, 3)), RNG.standard_normal((2, 3, 5))
    found = losses.sparse_softmax_cross_entropy(labels, logits, reduction=Reduction.NONE)
    np.testing.assert_allclose(found.numpy(), cross_entropies(labels, logits), rtol=1e-13)


def test_an_axis_of_one_is_squeezed():
    expected = cross_entropies(LABELS, LOGITS).mean()
    assert number(losses.sparse_softmax_cross_entropy(LABELS[:, None], LOGITS)) == pytest.approx(expected)
    assert number(losses.sparse_softmax_cross_entropy(LABELS, LOGITS[:, :, None])) == pytest.approx(expected)


WEIGHTS = {"number": 0.1, "zero": 0.0, "one": np.array([2.0]),
           "vector": np.array([1.0, 0.0, 2.0, 0.0, 0.5, 3.0]),
           "lists": [[1.0], [0.0], [2.0], [0.0], [0.5], [3.0]],
           "column": np.array([[1.0], [0.0], [2.0], [0.0], [0.5], [3.0]]), "tensor": nf.constant(2.0)}


def reduced(values, weights, reduction):
    weights = np.broadcast_to(np.reshape(weights, -1) if np.ndim(weights) else weights, values.shape)
    weighted = values * weights
    if reduction == Reduction.NONE:
        return weighted
    count = {Reduction.SUM: 1, Reduction.MEAN: weights.sum(), Reduction.SUM_OVER_BATCH_SIZE: values.size,
             Reduction.SUM_BY_NONZERO_WEIGHTS: np.count_nonzero(weights)}[reduction]
    return weighted.sum() / count if count else 0.0


@pytest.mark.parametrize("reduction", Reduction.all())
@pytest.mark.parametrize("weights", [1.0, *WEIGHTS.values()], ids=["plain", *WEIGHTS])
def test_weights_and_reductions(weights, reduction):
    found = losses.sparse_softmax_cross_entropy(LABELS, LOGITS, weights, reduction=reduction)
    values = weights.numpy() if hasattr(weights, "numpy") else weights
    expected = reduced(cross_entropies(LABELS, LOGITS), values, reduction)
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-12)


@pytest.mark.parametrize("reduction", Reduction.all())
def test_no_examples_cost_nothing(reduction):
    found = losses.sparse_softmax_cross_entropy(np.zeros(0, int), np.zeros((0, 3)), reduction=reduction)
    assert found.numpy().sum() == 0.0


@pytest.mark.parametrize("weights", [1.0, WEIGHTS["vector"]], ids=["plain", "vector"])
def test_gradients_to_order_three(weights):
    def loss(logits):
        return losses.sparse_softmax_cross_entropy(LABELS, logits, weights)
    nf.testing.check_gradients(loss, [LOGITS], order=3)


def test_the_gradient_in_closed_form():
    logits = nf.constant(LOGITS)
    with GradientTape() as tape:
        tape.watch(logits)
        loss = losses.sparse_softmax_cross_entropy(LABELS, logits)
    p = np.exp(LOGITS) / np.exp(LOGITS).sum(-1, keepdims=True)
    np.testing.assert_allclose(tape.gradient(loss, logits).numpy(), (p - np.eye(5)[LABELS]) / 6, rtol=1e-12)


def test_logits_of_any_size():
    logits = nf.constant([[1e4, 0.0, -1e4], [-np.inf, 0.0, 0.0]])
    found = losses.sparse_softmax_cross_entropy([1, 1], logits, reduction=Reduction.NONE)
    np.testing.assert_allclose(found.numpy(), [1e4, np.log(2.0)], rtol=1e-6)
    assert np.isnan(number(losses.sparse_softmax_cross_entropy([0], [[np.nan, 0.0]])))


def test_sparse_softmax_cross_entropy_refuses():
    for labels, logits, kwargs, error, message in [
            (None, LOGITS, {}, ValueError, "labels must not be None"),
            (LABELS, None, {}, ValueError, "logits must not be None"),
            ([5], LOGITS[:1], {}, InvalidArgumentError, r"label 5 is outside the valid range \[0, 5\)"),
            ([-1], LOGITS[:1], {}, InvalidArgumentError, r"label -1 is outside the valid range \[0, 5\)"),
            (LABELS[:3], LOGITS, {}, InvalidArgumentError, r"got \(3,\) and \(6, 5\)"),
            (LABELS.astype(float), LOGITS, {}, InvalidArgumentError, "expected integer labels"),
            (LABELS, LOGITS, {"reduction": "x"}, ValueError, "Invalid Reduction Key x"),
            (LABELS, LOGITS, {"weights": np.ones(3)}, ValueError, "weights can not be broadcast to values"),
            (LABELS, LOGITS, {"weights": np.ones((2, 3))}, ValueError, "weights can not be broadcast")]:
        with pytest.raises(error, match=message):
            losses.sparse_softmax_cross_entropy(labels, logits, **kwargs)


# ---- mean squared error
def test_mean_squared_error():
    labels, predictions = RNG.standard_normal((4, 3)), RNG.standard_normal((4, 3))
    weights = np.array([[1.0], [0.0], [2.0], [0.0]])
    found = losses.mean_squared_error(labels, predictions, weights)
    assert number(found) == pytest.approx(((labels - predictions)**2 * weights).sum() / 6)
    plain = losses.mean_squared_error(labels, predictions)
    assert number(plain) == pytest.approx(((labels - predictions)**2).mean())
    nf.testing.check_gradients(losses.mean_squared_error, [labels, predictions])
    with pytest.raises(ValueError, match=r"Shapes \(3,\) and \(2,\) are incompatible"):
        losses.mean_squared_error([1.0, 2.0], [1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match="predictions must not be None"):
        losses.mean_squared_error(labels, None)


def test_the_gradient_of_a_mean_by_its_weights():
    nf.testing.check_gradients(lambda x, w: losses.compute_weighted_loss(x, w, reduction=Reduction.MEAN),
                               [RNG.standard_normal((3, 2)), RNG.uniform(1, 2, (3, 1))])


# ---- the ops below
@pytest.mark.parametrize("op", ["softmax", "log_softmax", "softmax_grad", "log_softmax_grad",
                                "softmax_cross_entropy", "sparse_softmax_cross_entropy_with_logits",
                                "sigmoid_cross_entropy_with_logits"])
def test_derivatives_of_ops_to_order_three(op):
    nf.testing.check_op(op, order=3)


def test_softmax_cross_entropy_along_another_axis_and_of_integer_labels():
    labels, logits = np.eye(5)[LABELS], LOGITS
    expected = cross_entropies(LABELS, LOGITS)
    for axis in (0, -2):
        found = nn.softmax_cross_entropy_with_logits_v2(labels=labels.T, logits=logits.T, axis=axis)
        np.testing.assert_allclose(found.numpy(), expected, rtol=1e-12)
    found = nn.softmax_cross_entropy_with_logits_v2(labels=labels.astype(int), logits=logits)
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-12)


def test_only_v2_gives_labels_a_gradient():
    labels, logits = nf.constant(np.eye(5)[LABELS]), nf.constant(LOGITS)
    for face, reaches in ((nn.softmax_cross_entropy_with_logits, False),
                          (nn.softmax_cross_entropy_with_logits_v2, True)):
        with GradientTape() as tape:
            tape.watch([labels, logits])
            loss = face(labels=labels, logits=logits)
        by_labels, by_logits = tape.gradient(loss, [labels, logits])
        assert (by_labels is not None) is reaches
        assert by_logits is not None


def test_softmax_refuses_scalars_and_axes_out_of_range():
    with pytest.raises(InvalidArgumentError, match="softmax: expected at least one axis, got a scalar"):
        nn.softmax(1.0)
    with pytest.raises(InvalidArgumentError, match=r"softmax: axis 2 is not in \[-2, 2\)"):
        nn.softmax(LOGITS, axis=2)
    with pytest.raises(InvalidArgumentError, match=r"got \(2,\) and \(3,\)"):
        nn.softmax_cross_entropy_with_logits_v2(labels=[0.5, 0.5], logits=[1.0, 2.0, 3.0])


def test_sigmoid_cross_entropy_keeps_small_losses():
    found = nn.sigmoid_cross_entropy_with_logits(labels=[1.0, 0.0], logits=[20.0, -20.0])
    np.testing.assert_allclose(found.numpy(), [2.0611537e-09, 2.0611537e-09], rtol=1e-6)
