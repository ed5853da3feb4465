"""Images in another size against coordinates worked out in NumPy, their adjoints, flips, errors."""
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import numbaflow as nf


def places(size, new, align_corners):
    aligned = align_corners and new > 1
    scale = np.float32(size - 1) / np.float32(new - 1) if aligned else np.float32(size / new)
    return [np.float32(i) * np.float32(scale) for i in range(new)]


def bilinear(x, size, align_corners):
    """Pixel by pixel, as TensorFlow 1.14 has it: coordinates in float32, pixel 0 at 0."""
    n, height, width, c = x.shape
    out = np.zeros((n, *size, c))
    for i, y in enumerate(places(height, size[0], align_corners)):
        for k, z in enumerate(places(width, size[1], align_corners)):
            top, left = int(np.floor(y)), int(np.floor(z))
            bottom, right = min(top + 1, height - 1), min(left + 1, width - 1)
            down, along = float(y - np.floor(y)), float(z - np.floor(z))
            top, left = min(top, height - 1), min(left, width - 1)
            upper = x[:, top, left] * (1 - along) + x[:, top, right] * along
            lower = x[:, bottom, left] * (1 - along) + x[:, bottom, right] * along
            out[:, i, k] = upper * (1 - down) + lower * down
    return out


def nearest(x, size, align_corners):
    def index(at, size):
        return min(int(np.floor(at + np.float32(0.5)) if align_corners else np.floor(at)), size - 1)
    rows = [index(y, x.shape[1]) for y in places(x.shape[1], size[0], align_corners)]
    columns = [index(z, x.shape[2]) for z in places(x.shape[2], size[1], align_corners)]
    return x[:, rows][:, :, columns]


@settings(max_examples=100, deadline=None)
@given(st.tuples(*[st.integers(1, 9)] * 4), st.sampled_from([1, 3, 8]), st.integers(0, 2), st.booleans())
def test_any_sizes_against_numpy(sizes, channels, batch, align_corners):
    height, width, *size = sizes
    rng = np.random.default_rng(0)
    x = rng.standard_normal((batch, height, width, channels)).astype("float32")
    g = rng.standard_normal((batch, *size, channels)).astype("float32")
    for f, reference in ((nf.image.resize_bilinear, bilinear), (nf.image.resize_nearest_neighbor, nearest)):
        given_x = nf.constant(x)
        with nf.GradientTape() as tape:
            tape.watch(given_x)
            y = f(given_x, size, align_corners)
        want = reference(x.astype(float), size, align_corners)
        np.testing.assert_allclose(y.numpy(), want, atol=2e-6)
        # the adjoint: <g, resize(x)> = <resize'(g), x> for the x of a unit pixel each
        dx = tape.gradient(y, given_x, output_gradients=nf.constant(g)).numpy()
        np.testing.assert_allclose((dx * x.astype(float)).sum(), (g * want).sum(), rtol=1e-4, atol=1e-3)


def test_the_adjoint_pixel_by_pixel():
    g = np.random.default_rng(0).standard_normal((1, 7, 4, 2))
    for f, reference in ((nf.image.resize_bilinear, bilinear), (nf.image.resize_nearest_neighbor, nearest)):
        for align_corners in (False, True):
            x = nf.constant(np.zeros((1, 3, 5, 2)))
            dx = nf.make_vjp(lambda v, f=f, a=align_corners: f(v, [7, 4], a))(x)[1](nf.constant(g))[0].numpy()
            for at in np.ndindex(dx.shape):
                unit = np.zeros(dx.shape)
                unit[at] = 1
                want = (g * reference(unit, (7, 4), align_corners)).sum()
                np.testing.assert_allclose(dx[at], want, atol=1e-12)


