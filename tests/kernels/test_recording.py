"""Launches written down, and kernels called through cells."""
import ctypes
import importlib
import pkgutil

import numpy as np
import pytest
from numba.core.dispatcher import Dispatcher
from numbaflow.kernels.adapter import adapted, cells_of, type_of
from numbaflow.kernels.fingerprint import fingerprint
from numbaflow.kernels.jit import RangeKernel, range_kernel
from numbaflow.kernels.recording import Cell

from numbaflow import kernels


@range_kernel
def mixed(x, rows, scale, count, flag, pair, nothing, seed, out, lo, hi):
    for i in range(lo, hi):
        total = np.float64(pair[0]) * pair[1] + seed if nothing is None else 0.0
        for j in range(count):
            total += rows[i, j]["a"] * scale
        out[i] = x[i] + total if flag else -total
    return -1 if hi < 4 else hi


def run(arguments, lo, hi, check=False):
    error = np.zeros(8, np.int64)
    function = adapted(mixed, tuple([type_of(a) for a in arguments]), check)
    cells = [c for a in arguments for c in cells_of(a, lambda array: array.ctypes.data)]
    args = np.array([*cells, error.ctypes.data], np.int64)
    ctypes.CFUNCTYPE(None, ctypes.c_int64, ctypes.c_int64, ctypes.c_int64)(function.address)(
        args.ctypes.data, lo, hi)
    return error[0]


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_a_kernel_over_cells_sees_its_arguments(dtype):
    rng = np.random.default_rng(0)
    records = np.zeros((6, 3), [("a", "i8"), ("b", "f8")])
    records["a"] = rng.integers(-5, 5, (6, 3))
    wide = rng.normal(size=(6, 4)).astype(dtype)
    seeds, out = np.array([0, 7], np.int64), np.zeros(6, dtype)
    arguments = (wide[:, 2], records[::-1], np.float32(0.5), 3, True, (2, 1.5), None, Cell(seeds, 1), out)
    run(arguments, 1, 5)
    expected = wide[:, 2] + 10 + 0.5 * records[::-1]["a"].sum(1)
    np.testing.assert_allclose(out[1:5], expected[1:5], rtol=1e-6)
    assert out[0] == out[5] == 0
    seeds[1] = 8
    run(arguments, 0, 6)
    np.testing.assert_allclose(out, expected + 1, rtol=1e-6)


def test_what_a_kernel_gives_other_than_minus_one_is_an_error():
    arguments = (np.zeros(6), np.zeros((6, 0), [("a", "i8")]), 1.0, 0, False, (0, 1.0), None,
                 Cell(np.zeros(1, np.int64), 0), np.zeros(6))
    assert run(arguments, 0, 3, check=True) == 0
    assert run(arguments, 0, 6, check=True) == 1


def test_every_kernel_is_kept_on_disk():
    for module in pkgutil.iter_modules(kernels.__path__):
        for value in vars(importlib.import_module(f"numbaflow.kernels.{module.name}")).values():
            if isinstance(value, RangeKernel):
                assert fingerprint(value.function)
            elif isinstance(value, Dispatcher):
                assert fingerprint(value.py_func)
