"""The largest element of a row and the sum of exponentials relative to it, for device code.

A row that its threads can hold is read once, and its exponentials are taken once.  Of longer rows one pass
finds the two together: the sum is scaled down whenever a larger element comes.
"""
import functools

import numpy as np

from .. import scalar
from .blocks import combine_max
from .jit import device


@functools.cache
def exponentials(group, kept, logs=False):
    """Device functions: statistics(...) -> (largest, sum of exp(x - largest)); one exp, or its logarithm."""
    _, sum_of, max_of = group

    @device
    def held(x, start, n, lane, step, values):
        lowest = x.dtype.type(-np.inf)
        largest, total = lowest, x.dtype.type(0)
        for k in range(kept):
            c = lane + k * step
            values[k] = x[start + c] if c < n else lowest
        for k in range(kept):
            largest = combine_max(largest, values[k])
        largest = max_of(largest)
        for k in range(kept):
            log = values[k] - largest
            power = scalar.exp(log)
            values[k] = log if logs else power
            total += power
        return largest, sum_of(total)

    @device
    def held_one(x, i, k, values, largest):
        return values[k]

    @device
    def running(x, start, n, lane, step, values):
        lowest = x.dtype.type(-np.inf)
        largest, total, c = lowest, x.dtype.type(0), np.int64(lane)
        while c < n:
            i = start + c
            a = x[i]
            b = x[i + step] if c + step < n else lowest
            d = x[i + 2 * step] if c + 2 * step < n else lowest
            e = x[i + 3 * step] if c + 3 * step < n else lowest
            before, largest = largest, combine_max(largest, combine_max(combine_max(a, b), combine_max(d, e)))
            if largest > lowest:
                total = total * scalar.exp(before - largest) + (
                    (scalar.exp(a - largest) + scalar.exp(b - largest))
                    + (scalar.exp(d - largest) + scalar.exp(e - largest)))
            c += 4 * step
        top = max_of(largest)
        if largest > lowest:
            total *= scalar.exp(largest - top)
        return top, sum_of(total)

    @device
    def running_one(x, i, k, values, largest):
        log = x[i] - largest
        return log if logs else scalar.exp(log)
    return (held, held_one) if kept else (running, running_one)
