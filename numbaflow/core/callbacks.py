"""Callbacks after every op, for looking at what a program computes, such as where the first NaN comes from.

Faces know nothing of them.  While some thread has callbacks, the code of every face is replaced by a call
that tells them, and gradients are computed op by op, not in fused kernels.  At other times they cost nothing.
"""
import contextlib
import enum
import functools
import threading
import warnings
from types import FunctionType

import numpy as np

from . import table
from .tensor import as_tensor

__all__ = ["ExecutionCallback", "InfOrNanError", "add_execution_callback", "clear_execution_callbacks",
           "errstate", "inf_callback", "inf_nan_callback", "nan_callback", "seterr"]


class ExecutionCallback(enum.Enum):
    """What to do about an op that gives infinity or NaN."""

    IGNORE = "ignore"
    PRINT = "print"
    RAISE = "raise"
    WARN = "warn"


class InfOrNanError(ArithmeticError):
    """An op gave infinity or NaN; `op_type` is its name, `value` what it gave."""

    def __init__(self, message, op_type, value):
        super().__init__(message)
        self.op_type, self.value = op_type, value


# ---- the callbacks of a thread
class _Here(threading.local):
    """`callbacks` of this thread, and whether one of them is running."""

    callbacks: tuple = ()
    busy = False


_here = _Here()
_lock = threading.RLock()
_threads = 0                    # how many have callbacks
_faces: list = []               # (face, op) of every face that is written
_plans: list = []               # (plan, its backward) of those that were made to run op by op


def add_execution_callback(callback):
    """Call a function after every op of this thread.

    Args:
        callback: a function (op_type, inputs, attrs, outputs, op_name): the op's name, a list of tensors,
            a tuple of names and values by turns, a list of tensors, and None.  What it raises goes to the
            caller of the op; its own ops call nothing.

    Raises:
        TypeError: it can't be called.

    >>> import numbaflow as nf
    >>> tfe = nf.contrib.eager
    >>> tfe.add_execution_callback(lambda op, inputs, attrs, outputs, name: print(op, outputs[0].numpy()))
    >>> y = nf.constant(2.0) * 3.0 + 1.0
    multiply 6.0
    add 7.0
    >>> tfe.clear_execution_callbacks()
    """
    if not callable(callback):
        raise TypeError(f"add_execution_callback: expected a function, got {type(callback).__name__}")
    _set((*_here.callbacks, callback))


def clear_execution_callbacks():
    """Call nothing after the ops of this thread any more."""
    _set(())


def _set(callbacks):
    global _threads
    with _lock:
        before, _threads = _threads, _threads + bool(callbacks) - bool(_here.callbacks)
        _here.callbacks = callbacks
        if bool(before) != bool(_threads):
            for face, op in _faces:
                (_watch if _threads else _unwatch)(face, op)
            (_run_op_by_op if _threads else _run_fused)()


def watching():
    """Whether some thread has callbacks."""
    return _threads > 0


# ---- faces
def written(face, op):
    """Note a face that has its code."""
    with _lock:
        _faces.append((face, op))
        if _threads:
            _watch(face, op)


def _watched_call(*args, **kwargs):
    return _watched(*args, **kwargs)            # noqa: F821  (a global of the face)


def _watch(face, op):
    original = FunctionType(face.__code__, face.__globals__, face.__name__, face.__defaults__)
    original.__kwdefaults__ = face.__kwdefaults__
    face.__globals__["_watched"] = functools.partial(_run, op, original)
    face.__code__ = _watched_call.__code__


def _unwatch(face, op):
    face.__code__ = face.__globals__.pop("_watched").args[1].__code__


def _run(op, face, *args, **kwargs):
    result = face(*args, **kwargs)
    if _here.callbacks and not _here.busy:
        _here.busy = True
        try:
            _tell(op, _arguments(face, args, kwargs), _tensors(result))
        finally:
            _here.busy = False
    return result


def _tell(op, given, outputs):
    inputs = [t for x in op.inputs for t in _tensors(given[x])]
    attrs = tuple(part for a in op.attributes if a in given for part in (a, given[a]))
    for callback in _here.callbacks:
        callback(op.name, inputs, attrs, outputs, None)


def _arguments(face, args, kwargs):
    """The arguments of a call by their names, defaults included."""
    code, defaults = face.__code__, face.__defaults__ or ()
    names = code.co_varnames[:code.co_argcount]
    optional = dict(zip(names[len(names) - len(defaults):], defaults, strict=True))
    return optional | (face.__kwdefaults__ or {}) | dict(zip(names, args, strict=False)) | kwargs


