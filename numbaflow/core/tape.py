"""The record that every gradient stands on: nodes, tapes and the stack of tapes that listen in this thread.

A traced tensor has a `Node`, which says which tapes trace it and is the key its gradient is summed under.  An
op on traced tensors appends one tuple (plan, input nodes, output node, saved values) to each listening tape.
A node refers to no tensor and a tensor to no tape, so there are no cycles and a tape is freed like the list
it is.
"""
import sys
import threading

from .dtypes import DIFFERENTIABLE, FLOAT32

_new = object.__new__
_watching = threading.Lock()


class Node:
    """A traced tensor's place on the tapes in `tapes`, a frozenset of tokens."""

    __slots__ = ("dtype", "shape", "tapes")


def make_node(data, tapes):
    node = _new(Node)
    node.tapes, node.shape, node.dtype = tapes, data.shape, data.dtype
    return node


class Token:
    """Stands for a tape in the nodes' sets; it must not keep the tape alive."""

    __slots__ = ("alive",)

    def __init__(self):
        self.alive = True


class Tape:
    """Records ops on traced tensors while it is on the stack."""

    __slots__ = ("__weakref__", "breaks", "entries", "token", "tokens", "variables", "watch_accessed",
                 "watched")

    def __init__(self, watch_accessed=True):
        self.watch_accessed = watch_accessed
        self._start()

    def _start(self):
        self.token = token = Token()
        self.tokens = frozenset((token,))
        self.entries = []
        self.watched = set()            # nodes
        self.variables = {}             # variable -> its nodes, one for each set of tapes it was read under
        self.breaks = None              # op name -> [how often a traced value went in for no gradient, where]

    def clear(self):
        """Forget everything recorded and watched."""
        self.token.alive = False
        self._start()
        refresh()

    def __del__(self):
        self.token.alive = False

    def traces(self, node):
        """Whether that is the node of a tensor this tape traces."""
        return node is not None and self.token in node.tapes

    def watch(self, tensor):
        """Trace a tensor from here on."""
        node = tensor._node
        if node is None or self.token not in node.tapes:
            with _watching:             # another thread may watch the same tensor just now
                node = tensor._node
                if node is None:
                    node = tensor._node = make_node(tensor._data, self.tokens)
                else:
                    live = frozenset(t for t in node.tapes if t.alive)
                    node.tapes = live | self.tokens if live else self.tokens
        self.watched.add(node)

    def watch_variable(self, variable):
        """Trace a variable from its next read on."""
        if variable not in self.variables:
            self.variables[variable] = []


IDLE: tuple = ((), frozenset(), None)


class _Stack(threading.local):
    """`frame`: the tapes that listen in this thread, outermost first, the set of their tokens, and the trace.

    It is the object IDLE while nothing listens, which a variable's read looks at.
    """

    frame: tuple = IDLE


stack = _Stack()


def _frame(tapes, trace=None):
    if not tapes and trace is None:
        return IDLE
    return tapes, (tapes[0].tokens if len(tapes) == 1 else frozenset([t.token for t in tapes])), trace


def listening():
    """The tapes that listen in this thread, outermost first."""
    return stack.frame[0]


def push(tape):
    """Let a tape listen."""
    tapes, _, trace = stack.frame
    stack.frame = _frame((*tapes, tape), trace)


def remove(tape):
    """Let a tape listen no more."""
    tapes, _, trace = stack.frame
    stack.frame = _frame(tuple([t for t in tapes if t is not tape]), trace)


def refresh():
    """After a tape has got a new token."""
    tapes, _, trace = stack.frame
    stack.frame = _frame(tapes, trace)


class silent:
    """No tape listens inside this context, in this thread."""

    __slots__ = ("_kept",)

    def __enter__(self):
        self._kept, _, trace = stack.frame
        stack.frame = _frame((), trace)

    def __exit__(self, *exc):
        stack.frame = _frame(self._kept, stack.frame[2])


class tracing:
    """Ops of this thread go to a trace inside this context, None for none, and no outer tape listens."""

    __slots__ = ("_kept", "_trace")

    def __init__(self, trace):
        self._trace = trace

    def __enter__(self):
        self._kept = stack.frame
        stack.frame = _frame((), self._trace)
        return self._trace

    def __exit__(self, *exc):
        stack.frame = self._kept
        refresh()


