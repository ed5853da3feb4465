"""Batches of data, whatever it came as: nothing is lost, doubled or torn apart."""
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import numbaflow as nf
from numbaflow.core import dtypes
from numbaflow.keras.engine.training_data import Feed, as_structure, batches, size_of

SHUFFLES = st.sampled_from([False, True, "batch"])


def numbers(tensor):
    return tensor.numpy().ravel().astype(int).tolist()


@given(n=st.integers(1, 70), size=st.integers(1, 80), shuffle=SHUFFLES, passes=st.integers(1, 3))
@settings(max_examples=60, deadline=None)
def test_a_pass_has_every_example_once_beside_its_target_and_weight(n, size, shuffle, passes):
    x = np.arange(n)
    source = batches({"a": x[:, None], "b": [10 * x]}, [x + 1, None], 2 * x, size, shuffle=shuffle)
    assert (source.samples, source.steps) == (n, -(-n // size))
    for _ in range(passes):
        seen, sizes = [], []
        for inputs, (target, none), weight in source.one_pass():
            a = numbers(inputs["a"])
            assert numbers(inputs["b"][0]) == [10 * k for k in a]
            assert numbers(target) == [k + 1 for k in a]
            assert numbers(weight) == [2 * k for k in a]
            assert none is None
            assert size_of(inputs) == len(a)
            seen += a
            sizes.append(len(a))
        assert sorted(seen) == list(range(n))
        assert sorted(sizes, reverse=True) == [size] * (n // size) + [n % size] * (n % size > 0)
        assert shuffle or seen == list(range(n))


@given(n=st.integers(2, 50), share=st.floats(0.01, 0.99), shuffle=SHUFFLES)
@settings(max_examples=40, deadline=None)
def test_a_split_parts_the_examples_where_it_should(n, share, shuffle):
    source = batches(np.arange(n), np.arange(n), None, 4, shuffle=shuffle)
    at = int(n * (1.0 - share))
    if not at:
        with pytest.raises(ValueError, match="leaves 0 for training"):
            source.split(share)
        return
    first, last = source.split(share)
    assert sorted(k for x, _, _ in first.one_pass() for k in numbers(x)) == list(range(at))
    assert [k for x, _, _ in last.one_pass() for k in numbers(x)] == list(range(at, n))


@given(n=st.integers(1, 20), size=st.integers(1, 8), steps=st.integers(1, 12), passes=st.integers(1, 4))
@settings(max_examples=40, deadline=None)
def test_passes_of_so_many_steps_follow_each_other(n, size, steps, passes):
    source = batches(np.arange(n), None, None, size)
    feed = Feed(source, steps)
    found = [numbers(x) for _ in range(passes) for x, _, _ in feed.one_pass()]
    own = [numbers(x) for x, _, _ in source.one_pass()]
    assert found == (own * (1 + passes * steps))[:passes * steps]
    fresh = Feed(source, steps, fresh=True)
    assert [[numbers(x) for x, _, _ in fresh.one_pass()] for _ in range(2)] == [(own * steps)[:steps]] * 2


def test_arrays_are_shared_where_their_dtype_is_right():
    x = np.ones((4, 2), np.float32)
    whole, = batches(x, batch_size=4).one_pass()
    assert np.shares_memory(whole[0]._data, x)
    assert not np.shares_memory(as_structure(x.astype(float), dtypes.FLOAT32, "x")._data, x)
    t = nf.constant(x)
    assert as_structure(t, dtypes.FLOAT32, "x") is t


@pytest.mark.parametrize(("dtype", "expected"), [
    (np.float16, "float32"), (np.float32, "float32"), (np.float64, "float32"), (">f8", "float32"),
    (np.int64, "int64"), (">i4", "int32"), (np.uint8, "uint8"), (bool, "bool"), (np.complex64, "complex64")])
def test_floats_get_the_dtype_of_the_model_and_all_else_keeps_its_own(dtype, expected):
    made = as_structure(np.ones(3, dtype), dtypes.FLOAT32, "x")
    assert made.dtype.name == expected
    assert made._dtype is dtypes.as_numpy(expected)
    assert made.numpy().tolist() == [1, 1, 1]


def test_numbers_written_out_are_one_array_and_arrays_in_a_list_are_several():
    assert as_structure([[1, 2], [3, 4]], dtypes.FLOAT32, "x").shape == (2, 2)
    assert as_structure([1.5, 2], dtypes.FLOAT32, "x").dtype.name == "float32"
    several = as_structure([np.ones(2), nf.Variable([1.0]), {"a": np.zeros(3)}], dtypes.FLOAT64, "x")
    assert [t.dtype.name for t in (several[0], several[1], several[2]["a"])] == ["float64"] * 3
    with pytest.raises(TypeError, match=r"x\[1\]\['a'\]: numbers are expected"):
        as_structure([np.ones(2), {"a": np.array(["b"])}], dtypes.FLOAT32, "x")
