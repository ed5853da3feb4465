"""Elements in other places: pad, reverse, roll, reverse_sequence, space_to_depth and back."""
import numpy as np

from numbaflow.core.errors import InvalidArgumentError
from numbaflow.core.infer import like
from numbaflow.core.optable import Sample, integers, normal, op
from numbaflow.core.tensor import as_tensor
from numbaflow.kernels import joining, sequences

from .arguments import axes, one_axis
from .index import gather_grad
from .shape import reshape, transpose
from .slicing import getitem

__all__ = ["depth_to_space", "pad", "reverse", "reverse_sequence", "roll", "space_to_depth"]


# ---- pad
_MODES = {"CONSTANT": None, "REFLECT": 1, "SYMMETRIC": 0}


def _widths(paddings, shape):
    """[(before, after)] for each axis."""
    pairs = np.asarray(paddings)
    if pairs.shape != (len(shape), 2) or (pairs.size and (pairs.dtype.kind not in "iu" or pairs.min() < 0)):
        raise ValueError(f"paddings must be a [before, after], not negative, for each axis of shape {shape}, "
                         f"got {pairs.tolist()}")
    return pairs.tolist()


def _edge(mode):
    """How many elements at the edge a mirror leaves out; None for constant padding."""
    try:
        return _MODES[mode.upper()]
    except (KeyError, AttributeError):
        raise ValueError(f"Unknown padding mode {mode!r}: expected one of {', '.join(_MODES)}") from None


def _check_mirror(n, before, after, edge):
    if max(before, after) > n - edge:
        raise ValueError(f"paddings must be at most {n - edge} on an axis of {n}, got {before} and {after}")


def _pad_shape(tensor, paddings, mode):
    widths, edge = _widths(paddings, tensor.shape), _edge(mode)
    for (before, after), n in zip(widths, tensor.shape, strict=True):
        if edge is not None and (before or after):
            _check_mirror(n, before, after, edge)
    return [b + n + a for (b, a), n in zip(widths, tensor.shape, strict=True)], tensor.dtype


def _pad_rule(g, paddings, mode, tensor_shape):
    widths, edge = _widths(paddings, tensor_shape), _edge(mode)
    if edge is None:
        return getitem(g, joining.inside(widths, tensor_shape))
    for axis, ((before, after), n) in enumerate(zip(widths, tensor_shape, strict=True)):
        if before or after:
            shape = (*tensor_shape[:axis + 1], *g.shape[axis + 1:])
            g = gather_grad(g, joining.mirror_places(n, before, after, edge), shape, axis)
    return g


def _padded(tensor, paddings, mode="CONSTANT", constant_values=0):
    more = {"constant_values": constant_values} if mode == "CONSTANT" else {}
    return np.pad(tensor, paddings, mode.lower(), **more)


@op(inputs="tensor", grads={"tensor": _pad_rule}, holomorphic=False, infer=_pad_shape, reference=_padded,
    samples=[Sample(normal(2, 3), [[1, 0], [0, 2]]),
             Sample(normal(2, 3), [[1, 1], [0, 0]], constant_values=2.5),
             Sample(normal(3, 4), [[1, 2], [3, 0]], "REFLECT"),
             Sample(normal(3, 2), [[3, 1], [0, 2]], "SYMMETRIC"),
             Sample(integers(3), [[1, 1]]), Sample(normal(0, 2), [[1, 0], [1, 0]])])
def pad(tensor, paddings, mode="CONSTANT", name=None, constant_values=0):
    """The tensor with more elements before and after it on each axis.

    Args:
        tensor: any tensor.
        paddings: [before, after] for each axis.
        mode: "CONSTANT" fills with constant_values, "REFLECT" mirrors without the edge, "SYMMETRIC" with it.

    Raises:
        ValueError: paddings of another shape, or larger than what there is to mirror.

    >>> import numbaflow as nf
    >>> nf.pad([1, 2, 3], [[2, 1]]).numpy().tolist(), nf.pad([1, 2, 3], [[2, 1]], "REFLECT").numpy().tolist()
    ([0, 0, 1, 2, 3, 0], [3, 2, 1, 2, 3, 2])
    """
    widths, edge = _widths(paddings, tensor.shape), _edge(mode)
    if edge is None:
        return joining.pad(tensor, widths, constant_values)
    for axis, (before, after) in enumerate(widths):
        if before or after:
            _check_mirror(tensor.shape[axis], before, after, edge)
            tensor = joining.mirror(tensor, axis, before, after, edge)
    return tensor


