"""Long tapes and many steps: no recursion, nothing quadratic, nothing kept."""
import gc
import resource

import numpy as np
import pytest

import numbaflow as nf

pytestmark = pytest.mark.slow
MILLION = 1_000_000


def peak_memory():
    """The most memory this process has had, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def test_a_tape_of_a_million_ops():
    x = nf.constant(np.float64(1.0))
    with nf.GradientTape() as tape:
        tape.watch(x)
        y = x
        for _ in range(MILLION // 2):
            y = y * 1.000001 + x
    n, r = MILLION // 2, 1.000001
    expected = r**n + (r**n - 1.0) / (r - 1.0)
    np.testing.assert_allclose(tape.gradient(y, x).numpy(), expected, rtol=1e-9)


def test_a_chain_as_long_as_the_tape_that_is_not_asked_for():
    """Other sources make the walk look for the entries on the way first."""
    x, other = nf.constant(np.float64(1.0)), nf.constant(np.float64(1.0))
    with nf.GradientTape() as tape:
        tape.watch([x, other])
        y, aside = x, other
        for _ in range(MILLION // 4):
            y = y * 1.00001
            aside = aside * 1.00001
    np.testing.assert_allclose(tape.gradient([y, aside], x).numpy(), 1.00001 ** (MILLION // 4), rtol=1e-8)


def test_the_second_derivative_of_a_long_chain():
    n, r = MILLION // 20, 1.0001

    def chain(x):
        for _ in range(n):
            x = x * r
        return x * x
    first = nf.gradients_function(chain)
    second = nf.gradients_function(lambda x: first(x)[0])
    np.testing.assert_allclose(second(np.float64(0.5))[0].numpy(), 2 * r ** (2 * n), rtol=1e-8)


def test_one_sum_of_a_million_terms():
    v = nf.Variable(np.float64(2.0))
    with nf.GradientTape() as tape:
        parts = [v * 3.0 for _ in range(MILLION // 10)]
        y = nf.add_n(parts)
    assert tape.gradient(y, v).numpy() == 3.0 * (MILLION // 10)


def test_a_million_steps_leave_memory_where_it_was():
    v, data = nf.Variable(np.float32(0.0)), nf.constant(np.float32(3.0))

    def step():
        with nf.GradientTape() as tape:
            tape.watch(data)                    # always the same tensor
            loss = nf.square(v - data)
        v.assign_sub(0.1 * tape.gradient(loss, v))
    for _ in range(20_000):
        step()
    gc.collect()
    before = peak_memory()
    for _ in range(MILLION):
        step()
    assert peak_memory() - before < 4 << 20     # four bytes a step
    np.testing.assert_allclose(v.numpy(), 3.0, rtol=1e-6)
