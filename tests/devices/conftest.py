"""Tests of tensors on GPUs: in the simulator (NUMBA_ENABLE_CUDASIM=1), and with `-m gpu` on a real one.

A run that asks for neither has none of them.
"""
import pytest
from numbaflow.kernels.cuda import backend


def _asked(config):
    return backend.SIMULATED or "gpu" in (config.option.markexpr or "")


def pytest_ignore_collect(collection_path, config):
    """Nothing here is looked at where it cannot run."""
    return None if _asked(config) else True


def pytest_collection_modifyitems(items):
    """On a real GPU they are what `-m gpu` means."""
    if not backend.SIMULATED:
        for item in items:
            if "devices" in item.path.parts:
                item.add_marker(pytest.mark.gpu)
