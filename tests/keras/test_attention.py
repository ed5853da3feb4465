"""Attention beside NumPy in double precision: heads, masks, gradients, errors."""
import numpy as np
import pytest

import numbaflow as nf

RNG = np.random.default_rng(5)
Attention = nf.keras.layers.MultiHeadAttention


def expected(layer, query, value, mask=None):
    """(output, weights) of a layer with biases."""
    (wq, bq), (wk, bk), (wv, bv), (wo, bo) = np.array(layer.get_weights(), object).reshape(4, 2)
    q = np.einsum("btd,dhk->bhtk", query, wq) + bq[:, None]
    k = np.einsum("btd,dhk->bhtk", value, wk) + bk[:, None]
    v = np.einsum("btd,dhk->bhtk", value, wv) + bv[:, None]
    scores = q @ np.swapaxes(k, -1, -2) / np.sqrt(q.shape[-1])
    if mask is not None:
        scores = np.where(mask, scores, -np.inf)
    e = np.exp(scores - scores.max(-1, keepdims=True))
    weights = e / e.sum(-1, keepdims=True)
    return np.einsum("bhtk,hkd->btd", weights @ v, wo) + bo, weights


def made(query, value, **more):
    layer = Attention(num_heads=2, key_dim=3, value_dim=5, **more)
    layer(query, value)
    layer.set_weights([RNG.standard_normal(w.shape).astype(w.dtype) for w in layer.get_weights()])
    return layer


def arrays(dtype=np.float32):
    return RNG.standard_normal((2, 4, 6)).astype(dtype), RNG.standard_normal((2, 7, 3)).astype(dtype)


def test_output_and_weights():
    query, value = arrays()
    layer = made(query, value, output_shape=8)
    y, weights = layer(query, value, return_attention_scores=True)
    want, want_weights = expected(layer, query, value)
    np.testing.assert_allclose(y.numpy(), want, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(weights.numpy(), want_weights, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("shape", [(2, 4, 7), (4, 7), (2, 1, 4, 7)])
def test_masks_hide_keys(shape):
    query, value = arrays()
    layer = made(query, value)
    mask = RNG.integers(0, 2, shape).astype(bool)
    mask[..., 0] = True
    y = layer(query, value, attention_mask=mask)
    of_heads = mask[:, None] if mask.ndim == 3 else mask
    np.testing.assert_allclose(y.numpy(), expected(layer, query, value, of_heads)[0], rtol=1e-4, atol=1e-4)


def test_a_causal_mask_hides_what_comes_later():
    x = RNG.standard_normal((2, 5, 4)).astype(np.float32)
    layer = made(x, x)
    y = layer(x, x, use_causal_mask=True).numpy()
    np.testing.assert_allclose(y, expected(layer, x, x, np.tri(5, dtype=bool))[0], rtol=1e-4, atol=1e-4)


def test_gradients():
    query, value = arrays(np.float64)
    layer = made(query, value, dtype="float64")
    nf.testing.check_gradients(lambda q, v: layer(q, v), [query, value], order=2)
    with nf.GradientTape() as tape:
        loss = nf.reduce_sum(nf.square(layer(query, value)))
    assert all(g is not None for g in tape.gradient(loss, layer.trainable_variables))


def test_dropout_only_in_training():
    query, value = arrays()
    layer = made(query, value, dropout=0.5)
    np.testing.assert_array_equal(layer(query, value).numpy(), layer(query, value, training=False).numpy())
    assert not np.array_equal(layer(query, value, training=True).numpy(), layer(query, value).numpy())


def test_a_layer_of_its_config_is_the_same():
    query, value = arrays()
    layer = made(query, value)
    other = Attention.from_config(layer.get_config())
    other(query, value)
    other.set_weights(layer.get_weights())
    np.testing.assert_array_equal(other(query, value).numpy(), layer(query, value).numpy())


@pytest.mark.parametrize(("make", "message"), [
    (lambda: Attention(0, 3), "num_heads"),
    (lambda: Attention(2, 3, dropout=1.0), "dropout"),
    (lambda: Attention(2, 3)(np.zeros((2, 3), np.float32), np.zeros((2, 3, 4), np.float32)), "query must be"),
])
def test_refusals_say_why(make, message):
    with pytest.raises(ValueError, match=message):
        make()
