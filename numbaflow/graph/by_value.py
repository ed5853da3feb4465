"""Functions in which the values decide a shape, as with boolean_mask or unique: run op by op, not compiled.

Python still runs once, and everything else of a function holds; what follows in the graph knows such an
extent as a Dim, which has a size when the op before it has run.
"""
import numpy as np

from numbaflow.core.dim import Dim, evaluated, numbers, solved
from numbaflow.core.shape import UNKNOWN
from numbaflow.core.tensor import wrap
from numbaflow.graph import ir
from numbaflow.graph.interpret import run_node

_EXAMPLE = 7919                 # decides what a trace asks about such an extent: large, and equal to no other


def specs(op, inputs, attributes, known, unknowns):
    """(shape, dtype) of the results of an op for inputs with shapes, with new Dims for what values decide.

    `known` is what the op's rule says, None for an op without one: then the first extents are unknown.
    """
    if known is not None:
        return [(tuple([unknowns.dim(_EXAMPLE) if n is None else n for n in shape]), dtype)
                for shape, dtype in known]

    def example(x):
        if isinstance(x, list):
            return [example(each) for each in x]
        return np.zeros([2 if isinstance(n, Dim) else n for n in x.shape], x.dtype)
    vague = any(isinstance(n, Dim) for x in inputs for each in (x if isinstance(x, list) else [x])
                for n in each.shape[1:])
    found = op.launch(*map(example, inputs), **attributes)
    results = [found] if op.outputs is None else list(found)
    return [(tuple([unknowns.dim(_EXAMPLE) if k == 0 or vague else n for k, n in enumerate(np.shape(r))]),
             np.asarray(r).dtype) for r in results]


class Interpreted:
    """What stands for a program: the graph run op by op, in which tapes record what they hear."""

    def __init__(self, concrete):
        self._concrete = concrete

    def __call__(self, tensors):
        """The results for argument tensors; variables are assigned."""
        concrete = self._concrete
        return self.run([*tensors, *[v._read() for v in concrete.reads],
                         *[wrap(f()) for f in concrete.feeds]])

    call = __call__

    def run(self, given):
        """The results for tensors of all inputs of the graph."""
        concrete, graph = self._concrete, self._concrete.graph
        known, sizes = dict(zip(graph.inputs, given, strict=True)), {}
        for node in graph.nodes:
            if node.op is ir.INPUT:
                continue
            attributes = evaluated(node.attributes, sizes) if numbers(node.attributes) else node.attributes
            now = ir.Node(node.op, node.inputs, attributes, [(evaluated(v.shape, sizes) if _settled(v, sizes)
                                                              else v.shape, v.dtype) for v in node.outputs],
                          node.sizes, node.where)
            results = run_node(now, [known[v] for v in node.inputs])
            for v, t in zip(node.outputs, results, strict=True):
                known[v] = t
                if v.shape is not UNKNOWN:
                    sizes.update(solved(v.shape, t._data.shape))
        found = [known[v] for v in graph.outputs]
        for variable, t in zip(concrete.assigned, found[concrete.results:], strict=True):
            variable.assign(t)
        return found[:concrete.results]


def _settled(value, sizes):
    return value.shape is not UNKNOWN and numbers(value.shape) <= sizes.keys()
