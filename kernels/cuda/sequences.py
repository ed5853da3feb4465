"""Sequences of different lengths in one array on a GPU: the twin of `kernels.sequences`.

Lengths are not read back to be checked: those outside [0, extent] are as if they were at its ends.
"""
from math import prod

import numpy as np

from .arrays import contiguous, empty, word_view
from .index import flat_indices
from .jit import cuda, kernel
from .prefix import largest

_BOOL = np.dtype(np.bool_)


@kernel
def turn_rows(x, lengths, first, out):
    """out = x[a, p, b, q, c] with each sequence turned, along p if first, else along q."""
    _, p, outer, q, inner = x.shape
    begin, row = cuda.grid(2)
    across, down = cuda.gridsize(2)
    while row < out.size // inner:
        t, rest = row % q, row // q
        b, rest = rest % outer, rest // outer
        s, a = rest % p, rest // p
        extent = p if first else q
        n = min(np.int64(lengths[t if first else s]), extent)
        at = s if first else t
        source = n - 1 - at if at < n else at
        from_s, from_t = source if first else s, t if first else source
        j = begin
        while j < inner:
            out[a, s, b, t, j] = x[a, from_s, b, from_t, j]
            j += across
        row += down


def reverse(x, lengths, along, batch):
    """x with the first lengths[k] elements along one axis turned around, for each k along another."""
    out = empty(x.shape, x.dtype)
    if out.size:
        p, q = sorted((along, batch))
        shape = (prod(x.shape[:p]), x.shape[p], prod(x.shape[p + 1:q]), x.shape[q], prod(x.shape[q + 1:]))
        source, target = (word_view(y).reshape(shape) for y in (contiguous(x), out))
        rows, flat = x.size // shape[4], flat_indices(lengths)
        turn_rows.over_rows(rows, shape[4], source, flat, along < batch, target)
    return out


def longest(lengths):
    """The largest of the lengths as an int, at least 0: waits for the device."""
    return largest(flat_indices(lengths))


@kernel
def mask_rows(lengths, out):
    """out[i, j] = j < lengths[i]"""
    first, i = cuda.grid(2)
    across, down = cuda.gridsize(2)
    while i < out.shape[0]:
        n, j = np.int64(lengths[i]), first
        while j < out.shape[1]:
            out[i, j] = j < n
            j += across
        i += down


def mask(lengths, longest):
    """True for the elements of sequences of these lengths, False after them."""
    flat = flat_indices(lengths)
    out = empty((*lengths.shape, longest), _BOOL)
    if out.size:
        mask_rows.over_rows(flat.size, longest, flat, out.reshape(flat.size, longest))
    return out
