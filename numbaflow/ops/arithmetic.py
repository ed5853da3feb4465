"""Sums, products, quotients and powers, element by element, and the operators of tensors for them."""
import numpy as np

from numbaflow.core import dtypes
from numbaflow.core.infer import like
from numbaflow.core.optable import Operators, Sample, elementwise, given, integers, normal, op, uniform
from numbaflow.core.tensor import as_tensor
from numbaflow.kernels import parts, scalar

from .arguments import is_complex
from .comparison import select
from .complex_numbers import conj
from .exponential import log, sqrt
from .rounding import floor

__all__ = ["abs", "accumulate_n", "add", "add_n", "cube", "div", "div_no_nan", "divide", "floordiv",
           "floormod", "maximum", "minimum", "mod", "multiply", "negative", "pow", "realdiv", "reciprocal",
           "scalar_mul", "sign", "square", "squared_difference", "subtract", "truediv"]

_COMPLEX = np.array([1.5 - 2j, -0.5 + 1j, 3 + 0.25j])
_ONE = [Sample(normal(3, 4)), Sample(normal()), Sample(normal(0, 3))]
_INTEGERS = Sample(integers(3, 4, low=1), integers(4, low=1))
_PAIRS = [Sample(normal(3, 4), normal(3, 4)), Sample(normal(3, 1), normal(4)), Sample(normal(2), 3.0),
          Sample(normal(), normal(3)), Sample(normal(0, 3), normal(3))]


# ---- sums and products
@elementwise(scalar.add, kinds="iufc", operator="__add__",
             grads={"x": lambda g: g, "y": lambda g: g},
             reference=np.add, samples=[*_PAIRS, _INTEGERS, Sample(_COMPLEX, 2.0)])
def add(x, y, name=None):
    """x + y, element by element, with broadcasting.

    >>> import numbaflow as nf
    >>> nf.add([1.0, 2.0], [[10.0], [20.0]]).numpy().tolist()
    [[11.0, 12.0], [21.0, 22.0]]
    """


@elementwise(scalar.subtract, kinds="iufc", operator="__sub__",
             grads={"x": lambda g: g, "y": lambda g: -g},
             reference=np.subtract, samples=[*_PAIRS, _INTEGERS, Sample(_COMPLEX, 2.0)])
def subtract(x, y, name=None):
    """x - y, element by element, with broadcasting.

    >>> import numbaflow as nf
    >>> nf.subtract([5.0, 7.0], 2.0).numpy().tolist()
    [3.0, 5.0]
    """


@elementwise(scalar.multiply, kinds="iufc", operator="__mul__",
             grads={"x": lambda g, y: g * y, "y": lambda g, x: g * x},
             reference=np.multiply, samples=[*_PAIRS, _INTEGERS, Sample(_COMPLEX, _COMPLEX[::-1])])
def multiply(x, y, name=None):
    """x * y, element by element, with broadcasting.

    >>> import numbaflow as nf
    >>> nf.multiply([5.0, 7.0], 2.0).numpy().tolist()
    [10.0, 14.0]
    """


@elementwise(scalar.negative, kinds="iufc", operator="__neg__", grads={"x": lambda g: -g},
             reference=np.negative, samples=[*_ONE, Sample(integers(4)), Sample(_COMPLEX)])
def negative(x, name=None):
    """-x, element by element.

    >>> import numbaflow as nf
    >>> nf.negative([1.0, -2.0]).numpy().tolist()
    [-1.0, 2.0]
    """


@elementwise(scalar.square, kinds="iufc", grads={"x": lambda g, x: 2.0 * x * g},
             reference=np.square, samples=[*_ONE, Sample(integers(4)), Sample(_COMPLEX)])
def square(x, name=None):
    """x * x, element by element; `x ** 2` on tensors.

    >>> import numbaflow as nf
    >>> nf.square([1.0, -3.0]).numpy().tolist()
    [1.0, 9.0]
    """


@elementwise(scalar.cube, kinds="iufc", grads={"x": lambda g, x: 3.0 * x * x * g},
             reference=lambda x: x * x * x, samples=[*_ONE, Sample(integers(4)), Sample(_COMPLEX)])
