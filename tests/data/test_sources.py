"""Sources: what elements they give and what they refuse."""
from collections import OrderedDict, namedtuple

import numpy as np
import pytest

import numbaflow as nf

from .oracle import plain, values

Dataset = nf.data.Dataset
InvalidArgumentError = nf.errors.InvalidArgumentError
Point = namedtuple("Point", "x y")


# ---- structures
def test_a_list_becomes_one_tensor_and_other_structures_stay():
    given = (Point([1, 2], (3.0, {"b": [4.0], "a": True})), OrderedDict([("z", 5), ("c", 6)]))
    element, = Dataset.from_tensors(given)
    assert isinstance(element[0], Point)
    assert isinstance(element[1], OrderedDict)
    assert list(element[1]) == ["z", "c"]
    assert plain(element) == ((([1, 2]), (3.0, {"b": [4.0], "a": True})), {"z": 5, "c": 6})
    assert Dataset.from_tensors(given).output_types[0].y[1]["a"] == nf.bool


def test_slices_of_structures():
    given = {"x": np.arange(4).reshape(2, 2), "y": ([1.0, 2.0], ["a", "b"])}
    rows = values(Dataset.from_tensor_slices(given))
    assert rows == [{"x": [0, 1], "y": (1.0, b"a")}, {"x": [2, 3], "y": (2.0, b"b")}]


def test_tensors_are_shared_and_arrays_copied():
    t, a = nf.constant([1.0, 2.0]), np.array([1.0, 2.0])
    (x, y), _ = Dataset.from_tensor_slices((t, a))
    assert np.shares_memory(x._data, t._data)
    assert not np.shares_memory(y._data, a)


def test_variables_give_their_value():
    v = nf.Variable([1.0, 2.0])
    dataset = Dataset.from_tensor_slices(v)
    v.assign([5.0, 6.0])
    assert values(dataset) == [1.0, 2.0]


@pytest.mark.parametrize(("given", "said"), [
    (3.0, "with an axis to slice"), (([1, 2], 3), "with an axis to slice"),
    (([1, 2], [1, 2, 3]), r"same length, got \(int32\[2\], int32\[3\]\)"), ((), "at least one tensor"),
    (None, "got None"), ({"a": object()}, "got object")])
def test_what_has_no_slices(given, said):
    with pytest.raises((InvalidArgumentError, TypeError), match=said):
        Dataset.from_tensor_slices(given)


def test_a_ragged_list_is_no_tensor():
    with pytest.raises(TypeError, match="from_tensors: an element must be a tensor"):
        Dataset.from_tensors([[1], [2, 3]])


# ---- range
@pytest.mark.parametrize("args", [(5,), (2, 5), (5, 2), (5, 0, -2), (0, 10, 3), (-3, 3), (nf.constant(4),)])
def test_range_is_pythons(args):
    assert values(Dataset.range(*args)) == list(range(*map(int, args)))
    assert Dataset.range(*args).output_types == nf.int64


@pytest.mark.parametrize(("args", "error", "said"), [
    ((), ValueError, "Invalid arguments to RangeDataset"), ((1, 2, 0), ValueError, "step must not be 0"),
    ((1, 2, 3, 4), ValueError, "Invalid arguments"), ((1.5,), TypeError, "expected integers")])
def test_range_refuses(args, error, said):
    with pytest.raises(error, match=said):
        Dataset.range(*args)


# ---- generators
def test_a_generator_is_called_for_every_pass():
    calls = []

    def generator(n):
        calls.append(type(n).__name__)
        for i in range(n):
            yield i, [float(i)] * 2
    dataset = Dataset.from_generator(generator, (nf.int64, nf.float32), ([], [None]), args=(3,))
    assert values(dataset.repeat(2)) == [(0, [0, 0]), (1, [1, 1]), (2, [2, 2])] * 2
    assert calls == ["int32", "int32"]
    assert dataset.output_shapes == ((), (None,))


def test_generators_of_dicts_and_strings():
    dataset = Dataset.from_generator(lambda: iter([{"a": "x", "b": [1]}, {"b": [2, 3], "a": b"y"}]),
                                     {"a": nf.string, "b": nf.int32})
    assert values(dataset) == [{"a": b"x", "b": [1]}, {"a": b"y", "b": [2, 3]}]


