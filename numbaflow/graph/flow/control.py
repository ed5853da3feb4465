"""Control flow as functions: Python's own when run eagerly, nodes of the graph inside compiled functions.

A predicate that is known while tracing just picks.  Inside compiled functions every branch and body is traced
once and compiled by itself; variables that it reads and assigns, tensors around it and random numbers work as
in the function outside.  Gradients of any order exist.
"""
from numbaflow.core import dtypes, nest, table
from numbaflow.core.abstract import Traced, current_trace
from numbaflow.core.errors import InvalidArgumentError
from numbaflow.core.tensor import as_tensor
from numbaflow.graph.flow import branches
from numbaflow.graph.flow.looping import FOREVER, loop, paths
from numbaflow.graph.flow.printing import Assert
from numbaflow.ops import control as eager

__all__ = ["case", "cond", "switch_case", "while_loop"]


# ---- branches
def cond(pred, true_fn=None, false_fn=None, strict=False, name=None, fn1=None, fn2=None):
    """What true_fn() gives if pred is true, else what false_fn() gives; the other does not run.

    Args:
        pred: a bool or a scalar bool tensor.
        true_fn, false_fn: functions of no arguments.  In a compiled function they must give the same
            structure of tensors of the same shapes and dtypes; random keys of both are drawn.
        strict: keep a list or tuple of one as it is; otherwise its element is given.
        fn1, fn2: older names of true_fn and false_fn.

    Raises:
        TypeError: a branch is missing or can't be called.
        InvalidArgumentError: branches that do not fit each other, or a pred that is no scalar bool.

    >>> import numbaflow as nf
    >>> x = nf.constant(-3.0)
    >>> nf.cond(x < 0.0, lambda: -x, lambda: x).numpy()
    np.float32(3.0)
    """
    pred = _read(pred)
    if not isinstance(pred, Traced):
        return eager.cond(pred, true_fn, false_fn, strict, name, fn1, fn2)
    true_fn, false_fn = eager.both_branches(true_fn, false_fn, fn1, fn2)
    _check_scalar("cond", "pred", pred, "b")
    return eager.unpacked(branches.choose("cond", pred, [false_fn, true_fn], ["false_fn", "true_fn"]), strict)


def _read(value):
    return value._read() if hasattr(value, "_read") else value


def _check_scalar(what, name, t, kinds):
    if tuple(t._data.shape) != () or t._dtype.kind not in kinds:
        wanted = "bool" if kinds == "b" else "integer"
        raise InvalidArgumentError(f"{what}: {name} must be a scalar {wanted}, got {t._dtype} of shape "
                                   f"{tuple(t._data.shape)}")


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
    pairs = [(_read(pred), function) for pred, function in eager.checked_pairs(pred_fn_pairs)]
    if not any(isinstance(pred, Traced) for pred, _ in pairs):
        return eager.case(pairs, default, exclusive, strict, name)
    if default is not None:
        eager.check_callable("default", default)
    preds = [as_tensor(pred) for pred, _ in pairs]
    for pred in preds:
        _check_scalar("case", "a predicate", pred, "b")
    _check_truths(preds, default, exclusive)
    number = as_tensor(len(pairs))
    for k in reversed(range(len(pairs))):
        number = table.face("select")(preds[k], as_tensor(k), number)
    functions = [*[f for _, f in pairs], *([default] if default is not None else [])]
    names = [f"function {k}" for k in range(len(pairs))] + ["default"]
    return eager.unpacked(branches.choose("case", number, functions, names[:len(functions)]), strict)


def _check_truths(preds, default, exclusive):
    """Conditions on how many predicates are true, checked whenever the function runs."""
    count = table.face("add_n")([table.face("cast")(p, dtypes.INT32) for p in preds])
    if exclusive:
        Assert(count <= 1, ["case: More than one condition evaluated as True but exclusive=True.  "
                            "Conditions:", *preds])
    if default is None:
        Assert(count >= 1, [f"case: None of the {len(preds)} conditions evaluated as True, "
                            "and there is no default"])


