"""Numbers that later work depends on: prefix sums, where something holds, the largest integer.

Functions that give a Python int, or an array whose extent is such a count, wait for the device: `where`,
`largest`, `read`.
"""
import numpy as np

from .arrays import empty, full
from .backend import current
from .blocks import ALL_LANES, WARP, block_reduce_max
from .jit import BLOCK, cuda, device, kernel

INT64 = np.dtype(np.int64)
ROUNDS = 8                      # how often a block goes on to its next BLOCK elements
TILE = BLOCK * ROUNDS           # elements of a block


def read(x):
    """The numbers of a small array as a list of ints: a point of synchronisation."""
    return [int(n) for n in current().to_host(x)]


@device
def block_prefix(value):
    """(the sum of an int64 over the threads before this one, over all): for all threads of a block."""
    of_warps = cuda.shared.array(WARP, np.int64)
    thread = cuda.threadIdx.x
    lane, warp, total, distance = thread % WARP, thread // WARP, value, 1
    while distance < WARP:
        below = cuda.shfl_up_sync(ALL_LANES, total, distance)
        if lane >= distance:
            total += below
        distance *= 2
    cuda.syncthreads()                      # what an earlier call left is read until here
    if lane == WARP - 1:
        of_warps[warp] = total
    cuda.syncthreads()
    before, everything = np.int64(0), np.int64(0)
    for w in range(cuda.blockDim.x // WARP):
        if w < warp:
            before += of_warps[w]
        everything += of_warps[w]
    return before + total - value, everything


# ---- prefix sums
@kernel
def _prefix_of_tiles(x, totals):
    """x[i] = sum of x before i in its tile; totals[t] = sum of a tile."""
    start, carried = np.int64(cuda.blockIdx.x) * TILE, np.int64(0)
    for r in range(ROUNDS):
        i = start + r * BLOCK + cuda.threadIdx.x
        before, everything = block_prefix(x[i] if i < x.size else np.int64(0))
        if i < x.size:
            x[i] = carried + before
        carried += everything
    if cuda.threadIdx.x == 0:
        totals[cuda.blockIdx.x] = carried


@kernel
def _add_to_tiles(x, totals):
    i = cuda.grid(1)
    while i < x.size:
        x[i] += totals[i // TILE]
        i += cuda.gridsize(1)


def prefix_sums(x):
    """x[i] = x[0] + ... + x[i - 1], in place, for a contiguous int64 vector."""
    if x.size:
        tiles = -(-x.size // TILE)
        totals = empty((tiles,), INT64)
        _prefix_of_tiles(tiles, BLOCK, x, totals)
        if tiles > 1:
            _add_to_tiles.over(x.size, x, prefix_sums(totals))
    return x


# ---- where something holds
@kernel
def _count_true(x, counts):
    """counts[t] = how many elements of a tile are not 0; one more count is 0."""
    start, found = np.int64(cuda.blockIdx.x) * TILE, np.int64(0)
    for r in range(ROUNDS):
        i = start + r * BLOCK + cuda.threadIdx.x
        found += cuda.syncthreads_count(np.int32(i < x.size and x[i] != 0))
    if cuda.threadIdx.x == 0:
        counts[cuda.blockIdx.x] = found
        counts[counts.size - 1] = 0


@kernel
def _list_true(x, firsts, out):
    """out[p] = i for the p-th i with x[i] != 0"""
    start, at = np.int64(cuda.blockIdx.x) * TILE, firsts[cuda.blockIdx.x]
    for r in range(ROUNDS):
        i = start + r * BLOCK + cuda.threadIdx.x
        true = i < x.size and x[i] != 0
        before, everything = block_prefix(np.int64(true))
        if true:
            out[at + before] = i
        at += everything


def where(x):
    """The places of a contiguous vector that are not 0, in order, as int64; waits for their number."""
    if x.size == 0:
        return empty((0,), INT64)
    tiles = -(-x.size // TILE)
    firsts = empty((tiles + 1,), INT64)
    _count_true(tiles, BLOCK, x, firsts)
    out = empty(tuple(read(prefix_sums(firsts)[tiles:])), INT64)
    if out.size:
        _list_true(tiles, BLOCK, x, firsts, out)
    return out


# ---- the largest
@kernel
def _largest(x, out):
    i, most = cuda.grid(1), out[0]
    while i < x.size:
        most = max(most, np.int64(x[i]))
        i += cuda.gridsize(1)
    most = block_reduce_max(most)
    if cuda.threadIdx.x == 0:
        cuda.atomic.max(out, 0, most)


def largest(x, least=0):
    """The largest of a contiguous vector of integers as an int, no smaller than `least`; waits for it."""
    out = full((1,), least, INT64)
    _largest.over(x.size, x, out)
    return read(out)[0]
