"""custom_gradient: the whole contract of what grad_fn gets and gives."""
import numpy as np
import pytest

import numbaflow as nf


@nf.custom_gradient
def log1pexp(x):
    e = nf.exp(x)

    def grad(dy):
        return dy * (1.0 - 1.0 / (1.0 + e))
    return nf.log(1.0 + e), grad


def test_the_guides_log1pexp():
    def naive(x):
        return nf.log(1.0 + nf.exp(x))
    assert nf.gradients_function(naive)(0.0)[0].numpy() == 0.5
    assert np.isnan(nf.gradients_function(naive)(100.0)[0].numpy())
    grad = nf.gradients_function(log1pexp)
    assert grad(0.0)[0].numpy() == 0.5
    assert grad(100.0)[0].numpy() == 1.0


def test_second_derivative_follows_from_grad_fn():
    grad = nf.gradients_function(log1pexp)
    assert nf.gradients_function(lambda x: grad(x)[0])(0.0)[0].numpy() == 0.25
    third = nf.gradients_function(lambda x: nf.gradients_function(lambda t: grad(t)[0])(x)[0])
    np.testing.assert_allclose(third(np.float64(0.5))[0].numpy(), -0.05755678, rtol=1e-6)


def test_the_guides_gradient_clipping():
    @nf.custom_gradient
    def clip_gradient_by_norm(x, norm):
        def grad_fn(dresult):
            return [nf.clip_by_norm(dresult, norm), None]
        return nf.identity(x), grad_fn
    x = nf.constant([3.0, 4.0])
    with nf.GradientTape() as tape:
        tape.watch(x)
        y = clip_gradient_by_norm(x, 1.0) * nf.constant([3.0, 4.0])
    np.testing.assert_allclose(tape.gradient(y, x).numpy(), [0.6, 0.8], rtol=1e-6)


def test_it_keeps_its_name_and_docstring():
    @nf.custom_gradient
    def documented(x):
        """Says what it does."""
        return x, lambda dy: dy
    assert documented.__name__ == "documented"
    assert documented.__doc__ == "Says what it does."


def test_as_a_wrapper_of_the_identity():
    @nf.custom_gradient
    def negated_on_the_way_back(x):
        return x, lambda dy: -dy
    x = nf.constant([1.0, 2.0])
    y = negated_on_the_way_back(x)
    assert y is not x
    assert y.numpy().tolist() == [1.0, 2.0]
    assert nf.gradients_function(negated_on_the_way_back)(x)[0].numpy().tolist() == [-1.0, -1.0]


@pytest.mark.parametrize("given", [3.0, np.float32(3), np.array(3.0, np.float32)],
                         ids=lambda v: type(v).__name__)
def test_arguments_that_are_no_tensors(given):
    @nf.custom_gradient
    def triple(x):
        return x * 3.0, lambda dy: dy * 30.0
    assert float(triple(given)) == 9.0
    assert isinstance(triple(given), nf.Tensor)
    assert nf.gradients_function(triple)(given)[0].numpy() == 30.0


def test_several_arguments_and_outputs():
    seen = []

    @nf.custom_gradient
    def both(x, y):
        def grad(da, db):
            seen.append((da.numpy().tolist(), db.numpy().tolist()))
            return da * 10.0, db * 100.0
        return {"a": x * 1.0, "b": y * 1.0}, grad
    x, y = nf.constant([1.0, 2.0]), nf.constant(5.0)
    with nf.GradientTape(persistent=True) as tape:
        tape.watch([x, y])
        z = both(x, y)
    assert set(z) == {"a", "b"}
    found = tape.gradient(z["a"], [x, y])
    assert seen == [([1.0, 1.0], 0.0)]              # what nothing came back to is zero
    assert [g.numpy().tolist() for g in found] == [[10.0, 10.0], 0.0]
    assert [g.numpy().tolist() for g in tape.gradient(z, [x, y])] == [[10.0, 10.0], 100.0]


def test_lists_among_the_arguments():
    @nf.custom_gradient
    def total(xs, scale, sizes):
        def grad(dy):
            return [[dy * float(k) for k, _ in enumerate(xs)], None, None]
        return sum(xs[1:], xs[0]) * scale, grad
    xs = [nf.constant(1.0), nf.constant(2.0), nf.constant(3.0)]
    with nf.GradientTape() as tape:
        tape.watch(xs)
        y = total(xs, 2.0, [1, 2, 3, 4])
    assert y.numpy() == 12.0
    assert [g.numpy() for g in tape.gradient(y, xs)] == [0.0, 1.0, 2.0]


def test_gradients_given_as_one_flat_list():
    @nf.custom_gradient
    def total(xs, y):
        return xs[0] + xs[1] + y, lambda dy: (dy, dy * 2.0, dy * 3.0)
    xs, y = [nf.constant(1.0), nf.constant(2.0)], nf.constant(3.0)
    with nf.GradientTape() as tape:
        tape.watch([xs, y])
        z = total(xs, y)
    assert [g.numpy() for g in tape.gradient(z, [*xs, y])] == [1.0, 2.0, 3.0]


def test_keyword_arguments_are_passed_on():
    v = nf.Variable(2.0)

    @nf.custom_gradient
    def scaled(x, scale=1.0, weight=None):
        return x * scale * weight, lambda dy: dy * 7.0
    x = nf.constant(3.0)
    with nf.GradientTape() as tape:
        tape.watch(x)
        y = scaled(x, scale=5.0, weight=v)          # a variable that is an argument needs no gradient
    assert y.numpy() == 30.0
    assert tape.gradient(y, x).numpy() == 7.0


