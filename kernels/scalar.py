"""Scalar functions that CPU and CUDA loops, the fuser and plain Python all call: arithmetic and activations.

The families `logic`, `quotients`, `exponential`, `roots`, `hyperbolic`, `trigonometric` and `special` are
re-exported.  Each is a `body`: the function you read is its definition, for any type; its float32 and float64
variants are branch-free, so that loops vectorize.  Errors in units of the last place over the whole range,
measured against float128:

    float64   1: exp exp2 log sin cos sqrt cbrt   3: asin acosh erfc   4: erfinv gelu lgamma
              2: expm1 log1p log2 log10 rsqrt tanh sigmoid softplus log_sigmoid pow sinh cosh tan acos
                 atan atan2 asinh atanh hypot erf
    float32   1: exp exp2 log sqrt   3: erf   4: tan   1/2, by way of float64: all others
              2: expm1 log1p rsqrt tanh sigmoid softplus log_sigmoid sin cos

In float64 the gamma family has an absolute error too: 1e-15 for digamma, trigamma, tetragamma of x > 0;
2e-14 for x < 0, and for lgamma there.

On a GPU float32 functions that go by way of float64 here are libdevice's, up to 5: `cuda.bodies` lists them.
"""
import numpy as np

from . import bits, inverses  # noqa: F401
from .exponential import (  # noqa: F401
    exp,
    exp2,
    expm1,
    in_double,
    log,
    log1p,
    log2,
    log10,
    pow,
)
from .hyperbolic import acosh, asinh, atanh, cosh, log_sigmoid, sigmoid, sinh, softplus, tanh  # noqa: F401
from .jit import body, variant
from .logic import (  # noqa: F401
    bitwise_and,
    bitwise_invert,
    bitwise_or,
    bitwise_xor,
    equal,
    greater,
    greater_equal,
    isfinite,
    isinf,
    isnan,
    left_shift,
    less,
    less_equal,
    logical_and,
    logical_not,
    logical_or,
    logical_xor,
    not_equal,
    right_shift,
    select,
)
from .quotients import divide, divide_no_nan, floordiv, mod, reciprocal  # noqa: F401
from .roots import cbrt, hypot, rsqrt, sqrt  # noqa: F401
from .special import digamma, erf, erfc, erfinv, gelu_factor, lgamma, tetragamma, trigamma  # noqa: F401
from .trigonometric import acos, asin, atan, atan2, cos, sin, tan  # noqa: F401


# ---- arithmetic
@body
def add(x, y):
    """x + y"""
    return x + y


@body
def subtract(x, y):
    """x - y"""
    return x - y


@body
def multiply(x, y):
    """x * y"""
    return x * y


@body(exact=True)
def negative(x):
    """-x"""
    return -x


@body(exact=True)
def absolute(x):
    """|x|"""
    return np.abs(x)


@body
def sign(x):
    """-1, 0 or 1; NaN of NaN"""
    return 1.0 if x > 0.0 else (-1.0 if x < 0.0 else (0.0 if x == 0.0 else x))


@variant(sign, "integer")
def _sign_integer(x):
    return int(x > 0) - int(x < 0)


@variant(sign, "complex")
def _sign_complex(x):
    size = np.abs(x)
    return divide(x, size) if size > 0.0 else x


@body
def square(x):
    """x * x"""
    return x * x


@body
def cube(x):
    """x * x * x"""
    return x * x * x


@body
def squared_difference(x, y):
    """(x - y)**2"""
    return (x - y) * (x - y)


@body(exact=True)
def maximum(x, y):
    """the larger; NaN when either is NaN"""
    return x if (x >= y) | (x != x) else y


@body(exact=True)
def minimum(x, y):
    """the smaller; NaN when either is NaN"""
    return x if (x <= y) | (x != x) else y


@body(exact=True)
def clip(x, lo, hi):
    """min(max(x, lo), hi); NaN of NaN"""
    raised = lo if x < lo else x
    return hi if raised > hi else raised


# ---- rounding
@body
def floor(x):
    """the largest integer not above x"""
    return np.floor(x)


@body
def ceil(x):
    """the smallest integer not below x"""
    return np.ceil(x)


@body
def trunc(x):
    """x without its fraction"""
    return np.trunc(x)


@body
def rint(x):
    """the nearest integer, half to even"""
    return np.rint(x)


@variant(floor, "float32", "float64")
def _floor(x):
    return bits.floor(x)


@variant(ceil, "float32", "float64")
def _ceil(x):
    return bits.ceil(x)


@variant(trunc, "float32", "float64")
def _trunc(x):
    return bits.trunc(x)


@variant(rint, "float32", "float64")
def _rint(x):
    return bits.rint(x)


@variant(floor, "integer")
@variant(ceil, "integer")
@variant(trunc, "integer")
@variant(rint, "integer")
def _itself(x):
    return x


# ---- complex
@body
def real(x):
    """the real part"""
    return x.real


@body
def imag(x):
    """the imaginary part"""
    return x.imag


@body
def conj(x):
    """the complex conjugate"""
    return np.conj(x)


@body
def angle(x):
    """atan2(imag, real)"""
    return atan2(x.imag, x.real)


@body
def complex_abs(x):
    """sqrt(real**2 + imag**2) without overflow"""
    return hypot(x.real, x.imag)


# ---- activations
@body(exact=True)
def relu(x):
    """max(x, 0); NaN of NaN"""
    return 0.0 if x < 0.0 else x


@body
def relu_grad(dy, y):
    """dy where y = relu(x) is positive, else 0"""
    return dy if y > 0.0 else 0.0


@variant(relu, "integer")
def _relu_integer(x):
    return x - x if x < 0 else x


@body(exact=True)
def relu6(x):
    """min(max(x, 0), 6); NaN of NaN"""
    return 0.0 if x < 0.0 else (6.0 if x > 6.0 else x)


@variant(relu6, "integer")
def _relu6_integer(x):
    return min(max(x, 0), 6)


@body(exact=True)
def leaky_relu(x, alpha):
    """x, or alpha * x where x < 0"""
    return alpha * x if x < 0.0 else x


@body(exact=True)
def elu(x):
    """x, or exp(x) - 1 where x < 0"""
    return expm1(x) if x < 0.0 else x


@body(exact=True)
def selu(x):
    """1.0507 * (x, or 1.6733 * (exp(x) - 1) where x < 0)"""
    return 1.7580993408473768 * expm1(x) if x < 0.0 else 1.0507009873554805 * x


@body(exact=True)
def softsign(x):
    """x / (1 + |x|)"""
    return x / (1.0 + np.abs(x))


@body(exact=True)
def swish(x):
    """x * sigmoid(x)"""
    return (-1000.0 if x < -1000.0 else x) * sigmoid(x)         # (-inf * 0 is no number)


@in_double
@body(exact=True)
def gelu(x):
    """x * (1 + erf(x / sqrt(2))) / 2"""
    return (-40.0 if x < -40.0 else x) * gelu_factor(x)         # (-inf * 0 is no number)


abs = absolute
round = rint
