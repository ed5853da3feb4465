"""Lowering: a graph's nodes as instructions on memory.

A view costs nothing: it is a layout.  A fused kernel, a matrix product, a copy is an instruction that native
code runs.  Every other op of the table is a host call: its own launch on arrays.
"""
import numpy as np

from numbaflow.core.tensor import wrap
from numbaflow.graph import ir
from numbaflow.graph.fusing.codegen import Address, Scratch, in_place, instruction
from numbaflow.graph.interpret import run_node
from numbaflow.graph.programs.storage import Layout, Root, blank
from numbaflow.kernels import instructions as native
from numbaflow.kernels.elementwise import collapse

VIEWS = {"reshape", "transpose", "expand_dims", "squeeze", "getitem", "broadcast_to", "identity",
         "stop_gradient", "split", "unstack"}


class Ref:
    """An address: a byte offset in a root."""

    __slots__ = ("offset", "root")

    def __init__(self, layout):
        self.root, self.offset = layout.root, layout.offset


ERROR_RECORD = object()         # stands in args for the address of the state's error record


class Instruction:
    """A kernel with its args: ints, Refs for addresses, ERROR_RECORD.  Generated kernels have a source."""

    __slots__ = ("args", "extent", "function", "given", "node", "source", "threads")

    def __init__(self, function, args, extent=1, threads=1, node=None, source=None):
        self.function, self.args, self.extent, self.threads = function, args, extent, threads
        self.node, self.source = node, source
        self.given = None               # layouts of the node's inputs, of one that can fail: they tell why

    def roots(self):
        """The roots it touches."""
        return [*[a.root for a in self.args if type(a) is Ref], *[x.root for x in self.given or ()]]


class HostCall:
    """A Python function of arrays, between native instructions.  `inputs` are layouts, `outputs` roots."""

    __slots__ = ("function", "inputs", "node", "outputs")

    def __init__(self, function, inputs, outputs, node):
        self.function, self.inputs, self.outputs, self.node = function, inputs, outputs, node

    def roots(self):
        """The roots it touches."""
        return [*[x.root for x in self.inputs], *self.outputs]


