"""Rows that go to one place brought together by a stable sort: each place has its rows in their order.

What is summed so does not depend on which thread is first.
"""
import numpy as np

from .arrays import empty
from .jit import cuda, kernel
from .sort_tiles import ordered_words, sorted_places

INT64 = np.dtype(np.int64)


@kernel
def find_firsts(keys, order, ordered, firsts):
    """firsts[g] = #{i: keys[i] < g}, where `order` sorts the keys, or `ordered` says that they are sorted."""
    g = cuda.grid(1)
    while g < firsts.size:
        low, high = np.int64(0), np.int64(keys.size)
        while low < high:
            middle = (low + high) // 2
            if keys[middle if ordered else np.int64(order[middle])] < g:
                low = middle + 1
            else:
                high = middle
        firsts[g] = low
        g += cuda.gridsize(1)


def firsts_of(keys, groups):
    """int64 [groups + 1]: where each group of sorted keys begins, and where the last one ends."""
    firsts = empty((groups + 1,), INT64)
    find_firsts.over(groups + 1, keys, keys, True, firsts)
    return firsts


def grouped(keys, groups):
    """(rows in the order of their keys, where each group of them begins and, at last, where they end).

    Keys are integers in [0, groups]; rows whose key is `groups` belong to none and stand last.
    """
    order, firsts = keys, empty((groups + 1,), INT64)
    if keys.size:
        words, kind = ordered_words(keys)
        order = sorted_places(words, keys.size, kind, False)
    find_firsts.over(groups + 1, keys, order, False, firsts)
    return order, firsts
