"""Numba kernels: arrays and scalars in, `out` filled.  No Tensor, no tape, no op name; math, numpy, numba and scipy only."""
