"""Gradient functions: which arguments and outputs; all agree with each other and with known derivatives."""
import functools
import math

import numpy as np
import pytest

import numbaflow as nf
from numbaflow.core.tape import listening


def values(gradients):
    return [None if g is None else g.numpy().tolist() for g in gradients]


@pytest.fixture(autouse=True)
def no_tape_is_left_listening():
    yield
    assert listening() == ()


def f(x, y):
    return x * x * y


# ---- gradients_function: which arguments
def test_the_guides_square():
    grad = nf.gradients_function(nf.square)
    gradgrad = nf.gradients_function(lambda x: grad(x)[0])
    gradgradgrad = nf.gradients_function(lambda x: gradgrad(x)[0])
    assert nf.square(3.0).numpy() == 9.0
    assert values(grad(3.0)) == [6.0]
    assert values(gradgrad(3.0)) == [2.0]
    assert gradgradgrad(3.0) == [None]


def test_the_guides_absolute_value():
    def absolute(x):
        return x if x > 0.0 else -x
    grad = nf.gradients_function(absolute)
    assert values(grad(3.0)) == [1.0]
    assert values(grad(-3.0)) == [-1.0]


@pytest.mark.parametrize(("params", "expected"), [
    (None, [12.0, 9.0]), ([0], [12.0]), ([1], [9.0]), ([1, 0], [9.0, 12.0]), (0, [12.0]), ("y", [9.0]),
    (["y", "x"], [9.0, 12.0]), ([0, 0], [12.0, 12.0]),
])
def test_params_by_position_and_name(params, expected):
    assert values(nf.gradients_function(f, params=params)(3.0, 2.0)) == expected


@pytest.mark.parametrize(("params", "words"), [
    (["x", 1], r"params must be all strings or all integers; got \['x', 1\]"),
    ([1.0], "all strings or all integers"), ([True], "all strings or all integers"),
    (["z"], "'z' is not in list"), ([2], "no positional argument 2 among the 2"),
    ([-1], "no positional argument -1"),
])
def test_wrong_params_are_told_at_the_call(params, words):
    g = nf.gradients_function(f, params=params)
    with pytest.raises(ValueError, match=words):
        g(3.0, 2.0)


@pytest.mark.parametrize("given", [3.0, np.float32(3), np.array(3.0, np.float32), nf.constant(3.0),
                                   nf.Variable(3.0)], ids=lambda v: type(v).__name__)
def test_arguments_of_any_kind(given):
    assert values(nf.gradients_function(lambda x: x * x)(given)) == [6.0]


def test_lists_are_one_argument():
    g = nf.gradients_function(lambda x: nf.reduce_sum(x * x))
    assert values(g([1.0, 2.0])) == [[2.0, 4.0]]
    assert values(g([nf.constant(1.0), nf.constant(2.0)])) == [[2.0, 4.0]]


def test_arguments_that_are_not_differentiated_are_passed_as_they_are():
    def power(x, n, flag):
        assert type(n) is list
        assert flag == "text"
        return x ** float(len(n))
    assert values(nf.gradients_function(power, params=[0])(2.0, [1, 1, 1], "text")) == [12.0]


def test_integers_and_unused_arguments_give_none():
    g = nf.gradients_function(lambda x, n, z: x * nf.cast(n, nf.float32))
    assert values(g(2.0, 3, 1.0)) == [3.0, None, None]


def test_the_same_value_twice_is_two_arguments():
    x = nf.constant(3.0)
    assert values(nf.gradients_function(lambda a, b: a * b * b)(x, x)) == [9.0, 18.0]
    v = nf.Variable(3.0)
    assert values(nf.gradients_function(lambda a, b: a * b * b)(v, v)) == [9.0, 18.0]


def test_keyword_arguments_are_passed_on():
    def scaled(x, scale=1.0, *, shift=0.0):
        return x * x * scale + shift * x
    g = nf.gradients_function(scaled)
    assert values(g(3.0)) == [6.0]
    assert values(g(3.0, scale=2.0, shift=1.0)) == [13.0]
    assert values(g(3.0, 2.0)) == [12.0, 9.0]


