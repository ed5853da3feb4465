"""What is here runs in numba-cuda's simulator: NUMBA_ENABLE_CUDASIM=1."""
from numbaflow.kernels.cuda.backend import SIMULATED


def pytest_ignore_collect(collection_path, config):
    """Nothing here is looked at without the simulator."""
    return None if SIMULATED else True
