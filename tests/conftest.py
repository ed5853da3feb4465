"""What every test starts from: a known seed."""
import pytest

import numbaflow as nf


@pytest.fixture(autouse=True)
def seeded():
    nf.set_random_seed(0)
