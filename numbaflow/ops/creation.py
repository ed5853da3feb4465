"""Tensors made from nothing but shapes and numbers: zeros, ones, fill, eye, range, linspace, meshgrid.

What depends on no tensor is a plain function; `fill` is broadcasting, so it is differentiable in its value.
"""
import builtins
from operator import index

import numpy as np

from numbaflow.core import dtypes
from numbaflow.core.abstract import TracingError, current_trace
from numbaflow.core.errors import InvalidArgumentError
from numbaflow.core.infer import BY_VALUE
from numbaflow.core.later import of_known_values
from numbaflow.core.optable import Sample, integers, op
from numbaflow.core.shape import UNKNOWN, Extent
from numbaflow.core.tensor import as_array, as_tensor, known
from numbaflow.kernels import parts, sequences

from .arguments import shape_of
from .shape import broadcast_to, reshape

__all__ = ["eye", "fill", "linspace", "meshgrid", "ones", "ones_like", "range", "sequence_mask", "zeros",
           "zeros_like"]


# ---- one value everywhere
def zeros(shape, dtype=dtypes.FLOAT32, name=None):
    """A tensor of zeros.

    >>> import numbaflow as nf
    >>> nf.zeros([2, 2]).numpy().tolist()
    [[0.0, 0.0], [0.0, 0.0]]
    """
    return _made(zeros, np.zeros, 0, shape, dtype)


def ones(shape, dtype=dtypes.FLOAT32, name=None):
    """A tensor of ones.

    >>> import numbaflow as nf
    >>> nf.ones([3], dtype=nf.int32).numpy().tolist()
    [1, 1, 1]
    """
    return _made(ones, np.ones, 1, shape, dtype)


def _made(function, make, number, shape, dtype):
    try:
        extents, trace = shape_of(shape), current_trace()
        if trace is not None and any(isinstance(n, Extent) for n in extents):
            return trace.filled(number, extents, dtypes.as_numpy(dtype))
        return known(make(extents, dtypes.as_numpy(dtype)))
    except TracingError:
        if not _lasting():
            raise
        return current_trace().later(function, (shape, dtype), {})
    except ValueError as error:
        raise InvalidArgumentError(f"{function.__name__}: {error}; the shape is {shape}") from None


def _lasting():
    """Whether ops are put into a graph, where what has no value yet may be asked for it when it is run."""
    trace = current_trace()
    return trace is not None and trace.lasting


def zeros_like(tensor, dtype=None, name=None, optimize=True):
    """Zeros of the shape of a tensor, and of its dtype unless another is given.

    >>> import numbaflow as nf
    >>> nf.zeros_like([1, 2]).numpy().tolist()
    [0, 0]
    """
    return _like(zeros_like, zeros, as_tensor(tensor), dtype)


def ones_like(tensor, dtype=None, name=None, optimize=True):
    """Ones of the shape of a tensor, and of its dtype unless another is given.

    >>> import numbaflow as nf
    >>> nf.ones_like([5.0, 6.0]).numpy().tolist()
    [1.0, 1.0]
    """
    return _like(ones_like, ones, as_tensor(tensor), dtype)


def _like(function, make, tensor, dtype):
    extents = tensor._data.shape
    if extents is UNKNOWN:
        return tensor.graph.later(function, (tensor, dtype), {})
    return make(extents, tensor.dtype if dtype is None else dtype)


@of_known_values("dims")
def fill(dims, value, name=None):
    """A tensor of shape `dims` with a scalar everywhere; differentiable in the scalar.

    >>> import numbaflow as nf
    >>> nf.fill([2, 2], 7).numpy().tolist()
    [[7, 7], [7, 7]]
    """
    value = as_tensor(value)
    if len(value.shape):
        raise InvalidArgumentError(f"fill: expected a scalar value, got shape {tuple(value.shape)}")
    return broadcast_to(value, dims)


def eye(num_rows, num_columns=None, batch_shape=None, dtype=dtypes.FLOAT32, name=None):
    """The identity matrix, or a batch of it: ones on the diagonal of [*batch_shape, num_rows, num_columns].

    >>> import numbaflow as nf
    >>> nf.eye(2, 3).numpy().tolist()
    [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]
    """
    rows = index(num_rows)
    columns = rows if num_columns is None else index(num_columns)
    if rows < 0 or columns < 0:
        raise InvalidArgumentError(f"eye: expected sizes that are not negative, got {rows} x {columns}")
    one = known(np.eye(rows, columns, dtype=dtypes.as_numpy(dtype)))
    return one if batch_shape is None else broadcast_to(one, (*shape_of(batch_shape), rows, columns))


