"""A function for one signature: its graph, the variables it reads and assigns, and how it is called.

Without a listening tape a call runs the program.  A tape that traces an input records the call as one op,
whose backward step is a function like this one, so derivatives of any order are compiled too.
"""
import copy
import functools
import threading

from numbaflow.core import nest
from numbaflow.core.device import HOST, places
from numbaflow.core.dim import evaluated
from numbaflow.core.placement import chosen, place_of
from numbaflow.core.shape import Extent
from numbaflow.core.tape import stack
from numbaflow.core.tensor import Tensor, as_tensor, wrap
from numbaflow.graph import by_value, differentiate
from numbaflow.graph.interpret import interpret
from numbaflow.graph.programs.collector import Held
from numbaflow.graph.programs.on_device import DeviceProgram, Fetching
from numbaflow.graph.programs.program import Program
from numbaflow.graph.tools import report, text


class Concrete:
    """A graph that can be called.

    Its graph's inputs are, in order: arguments, values of `reads` (variables), and what `feeds` give.
    Its outputs are `results` values and then one for each variable in `assigned`.
    """

    def __init__(self, name, graph, reads, feeds, assigned):
        self.name, self.graph = name, graph
        self.reads, self.feeds, self.assigned = tuple(reads), tuple(feeds), tuple(assigned)
        self.arguments = len(graph.inputs) - len(self.reads) - len(self.feeds)
        self.results = len(graph.outputs) - len(self.assigned)
        self.structure = None           # of what the Python function returned
        self.by_value = False           # whether values decide a shape
        self._lock, self._derivatives = threading.Lock(), {}

    @classmethod
    def of_trace(cls, trace, arguments, results):
        """What a trace has written, for the traced tensors of its arguments and results."""
        graph = trace.graph
        graph.inputs = [*[t._value for t in arguments], *trace.reads.values(), *[v for _, v in trace.feeds]]
        graph.outputs = [*[trace.value(t) for t in results], *trace.assigned.values()]
        made = cls(trace.name, graph, trace.reads, [f for f, _ in trace.feeds], trace.assigned)
        if trace.unknowns is not None:
            made.by_value, trace.unknowns.open = True, False
        return made

    @functools.cached_property
    def program(self):
        """The compiled program, made at the first call."""
        with self._lock, Held():
            return by_value.Interpreted(self) if self.by_value else Program(self)

    def program_for(self, tensors):
        """The program that runs where the tensors, or the variables that are read, are."""
        if not (places.used or places.on):
            return self.program
        at = chosen([*tensors, *self.reads])
        if at is HOST:                      # (in the scope of the CPU, too, it runs where a variable is)
            at = next((v._place for v in self.reads if place_of(v) is not HOST), HOST)
        if self.by_value:
            return self.program
        if at is HOST:
            far = any(place_of(t) is not HOST for t in tensors)
            return Fetching(self.program) if far else self.program
        return self.program_on(at)

    def program_on(self, at):
        """The program for a GPU, made at its first call."""
        with self._lock, Held():
            found = self._derivatives.get(("program", at))
            if found is None:
                found = self._derivatives["program", at] = DeviceProgram(self, at)
        return found

    def __call__(self, *args):
        """What the Python function returned, for tensors or structures of them in its arguments' order."""
        tensors = [as_tensor(leaf) for a in args for leaf in nest.flatten(a)]
        if len(tensors) != self.arguments:
            raise TypeError(f"{self.name}: a compiled function of {self.arguments} tensors "
                            f"got {len(tensors)}")
        for t, v in zip(tensors, self.graph.inputs, strict=False):
            if (t._data.shape, t._data.dtype) != (v.shape, v.dtype):
                raise ValueError(f"{self.name}: was compiled for {v.dtype}{list(v.shape)}, got "
                                 f"{t._data.dtype}{list(t._data.shape)}")
        found = self.call(tensors)
        return found if self.structure is None else self.structure.pack(found)

    def call(self, tensors):
        """The result tensors for argument tensors, in this thread's mode: traced, taped or plain."""
        tapes, _, trace = stack.frame
        if trace is not None:
            return self._inline(trace, tensors)
        if tapes and not self.by_value and (any(t._node is not None for t in tensors) or self.reads):
            recorded = differentiate.call(self, tensors)
            if recorded is not None:
                return recorded
        return self.program_for(tensors)(tensors)

    def _inline(self, trace, tensors):
        given = [*tensors, *[v._read() for v in self.reads],
                 *[trace.feed(f, v.shape, v.dtype, "fed")
                   for f, v in zip(self.feeds, self._fed(), strict=True)]]
        found = interpret(self.graph, given)
        for variable, t in zip(self.assigned, found[self.results:], strict=True):
            trace.assign(variable, t)
        return found[:self.results]

    def _fed(self):
        return self.graph.inputs[len(self.graph.inputs) - len(self.feeds):]

    def evaluated(self, sizes):
        """The function with numbers in place of unknown extents: itself, where it has none."""
        from numbaflow.graph.generic import specialised
        values = [v for node in self.graph.nodes for v in node.outputs]
        if not any(isinstance(n, Extent) for v in values for n in v.shape):
            return self
        return specialised(self, sizes)

    def interpreted(self, tensors):
        """The results op by op, for comparing with the program; variables are not assigned."""
        given = [*tensors, *[v._read() for v in self.reads], *[wrap(f()) for f in self.feeds]]
        return interpret(self.graph, given)[:self.results]

    # ---- looking into it
    def graph_text(self):
        """The graph as lines of text: as it was traced, and as it is run."""
        return text.program_text(self)

    def save_plot(self, path):
        """Draw the graph that is run: .dot and .gv are text, graphviz's dot makes .png, .svg and .pdf."""
        text.save_plot(self, path)

    def lower(self):
        """What is run: kernels with source and compile time, and steps; print it."""
        return report.Lowered(self)

    def profile(self, tensors, repeat=report.REPEAT, call=None):
        """Print and return where the time of a call of tensors goes; variables stay as they are."""
        found = report.profile(self, tensors, repeat, call)
        print(found)
        return found

    def memory(self):
        """What memory a call takes."""
        return report.memory(self)