def test_callables_of_every_kind():
    class Scale:
        def __call__(self, x):
            return x * 3.0

        def method(self, x):
            return x * 4.0
    for g, expected in ((lambda *xs: xs[0] * xs[1], [2.0, 3.0]), (nf.multiply, [2.0, 3.0]),
                        (functools.partial(f, nf.constant(3.0)), [9.0]), (nf.sin, [math.cos(3.0)]),
                        (Scale(), [3.0]), (Scale().method, [4.0])):
        args = [3.0, 2.0][:len(expected)]
        np.testing.assert_allclose(values(nf.gradients_function(g)(*args)), expected, rtol=1e-6)


# ---- outputs
def test_outputs_are_summed_and_weighted_by_dy():
    x = nf.constant([1.0, 2.0])
    g = nf.gradients_function(lambda x: x * x)
    assert values(g(x)) == [[2.0, 4.0]]
    assert values(g(x, dy=nf.constant([10.0, 1.0]))) == [[20.0, 4.0]]
    assert values(g(x, dy=np.array([1.0, 0.0]))) == [[2.0, 0.0]]
    with pytest.raises(ValueError, match=r"shape \(3,\) for a target of shape \(2,\)"):
        g(x, dy=np.ones(3))


def test_nested_outputs():
    g = nf.gradients_function(lambda x: {"a": x * 2.0, "b": (x * x, [x * 3.0])})
    assert values(g(5.0)) == [2.0 + 10.0 + 3.0]
    assert values(g(5.0, dy=[1.0, 0.0, 10.0])) == [32.0]
    with pytest.raises(ValueError, match="2 for 3 targets"):
        g(5.0, dy=[1.0, 1.0])


def test_a_function_that_returns_its_argument():
    assert values(nf.gradients_function(lambda x: x)(3.0)) == [1.0]
    assert values(nf.gradients_function(lambda x, y: (x, y, x))(3.0, 1.0)) == [2.0, 1.0]


def test_functions_that_return_no_tensor():
    def forgetful(x):
        x * x
    with pytest.raises(ValueError, match="returns None; did you forget to return a value from forgetful"):
        nf.gradients_function(forgetful)(3.0)
    assert nf.gradients_function(lambda x: 7.0)(3.0) == [None]


def test_an_exception_in_the_function_passes_through():
    with pytest.raises(ZeroDivisionError):
        nf.gradients_function(lambda x: 1 / 0)(3.0)


# ---- the other faces
def test_value_and_gradients_function():
    value, grads = nf.value_and_gradients_function(f)(3.0, 2.0)
    assert value.numpy() == 18.0
    assert values(grads) == [12.0, 9.0]
    value, (d,) = nf.value_and_gradients_function(lambda x: {"a": x * x, "b": [x, 1.0]})(3.0)
    assert {k: type(v).__name__ for k, v in value.items()} == {"a": "Tensor", "b": "list"}
    assert value["b"][1].numpy() == 1.0
    assert d.numpy() == 7.0


def test_make_vjp():
    y, vjp = nf.make_vjp(f)(3.0, 2.0)
    assert y.numpy() == 18.0
    assert values(vjp()) == [12.0, 9.0]
    assert values(vjp(nf.constant(2.0))) == [24.0, 18.0]
    _, vjp = nf.make_vjp(f, params=["x"], persistent=False)(3.0, 2.0)
    assert values(vjp()) == [12.0]
    with pytest.raises(RuntimeError, match="only be called once"):
        vjp()


def test_vjp_as_part_of_a_differentiated_function():
    def doubled(x):
        _, vjp = nf.make_vjp(lambda t: t * t * t)(x)
        return vjp(nf.constant(2.0))[0]             # 6 x^2
    assert values(nf.gradients_function(doubled)(3.0)) == [36.0]


def test_implicit_gradients():
    a, b, c = nf.Variable(2.0), nf.Variable(3.0), nf.Variable(4.0, trainable=False)
    found = nf.implicit_gradients(lambda x, scale=1.0: b * a * a * x * c * scale)(1.0, scale=2.0)
    assert [v for _, v in found] == [a, b]
    assert values([g for g, _ in found]) == [96.0, 32.0]
    value, found = nf.implicit_value_and_gradients(lambda: {"y": a * b})()
    assert value["y"].numpy() == 6.0
    assert values([g for g, _ in found]) == [3.0, 2.0]


def test_implicit_gradients_of_a_variable_that_does_not_matter():
    a, b = nf.Variable(2.0), nf.Variable(3.0)

    def g():
        b.value()
        return a * 2.0
    assert values([d for d, _ in nf.implicit_gradients(g)()]) == [2.0, None]


