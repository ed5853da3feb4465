"""Range kernels as instructions of programs: their arguments are read from cells, once, as they begin.

The one idea: what a launch gives a kernel lies in the cells of a program (an array's address, extents and
strides, the bits of a scalar), so a kernel(args, lo, hi) is a kernel over arrays that takes them from there.
"""
from typing import Any, NamedTuple

from llvmlite import ir
from numba import types
from numba.np.numpy_support import as_dtype

from .arithmetic import FAST, I8, I64, LLVM, Number
from .arrays import Array, ArrayFrame, Records, memory_type
from .syntax import Untranslatable
from .translate import Translation

# Memory that is taken and given back without the GIL.
CLAIM, CLAIM_ZEROS, RELEASE = OUTSIDE = "PyMem_RawMalloc", "PyMem_RawCalloc", "PyMem_RawFree"


class Cells(NamedTuple):
    """What a kernel's cells hold: the types of its arguments; whether a result other than -1 is an error.

    `tiled`: whether loops are left as they are.
    """

    kinds: tuple
    check: bool
    fastmath: Any
    tiled: bool = False


class OnCells(Translation):
    """A range kernel  f(*arguments, lo, hi)  as a kernel(args, lo, hi) whose cells hold the arguments."""

    def __init__(self, symbol, tree, scope, cells):
        self.cells, self.held, self._next = cells, [], 0
        super().__init__(symbol, tree, scope, branching=True, frame=ArrayFrame)

    def _arguments(self):
        _, lo, hi = self.function.args
        return [*[self._read(kind) for kind in self.cells.kinds], Number(lo, "int64"), Number(hi, "int64")]

    def _flags(self):
        return tuple([f for f in FAST if f in self.cells.fastmath])

    def _cell(self):
        self._next += 1
        return self.builder.load(self.builder.gep(self.function.args[0], [ir.Constant(I64, self._next - 1)]))

    def _read(self, kind):
        """An argument, from the cells that come next."""
        builder = self.builder
        if kind == "cell":
            return Number(builder.load(builder.inttoptr(self._cell(), I64.as_pointer())), "int64")
        if isinstance(kind, tuple):
            return [self._read(k) for k in kind]
        if kind == types.none:
            return None
        if isinstance(kind, types.Array):
            return self._array(kind)
        return self._number(str(kind), self._cell())

    def _array(self, kind):
        builder, address = self.builder, self._cell()
        extents = [self._cell() for _ in range(kind.ndim)]
        if isinstance(kind.dtype, types.Record):
            if kind.ndim != 1 or kind.layout != "C":
                raise Untranslatable("records that are not in a row")
            return Records(address, as_dtype(kind.dtype))
        name = str(kind.dtype)
        if name not in LLVM:
            raise Untranslatable(f"an array of {name}")
        strides = None if kind.layout == "C" else [self._cell() for _ in range(kind.ndim)]
        return Array(builder.inttoptr(address, memory_type(name).as_pointer()), name, extents, strides)

    def _number(self, name, value):
        """A number from the low bits of its cell."""
        if name not in LLVM:
            raise Untranslatable(f"an argument {name}")
        builder, to = self.builder, LLVM[name]
        if name == "bool":
            return Number(builder.icmp_unsigned("!=", value, ir.Constant(I64, 0)), name)
        bits = ir.IntType(32) if name == "float32" else I64 if name == "float64" else to
        value = value if bits.width == 64 else builder.trunc(value, bits)
        return Number(value if bits == to else builder.bitcast(value, to), name)

    def allocated(self, zeros, count, itemsize):
        """Memory for so many elements, which is given back when the kernel returns."""
        pointer, given = I8.as_pointer(), [count, ir.Constant(I64, itemsize)]
        if not zeros:
            given = [self.builder.mul(*given)]
        claim = self._outside(CLAIM_ZEROS if zeros else CLAIM,
                              ir.FunctionType(pointer, [I64] * len(given)))
        claim.return_value.add_attribute("noalias")
        address = self.builder.call(claim, given)
        slot = ir.IRBuilder(self.entry)
        held = slot.alloca(pointer)
        slot.store(ir.Constant(pointer, None), held)
        self.builder.store(address, held)
        self.held.append(held)
        return address

    def _outside(self, name, kind):
        return self.module.globals.get(name) or ir.Function(self.module, kind, name)

    def _return(self, value, frame):
        builder = self.builder
        for held in self.held:
            release = self._outside(RELEASE, ir.FunctionType(ir.VoidType(), [I8.as_pointer()]))
            builder.call(release, [builder.load(held)])
        if self.cells.check:
            failed = builder.icmp_signed("!=", frame.cast(value, "int64").value, ir.Constant(I64, -1))
            record = builder.inttoptr(self._cell(), I64.as_pointer())
            with builder.if_then(failed):
                builder.store(ir.Constant(I64, 1), record)
        builder.ret_void()
