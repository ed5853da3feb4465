"""Diagonals, triangles, cross products and sequences on the simulated device give what the CPU gives."""
import numpy as np
import pytest
from numbaflow.kernels import linalg as on_cpu, sequences as sequences_on_cpu
from numbaflow.kernels.cuda import backend, linalg, sequences

DTYPES = ["int8", "float32", "float64", "complex64", "complex128"]


def there(x):
    return backend.current().from_host(np.asarray(x))


def back(x):
    return backend.current().to_host(x)


def numbers(*shape, dtype="float32"):
    return (np.arange(np.prod(shape, dtype=int)).reshape(shape) * 3 % 11 - 2).astype(dtype)


def agree(name, *operands):
    given = [there(x) if isinstance(x, np.ndarray) else x for x in operands]
    found, expected = back(getattr(linalg, name)(*given)), getattr(on_cpu, name)(*operands)
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(3, 3), (2, 3, 5), (4, 2), (2, 0, 3), (2, 40, 70)])
def test_diagonals(shape, dtype):
    x, diagonal = numbers(*shape, dtype=dtype), numbers(*shape[:-2], min(shape[-2:]), dtype=dtype)
    agree("matrix_diag", diagonal)
    agree("matrix_diag_part", x)
    agree("matrix_set_diag", x, diagonal)
    agree("trace", x)


def test_diagonals_of_views():
    x = numbers(4, 6)
    found = linalg.matrix_diag_part(there(x).T[::-1, 1:])
    np.testing.assert_array_equal(back(found), np.diagonal(x.T[::-1, 1:]))
    np.testing.assert_array_equal(back(linalg.trace(there(x)[:, ::2])), np.trace(x[:, ::2]))


@pytest.mark.parametrize("dtype", DTYPES)
def test_twice_the_rank(dtype):
    agree("diag", numbers(2, 3, dtype=dtype))
    agree("diag_part", numbers(2, 3, 2, 3, dtype=dtype))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("band", [(-1, 0), (0, -1), (1, 2), (-1, -1), (0, 0)])
def test_bands(band, dtype):
    agree("matrix_band_part", numbers(2, 4, 5, dtype=dtype), *band)


@pytest.mark.parametrize("dtype", DTYPES[1:])
def test_cross_products(dtype):
    agree("cross", numbers(2, 3, 3, dtype=dtype), numbers(2, 3, 3, dtype=dtype)[::-1] + 1)


@pytest.mark.parametrize(("along", "batch"), [(1, 0), (0, 1), (2, 0), (1, 2)])
def test_sequences_turned(along, batch):
    x = numbers(3, 4, 5)
    lengths = np.arange(x.shape[batch]) % (x.shape[along] + 1)
    found = sequences.reverse(there(x), there(lengths), along, batch)
    np.testing.assert_array_equal(back(found), sequences_on_cpu.reverse(x, lengths, along, batch))


def test_lengths_out_of_range_are_those_at_the_ends():
    x = numbers(3, 4)
    found = sequences.reverse(there(x), there([9, -2, 1]), 1, 0)
    np.testing.assert_array_equal(back(found), [x[0, ::-1], x[1], x[2]])


@pytest.mark.parametrize("dtype", ["int32", "int64", "uint8"])
def test_masks(dtype):
    lengths = np.array([[0, 5], [2, 1]], dtype)
    assert sequences.longest(there(lengths)) == 5
    np.testing.assert_array_equal(back(sequences.mask(there(lengths), 4)), sequences_on_cpu.mask(lengths, 4))
