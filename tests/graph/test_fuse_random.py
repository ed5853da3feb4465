"""Random graphs of what can be fused, with broadcasting, reductions and views, against the same op by op."""
import numpy as np
import pytest

from .fusing import Writer, check

_ONE = ["negative", "tanh", "abs", "sigmoid", "square", "relu", "floor", "sin", "softplus"]
_TWO = ["add", "subtract", "multiply", "maximum", "minimum", "squared_difference"]
_REDUCE = ["reduce_sum", "reduce_mean", "reduce_max", "reduce_min"]


class _Random:
    """One random graph: values of a few shapes, combined as they fit."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)
        self.w, self.values, self.arrays = Writer(), [], []
        rank = self.rng.integers(1, 4)
        self.shape = tuple(int(n) for n in self.rng.choice([1, 2, 3, 5, 8, 70], rank))
        for _ in range(self.rng.integers(1, 4)):
            self.input()

    def pick(self, of):
        return of[self.rng.integers(len(of))]

    def input(self):
        shape = tuple(1 if self.rng.random() < 0.2 else n for n in self.shape)[self.rng.integers(0, 2) and 1:]
        dtype = self.pick(["float32", "float64"]) if not self.values else self.values[0].dtype.name
        self.values.append(self.w.input(shape, dtype))
        array = self.rng.uniform(-1, 1, shape).astype(dtype)
        if array.ndim and self.rng.random() < 0.3:              # a view: every other element, backwards
            array = np.repeat(array, 2, 0)[::-2] if self.rng.random() < 0.5 else np.asfortranarray(array)
        self.arrays.append(array)

    def grow(self):
        w, x = self.w, self.pick(self.values)
        kind = self.rng.random()
        if kind < 0.35:
            y = w.op(self.pick(_ONE), x)
        elif kind < 0.7:
            fits = [v for v in self.values if _fit(x.shape, v.shape)]
            y = w.op(self.pick(_TWO), x, self.pick(fits))
        elif kind < 0.85 and x.ndim:
            axis = self.pick([None, 0, -1, list(range(x.ndim))])
            y = w.op(self.pick(_REDUCE), x, axis=axis, keepdims=bool(self.rng.random() < 0.6))
        elif kind < 0.9:
            y = w.select(w.greater(x, 0.1), x, w.multiply(x, 0.5))
        elif kind < 0.95 and x.ndim:
            y = w.expand_dims(x, axis=int(self.rng.integers(0, x.ndim)))
            y = w.squeeze(w.tanh(y)) if self.rng.random() < 0.5 else y
        else:
            y = w.softmax(x) if x.ndim else w.cast(x, dtype=x.dtype)
        if y.size <= 4000 and y.ndim < 5:
            self.values.append(y)


def _fit(a, b):
    return all(m == n or m == 1 or n == 1 for m, n in zip(a[::-1], b[::-1], strict=False))


@pytest.mark.parametrize("seed", range(60))
def test_fused_agrees_with_op_by_op(seed):
    made = _Random(seed)
    for _ in range(made.rng.integers(3, 14)):
        made.grow()
    last = [made.values[-1], *[v for v in made.values[len(made.arrays):-1] if made.rng.random() < 0.3]]
    close = 1e-4 if made.values[0].dtype == np.float32 else 1e-11
    check(made.w, last, made.arrays, rtol=close, atol=close)
