"""The kernels on a GPU: the CPU's launches by the same names, over device arrays, in Numba's CUDA kernels.

Nothing here is imported for work on the CPU.
"""
