"""Convolutions as matrix products whose one factor is gathered from images, in tiles that stay in registers.

The one idea: element (pixel, tap and channel) of that factor stands where the pixel's place and the tap's add
up to.  So one text serves where pixels are rows and the sum runs over taps, for output and input gradient,
and where taps are rows and the sum runs over pixels, for the filter's gradient.  It is shorter for images of
two dimensions, or of none that matter (1x1).  Each thread has a tile of its own in scalars; two buffers of
shared memory take turns.
"""
import functools
import linecache
from typing import NamedTuple

import numpy as np

from . import backend
from .jit import Kernel, cuda
from .vectors import load, store


class Tile(NamedTuple):
    """What a block computes: rows x columns, each thread down x across of them, `deep` products at a time."""

    rows: int
    columns: int
    deep: int
    down: int
    across: int

    @property
    def threads(self):
        """Threads of a block."""
        return self.rows * self.columns // (self.down * self.across)


PER_AXIS = ("places", "step", "start", "extent", "taps", "apart", "x_step", "y_step", "w_step")
SCALARS = ("sums", "rows", "outs", "every_out", "groups", "parts", "run", "channels", "x_image", "y_image",
           "y_first", "y_part", "w_first")
PIXELS, TURNED, TAPS = "pixels", "turned", "taps"       # what rows are; turned: pixels, the filter transposed
_AXES = {0: "", 2: "hw", 3: "dhw"}


class Form(NamedTuple):
    """What is known of a convolution when its kernel is written."""

    kind: str                   # what rows are
    axes: int                   # of images, 0 where a pixel is made from one pixel
    dtype: np.dtype
    tile: Tile
    four_x: bool = False        # whether a tap's channels in x come in aligned fours
    four_w: bool = False        # whether what stands side by side in w does
    four_y: bool = False        # whether a group's outputs do
    long: bool = False          # whether arrays have 2**31 elements or more


@functools.cache
def tile_kernel(form):
    """The Kernel of (x, w, bias, out, biased, floor, *SCALARS, *PER_AXIS of each axis).

    out[place of a row, o] = max(floor, bias[o] + the sum over k of gathered[row, k] * w[k, o]).  Parts of the
    sum stand one after another in out; bias and floor are for rows that are pixels.
    """
    name = f"conv_{form.kind}{form.axes}_{form.tile.rows}x{form.tile.columns}"
    text = "\n".join([f"def {name}(x, w, bias, out, biased, floor, {', '.join(parameters(form.axes))}):",
                      *_indented(_Text(form).lines())])
    filename = f"<CUDA kernel {name}, {tuple(form)}>"
    linecache.cache[filename] = (len(text), None, text.splitlines(True), filename)
    scope = {"__name__": __name__, "cuda": cuda, "kind": form.dtype.type, "load": load,
             "store": store, "place": np.int64 if form.long else np.int32,
             "index": np.uint64 if form.long else np.uint32, "int32": np.int32, "int64": np.int64,
             "uint32": np.uint32, "uint64": np.uint64}
    exec(compile(text, filename, "exec"), scope)
    return Kernel(scope[name])


def parameters(axes):
    """The names of the integers that a kernel takes."""
    return [*SCALARS, *[f"{name}_{a}" for a in _AXES[axes] for name in PER_AXIS]]


def _indented(lines):
    return ["    " + line for line in lines]


def _divided(number, by, quotient, rest):
    """Lines that divide what is not negative."""
    return [f"{rest} = int32(uint32({number}) % uint32({by}))",
            f"{quotient} = int32(uint32({number}) // uint32({by}))"]


