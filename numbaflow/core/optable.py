"""Declaring an op: its face, its launch or scalar body, its gradient rules, its reference and samples, in one place.

`@elementwise(body, ...)` and `@op(...)` read a declaration and write the public function: plain Python without
*args, because an eager op costs what its Python costs.  A face converts, runs the kernel, wraps, and records when a
tape listens; all of it is made in `_face_source`.
"""
import functools
import inspect
import itertools
import linecache
from dataclasses import dataclass, field
from types import FunctionType

import numpy as np

from numbaflow.kernels.elementwise import LARGE, Elementwise

from . import dtypes, fuse, table
from .errors import InvalidArgumentError, OpError
from .tape import record
from .tensor import Operators, Tensor, as_tensor, scalar_tensor

_SCALARS = (bool, int, float, complex)


@dataclass(frozen=True)
class Sample:
    """Arguments that an op is tested and timed with.

    Array arguments are given as values or as makers called with a random generator and a dtype; `dtypes` says in
    which dtypes the floats among them are tried; `grad=False` keeps a sample at a kink out of gradient checks.
    """

    args: tuple
    kwargs: dict = field(default_factory=dict)
    dtypes: tuple = ("float32", "float64")
    grad: bool = True
    rtol: float | None = None

    def __init__(self, *args, dtypes=("float32", "float64"), grad=True, rtol=None, **kwargs):
        for name, value in {"args": args, "kwargs": kwargs, "dtypes": dtypes, "grad": grad, "rtol": rtol}.items():
            object.__setattr__(self, name, value)

    def make(self, seed=0, dtype="float64"):
        """The concrete (args, kwargs)."""
        rng = np.random.default_rng(seed)
        return (tuple(_made(a, rng, dtype) for a in self.args),
                {k: _made(v, rng, dtype) for k, v in self.kwargs.items()})


@dataclass(frozen=True)
class Maker:
    """Makes one random array of a sample."""

    make: object

    def __call__(self, rng, dtype):
        return self.make(rng, dtype)


def _made(value, rng, dtype):
    if isinstance(value, Maker):
        return value(rng, dtype)
    if isinstance(value, list) and any(isinstance(v, Maker) for v in value):
        return [_made(v, rng, dtype) for v in value]
    return value


def _cast(array, dtype):
    return np.asarray(array).astype(dtype)


def normal(*shape, scale=1.0):
    """Standard normal values times scale, in the sample's dtype."""
    return Maker(lambda rng, dtype: _cast(rng.standard_normal(shape) * scale, dtype))


def uniform(*shape, low=0.0, high=1.0):
    """Uniform values, in the sample's dtype."""
    return Maker(lambda rng, dtype: _cast(rng.uniform(low, high, shape), dtype))


def integers(*shape, low=0, high=10, dtype="int64"):
    """Random integers of one dtype."""
    return Maker(lambda rng, _: rng.integers(low, high, shape).astype(dtype))


def bools(*shape):
    """Random truth values."""
    return Maker(lambda rng, _: rng.integers(0, 2, shape).astype(bool))


def distinct(*shape):
    """Values at least 0.1 apart in random order: no ties for max, sort and the like."""
    return Maker(lambda rng, dtype: _cast((rng.permutation(int(np.prod(shape))).reshape(shape) - 3) * 0.1 + 0.05, dtype))


def positive_definite(*shape):
    """Symmetric positive definite matrices, well conditioned."""
    def make(rng, dtype):
        a = rng.standard_normal(shape)
        return _cast(a @ np.swapaxes(a, -1, -2) + shape[-1] * np.eye(shape[-1]), dtype)
    return Maker(make)


def given(values):
    """These values, in the sample's dtype."""
    return Maker(lambda rng, dtype: _cast(values, dtype))


