"""Sequences of different lengths in one array: turned around, masked."""
from math import prod

import numpy as np

from .index import first_outside, flat_indices, words
from .jit import range_kernel
from .memory import empty
from .recording import contiguous

_BOOL = np.dtype(np.bool_)


@range_kernel
def turn_rows(x, lengths, first, out, lo, hi):
    """out = x[a, p, b, q, c] with each sequence turned, along p if first, else along q; over a and p"""
    _, p, outer, q, inner = x.shape
    for i in range(lo, hi):
        a, s = divmod(i, p)
        for b in range(outer):
            for t in range(q):
                n, at = (lengths[t], s) if first else (lengths[s], t)
                source = n - 1 - at if at < n else at
                row = x[a, source, b, t] if first else x[a, s, b, source]
                to = out[a, s, b, t]
                for c in range(inner):
                    to[c] = row[c]


def reverse(x, lengths, along, batch):
    """x with the first lengths[k] elements along one axis turned around, for each k along another."""
    n, flat = x.shape[along], flat_indices(lengths)
    if first_outside.checked(flat.size, flat.size, flat, n + 1) >= 0:
        raise ValueError(f"seq_lengths must be in [0, {n}], got {lengths.tolist()}")
    out = empty(x.shape, x.dtype)
    if out.size:
        p, q = sorted((along, batch))
        shape = (prod(x.shape[:p]), x.shape[p], prod(x.shape[p + 1:q]), x.shape[q])
        source, target = (words(y, shape[0] * shape[1] * shape[2], shape[3], prod(x.shape[q + 1:]))
                          for y in (contiguous(x), out))
        source, target = (y.reshape(*shape, y.shape[2]) for y in (source, target))
        turn_rows(shape[0] * shape[1], x.size, source, flat, along < batch, target)
    return out


@range_kernel
def mask_rows(lengths, out, lo, hi):
    """out[i, j] = j < lengths[i]"""
    for i in range(lo, hi):
        for j in range(out.shape[1]):
            out[i, j] = j < lengths[i]


def longest(lengths):
    """The largest of the lengths as an int, at least 0."""
    return int(lengths.max(initial=0))


def mask(lengths, longest):
    """True for the elements of sequences of these lengths, False after them."""
    flat = flat_indices(lengths)
    out = empty((*lengths.shape, longest), _BOOL)
    if out.size:
        mask_rows(flat.size, out.size, flat, out.reshape(flat.size, longest))
    return out
