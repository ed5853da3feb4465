"""Variable scopes: variables by name, and stores that share them.

`get_variable` asks the scope for a name and for defaults, and the store for the variable.  Without a store
every call makes a new variable, as in an eager TensorFlow program; in a store one name is one variable, and
in a graph, where the scope must say that it is shared.
"""
import contextlib
import functools
import threading
from math import prod, sqrt

import numpy as np

from numbaflow.core import dtypes, scopes
from numbaflow.core.abstract import current_trace
from numbaflow.core.tape import silent
from numbaflow.core.tensor import as_tensor
from numbaflow.core.variable import Variable

from .random import random_uniform

__all__ = ["AUTO_REUSE", "EagerVariableStore", "VariableScope", "get_variable", "get_variable_scope",
           "make_template", "variable_scope"]


class _AutoReuse:
    def __repr__(self):
        return "AUTO_REUSE"


AUTO_REUSE = _AutoReuse()
_UNSAID = _AutoReuse()              # outside of all scopes: a graph shares only where a scope says so
_DEFAULTS = ("initializer", "regularizer", "dtype", "constraint", "custom_getter")


class VariableScope:
    """A name for variables and defaults for making them; `variable_scope` opens one.

    Attributes:
        name: "outer/inner", or "" outside of all.
        initializer, regularizer, dtype, constraint: what `get_variable` takes where it is given none.
        reuse: AUTO_REUSE, or True when the scope was opened to share what is there.
    """

    def __init__(self, name="", initializer=None, regularizer=None, dtype="float32", constraint=None,
                 custom_getter=None, reuse=AUTO_REUSE):
        self.name, self.initializer, self.regularizer = name, initializer, regularizer
        self.dtype, self.constraint, self.custom_getter = dtypes.as_dtype(dtype), constraint, custom_getter
        self.reuse = reuse

    original_name_scope = property(lambda self: self.name and self.name + "/",
                                   doc="The name, as a name scope.")

    def reuse_variables(self):
        """Share what is there from now on."""
        self.reuse = True

    def _inner(self, name, given):
        """The scope of that whole name, with this one's defaults where none are given."""
        chosen = {what: getattr(self, what) if given.get(what) is None else given[what] for what in _DEFAULTS}
        if given.get("custom_getter") is not None and self.custom_getter is not None:
            chosen["custom_getter"] = functools.partial(_both, given["custom_getter"], self.custom_getter)
        reuse = given.get("reuse")
        return VariableScope(name, reuse=self.reuse if reuse in (None, False) else reuse, **chosen)


def _both(inner, outer, getter, *args, **kwargs):
    return inner(functools.partial(outer, getter), *args, **kwargs)


class _Here(threading.local):
    """The thread's scope, its store, and how often each name has been opened."""

    def __init__(self):
        self.scope, self.store, self.opened = VariableScope(reuse=_UNSAID), None, {}


_here = _Here()


def get_variable_scope():
    """The variable scope of this thread.

    >>> import numbaflow as nf
    >>> with nf.variable_scope("layer"):
    ...     print(nf.get_variable_scope().name)
    layer
    """
    return _here.scope


