"""Resizing in the simulator against the CPU's, which both work out sources in float32."""
import numpy as np
import pytest
from numbaflow.kernels import resize as on_host
from numbaflow.kernels.cuda import backend, resize

SIZES = [((3, 4), (7, 9)), ((9, 7), (4, 3)), ((5, 5), (5, 5)), ((1, 1), (3, 2)), ((4, 6), (1, 1)),
         ((2, 3), (11, 2)), ((13, 3), (2, 17))]


def up(x):
    return backend.current().from_host(x)


def down(x):
    return backend.current().to_host(x)


def random(*shape, dtype="float32"):
    return np.random.default_rng(0).standard_normal(shape).astype(dtype)


@pytest.mark.parametrize("nearest", [False, True])
@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize(("size", "new"), SIZES)
def test_images_and_what_comes_back_to_them(size, new, align_corners, nearest):
    how = align_corners, nearest
    for dtype in ("float32", "float64"):
        x, dy = random(2, *size, 3, dtype=dtype), random(2, *new, 3, dtype=dtype)
        found, wanted = down(resize.resize(up(x), new, *how)), on_host.resize(x, new, *how)
        assert found.dtype == wanted.dtype
        np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)
        found, wanted = down(resize.resize_grad(up(dy), size, *how)), on_host.resize_grad(dy, size, *how)
        assert found.dtype == wanted.dtype
        np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("align_corners", [False, True])
def test_sources_are_to_the_bit_those_of_the_cpu(align_corners):
    for size, new in [(7, 23), (23, 7), (64, 100), (100, 63), (1, 5), (5, 1), (300, 299)]:
        scale = resize._scale(size, new, align_corners)
        lower, upper, lerp = on_host.sources(size, new, align_corners, False)
        nearest = on_host.sources(size, new, align_corners, True)[0]
        half = np.float32(0.5 if align_corners else 0)
        for i in range(new):
            assert resize.bilinear_source(i, scale, size) == (lower[i], upper[i], lerp[i])
            assert resize.nearest_source(i, scale, size, half) == nearest[i]


def test_integers_keep_their_dtype():
    x = np.arange(24, dtype="uint8").reshape(2, 3, 4, 1)
    found = down(resize.resize(up(x), (5, 2), False, True))
    np.testing.assert_array_equal(found, on_host.resize(x, (5, 2), False, True))


def test_no_images():
    assert resize.resize(up(random(0, 2, 2, 1)), (3, 3), False, False).shape == (0, 3, 3, 1)
    assert resize.resize_grad(up(random(0, 3, 3, 1)), (2, 2), False, True).shape == (0, 2, 2, 1)
