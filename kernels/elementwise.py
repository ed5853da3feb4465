"""Scalar bodies as NumPy ufuncs: broadcasting, strides and a call of a few hundred nanoseconds come along.

The inner loop is a C function in NumPy's own loop convention, compiled once and kept on disk; one ufunc a
dtype is made when that dtype is first met.  Large arrays run the same C function over several threads.
"""
import ctypes
import functools
import math
import platform
import threading
from typing import NamedTuple

import numpy as np
from llvmlite import ir
from numba import types
from numba.core.typing import signature
from numba.extending import intrinsic
from numpy.lib.stride_tricks import as_strided

from .jit import OPTIONS, range_kernel, wide_vectors
from .machine import assembly_of, function_of
from .memory import empty
from .pointers import AT

LARGE = 1 << 16                 # elements; from here on the result lies in a buffer from the pool
_SHORT_ROW, _LONG_ROW = 256, 4096           # elements of a row worth making longer, and how long
_POINTERS = types.CPointer(types.intp)
LOOP = signature(types.void, _POINTERS, _POINTERS, _POINTERS, types.voidptr)


# ---- pieces of the loops
def _clear_flags_x86(builder):
    slot = builder.alloca(ir.IntType(32))
    place = builder.bitcast(slot, ir.IntType(8).as_pointer())
    kind = ir.FunctionType(ir.VoidType(), [ir.IntType(8).as_pointer()])
    for name in ("llvm.x86.sse.stmxcsr", "llvm.x86.sse.ldmxcsr"):
        function = builder.module.globals.get(name) or ir.Function(builder.module, kind, name)
        if name.endswith("ldmxcsr"):
            kept = ir.Constant(ir.IntType(32), ~0x3F & 0xFFFFFFFF)
            builder.store(builder.and_(builder.load(slot), kept), slot)
        builder.call(function, [place])


def _clear_flags_libc(builder):
    i32 = ir.IntType(32)
    name, kind = "feclearexcept", ir.FunctionType(i32, [i32])
    function = builder.module.globals.get(name) or ir.Function(builder.module, kind, name)
    builder.call(function, [ir.Constant(i32, 0x3D if platform.machine() in ("AMD64", "i686") else 0x1F)])


@intrinsic
def clear_float_flags(typingctx):
    """Forget the floating-point exceptions, of which NumPy would warn: a branch-free body raises some."""
    def codegen(context, builder, sig, args):
        if platform.machine() in ("x86_64", "AMD64"):
            _clear_flags_x86(builder)
        else:
            _clear_flags_libc(builder)
        return context.get_dummy_value()
    return types.void(), codegen


@intrinsic
def _call_loop(typingctx, address, pointers, count, steps):
    """Call a loop with arrays of int64 for its pointers, its count and its steps."""
    def codegen(context, builder, sig, args):
        i8, i64 = ir.IntType(8), ir.IntType(64)
        kind = ir.FunctionType(ir.VoidType(), [i64.as_pointer()] * 3 + [i8.as_pointer()])

        def data(k):
            array = context.make_array(sig.args[k])(context, builder, args[k])
            return builder.bitcast(array.data, i64.as_pointer())
        builder.call(builder.inttoptr(args[0], kind.as_pointer()),
                     [data(1), data(2), data(3), ir.Constant(i8.as_pointer(), None)])
        return context.get_dummy_value()
    return types.void(types.int64, pointers, count, steps), codegen


