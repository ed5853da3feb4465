"""Random draws, the same numbers as the CPU's: the twin of `kernels.random`.

A thread makes a Philox block and stores its elements where `kernels.random` says.  Seed and counter are read
on the device, from the key: nothing waits for its values.
"""
import functools
import math
from operator import index

import numpy as np

from .. import random as cpu
from ..philox import block
from ..random import LANES, wrapped
from . import backend
from .arrays import empty
from .elementwise import cast
from .jit import cuda, device, kernel

_INT64 = np.dtype(np.int64)
_0, _4, _15 = np.uint64(0), np.uint64(4), np.uint64(15)


# ---- keys
def seed_and_counter(key):
    """The two numbers of a key, integers [2], as views of it."""
    key = cast(key, _INT64)
    return key[:1], key[1:]


def on_device(number):
    """A seed or a counter, which may be a number of the host, as a device array int64 [1]."""
    if backend.current().is_array(number):
        return number
    return backend.current().from_host(np.array([wrapped(number)]))


# ---- draws
@device
def _none(a, b, c, d):
    return ()


@device
def _one(a, b, c, d):
    return (a,)


@device
def _two(a, b, c, d):
    return a, b


@device
def _four(a, b, c, d):
    return a, b, c, d


_FIRST = {0: _none, 1: _one, 2: _two, 4: _four}


@functools.cache
def _drawing(launcher, count):
    """The kernel of a draw of `kernels.random` with so many parameters."""
    store, first, elements = launcher.store, _FIRST[count], np.uint64(launcher.elements)

    @kernel
    def random_blocks(out, seed, counter, a, b, c, d):
        params, key, stream = first(a, b, c, d), np.uint64(seed[0]), np.uint64(counter[0])
        i, apart = np.uint64(cuda.grid(1)), np.uint64(cuda.gridsize(1))
        blocks = (np.uint64(out.size) // elements) << _4
        while i < blocks:
            w0, w1, w2, w3 = block(i, _0, key, stream)
            store(out, (i >> _4) * elements + (i & _15), w0, w1, w2, w3, params)
            i += apart
    return random_blocks


def _fill(launcher, shape, dtype, seed, counter, params):
    n = math.prod(shape)
    tiles = -(-n // launcher.elements)
    made = empty((tiles * launcher.elements,), dtype)       # whole tiles: threads store all that they make
    numbers = [np.float64(p) if type(p) is float else np.int64(p) for p in params]
    four = (*numbers, *numbers[:1] * 3, *[np.int64(0)] * 4)[:4]
    _drawing(launcher, len(params)).over(tiles * LANES, made, on_device(seed), on_device(counter), *four)
    return made[:n].reshape(shape)


# ---- launches
def bits(shape, dtype, seed, counter):
    """All values of an integer dtype alike."""
    dtype = np.dtype(dtype)
    if dtype.kind not in "iu":
        raise TypeError(f"bits: dtype must be an integer type, got {dtype}")
    n = math.prod(shape)
    words = _fill(cpu._words, (-(-n * dtype.itemsize // 4),), np.dtype(np.uint32), seed, counter, ())
    return words.view(dtype)[:n].reshape(shape)


def uniform(shape, minval, maxval, dtype, seed, counter):
    """Floats (24 or 53 bits) or integers in [minval, maxval)."""
    dtype = np.dtype(dtype)
    launcher = cpu._UNIFORM.get(dtype)
    if launcher is not None:
        params = cpu._interval(float(minval), float(maxval), dtype)
        return _fill(launcher, shape, dtype, seed, counter, params)
    if dtype.kind not in "iu":
        raise TypeError(f"uniform: dtype must be float32, float64 or an integer type, got {dtype}")
    launcher, made, params = cpu._integer_interval(index(minval), index(maxval), dtype)
    if launcher is None:
        return bits(shape, dtype, seed, counter)
    return cast(_fill(launcher, shape, made, seed, counter, params), dtype)


def normal(shape, mean, stddev, dtype, seed, counter):
    """mean + stddev z; |z| reaches 6.7 in float32, 9.4 in float64.  stddev may have any sign."""
    return _floats("normal", cpu._NORMAL, shape, dtype, seed, counter, (float(mean), float(stddev)))


def truncated_normal(shape, mean, stddev, dtype, seed, counter):
    """mean + stddev z for z normal given |z| <= 2."""
    return _floats("truncated_normal", cpu._TRUNCATED, shape, dtype, seed, counter,
                   (float(mean), float(stddev)))


def exponential(shape, rate, dtype, seed, counter):
    """Density rate exp(-rate x)."""
    if not rate > 0:
        raise ValueError(f"exponential: rate must be positive, got {rate}")
    return _floats("exponential", cpu._EXPONENTIAL, shape, dtype, seed, counter, (1.0 / rate,))


def _floats(op, launchers, shape, dtype, seed, counter, params):
    dtype = np.dtype(dtype)
    return _fill(cpu._float_kernel(op, launchers, dtype), shape, dtype, seed, counter, params)


def bernoulli(shape, p, seed, counter):
    """True with probability p, to 2**-33."""
    if not 0.0 <= p <= 1.0:
        raise ValueError(f"bernoulli: p must be in [0, 1], got {p}")
    return _fill(cpu._below, shape, np.dtype(np.bool_), seed, counter, (round(p * 2.0**32),))
