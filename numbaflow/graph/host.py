"""Calls of Python from compiled functions: py_function, py_func, numpy_function, print, Assert.

Eagerly they just call.  Inside a compiled function they are nodes with an effect, which run in order at each
call, whether or not their results are used.
"""
import itertools
import sys
from collections import OrderedDict

import numpy as np

from numbaflow.core import dtypes, nest
from numbaflow.core.abstract import Traced, TracingError, current_trace
from numbaflow.core.errors import (
    InvalidArgumentError,
    OpError,
    OutOfRangeError,
    ResourceExhaustedError,
    UnimplementedError,
    UnknownError,
)
from numbaflow.core.tape import caller, listening, record, tracing
from numbaflow.core.tensor import as_tensor, wrap

from .hosted import Hosted, specs_of
from .replay import Derivative, recorded, replayed, replaying

__all__ = ["Assert", "numpy_function", "print", "py_func", "py_function"]


# ---- functions of the user
class _Call:
    """A Python function with what it must give: tensors of these dtypes, of these shapes where they are known."""

    def __init__(self, name, function, wanted, shapes, arrays):
        self.name, self._function, self._wanted, self._shapes, self._arrays = name, function, wanted, shapes, arrays

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
            raise UnknownError(f"{self.name}: Attempting to return a variable from an eagerly executed py_func. Only "
                               "numeric data structures like Tensors or NumPy arrays should be returned; to return the "
                               "value of a variable, make sure to obtain the Tensor backing it by calling "
                               f"`.read_value()` on the variable in question: {value!r}")
        t = wrap(np.array(value, dtype, order="C")) if self._arrays else as_tensor(
            value, None if hasattr(value, "dtype") else dtype)
        if t._dtype != dtype:
            raise InvalidArgumentError(f"{self.name}: result {k} is {t._dtype}, Tout says {dtype}")
        if self._shapes is not None and t._data.shape != self._shapes[k]:
            raise InvalidArgumentError(f"{self.name}: result {k} has shape {t._data.shape}, shape= says "
                                       f"{self._shapes[k]}")
        return t


_KINDS = (((ValueError, TypeError), InvalidArgumentError), (StopIteration, OutOfRangeError),
          (MemoryError, ResourceExhaustedError), (NotImplementedError, UnimplementedError))


def _call(node, arrays):
    # copies: the function may keep what it is given, the program uses its memory again
    given = [wrap(np.array(a)) for a in arrays]
    call, wanted = node.attributes["call"], node.attributes.get("recorded")
    with tracing(None):
        if wanted is None:
            return [t._data for t in call(given)]
        tape, outputs = recorded(call, given, wanted)
        return [*[t._data for t in outputs], np.array(_records.add(tape, given, outputs))]


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
            return [t._data for t in derivative(given)]
        return [t._data for t in derivative.pulled(*kept, given[count:])]


def _second(attributes, inputs, outputs, g, wanted):
    found = dict(zip(wanted, replayed(attributes["derivative"], inputs[1:], g, [k - 1 for k in wanted]), strict=True))
    return tuple([found[k] for k in wanted])


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
    return [tuple([int(n) for n in s]) for s in many]


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
    elif shapes is None and wanted:
        raise TracingError(f"{caller()}: {what}: the shape of what {getattr(func, '__name__', func)} gives is not "
                           f"known while the function is traced: add shape=, {'a shape' if single else 'a list with '}"
                           f"{'' if single else 'a shape for each result'}")
    else:
        found = kind(inp, {"call": call}, list(zip(shapes or (), wanted, strict=True)))
    return found[0] if single else found if wanted else None


def _with_zeros(inputs, outputs):
    """The outputs; where tapes trace inputs and no output, the gradient of the call is zeros."""
    if not listening() or all(t._node is None for t in inputs) or any(t._node is not None for t in outputs):
        return outputs
    outputs = [t._renewed() for t in outputs]
    record(_Zeros(), inputs, tuple(outputs))
    return outputs


class _Zeros:
    name, variadic, plans = "py_function", (), {}

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
        from numbaflow.core.accumulate import accumulate
        accumulate(grads, nodes, self.run(g, saved))


def py_function(func, inp, Tout, name=None, shape=None, output_shapes=None):
    """Call a Python function of eager tensors, also from inside a compiled function; differentiable.

    Args:
        func: a function of tensors that gives a tensor, a list of them, or nothing.
        inp: a list of tensors.
        Tout: the dtype of the result, or a list of dtypes; [] for none.
        shape, output_shapes: the shape of the result, or a list of shapes; needed in a compiled function,
            where shapes must be known before func runs.

    Returns:
        A tensor, a list of tensors, or None, as Tout says.  Its gradient is that of what func does, zeros where
        there is none; it holds for the inputs, not for variables that func reads.

    Raises:
        InvalidArgumentError: func raised ValueError or TypeError, or gave another dtype or shape.
        OutOfRangeError, ResourceExhaustedError, UnimplementedError: it raised StopIteration, MemoryError,
            NotImplementedError.
        UnknownError: it raised something else, or gave a variable.
        TracingError: no shape inside a compiled function.

    >>> import numbaflow as nf
    >>> from numbaflow.graph.host import py_function
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
    >>> from numbaflow.graph.host import py_func
    >>> py_func(np.sort, [nf.constant([3.0, 1.0])], nf.float32).numpy().tolist()
    [1.0, 3.0]
    """
    return _host_call("py_func", _NUMPY if stateful else _NUMPY_PURE, func, inp, Tout, shape, output_shapes, True)


