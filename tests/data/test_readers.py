"""Datasets of files."""
import gzip
import struct
import zlib

import pytest
from numbaflow.kernels import crc32c

import numbaflow as nf

from .oracle import values

Dataset = nf.data.Dataset
tfe = nf.contrib.eager


def write(folder, name, data):
    (folder / name).write_bytes(data)
    return str(folder / name)


# ---- lines
def test_lines_and_their_ends(tmp_path):
    a = write(tmp_path, "a", b"one\r\ntwo\n\nlast")
    b = write(tmp_path, "b", b"")
    c = write(tmp_path, "c", b"x\n")
    lines = [b"one", b"two", b"", b"last"]
    assert values(nf.data.TextLineDataset(a)) == lines
    assert values(nf.data.TextLineDataset([a, b, c])) == [*lines, b"x"]
    assert values(nf.data.TextLineDataset(Dataset.from_tensor_slices([c, a]))) == [b"x", *lines]
    assert nf.data.TextLineDataset(a).output_types is nf.string


@pytest.mark.parametrize(("kind", "pack"), [("GZIP", gzip.compress), ("ZLIB", zlib.compress)])
def test_compressed_lines(tmp_path, kind, pack):
    name = write(tmp_path, "a", pack(b"one\ntwo\n"))
    assert values(nf.data.TextLineDataset(name, kind)) == [b"one", b"two"]


def test_several_files_by_turns(tmp_path):
    names = [write(tmp_path, n, f"{n}1\n{n}2\n".encode()) for n in "abc"]
    assert values(nf.data.TextLineDataset(names, num_parallel_reads=2)) == [
        b"a1", b"b1", b"a2", b"b2", b"c1", b"c2"]


def test_a_missing_file_is_named_and_the_next_one_follows(tmp_path):
    names = [str(tmp_path / "none"), write(tmp_path, "a", b"one\n")]
    it = iter(nf.data.TextLineDataset(names))
    with pytest.raises(nf.errors.NotFoundError, match="none; No such file"):
        next(it)
    assert next(it).numpy() == b"one"


def test_unknown_compression():
    with pytest.raises(nf.errors.InvalidArgumentError, match="compression_type must be one of"):
        nf.data.TextLineDataset("a", "LZMA")


# ---- records of one length
def test_records_between_header_and_footer(tmp_path):
    names = [write(tmp_path, n, b"HEAD" + n.encode() * 6 + b"FT") for n in "ab"]
    dataset = nf.data.FixedLengthRecordDataset(names, 3, 4, 2)
    assert values(dataset) == [b"aaa", b"aaa", b"bbb", b"bbb"]
    assert values(nf.data.FixedLengthRecordDataset(write(tmp_path, "e", b""), 3)) == []


def test_no_whole_number_of_records(tmp_path):
    name = write(tmp_path, "a", b"12345")
    with pytest.raises(nf.errors.InvalidArgumentError, match="5 bytes less 0 of header and 1 of footer"):
        values(nf.data.FixedLengthRecordDataset(name, 3, 0, 1))
    with pytest.raises(nf.errors.InvalidArgumentError, match="record_bytes must be at least 1"):
        nf.data.FixedLengthRecordDataset(name, 0)


# ---- TFRecords
def framed(data):
    length = struct.pack("<Q", len(data))
    return length + struct.pack("<I", crc32c.masked(length)) + data + struct.pack("<I", crc32c.masked(data))


def test_records_go_and_come_back(tmp_path):
    records = [b"", b"a", bytes(range(256)) * 10]
    name = str(tmp_path / "r")
    nf.data.experimental.TFRecordWriter(name).write(
        Dataset.from_generator(lambda: iter(records), nf.string))
    assert (tmp_path / "r").read_bytes() == b"".join(map(framed, records))
    assert values(nf.data.TFRecordDataset(name)) == records
    packed = write(tmp_path, "z", gzip.compress((tmp_path / "r").read_bytes()))
    assert values(nf.data.TFRecordDataset([packed], "GZIP")) == records


def test_the_framing_is_that_of_other_writers(tmp_path):
    from tensorboard.summary.writer.record_writer import RecordWriter
    with open(tmp_path / "r", "wb") as file:
        RecordWriter(file).write(b"hello")
    assert values(nf.data.TFRecordDataset(str(tmp_path / "r"))) == [b"hello"]


@pytest.mark.parametrize(("damage", "how"), [
    (lambda d: d[:3] + b"\xff" + d[4:], "corrupted record at 0"),
    (lambda d: d[:14] + b"\xff" + d[15:], "corrupted record at 0"),
    (lambda d: d[:-1] + bytes([d[-1] ^ 1]), "corrupted record at 21"),
    (lambda d: d[:-3], "truncated record at 21"), (lambda d: d[:-7], "truncated record at 21"),
    (lambda d: d[:26], "corrupted record at 21"),
    (lambda d: struct.pack("<Q", 2**60) + struct.pack("<I", crc32c.masked(struct.pack("<Q", 2**60))) + d,
     "truncated record at 0")])
def test_damaged_records(tmp_path, damage, how):
    good = framed(b"first") + framed(b"second")
    name = write(tmp_path, "r", damage(good))
    it = iter(nf.data.TFRecordDataset([name, write(tmp_path, "s", framed(b"x"))]))
    if how.endswith("21"):
        assert next(it).numpy() == b"first"
    with pytest.raises(nf.errors.DataLossError, match=how):
        next(it)
    assert next(it).numpy() == b"x"


def test_the_writer_takes_strings_only(tmp_path):
    writer = nf.data.experimental.TFRecordWriter(tmp_path / "r")
    with pytest.raises(TypeError, match="expected scalar strings"):
        writer.write(Dataset.range(2))
    with pytest.raises(nf.errors.InvalidArgumentError, match="uncompressed"):
        nf.data.experimental.TFRecordWriter("a", "GZIP")


# ---- positions
@pytest.mark.parametrize("compression", [None, "GZIP", "ZLIB"])
@pytest.mark.parametrize("count", [0, 1, 3, 7])
def test_positions_in_files(tmp_path, compression, count):
    pack = {None: bytes, "GZIP": gzip.compress, "ZLIB": zlib.compress}[compression]
    names = [write(tmp_path, n, pack(b"".join(framed(f"{n}{i}".encode()) for i in range(3)))) for n in "abc"]
    lines = [write(tmp_path, "l" + n, pack(f"{n}0\n{n}1\n{n}2\n".encode())) for n in "abc"]
    for make in (lambda: nf.data.TFRecordDataset(names, compression),
                 lambda: nf.data.TextLineDataset(Dataset.list_files(lines, shuffle=False), compression),
                 lambda: nf.data.FixedLengthRecordDataset(lines, 3, compression_type=compression)):
        it = tfe.Iterator(make())
        for _ in range(count):
            next(it)
        saved, rest = it._saved_values(), values(it)
        assert len(rest) == 9 - count
        again = tfe.Iterator(make())
        again._restore_values(saved)
        assert values(again) == rest
