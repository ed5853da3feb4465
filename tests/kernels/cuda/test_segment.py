"""Segment reductions on the simulated device give what the CPU gives, for runs of every length."""
import numpy as np
import pytest
from numbaflow.kernels import segment as on_cpu
from numbaflow.kernels.cuda import backend, jit, segment

SORTED = ["segment_sum", "segment_mean", "segment_prod", "segment_max", "segment_min"]
UNSORTED = [f"unsorted_{name}" for name in SORTED]


@pytest.fixture(params=[False, True], ids=["any order", "deterministic"])
def order(request):
    before = jit.deterministic()
    jit.set_deterministic(request.param)
    yield
    jit.set_deterministic(before)


def there(x):
    return backend.current().from_host(np.asarray(x))


def back(x):
    return backend.current().to_host(x)


def numbers(*shape, dtype="float32", low=-2):
    return (np.arange(np.prod(shape, dtype=int)).reshape(shape) * 3 % 5 + low).astype(dtype)


def agree(name, data, ids, *more):
    found = back(getattr(segment, name)(there(data), there(ids), *more))
    expected = getattr(on_cpu, name)(data, ids, *more)
    assert found.dtype == expected.dtype
    np.testing.assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.parametrize("name", SORTED)
@pytest.mark.parametrize("dtype", ["int8", "uint32", "int64", "uint64", "float32", "float64"])
def test_sorted_ids(name, dtype):
    ids = np.array([0, 0, 1, 3, 3, 3], "int32")
    for width in ((), (2,), (40,)):
        agree(name, numbers(6, *width, dtype=dtype, low=-2 if dtype[0] != "u" else 0), ids)


@pytest.mark.parametrize("name", SORTED)
@pytest.mark.parametrize(("count", "width"), [(60, (3,)), (700, ()), (700, (3,)), (520, (40,))])
def test_long_runs(name, count, width):
    ids = np.repeat([0, 2], [count // 3, count - count // 3])
    agree(name, numbers(count, *width, dtype="float64") * 0.5 + 1, ids)


@pytest.mark.parametrize("name", SORTED[:3])
def test_complex_numbers(name, order):
    data = numbers(40, 2, dtype="complex64") * (1 + 0.5j)
    ids = np.repeat([0, 1], [3, 37])
    agree(name, data, ids)
    agree(f"unsorted_{name}", data, ids[::-1].copy(), 3)


@pytest.mark.parametrize("name", ["segment_max", "segment_min"])
def test_bools(name):
    data, ids = np.array([[True, False], [False, False], [True, True]]), np.array([0, 0, 2])
    agree(name, data, ids)


def test_ids_that_are_not_sorted_are_refused():
    for ids, what in [([0, 2, 1], "1 comes after 2, at position 2"), ([-1, 0, 0], "-1 comes first")]:
        with pytest.raises(ValueError, match=what):
            segment.segment_sum(there(numbers(3)), there(ids))


def test_no_rows():
    assert segment.segment_sum(there(numbers(0, 2)), there(np.zeros(0, int))).shape == (0, 2)
    found = segment.unsorted_segment_max(there(numbers(0, 2)), there(np.zeros(0, int)), 2)
    np.testing.assert_array_equal(back(found), np.full((2, 2), np.finfo("float32").min))


@pytest.mark.parametrize("name", [*UNSORTED, "unsorted_segment_sqrt_n"])
@pytest.mark.parametrize("dtype", ["int16", "float32", "float64"])
def test_unsorted_ids(name, dtype, order):
    if name.endswith("sqrt_n") and dtype == "int16":
        return
    agree(name, numbers(6, 3, dtype=dtype), np.array([2, 0, 2, -1, 0, 2]), 4)
    agree(name, numbers(2, 3, dtype=dtype), np.array([[0, 1, 0], [1, 1, 3]]), 4)
    agree(name, numbers(90, dtype=dtype) % 2 + 1, np.arange(90) * 7 % 2, 3)


def test_ids_that_are_too_large_are_left_out(order):
    data, ids = numbers(4, 2), there([0, 5, 1, 2])
    found = segment.unsorted_segment_sum(there(data), ids, 2)
    np.testing.assert_array_equal(back(found), data[[0, 2]])
    np.testing.assert_array_equal(back(segment.spread(there(data), ids)), [data[0], [0, 0], data[1], data[2]])


@pytest.mark.parametrize("ids", [[2, 0, 2, -1, 0, 2], [[1, 0], [1, 1]], []])
def test_slots(ids):
    ids = np.array(ids, int)
    for found, expected in zip(segment.slots(there(ids), 4), on_cpu.slots(ids, 4), strict=True):
        np.testing.assert_array_equal(back(found), expected)