def _tensors(value):
    return [as_tensor(v) for v in value] if isinstance(value, list | tuple) else [as_tensor(value)]


# ---- gradients
def _run_op_by_op():
    for op in list(table.OPS.values()):
        for plan in list(op.plans.values()):
            _plans.append((plan, plan.backward))
            plan.backward = plan._run_and_add


def _run_fused():
    for plan, backward in _plans:
        plan.backward = backward
    _plans.clear()


# ---- infinity and NaN
def inf_nan_callback(op_type, inputs, attrs, outputs, op_name, check_inf=True, check_nan=True,
                     action=ExecutionCallback.RAISE):
    """A callback that acts on outputs with infinity or NaN.

    Args:
        op_type, inputs, attrs, outputs, op_name: as for any callback.
        check_inf, check_nan: what to look for.
        action: an ExecutionCallback or its name: raise InfOrNanError, warn, print or ignore.

    Raises:
        InfOrNanError: there is one, and the action is to raise.
    """
    for k, t in enumerate(outputs):
        if t._dtype.kind in "fc":
            infinite = int(np.isinf(t._fetched()).sum()) if check_inf else 0
            nans = int(np.isnan(t._fetched()).sum()) if check_nan else 0
            if infinite or nans:
                where = f"output {k} of {len(outputs)}" if len(outputs) > 1 else "its output"
                _act(ExecutionCallback(action), op_type, t,
                     f"{op_type}: {where} has {infinite} infinite and {nans} NaN elements of {t._data.size}")


def _act(action, op_type, tensor, message):
    if action is ExecutionCallback.RAISE:
        raise InfOrNanError(message, op_type, tensor)
    if action is ExecutionCallback.WARN:
        warnings.warn(message, RuntimeWarning, stacklevel=5)
    elif action is ExecutionCallback.PRINT:
        print(message)


def inf_callback(op_type, inputs, attrs, outputs, op_name, action=ExecutionCallback.RAISE):
    """A callback that acts on outputs with infinity, as `inf_nan_callback` does."""
    inf_nan_callback(op_type, inputs, attrs, outputs, op_name, check_nan=False, action=action)


def nan_callback(op_type, inputs, attrs, outputs, op_name, action=ExecutionCallback.RAISE):
    """A callback that acts on outputs with NaN, as `inf_nan_callback` does."""
    inf_nan_callback(op_type, inputs, attrs, outputs, op_name, check_inf=False, action=action)


def seterr(inf_or_nan=None):
    """Set what is done about ops of this thread that give infinity or NaN.

    Args:
        inf_or_nan: an ExecutionCallback or its name, "ignore", "print", "raise" or "warn"; None leaves it.

    Returns:
        What was set before: ``{"inf_or_nan": ExecutionCallback}``.

    Raises:
        ValueError: another name.

    >>> import numbaflow as nf
    >>> tfe = nf.contrib.eager
    >>> tfe.seterr(inf_or_nan="raise")
    {'inf_or_nan': <ExecutionCallback.IGNORE: 'ignore'>}
    >>> nf.log(-1.0)
    Traceback (most recent call last):
        ...
    numbaflow.core.callbacks.InfOrNanError: log: its output has 0 infinite and 1 NaN elements of 1
    >>> tfe.seterr(inf_or_nan="ignore")
    {'inf_or_nan': <ExecutionCallback.RAISE: 'raise'>}
    """
    old, others = ExecutionCallback.IGNORE, []
    for callback in _here.callbacks:
        if getattr(callback, "func", callback) is inf_nan_callback:
            old = ExecutionCallback(getattr(callback, "keywords", {}).get("action", ExecutionCallback.RAISE))
        else:
            others.append(callback)
    if inf_or_nan is not None:
        action = ExecutionCallback(inf_or_nan)
        if action is not ExecutionCallback.IGNORE:
            others.append(functools.partial(inf_nan_callback, action=action))
        _set(tuple(others))
    return {"inf_or_nan": old}


@contextlib.contextmanager
def errstate(inf_or_nan=None):
    """A context in which `seterr(inf_or_nan)` holds.

    >>> import numbaflow as nf
    >>> with nf.contrib.eager.errstate(inf_or_nan="print"):
    ...     y = nf.constant([1.0, 0.0]) / 0.0
    divide: its output has 1 infinite and 1 NaN elements of 2
    """
    old = seterr(inf_or_nan)
    try:
        yield
    finally:
        seterr(**old)