def switch_case(branch_index, branch_fns, default=None, name="switch_case"):
    """What the function of a number gives; default(), or the last function, for a number that has none.

    Args:
        branch_index: a scalar integer.
        branch_fns: functions of no arguments in a list, or a dict or pairs of numbers 0, 1 ... and functions.
        default: a function of no arguments.

    Raises:
        TypeError: what can't be called, numbers that are not 0, 1, ... in pairs.

    >>> import numbaflow as nf
    >>> from numbaflow.graph.flow.control import switch_case
    >>> switch_case(nf.constant(1), [lambda: "zero", lambda: "one"])
    'one'
    """
    functions = _numbered(branch_fns)
    for k, f in enumerate(functions):
        eager.check_callable(f"branch_fns[{k}]", f)
    if default is not None:
        eager.check_callable("default", default)
        functions.append(default)
    number = as_tensor(branch_index)
    _check_scalar("switch_case", "branch_index", number, "iu")
    if isinstance(number, Traced):
        names = [f"branch {k}" for k in range(len(functions))]
        return branches.choose("switch_case", number, functions, names)
    return functions[int(number) if 0 <= int(number) < len(functions) else -1]()


def _numbered(given):
    pairs = list(given.items()) if isinstance(given, dict) else list(given)
    if not pairs:
        raise InvalidArgumentError("switch_case: expected at least one branch")
    if not isinstance(pairs[0], tuple):
        return pairs
    pairs.sort(key=lambda pair: pair[0])
    if [k for k, _ in pairs] != list(range(len(pairs))):
        raise InvalidArgumentError(f"switch_case: branches must have the numbers 0 to {len(pairs) - 1}, got "
                                   f"{[k for k, _ in pairs]}")
    return [f for _, f in pairs]


# ---- loops
def while_loop(cond, body, loop_vars, shape_invariants=None, parallel_iterations=10, back_prop=True,
               swap_memory=False, name=None, maximum_iterations=None, return_same_structure=False):
    """The loop variables after `loop_vars = body(*loop_vars)` while cond(*loop_vars) is true.

    In a compiled function the body is compiled once and run again and again; loop variables keep their
    dtypes and shapes.  Where the number of iterations follows from what is known while tracing, or where
    maximum_iterations is small (what is carried fits 64 MiB that many times), the gradient finds what it
    needs of each iteration in buffers; otherwise it runs the loop again and keeps a list.

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
        ValueError: no variables, a body that gives another structure, or, in a compiled function, changes the
            dtype or shape of a variable.

    >>> import numbaflow as nf
    >>> i, total = nf.while_loop(lambda i, t: i < 4, lambda i, t: (i + 1, t * 2.0), [0, 1.0])
    >>> total.numpy()
    np.float32(16.0)
    """
    if current_trace() is None:
        return eager.while_loop(cond, body, loop_vars, back_prop=back_prop,
                                maximum_iterations=maximum_iterations,
                                parallel_iterations=parallel_iterations,
                                return_same_structure=return_same_structure)
    eager.check_loop(cond, body, loop_vars, parallel_iterations)
    flat = [as_tensor(x) for x in nest.flatten(loop_vars)]

    def step(tensors, _):
        return nest.flatten(eager.next_variables(body, nest.pack(loop_vars, tensors), lambda x: x)), []

    def holds(tensors):
        return cond(*nest.pack(loop_vars, tensors))

    _, found, _ = loop("while_loop", step, flat, cond=holds, bound=_bound(maximum_iterations),
                       names=paths(loop_vars), back_prop=back_prop)
    state = nest.pack(loop_vars, found)
    return state[0] if len(state) == 1 and not return_same_structure else state


def _bound(maximum):
    maximum = _read(maximum)
    if isinstance(maximum, Traced):
        _check_scalar("while_loop", "maximum_iterations", maximum, "iu")
        return table.face("cast")(maximum, dtypes.INT64)
    limit = eager.limit(maximum)
    return FOREVER if limit < 0 else limit
