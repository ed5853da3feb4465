"""Pooling: the largest or the mean of sliding windows over 1 to 3 axes, channels last or first.

The public functions turn TensorFlow's arguments into `Windows`, which the ops take.  Gradients are linear ops
of their own: that of max_pool sends to where the largest stood, and its gradient takes from there.
"""
import numpy as np

from numbaflow.core import dtypes
from numbaflow.core.errors import InvalidArgumentError
from numbaflow.core.later import of_known_rank
from numbaflow.core.optable import Sample, distinct, given, integers, normal, op
from numbaflow.core.samples import Maker
from numbaflow.core.tensor import as_tensor
from numbaflow.kernels import pool_max, pool_mean

from .casting import cast
from .windows import windows_over

__all__ = ["avg_pool", "avg_pool1d", "avg_pool2d", "avg_pool3d", "max_pool", "max_pool1d", "max_pool2d",
           "max_pool3d", "max_pool_with_argmax", "pool"]


# ---- references and samples
def _each_window(windows):
    """For each window: its place among windows and the list of the places of its elements, with numbers."""
    for o in np.ndindex(windows.counts):
        inside = []
        for k, step in enumerate(np.ndindex(windows.kernel)):
            at = tuple([p * s - b + q * d for p, s, b, q, d in zip(
                o, windows.strides, windows.before, step, windows.dilations, strict=True)])
            if all(0 <= a < n for a, n in zip(at, windows.size, strict=True)):
                inside.append((k, at))
        yield o, inside


def _everywhere(at):
    """The key of one place in all examples and channels."""
    return ..., *at


def _in_order(x, windows, size):
    """x as (batch, channels, *size)."""
    if windows.channels_last:
        return np.moveaxis(x.reshape(windows.batch, *size, windows.channels), -1, 1)
    return x.reshape(windows.batch, windows.channels, *size)


def _back(y, windows, shape):
    return np.ascontiguousarray(np.moveaxis(y, 1, -1) if windows.channels_last else y).reshape(shape)


def _max_reference(input, windows):
    x = _in_order(input, windows, windows.size)
    y = np.empty((windows.batch, windows.channels, *windows.counts), input.dtype)
    for o, inside in _each_window(windows):
        y[_everywhere(o)] = np.max([x[_everywhere(at)] for _, at in inside], axis=0)
    return _back(y, windows, windows.out_shape)


def _argmax_reference(input, windows, whole):
    positions = np.arange(input.size).reshape(input.shape)
    if not whole and input.size:
        positions %= input[0].size
    x, at = _in_order(input, windows, windows.size), _in_order(positions, windows, windows.size)
    y = np.empty((windows.batch, windows.channels, *windows.counts), np.int64)
    for o, inside in _each_window(windows):
        largest = np.argmax([x[_everywhere(place)] for _, place in inside], axis=0)
        y[_everywhere(o)] = np.choose(largest, [at[_everywhere(place)] for _, place in inside])
    return _back(y, windows, windows.out_shape)


def _mean_reference(input, windows):
    x = _in_order(input, windows, windows.size)
    y = np.zeros((windows.batch, windows.channels, *windows.counts), input.dtype)
    for o, inside in _each_window(windows):
        y[_everywhere(o)] = sum(x[_everywhere(at)] for _, at in inside) / len(inside)
    return _back(y, windows, windows.out_shape)


def _mean_grad_reference(dy, windows):
    g = _in_order(dy, windows, windows.counts)
    dx = np.zeros((windows.batch, windows.channels, *windows.size), dy.dtype)
    for o, inside in _each_window(windows):
        for _, at in inside:
            dx[_everywhere(at)] += g[_everywhere(o)] / len(inside)
    return _back(dx, windows, windows.shape)


def _max_grad_reference(dy, index, windows):
    g, index = _in_order(dy, windows, windows.counts), _in_order(index, windows, windows.counts)
    dx = np.zeros((windows.batch, windows.channels, *windows.size), dy.dtype)
    for o, inside in _each_window(windows):
        for k, at in inside:
            dx[_everywhere(at)] += np.where(index[_everywhere(o)] == k, g[_everywhere(o)], 0)
    return _back(dx, windows, windows.shape)


def _take_reference(x, index, windows):
    x, index = _in_order(x, windows, windows.size), _in_order(index, windows, windows.counts)
    y = np.zeros((windows.batch, windows.channels, *windows.counts), x.dtype)
    for o, inside in _each_window(windows):
        for k, at in inside:
            y[_everywhere(o)] = np.where(index[_everywhere(o)] == k, x[_everywhere(at)], y[_everywhere(o)])
    return _back(y, windows, windows.out_shape)


