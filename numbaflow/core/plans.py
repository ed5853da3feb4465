"""Plans: what the tape keeps of one op and how gradients go back through it.

A plan is made once for an op and a set of traced inputs.  Its functions are written out as source, because
they run once for every op on a tape.
"""
import functools

import numpy as np

from numbaflow.kernels.elementwise import LARGE, Elementwise

from . import dtypes, fuse, table
from .accumulate import accumulate, accumulate_one
from .callbacks import watching
from .device import guard
from .indexed_slices import IndexedSlices
from .tensor import Tensor


class Plan:
    """The backward step of one op for one set of traced inputs."""

    __slots__ = ("_rules", "_saved", "backward", "chosen", "collect", "count", "keeps", "multiple", "op",
                 "plain", "run")
    partial = False             # whether it can do without the gradients of some outputs

    def __init__(self, op, mask):
        traced = [name for k, name in enumerate(op.inputs) if mask >> k & 1]
        self.op, self.multiple = op, op.outputs is not None
        self._rules = op.rules_for(traced)              # (rule, its argument names, the inputs it serves)
        served = [x for _, _, targets in self._rules for x in targets]
        self.count = len(served)
        order = [traced.index(x) for x in served]
        self.chosen = None if order == list(range(len(traced))) else order
        self.plain = self.count > 0 and self.chosen is None and not self.multiple
        self._saved = list(dict.fromkeys(a for _, names, _ in self._rules for a in names if a != "g"))
        kept = "".join(f"{op.saved_expression(a)}, " for a in self._saved)
        self.collect = eval(f"lambda i, o, a: ({kept})")
        self.keeps = bool(self._saved)
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
        return functools.partial(_conjugated, scope["run"]) if self.op.holomorphic else scope["run"]

    def _first_backward(self, g, saved, nodes, grads):
        """Fuse what can be fused, then go on with that."""
        if watching():
            return self._run_and_add(g, saved, nodes, grads)
        self.backward = self._write_backward()
        self.backward(g, saved, nodes, grads)

    def _run_and_add(self, g, saved, nodes, grads):
        accumulate(grads, nodes, self.run(g, saved))

    def _write_backward(self):
        """backward(g, saved, nodes, grads): rules that are scalar code as a kernel each, the rest on tensors.

        A gradient that is there already is added in the same kernel.
        """
        kernels = [self._fused(rule, names, targets) for rule, names, targets in self._rules]
        if self.multiple or all(k is None for k in kernels):
            return self._run_and_add
        used = {a for k, (_, names, _) in zip(kernels, self._rules, strict=True) if isinstance(k, Elementwise)
                for a in names if a != "g"}
        lines = ["def backward(g, _s, _nodes, _grads):", *self._unpack(), "    _g = g._data; _d = g._dtype"]
        tests = ["type(g) is not _Tensor", "_d is not _F32 and _d is not _F64"]
        tests += [f"{a}._dtype is not _d" for a in used if self.op.letter(a) == "x"]
        lines += [f"    if {' or '.join(tests)}:", "        return _general(g, _s, _nodes, _grads)"]
        scope = {"_general": self._run_and_add, "_add": accumulate_one, "_Tensor": Tensor,
                 "_new": object.__new__, "_ndarray": np.ndarray, "_array": np.array,
                 "_F32": dtypes.FLOAT32, "_F64": dtypes.FLOAT64}
        guard(scope, "_new", op=f"gradient of {self.op.name}")
        at = 0
        for k, (kernel, (rule, names, targets)) in enumerate(zip(kernels, self._rules, strict=True)):
            scope[f"_rule{k}"] = rule
            if isinstance(kernel, Elementwise):
                lines += self._kernel_lines(k, at, rule, names, targets[0], kernel, scope)
            else:
                found = kernel if isinstance(kernel, str) else f"_rule{k}({', '.join(names)})"
                lines += [f"    _more = {found}"]
                for j in range(len(targets)):
                    part = f"_more[{j}]" if len(targets) > 1 else "_more"
                    lines += [f"    _add(_grads, _nodes[{at + j}], {part})"]
            at += len(targets)
        exec("\n".join(lines), scope)
        return scope["backward"]

    def _kernel_lines(self, k, at, rule, names, target, kernel, scope):
        arrays = ["_g" if a == "g" else f"{a}._data" for a in names]
        letters = [self.op.letter(a) for a in names]
        adding = fuse.fuse(rule, names, letters, f"{kernel.name}_added", table.OPS["add"])
        scope[f"_k{k}"], scope[f"_a{k}"] = kernel, adding
        kernel.bind_float32(scope, f"_k{k}f")
        adding.bind_float32(scope, f"_a{k}f")
        return [f"    _n = _nodes[{at}]; _h = _grads.get(_n)",
                "    if _h is None:",
                *_launch_lines(f"_k{k}", arrays),
                "        if _z.shape == _n.shape: _grads[_n] = _t",
                "        else: _add(_grads, _n, _t)",
                "    elif type(_h) is _Tensor and _h._dtype is _d and _n.shape == _g.shape:",
                *_launch_lines(f"_a{k}", [*arrays, "_h._data"]),
                "        _grads[_n] = _t",
                "    else:",
                *_launch_lines(f"_k{k}", arrays),
                "        _add(_grads, _n, _t)"]

    def _fused(self, rule, names, targets):
        letters = [self.op.letter(a) for a in names]
        if len(targets) > 1 or None in letters:
            return None
        return fuse.fuse(rule, names, letters, f"{self.op.name}_{targets[0]}_rule")


# A ufunc gives a scalar for 0-d operands unless told not to; NumPy knows how to be told since 2.3.
KEEP = ", out=..." if np.lib.NumpyVersion(np.__version__) >= "2.3.0" else ""
BACK = [] if KEEP else ["            if type(_z) is not _ndarray: _z = _array(_z)"]


def _launch_lines(kernel, arrays):
    sizes, operands = " + ".join(f"{a}.size" for a in arrays), ", ".join(arrays)
    return [f"        if {sizes} < {LARGE}:",
            f"            _z = {kernel}f({operands}{KEEP}) if _d is _F32 else {kernel}[_d]({operands}{KEEP})",
            *BACK,
            "        else:",
            f"            _z = {kernel}.large(_d, {operands})",
            "        _t = _new(_Tensor); _t._data = _z; _t._dtype = _d; _t._node = None"]


def _conjugated(run, g, saved):
    """A rule g * f'(x) gives the gradient conj(f'(x)) * g for complex values."""
    if isinstance(g, Tensor) and (g._dtype is dtypes.FLOAT32 or g._dtype not in dtypes.COMPLEXES):
        return run(g, saved)
    return _conj(run(_conj(g), saved))


def _conj(g):
    """The conjugate of a gradient, or of each in a tuple or list; what is real stays as it is."""
    if isinstance(g, (tuple, list)):
        return type(g)([_conj(each) for each in g])
    if isinstance(g, IndexedSlices):
        return IndexedSlices(_conj(g.values), g.indices, g.dense_shape)
    return g if g is None or g._data.dtype not in dtypes.COMPLEXES else table.face("conj")(g)
