"""Functional models: symbolic tensors, ops and layers on them, shapes, running, configurations."""
import copy
import gc
import json
import weakref

import numpy as np
import pytest

import numbaflow as nf

L = nf.keras.layers
Input, Model = nf.keras.Input, nf.keras.Model


def diamond():
    """Two inputs, a shared layer, ops and two outputs."""
    a, b = Input((4,), name="a"), Input((4,), name="b")
    shared = L.Dense(3, name="shared")
    x, y = shared(a), shared(b)
    merged = L.Concatenate(name="merged")([x, y])
    return Model([a, b], [nf.nn.relu(merged), x - 2.0 * y], name="diamond")


# ---- symbolic tensors
def test_inputs_are_symbolic():
    x = Input((None, 3), batch_size=2, name="x", dtype="int32")
    assert x.shape == (2, None, 3)
    assert x.ndim == 3
    assert x.dtype == nf.int32
    assert x.shape.as_list() == [2, None, 3]
    assert x.get_shape() == x.shape
    assert repr(x) == "<SymbolicTensor 'x' shape=(2, None, 3) dtype=int32>"
    assert x == x
    assert x != Input((3,))
    assert len({x, x}) == 1
    x.set_shape((2, 5, 3))
    assert x.shape == (2, 5, 3)
    with pytest.raises(ValueError, match="not compatible"):
        x.set_shape((3, 5, 3))
    assert Input(batch_shape=(7, 2)).shape == (7, 2)
    with pytest.raises(ValueError, match="Please provide to Input either a `shape` or a `batch_shape`"):
        Input()
    with pytest.raises(ValueError, match="neither sparse inputs"):
        Input((2,), sparse=True)


@pytest.mark.parametrize("ask", [bool, float, np.asarray, lambda t: t.numpy(), nf.nn.l2_loss, nf.ones_like,
                                 lambda t: nf.einsum("ij->ji", t), lambda t: nf.tensordot(t, t, 1)])
def test_a_symbolic_tensor_has_no_value(ask):
    with pytest.raises(NotImplementedError, match=r"'x' .* has no value: .* into a keras.layers.Lambda"):
        ask(Input((3,), name="x"))


def test_a_symbolic_tensor_has_no_length():
    x = Input((3,), name="x")
    with pytest.raises(TypeError, match=r"'x' .* can't be iterated over"):
        list(x)
    with pytest.raises(TypeError, match=r"has no value"):
        len(x)


def test_ops_and_operators_become_layers():
    x = Input((4,))
    w = nf.Variable(np.eye(4), dtype="float32")
    scale = nf.constant([1.0, 2.0, 3.0, 4.0])
    y = {"sum": x + 1.0, "product": 2.0 * x, "quotient": 1.0 / (x + 3.0), "power": x ** 2.0, "negative": -x,
         "matrix": x @ w, "scaled": scale * x, "part": x[:, 1:3], "last": x[..., -1], "relu": nf.nn.relu(x),
         "mean": nf.reduce_mean(x, -1, keepdims=True), "shaped": nf.reshape(x, [-1, 2, 2]),
         "joined": nf.concat([x, x], 1), "stacked": nf.stack([x, scale * x], 1), "greater": x > 0.5,
         "where": nf.where(x > 0.5, x, -x), "cast": nf.cast(x, "int32"), "turned": nf.transpose(x)}
    shapes = {"part": (None, 2), "last": (None,), "mean": (None, 1), "shaped": (None, 2, 2),
              "joined": (None, 8), "stacked": (None, 2, 4), "turned": (4, None)}
    model = Model(x, y)
    v = np.array([[0.0, 0.25, 1.0, 2.0]], np.float32)
    found = model(v)
    expected = {"sum": v + 1, "product": 2 * v, "quotient": 1 / (v + 3), "power": v**2, "negative": -v,
                "matrix": v, "scaled": v * scale.numpy(), "part": v[:, 1:3], "last": v[..., -1], "relu": v,
                "mean": v.mean(-1, keepdims=True), "shaped": v.reshape(1, 2, 2),
                "joined": np.concatenate([v, v], 1), "stacked": np.stack([v, v * scale.numpy()], 1),
                "greater": v > 0.5, "where": np.where(v > 0.5, v, -v), "cast": v.astype(int), "turned": v.T}
    assert set(found) == set(expected)
    for name, value in expected.items():
        assert y[name].shape == shapes.get(name, (None, 4)), name
        np.testing.assert_allclose(found[name].numpy(), value, rtol=1e-6, err_msg=name)
    assert y["greater"].dtype == nf.bool
    assert y["cast"].dtype == nf.int32
    assert [v._id for v in model.trainable_variables] == [w._id]


