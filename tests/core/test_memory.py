"""Tapes free what they no longer need, without the garbage collector."""
import gc
import tracemalloc
import weakref

import numpy as np

import numbaflow as nf


def several_ways_to_differentiate(v, x):
    with nf.GradientTape() as outer:
        outer.watch(x)
        with nf.GradientTape(persistent=True) as tape:
            tape.watch(x)
            y = nf.reduce_sum(nf.stack(nf.unstack(nf.sin(x) * v + x)) * v)
        d = tape.gradient(y, [x, v])
    outer.gradient(d, [x, v])
    nf.gradients_function(lambda t: nf.exp(t) * t)(x)
    nf.make_vjp(nf.sin)(x)[1](x)
    nf.implicit_gradients(lambda: v * v)()
    nf.hessian(lambda t: nf.reduce_sum(t * t * t))(x)

    @nf.custom_gradient
    def double(t):
        return t * 2.0, lambda dy: dy * 2.0
    nf.gradients_function(double)(x)


def test_no_reference_cycles():
    v, x = nf.Variable(2.0), nf.constant([1.0, 2.0])
    several_ways_to_differentiate(v, x)
    gc.collect()
    gc.disable()
    try:
        for _ in range(3):
            several_ways_to_differentiate(v, x)
        assert gc.collect() == 0
    finally:
        gc.enable()


def test_values_are_freed_as_soon_as_they_can_be():
    gc.disable()
    try:
        x = nf.constant([1.0, 2.0])
        with nf.GradientTape() as tape:
            tape.watch(x)
            y = nf.sin(x)
            kept, freed = nf.exp(y), y + 1.0        # exp's rule needs what exp gave, addition's nothing
            z = kept + freed
        alive = [weakref.ref(t) for t in (y, kept, freed)]
        del y, kept, freed
        assert [r() is not None for r in alive] == [False, True, False]
        tape.gradient(z, x)
        assert [r() is not None for r in alive] == [False, False, False]
        assert tape is not None
    finally:
        gc.enable()


def test_a_persistent_tape_frees_its_record_with_itself():
    x = nf.constant([1.0, 2.0])
    with nf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = nf.exp(x)
        z = y * y
    tape.gradient(z, x)
    gone = weakref.ref(y)
    del y, z
    assert gone() is not None
    del tape
    assert gone() is None


def test_memory_stays_where_it_was():
    v, x, kept = nf.Variable(np.ones(10)), nf.constant(np.ones(10)), nf.constant(np.ones(10))

    def step():
        with nf.GradientTape() as tape:
            tape.watch(kept)            # one tensor watched by every tape
            y = nf.reduce_sum(nf.sin(v * x) * kept)
        d, _ = tape.gradient(y, [v, kept])
        v.assign_sub(0.001 * d)
    for _ in range(1100):               # Python 3.10 makes caches for a function at its 1024th call
        step()
    gc.collect()
    tracemalloc.start()
    try:
        for _ in range(20):
            step()
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(1000):
            step()
        after = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert after - before < 10_000      # the smallest object a step would be 16,000 or more
