"""Shapes as kernels want them: any axes of any array as flat C-ordered blocks (m, n, inner)."""
import math

import numpy as np

from .jit import kernel, range_kernel


def c_order(x, axes):
    """x with its axes permuted or copied to C order, the axes there, and the permutation back or None."""
    if x.flags.c_contiguous:
        return x, axes, None
    order = sorted(range(x.ndim), key=x.strides.__getitem__, reverse=True)
    permuted = x.transpose(order)
    if not permuted.flags.c_contiguous:
        return np.ascontiguousarray(x), axes, None
    back = [0] * x.ndim
    for position, axis in enumerate(order):
        back[axis] = position
    return permuted, tuple(sorted(back[a] for a in axes)), back


def merge_axes(shape, reduced):
    """((m, n, inner), ...): reducing flat blocks over n, one after another, reduces the axes, last first."""
    runs = []                               # [is reduced, size], neighbours of a kind merged
    for axis, size in enumerate(shape):
        if size == 1:
            continue
        if runs and runs[-1][0] == (axis in reduced):
            runs[-1][1] *= size
        else:
            runs.append([axis in reduced, size])
    blocks = []
    for i, (is_reduced, n) in reversed(list(enumerate(runs))):
        if is_reduced:
            m = math.prod(size for _, size in runs[:i])
            blocks.append((m, n, math.prod(size for kept, size in runs[i + 1:] if not kept)))
    return tuple(blocks)


def around(shape, axis):
    """(m, n, inner) around one axis."""
    return math.prod(shape[:axis]), shape[axis], math.prod(shape[axis + 1:])


# (Numba takes seconds to compile out[:] = x, which must do for overlapping arrays of any rank)
@kernel
def copy(x, out):
    """out = x"""
    for i in range(out.size):
        out[i] = x[i]


@kernel
def fill(out, value):
    """out = value"""
    for i in range(out.size):
        out[i] = value


@range_kernel
def convert_flat(x, out, lo, hi):
    """out = x in out's dtype"""
    for i in range(lo, hi):
        out[i] = x[i]
