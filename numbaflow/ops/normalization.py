"""Batch normalization: one op in training, one in inference, along any channel axis.

The gradient of the training op is an op of its own, two runs over memory; its rule is written with ops, from
x alone, so that derivatives of any order follow.
"""
import numpy as np

from numbaflow.core import dtypes
from numbaflow.core.errors import InvalidArgumentError
from numbaflow.core.infer import like
from numbaflow.core.optable import Sample, normal, op, uniform
from numbaflow.core.tensor import as_tensor
from numbaflow.kernels import normalize_batch

from .arguments import one_axis
from .arithmetic import add
from .exponential import rsqrt
from .moments import mean_over, normalized, projected, second_rule
from .reduce import reduce_mean, reduce_sum
from .shape import reshape

__all__ = ["batch_normalization", "fused_batch_norm"]


def _others(rank, axis):
    return [k for k in range(rank) if k != axis % rank]


def _along(v, x, axis):
    """A value for each channel, in a shape that meets x."""
    return v.reshape([-1 if k == axis % x.ndim else 1 for k in range(x.ndim)])


def _batch_norm(x, scale, offset, epsilon=1e-3, axis=-1):
    others = tuple(_others(x.ndim, axis))
    mean, variance = x.mean(others, dtype=float), x.var(others, dtype=float)
    normal = (x - _along(mean, x, axis)) / np.sqrt(_along(variance, x, axis) + epsilon)
    y = normal * _along(scale, x, axis) + _along(offset, x, axis)
    n = x.size // len(mean)
    return tuple(v.astype(x.dtype) for v in (y, mean, variance * n / max(n - 1, 1)))


def _batch_norm_grad(dy, dmean, dvariance, x, scale, mean, inverse, axis=-1, epsilon=1e-3):
    others = tuple(_others(x.ndim, axis))
    n = x.size // len(mean)
    off = x - _along(mean, x, axis)
    total, product = dy.sum(others), (dy * off).sum(others)
    part = dy - _along(total / n, x, axis) - off * _along(inverse**2 * product / n, x, axis)
    dx = _along(scale * inverse, x, axis) * part + _along(dmean / n, x, axis)
    dx = dx + off * _along(dvariance * 2 / max(n - 1, 1), x, axis)
    return tuple(v.astype(x.dtype) for v in (dx, product * inverse, total))


def _batch_norm_grad_sample(shape, axis):
    c = shape[axis]
    return Sample(normal(*shape), normal(c), normal(c), normal(*shape), normal(c), normal(c),
                  uniform(c, low=0.5, high=2.0), axis, grad=False)


def _batch_norm_second(g, dy, dvariance, x, scale, epsilon, axis):
    v, by_scale, by_offset = g
    rank, axis = x.ndim, axis % x.ndim
    others, n = _others(rank, axis), x.shape.num_elements() // x.shape[axis]
    shape = [n if k == axis else 1 for k, n in enumerate(x.shape)]
    given = (scale, by_scale, by_offset, dvariance)
    scale, by_scale, by_offset, dvariance = [reshape(t, shape) for t in given]
    normal, inverse = normalized(x, others, epsilon)
    apart = 2.0 / max(n - 1, 1)
    by_dy = scale * inverse * projected(v, normal, others) + by_scale * normal + by_offset
    back = inverse * projected(dy, normal, others)
    by_dmean = reduce_mean(v, others)
    by_dvariance = reduce_sum(v * normal / inverse, others) * apart
    by_x = scale * second_rule(v, dy, normal, inverse, others)
    by_x += by_scale * back + dvariance * apart * (v - mean_over(v, others))
    return by_dy, by_dmean, by_dvariance, by_x, reduce_sum(v * back, others)


def _by_channel(x, axis, dtype=None):
    return (x.shape[axis],), dtype or x.dtype


@op(inputs="dy dmean dvariance x scale mean inverse", outputs="dx dscale doffset",
    infer=lambda x, axis: [like(x), _by_channel(x, axis), _by_channel(x, axis)], reference=_batch_norm_grad,
    samples=[_batch_norm_grad_sample((5, 3), -1), _batch_norm_grad_sample((2, 3, 4), 1)],
    holomorphic=False,
    grads={("dy", "dmean", "dvariance", "x", "scale"): _batch_norm_second, "mean": None, "inverse": None})
