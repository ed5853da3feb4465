"""Kernels over arrays, translated like those over addresses: arrays, records and memory of a kernel's own.

The one idea: an array is an address with extents that are LLVM values, its elements are loads and stores, and
a part of it is another such array; nothing is counted, for arrays own nothing.
"""
import ast

import numpy as np
from llvmlite import ir
from numba import types

from .arithmetic import ANYWHERE, I8, I64, LLVM, Number, Pointer, constant
from .frames import Frame
from .syntax import Untranslatable


def memory_type(kind):
    """The LLVM type of an element in memory, where a bool takes a byte."""
    return I8 if kind == "bool" else LLVM[kind]


class Kind:
    """A dtype by name: what x.dtype is, and its `type`."""

    __slots__ = ("name",)

    def __init__(self, name):
        self.name = name


class Array:
    """Elements of one kind: `data` points to the first; extents and strides, in bytes, are LLVM values.

    C-contiguous ones have no strides.
    """

    __slots__ = ("data", "extents", "kind", "strides")

    def __init__(self, data, kind, extents, strides=None):
        self.data, self.kind, self.extents, self.strides = data, kind, extents, strides

    @property
    def type(self):
        """Its Numba type."""
        kind = types.boolean if self.kind == "bool" else getattr(types, self.kind)
        return types.Array(kind, len(self.extents), "C" if self.strides is None else "A")

    @property
    def itemsize(self):
        """Bytes of an element."""
        return np.dtype(self.kind).itemsize


class Records:
    """A C-contiguous array of records."""

    __slots__ = ("address", "dtype")

    def __init__(self, address, dtype):
        self.address, self.dtype = address, dtype


class Record:
    """One record: its fields are loads."""

    __slots__ = ("address", "dtype")

    def __init__(self, address, dtype):
        self.address, self.dtype = address, dtype


