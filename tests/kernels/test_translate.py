"""Python made LLVM code without Numba: it computes what Python computes, or is refused."""
import ctypes

import numpy as np
import pytest
from numba import types
from numba.core.typing import signature
from numbaflow.kernels import atomics, fused, machine
from numbaflow.kernels.jit import INLINE, body, kernel
from numbaflow.kernels.native import at, call
from numbaflow.kernels.syntax import Untranslatable

TABLE = np.array([[1.0, 2.0], [3.0, 5.0], [8.0, 13.0]])


@body
def branches(x):
    if x < -1.0:
        return -x
    y = x * x
    if x > 1.0:
        y = y + 10.0
    elif x == 0.0:
        return 100.0
    return y


@body
def _pair(x):
    return x + 1.0, x - 1.0


@body
def pairs(x):
    a, b = _pair(x)
    a, b = b, a
    a *= 2.0
    return a - b


@body
def counted(x):
    total = 0.0
    for i in range(1, 6, 2):
        total += x if i < 4 else x * x
    return total


@body
def tabled(x):
    k = min(max(int(x + 1.0), 0), 2)
    return TABLE[k, 1] - TABLE[k, 0]


@body
def chosen(x):
    inside = -1.0 < x <= 1.0 or x != x
    return 2.0 ** -3 if inside and not x > 0.5 else np.abs(x)


@body
def while_loop(x):
    while x < 10.0:
        x += 2.5 if x > 0.0 else 3.0
    return x


@body
def over_a_tuple(x):
    for y in (1.0, 2.0):
        x = x * y
    return x


@body
def whole_numbers(x):
    n = int(x * 7.0)
    m = n // 3 + n % -4 if n > 2 else abs(n)
    return float(m * 2 - (n & 3))


def values_of(function, x):
    source = f"""def each(args, lo, hi):
    x = at_{x.dtype.name}(args[0])
    y = at_{x.dtype.name}(args[1])
    for i in range(lo, hi):
        y[i] = f(x[i])
"""
    pointer = f"at_{x.dtype.name}"
    each = fused.function_of("each", source, {"f": function, pointer: fused.scope_of(pointer)})
    made = machine.compiled(each, source)
    y = np.empty_like(x)
    call = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)(made.address)
    call(np.array([x.ctypes.data, y.ctypes.data]).ctypes.data, 0, x.size)
    return y


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("function", [branches, pairs, counted, tabled, chosen, whole_numbers,
                                      while_loop])
def test_bodies_compute_what_python_computes(function, dtype):
    x = np.array([-3.0, -1.0, -0.5, 0.0, 0.25, 0.5, 1.0, 1.5, 4.0], dtype)
    np.testing.assert_allclose(values_of(function, x), [function(float(v)) for v in x], rtol=1e-6)


def test_a_loop_over_what_is_no_range_is_refused():
    with pytest.raises(Untranslatable):
        values_of(over_a_tuple, np.ones(3))


def test_a_function_whose_source_is_another_is_refused():
    scope = {}
    exec(compile("def twice(x):\n    return x + x\n", __file__, "exec"), scope)   # (not its lines)
    with pytest.raises(Untranslatable):
        values_of(body(scope["twice"]), np.ones(3))


def test_an_edit_of_a_body_is_a_new_kernel():
    @body
    def one(x):
        return x + 1.0

    @body
    def two(x):
        return x + 2.0
    x = np.zeros(3)
    assert values_of(one, x).tolist() == [1.0] * 3
    assert values_of(two, x).tolist() == [2.0] * 3


# ---- functions over int64s: effects happen in order, and only where Python has them
@kernel(options=INLINE)
def _noted(log, x):
    at(log)[at(log)[0] + 1] = x
    at(log)[0] += 1
    return x


def _guards(log, n):
    if n == 0 or _noted(log, n) > 5:
        return -1
    if n > 2 and _noted(log, n << 3 | 1) > 30:
        return _noted(log, ~n)
    return max(n, 2, 1) - min(n >> 1, 1, 7)


def _collatz(log, n):
    while True:
        if n == 1:
            return at(log)[0]
        n = n // 2 if n % 2 == 0 else 3 * n + 1
        atomics.add(log, 1)


def _backwards(log, n):
    for i in range(n, 0, -2):
        _noted(log, i)
    return call(at(log)[31], n)


def native(function):
    made = machine.compiled(function, signature=signature(types.int64, types.int64, types.int64))
    return ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64, ctypes.c_int64)(made.address)


def run(function, n, address=0):
    log = np.zeros(32, np.int64)
    log[31] = address
    return native(function)(log.ctypes.data, n), log[1:1 + log[0]].tolist()


def test_a_right_side_runs_only_if_the_left_leaves_it_open():
    assert run(_guards, 0) == (-1, [])
    assert run(_guards, 1) == (2, [1])
    assert run(_guards, 2) == (1, [2])
    assert run(_guards, 3) == (2, [3, 25])
    assert run(_guards, 4) == (-5, [4, 33, -5])
    assert run(_guards, 6) == (-1, [6])


def test_a_loop_that_only_a_return_ends():
    log = np.zeros(1, np.int64)
    assert native(_collatz)(log.ctypes.data, 27) == log[0] == 111


def test_loops_downwards_and_calls_of_addresses():
    @ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)
    def tenfold(n):
        return 10 * n
    assert run(_backwards, 5, ctypes.cast(tenfold, ctypes.c_void_p).value) == (50, [5, 3, 1])
