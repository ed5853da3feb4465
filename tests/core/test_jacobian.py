"""GradientTape.jacobian and batch_jacobian."""
import numpy as np
import pytest

import numbaflow as nf


def value(x):
    return None if x is None else x.numpy().tolist()


def test_jacobian():
    x, v = nf.constant([1.0, 2.0]), nf.Variable(3.0)
    with nf.GradientTape() as tape:
        tape.watch(x)
        y = nf.stack([x[0] * x[1], x[1] * x[1] * v, x[0] * 1.0])
    jx, jv = tape.jacobian(y, [x, v])
    assert value(jx) == [[2.0, 1.0], [0.0, 12.0], [1.0, 0.0]]
    assert value(jv) == [0.0, 4.0, 0.0]


def test_jacobian_shapes_and_unconnected():
    x, u = nf.constant(np.ones((2, 3))), nf.constant([1.0, 1.0])
    with nf.GradientTape(persistent=True) as tape:
        tape.watch([x, u])
        y = nf.reduce_sum(x * x, axis=0)
        s = nf.reduce_sum(x)
    assert tape.jacobian(y, x).shape == (3, 2, 3)
    assert tape.jacobian(s, x).shape == (2, 3)
    assert tape.jacobian(y, u) is None
    assert tape.jacobian(y, {"u": u}, unconnected_gradients="zero")["u"].numpy().shape == (3, 2)
    assert tape.jacobian(y, x, experimental_use_pfor=False).shape == (3, 2, 3)


def test_jacobian_without_pfor_needs_a_persistent_tape():
    x = nf.constant([1.0])
    with nf.GradientTape() as tape:
        tape.watch(x)
        y = x * x
    with pytest.raises(RuntimeError, match="must be created with persistent=True to compute the jacobian"):
        tape.jacobian(y, x, experimental_use_pfor=False)


def test_jacobian_of_a_gradient_is_the_hessian():
    x = nf.constant([1.0, 2.0])
    with nf.GradientTape() as outer:
        outer.watch(x)
        with nf.GradientTape() as inner:
            inner.watch(x)
            y = x[0] * x[0] * x[1] + x[1] * x[1] * x[1]
        d = inner.gradient(y, x)
    assert value(outer.jacobian(d, x)) == [[4.0, 2.0], [2.0, 12.0]]


def test_batch_jacobian():
    rng = np.random.default_rng(0)
    x, w = nf.constant(rng.standard_normal((4, 3))), nf.constant(rng.standard_normal((3, 2)))
    with nf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = nf.sin(nf.matmul(x, w))
    whole = tape.jacobian(y, x).numpy()
    batch = tape.batch_jacobian(y, x)
    assert batch.shape == (4, 2, 3)
    np.testing.assert_allclose(batch.numpy(), whole[np.arange(4), :, np.arange(4), :], rtol=1e-12)
    other = nf.constant(np.ones((4, 1)))
    assert tape.batch_jacobian(y, other) is None
    assert tape.batch_jacobian(y, other, unconnected_gradients="zero").shape == (4, 2, 1)
    with pytest.raises(ValueError, match="Need first dimension of target shape"):
        tape.batch_jacobian(y, w)
    with pytest.raises(ValueError, match="must have rank at least 2"):
        tape.batch_jacobian(y, nf.constant([1.0, 2.0, 3.0, 4.0]))
