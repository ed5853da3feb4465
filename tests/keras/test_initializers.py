"""Initializers, regularizers, constraints and activations: values, names, configurations."""
import numpy as np
import pytest
from scipy import stats

import numbaflow as nf

K = nf.keras

SCALED = {"glorot_uniform": (2, "avg", "uniform"), "glorot_normal": (2, "avg", "truncated"),
          "he_uniform": (2, "in", "uniform"), "he_normal": (2, "in", "truncated"),
          "lecun_uniform": (1, "in", "uniform"), "lecun_normal": (1, "in", "truncated")}


# ---- initializers
@pytest.mark.parametrize("name", SCALED)
@pytest.mark.parametrize("shape", [(300, 500), (3, 3, 60, 200), (5, 100, 300)])
def test_variances_go_with_the_number_of_inputs_and_outputs(name, shape):
    scale, mode, kind = SCALED[name]
    field = np.prod(shape[:-2])
    inputs, outputs = shape[-2] * field, shape[-1] * field
    variance = scale / (inputs if mode == "in" else inputs + outputs)
    w = K.initializers.get(name)(shape).numpy().astype(float).ravel()
    assert w.var() == pytest.approx(variance, rel=0.02)
    assert abs(w.mean()) < 0.02 * variance**0.5
    if kind == "uniform":
        expected = stats.uniform(-(3 * variance) ** 0.5, 2 * (3 * variance) ** 0.5)
    else:
        expected = stats.truncnorm(-2, 2, scale=variance**0.5 / 0.87962566103423978)
    assert stats.kstest(w, expected.cdf).pvalue > 1e-4


def test_fans_of_vectors_and_scalars():
    make = K.initializers.VarianceScaling(distribution="uniform", seed=1)
    assert abs(make(()).numpy()) <= 3**0.5
    assert abs(make([12]).numpy()).max() <= 0.5
    assert K.initializers.VarianceScaling(distribution="untruncated_normal")([400, 400]).numpy().var() == \
        pytest.approx(1 / 400, rel=0.05)
    for wrong in ({"scale": 0}, {"mode": "fan"}, {"distribution": "x"}):
        with pytest.raises(ValueError, match="variance_scaling"):
            nf.variance_scaling_initializer(**wrong)


def test_constants():
    assert nf.zeros_initializer()([2], "int32").numpy().tolist() == [0, 0]
    assert nf.ones_initializer(nf.float64)([2]).dtype == nf.float64
    assert nf.constant_initializer(3)([2, 2]).numpy().tolist() == [[3.0, 3.0]] * 2
    assert nf.constant_initializer([1, 2])([2, 2]).numpy().tolist() == [[1.0, 2.0], [2.0, 2.0]]
    with pytest.raises(ValueError, match="too many elements provided: 3"):
        nf.constant_initializer([1, 2, 3])([2])
    with pytest.raises(ValueError, match=r"a value of shape \(2,\) for shape \(1, 2\)"):
        nf.constant_initializer([1, 2], verify_shape=True)([1, 2])
    with pytest.raises(TypeError, match="Invalid type for initial value: dict"):
        nf.constant_initializer({})
    assert nf.initializers.identity()([2, 3]).numpy().tolist() == [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]
    with pytest.raises(ValueError, match="can only be used for 2D matrices"):
        K.initializers.Identity()([2])


def test_random_ones_have_keras_defaults_and_seeds():
    assert abs(K.initializers.RandomUniform()([1000]).numpy()).max() <= 0.05
    assert K.initializers.RandomNormal()([10000]).numpy().std() == pytest.approx(0.05, rel=0.05)
    assert abs(K.initializers.TruncatedNormal()([10000]).numpy()).max() <= 0.1
    assert nf.random_normal_initializer()([10000]).numpy().std() == pytest.approx(1.0, rel=0.05)
    assert nf.random_uniform_initializer()([1000]).numpy().min() >= 0
    assert abs(nf.truncated_normal_initializer(stddev=2.0)([1000]).numpy()).max() <= 4.0
    for kind in (nf.random_normal_initializer, nf.glorot_uniform_initializer, nf.orthogonal_initializer):
        drawn = []
        for seed in (5, 5, 6):
            nf.set_random_seed(1)
            drawn.append(kind(seed=seed)([3, 3]).numpy())
        assert np.array_equal(drawn[0], drawn[1])
        assert not np.array_equal(drawn[0], drawn[2])
    nf.set_random_seed(None)


@pytest.mark.parametrize("shape", [(4, 4), (6, 3), (3, 6), (2, 3, 4)])
def test_orthogonal(shape):
    w = nf.orthogonal_initializer(gain=2.0, dtype=nf.float64)(shape).numpy().reshape(-1, shape[-1])
    gram = w.T @ w if w.shape[0] >= w.shape[1] else w @ w.T
    np.testing.assert_allclose(gram, 4 * np.eye(len(gram)), atol=1e-12)
    with pytest.raises(ValueError, match="must be at least two-dimensional"):
        nf.orthogonal_initializer()([3])


@pytest.mark.parametrize("name", ["zeros", "Ones", "constant", "normal", "uniform", "TruncatedNormal",
                                  "orthogonal", "Identity", "VarianceScaling", *SCALED,
                                  "glorot_uniform_initializer"])
def test_names_and_configurations(name):
    made = K.initializers.get(name)
    config = K.initializers.serialize(made)
    again = K.initializers.deserialize(config)
    assert type(again) is type(made)
    assert again.get_config() == made.get_config()
    assert K.initializers.get(type(made)).get_config() == made.get_config()
    assert K.initializers.get(made) is made
    assert K.initializers.get(None) is None
    assert again([3, 3]).shape == (3, 3)


