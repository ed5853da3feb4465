"""Dropout: an op of a value and a key, linear in the value, which is its own gradient under the same key."""
import numpy as np

from numbaflow.core.abstract import TracingError
from numbaflow.core.errors import InvalidArgumentError
from numbaflow.core.infer import like
from numbaflow.core.optable import Sample, normal, op
from numbaflow.core.tensor import as_tensor
from numbaflow.kernels import dropout as kernels
from numbaflow.kernels.random import seed_and_counter

from . import draws
from .arguments import shape_of
from .casting import cast
from .random import random_key
from .sampling import bernoulli_draw, check_key

__all__ = ["dropout"]

_KEY = np.array([3, 14])


def _dropped(x, key, rate):
    kept = ~draws.bernoulli(x.shape, key, rate)
    return (x * kept / (1.0 - rate)).astype(x.dtype)


def _like_floats(x, key):
    if x.dtype.kind != "f":
        raise TypeError(f"expected floats, got {x.dtype}")
    check_key(key)
    return like(x)


@op(inputs="x key", infer=_like_floats, reference=_dropped,
    grads={"x": lambda g, key, rate: dropout_draw(g, key, rate), "key": None},
    samples=[Sample(normal(3, 4), _KEY, 0.5), Sample(normal(130), _KEY, 0.2), Sample(normal(), _KEY, 0.9),
             Sample(normal(0, 3), _KEY, 0.5)])
def dropout_draw(x, key, rate):
    """x / (1 - rate), or 0 with probability `rate`, each element by itself: a pure function of the key."""
    _like_floats(x, key)
    return kernels.dropout(x, rate, *seed_and_counter(key))


def dropout(x, keep_prob=None, noise_shape=None, seed=None, name=None, rate=None):
    """x with a part of its elements, drawn anew each time, set to 0, and the others scaled by 1 / (1 - rate).

    The scale keeps the expected sum the same (Srivastava et al. 2014).

    Args:
        x: floats.
        keep_prob: 1 - rate, in (0, 1]; the older way to say it.
        noise_shape: a shape that broadcasts to x's: where it has 1, elements are dropped together.  None in
            it stands for x's extent.
        seed: of a sequence of its own; see `set_random_seed`.
        rate: the probability that an element is dropped, in [0, 1).  With 0, x itself is returned.

    Raises:
        ValueError: both or neither of keep_prob and rate, one out of its range, x of integers, a noise_shape
            that does not broadcast.

    >>> import numbaflow as nf
    >>> nf.set_random_seed(1)
    >>> sorted(set(nf.nn.dropout(nf.ones([1000]), rate=0.75).numpy().tolist()))
    [0.0, 4.0]
    """
    x = as_tensor(x)
    if x._dtype.kind != "f":
        raise InvalidArgumentError("dropout: x has to be a floating point tensor since it is going to be "
                                   f"scaled, got {x.dtype.name}")
    rate = _rate(keep_prob, rate)
    if rate == 0.0:
        return x
    shape = None if noise_shape is None else _noise_shape(noise_shape, x._data.shape)
    key = random_key(seed)
    if shape is None or shape == x._data.shape:
        return dropout_draw(x, key, rate)
    dropped = cast(bernoulli_draw(shape, key, rate), x.dtype)
    return x * ((1.0 - dropped) * (1.0 / (1.0 - rate)))


def _rate(keep_prob, rate):
    if (keep_prob is None) == (rate is None):
        raise InvalidArgumentError("dropout: Cannot specify both 'rate' and 'keep_prob'" if rate is not None
                                   else "dropout: You must provide a rate")
    what, value, interval = "rate", rate, "[0, 1)"
    if keep_prob is not None:
        what, value, interval = "keep_prob", keep_prob, "(0, 1]"
    try:
        number = float(value)
    except TracingError:
        raise
    except (TypeError, ValueError):
        number = np.nan
    dropped = number if keep_prob is None else 1.0 - number
    if not 0.0 <= dropped < 1.0:
        raise InvalidArgumentError(f"dropout: {what} must be a scalar tensor or a float in the range "
                                   f"{interval}, got {value!r}")
    return dropped


def _noise_shape(noise_shape, shape):
    if isinstance(noise_shape, list | tuple) and len(noise_shape) == len(shape):
        noise_shape = tuple([n if m is None else m for m, n in zip(noise_shape, shape, strict=True)])
    noise = shape_of(noise_shape)
    lead = len(shape) - len(noise)
    if lead < 0 or any(m not in (1, n) for m, n in zip(noise, shape[lead:], strict=True)):
        raise InvalidArgumentError(f"dropout: noise_shape {noise} does not broadcast to the shape {shape} "
                                   "of x")
    return noise
