"""Threads: each has its own tapes; all may differentiate at once on shared tensors, variables and kernels."""
import sys
import threading

import numpy as np
import pytest

import numbaflow as nf
from numbaflow.core import table
from numbaflow.core.tape import listening


@pytest.fixture(autouse=True)
def threads_that_switch_often():
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


def at_once(work, count=6):
    """Run work(k) in threads that start together; its results, or the first exception."""
    start, results, errors = threading.Barrier(count), [None] * count, []

    def run(k):
        try:
            start.wait()
            results[k] = work(k)
        except BaseException as error:
            errors.append(error)
    threads = [threading.Thread(target=run, args=(k,)) for k in range(count)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    if errors:
        raise errors[0]
    return results


def test_a_tape_listens_in_its_own_thread_only():
    x = nf.constant(3.0)
    with nf.GradientTape() as tape:
        tape.watch(x)
        heard = at_once(lambda k: (listening(), x * x), count=1)[0]
        y = x * 2.0
    assert heard[0] == ()
    assert tape.gradient([heard[1], y], x).numpy() == 2.0


def test_many_threads_watch_the_same_tensors():
    for _ in range(20):
        xs = [nf.constant(float(k)) for k in range(50)]

        def work(k, xs=xs):
            wrong = 0
            for x in xs:
                with nf.GradientTape() as tape:
                    tape.watch(x)
                    y = x * x * float(k + 1)
                g = tape.gradient(y, x)
                wrong += g is None or g.numpy() != 2 * x.numpy() * (k + 1)
            return wrong
        assert at_once(work) == [0] * 6


def test_many_threads_differentiate_shared_values_and_variables():
    rng = np.random.default_rng(0)
    x, w = nf.constant(rng.standard_normal((4, 3))), nf.Variable(rng.standard_normal((3, 2)))

    def loss(scale):
        return nf.reduce_sum(nf.tanh(nf.matmul(x, w)) * scale)

    def work(k):
        found = []
        for _ in range(30):
            with nf.GradientTape() as outer:
                outer.watch(x)
                with nf.GradientTape() as inner:
                    y = loss(float(k + 1))
                dw = inner.gradient(y, w)
            found.append((dw.numpy(), outer.gradient(dw, x).numpy()))
        return found
    expected = work(0)[0]
    for k, found in enumerate(at_once(work)):
        for dw, dx in found:
            np.testing.assert_allclose(dw, expected[0] * (k + 1), rtol=1e-12)
            np.testing.assert_allclose(dx, expected[1] * (k + 1), rtol=1e-10, atol=1e-14)


def test_gradient_functions_in_threads():
    cube = nf.gradients_function(lambda x: x * x * x)
    second = nf.gradients_function(lambda x: cube(x)[0])
    shared = nf.constant(2.0)
    for found in at_once(lambda k: [second(shared)[0].numpy() for _ in range(50)]):
        assert found == [12.0] * 50


@pytest.mark.parametrize("change", [
    lambda v, step: v.assign(np.full(100, float(step))), lambda v, step: v.assign_add(np.ones(100)),
    lambda v, step: v[:].assign(np.full(100, float(step))),
], ids=["assign", "assign_add", "part"])
def test_what_was_read_stays_while_another_thread_assigns(change):
    v = nf.Variable(np.zeros(100))

    def work(k):
        if k == 0:
            for step in range(3000):
                change(v, step)
            return True
        same = True
        for _ in range(3000):
            t, copied = v.value(), v.numpy()
            first = t.numpy()
            whole = (copied == copied[0]).all() and (first == first[0]).all()
            same = same and whole and (first == t.numpy()).all()
        return same
    assert all(at_once(work, count=2))


def test_no_addition_is_lost():
    v = nf.Variable(np.zeros(10))

    def work(k):
        for _ in range(1000):
            v.assign_add(np.ones(10))
    at_once(work)
    assert v.numpy().tolist() == [6000.0] * 10


def test_first_use_in_many_threads_compiles_once():
    def body(x):
        return x * x * 0.5 + x
    face = nf.elementwise(body, grads={"x": lambda g, x: g * (x + 1.0)}, reference=lambda x: x * x / 2 + x,
                          samples=[nf.Sample(nf.testing.normal(3))], name="raced")(raced)
    try:
        x = nf.constant([1.0, 2.0, 3.0])
        for y, g in at_once(lambda k: (face(x).numpy(), nf.gradients_function(face)(x)[0].numpy())):
            assert y.tolist() == [1.5, 4.0, 7.5]
            assert g.tolist() == [2.0, 3.0, 4.0]
        assert list(face.op.kernel) == [np.dtype(np.float32)]
    finally:
        del table.OPS["raced"]


def raced(x, name=None):
    """x^2 / 2 + x."""
