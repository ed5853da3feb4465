"""Control flow as functions: Python's own when run eagerly, nodes of the graph inside compiled functions.

A predicate that is known while tracing just picks.  Inside compiled functions every branch and body is traced
once and compiled by itself; variables that it reads and assigns, tensors around it and random numbers work as
in the function outside.  Gradients of any order exist.
"""
from numbaflow.core import dtypes, nest, table
from numbaflow.core.abstract import Traced, current_trace
from numbaflow.core.errors import InvalidArgumentError
from numbaflow.core.tensor import as_tensor
from numbaflow.ops import control as eager

from . import branches
from .looping import FOREVER, loop, paths

__all__ = ["case", "cond", "foldl", "foldr", "map_fn", "scan", "switch_case", "while_loop"]


# ---- branches
def cond(pred, true_fn=None, false_fn=None, strict=False, name=None, fn1=None, fn2=None):
    """What true_fn() gives if pred is true, else what false_fn() gives; the other does not run.

    Args:
        pred: a bool or a scalar bool tensor.
        true_fn, false_fn: functions of no arguments.  In a compiled function they must give the same structure
            of tensors of the same shapes and dtypes; random keys of both are drawn.
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
        raise InvalidArgumentError(f"{what}: {name} must be a scalar {'bool' if kinds == 'b' else 'integer'}, got "
                                   f"{t._dtype} of shape {tuple(t._data.shape)}")


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
        number = table.face("where")(preds[k], as_tensor(k), number)
    functions = [*[f for _, f in pairs], *([default] if default is not None else [])]
    names = [f"function {k}" for k in range(len(pairs))] + ["default"]
    return eager.unpacked(branches.choose("case", number, functions, names[:len(functions)]), strict)


def _check_truths(preds, default, exclusive):
    """Conditions on how many predicates are true, checked whenever the function runs."""
    from .host import Assert
    count = table.face("add_n")([table.face("cast")(p, dtypes.INT32) for p in preds])
    if exclusive:
        Assert(count <= 1, ["case: More than one condition evaluated as True but exclusive=True.  Conditions:", *preds])
    if default is None:
        Assert(count >= 1, [f"case: None of the {len(preds)} conditions evaluated as True, and there is no default"])


def switch_case(branch_index, branch_fns, default=None, name="switch_case"):
    """What the function of a number gives; default(), or the last function, for a number that has none.

    Args:
        branch_index: a scalar integer.
        branch_fns: functions of no arguments in a list, or a dict or pairs of numbers 0, 1 ... and functions.
        default: a function of no arguments.

    Raises:
        TypeError: what can't be called, numbers that are not 0, 1, ... in pairs.

    >>> import numbaflow as nf
    >>> from numbaflow.graph.control import switch_case
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
        return branches.choose("switch_case", number, functions, [f"branch {k}" for k in range(len(functions))])
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

    In a compiled function the body is compiled once and run again and again; loop variables keep their dtypes
    and shapes.  Where the number of iterations follows from what is known while tracing, or maximum_iterations
    is small, the gradient finds what it needs of each iteration in buffers; otherwise it runs the loop again.

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
        return eager.while_loop(cond, body, loop_vars, shape_invariants, parallel_iterations, back_prop, swap_memory,
                                name, maximum_iterations, return_same_structure)
    eager.check_loop(cond, body, loop_vars, parallel_iterations)
    flat = [as_tensor(x) for x in nest.flatten(loop_vars)]

    def step(tensors, _):
        return nest.flatten(eager.next_variables(body, nest.pack(loop_vars, tensors), lambda x: x)), []

    with eager.recording(back_prop):
        _, found, _ = loop("while_loop", step, flat, cond=lambda tensors: cond(*nest.pack(loop_vars, tensors)),
                           bound=_bound(maximum_iterations), names=paths(loop_vars))
    state = nest.pack(loop_vars, found)
    return state[0] if len(state) == 1 and not return_same_structure else state


