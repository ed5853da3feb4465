"""What every test starts from: a known seed, and the CPU unless it is for a GPU."""
import pytest
from numbaflow.kernels.cuda import backend

import numbaflow as nf


@pytest.fixture(autouse=True)
def seeded():
    nf.set_random_seed(0)


@pytest.fixture(autouse=True)
def on_the_cpu(request):
    """On a machine with a GPU, tests that are not marked `gpu` see none."""
    if backend.SIMULATED or not backend.installed() or request.node.get_closest_marker("gpu"):
        yield
    else:
        with backend.using(None):
            yield
