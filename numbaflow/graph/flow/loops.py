"""Loops: a body run again and again on what it gave, over rows of arrays, while a condition holds.

A node of LOOP has the inputs [bound, carried values, arrays, captured values] and the outputs [count,
carried values, arrays]: iteration i gets row i of each array and gives row i of each output array.  It ends
after `bound` iterations, or when the condition fails.  Attributes:

    body      (i, carried, rows, captured) -> (carried, rows)
    cond      (i, carried, captured) -> bool, or None
    carried, arrays   how many
    limit     the extent of arrays, which bound may be at most; None where it is unknown, without arrays
    reverse   count down from bound - 1

Where a tape records and the limit is known, what the gradient needs of each iteration is stacked into arrays,
and the gradient is a loop the other way round.  Without a limit the gradient runs the loop again and keeps
each iteration's record in a list (see replay.py).
"""
import functools

import numpy as np

from numbaflow.core import table
from numbaflow.core.abstract import current_trace
from numbaflow.core.dtypes import DIFFERENTIABLE
from numbaflow.core.errors import InternalError
from numbaflow.core.placement import Using, fetch, place_of, wrapped
from numbaflow.core.tensor import wrap
from numbaflow.graph import differentiate
from numbaflow.graph.flow.hosted import Hosted, composed, inlined, specs_of, used_inputs
from numbaflow.graph.flow.replay import replayed


# ---- running
def _loop(node, arrays):
    a = node.attributes
    n, last = a["carried"], 1 + a["carried"] + a["arrays"]
    bound, carried = int(arrays[0]), [wrap(x) for x in arrays[1:1 + n]]
    rows, captured = arrays[1 + n:last], [wrap(x) for x in arrays[last:]]
    body, cond, reverse = a["body"].program.call, a["cond"], a["reverse"]
    counts = _counts(a["body"]) or (cond is not None and _counts(cond))
    cond = cond and cond.program.call
    make = np.empty if cond is None and bound == a["limit"] else np.zeros
    stacks = [make(v.shape, v.dtype) for v in node.outputs[1 + n:]]
    at, count = _NOWHERE, 0
    while count < bound:
        i = bound - 1 - count if reverse else count
        if counts:
            at = wrap(np.array(i))
        if cond is not None and not cond([at, *carried, *captured])[0]._data:
            break
        found = body([at, *carried, *[wrap(x[i, ...]) for x in rows], *captured])
        carried = found[:n]
        for stack, t in zip(stacks, found[n:], strict=True):
            stack[i] = t._data
        count += 1
    return [np.array(count), *[t._data for t in carried], *stacks]


def _loop_on(node, tensors):
    """The loop on a GPU: its parts are programs there, and only the condition's value is waited for."""
    from numbaflow.kernels.cuda.arrays import assign, zeros
    a = node.attributes
    n, last = a["carried"], 1 + a["carried"] + a["arrays"]
    bound, carried, rows, captured = (int(fetch(tensors[0])), tensors[1:1 + n], tensors[1 + n:last],
                                      tensors[last:])
    body, cond, reverse = a["body"].program_for(tensors), a["cond"], a["reverse"]
    cond, at = cond and cond.program_for(tensors), place_of(tensors[0])
    with Using(tensors, at):
        stacks = [zeros(v.shape, v.dtype) for v in node.outputs[1 + n:]]
    count = 0
    while count < bound:
        i = bound - 1 - count if reverse else count
        number = wrap(np.array(i))
        if cond is not None and not fetch(cond.call([number, *carried, *captured])[0]):
            break
        found = body.call([number, *carried, *[wrapped(x._data[i, ...], at, x._stream) for x in rows],
                           *captured])
        carried = found[:n]
        with Using(found, at):
            for stack, t in zip(stacks, found[n:], strict=True):
                assign(stack[i, ...], t._data)
        count += 1
    return [wrap(np.array(count)), *carried, *[wrapped(stack, at) for stack in stacks]]


_NOWHERE = wrap(np.array(0))


def _counts(function):
    """Whether it uses the number of the iteration."""
    found = function._derivatives.get("counts")
    if found is None:
        found = function._derivatives["counts"] = 0 in used_inputs(function)
    return found


def _on_tensors(a, tensors):
    """A loop without arrays on tensors that tapes may trace."""
    n = a["carried"]
    bound, carried, captured = int(fetch(tensors[0])), tensors[1:1 + n], tensors[1 + n:]
    count = 0
    while count < bound:
        at = wrap(np.array(count))
        if a["cond"] is not None and not fetch(a["cond"].call([at, *carried, *captured])[0]):
            break
        carried = a["body"].call([at, *carried, *captured])
        count += 1
    return [wrap(np.array(count)), *carried]


# ---- gradients
def _differentiable(values, numbers):
    return [k for k in numbers if values[k].dtype in DIFFERENTIABLE]


def _traced(a, wanted):
    """The numbers of the body's inputs that get gradients: all carried ones, others where it is wanted."""
    values = a["body"].graph.inputs
    carried = _differentiable(values, range(1, 1 + a["carried"]))
    return (*carried, *[k for k in wanted if k > a["carried"] and values[k].dtype in DIFFERENTIABLE])


def _widened(a, inputs, specs):
    """The body with what its gradient needs as further rows."""
    if a["limit"] is None:
        return a, specs
    traced = _traced(a, [k for k, t in enumerate(inputs) if t._node is not None])
    body = a["body"]
    wide = body._derivatives.get(("wide", traced))
    if wide is None:
        wide = body._derivatives["wide", traced] = _wide(body, a["carried"], traced)
    more = specs_of(wide.graph.outputs[body.results:])
    return {**a, "body": wide}, [*specs, *[((a["limit"], *shape), dtype) for shape, dtype in more]]


