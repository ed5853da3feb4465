"""Loops over addresses and scalar bodies, from Python's syntax tree straight to LLVM code.

The one idea: generated kernels, the bodies they call and the code that runs programs are a small part of
Python with one type a name, so no inference is needed: a kernel of thirty bodies is LLVM code within
milliseconds, where Numba's front end takes that long for each body.  What is not of that part raises
`Untranslatable`, and Numba compiles it.
"""
import ast

import numpy as np
from llvmlite import ir
from numba import types

from .arithmetic import ANYWHERE, EXACT, I64, LLVM, Number, Pointer, constant
from .calls import Calls
from .expressions import Expressions
from .native import KERNEL
from .syntax import Untranslatable, assigned, returns


class Translation:
    """One function as an LLVM module: a kernel  name(args, lo, hi), a ufunc's loop, or one over int64s.

    `branching`: whether the right side of `and` and `or` is left out where the left one decides.  Functions
    over int64s do that; loops work out both, which is what vectors need: their bodies have no effects.
    `apart`: whether operands lie in memory of their own, as those of kernels do.
    """

    def __init__(self, symbol, tree, scope, signature=KERNEL):
        self.module = ir.Module(symbol)
        self.branching, self.apart = signature.args[0] == types.int64, signature == KERNEL
        result = ir.VoidType() if signature.return_type == types.void else I64
        given = [I64 if a == types.int64 else I64.as_pointer() for a in signature.args]
        self.function = ir.Function(self.module, ir.FunctionType(result, given), symbol)
        self.entry = self.function.append_basic_block("entry")
        self.builder = ir.IRBuilder(self.function.append_basic_block("body"))
        self.memories, self.accesses, self.tables = {}, [], {}
        known = {}
        for a, value in zip(tree.args.args, self.function.args, strict=True):
            known[a.arg] = Number(value, "int64") if value.type == I64 else Pointer(value, "int64", ANYWHERE)
        frame = Frame(self, scope, known, EXACT, np.float64, assigned(tree), self.apart)
        self._return(frame.run(tree), frame)
        ir.IRBuilder(self.entry).branch(self.function.blocks[1])
        self._say_what_differs()

    def _return(self, value, frame):
        if self.function.ftype.return_type == I64:
            self.builder.ret(frame.cast(value, "int64").value)
        else:
            self.builder.ret_void()

    def operand(self, stored):
        """A name for the memory that a pointer shows."""
        if not self.apart:
            return ANYWHERE
        memory = f"operand{len(self.memories)}"
        self.memories[memory] = stored
        return memory

    def slot(self, kind, count=None):
        """Memory on the stack."""
        entry = ir.IRBuilder(self.entry)
        return entry.alloca(kind if count is None else ir.ArrayType(kind, count))

    def table(self, array, kind):
        """An array's elements as a constant of the module."""
        name = f"table{len(self.tables)}"
        if id(array) not in self.tables:
            flat = ir.Constant(ir.ArrayType(LLVM[kind], array.size), array.ravel().tolist())
            made = self.tables[id(array)] = ir.GlobalVariable(self.module, flat.type, name)
            made.initializer, made.global_constant, made.linkage = flat, True, "internal"
        return self.tables[id(array)]

    def _say_what_differs(self):
        """Tell LLVM that operands lie in memory of their own: it checks few pairs of addresses itself."""
        module = self.module
        domain = module.add_metadata([ir.MetaDataString(module, "operands")])
        scopes = {m: module.add_metadata([ir.MetaDataString(module, m), domain])
                  for m in dict.fromkeys(m for _, m in self.accesses)}
        own = {m: module.add_metadata([s]) for m, s in scopes.items()}
        others = {m: module.add_metadata([s for other, s in scopes.items() if other != m]) for m in scopes}
        for instruction, memory in self.accesses:
            instruction.set_metadata("alias.scope", own[memory])
            if len(scopes) > 1:
                instruction.set_metadata("noalias", others[memory])


class Frame(Expressions, Calls):
    """A function being translated where it is called."""

    def __init__(self, translation, scope, known, flags, precision, counts, top=False):
        self.translation, self.scope, self.known = translation, scope, known
        self.flags, self.precision, self.counts = flags, precision, counts
        self.slots, self.result, self.end, self.nesting = {}, None, None, 0
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
        ended = self.block(statements)
        self.known, self.nesting = before, self.nesting - 1
        return ended

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
        test = self.truth(self.value(s.test))
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
        bounds = [self.cast(self.value(a), "int64").value for a in s.iter.args]
        start = bounds[0] if len(bounds) > 1 else ir.Constant(I64, 0)
        stop, step = bounds[min(1, len(bounds) - 1)], bounds[2] if len(bounds) > 2 else ir.Constant(I64, 1)
        if not isinstance(step, ir.Constant) or step.constant == 0:
            raise Untranslatable("a loop of a step that is not known")
        builder, function = self.builder, self.translation.function
        if s.target.id not in self.slots:
            self.slots[s.target.id] = self.translation.slot(I64), "int64"
        slot = self.slots[s.target.id][0]
        head, body, after = (function.append_basic_block(n) for n in ("head", "loop", "after"))
        counter = self.translation.slot(I64)
        builder.store(start, counter)
        builder.branch(head)
        builder.position_at_end(head)
        i = builder.load(counter)
        builder.cbranch(builder.icmp_signed("<" if step.constant > 0 else ">", i, stop), body, after)
        builder.position_at_end(body)
        builder.store(i, slot)
        if not self._nested(s.body):
            builder.store(builder.add(i, step, flags=("nsw",)), counter)
            builder.branch(head)
        builder.position_at_end(after)

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
        if not self._nested(s.body):
            builder.branch(head)
        builder.position_at_end(after)
        if for_ever:
            builder.unreachable()
        return for_ever

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
