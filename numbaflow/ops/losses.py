"""Losses of one prediction each, element by element: one kernel forward, one back."""
import numpy as np

from numbaflow.core.optable import Sample, elementwise, given, normal, uniform
from numbaflow.kernels import losses as kernels

from .activations import relu
from .arithmetic import abs
from .clipping import clip_by_value
from .comparison import select
from .exponential import log

__all__ = ["binary_cross_entropy", "hinge", "huber"]


EPSILON = 1e-7                  # in the kernel as well


def _binary(z, p, name=None):
    return -z * np.log(p + EPSILON) - (1 - z) * np.log(1 - p + EPSILON)


# (a scalar epsilon as third operand would have the kernel's loops go element by element)
@elementwise(kernels.binary_cross_entropy, kinds="f", reference=_binary,
             grads={"labels": lambda g, predictions:
                    g * (log(1.0 - predictions + EPSILON) - log(predictions + EPSILON)),
                    "predictions": lambda g, labels, predictions:
                    g * ((1.0 - labels) / (1.0 - predictions + EPSILON) - labels / (predictions + EPSILON))},
             samples=[Sample(uniform(3, 4), uniform(3, 4, low=0.1, high=0.9)),
                      Sample(given([0.0, 1.0, 1.0]), given([0.4, 0.25, 0.75])),
                      Sample(given([0.0, 1.0]), given([0.0, 1.0]), grad=False, rtol=1e-6)])
def binary_cross_entropy(labels, predictions, name=None):
    """The cross-entropy of probabilities of yes, element by element.

    It is -labels * log(predictions + 1e-7) - (1 - labels) * log(1 - predictions + 1e-7).

    Args:
        labels, predictions: floats from 0 to 1.
    """


def _huber(x, delta, name=None):
    e = np.abs(x)
    return np.where(e <= delta, e * e / 2, delta * e - delta * delta / 2)


@elementwise(kernels.huber, kinds="f", reference=_huber,
             grads={"errors": lambda g, errors, delta: g * clip_by_value(errors, -delta, delta),
                    "delta": lambda g, errors, delta: g * relu(abs(errors) - delta)},
             samples=[Sample(normal(3, 4, scale=3.0), 1.0), Sample(normal(3), 0.25)])
def huber(errors, delta, name=None):
    """e**2 / 2 up to e = delta and delta * e - delta**2 / 2 beyond, with e = |errors|, element by element.

    Args:
        errors: floats.
        delta: where the line begins that continues the half square.
    """


@elementwise(kernels.hinge, kinds="f", reference=lambda y, x: np.maximum(0, 1 - y * x),
             grads={"labels": lambda g, labels, logits: select(labels * logits < 1.0, -(g * logits), 0.0),
                    "logits": lambda g, labels, logits: select(labels * logits < 1.0, -(g * labels), 0.0)},
             samples=[Sample(given([[1.0, -1.0], [1.0, -1.0]]), normal(2, 2)), Sample(normal(5), normal(5))])
def hinge(labels, logits, name=None):
    """max(0, 1 - labels * logits), element by element.

    Args:
        labels: -1 or 1.
        logits: floats.
    """
