"""The checker, checked: planted mistakes are found, and named."""
import numpy as np
import pytest

import numbaflow as nf
from numbaflow.testing import check_gradients

X, Y = np.linspace(0.2, 1.0, 5), np.linspace(-1.0, 1.0, 5)


def with_gradient(grad_fn):
    @nf.custom_gradient
    def product(x, y):
        return x * y, lambda g: grad_fn(g, x, y)
    return product


def test_right_gradients_pass():
    check_gradients(with_gradient(lambda g, x, y: (g * y, g * x)), [X, Y], order=3)
    check_gradients(lambda x, n, flag: {"a": x ** float(n), "b": [nf.sin(x), nf.argmax(x)]}, [X, 3, "flag"])
    check_gradients(nf.exp, [X * 1e-3])
    check_gradients(lambda x: nf.exp(x * 50.0), [X])
    check_gradients(lambda x: x * 1e-9, [X])


@pytest.mark.parametrize(("wrong", "argument"), [
    (lambda g, x, y: (g * y, g * x * 1.0001), 1), (lambda g, x, y: (-g * y, g * x), 0),
    (lambda g, x, y: (None, g * x), 0),
    (lambda g, x, y: (g * y, g * x + nf.constant([0.0, 0.0, 1e-3, 0.0, 0.0], nf.float64)), 1),
])
def test_a_wrong_gradient_is_found_and_its_argument_named(wrong, argument):
    with pytest.raises(AssertionError, match=r"of order 1: .* from the rules, .* from finite") as caught:
        check_gradients(with_gradient(wrong), [X, Y])
    sides = [line for line in str(caught.value).splitlines() if "in argument" in line]
    differing = [k for k, line in enumerate(sides) if len({round(float(w), 6) for w in line.split()
                                                           if w[-1].isdigit()}) > 1]
    assert differing == [argument]


def test_a_wrong_second_order_is_found():
    stopped = with_gradient(lambda g, x, y: (g * nf.stop_gradient(y), g * x))
    check_gradients(stopped, [X, Y], order=1)
    with pytest.raises(AssertionError, match="gradient of order 2"):
        check_gradients(stopped, [X, Y], order=2)


def test_small_gradients_are_not_lost_next_to_large_ones():
    with pytest.raises(AssertionError, match="in argument 1"):
        check_gradients(with_gradient(lambda g, x, y: (g * y, g * x * 1.01)), [X * 1e-3, Y])


def test_kinks_are_told_apart_from_mistakes():
    with pytest.raises(AssertionError, match="near a kink or a pole"):
        check_gradients(abs, [np.array([1e-6, 1.0])])
    check_gradients(abs, [np.array([1e-2, 1.0])])


def test_single_precision_is_checked_in_double():
    check_gradients(nf.tanh, [X.astype(np.float32)], order=3)
    check_gradients(nf.tanh, [nf.constant(X.astype(np.float32))])


def test_complex_gradients():
    z = X + 1j * Y
    check_gradients(lambda z: z * z * z, [z])

    @nf.custom_gradient
    def not_conjugated(z):
        return z * z, lambda g: g * 2.0 * z
    with pytest.raises(AssertionError, match="gradient of order 1"):
        check_gradients(not_conjugated, [z])


@pytest.mark.parametrize("args", [[], [1.0], [3, "text"], [np.arange(3)]])
def test_nothing_to_check_is_an_error(args):
    with pytest.raises(ValueError, match="nothing to check"):
        check_gradients(lambda *xs: nf.constant(1.0), args)


def test_the_seed_decides():
    def messages(seed):
        with pytest.raises(AssertionError) as caught:
            check_gradients(with_gradient(lambda g, x, y: (g, g * x)), [X, Y], seed=seed)
        return str(caught.value)
    assert messages(1) == messages(1) != messages(2)
