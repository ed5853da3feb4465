"""How rows are put in order: tiles by a bitonic network in shared memory, then merges of sorted runs.

The one idea: what is sorted are pairs of a key and a place, all different, so that any network is stable.
A tile holds a part of a long row or many short rows.  A merge knows where its runs divide by a binary search,
and each pair finds its own place in what is merged: no thread waits for another, and nothing is atomic.
"""
import numpy as np

from ..sort import ONES, UNSIGNED, order_key, word_of
from .arrays import contiguous, empty
from .backend import SIMULATED
from .elementwise import cast
from .jit import BLOCK, cuda, device, kernel

TILE = BLOCK * (2 if SIMULATED else 8)      # pairs of a block: 24 KB of shared memory where keys have 8 bytes
MOST_KEPT = TILE // 2                       # of each tile, by `best_places`
_INT32 = np.dtype(np.int32)
_NOWHERE = np.iinfo(np.int32).max           # the place of what fills a tile up: after all that is real
_KEEP, _FLIP = np.uint64(0), ONES


# ---- within a tile
@device
def precedes(keys, places, a, b):
    """Whether pair a of a tile stands before pair b."""
    return keys[a] < keys[b] or (keys[a] == keys[b] and places[a] < places[b])


@device
def put_in_order(keys, places, a, b):
    """Let the lesser of two pairs be a."""
    if precedes(keys, places, b, a):
        key, place = keys[a], places[a]
        keys[a], places[a] = keys[b], places[b]
        keys[b], places[b] = key, place


