"""Single stages by small examples: selecting, shuffling, batching, windows; their bad arguments."""
import numpy as np
import pytest

import numbaflow as nf

from .oracle import plain, values

Dataset = nf.data.Dataset
InvalidArgumentError = nf.errors.InvalidArgumentError


# ---- arguments
@pytest.mark.parametrize(("call", "said"), [
    (lambda d: d.take(-2), "take: count must be at least -1"),
    (lambda d: d.skip(-2), "skip: count must be at least -1"),
    (lambda d: d.repeat(-3), "repeat: count must be at least -1"),
    (lambda d: d.batch(0), "batch: batch_size must be at least 1"),
    (lambda d: d.padded_batch(0, []), "padded_batch: batch_size must be at least 1"),
    (lambda d: d.shuffle(0), "shuffle: buffer_size must be at least 1"),
    (lambda d: d.shard(0, 0), "num_shards must be at least 1"),
    (lambda d: d.shard(5, 7), "index 7 and num_shards 5"),
    (lambda d: d.shard(5, -1), "index must be at least 0"),
    (lambda d: d.prefetch(-2), "prefetch: buffer_size must be at least -1"),
    (lambda d: d.window(0), "window: size must be at least 1"),
    (lambda d: d.window(1, 0), "window: shift must be at least 1"),
    (lambda d: d.window(1, 1, 0), "window: stride must be at least 1"),
    (lambda d: d.map(abs, 0), "num_parallel_calls must be positive"),
    (lambda d: d.interleave(abs, 0), "cycle_length must be at least 1"),
    (lambda d: d.interleave(abs, 1, 0), "block_length must be at least 1"),
])
def test_numbers_out_of_range(call, said):
    with pytest.raises(InvalidArgumentError, match=said):
        call(Dataset.range(3))


@pytest.mark.parametrize("call", [
    lambda d: d.take(1.5), lambda d: d.batch("2"), lambda d: d.map(3), lambda d: d.filter(None),
    lambda d: d.flat_map([]), lambda d: d.reduce(0, 1), lambda d: d.concatenate([1]),
    lambda d: d.apply(lambda x: 3), lambda d: d.shuffle(2, seed=0.5)])
def test_arguments_of_the_wrong_kind(call):
    with pytest.raises(TypeError):
        call(Dataset.range(3))


def test_sizes_may_be_tensors():
    dataset = Dataset.range(5).skip(nf.constant(1)).take(nf.constant(3, nf.int64))
    assert values(dataset.batch(np.int32(2))) == [[1, 2], [3]]


# ---- selecting
def test_concatenate_refuses_other_types():
    with pytest.raises(TypeError, match=r"have different types: int64\[\] and float32\[\]"):
        Dataset.range(3).concatenate(Dataset.from_tensor_slices([1.0]))
    with pytest.raises(TypeError, match="have different types"):
        Dataset.range(3).concatenate(Dataset.zip((Dataset.range(3),)))


def test_nothing_is_repeated_for_ever():
    assert values(Dataset.range(0).repeat()) == []
    assert values(Dataset.range(3).filter(lambda x: x > 5).repeat()) == []


def test_only_what_is_asked_for_is_made():
    made = []
    dataset = Dataset.range(100).map(lambda x: made.append(int(x)) or x)
    for transformed, count in [(dataset.take(2), 2), (dataset.shard(3, 1), 2), (dataset.skip(4), 5),
                               (dataset.shuffle(6), 6), (dataset.batch(4), 4), (dataset.enumerate(), 1)]:
        made.clear()
        it = iter(transformed)
        assert made == []
        next(it)
        if transformed._stage.name == "take":
            list(it)
        assert made == list(range(count))


# ---- shuffle
def order(dataset):
    return values(dataset)


def test_one_seed_one_order():
    def make():
        return Dataset.range(30).shuffle(10, seed=5)
    assert order(make()) == order(make())
    assert order(make()) != order(Dataset.range(30).shuffle(10, seed=6))
    assert sorted(order(make())) == list(range(30))


