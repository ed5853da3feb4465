"""Expressions of a translation: names, literals, elements, operators."""
import ast
import types as python_types

import numpy as np
from llvmlite import ir

from .arithmetic import ANYWHERE, I1, I64, LLVM, Arithmetic, Number, Pointer, constant
from .syntax import Untranslatable, folded, is_known, is_literal

_COMPARISONS = {ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">="}


class Expressions(Arithmetic):
    """The values of expressions in a frame."""

    def _unknown(self, node):
        raise Untranslatable(type(node).__name__)

    def value(self, node):
        """The value of an expression: a number, a pointer, a list for a tuple, or a Python object."""
        return getattr(self, f"_{type(node).__name__}", self._unknown)(node)

    def _Constant(self, node):
        if type(node.value) is float:
            return constant(self.precision(node.value) if self.precision is np.float32 else node.value)
        return constant(node.value)

    def _Name(self, node):
        name = node.id
        if name in self.slots:
            slot, kind = self.slots[name]
            return Number(self.builder.load(slot), kind)
        if name in self.known:
            return self.known[name]
        if name in self.counts:                 # a local name, whatever its module calls so
            raise Untranslatable(f"{name}, which may have no value yet")
        builtins = self.scope.get("__builtins__", {})
        found = self.scope.get(name, self.scope)
        if found is self.scope:
            found = getattr(builtins, name, self.scope) if not isinstance(builtins, dict) else builtins.get(
                name, self.scope)
        if found is self.scope:
            raise Untranslatable(f"the name {name}")
        return constant(found) if isinstance(found, (bool, int, float, np.generic)) else found

    def _Attribute(self, node):
        return self._named(self.value(node.value), node)

    def _named(self, holder, node):
        """An attribute of a number or a module."""
        if isinstance(holder, Number) and node.attr in ("real", "imag") and holder.kind != "bool":
            return holder if node.attr == "real" else self.cast(constant(0), holder.kind)
        if not isinstance(holder, python_types.ModuleType) or not hasattr(holder, node.attr):
            raise Untranslatable(f"the attribute {node.attr}")
        found = getattr(holder, node.attr)
        return constant(found) if isinstance(found, (bool, int, float, np.generic)) else found

    def _Tuple(self, node):
        return [self.value(e) for e in node.elts]

    def _Subscript(self, node):
        return self._taken(self.value(node.value), node)

    def _taken(self, pointer, node):
        """What a subscript takes of a table, a tuple or a pointer."""
        if isinstance(pointer, np.ndarray):
            return self._entry(pointer, self.value(node.slice))
        if isinstance(pointer, (tuple, list)):
            return self._part(pointer, self.number(self.value(node.slice)).known)
        if not isinstance(pointer, Pointer):
            raise Untranslatable("an element of no pointer")
        loaded = self.builder.load(self._element(pointer, node.slice))
        return Number(self._accessed(loaded, pointer), pointer.kind)

    def _entry(self, array, index):
        """An element of a table, which becomes a constant of the module."""
        kind, at = array.dtype.name, ir.Constant(I64, 0)
        index = index if isinstance(index, list) else [index]
        if kind not in LLVM or len(index) != array.ndim:
            raise Untranslatable(f"a part of an array of {kind}")
        for n, k in zip(array.shape, index, strict=True):
            at = self.builder.add(self.builder.mul(at, ir.Constant(I64, n)), self.cast(k, "int64").value)
        table = self.translation.table(array, kind)
        place = self.builder.gep(table, [ir.Constant(I64, 0), at], inbounds=True)
        return Number(self.builder.load(place), kind)

    def _part(self, values, index):
        if index is None or not -len(values) <= index < len(values):
            raise Untranslatable("an element of a tuple that is not known")
        part = values[index]
        return part if isinstance(values, list) else constant(part)

    def _element(self, pointer, index):
        at = self.cast(self.number(self.value(index)), "int64").value
        return self.builder.gep(pointer.value, [at], inbounds=True)

    def _accessed(self, instruction, pointer):
        if pointer.memory != ANYWHERE:
            self.translation.accesses.append((instruction, pointer.memory))
        return instruction

    def _UnaryOp(self, node):
        x = self.number(self.value(node.operand))
        if isinstance(node.op, ast.Not):
            return Number(self.builder.not_(self.truth(x)), "bool")
        if isinstance(node.op, ast.USub):
            return self.negated(x)
        if isinstance(node.op, ast.Invert) and x.kind == "int64":
            return Number(self.builder.not_(x.value), "int64")
        raise Untranslatable(f"{type(node.op).__name__} of {x.kind}")

    def _BinOp(self, node):
        if is_literal(node.left) and is_literal(node.right):
            return self._Constant(ast.Constant(folded(node)))
        x, y = (self.number(self.value(side)) for side in (node.left, node.right))
        return self.combined(type(node.op), x, y)

    def _Compare(self, node):
        if isinstance(node.ops[0], (ast.Is, ast.IsNot)):
            return self._is_none(node)
        left, found = self.number(self.value(node.left)), None
        for op, right in zip(node.ops, node.comparators, strict=True):
            if type(op) not in _COMPARISONS:
                raise Untranslatable("a comparison")
            right = self.number(self.value(right))
            made = self._compared(_COMPARISONS[type(op)], left, right)
            found = made if found is None else Number(self.builder.and_(found.value, made.value), "bool")
            left = right
        return found

    def _is_none(self, node):
        right = node.comparators[0]
        if len(node.ops) > 1 or not isinstance(right, ast.Constant) or right.value is not None:
            raise Untranslatable("`is` of anything but None")
        return constant((self.value(node.left) is None) == isinstance(node.ops[0], ast.Is))

    def _BoolOp(self, node):
        found, both = self.truth(self.value(node.values[0])), isinstance(node.op, ast.And)
        join = self.builder.and_ if both else self.builder.or_
        for v in node.values[1:]:
            if self.translation.branching:
                found = self._decided(found, both, v)
                continue
            found = join(found, self.truth(self.value(v)))
        return Number(found, "bool")

    def _decided(self, found, both, node):
        """`found and node`, or `found or node`, where node is worked out only if found leaves it open."""
        builder, function = self.builder, self.translation.function
        more, after = (function.append_basic_block(n) for n in ("more", "after"))
        slot = self.translation.slot(I1)
        builder.store(found, slot)
        builder.cbranch(found, *((more, after) if both else (after, more)))
        builder.position_at_end(more)
        builder.store(self.truth(self.value(node)), slot)
        builder.branch(after)
        builder.position_at_end(after)
        return builder.load(slot)

    def _IfExp(self, node):
        test = self.truth(self.value(node.test))
        if not self.translation.apart and not (is_known(node.body) and is_known(node.orelse)):
            return self._chosen(test, node.body, node.orelse)
        x, y = self.number(self.value(node.body)), self.number(self.value(node.orelse))
        kind = x.kind if x.kind == y.kind else self._common(x, y)
        return Number(self.builder.select(test, self.cast(x, kind).value, self.cast(y, kind).value), kind)

    def _chosen(self, test, body, orelse):
        """Of two values the one asked for alone: a loop that has no vectors saves the other's time."""
        builder, function, found = self.builder, self.translation.function, []
        yes, no, after = (function.append_basic_block(name) for name in ("then", "else", "after"))
        builder.cbranch(test, yes, no)
        for block, node in ((yes, body), (no, orelse)):
            builder.position_at_end(block)
            found.append((self.number(self.value(node)), builder.block))
        (x, _), (y, _) = found
        kind = x.kind if x.kind == y.kind else self._common(x, y)
        slot = self.translation.slot(LLVM[kind])
        for value, block in found:
            builder.position_at_end(block)
            builder.store(self.cast(value, kind).value, slot)
            builder.branch(after)
        builder.position_at_end(after)
        return Number(builder.load(slot), kind)
