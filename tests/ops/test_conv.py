"""Convolutions by their public names: TensorFlow's paddings, names and layouts, transposes, errors."""
import itertools

import numpy as np
import pytest

import numbaflow as nf
from numbaflow.ops import conv_reference as reference
from numbaflow.ops.conv import conv_bias

RNG = np.random.default_rng(2)
X, W = RNG.standard_normal((2, 7, 8, 4)), RNG.standard_normal((3, 2, 4, 5))


def same(n, r, s, d=1):
    """TensorFlow's padding: ceil(n / s) places, what is odd at the end."""
    total = max((-(-n // s) - 1) * s + (r - 1) * d + 1 - n, 0)
    return total // 2, total - total // 2


def close(got, want, rtol=1e-12):
    np.testing.assert_allclose(got.numpy(), want, rtol=rtol, atol=rtol)


@pytest.mark.parametrize(("strides", "dilations"), [((1, 1), (1, 1)), ((2, 1), (1, 1)), ((3, 2), (1, 1)),
                                                    ((1, 1), (2, 3))])
def test_conv2d_paddings_and_layouts(strides, dilations):
    sides = zip((7, 8), (3, 2), strides, dilations, strict=True)
    pads = {"VALID": ((0, 0), (0, 0)), "SAME": tuple(same(*side) for side in sides)}
    first = np.moveaxis(X, -1, 1)
    for padding, pairs in pads.items():
        want = reference.output(X, W, strides, pairs, dilations)
        close(nf.nn.conv2d(X, W, list(strides), padding, dilations=list(dilations)), want)
        close(nf.nn.conv2d(X, filters=W, strides=[1, *strides, 1], padding=padding.lower(),
                           dilations=[1, *dilations, 1]), want)
        explicit = [[0, 0], *map(list, pairs), [0, 0]]
        close(nf.nn.conv2d(X, W, strides, explicit, dilations=dilations), want)
        y = nf.nn.conv2d(first, W, [1, 1, *strides], padding, data_format="NCHW", dilations=dilations)
        close(y, np.moveaxis(want, -1, 1))
        close(nf.nn.convolution(X, W, padding, strides, dilations), want)


def test_other_ranks():
    x, w = RNG.standard_normal((2, 9, 3)), RNG.standard_normal((3, 3, 4))
    want = reference.output(x, w, (2,), (same(9, 3, 2),), (1,))
    close(nf.nn.conv1d(x, w, 2, "SAME"), want)
    close(nf.nn.conv1d(np.moveaxis(x, 1, 2), w, 2, "SAME", data_format="NCW"), np.moveaxis(want, 1, 2))
    x, w = RNG.standard_normal((1, 4, 5, 6, 2)), RNG.standard_normal((2, 3, 2, 2, 3))
    close(nf.nn.conv3d(x, w, [1, 1, 2, 1, 1], "VALID"),
          reference.output(x, w, (1, 2, 1), ((0, 0),) * 3, (1, 1, 1)))


def test_groups_follow_from_the_channels():
    w = RNG.standard_normal((3, 2, 2, 6))
    close(nf.nn.conv2d(X, w, 1, "VALID"), reference.output(X, w, (1, 1), ((0, 0),) * 2, (1, 1), groups=2))


def test_depthwise_and_separable():
    w, p = RNG.standard_normal((3, 3, 4, 2)), RNG.standard_normal((1, 1, 8, 3))
    deep = nf.nn.depthwise_conv2d(X, w, [1, 2, 2, 1], "SAME")
    pads = (same(7, 3, 2), same(8, 3, 2))
    want = reference.output(X, w.reshape(3, 3, 1, 8), (2, 2), pads, (1, 1), groups=4)
    close(deep, want)
    close(nf.nn.separable_conv2d(X, w, p, [1, 2, 2, 1], "SAME"), want @ p[0, 0])


@pytest.mark.parametrize("padding", ["SAME", "VALID"])
def test_a_transpose_is_the_gradient_of_its_convolution(padding):
    for stride, first in itertools.product((1, 2), (False, True)):
        form = "NCHW" if first else "NHWC"
        x = np.moveaxis(X, -1, 1) if first else X
        with nf.GradientTape() as tape:
            x = nf.constant(x)
            tape.watch(x)
            y = nf.nn.conv2d(x, W, stride, padding, data_format=form)
        dy = RNG.standard_normal(y.shape)
        back = tape.gradient(y, x, output_gradients=dy)
        turned = nf.nn.conv2d_transpose(dy, W, x.shape, stride, padding, data_format=form)
        close(turned, back.numpy())
        if not first:
            close(nf.nn.conv2d_backprop_input(x.shape, W, dy, [1, stride, stride, 1], padding), back.numpy())


def test_backprop_filter_is_the_filters_gradient():
    w = nf.constant(W)
    with nf.GradientTape() as tape:
        tape.watch(w)
        y = nf.nn.conv2d(X, w, 2, "SAME")
    dy = RNG.standard_normal(y.shape)
    close(nf.nn.conv2d_backprop_filter(X, W.shape, dy, [1, 2, 2, 1], "SAME"),
          tape.gradient(y, w, output_gradients=dy).numpy())


def test_bias_and_activation_in_one_op_have_the_gradients_of_three():
    b = RNG.standard_normal(5)

    def fused(x, w, b):
        return conv_bias(x, w, b, 1, "SAME", 1, "NHWC", "relu")

    def plain(x, w, b):
        return nf.nn.relu(nf.nn.conv2d(x, w, 1, "SAME") + b)
    close(fused(X, W, b), plain(X, W, b).numpy())
    grads = [nf.gradients_function(f)(X, W, b) for f in (fused, plain)]
    for one, other in zip(*grads, strict=True):
        close(one, other.numpy(), 1e-10)

    def smooth(x, w, b):
        return conv_bias(x, w, b, 1, "VALID", 1, "NHWC", "tanh")
    nf.testing.check_gradients(smooth, [X, W, b], order=2)


def test_an_empty_batch_gives_an_empty_result_and_gradient():
    x = nf.zeros((0, 7, 8, 4), nf.float64)
    with nf.GradientTape() as tape:
        w = nf.constant(W)
        tape.watch(w)
        y = nf.nn.conv2d(x, w, 1, "VALID")
    assert y.shape == (0, 5, 7, 5)
    np.testing.assert_array_equal(tape.gradient(y, w).numpy(), np.zeros(W.shape))


@pytest.mark.parametrize(("call", "message"), [
    (lambda: nf.nn.conv2d(X[0], W, 1, "SAME"), r"input.*4"),
    (lambda: nf.nn.conv2d(X, W[0], 1, "SAME"), r"filter.*4"),
    (lambda: nf.nn.conv2d(X[..., :3], W, 1, "SAME"), r"3 channels.*4 of the filter"),
    (lambda: nf.nn.conv2d(X, W, 1, "FULL"), r"padding must be 'SAME', 'VALID'.*'FULL'"),
    (lambda: nf.nn.conv2d(X, W, 1, [[1, 1]]), "padding must be"),
    (lambda: nf.nn.conv2d(X, W, 1, "SAME", data_format="NWHC"), "data_format must be 'NHWC' or 'NCHW'"),
    (lambda: nf.nn.conv2d(X, W, 0, "SAME"), "strides must be positive"),
    (lambda: nf.nn.conv2d(X, W, [1, 2, 3], "SAME"), "strides must have 1, 2 or 4 entries"),
    (lambda: nf.nn.conv2d(X, W, [2, 1, 1, 1], "SAME"), "batch and channel"),
    (lambda: nf.nn.conv2d(X, W, 1, "SAME", dilations=1.5), "dilations must be integers"),
    (lambda: nf.nn.conv2d(X[:, :2], W, 1, "VALID"), "larger than the input"),
    (lambda: nf.nn.conv2d(X, RNG.standard_normal((3, 3, 2, 5)), 1, "SAME"), "do not divide into 2 groups"),
    (lambda: nf.nn.conv2d(X.astype(np.int32), W, 1, "SAME"), "float"),
    (lambda: nf.nn.conv2d_transpose(X, W, (2, 7, 8, 4), 1), "channels|output of shape"),
    (lambda: nf.nn.conv2d_transpose(nf.zeros((2, 7, 8, 5)), W, (2, 9, 8, 4), 1), "have an output of shape"),
])
def test_refusals_say_why(call, message):
    with pytest.raises((ValueError, TypeError), match=message):
        call()
