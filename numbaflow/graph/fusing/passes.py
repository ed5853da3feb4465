"""In which pass over a row each step of a kernel is computed, and which values are kept for a later pass.

A row reduction is known after the pass that its operand is computed in; what needs it waits for the next.
"""
COSTLY = 8                      # of a step, beside 1 for arithmetic: what is kept rather than computed again
LONG = 3 * COSTLY               # of one whose body is several times as long as that of exp
CHEAP = frozenset((
    "add", "subtract", "multiply", "divide", "negative", "reciprocal", "maximum", "minimum", "square", "cube",
    "squared_difference", "abs", "sign", "floor", "ceil", "round", "clip_by_value", "select", "equal",
    "not_equal", "less", "less_equal", "greater", "greater_equal", "logical_and", "logical_or", "logical_not",
    "logical_xor", "relu", "relu_grad", "relu6", "leaky_relu", "conj", "real", "imag", "rint", "is_finite",
    "is_inf", "is_nan", "hinge", "huber", "straight_through", "bitwise_and", "bitwise_or", "bitwise_xor",
    "invert", "left_shift", "right_shift"))
_LONG = frozenset((
    "pow", "sin", "cos", "tan", "asin", "acos", "atan", "atan2", "sinh", "asinh", "acosh", "atanh", "erf",
    "erfc", "erfinv", "lgamma", "digamma", "polygamma", "trigamma", "tetragamma", "zeta"))


def op_cost(name):
    """About how long an op's body takes, in additions; it tells how long compiling takes, too."""
    return 1 if name in CHEAP else LONG if name in _LONG else COSTLY


def step_cost(step):
    """About how long a step takes, in additions."""
    if step.kind == "apply":
        return op_cost(step.what)
    return {"update": COSTLY, "reduce": 1, "cast": 1}.get(step.kind, 0)


class Passes:
    """The order of a kernel's work: depth of each step, row reductions, terminals."""

    def __init__(self, kernel):
        self.kernel, steps = kernel, kernel.steps
        split = len(kernel.extents) - kernel.row
        self.row_axes = frozenset(range(split, len(kernel.extents)))
        self.stored = {out.step for out in kernel.outputs}
        self.rows, self.terminals, self.depth = [], [], []
        for k, step in enumerate(steps):
            depth = max([self.depth[o] for o in step.operands], default=0)
            if step.kind == "reduce":
                if kernel.row and frozenset(step.what[1]) == self.row_axes:
                    self.rows.append(k)
                    depth += 1
                else:
                    self.terminals.append(k)
            self.depth.append(depth)
        self.inner = [k not in self.terminals and bool(not kernel.row or self.row_axes & set(step.axes))
                      for k, step in enumerate(steps)]

    def cost(self):
        """About how much work an element is, in additions."""
        return sum(step_cost(s) for s in self.kernel.steps)

    def work(self):
        """For each pass the steps in whose name it runs: reductions, and values stored inside a row."""
        found = {}
        for k, step in enumerate(self.kernel.steps):
            if step.kind == "reduce" and (self.over_inner(k)):
                found.setdefault(self.depth[step.operands[0]], []).append(k)
            elif k in self.stored and self.is_wide(k):
                found.setdefault(self.depth[k], []).append(k)
        return found

    def over_inner(self, k):
        """Whether a reduction takes its values inside the row loop."""
        step = self.kernel.steps[k]
        return not self.kernel.row or bool(self.row_axes & (set(step.what[1]) | set(step.axes)))

    def is_wide(self, k):
        """Whether an output is stored inside the row loop."""
        dims = next(o.dims for o in self.kernel.outputs if o.step == k)
        return not self.kernel.row or bool(self.row_axes.intersection(dims))

    def closure(self, targets, stop=()):
        """The inner steps, in order, that targets need; those in `stop` are there already."""
        found, left = set(), list(targets)
        while left:
            k = left.pop()
            if k in found or not self.inner[k]:
                continue
            found.add(k)
            if k not in stop:
                left += self.kernel.steps[k].operands
        return sorted(found)

    def kept(self):
        """{step: pass that computes it} of costly steps which a later pass takes from memory."""
        work, steps = self.work(), self.kernel.steps
        if len(work) < 2:
            return {}
        targets = {d: [o for k in ks for o in (steps[k].operands if steps[k].kind == "reduce" else [k])]
                   for d, ks in work.items()}
        first, again = {}, {}
        for d in sorted(work):
            for k in self.closure(targets[d]):
                if k in first:
                    again[k] = first[k]
                else:
                    first[k] = d
        chosen = {k: d for k, d in again.items() if step_cost(steps[k]) >= COSTLY}
        used = set()
        for d in sorted(work):
            stop = {k for k in chosen if chosen[k] < d}
            used |= stop & set(self.closure(targets[d], stop))
        return {k: chosen[k] for k in sorted(used)}
