"""Scans and recurrences on a device: the CPU's values, from either end, for every kind of dtype."""
import itertools

import numpy as np
import pytest
from numbaflow.kernels import recurrence as cpu_recurrence, scan as cpu
from numbaflow.kernels.cuda import backend, groups, jit, recurrence as gpu_recurrence, scan as gpu

SCANS = ["cumsum", "cumprod", "cumulative_logsumexp"]
SHAPES = [(1,), (0, 3), (3, 0), (257,), (3, 400), (400, 3), (33, 40), (2, 3, 4), (2, 1, 3, 2)]
WAYS = list(itertools.product([False, True], [False, True]))        # exclusive, reverse
CHUNKED = [(1, 5000, 1), (2, 4200, 1), (1, 1100, 3), (1, 200, 33)]


def values(shape, dtype, seed=0):
    """Numbers around 1, so that products stay in range."""
    rng, dtype = np.random.default_rng(seed), np.dtype(dtype)
    if dtype.kind == "c":
        return np.exp(0.1j * rng.normal(size=shape)).astype(dtype)
    if dtype.kind == "f":
        return (1 + 0.01 * rng.normal(size=shape)).astype(dtype)
    return rng.integers(0 if dtype.kind == "u" else -3, 4, shape).astype(dtype)


def compare(function, wanted, given, *args):
    """The CPU's result and a device's."""
    b = backend.current()
    wanted = wanted(*given, *args)
    found = function(*[b.from_host(x) for x in given], *args)
    assert b.is_array(found)
    found = b.to_host(found)
    assert (found.dtype, found.shape) == (wanted.dtype, wanted.shape)
    close = 5e-5 if found.dtype in (np.float32, np.complex64) else 1e-11
    np.testing.assert_allclose(found, wanted, close, close)


def scans_agree(name, x, *args):
    compare(getattr(gpu, name), getattr(cpu, name), [x], *args)


def recurrences_agree(a, b, *args):
    compare(gpu_recurrence.linear_recurrence, cpu_recurrence.linear_recurrence, [a, b], *args)


# ---- values
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", SCANS)
def test_any_axis_from_either_end(name, shape):
    for axis, way in itertools.product(range(len(shape)), WAYS):
        scans_agree(name, values(shape, np.float32), axis, *way)


@pytest.mark.parametrize("dtype", ["int8", "int32", "int64", "uint8", "uint64", "float64", "complex64",
                                   "complex128"])
@pytest.mark.parametrize("name", SCANS[:2])
def test_dtypes(name, dtype):
    for shape, axis in [((2, 70), 1), ((70, 3), 0)]:
        for way in WAYS:
            scans_agree(name, values(shape, dtype), axis, *way)


@pytest.mark.parametrize("name", SCANS)
@pytest.mark.parametrize("special", [np.nan, np.inf, -np.inf])
def test_not_finite(name, special):
    for place in [(0, 0), (0, 64), (0, 199)]:
        x = values((1, 200), np.float64)
        x[place] = special
        for way in WAYS:
            scans_agree(name, x, 1, *way)
            scans_agree(name, x.T, 0, *way)


@pytest.mark.parametrize("shape", CHUNKED)
@pytest.mark.parametrize("name", SCANS)
def test_chunks(name, shape):
    assert groups.scan_spread(*shape).chunks > 1
    for way in [(False, False), (True, True)]:
        scans_agree(name, values(shape, np.float64), 1, *way)


def test_logsumexp_of_large_numbers_and_of_none():
    scans_agree("cumulative_logsumexp", 1000 * np.random.default_rng(0).normal(size=(3, 90)), 1)
    scans_agree("cumulative_logsumexp", np.array([-np.inf, -np.inf, 800.0, 1.0]), 0, True)


def test_many_short_rows_and_columns():
    for shape, axis in [((1000, 3), 1), ((5, 300), 0), ((40, 9), 1)]:
        for way in WAYS:
            scans_agree("cumsum", values(shape, np.float64), axis, *way)


