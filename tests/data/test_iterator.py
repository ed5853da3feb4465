"""Iterators: their ends, their independence, their positions."""
import gc
import tracemalloc
from collections import namedtuple

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import numbaflow as nf
from numbaflow.data.state import from_bytes

from .oracle import build, pipelines, plain, values

Dataset = nf.data.Dataset
tfe = nf.contrib.eager


def position(iterator):
    saved = iterator._saved_values()
    return {name: np.array(value) for name, value in saved.items()}


def restored(dataset, saved):
    iterator = tfe.Iterator(dataset)
    iterator._check_values(saved)
    iterator._restore_values(saved)
    return iterator


def test_the_end_stays_the_end():
    it = tfe.Iterator(Dataset.range(1))
    assert it.next().numpy() == 0
    for _ in range(2):
        with pytest.raises(nf.errors.OutOfRangeError, match="End of sequence"):
            it.get_next()
        with pytest.raises(StopIteration):
            next(it)


def test_iterators_are_independent():
    dataset = Dataset.range(4)
    a, b = tfe.Iterator(dataset), dataset.make_one_shot_iterator()
    assert [next(a).numpy(), next(a).numpy(), next(b).numpy(), next(a).numpy()] == [0, 1, 0, 2]
    assert values(b) == [1, 2, 3]


def test_what_an_iterator_says_of_elements():
    it = tfe.Iterator(Dataset.from_tensors(([1.0, 2.0], "a")))
    assert it.output_types == (nf.float32, nf.string)
    assert it.output_shapes == ((2,), ())
    assert it.output_classes == (nf.Tensor, nf.data.StringTensor)


def test_an_iterator_needs_a_dataset():
    with pytest.raises(TypeError, match="must be an instance of"):
        tfe.Iterator([1, 2])


def test_graph_iterators_are_refused():
    with pytest.raises(RuntimeError, match="not supported when eager execution is enabled"):
        Dataset.range(1).make_initializable_iterator()


# ---- positions
@settings(max_examples=120, deadline=None)
@given(pipelines, st.integers(0, 12), st.booleans())
def test_a_restored_iterator_goes_on_where_the_other_was(pipeline, count, elementwise):
    it = tfe.Iterator(build(pipeline, elementwise))
    for _ in range(count):
        next(it, None)
    saved = position(it)
    rest = values(it)
    assert values(restored(build(pipeline, elementwise), saved)) == rest
    assert values(restored(build(pipeline, elementwise), saved)) == rest


Pair = namedtuple("Pair", "x y")


def numbers(n):
    yield from range(n)


STAGES = {
    "generator": lambda: Dataset.from_generator(lambda: numbers(30), nf.int64),
    "generator in a shuffle": lambda: Dataset.from_generator(lambda: numbers(30), nf.int64).shuffle(7),
    "named tuples": lambda: Dataset.range(30).map(lambda x: Pair(x, x + 1)).shuffle(7),
    "strings": lambda: Dataset.from_tensor_slices([str(i) for i in range(30)]).map(lambda s: s).shuffle(5),
    "parallel map": lambda: Dataset.range(30).shuffle(9).map(lambda x: x * 2, 3),
    "prefetch": lambda: Dataset.range(30).shuffle(9).map(lambda x: x * 2).prefetch(4),
    "prefetch, batch, repeat": lambda: Dataset.range(10).map(lambda x: (x, {"a": x})).batch(3).prefetch(2)
                                              .repeat(3),
    "flat_map": lambda: Dataset.range(9).shuffle(4).flat_map(lambda n: Dataset.range(n).shuffle(3, seed=1)),
    "interleave": lambda: Dataset.range(9).interleave(lambda n: Dataset.range(10 * n, 10 * n + 4), 3, 2),
    "parallel interleave": lambda: Dataset.range(9).interleave(lambda n: Dataset.range(10 * n, 10 * n + 4),
                                                               3, 2, 2),
    "filter": lambda: Dataset.range(40).filter(lambda x: x % 3 == 0).shuffle(4),
    "padded": lambda: Dataset.range(20).shuffle(5).map(lambda n: nf.fill([n], n)).padded_batch(3, [None]),
    "unbatch": lambda: Dataset.range(20).batch(6).shuffle(2).unbatch(),
    "window": lambda: Dataset.range(25).map(lambda x: x).window(4, 3, 2).flat_map(lambda w: w.batch(4)),
    "flat_map whose first dataset is empty": lambda: Dataset.range(9).flat_map(
        lambda n: Dataset.range(n).map(lambda x: x)).map(lambda x: x).shuffle(5),
    "concatenate after nothing": lambda: Dataset.range(0).map(lambda x: x).concatenate(
        Dataset.range(20).map(lambda x: x)).shuffle(5),
    "scan": lambda: Dataset.range(20).apply(nf.data.experimental.scan(
        nf.constant(0, nf.int64), lambda s, x: (s + x, s * x))),
    "take_while": lambda: Dataset.range(20).apply(nf.data.experimental.take_while(lambda x: x < 9)).repeat(2),
    "cache": lambda: Dataset.range(10).shuffle(9).map(lambda x: x).cache().repeat(3),
}