@device
def merge_bitonic(keys, places, distance, live, size, gap):
    """Sort bitonic segments of 2 * distance pairs, among `live` ones in segments of `size` << gap."""
    thread, threads = cuda.threadIdx.x, cuda.blockDim.x
    while distance > 0:
        for c in range(thread, live // 2, threads):
            e = ((c & -distance) << 1) | (c & (distance - 1))
            a = ((e & -size) << gap) | (e & (size - 1))
            put_in_order(keys, places, a, a + distance)
        cuda.syncthreads()
        distance >>= 1


@device
def order_tile(keys, places, size, best):
    """Let each segment of `size` pairs of a tile begin with its `best` least ones, in order; powers of 2.

    Segments of `best` are sorted; then of two neighbours the lesser half is kept, until one is left.
    """
    thread, threads = cuda.threadIdx.x, cuda.blockDim.x
    half = 1
    while half < best:
        for c in range(thread, TILE // 2, threads):
            a = (c & -half) << 1
            low = c & (half - 1)
            put_in_order(keys, places, a + low, a + 2 * half - 1 - low)
        cuda.syncthreads()
        merge_bitonic(keys, places, half >> 1, TILE, best, 0)
        half <<= 1
    live, gap = TILE, 0
    while (best << gap) < size:
        live >>= 1
        for c in range(thread, live, threads):
            low = c & (best - 1)
            a = ((c & -best) << 1) << gap
            b = a + (best << gap) + best - 1 - low
            a += low
            if precedes(keys, places, b, a):
                keys[a], places[a] = keys[b], places[b]
        cuda.syncthreads()
        gap += 1
        merge_bitonic(keys, places, best >> 1, live, best, gap)


@kernel
def sort_tiles(x, given, n, kind, flip, bits, best, keep, keys, places):
    """places[r, t * keep:] = those of the `keep` least keys of row x[r, t * size:(t + 1) * size], in order.

    x is words that order as `kind` says, [rows * n], at the places 0, 1, ... of their row, or at those given;
    the keys go along, if there is an array for them.  A tile has many rows or is one of many of a row, in
    segments of size = 1 << bits.
    """
    held = cuda.shared.array(TILE, x.dtype)
    at = cuda.shared.array(TILE, np.int32)
    shift, size = np.uint64(64 - 8 * x.itemsize), 1 << bits
    thread, threads, per_row = cuda.threadIdx.x, cuda.blockDim.x, (n + size - 1) >> bits
    rows = x.size // n
    row, tile = cuda.blockIdx.x // per_row * (TILE >> bits), cuda.blockIdx.x % per_row
    for e in range(thread, TILE, threads):
        r, i = row + (e >> bits), (tile << bits) + (e & (size - 1))
        if r < rows and i < n:
            held[e] = order_key(x, r * n + i, kind, flip) >> shift
            at[e] = given[r * n + i] if given.size > 0 else i
        else:
            held[e], at[e] = ONES >> shift, _NOWHERE
    cuda.syncthreads()
    order_tile(held, at, size, best)
    kept = places.size // rows
    for e in range(thread, TILE, threads):
        r, i = row + (e >> bits), tile * keep + (e & (size - 1))
        if r < rows and e & (size - 1) < keep and i < kept:
            places[r * kept + i] = at[e]
            if keys.size > 0:
                keys[r * kept + i] = held[e]


# ---- runs
@device
def division(keys, a, a_end, b, b_end, count):
    """How many of the first `count` keys of two merged runs are of the first run."""
    low, high = max(0, count - (b_end - b)), min(count, a_end - a)
    while low < high:
        middle = (low + high) // 2
        if keys[a + middle] <= keys[b + count - 1 - middle]:
            low = middle + 1
        else:
            high = middle
    return low


@kernel
def merge_runs(keys, places, n, width, new_keys, new_places):
    """Merge neighbouring runs of `width` in rows of n, stably; a block makes a tile of the result."""
    held = cuda.shared.array(TILE, keys.dtype)
    at = cuda.shared.array(TILE, np.int32)
    cuts = cuda.shared.array(2, np.int64)
    thread, threads, per_row = cuda.threadIdx.x, cuda.blockDim.x, (n + TILE - 1) // TILE
    row, begin = cuda.blockIdx.x // per_row * n, cuda.blockIdx.x % per_row * TILE
    start = begin // (2 * width) * 2 * width
    a, b, end = row + start, row + min(start + width, n), row + min(start + 2 * width, n)
    first = begin - start
    last = min(first + TILE, end - a)
    if thread < 2:
        cuts[thread] = division(keys, a, b, b, end, first if thread == 0 else last)
    cuda.syncthreads()
    from_a, count = cuts[1] - cuts[0], last - first
    a, b = a + cuts[0], b + first - cuts[0]
    for e in range(thread, count, threads):
        source = a + e if e < from_a else b + e - from_a
        held[e], at[e] = keys[source], places[source]
    cuda.syncthreads()
    for e in range(thread, count, threads):
        key, of_a = held[e], e < from_a
        low, high = from_a if of_a else 0, count if of_a else from_a
        while low < high:                           # how many of the other run come before
            middle = (low + high) // 2
            if held[middle] < key or (held[middle] == key and not of_a):
                low = middle + 1
            else:
                high = middle
        target = row + begin + e + low - from_a
        new_places[target] = at[e]
        if new_keys.size > 0:
            new_keys[target] = key


# ---- launches
def ordered_words(x):
    """x as flat contiguous words of 4 or 8 bytes, and their kind."""
    dtype, word, kind = word_of(x.dtype)
    return contiguous(cast(x, dtype)).reshape(-1).view(word), kind


def _sort_tiles(words, given, n, kind, flip, best, keep, with_keys):
    """The first `keep` of each tile, [rows * tiles * keep] or of whole rows where best is 0."""
    bits = (min(TILE, n) - 1).bit_length()
    size = 1 << bits
    tiles = words.size // n * -(-n // size)
    count = words.size if best == 0 else tiles * keep
    keys, places = empty(count if with_keys else 0, words.dtype), empty(count, _INT32)
    best, keep = (min(best, size), keep) if best else (size, size)
    blocks = -(-tiles // (TILE >> bits))
    sort_tiles(blocks, BLOCK, words, given, n, kind, flip, bits, best, keep, keys, places)
    return keys, places


def sorted_places(words, n, kind, descending):
    """The stable order of each row of n words, int32 [rows * n]."""
    _check_length(n)
    flip, none = _FLIP if descending else _KEEP, empty(0, _INT32)
    keys, places = _sort_tiles(words, none, n, kind, flip, 0, 0, n > TILE)
    blocks, width = words.size // n * -(-n // TILE), TILE
    while width < n:
        more = 2 * width < n
        new_keys, new_places = empty(words.size if more else 0, words.dtype), empty(words.size, _INT32)
        merge_runs(blocks, BLOCK, keys, places, n, width, new_keys, new_places)
        keys, places, width = new_keys, new_places, 2 * width
    return places


def best_places(words, n, kind, k):
    """The places of the k largest of each row of n words, the largest first, int32 [rows * k]; k small.

    A tournament: the best of each tile form a row that is shorter, until it fits one tile.
    """
    _check_length(n)
    given, flip, rows, power = empty(0, _INT32), _FLIP, words.size // n, 1 << (k - 1).bit_length()
    while n > TILE:
        words, given = _sort_tiles(words, given, n, kind, flip, power, k, True)
        kind, flip, n = UNSIGNED, _KEEP, words.size // rows
    return _sort_tiles(words, given, n, kind, flip, power, k, False)[1]


def _check_length(n):
    if n >= 1 << 31:
        raise ValueError(f"rows to sort on a GPU have less than 2**31 elements, got {n}")