# ---- models
def test_inputs_outputs_and_shared_layers():
    model = diamond()
    assert model.input_names == ["a", "b"]
    assert len(model.output_names) == 2
    assert model.input_shape == [(None, 4), (None, 4)]
    assert model.output_shape == [(None, 6), (None, 3)]
    assert len(model.weights) == 2
    assert model.built
    a, b = np.random.default_rng(0).normal(size=(2, 5, 4)).astype(np.float32)
    w, c = model.get_layer("shared").get_weights()
    first, second = model([a, b])
    np.testing.assert_allclose(first.numpy(), np.maximum(np.concatenate([a @ w + c, b @ w + c], 1), 0),
                               rtol=1e-5)
    np.testing.assert_allclose(second.numpy(), a @ w + c - 2 * (b @ w + c), rtol=1e-4, atol=1e-6)
    by_name = model({"b": b, "a": a})
    assert np.array_equal(by_name[0].numpy(), first.numpy())
    with pytest.raises(ValueError, match=r"Model diamond has 2 inputs \(a, b\), got 1"):
        model(a)
    with pytest.raises(ValueError, match="no value for inputs b"):
        model({"a": a})


def test_gradients_go_through():
    model, x = diamond(), nf.ones((1, 4))
    with nf.GradientTape() as tape:
        loss = nf.reduce_sum(model([x, x])[1])
    grads = tape.gradient(loss, model.trainable_variables)
    np.testing.assert_allclose(grads[0].numpy(), -np.ones((4, 3)))


def test_nodes_of_a_shared_layer():
    a, b = Input((4,)), Input((5,))
    layer = L.Activation("relu")
    x, y = layer(a), layer(b)
    assert layer.get_input_at(0) is a
    assert layer.get_output_at(1) is y
    with pytest.raises(AttributeError, match="multiple inbound nodes"):
        _ = layer.output
    with pytest.raises(AttributeError, match="different input shapes"):
        _ = layer.input_shape
    with pytest.raises(ValueError, match="Asked to get input at node 2"):
        layer.get_input_at(2)
    single = L.Dense(2)
    z = single(x)
    assert single.input is x
    assert single.output is z
    assert single.input_shape == (None, 4)
    assert single.output_shape == (None, 2)
    with pytest.raises(AttributeError, match="has never been called"):
        _ = L.Dense(2).input


def test_part_of_a_model_is_a_model():
    whole = nf.keras.Sequential([L.Dense(3, activation="relu", input_shape=(4,)), L.Dense(2)])
    features = Model(whole.input, whole.layers[0].output)
    x = nf.ones((1, 4))
    assert features(x).shape == (1, 3)
    assert features.weights == whole.layers[0].weights
    x0 = Input((4,))
    h = L.Dense(3)(x0)
    y = L.Dense(2)(h)
    head = Model(h, y)
    assert head(nf.ones((5, 3))).shape == (5, 2)
    assert len(head.weights) == 2


def test_models_are_layers_of_models():
    inner = diamond()
    x = Input((4,))
    p, q = inner([x, x * 2.0])
    tail = nf.keras.Sequential([L.Dense(3)])
    outer = Model(x, [p, tail(q)])
    assert outer.output_shape == [(None, 6), (None, 3)]
    assert len(outer.weights) == 4
    v = nf.ones((2, 4))
    assert np.array_equal(outer(v)[0].numpy(), inner([v, v * 2.0])[0].numpy())
    assert [layer.name for layer in outer.layers][:1] == [outer.input_names[0]]
    assert inner in outer.layers


