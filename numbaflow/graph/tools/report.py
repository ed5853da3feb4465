"""What a compiled function is made of: its kernels and instructions, where its time and its memory go."""
import statistics
import time
from math import prod
from typing import Any, NamedTuple

import numpy as np

from numbaflow.core.device_variable import array_of
from numbaflow.core.errors import UnimplementedError
from numbaflow.core.tensor import wrap
from numbaflow.graph.programs.lower import HostCall, Ref
from numbaflow.graph.programs.storage import ALIGN
from numbaflow.graph.tools.text import place_text
from numbaflow.kernels import builds, instructions as native

REPEAT = 20                     # of a profile's calls


def table(heads, rows):
    """Rows of cells as aligned text: numbers to the right."""
    texts = [list(map(_cell, row)) for row in rows]
    widths = [max(map(len, column)) for column in zip(heads, *texts, strict=True)]
    right = [bool(rows) and all(isinstance(row[k], (int, float)) for row in rows) for k in range(len(heads))]
    lines = [[t.rjust(w) if r else t.ljust(w) for t, w, r in zip(row, widths, right, strict=True)]
             for row in [list(heads), ["-" * w for w in widths], *texts]]
    return "\n".join(["  ".join(line).rstrip() for line in lines])


def _cell(x):
    return f"{x:.2f}" if isinstance(x, float) else str(x)


# ---- kernels and instructions
class Kernel(NamedTuple):
    """A kernel of a program.  `seconds` is how long this process waited for it, None if unknown."""

    name: str
    uses: int
    seconds: float | None
    cached: bool | None
    source: str | None


class Step(NamedTuple):
    """An instruction, or a call of the host between instructions (`host`).

    Args:
        reads, writes: the memory it touches: an argument, a variable, a result, a constant, a stretch of
            temporary memory.
        extent: of its outer loop.
        threads: how many share that at most.
        bytes: what it reads and writes at most, each byte counted once.
        where: the user's line.
    """

    name: str
    host: bool
    reads: tuple
    writes: tuple
    extent: int
    threads: int
    bytes: int
    where: str


class Lowered:
    """A compiled function to look into: `kernels`, `steps` in the order they run, `host_calls` among them."""

    def __init__(self, concrete):
        self.name, program = concrete.name, concrete.program
        self.kernels = _kernels(program)
        self.steps = [_step(program, k, step) for k, step in enumerate(program.code)]
        self.host_calls = [s for s in self.steps if s.host]

    def __str__(self):
        kernels = [(k.name, k.uses, "?" if k.seconds is None else f"{1e3 * k.seconds:.1f}",
                    {True: "cache", False: "compiled", None: "?"}[k.cached]) for k in self.kernels]
        steps = [(k, f"{s.name} (host)" if s.host else s.name, s.extent, s.threads, ", ".join(s.reads),
                  ", ".join(s.writes), s.where) for k, s in enumerate(self.steps)]
        return "\n".join([
            f"{self.name}: {len(self.steps)} steps, {len(self.host_calls)} of them calls of the host", "",
            table(("kernel", "uses", "ms", "from"), kernels), "",
            table(("", "step", "extent", "threads", "reads", "writes", "where"), steps)])

    __repr__ = __str__


def _kernels(program):
    found = {}
    for step in program.code:
        if type(step) is not HostCall:
            found.setdefault(step.function.address, []).append(step)
    return [_kernel(steps[0], len(steps)) for steps in found.values()]


def _kernel(step, uses):
    build = builds.of(step.function.address)
    if build is None:
        return Kernel(kernel_name(step), uses, None, None, step.source)
    return Kernel(kernel_name(step), uses, build.seconds, build.cached, step.source or build.source)


def kernel_name(step):
    """The name of an instruction's kernel."""
    build = builds.of(step.function.address)
    name = build.name if build is not None else getattr(step.function, "__name__", "?")
    return name.lstrip("_")