def test_the_global_seed_repeats_shuffles_without_one():
    def orders():
        nf.set_random_seed(8)
        return order(Dataset.range(30).shuffle(30)), order(Dataset.range(30).shuffle(30))
    first, second = orders()
    assert first != second
    assert orders() == (first, second)


def test_the_global_seed_counts_for_shuffles_with_one():
    nf.set_random_seed(1)
    first = order(Dataset.range(30).shuffle(30, seed=5))
    nf.set_random_seed(2)
    assert order(Dataset.range(30).shuffle(30, seed=5)) != first


def test_every_pass_has_its_own_order_unless_told():
    dataset = Dataset.range(20).shuffle(20, seed=1)
    passes = [order(dataset), order(dataset), *np.split(np.array(order(dataset.repeat(2))), 2)]
    assert len({tuple(int(i) for i in p) for p in passes}) == 4
    same = Dataset.range(20).shuffle(20, seed=1, reshuffle_each_iteration=False)
    passes = [order(same), order(same), *np.split(np.array(order(same.repeat(2))), 2)]
    assert len({tuple(int(i) for i in p) for p in passes}) == 1


def test_asking_for_types_does_not_count_as_a_pass():
    def make():
        return Dataset.range(20).shuffle(20, seed=1).map(lambda x: x)
    asked = make()
    assert asked.output_types == nf.int64
    assert order(asked) == order(make())


def test_an_element_leaves_no_earlier_than_the_buffer_allows():
    got = order(Dataset.range(1000).shuffle(10, seed=0))
    assert all(place >= x - 9 for place, x in enumerate(got))


def test_shuffles_are_uniform():
    counts = np.zeros((5, 5), int)
    dataset = Dataset.range(5).shuffle(5, seed=0)
    for _ in range(2000):
        for place, x in enumerate(dataset):
            counts[place, int(x)] += 1
    assert abs(counts - 400).max() < 90          # 5 standard deviations


# ---- batch
@pytest.mark.parametrize("wrap", [lambda d: d, lambda d: d.map(lambda *x: x if len(x) > 1 else x[0])])
def test_batches_of_structures(wrap):
    dataset = wrap(Dataset.from_tensor_slices((np.arange(5), (np.arange(10.0).reshape(5, 2), list("abcde")))))
    rows = values(dataset.batch(3))
    assert [r[0] for r in rows] == [[0, 1, 2], [3, 4]]
    assert rows[1][1] == ([[6.0, 7.0], [8.0, 9.0]], [b"d", b"e"])
    assert dataset.batch(3, drop_remainder=True).output_shapes == ((3,), ((3, 2), (3,)))
    assert dataset.batch(3).output_shapes == ((None,), ((None, 2), (None,)))


def test_elements_of_different_shapes_can_not_be_batched():
    dataset = Dataset.range(1, 4).map(lambda n: nf.fill([n], n)).batch(2)
    with pytest.raises(InvalidArgumentError, match=r"element had shape \[1\] and element 1 had shape \[2\]"):
        next(iter(dataset))


def test_elements_of_different_types_or_structures_can_not_be_batched():
    mixed = Dataset.range(4).map(lambda n: n if n < 1 else nf.cast(n, nf.float32))
    with pytest.raises(InvalidArgumentError, match=r"different types: int64\[\] and float32\[\]"):
        next(iter(mixed.batch(2)))
    forms = Dataset.range(4).map(lambda n: n if n < 1 else {"a": n})
    with pytest.raises(InvalidArgumentError, match="different structures"):
        next(iter(forms.batch(2)))
    with pytest.raises(InvalidArgumentError, match="flat_map makes elements of windows"):
        next(iter(Dataset.range(4).window(2).batch(2)))


def test_unbatch():
    assert values(Dataset.from_tensor_slices(([1, 2, 3], list("abc"))).batch(2).unbatch()) == [
        (1, b"a"), (2, b"b"), (3, b"c")]
    with pytest.raises(InvalidArgumentError, match="one length"):
        values(Dataset.from_tensors(([1, 2], [1])).unbatch())
    with pytest.raises(InvalidArgumentError, match="a first axis"):
        values(Dataset.range(3).unbatch())
    assert Dataset.range(6).batch(2).unbatch().map(lambda x: x).output_shapes == ()


