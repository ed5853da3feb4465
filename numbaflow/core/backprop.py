"""The backward walk: from gradients of outputs to gradients of inputs, along one tape, last entry first.

Without a listening tape the rules run as fused kernels on arrays; under one they run as ops, which record themselves,
and so derivatives of any order come out.
"""
import numpy as np

from numbaflow.kernels.memory import empty
from numbaflow.kernels.reduce import sum_to as _sum_array_to

from . import table
from .tape import listening
from .tensor import Tensor, scalar_tensor, wrap


def ones_like(tensor):
    """The gradient of a target with respect to itself."""
    data = tensor._data
    if not data.ndim:
        return wrap(scalar_tensor(1.0, data.dtype)._data)       # a tensor of its own: users may watch it
    ones = empty(data.shape, data.dtype)
    ones.fill(1)
    return wrap(ones)


def zeros(shape, dtype):
    return wrap(np.zeros(shape, dtype))


def _sum_to(tensor, shape):
    """A gradient summed over what broadcasting repeated."""
    if tensor._node is not None and listening():
        return table.face("sum_to")(tensor, shape)
    return wrap(_sum_array_to(tensor._data, shape))


def _dense(g):
    return g if type(g) is Tensor else g.to_dense()


def _all_outputs(nodes, grads):
    """The gradients of all outputs of one op, zeros for those nothing came back to; None if that is all of them."""
    found = [None if n is None else grads.pop(n, None) for n in nodes]
    if all(g is None for g in found):
        return None
    return tuple(zeros(n.shape, n.dtype) if g is None and n is not None else g if g is None else _dense(g)
                 for g, n in zip(found, nodes, strict=True))


def walk(entries, grads, wanted):
    """Take grads {node: gradient} back through the entries; those of the nodes in `wanted` are in it at the end."""
    kept = {}
    silent = not listening()
    for plan, nodes, out, saved in reversed(entries):
        if plan.multiple:
            kept.update((n, grads[n]) for n in out if n in wanted and n in grads)
            g = _all_outputs(out, grads)
            if g is None:
                continue
        else:
            g = grads.pop(out, None)
            if g is None:
                continue
            if out in wanted:
                kept[out] = g
            if type(g) is not Tensor:
                g = g.to_dense()
        found = plan.backward(g, saved) if silent else plan.run(g, saved)
        for node, d in zip(nodes, found):               # noqa: B905  # (strict costs as much as the rest of the loop)
            if d is None:
                continue
            if type(node) is tuple:                     # a variadic input: a gradient for each tensor of the list
                for n, each in zip(node, d, strict=True):
                    if n is not None and each is not None:
                        _accumulate(grads, n, each)
                continue
            if type(d) is Tensor and d._data.shape != node.shape:
                d = _sum_to(d, node.shape)
            have = grads.get(node)
            grads[node] = d if have is None else summed(have, d)
    grads.update(kept)


def _accumulate(grads, node, d):
    if type(d) is Tensor and d._data.shape != node.shape:
        d = _sum_to(d, node.shape)
    have = grads.get(node)
    grads[node] = d if have is None else summed(have, d)


def summed(a, b):
    """The sum of two gradients of one value, either of which may be IndexedSlices."""
    if type(a) is Tensor and type(b) is Tensor:
        return table.OPS["add"].face(a, b)
    if type(a) is type(b):
        return a.joined(b)
    return table.OPS["add"].face(_dense(a), _dense(b))


def reaching(entries, sources):
    """The entries that lie on a path from the sources."""
    reached = set(sources)
    kept = []
    for entry in entries:
        nodes = entry[1]
        if any(_reached(n, reached) for n in nodes):
            kept.append(entry)
            out = entry[2]
            if type(out) is tuple:
                reached.update(n for n in out if n is not None)
            else:
                reached.add(out)
    return kept


def _reached(node, reached):
    return any(n in reached for n in node) if type(node) is tuple else node in reached
