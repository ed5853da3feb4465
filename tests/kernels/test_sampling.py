"""Gamma, Poisson, categorical and permutations against their distributions, with fixed seeds."""
import math

import numpy as np
import pytest
from mpmath import mp
from numbaflow.kernels import jit, sampling
from numbaflow.kernels.jit import kernel
from scipy import special, stats

FLOATS = [np.float32, np.float64]
N = 100_000
every_float = pytest.mark.parametrize("dtype", FLOATS)


@kernel
def _log_probability(k, lam):
    return sampling.poisson_log_probability(k, lam)


def fits(counts, probabilities):
    """Chi-squared p-value; cells too rare for it are taken together and must not hold too many."""
    n = counts.sum()
    expected = probabilities * n
    rare = expected < 10
    if counts[rare].sum() > expected[rare].sum() + 5 * math.sqrt(expected[rare].sum() + 1e-3):
        return 0.0
    statistic = ((counts - expected)[~rare]**2 / expected[~rare]).sum()
    return stats.chi2.sf(statistic, max((~rare).sum() - 1, 1))


# ---- gamma
@every_float
@pytest.mark.parametrize("alpha", [0.2, 0.9, 1.0, 2.5, 40.0, 1e5])
def test_gamma(alpha, dtype):
    for counter in (1, 2):
        sample = sampling.gamma((N,), alpha, 2.0, dtype, 5, counter)
        assert sample.dtype == dtype
        assert stats.kstest(sample.astype(np.float64), stats.gamma(alpha, scale=0.5).cdf).pvalue > 1e-3


def test_gamma_of_tiny_alpha():
    sample = sampling.gamma((N,), 0.01, 1.0, np.float64, 5, 3)
    assert stats.kstest(sample, stats.gamma(0.01).cdf).pvalue > 1e-3


@every_float
def test_gamma_tails(dtype):
    sample = sampling.gamma((1_000_000,), 2.0, 1.0, dtype, 1, 1)
    for q in (1e-5, 1e-4):
        for count in ((sample < stats.gamma.ppf(q, 2.0)).sum(), (sample > stats.gamma.isf(q, 2.0)).sum()):
            assert abs(count - 1e6 * q) < 4.5 * math.sqrt(1e6 * q)


def test_gamma_broadcasts():
    alpha, beta = np.array([0.5, 3.0, 50.0]), np.array([[1.0], [10.0]])
    sample = sampling.gamma((20_000, 2, 3), alpha, beta, np.float32, 2, 2)
    np.testing.assert_allclose(sample.mean(0), alpha / beta, rtol=0.05)
    full = np.broadcast_to(alpha, (4, 3))
    expected = sampling.gamma((4, 3), alpha, 2.0, np.float64, 1, 1)
    assert np.array_equal(sampling.gamma((4, 3), full, np.full((4, 1), 2.0), np.float64, 1, 1), expected)
    assert np.array_equal(sampling.gamma((4, 3), full.T.copy().T, 2.0, np.float64, 1, 1), expected)
    assert sampling.gamma((0, 3), alpha, 1.0, np.float32, 1, 1).shape == (0, 3)
    assert sampling.gamma((), 2.0, 1.0, np.float32, 1, 1).shape == ()
    assert sampling.gamma((3, 0), np.zeros(0), 1.0, np.float32, 1, 1).shape == (3, 0)


def test_gamma_of_odd_parameters():
    alpha = np.array([0.0, -1.0, np.nan, np.inf, 1e-300, 1e300])
    sample = sampling.gamma((6,), alpha, 1.0, np.float64, 1, 1)
    assert np.isnan(sample[:3]).all()
    assert sample[4] == 0.0
    assert sample[5] == pytest.approx(1e300)


@pytest.mark.parametrize("alpha", [0.01, 0.3, 1.0, 4.0, 50.0, 3000.0])
def test_gamma_grad_alpha(alpha):
    x = stats.gamma.ppf([1e-3, 0.1, 0.5, 0.9, 0.9999], alpha)
    x = x[x > 0]
    with mp.workdps(30):
        def slope(value):
            density = mp.mpf(value)**(mp.mpf(alpha) - 1) * mp.exp(-value) / mp.gamma(alpha)
            return float(-mp.diff(lambda a: mp.gammainc(a, 0, value, regularized=True), alpha) / density)
        expected = [slope(value) for value in x]
    np.testing.assert_allclose(sampling.gamma_grad_alpha(alpha, x), expected, rtol=1e-12)
    narrow = x.astype(np.float32)
    normal = x > 1e-30
    slopes = sampling.gamma_grad_alpha(alpha, narrow)
    np.testing.assert_allclose(slopes[normal], np.array(expected)[normal], rtol=1e-5)


