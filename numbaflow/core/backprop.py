"""The backward walk: from gradients of outputs to gradients of inputs, along one tape, last entry first.

Without a listening tape the rules run as fused kernels on arrays; under one they run as ops, which record
themselves, and so derivatives of any order come out.
"""
import numpy as np

from .accumulate import accumulate, dense
from .tape import IDLE, stack
from .tensor import Tensor, wrap


def ones_like(tensor):
    """The gradient of a target with respect to itself."""
    return tensor._filled(1.0)


def zeros(shape, dtype):
    trace = stack.frame[2]
    return wrap(np.zeros(shape, dtype)) if trace is None else trace.filled(0, shape, dtype)


def _all_outputs(nodes, grads, partial):
    """The gradients of all outputs of one op; None if nothing came back to any.

    Where nothing came back to one there are zeros, or None for a partial plan.
    """
    found = [None if n is None else grads.pop(n, None) for n in nodes]
    if all(g is None for g in found):
        return None
    if partial:
        return tuple([None if g is None else dense(g) for g in found])
    return tuple(zeros(n.shape, n.dtype) if g is None and n is not None else g if g is None else dense(g)
                 for g, n in zip(found, nodes, strict=True))


def walk(entries, grads, wanted):
    """Take grads {node: gradient} back through the entries, until it holds those of the nodes in `wanted`."""
    kept = {}
    silent = stack.frame is IDLE
    for plan, nodes, out, saved in reversed(entries):
        if plan.multiple:
            kept.update((n, grads[n]) for n in out if n in wanted and n in grads)
            g = _all_outputs(out, grads, plan.partial)
            if g is None:
                continue
        else:
            g = grads.pop(out, None)
            if g is None:
                continue
            if out in wanted:
                kept[out] = g
            if not isinstance(g, Tensor):
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
