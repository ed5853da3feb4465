"""Scalar bodies over device arrays: a generated kernel for a body, a rank and the kinds of operands.

Contiguous operands, the common case, are one long row, several elements of which each thread has under way at
once: vectors of neighbours if all begin at multiples of 16 bytes.  Broadcast and strided ones go through the
few dimensions that are left when those that join are joined, or by vectors where they are rows of those.
"""
import functools
import linecache

import numpy as np

from ..elementwise import collapse
from ..shapes import broadcast
from . import backend
from .arrays import empty
from .division import quotient
from .jit import Kernel, cuda, device
from .vectors import aligned, lanes_of, load, store

UNDER_WAY = 4                   # elements of a thread that are loaded before the first is stored
SHORT = 4                       # elements of a vector of which a thread takes two where there is one operand
EACH, ONE, NUMBER = "each", "one", "number"     # operands: arrays, arrays of one element, arguments,
ROW, COLUMN = "row", "column"                   # and what is the same for all rows, or along a row
FEW = 1 << 31                   # vectors whose numbers are divided in 32 bits
MOST_KEPT = 1 << 14             # ways to launch
_again: dict = {}               # (backend, device, body, dtype, layouts of operands) -> how it is launched
_kernels: dict = {}             # (body, dimensions, kinds of operands, elements of a vector) -> Kernel


def run(elementwise, dtype, operands):
    """The array of a scalar body, as the CPU's `elementwise[dtype](*operands)`.

    Operands are device arrays, or 0-d NumPy arrays, which become arguments of the kernel.
    """
    found = backend.current()
    key, values = [found, backend.here.device, elementwise.function, dtype], []
    for x in operands:
        if found.is_array(x):
            key += x.shape, x.strides, x.dtype, aligned(x)
            values.append(x)
        else:
            key.append(x.dtype)
            values.append(x[()])
    key = tuple(key)
    made = _again.get(key)
    if made is None:
        return _run_first(key, elementwise, dtype, operands)
    shape, out_dtype, launch_again = made
    out = found.empty(shape, out_dtype)
    launch_again(values, out)
    return out


def _run_first(key, elementwise, dtype, operands):
    """The same, and how operands like these are launched again."""
    if dtype.kind in "iu" and "i" not in elementwise.kinds and "f" in elementwise.kinds:
        floating = np.dtype(np.float64 if dtype.itemsize >= 4 else np.float32)
        given = [_cast(x, floating) if letter == "x" else x
                 for x, letter in zip(operands, elementwise._inputs, strict=True)]
        return run(elementwise, floating, given)
    if dtype.kind not in elementwise.kinds:
        raise TypeError(f"{elementwise.name}: dtype {dtype} is not among {elementwise.supported()}")
    shape = operands[0].shape
    for x in operands[1:]:
        if x.shape != shape:
            shape = broadcast(shape, x.shape)
    out = empty(shape, np.dtype(elementwise._dtype_name(elementwise.output, dtype.name)))
    if out.size:
        found = backend.current()
        made = launch(elementwise, operands, out)
        if len(_again) < MOST_KEPT and all(x.dtype.kind != "c" or found.is_array(x) for x in operands):
            _again[key] = out.shape, out.dtype, found.prepared(*made)
    return out


def _cast(x, dtype):
    return cast(x, dtype) if backend.current().is_array(x) else x.astype(dtype)


def cast(x, dtype):
    """The elements in another dtype, as by astype; complex numbers lose their imaginary part."""
    dtype = np.dtype(dtype)
    if x.dtype == dtype:
        return x
    out = empty(x.shape, dtype)
    if out.size:
        _launch(f"cast_{x.dtype}_{dtype}", _conversion(x.dtype, dtype), [x], out)
    return out


@functools.cache
def _conversion(given, wanted):
    """The scalar body that converts."""
    part = ".real" if given.kind == "c" and wanted.kind not in "cb" else ""
    text = "x != 0" if wanted.kind == "b" else f"{wanted.name}(x{part})"
    scope = {"__name__": __name__, wanted.name: wanted.type}
    exec(f"def convert(x):\n    return {text}", scope)
    return device(scope["convert"])


def launch(elementwise, operands, out):
    """Compute into an array that is not empty; gives the kernel, its grid and its arguments."""
    return _launch(elementwise.name, elementwise.function, operands, out)


