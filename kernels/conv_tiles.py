"""Register tiles of a convolution, emitted as vector instructions: what a loop in Numba can't be made to do.

The one idea: the loop vectorizer does not keep a block of sums in registers; an intrinsic that writes the
block out as vector values does.  A tile is a few rows x 64 bytes of channels, a few vectors wide, and reads
pixels through a table of addresses, so that strides, dilation, padding and edges are the table's affair.
"""
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from .jit import vector_registers

WIDTH = 64                      # bytes of channels in a tile: the width of a panel of packed weights
_FLAGS = ("contract", "nsz")    # a * b + c is one instruction
_I64, _I32 = ir.IntType(64), ir.IntType(32)
# Rows of a tile, by the registers there are: rows * vectors sums, the vectors of weights and a factor or
# two have to fit, and a dozen sums hide the latency of a multiply-add.  One more row on AVX2 spills.
_ROWS = {(32, 64): 12, (16, 32): 6, (32, 16): 6, (16, 16): 2}


def tile_rows():
    """How many pixels (or input channels, of a weight gradient) a tile takes on this processor."""
    return _ROWS[vector_registers()]


@intrinsic
def rows_of_a_tile(typingctx):
    """`tile_rows()` inside compiled code."""
    def codegen(context, b, sig, args):
        return ir.Constant(_I64, tile_rows())
    return types.int64(), codegen


class _Block:
    """The sums of a tile, rows x vectors, and the loads and stores that go with them, while code is made."""

    def __init__(self, builder, element, size):
        _, width = vector_registers()
        self.b, self.element, self.size = builder, element, size
        self.rows, self.vectors, self.lanes = tile_rows(), WIDTH // width, width // size
        self.vector = ir.VectorType(element, self.lanes)
        with builder.goto_entry_block():
            self.sums = [[builder.alloca(self.vector) for _ in range(self.vectors)] for _ in range(self.rows)]

    def at(self, address):
        """A pointer to the elements at an address."""
        return self.b.inttoptr(address, self.element.as_pointer())

    def load(self, pointer):
        """The vectors of a tile's width at a pointer."""
        found = []
        for v in range(self.vectors):
            place = self.b.gep(pointer, [ir.Constant(_I64, v * self.lanes)])
            load = self.b.load(self.b.bitcast(place, self.vector.as_pointer()))
            load.align = self.size
            found.append(load)
        return found

    def store(self, pointer, values):
        for v, value in enumerate(values):
            place = self.b.gep(pointer, [ir.Constant(_I64, v * self.lanes)])
            store = self.b.store(value, self.b.bitcast(place, self.vector.as_pointer()))
            store.align = self.size

    def splat(self, scalar):
        undefined = ir.Constant(self.vector, ir.Undefined)
        first = self.b.insert_element(undefined, scalar, ir.Constant(_I32, 0))
        return self.b.shuffle_vector(first, undefined, ir.Constant(ir.VectorType(_I32, self.lanes),
                                                                   [0] * self.lanes))

    def set(self, row, values):
        for total, value in zip(self.sums[row], values, strict=True):
            self.b.store(value, total)

    def get(self, row):
        return [self.b.load(total) for total in self.sums[row]]

    def add_products(self, row, factors, others):
        """sums[row] += factors * others, vector by vector."""
        for total, x, y in zip(self.sums[row], factors, others, strict=True):
            product = self.b.fmul(x, y, flags=_FLAGS)
            self.b.store(self.b.fadd(self.b.load(total), product, flags=_FLAGS), total)

    def store_above(self, lower, out, where):
        """out[where[row]] = max(sums[row], lower); NaN stays NaN."""
        least = self.splat(lower)
        for row in range(self.rows):
            values = [self.b.select(self.b.fcmp_ordered("<", v, least), least, v) for v in self.get(row)]
            self.store(self.b.gep(self.at(out), [self.entry(where, ir.Constant(_I64, row))]), values)

    def entry(self, table, index):
        """The 64-bit integer that stands at `index` of a table."""
        return self.b.load(self.b.gep(self.b.inttoptr(table, _I64.as_pointer()), [index]))


