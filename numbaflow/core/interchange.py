"""Arrays that other libraries have on a GPU (CuPy, PyTorch, Numba) as tensors there, without the host.

They come by DLPack or by the CUDA array interface, in order with what has been done to them.
"""
from numbaflow.kernels.cuda import backend

from . import dtypes, table
from .device import in_scope_of_cpu, in_scope_of_gpu, place, places
from .placement import Using, device_arrays, move, wrapped
from .tensor import check_fits


def shared(x):
    """The tensor of an array on a GPU, whose memory it shares."""
    found = backend.current()
    array = found.adopted(x)
    dtypes.as_dtype(array.dtype)            # TypeError for what tensors don't hold
    return wrapped(array, found.device_of(array))


def taken(x, dtype=None):
    """A tensor of the values that an array on a GPU has now: there, or where this thread's scope says."""
    t = shared(x)
    if dtype is not None:
        check_fits(t, t._dtype, dtypes.as_numpy(dtype))
    with Using([t], t._place):
        t = wrapped(device_arrays().copy(t._data), t._place)
    t = t if dtype is None else table.face("cast")(t, dtype)
    return move(t, place()) if in_scope_of_gpu() or in_scope_of_cpu() else t


places.shared, places.taken = shared, taken
