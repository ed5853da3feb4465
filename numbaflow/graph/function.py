"""`function`: Python traced once for each signature and then replayed as a compiled program."""
import functools
import inspect
import operator
import sys
import threading
import weakref

import numpy as np

from numbaflow.core import dtypes, nest
from numbaflow.core.abstract import Traced
from numbaflow.core.device import watch
from numbaflow.core.device_variable import on_migration
from numbaflow.core.tape import IDLE, stack, tracing
from numbaflow.core.tensor import Tensor, as_tensor
from numbaflow.graph.concrete import Concrete, Structure
from numbaflow.graph.generic import Open
from numbaflow.graph.programs.collector import Held
from numbaflow.graph.trace import Trace

_Host = Tensor                  # the class of the CPU's tensors
watch(globals(), "_Host")


class TensorSpec:
    """The shape and dtype of an argument: an extent of None may be any.

    >>> import numbaflow as nf
    >>> nf.TensorSpec([None, 3])
    TensorSpec(shape=(None, 3), dtype=float32)
    """

    def __init__(self, shape=None, dtype=dtypes.FLOAT32, name=None):
        self._shape = None if shape is None else tuple(None if n is None else int(n) for n in shape)
        self._dtype, self.name = dtypes.as_numpy(dtype), name

    shape = property(lambda self: self._shape)
    dtype = property(lambda self: dtypes.of(self._dtype))

    def accepts(self, tensor):
        """Whether a tensor has this dtype and a shape that fits."""
        if tensor._data.dtype != self._dtype:
            return False
        shape = tensor._data.shape
        return self._shape is None or (len(shape) == len(self._shape) and all(
            n is None or n == m for n, m in zip(self._shape, shape, strict=True)))

    def __eq__(self, other):
        return isinstance(other, TensorSpec) and (self._shape, self._dtype) == (other._shape, other._dtype)

    def __hash__(self):
        return hash((self._shape, self._dtype))

    def __repr__(self):
        return f"TensorSpec(shape={self._shape}, dtype={self._dtype.name})"


_functions: weakref.WeakSet = weakref.WeakSet()


def _forget_quick():
    """Look anew at where calls run: a variable has moved."""
    for function in list(_functions):
        function._quick.clear()


on_migration.append(_forget_quick)


