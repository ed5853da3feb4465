"""Tracking: attributes, lists, dicts and tuples become children under their names."""
import collections
import copy
import pickle

import pytest

import numbaflow as nf
from numbaflow.core.containers import Contents, DictWrapper, ListWrapper
from numbaflow.core.trackable import AutoTrackable, NoDependency, Trackable

V = nf.Variable
Pair = collections.namedtuple("Pair", "a b")


def names(owner):
    return list(owner._children())


# ---- attributes
def test_attributes_are_children():
    owner, v = AutoTrackable(), V(1.0)
    owner.v, owner.n, owner.text = v, 3, "a"
    owner.below = AutoTrackable()
    assert owner.v is v
    assert owner._children() == {"v": v, "below": owner.below}


def test_attributes_that_are_set_again_or_deleted():
    owner, v, w = AutoTrackable(), V(1.0), V(2.0)
    owner.v = owner.w = v
    owner.v = w
    assert owner._children()["v"] is w
    owner.v = 3
    assert names(owner) == ["w"]
    del owner.w
    assert names(owner) == []
    with pytest.raises(AttributeError):
        del owner.w


def test_no_dependency():
    owner, v = AutoTrackable(), V(1.0)
    owner.v, owner.plain = NoDependency(v), NoDependency([v])
    assert owner.v is v
    assert type(owner.plain) is list
    assert names(owner) == []


def test_track_by_hand():
    class Owner(Trackable):
        pass
    owner, v = Owner(), V(1.0)
    assert owner._track(v, "v") is v
    assert owner._children() == {"v": v}
    owner._untrack("v")
    owner._untrack("v")
    assert owner._children() == {}
    with pytest.raises(TypeError, match="a tracked object is Trackable, got int for 'n'"):
        owner._track(3, "n")


def test_properties_with_setters_work():
    class Owner(AutoTrackable):
        rate = property(lambda self: self._rate, lambda self, value: setattr(self, "_rate", value))
    owner = Owner()
    owner.rate = V(1.0)
    assert owner.rate.numpy() == 1.0
    assert names(owner) == ["_rate", "rate"]


# ---- lists
def test_lists_are_plain_to_use():
    owner, v = AutoTrackable(), V(1.0)
    owner.items = [1, v, "a"]
    assert isinstance(owner.items, list)
    assert (owner.items[0], owner.items[2], len(owner.items)) == (1, "a", 3)
    assert owner.items[1] is v
    assert ListWrapper([1, "a"]) == [1, "a"]
    assert repr(ListWrapper([1, "a"])) == "[1, 'a']"
    assert names(owner.items) == ["1"]


LIST_CHANGES = {
    "append": lambda x, v: x.append(v),
    "extend": lambda x, v: x.extend([v, 1]),
    "extend itself": lambda x, v: x.extend(x),
    "insert": lambda x, v: x.insert(0, v),
    "item": lambda x, v: x.__setitem__(-1, v),
    "slice": lambda x, v: x.__setitem__(slice(0, 1), [v, v]),
    "delete": lambda x, v: x.__delitem__(0),
    "pop": lambda x, v: x.pop(),
    "remove": lambda x, v: x.remove(1),
    "clear": lambda x, v: x.clear(),
    "reverse": lambda x, v: x.reverse(),
    "sort": lambda x, v: x.sort(key=lambda y: isinstance(y, int)),
    "add": lambda x, v: x.__iadd__([v]),
    "multiply": lambda x, v: x.__imul__(2),
}


@pytest.mark.parametrize("change", LIST_CHANGES.values(), ids=LIST_CHANGES)
def test_changes_of_a_list_are_those_of_a_plain_one(change):
    v, w = V(1.0), V(2.0)
    plain, tracked = [1, w, 3], ListWrapper([1, w, 3])
    change(plain, v)
    change(tracked, v)
    assert list(map(id, plain)) == list(map(id, tracked))
    assert tracked._children() == {str(i): x for i, x in enumerate(plain) if isinstance(x, V)}


def test_a_list_that_is_filled_later():
    owner = AutoTrackable()
    owner.cells = []
    owner.cells.append([V(1.0)])
    owner.cells += [{"a": V(2.0)}]
    assert names(owner.cells) == ["0", "1"]
    assert names(owner.cells[0]) == ["0"]
    assert names(owner.cells[1]) == ["a"]


