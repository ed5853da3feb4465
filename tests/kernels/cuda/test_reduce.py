"""Reductions on a device: the CPU's values for odd shapes, any axes and every kind of dtype."""
import itertools

import numpy as np
import pytest
from numbaflow.kernels import reduce as cpu
from numbaflow.kernels.cuda import backend, groups, jit, reduce as gpu

SUMS = ["reduce_sum", "reduce_mean", "reduce_prod"]
ORDERS = ["reduce_max", "reduce_min"]
TRUTHS = ["reduce_any", "reduce_all"]
SHAPES = [(1,), (0, 3), (3, 0), (257,), (3, 400), (400, 3), (33, 40), (2, 3, 4), (2, 1, 3, 2)]


def values(shape, dtype, seed=0):
    """Numbers around 1, so that products stay in range."""
    rng, dtype = np.random.default_rng(seed), np.dtype(dtype)
    if dtype.kind == "c":
        return np.exp(0.1j * rng.normal(size=shape)).astype(dtype)
    if dtype.kind == "f":
        return (1 + 0.1 * rng.normal(size=shape)).astype(dtype)
    return rng.integers(0 if dtype.kind in "bu" else -3, 2 if dtype.kind == "b" else 4, shape).astype(dtype)


def every_axes(rank):
    return [axes for k in range(rank + 1) for axes in itertools.combinations(range(rank), k)]


def compare(name, x, *args, view=lambda x: x):
    """The CPU's result and a device's, from views of arrays if asked for."""
    b = backend.current()
    with np.errstate(all="ignore"):
        wanted = np.asarray(getattr(cpu, name)(view(x), *args))
    found = getattr(gpu, name)(view(b.from_host(x)), *args)
    assert b.is_array(found)
    found = b.to_host(found)
    assert (found.dtype, found.shape) == (wanted.dtype, wanted.shape)
    close = 2e-5 if found.dtype in (np.float32, np.complex64) else 1e-12
    np.testing.assert_allclose(found, wanted, close, close)


# ---- values
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", [*SUMS, *ORDERS, "reduce_logsumexp"])
def test_any_axes(name, shape):
    for keepdims, axes in enumerate(every_axes(len(shape))):
        compare(name, values(shape, np.float32), axes, bool(keepdims % 2))


@pytest.mark.parametrize("dtype", ["int8", "int32", "int64", "uint8", "uint64", "float64", "complex64",
                                   "complex128"])
@pytest.mark.parametrize("name", [*SUMS, *ORDERS])
def test_dtypes(name, dtype):
    if np.dtype(dtype).kind == "c" and name in ORDERS:
        with pytest.raises(TypeError, match=f"{name}: complex numbers have no order"):
            getattr(gpu, name)(backend.current().from_host(values((2,), dtype)), (0,))
        return
    for shape, axes in [((3, 70), (1,)), ((70, 3), (0,)), ((300,), (0,)), ((0,), (0,)), ((3,), (0,))]:
        compare(name, values(shape, dtype), axes)


@pytest.mark.parametrize("name", [*TRUTHS, *ORDERS, "reduce_sum", "reduce_prod"])
def test_bools(name):
    for shape, axes in [((3, 70), (1,)), ((70, 3), (0,)), ((3, 0), (1,)), ((2, 3, 2), (0, 2))]:
        compare(name, values(shape, bool), axes)
        compare(name, np.ones(shape, bool), axes)
        compare(name, np.zeros(shape, bool), axes, True)


@pytest.mark.parametrize("name", TRUTHS)
def test_numbers_are_true_or_not(name):
    compare(name, np.array([[0.0, 2.0, np.nan], [0.0, 0.0, 0.0], [1.0, -1.0, 0.5]]), (1,))


def test_bools_have_no_mean_and_integers_no_logsumexp():
    b = backend.current()
    with pytest.raises(TypeError, match="reduce_mean: expected numbers"):
        gpu.reduce_mean(b.from_host(np.ones(2, bool)), (0,))
    with pytest.raises(TypeError, match="reduce_logsumexp: expected a float type"):
        gpu.reduce_logsumexp(b.from_host(np.ones(2, int)), (0,))


def test_means_of_integers_round_toward_zero():
    compare("reduce_mean", np.array([[-3, -2], [3, 2], [-4, 0], [-1, 0]], np.int32), (1,))


@pytest.mark.parametrize("name", [*SUMS, *ORDERS, "reduce_logsumexp"])
@pytest.mark.parametrize("special", [np.nan, np.inf, -np.inf])
def test_not_finite(name, special):
    for place in [(0, 0), (1, 64), (2, 299)]:
        x = values((3, 300), np.float64)
        x[place] = special
        compare(name, x, (1,))
        compare(name, x, (0,))
        compare(name, np.full_like(x, special), (0, 1))


def test_logsumexp_of_large_numbers():
    compare("reduce_logsumexp", 1000 * np.random.default_rng(0).normal(size=(3, 90)), (1,))


