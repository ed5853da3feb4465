"""Device arrays: made, filled, copied and converted; what NumPy does for launches on the CPU.

`assign` is the one that copies: any strides to any strides, through as few dimensions as they allow, by
vectors of 16 bytes if that is one dimension of neighbours.
"""
import functools
import linecache

import numpy as np

from ..elementwise import collapse
from . import backend
from .jit import MOST_BLOCKS, cuda, kernel
from .vectors import aligned, lanes_of, load, repeated, store

TILE, PITCH = 32, 33            # edge of what is turned at once; rows so far apart meet no bank twice


def empty(shape, dtype, pooled=0):
    """An uninitialised C-contiguous array."""
    return backend.current().empty(tuple(shape) if not isinstance(shape, int) else (shape,), np.dtype(dtype))


@kernel
def _fill(out, value):
    i = cuda.grid(1)
    while i < out.size:
        out[i] = value
        i += cuda.gridsize(1)


@functools.cache
def _fill_by_vectors(lanes):
    @kernel
    def fill_by_vectors(out, value):
        i, whole, values = cuda.grid(1), out.size // lanes, repeated(value, lanes)
        while i < whole:
            store(out, i * lanes, values)
            i += cuda.gridsize(1)
        i = whole * lanes + cuda.grid(1)
        if i < out.size:
            out[i] = value
    return fill_by_vectors


def full(shape, value, dtype):
    """An array of one number."""
    made = empty(shape, dtype)
    fill(made, value)
    return made


def zeros(shape, dtype):
    """An array of zeros."""
    return full(shape, 0, dtype)