def _sample_windows():
    plain = [((2, 4, 5, 3), 2, 2, "VALID", "NHWC"), ((1, 5, 4, 3), (3, 2), (2, 1), "SAME", "NHWC"),
             ((2, 3, 5, 4), (2, 3), (1, 2), "SAME", "NCHW"), ((1, 6, 2), 3, 1, ((1, 2),), "NHWC"),
             ((1, 2, 3, 4, 3), 2, 1, "VALID", "NDHWC"), ((1, 2, 3, 3, 4), (1, 2, 2), 2, "SAME", "NCDHW"),
             ((2, 5, 6, 1), 3, 2, "SAME", "NHWC"), ((0, 4, 4, 2), 2, 2, "SAME", "NHWC")]
    made = [windows_over("sample", *arguments) for arguments in plain]
    return [*made, windows_over("sample", (1, 7, 6, 2), 2, 1, "VALID", "NHWC", (3, 2))]


_WINDOWS = _sample_windows()


def _numbers(windows):
    """For each window the number of one of its elements."""
    def make(rng, _):
        index = np.empty((windows.batch, windows.channels, *windows.counts), np.uint8)
        for o, inside in _each_window(windows):
            index[_everywhere(o)] = rng.choice([k for k, _ in inside], index.shape[:2])
        return _back(index, windows, windows.out_shape)
    return Maker(make)


def _with_index(shape):
    """Samples of (array, index, windows), the array of the windows' shape or out_shape."""
    return [Sample(normal(*getattr(w, shape)), _numbers(w), w) for w in _WINDOWS]


# ---- ops
@op(inputs="x index", samples=_with_index("shape"), reference=_take_reference,
    infer=lambda x, windows: (windows.out_shape, x.dtype),
    grads={"x": lambda g, index, windows: max_pool_grad(g, index, windows), "index": None})
def max_pool_take(x, index, windows):
    """The elements of x that stand at number `index` of their windows."""
    return pool_max.max_pool_take(x, index, windows)


@op(inputs="dy index", samples=_with_index("out_shape"), reference=_max_grad_reference,
    infer=lambda dy, windows: (windows.shape, dy.dtype),
    grads={"dy": lambda g, index, windows: max_pool_take(g, index, windows), "index": None})
def max_pool_grad(dy, index, windows):
    """The gradient of max_pool: for each element the sum of dy over the windows whose largest it is."""
    return pool_max.max_pool_grad(dy, index, windows)


def _largest_shapes(input, windows):
    _expect(input, "biuf", "real numbers")
    return [(windows.out_shape, input.dtype), (windows.out_shape, pool_max.index_dtype(windows))]


@op(inputs="input", residuals="index", infer=_largest_shapes, reference=_max_reference,
    samples=[*[Sample(distinct(*w.shape), w) for w in _WINDOWS],
             Sample(integers(*_WINDOWS[0].shape), _WINDOWS[0]),
             Sample(given(np.zeros(_WINDOWS[1].shape)), _WINDOWS[1], grad=False)],
    grads={"input": lambda g, index, windows: max_pool_grad(g, index, windows)})
def max_of_windows(input, windows):
    """The largest of each window; the first of equals gets the gradient."""
    _expect(input, "biuf", "real numbers")
    return pool_max.max_pool(input, windows)


_LAST = [w for w in _WINDOWS if w.channels_last]


@op(inputs="input", grads=None,
    samples=[Sample(distinct(*w.shape), w, k % 2 == 0) for k, w in enumerate(_LAST)],
    infer=lambda input, windows: (windows.out_shape, np.dtype(np.int64)), reference=_argmax_reference)
def argmax_of_windows(input, windows, whole=False):
    """Where the largest of each window stands in its example, or in the whole array; for channels last."""
    _, index = pool_max.max_pool(input, windows)
    return pool_max.max_pool_positions(index, windows, whole)


@op(inputs="dy", samples=[Sample(normal(*w.out_shape), w) for w in _WINDOWS], reference=_mean_grad_reference,
    infer=lambda dy, windows: (windows.shape, dy.dtype),
    grads={"dy": lambda g, windows: mean_of_windows(g, windows)})
def avg_pool_grad(dy, windows):
    """The gradient of avg_pool: for each element the sum of dy over its windows, each over its size."""
    return pool_mean.avg_pool_grad(dy, windows)


def _mean_shape(input, windows):
    _expect(input, "f", "floats")
    return windows.out_shape, input.dtype


