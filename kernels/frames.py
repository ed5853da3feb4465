"""Statements of a translation: assignments, loops, branches, returns.

The one idea: a name that is assigned once is the value itself; one that changes is memory on the stack, which
LLVM makes registers of.
"""
import ast

from llvmlite import ir

from .arithmetic import I64, LLVM, Number, Pointer, constant
from .calls import Calls
from .expressions import Expressions
from .syntax import Untranslatable, returns


class Frame(Expressions, Calls):
    """A function being translated where it is called."""

    def __init__(self, translation, scope, known, flags, precision, counts, top=False):
        self.translation, self.scope, self.known = translation, scope, known
        self.flags, self.precision, self.counts = flags, precision, counts
        self.slots, self.result, self.end, self.nesting = {}, None, None, 0
        self.loops = []                 # of those around: where `continue` and `break` go
        self.top = top
        for name, value in list(known.items()):
            if counts.get(name, 0) > 1:
                del known[name]
                self._assign(name, value)

    builder = property(lambda self: self.translation.builder)

    # ---- statements
    def block(self, statements):
        """Translate statements; True if they end in a return."""
        return any(getattr(self, f"_{type(s).__name__}", self._unknown)(s) for s in statements)

    def _nested(self, statements):
        before, self.nesting = dict(self.known), self.nesting + 1
        self.translation.depth += 1
        ended = self.block(statements)
        self.known, self.nesting = before, self.nesting - 1
        self.translation.depth -= 1
        return ended

    def _repeated(self, statements, again, after):
        """Translate a loop's body."""
        self.loops.append([again, after, False])
        if not self._nested(statements):
            self.builder.branch(again)
        return self.loops.pop()[2]

    def _Continue(self, s):
        self.builder.branch(self.loops[-1][0])
        return True

    def _Break(self, s):
        self.builder.branch(self.loops[-1][1])
        self.loops[-1][2] = True
        return True

    def _Expr(self, s):
        if isinstance(s.value, ast.Constant):
            return
        if not isinstance(s.value, ast.Call):
            raise Untranslatable("an expression for its effect")
        self.value(s.value)

    def _Pass(self, s):
        pass

    def _Assign(self, s):
        value = self.value(s.value)
        for target in s.targets:
            self._store(target, value)

    def _AugAssign(self, s):
        if isinstance(s.target, ast.Name):
            load = ast.Name(s.target.id, ast.Load())
            self._assign(s.target.id, self.value(ast.BinOp(load, s.op, s.value)))
        elif isinstance(s.target, ast.Subscript):
            pointer, place = self._place(s.target)
            before = Number(self._accessed(self.builder.load(place), pointer), pointer.kind)
            self._put(pointer, place, self.combined(type(s.op), before, self.number(self.value(s.value))))
        else:
            raise Untranslatable(type(s.target).__name__)

    def _store(self, target, value):
        if isinstance(target, ast.Name):
            self._assign(target.id, value)
        elif isinstance(target, ast.Tuple):
            if not isinstance(value, list) or len(value) != len(target.elts):
                raise Untranslatable("what does not unpack")
            for t, v in zip(target.elts, value, strict=True):
                self._store(t, v)
        elif isinstance(target, ast.Subscript):
            self._put(*self._place(target), value)
        else:
            raise Untranslatable(type(target).__name__)

    def _place(self, target):
        """A pointer and the address of one of its elements."""
        pointer = self.value(target.value)
        if not isinstance(pointer, Pointer):
            raise Untranslatable("an assignment to an element of no pointer")
        return pointer, self._element(pointer, target.slice)

    def _put(self, pointer, place, value):
        self._accessed(self.builder.store(self.cast(value, pointer.kind).value, place), pointer)

    def _assign(self, name, value):
        if self.counts.get(name, 0) <= 1 or not isinstance(value, Number):
            if self.counts.get(name, 0) > 1:
                raise Untranslatable(f"{name}, which changes and is no number")
            self.known[name] = value
            return
        if name not in self.slots or (self.nesting == 0 and self.slots[name][1] != value.kind):
            self.slots[name] = self.translation.slot(LLVM[value.kind]), value.kind
        slot, kind = self.slots[name]
        if kind != value.kind:
            raise Untranslatable(f"{name}, which is {kind} and then {value.kind}")
        self.builder.store(value.value, slot)

    def _If(self, s):
        builder, translation = self.builder, self.translation
        known = self.number(self.value(s.test))
        if isinstance(known.known, bool):
            return self.block(s.body if known.known else s.orelse)
        test = self.truth(known)
        yes, no, after = (translation.function.append_basic_block(n) for n in ("then", "else", "after"))
        builder.cbranch(test, yes, no)
        ended = []
        for block, statements in ((yes, s.body), (no, s.orelse)):
            builder.position_at_end(block)
            ended.append(self._nested(statements))
            if not ended[-1]:
                builder.branch(after)
        builder.position_at_end(after)
        if all(ended):
            builder.unreachable()
            return True
        return False

    def _For(self, s):
        called = getattr(s.iter.func, "id", None) if isinstance(s.iter, ast.Call) else None
        if called not in ("range", "unrolled") or s.orelse or not isinstance(s.target, ast.Name):
            raise Untranslatable("a loop over what is no range")
        if called == "unrolled":
            self._unroll(s)
            return
        bounds = [self.number(self.value(a)) for a in s.iter.args]
        kind = "uint64" if all(b.kind == "uint64" or (b.known or -1) >= 0 for b in bounds) and any(
            b.kind == "uint64" for b in bounds) else "int64"
        bounds = [self.cast(b, "int64").value for b in bounds]
        start = bounds[0] if len(bounds) > 1 else ir.Constant(I64, 0)
        stop, step = bounds[min(1, len(bounds) - 1)], bounds[2] if len(bounds) > 2 else ir.Constant(I64, 1)
        builder, function = self.builder, self.translation.function
        if s.target.id not in self.slots:
            self.slots[s.target.id] = self.translation.slot(I64), kind
        if self.slots[s.target.id][1] != kind:
            raise Untranslatable(f"{s.target.id}, which is {kind} and something else")
        slot = self.slots[s.target.id][0]
        head, body, again, after = (
            function.append_basic_block(n) for n in ("head", "loop", "again", "after"))
        counter = self.translation.slot(I64)
        builder.store(start, counter)
        builder.branch(head)
        builder.position_at_end(head)
        i = builder.load(counter)
        builder.cbranch(self._goes_on(i, stop, step), body, after)
        builder.position_at_end(body)
        builder.store(i, slot)
        self._repeated(s.body, again, after)
        builder.position_at_end(again)
        builder.store(builder.add(i, step, flags=("nsw",)), counter)
        builder.branch(head)
        builder.position_at_end(after)

    def _goes_on(self, i, stop, step):
        up, down = (self.builder.icmp_signed(how, i, stop) for how in "<>")
        if isinstance(step, ir.Constant):
            return up if step.constant > 0 else down
        return self.builder.select(self.builder.icmp_signed(">", step, ir.Constant(I64, 0)), up, down)

    def _unroll(self, s):
        """A loop of a known number of rounds, written out: vectors are left to the loop around it."""
        count, = [self.number(self.value(a)).known for a in s.iter.args]
        for i in range(count):
            self.known[s.target.id] = constant(i)
            self._nested(s.body)

    def _While(self, s):
        if s.orelse:
            raise Untranslatable("an else of a loop")
        builder, function = self.builder, self.translation.function
        head, body, after = (function.append_basic_block(n) for n in ("head", "loop", "after"))
        builder.branch(head)
        builder.position_at_end(head)
        for_ever = isinstance(s.test, ast.Constant) and s.test.value is True
        if for_ever:
            builder.branch(body)
        else:
            builder.cbranch(self.truth(self.value(s.test)), body, after)
        builder.position_at_end(body)
        left = self._repeated(s.body, head, after)
        builder.position_at_end(after)
        if for_ever and not left:
            builder.unreachable()
        return for_ever and not left

    def _Return(self, s):
        value = None if s.value is None else self.value(s.value)
        if self.end is None:
            self.result = value
            return True
        self._keep_result(value)
        self.builder.branch(self.end)
        return True

    def _keep_result(self, value):
        parts = value if isinstance(value, list) else [] if value is None else [self.number(value)]
        if self.result is None:
            slots = [(self.translation.slot(LLVM[p.kind]), p.kind) for p in parts]
            self.result = slots, isinstance(value, list)
        slots, is_list = self.result
        if len(slots) != len(parts) or is_list != isinstance(value, list):
            raise Untranslatable("results of different kinds")
        for (slot, kind), p in zip(slots, parts, strict=True):
            if p.kind != kind:
                raise Untranslatable(f"a result that is {kind} or {p.kind}")
            self.builder.store(p.value, slot)

    def run(self, tree):
        """The value that the function returns, or None."""
        if returns(tree) > 1 or not isinstance(tree.body[-1], ast.Return):
            self.end = self.translation.function.append_basic_block("end")
        if not self.block(tree.body):
            self._keep_result(None)
            self.builder.branch(self.end)
        if self.end is None:
            return self.result
        # (an `if` whose branches both return leaves an unreachable block behind)
        self.builder.position_at_end(self.end)
        slots, is_list = self.result or ([], False)     # (a loop that never ends has none)
        values = [Number(self.builder.load(slot), kind) for slot, kind in slots]
        return values if is_list else values[0] if values else None
