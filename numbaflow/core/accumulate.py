"""Gradients that come several ways: they are summed, over broadcasting too, under the node they belong to."""
from numbaflow.kernels.reduce import sum_to

from . import table
from .tape import listening
from .tensor import Tensor, wrap


def accumulate(grads, nodes, found):
    """Add the gradients of an op's inputs to those that are there."""
    for node, d in zip(nodes, found):           # noqa: B905  (strict costs as much as the rest of the loop)
        if type(node) is tuple:                 # a variadic input: a gradient for each tensor of the list
            for n, each in zip(node, d or [None] * len(node), strict=True):
                if n is not None:
                    accumulate_one(grads, n, each)
        else:
            accumulate_one(grads, node, d)


def accumulate_one(grads, node, d):
    """Add one gradient, summed over what broadcasting repeated."""
    if d is None:
        return
    if isinstance(d, Tensor) and d._data.shape != node.shape:
        d = _sum_to(d, node.shape)
    have = grads.get(node)
    grads[node] = d if have is None else summed(have, d)


def _sum_to(tensor, shape):
    if type(tensor) is not Tensor or (tensor._node is not None and listening()):
        return table.face("sum_to")(tensor, shape)
    return wrap(sum_to(tensor._data, shape))


def summed(a, b):
    """The sum of two gradients of one value, either of which may be slices of it."""
    if isinstance(a, Tensor) and isinstance(b, Tensor):
        return table.OPS["add"].face(a, b)
    if type(a) is type(b):
        return a.joined(b)
    return table.OPS["add"].face(dense(a), dense(b))


def dense(g):
    """A gradient as a tensor."""
    return g if isinstance(g, Tensor) else g.to_dense()
