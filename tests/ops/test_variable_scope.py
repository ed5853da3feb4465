"""Variables by name: scopes, defaults, stores and templates."""
import numpy as np
import pytest

import numbaflow as nf
from numbaflow.contrib import eager as tfe


def test_names_come_from_variable_scopes_only():
    with nf.variable_scope("a") as a, nf.variable_scope("b"):
        assert nf.get_variable("v").name == "a/b/v:0"
        assert nf.Variable(0.0, name="w").name == "a/b/w:0"
    with nf.name_scope("n"):
        assert nf.get_variable("v").name == "v:0"
        with nf.variable_scope(a):
            assert nf.get_variable("v").name == "a/v:0"
            assert nf.Variable(0.0, name="w").name == "n/a/w:0"
    with nf.variable_scope("c", auxiliary_name_scope=False):
        assert nf.Variable(0.0, name="w").name == "w:0"
    assert nf.get_variable_scope().name == ""


def test_default_names_are_unique_inside_their_scope():
    with nf.variable_scope("outer"):
        names = []
        for _ in range(3):
            with nf.variable_scope(None, "layer") as scope:
                names.append(scope.name)
        assert names == ["outer/layer", "outer/layer_1", "outer/layer_2"]
    with nf.variable_scope("outer"), nf.variable_scope(None, "layer") as scope:
        assert scope.name == "outer/layer"


def test_without_a_store_each_call_makes_a_variable():
    with nf.variable_scope("a", reuse=nf.AUTO_REUSE):
        v, w = nf.get_variable("v", [2]), nf.get_variable("v", [2])
    assert v is not w
    assert (v.name, w.name) == ("a/v:0", "a/v:0")
    with nf.variable_scope("a", reuse=True), pytest.raises(RuntimeError, match="EagerVariableStore"):
        nf.get_variable("v", [2])


def test_initializers():
    v = nf.get_variable("v", [30, 50])
    limit = np.sqrt(6 / 80)
    assert np.abs(v.numpy()).max() <= limit
    assert np.abs(v.numpy()).max() > 0.9 * limit
    assert v.numpy().std() == pytest.approx(limit / np.sqrt(3), rel=0.05)
    assert nf.get_variable("v", [2], nf.int32).numpy().tolist() == [0, 0]
    assert nf.get_variable("v", 3, nf.bool).numpy().tolist() == [False] * 3
    assert nf.get_variable("v", [2], initializer=nf.ones).numpy().tolist() == [1, 1]
    assert nf.get_variable("v").shape == ()
    assert nf.get_variable("v", initializer=[1, 2]).dtype is nf.int32
    assert nf.get_variable("v", initializer=2, dtype=nf.float64).dtype is nf.float64

    class Sevens:
        def __call__(self, shape, dtype=None):
            return nf.fill(shape, 7.0)

    assert nf.get_variable("v", [2], initializer=Sevens).numpy().tolist() == [7, 7]


def test_scopes_hand_their_defaults_down():
    defaults = {"initializer": nf.ones, "dtype": nf.float64, "constraint": nf.abs}
    with nf.variable_scope("a", **defaults), nf.variable_scope("b"):
        v = nf.get_variable("v", [2], trainable=False)
        w = nf.get_variable("w", [2], nf.float32, initializer=nf.zeros)
    assert (v.dtype, v.numpy().tolist(), v.trainable) == (nf.float64, [1, 1], False)
    assert v.constraint is nf.abs
    assert (w.dtype, w.numpy().tolist(), w.trainable) == (nf.float32, [0, 0], True)


def test_custom_getters_wrap_each_other():
    seen = []

    def noting(word):
        def getter(getter, name, *args, **kwargs):
            seen.append((word, name))
            return getter(name + word, *args, **kwargs)
        return getter

    with nf.variable_scope("a", custom_getter=noting("1")), nf.variable_scope("b", custom_getter=noting("2")):
        assert nf.get_variable("v", custom_getter=noting("3")).name == "a/b/v321:0"
    assert seen == [("3", "a/b/v"), ("2", "a/b/v3"), ("1", "a/b/v32")]


def test_a_store_shares_by_name():
    store = tfe.EagerVariableStore()
    with store.as_default():
        with nf.variable_scope("a") as scope:
            v = nf.get_variable("v", [2])
            nf.get_variable("count", initializer=3, trainable=False)
        with nf.variable_scope(scope, reuse=True):
            assert nf.get_variable("v", [2]) is v
            assert nf.get_variable("v") is v
            assert nf.get_variable("count", initializer=5).numpy() == 3
            with pytest.raises(ValueError, match=r"specified shape \(3,\) and found shape \(2,\)"):
                nf.get_variable("v", [3])
            with pytest.raises(ValueError, match="dtype float64 and found dtype float32"):
                nf.get_variable("v", [2], nf.float64)
    assert nf.get_variable("a/v", [2]) is not v
    assert [w.name for w in store.variables()] == ["a/count:0", "a/v:0"]
    assert store.trainable_variables() == [v]
    assert [w.name for w in store.non_trainable_variables()] == ["a/count:0"]


def test_a_stores_copy_is_independent():
    store = tfe.EagerVariableStore()
    with store.as_default():
        v = nf.get_variable("a/v", initializer=1.0)
    with nf.name_scope("elsewhere"):
        other = store.copy()
    v.assign(2.0)
    assert [(w.name, w.numpy()) for w in other.variables()] == [("a/v:0", 1.0)]
    with tfe.EagerVariableStore(store).as_default():
        assert nf.get_variable("a/v") is v


def test_variables_made_under_a_tape_record_nothing():
    with nf.GradientTape() as tape:
        v = nf.get_variable("v", [2], initializer=nf.ones)
        y = v * 3.0
    assert tape.gradient(y, v).numpy().tolist() == [3, 3]


def test_templates_share_between_calls_not_between_templates():
    def line(x, bias):
        with nf.variable_scope("line"):
            return x * nf.get_variable("w", initializer=2.0) + nf.get_variable("b", initializer=bias)

    first, second = (tfe.make_template("twice", line, bias=1.0) for _ in range(2))
    assert first(3.0).numpy() == 7.0
    first.variables[1].assign(10.0)
    assert first(3.0).numpy() == 31.0
    assert second(3.0).numpy() == 7.0
    assert [v.name for v in first.variables] == ["twice/line/b:0", "twice/line/w:0"]
    assert [v.name for v in second.trainable_variables] == ["twice_1/line/b:0", "twice_1/line/w:0"]
    assert (first.name, first.non_trainable_variables) == ("twice", [])


@pytest.mark.parametrize(("act", "error", "words"), [
    (lambda: nf.variable_scope(None).__enter__(), ValueError, "default_name is None"),
    (lambda: nf.variable_scope(3).__enter__(), TypeError, "string or VariableScope"),
    (lambda: nf.variable_scope("a", reuse="yes").__enter__(), ValueError, "AUTO_REUSE, got 'yes'"),
    (lambda: nf.variable_scope("a", partitioner=len).__enter__(), NotImplementedError, "partitioner"),
    (lambda: nf.get_variable("v", [2], initializer=[1.0, 2.0]), ValueError, "do not specify shape"),
    (lambda: nf.get_variable("v", dtype="int32", initializer=np.ones(2)), ValueError, "don't match"),
    (lambda: nf.make_template("t", 3), ValueError, "callable, got int"),
])
def test_mistakes(act, error, words):
    with pytest.raises(error, match=words):
        act()