def test_what_tensorflow_prints():
    x = np.arange(4, dtype="float32").reshape(1, 2, 2, 1)
    assert nf.image.resize_bilinear(x, [3, 3]).numpy()[0, :, :, 0].round(4).tolist() == \
        np.float32([[0, 0.6667, 1], [1.3333, 2, 2.3333], [2, 2.6667, 3]]).tolist()
    assert nf.image.resize_bilinear(x, [3, 3], align_corners=True).numpy()[0, :, :, 0].tolist() == \
        [[0, 0.5, 1], [1, 1.5, 2], [2, 2.5, 3]]
    assert nf.image.resize_nearest_neighbor(x, [3, 3]).numpy()[0, :, :, 0].tolist() == \
        [[0, 0, 1], [0, 0, 1], [2, 2, 3]]
    assert nf.image.resize_nearest_neighbor(x, [3, 3], align_corners=True).numpy()[0, :, :, 0].tolist() == \
        [[0, 1, 1], [2, 3, 3], [2, 3, 3]]


def test_resize_images_by_method():
    x = np.arange(24).reshape(1, 4, 6, 1)
    assert nf.image.resize_images(x, [2, 3]).dtype == nf.float32
    assert nf.image.resize_images(x, [2, 3], nf.image.ResizeMethod.NEAREST_NEIGHBOR).dtype == nf.int64
    assert nf.image.resize(x[0], nf.constant([2, 3])).shape == (2, 3, 1)
    assert nf.image.resize_images(x, [2, 6], preserve_aspect_ratio=True).shape == (1, 2, 3, 1)
    same = nf.constant(x)
    assert nf.image.resize_images(same, (4, 6)) is same
    assert nf.image.resize_bilinear(x.astype(float), [2, 2]).dtype == nf.float64


def test_serial_or_threaded_the_bits_are_the_same(monkeypatch):
    from numbaflow.kernels import jit, threads
    x = nf.constant(np.random.default_rng(0).standard_normal((2, 9, 8, 3)).astype("float32"))

    def bits():
        y, dx = nf.value_and_gradients_function(lambda v: nf.image.resize_bilinear(v, [13, 5]))(x)
        return [y.numpy(), dx[0].numpy()]
    serial = bits()
    monkeypatch.setattr(jit, "PARALLEL_WORK", 0)
    monkeypatch.setattr(threads, "count", lambda: 3)
    for a, b in zip(serial, bits(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_flips():
    x = np.arange(12).reshape(2, 2, 3, 1)
    np.testing.assert_array_equal(nf.image.flip_left_right(x).numpy(), x[:, :, ::-1])
    np.testing.assert_array_equal(nf.image.flip_up_down(x).numpy(), x[:, ::-1])
    np.testing.assert_array_equal(nf.image.flip_left_right(x[0]).numpy(), x[0, :, ::-1])
    np.testing.assert_array_equal(nf.image.flip_up_down(x[0]).numpy(), x[0, ::-1])
    with pytest.raises(ValueError, match="flip_up_down: expected an image"):
        nf.image.flip_up_down(x[0, 0])


X = np.zeros((1, 4, 4, 3), "float32")


@pytest.mark.parametrize(("f", "message"), [
    (lambda: nf.image.resize_bilinear(X[0], [2, 2]), r"resize_bilinear: expected numbers \[batch"),
    (lambda: nf.image.resize_nearest_neighbor(X > 0, [2, 2]), "resize_nearest_neighbor: .*got bool"),
    (lambda: nf.image.resize_bilinear(X, [2]), "resize_bilinear: size must be"),
    (lambda: nf.image.resize_bilinear(X, [0, 2]), "size must be"),
    (lambda: nf.image.resize_bilinear(X, [2.5, 2]), "size must be"),
    (lambda: nf.image.resize_bilinear(X[:, :0], [2, 2]), "there is no pixel"),
    (lambda: nf.image.resize_images(X[0, 0], [2, 2]), "either 3 or 4 dimensions"),
    (lambda: nf.image.resize_images(X, [2, 2], method="lanczos"), "unknown method 'lanczos'"),
])
def test_bad_arguments_are_refused(f, message):
    with pytest.raises(ValueError, match=message):
        f()


def test_methods_that_are_not_there_say_so():
    for method in (nf.image.ResizeMethod.BICUBIC, nf.image.ResizeMethod.AREA):
        with pytest.raises(NotImplementedError, match="use BILINEAR or NEAREST_NEIGHBOR"):
            nf.image.resize_images(X, [2, 2], method)
