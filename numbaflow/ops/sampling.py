"""Draws: pure ops of a key, the integers (seed, counter), that give random tensors.

Equal keys give equal tensors, on any number of threads; keys that differ give independent ones.  random.py
makes TensorFlow's random functions of these.
"""
import numpy as np

from numbaflow.core import dtypes
from numbaflow.core.errors import UnimplementedError
from numbaflow.core.infer import like
from numbaflow.core.optable import Sample, given, normal, op, uniform
from numbaflow.kernels import random as kernels, sampling

from . import draws
from .arguments import extent_of, shape_of

__all__ = ["bernoulli_draw", "categorical_draw", "gamma_draw", "gamma_sample_gradient", "normal_draw",
           "permutation_draw", "poisson_draw", "truncated_normal_draw", "uniform_draw"]

_KEY = np.array([12345, 67])
_OTHER = np.array([-1, 2**40])


def check_key(key):
    """The two integers of a key; ValueError for anything else."""
    if key.shape != (2,) or key.dtype.kind not in "iu":
        raise ValueError(f"seed must be two integers, got {key.dtype} of shape {key.shape}")
    return key


def _key(key):
    return kernels.seed_and_counter(check_key(key))


def _drawn(shape, key, dtype):
    check_key(key)
    return shape_of(shape), as_dtype(dtype)


def as_dtype(dtype):
    """The NumPy dtype of a dtype however it is given."""
    return dtype if type(dtype) is np.dtype else dtypes.as_numpy(dtype)


# ---- a fixed number of words an element
@op(inputs="key", grads=None, infer=_drawn,
    reference=lambda shape, key, minval, maxval, dtype: draws.uniform(shape, key, minval, maxval, dtype),
    samples=[Sample((3, 50), _KEY, 0.0, 1.0, "float32"), Sample((70,), _OTHER, -2.0, 3.0, "float64"),
             Sample((5, 5), _KEY, -3, 100, "int32"), Sample((), _KEY, 0, 2**62, "int64"),
             Sample((0,), _KEY, 0.0, 1.0, "float32")])
def uniform_draw(shape, key, minval, maxval, dtype, name=None):
    """Uniform floats, or integers, in [minval, maxval).

    >>> import numbaflow as nf
    >>> nf.random.stateless_uniform([2], seed=[1, 2]).numpy().round(4)
    array([0.9031, 0.7176], dtype=float32)
    """
    return kernels.uniform(shape, minval, maxval, as_dtype(dtype), *_key(key))


@op(inputs="key", grads=None, infer=_drawn,
    reference=lambda shape, key, mean, stddev, dtype: draws.normal(shape, key, mean, stddev, dtype),
    samples=[Sample((3, 50), _KEY, 0.0, 1.0, "float32"), Sample((70,), _OTHER, -2.0, 3.0, "float64"),
             Sample((), _KEY, 1.0, 0.5, "float64"), Sample((0, 2), _KEY, 0.0, 1.0, "float32")])
def normal_draw(shape, key, mean, stddev, dtype, name=None):
    """mean + stddev z, z standard normal.

    >>> import numbaflow as nf
    >>> nf.random.stateless_normal([2], seed=[1, 2]).numpy().round(4)
    array([ 0.2929, -0.7938], dtype=float32)
    """
    return kernels.normal(shape, mean, stddev, as_dtype(dtype), *_key(key))


@op(inputs="key", grads=None, infer=_drawn,
    reference=lambda shape, key, mean, stddev, dtype: draws.truncated_normal(shape, key, mean, stddev, dtype),
    samples=[Sample((3, 50), _KEY, 0.0, 1.0, "float32"), Sample((70,), _OTHER, -2.0, 3.0, "float64")])
def truncated_normal_draw(shape, key, mean, stddev, dtype, name=None):
    """mean + stddev z, z standard normal given that |z| <= 2.

    >>> import numbaflow as nf
    >>> nf.random.stateless_truncated_normal([2], seed=[1, 2]).numpy().round(4)
    array([-0.2339, -0.7374], dtype=float32)
    """
    return kernels.truncated_normal(shape, mean, stddev, as_dtype(dtype), *_key(key))


@op(inputs="key", grads=None, reference=lambda shape, key, p: draws.bernoulli(shape, key, p),
    infer=lambda shape, key: _drawn(shape, key, dtypes.BOOL),
    samples=[Sample((3, 50), _KEY, 0.3), Sample((70,), _OTHER, 1.0), Sample((), _KEY, 0.0)])
def bernoulli_draw(shape, key, p, name=None):
    """True with probability p.

    >>> import numbaflow as nf
    >>> nf.random.bernoulli([3], p=1.0).numpy().tolist()
    [True, True, True]
    """
    return kernels.bernoulli(shape, float(p), *_key(key))


# ---- rejection, search, permutation
def _later(g):
    raise UnimplementedError("gamma_sample_gradient: random_gamma has gradients of first order only")


def _gamma_gradient_rule(alpha, sample):
    sampling.check_repeated("gamma_grad_alpha", "alpha", alpha.shape, sample.shape)
    return like(sample)