def test_implicit_gradients_without_variables():
    v = nf.Variable(3.0)
    outside = v * v
    for g in (lambda: nf.constant(1.0), lambda: outside * 2.0):
        with pytest.raises(ValueError, match="No trainable variables were accessed while the function was"):
            nf.implicit_gradients(g)()
    with pytest.raises(ValueError, match="returns None"):
        nf.implicit_gradients(lambda: None)()


# ---- higher orders, and derivatives inside functions
@pytest.mark.parametrize("order", [1, 2, 3, 4, 5])
def test_derivatives_of_sine_to_the_fifth_order(order):
    g = nf.sin
    for _ in range(order):
        g = (lambda inner: lambda x: nf.gradients_function(inner)(x)[0])(g)
    expected = [math.cos, lambda x: -math.sin(x), lambda x: -math.cos(x), math.sin, math.cos][order - 1](0.7)
    np.testing.assert_allclose(g(np.float64(0.7)).numpy(), expected, rtol=1e-12)


def test_derivatives_in_different_arguments():
    first = nf.gradients_function(lambda x, y: x * x * x * y * y)
    mixed = nf.gradients_function(lambda x, y: first(x, y)[0])
    assert values(mixed(2.0, 3.0)) == [108.0, 72.0]


def test_a_gradient_penalty():
    w = nf.Variable(2.0)
    grad = nf.gradients_function(lambda x: w * x * x)

    def penalty(x):
        return nf.square(grad(x)[0] - 1.0)          # (2 w x - 1)^2
    ((d, v),) = nf.implicit_gradients(penalty)(3.0)
    assert v is w
    assert d.numpy() == 2 * (12.0 - 1) * 6.0


def test_the_guides_line_search():
    """Section "Dynamic models": the tape is asked inside its own context, and tensors steer the loop."""
    def line_search_step(fn, init_x, rate=1.0):
        with nf.GradientTape() as tape:
            tape.watch(init_x)
            value = fn(init_x)
            grad = tape.gradient(value, init_x)
            grad_norm = nf.reduce_sum(grad * grad)
            init_value = value
            while value > init_value - rate * grad_norm:
                x = init_x - rate * grad
                value = fn(x)
                rate /= 2.0
        return x, value
    x, value = line_search_step(lambda x: x * x, nf.constant(3.0))
    assert (x.numpy(), value.numpy()) == (0.0, 0.0)


# ---- forward mode
def finite_difference(g, x, v, step=1e-6):
    return (g(nf.constant(x + step * v)).numpy() - g(nf.constant(x - step * v)).numpy()) / (2 * step)


FUNCTIONS = {
    "elementwise": lambda x: nf.sin(x) * nf.exp(x),
    "reduced": lambda x: nf.reduce_sum(x * x * x, axis=0),
    "scalar": lambda x: nf.reduce_sum(nf.tanh(x) * x),
    "matmul": lambda x: nf.matmul(x, nf.transpose(x)),
    "broadcast": lambda x: x * x[:, :1],
}


@pytest.mark.parametrize("g", FUNCTIONS.values(), ids=FUNCTIONS)
def test_jvp_agrees_with_finite_differences(g):
    rng = np.random.default_rng(1)
    x, v = rng.standard_normal((2, 3)), rng.standard_normal((2, 3))
    y, dy = nf.jvp(g, [x], [v])
    np.testing.assert_array_equal(y.numpy(), g(nf.constant(x)).numpy())
    np.testing.assert_allclose(dy.numpy(), finite_difference(g, x, v), rtol=1e-6, atol=1e-8)


def test_jvp_of_several_arguments_and_outputs():
    y, dy = nf.jvp(lambda a, b: {"p": a * b, "c": nf.constant(1.0), "b": b}, [2.0, 3.0], [10.0, 1.0])
    assert y["p"].numpy() == 6.0
    assert (dy["p"].numpy(), dy["c"].numpy(), dy["b"].numpy()) == (32.0, 0.0, 1.0)


def test_jvp_can_be_differentiated():
    def along(x):
        return nf.jvp(lambda t: t * t * t, [x], [nf.constant(2.0)])[1]      # 6 x^2
    assert values(nf.gradients_function(along)(3.0)) == [36.0]


