"""Translators of products, convolutions, pooling, normalization and recurrent steps."""
import numpy as np

from numbaflow.core.shape import Extent
from numbaflow.ops.arguments import one_axis

from .writer import Unsupported, translates


# ---- products
@translates("matmul")
def _matmul(w, c):
    a, b = [_turned(w, c.names[x], c.values[x], c[f"transpose_{x}"] or c[f"adjoint_{x}"]) for x in "ab"]
    return w.op("MatMul", [a, b])


def _turned(w, name, value, turn):
    rank = value.ndim
    return w.transpose(name, [*range(rank - 2), rank - 1, rank - 2]) if turn else name


# ---- convolution: ONNX has channels before the spatial axes, and filters as (out, in, ...)
def _first(w, x, rank, channels_first):
    return x if channels_first else w.transpose(x, [0, rank - 1, *range(1, rank - 1)])


def _last(w, y, rank, channels_first):
    return y if channels_first else w.transpose(y, [0, *range(2, rank), 1])


def _filter(w, c):
    rank = c.values["filter"].ndim
    return w.transpose(c.filter, [rank - 1, rank - 2, *range(rank - 2)])


def _window(c):
    return {"strides": list(c["strides"]), "dilations": list(c["dilations"]), "group": int(c["groups"]),
            "pads": [b for b, _ in c["padding"]] + [a for _, a in c["padding"]]}


@translates("conv", "biased_conv")
def _conv(w, c):
    rank, first = c.value.ndim, c["channels_first"]
    inputs = [_first(w, c.input, rank, first), _filter(w, c)]
    if "bias" in c.names:
        inputs.append(c.bias)
    y = w.op("Conv", inputs, **_window(c))
    if c.attributes.get("rectified"):
        y = w.op("Relu", [y])
    return _last(w, y, rank, first)


@translates("conv_input_grad")
def _conv_input_grad(w, c):
    """The transposed convolution."""
    rank, first, shape = c.values["dy"].ndim, c["channels_first"], c.out.shape
    given = c.values["dy"].shape
    sizes, places = (shape[2:], given[2:]) if first else (shape[1:-1], given[1:-1])
    if any(isinstance(n, Extent) for n in (*sizes, *places)):
        raise Unsupported("spatial axes of unknown extent")
    how, kernel = _window(c), c.values["filter"].shape
    count = rank - 2
    more = [size - (stride * (n - 1) + (k - 1) * apart + 1 - before - after)
            for size, n, k, stride, apart, before, after in zip(
                sizes, places, kernel, how["strides"], how["dilations"], how["pads"][:count],
                how["pads"][count:], strict=False)]
    dy = _first(w, c.dy, rank, first)
    if any(extra >= stride for extra, stride in zip(more, how["strides"], strict=True)):
        raise Unsupported(f"an output of shape {shape}, larger than the windows reach")
    y = w.op("ConvTranspose", [dy, _filter(w, c)], output_padding=more, **how)
    return _last(w, y, rank, first)


# ---- pooling
def _pooled(w, kind, x, value, windows, **more):
    rank = value.ndim
    kernel, strides, apart, before, sizes, counts = [list(part[5 - rank:]) for part in (
        windows.kernel, windows.strides, windows.dilations, windows.before, windows.size, windows.counts)]
    if any(isinstance(n, Extent) for n in (*sizes, *counts)):
        raise Unsupported("windows over axes of unknown extent")
    after = [max((n - 1) * s + (k - 1) * d + 1 - b - size, 0)
             for n, s, k, d, b, size in zip(counts, strides, kernel, apart, before, sizes, strict=True)]
    if max(apart) > 1:
        more["dilations"] = apart
    y = w.op(kind, [_first(w, x, rank, not windows.channels_last)], kernel_shape=kernel, strides=strides,
             pads=before + after, **more)
    return _last(w, y, rank, not windows.channels_last)


