"""Draws on a device: the CPU's numbers for the same key, bits where they are whole or uniform."""
import numpy as np
import pytest
from numbaflow.kernels import dropout, random, sampling
from numbaflow.kernels.cuda import (
    backend,
    dropout as gpu_dropout,
    random as gpu_random,
    sampling as gpu_sampling,
)

FLOATS = [np.float32, np.float64]
KEYS = [(12345, 67), (-1, 2**40), (2**63, 2**64 - 1)]
SHAPES = [(), (0,), (1,), (33,), (3, 70), (300,)]
every_float = pytest.mark.parametrize("dtype", FLOATS)
every_key = pytest.mark.parametrize("key", KEYS)


def compare(cpu, gpu, *args, key, close=0.0, arrays=()):
    """The CPU's draw and a device's, whose key is an array."""
    b = backend.current()
    on_device = gpu_random.seed_and_counter(b.from_host(np.array([k % 2**64 for k in key], np.uint64)))
    wanted = np.asarray(cpu(*arrays, *args, *key))
    found = gpu(*[b.from_host(x) for x in arrays], *args, *on_device)
    assert b.is_array(found)
    assert (found.dtype, found.shape) == (wanted.dtype, wanted.shape)
    np.testing.assert_allclose(b.to_host(found), wanted, close, close)


# ---- a fixed number of words an element
@every_key
@every_float
@pytest.mark.parametrize("shape", SHAPES)
def test_floats(shape, dtype, key):
    close = 2e-6 if dtype == np.float32 else 1e-14
    compare(random.uniform, gpu_random.uniform, shape, 0.0, 1.0, dtype, key=key)
    compare(random.uniform, gpu_random.uniform, shape, -2.0, 3.0, dtype, key=key, close=close)
    for cpu, gpu in [(random.normal, gpu_random.normal),
                     (random.truncated_normal, gpu_random.truncated_normal)]:
        compare(cpu, gpu, shape, 1.0, 0.5, dtype, key=key, close=close)
    compare(random.exponential, gpu_random.exponential, shape, 2.0, dtype, key=key, close=close)


@every_key
@pytest.mark.parametrize(("dtype", "low", "high"), [
    ("int32", -3, 100), ("int64", 0, 2**62), ("int64", -2**63, 2**63), ("uint64", 0, 2**64),
    ("uint8", 0, 256), ("int16", 0, 7), ("uint64", 5, 2**63 + 9)])
def test_integers(dtype, low, high, key):
    for shape in SHAPES:
        compare(random.uniform, gpu_random.uniform, shape, low, high, np.dtype(dtype), key=key)


@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint32", "int64"])
def test_bits(dtype):
    for shape in SHAPES:
        compare(random.bits, gpu_random.bits, shape, dtype, key=KEYS[1])


@pytest.mark.parametrize("p", [0.0, 0.3, 1.0])
def test_bernoulli(p):
    for shape in SHAPES:
        compare(random.bernoulli, gpu_random.bernoulli, shape, p, key=KEYS[0])


@every_float
@pytest.mark.parametrize("rate", [0.0, 0.2, 0.9])
def test_dropout(rate, dtype):
    for shape in SHAPES:
        x = np.random.default_rng(0).standard_normal(shape).astype(dtype)
        compare(dropout.dropout, gpu_dropout.dropout, rate, key=KEYS[1], arrays=[x])


def test_keys_may_be_numbers():
    b = backend.current()
    found = gpu_random.uniform((5,), 0, 10, np.int32, 3, 4)
    np.testing.assert_array_equal(b.to_host(found), random.uniform((5,), 0, 10, np.int32, 3, 4))


# ---- rejection, search, permutation
@every_key
@every_float
def test_gamma(dtype, key):
    b, rng = backend.current(), np.random.default_rng(0)
    alpha, beta = rng.uniform(0.2, 9.0, 7).astype(dtype), np.array(2.0, dtype)
    seed, counter = key
    close = 2e-6 if dtype == np.float32 else 1e-12
    for shape in [(7,), (9, 7), (0, 7)]:
        wanted = sampling.gamma(shape, alpha, beta, dtype, seed, counter)
        found = gpu_sampling.gamma(shape, b.from_host(alpha), b.from_host(beta), dtype, seed, counter)
        np.testing.assert_allclose(b.to_host(found), wanted, close)
        found = gpu_sampling.gamma_grad_alpha(b.from_host(alpha), b.from_host(wanted))
        np.testing.assert_allclose(b.to_host(found), sampling.gamma_grad_alpha(alpha, wanted), close)


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "uint8"])
def test_poisson(dtype):
    b, lam = backend.current(), np.array([[0.0], [0.3], [4.0], [30.0], [90.0]])
    for key in KEYS:
        found = gpu_sampling.poisson((3, 5, 8), b.from_host(lam), dtype, *key)
        np.testing.assert_array_equal(b.to_host(found), sampling.poisson((3, 5, 8), lam, dtype, *key))


