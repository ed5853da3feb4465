"""Where result arrays come from: small ones from NumPy, large ones from buffers used before.

A fresh 16 MB array costs its page faults, about as much as the work that fills it; a buffer that was used
before costs none.  A buffer is free again when nothing but the pool refers to it, which its reference count
tells.
"""
import sys
import threading

import numpy as np

from .recording import recorder, recorders

LARGE = 1 << 18                 # bytes; below, malloc recycles memory by itself
KEPT = 1 << 30                  # bytes the pool holds on to at most
_lock = threading.Lock()
_buffers: dict = {}             # rounded size in bytes -> list of uint8 buffers
_held = 0
# References to a free buffer in a loop over its shelf, measured: what a loop adds depends on the Python.
_FREE = next(sys.getrefcount(buffer) for buffer in [bytearray()])


def empty(shape, dtype, pooled=LARGE):
    """An uninitialised C-contiguous array, as np.empty gives it; from the pool from `pooled` bytes on."""
    if recorders:
        current = recorder()
        if current is not None:
            return current.empty(shape, dtype)
    size = dtype.itemsize
    for n in shape:
        size *= n
    if size < pooled:
        return np.empty(shape, dtype)
    return np.ndarray(shape, dtype, _take(size))


def _round(size):
    """Sizes are rounded up by at most an eighth, so that arrays of like sizes share buffers."""
    bits = size.bit_length() - 4
    step = 1 << bits if bits > 12 else 4096
    return (size + step - 1) & -step


def _take(size):
    global _held
    size = _round(size)
    with _lock:
        shelf = _buffers.setdefault(size, [])
        for buffer in shelf:
            if sys.getrefcount(buffer) == _FREE:
                return buffer
        buffer = np.empty(size, np.uint8)
        if _held + size > KEPT:
            _drop_free()
        if _held + size <= KEPT:
            shelf.append(buffer)
            _held += size
        return buffer


def _drop_free():
    global _held
    for size, shelf in list(_buffers.items()):
        used = [b for b in shelf if sys.getrefcount(b) > _FREE]
        _held -= size * (len(shelf) - len(used))
        _buffers[size] = used


def release():
    """Give every buffer that nothing uses back to the system."""
    with _lock:
        _drop_free()
