"""What the forms of fused kernels on a GPU share: lines, indices, and the text of each kind of step.

Operands are arrays with a dimension for each loop that they step along, `x0[i0, j0]`, so that their strides
come with them.  Extents that indices are divided by are unsigned: dividing by 64 bits takes a GPU five times
as long as by 32, and an unsigned index needs no look at its sign.
"""
import numpy as np

from numbaflow.graph.fusing.kernel import of_nothing
from numbaflow.graph.fusing.step_text import Steps
from numbaflow.kernels.cuda import blocks
from numbaflow.kernels.cuda.jit import cuda

NARROW = 1 << 31                # elements of a space whose indices are of 32 bits
_NAMES = {"inf": float("inf"), "nan": float("nan"), "cuda": cuda,
          **{f"combine_{how}": f for how, f in blocks.COMBINE.items()},
          **{f"warp_reduce_{how}": f for how, f in blocks.WARP_REDUCE.items()},
          **{f"block_reduce_{how}": f for how, f in blocks.BLOCK_REDUCE.items()},
          **{f"column_reduce_{how}": f for how, f in blocks.COLUMN_REDUCE.items()}}


class Text(Steps):
    """A kernel being written.  `parts` says whether terminals are partial results, one a worker."""

    def __init__(self, kernel, passes, loops, shared, parts):
        super().__init__(kernel)
        self.passes, self.outer, self.inner, self.parts = passes, loops.outer, loops.inner, parts
        self.work, self.inputs = passes.work(), len(kernel.inputs)
        self.lines, self.depth, self.names = [], 1, {}
        self.arrays = [f"x{k}" for k in range(self.inputs)] + [
            f"x{shared[k]}" if k in shared else f"y{k}" for k in range(len(kernel.outputs))]
        self.unsigned = "uint32" if kernel.count(range(len(kernel.extents))) < NARROW else "uint64"
        self.copy = ""                          # ends the names of values of one of several elements
        self.use("cuda")
        self.write()
        given = [*dict.fromkeys(self.arrays), *[name for name, _ in self.head]]
        self.source = "\n".join([f"def {kernel.name}({', '.join(given)}):", f'    """{self._title()}"""',
                                 *self.lines, ""])

    def write(self):
        """Put down the lines of the kernel."""
        raise NotImplementedError

    def _title(self):
        ops = [s.what if s.kind == "apply" else s.what[0] if s.kind == "reduce" else s.what.__name__
               for s in self.kernel.steps if s.kind in ("apply", "reduce", "update")]
        return ", ".join(ops) or "copy"

    def put(self, text):
        self.lines.append("    " * self.depth + text)

    def use(self, name, thing=None):
        """Put a name in the scope of the text."""
        if thing is None:
            thing = _NAMES.get(name)
        self.scope[name] = getattr(np, name) if thing is None else thing
        return name

    # ---- indices
    def decode(self, flat, loops, letter):
        """The indices along loops, of what counts through all of them."""
        if len(loops) < 2:
            if loops:
                self.put(f"{letter}0{self.copy} = {self.use(self.unsigned)}({flat})")
            return
        unsigned = self.use(self.unsigned)
        self.put(f"{letter}{self.copy} = {unsigned}({flat})")
        for k in range(len(loops) - 1, 0, -1):
            n = f"{unsigned}({self.once(f'{letter}{k}_size', loops[k].extent)})"
            self.put(f"{letter}{k}{self.copy} = {letter}{self.copy} % {n}")
            self.put(f"{letter}{self.copy} = {unsigned}({letter}{self.copy} // {n})")
        self.put(f"{letter}0{self.copy} = {letter}{self.copy}")

    def indices(self):
        """(variable, loop) of each loop."""
        return [(f"{letter}{k}", loop) for letter, loops in (("i", self.outer), ("j", self.inner))
                for k, loop in enumerate(loops)]

    def at(self, k, worker=None):
        """The text of an operand's element."""
        index = [f"{v}{self.copy}" for v, loop in self.indices() if loop.strides[k]]
        if self.parts and worker and self.is_terminal(k):
            index.insert(0, worker)
        return f"{self.arrays[k]}[{', '.join(index) or '0'}]"

    def is_terminal(self, k):
        """Whether an operand is the result of a reduction that is done when all else is."""
        return k >= self.inputs and self.kernel.outputs[k - self.inputs].step in self.passes.terminals

    # ---- steps
    def step(self, k):
        """Put down a step unless it is there; what names its value."""
        if k in self.names:
            return
        step, name = self.kernel.steps[k], f"t{k}{self.copy}"
        text = getattr(self, f"_{step.kind}")(step, [self.names[o] for o in step.operands])
        if step.kind in ("part", "index"):
            self.names[k] = text
        elif step.kind == "update" and type(text) is tuple:
            self.names[k] = parts = [f"{name}_{i}" for i in range(text[0])]
            self.put(f"{', '.join(parts)} = {text[1]}")
        else:
            self.names[k] = name
            self.put(f"{name} = {text}")

    def _input(self, step, values):
        return f"{self.at(step.what)} != 0" if step.dtype == "bool" else self.at(step.what)

    def _index(self, step, values):
        found = next(v for v, loop in self.indices() if step.axes[0] in loop.axes)
        return f"{self.use('int64')}({found}{self.copy})"

    def _apply(self, step, values):
        text = super()._apply(step, values)
        # (a no-op there, but where kernels run as Python their bodies may give floats of 64 bits)
        called = step.dtype.startswith("float") and text.endswith(")") and not text.startswith(step.dtype)
        return f"{self.use(step.dtype)}({text})" if called else text

    # ---- results
    def targets(self, d):
        """The steps that a pass must compute for its reductions and stores."""
        steps = self.kernel.steps
        return [o for k in self.work[d] for o in (steps[k].operands if steps[k].kind == "reduce" else [k])]

    def store(self, k, worker=None):
        """Put a step's value in the outputs that it is."""
        for i, out in enumerate(self.kernel.outputs):
            if out.step == k:
                self.put(f"{self.at(self.inputs + i, worker)} = {self.names[k]}")

    def start(self, k):
        """What a reduction starts with."""
        step = self.kernel.steps[k]
        value = of_nothing(step.what[0], step.dtype)
        return self._literal(step._replace(what=value), ())

    def accumulate(self, total, k, value):
        how, dtype = self.kernel.steps[k].what[0], self.kernel.steps[k].dtype
        call = f"{self.use(f'combine_{how}')}({total}, {value})"
        self.put(f"{total} = {call}" if dtype == "bool" else f"{total} = {self.use(dtype)}({call})")

    def finished(self, k, text):
        """A reduction's result: a mean's sum is divided by its count."""
        step = self.kernel.steps[k]
        if step.what[2] is None:
            return text
        real = step.dtype.replace("complex64", "float32").replace("complex128", "float64")
        return f"{text} / {self.use(real)}({self.once(f'count{k}', step.what[2])})"

    def store_terminal(self, k, value, worker):
        """Store a terminal's result, which `value` is the text of."""
        self.names[k] = value if self.parts else self.finished(k, value)
        self.store(k, worker)
