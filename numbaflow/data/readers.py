"""Datasets of files: lines, records of fixed length, TFRecords.

A file is opened when its first record is asked for and read as it goes.  An error ends the reading of its
file; the next file follows.
"""
import gzip
import io
import os
import zlib

from numbaflow.core.errors import InvalidArgumentError, NotFoundError
from numbaflow.core.shape import TensorShape

from . import sources
from .dataset import Dataset, made
from .elements import Spec, is_dataset
from .nesting import Interleave
from .records import read_record
from .selecting import whole_number
from .stage import EMPTY, Stage, Stream
from .state import saved, unpacked
from .strings import StringTensor, string

_COMPRESSIONS = ("", "GZIP", "ZLIB")


class Files(Stage):
    """The records of files whose names are the elements of the input (abstract)."""

    def __init__(self, names, compression):
        self.inputs, self._compression = (names,), compression or ""
        if self._compression not in _COMPRESSIONS:
            raise InvalidArgumentError(f"{self.name}: compression_type must be one of '', 'GZIP' and 'ZLIB', "
                                       f"got {compression!r}")

    def stream(self):
        return FilesStream(self, self.inputs[0].stream())

    def known_spec(self):
        return Spec(string, TensorShape(()))

    def opened(self, name):
        """The open file of a name; NotFoundError where there is none."""
        try:
            if self._compression == "GZIP":
                return gzip.open(name, "rb")
            if self._compression == "ZLIB":
                with open(name, "rb") as file:
                    return io.BytesIO(zlib.decompress(file.read()))
            return open(name, "rb")
        except FileNotFoundError as error:
            raise NotFoundError(f"{self.name}: {os.fsdecode(name)}; No such file or directory") from error

    def begin(self, file, name):
        """Go to the first record of a file that was just opened."""

    def record(self, file, name):
        """The bytes of the next record, or None."""
        raise NotImplementedError


class FilesStream(Stream):
    __slots__ = ("_file", "_name", "_names", "_stage")

    def __init__(self, stage, names):
        self._stage, self._names, self._file, self._name = stage, names, None, None

    def read(self, n):
        while True:
            if self._file is None and not self._open_next():
                return EMPTY
            try:
                record = self._stage.record(self._file, os.fsdecode(self._name.numpy()))
            except Exception:
                self._close()
                raise
            if record is not None:
                return [StringTensor(record)]
            self._close()

    def _open_next(self):
        run = self._names.read(1)
        if not len(run):
            return False
        self._open(run[0])
        return True

    def _open(self, name):
        file = self._stage.opened(name.numpy())
        try:
            self._stage.begin(file, os.fsdecode(name.numpy()))
        except Exception:
            file.close()
            raise
        self._file, self._name = file, name

    def _close(self):
        if self._file is not None:
            self._file.close()
        self._file = self._name = None

    def __del__(self):
        self._close()

    def restart(self, turn):
        self._close()
        self._names.restart(turn)

    def save(self):
        name = [] if self._file is None else [self._name]
        return {"name": saved(name, self._stage), "at": self._file.tell() if name else 0,
                "names": self._names.save()}

    def restore(self, state):
        self._close()
        self._names.restore(state["names"])
        for name in unpacked(state["name"], None):
            self._open(name)
            self._file.seek(state["at"])


class Lines(Files):
    """Lines without their ends."""

    name = "text_lines"

    def record(self, file, name):
        line = file.readline()
        if not line:
            return None
        return line[:-2] if line.endswith(b"\r\n") else line[:-1] if line.endswith(b"\n") else line


class FixedLengthRecords(Files):
    """Records of one length between a header and a footer."""

    name = "fixed_length_records"

    def __init__(self, names, record_bytes, header_bytes, footer_bytes, compression):
        super().__init__(names, compression)
        self._record = whole_number(record_bytes, f"{self.name}: record_bytes", 1)
        self._header = whole_number(header_bytes or 0, f"{self.name}: header_bytes", 0)
        self._footer = whole_number(footer_bytes or 0, f"{self.name}: footer_bytes", 0)

    def begin(self, file, name):
        size = file.seek(0, io.SEEK_END)
        body = size - self._header - self._footer
        if body < 0 or body % self._record:
            raise InvalidArgumentError(
                f"{self.name}: {name} of {size} bytes less {self._header} of header and {self._footer} of "
                f"footer is no whole number of records of {self._record} bytes")
        file.seek(self._header)

    def record(self, file, name):
        data = file.read(self._record + self._footer)
        if len(data) < self._record + self._footer:
            return None
        file.seek(-self._footer, io.SEEK_CUR)
        return data[:self._record]