# ---- padded_batch
def ragged():
    return Dataset.range(1, 5).map(lambda n: (nf.fill([n], n), nf.data.StringTensor([b"s"] * int(n))))


def test_padding():
    first, second = values(ragged().padded_batch(2, ([None], [-1]), (nf.constant(9, nf.int64), "-")))
    assert first == ([[1, 9], [2, 2]], [[b"s", b"-"], [b"s", b"s"]])
    assert second[0] == [[3, 3, 3, 9], [4, 4, 4, 4]]
    assert values(ragged().padded_batch(4, ([5], [5])))[0][0][0] == [1, 0, 0, 0, 0]
    assert values(ragged().padded_batch(3, drop_remainder=True))[0][1][0] == [b"s", b"", b""]


def test_padding_more_than_one_axis():
    dataset = Dataset.range(1, 3).map(lambda n: nf.ones([n, 3 - n]))
    assert values(dataset.padded_batch(2, [None, 3], -1.0)) == [
        [[[1, 1, -1], [-1, -1, -1]], [[1, -1, -1], [1, -1, -1]]]]
    assert dataset.padded_batch(2, [None, 3]).output_shapes == (None, None, 3)


def test_rows_of_arrays_are_padded_too():
    dataset = Dataset.from_tensor_slices(np.arange(4).reshape(2, 2)).padded_batch(2, [3])
    assert values(dataset) == [[[0, 1, 0], [2, 3, 0]]]


def test_what_can_not_be_padded():
    with pytest.raises(nf.errors.DataLossError, match="pad to a smaller size than the input element"):
        values(ragged().padded_batch(4, ([2], [None])))
    with pytest.raises(InvalidArgumentError, match="expected rank 2"):
        values(ragged().padded_batch(4, ([None, None], [None])))
    with pytest.raises(TypeError, match="padded_shapes"):
        Dataset.range(3).padded_batch(2, ([],))
    with pytest.raises(TypeError, match="does not fit a component of int64"):
        Dataset.range(3).padded_batch(2, [], 0.5)
    with pytest.raises(TypeError, match="must have the structure"):
        Dataset.range(3).padded_batch(2, [], (1, 2))
    with pytest.raises(TypeError, match="must be a scalar"):
        Dataset.range(3).padded_batch(2, [], np.array([1, 2]))


# ---- windows
@pytest.mark.parametrize("arguments", [(3,), (3, 1), (3, 5), (2, 2, 3), (3, 1, 2), (2, 7, 2)])
@pytest.mark.parametrize("drop", [False, True])
@pytest.mark.parametrize("n", [0, 1, 5, 13])
def test_windows(arguments, drop, n):
    size, shift, stride = (*arguments, *(None, 1)[len(arguments) - 1:])
    wanted = []
    for start in range(0, n, shift or size):
        window = list(range(start, n))[:(size - 1) * stride + 1:stride]
        if len(window) == size or not drop:
            wanted.append(window)
    assert [values(w) for w in Dataset.range(n).window(size, shift, stride, drop)] == wanted


def test_windows_of_structures():
    dataset = Dataset.from_tensor_slices({"a": [1, 2, 3], "b": [4.0, 5.0, 6.0]}).window(2)
    first = next(iter(dataset))
    assert (values(first["a"]), values(first["b"])) == ([1, 2], [4.0, 5.0])
    pairs = dataset.flat_map(lambda w: Dataset.zip((w["a"], w["b"])).batch(2))
    assert values(pairs) == [([1, 2], [4.0, 5.0]), ([3], [6.0])]


# ---- cache
def test_a_cache_is_filled_by_the_first_whole_pass():
    calls = []
    dataset = Dataset.range(3).map(lambda x: calls.append(int(x)) or x).cache()
    assert values(dataset.take(2)) == [0, 1]
    assert values(dataset) == values(dataset) == [0, 1, 2]
    assert calls == [0, 1, 0, 1, 2]


