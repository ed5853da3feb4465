"""Programs of kernels that Python enters once."""
import functools
import gc
import sys
import threading

import numpy as np
import pytest
from numbaflow.kernels import atomics, program
from numbaflow.kernels.jit import loop
from numbaflow.kernels.native import at
from numbaflow.kernels.program import KERNEL, State


def _add(args, lo, hi):
    """out[i] = x[i] + y[i]"""
    x, y, out = at(args[0]), at(args[1]), at(args[2])
    for i in range(lo, hi):
        out[i] = x[i] + y[i]


def _scale(args, lo, hi):
    """x[i] *= c"""
    x = at(args[0])
    for i in range(lo, hi):
        x[i] *= args[1]


def _check(args, lo, hi):
    """Fail with a code where x is negative."""
    x, error = at(args[0]), at(args[1])
    for i in range(lo, hi):
        if x[i] < 0:
            error[0], error[1] = 7, i


def _meet(args, lo, hi):
    """Say that it has begun, then wait, not for ever, until it is let go."""
    flags = at(args[0])
    atomics.store(args[0], 1)
    for _ in range(1 << 31):
        if atomics.load(args[0] + 8):
            flags[2] = 1
            return


@functools.cache
def address(function):
    return loop(function, KERNEL).address


def ints(*values):
    return np.array(values, np.int64)


def add_and_scale(n=4):
    """out = (x + y) * 3, twice scaled: args are x, y, out; out, 3."""
    rows = [(address(_add), 0, n, 1), (address(_scale), 3, n, 1)]
    return State(rows, [0, 0, 0, 0, 3], [[(0, 0)], [(1, 0)], [(2, 0), (3, 0)]])


def test_rows_run_in_order_on_the_arrays_of_each_call():
    state = add_and_scale()
    for x in (ints(1, 2, 3, 4), ints(5, 6, 7, 8)):
        out = np.zeros(4, np.int64)
        assert state.run(x, 2 * x, out) is None
        assert (out == 9 * x).all()
    assert state.failed_row == -1


def test_an_array_is_bound_at_offsets():
    state = State([(address(_add), 0, 2, 1)], [0, 0, 0], [[(0, 0), (1, 16)], [(2, 8)]])
    x, out = ints(1, 2, 30, 40), np.zeros(4, np.int64)
    state.run(x, out)
    assert out.tolist() == [0, 31, 42, 0]


def test_a_view_is_bound_where_it_begins():
    state, x, out = add_and_scale(2), np.arange(6), np.zeros(2, np.int64)
    state.run(x[2:], x[4:], out)
    assert out.tolist() == [18, 24]


def test_some_rows_at_a_time():
    state, x, out = add_and_scale(), ints(1, 2, 3, 4), np.zeros(4, np.int64)
    state.bind(x, x, out)
    assert not out.any()
    state.run_rows(0, 1)
    assert (out == 2 * x).all()
    state.run_rows(1, 1)
    state.run_rows(1, 2)
    assert (out == 6 * x).all()


def test_an_empty_program_and_an_empty_extent():
    assert State([], [], []).run() is None
    out = np.zeros(0, np.int64)
    assert add_and_scale(0).run(out, out, out) is None


@pytest.mark.parametrize("release", [False, True])
def test_an_error_stops_the_program_and_tells_where(release):
    error = np.zeros(program.ERROR, np.int64)
    rows = [(address(_scale), 0, 3, 1), (address(_check), 2, 3, 1), (address(_scale), 0, 3, 1)]
    state = State(rows, [0, 2, 0, error.ctypes.data], [[(0, 0), (2, 0)]], release, error)
    x = ints(1, -1, 1)
    assert state.run(x) == state.failed_row == 1
    assert state.error[:2].tolist() == [7, 1]
    assert x.tolist() == [2, -2, 2]                 # the last row did not run
    state.bind(x)
    assert state.run_rows(1, 3) == 1                # numbered in the program
    good = ints(1, 1, 1)
    assert state.run(good) is None
    assert (state.failed_row, state.error[0], good.tolist()) == (-1, 0, [4, 4, 4])


