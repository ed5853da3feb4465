"""Shuffling by a reservoir: a row is drawn from a buffer and the row that comes takes its place.

The one idea: which slot is drawn at step j is a pure function of (seed, counter, j), so the order of a
shuffle is the same however its rows are read: one by one, in blocks, or from a position that was saved.
"""
import numpy as np

from .jit import body, kernel
from .philox import block, high_product

_1, _32 = np.uint64(1), np.uint64(32)
# numbers of attempts that no draw of numbaflow's random functions reaches: other words for the same key
_SLOT, _PASS = np.uint64(0xFFFD), np.uint64(0xFFFE)
INT64 = np.dtype(np.int64)


@body
def _slot(j, size, seed, counter):
    """The slot drawn at step j from `size` slots; a block of random words serves two steps."""
    w0, w1, w2, w3 = block(j >> _1, _SLOT, seed, counter)
    word = w0 << _32 | w1 if j & _1 == np.uint64(0) else w2 << _32 | w3
    return high_product(word, size)


@kernel
def pass_seed(seed, counter, number):
    """The seed of one pass over the data, from the key of a shuffle and the number of the pass."""
    w0, w1, _, _ = block(np.uint64(number), _PASS, np.uint64(seed), np.uint64(counter))
    return np.int64(w0 << _32 | w1)


@kernel
def slots(out, size, shrink, seed, counter, first):
    """out[i] = the slot drawn at step first + i of size - shrink * i slots."""
    seed, counter = np.uint64(seed), np.uint64(counter)
    for i in range(out.size):
        out[i] = np.int64(_slot(np.uint64(first + i), np.uint64(size - shrink * i), seed, counter))


@kernel
def exchange(buffer, rows, out, seed, counter, first):
    """Step first + i takes out[i] from the slot it draws of a full buffer, and puts rows[i] there."""
    seed, counter, size = np.uint64(seed), np.uint64(counter), np.uint64(buffer.shape[0])
    for i in range(rows.shape[0]):
        slot = _slot(np.uint64(first + i), size, seed, counter)
        for c in range(rows.shape[1]):
            out[i, c] = buffer[slot, c]
            buffer[slot, c] = rows[i, c]


@kernel
def drain(buffer, size, out, seed, counter, first):
    """Step first + i takes out[i] from one of the size - i rows left; the last of them moves to its slot."""
    seed, counter = np.uint64(seed), np.uint64(counter)
    for i in range(out.shape[0]):
        left = size - i
        slot = _slot(np.uint64(first + i), np.uint64(left), seed, counter)
        for c in range(out.shape[1]):
            out[i, c] = buffer[slot, c]
            buffer[slot, c] = buffer[left - 1, c]