def cube(x, name=None):
    """x * x * x, element by element; `x ** 3` on tensors.

    >>> import numbaflow as nf
    >>> nf.cube([1.0, -3.0]).numpy().tolist()
    [1.0, -27.0]
    """


@elementwise(scalar.squared_difference, kinds="iufc",
             grads={"x": lambda g, x, y: 2.0 * (x - y) * g, "y": lambda g, x, y: 2.0 * (y - x) * g},
             reference=lambda x, y: (x - y) ** 2, samples=[*_PAIRS, _INTEGERS, Sample(_COMPLEX, 2.0)])
def squared_difference(x, y, name=None):
    """(x - y) * (x - y), element by element, with broadcasting.

    >>> import numbaflow as nf
    >>> nf.squared_difference([1.0, 5.0], 2.0).numpy().tolist()
    [1.0, 9.0]
    """


def _one_shape(inputs):
    for v in inputs:
        if v.shape != inputs[0].shape:
            raise ValueError(f"expected tensors of one shape, got {', '.join(str(v.shape) for v in inputs)}")
    return inputs[0]


@op(inputs="*inputs", grads={"inputs": lambda g, inputs_shape: [g] * len(inputs_shape)},
    infer=lambda inputs: like(_one_shape(inputs)),
    reference=sum, samples=[Sample([normal(3, 4), normal(3, 4), normal(3, 4)]), Sample([normal(3)]),
                            Sample([normal(), normal()]), Sample([integers(3), integers(3)])])
def add_n(inputs, name=None):
    """The sum of several tensors of one shape.

    Args:
        inputs: a list of tensors.

    Raises:
        ValueError: an empty list, or tensors of different shapes.

    >>> import numbaflow as nf
    >>> nf.add_n([[1.0, 2.0], [10.0, 20.0], [100.0, 200.0]]).numpy().tolist()
    [111.0, 222.0]
    """
    first = _one_shape(inputs)
    return first if len(inputs) == 1 else parts.add_all(add.op.kernel, inputs)


def accumulate_n(inputs, shape=None, tensor_dtype=None, name=None):
    """The sum of several tensors of one shape: `add_n` with a check of the shape and dtype expected.

    >>> import numbaflow as nf
    >>> nf.accumulate_n([[1.0, 2.0], [10.0, 20.0]], shape=(2,)).numpy().tolist()
    [11.0, 22.0]
    """
    total = add_n(inputs)
    if shape is not None:
        total.set_shape(shape)
    if tensor_dtype is not None and total.dtype != tensor_dtype:
        raise TypeError(f"accumulate_n: expected {dtypes.as_dtype(tensor_dtype).name} tensors, "
                        f"got {total.dtype.name}")
    return total


def scalar_mul(scalar, x):
    """A number times a tensor.

    Raises:
        ValueError: `scalar` is not 0-d.

    >>> import numbaflow as nf
    >>> nf.scalar_mul(2.0, [1.0, 3.0]).numpy().tolist()
    [2.0, 6.0]
    """
    shape = as_tensor(scalar).shape
    if len(shape):
        raise ValueError(f"scalar_mul: expected a scalar, got shape {tuple(shape)}")
    return multiply(scalar, x)


# ---- quotients
@elementwise(scalar.divide, operator="__truediv__",
             grads={"x": lambda g, y: g / y, "y": lambda g, y, z: -g * z / y},
             reference=np.true_divide,
             samples=[Sample(normal(3, 4), uniform(4, low=0.5, high=2.0)), Sample(1.0, uniform(3, low=0.5)),
                      _INTEGERS, Sample(_COMPLEX, _COMPLEX[::-1]),
                      Sample(given([1.0, -1.0, 0.0]), 0.0, grad=False)])
def divide(x, y, name=None):
    """x / y, element by element, with broadcasting.

    Integers are divided as floats: float64 for those of 32 and 64 bits, else float32.  Dividing by 0 gives
    inf, -inf or NaN.

    >>> import numbaflow as nf
    >>> nf.divide([1.0, 5.0], 2.0).numpy().tolist()
    [0.5, 2.5]
    """


