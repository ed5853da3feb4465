"""Declaring an op: its face, launch or scalar body, gradient rules, reference and samples, in one place.

`@elementwise(body, ...)` and `@op(...)` put a declaration in the table, and refuse an incomplete one.
"""
import functools
from collections import namedtuple

from numbaflow.kernels import jit
from numbaflow.kernels.elementwise import Elementwise

from . import device_variable, fuse, table  # noqa: F401  (device_variable, and dispatch: what a GPU takes)
from .abstract import TracingError
from .faces import explain, launcher, make_face, make_reflected, parameter_names
from .infer import BY_VALUE, results
from .plans import Plan
from .samples import Sample, bools, distinct, given, integers, normal, positive_definite, uniform
from .tensor import Operators

__all__ = ["Op", "Sample", "bools", "distinct", "elementwise", "given", "integers", "normal", "op",
           "positive_definite", "uniform"]


class Op:
    """One entry of the table."""

    def __init__(self, function, *, inputs, rules, reference, samples, outputs=None, kernel=None, promote=(),
                 floats=(), residuals=(), operator=None, holomorphic=True, name=None, tests=None,
                 infer=None, on_host=None, cuda=None):
        if kernel is None and cuda is None and not function.__module__.startswith("numbaflow."):
            on_host = on_host or "its function is for NumPy arrays"
        self.on_host, self.cuda = on_host, cuda
        self.name, self.function = name or function.__name__, function
        self.variadic = tuple(x[1:] for x in inputs if x.startswith("*"))
        self.inputs = tuple(x.lstrip("*") for x in inputs)
        parameters = parameter_names(function)
        self.attributes = tuple(p for p in parameters if p not in self.inputs and p != "name")
        self.listed = outputs is not None and outputs[0].startswith("*")
        outputs = outputs and tuple(x.lstrip("*") for x in outputs)
        self.outputs, self.kernel, self.promote, self.floats = outputs, kernel, tuple(promote), tuple(floats)
        self.operator, self.holomorphic, self.residuals = operator, holomorphic, tuple(residuals)
        self.rules, self.plans = rules, {}
        self.reference, self.samples, self.tests = reference, list(samples), tests or {}
        self._output_names = outputs or (("z",) if "y" in self.inputs else ("y",))
        self.infer_rule = infer
        self._infer_names = parameter_names(infer) if infer is not None and infer is not BY_VALUE else []
        self._check(function)
        self.face = make_face(self, function)

    def _check(self, function):
        def refuse(why):
            raise ValueError(f"op {self.name}: {why}")
        if not function.__doc__:
            refuse("a docstring is missing")
        if self.reference is None or not self.samples:
            refuse("a NumPy reference and samples are needed")
        known = {*self.inputs, *self.attributes, *self.residuals, *self._output_names, "g", "wanted",
                 *(f"{x}_{what}" for x in self.inputs for what in ("shape", "dtype"))}
        for key, rule in (self.rules or {}).items():
            for x in key if isinstance(key, tuple) else (key,):
                if x not in self.inputs:
                    refuse(f"a rule for {x!r}, which is no input; inputs are {', '.join(self.inputs)}")
            for a in parameter_names(rule) if rule is not None else ():
                if a not in known:
                    refuse(f"a rule asks for {a!r}; there are {', '.join(sorted(known))}")
        if self.rules is not None:
            said = {x for key in self.rules for x in (key if isinstance(key, tuple) else (key,))}
            if said != set(self.inputs):
                refuse(f"say a rule or None for {', '.join(sorted(set(self.inputs) - said))}")

        for a in self._infer_names:
            if a not in (*self.inputs, *self.attributes):
                refuse(f"its infer asks for {a!r}; there are {', '.join((*self.inputs, *self.attributes))}")

    def infer(self, inputs, attributes):
        """The (shape, dtype) of each output, then of each residual.

        Args:
            inputs: in the order of `self.inputs`, of the dtypes that the op's function would get: arrays or
                what else has shape, dtype, ndim and size; a list of those for a variadic input.
            attributes: values by name.

        Raises:
            InvalidArgumentError: shapes that do not fit, or a result whose shape depends on values.
        """
        try:
            return results(self, self._infer_names, inputs, attributes)
        except TracingError:                # a rule that was given a traced tensor for what must be known
            raise
        except (ValueError, TypeError, IndexError) as error:
            raise explain(self, error, ()) from None

    def rules_for(self, traced):
        """The rules that serve the traced inputs: (rule, its argument names, those inputs it serves)."""
        found = []
        for key, rule in (self.rules or {}).items():
            targets = key if isinstance(key, tuple) else (key,)
            if rule is None or not any(x in traced for x in targets):
                continue
            names = parameter_names(rule)
            wanted = tuple(x in traced for x in targets)
            if "wanted" in names:
                names = [n for n in names if n != "wanted"]
                rule = functools.wraps(rule)(functools.partial(rule, wanted=wanted))
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
        if name in self.residuals:
            return f"a[{len(self.attributes) + self.residuals.index(name)}]"
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

    @functools.cached_property
    def launch(self):
        """The declaration's own body, which runs on arrays."""
        return launcher(self.function)

    def flat(self, found):
        """The arrays of the outputs and then of the residuals, of what a launch gives."""
        outputs, *residuals = found if self.residuals else (found,)
        return [*(outputs if self.outputs is not None else (outputs,)), *residuals]

    @functools.cached_property
    def named(self):
        """The named tuple that several outputs come in, None for one."""
        return self.outputs and namedtuple(self.name, self.outputs)

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


