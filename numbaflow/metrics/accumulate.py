"""Adding up: sums as Python numbers, and variables of one number that grow."""
import numpy as np


def sum_of(data):
    """The sum of an array as a Python number, added up in float64."""
    if not data.ndim:
        return data.item()
    return np.count_nonzero(data) if data.dtype.kind == "b" else data.sum(dtype=np.float64).item()


def add_number(variable, delta):
    """Add a Python number to a scalar variable."""
    # (a new scalar array costs a third of what assign_add does)
    with variable._lock:
        data = variable._data
        variable._data = np.array(data.item() + delta, data.dtype)