# ---- reverse, roll
def _reverse_rule(tensor, axis):
    axes(axis, tensor.ndim)
    return like(tensor)


@op(inputs="tensor", grads={"tensor": lambda g, axis: reverse(g, axis)}, holomorphic=False,
    infer=_reverse_rule, reference=lambda tensor, axis: np.flip(tensor, axis),
    samples=[Sample(normal(2, 3), (0,)), Sample(normal(2, 3), -1), Sample(normal(2, 3), (0, 1)),
             Sample(integers(3), (0,)), Sample(normal(2, 2), ())])
def reverse(tensor, axis, name=None):
    """The tensor with the order of its elements turned around along each axis in `axis`.

    >>> import numbaflow as nf
    >>> nf.reverse([[1, 2], [3, 4]], [1]).numpy().tolist()
    [[2, 1], [4, 3]]
    """
    key = [slice(None)] * tensor.ndim
    for k in axes(axis, tensor.ndim):
        key[k] = slice(None, None, -1)
    return tensor[tuple(key)]


def _shifts(shift, axis):
    shift, axis = np.broadcast_arrays(np.asarray(shift), np.asarray(axis))
    return [int(s) for s in shift.flat], [int(a) for a in axis.flat]


def _roll_rule(g, shift, axis):
    shifts, along = _shifts(shift, axis)
    return roll(g, [-s for s in shifts], along)


def _rolled(input, shift, axis):
    for a in _shifts(shift, axis)[1]:
        one_axis(a, input.ndim)
    return like(input)


@op(inputs="input", grads={"input": _roll_rule}, holomorphic=False, infer=_rolled, reference=np.roll,
    samples=[Sample(normal(5), 2, 0), Sample(normal(2, 3), [1, -1], [0, 1]), Sample(normal(2, 3), -4, -1),
             Sample(normal(3), [1, 1], [0, 0]), Sample(normal(0, 2), 1, 0)])
def roll(input, shift, axis, name=None):
    """The tensor with its elements moved `shift` places along an axis, from its end back to its start.

    Args:
        input: any tensor.
        shift: how far, or a list with a number for each axis in `axis`.
        axis: an axis, or a list of axes.

    >>> import numbaflow as nf
    >>> nf.roll([1, 2, 3, 4], shift=1, axis=0).numpy().tolist()
    [4, 1, 2, 3]
    """
    for s, a in zip(*_shifts(shift, axis), strict=True):
        a = one_axis(a, input.ndim)
        n = input.shape[a]
        s = s % n if n else 0
        if s:
            input = joining.roll(input, s, a)
    return input


# ---- sequences of several lengths
def _reverse_each(input, seq_lengths, seq_axis=None, batch_axis=0):
    out = np.moveaxis(input, (batch_axis, seq_axis), (0, 1)).copy()
    for row, n in zip(out, seq_lengths, strict=True):
        row[:n] = row[:n][::-1].copy()
    return np.moveaxis(out, (0, 1), (batch_axis, seq_axis))


def _sequence_axes(input, seq_lengths, seq_axis, batch_axis, seq_dim, batch_dim):
    """The axes of the sequences and of the batch, for as many lengths as there are sequences."""
    along, batch = seq_dim if seq_axis is None else seq_axis, batch_dim if batch_axis is None else batch_axis
    if along is None:
        raise ValueError("expected a seq_axis, got None")
    along, batch = one_axis(along, input.ndim), one_axis(0 if batch is None else batch, input.ndim)
    rows = input.shape[batch]
    if along == batch:
        raise ValueError(f"seq_axis and batch_axis are both {along}")
    if seq_lengths.shape != (rows,) or seq_lengths.dtype.kind not in "iu":
        raise ValueError(f"seq_lengths must be {rows} integers, got {seq_lengths.dtype} of shape "
                         f"{seq_lengths.shape}")
    return along, batch


def _sequences(input, seq_lengths, seq_axis, batch_axis, seq_dim, batch_dim):
    _sequence_axes(input, seq_lengths, seq_axis, batch_axis, seq_dim, batch_dim)
    return like(input)


