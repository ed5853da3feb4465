"""A group of nodes as one kernel, or the answer that they do not make one."""
from numbaflow.graph import ir
from numbaflow.graph.fusing.group_steps import MOST_OPERANDS, Steps, name_of
from numbaflow.graph.fusing.kernel import Kernel, Operand
from numbaflow.graph.fusing.passes import CHEAP, COSTLY, op_cost, step_cost
from numbaflow.graph.fusing.space import INDEX, REDUCTIONS, Space, is_view, reduced_axes

MOST_STEPS = 128
# Costly steps: what all together may take, as LLVM works 8 ms on a tanh; and how many may follow one another,
# as a tanh takes 0.6 ns an element in a chain of 2 and 1.2 in one of 16, where fewer elements are under way.
MOST_COST, MOST_IN_A_ROW = 64, 2
LONE_ROW = 1 << 15              # elements of a space that may be one row, which threads can't share


class Group(Steps):
    """Nodes in order that run as one kernel; `runs` says whether they can.

    `used` says whether a value is needed outside of the group.
    """

    def __init__(self, nodes, used):
        self.nodes, self.members, self._used = nodes, set(nodes), used
        # value -> the reductions that lead to it, and the costly steps in a row since the last
        self.cost, self._costly = 0, {}
        self.runs = all(map(self._count, nodes)) and self._is_kernel()

    def _is_kernel(self):
        self.outputs = [v for node in self.nodes for v in node.outputs if self._used(v, self.members)]
        self.inputs, self._space = [], Space(self.nodes)
        return self._space.order is not None and self._find_row() and self._build()

    def _count(self, node):
        """Note what a node costs; False where too much of it would be done in a row."""
        cost = cost_of(node)
        row, steps = max([self._costly.get(self._source(v), (0, 0)) for v in node.inputs], default=(0, 0))
        if cost and steps >= MOST_IN_A_ROW:
            return False
        self.cost += cost
        reached = (row + 1, 0) if node.op.name in REDUCTIONS else (row, steps + bool(cost))
        self._costly.update(dict.fromkeys(node.outputs, reached))
        return True

    # ---- the row
    def _find_row(self):
        """Choose the axes of a row by the reductions; False where they disagree."""
        space, self.row, self.reductions = self._space, None, {}
        full = tuple(range(len(space.extents)))
        inside = {self._source(v) for node in self.nodes for v in node.inputs}
        late, self._late = [], set()            # reductions that are done when all else is
        for node in self.nodes:
            if node.op.name not in REDUCTIONS:
                continue
            given, left = space.axes(node.inputs[0]), space.axes(node.outputs[0])
            over = tuple([a for a in given if a not in left])
            self.reductions[node] = given, over, left
            if not over:
                continue
            if node.outputs[0] in inside:
                if given != full or over != full[len(full) - len(over):] or not self._set_row(over):
                    return False
            else:
                late.append((given, over, left))
                if over != full[len(full) - len(over):] or not left:
                    self._late.add(node.outputs[0])
        for given, over, left in sorted(late, key=lambda r: len(r[2]) == 0):
            if not self._fits(full, given, over, left):
                return False
        if self.row is not None and len(self.row) == len(full) and space.count(full) > LONE_ROW:
            return False
        self.outer = full[:len(full) - len(self.row or ())]
        return True

    def _set_row(self, axes):
        if self.row is None:
            self.row = axes
        return self.row == axes

    def _fits(self, full, given, over, left):
        """Whether a reduction whose result nobody in the group needs goes with the row."""
        if given == full:
            if not left:
                return True
            if over == full[len(full) - len(over):]:
                return self._set_row(over)
            return over == full[:len(over)] and self._set_row(left)
        outer = full[:len(full) - len(self.row)] if self.row is not None else None
        return given == outer and over == outer

    # ---- what a value is
    def _source(self, value):
        """The value behind views."""
        while value.node not in self.members and is_view(value.node):
            value = value.node.inputs[0]
        return value

    def _build(self):
        self._steps, self._known, self._at = [], {}, {}
        inputs = []
        self._operands = inputs
        for node in self.nodes:
            self._add(node)
        return (all(self._may_store(v, self._at[v]) for v in self.outputs) and self._is_small()
                and all(map(self._is_worth, self._steps)))

    def _is_small(self):
        return len(self._steps) <= MOST_STEPS and len(self.inputs) + len(self.outputs) <= MOST_OPERANDS

    def kernel(self):
        """The kernel, for a node whose inputs and outputs are those of the group."""
        outputs = [Operand(self._at[v], self._space.dims[v], name_of(v.dtype)) for v in self.outputs]
        return Kernel(self._name(), self._space.extents, len(self.row or ()), tuple(self._steps),
                      tuple(self._operands), tuple(outputs))

    def is_within_bounds(self, other):
        """Whether a kernel of this group and of another, or of one more node, is not too large."""
        nodes, cost = (other.nodes, other.cost) if isinstance(other, Group) else ([other], cost_of(other))
        return len(self.nodes) + len(nodes) <= MOST_STEPS and (not cost or self.cost + cost <= MOST_COST)

    def extend(self, node):
        """Take in a node that needs no new axes; False where that takes a longer look."""
        space, out = self._space, node.outputs[0]
        if node.op.kernel is None and node.op.name != "cast":
            return False
        full = next((v for v in node.inputs if v.shape == out.shape and self._is_whole(v)), None)
        if full is None or len(self._steps) + len(node.inputs) + 2 > MOST_STEPS:
            return False
        dims, new = space.dims[full], []
        for v in node.inputs:
            wide = dims[len(dims) - v.ndim:]
            known = space.dims.get(v)
            if known is None:
                if is_view(v.node) or v.node.op is INDEX:
                    return False
                known = tuple([a if n != 1 else None for a, n in zip(wide, v.shape, strict=True)])
                new.append((v, known))
            if v in self._late or (known != wide and any(
                    a is not None and a != b for a, b in zip(known, wide, strict=True))):
                return False
        if len(self.inputs) + len(new) + len(self.outputs) >= MOST_OPERANDS:
            return False
        if not self._is_worth_adding(node, new) or not self._count(node):
            return False
        space.dims.update(new)
        space.dims[out] = dims
        self._add(node)
        self.nodes.append(node)
        self.members.add(node)
        self.outputs = [v for v in (*self.outputs, out) if self._used(v, self.members)]
        return True

    def _is_worth_adding(self, node, new):
        if node.op.kernel is None or node.op.name in CHEAP:
            return True
        axes = {a for _, dims in new for a in dims if a is not None}
        for v in node.inputs:
            axes.update(self._steps[self._at[v]].axes if v in self._at else ())
        return sorted(axes) == list(range(len(axes)))

    def _is_whole(self, value):
        """Whether a value has all axes of the space."""
        dims = self._space.dims.get(value)
        return dims is not None and len([a for a in dims if a is not None]) == len(self._space.extents)

    def _may_store(self, value, k):
        """Whether the kernel has a place where a value that is needed outside is known and stored once."""
        step, axes = self._steps[k], self._space.axes(value)
        full = tuple(range(len(self._space.extents)))
        if step.kind == "reduce" and value.node in self.reductions and self.reductions[value.node][1]:
            return True
        if self.row is not None and axes == self.outer and set(step.axes) <= set(self.outer):
            return True
        return axes == full

    def _is_worth(self, step):
        """False where costly work would be done again for each index of an axis that it is free of."""
        return step_cost(step) < COSTLY or step.axes == tuple(range(len(step.axes)))

    def _name(self):
        names = ["fused"]                       # (else a kernel of one op would hide the op's body)
        for node in self.nodes:
            name = node.attributes["rule"].__name__ if node.op is ir.UPDATE else node.op.name
            if not names or names[-1] != name:
                names.append(name)
        text = "_".join(names)
        return text if len(text) <= 48 else "_".join([*names[:3], "to", names[-1]])[:64]


def cost_of(node):
    """What a node's costly work adds to a kernel; arithmetic never makes one too large."""
    if node.op is ir.UPDATE:
        return COSTLY
    cost = 0 if node.op.kernel is None else op_cost(node.op.name)
    return cost if cost >= COSTLY else 0


def is_fusible(node):
    """Whether a node can be part of a kernel."""
    op = node.op
    if op is ir.UPDATE:
        return node.outputs[0].dtype.kind == "f"
    if op is INDEX:
        return True
    if isinstance(op, ir.Primitive):
        return False
    if op.kernel is not None:
        return True
    if op.name in REDUCTIONS:
        return _is_fusible_reduction(node)
    return op.name in ("cast", "add_n")


def _is_fusible_reduction(node):
    x, name = node.inputs[0], node.op.name
    if name == "sum_of_squares":
        return len(node.inputs) == 1 and x.dtype.kind == "f"
    reduced_axes(node)
    if name == "reduce_mean":
        return x.dtype.kind in "fc"
    return name in ("reduce_any", "reduce_all", "sum_to") or x.dtype.kind != "b"