def batch_norm_grad(dy, dmean, dvariance, x, scale, mean, inverse, axis=-1, epsilon=1e-3):
    """The gradients of a batch normalization by x, scale and offset, from those of y, mean and variance.

    mean and inverse = 1 / sqrt(variance + epsilon) are as the forward pass left them.
    """
    return normalize_batch.batch_norm_grad(dy, dmean, dvariance, x, scale, mean, inverse, axis % x.ndim)


def _training_shapes(x, scale, offset, axis):
    axis = _channels(x, axis, scale=scale, offset=offset)
    return [like(x), _by_channel(x, axis), _by_channel(x, axis), _by_channel(x, axis, dtypes.FLOAT64)]


@op(inputs="x scale offset", outputs="y mean variance", residuals="inverse", promote="x scale offset",
    floats="x scale offset", infer=_training_shapes, reference=_batch_norm, holomorphic=False,
    samples=[Sample(normal(6, 3), normal(3), normal(3)),
             Sample(normal(2, 3, 4), normal(3), normal(3), axis=1),
             Sample(normal(2, 2, 3, 4), normal(4), normal(4), 0.1),
             Sample(normal(2, 3, 3, 2), normal(3), normal(3), axis=-3),
             Sample(normal(5), normal(5), normal(5), grad=False),
             Sample(normal(500, 3), normal(3), normal(3), grad=False)],
    grads={("x", "scale", "offset"): lambda g, x, scale, mean, inverse, epsilon, axis:
           batch_norm_grad(*g, x, scale, mean, inverse, axis, epsilon)})
def batch_norm_training(x, scale, offset, epsilon=1e-3, axis=-1):
    """(x - mean) / sqrt(variance + epsilon) * scale + offset, by the statistics of x over all other axes."""
    axis = _channels(x, axis, scale=scale, offset=offset)
    y, mean, variance, inverse = normalize_batch.batch_norm(x, scale, offset, epsilon, axis)
    return (y, mean, variance), inverse


def _channels(x, axis, **vectors):
    """The axis of channels, not negative; ValueError unless there is a number for each channel."""
    axis = one_axis(axis, x.ndim)
    for what, v in vectors.items():
        if v.shape != (x.shape[axis],):
            raise ValueError(f"expected {what} [{x.shape[axis]}], one for each channel of x "
                             f"{tuple(x.shape)} along axis {axis}, got {tuple(v.shape)}")
    return axis


def _inference(x, scale, offset, mean, variance, epsilon=1e-3, axis=-1):
    scale, offset, mean, variance = [_along(v, x, axis) for v in (scale, offset, mean, variance)]
    return (x - mean) / np.sqrt(variance + epsilon) * scale + offset


def _over_batch(value, axis):
    return reduce_sum(value, _others(value.ndim, axis))


def _shaped(v, x, axis):
    return reshape(v, [n if k == axis % x.ndim else 1 for k, n in enumerate(x.shape)])


def _centred(g, x, mean, axis):
    return _over_batch(g * (x - _shaped(mean, x, axis)), axis)


def _inference_shape(x, scale, offset, mean, variance, axis):
    _channels(x, axis, scale=scale, offset=offset, mean=mean, variance=variance)
    return like(x)


@op(inputs="x scale offset mean variance", promote="x scale offset mean variance",
    floats="x scale offset mean variance", infer=_inference_shape, reference=_inference,
    samples=[Sample(normal(*shape), normal(c), normal(c), normal(c), uniform(c, low=0.5, high=2.0), axis=axis)
             for shape, c, axis in (((4, 3), 3, -1), ((2, 3, 4), 3, 1), ((0, 2), 2, 1))],
    grads={"x": lambda g, x, scale, variance, epsilon, axis:
           g * _shaped(scale * rsqrt(variance + epsilon), x, axis),
           "scale": lambda g, x, mean, variance, epsilon, axis:
           _centred(g, x, mean, axis) * rsqrt(variance + epsilon),
           "offset": lambda g, axis: _over_batch(g, axis),
           "mean": lambda g, scale, variance, epsilon, axis:
           -scale * rsqrt(variance + epsilon) * _over_batch(g, axis),
           "variance": lambda g, x, scale, mean, variance, epsilon, axis:
           -0.5 * scale * rsqrt(variance + epsilon) / (variance + epsilon) * _centred(g, x, mean, axis)})