def _bound(maximum):
    maximum = _read(maximum)
    if isinstance(maximum, Traced):
        _check_scalar("while_loop", "maximum_iterations", maximum, "iu")
        return table.face("cast")(maximum, dtypes.INT64)
    limit = eager.limit(maximum)
    return FOREVER if limit < 0 else limit


def map_fn(fn, elems, dtype=None, parallel_iterations=None, back_prop=True, swap_memory=False, infer_shape=True,
           name=None):
    """The results of fn for each row of elems along the first axis, stacked.

    Args:
        fn: a function of a row, or of a structure of rows, that gives a tensor or a structure of tensors.
        elems: a tensor, or a structure of tensors with the same first extent.
        dtype: the structure of the result's dtypes where it is not that of elems; checked.
        back_prop: let tapes record it.
        parallel_iterations, swap_memory, infer_shape: not used.

    Raises:
        InvalidArgumentError: elems without a first axis or of different extents.

    >>> import numbaflow as nf
    >>> from numbaflow.graph.control import map_fn
    >>> map_fn(lambda row: nf.reduce_sum(row), nf.constant([[1.0, 2.0], [3.0, 4.0]])).numpy().tolist()
    [3.0, 7.0]
    """
    eager.check_callable("fn", fn)
    rows, count = _rows("map_fn", elems)
    made = []

    def step(_, row):
        made[:] = [fn(nest.pack(elems, row) if nest.is_nested(elems) else row[0])]
        return [], nest.flatten(made[0])

    with eager.recording(back_prop):
        _, stacked = _run("map_fn", step, [], rows, count, False)
    result = _like(made[0], stacked)
    _check_dtypes("map_fn", dtype, result)
    return result


def scan(fn, elems, initializer=None, parallel_iterations=10, back_prop=True, swap_memory=False, infer_shape=True,
         reverse=False, name=None):
    """All values of `a = fn(a, row)` along the first axis of elems, stacked.

    Args:
        fn: a function of what it gave before and a row, both structures where those given are.
        elems: a tensor, or a structure of tensors with the same first extent.
        initializer: the first `a`; without it the first row is, and stands first in the result.
        back_prop: let tapes record it.
        reverse: go from the last row to the first; the result keeps the places of rows.
        parallel_iterations, swap_memory, infer_shape: not used.

    Raises:
        InvalidArgumentError: elems without a first axis or of different extents, no rows and no initializer;
            in a compiled function, an fn that changes dtypes or shapes.

    >>> import numbaflow as nf
    >>> from numbaflow.graph.control import scan
    >>> scan(lambda a, x: a + x, nf.constant([1.0, 2.0, 3.0])).numpy().tolist()
    [1.0, 3.0, 6.0]
    """
    carried, stacked, first = _folded("scan", fn, elems, initializer, back_prop, reverse, True)
    if first is not None:
        concat, expand = table.face("concat"), table.face("expand_dims")
        pairs = [(expand(t, 0), more) for t, more in zip(first, stacked, strict=True)]
        stacked = [concat([more, one] if reverse else [one, more], 0) for one, more in pairs]
    return _like(elems if initializer is None else initializer, stacked)


def foldl(fn, elems, initializer=None, parallel_iterations=10, back_prop=True, swap_memory=False, name=None):
    """The last value of `a = fn(a, row)` along the first axis of elems, from the first row on.

    Args:
        fn: a function of what it gave before and a row, both structures where those given are.
        elems: a tensor, or a structure of tensors with the same first extent.
        initializer: the first `a`; the first row without it.
        back_prop: let tapes record it.
        parallel_iterations, swap_memory: not used.

    >>> import numbaflow as nf
    >>> from numbaflow.graph.control import foldl
    >>> foldl(lambda a, x: a - x, nf.constant([1.0, 2.0, 3.0])).numpy()
    np.float32(-4.0)
    """
    carried, _, _ = _folded("foldl", fn, elems, initializer, back_prop, False, False)
    return _like(elems if initializer is None else initializer, carried)


