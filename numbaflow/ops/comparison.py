"""Comparison, logic and choice, element by element: what has truth values on one side.

None of these has a gradient but `select`, which the rules of other families are written with.
"""
import numpy as np

from numbaflow.core import table
from numbaflow.core.infer import BY_VALUE
from numbaflow.core.optable import Sample, bools, elementwise, given, integers, normal, op
from numbaflow.core.shape import UNKNOWN
from numbaflow.core.tensor import as_tensor
from numbaflow.kernels import scalar
from numbaflow.kernels.index import where_indices

__all__ = ["equal", "greater", "greater_equal", "is_finite", "is_inf", "is_nan", "less", "less_equal",
           "logical_and", "logical_not", "logical_or", "logical_xor", "not_equal", "select", "where"]

_PAIRS = [Sample(given([[1.0, 2.0, np.nan], [np.inf, -0.0, 3.0]]), given([1.0, 0.0, 3.0])),
          Sample(normal(3, 4), normal(4)), Sample(integers(3, 4, high=3), integers(4, high=3)),
          Sample(normal(), 0.5), Sample(normal(0, 3), normal(3))]
_TRUTHS = [Sample(np.array([False, False, True, True]), np.array([False, True, False, True])),
           Sample(bools(2, 3), bools(2, 1)), Sample(bools(3), True)]
_SPECIAL = [Sample(given([0.0, -1.5, np.nan, np.inf, -np.inf])), Sample(normal(2, 3)),
            Sample(np.array([1 + 2j, complex(np.nan, 1), complex(1, -np.inf)]), dtypes=("complex128",))]


# ---- comparison
@elementwise(scalar.equal, pattern="xx->?", kinds="biufc", grads=None, operator="__eq__",
             reference=np.equal, samples=[*_PAIRS, *_TRUTHS])
def equal(x, y, name=None):
    """Whether x == y, element by element, with broadcasting; `x == y` on tensors.

    >>> import numbaflow as nf
    >>> nf.equal([1, 2, 3], 2).numpy().tolist()
    [False, True, False]
    """


@elementwise(scalar.not_equal, pattern="xx->?", kinds="biufc", grads=None, operator="__ne__",
             reference=np.not_equal, samples=[*_PAIRS, *_TRUTHS])
def not_equal(x, y, name=None):
    """Whether x != y, element by element, with broadcasting; `x != y` on tensors.

    >>> import numbaflow as nf
    >>> nf.not_equal([1, 2, 3], 2).numpy().tolist()
    [True, False, True]
    """


@elementwise(scalar.less, pattern="xx->?", kinds="iuf", grads=None, operator="__lt__",
             reference=np.less, samples=_PAIRS)
def less(x, y, name=None):
    """Whether x < y, element by element, with broadcasting; `x < y` on tensors.

    >>> import numbaflow as nf
    >>> nf.less([1, 2, 3], 2).numpy().tolist()
    [True, False, False]
    """


@elementwise(scalar.less_equal, pattern="xx->?", kinds="iuf", grads=None, operator="__le__",
             reference=np.less_equal, samples=_PAIRS)
def less_equal(x, y, name=None):
    """Whether x <= y, element by element, with broadcasting; `x <= y` on tensors.

    >>> import numbaflow as nf
    >>> nf.less_equal([1, 2, 3], 2).numpy().tolist()
    [True, True, False]
    """


@elementwise(scalar.greater, pattern="xx->?", kinds="iuf", grads=None, operator="__gt__",
             reference=np.greater, samples=_PAIRS)
def greater(x, y, name=None):
    """Whether x > y, element by element, with broadcasting; `x > y` on tensors.

    >>> import numbaflow as nf
    >>> nf.greater([1, 2, 3], 2).numpy().tolist()
    [False, False, True]
    """


@elementwise(scalar.greater_equal, pattern="xx->?", kinds="iuf", grads=None, operator="__ge__",
             reference=np.greater_equal, samples=_PAIRS)
def greater_equal(x, y, name=None):
    """Whether x >= y, element by element, with broadcasting; `x >= y` on tensors.

    >>> import numbaflow as nf
    >>> nf.greater_equal([1, 2, 3], 2).numpy().tolist()
    [False, True, True]
    """


@elementwise(scalar.isnan, pattern="x->?", grads=None, reference=np.isnan, samples=_SPECIAL)
def is_nan(x, name=None):
    """Whether an element is NaN.

    >>> import numbaflow as nf
    >>> nf.is_nan([1.0, float("nan")]).numpy().tolist()
    [False, True]
    """


@elementwise(scalar.isinf, pattern="x->?", grads=None, reference=np.isinf, samples=_SPECIAL)
def is_inf(x, name=None):
    """Whether an element is inf or -inf.

    >>> import numbaflow as nf
    >>> nf.is_inf([1.0, float("-inf")]).numpy().tolist()
    [False, True]
    """


