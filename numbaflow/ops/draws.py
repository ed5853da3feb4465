"""Random draws in plain Python, an element at a time: what the kernels' draws are checked against.

Written from the definitions in kernels.philox and kernels.random with Python's integers and float64; the
kernels share no code with it.
"""
import math

import numpy as np

_WORD = (1 << 32) - 1


def words(block, attempt, seed, counter):
    """The four words of one Philox 4x32-10 block."""
    c = [block & _WORD, (block >> 32) | (attempt << 16), counter & _WORD, counter >> 32]
    k0, k1 = seed & _WORD, seed >> 32
    for _ in range(10):
        p, q = c[0] * 0xD2511F53, c[2] * 0xCD9E8D57
        c = [(q >> 32) ^ c[1] ^ k0, q & _WORD, (p >> 32) ^ c[3] ^ k1, p & _WORD]
        k0, k1 = (k0 + 0x9E3779B9) & _WORD, (k1 + 0xBB67AE85) & _WORD
    return c


def _elements(n, per_block, key):
    """For each of n elements, its block's words and its number in the block."""
    seed, counter = (int(v) % (1 << 64) for v in np.asarray(key))
    for i in range(n):
        block = i // (16 * per_block) * 16 + i % 16
        yield words(block, 0, seed, counter), i // 16 % per_block


def _filled(shape, dtype, values):
    return np.array(list(values), np.float64 if np.dtype(dtype).kind == "f"
                    else object).astype(dtype).reshape(shape)


def _unit(*parts):
    """(w + 1/2) / 2**bits of words, most significant first."""
    total = 0
    for w in parts:
        total = total << 32 | w
    return (total + 0.5) / 2.0 ** (32 * len(parts))


def uniform(shape, seed, minval, maxval, dtype):
    """low + u (high - low), of 24 or 53 bits; integers low + floor(u (high - low)), of 64."""
    dtype, n = np.dtype(dtype), math.prod(shape)
    if dtype == np.float32:
        values = (minval + (w[k] >> 8) / 2.0**24 * (maxval - minval) for w, k in _elements(n, 4, seed))
    elif dtype == np.float64:
        values = (minval + ((w[2 * k] >> 5) * 2**26 + (w[2 * k + 1] >> 6)) / 2.0**53 * (maxval - minval)
                  for w, k in _elements(n, 2, seed))
    else:
        values = (minval + ((w[2 * k] << 32 | w[2 * k + 1]) * (maxval - minval) >> 64)
                  for w, k in _elements(n, 2, seed))
    return _filled(shape, dtype, values)


def _box_muller(u, direction, bits):
    radius, angle = math.sqrt(-2.0 * math.log(u)), direction * math.pi / 4
    pair = (math.cos(angle), math.sin(angle))
    pair = pair[::-1] if bits & 1 else pair
    return tuple(-radius * v if bits & 2 else radius * v for v in pair)


def _signed(*parts):
    u = _unit(*parts)
    return 2.0 * u if u < 0.5 else 2.0 * u - 2.0


def normal(shape, seed, mean, stddev, dtype):
    """Box and Muller's normals."""
    n = math.prod(shape)
    if np.dtype(dtype) == np.float32:
        z = (_box_muller(_unit(w[k // 2 * 2]), _signed(w[k // 2 * 2 + 1]), w[k // 2 * 2 + 1])[k % 2]
             for w, k in _elements(n, 4, seed))
    else:
        z = (_box_muller(_unit(w[0], w[1]), _signed(w[2], w[3]), w[3])[k] for w, k in _elements(n, 2, seed))
    return _filled(shape, dtype, (mean + stddev * v for v in z))


def truncated_normal(shape, seed, mean, stddev, dtype):
    """The normal's quantiles between -2 and 2."""
    from scipy import special  # here, for it takes long to import

    n, edge = math.prod(shape), math.erf(math.sqrt(2.0))
    if np.dtype(dtype) == np.float32:
        x = (_signed(w[k]) for w, k in _elements(n, 4, seed))
    else:
        x = (_signed(w[2 * k], w[2 * k + 1]) for w, k in _elements(n, 2, seed))
    return _filled(shape, dtype, (mean + stddev * math.sqrt(2.0) * special.erfinv(v * edge) for v in x))


def bernoulli(shape, seed, p):
    """Words below p 2**32."""
    return np.array([w[k] < round(p * 2.0**32) for w, k in _elements(math.prod(shape), 4, seed)],
                    bool).reshape(shape)


def _blocks(key):
    seed, counter = (int(v) % (1 << 64) for v in np.asarray(key))
    return lambda i, attempt: words(i, attempt, seed, counter)


def gamma(shape, seed, alpha, beta, dtype):
    """Marsaglia and Tsang's, attempt by attempt."""
    draw = _blocks(seed)
    alpha, beta = (np.broadcast_to(v, shape).ravel() for v in (alpha, beta))

    def above_one(i, a):
        d, attempt = a - 1.0 / 3.0, 0
        while True:
            w = draw(i, attempt)
            z = _box_muller(_unit(w[0], w[3]), (w[1] - (w[1] >> 31 << 32)) / 2.0**31, w[1])[0]
            root = 1.0 + z / math.sqrt(9.0 * d)
            if root > 0.0 and math.log(_unit(w[2])) < 0.5 * z * z + d * (1.0 - root**3 + math.log(root**3)):
                return d * root**3
            attempt += 1

    def one(i, a):
        if a >= 1.0:
            return above_one(i, a)
        return above_one(i, a + 1.0) * _unit(*draw(i, 0xFFFF)[:2]) ** (1.0 / a)
    return _filled(shape, dtype, (one(i, float(a)) / float(b) for i, (a, b) in enumerate(zip(alpha, beta,
                                                                                             strict=True))))


def poisson(shape, seed, rate, dtype):
    """By inversion, for rates under 10."""
    draw, counts = _blocks(seed), []
    for i, lam in enumerate(np.broadcast_to(rate, shape).ravel().tolist()):
        k, term, left = 0, math.exp(-lam), _unit(*draw(i, 0)[:2])
        left -= term
        while left > 0:
            k += 1
            term *= lam / k
            left -= term
        counts.append(k)
    return _filled(shape, dtype, counts)


def categorical(logits, seed, num_samples):
    """The first class whose cumulated probability is over u."""
    draw = _blocks(seed)
    logits = np.asarray(logits, np.float64)
    totals = np.exp(logits - logits.max(-1, keepdims=True)).cumsum(-1)
    out = np.empty((len(logits), num_samples), np.int64)
    for i in range(out.size):
        r, s = divmod(i, num_samples)
        out[r, s] = np.searchsorted(totals[r], _unit(*draw(i, 0)[:2]) * totals[r, -1], "right")
    return out


def permutation(n, seed):
    """Fisher and Yates's, from the last."""
    order = np.arange(n)
    flat = [w[k] for w, k in _elements(2 * n, 4, seed)]
    for i in range(n - 1, 0, -1):
        j = (flat[2 * i + 1] << 32 | flat[2 * i]) * (i + 1) >> 64
        order[i], order[j] = order[j], order[i]
    return order
