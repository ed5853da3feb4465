"""Checkpoints by objects: what is saved, what is restored at once and what later, what the status says."""
import copy
import gc
import logging
import os
import pickle
import threading
import weakref

import numpy as np
import pytest

import numbaflow as nf
from numbaflow.contrib.eager import Checkpointable
from numbaflow.core.trackable import AutoTrackable
from numbaflow.train import Checkpoint, list_variables, load_variable

V = nf.Variable
VALUE = "/.ATTRIBUTES/VARIABLE_VALUE"


class Dense(AutoTrackable):
    """A layer whose variables are made when it is built."""

    def build(self, *shape, dtype=np.float32):
        self.kernel = V(np.full(shape, 0.5, dtype), name="dense/kernel")
        self.bias = V(np.zeros(shape[-1:], dtype), name="dense/bias")
        return self

    @property
    def variables(self):
        return [self.kernel, self.bias]


class Model(AutoTrackable):
    """Some layers in a list, as users write them."""

    def __init__(self, layers=2):
        self.blocks = [Dense() for _ in range(layers)]
        self.scale = V(1.0)

    def build(self):
        for block in self.blocks:
            block.build(2, 3)
        return self

    @property
    def variables(self):
        return [v for block in self.blocks for v in block.variables]


class Counter(Checkpointable):
    """State that is no variable."""

    def __init__(self):
        self.at, self.fails = 0, False

    def _saved_values(self):
        return {"at": self.at, "twice": np.array([self.at, self.at])}

    def _restore_values(self, values):
        if self.fails:
            self.fails = False
            raise RuntimeError("a restore of mine fails")
        self.at = int(values["at"])


def train(optimizer, variables, steps=3):
    for _ in range(steps):
        optimizer.minimize(lambda: sum(nf.reduce_sum(v * v) for v in variables), var_list=variables)


def values(found):
    return [v.numpy().tolist() for v in found]


@pytest.fixture
def prefix(tmp_path):
    return str(tmp_path / "ckpt")


