"""Tests of CUDA kernels are of two kinds, and a run without asking has neither.

In the simulator (NUMBA_ENABLE_CUDASIM=1) their values are checked; `-m ptx` compiles them, which needs NVVM.
"""
import importlib.util

import pytest
from numbaflow.kernels.cuda.backend import SIMULATED


def _compiles(config):
    """Whether the run asks for tests that compile."""
    return "ptx" in (config.option.markexpr or "")


_OF_THE_COMPILER = {"test_bodies.py", "test_toolchain.py"}      # some of it runs without either


def pytest_ignore_collect(collection_path, config):
    """Nothing here is looked at where it cannot run."""
    if _compiles(config):
        return None
    if not SIMULATED and collection_path.suffix == ".py" and collection_path.name not in _OF_THE_COMPILER:
        return True
    if importlib.util.find_spec("numba_cuda") is None:
        return True
    return None


def pytest_collection_modifyitems(config, items):
    """Leave out the tests that compile unless asked for."""
    if _compiles(config):
        if SIMULATED:
            raise pytest.UsageError("-m ptx compiles CUDA kernels: unset NUMBA_ENABLE_CUDASIM")
        return
    compiling = [i for i in items if i.get_closest_marker("ptx")]
    if compiling:
        config.hook.pytest_deselected(items=compiling)
        items[:] = [i for i in items if not i.get_closest_marker("ptx")]
