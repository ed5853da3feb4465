"""TensorFlow's random functions: draws (see sampling.py) with keys from seeds.

`random_key` is the one place that keeps state.  set_random_seed makes everything after it repeatable; a
`seed=` is a sequence of its own, the same in every process; without either, the system's entropy is used.
"""
import itertools
import threading
from math import prod

import numpy as np

from numbaflow.core import dtypes
from numbaflow.core.abstract import Traced, current_trace
from numbaflow.core.errors import InvalidArgumentError
from numbaflow.core.later import of_known_values
from numbaflow.core.tensor import as_tensor, wrap

from .arguments import shape_of
from .casting import cast
from .index import gather
from .sampling import (
    as_dtype,
    bernoulli_draw,
    categorical_draw,
    gamma_draw,
    normal_draw,
    permutation_draw,
    poisson_draw,
    truncated_normal_draw,
    uniform_draw,
)
from .slicing import slice

__all__ = ["bernoulli", "categorical", "fold_in", "multinomial", "random_crop", "random_gamma", "random_key",
           "random_normal",
           "random_poisson", "random_shuffle", "random_uniform", "set_random_seed", "stateless_categorical",
           "stateless_gamma", "stateless_normal", "stateless_truncated_normal", "stateless_uniform",
           "truncated_normal"]


# ---- state
class _Sequences:
    """A seed of 64 bits and a counter for each pair (global seed, op seed) in use."""

    def __init__(self):
        self._lock = threading.Lock()
        self.restart(None)

    def restart(self, seed):
        with self._lock:
            self._global, self._running = seed, {}

    def key(self, seed):
        """The next (seed, counter) of an op seed's sequence, as int64."""
        running = self._running.get(seed)
        if running is None:
            with self._lock:
                running = self._running.setdefault(seed, (_mixed(self._global, seed), itertools.count()))
        start, counter = running
        return np.array((start, next(counter)), np.int64)


_DEFAULT = 87654321                 # the global seed where only an op has one, as in TensorFlow
_sequences = _Sequences()


def _mixed(first, second):
    """64 bits from two seeds, or from the system where both are None."""
    if first is None and second is None:
        entropy = None
    else:
        entropy = [_DEFAULT if first is None else first % 2**64, 0 if second is None else 1,
                   (second or 0) % 2**64]
    return int(np.random.SeedSequence(entropy).generate_state(1, np.uint64)[0].astype(np.int64))


class Keys:
    """What a compiled function asks for the next key of an op seed at the start of every call."""

    def __init__(self, seed=None):
        self.seed = seed

    def __call__(self):
        return _sequences.key(self.seed)


def random_key(seed=None):
    """A new key, the tensor [seed, counter]: the next of the sequence that belongs to this op seed.

    The only function here that gives something new each time; draws are pure functions of their key.  In a
    compiled function the key is an input, which every call takes from the same sequence.

    >>> import numbaflow as nf
    >>> nf.random.random_key(7).shape
    (2,)
    """
    trace = current_trace()
    if trace is not None:
        return trace.feed(Keys(seed), (2,), dtypes.INT64, "key")
    return wrap(_sequences.key(seed))


def fold_in(key, number):
    """The key that belongs to a key and a whole number: another for each number, below 2**31.

    The number goes into the upper half of the counter, where no sequence gets to; what is drawn there is the
    new key, so that keys may be folded again.

    >>> from numbaflow.ops.random import fold_in
    >>> fold_in([1, 2], 3).shape
    (2,)
    """
    at = (cast(number, dtypes.INT64) + 1) * np.array([0, 1 << 32])
    return uniform_draw((2,), cast(key, dtypes.INT64) + at, 0, 2**62, dtypes.INT64)


def set_random_seed(seed):
    """Set the global seed and start all sequences again; None takes it from the system's entropy.

    >>> import numbaflow as nf
    >>> nf.set_random_seed(1); a = nf.random_normal([3]); nf.set_random_seed(1)
    >>> bool(nf.reduce_all(nf.random_normal([3]) == a))
    True
    """
    _sequences.restart(None if seed is None else int(seed))


# ---- uniform and normal
def _is_number(value):
    return type(value) is float or type(value) is int or isinstance(value, np.number)


def _uniform(shape, key, minval, maxval, dtype):
    dtype, shape = as_dtype(dtype), shape_of(shape)
    if dtype.kind in "iu":
        if maxval is None:
            raise InvalidArgumentError("random_uniform: Must specify maxval for integer dtype")
        return uniform_draw(shape, key, _whole(minval), _whole(maxval), dtype)
    minval, maxval = 0.0 if minval is None else minval, 1.0 if maxval is None else maxval
    if _is_number(minval) and _is_number(maxval):
        return uniform_draw(shape, key, float(minval), float(maxval), dtype)
    minval = cast(minval, dtype)
    return uniform_draw(shape, key, 0.0, 1.0, dtype) * (cast(maxval, dtype) - minval) + minval


