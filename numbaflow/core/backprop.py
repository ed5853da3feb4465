"""The backward walk: from gradients of outputs to gradients of inputs, along one tape, last entry first.

Without a listening tape the rules run as fused kernels on arrays; under one they run as ops, which record themselves,
and so derivatives of any order come out.
"""
import numpy as np

from numbaflow.kernels.reduce import sum_to as _sum_array_to

from . import table
from .tape import stack
from .tensor import Tensor, wrap

_new = object.__new__


def ones_like(tensor):
    """The gradient of a target with respect to itself."""
    return wrap(np.ones(tensor._data.shape, tensor._data.dtype))


def zeros(shape, dtype):
    return wrap(np.zeros(shape, dtype))


def _sum_to(tensor, shape):
    """A gradient summed over what broadcasting repeated."""
    if tensor._node is not None and stack.tapes:
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
    """Take grads {node: gradient} back through the entries; gradients of the nodes in `wanted` end up in it."""
    kept = {}
    add = table.face("add")
    silent = not stack.tapes
    for plan, nodes, out, saved in reversed(entries):
        if plan.multiple:
            for n in out:
                if n in wanted and n in grads:
                    kept[n] = grads[n]
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
        for node, d in zip(nodes, found, strict=True):
            if d is None:
                continue
            if type(node) is tuple:                     # a variadic input: a gradient for each tensor of the list
                for n, each in zip(node, d, strict=True):
                    if n is not None and each is not None:
                        _accumulate(grads, n, each, add)
                continue
            if type(d) is Tensor and d._data.shape != node.shape:
                d = _sum_to(d, node.shape)
            have = grads.get(node)
            if have is None:
                grads[node] = d
            else:
                grads[node] = _total(have, d, add)
    grads.update(kept)


def _accumulate(grads, node, d, add):
    if type(d) is Tensor and d._data.shape != node.shape:
        d = _sum_to(d, node.shape)
    have = grads.get(node)
    grads[node] = d if have is None else _total(have, d, add)


def _total(a, b, add):
    if type(a) is Tensor and type(b) is Tensor:
        return add(a, b)
    if type(a) is type(b):
        return a.joined(b)
    return add(_dense(a), _dense(b))


def reaching(entries, sources):
    """The entries that lie on a path from the sources, and for each the traced inputs to go on to are as recorded."""
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
