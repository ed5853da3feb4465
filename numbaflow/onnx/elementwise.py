"""Translators of elementwise ops."""
import functools

import numpy as np

from .writer import TRANSLATORS, Unsupported, translates

_SAME = {
    "abs": "Abs", "acos": "Acos", "acosh": "Acosh", "add": "Add", "asin": "Asin", "asinh": "Asinh",
    "atan": "Atan", "atanh": "Atanh", "cos": "Cos", "cosh": "Cosh", "divide": "Div",
    "elu": "Elu", "equal": "Equal", "erf": "Erf", "exp": "Exp", "greater": "Greater",
    "greater_equal": "GreaterOrEqual", "is_inf": "IsInf", "is_nan": "IsNaN",
    "less": "Less", "less_equal": "LessOrEqual", "log": "Log", "logical_and": "And", "logical_not": "Not",
    "logical_or": "Or", "logical_xor": "Xor", "maximum": "Max", "minimum": "Min", "multiply": "Mul",
    "negative": "Neg", "pow": "Pow", "reciprocal": "Reciprocal", "relu": "Relu", "rint": "Round",
    "select": "Where", "sigmoid": "Sigmoid", "sign": "Sign", "sin": "Sin", "sinh": "Sinh",
    "softplus": "Softplus", "softsign": "Softsign", "sqrt": "Sqrt", "subtract": "Sub", "tan": "Tan",
    "tanh": "Tanh", "identity": "Identity", "stop_gradient": "Identity"}


def _same(kind):
    return lambda w, c: w.op(kind, list(c.names.values()))


TRANSLATORS.update({name: _same(kind) for name, kind in _SAME.items()})


@translates("floor", "ceil", "round")
def _rounded(w, c):
    if c.value.dtype.kind in "iu":
        return w.op("Identity", [c.x])
    return w.op({"floor": "Floor", "ceil": "Ceil", "round": "Round"}[c.node.op.name], [c.x])


@translates("bitwise_and", "bitwise_or", "bitwise_xor")
def _bitwise(w, c):
    kind = {"bitwise_and": "And", "bitwise_or": "Or", "bitwise_xor": "Xor"}[c.node.op.name]
    return w.op(kind if c.value.dtype.kind == "b" else f"Bitwise{kind}", [c.x, c.y])


@translates("invert")
def _invert(w, c):
    return w.op("Not" if c.value.dtype.kind == "b" else "BitwiseNot", [c.x])


# ---- powers, exponentials
@translates("square")
def _square(w, c):
    return w.op("Mul", [c.x, c.x])


@translates("cube")
def _cube(w, c):
    return w.op("Mul", [w.op("Mul", [c.x, c.x]), c.x])


@translates("squared_difference")
def _squared_difference(w, c):
    d = w.op("Sub", [c.x, c.y])
    return w.op("Mul", [d, d])


@translates("rsqrt")
def _rsqrt(w, c):
    return w.op("Reciprocal", [w.op("Sqrt", [c.x])])


@translates("cbrt")
def _cbrt(w, c):
    root = w.op("Pow", [w.op("Abs", [c.x]), w.like(1 / 3, c.value)])
    return w.op("Mul", [w.op("Sign", [c.x]), root])


@translates("exp2")
def _exp2(w, c):
    return w.op("Pow", [w.like(2, c.value), c.x])


@translates("log2", "log10")
def _log_to_base(w, c):
    base = 2.0 if c.node.op.name == "log2" else 10.0
    return w.op("Mul", [w.op("Log", [c.x]), w.like(1 / np.log(base), c.value)])


@translates("expm1")
def _expm1(w, c):
    """2 t / (1 - t) with t = tanh(x / 2) near 0, where exp(x) - 1 loses what counts."""
    one, half = w.like(1, c.value), w.like(0.5, c.value)
    t = w.op("Tanh", [w.op("Mul", [c.x, half])])
    near = w.op("Div", [w.op("Add", [t, t]), w.op("Sub", [one, t])])
    far = w.op("Sub", [w.op("Exp", [c.x]), one])
    return w.op("Where", [w.op("Less", [w.op("Abs", [c.x]), half]), near, far])


@translates("log1p")
def _log1p(w, c):
    """x log(u) / (u - 1) with u = 1 + x rounded, which takes back what the rounding lost."""
    return _log_of_one_more(w, c.x, c.value)


def _log_of_one_more(w, x, value):
    one, zero = w.like(1, value), w.like(0, value)
    u = w.op("Add", [x, one])
    d = w.op("Sub", [u, one])
    tiny = w.op("Equal", [d, zero])
    ratio = w.op("Div", [x, w.op("Where", [tiny, one, d])])
    infinite = w.op("Equal", [u, w.like(np.inf, value)])
    ratio = w.op("Where", [infinite, one, ratio])
    return w.op("Where", [tiny, x, w.op("Mul", [ratio, w.op("Log", [u])])])


