"""Gathers on the simulated device give what the CPU gives; indices out of range pick zeros."""
import numpy as np
import pytest
from numbaflow.kernels import index as on_cpu
from numbaflow.kernels.cuda import backend, index, prefix


def there(x):
    return backend.current().from_host(np.asarray(x))


def back(x):
    return backend.current().to_host(x)


def numbers(*shape, dtype="float32"):
    return (np.arange(np.prod(shape, dtype=int)).reshape(shape) * 3 % 101).astype(dtype)


@pytest.mark.parametrize("dtype", ["bool", "int16", "float32", "float64", "complex64", "complex128"])
@pytest.mark.parametrize("places", ["int8", "int32", "int64", "uint64"])
def test_rows_of_every_dtype(dtype, places):
    x, at = numbers(5, 3, dtype=dtype), np.array([[4, 0], [2, 2]], places)
    np.testing.assert_array_equal(back(index.gather(there(x), there(at))), x[at])


@pytest.mark.parametrize(("shape", "picked", "axis", "batch"), [
    ((4,), (3,), 0, 0), ((4, 70), (5,), 0, 0), ((2, 4, 3), (5,), 1, 0), ((2, 4), (), -1, 0),
    ((2, 3, 4), (2, 5), 1, 1), ((2, 3, 4, 5), (2, 6), 2, 1), ((2, 3, 4), (2, 3, 2), 2, 2),
    ((3, 2), (0,), 0, 0)])
def test_axes_and_batches(shape, picked, axis, batch):
    x, at = numbers(*shape), numbers(*picked, dtype="int64") % shape[axis]
    found = index.gather(there(x), there(at), axis, batch)
    np.testing.assert_array_equal(back(found), on_cpu.gather(x, at, axis, batch))


def test_strided_operands():
    x, at = numbers(6, 4), np.arange(6)
    found = index.gather(there(x).T[::-1], there(at)[3:0:-2])
    np.testing.assert_array_equal(back(found), x.T[::-1][[3, 1]])


def test_indices_out_of_range_pick_zeros():
    x = numbers(3, 2) + 1
    zero = np.zeros(2)
    np.testing.assert_array_equal(back(index.gather(there(x), there([3, 1, -1]))), [zero, x[1], zero])
    found = index.gather_nd(there(x), there([[0, 2], [2, 1], [-1, 0]]))
    np.testing.assert_array_equal(back(found), [0, x[2, 1], 0])
    found = index.take_along_axis(there(x), there([[2, -5]]), 0)
    np.testing.assert_array_equal(back(found), [[x[2, 0], 0]])


@pytest.mark.parametrize("m", [0, 1, 3, 5, 6])
def test_coordinates_of_any_number(m):
    x = numbers(2, 3, 2, 2, 3, 2)
    at = numbers(4, m, dtype="int64") % np.array(x.shape[:m], int)
    np.testing.assert_array_equal(back(index.gather_nd(there(x), there(at))), on_cpu.gather_nd(x, at))


def test_coordinates_in_batches():
    x, at = numbers(2, 3, 4), numbers(2, 3, 2, 1, dtype="int64") % 4
    np.testing.assert_array_equal(back(index.gather_nd(there(x), there(at), 2)), on_cpu.gather_nd(x, at, 2))


@pytest.mark.parametrize("dtype", ["float32", "complex128"])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_an_index_for_each_element(axis, dtype):
    x = numbers(2, 3, 4, dtype=dtype)
    shape = [2, 3, 4]
    shape[axis] = 5
    at = numbers(*shape, dtype="int32") % x.shape[axis]
    found = index.take_along_axis(there(x), there(at), axis)
    np.testing.assert_array_equal(back(found), np.take_along_axis(x, at, axis))


@pytest.mark.parametrize("dtype", ["bool", "int8", "float32", "complex64", "complex128"])
@pytest.mark.parametrize("axis", [0, 1, -1])
def test_one_hot(dtype, axis):
    at = np.array([[0, 3, -1], [2, 1, 9]])
    found = index.one_hot(there(at), 4, 1, 0, axis, dtype)
    np.testing.assert_array_equal(back(found), on_cpu.one_hot(at, 4, 1, 0, axis, dtype))


@pytest.mark.parametrize("shape", [(), (0,), (5,), (3, 4), (2, 3, 300), (2, 0, 3)])
def test_where_it_holds(shape):
    cond = numbers(*shape) % 3 == 0
    np.testing.assert_array_equal(back(index.where_indices(there(cond))), np.argwhere(cond))


@pytest.mark.parametrize("n", [0, 1, 31, 512, 513, 1500])
def test_prefix_sums_and_the_largest(n):
    x = numbers(n, dtype="int64")
    np.testing.assert_array_equal(back(prefix.prefix_sums(there(x))), np.cumsum(x) - x)
    assert prefix.largest(there(x.astype("int32")), -1) == x.max(initial=-1)