@op(inputs="alpha sample", promote="alpha sample", floats="alpha sample", grads={"alpha": _later,
                                                                                 "sample": _later},
    infer=_gamma_gradient_rule,
    reference=lambda alpha, sample: _quantile_slope(np.asarray(alpha, np.float64),
                                                    np.asarray(sample, np.float64), sample.dtype),
    samples=[Sample(uniform(4, 3, low=0.5, high=5.0), uniform(4, 3, low=0.2, high=6.0), grad=False,
                    rtol=1e-5),
             Sample(given([0.7, 40.0]), uniform(3, 2, low=0.5, high=2.0), grad=False, rtol=1e-5)])
def gamma_sample_gradient(alpha, sample, name=None):
    """d(sample) / d(alpha) of gamma samples of scale 1, at a fixed quantile (Figurnov et al. 2018).

    >>> import numbaflow as nf
    >>> nf.gradients_function(lambda a: nf.random.gamma([], a, seed=1))(4.0)[0].shape
    ()
    """
    return sampling.gamma_grad_alpha(alpha, sample)


def _quantile_slope(alpha, sample, dtype):
    from scipy import special
    step = 1e-4 * alpha
    quantile = special.gammainc(alpha, sample)
    return ((special.gammaincinv(alpha + step, quantile) - special.gammaincinv(alpha - step, quantile))
            / (2 * step)).astype(dtype)


def _gamma_rule(shape, key, alpha, beta):
    shape, dtype = _drawn(shape, key, alpha.dtype)
    sampling.check_repeated("gamma", "alpha", alpha.shape, shape)
    sampling.check_repeated("gamma", "beta", beta.shape, shape)
    return shape, dtype


@op(inputs="key alpha beta", promote="alpha beta", floats="alpha beta",
    grads={"key": None, "alpha": lambda g, alpha, beta, y: g * gamma_sample_gradient(alpha, y * beta) / beta,
           "beta": lambda g, beta, y: -(g * y / beta)},
    infer=_gamma_rule,
    reference=lambda shape, key, alpha, beta: draws.gamma(shape, key, alpha, beta, alpha.dtype),
    samples=[Sample((3, 4), _KEY, uniform(4, low=0.3, high=5.0), uniform(low=0.5, high=2.0), grad=False),
             Sample((6,), _OTHER, given(0.2), given([1.0, 2.0, 3.0, 4.0, 5.0, 6.0]), grad=False)])
def gamma_draw(shape, key, alpha, beta, name=None):
    """Samples of density ~ x^(alpha - 1) exp(-beta x), alpha and beta broadcast to shape.

    >>> import numbaflow as nf
    >>> nf.random.stateless_gamma([2], seed=[1, 2], alpha=3.0).shape
    (2,)
    """
    return sampling.gamma(shape, alpha, beta, alpha.dtype, *_key(key))


def _poisson_rule(shape, key, rate, dtype):
    shape, dtype = _drawn(shape, key, dtype)
    sampling.check_repeated("poisson", "lam", rate.shape, shape)
    return shape, dtype


@op(inputs="key rate", floats="rate", grads={"key": None, "rate": None},
    infer=_poisson_rule, reference=lambda shape, key, rate, dtype: draws.poisson(shape, key, rate, dtype),
    samples=[Sample((3, 4), _KEY, uniform(4, high=9.0), "float32"), Sample((20,), _OTHER, given(3.0),
                                                                           "int64")])
def poisson_draw(shape, key, rate, dtype, name=None):
    """Counts of mean rate, broadcast to shape.

    >>> import numbaflow as nf
    >>> nf.random.poisson(0.0, [2]).numpy().tolist()
    [0.0, 0.0]
    """
    return sampling.poisson(shape, rate, as_dtype(dtype), *_key(key))


def _categorical_rule(logits, key, num_samples):
    sampling.check_logits(logits)
    check_key(key)
    return (logits.shape[0], extent_of(num_samples)), dtypes.INT64


@op(inputs="logits key", floats="logits", grads={"logits": None, "key": None}, reference=draws.categorical,
    infer=_categorical_rule,
    samples=[Sample(normal(3, 5), _KEY, 20), Sample(normal(1, 2), _OTHER, 7), Sample(normal(2, 3), _KEY, 0)])
def categorical_draw(logits, key, num_samples, name=None):
    """Classes [batch, num_samples] of probabilities softmax(logits), for logits [batch, classes].

    >>> import numbaflow as nf
    >>> nf.random.categorical([[0.0, 100.0]], 3).numpy().tolist()
    [[1, 1, 1]]
    """
    return sampling.categorical(logits, int(num_samples), *_key(key))


def _permutation_rule(n, key):
    sampling.check_count(n)
    return _drawn((n,), key, dtypes.INT64)


@op(inputs="key", grads=None, infer=_permutation_rule,
    reference=draws.permutation, samples=[Sample(10, _KEY), Sample(0, _KEY),
                                                                    Sample(33, _OTHER)])
def permutation_draw(n, key, name=None):
    """0 .. n - 1 in random order.

    >>> import numbaflow as nf
    >>> sorted(nf.random_shuffle(nf.range(4)).numpy().tolist())
    [0, 1, 2, 3]
    """
    return sampling.permutation(n, *_key(key))
