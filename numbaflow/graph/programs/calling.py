"""The Python of one call of a program, written out as source: it is most of what a small program costs.

It takes the arrays of arguments, makes those of results, locks the variables that are assigned, runs, and
wraps.  A variable's memory is written in place where nothing else holds it, after a copy where something
does, and where the program calls Python, which may take hold of it, the new values come in at the end.
"""
import sys

import numpy as np

from numbaflow.core.tensor import Tensor, wrap
from numbaflow.core.variable import ALONE
from numbaflow.graph.programs.lower import HostCall
from numbaflow.kernels.memory import LARGE, empty


def write_call(program):
    """The function of argument tensors, and of what is fed, that runs a program and gives its results."""
    writer = _Writer(program)
    exec(writer.source(), writer.scope)
    return writer.scope["call"]


class _Writer:
    """The lines of a call and the names they use: a arrays, v variables, o result arrays, r results."""

    def __init__(self, program):
        self.program = program
        self.scope = {"_new": object.__new__, "_Tensor": Tensor, "_wrap": wrap, "_empty": np.empty,
                      "_pooled": empty, "_contiguous": np.ascontiguousarray, "_refs": sys.getrefcount,
                      "_states": program.states, "_make": program.new_state, "_steps": program.steps,
                      "_fail": program.fail}
        self.first = program.arguments          # the number of the first input that is a variable's value
        assigned = {id(v) for v in program.assigned}
        written = [k for k, v in enumerate(program.reads) if id(v) in assigned]
        self.read = [k for k in range(len(program.reads)) if k not in written]
        self.locked = sorted(written, key=lambda k: program.reads[k]._id)       # all lock in one order
        self.aside = any(type(s) is HostCall and s.node.has_effect for s in program.segments)
        self.scope |= {f"v{k}": v for k, v in enumerate(program.reads)}

    def source(self):
        """The text."""
        program = self.program
        results, wrapping = self._results()
        operands = [f"a{k}" for k in range(program.inputs)]
        operands += [f"o{k}" for k in range(len(program.outputs))]
        lines = ["def call(given):", *self._arguments(), *self._result_arrays(),
                 "    try: state = _states.pop()", "    except IndexError: state = _make()", *self._lock(),
                 "    try:", *["        " + line for line in [*self._variables(), *self._run(operands),
                                                              *self._new_values()]],
                 "    finally:", *self._unlock(), "        _states.append(state)",
                 *wrapping, f"    return [{', '.join(results)}]"]
        return "\n".join(lines)

    def _given(self, k):
        """The place among what is given of input k, which is no variable's value."""
        return k if k < self.first else k - len(self.program.reads)

    def _arguments(self):
        variables = range(self.first, self.first + len(self.program.reads))
        lines = []
        for k in range(self.program.inputs):
            if k not in variables:
                lines += [f"    a{k} = given[{self._given(k)}]._data",
                          f"    if not a{k}.flags.c_contiguous: a{k} = _contiguous(a{k})"]
        return lines

    def _result_arrays(self):
        lines = []
        for k, (root, shape, dtype) in enumerate(self.program.outputs):
            self.scope[f"s{k}"], self.scope[f"t{k}"] = shape, dtype
            lines.append(f"    o{k} = {'_pooled' if root.array.nbytes >= LARGE else '_empty'}(s{k}, t{k})")
        return lines

    # ---- variables
    def _lock(self):
        writing = "" if self.aside else "; v{0}._writing = True"
        return [("    v{0}._lock.acquire()" + writing).format(k) for k in self.locked]

    def _unlock(self):
        writing = "" if self.aside else "v{0}._writing = False; "
        return [("        " + writing + "v{0}._lock.release()").format(k) for k in reversed(self.locked)]

    def _variables(self):
        lines = [f"a{self.first + k} = v{k}._array()" for k in self.read]
        for k in self.locked:
            if self.aside:
                lines.append(f"a{self.first + k} = v{k}._data.copy()")
            else:
                lines += [f"if _refs(v{k}._data) > {ALONE}: v{k}._data = v{k}._data.copy()",
                          f"a{self.first + k} = v{k}._data"]
        return lines

    def _new_values(self):
        return [f"v{k}._data = a{self.first + k}" for k in self.locked] if self.aside else []

    # ---- running and results
    def _run(self, operands):
        arrays = f"({', '.join(operands)}{',' if operands else ''})"
        if not self.program.native:
            return [f"roots = _steps(state, {arrays})"]
        return [f"failed = state.run({', '.join(operands)})",
                f"if failed is not None: _fail(state, failed, {arrays})"]

    def _results(self):
        """The expressions of the results, and the lines that wrap them."""
        names, lines = [], []
        for k, (kind, what) in enumerate(self.program.result_plan):
            if kind == "given":
                names.append(f"given[{self._given(what)}]")
                continue
            names.append(f"r{k}")
            if kind == "constant":
                self.scope[f"r{k}"] = what
            elif kind == "output":
                lines.append(f"    r{k} = _new(_Tensor); r{k}._data = o{what}; r{k}._dtype = t{what}; "
                             f"r{k}._node = None")
            else:
                self.scope[f"h{k}"] = what
                lines.append(f"    r{k} = _wrap(h{k}.real(roots[h{k}.root]))")
        return names, lines
