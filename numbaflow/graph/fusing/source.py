"""The text of a fused kernel: nested loops over its outer axes, and passes over a row inside them."""
from numbaflow.graph.fusing.kernel import PARTS, of_nothing
from numbaflow.graph.fusing.passes import Passes
from numbaflow.graph.fusing.step_text import Steps
from numbaflow.kernels import fused

SHORT = 64                      # inner extents up to here are part of the text
UNROLLED = 12                   # rows up to here are written out, and vectors run across rows
MANY_ROWS = 64                  # where there are so many
KEPT_MOST = 1 << 14             # elements of a row that is kept on the stack
BLOCK = fused.BLOCK             # elements of a row that are added up before they are added to the rest


class Source(Steps):
    """Writes one kernel.

    `chunks` is 0 where the outer loop is shared as it is, else how many chunks of `size` it is cut into.
    """

    def __init__(self, kernel, passes, loops, shared, size, chunks):
        super().__init__(kernel)
        self.passes = Passes(kernel)
        self.outer, self.inner = loops.outer, loops.inner
        if not kernel.row:
            self.outer, self.inner = loops.outer[:-1], loops.outer[-1:]
        self.size, self.chunks = size, chunks
        self.short = 0 if kernel.name.endswith(PARTS) else SHORT      # one text serves all sizes of parts
        self.inputs, self.shared = len(kernel.inputs), shared
        self.lines, self.depth, self.names = [], 1, {}
        self.flat = not self.outer and not kernel.row
        self.blocks = self.flat and chunks > 0
        self.work = passes.work()
        self.keep = passes.kept() if len(self.inner) == 1 and self.inner[0].extent <= KEPT_MOST else {}
        self.operands = (*kernel.inputs, *kernel.outputs)
        self.unrolled = self._runs_across_rows()
        self._levels()
        self._write()

    # ---- where things belong
    def _runs_across_rows(self):
        if not self.kernel.row or not self.outer or len(self.inner) > 1:
            return False
        return self.inner[0].extent <= min(UNROLLED, self.short) and self.outer[-1].extent >= MANY_ROWS

    def _levels(self):
        loops = (*self.outer, *self.inner)
        last = len(self.outer)          # 0: before all loops; k: in outer loop k; last + 1: in the row
        self.level = []
        for k, step in enumerate(self.kernel.steps):
            level = max(last, 1) if self.passes.depth[k] or step.kind == "reduce" else 0
            for i, loop in enumerate(loops):
                if set(loop.axes) & set(step.axes):
                    level = max(level, i + 1)
            if step.kind == "reduce":
                level = max(last, 1)
            self.level.append(min(level, last + 1) if self.inner else level)
        self.last = last

    def _is_inner(self, k):
        return self.level[k] > max(self.last, 0) and bool(self.inner) and (
            not self.kernel.row or self.passes.inner[k])

    # ---- lines
    def put(self, text):
        self.lines.append("    " * self.depth + text)

    # ---- the whole
    def _write(self):
        kernel = self.kernel
        self.pointers = [f"x{k}" for k in range(self.inputs)] + [
            f"x{self.shared[k]}" if k in self.shared else f"y{k}" for k in range(len(kernel.outputs))]
        self._offsets()
        self._emit_level(0)
        if self.chunks:
            extent = self._chunked()
        elif self.flat:
            self.extent = self.inner[0].extent if self.inner else 1
            self._passes(("lo", "hi"))
            extent = self.extent
        else:
            extent = self.outer[0].extent if self.outer else 1
            self._outer_loops("lo", "hi")
        self.extent = extent
        self.source = "\n".join([*self._top(), *self.lines, ""])

    def _top(self):
        kernel, count = self.kernel, 0
        lines = [f"def {kernel.name}(args, lo, hi):", f'    """{self._title()}"""',
                 f"    {self.use('wide_vectors')}()"]
        for k, pointer in enumerate(self.pointers):
            if k >= self.inputs and k - self.inputs in self.shared:
                continue
            lines.append(f"    {pointer} = {self.use('at_' + self.operands[k].dtype)}(args[{count}])")
            count += 1
        for k in self.keep:
            room = 1 << (self.inner[0].extent - 1).bit_length()
            lines.append(f"    kept{k} = {self.use(f'kept_{kernel.steps[k].dtype}_{room}')}()")
        return lines + [f"    {name} = args[{count + k}]" for name, k in self.head]

    def _title(self):
        ops = [s.what if s.kind == "apply" else s.what[0] if s.kind == "reduce" else s.what.__name__
               for s in self.kernel.steps if s.kind in ("apply", "reduce", "update")]
        return ", ".join(ops) or "copy"

    # ---- addresses
    def _offsets(self):
        """For each operand the text of its index's inner part, and of its offset by the outer loops."""
        self.inner_index, self.outer_index = [], []
        for k, pointer in enumerate(self.pointers):
            parts = []
            for i, loop in enumerate(self.inner):
                s = loop.strides[k]
                if s:
                    parts.append(f"j{i}" if s == 1 else f"j{i} * {self.extra(f'{pointer}_j{i}', s)}")
            self.inner_index.append(parts)
            # (LLVM takes rows together only where it knows how far apart they are)
            known = [self.unrolled and loop is self.outer[-1] for loop in self.outer]
            self.outer_index.append([
                f"i{i} * {s if known[i] else self.extra(f'{pointer}_i{i}', s)}"
                for i, s in enumerate([loop.strides[k] for loop in self.outer]) if s])
        for i, loop in enumerate(self.inner):
            if not (self.flat and not self.chunks) and (loop.extent > self.short or self.blocks):
                self.extra(f"n{i}", loop.extent)
        for i, loop in enumerate(self.outer[1:], 1):
            self.extra(f"m{i}", loop.extent)

    def _at(self, k, inner):
        parts = [f"{self.pointers[k]}_at"] if self.outer_index[k] or self._chunk_offset(k) else []
        return f"{self.pointers[k]}[{' + '.join(parts + (self.inner_index[k] if inner else [])) or '0'}]"

    def _chunk_offset(self, k):
        """Whether an operand holds partial results, one a chunk."""
        return (self.chunks > 1 and k >= self.inputs
                and self.kernel.outputs[k - self.inputs].step in self.passes.terminals)

    # ---- steps
    def _emit_level(self, level, depth=0):
        for k, step in enumerate(self.kernel.steps):
            here = self.level[k] == level and self.passes.depth[k] == depth
            if here and step.kind != "reduce" and not self._is_inner(k):
                self._step(k)

    def _step(self, k):
        if k in self.names:
            return
        step, name = self.kernel.steps[k], f"t{k}"
        text = getattr(self, f"_{step.kind}")(step, [self.names[o] for o in step.operands])
        if step.kind == "part" or step.kind == "index":
            self.names[k] = text
            return
        if step.kind == "update" and type(text) is tuple:
            self.names[k] = parts = [f"t{k}_{i}" for i in range(text[0])]
            self.put(f"{', '.join(parts)} = {text[1]}")
            return
        self.names[k] = name
        self.put(f"{name} = {text}")

    # ---- loops
    def _outer_loops(self, lo, hi):
        """The outer loops, the first of them from lo to hi, and what is inside."""
        start = self.depth
        for i in range(max(len(self.outer), 1)):
            self.put(f"for i{i} in range({lo}, {hi}):" if i == 0 else f"for i{i} in range(m{i}):")
            self.depth += 1
            for k in range(len(self.pointers)):
                if self._deepest(k) == i and not (k >= self.inputs and k - self.inputs in self.shared):
                    self._put_offset(k, self.outer_index[k])
            self._emit_level(i + 1)
        self._passes(None)
        self.depth = start

    def _deepest(self, k):
        """The innermost outer loop that an operand steps along."""
        return max([i for i, loop in enumerate(self.outer) if loop.strides[k]], default=None)

    def _put_offset(self, k, parts):
        if self._chunk_offset(k):
            parts = [f"c * {self._width(k)}", *parts]
        self.put(f"{self.pointers[k]}_at = {' + '.join(parts)}")

    def _width(self, k):
        """The elements of an output of a chunk's partial result."""
        n = 1
        for a in self.kernel.outputs[k - self.inputs].dims:
            n *= 1 if a is None else self.kernel.extents[a]
        return self.once(f"{self.pointers[k]}_width", n)

    def _inner_loops(self, bounds=None, block=False):
        """Open the loops over a row; gives how deep that is."""
        for i, loop in enumerate(self.inner):
            if bounds is not None:
                text = f"{bounds[0]}, {bounds[1]}"
            else:
                text = repr(loop.extent) if loop.extent <= self.short else f"n{i}"
            self.put(f"for j{i} in {self.use('unrolled') if self.unrolled else 'range'}({text}):")
            self.depth += 1

    def _passes(self, bounds):
        """The passes over a row, and the steps of outer loops after each."""
        deepest = max(self.last, 1)
        for d in sorted({*self.work, *[self.passes.depth[k] for k in self._narrow()]}):
            if d:
                self._emit_level(deepest, d)
            for k in self._narrow():
                if self.passes.depth[k] == d:
                    self._store_narrow(k)
            if d in self.work:
                self._pass(d, bounds)

    def _narrow(self):
        """Outputs and terminals that belong to the outer loops."""
        steps = self.kernel.steps
        return [k for k in range(len(steps)) if k not in self._in_work() and (
            k in self.passes.terminals or k in self.passes.stored)]

    def _in_work(self):
        return {k for ks in self.work.values() for k in ks}

    def _store_narrow(self, k):
        step = self.kernel.steps[k]
        if k in self.passes.terminals:
            self._accumulate(f"sum_{k}", k, self.names[step.operands[0]])
        else:
            self._store(k, False)

    def _store(self, k, inner):
        for i, out in enumerate(self.kernel.outputs):
            if out.step == k:
                self.put(f"{self._at(self.inputs + i, inner)} = {self.names[k]}")

    def _accumulate(self, acc, k, value):
        how, dtype = self.kernel.steps[k].what[0], self.kernel.steps[k].dtype
        name = fused.COMBINE[how][0]
        call = f"{self.use(name)}({acc}, {value})"
        self.put(f"{acc} = {call}" if dtype == "bool" or dtype.startswith("float") else
                 f"{acc} = {self.use(dtype)}({call})")

    def _start(self, k):
        step = self.kernel.steps[k]
        value = of_nothing(step.what[0], step.dtype)
        value = complex(value) if step.dtype.startswith("complex") else value
        return self._literal(step._replace(what=value), ())

    def _finished(self, k, text):
        step = self.kernel.steps[k]
        count = step.what[2]
        if count is None:
            return text
        real = step.dtype.replace("complex64", "float32").replace("complex128", "float64")
        return f"{text} / {self.use(real)}({self.once(f'count{k}', count)})"

    def _is_columns(self, k):
        return k in self.passes.terminals and bool(self.kernel.steps[k].axes) and bool(self.inner)

    def _pass(self, d, bounds):
        """One loop over a row: values that are needed now, reductions, stores."""
        steps, work = self.kernel.steps, self.work[d]
        sums = [k for k in work if steps[k].kind == "reduce" and not self._is_columns(k)]
        targets = [o for k in work for o in (steps[k].operands if steps[k].kind == "reduce" else [k])]
        there = {k for k, first in self.keep.items() if first < d}
        before = dict(self.names)
        blocked = (not self.blocks and len(self.inner) == 1 and self.inner[0].extent > BLOCK
                   and any(steps[k].what[0] in ("sum", "prod") for k in sums))
        in_row = {k: f"s{k}" for k in sums}
        for k in sums:
            self.put(f"s{k} = {self._start(k)}")
        if blocked:
            self.put(f"for b in range(0, n0, {BLOCK}):")
            self.depth += 1
            for k in sums:
                in_row[k] = f"b{k}"
                self.put(f"b{k} = {self._start(k)}")
            bounds = "b", f"min(b + {BLOCK}, n0)"
        start = self.depth
        self._inner_loops(bounds)
        for k in self.passes.closure(targets, there):
            if not self._is_inner(k):
                continue
            if k in there:
                self.names[k] = f"t{k}"
                loaded = f"kept{k}[j0]" + (" != 0" if steps[k].dtype == "bool" else "")
                self.put(f"t{k} = {loaded}")
                continue
            self._step(k)
            if self.keep.get(k) == d:
                self.put(f"kept{k}[j0] = {self.names[k]}")
        for k in sums:
            self._accumulate(in_row[k], k, self.names[steps[k].operands[0]])
        for k in work:
            if self._is_columns(k):
                self._add_to_column(k)
            elif steps[k].kind != "reduce":
                self._store(k, True)
        self.depth = start
        self.names = before
        if blocked:
            for k in sums:
                self._accumulate(f"s{k}", k, f"b{k}")
            self.depth -= 1
        for k in sums:
            if k in self.passes.terminals:
                self._accumulate(f"sum_{k}", k, f"s{k}")
            else:
                self.put(f"t{k} = {self._finished(k, f's{k}')}")
                self.names[k] = f"t{k}"
        for k in sums:
            if k in self.passes.stored and k not in self.passes.terminals:
                self._store(k, False)

    def _add_to_column(self, k):
        step = self.kernel.steps[k]
        i = next(i for i, out in enumerate(self.kernel.outputs) if out.step == k)
        cell = self._at(self.inputs + i, True)
        value = f"({cell} != 0)" if step.dtype == "bool" else cell
        call = f"{self.use(fused.COMBINE[step.what[0]][0])}({value}, {self.names[step.operands[0]]})"
        self.put(f"{cell} = {call}")

    def _chunked(self):
        """The outer loop in chunks, each with its partial results; gives how many."""
        steps, terminals = self.kernel.steps, self.passes.terminals
        n = -(-self.inner[0].extent // BLOCK) if self.flat and self.inner else (
            self.outer[0].extent if self.outer else 1)
        self.extra("size", self.size)
        self.extra("m0", n)
        self.put("for c in range(lo, hi):")
        self.depth += 1
        for k in range(self.inputs, len(self.pointers)):
            if self._chunk_offset(k) and not self.outer_index[k]:
                self._put_offset(k, [])
        for k in terminals:
            if self._is_columns(k):
                self._fill_columns(k)
            else:
                self.put(f"sum_{k} = {self._start(k)}")
        start = self.depth
        if self.flat:
            self.put("for i0 in range(c * size, min(c * size + size, m0)):")
            self.depth += 1
            self._emit_level(1)
            self._passes((f"i0 * {BLOCK}", f"min(i0 * {BLOCK} + {BLOCK}, n0)") if self.inner else None)
        else:
            self._outer_loops("c * size", "min(c * size + size, m0)")
        self.depth = start
        for k in terminals:
            i = next(i for i, out in enumerate(self.kernel.outputs) if out.step == k)
            if not self._is_columns(k):
                self.put(f"{self._at(self.inputs + i, False)} = {self._finished(k, f'sum_{k}')}")
            elif steps[k].what[2] is not None:
                self._finish_columns(k, i)
        self.depth -= 1
        return self.chunks

    def _fill_columns(self, k):
        start, i = self.depth, next(i for i, out in enumerate(self.kernel.outputs) if out.step == k)
        value = self._start(k)
        self._inner_loops()
        self.put(f"{self._at(self.inputs + i, True)} = {value}")
        self.depth = start

    def _finish_columns(self, k, i):
        start = self.depth
        self._inner_loops()
        cell = self._at(self.inputs + i, True)
        self.put(f"{cell} = {self._finished(k, cell)}")
        self.depth = start
