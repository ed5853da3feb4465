"""Scalar bodies over device arrays: a generated kernel for a body, a rank and which operands are numbers.

Contiguous operands, the common case, are one long row, several elements of which each thread has under way at
once; broadcast and strided ones go through the few dimensions that are left when those that join are joined.
"""
import functools
import linecache

import numpy as np

from ..elementwise import collapse
from ..shapes import broadcast
from . import backend
from .arrays import empty
from .jit import Kernel, cuda, device

UNDER_WAY = 4                   # elements of a thread that are loaded before the first is stored
_kernels: dict = {}             # (body, dimensions, which operands are numbers) -> Kernel


def run(elementwise, dtype, operands):
    """The array of a scalar body, as the CPU's `elementwise[dtype](*operands)`.

    Operands are device arrays, or 0-d NumPy arrays, which become arguments of the kernel.
    """
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
        launch(elementwise, operands, out)
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
    """Compute into an array that is not empty."""
    _launch(elementwise.name, elementwise.function, operands, out)


def _launch(name, body, operands, out):
    is_array, view = backend.current().is_array, backend.current().strided
    numbers = tuple([not is_array(x) and x.dtype.kind != "c" for x in operands])
    operands = [x if is_array(x) or number else backend.current().from_host(x)
                for x, number in zip(operands, numbers, strict=True)]
    arrays = [x for x, number in zip(operands, numbers, strict=True) if not number]
    if all(x.shape == out.shape and x.flags.c_contiguous for x in arrays) and out.flags.c_contiguous:
        given, rank = [x.reshape(-1) for x in (*arrays, out)], 1
    else:
        every = (*arrays, out)
        extents, strides = collapse(out.shape, [x.shape for x in every], [x.strides for x in every])
        shape = tuple([int(n) for n in extents])
        given = [view(x, shape, tuple(steps)) for x, steps in zip(every, strides.T.tolist(), strict=True)]
        rank = len(shape)
    left = iter(given)
    args = [x[()] if number else next(left) for x, number in zip(operands, numbers, strict=True)]
    key = body, rank, numbers
    kernel = _kernels.get(key)
    if kernel is None:
        kernel = _kernels[key] = _make(name, body, rank, numbers)
    kernel.over(-(-out.size // UNDER_WAY) if rank == 1 else out.size, *args, next(left))


def _make(name, body, rank, numbers):
    if backend.SIMULATED:
        from .simulation import plain
        body = plain(body)
    text = _source(name, rank, numbers)
    scope = {"__name__": __name__, "cuda": cuda, "body": body}
    filename = f"<CUDA kernel {name} of {rank} dimensions, {numbers}>"
    linecache.cache[filename] = (len(text), None, text.splitlines(True), filename)
    exec(compile(text, filename, "exec"), scope)
    return Kernel(scope[name])


def _source(name, rank, numbers):
    """The text of a kernel over operands x0, x1, ... that are arrays or numbers, and the result y."""
    names = [f"x{k}" for k in range(len(numbers))]
    lines = [f"def {name}({', '.join(names)}, y):", "    i, step, n = cuda.grid(1), cuda.gridsize(1), y.size"]

    def call(loaded):
        return ", ".join(x if number else loaded(x) for x, number in zip(names, numbers, strict=True))
    if rank == 1:
        each = range(UNDER_WAY)
        lines.append(f"    while i + {UNDER_WAY - 1} * step < n:")
        for x, number in zip(names, numbers, strict=True):
            if not number:
                lines += [f"        {x}_{k} = {x}[i + {k} * step]" for k in each]
        lines += [f"        y[i + {k} * step] = body({call(lambda x, k=k: f'{x}_{k}')})" for k in each]
        lines += [f"        i += {UNDER_WAY} * step", "    while i < n:",
                  f"        y[i] = body({call(lambda x: f'{x}[i]')})", "        i += step"]
        return "\n".join(lines)
    lines += ["    while i < n:", "        rest = i"]
    for k in reversed(range(1, rank)):
        lines += [f"        i{k} = rest % y.shape[{k}]", f"        rest //= y.shape[{k}]"]
    place = ", ".join(["rest", *[f"i{k}" for k in range(1, rank)]])
    lines += [f"        y[{place}] = body({call(lambda x: f'{x}[{place}]')})", "        i += step"]
    return "\n".join(lines)