# ---- plans: what the tape keeps and how it goes back
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
        return [f"    {', '.join(self._saved)}, = s"] if self._saved else []

    def _write_run(self):
        """run(g, saved): the rules as they stand, on tensors."""
        lines, results, scope = ["def run(g, s):", *self._unpack()], [], {}
        for k, (rule, names, targets) in enumerate(self._rules):
            scope[f"rule{k}"] = rule
            out = [f"d{k}_{j}" for j in range(len(targets))]
            lines.append(f"    {', '.join(out)}{',' if len(out) > 1 else ''} = rule{k}({', '.join(names)})")
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
        lines = ["def backward(g, s):", *self._unpack(), "    gd = g._data; d = gd.dtype"]
        tests = ["d is not F32 and d is not F64"]
        tests += [f"{a}._data.dtype is not d" for a in used if self.op.letter(a) == "x"]
        lines += [f"    if {' or '.join(tests)}:", "        return run(g, s)"]
        scope = {"run": self.run, "Tensor": Tensor, "new": object.__new__, "ndarray": np.ndarray, "array": np.array,
                 "F32": dtypes.FLOAT32, "F64": dtypes.FLOAT64}
        results = []
        for k, (kernel, (rule, names, _)) in enumerate(zip(kernels, self._rules, strict=True)):
            if isinstance(kernel, str):
                results.append(kernel)
                continue
            results.append(f"t{k}")
            scope[f"k{k}"], scope[f"rule{k}"] = kernel, rule
            if kernel is None:
                lines.append(f"    t{k} = rule{k}({', '.join(names)})")
            else:
                lines += _launch_lines(f"k{k}", ["gd" if a == "g" else f"{a}._data" for a in names], f"t{k}")
        lines.append(f"    return ({''.join(r + ', ' for r in results)})")
        exec("\n".join(lines), scope)
        return scope["backward"]

    def _fused(self, rule, names, targets):
        letters = [self.op.letter(a) for a in names]
        if len(targets) > 1 or None in letters:
            return None
        return fuse.fuse(rule, names, letters, f"{self.op.name}_{targets[0]}_rule")


# A ufunc gives a scalar for 0-d operands unless told not to; NumPy knows how to be told since 2.3.
_KEEP = ", out=..." if np.lib.NumpyVersion(np.__version__) >= "2.3.0" else ""
_BACK = [] if _KEEP else ["            if type(z) is not ndarray: z = array(z)"]


def _launch_lines(kernel, arrays, result):
    sizes = " + ".join(f"{a}.size" for a in arrays)
    operands = ", ".join(arrays)
    return [f"    if {sizes} < {LARGE}:",
            f"            z = {kernel}[d]({operands}{_KEEP})", *_BACK,
            "    else:",
            f"        z = {kernel}.large(d, {operands})",
            f"    {result} = new(Tensor); {result}._data = z; {result}._node = None"]


def _conjugated(run, g, saved):
    """A rule g * f'(x) gives the gradient conj(f'(x)) * g for complex values."""
    if g._data.dtype not in dtypes.COMPLEXES:
        return run(g, saved)
    conj = table.face("conj")
    return tuple(None if d is None else conj(d) for d in run(conj(g), saved))