def test_subclassed_models_and_custom_layers_are_run_to_find_shapes():
    class Pools(L.Layer):
        def call(self, inputs, training=None):
            return nf.reduce_sum(inputs, 1), inputs[:, ::2]

    class Wraps(Model):
        def __init__(self):
            super().__init__()
            self.dense = L.Dense(7)

        def call(self, inputs):
            return self.dense(inputs)

    x = Input((None, 3))
    total, thinned = Pools()(x)
    assert total.shape == (None, 3)
    assert thinned.shape == (None, None, 3)
    wraps = Wraps()
    y = wraps(total)
    assert y.shape == (None, 7)
    assert wraps.dense.kernel.shape == (3, 7)
    assert Model(x, [y, thinned])(nf.ones((2, 5, 3)))[1].shape == (2, 3, 3)

    class Convolves(L.Layer):
        def __init__(self):
            super().__init__()
            self.conv = L.Conv1D(2, 9)

        def call(self, inputs):
            return self.conv(inputs)

    assert Convolves()(x).shape == (None, None, 2)

    class Nothing(L.Layer):
        def call(self, inputs):
            pass

    with pytest.raises(ValueError, match="should return a Tensor or a list of Tensors, not None"):
        Nothing()(x)

    class Text(L.Layer):
        def call(self, inputs):
            return "text"

    with pytest.raises(TypeError, match="should return a Tensor or a list of Tensors, not str"):
        Text()(x)


def test_keyword_arguments_may_be_symbolic():
    class Adds(L.Layer):
        def call(self, inputs, more=None, by=1.0):
            return inputs + by * more["x"]

    a, b = Input((3,)), Input((3,))
    model = Model([a, b], Adds()(a, more={"x": b}, by=2.0))
    assert model([nf.ones((1, 3)), nf.ones((1, 3))]).numpy().tolist() == [[3.0] * 3]


def test_training_and_masks_flow():
    x = Input((None,), dtype="int32")
    h = L.Embedding(5, 2, mask_zero=True)(x)
    h = L.Dropout(0.5)(h)
    model = Model(x, L.GlobalAveragePooling1D()(h))
    ids = nf.constant([[1, 2, 0, 0]])
    table = model.layers[1].embeddings.numpy()
    np.testing.assert_allclose(model(ids).numpy()[0], table[1:3].mean(0), rtol=1e-6)
    ones = Model(a := Input((300,)), L.Dropout(0.5)(a))
    assert set(ones(nf.ones((1, 300)), training=True).numpy().ravel().tolist()) == {0.0, 2.0}
    fixed = Model(a, L.Dropout(0.5)(a, training=True))
    assert fixed(nf.ones((1, 300))).numpy().min() == 0.0


def test_layers_are_listed_from_inputs_to_outputs():
    a, b = Input((2,), name="a"), Input((2,), name="b")
    x = L.Dense(2, name="one")(a)
    x = L.Dense(2, name="two")(x)
    y = L.Add(name="sum")([x, b])
    model = Model([a, b], y)
    assert [layer.name for layer in model.layers] == ["a", "one", "two", "b", "sum"]
    assert [v.name for v in model.weights[:2]] == ["one/kernel:0", "one/bias:0"]


def test_a_model_may_be_made_of_its_input_alone_and_inputs_may_go_unused():
    x, unused = Input((3,)), Input((1,))
    assert Model(x, x)(nf.ones((1, 3))).shape == (1, 3)
    assert Model([x, unused], x * 2.0)([nf.ones((1, 3)), nf.ones((1, 1))]).numpy().tolist() == [[2.0] * 3]


def test_a_deep_model_needs_no_recursion():
    x = y = Input((1,))
    add = L.Lambda(lambda t: t + 1.0, output_shape=(1,))
    for _ in range(3000):
        y = add(y)
    assert Model(x, y)(nf.zeros((1, 1))).numpy() == [[3000.0]]