class _Text:
    """The lines of a kernel, part by part."""

    def __init__(self, form):
        self.kind, self.axes, self.tile = form.kind, _AXES[form.axes], form.tile
        kind, tile, self.threads, self.four_y = form.kind, form.tile, form.tile.threads, form.four_y
        self.wide_a, self.wide_b = wide_a, wide_b = 4 if form.four_x else 1, 4 if form.four_w else 1
        self.pitch_a, self.pitch_b = tile.rows + 4, tile.columns + 4    # (banks of shared memory)
        self.size_a, self.size_b = tile.deep * self.pitch_a, tile.deep * self.pitch_b
        # Neighbours in memory are channels: they lie along the depth where pixels are rows, and in a filter
        # that is turned.
        apart_a, apart_b = self.threads * wide_a // tile.deep, self.threads * wide_b // tile.deep
        self.across_a = apart_a if kind == TAPS else tile.deep
        self.across_b = tile.deep if kind == TURNED else tile.columns
        self.loads_a = range(0, tile.rows, apart_a)
        self.loads_b = (range(0, tile.columns, apart_b) if kind == TURNED
                        else range(0, tile.deep, self.threads * wide_b // tile.columns))

    def lines(self):
        """All of them, one after another."""
        return [*self.head(), *self.rows(), *self.columns(), *self.first_products(), *self.zeros(),
                "for chunk in range(chunks + 1):",
                "    half = chunk & 1",
                "    if chunk < chunks:", *_indented(_indented(self.load())),
                "    if chunk > 0:", *_indented(_indented(self.multiply())),
                "    if chunk < chunks:", *_indented(_indented(self.keep())),
                "    cuda.syncthreads()", *self.store()]

    # ---- where this block and thread stand
    def head(self):
        tile, align = self.tile, "" if backend.SIMULATED else ", alignment=16"
        wide = f"(outs + {tile.columns - 1}) // {tile.columns}"
        tall = f"(rows + {tile.rows - 1}) // {tile.rows}"
        return [f"a_shared = cuda.shared.array({2 * self.size_a}, kind{align})",
                f"b_shared = cuda.shared.array({2 * self.size_b}, kind{align})",
                "zero, t = kind(0), int64(uint32(cuda.threadIdx.x))",
                *_divided("cuda.blockIdx.x", wide, "rest", "column0"),
                *_divided("rest", tall, "rest", "row0"),
                *_divided("rest", "groups", "part", "group"),
                f"column0, row0 = int32(column0 * {tile.columns}), int32(row0 * {tile.rows})",
                f"each = (sums + parts * {tile.deep} - 1) // (parts * {tile.deep}) * {tile.deep}",
                "begin = int32(part * each)",
                "end = int32(min(sums, begin + each))",
                f"chunks = int32(max(0, end - begin + {tile.deep - 1}) // {tile.deep})"]

    def pixel(self, number, suffix, counted=False):
        """Lines that set at_<axis><suffix> to a pixel's place along each axis, and image<suffix>.

        counted: the place among pixels, not in the image that is read.
        """
        lines, rest = [], number
        for a in reversed(self.axes):
            lines += _divided(rest, f"places_{a}", "left", f"at_{a}{suffix}")
            if not counted:
                lines.append(f"at_{a}{suffix} = int32(at_{a}{suffix} * int32(step_{a}) + int32(start_{a}))")
            rest = "left"
        return [*lines, f"image{suffix} = place({rest} * x_image)"]

    def tap(self, number, suffix):
        """Lines that set tap_<axis><suffix> and channel<suffix> for a number of tap and channel."""
        if not self.axes:
            return [f"channel{suffix} = int32({number})"]
        lines = _divided(number, "run", f"tap_{self.axes[0]}{suffix}", f"channel{suffix}")
        for a in reversed(self.axes[1:]):
            first = f"tap_{self.axes[0]}{suffix}"
            lines += _divided(first, f"taps_{a}", first, f"tap_{a}{suffix}")
        return lines

    def offset(self, places):
        """Elements from an image's first to the pixel at these places."""
        return " + ".join([f"{p} * place(x_step_{a})" for p, a in zip(places, self.axes, strict=True)]) or "0"

    def rows(self):
        """What each row that this thread loads adds to an address: at_<axis><i> and base<i>."""
        taps, lines = self.kind == TAPS, _shares("a", self.across_a, self.wide_a)
        for i in self.loads_a:
            first, wide = ("a_near", self.wide_a) if taps else ("a_far", 1)
            lines.append(f"row = int32(min(row0 + {first} + {i}, rows - {wide}))")
            lines += self.tap("row", i) if taps else self.pixel("row", i)
            if taps:
                lines += [f"at_{a}{i} = int32(tap_{a}{i} * int32(apart_{a}))" for a in self.axes]
            begin = f"channel{i}" if taps else f"image{i}"
            offset = self.offset([f"at_{a}{i}" for a in self.axes])
            lines.append(f"base{i} = place({begin} + group * run + {offset})")
        return lines

    def columns(self):
        """Where the columns that this thread loads begin in w."""
        lines = _shares("b", self.across_b, self.wide_b)
        if self.kind == TURNED:
            for j in self.loads_b:
                lines += [f"column = min(column0 + b_far + {j}, outs - 1)",
                          f"w_at{j} = place(w_first + column * every_out + group * run)"]
            return lines
        return [*lines, "b_k = int32(begin + b_far)", f"column = min(column0 + b_near, outs - {self.wide_b})",
                "w_at = place(b_k * every_out + group * outs + column)"]
    # ---- loads
    def first_products(self):
        """The tap or the pixel of the sum that this thread begins with."""
        if self.kind == TAPS:
            return ["k = int32(begin + a_far)", *self.pixel("k", "", counted=True)]
        return ["k = int32(begin + a_near)", *self.tap("k", "")]

    def load(self):
        """Lines that load a chunk into a<i>_<e> and b<j>_<e> and go on to the next one."""
        deep, taps = self.tile.deep, self.kind == TAPS
        if taps and self.axes:
            lines = [f"o_{a} = int32(at_{a} * int32(step_{a}) + int32(start_{a}))" for a in self.axes]
        else:
            lines = [f"o_{a} = int32(tap_{a} * int32(apart_{a}))" for a in self.axes]
        begin = ("image" if self.axes else "k * x_image") if taps else "channel"
        lines.append(f"off = place({begin} + {self.offset([f'o_{a}' for a in self.axes])})")
        for i in self.loads_a:
            inside = ["k < end", *[f"uint32(at_{a}{i} + o_{a}) < uint32(extent_{a})" for a in self.axes]]
            lines += _load(f"a{i}", self.wide_a, " and ".join(inside), "x", f"base{i} + off")
        if self.kind == TURNED:
            terms = [f"tap_{a} * place(w_step_{a})" for a in self.axes]
            lines.append(f"off = place({' + '.join([*terms, 'channel'])})")
        for j in self.loads_b:
            if self.kind == TURNED:
                lines += _load(f"b{j}", self.wide_b, "k < end", "w", f"w_at{j} + off")
            else:
                at = f"w_at + place({j} * every_out)"
                lines += _load(f"b{j}", self.wide_b, f"b_k + {j} < end", "w", at)
        if self.kind != TURNED:
            lines += [f"w_at = place(w_at + {deep} * every_out)", f"b_k = int32(b_k + {deep})"]
        lines.append(f"k = int32(k + {deep})")
        if not self.axes:
            return lines + ([] if taps else [f"channel = int32(channel + {deep})"])
        return lines + (self.next_pixel() if taps else self.next_tap())

    def next_tap(self):
        """Lines that go to the tap and channel that is `deep` further on."""
        lines = [f"channel = int32(channel + {self.tile.deep})", "while channel >= int32(run):",
                 "    channel = int32(channel - int32(run))"]
        return lines + _indented(_carried("tap", "taps", self.axes))

    def next_pixel(self):
        """Lines that go to the pixel that is `deep` further on."""
        last, before = self.axes[-1], self.axes[:-1]
        return [f"at_{last} = int32(at_{last} + {self.tile.deep})",
                f"while at_{last} >= int32(places_{last}):",
                f"    at_{last} = int32(at_{last} - int32(places_{last}))",
                *_indented(_carried("at", "places", before)),
                *["    " * len(before) + line for line in (
                    f"if at_{before[0]} == int32(places_{before[0]}):", f"    at_{before[0]} = int32(0)",
                    "    image = place(image + x_image)")]]

    # ---- products
    def _mine(self, i, threads):
        """Row or column i of a thread's own, counted from its first: they come in fours."""
        return i // 4 * (threads * 4) + i % 4

    def zeros(self):
        """Lines that begin the sums, and say which are this thread's."""
        tile = self.tile
        across = tile.columns // tile.across
        names = [*[f"c{i}_{j}" for i in range(tile.down) for j in range(tile.across)],
                 *[f"a{i}_{e}" for i in self.loads_a for e in range(self.wide_a)],
                 *[f"b{j}_{e}" for j in self.loads_b for e in range(self.wide_b)]]
        return [*[f"{name} = zero" for name in names],
                f"my_row, my_column = t // {across} * 4, t % {across} * 4"]

    def multiply(self):
        """Lines that add the products of the chunk that was kept last."""
        tile = self.tile
        across, down = tile.columns // tile.across, tile.rows // tile.down
        lines = [f"a_at, b_at = (1 - half) * {self.size_a} + my_row, (1 - half) * {self.size_b} + my_column",
                 f"for _ in range({tile.deep}):"]
        for name, count, threads, at in (("a", tile.down, down, "u"), ("b", tile.across, across, "v")):
            for i in range(0, count, 4):
                four = ", ".join([f"{at}{k}" for k in range(i, i + 4)])
                lines.append(f"    {four} = load({name}_shared, {name}_at + {self._mine(i, threads)}, 4)")
        lines += [f"    a_at, b_at = a_at + {self.pitch_a}, b_at + {self.pitch_b}"]
        return lines + [f"    c{i}_{j} += u{i} * v{j}" for i in range(tile.down) for j in range(tile.across)]

    def keep(self):
        """Lines that store what was loaded into the other buffer, depth by depth."""
        lines = []
        for name, size, pitch, loads, wide, deep in (
                ("a", self.size_a, self.pitch_a, self.loads_a, self.wide_a, self.kind != TAPS),
                ("b", self.size_b, self.pitch_b, self.loads_b, self.wide_b, self.kind == TURNED)):
            depth, other = (f"{name}_near", f"{name}_far") if deep else (f"{name}_far", f"{name}_near")
            lines.append(f"{name}_at = half * {size} + {depth} * {pitch} + {other}")
            along = name == "a" or deep                 # whether loads go on along a row of what is shared
            for i in loads:
                to = i if along else i * pitch
                lines += _keep(name, i, wide, to, pitch if deep else 1)
        return lines

    # ---- results
    def store(self):
        """Lines that write this thread's sums."""
        tile = self.tile
        across, down = tile.columns // tile.across, tile.rows // tile.down
        lines = ["column = int32(column0 + my_column)"]
        if self.kind == PIXELS:
            for j in range(tile.across):
                c = self._mine(j, across)
                lines += [f"v{j} = zero", f"if biased and column + {c} < outs:",
                          f"    v{j} = bias[index(group * outs + column + {c})]"]
        for i in range(tile.down):
            lines += [f"row = int32(row0 + my_row + {self._mine(i, down)})", "if row < rows:",
                      *_indented(self.place())]
            for j in range(0, tile.across, 4):
                lines += _indented(self.store_row(i, j, self._mine(j, across)))
        return lines

    def store_row(self, i, j, first):
        """Lines that write four neighbours, from column `first` of this thread on."""
        each, lines = range(4), []
        if self.kind == PIXELS:
            for e in each:
                y = f"c{i}_{j + e}"
                lines += [f"{y} += v{j + e}", f"if {y} < floor:", f"    {y} = floor"]
        if self.four_y:
            values = ", ".join([f"c{i}_{j + e}" for e in each])
            return [*lines, f"if column + {first} < outs:", f"    store(out, to + {first}, ({values}))"]
        for e in each:
            lines += [f"if column + {first + e} < outs:", f"    out[uint64(to + {first + e})] = c{i}_{j + e}"]
        return lines

    def place(self):
        """Lines that set `to` to where a row's first column of this thread goes."""
        lines, rest = ["to = y_first + part * y_part + group * outs + column"], "row"
        if self.kind == TAPS:
            return [*lines, "to += row * every_out"]
        for a in reversed(self.axes):
            lines += [*_divided(rest, f"places_{a}", "left", "at"), f"to += at * y_step_{a}"]
            rest = "left"
        return [*lines, f"to += {rest} * y_image"]


def _carried(counter, extent, axes):
    """Lines that count one further along the last of some axes, and of those before it; the first is free."""
    lines = [f"{counter}_{axes[-1]} = int32({counter}_{axes[-1]} + 1)"]
    for depth in range(len(axes) - 1):
        a, before = axes[-1 - depth], axes[-2 - depth]
        lines += ["    " * depth + line for line in (
            f"if {counter}_{a} == int32({extent}_{a}):", f"    {counter}_{a} = int32(0)",
            f"    {counter}_{before} = int32({counter}_{before} + 1)")]
    return lines


def _shares(name, across, wide):
    """Lines that say what a thread loads first: <name>_near along memory, <name>_far the other way."""
    threads = across // wide
    return [f"{name}_near, {name}_far = t % {threads} * {wide}, t // {threads}"]


def _load(name, wide, condition, array, at):
    """Lines that load <name>_<e> from an array, or set them to zero."""
    names = [f"{name}_{e}" for e in range(wide)]
    load = f"load({array}, index({at}), 4)" if wide == 4 else f"{array}[index({at})]"
    return [*[f"{n} = zero" for n in names], f"if {condition}:", f"    {', '.join(names)} = {load}"]


def _keep(name, i, wide, to, step):
    """Lines that store <name><i>_<e> at <name>_at + to + e * step of what is shared."""
    values = [f"{name}{i}_{e}" for e in range(wide)]
    if wide == 4 and step == 1:
        return [f"store({name}_shared, {name}_at + {to}, ({', '.join(values)}))"]
    return [f"{name}_shared[uint64({name}_at + {to + e * step})] = {value}" for e, value in enumerate(values)]