def test_gamma_grad_alpha_where_methods_meet():
    """Series, fraction and expansion agree across x = alpha + 1 and alpha = 1e5."""
    for alpha in (0.5, 7.0, 9.99e4):
        x = np.array([np.nextafter(alpha + 1.0, 0.0), alpha + 1.0])
        below, above = sampling.gamma_grad_alpha(alpha, x)
        assert below == pytest.approx(above, rel=1e-11)
    for z in (-3.0, 0.1, 4.0):
        x = 1e5 + z * math.sqrt(1e5)
        below, above = sampling.gamma_grad_alpha(np.array([1e5, np.nextafter(1e5, 2e5)]), np.array([x, x]))
        assert below == pytest.approx(above, rel=1e-8)


def test_gamma_grad_alpha_is_the_derivative_of_the_mean():
    alpha = 1.7
    sample = sampling.gamma((N,), alpha, 1.0, np.float64, 3, 3)
    slopes = sampling.gamma_grad_alpha(alpha, sample)
    assert slopes.mean() == pytest.approx(1.0, abs=5 * slopes.std() / math.sqrt(N))
    assert (2 * sample * slopes).mean() == pytest.approx(2 * alpha + 1, rel=0.05)       # of alpha**2 + alpha


def test_gamma_grad_alpha_of_odd_inputs():
    x = np.array([0.0, -1.0, np.nan, 1.0, 1.0, np.inf, 1e-320])
    alpha = np.array([1.0, 1.0, 1.0, 0.0, np.nan, 1.0, 2.0])
    slopes = sampling.gamma_grad_alpha(alpha, x)
    assert slopes[0] == 0.0
    assert np.isnan(slopes[1:5]).all()
    assert slopes[6] == pytest.approx(0.0)
    assert sampling.gamma_grad_alpha(1.0, np.zeros((2, 0))).shape == (2, 0)


# ---- Poisson
@pytest.mark.parametrize("lam", [0.0, 0.1, 3.0, 9.999, 10.0, 37.0, 1e4, 1e9])
def test_poisson(lam):
    for counter in (1, 2):
        sample = sampling.poisson((N,), lam, np.float64, 7, counter)
        low, high = stats.poisson.ppf([1e-4, 1 - 1e-4], lam)
        edges = np.unique(np.floor(np.linspace(low, high, 60)))
        counts = np.histogram(sample, np.r_[-1.0, edges, np.inf] + 0.5)[0]
        assert fits(counts, np.diff(np.r_[0.0, stats.poisson.cdf(edges, lam), 1.0])) > 1e-3


def test_poisson_log_probability():
    for lam in (10.0, 100.0, 1e6, 1e12):
        for z in (-3.0, -0.3, 0.0, 2.0, 6.0):
            k = math.floor(lam + z * math.sqrt(lam))
            with mp.workdps(50):
                exact = float(k * mp.log(mp.mpf(lam)) - lam - mp.loggamma(k + 1))
            assert _log_probability(float(k), lam) == pytest.approx(exact, abs=2e-10)


def test_poisson_dtypes_and_broadcast():
    lam = np.array([0.5, 4.0, 200.0])
    sample = sampling.poisson((20_000, 3), lam, np.float32, 1, 1)
    assert sample.dtype == np.float32
    np.testing.assert_allclose(sample.mean(0), lam, rtol=0.03)
    for dtype in (np.int32, np.int64, np.uint16):
        whole = sampling.poisson((20_000, 3), lam, dtype, 1, 1)
        assert whole.dtype == dtype
        assert np.array_equal(whole, sample)
    odd = sampling.poisson((4,), np.array([-1.0, np.nan, np.inf, 1e200]), np.float64, 1, 1)
    assert np.isnan(odd[:2]).all()
    assert odd[2] == np.inf
    assert odd[3] == pytest.approx(1e200)
    assert sampling.poisson((), 3.0, np.int32, 1, 1).shape == ()


# ---- categorical
@every_float
def test_categorical(dtype):
    no = -np.inf
    logits = np.array([[0.0, no, 1.0, 2.0, np.nan, np.inf], [5.0] * 6, [no, 900.0, -900.0, 901.0, 899.0, no],
                       [no, no, no, no, no, 3.0]], dtype)
    sample = sampling.categorical(logits, N, 4, 4)
    assert (sample.shape, sample.dtype) == ((4, N), np.int64)
    for row, drawn in zip(logits.astype(np.float64), sample, strict=True):
        expected = special.softmax(np.where(np.isfinite(row), row, -np.inf))
        counts = np.bincount(drawn, minlength=6)
        assert counts.size == 6
        assert (counts[expected == 0.0] == 0).all()
        assert fits(counts, expected) > 1e-3


def test_categorical_of_many_classes():
    logits = np.random.default_rng(0).normal(size=(3, 1000))
    sample = sampling.categorical(logits, 200_000, 1, 2)
    for row, drawn in zip(logits, sample, strict=True):
        assert fits(np.bincount(drawn, minlength=1000), special.softmax(row)) > 1e-3
    assert abs(np.corrcoef(sample[0], sample[1])[0, 1]) < 0.01
    assert np.array_equal(sampling.categorical(logits[:, ::2], 50, 1, 2),
                          sampling.categorical(logits[:, ::2].copy(), 50, 1, 2))


