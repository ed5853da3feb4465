"""Rows gathered, the reservoir's slots, checksums: against NumPy and known values."""
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from numbaflow.kernels import crc32c, reservoir
from numbaflow.kernels.index import IndexOutOfRange
from numbaflow.kernels.rows import RowTaker

RNG = np.random.default_rng(0)


# ---- rows
@pytest.mark.parametrize("dtype", ["bool", "int8", "uint16", "float32", "float64", "complex64", "complex128"])
@pytest.mark.parametrize("row", [(), (1,), (7,), (0,), (3, 5), (2000,)])
@pytest.mark.parametrize("picked", [0, 1, 33])
def test_rows_are_numpys(dtype, row, picked):
    x = (RNG.standard_normal((40, *row)) * 50).astype(dtype)
    indices = RNG.integers(0, 40, picked)
    np.testing.assert_array_equal(RowTaker(x)(indices), x[indices])


def test_many_rows_go_to_several_threads():
    x = RNG.standard_normal((500, 300))
    indices = RNG.integers(0, 500, 2000)
    np.testing.assert_array_equal(RowTaker(x)(indices), x[indices])


@pytest.mark.parametrize("bad", [-1, 5, 2**62, -2**63])
@pytest.mark.parametrize("row", [3, 100_000])
def test_a_bad_index_is_named(bad, row):
    take = RowTaker(np.zeros((5, row)))
    with pytest.raises(IndexOutOfRange, match=rf"index {bad} at position \(?2,?\)? is not in \[0, 5\)"):
        take(np.array([0, 1, bad, 0]))


def test_no_rows_at_all():
    take = RowTaker(np.zeros((0, 3)))
    assert take(np.zeros(0, np.int64)).shape == (0, 3)
    with pytest.raises(IndexOutOfRange):
        take(np.zeros(1, np.int64))


# ---- the reservoir
def slot(j, size):
    out = np.empty(1, np.int64)
    reservoir.slots(out, size, 0, 11, 22, j)
    return out[0]


def shuffled(rows, size):
    """The same by lists."""
    buffer, rows, out = list(rows[:size]), list(rows[size:]), []
    while buffer:
        place = slot(len(out), len(buffer))
        out.append(buffer[place])
        if rows:
            buffer[place] = rows.pop(0)
        else:
            buffer[place] = buffer[-1]
            buffer.pop()
    return out


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 30), st.integers(1, 30), st.integers(1, 7), st.integers(1, 2))
def test_runs_of_any_length_give_the_order_of_single_steps(n, size, run, width):
    rows = np.arange(n * width).reshape(n, width)
    buffer, got = rows[:size].copy(), []
    for start in range(size, n, run):
        out = np.empty_like(rows[start:start + run])
        reservoir.exchange(buffer, rows[start:start + run], out, 11, 22, sum(map(len, got)))
        got.append(out)
    while (left := n - sum(map(len, got))) > 0:
        out = np.empty((min(run, left), width), np.int64)
        reservoir.drain(buffer, left, out, 11, 22, sum(map(len, got)))
        got.append(out)
    assert np.concatenate(got).tolist() == [r.tolist() for r in shuffled(rows, size)]


def test_slots_of_a_shrinking_buffer():
    out = np.empty(20, np.int64)
    reservoir.slots(out, 20, 1, 11, 22, 5)
    assert out.tolist() == [slot(5 + i, 20 - i) for i in range(20)]


def test_slots_are_uniform_and_passes_differ():
    out = np.empty(80_000, np.int64)
    reservoir.slots(out, 8, 0, 1, 2, 0)
    assert abs(np.bincount(out) - 10_000).max() < 500           # over 5 standard deviations
    seeds = {reservoir.pass_seed(1, 2, k) for k in range(1000)}
    assert len(seeds) == 1000


# ---- checksums
@pytest.mark.parametrize(("data", "wanted"), [
    (b"", 0), (b"123456789", 0xE3069283), (bytes(32), 0x8A9136AA), (b"\xff" * 32, 0x62A8AB43),
    (bytes(range(32)), 0x46DD794E), (bytes(range(31, -1, -1)), 0x113FDB5C)])
def test_checksums_of_rfc_3720(data, wanted):
    assert crc32c.crc32c(data) == wanted


def test_checksums_are_masked():
    assert crc32c.masked(b"123456789") == (((0xE3069283 >> 15) | (0xE3069283 << 17)) + 0xA282EAD8) % 2**32
