"""How a loop is traced: its body and condition once each, on stand-ins for what changes each time."""
import numpy as np

from numbaflow.core import dtypes, nest, table
from numbaflow.core.abstract import Traced, current_trace
from numbaflow.core.errors import InvalidArgumentError
from numbaflow.core.shape import Extent
from numbaflow.core.tape import tracing
from numbaflow.core.tensor import Tensor, as_tensor, scalar_tensor, wrap
from numbaflow.graph.flow.hosted import composed, inlined, specs_of, used_inputs
from numbaflow.graph.flow.inner import Inner, Outside, concrete
from numbaflow.graph.flow.loops import LOOP, LOOP_WITH_EFFECTS

FOREVER = 2**62
_RECORDED = 64 << 20            # bytes of rows that a loop of at most so many iterations may record
_COUNTED = 10_000               # iterations that are counted while tracing


def loop(what, body, carried, rows=(), cond=None, bound=None, reverse=False, names=None,
         back_prop=True):
    """(count, carried tensors, stacked tensors) of a loop that is traced here.

    Args:
        body: a function (carried tensors, row tensors) that gives (new carried values, values to stack).
        carried: the tensors to start from; `names` is what errors call them.
        rows: tensors along whose first axis it goes.
        cond: a function of the carried tensors that gives a scalar bool.
        bound: the most iterations, an int or a tensor; by default as many as there are rows.
        back_prop: whether gradients go through it.
    """
    trace, n = current_trace(), len(carried)
    step = Inner(f"body of {what}", trace, index=True)
    given = [step.input(*spec) for spec in specs_of(carried)]
    each = [step.input(t._data.shape[1:], t._dtype) for t in rows]
    with step.written():
        found, stacked = body(given, each)
        found = [_fitting(what, *x) for x in zip(names, found, carried, strict=True)]
        stacked = [as_tensor(y) for y in stacked]
        variables = list(step.assigned)
        outputs = [step.value(t) for t in (*found, *[step.read(v) for v in variables], *stacked)]
    test = _condition(what, trace, cond, carried) if cond is not None else None
    inners = [step] if test is None else [step, test[0]]
    outside = Outside(inners, but=variables)
    inputs = [step.index, *given]
    body = concrete(step, [*[t._value for t in inputs], *[step.reads[v] for v in variables],
                           *[t._value for t in each], *outside.inputs(step)], outputs)
    if test is not None:
        inner, stand_ins, value = test
        own = [inner.read_input(v, step.reads[v]) for v in variables]
        test = concrete(inner, [inner.index._value, *stand_ins, *own, *outside.inputs(inner)], [value])
    bound = bound if bound is not None else rows[0]._data.shape[0]
    start = [*carried, *[v._read() for v in variables]]
    bound, limit, test = _limits(bound, test, body, start, bool(rows))
    kind = LOOP_WITH_EFFECTS if any(inner.has_effect() for inner in inners) else LOOP
    specs = [((), dtypes.INT64), *specs_of(start),
             *[((limit, *shape), dtype) for shape, dtype in specs_of(outputs[len(start):])]]
    made = kind([bound, *start, *rows, *outside.operands()],
                {"body": body, "cond": test, "carried": len(start), "arrays": len(rows), "limit": limit,
                 "reverse": reverse}, specs)
    for v, t in zip(variables, made[1 + n:1 + len(start)], strict=True):
        trace.assign(v, t)
    if not back_prop:
        made = [made[0], *map(table.face("stop_gradient"), made[1:])]
    return made[0], made[1:1 + n], made[1 + len(start):]


def _fitting(what, name, value, before):
    """A new value of a loop variable, of its dtype and shape."""
    number = type(value) in (bool, int, float, complex)
    t = scalar_tensor(value, before._dtype, what) if number else as_tensor(value)
    if t._dtype != before._dtype or tuple(t._data.shape) != tuple(before._data.shape):
        raise InvalidArgumentError(
            f"{what}: {name} was {before._dtype} of shape {tuple(before._data.shape)} and became {t._dtype} "
            f"of shape {tuple(t._data.shape)} in the body; dtype and shape must stay the same")
    return t