def numpy_function(func, inp, Tout, name=None, shape=None, output_shapes=None):
    """`py_func` of a function with effects, under its later name.

    >>> import numpy as np
    >>> import numbaflow as nf
    >>> from numbaflow.graph.host import numpy_function
    >>> numpy_function(np.unique, [nf.constant([3, 1, 3])], nf.int32).numpy().tolist()
    [1, 3]
    """
    return _host_call("numpy_function", _NUMPY, func, inp, Tout, shape, output_shapes, True)


# ---- asserting and printing
def Assert(condition, data, summarize=None, name=None):
    """Raise InvalidArgumentError with the data unless the condition is true.

    Args:
        condition: a scalar bool.
        data: a list of tensors, strings and numbers for the message.
        summarize: how many entries of a tensor's ends to show; 3 unless given.

    >>> import numbaflow as nf
    >>> from numbaflow.graph.host import Assert
    >>> Assert(nf.constant(1.0) > 0.0, ["positive"])
    """
    condition = as_tensor(condition)
    if tuple(condition._data.shape) != () or condition._dtype.kind != "b":
        raise InvalidArgumentError(f"Assert: condition must be a scalar bool, got {condition._dtype} of shape "
                                   f"{tuple(condition._data.shape)}")
    _effect(_ASSERT, [condition], _Text(data, " ", "", summarize))


def print(*inputs, **kwargs):
    """Print tensors and strings, in a compiled function at each call.

    Args:
        inputs: what to print: strings, tensors, structures of them.
        output_stream: a stream; sys.stderr unless given.
        summarize: how many entries of the ends of an axis to show; 3 unless given, -1 for all.
        sep, end: what stands between inputs and after them, " " and a new line unless given.

    >>> import sys
    >>> import numbaflow as nf
    >>> from numbaflow.graph import host
    >>> host.print("x =", nf.constant([1.0, 2.5]), output_stream=sys.stdout)
    x = [1 2.5]
    """
    unknown = set(kwargs) - {"output_stream", "summarize", "sep", "end", "name"}
    if unknown:
        raise ValueError(f"print: unrecognized keyword arguments {sorted(unknown)}")
    text = _Text(inputs, kwargs.get("sep", " "), kwargs.get("end", "\n"), kwargs.get("summarize"),
                 kwargs.get("output_stream"))
    _effect(_PRINT, [], text)


class _Text:
    """A text with places for the values of tensors."""

    def __init__(self, inputs, sep, end, summarize, stream=None):
        self._sep, self._end, self._most, self._stream, self.tensors = sep, end, summarize, stream, []
        self._parts = [nest.map_structure(self._part, part) if nest.is_nested(part) else self._part(part)
                       for part in inputs]

    def _part(self, part):
        if isinstance(part, str) or part is None:
            return part
        self.tensors.append(as_tensor(part))
        return _Place(len(self.tensors) - 1)

    def written(self, arrays):
        """The text for the values of its tensors."""
        return self._sep.join([self._one(part, arrays, False) for part in self._parts]) + self._end

    def _one(self, part, arrays, quoted):
        if isinstance(part, _Place):
            return self._array(arrays[part])
        if isinstance(part, dict):
            return "{" + ", ".join(f"{k!r}: {self._one(part[k], arrays, True)}" for k in nest.ordered_keys(part)) + "}"
        if isinstance(part, (list, tuple)):
            inside = ", ".join(self._one(each, arrays, True) for each in part)
            return f"({inside})" if isinstance(part, tuple) else f"[{inside}]"
        return repr(part) if quoted else str(part)

    def _array(self, array):
        ends = 3 if self._most is None else int(self._most)
        return np.array2string(array, threshold=sys.maxsize if ends < 0 else 0, edgeitems=max(ends, 1),
                               formatter={"float_kind": "{:g}".format, "bool": lambda b: "1" if b else "0"})

    def show(self, arrays):
        """Print it."""
        stream = sys.stderr if self._stream is None else self._stream
        stream.write(self.written(arrays))
        stream.flush()


class _Place(int):
    """Stands for a tensor, by its number."""


def _asserted(node, arrays):
    if not arrays[0]:
        raise InvalidArgumentError(f"assertion failed: {node.attributes['text'].written(arrays[1:])}")
    return []


def _printed(node, arrays):
    if not replaying():
        node.attributes["text"].show(arrays)
    return []


_ASSERT = Hosted("assert", _asserted, effect=True)
_PRINT = Hosted("print", _printed, effect=True)


def _effect(kind, first, text):
    """Run it, or write it down where it waits for values or is to be seen at each call."""
    if kind is _ASSERT and not isinstance(first[0], Traced):
        with tracing(None):
            kind([*first, *[t if not isinstance(t, Traced) else as_tensor(np.nan) for t in text.tensors]],
                 {"text": text}, [])
        return
    kind([*first, *text.tensors], {"text": text}, [])
