"""Four neighbours in memory read or written at once, by 16 bytes an instruction.

LLVM would take them one by one, as it can't see that they are aligned.
"""
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from .backend import SIMULATED

BYTES = 16                      # of the widest load that there is


def _places(context, b, kind, array, at):
    """(elements of a vector, pointers to vectors) that make up four elements of an array."""
    data = context.make_array(kind)(context, b, array).data
    lanes = min(4, BYTES // (kind.dtype.bitwidth // 8))
    vector = ir.PointerType(ir.VectorType(data.type.pointee, lanes), data.type.addrspace)
    starts = [b.add(at, ir.Constant(at.type, first)) for first in range(0, 4, lanes)]
    return lanes, [b.bitcast(b.gep(data, [start]), vector) for start in starts]


def _lane(k):
    return ir.Constant(ir.IntType(32), k)


@intrinsic
def _load_four(typingctx, array, at):
    def codegen(context, b, signature, args):
        lanes, places = _places(context, b, signature.args[0], *args)
        found = []
        for place in places:
            load = b.load(place)
            load.align = BYTES
            found += [b.extract_element(load, _lane(k)) for k in range(lanes)]
        return context.make_tuple(b, signature.return_type, found)
    return types.UniTuple(array.dtype, 4)(array, types.int64), codegen


@intrinsic
def _store_four(typingctx, array, at, first, second, third, fourth):
    def codegen(context, b, signature, args):
        lanes, places = _places(context, b, signature.args[0], *args[:2])
        for k, place in enumerate(places):
            vector = ir.Constant(place.type.pointee, ir.Undefined)
            for lane in range(lanes):
                vector = b.insert_element(vector, args[2 + k * lanes + lane], _lane(lane))
            store = b.store(vector, place)
            store.align = BYTES
        return context.get_dummy_value()
    return types.void(array, types.int64, *[array.dtype] * 4), codegen


def _load_each(array, at):
    return tuple([array[at + k] for k in range(4)])


def _store_each(array, at, *values):
    for k in range(4):
        array[at + k] = values[k]


# load_four(array, at) = (array[at], ..., array[at + 3]); store_four(array, at, a, b, c, d) stores them.
# `at` is a multiple of 4, and the array begins at one of 16 bytes.
load_four, store_four = (_load_each, _store_each) if SIMULATED else (_load_four, _store_four)


def aligned(x):
    """Whether an array begins where fours of it can be read."""
    return (x.data.ptr if hasattr(x.data, "ptr") else x.ctypes.data) % BYTES == 0