@elementwise(scalar.isfinite, pattern="x->?", grads=None, reference=np.isfinite, samples=_SPECIAL)
def is_finite(x, name=None):
    """Whether an element is neither NaN nor infinite.

    >>> import numbaflow as nf
    >>> nf.is_finite([1.0, float("inf"), float("nan")]).numpy().tolist()
    [True, False, False]
    """


# ---- logic
@elementwise(scalar.logical_and, kinds="b", grads=None, reference=np.logical_and, samples=_TRUTHS)
def logical_and(x, y, name=None):
    """Whether both are true, element by element, with broadcasting; `x & y` on bool tensors.

    >>> import numbaflow as nf
    >>> nf.logical_and([True, True, False], [True, False, False]).numpy().tolist()
    [True, False, False]
    """


@elementwise(scalar.logical_or, kinds="b", grads=None, reference=np.logical_or, samples=_TRUTHS)
def logical_or(x, y, name=None):
    """Whether one of them is true, element by element, with broadcasting; `x | y` on bool tensors.

    >>> import numbaflow as nf
    >>> nf.logical_or([True, True, False], [True, False, False]).numpy().tolist()
    [True, True, False]
    """


@elementwise(scalar.logical_xor, kinds="b", grads=None, reference=np.logical_xor, samples=_TRUTHS)
def logical_xor(x, y, name="LogicalXor"):
    """Whether exactly one of them is true, element by element, with broadcasting; `x ^ y` on bool tensors.

    >>> import numbaflow as nf
    >>> nf.logical_xor([True, True, False], [True, False, False]).numpy().tolist()
    [False, True, False]
    """


@elementwise(scalar.logical_not, kinds="b", grads=None, reference=np.logical_not,
             samples=[Sample(bools(2, 3))])
def logical_not(x, name=None):
    """Whether an element is false; `~x` on bool tensors.

    >>> import numbaflow as nf
    >>> nf.logical_not([True, False]).numpy().tolist()
    [False, True]
    """


# ---- choice
@elementwise(scalar.select, pattern="?xx->x", kinds="biufc",
             grads={"condition": None,
                    "x": lambda g, condition: select(condition, g, 0.0),
                    "y": lambda g, condition: select(condition, 0.0, g)},
             reference=np.where,
             samples=[Sample(bools(3, 4), normal(3, 4), normal(3, 4)),
                      Sample(bools(4), normal(3, 1), normal()),
                      Sample(bools(3), integers(3), integers(3)), Sample(True, normal(2), normal(2)),
                      Sample(bools(3), bools(3), bools(3)), Sample(bools(2), np.array([1 + 2j, 3j]), 0.0)])
def select(condition, x, y, name=None):
    """x where the condition holds and y elsewhere, all three broadcast by NumPy's rules.

    The gradient goes to the chosen element only; the other gets 0, whatever its value.

    Args:
        condition: bool.
        x, y: of one dtype, or of dtypes that mix.

    >>> import numbaflow as nf
    >>> nf.select([True, False], [1.0, 2.0], 0.0).numpy().tolist()
    [1.0, 0.0]
    """


@op(inputs="condition", grads=None, infer=BY_VALUE, name="where_true",
    reference=lambda condition: np.argwhere(condition),
    samples=[Sample(bools(3, 4)), Sample(bools(5)), Sample(np.zeros((0, 2), bool))])
def _where_true(condition, name=None):
    """The indices of true elements, int64 [n, rank], in row-major order."""
    return where_indices(condition)


def where(condition, x=None, y=None, name=None):
    """x where the condition holds and y elsewhere; or, with neither, the indices of what is true.

    Args:
        condition: bool.
        x, y: both or neither.  The three broadcast by NumPy's rules, with one exception from TensorFlow 1: a
            condition of rank 1 chooses whole rows where x and y have one shape of higher rank and it has an
            element for each row.

    Returns:
        A tensor like x and y; with neither, int64 [number of true elements, rank], in row-major order.

    Raises:
        ValueError: only one of x and y, or shapes that do not broadcast.

    >>> import numbaflow as nf
    >>> nf.where([True, False], [[1, 2], [3, 4]], [[0, 0], [0, 0]]).numpy().tolist()
    [[1, 2], [0, 0]]
    >>> nf.where([[True, False], [False, True]]).numpy().tolist()
    [[0, 0], [1, 1]]
    """
    if (x is None) != (y is None):
        raise ValueError("where: x and y must both be given or both be left out")
    if x is None:
        return _where_true(condition, name=name)
    condition = condition if hasattr(condition, "dtype") else as_tensor(condition)
    if condition.shape is not UNKNOWN and condition.ndim == 1:
        condition = _for_rows(condition, _shape(x), _shape(y))
    return select(condition, x, y)


def _shape(value):
    return value.shape if hasattr(value, "shape") else as_tensor(value).shape


def _for_rows(condition, x_shape, y_shape):
    rows = condition.shape[0]
    if len(x_shape) > 1 and tuple(x_shape) == tuple(y_shape) and x_shape[0] == rows:
        return table.face("reshape")(condition, (rows,) + (1,) * (len(x_shape) - 1))
    return condition
