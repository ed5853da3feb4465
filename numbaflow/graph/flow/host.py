"""Calls of Python from compiled functions: py_function, py_func, numpy_function.

Eagerly they just call.  Inside a compiled function they are nodes with an effect, which run in order at each
call, whether or not their results are used.
"""
import itertools
from collections import OrderedDict
from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from numbaflow.core import dtypes
from numbaflow.core.abstract import Traced, TracingError, current_trace
from numbaflow.core.accumulate import accumulate
from numbaflow.core.dim import Unknowns
from numbaflow.core.errors import (
    InvalidArgumentError,
    OpError,
    OutOfRangeError,
    ResourceExhaustedError,
    UnimplementedError,
    UnknownError,
)
from numbaflow.core.placement import fetch
from numbaflow.core.shape import UNKNOWN
from numbaflow.core.tape import caller, listening, record, tracing
from numbaflow.core.tensor import as_tensor, wrap
from numbaflow.graph.flow.hosted import Hosted, last_operation, specs_of
from numbaflow.graph.flow.replay import Derivative, recorded, replayed

__all__ = ["numpy_function", "py_func", "py_function"]


# ---- functions of the user
class _Call:
    """A Python function and the dtypes, and shapes if known, of the tensors it must give."""

    def __init__(self, name, function, wanted, shapes, arrays):
        self.name, self._function, self._arrays = name, function, arrays
        self._wanted, self._shapes = wanted, shapes

    def __call__(self, tensors):
        """The list of result tensors; what the function raises becomes an error of the library."""
        try:
            given = [t.numpy() for t in tensors] if self._arrays else tensors
            return self._tensors(self._function(*given))
        except OpError:
            raise
        except Exception as error:
            kind = next((made for raised, made in _KINDS if isinstance(error, raised)), UnknownError)
            raise kind(f"{self.name}: {type(error).__name__}: {error}") from error

    def _tensors(self, result):
        if not self._wanted:
            return []
        found = list(result) if isinstance(result, (list, tuple)) and len(self._wanted) != 1 else [result]
        if len(self._wanted) == 1 and isinstance(result, (list, tuple)) and len(result) == 1:
            found = list(result)
        if len(found) != len(self._wanted):
            raise InvalidArgumentError(f"{self.name}: the function gave {len(found)} results, Tout has "
                                       f"{len(self._wanted)}")
        return [self._fitting(k, *pair) for k, pair in enumerate(zip(found, self._wanted, strict=True))]

    def _fitting(self, k, value, dtype):
        if hasattr(value, "_read") and not self._arrays:
            raise UnknownError(f"{self.name}: Attempting to return a variable from an eagerly executed "
                               "py_func. Only numeric data structures like Tensors or NumPy arrays should be "
                               "returned; to return the value of a variable, make sure to obtain the Tensor "
                               "backing it by calling `.read_value()` on the variable in question: "
                               f"{value!r}")
        t = wrap(np.array(value, dtype, order="C")) if self._arrays else as_tensor(
            value, None if hasattr(value, "dtype") else dtype)
        if t._dtype != dtype:
            raise InvalidArgumentError(f"{self.name}: result {k} is {t._dtype}, Tout says {dtype}")
        if self._shapes is not None and not _fits(t._data.shape, self._shapes[k]):
            raise InvalidArgumentError(f"{self.name}: result {k} has shape {t._data.shape}, shape= says "
                                       f"{self._shapes[k]}")
        return t


def _fits(shape, wanted):
    return len(shape) == len(wanted) and all(w in (None, n) for n, w in zip(shape, wanted, strict=True))


_KINDS = (((ValueError, TypeError), InvalidArgumentError), (StopIteration, OutOfRangeError),
          (MemoryError, ResourceExhaustedError), (NotImplementedError, UnimplementedError))


def _call(node, arrays):
    # copies: the function may keep what it is given, the program uses its memory again
    given = [wrap(np.array(a)) for a in arrays]
    call, wanted = node.attributes["call"], node.attributes.get("recorded")
    with tracing(None):
        if wanted is None:
            return [fetch(t) for t in call(given)]
        tape, outputs = recorded(call, given, wanted)
        return [*[fetch(t) for t in outputs], np.array(_records.add(tape, given, outputs))]


