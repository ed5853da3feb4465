"""custom_gradient: a function that brings its own gradient, seen by the tape as one op."""
import functools
import inspect
from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from . import nest, table
from .accumulate import accumulate
from .errors import InvalidArgumentError
from .indexed_slices import IndexedSlices
from .tape import Tape, listening, push, record, remove, stack
from .tensor import Tensor, as_tensor, wrap


class _CustomOp:
    """What the tape sees of one call of a custom_gradient function: an op with its own backward."""

    variadic = ()
    plans: Mapping = MappingProxyType({})   # empty: a plan refers to its op, and no cycle may outlive a tape

    def __init__(self, name, grad_fn, leaves, variables):
        self.name, self._grad_fn, self._variables = name, grad_fn, variables
        self._leaves = leaves                           # how many tensors each positional argument holds

    def plan(self, mask):
        return _CustomPlan(self, mask)

    def gradients(self, dys):
        """A gradient for each tensor of the positional arguments and for each variable."""
        if not self._variables:
            return self._by_argument(self._grad_fn(*dys))
        inputs, for_variables = self._grad_fn(*dys, variables=self._variables)
        for_variables = nest.flatten(for_variables)
        if len(for_variables) != len(self._variables):
            raise ValueError("Must return gradient for each variable from @custom_gradient grad_fn.")
        return [*self._by_argument(inputs), *for_variables]

    def _by_argument(self, found):
        """One gradient a tensor, from one an argument (None stands for a whole list) or from a flat list."""
        given = list(found) if isinstance(found, (list, tuple)) else [found]
        if len(given) == len(self._leaves):
            counts = self._leaves
            parts = [[None] * n if d is None else nest.flatten(d) for d, n in zip(given, counts, strict=True)]
            if [len(p) for p in parts] == counts:
                return [d for part in parts for d in part]
        flat = nest.flatten(given)
        if len(flat) != sum(self._leaves):
            raise ValueError("custom_gradient function expected to return", len(self._leaves),
                             "gradients but returned", len(flat), "instead.")
        return flat


class _CustomPlan:
    """Runs grad_fn and keeps the gradients of the traced inputs."""

    multiple, partial, count, chosen, plain = True, False, 1, None, False

    def __init__(self, op, mask):
        self._op, self._traced = op, [k for k in range(mask.bit_length()) if mask >> k & 1]

    def collect(self, inputs, output, attributes):
        return tuple([(inputs[k]._data.shape, inputs[k]._data.dtype) for k in self._traced])

    def run(self, g, saved):
        found = self._op.gradients(g)
        return tuple([self._fitting(found[k], *like) for k, like in zip(self._traced, saved, strict=True)])

    def backward(self, g, saved, nodes, grads):
        accumulate(grads, nodes, self.run(g, saved))

    def _fitting(self, d, shape, dtype):
        """What grad_fn gave, as the gradient of an argument of this shape and dtype."""
        if d is None or isinstance(d, IndexedSlices):
            return d
        d = as_tensor(d)
        if d._data.shape != shape and not _repeats(shape, d._data.shape):
            raise InvalidArgumentError(f"{self._op.name}: grad_fn gave a gradient of shape {d._data.shape} "
                                       f"for an argument of shape {shape}")
        return d if d._data.dtype == dtype else table.face("cast")(d, dtype)


def _repeats(shape, larger):
    """Whether broadcasting makes the larger shape of this one."""
    pairs = zip(shape[::-1], larger[::-1], strict=False)
    return len(shape) <= len(larger) and all(a in (1, b) for a, b in pairs)


def custom_gradient(f):
    """Give a function its own gradient.

    Args:
        f: a function of positional arguments that returns (y, grad_fn).  grad_fn gets a gradient for each
            tensor of y and returns one, or None, for each argument.  If f reads variables that are not
            arguments, grad_fn must take `variables=None` and return (gradients of the arguments, gradients of
            the variables).  Keyword arguments are passed on and not differentiated.

    Returns:
        A function with f's arguments that returns y.  What grad_fn computes is recorded like anything else,
        so higher derivatives follow from it.

    >>> import numbaflow as nf
    >>> @nf.custom_gradient
    ... def log1pexp(x):
    ...     e = nf.exp(x)
    ...     return nf.log(1.0 + e), lambda dy: dy * (1.0 - 1.0 / (1.0 + e))
    >>> nf.gradients_function(log1pexp)(100.0)[0].numpy()
    np.float32(1.0)
    """
    @functools.wraps(f)
    def decorated(*args, **kwargs):
        watcher = Tape()
        push(watcher)
        try:
            result, grad_fn = f(*args, **kwargs)
        finally:
            remove(watcher)
        flat_args = nest.flatten(list(args))
        passed = {id(a) for a in (*flat_args, *nest.flatten(kwargs))}
        variables = [v for v in sorted(watcher.variables, key=lambda v: v._id) if id(v) not in passed]
        if variables and not _takes_variables(grad_fn):
            raise TypeError("If using @custom_gradient with a function that uses variables, then grad_fn "
                            "must accept a keyword argument 'variables'.")
        outputs = tuple(_untraced(y) for y in nest.flatten(result))
        trace = stack.frame[2]
        if trace is not None or listening():
            inputs = [_traced_form(a) for a in (*flat_args, *variables)]
            leaves = [len(nest.flatten(a)) for a in args]
            op = _CustomOp(getattr(f, "__name__", "custom_gradient"), grad_fn, leaves, variables)
            if trace is not None:
                outputs = trace.custom(op, inputs, outputs)
            record(op, inputs, outputs)
        return nest.pack(result, outputs) if nest.is_nested(result) else outputs[0]
    return decorated


_UNTRACED = wrap(np.zeros(()))


def _traced_form(argument):
    """The tensor whose node stands for an argument; one without a node for what is not differentiated."""
    if isinstance(argument, Tensor):
        return argument
    return argument._read() if hasattr(argument, "_read") else _UNTRACED


def _untraced(y):
    return as_tensor(y)._renewed()


def _takes_variables(grad_fn):
    parameters = inspect.signature(grad_fn).parameters.values()
    return any(p.name == "variables" or p.kind is p.VAR_KEYWORD for p in parameters)
