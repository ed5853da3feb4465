"""Pooling against windows taken one by one in NumPy: strides, paddings, dilations, layouts, ties, errors."""
import itertools

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import numbaflow as nf


def padded(padding, size, kernel, stride, dilation):
    """(before, number of windows) along an axis, from TensorFlow's definitions."""
    extent = (kernel - 1) * dilation + 1
    if padding == "SAME":
        count = int(np.ceil(size / stride))
        return max((count - 1) * stride + extent - size, 0) // 2, count
    before, after = (0, 0) if padding == "VALID" else padding
    return before, (size + before + after - extent) // stride + 1


def windows(x, ksize, strides, paddings, dilations):
    """{place: [(place of an element, elements [batch, channels])]} of x [batch, channels, ...]."""
    axes = list(zip(x.shape[2:], ksize, strides, dilations, strict=True))
    where = [padded(p, *axis) for p, axis in zip(paddings, axes, strict=True)]
    found = {}
    for o in itertools.product(*[range(count) for _, count in where]):
        places = [[o[i] * s - where[i][0] + q * d for q in range(k)] for i, (_, k, s, d) in enumerate(axes)]
        found[o] = [(at, x[(..., *at)]) for at in itertools.product(*places)
                    if all(0 <= a < n for a, n in zip(at, x.shape[2:], strict=True))]
    return tuple(count for _, count in where), found


def expected(x, g_of, *arguments):
    """The largest, the mean and both gradients, for g = g_of(shape)."""
    count, found = windows(x, *arguments)
    largest, mean = (np.empty((*x.shape[:2], *count)) for _ in range(2))
    g = g_of(largest.shape)
    d_largest, d_mean = np.zeros(x.shape), np.zeros(x.shape)
    for o, inside in found.items():
        values = np.stack([v for _, v in inside])
        largest[(..., *o)], mean[(..., *o)] = values.max(0), values.mean(0)
        first = values.argmax(0)
        for k, (at, _) in enumerate(inside):
            d_mean[(..., *at)] += g[(..., *o)] / len(inside)
            d_largest[(..., *at)] += np.where(first == k, g[(..., *o)], 0)
    return g, largest, mean, d_largest, d_mean


def last(x):
    return np.moveaxis(x, 1, -1)


@st.composite
def problems(draw):
    n = draw(st.integers(1, 3))
    axes = []
    for _ in range(n):
        kernel, dilation = draw(st.integers(1, 4)), draw(st.sampled_from([1, 1, 2]))
        extent = (kernel - 1) * dilation + 1
        size, stride = draw(st.integers(extent, extent + 4)), draw(st.integers(1, 3))
        # windows of elements far apart may miss a small input: nothing to compare with
        pad = st.integers(0, kernel - 1)
        pads = (0, 0) if dilation > 1 else (draw(pad), draw(pad))
        axes.append((size, kernel, stride, dilation, pads))
    kind = draw(st.sampled_from(["SAME", "VALID", "explicit"]))
    return draw(st.integers(1, 2)), draw(st.sampled_from([1, 2, 9])), axes, kind


