"""One of several functions by a number that is known when the program runs.

A node of BRANCH takes that number and the operands of all branches, which are functions with the same inputs
and results.  Where a tape records, each branch also gives what its gradient needs, in slots that branches
share; the gradient is a choice among the branches' gradients by the same number.
"""
from numbaflow.core import nest
from numbaflow.core.abstract import current_trace
from numbaflow.core.errors import InvalidArgumentError
from numbaflow.core.placement import fetch
from numbaflow.core.tensor import Tensor, as_tensor, scalar_tensor, wrap
from numbaflow.graph import differentiate
from numbaflow.graph.flow.hosted import Hosted, composed, inlined, specs_of, used_inputs
from numbaflow.graph.flow.inner import Inner, Outside, concrete


# ---- running
def _branch(node, arrays):
    branch = _taken(node, int(arrays[0]))
    return [t._data for t in branch.program([wrap(a) for a in arrays[1:]])]


def _branch_on(node, tensors):
    branch, operands = _taken(node, int(fetch(tensors[0]))), tensors[1:]
    return branch.program_for(tensors)(operands)


def _taken(node, number):
    branches = node.attributes["branches"]
    return branches[number if 0 <= number < len(branches) else -1]


# ---- gradients
def _widened(attributes, inputs, specs):
    """The branches with what their gradients need as further results."""
    branches = attributes["branches"]
    found = branches[0]._derivatives.get(("widened", branches))
    if found is None:
        found = branches[0]._derivatives["widened", branches] = _with_slots(branches)
    wide, more = found
    return {"branches": wide}, [*specs, *more]


def _with_slots(branches):
    forwards = [differentiate.forward_of(b) for b in branches]
    slots, places = [], []                  # specs; for each branch {slot: result}
    for branch, forward in zip(branches, forwards, strict=True):
        place = {}
        for k in range(branch.results, forward.results):
            spec = specs_of([forward.graph.outputs[k]])[0]
            free = [s for s, known in enumerate(slots) if known == spec and s not in place]
            if not free:
                free = [len(slots)]
                slots.append(spec)
            place[free[0]] = k
        places.append(place)
    return tuple([_filled(b, f, place, slots)
                  for b, f, place in zip(branches, forwards, places, strict=True)]), slots


def _filled(branch, forward, place, slots):
    """The forward function with its results in slots, zeros in those of other branches."""
    def function(given):
        found = inlined(forward, given)
        return [*found[:branch.results], *[found[place[s]] if s in place else current_trace().filled(0, *spec)
                                           for s, spec in enumerate(slots)]]
    return composed(branch.name, specs_of(forward.graph.inputs), function)


def _gradient(attributes, inputs, outputs, g, wanted):
    branches = attributes["branches"]
    which = tuple(k for k, d in enumerate(g) if d is not None)
    served, used, made = _backward(branches, which, tuple(k - 1 for k in wanted))
    operands = [*inputs[1:], *outputs, *[g[k] for k in which]]
    found = BRANCH([inputs[0], *[operands[k] for k in used]], {"branches": made},
                   specs_of([inputs[k + 1] for k in served])) if served else []
    found = dict(zip(served, found, strict=True))
    return tuple([found.get(k - 1) for k in wanted])


def _backward(branches, which, wanted):
    """(inputs with gradients, operands used, functions of these operands that give those gradients)."""
    key = "branches", branches, which, wanted
    found = branches[0]._derivatives.get(key)
    if found is None:
        each = [differentiate.backward_of(b, which, wanted) for b in branches]
        served = [k for k in wanted if any(k in s for _, s in each)]
        used = sorted({k for f, _ in each for k in used_inputs(f)})
        specs = specs_of([branches[0].graph.inputs[k] for k in served])
        made = tuple([_serving(f, s, served, specs, used) for f, s in each])
        found = branches[0]._derivatives[key] = served, used, made
    return found


def _serving(function, own, served, specs, used):
    """A function of the operands `used` only, that gives zeros where another branch has a gradient."""
    inputs = specs_of(function.graph.inputs)

    def padded(given):
        trace, known = current_trace(), dict(zip(used, given, strict=True))
        found = inlined(function, [known[k] if k in known else trace.filled(0, *spec)
                                   for k, spec in enumerate(inputs)])
        found = dict(zip(own, found, strict=True))
        return [found[k] if k in found else trace.filled(0, *spec)
                for k, spec in zip(served, specs, strict=True)]
    return composed(function.name, [inputs[k] for k in used], padded)


