"""Checks for ops and gradients, the library's own and yours: they raise AssertionError with what differed.

    check_gradients(f, args)   gradients of f against finite differences, to any order
    check_op(op)               one op of the table: value, shapes, dtypes, gradients, awkward inputs
"""
import numpy as np

from .core import nest, table
from .core.dtypes import DIFFERENTIABLE, as_dtype
from .core.functional import make_vjp
from .core.samples import bools, distinct, given, integers, normal, positive_definite, uniform
from .core.tensor import Tensor, as_tensor, wrap

__all__ = ["bools", "check_forward", "check_gradients", "check_op", "distinct", "given", "integers", "normal",
           "positive_definite", "uniform"]

_TOLERANCE = {"float32": 2e-5, "float64": 1e-11, "complex64": 2e-5, "complex128": 1e-11}


def check_gradients(f, args, order=2, step=1e-5, rtol=1e-5, atol=0.0, seed=0):
    """Assert that gradients of f up to an order agree with finite differences along random directions.

    Args:
        f: a function of tensors that gives a tensor or a structure of tensors.
        args: its arguments; arrays of floats are differentiated, in double precision, all others are passed as they are.
        order: how many times to differentiate.
        step: how far to go for the differences, in multiples of a standard normal direction.
        rtol: what the gradients may differ by, in multiples of the sum of |direction * gradient| over all elements.
        atol: what they may differ by in addition.
        seed: of the directions and weights.

    With outputs y weighted by random w, F(t) = sum(w * y(x + t v)) is a function of one number whose slope at 0 is
    sum(v * gradient): one number that every element of every gradient is in.  Central differences over `step` and twice
    that, extrapolated, give the slope up to O(step^4) and what rounding costs, which is counted as 64 units in the last
    place of each y.  Where the two steps disagree there is a kink or a pole near x, and the check fails saying so.
    Each order is checked on the gradient of the one before.

    Raises:
        AssertionError: naming the order, both numbers, and the slopes in each argument by itself.
        ValueError: no argument is an array of floats.

    >>> import numpy as np
    >>> import numbaflow as nf
    >>> nf.testing.check_gradients(nf.tanh, [np.linspace(-1.0, 1.0, 5)])
    """
    if not any(_differentiable(a) for a in args):
        raise ValueError("check_gradients: no argument is an array of floats, there is nothing to check")
    values = [_widened(a) if _differentiable(a) else a for a in args]
    _check_order(f, values, order, 1, (step, rtol, atol), np.random.default_rng(seed))


_LAST_PLACES = 64 * np.finfo(np.float64).eps


def _differentiable(value):
    return isinstance(value, np.ndarray | Tensor) and as_dtype(value.dtype).dtype in DIFFERENTIABLE


def _widened(value):
    array = as_tensor(value)._data
    return array.astype(np.complex128 if array.dtype.kind == "c" else np.float64)


def _check_order(f, values, order, now, limits, rng):
    step, rtol, atol = limits
    where = [k for k, v in enumerate(values) if _differentiable(v)]
    outputs = _float_outputs(f(*values))
    if not outputs:
        return
    weights = [_random(y._data.shape, y._data.dtype, rng) for y in outputs]
    directions = [_random(values[k].shape, values[k].dtype, rng) for k in where]
    result, vjp = make_vjp(f, params=where)(*values)
    found = vjp(_packed(result, weights))
    terms = [np.zeros(()) if d is None else (np.conj(v) * as_tensor(d)._data).real
             for v, d in zip(directions, found, strict=True)]
    exact = sum(float(t.sum()) for t in terms)
    rounding = _LAST_PLACES * sum(float(np.abs(w * y._data).sum()) for w, y in zip(weights, outputs, strict=True)) / step
    allowed = atol + rtol * sum(float(np.abs(t).sum()) for t in terms) + rounding

    def slope(moved):
        """The slope in the arguments of these numbers, and by how much the two steps disagree."""
        def at(t):
            xs = [v + t * directions[where.index(k)] if k in moved else v for k, v in enumerate(values)]
            return sum(float(np.vdot(w, y._data).real) for w, y in zip(weights, _float_outputs(f(*xs)), strict=True))
        near, far = (at(step) - at(-step)) / (2 * step), (at(2 * step) - at(-2 * step)) / (4 * step)
        return (4 * near - far) / 3, abs(near - far)

    numeric, unsettled = slope(where)
    assert unsettled <= 2 * allowed or abs(numeric - exact) <= allowed, \
        f"gradient of order {now}: finite differences over {step:g} and {2 * step:g} disagree by {unsettled:.3g}; " \
        "take arguments further from kinks and poles, or another step"
    assert abs(numeric - exact) <= allowed, \
        f"gradient of order {now}: {exact:.12g} from the rules, {numeric:.12g} from finite differences; they may " \
        f"differ by {allowed:.3g}\n" + "\n".join(
            f"    in argument {k}: {float(t.sum()):.12g} from the rules, {slope([k])[0]:.12g} from finite differences"
            for k, t in zip(where, terms, strict=True))
    if now < order:
        def gradient(*xs):
            result, vjp = make_vjp(f, params=where)(*xs)
            return [d for d in vjp(_packed(result, weights)) if d is not None]
        _check_order(gradient, values, order, now + 1, limits, rng)


