"""Automatic differentiation for people who write Numba and NumPy."""
from . import testing
from .core.functional import *
from .core.gradient_tape import *
from .core.tensor import *
from .core.optable import *
from .core.optable import op
from .ops.elementwise import *
from .ops.elementwise import reduce_sum
