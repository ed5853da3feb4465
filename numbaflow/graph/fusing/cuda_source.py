"""The text of a fused kernel for a GPU, in one of three forms.

    Flat        no row: threads stride over all elements
    Rows        rows and their reductions: a block or a warp takes a row at a time
    Columns     reductions over the outer axes alone: a thread goes down a column

What is reduced to the end of a kernel each worker, a block or a warp, reduces for its own part.  Where there
are several workers another kernel combines what they leave, so results never depend on who comes first.
"""
from numbaflow.graph.fusing.cuda_text import Text

SHORT = 128                     # elements of a row that a warp takes
SHORT_OF_MANY = 1024            # the same where there are rows enough for all warps
MANY = 4096
CHEAP = 32                      # the cost of a kernel that is written out for several elements
COPIES = "abcd"                 # of the values of elements that are under way at once
WARP = 32


class Flat(Text):
    """All elements, each by one thread; totals of all."""

    copies = ("",)

    def write(self):
        steps, passes = self.kernel.steps, self.passes
        for k, step in enumerate(steps):
            if not step.axes and step.kind != "reduce" and passes.inner[k]:
                self.step(k)
        if is_unrolled(passes, self.outer):
            self.copies = tuple(COPIES)
        for k in passes.terminals:
            self.put(f"sum_{k} = {self.start(k)}")
        self.once("n", self.kernel.count(range(len(self.kernel.extents))))
        count = len(self.copies)
        self.put("at, step = cuda.grid(1), cuda.gridsize(1)")
        self.put("while at < n:")
        self.depth += 1
        self._elements()
        self.put(f"at += {f'{count} * ' if count > 1 else ''}step")
        self.depth -= 1
        for k in passes.terminals:
            self.put(f"s{k} = {self.use(f'block_reduce_{steps[k].what[0]}')}(sum_{k})")
        if passes.terminals:
            self.put("if cuda.threadIdx.x == 0:")
            self.depth += 1
            for k in passes.terminals:
                self.store_terminal(k, f"s{k}", "cuda.blockIdx.x")

    def _elements(self):
        """The work for the elements that are under way at once: all are loaded before the first is stored."""
        top, known = self.names, []
        needed = self.passes.closure(self.targets(0)) if self.work else []
        for place, copy in enumerate(self.copies):
            self.copy, self.names = copy, dict(top)
            known.append(self.names)
            self.decode(_ahead(place, clamped=True), self.outer, "i")
            for k in needed if len(self.copies) > 1 else ():
                if self.kernel.steps[k].kind == "input":
                    self.step(k)
        for place, (copy, names) in enumerate(zip(self.copies, known, strict=True)):
            self.copy, self.names = copy, names
            for k in needed:
                self.step(k)
            if place:
                self.put(f"if {_ahead(place)} < n:")
            self.depth += bool(place)
            for k in self.work.get(0, ()):
                if self.kernel.steps[k].kind == "reduce":
                    self.accumulate(f"sum_{k}", k, self.names[self.kernel.steps[k].operands[0]])
                else:
                    self.store(k)
            self.depth -= bool(place)
        self.names, self.copy = top, ""


def is_unrolled(passes, loops):
    """Whether a flat kernel is written out for several elements."""
    is_complex = any(step.dtype.startswith("complex") for step in passes.kernel.steps)
    return len(loops) <= 2 and passes.cost() <= CHEAP and not is_complex


def _ahead(place, clamped=False):
    if not place:
        return "at"
    text = f"at + {f'{place} * ' if place > 1 else ''}step"
    return f"min({text}, n - 1)" if clamped else text


