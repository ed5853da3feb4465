"""The steps of a kernel, put down node by node; equal ones are one step."""
import functools
from math import copysign

import numpy as np

from numbaflow.core import dtypes
from numbaflow.graph import ir
from numbaflow.graph.fusing.kernel import Operand, Step
from numbaflow.graph.fusing.space import INDEX, REDUCTIONS, is_view

MOST_OPERANDS = 32
# Numbers that are part of a kernel's text, as LLVM makes other code of them.
_WRITTEN = frozenset((0.0, 0.5, 1.0, 2.0, 3.0, 4.0, -0.5, -1.0, -2.0, float("inf"), -float("inf")))

name_of = functools.cache(lambda dtype: dtype.name)     # (NumPy works it out each time)


class Steps:
    """The part of a group that writes its steps and operands."""

    def _put(self, kind, what, operands, dtype, axes):
        step = Step(kind, what, tuple(operands), dtype, tuple(axes))
        # (results of equal reductions lie in several places)
        found = self._known.get(step) if kind != "reduce" else None
        if found is None:
            found = self._known[step] = len(self._steps)
            self._steps.append(step)
        return found

    def _apply(self, op, operands, dtype):
        return self._put("apply", op, operands, dtype, self._joined(operands))

    def _joined(self, operands):
        return sorted({a for o in operands for a in self._steps[o].axes})

    def _literal(self, value, dtype):
        negative_zero = value == 0 and copysign(1, value) < 0 if type(value) is float else False
        return self._put("literal", "-0.0" if negative_zero else value, (), dtype, ())  # (0.0 == -0.0)

    def _as(self, k, dtype):
        """The step that gives a step's value in another dtype."""
        step = self._steps[k]
        if step.dtype == dtype:
            return k
        if step.kind == "literal" and dtype != "bool" and step.dtype != "complex128":
            value = np.dtype(step.dtype).type(step.what).astype(dtype).item()
            return self._literal(value, dtype)
        return self._put("cast", None, (k,), dtype, step.axes)

    def _input(self, value, axes, dims):
        """The step of a value that is an operand."""
        k = self._put("input", len(self.inputs), (), name_of(value.dtype), axes)
        self.inputs.append(value)
        self._operands.append(Operand(k, dims, name_of(value.dtype)))
        return k

    def _number(self, value, number):
        """The step of a known number: an operand, so that kernels which differ in such numbers are one."""
        if value.dtype.kind != "f" or number in _WRITTEN or len(self.inputs) >= MOST_OPERANDS // 2:
            return self._literal(number, name_of(value.dtype))
        return self._input(value, (), (None,) * value.ndim)

    def _value(self, value):
        """The step of a value that a node takes."""
        found = self._at.get(value)
        if found is not None:
            return found
        node, constant = value.node, value.constant()
        if node.op is INDEX:
            axis = self._space.dims[value][node.attributes["axis"]]
            k = self._put("index", None, (), "int64", (axis,)) if axis is not None else self._literal(
                0, "int64")
        elif constant is not None and constant.size == 1:
            k = self._number(value, constant.item())
        elif node not in self.members and is_view(node):
            k = self._value(node.inputs[0])
        else:
            k = self._input(value, self._space.axes(value), self._space.dims[value])
        self._at[value] = k
        return k

    def _add(self, node):
        """Put down the steps of a node."""
        values = [self._value(v) for v in node.inputs]
        out = node.outputs[0]
        if node.op is ir.UPDATE:
            self._add_update(node, values)
            return
        if node.op is INDEX:
            self._at.pop(out, None)
            k = self._value(out)
        elif node in self.reductions:
            k = self._add_reduction(node, values[0])
        elif node.op.name == "cast":
            k = self._as(values[0], name_of(out.dtype))
        elif node.op.name == "add_n":
            k = values[0]
            for v in values[1:]:
                k = self._apply("add", (k, v), name_of(out.dtype))
        elif node.op.kernel is None:
            k = values[0]                       # a view
        else:
            k = self._apply(node.op.name, self._converted(node, values), name_of(out.dtype))
        self._at[out] = k

    def _converted(self, node, values):
        """The operands of an elementwise op in the dtypes that it computes in."""
        kernel = node.op.kernel
        dtype = node.inputs[kernel.key].dtype
        if dtype.kind in "iu" and "i" not in kernel.kinds and "f" in kernel.kinds:
            dtype = np.dtype(np.float64 if dtype.itemsize >= 4 else np.float32)
        name = name_of(dtype)
        letters = {"x": name, "?": "bool", "r": dtypes.REAL.get(name, name)}
        return [self._as(v, letters[kernel.letter(k)]) for k, v in enumerate(values)]

    def _add_reduction(self, node, k):
        _, over, left = self.reductions[node]
        dtype = name_of(node.outputs[0].dtype)
        if node.op.name == "sum_of_squares":
            k = self._apply("square", (k,), dtype)
        how, count = REDUCTIONS[node.op.name], None
        if not over:
            return k
        if node.op.name == "reduce_mean":
            count = self._space.count(over)
        return self._put("reduce", (how, over, count), (k,), dtype, left)

    def _add_update(self, node, values):
        dtype = name_of(node.outputs[0].dtype)
        given = [self._as(v, dtype) for v in values]
        k = self._put("update", node.attributes["rule"], given, dtype, self._joined(values))
        for i, v in enumerate(node.outputs):
            self._at[v] = self._put("part", i, (k,), dtype, self._steps[k].axes)