def test_wrong_arrays_are_refused_and_nothing_runs():
    state, x = add_and_scale(), ints(1, 2, 3, 4)
    for run in (state.run, state.bind):
        with pytest.raises(TypeError, match="2 arrays came, expected 3"):
            run(x, x)
        with pytest.raises(TypeError, match="4 arrays came, expected 3"):
            run(x, x, x, x)
        with pytest.raises(TypeError, match="array 1 is no"):
            run(x, [1, 2, 3, 4], x)
    assert x.tolist() == [1, 2, 3, 4]


def test_wrong_rows_are_refused():
    state = add_and_scale()
    for lo, hi in ((0, 3), (-1, 1), (2, 1), (0, -1)):
        with pytest.raises(ValueError, match=f"rows {lo} to {hi} came"):
            state.run_rows(lo, hi)
    with pytest.raises(TypeError, match="1 arguments, expected 2"):
        state.run_rows(0)
    with pytest.raises(TypeError):
        state.run_rows("a", 1)


def test_enter_is_a_built_in_function_that_wants_a_state():
    state, x, out = add_and_scale(), ints(1, 2, 3, 4), np.zeros(4, np.int64)
    assert program.enter(state.address, x, x, out) is None
    assert (out == 6 * x).all()
    assert type(program.enter) is type(len)
    for wrong in ((), ("text",), (0,)):
        with pytest.raises(TypeError, match="address of a state"):
            program.enter(*wrong)
    with pytest.raises(AttributeError, match="entr"):
        _ = program.entr


@pytest.mark.parametrize(("rows", "args", "binds", "match"), [
    ([(1, 0, 1)], [], [], "rows of shape"),
    ([(1, 2, 1, 1)], [0], [], "row 0 has kernel 1, args at 2"),
    ([(0, 0, 1, 1)], [0], [], "row 0 has kernel 0"),
    ([(1, 0, -1, 1)], [0], [], "extent -1"),
    ([], [0], [[], [(1, 0)]], "array 1 is bound to cell 1"),
    ([], [[0]], [], "args of shape"),
])
def test_what_is_no_program_is_refused(rows, args, binds, match):
    with pytest.raises(ValueError, match=match):
        State(rows, args, binds)


def test_what_is_no_error_record_is_refused():
    for wrong in (np.zeros(8), np.zeros(4, np.int64), 0):
        with pytest.raises(TypeError, match="error record"):
            State([], [], [], error=wrong)
    with pytest.raises(TypeError, match="rows: expected integers"):
        State([("a", 0, 0, 1)], [], [])


def test_what_runs_outlives_the_state():
    run, x, out = add_and_scale().run, ints(1, 2, 3, 4), np.zeros(4, np.int64)
    gc.collect()
    for _ in range(1000):
        np.zeros(11, np.int64)
    run(x, x, out)
    assert (out == 6 * x).all()


def test_references_are_given_back():
    state, x = add_and_scale(), ints(1, 2, 3, 4)
    before = sys.getrefcount(x), sys.getrefcount(None)
    for _ in range(1000):
        state.run(x, x, x)
    after = sys.getrefcount(x), sys.getrefcount(None)
    assert after[0] == before[0]
    assert abs(after[1] - before[1]) < 100


def test_another_thread_advances_while_a_program_runs_and_the_state_is_busy():
    flags = np.zeros(3, np.int64)
    state = State([(address(_meet), 0, 1, 1)], [0], [[(0, 0)]], release=True)
    refused = []

    def other():
        while not flags[0]:
            pass
        for attempt in (lambda: state.run(flags), lambda: state.bind(flags), lambda: state.run_rows(0, 1)):
            try:
                attempt()
            except RuntimeError as error:
                refused.append(str(error))
        flags[1] = 1
    thread = threading.Thread(target=other)
    thread.start()
    state.run(flags)
    thread.join()
    assert flags[2] == 1                            # it was let go, it did not give up
    assert len(refused) == 3
    assert "another thread" in refused[0]
    state.run(flags)                                # free again
