"""Rows added to rows: the inner loops that pooling, normalization and resizing share."""
from .jit import kernel, wide_vectors


@kernel
def add(x, total):
    """total += x"""
    wide_vectors()
    for c in range(total.size):
        total[c] += x[c]


@kernel
def add_scaled(x, scale, total):
    """total += scale * x"""
    wide_vectors()
    for c in range(total.size):
        total[c] += scale * x[c]


@kernel
def scaled(x, scale, out):
    """out = scale * x"""
    wide_vectors()
    for c in range(out.size):
        out[c] = scale * x[c]
