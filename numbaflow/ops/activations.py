"""Activation functions of neural networks, element by element."""
import numpy as np

from numbaflow.core import table
from numbaflow.core.optable import Sample, elementwise, given, integers, normal
from numbaflow.kernels import scalar

from .arithmetic import abs, maximum, minimum, negative
from .comparison import select
from .exponential import exp
from .special import erfc

__all__ = ["crelu", "elu", "gelu", "leaky_relu", "log_sigmoid", "relu", "relu6", "selu", "sigmoid",
           "softplus", "softsign", "swish"]

_EDGES = Sample(given([0.0, -0.0, np.inf, -np.inf, np.nan]), grad=False)
_SAMPLES = [Sample(normal(3, 4, scale=2.0)), Sample(normal()), Sample(given([-30.0, 20.0, 40.0])),
            Sample(normal(0, 3))]


# ---- s-shaped
@elementwise(scalar.sigmoid, grads={"x": lambda g, y: g * y * (1.0 - y)},
             reference=lambda x: 1 / (1 + np.exp(-x)),
             samples=[*_SAMPLES, Sample(np.array([0.5 - 1j, -1 + 2j]))])
def sigmoid(x, name=None):
    """1 / (1 + exp(-x)), element by element, without overflow.

    >>> import numbaflow as nf
    >>> nf.sigmoid([0.0, 2.0]).numpy().round(4)
    array([0.5   , 0.8808], dtype=float32)
    """


@elementwise(scalar.log_sigmoid, kinds="f", grads={"x": lambda g, x: g * sigmoid(-x)},
             reference=lambda x: -np.logaddexp(0, -x).astype(x.dtype), samples=_SAMPLES)
def log_sigmoid(x, name=None):
    """log(sigmoid(x)), element by element, without overflow.

    >>> import numbaflow as nf
    >>> nf.nn.log_sigmoid([0.0, -100.0]).numpy().round(4)
    array([  -0.6931, -100.    ], dtype=float32)
    """


@elementwise(scalar.softsign, kinds="f",
             grads={"features": lambda g, features: g / ((1.0 + abs(features)) * (1.0 + abs(features)))},
             reference=lambda x: x / (1 + np.abs(x)), samples=_SAMPLES)
def softsign(features, name=None):
    """x / (1 + |x|), element by element.

    >>> import numbaflow as nf
    >>> nf.nn.softsign([1.0, -3.0]).numpy().tolist()
    [0.5, -0.75]
    """


# ---- rectifiers
@elementwise(scalar.relu, kinds="iuf", grads={"features": lambda g, y: select(y > 0.0, g, 0.0)},
             reference=lambda x: np.where(x < 0, 0, x).astype(x.dtype),
             samples=[*_SAMPLES, _EDGES, Sample(integers(4, low=-5))])
def relu(features, name=None):
    """max(x, 0), element by element; NaN of NaN.  The gradient at 0 is 0.

    >>> import numbaflow as nf
    >>> nf.nn.relu([-1.0, 2.0]).numpy().tolist()
    [0.0, 2.0]
    """


@elementwise(scalar.relu6, kinds="iuf",
             grads={"features": lambda g, y: select((y > 0.0) & (y < 6.0), g, 0.0)},
             reference=lambda x: np.clip(x, 0, 6), samples=[*_SAMPLES, _EDGES, Sample(integers(4, low=-5))])
def relu6(features, name=None):
    """min(max(x, 0), 6), element by element; NaN of NaN.  The gradient at 0 and at 6 is 0.

    >>> import numbaflow as nf
    >>> nf.nn.relu6([-1.0, 2.0, 9.0]).numpy().tolist()
    [0.0, 2.0, 6.0]
    """


@elementwise(scalar.leaky_relu, kinds="f",
             grads={"features": lambda g, features, alpha: select(features > 0.0, g, alpha * g),
                    "alpha": lambda g, features: select(features > 0.0, 0.0, g * features)},
             reference=lambda x, alpha=0.2: np.where(x < 0, alpha * x, x).astype(x.dtype),
             samples=[*_SAMPLES, _EDGES, Sample(normal(3, 4), 0.01), Sample(normal(3, 4), alpha=given(0.3))])
