"""Sorting, searching, counting and grouping on a device: the CPU's results, equal ones in its order."""
import numpy as np
import pytest
from numbaflow.kernels import sort as cpu
from numbaflow.kernels.cuda import backend, sort as gpu, sort_tiles

DTYPES = [np.bool_, np.int8, np.uint8, np.int32, np.uint32, np.int64, np.uint64,
          np.float16, np.float32, np.float64]
LENGTHS = [1, 2, 31, 64, 100, 300]


def there(x):
    return [there(one) for one in x] if isinstance(x, list) else backend.current().from_host(np.asarray(x))


def back(x):
    """NumPy arrays of what a launch gives, all of which lives on a device."""
    if isinstance(x, (list, tuple)):
        return [back(one) for one in x]
    assert backend.current().is_array(x)
    return backend.current().to_host(x)


def compare(name, arrays, *args):
    """The CPU's result and a device's."""
    wanted = getattr(cpu, name)(*[np.asarray(x) if not isinstance(x, list) else x for x in arrays], *args)
    found = back(getattr(gpu, name)(*[there(x) for x in arrays], *args))
    if isinstance(found, list):
        for one, other in zip(found, wanted, strict=True):
            np.testing.assert_array_equal(one, other, strict=True)
    else:
        np.testing.assert_array_equal(found, wanted, strict=True)


def values(dtype, *shape, seed=0):
    """Values of which many repeat, of all magnitudes, and the dtype's extreme ones."""
    rng, size = np.random.default_rng(seed), int(np.prod(shape))
    if np.dtype(dtype).kind == "f":
        x = (rng.normal(size=size) * 10.0 ** rng.integers(-4, 5, size)).astype(dtype)
        special = [np.nan, -np.nan, np.inf, -np.inf, 0.0, -0.0, np.finfo(dtype).smallest_subnormal]
    else:
        x = rng.integers(0, 2**64, size, np.uint64).astype(dtype)
        special = [0, 1] if dtype == np.bool_ else [0, 1, np.iinfo(dtype).min, np.iinfo(dtype).max]
    where = rng.random(size) < 0.3
    x[where] = rng.choice(np.array(special, dtype), where.sum())
    return x.reshape(shape)


# ---- sorting
@pytest.mark.parametrize("n", LENGTHS)
@pytest.mark.parametrize("descending", [False, True])
def test_rows_of_all_lengths(n, descending):
    for x in (values(np.float32, 3, n), values(np.int64, 3, n), np.zeros((3, n), np.int32)):
        compare("argsort", [x], -1, descending)
        compare("sort", [x], -1, descending)
    assert any(n > sort_tiles.TILE for n in LENGTHS)


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_dtype(dtype):
    x = values(dtype, 2, 150)
    for descending in (False, True):
        compare("sort", [x], -1, descending)
        compare("argsort", [x], 1, descending)
    compare("top_k", [x], 4)


def test_any_axis_and_no_elements():
    x = values(np.float32, 3, 5, 4)
    for axis in range(-3, 3):
        compare("sort", [x], axis)
        compare("argsort", [x], axis, True)
    for shape in ((0,), (0, 3), (3, 0)):
        compare("sort", [np.zeros(shape)], 0)
        compare("argsort", [np.zeros(shape)], 0)


def test_a_view_is_sorted_as_a_copy():
    x = values(np.float64, 9, 40)
    found = gpu.argsort(there(x).T[1::2, ::-1])
    np.testing.assert_array_equal(back(found), cpu.argsort(x.T[1::2, ::-1]))


def test_many_rows_share_a_tile():
    for n in (1, 3, 8):
        compare("argsort", [values(np.float32, 150, n)])
        compare("top_k", [values(np.float32, 150, n)], min(2, n))


def test_many_merges():
    compare("argsort", [values(np.int8, 2, 9 * sort_tiles.TILE + 5)])
    compare("top_k", [values(np.int8, 2, 9 * sort_tiles.TILE + 5)], sort_tiles.MOST_KEPT)


@pytest.mark.parametrize("n", LENGTHS)
def test_top_k(n):
    for dtype in (np.float32, np.int64):
        for k in {0, 1, min(n, 3), min(n, 17), min(n, sort_tiles.MOST_KEPT), n}:
            compare("top_k", [values(dtype, 2, n)], k)
    compare("top_k", [np.zeros((0, n), np.float32)], 1)


def test_in_top_k():
    predictions = np.array([[0.1, 0.5, 0.4], [0.3, 0.3, 0.3], [0.1, np.nan, 0.2], [np.inf, 1, 2], [1, 2, 3]])
    for k in (0, 1, 2):
        for targets in ([2, 1, 2, 1, 3], [-1, 0, 0, 0, 1]):
            compare("in_top_k", [predictions, np.array(targets, np.int32)], k)
            compare("in_top_k", [predictions.astype(np.float32), np.array(targets)], k)
    rng = np.random.default_rng(0)
    compare("in_top_k", [rng.normal(size=(30, 70)), rng.integers(0, 70, 30)], 30)


