"""Values that an op refuses on the CPU: on a GPU nobody waits to see them."""
import numpy as np
import pytest

import numbaflow as nf

X = np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)


def loss_and_gradient(labels, x):
    with nf.GradientTape() as tape:
        tape.watch(x)
        loss = nf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=x)
    return loss, tape.gradient(loss, x)


@pytest.mark.parametrize("run", [
    loss_and_gradient, nf.function(loss_and_gradient)], ids=["eager", "function"])
def test_the_loss_of_a_label_out_of_range_is_nan(run):
    good = [t.numpy() for t in run(nf.constant([1, 0, 2]), nf.constant(X))]
    for _ in range(3):                      # the third call repeats what the second captured
        bad = [t.numpy() for t in run(nf.constant([1, 5, 2]).gpu(), nf.constant(X).gpu())]
        for wanted, got in zip(good, bad, strict=True):
            np.testing.assert_allclose(got[[0, 2]], wanted[[0, 2]], rtol=1e-5)
            assert np.isnan(got[1]).all()


def test_what_is_gathered_from_nowhere_is_zero():
    found = nf.gather(nf.constant(X).gpu(), nf.constant([1, 7, -3]).gpu()).numpy()
    np.testing.assert_array_equal(found, [X[1], np.zeros(4), np.zeros(4)])
    into = nf.tensor_scatter_update(nf.constant(X).gpu(), [[1], [7]], np.ones((2, 4), np.float32)).numpy()
    np.testing.assert_array_equal(into, [X[0], np.ones(4), X[2]])


def test_what_python_knows_is_refused_at_once():
    x = nf.constant(X).gpu()
    with pytest.raises(nf.errors.InvalidArgumentError, match="matmul: shapes"):
        nf.matmul(x, x)
    with pytest.raises(IndexError, match="getitem: index 9"):
        x[9]
    with pytest.raises(nf.errors.InvalidArgumentError, match=r"add: shapes \(3, 4\) and \(3,\) do not"):
        x + nf.constant([1.0, 2.0, 3.0]).gpu()
