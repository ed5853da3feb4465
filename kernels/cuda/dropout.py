"""Dropout that draws numbers and uses them at once, and keeps no mask: the twin of `kernels.dropout`."""
import numpy as np

from ..philox import block
from .arrays import contiguous, empty
from .jit import cuda, kernel
from .random import on_device

_0, _2, _4, _15, _16 = (np.uint64(n) for n in (0, 2, 4, 15, 16))


@kernel
def _dropout(x, seed, counter, limit, scale, out):
    """out = scale * x, 0 * x where the word is below the limit; a thread makes and uses four words"""
    zero, key, stream = x.dtype.type(0), np.uint64(seed[0]), np.uint64(counter[0])
    i, apart, n = np.uint64(cuda.grid(1)), np.uint64(cuda.gridsize(1)), np.uint64(out.size)
    blocks = (n + (_4 << _4) - np.uint64(1)) // (_4 << _4) << _4
    while i < blocks:
        w0, w1, w2, w3 = block(i, _0, key, stream)
        at = (i >> _4 << _4 << _2) + (i & _15)
        if at < n:
            out[at] = x[at] * (zero if w0 < limit else scale)
        if at + _16 < n:
            out[at + _16] = x[at + _16] * (zero if w1 < limit else scale)
        if at + _16 + _16 < n:
            out[at + _16 + _16] = x[at + _16 + _16] * (zero if w2 < limit else scale)
        if at + _16 + _16 + _16 < n:
            out[at + _16 + _16 + _16] = x[at + _16 + _16 + _16] * (zero if w3 < limit else scale)
        i += apart


def dropout(x, rate, seed, counter):
    """x / (1 - rate), or 0 with probability `rate` (to 2**-33), for each element by itself."""
    out = empty(x.shape, x.dtype)
    limit = np.uint64(min(round(rate * 2.0**32), 2**32 - 1))
    _dropout.over(-(-x.size // 4), contiguous(x).reshape(-1), on_device(seed), on_device(counter), limit,
                  x.dtype.type(1.0 / (1.0 - rate)), out.reshape(-1))
    return out
