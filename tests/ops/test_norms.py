"""Norms against NumPy's, clipping, gradients at 0, IndexedSlices and Nones in lists."""
import numpy as np
import pytest

import numbaflow as nf

X = np.random.default_rng(0).standard_normal((3, 4))


@pytest.mark.parametrize(("ord", "axis", "numpy_ord"), [
    ("euclidean", None, None), (2, None, None), ("euclidean", 0, 2), (1, 1, 1), (3, -1, 3), (2.5, 1, 2.5),
    (np.inf, 1, np.inf),
    ("euclidean", [0, 1], "fro"), ("fro", (0, 1), "fro"), (1, [0, 1], 1), (1, [1, 0], 1),
    (np.inf, [0, 1], np.inf),
    (2, [0, 1], 2), (2, [-2, -1], 2), (1, [0], 1)])
@pytest.mark.parametrize("keepdims", [False, True])
def test_norm(ord, axis, numpy_ord, keepdims):
    numpy_axis = axis if not isinstance(axis, list) else tuple(axis) if len(axis) == 2 else axis[0]
    x = X if axis is not None else X.ravel()
    expected = np.linalg.norm(x, numpy_ord, numpy_axis, keepdims)
    y = nf.norm(x, ord, axis, keepdims)
    assert tuple(y.shape) == np.shape(expected)
    np.testing.assert_allclose(y.numpy(), expected, rtol=1e-12)
    nf.testing.check_gradients(lambda x: nf.norm(x, ord, axis, keepdims), [x])


def test_norm_of_stacks_and_complex():
    x = np.random.default_rng(1).standard_normal((2, 3, 4))
    for order in (1, 2, np.inf, "fro"):
        np.testing.assert_allclose(nf.norm(x, order, [0, 2]).numpy(), np.linalg.norm(x, order, (0, 2)),
                                   rtol=1e-12)
    z = X + 1j * X[::-1]
    np.testing.assert_allclose(nf.norm(z, axis=1).numpy(), np.linalg.norm(z, axis=1), rtol=1e-12)
    np.testing.assert_allclose(nf.norm(z, 1, axis=1).numpy(), np.linalg.norm(z, 1, axis=1), rtol=1e-12)
    np.testing.assert_allclose(nf.global_norm([z, z]).numpy(), np.sqrt(2) * np.linalg.norm(z), rtol=1e-12)


@pytest.mark.parametrize("arguments", [("nuc",), (0,), (-1, 0), (3, [0, 1]), ("euclidean", [0, 1, 2]),
                                       ("l2", [0, 1])])
def test_norm_errors(arguments):
    with pytest.raises(ValueError, match="norm: "):
        nf.norm(np.ones((2, 2, 2)), *arguments)


def test_gradients_at_zero_are_zero():
    zero = nf.constant([0.0, 0.0])
    for f in (nf.norm, lambda x: nf.global_norm([x]), lambda x: nf.clip_by_norm(x, 1.0) * 0.0):
        assert nf.gradients_function(f)(zero)[0].numpy().tolist() == [0.0, 0.0]
    assert nf.gradients_function(lambda x: nf.clip_by_norm(x, 1.0))(zero)[0].numpy().tolist() == [1.0, 1.0]


def test_clip_by_norm():
    assert nf.clip_by_norm([3.0, 4.0], 10.0).numpy().tolist() == [3.0, 4.0]
    y = nf.clip_by_norm(X, 0.5, axes=[1]).numpy()
    np.testing.assert_allclose(np.linalg.norm(y, axis=1), 0.5)
    np.testing.assert_allclose(y * np.linalg.norm(X, axis=1, keepdims=True), 0.5 * X)
    assert nf.clip_by_norm(X, nf.constant(0.5)).dtype == nf.float64
    slices = nf.clip_by_norm(nf.IndexedSlices(nf.constant([[3.0, 4.0]]), nf.constant([1]), (2, 2)), 1.0)
    np.testing.assert_allclose(slices.to_dense().numpy(), [[0, 0], [0.6, 0.8]], rtol=1e-6)
    for f in (lambda x: nf.clip_by_norm(x, 0.5), lambda x: nf.clip_by_norm(x, 0.5, 0),
              lambda x: nf.clip_by_average_norm(x, 0.1)):
        nf.testing.check_gradients(f, [X])


def test_clip_by_average_norm():
    np.testing.assert_allclose(nf.clip_by_average_norm([3.0, 4.0], 10.0).numpy(), [3.0, 4.0])
    np.testing.assert_allclose(nf.clip_by_average_norm([3.0, 4.0], 0.5).numpy(), [0.6, 0.8], rtol=1e-6)


def test_clip_by_global_norm():
    tensors = [nf.constant([3.0]), None, nf.IndexedSlices(nf.constant([[4.0]]), nf.constant([0]), (2, 1)),
               nf.constant(np.zeros(2))]
    clipped, length = nf.clip_by_global_norm(tensors, 1.0)
    assert length.numpy() == 5.0
    assert clipped[1] is None
    np.testing.assert_allclose(clipped[0].numpy(), [0.6], rtol=1e-6)
    np.testing.assert_allclose(clipped[2].values.numpy(), [[0.8]], rtol=1e-6)
    assert (clipped[0].dtype, clipped[3].dtype) == (nf.float32, nf.float64)
    same, _ = nf.clip_by_global_norm(tensors[:1], 10.0)
    assert same[0].numpy() == 3.0
    half, given = nf.clip_by_global_norm(tensors[:1], 1.0, use_norm=2.0)
    assert (half[0].numpy(), given.numpy()) == (1.5, 2.0)
    bad, _ = nf.clip_by_global_norm([nf.constant([np.inf]), nf.constant([1.0])], 1.0)
    assert np.isnan(bad[1].numpy()).all()
    nf.testing.check_gradients(lambda a, b: nf.clip_by_global_norm([a, b], 0.5)[0], [X, X[0]])
    for f in (nf.global_norm, lambda t: nf.clip_by_global_norm(t, 1.0)):
        with pytest.raises(TypeError, match="t_list should be a sequence"):
            f(nf.constant([1.0]))
    assert nf.global_norm([None]).numpy() == 0


def test_l2_normalize():
    y = nf.linalg.l2_normalize(X, 1).numpy()
    np.testing.assert_allclose(y, X / np.linalg.norm(X, axis=1, keepdims=True))
    np.testing.assert_allclose(nf.linalg.l2_normalize(X, dim=1).numpy(), y)
    assert nf.linalg.l2_normalize([0.0, 0.0]).numpy().tolist() == [0.0, 0.0]
    nf.testing.check_gradients(lambda x: nf.linalg.l2_normalize(x, 1), [X])
