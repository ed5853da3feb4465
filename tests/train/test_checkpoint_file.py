"""The files of checkpoints: what goes in comes out, and what is damaged is found."""
import contextlib
import errno
import json
import os
import resource
import threading

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from hypothesis.extra import numpy as hnp
from safetensors.numpy import load_file, save_file

import numbaflow as nf
from numbaflow.train.checkpoint_disk import remove_left, replacing
from numbaflow.train.checkpoint_file import write_file
from numbaflow.train.checkpoint_reader import CheckpointReader

DTYPES = ["bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float32",
          "float64", "complex64", "complex128"]
ARRAYS = hnp.arrays(st.sampled_from(DTYPES), hnp.array_shapes(min_dims=0, min_side=0))


def read(prefix):
    reader = CheckpointReader(prefix)
    return {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()}


def same(a, b):
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


# ---- what goes in comes out
@pytest.mark.parametrize("shape", [(), (0,), (3, 0, 2), (5,), (2, 3, 4)])
def test_every_dtype_comes_back(tmp_path, shape):
    rng = np.random.default_rng(0)
    tensors = {name: (rng.standard_normal(shape) * 3).astype(name) for name in DTYPES}
    tensors = {name: np.asarray(a) for name, a in tensors.items()}
    write_file(tmp_path / "x", tensors)
    found = read(tmp_path / "x")
    assert sorted(found) == sorted(DTYPES)
    for name in DTYPES:
        assert same(found[name], tensors[name]), name
        assert found[name].flags.owndata
        assert found[name].flags.writeable


@settings(max_examples=50, deadline=None)
@given(st.dictionaries(st.text(max_size=8), ARRAYS, max_size=4))
def test_any_names_and_arrays_come_back(tmp_path_factory, tensors):
    tensors = {name.encode(errors="ignore").decode(): a for name, a in tensors.items()}
    tensors.pop("__metadata__", None)
    path = tmp_path_factory.mktemp("any") / "x"
    write_file(path, tensors)
    found = read(path)
    assert sorted(found) == sorted(tensors)
    assert all(same(found[name], tensors[name]) for name in tensors)


def test_arrays_of_any_layout_come_back(tmp_path):
    a = np.arange(12.0).reshape(3, 4)
    tensors = {"turned": a.T, "part": a[:, 1::2], "other order": a.astype(">f8"),
               "tensor": nf.constant([1.0]), "number": 3}
    write_file(tmp_path / "x", tensors)
    found = read(tmp_path / "x")
    assert found["turned"].tolist() == a.T.tolist()
    assert found["part"].tolist() == a[:, 1::2].tolist()
    assert found["other order"].tolist() == a.tolist()
    assert found["tensor"].tolist() == [1.0]
    assert found["number"] == 3


@pytest.mark.parametrize("value", ["text", np.array(["a"]), object(), np.float16(1.0)])
def test_what_can_not_be_saved_is_named(tmp_path, value):
    with pytest.raises(TypeError, match="'v' can't be saved"):
        write_file(tmp_path / "x", {"v": value})
    with pytest.raises(ValueError, match="'__metadata__' can't be saved"):
        write_file(tmp_path / "x", {"__metadata__": 1.0})
    assert os.listdir(tmp_path) == []


def test_other_readers_of_the_format_read_it(tmp_path):
    tensors = {"b": np.array([True]), "a": np.arange(3.0), "c": np.array(1 + 2j), "i": np.int16([[1], [2]])}
    write_file(tmp_path / "x", tensors)
    found = load_file(tmp_path / "x.safetensors")
    for name in "bai":
        assert same(found[name], tensors[name])
    assert found["c"].tolist() == [1.0, 2.0]


@pytest.mark.slow
def test_a_large_tensor_comes_back(tmp_path):
    a = np.arange(1 << 26, dtype=np.float32)        # 256 MiB
    write_file(tmp_path / "x", {"a": a})
    assert os.path.getsize(tmp_path / "x.safetensors") > a.nbytes
    assert np.array_equal(CheckpointReader(tmp_path / "x").get_tensor("a"), a)


def test_a_value_can_be_read_after_the_file_is_gone(tmp_path):
    write_file(tmp_path / "x", {"a": np.arange(3)})
    reader = CheckpointReader(tmp_path / "x")
    write_file(tmp_path / "x", {"a": np.arange(5)})
    os.unlink(tmp_path / "x.safetensors")
    assert reader.get_tensor("a").tolist() == [0, 1, 2]


