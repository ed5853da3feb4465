"""Dropout: numbers are drawn and used at once, so that no mask is ever kept.

Element i is dropped where word i of the draw (see random.py) is below rate 2**32: the same for any number of
threads, and the same for the gradient, which draws again.
"""
import numpy as np

from .jit import range_kernel, wide_vectors
from .memory import empty
from .philox import block
from .random import LANES, wrapped
from .recording import contiguous

TILE = 4 * LANES        # elements that one tile of blocks gives a word each


@range_kernel
def _dropout(x, seed, counter, limit, scale, out, lo, hi):
    """out = scale * x, 0 * x where the word is below the limit"""
    wide_vectors()
    words = np.empty(TILE, np.uint32)
    seed, counter, lanes = np.uint64(seed), np.uint64(counter), np.uint64(LANES)
    zero = x.dtype.type(0)
    for t in range(lo, hi):
        for j in range(lanes):
            w0, w1, w2, w3 = block(np.uint64(t) * lanes + j, np.uint64(0), seed, counter)
            words[j], words[j + lanes] = w0, w1
            words[j + lanes + lanes], words[j + lanes + lanes + lanes] = w2, w3
        part, y = x[t * TILE:(t + 1) * TILE], out[t * TILE:(t + 1) * TILE]
        for i in range(part.size):
            y[i] = part[i] * (zero if words[i] < limit else scale)


def dropout(x, rate, seed, counter):
    """x / (1 - rate), or 0 with probability `rate` (to 2**-33), for each element by itself."""
    out = empty(x.shape, x.dtype)
    scale = x.dtype.type(1.0 / (1.0 - rate))
    limit = np.uint32(min(round(rate * 2.0**32), 2**32 - 1))
    if x.size:
        _dropout(-(-x.size // TILE), 4 * x.size, contiguous(x).ravel(), wrapped(seed),
                 wrapped(counter), limit, scale, out.ravel())
    return out