class Records(Files):
    """TFRecords."""

    name = "tf_records"

    def record(self, file, name):
        return read_record(file, name)


def _names_stage(filenames):
    if is_dataset(filenames):
        return filenames._stage
    names = StringTensor(filenames)
    return sources.from_tensors(names) if names.ndim == 0 else sources.from_tensor_slices(names)


def _files(filenames, stage_of, parallel):
    """The stage over names; several files by turns, each read ahead in a thread, where parallel."""
    if parallel is None or parallel == 1:
        return stage_of(_names_stage(filenames))
    return Interleave(_names_stage(filenames), lambda name: made(stage_of(sources.from_tensors(name))),
                      parallel, 1, parallel, "files")


# ---- the public classes
class TextLineDataset(Dataset):
    """The lines of text files, as bytes without line ends.

    Args:
        filenames: a name, a list of them or a dataset of them.
        compression_type: "", "GZIP" or "ZLIB".
        buffer_size: without effect.
        num_parallel_reads: this many files by turns, each read in a thread.

    Raises:
        NotFoundError: when read, a file that is not there.

    >>> import numbaflow as nf, tempfile
    >>> with tempfile.NamedTemporaryFile() as file:
    ...     _ = file.write(b"red\\ngreen\\n"), file.flush()
    ...     [line.numpy() for line in nf.data.TextLineDataset(file.name)]
    [b'red', b'green']
    """

    __slots__ = ()

    def __init__(self, filenames, compression_type=None, buffer_size=None, num_parallel_reads=None):
        self._stage = _files(filenames, lambda names: Lines(names, compression_type), num_parallel_reads)


class FixedLengthRecordDataset(Dataset):
    """The records of binary files, all of one length.

    Args:
        filenames: a name, a list of them or a dataset of them.
        record_bytes: the length of a record.
        header_bytes, footer_bytes: what is left out at the ends of each file.
        buffer_size: without effect.
        compression_type: "", "GZIP" or "ZLIB".
        num_parallel_reads: this many files by turns, each read in a thread.

    Raises:
        InvalidArgumentError: when read, a file that does not hold a whole number of records.

    >>> import numbaflow as nf, tempfile
    >>> with tempfile.NamedTemporaryFile() as file:
    ...     _ = file.write(b"headaabb"), file.flush()
    ...     [record.numpy() for record in nf.data.FixedLengthRecordDataset(file.name, 2, 4)]
    [b'aa', b'bb']
    """

    __slots__ = ()

    def __init__(self, filenames, record_bytes, header_bytes=None, footer_bytes=None, buffer_size=None,
                 compression_type=None, num_parallel_reads=None):
        def stage_of(names):
            return FixedLengthRecords(names, record_bytes, header_bytes, footer_bytes, compression_type)
        self._stage = _files(filenames, stage_of, num_parallel_reads)


class TFRecordDataset(Dataset):
    """The records of TFRecord files, as bytes.

    Args:
        filenames: a name, a list of them or a dataset of them.
        compression_type: "", "GZIP" or "ZLIB".
        buffer_size: without effect.
        num_parallel_reads: this many files by turns, each read in a thread.

    Raises:
        DataLossError: when read, a record that is cut short or does not have its checksum.

    >>> import numbaflow as nf, tempfile
    >>> with tempfile.NamedTemporaryFile() as file:
    ...     writer = nf.data.experimental.TFRecordWriter(file.name)
    ...     writer.write(nf.data.Dataset.from_tensor_slices(["red", "green"]))
    ...     [record.numpy() for record in nf.data.TFRecordDataset(file.name)]
    [b'red', b'green']
    """

    __slots__ = ()

    def __init__(self, filenames, compression_type=None, buffer_size=None, num_parallel_reads=None):
        self._stage = _files(filenames, lambda names: Records(names, compression_type), num_parallel_reads)