def _launch(name, body, operands, out):
    is_array = backend.current().is_array
    numbers = [not is_array(x) and x.dtype.kind != "c" for x in operands]
    operands = [x if is_array(x) or number else backend.current().from_host(x)
                for x, number in zip(operands, numbers, strict=True)]
    arrays = [x for x, number in zip(operands, numbers, strict=True) if not number]
    given, rank, kinds, lanes = _seen(arrays, out)
    own = iter(kinds)
    kinds = tuple([NUMBER if number else next(own) for number in numbers])
    left = iter(given)
    args = [x[()] if number else next(left) for x, number in zip(operands, numbers, strict=True)]
    key = body, rank, kinds, lanes
    kernel = _kernels.get(key)
    if kernel is None:
        kernel = _kernels[key] = _make(name, *key)
    each = 1 if rank > 1 else lanes or UNDER_WAY
    args.append(next(left))
    blocks, threads = kernel.grid(-(-out.size // each))
    kernel(blocks, threads, *args)
    return kernel, blocks, threads, args


def _seen(arrays, out):
    """Arrays and the result through as few dimensions as do: views, how many, kinds, elements of a vector."""
    every = (*arrays, out)
    if all(x.shape == out.shape and x.flags.c_contiguous for x in arrays) and out.flags.c_contiguous:
        given = [x.reshape(-1) for x in every]
        return given, 1, [EACH] * len(arrays), _lanes(given)
    extents, strides = collapse(out.shape, [x.shape for x in every], [x.strides for x in every])
    shape, steps, view = tuple([int(n) for n in extents]), strides.T.tolist(), backend.current().strided
    if len(shape) > 1:
        found = _rows(every, shape, steps) if len(shape) == 2 else None
        if found:
            return found
        given = [view(x, shape, tuple(each)) for x, each in zip(every, steps, strict=True)]
        return given, len(shape), [EACH] * len(arrays), 0
    kinds = [ONE if each == [0] else EACH for each in steps]
    given = [view(x, (1,), (x.itemsize,)) if kind is ONE else view(x, shape, tuple(each))
             for x, each, kind in zip(every, steps, kinds, strict=True)]
    return given, 1, kinds[:-1], _lanes([*[x for x, kind in zip(given, kinds, strict=True) if kind is EACH],
                                         given[-1]])


def _rows(every, shape, steps):
    """The same for rows of whole vectors, with operands that are a row or a column; None for others."""
    rows, n = shape
    kinds = [{(n * x.itemsize, x.itemsize): EACH, (0, x.itemsize): ROW, (x.itemsize, 0): COLUMN,
              (0, 0): ONE}.get(tuple(each)) for x, each in zip(every, steps, strict=True)]
    if None in kinds or kinds[-1] is not EACH:
        return None
    sizes, view = {EACH: rows * n, ROW: n, COLUMN: rows, ONE: 1}, backend.current().strided
    given = [view(x, (sizes[kind],), (x.itemsize,)) for x, kind in zip(every, kinds, strict=True)]
    lanes = _lanes([x for x, kind in zip(given, kinds, strict=True) if kind in (EACH, ROW)])
    return (given, 1, kinds[:-1], lanes) if lanes and n % lanes == 0 and rows * n < FEW * lanes else None


def _lanes(arrays):
    """The elements of a vector, 0 where arrays can't be read by vectors."""
    if all(x.flags.c_contiguous and aligned(x) for x in arrays):
        return lanes_of(max([x.itemsize for x in arrays]))
    return 0


def _make(name, body, rank, kinds, lanes):
    if backend.SIMULATED:
        from .simulation import plain
        body = plain(body)
    text = "\n".join(_Text(name, kinds).lines(rank, lanes))
    scope = {"__name__": __name__, "cuda": cuda, "body": body, "load": load, "store": store,
             "quotient": quotient}
    filename = f"<CUDA kernel {name} of {rank} dimensions, {kinds}, vectors of {lanes}>"
    linecache.cache[filename] = (len(text), None, text.splitlines(True), filename)
    exec(compile(text, filename, "exec"), scope)
    return Kernel(scope[name])


class _Text:
    """A kernel over operands x0, x1, ..., which `kinds` are the kinds of, and the result y."""

    def __init__(self, name, kinds):
        self.names = [f"x{k}" for k in range(len(kinds))]
        self.kind = dict(zip(self.names, kinds, strict=True))
        self.arrays = [x for x in self.names if self.kind[x] in (EACH, ROW)]
        self.columns = [x for x in self.names if self.kind[x] is COLUMN]
        self.head = [f"def {name}({', '.join([*self.names, 'y'])}):",
                     "    i, step, n = cuda.grid(1), cuda.gridsize(1), y.size"]

    def lines(self, rank, lanes):
        """The lines of the kernel."""
        if rank > 1:
            return [*self.head, *self._strided(rank)]
        ones = [f"    {x} = {x}[0]" for x in self.names if self.kind[x] is ONE]
        return [*self.head, *ones, *(self._vectors(lanes) if lanes else self._elements())]

    def _body(self, loaded):
        """The text of a result, `loaded(x)` the text of an array's element."""
        given = [x if self.kind[x] in (ONE, NUMBER) else loaded(x) for x in self.names]
        return f"body({', '.join(given)})"

    def _strided(self, rank):
        lines = ["    while i < n:", "        rest = i"]
        for k in reversed(range(1, rank)):
            lines += [f"        i{k} = rest % y.shape[{k}]", f"        rest //= y.shape[{k}]"]
        place = ", ".join(["rest", *[f"i{k}" for k in range(1, rank)]])
        return [*lines, f"        y[{place}] = {self._body(lambda x: f'{x}[{place}]')}", "        i += step"]

    def _elements(self):
        each = range(UNDER_WAY)
        lines = [f"    while i + {UNDER_WAY - 1} * step < n:"]
        lines += [f"        {x}_{k} = {x}[i + {k} * step]" for x in self.arrays for k in each]
        lines += [f"        y[i + {k} * step] = {self._body(lambda x, k=k: f'{x}_{k}')}" for k in each]
        return [*lines, f"        i += {UNDER_WAY} * step", "    while i < n:",
                f"        y[i] = {self._body(lambda x: f'{x}[i]')}", "        i += step"]

    def _vectors(self, lanes):
        """Vectors; what is left goes to the first threads.  Two are loaded before the first is stored."""
        two = len(self.arrays) == 1 and lanes <= SHORT
        rows = [x for x in self.arrays if self.kind[x] is ROW]

        def names(x, letter):
            return ", ".join([f"{x}_{letter}{k}" for k in range(lanes)]) + "," * (lanes == 1)

        def loads(letter):
            lines = [f"{letter}_row = quotient({letter}, across)"] if rows or self.columns else []
            for x in self.arrays:
                place = f"({letter} - {letter}_row * across)" if x in rows else letter
                lines.append(f"{names(x, letter)} = load({x}, {place} * {lanes}, {lanes})")
            return lines + [f"{x}_{letter} = {x}[{letter}_row]" for x in self.columns]

        def stores(letter):
            results = [self._body(lambda x, k=k: f"{x}_{letter}{'' if x in self.columns else k}")
                       for k in range(lanes)]
            return f"store(y, {letter} * {lanes}, ({', '.join(results)},))"
        lines = [f"    whole = n // {lanes}"]
        if rows or self.columns:
            lines.append(f"    across = {rows[0]}.size // {lanes}" if rows else
                         f"    across = quotient(whole, {self.columns[0]}.size)")
        lines += ["    while i < whole:", *[f"        {line}" for line in loads("i")]]
        if two:
            lines += ["        j = i + step",
                      *[f"        {names(x, 'j')} = {names(x, 'i')}" for x in self.arrays],
                      *[f"        {x}_j = {x}_i" for x in self.columns],
                      "        if j < whole:", *[f"            {line}" for line in loads("j")]]
        lines += [f"        {stores('i')}"]
        if two:
            lines += ["        if j < whole:", f"            {stores('j')}"]
        lines.append(f"        i += {2 if two else 1} * step")
        if rows or self.columns:                # (of whole vectors)
            return lines
        return [*lines, f"    i = whole * {lanes} + cuda.grid(1)", "    if i < n:",
                f"        y[i] = {self._body(lambda x: f'{x}[i]')}"]