def leaky_relu(features, alpha=0.2, name=None):
    """x, or alpha * x where x < 0, element by element.

    >>> import numbaflow as nf
    >>> nf.nn.leaky_relu([-1.0, 2.0], alpha=0.5).numpy().tolist()
    [-0.5, 2.0]
    """


@elementwise(scalar.elu, kinds="f", grads={"features": lambda g, y: select(y < 0.0, g * (y + 1.0), g)},
             reference=lambda x: np.where(x < 0, np.expm1(np.minimum(x, 0)), x), samples=[*_SAMPLES, _EDGES])
def elu(features, name=None):
    """x, or exp(x) - 1 where x < 0, element by element (Clevert et al. 2015).

    >>> import numbaflow as nf
    >>> nf.nn.elu([-1.0, 2.0]).numpy().round(4)
    array([-0.6321,  2.    ], dtype=float32)
    """


_SELU = 1.0507009873554805
_SELU_ALPHA = 1.7580993408473768


@elementwise(scalar.selu, kinds="f",
             grads={"features": lambda g, y: select(y < 0.0, g * (y + _SELU_ALPHA), g * _SELU)},
             reference=lambda x: np.where(x < 0, _SELU_ALPHA * np.expm1(np.minimum(x, 0)),
                                          _SELU * x).astype(x.dtype),
             samples=[*_SAMPLES, _EDGES])
def selu(features, name=None):
    """1.0507 times (x, or 1.6733 * (exp(x) - 1) where x < 0), element by element (Klambauer et al. 2017).

    >>> import numbaflow as nf
    >>> nf.nn.selu([-1.0, 2.0]).numpy().round(4)
    array([-1.1113,  2.1014], dtype=float32)
    """


def crelu(features, name=None, axis=-1):
    """relu(x) and relu(-x) joined along an axis, which becomes twice as long (Shang et al. 2016).

    >>> import numbaflow as nf
    >>> nf.nn.crelu([[-1.0, 2.0]]).numpy().tolist()
    [[0.0, 2.0, 1.0, 0.0]]
    """
    return table.face("concat")([relu(features), relu(negative(features))], axis)


# ---- smooth rectifiers
@elementwise(scalar.softplus, kinds="f", grads={"features": lambda g, features: g * sigmoid(features)},
             reference=lambda x: np.logaddexp(0, x).astype(x.dtype), samples=_SAMPLES)
def softplus(features, name=None):
    """log(1 + exp(x)), element by element, without overflow.

    >>> import numbaflow as nf
    >>> nf.nn.softplus([0.0, 100.0]).numpy().round(4)
    array([  0.6931, 100.    ], dtype=float32)
    """


def _bounded(x, bound):
    """x in [-bound, bound], for factors of what is 0 beyond: infinities would make NaN of it."""
    return maximum(minimum(x, bound), -bound)


def _swish_rule(g, features):
    s = sigmoid(features)
    return g * s * (1.0 + _bounded(features, 1000.0) * (1.0 - s))


@elementwise(scalar.swish, kinds="f", grads={"features": _swish_rule},
             reference=lambda x: x / (1 + np.exp(-x)), samples=_SAMPLES)
def swish(features, name=None):
    """x * sigmoid(x), element by element (Ramachandran et al. 2017).

    >>> import numbaflow as nf
    >>> nf.nn.swish([0.0, 1.0]).numpy().round(4)
    array([0.    , 0.7311], dtype=float32)
    """


def _gelu_rule(g, features):
    below = 0.5 * erfc(-0.7071067811865476 * features)
    x = _bounded(features, 40.0)
    return g * (below + 0.3989422804014327 * x * exp(-0.5 * x * x))


def _gelu_reference(x):
    from scipy.special import ndtr
    return (x * ndtr(x)).astype(x.dtype)


@elementwise(scalar.gelu, kinds="f", grads={"features": _gelu_rule}, reference=_gelu_reference,
             samples=_SAMPLES)
def gelu(features, name=None):
    """x times the normal distribution function of x, element by element (Hendrycks & Gimpel 2016).

    >>> import numbaflow as nf
    >>> nf.nn.gelu([0.0, 1.0]).numpy().round(4)
    array([0.    , 0.8413], dtype=float32)
    """
