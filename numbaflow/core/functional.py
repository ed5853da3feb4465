"""Gradient functions: functions in, functions of derivatives out.

All of them are a tape and the backward walk.
"""
import inspect

import numpy as np

from . import nest, table
from .dtypes import DIFFERENTIABLE
from .gradient_tape import UnconnectedGradients, _output_gradients, _stacked, gradients, jacobian_rows
from .tape import Tape, push, record, remove
from .tensor import Tensor, as_tensor, wrap


# ---- calling a function on traced arguments
def _fresh(value):
    """A tensor of its own for an argument, so that one value given twice is two; outer tapes still see it."""
    x = as_tensor(value)
    if x is not value and x._node is None:
        return x
    t = x._renewed()
    if x._node is not None:
        record(table.OPS["identity"], (x,), t)
    return t


def _positions(f, params, args):
    if params is None:
        return range(len(args))
    params = [params] if isinstance(params, (int, str)) else list(params)
    if all(isinstance(p, str) for p in params):
        names = list(inspect.signature(f).parameters)
        for p in params:
            if p not in names:
                raise ValueError(f"{p!r} is not in list: the function's parameters are {', '.join(names)}")
        params = [names.index(p) for p in params]
    elif not all(isinstance(p, int) and not isinstance(p, bool) for p in params):
        raise ValueError(f"params must be all strings or all integers; got {params}")
    for p in params:
        if not 0 <= p < len(args):
            raise ValueError(f"params: no positional argument {p} among the {len(args)} given")
    return params


class _Run:
    """One call of a function under its own tape."""

    __slots__ = ("outputs", "result", "sources", "tape")

    def __init__(self, f, params, args, kwargs):
        args = list(args)
        tape = self.tape = Tape(watch_accessed=False)
        positions = _positions(f, params, args)
        for k in positions:
            args[k] = t = _fresh(args[k])
            if t._data.dtype in DIFFERENTIABLE:
                tape.watch(t)
        self.sources = [args[k] for k in positions]         # one that is named twice is there twice
        push(tape)
        try:
            self.result = f(*args, **kwargs)
        finally:
            remove(tape)
        self.outputs = _outputs(self.result, f)

    def gradients(self, dy=None):
        given = None if dy is None else _output_gradients(self.outputs, dy)
        return gradients(self.tape, self.outputs, self.sources, given)

    def single(self):
        if len(self.outputs) != 1:
            raise ValueError(f"the function gives {len(self.outputs)} tensors where one is needed")
        return self.outputs[0]


def _outputs(result, f):
    if isinstance(result, Tensor):
        return [result]
    if result is None:
        raise ValueError("Cannot differentiate a function that returns None; did you forget to return a "
                         f"value from {getattr(f, '__name__', 'fn')}?")
    return [as_tensor(r) for r in nest.flatten(result)]


def _tensors(result):
    """The function's value with tensors for its leaves."""
    if isinstance(result, Tensor):
        return result
    return nest.map_structure(as_tensor, result) if nest.is_nested(result) else as_tensor(result)


# ---- first derivatives
def gradients_function(f, params=None):
    """A function that gives the list of gradients of f, one an argument.

    Args:
        f: a function of tensors, arrays, Python numbers or lists; its results, in any structure, are summed.
        params: positions or names of the arguments to differentiate; all positional ones by default.

    Returns:
        g(*args, dy=None, **kwargs): a list of tensors, None for an argument that f does not depend on or that
        is no float.  `dy` weights the results.  Keyword arguments are passed on and not differentiated.

    >>> import numbaflow as nf
    >>> g = nf.gradients_function(lambda x, y: x * x * y)
    >>> [d.numpy().item() for d in g(3.0, 2.0)]
    [12.0, 9.0]
    >>> nf.gradients_function(lambda x: g(x, 1.0)[0])(3.0)[0].numpy()       # the second derivative
    np.float32(2.0)
    """
    def g(*args, dy=None, **kwargs):
        return _Run(f, params, args, kwargs).gradients(dy)
    return _named(g, f, "gradients of")


def value_and_gradients_function(f, params=None):
    """Like `gradients_function`, giving (value of f, list of gradients).

    >>> import numbaflow as nf
    >>> value, (d,) = nf.value_and_gradients_function(nf.exp)(0.0)
    >>> value.numpy().item(), d.numpy().item()
    (1.0, 1.0)
    """
    def g(*args, dy=None, **kwargs):
        run = _Run(f, params, args, kwargs)
        return _tensors(run.result), run.gradients(dy)
    return _named(g, f, "value and gradients of")


def make_vjp(f, params=None, persistent=True):
    """A function that gives (value of f, vjp), where vjp(dy=None) gives the gradients weighted by dy.

    >>> import numbaflow as nf
    >>> y, vjp = nf.make_vjp(lambda x: x * x)(nf.constant([1.0, 2.0]))
    >>> vjp(nf.constant([1.0, 10.0]))[0].numpy().tolist()
    [2.0, 40.0]
    """
    def g(*args, **kwargs):
        run = _Run(f, params, args, kwargs)
        used = []

        def vjp(dy=None):
            if used and not persistent:
                raise RuntimeError("make_vjp: the vjp of persistent=False can only be called once")
            used.append(True)
            found = run.gradients(dy)
            if not persistent:
                run.tape.clear()
            return found
        return _tensors(run.result), vjp
    return _named(g, f, "vjp of")


