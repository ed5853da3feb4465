"""Random draws, the same numbers as the CPU's: the twin of `kernels.random`.

A thread makes a Philox block and stores its elements where `kernels.random` says.  Seed and counter are read
on the device, from the key: nothing waits for its values.
"""
import functools
import math
from operator import index  # noqa: F401  (as are some names below: for what is ported)

import numpy as np

from .. import random as cpu
from ..philox import block
from ..random import (  # noqa: F401
    _BOOL,
    _EXPONENTIAL,
    _NORMAL,
    _TRUNCATED,
    _UINT32,
    _UNIFORM,
    LANES,
    _below,
    _float_kernel,
    _integer_interval,
    _interval,
    _words,
    wrapped,
)
from . import backend
from .arrays import empty
from .elementwise import cast
from .jit import cuda, device, kernel
from .ported import ported

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
_converted = cast
bits = ported(cpu.bits, globals())
uniform = ported(cpu.uniform, globals())
_integers = ported(cpu._integers, globals())
normal = ported(cpu.normal, globals())
truncated_normal = ported(cpu.truncated_normal, globals())
exponential = ported(cpu.exponential, globals())
bernoulli = ported(cpu.bernoulli, globals())
