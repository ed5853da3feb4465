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
    """Elements as lists of arrays; FailedPreconditionError for datasets in them that are no windows."""
    return [[_array(leaf, stage) for leaf in flatten(x)] for x in elements]


def _array(leaf, stage):
    if is_dataset(leaf):
        held = getattr(leaf._stage, "elements", None)
        if held is None:
            raise FailedPreconditionError(f"{stage.path}: its position can't be saved while it holds "
                                          f"{leaf}")
        return {"window": saved(held, stage)}
    if leaf.dtype is not string:
        return leaf._data
    return {"strings": [text.hex() for text in leaf._data.ravel()], "extents": list(leaf._data.shape)}


def loaded(rows, stage):
    """The elements, such as a stage gives, of what `saved` made of them."""
    return unpacked(rows, stage.spec) if rows else []


def unpacked(rows, structure):
    """The same for elements of a known structure."""
    pack = packer(structure)
    return [pack([_leaf(part) for part in row]) for row in rows]


def _leaf(part):
    if not isinstance(part, dict):
        return leaf_of(part)
    if "window" in part:
        from .dataset import window_of  # which stands on all stages, and those on this module
        return window_of(unpacked(part["window"], None))
    made = np.empty(len(part["strings"]), object)
    made[:] = [bytes.fromhex(text) for text in part["strings"]]
    return leaf_of(made.reshape(part["extents"]))


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
