"""Layers other than those of images and sequences, against NumPy in float64."""
import numpy as np
import pytest

import numbaflow as nf

L = nf.keras.layers


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def check(layer, x, expected, **kwargs):
    """A layer's outputs, from float32, are those expected; eagerly, symbolically, and after a round trip."""
    y = layer(tensor(x), **kwargs)
    np.testing.assert_allclose(y.numpy(), expected, rtol=1e-5, atol=1e-5)
    check_shape(layer, x, y)
    again = L.deserialize(L.serialize(layer))
    assert again.get_config() == layer.get_config()
    again(tensor(x), **kwargs)
    again.set_weights(layer.get_weights())
    np.testing.assert_allclose(again(tensor(x), **kwargs).numpy(), expected, rtol=1e-5, atol=1e-5)


def tensor(x):
    if isinstance(x, list):
        return [tensor(one) for one in x]
    return nf.constant(x, "float32") if np.asarray(x).dtype.kind == "f" else nf.constant(x)


def check_shape(layer, x, y):
    """compute_output_shape agrees, with the batch and with None for it."""
    shapes = [one.shape for one in x] if isinstance(x, list) else x.shape
    assert tuple(layer.compute_output_shape(shapes)) == y.shape
    free = [(None, *s[1:]) for s in shapes] if isinstance(x, list) else (None, *shapes[1:])
    assert tuple(layer.compute_output_shape(free)) == (None, *y.shape[1:])


# ---- Dense
@pytest.mark.parametrize("shape", [(5, 3), (2, 4, 3), (2, 2, 2, 3), (0, 3)])
@pytest.mark.parametrize("activation", [None, "relu", "tanh"])
def test_dense(shape, activation):
    layer = L.Dense(4, activation=activation, bias_initializer="ones")
    x, act = normal(*shape), {None: lambda v: v, "relu": lambda v: np.maximum(v, 0),
                              "tanh": np.tanh}[activation]
    layer.build(shape)
    check(layer, x, act(x @ layer.kernel.numpy().astype(float) + 1))


def test_dense_options():
    layer = L.Dense(2, use_bias=False, kernel_constraint="non_neg",
                    kernel_regularizer=nf.keras.regularizers.l1(0.5), activation=L.LeakyReLU(0.5))
    assert layer(np.array([[-1.0]])).shape == (1, 2)
    assert layer.bias is None
    assert len(layer.weights) == 1
    assert layer.kernel.constraint(nf.constant([-1.0, 2.0])).numpy().tolist() == [0.0, 2.0]
    assert layer.losses[0].numpy() == pytest.approx(0.5 * abs(layer.kernel.numpy()).sum())
    with pytest.raises(ValueError, match=r"dense.*: units must be a positive integer, got 0"):
        L.Dense(0)
    with pytest.raises(ValueError, match="Unknown initializer: 'nothing'; known are"):
        L.Dense(1, kernel_initializer="nothing")
    with pytest.raises(TypeError,
                       match="Unable to build `Dense` layer ints with non-floating point dtype int32"):
        L.Dense(1, dtype="int32", name="ints")(nf.ones((1, 1)))


def test_dense_gradients_in_float64():
    layer = L.Dense(3, activation="tanh", dtype="float64")
    layer.build((None, 2))
    x = nf.constant(normal(4, 2))
    kernel = layer.kernel.value()

    def loss(x, kernel):
        layer.kernel, kept = kernel, layer.kernel
        y = nf.reduce_sum(layer.call(x))
        layer.kernel = kept
        return y

    nf.testing.check_gradients(loss, (x, kernel))


# ---- shapes
def test_flatten():
    x = normal(2, 3, 4, 5)
    check(L.Flatten(), x, x.reshape(2, -1))
    check(L.Flatten("channels_first"), x, np.moveaxis(x, 1, -1).reshape(2, -1))
    assert L.Flatten()(nf.zeros(3)).shape == (3, 1)
    assert L.Flatten()(nf.zeros((0, 2, 3))).shape == (0, 6)
    assert L.Flatten()(nf.keras.Input((None, 3))).shape == (None, None)