truediv = realdiv = divide


@elementwise(scalar.divide_no_nan,
             grads={"x": lambda g, y: div_no_nan(g, y), "y": lambda g, y, z: -div_no_nan(g * z, y)},
             reference=lambda x, y: np.where(y == 0, 0 * x, x / np.where(y == 0, 1, y)),
             samples=[Sample(normal(3, 4), uniform(4, low=0.5, high=2.0)),
                      Sample(given([1.0, -2.0, 3.0]), given([2.0, 0.0, -1.0]), grad=False)])
def div_no_nan(x, y, name=None):
    """x / y, and 0 where y is 0, element by element, with broadcasting.

    >>> import numbaflow as nf
    >>> nf.div_no_nan([1.0, 5.0], [0.0, 2.0]).numpy().tolist()
    [0.0, 2.5]
    """


@elementwise(scalar.floordiv, kinds="iuf", operator="__floordiv__", grads=None,
             reference=np.floor_divide, samples=[*_PAIRS, _INTEGERS, Sample(integers(5, low=-9, high=-1), 4)])
def floordiv(x, y, name=None):
    """The largest integer not above x / y, in the dtype of x and y; an integer divided by 0 gives 0.

    >>> import numbaflow as nf
    >>> nf.floordiv([7, -7], 2).numpy().tolist()
    [3, -4]
    """


@elementwise(scalar.mod, kinds="iuf", operator="__mod__",
             grads={"x": lambda g: g, "y": lambda g, x, y: -g * floor(x / y)},
             reference=np.mod,
             samples=[Sample(given([5.5, -5.5, 3.25]), given([2.0, 2.0, -1.5])), Sample(normal(2, 3), 0.75),
                      _INTEGERS, Sample(integers(5, low=-9, high=-1), 4)])
def floormod(x, y, name=None):
    """x - y * floor(x / y), which has the sign of y, as Python's `%`; an integer modulo 0 gives 0.

    >>> import numbaflow as nf
    >>> nf.floormod([7, -7], 3).numpy().tolist()
    [1, 2]
    """


mod = floormod


def div(x, y, name=None):
    """x / y as in Python 2: floats are divided, integers are divided and rounded down.

    >>> import numbaflow as nf
    >>> nf.div(7, 2).numpy(), nf.div(7.0, 2.0).numpy()
    (np.int32(3), np.float32(3.5))
    """
    whole = all(as_tensor(v).dtype.is_integer for v in (x, y))
    return floordiv(x, y) if whole else divide(x, y)


@elementwise(scalar.reciprocal, grads={"x": lambda g, y: -g * y * y},
             reference=np.reciprocal,
             samples=[Sample(uniform(3, 4, low=0.5, high=2.0)), Sample(_COMPLEX),
                      Sample(given([0.0]), grad=False)])
def reciprocal(x, name=None):
    """1 / x, element by element.

    >>> import numbaflow as nf
    >>> nf.reciprocal([2.0, -4.0]).numpy().tolist()
    [0.5, -0.25]
    """


# ---- size and sign
@elementwise(scalar.absolute, pattern="x->r", kinds="iufc", operator="__abs__", holomorphic=False,
             grads={"x": lambda g, x: g * sign(x)},
             reference=np.abs, samples=[*_ONE, Sample(integers(4, low=-5)), Sample(_COMPLEX),
                                        Sample(given([0.0, -0.0]), grad=False)])
def abs(x, name=None):
    """|x|, element by element; real for complex x.  The gradient at 0 is 0.

    >>> import numbaflow as nf
    >>> nf.abs([1.0, -2.0]).numpy().tolist(), nf.abs(3 + 4j).numpy()
    ([1.0, 2.0], np.float64(5.0))
    """


def _sign_rule(g, x, y):
    if is_complex(x):
        # sign(x) = x / |x| moves across the line through 0 and x only
        return div_no_nan(g - y * y * conj(g), 2.0 * abs(x))
    return 0.0 * y