def test_the_sum_of_negative_zeros_is_one():
    b = backend.current()
    found = b.to_host(gpu.reduce_sum(b.from_host(np.full((2, 5), -0.0)), (1,)))
    assert np.signbit(found).all()


@pytest.mark.parametrize("view", [np.transpose, lambda x: x[::2], lambda x: x[:, ::-1],
                                  lambda x: x.transpose(2, 0, 1)])
def test_any_strides(view):
    for axes in every_axes(3):
        compare("reduce_sum", values((4, 3, 5), np.float32), axes, view=view)


# ---- more than one launch
@pytest.mark.parametrize(("m", "n", "inner"), [(1, 20000, 1), (2, 3000, 1), (1, 1500, 3), (1, 300, 33)])
def test_chunks(m, n, inner):
    assert groups.spread(m, n, inner).chunks > 1
    x = values((m, n, inner), np.float64)
    for name in (*SUMS, *ORDERS, "reduce_logsumexp"):
        compare(name, x, (1,))
    compare("argmax", x, 1)
    compare("argmin", x // 0.1, 1)


@pytest.mark.parametrize("n", [1, 2, 31, 1000, 10**5, 10**9])
@pytest.mark.parametrize("inner", [1, 3, 32, 1000])
@pytest.mark.parametrize("m", [1, 7, 10**6])
def test_groups_cover_all(m, n, inner):
    blocks, chunks, (_, _, chunk, same, width_bits, group_bits, units) = groups.spread(m, n, inner)
    assert same == chunks
    assert (chunks - 1) * chunk < n <= chunks * chunk
    assert units << width_bits >= m * chunks * inner
    assert blocks * jit.BLOCK >> group_bits >= units
    assert width_bits <= min(5, group_bits)
    assert 1 << group_bits <= jit.BLOCK


# ---- where extremes stand
@pytest.mark.parametrize("shape", [s for s in SHAPES if 0 not in s])
@pytest.mark.parametrize("name", ["argmax", "argmin"])
def test_positions(name, shape):
    for axis in range(len(shape)):
        compare(name, values(shape, np.float32), axis)
        compare(name, values(shape, np.int32), axis)        # (most tie)
        compare(name, values(shape, bool), axis, np.dtype(np.int32))


@pytest.mark.parametrize("name", ["argmax", "argmin"])
def test_the_first_nan_wins(name):
    x = values((3, 200), np.float64)
    x[0, [70, 3]] = x[1, 199] = x[2, :] = np.nan
    compare(name, x, 1)
    compare(name, x, 0)


@pytest.mark.parametrize("name", ["argmax", "argmin"])
def test_positions_along_and_beside_nothing(name):
    b = backend.current()
    with pytest.raises(ValueError, match=f"{name}: axis 1 of shape \\(3, 0\\) is empty"):
        getattr(gpu, name)(b.from_host(np.ones((3, 0))), 1)
    compare(name, np.ones((3, 0)), 0)


# ---- from several arrays, to another shape
@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "complex64"])
def test_sum_of_squares(dtype):
    b = backend.current()
    for shapes in [[(3, 4), (5,), ()], [(0, 2)], [(300, 20), (0,), (7,)]]:
        given = [values(shape, dtype, k) for k, shape in enumerate(shapes)]
        wanted = np.asarray(cpu.sum_of_squares(given))
        found = b.to_host(gpu.sum_of_squares([b.from_host(x) for x in given]))
        assert (found.dtype, found.shape) == (wanted.dtype, ())
        np.testing.assert_allclose(found, wanted, 1e-5)


def test_sum_to():
    b, x = backend.current(), values((2, 3, 4), np.float32)
    for shape in [(2, 3, 4), (3, 4), (1, 4), (2, 1, 1), (), (1, 1, 1)]:
        found = b.to_host(gpu.sum_to(b.from_host(x), shape))
        np.testing.assert_allclose(found, cpu.sum_to(x, shape), 1e-5)
    with pytest.raises(ValueError, match=r"sum_to: shape \(2,\) does not broadcast"):
        gpu.sum_to(b.from_host(x), (2,))


# ---- code
@pytest.mark.ptx
def test_all_compile():
    compiler = backend.Compiler()
    with backend.using(compiler):
        for dtype in ("uint8", "int32", "int64", "float32", "float64", "complex64", "complex128"):
            x = compiler.empty((10**5,), dtype)
            for name in SUMS:
                getattr(gpu, name)(x, (0,))
            gpu.sum_of_squares([x])
            if x.dtype.kind != "c":
                for name in (*ORDERS, *TRUTHS):
                    getattr(gpu, name)(x, (0,))
                gpu.argmax(x, 0)
                gpu.argmin(x, 0, np.dtype(np.int32))
            if x.dtype.kind == "f":
                gpu.reduce_logsumexp(x, (0,))
    assert all(code.resources.spilled == code.resources.local == 0 for code in compiler.compiled.values())