# ---- ops
class Op:
    """One entry of the table."""

    def __init__(self, function, *, inputs, rules, reference, samples, outputs=None, kernel=None, promote=(),
                 floats=(), operator=None, holomorphic=True, name=None, tests=None):
        self.name, self.function = name or function.__name__, function
        self.variadic = tuple(x[1:] for x in inputs if x.startswith("*"))
        self.inputs = tuple(x.lstrip("*") for x in inputs)
        parameters = inspect.signature(function).parameters
        self.attributes = tuple(p for p in parameters if p not in self.inputs and p != "name")
        self.listed = outputs is not None and outputs[0].startswith("*")
        outputs = outputs and tuple(x.lstrip("*") for x in outputs)
        self.outputs, self.kernel, self.promote, self.floats = outputs, kernel, tuple(promote), tuple(floats)
        self.reference, self.samples, self.operator, self.holomorphic = reference, list(samples), operator, holomorphic
        self.tests = tests or {}
        self.rules, self.plans = rules, {}
        self._output_names = outputs or (("z",) if "y" in self.inputs else ("y",))
        self._check(function)
        self.face = _make_face(self, function)

    def _check(self, function):
        def refuse(why):
            raise ValueError(f"op {self.name}: {why}")
        if not inspect.getdoc(function):
            refuse("a docstring is missing")
        if self.reference is None or not self.samples:
            refuse("a NumPy reference and samples are needed")
        known = {*self.inputs, *self.attributes, *self._output_names, "g",
                 *(f"{x}_{what}" for x in self.inputs for what in ("shape", "dtype"))}
        for key, rule in (self.rules or {}).items():
            for x in key if isinstance(key, tuple) else (key,):
                if x not in self.inputs:
                    refuse(f"a rule for {x!r}, which is no input; inputs are {', '.join(self.inputs)}")
            for a in inspect.signature(rule).parameters if rule is not None else ():
                if a not in known:
                    refuse(f"a rule asks for {a!r}; there are {', '.join(sorted(known))}")
        if self.rules is not None:
            said = {x for key in self.rules for x in (key if isinstance(key, tuple) else (key,))}
            if said != set(self.inputs):
                refuse(f"say a rule or None for {', '.join(sorted(set(self.inputs) - said))}")

    def rules_for(self, traced):
        """The rules that serve these inputs: (rule, its argument names, the inputs among them that it serves)."""
        found = []
        for key, rule in (self.rules or {}).items():
            targets = key if isinstance(key, tuple) else (key,)
            if rule is None or not any(x in traced for x in targets):
                continue
            names = list(inspect.signature(rule).parameters)
            wanted = [x in traced for x in targets]
            if not all(wanted):
                rule = functools.wraps(rule)(functools.partial(_some_of, rule, wanted))
            found.append((rule, names, tuple(x for x in targets if x in traced)))
        return found

    def saved_expression(self, name):
        """Python for what a rule's argument is taken from: i inputs, o output, a attributes."""
        if name in self.inputs:
            return f"i[{self.inputs.index(name)}]"
        if name in self.attributes:
            return f"a[{self.attributes.index(name)}]"
        if name in self._output_names:
            return f"o[{self.outputs.index(name)}]" if self.outputs else "o"
        x, what = name.rsplit("_", 1)
        at = f"i[{self.inputs.index(x)}]"
        return f"[t._data.{what} for t in {at}]" if x in self.variadic else f"{at}._data.{what}"

    def letter(self, name):
        """The pattern letter of a rule's argument, None for what a fused kernel can't take."""
        if name == "g" or (name in self._output_names and not self.outputs and name not in self.inputs):
            return "x"
        if name in self.inputs and self.kernel is not None:
            return {"x": "x", "?": "?"}.get(self.kernel.letter(self.inputs.index(name)))
        return "x" if name in self.inputs and name not in self.variadic else None

    def plan(self, mask):
        """The plan for the traced inputs in mask, made once."""
        made = self.plans[mask] = Plan(self, mask)
        return made

    def __repr__(self):
        return f"<op {self.name}({', '.join((*self.inputs, *self.attributes))})>"


def _some_of(rule, wanted, *args):
    """A joint rule where not all of its inputs are traced."""
    found = tuple(d for d, w in zip(rule(*args), wanted, strict=True) if w)
    return found if len(found) > 1 else found[0]


# ---- what a face does before the kernel, when its arguments are not tensors yet
def pair(op, x, y):
    """`adapt` for two inputs of a common dtype, quick where one is a Python number or a variable."""
    if type(x) is Tensor:
        kind = type(y)
        if kind is float or kind is int:
            return x, scalar_tensor(y, x._data.dtype)
        if hasattr(kind, "_read"):
            return x, y._read()
    elif type(y) is Tensor:
        kind = type(x)
        if kind is float or kind is int:
            return scalar_tensor(x, y._data.dtype), y
        if hasattr(kind, "_read"):
            return x._read(), y
    return adapt(op, (x, y))


def adapt(op, values):
    """Tensors for an op's arguments; Python numbers take the dtype of the tensor they meet."""
    partner = None
    for x, v in zip(op.inputs, values, strict=True):
        if x in op.promote and type(v) not in _SCALARS:
            partner = _dtype_of(v)
            if partner is not None:
                break
    return [_adapted(op, x, v, partner) for x, v in zip(op.inputs, values, strict=True)]


def _dtype_of(value):
    if isinstance(value, Tensor):
        return value._data.dtype
    dtype = getattr(value, "dtype", None)
    return dtypes.as_numpy(dtype) if dtype is not None else None