def test_indexing_past_the_end():
    with pytest.raises(IndexError):
        ListWrapper([1])[3] = V(1.0)


def test_the_plain_list_can_not_be_filled_behind_the_back():
    owner, cells = AutoTrackable(), [V(1.0)]
    owner.cells = cells
    cells.append(3)             # numbers do no harm
    assert names(owner.cells) == ["0"]
    cells.append(V(2.0))
    with pytest.raises(ValueError, match="put into a list after that was assigned to an attribute"):
        owner.cells._children()
    owner.cells.append(cells[-1])
    assert names(owner.cells) == ["0", "1"]


def test_long_lists_of_numbers_cost_little():
    owner = AutoTrackable()
    owner.losses = []
    for k in range(100_000):
        owner.losses.append(k)
    assert len(owner.losses) == 100_000
    assert names(owner.losses) == []


# ---- dicts
def test_dicts_are_plain_to_use():
    owner, v = AutoTrackable(), V(1.0)
    owner.parts = {"a": v, "n": 3}
    assert isinstance(owner.parts, dict)
    assert owner.parts["a"] is v
    assert DictWrapper(a=1) == {"a": 1}
    assert names(owner.parts) == ["a"]
    owner.parts["b"] = [V(2.0)]
    owner.parts.update({"c": V(3.0)}, d=V(4.0))
    owner.parts |= {"e": V(5.0)}
    assert owner.parts.setdefault("f", V(6.0)) is owner.parts["f"]
    assert owner.parts.setdefault("n", 0) == 3
    assert names(owner.parts) == ["a", "b", "c", "d", "e", "f"]
    del owner.parts["a"]
    owner.parts.pop("b")
    assert names(owner.parts) == ["c", "d", "e", "f"]


def test_keys_that_are_no_strings():
    assert names(DictWrapper({0: V(1.0), (1, "a"): V(2.0)})) == ["0", "(1, 'a')"]
    assert names(DictWrapper({object(): 3})) == []
    with pytest.raises(ValueError, match="can't name it in a checkpoint"):
        DictWrapper({object(): V(1.0)})._children()
    with pytest.raises(ValueError, match="can't name it in a checkpoint"):
        DictWrapper({0: V(1.0), "0": V(1.0)})._children()


# ---- tuples and other containers
def test_tuples_stay_what_they_are():
    owner, v = AutoTrackable(), V(1.0)
    owner.pair, owner.named, owner.numbers = (v, 3), Pair(v, [V(2.0)]), (1, 2)
    assert type(owner.pair) is tuple
    assert type(owner.named) is Pair
    assert owner.named.a is v
    assert names(owner) == ["pair", "named"]
    children = owner._children()
    assert children["pair"]._children() == {"0": v}
    assert names(children["named"]) == ["0", "1"]
    owner.named.b.append(V(3.0))
    assert names(children["named"]._children()["1"]) == ["0", "1"]


def test_other_containers_are_looked_into():
    owner, v = AutoTrackable(), V(1.0)
    owner.ordered = collections.OrderedDict(a=v)
    owner.defaults = collections.defaultdict(list)
    owner.defaults["x"].append(v)
    assert type(owner.ordered) is collections.OrderedDict
    assert type(owner.defaults) is collections.defaultdict
    children = owner._children()
    assert children["ordered"]._children() == {"a": v}
    inner = children["defaults"]._children()["x"]
    assert isinstance(inner, Contents)
    assert inner._children() == {"0": v}
    assert children["defaults"]._children()["x"] is inner       # the same child each time


# ---- copying
def test_copies_are_independent():
    owner = AutoTrackable()
    owner.v, owner.cells, owner.parts = V(1.0), [V(2.0)], {"a": V(3.0)}
    owner.pair = (owner.v, 3)
    for made in (copy.deepcopy(owner), pickle.loads(pickle.dumps(owner))):
        assert names(made) == names(owner)
        assert made.v is not owner.v
        assert made._children()["v"] is made.v
        assert made._children()["cells"] is made.cells
        assert made.cells._children()["0"] is made.cells[0]
        assert made._children()["pair"]._children()["0"] is made.v
        made.cells.append(V(4.0))
        assert len(owner.cells) == 1