@pytest.mark.parametrize(("wrong", "types", "shapes", "said"), [
    ("ERROR", nf.int64, None, "The expected type was int64"),
    ([4.5, 5.0, 6.0], nf.int64, None, "The expected type was int64"),
    ([1, 2], nf.int64, (3,), r"of shape \(2,\) where an element of shape \(3,\) was expected"),
    (7, (nf.int64, nf.int64), None, r"expected structure was \(tf.int64, tf.int64\)"),
    ({"a": 1}, nf.int64, None, "The expected structure was tf.int64"),
])
def test_a_wrong_element_raises_and_the_next_follows(wrong, types, shapes, said):
    good = ([1, 2, 3], [1, 2, 3]) if isinstance(types, tuple) else [1, 2, 3]
    it = iter(Dataset.from_generator(lambda: iter([good, wrong, good]), types, shapes))
    first = plain(next(it))
    with pytest.raises(InvalidArgumentError, match=said):
        next(it)
    assert plain(next(it)) == first
    assert next(it, None) is None


def test_a_generators_own_error_comes_out_and_ends_it():
    def generator():
        yield 1
        raise KeyError("lost")
    it = iter(Dataset.from_generator(generator, nf.int64))
    next(it)
    with pytest.raises(KeyError, match="lost") as caught:
        next(it)
    assert caught.value.__notes__ == ["raised in the generator of from_generator"]
    assert next(it, None) is None


def test_what_generators_must_be():
    with pytest.raises(TypeError, match="`generator` must be callable"):
        Dataset.from_generator([1, 2], nf.int64)
    with pytest.raises(TypeError, match="is not a dtype"):
        Dataset.from_generator(list, "float17")
    with pytest.raises(TypeError, match="tuple or dict of dtypes"):
        Dataset.from_generator(list, [nf.int64])
    with pytest.raises(TypeError, match="output_shapes"):
        Dataset.from_generator(list, (nf.int64, nf.int64), ((3,),))


# ---- zip, files, others
def test_zip_refuses_what_is_no_structure_of_datasets():
    a = Dataset.range(3)
    for wrong in ([a, a], (a, [1, 2]), (a, 3)):
        with pytest.raises(TypeError, match="zip: the argument must be"):
            Dataset.zip(wrong)


def test_zip_of_a_nested_structure():
    a = Dataset.range(2)
    assert values(Dataset.zip((a, {"k": (a, a)}))) == [(0, {"k": (0, 0)}), (1, {"k": (1, 1)})]


def test_list_files(tmp_path):
    for name in ("a.txt", "b.txt", "c.dat"):
        (tmp_path / name).touch()
    pattern = str(tmp_path / "*.txt")
    names = [str(tmp_path / n).encode() for n in ("a.txt", "b.txt")]
    assert values(Dataset.list_files(pattern, shuffle=False)) == names
    assert sorted(values(Dataset.list_files([pattern, str(tmp_path / "c.*")]))) == [
        *names, str(tmp_path / "c.dat").encode()]
    with pytest.raises(InvalidArgumentError, match="No files matched pattern"):
        Dataset.list_files(str(tmp_path / "*.png"))


def test_a_dataset_is_made_by_its_methods():
    with pytest.raises(TypeError, match="from_tensor_slices"):
        Dataset()


def test_options_change_nothing():
    dataset = Dataset.range(3)
    assert values(dataset.with_options(dataset.options())) == [0, 1, 2]
    with pytest.raises(TypeError, match="with_options"):
        dataset.with_options({})


# ---- strings
def test_string_tensors():
    batch, = Dataset.from_tensor_slices(["red", "blue"]).batch(2)
    assert batch.dtype is nf.string
    assert batch.shape == (2,)
    assert batch.numpy().tolist() == [b"red", b"blue"]
    assert bytes(batch[1]) == b"blue"
    assert (batch == "red").tolist() == [True, False]
    assert len(batch) == 2
    assert [s.numpy() for s in batch] == [b"red", b"blue"]
    assert repr(batch[0]) == "<nf.StringTensor: shape=(), value=b'red'>"
    with pytest.raises(TypeError, match="one string"):
        bytes(batch)
    with pytest.raises(TypeError, match="Scalar"):
        len(batch[0])
    with pytest.raises(TypeError, match="must be str or bytes"):
        nf.data.StringTensor([1, 2])
    assert nf.data.StringTensor(b"a\0").numpy() == b"a\0"
