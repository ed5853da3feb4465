"""Fused kernels for a GPU: what `launches` gives for a kernel and the memory its operands lie in.

As on the CPU, the text depends on a kernel's steps and on the kinds of strides, not on sizes, and compiled
code is kept by it.  Whole vectors that begin at multiples of 16 bytes have a text of their own.  Results are
the same on every GPU and each time: there are no atomics, and how work is shared depends on sizes alone.
"""
import functools
from math import prod
from typing import NamedTuple

import numpy as np

from numbaflow.graph.fusing.codegen import Layout, contiguous, in_place
from numbaflow.graph.fusing.cuda_source import (
    COPIES,
    WARP,
    Columns,
    Flat,
    form_of,
    is_of_warp,
    is_unrolled,
    lanes_of,
)
from numbaflow.graph.fusing.cuda_vectors import Vectors, vector_lanes
from numbaflow.graph.fusing.kernel import PARTS
from numbaflow.graph.fusing.nest import nest
from numbaflow.graph.fusing.parts import combination, of_empty
from numbaflow.graph.fusing.passes import Passes
from numbaflow.kernels.cuda import fused
from numbaflow.kernels.cuda.jit import BLOCK, MOST_BLOCKS, Kernel
from numbaflow.kernels.cuda.vectors import aligned

MOST_PARTS = min(512, MOST_BLOCKS)      # workers that leave partial results
LEAST_ROWS = 4                          # of such a worker
LEAST_DOWN = 8                          # elements of a column that a thread goes down
COLUMN_BLOCKS = 2 * MOST_PARTS          # blocks that are enough for columns


class Scratch:
    """Temporary memory: the same object in several launches is the same array."""

    __slots__ = ("dtype", "shape")

    def __init__(self, shape, dtype):
        self.shape, self.dtype = shape, dtype

    def __repr__(self):
        return f"Scratch({self.shape}, {self.dtype})"


class View(NamedTuple):
    """An argument: an array, seen with other extents and strides (in bytes) from its first element on.

    The array is the number of an operand, counted through the inputs and then the outputs, or a Scratch.
    """

    array: object
    shape: tuple
    strides: tuple


class Launch(NamedTuple):
    """A call function(blocks, threads, *arguments); arguments are Views and ints."""

    function: Kernel
    blocks: tuple
    threads: int
    arguments: list
    source: str


def launches(node, inputs, outputs):
    """The launches of a fused node, one after the other.

    Args:
        inputs, outputs: device arrays.  An output that lies in the memory of an input is the same object.
    """
    kernel = node.attributes["kernel"]
    shared = tuple([(k, i) for k, y in enumerate(outputs) for i, x in enumerate(inputs) if x is y])
    if shared:
        allowed = {k for k, i in in_place(node) if (k, i) in shared}
        for k in {k for k, _ in shared} - allowed:
            raise ValueError(f"{kernel.name}: output {k} can't be computed in the memory of an input")
    operands = (*inputs, *outputs)
    by_vectors = all(aligned(x) for x in operands if x.size > 1)
    return _launches(kernel, tuple([(x.shape, x.strides, x.dtype) for x in operands]), shared, by_vectors)


@functools.lru_cache(maxsize=512)
def _launches(kernel, layouts, shared, by_vectors):
    """The same for operands that lie in memory like these: of an unrolled program most nodes are alike."""
    operands, count = [Layout(*layout) for layout in layouts], len(kernel.inputs)
    places = list(range(len(operands)))
    return lower(kernel, operands[:count], operands[count:], places, dict(shared), by_vectors)


