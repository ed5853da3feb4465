"""Scatters on the simulated device give what the CPU gives, by atomics and in order."""
import numpy as np
import pytest
from numbaflow.kernels import scatter as on_cpu
from numbaflow.kernels.cuda import backend, jit, scatter

EVERY = ["scatter_update", "scatter_add", "scatter_sub", "scatter_mul", "scatter_min", "scatter_max"]


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


def numbers(*shape, dtype="float32"):
    return (np.arange(np.prod(shape, dtype=int)).reshape(shape) * 3 % 11 - 2).astype(dtype)


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("dtype", ["int8", "uint32", "int64", "float32", "float64"])
def test_rows_that_meet(name, dtype, order):
    ref, rows = numbers(4, 3, dtype=dtype), numbers(2, 2, 3, dtype=dtype)
    at = np.array([[2, 0], [2, 2]], "int32")
    found = getattr(scatter, name)(there(ref), there(at), there(rows))
    np.testing.assert_array_equal(back(found), getattr(on_cpu, name)(ref, at, rows))


@pytest.mark.parametrize("dtype", ["complex64", "complex128"])
@pytest.mark.parametrize("name", EVERY[:4])
def test_complex_rows(name, dtype, order):
    ref, at = numbers(3, 2, dtype=dtype) + 1j, np.array([1, 2, 1])
    rows = numbers(3, 2, dtype=dtype) * (1 - 2j)
    found = getattr(scatter, name)(there(ref), there(at), there(rows.astype(dtype)))
    np.testing.assert_array_equal(back(found), getattr(on_cpu, name)(ref, at, rows.astype(dtype)))


@pytest.mark.parametrize(("shape", "picked", "axis", "batch"), [
    ((5,), (7,), 0, 0), ((2, 4, 3), (6,), 1, 0), ((2, 3, 4), (2, 5), 1, 1), ((2, 3, 4, 5), (2, 6), 2, 1),
    ((3, 2), (0,), 0, 0)])
def test_the_gradient_of_gather(shape, picked, axis, batch, order):
    at = numbers(*picked, dtype="int64") % shape[axis]
    rows = numbers(*shape[:axis], *picked[batch:], *shape[axis + 1:])
    found = scatter.scatter_add_rows(there(numbers(*shape)), there(at), there(rows), axis, batch)
    expected = on_cpu.scatter_add_rows(numbers(*shape), at, rows, axis, batch)
    np.testing.assert_array_equal(back(found), expected)


@pytest.mark.parametrize("name", ["scatter_nd_update", "scatter_nd_add", "scatter_nd_sub"])
def test_coordinates(name, order):
    ref, at = numbers(3, 2, 2), np.array([[0, 1], [2, 0], [0, 1]])
    for rows in (numbers(3, 2), np.float32(5)):
        found = getattr(scatter, name)(there(ref), there(at), there(rows))
        np.testing.assert_array_equal(back(found), getattr(on_cpu, name)(ref.copy(), at, np.asarray(rows)))


def test_strided_places_and_a_part_of_themselves(order):
    ref, at = numbers(4, 3), np.array([0, 2])
    on_device = there(ref.T.copy()).T
    assert scatter.scatter_add(on_device, there(at), there(numbers(2, 3))) is on_device
    np.testing.assert_array_equal(back(on_device), on_cpu.scatter_add(ref, at, numbers(2, 3)))
    scatter.scatter_update(on_device, there(at), on_device[1:3])
    np.testing.assert_array_equal(back(on_device), on_cpu.scatter_update(ref, at, ref[1:3]))


@pytest.mark.parametrize("name", EVERY)
def test_rows_of_indices_out_of_range_are_left_out(name, order):
    ref, rows = numbers(3, 2), numbers(4, 2)
    found = getattr(scatter, name)(there(ref), there([3, 1, -1, 7]), there(rows))
    np.testing.assert_array_equal(back(found), getattr(on_cpu, name)(ref, np.array([1]), rows[1:2]))


@pytest.mark.parametrize("dtype", ["int16", "float32", "complex64"])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_an_index_for_each_element(axis, dtype, order):
    shape = [2, 3, 4]
    shape[axis] = 5
    at, out, values = numbers(*shape, dtype="int64") % [2, 3, 4][axis], numbers(2, 3, 4), numbers(*shape)
    out, values = out.astype(dtype), values.astype(dtype)
    found = scatter.put_along_axis_add(there(out), there(at), there(values), axis)
    np.testing.assert_array_equal(back(found), on_cpu.put_along_axis_add(out, at, values, axis))


def test_sums_in_order_round_as_the_cpu_does():
    ref, at = np.zeros(2, "float32"), np.tile([1, 0], 300)
    rows = (numbers(600) * 0.1 + 1e4 * (np.arange(600) % 7 == 0)).astype("float32")
    jit.set_deterministic(True)
    try:
        found = scatter.scatter_add(there(ref), there(at), there(rows))
    finally:
        jit.set_deterministic(False)
    np.testing.assert_array_equal(back(found), on_cpu.scatter_add(ref, at, rows))
