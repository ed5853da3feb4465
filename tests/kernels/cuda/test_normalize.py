"""Normalizations on a device, and the gates of an LSTM: the CPU's values for odd shapes and any axis."""
import numpy as np
import pytest
from numbaflow.kernels import normalize_batch, normalize_rows, normalize_window, recurrent
from numbaflow.kernels.cuda import (
    backend,
    normalize_batch as gpu_batch,
    normalize_rows as gpu_rows,
    normalize_window as gpu_window,
    recurrent as gpu_recurrent,
)

FLOATS = [np.float32, np.float64]
every_float = pytest.mark.parametrize("dtype", FLOATS)
CHANNELS = [((7, 3), 1), ((300, 2), 1), ((2, 3, 4), 1), ((2, 130, 3), 2), ((3, 40), 1), ((3, 5), 0),
            ((5,), 0), ((2, 2, 33, 40), 1), ((3, 200, 1), 1), ((2, 3, 1500), 1), ((1500, 1), 1)]


def drawn(*shape, dtype=np.float64, seed=0, mean=0.0):
    return (np.random.default_rng(seed).standard_normal(shape) + mean).astype(dtype)


def compare(cpu, gpu, arrays, *args, close=None):
    """The CPU's results and a device's."""
    b = backend.current()
    wanted, found = cpu(*arrays, *args), gpu(*[b.from_host(x) for x in arrays], *args)
    several = isinstance(wanted, tuple)
    narrow = any(x.dtype == np.float32 for x in arrays)
    close = close or (2e-5 if narrow else 1e-11)
    for w, f in zip(wanted if several else [wanted], found if several else [found], strict=True):
        assert b.is_array(f)
        assert (f.dtype, f.shape) == (w.dtype, w.shape)
        np.testing.assert_allclose(b.to_host(f), w, close, close)


# ---- rows
@every_float
@pytest.mark.parametrize(("rows", "n"), [(1, 1), (5, 1), (5, 7), (1, 33), (300, 2), (3, 300), (2, 2000)])
def test_layer_norm(rows, n, dtype):
    x = drawn(rows, n, dtype=dtype)
    scale, offset = drawn(n, dtype=dtype, seed=1), drawn(n, dtype=dtype, seed=2)
    compare(normalize_rows.layer_norm, gpu_rows.layer_norm, [x, scale, offset], 1e-3)
    _, means, inverses = normalize_rows.layer_norm(x, scale, offset, 1e-3)
    compare(normalize_rows.layer_norm_grad, gpu_rows.layer_norm_grad,
            [drawn(rows, n, dtype=dtype, seed=3), x, scale, means, inverses])


@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (0, 0)])
def test_layer_norm_of_nothing(shape):
    rows, n = shape
    x, scale = drawn(*shape), drawn(n, seed=1)
    compare(normalize_rows.layer_norm, gpu_rows.layer_norm, [x, scale, scale], 1e-3)
    compare(normalize_rows.layer_norm_grad, gpu_rows.layer_norm_grad, [x, x, scale, drawn(rows), drawn(rows)])


@pytest.mark.parametrize("n", [40, 300, 3000])
def test_layer_norm_far_from_zero(n):
    x, ones = drawn(2, n, dtype=np.float32, mean=1000.0), np.ones(n, np.float32)
    b = backend.current()
    y = b.to_host(gpu_rows.layer_norm(*[b.from_host(v) for v in (x, ones, 0 * ones)], 0.0)[0])
    wide = x.astype(np.float64)
    np.testing.assert_allclose(y, (wide - wide.mean(1, keepdims=True)) / wide.std(1, keepdims=True), 0, 3e-4)


# ---- channels
@every_float
@pytest.mark.parametrize(("shape", "axis"), CHANNELS)
def test_batch_norm(shape, axis, dtype):
    c = shape[axis]
    x = drawn(*shape, dtype=dtype)
    scale, offset = drawn(c, dtype=dtype, seed=1), drawn(c, dtype=dtype, seed=2)
    compare(normalize_batch.batch_norm, gpu_batch.batch_norm, [x, scale, offset], 1e-3, axis)
    spread = np.abs(scale) + dtype(0.5)
    compare(normalize_batch.inference, gpu_batch.inference, [x, scale, offset, offset, spread], 1e-3, axis)
    mean, inverse = drawn(c, dtype=dtype, seed=3), np.linspace(0.5, 2.0, c)
    compare(normalize_batch.batch_norm_grad, gpu_batch.batch_norm_grad,
            [drawn(*shape, dtype=dtype, seed=4), offset, scale, x, scale, mean, inverse], axis,
            close=1e-4 if dtype == np.float32 else None)