def _adapted(op, x, v, partner):
    if type(v) is Tensor:
        return v
    if x in op.variadic:
        return v
    try:
        if type(v) in _SCALARS:
            if x in op.promote and partner is not None:
                return scalar_tensor(v, partner)
            if type(v) is int and x in op.floats:
                v = float(v)
        return as_tensor(v)
    except (TypeError, ValueError) as error:
        raise explain(op, error, ()) from None


def adapt_list(op, values):
    """A list of tensors for a variadic input; Python numbers take the dtype of the tensors among them."""
    if isinstance(values, Tensor):
        values = list(values)
    if not isinstance(values, (list, tuple)):
        raise InvalidArgumentError(f"{op.name}: expected a list of tensors, got {type(values).__name__}")
    if not values:
        raise InvalidArgumentError(f"{op.name}: expected at least one tensor, got an empty list")
    partner = next((d for d in map(_dtype_of, values) if d is not None), None)
    out = [scalar_tensor(v, partner) if type(v) in _SCALARS and partner is not None else as_tensor(v) for v in values]
    first = out[0]._data.dtype
    if all(t._data.dtype is first for t in out):
        return out
    wanted = functools.reduce(lambda a, b: dtypes.promote(a, b, op.name), [t._data.dtype for t in out])
    return [_to(t, wanted) for t in out]


def unify(op, tensors):
    """The tensors with those that must share a dtype cast to it."""
    group = [t._data.dtype for x, t in zip(op.inputs, tensors, strict=True) if x in op.promote]
    wanted = functools.reduce(lambda a, b: dtypes.promote(a, b, op.name), group)
    return [_to(t, wanted) if x in op.promote else t for x, t in zip(op.inputs, tensors, strict=True)]


def make_float(op, tensors):
    """The tensors with integers cast to float where the op computes in floats."""
    return [_to(t, dtypes.floating(t._data.dtype)) if x in op.floats and t._data.dtype.kind in "iu" else t
            for x, t in zip(op.inputs, tensors, strict=True)]


def _to(t, dtype):
    return t if t._data.dtype == dtype else table.face("cast")(t, dtype)


def explain(op, error, inputs):
    """The error that a user sees for what a kernel raised: it names the op."""
    if isinstance(error, OpError) or op.name in str(error)[:len(op.name)]:
        return error
    shapes = [t._data.shape for t in inputs if isinstance(t, Tensor)]
    text = str(error)
    if op.kernel is not None and ("broadcast" in text or "shape mismatch" in text):
        text = f"shapes {' and '.join(map(str, shapes))} do not broadcast: Incompatible shapes"
    kind = type("InvalidArgumentError", (InvalidArgumentError, IndexError), {"__module__": InvalidArgumentError.__module__}) \
        if isinstance(error, IndexError) else InvalidArgumentError
    return kind(f"{op.name}: {text}")


# ---- faces
def _make_face(op, function):
    source, scope = _face_source(op, function)
    filename = f"<numbaflow op {op.name}>"
    linecache.cache[filename] = (len(source), None, source.splitlines(True), filename)
    exec(compile(source, filename, "exec"), scope)
    face = scope[op.name]
    face.__kwdefaults__ = function.__kwdefaults__
    face.__defaults__ = function.__defaults__
    face.__doc__, face.__module__, face.__qualname__ = function.__doc__, function.__module__, op.name
    face.op = op
    return face


def _parameters(function):
    """The parameter list with defaults that `__defaults__` then replaces."""
    parts = []
    for p in inspect.signature(function).parameters.values():
        if p.kind is p.KEYWORD_ONLY and "*" not in parts:
            parts.append("*")
        parts.append(p.name if p.default is p.empty else f"{p.name}=None")
    return ", ".join(parts)