class Function:
    """A Python function that is traced once for each signature of its arguments, then runs compiled."""

    def __init__(self, python_function, input_signature=None, relaxed=False):
        functools.update_wrapper(self, python_function)
        self.python_function = python_function
        self.input_signature = _signature(input_signature)
        self._relaxed = relaxed
        specs = None if self.input_signature is None else nest.flatten(list(self.input_signature))
        self._open = Open(specs, relaxed)
        self._concrete = {}             # key -> (Concrete, Structure)
        self._quick = {}                # shapes and dtypes of tensors -> (what runs, what packs results)
        self._lock = threading.RLock()
        self._bound = weakref.WeakKeyDictionary()
        _functions.add(self)

    def __get__(self, instance, owner=None):
        if instance is None:
            return self
        found = self._bound.get(instance)
        if found is None:
            method = functools.partial(_call_method, self.python_function, weakref.ref(instance))
            functools.update_wrapper(method, self.python_function)
            method.__signature__ = _without_first(inspect.signature(self.python_function))
            found = self._bound[instance] = Function(method, self.input_signature, self._relaxed)
        return found

    def __call__(self, *args, **kwargs):
        if stack.frame is IDLE and not kwargs:
            key = []
            for a in args:
                if type(a) is not _Host:
                    break
                data = a._data
                key += (data.shape, data.dtype.num)
            else:
                found = self._quick.get(tuple(key))
                if found is not None:
                    run, pack = found
                    return run(args)[0] if pack is None else pack(run(args))
        return self._call(args, kwargs)

    def _call(self, args, kwargs):
        """Any call that is not of tensors alone and met before."""
        if stack.frame[2] is not None:
            return self.python_function(*args, **kwargs)
        tensors, key = [], []
        for a in args:
            if type(a) is Tensor:
                data = a._data
                tensors.append(a)
                key.append((data.shape, data.dtype))
            else:
                key.append(_add_argument(a, tensors))
        given = args, {}
        if kwargs or self.input_signature is not None:
            given, tensors, key = self._checked(args, kwargs)
        key = tuple(key)
        try:
            found = self._concrete.get(key)
        except TypeError:
            raise _unhashable(self, key) from None
        if found is None:
            found = self._traced(key, given, tensors)
        concrete, structure = found
        if not concrete.feeds and not kwargs and all(type(a) is Tensor for a in args) \
                and concrete.program_for(tensors) is vars(concrete).get("program"):
            quick = tuple([part for a in args for part in (a._data.shape, a._data.dtype.num)])
            self._quick[quick] = concrete.program.call, None if structure.single else structure.pack
        return structure.pack(concrete.call(tensors))

    def _checked(self, args, kwargs):
        """Arguments, their tensors and the key, where there are keyword arguments or a signature."""
        if kwargs:
            bound = self._parameters.bind(*args, **kwargs)
            if self.input_signature is not None and len(bound.arguments) > len(self.input_signature):
                extra = list(bound.arguments)[len(self.input_signature)]
                raise TypeError("When input_signature is provided, only pass arguments covered by it. "
                                f"Received argument {extra}.")
            args, rest = bound.args, bound.kwargs
        else:
            rest = {}
        if self.input_signature is not None:
            args = self._fitting(args)
        tensors: list = []
        key = [_add_argument(a, tensors) for a in args]
        key += [(name, _add_argument(rest[name], tensors)) for name in sorted(rest)]
        return (tuple(args), rest), tensors, key

    @functools.cached_property
    def _parameters(self):
        return inspect.signature(self.python_function)

    def _fitting(self, args):
        wanted = self.input_signature
        if len(args) != len(wanted):
            raise ValueError(f"Python inputs incompatible with input_signature: {len(args)} arguments {args} "
                             f"for {len(wanted)} in {wanted}")
        flat: list = []
        if not all(_add_leaves(spec, a, flat) for spec, a in zip(wanted, args, strict=True)):
            raise ValueError("Structure of Python function inputs does not match input_signature: inputs "
                             f"{args}, input_signature {wanted}")
        tensors = []
        for spec, a in zip(nest.flatten(list(wanted)), flat, strict=True):
            t = as_tensor(a, None if hasattr(a, "dtype") else spec._dtype)
            if not spec.accepts(t):
                raise ValueError("Python inputs incompatible with input_signature: inputs "
                                 f"{t!r} of shape {tuple(t._data.shape)} and dtype {t._dtype}, "
                                 f"input_signature {spec}")
            tensors.append(t)
        return tuple(nest.pack(list(wanted), tensors))

    def _traced(self, key, given, tensors):
        with self._lock, Held():
            found = self._concrete.get(key)
            if found is None:
                shapes = [tuple(t._data.shape) for t in tensors]
                found = self._concrete[key] = self._open.function(
                    key, shapes, functools.partial(self._trace, given, tensors))
        return found

    def _trace(self, given, tensors, shapes):
        trace = Trace(getattr(self, "__name__", "function"), may_create=not self._concrete)
        args, kwargs = given
        with tracing(trace):
            traced = [trace.input(shape, t._dtype, f"argument_{k}")
                      for k, (shape, t) in enumerate(zip(shapes, tensors, strict=True))]
            left = iter(traced)
            traced_args = [_with_tensors(a, left) for a in args]
            named = {name: _with_tensors(kwargs[name], left) for name in sorted(kwargs)}
            result = self.python_function(*traced_args, **named)
            structure = Structure(result)
        made = Concrete.of_trace(trace, traced, structure.tensors)
        made.structure = structure
        return made, structure

    def get_concrete_function(self, *args, **kwargs):
        """The compiled function for a signature, given by arguments or by TensorSpecs in their place."""
        return self._examined(args, kwargs)[0]

    def _examined(self, args, kwargs):
        """The compiled function for example arguments, and their tensors."""
        args = [_example(a) for a in (args or self.input_signature or ())]
        given, tensors, key = self._checked(args, {k: _example(v) for k, v in kwargs.items()})
        return self._traced(tuple(key), given, tensors)[0], tensors

    # ---- looking into it
    def graph_text(self, *args, **kwargs):
        """The graph for arguments like these as lines of text: as it was traced, and as it is run."""
        return self._examined(args, kwargs)[0].graph_text()

    def save_plot(self, path, *args, **kwargs):
        """Draw the graph for arguments like these: .dot as text; .png, .svg and .pdf need graphviz."""
        self._examined(args, kwargs)[0].save_plot(path)

    def lower(self, *args, **kwargs):
        """What runs for arguments like these: kernels with source and compile time, and steps; print it."""
        return self._examined(args, kwargs)[0].lower()

    def profile(self, *args, repeat=20, **kwargs):
        """Print and return where the time of a call goes, by medians of `repeat` calls; variables stay."""
        concrete, tensors = self._examined(args, kwargs)
        return concrete.profile(tensors, repeat, lambda: self(*args, **kwargs))

    def memory(self, *args, **kwargs):
        """What memory a call takes: temporaries as planned, results, constants, variables; print it."""
        return self._examined(args, kwargs)[0].memory()

    def __reduce__(self):
        """By name where a module holds it, as for any function, else its Python function and no programs."""
        python, name = self.python_function, getattr(self, "__qualname__", "")
        try:
            held = operator.attrgetter(name)(sys.modules[python.__module__])
        except (AttributeError, KeyError):
            held = None
        return name if held is self else (Function, (python, self.input_signature, self._relaxed))

    def __repr__(self):
        return f"<numbaflow function {getattr(self, '__name__', '?')}>"