def variable_node(variable, data):
    """The node that a read of a variable gets, one for all reads under the same tapes; None when untraced."""
    tapes, tokens, _ = stack.frame
    if len(tapes) == 1:
        nodes = tapes[0].variables.get(variable)
        if nodes and nodes[-1].tapes is tokens:
            return nodes[-1]
    hearing = [t for t in tapes if variable in t.variables or (t.watch_accessed and variable.trainable)]
    if not hearing or data.dtype not in DIFFERENTIABLE:
        return None
    nodes = hearing[0].variables.get(variable)
    if len(hearing) < len(tapes):
        tokens = frozenset(t.token for t in hearing)
    if nodes and nodes[-1].tapes == tokens:
        return nodes[-1]
    node = make_node(data, tokens)
    for tape in hearing:
        tape.variables.setdefault(variable, []).append(node)
        tape.watched.add(node)
    return node


def record(op, inputs, output, attributes=()):
    """Append an op to every listening tape that traces one of its inputs.

    `inputs` holds tensors, and lists of tensors for a variadic input; `output` is a tensor or a tuple of
    tensors.
    """
    tapes, tokens, _ = stack.frame
    if len(tapes) == 1 and not op.variadic:         # nearly always so, and half the cost of the general way
        tape, mask, bit, nodes = tapes[0], 0, 1, []
        for x in inputs:
            n = x._node
            if n is not None and (n.tapes is tokens or tape.token in n.tapes):
                mask |= bit
                nodes.append(n)
            bit <<= 1
        if not mask:
            return
        plan = op.plans.get(mask)
        if plan is not None and plan.plain and (output._dtype is FLOAT32 or output._dtype in DIFFERENTIABLE):
            output._node = out = _new(Node)
            out.tapes, out.shape, out.dtype = tokens, output._data.shape, output._dtype
            kept = plan.collect(inputs, output, attributes) if plan.keeps else ()
            tape.entries.append((plan, nodes, out, kept))
            return
    _record_generally(tapes, tokens, op, inputs, output, attributes)


def _record_generally(tapes, tokens, op, inputs, output, attributes):
    out = None
    for tape in tapes:
        token, mask, bit, nodes = tape.token, 0, 1, []
        for x in inputs:
            if type(x) is list:
                inner = tuple([n if n is not None and token in n.tapes else None
                               for n in [t._node for t in x]])
                if any(inner):
                    mask |= bit
                    nodes.append(inner)
            else:
                n = x._node
                if n is not None and (n.tapes is tokens or token in n.tapes):
                    mask |= bit
                    nodes.append(n)
            bit <<= 1
        if not mask:
            continue
        plan = op.plans.get(mask) or op.plan(mask)
        if plan.count == 0:
            _break(tape, op)
            continue
        if plan.chosen is not None:
            nodes = [nodes[k] for k in plan.chosen]
        if out is not None:
            _trace_too(output, tape.tokens, tokens)
        elif type(output) is tuple or output._dtype not in DIFFERENTIABLE:
            out = _output_nodes(output, tape.tokens)
        else:
            output._node = out = _new(Node)
            out.tapes, out.shape, out.dtype = tape.tokens, output._data.shape, output._dtype
        if out is None:
            _break(tape, op)
        else:
            tape.entries.append((plan, nodes, out, plan.collect(inputs, output, attributes)))


def _output_nodes(output, tapes):
    """Nodes for several outputs, None for what has no gradient; None if nothing has."""
    if type(output) is not tuple:
        return None
    nodes = []
    for t in output:
        if t._dtype in DIFFERENTIABLE:
            t._node = make_node(t._data, tapes)
        nodes.append(t._node)
    return tuple(nodes) if any(nodes) else None


def _trace_too(output, added, all_tokens):
    """One more tape records what made this output."""
    for t in output if type(output) is tuple else (output,):
        if t._node is not None:
            union = t._node.tapes | added
            t._node.tapes = all_tokens if union == all_tokens else union


def _break(tape, op):
    """Note that a traced value went into an op that gives no gradient: what why_none tells."""
    if tape.breaks is None:
        tape.breaks = {}
    note = tape.breaks.get(op.name)
    if note is None:
        tape.breaks[op.name] = note = [0, caller()]
    note[0] += 1


def caller():
    """file:line of the first frame outside this package."""
    frame, package = sys._getframe(1), __name__.split(".")[0]
    while frame is not None:
        name = frame.f_globals.get("__name__", package)
        if name.split(".")[0] != package and not frame.f_code.co_filename.startswith("<numbaflow"):
            return f"{frame.f_code.co_filename}:{frame.f_lineno}"
        frame = frame.f_back
    return "?"