def _face_source(op, function):
    plain = [x for x in op.inputs if x not in op.variadic]
    scope = {"Tensor": Tensor, "new": object.__new__, "ndarray": np.ndarray, "array": np.array, "record": record,
             "explain": explain, "op": op, "adapt": adapt, "adapt_list": adapt_list, "pair": pair, "unify": unify,
             "make_float": make_float, "Symbol": fuse.Symbol, "apply": fuse.apply, "kernel": op.kernel,
             "launch": _launcher(function)}
    names = ", ".join(op.inputs)
    lines = [f"def {op.name}({_parameters(function)}):"]
    if plain:
        lines.append(f"    if {' or '.join(f'type({x}) is not Tensor' for x in plain)}:")
        if op.kernel is not None:
            symbols = " or ".join(f"type({x}) is Symbol" for x in plain)
            lines += [f"        if {symbols}:", f"            return apply(op, {names})"]
        if len(op.inputs) == len(op.promote) == 2:
            lines.append(f"        {names} = pair(op, {names})")
        else:
            lines.append(f"        {names}{',' if len(op.inputs) == 1 else ''} = adapt(op, ({names},))")
    lines += [f"    {x} = adapt_list(op, {x})" for x in op.variadic]
    lines += _dtype_lines(op, names)
    lines += _kernel_lines(op) if op.kernel is not None else _function_lines(op)
    lines += _record_lines(op)
    return "\n".join(lines) + "\n", scope


def _launcher(function):
    """The declaration's own body, which is the launch on arrays."""
    return FunctionType(function.__code__, function.__globals__, function.__name__, function.__defaults__,
                        function.__closure__)


def _dtype_lines(op, names):
    lines = []
    group = [x for x in op.inputs if x in op.promote]
    if len(group) > 1:
        different = " or ".join(f"{a}._data.dtype is not {b}._data.dtype" for a, b in itertools.pairwise(group))
        lines += [f"    if {different}:", f"        {names} = unify(op, ({names}))"]
    if op.floats and op.kernel is None:
        test = " or ".join(f"{x}._data.dtype.kind in 'iu'" for x in op.floats)
        comma = "," if len(op.inputs) == 1 else ""
        lines += [f"    if {test}:", f"        {names}{comma} = make_float(op, ({names},))"]
    return lines


def _kernel_lines(op):
    key = op.inputs[op.kernel.key]
    arrays = ", ".join(f"{x}._data" for x in op.inputs)
    small = f" < {LARGE} and ".join(f"{x}._data.size" for x in op.inputs) + f" < {LARGE}"
    return ["    try:",
            f"        if {small}:",
            f"            z = kernel[{key}._data.dtype]({arrays}{_KEEP})", *_BACK,
            "        else:",
            f"            z = kernel.large({key}._data.dtype, {arrays})",
            "    except (ValueError, TypeError) as error:",
            f"        raise explain(op, error, ({', '.join(op.inputs)},)) from None",
            "    t = new(Tensor); t._data = z; t._node = None"]


def _function_lines(op):
    arrays = [f"[v._data for v in {x}]" if x in op.variadic else f"{x}._data" for x in op.inputs]
    given = dict(zip(op.inputs, arrays, strict=True)) | {a: a for a in op.attributes}
    call = ", ".join(f"{name}={text}" for name, text in given.items())
    lines = ["    try:", f"        z = launch({call})",
             "    except (ValueError, TypeError, IndexError) as error:",
             f"        raise explain(op, error, ({', '.join(op.inputs)},)) from None"]
    if op.outputs is None:
        return [*lines, "    if type(z) is not ndarray: z = array(z)",
                "    t = new(Tensor); t._data = z; t._node = None"]
    return [*lines, "    out = []", "    for v in z:",
            "        t = new(Tensor); t._data = v if type(v) is ndarray else array(v); t._node = None; out.append(t)",
            "    t = tuple(out)"]


def _record_lines(op):
    if not op.inputs:
        return ["    return t"]
    result = "list(t)" if op.listed else "t"
    traced = [f"any([v._node is not None for v in {x}])" if x in op.variadic else f"{x}._node is not None"
              for x in op.inputs]
    inputs = "".join(f"{x}, " for x in op.inputs)
    attributes = "".join(f"{a}, " for a in op.attributes)
    return [f"    if {' or '.join(traced)}:", f"        record(op, ({inputs}), t, ({attributes}))", f"    return {result}"]


# ---- the decorators
def _register(made):
    if made.name in table.OPS:
        raise ValueError(f"op {made.name}: there is one already, from {table.OPS[made.name].function.__module__}")
    table.OPS[made.name] = made
    if made.operator:
        _install_operator(made)
    return made.face


