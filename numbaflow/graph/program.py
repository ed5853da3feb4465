"""Programs: what a graph becomes when it is compiled."""
import numpy as np

from numbaflow.core.tensor import wrap

from .interpret import interpret


class Program:
    """The compiled form of a concrete function."""

    def __init__(self, concrete):
        self._concrete = concrete

    def __call__(self, tensors):
        concrete = self._concrete
        return self.run([*tensors, *[v._read() for v in concrete.reads], *[wrap(f()) for f in concrete.feeds]])

    def run(self, given):
        """The results for all inputs of the graph; variables are assigned."""
        concrete = self._concrete
        found = interpret(concrete.graph, given)
        for variable, t in zip(concrete.assigned, found[concrete.results:], strict=True):
            with variable._lock:
                variable._data = np.array(t._data, order="C")
        return found[:concrete.results]