def test_parameters_out_of_range():
    b = backend.current()
    bad = b.from_host(np.array([-1.0, np.nan]))
    assert np.isnan(b.to_host(gpu_sampling.poisson((2,), bad, "float32", 1, 2))).all()
    assert b.to_host(gpu_sampling.poisson((2,), bad, "int32", 1, 2)).tolist() == [-1, -1]
    one = b.from_host(np.array(1.0))
    assert np.isnan(b.to_host(gpu_sampling.gamma((2,), bad, one, "float64", 1, 2))).all()
    logits = b.from_host(np.array([[-np.inf, np.nan], [0.0, np.nan]]))
    assert b.to_host(gpu_sampling.categorical(logits, 3, 1, 2)).tolist() == [[-1] * 3, [0] * 3]


@every_float
@pytest.mark.parametrize("classes", [1, 2, 33, 70, 300])
def test_categorical(classes, dtype):
    logits = np.random.default_rng(0).standard_normal((6, classes)).astype(dtype)
    logits[1, 0] = -np.inf
    logits[2, -1] = np.nan
    logits[3, classes // 2] = np.inf
    if classes == 1:
        logits[:] = 1.0
    for key in KEYS:
        compare(sampling.categorical, gpu_sampling.categorical, 40, key=key, arrays=[logits])
    compare(sampling.categorical, gpu_sampling.categorical, 0, key=KEYS[0], arrays=[logits])


@every_key
@pytest.mark.parametrize("n", [0, 1, 2, 3, 33, 2000])
def test_permutation(n, key):
    compare(sampling.permutation, gpu_sampling.permutation, n, key=key)


def test_errors():
    b = backend.current()
    with pytest.raises(TypeError, match="normal: dtype must be float32 or float64, got int32"):
        gpu_random.normal((2,), 0.0, 1.0, "int32", 1, 2)
    with pytest.raises(ValueError, match=r"gamma: alpha, \(3,\), does not broadcast to \(2,\)"):
        gpu_sampling.gamma((2,), b.from_host(np.ones(3)), b.from_host(np.ones(2)), "float32", 1, 2)
    with pytest.raises(ValueError, match="permutation: n must be at least 0, got -1"):
        gpu_sampling.permutation(-1, 1, 2)


# ---- code
@pytest.mark.ptx
def test_all_compile():
    compiler = backend.Compiler()
    with backend.using(compiler):
        for dtype in FLOATS:
            x = compiler.empty((4, 5), dtype)
            for name in ("uniform", "normal", "truncated_normal"):
                getattr(gpu_random, name)((5,), 0.0, 1.0, dtype, 1, 2)
            gpu_random.exponential((5,), 1.0, dtype, 1, 2)
            gpu_dropout.dropout(x, 0.5, 1, 2)
            gpu_sampling.gamma((4, 5), x, x, dtype, 1, 2)
            gpu_sampling.gamma_grad_alpha(x, x)
            gpu_sampling.poisson((4, 5), x, dtype, 1, 2)
            gpu_sampling.categorical(x, 3, 1, 2)
        for dtype in ("int32", "int64", "uint8"):
            gpu_random.uniform((5,), 0, 100, dtype, 1, 2)
            gpu_sampling.poisson((4, 5), x, dtype, 1, 2)
        gpu_random.uniform((5,), 0, 2**40, "int64", 1, 2)
        gpu_random.bits((5,), "uint64", 1, 2)
        gpu_random.bernoulli((5,), 0.5, 1, 2)
        gpu_sampling.permutation(5, 1, 2)
    assert all(code.resources.spilled == code.resources.local == 0 for code in compiler.compiled.values())
