"""Random draws that reject, search or permute, a thread an element: the twin of `kernels.sampling`.

The words are the CPU's, and so are the samples, to the rounding of libdevice's functions.  Parameters that
the CPU refuses, for which it reads them, give samples of -1 here.
"""
import math

import numpy as np

from ..philox import block, high_product, unit64
from ..sampling import (
    _check_float,
    check_count,
    check_logits,
    check_repeated,
    gamma_at,
    gamma_grad_alpha_at,
    poisson_at,
)
from .arrays import contiguous, empty, full
from .blocks import WARP, block_reduce_max
from .elementwise import cast
from .jit import BLOCK, MOST_BLOCKS, cuda, kernel
from .random import bits, on_device

FLOAT64, INT64 = np.dtype(np.float64), np.dtype(np.int64)
_0 = np.uint64(0)


# ---- gamma
@kernel
def _gamma(out, alpha, beta, seed, counter):
    """out[i] = gamma_at(i, alpha[i]) / beta[i], alpha and beta repeated to out's length."""
    i, key, stream = cuda.grid(1), np.uint64(seed[0]), np.uint64(counter[0])
    while i < out.size:
        out[i] = gamma_at(np.uint64(i), alpha[i % alpha.size], key, stream) / beta[i % beta.size]
        i += cuda.gridsize(1)


def gamma(shape, alpha, beta, dtype, seed, counter):
    """Density ~ x**(alpha - 1) exp(-beta x); alpha and beta broadcast to shape; nan where alpha <= 0.

    Where alpha is under about 0.01 many samples are too small for the dtype and come out as 0.
    """
    dtype = np.dtype(dtype)
    _check_float("gamma", dtype)
    out = empty(shape, dtype)
    alpha, beta = _repeated("gamma", "alpha", alpha, shape), _repeated("gamma", "beta", beta, shape)
    _gamma.over(out.size, out.reshape(-1), alpha, beta, on_device(seed), on_device(counter))
    return out


@kernel
def _gamma_grad_alpha(out, alpha, sample):
    """out[i] = gamma_grad_alpha_at(alpha[i], sample[i]), alpha repeated to out's length."""
    i = cuda.grid(1)
    while i < out.size:
        out[i] = gamma_grad_alpha_at(alpha[i % alpha.size], np.float64(sample[i]))
        i += cuda.gridsize(1)


def gamma_grad_alpha(alpha, sample):
    """d(sample) / d(alpha) of gamma(alpha, beta=1), by implicit reparameterization (Figurnov et al. 2018)."""
    _check_float("gamma_grad_alpha", sample.dtype)
    alpha = _repeated("gamma_grad_alpha", "alpha", alpha, sample.shape)
    out = empty(sample.shape, sample.dtype)
    _gamma_grad_alpha.over(out.size, out.reshape(-1), alpha, contiguous(sample).reshape(-1))
    return out


# ---- Poisson
@kernel
def _poisson(out, lam, seed, counter):
    """out[i] = poisson_at(i, lam[i]), lam repeated to out's length."""
    i, key, stream = cuda.grid(1), np.uint64(seed[0]), np.uint64(counter[0])
    while i < out.size:
        out[i] = poisson_at(np.uint64(i), lam[i % lam.size], key, stream)
        i += cuda.gridsize(1)


@kernel
def _whole_poisson(out, lam, seed, counter):
    """The same for integers; -1 where there is no such distribution."""
    i, key, stream = cuda.grid(1), np.uint64(seed[0]), np.uint64(counter[0])
    while i < out.size:
        mean = lam[i % lam.size]
        out[i] = np.int64(poisson_at(np.uint64(i), mean, key, stream)) if mean >= 0.0 else np.int64(-1)
        i += cuda.gridsize(1)


def poisson(shape, lam, dtype, seed, counter):
    """Counts of mean lam, broadcast to shape; lam < 0 gives nan, or -1 for an integer dtype."""
    dtype = np.dtype(dtype)
    lam = _repeated("poisson", "lam", lam, shape)
    if dtype.kind == "f":
        _check_float("poisson", dtype)
    elif dtype.kind not in "iu":
        raise TypeError(f"poisson: dtype must be a float or integer type, got {dtype}")
    out = empty(shape, dtype)
    counts = _poisson if dtype.kind == "f" else _whole_poisson
    counts.over(out.size, out.reshape(-1), lam, on_device(seed), on_device(counter))
    return out