class Rows(Text):
    """Passes over rows."""

    def write(self):
        kernel, passes = self.kernel, self.passes
        split = len(kernel.extents) - kernel.row
        rows, width = kernel.count(range(split)), kernel.count(range(split, len(kernel.extents)))
        self.by = "warp" if is_of_warp(rows, width) else "block"
        self._emit(0, lambda step: not step.axes)
        self.once("m", rows)
        self.once("n", width)
        if self.by == "warp":
            self.put(f"lane, width = cuda.threadIdx.x % {WARP}, {WARP}")
            self.put(f"worker, workers = cuda.grid(1) // {WARP}, cuda.gridsize(1) // {WARP}")
        else:
            self.put("lane, width = cuda.threadIdx.x, cuda.blockDim.x")
            self.put("worker, workers = cuda.blockIdx.x, cuda.gridDim.x")
        self.put("turns = (n - lane + width - 1) // width")
        for k in passes.terminals:
            if self._is_column(k):
                self._columns(k, lambda k, cell: self.start(k))
            else:
                self.put(f"sum_{k} = {self.start(k)}")
        self.put("for row in range(worker, m, workers):")
        self.depth += 1
        self.decode("row", self.outer, "i")
        self._passes()
        self.depth -= 1
        self._finish()

    def _is_column(self, k):
        return bool(self.kernel.steps[k].axes)

    def _emit(self, depth, chosen=lambda step: True):
        """Put down the steps of a row that are known after `depth` reductions."""
        for k, step in enumerate(self.kernel.steps):
            if (step.kind != "reduce" and not self.passes.inner[k] and self.passes.depth[k] == depth
                    and chosen(step)):
                self.step(k)

    def _loop(self):
        self.put("for turn in range(turns):")       # (a loop that counts is unrolled)
        self.depth += 1
        self.decode("lane + turn * width", self.inner, "j")

    def _columns(self, k, value):
        """A loop that gives each column of a terminal a value."""
        cell = self._cell(k)
        self._loop()
        self.put(f"{cell} = {value(k, cell)}")
        self.depth -= 1

    def _cell(self, k):
        place = next(i for i, out in enumerate(self.kernel.outputs) if out.step == k)
        return self.at(self.inputs + place, "worker")

    def _passes(self):
        steps, passes = self.kernel.steps, self.passes
        inside = {k for ks in self.work.values() for k in ks}
        narrow = [k for k in range(len(steps)) if k not in inside and (
            k in passes.terminals or k in passes.stored)]
        for d in sorted({*self.work, *[passes.depth[k] for k in narrow]}):
            self._emit(d)
            self._store_narrow([k for k in narrow if passes.depth[k] == d and k not in passes.terminals])
            for k in narrow:
                if k in passes.terminals and passes.depth[k] == d:
                    self.accumulate(f"sum_{k}", k, self.names[steps[k].operands[0]])
            if d in self.work:
                self._pass(d)

    def _store_narrow(self, stored):
        if stored:
            self.put("if lane == 0:")
            self.depth += 1
            for k in stored:
                self.store(k)
            self.depth -= 1

    def _pass(self, d):
        """One loop over a row: values that are needed now, reductions, stores."""
        steps, terminals, before = self.kernel.steps, self.passes.terminals, dict(self.names)
        sums = [k for k in self.work[d] if steps[k].kind == "reduce" and k not in terminals]
        for k in sums:
            self.put(f"s{k} = {self.start(k)}")
        self._loop()
        for k in self.passes.closure(self.targets(d)):
            self.step(k)
        for k in self.work[d]:
            if steps[k].kind != "reduce":
                self.store(k)
                continue
            value = self.names[steps[k].operands[0]]
            if k in sums:
                self.accumulate(f"s{k}", k, value)
            elif self._is_column(k):
                cell = self._cell(k)
                old = f"{cell} != 0" if steps[k].dtype == "bool" else cell
                self.put(f"{cell} = {self.use(f'combine_{steps[k].what[0]}')}({old}, {value})")
            else:
                self.accumulate(f"sum_{k}", k, value)
        self.depth -= 1
        self.names = before
        for k in sums:
            total = f"{self.use(f'{self.by}_reduce_{steps[k].what[0]}')}(s{k})"
            self.names[k] = f"t{k}"
            self.put(f"t{k} = {self.finished(k, total)}")
        self._store_narrow([k for k in sums if k in self.passes.stored])

    def _finish(self):
        """What each worker leaves of the terminals."""
        steps, totals = self.kernel.steps, []
        for k in self.passes.terminals:
            if self._is_column(k):
                if not self.parts and steps[k].what[2] is not None:
                    self._columns(k, self.finished)
                continue
            totals.append(k)
            if self.passes.over_inner(k):
                self.put(f"sum_{k} = {self.use(f'{self.by}_reduce_{steps[k].what[0]}')}(sum_{k})")
        if totals:
            self.put("if lane == 0:")
            self.depth += 1
            for k in totals:
                self.store_terminal(k, f"sum_{k}", "worker")


def is_of_warp(rows, width):
    """Whether a warp takes a row, not a block."""
    return width <= SHORT or (width <= SHORT_OF_MANY and rows >= MANY)


class Columns(Text):
    """Reductions down columns, several threads to each; what is stored of the elements on the way."""

    def write(self):
        kernel, passes = self.kernel, self.passes
        split = len(kernel.extents) - kernel.row
        rows, width = kernel.count(range(split)), kernel.count(range(split, len(kernel.extents)))
        lanes, inner = lanes_of(width), set(range(split, len(kernel.extents)))
        plain = [k for k, step in enumerate(kernel.steps) if step.kind != "reduce"]
        for k in plain:
            if not kernel.steps[k].axes:
                self.step(k)
        self.once("m", rows)
        self.once("n", width)
        self.extra("size", None)
        self.put(f"column = cuda.blockIdx.x * {lanes} + cuda.threadIdx.x % {lanes}")
        self.put("first = cuda.blockIdx.y * size")
        for k in passes.terminals:
            self.put(f"sum_{k} = {self.start(k)}")
        self.put("if column < n:")
        self.depth += 1
        self.decode("column", self.inner, "j")
        for k in plain:
            if inner.issuperset(kernel.steps[k].axes):
                self.step(k)
        self.put(f"for row in range(first + cuda.threadIdx.x // {lanes}, min(first + size, m), "
                 f"cuda.blockDim.x // {lanes}):")
        self.depth += 1
        self.decode("row", self.outer, "i")
        for k in plain:
            self.step(k)
        for k in self.work[0]:
            if kernel.steps[k].kind == "reduce":
                self.accumulate(f"sum_{k}", k, self.names[kernel.steps[k].operands[0]])
            else:
                self.store(k)
        self.depth -= 2
        for k in passes.terminals:
            self.put(f"sum_{k} = {self.use(f'column_reduce_{kernel.steps[k].what[0]}')}(sum_{k}, {lanes})")
        self.put(f"if cuda.threadIdx.x < {lanes} and column < n:")
        self.depth += 1
        for k in passes.terminals:
            self.store_terminal(k, f"sum_{k}", "cuda.blockIdx.y")


def lanes_of(width):
    """The threads of a block that lie beside each other along a row."""
    return min(WARP, 1 << (width - 1).bit_length())


def is_columns(kernel, passes):
    """Whether all that a kernel of rows reduces are columns."""
    return bool(passes.terminals) and not passes.rows and all(
        kernel.steps[k].axes for k in passes.terminals) and all(
        out.step in passes.terminals or passes.is_wide(out.step) for out in kernel.outputs)


def form_of(kernel, passes):
    """The form of a kernel."""
    if not kernel.row:
        return Flat
    return Columns if is_columns(kernel, passes) else Rows