BRANCH = Hosted("branch", _branch, _gradient, _widened, on_tensors=_branch_on)
BRANCH_WITH_EFFECTS = Hosted("branch with effects", _branch, _gradient, _widened, effect=True,
                             on_tensors=_branch_on)


# ---- tracing
def choose(what, number, functions, names):
    """What the function of a traced number gives: one of `functions`, the last for a number that is none.

    All are traced; they must give the same structure of tensors of the same shapes and dtypes.
    """
    trace = current_trace()
    inners, results = [], []
    for name, function in zip(names, functions, strict=True):
        inner = Inner(f"{name} of {what}", trace)
        with inner.written():
            result = function()
            results.append([_leaf(x) for x in nest.flatten(result)])
        inners.append((inner, result))
    structure = _one_structure(what, names, [r for _, r in inners])
    tensors = _unified(what, names, inners, results)
    variables = list(dict.fromkeys(v for inner, _ in inners for v in inner.assigned))
    for inner, _ in inners:
        for v in variables:
            inner.read(v)
    values = [[*map(inner.value, found), *[inner.value(inner.read(v)) for v in variables]]
              for (inner, _), found in zip(inners, tensors, strict=True)]
    outside = Outside([inner for inner, _ in inners])
    branches = tuple([concrete(inner, outside.inputs(inner), outputs)
                      for (inner, _), outputs in zip(inners, values, strict=True)])
    kind = BRANCH_WITH_EFFECTS if any(inner.has_effect() for inner, _ in inners) else BRANCH
    made = kind([number, *outside.operands()], {"branches": branches}, specs_of(values[0]))
    count = len(made) - len(variables)
    for v, t in zip(variables, made[count:], strict=True):
        trace.assign(v, t)
    return _packed(structure, results[0], made[:count])


_NUMBERS = (bool, int, float, complex)


def _leaf(x):
    """A tensor of what holds numbers; a Python number or anything else as it is."""
    return as_tensor(x) if isinstance(x, Tensor) or hasattr(x, "dtype") or hasattr(x, "_read") else x


def _one_structure(what, names, results):
    first = results[0]
    for name, other in zip(names[1:], results[1:], strict=True):
        if form(other) != form(first):
            raise InvalidArgumentError(f"{what}: {names[0]} and {name} must give the same structure: "
                                       f"{names[0]} gave {form(first)}, {name} gave {form(other)}")
    return first


def form(structure):
    """The structure with a dot for each leaf, lists and tuples alike."""
    if isinstance(structure, dict):
        return {key: form(structure[key]) for key in nest.ordered_keys(structure)}
    return [form(part) for part in structure] if isinstance(structure, (list, tuple)) else "."


def _unified(what, names, inners, results):
    """The tensors of each branch: Python numbers take the dtype that the other branches give."""
    columns = []
    for at, leaves in enumerate(zip(*results, strict=True)):
        tensors = [x for x in leaves if isinstance(x, Tensor)]
        if not any(isinstance(x, (Tensor, *_NUMBERS)) for x in leaves):
            if any(type(x) is not type(leaves[0]) or x != leaves[0] for x in leaves):
                raise InvalidArgumentError(f"{what}: result {at} is no tensor and differs: " + ", ".join(
                    f"{x!r} in {name}" for name, x in zip(names, leaves, strict=True)))
            continue
        if not all(isinstance(x, (Tensor, *_NUMBERS)) for x in leaves):
            raise InvalidArgumentError(f"{what}: result {at} is a tensor in some branches only: " + ", ".join(
                f"{type(x).__name__} in {name}" for name, x in zip(names, leaves, strict=True)))
        column = [x if isinstance(x, Tensor) else scalar_tensor(x, tensors[0]._dtype, what) if tensors
                  else as_tensor(x) for x in leaves]
        if len(set(specs_of(column))) > 1:
            found = [f"{t._dtype} of shape {tuple(t._data.shape)} in {name}"
                     for name, t in zip(names, column, strict=True)]
            raise InvalidArgumentError(f"{what}: result {at} must be of one dtype and shape, it is "
                                       f"{' and '.join(found)}")
        columns.append(column)
    return [[column[k] for column in columns] for k in range(len(inners))]


def _packed(structure, leaves, tensors):
    left = iter(tensors)
    found = [next(left) if isinstance(x, (Tensor, *_NUMBERS)) else x for x in leaves]
    return nest.pack(structure, found) if nest.is_nested(structure) else found[0]
