"""Scalar bodies of losses."""
from . import scalar
from .jit import body


@body(exact=True)
def sigmoid_cross_entropy(labels, logits):
    """max(logits, 0) - logits * labels + log(1 + exp(-|logits|)), small where both agree"""
    # in this order: of logits = 20 and labels = 1, softplus(logits) - logits would leave nothing of exp(-20)
    return (scalar.relu(logits) - logits * labels) + scalar.log1p(scalar.exp(-scalar.absolute(logits)))


@body
def binary_cross_entropy(labels, p):
    """-labels * log(p + 1e-7) - (1 - labels) * log(1 - p + 1e-7)"""
    return -(labels * scalar.log(p + 1e-7)) - (1.0 - labels) * scalar.log(1.0 - p + 1e-7)


@body
def huber(x, delta):
    """e**2 / 2 up to e = delta and delta * e - delta**2 / 2 beyond, with e = |x|"""
    e = scalar.absolute(x)
    near = scalar.minimum(e, delta)
    return 0.5 * near * near + delta * (e - near)


@body
def hinge(y, x):
    """max(0, 1 - y * x)"""
    return scalar.relu(1.0 - y * x)