@op(inputs="input", samples=[Sample(normal(*w.shape), w) for w in _WINDOWS], reference=_mean_reference,
    infer=_mean_shape,
    grads={"input": lambda g, windows: avg_pool_grad(g, windows)})
def mean_of_windows(input, windows):
    """The mean of the elements of each window, of those inside the input."""
    _expect(input, "f", "floats")
    return pool_mean.avg_pool(input, windows)


def _expect(x, kinds, words):
    if x.dtype.kind not in kinds:
        raise TypeError(f"expected {words}, got {x.dtype}")


# ---- pooling of 1 to 3 axes
def _pooled(name, run, kinds, value, ksize, strides, padding, data_format, dilations=1, spatial=None):
    if value is None:
        raise InvalidArgumentError(f"{name}: expected an input, got None")
    x = as_tensor(value)
    if x._dtype.kind not in kinds:
        words = "floats" if kinds == "f" else "real numbers"
        raise InvalidArgumentError(f"{name}: expected {words}, got {x.dtype.name}; cast it first")
    return run(x, windows_over(name, x._data.shape, ksize, strides, padding, data_format, dilations, spatial))


def _max(name, *arguments, **more):
    return _pooled(name, max_of_windows, "iuf", *arguments, **more)


def _mean(name, *arguments, **more):
    return _pooled(name, mean_of_windows, "f", *arguments, **more)


@of_known_rank
def max_pool(value, ksize, strides, padding, data_format="NHWC", name=None, input=None):
    """The largest element of each window that slides over the spatial axes, for each channel by itself.

    Args:
        value: real numbers [batch, 1 to 3 spatial axes, channels], or [batch, channels, ...].
        ksize: the window: one integer, one for each spatial axis, or one for each axis, with 1 for the batch
            and the channels.
        strides: how far apart windows start, in the same forms.
        padding: "VALID" for windows inside the input only; "SAME" for ceil(size / stride) windows; or
            [before, after] for each spatial axis or each axis.  What is outside the input counts for nothing.
        data_format: "NHWC" where channels come last, "NCHW" where they come second (also NWC, NDHWC, NCW,
            NCDHW).
        input: a later name of value.

    Returns:
        A tensor of the same dtype and rank.  NaN is the largest of its windows; the gradient of a window goes
        to the first of its largest elements, row by row.

    Raises:
        ValueError: a rank other than 3, 4 or 5, an unknown padding or data_format, a ksize or strides of
            another length or not positive, a window that does not fit.

    >>> import numbaflow as nf
    >>> x = nf.reshape(nf.range(16.0), [1, 4, 4, 1])
    >>> nf.nn.max_pool(x, ksize=2, strides=2, padding="VALID").numpy()[0, :, :, 0].tolist()
    [[5.0, 7.0], [13.0, 15.0]]
    """
    value = input if value is None else value
    return _max("max_pool", value, ksize, strides, padding, data_format)


@of_known_rank
def avg_pool(value, ksize, strides, padding, data_format="NHWC", name=None, input=None):
    """The mean of each window that slides over the spatial axes, for each channel by itself.

    Args:
        value, ksize, strides, padding, data_format, input: as in `max_pool`, floats only.

    Returns:
        A tensor of the same dtype and rank.  Only elements of the input are counted: at the edges a window
        has fewer.

    >>> import numbaflow as nf
    >>> x = nf.reshape(nf.range(16.0), [1, 4, 4, 1])
    >>> nf.nn.avg_pool(x, ksize=3, strides=2, padding="SAME").numpy()[0, :, :, 0].tolist()
    [[5.0, 6.5], [11.0, 12.5]]
    """
    value = input if value is None else value
    return _mean("avg_pool", value, ksize, strides, padding, data_format)


def max_pool1d(input, ksize, strides, padding, data_format="NWC", name=None):
    """`max_pool` over one axis: [batch, width, channels].

    >>> import numbaflow as nf
    >>> nf.nn.max_pool1d([[[1.0], [5.0], [2.0]]], 2, 1, "VALID").numpy().tolist()
    [[[5.0], [5.0]]]
    """
    return _max("max_pool1d", input, ksize, strides, padding, data_format, spatial=1)


def max_pool2d(input, ksize, strides, padding, data_format="NHWC", name=None):
    """`max_pool` over two axes: [batch, height, width, channels].

    >>> import numbaflow as nf
    >>> nf.nn.max_pool2d(nf.ones([1, 5, 7, 3]), 3, 2, "SAME").shape
    (1, 3, 4, 3)
    """
    return _max("max_pool2d", input, ksize, strides, padding, data_format, spatial=2)