def test_threads_may_read_at_once(tmp_path):
    tensors = {str(k): np.full(300_000, k) for k in range(4)}
    write_file(tmp_path / "x", tensors)
    reader, wrong = CheckpointReader(tmp_path / "x"), []

    def look(name):
        for _ in range(10):
            if not same(reader.get_tensor(name), tensors[name]):
                wrong.append(name)
    threads = [threading.Thread(target=look, args=(name,)) for name in tensors]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert wrong == []


# ---- damage
@pytest.fixture
def saved(tmp_path):
    """(the file of a small checkpoint, its bytes, a root to restore)"""
    root = nf.train.Checkpoint(v=nf.Variable([1.0, 2.0, 3.0]), n=nf.Variable(np.int64(7)))
    path = root.write(tmp_path / "x")
    file = tmp_path / "x.safetensors"
    root.v.assign([9.0, 9.0, 9.0])
    return path, file, file.read_bytes(), root


def damaged(saved, data):
    path, file, _, root = saved
    file.write_bytes(data)
    with pytest.raises(nf.errors.DataLossError, match=r"x\.safetensors' is damaged or no checkpoint"):
        root.restore(path)
    assert root.v.numpy().tolist() == [9.0, 9.0, 9.0]
    assert root.n.numpy() == 7


def test_every_truncation_is_found(saved):
    for size in range(len(saved[2])):
        damaged(saved, saved[2][:size])


def test_what_is_added_is_found(saved):
    damaged(saved, saved[2] + b"\0")


def test_every_changed_byte_is_found_or_changes_nothing(saved):
    path, file, data, _ = saved
    rng, before, found = np.random.default_rng(0), CheckpointReader(path), 0
    for at in range(len(data)):
        changed = bytearray(data)
        changed[at] ^= int(rng.integers(1, 256))
        file.write_bytes(changed)
        try:
            after = CheckpointReader(path)
            assert after.nodes == before.nodes
            for name in before.get_variable_to_shape_map():
                assert same(after.get_tensor(name), before.get_tensor(name)), (name, at)
        except (nf.errors.DataLossError, nf.errors.UnimplementedError):
            found += 1
    assert found > 0.8 * len(data)          # others are spaces between the parts of the header, and the like


@pytest.mark.parametrize("at", [-1, -17, -30])
def test_changed_data_is_found_before_anything_is_restored(saved, at):
    data = bytearray(saved[2])
    data[at] ^= 1
    damaged(saved, bytes(data))


def test_changed_data_is_found_though_no_object_wants_it(saved):
    path, file, data, _ = saved
    changed = bytearray(data)
    changed[-1] ^= 1
    file.write_bytes(changed)
    with pytest.raises(nf.errors.DataLossError, match="checksum"):
        nf.train.Checkpoint().restore(path)


@pytest.mark.parametrize("data", [
    b"", b"hello", b"a text file, longer than eight bytes\n" * 10, bytes(1000), b"\xff" * 1000,
    b"\x02\0\0\0\0\0\0\0{}", b"\x02\0\0\0\0\0\0\0[]", b"\x10\0\0\0\0\0\0\0" + b"[" * 16,
    b"\x04\0\0\0\0\0\0\0null", b"\xa0\x86\x01\0\0\0\0\0" + b"[" * 100_000], ids=range(10))
def test_foreign_files_are_refused(saved, data):
    damaged(saved, data)


def test_a_foreign_safetensors_file_is_refused(saved):
    path, file, _, root = saved
    save_file({"a": np.zeros(2)}, file)
    with pytest.raises(nf.errors.DataLossError, match="numbaflow did not save it"):
        root.restore(path)


def with_content(data, change):
    """A file's bytes with its description changed and the checksum right."""
    import zlib
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8:8 + length])
    meta = header["__metadata__"]
    content = json.loads(meta["content"])
    change(content, header)
    meta["content"] = json.dumps(content)
    meta["checksum"] = str(zlib.crc32(meta["content"].encode()))
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data[8 + length:]


def child_out_of_range(content, header):
    content["nodes"][0]["children"]["v"] = 99