def foldr(fn, elems, initializer=None, parallel_iterations=10, back_prop=True, swap_memory=False, name=None):
    """`foldl` from the last row to the first.

    >>> import numbaflow as nf
    >>> from numbaflow.graph.control import foldr
    >>> foldr(lambda a, x: a - x, nf.constant([1.0, 2.0, 3.0])).numpy()
    np.float32(0.0)
    """
    carried, _, _ = _folded("foldr", fn, elems, initializer, back_prop, True, False)
    return _like(elems if initializer is None else initializer, carried)


# ---- what loops over rows share
def _rows(what, elems):
    rows = [as_tensor(x) for x in nest.flatten(elems)]
    if not rows:
        raise InvalidArgumentError(f"{what}: elems must have at least one tensor")
    shapes = [tuple(t._data.shape) for t in rows]
    if any(not s for s in shapes):
        raise InvalidArgumentError(f"{what}: elements in elems must be 1+ dimensional, got shapes {shapes}")
    if any(s[0] != shapes[0][0] for s in shapes):
        raise InvalidArgumentError(f"{what}: elements in elems must have the same first extent, got shapes {shapes}")
    return rows, shapes[0][0]


def _folded(what, fn, elems, initializer, back_prop, reverse, stack):
    """(values carried to the end, those of each round stacked, the row that was the start or None)"""
    eager.check_callable("fn", fn)
    rows, count = _rows(what, elems)
    first, like = None, initializer
    if initializer is None:
        if count == 0:
            raise InvalidArgumentError(f"{what}: elems has no rows and there is no initializer")
        like, first = elems, [t[-1] if reverse else t[0] for t in rows]
        rows, count = [t[:-1] if reverse else t[1:] for t in rows], count - 1
    start = first or [as_tensor(x) for x in nest.flatten(initializer)]

    def step(state, row):
        found = fn(_like(like, state), _like(elems, row))
        if branches.form(found) != branches.form(like):
            raise InvalidArgumentError(f"{what}: fn must give the structure of "
                                       f"{'elems' if initializer is None else 'initializer'}, {branches.form(like)}, "
                                       f"it gave {branches.form(found)}")
        found = [as_tensor(x) for x in nest.flatten(found)]
        return found, found if stack else []

    with eager.recording(back_prop):
        carried, stacked = _run(what, step, start, rows, count, reverse)
    if count == 0 and stack and not stacked:
        stacked = [t[:0] for t in rows] if first else [_no_rows(t) for t in start]
    return carried, stacked, first


def _no_rows(t):
    return table.face("expand_dims")(t, 0)[:0]


def _run(what, step, state, rows, count, reverse):
    if current_trace() is not None:
        names = [f"value {k} that is carried on" for k in range(len(state))]
        _, state, stacked = loop(what, step, state, rows, reverse=reverse, names=names)
        return state, stacked
    results = []
    for i in reversed(range(count)) if reverse else range(count):
        state, found = step(state, [t[i] for t in rows])
        results.append([as_tensor(y) for y in found])
    if reverse:
        results.reverse()
    if not results and what == "map_fn":
        raise InvalidArgumentError("map_fn: elems has no rows, so the shape of the result is not known")
    return state, [table.face("stack")(list(column)) for column in zip(*results, strict=True)]


def _like(structure, leaves):
    return nest.pack(structure, leaves) if nest.is_nested(structure) else leaves[0]


def _check_dtypes(what, wanted, result):
    if wanted is None:
        return
    found = [t._dtype for t in nest.flatten(result)]
    given = [dtypes.as_numpy(d) for d in nest.flatten(wanted)]
    if found != given:
        raise InvalidArgumentError(f"{what}: dtype says {[d.name for d in given]}, fn gave {[d.name for d in found]}")

