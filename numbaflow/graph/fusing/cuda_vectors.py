"""The text of a fused kernel of all elements for a GPU that reads and writes vectors of 16 bytes.

A vector lies along the last loop.  Operands that do not step along it have one element for all of a vector.
"""
import numpy as np

from numbaflow.graph.fusing.cuda_source import is_unrolled
from numbaflow.graph.fusing.cuda_text import Text
from numbaflow.kernels.cuda import vectors

_COPIES = "abcdefghijklmnop"    # end the names of the values of a vector's elements


class Vectors(Text):
    """All elements, a vector of neighbours by one thread."""

    def write(self):
        kernel, passes = self.kernel, self.passes
        lanes = vector_lanes(kernel, passes, self.outer)
        self.use("load", vectors.load)
        self.use("store", vectors.store)
        for k, step in enumerate(kernel.steps):
            if not step.axes and passes.inner[k]:
                self.step(k)
        self.once("n", kernel.count(range(len(kernel.extents))))
        self.put(f"at, step, whole = cuda.grid(1), cuda.gridsize(1), n // {lanes}")
        self.put("while at < whole:")
        self.depth += 1
        self._vector(lanes)
        self.put("at += step")
        self.depth -= 1
        if len(self.outer) == 1:                # (rows of several are of whole vectors)
            self.put(f"at = whole * {lanes} + cuda.grid(1)")
            self.put("if at < n:")
            self.depth += 1
            self.decode("at", self.outer, "i")
            for k in self._needed():
                self.step(k)
            for k in self.work[0]:
                self.store(k)
            self.depth -= 1

    def _needed(self):
        return self.passes.closure(self.targets(0))

    def _vector(self, lanes):
        """The work for a vector."""
        steps, top, copies, known = self.kernel.steps, self.names, _COPIES[:lanes], []
        needed, last = self._needed(), len(self.outer) - 1
        self.decode(f"at * {lanes}", self.outer, "v")
        for place, copy in enumerate(copies):
            for d in range(last):
                self.put(f"i{d}{copy} = v{d}")
            self.put(f"i{last}{copy} = {self.use(self.unsigned)}(v{last} + {place})" if place else
                     f"i{last}{copy} = v{last}")
        for k in needed:
            if steps[k].kind == "input" and self._is_vector(steps[k].what):
                x = self.arrays[steps[k].what]
                names = ", ".join([f"{x}{copy}" for copy in copies])
                self.put(f"{names} = load({x}, {self._place(steps[k].what, lanes)}, {lanes})")
        for copy in copies:
            self.copy, self.names = copy, dict(top)
            known.append(self.names)
            for k in needed:
                self.step(k)
        self.names, self.copy = top, ""
        for i, out in enumerate(self.kernel.outputs):
            values, k = ", ".join([names[out.step] for names in known]), self.inputs + i
            self.put(f"store({self.arrays[k]}, {self._place(k, lanes)}, ({values}))")

    def at(self, k, worker=None):
        """The text of an operand's element: in a vector of an input, its name."""
        return f"{self.arrays[k]}{self.copy}" if self.copy and self._is_vector(k) else super().at(k, worker)

    def _is_vector(self, k):
        return self.outer[-1].strides[k] == 1

    def _place(self, k, lanes):
        """Where a vector of an operand begins."""
        return f"v{len(self.outer) - 1}" if self.outer[0].strides[k] in (0, 1) else f"at * {lanes}"


def vector_lanes(kernel, passes, loops):
    """The elements of a vector of arrays that begin where vectors do, 0 where elements go one by one.

    Totals of all are added up in one order, wherever arrays begin, so they are not taken by vectors.
    """
    if passes.terminals or not loops or not is_unrolled(passes, loops):
        return 0
    dtypes, last = [o.dtype for o in (*kernel.inputs, *kernel.outputs)], loops[-1]
    along = [k for k in range(len(dtypes)) if last.strides[k]]
    contiguous = all(last.strides[k] == 1 and all(loop.strides[k] in (0, last.extent) for loop in loops[:-1])
                     for k in along)
    written = range(len(kernel.inputs), len(dtypes))
    if not contiguous or not along or any(0 in [loop.strides[k] for loop in loops] for k in written):
        return 0
    lanes = vectors.lanes_of(max([np.dtype(dtypes[k]).itemsize for k in along]))
    return lanes if len(loops) == 1 or last.extent % lanes == 0 else 0
