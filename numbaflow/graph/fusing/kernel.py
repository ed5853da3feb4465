"""A fused kernel as data: steps over an index space, which `codegen` turns into loops.

The space is a list of axes, outer ones first.  A step gives a value that has some of the axes; an operand of
the kernel says for each of its dimensions which axis that is.  Nothing here knows strides.
"""
from math import prod
from typing import NamedTuple

import numpy as np

PARTS = "_of_parts"             # ends the names of kernels that combine partial results


class Step(NamedTuple):
    """One value.

    kind      what               operands
    input     number             -
    literal   Python number      -            -0.0 as text
    index     -                  -            the position along its one axis, an int64
    apply     name of an op      values       its scalar body
    cast      -                  a value
    reduce    (how, axes, count) a value      sum, prod, max, min, any or all; a mean divides by its count
    update    rule               p, slots, g, constants: a tuple of new p and slots
    part      number             an update    one of those
    """

    kind: str
    what: object
    operands: tuple
    dtype: str
    axes: tuple                 # that it may differ along, in increasing order


class Operand(NamedTuple):
    """An array that a kernel reads or writes: the axis of each dimension, None where its extent is 1."""

    step: int
    dims: tuple
    dtype: str


class Kernel(NamedTuple):
    """A fused kernel.  The last `row` axes are a row, which reductions within the kernel run over."""

    name: str
    extents: tuple
    row: int
    steps: tuple
    inputs: tuple
    outputs: tuple

    def count(self, axes):
        """The number of index tuples over axes."""
        return prod([self.extents[a] for a in axes])


_NOTHING = {"sum": 0, "prod": 1, "any": False, "all": True}


def of_nothing(how, dtype, count=None):
    """What a reduction gives where there is nothing to reduce."""
    dtype = np.dtype(dtype)
    if how in _NOTHING:
        return float("nan") if count is not None else _NOTHING[how]
    sign = -1 if how == "max" else 1
    if dtype.kind == "f":
        return sign * float("inf")
    if dtype.kind == "b":
        return how == "min"
    return int(np.iinfo(dtype).min if how == "max" else np.iinfo(dtype).max)
