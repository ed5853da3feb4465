"""Normalization of each example by itself: by layer, and by neighbouring channels."""
from math import prod

import numpy as np

from numbaflow.core.errors import InvalidArgumentError
from numbaflow.core.infer import like
from numbaflow.core.optable import Sample, normal, op, uniform
from numbaflow.core.tensor import as_tensor
from numbaflow.kernels import normalize_rows, normalize_window

from .arguments import axes as axes_of
from .arithmetic import square
from .creation import ones, zeros
from .moments import normalized, projected, second_rule
from .reduce import reduce_sum
from .shape import reshape, transpose

__all__ = ["layer_normalization", "local_response_normalization", "lrn"]


# ---- layer normalization
def _layer_norm(x, scale, offset, epsilon=1e-3):
    normal = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + epsilon)
    return (normal * scale + offset).astype(x.dtype)


def _layer_norm_grad(dy, x, scale, means, inverses, epsilon=1e-3):
    normal, inverse = (x - means[:, None]) * inverses[:, None], inverses[:, None]
    g = dy * scale
    dx = (g - g.mean(-1, keepdims=True) - normal * (g * normal).mean(-1, keepdims=True)) * inverse
    return dx, (dy * normal).sum(0), dy.sum(0)


def _layer_norm_second(g, dy, x, scale, epsilon):
    v, by_scale, by_offset = g
    normal, inverse = normalized(x, [1], epsilon)
    back = inverse * projected(v, normal, [1])
    by_x = second_rule(v, dy * scale, normal, inverse, [1]) + inverse * projected(dy * by_scale, normal, [1])
    return scale * back + by_scale * normal + by_offset, by_x, reduce_sum(dy * back, [0])


@op(inputs="dy x scale means inverses", outputs="dx dscale doffset", reference=_layer_norm_grad,
    infer=lambda x: [like(x), (x.shape[1:], x.dtype), (x.shape[1:], x.dtype)],
    samples=[Sample(normal(4, 3), normal(4, 3), normal(3), normal(4), uniform(4, low=0.5, high=2.0),
                    grad=False)], holomorphic=False,
    grads={("dy", "x", "scale"): _layer_norm_second, "means": None, "inverses": None})
def layer_norm_grad(dy, x, scale, means, inverses, epsilon=1e-3):
    """The gradients of a layer normalization by x, scale and offset, for rows [rows, n].

    means and inverses = 1 / sqrt(variance + epsilon) are as the forward pass left them.
    """
    return normalize_rows.layer_norm_grad(dy, x, scale, means, inverses)


def _layer_norm_shapes(x, scale, offset):
    if x.ndim != 2 or not scale.shape == offset.shape == x.shape[1:]:
        raise ValueError(f"expected x [rows, n], scale [n] and offset [n], got shapes {x.shape}, "
                         f"{scale.shape} and {offset.shape}")
    return [like(x), (x.shape[:1], x.dtype), (x.shape[:1], x.dtype)]


@op(inputs="x scale offset", residuals="means inverses", promote="x scale offset", floats="x scale offset",
    infer=_layer_norm_shapes,
    reference=_layer_norm, holomorphic=False,
    samples=[Sample(normal(4, 3), normal(3), normal(3)), Sample(normal(2, 5), normal(5), normal(5), 0.1),
             Sample(normal(0, 3), normal(3), normal(3)),
             Sample(normal(200, 3), normal(3), normal(3), grad=False)],
    grads={("x", "scale", "offset"): lambda g, x, scale, means, inverses, epsilon:
           layer_norm_grad(g, x, scale, means, inverses, epsilon)})
def layer_norm(x, scale, offset, epsilon=1e-3):
    """(x - mean) / sqrt(variance + epsilon) * scale + offset, by the statistics of each row [rows, n]."""
    _layer_norm_shapes(x, scale, offset)
    return normalize_rows.layer_norm(x, scale, offset, epsilon)