class _Records:
    """Tapes of calls for their gradients, by number; the oldest go, and such a call is run again."""

    def __init__(self, most=256):
        self._most, self._numbers, self._kept = most, itertools.count(), OrderedDict()

    def add(self, *entry):
        number = next(self._numbers)
        self._kept[number] = entry
        while len(self._kept) > self._most:
            self._kept.popitem(last=False)
        return number

    def take(self, number):
        return self._kept.pop(number, None)


_records = _Records()


def _widened(attributes, inputs, specs):
    if "recorded" in attributes:
        return attributes, specs
    wanted = tuple(k for k, t in enumerate(inputs) if t._node is not None)
    return {**attributes, "recorded": wanted}, [*specs, ((), dtypes.INT64)]


def _gradient(attributes, inputs, outputs, g, wanted):
    which = tuple(k for k, d in enumerate(g[:-1]) if d is not None)
    derivative = Derivative(attributes["call"], len(inputs), which, tuple(wanted))
    return _PULL([outputs[-1], *inputs, *[g[k] for k in which]],
                 {"derivative": derivative, "inputs": len(inputs)}, specs_of([inputs[k] for k in wanted]))


def _pull(node, arrays):
    derivative, count = node.attributes["derivative"], node.attributes["inputs"]
    given = [wrap(np.array(a)) for a in arrays[1:]]
    kept = _records.take(int(arrays[0]))
    with tracing(None):
        if kept is None:
            return [fetch(t) for t in derivative(given)]
        return [fetch(t) for t in derivative.pulled(*kept, given[count:])]


def _second(attributes, inputs, outputs, g, wanted):
    return tuple(replayed(attributes["derivative"], inputs[1:], g, [k - 1 for k in wanted]))


_CALL = Hosted("py_function", _call, _gradient, _widened, effect=True)
_PULL = Hosted("gradient of py_function", _pull, _second)
_NUMPY = Hosted("py_func", _call, effect=True)
_NUMPY_PURE = Hosted("py_func", _call)


def _shapes(what, count, shape, output_shapes, single):
    given = output_shapes if shape is None else shape
    if given is None:
        return None
    many = [given] if single else list(given)
    if len(many) != count:
        raise InvalidArgumentError(f"{what}: {len(many)} shapes for {count} results")
    return [tuple([None if n is None else int(n) for n in s]) for s in many]


def _host_call(what, kind, func, inp, Tout, shape, output_shapes, arrays):
    if not callable(func):
        raise TypeError(f"{what}: func must be callable, got {type(func).__name__}")
    single = not isinstance(Tout, (list, tuple))
    wanted = [dtypes.as_numpy(d) for d in ([Tout] if single else Tout)]
    inp = [as_tensor(x) for x in (inp if isinstance(inp, (list, tuple)) else [inp])]
    shapes = _shapes(what, len(wanted), shape, output_shapes, single)
    call = _Call(what, func, wanted, shapes, arrays)
    if current_trace() is None:
        found = call(inp)
        if not arrays:
            found = _with_zeros(inp, found)
    else:
        called = getattr(func, "__name__", func)
        many = "a shape" if single else "a list with a shape for each result"
        found = _traced(kind, call, inp, shapes, wanted,
                        f"{caller()}: {what}: the shape of what {called} gives is not known while the "
                        f"function is traced: add shape=, {many}")
    return found[0] if single else found if wanted else last_operation()


def _traced(kind, call, inputs, shapes, wanted, ask):
    """The traced results; what is not known of their shapes makes a function run op by op."""
    trace = current_trace()
    shapes = shapes or [UNKNOWN] * len(wanted)
    vague = [s is UNKNOWN or None in s for s in shapes]
    if any(vague) and not trace.lasting:
        if trace.parent is not None:
            raise TracingError(ask)
        trace.unknowns = trace.unknowns or Unknowns(guarded=False)
        shapes = [s if s is UNKNOWN else tuple([trace.unknowns.dim(_EXAMPLE) if n is None else n for n in s])
                  for s in shapes]
    found = kind(inputs, {"call": call}, list(zip(shapes, wanted, strict=True)))
    return [_Unasked(t, ask) if s is UNKNOWN and not trace.lasting else t
            for t, s in zip(found, shapes, strict=True)]


_EXAMPLE = 7907                 # of an extent that is not known, for what a trace asks about it


