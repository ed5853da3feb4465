"""The native threads that share large instructions."""
import functools
import os
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from numbaflow.kernels import atomics, team
from numbaflow.kernels.jit import loop
from numbaflow.kernels.native import at
from numbaflow.kernels.program import ERROR, KERNEL, State


def _count(args, lo, hi):
    """done[i] += 1; largest share"""
    done = at(args[0])
    for i in range(lo, hi):
        done[i] += 1
    share = at(args[1])
    if hi - lo > share[0]:
        share[0] = hi - lo


def _fail(args, lo, hi):
    at(args[0])[0] = 3


def _meet(args, lo, hi):
    """Say that it has begun, then wait, not for ever, until it is let go."""
    atomics.add(args[0], 1)
    for _ in range(1 << 31):
        if atomics.load(args[0] + 8):
            return


def _together(args, lo, hi):
    """Two shares of 0 <= i < 2: the first waits, not for ever, until the second begins, which takes long."""
    if hi == 1:
        for _ in range(1 << 31):
            if atomics.load(args[0]):
                at(args[0])[2] = 1
                return
    elif lo == 1:
        atomics.store(args[0], 1)
        for _ in range(args[1]):
            atomics.pause()
        atomics.store(args[0] + 8, 1)


@functools.cache
def address(function):
    return loop(function, KERNEL).address


def counting(n, shares, times=1):
    """A program that counts each index once a row, the counts, and the largest share."""
    done, share = np.zeros(max(n, 1), np.int64), np.zeros(1, np.int64)
    state = State([(address(_count), 0, n, shares)] * times, [0, 0], [[(0, 0)], [(1, 0)]])
    return state, done, share


def together(length=1):
    """Whether two threads ran one row; the leader has waited for the other."""
    flags = np.zeros(3, np.int64)
    State([(address(_together), 0, 2, 2)], [0, length], [[(0, 0)]]).run(flags)
    return flags.tolist() == [1, 1, 1]


@pytest.mark.parametrize("n", [0, 1, 2, 3, 17, 1000])
@pytest.mark.parametrize("shares", [1, 2, 5, 1000])
def test_each_index_is_done_once_a_row(n, shares):
    state, done, share = counting(n, shares, times=50)
    for _ in range(20):
        state.run(done, share)
    assert (done[:n] == 1000).all()
    assert share[0] <= n


def test_large_rows_are_split():
    state, done, share = counting(1000, 2)
    state.run(done, share)
    assert share[0] == (500 if team.start() else 1000)


def test_workers_that_sleep_are_woken():
    state, done, share = counting(100, 16)
    for _ in range(20):
        time.sleep(0.002)
        state.run(done, share)
    assert (done == 20).all()


def test_the_leader_waits_for_a_share_that_takes_long():
    for length in (1, 1000, 100_000) * 3:           # while it watches and while it sleeps
        assert together(length) == bool(team.start())


def test_an_error_in_any_share_stops_the_program():
    error, done = np.zeros(ERROR, np.int64), np.zeros(10, np.int64)
    rows = [(address(_count), 0, 10, 2), (address(_fail), 2, 10, 2), (address(_count), 0, 10, 2)]
    state = State(rows, [0, 0, error.ctypes.data], [[(0, 0)], [(1, 0)]], error=error)
    for k in range(3):
        assert state.run(done, np.zeros(1, np.int64)) == 1
        assert (done == k + 1).all()
    assert together() == bool(team.start())         # the team is free again


def test_who_comes_second_runs_alone():
    flags = np.zeros(2, np.int64)
    first = State([(address(_meet), 0, 2, 2)], [0], [[(0, 0)]])
    thread = threading.Thread(target=first.run, args=(flags,))
    thread.start()
    while not flags[0]:
        time.sleep(0.001)
    state, done, share = counting(10, 2)
    state.run(done, share)
    flags[1] = 1
    thread.join()
    assert (done == 1).all()
    assert share[0] == 10


def test_programs_in_several_threads():
    programs = [counting(64, 4, times=200) for _ in range(4)]

    def work(state, done, share):
        for _ in range(50):
            state.run(done, share)
    running = [threading.Thread(target=work, args=p) for p in programs]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    assert all((done == 10000).all() for _, done, _ in programs)


# ---- processes of their own
_PROGRAM = f"""
import sys
sys.path.insert(0, {os.path.dirname(__file__)!r})
import os, time, numpy as np
from numbaflow.kernels import team
from test_team import counting, together
state, done, share = counting(64, 16, times=200)
def run(times):
    done[:] = 0
    for _ in range(times):
        state.run(done, share)
    return bool((done == 200 * times).all())
"""


def python(code, workers=None):
    environment = os.environ | ({"NUMBA_NUM_THREADS": str(workers)} if workers else {})
    return subprocess.run([sys.executable, "-c", _PROGRAM + code], timeout=120, env=environment).returncode


def test_more_threads_than_cores():
    assert python("sys.exit(0 if run(500) and together() else 1)", workers=8) == 0


def test_one_thread():
    assert python("sys.exit(0 if run(5) and team.start() == 0 and share[0] == 64 else 1)", workers=1) == 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_process_has_a_team_of_its_own():
    code = ("assert run(3) and together()\n"
            "child = os.fork()\n"
            "if child == 0:\n"
            "    os._exit(0 if run(3) and together() else 1)\n"
            "assert run(3) and together()\n"
            "sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))\n")
    assert python(code, workers=2) == 0


def test_workers_hold_up_no_exit():
    for pause in (0, 0.001):                        # while they watch and while they sleep
        assert python(f"ok = run(1)\ntime.sleep({pause})\nsys.exit(0 if ok else 1)", workers=4) == 0