# ---- the guide
def test_the_guide(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    x = V(10.0)
    checkpoint = Checkpoint(x=x)
    x.assign(2.0)
    assert checkpoint.save("./ckpt/") == "./ckpt/-1"
    x.assign(11.0)
    assert nf.train.latest_checkpoint("./ckpt/") == "./ckpt/-1"
    checkpoint.restore(nf.train.latest_checkpoint("./ckpt/"))
    assert str(x) == "<tf.Variable 'Variable:0' shape=() dtype=float32, numpy=2.0>"
    assert checkpoint.save("./ckpt/") == "./ckpt/-2"
    assert sorted(os.listdir("ckpt")) == ["-1.safetensors", "-2.safetensors", "checkpoint"]


# ---- saving
def test_numbers_go_on_after_a_restore(prefix):
    first = Checkpoint(v=V(1.0))
    assert first.save_counter.numpy() == 0
    assert [first.save(prefix)[-2:] for _ in range(3)] == ["-1", "-2", "-3"]
    second = Checkpoint(v=V(0.0))
    second.restore(prefix + "-2")
    assert second.save_counter.numpy() == 2
    assert second.save(prefix) == prefix + "-3"


def test_write_numbers_and_records_nothing(tmp_path):
    root = Checkpoint(v=V(1.0))
    assert root.write(tmp_path / "deep" / "er" / "x") == str(tmp_path / "deep" / "er" / "x")
    assert os.listdir(tmp_path / "deep" / "er") == ["x.safetensors"]
    root.v.assign(2.0)
    root.write(tmp_path / "deep" / "er" / "x")
    root.v.assign(3.0)
    root.restore(tmp_path / "deep" / "er" / "x.safetensors").assert_consumed()
    assert root.v.numpy() == 2.0
    assert root.save_counter.numpy() == 0


def test_names_of_what_is_saved(prefix):
    v, adam = V([1.0], name="some/name"), nf.train.AdamOptimizer()
    train(adam, [v])
    path = Checkpoint(model=Model().build(), optimizer=adam, v=v, n=Counter(),
                      odd={"a/b.c": V(1.0), ".ATTRIBUTES": V(2.0)}).save(prefix)
    assert [name for name, _ in list_variables(path)] == sorted([
        "model/blocks/0/kernel" + VALUE, "model/blocks/0/bias" + VALUE, "model/blocks/1/kernel" + VALUE,
        "model/blocks/1/bias" + VALUE, "model/scale" + VALUE, "optimizer/beta1_power" + VALUE,
        "optimizer/beta2_power" + VALUE, "v" + VALUE, "v/.OPTIMIZER_SLOT/optimizer/m" + VALUE,
        "v/.OPTIMIZER_SLOT/optimizer/v" + VALUE, "odd/a.Sb..c" + VALUE, "odd/..ATTRIBUTES" + VALUE,
        "n/.ATTRIBUTES/at", "n/.ATTRIBUTES/twice", "save_counter" + VALUE])


@pytest.mark.parametrize("value", [3, "a", None, (1, 2), np.zeros(2), nf.constant(1.0), len])
def test_what_is_no_object_is_refused(value):
    with pytest.raises(ValueError, match="`Checkpoint` was expecting a trackable object"):
        Checkpoint(x=value)


def test_a_value_that_can_not_be_saved(prefix):
    class Strange(Checkpointable):
        def _saved_values(self):
            return {"s": "text"}
    root = Checkpoint(below={"strange": Strange()})
    with pytest.raises(TypeError, match=r"'below/strange/\.ATTRIBUTES/s' can't be saved"):
        root.save(prefix)
    assert root.save_counter.numpy() == 0


def test_shared_objects_are_saved_once_and_cycles_are_fine(prefix):
    v, a, b = V(1.0), AutoTrackable(), AutoTrackable()
    a.v = b.w = v
    a.other, b.other, a.self = b, a, a
    root = Checkpoint(a=a, b=b)
    path = root.save(prefix)
    assert [name for name, _ in list_variables(path)] == ["a/v" + VALUE, "save_counter" + VALUE]
    v.assign(5.0)
    root.restore(path).assert_consumed()
    assert v.numpy() == 1.0


def test_a_graph_that_is_deep(prefix):
    def chain():
        root = at = AutoTrackable()
        for _ in range(5000):
            at.next = AutoTrackable()
            at = at.next
        at.v = V(1.0)
        return root, at.v
    first, v = chain()
    path = Checkpoint(root=first).save(prefix)
    second, w = chain()
    w.assign(2.0)
    Checkpoint(root=second).restore(path).assert_consumed()
    assert w.numpy() == v.numpy()


def test_a_save_beside_training_is_of_one_step_for_each_variable(prefix):
    v, momentum = V(np.zeros(200_000)), nf.train.MomentumOptimizer(0.0, 0.0)
    root, going = Checkpoint(v=v, momentum=momentum), True

    def go():
        step = 0.0
        while going:
            step += 1.0
            momentum.apply_gradients([(nf.constant(np.full(200_000, step)), v)])
            v.assign(np.full(200_000, step))
    thread = threading.Thread(target=go)
    thread.start()
    try:
        paths = [root.write(f"{prefix}{k}") for k in range(20)]
    finally:
        going = False
        thread.join()
    for path in paths:
        for name, _ in list_variables(path):
            assert len(np.unique(load_variable(path, name))) == 1, name


# ---- restoring what is there
def test_restored_values_are_exact_and_variables_the_same_objects(prefix):
    model = Model().build()
    path = Checkpoint(model=model).save(prefix)
    before, objects = values(model.variables), model.variables
    for v in model.variables:
        v.assign(v + 1.0)
    read = model.variables[0].value()
    Checkpoint(model=model).restore(path).assert_consumed()
    assert values(model.variables) == before
    assert all(v is w for v, w in zip(model.variables, objects, strict=True))
    assert read.numpy()[0, 0] == 1.5            # what was read before does not change
    model.variables[0].assign_add(np.ones((2, 3), np.float32))
    assert model.variables[0].numpy()[0, 0] == 1.5


def test_the_names_of_variables_do_not_matter(prefix):
    path = Checkpoint(v=V(1.0, name="a")).save(prefix)
    v = V(2.0, name="b")
    Checkpoint(v=v).restore(path).assert_consumed()
    assert v.numpy() == 1.0


def test_state_that_is_no_variable(prefix):
    counter = Counter()
    root = Checkpoint(counter=counter)
    counter.at = 5
    path = root.save(prefix)
    counter.at = 9
    root.restore(path).assert_consumed()
    assert counter.at == 5


def test_objects_that_were_one_and_are_two(prefix, caplog):
    v, x, y = V(1.0), V(2.0), V(3.0)
    path = Checkpoint(x=v, y=v).save(prefix)
    status = Checkpoint(x=x, y=y).restore(path)
    assert (x.numpy(), y.numpy()) == (1.0, 3.0)
    assert "they were one object when it was saved" in caplog.text
    with pytest.raises(AssertionError, match=r"not bound to checkpointed values.*\(root\)\.y, Variable"):
        status.assert_consumed()


def test_objects_that_were_two_and_are_one(prefix):
    path = Checkpoint(x=V(1.0), y=V(2.0)).save(prefix)
    v = V(0.0)
    Checkpoint(x=v, y=v).restore(path).assert_consumed()
    assert v.numpy() == 1.0


def test_nothing_is_restored_when_one_value_does_not_fit(prefix):
    good, wide, counter = V([1.0, 2.0]), V([[1.0, 2.0]]), Counter()
    root = Checkpoint(a=good, counter=counter, z=wide)
    path = root.save(prefix)
    good.assign([5.0, 6.0])
    counter.at = 3
    root.z = V([1.0, 2.0, 3.0], name="wide")
    with pytest.raises(ValueError, match=r"ckpt-1\.safetensors', \(root\)\.z: variable 'wide:0' has "
                                         r"shape \(3,\) and dtype float32, the value .* shape \(1, 2\)"):
        root.restore(path)
    root.z = V(np.zeros((1, 2)), name="double")
    with pytest.raises(nf.errors.InvalidArgumentError, match=r"'double:0' has shape .* dtype float64"):
        root.restore(path)
    assert good.numpy().tolist() == [5.0, 6.0]
    assert counter.at == 3
    root.z = V([[0.0, 0.0]])
    root.restore(path).assert_consumed()
    assert good.numpy().tolist() == [1.0, 2.0]


def test_nothing_is_restored_when_an_object_fails_to(prefix):
    root = Checkpoint(a=V(1.0), counter=Counter(), z=V(1.0), later=AutoTrackable())
    root.later.v = V(1.0)
    path = root.save(prefix)
    later = AutoTrackable()
    root.later = later
    root.a.assign(2.0)
    root.z.assign(3.0)
    root.counter.at, root.counter.fails = 7, True
    with pytest.raises(RuntimeError, match="a restore of mine fails"):
        root.restore(path)
    assert (root.a.numpy(), root.z.numpy(), root.counter.at) == (2.0, 3.0, 7)
    later.v = V(9.0)
    assert later.v.numpy() == 9.0               # nothing waits either


def test_an_error_at_a_variable_of_an_optimizer_changes_nothing(prefix):
    first = Dense().build(2, 3)
    momentum = nf.train.MomentumOptimizer(0.1, 0.9)
    train(momentum, first.variables)
    path = Checkpoint(layer=first, optimizer=momentum).save(prefix)
    second, fresh = Dense().build(2, 4), nf.train.MomentumOptimizer(0.1, 0.9)
    with pytest.raises(nf.errors.InvalidArgumentError, match="dense/kernel:0"):
        Checkpoint(layer=second, optimizer=fresh).restore(path)
    assert fresh.variables() == []


# ---- restoring what comes later
def test_variables_made_after_the_restore(prefix):
    model = Model().build()
    for k, v in enumerate(model.variables):
        v.assign(np.full(v.shape, k, np.float32))
    path = Checkpoint(model=model).save(prefix)
    other = Model()
    status = Checkpoint(model=other).restore(path)
    status.assert_existing_objects_matched().assert_nontrivial_match()
    with pytest.raises(AssertionError, match=r"Unresolved object in .*: \(root\)\.model\.blocks\.0\.kernel"):
        status.assert_consumed()
    other.build()
    assert values(other.variables) == values(model.variables)
    status.assert_consumed()
    other.blocks[0].kernel = V(np.ones((2, 3), np.float32))     # once only
    assert other.blocks[0].kernel.numpy().sum() == 6


def test_a_whole_tree_made_after_the_restore(prefix):
    path = Checkpoint(model=Model().build(), pair=(V(7.0), [V(8.0)]), parts={"a": {"b": V(9.0)}}).save(prefix)
    root = Checkpoint()
    status = root.restore(path)
    status.assert_existing_objects_matched()
    model = Model(0)
    model.blocks.append(Dense())
    model.blocks.append(Dense().build(2, 3))
    model.blocks[1].kernel.assign(np.zeros((2, 3), np.float32))
    root.model = model
    assert model.blocks[1].kernel.numpy().sum() == 3
    assert model.blocks[0].build(2, 3).kernel.numpy().sum() == 3
    root.pair = (V(0.0), [])
    root.pair[1].append(V(0.0))
    root.parts = {}
    root.parts["a"] = {}
    root.parts["a"].update(b=V(0.0))
    assert (root.pair[0].numpy(), root.pair[1][0].numpy(), root.parts["a"]["b"].numpy()) == (7.0, 8.0, 9.0)
    status.assert_consumed()


LATER = {
    "append": lambda x, v: x.append(v),
    "extend": lambda x, v: x.extend([v]),
    "add": lambda x, v: x.__iadd__([v]),
    "item": lambda x, v: (x.append(0), x.__setitem__(1, v)),
    "slice": lambda x, v: x.__setitem__(slice(1, 1), [v]),
    "insert": lambda x, v: x.insert(1, v),
    "insert and move": lambda x, v: (x.insert(0, v), x.reverse()),
    "sort": lambda x, v: (x.insert(0, v), x.sort(key=lambda y: -float(y))),
    "multiply": lambda x, v: (x.clear(), x.append(v), x.__imul__(2)),
}


@pytest.mark.parametrize("change", LATER.values(), ids=LATER)
def test_lists_filled_after_the_restore(prefix, change):
    path = Checkpoint(x=[V(1.0), V(2.0)]).save(prefix)
    root = Checkpoint(x=[V(5.0)])
    root.restore(path)
    assert root.x[0].numpy() == 1.0
    v = V(0.0)
    change(root.x, v)
    assert v.numpy() == 2.0


def test_the_latest_restore_wins(prefix):
    root = Checkpoint(layer=Dense().build(1, 1))
    paths = []
    for k in range(3):
        root.layer.kernel.assign([[float(k)]])
        paths.append(root.save(prefix))
    for order in ([0, 1, 2], [2, 1, 0], [1, 2, 0]):
        layer = Dense()
        other = Checkpoint(layer=layer)
        for k in order:
            other.restore(paths[k]).expect_partial()
        assert layer.build(1, 1).kernel.numpy() == order[-1]
        assert other.save_counter.numpy() == order[-1] + 1


def test_an_earlier_restore_gives_what_the_latest_lacks(prefix):
    both = Dense().build(1, 1)
    both.bias.assign([3.0])
    first = Checkpoint(layer=both).save(prefix)
    half = AutoTrackable()
    half.kernel = V([[7.0]])
    second = Checkpoint(layer=half).write(prefix + "-half")
    layer = Dense()
    root = Checkpoint(layer=layer)
    root.restore(first)
    root.restore(second)
    layer.build(1, 1)
    assert values(layer.variables) == [[[7.0]], [3.0]]


def test_a_value_that_does_not_fit_a_variable_made_later(prefix):
    path = Checkpoint(layer=Dense().build(2, 3)).save(prefix)
    root = Checkpoint(layer=Dense())
    root.restore(path)
    kernel = V(np.zeros((4, 5), np.float32), name="mine")
    with pytest.raises(nf.errors.InvalidArgumentError, match=r"ckpt-1\.safetensors', \(root\)\.layer\."
                                                             r"kernel: variable 'mine:0' has shape \(4, 5\)"):
        root.layer.kernel = kernel
    assert kernel.numpy().sum() == 0
    assert not hasattr(root.layer, "kernel")
    root.layer.kernel = V(np.zeros((2, 3), np.float32))
    assert root.layer.kernel.numpy().sum() == 3


def test_values_wait_in_the_file_though_it_is_deleted(prefix):
    path = Checkpoint(layer=Dense().build(2, 3)).save(prefix)
    root = Checkpoint(layer=Dense())
    root.restore(path)
    os.unlink(path + ".safetensors")
    assert root.layer.build(2, 3).kernel.numpy().sum() == 3


def test_objects_that_wait_can_be_copied_and_pickled(prefix):
    path = Checkpoint(layer=Dense().build(2, 3)).save(prefix)
    layer = Dense()
    Checkpoint(layer=layer).restore(path).expect_partial()
    for made in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        made.kernel = V(1.0)
        assert made.kernel.numpy() == 1.0       # a copy waits for nothing
    assert layer.build(2, 3).kernel.numpy().sum() == 3


def test_many_restores_hold_one_file(prefix):
    path = Checkpoint(layer=Dense().build(2, 3), other=V(1.0)).save(prefix)
    root = Checkpoint(layer=Dense())
    def handles():
        gc.collect()
        return len(os.listdir("/proc/self/fd"))
    root.restore(path).expect_partial()
    before = handles()
    for _ in range(20):
        root.restore(path).expect_partial()
    assert handles() == before
    del root
    assert handles() == before - 1


def test_objects_are_freed(prefix):
    root = Checkpoint(layer=Dense().build(2, 3))
    path = root.save(prefix)
    status = root.restore(path)
    gone = weakref.ref(root.layer)
    root.layer = Dense()
    gc.collect()
    assert gone() is None
    del status


# ---- optimizers
OPTIMIZERS = {
    "adam": lambda: nf.train.AdamOptimizer(0.1),
    "momentum": lambda: nf.train.MomentumOptimizer(0.1, 0.9),
    "rmsprop": lambda: nf.train.RMSPropOptimizer(0.1, centered=True, momentum=0.5),
    "adagrad": lambda: nf.train.AdagradOptimizer(0.1),
    "adadelta": lambda: nf.train.AdadeltaOptimizer(0.1),
    "adamw": lambda: nf.train.AdamWOptimizer(0.01, 0.1),
    "ftrl": lambda: nf.train.FtrlOptimizer(0.1),
    "proximal": lambda: nf.train.ProximalAdagradOptimizer(0.1),
}


@pytest.mark.parametrize("make", OPTIMIZERS.values(), ids=OPTIMIZERS)
@pytest.mark.parametrize("built", ["before", "after", "optimizer after"])
def test_training_goes_on_as_if_it_had_not_stopped(prefix, make, built):
    first, optimizer = Dense().build(2, 3), make()
    train(optimizer, first.variables)
    path = Checkpoint(layer=first, optimizer=optimizer).save(prefix)
    train(optimizer, first.variables)

    second, fresh = Dense(), make()
    if built == "before":
        second.build(2, 3)
        train(fresh, second.variables, 1)
    root = Checkpoint(layer=second)
    if built != "optimizer after":
        root.optimizer = fresh
    status = root.restore(path)
    if built == "optimizer after":
        root.optimizer = fresh
    if built != "before":
        second.build(2, 3)
    status.assert_consumed()
    train(fresh, second.variables)
    assert values(second.variables) == values(first.variables)
    assert values(fresh.variables()) == values(optimizer.variables())


def test_slots_are_there_right_after_the_restore(prefix):
    first, adam = Dense().build(2, 3), nf.train.AdamOptimizer()
    train(adam, first.variables)
    path = Checkpoint(layer=first, optimizer=adam).save(prefix)
    second, fresh = Dense(), nf.train.AdamOptimizer()
    root = Checkpoint(layer=second, optimizer=fresh)
    root.restore(path)
    second.build(2, 3)
    for name in ("m", "v"):
        assert values([fresh.get_slot(second.kernel, name)]) == values([adam.get_slot(first.kernel, name)])
    again = root.save(prefix)                   # and a save without a step loses nothing
    assert list_variables(again) == list_variables(path)


def test_slots_are_saved_only_with_both_variable_and_optimizer(prefix):
    layer, adam = Dense().build(2, 3), nf.train.AdamOptimizer()
    train(adam, layer.variables)
    for root in (Checkpoint(layer=layer), Checkpoint(optimizer=adam)):
        assert not any("OPTIMIZER_SLOT" in name for name, _ in list_variables(root.save(prefix)))
    path = Checkpoint(kernel=layer.kernel, optimizer=adam).save(prefix)
    assert [name for name, _ in list_variables(path) if "SLOT" in name] == [
        "kernel/.OPTIMIZER_SLOT/optimizer/m" + VALUE, "kernel/.OPTIMIZER_SLOT/optimizer/v" + VALUE]


def test_two_optimizers_of_one_variable(prefix):
    v, a, b = V([1.0]), nf.train.AdamOptimizer(), nf.train.AdamOptimizer()
    train(a, [v], 1)
    train(b, [v], 2)
    root = Checkpoint(v=v, a=a, b=b)
    path = root.save(prefix)
    before = values(a.variables()), values(b.variables())
    train(a, [v])
    train(b, [v])
    root.restore(path).assert_consumed()
    assert (values(a.variables()), values(b.variables())) == before


def test_another_optimizer_under_the_name(prefix):
    v, momentum = V([1.0]), nf.train.MomentumOptimizer(0.1, 0.9)
    train(momentum, [v])
    path = Checkpoint(v=v, optimizer=momentum).save(prefix)
    adam = nf.train.AdamOptimizer()
    status = Checkpoint(v=V([0.0]), optimizer=adam).restore(path)
    assert adam.variables() == []
    with pytest.raises(AssertionError, match=r"optimizer's state 'momentum' for \(root\)\.v"):
        status.assert_consumed()
    status.expect_partial()


def test_the_global_step(prefix, monkeypatch):
    import importlib
    monkeypatch.setattr(importlib.import_module("numbaflow.train.global_step"), "_steps", {})
    step = nf.train.get_or_create_global_step()
    v, adam = V(1.0), nf.train.AdamOptimizer()
    adam.minimize(lambda: v * v, global_step=step)
    root = Checkpoint(optimizer=adam, v=v, optimizer_step=step)
    path = root.save(prefix)
    adam.minimize(lambda: v * v, global_step=step)
    root.restore(path).assert_consumed()
    assert step.numpy() == 1


# ---- the status
def test_status_of_a_restore_from_none():
    v = V(3.0)
    status = Checkpoint(v=v).restore(None)
    assert v.numpy() == 3.0
    for check in (status.assert_consumed, status.assert_existing_objects_matched,
                  status.assert_nontrivial_match, status.run_restore_ops):
        with pytest.raises(AssertionError, match="No checkpoint specified"):
            check()
    status.initialize_or_restore()
    assert status.expect_partial() is status


def test_status_of_a_full_match(prefix):
    root = Checkpoint(model=Model().build())
    status = root.restore(root.save(prefix))
    assert status.assert_consumed() is status
    assert status.assert_existing_objects_matched() is status
    assert status.assert_nontrivial_match() is status
    assert status.expect_partial() is status
    status.initialize_or_restore()
    status.run_restore_ops()


def test_status_with_objects_that_are_not_in_the_file(prefix):
    path = Checkpoint(v=V(1.0)).save(prefix)
    root = Checkpoint(v=V(2.0), w=V(3.0, name="new"), empty=[], none={})
    status = root.restore(path)
    for check in (status.assert_existing_objects_matched, status.assert_consumed):
        with pytest.raises(AssertionError, match=r"Some Python objects were not bound to checkpointed "
                                                 r"values.* \(root\)\.w, Variable 'new:0'$"):
            check()
    status.assert_nontrivial_match()
    root.w = None
    status.assert_consumed()
    root.late = V(1.0)
    with pytest.raises(AssertionError, match=r"\(root\)\.late"):
        status.assert_existing_objects_matched()


def test_status_of_a_trivial_match(prefix):
    path = Checkpoint(v=V(1.0)).save(prefix)
    class Root(AutoTrackable):
        pass
    from numbaflow.train.checkpoint_restore import restore
    empty, other = Root(), Root()
    with pytest.raises(AssertionError, match="Nothing to load"):
        restore(empty, path).expect_partial().assert_nontrivial_match()
    other.w = V(1.0)
    with pytest.raises(AssertionError, match=r"Nothing except the root object matched.*\(root\)\.w"):
        restore(other, path).expect_partial().assert_nontrivial_match()


def test_attributes_that_an_object_no_longer_has(prefix):
    path = Checkpoint(counter=Counter()).save(prefix)

    class Fewer(Counter):
        def _saved_values(self):
            return {"at": self.at}
    status = Checkpoint(counter=Fewer()).restore(path)
    with pytest.raises(AssertionError, match=r"Unused attributes .*: \(root\)\.counter: twice"):
        status.assert_consumed()
    status.expect_partial()


def test_what_was_not_used_is_logged_unless_expected(prefix, caplog):
    path = Checkpoint(v=V(1.0), layer=Dense().build(1, 1)).save(prefix)

    def restored(v):
        return Checkpoint(v=v).restore(path)
    v = V(2.0)
    with caplog.at_level(logging.WARNING, "numbaflow"):
        restored(v).expect_partial()
        gc.collect()
        assert caplog.text == ""
        restored(v)
        gc.collect()
    assert "not all of its values were used: no object for (root).layer, (root).layer.kernel" in caplog.text
    assert v.numpy() == 1.0


def test_nothing_is_logged_about_a_restore_that_failed(prefix, caplog):
    path = Checkpoint(v=V(1.0), w=V(1.0)).save(prefix)
    with pytest.raises(ValueError, match="shape"):
        Checkpoint(v=V([1.0])).restore(path)
    gc.collect()
    assert caplog.text == ""