def _step(program, k, step):
    where = place_text(step.node.where) if step.node is not None else ""
    if type(step) is HostCall:
        reads, writes = [x.root for x in step.inputs], step.outputs
        moved = sum(x.array.nbytes for x in step.inputs) + sum(r.array.nbytes for r in writes)
        name, reads, writes = step.node.op.name, _named(program, reads), _named(program, writes)
        return Step(name, True, reads, writes, 1, 1, moved, where)
    refs = [a for a in step.args if type(a) is Ref]
    written = _written(program, k, step, refs)
    given = _lie_in(program, step.node.inputs) if step.node is not None else ()
    reads = [a.root for a in refs if a.root not in written or a.root in given]
    return Step(kernel_name(step), False, _named(program, reads), _named(program, written), step.extent,
                step.threads, _bytes(step, refs), where)


def _written(program, k, step, refs):
    """The roots that an instruction writes."""
    if step.function in (native.copy(), native.move(), native.zero()):
        return [refs[-1].root]
    own = _lie_in(program, step.node.outputs) if step.node is not None else ()
    return [root for root in dict.fromkeys(a.root for a in refs)
            if root in own or (root.kind in ("temporary", "output") and root.first == k)]


def _lie_in(program, values):
    """The roots of values; a check stands for a node that is no longer there."""
    return {program.layouts[v].root for v in values if v in program.layouts}


def _bytes(step, refs):
    """At most what is touched of each root: no more than the node's largest value."""
    if step.function is native.move():
        return 2 * step.args[2]
    if step.function is native.copy():
        return 2 * step.args[2] * prod(step.args[4:4 + step.args[3]])
    if step.function is native.zero():
        return step.args[1]
    values = [] if step.node is None else [*step.node.inputs, *step.node.outputs]
    most = max([v.nbytes for v in values], default=1 << 62)
    return sum(min(root.array.nbytes, most) for root in {a.root for a in refs})


def _named(program, roots):
    return tuple([_name(program, root) for root in dict.fromkeys(roots)])


def _name(program, root):
    if root.kind == "variable":
        return root.variable.name
    if root.kind == "input":
        return program.graph.inputs[root.number].node.attributes.get("name") or f"input {root.number}"
    if root.kind == "output":
        return f"result {root.number}"
    return f"temporary +{root.offset}" if root.kind == "temporary" else root.kind


# ---- time
class Profile:
    """Where a call's time goes: `rows` of (step, microseconds, share), `call` and `overhead` in us.

    A call's overhead is what it takes beyond its steps.
    """

    def __init__(self, name, steps, micros, call):
        self.name, self.call, self.overhead = name, call, call - sum(micros)
        whole = max(sum(micros), 1e-9)
        self.rows = [(step, us, us / whole) for step, us in zip(steps, micros, strict=True)]

    def __str__(self):
        rows = [(k, f"{s.name} (host)" if s.host else s.name, us, 100 * share, s.bytes,
                 s.bytes / 1e3 / us if us > 0.01 else 0.0, s.threads, s.where)
                for k, (s, us, share) in enumerate(self.rows)]
        return "\n".join([
            f"{self.name}: a call takes {self.call:.2f} us, {self.overhead:.2f} us of them beyond its steps",
            table(("", "step", "us", "%", "bytes", "GB/s", "threads", "where"), rows)])

    __repr__ = __str__