def test_reshape_permute_repeat():
    x = normal(2, 3, 4)
    check(L.Reshape((4, 3)), x, x.reshape(2, 4, 3))
    check(L.Reshape((-1, 2)), x, x.reshape(2, 6, 2))
    check(L.Permute((2, 1)), x, x.transpose(0, 2, 1))
    check(L.RepeatVector(3), x[:, 0], np.repeat(x[:, :1], 3, 1))
    assert L.Reshape((-1, 4))(nf.keras.Input((None, 4))).shape == (None, None, 4)
    for target in ((5, 3), (5, -1)):
        with pytest.raises(ValueError, match=r"Layer r: total size of new array must be unchanged"):
            L.Reshape(target, name="r")(nf.zeros((2, 3, 4)))
    with pytest.raises(ValueError, match="at most one extent"):
        L.Reshape((-1, -1))
    with pytest.raises(ValueError, match="Invalid permutation"):
        L.Permute((0, 1))
    with pytest.raises(ValueError, match="n must be a positive integer"):
        L.RepeatVector(0)


@pytest.mark.parametrize(("rank", "pads"),
                         [(1, (1, 2)), (2, ((1, 0), (2, 3))), (3, ((1, 0), (2, 3), (0, 1)))])
@pytest.mark.parametrize("first", [False, True])
def test_padding_and_cropping(rank, pads, first):
    if rank == 1 and first:
        return check_one_number_pads_both_sides()
    x = normal(2, *range(4, 4 + rank), 2)
    x, pairs = np.moveaxis(x, -1, 1) if first else x, [pads] if rank == 1 else list(pads)
    widths = [(0, 0), (0, 0), *pairs] if first else [(0, 0), *pairs, (0, 0)]
    more = {} if rank == 1 else {"data_format": "channels_first" if first else "channels_last"}
    padded = np.pad(x, widths)
    check(getattr(L, f"ZeroPadding{rank}D")(pads, **more), x, padded)
    check(getattr(L, f"Cropping{rank}D")(pads, **more), padded, x)
    return None


def check_one_number_pads_both_sides():
    x = normal(1, 2, 3, 1)
    check(L.ZeroPadding2D(2), x, np.pad(x, [(0, 0), (2, 2), (2, 2), (0, 0)]))
    check(L.ZeroPadding2D((1, 2)), x, np.pad(x, [(0, 0), (1, 1), (2, 2), (0, 0)]))
    check(L.ZeroPadding1D(1), x[..., 0], np.pad(x[..., 0], [(0, 0), (1, 1), (0, 0)]))


def test_paddings_that_do_not_fit():
    for wrong in ((1, 2, 3), "a", (1, -1), ((1, 2), (3,))):
        with pytest.raises(ValueError, match="z: `padding` should be an int, 2 ints, or 2 pairs"):
            L.ZeroPadding2D(wrong, name="z")
    with pytest.raises(ValueError,
                       match=r"Layer c: cropping \(2, 2\) takes 4 from axis 1, whose extent is 3"):
        L.Cropping1D(2, name="c")(nf.zeros((1, 3, 1)))
    with pytest.raises(ValueError, match="data_format is one of channels_last, channels_first, got 'NHWC'"):
        L.ZeroPadding2D(data_format="NHWC")


@pytest.mark.parametrize("first", [False, True])
def test_upsampling(first):
    x = normal(2, 3, 4, 2)
    x = np.moveaxis(x, -1, 1) if first else x
    at = 2 if first else 1
    form = {"data_format": "channels_first" if first else "channels_last"}
    check(L.UpSampling2D((2, 3), **form), x, x.repeat(2, at).repeat(3, at + 1))
    volume = np.stack([x, -x], at)
    check(L.UpSampling3D((1, 2, 3), **form), volume, volume.repeat(2, at + 1).repeat(3, at + 2))
    y = L.UpSampling2D(2, interpolation="bilinear", **form)(tensor(x)).numpy()
    taken = y[:, :, ::2, ::2] if first else y[:, ::2, ::2]
    np.testing.assert_allclose(taken, x, rtol=1e-5, atol=1e-6)
    between = (x.take([0], at) + x.take([1], at)) / 2
    np.testing.assert_allclose(y.take([1], at).take(range(0, 8, 2), at + 1), between, rtol=1e-5, atol=1e-6)


