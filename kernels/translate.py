"""Loops over addresses and scalar bodies, from Python's syntax tree straight to LLVM code.

The one idea: generated kernels, the bodies they call and the code that runs programs are a small part of
Python with one type a name, so no inference is needed: a kernel of thirty bodies is LLVM code within
milliseconds, where Numba's front end takes that long for each body.  What is not of that part raises
`Untranslatable`, and Numba compiles it.
"""

import numpy as np
from llvmlite import ir
from numba import types

from .arithmetic import ANYWHERE, EXACT, I64, LLVM, Number, Pointer
from .frames import Frame
from .native import KERNEL
from .syntax import assigned


class Translation:
    """One function as an LLVM module: a kernel  name(args, lo, hi), a ufunc's loop, or one over int64s.

    `branching`: whether the right side of `and` and `or` is left out where the left one decides.  Functions
    over int64s do that; loops work out both, which is what vectors need: their bodies have no effects.
    `apart`: whether operands lie in memory of their own, as those of kernels do.
    """

    def __init__(self, symbol, tree, scope, signature=KERNEL, branching=None, frame=None):
        self.module, self.depth = ir.Module(symbol), 0
        self.branching = signature.args[0] == types.int64 if branching is None else branching
        self.apart = signature == KERNEL and not self.branching
        result = ir.VoidType() if signature.return_type == types.void else I64
        given = [I64 if a == types.int64 else I64.as_pointer() for a in signature.args]
        self.function = ir.Function(self.module, ir.FunctionType(result, given), symbol)
        self.entry = self.function.append_basic_block("entry")
        self.builder = ir.IRBuilder(self.function.append_basic_block("body"))
        self.memories, self.accesses, self.tables = {}, [], {}
        known = dict(zip([a.arg for a in tree.args.args], self._arguments(), strict=True))
        made = (frame or Frame)(self, scope, known, self._flags(), np.float64, assigned(tree), self.apart)
        self._return(made.run(tree), made)
        ir.IRBuilder(self.entry).branch(self.function.blocks[1])
        self._say_what_differs()

    def _arguments(self):
        return [Number(value, "int64") if value.type == I64 else Pointer(value, "int64", ANYWHERE)
                for value in self.function.args]

    def _flags(self):
        return EXACT

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
