"""Random draws with a fixed number of words an element: uniform, normal, truncated, exponential, Bernoulli.

A draw takes a seed and a counter, both modulo 2**64; draws with different counters are independent streams.
Blocks are numbered in tiles of 16, the lanes of a vector.  With m elements a block (4 of one word, 2 of two)
element i is number i // 16 % m of block i // (16 m) * 16 + i % 16.
"""
import functools
import math
from operator import index

import numpy as np

from . import memory
from .jit import body, kernel, range_kernel
from .philox import (
    block,
    box_muller,
    high_product,
    negative_log,
    signed32,
    signed64,
    unit32,
    unit64,
    within_two,
)
from .recording import Cell

LANES = 16
_5, _6, _8, _16, _32, _48 = (np.uint64(n) for n in (5, 6, 8, 16, 32, 48))


# ---- draws
def draw(m):
    """Make a range kernel over tiles of a function that stores the m elements of one block, 16 apart.

    The function is store(out, i, w0, w1, w2, w3, params).  A last tile that is cut is made whole and aside:
    the same code makes every element.
    """
    def decorate(function):
        store = body(function)

        @kernel
        def fill(out, seed, counter, params, first, lo, hi):
            seed, counter = np.uint64(seed), np.uint64(counter)
            for t in range(lo, hi):
                start = np.uint64(t) * np.uint64(LANES)
                target = np.uint64(t - first) * np.uint64(m * LANES)
                for j in range(np.uint64(LANES)):
                    w0, w1, w2, w3 = block(start + j, np.uint64(0), seed, counter)
                    store(out, target + j, w0, w1, w2, w3, params)

        def fill_tiles(out, seed, counter, params, lo, hi):
            whole = min(hi, out.size // (m * LANES))
            fill(out, seed, counter, params, 0, lo, whole)
            if whole < hi:
                # (a global of this module named `empty` would be followed by jit.fingerprint)
                aside = np.empty(m * LANES, out.dtype)
                fill(aside, seed, counter, params, whole, whole, hi)
                rest = whole * m * LANES
                out[rest:] = aside[:out.size - rest]
        fill_tiles.__name__ = fill_tiles.__qualname__ = function.__name__
        fill_tiles.__doc__ = function.__doc__
        launcher = range_kernel(fill_tiles)
        launcher.elements, launcher.store = m * LANES, store
        return launcher
    return decorate


def from_words(convert):
    """A draw of four elements a block, each convert(word, params)."""
    convert = body(convert)

    def store(out, i, w0, w1, w2, w3, params):
        out[i] = convert(w0, params)
        out[i + _16] = convert(w1, params)
        out[i + _32] = convert(w2, params)
        out[i + _48] = convert(w3, params)
    return draw(4)(_named(store, convert))


def from_pairs(convert):
    """A draw of two elements a block, each convert(word, word, params)."""
    convert = body(convert)

    def store(out, i, w0, w1, w2, w3, params):
        out[i] = convert(w0, w1, params)
        out[i + _16] = convert(w2, w3, params)
    return draw(2)(_named(store, convert))


def _named(function, like):
    function.__name__, function.__doc__ = like.__name__, like.__doc__
    return function


@from_words
def _words(w, params):
    return np.uint32(w)


@from_words
def _uniform32(w, params):
    low, span, least, most = params
    x = np.float32(low) + np.float32(np.int32(w >> _8)) * np.float32(2.0**-24) * np.float32(span)
    return min(max(x, np.float32(least)), np.float32(most))


@from_pairs
def _uniform64(a, b, params):
    low, span, least, most = params
    u = (np.float64(np.int32(a >> _5)) * 2.0**26 + np.float64(np.int32(b >> _6))) * 2.0**-53
    return min(max(low + u * span, least), most)


@from_pairs
def _integer(a, b, params):
    """low + floor(u span) for span <= 2**32, u of 64 bits: probabilities hold to 2**-64."""
    low, span = params
    span = np.uint64(span)
    return np.int64(a * span + (b * span >> _32) >> _32) + np.int64(low)


@draw(1)
def _wide_integer(out, i, w0, w1, w2, w3, params):
    """low + floor(u span) for any span < 2**64, u of 128 bits."""
    low, span = params
    span = np.uint64(span)
    high, least = w0 << _32 | w1, w2 << _32 | w3
    middle = high * span + high_product(least, span)
    carry = np.uint64(middle < high * span)
    out[i] = np.int64(high_product(high, span) + carry) + np.int64(low)


@draw(4)
def _normal32(out, i, w0, w1, w2, w3, params):
    mean, stddev = np.float32(params[0]), np.float32(params[1])
    u, v = unit32(w0)
    z0, z1 = box_muller(u, v, signed32(w1), w1)
    u, v = unit32(w2)
    z2, z3 = box_muller(u, v, signed32(w3), w3)
    out[i] = mean + stddev * z0
    out[i + _16] = mean + stddev * z1
    out[i + _32] = mean + stddev * z2
    out[i + _48] = mean + stddev * z3


@draw(2)
def _normal64(out, i, w0, w1, w2, w3, params):
    mean, stddev = params
    u, v = unit64(w0, w1)
    z0, z1 = box_muller(u, v, signed64(w2, w3), w3)
    out[i] = mean + stddev * z0
    out[i + _16] = mean + stddev * z1


@from_words
def _truncated32(w, params):
    return np.float32(params[0]) + np.float32(params[1]) * within_two(signed32(w))


@from_pairs
def _truncated64(a, b, params):
    return params[0] + params[1] * within_two(signed64(a, b))


@from_words
def _exponential32(w, params):
    u, v = unit32(w)
    return np.float32(params[0]) * negative_log(u, v)


@from_pairs
def _exponential64(a, b, params):
    u, v = unit64(a, b)
    return params[0] * negative_log(u, v)


@from_words
def _below(w, params):
    return w < np.uint64(params[0])


# ---- launches
_MODULUS, _SIGN = 1 << 64, 1 << 63
_FLOAT32, _FLOAT64 = np.dtype(np.float32), np.dtype(np.float64)
_INT32, _INT64, _UINT32, _BOOL = (np.dtype(t) for t in (np.int32, np.int64, np.uint32, np.bool_))


def seed_and_counter(key):
    """The two numbers of a key, integers [2]."""
    return key.tolist()


def wrapped(n):
    """n modulo 2**64 as a signed number, so that Numba sees an int64 whatever n is."""
    if type(n) is Cell:
        return n
    return (index(n) + _SIGN) % _MODULUS - _SIGN


def _fill(launcher, shape, dtype, seed, counter, params):
    out = memory.empty(shape, dtype)
    n = out.size
    launcher(-(-n // launcher.elements), n, out.ravel(), wrapped(seed), wrapped(counter), params)
    return out


def _float_kernel(op, kernels, dtype):
    try:
        return kernels[dtype]
    except KeyError:
        raise TypeError(f"{op}: dtype must be float32 or float64, got {dtype}") from None


_UNIFORM = {_FLOAT32: _uniform32, _FLOAT64: _uniform64}
_NORMAL = {_FLOAT32: _normal32, _FLOAT64: _normal64}
_TRUNCATED = {_FLOAT32: _truncated32, _FLOAT64: _truncated64}
_EXPONENTIAL = {_FLOAT32: _exponential32, _FLOAT64: _exponential64}


def bits(shape, dtype, seed, counter):
    """All values of an integer dtype alike."""
    dtype = np.dtype(dtype)
    if dtype.kind not in "iu":
        raise TypeError(f"bits: dtype must be an integer type, got {dtype}")
    n = math.prod(shape)
    words = _fill(_words, (-(-n * dtype.itemsize // 4),), _UINT32, seed, counter, ())
    return words.view(dtype)[:n].reshape(shape)


def uniform(shape, minval, maxval, dtype, seed, counter):
    """Floats (24 or 53 bits) or integers in [minval, maxval)."""
    dtype = np.dtype(dtype)
    launcher = _UNIFORM.get(dtype)
    if launcher is None:
        return _integers(shape, minval, maxval, dtype, seed, counter)
    return _fill(launcher, shape, dtype, seed, counter, _interval(float(minval), float(maxval), dtype))


@functools.lru_cache(maxsize=256)
def _interval(minval, maxval, dtype):
    """low, span, least and most: what rounds to maxval becomes its neighbour."""
    low, high = dtype.type(minval), dtype.type(maxval)
    with np.errstate(over="ignore", invalid="ignore"):
        span, last = high - low, np.nextafter(high, low)
    if not np.isfinite(span):
        raise ValueError(f"uniform: maxval - minval must be finite in {dtype}, "
                         f"got minval {minval} and maxval {maxval}")
    return float(low), float(span), float(min(low, last)), float(max(low, last))


def _integers(shape, minval, maxval, dtype, seed, counter):
    if dtype.kind not in "iu":
        raise TypeError(f"uniform: dtype must be float32, float64 or an integer type, got {dtype}")
    launcher, made, params = _integer_interval(index(minval), index(maxval), dtype)
    if launcher is None:
        return bits(shape, dtype, seed, counter)
    return _converted(_fill(launcher, shape, made, seed, counter, params), dtype)


def _converted(x, dtype):
    return x if x.dtype == dtype else x.astype(dtype)


@functools.lru_cache(maxsize=256)
def _integer_interval(minval, maxval, dtype):
    """The kernel, the dtype it fills and its parameters; no kernel where all 64 bits are free."""
    limits = np.iinfo(dtype)
    if not limits.min <= minval < maxval <= limits.max + 1:
        raise ValueError(f"uniform: need {limits.min} <= minval < maxval <= {limits.max + 1} for {dtype}, "
                         f"got minval {minval} and maxval {maxval}")
    span = maxval - minval
    if span == _MODULUS:
        return None, None, None
    launcher = _integer if span <= 1 << 32 else _wide_integer
    return launcher, _INT32 if dtype == _INT32 else _INT64, (wrapped(minval), wrapped(span))


def normal(shape, mean, stddev, dtype, seed, counter):
    """mean + stddev z; |z| reaches 6.7 in float32, 9.4 in float64.  stddev may have any sign."""
    dtype = np.dtype(dtype)
    launcher = _float_kernel("normal", _NORMAL, dtype)
    return _fill(launcher, shape, dtype, seed, counter, (float(mean), float(stddev)))


def truncated_normal(shape, mean, stddev, dtype, seed, counter):
    """mean + stddev z for z normal given |z| <= 2."""
    dtype = np.dtype(dtype)
    launcher = _float_kernel("truncated_normal", _TRUNCATED, dtype)
    return _fill(launcher, shape, dtype, seed, counter, (float(mean), float(stddev)))


def exponential(shape, rate, dtype, seed, counter):
    """Density rate exp(-rate x)."""
    dtype = np.dtype(dtype)
    launcher = _float_kernel("exponential", _EXPONENTIAL, dtype)
    if not rate > 0:
        raise ValueError(f"exponential: rate must be positive, got {rate}")
    return _fill(launcher, shape, dtype, seed, counter, (1.0 / rate,))


def bernoulli(shape, p, seed, counter):
    """True with probability p, to 2**-33."""
    if not 0.0 <= p <= 1.0:
        raise ValueError(f"bernoulli: p must be in [0, 1], got {p}")
    return _fill(_below, shape, _BOOL, seed, counter, (round(p * 2.0**32),))
