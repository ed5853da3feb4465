"""Random draws that reject, search or permute: gamma, Poisson, categorical, permutation.

Element i takes the words of block i, a new one each attempt, whose number is part of the block's counter: no
element depends on how often another one was rejected.
"""
import math

import numpy as np

from . import memory
from .jit import body, kernel, range_kernel
from .philox import block, box_muller, high_product, negative_log, unit64
from .random import bits, wrapped
from .recording import contiguous

_0 = np.uint64(0)
ATTEMPTS = 0xFFFF                 # the chance of this many rejections is nil; what is left then is nan
_INT64 = np.dtype(np.int64)


# ---- gamma
@body
def gamma_at(i, alpha, seed, counter):
    """A sample of density x**(alpha - 1) exp(-x) / gamma(alpha), nan unless alpha > 0."""
    if not alpha > 0.0:
        return np.nan
    if alpha >= 1.0:
        return _gamma_above_one(i, alpha, seed, counter)
    # For U uniform, gamma(alpha) is gamma(alpha + 1) U**(1 / alpha).
    w0, w1, _, _ = block(i, np.uint64(ATTEMPTS), seed, counter)
    u, v = unit64(w0, w1)
    return _gamma_above_one(i, alpha + 1.0, seed, counter) * math.exp(-negative_log(u, v) / alpha)


@body
def _gamma_above_one(i, alpha, seed, counter):
    """Marsaglia and Tsang 2000."""
    d = alpha - 0.333333333333333333
    c = 1.0 / math.sqrt(9.0 * d)
    for attempt in range(ATTEMPTS):
        w0, w1, w2, w3 = block(i, np.uint64(attempt), seed, counter)
        u, v = unit64(w0, w3)
        z, _ = box_muller(u, v, np.float64(np.int32(w1)) * 2.0**-31, w1)
        root = 1.0 + c * z
        if root <= 0.0:
            continue
        x = root * root * root
        u = (np.float64(w2) + 0.5) * 2.0**-32
        if u < 1.0 - 0.0331 * (z * z) * (z * z) or math.log(u) < 0.5 * z * z + d * (1.0 - x + math.log(x)):
            return d * x
    return np.nan


@range_kernel
def _gamma(out, alpha, beta, seed, counter, lo, hi):
    """out[i] = gamma_at(i, alpha[i]) / beta[i], alpha and beta repeated to out's length."""
    seed, counter = np.uint64(seed), np.uint64(counter)
    for i in range(lo, hi):
        out[i] = gamma_at(np.uint64(i), alpha[i % alpha.size], seed, counter) / beta[i % beta.size]


def gamma(shape, alpha, beta, dtype, seed, counter):
    """Density ~ x**(alpha - 1) exp(-beta x); alpha and beta broadcast to shape; nan where alpha <= 0.

    Where alpha is under about 0.01 many samples are too small for the dtype and come out as 0.
    """
    dtype = np.dtype(dtype)
    _check_float("gamma", dtype)
    return _fill(_gamma, shape, dtype, (_repeated("gamma", "alpha", alpha, shape),
                                        _repeated("gamma", "beta", beta, shape)), seed, counter)


@body
def digamma_above_zero(x):
    """log(gamma(x))' for x > 0: up the recurrence to 10, then the asymptotic series."""
    below = 0.0
    while x < 10.0:
        below += 1.0 / x
        x += 1.0
    t = 1.0 / (x * x)
    series = 0.0833333333333333333 - t * (0.00833333333333333333 - t * (
        0.00396825396825396825 - t * (0.00416666666666666667 - t * 0.00757575757575757576)))
    return math.log(x) - 0.5 / x - t * series - below


@body
def gamma_grad_alpha_at(alpha, x):
    """dx / dalpha of a sample x at a fixed quantile: -(dP(alpha, x) / dalpha) / density(x)."""
    if not (alpha > 0.0 and x >= 0.0):
        return np.nan
    if x == 0.0:
        return 0.0
    if alpha > 1e5:
        return _grad_large(alpha, x)
    return _grad_series(alpha, x) if x < alpha + 1.0 else _grad_fraction(alpha, x)


@body
def _grad_series(a, x):
    """From P(a, x) = x**a exp(-x) / gamma(a + 1) * sum of x**n / ((a + 1) ... (a + n))."""
    term, harmonic, total, slope = 1.0, 0.0, 1.0, 0.0
    k = a
    while term > 1e-17 * total:
        k += 1.0
        term *= x / k
        harmonic += 1.0 / k
        total += term
        slope -= term * harmonic
    return -x / a * (total * (math.log(x) - digamma_above_zero(a + 1.0)) + slope)


