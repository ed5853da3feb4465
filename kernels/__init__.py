"""Numba kernels: arrays and scalars in, `out` filled.

No Tensor, no tape, no op name; imports math, numpy, numba and scipy only.
"""
