"""cond, case, while_loop: the path taken, its gradients, errors."""
import numpy as np
import pytest

import numbaflow as nf


def test_cond_takes_one_branch_and_its_gradient():
    def f(x):
        return nf.cond(x > 0.0, lambda: x * x, lambda: 3.0 * x)
    g = nf.gradients_function(f)
    assert (g(2.0)[0].numpy(), g(-2.0)[0].numpy()) == (4.0, 3.0)
    nf.cond(True, lambda: 1, lambda: pytest.fail("not to be called"))


def test_cond_unpacks_a_single_result_unless_strict():
    assert nf.cond(True, lambda: [1], lambda: [2]) == 1
    assert nf.cond(False, lambda: [1], lambda: [2], strict=True) == [2]
    assert nf.cond(True, lambda: (1, 2), lambda: (3, 4)) == (1, 2)
    assert nf.cond(True, fn1=lambda: 1, fn2=lambda: 2) == 1


@pytest.mark.parametrize(("arguments", "text"), [
    ((True, None, lambda: 1), "true_fn argument required"), ((True, lambda: 1), "false_fn argument required"),
    ((True, 3, lambda: 1), "true_fn must be callable"), ((np.ones(2, bool), lambda: 1, lambda: 2),
                                                         "scalar bool"),
    ((1.0, lambda: 1, lambda: 2), "scalar bool")])
def test_cond_errors(arguments, text):
    with pytest.raises(TypeError, match=text):
        nf.cond(*arguments)


def test_case_takes_the_first_that_is_true():
    x = nf.constant(5.0)
    pairs = [(x < 0.0, lambda: "negative"), (x > 3.0, lambda: "large"), (x > 1.0, lambda: "some")]
    assert nf.case(pairs) == "large"
    assert nf.case(dict(pairs[:1]), default=lambda: "else") == "else"
    with pytest.raises(ValueError, match="More than one condition"):
        nf.case(pairs, exclusive=True)
    with pytest.raises(ValueError, match="None of the 1 conditions"):
        nf.case(pairs[:1])
    for bad, text in ((3, "must be a list"), ([lambda: 1], "2-tuple"), ([(True, 3)], "must be callable")):
        with pytest.raises(TypeError, match=text):
            nf.case(bad)
    with pytest.raises(TypeError, match="default must be callable"):
        nf.case(pairs, default=1)


def test_while_loop_is_differentiable():
    def power(x):
        return nf.while_loop(lambda i, y: i < 3, lambda i, y: (i + 1, y * x), [0, x])[1]
    nf.testing.check_gradients(power, [np.array([1.5, -0.5])])
    assert nf.gradients_function(power)(2.0)[0].numpy() == 32.0


def test_while_loop_without_back_prop_is_a_constant():
    x = nf.constant(2.0)
    with nf.GradientTape() as tape:
        tape.watch(x)
        y = nf.while_loop(lambda y: y < 100.0, lambda y: y * x, [x], back_prop=False)
    assert y.numpy() == 128.0
    assert tape.gradient(y, x) is None


def test_while_loop_structures():
    def grow(state):
        return {"a": state["a"] + 1, "b": (state["b"][0] * 2.0,)}
    state = nf.while_loop(lambda s: s["a"] < 3, grow, [{"a": 0, "b": (1.0,)}])
    assert state["a"].numpy() == 3
    assert state["b"][0].numpy() == 8.0
    assert nf.while_loop(lambda i: True, lambda i: i + 1, [0], maximum_iterations=5).numpy() == 5
    assert nf.while_loop(lambda i: True, lambda i: i + 1, [0], maximum_iterations=0).numpy() == 0
    kept = nf.while_loop(lambda i: i < 2, lambda i: [i + 1], [0], return_same_structure=True)
    assert isinstance(kept, list)
    assert kept[0].numpy() == 2


@pytest.mark.parametrize(("arguments", "error", "text"), [
    ((1, lambda i: i, [0]), TypeError, "cond must be callable"), ((lambda i: True, 1, [0]), TypeError,
                                                                  "body must be"),
    ((lambda: True, lambda: 1, []), ValueError, "No loop variables"),
    ((lambda i, j: True, lambda i, j: i, [0, 1]), ValueError, "same nested structure"),
    ((lambda i, j: True, lambda i, j: (i, [j]), [0, 1]), ValueError, "same nested structure"),
    ((lambda i: i, lambda i: i, [0]), ValueError, "scalar bool")])
def test_while_loop_errors(arguments, error, text):
    with pytest.raises(error, match=text):
        nf.while_loop(*arguments)
