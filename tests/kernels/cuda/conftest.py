"""Tests of CUDA kernels are of two kinds, and a run without asking has neither.

In the simulator (NUMBA_ENABLE_CUDASIM=1) their values are checked; `-m ptx` compiles them, which needs NVVM.
"""
import importlib.util

import pytest
from numbaflow.kernels.cuda.backend import SIMULATED

# these stand something in for a GPU, or look into the simulator
_WITHOUT_A_GPU = {"test_cusolver.py", "test_gpu_backend.py", "test_twins.py", "test_vectors.py"}


def _on_a_gpu(config):
    """Whether the run asks for a GPU's tests, on one."""
    return not SIMULATED and "gpu" in (config.option.markexpr or "")


def _compiles(config):
    """Whether the run asks for tests that compile."""
    return "ptx" in (config.option.markexpr or "")


_OF_THE_COMPILER = {"test_bodies.py", "test_toolchain.py"}      # some of it runs without either


def pytest_ignore_collect(collection_path, config):
    """Nothing here is looked at where it cannot run."""
    if _compiles(config):
        return None
    if _on_a_gpu(config):
        return True if collection_path.name in _WITHOUT_A_GPU | _OF_THE_COMPILER else None
    if not SIMULATED and collection_path.suffix == ".py" and collection_path.name not in _OF_THE_COMPILER:
        return True
    if importlib.util.find_spec("numba_cuda") is None:
        return True
    return None


def pytest_collection_modifyitems(config, items):
    """Leave out the tests that compile unless asked for; on a GPU all others are its own."""
    if _on_a_gpu(config):
        for item in items:
            if "cuda" in item.path.parts:
                item.add_marker(pytest.mark.gpu)
    if _compiles(config):
        if SIMULATED:
            raise pytest.UsageError("-m ptx compiles CUDA kernels: unset NUMBA_ENABLE_CUDASIM")
        return
    compiling = [i for i in items if i.get_closest_marker("ptx")]
    if compiling:
        config.hook.pytest_deselected(items=compiling)
        items[:] = [i for i in items if not i.get_closest_marker("ptx")]
