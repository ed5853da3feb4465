"""Softmax and cross-entropies on a device: the CPU's values for short, long and odd rows, and bad ones."""
import numpy as np
import pytest
from numbaflow.kernels import softmax as cpu
from numbaflow.kernels.cuda import backend, softmax as gpu

FLOATS = [np.float32, np.float64]
LENGTHS = [1, 7, 33, 300, 2000]         # held by a warp, by a block, and too long to hold here
every_float = pytest.mark.parametrize("dtype", FLOATS)
every_length = pytest.mark.parametrize("n", LENGTHS)


def drawn(*shape, dtype=np.float64, seed=0):
    return (3 * np.random.default_rng(seed).standard_normal(shape)).astype(dtype)


def compare(name, arrays, *args, view=lambda x: x):
    """The CPU's results and a device's, from views of arrays if asked for."""
    b = backend.current()
    with np.errstate(all="ignore"):
        wanted = getattr(cpu, name)(*[view(x) for x in arrays], *args)
    found = getattr(gpu, name)(*[view(b.from_host(x)) for x in arrays], *args)
    several = isinstance(wanted, tuple)
    for w, f in zip(wanted if several else [wanted], found if several else [found], strict=True):
        assert b.is_array(f)
        assert (f.dtype, f.shape) == (w.dtype, w.shape)
        close = 1e-5 if f.dtype == np.float32 else 1e-12
        np.testing.assert_allclose(b.to_host(f), w, close, close)


# ---- values
@every_float
@every_length
def test_rows(n, dtype):
    x, g = drawn(2, n, dtype=dtype), drawn(2, n, dtype=dtype, seed=1)
    compare("softmax", [x], 1)
    compare("log_softmax", [x], 1)
    compare("softmax_grad", [g, cpu.softmax(x, 1)], 1)
    compare("log_softmax_grad", [g, cpu.log_softmax(x, 1)], 1)


@every_float
@every_length
def test_cross_entropies(n, dtype):
    x, rng = drawn(3, n, dtype=dtype), np.random.default_rng(1)
    compare("sparse_softmax_cross_entropy", [rng.integers(0, n, 3), x])
    compare("softmax_cross_entropy", [cpu.softmax(drawn(3, n, dtype=dtype, seed=2), 1), x])
    compare("cross_entropy_grad", [drawn(3, dtype=dtype), x])


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("shape", [(2, 3, 5), (1, 40, 1), (2, 3, 70), (2, 300, 3), (3, 0, 2), (0, 3, 2)])
def test_axes(shape, axis):
    x, g = drawn(*shape), drawn(*shape, seed=1)
    compare("softmax", [x], axis)
    compare("log_softmax", [x], axis)
    compare("softmax_grad", [g, x], axis)
    compare("log_softmax_grad", [g, x], axis)


@pytest.mark.parametrize("view", [lambda x: x.T, lambda x: x[::2, 1:], lambda x: x[:, ::-1]])
def test_views(view):
    x = drawn(6, 8)
    compare("softmax", [x], 1, view=view)
    compare("softmax_grad", [drawn(6, 8, seed=1), x], 0, view=view)
    compare("softmax_cross_entropy", [x, x], view=view)


def test_more_rows_than_a_grid_has_warps():
    compare("softmax", [drawn(30, 3)], 1)
    compare("sparse_softmax_cross_entropy", [np.arange(30) % 3, drawn(30, 3)])
    compare("softmax", [drawn(9, 300)], 1)


@pytest.mark.parametrize("labels", ["uint8", "int32", "uint64"])
def test_dtypes_of_labels(labels):
    compare("sparse_softmax_cross_entropy", [np.array([[1, 2], [3, 0]], labels), drawn(2, 2, 4)])


# ---- values that are not numbers
@pytest.mark.parametrize("n", [5, 300, 2000])
@pytest.mark.parametrize("special", [np.inf, -np.inf, np.nan])
@pytest.mark.parametrize("whole", [False, True])
def test_infinities_and_nan(n, special, whole):
    x = drawn(2, n)
    x[0, 0 if not whole else slice(None)] = special
    compare("softmax", [x], 1)
    compare("log_softmax", [x], 1)
    compare("softmax_cross_entropy", [np.ones((2, n)) / n, x])


def test_a_class_of_no_weight_costs_nothing():
    compare("softmax_cross_entropy", [np.array([[0.0, 1.0, 0.0]]), np.array([[-np.inf, 2.0, 1.0]])])


@pytest.mark.parametrize("n", [4, 300, 2000])
def test_large_logits(n):
    x = drawn(2, n, dtype=np.float32) * np.float32(1e37)
    compare("softmax", [x], 1)
    compare("log_softmax", [x], 1)


@pytest.mark.parametrize("n", [5, 300, 2000])
def test_labels_out_of_range_make_their_row_nan(n):
    b, x = backend.current(), drawn(4, n)
    labels = np.array([1, -1, n, 2])
    loss, backprop = gpu.sparse_softmax_cross_entropy(b.from_host(labels), b.from_host(x))
    wanted = cpu.sparse_softmax_cross_entropy(labels[[0, 3]], x[[0, 3]])
    for found, right in zip((b.to_host(loss), b.to_host(backprop)), wanted, strict=True):
        np.testing.assert_allclose(found[[0, 3]], right, 1e-12)
        assert np.isnan(found[[1, 2]]).all()


def test_no_classes():
    b = backend.current()
    labels, logits = b.from_host(np.zeros(3, int)), b.from_host(np.ones((3, 0)))
    loss, backprop = gpu.sparse_softmax_cross_entropy(labels, logits)
    assert np.isnan(b.to_host(loss)).all()
    assert backprop.shape == (3, 0)
    compare("softmax_cross_entropy", [np.ones((3, 0)), np.ones((3, 0))])


def test_errors():
    b = backend.current()
    with pytest.raises(TypeError, match="expected a float type, got int64"):
        gpu.softmax(b.from_host(np.arange(3)), 0)
    with pytest.raises(ValueError, match=r"expected labels \[...\] and logits \[..., classes\]"):
        gpu.sparse_softmax_cross_entropy(b.from_host(np.arange(3)), b.from_host(np.ones((2, 4))))


# ---- code
@pytest.mark.ptx
def test_all_compile():
    compiler = backend.Compiler()
    with backend.using(compiler):
        for dtype in FLOATS:
            for shape in [(4, 10), (4, 128), (4, 256), (4096, 500), (4, 1000), (4, 2000), (4, 10**5)]:
                x, losses = compiler.empty(shape, dtype), compiler.empty(shape[:1], dtype)
                gpu.softmax(x, 1)
                gpu.log_softmax(x, 1)
                gpu.softmax_grad(x, x, 1)
                gpu.log_softmax_grad(x, x, 1)
                gpu.sparse_softmax_cross_entropy(compiler.empty(shape[:1], np.int32), x)
                gpu.softmax_cross_entropy(x, x)
                gpu.cross_entropy_grad(losses, x)
            gpu.softmax(compiler.empty((4, 10, 100), dtype), 1)
            gpu.softmax_grad(*[compiler.empty((4, 10, 100), dtype)] * 2, 1)
    assert all(code.resources.spilled == code.resources.local == 0 for code in compiler.compiled.values())