def test_strides():
    b, x = backend.current(), values((4, 6), np.float64)
    found = gpu.cumsum(b.from_host(x).transpose()[::2], 0)
    np.testing.assert_allclose(b.to_host(found), np.cumsum(x.T[::2], 0), 1e-12)


def test_what_has_no_scan():
    b = backend.current()
    with pytest.raises(TypeError, match="cumsum: expected numbers, got bool"):
        gpu.cumsum(b.from_host(np.ones(3, bool)), 0)
    with pytest.raises(TypeError, match="cumulative_logsumexp: expected a float type"):
        gpu.cumulative_logsumexp(b.from_host(np.ones(3, int)), 0)


@pytest.mark.parametrize("n", [1, 2, 31, 1000, 10**5, 10**9])
@pytest.mark.parametrize("inner", [1, 3, 32, 1000])
@pytest.mark.parametrize("m", [1, 7, 10**6])
def test_groups_cover_all(m, n, inner):
    blocks, chunks, (_, _, chunk, same, width_bits, group_bits, units) = groups.scan_spread(m, n, inner)
    assert same == chunks
    assert (chunks - 1) * chunk < n <= chunks * chunk
    assert units << width_bits >= m * chunks * inner
    assert blocks * jit.BLOCK >> group_bits >= units
    assert width_bits <= min(5, group_bits)
    assert 1 << group_bits <= jit.BLOCK


# ---- recurrences
@pytest.mark.parametrize("shape", SHAPES)
def test_recurrences_along_any_axis(shape):
    for axis, way in itertools.product(range(len(shape)), WAYS):
        recurrences_agree(0.9 * values(shape, np.float32), values(shape, np.float32, 1), axis, *way)


@pytest.mark.parametrize("dtype", ["float64", "complex64", "complex128"])
def test_recurrences_of_dtypes(dtype):
    for shape, axis in [((2, 70), 1), ((70, 3), 0), ((300,), 0)]:
        for way in WAYS:
            recurrences_agree((0.9 * values(shape, dtype)).astype(dtype), values(shape, dtype, 1), axis, *way)


@pytest.mark.parametrize("shape", CHUNKED)
def test_recurrences_in_chunks(shape):
    for way in WAYS[1:3]:
        recurrences_agree(0.99 * values(shape, np.float64), values(shape, np.float64, 1), 1, *way)


def test_factors_of_zero_start_anew():
    a, b = values((3, 300), np.float64), values((3, 300), np.float64, 1)
    a[:, ::7] = 0
    for axis, way in itertools.product(range(2), WAYS):
        recurrences_agree(a, b, axis, *way)


def test_large_factors_of_zero_do_not_overflow():
    a, b = np.full((2, 200), 10, np.float32), np.zeros((2, 200), np.float32)
    b[:, -3] = 1
    recurrences_agree(a, b, 1)


def test_nan_goes_on_and_not_back():
    a, b = values((2, 300), np.float64), values((2, 300), np.float64, 1)
    b[0, 100] = a[1, 200] = np.nan
    for way in WAYS:
        recurrences_agree(a, b, 1, *way)


# ---- code
@pytest.mark.ptx
def test_all_compile():
    compiler = backend.Compiler()
    with backend.using(compiler):
        for dtype in ("int32", "int64", "float32", "float64", "complex64", "complex128"):
            x = compiler.empty((10**5,), dtype)
            gpu.cumsum(x, 0)
            gpu.cumprod(x, 0)
            if x.dtype.kind == "f":
                gpu.cumulative_logsumexp(x, 0)
            if x.dtype.kind in "fc":
                gpu_recurrence.linear_recurrence(x, x, 0)
    assert all(code.resources.spilled == 0 for code in compiler.compiled.values())


@pytest.mark.parametrize("n", [2, 9000])
def test_sums_begin_with_the_zero_of_the_cpu(n):
    x = np.full(n, -0.0, np.float32)
    for exclusive in (False, True):
        found = gpu.cumsum(backend.current().from_host(x), 0, exclusive)
        np.testing.assert_array_equal(np.signbit(backend.current().to_host(found)),
                                      np.signbit(cpu.cumsum(x, 0, exclusive)))