def _loop_source(name, inputs, output):
    """The loop's text: forms for contiguous operands, for one scalar operand, and for any strides."""
    n = len(inputs)
    sizes = [np.dtype(t).itemsize for t in (*inputs, output)]
    lines = [f"def {name}(args, dims, steps, data):", "    wide_vectors()", "    n = dims[0]"]
    lines += [f"    s{k} = steps[{k}]" for k in range(n + 1)]
    lines += [f"    p{k} = args[{k}]" for k in range(n + 1)]

    def value(k, text):
        return f"({text} != 0)" if inputs[k] == "bool" else text

    def form(test, scalar):
        x = "x" if scalar is None else "yz"[scalar]         # a form's names are its own
        out = [f"    {test}:"]
        out += [f"        {x}{k} = at_{inputs[k]}(p{k})" for k in range(n)]
        out.append(f"        {x}{n} = at_{output}(p{n})")
        if scalar is not None:
            out.append(f"        c{scalar} = {value(scalar, f'{x}{scalar}[0]')}")
        call = ", ".join(f"c{k}" if k == scalar else value(k, f"{x}{k}[i]") for k in range(n))
        return [*out, "        for i in range(n):", f"            {x}{n}[i] = body({call})"]

    whole = " and ".join(f"s{k} == {sizes[k]}" for k in range(n + 1))
    lines += form(f"if {whole}", None)
    for scalar in {1: (), 2: (0, 1)}.get(n, (0,)):
        test = " and ".join(f"s{k} == {0 if k == scalar else sizes[k]}" for k in range(n + 1))
        lines += form(f"elif {test}", scalar)
    call = ", ".join(value(k, f"at_{inputs[k]}(p{k})[0]") for k in range(n))
    lines += ["    else:", "        for i in range(n):", f"            at_{output}(p{n})[0] = body({call})"]
    lines += [f"            p{k} += s{k}" for k in range(n + 1)]
    return "\n".join([*lines, "    clear_float_flags()"])


def _compile_loop(name, function, inputs, output, options):
    scope = {"__name__": __name__, "body": function,
             "clear_float_flags": clear_float_flags, "wide_vectors": wide_vectors}
    scope |= {f"at_{t}": AT[t] for t in (*inputs, output)}
    source = _loop_source(name, inputs, output)
    exec(source, scope)
    return function_of(scope[name], LOOP, source, options)


# ---- ufuncs from loops
def _ufunc_maker():
    """PyUFunc_FromFuncAndData: entry 1 of NumPy's ufunc C-API table."""
    from numpy._core import _multiarray_umath
    get = ctypes.pythonapi.PyCapsule_GetPointer
    get.restype, get.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    table = ctypes.cast(get(_multiarray_umath._UFUNC_API, None), ctypes.POINTER(ctypes.c_void_p))
    pointer, integer, text = ctypes.c_void_p, ctypes.c_int, ctypes.c_char_p
    return ctypes.PYFUNCTYPE(ctypes.py_object, pointer, pointer, pointer, integer, integer, integer, integer,
                             text, text, integer)(table[1])


_make = None
_kept: list = []                # NumPy keeps raw pointers into these


def _ufunc(name, compiled, dtypes):
    global _make
    _make = _make or _ufunc_maker()
    functions = (ctypes.c_void_p * 1)(compiled.address)
    data = (ctypes.c_void_p * 1)()
    numbers = (ctypes.c_char * len(dtypes))(*[np.dtype(t).num for t in dtypes])
    text = name.encode()
    _kept.append((functions, data, numbers, text, compiled))
    at = ctypes.addressof
    return _make(at(functions), at(data), at(numbers), 1, len(dtypes) - 1, 1, -1, text, b"", 0)


_REAL = {"complex64": "float32", "complex128": "float64"}
_compiling = threading.RLock()