def batch_norm_inference(x, scale, offset, mean, variance, epsilon=1e-3, axis=-1):
    """(x - mean) / sqrt(variance + epsilon) * scale + offset, by statistics that are given."""
    axis = _channels(x, axis, scale=scale, offset=offset, mean=mean, variance=variance)
    return normalize_batch.inference(x, scale, offset, mean, variance, epsilon, axis)


def fused_batch_norm(x, scale, offset, mean=None, variance=None, epsilon=0.001, data_format="NHWC",
                     is_training=True, name=None, axis=None):
    """Batch normalization: each channel to mean 0 and variance 1, then * scale + offset.

    Ioffe and Szegedy 2015, https://arxiv.org/abs/1502.03167.

    Args:
        x: floats with an axis of channels.
        scale, offset: [channels].
        mean, variance: [channels], the population's, for inference only.
        epsilon: is added to the variance.
        data_format: "NHWC" where channels come last, "NCHW" where they come second; of any rank.
        is_training: whether mean and variance are those of x, over all axes but the channels'.
        axis: the axis of channels, instead of data_format.

    Returns:
        (y, batch_mean, batch_var).  In training y is normalized by the variance with the divisor n, but
        batch_var has Bessel's n - 1, as in TensorFlow.  In inference they are the mean and variance given.

    Raises:
        ValueError: an unknown data_format; scale and the like not [channels]; mean or variance given in
            training or missing in inference.

    >>> import numbaflow as nf
    >>> y, mean, variance = nf.nn.fused_batch_norm([[1.0, 5.0], [3.0, 5.0]], [1.0, 1.0], offset=[0.0, 2.0])
    >>> y.numpy().round(2).tolist(), mean.numpy().tolist(), variance.numpy().tolist()
    ([[-1.0, 2.0], [1.0, 2.0]], [2.0, 5.0], [2.0, 0.0])
    """
    x = as_tensor(x)
    axis = _channel_axis("fused_batch_norm", x.ndim, data_format) if axis is None else axis
    if is_training:
        if mean is not None or variance is not None:
            raise InvalidArgumentError("fused_batch_norm: mean and variance are taken from x in training; "
                                       "give them with is_training=False only")
        return tuple(batch_norm_training(x, scale, offset, float(epsilon), axis))
    if mean is None or variance is None:
        raise InvalidArgumentError("fused_batch_norm: expected mean and variance with is_training=False, "
                                   f"got {'no mean' if mean is None else 'no variance'}")
    mean, variance = as_tensor(mean), as_tensor(variance)
    return batch_norm_inference(x, scale, offset, mean, variance, float(epsilon), axis), mean, variance


def _channel_axis(name, rank, data_format):
    if rank < 2:
        raise InvalidArgumentError(f"{name}: expected an input of rank 2 or more, got rank {rank}")
    if data_format is None or (isinstance(data_format, str) and data_format in ("NHWC", "NWC", "NDHWC")):
        return -1
    if isinstance(data_format, str) and data_format in ("NCHW", "NCW", "NCDHW"):
        return 1
    raise InvalidArgumentError(f"{name}: unknown data_format {data_format!r}: expected 'NHWC' or 'NCHW'")


def batch_normalization(x, mean, variance, offset, scale, variance_epsilon, name=None):
    """(x - mean) / sqrt(variance + variance_epsilon) * scale + offset, all of which broadcast.

    Args:
        x: floats.
        mean, variance, offset, scale: of shapes that broadcast to x's; offset and scale may be None.
        variance_epsilon: is added to the variance.

    >>> import numbaflow as nf
    >>> nf.nn.batch_normalization([1.0, 3.0], 2.0, 1.0, offset=None, scale=5.0, variance_epsilon=0.0).numpy()
    array([-5.,  5.], dtype=float32)
    """
    factor = rsqrt(add(variance, variance_epsilon))
    if scale is not None:
        factor = factor * scale
    moved = -factor * mean if offset is None else offset - factor * mean
    return as_tensor(x) * factor + moved