def _register(made):
    if made.name in table.OPS:
        module = table.OPS[made.name].function.__module__
        raise ValueError(f"op {made.name}: there is one already, from {module}")
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


REFLECTED = {f"__{n}__": f"__r{n}__" for n in (
    "add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul",
    "and", "or", "xor", "lshift", "rshift")}


def _install_operator(made):
    """Give tensors and variables (and symbols in rules) an operator of this op."""
    face, name = made.face, made.operator
    setattr(Operators, name, _comparing(face) if name in ("__eq__", "__ne__") else face)
    if name in REFLECTED:
        attributes = made.attributes            # of matmul, say: those take their defaults
        setattr(Operators, REFLECTED[name], (lambda self, other: face(other, self)) if attributes
                else make_reflected(made, made.function))
    if made.kernel is not None:
        fuse.install_operator(name, made, REFLECTED.get(name))


def elementwise(body, *, grads, reference, samples, pattern=None, kinds="fc", operator=None, holomorphic=True,
                **more):
    """Declare an op from a scalar function, which is compiled over arrays with broadcasting.

    Args:
        body: a scalar function that Numba can compile, one argument an input, in the order of the face's.
        grads: a rule for each input name, or None where there is no gradient.  A rule is a function of what
            it names: `g` (the output's gradient), inputs, `y` the output (`z` where an input is called y); it
            is written with ops and operators.  `grads=None` says that the op has no gradients.
        reference: the same in NumPy, for the tests.
        samples: `Sample`s of arguments, for the tests and benches.
        pattern: a letter an operand, "xx->x" by default: x the common dtype, ? bool, r the real dtype of a
            complex x.
        kinds: the kinds of dtype for x: b bool, i signed and u unsigned integers, f floats, c complex.
            Integers given to an op of floats are cast.  Numba's own `/` and np.sqrt raise at complex 0, which
            ends the loop: `numbaflow.kernels.scalar` has a `divide` and a `sqrt` that do not.
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
        inputs = [p for p in parameter_names(function) if p != "name"]
        letters = pattern or "x" * len(inputs) + "->x"
        name = more.get("name") or function.__name__
        kernel = Elementwise(name, body if hasattr(body, "variants") else _as_body(body), letters, kinds)
        common = [x for x, letter in zip(inputs, letters, strict=False) if letter == "x"]
        return _register(Op(function, inputs=inputs, rules=grads, reference=reference, samples=samples,
                            kernel=kernel, promote=common, floats=() if "i" in kinds else common,
                            operator=operator, holomorphic=holomorphic, **more))
    return declare


def _as_body(function):
    return jit.body(getattr(function, "py_func", function))


def op(*, inputs, grads, reference, samples, outputs=None, **more):
    """Declare an op whose function, below the decorator, computes on NumPy arrays.

    The decorated function gets an array for each name in `inputs` (a list of arrays for "*values"), its other
    parameters as they are, and returns a new array, or a tuple of arrays where `outputs` names several.  What
    it becomes takes and gives tensors and records gradients.

    Args:
        inputs: the names of the tensor inputs, as one string with spaces.
        grads: as in `elementwise`; a rule may also name attributes, `<input>_shape` and `<input>_dtype`, and
            serve several inputs under a tuple of their names, giving a tuple.  Such a rule may name `wanted`,
            a truth value for each of those inputs, to leave out what nobody asks for.  With several outputs
            `g` is a tuple.
        reference, samples: as in `elementwise`.
        outputs: the names of several outputs, as one string with spaces: the op gives a named tuple.
            "*parts" is any number of them, given as a list.
        promote: inputs that are cast to a common dtype.
        floats: inputs whose integers are cast to float.
        residuals: names of arrays that the function gives after its one result, for rules only: what the
            backward pass would compute again.  No gradient goes through them.
        infer: a rule for the shape and dtype of the result, a function of the inputs (which have a shape, a
            dtype, ndim and size, and no values) and attributes that it names.  It gives (shape, dtype), or
            a list of those for several outputs, with one for each residual at the end.  An op without it is
            run on zeros where only a shape is asked for.
        cuda: the same function for CuPy's arrays, for tensors of a GPU.  Without it these are copied to the
            host and the results back.  (numbaflow's own kernels have CUDA twins.)
        on_host: why an op of numbaflow's own runs on the host for tensors of a GPU as well.
    """
    def declare(function):
        made = Op(function, inputs=inputs.split(), rules=grads, reference=reference, samples=samples,
                  outputs=tuple(outputs.split()) if outputs else None,
                  promote=more.pop("promote", "").split(), floats=more.pop("floats", "").split(),
                  residuals=more.pop("residuals", "").split(), **more)
        return _register(made)
    return declare
