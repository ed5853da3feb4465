"""Random programs, compiled and eager: the same values, variables and gradients, call after call.

A program is a list of steps on a growing pool of values.  While it is drawn it runs eagerly, and a step that
gives what is large, not finite or near a kink is left out, so that rounding is all that can differ.  A fixed
set of programs runs; NUMBAFLOW_PROGRAMS asks for that many fresh ones in their place.
"""
import os
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from hypothesis import HealthCheck, given, note, settings, strategies as st

import numbaflow as nf
from numbaflow.core import nest
from numbaflow.graph.rewrite import optimized

FRESH = int(os.environ.get("NUMBAFLOW_PROGRAMS", "0"))
SHAPES = {"a": (3, 4), "b": (4,), "c": (2, 3, 4), "d": (), "variable": (3, 4)}
MOST_ELEMENTS, LARGEST, KINK = 300, 50.0, 1e-4


class Step(NamedTuple):
    """A call of `function` on the values with these numbers, after the variable where it `assigns`."""

    text: str
    function: Callable
    operands: tuple
    assigns: bool = False

    def run(self, pool, variable):
        """The value that is added to the pool."""
        values = [pool[k] for k in self.operands]
        return self.function(variable, *values) if self.assigns else self.function(*values)


# ---- steps: functions (draw, x, others) that give (text, function, operands) for numbers of values, or None
def unary(text, function, kink=None):
    def make(draw, pool, x):
        if kink is not None and np.abs(pool[x].numpy() - kink).min(initial=1) < KINK:
            return None
        return text, function, (x,)
    return make


def binary(text, function, apart=False):
    def make(draw, pool, x):
        fitting = [k for k, v in enumerate(pool) if _broadcast(pool[x], v) is not None]
        y = draw(st.sampled_from(fitting))
        if apart and np.abs(pool[x].numpy() - pool[y].numpy()).min(initial=1) < KINK:
            return None
        return text, function, draw(st.sampled_from([(x, y), (y, x)]))
    return make


def _broadcast(x, y):
    try:
        return np.broadcast_shapes(tuple(x.shape), tuple(y.shape))
    except ValueError:
        return None


def reduction(name):
    def make(draw, pool, x):
        rank = len(pool[x].shape)
        axes = draw(st.lists(st.sampled_from(range(rank)), unique=True)) if rank else []
        axis, keep = (axes or None), draw(st.booleans())
        if name == "reduce_max" and _has_ties(pool[x].numpy(), axis):
            return None
        return (f"{name}(axis={axis}, keepdims={keep})",
                lambda v: getattr(nf, name)(v, axis=axis, keepdims=keep), (x,))
    return make


def _has_ties(array, axis):
    axes = tuple(range(array.ndim)) if axis is None else tuple(axis)
    rows = np.sort(np.moveaxis(array, axes, range(-len(axes), 0)).reshape(
        *[n for k, n in enumerate(array.shape) if k not in axes], -1), axis=-1)
    return rows.size == 0 or np.diff(rows[..., -2:], axis=-1).min(initial=1) < KINK


def row_op(name):
    def make(draw, pool, x):
        rank = len(pool[x].shape)
        if rank == 0 or 0 in pool[x].shape:
            return None
        axis = draw(st.integers(0, rank - 1)) if name == "cumsum" else -1
        op = getattr(nf, name) if name == "cumsum" else getattr(nf.nn, name)
        return f"{name}(axis={axis})", lambda v: op(v, axis=axis), (x,)
    return make


def product(draw, pool, x):
    if len(pool[x].shape) != 2:
        return None
    fitting = [k for k, v in enumerate(pool) if len(v.shape) == 2 and set(v.shape) & set(pool[x].shape)]
    y, (rows, columns) = draw(st.sampled_from(fitting)), tuple(pool[x].shape)
    m, n = pool[y].shape
    options = [(p, q) for p, inner in ((False, columns), (True, rows)) for q, other in ((False, m), (True, n))
               if inner == other]
    p, q = draw(st.sampled_from(options))
    return (f"matmul(transpose_a={p}, transpose_b={q})",
            lambda u, v: nf.matmul(u, v, transpose_a=p, transpose_b=q), (x, y))


def transpose(draw, pool, x):
    perm = draw(st.permutations(range(len(pool[x].shape))))
    return f"transpose({perm})", lambda v: nf.transpose(v, perm), (x,)


