"""The backward walk: from gradients of outputs to gradients of inputs, along one tape, last entry first.

Without a listening tape the rules run as fused kernels on arrays; under one they run as ops, which record
themselves, and so derivatives of any order come out.
"""
import numpy as np

from numbaflow.kernels.memory import empty

from .accumulate import accumulate, dense
from .tape import listening
from .tensor import Tensor, scalar_tensor, wrap


def ones_like(tensor):
    """The gradient of a target with respect to itself."""
    data = tensor._data
    if not data.ndim:
        # a tensor of its own: users may watch it
        return wrap(scalar_tensor(1.0, data.dtype, "gradient")._data)
    ones = empty(data.shape, data.dtype)
    ones.fill(1)
    return wrap(ones)


def zeros(shape, dtype):
    return wrap(np.zeros(shape, dtype))


def _all_outputs(nodes, grads):
    """The gradients of all outputs of one op, zeros where nothing came back; None if that is all of them."""
    found = [None if n is None else grads.pop(n, None) for n in nodes]
    if all(g is None for g in found):
        return None
    return tuple(zeros(n.shape, n.dtype) if g is None and n is not None else g if g is None else dense(g)
                 for g, n in zip(found, nodes, strict=True))


def walk(entries, grads, wanted):
    """Take grads {node: gradient} back through the entries, until it holds those of the nodes in `wanted`."""
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
        if silent:
            plan.backward(g, saved, nodes, grads)
        else:
            accumulate(grads, nodes, plan.run(g, saved))
    grads.update(kept)


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