@translates("max_of_windows")
def _max_pool(w, c):
    if c.value.dtype.kind == "f":
        return _pooled(w, "MaxPool", c.input, c.value, c["windows"])
    found = _pooled(w, "MaxPool", w.cast(c.input, np.float64), c.value, c["windows"])
    return w.cast(found, c.out.dtype)


@translates("mean_of_windows")
def _avg_pool(w, c):
    if max(c["windows"].dilations) > 1 and w.opset < 19:
        raise Unsupported("dilated means need opset 19")
    return _pooled(w, "AveragePool", c.input, c.value, c["windows"], count_include_pad=0)


@translates("resized")
def _resized(w, c):
    """Images in another size: pixels lie where TensorFlow 1 has them, at their corners."""
    sizes = [c.value.shape[0], c.value.shape[3], *c["size"]]
    aligned, nearest = c["align_corners"], c["nearest"]
    x = w.cast(c.images, np.float32) if c.value.dtype.kind != "f" else c.images
    y = w.op("Resize", [w.transpose(x, [0, 3, 1, 2]), "", "", w.ints(sizes)],
             mode="nearest" if nearest else "linear",
             coordinate_transformation_mode="align_corners" if aligned else "asymmetric",
             nearest_mode="round_prefer_ceil" if aligned else "floor")
    y = w.transpose(y, [0, 2, 3, 1])
    return y if c.value.dtype.kind == "f" else w.cast(y, c.out.dtype)


# ---- normalization
@translates("batch_norm_inference")
def _batch_norm(w, c):
    rank = c.value.ndim
    axis = one_axis(c["axis"], rank)
    if axis == 0:
        raise Unsupported("channels along axis 0")
    to = [0, axis, *[k for k in range(1, rank) if k != axis]]
    back = [to.index(k) for k in range(rank)]
    y = w.op("BatchNormalization", [w.transpose(c.x, to), c.scale, c.offset, c.mean, c.variance],
             epsilon=float(c["epsilon"]))
    return w.transpose(y, back)


@translates("layer_norm")
def _layer_norm(w, c):
    return w.op("LayerNormalization", [c.x, c.scale, c.offset], axis=-1, epsilon=float(c["epsilon"]))


# ---- classes
def _class_axis(c):
    axis = c["dim"] if c["axis"] is None else c["axis"]
    return one_axis(-1 if axis is None else axis, c.value.ndim)


@translates("softmax", "log_softmax")
def _softmax(w, c):
    kind = "Softmax" if c.node.op.name == "softmax" else "LogSoftmax"
    return w.op(kind, [c.logits], axis=_class_axis(c))


@translates("softmax_cross_entropy")
def _softmax_cross_entropy(w, c):
    rows = w.op("Mul", [c.labels, w.op("LogSoftmax", [c.logits], axis=-1)])
    return w.op("Neg", [w.op("ReduceSum", [rows, w.ints([-1])], keepdims=0)])


@translates("sparse_softmax_cross_entropy_with_logits")
def _sparse_softmax_cross_entropy(w, c):
    places = w.op("Unsqueeze", [w.cast(c.labels, np.int64), w.ints([-1])])
    own = w.op("GatherElements", [w.op("LogSoftmax", [c.logits], axis=-1), places], axis=-1)
    return w.op("Neg", [w.op("Squeeze", [own, w.ints([-1])])])


# ---- recurrent steps
@translates("lstm_gates")
def _lstm_gates(w, c):
    value, n = c.values["c"], c.values["c"].shape[1]

    def gate(x):
        if not c["hard"]:
            return w.op("Sigmoid", [x])
        line = w.op("Add", [w.op("Mul", [x, w.like(0.2, value)]), w.like(0.5, value)])
        return w.op("Clip", [line, w.like(0, value), w.like(1, value)])
    i, f, g, o = w.op("Split", [c.z, w.ints([n] * 4)], 4, axis=1)
    kept = w.op("Mul", [gate(f), c.names["c"]])
    memory = w.op("Add", [kept, w.op("Mul", [gate(i), w.op("Tanh", [g])])])
    return [w.op("Mul", [gate(o), w.op("Tanh", [memory])]), memory]
