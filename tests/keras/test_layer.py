"""Layer: its life from constructor to call, its variables, losses, masks and errors."""
import copy
import gc
import pickle
import threading
import weakref

import numpy as np
import pytest

import numbaflow as nf
from numbaflow.core import scopes

L = nf.keras.layers


class Scaled(L.Layer):
    """inputs * scale, and what happened to it."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.builds = 0

    def build(self, input_shape):
        self.builds += 1
        self.seen = tuple(input_shape)
        self.scale = self.add_weight("scale", [input_shape[-1]], initializer="ones")

    def call(self, inputs):
        return inputs * self.scale


class Pair(L.Layer):
    """Layers in attributes, in a list and in a dict."""

    def __init__(self):
        super().__init__()
        self.first, self.more, self.named = L.Dense(2), [L.Dense(3)], {"last": L.Dense(4)}

    def call(self, inputs):
        return self.named["last"](self.more[0](self.first(inputs)))


# ---- life
def test_it_is_built_once_with_the_shape_of_the_first_inputs():
    layer = Scaled()
    assert not layer.built
    assert layer.weights == []
    layer(np.zeros((2, 3), np.float32))
    layer(nf.zeros((5, 3)))
    assert layer.built
    assert layer.builds == 1
    assert layer.seen == (2, 3)


@pytest.mark.parametrize("inputs", [np.ones((1, 2)), np.ones((1, 2), np.float32), [[1.0, 1.0]],
                                    nf.Variable([[1.0, 1.0]])],
                         ids=["float64", "float32", "list", "variable"])
def test_what_becomes_a_tensor(inputs):
    layer = Scaled()
    y = layer(inputs)
    assert isinstance(y, nf.Tensor)
    assert y.dtype == nf.float32
    assert layer.dtype == "float32"


def test_the_dtype_is_that_of_the_first_float_tensor_or_the_constructors():
    layer = Scaled()
    assert layer(nf.ones((1, 2), nf.float64)).dtype == nf.float64
    assert layer.scale.dtype == nf.float64
    assert layer.dtype == "float64"
    double = L.Dense(2, dtype="float64")
    assert double(np.ones((1, 2))).dtype == nf.float64
    assert double.kernel.dtype == nf.float64
    ids = L.Dense(2)
    assert ids(nf.ones((1, 2), nf.int32)).dtype.is_floating
    assert ids.dtype is None


def test_names_are_snake_case_and_unique():
    nf.keras.backend.clear_session()

    class MNISTModel2D(L.Layer):
        pass

    class _Hidden(L.Layer):
        pass

    names = [kind().name for kind in (MNISTModel2D, MNISTModel2D, _Hidden)]
    assert names == ["mnist_model2d", "mnist_model2d_1", "private_hidden"]
    assert [L.Dense(1).name, L.Dense(1, name="dense_1").name,
            L.Dense(1).name] == ["dense", "dense_1", "dense_1"]
    assert L.GlobalAveragePooling2D().name == "global_average_pooling2d"
    assert L.Conv2DTranspose(1, 1).name == "conv2d_transpose"


def test_constructor_arguments():
    layer = L.Dense(2, weights=[np.full((3, 2), 2.0), np.ones(2)], input_dim=3)
    assert layer(np.ones((1, 3))).numpy().tolist() == [[7.0, 7.0]]
    assert L.Dense(2, input_shape=(5,), batch_size=4).get_config()["batch_input_shape"] == (4, 5)
    with pytest.raises(TypeError, match="Keyword argument not understood: colour"):
        L.Dense(2, colour="red")
    with pytest.raises(TypeError, match="the name must be a string"):
        L.Dense(2, name=3)


def test_variables_are_named_after_scope_layer_and_weight():
    with nf.name_scope("outer"):
        layer = Scaled(name="mine")
        layer(nf.ones((1, 2)))
    assert layer.scale.name == "outer/mine/scale:0"

    class Early(L.Layer):
        def __init__(self):
            super().__init__(name="early")
            self.v = self.add_weight("v", [2])

    assert Early().v.name == "early/v:0"
    assert scopes.current() == ""


def test_a_failed_call_leaves_no_scope_and_no_depth_behind():
    class Fails(L.Layer):
        def call(self, inputs):
            raise KeyError("no")

    with pytest.raises(KeyError):
        Fails()(nf.ones(1), training=True)
    assert scopes.current() == ""
    assert L.Dropout(0.5)(nf.ones(4)).numpy().tolist() == [1.0] * 4


# ---- weights
def test_add_weight_defaults():
    layer = L.Layer()
    assert layer.add_weight("a").shape == ()
    kernel = layer.add_weight("b", (100, 50))
    assert kernel.dtype == nf.float32
    assert abs(kernel.numpy()).max() <= (6 / 150) ** 0.5
    assert kernel.trainable
    assert layer.add_weight("c", [2], dtype="int32").numpy().tolist() == [0, 0]
    assert layer.add_weight("d", 3, dtype="bool").numpy().tolist() == [False] * 3
    with pytest.raises(ValueError,
                       match=r"An initializer for variable e of .*complex64 is required for layer"):
        layer.add_weight("e", [2], dtype="complex64")
    with pytest.raises(TypeError, match="Unknown keyword argument: colour"):
        layer.add_weight("f", [2], colour=1)
    with pytest.raises(ValueError, match=r"the shape \(None, 2\) of 'g' is not fully known"):
        layer.add_weight("g", [None, 2])
    with pytest.raises(ValueError, match=r"the initializer of 'h' gave shape \(3,\) for \(2,\)"):
        layer.add_weight("h", [2], initializer=lambda shape, dtype=None: nf.ones(3))


def test_weights_are_trainable_first_and_all_move_when_the_layer_is_frozen():
    layer = L.Layer()
    a = layer.add_weight("a", trainable=False)
    b, c = layer.add_weight("b"), nf.Variable(1.0, trainable=False)
    layer.c = c
    assert [v._id for v in layer.weights] == [v._id for v in (b, a, c)]
    assert layer.trainable_variables[0] is b
    assert layer.non_trainable_variables == [a, c]
    layer.trainable = False
    assert layer.trainable_weights == []
    assert layer.non_trainable_weights == [b, a, c]
    layer.trainable = True
    assert layer.trainable_weights == [b]


def test_layers_in_lists_and_dicts_belong_to_it_and_freezing_reaches_them():
    pair = Pair()
    assert pair(nf.ones((1, 2))).shape == (1, 4)
    assert len(pair.trainable_weights) == 6
    pair.more.append(L.Dense(1))
    pair.more[1](nf.ones((1, 1)))
    assert len(pair.weights) == 8
    pair.trainable = False
    assert pair.trainable_weights == []
    assert not pair.named["last"].trainable
    pair.first.trainable = True
    assert pair.trainable_weights == []
    pair.trainable = True
    del pair.first
    assert len(pair.weights) == 6


def test_a_shared_variable_counts_once_and_replacing_an_attribute_lets_go():
    layer = L.Layer()
    layer.v = layer.w = nf.Variable(1.0)
    assert len(layer.weights) == 1
    layer.w = nf.Variable(2.0)
    assert [v.numpy() for v in layer.weights] == [1.0, 2.0]
    layer.v = None
    assert [v.numpy() for v in layer.weights] == [2.0]


def test_get_and_set_weights():
    layer = Scaled()
    layer(nf.ones((1, 2)))
    layer.set_weights([np.array([2.0, 3.0])])
    assert layer.get_weights()[0].tolist() == [2.0, 3.0]
    assert layer.count_params() == 2
    with pytest.raises(ValueError,
                       match=r'`set_weights\(weights\)` on layer "scaled.*length 2, .*expecting 1'):
        layer.set_weights([1, 2])
    with pytest.raises(ValueError,
                       match=r"Layer weight shape \(2,\) not compatible with provided weight shape \(3,\)"):
        layer.set_weights([np.ones(3)])
    with pytest.raises(ValueError, match="You tried to call `count_params` on"):
        Scaled().count_params()


def test_a_layer_whose_constructor_was_not_called_says_so():
    class Forgets(L.Layer):
        def __init__(self):
            self.v = nf.Variable(1.0)

    class ForgetsAll(L.Layer):
        def __init__(self):
            pass

    with pytest.raises(RuntimeError, match=r"`super\(\).__init__\(\)` was not called in .* Forgets"):
        Forgets()
    with pytest.raises(RuntimeError, match="ForgetsAll"):
        ForgetsAll()(nf.ones(1))


# ---- losses, metrics
def test_regularizers_and_added_losses():
    class Penalized(L.Layer):
        def build(self, input_shape):
            self.w = self.add_weight("w", [2], initializer="ones", regularizer="l2")

        def call(self, inputs):
            self.add_loss(nf.reduce_sum(inputs))
            return inputs * self.w

    layer = Penalized()
    x = nf.ones((1, 2))
    with nf.GradientTape() as tape:
        layer(x)
        total = nf.add_n(layer.losses)
    assert total.numpy() == pytest.approx(2.02)
    assert tape.gradient(total, layer.w).numpy() == pytest.approx([0.02, 0.02])
    layer(x)
    assert len(layer.losses) == 2                   # those of the first call are gone
    layer.add_loss(lambda: nf.constant(5.0))
    assert [loss.numpy() for loss in layer.losses][1:] == [pytest.approx(0.02), 5.0]
    outer = nf.keras.Sequential([layer, layer])
    outer(x)
    assert len(outer.losses) == 4                   # two calls of the layer in one of the model
    outer(x)
    assert len(outer.losses) == 4
    assert outer.updates == []


def test_activity_regularizers_are_means_over_the_batch():
    layer = L.Dense(1, kernel_initializer="ones", activity_regularizer="l1")
    layer(nf.constant([[1.0], [3.0]]))
    assert [loss.numpy() for loss in layer.losses] == [pytest.approx(0.01 * 4.0 / 2)]
    same = L.ActivityRegularization(l2=0.5)
    assert same(nf.constant([[2.0], [4.0]])).numpy().tolist() == [[2.0], [4.0]]
    assert same.losses[0].numpy() == pytest.approx(0.5 * 20 / 2)


def test_add_metric():
    class Measured(L.Layer):
        def call(self, inputs):
            self.add_metric(nf.reduce_sum(inputs), "mean", "total")
            return inputs

    layer = Measured()
    model = nf.keras.Sequential([layer])
    model(nf.ones((1, 2)))
    model(nf.ones((1, 4)))
    (metric,) = model.metrics
    assert metric.name == "total"
    assert float(metric.result()) == 3.0
    with pytest.raises(ValueError, match="knows the aggregation 'mean'"):
        layer.add_metric(1.0, name="x")
    with pytest.raises(ValueError, match="needs a name"):
        layer.add_metric(1.0, "mean")


# ---- training
def test_training_reaches_the_layers_within_unless_they_are_told_otherwise():
    seen = []

    class Watches(L.Layer):
        def call(self, inputs, training=None):
            seen.append(training)
            return inputs

    class Holds(L.Layer):
        def __init__(self):
            super().__init__()
            self.a, self.b = Watches(), Watches()

        def call(self, inputs):
            return self.b(self.a(inputs), training=False)

    holds = Holds()
    for training in (True, None, False):
        holds(nf.ones(1), training=training)
    holds(nf.ones(1))
    assert seen == [True, False, None, False, False, False, None, False]
    seen.clear()
    watches = Watches()
    for _ in range(2):
        watches(nf.ones(1), True)
        watches(nf.ones(1), training=True)
        watches(nf.ones(1))
    assert seen == [True, True, None] * 2


def test_training_is_of_one_thread():
    layer, seen = L.Dropout(0.5), []

    class Starts(L.Layer):
        def call(self, inputs, training=None):
            thread = threading.Thread(target=lambda: seen.append(layer(inputs)))
            thread.start()
            thread.join()
            return inputs

    Starts()(nf.ones(50), training=True)
    assert seen[0].numpy().tolist() == [1.0] * 50


# ---- masks
def test_masks_pass_through_and_reach_who_takes_them():
    seen = []

    class Takes(L.Layer):
        def call(self, inputs, mask=None):
            seen.append(None if mask is None else mask.numpy().tolist())
            return inputs * 1.0

        def compute_mask(self, inputs, mask=None):
            return None

    x = nf.constant([[[1.0], [0.0]]])
    model = nf.keras.Sequential([L.Masking(), L.Dense(2), L.Dropout(0.5), Takes()])
    y = model(x)
    model(x)
    assert seen == [[[True, False]]] * 2
    assert getattr(y, "_keras_mask", None) is None
    Takes()(x)
    assert seen[-1] is None
    with pytest.raises(TypeError, match=r"Layer .* does not support masking, but was passed an input_mask"):
        nf.keras.Sequential([L.Masking(), Scaled()])(x)


# ---- inputs that do not fit
def test_wrong_inputs_name_the_layer():
    layer = L.Dense(3, name="mine")
    with pytest.raises(ValueError, match="Input 0 of layer mine is incompatible with the layer: : expected "
                                         "min_ndim=2, found ndim=0"):
        layer(nf.constant(1.0))
    layer(nf.ones((1, 4)))
    layer(nf.ones((1, 4)))
    with pytest.raises(ValueError,
                       match=r"layer mine .*expected axis -1 of input shape to have value 4, found 5"):
        layer(nf.ones((1, 5)))
    with pytest.raises(ValueError, match="Layer mine expects 1 inputs, but it received 2"):
        layer([nf.ones((1, 4))] * 2)
    with pytest.raises(TypeError, match="Layer mine takes tensors, got str"):
        layer("text")
    with pytest.raises(TypeError, match=r"layer mine: a tensor can't hold .* values"):
        layer(np.array(["text"]))

    class Multiplies(L.Layer):
        def call(self, inputs):
            return nf.matmul(inputs, nf.ones((3, 3)))

    inner = Multiplies(name="inner")
    with pytest.raises(ValueError, match=r"^layer inner: matmul"):
        nf.keras.Sequential([inner], name="outer")(nf.ones((2, 2)))


def test_input_specs():
    for spec, shape, message in [(L.InputSpec(ndim=2), (1, 2, 3), "expected ndim=2, found ndim=3"),
                                 (L.InputSpec(max_ndim=2), (1, 2, 3), "expected max_ndim=2, found ndim=3"),
                                 (L.InputSpec(shape=(None, 2)), (1, 3), r"expected shape=\(None, 2\)"),
                                 (L.InputSpec(axes={2: 1}), (1, 3), "expected an axis 2, found ndim=2"),
                                 (L.InputSpec(dtype="int32"), (1,),
                                  "expected dtype=int32, found dtype=float32")]:
        layer = L.Layer()
        layer.input_spec = spec
        with pytest.raises(ValueError, match=message):
            layer(nf.ones(shape))
    both = L.Layer()
    both.input_spec = [L.InputSpec(ndim=1), None]
    both([nf.ones(2), nf.ones((2, 2))])
    assert repr(L.InputSpec(ndim=1, axes={-1: 2})) == "InputSpec(ndim=1, axes={-1: 2})"


# ---- configuration, copies, memory
def test_configurations():
    config = L.Dense(3, activation="relu", kernel_regularizer="l2", name="d").get_config()
    again = L.Dense.from_config(config)
    assert again.get_config() == config
    assert config["kernel_initializer"]["class_name"] == "glorot_uniform_initializer"

    class Sized(L.Layer):
        def __init__(self, size):
            super().__init__()

    with pytest.raises(NotImplementedError, match="must override `get_config`: Sized has size"):
        Sized(3).get_config()
    with pytest.raises(ValueError, match="Unknown layer: 'Nothing'; known are"):
        L.deserialize({"class_name": "Nothing", "config": {}})


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))],
                         ids=["copy", "pickle"])
def test_copies_are_independent(copied):
    model = nf.keras.Sequential([L.Dense(2, kernel_regularizer="l2"), L.Dense(1)])
    x = nf.ones((1, 3))
    y, other = model(x).numpy(), copied(model)
    other.layers[0].kernel.assign(nf.zeros((3, 2)))
    assert np.array_equal(model(x).numpy(), y)
    assert not np.array_equal(other(x).numpy(), y)
    assert other.losses[0].numpy() == 0.0
    assert model.losses[0].numpy() > 0.0
    assert other.weights[0] is other.layers[0].kernel


def test_a_layer_is_freed_with_its_last_reference():
    gc.disable()
    try:
        model = Pair()
        model(nf.ones((1, 2)))
        assert len(model.weights) == 6
        assert model.losses == []
        gone = [weakref.ref(model), weakref.ref(model.first), weakref.ref(model.first.kernel)]
        del model
        assert [ref() for ref in gone] == [None] * 3
    finally:
        gc.enable()