class Lowering:
    """The instructions of a graph, and where its values lie."""

    def __init__(self, graph, variables, assigned):
        """`variables`: {input value: variable}; `assigned`: (variable, value) pairs."""
        self.graph, self.code, self.layouts = graph, [], {}
        self.home = {}                  # value -> the layout of the variable it is computed into
        for k, value in enumerate(graph.inputs):
            variable = variables.get(value)
            kind = "input" if variable is None else "variable"
            self.layouts[value] = Layout(Root(kind, blank(value.shape, value.dtype), k, variable))
        self._copied_last = self._choose_homes({v: value for value, v in variables.items()}, assigned)
        for node in graph.nodes:
            if node.op is not ir.INPUT:
                self._lower(node)

    def assign_rest(self):
        """Copy to their variables what was computed elsewhere, after all else."""
        moves = []
        for old, value in self._copied_last:
            source, to = self.layouts[value], self.layouts[old]
            if source.root is to.root and source.whole:
                continue
            if source.root.kind == "variable":          # which may be assigned itself
                made = Layout(Root("temporary", blank(value.shape, value.dtype)))
                self.copy(source, made)
                source = made
            moves.append((source, to))
        for source, to in moves:
            self.copy(source, to)

    def _choose_homes(self, own, assigned):
        """Settle what is computed where its variable lies; the rest, (old value, new value) pairs."""
        position = {node: k for k, node in enumerate(self.graph.nodes)}
        users, left = self.graph.users(), []
        for variable, value in assigned:
            old = own[variable]
            if self._may_live_in(old, value, users, position):
                self.home[value] = self.layouts[old]
            else:
                left.append((old, value))
        return left

    def _may_live_in(self, old, new, users, position):
        node = new.node
        if node.op is not ir.FUSED:
            return False
        views = _with_views(old, users)
        if new in self.home or any(v in views for v in self.graph.outputs):
            return False
        if any(position[u] > position[node] for v in views for u in users[v]):
            return False
        if any(v in views and v is not old for v in node.inputs):
            return False
        uses = [k for k, v in enumerate(node.inputs) if v is old]
        return all((new.number, k) in in_place(node) for k in uses)

    # ---- memory
    def new(self, value):
        """The layout of a value that is computed now."""
        found = self.home.get(value)
        if found is None:
            found = Layout(Root("temporary", blank(value.shape, value.dtype)))
        self.layouts[value] = found
        return found

    def whole(self, layout):
        """The same in C order: as it is, or a copy."""
        if layout.array.flags.c_contiguous:
            return layout
        if layout.root.kind == "constant":
            return Layout(Root("constant", np.ascontiguousarray(layout.array)))
        made = Layout(Root("temporary", blank(layout.array.shape, layout.array.dtype)))
        self.copy(layout, made)
        return made

    def copy(self, source, to, node=None):
        """to = source"""
        a, b = source.array, to.array
        if a.size and a.flags.c_contiguous and b.flags.c_contiguous:
            blocks = -(-a.nbytes // native.BLOCK)
            self.code.append(Instruction(native.move(), [Ref(source), Ref(to), a.nbytes], blocks, 1, node))
        else:
            self._rows(native.copy(), source, to, node)

    def _rows(self, function, source, to, node):
        a, b = source.array, to.array
        if a.size == 0:
            return
        extents, strides = collapse(a.shape, (a.shape, b.shape), (a.strides, b.strides))
        args = [Ref(source), Ref(to), a.itemsize, len(extents), *extents, *strides.T.ravel().tolist()]
        rows = int(np.prod(extents[:-1]))
        self.code.append(Instruction(function, args, rows, 1, node))

    # ---- nodes
    def _lower(self, node):
        if node.op is ir.CONSTANT:
            value = node.outputs[0]
            array = np.ascontiguousarray(node.attributes["value"])
            root = Root("constant", array)
            array = array.reshape(np.shape(node.attributes["value"]))
            self.layouts[value] = Layout(root, np.broadcast_to(array, value.shape))
        elif node.op is ir.FUSED:
            self._fused(node)
        elif node.op.name in VIEWS:
            self._view(node)
        else:
            lower = _NATIVE.get(node.op.name)
            if not ((lower is not None and lower(self, node)) or self._recorded(node)):
                self._host(node)

    def _fused(self, node):
        inputs = [self.layouts[v] for v in node.inputs]
        outputs = [self.new(v) for v in node.outputs]
        operands, scratch = [*inputs, *outputs], {}
        for made in instruction(node, [x.array for x in inputs], [x.array for x in outputs]):
            given = []
            for a in made.arguments:
                if isinstance(a, Address):
                    given.append(Ref(operands[a.operand]))
                elif isinstance(a, Scratch):
                    if a not in scratch:
                        scratch[a] = Layout(Root("temporary", blank((a.bytes,), np.uint8)))
                    given.append(Ref(scratch[a]))
                else:
                    given.append(int(a))
            self.code.append(Instruction(made.function, given, made.extent, made.threads, node, made.source))

    def _view(self, node):
        source = self.layouts[node.inputs[0]]
        views = [source.view(r) for r in _views(node, source.array)]
        if any(v is None for v in views):       # a reshape of what does not lie in order
            source = self.whole(source)
            views = [source.view(r) for r in _views(node, source.array)]
            if any(v is None for v in views):
                self._host(node)
                return
        for value, view in zip(node.outputs, views, strict=True):
            self.layouts[value] = view

    def _recorded(self, node):
        from numbaflow.graph.programs.record import recorded
        return not isinstance(node.op, ir.Primitive) and recorded(self, node, launch_on)

    def _host(self, node):
        outputs = []
        for value in node.outputs:
            root = Root("host", blank(value.shape, value.dtype))
            self.layouts[value] = Layout(root)
            outputs.append(root)
        self.code.append(HostCall(host_function(node), [self.layouts[v] for v in node.inputs], outputs, node))


def host_function(node):
    """What runs a node on arrays of the host: a function (node, arrays) that gives those of its outputs."""
    if isinstance(node.op, ir.Primitive):
        return getattr(node.op, "host", None) or _run_primitive
    return launch_on


def launch_on(node, arrays):
    """The arrays of a table op's outputs and residuals."""
    op = node.op
    if op.kernel is not None:
        return [op.kernel[arrays[op.kernel.key].dtype](*arrays)]
    return op.flat(op.launch(**dict(zip(op.inputs, node.grouped(arrays), strict=True)), **node.attributes))


def _run_primitive(node, arrays):
    """The arrays of a primitive's outputs, as `interpret` finds them."""
    return [t._data for t in run_node(node, [wrap(a) for a in arrays])]


def _views(node, array):
    """What a view op makes of an array; of one element, too, an array (NumPy's indexing gives a copy)."""
    if node.op.name == "getitem":
        return [_basic(array, node.attributes["key"])]
    if node.op.name == "unstack":
        array = np.moveaxis(array, node.attributes["axis"], 0)
        return [array[k, ...] for k in range(len(array))]
    found = node.op.launch(array, **node.attributes)
    return found if isinstance(found, (list, tuple)) else [found]


def _with_views(value, users):
    """A value and all views of it."""
    found = {value}
    for node in users[value]:
        if node.op.name in VIEWS:
            for v in node.outputs:
                found |= _with_views(v, users)
    return found


# ---- native ops that are no fused kernels
_NATIVE: dict = {}


def lowers(name):
    """Register how a table op becomes instructions; the function returns False to leave it to the host."""
    def register(function):
        _NATIVE[name] = function
        return function
    return register


@lowers("add_pieces")
def _add_pieces(lowering, node):
    out = node.outputs[0]
    add = native.add_into(out.dtype.name)
    if add is None:
        return False
    to = lowering.new(out)
    lowering.code.append(Instruction(native.zero(), [Ref(to), to.array.nbytes], 1, 1, node))
    for k, (value, key) in enumerate(zip(node.inputs, node.attributes["keys"], strict=True)):
        part = to.view(_basic(to.array, key))
        source = lowering.layouts[value]
        if k == 0:
            lowering.copy(_shaped(source, part), part, node)
        else:
            lowering._rows(add, _shaped(source, part), part, node)
    return True


def _basic(array, key):
    """array[key], also where it is one element, as an array."""
    from numbaflow.ops.slicing import basic_key
    key = basic_key(key)
    return array[(*key, ...) if type(key) is tuple and Ellipsis not in key else key if type(key) is tuple
                 else (key, ...) if key is not Ellipsis else key]


def _shaped(source, part):
    return source.view(np.broadcast_to(source.array, part.array.shape))


@lowers("concat")
def _concat(lowering, node):
    to = lowering.new(node.outputs[0])
    axis, at = int(np.asarray(node.attributes["axis"])), 0
    for value in node.inputs:
        n = value.shape[axis]
        part = to.array[(slice(None),) * (axis % to.array.ndim) + (slice(at, at + n),)]
        if value.size:
            lowering.copy(lowering.layouts[value], to.view(part), node)
        at += n
    return True


@lowers("stack")
def _stack(lowering, node):
    to = lowering.new(node.outputs[0])
    axis = node.attributes["axis"] % to.array.ndim
    for k, value in enumerate(node.inputs):
        if value.size:
            part = to.array[(slice(None),) * axis + (k, ...)]
            lowering.copy(lowering.layouts[value], to.view(part), node)
    return True
