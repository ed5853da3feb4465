"""Mean and squared distance from it, for device code that reads its elements once.

A thread takes EIGHT elements at a time into registers, finds their mean and their squared distance from that,
and merges these into what it has (Chan et al. 1979): nothing cancels, however far the mean is from 0.
"""
from .jit import device

EIGHT = 8


@device
def with_eight(count, mean, square, values):
    """The moments of `count` elements and of those of an array of eight: (count, mean, square)."""
    kind = type(mean)
    ours, distance, eight = kind(0), kind(0), kind(8)
    for k in range(EIGHT):
        ours += values[k]
    ours *= kind(0.125)
    for k in range(EIGHT):
        d = values[k] - ours
        distance += d * d
    delta, share = ours - mean, eight / (count + eight)
    return count + eight, mean + delta * share, square + (distance + delta * delta * count * share)


@device
def with_one(count, mean, square, value):
    """The moments of `count` elements and one more: (count, mean, square)."""
    count += type(mean)(1)
    delta = value - mean
    mean += delta / count
    return count, mean, square + delta * (value - mean)
