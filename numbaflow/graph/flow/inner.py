"""Traces inside a trace: branches and bodies, with what they take from outside.

An inner trace has inputs for tensors of outer traces that it uses and for variables that it reads; `closed`
gives several of them the same list of operands.  Random keys are fed to the outermost trace, because a graph
is a pure function of its inputs; the body of a loop folds the number of the iteration into its keys.
"""
import contextlib

from numbaflow.core.abstract import Traced
from numbaflow.core.tape import Tape, listening, push, tracing
from numbaflow.graph.concrete import Concrete
from numbaflow.graph.trace import Trace
from numbaflow.ops.random import Keys, fold_in


class Inner(Trace):
    """A trace whose tensors of outer traces and variables become inputs of its own.

    `index` is the traced number of the iteration where it is the body of a loop.
    """

    def __init__(self, name, parent, index=False):
        super().__init__(name, parent)
        self.index = self.input((), "int64", "iteration") if index else None

    @contextlib.contextmanager
    def written(self):
        """A context in which ops go to this trace.

        Outer tapes hear in it what is done to tensors that they trace and whose values are known, which run
        at once; what is done to traced tensors is recorded as the one node that this trace becomes.
        """
        tapes = listening()
        with tracing(self):
            for tape in tapes:
                push(_Ear(tape))
            yield

    def value(self, tensor):
        """The graph's value for a tensor; one that is known is an operand where an outer tape traces it."""
        if not isinstance(tensor, Traced) and tensor._node is not None:
            return self._operand(tensor, (id(tensor), tensor._node))
        return super().value(tensor)

    def _capture(self, tensor):
        if not self._inside(tensor._trace):
            self.refuse_outside(tensor)
        # two tensors of one value may differ on tapes
        return self._operand(tensor, (tensor._value, tensor._node))

    def _operand(self, tensor, key):
        if key not in self.captured:
            made = self.input(tensor._data.shape, tensor._dtype, "captured")
            self.captured[key] = tensor, made._value
        return self.captured[key][1]

    def _inside(self, trace):
        outer = self.parent
        while outer is not None and outer is not trace:
            outer = outer.parent
        return outer is not None

    def feed(self, function, shape, dtype, name):
        """What the outermost trace is fed; a key is another one at each iteration."""
        with tracing(self.parent):
            fed = self.parent.feed(function, shape, dtype, name)
        return fold_in(fed, self.index) if self.index is not None and isinstance(function, Keys) else fed

    def read(self, variable):
        """A variable's value at this point; at the start it is an input."""
        value = self.assigned.get(variable)
        if value is None:
            value = self.reads.get(variable)
        if value is None:
            outer = self.parent.read(variable)
            value = self.reads[variable] = self.graph.input(outer._data.shape, outer._dtype, variable.name)
        return Traced(self, value)

    def read_input(self, variable, like):
        """The input that is a variable's value at the start; one like another trace's if it is not read."""
        known = self.reads.get(variable)
        return known if known is not None else self.graph.input(like.shape, like.dtype, variable.name)

    def creates(self, variable):
        """Note a variable made while tracing."""
        self.parent.creates(variable)

    def has_effect(self):
        """Whether something in it runs for its effect."""
        return any(node.has_effect for node in self.graph.nodes)


class _Ear(Tape):
    """Hears for another tape, but no variables: their reads are operands."""

    __slots__ = ()

    def __init__(self, tape):
        super().__init__(watch_accessed=False)
        self.token, self.tokens, self.entries = tape.token, tape.tokens, tape.entries

    def __del__(self):
        """The token lives as long as its tape."""


class Outside:
    """What several inner traces take from outside: operands that all of them get, in one order."""

    def __init__(self, inners, but=()):
        """`but`: variables that are no operands."""
        self._tensors = {}
        for inner in inners:
            for key, (tensor, _) in inner.captured.items():
                self._tensors.setdefault(key, tensor)
        but = set(but)              # variables are compared by identity there
        self._read = {v: value for inner in inners for v, value in inner.reads.items()
                      if v not in but}

    def operands(self):
        """The tensors outside; variables are read here, where outer tapes hear it."""
        return [*self._tensors.values(), *[v._read() for v in self._read]]

    def inputs(self, inner):
        """The values in an inner trace that stand for the operands; unused ones where it takes no part."""
        found = []
        for key, tensor in self._tensors.items():
            known = inner.captured.get(key)
            found.append(known[1] if known is not None else
                         inner.graph.input(tensor._data.shape, tensor._dtype, "captured"))
        return [*found, *[inner.read_input(v, value) for v, value in self._read.items()]]


def concrete(inner, inputs, outputs):
    """The function of an inner trace with these values as inputs and outputs."""
    graph = inner.graph
    graph.inputs, graph.outputs = inputs, outputs
    graph.drop_unused()
    return Concrete(inner.name, graph, (), (), ())
