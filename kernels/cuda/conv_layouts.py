"""Convolutions of images of one to three dimensions: the twin of `kernels.conv_layouts`.

What brings images to one layout and back is the CPU's, with kernels that copy and convolve here.
"""
import numpy as np  # noqa: F401  (as are the names below: for what is ported)

from .. import conv_layouts as on_cpu
from ..conv_layouts import last_shape, three  # noqa: F401
from . import conv, conv as conv_filter, conv_depthwise  # noqa: F401
from .arrays import contiguous  # noqa: F401
from .ported import ported

_last = ported(on_cpu._last, globals())
_back = ported(on_cpu._back, globals())
_filter = ported(on_cpu._filter, globals())
output = ported(on_cpu.output, globals())
input_grad = ported(on_cpu.input_grad, globals())
filter_grad = ported(on_cpu.filter_grad, globals())