@elementwise(scalar.sign, kinds="iufc", holomorphic=False, grads={"x": _sign_rule},
             reference=np.sign, samples=[*_ONE, Sample(integers(4, low=-2, high=3)), Sample(_COMPLEX),
                                         Sample(given([0.0, np.inf, np.nan]), grad=False)])
def sign(x, name=None):
    """-1, 0 or 1 as x is negative, 0 or positive; x / |x| for complex x.  The gradient for real x is 0.

    >>> import numbaflow as nf
    >>> nf.sign([-3.0, 0.0, 2.0]).numpy().tolist()
    [-1.0, 0.0, 1.0]
    """


_TIES = Sample(given([1.0, np.nan, 2.0]), given([1.0, 0.0, np.nan]), grad=False)


@elementwise(scalar.maximum, kinds="iuf",
             grads={"x": lambda g, x, y: select(x >= y, g, 0.0), "y": lambda g, x, y: select(x >= y, 0.0, g)},
             reference=np.maximum, samples=[*_PAIRS, _INTEGERS, _TIES])
def maximum(x, y, name=None):
    """The larger of x and y, element by element, with broadcasting; NaN where either is NaN.

    Where they are equal the gradient goes to x.

    >>> import numbaflow as nf
    >>> nf.maximum([1.0, 5.0], 2.0).numpy().tolist()
    [2.0, 5.0]
    """


@elementwise(scalar.minimum, kinds="iuf",
             grads={"x": lambda g, x, y: select(x <= y, g, 0.0), "y": lambda g, x, y: select(x <= y, 0.0, g)},
             reference=np.minimum, samples=[*_PAIRS, _INTEGERS, _TIES])
def minimum(x, y, name=None):
    """The smaller of x and y, element by element, with broadcasting; NaN where either is NaN.

    Where they are equal the gradient goes to x.

    >>> import numbaflow as nf
    >>> nf.minimum([1.0, 5.0], 2.0).numpy().tolist()
    [1.0, 2.0]
    """


# ---- powers
def _base_rule(g, x, y):
    return g * y * pow(x, select(y == 0.0, 1.0, y - 1.0))       # (0 for y = 0, at x = 0 too)


def _exponent_rule(g, x, y, z):
    known = x != 0.0 if is_complex(x) else x > 0.0
    return g * select(known, z * log(select(known, x, 1.0)), 0.0)


@elementwise(scalar.pow, kinds="iufc", operator="__pow__",
             grads={"x": _base_rule, "y": _exponent_rule},
             reference=np.power,
             samples=[Sample(uniform(3, 4, low=0.5, high=2.0), normal(4)), Sample(2.0, normal(3)),
                      Sample(normal(3), 4.0), _INTEGERS, Sample(_COMPLEX, 1.5 + 0.5j),
                      Sample(np.zeros(2), 3.0),
                      Sample(given([0.0, -2.0, -8.0]), given([2.0, 3.0, 0.5]), grad=False)])
def pow(x, y, name=None):
    """x to the power y, element by element, with broadcasting; NaN for a root of a negative number.

    The gradient with respect to y is 0 where x is not positive.  An integer to a negative power is 0, unless
    it is 1 or -1.  `x ** y` with the constants 2, 3, 0.5 and -1 is `square`, `cube`, `sqrt` and `reciprocal`.

    >>> import numbaflow as nf
    >>> nf.pow([2.0, 3.0], [3.0, 2.0]).numpy().tolist()
    [8.0, 9.0]
    """


_SHORT_POWERS = {1: as_tensor, 2: square, 3: cube, -1: reciprocal, 0.5: sqrt}


def _power(x, y):
    """x ** y: a cheaper op for the small constant powers that programs are full of."""
    kind = type(y)
    if kind is int or kind is float:
        short = _SHORT_POWERS.get(y)
        # (x of integers to a float or a negative power is not of integers)
        if short is not None and ((kind is int and y > 0) or x.dtype.is_floating):
            return short(x)
    return pow(x, y)


setattr(Operators, pow.op.operator, _power)