@pytest.mark.parametrize(("shape", "axis"), [((0, 3), 1), ((2, 0), 1), ((2, 3, 0), 1), ((0, 3, 2), 1)])
def test_batch_norm_of_nothing(shape, axis):
    c = shape[axis]
    x, scale = drawn(*shape), drawn(c)
    with np.errstate(all="ignore"):
        compare(normalize_batch.batch_norm, gpu_batch.batch_norm, [x, scale, scale], 1e-3, axis)
        compare(normalize_batch.inference, gpu_batch.inference, [x, *[np.abs(scale)] * 4], 1e-3, axis)
        compare(normalize_batch.batch_norm_grad, gpu_batch.batch_norm_grad,
                [x, scale, scale, x, scale, scale, np.abs(scale)], axis)


@pytest.mark.parametrize(("shape", "axis"), [((3000, 2), 1), ((2, 2, 1500), 1)])
def test_batch_norm_far_from_zero(shape, axis):
    x, ones = drawn(*shape, dtype=np.float32, mean=1000.0), np.ones(2, np.float32)
    b = backend.current()
    _, mean, variance, _ = gpu_batch.batch_norm(*[b.from_host(v) for v in (x, ones, ones)], 0.0, axis)
    others = tuple(k for k in range(x.ndim) if k != axis)
    wide = x.astype(np.float64)
    np.testing.assert_allclose(b.to_host(mean), wide.mean(others), 1e-7)
    np.testing.assert_allclose(b.to_host(variance), wide.var(others, ddof=1), 1e-5)


# ---- windows and gates
@every_float
@pytest.mark.parametrize("n", [1, 7, 33, 300])
@pytest.mark.parametrize("radius", [0, 2, 40])
def test_neighbour_sum(n, radius, dtype):
    compare(normalize_window.neighbour_sum, gpu_window.neighbour_sum, [drawn(2, 3, n, dtype=dtype)], radius)
    compare(normalize_window.neighbour_sum, gpu_window.neighbour_sum, [drawn(0, n, dtype=dtype)], radius)


@every_float
@pytest.mark.parametrize("hard", [False, True])
@pytest.mark.parametrize(("rows", "n"), [(1, 1), (3, 7), (2, 300), (0, 4)])
def test_lstm_gates(rows, n, hard, dtype):
    z, c = drawn(rows, 4 * n, dtype=dtype), drawn(rows, n, dtype=dtype, seed=1)
    compare(recurrent.lstm_gates, gpu_recurrent.lstm_gates, [z, c], hard)
    compare(recurrent.lstm_gates_grad, gpu_recurrent.lstm_gates_grad, [c + 1, c - 1, z, c], hard)


# ---- code
@pytest.mark.ptx
def test_all_compile():
    compiler = backend.Compiler()
    with backend.using(compiler):
        for dtype in FLOATS:
            for n in (10, 128, 256, 1000, 2000, 4000):
                x, wide, high = [compiler.empty(s, dtype) for s in ((4, n), (n,), (4,))]
                gpu_rows.layer_norm(x, wide, wide, 1e-3)
                gpu_rows.layer_norm_grad(x, x, wide, high, high)
                gpu_window.neighbour_sum(x, 2)
            for shape, axis in [((100, 3), 1), ((10**5, 200), 1), ((4, 64, 7), 1), ((64, 3, 10**5), 1)]:
                x, v = compiler.empty(shape, dtype), compiler.empty((shape[axis],), dtype)
                gpu_batch.batch_norm(x, v, v, 1e-3, axis)
                gpu_batch.inference(x, v, v, v, v, 1e-3, axis)
                gpu_batch.batch_norm_grad(x, v, v, x, v, v, compiler.empty(v.shape, np.float64), axis)
            for hard in (False, True):
                z, c = compiler.empty((3, 20), dtype), compiler.empty((3, 5), dtype)
                gpu_recurrent.lstm_gates(z, c, hard)
                gpu_recurrent.lstm_gates_grad(c, c, z, c, hard)
    assert all(code.resources.spilled == code.resources.local == 0 for code in compiler.compiled.values())
