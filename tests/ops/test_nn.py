"""Losses of nn that are compositions, and what activations and cross-entropies do at their edges."""
import numpy as np
import pytest
from scipy import special

import numbaflow as nf


def test_l2_loss():
    x = np.random.default_rng(0).standard_normal((300, 7)).astype("float32")
    loss, (dx,) = nf.value_and_gradients_function(nf.nn.l2_loss)(nf.constant(x))
    np.testing.assert_allclose(loss.numpy(), (x.astype(float) ** 2).sum() / 2, rtol=1e-5)
    np.testing.assert_allclose(dx.numpy(), x)
    with pytest.raises(ValueError, match="l2_loss: expected floats, got int32"):
        nf.nn.l2_loss([1, 2])


def test_weighted_cross_entropy():
    rng = np.random.default_rng(0)
    z, x = rng.uniform(size=(4, 3)), rng.standard_normal((4, 3)) * 5
    want = -(z * 2.5 * special.log_expit(x) + (1 - z) * special.log_expit(-x))
    np.testing.assert_allclose(nf.nn.weighted_cross_entropy_with_logits(z, x, 2.5).numpy(), want, rtol=1e-12)
    named = nf.nn.weighted_cross_entropy_with_logits(targets=z, logits=x, pos_weight=2.5)
    np.testing.assert_allclose(named.numpy(), want, rtol=1e-12)
    even = nf.nn.weighted_cross_entropy_with_logits(z, x, 1.0)
    plain = nf.nn.sigmoid_cross_entropy_with_logits(z, x)
    np.testing.assert_allclose(even.numpy(), plain.numpy(), rtol=1e-12)
    nf.testing.check_gradients(lambda a, b: nf.nn.weighted_cross_entropy_with_logits(a, b, 0.3), [z, x])
    with pytest.raises(ValueError, match=r"one shape, got \(4, 3\) and \(4,\)"):
        nf.nn.weighted_cross_entropy_with_logits(z, x[:, 0], 1.0)


def test_log_poisson_loss():
    z, c = np.array([0.0, 0.5, 1.0, 3.0, 40.0]), np.array([0.1, -1.0, 2.0, 0.0, 3.5])
    want = np.exp(c) - z * c
    np.testing.assert_allclose(nf.nn.log_poisson_loss(z, c).numpy(), want, rtol=1e-12)
    full = nf.nn.log_poisson_loss(z, c, compute_full_loss=True).numpy()
    np.testing.assert_allclose(full[:3], want[:3], rtol=1e-12)
    np.testing.assert_allclose(full[3:], (want + special.gammaln(z + 1))[3:], rtol=1e-2)
    nf.testing.check_gradients(lambda a, b: nf.nn.log_poisson_loss(a, b, True), [z + 0.1, c])
    with pytest.raises(ValueError, match="log_poisson_loss: expected targets and log_input of one shape"):
        nf.nn.log_poisson_loss(z, c[:2])


def test_gradients_at_kinks_follow_tensorflow():
    at = nf.constant([0.0, -0.0])
    for f in (nf.nn.relu, nf.nn.relu6):
        assert nf.gradients_function(f)(at)[0].numpy().tolist() == [0, 0]
    assert nf.gradients_function(nf.nn.relu6)(nf.constant([6.0]))[0].numpy().tolist() == [0]
    assert nf.gradients_function(nf.nn.crelu)(at)[0].numpy().tolist() == [0, 0]
    assert nf.gradients_function(lambda x: nf.nn.leaky_relu(x, 0.25))(at)[0].numpy().tolist() == [0.25, 0.25]


def test_second_derivatives_exist_for_every_loss_and_smooth_activation():
    rng = np.random.default_rng(0)
    x, labels = rng.standard_normal((3, 4)), special.softmax(rng.standard_normal((3, 4)), -1)
    smooth = [nf.nn.elu, nf.nn.selu, nf.nn.softplus, nf.nn.softsign, nf.nn.swish, nf.nn.gelu, nf.nn.softmax,
              nf.nn.log_softmax, nf.nn.l2_normalize, nf.nn.l2_loss, nf.nn.relu, nf.nn.crelu,
              lambda v: nf.nn.sparse_softmax_cross_entropy_with_logits(labels=[0, 3, 1], logits=v),
              lambda v: nf.nn.softmax_cross_entropy_with_logits_v2(labels=labels, logits=v),
              lambda v: nf.nn.sigmoid_cross_entropy_with_logits(labels=labels, logits=v)]
    for f in smooth:
        nf.testing.check_gradients(f, [x], order=2)


def test_embedding_lookup_scales_long_rows_down():
    table = nf.constant([[3.0, 4.0], [0.3, 0.4]])
    got = nf.nn.embedding_lookup([table], [0, 1], max_norm=1.0).numpy()
    np.testing.assert_allclose(got, [[0.6, 0.8], [0.3, 0.4]], rtol=1e-6)
    with pytest.raises(ValueError, match="concat them"):
        nf.nn.embedding_lookup([table, table], [0, 1])


@pytest.mark.parametrize("activation", [nf.nn.gelu, nf.nn.swish])
def test_gated_activations_have_gradients_at_infinity(activation):
    x = nf.constant([np.inf, -np.inf, 1e30, -1e30])
    first = nf.gradients_function(activation)
    np.testing.assert_array_equal(first(x)[0], [1, 0, 1, 0])
    np.testing.assert_array_equal(nf.function(lambda x: first(x)[0])(x), [1, 0, 1, 0])
    np.testing.assert_array_equal(nf.gradients_function(lambda x: first(x)[0])(x)[0], [0, 0, 0, 0])