def reshape(draw, pool, x):
    shape = tuple(pool[x].shape)
    size = int(np.prod(shape))
    options = [(-1,), (1, *shape), (*shape, 1), *[(k, size // k) for k in (2, 3, 4) if size % k == 0]]
    to = draw(st.sampled_from(options if size else [(1, *shape)]))
    return f"reshape({to})", lambda v: nf.reshape(v, to), (x,)


def slicing(draw, pool, x):
    key = []
    for n in pool[x].shape:
        kind = draw(st.integers(0, 4))
        if kind == 0 and n:
            key.append(draw(st.integers(-n, n - 1)))
        elif kind == 1:
            key += [None, slice(None)]
        else:
            begin, step = draw(st.integers(0, max(n - 1, 0))), draw(st.sampled_from([None, 2, -1]))
            key.append(slice(begin, None, step))
    key = tuple(key)
    return f"[{key}]", lambda v: v[key], (x,)


def joined(name):
    def make(draw, pool, x):
        shape = tuple(pool[x].shape)
        alike = [k for k, v in enumerate(pool) if tuple(v.shape) == shape]
        rank = len(shape) + (name == "stack")
        if rank == 0:
            return None
        axis = draw(st.integers(0, rank - 1))
        operands = (x, *draw(st.lists(st.sampled_from(alike), max_size=2)))
        return f"{name}(axis={axis})", lambda *v: getattr(nf, name)(list(v), axis=axis), operands
    return make


def gathered(draw, pool, x):
    shape = tuple(pool[x].shape)
    if not shape or not shape[0]:
        return None
    rows = draw(st.lists(st.integers(0, shape[0] - 1), min_size=1, max_size=4))
    return f"gather({rows})", lambda v: nf.gather(v, nf.constant(rows)), (x,)


def padded(draw, pool, x):
    widths = [draw(st.tuples(st.integers(0, 1), st.integers(0, 1))) for _ in pool[x].shape]
    return (f"pad({widths})", lambda v: nf.pad(v, widths), (x,)) if widths else None


def broadcast(draw, pool, x):
    shape = (2, *pool[x].shape)
    return f"broadcast_to({shape})", lambda v: nf.broadcast_to(v, shape), (x,)


def chosen(draw, pool, x):
    alike = [k for k, v in enumerate(pool) if tuple(v.shape) == tuple(pool[x].shape)]
    y = draw(st.sampled_from(alike))
    if np.abs(pool[x].numpy() - 0.1).min(initial=1) < KINK:
        return None
    return "where(x > 0.1, x, y)", lambda u, v: nf.where(u > 0.1, u, v), (x, y)


def halves(draw, pool, x):
    shape = tuple(pool[x].shape)
    even = [k for k, n in enumerate(shape) if n and n % 2 == 0]
    if not even:
        return None
    axis, part = draw(st.sampled_from(even)), draw(st.integers(0, 1))
    return f"split(2, axis={axis})[{part}]", lambda v: nf.split(v, 2, axis=axis)[part], (x,)


def normalized(v):
    """Rows of mean 0 and about variance 1."""
    mean = nf.reduce_mean(v, axis=-1, keepdims=True)
    variance = nf.reduce_mean(nf.square(v - mean), axis=-1, keepdims=True)
    return (v - mean) * nf.math.rsqrt(variance + 0.5)


def rows_normalized(draw, pool, x):
    return ("normalized", normalized, (x,)) if len(pool[x].shape) else None


MAKERS = [
    unary("tanh", nf.tanh), unary("sigmoid", nf.sigmoid), unary("sin", nf.sin), unary("exp", nf.exp),
    unary("square", nf.square), unary("negative", lambda x: -x), unary("softplus", nf.nn.softplus),
    unary("sqrt(1 + x x)", lambda x: nf.sqrt(1.0 + x * x)), unary("x ** 3", lambda x: x ** 3),
    unary("0.5 - x", lambda x: 0.5 - x), unary("relu", nf.nn.relu, kink=0), unary("abs", nf.abs, kink=0),
    unary("log1p(x x)", lambda x: nf.math.log1p(x * x)), unary("stop_gradient", nf.stop_gradient),
    binary("add", lambda x, y: x + y), binary("subtract", lambda x, y: x - y),
    binary("multiply", lambda x, y: x * y), binary("x / (2 + y y)", lambda x, y: x / (2.0 + y * y)),
    binary("maximum", nf.maximum, apart=True), binary("minimum", nf.minimum, apart=True),
    reduction("reduce_sum"), reduction("reduce_mean"), reduction("reduce_max"), reduction("reduce_logsumexp"),
    row_op("softmax"), row_op("log_softmax"), row_op("cumsum"), rows_normalized,
    product, product, transpose, reshape, slicing, joined("concat"), joined("stack"), gathered, padded,
    broadcast, chosen, halves,
]


def is_tame(value):
    """Whether a value is of a size and magnitude to go on with."""
    array = value.numpy()
    return array.size <= MOST_ELEMENTS and np.isfinite(array).all() and np.abs(array).max(initial=0) < LARGEST


def assigned(name):
    """A step that calls a method of the variable, and what the variable is then."""
    def make(draw, pool, x):
        if tuple(pool[x].shape) != SHAPES["variable"]:
            return None

        def function(variable, value):
            getattr(variable, name)(value)
            return variable.read_value()
        return name, function, (x,), True
    return make


ASSIGNMENTS = [assigned(name) for name in ("assign", "assign_add", "assign_sub")]


@st.composite
def programs(draw):
    """(steps, the numbers of the values that are the result): 3 to 25 steps."""
    pool, variable = started()
    first, steps = len(pool), []
    for k in range(draw(st.integers(3, 25))):
        x = (draw(st.integers(0, len(pool) - 1)) - k * (k % 3)) % len(pool)
        makers = ASSIGNMENTS if tuple(pool[x].shape) == SHAPES["variable"] and k % 4 == 3 else MAKERS
        at = draw(st.integers(0, len(makers) - 1)) + 7 * k      # else most steps were of the first kinds
        made = makers[at % len(makers)](draw, pool, x)
        if made is None:
            continue
        step, before = Step(*made), variable.numpy().copy()
        value = step.run(pool, variable)
        if is_tame(value):
            steps.append(step)
            pool.append(value)
        else:
            variable.assign(before)
    last = range(max(first, len(pool) - 6), len(pool)) if steps else range(len(pool))
    return steps, draw(st.lists(st.sampled_from(last), min_size=1, max_size=3, unique=True))


def started():
    """The values that a program begins with, the variable's among them, and the variable."""
    generator = np.random.default_rng(7)
    arrays = {name: generator.uniform(-1.5, 1.5, shape) for name, shape in SHAPES.items()}
    variable = nf.Variable(arrays.pop("variable"))
    return [*[nf.constant(a) for a in arrays.values()], variable.read_value()], variable


def trained(steps, results, variable):
    """The program as a function of its inputs: results, and the gradients of what they add up to."""
    def function(*inputs):
        with nf.GradientTape() as tape:
            tape.watch(inputs)
            pool = [*inputs, variable.read_value()]
            for step in steps:
                pool.append(step.run(pool, variable))
            total = nf.add_n([nf.reduce_sum(pool[k] * weights(pool[k].shape)) for k in results])
        gradients = tape.gradient(total, [*inputs, variable])
        return [pool[k] for k in results], [dense(g) for g in gradients]
    return function


def dense(gradient):
    """A gradient as a tensor, also where only some rows have one."""
    return gradient if gradient is None or isinstance(gradient, nf.Tensor) else nf.convert_to_tensor(gradient)


def weights(shape):
    return nf.constant(np.linspace(0.5, 1.5, int(np.prod(shape))).reshape(shape))


def check(steps, results):
    """Compare two calls, the second with the variable as the first left it."""
    for k, step in enumerate(steps):
        note(f"%{k + len(SHAPES)} = {step.text} of {step.operands}")
    note(f"results: {results}")
    pool, ours = started()
    inputs, theirs = pool[:-1], started()[1]
    compiled, eager = nf.function(trained(steps, results, ours)), trained(steps, results, theirs)
    optimized(compiled.get_concrete_function(*inputs).graph, check=True)
    for _ in range(2):
        expected = nest.flatten([eager(*inputs), theirs.read_value()])
        found = nest.flatten([compiled(*inputs), ours.read_value()])
        if not all(is_tame(t) for t in expected if t is not None):
            break
        for a, b in zip(found, expected, strict=True):
            assert (a is None) == (b is None)
            if b is not None:
                assert (a.dtype, tuple(a.shape)) == (b.dtype, tuple(b.shape))
                scale = max(1.0, float(np.abs(b.numpy()).max(initial=0)))
                np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-10, atol=1e-11 * scale)


@settings(max_examples=FRESH or 100, derandomize=not FRESH, deadline=None, database=None,
          suppress_health_check=list(HealthCheck))
@given(programs())
def test_compiled_and_eager_agree(program):
    check(*program)
