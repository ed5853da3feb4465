"""The file of a checkpoint, written: `<prefix>.safetensors`, tensors by name, a description in the metadata.

The metadata holds `numbaflow_checkpoint`, the format's version; `content`, JSON of the object graph's nodes
and of each tensor's dtype, shape and CRC-32; and `checksum`, the CRC-32 of `content`.  With the file's length
these find every truncation and every flipped byte that matters.  Complex tensors are stored as float pairs.
"""
import json
import os
import re
import zlib

import numpy as np

from numbaflow.core.tensor import Tensor

from .checkpoint_disk import remove_left, replacing

SUFFIX = ".safetensors"
VERSION = 1
_STORED = {"bool", "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32",
           "uint64"}
_PAIRS = {"complex64": "float32", "complex128": "float64"}


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
    described = {name: [a.dtype.name, list(a.shape), zlib.crc32(bytes_of(a))] for name, a in arrays.items()}
    content = json.dumps({"nodes": nodes, "tensors": described})
    metadata = {"numbaflow_checkpoint": str(VERSION), "content": content,
                "checksum": str(zlib.crc32(content.encode()))}
    path = file_of(prefix)
    with replacing(path) as aside:
        _save({name: _as_pairs(a) for name, a in arrays.items()}, aside, metadata)
    remove_left(os.path.dirname(path))


def _storable(name, value):
    """A value as a contiguous, little-endian array of a dtype that the format knows."""
    array = np.asarray(value._data if isinstance(value, Tensor) else value, order="C")
    if array.dtype.name not in _STORED and array.dtype.name not in _PAIRS:
        raise TypeError(f"checkpoint: {name!r} can't be saved: numbers and bools are, not {array.dtype}")
    return np.asarray(array, array.dtype.newbyteorder("<"))


def bytes_of(array):
    """The memory of a contiguous array, as a view of bytes."""
    return memoryview(array.reshape(-1).view(np.uint8))


def _as_pairs(array):
    if array.dtype.name in _PAIRS:
        return array.reshape(-1).view(_PAIRS[array.dtype.name]).reshape(*array.shape, 2)
    return array


def _save(arrays, path, metadata):
    from safetensors import SafetensorError
    from safetensors.numpy import save_file
    try:
        save_file(arrays, path, metadata)
    except SafetensorError as error:
        raise _os_error(error, path) from error


def _os_error(error, path):
    """The OSError that the library, which writes in Rust, tells of in words."""
    found = re.search(r"os error (\d+)", str(error))
    number = int(found.group(1)) if found else None
    return OSError(number, os.strerror(number) if number else str(error), path)
