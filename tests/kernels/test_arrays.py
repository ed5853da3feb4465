"""Kernels over arrays, translated: they compute what Numba's do, from the cells of a program."""
import numpy as np
import pytest
from numbaflow.kernels import adapter, cells, machine
from numbaflow.kernels.jit import INLINE, body, kernel, range_kernel
from numbaflow.kernels.program import ERROR, State
from numbaflow.kernels.syntax import Untranslatable

POINT = np.dtype([("x", np.int64), ("y", np.float64)])


def run(made, *args, n=3, check=False):
    """Run a range kernel over 0 <= i < n as an instruction: the row that failed, or None."""
    error = np.zeros(ERROR, np.int64)
    given = [c for a in args for c in adapter.cells_of(a, lambda x: x.ctypes.data)]
    kinds = tuple([adapter.type_of(a) for a in args])
    function = machine.compiled(made.function, None, cells.Cells(kinds, check, ("contract",)))
    if check:
        given.append(error.ctypes.data)
    return State([(function.address, 0, n, 1)], given, [], error=error).run()


def agrees(made, *args, n=3):
    """Whether it does to copies of the arrays what Numba makes of it."""
    ours, theirs = ([a.copy("K") if isinstance(a, np.ndarray) else a for a in args] for _ in range(2))
    run(made, *ours, n=n)
    made.serial(*theirs, 0, n)
    return all(np.array_equal(a, b) for a, b in zip(ours, theirs, strict=True) if isinstance(a, np.ndarray))


@kernel(options=INLINE)
def _sum_of(row, out, at):
    total = row.dtype.type(0)
    for x in range(row.size):
        total += row[x]
    out[at] += total
    return len(row)


@range_kernel
def parts(x, out, counts, lo, hi):
    """indices from the end, slices that go too far or are empty, rows"""
    for i in range(lo, hi):
        counts[i] = _sum_of(x[i], out, -1) + 10 * _sum_of(x[i, 1:9], out, i)
        counts[i] += 100 * _sum_of(x[i, 3:1], out, 0)
        counts[i] += 1000 * _sum_of(x[-1 - i, -2:], out, i - 3) + len(x[i:]) * 10000


@range_kernel
def made_inside(x, out, lo, hi):
    """memory of its own, loops that stop early, downwards and in steps from the outside"""
    kept, ones = np.empty((2, x.size), x.dtype), np.zeros(x.size, np.int64)
    for i in range(lo, hi):
        for k in range(x.size):
            if x[k] < 0.0:
                continue
            if x[k] > 90.0:
                break
            kept[i % 2, k] = x[k] * i
            ones[k] += 1
        while True:
            if ones[0] >= 0:
                break
        for k in range(x.size - 1, -1, 1 - 2 * ones[0] // ones[0]):
            out[k] += kept[i % 2, k] if ones[k] > i and x[k] <= 90.0 else out[k] / 2
            q, r = divmod(-k, i + 2)
            out[k] += q * 100 + r


@range_kernel
def records(points, which, flags, scale, pair, out, lo, hi):
    """records, bools, tuples and what is left out"""
    p = points[0]
    for i in range(lo, hi):
        flags[i] = which is None and not flags[i]
        out[i] = (p.x + i) * p.y * scale if flags[i] or i == 0 else pair[1]
        out[i] += len(pair[0]) if which is not None else 0.5


@range_kernel
def unsigned(words, out, lo, hi):
    for i in range(np.uint64(lo), np.uint64(hi)):
        out[i] = words[i] >> np.uint64(3) << np.uint64(1)


@range_kernel
def found(x, wanted, lo, hi):
    for i in range(lo, hi):
        if x[i] == wanted:
            return i
    return -1


@pytest.mark.parametrize("x", [np.arange(15.0).reshape(3, 5), np.arange(30.0).reshape(5, 6)[::-1, ::2][:3],
                               np.arange(15, dtype=np.int64).reshape(5, 3).T])
def test_parts_of_arrays(x):
    assert agrees(parts, x, np.zeros(3, x.dtype), np.zeros(3, np.int64))


def test_memory_and_loops():
    assert agrees(made_inside, np.array([1.0, -2.0, 3.0, 95.0, 5.0], np.float32), np.ones(5, np.float32))


@pytest.mark.parametrize("which", [None, np.ones(2)])
def test_records_bools_and_none(which):
    points, flags = np.array([(3, 1.5)], POINT), np.array([True, False, True])
    assert agrees(records, points, which, flags, np.float32(2.5), ((1, 2), 7.0), np.zeros(3))


def test_unsigned_counters():
    assert agrees(unsigned, np.array([1 << 63, 77, 8], np.uint64), np.zeros(3, np.uint64))


def test_a_result_is_an_error_or_none():
    x = np.array([1, 2, 3])
    assert run(found, x, 7, check=True) is None
    assert run(found, x, 3, check=True) == 0


@range_kernel
def _again(x, lo, hi):
    for i in range(lo, hi):
        x[i] = np.empty(3, np.int64).size


total = 5.0


@range_kernel
def _unset(x, lo, hi):
    for i in range(lo, hi):
        total = x[i]
    x[0] = total


@range_kernel
def _complex(x, lo, hi):
    x[lo] = x[hi - 1]


@pytest.mark.parametrize(("made", "dtype"), [(_again, float), (_unset, float), (_complex, complex)])
def test_what_is_left_to_numba(made, dtype):
    x = np.ones(3, dtype)
    with pytest.raises(Untranslatable):
        run(made, x)
    kinds = (adapter.type_of(x),)
    assert adapter.adapted(made, kinds).address


def test_a_body_takes_arrays_and_numbers():
    @body
    def put(out, i, x):
        out[i] = x + 0.1
        return x

    @range_kernel
    def bodies(x, out, lo, hi):
        for i in range(lo, hi):
            put(out, i, x[i])
    x = np.arange(3, dtype=np.float32)
    out = np.zeros_like(x)
    run(bodies, x, out)
    np.testing.assert_array_equal(out, x + np.float32(0.1))
