"""What attributes may be given as, made plain: axes, shapes, dtypes.  Imports core only."""
from operator import index

import numpy as np

from numbaflow.core.shape import Extent


def axes(axis, rank):
    """Sorted non-negative axes of None (all), an int or several; ValueError for one out of range or twice."""
    if axis is None:
        return tuple(range(rank))
    if type(axis) is int:
        return (one_axis(axis, rank),)
    found = sorted(one_axis(a, rank) for a in np.atleast_1d(np.asarray(axis)).tolist())
    if len(set(found)) < len(found):
        raise ValueError(f"axis {axis} names an axis twice")
    return tuple(found)


def one_axis(axis, rank):
    """A non-negative axis; ValueError when it is not in [-rank, rank)."""
    k = axis if type(axis) is int else index(axis)
    if not -rank <= k < rank:
        raise ValueError(f"axis {k} is not in [{-rank}, {rank})")
    return k + rank if k < 0 else k


def shape_of(value):
    """A tuple of ints of a shape given as ints, an int, an array or a tensor."""
    if isinstance(value, (tuple, list)):
        if all(type(n) is int for n in value):
            return tuple(value)
        if any(isinstance(n, Extent) for n in value):
            return tuple([n if isinstance(n, Extent) else index(n) for n in value])
    array = np.asarray(value)
    if array.ndim > 1 or (array.size and array.dtype.kind not in "iu"):
        raise ValueError(f"a shape is a list of integers, got {value!r}")
    return tuple(array.reshape(-1).astype(int).tolist())


def extent_of(value):
    """One extent of a shape, as an int where it is known."""
    return value if isinstance(value, Extent) else int(value)


def is_complex(x):
    """Whether a tensor is complex, asked in a gradient rule; rules are fused for real values only."""
    dtype = getattr(x, "dtype", None)
    return dtype is not None and dtype.is_complex
