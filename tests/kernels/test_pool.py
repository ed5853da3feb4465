"""Tiles of channels against NumPy for any number of channels, tables of windows, packed instructions."""
import platform
import re

import numba
import numpy as np
import pytest
from numba import types
from numbaflow.kernels import jit, normalize_batch, pool_tiles, row_sums, windows

PIXELS, COUNT = 9, 5


def problem(channels, dtype):
    rng = np.random.default_rng(channels)
    x = (rng.standard_normal((PIXELS, channels)) * 5).round().astype(dtype)        # ties
    chosen = rng.permutation(PIXELS)[:COUNT]
    return x, chosen, (chosen * channels).astype(np.int64), np.arange(COUNT, dtype=np.int32) + 3


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32])
def test_the_largest_of_pixels_for_any_number_of_channels(dtype):
    for channels in (1, 3, 4, 8, 15, 16, 21, 40):
        x, chosen, places, numbers = problem(channels, dtype)
        if dtype != np.int32 and channels > 3:
            x[chosen[1], 2] = x[chosen[3], 2] = np.nan
            x[chosen, 3] = -np.inf
        out, index = np.zeros(channels + 2, dtype), np.full(channels + 2, 99, np.uint8)
        none = dtype(-np.inf if dtype != np.int32 else np.iinfo(np.int32).min)
        pool_tiles.largest_of_pixels(x.ravel(), channels, places, numbers, COUNT, none, out, index, 1)
        first = x[chosen].argmax(0)                     # NumPy's is the first of equals, and the first nan
        np.testing.assert_array_equal(out[1:-1], x[chosen].max(0))
        np.testing.assert_array_equal(index[1:-1], numbers[first])
        assert (out[[0, -1]] == 0).all()                # nothing beside it is written
        assert (index[[0, -1]] == 99).all()
        pool_tiles.largest_of_pixels(x.ravel(), channels, places, numbers, 0, none, out, index, 1)
        assert (out[1:-1] == none).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sums_of_pixels_for_any_number_of_channels(dtype):
    for channels in (1, 3, 4, 8, 15, 16, 21, 40):
        g, chosen, places, numbers = problem(channels, dtype)
        index = np.random.default_rng(0).integers(3, 6, g.shape).astype(np.uint8)
        dx = np.full(channels, 7, dtype)
        pool_tiles.sum_where(g.ravel(), index.ravel(), channels, places, numbers, COUNT, dx, 0)
        here = index[chosen] == numbers[:, None]
        np.testing.assert_array_equal(dx, np.where(here, g[chosen], 0).sum(0))
        weights = np.arange(1, COUNT + 1).astype(dtype) / 4
        pool_tiles.weighted_sum(g.ravel(), channels, places, weights, COUNT, dx, 0)
        np.testing.assert_array_equal(dx, weights @ g[chosen])


def test_tables_of_windows_agree_with_each_other():
    cases = [(7, 3, 2, 1, 1, 1), (5, 2, 1, 3, 2, 0), (4, 1, 3, 1, 0, 0), (1, 2, 1, 2, 1, 1)]
    for size, kernel, stride, dilation, before, after in cases:
        count = (size + before + after - (kernel - 1) * dilation - 1) // stride + 1
        three = [(1, 1, n) for n in (size, count, kernel, stride, dilation)]
        w = windows.Windows(1, 1, *three, (0, 0, before), True, (1, size, 1), (1, count, 1))
        inside = {(o, k): o * stride - before + k * dilation for o in range(count) for k in range(kernel)
                  if 0 <= o * stride - before + k * dilation < size}
        spans, (ends, pairs) = windows.spans(w)[2], windows.covers(w)[2]
        assert inside == {(o, k): start + (k - k0) * dilation for o, (k0, k1, start) in enumerate(spans)
                          for k in range(k0, k1)}
        assert inside == {tuple(pair): i for i in range(size) for pair in pairs[ends[i]:ends[i + 1]]}
        shares = windows.shares(w)[2]
        steps, starts = windows.places(w)
        for o in range(count):
            assert shares[o] * sum(p == o for p, _ in inside) in (0.0, 1.0)
        assert all(starts[2][o] + steps[k] == at for (o, k), at in inside.items())


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="reads x86 assembly")
@pytest.mark.parametrize(("kernel", "arguments", "wanted"), [
    (pool_tiles.largest_of_pixels, "f n p k n x f i n", (r"vblendv|vpblendm|vmovaps(?=[^\n]*\{%k)", "vcmp")),
    (pool_tiles.sum_where, "f i n p k n f n", ("vaddps",)),
    (pool_tiles.weighted_sum, "f n p f n f n", ("vfmadd|vmulps",)),
    (row_sums.add_scaled, "f x f", ("vfmadd|vmulps",)),
    (normalize_batch._add_eight, "f n f", ("vaddps",)),
    (normalize_batch._add_squares, "f n f f", ("vsubps", "vfmadd|vmulps")),
    (normalize_batch._add_products, "f f n f f f", ("vsubps", "vfmadd|vmulps")),
], ids=lambda v: getattr(v, "__name__", None))
def test_inner_loops_are_packed_and_store_without_masks(kernel, arguments, wanted):
    kinds = {"f": types.float32[::1], "i": types.uint8[::1], "k": types.int32[::1], "p": types.int64[::1],
             "n": types.int64, "x": types.float32}
    compiled = numba.njit(nogil=True, **jit.OPTIONS)(kernel.py_func)        # (the cache holds no assembly)
    compiled.compile(tuple(kinds[a] for a in arguments.split()))
    assembly, = compiled.inspect_asm().values()
    for name in wanted:
        assert re.search(rf"({name})\w*\s[^\n]*%[yz]mm", assembly), f"{kernel.__name__}: no packed {name}"
    assert not re.search(r"v(p?)maskmov\w*\s+%[yz]mm", assembly), f"{kernel.__name__}: a masked store"
