"""What is here runs in numba-cuda's simulator, NUMBA_ENABLE_CUDASIM=1, or is compiled, with -m ptx."""
import pytest
from numbaflow.kernels.cuda.backend import SIMULATED


def pytest_ignore_collect(collection_path, config):
    """Nothing here is looked at by a run that asks for neither."""
    compiles = "ptx" in (config.option.markexpr or "")
    if collection_path.name == "test_cuda_compiled.py":
        return None if compiles else True
    return None if SIMULATED or _on_a_gpu(config) else True


def _on_a_gpu(config):
    return not SIMULATED and "gpu" in (config.option.markexpr or "")


def pytest_collection_modifyitems(config, items):
    """On a real GPU they are its tests."""
    if _on_a_gpu(config):
        for item in items:
            if "cuda" in item.path.parts:
                item.add_marker(pytest.mark.gpu)
