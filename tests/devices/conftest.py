"""Tests of tensors on GPUs: in the simulator (NUMBA_ENABLE_CUDASIM=1), and with `-m gpu` on a real one.

A run that asks for neither has none of them.
"""
import pytest
from numbaflow.kernels.cuda import backend

from numbaflow.core.device import places


def _asked(config):
    return backend.SIMULATED or "gpu" in (config.option.markexpr or "")


def _compiles(config):
    return "ptx" in (config.option.markexpr or "")


def pytest_ignore_collect(collection_path, config):
    """Nothing here is looked at where it cannot run."""
    if collection_path.name == "test_compiled.py":
        return None if _compiles(config) else True
    return None if _asked(config) or (_compiles(config) and collection_path.is_dir()) else True


def pytest_collection_modifyitems(config, items):
    """On a real GPU they are what `-m gpu` means."""
    for item in items:
        if "devices" in item.path.parts and not _compiles(config):
            item.add_marker(pytest.mark.gpu)


@pytest.fixture
def automatic(monkeypatch):
    """New tensors go to the first GPU, as they do where there is a real one."""
    monkeypatch.setattr(backend.current(), "automatic", True)
    monkeypatch.setattr(places, "on", True)
