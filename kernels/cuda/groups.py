"""How threads share work along the middle axis of flat C-ordered arrays (m, n, inner).

A group of threads, a power of 2 up to a block, has one unit: `width` neighbouring columns of one chunk of n.
Its threads stand `width` to a row, so accesses are coalesced whatever inner is.  A group within a warp, for
short axes, needs no barrier.  Few columns and a long axis give chunks, whose results are reduced again.  All
follows from extents, so results do not depend on the card.
"""
import functools
from typing import NamedTuple

from .blocks import WARP, exchange
from .jit import BLOCK, MOST_BLOCKS, cuda, device

UNDER_WAY = 4       # elements that a thread loads before it uses the first
SINGLE = 32         # rows a thread visits before a second launch pays
LEAST = 16          # rows of a chunk that a thread visits
MOST = 1024         # and at most, as the error grows with it


class Spread(NamedTuple):
    """Groups over (m, n, inner)."""

    blocks: int
    chunks: int
    extents: tuple      # what kernels take: n, inner, chunk, chunks, width_bits, group_bits, units


def bits(n):
    """The least k with 2**k >= n."""
    return (n - 1).bit_length()


@functools.lru_cache(maxsize=4096)
def spread(m, n, inner):
    """For reductions over n."""
    width_bits = min(bits(inner), bits(WARP))
    row_bits = min(bits(-(-n // UNDER_WAY)), bits(BLOCK) - width_bits)
    rows, tiles = 1 << row_bits, -(-inner >> width_bits)
    chunks = 1
    if n > SINGLE * rows:
        blocks = -(-(m * tiles << width_bits + row_bits) // BLOCK)
        chunks = max(min(MOST_BLOCKS // blocks, -(-n // (LEAST * rows))), -(-n // (MOST * rows)))
    return arranged(m, n, inner, width_bits, row_bits, -(-n // chunks))


@functools.lru_cache(maxsize=4096)
def scan_spread(m, n, inner):
    """For scans along n: chunks take two more launches, groups within a warp no barrier."""
    width_bits = min(bits(inner), bits(WARP))
    row_bits, tiles = min(bits(-(-n // UNDER_WAY)), bits(BLOCK) - width_bits), -(-inner >> width_bits)
    if m * tiles >= 2 * MOST_BLOCKS:
        row_bits = min(row_bits, bits(WARP) - width_bits)
    rows, chunks = 1 << row_bits, 1
    if n > 2 * SINGLE * rows:
        blocks = -(-(m * tiles << width_bits + row_bits) // BLOCK)
        chunks = max(min(MOST_BLOCKS // blocks, -(-n // (2 * LEAST * rows))), 1)
    return arranged(m, n, inner, width_bits, row_bits, -(-n // chunks))


def arranged(m, n, inner, width_bits, row_bits, chunk):
    """Groups of 2**row_bits rows of 2**width_bits threads, with chunks of at least so many rows."""
    if chunk < n:
        whole = UNDER_WAY << row_bits
        chunk = -(-chunk // whole) * whole
    chunks, group_bits = -(-n // chunk), width_bits + row_bits
    units = m * chunks * -(-inner >> width_bits)
    extents = n, inner, chunk, chunks, width_bits, group_bits, units
    return Spread(-(-units >> bits(BLOCK) - group_bits), chunks, extents)


# ---- for device code
@device
def place(n, inner, chunk, chunks, width_bits, group_bits, units):
    """(first element of this thread's column in the chunk, the chunk's start in n, rows of it, this thread's
    own first row, where the column's result goes, whether there is such a column): threads beyond the last
    column do what others do"""
    thread = cuda.threadIdx.x
    unit = cuda.blockIdx.x * (cuda.blockDim.x >> group_bits) + (thread >> group_bits)
    inside, unit = unit < units, min(unit, units - 1)
    tiles, tile, j = (inner + (1 << width_bits) - 1) >> width_bits, 0 * unit, 0 * unit
    if tiles > 1:
        tile, unit = unit % tiles, unit // tiles
    if chunks > 1:
        j, unit = unit % chunks, unit // chunks
    c = (tile << width_bits) + (thread & ((1 << width_bits) - 1))
    inside, c = inside and c < inner, min(c, inner - 1)
    first = (unit * n + j * chunk) * inner + c
    row = (thread & ((1 << group_bits) - 1)) >> width_bits
    return first, j * chunk, min(chunk, n - j * chunk), row, (unit * chunks + j) * inner + c, inside


def group_reduction(combine):
    """reduce(value, width_bits, group_bits): combine over a group's threads of a column, for all of them"""
    @device
    def reduce(value, width_bits, group_bits):
        kind, distance = type(value), (1 << min(group_bits, 5)) >> 1
        while distance >> width_bits > 0:
            value = kind(combine(value, exchange(value, distance)))
            distance >>= 1
        if group_bits > 5:
            values = cuda.shared.array(BLOCK, kind)
            cuda.syncthreads()                  # what an earlier call left is read until here
            values[cuda.threadIdx.x] = value
            cuda.syncthreads()
            at = (cuda.threadIdx.x >> group_bits << group_bits) + (cuda.threadIdx.x & (WARP - 1))
            value = values[at]
            for k in range(1, 1 << (group_bits - 5)):
                value = kind(combine(value, values[at + k * WARP]))
        return value
    return reduce


def accumulation(load, combine):
    """accumulate(x, first, row, rows, step, inner, start, extra): start combined with load(x, extra) of every
    step-th row; `start` must be neutral"""
    @device
    def accumulate(x, first, row, rows, step, inner, start, extra):
        kind, total, k, stride = type(start), start, row, step * inner
        at = first + row * inner
        while k + 3 * step < rows:
            one, two = load(x[at], extra), load(x[at + stride], extra)
            three, four = load(x[at + 2 * stride], extra), load(x[at + 3 * stride], extra)
            total = kind(combine(total, combine(combine(one, two), combine(three, four))))
            at += 4 * stride
            k += 4 * step
        one, two, three = start, start, start
        if k < rows:
            one = kind(load(x[at], extra))
        if k + step < rows:
            two = kind(load(x[at + stride], extra))
        if k + 2 * step < rows:
            three = kind(load(x[at + 2 * stride], extra))
        return kind(combine(total, combine(combine(one, two), three)))
    return accumulate