def test_unknown_names_list_the_known_ones():
    for module, what in ((K.initializers, "initializer"), (K.regularizers, "regularizer"),
                         (K.constraints, "constraint"), (K.activations, "activation function")):
        with pytest.raises(ValueError, match=f"Unknown {what}: 'nothing'; known are .*, "):
            module.get("nothing")
        with pytest.raises(TypeError, match=f"Could not interpret {what} identifier: 3"):
            module.get(3)


# ---- regularizers, constraints
def test_regularizers():
    x = np.random.default_rng(0).normal(size=(3, 4))
    t = nf.constant(x)
    for made, expected in ((K.regularizers.l1(0.1), 0.1 * abs(x).sum()),
                           (K.regularizers.l2(0.1), 0.1 * (x**2).sum()),
                           (K.regularizers.l1_l2(0.1, 0.2), 0.1 * abs(x).sum() + 0.2 * (x**2).sum()),
                           (K.regularizers.get("l1"), 0.01 * abs(x).sum()),
                           (K.regularizers.get({"class_name": "L1L2", "config": {"l2": 1.0}}), (x**2).sum())):
        assert float(made(t)) == pytest.approx(expected)
        assert float(K.regularizers.deserialize(K.regularizers.serialize(made))(t)) == pytest.approx(expected)
    assert K.regularizers.L1L2()(t) == 0.0
    assert K.regularizers.get(None) is None


def test_constraints():
    w = np.random.default_rng(0).normal(size=(3, 4)) * 2
    norms = np.sqrt((w**2).sum(0, keepdims=True))
    c = K.constraints
    cases = [(c.MaxNorm(1.5), w * np.minimum(norms, 1.5) / norms), (c.NonNeg(), np.maximum(w, 0)),
             (c.UnitNorm(axis=1), w / np.sqrt((w**2).sum(1, keepdims=True))),
             (c.MinMaxNorm(1.0, 2.0, rate=0.5), w * (0.5 * np.clip(norms, 1, 2) + 0.5 * norms) / norms)]
    for made, expected in cases:
        again = c.deserialize(c.serialize(made))
        for one in (made, again):
            np.testing.assert_allclose(one(nf.constant(w)).numpy(), expected, rtol=1e-5, atol=1e-6)
    assert isinstance(c.get("unit_norm"), c.UnitNorm)
    assert c.get(None) is None
    layer = K.layers.Dense(4, kernel_constraint=c.max_norm(0.5))
    with nf.GradientTape() as tape:
        loss = nf.reduce_sum(layer(nf.ones((1, 3))))
    nf.train.GradientDescentOptimizer(10.0).apply_gradients([(tape.gradient(loss, layer.kernel),
                                                              layer.kernel)])
    assert np.linalg.norm(layer.kernel.numpy(), axis=0) == pytest.approx(0.5, rel=1e-4)


# ---- activations
def test_activations():
    x = np.array([[-7.0, -2.6, -1.0, -0.25, 0.0, 0.5, 2.0, 7.0]])
    scale, alpha = 1.0507009873554805, 1.6732632423543772
    sigmoid = 1 / (1 + np.exp(-x))
    expected = {"linear": x, "relu": np.maximum(x, 0), "tanh": np.tanh(x), "sigmoid": sigmoid,
                "exponential": np.exp(x), "elu": np.where(x > 0, x, np.expm1(x)),
                "selu": scale * np.where(x > 0, x, alpha * np.expm1(x)), "softplus": np.log1p(np.exp(x)),
                "softsign": x / (1 + abs(x)), "swish": x * sigmoid, "gelu": x * stats.norm.cdf(x),
                "hard_sigmoid": np.clip(0.2 * x + 0.5, 0, 1),
                "softmax": np.exp(x) / np.exp(x).sum(-1, keepdims=True)}
    assert set(expected) == set(K.activations.__all__) - {"get", "serialize", "deserialize"}
    for name, value in expected.items():
        function = K.activations.get(name)
        np.testing.assert_allclose(function(nf.constant(x, "float32")).numpy(), value, rtol=1e-5, atol=1e-6)
        assert K.activations.serialize(function) == name
        assert K.activations.get(function) is function
    assert K.activations.get(None) is K.activations.linear
    y = K.activations.relu(nf.constant(x), alpha=0.5, max_value=1.5, threshold=-1.0).numpy()
    np.testing.assert_allclose(y, np.where(x >= -1, np.clip(x, -1, 1.5), 0.5 * (x + 1)))
    np.testing.assert_allclose(K.activations.elu(nf.constant(x), 0.5).numpy(),
                               np.where(x > 0, x, 0.5 * np.expm1(x)))
    with pytest.raises(ValueError, match="Cannot apply softmax to a tensor that is 1D or less"):
        K.activations.softmax(nf.ones(3))
    assert K.activations.softmax(K.Input((3,))).shape == (None, 3)


# ---- settings
def test_settings():
    backend = K.backend
    try:
        backend.set_floatx("float64")
        backend.set_image_data_format("channels_first")
        backend.set_epsilon(1e-3)
        assert backend.floatx() == "float64"
        assert K.layers.Dense(2)(np.ones((1, 2))).dtype == nf.float64
        assert K.Input((2,)).dtype == nf.float64
        assert K.layers.Conv2D(1, 1).data_format == "channels_first"
        assert backend.epsilon() == 1e-3
        assert backend.image_data_format() == "channels_first"
    finally:
        backend.set_floatx("float32")
        backend.set_image_data_format("channels_last")
        backend.set_epsilon(1e-7)
    with pytest.raises(ValueError, match="expected 'float32' or 'float64', got 'int32'"):
        backend.set_floatx("int32")
    with pytest.raises(ValueError, match="data_format is one of"):
        backend.set_image_data_format("NHWC")
    assert backend.get_uid("x") + 1 == backend.get_uid("x")