def _float_outputs(result):
    flat = [as_tensor(y) for y in nest.flatten(result) if y is not None]
    return [y for y in flat if y._data.dtype in DIFFERENTIABLE]


def _packed(result, weights):
    """A weight for each output, zeros for outputs that have no gradient."""
    outputs, weights = nest.flatten(result), iter(weights)
    given = [wrap(next(weights)) if y._data.dtype in DIFFERENTIABLE else wrap(np.zeros_like(y._data)) for y in outputs]
    return nest.pack(result, given) if nest.is_nested(result) else given[0]


def _random(shape, dtype, rng):
    value = rng.standard_normal(shape)
    if dtype.kind == "c":
        value = value + 1j * rng.standard_normal(shape)
    return np.asarray(value, dtype)


def check_forward(op, sample, dtype):
    """Assert that an op's value on a sample is its reference's, in value, shape and dtype kind."""
    args, kwargs = sample.make(dtype=dtype)
    y = op.face(*args, **kwargs)
    with np.errstate(all="ignore"):
        expected = op.reference(*args, **kwargs)
    flat, wanted = nest.flatten(y), nest.flatten(expected)
    assert len(flat) == len(wanted), f"{op.name}: {len(flat)} outputs, the reference gives {len(wanted)}"
    for got, want in zip(flat, wanted, strict=True):
        got, want = got.numpy(), np.asarray(want)
        assert got.shape == want.shape, f"{op.name}: shape {got.shape}, the reference gives {want.shape}"
        assert got.dtype.kind == want.dtype.kind or {got.dtype.kind, want.dtype.kind} <= {"i", "u"}, \
            f"{op.name}: dtype {got.dtype}, the reference gives {want.dtype}"
        rtol = sample.rtol or _TOLERANCE.get(str(got.dtype), 0)
        scale = float(np.abs(want[np.isfinite(want)]).max(initial=0)) if want.dtype.kind in "fc" else 0
        np.testing.assert_allclose(got, want, rtol=rtol, atol=rtol * scale, err_msg=f"{op.name} {dtype}")


def check_op(op, order=2):
    """Run every check of this module on one op, given by its name, its function or its entry in the table.

    >>> import numbaflow as nf
    >>> nf.testing.check_op(nf.tanh)
    """
    op = table.OPS[op] if isinstance(op, str) else getattr(op, "op", op)
    for sample in op.samples:
        for dtype in sample.dtypes:
            check_forward(op, sample, dtype)
        if op.rules is not None and sample.grad:
            _check_sample_gradients(op, sample, order)


def _check_sample_gradients(op, sample, order):
    args, kwargs = sample.make(dtype="float64")
    given = [*args, *kwargs.values()]
    names = list(kwargs)
    lists = [k for k, a in enumerate(given) if isinstance(a, list) and a and isinstance(a[0], np.ndarray)]
    flat = [x for k, a in enumerate(given) for x in (a if k in lists else [a])]

    def f(*xs):
        xs, rebuilt = iter(xs), []
        for k, a in enumerate(given):
            rebuilt.append([next(xs) for _ in a] if k in lists else next(xs))
        return op.face(*rebuilt[:len(args)], **dict(zip(names, rebuilt[len(args):], strict=True)))
    if not any(_differentiable(x) for x in flat):
        return
    try:
        check_gradients(f, flat, order)
    except AssertionError as error:
        raise AssertionError(f"{op.name}: {error}") from None
