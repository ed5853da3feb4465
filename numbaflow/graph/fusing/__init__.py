"""Fused kernels: groups of nodes, their index space, and the source of the loops that compute them."""