@body
def _grad_fraction(a, x):
    """From Legendre's continued fraction of 1 - P(a, x), by Lentz's method with derivatives by a."""
    b = x + 1.0 - a
    c, dc = 1e300, 0.0
    d = 1.0 / b
    dd = d * d
    h, dh = d, dd
    n, step, dstep = 0.0, 0.0, 0.0
    while n < 1e5 and abs(step - 1.0) + abs(dstep) > 1e-15:
        n += 1.0
        b += 2.0
        e = -n * (n - a)
        dd = n * d + e * dd - 1.0
        dc = n / c - e * dc / (c * c) - 1.0
        d = 1.0 / (e * d + b)
        dd = -dd * d * d
        c = b + e / c
        step, dstep = c * d, dc * d + c * dd
        dh = dh * step + h * dstep
        h = h * step
    return x * (h * (math.log(x) - digamma_above_zero(a)) + dh)


@body
def _grad_large(a, x):
    """From Cornish and Fisher's x = a + z sqrt(a) + (z**2 - 1) / 3 + (z**3 - 7 z) / (36 sqrt(a)) + ..."""
    root = math.sqrt(a)
    y = (x - a) / root
    z = y
    for _ in range(4):
        z = y - (z * z - 1.0) / (3.0 * root) - z * (z * z - 7.0) / (36.0 * a)
    return 1.0 + z / (2.0 * root) - z * (z * z - 7.0) / (72.0 * a * root)


@range_kernel
def _gamma_grad_alpha(out, alpha, sample, lo, hi):
    """out[i] = gamma_grad_alpha_at(alpha[i], sample[i]), alpha repeated to out's length."""
    for i in range(lo, hi):
        out[i] = gamma_grad_alpha_at(alpha[i % alpha.size], np.float64(sample[i]))


def gamma_grad_alpha(alpha, sample):
    """d(sample) / d(alpha) of gamma(alpha, beta=1), by implicit reparameterization (Figurnov et al. 2018)."""
    sample = np.asarray(sample)
    _check_float("gamma_grad_alpha", sample.dtype)
    alpha = _repeated("gamma_grad_alpha", "alpha", alpha, sample.shape)
    out = memory.empty(sample.shape, sample.dtype)
    _gamma_grad_alpha(out.size, 8 * out.size, out.ravel(), alpha, sample.ravel())
    return out


# ---- Poisson
@body
def poisson_at(i, lam, seed, counter):
    """A count, as float64, of probability exp(-lam) lam**k / k!; nan unless lam >= 0."""
    if lam >= 10.0:
        return _poisson_rejected(i, lam, seed, counter) if lam < 1e300 else lam
    w0, w1, _, _ = block(i, _0, seed, counter)
    u, _ = unit64(w0, w1)
    k, term = 0.0, math.exp(-lam)
    left = u - term
    while left > 0.0 and term > 0.0:
        k += 1.0
        term *= lam / k
        left -= term
    return k if lam >= 0.0 else np.nan


@body
def _poisson_rejected(i, lam, seed, counter):
    """Hoermann's PTRS (1993), transformed rejection with a squeeze."""
    b = 0.931 + 2.53 * math.sqrt(lam)
    a = -0.059 + 0.02483 * b
    for attempt in range(ATTEMPTS):
        w0, w1, w2, w3 = block(i, np.uint64(attempt), seed, counter)
        u, v = unit64(w0, w1)
        room = min(u, v)
        u = 0.5 * (u - v)
        v, _ = unit64(w2, w3)
        k = np.floor((2.0 * a / room + b) * u + lam + 0.43)     # math.floor would make an int64
        if room >= 0.07 and v <= 0.9277 - 3.6224 / (b - 2.0):
            return k
        if k < 0.0 or (room < 0.013 and v > room):
            continue
        hat = v * (1.1239 + 1.1328 / (b - 3.4)) / (a / (room * room) + b)
        if math.log(hat) <= poisson_log_probability(k, lam):
            return k
    return np.nan


@body
def poisson_log_probability(k, lam):
    """k log(lam) - lam - log(k!), for large k without the cancellation of its terms (Loader 2000)."""
    if k < 10.0:
        return k * math.log(lam) - lam - math.lgamma(k + 1.0)
    e = (lam - k) / k
    t = 1.0 / (k * k)
    stirling = (0.0833333333333333333 - t * (0.00277777777777777778 - t * 0.000793650793650793651)) / k
    return k * (math.log1p(e) - e) - 0.5 * math.log(6.28318530717958648 * k) - stirling


@range_kernel
def _poisson(out, lam, seed, counter, lo, hi):
    """out[i] = poisson_at(i, lam[i]), lam repeated to out's length."""
    seed, counter = np.uint64(seed), np.uint64(counter)
    for i in range(lo, hi):
        out[i] = poisson_at(np.uint64(i), lam[i % lam.size], seed, counter)


def poisson(shape, lam, dtype, seed, counter):
    """Counts of mean lam, broadcast to shape; lam < 0 gives nan, or a ValueError for an integer dtype."""
    dtype = np.dtype(dtype)
    lam = _repeated("poisson", "lam", lam, shape)
    if dtype.kind == "f":
        _check_float("poisson", dtype)
        return _fill(_poisson, shape, dtype, (lam,), seed, counter)
    if dtype.kind not in "iu":
        raise TypeError(f"poisson: dtype must be a float or integer type, got {dtype}")
    if lam.size and not lam.min() >= 0.0:
        raise ValueError(f"poisson: lam must be at least 0 for {dtype}, got {lam.min()}")
    return _fill(_poisson, shape, np.dtype(np.float64), (lam,), seed, counter).astype(dtype)