def test_upsampling_of_sequences_and_its_errors():
    x = normal(2, 3, 2)
    check(L.UpSampling1D(3), x, x.repeat(3, 1))
    with pytest.raises(ValueError, match="should be one of 'nearest' or 'bilinear', got 'cubic'"):
        L.UpSampling2D(interpolation="cubic")
    with pytest.raises(ValueError,
                       match=r"`size` argument must be a tuple of 2 integers of at least 1. Received: 0"):
        L.UpSampling2D(0)


# ---- activations
def test_activation_layers():
    x = np.array([[-7.0, -1.0, -0.25, 0.0, 0.5, 3.0, 9.0]])
    positive = np.maximum(x, 0)
    check(L.Activation("relu"), x, positive)
    check(L.ReLU(), x, positive)
    check(L.ReLU(6.0), x, np.clip(x, 0, 6))
    check(L.ReLU(max_value=5.0, negative_slope=0.5, threshold=1.0), x,
          np.where(x >= 5, 5, np.where(x >= 1, x, 0.5 * (x - 1))))
    check(L.ReLU(threshold=1.0), x, np.where(x >= 1, x, 0))
    check(L.LeakyReLU(), x, np.where(x < 0, 0.3 * x, x))
    check(L.ELU(0.5), x, np.where(x < 0, 0.5 * np.expm1(x), x))
    check(L.ThresholdedReLU(0.75), x, np.where(x > 0.75, x, 0))
    check(L.Softmax(), x, np.exp(x) / np.exp(x).sum())
    check(L.PReLU("ones"), x, x)
    with pytest.raises(ValueError, match="max_value of a ReLU layer cannot be negative or None"):
        L.ReLU(max_value=-1.0)


def test_prelu_shares_axes():
    layer = L.PReLU(nf.keras.initializers.Constant(0.5), shared_axes=[1, 2])
    x = normal(2, 3, 4, 5)
    check(layer, x, np.where(x < 0, 0.5 * x, x))
    assert layer.alpha.shape == (1, 1, 5)
    assert layer(nf.ones((1, 7, 8, 5))).shape == (1, 7, 8, 5)


def test_lambda():
    x = normal(2, 3)
    check(L.Lambda(nf.negative), x, -x)
    check(L.Lambda(lambda v, by=1: v * by, arguments={"by": 2.0}), x, 2 * x)
    check(L.Lambda(lambda v: nf.reduce_sum(v, 1), output_shape=()), x, x.sum(1))
    seen = []
    layer = L.Lambda(lambda v, training: seen.append(training) or v)
    layer(tensor(x), training=True)
    layer(tensor(x))
    assert seen == [True, None]
    assert L.Lambda(lambda v: v, output_shape=lambda s: (s[0], 7)).compute_output_shape((2, 3)) == (2, 7)
    masked = L.Lambda(lambda v: v * 1.0, mask=nf.constant([True, False]))
    assert masked(tensor(x))._keras_mask.numpy().tolist() == [True, False]
    with pytest.raises(TypeError, match="Lambda takes a function, got int"):
        L.Lambda(3)


# ---- noise
@pytest.mark.parametrize("make", [lambda: L.Dropout(0.25, seed=1), lambda: L.AlphaDropout(0.25, seed=1),
                                  lambda: L.GaussianNoise(0.5), lambda: L.GaussianDropout(0.25)])
def test_noise_is_for_training_and_keeps_the_mean(make):
    layer, x = make(), np.full((200, 500), 0.5)
    check_shape(layer, x, layer(tensor(x)))
    assert np.array_equal(layer(tensor(x)).numpy(),
                          x)
    assert np.array_equal(layer(tensor(x), training=False).numpy(), x)
    y = layer(tensor(x), training=True).numpy()
    other = layer(tensor(x), training=True).numpy()
    assert not np.array_equal(y, other)
    variance = {L.Dropout: 0.25 * 0.25 / 0.75, L.GaussianNoise: 0.25, L.GaussianDropout: 0.25 * 0.25 / 0.75}
    if type(layer) in variance:
        assert abs(y.mean() - 0.5) < 0.01
        assert abs(y.var() / variance[type(layer)] - 1) < 0.05
    assert type(layer).from_config(layer.get_config()).get_config() == layer.get_config()


