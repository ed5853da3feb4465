"""Kernels over arrays as instructions of programs: a C function that puts the arrays together from cells.

The one idea: a launch gives a kernel arrays and scalars; laid out in cells (an address and extents, the bits
of a scalar) the same kernel, compiled for the same types, is a kernel(args, lo, hi) of `program`.  The arrays
own nothing and cost a few loads a call.
"""
import functools

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import config
from numba.extending import intrinsic
from numba.np.arrayobj import populate_array
from numba.np.numpy_support import from_dtype

from . import machine
from .cells import Cells
from .fingerprint import fingerprint
from .native import at
from .objects import c_function
from .program import KERNEL
from .recording import Cell
from .syntax import Untranslatable


# ---- types and cells of arguments
def type_of(argument):
    """The Numba type that a kernel sees for an argument; "cell" for one that is read when the kernel runs."""
    if isinstance(argument, Cell):
        return "cell"
    if isinstance(argument, np.ndarray):
        layout = "C" if argument.flags.c_contiguous else "A"
        return types.Array(from_dtype(argument.dtype), argument.ndim, layout)
    if type(argument) is tuple:
        return tuple([type_of(a) for a in argument])
    return numba.typeof(argument)


def cells_of(argument, address):
    """The cells of an argument; address(array, byte offset) stands for where an array's memory is."""
    if isinstance(argument, Cell):
        return [address(argument.array[argument.index:])]
    if isinstance(argument, np.ndarray):
        strides = [] if argument.flags.c_contiguous else argument.strides
        return [address(argument), *argument.shape, *strides]
    if type(argument) is tuple:
        return [cell for a in argument for cell in cells_of(a, address)]
    return [] if argument is None else [_bits(argument)]


def _bits(number):
    value = np.zeros(1, np.int64)
    exact = np.asarray(number)
    if exact.dtype.kind not in "biuf":
        raise TypeError(f"a kernel's argument {number!r} fits no cell")
    value.view(exact.dtype)[0] = exact
    return int(value[0])


def _count(kind):
    if isinstance(kind, types.Array):
        return 1 + kind.ndim * (1 if kind.layout == "C" else 2)
    return 0 if kind == types.none else 1


# ---- what reads them
def _loaded(builder, cells, begin, k):
    return builder.load(builder.gep(cells, [builder.add(begin, ir.Constant(ir.IntType(64), k))]))


def _array(context, builder, kind, cells, begin):
    """An array from its cells."""
    data, made = context.get_data_type(kind.dtype), context.make_array(kind)(context, builder)
    size = ir.Constant(ir.IntType(64), context.get_abi_sizeof(data))
    extents = [_loaded(builder, cells, begin, 1 + k) for k in range(kind.ndim)]
    if kind.layout == "C":
        strides = [size]
        for n in extents[:0:-1]:
            strides.insert(0, builder.mul(strides[0], n))
        strides = strides[:kind.ndim]
    else:
        strides = [_loaded(builder, cells, begin, 1 + kind.ndim + k) for k in range(kind.ndim)]
    address = builder.inttoptr(_loaded(builder, cells, begin, 0), data.as_pointer())
    populate_array(made, address, extents, strides, size, None)
    return made._getvalue()


def _number(context, builder, kind, cells, begin):
    """A scalar from the low bits of its cell."""
    value = _loaded(builder, cells, begin, 0)
    if kind == types.boolean:
        return builder.icmp_unsigned("!=", value, ir.Constant(value.type, 0))
    target = context.get_value_type(kind)
    if isinstance(target, ir.IntType):
        return value if target.width == 64 else builder.trunc(value, target)
    bits = ir.IntType(32 if kind == types.float32 else 64)
    return builder.bitcast(builder.trunc(value, bits) if bits.width < 64 else value, target)


@functools.cache
def _reader(kind):
    """An intrinsic that gives an argument of that type, from the cell at `begin` on."""
    @intrinsic
    def read(typingctx, cells, begin):
        def codegen(context, builder, sig, args):
            make = _array if isinstance(kind, types.Array) else _number
            return make(context, builder, kind, *args)
        return kind(cells, begin), codegen
    return read


def _expression(kind, scope, next_cell):
    if kind == "cell":
        k = next_cell(1)
        scope["at"] = at
        return f"at(args[{k}])[0]"
    if isinstance(kind, tuple):
        return f"({''.join(_expression(k, scope, next_cell) + ', ' for k in kind)})"
    if kind == types.none:
        return "None"
    name = f"read_{len(scope)}"
    scope[name] = _reader(kind)
    return f"{name}(args, {next_cell(_count(kind))})"


def _source(name, kinds, check, scope):
    """The text of the C function; its last cell is the address of the error record where it checks."""
    used = [0]

    def next_cell(count):
        used[0] += count
        return used[0] - count
    given = ", ".join([*[_expression(kind, scope, next_cell) for kind in kinds], "lo", "hi"])
    if not check:
        return f"def {name}(args, lo, hi):\n    kernel({given})\n"
    scope["at"] = at
    return (f"def {name}(args, lo, hi):\n    if kernel({given}) != -1:\n"
            f"        at(args[{used[0]}])[0] = 1\n")


@functools.cache
def _own_code():
    return [fingerprint(f) for f in (_loaded, _array, _number)]


@functools.cache
def adapted(kernel, kinds, check=False):
    """A range kernel as a C function over cells, for arguments of those types; kept on disk.

    Where `check`, a result of the kernel other than -1 is an error.
    """
    if not config.BOUNDSCHECK:
        try:
            flags = tuple(sorted(kernel.options["fastmath"]))
            return machine.compiled(kernel.function, None, Cells(kinds, check, flags, kernel.tiled))
        except Untranslatable:                  # Numba knows more of Python
            pass
    name = "".join(c if c.isalnum() else "_" for c in f"{kernel.function.__name__}_on_cells")
    scope = {"__name__": __name__}
    text = _source(name, kinds, check, scope)

    def make():
        scope["kernel"] = kernel.serial
        exec(text, scope)
        return scope[name]
    return c_function(kernel.function, make, KERNEL, kernel.options, f"{text} {kinds} {_own_code()}")
