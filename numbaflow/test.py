"""What TensorFlow's `tf.test` tells about devices."""
from .core.device import list_devices

__all__ = ["gpu_device_name", "is_built_with_cuda", "is_gpu_available"]


def is_gpu_available(cuda_only=False, min_cuda_compute_capability=None):
    """Whether ops can run on a GPU: False.

    Args:
        cuda_only: ask for a GPU that runs CUDA.
        min_cuda_compute_capability: ask for (major, minor) at least.

    >>> import numbaflow as nf
    >>> nf.test.is_gpu_available()
    False
    """
    return bool(_gpus())


def gpu_device_name():
    """The name of the first GPU, or ""."""
    return _gpus()[0] if _gpus() else ""


def is_built_with_cuda():
    """Whether ops have CUDA kernels: False."""
    return False


def _gpus():
    return [name for name in list_devices() if ":GPU:" in name]