def test_alpha_dropout_keeps_mean_and_variance():
    x = normal(300, 300)
    y = L.AlphaDropout(0.3)(tensor(x), training=True).numpy()
    assert abs(y.mean()) < 0.02
    assert abs(y.var() - 1) < 0.03


def test_dropout_has_a_noise_shape_a_seed_and_limits():
    x = nf.ones((3, 4, 50))
    y = L.Dropout(0.5, noise_shape=(None, 1, None))(x, training=True).numpy()
    assert (y == y[:, :1]).all()
    assert set(y.ravel().tolist()) == {0.0, 2.0}
    for kind, shape, same in ((L.SpatialDropout1D, (3, 4, 50), (1,)),
                              (L.SpatialDropout2D, (3, 4, 4, 50), (1, 2)),
                              (L.SpatialDropout3D, (3, 2, 2, 2, 50), (1, 2, 3))):
        y = kind(0.5)(nf.ones(shape), training=True).numpy()
        assert (y == y.max(same, keepdims=True)).all()
        assert set(y.ravel().tolist()) == {0.0, 2.0}
        assert kind.from_config(kind(0.5).get_config()).rate == 0.5
    first = L.SpatialDropout2D(0.5, "channels_first")(nf.ones((2, 50, 3, 3)), training=True).numpy()
    assert (first == first.max((2, 3), keepdims=True)).all()
    nf.set_random_seed(3)
    a = L.Dropout(0.5, seed=7)(x, training=True).numpy()
    nf.set_random_seed(3)
    assert np.array_equal(a, L.Dropout(0.5, seed=7)(x, training=True).numpy())
    nf.set_random_seed(None)
    for rate in (1.0, -0.1, "half"):
        with pytest.raises((ValueError, TypeError), match=r"rate|float"):
            L.Dropout(rate)


def test_dropout_scales_gradients_as_it_scales_values():
    x, layer = nf.ones((1, 100)), L.Dropout(0.5)
    with nf.GradientTape() as tape:
        tape.watch(x)
        y = layer(x, training=True)
    assert np.array_equal(tape.gradient(y, x).numpy(), y.numpy())


# ---- embedding, masking
def test_embedding():
    layer = L.Embedding(10, 4)
    ids = np.array([[1, 2], [9, 0]])
    layer.build((None, 2))
    check(layer, ids, layer.embeddings.numpy()[ids])
    assert np.array_equal(layer(ids.astype(float)).numpy(), layer(ids).numpy())
    with nf.GradientTape() as tape:
        y = layer(nf.constant([3, 3, 5]))
    grad = tape.gradient(y, layer.embeddings)
    assert isinstance(grad, nf.IndexedSlices)
    assert grad.dense_shape == (10, 4)
    assert grad.to_dense().numpy()[:, 0].tolist() == [0, 0, 0, 2, 0, 1, 0, 0, 0, 0]
    nf.train.GradientDescentOptimizer(0.1).apply_gradients([(grad, layer.embeddings)])
    with pytest.raises(IndexError, match="layer embedding"):
        layer(np.array([10]))
    assert abs(layer.embeddings.numpy()[0]).max() <= 0.05
    model = nf.keras.Sequential([L.Embedding(10, 4, input_length=3), L.Flatten(), L.Dense(1)])
    assert model.output_shape == (None, 1)
    assert model.input_shape == (None, 3)
    assert model(np.array([[1, 2, 3]])).shape == (1, 1)


def test_embedding_masks_zeros():
    layer = L.Embedding(5, 2, mask_zero=True)
    y = layer(np.array([[1, 0], [0, 2]]))
    assert y._keras_mask.numpy().tolist() == [[True, False], [False, True]]
    assert getattr(L.Embedding(5, 2)(np.array([[1, 0]])), "_keras_mask", None) is None


