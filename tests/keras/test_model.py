"""Models by subclass and by stack: their layers, variables, building and errors."""
import gc
import weakref

import numpy as np
import pytest

import numbaflow as nf

L = nf.keras.layers


class Classifier(nf.keras.Model):
    """Two layers, the second used twice, and a variable."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.dense1, self.dense2 = L.Dense(4), L.Dense(4)
        self.shift = nf.Variable(0.0)

    def call(self, input):
        return self.dense2(self.dense2(self.dense1(input))) + self.shift


# ---- subclasses
def test_variables_are_those_of_the_layers_and_then_its_own():
    class ExtraVar(nf.keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = L.Dense(1)
            self.var, self.fixed = nf.Variable(1.0), nf.Variable(2.0, trainable=False)

        def call(self, inputs):
            return self.dense(inputs + self.var)

    model = ExtraVar()
    assert model.trainable
    assert model.layers == [model.dense]
    assert model.variables == [model.var, model.fixed]
    assert model.trainable_variables == [model.var]
    model.trainable = False
    assert model.trainable_variables == []
    assert model.non_trainable_variables == [model.var, model.fixed]
    model.trainable = True
    model(nf.ones((1, 1)))
    expected = [model.dense.kernel, model.dense.bias, model.var]
    assert model.variables == [*expected, model.fixed]
    assert model.trainable_variables == expected
    assert model.non_trainable_variables == [model.fixed]
    assert model.count_params() == 4


def test_the_variables_of_a_layer_used_twice_are_shared_and_get_both_gradients():
    model = Classifier()
    x = nf.ones((1, 4))
    with nf.GradientTape() as tape:
        loss = nf.reduce_sum(model(x))
    assert len(model.variables) == 5
    h = x.numpy() @ model.dense1.kernel.numpy()
    w = model.dense2.kernel.numpy()
    ones = np.ones((1, 4), np.float32)
    expected = h.T @ (ones @ w.T) + (h @ w).T @ ones
    np.testing.assert_allclose(tape.gradient(loss, model.dense2.kernel).numpy(), expected, rtol=1e-5)


def test_the_guides_linear_model():
    class Model(nf.keras.Model):
        def __init__(self):
            super().__init__()
            self.W, self.B = nf.Variable(5.0, name="weight"), nf.Variable(10.0, name="bias")

        def call(self, inputs):
            return inputs * self.W + self.B

    model, optimizer = Model(), nf.train.GradientDescentOptimizer(0.1)
    x = nf.random_normal([200], seed=1)
    for _ in range(100):
        with nf.GradientTape() as tape:
            loss = nf.reduce_mean(nf.square(model(x) - (x * 3 + 2)))
        optimizer.apply_gradients(zip(tape.gradient(loss, model.trainable_variables), [model.W, model.B],
                                      strict=True))
    assert model.W.numpy() == pytest.approx(3.0, abs=1e-3)
    assert model.B.numpy() == pytest.approx(2.0, abs=1e-3)


def test_models_nest_and_lists_and_dicts_of_layers_are_found():
    class Outer(nf.keras.Model):
        def __init__(self):
            super().__init__()
            self.blocks = [Classifier(), Classifier()]
            self.heads = {"a": L.Dense(1), "b": (L.Dense(2), "text")}
            self.sizes = [1, 2]

        def call(self, inputs):
            for block in self.blocks:
                inputs = block(inputs)
            return self.heads["a"](inputs), self.heads["b"][0](inputs)

    model = Outer()
    a, b = model(nf.ones((3, 4)))
    assert (a.shape, b.shape) == ((3, 1), (3, 2))
    assert model.sizes == [1, 2]
    assert len(model.layers) == 4
    assert len(model.variables) == 14
    model.blocks.append(L.Dense(4))
    model(nf.ones((3, 4)))
    assert len(model.layers) == 5
    assert len(model.variables) == 16
    names = [v.name for v in model.variables]
    assert names[0] == f"{model.name}/{model.blocks[0].name}/{model.blocks[0].dense1.name}/kernel:0"


def test_errors_of_subclasses():
    class Forgets(nf.keras.Model):
        def __init__(self):
            self.dense = L.Dense(1)

    with pytest.raises(RuntimeError, match="It looks like you are subclassing `Model` and you forgot to call "
                                           r"`super\(Forgets, self\).__init__\(\)`"):
        Forgets()
    with pytest.raises(NotImplementedError, match="you should implement a `call` method"):
        nf.keras.Model()(nf.ones(1))
    with pytest.raises(NotImplementedError, match="only functional and sequential models"):
        Classifier().get_config()


def test_get_layer():
    model = Classifier()
    assert model.get_layer(index=1) is model.dense2
    assert model.get_layer(model.dense1.name) is model.dense1
    with pytest.raises(ValueError, match="No such layer: x"):
        model.get_layer("x")
    with pytest.raises(ValueError, match="retrieve layer at index 9 but model only has 2 layers"):
        model.get_layer(index=9)
    with pytest.raises(ValueError, match="Provide either a layer name or layer index"):
        model.get_layer()


def test_build():
    model = Classifier(name="c")
    model.build((None, 3))
    assert model.built
    assert model.dense1.kernel.shape == (3, 4)
    assert model.dense1.kernel.name == f"c/{model.dense1.name}/kernel:0"

    class Two(nf.keras.Model):
        def __init__(self):
            super().__init__()
            self.a, self.b = L.Dense(2), L.Dense(2)

        def call(self, inputs, training=None):
            return self.a(inputs[0]) + self.b(inputs[1])

    two = Two()
    two.build([(None, 3), (None, 4)])
    assert [v.shape for v in two.weights] == [(3, 2), (2,), (4, 2), (2,)]

    class Needs(nf.keras.Model):
        def call(self, inputs, other):
            return inputs

    class Looks(nf.keras.Model):
        def call(self, inputs):
            return nf.range(inputs.shape[0])[inputs[0, 0]]

    with pytest.raises(ValueError, match="Input shape must be defined when calling build"):
        Classifier().build(None)
    with pytest.raises(ValueError, match=r"not one of the valid types.*str"):
        Classifier().build("3")
    with pytest.raises(ValueError, match="required for its `call` method"):
        Needs().build((None, 3))
    looks = Looks()
    with pytest.raises(ValueError, match="if your layers do not support float type inputs"):
        looks.build((None, 3))
    assert not looks.built


def test_a_build_of_ones_own_is_called_first_and_asked_for():
    class Own(nf.keras.Model):
        def build(self, input_shape):
            self.w = self.add_weight("w", (input_shape[-1], 2))
            super().build(input_shape)

        def call(self, inputs):
            return nf.matmul(inputs, self.w)

    model = Own()
    with pytest.raises(ValueError, match=r"Weights for model .* have not yet been created"):
        _ = model.weights
    assert model(nf.ones((1, 3))).shape == (1, 2)
    assert len(model.weights) == 1
    model = Own(name="own")
    model.build((None, 3))
    assert [v.name for v in model.weights] == ["own/w:0"]


def test_random_numbers_of_probes_do_not_count_as_losses():
    class Reports(nf.keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = L.Dense(2, activity_regularizer="l2")

        def call(self, inputs):
            y = self.dense(inputs)
            self.add_loss(nf.reduce_sum(y))
            self.add_metric(y, "mean", "y")
            return y

    model = Reports()
    model.build((None, 3))
    assert model.losses == []
    assert [float(m.result()) for m in model.metrics] == [0.0]
    model(nf.ones((1, 3)))
    assert len(model.losses) == 2


# ---- stacks
def test_a_stack_is_built_at_once_where_the_first_layer_says_its_shape():
    model = nf.keras.Sequential([L.Dense(10, input_shape=(784,)), L.Dense(10)])
    assert model.built
    assert [v.shape for v in model.weights] == [(784, 10), (10,), (10, 10), (10,)]
    assert model.input_shape == (None, 784)
    assert model.output_shape == (None, 10)
    assert model.layers[1].output_shape == (None, 10)
    assert model.outputs[0].shape == (None, 10)
    assert model.weights[0].name == f"{model.layers[0].name}/kernel:0"
    first = nf.keras.Sequential([L.InputLayer((4,)), L.Dense(2)])
    assert first.built
    assert len(first.layers) == 1
    assert first.input_shape == (None, 4)
    nested = nf.keras.Sequential([first, L.Dense(3)])
    assert nested.output_shape == (None, 3)
    assert len(nested.weights) == 4


def test_else_it_is_built_by_its_first_call_or_by_build():
    model = nf.keras.Sequential([L.Dense(3), L.Dense(2)])
    with pytest.raises(ValueError, match=f"Weights for model {model.name} have not yet been created"):
        _ = model.weights
    with pytest.raises(ValueError, match="You must provide an `input_shape` argument"):
        model.build()
    assert not model.built
    assert model(nf.ones((1, 4))).shape == (1, 2)
    assert model.built
    assert len(model.trainable_variables) == 4
    assert model.inputs is None
    other = nf.keras.Sequential([L.Dense(3), L.Dense(2)])
    other.build((None, 5))
    assert other.output_shape == (None, 2)
    assert other.weights[0].shape == (5, 3)
    assert other.compute_output_shape((7, 5)) == (7, 2)


def test_add_and_pop():
    model = nf.keras.Sequential()
    with pytest.raises(TypeError, match="There are no layers in the model"):
        model.pop()
    model.add(L.Dense(3, input_shape=(2,)))
    model.add(L.Dense(4))
    assert model.output_shape == (None, 4)
    model.pop()
    assert model.output_shape == (None, 3)
    assert len(model.layers) == 1
    assert len(model.weights) == 2
    model.pop()
    assert model.layers == []
    assert model.outputs is None
    with pytest.raises(TypeError, match=r"The added layer must be an instance of class Layer. Found: 3"):
        model.add(3)
    model.add(L.Dense(3, input_shape=(2,)))
    with pytest.raises(ValueError, match="ndim"):
        model.add(L.Conv2D(1, 1))
    assert len(model.layers) == 1

    class Twins(L.Layer):
        def call(self, inputs):
            return inputs, inputs

    with pytest.raises(ValueError, match="should have a single output tensor"):
        model.add(Twins())


def test_a_layer_may_stand_in_a_stack_twice():
    shared = L.Dense(3, kernel_initializer="ones")
    model = nf.keras.Sequential([shared, shared])
    assert model(nf.ones((1, 3))).numpy().tolist() == [[9.0] * 3]
    assert len(model.weights) == 2


def test_training_and_masks_pass_through_a_stack():
    model = nf.keras.Sequential([L.Dropout(0.5), nf.keras.Sequential([L.Dropout(0.5)])])
    x = nf.ones((1, 400))
    assert model(x).numpy().min() == 1.0
    assert model(x, training=False).numpy().min() == 1.0
    for _ in range(2):
        assert set(model(x, training=True).numpy().ravel().tolist()) == {0.0, 4.0}
    assert set(model.call(x, True).numpy().ravel().tolist()) == {0.0, 4.0}
    pooled = nf.keras.Sequential([L.GlobalAveragePooling1D()])
    assert pooled(nf.constant([[[1.0], [3.0]]]), mask=nf.constant([[True, False]])).numpy() == [[1.0]]


def test_the_guides_mnist_model_takes_a_step():
    model = nf.keras.Sequential([L.Conv2D(16, [3, 3], activation="relu"),
                                 L.Conv2D(16, [3, 3], activation="relu"), L.GlobalAveragePooling2D(),
                                 L.Dense(10)])
    images, labels = nf.random_uniform((4, 10, 10, 1), seed=1), nf.constant([1, 2, 3, 4], "int64")
    assert model(images[0:1]).numpy().shape == (1, 10)
    optimizer, losses = nf.train.AdamOptimizer(0.01), []
    for _ in range(20):
        with nf.GradientTape() as tape:
            loss = nf.losses.sparse_softmax_cross_entropy(labels, model(images, training=True))
        losses.append(loss.numpy())
        grads = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(grads, model.trainable_variables, strict=True),
                                  global_step=nf.train.get_or_create_global_step())
    assert losses[-1] < losses[0]
    assert len(model.trainable_variables) == 6


def test_checkpoints_reach_layers_that_are_not_built_yet(tmp_path):
    def made():
        return nf.keras.Sequential([L.Dense(3), L.BatchNormalization(), L.Dense(2)])

    model, other = made(), made()
    x = nf.ones((2, 4))
    model(x, training=True)
    path = nf.train.Checkpoint(model=model).save(str(tmp_path / "c"))
    status = nf.train.Checkpoint(model=other).restore(path)
    np.testing.assert_array_equal(other(x).numpy(), model(x).numpy())
    status.assert_consumed()


def test_models_are_freed_with_their_last_reference():
    gc.disable()
    try:
        for make in (Classifier, lambda: nf.keras.Sequential([L.Dense(2, input_shape=(4,)), L.Dense(1)])):
            model = make()
            model(nf.ones((1, 4)))
            gone = [weakref.ref(model), *[weakref.ref(layer) for layer in model.layers]]
            del model
            assert [ref() for ref in gone] == [None] * len(gone)
    finally:
        gc.enable()
