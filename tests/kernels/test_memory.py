"""The pool of large buffers: reused when free, never shared while in use."""
import gc

import numpy as np
from numbaflow.kernels import memory

FLOAT32 = np.dtype(np.float32)
SHAPE = (memory.LARGE // 2,)            # twice the least size that comes from the pool


def address(array):
    return array.__array_interface__["data"][0]


def test_a_buffer_in_use_is_not_given_again():
    first = memory.empty(SHAPE, FLOAT32)
    view = first[3:5]
    where = address(first)
    del first                           # the view still needs it
    others = [memory.empty(SHAPE, FLOAT32) for _ in range(4)]
    assert where not in [address(a) for a in others]
    assert len({address(a) for a in others}) == 4
    view[:] = 1.0


def test_a_free_buffer_is_given_again():
    memory.release()
    first = memory.empty(SHAPE, FLOAT32)
    where = address(first)
    del first
    assert address(memory.empty((SHAPE[0] - 8,), FLOAT32)) == where      # about as large will do


def test_release_gives_free_buffers_back():
    gc.collect()                            # what other tests left in cycles
    held = memory.empty(SHAPE, FLOAT32)
    spare = memory.empty(SHAPE, FLOAT32)
    del spare
    memory.release()
    assert memory._held == sum(b.size for shelf in memory._buffers.values() for b in shelf) >= held.nbytes
    del held
    memory.release()
    assert memory._held == 0


def test_the_pool_keeps_no_more_than_its_bound(monkeypatch):
    gc.collect()
    memory.release()
    monkeypatch.setattr(memory, "KEPT", 4 * memory.LARGE)
    arrays = [memory.empty(SHAPE, FLOAT32) for _ in range(10)]
    assert memory._held <= memory.KEPT
    del arrays
    memory.release()


def test_shapes_and_dtypes_are_as_asked():
    for shape in ((), (0, 3), (3, 0), (5,), (2, memory.LARGE)):
        for dtype in (FLOAT32, np.dtype(np.complex128), np.dtype(bool)):
            made = memory.empty(shape, dtype)
            assert made.shape == shape
            assert made.dtype == dtype
            assert made.flags.c_contiguous
            assert made.flags.writeable