class Elementwise(dict):
    """dtype -> ufunc of one scalar body; a dtype met for the first time is compiled.

    `pattern` has a letter an operand: x the key's dtype, ? bool, r x's real dtype.  A select is "?xx->x".
    """

    def __init__(self, name, function, pattern="x->x", kinds="fc", options=OPTIONS):
        super().__init__()
        self.name, self.function, self.kinds, self.options = name, function, kinds, options
        inputs, output = pattern.split("->")
        self._inputs, self.output, self._loops = inputs, output, {}
        self.key = inputs.index("x")            # the operand whose dtype is looked up

    def letter(self, k):
        """The pattern letter of operand k."""
        return self._inputs[k]

    def __missing__(self, dtype):
        if dtype.kind in "iu" and "i" not in self.kinds and "f" in self.kinds:
            self[dtype] = self._through(np.dtype(np.float64 if dtype.itemsize >= 4 else np.float32))
            return self[dtype]
        if dtype.kind not in self.kinds:
            raise TypeError(f"{self.name}: dtype {dtype} is not among {self.supported()}")
        with _compiling:
            if dtype not in self._loops:
                names = [self._dtype_name(letter, dtype.name) for letter in (*self._inputs, self.output)]
                compiled = _compile_loop(self.name, self.function, names[:-1], names[-1], self.options)
                self._loops[dtype] = (compiled, np.dtype(names[-1]))
                self[dtype] = _ufunc(self.name, compiled, names)
        return self[dtype]

    def bind_float32(self, scope, name):
        """Put the float32 ufunc into a namespace: first what makes it when called, from then on itself."""
        def first(*operands, **out):
            scope[name] = self[np.dtype(np.float32)]
            return scope[name](*operands, **out)
        scope[name] = first

    def _through(self, floating):
        """Integers given to an op of floats are computed in that float."""
        ufunc = self[floating]
        letters = self._inputs

        def cast_first(*operands, **out):
            given = [a.astype(floating) if letter == "x" else a
                     for a, letter in zip(operands, letters, strict=True)]
            return ufunc(*given, **out)
        return cast_first

    @staticmethod
    def _dtype_name(letter, key):
        return {"x": key, "?": "bool", "r": _REAL.get(key, key)}[letter]

    def supported(self):
        """The kinds of dtype it takes, in words."""
        words = {"b": "bool", "i": "signed integers", "u": "unsigned integers", "f": "floats", "c": "complex"}
        return ", ".join(words[k] for k in self.kinds)

    def assembly(self, dtype):
        """The machine code of the loop for a dtype: what the vectorization tests read."""
        self[dtype]
        return assembly_of(self._loops[dtype][0])

    def large(self, dtype, *operands):
        """The same for large operands: into a buffer from the pool, and over threads where that pays."""
        ufunc = self[dtype]
        shape = _broadcast_shape(operands)
        if 0 in shape or dtype not in self._loops:
            return ufunc(*operands)
        compiled, out_dtype = self._loops[dtype]
        out = empty(shape, out_dtype)
        arrays = (*operands, out)
        walk = _walk(shape, tuple([a.shape for a in arrays]), tuple([a.strides for a in arrays]),
                     tuple([a.itemsize for a in arrays]))
        if walk.copied:
            arrays = [_copies(a, walk, k) if k in walk.copied else a for k, a in enumerate(arrays)]
        pointers = np.array([_address(a) for a in arrays])
        if walk.extents.size == 1:
            _run_flat(out.size, out.size, compiled.address, pointers, walk.strides[0])
        else:
            _run_rows(walk.rows, out.size, compiled.address, pointers, walk.extents, walk.strides)
        return out


def _broadcast_shape(operands):
    shape = operands[0].shape
    for a in operands[1:]:
        if a.shape != shape:
            return np.broadcast_shapes(*[a.shape for a in operands])
    return shape


_HEAD = object.__basicsize__


def _address(array):
    """Where an array's data is, read from the array object: a sixth of the time of __array_interface__."""
    return ctypes.c_size_t.from_address(id(array) + _HEAD).value


class _Walk(NamedTuple):
    """How operands and result are gone through: nested loops, of which a ufunc's loop is the last."""

    extents: np.ndarray
    strides: np.ndarray     # [dim, operand], bytes
    rows: int               # calls of the loop
    copied: dict            # operand -> (shape, strides) of what is repeated
    times: int              # how often