# ---- expressions
class ArrayFrame(Frame):
    """A function over arrays, being translated where it is called."""

    def _index(self, index, extent):
        """An index as it is meant: from the end, where it is negative."""
        k = self.number(index)
        at = self.cast(k, "int64").value
        if k.kind.startswith("u") or (k.known is not None and k.known >= 0):
            return at
        builder = self.builder
        below = builder.icmp_signed("<", at, ir.Constant(I64, 0))
        return builder.select(below, builder.add(at, extent), at)

    def _moved(self, array, axis, k):
        """A pointer to where index k of an axis begins."""
        builder = self.builder
        if array.strides is None:
            inner = array.extents[axis + 1:]
            at = builder.mul(k, _product(builder, inner)) if inner else k
            return builder.gep(array.data, [at], inbounds=True)
        begin = builder.bitcast(array.data, I8.as_pointer())
        begin = builder.gep(begin, [builder.mul(k, array.strides[axis])], inbounds=True)
        return builder.bitcast(begin, array.data.type)

    def _part_of(self, array, node):
        """A pointer to an element, or what is left: indices first, then at most one slice."""
        nodes = node.elts if isinstance(node, ast.Tuple) else [node]
        if len(nodes) > len(array.extents):
            raise Untranslatable("more indices than dimensions")
        for n in nodes:
            if isinstance(n, ast.Slice):
                if n is not nodes[-1]:
                    raise Untranslatable("a slice before an index")
                return self._slice(array, n)
            array = Array(self._moved(array, 0, self._index(self.value(n), array.extents[0])), array.kind,
                          array.extents[1:], None if array.strides is None else array.strides[1:])
        return array if array.extents else array.data

    def _slice(self, array, node):
        """x[a:b]"""
        if node.step is not None:
            raise Untranslatable("a slice with a step")
        n, builder, zero = array.extents[0], self.builder, ir.Constant(I64, 0)
        begin = zero if node.lower is None else self._bound(node.lower, n)
        end = n if node.upper is None else self._bound(node.upper, n)
        size = builder.sub(end, begin)
        size = builder.select(builder.icmp_signed("<", size, zero), zero, size)
        return Array(self._moved(array, 0, begin), array.kind, [size, *array.extents[1:]], array.strides)

    def _bound(self, node, n):
        """An end of a slice, no less than 0 and no more than n."""
        builder, at = self.builder, self._index(self.value(node), n)
        at = builder.select(builder.icmp_signed("<", at, ir.Constant(I64, 0)), ir.Constant(I64, 0), at)
        return builder.select(builder.icmp_signed(">", at, n), n, at)

    def _Subscript(self, node):
        holder = self.value(node.value)
        if isinstance(holder, Records):
            at = self._index(self.value(node.slice), ir.Constant(I64, 1))
            step = self.builder.mul(at, ir.Constant(I64, holder.dtype.itemsize))
            return Record(self.builder.add(holder.address, step), holder.dtype)
        if not isinstance(holder, Array):
            return self._taken(holder, node)
        found = self._part_of(holder, node.slice)
        return found if isinstance(found, Array) else self._loaded(found, holder.kind)

    def _loaded(self, place, kind):
        value = self.builder.load(place)
        if kind == "bool":
            value = self.builder.icmp_unsigned("!=", value, ir.Constant(I8, 0))
        return Number(value, kind)

    def _place(self, target):
        holder = self.value(target.value)
        if not isinstance(holder, Array):
            return super()._place(target)
        place = self._part_of(holder, target.slice)
        if isinstance(place, Array):
            raise Untranslatable("a part of an array that is assigned")
        return Pointer(None, holder.kind, ANYWHERE), place

    def _put(self, pointer, place, value):
        stored = self.cast(value, pointer.kind).value
        if pointer.kind == "bool" and place.type.pointee == I8:
            stored = self.builder.zext(stored, I8)
        self._accessed(self.builder.store(stored, place), pointer)

    def _Attribute(self, node):
        holder = self.value(node.value)
        if isinstance(holder, Record):
            return self._field(holder, node.attr)
        if isinstance(holder, Kind) and node.attr == "type":
            return holder
        if not isinstance(holder, Array):
            return self._named(holder, node)
        if node.attr == "size":
            return Number(_product(self.builder, holder.extents), "int64")
        if node.attr == "shape":
            return [Number(n, "int64") for n in holder.extents]
        if node.attr == "dtype":
            return Kind(holder.kind)
        if node.attr in ("itemsize", "ndim"):
            return constant(holder.itemsize if node.attr == "itemsize" else len(holder.extents))
        raise Untranslatable(f"the attribute {node.attr} of an array")

    def _field(self, record, name):
        if name not in (record.dtype.names or ()):
            raise Untranslatable(f"the field {name}")
        dtype, offset = record.dtype.fields[name][:2]
        if dtype.name not in LLVM or dtype.name == "bool":
            raise Untranslatable(f"a field of {dtype}")
        place = self.builder.add(record.address, ir.Constant(I64, offset))
        return self._loaded(self.builder.inttoptr(place, LLVM[dtype.name].as_pointer()), dtype.name)

    # ---- calls
    def call(self, function, arguments):
        """What a function gives for translated arguments."""
        if isinstance(function, Kind):
            return self.cast(arguments[0], function.name)
        if function is len and isinstance(arguments[0], (Array, list)):
            x = arguments[0]
            return constant(len(x)) if isinstance(x, list) else Number(x.extents[0], "int64")
        if function in (np.empty, np.zeros):
            return self._made(function, *arguments)
        return super().call(function, arguments)

    def _made(self, function, shape, dtype):
        """Memory that lives until the kernel returns."""
        kind = dtype.name if isinstance(dtype, Kind) else self._type(dtype)
        if kind is None or self.translation.depth:
            raise Untranslatable("an array made where it may be made again")
        shape = shape if isinstance(shape, list) else [shape]
        extents = [self.cast(n, "int64").value for n in shape]
        size = _product(self.builder, extents)
        address = self.translation.allocated(function is np.zeros, size, np.dtype(kind).itemsize)
        return Array(self.builder.bitcast(address, memory_type(kind).as_pointer()), kind, extents)


def _product(builder, extents):
    size = ir.Constant(I64, 1)
    for k, n in enumerate(extents):
        size = n if k == 0 else builder.mul(size, n)
    return size
