"""A few threads that run shares of one large kernel; kernels hold no GIL.  Imports nothing of numbaflow.

Why not prange: OpenMP's workers spin for about a millisecond after each loop, and on a machine whose other
cores run BLAS the two fight for them (a training step with matrix products took 10 times as long), and each
parallel kernel takes half a second to compile.  These workers sleep on a lock.  On a virtual machine waking
one and being woken by it costs about 100 us in all, so that a kernel pays from a million elements on.
"""
import _thread
import os
import threading

from numba.core import config

MOST = 16                       # the workers take the GIL in turn to start: more would wait for each other


class _Worker:
    """A sleeping thread with one place for a call."""

    __slots__ = ("_arguments", "_done", "_function", "_go", "error")

    def __init__(self):
        self._go, self._done, self.error = _thread.allocate_lock(), _thread.allocate_lock(), None
        self._go.acquire()
        self._done.acquire()
        _thread.start_new_thread(self._loop, ())

    def start(self, function, arguments):
        self._function, self._arguments = function, arguments
        self._go.release()

    def wait(self):
        self._done.acquire()
        self._function = self._arguments = None
        error, self.error = self.error, None
        return error

    def _loop(self):
        while True:
            self._go.acquire()
            try:
                self._function(*self._arguments)
            except BaseException as error:
                self.error = error
            self._done.release()


_busy = threading.Lock()
_workers: list = []
_owner = None                   # the process whose threads they are


def count():
    """How many threads a large kernel runs on: Numba's number, at most 16."""
    return min(config.NUMBA_NUM_THREADS, MOST)


def split(function, n, arguments):
    """function(*arguments, lo, hi) for shares of 0 <= i < n, this thread's among them.

    While another thread is doing this, the call runs as one share.
    """
    shares = min(count(), n)
    if shares < 2 or not _busy.acquire(blocking=False):
        function(*arguments, 0, n)
        return
    try:
        _run(function, n, arguments, _ready(shares - 1))
    finally:
        _busy.release()


def _ready(wanted):
    global _owner
    if _owner != os.getpid():                   # after a fork the threads are gone
        _workers.clear()
        _owner = os.getpid()
    while len(_workers) < wanted:
        _workers.append(_Worker())
    return _workers[:wanted]


def _run(function, n, arguments, workers):
    shares = len(workers) + 1
    for k, worker in enumerate(workers):
        worker.start(function, (*arguments, k * n // shares, (k + 1) * n // shares))
    errors = []
    try:
        function(*arguments, (shares - 1) * n // shares, n)
    finally:
        errors = [e for e in [w.wait() for w in workers] if e is not None]
    if errors:
        raise errors[0]