# ---- sequences
@of_known_values("start", "limit", "delta")
def range(start, limit=None, delta=1, dtype=None, name="range"):
    """The numbers start, start + delta, ... before limit; `range(n)` starts at 0.

    Args:
        start, limit, delta: numbers or scalar tensors; delta is not 0 and may be negative.
        dtype: by default the common one of the three: int32 for Python ints, float32 for floats.

    >>> import numbaflow as nf
    >>> nf.range(3).numpy().tolist(), nf.range(3, 0, -0.5).numpy().tolist()
    ([0, 1, 2], [3.0, 2.5, 2.0, 1.5, 1.0, 0.5])
    """
    bounds = (0, start, delta) if limit is None else (start, limit, delta)
    arrays = [_scalar("range", b) for b in bounds]
    if dtype is None:
        kind = arrays[0].dtype
        for a in arrays[1:]:
            kind = dtypes.promote(kind, a.dtype, "range")
    else:
        kind = dtypes.as_numpy(dtype)
    first, last, step = [a.astype(kind).item() for a in arrays]
    if step == 0:
        raise InvalidArgumentError("range: delta must not be 0")
    if kind.kind in "iu":
        n = len(builtins.range(first, last, step))
    else:
        n = max(0, int(np.ceil((last - first) / step)))
    return known((first + step * np.arange(n)).astype(kind))


def _scalar(name, value):
    array = as_array(value)
    if array.ndim or array.dtype.kind not in "iuf":
        raise InvalidArgumentError(f"{name}: expected real scalars, got {array.dtype} of shape {array.shape}")
    return array


def linspace(start, stop, num, name=None):
    """`num` numbers at equal distances from start to stop, both included.

    >>> import numbaflow as nf
    >>> nf.linspace(0.0, 1.0, 5).numpy().tolist()
    [0.0, 0.25, 0.5, 0.75, 1.0]
    """
    first, last = _scalar("linspace", start), _scalar("linspace", stop)
    kind = dtypes.promote(first.dtype, last.dtype, "linspace")
    kind = kind if kind.kind == "f" else dtypes.FLOAT32
    if index(num) < 1:
        raise InvalidArgumentError(f"linspace: expected num of at least 1, got {index(num)}")
    return known(np.linspace(first.item(), last.item(), index(num)).astype(kind))


def meshgrid(*args, indexing="xy", name=None):
    """The coordinates of a grid: a tensor an axis, each of the shape of the whole grid.

    Args:
        *args: a vector of coordinates for each axis.
        indexing: "xy" runs the first axis along columns, as in plots; "ij" runs the axes in order.

    >>> import numbaflow as nf
    >>> [x.numpy().tolist() for x in nf.meshgrid([1, 2], [3, 4, 5], indexing="ij")]
    [[[1, 1, 1], [2, 2, 2]], [[3, 4, 5], [3, 4, 5]]]
    """
    if indexing not in ("xy", "ij"):
        raise InvalidArgumentError(f'meshgrid: indexing must be "xy" or "ij", got {indexing!r}')
    vectors = [reshape(as_tensor(a), (-1,)) for a in args]
    extents, places = [v.shape[0] for v in vectors], list(builtins.range(len(vectors)))
    if indexing == "xy" and len(vectors) > 1:
        extents[:2], places[:2] = extents[1::-1], (1, 0)
    alone = [[n if k == place else 1 for k, n in enumerate(extents)] for place in places]
    return [broadcast_to(reshape(v, s), tuple(extents)) for v, s in zip(vectors, alone, strict=True)]


# ---- masks of sequences
def _masked(lengths, maxlen=None, dtype=bool):
    longest = lengths.max(initial=0) if maxlen is None else maxlen
    return (np.arange(longest) < lengths[..., None]).astype(dtype)


def _mask_rule(lengths, maxlen, dtype):
    _check_lengths(lengths)
    return BY_VALUE if maxlen is None else ((*lengths.shape, index(maxlen)), dtypes.as_numpy(dtype))


def _check_lengths(lengths):
    if lengths.dtype.kind not in "iu":
        raise TypeError(f"lengths must be integers, got {lengths.dtype}")


@op(inputs="lengths", grads=None, infer=_mask_rule, reference=_masked,
    samples=[Sample(integers(3, low=1, high=4), 5), Sample(integers(2, 3, high=4)),
             Sample(integers(high=4), 2), Sample(np.array([0, 2]), dtype="float32")])
def sequence_mask(lengths, maxlen=None, dtype=dtypes.BOOL, name=None):
    """For each length a row that is True in its first `length` places.

    Args:
        lengths: integers of any shape.
        maxlen: the length of the rows; by default the largest length.
        dtype: of the result: True is 1.

    >>> import numbaflow as nf
    >>> nf.sequence_mask([1, 3], 4).numpy().tolist()
    [[True, False, False, False], [True, True, True, False]]
    """
    _check_lengths(lengths)
    longest = sequences.longest(lengths) if maxlen is None else index(maxlen)
    made, wanted = sequences.mask(lengths, longest), dtypes.as_numpy(dtype)
    return made if wanted.kind == "b" else parts.cast(made, wanted)