def test_none_means_no_gradient():
    @nf.custom_gradient
    def opaque(x):
        return x * 2.0, lambda dy: None
    assert nf.gradients_function(opaque)(1.0) == [None]


def test_gradients_take_the_arguments_dtype():
    @nf.custom_gradient
    def constant_slope(x):
        return x * 1.0, lambda dy: 2.0
    (g,) = nf.gradients_function(constant_slope)(np.float64(3))
    assert (g.numpy(), g.dtype) == (2.0, nf.float64)


def test_gradients_of_a_broadcast_argument_are_summed():
    @nf.custom_gradient
    def spread(x):
        return x + nf.constant([0.0, 0.0, 0.0]), lambda dy: dy
    assert nf.gradients_function(spread)(1.0)[0].numpy() == 3.0


@pytest.mark.parametrize("wrong", [np.ones(2), np.ones((2, 2)), 1.0])
def test_gradients_of_another_shape_are_refused(wrong):
    @nf.custom_gradient
    def misshapen(x):
        return x * 2.0, lambda dy: nf.constant(wrong)
    with pytest.raises(nf.errors.InvalidArgumentError,
                       match=r"misshapen: grad_fn gave a gradient of shape .* an argument of shape \(3,\)"):
        nf.gradients_function(misshapen)(np.ones(3))


def test_the_wrong_number_of_gradients():
    @nf.custom_gradient
    def short(x, y):
        return x * y, lambda dy: dy
    with pytest.raises(ValueError, match="expected to return") as caught:
        nf.gradients_function(short)(1.0, 2.0)
    assert caught.value.args[1::2] == (2, 1)


def test_exceptions_in_grad_fn_pass_through():
    @nf.custom_gradient
    def broken(x):
        def grad(dy):
            raise KeyError("mine")
        return x * 2.0, grad
    with pytest.raises(KeyError, match="mine"):
        nf.gradients_function(broken)(1.0)


# ---- variables
def test_variables_inside():
    v, w = nf.Variable(2.0), nf.Variable(3.0)

    @nf.custom_gradient
    def layer(x):
        def grad(dy, variables=None):
            assert variables == [v, w]              # in the order they were made
            return dy * 10.0, [dy * 100.0, dy * 1000.0]
        return w * x * v, grad
    x = nf.constant(1.0)
    with nf.GradientTape() as tape:
        tape.watch(x)
        y = layer(x)
    assert tape.watched_variables() == (v, w)
    assert [g.numpy() for g in tape.gradient(y, [x, v, w])] == [10.0, 100.0, 1000.0]


def test_variables_inside_need_a_grad_fn_that_takes_them():
    v = nf.Variable(2.0)
    with pytest.raises(TypeError, match="then grad_fn must accept a keyword argument 'variables'"):
        nf.custom_gradient(lambda x: (v * x, lambda dy: dy))(1.0)

    @nf.custom_gradient
    def short(x):
        return v * x, lambda dy, variables=None: (dy, [])
    with pytest.raises(ValueError, match="Must return gradient for each variable from @custom_grad"):
        nf.gradients_function(short)(1.0)


def test_variables_as_arguments():
    v = nf.Variable(2.0)

    @nf.custom_gradient
    def square(x):
        return x * x, lambda dy: dy * 50.0
    with nf.GradientTape() as tape:
        y = square(v)
    assert tape.gradient(y, v).numpy() == 50.0


def test_sparse_gradients_of_variables_stay_sparse():
    v = nf.Variable([1.0, 2.0, 3.0])

    @nf.custom_gradient
    def row(x):
        def grad(dy, variables=None):
            return dy, [nf.IndexedSlices(nf.reshape(dy * x, [1]), nf.constant([1]), (3,))]
        return v[1] * x, grad
    x = nf.constant(5.0)
    with nf.GradientTape() as tape:
        tape.watch(x)
        y = row(x)
    g = tape.gradient(y, v)
    assert isinstance(g, nf.IndexedSlices)
    assert g.to_dense().numpy().tolist() == [0.0, 5.0, 0.0]


# ---- tapes
def test_every_tape_that_listens_gets_the_custom_gradient():
    @nf.custom_gradient
    def f(x, y):
        return x * y, lambda dy: (dy * 10.0, dy * 100.0)
    x, y = nf.constant(2.0), nf.constant(3.0)
    with nf.GradientTape() as a, nf.GradientTape() as b:
        a.watch(x)
        b.watch(y)
        z = f(x, y)
    assert [None if g is None else g.numpy() for g in a.gradient(z, [x, y])] == [10.0, None]
    assert [None if g is None else g.numpy() for g in b.gradient(z, [x, y])] == [None, 100.0]


def test_a_persistent_tape_runs_grad_fn_each_time():
    calls = []

    @nf.custom_gradient
    def f(x):
        def grad(dy):
            calls.append(1)
            return dy
        return x * 2.0, grad
    x = nf.constant(1.0)
    with nf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = f(x)
    tape.gradient(y, x)
    tape.gradient(y, x)
    assert len(calls) == 2


def test_without_a_tape_it_is_just_the_function():
    assert log1pexp(nf.constant(0.0)).numpy() == np.log(np.float32(2))
