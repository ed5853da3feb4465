"""Automatic differentiation for people who write Numba and NumPy."""
