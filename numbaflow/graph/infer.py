"""The shapes and dtypes of what an op gives, without running it."""
from numbaflow.core.abstract import Abstract


def infer(op, inputs, attributes):
    """A list of (shape, dtype), one an output and then one a residual, for inputs with shapes and dtypes."""
    return op.infer(inputs, attributes)


def spec(value):
    """What inference sees of a tensor or a value."""
    return Abstract(value.shape, value.dtype)
