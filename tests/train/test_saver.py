"""Checkpoints by the names of variables, and objects restored from them."""
import pytest

import numbaflow as nf
from numbaflow.contrib import eager as tfe
from numbaflow.train import Checkpoint, latest_checkpoint, list_variables

V = nf.Variable


@pytest.fixture
def named():
    return [V(1.0, name="a"), V([1.0, 2.0], name="b/c")]


def set_to_zero(variables):
    for v in variables:
        v.assign(v * 0.0)


def test_saving_and_restoring_by_name(tmp_path, named):
    saver = tfe.Saver(named)
    path = saver.save(tmp_path / "x", global_step=V(7))
    assert path == str(tmp_path / "x-7") == latest_checkpoint(tmp_path)
    assert list_variables(path) == [("a", []), ("b/c", [2])]
    set_to_zero(named)
    saver.restore(path)
    assert [v.numpy().tolist() for v in named] == [1.0, [1.0, 2.0]]
    assert saver.save(tmp_path / "x") == str(tmp_path / "x")


def test_names_of_ones_own(tmp_path, named):
    path = tfe.Saver({"one": named[0], "two": named[1]}).save(tmp_path / "x")
    other = V(0.0)
    tfe.Saver({"one": other}).restore(path)
    assert other.numpy() == 1.0


def test_the_variables_of_an_optimizer(tmp_path):
    v, adam = V(1.0, name="v"), nf.train.AdamOptimizer()
    adam.minimize(lambda: v * v)
    state = tfe.get_optimizer_variables(adam)
    assert len(state) == 4
    saver = tfe.Saver([v, *state])
    path = saver.save(tmp_path / "x")
    before = [w.numpy() for w in state]
    adam.minimize(lambda: v * v)
    saver.restore(path)
    assert [w.numpy() for w in state] == before


def test_wrong_lists():
    with pytest.raises(ValueError, match="At least two variables have the same name: Variable"):
        tfe.Saver([V(1.0), V(2.0)])
    with pytest.raises(TypeError, match="a variable was expected, got 3"):
        tfe.Saver([3])


def test_wrong_files(tmp_path, named):
    path = tfe.Saver(named).save(tmp_path / "x")
    set_to_zero(named)
    with pytest.raises(nf.errors.NotFoundError, match="Key other not found"):
        tfe.Saver([named[0], V(1.0, name="other")]).restore(path)
    with pytest.raises(nf.errors.InvalidArgumentError, match=r"x\.safetensors', 'b/c': variable 'b/c:0' has"):
        tfe.Saver([named[0], V(1.0, name="b/c")]).restore(path)
    assert named[0].numpy() == 0.0
    with pytest.raises(nf.errors.NotFoundError, match="Failed to find"):
        tfe.Saver(named).restore(tmp_path / "y")


# ---- objects
def test_objects_take_values_by_the_names_of_variables(tmp_path, named):
    path = tfe.Saver(named).save(tmp_path / "x")
    set_to_zero(named)
    status = Checkpoint(p=named[0], q=[named[1]]).restore(path)
    assert [v.numpy().tolist() for v in named] == [1.0, [1.0, 2.0]]
    assert status.assert_consumed() is status
    assert status.assert_existing_objects_matched() is status
    assert status.assert_nontrivial_match() is status
    assert status.expect_partial() is status
    status.initialize_or_restore()
    status.run_restore_ops()


def test_the_status_of_a_match_by_name(tmp_path, named):
    path = tfe.Saver(named).save(tmp_path / "x")
    some = Checkpoint(a=named[0]).restore(path)
    some.assert_existing_objects_matched()
    with pytest.raises(AssertionError, match=r"Unused values in checkpoint .*: b/c"):
        some.assert_consumed()
    other = Checkpoint(z=V(5.0, name="z")).restore(path)
    with pytest.raises(AssertionError, match=r"Variables whose names are not in .*: \(root\)\.z, Variable"):
        other.assert_existing_objects_matched()
    with pytest.raises(AssertionError, match=r"Nothing in checkpoint .* matched"):
        other.assert_nontrivial_match()