# ---- scopes
@contextlib.contextmanager
def variable_scope(name_or_scope, default_name=None, values=None, initializer=None, regularizer=None,
                   caching_device=None, partitioner=None, custom_getter=None, reuse=None, dtype=None,
                   use_resource=None, constraint=None, auxiliary_name_scope=True):
    """A context in which `get_variable` puts a name before names and takes defaults; it gives the scope.

    Args:
        name_or_scope: a name, put after the enclosing scope's; or a scope, which is entered again.
        default_name: a name for a `name_or_scope` of None, with _1, _2, ... where it has been opened before.
        initializer, regularizer, dtype, constraint: defaults for `get_variable`.
        custom_getter: a function (getter, name, ...) that is asked for variables.
        reuse: True to share what is there, which needs a store; AUTO_REUSE; None for the enclosing scope's.
        auxiliary_name_scope: whether to open a name scope as well.
        values, use_resource: not used.

    Raises:
        ValueError: no name at all, or an unknown `reuse`.
        TypeError: what is neither a name nor a scope.
        NotImplementedError: a caching device or a partitioner, which eager programs don't have.

    >>> import numbaflow as nf
    >>> with nf.variable_scope("net"), nf.variable_scope("dense", dtype=nf.float64):
    ...     kernel = nf.get_variable("kernel", [2, 3])
    >>> kernel.name, kernel.dtype.name
    ('net/dense/kernel:0', 'float64')
    """
    if caching_device is not None or partitioner is not None:
        raise NotImplementedError("variable_scope: caching devices and partitioners are not supported when "
                                  "eager execution is enabled")
    if reuse not in (None, True, False, AUTO_REUSE):
        raise ValueError(f"variable_scope: reuse must be True, None or AUTO_REUSE, got {reuse!r}")
    outer, name = _here.scope, _full_name(name_or_scope, default_name)
    model = name_or_scope if isinstance(name_or_scope, VariableScope) else outer
    _here.opened[name] = _here.opened.get(name, 0) + 1
    _forget_below(name)
    _here.scope = inner = model._inner(name, {
        "initializer": initializer, "regularizer": regularizer, "dtype": dtype, "constraint": constraint,
        "custom_getter": custom_getter, "reuse": reuse})
    try:
        with scopes.name_scope(name.rsplit("/", 1)[-1]) if auxiliary_name_scope and name \
                else contextlib.nullcontext():
            yield inner
    finally:
        _here.scope = outer
        _forget_below(name)


def _full_name(given, default):
    if isinstance(given, VariableScope):
        return given.name
    if given is None and default is None:
        raise ValueError("variable_scope: If default_name is None then name_or_scope is required")
    if not isinstance(default if given is None else given, str):
        raise TypeError("VariableScope: name_or_scope must be a string or VariableScope, got "
                        f"{type(default if given is None else given).__name__}")
    prefix = _here.scope.name and _here.scope.name + "/"
    return prefix + given if given is not None else _unopened(prefix + default)


def _unopened(name):
    if name not in _here.opened:
        return name
    k = 1
    while f"{name}_{k}" in _here.opened:
        k += 1
    return f"{name}_{k}"


def _forget_below(name):
    """Names inside a scope start anew each time it is opened, which lets a template find its variables."""
    for key in [k for k in _here.opened if k.startswith(name + "/")]:
        del _here.opened[key]


# ---- variables
def get_variable(name, shape=None, dtype=None, initializer=None, regularizer=None, trainable=None,
                 collections=None, caching_device=None, partitioner=None, validate_shape=True,
                 use_resource=None, custom_getter=None, constraint=None, synchronization=None,
                 aggregation=None):
    """A variable by its name in the variable scope: the store's if there is one, otherwise a new one.

    Args:
        name: its name inside the scope.
        shape: its shape; a scalar by default, or the initializer's where that is a value.
        dtype: its dtype, by default the initializer's or the scope's.
        initializer: a value, or a function (shape, dtype=dtype), or a class of such; by default the scope's,
            else Glorot's uniform distribution for floats and zeros for integers and bools.
        trainable: whether tapes trace it; True by default.
        custom_getter: a function (getter, name, ...) that is asked for the variable.
        constraint: a function from a value to a value, which optimizers apply after an update.
        regularizer, collections, caching_device, partitioner, validate_shape, use_resource, synchronization,
            aggregation: not used; an eager program has no collections.

    Raises:
        ValueError: a shape beside a value, dtypes that differ, or a variable in the store of another shape or
            dtype.
        RuntimeError: `reuse=True` in the scope without a store or graph.

    >>> import numbaflow as nf
    >>> nf.get_variable("v", [2], initializer=nf.zeros).numpy()
    array([0., 0.], dtype=float32)
    >>> with nf.contrib.eager.EagerVariableStore().as_default():
    ...     nf.get_variable("v", [2]) is nf.get_variable("v", [2])
    True
    """
    scope = _here.scope
    own = None if dtype is None else dtypes.as_dtype(dtype)
    initializer = scope.initializer if initializer is None else initializer
    if initializer is not None and not callable(initializer):
        initializer = _constant(initializer, own)
        own = initializer.dtype
    getter, full = _get, f"{scope.name}/{name}" if scope.name else name
    for custom in (scope.custom_getter, custom_getter):
        getter = getter if custom is None else functools.partial(custom, getter)
    return getter(full, shape=shape, dtype=own or scope.dtype, initializer=initializer, trainable=trainable,
                  reuse=scope.reuse, constraint=scope.constraint if constraint is None else constraint)


