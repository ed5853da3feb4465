"""What TensorFlow's `tf.test` tells about devices."""
from numbaflow.kernels.cuda import backend

from .core.device import name_of, num_gpus

__all__ = ["gpu_device_name", "is_built_with_cuda", "is_gpu_available"]


def is_gpu_available(cuda_only=False, min_cuda_compute_capability=None):
    """Whether ops can run on a GPU.

    Args:
        cuda_only: ask for a GPU that runs CUDA, as all do here.
        min_cuda_compute_capability: ask for one of (major, minor) at least.

    >>> import numbaflow as nf
    >>> nf.test.is_gpu_available() == (nf.contrib.eager.num_gpus() > 0)
    True
    """
    if min_cuda_compute_capability is None:
        return num_gpus() > 0
    return any(_capability(k) >= tuple(min_cuda_compute_capability) for k in range(num_gpus()))


def _capability(gpu):
    found, here = backend.current(), backend.here.device
    found.enter(gpu)
    try:
        return found.capability()
    finally:
        found.enter(here)


def gpu_device_name():
    """The name of the first GPU, or ""."""
    return name_of(0) if num_gpus() else ""


def is_built_with_cuda():
    """Whether the packages are there that ops need on a GPU: those of `pip install numbaflow[cuda]`."""
    return backend.installed()
