"""Native threads that share the large instructions of a program without the GIL.

The one idea: shares are not given out but taken, each by one compare-and-exchange, so the thread that leads
never waits for a worker that has not begun: what nobody has taken it runs itself.  Workers watch for work for
some microseconds after their last share and then sleep in the C library; they never come back to Python, so
they need no GIL and hold up nothing at exit.
"""
import _thread
import ctypes
import functools
import os
import threading
import time

from numba import types
from numba.core.typing import signature

from . import atomics, threads
from .jit import INLINE, kernel
from .machine import function_of
from .native import LINE_BYTES, at, call, keep, symbol, zeroed

SPIN_SECONDS = 40e-6            # how long a thread watches before it sleeps; waking it takes about as long

# The team's memory, in cells; what different threads write lies in lines of its own.
_LINE = LINE_BYTES // 8
_JOB = 0                        # number of the job << 16 | a bit for each share that nobody has taken
_KERNEL, _ARGS, _EXTENT, _SHARES = range(_LINE, _LINE + 4)
_FINISHED = 2 * _LINE           # shares of the job that workers have done
_SLEEPERS, _WOKEN, _LEADER_SLEEPS = range(3 * _LINE, 3 * _LINE + 3)
_LED, _WORKERS, _SPINS, _LOCK, _UNLOCK, _WAIT, _SIGNAL, RUN = range(4 * _LINE, 4 * _LINE + 8)
_MUTEX, _WORK_CAME, _WORK_DONE = 5 * _LINE, 6 * _LINE, 7 * _LINE
_CELLS = 8 * _LINE
_FREE_BITS = (1 << threads.MOST) - 1
assert threads.MOST <= 16


# ---- shares: compiled into what leads and into the workers
@kernel(options=INLINE)
def _take(team, mine):
    """Take a share of the job, `mine` or the next that is free: its number, or -1."""
    while True:
        job = atomics.load(team + 8 * _JOB)
        if job & _FREE_BITS == 0:
            return -1
        share = mine
        while job >> share & 1 == 0:
            share = (share + 1) % threads.MOST
        if atomics.exchange_if(team + 8 * _JOB, job, job & ~(1 << share)):
            return share