@translates("erfc")
def _erfc(w, c):
    return w.op("Sub", [w.like(1, c.value), w.op("Erf", [c.x])])


# ---- division
def _mod(w, x, y, value):
    """The remainder with the sign of the divisor."""
    if value.dtype.kind in "iu":
        return w.op("Mod", [x, y])
    r, zero = w.op("Mod", [x, y], fmod=1), w.like(0, value)
    unlike = w.op("Xor", [w.op("Less", [r, zero]), w.op("Less", [y, zero])])
    wrong = w.op("And", [unlike, w.op("Not", [w.op("Equal", [r, zero])])])
    return w.op("Where", [wrong, w.op("Add", [r, y]), r])


@translates("floormod")
def _floormod(w, c):
    return _mod(w, c.x, c.y, c.value)


@translates("floordiv")
def _floordiv(w, c):
    whole = w.op("Div", [w.op("Sub", [c.x, _mod(w, c.x, c.y, c.value)]), c.y])
    return whole if c.value.dtype.kind in "iu" else w.op("Round", [whole])


@translates("div_no_nan")
def _div_no_nan(w, c):
    zero = w.like(0, c.value)
    return w.op("Where", [w.op("Equal", [c.y, zero]), zero, w.op("Div", [c.x, c.y])])


@translates("xlogy", "xdivy")
def _guarded(w, c):
    zero = w.like(0, c.value)
    log = c.node.op.name == "xlogy"
    found = w.op("Mul", [c.x, w.op("Log", [c.y])]) if log else w.op("Div", [c.x, c.y])
    return w.op("Where", [w.op("Equal", [c.x, zero]), zero, found])


# ---- comparing
@translates("not_equal")
def _not_equal(w, c):
    return w.op("Not", [w.op("Equal", [c.x, c.y])])


@translates("is_finite")
def _is_finite(w, c):
    return w.op("Not", [w.op("Or", [w.op("IsNaN", [c.x]), w.op("IsInf", [c.x])])])


@translates("clip_by_value")
def _clip(w, c):
    return w.op("Min", [w.op("Max", [c.t, c.clip_value_min]), c.clip_value_max])


# ---- activations
@translates("relu6")
def _relu6(w, c):
    return w.op("Clip", [c.features, w.like(0, c.value), w.like(6, c.value)])


@translates("leaky_relu")
def _leaky_relu(w, c):
    negative = w.op("Less", [c.features, w.like(0, c.value)])
    return w.op("Where", [negative, w.op("Mul", [c.features, c.alpha]), c.features])


@translates("selu")
def _selu(w, c):
    return w.op("Selu", [c.features], alpha=1.6732632423543772, gamma=1.0507009873554805)


@translates("gelu")
def _gelu(w, c):
    x, one, half = c.features, w.like(1, c.value), w.like(0.5, c.value)
    whole = w.op("Add", [w.op("Erf", [w.op("Mul", [x, w.like(0.5 ** 0.5, c.value)])]), one])
    return w.op("Mul", [w.op("Mul", [x, half]), whole])


@translates("swish")
def _swish(w, c):
    return w.op("Mul", [c.features, w.op("Sigmoid", [c.features])])


def softplus(w, x, value):
    """log(1 + exp(x)), for x of any size."""
    less = w.op("Exp", [w.op("Neg", [w.op("Abs", [x])])])
    return w.op("Add", [w.op("Relu", [x]), _log_of_one_more(w, less, value)])


@translates("softplus")
def _softplus(w, c):
    return softplus(w, c.features, c.value)


@translates("log_sigmoid")
def _log_sigmoid(w, c):
    return w.op("Neg", [softplus(w, w.op("Neg", [c.x]), c.value)])


# ---- losses
@translates("sigmoid_cross_entropy_with_logits")
def _sigmoid_cross_entropy(w, c):
    return w.op("Sub", [softplus(w, c.logits, c.value), w.op("Mul", [c.labels, c.logits])])


@translates("hinge")
def _hinge(w, c):
    return w.op("Relu", [w.op("Sub", [w.like(1, c.value), w.op("Mul", [c.labels, c.logits])])])


# ---- types
@translates("cast")
def _cast(w, c):
    if c.out.dtype.kind == "c":
        raise Unsupported("complex numbers")
    return w.cast(c.x, c.out.dtype)


@translates("add_n")
def _add_n(w, c):
    return functools.reduce(lambda x, y: w.op("Add", [x, y]), c.inputs)