def _constant(value, dtype):
    """The tensor of an initializer that is a value; Python numbers take the dtype that is asked for."""
    found = as_tensor(value, dtype if isinstance(value, int | float | complex) else None)
    if dtype is not None and found.dtype != dtype:
        raise ValueError(f"get_variable: Initializer type {found.dtype.name!r} and explicit dtype "
                         f"{dtype.name!r} don't match.")
    return found


def _get(name, shape=None, dtype=None, initializer=None, trainable=None, reuse=AUTO_REUSE, constraint=None,
         **unused):
    store, trace = _here.store, current_trace()
    if store is None:
        if trace is not None and trace.lasting:
            return _of_graph(trace.named_variables, name, reuse, shape, dtype, initializer, trainable,
                             constraint)
        if reuse is True:
            raise RuntimeError(f"get_variable: {name!r} can't be reused; when eager execution is enabled "
                               "variables are shared only inside `with "
                               "tfe.EagerVariableStore().as_default():`")
        return _made(name, shape, dtype, initializer, trainable, constraint)
    found = store._variables.get(name)
    if found is None:
        found = store._variables[name] = _made(name, shape, dtype, initializer, trainable, constraint)
    _check_shared(name, found, shape, dtype)
    return found


def _of_graph(named, name, reuse, shape, dtype, *others):
    """The variable of that name in a graph."""
    found = named.get(name)
    if found is None:
        if reuse is True:
            raise ValueError(f"Variable {name} does not exist, or was not created with tf.get_variable(). "
                             "Did you mean to set reuse=tf.AUTO_REUSE in VarScope?")
        found = named[name] = _made(name, shape, dtype, *others)
    elif reuse is _UNSAID:
        raise ValueError(f"Variable {name} already exists, disallowed. Did you mean to set reuse=True or "
                         "reuse=tf.AUTO_REUSE in VarScope?")
    _check_shared(name, found, shape, dtype)
    return found


def _check_shared(name, found, shape, dtype):
    if shape is not None and _tuple(shape) != found.shape:
        raise ValueError(f"Trying to share variable {name}, but specified shape {_tuple(shape)} and found "
                         f"shape {tuple(found.shape)}.")
    if found.dtype != dtypes.as_dtype(dtype):
        raise ValueError(f"Trying to share variable {name}, but specified dtype "
                         f"{dtypes.as_dtype(dtype).name} and found dtype {found.dtype.name}.")


def _tuple(shape):
    return (int(shape),) if isinstance(shape, int | np.integer) else tuple(int(n) for n in shape)


def _made(name, shape, dtype, initializer, trainable, constraint):
    with scopes.init_scope():
        value = _initial(name, shape, dtypes.as_dtype(dtype), initializer)
    with silent(), scopes.name_scope(None):
        return Variable(value, trainable=trainable, name=name, constraint=constraint)