def test_errors():
    a, b = Input((2,), name="a"), Input((2,), name="b")
    y = L.Add()([a, b])
    with pytest.raises(ValueError,
                       match=r"Graph disconnected: cannot obtain value for tensor .*'b'.* at layer \"b\""):
        Model(a, y)
    with pytest.raises(ValueError, match=r"inputs must be keras.Input tensors"):
        Model(np.ones(2), y)
    with pytest.raises(ValueError, match=r"outputs must be keras.Input tensors"):
        Model(a, nf.ones(2))
    with pytest.raises(ValueError, match="is redundant"):
        Model([a, a], a)
    with pytest.raises(ValueError, match="give both `inputs` and `outputs`"):
        Model(inputs=a)
    with pytest.raises(ValueError, match='The name "same" is used 2 times'):
        Model(a, L.Dense(2, name="same")(L.Dense(2, name="same")(a)))
    with pytest.raises(ValueError, match="The last dimension of the inputs to `Dense` should be defined"):
        L.Dense(2)(Input((None,)))
    with pytest.raises(ValueError, match="found ndim=2"):
        L.Conv2D(1, 1)(a)


def test_a_subclass_may_be_functional():
    class Named(Model):
        def __init__(self):
            x = Input((3,))
            super().__init__(inputs=x, outputs=L.Dense(2)(x), name="named")

    assert Named()(nf.ones((1, 3))).shape == (1, 2)
    assert Named().name == "named"


# ---- configurations, copies, memory
def test_configurations_of_functional_models():
    model = diamond()
    config = model.get_config()
    again = Model.from_config(config)
    again.set_weights(model.get_weights())
    x = [nf.ones((2, 4)), nf.zeros((2, 4))]
    for y, z in zip(model(x), again(x), strict=True):
        assert np.array_equal(y.numpy(), z.numpy())
    assert json.loads(model.to_json()) == json.loads(again.to_json())
    from_json = nf.keras.models.model_from_json(model.to_json())
    assert from_json.output_shape == model.output_shape
    assert from_json.name == "diamond"
    clone = nf.keras.models.clone_model(model)
    assert [v.shape for v in clone.weights] == [v.shape for v in model.weights]
    assert clone.weights[0] is not model.weights[0]


def test_configurations_of_stacks_and_names_of_ones_own():
    def tripled(x):
        return x * 3.0

    class Plus(L.Layer):
        def call(self, inputs):
            return inputs + 1.0

    model = nf.keras.Sequential([L.Dense(2, activation=tripled, input_shape=(3,)), Plus()])
    config = model.get_config()
    with pytest.raises(ValueError, match="Unknown activation function: 'tripled'"):
        nf.keras.Sequential.from_config(config)
    again = nf.keras.Sequential.from_config(config, {"tripled": tripled, "Plus": Plus})
    again.set_weights(model.get_weights())
    assert np.array_equal(again(nf.ones((1, 3))).numpy(), model(nf.ones((1, 3))).numpy())
    deferred = nf.keras.Sequential([L.Dense(2)])
    deferred(nf.ones((1, 3)))
    assert not nf.keras.models.clone_model(deferred).built
    nested = nf.keras.Sequential([nf.keras.Sequential([L.Dense(2)]), L.Dense(1)])
    nested.build((None, 3))
    assert nf.keras.models.model_from_json(nested.to_json()).output_shape == (None, 1)
    with pytest.raises(TypeError, match="to_json: a function can't be written as JSON"):
        nf.keras.Sequential([L.Lambda(tripled)]).to_json()


def test_copies():
    model = diamond()
    other = copy.deepcopy(model)
    x = [nf.ones((1, 4)), nf.ones((1, 4))]
    y = model(x)[1].numpy()
    assert np.array_equal(other(x)[1].numpy(), y)
    other.get_layer("shared").kernel.assign(nf.zeros((4, 3)))
    assert np.array_equal(model(x)[1].numpy(), y)
    assert not np.array_equal(other(x)[1].numpy(), y)


def test_functional_models_are_freed_with_their_last_reference():
    gc.disable()
    try:
        model = diamond()
        model([nf.ones((1, 4))] * 2)
        gone = [weakref.ref(model), *[weakref.ref(layer) for layer in model.layers]]
        del model
        assert [ref() for ref in gone] == [None] * len(gone)
    finally:
        gc.enable()
