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
from numbaflow.graph.programs.rewrite import optimized

FRESH = int(os.environ.get("NUMBAFLOW_PROGRAMS", "0"))
LARGEST = 50.0


class Kind(NamedTuple):
    """What programs compute on: shapes, most elements of a value, how near a kink or a tie values may be."""

    shapes: dict
    most: int
    kink: float
    dtype: str = "float64"
    tolerance: float = 1e-10


SMALL = Kind({"a": (3, 4), "b": (4,), "c": (2, 3, 4), "d": (), "variable": (3, 4)}, 300, 1e-4)
SINGLE = SMALL._replace(dtype="float32", tolerance=2e-4, kink=1e-3)
# so much that partial sums, several threads and rows longer than a block take part
LARGE = Kind({"a": (50, 1100), "b": (1100,), "c": (2, 50, 1100), "d": (), "variable": (50, 1100)},
             300_000, 1e-10)


class Pool(list):
    """The values that a program has so far."""

    def __init__(self, values, kind):
        super().__init__(values)
        self.kind = kind


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
        if kink is not None and np.abs(pool[x].numpy() - kink).min(initial=1) < pool.kind.kink:
            return None
        return text, function, (x,)
    return make


def binary(text, function, apart=False):
    def make(draw, pool, x):
        fitting = [k for k, v in enumerate(pool) if _elements(pool[x], v) <= pool.kind.most]
        y = draw(st.sampled_from(fitting))
        if apart and np.abs(pool[x].numpy() - pool[y].numpy()).min(initial=1) < pool.kind.kink:
            return None
        return text, function, draw(st.sampled_from([(x, y), (y, x)]))
    return make


def _elements(x, y):
    """How many elements two values broadcast to."""
    try:
        return np.prod(np.broadcast_shapes(tuple(x.shape), tuple(y.shape)))
    except ValueError:
        return np.inf


def reduction(name):
    def make(draw, pool, x):
        rank = len(pool[x].shape)
        axes = draw(st.lists(st.sampled_from(range(rank)), unique=True)) if rank else []
        axis, keep = (axes or None), draw(st.booleans())
        if name == "reduce_max" and _has_ties(pool[x].numpy(), axis, pool.kind.kink):
            return None
        return (f"{name}(axis={axis}, keepdims={keep})",
                lambda v: getattr(nf, name)(v, axis=axis, keepdims=keep), (x,))
    return make


def _has_ties(array, axis, kink):
    axes = tuple(range(array.ndim)) if axis is None else tuple(axis)
    rows = np.sort(np.moveaxis(array, axes, range(-len(axes), 0)).reshape(
        *[n for k, n in enumerate(array.shape) if k not in axes], -1), axis=-1)
    return rows.size == 0 or np.diff(rows[..., -2:], axis=-1).min(initial=1) < kink


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
    if (columns if p else rows) * (m if q else n) > pool.kind.most:
        return None
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
    if np.abs(pool[x].numpy() - 0.1).min(initial=1) < pool.kind.kink:
        return None
    return "where(x > 0.1, x, y)", lambda u, v: nf.where(u > 0.1, u, v), (x, y)


def batched(draw, pool, x):
    if len(pool[x].shape) < 3:
        return None
    turned = draw(st.booleans())
    return (f"batched matmul(transpose_a={turned})",
            lambda v: 0.1 * nf.matmul(v, v, transpose_a=turned, transpose_b=not turned), (x,))


def ranked(draw, pool, x):
    array = pool[x].numpy()
    if array.ndim == 0 or array.shape[-1] > 100 or _has_ties(array, (array.ndim - 1,), pool.kind.kink):
        return None
    return "one_hot(argmax)", lambda v: nf.one_hot(nf.argmax(v, axis=-1), v.shape[-1], dtype=v.dtype), (x,)


def tiled(draw, pool, x):
    times = [draw(st.integers(1, 2)) for _ in pool[x].shape]
    return (f"tile({times})", lambda v: nf.tile(v, times), (x,)) if times else None


def reverse(draw, pool, x):
    rank = len(pool[x].shape)
    axes = draw(st.lists(st.sampled_from(range(rank)), unique=True)) if rank else []
    return (f"reverse({axes})", lambda v: nf.reverse(v, axes), (x,)) if axes else None


def segments(draw, pool, x):
    shape = tuple(pool[x].shape)
    if not shape or not 0 < shape[0] < 100:
        return None
    to = sorted(draw(st.integers(0, 3)) for _ in range(shape[0]))
    return f"unsorted_segment_sum({to})", lambda v: nf.math.unsorted_segment_sum(v, to, 4), (x,)


def sums(draw, pool, x):
    shape = tuple(pool[x].shape)
    alike = [k for k, v in enumerate(pool) if tuple(v.shape) == shape]
    return "add_n", lambda *v: nf.add_n(list(v)), (x, *draw(st.lists(st.sampled_from(alike), max_size=3)))


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
    broadcast, chosen, halves, batched, ranked, tiled, reverse, segments, sums,
    unary("clip", lambda x: nf.clip_by_value(x, -3.0, 0.3), kink=0.3),
    unary("mask", lambda x: x * nf.cast(x > 0.2, x.dtype), kink=0.2),
    unary("rows by a number", lambda x: x / (1.0 + nf.reduce_sum(x * x))),
    binary("squared_difference", nf.math.squared_difference), unary("erf", nf.math.erf),
    unary("leaky_relu", lambda x: nf.nn.leaky_relu(x, 0.1), kink=0), unary("elu", nf.nn.elu, kink=0),
]


