"""Control flow as functions: Python's own, run at once, so that tapes see the path taken.

And `straight_through`, by which gradients take another path than values.
"""
import contextlib

import numpy as np

from numbaflow.core import nest
from numbaflow.core.errors import InvalidArgumentError
from numbaflow.core.optable import Sample, elementwise, integers, normal
from numbaflow.core.tape import silent
from numbaflow.core.tensor import Tensor, as_tensor

__all__ = ["case", "cond", "straight_through", "while_loop"]


# ---- branches
def cond(pred, true_fn=None, false_fn=None, strict=False, name=None, fn1=None, fn2=None):
    """What true_fn() gives if pred is true, else what false_fn() gives; the other is not called.

    Args:
        pred: a bool or a scalar bool tensor.
        true_fn, false_fn: functions of no arguments.
        strict: keep a list or tuple of one as it is; otherwise its element is given.
        fn1, fn2: older names of true_fn and false_fn.

    Raises:
        TypeError: a branch is missing or can't be called.

    >>> import numbaflow as nf
    >>> x = nf.constant(-3.0)
    >>> nf.cond(x < 0.0, lambda: -x, lambda: x).numpy()
    np.float32(3.0)
    """
    true_fn, false_fn = both_branches(true_fn, false_fn, fn1, fn2)
    return unpacked((true_fn if _truth("cond", pred) else false_fn)(), strict)


def both_branches(true_fn, false_fn, fn1, fn2):
    """The two branches under whatever names they were given; TypeError where one is none."""
    true_fn, false_fn = true_fn if fn1 is None else fn1, false_fn if fn2 is None else fn2
    for what, branch in (("true_fn", true_fn), ("false_fn", false_fn)):
        if branch is None:
            raise TypeError(f"cond(): {what} argument required")
        check_callable(what, branch)
    return true_fn, false_fn


def check_callable(what, function):
    """TypeError for what can't be called."""
    if not callable(function):
        raise TypeError(f"{what} must be callable.")


def _truth(op, pred):
    """The Python bool of a predicate."""
    if isinstance(pred, bool | np.bool_):
        return bool(pred)
    pred = as_tensor(pred)
    if pred.shape != () or pred._data.dtype.kind != "b":
        raise InvalidArgumentError(f"{op}: pred must be a scalar bool, got {pred.dtype.name} of shape "
                                   f"{pred._data.shape}")
    return bool(pred)


def unpacked(result, strict):
    """The element of a list or tuple of one, unless strict."""
    single = type(result) in (list, tuple) and len(result) == 1
    return result[0] if single and not strict else result


def case(pred_fn_pairs, default=None, exclusive=False, strict=False, name="case"):
    """What the function of the first true predicate gives, or default() where none is true.

    Args:
        pred_fn_pairs: pairs (scalar bool, function of no arguments), or a dict of them.
        default: a function of no arguments.
        exclusive: at most one predicate may be true.
        strict: keep a list or tuple of one as it is; otherwise its element is given.

    Raises:
        TypeError: pairs that are none, or what can't be called.
        InvalidArgumentError: none is true and there is no default, or several are and `exclusive`.

    >>> import numbaflow as nf
    >>> x = nf.constant(5.0)
    >>> nf.case([(x < 0.0, lambda: -1), (x > 3.0, lambda: 1)], default=lambda: 0)
    1
    """
    pairs = checked_pairs(pred_fn_pairs)
    if default is not None:
        check_callable("default", default)
    truths = [_truth("case", pred) for pred, _ in pairs] if exclusive else (_truth("case", pred) for pred,
                                                                            _ in pairs)
    if exclusive and sum(truths) > 1:
        raise InvalidArgumentError("case: More than one condition evaluated as True but exclusive=True.  "
                                   f"Conditions: {truths}")
    chosen = next((fn for truth, (_, fn) in zip(truths, pairs, strict=True) if truth), default)
    if chosen is None:
        raise InvalidArgumentError(f"case: None of the {len(pairs)} conditions evaluated as True, "
                                   "and there is no default")
    return unpacked(chosen(), strict)


def checked_pairs(given):
    """The pairs (predicate, function) of a list or dict; TypeError for anything else."""
    if isinstance(given, dict):
        given = list(given.items())
    if not isinstance(given, list | tuple):
        raise TypeError(f"pred_fn_pairs must be a list, tuple, or dict, got {type(given).__name__}")
    for pair in given:
        if not isinstance(pair, tuple) or len(pair) != 2:
            raise TypeError(f"Each entry in pred_fn_pairs must be a 2-tuple, got {pair!r}")
        check_callable(f"fn for pred {pair[0]!r}", pair[1])
    return given