def _wide(body, carried, traced):
    forward = differentiate.forward_of(body)
    outputs, inputs = forward.graph.outputs, forward.graph.inputs
    which = tuple(_differentiable(outputs, range(len(outputs))))
    backward, _ = differentiate.backward_of(forward, which, traced)
    used = used_inputs(backward)
    rows = outputs[carried:body.results]
    before = [k for k in used if 1 <= k <= carried and not any(v is inputs[k] for v in rows)]
    after = [k - len(inputs) for k in used if len(inputs) <= k < len(inputs) + len(outputs)]
    more = [k for k in after if k < carried or k >= body.results]

    def function(given):
        found = inlined(forward, given)
        return [*found[:body.results], *[given[k] for k in before], *[found[k] for k in more]]
    return composed(body.name, specs_of(inputs), function)


def _gradient(a, inputs, outputs, g, wanted):
    if a["limit"] is None:
        return replayed(functools.partial(_on_tensors, a), inputs, g, wanted)
    n, body = a["carried"], a["body"]
    carried = _differentiable(body.graph.outputs, range(n))
    which = (*carried, *[k - 1 for k in range(1 + n, len(g)) if g[k] is not None])
    traced = _traced(a, wanted)
    key = "loop", n, a["arrays"], which, traced
    back = body._derivatives.get(key)
    if back is None:
        back = body._derivatives[key] = _Backward(a, which, traced)
    return back.call(a, inputs, outputs, g, wanted)


class _Backward:
    """The body of the gradient of a loop, and how its operands come from those of the loop.

    It carries the gradients of carried values and sums of the gradients of captured ones.
    """

    def __init__(self, a, which, traced):
        body, n, m = a["body"], a["carried"], a["arrays"]
        backward, self.served = differentiate.backward_of(body, which, traced)
        values, first_captured = body.graph.inputs, 1 + n + m
        count, results = len(values), len(body.graph.outputs)
        self.carried = [k for k in which if k < n]
        self.summed = [k for k in self.served if k >= first_captured]
        self.rows = [k for k in self.served if n < k < first_captured]
        sources = [("index", 0)] + [self._kept(body, n, k) for k in range(1, 1 + n)]
        sources += [("array", k) for k in range(1 + n, first_captured)]
        sources += [("captured", k) for k in range(first_captured, count)]
        sources += [("carried out", k) if k < n else ("stack", k) for k in range(results)]
        sources += [("gradient", k) if k < n else ("gradient rows", k) for k in which]
        used = [sources[k] for k in used_inputs(backward)]
        for what, k in used:
            if what in ("carried in", "carried out"):
                raise InternalError(f"{body.name}: the gradient needs {what} {k}, which was not kept")
        self.arrays = list(dict.fromkeys(s for s in used if s[0] in ("array", "stack", "gradient rows")))
        self.captured = list(dict.fromkeys(s for s in used if s[0] == "captured"))
        given = specs_of([values[0], *[body.graph.outputs[k] for k in self.carried],
                          *[values[k] for k in self.summed]])
        given += specs_of([(values if what == "array" else body.graph.outputs)[k] for what, k in self.arrays])
        given += specs_of([values[k] for _, k in self.captured])
        specs = specs_of(backward.graph.inputs)

        def function(tensors):
            c, s = 1 + len(self.carried), 1 + len(self.carried) + len(self.summed)
            known = {("index", 0): tensors[0]}
            known.update(zip([("gradient", k) for k in self.carried], tensors[1:c], strict=True))
            known.update(zip([*self.arrays, *self.captured], tensors[s:], strict=True))
            trace = current_trace()
            found = inlined(backward, [known[x] if x in known else trace.filled(0, *spec)
                                       for x, spec in zip(sources, specs, strict=True)])
            found = dict(zip(self.served, found, strict=True))
            add = table.face("add")
            flat = specs_of(values)
            return [*[found[k + 1] if k + 1 in found else trace.filled(0, *flat[k + 1])
                      for k in self.carried],
                    *[add(total, found[k]) for total, k in zip(tensors[c:s], self.summed, strict=True)],
                    *[found[k] for k in self.rows]]
        self.body = composed(f"gradient of {body.name}", given, function)

    @staticmethod
    def _kept(body, n, k):
        """Where a carried value, as it comes in, is among the rows that the body gives."""
        for at in range(n, len(body.graph.outputs)):
            if body.graph.outputs[at] is body.graph.inputs[k]:
                return "stack", at
        return "carried in", k

    def call(self, a, inputs, outputs, g, wanted):
        """The gradients of the wanted inputs."""
        n = a["carried"]
        sources = {"array": inputs, "stack": outputs[1:], "gradient rows": g[1:]}
        start = [outputs[1 + k]._filled(0) if g[1 + k] is None else g[1 + k] for k in self.carried]
        start += [inputs[k]._filled(0) for k in self.summed]
        arrays = [sources[what][k] for what, k in self.arrays]
        rows = [inputs[k] for k in self.rows]
        found = LOOP([outputs[0], *start, *arrays, *[inputs[k] for _, k in self.captured]],
                     {"body": self.body, "cond": None, "carried": len(start), "arrays": len(arrays),
                      "limit": a["limit"], "reverse": not a["reverse"]},
                     specs_of([outputs[0], *start, *rows]))
        numbers = [*[k + 1 for k in self.carried], *self.summed, *self.rows]
        known = dict(zip(numbers, found[1:], strict=True))
        return tuple([known.get(k) if k <= n or k in self.served else None for k in wanted])


LOOP = Hosted("loop", _loop, _gradient, _widened, on_tensors=_loop_on)
LOOP_WITH_EFFECTS = Hosted("loop with effects", _loop, _gradient, _widened, effect=True, on_tensors=_loop_on)