def profile(concrete, tensors, repeat=REPEAT, call=None):
    """A Profile, by medians over `repeat` calls; variables keep their values.

    `call` is a function without arguments that is the whole call, `concrete.program(tensors)` by itself.
    """
    if repeat < 1:
        raise ValueError(f"profile: repeat={repeat}, expected 1 or more")
    program = concrete.program
    if concrete.program_for(tensors) is not program:
        raise UnimplementedError(f"profile: {concrete.name} runs on a GPU or op by op; only what is compiled "
                                 "for the CPU is taken apart")
    steps = Lowered(concrete).steps
    given = [t._data for t in (*tensors, *[wrap(f()) for f in concrete.feeds])]
    given[len(tensors):len(tensors)] = [array_of(v).copy() for v in concrete.reads]
    runs = _Steps(program, [np.ascontiguousarray(a).reshape(a.shape) for a in given])
    runs.times()
    samples = [runs.times() for _ in range(repeat)]
    micros = [statistics.median(column) for column in zip(*samples, strict=True)]
    saved = [(v, array_of(v).copy()) for v in concrete.assigned]
    try:
        whole = _median(call or (lambda: program(tensors)), repeat)
    finally:
        for v, array in saved:
            v.assign(wrap(array))
    return Profile(concrete.name, steps, micros, whole)


def _median(function, repeat):
    samples = []
    for _ in range(repeat + 1):
        began = time.perf_counter()
        function()
        samples.append(1e6 * (time.perf_counter() - began))
    return statistics.median(samples[1:])


class _Steps:
    """A program run step by step on arrays of its own."""

    def __init__(self, program, inputs):
        self._program, self._ready = program, program.new_state()
        self._arrays = [*inputs, *[np.empty(shape, dtype) for _, shape, dtype in program.outputs]]
        self._ready.state.bind(*self._arrays)
        self._empty = min(self._row(0, 0) for _ in range(20))

    def _row(self, lo, hi):
        began = time.perf_counter()
        failed = self._ready.state.run_rows(lo, hi)
        took = 1e6 * (time.perf_counter() - began)
        if failed is not None:
            self._program.fail(self._ready, failed, tuple(self._arrays))
        return took

    def times(self):
        """Microseconds of each step; those of a native one are less what it costs to enter."""
        program, ready, row, found = self._program, self._ready, 0, []
        roots: dict[Any, Any] = dict(zip(program.assembly.bound, self._arrays, strict=True))
        for step in program.code:
            if type(step) is not HostCall:
                found.append(max(self._row(row, row + 1) - self._empty, 0.0))
                row += 1
                continue
            began = time.perf_counter()
            program.host_step(step, ready, roots)
            found.append(1e6 * (time.perf_counter() - began))
        return found


# ---- memory
class Memory(NamedTuple):
    """Bytes of a call.

    Args:
        temporaries: the stretch of memory that temporary values share.
        without_reuse: what they would take side by side.
        results: allocated at each call and given to the caller.
        host: allocated at each call by calls of the host.
        constants, variables: kept.
        in_place: names of the variables that are updated where they lie.
        copied: of those that are computed elsewhere, and copied.
    """

    temporaries: int
    without_reuse: int
    results: int
    host: int
    constants: int
    variables: int
    in_place: tuple
    copied: tuple

    def __str__(self):
        rows = [(name.replace("_", " "), n) for name, n in self._asdict().items() if isinstance(n, int)]
        return "\n".join([table(("", "bytes"), rows),
                          f"updated in place: {', '.join(self.in_place) or 'nothing'}",
                          f"copied: {', '.join(self.copied) or 'nothing'}"])


def memory(concrete):
    """The Memory of a function."""
    program = concrete.program
    roots = dict.fromkeys(root for step in program.code for root in step.roots())
    roots.update({x.root: None for x in program.layouts.values() if x.root.kind == "constant"})

    def size(kind, unit=1):
        return sum(-(-root.array.nbytes // unit) * unit for root in roots if root.kind == kind)
    copied = {step.args[1].root for step in program.code
              if type(step) is not HostCall and step.function in (native.copy(), native.move())}
    moved = {id(root.variable) for root in copied if root.kind == "variable"}
    names = [[v.name for v in concrete.assigned if (id(v) in moved) is wanted] for wanted in (False, True)]
    return Memory(program.temporary_bytes, size("temporary", ALIGN), size("output"), size("host"),
                  size("constant"), sum(v._data.nbytes for v in concrete.reads),
                  *map(tuple, names))
