"""A group of nodes as one kernel, or the answer that they do not make one."""
import numpy as np

from numbaflow.core import dtypes

from . import ir
from .kernel import Kernel, Operand, Step
from .passes import COSTLY, step_cost
from .space import INDEX, REDUCTIONS, Space, is_view, reduced_axes

MOST_STEPS, MOST_OPERANDS = 128, 32
LONE_ROW = 1 << 15              # elements of a space that may be one row, which threads can't share


class Group:
    """Nodes in order that run as one kernel.  `kernel` is None where they can't.

    `used` says whether a value is needed outside of the group.
    """

    def __init__(self, nodes, used):
        self.nodes, self.members = nodes, set(nodes)
        self.outputs = [v for node in nodes for v in node.outputs if used(v, self.members)]
        self.kernel, self.inputs = None, []
        self._space = space = Space(nodes)
        if space.order is not None and self._find_row():
            self._build()

    # ---- the row
    def _find_row(self):
        """Choose the axes of a row by the reductions; False where they disagree."""
        space, self.row, self.reductions = self._space, None, {}
        full = tuple(range(len(space.extents)))
        inside = {self._source(v) for node in self.nodes for v in node.inputs}
        late = []
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
            if not self._add(node):
                return
        outputs = []
        for v in self.outputs:
            k = self._at[v]
            if not self._may_store(v, k):
                return
            outputs.append(Operand(k, self._space.dims[v], v.dtype.name))
        if len(self._steps) > MOST_STEPS or len(inputs) + len(outputs) > MOST_OPERANDS or not self._is_worth():
            return
        self.kernel = Kernel(self._name(), self._space.extents, len(self.row or ()), tuple(self._steps),
                             tuple(inputs), tuple(outputs))

    def _may_store(self, value, k):
        """Whether the kernel has a place where a value that is needed outside is known and stored once."""
        step, axes = self._steps[k], self._space.axes(value)
        full = tuple(range(len(self._space.extents)))
        if step.kind == "reduce" and value.node in self.reductions and self.reductions[value.node][1]:
            return True
        return axes == full or (self.row is not None and axes == self.outer and set(step.axes) <= set(self.outer))

    def _is_worth(self):
        """False where costly work would be done again for each index of an axis that it does not depend on."""
        full = tuple(range(len(self._space.extents)))
        for step in self._steps:
            axes = step.axes
            if axes == full[:len(axes)] or step_cost(step) < COSTLY:
                continue
            return False
        return True

    def _name(self):
        names = ["fused"]                       # (else a kernel of one op would hide the op's body)
        for node in self.nodes:
            name = node.attributes["rule"].__name__ if node.op is ir.UPDATE else node.op.name
            if not names or names[-1] != name:
                names.append(name)
        text = "_".join(names)
        return text if len(text) <= 48 else "_".join([*names[:3], "to", names[-1]])[:64]

    # ---- steps
    def _put(self, kind, what, operands, dtype, axes):
        step = Step(kind, what, tuple(operands), dtype, tuple(axes))
        found = self._known.get(step)
        if found is None:
            found = self._known[step] = len(self._steps)
            self._steps.append(step)
        return found

    def _apply(self, op, operands, dtype):
        return self._put("apply", op, operands, dtype, self._joined(operands))

    def _joined(self, operands):
        return sorted({a for o in operands for a in self._steps[o].axes})

    def _as(self, k, dtype):
        """The step that gives a step's value in another dtype."""
        step = self._steps[k]
        if step.dtype == dtype:
            return k
        if step.kind == "literal" and dtype != "bool" and step.dtype != "complex128":
            value = np.dtype(step.dtype).type(step.what).astype(dtype).item()
            return self._put("literal", value, (), dtype, ())
        return self._put("cast", None, (k,), dtype, step.axes)

    def _value(self, value):
        """The step of a value that a node takes."""
        found = self._at.get(value)
        if found is not None:
            return found
        node, constant = value.node, value.constant()
        if node.op is INDEX:
            axis = self._space.dims[value][node.attributes["axis"]]
            k = self._put("index", None, (), "int64", (axis,)) if axis is not None else self._put(
                "literal", 0, (), "int64", ())
        elif constant is not None and constant.size == 1:
            k = self._put("literal", constant.item(), (), value.dtype.name, ())
        elif node not in self.members and is_view(node):
            k = self._value(node.inputs[0])
        else:
            k = self._put("input", len(self.inputs), (), value.dtype.name, self._space.axes(value))
            self.inputs.append(value)
            self._operands.append(Operand(k, self._space.dims[value], value.dtype.name))
        self._at[value] = k
        return k

    def _add(self, node):
        """The steps of a node; False where it has none."""
        values = [self._value(v) for v in node.inputs]
        out = node.outputs[0]
        if node.op is ir.UPDATE:
            return self._add_update(node, values)
        if node.op is INDEX:
            self._at.pop(out, None)
            k = self._value(out)
        elif node in self.reductions:
            k = self._add_reduction(node, values[0])
        elif node.op.name == "cast":
            k = self._as(values[0], out.dtype.name)
        elif node.op.name == "add_n":
            k = values[0]
            for v in values[1:]:
                k = self._apply("add", (k, v), out.dtype.name)
        elif node.op.kernel is None:
            k = values[0]                       # a view
        else:
            k = self._apply(node.op.name, self._converted(node, values), out.dtype.name)
        self._at[out] = k
        return True

    def _converted(self, node, values):
        """The operands of an elementwise op in the dtypes that it computes in."""
        kernel = node.op.kernel
        dtype = node.inputs[kernel.key].dtype
        if dtype.kind in "iu" and "i" not in kernel.kinds and "f" in kernel.kinds:
            dtype = np.dtype(np.float64 if dtype.itemsize >= 4 else np.float32)
        letters = {"x": dtype.name, "?": "bool", "r": dtypes.REAL.get(dtype.name, dtype.name)}
        return [self._as(v, letters[kernel.letter(k)]) for k, v in enumerate(values)]

    def _add_reduction(self, node, k):
        given, over, left = self.reductions[node]
        dtype = node.outputs[0].dtype.name
        if node.op.name == "sum_of_squares":
            k = self._apply("square", (k,), dtype)
        how, count = REDUCTIONS[node.op.name], None
        if not over:
            return k
        if node.op.name == "reduce_mean":
            count = self._space.count(over)
        return self._put("reduce", (how, over, count), (k,), dtype, left)

    def _add_update(self, node, values):
        dtype = node.outputs[0].dtype.name
        k = self._put("update", node.attributes["rule"], [self._as(v, dtype) for v in values], dtype, self._joined(values))
        for i, v in enumerate(node.outputs):
            self._at[v] = self._put("part", i, (k,), dtype, self._steps[k].axes)
        return True


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