def _initial(name, shape, dtype, initializer):
    if initializer is not None and not callable(initializer):
        if shape is not None:
            raise ValueError("get_variable: If initializer is a constant, do not specify shape: "
                             f"{name!r} was given shape {shape!r} and a value")
        return initializer
    shape = () if shape is None else _tuple(shape)
    if initializer is None:
        return _glorot_uniform(shape, dtype) if dtype.is_floating else np.zeros(shape, dtype.as_numpy_dtype)
    if isinstance(initializer, type):
        initializer = initializer()
    return initializer(shape, dtype=dtype)


def _glorot_uniform(shape, dtype):
    """Uniform in +-sqrt(6 / (fan in + fan out)): Glorot and Bengio, AISTATS 2010."""
    field = prod(shape[:-2])
    fan_in, fan_out = (shape[-2] * field, shape[-1] * field) if len(shape) > 1 else (max(prod(shape), 1),) * 2
    limit = sqrt(6.0 / max(fan_in + fan_out, 1))
    return random_uniform(shape, -limit, limit, dtype)


# ---- stores
class EagerVariableStore:
    """Variables by name: inside `as_default()` one name of `get_variable` is one variable.

    >>> import numbaflow as nf
    >>> store = nf.contrib.eager.EagerVariableStore()
    >>> for _ in range(2):
    ...     with store.as_default(), nf.variable_scope("layer"):
    ...         v = nf.get_variable("v", initializer=1.0)
    >>> [v.name for v in store.variables()]
    ['layer/v:0']
    """

    def __init__(self, store=None):
        self._variables = {} if store is None else store._variables

    @contextlib.contextmanager
    def as_default(self):
        """A context in which `get_variable` uses this store."""
        kept, _here.store = _here.store, self
        try:
            yield self
        finally:
            _here.store = kept

    def variables(self):
        """All its variables, by name."""
        return [self._variables[name] for name in sorted(self._variables)]

    def trainable_variables(self):
        """Those that tapes trace."""
        return [v for v in self.variables() if v.trainable]

    def non_trainable_variables(self):
        """The others."""
        return [v for v in self.variables() if not v.trainable]

    def copy(self):
        """A store of copies of the variables."""
        made = EagerVariableStore()
        for name, v in self._variables.items():
            made._variables[name] = _made(name, None, v.dtype, v.numpy(), v.trainable, v.constraint)
        return made


class _Template:
    """A function with a store and a scope of its own, so that all its calls share variables."""

    def __init__(self, name, function, unique, getter, kwargs):
        self._function, self._getter = functools.partial(function, **kwargs), getter
        self._store = EagerVariableStore()
        with variable_scope(unique, None if unique else name) as scope:
            self._scope = scope

    name = property(lambda self: self._scope.name)
    variables = property(lambda self: self._store.variables())
    trainable_variables = property(lambda self: self._store.trainable_variables())
    non_trainable_variables = property(lambda self: self._store.non_trainable_variables())

    def __call__(self, *args, **kwargs):
        with self._store.as_default(), variable_scope(self._scope, custom_getter=self._getter):
            return self._function(*args, **kwargs)


def make_template(name_, func_, create_scope_now_=False, unique_name_=None, custom_getter_=None, **kwargs):
    """A function that makes the variables of `func_` in its first call and shares them in the later ones.

    Args:
        name_: the name of its variable scope, with _1, _2, ... where it has been opened before.
        func_: a function that calls `get_variable`.
        unique_name_: a name to take as it is.
        custom_getter_: a function (getter, name, ...) that is asked for variables.
        kwargs: arguments for `func_`.
        create_scope_now_: not used; the scope is made at once.

    Raises:
        ValueError: `func_` can't be called.

    >>> import numbaflow as nf
    >>> scale = nf.make_template("scale", lambda x: x * nf.get_variable("w", initializer=2.0))
    >>> scale(3.0).numpy(), scale(4.0).numpy(), len(scale.variables)
    (np.float32(6.0), np.float32(8.0), 1)
    """
    if not callable(func_):
        raise ValueError(f"make_template: func_ must be callable, got {type(func_).__name__}")
    return _Template(name_, func_, unique_name_, custom_getter_, kwargs)
