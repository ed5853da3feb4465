"""Ops on tensors of GPUs: where an op runs, what it launches, and what tapes hear of it.

An op runs where its inputs are: on a GPU if one of them is there, or where a `device` scope says.  Inputs
from elsewhere are copied in silence.
"""
import functools

import numpy as np

from numbaflow.kernels.cuda import backend
from numbaflow.kernels.elementwise import Elementwise

from . import columns, dtypes
from .abstract import Traced
from .accumulate import accumulate, accumulate_one
from .context import policy_refuses
from .device import HOST, check, device, name_of, places, unscoped
from .faces import convert, convert_list, explain, make_float, unify
from .placement import DeviceTensor, Using, chosen, move, place_of, wrapped
from .plans import Plan
from .symbolic import SymbolicMet
from .tape import record, stack
from .tensor import Tensor, scalar_tensor, wrap


class _Scope:
    """Takes the calls of ops on tensors of the CPU within the scope of a GPU."""

    def _no_value(self):
        return "the scope of a GPU"

    def _take_call(self, face, arguments):
        return run(face.op, arguments)


SCOPE = _Scope()


def _flat(tensors):
    return [t for x in tensors for t in (x if type(x) is list else (x,))]


def _inputs(op, arguments):
    """The tensors of an op's inputs, in order, of the dtypes that it takes."""
    given = [convert_list(op, arguments[x]) if x in op.variadic else arguments[x] for x in op.inputs]
    tensors = convert(op, given)
    group = [t._dtype for x, t in zip(op.inputs, tensors, strict=True) if x in op.promote]
    if any(d is not group[0] for d in group):
        tensors = unify(op, tensors)
    return make_float(op, tensors) if op.floats and op.kernel is None else tensors


def run(op, arguments, at=None):
    """The result of an op for arguments by name: on GPU `at`, else where its inputs or the scope say.

    Raises:
        InvalidArgumentError: what the op's launch refuses, a device that is not there, or tensors of several
            devices where the policy is not to copy in silence.
    """
    try:
        tensors = _inputs(op, arguments)
    except SymbolicMet as met:              # a symbolic value is among them
        return met.value._take_call(op.face, arguments)
    every = _flat(tensors)
    for t in every:
        if isinstance(t, Traced):
            return t._take_call(op.face, arguments)
    check(op.name)
    at = chosen(every) if at is None else at
    if at is HOST or op.on_host:
        return _run_on_host(op, arguments, tensors, at)
    tensors = [[_brought(op, k, t, at) for t in x] if type(x) is list else _brought(op, k, x, at)
               for k, x in enumerate(tensors)]
    with Using(_flat(tensors), at):
        try:
            found = _launched(op, tensors, arguments)
        except (ValueError, TypeError, IndexError) as error:
            raise explain(op, error, every) from None
        out = [wrapped(array, at) for array in found[:len(found) - len(op.residuals)]]
    result = out[0] if op.outputs is None else tuple(out)
    if any(t._node is not None for t in every):
        kept = (*[arguments.get(a) for a in op.attributes], *[wrap_any(r, at) for r in found[len(out):]])
        record(_on_device(op), tuple(tensors), result, kept)
    return result if op.outputs is None else list(result) if op.listed else op.named(*result)


def quick(op, *values):
    """The result of an elementwise op for values of which one is a tensor on a GPU: the common case of `run`.

    That is tensors of one dtype that this thread has made there, and Python numbers, outside of all scopes.
    """
    first = next(x for x in values if type(x) is DeviceTensor)
    dtype, at, found = first._dtype, first._place, backend.current()
    if len(op.promote) < len(values) or not unscoped() or stack.frame[2] is not None:
        return run(op, dict(zip(op.inputs, values, strict=True)))
    found.enter(at)
    own, tensors, traced = found.stream(), [], False
    for x in values:
        kind = type(x)
        if kind is DeviceTensor and x._place == at and x._stream is own:
            traced = traced or x._node is not None
        elif kind is float or kind is int:
            x = scalar_tensor(x, dtype, op.name)
        else:
            return run(op, dict(zip(op.inputs, values, strict=True)))
        if x._dtype is not dtype:               # (a float beside integers, too)
            return run(op, dict(zip(op.inputs, values, strict=True)))
        tensors.append(x)
    try:
        t = wrapped(_elementwise().run(op.kernel, dtype, [x._data for x in tensors]), at, own)
    except (ValueError, TypeError) as error:
        raise explain(op, error, values) from None
    if traced:
        record(_on_device(op), tuple(tensors), t)
    return t