# ---- searching
@pytest.mark.parametrize("dtype", [d for d in DTYPES if d is not np.float16])
def test_searchsorted(dtype):
    rows = np.sort(values(dtype, 3, 40), -1)
    for side, out in (("left", np.int32), ("right", np.int64)):
        compare("searchsorted", [rows, values(dtype, 3, 50, seed=1)], side, out)
        compare("searchsorted", [rows, rows], side, out)
    compare("searchsorted", [rows[:, :0], rows])
    compare("searchsorted", [rows, rows[:, :0]])


# ---- counting and grouping
@pytest.mark.parametrize("dtype", DTYPES)
def test_unique(dtype):
    for size in (0, 1, 5, 300):
        compare("unique_with_counts", [values(dtype, size)])
    compare("unique", [values(dtype, 40)], np.int64)


def test_all_values_are_distinct_or_the_same():
    for x in (np.random.default_rng(0).permutation(500), np.ones(500), np.full(500, np.nan)):
        compare("unique_with_counts", [x])


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int32, np.int64, np.uint64])
def test_bincount(dtype):
    x = np.random.default_rng(0).integers(0, 50, (30, 20)).astype(dtype)
    weights = np.random.default_rng(1).normal(size=x.shape)
    for minlength, maxlength in ((0, None), (60, None), (0, 7)):
        compare("bincount", [x], None, minlength, maxlength)
        for kind in (np.float32, np.float64):
            compare("bincount", [x, weights.astype(kind)], minlength, maxlength)
    compare("bincount", [x[:0]], None, 2, None, np.float32)
    compare("bincount", [x[:0]])


def test_bincount_of_many_bins():
    compare("bincount", [np.random.default_rng(0).integers(0, 5000, 300)])


@pytest.mark.parametrize("dtype", [np.int32, np.int64, np.uint8])
def test_invert_permutation(dtype):
    compare("invert_permutation", [np.random.default_rng(0).permutation(100).astype(dtype)])
    compare("invert_permutation", [np.zeros(0, dtype)])


def test_what_is_no_permutation_is_not_refused():
    found = back(gpu.invert_permutation(there(np.array([2, 5, 2, -1]))))
    assert found[2] in (0, 2)
    assert found[[0, 1, 3]].tolist() == [-1, -1, -1]


@pytest.mark.parametrize(("shape", "rank"), [((90, 2), 1), ((3, 4, 2), 2), ((3, 4), 2), ((0, 2), 1),
                                             ((5, 0), 1), ((), 0)])
@pytest.mark.parametrize("dtype", [np.bool_, np.float32, np.complex128])
def test_partition_and_stitch(shape, rank, dtype):
    rng = np.random.default_rng(0)
    data = np.asarray(rng.normal(size=shape)).astype(dtype)
    partitions = np.asarray(rng.integers(0, 3, shape[:rank]))
    compare("dynamic_partition", [data, partitions], 4)
    numbers = np.arange(partitions.size).reshape(partitions.shape)
    places, parts = [cpu.dynamic_partition(x, partitions, 4) for x in (numbers, data)]
    compare("dynamic_stitch", [places, parts])


def test_stitch_takes_the_last_of_equal_places():
    compare("dynamic_stitch", [[np.array([4, 1], np.int32), np.array(1), np.array([[0, 4]])],
                               [np.array([1, 2], "f"), np.array(3, "f"), np.array([[4, 5]], "f")]])
    compare("dynamic_stitch", [[np.arange(200) % 7], [np.arange(400.0).reshape(200, 2)]])


# ---- what is refused
@pytest.mark.parametrize(("name", "args", "error", "message"), [
    ("sort", [np.ones(3, np.complex64)], TypeError, "no order"),
    ("argsort", [np.ones(3, np.complex64)], TypeError, "no order"),
    ("sort", [np.array(1.0)], ValueError, "axis"),
    ("top_k", [np.ones((2, 5)), 6], ValueError, "k must be between"),
    ("searchsorted", [np.ones(3), np.ones(3, np.float32)], TypeError, "float32"),
    ("unique", [np.ones((2, 2))], ValueError, "vector"),
    ("bincount", [np.array([1, -2, 3])], ValueError, "bincount takes no negative values, got -2"),
    ("dynamic_partition", [np.ones((3, 2)), np.array([0, 2, -1]), 2], IndexError,
     r"2 of 3 partitions are not in \[0, 2\)"),
    ("dynamic_stitch", [[np.array([0, -1])], [np.ones((2, 2))]], IndexError, "negative values, got -1")])
def test_refused(name, args, error, message):
    given = [there(x) if isinstance(x, (list, np.ndarray)) else x for x in args]
    with pytest.raises(error, match=message):
        getattr(gpu, name)(*given)