def test_categorical_shapes():
    assert sampling.categorical(np.zeros((3, 2)), 0, 1, 1).shape == (3, 0)
    assert sampling.categorical(np.zeros((0, 2)), 5, 1, 1).shape == (0, 5)
    assert (sampling.categorical(np.zeros((2, 1)), 5, 1, 1) == 0).all()


# ---- permutations
def test_permutation():
    for n in (0, 1, 2, 1000):
        assert np.array_equal(np.sort(sampling.permutation(n, 1, 1)), np.arange(n))
    orders = [tuple(sampling.permutation(4, 9, counter)) for counter in range(24_000)]
    names = sorted(set(orders))
    assert len(names) == 24
    assert stats.chisquare(np.bincount([names.index(order) for order in orders])).pvalue > 1e-3
    assert abs(stats.spearmanr(sampling.permutation(N, 3, 3), np.arange(N)).statistic) < 4.5 / math.sqrt(N)


def test_shuffle_keeps_rows_together():
    rows = np.arange(30).reshape(10, 3)
    shuffled = sampling.shuffle(rows, 2, 2)
    assert not np.array_equal(shuffled, rows)
    assert np.array_equal(shuffled, rows[sampling.permutation(10, 2, 2)])
    assert sampling.shuffle(np.zeros((0, 3)), 2, 2).shape == (0, 3)


# ---- reproducibility and errors
def test_same_for_one_and_many_threads(monkeypatch):
    lam = np.array([2.0, 30.0])
    draws = [lambda: sampling.gamma((10_000, 2), lam / 3, 1.0, np.float32, 5, 6),
             lambda: sampling.poisson((10_000, 2), lam, np.float32, 5, 6),
             lambda: sampling.categorical(np.zeros((100, 100)), 200, 5, 6),
             lambda: sampling.gamma_grad_alpha(2.0, np.linspace(0.1, 9.0, 20_000))]
    monkeypatch.setattr(jit, "PARALLEL_WORK", 0)
    threaded = [draw() for draw in draws]
    assert np.array_equal(draws[0](), threaded[0])
    monkeypatch.setattr(jit, "PARALLEL_WORK", 1 << 62)
    for draw, expected in zip(draws, threaded, strict=True):
        assert np.array_equal(draw(), expected)
    whole = sampling.gamma((20_000,), 0.7, 1.0, np.float32, 5, 6)
    assert np.array_equal(sampling.gamma((77,), 0.7, 1.0, np.float32, 5, 6), whole[:77])
    assert not np.array_equal(sampling.gamma((77,), 0.7, 1.0, np.float32, 5, 7), whole[:77])


def test_draws_are_kept_on_disk():
    for launcher in (sampling._gamma, sampling._gamma_grad_alpha, sampling._poisson, sampling._accumulate,
                     sampling._search):
        assert len(jit.fingerprint(launcher.serial.py_func)) == 64
    assert len(jit.fingerprint(sampling._permute.py_func)) == 64


@pytest.mark.parametrize(("call", "error", "message"), [
    (lambda: sampling.gamma((2,), 1.0, 1.0, np.int32, 1, 1), TypeError, "float32 or float64, got int32"),
    (lambda: sampling.gamma((2, 3), np.ones(2), 1.0, np.float32, 1, 1), ValueError, r"alpha, \(2,\)"),
    (lambda: sampling.gamma((2,), np.ones((3, 2)), 1.0, np.float32, 1, 1), ValueError, "not broadcast"),
    (lambda: sampling.gamma_grad_alpha(1.0, np.arange(3)), TypeError, "got int64"),
    (lambda: sampling.poisson((2,), -1.0, np.int32, 1, 1), ValueError, "at least 0 for int32, got -1.0"),
    (lambda: sampling.poisson((2,), 1.0, np.complex64, 1, 1), TypeError, "got complex64"),
    (lambda: sampling.categorical(np.zeros(3), 2, 1, 1), ValueError, r"got shape \(3,\)"),
    (lambda: sampling.categorical(np.zeros((2, 0)), 2, 1, 1), ValueError, r"got shape \(2, 0\)"),
    (lambda: sampling.categorical(np.zeros((2, 3), int), 2, 1, 1), TypeError, "got int64"),
    (lambda: sampling.categorical(np.array([[0.0], [-np.inf]]), 2, 1, 1), ValueError, "row 1 of logits"),
    (lambda: sampling.permutation(-1, 1, 1), ValueError, "got -1"),
    (lambda: sampling.shuffle(np.float32(1.0), 1, 1), ValueError, "needs an axis"),
])
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()
