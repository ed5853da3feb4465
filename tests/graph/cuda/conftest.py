"""What is here runs in numba-cuda's simulator, NUMBA_ENABLE_CUDASIM=1, or is compiled, with -m ptx."""
from numbaflow.kernels.cuda.backend import SIMULATED


def pytest_ignore_collect(collection_path, config):
    """Nothing here is looked at by a run that asks for neither."""
    compiles = "ptx" in (config.option.markexpr or "")
    if collection_path.name == "test_cuda_compiled.py":
        return None if compiles else True
    return None if SIMULATED else True
