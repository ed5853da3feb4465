"""The state file, the manager that keeps the latest few, and looks into checkpoints without objects."""
import logging
import os
import time
from pathlib import Path

import numpy as np
import pytest

import numbaflow as nf
from numbaflow import train
from numbaflow.train import Checkpoint, CheckpointManager

VALUE = "/.ATTRIBUTES/VARIABLE_VALUE"


@pytest.fixture
def root():
    return Checkpoint(v=nf.Variable([1.0, 2.0]))


@pytest.fixture
def clock(monkeypatch):
    """The time, which tests set: hours since 1970."""
    class Clock:
        hours = 100.0
    monkeypatch.setattr(time, "time", lambda: Clock.hours * 3600.0)
    return Clock


def files(folder):
    return sorted(name.removesuffix(".safetensors") for name in os.listdir(folder) if name != "checkpoint")


def names(manager):
    return [os.path.basename(path) for path in manager.checkpoints]


# ---- the state file
def test_the_state_file_is_tensorflows_text(tmp_path, root):
    path = root.save(tmp_path / "x")
    assert (tmp_path / "checkpoint").read_text() == ('model_checkpoint_path: "x-1"\n'
                                                     'all_model_checkpoint_paths: "x-1"\n')
    state = train.get_checkpoint_state(tmp_path)
    assert state.model_checkpoint_path == path
    assert state.all_model_checkpoint_paths == [path]
    assert state.all_model_checkpoint_timestamps == []
    assert str(state).startswith("model_checkpoint_path: ")


def test_a_state_file_moves_with_its_folder(tmp_path, root):
    root.save(tmp_path / "a" / "x")
    os.rename(tmp_path / "a", tmp_path / "b")
    assert train.latest_checkpoint(tmp_path / "b") == str(tmp_path / "b" / "x-1")


def test_what_tensorflow_wrote_is_read(tmp_path):
    (tmp_path / "checkpoint").write_text(
        'model_checkpoint_path: "m\\303\\251 \\"q\\" \\\\"\n'
        'all_model_checkpoint_paths: "/abs/one"\nall_model_checkpoint_paths: "m\\303\\251 \\"q\\" \\\\"\n'
        "all_model_checkpoint_timestamps: 1559585300.25\nall_model_checkpoint_timestamps: 1.5e9\n"
        "last_preserved_timestamp: 1559585299.5\n\n")
    state = train.get_checkpoint_state(tmp_path)
    assert state.model_checkpoint_path == str(tmp_path / 'mé "q" \\')
    assert state.all_model_checkpoint_paths == ["/abs/one", str(tmp_path / 'mé "q" \\')]
    assert state.all_model_checkpoint_timestamps == [1559585300.25, 1.5e9]
    assert state.last_preserved_timestamp == 1559585299.5


@pytest.mark.parametrize("name", ['quo"te', "back\\slash", "new\nline", "né", "\udc80 no text", " blank "])
def test_any_name_comes_back(tmp_path, root, name):
    path = root.save(tmp_path / name)
    assert train.latest_checkpoint(tmp_path) == path
    root.restore(path).assert_consumed()


