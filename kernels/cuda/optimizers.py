"""Update rules of optimizers on a GPU, in place: the twin of `kernels.optimizers`.

The one idea: a launch takes up to AT_ONCE parameters, cut into chunks of one size, and a block finds the
chunk that is its own.  So many small parameters take few launches, and a large one fills the device.
"""
import functools
import linecache

import numpy as np

from .. import optimizers as on_host
from . import backend
from .arrays import contiguous, empty, zeros
from .elementwise import cast
from .index import flat_indices
from .jit import BLOCK, Kernel, cuda, kernel
from .sort import argsort

AT_ONCE = 8                     # parameters of a launch: adam's take 1.8 of the 4 KB for arguments
UNDER_WAY = 4                   # elements of a thread that are loaded before the first is stored
CHUNK = BLOCK * (6 if backend.SIMULATED else 16)


def _source(rule, name, count):
    """The text of a rule's kernel for so many parameters: p0, its slots and g0, p1, ..., constants."""
    names = rule.__code__.co_varnames[:rule.__code__.co_argcount]
    state, constants = names[:names.index("g")], names[names.index("g") + 1:]
    arrays = *state, "g"

    def group(k):
        return ", ".join(f"{x}{k}" for x in arrays)
    lines = [f"def {name}({', '.join([*map(group, range(count)), *constants])}):",
             "    rest = chunk = np.int64(cuda.blockIdx.x)", f"    {', '.join(arrays)} = {group(0)}"]
    for k in range(1, count):
        lines += [f"    rest -= (p{k - 1}.size + CHUNK - 1) // CHUNK", "    if rest >= 0:",
                  f"        {', '.join(arrays)}, chunk = {group(k)}, rest"]
    lines += [f"    {c} = p0.dtype.type({c})" for c in constants]
    after = ", ".join(["", *constants])
    lines += ["    i, end = chunk * CHUNK + cuda.threadIdx.x, min(p.size, (chunk + 1) * CHUNK)",
              f"    while i + {UNDER_WAY - 1} * BLOCK < end:"]
    lines += [f"        {x}_{k} = {x}[i + {k} * BLOCK]" for k in range(UNDER_WAY) for x in arrays]
    for k in range(UNDER_WAY):
        lines.append(f"        {', '.join(f'{x}[i + {k} * BLOCK]' for x in state)} = "
                     f"rule({', '.join(f'{x}_{k}' for x in arrays)}{after})")
    return "\n".join([*lines, f"        i += {UNDER_WAY} * BLOCK", "    while i < end:",
                      f"        {', '.join(f'{x}[i]' for x in state)} = "
                      f"rule({', '.join(f'{x}[i]' for x in arrays)}{after})", "        i += BLOCK"])


def _rows_source(rule, name):
    """The text of a rule's kernel for the rows of a parameter that have a gradient."""
    names = rule.__code__.co_varnames[:rule.__code__.co_argcount]
    state, constants = names[:names.index("g")], names[names.index("g") + 1:]
    new = ", ".join(f"{x}[j]" for x in state)
    return "\n".join([
        f"def {name}({', '.join((*state, 'rows', 'g', 'width', *constants))}):",
        *[f"    {c} = p.dtype.type({c})" for c in constants],
        "    i = cuda.grid(1)",
        "    while i < g.size:",
        "        k = i // width",
        "        j = rows[k] * width + i - k * width",
        "        if 0 <= j < p.size:",
        f"            {new} = rule({', '.join((new, 'g[i]', *constants))})",
        "        i += cuda.gridsize(1)"])