class _Unasked(Traced):
    """A result of unknown rank: it can be returned from the function, and nothing else."""

    __slots__ = ("_ask",)

    def __init__(self, tensor, ask):
        super().__init__(tensor._trace, tensor._value)
        self._ask = ask

    shape = ndim = property(lambda self: self._refuse())

    def _refuse(self, *_):
        raise TracingError(self._ask)

    _take_call = __getitem__ = __len__ = __iter__ = get_shape = _refuse


def _with_zeros(inputs, outputs):
    """The outputs; where tapes trace inputs and no output, the gradient of the call is zeros."""
    if not listening() or all(t._node is None for t in inputs) or any(t._node is not None for t in outputs):
        return outputs
    outputs = [t._renewed() for t in outputs]
    record(_Zeros(), inputs, tuple(outputs))
    return outputs


class _Zeros:
    """A call through which no gradient comes."""

    name, variadic = "py_function", ()
    plans: Mapping = MappingProxyType({})

    def plan(self, mask):
        return _ZerosPlan(mask)


class _ZerosPlan:
    multiple, partial, count, chosen, plain = True, True, 1, None, False

    def __init__(self, mask):
        self._wanted = [k for k in range(mask.bit_length()) if mask >> k & 1]

    def collect(self, inputs, output, attributes):
        return specs_of([inputs[k] for k in self._wanted])

    def run(self, g, saved):
        return tuple([wrap(np.zeros(*spec)) for spec in saved])

    def backward(self, g, saved, nodes, grads):
        accumulate(grads, nodes, self.run(g, saved))


def py_function(func, inp, Tout, name=None, shape=None, output_shapes=None):
    """Call a Python function of eager tensors, also from inside a compiled function; differentiable.

    Args:
        func: a function of tensors that gives a tensor, a list of them, or nothing.
        inp: a list of tensors.
        Tout: the dtype of the result, or a list of dtypes; [] for none.
        shape, output_shapes: the shape of the result, or a list of shapes, for a compiled function.  With
            None in it, or without it where the function only returns the result, the function around it runs
            op by op.

    Returns:
        A tensor, a list of tensors, or None (in a Graph an operation), as Tout says.  Its gradient is that of
        what func does, zeros where there is none; inside a compiled function it is for the inputs, not for
        variables that func reads.

    Raises:
        InvalidArgumentError: func raised ValueError or TypeError, or gave another dtype or shape.
        OutOfRangeError, ResourceExhaustedError, UnimplementedError: it raised StopIteration, MemoryError,
            NotImplementedError.
        UnknownError: it raised something else, or gave a variable.
        TracingError: no shape inside a compiled function that goes on with the result.

    >>> import numbaflow as nf
    >>> from numbaflow.graph.flow.host import py_function
    >>> py_function(lambda x: x * x if x > 0.0 else -x, [nf.constant(3.0)], nf.float32).numpy()
    np.float32(9.0)
    """
    return _host_call("py_function", _CALL, func, inp, Tout, shape, output_shapes, False)


def py_func(func, inp, Tout, stateful=True, name=None, shape=None, output_shapes=None):
    """Call a Python function of NumPy arrays, also from inside a compiled function; without gradient.

    Args:
        func: a function of arrays that gives an array, a list of them, or nothing.
        inp: a list of tensors.
        Tout: the dtype of the result, or a list of dtypes; [] for none.
        stateful: False for a function without effect, which need not be called when nobody uses its result.
        shape, output_shapes: as in `py_function`, which has the errors too.

    >>> import numpy as np
    >>> import numbaflow as nf
    >>> from numbaflow.graph.flow.host import py_func
    >>> py_func(np.sort, [nf.constant([3.0, 1.0])], nf.float32).numpy().tolist()
    [1.0, 3.0]
    """
    kind = _NUMPY if stateful else _NUMPY_PURE
    return _host_call("py_func", kind, func, inp, Tout, shape, output_shapes, True)


def numpy_function(func, inp, Tout, name=None, shape=None, output_shapes=None):
    """`py_func` of a function with effects, under its later name.

    >>> import numpy as np
    >>> import numbaflow as nf
    >>> from numbaflow.graph.flow.host import numpy_function
    >>> numpy_function(np.unique, [nf.constant([3, 1, 3])], nf.int32).numpy().tolist()
    [1, 3]
    """
    return _host_call("numpy_function", _NUMPY, func, inp, Tout, shape, output_shapes, True)
