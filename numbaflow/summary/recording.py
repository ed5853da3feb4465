"""Which writer summaries go to in this thread, and whether they are recorded at all.

Nothing is recorded by default.  `recorder` is the one question that every summary asks, and all that a
summary costs while recording is off.
"""
import threading

from numbaflow.core.tape import stack
from numbaflow.ops.arithmetic import floormod
from numbaflow.ops.comparison import equal
from numbaflow.train.global_step import get_or_create_global_step

__all__ = ["always_record_summaries", "never_record_summaries", "record_summaries_every_n_global_steps",
           "should_record_summaries"]


class Here(threading.local):
    """`writer`: this thread's default writer; `condition`: None, a bool or a function without arguments."""

    writer = None
    condition = None


here = Here()
LATER = object()


def recorder():
    """The writer that a summary goes to now, None where it is not to be recorded; in a trace LATER."""
    writer = here.writer
    if writer is None:
        return None
    if stack.frame[2] is not None:
        return LATER
    condition = here.condition
    return writer if condition is True or (condition and condition()) else None


def should_record_summaries():
    """Whether summaries are recorded now, if there is a default writer.

    >>> import numbaflow as nf
    >>> nf.contrib.summary.should_record_summaries()
    False
    """
    condition = here.condition
    return bool(condition() if callable(condition) else condition)


class _Recording:
    """A context with a condition of its own."""

    __slots__ = ("_condition", "_kept")

    def __init__(self, condition):
        self._condition = condition

    def __enter__(self):
        self._kept, here.condition = here.condition, self._condition

    def __exit__(self, *exc):
        here.condition = self._kept


def always_record_summaries():
    """A context in which every summary is recorded."""
    return _Recording(True)


def never_record_summaries():
    """A context in which no summary is recorded."""
    return _Recording(False)


def record_summaries_every_n_global_steps(n, global_step=None):
    """A context in which summaries are recorded while the global step is a multiple of n.

    Args:
        n: a positive int.
        global_step: an integer variable or tensor; by default the global step.  It is looked at anew for each
            summary.

    Raises:
        ValueError: n is not positive.

    >>> import numbaflow as nf
    >>> step = nf.Variable(4)
    >>> with nf.contrib.summary.record_summaries_every_n_global_steps(5, step):
    ...     print(nf.contrib.summary.should_record_summaries())
    ...     _ = step.assign_add(1)
    ...     print(nf.contrib.summary.should_record_summaries())
    False
    True
    """
    if int(n) < 1:
        raise ValueError(f"record_summaries_every_n_global_steps: n must be positive, got {n}")
    step = get_or_create_global_step() if global_step is None else global_step

    def due():
        return int(step) % n == 0 if stack.frame[2] is None else equal(floormod(step, n), 0)
    return _Recording(due)
