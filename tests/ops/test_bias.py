"""Biases in both layouts, with their gradients, and what is refused."""
import numpy as np
import pytest

import numbaflow as nf


@pytest.mark.parametrize("shape", [(4, 3), (2, 5, 3), (2, 4, 5, 3), (2, 2, 3, 4, 3), (0, 3)])
def test_a_bias_for_each_channel(shape):
    rng = np.random.default_rng(0)
    x, b = rng.standard_normal(shape).astype("float32"), rng.standard_normal(3).astype("float32")
    g = rng.standard_normal(shape).astype("float32")
    for data_format in (None, "NHWC", "NCHW"):
        def turn(a, last=data_format != "NCHW"):
            return a if last else np.moveaxis(a, -1, 1)
        value, bias = nf.constant(turn(x)), nf.constant(b)
        with nf.GradientTape() as tape:
            tape.watch([value, bias])
            y = nf.nn.bias_add(value, bias, data_format)
        dx, db = tape.gradient(y, [value, bias], output_gradients=nf.constant(turn(g)))
        np.testing.assert_array_equal(y.numpy(), turn(x + b))
        np.testing.assert_array_equal(dx.numpy(), turn(g))
        np.testing.assert_allclose(db.numpy(), g.astype(float).sum(tuple(range(len(shape) - 1))), atol=1e-5)


def test_integers_and_products():
    assert nf.nn.bias_add([[1, 2]], [3, 4]).numpy().tolist() == [[4, 6]]
    x, w, b = np.array([[1.0, -2.0]]), np.array([[1.0, 2.0], [3.0, 0.5]]), np.array([1.0, 1.0])
    np.testing.assert_array_equal(nf.nn.xw_plus_b(x, w, b), x @ w + b)
    np.testing.assert_array_equal(nf.nn.relu_layer(x, w, b), np.maximum(x @ w + b, 0))


@pytest.mark.parametrize(("arguments", "message"), [
    (([1.0, 2.0], [1.0, 2.0]), "rank 2 or more"),
    (([[1.0, 2.0]], [1.0]), r"expected a bias \[2\]"),
    (([[1.0, 2.0]], [[1.0, 2.0]]), r"expected a bias \[2\]"),
    ((np.zeros((2, 3, 4)), np.zeros(4), "NCHW"), r"expected a bias \[3\]"),
    (([[1.0, 2.0]], [1.0, 2.0], "CN"), "unknown data_format 'CN'"),
])
def test_bad_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=f"bias_add: .*{message}"):
        nf.nn.bias_add(*arguments)
