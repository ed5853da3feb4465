"""Whole models in another runtime, for batches of several sizes; and what can't be exported."""
import numpy as np
import onnx
import onnxruntime
import pytest

import numbaflow as nf
from numbaflow import saved_model
from numbaflow.core.optable import op
from numbaflow.graph.flow import control
from numbaflow.graph.function import TensorSpec, function
from numbaflow.keras import layers
from numbaflow.onnx import convert, export


def session(model):
    onnx.checker.check_model(model, full_check=True)
    return onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])


def dense():
    return nf.keras.Sequential([
        layers.Dense(16, activation="relu", input_shape=(7,)), layers.BatchNormalization(),
        layers.Dropout(0.3), layers.Dense(8, activation="elu"), layers.LeakyReLU(),
        layers.Dense(3, activation="softmax")])


def mnist():
    """The model of the eager guide."""
    return nf.keras.Sequential([
        layers.Conv2D(16, [3, 3], activation="relu", input_shape=(28, 28, 1)),
        layers.Conv2D(16, [3, 3], activation="relu"), layers.GlobalAveragePooling2D(), layers.Dense(10)])


def residual():
    x = given = nf.keras.Input((12, 12, 8))
    for stride in (1, 2):
        y = layers.Conv2D(8, 3, stride, "same", use_bias=False)(x)
        y = layers.Activation("relu")(layers.BatchNormalization()(y))
        y = layers.BatchNormalization()(layers.Conv2D(8, 3, 1, "same", use_bias=False)(y))
        if stride > 1:
            x = layers.BatchNormalization()(layers.Conv2D(8, 1, stride)(x))
        x = layers.Activation("relu")(layers.Add()([x, y]))
    x = layers.MaxPooling2D(3, 2, "same")(x)
    return nf.keras.Model(given, layers.Dense(4)(layers.Flatten()(x)))


def mobile():
    return nf.keras.Sequential([
        layers.SeparableConv2D(6, 3, padding="same", input_shape=(9, 9, 4)), layers.DepthwiseConv2D(3),
        layers.UpSampling2D(2), layers.Conv2DTranspose(5, 3, 2, "same"),
        layers.AveragePooling2D(3, 2, "same"), layers.ZeroPadding2D(1), layers.GlobalMaxPooling2D()])


def lstm():
    return nf.keras.Sequential([layers.LSTM(6, return_sequences=True, input_shape=(5, 3)), layers.LSTM(4),
                                layers.Dense(2)])


def gru():
    return nf.keras.Sequential([layers.GRU(6, input_shape=(5, 3)), layers.Dense(2, activation="tanh")])


def text():
    return nf.keras.Sequential([
        layers.Embedding(20, 6, input_length=5), layers.Conv1D(4, 3, padding="causal"),
        layers.Bidirectional(layers.SimpleRNN(3)), layers.Dense(1, activation="sigmoid")])


def joined():
    a, b = nf.keras.Input((4,), name="left"), nf.keras.Input((4,), name="right")
    x = layers.Concatenate()([layers.Dense(3)(a), layers.Multiply()([a, b])])
    return nf.keras.Model([a, b], [layers.Dense(2)(x), layers.Dot(1)([a, b])])


@pytest.mark.parametrize("make", [dense, mnist, residual, mobile, lstm, gru, text, joined],
                         ids=lambda make: make.__name__)
def test_models(make):
    model = make()
    for v in model.weights:
        v.assign(np.random.default_rng(v.shape.num_elements()).uniform(
            0.1 if "variance" in v.name else -0.5, 0.6, v.shape).astype("f"))
    run = session(convert(model))
    for n in (1, 3):
        integers = any(isinstance(layer, layers.Embedding) for layer in model.layers)
        given = [np.random.randint(0, 20, (n, *t.shape[1:])).astype(t.dtype.name) if integers else
                 np.random.rand(n, *t.shape[1:]).astype("f") for t in model.inputs]
        found = run.run(None, dict(zip([i.name for i in run.get_inputs()], given, strict=True)))
        expected = model(given if len(given) > 1 else given[0], training=False)
        expected = expected if isinstance(expected, list) else [expected]
        for got, want in zip(found, expected, strict=True):
            np.testing.assert_allclose(got, want.numpy(), rtol=1e-5, atol=1e-5)


def test_names_of_inputs_and_outputs():
    @function(input_signature=[TensorSpec([None, 2]),
                               {"w": TensorSpec([2, 3]), "b": TensorSpec([3], name="bias")}])
    def f(x, weights):
        y = nf.matmul(x, weights["w"]) + weights["b"]
        return {"y": y, "parts": (x, [y * 2.0, x])}
    model = convert(f)
    assert [i.name for i in model.graph.input] == ["x", "bias", "weights_1"]
    assert [o.name for o in model.graph.output] == ["parts_0", "parts_1_0", "parts_1_1", "y"]
    assert model.graph.input[0].type.tensor_type.shape.dim[0].dim_param