def is_tame(value, kind):
    """Whether a value is of a size and magnitude to go on with."""
    array = value.numpy()
    return array.size <= kind.most and np.isfinite(array).all() and np.abs(array).max(initial=0) < LARGEST


def assigned(name):
    """A step that calls a method of the variable, and what the variable is then."""
    def make(draw, pool, x):
        if tuple(pool[x].shape) != pool.kind.shapes["variable"]:
            return None

        def function(variable, value):
            getattr(variable, name)(value)
            return variable.read_value()
        return name, function, (x,), True
    return make


ASSIGNMENTS = [assigned(name) for name in ("assign", "assign_add", "assign_sub")]


@st.composite
def programs(draw, kind):
    """(kind, steps, the numbers of the values that are the result): 3 to 25 steps."""
    pool, variable = started(kind)
    first, steps = len(pool), []
    for k in range(draw(st.integers(3, 25))):
        x = (draw(st.integers(0, len(pool) - 1)) - k * (k % 3)) % len(pool)
        makers = ASSIGNMENTS if tuple(pool[x].shape) == kind.shapes["variable"] and k % 4 == 3 else MAKERS
        at = draw(st.integers(0, len(makers) - 1)) + 7 * k      # else most steps were of the first kinds
        made = makers[at % len(makers)](draw, pool, x)
        if made is None:
            continue
        step, before = Step(*made), variable.numpy().copy()
        value = step.run(pool, variable)
        if is_tame(value, kind):
            steps.append(step)
            pool.append(value)
        else:
            variable.assign(before)
    last = range(max(first, len(pool) - 6), len(pool)) if steps else range(len(pool))
    return kind, steps, draw(st.lists(st.sampled_from(last), min_size=1, max_size=3, unique=True))


def started(kind):
    """The values that a program begins with, the variable's among them, and the variable."""
    generator = np.random.default_rng(7)
    arrays = {name: generator.uniform(-1.5, 1.5, shape).astype(kind.dtype)
              for name, shape in kind.shapes.items()}
    variable = nf.Variable(arrays.pop("variable"))
    return Pool([*[nf.constant(a) for a in arrays.values()], variable.read_value()], kind), variable


def trained(steps, results, variable):
    """The program as a function of its inputs: results, and the gradients of what they add up to."""
    def function(*inputs):
        with nf.GradientTape() as tape:
            tape.watch(inputs)
            pool = [*inputs, variable.read_value()]
            for step in steps:
                pool.append(step.run(pool, variable))
            total = nf.add_n([nf.reduce_sum(pool[k] * weights(pool[k])) for k in results])
        gradients = tape.gradient(total, [*inputs, variable])
        return [pool[k] for k in results], [dense(g) for g in gradients]
    return function


def dense(gradient):
    """A gradient as a tensor, also where only some rows have one."""
    return gradient if gradient is None or isinstance(gradient, nf.Tensor) else nf.convert_to_tensor(gradient)


def weights(value):
    """Constants of a value's shape and dtype."""
    shape = tuple(value.shape)
    return nf.constant(np.linspace(0.5, 1.5, int(np.prod(shape))).reshape(shape).astype(value.dtype.name))


def check(kind, steps, results):
    """Compare two calls, the second with the variable as the first left it."""
    for k, step in enumerate(steps):
        note(f"%{k + len(kind.shapes)} = {step.text} of {step.operands}")
    note(f"results: {results}")
    pool, ours = started(kind)
    inputs, theirs = pool[:-1], started(kind)[1]
    compiled, eager = nf.function(trained(steps, results, ours)), trained(steps, results, theirs)
    optimized(compiled.get_concrete_function(*inputs).graph, check=True)
    for _ in range(2):
        expected = nest.flatten([eager(*inputs), theirs.read_value()])
        found = nest.flatten([compiled(*inputs), ours.read_value()])
        if not all(is_tame(t, kind) for t in expected if t is not None):
            break
        for a, b in zip(found, expected, strict=True):
            assert (a is None) == (b is None)
            if b is not None:
                assert (a.dtype, tuple(a.shape)) == (b.dtype, tuple(b.shape))
                scale = max(1.0, float(np.abs(b.numpy()).max(initial=0)))
                np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=kind.tolerance,
                                           atol=kind.tolerance * scale / 10)


def example(count):
    """As many programs, the same ones each time unless fresh ones are asked for."""
    return settings(max_examples=FRESH or count, derandomize=not FRESH, deadline=None, database=None,
                    suppress_health_check=list(HealthCheck))


@example(60)
@given(programs(SMALL))
def test_compiled_and_eager_agree(program):
    check(*program)


@example(20)
@given(programs(SINGLE))
def test_single_precision_agrees(program):
    check(*program)


@example(8)
@given(programs(LARGE))
def test_large_values_agree(program):
    check(*program)
