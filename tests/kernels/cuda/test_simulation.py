"""The simulator that runs the other tests: it sees what a kernel lacks."""
import numpy as np
import pytest
from numbaflow.kernels.cuda import arrays, backend
from numbaflow.kernels.cuda.jit import BLOCK, cuda, kernel

FULL = 0xffffffff


@kernel
def _turned(x, out, waits):
    """out = x in reverse order, by way of shared memory"""
    kept, i = cuda.shared.array(BLOCK, np.int64), cuda.threadIdx.x
    kept[i] = x[i]
    if waits:
        cuda.syncthreads()
    out[i] = kept[BLOCK - 1 - i]


def turned(waits):
    x = np.arange(BLOCK)
    out = arrays.zeros(BLOCK, np.int64)
    _turned(1, BLOCK, backend.current().from_host(x), out, waits)
    return np.array_equal(backend.current().to_host(out), x[::-1])


def test_a_barrier_that_is_missing_shows():
    assert turned(waits=True)
    assert not turned(waits=False)


@kernel
def _half_waits(x):
    if cuda.threadIdx.x < WARP_HALF:
        cuda.syncthreads()
    else:
        cuda.syncwarp()


WARP_HALF = 16


def test_threads_that_wait_at_different_places_are_named():
    with pytest.raises(RuntimeError, match="32 of 32 threads of a block wait for others that are elsewhere"):
        _half_waits(1, 32, arrays.zeros(1, np.float32))


@kernel
def _within_warps(x, out):
    i = cuda.threadIdx.x
    out[0, i] = cuda.shfl_down_sync(FULL, x[i], 3)
    out[1, i] = cuda.shfl_up_sync(FULL, x[i], 3)
    out[2, i] = cuda.shfl_xor_sync(FULL, x[i], 5)
    out[3, i] = cuda.shfl_sync(FULL, x[i], 7)
    out[4, i] = cuda.ballot_sync(FULL, x[i] % 2 == 1)
    out[5, i] = cuda.syncthreads_count(x[i] > 40)


def test_shuffles_and_votes():
    x, lane = np.arange(64), np.arange(64) % 32
    out = arrays.zeros((6, 64), np.int64)
    _within_warps(1, 64, backend.current().from_host(x), out)
    found = backend.current().to_host(out)
    np.testing.assert_array_equal(found[0], np.where(lane < 29, x + 3, x))
    np.testing.assert_array_equal(found[1], np.where(lane >= 3, x - 3, x))
    np.testing.assert_array_equal(found[2], x - lane + (lane ^ 5))
    np.testing.assert_array_equal(found[3], x - lane + 7)
    np.testing.assert_array_equal(found[4], np.full(64, 0xaaaaaaaa))
    np.testing.assert_array_equal(found[5], np.full(64, 23))


@kernel
def _past_the_end(x):
    x[cuda.grid(1) + 1] = 0


def test_an_index_past_the_end_raises():
    with pytest.raises(IndexError):
        _past_the_end(1, 32, arrays.zeros(32, np.float32))
