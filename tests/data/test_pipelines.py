"""Any pipeline gives what the same operations on lists give, on indices and element by element."""
import numpy as np
import pytest
from hypothesis import given, settings

import numbaflow as nf

from .oracle import build, elements, pipelines, plain, values


@settings(max_examples=250, deadline=None)
@given(pipelines)
def test_a_pipeline_gives_what_lists_give(pipeline):
    wanted = elements(pipeline)
    assert values(build(pipeline)) == wanted
    assert values(build(pipeline, elementwise=True)) == wanted


@settings(max_examples=60, deadline=None)
@given(pipelines)
def test_the_next_iterator_agrees_on_both_paths(pipeline):
    fast, slow = build(pipeline), build(pipeline, elementwise=True)
    for _ in range(3):
        assert values(fast.take(2)) == values(slow.take(2))
        assert values(fast) == values(slow)


@settings(max_examples=60, deadline=None)
@given(pipelines)
def test_cardinality_is_the_number_of_elements(pipeline):
    size = nf.data.experimental.cardinality(build(pipeline)).numpy()
    assert size == len(values(build(pipeline)))


@settings(max_examples=60, deadline=None)
@given(pipelines)
def test_types_and_shapes_are_those_of_elements(pipeline):
    dataset = build(pipeline)
    types, shapes = dataset.output_types, dataset.output_shapes
    for x in dataset:
        assert nf.core.nest.map_structure(lambda leaf: leaf.dtype, x) == types
        for leaf, shape in zip(nf.core.nest.flatten(x), _shapes(shapes), strict=True):
            assert shape.is_compatible_with(leaf.shape)


def _shapes(shapes):
    if isinstance(shapes, nf.TensorShape):
        return [shapes]
    return [shapes[k] for k in sorted(shapes)] if isinstance(shapes, dict) else list(shapes)


def test_endless_pipelines_agree_on_both_paths():
    def build(source):
        return source.repeat().shuffle(7, seed=3).skip(5).shard(3, 1).repeat().enumerate().take(100).batch(9)
    source = nf.data.Dataset.range(10)
    assert values(build(source)) == values(build(source.map(lambda x: x)))


def test_rows_of_every_dtype_and_shape_are_gathered():
    rng = np.random.default_rng(0)
    arrays = tuple((rng.standard_normal((50, *shape)) * 100).astype(dtype)
                   for dtype in ("float32", "float64", "int8", "uint16", "bool", "complex64", "complex128")
                   for shape in ((), (3,), (2, 3), (0,)))
    dataset = nf.data.Dataset.from_tensor_slices(arrays)
    order = [int(i) for i in values(nf.data.Dataset.range(50).shuffle(20, seed=1))]
    for k, batch in enumerate(dataset.shuffle(20, seed=1).batch(8)):
        for array, part in zip(arrays, batch, strict=True):
            np.testing.assert_array_equal(part.numpy(), array[order[8 * k:8 * k + 8]])
            assert part.dtype == array.dtype


def test_large_batches_are_gathered_in_threads():
    x = np.arange(3000 * 400, dtype="float32").reshape(3000, 400)
    dataset = nf.data.Dataset.from_tensor_slices(x).shuffle(3000, seed=2)
    order = [row[0].numpy() // 400 for row in dataset]
    again = nf.data.Dataset.from_tensor_slices(x).shuffle(3000, seed=2).batch(2000)
    got = np.concatenate([b.numpy() for b in again])
    np.testing.assert_array_equal(got, x[np.array(order, int)])


def test_elements_are_views_that_stay_as_they_are():
    x = np.arange(6.0).reshape(3, 2)
    dataset = nf.data.Dataset.from_tensor_slices(x)
    rows = list(dataset)
    x[:] = 0
    assert [plain(r) for r in rows] == [[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]]


@pytest.mark.parametrize("wrap", [lambda d: d, lambda d: d.map(lambda x: x)])
def test_concatenate_joins_rows_of_different_shapes_one_by_one(wrap):
    a = wrap(nf.data.Dataset.from_tensor_slices(np.zeros((2, 1))))
    b = wrap(nf.data.Dataset.from_tensor_slices(np.zeros((1, 3))))
    assert [x.shape for x in a.concatenate(b)] == [(1,), (1,), (3,)]