def test_a_cache_keeps_the_first_order():
    dataset = Dataset.range(20).shuffle(20).cache()
    assert values(dataset) == values(dataset)
    assert values(dataset.repeat(2)) == values(dataset) * 2


def test_a_cache_in_a_file(tmp_path):
    name, calls = str(tmp_path / "kept"), []

    def make():
        return Dataset.range(4).map(lambda x: calls.append(int(x)) or (x, str(int(x)))).cache(name)
    assert values(make().take(2)) == [(0, b"0"), (1, b"1")]
    assert list(tmp_path.iterdir()) == []
    first = values(make())
    assert calls == [0, 1, 0, 1, 2, 3]
    assert [p.name for p in tmp_path.iterdir()] == ["kept"]
    calls.clear()
    assert values(make().repeat(2)) == first * 2
    assert len(calls) <= 1                          # the form of elements is seen from one
    data = bytearray((tmp_path / "kept").read_bytes())
    data[60] ^= 1
    (tmp_path / "kept").write_bytes(data)
    with pytest.raises(nf.errors.DataLossError, match="corrupted record"):
        values(make())


def test_positions_in_a_cache_file(tmp_path):
    def make():
        return Dataset.range(6).map(lambda x: x).cache(str(tmp_path / "kept")).repeat(2)
    for count in (2, 8):
        it = nf.contrib.eager.Iterator(make())
        for _ in range(count):
            next(it)
        saved, rest = it._saved_values(), values(it)
        again = nf.contrib.eager.Iterator(make())
        again._restore_values(saved)
        assert values(again) == rest


# ---- experimental
def test_transformations():
    e = nf.data.experimental
    assert values(Dataset.range(3).apply(e.enumerate_dataset(2))) == [(2, 0), (3, 1), (4, 2)]
    assert values(Dataset.range(4).batch(2).apply(e.unbatch())) == [0, 1, 2, 3]
    assert sorted(values(Dataset.range(3).apply(e.shuffle_and_repeat(3, 2, seed=1)))) == [0, 0, 1, 1, 2, 2]
    assert values(Dataset.range(4).apply(e.map_and_batch(lambda x: x + 1, 3, num_parallel_calls=2))) == [
        [1, 2, 3], [4]]
    assert values(Dataset.range(4).apply(e.map_and_batch(lambda x: x, 3, 2, True))) == [[0, 1, 2]]
    with pytest.raises(ValueError, match="not both"):
        e.map_and_batch(abs, 2, 1, num_parallel_calls=1)
    assert values(e.Counter(5, -2, nf.int32).take(3)) == [5, 3, 1]
    assert e.cardinality(e.Counter()).numpy() == e.INFINITE_CARDINALITY
    assert e.cardinality(Dataset.range(3).filter(lambda x: True).take(2)).numpy() == e.UNKNOWN_CARDINALITY
    with pytest.raises(InvalidArgumentError, match="got none"):
        e.get_single_element(Dataset.range(0))
    with pytest.raises(InvalidArgumentError, match="got several"):
        e.get_single_element(Dataset.range(3))


def test_scan_keeps_the_kind_of_its_state():
    e = nf.data.experimental
    wrong = Dataset.range(3).apply(e.scan(0, lambda s, x: (nf.cast(s, nf.float32), x)))
    with pytest.raises(TypeError, match=r"must keep its structure and dtypes, int32\[\], got float32\[\]"):
        values(wrong)
    with pytest.raises(TypeError, match="must return a pair"):
        values(Dataset.range(3).apply(e.scan(0, lambda s, x: x)))


def test_reduce():
    pair = Dataset.range(4).reduce((nf.constant(0, nf.int64), [0.5]), lambda s, x: (s[0] + x, s[1] * 2.0))
    assert plain(pair) == (6, [8.0])
    assert Dataset.range(0).reduce(3, lambda s, x: s).numpy() == 3
    with pytest.raises(TypeError, match="reduce: the state must keep"):
        Dataset.range(4).reduce(0, lambda s, x: (s, s))