@kernel(options=INLINE)
def _do(team, share):
    """Run one share; its job can't end before, so the cells that describe it hold still."""
    cells = at(team)
    n, shares = cells[_EXTENT], cells[_SHARES]
    call(cells[_KERNEL], cells[_ARGS], n * share // shares, n * (share + 1) // shares)


@kernel(options=INLINE)
def acquire(team):
    """Become the one who leads; False while another thread does."""
    return atomics.exchange_if(team + 8 * _LED, 0, 1)


@kernel(options=INLINE)
def release(team):
    """Lead no longer."""
    atomics.store(team + 8 * _LED, 0)


def _run(team, function, args, n, most):
    """function(args, lo, hi) for at most `most` shares of 0 <= i < n; by the thread that leads."""
    cells = at(team)
    shares = min(most, cells[_WORKERS] + 1, n)
    if shares < 2:
        call(function, args, 0, n)
        return
    cells[_KERNEL], cells[_ARGS], cells[_EXTENT], cells[_SHARES] = function, args, n, shares
    atomics.store(team + 8 * _FINISHED, 0)
    number = (cells[_JOB] >> 16) + 1
    atomics.store(team + 8 * _JOB, number << 16 | ((1 << shares) - 2))
    if atomics.load(team + 8 * _SLEEPERS) > 0:
        _wake(team, shares - 1)
    share, others = 0, shares
    while share >= 0:
        _do(team, share)
        others -= 1
        share = _take(team, 0)
    _wait(team, others)


@kernel(options=INLINE)
def _wake(team, wanted):
    """Wake so many of the sleepers; who is woken counts as a sleeper no more, also before it runs."""
    cells = at(team)
    call(cells[_LOCK], team + 8 * _MUTEX)
    count = min(wanted, cells[_SLEEPERS])
    cells[_WOKEN] += count
    atomics.store(team + 8 * _SLEEPERS, cells[_SLEEPERS] - count)
    for _ in range(count):
        call(cells[_SIGNAL], team + 8 * _WORK_CAME)
    call(cells[_UNLOCK], team + 8 * _MUTEX)


@kernel(options=INLINE)
def _wait(team, others):
    """Until the workers have done the `others` shares that they took."""
    cells = at(team)
    for _ in range(cells[_SPINS]):
        if atomics.load(team + 8 * _FINISHED) == others:
            return
        atomics.pause()
    call(cells[_LOCK], team + 8 * _MUTEX)
    atomics.store(team + 8 * _LEADER_SLEEPS, 1)
    while atomics.load(team + 8 * _FINISHED) != others:
        call(cells[_WAIT], team + 8 * _WORK_DONE, team + 8 * _MUTEX)
    atomics.store(team + 8 * _LEADER_SLEEPS, 0)
    call(cells[_UNLOCK], team + 8 * _MUTEX)


# ---- workers
@kernel(options=INLINE)
def _finish(team):
    atomics.add(team + 8 * _FINISHED, 1)
    if atomics.load(team + 8 * _LEADER_SLEEPS):
        cells = at(team)
        call(cells[_LOCK], team + 8 * _MUTEX)
        call(cells[_SIGNAL], team + 8 * _WORK_DONE)
        call(cells[_UNLOCK], team + 8 * _MUTEX)


@kernel(options=INLINE)
def _sleep(team):
    """Until there is work or someone has woken this thread.

    A leader stores the job and then reads the sleepers, a worker counts itself and then reads the job: one of
    them sees the other.
    """
    cells = at(team)
    call(cells[_LOCK], team + 8 * _MUTEX)
    atomics.store(team + 8 * _SLEEPERS, cells[_SLEEPERS] + 1)
    while atomics.load(team + 8 * _WOKEN) == 0 and atomics.load(team + 8 * _JOB) & _FREE_BITS == 0:
        call(cells[_WAIT], team + 8 * _WORK_CAME, team + 8 * _MUTEX)
    if cells[_WOKEN] > 0:
        cells[_WOKEN] -= 1
    else:
        atomics.store(team + 8 * _SLEEPERS, cells[_SLEEPERS] - 1)
    call(cells[_UNLOCK], team + 8 * _MUTEX)


def _work(team, mine):
    """A worker's life."""
    spins = 0
    while True:
        share = _take(team, mine)
        if share >= 0:
            _do(team, share)
            _finish(team)
            spins = 0
        elif spins < at(team)[_SPINS]:
            atomics.pause()
            spins += 1
        else:
            _sleep(team)
            spins = 0


def _spin(n, _):
    for _ in range(n):
        atomics.pause()


# ---- the team of this process
_NATIVE = signature(types.void, types.int64, types.int64)
_RUN = signature(types.void, *[types.int64] * 5)
_FUNCTIONS = {_LOCK: "pthread_mutex_lock", _UNLOCK: "pthread_mutex_unlock", _WAIT: "pthread_cond_wait",
              _SIGNAL: "pthread_cond_signal"}
_starting = threading.Lock()
_team = None                    # its address once it was started; 0: programs run on one thread


@functools.cache
def _native(function):
    """A Python call of compiled code that lets go of the GIL."""
    compiled = keep(function_of(function, _NATIVE))
    return ctypes.CFUNCTYPE(None, ctypes.c_int64, ctypes.c_int64)(compiled.address)


def start():
    """The address of this process's team, made at the first call; 0 where programs run on one thread."""
    global _team
    if _team is None:
        with _starting:
            if _team is None:
                _team = _make(threads.count() - 1)
    return _team


def _make(workers):
    functions = {cell: symbol(name) for cell, name in _FUNCTIONS.items()}
    if workers < 1 or not all(functions.values()):
        return 0
    team = zeroed(_CELLS)
    cells = (ctypes.c_int64 * _CELLS).from_address(team)
    for cell, address in functions.items():
        cells[cell] = address
    cells[RUN] = keep(function_of(_run, _RUN)).address      # not made before a program has rows to share
    library = ctypes.CDLL(None)
    library.pthread_mutex_init(ctypes.c_void_p(team + 8 * _MUTEX), None)
    for condition in (_WORK_CAME, _WORK_DONE):
        library.pthread_cond_init(ctypes.c_void_p(team + 8 * condition), None)
    cells[_SPINS] = _spins()
    started = 0
    for k in range(1, workers + 1):
        try:
            _thread.start_new_thread(_native(_work), (team, k))
        except RuntimeError:                    # the system gives no more threads
            break
        started += 1
    cells[_WORKERS] = started
    return team if started else 0


def _spins(count=4096):
    """How many pauses make SPIN_SECONDS: one takes 1 to 140 cycles."""
    spin, taken = _native(_spin), []
    for _ in range(3):
        begun = time.perf_counter()
        spin(count, 0)
        taken.append(time.perf_counter() - begun)
    return max(1, int(SPIN_SECONDS / min(taken) * count))


def _forget():
    """In a forked process, which has none of the threads."""
    global _starting, _team
    _starting, _team = threading.Lock(), None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