# ---- categorical
@kernel
def _accumulate(totals, logits, rows, classes):
    """totals[r, c] = sum over c' <= c of exp(logits[r, c'] - max of row r), of the finite logits."""
    thread, threads, row = cuda.threadIdx.x, cuda.blockDim.x, np.int64(cuda.blockIdx.x)
    sums = cuda.shared.array(BLOCK, np.float64)
    share = (classes + threads - 1) // threads                  # neighbouring classes are a thread's
    first, end = min(thread * share, classes), min((thread + 1) * share, classes)
    while row < rows:
        start, to = row * classes, row * (classes + 1)
        top, last, total = -np.inf, np.int64(-1), 0.0
        for c in range(first, end):
            if math.isfinite(logits[start + c]):
                top, last = max(top, np.float64(logits[start + c])), np.int64(c)
        top, last = block_reduce_max(top), block_reduce_max(last)
        for c in range(first, end):
            if math.isfinite(logits[start + c]):
                total += math.exp(np.float64(logits[start + c]) - top)
        sums[thread] = total
        apart = 1
        while apart < threads:                                  # sums of all threads until this one
            cuda.syncthreads()
            before = sums[thread - apart] if thread >= apart else 0.0
            cuda.syncthreads()
            sums[thread] += before
            apart *= 2
        cuda.syncthreads()
        total = sums[thread - 1] if thread > 0 else 0.0
        for c in range(first, end):
            if math.isfinite(logits[start + c]):
                total += math.exp(np.float64(logits[start + c]) - top)
            # a search never goes past the last class there is
            totals[to + c] = total if c < last else np.inf
        if thread == 0:
            totals[to + classes] = sums[threads - 1] if last >= 0 else -1.0
        cuda.syncthreads()
        row += cuda.gridDim.x


@kernel
def _search(out, totals, samples, classes, seed, counter):
    """out[r, s] = the first class whose total is over u times the row's."""
    i, key, stream = cuda.grid(1), np.uint64(seed[0]), np.uint64(counter[0])
    while i < out.size:
        row = i // samples * (classes + 1)
        w0, w1, _, _ = block(np.uint64(i), _0, key, stream)
        u, _ = unit64(w0, w1)
        whole = totals[row + classes]
        first, count = np.int64(0), np.int64(classes)
        while count > 0:
            half = count // 2
            if totals[row + first + half] <= u * whole:
                first, count = first + half + 1, count - half - 1
            else:
                count = half
        out[i] = first if whole >= 0.0 else np.int64(-1)
        i += cuda.gridsize(1)


def categorical(logits, num_samples, seed, counter):
    """Classes, int64 [batch, num_samples], of probabilities softmax(logits) for logits [batch, classes].

    A logit of -inf, nan or inf is never drawn; a row with no finite logit gives -1.
    """
    check_logits(logits)
    if logits.dtype.kind != "f":
        raise TypeError(f"categorical: logits must be float32 or float64, got {logits.dtype}")
    batch, classes = logits.shape
    out = empty((batch, num_samples), INT64)
    if out.size:
        totals = empty((batch * (classes + 1),), FLOAT64)
        threads = min(BLOCK, -(-classes // WARP) * WARP)
        _accumulate(min(batch, MOST_BLOCKS), threads, totals, contiguous(logits).reshape(-1), batch, classes)
        _search.over(out.size, out.reshape(-1), totals, num_samples, classes, on_device(seed),
                     on_device(counter))
    return out


# ---- permutations
# Step i = n - 1 .. 1 of Fisher and Yates's lets out[i] change places with out[j], j <= i, after which no step
# touches out[i].  What it gets was put at j by the last step before that chose j, the least m > i, which had
# it at m; if there is none it is j itself.  What step m had at m was put there by the last step before that
# chose m, and so on.  Few steps choose the same j, about log(n / j), and few lead from one to the next.
@kernel
def _choose(words, chosen, head, link):
    """chosen[i] = the j of step i; head[j], link[...] list the steps i > j that choose j, in any order"""
    i = cuda.grid(1)
    while i < words.size:
        j = np.int64(high_product(words[i], np.uint64(i + 1)))
        chosen[i] = j
        if j != i:
            link[i] = cuda.atomic.exch(head, j, i)
        i += cuda.gridsize(1)


@kernel
def _follow(chosen, head, link, out):
    """out = the permutation that all steps make"""
    i = cuda.grid(1)
    while i < out.size:
        place, above = chosen[i], np.int64(i)
        looking = True
        while looking:
            step, before = head[place], np.int64(-1)
            while step >= 0:
                if step > above and (before < 0 or step < before):
                    before = step
                step = link[step]
            looking = before >= 0
            if looking:
                place = above = before
        out[i] = place
        i += cuda.gridsize(1)


def permutation(n, seed, counter):
    """0 .. n - 1 in random order, int64."""
    check_count(n)
    chosen, link, out = [empty((n,), INT64) for _ in range(3)]
    head = full((n,), -1, INT64)
    _choose.over(n, bits((n,), np.uint64, seed, counter), chosen, head, link)
    _follow.over(n, chosen, head, link, out)
    return out


# ---- parameters
def _repeated(op, name, value, shape):
    """value as float64 in one dimension, to be read modulo its length."""
    value, shape = cast(value, FLOAT64), tuple(shape)
    if value.shape != shape[len(shape) - value.ndim:]:
        check_repeated(op, name, value.shape, shape)
        value = np.broadcast_to(value, shape)
    return contiguous(value).reshape(-1)
