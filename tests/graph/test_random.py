"""Random numbers in compiled functions: the sequence that eager programs draw, new at each call."""
import numpy as np
import pytest

import numbaflow as nf
from numbaflow.graph.flow.control import cond, while_loop
from numbaflow.graph.flow.rows import map_fn
from numbaflow.graph.function import function
from numbaflow.ops.random import fold_in

_DRAWS = [
    lambda x: nf.random_normal([2, 3], x[0], 2.0), lambda x: nf.random_uniform([3], seed=3),
    lambda x: nf.random_uniform([3], 0, 10, nf.int32), lambda x: nf.truncated_normal([2], stddev=x[0]),
    lambda x: nf.random_shuffle(x), lambda x: nf.random_crop(nf.reshape(nf.range(25), [5, 5]), [2, 3]),
    lambda x: nf.random_gamma([2], [1.0, 2.0], x[0]), lambda x: nf.random_poisson([1.0, 2.0], [2]),
    lambda x: nf.multinomial([[1.0, 2.0]], 3), lambda x: nf.random.bernoulli([3], dtype=nf.float32),
    lambda x: nf.nn.dropout(x, rate=0.5), lambda x: nf.nn.dropout(x, rate=0.5, noise_shape=[1]),
    lambda x: nf.keras.layers.GaussianNoise(1.0)(x, training=True),
    lambda x: nf.keras.layers.GaussianDropout(0.5)(x, training=True),
    lambda x: nf.keras.layers.AlphaDropout(0.5)(x, training=True),
    lambda x: nf.keras.layers.Dropout(0.5)(x, training=True),
    lambda x: nf.glorot_uniform_initializer()([3, 4]),
    lambda x: nf.random.stateless_normal([2], seed=[1, 2])]


@pytest.mark.parametrize("draw", _DRAWS)
def test_the_numbers_are_those_of_eager_call_after_call(draw):
    compiled, x = function(lambda x: (draw(x), nf.random_normal([2]))), nf.ones([10])
    nf.set_random_seed(5)
    wanted = [(draw(x).numpy(), nf.random_normal([2]).numpy()) for _ in range(3)]
    nf.set_random_seed(5)
    for pair in wanted:
        for a, b in zip(compiled(x), pair, strict=True):
            np.testing.assert_allclose(a.numpy(), b, rtol=1e-6)
    assert not np.array_equal(wanted[0][1], wanted[1][1])


def test_gradients_use_the_numbers_of_the_call():
    f = function(lambda x: x * nf.random_normal([3]))
    x = nf.ones([3])
    with nf.GradientTape() as tape:
        tape.watch(x)
        y = f(x)
    np.testing.assert_allclose(tape.gradient(y, x).numpy(), y.numpy(), rtol=1e-6)


@pytest.mark.parametrize("make", [
    lambda x: map_fn(lambda r: r + nf.random_normal([2]), x),
    lambda x: nf.stack(while_loop(lambda i, *t: i < 2, lambda i, a, b: (i + 1, b, nf.random_normal([4])),
                                  [0, nf.zeros([4]), nf.zeros([4])])[1:]),
    lambda x: map_fn(lambda r: map_fn(lambda e: e + nf.random_normal([]), r), x),
    lambda x: map_fn(lambda r: cond(r[0] > 0.0, lambda: r, lambda: r + nf.random_normal([2])), x)])
def test_each_iteration_draws_its_own(make):
    f, x = function(make), nf.zeros([4, 2])
    nf.set_random_seed(1)
    first, second = f(x).numpy(), f(x).numpy()
    assert np.unique(np.concatenate([first, second])).size == 2 * first.size
    nf.set_random_seed(1)
    assert np.array_equal(f(x).numpy(), first)


def test_the_gradient_of_a_loop_draws_the_same_numbers():
    @function
    def f(x):
        with nf.GradientTape() as tape:
            tape.watch(x)
            y = map_fn(lambda r: r * nf.random_normal([2]), x)
        return y, tape.gradient(y, x)
    y, g = f(nf.ones([3, 2]))
    assert np.array_equal(y.numpy(), g.numpy())


def test_folded_keys_differ():
    keys = {tuple(fold_in(fold_in([1, 2], i), j).numpy().tolist()) for i in range(8) for j in range(8)}
    assert len(keys) == 64
