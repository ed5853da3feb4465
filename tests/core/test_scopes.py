"""Name scopes and the scopes that eager programs may do without."""
import copy
import pickle
import threading

import pytest

import numbaflow as nf


def named(name=None):
    return nf.Variable(0.0, name=name).name


def test_scopes_nest_and_end():
    with nf.name_scope("outer") as outer:
        assert outer == "outer/"
        with nf.name_scope("inner") as inner:
            assert inner == "outer/inner/"
            assert (named("v"), named()) == ("outer/inner/v:0", "outer/inner/Variable:0")
        assert named("v") == "outer/v:0"
    assert named("v") == "v:0"


def test_a_trailing_slash_is_the_whole_scope_and_no_name_leaves_all():
    with nf.name_scope("a"), nf.name_scope("b") as scope:
        pass
    with nf.name_scope("c"):
        with nf.name_scope(scope) as again:
            assert (again, named("v")) == ("a/b/", "a/b/v:0")
        with nf.name_scope(""):
            assert named("v") == "v:0"
        with nf.name_scope(None):
            assert named("v") == "v:0"
        assert named("v") == "c/v:0"


def test_the_default_name_stands_in():
    with nf.name_scope(None, "matmul", [nf.constant(1.0)]) as scope:
        assert scope == "matmul/"
    with nf.name_scope("mine", "matmul") as scope:
        assert scope == "mine/"


def test_one_scope_object_can_be_entered_within_itself():
    scope = nf.name_scope("a")
    with scope:
        with scope as inner:
            assert inner == "a/a/"
        assert named("v") == "a/v:0"
    assert named("v") == "v:0"


@pytest.mark.parametrize("arguments", [(3,), (nf.constant(1.0),), (None, 4), (None, None, [1.0])])
def test_names_must_be_strings(arguments):
    with pytest.raises(TypeError, match="name_scope"):
        nf.name_scope(*arguments)


def test_an_exception_ends_the_scope():
    with pytest.raises(KeyError), nf.name_scope("a"):
        raise KeyError
    assert named("v") == "v:0"


def test_threads_have_scopes_of_their_own():
    found = []
    with nf.name_scope("a"):
        thread = threading.Thread(target=lambda: found.append(named("v")))
        thread.start()
        thread.join()
    assert found == ["v:0"]


def test_copies_keep_the_name_that_a_variable_has():
    with nf.name_scope("a"):
        v = nf.Variable(1.0, name="v")
        copies = [copy.deepcopy(v), pickle.loads(pickle.dumps(v))]
    assert [c.name for c in copies] == ["a/v:0"] * 2
    with nf.name_scope("b"):
        assert copy.deepcopy(v).name == "a/v:0"


def test_control_dependencies_call_functions():
    seen = []
    with nf.control_dependencies([nf.constant(1.0), lambda: seen.append(1)]):
        seen.append(2)
    with nf.control_dependencies(None):
        seen.append(3)
    assert seen == [1, 2, 3]


def test_init_scope_keeps_tapes_out_and_the_name_scope():
    v = nf.Variable(3.0)
    with nf.GradientTape() as tape, nf.name_scope("a"):
        with nf.init_scope():
            inside, name = v * v, named("v")
        y = inside + v * 2.0
    assert tape.gradient(y, v).numpy() == 2.0
    assert name == "a/v:0"


def test_group_and_no_op_give_nothing():
    assert nf.group(nf.constant(1.0), name="all") is None
    assert nf.no_op() is None
    with pytest.raises(ValueError, match="unknown"):
        nf.group(unknown=1)