def implicit_gradients(f):
    """A function that gives (gradient, variable) for each trainable variable read by f, the oldest first.

    >>> import numbaflow as nf
    >>> v = nf.Variable(3.0)
    >>> ((d, _),) = nf.implicit_gradients(lambda x: v * v * x)(2.0)
    >>> d.numpy()
    np.float32(12.0)
    """
    with_value = implicit_value_and_gradients(f)

    def g(*args, **kwargs):
        return with_value(*args, **kwargs)[1]
    return _named(g, f, "gradients of")


def implicit_value_and_gradients(f):
    """Like `implicit_gradients`, giving (value of f, list of (gradient, variable))."""
    def g(*args, **kwargs):
        tape = Tape()
        push(tape)
        try:
            result = f(*args, **kwargs)
        finally:
            remove(tape)
        outputs = _outputs(result, f)
        variables = sorted(tape.variables, key=lambda v: v._id)
        if not variables:
            raise ValueError("No trainable variables were accessed while the function was being computed.")
        found = gradients(tape, outputs, variables)
        return _tensors(result), list(zip(found, variables, strict=True))
    return _named(g, f, "value and gradients of")


def _named(g, f, what):
    g.__doc__ = f"The {what} {getattr(f, '__name__', 'f')}."
    return g


# ---- forward mode, and matrices of derivatives
def jvp(f, primals, tangents):
    """The value of f and its derivative along a direction, exact: (y, dy).

    Args:
        f: a function of tensors.
        primals: the arguments, a list or tuple.
        tangents: the direction, a tensor of the same shape for each.

    The pushed-forward derivative is the gradient of u -> vjp(u) along the tangents, so any op with gradients
    of second order will do; the cost is that of two backward walks.

    >>> import numbaflow as nf
    >>> y, dy = nf.jvp(nf.sin, [0.0], [2.0])
    >>> dy.numpy()
    np.float32(2.0)
    """
    primals, tangents = list(primals), [as_tensor(t) for t in tangents]
    if len(primals) != len(tangents):
        raise ValueError(f"jvp: {len(primals)} primals and {len(tangents)} tangents")
    outer = Tape(watch_accessed=False)
    push(outer)
    try:
        run = _Run(f, None, primals, {})
        for x, t in zip(run.sources, tangents, strict=True):
            if x._data.shape != t._data.shape:
                raise ValueError(f"jvp: a tangent of shape {t._data.shape} for an argument of shape "
                                 f"{x._data.shape}")
        seeds = [wrap(np.zeros(y._data.shape, y._data.dtype)) for y in run.outputs]
        for s in seeds:
            if s._data.dtype in DIFFERENTIABLE:
                outer.watch(s)
        pulled = gradients(run.tape, run.outputs, run.sources, seeds)
    finally:
        remove(outer)
    pairs = [(p, _like(t, p)) for p, t in zip(pulled, tangents, strict=True) if p is not None]
    found = gradients(outer, [p for p, _ in pairs], seeds, [t for _, t in pairs])
    pushed = [s if d is None else d for d, s in zip(found, seeds, strict=True)]
    return _tensors(run.result), nest.pack(run.result, pushed) if nest.is_nested(run.result) else pushed[0]


def _like(tangent, gradient):
    if tangent._data.dtype == gradient._data.dtype:
        return tangent
    return table.face("cast")(tangent, gradient._data.dtype)


def jacobian(f, params=None):
    """A function that gives the list of Jacobians of f, of shape y.shape + x.shape, one an argument.

    >>> import numbaflow as nf
    >>> nf.jacobian(lambda x: x * x)(nf.constant([1.0, 2.0]))[0].numpy().tolist()
    [[2.0, 0.0], [0.0, 4.0]]
    """
    def g(*args, **kwargs):
        run = _Run(f, params, args, kwargs)
        y = run.single()
        rows = jacobian_rows(run.tape, y, run.sources)
        return [_stacked(column, x, y, UnconnectedGradients.NONE)
                for column, x in zip(zip(*rows, strict=True), run.sources, strict=True)]
    return _named(g, f, "Jacobians of")


def hessian(f):
    """A function that gives the second derivatives of f in its first argument, of shape x.shape + x.shape.

    >>> import numbaflow as nf
    >>> nf.hessian(lambda x: x[0] * x[0] * x[1])(nf.constant([3.0, 2.0])).numpy().tolist()
    [[4.0, 6.0], [6.0, 0.0]]
    """
    first = gradients_function(f, params=[0])
    second = jacobian(lambda x, *rest, **kwargs: _or_zeros(first(x, *rest, **kwargs)[0], x), params=[0])

    def h(x, *args, **kwargs):
        x = as_tensor(x)
        found = second(x, *args, **kwargs)[0]
        return wrap(np.zeros(x._data.shape * 2, x._data.dtype)) if found is None else found
    return _named(h, f, "Hessian of")


def _or_zeros(g, x):
    return wrap(np.zeros(x._data.shape, x._data.dtype)) if g is None else g


def hvp(f):
    """A function (x, v) that gives the product of the Hessian of f at x with v, without the matrix.

    >>> import numbaflow as nf
    >>> h = nf.hvp(lambda x: nf.reduce_sum(x * x * x))
    >>> h(nf.constant([1.0, 2.0]), nf.constant([1.0, 1.0])).numpy().tolist()
    [6.0, 12.0]
    """
    first = gradients_function(f, params=[0])

    def h(x, v, *args, **kwargs):
        x, v = as_tensor(x), as_tensor(v)
        if x._data.shape != v._data.shape:
            raise ValueError(f"hvp: a vector of shape {v._data.shape} for an argument of shape "
                             f"{x._data.shape}")
        run = _Run(lambda x: _or_zeros(first(x, *args, **kwargs)[0], x), [0], [x], {})
        return _or_zeros(run.gradients([v])[0], x)
    return _named(h, f, "Hessian-vector product of")