def test_unknown_extents_in_shapes():
    def f(x):
        n = x.shape[0]
        y = nf.reshape(x, [n * 2, -1]) + nf.ones([n * 2, 1])
        return nf.concat([y, nf.zeros_like(y)], 0), nf.reduce_mean(x), x[-1], nf.cast(n, nf.float32)
    run = session(convert(f, input_signature=[TensorSpec([None, 6])]))
    for n in (1, 4):
        x = np.random.rand(n, 6).astype("f")
        for got, want in zip(run.run(None, {run.get_inputs()[0].name: x}), f(nf.constant(x)), strict=True):
            np.testing.assert_allclose(got, want.numpy(), rtol=1e-6)


def test_branches():
    w = nf.Variable([[2.0, -1.0], [0.5, 3.0]])

    def inner(x):
        return control.cond(x[0, 0] > 0.5, lambda: nf.matmul(x, w, transpose_b=True), lambda: nf.transpose(x))

    def f(x, k):
        picked = control.switch_case(k, [lambda: inner(x), lambda: x * w, lambda: x - nf.reduce_mean(w)])
        return picked + nf.transpose(x), nf.matmul(picked, w)
    run = session(convert(f, input_signature=[TensorSpec([2, 2]), TensorSpec([], nf.int32)]))
    for seed in range(4):
        x = np.random.default_rng(seed).random((2, 2)).astype("f")
        for k in range(4):
            found = run.run(None, {"inputs": x, "inputs_1": np.array(k, np.int32)})
            for got, want in zip(found, f(nf.constant(x), nf.constant(k)), strict=True):
                np.testing.assert_allclose(got, want.numpy(), rtol=1e-5)


def test_branches_on_unknown_extents():
    def f(x):
        return control.cond(nf.reduce_sum(x) > 1.0, lambda: x * 2.0, lambda: nf.tanh(x)) + 1.0
    run = session(convert(f, input_signature=[TensorSpec([None, 2])]))
    for n in (1, 3):
        for scale in (0.1, 10.0):
            x = np.full((n, 2), scale, np.float32)
            np.testing.assert_allclose(run.run(None, {"inputs": x})[0], f(nf.constant(x)).numpy(), rtol=1e-6)


def test_arguments_by_example_and_a_file(tmp_path):
    path = tmp_path / "f.onnx"
    x, y = np.random.rand(2, 3).astype("f"), np.arange(3)
    export(lambda x, y: nf.gather(x, y, axis=1) * 2.0, path, args=(x, y))
    run = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    names = [i.name for i in run.get_inputs()]
    np.testing.assert_array_equal(run.run(None, dict(zip(names, (x, y), strict=True)))[0], x * 2)


def test_a_loaded_saved_model(tmp_path):
    model = dense()
    saved_model.save(model, tmp_path / "model")
    run = session(convert(saved_model.load(tmp_path / "model").signatures["serving_default"], args=(
        np.zeros((4, 7), "f"),)))
    x = np.random.rand(4, 7).astype("f")
    np.testing.assert_allclose(run.run(None, {run.get_inputs()[0].name: x})[0], model(x).numpy(), rtol=1e-5)


def test_newer_opsets():
    model = convert(lambda x: nf.nn.softmax(x), args=(np.zeros((2, 3), "f"),), opset=20)
    assert model.opset_import[0].version == 20
    with pytest.raises(nf.errors.InvalidArgumentError, match="opset 9 is older than 18"):
        convert(lambda x: x, args=(np.zeros(2, "f"),), opset=9)


def test_all_that_is_missing_is_listed():
    @op(inputs="x", grads=None, reference=lambda x: x, samples=[nf.Sample(np.ones(2))],
        infer=lambda x: (x.shape, x.dtype))
    def onnx_lacks_this(x, name=None):
        """x."""
        return x
    with pytest.raises(nf.errors.UnimplementedError) as error:
        convert(lambda x: nf.lgamma(onnx_lacks_this(x)) + nf.digamma(x), args=(np.ones(2, "f"),))
    text = str(error.value)
    for name in ("onnx_lacks_this, at", "lgamma, at", "digamma, at", "test_models.py:"):
        assert name in text


def test_state_and_arguments_are_refused():
    v = nf.Variable(1.0, name="kept")
    with pytest.raises(nf.errors.UnimplementedError, match=r"assigns variables \(kept:0\)"):
        convert(lambda x: v.assign_add(x), args=(np.float32(1),))
    with pytest.raises(nf.errors.UnimplementedError, match="draws random numbers"):
        convert(lambda x: nf.random_normal([2]) + x, args=(np.float32(1),))
    with pytest.raises(nf.errors.InvalidArgumentError, match="a function needs an input_signature or args"):
        convert(lambda x: x)
    f = function(lambda x: x + x)
    f(nf.ones(2))
    f(nf.ones(3))
    with pytest.raises(nf.errors.InvalidArgumentError, match="was traced for 2 kinds of arguments"):
        convert(f)
