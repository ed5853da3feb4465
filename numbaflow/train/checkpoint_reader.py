"""The file of a checkpoint, read: every byte is checked before it is believed.

The file stays open while its reader lives, so values can be read after the file was replaced or deleted.  It
is read, not mapped: a mapped file that somebody cuts ends the process.  Reading 100 MB straight into an array
took 18 ms, the safetensors package's mapping and copying 68.
"""
import io
import json
import math
import os
import threading
import weakref
import zlib

import numpy as np

from numbaflow.core import dtypes
from numbaflow.core.errors import DataLossError, NotFoundError, UnimplementedError

from .checkpoint_file import VERSION, bytes_of, file_of

_CHUNK = 1 << 20                # read and summed at once, while it is in the cache
_HEADER_LIMIT = 100_000_000     # of the format's definition


class CheckpointReader:
    """A checkpoint's tensors by name; made by ``nf.train.load_checkpoint``.

    Args:
        prefix: the checkpoint, such as ``"./ckpt/-1"``.

    Raises:
        NotFoundError: no such file.
        DataLossError: a file that is truncated, corrupted or no checkpoint.
    """

    def __init__(self, prefix):
        self.path = file_of(prefix)
        self._file = _opened(prefix, self.path)
        weakref.finalize(self, self._file.close)
        self._lock = threading.Lock()
        try:
            header, self._start = self._header()
            content = self._content(header)
            self._tensors = {name: (np.dtype(dtype), tuple(shape), crc)
                             for name, (dtype, shape, crc) in content["tensors"].items()}
            self._offsets = self._checked_offsets(header)
            self.nodes = _checked_nodes(content["nodes"], self._tensors)
        except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
            what = f"its header can't be understood ({type(error).__name__}: {error})"
            raise self._damaged(what) from error

    def _damaged(self, what):
        return DataLossError(f"checkpoint file {self.path!r} is damaged or no checkpoint: {what}")

    # ---- what is in the file
    def has_tensor(self, tensor_str):
        """Whether a tensor of that name is there."""
        return tensor_str in self._tensors

    def get_variable_to_shape_map(self):
        """Name -> shape, a list of ints."""
        return {name: list(shape) for name, (_, shape, _) in sorted(self._tensors.items())}

    def get_variable_to_dtype_map(self):
        """Name -> DType."""
        return {name: dtypes.as_dtype(dtype) for name, (dtype, _, _) in sorted(self._tensors.items())}

    def get_tensor(self, tensor_str):
        """The value of a name, a new array; NotFoundError for a name that is not there."""
        if tensor_str not in self._tensors:
            raise NotFoundError(f"Key {tensor_str} not found in checkpoint {self.path!r}, which holds "
                                f"{', '.join(sorted(self._tensors)) or 'nothing'}")
        dtype, shape, _ = self._tensors[tensor_str]
        array = np.empty(shape, dtype)
        whole = bytes_of(array)
        self._read(tensor_str, (whole[at:at + _CHUNK] for at in range(0, len(whole), _CHUNK)))
        return array

    def verify(self, names):
        """DataLossError if the data of one of these tensors is not what was saved."""
        buffer = memoryview(bytearray(_CHUNK))
        for name in names:
            dtype, shape, _ = self._tensors[name]
            size = math.prod(shape) * dtype.itemsize
            self._read(name, (buffer[:size - at] for at in range(0, size, _CHUNK)))

    # ---- bytes
    def _read(self, name, parts):
        """Fill the views of bytes in `parts`, one after the other, with the data of a tensor."""
        crc, expected = 0, self._tensors[name][2]
        with self._lock:
            self._file.seek(self._start + self._offsets[name])
            for part in parts:
                self._fill(part)
                crc = zlib.crc32(part, crc)
        if crc != expected:
            raise self._damaged(f"the data of {name!r} has checksum {crc:08x}, saved was {expected:08x}")

    def _fill(self, view):
        got = 0
        while got < len(view):
            count = self._file.readinto(view[got:])
            if not count:
                raise self._damaged("it ends too early")
            got += count

    # ---- the header
    def _header(self):
        """(the header, where the data starts)"""
        size = os.fstat(self._file.fileno()).st_size
        if size < 8:
            raise self._damaged(f"it has {size} bytes")
        length = int.from_bytes(self._file.read(8), "little")
        if length > _HEADER_LIMIT:
            raise self._damaged("it is not in the safetensors format")
        if 8 + length > size:
            raise self._damaged(f"it has {size} bytes, fewer than its header needs")
        text = bytearray(length)
        self._fill(memoryview(text))
        return json.loads(text.decode()), 8 + length

    def _content(self, header):
        """The description of what is saved."""
        metadata = header.pop("__metadata__", {})
        if "numbaflow_checkpoint" not in metadata:
            raise self._damaged("it is a safetensors file, but numbaflow did not save it")
        if int(metadata["numbaflow_checkpoint"]) > VERSION:
            raise UnimplementedError(f"checkpoint file {self.path!r} is of version "
                                     f"{metadata['numbaflow_checkpoint']}; this numbaflow reads {VERSION}")
        if zlib.crc32(metadata["content"].encode()) != int(metadata["checksum"]):
            raise self._damaged("the checksum of its description differs from what was saved")
        return json.loads(metadata["content"])

    def _checked_offsets(self, header):
        """Tensor name -> where it starts in the data, where there has to be as much as the tensor takes."""
        size, end_of_all, offsets = os.fstat(self._file.fileno()).st_size - self._start, 0, {}
        for name, (dtype, shape, _) in self._tensors.items():
            begin, end = header[name]["data_offsets"]
            if begin < 0 or end - begin != math.prod(shape) * dtype.itemsize:
                raise self._damaged(f"{name!r} takes bytes {begin} to {end}, for shape {shape} of {dtype}")
            offsets[name], end_of_all = begin, max(end, end_of_all)
        if end_of_all != size:
            raise self._damaged(f"it holds {size} bytes of data, saved were {end_of_all}")
        return offsets


def _opened(prefix, path):
    try:
        return io.FileIO(path)
    except FileNotFoundError:
        raise NotFoundError(f"Failed to find a checkpoint {os.fspath(prefix)!r}: there is no file {path!r}"
                            f"{_instead(os.fspath(prefix))}") from None


def _instead(prefix):
    if os.path.isdir(prefix):
        return "; it is a folder, of which nf.train.latest_checkpoint gives the latest checkpoint"
    if os.path.exists(prefix + ".index"):
        return "; there is one in TensorFlow's own format, which numbaflow does not read"
    return ""


def _checked_nodes(nodes, tensors):
    """The nodes of an object graph, None for a file without; LookupError for one that refers to nothing."""
    for node in nodes or ():
        for index in (*node["children"].values(), *(i for v, _, s in node["slots"] for i in (v, s))):
            if index not in range(len(nodes)):
                raise LookupError(f"no node {index}")
        for key in node["attributes"].values():
            tensors[key]
    return nodes
