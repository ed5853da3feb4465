"""Scalar bodies of losses."""
from . import scalar
from .jit import body


@body(exact=True)
def sigmoid_cross_entropy(labels, logits):
    """max(logits, 0) - logits * labels + log(1 + exp(-|logits|)), small where both agree"""
    # in this order: of logits = 20 and labels = 1, softplus(logits) - logits would leave nothing of exp(-20)
    return (scalar.relu(logits) - logits * labels) + scalar.log1p(scalar.exp(-scalar.absolute(logits)))