def _condition(what, trace, cond, carried):
    """(trace, values that stand for what is carried, value of the condition)"""
    inner = Inner(f"condition of {what}", trace, index=True)
    given = [inner.input(*spec) for spec in specs_of(carried)]
    with inner.written():
        holds = as_tensor(cond(given))
        if tuple(holds._data.shape) != () or holds._dtype.kind != "b":
            raise InvalidArgumentError(f"{what}: cond must give a scalar bool, got {holds._dtype} of shape "
                                       f"{tuple(holds._data.shape)}")
    if inner.assigned:
        raise InvalidArgumentError(f"{what}: cond assigns {', '.join(v.name for v in inner.assigned)}; "
                                   "assign variables in the body")
    return inner, [t._value for t in given], inner.value(holds)


def _limits(bound, cond, body, start, has_rows):
    """(the bound as a tensor, the limit or None, the condition that is left)"""
    if isinstance(bound, Tensor):
        return bound, None, cond
    if cond is not None:
        count = _count(cond, body, start, bound)
        if count is not None:
            bound, cond = count, None
        elif bound * sum(t._data.nbytes for t in start) > _RECORDED:
            return as_tensor(bound, dtypes.INT64), None, cond
    return as_tensor(bound, dtypes.INT64), bound, cond


def _count(cond, body, start, bound):
    """How often the body runs, where that follows from values that are known now; else None."""
    n, needed, left = len(start), set(), [k for k in used_inputs(cond) if k]
    parts, specs = {}, specs_of(body.graph.inputs)
    while left:
        k = left.pop()
        if k > n or isinstance(start[k - 1], Traced) or start[k - 1]._data.size != 1:
            return None
        if k not in needed:
            needed.add(k)
            parts[k] = composed("count", specs, lambda given, k=k: [inlined(body, given)[k - 1]])
            if any(node.has_effect for node in parts[k].graph.nodes):
                return None
            left += [j for j in used_inputs(parts[k]) if j]
    order = sorted(needed)

    def step(given):
        known = dict(zip((0, *order), given, strict=True))
        full = [known[k] if k in known else current_trace().filled(0, *spec)
                for k, spec in enumerate(specs)]
        found = inlined(body, full)
        after = [found[k - 1] for k in order]
        known.update(zip(order, after, strict=True))
        full = [known[k] if k in known else current_trace().filled(0, *spec)
                for k, spec in enumerate(specs_of(cond.graph.inputs))]
        return [*inlined(cond, full), *after]
    return _counted(composed("count", [specs[k] for k in (0, *order)], step), cond, start, order, bound)


def _counted(step, cond, start, order, bound):
    """Run the counting part op by op."""
    with tracing(None):
        state = [start[k - 1] for k in order]
        # (of what the condition does not use the shape may be unknown)
        first = [start[k - 1] if k in order
                 else wrap(np.zeros([0 if isinstance(n, Extent) else n for n in v.shape], v.dtype))
                 for k, v in enumerate(cond.graph.inputs)]
        holds, count = bool(inlined(cond, first)[0]), 0
        while holds and count < min(bound, _COUNTED):
            holds, *state = inlined(step, [as_tensor(count, dtypes.INT64), *state])
            count += 1
        return count if not holds or count == bound else None


def paths(structure, name="loop variable"):
    """What errors call the leaves of a structure: loop variable 0, loop variable 1['a'] ..."""
    return [f"{name} {k}{path}" for k, part in enumerate(structure) for path in _paths(part)]


def _paths(part):
    if isinstance(part, dict):
        return [f"[{key!r}]{path}" for key in nest.ordered_keys(part) for path in _paths(part[key])]
    if isinstance(part, (list, tuple)):
        return [f"[{k}]{path}" for k, each in enumerate(part) for path in _paths(each)]
    return [""]