# ---- categorical
@range_kernel
def _accumulate(totals, failed, logits, lo, hi):
    """totals[r, c] = sum over c' <= c of exp(logits[r, c'] - max of row r), of the finite logits."""
    for r in range(lo, hi):
        top, last = -np.inf, -1
        for c in range(logits.shape[1]):
            if math.isfinite(logits[r, c]):
                top, last = max(top, np.float64(logits[r, c])), c
        total = 0.0
        for c in range(logits.shape[1]):
            if math.isfinite(logits[r, c]):
                total += math.exp(np.float64(logits[r, c]) - top)
            totals[r, c] = total
        if last < 0:
            failed[0] = r
        for c in range(max(last, 0), logits.shape[1]):      # a search never goes past the last class there is
            totals[r, c] = np.inf
        totals[r, logits.shape[1]] = total


@range_kernel
def _search(out, totals, seed, counter, lo, hi):
    """out[r, s] = the first class whose total is over u times the row's."""
    seed, counter = np.uint64(seed), np.uint64(counter)
    samples, classes = out.shape[1], totals.shape[1] - 1
    for i in range(lo, hi):
        r = i // samples
        w0, w1, _, _ = block(np.uint64(i), _0, seed, counter)
        u, _ = unit64(w0, w1)
        target = u * totals[r, classes]
        first, count = 0, classes
        while count > 0:
            half = count // 2
            if totals[r, first + half] <= target:
                first, count = first + half + 1, count - half - 1
            else:
                count = half
        out[r, i - r * samples] = first


def check_logits(logits):
    if logits.ndim != 2 or (logits.shape[0] != 0 and logits.shape[1] == 0):
        raise ValueError(f"categorical: logits must be [batch, classes > 0], got shape {logits.shape}")


def categorical(logits, num_samples, seed, counter):
    """Classes, int64 [batch, num_samples], of probabilities softmax(logits) for logits [batch, classes].

    A logit of -inf, nan or inf is never drawn; a row with no finite logit is a ValueError.
    """
    logits = contiguous(logits)
    check_logits(logits)
    if logits.dtype.kind != "f":
        raise TypeError(f"categorical: logits must be float32 or float64, got {logits.dtype}")
    batch, classes = logits.shape
    totals = memory.empty((batch, classes + 1), np.dtype(np.float64))
    failed = np.full(1, -1)
    _accumulate(batch, 8 * logits.size, totals, failed, logits)
    if failed[0] >= 0:
        raise ValueError(f"categorical: row {failed[0]} of logits has no finite value")
    out = memory.empty((batch, num_samples), _INT64)
    _search(out.size, 8 * out.size, out, totals, wrapped(seed), wrapped(counter))
    return out


# ---- permutations
@kernel
def _permute(out, words):
    """Fisher and Yates: out[i] changes places with one of out[0..i], number words[i] (i + 1) // 2**64."""
    for i in range(out.size):
        out[i] = i
    for i in range(out.size - 1, 0, -1):
        j = high_product(words[i], np.uint64(i + 1))
        out[i], out[j] = out[j], out[i]


def check_count(n):
    if n < 0:
        raise ValueError(f"permutation: n must be at least 0, got {n}")


def permutation(n, seed, counter):
    """0 .. n - 1 in random order, int64."""
    check_count(n)
    out = memory.empty((n,), _INT64)
    _permute(out, bits((n,), np.uint64, seed, counter))
    return out


def shuffle(array, seed, counter):
    """The rows of an array along axis 0 in random order."""
    if array.ndim == 0:
        raise ValueError("shuffle: the array needs an axis to shuffle, got shape ()")
    return np.take(array, permutation(len(array), seed, counter), axis=0)


# ---- launches
def _fill(launcher, shape, dtype, parameters, seed, counter):
    out = memory.empty(shape, dtype)
    launcher(out.size, 8 * out.size, out.ravel(), *parameters, wrapped(seed), wrapped(counter))
    return out


def _check_float(op, dtype):
    if dtype not in (np.float32, np.float64):
        raise TypeError(f"{op}: dtype must be float32 or float64, got {dtype}")


def check_repeated(op, name, small, large):
    """ValueError unless a parameter of shape `small` broadcasts to `large`."""
    pairs = zip(small[::-1], large[::-1], strict=False)
    if len(small) > len(large) or any(n not in (1, m) for n, m in pairs):
        raise ValueError(f"{op}: {name}, {small}, does not broadcast to {large}")


def _repeated(op, name, value, shape):
    """value as float64 in one dimension, to be read modulo its length."""
    with np.errstate(invalid="ignore"):         # (a launch that is recorded has memory that means nothing)
        value = np.asarray(value, np.float64)
    if value.shape != tuple(shape)[len(shape) - value.ndim:]:
        check_repeated(op, name, value.shape, tuple(shape))
        value = np.broadcast_to(value, shape)
    return contiguous(value).ravel()
