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


# ---- the same on lists: functions that give the elements of the pass of a number
def elements(pipeline):
    """The elements of the first pass."""
    size, before, forms, after, batch = pipeline

    def run(turn):
        return list(range(size))
    for name, *args in before + forms + [o for o in after if o[0] != "concatenate"]:
        run = OPERATIONS[name](run, *args)
    items = run(0)
    if batch is None:
        return items
    size, drop = batch
    groups = [items[i:i + size] for i in range(0, len(items), size)]
    return [_stacked(g) for g in groups if len(g) == size or not drop]


def _stacked(group):
    columns = [list(c) for c in zip(*map(nest.flatten, group), strict=True)]
    return nest._packed(group[0], iter(columns)) if nest.is_nested(group[0]) else columns[0]


def _shuffled(run, size, seed, reshuffle):
    start, _ = random_key(seed).numpy().tolist()
    own = reservoir.pass_seed(start, 0, 0)

    def one_pass(turn):
        key = reservoir.pass_seed(own, 0, turn if reshuffle else 0)
        items, buffer, out = run(turn), [], []
        while items or buffer:
            while items and len(buffer) < size:
                buffer.append(items.pop(0))
            drawn = np.empty(1, np.int64)
            reservoir.slots(drawn, len(buffer), 0, key, 0, len(out))
            out.append(buffer[drawn[0]])
            if items:
                buffer[drawn[0]] = items.pop(0)
            else:
                buffer[drawn[0]] = buffer[-1]
                buffer.pop()
        return out
    return one_pass


def _repeated(run, count):
    def one_pass(turn):
        passes = [run(turn * 1_000_003 + k) for k in range(count)]
        ends = [k for k, items in enumerate(passes) if not items]
        return [x for items in passes[:ends[0] if ends else count] for x in items]
    return one_pass


OPERATIONS = {
    "take": lambda run, n: lambda turn: run(turn) if n < 0 else run(turn)[:n],
    "skip": lambda run, n: lambda turn: [] if n < 0 else run(turn)[n:],
    "shard": lambda run, n, i: lambda turn: run(turn)[i::n],
    "repeat": _repeated,
    "shuffle": _shuffled,
    "cache": lambda run: lambda turn: run(0),
    "prefetch": lambda run, n: run,
    "concatenate": lambda run, n: lambda turn: run(turn) + list(range(100, 100 + n)),
    "enumerate": lambda run, start: lambda turn: list(enumerate(run(turn), start)),
    "zip": lambda run, n, named: lambda turn: [{"b": x, "a": y} if named else (y, x)
                                               for x, y in zip(run(turn), range(50, 50 + n), strict=False)],
}
