"""Biases: a number for each channel is added, to a value or to a matrix product."""
from numbaflow.core.errors import InvalidArgumentError
from numbaflow.core.tensor import as_tensor

from .activations import relu
from .arithmetic import add
from .matmul import matmul
from .shape import reshape

__all__ = ["bias_add", "relu_layer", "xw_plus_b"]


def bias_add(value, bias, data_format=None, name=None):
    """The value with a bias for each channel added.

    Args:
        value: numbers of rank 2 or more.
        bias: [channels].
        data_format: "N...C" or "NHWC" where channels come last, the default; "NC..." or "NCHW" where they
            come second.

    Raises:
        ValueError: a rank below 2, an unknown data_format, another number of channels.

    >>> import numbaflow as nf
    >>> nf.nn.bias_add([[1.0, 2.0], [3.0, 4.0]], [10.0, 20.0]).numpy().tolist()
    [[11.0, 22.0], [13.0, 24.0]]
    """
    value = as_tensor(value)
    bias = as_tensor(bias, value.dtype if isinstance(bias, list | tuple) else None)
    shape = value._data.shape
    if len(shape) < 2:
        raise InvalidArgumentError(f"bias_add: expected a value of rank 2 or more, got shape {shape}")
    if data_format is None or data_format in ("NHWC", "N...C", "NWC", "NDHWC"):
        axis = len(shape) - 1
    elif data_format in ("NCHW", "NC...", "NCW", "NCDHW"):
        axis = 1
    else:
        raise InvalidArgumentError(f"bias_add: unknown data_format {data_format!r}: "
                                   "expected 'NHWC' or 'NCHW'")
    if bias._data.shape != (shape[axis],):
        raise InvalidArgumentError(f"bias_add: expected a bias [{shape[axis]}], one for each channel of the "
                                   f"value {shape}, got {bias._data.shape}")
    return add(value, bias if axis == len(shape) - 1 else reshape(bias, (-1, *(1,) * (len(shape) - 2))))


def xw_plus_b(x, weights, biases, name=None):
    """matmul(x, weights) + biases.

    >>> import numbaflow as nf
    >>> nf.nn.xw_plus_b([[1.0, 2.0]], [[1.0], [3.0]], [0.5]).numpy().tolist()
    [[7.5]]
    """
    return bias_add(matmul(x, weights), biases)


def relu_layer(x, weights, biases, name=None):
    """relu(matmul(x, weights) + biases).

    >>> import numbaflow as nf
    >>> nf.nn.relu_layer([[1.0, 2.0]], [[1.0, -1.0], [3.0, 0.0]], [0.5, 0.5]).numpy().tolist()
    [[7.5, 0.0]]
    """
    return relu(xw_plus_b(x, weights, biases))