def lower(kernel, inputs, outputs, places, shared, by_vectors=False):
    """The launches of a kernel; `places` are the arrays of its operands, which may allow vectors."""
    count = len(inputs)
    if 0 in kernel.extents:
        some, filled, rest = of_empty(kernel, outputs)
        numbers = [*some, *[count + k for k in filled]]
        return lower(rest, [inputs[k] for k in some], [outputs[k] for k in filled],
                     [places[k] for k in numbers], {}) if filled else []
    passes = Passes(kernel)
    form, loops = form_of(kernel, passes), nest(kernel, [*inputs, *outputs])
    if form is Flat and by_vectors and vector_lanes(kernel, passes, loops.outer):
        form = Vectors
    blocks, workers, size = _grid(kernel, passes, form, loops)
    outputs, places, later = list(outputs), list(places), []
    parts = [k for k, out in enumerate(kernel.outputs) if out.step in passes.terminals and workers > 1]
    for k in parts:
        later += _combined(kernel, k, workers, outputs, places, count)
    loops = nest(kernel, [*inputs, *outputs])
    text = form(kernel, passes, loops, shared, bool(parts))
    views = [_view(k, place, array.itemsize, loops, workers if k - count in parts else 0)
             for k, (place, array) in enumerate(zip(places, (*inputs, *outputs), strict=True))
             if k - count not in shared]
    sizes = [size if v is None else v for v in text.sizes]
    function = fused.compiled(kernel.name, text.source, text.scope)
    return [Launch(function, blocks, BLOCK, [*views, *sizes], text.source), *later]


def _combined(kernel, k, workers, outputs, places, count):
    """The launches that combine what workers leave of an output, which then lies in scratch memory."""
    out = kernel.outputs[k]
    how, _, mean = kernel.steps[out.step].what
    shape, dtype = tuple(outputs[k].shape), np.dtype(out.dtype)
    room = Scratch((workers, *shape), dtype)
    whole = combination(how, mean, shape, out.dtype)(workers)
    made = lower(whole, [contiguous(room.shape, dtype)], [outputs[k]], [room, places[count + k]], {})
    outputs[k], places[count + k] = contiguous(shape, dtype), room
    return made


def _view(k, array, itemsize, loops, workers):
    """Operand k with a dimension for each loop that it steps along, after one for workers."""
    along = [loop for loop in (*loops.outer, *loops.inner) if loop.strides[k]]
    shape, strides = [loop.extent for loop in along], [loop.strides[k] * itemsize for loop in along]
    if workers:
        shape, strides = [workers, *shape], [prod(array.shape[1:]) * itemsize, *strides]
    return View(array, tuple(shape) or (1,), tuple(strides) or (itemsize,))


def _grid(kernel, passes, form, loops):
    """(blocks, workers, rows of one where it takes a range of them)"""
    split = len(kernel.extents) - kernel.row
    rows, width = kernel.count(range(split)), kernel.count(range(split, len(kernel.extents)))
    alone = kernel.name.endswith(PARTS)         # few rows, which are no work for another stage
    if form is Vectors:
        blocks = min(-(-rows // (BLOCK * vector_lanes(kernel, passes, loops.outer))), MOST_BLOCKS)
        return (blocks,), blocks, 0
    if form is Flat:
        each = BLOCK * (len(COPIES) if is_unrolled(passes, loops.outer) else 1)
        most = 1 if alone else MOST_PARTS if passes.terminals else MOST_BLOCKS
        blocks = min(-(-rows // each), most)
        return (blocks,), blocks, 0
    if form is Columns:
        lanes = lanes_of(width)
        tiles, least = -(-width // lanes), BLOCK // lanes * LEAST_DOWN
        most = 1 if alone else min(MOST_PARTS, max(1, COLUMN_BLOCKS // tiles))
        size = -(-rows // min(-(-rows // least), most))
        chunks = -(-rows // size)
        return (tiles, chunks), chunks, size
    each = BLOCK // WARP if is_of_warp(rows, width) else 1
    workers = min(-(-rows // LEAST_ROWS), MOST_PARTS) if passes.terminals else min(rows, each * MOST_BLOCKS)
    blocks = -(-workers // each)
    return (blocks,), blocks * each, 0
