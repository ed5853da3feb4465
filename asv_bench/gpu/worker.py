"""A library in a process of its own: makes workloads and times them as it is asked.

Each line that comes in is one command in JSON; so is each answer.  `run.py` starts one worker a library and
lets them take turns, so that a GPU whose clock drifts slows all alike.
"""
import contextlib
import importlib
import json
import os
import sys
import time

import numpy as np
import rows


class Worker:
    """The commands: describe, make, time and drop."""

    def __init__(self, library, device, tf32, sizes, seconds):
        self.library = importlib.import_module({"numbaflow": "workloads", "torch": "torch_peers"}[library])
        self.device, self.tf32, self.sizes, self.seconds = device, tf32, sizes, seconds
        self.calls: dict = {}           # column -> (call, how many of them a round)

    def describe(self):
        return self.library.describe(self.device, self.tf32)

    def make(self, row, column):
        """Make a workload, warm it, and find how many calls fill a round; gives what the first call took."""
        start = time.perf_counter()
        call = self.library.make(row, column, self.sizes, self.device)
        value = call()
        self._synchronize()
        first = time.perf_counter() - start
        norm = _norm(self.library.as_numpy(value)) if rows.ROWS[row].compared else None
        del value
        self.calls[column] = call, self._count(call) if self.seconds else 1
        return {"first": first, "norm": norm}

    def time(self, column):
        """Seconds a call, over one round."""
        call, count = self.calls[column]
        return {"seconds": self._seconds(call, count) / count}

    def drop(self):
        self.calls.clear()
        self.library.release(self.device)
        return {}

    def _count(self, call):
        self._seconds(call, 3)
        count, spent = 1, self._seconds(call, 1)
        while spent < self.seconds:
            count = max(2 * count, int(1.1 * count * self.seconds / max(spent, 1e-7)))
            spent = self._seconds(call, count)
        return count

    def _seconds(self, call, count):
        self._synchronize()
        start = time.perf_counter()
        for _ in range(count):
            call()
        self._synchronize()
        return time.perf_counter() - start

    def _synchronize(self):
        self.library.synchronize(self.device)


def _norm(array):
    """The root mean square of a result, which libraries share that compute the same, in any layout."""
    return float(np.linalg.norm(array) / max(array.size, 1) ** 0.5)


def serve(library, device, tf32, sizes, seconds):
    """Answer commands until the input ends; what libraries print goes to stderr."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    worker = None
    for line in sys.stdin:
        command = json.loads(line)
        try:
            worker = worker or Worker(library, device, tf32, sizes, seconds)
            answer = getattr(worker, command.pop("do"))(**command)
        except Exception as error:              # becomes an entry of the table
            answer = {"error": f"{type(error).__name__}: {error}"[:500]}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()
    with contextlib.suppress(BrokenPipeError):
        answers.close()
