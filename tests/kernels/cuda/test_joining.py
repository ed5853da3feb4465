"""Copies, conversions and joins on the simulated device give what NumPy gives on the CPU."""
import numpy as np
import pytest
from numbaflow.kernels import joining as on_cpu, parts as parts_on_cpu
from numbaflow.kernels.cuda import arrays, backend, joining, parts

DTYPES = ["bool", "int8", "uint16", "float32", "float64", "complex64", "complex128"]


def there(x):
    return backend.current().from_host(x)


def back(x):
    return backend.current().to_host(x)


def numbers(*shape, dtype="float32"):
    return (np.arange(np.prod(shape, dtype=int)).reshape(shape) * 3 % 101).astype(dtype)


@pytest.mark.parametrize("dtype", DTYPES)
def test_copies_of_strided_views(dtype):
    x = numbers(4, 3, 2, dtype=dtype)
    for view in (lambda a: a, lambda a: a.T, lambda a: a[::-1, 1:, ::-1], lambda a: a[1:3].transpose(1, 0, 2),
                 lambda a: a[2, 1, 1:1], lambda a: a[None, :, None, ::2]):
        found = arrays.copy(view(there(x)))
        assert found.flags.c_contiguous
        np.testing.assert_array_equal(back(found), view(x))


def test_copies_of_any_number_of_dimensions():
    x = numbers(2, 3, 2, 3, 2, 2)
    order = (4, 0, 5, 3, 1, 2)
    np.testing.assert_array_equal(back(arrays.copy(there(x).transpose(order))), x.transpose(order))


@pytest.mark.parametrize("dtype", ["int8", "float32", "complex128"])
@pytest.mark.parametrize(("shape", "order"), [((33, 70), (1, 0)), ((2, 17, 40), (0, 2, 1)),
                                              ((40, 3, 35), (2, 1, 0)), ((2, 5, 7, 20), (0, 3, 1, 2))])
def test_turned_matrices(shape, order, dtype):
    x = numbers(*shape, dtype=dtype)
    np.testing.assert_array_equal(back(arrays.copy(there(x).transpose(order))), x.transpose(order))


def test_a_transposed_array_in_another_shape():
    x = numbers(4, 6)
    np.testing.assert_array_equal(back(parts.reshape(there(x).T, (3, -1))), x.T.reshape(3, -1))


def test_a_value_is_broadcast_to_a_part():
    x = numbers(4, 3)
    for key, value in [((slice(None, None, 2),), numbers(1, 1, 3)), ((slice(None), 1), numbers(4)),
                       ((1, 2), numbers()), ((slice(2, 0, -1),), numbers(2, 1))]:
        found = parts.with_part(there(x), there(value), key)
        np.testing.assert_array_equal(back(found), parts_on_cpu.with_part(x, value, key))


@pytest.mark.parametrize("count", [2, 8, 9, 20])
def test_sums_of_many_arrays(count):
    given = [numbers(3, 2) + k for k in range(count)]
    np.testing.assert_array_equal(back(parts.add_all(None, [there(x) for x in given])), sum(given))


def test_pieces_that_meet_add_up():
    pieces, keys = [numbers(3), numbers(2, 1), numbers(2)], [1, slice(0, 2), (slice(None), 2)]
    found = parts.add_pieces([there(p) for p in pieces], keys, (2, 3))
    np.testing.assert_array_equal(back(found), parts_on_cpu.add_pieces(pieces, keys, (2, 3)))


@pytest.mark.parametrize("given", DTYPES)
@pytest.mark.parametrize("wanted", DTYPES)
def test_conversions(given, wanted):
    x = numbers(3, 2, dtype=given)
    expected = parts_on_cpu.cast(x, np.dtype(wanted))
    np.testing.assert_array_equal(back(parts.cast(there(x), np.dtype(wanted))), expected)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_joins(axis):
    x, y = numbers(2, 3), numbers(2, 3) + 50
    shape = np.stack([x, y], axis).shape
    found = joining.stack([there(x), there(y)], axis, shape)
    np.testing.assert_array_equal(back(found), np.stack([x, y], axis))
    if axis < 2:
        given = [x, y[:, :3] if axis else y[:1], x]
        np.testing.assert_array_equal(back(joining.concat([there(v) for v in given], axis)),
                                      np.concatenate(given, axis))


def test_joins_of_unlike_shapes_are_refused():
    with pytest.raises(ValueError, match="along axis 0"):
        joining.concat([there(numbers(2, 3)), there(numbers(2, 2))], 0)


def test_tiles_pads_mirrors_and_rolls():
    x = numbers(3, 4)
    np.testing.assert_array_equal(back(joining.tile(there(x), (2, 3))), on_cpu.tile(x, (2, 3)))
    np.testing.assert_array_equal(back(joining.pad(there(x), [(1, 0), (2, 3)], 2.5)),
                                  on_cpu.pad(x, [(1, 0), (2, 3)], 2.5))
    np.testing.assert_array_equal(back(joining.roll(there(x), 3, 1)), on_cpu.roll(x, 3, 1))
    for edge in (0, 1):
        np.testing.assert_array_equal(back(joining.mirror(there(x), 1, 3, 2, edge)),
                                      on_cpu.mirror(x, 1, 3, 2, edge))