def _comparing(face):
    """== and != are asked of anything: what is no tensor is simply not equal."""
    def compare(self, other):
        if other is None or isinstance(other, str):
            return NotImplemented
        return face(self, other)
    return compare


REFLECTED = {f"__{n}__": f"__r{n}__" for n in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "and",
                                              "or", "xor", "lshift", "rshift")}


def _install_operator(made):
    """Give tensors and variables (and symbols in rules) an operator of this op."""
    face, name = made.face, made.operator
    setattr(Operators, name, _comparing(face) if name in ("__eq__", "__ne__") else face)
    if name in REFLECTED:
        setattr(Operators, REFLECTED[name], lambda self, other: face(other, self))
    if made.kernel is not None:
        fuse.install_operator(name, made, REFLECTED.get(name))


def elementwise(body, *, grads, reference, samples, pattern=None, kinds="fc", operator=None, holomorphic=True, **more):
    """Declare an op from a scalar function: the function compiled over arrays with broadcasting, with gradients.

    Args:
        body: a scalar function that Numba can compile, one argument an input, in the order of the face's.
        grads: a rule for each input name, or None where there is no gradient.  A rule is a function of what it names:
            `g` (the output's gradient), inputs, `y` the output (`z` where an input is called y); it is written with
            ops and operators.  `grads=None` says that the op has no gradients.
        reference: the same in NumPy, for the tests.
        samples: `Sample`s of arguments, for the tests and benches.
        pattern: a letter an operand, "xx->x" by default: x the common dtype, ? bool, r the real dtype of a complex x.
        kinds: the kinds of dtype for x: b bool, i signed and u unsigned integers, f floats, c complex.  Integers given to
            an op of floats are cast.
        operator: the special method of Tensor that this op becomes.

    >>> import numpy as np
    >>> import numbaflow as nf
    >>> def cube_body(x):
    ...     return x * x * x
    >>> @nf.elementwise(cube_body, grads={"x": lambda g, x: g * 3.0 * x * x}, reference=lambda x: x**3,
    ...                 samples=[nf.Sample(np.linspace(-2, 2, 5))])
    ... def docs_cube(x, name=None):
    ...     '''x cubed, element by element.'''
    >>> nf.gradients_function(docs_cube)(2.0)[0].numpy()
    np.float32(12.0)
    """
    def declare(function):
        inputs = [p for p in inspect.signature(function).parameters if p != "name"]
        letters = pattern or "x" * len(inputs) + "->x"
        name = more.get("name") or function.__name__
        kernel = Elementwise(name, body if hasattr(body, "variants") else _as_body(body), letters, kinds)
        common = [x for x, letter in zip(inputs, letters, strict=False) if letter == "x"]
        return _register(Op(function, inputs=inputs, rules=grads, reference=reference, samples=samples, kernel=kernel,
                            promote=common, floats=() if "i" in kinds else common, operator=operator,
                            holomorphic=holomorphic, **more))
    return declare


def _as_body(function):
    from numbaflow.kernels import jit
    return jit.body(getattr(function, "py_func", function))


def op(*, inputs, grads, reference, samples, outputs=None, **more):
    """Declare an op whose function, below the decorator, computes on NumPy arrays.

    The decorated function gets an array for each name in `inputs` (a list of arrays for "*values"), its other
    parameters as they are, and returns a new array, or a tuple of arrays where `outputs` names several.  What it
    becomes takes and gives tensors and records gradients.

    Args:
        inputs: the names of the tensor inputs, as one string with spaces.
        grads: as in `elementwise`; a rule may also name attributes, `<input>_shape` and `<input>_dtype`, and serve
            several inputs under a tuple of their names, giving a tuple.  With several outputs `g` is a tuple.
        reference, samples: as in `elementwise`.
        outputs: the names of several outputs, as one string with spaces; "*parts" is any number of them, given as a
            list.
        promote: inputs that are cast to a common dtype.
        floats: inputs whose integers are cast to float.
    """
    def declare(function):
        made = Op(function, inputs=inputs.split(), rules=grads, reference=reference, samples=samples,
                  outputs=tuple(outputs.split()) if outputs else None,
                  promote=more.pop("promote", "").split(), floats=more.pop("floats", "").split(), **more)
        return _register(made)
    return declare
