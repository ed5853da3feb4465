"""Tensors of one dtype made tensors of another."""
import numpy as np

from numbaflow.core import dtypes
from numbaflow.core.optable import Sample, bools, given, integers, normal, op
from numbaflow.kernels import parts

__all__ = ["cast", "to_complex64", "to_complex128", "to_double", "to_float", "to_int32", "to_int64"]


def _reference(x, dtype):
    return (x.real if x.dtype.kind == "c" and np.dtype(dtype).kind != "c" else x).astype(dtype)


@op(inputs="x", grads={"x": lambda g, x_dtype: cast(g, x_dtype)}, holomorphic=False, reference=_reference,
    infer=lambda x, dtype: (x.shape, dtypes.as_numpy(dtype)),
    samples=[Sample(normal(3, 4), "float64"), Sample(normal(3, 4, scale=9.0), "int32"),
             Sample(normal(), "complex128"), Sample(np.array([1.5 - 2j, 3j]), "float64"),
             Sample(integers(4), "float32"), Sample(bools(4), "int64"), Sample(given([0.0, 2.0]), "bool"),
             Sample(normal(0, 2), "float64")])
def cast(x, dtype, name=None):
    """x in another dtype; the gradient comes back in the dtype of x.

    Floats lose their fraction as they become integers, complex numbers their imaginary part as they become
    real.  Integers that do not fit wrap around; floats that do not fit become anything (see `saturate_cast`).

    Args:
        x: a tensor.
        dtype: as in `nf.float32`, a NumPy dtype or its name.

    >>> import numbaflow as nf
    >>> nf.cast([1.8, -1.8], nf.int32).numpy().tolist()
    [1, -1]
    """
    wanted = dtypes.as_numpy(dtype)
    return x if x.dtype is wanted else parts.cast(x, wanted)


# ---- by name
def to_float(x, name="ToFloat"):
    """x as float32.

    >>> import numbaflow as nf
    >>> nf.to_float([1, 2]).dtype.name
    'float32'
    """
    return cast(x, dtypes.FLOAT32)


def to_double(x, name="ToDouble"):
    """x as float64.

    >>> import numbaflow as nf
    >>> nf.to_double([1, 2]).dtype.name
    'float64'
    """
    return cast(x, dtypes.FLOAT64)


def to_int32(x, name="ToInt32"):
    """x as int32.

    >>> import numbaflow as nf
    >>> nf.to_int32([1.5, 2.5]).numpy().tolist()
    [1, 2]
    """
    return cast(x, dtypes.INT32)


def to_int64(x, name="ToInt64"):
    """x as int64.

    >>> import numbaflow as nf
    >>> nf.to_int64([1.5, 2.5]).numpy().tolist()
    [1, 2]
    """
    return cast(x, dtypes.INT64)


def to_complex64(x, name="ToComplex64"):
    """x as complex64.

    >>> import numbaflow as nf
    >>> nf.to_complex64([1.5]).numpy().tolist()
    [(1.5+0j)]
    """
    return cast(x, dtypes.COMPLEX64)


def to_complex128(x, name="ToComplex128"):
    """x as complex128.

    >>> import numbaflow as nf
    >>> nf.to_complex128([1.5]).numpy().tolist()
    [(1.5+0j)]
    """
    return cast(x, dtypes.COMPLEX128)