class Update(on_host.Update):
    """A rule over flat contiguous device arrays of one dtype, in place; constants are Python floats.

    `update(n, p, *slots, g, *constants)` runs it over all n elements.
    `update.rows(numbers, p, *slots, g, *constants)` runs it over the rows of those numbers (int64, all
    different but for negative ones, which are left out); g holds just these rows, one after the other.
    `update.many(groups, constants)` runs it for each (p, *slots, g) of a list; dtypes may differ among them.
    """

    def __init__(self, rule):
        super().__init__(rule)
        self._kernels = {}              # parameters of a launch, or "rows" -> Kernel

    def _kernel(self, count):
        found = self._kernels.get(count)
        if found is None:
            name = f"{self.__name__}_{count}"
            text = _rows_source(self.rule, name) if count == "rows" else _source(self.rule, name, count)
            scope = {"__name__": __name__, "cuda": cuda, "np": np, "rule": self.rule, "CHUNK": CHUNK,
                     "BLOCK": BLOCK}
            filename = f"<CUDA kernel {name}>"
            linecache.cache[filename] = len(text), None, text.splitlines(True), filename
            exec(compile(text, filename, "exec"), scope)
            found = self._kernels[count] = Kernel(scope[name])
        return found

    def __call__(self, n, *args):
        if n:
            arrays, constants = args[:self.states + 1], args[self.states + 1:]
            self._kernel(1)(-(-n // CHUNK), BLOCK, *arrays, *map(float, constants))

    def rows(self, numbers, *args):
        state, g, constants = args[:self.states], args[self.states], args[self.states + 1:]
        if g.size:
            width = g.size // numbers.size
            self._kernel("rows").over(g.size, *state, numbers, g, width, *map(float, constants))

    def many(self, groups, constants):
        """The rule for each (p, *slots, g) of a list, with the same constants."""
        constants, kinds = [float(c) for c in constants], {}
        for group in groups:
            if group[0].size:
                kinds.setdefault(group[0].dtype, []).append(group)
        for alike in kinds.values():
            for first in range(0, len(alike), AT_ONCE):
                given = alike[first:first + AT_ONCE]
                count = 1 if len(given) == 1 else AT_ONCE
                none = [x[:0] for x in given[0]]
                arrays = [x for group in [*given, *[none] * (count - len(given))] for x in group]
                blocks = sum(-(-group[0].size // CHUNK) for group in given)
                self._kernel(count)(blocks, BLOCK, *arrays, *constants)


@functools.cache
def twin(update):
    """The Update on a device of one of `kernels.optimizers`."""
    return Update(update.rule)


def update_many(update, groups, constants):
    """`update.many`, for an Update of either side."""
    (update if isinstance(update, Update) else twin(update)).many(groups, constants)


globals().update({name: twin(value) for name, value in vars(on_host).items()
                  if isinstance(value, on_host.Update)})


# ---- rows of sparse gradients
@kernel
def _sum_runs(indices, order, rows, n, width, numbers, sums):
    """sums[k] = the rows of the run of equal indices that begins at k of their order; else -1 and 0"""
    i = cuda.grid(1)
    while i < sums.size:
        k, j = i // width, i % width
        number = np.int64(indices[order[k]])
        begins = (k == 0 or indices[order[k - 1]] != number) and 0 <= number < n
        if j == 0:
            numbers[k] = number if begins else -1
        total = sums.dtype.type(0)
        if begins:
            while k < order.size and indices[order[k]] == number:
                total += rows[order[k] * width + j]
                k += 1
        sums[i] = total
        i += cuda.gridsize(1)


def summed_rows(indices, rows, n):
    """Distinct row numbers and the sum of each one's rows, the same each time.

    There are as many as indices, so that nobody waits to count them: a repeated number, or one that is not in
    [0, n), leaves -1 and zeros.
    """
    flat, rows = flat_indices(indices), contiguous(rows)
    numbers, sums = empty(flat.shape, np.int64), empty(rows.shape, rows.dtype)
    if rows.size:
        width = rows.size // flat.size
        _sum_runs.over(rows.size, flat, argsort(flat), rows.reshape(-1), n, width, numbers, sums.reshape(-1))
    elif flat.size:
        return cast(flat, np.int64), sums
    return numbers, sums


@kernel
def _put(numbers, rows, width, out):
    i = cuda.grid(1)
    while i < rows.size:
        k = i // width
        if numbers[k] >= 0:
            out[numbers[k] * width + i - k * width] = rows[i]
        i += cuda.gridsize(1)


def filled_rows(numbers, rows, n):
    """An array of n rows: those of `summed_rows` at their numbers, zeros elsewhere."""
    out = zeros((n, *rows.shape[1:]), rows.dtype)
    if rows.size:
        _put.over(rows.size, numbers, rows.reshape(-1), rows.size // numbers.size, out.reshape(-1))
    return out


@kernel
def _mark(numbers, chosen):
    i = cuda.grid(1)
    while i < numbers.size:
        if 0 <= numbers[i] < chosen.size:
            chosen[numbers[i]] = 1
        i += cuda.gridsize(1)


@kernel
def _scale(x, chosen, scaled, width, factor):
    i, factor = cuda.grid(1), x.dtype.type(factor)
    while i < x.size:
        if chosen[i // width] == scaled:
            x[i] *= factor
        i += cuda.gridsize(1)


def scale_rows(x, numbers, factor, others=False):
    """Multiply the rows of those numbers, or all others, in place; x is C-contiguous."""
    if x.size:
        chosen = zeros((x.shape[0],), np.uint8)
        _mark.over(numbers.size, numbers, chosen)
        _scale.over(x.size, x.reshape(-1), chosen, 0 if others else 1, x.size // x.shape[0], float(factor))