def test_updating_the_state(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    os.mkdir("d")
    train.update_checkpoint_state("d", "d/two", ["d/one", "/abs"], all_model_checkpoint_timestamps=None)
    assert Path("d/checkpoint").read_text() == (
        'model_checkpoint_path: "two"\nall_model_checkpoint_paths: "one"\n'
        'all_model_checkpoint_paths: "/abs"\nall_model_checkpoint_paths: "two"\n')
    train.update_checkpoint_state(tmp_path / "d", "two", None, "other", last_preserved_timestamp=2.0)
    state = train.get_checkpoint_state("d", "other")
    assert state.model_checkpoint_path == os.path.join("d", "two")
    assert state.last_preserved_timestamp == 2.0
    with pytest.raises(ValueError, match="timestamps, if provided, must match checkpoint paths"):
        train.update_checkpoint_state("d", "d/two", ["d/two"], all_model_checkpoint_timestamps=[1.0, 2.0])


@pytest.mark.parametrize("text", ["", "nonsense", 'model_checkpoint_path: "open', "\xff\xfe\0", "a: 1\n",
                                  "all_model_checkpoint_timestamps: x1\n"])
def test_a_state_file_that_can_not_be_read_is_none_and_logged(tmp_path, caplog, text):
    (tmp_path / "checkpoint").write_text(text, encoding="latin-1")
    assert train.get_checkpoint_state(tmp_path) is None
    assert train.latest_checkpoint(tmp_path) is None
    assert "checkpoint ignored" in caplog.text


def test_no_state_file(tmp_path):
    assert train.get_checkpoint_state(tmp_path) is None
    assert train.latest_checkpoint(tmp_path / "none") is None


def test_the_latest_is_none_when_its_file_is_gone(tmp_path, root, caplog):
    path = root.save(tmp_path / "x")
    assert train.checkpoint_exists(path)
    os.unlink(path + ".safetensors")
    assert not train.checkpoint_exists(path)
    assert train.latest_checkpoint(tmp_path) is None
    assert "Couldn't match files for checkpoint" in caplog.text


# ---- the manager
def test_a_manager_keeps_the_latest(tmp_path, root):
    folder = tmp_path / "d"
    manager = CheckpointManager(root, folder, max_to_keep=2)
    assert manager.latest_checkpoint is None
    assert manager.checkpoints == []
    assert [os.path.basename(manager.save()) for _ in range(4)] == ["ckpt-1", "ckpt-2", "ckpt-3", "ckpt-4"]
    assert manager.latest_checkpoint == train.latest_checkpoint(folder) == str(folder / "ckpt-4")
    assert files(folder) == names(manager) == ["ckpt-3", "ckpt-4"]
    state = train.get_checkpoint_state(folder)
    assert state.all_model_checkpoint_paths == manager.checkpoints
    assert len(state.all_model_checkpoint_timestamps) == 2


def test_a_manager_that_keeps_all(tmp_path, root):
    manager = CheckpointManager(root, tmp_path, max_to_keep=None, checkpoint_name="model")
    for _ in range(6):
        manager.save()
    assert names(manager) == files(tmp_path) == [f"model-{k}" for k in range(1, 7)]


@pytest.mark.parametrize("number", [0, -1])
def test_the_number_to_keep_is_positive(tmp_path, root, number):
    with pytest.raises(ValueError, match=f"Expected a positive integer or `None` .* got {number}"):
        CheckpointManager(root, tmp_path, max_to_keep=number)


def test_a_later_manager_goes_on(tmp_path, root):
    first = CheckpointManager(root, tmp_path, max_to_keep=3)
    for _ in range(3):
        first.save()
    other = Checkpoint(v=nf.Variable([0.0, 0.0]))
    second = CheckpointManager(other, tmp_path, max_to_keep=2)
    assert second.checkpoints == first.checkpoints
    assert second.latest_checkpoint == first.latest_checkpoint
    other.restore(second.latest_checkpoint).assert_consumed()
    second.save()
    assert files(tmp_path) == names(second) == ["ckpt-3", "ckpt-4"]


def test_files_that_the_manager_did_not_make_stay(tmp_path, root):
    root.save(tmp_path / "mine")
    root.write(tmp_path / "ckpt-99")
    (tmp_path / "notes.txt").write_text("")
    manager = CheckpointManager(root, tmp_path, max_to_keep=1)
    assert manager.checkpoints == []
    for _ in range(3):
        manager.save()
    assert files(tmp_path) == ["ckpt-4", "ckpt-99", "mine-1", "notes.txt"]


def test_numbers_of_ones_own(tmp_path, root):
    manager, step = CheckpointManager(root, tmp_path, max_to_keep=5), nf.Variable(np.int64(30))
    assert [os.path.basename(manager.save(n)) for n in (10, np.int64(20), step, 10)] == [
        "ckpt-10", "ckpt-20", "ckpt-30", "ckpt-10"]
    assert names(manager) == ["ckpt-20", "ckpt-30", "ckpt-10"]      # written over: now the latest
    assert manager.latest_checkpoint.endswith("ckpt-10")
    assert root.save_counter.numpy() == 4


def test_one_is_kept_for_good_each_so_many_hours(tmp_path, root, clock):
    manager = CheckpointManager(root, tmp_path, max_to_keep=1, keep_checkpoint_every_n_hours=2)
    for _ in range(8):
        clock.hours += 0.75
        manager.save()
    # saved 0.75, 1.5, 2.25, ... hours after the start: the first at least 2 after the one before stays
    assert files(tmp_path) == ["ckpt-3", "ckpt-6", "ckpt-8"]
    assert names(manager) == ["ckpt-8"]
    again = CheckpointManager(root, tmp_path, max_to_keep=1, keep_checkpoint_every_n_hours=2)
    clock.hours += 0.75
    again.save()
    assert files(tmp_path) == ["ckpt-3", "ckpt-6", "ckpt-9"]


def test_a_clock_that_goes_back_deletes_nothing_too_early(tmp_path, root, clock, caplog):
    manager = CheckpointManager(root, tmp_path, max_to_keep=2)
    manager.save()
    clock.hours -= 50.0
    with caplog.at_level(logging.WARNING):
        later = CheckpointManager(root, tmp_path, max_to_keep=2)
    assert "the clock went back" in caplog.text
    later.save()
    later.save()
    assert train.latest_checkpoint(tmp_path).endswith("ckpt-3")
    assert files(tmp_path) == ["ckpt-1", "ckpt-2", "ckpt-3"]


def test_a_save_that_fails_deletes_nothing(tmp_path, root):
    manager = CheckpointManager(root, tmp_path, max_to_keep=1)
    manager.save()

    class Strange(nf.contrib.checkpoint.Checkpointable):
        def _saved_values(self):
            return {"s": "text"}
    root.strange = Strange()
    with pytest.raises(TypeError, match="can't be saved"):
        manager.save()
    assert files(tmp_path) == names(manager) == ["ckpt-1"]
    assert root.save_counter.numpy() == 1
    root.strange = None
    assert manager.save().endswith("ckpt-2")


# ---- looking into checkpoints
def test_looking_into_a_checkpoint(tmp_path, root):
    path = root.save(tmp_path / "x")
    for where in (path, tmp_path, path + ".safetensors"):
        assert train.list_variables(where) == [("save_counter" + VALUE, []), ("v" + VALUE, [2])]
        assert train.load_variable(where, "v" + VALUE).tolist() == [1.0, 2.0]
        assert train.load_variable(where, "v" + VALUE + ":0").tolist() == [1.0, 2.0]
    reader = train.load_checkpoint(tmp_path)
    assert reader.has_tensor("v" + VALUE)
    assert not reader.has_tensor("v")
    assert reader.get_variable_to_dtype_map() == {"save_counter" + VALUE: nf.int64, "v" + VALUE: nf.float32}
    with pytest.raises(nf.errors.NotFoundError, match=r"Key w not found in checkpoint .*x-1.safetensors', "
                                                      "which holds save_counter"):
        reader.get_tensor("w")


def test_looking_where_there_is_nothing(tmp_path):
    with pytest.raises(nf.errors.NotFoundError, match="Couldn't find 'checkpoint' file or checkpoints"):
        train.list_variables(tmp_path)
    with pytest.raises(nf.errors.NotFoundError, match="Failed to find a checkpoint"):
        train.load_checkpoint(tmp_path / "none")
