"""Complex numbers and their parts.

Gradients follow TensorFlow: that of a real loss is d/d(real) + i d/d(imag), the direction of steepest ascent.
"""
import numpy as np

from numbaflow.core.dtypes import COMPLEX
from numbaflow.core.infer import broadcast_all
from numbaflow.core.optable import Sample, elementwise, given, normal, op
from numbaflow.kernels import parts, scalar

from .arguments import is_complex
from .casting import cast

__all__ = ["angle", "complex", "conj", "imag", "real"]

_SAMPLES = [Sample(np.array([[1.5 - 2j, -0.5 + 1j], [3 + 0.25j, 0.5j]])), Sample(normal(3)),
            Sample(np.complex64(1 - 2j))]


def _complex_dtype(real):
    if real.dtype.name not in COMPLEX:
        raise TypeError(f"expected floats, got {real.dtype}")
    return COMPLEX[real.dtype.name]


@op(inputs="real imag", promote="real imag", floats="real imag", holomorphic=False,
    infer=lambda real, imag: (broadcast_all(real, imag), _complex_dtype(real)),
    grads={"real": lambda g: real(g), "imag": lambda g: imag(g)},
    reference=lambda real, imag: real + np.asarray(1j, "c8") * imag,
    samples=[Sample(normal(3, 4), normal(3, 4)), Sample(normal(3, 1), normal(4)), Sample(normal(), normal())])
def complex(real, imag, name=None):
    """real + i * imag, element by element, with broadcasting.

    Args:
        real, imag: float32 for complex64, float64 for complex128.

    >>> import numbaflow as nf
    >>> nf.complex([1.0, 2.0], [0.0, -3.0]).numpy().tolist()
    [(1+0j), (2-3j)]
    """
    return parts.join_complex(real, imag, broadcast_all(real, imag), np.dtype(_complex_dtype(real)))


@elementwise(scalar.real, pattern="x->r", kinds="iufc", holomorphic=False,
             grads={"input": lambda g, input_dtype: cast(g, input_dtype)}, reference=np.real,
             samples=_SAMPLES)
def real(input, name=None):
    """The real part, element by element.

    >>> import numbaflow as nf
    >>> nf.real([1 + 2j, 3j]).numpy().tolist()
    [1.0, 0.0]
    """


def _imag_rule(g, input):
    return complex(0.0 * g, g) if is_complex(input) else 0.0 * g


@elementwise(scalar.imag, pattern="x->r", kinds="iufc", holomorphic=False, grads={"input": _imag_rule},
             reference=np.imag,
             samples=_SAMPLES)
def imag(input, name=None):
    """The imaginary part, element by element; 0 for real numbers.

    >>> import numbaflow as nf
    >>> nf.imag([1 + 2j, 3j]).numpy().tolist()
    [2.0, 3.0]
    """


@elementwise(scalar.conj, kinds="iufc", holomorphic=False, grads={"x": lambda g: conj(g)}, reference=np.conj,
             samples=_SAMPLES)
def conj(x, name=None):
    """The complex conjugate, element by element.

    >>> import numbaflow as nf
    >>> nf.conj([1 + 2j, 3j]).numpy().tolist()
    [(1-2j), -3j]
    """


def _angle_rule(g, input):
    return g * 1j / conj(input) if is_complex(input) else 0.0 * g


@elementwise(scalar.angle, pattern="x->r", holomorphic=False, grads={"input": _angle_rule},
             reference=np.angle,
             samples=[*_SAMPLES, Sample(given([-1.0, 0.0, 2.0]), grad=False)])
def angle(input, name=None):
    """atan2(imag, real) in radians, element by element: 0 or pi for real numbers.

    >>> import numbaflow as nf
    >>> nf.angle([1j, -1 + 0j]).numpy().round(4)
    array([1.5708, 3.1416])
    """
