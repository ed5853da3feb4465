"""Pooling in the simulator against the CPU's: both layouts, edges, ties, NaN."""
import numpy as np
import pytest
from numbaflow.kernels import pool_max as max_on_host, pool_mean as mean_on_host
from numbaflow.kernels.cuda import backend, pool_max, pool_mean
from numbaflow.kernels.windows import Windows


def windows(batch, channels, size, kernel, strides, dilations, pads, last=True):
    """Windows over arrays of one to three axes, put in front of which are axes of 1."""
    more = 3 - len(size)
    counts = [(n + sum(pad) - (k - 1) * d - 1) // s + 1
              for n, k, s, d, pad in zip(size, kernel, strides, dilations, pads, strict=True)]
    axes = [(1,) * more + tuple(values) for values in (size, counts, kernel, strides, dilations)]
    shapes = [(batch, *n, channels) if last else (batch, channels, *n) for n in (size, counts)]
    return Windows(batch, channels, *axes, (0,) * more + tuple(p for p, _ in pads), last, *map(tuple, shapes))


CASES = {
    "halves": windows(2, 5, (6, 7), (2, 2), (2, 2), (1, 1), ((0, 0), (0, 1))),
    "overlapping": windows(1, 3, (7, 6), (3, 3), (2, 1), (1, 1), ((1, 1), (1, 1))),
    "channels first": windows(2, 3, (5, 6), (3, 2), (2, 2), (1, 1), ((1, 1), (0, 0)), last=False),
    "dilated": windows(1, 2, (9, 8), (3, 2), (1, 3), (2, 3), ((2, 2), (0, 1))),
    "apart": windows(1, 2, (9, 5), (2, 1), (3, 2), (1, 1), ((0, 0), (0, 0))),
    "one axis": windows(3, 2, (11,), (4,), (3,), (1,), ((2, 1),)),
    "three axes": windows(1, 2, (3, 4, 5), (2, 2, 3), (1, 2, 2), (1, 1, 1), ((1, 0), (0, 0), (1, 1))),
    "one channel": windows(2, 1, (4, 5), (2, 2), (1, 1), (1, 1), ((0, 1), (0, 0))),
    "empty windows": windows(1, 2, (3,), (2,), (1,), (4,), ((3, 3),)),
    "many elements": windows(1, 1, (20, 20), (17, 17), (2, 2), (1, 1), ((0, 0), (0, 0))),
    "no images": windows(0, 2, (4, 4), (2, 2), (2, 2), (1, 1), ((0, 0), (0, 0))),
}
every_case = pytest.mark.parametrize("w", CASES.values(), ids=CASES)


def random(shape, dtype="float32", seed=0):
    return np.random.default_rng(seed).integers(-4, 5, shape).astype(dtype)


def up(x):
    return backend.current().from_host(x)


def same(found, wanted):
    found = backend.current().to_host(found)
    assert found.dtype == wanted.dtype
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "uint8"])
@every_case
def test_the_largest_and_the_first_of_equals(w, dtype):
    x = random(w.shape, dtype)
    for found, wanted in zip(pool_max.max_pool(up(x), w), max_on_host.max_pool(x, w), strict=True):
        same(found, wanted)


@every_case
def test_what_goes_back_to_the_largest_and_is_taken_from_it(w):
    x, dy = random(w.shape), random(w.out_shape, seed=1)
    _, index = max_on_host.max_pool(x, w)
    same(pool_max.max_pool_grad(up(dy), up(index), w), max_on_host.max_pool_grad(dy, index, w))
    same(pool_max.max_pool_take(up(x), up(index), w), max_on_host.max_pool_take(x, index, w))


@pytest.mark.parametrize("whole", [False, True])
@every_case
def test_positions_of_the_largest(w, whole):
    if w.channels_last:
        _, index = max_on_host.max_pool(random(w.shape), w)
        wanted = max_on_host.max_pool_positions(index, w, whole)
        same(pool_max.max_pool_positions(up(index), w, whole), wanted)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@every_case
def test_means_and_their_gradient(w, dtype):
    x, dy = random(w.shape, dtype), random(w.out_shape, dtype, seed=1)
    same(pool_mean.avg_pool(up(x), w), mean_on_host.avg_pool(x, w))
    same(pool_mean.avg_pool_grad(up(dy), w), mean_on_host.avg_pool_grad(dy, w))


@pytest.mark.parametrize("value", [np.nan, -np.inf])
def test_the_first_nan_is_the_largest_and_any_element_more_than_none(value):
    w = CASES["overlapping"]
    x = random(w.shape)
    x[0, 1:4, 1:3] = value
    x[0, 5:] = -np.inf
    for found, wanted in zip(pool_max.max_pool(up(x), w), max_on_host.max_pool(x, w), strict=True):
        np.testing.assert_array_equal(backend.current().to_host(found), wanted)


def test_arrays_in_other_strides():
    w = CASES["halves"]
    x = random((5, *w.shape[:3]))
    same(pool_mean.avg_pool(np.moveaxis(up(x), 0, -1), w), mean_on_host.avg_pool(np.moveaxis(x, 0, -1), w))
