"""Where result arrays come from on a device: the twin of `kernels.memory`."""
from .arrays import empty  # noqa: F401
