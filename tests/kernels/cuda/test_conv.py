"""Convolutions in the simulator against the CPU's: odd shapes, several tiles, parts of sums."""
import numpy as np
import pytest
from numba import types
from numbaflow.kernels import conv_layouts as on_host
from numbaflow.kernels.cuda import backend, conv, conv_layouts, toolchain
from numbaflow.kernels.cuda.conv_tiles import Form, parameters, tile_kernel

ONE, NONE = (1, 1), ((0, 0), (0, 0))
# images, filter, strides, padding, dilations, channels first, groups
CASES = {
    "several tiles": ((2, 9, 8, 3), (3, 3, 3, 37), ONE, ((1, 1), (1, 1)), ONE, False, 1),
    "fours": ((3, 7, 5, 8), (3, 2, 8, 20), ONE, ((1, 1), (0, 1)), ONE, False, 1),
    "fours in, ones out": ((1, 6, 6, 4), (2, 2, 4, 5), (2, 1), NONE, ONE, False, 1),
    "strides and dilations": ((2, 9, 11, 3), (2, 3, 3, 4), (3, 2), ((0, 2), (1, 0)), (2, 1), False, 1),
    "stride beyond the window": ((1, 7, 8, 2), (1, 2, 2, 3), (3, 3), NONE, ONE, False, 1),
    "pointwise": ((2, 5, 7, 12), (1, 1, 12, 36), ONE, NONE, ONE, False, 1),
    "pointwise, odd": ((1, 3, 3, 5), (1, 1, 5, 3), ONE, NONE, ONE, False, 1),
    "pointwise, strided": ((1, 5, 4, 4), (1, 1, 4, 4), (2, 2), NONE, ONE, False, 1),
    "groups": ((2, 5, 4, 8), (3, 1, 4, 6), ONE, ((1, 0), (0, 0)), ONE, False, 2),
    "channels first": ((2, 4, 5, 6), (2, 3, 4, 8), (1, 2), ((1, 0), (0, 1)), ONE, True, 1),
    "one dimension": ((3, 17, 4), (5, 4, 7), (2,), ((2, 2),), (2,), False, 1),
    "three dimensions": ((2, 4, 3, 5, 4), (2, 2, 3, 4, 4), (2, 1, 1), ((1, 0), (0, 0), (1, 1)), (1, 1, 1),
                         False, 1),
    "images of one pixel": ((5, 1, 1, 3), (3, 3, 3, 2), ONE, ((1, 1), (1, 1)), ONE, False, 1),
    "depthwise": ((2, 6, 5, 35), (3, 2, 1, 35), (1, 2), ((1, 1), (0, 1)), ONE, False, 35),
    "depthwise, several filters": ((1, 7, 6, 3), (2, 3, 1, 6), (2, 1), ((0, 1), (2, 2)), (1, 2), False, 3),
    "no images": ((0, 4, 4, 2), (3, 3, 2, 2), ONE, NONE, ONE, False, 1),
}
TOLERANCE = {"float32": {"rtol": 1e-4, "atol": 1e-4}, "float64": {"rtol": 1e-11, "atol": 1e-11}}