@pytest.mark.parametrize("make", STAGES.values(), ids=STAGES)
@pytest.mark.parametrize("count", [0, 1, 5, 11])
def test_positions_within_every_stage(make, count):
    it = tfe.Iterator(make())
    for _ in range(count):
        next(it, None)
    saved = position(it)
    rest = values(it)
    assert values(restored(make(), saved)) == rest


def test_an_iterator_can_be_set_back():
    it = tfe.Iterator(Dataset.range(100).shuffle(50).map(lambda x: x).prefetch(2))
    first = [next(it).numpy() for _ in range(10)]
    saved = position(it)
    after = [next(it).numpy() for _ in range(10)]
    it._restore_values(saved)
    assert [next(it).numpy() for _ in range(10)] == after
    assert len(set(first) | set(after)) == 20


def test_a_restored_generator_runs_again_so_far():
    asked = []

    def generator():
        for i in range(5):
            asked.append(i)
            yield i
    dataset = Dataset.from_generator(generator, nf.int64)
    it = tfe.Iterator(dataset)
    next(it), next(it)
    again = restored(dataset, position(it))
    assert asked == [0, 1, 0, 1]
    assert next(again).numpy() == 2


def test_a_position_of_another_pipeline_is_refused():
    saved = position(tfe.Iterator(Dataset.range(3).batch(2)))
    other = tfe.Iterator(Dataset.range(3))
    with pytest.raises(ValueError, match="range -> batch, not of range"):
        other._check_values(saved)
    with pytest.raises(ValueError, match="ITERATOR_STATE"):
        other._check_values({})
    with pytest.raises(ValueError, match="no saved position"):
        from_bytes(np.zeros(20, np.uint8))
    assert values(other) == [0, 1, 2]


def test_indices_of_a_larger_dataset_are_refused_when_read():
    it = tfe.Iterator(Dataset.from_tensor_slices(np.arange(100.0)).batch(5))
    next(it)
    smaller = restored(Dataset.from_tensor_slices(np.arange(10.0)).batch(5), position(it))
    with pytest.raises(IndexError, match=r"is not in \[0, 10\)"):
        values(smaller)


def test_windows_in_a_buffer_are_saved_and_other_datasets_not():
    def windows():
        return Dataset.range(9).window(2).shuffle(3)
    it = tfe.Iterator(windows())
    next(it)
    saved = position(it)
    assert list(map(values, restored(windows(), saved))) == list(map(values, it))
    it = tfe.Iterator(Dataset.range(9).map(Dataset.range).shuffle(3))
    next(it)
    with pytest.raises(nf.errors.FailedPreconditionError, match="while it holds <Dataset range>"):
        it._saved_values()


# ---- memory
def test_a_thousand_passes_leave_memory_as_it_was():
    dataset = Dataset.from_tensor_slices((np.zeros((64, 8)), np.arange(64))).shuffle(64).batch(16)
    mapped = dataset.map(lambda x, y: (x, y)).repeat(2)

    def run(times):
        for _ in range(times):
            for _ in dataset:
                pass
            for x in mapped:
                plain(x)
    run(20)
    gc.collect()
    tracemalloc.start()
    run(20)
    before = tracemalloc.get_traced_memory()[0]
    run(500)
    gc.collect()
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert grown < 20_000


# ---- checkpoints
def test_a_checkpoint_holds_the_position(tmp_path):
    def make():
        return tfe.Iterator(Dataset.from_tensor_slices(np.arange(50)).shuffle(20).batch(4).repeat(2))
    it = make()
    for _ in range(5):
        next(it)
    path = nf.train.Checkpoint(iterator=it).save(str(tmp_path / "ckpt"))
    rest = values(it)
    again = make()
    nf.train.Checkpoint(iterator=again).restore(path).assert_consumed()
    assert values(again) == rest
    other = tfe.Iterator(Dataset.range(3))
    with pytest.raises(ValueError, match="not of range"):
        nf.train.Checkpoint(iterator=other).restore(path)
    assert values(other) == [0, 1, 2]
