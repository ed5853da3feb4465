"""Distinct values on a GPU, numbered in order of appearance.

The one idea: in the stable order of the values, the first of a run of equal ones is the first that appears;
an element is numbered by how many such stand before it, which is counted by tiles.
"""
import numpy as np

from ..sort import order_key
from . import backend
from .arrays import empty
from .blocks import WARP, block_reduce_sum
from .counting import flat_indices, raw, tally
from .elementwise import cast
from .jit import BLOCK, cuda, kernel
from .sort_tiles import TILE, ordered_words, sorted_places

_INT32, _INT64 = np.dtype(np.int32), np.dtype(np.int64)
_NO_FLIP = np.uint64(0)


@kernel
def find_first(x, kind, places, first):
    """first[i] = the first place with x[i]'s value, where `places` is the stable order of x."""
    i = cuda.grid(1)
    while i < x.size:
        key = order_key(x, places[i], kind, _NO_FLIP)
        low, high = 0, i
        while low < high:
            middle = (low + high) // 2
            if order_key(x, places[middle], kind, _NO_FLIP) < key:
                low = middle + 1
            else:
                high = middle
        first[places[i]] = places[low]
        i += cuda.gridsize(1)


@kernel
def count_firsts(first, counts):
    """counts[b] = #{i: first[i] == i} in tile b."""
    mine, begin = np.int64(0), cuda.blockIdx.x * TILE
    for i in range(begin + cuda.threadIdx.x, min(begin + TILE, first.size), cuda.blockDim.x):
        mine += np.int64(first[i] == i)
    mine = block_reduce_sum(mine)
    if cuda.threadIdx.x == 0:
        counts[cuda.blockIdx.x] = mine


@kernel
def number_firsts(first, counts, numbers):
    """numbers[i] = #{j < i: first[j] == j} where first[i] == i; counts[-1] = how many there are."""
    of_warps = cuda.shared.array(WARP, np.int64)
    thread, threads, block = cuda.threadIdx.x, cuda.blockDim.x, cuda.blockIdx.x
    number, begin = np.int64(0), block * TILE
    for b in range(thread, block, threads):
        number += counts[b]
    number = block_reduce_sum(number)
    for start in range(begin, begin + TILE, threads):
        i = start + thread
        marked = i < first.size and first[i] == i
        votes = cuda.ballot_sync(0xffffffff, marked)
        if thread % WARP == 0:
            of_warps[thread // WARP] = cuda.popc(votes)
        cuda.syncthreads()
        rank, total = number + cuda.popc(votes & ((1 << thread % WARP) - 1)), np.int64(0)
        for w in range(threads // WARP):
            rank += of_warps[w] if w < thread // WARP else 0
            total += of_warps[w]
        if marked:
            numbers[i] = rank
        number += total
        cuda.syncthreads()
    if thread == 0 and block == cuda.gridDim.x - 1:
        counts[counts.size - 1] = number


@kernel
def name_values(x, first, numbers, y, out):
    """out[i] = numbers[first[i]], and y at that number = x[i]."""
    i = cuda.grid(1)
    while i < x.size:
        number = numbers[first[i]]
        out[i] = number
        if first[i] == i:
            y[number] = x[i]
        i += cuda.gridsize(1)


def unique(x, dtype=np.int32):
    """The distinct values in order of appearance, and each value's place among them; NaNs are one.

    By a sort; the host waits for the number of values.
    """
    if x.ndim != 1:
        raise ValueError(f"unique takes a vector, got shape {x.shape}")
    words, kind = ordered_words(x)
    out = empty(x.shape, dtype)
    if x.size == 0:
        return empty(0, x.dtype), out
    first, numbers, tiles = empty(x.size, _INT32), empty(x.size, _INT32), -(-x.size // TILE)
    find_first.over(x.size, words, kind, sorted_places(words, x.size, kind, False), first)
    counts = empty(tiles + 1, _INT64)
    count_firsts(tiles, BLOCK, first, counts)
    number_firsts(tiles, BLOCK, first, counts, numbers)
    y = empty(int(backend.current().to_host(counts[tiles:])[0]), x.dtype)
    name_values.over(x.size, raw(x)[0], first, numbers, raw(y)[0], out)
    return y, out


def unique_with_counts(x, dtype=np.int32):
    """`unique`, and how often each value stands in x."""
    y, numbers = unique(x, dtype)
    return y, numbers, cast(tally(flat_indices(numbers), y.size)[:y.size], dtype)