def layer_normalization(x, gamma=None, beta=None, axis=-1, epsilon=1e-3, name=None):
    """Layer normalization (Ba et al. 2016): each example to mean 0 and variance 1, then * gamma + beta.

    The name and the defaults follow the layer of later TensorFlow; 1.14 has it in contrib.layers only.

    Args:
        x: floats.
        gamma, beta: of the extents of the axes, in increasing order; 1 and 0 by default.
        axis: the axis that statistics are taken over, or several.
        epsilon: is added to the variance.

    Raises:
        ValueError: gamma or beta of another shape, an axis out of range.

    >>> import numbaflow as nf
    >>> nf.nn.layer_normalization([[1.0, 3.0], [10.0, 30.0]], epsilon=0.0).numpy().tolist()
    [[-1.0, 1.0], [-1.0, 1.0]]
    """
    x = as_tensor(x)
    if x._dtype.kind not in "iuf":
        raise InvalidArgumentError(f"layer_normalization: expected floats, got {x.dtype.name}")
    try:
        along = list(axes_of(axis, x.ndim))
    except ValueError as error:
        raise InvalidArgumentError(f"layer_normalization: {error}") from None
    wide, shape = [x.shape[k] for k in along], x.shape
    scale = _flat_vector("gamma", gamma, ones, wide, x)
    offset = _flat_vector("beta", beta, zeros, wide, x)
    order = [k for k in range(x.ndim) if k not in along] + along
    turned = x if order == sorted(order) else transpose(x, order)
    n = prod(wide)
    rows = prod([shape[k] for k in order[:x.ndim - len(along)]])
    y = reshape(layer_norm(reshape(turned, [rows, n]), scale, offset, float(epsilon)), turned.shape)
    return y if order == sorted(order) else transpose(y, np.argsort(order).tolist())


def _flat_vector(what, value, default, wide, x):
    if value is None:
        return default([prod(wide)], x.dtype if x.dtype.is_floating else None)
    value = as_tensor(value)
    if list(value.shape) != wide:
        raise InvalidArgumentError(f"layer_normalization: expected {what} of shape {tuple(wide)}, "
                                   f"the extents of the axes of x {tuple(x.shape)}, got {tuple(value.shape)}")
    return reshape(value, [-1])


# ---- local response normalization
def _neighbours(x, radius):
    n = x.shape[-1]
    near = np.abs(np.arange(n)[:, None] - np.arange(n)) <= radius
    return (x @ near.astype(x.dtype)).astype(x.dtype)


def _with_radius(x, radius):
    if radius < 0:
        raise ValueError(f"the radius must not be negative, got {radius}")
    return like(x)


@op(inputs="x", infer=_with_radius, reference=_neighbours,
    grads={"x": lambda g, radius: neighbour_sum(g, radius)},
    samples=[Sample(normal(2, 7), 2), Sample(normal(2, 2, 3), 5), Sample(normal(4), 0),
             Sample(normal(0, 3), 1)])
def neighbour_sum(x, radius):
    """For each element the sum of those at most `radius` away along the last axis: its own gradient."""
    _with_radius(x, radius)
    return normalize_window.neighbour_sum(x, radius)


def local_response_normalization(input, depth_radius=5, bias=1.0, alpha=1.0, beta=0.5, name=None):
    """Each element over (bias + alpha * the sum of squares of its neighbours in the last axis) ** beta.

    Krizhevsky et al. 2012, section 3.3.

    Args:
        input: floats, 4-D.
        depth_radius: how far neighbours are away at most.

    >>> import numbaflow as nf
    >>> nf.nn.lrn(nf.constant([[[[3.0, 4.0, 0.0]]]]), depth_radius=1, bias=0.0).numpy().round(3).tolist()
    [[[[0.6000000238418579, 0.800000011920929, 0.0]]]]
    """
    x = as_tensor(input)
    if x.ndim != 4 or x._dtype.kind != "f":
        raise InvalidArgumentError("lrn: expected floats of rank 4, "
                                   f"got {x.dtype.name} of shape {tuple(x.shape)}")
    return x * (float(bias) + float(alpha) * neighbour_sum(square(x), int(depth_radius))) ** -float(beta)


lrn = local_response_normalization
