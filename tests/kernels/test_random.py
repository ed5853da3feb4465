"""Philox against its published answers; the draws against their distributions, with fixed seeds."""
import math

import numpy as np
import pytest
from numbaflow.kernels import jit, memory, philox, random
from numbaflow.kernels.jit import kernel
from scipy import stats

FLOATS = [np.float32, np.float64]
N = 200_000
SEED = 0x1234567890ABCDEF

DRAWS = {
    "uniform": lambda shape, dtype, seed, counter: random.uniform(shape, 0.0, 1.0, dtype, seed, counter),
    "normal": lambda shape, dtype, seed, counter: random.normal(shape, 0.0, 1.0, dtype, seed, counter),
    "truncated_normal":
        lambda shape, dtype, seed, counter: random.truncated_normal(shape, 0.0, 1.0, dtype, seed, counter),
    "exponential": lambda shape, dtype, seed, counter: random.exponential(shape, 1.0, dtype, seed, counter),
}
REFERENCES = {"uniform": stats.uniform(), "normal": stats.norm(), "truncated_normal": stats.truncnorm(-2, 2),
              "exponential": stats.expon()}
every_draw = pytest.mark.parametrize("name", DRAWS)
every_float = pytest.mark.parametrize("dtype", FLOATS)


@kernel
def _philox(c0, c1, c2, c3, k0, k1):
    return philox.philox(c0, c1, c2, c3, k0, k1)


@kernel
def _high_product(a, b):
    return philox.high_product(a, b)


@kernel
def _negative_log(out, u, v):
    for i in range(out.size):
        out[i] = philox.negative_log(u[i], v[i])


@kernel
def _circle(cos, sin, x):
    for i in range(x.size):
        cos[i], sin[i] = philox.circle(x[i], False)


def serial(monkeypatch):
    monkeypatch.setattr(jit, "PARALLEL_WORK", 1 << 62)


# ---- words
@pytest.mark.parametrize("run", [philox.philox, _philox], ids=["python", "compiled"])
@pytest.mark.parametrize(("words", "expected"), [      # Random123's kat_vectors, philox4x32 10
    ([0] * 6, [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]),
    ([0xFFFFFFFF] * 6, [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD]),
    ([0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344, 0xA4093822, 0x299F31D0],
     [0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1]),
])
def test_known_answers(run, words, expected):
    assert [int(w) for w in run(*map(np.uint64, words))] == expected