def max_pool3d(input, ksize, strides, padding, data_format="NDHWC", name=None):
    """`max_pool` over three axes: [batch, depth, height, width, channels].

    >>> import numbaflow as nf
    >>> nf.nn.max_pool3d(nf.ones([1, 4, 4, 4, 2]), 2, 2, "VALID").shape
    (1, 2, 2, 2, 2)
    """
    return _max("max_pool3d", input, ksize, strides, padding, data_format, spatial=3)


def avg_pool1d(input, ksize, strides, padding, data_format="NWC", name=None):
    """`avg_pool` over one axis: [batch, width, channels].

    >>> import numbaflow as nf
    >>> nf.nn.avg_pool1d([[[1.0], [5.0], [2.0]]], 2, 1, "VALID").numpy().tolist()
    [[[3.0], [3.5]]]
    """
    return _mean("avg_pool1d", input, ksize, strides, padding, data_format, spatial=1)


def avg_pool2d(input, ksize, strides, padding, data_format="NHWC", name=None):
    """`avg_pool` over two axes: [batch, height, width, channels].

    >>> import numbaflow as nf
    >>> nf.nn.avg_pool2d(nf.ones([1, 3, 4, 4]), 2, 2, "VALID", data_format="NCHW").shape
    (1, 3, 2, 2)
    """
    return _mean("avg_pool2d", input, ksize, strides, padding, data_format, spatial=2)


def avg_pool3d(input, ksize, strides, padding, data_format="NDHWC", name=None):
    """`avg_pool` over three axes: [batch, depth, height, width, channels].

    >>> import numbaflow as nf
    >>> nf.nn.avg_pool3d(nf.ones([1, 4, 4, 4, 2]), 2, 2, "VALID").shape
    (1, 2, 2, 2, 2)
    """
    return _mean("avg_pool3d", input, ksize, strides, padding, data_format, spatial=3)


def pool(input, window_shape, pooling_type, padding, dilation_rate=None, strides=None, name=None,
         data_format=None, dilations=None):
    """`max_pool` or `avg_pool` with windows whose elements may lie apart.

    Args:
        input: as in `max_pool`.
        window_shape: an integer, or one for each spatial axis.
        pooling_type: "MAX" or "AVG".
        padding, data_format: as in `max_pool`.
        dilation_rate: how far apart the elements of a window lie, 1 by default; an integer or one for each
            axis.
        strides: 1 by default.
        dilations: a later name of dilation_rate.

    >>> import numbaflow as nf
    >>> x = nf.reshape(nf.range(5.0), [1, 5, 1])
    >>> nf.nn.pool(x, [2], "AVG", "VALID", dilation_rate=[3]).numpy()[0, :, 0].tolist()
    [1.5, 2.5]
    """
    kinds = {"MAX": _max, "AVG": _mean}
    if pooling_type not in kinds:
        raise InvalidArgumentError(f"pool: unknown pooling_type {pooling_type!r}: expected 'MAX' or 'AVG'")
    apart = dilations if dilation_rate is None else dilation_rate
    return kinds[pooling_type]("pool", input, window_shape, 1 if strides is None else strides, padding,
                               data_format, dilations=1 if apart is None else apart)


def max_pool_with_argmax(input, ksize, strides, padding, data_format="NHWC", Targmax=None, name=None,
                         output_dtype=None, include_batch_in_index=False):
    """`max_pool` over two axes, and where each largest element stands.

    Args:
        input, ksize, strides, padding: as in `max_pool`.
        data_format: "NHWC", the only one that positions are defined for.
        Targmax, output_dtype: int64 by default, or int32.
        include_batch_in_index: whether positions count all of the input or start anew with each example.

    Returns:
        (output, argmax): the position of [b, y, x, c] is ((b * height + y) * width + x) * channels + c.

    >>> import numbaflow as nf
    >>> y, at = nf.nn.max_pool_with_argmax([[[[1.0], [9.0]], [[3.0], [4.0]]]], 2, 2, "VALID")
    >>> y.numpy().ravel().tolist(), at.numpy().ravel().tolist()
    ([9.0], [1])
    """
    name = "max_pool_with_argmax"
    if data_format != "NHWC":
        raise InvalidArgumentError(f"{name}: expected data_format 'NHWC', got {data_format!r}")
    x = as_tensor(input)
    y = _max(name, x, ksize, strides, padding, data_format, spatial=2)
    windows = windows_over(name, x._data.shape, ksize, strides, padding, data_format, spatial=2)
    at = argmax_of_windows(x, windows, bool(include_batch_in_index))
    return y, cast(at, output_dtype or Targmax or dtypes.INT64)
