"""Pipelines as lists of operations: built as datasets, on indices or on elements, and as plain lists."""
import numpy as np
from hypothesis import strategies as st
from numbaflow.kernels import reservoir

import numbaflow as nf
from numbaflow.core import nest
from numbaflow.ops.random import random_key

Dataset = nf.data.Dataset


def plain(element):
    """An element as nested Python values."""
    return nest.map_structure(lambda leaf: leaf.numpy().tolist() if hasattr(leaf.numpy(), "tolist")
                              else leaf.numpy(), element)


def values(dataset):
    """All elements as nested Python values."""
    return [plain(x) for x in dataset]


# ---- operations: (name, arguments)
small = st.integers(0, 9)
_ORDER = [
    st.tuples(st.just("take"), st.integers(-1, 9)),
    st.tuples(st.just("skip"), st.integers(-1, 6)),
    st.tuples(st.just("repeat"), st.integers(0, 3)),
    st.integers(1, 4).flatmap(lambda n: st.tuples(st.just("shard"), st.just(n), st.integers(0, n - 1))),
    st.tuples(st.just("shuffle"), st.integers(1, 12), st.integers(0, 3), st.booleans()),
    st.tuples(st.just("cache")),
    st.tuples(st.just("concatenate"), st.integers(0, 4)),
    st.tuples(st.just("prefetch"), st.integers(0, 3)),
]
_FORM = [
    st.tuples(st.just("zip"), st.integers(0, 9), st.booleans()),
    st.tuples(st.just("enumerate"), small),
]
pipelines = st.tuples(st.integers(0, 12), st.lists(st.one_of(*_ORDER), max_size=5),
                      st.lists(st.one_of(*_FORM), max_size=1),
                      st.lists(st.one_of(_ORDER), max_size=3),
                      st.one_of(st.none(), st.tuples(st.integers(1, 5), st.booleans())))


def build(pipeline, elementwise=False):
    """The dataset of a pipeline; elementwise hides that its source is an array."""
    size, before, forms, after, batch = pipeline
    hide = (lambda d: d.map(lambda x: x)) if elementwise else lambda d: d
    dataset = hide(Dataset.from_tensor_slices(np.arange(size)))
    for name, *args in before:
        if name == "concatenate":
            dataset = dataset.concatenate(hide(Dataset.from_tensor_slices(np.arange(100, 100 + args[0]))))
        else:
            dataset = getattr(dataset, name)(*args)
    for name, *args in forms:
        if name == "zip":
            other = hide(Dataset.from_tensor_slices(np.arange(50, 50 + args[0])))
            dataset = Dataset.zip({"b": dataset, "a": other} if args[1] else (other, dataset))
        else:
            dataset = dataset.enumerate(*args)
    for name, *args in after:
        if name != "concatenate":
            dataset = getattr(dataset, name)(*args)
    return dataset if batch is None else dataset.batch(*batch)


# ---- the same on lists: a function that gives the elements of the next pass
def passes(pipeline):
    """A function without arguments that gives the elements of one pass, and of the next when called again."""
    size, before, forms, after, batch = pipeline

    def run():
        return list(range(size))
    for name, *args in before:
        run = OPERATIONS[name](run, *args)
    for name, *args in forms:
        run = OPERATIONS[name](run, *args)
    for name, *args in after:
        if name != "concatenate":
            run = OPERATIONS[name](run, *args)
    return run if batch is None else batched(run, *batch)


def _shuffled(run, size, seed, reshuffle):
    start, _ = random_key(seed).numpy().tolist()
    number = -1

    def one_pass():
        nonlocal number
        number = number + 1 if reshuffle else 0
        own = reservoir.pass_seed(reservoir.pass_seed(start, 0, 0), 0, number)
        items, buffer, out = run(), [], []
        while items or buffer:
            while items and len(buffer) < size:
                buffer.append(items.pop(0))
            drawn = np.empty(1, np.int64)
            reservoir.slots(drawn, len(buffer), 0, own, 0, len(out))
            out.append(buffer[drawn[0]])
            if items:
                buffer[drawn[0]] = items.pop(0)
            else:
                buffer[drawn[0]] = buffer[-1]
                buffer.pop()
        return out
    return one_pass


def _repeated(run, count):
    def one_pass():
        out = []
        for _ in range(count):
            items = run()
            if not items:
                break
            out += items
        return out
    return one_pass


def _cached(run):
    kept = []

    def one_pass():
        if not kept:
            kept.append(run())
        return list(kept[0])
    return one_pass


def batched(run, size, drop):
    def one_pass():
        items = run()
        groups = [items[i:i + size] for i in range(0, len(items), size)]
        return [_stacked(g) for g in groups if len(g) == size or not drop]
    return one_pass


def _stacked(group):
    columns = [list(c) for c in zip(*map(nest.flatten, group), strict=True)]
    return nest._packed(group[0], iter(columns)) if nest.is_nested(group[0]) else columns[0]


OPERATIONS = {
    "take": lambda run, n: lambda: run() if n < 0 else run()[:n],
    "skip": lambda run, n: lambda: [] if n < 0 else run()[n:],
    "shard": lambda run, n, i: lambda: run()[i::n],
    "repeat": _repeated,
    "shuffle": _shuffled,
    "cache": _cached,
    "prefetch": lambda run, n: run,
    "concatenate": lambda run, n: lambda: run() + list(range(100, 100 + n)),
    "enumerate": lambda run, start: lambda: list(enumerate(run(), start)),
    "zip": lambda run, n, named: lambda: [{"b": x, "a": y} if named else (y, x)
                                          for x, y in zip(run(), range(50, 50 + n), strict=False)],
}