def test_masking():
    x = np.array([[[1.0, 2.0], [5.0, 5.0], [5.0, 1.0]]])
    layer = L.Masking(5.0)
    check(layer, x, x * np.array([1, 0, 1])[None, :, None])
    assert layer(tensor(x))._keras_mask.numpy().tolist() == [[True, False, True]]


# ---- merging
@pytest.mark.parametrize(("name",
                          "fold"), [("Add", np.add), ("Multiply", np.multiply), ("Maximum", np.maximum),
                                    ("Minimum", np.minimum), ("Average", None), ("Subtract", np.subtract)])
def test_merging(name, fold):
    xs = [normal(2, 3, 4, seed=k) for k in range(2 if name == "Subtract" else 3)]
    expected = sum(xs) / 3 if fold is None else xs[0]
    for x in xs[1:] if fold else ():
        expected = fold(expected, x)
    check(getattr(L, name)(), xs, expected)
    np.testing.assert_allclose(getattr(L, name.lower())([tensor(x) for x in xs]).numpy(), expected, rtol=1e-5)


def test_merging_broadcasts_and_refuses():
    check(L.Add(), [normal(2, 3, 4), normal(2, 1, 4), normal(2, 4)],
          normal(2, 3, 4) + normal(2, 1, 4) + normal(2, 4)[:, None])
    for wrong in (nf.ones(3), [nf.ones(3)]):
        with pytest.raises(ValueError, match="m: A merge layer should be called on a list"):
            L.Add(name="m")(wrong)
    with pytest.raises(ValueError,
                       match=r"m: Operands could not be broadcast together with shapes \(2, 3\) \(2, 4\)"):
        L.Multiply(name="m")([nf.ones((2, 3)), nf.ones((2, 4))])
    with pytest.raises(ValueError, match="exactly 2 inputs"):
        L.Subtract()([nf.ones(3)] * 3)


def test_concatenate():
    xs = [normal(2, 3, 4), normal(2, 3, 1)]
    check(L.Concatenate(), xs, np.concatenate(xs, -1))
    check(L.Concatenate(axis=1), [xs[0], xs[0]], np.concatenate([xs[0]] * 2, 1))
    assert L.concatenate([tensor(x) for x in xs]).shape == (2, 3, 5)
    with pytest.raises(ValueError, match="matching shapes except for the concat axis 1"):
        L.Concatenate(axis=1)([tensor(x) for x in xs])


def test_masks_of_merged_inputs():
    a, b = nf.ones((1, 2, 3)), nf.ones((1, 2, 3))
    a._keras_mask, b._keras_mask = nf.constant([[True, True]]), nf.constant([[True, False]])
    assert L.Add()([a, b])._keras_mask.numpy().tolist() == [[True, False]]
    assert L.Concatenate()([a, b])._keras_mask.numpy().tolist() == [[True, False]]
    assert L.Concatenate(axis=1)([a, b])._keras_mask.numpy().tolist() == [[True, True, True, False]]
    assert L.Concatenate(axis=1)([b, nf.ones((1, 2, 3))])._keras_mask.numpy().tolist() == [[True, False, True,
                                                                                            True]]


def test_dot():
    x, y = normal(2, 3, 4), normal(2, 4, 3, seed=1)
    check(L.Dot(1), [x[:, 0], x[:, 1]], (x[:, 0] * x[:, 1]).sum(1, keepdims=True))
    check(L.Dot((2, 1)), [x, y], x @ y)
    check(L.Dot((1, 2)), [x, y], np.einsum("nka,nbk->nab", x, y))
    check(L.Dot((2, -2)), [x, y], x @ y)
    u, v = x[:, 0], x[:, 1]
    lengths = np.linalg.norm(u, axis=1) * np.linalg.norm(v, axis=1)
    cosine = ((u * v).sum(1) / lengths)[:, None]
    check(L.Dot(1, normalize=True), [u, v], cosine)
    assert L.dot([tensor(x), tensor(y)], (2, 1)).shape == (2, 3, 3)
    with pytest.raises(ValueError, match="Dimension incompatibility 3 != 4"):
        L.Dot(1)([tensor(x), tensor(y)])
    with pytest.raises(ValueError, match="an axis other than the batch's"):
        L.Dot(0)