@op(inputs="input seq_lengths", holomorphic=False, infer=_sequences, reference=_reverse_each,
    grads={"input": lambda g, seq_lengths, seq_axis, batch_axis, seq_dim, batch_dim:
           reverse_sequence(g, seq_lengths, seq_axis, batch_axis, seq_dim=seq_dim, batch_dim=batch_dim),
           "seq_lengths": None},
    samples=[Sample(normal(3, 4), np.array([4, 1, 3]), 1, 0),
             Sample(normal(4, 3, 2), np.array([0, 2, 4]), 0, 1),
             Sample(normal(2, 2, 3), np.array([2, 3]), seq_axis=-1)])
def reverse_sequence(input, seq_lengths, seq_axis=None, batch_axis=None, name=None, seq_dim=None,
                     batch_dim=None):
    """The tensor with the first seq_lengths[b] elements along seq_axis turned around, for each b.

    Args:
        input: any tensor with a batch axis and a sequence axis.
        seq_lengths: an integer for each b, at most the extent of seq_axis.
        seq_axis: where the sequences run.
        batch_axis: where b counts; 0 by default.

    >>> import numbaflow as nf
    >>> nf.reverse_sequence([[1, 2, 3], [4, 5, 6]], [2, 3], seq_axis=1).numpy().tolist()
    [[2, 1, 3], [6, 5, 4]]
    """
    along, batch = _sequence_axes(input, seq_lengths, seq_axis, batch_axis, seq_dim, batch_dim)
    return sequences.reverse(input, seq_lengths, along, batch)


# ---- blocks of an image
def _image(op_name, input, block_size, data_format):
    """The tensor, its extents as batch, height, width, channels, and whether the channels stand last."""
    x = as_tensor(input)
    if len(x.shape) != 4 or data_format not in ("NHWC", "NCHW"):
        raise InvalidArgumentError(f"{op_name}: expected 4 axes in order NHWC or NCHW, got shape "
                                   f"{tuple(x.shape)} and {data_format!r}")
    if block_size < 2:
        raise InvalidArgumentError(f"{op_name}: block_size must be at least 2, got {block_size}")
    last = data_format == "NHWC"
    n, *rest = x.shape
    c, h, w = (rest[2], *rest[:2]) if last else rest
    return x, (n, h, w, c), last


def space_to_depth(input, block_size, name=None, data_format="NHWC"):
    """The blocks of block_size x block_size pixels of images, each as the channels of one pixel.

    >>> import numbaflow as nf
    >>> nf.space_to_depth(nf.reshape([1, 2, 3, 4], [1, 2, 2, 1]), 2).numpy().tolist()
    [[[[1, 2, 3, 4]]]]
    """
    x, (n, h, w, c), last = _image("space_to_depth", input, block_size, data_format)
    b = block_size
    if h % b or w % b:
        raise InvalidArgumentError(f"space_to_depth: an image of {h} x {w} has no whole blocks of {b} x {b}")
    if last:
        apart = transpose(reshape(x, (n, h // b, b, w // b, b, c)), (0, 1, 3, 2, 4, 5))
        return reshape(apart, (n, h // b, w // b, b * b * c))
    apart = transpose(reshape(x, (n, c, h // b, b, w // b, b)), (0, 3, 5, 1, 2, 4))
    return reshape(apart, (n, b * b * c, h // b, w // b))


def depth_to_space(input, block_size, name=None, data_format="NHWC"):
    """The channels of each pixel of images, laid out as a block of block_size x block_size pixels.

    >>> import numbaflow as nf
    >>> nf.depth_to_space([[[[1, 2, 3, 4]]]], 2).numpy().tolist()
    [[[[1], [2]], [[3], [4]]]]
    """
    x, (n, h, w, c), last = _image("depth_to_space", input, block_size, data_format)
    b = block_size
    if c % (b * b):
        raise InvalidArgumentError(f"depth_to_space: {c} channels do not fill blocks of {b} x {b}")
    if last:
        apart = transpose(reshape(x, (n, h, w, b, b, c // (b * b))), (0, 1, 3, 2, 4, 5))
        return reshape(apart, (n, h * b, w * b, c // (b * b)))
    apart = transpose(reshape(x, (n, b, b, c // (b * b), h, w)), (0, 3, 4, 1, 5, 2))
    return reshape(apart, (n, c // (b * b), h * b, w * b))
