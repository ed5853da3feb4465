"""Reductions over warps, blocks and the columns of blocks."""
import numpy as np
import pytest
from numbaflow.kernels.cuda import backend, blocks
from numbaflow.kernels.cuda.jit import BLOCK, Kernel, cuda

REFERENCE = {"sum": np.sum, "prod": np.prod, "max": np.max, "min": np.min, "any": np.any, "all": np.all}


def results(reduce, x, *more):
    """What each thread of a block gets, of the elements of x."""
    def run(x, y):
        y[cuda.threadIdx.x] = reduce(x[cuda.threadIdx.x], *more)
    gpu = backend.current()
    y = gpu.empty(x.shape, x.dtype)
    Kernel(run)(1, x.size, gpu.from_host(x), y)
    return gpu.to_host(y)


def values(dtype, n=BLOCK):
    x = np.random.default_rng(n).uniform(0.5, 2, n)
    return (x + 1j * x[::-1]).astype(dtype) if dtype.startswith("complex") else x.astype(dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64", "int8", "uint8", "int64", "uint64", "complex64"])
@pytest.mark.parametrize("how", ["sum", "prod", "max", "min"])
def test_all_threads_get_what_numpy_gives(how, dtype):
    if dtype == "complex64" and how in ("max", "min"):
        return
    x = values(dtype)
    wanted = REFERENCE[how](x, dtype=dtype) if how in ("sum", "prod") else REFERENCE[how](x)
    found = results(blocks.BLOCK_REDUCE[how], x)
    np.testing.assert_allclose(found, np.full(BLOCK, wanted), rtol=1e-5)
    warps = results(blocks.WARP_REDUCE[how], x[:32])
    assert warps.dtype == dtype
    assert len(set(warps.tolist())) == 1


@pytest.mark.parametrize("how", ["any", "all"])
def test_bools(how):
    for x in (np.zeros(BLOCK, bool), np.ones(BLOCK, bool), np.arange(BLOCK) == 3):
        assert (results(blocks.BLOCK_REDUCE[how], x) == REFERENCE[how](x)).all()
        assert (results(blocks.WARP_REDUCE[how], x[:32]) == REFERENCE[how](x[:32])).all()


@pytest.mark.parametrize("how", ["max", "min"])
def test_nan_wins(how):
    x = values("float32")
    x[BLOCK - 5] = np.nan
    assert np.isnan(results(blocks.BLOCK_REDUCE[how], x)).all()


@pytest.mark.parametrize("n", [1, 8, 32])
@pytest.mark.parametrize("how", ["sum", "max"])
def test_columns(how, n):
    x = values("float64")
    wanted = REFERENCE[how](x.reshape(-1, n), axis=0)
    np.testing.assert_allclose(results(blocks.COLUMN_REDUCE[how], x, n)[:n], wanted)


def test_one_kernel_reduces_several_dtypes():
    def run(x, y, z):
        t = cuda.threadIdx.x
        y[t] = blocks.block_reduce_sum(x[t])
        z[t] = blocks.block_reduce_sum(np.int64(t + (1 << 40)))
    gpu = backend.current()
    y, z = gpu.empty((BLOCK,), "float32"), gpu.empty((BLOCK,), "int64")
    x = values("float32")
    Kernel(run)(1, BLOCK, gpu.from_host(x), y, z)
    np.testing.assert_allclose(gpu.to_host(y), np.full(BLOCK, x.sum()), rtol=1e-5)
    assert (gpu.to_host(z) == np.sum(np.arange(BLOCK) + (1 << 40))).all()
