"""Checks for ops and gradients, the library's own and yours: they raise AssertionError with what differed.

    check_gradients(f, args)   gradients of f against finite differences, to any order
    check_op(op)               one op of the table: value, shapes, dtypes, gradients, awkward inputs
"""
import numpy as np

from .core import nest, table
from .core.dtypes import DIFFERENTIABLE
from .core.functional import make_vjp
from .core.samples import bools, distinct, given, integers, normal, positive_definite, uniform
from .core.tensor import Tensor, as_tensor, wrap

__all__ = ["bools", "check_forward", "check_gradients", "check_op", "distinct", "given", "integers", "normal",
           "positive_definite", "uniform"]

_TOLERANCE = {"float32": 2e-5, "float64": 1e-11, "complex64": 2e-5, "complex128": 1e-11}


def check_gradients(f, args, order=2, step=1e-5, rtol=1e-5, atol=1e-7, seed=0):
    """Assert that gradients of f up to an order agree with central differences along random directions.

    Args:
        f: a function of tensors that gives a tensor or a structure of tensors.
        args: its arguments; arrays of float64 or complex128 are differentiated, all others are passed as they are.
        order: how many times to differentiate.
        step, rtol, atol: of the finite differences and the comparison.

    Each order is checked on the gradient of the one before, weighted at random, so one number stands for all of them.

    Raises:
        AssertionError: naming the order and both numbers.

    >>> import numpy as np
    >>> import numbaflow as nf
    >>> nf.testing.check_gradients(nf.tanh, [np.linspace(-1.0, 1.0, 5)])
    """
    _check_order(f, list(args), order, 1, step, rtol, atol, np.random.default_rng(seed))


def _differentiable(value):
    return isinstance(value, np.ndarray | Tensor) and np.dtype(getattr(value.dtype, "dtype", value.dtype)) in DIFFERENTIABLE


def _check_order(f, args, order, now, step, rtol, atol, rng):
    where = [k for k, a in enumerate(args) if _differentiable(a)]
    if not where:
        return
    values = [as_tensor(a).numpy() if k in where else a for k, a in enumerate(args)]
    weights = []

    def weighted(*xs):
        outputs = [y for y in nest.flatten(f(*xs)) if y is not None and as_tensor(y)._data.dtype in DIFFERENTIABLE]
        if not weights:
            weights.extend(_random(y._data.shape, y._data.dtype, rng) for y in outputs)
        return sum(_real_part(np.vdot(w, y._data)) for w, y in zip(weights, outputs, strict=True)), outputs

    directions = [_random(values[k].shape, values[k].dtype, rng) for k in where]

    def at(t):
        moved = list(values)
        for k, v in zip(where, directions, strict=True):
            moved[k] = values[k] + t * v
        return weighted(*[as_tensor(m) if k in where else m for k, m in enumerate(moved)])[0]

    at(0.0)
    if not weights:
        return
    numeric = (at(step) - at(-step)) / (2 * step)
    result, vjp = make_vjp(f, params=where)(*values)
    found = vjp(_packed(result, weights))
    exact = sum(_real_part(np.vdot(v, as_tensor(d)._data)) for v, d in zip(directions, found, strict=True) if d is not None)
    scale = max(1.0, *[float(np.abs(as_tensor(d)._data).max(initial=0.0)) for d in found if d is not None], 1.0)
    assert abs(numeric - exact) <= atol * scale / step * 1e-5 + rtol * max(abs(numeric), abs(exact), 1e-2 * scale), \
        f"gradient of order {now}: {exact!r} from the rules, {numeric!r} from finite differences"
    if now < order:
        fixed = [w.copy() for w in weights]

        def gradient(*xs):
            result, vjp = make_vjp(f, params=where)(*xs)
            return [d for d in vjp(_packed(result, fixed)) if d is not None]
        _check_order(gradient, args, order, now + 1, step, rtol, atol, rng)


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


def _real_part(value):
    return float(np.real(value))


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
    try:
        check_gradients(f, flat, order)
    except AssertionError as error:
        raise AssertionError(f"{op.name}: {error}") from None