def test_elements_are_the_documented_words():
    n, seed, counter = 200, SEED, (7 << 32) + 5
    drawn = random.bits((n,), np.uint32, seed, counter)
    for i in range(n):
        index = i // 64 * 16 + i % 16
        words = philox.philox(*map(np.uint64, (index, 0, 5, 7, seed & 0xFFFFFFFF, seed >> 32)))
        assert drawn[i] == words[i // 16 % 4]


def test_high_product_is_exact():
    rng = np.random.default_rng(1)
    edges = [0, 1, 2**32 - 1, 2**32, 2**63, 2**64 - 1]
    values = edges + [int(n) for n in rng.integers(0, 2**64, 40, dtype=np.uint64)]
    for a in values:
        for b in values:
            assert int(_high_product(np.uint64(a), np.uint64(b))) == a * b >> 64


# ---- the scalar bodies
@every_float
def test_negative_log_keeps_relative_precision_at_both_ends(dtype):
    small = np.concatenate([np.geomspace(2.0**-65, 0.7, 4000), np.linspace(0.2, 0.74, 2000)]).astype(dtype)
    out = np.empty_like(small)
    _negative_log(out, small, 1 - small)
    np.testing.assert_allclose(out, -np.log(small.astype(np.longdouble)), rtol=3 * np.finfo(dtype).eps)
    small = small[small < 0.25]
    _negative_log(out[:small.size], 1 - small, small)
    expected = -np.log1p(-small.astype(np.longdouble))
    np.testing.assert_allclose(out[:small.size], expected, rtol=2 * np.finfo(dtype).eps)


@every_float
def test_circle(dtype):
    x = np.linspace(-1.0, 1.0, 5001, dtype=dtype)
    cos, sin = np.empty_like(x), np.empty_like(x)
    _circle(cos, sin, x)
    angle = x.astype(float) * (math.pi / 4)
    np.testing.assert_allclose(cos, np.cos(angle), rtol=2 * np.finfo(dtype).eps)
    np.testing.assert_allclose(sin, np.sin(angle), rtol=2 * np.finfo(dtype).eps)


# ---- distributions
@every_float
@every_draw
def test_distribution(name, dtype):
    for counter in (1, 2):
        sample = DRAWS[name]((N,), dtype, SEED, counter)
        assert sample.dtype == dtype
        assert stats.kstest(sample.astype(np.float64), REFERENCES[name].cdf).pvalue > 1e-3
        # the tails, which Kolmogorov and Smirnov hardly see
        for q in (1e-4, 1e-3):
            for count in ((sample < REFERENCES[name].ppf(q)).sum(), (sample > REFERENCES[name].isf(q)).sum()):
                assert abs(count - N * q) < 4.5 * math.sqrt(N * q)


@every_float
@every_draw
def test_moments(name, dtype):
    sample = DRAWS[name]((1000, 1000), dtype, 3, 9).astype(np.float64)
    mean, variance, skew, kurtosis = REFERENCES[name].stats("mvsk")
    deviation = math.sqrt(variance)
    assert abs(sample.mean() - mean) < 4.5 * deviation / 1000
    assert abs(sample.var() - variance) < 4.5 * variance * math.sqrt(kurtosis + 2) / 1000
    assert abs(stats.skew(sample, axis=None) - skew) < 0.05


@every_float
@every_draw
def test_neighbours_and_streams_are_independent(name, dtype):
    first, second, other_seed = (
        DRAWS[name]((N,), dtype, seed, counter).astype(np.float64)
        for seed, counter in ((5, 0), (5, 1), (6, 0)))
    bound = 4.5 / math.sqrt(N)
    for lag in (1, 2, 4, 16, 32, 48, 64, 1024):     # 16, 32 and 48: the words of one block
        assert abs(np.corrcoef(first[:-lag], first[lag:])[0, 1]) < bound
        square = (first - first.mean())**2
        assert abs(np.corrcoef(square[:-lag], square[lag:])[0, 1]) < bound
    for other in (second, other_seed):
        assert abs(np.corrcoef(first, other)[0, 1]) < bound


def test_words_are_uniform_in_every_bit_and_byte():
    words = random.bits((N,), np.uint32, 8, 1)
    ones = np.unpackbits(words.view(np.uint8)).reshape(N, 32).sum(0)
    assert np.abs(ones - N / 2).max() < 4.5 * math.sqrt(N) / 2
    assert stats.chisquare(np.bincount(words.view(np.uint8), minlength=256)).pvalue > 1e-3


def test_pairs_of_normals_point_everywhere():
    z = random.normal((N,), 0.0, 1.0, np.float32, 2, 2).reshape(-1, 2, 16).astype(np.float64)
    angle = np.arctan2(z[:, 1], z[:, 0]).ravel()
    assert stats.kstest(angle, stats.uniform(-math.pi, 2 * math.pi).cdf).pvalue > 1e-3
    radius = z[:, 0]**2 + z[:, 1]**2
    assert stats.kstest(radius.ravel() / 2, "expon").pvalue > 1e-3


@every_float
def test_scaling(dtype):
    for low, high in ((-3.0, 5.0), (2.0, 2.5)):
        sample = random.uniform((N,), low, high, dtype, 1, 1).astype(np.float64)
        assert stats.kstest((sample - low) / (high - low), "uniform").pvalue > 1e-3
    z = random.normal((1000,), 0.0, 1.0, dtype, 1, 1)
    np.testing.assert_allclose(random.normal((1000,), 3.0, -2.0, dtype, 1, 1), 3.0 - 2.0 * z, rtol=1e-5)
    z = random.truncated_normal((1000,), 0.0, 1.0, dtype, 1, 1)
    sample = random.truncated_normal((1000,), 3.0, 2.0, dtype, 1, 1)
    np.testing.assert_allclose(sample, 3.0 + 2.0 * z, rtol=1e-5)
    e = random.exponential((1000,), 1.0, dtype, 1, 1)
    np.testing.assert_allclose(random.exponential((1000,), 4.0, dtype, 1, 1), e / 4.0, rtol=1e-6)


# ---- ranges
@every_float
def test_uniform_never_reaches_maxval(dtype):
    eps = np.finfo(dtype).eps
    for low, high in ((0.0, 1.0), (1.0, 1.0 + 2 * eps), (-1.0, -1.0 + eps), (1e6, 1e6 + 1), (-0.3, 0.1),
                      (0.0, 1e-44)):
        low, high = dtype(low), dtype(high)
        sample = random.uniform((N,), low, high, dtype, 4, 4)
        assert sample.min() >= low
        assert sample.max() < high or low == high
    assert (random.uniform((100,), 2.0, 2.0, dtype, 4, 4) == 2.0).all()
    backwards = random.uniform((N,), 1.0, -1.0, dtype, 4, 4)
    assert -1.0 < backwards.min() < -0.99 < 0.99 < backwards.max() <= 1.0


@every_float
def test_truncated_normal_bounds(dtype):
    sample = random.truncated_normal((1_000_000,), 0.0, 1.0, dtype, 1, 5)
    assert 1.999 < np.abs(sample).max() <= 2.0
    sample = random.normal((1_000_000,), 0.0, 1.0, dtype, 1, 5)
    assert 4.4 < np.abs(sample).max() < 6.0
    assert (random.exponential((1_000_000,), 1.0, dtype, 1, 5) > 0.0).all()


@pytest.mark.parametrize(("dtype", "low", "high"), [
    (np.int32, 0, 10), (np.int32, -7, 6), (np.int64, 5, 6), (np.int8, -128, 128), (np.uint8, 250, 256),
    (np.int64, -2**63, -2**63 + 3), (np.uint64, 2**64 - 3, 2**64), (np.uint16, 0, 2**16)])
def test_integers_are_alike(dtype, low, high):
    sample = random.uniform((N,), low, high, dtype, 9, 9)
    assert sample.dtype == dtype
    counts = np.bincount((sample.astype(object) - low).astype(np.int64), minlength=high - low)
    assert counts.size == high - low
    if counts.size > 1:
        assert stats.chisquare(counts).pvalue > 1e-3


@pytest.mark.parametrize(("dtype", "low", "high"), [
    (np.int32, -2**31, 2**31), (np.uint32, 0, 2**32), (np.int64, 0, 2**32 + 1), (np.int64, -2**40, 2**50),
    (np.int64, -2**63, 2**63), (np.uint64, 0, 2**64), (np.uint64, 1, 2**64), (np.int64, -2**63, 2**62)])
def test_wide_integers(dtype, low, high):
    sample = random.uniform((N,), low, high, dtype, 2, 9)
    assert sample.dtype == dtype
    assert low <= int(sample.min())
    assert int(sample.max()) < high
    place = np.array([(int(n) - low) / (high - low) for n in sample[:50_000]])
    assert stats.kstest(place, "uniform").pvalue > 1e-3


@pytest.mark.parametrize("p", [0.0, 1e-3, 0.3, 0.5, 1.0])
def test_bernoulli(p):
    sample = random.bernoulli((N,), p, 6, 6)
    assert sample.dtype == np.bool_
    assert abs(sample.sum() - N * p) <= 4.5 * math.sqrt(N * p * (1 - p))


@pytest.mark.parametrize("dtype", [np.int8, np.uint16, np.int32, np.uint64])
def test_bits(dtype):
    sample = random.bits((3, 5, 7), dtype, 1, 2)
    assert (sample.shape, sample.dtype) == ((3, 5, 7), dtype)
    assert np.array_equal(sample.ravel()[:20], random.bits((20,), dtype, 1, 2))
    with pytest.raises(TypeError, match="integer type, got float32"):
        random.bits((3,), np.float32, 1, 2)


# ---- reproducibility
@every_float
@every_draw
def test_same_for_every_size_and_number_of_threads(name, dtype, monkeypatch):
    n = 100_003
    monkeypatch.setattr(jit, "PARALLEL_WORK", 0)
    whole = DRAWS[name]((n,), dtype, 11, 12)        # over threads, where there are any
    assert np.array_equal(whole, DRAWS[name]((n,), dtype, 11, 12))
    for size in (1, 15, 16, 17, 31, 32, 33, 63, 64, 65, 1000):
        assert np.array_equal(DRAWS[name]((size,), dtype, 11, 12), whole[:size])
    assert np.array_equal(DRAWS[name]((10, 2, 5), dtype, 11, 12).ravel(), whole[:100])
    serial(monkeypatch)
    assert np.array_equal(DRAWS[name]((n,), dtype, 11, 12), whole)
    for seed, counter in ((11, 13), (12, 12), (11 + 2**32, 12), (11, 12 + 2**32)):
        assert not np.array_equal(DRAWS[name]((1000,), dtype, seed, counter), whole[:1000])


def test_integers_and_flags_are_the_same_over_threads(monkeypatch):
    n = 70_001
    draws = [lambda: random.bits((n,), np.uint32, 3, 4), lambda: random.bernoulli((n,), 0.5, 3, 4),
             lambda: random.uniform((n,), 0, 100, np.int32, 3, 4),
             lambda: random.uniform((n,), 0, 2**40, np.int64, 3, 4)]
    monkeypatch.setattr(jit, "PARALLEL_WORK", 0)
    threaded = [draw() for draw in draws]
    serial(monkeypatch)
    for draw, expected in zip(draws, threaded, strict=True):
        assert np.array_equal(draw(), expected)


def test_seed_and_counter_count_modulo_two_to_the_64():
    expected = random.bits((10,), np.uint32, 2**64 - 1, 2**63)
    assert np.array_equal(random.bits((10,), np.uint32, -1, -2**63), expected)
    assert np.array_equal(random.bits((10,), np.uint32, np.int64(-1), np.uint64(2**63)), expected)
    assert len(random._words.serial.signatures) <= 2


def test_draws_are_kept_on_disk():
    for launcher in (random._uniform32, random._normal64, random._integer):
        assert len(jit.fingerprint(launcher.serial.py_func)) == 64


# ---- shapes and errors
@every_float
@every_draw
def test_empty_and_scalar_shapes(name, dtype):
    for shape in ((), (0,), (3, 0, 2), (1, 1)):
        sample = DRAWS[name](shape, dtype, 1, 1)
        assert (sample.shape, sample.dtype) == (shape, dtype)
    assert random.uniform((), 0, 5, np.int64, 1, 1).shape == ()
    assert random.bits((0, 3), np.uint8, 1, 1).shape == (0, 3)
    assert random.bernoulli((), 1.0, 1, 1)


def test_a_reused_buffer_is_filled_to_its_end():
    n = memory.LARGE // 4 + 33
    for _ in range(2):
        assert (random.uniform((n,), 1.0, 2.0, np.float32, 1, 1) >= 1.0).all()


@pytest.mark.parametrize(("call", "error", "message"), [
    (lambda: random.uniform((2,), 3, 3, np.int32, 1, 1), ValueError, "minval 3 and maxval 3"),
    (lambda: random.uniform((2,), 0, 300, np.uint8, 1, 1), ValueError, "<= 256 for uint8"),
    (lambda: random.uniform((2,), -1, 3, np.uint64, 1, 1), ValueError, "minval -1"),
    (lambda: random.uniform((2,), 0.5, 3, np.int64, 1, 1), TypeError, "float"),
    (lambda: random.uniform((2,), 0, np.inf, np.float64, 1, 1), ValueError, "must be finite"),
    (lambda: random.uniform((2,), -3e38, 3e38, np.float32, 1, 1), ValueError, "must be finite in float32"),
    (lambda: random.uniform((2,), 0, 1, np.complex64, 1, 1), TypeError, "got complex64"),
    (lambda: random.normal((2,), 0, 1, np.int32, 1, 1), TypeError, "float32 or float64, got int32"),
    (lambda: random.truncated_normal((2,), 0, 1, np.float16, 1, 1), TypeError, "got float16"),
    (lambda: random.exponential((2,), 0.0, np.float32, 1, 1), ValueError, "positive, got 0.0"),
    (lambda: random.exponential((2,), math.nan, np.float32, 1, 1), ValueError, "positive, got nan"),
    (lambda: random.bernoulli((2,), 1.5, 1, 1), ValueError, "got 1.5"),
    (lambda: random.bernoulli((2,), math.nan, 1, 1), ValueError, "got nan"),
    (lambda: random.normal((2, -1), 0, 1, np.float32, 1, 1), ValueError, "negative"),
])
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()
