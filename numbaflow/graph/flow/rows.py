"""Functions of rows: map_fn, scan, foldl, foldr.  Eagerly a Python loop, in compiled functions a node."""
from numbaflow.core import dtypes, nest, table
from numbaflow.core.abstract import current_trace
from numbaflow.core.errors import InvalidArgumentError
from numbaflow.core.tensor import as_tensor
from numbaflow.graph.flow.branches import form
from numbaflow.graph.flow.looping import loop
from numbaflow.ops import control as eager

__all__ = ["foldl", "foldr", "map_fn", "scan"]


def map_fn(fn, elems, dtype=None, parallel_iterations=None, back_prop=True, swap_memory=False,
           infer_shape=True, name=None):
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
    >>> from numbaflow.graph.flow.rows import map_fn
    >>> map_fn(lambda row: nf.reduce_sum(row), nf.constant([[1.0, 2.0], [3.0, 4.0]])).numpy().tolist()
    [3.0, 7.0]
    """
    eager.check_callable("fn", fn)
    rows, count = _rows("map_fn", elems)
    made = []

    def step(_, row):
        made[:] = [fn(nest.pack(elems, row) if nest.is_nested(elems) else row[0])]
        return [], nest.flatten(made[0])

    _, stacked = _run("map_fn", step, [], rows, count, False, back_prop)
    result = _like(made[0], stacked)
    _check_dtypes("map_fn", dtype, result)
    return result


def scan(fn, elems, initializer=None, parallel_iterations=10, back_prop=True, swap_memory=False,
         infer_shape=True, reverse=False, name=None):
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
    >>> from numbaflow.graph.flow.rows import scan
    >>> scan(lambda a, x: a + x, nf.constant([1.0, 2.0, 3.0])).numpy().tolist()
    [1.0, 3.0, 6.0]
    """
    _, stacked, first = _folded("scan", fn, elems, initializer, back_prop, reverse, True)
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
    >>> from numbaflow.graph.flow.rows import foldl
    >>> foldl(lambda a, x: a - x, nf.constant([1.0, 2.0, 3.0])).numpy()
    np.float32(-4.0)
    """
    carried, _, _ = _folded("foldl", fn, elems, initializer, back_prop, False, False)
    return _like(elems if initializer is None else initializer, carried)


def foldr(fn, elems, initializer=None, parallel_iterations=10, back_prop=True, swap_memory=False, name=None):
    """`foldl` from the last row to the first.

    >>> import numbaflow as nf
    >>> from numbaflow.graph.flow.rows import foldr
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
        raise InvalidArgumentError(f"{what}: elements in elems must have the same first extent, got shapes "
                                   f"{shapes}")
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
        if form(found) != form(like):
            wanted = "elems" if initializer is None else "initializer"
            raise InvalidArgumentError(f"{what}: fn must give the structure of {wanted}, {form(like)}, "
                                       f"it gave {form(found)}")
        found = [as_tensor(x) for x in nest.flatten(found)]
        return found, found if stack else []

    carried, stacked = _run(what, step, start, rows, count, reverse, back_prop)
    if count == 0 and stack and not stacked:
        stacked = [t[:0] for t in rows] if first else [_no_rows(t) for t in start]
    return carried, stacked, first


def _no_rows(t):
    return table.face("expand_dims")(t, 0)[:0]


def _run(what, step, state, rows, count, reverse, back_prop):
    """(values carried to the end, those of each round stacked)"""
    if current_trace() is not None:
        names = [f"value {k} that is carried on" for k in range(len(state))]
        _, state, stacked = loop(what, step, state, rows, reverse=reverse, names=names, back_prop=back_prop)
        return state, stacked
    results = []
    with eager.recording(back_prop):
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
        raise InvalidArgumentError(f"{what}: dtype says {[d.name for d in given]}, fn gave "
                                   f"{[d.name for d in found]}")

