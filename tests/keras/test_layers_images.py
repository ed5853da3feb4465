"""Convolution, pooling and normalization layers against loops in NumPy, in float64."""
import itertools

import numpy as np
import pytest

import numbaflow as nf

L = nf.keras.layers


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def to_first(x):
    return np.moveaxis(x, -1, 1)


def edges(padding, size, window, stride, dilation):
    """[before, after] of an axis."""
    reach = (window - 1) * dilation + 1
    if padding == "causal":
        return reach - 1, 0
    if padding == "valid":
        return 0, 0
    total = max((-(-size // stride) - 1) * stride + reach - size, 0)
    return total // 2, total - total // 2


def windows(x, kernel, strides, padding, dilations, fill=0.0):
    """(place in the output, the window) for channels-last x; what is outside is `fill`."""
    pads = [edges(padding, *axis) for axis in zip(x.shape[1:-1], kernel, strides, dilations, strict=True)]
    x = np.pad(x, [(0, 0), *pads, (0, 0)], constant_values=fill)
    counts = [(n - (k - 1) * d - 1) // s + 1
              for n, k, s, d in zip(x.shape[1:-1], kernel, strides, dilations, strict=True)]
    for place in itertools.product(*map(range, counts)):
        cut = tuple(slice(p * s, p * s + (k - 1) * d + 1, d)
                    for p, k, s, d in zip(place, kernel, strides, dilations, strict=True))
        yield (slice(None), *place), x[(slice(None), *cut)]


def collected(x, pairs):
    pairs = list(pairs)
    counts = [1 + max(place[k + 1] for place, _ in pairs) for k in range(x.ndim - 2)]
    out = np.zeros((x.shape[0], *counts, pairs[0][1].shape[-1]))
    for place, value in pairs:
        out[place] = value
    return out


def conv(x, w, strides, padding, dilations):
    rank = x.ndim - 2
    axes = list(range(1, rank + 2))
    pairs = windows(x, w.shape[:rank], strides, padding, dilations)
    return collected(x, [(place, np.tensordot(v, w, (axes, list(range(rank + 1))))) for place, v in pairs])


def conv_by_channel(x, w, strides, padding, dilations):
    rank = x.ndim - 2
    each = [conv(x[..., c:c + 1], w[..., c:c + 1, :], strides, padding, dilations)
            for c in range(w.shape[rank])]
    return np.concatenate(each, -1)


def check(layer, x, expected, first):
    """Outputs, shapes and a round trip through the configuration."""
    x, expected = (to_first(x), to_first(expected)) if first else (x, expected)
    y = layer(nf.constant(x, "float32"))
    np.testing.assert_allclose(y.numpy(), expected, rtol=1e-5, atol=1e-5)
    assert tuple(layer.compute_output_shape(x.shape)) == y.shape
    assert layer(nf.keras.Input(x.shape[1:])).shape == (None, *y.shape[1:])
    again = L.deserialize(L.serialize(layer))
    again.build(x.shape)
    again.set_weights(layer.get_weights())
    assert np.array_equal(again(nf.constant(x, "float32")).numpy(), y.numpy())


def built(layer, x, first):
    """The layer's weights in float64, its bias not 0."""
    layer.build(to_first(x).shape if first else x.shape)
    layer.set_weights([w if w.ndim > 1 else normal(*w.shape) for w in layer.get_weights()])
    return [w.astype(np.float64) for w in layer.get_weights()]


FORMATS = pytest.mark.parametrize("first", [False, True], ids=["channels_last", "channels_first"])


def form(first):
    return "channels_first" if first else "channels_last"


# ---- convolutions
@FORMATS
@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize(("rank", "kernel", "strides", "dilation"), [
    (1, 3, 2, 1), (1, 2, 1, 3), (2, (3, 2), (1, 2), (1, 1)), (2, 2, 1, (2, 1)), (3, (2, 1, 2), (1, 2, 1), 1)])
def test_conv(rank, kernel, strides, dilation, padding, first):
    x = normal(2, *(8, 5, 4)[:rank], 3)
    layer = getattr(L, f"Conv{rank}D")(4, kernel, strides, padding, form(first), dilation, activation="relu")
    w, b = built(layer, x, first)
    many = [np.broadcast_to(v, rank).tolist() for v in (strides, dilation)]
    check(layer, x, np.maximum(conv(x, w, many[0], padding, many[1]) + b, 0), first)


@pytest.mark.parametrize(("strides", "dilation"), [(1, 1), (1, 2), (2, 1)])
def test_causal_convolutions(strides, dilation):
    x = normal(2, 7, 3)
    layer = L.Conv1D(4, 3, strides, "causal", dilation_rate=dilation, activation="tanh")
    w, b = built(layer, x, False)
    check(layer, x, np.tanh(conv(x, w, [strides], "causal", [dilation]) + b), False)
    later = x.copy()
    later[:, 4:] = 0.0
    y, z = layer(nf.constant(x, "float32")).numpy(), layer(nf.constant(later, "float32")).numpy()
    assert np.array_equal(y[:, :4 // strides], z[:, :4 // strides])
    assert not np.array_equal(y, z)


@FORMATS
@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize(("kernel", "strides", "extra"),
                         [(3, 2, None), (2, 3, None), (3, 1, None), (3, 2, 1), (4, 2, 0)])
def test_transposed_convolutions_turn_convolutions_around(kernel, strides, extra, padding, first):
    x = normal(1, 3, 4, 2)
    layer = L.Conv2DTranspose(3, kernel, strides, padding, extra, form(first))
    w, b = built(layer, x, first)
    shape = layer.compute_output_shape(to_first(x).shape if first else x.shape)
    out = np.zeros((1, *(shape[2:] if first else shape[1:3]), 3))
    if extra is None:
        pads = [edges(padding, n, kernel, strides, 1)[0] for n in out.shape[1:3]]
    else:
        pads = [kernel // 2 if padding == "same" else 0] * 2
    for i, j, r, s in itertools.product(range(3), range(4), range(kernel), range(kernel)):
        at = (i * strides + r - pads[0], j * strides + s - pads[1])
        if 0 <= at[0] < out.shape[1] and 0 <= at[1] < out.shape[2]:
            out[0, at[0], at[1]] += w[r, s] @ x[0, i, j]
    check(layer, x, out + b, first)


def test_transposed_convolution_of_volumes():
    x = normal(1, 2, 2, 3, 2)
    layer = L.Conv3DTranspose(3, 2, 2, use_bias=False, activation="relu")
    (w,) = built(layer, x, False)
    out = np.zeros((1, 4, 4, 6, 3))
    for i, j, k, q, r, s in itertools.product(range(2), range(2), range(3), *[range(2)] * 3):
        out[0, 2 * i + q, 2 * j + r, 2 * k + s] += w[q, r, s] @ x[0, i, j, k]
    check(layer, x, np.maximum(out, 0), False)


@FORMATS
@pytest.mark.parametrize("padding", ["valid", "same"])
def test_depthwise_and_separable(padding, first):
    x = normal(2, 5, 6, 3)
    depthwise = L.DepthwiseConv2D((2, 3), (1, 2), padding, 2, form(first), "relu")
    w, b = built(depthwise, x, first)
    check(depthwise, x, np.maximum(conv_by_channel(x, w, (1, 2), padding, (1, 1)) + b, 0), first)
    separable = L.SeparableConv2D(4, 2, 1, padding, form(first), (1, 2), 2, "relu")
    d, p, b = built(separable, x, first)
    each = conv_by_channel(x, d, (1, 1), padding, (1, 2))
    check(separable, x, np.maximum(each @ p[0, 0] + b, 0), first)


@pytest.mark.parametrize("padding", ["valid", "same", "causal"])
def test_separable_convolution_of_sequences(padding):
    x = normal(2, 7, 3)
    layer = L.SeparableConv1D(4, 3, padding=padding, depth_multiplier=2)
    d, p, b = built(layer, x, False)
    check(layer, x, conv_by_channel(x, d, [1], padding, [1]) @ p[0] + b, False)


def test_gradients_of_a_convolution_layer():
    layer = L.Conv2D(2, 2, activation="relu", dtype="float64", bias_initializer="ones")
    x = nf.constant(normal(1, 3, 3, 2))
    with nf.GradientTape() as tape:
        loss = nf.reduce_sum(nf.square(layer(x)))
    grads = tape.gradient(loss, layer.trainable_variables)
    for variable, grad in zip(layer.trainable_variables, grads, strict=True):
        direction, eps, value = normal(*variable.shape, seed=3), 1e-6, variable.numpy()
        ends = []
        for sign in (1, -1):
            variable.assign(value + sign * eps * direction)
            ends.append(nf.reduce_sum(nf.square(layer(x))).numpy())
        variable.assign(value)
        assert (ends[0] - ends[1]) / (2 * eps) == pytest.approx((grad.numpy() * direction).sum(), rel=1e-6)


def test_errors_of_convolutions():
    layer = L.Conv2D(2, 3, name="c")
    with pytest.raises(ValueError,
                       match="Input 0 of layer c is incompatible with the layer: expected ndim=4, found"):
        layer(nf.ones((1, 3)))
    layer(nf.ones((1, 5, 5, 3)))
    with pytest.raises(ValueError,
                       match=r"layer c .*expected axis -1 of input shape to have value 3, found 4"):
        layer(nf.ones((1, 5, 5, 4)))
    with pytest.raises(ValueError, match="layer c: "):
        layer(nf.ones((1, 2, 2, 3)))
    with pytest.raises(ValueError, match="The channel dimension of the inputs to `Conv2D` should be defined"):
        L.Conv2D(1, 1, data_format="channels_first")(nf.keras.Input((None, 3, 3)))
    for wrong, match in (({"filters": 0}, "filters must be a positive integer"),
                         ({"kernel_size": (1, 2, 3)}, "`kernel_size` argument must be a tuple of 2 integers"),
                         ({"strides": 0}, "`strides` argument"),
                         ({"padding": "causal"}, "one of valid, " "same"),
                         ({"data_format": "x"}, "data_format"),
                         ({"activation": "x"}, "Unknown activation function")):
        with pytest.raises(ValueError, match=match):
            L.Conv2D(**{"filters": 1, "kernel_size": 1, **wrong})
    with pytest.raises(ValueError, match=r"Stride \(1, 1\) must be greater than output padding"):
        L.Conv2DTranspose(1, 2, output_padding=1)


# ---- pooling
@FORMATS
@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize(("rank", "size", "strides"),
                         [(1, 2, None), (1, 3, 2), (2, (2, 3), None), (2, 2, (1, 2)), (3, 2, 1)])
def test_pooling(rank, size, strides, padding, first):
    x = normal(2, *(6, 5, 4)[:rank], 3)
    kernel = np.broadcast_to(size, rank).tolist()
    steps = kernel if strides is None else np.broadcast_to(strides, rank).tolist()
    axes, ones = tuple(range(1, rank + 1)), [1] * rank
    largest = [(p, v.max(axes)) for p, v in windows(x, kernel, steps, padding, ones, fill=-np.inf)]
    means = [(p, np.nanmean(v, axes)) for p, v in windows(x, kernel, steps, padding, ones, fill=np.nan)]
    for name, pairs in (("Max", largest), ("Average", means)):
        layer = getattr(L, f"{name}Pooling{rank}D")(size, strides, padding, form(first))
        check(layer, x, collected(x, pairs), first)


@FORMATS
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_global_pooling(rank, first):
    x = normal(2, *(6, 5, 4)[:rank], 3)
    axes = tuple(range(1, rank + 1))
    for name, expected in (("Max", x.max(axes)), ("Average", x.mean(axes))):
        layer = getattr(L, f"Global{name}Pooling{rank}D")(form(first))
        given = to_first(x) if first else x
        np.testing.assert_allclose(layer(nf.constant(given, "float32")).numpy(), expected, rtol=1e-5,
                                   atol=1e-6)
        assert layer.compute_output_shape(given.shape) == (2, 3)
        assert type(layer).from_config(layer.get_config()).data_format == form(first)


def test_errors_of_pooling():
    with pytest.raises(ValueError, match="`pool_size` argument must be a tuple of 2 integers"):
        L.MaxPooling2D((2, 2, 2))
    with pytest.raises(ValueError, match="expected ndim=3, found ndim=4"):
        L.MaxPooling1D()(nf.ones((1, 2, 2, 1)))
    assert L.MaxPool2D is L.MaxPooling2D
    assert L.Convolution1D is L.Conv1D


def test_a_mask_counts_in_means():
    x = normal(2, 3, 4)
    mask = np.array([[True, True, False], [True, False, False]])
    expected = np.stack([x[0, :2].mean(0), x[1, :1].mean(0)])
    y = L.GlobalAveragePooling1D()(nf.constant(x, "float32"), mask=nf.constant(mask))
    np.testing.assert_allclose(y.numpy(), expected, rtol=1e-5)


# ---- normalization
@pytest.mark.parametrize(("shape",
                          "axis"), [((6, 3), -1), ((4, 5, 3), -1), ((4, 3, 5), 1), ((2, 4, 4, 3), -1),
                                             ((2, 3, 4, 4), 1), ((2, 3, 2, 2, 2), 1)])
def test_batch_normalization(shape, axis):
    x = normal(*shape) * 3 + 1
    layer = L.BatchNormalization(axis, momentum=0.9, epsilon=0.01)
    layer.build(shape)
    gamma, beta = normal(3), normal(3, seed=1)
    layer.set_weights([gamma, beta, np.zeros(3), np.ones(3)])
    others = tuple(k for k in range(len(shape)) if k != axis % len(shape))
    mean, variance, n = x.mean(others), x.var(others), x.size // 3

    def along(v):
        return v.reshape([-1 if k == axis % len(shape) else 1 for k in range(len(shape))])

    y = layer(nf.constant(x, "float32"), training=True).numpy()
    expected = (x - along(mean)) / np.sqrt(along(variance) + 0.01) * along(gamma) + along(beta)
    np.testing.assert_allclose(y, expected, rtol=1e-5, atol=1e-5)
    moving = 0.1 * mean, 0.9 + 0.1 * variance * n / (n - 1)
    np.testing.assert_allclose(layer.moving_mean.numpy(), moving[0], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(layer.moving_variance.numpy(), moving[1], rtol=1e-5)
    y = layer(nf.constant(x, "float32")).numpy()
    expected = (x - along(moving[0])) / np.sqrt(along(moving[1]) + 0.01) * along(gamma) + along(beta)
    np.testing.assert_allclose(y, expected, rtol=1e-5, atol=1e-5)
    assert np.array_equal(layer.moving_mean.numpy(), layer.get_weights()[2])
    assert L.BatchNormalization.from_config(layer.get_config()).get_config() == layer.get_config()


def test_batch_normalization_has_four_weights_of_which_two_are_trained():
    layer = L.BatchNormalization()
    model = nf.keras.Sequential([layer])
    x = nf.constant(normal(8, 2), "float32")
    with nf.GradientTape() as tape:
        loss = nf.reduce_sum(model(x, training=True) * nf.constant(normal(8, 2, seed=2), "float32"))
    names = [v.name.split("/")[-1] for v in layer.weights]
    assert names == ["gamma:0", "beta:0", "moving_mean:0", "moving_variance:0"]
    assert len(model.trainable_variables) == 2
    assert len(model.non_trainable_variables) == 2
    assert all(g is not None for g in tape.gradient(loss, model.trainable_variables))
    plain = L.BatchNormalization(center=False, scale=False)
    assert plain(x, training=True).numpy().mean() == pytest.approx(0.0, abs=1e-6)
    assert len(plain.weights) == 2


def test_batch_normalization_of_an_empty_batch_leaves_the_moving_statistics():
    layer = L.BatchNormalization()
    layer(nf.ones((2, 3)), training=True)
    before = layer.get_weights()
    assert layer(nf.ones((0, 3)), training=True).shape == (0, 3)
    assert all(np.array_equal(a, b) for a, b in zip(before, layer.get_weights(), strict=True))


def test_errors_of_batch_normalization():
    for more in ({"virtual_batch_size": 2}, {"renorm": True}, {"adjustment": abs}):
        with pytest.raises(ValueError, match=f"b: BatchNormalization does not support {next(iter(more))}"):
            L.BatchNormalization(name="b", **more)
    with pytest.raises(ValueError, match=r"normalizes along one axis, an integer, got \[1, 2\]"):
        L.BatchNormalization([1, 2])
    with pytest.raises(ValueError, match="Invalid axis: 4"):
        L.BatchNormalization(4)(nf.ones((2, 3)))
    assert L.BatchNormalization([-1]).axis == -1


@pytest.mark.parametrize("axis", [-1, 1, (1, 2), [-1, -2]])
def test_layer_normalization(axis):
    x = normal(3, 4, 5) * 2 + 1
    layer = L.LayerNormalization(axis, epsilon=0.01)
    layer.build(x.shape)
    axes = tuple(sorted(a % 3 for a in np.atleast_1d(axis)))
    shape = [x.shape[a] for a in axes]
    gamma, beta = normal(*shape), normal(*shape, seed=1)
    layer.set_weights([gamma, beta])
    wide = [x.shape[k] if k in axes else 1 for k in range(3)]
    expected = (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + 0.01)
    expected = expected * gamma.reshape(wide) + beta.reshape(wide)
    np.testing.assert_allclose(layer(nf.constant(x, "float32")).numpy(), expected, rtol=1e-5, atol=1e-5)
    assert len(L.LayerNormalization(center=False)(nf.ones((2, 3))).shape) == 2
