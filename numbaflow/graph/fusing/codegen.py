"""Fused kernels as source: what `instruction` gives for a kernel and the memory its operands lie in.

The text depends on the kernel's steps and on the kinds of strides, not on sizes: those are arguments, but for
short inner loops.  It is deterministic, and compiled code is kept by it.
"""
import functools
from math import prod
from typing import NamedTuple

import numpy as np

from numbaflow.graph.fusing.nest import nest
from numbaflow.graph.fusing.parts import combination, of_empty
from numbaflow.graph.fusing.passes import Passes
from numbaflow.graph.fusing.source import Source
from numbaflow.kernels import fused

CHUNK = 1 << 15                 # elements whose partial sums are added one after the other
ROWS = 16, 256                  # least and most rows whose columns are
SHARE = 1 << 16                 # elements, weighted by cost, that are worth a thread
MOST_SHARES = 16


class Address(NamedTuple):
    """An argument: the address of an operand, counted through the inputs and then the outputs."""

    operand: int


class Scratch:
    """An argument: temporary memory; the same object in several argument lists is the same memory."""

    __slots__ = ("bytes",)

    def __init__(self, bytes):
        self.bytes = bytes

    def __repr__(self):
        return f"Scratch({self.bytes})"


class Instruction(NamedTuple):
    """A call function(arguments, lo, hi) for [0, extent), in at most `threads` shares."""

    function: object
    arguments: list
    extent: int
    threads: int
    source: str


class Layout(NamedTuple):
    """What an array lies in memory like."""

    shape: tuple
    strides: tuple
    dtype: np.dtype

    @property
    def itemsize(self):
        """The bytes of an element."""
        return self.dtype.itemsize


def contiguous(shape, dtype):
    """The layout of a C-contiguous array."""
    dtype, strides = np.dtype(dtype), []
    step = dtype.itemsize
    for n in reversed(shape):
        strides.append(step)
        step *= n
    return Layout(tuple(shape), tuple(reversed(strides)), dtype)


def instruction(node, inputs, outputs):
    """The kernel calls of a fused node: (function, arguments, extent, threads, source), one after the other.

    Args:
        inputs, outputs: what has the shape, strides and dtype of each operand.  An output that lies in the
            memory of an input is the same object.
    """
    kernel = node.attributes["kernel"]
    shared = tuple([(k, i) for k, y in enumerate(outputs) for i, x in enumerate(inputs) if x is y])
    if shared:
        allowed = {k for k, i in in_place(node) if (k, i) in shared}
        for k in {k for k, _ in shared} - allowed:
            raise ValueError(f"{kernel.name}: output {k} can't be computed in the memory of an input")
    return _instructions(kernel, tuple([(x.shape, x.strides, x.dtype) for x in (*inputs, *outputs)]), shared)


@functools.lru_cache(maxsize=512)
def _instructions(kernel, layouts, shared):
    """The same for operands that lie in memory like these: of an unrolled program most nodes are alike."""
    operands, count = [Layout(*layout) for layout in layouts], len(kernel.inputs)
    for k, i in shared:
        operands[count + k] = operands[i]
    return lower(kernel, operands[:count], operands[count:], [Address(k) for k in range(len(operands))])


def in_place(node):
    """The pairs (output, input) of a fused node that may share memory of one layout."""
    kernel = node.attributes["kernel"]
    if any(step.kind == "reduce" for step in kernel.steps):
        return []
    found = []
    for k, out in enumerate(kernel.outputs):
        needed = _all_operands(kernel, out.step)
        for i, x in enumerate(kernel.inputs):
            if x.dims == out.dims and x.dtype == out.dtype and x.step in needed:
                found.append((k, i))
    return found


def _all_operands(kernel, step):
    found, left = set(), [step]
    while left:
        s = left.pop()
        if s not in found:
            found.add(s)
            left += kernel.steps[s].operands
    return found


# ---- lowering
def lower(kernel, inputs, outputs, places):
    """The instructions of a kernel; `places` are the arguments for its operands' addresses."""
    if 0 in kernel.extents:
        some, filled, rest = of_empty(kernel, outputs)
        numbers = [*some, *[len(inputs) + k for k in filled]]
        return lower(rest, [inputs[k] for k in some], [outputs[k] for k in filled],
                     [places[k] for k in numbers]) if filled else []
    passes = Passes(kernel)
    later = []
    if passes.terminals:
        kernel, outputs, places, chunks, size, later = _partial(kernel, passes, inputs, outputs, places)
    else:
        chunks = size = 0
    loops = nest(kernel, [*inputs, *outputs])
    shared = {k: i for k, y in enumerate(outputs) for i, x in enumerate(inputs) if x is y}
    text = Source(kernel, passes, loops, shared, size, chunks)
    arguments = [p for k, p in enumerate(places) if k - len(inputs) not in shared]
    made = fused.compiled(kernel.name, text.source, text.scope)
    work = prod(kernel.extents) * max(1, passes.cost() // 4)
    threads = min(MOST_SHARES, text.extent, work // SHARE)
    first = Instruction(made, [*arguments, *text.sizes], text.extent, max(threads, 1), text.source)
    return [first, *later]


def _outer_work(kernel, inputs, outputs):
    """How often the outer loop runs, and how many elements each time: blocks where all is one long row."""
    loops = nest(kernel, [*inputs, *outputs]).outer
    if not kernel.row and len(loops) < 2:
        return -(-prod(kernel.extents) // fused.BLOCK), fused.BLOCK
    n = loops[0].extent if loops else 1
    return n, prod(kernel.extents) // n


def _partial(kernel, passes, inputs, outputs, places):
    """Reductions by chunks: the memory of partial results, and the instructions that combine them."""
    n, each = _outer_work(kernel, inputs, outputs)
    size = max(1, CHUNK // each)
    if any(kernel.steps[t].axes for t in passes.terminals):
        size = min(max(size, ROWS[0]), ROWS[1])
    chunks = -(-n // size)
    if chunks == 1:
        return kernel, outputs, places, 1, n, []
    outputs, places, steps, later = list(outputs), list(places), list(kernel.steps), []
    for k, out in enumerate(kernel.outputs):
        if out.step not in passes.terminals:
            continue
        how, axes, count = steps[out.step].what
        shape, dtype = tuple(outputs[k].shape), np.dtype(out.dtype)
        room = Scratch(chunks * prod(shape) * dtype.itemsize)
        combine, parts = combination(how, count, shape, out.dtype), contiguous((chunks, *shape), dtype)
        later += lower(combine(chunks), [parts], [outputs[k]], [room, places[len(inputs) + k]])
        steps[out.step] = steps[out.step]._replace(what=(how, axes, None))
        outputs[k], places[len(inputs) + k] = contiguous(shape, dtype), room
    return kernel._replace(steps=tuple(steps)), outputs, places, chunks, size, later
