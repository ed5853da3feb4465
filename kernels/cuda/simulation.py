"""numba-cuda's simulator made complete and quick: warp shuffles and votes, and threads that are greenlets.

The one idea: a CUDA thread runs until it meets a barrier or a shuffle, then another one goes on; no thread
of the system is made, so a block of 256 takes milliseconds.  Kernels run as they stand, on NumPy arrays.

Between barriers threads take turns in a random order, and so do blocks: what lacks a barrier gives wrong
results.  The order is always the same, another one for each NUMBAFLOW_SIMULATED_ORDER, a number.
"""
import contextvars
import functools
import os
import random
import sys

import numpy as np
from greenlet import getcurrent, greenlet
from numba import types
from numba.cuda.simulator import kernel as simulator
from numba.cuda.simulator.kernelapi import Dim3, FakeCUDAModule, FakeCUDAShared, swapped_cuda_module
from numba.np.numpy_support import as_dtype, from_dtype

from .. import jit
from .backend import GARBAGE

WARP = 32
ORDER = int(os.environ.get("NUMBAFLOW_SIMULATED_ORDER", "0"))
_IDLE, _BLOCK, _WARP = None, "block", "warp"        # what a thread waits for


class _Thread(greenlet):
    """A CUDA thread: where it stands, what it waits for, what it gives to its warp."""

    def __init__(self, run, index, number):
        super().__init__(run)
        self.index, self.number, self.waits, self.value = index, number, _IDLE, None
        self.gr_context = contextvars.copy_context()        # (NumPy's errstate)


class _Block:
    """The threads of a block, each run in turn until all are done."""

    def __init__(self, function, args, shape):
        indices = np.ndindex(*shape[::-1])          # x runs fastest
        self.threads = [_Thread(lambda: function(*args), Dim3(*at[::-1]), k) for k, at in enumerate(indices)]

    def run(self):
        """Run all to their end, in no order; RuntimeError where threads wait for those that never come."""
        ready, order = list(self.threads), random.Random(ORDER)
        while ready:
            order.shuffle(ready)
            for thread in ready:
                thread.switch()
            ready = self._released()
        stuck = [t for t in self.threads if not t.dead]
        if stuck:
            raise RuntimeError(f"{len(stuck)} of {len(self.threads)} threads of a block wait for others that "
                               f"are elsewhere, thread {stuck[0].number} in a {stuck[0].waits} barrier")

    def _released(self):
        """The threads whose warp, or else whose block, has arrived."""
        found = []
        for k in range(0, len(self.threads), WARP):
            warp = [t for t in self.threads[k:k + WARP] if not t.dead]
            if warp and all(t.waits is _WARP for t in warp):
                found += warp
        if not found:
            left = [t for t in self.threads if not t.dead]
            found = left if all(t.waits is _BLOCK for t in left) else []
        for t in found:
            t.waits = _IDLE
        return found


class _Shared(FakeCUDAShared):
    """Shared memory: a line that asks for arrays of several dtypes gets one of each."""

    def array(self, shape, dtype, alignment=None):
        if shape == 0:
            return super().array(shape, dtype, alignment)
        caller = sys._getframe(1)
        dtype = np.dtype(as_dtype(dtype) if isinstance(dtype, types.Type) else dtype)
        key = caller.f_code, caller.f_lineno, shape, dtype
        if key not in self._allocations:
            self._allocations[key] = made = np.empty(shape, dtype)
            made.view(np.uint8).fill(GARBAGE)           # (not what an earlier block has left)
        return self._allocations[key]


class _Module(FakeCUDAModule):
    """What kernels see as `cuda`."""

    def __init__(self, grid, block, shared):
        super().__init__(grid, block, shared)
        self._shared = _Shared(shared)
        self.block = self.block_index = None

    threadIdx = property(lambda self: getcurrent().index)
    blockIdx = property(lambda self: self.block_index)
    laneid = property(lambda self: getcurrent().number % WARP)

    def _wait(self, what):
        thread = getcurrent()
        thread.waits = what
        thread.parent.switch()

    def syncthreads(self):
        self._wait(_BLOCK)

    def syncwarp(self, mask=0xffffffff):
        self._wait(_WARP)

    def _gathered(self, value, what):
        """The values of all threads of a block or a warp that live."""
        thread, threads = getcurrent(), self.block.threads
        thread.value = value
        self._wait(what)
        first = thread.number // WARP * WARP
        found = [t.value for t in (threads[first:first + WARP] if what is _WARP else threads)]
        self._wait(what)                # nobody gives another before all have read
        return found

    def syncthreads_count(self, value):
        return sum(map(bool, self._gathered(value, _BLOCK)))

    def syncthreads_and(self, value):
        return int(all(self._gathered(value, _BLOCK)))

    def syncthreads_or(self, value):
        return int(any(self._gathered(value, _BLOCK)))

    # ---- within a warp
    def _from_lane(self, value, lane):
        values = self._gathered(value, _WARP)
        return values[lane] if 0 <= lane < len(values) else value

    def shfl_sync(self, mask, value, lane):
        return self._from_lane(value, lane)

    def shfl_down_sync(self, mask, value, delta):
        return self._from_lane(value, self.laneid + delta)

    def shfl_up_sync(self, mask, value, delta):
        return self._from_lane(value, self.laneid - delta)

    def shfl_xor_sync(self, mask, value, lanes):
        return self._from_lane(value, self.laneid ^ lanes)

    def all_sync(self, mask, value):
        return all(self._gathered(value, _WARP))

    def any_sync(self, mask, value):
        return any(self._gathered(value, _WARP))

    def ballot_sync(self, mask, value):
        return sum(bool(v) << k for k, v in enumerate(self._gathered(value, _WARP)))

    def popc(self, value):
        return int(value).bit_count()

    def fma(self, a, b, c):
        return type(a * b + c)(float(a) * float(b) + float(c))


def run(function, grid, block, args, shared=0):
    """Run a kernel, a plain function or numba's wrapper of one, for grid and block of three extents each."""
    function = getattr(function, "py_func", function)
    module = _Module(grid, block, shared)
    with simulator._push_kernel_context(module), swapped_cuda_module(function, module), \
            np.errstate(all="ignore"):
        blocks = list(np.ndindex(*grid[::-1]))
        random.Random(ORDER).shuffle(blocks)
        for at in blocks:
            module.block_index = Dim3(*at[::-1])
            module.shared._allocations.clear()
            module.block = _Block(function, args, block)
            module.block.run()


# ---- scalar bodies
def plain(body):
    """A scalar body for plain Python, with the variants that it needs there."""
    if not getattr(body, "variants", None):
        return body

    def run(*arguments):
        return _chosen(body, tuple([np.asarray(x).dtype for x in arguments]))(*arguments)
    return run


@functools.cache
def _chosen(body, dtypes):
    kind = jit._kind([from_dtype(d) for d in dtypes])
    if "float64" in body.variants and kind.startswith("float"):
        return body                     # as it stands it serves any float, mostly by NumPy's own function
    return body.variants.get(kind, body)
