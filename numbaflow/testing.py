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


def check_gradients(f, args, order=2, step=1e-5, rtol=1e-7, atol=1e-9, seed=0):
    """Assert that gradients of f up to an order agree with finite differences along random directions.

    Args:
        f: a function of tensors that gives a tensor or a structure of tensors.
        args: its arguments; arrays of floats are differentiated, in double precision, others passed as they
            are.
        order: how many times to differentiate.
        step: how far to go for the differences, in multiples of a standard normal direction.
        rtol: what the two may differ by, in multiples of the sum of |direction * gradient| over all elements.
        atol: what they may differ by in addition: rounding inside f, where values near 1 cancel.
        seed: of the directions and weights.

    With outputs y weighted by random w, F(t) = sum(w * y(x + t v)) is a function of one number, and its slope
    at 0 is sum(v * gradient): one number that every element of every gradient is in.  Central differences
    over one step and over two, extrapolated, give the slope up to O(step^4) and what rounding costs, which is
    counted as 64 units in the last place of each y.  Each order is checked on the gradient of the one before.

    Raises:
        AssertionError: naming the order, both numbers, and the slopes in each argument by itself; and whether
            the differences over one step and two disagree, as they do at kinks and poles.
        ValueError: no argument is an array of floats.

    >>> import numpy as np
    >>> import numbaflow as nf
    >>> nf.testing.check_gradients(nf.tanh, [np.linspace(-1.0, 1.0, 5)])
    """
    if not any(_differentiable(a) for a in args):
        raise ValueError("check_gradients: no argument is an array of floats, there is nothing to check")
    values, rng = [_widened(a) if _differentiable(a) else a for a in args], np.random.default_rng(seed)
    for now in range(1, order + 1):
        line = _Line(f, values, rng)
        if not line.weights:            # the order before had no gradients left
            return
        _check_slope(line, now, step, rtol, atol)
        f = line.gradients


def _differentiable(value):
    return isinstance(value, np.ndarray | Tensor) and as_dtype(value.dtype).dtype in DIFFERENTIABLE


def _widened(value):
    array = as_tensor(value)._fetched()
    return array.astype(np.complex128 if array.dtype.kind == "c" else np.float64)


class _Line:
    """F(t) = sum(w * y(x + t v)) for a function y of x, with random weights w and directions v."""

    def __init__(self, f, values, rng):
        self.f, self.values = f, values
        self.where = [k for k, v in enumerate(values) if _differentiable(v)]
        self.outputs = _float_outputs(f(*values))
        self.weights = [_random(y._data, rng) for y in self.outputs]
        self.directions = {k: _random(values[k], rng) for k in self.where}

    def gradients(self, *xs):
        """The gradients of sum(w * y) that are not None."""
        return [d for d in self._all_gradients(xs) if d is not None]

    def _all_gradients(self, xs):
        result, vjp = make_vjp(self.f, params=self.where)(*xs)
        return vjp(_packed(result, self.weights))

    def terms(self):
        """v * gradient for each argument, from the rules; their sum is F'(0)."""
        found = zip(self.where, self._all_gradients(self.values), strict=True)
        return [np.zeros(()) if d is None else (np.conj(self.directions[k]) * as_tensor(d)._fetched()).real
                for k, d in found]

    def _at(self, t, moved):
        xs = [v + t * self.directions[k] if k in moved else v for k, v in enumerate(self.values)]
        outputs = _float_outputs(self.f(*xs))
        return sum(float(np.vdot(w, y._fetched()).real) for w, y in zip(self.weights, outputs, strict=True))

    def slopes(self, step, moved):
        """F'(0) by central differences over one step and over two, where these arguments move."""
        return [(self._at(t, moved) - self._at(-t, moved)) / (2 * t) for t in (step, 2 * step)]

    def size(self):
        """The sum of |w * y|: what rounding is a part of."""
        pairs = zip(self.weights, self.outputs, strict=True)
        return sum(float(np.abs(w * y._fetched()).sum()) for w, y in pairs)


def _extrapolated(near, far):
    return (4 * near - far) / 3


def _check_slope(line, order, step, rtol, atol):
    terms = line.terms()
    exact, (near, far) = sum(float(t.sum()) for t in terms), line.slopes(step, line.where)
    numeric = _extrapolated(near, far)
    allowed = atol + rtol * sum(float(np.abs(t).sum()) for t in terms)
    allowed += 64 * np.finfo(np.float64).eps * line.size() / step
    if abs(numeric - exact) <= allowed:
        return
    sides = "{:.12g} from the rules, {:.12g} from finite differences"
    text = [f"gradient of order {order}: {sides.format(exact, numeric)}; they may differ by {allowed:.3g}"]
    if abs(near - far) > allowed:
        text.append(f"differences over {step:g} and {2 * step:g} disagree by {abs(near - far):.3g}: near a "
                    "kink or a pole they say nothing; take other arguments or a smaller step")
    for k, t in zip(line.where, terms, strict=True):
        alone = _extrapolated(*line.slopes(step, [k]))
        text.append(f"in argument {k}: {sides.format(float(t.sum()), alone)}")
    raise AssertionError("\n    ".join(text))


def _float_outputs(result):
    flat = [as_tensor(y) for y in nest.flatten(result) if y is not None]
    return [y for y in flat if y._data.dtype in DIFFERENTIABLE]


def _packed(result, weights):
    """A weight for each output, zeros for outputs that have no gradient."""
    outputs, weights = nest.flatten(result), iter(weights)
    packed = [wrap(next(weights) if y._data.dtype in DIFFERENTIABLE else np.zeros_like(y._fetched()))
              for y in outputs]
    return nest.pack(result, packed) if nest.is_nested(result) else packed[0]


def _random(like, rng):
    value = rng.standard_normal(like.shape)
    if like.dtype.kind == "c":
        value = value + 1j * rng.standard_normal(like.shape)
    return np.asarray(value, like.dtype)


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