def _whole(bound):
    return int(as_tensor(bound).numpy()) if not isinstance(bound, int) else bound


def _located(draw, shape, key, mean, stddev, dtype):
    """A draw with a mean and stddev that may be tensors, in which it is then differentiable."""
    dtype, shape = as_dtype(dtype), shape_of(shape)
    if _is_number(mean) and _is_number(stddev):
        return draw(shape, key, float(mean), float(stddev), dtype)
    return draw(shape, key, 0.0, 1.0, dtype) * cast(stddev, dtype) + cast(mean, dtype)


@of_known_values("shape")
def random_uniform(shape, minval=0, maxval=None, dtype=dtypes.FLOAT32, seed=None, name=None):
    """Uniform numbers in [minval, maxval).

    Args:
        shape: of the result.
        minval, maxval: the bounds, numbers or tensors that broadcast; maxval is 1 for floats unless given.
        dtype: float32 or float64, or an integer type.
        seed: of a sequence of its own.

    >>> import numbaflow as nf
    >>> nf.random_uniform([2, 3]).shape
    (2, 3)
    """
    return _uniform(shape, random_key(seed), minval, maxval, dtype)


@of_known_values("shape")
def random_normal(shape, mean=0.0, stddev=1.0, dtype=dtypes.FLOAT32, seed=None, name=None):
    """Normal numbers.

    Args:
        shape: of the result.
        mean, stddev: numbers, or tensors that broadcast to shape, which then get gradients.
        dtype: float32 or float64.
        seed: of a sequence of its own.

    >>> import numbaflow as nf
    >>> nf.random_normal([2, 3]).shape
    (2, 3)
    """
    return _located(normal_draw, shape, random_key(seed), mean, stddev, dtype)


@of_known_values("shape")
def truncated_normal(shape, mean=0.0, stddev=1.0, dtype=dtypes.FLOAT32, seed=None, name=None):
    """Normal numbers less than two standard deviations from the mean.

    Args:
        shape: of the result.
        mean, stddev: those of the normal before it is cut, numbers or tensors that broadcast to shape.
        dtype: float32 or float64.
        seed: of a sequence of its own.

    >>> import numbaflow as nf
    >>> bool(nf.reduce_max(nf.truncated_normal([100])) <= 2.0)
    True
    """
    return _located(truncated_normal_draw, shape, random_key(seed), mean, stddev, dtype)


def bernoulli(shape, p=0.5, dtype=dtypes.BOOL, seed=None, name=None):
    """True, or 1, with probability p.

    >>> import numbaflow as nf
    >>> nf.random.bernoulli([2], p=1.0, dtype=nf.float32).numpy().tolist()
    [1.0, 1.0]
    """
    drawn, dtype = bernoulli_draw(shape_of(shape), random_key(seed), p), dtypes.as_numpy(dtype)
    return drawn if dtype is dtypes.BOOL else cast(drawn, dtype)


# ---- gamma, Poisson, categories
def _gamma(shape, key, alpha, beta, dtype):
    alpha, beta = cast(alpha, dtype), cast(1.0 if beta is None else beta, dtype)
    shape = shape_of(shape) + np.broadcast_shapes(alpha._data.shape, beta._data.shape)
    return gamma_draw(shape, key, alpha, beta)


def random_gamma(shape, alpha, beta=None, dtype=dtypes.FLOAT32, seed=None, name=None):
    """Samples of density ~ x^(alpha - 1) exp(-beta x), differentiable in alpha and beta.

    Args:
        shape: of the samples of each distribution.
        alpha, beta: positive parameters that broadcast; beta is 1 unless given.
        dtype: float32 or float64.
        seed: of a sequence of its own.

    Returns:
        A tensor of shape [*shape, *shape of alpha and beta].

    >>> import numbaflow as nf
    >>> nf.random_gamma([10], [0.5, 1.5]).shape
    (10, 2)
    """
    return _gamma(shape, random_key(seed), alpha, beta, dtype)


def random_poisson(lam, shape, dtype=dtypes.FLOAT32, seed=None, name=None):
    """Poisson counts.

    Args:
        lam: the means.
        shape: of the samples for each mean.
        dtype: a float or integer type.
        seed: of a sequence of its own.

    Returns:
        A tensor of shape [*shape, *shape of lam].

    >>> import numbaflow as nf
    >>> nf.random_poisson([0.5, 1.5], [10]).shape
    (10, 2)
    """
    lam = as_tensor(lam)
    return poisson_draw(shape_of(shape) + lam._data.shape, random_key(seed), lam, dtypes.as_numpy(dtype))


