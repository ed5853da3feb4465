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
    return None if _asked(config) or _compiles(config) else True


def pytest_collection_modifyitems(config, items):
    """On a real GPU they are what `-m gpu` means; those that only compile run when asked for."""
    for item in items:
        if "devices" in item.path.parts and not backend.SIMULATED and item.path.name != "test_compiled.py":
            item.add_marker(pytest.mark.gpu)
    if not _compiles(config):
        compiling = [i for i in items if i.get_closest_marker("ptx")]
        config.hook.pytest_deselected(items=compiling)
        items[:] = [i for i in items if not i.get_closest_marker("ptx")]


@pytest.fixture
def automatic(monkeypatch):
    """New tensors go to the first GPU, as they do where there is a real one."""
    monkeypatch.setattr(backend.current(), "automatic", True)
    monkeypatch.setattr(places, "on", True)