def tensor_that_is_not_there(content, header):
    content["nodes"][1]["attributes"] = {"VARIABLE_VALUE": "nothing"}


def huge_shape(content, header):
    next(iter(content["tensors"].values()))[1] = [10**12]


def no_tensors(content, header):
    del content["tensors"]


def negative_offset(content, header):
    next(v for k, v in header.items() if k != "__metadata__")["data_offsets"] = [-8, 0]


@pytest.mark.parametrize("change", [child_out_of_range, tensor_that_is_not_there, huge_shape, no_tensors,
                                    negative_offset])
def test_descriptions_that_make_no_sense_are_refused(saved, change):
    damaged(saved, with_content(saved[2], change))


def test_a_later_version_is_refused(saved):
    path, file, data, root = saved
    file.write_bytes(data.replace(b'"numbaflow_checkpoint":"1"', b'"numbaflow_checkpoint":"2"'))
    with pytest.raises(nf.errors.UnimplementedError, match="version 2"):
        root.restore(path)


def test_a_missing_file_is_named(tmp_path):
    root = nf.train.Checkpoint(v=nf.Variable(1.0))
    with pytest.raises(nf.errors.NotFoundError, match=r"Failed to find .*no file '.*gone\.safetensors'"):
        root.restore(tmp_path / "gone")
    with pytest.raises(nf.errors.NotFoundError, match="latest_checkpoint"):
        root.restore(tmp_path)
    (tmp_path / "tf.index").write_bytes(b"")
    with pytest.raises(nf.errors.NotFoundError, match="TensorFlow's own format"):
        root.restore(tmp_path / "tf")


# ---- errors while saving
@contextlib.contextmanager
def files_up_to(size):
    """No file of this process grows beyond that size, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_loses_nothing(tmp_path):
    root = nf.train.Checkpoint(v=nf.Variable(np.zeros(100_000)))
    first = root.save(tmp_path / "x")
    root.v.assign(np.ones(100_000))
    for path in (tmp_path / "x", first.removesuffix("-1")):
        with files_up_to(100_000), pytest.raises(OSError, match=r"x-2\.safetensors' can't be written") as e:
            root.save(path)
        assert e.value.errno == errno.EFBIG
    with files_up_to(100_000), pytest.raises(OSError, match="is what it was before"):
        root.write(first)
    assert sorted(os.listdir(tmp_path)) == ["checkpoint", "x-1.safetensors"]
    assert root.save_counter.numpy() == 1
    root.restore(nf.train.latest_checkpoint(tmp_path)).assert_consumed()
    assert root.v.numpy().sum() == 0


def test_a_folder_that_can_not_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    root = nf.train.Checkpoint(v=nf.Variable(1.0))
    with pytest.raises(OSError, match=r"x-1\.safetensors' can't be written"):
        root.save(tmp_path / "file" / "x")
    with pytest.raises(OSError, match=r"x-1\.safetensors' can't be written"):
        root.save("/proc/none/x")
    assert root.save_counter.numpy() == 0


# ---- files aside
def test_an_error_while_writing_leaves_the_old_file(tmp_path):
    path = tmp_path / "x"
    path.write_text("old")
    with pytest.raises(TypeError), replacing(str(path)) as file:
        file.writelines([b"new", "text"])
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["x"]


def test_files_that_a_killed_process_left_are_removed_and_those_being_written_stay(tmp_path):
    left = tmp_path / ".numbaflow-0123456789abcdef.partial"
    other = tmp_path / ".numbaflow-other.partial"
    left.write_bytes(b"half")
    other.write_bytes(b"not ours")
    with replacing(str(tmp_path / "x")) as file:
        file.write(b"new")
        remove_left(str(tmp_path))
        assert not left.exists()
        assert os.path.exists(file.name)
    assert (tmp_path / "x").read_bytes() == b"new"
    assert other.exists()


def test_a_save_and_a_manager_clean_up(tmp_path):
    left = tmp_path / ".numbaflow-0123456789abcdef.partial"
    root = nf.train.Checkpoint(v=nf.Variable(1.0))
    left.write_bytes(b"half")
    root.save(tmp_path / "x")
    assert not left.exists()
    left.write_bytes(b"half")
    nf.train.CheckpointManager(root, tmp_path, 3)
    assert not left.exists()
