"""The file of a checkpoint, written: `<prefix>.safetensors`, tensors by name, a description in the metadata.

The metadata holds `numbaflow_checkpoint`, the format's version; `content`, JSON of the object graph's nodes
and of each tensor's dtype, shape and CRC-32; and `checksum`, the CRC-32 of `content`.  With the file's length
these find every truncation and every flipped byte that matters.  Complex tensors are stored as float pairs.

The format is a length, a JSON header and the data.  It is written here because the safetensors package (0.8)
writes through a file of its own making, which a kill leaves behind; tests read it with that package.
"""
import json
import os
import zlib

import numpy as np

from numbaflow.core.placement import fetch
from numbaflow.core.tensor import Tensor

from .checkpoint_disk import remove_left, replacing

SUFFIX = ".safetensors"
VERSION = 1
# name of a dtype -> the format's name for it, and the axis that is added when it has none
_STORED = {"bool": ("BOOL", ()), "complex64": ("F32", (2,)), "complex128": ("F64", (2,)),
           **{f"{kind}{bits}": (f"{letter}{bits}", ()) for kind, letter, sizes in (
               ("float", "F", (32, 64)), ("int", "I", (8, 16, 32, 64)), ("uint", "U", (8, 16, 32, 64)))
              for bits in sizes}}
_NAMES = {np.dtype(name).newbyteorder("<"): name for name in _STORED}       # dtype.name takes 13 us


def file_of(prefix):
    """The file of a checkpoint's prefix; the name of the file itself is taken as well."""
    prefix = os.fspath(prefix)
    return prefix if prefix.endswith(SUFFIX) else prefix + SUFFIX


# ---- writing
def write_file(prefix, tensors, nodes=None):
    """Write tensors (name -> array) and an object graph's nodes to the file of `prefix`, whole or not at all.

    Raises:
        TypeError: a value that is no array of numbers or bools.
        OSError: the file can't be written; an earlier one of that name is as it was.
    """
    arrays = {name: _storable(name, value) for name, value in tensors.items()}
    described = {name: [_NAMES[a.dtype], list(a.shape), zlib.crc32(bytes_of(a))]
                 for name, a in arrays.items()}
    content = json.dumps({"nodes": nodes, "tensors": described})
    metadata = {"numbaflow_checkpoint": str(VERSION), "content": content,
                "checksum": str(zlib.crc32(content.encode()))}
    path = file_of(prefix)
    # by falling item size, as readers of the format want values aligned
    ordered = dict(sorted(arrays.items(), key=lambda item: (-item[1].itemsize, item[0])))
    with replacing(path) as file:
        file.write(_header(ordered, metadata))
        for array in ordered.values():
            file.write(bytes_of(array))
    remove_left(os.path.dirname(path))


def _header(arrays, metadata):
    """The length and the JSON text that the format puts before the data."""
    entries, at = {"__metadata__": metadata}, 0
    for name, array in arrays.items():
        stored, pair = _STORED[_NAMES[array.dtype]]
        entries[name] = {"dtype": stored, "shape": [*array.shape, *pair],
                         "data_offsets": [at, at + array.nbytes]}
        at += array.nbytes
    text = json.dumps(entries, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text


def _storable(name, value):
    """A value as a contiguous, little-endian array of a dtype that the format knows."""
    if name == "__metadata__":
        raise ValueError("checkpoint: '__metadata__' can't be saved: the format keeps that name for itself")
    array = np.asarray(fetch(value) if isinstance(value, Tensor) else value, order="C")
    dtype = array.dtype.newbyteorder("<")
    if dtype not in _NAMES:
        raise TypeError(f"checkpoint: {name!r} can't be saved: numbers and bools are, not {array.dtype}")
    return np.asarray(array, dtype)


def bytes_of(array):
    """The memory of a contiguous array, as a view of bytes."""
    return memoryview(array.reshape(-1).view(np.uint8))
