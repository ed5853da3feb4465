"""The loops of a kernel for given memory layouts: axes that all operands step through evenly become one.

A loop is a range of axes merged; strides are in elements.
"""
from typing import NamedTuple

from numbaflow.core.errors import InvalidArgumentError


class Loop(NamedTuple):
    """One loop: how often, and how far each operand steps."""

    extent: int
    strides: tuple
    axes: tuple


class Nest(NamedTuple):
    """The loops over the outer axes and those over a row."""

    outer: tuple
    inner: tuple


def strides_along(kernel, operand, array):
    """The stride of an operand along each axis of the space, in elements; 0 where it has no such axis."""
    steps = [0] * len(kernel.extents)
    if len(array.shape) != len(operand.dims):
        raise InvalidArgumentError(f"{kernel.name}: an operand of shape {array.shape}, "
                                   f"expected {len(operand.dims)} dimensions")
    for axis, n, stride in zip(operand.dims, array.shape, array.strides, strict=True):
        if axis is None:
            continue
        if n != kernel.extents[axis]:
            raise InvalidArgumentError(f"{kernel.name}: an operand of shape {array.shape}, expected "
                                       f"{kernel.extents[axis]} along axis {axis}")
        if stride % array.itemsize:
            raise InvalidArgumentError(f"{kernel.name}: a stride of {stride} bytes, expected a multiple of "
                                       f"{array.itemsize}")
        steps[axis] = stride // array.itemsize
    return steps


def nest(kernel, arrays):
    """The loops of a kernel whose inputs and outputs lie in memory as `arrays` do."""
    operands = (*kernel.inputs, *kernel.outputs)
    columns = [strides_along(kernel, o, a) for o, a in zip(operands, arrays, strict=True)]
    split = len(kernel.extents) - kernel.row
    # a step's index must stay the loop's
    whole = {a for step in kernel.steps if step.kind == "index" for a in step.axes}

    def loops(axes):
        made = []
        for a in axes:
            n, steps = kernel.extents[a], tuple([c[a] for c in columns])
            if n == 1 and a not in whole:
                continue
            last = made[-1] if made else None
            if (last is not None and a not in whole and not whole & set(last.axes)
                    and all(s == n * t for s, t in zip(last.strides, steps, strict=True))):
                made[-1] = Loop(last.extent * n, steps, (*last.axes, a))
            else:
                made.append(Loop(n, steps, (a,)))
        return made
    return Nest(tuple(loops(range(split))), tuple(loops(range(split, len(kernel.extents)))))