@settings(max_examples=150, deadline=None)
@given(problems(), st.booleans(), st.integers(0, 1000))
def test_any_windows_against_numpy(problem, few_values, seed):
    batch, channels, axes, kind = problem
    sizes, kernels, strides, dilations, pads = zip(*axes, strict=True)
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((batch, channels, *sizes)).astype("float32")
    if few_values:
        x = np.round(x)                                 # ties
    paddings = pads if kind == "explicit" else (kind,) * len(axes)
    if kind == "SAME" and max(dilations) > 1:
        return
    g, *answers = expected(x.astype(float), lambda shape: rng.standard_normal(shape).astype("float32"),
                           kernels, strides, paddings, dilations)
    padding = [list(p) for p in pads] if kind == "explicit" else kind
    for layout, turn in ("NCHW", lambda a: a), ("NHWC", last):
        for pooling_type, y, dx in ("MAX", answers[0], answers[2]), ("AVG", answers[1], answers[3]):
            given_x = nf.constant(turn(x))
            with nf.GradientTape() as tape:
                tape.watch(given_x)
                got = nf.nn.pool(given_x, kernels, pooling_type, padding, dilations, strides,
                                 data_format=layout)
            np.testing.assert_allclose(got.numpy(), turn(y), rtol=1e-5, atol=1e-6)
            got_dx = tape.gradient(got, given_x, output_gradients=nf.constant(turn(g)))
            np.testing.assert_allclose(got_dx.numpy(), turn(dx), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
@pytest.mark.parametrize("channels", [1, 3])
def test_nan_and_infinities_flow(layout, channels):
    x = np.zeros((1, channels, 4, 4), "float32")
    x[0, :, 0, 1], x[0, :, 0, 2], x[0, :, 2:, :2], x[0, :, 1, 0] = np.nan, np.inf, -np.inf, 7
    x = x if layout == "NCHW" else last(x)
    y = nf.nn.max_pool(x, 2, 2, "VALID", layout).numpy().reshape(-1)
    expected = np.array([np.nan, np.inf, -np.inf, 0], "float32")
    want = np.tile(expected, channels) if layout == "NCHW" else np.repeat(expected, channels)
    np.testing.assert_array_equal(y, want)
    mean = nf.nn.avg_pool(x, 2, 2, "VALID", layout).numpy().reshape(-1)
    np.testing.assert_array_equal(mean, want)
    dx = nf.gradients_function(lambda v: nf.nn.max_pool(v, 2, 2, "VALID", layout))(nf.constant(x))[0].numpy()
    dx = (dx if layout == "NCHW" else np.moveaxis(dx, -1, 1))[0, 0]
    assert np.argwhere(dx).tolist() == [[0, 1], [0, 2], [2, 0], [2, 2]]     # the first nan, inf, -inf and 0


def test_a_window_with_no_element_inside_is_the_lowest_and_has_no_gradient():
    x = nf.constant(np.full((1, 1, 2), 3.0, "float32"))
    pad = [[1, 1]]
    y, (dx,) = nf.value_and_gradients_function(
        lambda v: nf.nn.pool(v, 2, "MAX", pad, dilation_rate=2))(x)
    assert y.numpy().tolist() == [[[-np.inf, -np.inf]]]
    assert dx.numpy().tolist() == [[[0, 0]]]
    assert nf.nn.pool(x, 2, "AVG", pad, dilation_rate=2).numpy().tolist() == [[[0, 0]]]


def test_large_windows_count_past_a_byte():
    x = np.random.default_rng(0).standard_normal((1, 2, 20, 21)).astype("float32")
    for layout, turn in ("NCHW", lambda a: a), ("NHWC", last):
        dx = nf.gradients_function(lambda v, layout=layout: nf.nn.max_pool(v, 17, 1, "VALID", layout))(
            nf.constant(turn(x)))[0]
        *_, want, _ = expected(x.astype(float), np.ones, (17, 17), (1, 1), ("VALID",) * 2, (1, 1))
        np.testing.assert_allclose(dx.numpy(), turn(want))


def test_serial_or_threaded_the_bits_are_the_same(monkeypatch):
    from numbaflow.kernels import jit, threads
    x = nf.constant(np.random.default_rng(0).standard_normal((3, 17, 18, 5)).astype("float32"))

    def bits():
        found = []
        for layout in ("NHWC", "NCHW"):
            for f in (nf.nn.max_pool, nf.nn.avg_pool):
                y, (dx,) = nf.value_and_gradients_function(
                    lambda v, f=f, layout=layout: f(v, 3, 2, "SAME", layout))(x)
                found += [y.numpy(), dx.numpy()]
        return found
    serial = bits()
    monkeypatch.setattr(jit, "PARALLEL_WORK", 0)
    monkeypatch.setattr(threads, "count", lambda: 3)
    for a, b in zip(serial, bits(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_integers_and_double_precision():
    x = np.arange(16).reshape(1, 4, 4, 1)
    assert nf.nn.max_pool(x, 2, 2, "VALID").dtype == nf.int64
    assert nf.nn.max_pool(x.astype("uint8"), 2, 2, "VALID").numpy().ravel().tolist() == [5, 7, 13, 15]
    assert nf.nn.avg_pool(x.astype(float), 4, 4, "VALID").numpy().ravel().tolist() == [7.5]


def test_named_ranks_and_argmax():
    rng = np.random.default_rng(0)
    for n, (largest, mean) in enumerate([(nf.nn.max_pool1d, nf.nn.avg_pool1d),
                                         (nf.nn.max_pool2d, nf.nn.avg_pool2d),
                                         (nf.nn.max_pool3d, nf.nn.avg_pool3d)], 1):
        x = rng.standard_normal((2, *(4,) * n, 3)).astype("float32")
        np.testing.assert_array_equal(largest(x, 2, 2, "SAME"), nf.nn.max_pool(x, [2] * n, [2], "same"))
        np.testing.assert_array_equal(mean(x, 2, 2, "SAME"), nf.nn.avg_pool(x, [1, *[2] * n, 1], 2, "SAME"))
        with pytest.raises(ValueError, match=f"max_pool{n}d: expected an input of rank {n + 2}"):
            largest(x[0], 2, 2, "SAME")
    x = rng.standard_normal((2, 5, 6, 3)).astype("float32")
    for whole in (False, True):
        y, at = nf.nn.max_pool_with_argmax(x, [1, 3, 3, 1], [1, 2, 2, 1], "SAME",
                                           include_batch_in_index=whole)
        flat = [x.ravel()] * 2 if whole else x.reshape(2, -1)
        np.testing.assert_array_equal(y.numpy(), [f[a] for f, a in zip(flat, at.numpy(), strict=True)])
    assert nf.nn.max_pool_with_argmax(x, 2, 2, "VALID", Targmax=nf.int32)[1].dtype == nf.int32


def test_empty_batches():
    x = nf.zeros([0, 6, 6, 3])
    for f in (nf.nn.max_pool, nf.nn.avg_pool):
        y, (dx,) = nf.value_and_gradients_function(lambda v, f=f: f(v, 2, 2, "VALID"))(x)
        assert tuple(y.shape) == (0, 3, 3, 3)
        assert tuple(dx.shape) == (0, 6, 6, 3)


X = np.zeros((2, 4, 4, 3), "float32")


@pytest.mark.parametrize(("arguments", "message"), [
    ((X[0, 0], 2, 2, "SAME"), "rank 3, 4 or 5"),
    ((X, 2, 2, "SAMEE"), "unknown padding 'SAMEE'"),
    ((X, 2, 2, [[1, 1]]), "unknown padding"),
    ((X, 2, 2, [[1, -1], [0, 0]]), "unknown padding"),
    ((X, 2, 2, [[2, 0], [0, 0]]), "less than the window's extent 2"),
    ((X, 2, 2, [[1, 0], [0, 0], [0, 0], [0, 0]]), "for the batch and the channels"),
    ((X, 2, 2, "SAME", "NHCW"), "unknown data_format 'NHCW'"),
    ((X, 2, 2, "SAME", "NCW"), "unknown data_format 'NCW'"),
    ((X, [2, 2, 2], 2, "SAME"), "ksize must be one integer, 2 or 4"),
    ((X, [1, 2, 2, 3], 2, "SAME"), "1 for the batch and the channels"),
    ((X, 0, 2, "SAME"), "ksize must be positive"),
    ((X, 2, -1, "SAME"), "strides must be positive"),
    ((X, 2.5, 1, "SAME"), "ksize must be integers"),
    ((X, 5, 1, "VALID"), "does not fit into 4 elements"),
])
def test_bad_arguments_are_refused(arguments, message):
    for f, name in (nf.nn.max_pool, "max_pool"), (nf.nn.avg_pool, "avg_pool"):
        with pytest.raises(ValueError, match=f"{name}: .*{message}"):
            f(*arguments)


def test_bad_dtypes_and_kinds_are_refused():
    with pytest.raises(TypeError, match="avg_pool: expected floats, got int32"):
        nf.nn.avg_pool(np.zeros((1, 2, 2, 1), "int32"), 2, 2, "SAME")
    with pytest.raises(TypeError, match="max_pool: expected real numbers, got complex64"):
        nf.nn.max_pool(np.zeros((1, 2, 2, 1), "complex64"), 2, 2, "SAME")
    with pytest.raises(ValueError, match="pool: unknown pooling_type 'MEAN'"):
        nf.nn.pool(X, 2, "MEAN", "SAME")
    with pytest.raises(ValueError, match="max_pool: expected an input, got None"):
        nf.nn.max_pool(None, 2, 2, "SAME")
    with pytest.raises(ValueError, match="expected data_format 'NHWC'"):
        nf.nn.max_pool_with_argmax(X, 2, 2, "SAME", data_format="NCHW")