@functools.lru_cache(maxsize=4096)
def _walk(shape, shapes, strides_of, itemsizes):
    """The _Walk of operands and a result of these shapes and strides."""
    extents, strides = collapse(shape, shapes, strides_of)
    copied, count = {}, 1
    if len(extents) > 1 and extents[-1] < _SHORT_ROW:
        extents, strides, copied, count = _lengthen(extents, strides, itemsizes)
    return _Walk(np.array(extents, np.int64), strides, math.prod(extents[:-1]), copied, count)


def _copies(operand, walk, k):
    """The rows of an operand that are the same in several rows of the result, that many times."""
    shape, strides = walk.copied[k]
    if operand.size == shape[-1]:
        return np.repeat(operand.reshape(1, -1), walk.times, 0)         # (as_strided takes 10 us)
    return np.repeat(as_strided(operand, shape, strides), walk.times, -2)


def collapse(shape, shapes, strides_of):
    """Extents and strides [dim, operand]; dims that all operands step through evenly are made one."""
    columns = []
    for own, steps in zip(shapes, strides_of, strict=True):
        short = [0] * (len(shape) - len(own))
        columns.append(short + [0 if n == 1 else s for n, s in zip(own, steps, strict=True)])
    rows = list(zip(*columns, strict=True))
    extents, strides = [], []
    for n, row in zip(shape, rows, strict=True):
        if n == 1:
            continue
        if extents and all(before == n * s for before, s in zip(strides[-1], row, strict=True)):
            extents[-1] *= n
            strides[-1] = row
        else:
            extents.append(n)
            strides.append(row)
    if not extents:
        extents, strides = [1], [(0,) * len(shapes)]
    return extents, np.array(strides, np.int64)


def _lengthen(extents, strides, itemsizes):
    """Rows made longer, several to one, by copies of the operands that are the same in each: a row is a call.

    A bias of 16 channels added to 32 x 26 x 26 pixels takes 0.1 ms so, and 0.4 row by row.
    """
    most = min(_LONG_ROW // extents[-1], extents[-2] // 8)          # the copies stay small
    count = max([k for k in range(1, most + 1) if extents[-2] % k == 0], default=1)
    repeated = [k for k in range(len(itemsizes)) if strides[-2, k] != extents[-1] * strides[-1, k]]
    if count == 1 or strides[-2, repeated].any():
        return extents, strides, {}, 1
    copied, longer = {}, strides.copy()
    longer[-2] *= count
    for k in repeated:
        outer = [1 if s == 0 else n for n, s in zip(extents[:-2], strides[:-2, k], strict=True)]
        copied[k] = (*outer, 1, extents[-1]), tuple(strides[:, k].tolist())
        step = itemsizes[k] * extents[-1] * count
        longer[-2:, k] = 0, itemsizes[k]
        for d in range(len(outer) - 1, -1, -1):
            longer[d, k] = 0 if strides[d, k] == 0 else step
            step *= outer[d]
    return [*extents[:-2], extents[-2] // count, extents[-1] * count], longer, copied, count


@range_kernel
def _run_flat(address, pointers, steps, lo, hi):
    """loop(pointers + lo * steps, hi - lo, steps)"""
    _call_loop(address, pointers + lo * steps, np.array([hi - lo]), steps)


@range_kernel
def _run_rows(address, pointers, extents, strides, lo, hi):
    """The loop along the last dim, for every outer index in [lo, hi)."""
    last = extents.size - 1
    count, steps = np.array([extents[last]]), strides[last].copy()
    at, index, rest = pointers.copy(), np.empty(last, np.int64), lo
    for d in range(last - 1, -1, -1):
        index[d], rest = rest % extents[d], rest // extents[d]
        at += index[d] * strides[d]
    for _ in range(lo, hi):
        _call_loop(address, at, count, steps)
        for d in range(last - 1, -1, -1):
            index[d] += 1
            for k in range(at.size):
                at[k] += strides[d, k]
            if index[d] < extents[d]:
                break
            index[d] = 0
            for k in range(at.size):
                at[k] -= extents[d] * strides[d, k]