def _block(context, b, kind):
    return _Block(b, context.get_value_type(kind), kind.bitwidth // 8)


@intrinsic
def address_of(typingctx, array):
    """The address of an array's first element.  The array must be used again after the address was."""
    def codegen(context, b, sig, args):
        return b.ptrtoint(context.make_array(sig.args[0])(context, b, args[0]).data, _I64)
    return types.int64(array), codegen


@intrinsic
def product_tile(typingctx, weights, table, taps, run, bias, out, where, floor):
    """out[where[p]] = max(floor, bias + sum over taps t and c < run of table[t, p][c] * weights[t, c])

    All but the floor are addresses and counts.  For each pixel p of the tile, `table` holds addresses and
    `where` elements from out on; weights, bias and out are panels of WIDTH bytes.  NaN stays NaN.
    """
    signature = types.void(*[types.int64] * 7, floor)

    def codegen(context, b, sig, args):
        weights, table, taps, run, bias, out, where, lower = args
        block = _block(context, b, floor)
        rows, panel = ir.Constant(_I64, block.rows), ir.Constant(_I64, WIDTH // block.size)
        first = block.load(block.at(bias))
        for p in range(block.rows):
            block.set(p, first)
        with cgutils.for_range(b, taps) as tap:
            at = b.mul(tap.index, rows)
            places = [b.add(at, ir.Constant(_I64, p)) for p in range(block.rows)]
            pixels = [block.at(block.entry(table, place)) for place in places]
            panels = b.gep(block.at(weights), [b.mul(b.mul(tap.index, run), panel)])
            with cgutils.for_range(b, run) as c:
                factors = block.load(b.gep(panels, [b.mul(c.index, panel)]))
                for p, pixel in enumerate(pixels):
                    value = block.splat(b.load(b.gep(pixel, [c.index])))
                    block.add_products(p, [value] * block.vectors, factors)
        block.store_above(lower, out, where)
        return context.get_dummy_value()
    return signature, codegen


@intrinsic
def outer_tile(typingctx, table, first, panels, pixels, starts, start_step, outs, out_step, kind):
    """outs[c] = starts[c] + sum over pixels p of table[p][first + c] * panels[p]

    All but `kind`, any value of the dtype, are addresses, counts and bytes from one row to the next.
    """
    signature = types.void(*[types.int64] * 8, kind)

    def codegen(context, b, sig, args):
        table, first, panels, pixels, starts, start_step, outs, out_step, _ = args
        block = _block(context, b, kind)
        panels, panel = block.at(panels), ir.Constant(_I64, WIDTH // block.size)
        for row in range(block.rows):
            block.set(row, [ir.Constant(block.vector, [0.0] * block.lanes)] * block.vectors)
        with cgutils.for_range(b, pixels) as p:
            factors = block.load(b.gep(panels, [b.mul(p.index, panel)]))
            pixel = b.gep(block.at(block.entry(table, p.index)), [first])
            for c in range(block.rows):
                value = block.splat(b.load(b.gep(pixel, [ir.Constant(_I64, c)])))
                block.add_products(c, [value] * block.vectors, factors)
        # what is there is added last: its cache misses then do not hold up the sums
        for row in range(block.rows):
            there = block.load(block.at(b.add(starts, b.mul(start_step, ir.Constant(_I64, row)))))
            values = [b.fadd(x, y) for x, y in zip(there, block.get(row), strict=True)]
            block.store(block.at(b.add(outs, b.mul(out_step, ir.Constant(_I64, row)))), values)
        return context.get_dummy_value()
    return signature, codegen


@intrinsic
def depthwise_tile(typingctx, weights, step, table, taps, shift, bias, out, where, floor):
    """out[where[p]] = max(floor, bias + sum over taps t of table[t, p][shift:] * weights[t]), panel by panel

    As product_tile, but for panels of the pixels too: `step` is the bytes from one tap's weights to the next,
    `shift` where in a pixel the panel begins, in bytes.
    """
    signature = types.void(*[types.int64] * 8, floor)

    def codegen(context, b, sig, args):
        weights, step, table, taps, shift, bias, out, where, lower = args
        block = _block(context, b, floor)
        rows = ir.Constant(_I64, block.rows)
        first = block.load(block.at(bias))
        for p in range(block.rows):
            block.set(p, first)
        with cgutils.for_range(b, taps) as tap:
            factors, at = block.load(block.at(b.add(weights, b.mul(tap.index, step)))), b.mul(tap.index, rows)
            for p in range(block.rows):
                pixel = b.add(block.entry(table, b.add(at, ir.Constant(_I64, p))), shift)
                block.add_products(p, block.load(block.at(pixel)), factors)
        block.store_above(lower, out, where)
        return context.get_dummy_value()
    return signature, codegen


@intrinsic
def depthwise_outer_tile(typingctx, table, step, pixels, shift, dy, dy_step, sums, kind):
    """sums[t] += sum over pixels p of table[t, p][shift:] * dy[p], panel by panel, for a tile's rows of t

    All but `kind`, any value of the dtype, are addresses, counts, and bytes from one tap's table, or from one
    pixel's dy, to the next; the sums are panels in a row.
    """
    signature = types.void(*[types.int64] * 7, kind)

    def codegen(context, b, sig, args):
        table, step, pixels, shift, dy, dy_step, sums, _ = args
        block = _block(context, b, kind)
        places = [b.add(sums, ir.Constant(_I64, t * WIDTH)) for t in range(block.rows)]
        tables = [b.add(table, b.mul(step, ir.Constant(_I64, t))) for t in range(block.rows)]
        for t in range(block.rows):
            block.set(t, block.load(block.at(places[t])))
        with cgutils.for_range(b, pixels) as p:
            factors = block.load(block.at(b.add(dy, b.mul(p.index, dy_step))))
            for t in range(block.rows):
                pixel = b.add(block.entry(tables[t], p.index), shift)
                block.add_products(t, block.load(block.at(pixel)), factors)
        for t in range(block.rows):
            block.store(block.at(places[t]), block.get(t))
        return context.get_dummy_value()
    return signature, codegen


@intrinsic
def copy_panel(typingctx, source, target, kind):
    """The WIDTH bytes at one address to another, in elements of the type of `kind`."""
    signature = types.void(types.int64, types.int64, kind)

    def codegen(context, b, sig, args):
        block = _block(context, b, kind)
        block.store(block.at(args[1]), block.load(block.at(args[0])))
        return context.get_dummy_value()
    return signature, codegen


@intrinsic
def copy_rows(typingctx, source, target, kind):
    """As many elements as a tile has rows, of the type of `kind`, from one address to another."""
    signature = types.void(types.int64, types.int64, kind)

    def codegen(context, b, sig, args):
        vector = ir.VectorType(context.get_value_type(kind), tile_rows()).as_pointer()
        load = b.load(b.inttoptr(args[0], vector))
        load.align = kind.bitwidth // 8
        b.store(load, b.inttoptr(args[1], vector)).align = load.align
        return context.get_dummy_value()
    return signature, codegen


def _transposed(block, rows):
    """The transpose of as many vectors as they have lanes: in rounds, the halves are interleaved."""
    half, lanes = len(rows) // 2, block.lanes
    low = [k // 2 + (k % 2) * lanes for k in range(lanes)]
    masks = [ir.Constant(ir.VectorType(_I32, lanes), [k + shift for k in low]) for shift in (0, lanes // 2)]
    for _ in range(lanes.bit_length() - 1):
        rows = [block.b.shuffle_vector(rows[k], rows[k + half], mask) for k in range(half) for mask in masks]
    return rows


def square_side(itemsize):
    """The side of the squares that transpose_square takes: a vector's elements."""
    return vector_registers()[1] // itemsize


@intrinsic
def side_of_a_square(typingctx, kind):
    """`square_side` inside compiled code, for the type of `kind`."""
    def codegen(context, b, sig, args):
        return ir.Constant(_I64, square_side(sig.args[0].bitwidth // 8))
    return types.int64(kind), codegen


@intrinsic
def transpose_square(typingctx, source, source_step, target, target_step, kind):
    """target[j * target_step + i] = source[i * source_step + j] for i, j < the side of a square

    Source and target are addresses, steps are in elements of the type of `kind`.
    """
    signature = types.void(*[types.int64] * 4, kind)

    def codegen(context, b, sig, args):
        source, source_step, target, target_step, _ = args
        block = _block(context, b, kind)
        source, target = block.at(source), block.at(target)

        def row(base, step, k):
            place = b.gep(base, [b.mul(step, ir.Constant(_I64, k))])
            return b.bitcast(place, block.vector.as_pointer())
        rows = []
        for k in range(block.lanes):
            rows.append(b.load(row(source, source_step, k)))
            rows[-1].align = block.size
        for k, value in enumerate(_transposed(block, rows)):
            b.store(value, row(target, target_step, k)).align = block.size
        return context.get_dummy_value()
    return signature, codegen