def _call_method(function, instance, *args, **kwargs):
    return function(instance(), *args, **kwargs)


def _without_first(signature):
    """The signature of a method as its instance has it."""
    return signature.replace(parameters=list(signature.parameters.values())[1:])


def _signature(given):
    if given is None:
        return None
    if not isinstance(given, (list, tuple)):
        raise TypeError(f"input_signature must be either a tuple or a list, received {type(given)}")
    for spec in nest.flatten(list(given)):
        if not isinstance(spec, TensorSpec):
            raise TypeError(f"Invalid input_signature {given}; input_signature must be a possibly nested "
                            "sequence of TensorSpec objects.")
    return tuple(given)


def _add_leaves(spec, a, leaves):
    """Append what stands where specs do, a list for a tensor too; False where the structures differ."""
    if not nest.is_nested(spec):
        leaves.append(a)
        return True
    if not nest.is_nested(a) or isinstance(a, dict) is not isinstance(spec, dict) or len(a) != len(spec):
        return False
    keys = nest.ordered_keys(spec) if isinstance(spec, dict) else range(len(spec))
    return all(not isinstance(a, dict) or key in a for key in keys) and all(
        _add_leaves(spec[key], a[key], leaves) for key in keys)


def _add_argument(a, tensors):
    """The key of an argument; its tensors are appended."""
    if isinstance(a, (Tensor, np.ndarray, np.generic)):
        t = as_tensor(a)
        tensors.append(t)
        return t._data.shape, t._data.dtype
    if isinstance(a, (list, tuple)):
        return type(a), tuple([_add_argument(each, tensors) for each in a])
    if isinstance(a, dict):
        return dict, tuple([(k, _add_argument(a[k], tensors)) for k in nest.ordered_keys(a)])
    return type(a), a


def _with_tensors(a, left):
    """The argument with traced tensors for its tensors."""
    if isinstance(a, (Tensor, np.ndarray, np.generic)):
        return next(left)
    if nest.is_nested(a):
        return nest.pack(a, [_with_tensors(leaf, left) for leaf in nest.flatten(a)])
    return a


def _example(a):
    if nest.is_nested(a):
        return nest.map_structure(_example, a)
    if isinstance(a, TensorSpec):
        if a.shape is None or None in a.shape:
            raise ValueError(f"get_concrete_function: {a} has extents that are not known; give a tensor")
        return as_tensor(np.zeros(a.shape, a._dtype))
    return a


def _unhashable(function, key):
    for _, value in key:
        try:
            hash(value)
        except TypeError:
            return TypeError(f"{function!r}: an argument that is no tensor must be hashable, got "
                             f"{type(value).__name__}: {value!r}"[:200])
    return TypeError(f"{function!r}: arguments that are no tensors must be hashable")


def function(func=None, input_signature=None, autograph=True, experimental_autograph_options=None,
             experimental_relax_shapes=False):
    """Compile a function: traced once for each signature, then replayed without Python.

    Tensors and arrays may differ in value from call to call; everything else in the arguments is part of the
    signature.  Python runs only while tracing: prints and appends happen then.  Variables are read and
    assigned, gradients are taken and random numbers drawn anew at each call.
    Tensors that it takes from around itself are constants: gradients flow to arguments and variables.

    Args:
        func: the function; without it, a decorator.
        input_signature: a list of TensorSpecs; for extents of None it is traced once, and compiled for each
            size that comes.
        autograph, experimental_autograph_options: taken and not used; Python's `if` and `while` on tensors
            are errors that say what to use instead.
        experimental_relax_shapes: take extents that differ from those of the first call as None.

    Raises:
        TracingError: the function asks for a tensor's value.

    >>> import numbaflow as nf
    >>> @nf.function
    ... def f(x, y):
    ...     return nf.reduce_sum(nf.tanh(x) * y)
    >>> f(nf.constant([0.0, 1.0]), nf.constant([1.0, 0.0])).numpy()
    np.float32(0.0)
    """
    if func is None:
        return functools.partial(function, input_signature=input_signature,
                                 experimental_relax_shapes=experimental_relax_shapes)
    return Function(func, input_signature, experimental_relax_shapes)


__all__ = ["Function", "TensorSpec", "Traced", "function"]
