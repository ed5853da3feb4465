"""The text of each kind of step in a fused kernel."""
from numbaflow.core import table
from numbaflow.kernels import fused

_INFIX = {"add": "+", "subtract": "-", "multiply": "*", "divide": "/"}


class Steps:
    """What a kernel's steps are as Python, and the names and arguments that they need."""

    def __init__(self, kernel):
        self.kernel, self.scope = kernel, {}
        self.sizes, self.head = [], []          # arguments that are no addresses; (name, number) of each

    def extra(self, name, value):
        """A size or a stride as an argument: its name."""
        self.sizes.append(value)
        self.head.append((name, len(self.sizes) - 1))
        return name

    def once(self, name, value):
        """The same, for what is asked for several times."""
        return name if name in dict(self.head) else self.extra(name, value)

    def use(self, name, thing=None):
        """Put a name in the scope of the text."""
        self.scope[name] = fused.scope_of(name) if thing is None else thing
        return name

    # ---- a method a kind: the text, of the names of the operands' values
    def _input(self, step, values):
        text = self._at(step.what, bool(self.inner_index[step.what]))
        return f"{text} != 0" if step.dtype == "bool" else text

    def _literal(self, step, values):
        v = step.what
        if step.dtype == "bool":
            return repr(bool(v))
        if step.dtype.startswith("complex"):
            return f"{self.use(step.dtype)}(complex({self._number(v.real)}, {self._number(v.imag)}))"
        number = self._number(float(v)) if step.dtype.startswith("float") else repr(int(v))
        return f"{self.use(step.dtype)}({number})"

    def _number(self, v):
        if v != v:
            return self.use("nan")
        if v in (float("inf"), -float("inf")):
            return ("-" if v < 0 else "") + self.use("inf")
        return repr(float(v))

    def _index(self, step, values):
        i = next(i for i, loop in enumerate((*self.outer, *self.inner)) if step.axes[0] in loop.axes)
        return f"i{i}" if i < len(self.outer) else f"j{i - len(self.outer)}"

    def _cast(self, step, values):
        source = self.kernel.steps[step.operands[0]].dtype
        if step.dtype == "bool":
            return f"{values[0]} != 0"
        real = source.startswith("complex") and not step.dtype.startswith("complex")
        return f"{self.use(step.dtype)}({values[0]}{'.real' if real else ''})"

    def _apply(self, step, values):
        floats = step.dtype.startswith("float")
        if step.what in _INFIX and floats:
            return f"{values[0]} {_INFIX[step.what]} {values[1]}"
        if step.what == "negative" and floats:
            return f"-{values[0]}"
        function = table.OPS[step.what].kernel.function
        ours = function.__module__.startswith("numbaflow.kernels")
        name = step.what if ours else f"op_{step.what}"   # (a user's name may be one of the text's)
        call = f"{self.use(name, function)}({', '.join(values)})"
        if step.dtype == "bool" or (floats and ours):
            return call
        return f"{self.use(step.dtype)}({call})"

    def _update(self, step, values):
        rule = step.what
        call = f"{self.use(rule.__name__ + '_rule', rule.rule)}({', '.join(values)})"
        return (rule.states, call) if rule.states > 1 else call

    def _part(self, step, values):
        return values[0][step.what] if type(values[0]) is list else values[0]
