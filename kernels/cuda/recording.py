"""What launches make arrays with: the twin of the part of `kernels.recording` that is for launches."""
from ..recording import table  # noqa: F401
from .arrays import contiguous, empty as scratch, full, zeros  # noqa: F401