# ---- loops
def while_loop(cond, body, loop_vars, shape_invariants=None, parallel_iterations=10, back_prop=True,
               swap_memory=False, name=None, maximum_iterations=None, return_same_structure=False):
    """The loop variables after `loop_vars = body(*loop_vars)` while cond(*loop_vars) is true.

    Args:
        cond: a function of the loop variables that gives a bool or a scalar bool tensor.
        body: a function of the loop variables that gives new ones of the same structure.
        loop_vars: a list or tuple of the variables to start from: tensors or nested structures of them.
        back_prop: let tapes record the loop.
        maximum_iterations: how often to go round at most.
        return_same_structure: give a list even for one variable.
        shape_invariants, parallel_iterations, swap_memory: not used.

    Returns:
        The variables after the loop; where there is only one, that one.

    Raises:
        TypeError: cond or body can't be called.
        ValueError: no variables, or a body that gives another structure.

    >>> import numbaflow as nf
    >>> i, total = nf.while_loop(lambda i, t: i < 4, lambda i, t: (i + 1, t * 2.0), [0, 1.0])
    >>> total.numpy()
    np.float32(16.0)
    """
    check_loop(cond, body, loop_vars, parallel_iterations)
    state, left = nest.map_structure(_converted, loop_vars), limit(maximum_iterations)
    with recording(back_prop):
        while left != 0 and _truth("while_loop", cond(*state)):
            state, left = next_variables(body, state, _converted), left - 1
    return state[0] if len(state) == 1 and not return_same_structure else state


def check_loop(cond, body, loop_vars, parallel_iterations):
    """Raise for arguments that make no loop."""
    check_callable("cond", cond)
    check_callable("body", body)
    if parallel_iterations < 1:
        raise TypeError("parallel_iterations must be a positive integer.")
    if not loop_vars:
        raise ValueError("No loop variables provided")


def recording(back_prop):
    """A context in which tapes record or not."""
    return contextlib.nullcontext() if back_prop else silent()


def limit(maximum):
    """Iterations left; -1 and below for any number."""
    if maximum is None:
        return -1
    if int(maximum) < 0:
        raise InvalidArgumentError(f"while_loop: maximum_iterations must not be negative, got {int(maximum)}")
    return int(maximum)


def next_variables(body, state, converted):
    """What the body gives, in the structure of the loop variables, each made a tensor by `converted`."""
    found = body(*state)
    if len(state) == 1 and not (isinstance(found, list | tuple) and len(found) == 1):
        found = (found,)
    if not isinstance(found, list | tuple) or len(found) != len(state) or _form(found) != _form(state):
        raise ValueError("while_loop: The two structures don't have the same nested structure: "
                         f"the loop variables are {_form(state)}, body gave {_form(found)}")
    return nest.pack(state, [converted(x) for x in nest.flatten(found)])


def _form(structure):
    """The structure with a dot for each leaf, lists and tuples alike."""
    if isinstance(structure, dict):
        return {key: _form(structure[key]) for key in sorted(structure)}
    return [_form(part) for part in structure] if isinstance(structure, list | tuple) else "."


def _converted(value):
    """A tensor of a number, array or variable; other objects as they are."""
    if isinstance(value, bool | int | float | complex | np.ndarray | np.generic | Tensor) or hasattr(value,
                                                                                                     "_read"):
        return as_tensor(value)
    return value


# ---- gradients
def _second(x, y):
    return y


@elementwise(_second, kinds="biufc", holomorphic=False, grads={"x": lambda g: g, "y": None},
             reference=lambda x, y: np.broadcast_arrays(x, y)[1],
             samples=[Sample(normal(3, 4), normal(3, 4), grad=False), Sample(integers(4), 7)])
def straight_through(x, y, name=None):
    """The value of y with the gradient of x: y may be a step function of x, or what a variable is assigned.

    >>> import numbaflow as nf
    >>> from numbaflow.ops.control import straight_through
    >>> f = nf.value_and_gradients_function(lambda x: straight_through(x, nf.round(x)))
    >>> [t.numpy() for t in (f(2.6)[0], f(2.6)[1][0])]
    [np.float32(3.0), np.float32(1.0)]
    """
