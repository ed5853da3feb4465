"""Where temporary values are placed in memory."""
import numpy as np
import pytest

from numbaflow.graph.programs.storage import ALIGN, Root, blank, place


def root(size, first, last):
    made = Root("temporary", blank((size,), np.uint8))
    made.first, made.last = first, last
    return made


def meet(a, b):
    return (a.first <= b.last and b.first <= a.last
            and a.offset < b.offset + b.array.nbytes and b.offset < a.offset + a.array.nbytes)


def test_nothing_to_place():
    assert place([]) == 0


def test_what_is_in_use_at_other_times_shares_memory():
    roots = [root(100, 0, 1), root(100, 2, 3), root(100, 3, 4)]
    assert place(roots) == 2 * 128
    assert [r.offset for r in roots] == [0, 0, 128]


def test_a_gap_between_others_is_used():
    low, middle, high, small = root(640, 0, 9), root(320, 0, 3), root(256, 0, 9), root(192, 4, 9)
    assert place([small, high, middle, low]) == 640 + 320 + 256
    assert small.offset == middle.offset == 640


def test_empty_values_have_a_place():
    roots = [root(0, 0, 0), root(0, 0, 0)]
    assert place(roots) == 2 * ALIGN


@pytest.mark.parametrize("seed", range(4))
def test_values_in_use_at_one_time_never_meet(seed):
    random = np.random.default_rng(seed)
    first = random.integers(0, 300, 200)
    roots = [root(int(n), int(f), int(f + d)) for n, f, d in zip(
        random.choice([1, 64, 65, 500, 4096], 200), first, random.integers(0, 60, 200), strict=True)]
    peak = place(roots)
    assert not any(meet(a, b) for k, a in enumerate(roots) for b in roots[:k])
    assert all(r.offset % ALIGN == 0 and 0 <= r.offset <= peak - r.array.nbytes for r in roots)
    live = [sum(r.array.nbytes for r in roots if r.first <= k <= r.last) for k in range(360)]
    assert max(live) <= peak <= 1.5 * max(live)