def fill(out, value):
    """Set all elements of a C-contiguous array to a number."""
    if out.dtype.kind == "c" and value == 0:
        fill(out.reshape(-1).view(f"f{out.itemsize // 2}"), 0)
    elif out.dtype.kind == "c":
        assign(out, backend.current().from_host(np.full((), value, out.dtype)))
    elif out.size:
        lanes = lanes_of(out.itemsize) if aligned(out) else 1
        filling = _fill_by_vectors(lanes) if lanes > 1 else _fill
        filling.over(-(-out.size // lanes), out.reshape(-1), out.dtype.type(value))


def contiguous(x):
    """x itself, or a C-contiguous copy."""
    return x if x.flags.c_contiguous else copy(x)


def flat(x):
    """The elements of an array in C order, in one dimension: a view of it, or a copy."""
    return contiguous(x).reshape(-1)


def copy(x):
    """A C-contiguous copy."""
    made = empty(x.shape, x.dtype)
    assign(made, x)
    return made


def word_view(x):
    """The elements as unsigned words of their size, so that one kernel a size serves all dtypes."""
    return x.view(_WORDS[x.itemsize]) if x.itemsize in _WORDS else x


_WORDS = {1: np.dtype(np.uint8), 2: np.dtype(np.uint16), 4: np.dtype(np.uint32), 8: np.dtype(np.uint64)}
_copies: dict = {}              # rank -> Kernel


def _copy_kernel(rank):
    """out = x for that many dimensions, the last of which x of the grid goes along, y along the others."""
    found = _copies.get(rank)
    if found is None:
        name, last = f"copy_{rank}", rank - 1
        lines = [f"def {name}(x, out):",
                 "    first, row = cuda.grid(2)",
                 "    across, down = cuda.gridsize(2)",
                 f"    n = out.shape[{last}]",
                 "    rows = out.size // n",
                 "    while row < rows:",
                 "        rest, j = row, first"]
        for k in reversed(range(1, last)):
            lines += [f"        i{k} = rest % out.shape[{k}]", f"        rest //= out.shape[{k}]"]
        place = ", ".join([*(["rest"] if last else []), *[f"i{k}" for k in range(1, last)], "j"])
        lines += ["        while j < n:", f"            out[{place}] = x[{place}]", "            j += across",
                  "        row += down"]
        text, filename = "\n".join(lines), f"<CUDA kernel {name}>"
        scope = {"__name__": __name__, "cuda": cuda}
        linecache.cache[filename] = (len(text), None, text.splitlines(True), filename)
        exec(compile(text, filename, "exec"), scope)
        found = _copies[rank] = kernel(scope[name])
    return found


@functools.cache
def _copy_by_vectors(lanes):
    """out = x, both contiguous and aligned; a thread loads two vectors before it stores the first."""
    @kernel
    def copy_by_vectors(x, out):
        i, step, whole = cuda.grid(1), cuda.gridsize(1), out.size // lanes
        while i < whole:
            j = i + step
            one = load(x, i * lanes, lanes)
            two = one
            if j < whole:
                two = load(x, j * lanes, lanes)
            store(out, i * lanes, one)
            if j < whole:
                store(out, j * lanes, two)
            i += 2 * step
        i = whole * lanes + cuda.grid(1)
        if i < out.size:
            out[i] = x[i]
    return copy_by_vectors


@kernel
def _copy_turned(x, out):
    """out[b, i, j] = x[b, i, j], x contiguous along i and out along j: by tiles, so that all is coalesced."""
    tile = cuda.shared.array((TILE, PITCH), x.dtype)
    a, c, step = cuda.threadIdx.x, cuda.threadIdx.y, cuda.blockDim.y
    batch, n, m = out.shape
    down, across = (n + TILE - 1) // TILE, (m + TILE - 1) // TILE
    t = cuda.blockIdx.x
    while t < batch * down * across:
        j0, rest = t % across * TILE, t // across
        i0, b = rest % down * TILE, rest // down
        for r in range(c, TILE, step):
            if i0 + a < n and j0 + r < m:
                tile[r, a] = x[b, i0 + a, j0 + r]
        cuda.syncthreads()
        for r in range(c, TILE, step):
            if j0 + a < m and i0 + r < n:
                out[b, i0 + r, j0 + a] = tile[a, r]
        cuda.syncthreads()
        t += cuda.gridDim.x


def assign(to, x):
    """to = x, broadcast, each of any strides, of one dtype."""
    if to.dtype != x.dtype:
        raise TypeError(f"values of {x.dtype} for an array of {to.dtype}; cast them first")
    if x.shape != to.shape and not _fits(x.shape, to.shape):
        raise ValueError(f"could not broadcast input array from shape {x.shape} into shape {to.shape}")
    if to.size == 0:
        return
    if x.ndim > to.ndim:                # (leading extents of 1)
        x = x[(0,) * (x.ndim - to.ndim)]
    to, x = word_view(to), word_view(x)
    extents, strides = collapse(to.shape, (x.shape, to.shape), (x.strides, to.strides))
    shape, steps = [int(n) for n in extents], strides.tolist()
    if _assign_turned(to, x, shape, steps):
        return
    source, target = _seen(x, shape, steps, 0), _seen(to, shape, steps, 1)
    if steps == [[to.itemsize] * 2] and aligned(source) and aligned(target):
        lanes = lanes_of(to.itemsize)
        _copy_by_vectors(lanes).over(-(-to.size // lanes), source, target)
    else:
        _copy_kernel(len(shape)).over_rows(to.size // shape[-1], shape[-1], source, target)


def _fits(own, shape):
    """Whether values of one shape broadcast to another, which may lack leading extents of 1."""
    extra = max(len(own) - len(shape), 0)
    pairs = zip(own[extra:][::-1], shape[::-1], strict=False)
    return all(n == 1 for n in own[:extra]) and all(m in (1, n) for m, n in pairs)


def _seen(x, shape, steps, k):
    return backend.current().strided(x, tuple(shape), tuple([row[k] for row in steps]))


def _assign_turned(to, x, shape, steps):
    """Copy by tiles where that pays: matrices, or a batch of them, that lie the other way round in x."""
    size, rank = to.itemsize, len(shape)
    if rank not in (2, 3) or steps[-1][1] != size or steps[-1][0] == size or shape[-1] < TILE // 2:
        return False
    along = [k for k in range(rank - 1) if steps[k][0] == size and shape[k] >= TILE // 2]
    if not along:
        return False
    if rank == 2:
        shape, steps = [1, *shape], [[0, 0], *steps]
    elif along[0] == 0:
        shape, steps = [shape[k] for k in (1, 0, 2)], [steps[k] for k in (1, 0, 2)]
    tiles = shape[0] * -(-shape[1] // TILE) * -(-shape[2] // TILE)
    _copy_turned(min(tiles, MOST_BLOCKS), (TILE, 8), _seen(x, shape, steps, 0), _seen(to, shape, steps, 1))
    return True
