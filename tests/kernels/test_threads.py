"""The threads that share large kernels."""
import os
import subprocess
import sys
import threading

import numpy as np
import pytest
from numbaflow.kernels import threads


def test_shares_cover_everything_once():
    for n in (0, 1, 2, 7, 1000):
        seen = np.zeros(n, int)

        def work(seen, lo, hi):
            seen[lo:hi] += 1
        threads.split(work, n, (seen,))
        assert (seen == 1).all()


def test_who_comes_second_runs_alone():
    inside, leave, shares = threading.Event(), threading.Event(), []

    def slow(lo, hi):
        inside.set()
        leave.wait(10)
    first = threading.Thread(target=threads.split, args=(slow, 2, ()))
    first.start()
    inside.wait(10)
    threads.split(lambda lo, hi: shares.append((lo, hi)), 10, ())
    leave.set()
    first.join()
    if threads.count() > 1:
        assert shares == [(0, 10)]


@pytest.mark.skipif(threads.count() < 2, reason="one core")
def test_an_error_in_any_share_is_raised_and_the_threads_live_on():
    def fail(lo, hi):
        if lo == 0:
            raise ZeroDivisionError("share")
    with pytest.raises(ZeroDivisionError, match="share"):
        threads.split(fail, 100, ())
    seen = np.zeros(10, int)
    threads.split(lambda lo, hi: seen.__setitem__(slice(lo, hi), 1), 10, ())
    assert seen.all()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_process_has_threads_of_its_own():
    code = ("import os, sys, numpy as np, numbaflow as nf\n"
            "x = nf.constant(np.ones(1 << 20, np.float32))\n"
            "total = float(nf.reduce_sum(x * x))\n"
            "child = os.fork()\n"
            "if child == 0:\n"
            "    os._exit(0 if float(nf.reduce_sum(x * x)) == total else 1)\n"
            "sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))\n")
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0
