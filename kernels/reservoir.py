"""Shuffling by a reservoir: a row is drawn from a buffer and the row that comes takes its place.

The one idea: which slot is drawn at step j is a pure function of (seed, counter, j), so the order of a
shuffle is the same however its rows are read: one by one, in blocks, or from a position that was saved.
"""
import numpy as np

from .jit import body, kernel
from .philox import block, high_product

_0, _1, _32 = np.uint64(0), np.uint64(1), np.uint64(32)
# numbers of attempts that no draw of numbaflow's random functions reaches: other words for the same key
_SLOT, _PASS = np.uint64(0xFFFD), np.uint64(0xFFFE)
INT64 = np.dtype(np.int64)


@body
def _words(j, words, seed, counter):
    """The random words of step j: a block serves two steps, and `words` are those of the step before."""
    return block(j >> _1, _SLOT, seed, counter) if j & _1 == _0 else words


@body
def _slot(j, words, size):
    """The slot drawn at step j from `size` slots."""
    return high_product(words[0] << _32 | words[1] if j & _1 == _0 else words[2] << _32 | words[3], size)


@kernel
def pass_seed(seed, counter, number):
    """The seed of one pass over the data, from the key of a shuffle and the number of the pass."""
    w0, w1, _, _ = block(np.uint64(number), _PASS, np.uint64(seed), np.uint64(counter))
    return np.int64(w0 << _32 | w1)


@kernel
def slots(out, size, shrink, seed, counter, first):
    """out[i] = the slot drawn at step first + i of size - shrink * i slots."""
    seed, counter = np.uint64(seed), np.uint64(counter)
    words = block(np.uint64(first) >> _1, _SLOT, seed, counter)
    for i in range(out.size):
        j = np.uint64(first + i)
        words = _words(j, words, seed, counter)
        out[i] = np.int64(_slot(j, words, np.uint64(size - shrink * i)))


@kernel
def exchange(buffer, rows, out, seed, counter, first):
    """Step first + i takes out[i] from the slot it draws of a full buffer, and puts rows[i] there."""
    seed, counter, size = np.uint64(seed), np.uint64(counter), np.uint64(buffer.shape[0])
    words = block(np.uint64(first) >> _1, _SLOT, seed, counter)
    for i in range(rows.shape[0]):
        j = np.uint64(first + i)
        words = _words(j, words, seed, counter)
        slot = _slot(j, words, size)
        for c in range(rows.shape[1]):
            out[i, c] = buffer[slot, c]
            buffer[slot, c] = rows[i, c]


@kernel
def drain(buffer, size, out, seed, counter, first):
    """Step first + i takes out[i] from one of the size - i rows left; the last of them moves to its slot."""
    seed, counter = np.uint64(seed), np.uint64(counter)
    words = block(np.uint64(first) >> _1, _SLOT, seed, counter)
    for i in range(out.shape[0]):
        j, left = np.uint64(first + i), size - i
        words = _words(j, words, seed, counter)
        slot = _slot(j, words, np.uint64(left))
        for c in range(out.shape[1]):
            out[i, c] = buffer[slot, c]
            buffer[slot, c] = buffer[left - 1, c]