def test_jvp_that_does_not_fit():
    with pytest.raises(ValueError, match="1 primals and 2 tangents"):
        nf.jvp(nf.sin, [1.0], [1.0, 2.0])
    with pytest.raises(ValueError, match=r"a tangent of shape \(2,\) for an argument of shape \(\)"):
        nf.jvp(nf.sin, [1.0], [[1.0, 2.0]])


# ---- matrices of derivatives
def test_jacobians_of_linear_maps_are_their_matrices():
    rng = np.random.default_rng(2)
    a, b = rng.standard_normal((3, 2)), rng.standard_normal((3, 4))
    ja, jb = nf.jacobian(lambda x, y: nf.reshape(nf.matmul(a, x), [3]) + nf.reshape(nf.matmul(b, y), [3]))(
        np.ones((2, 1)), np.ones((4, 1)))
    np.testing.assert_allclose(ja.numpy()[:, :, 0], a, rtol=1e-12)
    np.testing.assert_allclose(jb.numpy()[:, :, 0], b, rtol=1e-12)


@pytest.mark.parametrize("g", FUNCTIONS.values(), ids=FUNCTIONS)
def test_jacobian_vector_products_agree_with_jvp(g):
    rng = np.random.default_rng(3)
    x, v = rng.standard_normal((2, 3)), rng.standard_normal((2, 3))
    (j,) = nf.jacobian(g)(x)
    _, dy = nf.jvp(g, [x], [v])
    assert tuple(j.shape) == (*dy.shape, 2, 3)
    np.testing.assert_allclose(np.tensordot(j.numpy(), v, 2), dy.numpy(), rtol=1e-10, atol=1e-12)


def test_jacobian_needs_one_output():
    with pytest.raises(ValueError, match="gives 2 tensors where one is needed"):
        nf.jacobian(lambda x: (x, x))(1.0)
    assert nf.jacobian(lambda x, y: x * x)([1.0], [2.0])[1] is None


def test_hessians_of_quadratic_forms():
    rng = np.random.default_rng(4)
    a = rng.standard_normal((4, 4))
    x, v = rng.standard_normal(4), rng.standard_normal(4)

    def form(x):
        column = nf.reshape(x, [4, 1])
        return nf.reduce_sum(column * nf.matmul(a, column))
    np.testing.assert_allclose(nf.hessian(form)(x).numpy(), a + a.T, rtol=1e-12)
    np.testing.assert_allclose(nf.hvp(form)(x, v).numpy(), (a + a.T) @ v, rtol=1e-12)


def test_hvp_agrees_with_the_hessian_and_finite_differences():
    rng = np.random.default_rng(5)
    x, v = rng.standard_normal(5), rng.standard_normal(5)

    def rosenbrock(x):
        return nf.reduce_sum(100.0 * nf.square(x[1:] - nf.square(x[:-1])) + nf.square(1.0 - x[:-1]))
    first = nf.gradients_function(rosenbrock)
    h = nf.hessian(rosenbrock)(x).numpy()
    np.testing.assert_allclose(h, h.T, rtol=1e-10, atol=1e-9)
    np.testing.assert_allclose(nf.hvp(rosenbrock)(x, v).numpy(), h @ v, rtol=1e-10)
    np.testing.assert_allclose(h @ v, finite_difference(lambda t: first(t)[0], x, v), rtol=1e-5)


def test_second_derivatives_that_vanish_are_zeros():
    assert nf.hessian(lambda x: nf.reduce_sum(x * 3.0))([1.0, 2.0]).numpy().tolist() == [[0, 0], [0, 0]]
    assert nf.hvp(lambda x: nf.constant(1.0))([1.0, 2.0], [1.0, 1.0]).numpy().tolist() == [0, 0]
    with pytest.raises(ValueError, match=r"hvp: a vector of shape \(1,\) for an argument of shape \(2,\)"):
        nf.hvp(nf.reduce_sum)([1.0, 2.0], [1.0])


def test_other_arguments_of_hessian_and_hvp():
    def g(x, n, scale=1.0):
        return nf.reduce_sum(x * x * x) * scale * float(n)
    assert nf.hessian(g)([1.0], 2, scale=3.0).numpy().tolist() == [[36.0]]
    assert nf.hvp(g)([1.0], [1.0], 2, scale=3.0).numpy().tolist() == [36.0]