def categorical(logits, num_samples, dtype=None, seed=None, name=None):
    """Classes drawn with probabilities softmax(logits).

    Args:
        logits: [batch, classes]; a logit of -inf is never drawn.
        num_samples: how many for each row.
        dtype: int64 unless given.
        seed: of a sequence of its own.

    Returns:
        A tensor [batch, num_samples].

    >>> import numbaflow as nf
    >>> nf.random.categorical([[0.0, 100.0], [100.0, 0.0]], 2).numpy().tolist()
    [[1, 1], [0, 0]]
    """
    drawn = categorical_draw(logits, random_key(seed), num_samples)
    return drawn if dtype is None else cast(drawn, dtype)


def multinomial(logits, num_samples, seed=None, name=None, output_dtype=None):
    """`categorical` under its older name and order of arguments.

    >>> import numbaflow as nf
    >>> nf.multinomial([[0.0, 100.0]], 2).numpy().tolist()
    [[1, 1]]
    """
    return categorical(logits, num_samples, output_dtype, seed)


# ---- order and place
def random_shuffle(value, seed=None, name=None):
    """The rows of a tensor along its first axis in random order.

    >>> import numbaflow as nf
    >>> sorted(nf.random_shuffle([3, 1, 2]).numpy().tolist())
    [1, 2, 3]
    """
    value = as_tensor(value)
    if not value.ndim:
        raise InvalidArgumentError("random_shuffle: expected at least one axis to shuffle, got shape ()")
    return gather(value, permutation_draw(value._data.shape[0], random_key(seed)))


def random_crop(value, size, seed=None, name=None):
    """A piece of the given size, of all those in a tensor.

    Args:
        value: any tensor.
        size: the shape of the piece, no larger than the tensor in any axis.

    >>> import numbaflow as nf
    >>> nf.random_crop(nf.zeros([5, 5]), [2, 3]).shape
    (2, 3)
    """
    value, size = as_tensor(value), shape_of(size)
    room = [n - m for n, m in zip(value._data.shape, size, strict=True)] if value.ndim == len(size) else [-1]
    if min(room, default=0) < 0:
        raise InvalidArgumentError(f"random_crop: Need value.shape >= size, got {value._data.shape} and "
                                   f"{size}")
    places = prod(n + 1 for n in room)
    place = uniform_draw((), random_key(seed), 0, places, dtypes.INT64)
    if isinstance(place, Traced):
        return _piece(value, place, [n + 1 for n in room], size)
    return slice(value, np.unravel_index(int(place), [n + 1 for n in room]), size)


def _piece(value, place, rooms, size):
    """The piece at a place that is not known yet, an axis after the other."""
    for axis in reversed(range(len(rooms))):
        value = gather(value, place % rooms[axis] + np.arange(size[axis]), axis=axis)
        place = place // rooms[axis]
    return value


# ---- the same number each time
def stateless_uniform(shape, seed, minval=0, maxval=None, dtype=dtypes.FLOAT32, name=None):
    """Uniform numbers in [minval, maxval), the same for the same seed, which is two integers.

    >>> import numbaflow as nf
    >>> a, b = (nf.random.stateless_uniform([2], seed=[1, 2]) for _ in range(2))
    >>> bool(nf.reduce_all(a == b))
    True
    """
    return _uniform(shape, seed, minval, maxval, dtype)


def stateless_normal(shape, seed, mean=0.0, stddev=1.0, dtype=dtypes.FLOAT32, name=None):
    """Normal numbers, the same for the same seed, which is two integers.

    >>> import numbaflow as nf
    >>> nf.random.stateless_normal([2, 3], seed=[1, 2]).shape
    (2, 3)
    """
    return _located(normal_draw, shape, seed, mean, stddev, dtype)


def stateless_truncated_normal(shape, seed, mean=0.0, stddev=1.0, dtype=dtypes.FLOAT32, name=None):
    """Normal numbers less than two standard deviations from the mean, the same for the same seed.

    >>> import numbaflow as nf
    >>> nf.random.stateless_truncated_normal([2, 3], seed=[1, 2]).shape
    (2, 3)
    """
    return _located(truncated_normal_draw, shape, seed, mean, stddev, dtype)


def stateless_gamma(shape, seed, alpha, beta=None, dtype=dtypes.FLOAT32, name=None):
    """Samples of gamma distributions, the same for the same seed: [*shape, *shape of alpha and beta].

    >>> import numbaflow as nf
    >>> nf.random.stateless_gamma([2], seed=[1, 2], alpha=[1.0, 2.0, 3.0]).shape
    (2, 3)
    """
    return _gamma(shape, seed, alpha, beta, dtype)


def stateless_categorical(logits, num_samples, seed, dtype=dtypes.INT64, name=None):
    """Classes drawn with probabilities softmax(logits), the same for the same seed.

    >>> import numbaflow as nf
    >>> nf.random.stateless_categorical([[0.0, 100.0]], 2, seed=[1, 2]).numpy().tolist()
    [[1, 1]]
    """
    drawn, dtype = categorical_draw(logits, seed, num_samples), dtypes.as_numpy(dtype)
    return drawn if dtype is dtypes.INT64 else cast(drawn, dtype)
