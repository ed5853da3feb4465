"""Matrix products beyond the samples: flags and dtypes, the operator, tensordot, errors."""
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import numbaflow as nf
from numbaflow.ops.matmul import matvec

FLAGS = [{}, {"transpose": True}, {"adjoint": True}]


@pytest.mark.parametrize("of_a", FLAGS)
@pytest.mark.parametrize("of_b", FLAGS)
def test_complex_gradients_under_every_flag(of_a, of_b):
    rng = np.random.default_rng(0)
    a, b = (rng.standard_normal((2, 3, 3)) + 1j * rng.standard_normal((2, 3, 3)) for _ in range(2))
    flags = {f"{k}_a": v for k, v in of_a.items()} | {f"{k}_b": v for k, v in of_b.items()}
    nf.testing.check_gradients(lambda a, b: nf.matmul(a, b, **flags), [a, b])
    nf.testing.check_gradients(lambda a, b: nf.matmul(a, b, **flags), [a.real.copy(), b.real.copy()])


def test_operator():
    a = nf.constant([[1.0, 2.0]])
    assert (a @ [[3.0], [4.0]]).numpy().tolist() == [[11.0]]
    assert (np.array([[1.0, 2.0]], np.float32) @ nf.constant([[3.0], [4.0]])).numpy().tolist() == [[11.0]]
    assert nf.matmul(np.ones((1, 2), np.float32), np.ones((2, 1))).dtype == nf.float64
    assert nf.matmul([[1, 2]], [[3], [4]]).dtype == nf.int32


def test_gradients_keep_the_dtype_each_came_with():
    a, b = nf.constant(np.ones((2, 2), np.float32)), nf.constant(np.ones((2, 2)))
    da, db = nf.gradients_function(nf.matmul)(a, b)
    assert (da.dtype, db.dtype) == (nf.float32, nf.float64)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.data())
def test_tensordot_against_numpy(data):
    inner = data.draw(st.lists(st.integers(1, 3), max_size=2))
    left, right = (data.draw(st.lists(st.integers(0, 3), max_size=2)) for _ in range(2))
    order_a = data.draw(st.permutations(range(len(left) + len(inner))))
    order_b = data.draw(st.permutations(range(len(inner) + len(right))))
    rng = np.random.default_rng(0)
    a = rng.integers(-5, 5, (*left, *inner)).transpose(order_a)
    b = rng.integers(-5, 5, (*inner, *right)).transpose(order_b)
    of_a = [order_a.index(len(left) + k) for k in range(len(inner))]
    of_b = [order_b.index(k) for k in range(len(inner))]
    np.testing.assert_array_equal(nf.tensordot(a, b, [of_a, of_b]).numpy(), np.tensordot(a, b, [of_a, of_b]))


def test_tensordot_gradients_and_axes():
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((2, 3, 4)), rng.standard_normal((4, 2, 5))
    nf.testing.check_gradients(lambda a, b: nf.tensordot(a, b, [[0, 2], [1, 0]]), [a, b])
    np.testing.assert_allclose(nf.tensordot(a, b, 1).numpy(), np.tensordot(a, b, 1))
    np.testing.assert_allclose(nf.tensordot(a, b, 0).numpy(), np.tensordot(a, b, 0))
    np.testing.assert_allclose(nf.tensordot(a, b, [0, -2]).numpy(), np.tensordot(a, b, [0, 1]))


def test_matvec():
    a, x = np.arange(6.0).reshape(2, 3), np.arange(3.0)
    np.testing.assert_array_equal(matvec(a, x).numpy(), a @ x)
    np.testing.assert_array_equal(matvec(a, np.ones(2), transpose_a=True).numpy(), a.T @ np.ones(2))


@pytest.mark.parametrize(("call", "text"), [
    (lambda: nf.matmul(np.ones((2, 3)), np.ones((4, 5))),
     r"matmul: shapes \(2, 3\) and \(4, 5\).*3 columns against 4 rows"),
    (lambda: nf.matmul(np.ones(3), np.ones((3, 2))), "two dimensions"),
    (lambda: nf.matmul(np.ones((2, 2)), np.ones((2, 2)), transpose_a=True, adjoint_a=True), "only one of"),
    (lambda: nf.matmul(np.ones((2, 2), bool), np.ones((2, 2), bool)), "no product of bool"),
    (lambda: nf.tensordot(np.ones((2, 3)), np.ones((2, 3)), 1), "do not match"),
    (lambda: nf.tensordot(np.ones((2, 3)), np.ones((2, 3)), 3), "axes must be"),
    (lambda: nf.tensordot(np.ones((2, 3)), np.ones((2, 3)), [[0], [0, 1]]),
     "Different number of contraction"),
    (lambda: nf.tensordot(np.ones((2, 3)), np.ones((2, 3)), [[0], [2]]), "tensordot: axis 2"),
    (lambda: nf.tensordot(np.ones((2, 3)), np.ones((2, 3)), [1]), "length 2")])
def test_errors(call, text):
    with pytest.raises(ValueError, match=text):
        call()