class Structure:
    """The shape of what a function returns: nested lists, tuples and dicts of, mostly, tensors."""

    def __init__(self, result):
        leaves = nest.flatten(result) if nest.is_nested(result) else [result]
        self._nested, self._template = nest.is_nested(result), result
        self._plain, self.tensors = [], []
        for leaf in leaves:
            if leaf is None or isinstance(leaf, str) or not _tensor_like(leaf):
                self._plain.append(leaf)
            elif hasattr(leaf, "indices") and hasattr(leaf, "values"):
                self._plain.append(_Slices(leaf.dense_shape))
                self.tensors += [as_tensor(leaf.values), as_tensor(leaf.indices)]
            else:
                self._plain.append(_TENSOR)
                self.tensors.append(as_tensor(leaf))
        self.single = not self._nested and self._plain == [_TENSOR]
        if self._nested:
            self._template = nest.map_structure(lambda _: None, result)

    def pack(self, tensors):
        """The structure with tensors for its tensors."""
        if self.single:
            return tensors[0]
        left = iter(tensors)
        leaves = [next(left) if p is _TENSOR else p.made(left) if type(p) is _Slices else p
                  for p in self._plain]
        return nest.pack(self._template, leaves) if self._nested else leaves[0]


    def evaluated(self, sizes):
        """The structure for numbers in place of unknown extents."""
        made = copy.copy(self)
        made._plain = [_Slices(evaluated(p._shape, sizes)) if type(p) is _Slices else evaluated(p, sizes)
                       for p in self._plain]
        return made


_TENSOR = object()


class _Slices:
    def __init__(self, dense_shape):
        self._shape = dense_shape

    def made(self, left):
        from numbaflow.core.indexed_slices import IndexedSlices
        return IndexedSlices(next(left), next(left), self._shape)


def _tensor_like(leaf):
    return isinstance(leaf, (Tensor, bool, int, float, complex)) or hasattr(leaf, "dtype")
