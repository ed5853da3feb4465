"""Neighbours in memory read or written at once, by up to 16 bytes an instruction.

LLVM would take them one by one, as it can't see that they are aligned.
"""
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from .backend import SIMULATED

BYTES = 16                      # of the widest load that there is
WORD = 4                        # bytes of what vectors of smaller elements are made of


def lanes_of(itemsize):
    """The elements of the widest vector."""
    return max(1, BYTES // itemsize)


def aligned(x):
    """Whether an array begins where vectors of it can be read."""
    return (x.data.ptr if hasattr(x.data, "ptr") else x.ctypes.data) % BYTES == 0


# ---- LLVM's code
class _Vectors:
    """The vectors that n elements of an array are, while code is made.

    A complex number counts as two elements.  Those of a byte or two come by words: LLVM, which splits vectors
    of more than four elements, must not see what words are made of, so each passes through an instruction
    that LLVM does not know, and that the assembler drops.
    """

    def __init__(self, context, builder, kind, array, at, n):
        self.builder, data = builder, context.make_array(kind)(context, builder, array).data
        unit, count = data.type.pointee, n
        if isinstance(kind.dtype, types.Complex):
            unit, count = unit.elements[0], 2 * n
        size = context.get_abi_sizeof(unit)
        self.each = min(count, BYTES // size)
        self.bytes, self.unit = self.each * size, unit
        self.word = ir.VectorType(unit, WORD // size) if size < WORD < self.bytes else None
        whole = ir.VectorType(ir.IntType(8 * WORD), self.bytes // WORD) if self.word else (
            ir.VectorType(unit, self.each))
        first = builder.bitcast(builder.gep(data, [at]), ir.PointerType(whole, data.type.addrspace))
        self.whole, self.places = whole, [builder.gep(first, [_number(k)]) for k in range(count // self.each)]

    def load(self):
        """The elements."""
        b, found = self.builder, []
        for place in self.places:
            vector = b.load(place)
            vector.align = self.bytes
            parts = self._parts(vector)
            found += [x for word in parts for x in self._parts(b.bitcast(_opaque(b, word), self.word))] if (
                self.word) else parts
        return found

    def store(self, values):
        """Store the elements."""
        b = self.builder
        for k, place in enumerate(self.places):
            parts = values[k * self.each:(k + 1) * self.each]
            if self.word:
                count = self.word.count
                words = [self._vector(self.word, parts[i:i + count]) for i in range(0, self.each, count)]
                parts = [_opaque(b, b.bitcast(word, self.whole.element)) for word in words]
            b.store(self._vector(self.whole, parts), place).align = self.bytes

    def _parts(self, vector):
        return [self.builder.extract_element(vector, _number(k)) for k in range(vector.type.count)]

    def _vector(self, kind, parts):
        vector = kind(ir.Undefined)
        for k, part in enumerate(parts):
            vector = self.builder.insert_element(vector, part, _number(k))
        return vector


def _number(k):
    return ir.Constant(ir.IntType(32), k)


def _opaque(builder, word):
    kind = ir.FunctionType(word.type, [word.type])
    return builder.asm(kind, "mov.b32 $0, $1;", "=r,r", [word], side_effect=False)


@intrinsic(prefer_literal=True)
def _load(typingctx, array, at, n):
    def codegen(context, b, signature, args):
        kind, result = signature.args[0], signature.return_type
        found = _Vectors(context, b, kind, *args[:2], result.count).load()
        model = context.data_model_manager[kind.dtype]
        if isinstance(kind.dtype, types.Complex):
            blank = model.get_data_type()(ir.Undefined)
            found = [b.insert_value(b.insert_value(blank, real, 0), imag, 1)
                     for real, imag in zip(found[::2], found[1::2], strict=True)]
        return context.make_tuple(b, result, [model.from_data(b, value) for value in found])
    return types.UniTuple(array.dtype, n.literal_value)(array, types.int64, n), codegen


@intrinsic
def _store(typingctx, array, at, values):
    def codegen(context, b, signature, args):
        kind, _, given = signature.args
        model, parts = context.data_model_manager[kind.dtype], []
        for k, own in enumerate(given.types):
            value = model.as_data(b, context.cast(b, b.extract_value(args[2], k), own, kind.dtype))
            is_complex = isinstance(kind.dtype, types.Complex)
            parts += [b.extract_value(value, 0), b.extract_value(value, 1)] if is_complex else [value]
        _Vectors(context, b, kind, *args[:2], given.count).store(parts)
        return context.get_dummy_value()
    return types.void(array, types.int64, values), codegen


@intrinsic(prefer_literal=True)
def _repeated(typingctx, value, n):
    def codegen(context, b, signature, args):
        return context.make_tuple(b, signature.return_type, args[:1] * signature.return_type.count)
    return types.UniTuple(value, n.literal_value)(value, n), codegen


# ---- for device code
def _load_each(array, at, n):
    return tuple(array.reshape(-1)[at:at + n])


def _store_each(array, at, values):
    for k in range(len(values)):
        array.reshape(-1)[at + k] = values[k]


def _repeat(value, n):
    return (value,) * n


# load(array, at, n) = (array[at], ..., array[at + n - 1]); store(array, at, values) puts a tuple there.
# The array is contiguous and begins at a multiple of 16 bytes, `at` counts through all its dimensions.
# n is a constant and a power of 2, `at` a multiple of it.
# repeated(value, n) is a tuple of n times the value.
load, store, repeated = (_load_each, _store_each, _repeat) if SIMULATED else (_load, _store, _repeated)
