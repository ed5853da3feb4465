"""Plans: what the tape keeps of one op and how gradients go back through it.

A plan is made once for an op and a set of traced inputs.  Its functions are written out as source, because they run
once for every op on a tape.
"""
import functools

import numpy as np

from numbaflow.kernels.elementwise import LARGE, Elementwise

from . import dtypes, fuse, table
from .indexed_slices import IndexedSlices
from .tensor import Tensor


class Plan:
    """The backward step of one op for one set of traced inputs."""

    __slots__ = ("_fusible", "_rules", "_saved", "backward", "chosen", "collect", "count", "holomorphic", "multiple",
                 "op", "run")

    def __init__(self, op, mask):
        traced = [name for k, name in enumerate(op.inputs) if mask >> k & 1]
        self.op, self.multiple, self.holomorphic = op, op.outputs is not None, op.holomorphic
        self._rules = op.rules_for(traced)              # (rule, its argument names, the inputs it serves)
        served = [x for _, _, targets in self._rules for x in targets]
        self.count = len(served)
        order = [traced.index(x) for x in served]
        self.chosen = None if order == list(range(len(traced))) else order
        self._saved = list(dict.fromkeys(a for _, names, _ in self._rules for a in names if a != "g"))
        self.collect = eval(f"lambda i, o, a: ({''.join(op.saved_expression(a) + ', ' for a in self._saved)})")
        self.run = self._write_run()
        self.backward = self._first_backward

    def _unpack(self):
        return [f"    {', '.join(self._saved)}, = _s"] if self._saved else []

    def _write_run(self):
        """run(g, saved): the rules as they stand, on tensors."""
        lines, results, scope = ["def run(g, _s):", *self._unpack()], [], {}
        for k, (rule, names, targets) in enumerate(self._rules):
            scope[f"_rule{k}"] = rule
            out = [f"_d{k}_{j}" for j in range(len(targets))]
            lines.append(f"    {', '.join(out)}{',' if len(out) > 1 else ''} = _rule{k}({', '.join(names)})")
            results += out
        exec("\n".join([*lines, f"    return ({''.join(r + ', ' for r in results)})"]), scope)
        if not self.holomorphic:
            return scope["run"]
        return functools.partial(_conjugated, scope["run"])

    def _first_backward(self, g, saved):
        """Fuse what can be fused, then go on with that."""
        self.backward = self._write_backward()
        return self.backward(g, saved)

    def _write_backward(self):
        """backward(g, saved): rules that are scalar code as one kernel each, the rest on tensors."""
        kernels = [self._fused(rule, names, targets) for rule, names, targets in self._rules]
        if self.multiple or not any(isinstance(k, Elementwise) for k in kernels):
            return self.run
        used = {a for k, (_, names, _) in zip(kernels, self._rules, strict=True) if isinstance(k, Elementwise)
                for a in names if a != "g"}
        lines = ["def backward(g, _s):", *self._unpack(), "    _g = g._data; _d = g._dtype"]
        tests = ["_d is not _F32 and _d is not _F64"]
        tests += [f"{a}._dtype is not _d" for a in used if self.op.letter(a) == "x"]
        lines += [f"    if {' or '.join(tests)}:", "        return _run(g, _s)"]
        scope = {"_run": self.run, "_Tensor": Tensor, "_new": object.__new__, "_ndarray": np.ndarray,
                 "_array": np.array, "_F32": dtypes.FLOAT32, "_F64": dtypes.FLOAT64}
        results = []
        for k, (kernel, (rule, names, _)) in enumerate(zip(kernels, self._rules, strict=True)):
            if isinstance(kernel, str):
                results.append(kernel)
                continue
            results.append(f"_t{k}")
            scope[f"_k{k}"], scope[f"_rule{k}"] = kernel, rule
            if kernel is None:
                lines.append(f"    _t{k} = _rule{k}({', '.join(names)})")
            else:
                kernel.bind_float32(scope, f"_k{k}f")
                lines += _launch_lines(f"_k{k}", ["_g" if a == "g" else f"{a}._data" for a in names], f"_t{k}")
        lines.append(f"    return ({''.join(r + ', ' for r in results)})")
        exec("\n".join(lines), scope)
        return scope["backward"]

    def _fused(self, rule, names, targets):
        letters = [self.op.letter(a) for a in names]
        if len(targets) > 1 or None in letters:
            return None
        return fuse.fuse(rule, names, letters, f"{self.op.name}_{targets[0]}_rule")


# A ufunc gives a scalar for 0-d operands unless told not to; NumPy knows how to be told since 2.3.
KEEP = ", out=..." if np.lib.NumpyVersion(np.__version__) >= "2.3.0" else ""
BACK = [] if KEEP else ["            if type(_z) is not _ndarray: _z = _array(_z)"]


def _launch_lines(kernel, arrays, result):
    sizes = " + ".join(f"{a}.size" for a in arrays)
    operands = ", ".join(arrays)
    return [f"    if {sizes} < {LARGE}:",
            f"            _z = {kernel}f({operands}{KEEP}) if _d is _F32 else {kernel}[_d]({operands}{KEEP})", *BACK,
            "    else:",
            f"        _z = {kernel}.large(_d, {operands})",
            f"    {result} = _new(_Tensor); {result}._data = _z; {result}._dtype = _d; {result}._node = None"]


def _conjugated(run, g, saved):
    """A rule g * f'(x) gives the gradient conj(f'(x)) * g for complex values."""
    if type(g) is Tensor and g._data.dtype not in dtypes.COMPLEXES:
        return run(g, saved)
    return _conj(run(_conj(g), saved))


def _conj(g):
    """The conjugate of a gradient, or of each in a tuple or list; what is real stays as it is."""
    if isinstance(g, (tuple, list)):
        return type(g)([_conj(each) for each in g])
    if isinstance(g, IndexedSlices):
        return IndexedSlices(_conj(g.values), g.indices, g.dense_shape)
    return g if g is None or g._data.dtype not in dtypes.COMPLEXES else table.face("conj")(g)