@functools.cache
def _elementwise():
    from numbaflow.kernels.cuda import elementwise
    return elementwise


def wrap_any(array, at):
    """The tensor of an array that a launch gave, of the device or of the host."""
    return wrapped(array, at) if backend.current().is_array(array) else wrap(np.asarray(array))


def _brought(op, k, tensor, at):
    """An input where the op runs; numbers that no tape traces stay, as arguments of a scalar body."""
    if place_of(tensor) == at or (op.kernel is not None and tensor._node is None and not tensor._data.ndim
                                  and place_of(tensor) is HOST and len(op.inputs) > 1):
        return tensor
    policy_refuses(op.name, k, name_of(at), tensor)
    return move(tensor, at)


def _launched(op, tensors, arguments):
    """The arrays of the outputs and then of the residuals."""
    arrays = [[t._data for t in v] if type(v) is list else v._data for v in tensors]
    if op.kernel is not None and all(type(t) is not DeviceTensor for t in tensors):     # numbers only
        arrays = [backend.current().from_host(a) for a in arrays]
    return columns.launched(op, arrays, {k: v for k, v in arguments.items() if k not in op.inputs})


def _run_on_host(op, arguments, tensors, at):
    moved = {x: [move(t, HOST) for t in v] if type(v) is list else move(v, HOST)
             for x, v in zip(op.inputs, tensors, strict=True)}
    with device("/cpu:0"):
        result = op.face(**{**arguments, **moved})
    if at is HOST:
        return result
    if isinstance(result, Tensor):
        return move(result, at)
    moved = [move(t, at) for t in result]
    return moved if type(result) is list else type(result)(*moved)


# ---- gradients
class _OnDevice:
    """An op as tapes see it on a GPU: with plans of its own."""

    def __init__(self, op):
        self._op, self.plans = op, {}
        self.name, self.variadic = op.name, op.variadic

    def plan(self, mask):
        made = self.plans[mask] = _DevicePlan(self._op, mask)
        return made


_on_device = functools.cache(_OnDevice)


class _DevicePlan(Plan):
    """The backward step of one op on a GPU: rules that are scalar code are a kernel each here too."""

    __slots__ = ("_kernels",)

    def _write_backward(self):
        self._kernels = [self._fused(rule, names, targets) for rule, names, targets in self._rules]
        fused = not self.multiple and any(k is not None for k in self._kernels)
        return self._fused_backward if fused else self._run_and_add

    def _fused_backward(self, g, saved, nodes, grads):
        known = dict(zip(self._saved, saved, strict=True), g=g)
        used = [known[a] for k, (_, names, _) in zip(self._kernels, self._rules, strict=True)
                if isinstance(k, Elementwise) for a in names]
        if g._dtype not in (dtypes.FLOAT32, dtypes.FLOAT64) or any(
                type(t) is not DeviceTensor or t._dtype not in (g._dtype, dtypes.BOOL) for t in used):
            self._run_and_add(g, saved, nodes, grads)
            return
        left = iter(nodes)
        for kernel, (rule, names, targets) in zip(self._kernels, self._rules, strict=True):
            if isinstance(kernel, Elementwise):
                with Using([known[a] for a in names], g._place):
                    array = _elementwise().run(kernel, g._dtype, [known[a]._data for a in names])
                    accumulate_one(grads, next(left), wrapped(array, g._place))
            else:
                found = known[kernel] if isinstance(kernel, str) else rule(*[known[a] for a in names])
                for d in found if len(targets) > 1 else (found,):
                    accumulate(grads, [next(left)], [d])


places.scope, places.run, places.quick = SCOPE, run, quick
