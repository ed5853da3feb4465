"""Indices taken apart: a thread's number as places along axes, in 32 bits wherever all numbers fit.

A division of 64 bits takes a GPU several times as long as one of 32, and kernels that only move data do
little else.
"""
import functools

import numpy as np

from .jit import device

_FEW = 1 << 31


def _made(word):
    @device
    def split(number, by):
        whole = word(number) // word(by)
        return np.int64(whole), np.int64(number - np.int64(whole) * by)
    return split


@device
def quotient(number, by):
    """number // by, of what is not negative and not longer than an axis"""
    return np.int64(np.uint32(number) // np.uint32(by))


split_short, split_long = _made(np.uint32), _made(np.int64)


def for_sizes(make):
    """A function of numbers of elements, which gives make(split) for a `split` that is right for so many.

    split(number, by) is (number // by, number % by), of what is not negative.
    """
    made = functools.cache(make)

    def choose(*sizes):
        return made(split_short if max(sizes) < _FEW else split_long)
    return choose