def random(*shape, dtype, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def up(x):
    return backend.current().from_host(x)


def same(found, wanted):
    found = backend.current().to_host(found)
    assert found.dtype == wanted.dtype
    np.testing.assert_allclose(found, wanted, **TOLERANCE[wanted.dtype.name])


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("case", CASES)
def test_output_and_gradients_are_those_of_the_cpu(case, dtype):
    x_shape, w_shape, *how = CASES[case]
    x, w = random(*x_shape, dtype=dtype), random(*w_shape, dtype=dtype, seed=1)
    y = on_host.output(x, w, *how)
    same(conv_layouts.output(up(x), up(w), *how), y)
    dy = random(*y.shape, dtype=dtype, seed=2)
    same(conv_layouts.input_grad(up(dy), up(w), x_shape, *how), on_host.input_grad(dy, w, x_shape, *how))
    same(conv_layouts.filter_grad(up(x), up(dy), w_shape, *how), on_host.filter_grad(x, dy, w_shape, *how))


@pytest.mark.parametrize("case", ["several tiles", "fours", "groups", "channels first", "depthwise"])
@pytest.mark.parametrize("relu", [False, True])
def test_bias_and_rectifier(case, relu):
    x_shape, w_shape, *how = CASES[case]
    x, w, bias = (random(*s, dtype="float32", seed=k) for k, s in enumerate((x_shape, w_shape, w_shape[-1:])))
    same(conv_layouts.output(up(x), up(w), *how, up(bias), relu), on_host.output(x, w, *how, bias, relu))


def test_sums_in_parts_get_bias_and_rectifier_once_and_are_the_same_each_time():
    how = ONE, NONE, ONE, False, 1
    shapes = (1, 3, 4, 40), (3, 3, 40, 3), (3,)
    x, w, bias = (random(*s, dtype="float32", seed=k) for k, s in enumerate(shapes))
    tile, blocks = conv._tile(2, 3, 1, 2, 4, True)
    assert conv._parts(blocks, 360, tile, 6) > 1
    found = [conv_layouts.output(up(x), up(w), *how, up(bias), True) for _ in range(2)]
    same(found[0], on_host.output(x, w, *how, bias, True))
    np.testing.assert_array_equal(*[backend.current().to_host(y) for y in found])


def test_nan_reaches_what_it_is_in_and_no_more():
    x, w = np.ones((1, 4, 4, 3), "float32"), np.ones((2, 2, 3, 5), "float32")
    x[0, 0, 0, 1] = np.nan
    how = ONE, ((0, 1), (0, 1)), ONE, False, 1
    bias = up(np.zeros(5, "float32"))
    found = backend.current().to_host(conv_layouts.output(up(x), up(w), *how, bias, True))
    np.testing.assert_array_equal(np.argwhere(np.isnan(found).any(-1)), [[0, 0, 0]])
    assert np.isnan(found[0, 0, 0]).all()


def test_arrays_that_do_not_begin_at_sixteen_bytes():
    x_shape, w_shape, *how = CASES["fours"]
    x, w = random(*x_shape, dtype="float32"), random(*w_shape, dtype="float32", seed=1)
    flat = up(np.concatenate([[0], x.ravel()]).astype("float32"))
    same(conv_layouts.output(flat[1:].reshape(x_shape), up(w), *how), on_host.output(x, w, *how))


@pytest.mark.parametrize("case", ["fours", "three dimensions", "pointwise, odd"])
def test_long_arrays_are_indexed_in_64_bits(case, monkeypatch):
    monkeypatch.setattr(conv, "LONG", 0)
    asked = []
    monkeypatch.setattr(conv, "tile_kernel", lambda form: asked.append(form) or tile_kernel(form))
    test_output_and_gradients_are_those_of_the_cpu(case, "float32")
    assert all(form.long and tile_kernel(form).function.__globals__["place"] is np.int64 for form in asked)


def test_images_that_are_too_large_are_refused():
    large, filter = (1, 1, 50000, 50000, 1), (1, 3, 3, 1, 1)
    with pytest.raises(ValueError, match=r"elements of an image .* must be less than"):
        conv._forward(large, filter, (1,) * 3, ((0, 0),) * 3, (1,) * 3, 1, False)


@pytest.mark.ptx
@pytest.mark.parametrize("fours", [True, False])
@pytest.mark.parametrize("dtype", [types.float32, types.float64])
@pytest.mark.parametrize("kind", ["pixels", "turned", "taps"])
def test_tiles_stay_in_registers(kind, dtype, fours):
    array = types.Array(dtype, 1, "C")
    taken = *[array] * 4, types.boolean, dtype, *[types.int64] * len(parameters(2))
    for tile, _ in conv._DOUBLE if dtype is types.float64 else conv._FOURS if fours else conv._ONES:
        form = Form(kind, 2, np.dtype(str(dtype)), tile, fours, fours, fours)
        used = toolchain.compiled(tile_kernel(form).function, taken, (9, 0)).resources
        assert used.spilled == 0
        assert used.registers <= 136
