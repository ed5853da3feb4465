"""Tiles of a few vectors of channels that stay in registers while a list of pixels is gone through.

The one idea: a loop over pixels inside a loop over channels is what the vectorizer can't make; an intrinsic
that works on vector values is that loop.  Each tile comes in three widths, the last a single channel.
"""
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from .jit import INLINE, kernel

WIDTHS = (64, 32, 1)            # bytes; LLVM splits what is wider than a register
_WIDE, _NARROW = WIDTHS[:2]
_I32, _I64 = ir.IntType(32), ir.IntType(64)
_FLAGS = ("contract", "nsz")    # a + b * c is one instruction


# ---- pieces of the tiles
def _lanes(kind, width):
    """How many elements of an array a tile of that width has."""
    return max(width // (kind.dtype.bitwidth // 8), 1)


def _pointer(context, b, kind, array, at):
    """A pointer to element `at` of an array."""
    return b.gep(context.make_array(kind)(context, b, array).data, [at])


def _load(context, b, kind, array, at, lanes):
    """The elements of an array from `at` on."""
    place = _pointer(context, b, kind, array, at)
    load = b.load(b.bitcast(place, ir.VectorType(place.type.pointee, lanes).as_pointer()))
    load.align = kind.dtype.bitwidth // 8
    return load


def _store(context, b, value, kind, array, at):
    """Store elements of an array from `at` on."""
    store = b.store(value, b.bitcast(_pointer(context, b, kind, array, at), value.type.as_pointer()))
    store.align = kind.dtype.bitwidth // 8


def _one(context, b, kind, array, at):
    """Element `at` of an array."""
    return b.load(_pointer(context, b, kind, array, at))


def _splat(b, scalar, lanes):
    """A vector of one number."""
    undefined = ir.Constant(ir.VectorType(scalar.type, lanes), ir.Undefined)
    first = b.insert_element(undefined, scalar, ir.Constant(_I32, 0))
    return b.shuffle_vector(first, undefined, ir.Constant(ir.VectorType(_I32, lanes), [0] * lanes))


def _variable(b, value):
    """A variable with a first value, which LLVM keeps in registers."""
    with b.goto_entry_block():
        place = b.alloca(value.type)
    b.store(value, place)
    return place


def _zeros(context, kind, lanes):
    return ir.Constant(ir.VectorType(context.get_value_type(kind.dtype), lanes), None)


def _larger(b, kind, x, best):
    """Where x is larger than best, or the first nan."""
    if isinstance(kind.dtype, types.Float):
        return b.and_(b.fcmp_unordered(">", x, best), b.fcmp_ordered("ord", best, best))
    return b.icmp_signed(">", x, best) if kind.dtype.signed else b.icmp_unsigned(">", x, best)


# ---- tiles
def _largest(width):
    @intrinsic
    def largest(typingctx, x, c, places, numbers, count, none, out, index, to):
        """out[to:], index[to:] = the largest of x[places[e] + c:] over e < count, and its numbers[e]"""
        signature = types.void(x, types.int64, places, numbers, types.int64, x.dtype, out, index, types.int64)

        def codegen(context, b, sig, args):
            x, c, places, numbers, count, none, out, index, to = args
            of_x, of_places, of_numbers, of_index = sig.args[0], sig.args[2], sig.args[3], sig.args[7]
            lanes = _lanes(of_x, width)
            first = _one(context, b, of_numbers, numbers, ir.Constant(_I64, 0))
            best, found = _variable(b, _splat(b, none, lanes)), _variable(b, _splat(b, first, lanes))
            with cgutils.for_range(b, count) as loop:
                place = b.add(_one(context, b, of_places, places, loop.index), c)
                number = _splat(b, _one(context, b, of_numbers, numbers, loop.index), lanes)
                value, before = _load(context, b, of_x, x, place, lanes), b.load(best)
                better = _larger(b, of_x, value, before)
                b.store(b.select(better, value, before), best)
                b.store(b.select(better, number, b.load(found)), found)
            _store(context, b, b.load(best), sig.args[6], out, to)
            stored, element = b.load(found), context.get_value_type(of_index.dtype)
            if element.width < _I32.width:
                stored = b.trunc(stored, ir.VectorType(element, lanes))
            _store(context, b, stored, of_index, index, to)
            return context.get_dummy_value()
        return signature, codegen
    return largest


def _where(width):
    @intrinsic
    def where(typingctx, g, index, c, places, numbers, count, dx, to):
        """dx[to:] = the sum over e < count of g[places[e] + c:], where index there is numbers[e]"""
        signature = types.void(g, index, types.int64, places, numbers, types.int64, dx, types.int64)

        def codegen(context, b, sig, args):
            g, index, c, places, numbers, count, dx, to = args
            of_g, of_index, of_places, of_numbers = sig.args[0], sig.args[1], sig.args[3], sig.args[4]
            lanes, element = _lanes(of_g, width), context.get_value_type(of_index.dtype)
            zero = _zeros(context, of_g, lanes)
            total = _variable(b, zero)
            with cgutils.for_range(b, count) as loop:
                place = b.add(_one(context, b, of_places, places, loop.index), c)
                number = _one(context, b, of_numbers, numbers, loop.index)
                number = _splat(b, b.trunc(number, element) if element.width < _I32.width else number, lanes)
                here = b.icmp_unsigned("==", _load(context, b, of_index, index, place, lanes), number)
                value = b.select(here, _load(context, b, of_g, g, place, lanes), zero)
                b.store(b.fadd(b.load(total), value, flags=_FLAGS), total)
            _store(context, b, b.load(total), sig.args[6], dx, to)
            return context.get_dummy_value()
        return signature, codegen
    return where


def _weighted(width):
    @intrinsic
    def weighted(typingctx, x, c, places, weights, count, out, to):
        """out[to:] = the sum over e < count of weights[e] * x[places[e] + c:]"""
        signature = types.void(x, types.int64, places, weights, types.int64, out, types.int64)

        def codegen(context, b, sig, args):
            x, c, places, weights, count, out, to = args
            of_x, of_places, of_weights = sig.args[0], sig.args[2], sig.args[3]
            lanes = _lanes(of_x, width)
            total = _variable(b, _zeros(context, of_x, lanes))
            with cgutils.for_range(b, count) as loop:
                place = b.add(_one(context, b, of_places, places, loop.index), c)
                weight = _splat(b, _one(context, b, of_weights, weights, loop.index), lanes)
                product = b.fmul(weight, _load(context, b, of_x, x, place, lanes), flags=_FLAGS)
                b.store(b.fadd(b.load(total), product, flags=_FLAGS), total)
            _store(context, b, b.load(total), sig.args[5], out, to)
            return context.get_dummy_value()
        return signature, codegen
    return weighted


_largest_wide, _largest_narrow, _largest_one = (_largest(w) for w in WIDTHS)
_where_wide, _where_narrow, _where_one = (_where(w) for w in WIDTHS)
_weighted_wide, _weighted_narrow, _weighted_one = (_weighted(w) for w in WIDTHS)


# ---- all channels of a pixel.  Inlined, or passing the arrays would take as long as 16 channels do.
@kernel(options=INLINE)
def largest_of_pixels(x, channels, places, numbers, count, none, out, index, to):
    """out[to + c], index[to + c] = the largest of x[places[e] + c] over e < count, and its numbers[e]

    The first nan is the largest.  Of no pixels they are `none` and numbers[0].
    """
    c, wide, narrow = 0, _WIDE // x.itemsize, _NARROW // x.itemsize
    while c + wide <= channels:
        _largest_wide(x, c, places, numbers, count, none, out, index, to + c)
        c += wide
    while c + narrow <= channels:
        _largest_narrow(x, c, places, numbers, count, none, out, index, to + c)
        c += narrow
    while c < channels:
        _largest_one(x, c, places, numbers, count, none, out, index, to + c)
        c += 1


@kernel(options=INLINE)
def sum_where(g, index, channels, places, numbers, count, dx, to):
    """dx[to + c] = the sum over e < count of g[places[e] + c], where index there is numbers[e]"""
    c, wide, narrow = 0, _WIDE // g.itemsize, _NARROW // g.itemsize
    while c + wide <= channels:
        _where_wide(g, index, c, places, numbers, count, dx, to + c)
        c += wide
    while c + narrow <= channels:
        _where_narrow(g, index, c, places, numbers, count, dx, to + c)
        c += narrow
    while c < channels:
        _where_one(g, index, c, places, numbers, count, dx, to + c)
        c += 1


@kernel(options=INLINE)
def weighted_sum(x, channels, places, weights, count, out, to):
    """out[to + c] = the sum over e < count of weights[e] * x[places[e] + c]"""
    c, wide, narrow = 0, _WIDE // x.itemsize, _NARROW // x.itemsize
    while c + wide <= channels:
        _weighted_wide(x, c, places, weights, count, out, to + c)
        c += wide
    while c + narrow <= channels:
        _weighted_narrow(x, c, places, weights, count, out, to + c)
        c += narrow
    while c < channels:
        _weighted_one(x, c, places, weights, count, out, to + c)
        c += 1
