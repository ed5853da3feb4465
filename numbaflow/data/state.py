"""Saved positions: nested dicts and lists as a JSON text, with the arrays in them behind it, as bytes.

Elements that wait in a buffer are saved as the arrays of their leaves; what structure they have, the pipeline
that is restored knows.
"""
import json

import numpy as np

from numbaflow.core.errors import FailedPreconditionError

from .elements import flatten, is_dataset, leaf_of, packer
from .strings import string


# ---- elements
def saved(elements, stage):
    """Elements as lists of arrays; FailedPreconditionError for elements that hold datasets."""
    rows = [flatten(x) for x in elements]
    if any(is_dataset(leaf) for row in rows for leaf in row):
        raise FailedPreconditionError(f"{stage.path()}: its position can't be saved while it holds elements "
                                      "that are datasets (windows)")
    return [[_array(leaf) for leaf in row] for row in rows]


def _array(leaf):
    if leaf.dtype is not string:
        return leaf._data
    return {"strings": [text.hex() for text in leaf._data.ravel()], "extents": list(leaf._data.shape)}


def loaded(rows, structure):
    """The elements, of that structure, of what `saved` made of them."""
    pack = packer(structure)
    return [pack([leaf_of(_plain(a)) for a in row]) for row in rows]


def _plain(part):
    if not isinstance(part, dict):
        return part
    made = np.empty(len(part["strings"]), object)
    made[:] = [bytes.fromhex(text) for text in part["strings"]]
    return made.reshape(part["extents"])


# ---- positions
def to_bytes(state):
    """A position as an array of bytes: the length of the text, the text, the arrays."""
    pieces: list = []
    text = json.dumps(_described(state, pieces)).encode()
    head = np.array([len(text)], "<u8").tobytes()
    return np.frombuffer(b"".join([head, text, *pieces]), np.uint8)


def _described(part, pieces):
    if isinstance(part, np.ndarray):
        start = sum(map(len, pieces))
        pieces.append(np.ascontiguousarray(part, part.dtype.newbyteorder("<")).tobytes())
        return {"array": [part.dtype.name, list(part.shape), start]}
    if isinstance(part, dict):
        return {key: _described(value, pieces) for key, value in part.items()}
    if isinstance(part, (list, tuple)):
        return [_described(value, pieces) for value in part]
    return part


def from_bytes(array):
    """The position that was made those bytes; ValueError for others."""
    data = np.asarray(array).tobytes()
    try:
        end = 8 + int(np.frombuffer(data[:8], "<u8")[0])
        return _read(json.loads(data[8:end]), data[end:])
    except (IndexError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"that is no saved position of an iterator: {error}") from error


def _read(part, data):
    if isinstance(part, dict):
        if list(part) == ["array"]:
            name, shape, start = part["array"]
            dtype = np.dtype(name)
            flat = np.frombuffer(data, dtype.newbyteorder("<"), int(np.prod(shape)), start)
            return flat.reshape(shape).astype(dtype)
        return {key: _read(value, data) for key, value in part.items()}
    if isinstance(part, list):
        return [_read(value, data) for value in part]
    return part
